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
    traits = {change.logical_id: _traits(judgement, change, gone) for change in (*removed, *added)}
    scores = sorted(
        (
            (-_likeness(traits[old.logical_id], traits[new.logical_id]), position, old, new)
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


_Traits = tuple[str | None, set[str]]


def _traits(judgement: Judgement, change: Change, gone: set[str]) -> _Traits:
    """Its custom name, and its properties, alike for any name of a thing that comes or goes."""
    views = judgement.views[change.logical_id]
    sides = (view.before if change.action == "remove" else view.after for view in views)
    properties: dict[str, Value] = next(side for side in sides if side is not None)
    found: set[str] = set()
    for path, _, value in leaves(properties):
        text = written(value)
        for reference in references(value):
            if reference.name in gone:
                kind = judgement.pair.type_of(reference.name)
                text = text.replace(str(reference), f"<{kind}.{reference.attribute}>")
        found.add(f"{path}={text}")
    name = facts.name_property(change.type)
    return canonical(properties[name]) if name in properties else None, found


def _likeness(old: _Traits, new: _Traits) -> float:
    """1: the same name or the same properties; 0: nothing in common."""
    if old[0] is not None and old[0] == new[0]:
        return 1
    most = max(len(old[1]), len(new[1]))
    return len(old[1] & new[1]) / most if most else 1
