"""Where ministack's change sets differ from CloudFormation's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any
from xml.etree import ElementTree

import yaml
from ministack.services.cloudformation import _stacks, changesets, engine, handlers
from ministack.services.cloudformation.engine import _evaluate_conditions, _resolve_refs
from ministack.services.cloudformation.helpers import _error, _p

Params = dict[str, Any]
Template = dict[str, Any]
Response = tuple[int, Any, bytes]

_ACTIONS = handlers._ACTION_HANDLERS
_create = _ACTIONS["CreateChangeSet"]
_describe = _ACTIONS["DescribeChangeSet"]
_diff = changesets._diff_resources
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, if there is one


def register() -> None:
    """Put the differences right, once, before it serves."""
    changesets._resolve_props_for_diff = _resolve_existing
    changesets._diff_resources = _diff_with_values
    _ACTIONS["CreateChangeSet"] = _create_where_possible
    _ACTIONS["DescribeChangeSet"] = _describe_with_values
    for name in ("ListChangeSets", "DescribeChangeSet", "ExecuteChangeSet"):
        _ACTIONS[name] = _by_name(_ACTIONS[name])
    constructors = {"yaml_constructors": engine.CfnLoader.yaml_constructors}
    engine.CfnLoader = type("CfnLoader", (_SafeLoader,), constructors)


def _resolve_existing(template: Template, params: Params, stack: str, stack_id: str) -> Template:
    """Compare the resources whose condition holds, with the values that the stack's resources have now.

    So a condition that begins to hold adds its resource.
    """
    conditions = _evaluate_conditions(template, params) if template else {}
    current = _stacks.get(stack, {}).get("_resources", {})
    resolved = {}
    for logical_id, resource in template.get("Resources", {}).items():
        if conditions.get(resource.get("Condition"), True):
            properties = deepcopy(resource.get("Properties", {}))
            with suppress(ValueError):  # an attribute that is not known yet: compare as written
                properties = _resolve_refs(
                    properties, current, params, conditions, template.get("Mappings", {}), stack, stack_id
                )
            resolved[logical_id] = {**resource, "Properties": _as_texts(properties)}
    return {"Resources": resolved}


def _as_texts(value: Any) -> Any:
    """Properties as CloudFormation compares them: 30 and '30', true and 'true' are the same."""
    if isinstance(value, dict):
        return {name: _as_texts(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_as_texts(each) for each in value]
    return _text(value)


def _create_where_possible(params: Params) -> Response:
    """Refuse what CloudFormation refuses: an update of a stack that is busy or was never created."""
    stack = _named(params)
    if not stack:
        return _create(params)
    status, kind = stack["StackStatus"], _p(params, "ChangeSetType", "UPDATE")
    if _unfinished(status) or (kind == "UPDATE" and status in ("ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS")):
        message = f"Stack:{stack['StackId']} is in {status} state and can not be updated."
        return _error("ValidationError", message)
    if kind == "CREATE" and status == "ROLLBACK_COMPLETE":
        again = f"cannot be created again with the changeSet [{_p(params, 'ChangeSetName')}]."
        return _error("AlreadyExistsException", f"Stack [{stack['StackName']}] already exists and {again}")
    return _create(params)


def _named(params: Params) -> Any:
    name = _p(params, "StackName")
    return next((stack for stack in _stacks.values() if name in (stack["StackName"], stack["StackId"])), None)


def _unfinished(status: str) -> bool:
    return status.endswith(("_FAILED", "_IN_PROGRESS")) and status != "REVIEW_IN_PROGRESS"


def _by_name(action: Any) -> Any:
    """Let the action find a stack by its ARN too."""

    def found(params: Params) -> Response:
        stack = _named(params)
        return action({**params, "StackName": [stack["StackName"]]} if stack else params)

    return found


# ── Property values: before and after, where DescribeChangeSet is asked for them ──


def _diff_with_values(old: Template, new: Template, *rest: Any) -> list[dict[str, Any]]:
    changes = _diff(old, new, *rest)
    for change in changes:
        logical_id = change["ResourceChange"]["LogicalResourceId"]
        sides = (template.get("Resources", {}).get(logical_id, {}) for template in (old, new))
        change["_properties"] = tuple(side.get("Properties") or {} for side in sides)
    return changes


def _describe_with_values(params: Params) -> Response:
    status, headers, body = _describe(params)
    _, change_set = changesets._find_change_set(_p(params, "ChangeSetName"), _p(params, "StackName"))
    if status >= 400 or not change_set or _p(params, "IncludePropertyValues") != "true":
        return status, headers, body
    root = ElementTree.fromstring(body)  # noqa: S314 - our own answer
    space = root.tag.partition("}")[0] + "}"
    ElementTree.register_namespace("", space.strip("{}"))
    shown = root.findall(f".//{space}ResourceChange")
    for element, change in zip(shown, change_set["Changes"], strict=True):
        _add_values(element, space, *change["_properties"])
    return status, headers, ElementTree.tostring(root)


def _add_values(element: ElementTree.Element, space: str, before: Template, after: Template) -> None:
    """A detail for each value that differs, and both sides as a whole."""
    for name, side in (("BeforeContext", before), ("AfterContext", after)):
        if side:
            _append(element, space, {name: json.dumps({"Properties": side})})
    details = element.find(f"{space}Details")
    for detail in list(details if details is not None else ()):
        name = detail.findtext(f"{space}Target/{space}Name")
        if not name or details is None:
            continue
        details.remove(detail)
        path = f"/Properties/{name}"
        known = {"BeforeValue": _text(before[name])} if name in before else {}
        unknown = {"Path": path, **known, "AfterValue": "{{changeSet:KNOWN_AFTER_APPLY}}"}
        for value in list(_differences(path, before.get(name), after.get(name))) or [unknown]:
            shown = deepcopy(detail)
            target = shown.find(f"{space}Target")
            if target is not None:
                _append(target, space, value)
            details.append(shown)


def _differences(path: str, before: Any, after: Any) -> Iterator[dict[str, str]]:
    """Path, BeforeValue, AfterValue and AttributeChangeType of every value that differs below `path`."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in {**before, **after}:
            yield from _differences(f"{path}/{name}", before.get(name), after.get(name))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for position, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differences(f"{path}/{position}", old, new)
    else:
        kind = "Add" if before is None else "Remove" if after is None else "Modify"
        sides = {"BeforeValue": before, "AfterValue": after}
        texts = {name: _text(value) for name, value in sides.items() if value is not None}
        yield {"Path": path, **texts, "AttributeChangeType": kind}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _append(element: ElementTree.Element, space: str, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        ElementTree.SubElement(element, f"{space}{name}").text = text
