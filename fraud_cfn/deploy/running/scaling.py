"""Application Auto Scaling of the services: its bounds, and holding it still."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.running.workloads import Workload

if TYPE_CHECKING:
    from types_boto3_application_autoscaling.type_defs import SuspendedStateTypeDef

_SUSPENDED: SuspendedStateTypeDef = {
    "DynamicScalingInSuspended": True,
    "DynamicScalingOutSuspended": True,
    "ScheduledScalingSuspended": True,
}


@dataclass(frozen=True)
class Bounds:
    """Between how many tasks scaling may choose, and what of it is held back."""

    name: str  # the workload's
    resource: str  # service/<cluster>/<service>
    least: int
    most: int
    held: SuspendedStateTypeDef

    @property
    def suspended(self) -> bool:
        return any(self.held.values())


@dataclass(frozen=True)
class Activity:
    """What scaling did last."""

    name: str
    description: str
    at: datetime
    status: str


def bounds(session: Session, workloads: Iterable[Workload]) -> list[Bounds]:
    """Of those services that scale."""
    return _bounds(session, _resources(workloads))


def bounds_of(session: Session, services: Iterable[tuple[str, str]]) -> list[Bounds]:
    """Of those that scale among these services, each a cluster and a name."""
    return _bounds(session, {f"service/{cluster}/{service}": service for cluster, service in services})


def _bounds(session: Session, names: Mapping[str, str]) -> list[Bounds]:
    if not names:
        return []
    pages = session.client("application-autoscaling").get_paginator("describe_scalable_targets")
    asked = pages.paginate(
        ServiceNamespace="ecs", ResourceIds=list(names), ScalableDimension="ecs:service:DesiredCount"
    )
    return [
        Bounds(
            names[target["ResourceId"]],
            target["ResourceId"],
            target["MinCapacity"],
            target["MaxCapacity"],
            target.get("SuspendedState", {}),
        )
        for page in asked
        for target in page["ScalableTargets"]
        if target["ResourceId"] in names
    ]


def suspend(session: Session, known: Iterable[Bounds]) -> None:
    """Hold scaling still, in and out; the bounds stay."""
    for bound in known:
        _hold(session, bound, _SUSPENDED)


def resume(session: Session, known: Iterable[Bounds]) -> None:
    """As it was when the bounds were asked for."""
    for bound in known:
        free = {name: bool(bound.held.get(name)) for name in _SUSPENDED}
        _hold(session, bound, free)  # pyright: ignore[reportArgumentType]


def release(session: Session, known: Iterable[Bounds]) -> None:
    """Nothing of it is held any more."""
    for bound in known:
        _hold(session, bound, dict.fromkeys(_SUSPENDED, False))  # pyright: ignore[reportArgumentType]


def _hold(session: Session, bound: Bounds, state: SuspendedStateTypeDef) -> None:
    session.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs",
        ResourceId=bound.resource,
        ScalableDimension="ecs:service:DesiredCount",
        SuspendedState=state,
    )


def activities(session: Session, workloads: Iterable[Workload]) -> list[Activity]:
    """The newest of each service."""
    pager = session.client("application-autoscaling").get_paginator("describe_scaling_activities")
    found: list[Activity] = []
    for resource, name in _resources(workloads).items():
        pages = pager.paginate(ServiceNamespace="ecs", ResourceId=resource, PaginationConfig={"PageSize": 1})
        all_of_them = (activity for page in pages for activity in page["ScalingActivities"])
        found += [
            Activity(name, activity["Description"], activity["StartTime"], activity["StatusCode"])
            for activity in islice(all_of_them, 1)
        ]
    return found


def _resources(workloads: Iterable[Workload]) -> dict[str, str]:
    """Scaling's name of a service → the workload's."""
    return {
        f"service/{workload.cluster.physical_id}/{workload.service_name}": workload.name
        for workload in workloads
        if workload.service_name
    }
