"""A scheduled task run now: exactly what the schedule's target says, or with another command."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.errors import AwsError, UsageError
from fraud_cfn.deploy.running.workloads import Workload

if TYPE_CHECKING:
    from types_boto3_scheduler.type_defs import EcsParametersOutputTypeDef, TargetOutputTypeDef

_STARTED_BY = "fraud-cfn/run-job"  # letters, digits, - / _
_MOST = 8192  # characters of a task's overrides


@dataclass(frozen=True)
class Schedule:
    """A schedule of EventBridge Scheduler as it stands now."""

    expression: str
    zone: str
    state: str  # ENABLED | DISABLED
    changed: datetime | None
    target: TargetOutputTypeDef

    @property
    def starts(self) -> EcsParametersOutputTypeDef:
        """What it starts; `AwsError` if that is no task of ECS (any more)."""
        started = self.target.get("EcsParameters")
        if started is None:
            raise AwsError(
                "the schedule starts no task of ECS", "look at it in the console: somebody changed it"
            )
        return started


def schedule(session: Session, workload: Workload) -> Schedule:
    """The schedule that starts that workload."""
    group = {"GroupName": workload.schedule_group} if workload.schedule_group else {}
    name = workload.schedule.physical_id if workload.schedule else ""
    answer = session.client("scheduler").get_schedule(Name=name, **group)
    return Schedule(
        answer["ScheduleExpression"],
        answer.get("ScheduleExpressionTimezone", "UTC"),
        answer["State"],
        answer.get("LastModificationDate"),
        answer["Target"],
    )


def overrides(container: str, command: str) -> dict[str, Any]:
    """Another command for that container, split as a shell splits words; `UsageError` if it is none."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(
            f"--command cannot be split into words ({error})", "quote it as a shell would"
        ) from error
    if not words:
        raise UsageError("--command is empty", "say what to run: --command 'psql -c \"SELECT 1\"'")
    wanted = {"containerOverrides": [{"name": container, "command": words}]}
    if len(json.dumps(wanted)) > _MOST:
        raise UsageError(
            f"--command is too long: ECS takes {_MOST} characters",
            "put it into a file in the image or the bucket",
        )
    return wanted


def start(session: Session, planned: Schedule, token: str, changed: dict[str, Any]) -> str:
    """Run the target's task once; its ARN. `token` keeps a repeated call from starting a second one;
    `changed` are overrides in the place of the target's own. `AwsError` if ECS does not start it."""
    asked: Any = session.client("ecs").run_task  # the request is put together from the schedule's own words
    answer = cast("dict[str, Any]", asked(clientToken=token, **_request(planned, changed)))
    for failure in answer.get("failures", ()):
        raise AwsError(
            f"ECS did not start the job: {failure.get('reason', '')} {failure.get('detail', '')}".rstrip()
        )
    for task in answer.get("tasks", ()):
        return str(task.get("taskArn", ""))
    raise AwsError("ECS did not start the job and did not say why")


def _request(planned: Schedule, changed: dict[str, Any]) -> dict[str, Any]:
    """RunTask's members out of the target's; Scheduler begins them with a capital."""
    started = cast("dict[str, Any]", planned.starts)
    request = {
        "cluster": planned.target["Arn"],
        "taskDefinition": started["TaskDefinitionArn"],
        "count": 1,
        "startedBy": _STARTED_BY,
    }
    for name, value in started.items():
        if name in ("TaskDefinitionArn", "TaskCount"):
            continue
        member = "enableECSManagedTags" if name == "EnableECSManagedTags" else _lower(name)
        request[member] = _tags(value) if name == "Tags" else _small(value)
    given = planned.target.get("Input", "")
    own = cast("dict[str, Any]", json.loads(given)) if given else {}
    if own or changed:
        request["overrides"] = changed or own
    return request


def _small(value: Any) -> Any:
    """The same with each member's first letter small."""
    if isinstance(value, dict):
        return {_lower(str(key)): _small(inner) for key, inner in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_small(inner) for inner in cast("list[Any]", value)]
    return value


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _tags(given: list[dict[str, str]]) -> list[dict[str, str]]:
    """ECS's form, whichever of the two that Scheduler takes they stand in."""
    found: list[dict[str, str]] = []
    for tag in given:
        small = {key.lower(): value for key, value in tag.items()}
        pair = set(small) == {"key", "value"}
        found += [small] if pair else [{"key": key, "value": value} for key, value in tag.items()]
    return found
