"""Services as ECS sees them: how many tasks, of which revision, in which deployment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.running.workloads import Workload

if TYPE_CHECKING:
    from types_boto3_ecs.literals import ServiceDeploymentStatusType
    from types_boto3_ecs.type_defs import (
        ListServiceDeploymentsRequestTypeDef,
        ServiceDeploymentBriefTypeDef,
        ServiceDeploymentTypeDef,
        ServiceTypeDef,
    )

_GOING = ("PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")
_MOST = 10  # services that one DescribeServices answers for


@dataclass(frozen=True)
class Deployment:
    """One service deployment of ECS."""

    arn: str
    status: str
    stage: str  # where it shifts traffic, such as BAKE_TIME
    reason: str

    @property
    def going(self) -> bool:
        return self.status in _GOING

    @property
    def rolled_back(self) -> bool:
        return self.status.startswith("ROLLBACK")

    @property
    def halfway(self) -> bool:
        """It ended where it was: stopped by hand, or not even rolled back."""
        return self.status in ("STOPPED", "ROLLBACK_FAILED")


@dataclass(frozen=True)
class Service:
    """One service now; a revision is `family:number`."""

    name: str  # the workload's
    desired: int
    running: int
    pending: int
    revision: str
    stacks_revision: str
    settled: bool  # one deployment, and ECS is no more at it: it is complete, or has failed
    deployment: Deployment | None  # the newest
    messages: tuple[str, ...]  # ECS's own, newest first

    @property
    def strayed(self) -> bool:
        """ECS runs another revision than the stack's: it rolled back by itself."""
        return self.settled and bool(self.stacks_revision) and self.revision != self.stacks_revision

    @property
    def stable(self) -> bool:
        return self.settled and self.running == self.desired and not self.halfway

    @property
    def halfway(self) -> str:
        """How its newest deployment ended halfway; empty if it did not."""
        if not self.deployment or not self.deployment.halfway:
            return ""
        return f"{self.deployment.status} {self.deployment.reason}".rstrip()


def look(session: Session, workloads: Iterable[Workload], *, deployments: bool = True) -> list[Service]:
    """Those workloads' services, as far as ECS has them and nobody deletes them; without `deployments` their
    newest is left out, which saves two questions a service."""
    found: list[Service] = []
    workloads = tuple(workloads)
    for cluster, services in _by_cluster(workloads).items():
        names = list(services)
        for begin in range(0, len(names), _MOST):
            try:
                answer = session.client("ecs").describe_services(
                    cluster=cluster, services=names[begin : begin + _MOST]
                )
            except session.client("ecs").exceptions.ClusterNotFoundException:
                continue
            for service in answer["services"]:
                workload = services.get(service.get("serviceName", ""))
                if workload and service.get("status", "ACTIVE") not in ("DRAINING", "INACTIVE"):
                    found.append(
                        _service(service, workload, newest(session, workload) if deployments else None)
                    )
    order = [workload.name for workload in workloads]
    return sorted(found, key=lambda service: order.index(service.name))  # whatever ECS's is


def _by_cluster(workloads: Iterable[Workload]) -> dict[str, dict[str, Workload]]:
    """Cluster → service name → workload."""
    clusters: dict[str, dict[str, Workload]] = {}
    for workload in workloads:
        if workload.service_name:
            clusters.setdefault(workload.cluster.physical_id, {})[workload.service_name] = workload
    return clusters


def _service(service: ServiceTypeDef, workload: Workload, deployment: Deployment | None) -> Service:
    deployments = service.get("deployments", ())
    complete = len(deployments) <= 1 and all(one.get("rolloutState") != "IN_PROGRESS" for one in deployments)
    return Service(
        name=workload.name,
        desired=service.get("desiredCount", 0),
        running=service.get("runningCount", 0),
        pending=service.get("pendingCount", 0),
        revision=_short(service.get("taskDefinition", "")),
        stacks_revision=_short(workload.task_definition.physical_id),
        settled=complete and not (deployment and deployment.going),
        deployment=deployment,
        messages=tuple(event.get("message", "") for event in service.get("events", ())[:5]),
    )


def newest(session: Session, workload: Workload) -> Deployment | None:
    """The newest deployment of its service; `None` where ECS remembers none."""
    briefs = list(history(session, workload))
    if not briefs:
        return None
    latest = max(briefs, key=lambda brief: str(brief.get("createdAt", "")))
    return deployment(session, latest.get("serviceDeploymentArn", ""))


def history(
    session: Session, workload: Workload, *statuses: ServiceDeploymentStatusType
) -> Iterator[ServiceDeploymentBriefTypeDef]:
    """Its service's deployments of the last 90 days, of those statuses or of all, page by page."""
    asked: ListServiceDeploymentsRequestTypeDef = {
        "cluster": workload.cluster.physical_id,
        "service": workload.service_name,
    }
    if statuses:
        asked["status"] = statuses
    while True:
        answer = session.client("ecs").list_service_deployments(**asked)
        yield from answer["serviceDeployments"]
        token = answer.get("nextToken")
        if not token:
            return
        asked["nextToken"] = token


def deployment(session: Session, arn: str) -> Deployment | None:
    """That deployment now; `None` where ECS does not know it."""
    answer = session.client("ecs").describe_service_deployments(serviceDeploymentArns=[arn])
    for described in answer["serviceDeployments"]:
        return Deployment(
            arn, described.get("status", ""), described.get("lifecycleStage", ""), _why(described)
        )
    return None


def _why(described: ServiceDeploymentTypeDef) -> str:
    return described.get("rollback", {}).get("reason") or described.get("statusReason", "")


def begun(brief: ServiceDeploymentBriefTypeDef) -> datetime | None:
    return brief.get("startedAt") or brief.get("createdAt")


def _short(arn: str) -> str:
    return arn.split("/")[-1]
