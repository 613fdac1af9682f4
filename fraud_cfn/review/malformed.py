"""What CloudFormation refuses of a template for its form alone.

What BEFORE has too is not told: the stack exists. Sources: the User Guide's page of each section, as cfn-lint
has it in `data/schemas/other`; "Invalid template property or properties [x]" (Versent/cfn-check#3), "Invalid
template resource property 'x'" (cloudtools/troposphere#140), "Every Outputs member must contain a Value
object" (aws-samples/aws-iot-chat-example#1), "Every Default member must be a string".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fraud_cfn.review.model import Node, Template
from fraud_cfn.review.pair import Pair
from fraud_cfn.review.unresolved import is_whole

_SECTIONS = (
    "AWSTemplateFormatVersion",
    "Description",
    "Hooks",
    "Metadata",
    "Rules",
    "Transform",
    "Conditions",
)
_KEYS = {
    "Resources": "Condition CreationPolicy DeletionPolicy DependsOn Metadata Properties Type UpdatePolicy"
    " UpdateReplacePolicy Version",
    "Parameters": "AllowedPattern AllowedValues ConstraintDescription Default Description MaxLength MaxValue"
    " MinLength MinValue NoEcho Type",
    "Outputs": "Condition Description Export Value",
}
_MOST = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Mappings": 200}  # "CloudFormation quotas"
_POLICIES = ("Delete", "Retain", "RetainExceptOnCreate", "Snapshot")
_TYPE = re.compile(r"String|CommaDelimitedList|Number|(List<)?(Number|String|AWS::.+)>?")
_ARGUMENTS = {"Fn::Not": (1, 1), "Fn::Equals": (2, 2), "Fn::And": (2, 10), "Fn::Or": (2, 10)}


def malformed(pair: Pair) -> list[str]:
    """Why AFTER is refused, where BEFORE is not for the same."""
    if not is_whole(pair.after.template):
        return []
    known = {*_wrong(pair.before.template)}
    return [reason for reason in dict.fromkeys(_wrong(pair.after.template)) if reason not in known]


def _wrong(template: Template) -> Iterator[str]:
    for key, node in template.body.items():
        yield from _of_section(key, node)
    for key, most in _MOST.items():
        entries: dict[str, Node] = getattr(template, key.lower())
        if len(entries) > most:
            yield f"{key}: {len(entries)}, and a template has {most} at most"
        for name, entry in entries.items():
            one = f"the {key.lower()[:-1]} {name}"
            if not re.fullmatch(r"[A-Za-z0-9]{1,255}", name):
                yield f"{one} has a name that is not 1 to 255 letters and digits"
            if key in _KEYS:
                yield from (f"{one} cannot have {part}" for part in entry if part not in _KEYS[key].split())
            yield from (f"{one} {reason}" for reason in _FORMS[key](entry))
    for name, node in template.conditions.items():
        yield from (f"the condition {name} {reason}" for reason in _of_condition(node))


def _of_section(key: str, node: Node) -> Iterator[str]:
    if key not in (*_SECTIONS, *_MOST):
        yield f"a template has no section {key}"
    elif key == "AWSTemplateFormatVersion" and str(node) != "2010-09-09":
        yield f"AWSTemplateFormatVersion is {node}, and can be 2010-09-09 alone"
    elif key == "Description" and not isinstance(node, str):
        yield "the Description is no text"
    elif key == "Metadata" and not isinstance(node, dict):
        yield "the Metadata are no mapping"


def _of_resource(entry: dict[str, Node]) -> Iterator[str]:
    waits_for = entry.get("DependsOn", [])
    if not isinstance(waits_for, str) and not _are_texts(waits_for):
        yield "has a DependsOn that is no list of names"
    if not isinstance(entry.get("Condition", ""), str):
        yield "has a Condition that is no name"
    for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
        value = entry.get(policy, "Delete")
        if not isinstance(value, dict) and value not in _POLICIES:  # a mapping: AWS::LanguageExtensions
            yield f"has the {policy} {value}, which is none of {', '.join(_POLICIES)}"


def _of_parameter(entry: dict[str, Node]) -> Iterator[str]:
    kind = entry.get("Type")
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
        yield "has no Type" if kind is None else f"has the Type {kind}, which CloudFormation does not know"
    if not _is_scalar(entry.get("Default", "")):
        yield "has a Default that is no text"
    if not _is_scalar(entry.get("AllowedPattern", "")):
        yield "has an AllowedPattern that is no text"
    values = entry.get("AllowedValues", [])
    if not isinstance(values, list) or not all(map(_is_scalar, values)):
        yield "has AllowedValues that are no list of texts"


def _of_output(entry: dict[str, Node]) -> Iterator[str]:
    if entry.get("Value") is None:
        yield "has no Value"
    if not isinstance(entry.get("Export", {}), dict):
        yield "has an Export without Name"


def _of_mapping(entry: Node) -> Iterator[str]:
    rows = list(entry.values()) if isinstance(entry, dict) else [entry]
    values = [value for row in rows if isinstance(row, dict) for value in row.values()]
    if not all(isinstance(row, dict) for row in rows) or any(
        value is None or isinstance(value, dict) for value in values
    ):
        yield "is not two levels of keys with texts or lists"


def _of_condition(node: Node) -> Iterator[str]:
    """Its function, and those within: each has its number of arguments."""
    if not isinstance(node, dict) or len(node) != 1:
        yield "is no condition function"
        return
    [(function, argument)] = node.items()
    if function not in _ARGUMENTS:
        if function != "Condition" and not function.startswith("Fn::"):
            yield "is no condition function"
        return
    least, most = _ARGUMENTS[function]
    if not isinstance(argument, list) or not least <= len(argument) <= most:
        number = str(least) if least == most else f"{least} to {most}"
        yield f"has {function} without its {number} argument{'s' if most > 1 else ''}"
    elif function != "Fn::Equals":
        for one in argument:
            yield from _of_condition(one)


def _is_scalar(node: Node) -> bool:
    return isinstance(node, str | int | float)


def _are_texts(node: Node) -> bool:
    return isinstance(node, list) and all(isinstance(item, str) for item in node)


_FORMS = {
    "Resources": _of_resource,
    "Parameters": _of_parameter,
    "Outputs": _of_output,
    "Mappings": _of_mapping,
}
