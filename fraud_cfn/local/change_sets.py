"""Where ministack's change sets differ from CloudFormation's."""

from __future__ import annotations

from typing import Any

from ministack.services.cloudformation import _stacks, changesets, handlers
from ministack.services.cloudformation.engine import _evaluate_conditions
from ministack.services.cloudformation.helpers import _error, _p

Params = dict[str, Any]
Response = tuple[int, Any, bytes]

_ACTIONS = handlers._ACTION_HANDLERS
_create = _ACTIONS["CreateChangeSet"]
_resolve = changesets._resolve_props_for_diff


def register() -> None:
    """Put the differences right, once, before it serves."""
    changesets._resolve_props_for_diff = _resolve_existing
    _ACTIONS["CreateChangeSet"] = _create_where_possible
    for name in ("ListChangeSets", "DescribeChangeSet", "ExecuteChangeSet"):
        _ACTIONS[name] = _by_name(_ACTIONS[name])


def _resolve_existing(template: dict[str, Any], params: Params, *rest: Any) -> dict[str, Any]:
    """Compare only the resources whose condition holds: one that begins to hold adds its resource."""
    resolved = _resolve(template, params, *rest)
    conditions = _evaluate_conditions(template, params) if template else {}
    resources = {
        logical_id: resource
        for logical_id, resource in resolved.get("Resources", {}).items()
        if conditions.get(resource.get("Condition"), True)
    }
    return {**resolved, "Resources": resources}


def _create_where_possible(params: Params) -> Response:
    """Refuse what CloudFormation refuses: an update of a stack that is busy or was never created."""
    stack = handlers._resolve_stack(_p(params, "StackName"))
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


def _unfinished(status: str) -> bool:
    return status.endswith(("_FAILED", "_IN_PROGRESS")) and status != "REVIEW_IN_PROGRESS"


def _by_name(action: Any) -> Any:
    """Let the action find a stack by its ARN too."""

    def found(params: Params) -> Response:
        stack = next((s for s in _stacks.values() if s["StackId"] == _p(params, "StackName")), None)
        return action({**params, "StackName": [stack["StackName"]]} if stack else params)

    return found
