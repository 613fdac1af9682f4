"""Quiets an environment, so that nothing of it runs or begins to: schedules, scaling, services, tasks. And
wakes one that was quieted and is to live on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from fraud_cfn.deploy.account import trouble
from fraud_cfn.deploy.account.session import Session, code_of
from fraud_cfn.deploy.errors import TimedOutError
from fraud_cfn.deploy.running import scaling, services
from fraud_cfn.deploy.running.workloads import Deployed, Workload
from fraud_cfn.deploy.stack import stacks
from fraud_cfn.deploy.stack.stacks import Resource
from fraud_cfn.deploy.stack.waiting import until
from fraud_cfn.deploy.terminal import clock
from fraud_cfn.deploy.terminal.console import Console

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient
    from types_boto3_scheduler import EventBridgeSchedulerClient
    from types_boto3_scheduler.type_defs import GetScheduleOutputTypeDef

_DRAIN_SECONDS = 300.0
# What UpdateSchedule takes of GetSchedule's answer; what is left out it would forget.
_KEPT = (
    "ActionAfterCompletion",
    "Description",
    "EndDate",
    "FlexibleTimeWindow",
    "KmsKeyArn",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartDate",
    "Target",
)
Begin = Callable[[], AbstractContextManager[None]]  # around each call that stops or starts something


@dataclass(frozen=True)
class Asleep:
    """A live workload that was told to run nothing, and how many tasks it is to have."""

    workload: Workload
    tasks: int  # 0: its schedule is disabled


def quiet(session: Session, resources: tuple[Resource, ...], console: Console, begin: Begin) -> None:
    """Tell what these resources run to stop, and wait until it has, five minutes at most.

    Services first: as long as they run, no schedule was touched.
    """
    ecs = session.client("ecs")
    arns = stacks.physical_ids(resources, "AWS::ECS::Service")
    clusters = stacks.physical_ids(resources, "AWS::ECS::Cluster")
    _stop_services(session, arns, console, begin)
    _disable_schedules(session, resources, console, begin)
    _stop_tasks(ecs, clusters, console, begin)
    _drain(ecs, arns, clusters, console)


# ── Schedules ─────────────────────────────────────────────────────────────────────────────────────


def _disable_schedules(
    session: Session, resources: tuple[Resource, ...], console: Console, begin: Begin
) -> None:
    """One that cannot be disabled is told, and goes with the stack all the same."""
    scheduler = session.client("scheduler")
    groups = (*stacks.physical_ids(resources, "AWS::Scheduler::ScheduleGroup"), "default")
    for name in stacks.physical_ids(resources, "AWS::Scheduler::Schedule"):
        for group in groups:
            try:
                schedule = scheduler.get_schedule(Name=name, GroupName=group)
                if schedule["State"] != "DISABLED":
                    with begin():
                        _set_state(scheduler, schedule, name, group, "DISABLED")
                    console.say(f"  disabled the schedule {name}")
                break
            except trouble.UNANSWERED as error:
                if code_of(error) != "ResourceNotFoundException":
                    console.warn(f"the schedule {name} could not be disabled first ({trouble.words(error)})")
                    break


def _set_state(
    scheduler: EventBridgeSchedulerClient,
    schedule: GetScheduleOutputTypeDef,
    name: str,
    group: str,
    state: Literal["DISABLED", "ENABLED"],
) -> None:
    """All else stays as it is."""
    kept: Any = {member: schedule[member] for member in _KEPT if member in schedule}
    scheduler.update_schedule(Name=name, GroupName=group, State=state, **kept)


# ── Services and tasks ────────────────────────────────────────────────────────────────────────────


def _stop_services(session: Session, arns: list[str], console: Console, begin: Begin) -> None:
    """Those that run are told to run nothing; scaling is held first, else it would start a task again. Its
    bounds stay, so that the service can be woken."""
    ecs = session.client("ecs")
    running = _running(ecs, arns)
    for bound in scaling.bounds_of(session, [_address(arn) for arn in running]):
        with begin():
            scaling.suspend(session, [bound])
    for arn in running:
        cluster, service = _address(arn)
        with begin():
            ecs.update_service(cluster=cluster, service=service, desiredCount=0)
        console.say(f"  stopping {service}")


def _address(arn: str) -> tuple[str, str]:
    """Cluster and name out of a service's ARN."""
    *_, cluster, service = arn.split("/")
    return cluster.split(":")[-1], service


def _running(ecs: ECSClient, arns: list[str]) -> list[str]:
    """Those of the services that run tasks, or want to."""
    found: list[str] = []
    for arn in arns:
        cluster, name = _address(arn)
        try:
            described = ecs.describe_services(cluster=cluster, services=[name])["services"]
        except ecs.exceptions.ClusterNotFoundException:
            continue
        if any(
            service.get("status") == "ACTIVE" and (service.get("desiredCount") or service.get("runningCount"))
            for service in described
        ):
            found.append(arn)
    return found


