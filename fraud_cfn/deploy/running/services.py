"""What runs, as ECS and the load balancer see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.stack import stacks
from fraud_cfn.deploy.stack.stacks import Stack

NAMES = ("api", "worker")
_GOING = ("PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")


@dataclass(frozen=True)
class Deployment:
    """The newest service deployment of ECS."""

    status: str
    stage: str  # of a blue/green deployment, such as BAKE_TIME
    reason: str

    @property
    def going(self) -> bool:
        return self.status in _GOING

    @property
    def rolled_back(self) -> bool:
        return self.status.startswith("ROLLBACK")


@dataclass(frozen=True)
class Service:
    """One service now; a revision is `family:number`."""

    name: str  # api | worker
    desired: int
    running: int
    pending: int
    revision: str
    stacks_revision: str
    settled: bool  # one deployment, and it is complete
    deployment: Deployment | None
    messages: tuple[str, ...]  # ECS's own, newest first

    @property
    def strayed(self) -> bool:
        """ECS runs another revision than the stack's: it rolled back by itself."""
        return self.settled and bool(self.stacks_revision) and self.revision != self.stacks_revision

    @property
    def stable(self) -> bool:
        return self.settled and self.running == self.desired


@dataclass(frozen=True)
class Stopped:
    """A task that ended, and why."""

    group: str
    at: datetime | None
    reason: str
    containers: tuple[str, ...]  # "api exit 1: OutOfMemoryError"


@dataclass(frozen=True)
class Target:
    """One target of a colour."""

    colour: str
    address: str
    state: str
    reason: str


def look(session: Session, stack: Stack, physical: Mapping[str, str]) -> list[Service]:
    """Both services; `physical` tells the stack's task definitions by logical id."""
    ecs, cluster = session.client("ecs"), stack.outputs["ClusterName"]
    known = {stack.outputs[f"{name.title()}ServiceName"]: name for name in NAMES}
    described = ecs.describe_services(cluster=cluster, services=list(known))["services"]
    return [
        _service(one, known[one["serviceName"]], _deployment(ecs, cluster, one["serviceName"]), physical)
        for one in described
    ]


def _service(
    one: dict[str, Any], name: str, newest: Deployment | None, physical: Mapping[str, str]
) -> Service:
    deployments = one.get("deployments", ())
    complete = len(deployments) <= 1 and all(
        d.get("rolloutState", "COMPLETED") == "COMPLETED" for d in deployments
    )
    return Service(
        name=name,
        desired=one["desiredCount"],
        running=one["runningCount"],
        pending=one["pendingCount"],
        revision=_short(one.get("taskDefinition", "")),
        stacks_revision=_short(physical.get(f"{name.title()}TaskDefinition", "")),
        settled=complete and not (newest and newest.going),
        deployment=newest,
        messages=tuple(event["message"] for event in one.get("events", ())[:5]),
    )


def _deployment(ecs: Any, cluster: str, service: str) -> Deployment | None:
    listed = ecs.list_service_deployments(cluster=cluster, service=service)["serviceDeployments"]
    if not listed:
        return None
    newest = max(listed, key=lambda one: one["createdAt"])["serviceDeploymentArn"]
    found = ecs.describe_service_deployments(serviceDeploymentArns=[newest])["serviceDeployments"]
    if not found:
        return None
    reason = found[0].get("rollback", {}).get("reason") or found[0].get("statusReason", "")
    return Deployment(found[0]["status"], found[0].get("lifecycleStage", ""), reason)


def stopped(session: Session, cluster: str, group: str = "", most: int = 5) -> list[Stopped]:
    """The newest stopped tasks that ECS still remembers (about an hour), of a service or of all."""
    ecs = session.client("ecs")
    chosen = {"serviceName": group} if group else {}
    arns = ecs.list_tasks(cluster=cluster, desiredStatus="STOPPED", maxResults=100, **chosen)["taskArns"]
    if not arns:
        return []
    tasks = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"]
    tasks.sort(key=lambda task: str(task.get("stoppedAt", "")), reverse=True)
    return [
        Stopped(
            task.get("group", "").split(":")[-1],
            task.get("stoppedAt"),
            task.get("stoppedReason", ""),
            tuple(filter(None, map(_container, task.get("containers", ())))),
        )
        for task in tasks[:most]
    ]


def _container(one: dict[str, Any]) -> str:
    code, reason = one.get("exitCode"), one.get("reason", "")
    if not code and not reason:
        return ""
    return f"{one['name']}{f' exit {code}' if code is not None else ''}{f': {reason}' if reason else ''}"


def targets(session: Session, physical: Mapping[str, str]) -> list[Target]:
    """Every target of both colours."""
    elb, found = session.client("elbv2"), []
    for colour in ("Blue", "Green"):
        group = physical.get(f"{colour}TargetGroup")
        if not group:
            continue
        for one in elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]:
            health = one["TargetHealth"]
            why = health.get("Description") or health.get("Reason", "")
            found.append(Target(colour.lower(), one["Target"]["Id"], health["State"], why))
    return found


def physical_ids(session: Session, stack: Stack) -> dict[str, str]:
    """Logical id → physical id."""
    return {
        one.logical_id: one.physical_id
        for one in stacks.resources(session.client("cloudformation"), stack.arn)
        if one.status != "DELETE_COMPLETE"
    }


def _short(arn: str) -> str:
    return arn.split("/")[-1]
