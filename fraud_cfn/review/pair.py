"""Both sides of a change, and the worlds in which they are compared.

What is known: values told by `--param` and by an environment's file, on both sides unless the change sets
them anew; of parameters that only AFTER has, the default. The stack keeps its other values: unknown, but
the same on both sides, whatever the defaults say.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations, product
from math import prod

from fraud_cfn.review.model import Node, Template
from fraud_cfn.review.resolve import Other, Side, Value, World, is_looked_up, is_missing, scalar, variables

_MOST_WORLDS = 512


@dataclass(frozen=True)
class Worlds:
    """The combinations that were looked at, of `total`; `sampled`: a difference may be in another one."""

    seen: tuple[World, ...]
    total: int
    sampled: bool

    def __str__(self) -> str:
        return f"only {len(self.seen)} of {self.total} combinations of open values were judged"


@dataclass(frozen=True)
class Pair:
    """A change: BEFORE as the stack has it, AFTER as it would become."""

    before: Side
    after: Side
    _worlds: dict[tuple[str, ...], Worlds] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def logical_ids(self) -> tuple[str, ...]:
        """Every resource of either side, AFTER's order first."""
        return tuple({**self.after.template.resources, **self.before.template.resources})

    def type_of(self, logical_id: str) -> str:
        """AFTER's type, or BEFORE's where it is gone."""
        return self.after.template.type_of(logical_id) or self.before.template.type_of(logical_id)

    def worlds(self, *logical_ids: str) -> tuple[World, ...]:
        """Every combination of open values that decides something in those resources; at least one.

        In each of them `side.properties(logical_id, world)` is free of `Fn::If`. What differs in every
        world is certain; what differs in some is "may".
        """
        return self.looked_at(*logical_ids).seen

    def looked_at(self, *logical_ids: str) -> Worlds:
        """Those worlds, and whether they are all that matter."""
        if logical_ids not in self._worlds:
            old, new = (side.template.resources for side in (self.before, self.after))
            self._worlds[logical_ids] = self._enumerated(
                [(old.get(name), new.get(name)) for name in logical_ids]
            )
        return self._worlds[logical_ids]

    def worlds_of(self, nodes: Iterable[tuple[Side, Node]]) -> tuple[World, ...]:
        """Every combination of open values that decides something in those nodes; at least one."""
        sides = [(node, None) if side is self.before else (None, node) for side, node in nodes]
        return self._enumerated(sides).seen

    def _enumerated(self, nodes: Sequence[tuple[Node, Node]]) -> Worlds:
        """The combinations that matter, of those in which the stack could be made by BEFORE."""
        worlds = self._all(nodes)
        if not self.before.template.mappings:
            return worlds
        seen = tuple(world for world in worlds.seen if not any(self._misses(old, world) for old, _ in nodes))
        return replace(worlds, seen=seen or worlds.seen)

    def _misses(self, node: Node, world: World) -> bool:
        """Whether what is in BEFORE looks up in a mapping what it does not have."""
        condition = node.get("Condition") if isinstance(node, dict) else None
        is_there = not isinstance(condition, str) or self.before.holds(condition, world)
        return is_there and is_missing(self.before.resolve(node, world))

    def _all(self, nodes: Sequence[tuple[Node, Node]]) -> Worlds:
        every = self._choices(nodes)
        total = _count(every)
        if total <= _MOST_WORLDS:
            return Worlds(tuple(_combined(every)), total, sampled=False)
        # What is alike on both sides decides no difference, only what is referred to.
        deciding = self._choices([self._unlike(old, new) for old, new in nodes])
        first = {name: values[0] for name, values in every.items()}
        if _count(deciding) <= _MOST_WORLDS:
            varied = ({name: value} for name, values in every.items() for value in values)
            worlds = _once({**first, **world} for world in (*_combined(deciding), *varied))
            return Worlds(worlds, total, sampled=False)
        pairs = combinations(deciding, 2)
        chosen = (_combined({name: every[name] for name in names}) for names in pairs)
        worlds = _once({**first, **world} for some in chosen for world in some)[: 2 * _MOST_WORLDS]
        return Worlds(worlds, total, sampled=len(worlds) < total)

    def _choices(self, nodes: Iterable[tuple[Node, Node]]) -> dict[str, list[object]]:
        """Open variable → the values that it may have, as far as they decide something."""
        found: dict[str, set[str] | None] = {}
        for sides in nodes:
            for side, node in zip((self.before, self.after), sides, strict=True):
                for name, texts in variables(side, node).items():
                    found[name] = None if texts is None else (found.get(name) or set()) | texts
        return {name: self._values(name, compared) for name, compared in found.items()}

    def _unlike(self, old: Node, new: Node) -> tuple[Node, Node]:
        """Both without the parts that mean the same on both sides, whatever the open values are."""
        if isinstance(old, dict) and isinstance(new, dict):
            parts = {key: self._unlike(old.get(key), new.get(key)) for key in {**old, **new}}
            return {key: one for key, (one, _) in parts.items()}, {
                key: two for key, (_, two) in parts.items()
            }
        if old == new and not any(name in json.dumps(old, default=str) for name in self._moved_names):
            return None, None
        return old, new

    @cached_property
    def _moved_names(self) -> frozenset[str]:
        """Conditions, mappings and parameters that do not mean the same on both sides."""
        old, new = self.before, self.after
        sections = (
            (old.template.conditions, new.template.conditions),
            (old.template.mappings, new.template.mappings),
            (old.values, new.values),
        )
        moved = {name for one, two in sections for name in two if one.get(name) != two[name]}
        while True:
            more = {
                name
                for name, node in new.template.conditions.items()
                if any(other in json.dumps(node, default=str) for other in moved)
            }
            if more <= moved:
                return frozenset(moved)
            moved |= more

    def _values(self, name: str, compared: set[str] | None) -> list[object]:
        """What that variable may be: the texts it is compared with, and one that stands for the rest."""
        if compared is None:
            return [True, False]
        allowed = self.allowed(name)
        if allowed is None:
            return [*sorted(compared), Other(name, frozenset(compared))]
        rest = [text for text in allowed if text not in compared]
        named: list[object] = [text for text in allowed if text in compared]
        return [*named, rest[0] if len(rest) == 1 else Other(name, frozenset(compared))] if rest else named

    def allowed(self, name: str) -> list[str] | None:
        """The values a parameter may have: those that both sides allow; None: any."""
        lists = []
        for side in (self.before, self.after):
            texts = side.template.parameters.get(name, {}).get("AllowedValues")
            if isinstance(texts, list) and texts:
                lists.append([scalar(text) for text in texts])
        if not lists:
            return None
        return [text for text in lists[0] if text in lists[-1]] or lists[0]


