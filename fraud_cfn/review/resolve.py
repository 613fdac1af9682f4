"""Evaluates one side of a change as far as values are known.

A `Side` is a template with the parameter values that are known. Its values come out as plain data, and
where something stays open, as one of

* `Text`: a string with references in it; `str()` writes it as `Fn::Sub` does: `${JobQueue.Arn}/*`
* `Call`: any other intrinsic that nobody can evaluate offline, its argument resolved

A **world** says what is unknown: for each open variable (a parameter whose value nobody told, or an
expression that cannot be evaluated) one value it may have. In a world every condition is true or false,
so a resolved tree has no `Fn::If` in it, and no `AWS::NoValue`.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fraud_cfn.review.model import Node, Template

Value = Any  # None | bool | int | float | str | Text | Call | list[Value] | dict[str, Value]
World = Mapping[str, object]  # variable → str, bool, or an Other

_SUB = re.compile(r"\$\{(!?)([^{}]*)\}")
_PSEUDO = "AWS::"
_INTRINSIC = re.compile(r"^(Ref|Fn::[A-Za-z:0-9]+)$")


@dataclass(frozen=True)
class Reference:
    """What `Ref` (no attribute) or `Fn::GetAtt` names: a parameter, a pseudo parameter or a resource."""

    name: str
    attribute: str | None = None
    # Of a parameter that is the name of what holds the value: that name, `""` where it is not known.
    looked_up: str | None = None

    def __str__(self) -> str:
        return f"${{{self.name}.{self.attribute}}}" if self.attribute else f"${{{self.name}}}"


@dataclass(frozen=True)
class Text:
    """A string that is known only in parts; never empty, never all plain, no two strings in a row."""

    parts: tuple[str | Reference | Call, ...]

    def __str__(self) -> str:
        return "".join(_escaped(part) if isinstance(part, str) else str(part) for part in self.parts)

    @property
    def references(self) -> tuple[Reference, ...]:
        """What it refers to, calls within it included."""
        return tuple(references(list(self.parts)))


@dataclass(frozen=True)
class Call:
    """An intrinsic that stays: `Call("Fn::ImportValue", "vpc")`."""

    function: str
    argument: Value = field(hash=False)

    def __str__(self) -> str:
        return json.dumps(plain(self), ensure_ascii=False)


@dataclass(frozen=True)
class Other:
    """A value of that parameter that what was looked at never names; `named`: what it does name."""

    parameter: str
    named: frozenset[str] = field(default=frozenset(), compare=False)


class _NoValue:
    pass


_NO_VALUE = _NoValue()


@dataclass(frozen=True)
class Side:
    """One template with the values that are known for its parameters.

    `values`: parameter (or pseudo parameter) → text. A parameter that is missing there is unknown.
    """

    template: Template
    values: Mapping[str, str] = field(default_factory=dict)

    def exists(self, logical_id: str, world: World) -> bool:
        """Whether that resource is in the template, and its condition holds."""
        declaration = self.template.resources.get(logical_id)
        return declaration is not None and self.holds(declaration.get("Condition"), world)

    def properties(self, logical_id: str, world: World) -> dict[str, Value] | None:
        """Its resolved properties; None where the resource does not exist in that world."""
        if not self.exists(logical_id, world):
            return None
        resolved = self.resolve(self.template.resources[logical_id].get("Properties") or {}, world)
        return resolved if isinstance(resolved, dict) else {"Fn::Transform": resolved}

    def holds(self, condition: Node, world: World) -> bool:
        """Whether a condition (its name; None holds always) holds in that world."""
        return condition is None or _Evaluation(self, world).condition(condition)

    def resolve(self, node: Node, world: World) -> Value:
        """A node of the template, resolved in that world; `AWS::NoValue` alone becomes None."""
        value = _Evaluation(self, world).value(node)
        return None if value is _NO_VALUE else value


def is_looked_up(kind: str) -> bool:
    """Whether a parameter of that type has the name of what holds the value: an SSM parameter."""
    return kind.startswith("AWS::SSM::Parameter::Value")


# ── What is open: the variables that a node's meaning turns on ──


def variables(side: Side, node: Node) -> dict[str, set[str] | None]:
    """Open variables that decide how a node resolves: parameter → the values it is compared with,
    or expression → None (true or false). Conditions are followed."""
    found: dict[str, set[str] | None] = {}
    _Search(side, found, set()).node(node)
    return found


@dataclass
class _Search:
    side: Side
    found: dict[str, set[str] | None]
    seen: set[str]

    def node(self, node: Node) -> None:
        if isinstance(node, list):
            for child in node:
                self.node(child)
        elif isinstance(node, dict):
            for key, child in node.items():
                if key == "Fn::If" and isinstance(child, list) and child:
                    self.condition(child[0])
                elif key == "Condition" and isinstance(child, str):
                    self.condition(child)
                elif key == "Fn::FindInMap" and isinstance(child, list) and len(child) >= 3:
                    self.find_in_map(child)
                self.node(child)

    def condition(self, condition: Node) -> None:
        if isinstance(condition, str):
            if condition not in self.seen:
                self.seen.add(condition)
                self.condition(self.side.template.conditions.get(condition))
            return
        if not isinstance(condition, dict) or len(condition) != 1:
            return
        [(function, argument)] = condition.items()
        if function == "Condition":
            self.condition(argument)
        elif function == "Fn::Equals" and isinstance(argument, list) and len(argument) == 2:
            self.equals(argument)
            self.node(argument)
        elif isinstance(argument, list):
            for item in argument:
                self.condition(item)
        if function not in _LOGIC and function != "Condition":
            self.found.setdefault(_expression(condition), None)

    def equals(self, argument: list[Node]) -> None:
        left, right = (self.side.resolve(item, {}) for item in argument)
        for one, another in ((left, right), (right, left)):
            if (name := _open_parameter(one)) is not None and not _is_open(another):
                self.compared(name, scalar(another))
                return
        if left != right and (_is_open(left) or _is_open(right)):
            self.found.setdefault(_equality(left, right), None)

    def find_in_map(self, argument: list[Node]) -> None:
        name, first, second = (self.side.resolve(item, {}) for item in argument[:3])
        mapping = self.side.template.mappings.get(name) if isinstance(name, str) else None
        if not isinstance(mapping, dict):
            return
        if (parameter := _open_parameter(first)) is not None:
            self.compared(parameter, *mapping)
        if (parameter := _open_parameter(second)) is not None:
            rows = [row for row in mapping.values() if isinstance(row, dict)]
            self.compared(parameter, *(str(key) for row in rows for key in row))

    def compared(self, parameter: str, *texts: str) -> None:
        known = self.found.get(parameter)
        self.found[parameter] = (known or set()) | set(texts)


_LOGIC = ("Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals")


def _open_parameter(value: Value) -> str | None:
    """The parameter, if the value is nothing but an unknown one."""
    if isinstance(value, Text) and len(value.parts) == 1:
        [part] = value.parts
        if isinstance(part, Reference) and part.attribute is None:
            return part.name
    return None


def _is_open(value: Value) -> bool:
    return isinstance(value, Text | Call | list | dict)


def _equality(left: Value, right: Value) -> str:
    return " = ".join(sorted((written(left), written(right))))


def _expression(node: Node) -> str:
    return json.dumps(node, sort_keys=True, default=str)


# ── Evaluation in one world ──


@dataclass(frozen=True)
class _Evaluation:
    side: Side
    world: World
    open_conditions: tuple[str, ...] = ()

    def value(self, node: Node) -> Value:
        if isinstance(node, dict):
            if len(node) == 1:
                [(key, argument)] = node.items()
                if _INTRINSIC.match(key):
                    return self.intrinsic(key, argument)
            children = {key: self.value(child) for key, child in node.items()}
            return {key: child for key, child in children.items() if child is not _NO_VALUE}
        if isinstance(node, list):
            return [child for child in map(self.value, node) if child is not _NO_VALUE]
        return node

    def intrinsic(self, function: str, argument: Node) -> Value:
        evaluate = _FUNCTIONS.get(function)
        value = evaluate(self, argument) if evaluate else _STAYS
        if value is _STAYS:
            return Call(function, self.value(argument))
        return value

    # Each returns _STAYS where the argument's form is not the function's, or something in it is open.

    def ref(self, argument: Node) -> Value:
        if argument == "AWS::NoValue":
            return _NO_VALUE
        if not isinstance(argument, str):
            return _STAYS
        known = self.side.values.get(argument)
        kind = str(self.side.template.parameters.get(argument, {}).get("Type"))
        if is_looked_up(kind):
            return Text((Reference(argument, looked_up=known or ""),))
        if known is None:
            return Text((Reference(argument),))
        if kind.startswith("List<") or kind == "CommaDelimitedList":
            return [item.strip() for item in known.split(",")]
        return known

    def get_att(self, argument: Node) -> Value:
        if isinstance(argument, str):
            argument = argument.split(".", 1)
        if isinstance(argument, list) and len(argument) >= 2:
            name, *attribute = (self.value(item) for item in argument)
            if isinstance(name, str):
                return Text((Reference(name, ".".join(map(written, attribute))),))
        return _STAYS

    def sub(self, argument: Node) -> Value:
        text, own = argument, {}
        if isinstance(argument, list) and len(argument) == 2:
            text, own = argument
        if not isinstance(text, str) or not isinstance(own, dict):
            return _STAYS
        pieces: list[Value] = []
        end = 0
        for match in _SUB.finditer(text):
            pieces.append(text[end : match.start()])
            end = match.end()
            name = match[2].strip()
            if match[1]:
                pieces.append(f"${{{match[2]}}}")
            elif name in own:
                pieces.append(self.value(own[name]))
            elif "." in name:
                pieces.append(self.get_att(name))
            else:
                pieces.append(self.ref(name))
        pieces.append(text[end:])
        return joined(pieces)

    def join(self, argument: Node) -> Value:
        if not isinstance(argument, list) or len(argument) != 2:
            return _STAYS
        delimiter, items = self.value(argument[0]), self.value(argument[1])
        if not isinstance(delimiter, str) or not isinstance(items, list):
            return _STAYS
        return joined([piece for item in items for piece in (delimiter, item)][1:])

    def choice(self, argument: Node) -> Value:
        if not isinstance(argument, list) or len(argument) != 3:
            return _STAYS
        condition, yes, no = argument
        return self.value(yes if self.condition(condition) else no)

    def find_in_map(self, argument: Node) -> Value:
        if not isinstance(argument, list) or len(argument) < 3:
            return _STAYS
        name, first, second = (self.known_text(self.value(item)) for item in argument[:3])
        mapping = self.side.template.mappings.get(name) if isinstance(name, str) else None
        if not isinstance(mapping, dict):
            return _STAYS
        # What may come out of it belongs to its meaning: a changed mapping is a difference.
        if isinstance(first, str):
            rows = {first: mapping[first]} if first in mapping else {}
        else:
            rows = _unnamed(first, mapping)
        if isinstance(second, str):
            rows = {key: row[second] for key, row in rows.items() if isinstance(row, dict) and second in row}
            if isinstance(first, str) and rows:
                return self.value(rows[first])
        else:
            cut = {key: _unnamed(second, row) for key, row in rows.items() if isinstance(row, dict)}
            rows = {key: row for key, row in cut.items() if row}
        match argument[3:]:
            case [{"DefaultValue": default}] if not rows:
                return self.value(default)
        return Call("Fn::FindInMap", [*(self.value(item) for item in argument), rows])

    def select(self, argument: Node) -> Value:
        if not isinstance(argument, list) or len(argument) != 2:
            return _STAYS
        position, items = self.value(argument[0]), self.value(argument[1])
        try:
            index = int(position)
        except (TypeError, ValueError):
            return _STAYS
        if isinstance(items, list) and 0 <= index < len(items):
            return items[index]
        match items:
            case Call("Fn::Cidr", [block, _, size]):
                # The block at a position depends on its size, not on how many are asked for.
                items = Call("Fn::Cidr", [block, size])
        return Call("Fn::Select", [index, items])

    def split(self, argument: Node) -> Value:
        if isinstance(argument, list) and len(argument) == 2:
            delimiter, text = self.value(argument[0]), self.value(argument[1])
            if isinstance(delimiter, str) and delimiter and isinstance(text, str):
                return text.split(delimiter)
        return _STAYS

    def get_azs(self, argument: Node) -> Value:
        region = self.value(argument)
        return Call("Fn::GetAZs", self.ref("AWS::Region") if region == "" else region)

    def cidr(self, argument: Node) -> Value:
        if not isinstance(argument, list) or len(argument) not in (2, 3):
            return _STAYS
        block, count, *size = (self.value(item) for item in argument)
        number, bits = scalar(count), scalar(size[0] if size else 8)
        if isinstance(block, str):
            try:
                network = ipaddress.ip_network(block)
                subnets = network.subnets(new_prefix=network.max_prefixlen - int(bits))
                return [str(subnet) for subnet, _ in zip(subnets, range(min(int(number), 256)), strict=False)]
            except ValueError:
                pass
        return Call("Fn::Cidr", [block, number, bits])

    def known_text(self, value: Value) -> Value:
        """What is known as text; of a parameter its value in this world."""
        if name := _open_parameter(value):
            return self.world.get(name, value)
        return value if _is_open(value) else scalar(value)

    # Conditions: always true or false; what the world leaves open holds.

    def condition(self, condition: Node) -> bool:
        if isinstance(condition, str):
            if condition in self.open_conditions or condition not in self.side.template.conditions:
                return bool(self.world.get(condition, True))
            inner = _Evaluation(self.side, self.world, (*self.open_conditions, condition))
            return inner.condition(self.side.template.conditions[condition])
        if isinstance(condition, dict) and len(condition) == 1:
            [(function, argument)] = condition.items()
            if function == "Condition":
                return self.condition(argument)
            if isinstance(argument, list) and function in _LOGIC:
                return self.logic(function, argument)
        return bool(self.world.get(_expression(condition), True))

    def logic(self, function: str, argument: list[Node]) -> bool:
        if function == "Fn::Equals" and len(argument) == 2:
            return self.equals(*argument)
        if function == "Fn::Not" and len(argument) == 1:
            return not self.condition(argument[0])
        hold = any if function == "Fn::Or" else all
        return hold(self.condition(item) for item in argument)

    def equals(self, one: Node, another: Node) -> bool:
        left, right = self.value(one), self.value(another)
        key = _equality(left, right)
        if key in self.world:
            return bool(self.world[key])
        return self.known_text(left) == self.known_text(right)


def _unnamed(name: Value, rows: dict[str, Node]) -> dict[str, Node]:
    """What a name may find: all, unless it is one that is named nowhere."""
    return {key: row for key, row in rows.items() if not isinstance(name, Other) or key not in name.named}


class _Stays:
    pass


_STAYS = _Stays()
_FUNCTIONS: dict[str, Callable[[_Evaluation, Node], Value]] = {
    "Ref": _Evaluation.ref,
    "Fn::GetAtt": _Evaluation.get_att,
    "Fn::Sub": _Evaluation.sub,
    "Fn::Join": _Evaluation.join,
    "Fn::If": _Evaluation.choice,
    "Fn::FindInMap": _Evaluation.find_in_map,
    "Fn::Select": _Evaluation.select,
    "Fn::Split": _Evaluation.split,
    "Fn::Cidr": _Evaluation.cidr,
    "Fn::GetAZs": _Evaluation.get_azs,
}


def joined(pieces: list[Value]) -> Value:
    """Pieces put together: text where all are known, else a Text; _STAYS for what is no text within."""
    parts: list[str | Reference | Call] = []
    known = [piece for piece in pieces if piece is not _NO_VALUE]
    if any(isinstance(piece, list | dict) or piece is None for piece in known):
        return _STAYS
    for piece in known:
        for part in piece.parts if isinstance(piece, Text) else (piece,):
            if isinstance(part, Reference | Call):
                parts.append(part)
            elif parts and isinstance(parts[-1], str):
                parts[-1] += scalar(part)
            elif scalar(part):
                parts.append(scalar(part))
    if len(parts) <= 1 and not any(isinstance(part, Reference) for part in parts):
        return parts[0] if parts else ""
    return Text(tuple(parts))


# ── Values as text ──


def scalar(value: Value) -> str:
    """A scalar as CloudFormation compares it: `true` and `'true'`, `80` and `'80'` are the same."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def written(value: Value) -> str:
    """A value as one line of text: strings bare, references as Sub writes them, the rest as JSON."""
    if isinstance(value, list | dict):
        return json.dumps(plain(value), ensure_ascii=False)
    return scalar(value)


def plain(value: Value) -> Value:
    """A value as JSON has it: a Text is its string, a Call its object, `AWS::NoValue` within one null."""
    if isinstance(value, Text):
        return str(value)
    if isinstance(value, Call):
        return {value.function: plain(value.argument)}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return None if value is _NO_VALUE else value


def is_missing(value: Value) -> bool:
    """Whether something in it is looked up in a mapping that does not have it."""
    if isinstance(value, Call):
        is_lookup = value.function == "Fn::FindInMap" and isinstance(value.argument, list)
        return (is_lookup and value.argument[-1] == {}) or is_missing(value.argument)
    if isinstance(value, Text):
        return is_missing(list(value.parts))
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(is_missing(child) for child in children)


def references(value: Value) -> Iterator[Reference]:
    """Every reference in a resolved value, in order, repeated where it stands twice."""
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, Text):
        yield from references(list(value.parts))
    elif isinstance(value, Call):
        yield from references(value.argument)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from references(item)


def _escaped(text: str) -> str:
    return text.replace("${", "${!")
