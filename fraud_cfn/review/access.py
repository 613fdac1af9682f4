"""Who may do what and who can reach whom, over a whole change: in every world that it leaves open.

What differs in each world is certain; what differs in some is `maybe`, and depends on those variables.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from fraud_cfn.review import exposure, permissions, reachability
from fraud_cfn.review.pair import Pair, both, deciding
from fraud_cfn.review.resolve import Side, World, plain

Judged = TypeVar("Judged")
Resources = Mapping[str, tuple[str, Mapping[str, Any]]]
# Direction of each holder in each world → over all of them.
_SEVERAL = {frozenset({"same", "wider"}): "wider", frozenset({"same", "narrower"}): "narrower"}


@dataclass(frozen=True)
class Uncertain:
    """One difference (an entry of the review's JSON), and the open variables it depends on, if any."""

    entry: Mapping[str, Any]
    depends_on: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The entry, with `maybe` and what that depends on."""
        return {**self.entry, "maybe": bool(self.depends_on), "depends_on": list(self.depends_on)}


@dataclass(frozen=True)
class Access:
    """What a change does to permissions and to reachability.

    `roles` and `policies`: identity, or policy on a resource → `wider|narrower|same|incomparable`, of those
    that read differently.
    """

    permissions: tuple[Uncertain, ...]
    roles: dict[str, str]
    policies: dict[str, str]
    reachability: tuple[Uncertain, ...]
    internet: tuple[Uncertain, ...]
    unjudged: tuple[str, ...] = ()  # what was not looked at in every world


def access(change: Pair) -> Access:
    """Judge a change, in each of its worlds."""
    permitting = partial(permissions.compare, declared=partial(_declared, change))
    permitted, unseen = _in_each_world(change, permissions.concerns, permitting)
    reached, unreached = _in_each_world(change, exposure.concerns, reachability.compare)
    exposed, _ = _in_each_world(change, exposure.concerns, exposure.compare_exposures)
    return Access(
        permissions=_together([(world, found.changes) for world, found in permitted], bool(unseen)),
        roles=_directions(comparison.roles for _, comparison in permitted),
        policies=_directions(comparison.policies for _, comparison in permitted),
        reachability=_together(reached, bool(unreached)),
        internet=_together(exposed, bool(unreached)),
        unjudged=tuple(
            f"{what}: {worlds}"
            for what, worlds in (("permissions", unseen), ("reachability", unreached))
            if worlds
        ),
    )


def _declared(change: Pair, logical_id: str) -> tuple[str, Mapping[str, Any]]:
    """Type of a resource, and the properties that both sides write alike."""
    sides = [
        side.template.resources[logical_id].get("Properties") or {}
        for side in (change.before, change.after)
        if logical_id in side.template.resources
    ]
    keys = {key for properties in sides for key in properties}
    alike = {
        key: sides[0].get(key) for key in keys if all(each.get(key) == sides[0].get(key) for each in sides)
    }
    return change.type_of(logical_id), {**dict.fromkeys(keys), **alike}


def resources(side: Side, logical_ids: Iterable[str], world: World) -> Resources:
    """Those resources of one side as plain data, where they exist in that world."""
    return _Resolved(side).resources(logical_ids, world)


class _Asked(dict[str, object]):
    """A world that notes which of its variables it was asked for."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.answers: dict[str, object] = {}

    def get(self, name: str, default: object = None) -> object:
        self.answers[name] = found = super().get(name, _Asked)
        return default if found is _Asked else found

    def __contains__(self, name: object) -> bool:
        return self.get(str(name), _Asked) is not _Asked


@dataclass(frozen=True)
class _Resolved:
    """One side; a resource is resolved once for all worlds that answer alike what it asks of them."""

    side: Side
    known: dict[str, list[tuple[dict[str, object], Any]]] = field(default_factory=dict)

    def resources(self, logical_ids: Iterable[str], world: World) -> Resources:
        found = {name: (self.side.template.type_of(name), self.plain(name, world)) for name in logical_ids}
        return {name: one for name, one in found.items() if one[1] is not None}

    def plain(self, logical_id: str, world: World) -> Any:
        """None where it does not exist."""
        known = self.known.setdefault(logical_id, [])
        for answers, properties in known:
            if all(world.get(name, _Asked) is answer for name, answer in answers.items()):
                return properties
        asked = _Asked(world)
        properties = self.side.properties(logical_id, asked)
        properties = None if properties is None else plain(properties)
        known.append((asked.answers, properties))
        return properties


def _in_each_world(
    change: Pair,
    concerns: Callable[[str, Any], bool],
    compare: Callable[[Resources, Resources], Judged],
) -> tuple[list[tuple[World, Judged]], str]:
    """The judgement of each world, and what was left out, if anything."""
    relevant = [
        logical_id
        for logical_id in change.logical_ids
        if any(
            concerns(declared.get("Type", ""), declared)
            for side in (change.before, change.after)
            if (declared := side.template.resources.get(logical_id)) is not None
        )
    ]
    changed = [
        logical_id
        for logical_id in relevant
        if any(_differ(*both(change, logical_id, world)) for world in change.worlds(logical_id))
    ]
    if not changed:
        return [], ""
    looked_at = change.looked_at(*changed)
    before, after = _Resolved(change.before), _Resolved(change.after)
    judged = [
        (world, compare(before.resources(relevant, world), after.resources(relevant, world)))
        for world in looked_at.seen
    ]
    return judged, str(looked_at) if looked_at.sampled else ""


def _differ(before: Any, after: Any) -> bool:
    return plain(before) != plain(after)


def _together(judged: Iterable[tuple[World, Iterable[Any]]], sampled: bool) -> tuple[Uncertain, ...]:
    """The entries of all worlds, each once, in the order of the first that has them; none of a sample is
    certain."""
    worlds: list[World] = []
    having: dict[str, list[int]] = {}
    for number, (world, entries) in enumerate(judged):
        worlds.append(world)
        for entry in entries:
            having.setdefault(json.dumps(entry.to_json()), []).append(number)
    return tuple(
        Uncertain(json.loads(text), deciding(worlds, set(numbers), sampled))
        for text, numbers in having.items()
    )


def _directions(judged: Iterable[Mapping[str, str]]) -> dict[str, str]:
    seen: dict[str, set[str]] = {}
    verdicts = list(judged)
    for verdict in verdicts:
        for holder, direction in verdict.items():
            seen.setdefault(holder, set()).add(direction)
    directions = {}
    for holder, found in seen.items():
        directions[holder] = (
            found.pop() if len(found) == 1 else _SEVERAL.get(frozenset(found), "incomparable")
        )
    return directions
