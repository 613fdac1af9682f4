"""Templates with one deliberate fault each: what a slip or a saboteur would leave behind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

import yaml

from fraud_cfn.prove.additions import additions
from fraud_cfn.prove.sabotage import SABOTAGE

PLOTS = File(__file__).with_name("plots.yaml")

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
_ARGUMENTS = {
    f"Fn::{name}"
    for name in ["If", "GetAtt", "Join", "FindInMap", "Equals", "Sub", "Select", "Cidr", "Split"]
}
# What CloudFormation itself obeys, beside the properties.
_ATTRIBUTES = {
    "DeletionPolicy": "Retain",
    "UpdateReplacePolicy": "Retain",
    "UpdatePolicy": {"AutoScalingReplacingUpdate": {"WillReplace": True}},
    "CreationPolicy": {"ResourceSignal": {"Count": 1}},
    "Condition": "IsLive",
    "DependsOn": ["Vpc"],
    "Metadata": {"cfn-lint": {"config": {"ignore_checks": ["E3012"]}}},
}
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
        return " ".join(f"{self.where}: {self.fault}".split())

    def of(self, template: dict[str, Any]) -> dict[str, Any]:
        """A copy of the template with this fault."""
        copy = deepcopy(template)
        self.apply(copy)
        return copy


def mutants(template: dict[str, Any]) -> Iterator[Mutant]:
    """Every single fault of the template, then what could be added to it, then what a saboteur would do."""
    types = {name: resource["Type"] for name, resource in template["Resources"].items()}
    # A parameter becomes another of its kind, a condition another condition.
    types |= {name: f"a parameter: {entry['Type']}" for name, entry in template["Parameters"].items()}
    types |= dict.fromkeys(template["Conditions"], "a condition")
    for section in ("Parameters", "Rules", "Mappings", "Conditions", "Resources", "Outputs"):
        for name, entry in template.get(section, {}).items():
            yield _drop((section, name))
            yield from _within((section, name), entry, types)
    for path, value in dict(_added(template, types)).items():
        if not _there(template, path):
            yield Mutant(_named(path), f"added {json.dumps(value)}", _setting(path, value))
    plots = yaml.safe_load(PLOTS.read_text(encoding="utf-8"))
    for name, changes in plots.items():
        yield Mutant("plot", name, lambda template, changes=changes: _carry_out(template, changes))


def _added(template: dict[str, Any], types: dict[str, str]) -> Iterator[tuple[Path, Any]]:
    """What stands nowhere in the template, and could."""
    for logical_id, kind in types.items():
        for path, value in SABOTAGE.get(kind, ()):
            yield ("Resources", logical_id, *path), value
    for path, value in additions(template["Resources"]):
        yield ("Resources", *path), value
    for logical_id in template["Resources"]:
        for name, value in _ATTRIBUTES.items():
            yield ("Resources", logical_id, name), value
    for name in template["Parameters"]:
        yield ("Parameters", name, "NoEcho"), True
    for name in template["Outputs"]:
        yield ("Outputs", name, "Export"), {"Name": name}


def _carry_out(template: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for where, value in changes.items():
        path = tuple(int(step) if step.isdigit() else step for step in where.split("/"))
        if value is None:
            _drop(path).apply(template)
        else:
            _setting(path, value)(template)


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
        if path[-1] not in _ARGUMENTS and node:
            more = deepcopy(node[-1]) if isinstance(node[-1], dict) else "other"
            yield Mutant(_named((*path, len(node))), "one more", _setting((*path, len(node)), more))
        for index, item in enumerate(node):
            if path[-1] not in _ARGUMENTS:
                yield _drop((*path, index))
            yield from _within((*path, index), item, types)
    elif isinstance(node, str) and (inner := _json(node)) is not None:
        yield from _within((*path, "(JSON)"), inner, types)
    else:
        yield from _leaf(path, node, types)


def _within_mapping(path: Path, node: dict[str, Any], types: dict[str, str]) -> Iterator[Mutant]:
    for key, value in node.items():
        below = (*path, key)
        if (key in _WORDS and path[0] != "Resources") or (key == "Type" and len(path) == 2):
            continue
        if not _INTRINSIC.fullmatch(key) or key == "Condition":
            yield _drop(below)
        if key in ("Ref", "Fn::GetAtt"):
            yield from _swapped(path, node, types)
        elif key == "Condition" and isinstance(value, str):
            yield from _swapped(below, value, types)
        elif key == "Fn::If":
            yield from _in_a_choice(below, value, types)
        else:
            if key == "Fn::Equals":
                yield Mutant(_named(path), "negated", _setting(path, {"Fn::Not": [node]}))
            if "Statement" in path:
                yield from _widened(below, value)
            yield from _within(below, value, types)


def _in_a_choice(path: Path, choice: list[Any], types: dict[str, str]) -> Iterator[Mutant]:
    condition, yes, no = choice
    yield Mutant(_named(path), "the other branch", _setting(path, [condition, no, yes]))
    yield from _swapped((*path, 0), condition, types)
    for index, value in ((1, yes), (2, no)):
        yield from _within((*path, index), value, types)


def _swapped(path: Path, node: Any, types: dict[str, str]) -> Iterator[Mutant]:
    """Another resource of the same type, another parameter of the same kind, another condition."""
    if isinstance(node, str):
        if other := _another(node, types):
            yield Mutant(_named(path), f"{node} became {other}", _setting(path, other))
        return
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
    if path[-1] == "AllowedPattern":
        yield Mutant(_named(path), "takes everything", _setting(path, "^.*$"))
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
