"""A removed and an added resource that are one: the same thing under another logical id."""

from __future__ import annotations

from dataclasses import replace

from fraud_cfn.review import facts
from fraud_cfn.review.changes import Change
from fraud_cfn.review.diff import canonical, leaves
from fraud_cfn.review.judge import Judgement
from fraud_cfn.review.resolve import Value, references, written

# How much of the properties must be the same: more than half.
_ALIKE = 0.5


def with_renames(judgement: Judgement, changes: list[Change]) -> list[Change]:
    """A removed and an added resource of one type and alike properties are told as one rename."""
    removed = [change for change in changes if change.action == "remove"]
    added = [change for change in changes if change.action == "add"]
    gone = {change.logical_id for change in (*removed, *added)}
    scores = sorted(
        (
            (-_likeness(judgement, old.logical_id, new.logical_id, gone), position, old, new)
            for position, (old, new) in enumerate((o, n) for o in removed for n in added)
            if old.type == new.type and not _is_both(judgement, old.logical_id, new.logical_id)
        ),
        key=lambda scored: scored[:2],
    )
    to: dict[str, str] = {}
    origin: dict[str, str] = {}
    for score, _, old, new in scores:
        if -score > _ALIKE and old.logical_id not in to and new.logical_id not in origin:
            to[old.logical_id], origin[new.logical_id] = new.logical_id, old.logical_id
    return [
        replace(change, renamed_to=to.get(change.logical_id), renamed_from=origin.get(change.logical_id))
        for change in changes
    ]


def _is_both(judgement: Judgement, old: str, new: str) -> bool:
    """Whether both templates have both: then a condition flipped, and nothing was renamed."""
    templates = (judgement.pair.before.template, judgement.pair.after.template)
    return all(name in template.resources for name in (old, new) for template in templates)


def _likeness(judgement: Judgement, old: str, new: str, gone: set[str]) -> float:
    """1: the same properties, as far as names of renamed things allow; 0: nothing in common."""
    before = next(view.before for view in judgement.views[old] if view.before is not None)
    after = next(view.after for view in judgement.views[new] if view.after is not None)
    name = facts.name_property(judgement.pair.type_of(old))
    if name and name in before and name in after and canonical(before[name]) == canonical(after[name]):
        return 1
    sides = [_neutral(judgement, side, gone) for side in (before, after)]
    most = max(map(len, sides))
    return len(sides[0] & sides[1]) / most if most else 1


def _neutral(judgement: Judgement, properties: dict[str, Value], gone: set[str]) -> set[str]:
    found = set()
    for path, _, value in leaves(properties):
        text = written(value)
        for reference in references(value):
            if reference.name in gone:
                kind = judgement.pair.type_of(reference.name)
                text = text.replace(str(reference), f"<{kind}.{reference.attribute}>")
        found.add(f"{path}={text}")
    return found
