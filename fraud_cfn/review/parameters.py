"""What a change does to parameters: what differs, and what the update would be refused for.

The stack keeps its values: a changed default reaches new stacks only. A new parameter takes its default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from fraud_cfn.review.diff import is_same
from fraud_cfn.review.mentions import mentioned
from fraud_cfn.review.model import Node, Template
from fraud_cfn.review.pair import Pair
from fraud_cfn.review.patterns import widens
from fraud_cfn.review.resolve import is_looked_up, scalar
from fraud_cfn.template import constraints

_RANGE = ("MinValue", "MaxValue", "MinLength", "MaxLength")
_KINDS = {
    "default": ("Default",),
    "pattern": ("AllowedPattern",),
    "allowed-values": ("AllowedValues",),
    "range": _RANGE,
    "type": ("Type",),
    "no-echo": ("NoEcho",),
}


@dataclass(frozen=True)
class ParameterChange:
    """One thing that differs in a parameter; `fails` says why the update is refused, else it is empty."""

    name: str
    change: str  # added, removed, value, or a key of _KINDS
    before: Node
    after: Node
    note: str = ""
    fails: str = ""


def compare(pair: Pair) -> list[ParameterChange]:
    """Every difference in the parameters, and every value that AFTER would refuse."""
    before, after = pair.before.template.parameters, pair.after.template.parameters
    renames = _renames(before, after)
    found: list[ParameterChange] = []
    for name in {**after, **before}:
        if name not in before:
            found.append(_added(pair, name, renames))
        elif name not in after:
            found.append(_removed(pair, name, renames))
        else:
            found += _changed(pair, name, before[name], after[name])
    return found


def _added(pair: Pair, name: str, renames: Mapping[str, str]) -> ParameterChange:
    declaration = pair.after.template.parameters[name]
    default = declaration.get("Default")
    value = pair.after.values.get(name, None if default is None else scalar(default))
    fails, note = "", ""
    if value is None:
        fails = f"needs a value: --param {name}=…"
    elif wrong := misfit(declaration, value):
        fails = f"its value is refused: {wrong}"
    if old := {new: old for old, new in renames.items()}.get(name):
        note = f"renamed from {old}: the stack's value is lost"
    return ParameterChange(name, "added", None, default, note, fails)


def _removed(pair: Pair, name: str, renames: Mapping[str, str]) -> ParameterChange:
    declaration = pair.before.template.parameters[name]
    note = f"renamed to {renames[name]}: the stack's value is lost" if name in renames else ""
    fails = "" if not _is_referred(pair.after.template, name) else "is still referred to"
    return ParameterChange(name, "removed", declaration.get("Default"), None, note, fails)


def _changed(
    pair: Pair, name: str, before: Mapping[str, Node], after: Mapping[str, Node]
) -> Iterator[ParameterChange]:
    had, kept = pair.before.values.get(name), pair.after.values.get(name)
    wrong = misfit(after, kept) if kept is not None else ""
    if had != kept:
        fails = f"its value is refused: {wrong}" if wrong else ""
        note = "" if had is not None else "the value that the stack has is not known here"
        yield ParameterChange(name, "value", had, kept, note, fails)
    for kind, keys in _KINDS.items():
        changed = [key for key in keys if not _is_same(key, before.get(key), after.get(key))]
        if not changed:
            continue
        sides = [
            {key: side[key] for key in changed if key in side} if kind == "range" else side.get(keys[0])
            for side in (before, after)
        ]
        note = "applies to new stacks only" if kind == "default" else ""
        if kept is None and kind in ("pattern", "allowed-values", "range", "type"):
            note = (
                "may be refused: depends on the value that the stack has"
                if _may_refuse(kind, before, after)
                else ""
            )
        fails = f"the stack's value is refused: {wrong}" if wrong and kind != "default" else ""
        yield ParameterChange(name, kind, sides[0], sides[1], note, fails)


def _may_refuse(kind: str, before: Mapping[str, Node], after: Mapping[str, Node]) -> bool:
    """Whether AFTER may refuse a value that BEFORE took."""
    old, new = ({key: side.get(key) for key in _KINDS[kind]} for side in (before, after))
    if kind == "pattern":
        patterns = [
            None if side["AllowedPattern"] is None else str(side["AllowedPattern"]) for side in (new, old)
        ]
        return widens(patterns[0], patterns[1]) is not False
    if kind == "allowed-values":
        allowed = [{scalar(value) for value in side["AllowedValues"] or ()} for side in (old, new)]
        return bool(allowed[1]) and (not allowed[0] or bool(allowed[0] - allowed[1]))
    if kind == "type":
        return scalar(new["Type"]) not in ("String", "CommaDelimitedList")
    return any(_number(new[key], -inf) > _number(old[key], -inf) for key in ("MinValue", "MinLength")) or any(
        _number(new[key], inf) < _number(old[key], inf) for key in ("MaxValue", "MaxLength")
    )


def _number(value: Node, absent: float) -> float:
    try:
        return float(scalar(value))
    except ValueError:
        return absent


def _is_same(key: str, before: Node, after: Node) -> bool:
    if key == "NoEcho":
        return (scalar(before) == "true") == (scalar(after) == "true")
    if isinstance(before, list) and isinstance(after, list):
        return {scalar(value) for value in before} == {scalar(value) for value in after}
    if before is None or after is None:
        return before is after
    return is_same(before, after)


def misfit(declaration: Mapping[str, Any], value: str) -> str:
    """What a parameter's own constraints say against a value; empty where nothing."""
    if is_looked_up(str(declaration.get("Type"))):
        return ""  # the constraints are for what is looked up
    try:
        return constraints.misfit(declaration, value)
    except (TypeError, ValueError):  # constraints that are none
        return ""


def _renames(before: Mapping[str, Node], after: Mapping[str, Node]) -> dict[str, str]:
    """Removed parameter → added one that is declared alike."""
    found: dict[str, str] = {}
    for old in before:
        if old in after:
            continue
        for new in after:
            if new not in before and new not in found.values() and _is_alike(before[old], after[new]):
                found[old] = new
                break
    return found


def _is_alike(one: Mapping[str, Node], another: Mapping[str, Node]) -> bool:
    keys = ("Type", "Default", "AllowedPattern", "AllowedValues", *_RANGE)
    return all(one.get(key) == another.get(key) for key in keys)


def _is_referred(template: Template, name: str) -> bool:
    """Whether anything of the template names that parameter, which it does not declare."""
    if name in template.resources:
        return False
    body = [node for key, node in template.body.items() if key != "Metadata"]
    return any(reference.name == name for reference in mentioned(body))
