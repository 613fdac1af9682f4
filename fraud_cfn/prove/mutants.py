"""Templates with one deliberate fault each: what a slip or a saboteur would leave behind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from fraud_cfn.prove.sabotage import SABOTAGE

Path = tuple[str | int, ...]

_FLIPS = {
    "true": "false",
    "false": "true",
    "Allow": "Deny",
    "Deny": "Allow",
    "ENABLED": "DISABLED",
    "DISABLED": "ENABLED",
    "enabled": "disabled",
    "Delete": "Retain",
}
_CIDR = re.compile(r"\d+\.\d+\.\d+\.\d+/\d+")
_ACTION = re.compile(r"([a-z0-9-]+):[A-Za-z*]+")
_SUB_REFERENCE = re.compile(r"\$\{([A-Za-z0-9]+)(\.[A-Za-z0-9.]+)?\}")
_INTRINSIC = re.compile(r"Ref|Condition|Fn::\w+")
# What only people read: no deployment behaves otherwise for it.
_WORDS = ("Description", "ConstraintDescription", "Metadata", "AssertDescription")


@dataclass(frozen=True)
class Mutant:
    """One fault: where it is, what it does there, and how to make it in a copy of the template."""

    where: str
    fault: str
    apply: Callable[[dict[str, Any]], None]

    @property
    def name(self) -> str:
        return f"{self.where}: {self.fault}"

    def of(self, template: dict[str, Any]) -> dict[str, Any]:
        """A copy of the template with this fault."""
        copy = deepcopy(template)
        self.apply(copy)
        return copy


def mutants(template: dict[str, Any]) -> Iterator[Mutant]:
    """Every single fault of the template, then those that a saboteur would choose."""
    types = {name: resource["Type"] for name, resource in template["Resources"].items()}
    for section in ("Parameters", "Rules", "Mappings", "Conditions", "Resources", "Outputs"):
        for name, entry in template.get(section, {}).items():
            yield _drop((section, name))
            yield from _within((section, name), entry, types)
    for logical_id, kind in types.items():
        for path, value in SABOTAGE.get(kind, ()):
            full = ("Resources", logical_id, *path)
            if not _there(template, full):
                yield Mutant(_named(full), f"added {json.dumps(value)}", _setting(full, value))


def _there(node: Any, path: Path) -> bool:
    for key in path:
        try:
            node = node[key]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _within(path: Path, node: Any, types: dict[str, str]) -> Iterator[Mutant]:
    """The faults below a node; `path` leads there."""
    if isinstance(node, dict):
        yield from _within_mapping(path, node, types)
    elif isinstance(node, list):
        for index, item in enumerate(node):
            if path[-1] not in ("Fn::If", "Fn::GetAtt", "Fn::Join", "Fn::FindInMap", "Fn::Equals", "Fn::Sub"):
                yield _drop((*path, index))
            yield from _within((*path, index), item, types)
    elif isinstance(node, str) and (inner := _json(node)) is not None:
        yield from _within((*path, "(JSON)"), inner, types)
    else:
        yield from _leaf(path, node, types)


def _within_mapping(path: Path, node: dict[str, Any], types: dict[str, str]) -> Iterator[Mutant]:
    for key, value in node.items():
        if key in _WORDS and path[0] != "Resources":
            continue
        if key == "Type" and len(path) == 2:
            continue
        if not _INTRINSIC.fullmatch(key) or key == "Condition":
            yield _drop((*path, key))
        if key == "Fn::If":
            swapped = [value[0], value[2], value[1]]
            yield Mutant(_named(path), "the other branch of If", _setting((*path, key), swapped))
        elif key in ("Ref", "Fn::GetAtt"):
            yield from _swapped(path, node, types)
            continue
        elif key == "Fn::Equals":
            yield Mutant(_named(path), "negated", _setting(path, {"Fn::Not": [node]}))
        if path[-1] == "Statement" or "Statement" in path:
            yield from _widened((*path, key), value)
        yield from _within((*path, key), value, types)


def _swapped(path: Path, node: dict[str, Any], types: dict[str, str]) -> Iterator[Mutant]:
    """Another resource of the same type."""
    function, argument = next(iter(node.items()))
    name = argument if isinstance(argument, str) else argument[0]
    if other := _another(name, types):
        new = other if isinstance(argument, str) else [other, *argument[1:]]
        yield Mutant(_named(path), f"{name} became {other}", _setting(path, {function: new}))


def _another(name: str, types: dict[str, str]) -> str | None:
    alike = [other for other, kind in types.items() if kind == types.get(name)]
    return alike[(alike.index(name) + 1) % len(alike)] if len(alike) > 1 else None


def _widened(path: Path, value: Any) -> Iterator[Mutant]:
    if path[-1] == "Resource" and value not in ("*", ["*"]):
        yield Mutant(_named(path), "widened to *", _setting(path, "*"))
    if path[-1] == "Principal" and value != "*":
        yield Mutant(_named(path), "widened to *", _setting(path, "*"))
    if path[-1] == "Action":
        actions = value if isinstance(value, list) else [value]
        wide = sorted({f"{match[1]}:*" for action in actions if (match := _ACTION.fullmatch(str(action)))})
        if wide and wide != actions:
            yield Mutant(_named(path), f"widened to {', '.join(wide)}", _setting(path, wide))


def _leaf(path: Path, value: Any, types: dict[str, str]) -> Iterator[Mutant]:
    if isinstance(value, bool):
        yield Mutant(_named(path), f"{not value}", _setting(path, not value))
    elif isinstance(value, int | float):
        yield Mutant(_named(path), f"{value} became {value * 2 or 1}", _setting(path, value * 2 or 1))
    elif isinstance(value, str):
        yield from _text(path, value, types)


def _text(path: Path, value: str, types: dict[str, str]) -> Iterator[Mutant]:
    if path[-1] == "DependsOn" or path[-2:-1] == ("DependsOn",):
        return  # dropped already
    if value in _FLIPS:
        yield Mutant(_named(path), f"{value} became {_FLIPS[value]}", _setting(path, _FLIPS[value]))
        return
    if _CIDR.fullmatch(value) and value != "0.0.0.0/0":
        yield Mutant(_named(path), "widened to 0.0.0.0/0", _setting(path, "0.0.0.0/0"))
    if re.fullmatch(r"-?\d+(\.\d+)?", value):
        double = f"{float(value) * 2 or 1:g}"
        yield Mutant(_named(path), f"{value} became {double}", _setting(path, double))
        return
    for match in _SUB_REFERENCE.finditer(value):
        if other := _another(match[1], types):
            new = f"{value[: match.start(1)]}{other}{value[match.end(1) :]}"
            yield Mutant(_named(path), f"{match[1]} became {other}", _setting(path, new))
    if path[-1] not in (*_WORDS, "Ref", "Condition") and "Fn::GetAtt" not in path[-2:]:
        yield Mutant(_named(path), f"another text: {value}x"[:60], _setting(path, f"{value}x"))


def _json(text: str) -> Any:
    if not text.startswith("{"):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


# ── Making the fault ──────────────────────────────────────────────────────────────────────────────


def _named(path: Path) -> str:
    return ".".join(str(part) for part in path)


def _drop(path: Path) -> Mutant:
    def change(parent: Any, key: str | int) -> None:
        del parent[key]

    return Mutant(_named(path), "dropped", lambda template: _change(template, path, change))


def _setting(path: Path, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(parent: Any, key: str | int) -> None:
        try:
            parent[key] = deepcopy(value)
        except IndexError:
            parent.append(deepcopy(value))

    return lambda template: _change(template, path, change)


def _change(parent: Any, path: Path, change: Callable[[Any, str | int], None]) -> None:
    """Walk to the parent of what `path` names, through JSON in strings, and change it there."""
    for position, key in enumerate(path[:-1]):
        if path[position + 1] == "(JSON)":
            inner = json.loads(parent[key])
            if position + 2 == len(path):
                raise ValueError("the whole of a JSON text is changed as a text")
            _change(inner, path[position + 2 :], change)
            parent[key] = json.dumps(inner)
            return
        if isinstance(parent, dict) and key not in parent:
            parent[key] = {}
        parent = parent[key]
    change(parent, path[-1])
