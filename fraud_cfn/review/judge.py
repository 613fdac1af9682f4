"""Judges what an update replaces: what differs, world by world, then what a replaced resource drags along,
to a fixpoint. `outcome` says what follows from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from fraud_cfn.review import facts
from fraud_cfn.review.changes import Certainty
from fraud_cfn.review.diff import ABSENT, Difference, Names, at, canonical, differences, leaves
from fraud_cfn.review.effects import Effect, effect_at, has_transform, meets
from fraud_cfn.review.mentions import mentioned
from fraud_cfn.review.pair import Pair
from fraud_cfn.review.resolve import (
    Other,
    Reference,
    Side,
    Text,
    Value,
    World,
    joined,
    plain,
    references,
    scalar,
)
from fraud_cfn.review.schemas import Schema, is_ref, schema


def stronger(*statuses: str) -> Certainty:
    """`yes` before `maybe` before `no`."""
    if "yes" in statuses:
        return "yes"
    return "maybe" if "maybe" in statuses else "no"


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
class View:
    """One resource in one world: both sides, what differs by itself, and what its leaves refer to."""

    world: World
    before: dict[str, Value] | None
    after: dict[str, Value] | None
    leaves: dict[str, _Leaf] = field(default_factory=dict)
    referring: list[tuple[str, tuple[str, ...], Value, tuple[Reference, ...]]] = field(default_factory=list)

    @property
    def replacement(self) -> Certainty:
        return stronger(*(leaf.replacement for leaf in self.leaves.values()))

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
            open={name: pair.allowed(name) for name in (*before.parameters, *after.parameters)},
            one_sided=frozenset({*before.resources} ^ {*after.resources}),
        )
        self.any_macro = any(
            name not in facts.PLAIN_TRANSFORMS for name in (*before.transforms, *after.transforms)
        )
        self.views = {name: self._views(name) for name in pair.logical_ids}
        self._drag()

    @cached_property
    def mentions(self) -> dict[str, set[str]]:
        """Resource of AFTER → every name that it mentions, on all branches."""
        declared = self.pair.after.template.resources
        return {name: {ref.name for ref in mentioned(declaration)} for name, declaration in declared.items()}

    def schema(self, logical_id: str) -> Schema | None:
        return schema(self.pair.type_of(logical_id))

    # ── What differs by itself ──

    def _views(self, logical_id: str) -> list[View]:
        before, after = self.pair.before, self.pair.after
        views = []
        for world in self.pair.worlds(logical_id):
            view = View(world, before.properties(logical_id, world), after.properties(logical_id, world))
            if view.before is not None and view.after is not None:
                self._compare(logical_id, view)
            views.append(view)
        return views

    def _compare(self, logical_id: str, view: View) -> None:
        known = self.schema(logical_id)
        if not self.has_same_type(logical_id):
            return
        for difference in differences(view.before, view.after, known, self.names):
            before, after = self.pair.before, self.pair.after
            old, new = self._known(difference.before, before), self._known(difference.after, after)
            if canonical(old) == canonical(new):
                continue  # the same value, by another function
            if isinstance(old, str) and isinstance(new, str):
                difference = replace(difference, certain=True)
            effect = self._effect(logical_id, difference)
            view.leaves[difference.path] = _Leaf(difference, effect, self._why(effect, difference))
        for path, steps, value in leaves(view.after, known):
            if names := tuple(references(value)):
                view.referring.append((path, steps, value, names))

    def _known(self, value: Value, side: Side) -> Value:
        """A value with what `Ref` gives in place of an attribute that gives the same, or of a reference
        to what the template names."""
        if not isinstance(value, Text):
            return value
        return joined([self._given(part, side) for part in value.parts])

    def _given(self, part: Value, side: Side) -> Value:
        if isinstance(part, Reference):
            type_name = self.pair.type_of(part.name)
            if type_name and (part.attribute is None or is_ref(type_name, part.attribute)):
                return self._named(part.name, side)
        return part if isinstance(part, str) else Text((part,))

    def _named(self, logical_id: str, side: Side) -> Value:
        """What `Ref` gives: the name, where the template gives one that is the same in every world."""
        known = schema(side.template.type_of(logical_id))
        if known is not None and len(known.identifier) == 1 and known.has_property(known.identifier[0][-1]):
            worlds = self.pair.worlds(logical_id)
            sides = [found for world in worlds if (found := side.properties(logical_id, world)) is not None]
            names = {canonical(name): name for found in sides for name in [at(found, known.identifier[0])]}
            if len(names) == 1 and isinstance(name := next(iter(names.values())), str | Text):
                return name
        return Text((Reference(logical_id),))

    def has_same_type(self, logical_id: str) -> bool:
        """Whether it is of one type on both sides, or on one side only."""
        types = {side.template.type_of(logical_id) for side in (self.pair.before, self.pair.after)}
        return len(types - {""}) == 1

    def _why(self, effect: Effect, difference: Difference) -> str:
        if difference.certain:
            return effect.why
        named = references([difference.before, difference.after])
        open_names = dict.fromkeys(reference.name for reference in named if self.names.is_open(reference))
        depends = f"depends on {', '.join(open_names)}" if open_names else "may be the same value"
        return f"{effect.why}, {depends}" if effect.why else depends

    def _effect(self, logical_id: str, difference: Difference) -> Effect:
        """The strongest of what its leaves do."""
        effects = [
            effect_at(self.pair.type_of(logical_id), steps, self.any_macro) for steps in difference.leaves()
        ]
        made = max(effects, key=lambda effect: ("no", "maybe", "yes").index(effect.replaces))
        sides = [difference.before, difference.after]
        if made.replaces == "no" and any(has_transform(side) for side in sides):
            made = Effect("maybe", "what a transform makes of it is not known")
        interrupts = any(effect.interrupts for effect in effects) or _stops(
            self.pair.type_of(logical_id), difference
        )
        return replace(made, interrupts=interrupts)

    # ── What a replaced resource drags along ──

    def replacement(self, logical_id: str, world: World | None = None) -> Certainty:
        """Whether it is replaced: `yes` where it is in every world (that agrees with the one given)."""
        return self._throughout(logical_id, [view.replacement for view in self._views_in(logical_id, world)])

    def _views_in(self, logical_id: str, world: World | None) -> list[View]:
        """Its views in the worlds that agree with that one; all, where none was looked at that does."""
        views = self.views[logical_id]
        return [view for view in views if _agree(view.world, world or {})] or views

    def _throughout(self, logical_id: str, statuses: list[Certainty]) -> Certainty:
        """`yes` where it is so in every view."""
        if all(status == "yes" for status in statuses):
            return "maybe" if self.pair.looked_at(logical_id).sampled else "yes"
        return "maybe" if any(status != "no" for status in statuses) else "no"

    def _drag(self) -> None:
        referrers: dict[str, dict[str, None]] = {}
        for logical_id, views in self.views.items():
            for view in views:
                for *_, names in view.referring:
                    for reference in names:
                        referrers.setdefault(reference.name, {})[logical_id] = None
        waiting = [name for name, views in self.views.items() if any(view.leaves for view in views)]
        while waiting:
            moved = waiting.pop()
            waiting += [name for name in referrers.get(moved, ()) if self._taint(name, moved)]

    def _taint(self, logical_id: str, moved: str) -> bool:
        """Whether anything of a resource differs now, or more surely, for what it refers to has moved."""
        is_tainted = False
        for view in self.views[logical_id]:
            for path, steps, value, names in view.referring:
                status = stronger(
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
                is_tainted = True
        return is_tainted

    def attribute_moves(self, logical_id: str, attribute: str, world: World) -> Certainty:
        """Whether that attribute (none: what Ref gives) has another value afterwards, in that world."""
        if self.pair.type_of(logical_id) in facts.NESTED and not attribute.startswith("Outputs."):
            return "no"  # the nested stack itself stays, whatever happens within
        status = self.replacement(logical_id, world)
        mirrored = self._mirrored(logical_id, attribute, world)
        if status == "no":
            return mirrored or "no"
        if not self._is_generated(logical_id, attribute) and (
            mirrored == "no" or self.keeps_name(logical_id)
        ):
            return "maybe"
        return status

    def _mirrored(self, logical_id: str, attribute: str, world: World) -> Certainty | None:
        """Whether the property that such an attribute repeats, or that moves it, changes; None where there
        is none."""
        moving = facts.MOVING_ATTRIBUTES.get(self.pair.type_of(logical_id), {}).get(attribute)
        statuses: list[Certainty] = [
            stronger(
                *(
                    "yes" if leaf.difference.certain else "maybe"
                    for leaf in view.leaves.values()
                    if meets(moving or (attribute,), leaf.difference.steps)
                )
            )
            for view in self._views_in(logical_id, world)
            if moving or at(view.after, (attribute,)) is not ABSENT
        ]
        return self._throughout(logical_id, statuses) if statuses else None

    def _is_generated(self, logical_id: str, attribute: str) -> bool:
        """Whether the service makes that attribute anew for each resource, whatever its name."""
        if attribute in facts.GENERATED_ATTRIBUTES.get(self.pair.type_of(logical_id), ()):
            return True
        known = self.schema(logical_id)
        if known is None:
            return False  # nor is it certain then that it is replaced
        names = [attribute] if attribute else [path[-1] for path in known.identifier]
        return any(name.endswith("Id") and not known.has_property(name) for name in names)

    # ── Names ──

    def keeps_name(self, logical_id: str) -> bool:
        """Whether it has a custom name that is the same afterwards, in a world where it is replaced."""
        return any(
            self._keeps(logical_id, view) for view in self.views[logical_id] if view.replacement != "no"
        )

    def _keeps(self, logical_id: str, view: View) -> bool:
        type_name = self.pair.type_of(logical_id)
        name = facts.name_property(type_name)
        if name is None or name in view.leaves or at(view.after, (name,)) is ABSENT:
            return False
        scopes = facts.NAME_SCOPES.get(type_name, ())
        return not any(
            meets(scope, leaf.difference.steps) for scope in scopes for leaf in view.leaves.values()
        )


def _stops(type_name: str, difference: Difference) -> bool:
    """Whether nothing of it runs or is served any more."""
    after = facts.STOPS.get(type_name, {}).get(difference.path)
    return after is not None and scalar(difference.after) == after


def _agree(one: World, another: World) -> bool:
    """Whether two worlds give the variables that both have values that may be the same."""
    both = ((value, another[name]) for name, value in one.items() if name in another)
    return all(mine == other or _may_be(mine, other) or _may_be(other, mine) for mine, other in both)


def _may_be(open_value: object, value: object) -> bool:
    """Whether a value that is named in no place looked at there may be the one that is named here."""
    return isinstance(open_value, Other) and value not in open_value.named


def shown(value: Value) -> Value:
    """A value as JSON has it; None where it is absent."""
    return None if value is ABSENT else plain(value)
