"""Judges what an update does to each resource: replaced or not, and the worst that follows.

First what differs, world by world; then what a replaced resource drags along, to a fixpoint; then the
class of each change. Nothing here reads a file or prints.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from fraud_cfn.review import facts
from fraud_cfn.review.changes import CLASSES, Certainty, Change, Detail
from fraud_cfn.review.diff import ABSENT, Difference, Names, canonical, differences, leaves
from fraud_cfn.review.effects import Effect, effect_at, has_transform, meets
from fraud_cfn.review.mentions import depends_on, mentioned
from fraud_cfn.review.pair import Pair
from fraud_cfn.review.resolve import (
    Call,
    Reference,
    Side,
    Text,
    Value,
    World,
    plain,
    references,
    scalar,
    written,
)
from fraud_cfn.review.schemas import Path_, Schema, schema

# Attributes of a resource beside its properties: a change there touches nothing that runs.
_ATTRIBUTES = ("Metadata", "DeletionPolicy", "UpdateReplacePolicy", "CreationPolicy", "UpdatePolicy")


def _stronger(*statuses: str) -> Certainty:
    if "yes" in statuses:
        return "yes"
    return "maybe" if "maybe" in statuses else "no"


def _at(value: Value, path: Path_) -> Value:
    """The value at a path of property names; ABSENT where there is none."""
    for step in path:
        if not isinstance(value, dict) or step not in value:
            return ABSENT
        value = value[step]
    return value


@dataclass(frozen=True)
class _Leaf:
    difference: Difference
    effect: Effect
    why: str

    @property
    def replacement(self) -> Certainty:
        if self.effect.replaces == "yes" and not self.difference.certain:
            return "maybe"
        return self.effect.replaces


@dataclass
class _View:
    """One resource in one world: both sides, what differs by itself, and what its leaves refer to."""

    world: World
    before: dict[str, Value] | None
    after: dict[str, Value] | None
    leaves: dict[str, _Leaf] = field(default_factory=dict)
    referring: list[tuple[str, tuple[str, ...], Value, tuple[Reference, ...]]] = field(default_factory=list)

    @property
    def replacement(self) -> Certainty:
        return _stronger(*(leaf.replacement for leaf in self.leaves.values()))

    @property
    def action(self) -> Literal["add", "remove", "modify"] | None:
        if self.before is None or self.after is None:
            return None if self.before is self.after else "add" if self.before is None else "remove"
        return "modify" if self.leaves else None


class Judgement:
    """One change, judged: what differs in each world, and what a replaced resource drags along."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        before, after = pair.before.template, pair.after.template
        self.names = Names(
            open=frozenset({*before.parameters, *after.parameters}),
            one_sided=frozenset({*before.resources} ^ {*after.resources}),
        )
        self.any_macro = any(
            name not in facts.PLAIN_TRANSFORMS for name in (*before.transforms, *after.transforms)
        )
        self.views = {name: self._views(name) for name in pair.logical_ids}
        self._drag()

    def schema(self, logical_id: str) -> Schema | None:
        return schema(self.pair.type_of(logical_id))

    # ── What differs by itself ──

    def _views(self, logical_id: str) -> list[_View]:
        before, after = self.pair.before, self.pair.after
        views = []
        for world in self.pair.worlds(logical_id):
            view = _View(world, before.properties(logical_id, world), after.properties(logical_id, world))
            if view.before is not None and view.after is not None:
                self._compare(logical_id, view)
            views.append(view)
        return views

    def _compare(self, logical_id: str, view: _View) -> None:
        known = self.schema(logical_id)
        if not self._has_same_type(logical_id):
            return
        for difference in differences(view.before, view.after, known, self.names):
            if canonical(self._by_ref(difference.before)) == canonical(self._by_ref(difference.after)):
                continue  # the same value, by another function
            effect = self._effect(logical_id, difference)
            view.leaves[difference.path] = _Leaf(difference, effect, self._why(effect, difference))
        for path, steps, value in leaves(view.after, known):
            if isinstance(value, Text | Call) and (names := tuple(references(value))):
                view.referring.append((path, steps, value, names))

    def _by_ref(self, value: Value) -> Value:
        """A value with `Ref` where an attribute gives the same: the type's identifier."""
        if isinstance(value, dict):
            return {key: self._by_ref(child) for key, child in value.items()}
        if isinstance(value, list):
            return [self._by_ref(child) for child in value]
        if not isinstance(value, Text):
            return scalar(value) if value is ABSENT else value
        parts = (
            Reference(part.name) if isinstance(part, Reference) and self._is_ref(part) else part
            for part in value.parts
        )
        return Text(tuple(parts))

    def _is_ref(self, reference: Reference) -> bool:
        type_name = self.pair.type_of(reference.name)
        if type_name == "AWS::EC2::SecurityGroup" and reference.attribute == "GroupId":
            return True
        known = schema(type_name) if type_name else None
        return known is not None and known.identifier == ((reference.attribute,),)

    def _has_same_type(self, logical_id: str) -> bool:
        types = {side.template.type_of(logical_id) for side in (self.pair.before, self.pair.after)}
        return len(types - {""}) == 1

    def _why(self, effect: Effect, difference: Difference) -> str:
        if difference.certain:
            return effect.why
        sides = [side for side in (difference.before, difference.after) if side is not ABSENT]
        open_names = dict.fromkeys(
            reference.name for reference in references(sides) if self.names.is_open(reference)
        )
        depends = f"depends on {', '.join(open_names)}" if open_names else "may be the same value"
        return f"{effect.why}, {depends}" if effect.why else depends

    def _effect(self, logical_id: str, difference: Difference) -> Effect:
        """The strongest of what its leaves do."""
        effects = [
            effect_at(self.pair.type_of(logical_id), steps, self.any_macro) for steps in difference.leaves()
        ]
        strongest = max(effects, key=lambda effect: ("no", "maybe", "yes").index(effect.replaces))
        fails = next((effect for effect in effects if effect.fails), None)
        made = fails or strongest
        sides = [difference.before, difference.after]
        if made.replaces == "no" and any(has_transform(side) for side in sides):
            made = Effect("maybe", "what a transform makes of it is not known")
        return replace(
            made,
            replaces=_stronger(made.replaces, strongest.replaces),
            interrupts=any(effect.interrupts for effect in effects) or self._stops(logical_id, difference),
        )

    def _stops(self, logical_id: str, difference: Difference) -> bool:
        """Whether no task of a service is left."""
        is_service = self.pair.type_of(logical_id) == "AWS::ECS::Service"
        return is_service and difference.path == "DesiredCount" and scalar(difference.after) == "0"

    # ── What a replaced resource drags along ──

    def replacement(self, logical_id: str, world: World | None = None) -> Certainty:
        """Whether it is replaced: `yes` where it is in every world (that agrees with the one given)."""
        statuses = [view.replacement for view in self.views[logical_id] if _agree(view.world, world)]
        if statuses and all(status == "yes" for status in statuses):
            return "maybe" if self.pair.looked_at(logical_id).sampled else "yes"
        return "maybe" if any(status != "no" for status in statuses) else "no"

    def _drag(self) -> None:
        referrers: dict[str, set[str]] = {}
        for logical_id, views in self.views.items():
            for view in views:
                for *_, names in view.referring:
                    for reference in names:
                        referrers.setdefault(reference.name, set()).add(logical_id)
        waiting = [name for name in self.pair.logical_ids if self._moves(name)]
        while waiting:
            moved = waiting.pop()
            for logical_id in sorted(referrers.get(moved, ())):
                before = self._state(logical_id)
                self._taint(logical_id, moved)
                if self._state(logical_id) != before:
                    waiting.append(logical_id)

    def _state(self, logical_id: str) -> tuple[object, ...]:
        """What of a resource matters to those that refer to it."""
        leaves = sum(len(view.leaves) for view in self.views[logical_id])
        return self.replacement(logical_id), leaves, self.keeps_name(logical_id)

    def _moves(self, logical_id: str) -> bool:
        return any(view.leaves for view in self.views[logical_id])

    def _taint(self, logical_id: str, moved: str) -> None:
        for view in self.views[logical_id]:
            for path, steps, value, names in view.referring:
                status = _stronger(
                    *(
                        self.attribute_moves(moved, ref.attribute or "", view.world)
                        for ref in names
                        if ref.name == moved
                    )
                )
                if status == "no":
                    continue
                known = view.leaves.get(path)
                if known and (known.difference.certain or status == "maybe"):
                    continue
                difference = Difference(path, steps, value, value, status == "yes")
                effect = self._effect(logical_id, difference)
                kind = "is" if self.replacement(moved) == "yes" else "may be"
                what = "replaced" if self.replacement(moved) != "no" else "changed"
                because = f"{moved} {kind if what == 'replaced' else 'is'} {what}"
                why = f"{effect.why}, {because}" if effect.why else because
                view.leaves[path] = _Leaf(difference, effect, why)

    def attribute_moves(self, logical_id: str, attribute: str, world: World) -> Certainty:
        """Whether that attribute (none: what Ref gives) has another value afterwards, in that world."""
        if self.pair.type_of(logical_id) in facts.NESTED and not attribute.startswith("Outputs."):
            return "no"  # the nested stack itself stays, whatever happens within
        status = self.replacement(logical_id, world)
        mirrored = self._mirrored(logical_id, attribute)
        if status == "no":
            return mirrored or "no"
        if (mirrored == "no" and not self._is_generated(logical_id, attribute)) or (
            self.keeps_name(logical_id) and not self._is_generated(logical_id, attribute)
        ):
            return "maybe"
        return status

    def _mirrored(self, logical_id: str, attribute: str) -> Certainty | None:
        """Whether the property that such an attribute repeats, or that moves it, changes; None where there
        is none."""
        known = self.schema(logical_id)
        path = tuple(attribute.split("."))
        moving = facts.MOVING_ATTRIBUTES.get(self.pair.type_of(logical_id), {}).get(attribute)
        if moving is None and (not attribute or known is None or not known.has_property(path[0])):
            return None
        found: Certainty | None = None
        for view in self.views[logical_id]:
            if view.after is None or (moving is None and _at(view.after, path) is ABSENT):
                continue
            found = _stronger(found or "no")
            for leaf in view.leaves.values():
                if meets(moving or path, leaf.difference.steps):
                    found = _stronger(found, "yes" if leaf.difference.certain else "maybe")
        return found

    def _is_generated(self, logical_id: str, attribute: str) -> bool:
        """Whether the service makes that attribute anew for each resource, whatever its name."""
        type_name, known = self.pair.type_of(logical_id), self.schema(logical_id)
        if attribute in facts.GENERATED_ATTRIBUTES.get(type_name, ()):
            return True
        if attribute:
            return attribute.endswith("Id") and attribute != facts.name_property(type_name)
        identifier = known.identifier[0][-1] if known and known.identifier else ""
        return identifier == "Id" or (
            identifier.endswith("Id") and identifier != facts.name_property(type_name)
        )

    # ── Names ──

    def keeps_name(self, logical_id: str) -> bool:
        """Whether it has a custom name that is the same afterwards, in a world where it is replaced."""
        return any(
            self._keeps(logical_id, view) for view in self.views[logical_id] if view.replacement != "no"
        )

    def _keeps(self, logical_id: str, view: _View) -> bool:
        type_name = self.pair.type_of(logical_id)
        name = facts.name_property(type_name)
        if name is None or view.before is None or view.after is None:
            return False
        old, new = view.before.get(name, ABSENT), view.after.get(name, ABSENT)
        if old is ABSENT or new is ABSENT or name in view.leaves or canonical(old) != canonical(new):
            return False
        scopes = facts.NAME_SCOPES.get(type_name, ())
        return not any(
            meets(scope, leaf.difference.steps) for scope in scopes for leaf in view.leaves.values()
        )

    def identity(self, logical_id: str, side: Side, world: World) -> tuple[str, ...] | None:
        """What there can be only one of, as text; None where there is nothing of the kind."""
        type_name = side.template.type_of(logical_id)
        properties = side.properties(logical_id, world)
        if not properties:
            return None
        name = facts.name_property(type_name)
        if name is not None:
            value = _at(properties, (name,))
            if value is ABSENT:
                return None
            scope = (_at(properties, path) for path in facts.NAME_SCOPES.get(type_name, ()))
            return (type_name, *map(_as_identity, (value, *scope)))
        paths = facts.IDENTITIES.get(type_name)
        if paths is None:
            known = schema(type_name)
            paths = known.identifier if known else ()
            if known is None or any(path in known.read_only for path in paths):
                return None
            if any(_at(properties, path) is ABSENT for path in paths):
                return None
        values = [_at(properties, path) for path in paths]
        if all(value is ABSENT for value in values):
            return None
        return (type_name, *map(_as_identity, values))

    @cached_property
    def _identities_before(self) -> dict[str, set[tuple[str, ...]]]:
        found: dict[str, set[tuple[str, ...]]] = {}
        for logical_id in self.pair.before.template.resources:
            for world in self.pair.worlds(logical_id):
                if identity := self.identity(logical_id, self.pair.before, world):
                    found.setdefault(logical_id, set()).add(identity)
        return found

    def taken_by(self, logical_id: str) -> str | None:
        """The resource of BEFORE that already has the name or identity which this one takes anew."""
        own = self._identities_before.get(logical_id, set())
        for world in self.pair.worlds(logical_id):
            identity = self.identity(logical_id, self.pair.after, world)
            if identity is None or identity in own or self._is_of_replaced(logical_id, world):
                continue
            for other, identities in self._identities_before.items():
                if other != logical_id and identity in identities:
                    return other
        return None

    def _is_of_replaced(self, logical_id: str, world: World) -> bool:
        """Whether its identity stands on a resource that is made anew, and so is another one."""
        paths = facts.IDENTITIES.get(self.pair.after.template.type_of(logical_id), ())
        properties = self.pair.after.properties(logical_id, world) or {}
        return any(
            reference.name in self.views
            and self.attribute_moves(reference.name, reference.attribute or "", world) == "yes"
            for path in paths
            for reference in references(_at(properties, path))
        )

    def keeps_identity(self, logical_id: str) -> bool:
        """Whether it is replaced by one of the same identity, which cannot be while the old one is there."""
        paths = facts.IDENTITIES.get(self.pair.type_of(logical_id))
        if not paths:
            return False
        return any(
            view.replacement != "no"
            and not any(meets(path, leaf.difference.steps) for path in paths for leaf in view.leaves.values())
            and any(_at(view.after, path) is not ABSENT for path in paths)
            for view in self.views[logical_id]
            if view.before is not None and view.after is not None
        )

    # ── The change ──

    def changes(self) -> list[Change]:
        """Every resource that changes, once, in the templates' order."""
        return [change for name in self.pair.logical_ids if (change := self.change(name))]

    def change(self, logical_id: str) -> Change | None:
        """What happens to a resource; None where nothing does."""
        if not self._has_same_type(logical_id):
            return self._change_of_type(logical_id)
        actions = {view.action for view in self.views[logical_id]} - {None}
        candidates = []
        if "remove" in actions:
            candidates.append(self._removal(logical_id))
        if "modify" in actions or (not actions and self._attributes(logical_id)):
            candidates.append(self._modification(logical_id))
        if "add" in actions:
            candidates.append(self._addition(logical_id))
        looked_at = self.pair.looked_at(logical_id)
        if not candidates and (undefined := self._undefined(logical_id)):
            candidates.append(self._made(logical_id, "modify", "no", "will-fail", undefined))
        if not candidates and looked_at.sampled:
            candidates.append(self._made(logical_id, "modify", "maybe", "replacement"))
        if not candidates:
            return None
        worst = max(candidates, key=lambda change: CLASSES.index(change.class_))
        if looked_at.sampled:
            worst = replace(worst, reasons=(f"may: {looked_at}", *worst.reasons))
        if worst.action == "modify" or all(view.action == worst.action for view in self.views[logical_id]):
            return worst
        states = [(view, view.action == worst.action) for view in self.views[logical_id]]
        return replace(worst, reasons=(f"may: depends on {_turns_on(states)}", *worst.reasons))

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
        types = [side.template.type_of(logical_id) for side in (self.pair.before, self.pair.after)]
        reason = "CloudFormation refuses another type under the same logical id"
        detail = Detail("Type", types[0], types[1], "no", reason)
        return self._made(logical_id, "modify", "no", "will-fail", [reason], [detail])

    def _addition(self, logical_id: str) -> Change:
        reasons = self._undefined(logical_id)
        if other := self.taken_by(logical_id):
            reasons.append(f"{other} has the same name or identity, and the new one is made first")
        return self._made(logical_id, "add", "no", "will-fail" if reasons else "harmless", reasons)

    def _removal(self, logical_id: str) -> Change:
        if referrer := self._still_referred(logical_id):
            reasons = [f"{referrer} still refers to it"]
            return self._made(logical_id, "remove", "no", "will-fail", reasons)
        policy = self.pair.before.template.resources[logical_id].get("DeletionPolicy")
        type_name = self.pair.type_of(logical_id)
        if policy in facts.RETAINS:
            reasons = [f"orphaned: DeletionPolicy {policy} keeps it, outside of the stack"]
            return self._made(logical_id, "remove", "no", "harmless", reasons)
        if self._is_stateful(logical_id):
            is_saved = policy == "Snapshot" or (policy is None and type_name in facts.SAVED_BY_DEFAULT)
            reasons = ["a snapshot stays"] if is_saved else ["its data goes with it"]
            return self._made(logical_id, "remove", "no", "data-loss", reasons)
        if type_name in facts.NESTED:
            return self._made(
                logical_id, "remove", "no", "data-loss", ["may: everything within goes with it"]
            )
        if schema(type_name) is None:
            return self._made(logical_id, "remove", "no", "replacement", ["no schema tells what it holds"])
        class_ = "interruption" if type_name in facts.CARRIERS else "harmless"
        return self._made(logical_id, "remove", "no", class_)

    def _is_stateful(self, logical_id: str) -> bool:
        type_name = self.pair.type_of(logical_id)
        if type_name not in facts.STATEFUL:
            return False
        cluster = facts.CLUSTERED_BY.get(type_name)
        return cluster is None or not any(cluster in (view.before or {}) for view in self.views[logical_id])

    def _modification(self, logical_id: str) -> Change:
        details = [*self._details(logical_id), *self._attributes(logical_id)]
        replacement = self.replacement(logical_id)
        found = [leaf for view in self.views[logical_id] for leaf in view.leaves.values()]
        failing = list(
            dict.fromkeys(
                leaf.effect.why if leaf.difference.certain else f"may: {leaf.effect.why}"
                for leaf in found
                if leaf.effect.fails
            )
        )
        failing += self._undefined(logical_id) + self._traps(logical_id, replacement)
        reasons: list[str] = []
        if failing:
            class_, reasons = "will-fail", failing
        elif replacement != "no":
            class_, reasons = self._class_of_replacement(logical_id)
        else:
            class_ = "interruption" if any(leaf.effect.interrupts for leaf in found) else "harmless"
            if not found:
                reasons = ["takes effect only together with another change"]
        if replacement == "maybe" and not failing:
            reasons = [f"may: {reason}" for reason in reasons]
        return self._made(logical_id, "modify", replacement, class_, reasons, details)

    def _class_of_replacement(self, logical_id: str) -> tuple[str, list[str]]:
        if self.pair.type_of(logical_id) == facts.TASK_DEFINITION:
            return "harmless", ["a new revision"]
        if self.pair.type_of(logical_id) in facts.NESTED:
            return "replacement", ["what is within is not seen here: review its template too"]
        if self._is_stateful(logical_id):
            policy = self.pair.after.template.resources[logical_id].get("UpdateReplacePolicy")
            if policy in facts.RETAINS:
                return "replacement", [f"orphaned: UpdateReplacePolicy {policy} keeps the old one"]
            return "data-loss", ["a snapshot stays" if policy == "Snapshot" else "the new one starts empty"]
        return "replacement", []

    def _traps(self, logical_id: str, replacement: Certainty) -> list[str]:
        """Why the update of that resource fails."""
        reasons = []
        known = self.schema(logical_id)
        if replacement != "no" and not (known and known.deletes_first):
            if self.keeps_name(logical_id):
                reasons.append("custom-named: CloudFormation refuses to replace it under the same name")
            elif self.keeps_identity(logical_id):
                reasons.append("the new one is made first, and needs what the old one still has")
            if self.pair.type_of(logical_id) == "AWS::ElasticLoadBalancingV2::LoadBalancer":
                reasons += self._target_groups_that_stay(logical_id)
        if self.pair.type_of(logical_id) in facts.SUBNET_GROUPS and replacement != "yes":
            reasons += self._subnets_of_another_vpc(logical_id)
        if other := self.taken_by(logical_id):
            reasons.append(f"{other} has the same name or identity")
        return reasons

    def _target_groups_that_stay(self, logical_id: str) -> list[str]:
        """A target group serves one load balancer: the new one cannot have it while the old one has."""
        before = self.pair.before
        behind = {logical_id}
        groups: set[str] = set()
        kinds = ("AWS::ElasticLoadBalancingV2::Listener", "AWS::ElasticLoadBalancingV2::ListenerRule")
        for kind in kinds:
            for name in self.pair.logical_ids:
                if before.template.type_of(name) != kind:
                    continue
                used = {ref.name for view in self.views[name] for ref in references(view.before or {})}
                if used & behind:
                    behind.add(name)
                    groups |= {
                        group
                        for group in used
                        if before.template.type_of(group) == "AWS::ElasticLoadBalancingV2::TargetGroup"
                    }
        staying = sorted(
            group
            for group in groups
            if self.pair.after.template.type_of(group) and self.replacement(group) != "yes"
        )
        if not staying:
            return []
        return [f"its target groups stay ({', '.join(staying)}): each serves one load balancer only"]

    def _subnets_of_another_vpc(self, logical_id: str) -> list[str]:
        path = (facts.SUBNET_GROUPS[self.pair.type_of(logical_id)],)
        for view in self.views[logical_id]:
            if view.before is None or view.after is None:
                continue
            old = self._vpcs(self.pair.before, _at(view.before, path), view.world)
            new = self._vpcs(self.pair.after, _at(view.after, path), view.world)
            moved = {
                vpc
                for vpc in new
                if isinstance(vpc, Reference)
                and vpc.name in self.views
                and self.replacement(vpc.name) != "no"
            }
            if old and new and (not (old & new) or moved):
                return ["the subnets of a group cannot move to another VPC"]
        return []

    def _vpcs(self, side: Side, subnets: Value, world: World) -> set[Value]:
        found: set[Value] = set()
        for reference in references(subnets if subnets is not ABSENT else None):
            if side.template.type_of(reference.name) == "AWS::EC2::Subnet":
                vpc = (side.properties(reference.name, world) or {}).get("VpcId")
                names = tuple(references(vpc))
                found.add(names[0] if names else written(vpc))
        return found

    def _details(self, logical_id: str) -> Iterator[Detail]:
        views = self.views[logical_id]
        for path in dict.fromkeys(path for view in views for path in view.leaves):
            found = [view.leaves[path] for view in views if path in view.leaves]
            statuses = [leaf.replacement for leaf in found]
            status = _stronger(*statuses)
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
        before = self.pair.before.template.resources.get(logical_id)
        after = self.pair.after.template.resources.get(logical_id)
        if before is None or after is None:
            return []
        found = []
        world = self.pair.worlds(logical_id)[0]
        for name in _ATTRIBUTES:
            old, new = (
                side.resolve(declaration[name], world) if name in declaration else ABSENT
                for side, declaration in ((self.pair.before, before), (self.pair.after, after))
            )
            for difference in differences(old, new, None, self.names):
                path = f"{name}.{difference.path}" if difference.path else name
                why = "takes effect only together with another change" if name.endswith("Policy") else ""
                found.append(Detail(path, shown(difference.before), shown(difference.after), "no", why))
        return found

    # ── What refers to what is not there ──

    def _undefined(self, logical_id: str) -> list[str]:
        """Names that the resource refers to in AFTER, on any branch, and that nothing there defines."""
        after = self.pair.after.template
        if after.transforms or after.loops or logical_id not in after.resources:
            return []
        before = {*self.pair.before.template.resources, *self.pair.before.template.parameters}
        declared = {*after.resources, *after.parameters, *before}
        names = dict.fromkeys(
            reference.name
            for reference in mentioned(after.resources[logical_id])
            if reference.name not in declared and not reference.name.startswith("AWS::")
        )
        return [f"{name} is not defined" for name in names]

    def _still_referred(self, logical_id: str) -> str | None:
        """Who refers to a removed resource in AFTER: on any branch where it is gone from the template,
        else where the conditions of both hold."""
        after = self.pair.after
        is_gone = logical_id not in after.template.resources
        for name, declaration in after.template.resources.items():
            if is_gone and logical_id in depends_on(declaration):
                return name
            if not any(ref.name == logical_id for ref in mentioned(declaration)):
                continue
            if is_gone:
                return name
            for world in self.pair.worlds(name, logical_id):
                missing = self.pair.before.exists(logical_id, world) and not after.exists(logical_id, world)
                used = {ref.name for ref in references(after.properties(name, world) or {})}
                if missing and logical_id in used:
                    return name
        return self._still_in_outputs(logical_id)

    def _still_in_outputs(self, logical_id: str) -> str | None:
        after = self.pair.after
        for name, output in after.template.outputs.items():
            if not any(ref.name == logical_id for ref in mentioned(output)):
                continue
            declaration = after.template.resources.get(logical_id)
            if declaration is None:
                return f"the output {name}"
            old = self.pair.before.template.resources.get(logical_id)
            for world in self.pair.worlds_of(
                [(after, output), (after, declaration), (self.pair.before, old)]
            ):
                gone = self.pair.before.exists(logical_id, world) and not after.exists(logical_id, world)
                if not gone or not after.holds(output.get("Condition"), world):
                    continue
                if any(
                    ref.name == logical_id for ref in references(after.resolve(output.get("Value"), world))
                ):
                    return f"the output {name}"
        for key, node in after.template.loops.items():
            if any(ref.name == logical_id for ref in mentioned(node)):
                return key
        return None


def _turns_on(states: list[tuple[_View, bool]]) -> str:
    """The open values that decide whether something is so in a world."""
    there = [(view.world, is_so) for view, is_so in states]
    names = [
        name
        for name in there[0][0]
        if any(
            one[1] != another[1] and {n for n in one[0] if one[0].get(n) != another[0].get(n)} == {name}
            for one in there
            for another in there
        )
    ]
    return ", ".join(names or there[0][0])


def _agree(one: World, another: World | None) -> bool:
    """Whether two worlds give the variables that both have the same values."""
    return another is None or all(another.get(name, value) == value for name, value in one.items())


def _as_identity(value: Value) -> str:
    return "" if value is ABSENT else canonical(value)


def shown(value: Value) -> Value:
    """A value as JSON has it; None where it is absent."""
    return None if value is ABSENT else plain(value)
