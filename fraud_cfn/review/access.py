"""Who may do what and who can reach whom, over a whole change: in every world that it leaves open.

What differs in each world is certain; what differs in some is `maybe`, and depends on those variables.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
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
    permitted, unseen = _in_each_world(change, permissions.concerns, permissions.compare)
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


def resources(side: Side, logical_ids: Iterable[str], world: World) -> Resources:
    """Those resources of one side as plain data, where they exist in that world."""
    found = {}
    for logical_id in logical_ids:
        properties = side.properties(logical_id, world)
        if properties is not None:
            found[logical_id] = (side.template.type_of(logical_id), plain(properties))
    return found


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
    judged = [
        (
            world,
            compare(resources(change.before, relevant, world), resources(change.after, relevant, world)),
        )
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