def _stop_tasks(ecs: ECSClient, clusters: list[str], console: Console, begin: Begin) -> None:
    """Every task that no service keeps: the job's, and what somebody started by hand."""
    for cluster in clusters:
        stopped = 0
        for arn in _tasks(ecs, cluster, "RUNNING"):
            tasks = ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
            if tasks and not tasks[0].get("group", "").startswith("service:"):
                with begin():
                    ecs.stop_task(cluster=cluster, task=arn, reason="the environment is being destroyed")
                stopped += 1
        if stopped:
            console.say(f"  stopped {stopped} running job task{'s' * (stopped > 1)}")


def _tasks(ecs: ECSClient, cluster: str, desired: Literal["RUNNING", "STOPPED"]) -> list[str]:
    try:
        pages = ecs.get_paginator("list_tasks").paginate(cluster=cluster, desiredStatus=desired)
        return [arn for page in pages for arn in page["taskArns"]]
    except ecs.exceptions.ClusterNotFoundException:
        return []


def _stopping(ecs: ECSClient, cluster: str) -> int:
    """Tasks that run, or were told to stop and still do."""
    arns = _tasks(ecs, cluster, "RUNNING")
    ending = _tasks(ecs, cluster, "STOPPED")
    for first in range(0, len(ending), 100):
        tasks = ecs.describe_tasks(cluster=cluster, tasks=ending[first : first + 100])["tasks"]
        arns += [task.get("taskArn", "") for task in tasks if task.get("lastStatus") != "STOPPED"]
    return len(arns)


def _drain(ecs: ECSClient, arns: list[str], clusters: list[str], console: Console) -> None:
    """Wait until no task runs: a cluster refuses to be deleted before."""
    told: list[str] = []

    def idle() -> bool | None:
        busy = [_address(arn)[1] for arn in _running(ecs, arns)]
        busy += [
            f"{number} task{'s' * (number > 1)} of {cluster}"
            for cluster in clusters
            if (number := _stopping(ecs, cluster))
        ]
        if busy and not told:
            console.say(f"  waiting for {', '.join(busy)} to drain")
        told[:] = busy
        return None if busy else True

    try:
        until(idle, console, what="draining", timeout=_DRAIN_SECONDS, next_step="")
    except TimedOutError:
        waited = clock.span(_DRAIN_SECONDS)
        console.warn(f"{', '.join(told)} did not drain in {waited}; deleting all the same")


# ── And back ──────────────────────────────────────────────────────────────────────────────────────


def asleep(session: Session, found: Deployed) -> list[Asleep]:
    """Of a live stack, as `quiet` leaves it: services that want no task though they are to have some and, if
    there are any, jobs whose schedule is disabled."""
    idle = {
        service.name
        for service in services.look(session, found.services, deployments=False)
        if not service.desired
    }
    workloads = [workload for workload in found.services if workload.name in idle]
    bounds = {bound.name: bound for bound in scaling.bounds(session, workloads)}
    sleepers = [
        Asleep(workload, max(bound.least if bound else 1, 1))
        for workload in workloads
        if (bound := bounds.get(workload.name)) is None or bound.least or bound.suspended
    ]
    if not sleepers:
        return []
    disabled = (job for job, schedule in _schedules(session, found.jobs) if schedule["State"] == "DISABLED")
    return sleepers + [Asleep(job, 0) for job in disabled]


def wake(session: Session, sleepers: list[Asleep], console: Console, begin: Begin) -> None:
    """Schedules are enabled, scaling goes on, and each service gets the tasks that it is to have."""
    for job, schedule in _schedules(session, [one.workload for one in sleepers if not one.tasks]):
        name = job.schedule.physical_id if job.schedule else ""
        with begin():
            _set_state(
                session.client("scheduler"), schedule, name, job.schedule_group or "default", "ENABLED"
            )
        console.say(f"  enabled the schedule {name}")
    served = {one.workload.name: one for one in sleepers if one.tasks}
    for bound in scaling.bounds(session, [one.workload for one in served.values()]):
        with begin():
            scaling.release(session, [bound])
    for name, one in served.items():
        with begin():
            session.client("ecs").update_service(
                cluster=one.workload.cluster.physical_id,
                service=one.workload.service_name,
                desiredCount=one.tasks,
            )
        console.say(f"  {name} is to run {one.tasks} task{'s' * (one.tasks > 1)}; its scaling goes on")


def _schedules(
    session: Session, jobs: Iterable[Workload]
) -> Iterator[tuple[Workload, GetScheduleOutputTypeDef]]:
    for job in jobs:
        if job.schedule and job.schedule.physical_id:
            group = job.schedule_group or "default"
            yield (
                job,
                session.client("scheduler").get_schedule(Name=job.schedule.physical_id, GroupName=group),
            )
