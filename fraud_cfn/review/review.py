"""Puts the judgements together: one review of one change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fraud_cfn.review import findings, parameters
from fraud_cfn.review.access import Access, access
from fraud_cfn.review.changes import Change, worst
from fraud_cfn.review.diff import is_same
from fraud_cfn.review.findings import Finding
from fraud_cfn.review.judge import Judgement
from fraud_cfn.review.loops import loops
from fraud_cfn.review.model import Node, Template
from fraud_cfn.review.pair import Pair, pair
from fraud_cfn.review.parameters import ParameterChange
from fraud_cfn.review.renames import with_renames
from fraud_cfn.review.resolve import Side, World, plain, scalar
from fraud_cfn.template import constraints


@dataclass(frozen=True)
class OutputChange:
    """An output that is added, removed or modified."""

    name: str
    change: str
    before: Node
    after: Node


@dataclass(frozen=True)
class Review:
    """Everything that a change does, as predicted; `verdict` is the worst class of it."""

    verdict: str
    changes: tuple[Change, ...]
    access: Access
    parameters: tuple[ParameterChange, ...]
    outputs: tuple[OutputChange, ...]
    findings: tuple[Finding, ...]
    defined_in: Mapping[str, str]
    secrets: tuple[str, ...] = field(default=(), repr=False)  # known values of NoEcho parameters

    @property
    def classes(self) -> set[str]:
        """Every class that occurs."""
        return {change.class_ for change in self.changes} | ({self.verdict} - {"none"})


def review(before: Template, after: Template, values: Mapping[str, str] | None = None) -> Review:
    """Predict what updating a stack from one template to the other does.

    `values`: the parameter values that are known.
    """
    change = pair(before, after, values)
    judgement = Judgement(change)
    changes = (*with_renames(judgement, judgement.changes()), *loops(change, judgement))
    changed_parameters = tuple(parameters.compare(change))
    outputs = tuple(_outputs(change))
    classes = [entry.class_ for entry in changes]
    classes += ["will-fail" for entry in changed_parameters if entry.fails]
    classes += ["harmless" for _ in outputs]
    granted = access(change)
    return Review(
        worst(classes),
        changes,
        granted,
        changed_parameters,
        outputs,
        (*_internet(granted), *findings.find(change)),
        {**before.defined_in, **after.defined_in},
        tuple(_secrets(change)),
    )


def _secrets(change: Pair) -> Iterator[str]:
    for side in (change.before, change.after):
        for name, declaration in side.template.parameters.items():
            if constraints.is_hidden(declaration):
                known = (side.values.get(name), declaration.get("Default"))
                yield from (scalar(value) for value in known if value is not None)


def _internet(granted: Access) -> Iterator[Finding]:
    """What begins or ends to face the internet, as findings."""
    for exposure in granted.internet:
        entry = exposure.entry
        direction = "wider" if entry["direction"] == "on" else "narrower"
        yield Finding("internet", entry["logical_id"], entry["path"], direction)


# ── Outputs ──


def _outputs(change: Pair) -> Iterator[OutputChange]:
    before, after = change.before.template.outputs, change.after.template.outputs
    for name in {**after, **before}:
        old, new = before.get(name), after.get(name)
        entries = _output_sides(change, old, new)
        seen = [pair for pair in entries if not is_same(pair[0], pair[1])]
        if not seen:
            continue
        first = seen[0]
        kind = "added" if first[0] is None else "removed" if first[1] is None else "modified"
        yield OutputChange(name, kind, plain(first[0]), plain(first[1]))
    yield from _other_outputs(change)


def _output_sides(change: Pair, old: Node, new: Node) -> list[tuple[Node, Node]]:
    """Value and export of both sides, in every world; None where the output does not exist."""
    sides = ((change.before, old), (change.after, new))
    found = []
    for world in change.worlds_of(sides):
        values = [_output(side, node, world) for side, node in sides]
        found.append((values[0], values[1]))
    return found


def _output(side: Side, node: Node, world: World) -> Node:
    if node is None or not side.holds(node.get("Condition"), world):
        return None
    return side.resolve({key: node[key] for key in ("Value", "Export") if key in node}, world)


def _other_outputs(change: Pair) -> Iterator[OutputChange]:
    """Loops and transforms that make outputs: as they stand."""
    sides = [
        {
            key: node
            for key, node in (side.template.body.get("Outputs") or {}).items()
            if key.startswith("Fn::")
        }
        for side in (change.before, change.after)
    ]
    for key in {**sides[1], **sides[0]}:
        old, new = sides[0].get(key), sides[1].get(key)
        if not is_same(old, new):
            kind = "added" if old is None else "removed" if new is None else "modified"
            yield OutputChange(key, kind, old, new)
