"""Tasks as ECS remembers them: running ones, and for about an hour those that stopped, with the reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from fraud_cfn.deploy.account.session import Session

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import ContainerTypeDef, TaskTypeDef

_MOST = 100  # tasks that one DescribeTasks answers for
# Reasons and stop codes of tasks that end because that was wanted.
_ORDINARY = ("Scaling activity", "Deployment completed")
_WANTED = ("UserInitiated", "SpotInterruption", "TerminationNotice")


@dataclass(frozen=True)
class Task:
    """One task; `owner` is its service's name or, of a scheduled one, its family."""

    arn: str
    owner: str
    status: str  # PROVISIONING … RUNNING … STOPPED
    started: datetime | None
    ended: datetime | None
    code: str  # ECS's stop code, such as EssentialContainerExited
    reason: str
    containers: tuple[str, ...]  # "api exit 1: OutOfMemoryError", of those that did not end well
    exit_codes: dict[str, int | None]

    @property
    def id(self) -> str:
        return self.arn.split("/")[-1]

    @property
    def why(self) -> str:
        """The task's reason with its containers'."""
        return "; ".join(filter(None, (self.reason, *self.containers))) or "no reason given"

    @property
    def failed(self) -> bool:
        """It stopped, and nobody had asked for that."""
        ordinary = self.reason.startswith(_ORDINARY) or self.code in _WANTED
        return self.status == "STOPPED" and not (ordinary and not self.containers)


def running(session: Session, cluster: str, *, service: str = "", family: str = "") -> list[str]:
    """ARNs of the tasks that run or are to run, of a service or of a family."""
    return _listed(session, cluster, service=service, family=family, status="RUNNING")


def alive(session: Session, cluster: str, *, service: str) -> list[str]:
    """ARNs of a service's tasks that run, or were told to stop and still do: up to two minutes."""
    ending = [task.arn for task in stopped(session, cluster, service=service) if task.status != "STOPPED"]
    return [*running(session, cluster, service=service), *ending]


def stopped(session: Session, cluster: str, *, service: str = "", known: Iterable[str] = ()) -> list[Task]:
    """Those that ECS still remembers, newest first, without the `known` ones; of a service or of all."""
    arns = _listed(session, cluster, service=service, status="STOPPED")
    unknown = set(arns) - set(known)
    tasks = describe(session, cluster, [arn for arn in arns if arn in unknown])
    return sorted(tasks, key=lambda task: str(task.ended or ""), reverse=True)


def describe(session: Session, cluster: str, arns: list[str]) -> list[Task]:
    """What ECS knows of them; one that it does not know (yet, or any more) is left out."""
    ecs = session.client("ecs")
    return [
        _task(task)
        for begin in range(0, len(arns), _MOST)
        for task in ecs.describe_tasks(cluster=cluster, tasks=arns[begin : begin + _MOST]).get("tasks", ())
    ]


def _listed(session: Session, cluster: str, *, status: str, service: str = "", family: str = "") -> list[str]:
    chosen = {"serviceName": service} if service else {"family": family} if family else {}
    pages = session.client("ecs").get_paginator("list_tasks")
    asked = pages.paginate(cluster=cluster, desiredStatus=status, **chosen)  # pyright: ignore[reportArgumentType]
    return [arn for page in asked for arn in page["taskArns"]]


def _task(task: TaskTypeDef) -> Task:
    containers = task.get("containers", ())
    return Task(
        arn=task.get("taskArn", ""),
        owner=task.get("group", "").split(":")[-1],
        status=task.get("lastStatus", ""),
        started=task.get("startedAt"),
        ended=task.get("stoppedAt"),
        code=task.get("stopCode", ""),
        reason=task.get("stoppedReason", ""),
        containers=tuple(filter(None, map(_container, containers))),
        exit_codes={container.get("name", ""): container.get("exitCode") for container in containers},
    )


def _container(container: ContainerTypeDef) -> str:
    code, reason = container.get("exitCode"), container.get("reason", "")
    if not code and not reason:
        return ""
    ended = f" exit {code}" if code is not None else ""
    return f"{container.get('name', '')}{ended}{f': {reason}' if reason else ''}"


# ── What to do about a reason ─────────────────────────────────────────────────────────────────────

# As ECS, containerd and Linux word them; `{…}` are filled in by `hint`.
_HINTS = (
    (
        ("exec format error", "descriptor matching platform"),
        "CpuArchitecture is {architecture}: build with --platform {platform}, push a new tag, {release}",
    ),
    (
        ("CannotPullContainerError", "pull image manifest"),
        "the image is not there or cannot be reached: push it, or release a tag that is there: {release}",
    ),
    (
        ("ResourceInitializationError",),
        "a secret, its key, the log group or the registry is out of the task's reach: the reason names it",
    ),
    (("OutOfMemory", "exit 137"), "the container was killed, for want of memory most likely: {logs}"),
    (("health check",), "the container does not answer as its health check wants: {logs}"),
    (
        ("network interface provision", "InsufficientFreeAddresses"),
        "AWS had no network address for it just now; a service tries again by itself, a job is run again",
    ),
    (("limit on the number of vCPUs",), "ask for more in Service Quotas (AWS Fargate, On-Demand vCPUs)"),
    (("Capacity is unavailable",), "AWS has no capacity in these zones just now; ECS tries again by itself"),
    (("EssentialContainerExited", "Essential container", " exit "), "its last words: {logs}"),
)
PLATFORMS = {"X86_64": "linux/amd64", "ARM64": "linux/arm64"}


def hint(reason: str, *, architecture: str, release: str, logs: str) -> str:
    """What helps against a task's reason; empty for one that is not known.

    `architecture` is CpuArchitecture's value; `release` and `logs` are the commands to type.
    """
    told = reason.lower()
    for texts, todo in _HINTS:
        if any(text.lower() in told for text in texts):
            platform = PLATFORMS.get(architecture, "linux/amd64")
            return todo.format(platform=platform, architecture=architecture, release=release, logs=logs)
    return ""
