"""What happens to each resource, and the worst that follows from it: its class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

from fraud_cfn.review import facts
from fraud_cfn.review.changes import CLASSES, Certainty, Change, Detail
from fraud_cfn.review.diff import at, differences
from fraud_cfn.review.identity import Identities
from fraud_cfn.review.judge import Judgement, View, shown, stronger
from fraud_cfn.review.model import Node
from fraud_cfn.review.pair import deciding
from fraud_cfn.review.resolve import Side, Value, scalar
from fraud_cfn.review.schemas import schema
from fraud_cfn.review.traps import (
    still_referred,
    subnets_of_another_vpc,
    target_groups_that_stay,
)
from fraud_cfn.review.unresolved import circles, undefined, unresolved

# Attributes of a resource beside its properties: a change there touches nothing that runs.
_NONE = {"Ref": "AWS::NoValue"}
_ATTRIBUTES = ("Metadata", "DeletionPolicy", "UpdateReplacePolicy", "CreationPolicy", "UpdatePolicy")


def changes(judgement: Judgement) -> list[Change]:
    """Every resource that changes, once, in the templates' order."""
    outcome = _Outcome(judgement)
    return [change for name in judgement.pair.logical_ids if (change := outcome.change(name))]


class _Outcome:
    def __init__(self, judgement: Judgement) -> None:
        self.judgement = judgement
        self.pair = judgement.pair
        self.views = judgement.views
        self.identities = Identities(judgement)
        self.circles = circles(judgement)

    def change(self, logical_id: str) -> Change | None:
        """What happens to a resource; None where nothing does."""
        if not self.judgement.has_same_type(logical_id):
            return self._change_of_type(logical_id)
        actions = {view.action for view in self.views[logical_id]} - {None}
        candidates = []
        if "remove" in actions:
            candidates.append(self._removal(logical_id))
        if "modify" in actions or (
            not actions and (self._attributes(logical_id) or self._unresolved(logical_id, names_only=True))
        ):
            candidates.append(self._modification(logical_id))
        if "add" in actions:
            candidates.append(self._addition(logical_id))
        looked_at = self.pair.looked_at(logical_id)
        if not candidates and looked_at.sampled:
            candidates.append(self._made(logical_id, "modify", "maybe", "replacement"))
        if not candidates:
            return None
        worst = max(candidates, key=lambda change: CLASSES.index(change.class_))
        is_modified = worst.action == "modify"
        states = [(view, view.action == worst.action) for view in self.views[logical_id]]
        doubts = [str(looked_at)] if looked_at.sampled else []
        if not is_modified and not all(is_so for _, is_so in states):
            doubts.insert(0, f"depends on {_turns_on(states)}")
        if not doubts or undefined(self.pair, *self._declared(logical_id)):
            return worst  # a name that nothing defines is refused whatever the values are
        # Whether it comes or goes at all is in doubt then, and never silently `no`.
        replacement = worst.replacement if is_modified else "maybe"
        reasons = (*(f"may: {doubt}" for doubt in doubts), *worst.reasons)
        return replace(worst, replacement=replacement, reasons=reasons)

    def _unresolved(self, logical_id: str, names_only: bool = False) -> list[str]:
        """Why CloudFormation refuses the template for that resource."""
        find = undefined if names_only else unresolved
        return [*find(self.pair, *self._declared(logical_id)), *self.circles.get(logical_id, ())]

    def _declared(self, logical_id: str) -> tuple[Node, Node]:
        old, new = self.pair.before.template, self.pair.after.template
        return old.resources.get(logical_id), new.resources.get(logical_id)

    def _made(
        self,
        logical_id: str,
        action: Literal["add", "remove", "modify"],
        replacement: Certainty,
        class_: str,
        reasons: Iterable[str] = (),
        details: Iterable[Detail] = (),
    ) -> Change:
        type_name = self.pair.type_of(logical_id)
        return Change(logical_id, type_name, action, replacement, class_, tuple(reasons), tuple(details))

    def _change_of_type(self, logical_id: str) -> Change:
        before, after = (side.template.type_of(logical_id) for side in (self.pair.before, self.pair.after))
        reason = "CloudFormation refuses another type under the same logical id"
        detail = Detail("Type", before, after, "no", reason)
        return self._made(logical_id, "modify", "no", "will-fail", [reason], [detail])

    def _addition(self, logical_id: str) -> Change:
        reasons = self._unresolved(logical_id)
        if other := self.identities.taken_by(logical_id):
            reasons.append(f"{other} has the same name or identity, and the new one is made first")
        return self._made(logical_id, "add", "no", "will-fail" if reasons else "harmless", reasons)

    def _removal(self, logical_id: str) -> Change:
        if referrer := still_referred(self.judgement, logical_id):
            reasons = [f"{referrer} still refers to it"]
            return self._made(logical_id, "remove", "no", "will-fail", reasons)
        policy = self._policy(self.pair.before, logical_id, "DeletionPolicy")
        type_name = self.pair.type_of(logical_id)
        if policy in facts.RETAINS:
            reasons = [f"orphaned: DeletionPolicy {policy} keeps it, outside of the stack"]
            return self._made(logical_id, "remove", "no", "harmless", reasons)
        if self._is_stateful(logical_id):
            saved = {"Snapshot": facts.SAVED_BY_SNAPSHOT, "": facts.SAVED_BY_DEFAULT}.get(scalar(policy), ())
            reasons = ["a snapshot stays" if type_name in saved else "its data goes with it"]
            return self._made(logical_id, "remove", "no", "data-loss", reasons)
        if type_name in facts.NESTED:
            return self._made(
                logical_id, "remove", "no", "data-loss", ["may: everything within goes with it"]
            )
        if type_name in facts.CARRIERS:
            return self._made(logical_id, "remove", "no", "interruption")
        if schema(type_name) is None:
            return self._made(logical_id, "remove", "no", "replacement", ["no schema tells what it holds"])
        return self._made(logical_id, "remove", "no", "harmless")

    def _policy(self, side: Side, logical_id: str, name: str) -> Value:
        """The policy that it has; of several that it may have, one that keeps least."""
        node = side.template.resources[logical_id].get(name)
        worlds = [world for world in self.pair.worlds(logical_id) if side.exists(logical_id, world)]
        policies = [side.resolve(node, world) for world in worlds]
        return min(policies, key=lambda policy: (policy in facts.RETAINS, policy == "Snapshot"))

    def _is_stateful(self, logical_id: str) -> bool:
        type_name = self.pair.type_of(logical_id)
        if type_name not in facts.STATEFUL:
            return False
        cluster = facts.CLUSTERED_BY.get(type_name)
        there = [view.before for view in self.views[logical_id] if view.before is not None]
        return not all(cluster in properties for properties in there)

    def _modification(self, logical_id: str) -> Change:
        details = [*self._details(logical_id), *self._attributes(logical_id)]
        replacement = self.judgement.replacement(logical_id)
        found = [leaf for view in self.views[logical_id] for leaf in view.leaves.values()]
        failing = list(
            dict.fromkeys(
                leaf.effect.why if leaf.difference.certain else f"may: {leaf.effect.why}"
                for leaf in found
                if leaf.effect.fails
            )
        )
        failing += self._unresolved(logical_id) + self._traps(logical_id, replacement)
        reasons: list[str] = []
        if failing:
            class_, reasons = "will-fail", failing
        elif replacement != "no":
            class_, reasons = self._class_of_replacement(logical_id)
        else:
            interrupting = [leaf for leaf in found if leaf.effect.interrupts]
            class_ = "interruption" if interrupting else "harmless"
            if interrupting:
                reasons = self._in_doubt(logical_id)
            if not found:
                reasons = ["takes effect only together with another change"]
        if replacement == "maybe" and not failing:
            reasons = [f"may: {reason}" for reason in reasons]
        return self._made(logical_id, "modify", replacement, class_, reasons, details)

    def _in_doubt(self, logical_id: str) -> list[str]:
        """Why it may not be interrupted, where that is not certain."""
        states = [
            (view, [leaf for leaf in view.leaves.values() if leaf.effect.interrupts])
            for view in self.views[logical_id]
        ]
        if not all(leaves for _, leaves in states):
            return [f"may: depends on {_turns_on([(view, bool(leaves)) for view, leaves in states])}"]
        unsure = [leaves for _, leaves in states if not any(leaf.difference.certain for leaf in leaves)]
        return [f"may: {unsure[0][0].why}"] if unsure else []

    def _class_of_replacement(self, logical_id: str) -> tuple[str, list[str]]:
        if self.pair.type_of(logical_id) == facts.TASK_DEFINITION:
            return "harmless", ["a new revision"]
        if self.pair.type_of(logical_id) in facts.NESTED:
            return "replacement", ["what is within is not seen here: review its template too"]
        if self._is_stateful(logical_id):
            policy = self._policy(self.pair.after, logical_id, "UpdateReplacePolicy")
            if policy in facts.RETAINS:
                return "replacement", [f"orphaned: UpdateReplacePolicy {policy} keeps the old one"]
            is_saved = policy == "Snapshot" and self.pair.type_of(logical_id) in facts.SAVED_BY_SNAPSHOT
            return "data-loss", ["a snapshot stays" if is_saved else "the new one starts empty"]
        return "replacement", []

    def _traps(self, logical_id: str, replacement: Certainty) -> list[str]:
        """Why the update of that resource fails."""
        reasons: list[str] = []
        known = self.judgement.schema(logical_id)
        if replacement != "no" and not (known and known.deletes_first):
            if self.judgement.keeps_name(logical_id):
                reasons.append("CloudFormation refuses to replace it under the custom name that it keeps")
            elif self.identities.is_kept(logical_id):
                reasons.append("the new one is made first, and needs what the old one still has")
            if self.pair.type_of(logical_id) == "AWS::ElasticLoadBalancingV2::LoadBalancer":
                reasons += target_groups_that_stay(self.judgement, logical_id)
            if replacement == "maybe":
                reasons = [f"may: {reason}" for reason in reasons]
        if self.pair.type_of(logical_id) in facts.SUBNET_GROUPS and replacement != "yes":
            reasons += subnets_of_another_vpc(self.judgement, logical_id)
        if other := self.identities.taken_by(logical_id):
            reasons.append(f"{other} has the same name or identity")
        return reasons

    def _details(self, logical_id: str) -> Iterator[Detail]:
        views = self.views[logical_id]
        for path in dict.fromkeys(path for view in views for path in view.leaves):
            found = [view.leaves[path] for view in views if path in view.leaves]
            statuses = [leaf.replacement for leaf in found]
            status = stronger(*statuses)
            is_sampled = self.pair.looked_at(logical_id).sampled
            if status == "yes" and (len(found) < len(views) or set(statuses) != {"yes"} or is_sampled):
                status = "maybe"
            why = found[0].why
            if len(found) < len(views):
                depends = f"depends on {_turns_on([(view, path in view.leaves) for view in views])}"
                why = why if depends in why else ", ".join(filter(None, (why, depends)))
            first = found[0].difference
            yield Detail(f"Properties.{path}", shown(first.before), shown(first.after), status, why)

    def _attributes(self, logical_id: str) -> list[Detail]:
        before, after = self._declared(logical_id)
        if before is None or after is None:
            return []
        found: dict[str, Detail] = {}
        for name in _ATTRIBUTES:
            why = "takes effect only together with another change" if name.endswith("Policy") else ""
            for world in self.pair.worlds(logical_id):
                old, new = (
                    at(side.resolve({name: declaration.get(name, _NONE)}, world), (name,))
                    for side, declaration in ((self.pair.before, before), (self.pair.after, after))
                )
                for difference in differences(old, new, None, self.judgement.names):
                    path = f"{name}.{difference.path}" if difference.path else name
                    detail = Detail(path, shown(difference.before), shown(difference.after), "no", why)
                    found.setdefault(path, detail)
        return list(found.values())


def _turns_on(states: list[tuple[View, bool]]) -> str:
    """The open values that decide whether something is so in a world."""
    having = {number for number, (_, is_so) in enumerate(states) if is_so}
    return ", ".join(deciding([view.world for view, _ in states], having, sampled=False))
