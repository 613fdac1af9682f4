"""Stack events of one operation, each once, in order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from fraud_cfn.deploy.stack.statuses import in_progress

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import StackEventTypeDef

_STARTS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS")


@dataclass(frozen=True)
class Event:
    """One event; `of_stack` where it is about the stack itself."""

    id: str
    time: datetime
    logical_id: str
    type: str
    status: str
    reason: str
    token: str
    of_stack: bool
    physical_id: str = ""
    hook: str = ""  # "AWS::Hooks::X: why", where a hook rejected the resource

    @property
    def ends(self) -> bool:
        """The operation ends with this event."""
        return self.of_stack and not in_progress(self.status)


class Events:
    """What has happened since the operation began: ours by its token, or (`None`) the newest there is."""

    def __init__(self, cloudformation: CloudFormationClient, arn: str, token: str | None) -> None:
        self._cloudformation = cloudformation
        self._arn = arn
        self._token = token
        self._seen: dict[str, Event] = {}

    @property
    def all(self) -> list[Event]:
        """Oldest first."""
        return list(self._seen.values())

    @property
    def ended(self) -> bool:
        return any(event.ends for event in self._seen.values())

    def fresh(self) -> list[Event]:
        """Events not returned before, oldest first; reads only as many pages as it needs."""
        unseen: list[Event] = []  # newest first, as AWS lists them
        begun = min((event.time for event in self._seen.values()), default=None)
        for page in self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=self._arn):
            events = [_event(raw) for raw in page["StackEvents"]]
            # An event may come late, below ones that are known: only what is older than all is left out.
            unseen += [one for one in events if one.id not in self._seen and (not begun or one.time >= begun)]
            if any(one.id in self._seen for one in events) or (not self._seen and self._bounded(unseen)):
                break
        return self._take(unseen if self._seen else self._since_beginning(unseen))

    def _bounded(self, newest_first: list[Event]) -> bool:
        """Nothing older is of the operation, so that no further page need be read."""
        return len(self._cut(newest_first)) < len(newest_first) or any(map(self._begins, newest_first))

    def _begins(self, event: Event) -> bool:
        """It is the first event of an operation: ours or, if none is ours, any."""
        return event.of_stack and event.status in _STARTS and self._token in (None, event.token)

    def _since_beginning(self, newest_first: list[Event]) -> list[Event]:
        """Without what an earlier operation left; nothing as long as ours has not begun."""
        ours = self._cut(newest_first)
        begun = self._token is None or any(event.token == self._token for event in ours)
        return ours if begun else []

    def _cut(self, newest_first: list[Event]) -> list[Event]:
        """Those before the end of the operation before, or the beginning of one that is not ours."""
        ours: list[Event] = []
        working = False
        for event in newest_first:
            foreign = self._token is not None and event.token != self._token
            ended = working and not in_progress(event.status)
            if event.of_stack and ((foreign and _bounds(event)) or ended):
                break
            working = working or (event.of_stack and in_progress(event.status))
            ours.append(event)
            if self._begins(event):
                break
        return ours

    def _take(self, newest_first: list[Event]) -> list[Event]:
        taken = {event.id: event for event in reversed(newest_first)}
        fresh = sorted(taken.values(), key=lambda event: event.time)  # stable: AWS's order within an instant
        self._seen.update((event.id, event) for event in fresh)
        return fresh


def _bounds(event: Event) -> bool:
    """The event of a stack that begins or ends an operation."""
    return event.status in _STARTS or not in_progress(event.status)


def _event(raw: StackEventTypeDef) -> Event:
    return Event(
        id=raw["EventId"],
        time=raw["Timestamp"],
        logical_id=raw.get("LogicalResourceId", ""),
        type=raw.get("ResourceType", ""),
        status=raw.get("ResourceStatus", ""),
        reason=raw.get("ResourceStatusReason", ""),
        token=raw.get("ClientRequestToken", ""),
        of_stack=raw.get("PhysicalResourceId") == raw["StackId"],
        physical_id=raw.get("PhysicalResourceId", ""),
        hook=_hook(raw),
    )


def _hook(raw: StackEventTypeDef) -> str:
    if "FAILED" not in raw.get("HookStatus", "") or raw.get("HookFailureMode") == "WARN":
        return ""
    return f"{raw.get('HookType', '')}: {raw.get('HookStatusReason', '')}"