def _count(choices: Mapping[str, list[object]]) -> int:
    return prod(len(values) for values in choices.values())


def _combined(choices: Mapping[str, list[object]]) -> Iterator[dict[str, object]]:
    for chosen in product(*choices.values()):
        yield dict(zip(choices, chosen, strict=True))


def _once(worlds: Iterable[dict[str, object]]) -> tuple[World, ...]:
    return tuple({tuple(world.items()): world for world in worlds}.values())


def pair(
    before: Template,
    after: Template,
    values: Mapping[str, str] | None = None,
    given: Mapping[str, str] | None = None,
) -> Pair:
    """Put two templates together.

    `values`: the parameter values that are known; `given`: those that the change itself sets anew.
    """
    known = dict(values or {})
    fresh = {
        name: scalar(declaration["Default"])
        for name, declaration in after.parameters.items()
        if name not in before.parameters
        and "Default" in declaration
        and not is_looked_up(str(declaration.get("Type")))
    }
    return Pair(Side(before, known), Side(after, {**fresh, **known, **(given or {})}))


def both(
    change: Pair, logical_id: str, world: World
) -> tuple[dict[str, Value] | None, dict[str, Value] | None]:
    """Its properties before and after, in that world; None where it does not exist."""
    return change.before.properties(logical_id, world), change.after.properties(logical_id, world)


def deciding(worlds: Sequence[World], having: set[int], sampled: bool) -> tuple[str, ...]:
    """The variables on which it depends that something is so in those worlds and not in the others."""
    if len(having) == len(worlds):
        return tuple(worlds[0]) if sampled else ()
    names = tuple(worlds[0])
    turning = []
    for name in names:
        # The worlds that differ in nothing but this one.
        siblings: dict[tuple[object, ...], set[bool]] = {}
        for number, world in enumerate(worlds):
            others = tuple(value for other, value in world.items() if other != name)
            siblings.setdefault(others, set()).add(number in having)
        if any(len(seen) == 2 for seen in siblings.values()):
            turning.append(name)
    return tuple(turning) or names
