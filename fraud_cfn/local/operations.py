"""How stack operations run here: at a pace to watch, with failures on request, with AWS's events.

CloudFormation reports no event for a resource that an update leaves alone, and CREATE
events for one that it adds; ministack reports an update of every resource.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

from ministack.services import cloudformation as engine
from ministack.services import ssm
from ministack.services.cloudformation import changesets, handlers, stacks

from fraud_cfn.local import FAILURE
from fraud_cfn.local.requests import json_call

_add_event = stacks._add_event
_provision_resource = stacks._provision_resource
_update_resource = stacks._update_resource
_delete_resource = stacks._delete_resource

_held: dict[tuple[str, str], str] = {}  # (stack, logical id) → stack id: perhaps unchanged
_running: dict[str, asyncio.Task[None]] = {}  # stack id → its last operation
_pace = 0.0
_added: set[tuple[str, str]] = set()  # (stack, logical id): created by an update


def register(pace: float) -> None:
    """Change ministack's stack operations, once, before it serves; `pace` in seconds for each resource."""
    global _pace  # set once, before it serves
    _pace = pace
    stacks._add_event = _event
    stacks._provision_resource = partial(_provision, pace)
    stacks._update_resource = partial(_update, pace)
    stacks._delete_resource = partial(_delete, pace)
    handlers._create_stack_task_in_region = changesets._create_stack_task_in_region = _operate
    if pace:  # on a thread each, so that others are served meanwhile
        stacks._runs_on_worker_thread = lambda _: True


def pace() -> float:
    """How long each resource takes, and each stage of a service's deployment, in seconds."""
    return _pace


def _operate(work: Coroutine[Any, Any, None], stack: dict[str, Any] | None, stack_id: str = "") -> None:
    """Begin an operation. A deletion gives up what goes on, as in AWS; ministack lets both run."""
    with stacks._stack_region_context(stack, stack_id):
        if work.__name__ == "_delete_stack_async" and stack_id in _running:
            _running[stack_id].cancel()
        _running[stack_id] = asyncio.get_event_loop().create_task(work)


def _event(
    stack_id: str, stack: str, logical_id: str, kind: str, status: str, *rest: Any, **named: Any
) -> None:
    key = (stack, logical_id)
    if status == "UPDATE_IN_PROGRESS" and not rest and not named:
        _held[key] = stack_id
        return
    if _held.pop(key, None) and status == "UPDATE_COMPLETE":
        return  # nothing about it changed
    if key in _added and status in ("UPDATE_COMPLETE", "UPDATE_FAILED"):
        _added.remove(key)
        status = status.replace("UPDATE", "CREATE")
    whole = engine._stacks.get(stack, {})
    if status == "UPDATE_ROLLBACK_FAILED":  # what it failed on reads so, as AWS says it
        for name in whole.get("_rollback_failed", ()):
            whole["_resources"][name]["ResourceStatus"] = "UPDATE_FAILED"
    elif status == "UPDATE_COMPLETE" and logical_id in whole.get("_rollback_failed", ()):
        whole["_resources"][logical_id]["ResourceStatus"] = status
    _add_event(stack_id, stack, logical_id, kind, status, *rest, **named)


def _provision(pace: float, kind: str, logical_id: str, props: Any, stack: str) -> Any:
    if (stack, logical_id) in _held:
        _added.add((stack, logical_id))
    _begin(pace, stack, logical_id, kind, "CREATE_IN_PROGRESS")
    if engine._stacks.get(stack, {}).get("StackStatus") == "DELETE_IN_PROGRESS":
        raise ValueError("Resource creation cancelled")
    return _provision_resource(kind, logical_id, props, stack)


def _update(
    pace: float, kind: str, identifier: str, old: Any, new: Any, stack: str, logical_id: str, *rest: Any
) -> Any:
    if old != new:
        _begin(pace, stack, logical_id, kind, "UPDATE_IN_PROGRESS")
    return _update_resource(kind, identifier, old, new, stack, logical_id, *rest)


def _delete(pace: float, kind: str, identifier: str, props: Any, stack: str, logical_id: str) -> Any:
    _begin(pace, stack, logical_id, kind, "DELETE_IN_PROGRESS")
    return _delete_resource(kind, identifier, props, stack, logical_id)


def _begin(pace: float, stack: str, logical_id: str, kind: str, status: str) -> None:
    if stack_id := _held.pop((stack, logical_id), None):
        _add_event(stack_id, stack, logical_id, kind, status)
    time.sleep(pace)
    name = FAILURE.format(stack=stack, logical_id=logical_id)
    reason, _, later = (ssm.resolve_parameter_value(name, None, decrypt=True) or "").partition("\n")
    if later:
        json_call(ssm, "PutParameter", {"Name": name, "Value": later, "Type": "String", "Overwrite": True})
    else:
        with suppress(ValueError):  # it need not be there
            json_call(ssm, "DeleteParameter", {"Name": name})
    if reason:
        raise ValueError(reason)
