"""What a change does to outputs: what differs, and what only follows a resource that is replaced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fraud_cfn.review.diff import is_same
from fraud_cfn.review.judge import Judgement
from fraud_cfn.review.model import Node
from fraud_cfn.review.pair import Pair
from fraud_cfn.review.resolve import Side, Value, World, plain, references, written
from fraud_cfn.review.unresolved import unresolved


@dataclass(frozen=True)
class OutputChange:
    """An output that is added, removed or modified; `note` says what that depends on, or may break, `fails`
    why the update is refused."""

    name: str
    change: str
    before: Node
    after: Node
    note: str = ""
    fails: str = ""


def compare(change: Pair, judgement: Judgement) -> Iterator[OutputChange]:
    """Every output that another stack or a reader would find changed."""
    before, after = change.before.template.outputs, change.after.template.outputs
    for name in {**after, **before}:
        sides = ((change.before, before.get(name)), (change.after, after.get(name)))
        worlds = change.worlds_of(sides)
        values = [(told(*sides[0], world), told(*sides[1], world)) for world in worlds]
        unlike = [pair for pair in values if not is_same(*pair)]
        fails = "; ".join(unresolved(change, *(node for _, node in sides)))
        if unlike or fails:
            old, new = (unlike or values)[0]
            kind = "added" if old is None else "removed" if new is None else "modified"
            kind = "modified" if fails and name in before else kind
            yield OutputChange(name, kind, plain(old), plain(new), _imported(old), fails)
        else:
            yield from _followed(name, judgement, [new for _, new in values], worlds)
    yield from _made_by_others(change)


def told(side: Side, node: Node, world: World) -> Value:
    """Its value and export; None where it does not exist."""
    if node is None or not side.holds(node.get("Condition"), world):
        return None
    return side.resolve({key: node[key] for key in ("Value", "Export") if key in node}, world)


def _imported(output: Value) -> str:
    """What AWS refuses while another stack uses the export, which nobody can see here."""
    export = _export(output)
    return "" if export is None else f"refused while another stack imports {written(export)}"


def _export(output: Value) -> Value:
    export = output.get("Export") if isinstance(output, dict) else None
    return export.get("Name") if isinstance(export, dict) else None


def _followed(
    name: str, judgement: Judgement, outputs: list[Value], worlds: tuple[World, ...]
) -> Iterator[OutputChange]:
    """An output that reads as before, of a resource that has another value afterwards."""
    for output, world in zip(outputs, worlds, strict=True):
        for reference in references(output):
            if reference.name not in judgement.views:
                continue
            moves = judgement.attribute_moves(reference.name, reference.attribute or "", world)
            if moves == "no":
                continue
            is_replaced = judgement.replacement(reference.name) != "no"
            why = f"{reference.name} {'is' if moves == 'yes' else 'may be'} "
            why += "replaced" if is_replaced else "changed"
            note = "; ".join(filter(None, (why, _imported(output))))
            yield OutputChange(name, "modified", plain(output), plain(output), note)
            return


def _made_by_others(change: Pair) -> Iterator[OutputChange]:
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
