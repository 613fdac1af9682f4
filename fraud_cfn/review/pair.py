"""Both sides of a change, and the worlds in which they are compared.

What is known: values told by `--param`, on both sides; of parameters that only AFTER has, the default.
The stack keeps its other values: unknown, but the same on both sides, whatever the defaults say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice, product

from fraud_cfn.review.model import Node, Template
from fraud_cfn.review.resolve import Other, Side, Value, World, scalar, variables

_MOST_WORLDS = 512


@dataclass(frozen=True)
class Pair:
    """A change: BEFORE as the stack has it, AFTER as it would become."""

    before: Side
    after: Side
    _worlds: dict[tuple[str, ...], tuple[World, ...]] = field(default_factory=dict, repr=False, compare=False)

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
        if logical_ids not in self._worlds:
            sides = (self.before, self.after)
            nodes = [(side, side.template.resources.get(name)) for side in sides for name in logical_ids]
            self._worlds[logical_ids] = self.worlds_of(nodes)
        return self._worlds[logical_ids]

    def worlds_of(self, nodes: Iterable[tuple[Side, Node]]) -> tuple[World, ...]:
        """Every combination of open values that decides something in those nodes; at least one."""
        return tuple(self._enumerated(nodes))

    def _enumerated(self, nodes: Iterable[tuple[Side, Node]]) -> Iterator[World]:
        found: dict[str, set[str] | None] = {}
        for side, node in nodes:
            for name, texts in variables(side, node).items():
                found[name] = None if texts is None else (found.get(name) or set()) | texts
        names = list(found)
        choices = [self._values(name, found[name]) for name in names]
        if _count(choices) <= _MOST_WORLDS:
            yield from (dict(zip(names, chosen, strict=True)) for chosen in product(*choices))
            return
        # Too many: each variable's values in turn, the others at their first, then a sample.
        first = {name: values[0] for name, values in zip(names, choices, strict=True)}
        for name, values in zip(names, choices, strict=True):
            yield from ({**first, name: value} for value in values)
        for chosen in islice(product(*choices), _MOST_WORLDS):
            yield dict(zip(names, chosen, strict=True))

    def _values(self, name: str, compared: set[str] | None) -> list[object]:
        """What that variable may be: the texts it is compared with, and one that stands for the rest."""
        if compared is None:
            return [True, False]
        allowed = self._allowed(name)
        if allowed is None:
            return [*sorted(compared), Other(name)]
        rest = [text for text in allowed if text not in compared]
        named: list[object] = [text for text in allowed if text in compared]
        return [*named, rest[0] if len(rest) == 1 else Other(name)] if rest else named

    def _allowed(self, name: str) -> list[str] | None:
        """The values a parameter may have: those that both sides allow; None: any."""
        lists = []
        for side in (self.before, self.after):
            texts = side.template.parameters.get(name, {}).get("AllowedValues")
            if isinstance(texts, list) and texts:
                lists.append([scalar(text) for text in texts])
        if not lists:
            return None
        return [text for text in lists[0] if text in lists[-1]] or lists[0]


def _count(choices: list[list[object]]) -> int:
    total = 1
    for values in choices:
        total *= len(values)
    return total


def pair(before: Template, after: Template, values: Mapping[str, str] | None = None) -> Pair:
    """Put two templates together; `values` are the parameter values that are known."""
    known = dict(values or {})
    fresh = {
        name: scalar(declaration["Default"])
        for name, declaration in after.parameters.items()
        if name not in before.parameters and "Default" in declaration and not _is_looked_up(declaration)
    }
    return Pair(Side(before, known), Side(after, {**fresh, **known}))


def _is_looked_up(declaration: Mapping[str, Node]) -> bool:
    """Whether the value is the name of what holds the value (an SSM parameter)."""
    return str(declaration.get("Type", "")).startswith("AWS::SSM::Parameter::Value")


def both(
    change: Pair, logical_id: str, world: World
) -> tuple[dict[str, Value] | None, dict[str, Value] | None]:
    """Its properties before and after, in that world; None where it does not exist."""
    return change.before.properties(logical_id, world), change.after.properties(logical_id, world)
