"""What keeps a stack from being deleted, taken out of the way first: by the stack's own resources."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fraud_cfn.deploy.account import trouble
from fraud_cfn.deploy.account.session import Session, code_of
from fraud_cfn.deploy.errors import TimedOutError
from fraud_cfn.deploy.running import buckets
from fraud_cfn.deploy.stack import stacks
from fraud_cfn.deploy.stack.stacks import Resource, Stack
from fraud_cfn.deploy.stack.waiting import until
from fraud_cfn.deploy.terminal import clock, interrupts
from fraud_cfn.deploy.terminal.console import Console
from fraud_cfn.deploy.terminal.interrupts import Standing

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import FilterTypeDef
    from types_boto3_ecs import ECSClient

_DRAIN_SECONDS = 300.0
_GUARDDUTY_GROUP = "GuardDutyManagedSecurityGroup-"  # and the VPC's id


@dataclass(frozen=True)
class Grouped:
    """Physical ids of the stack's resources, by type."""

    resources: tuple[Resource, ...]

    def of(self, kind: str) -> list[str]:
        return [one.physical_id for one in self.resources if one.type == kind and one.physical_id]


def prepare(
    session: Session, stack: Stack, resources: Iterable[Resource], console: Console, timeout: float
) -> list[buckets.Refused]:
    """Quiet the environment that these resources make up, and empty its buckets; objects that S3 does not let
    go are returned. What is not among `resources` (retained, or gone) is not touched.
    """
    grouped = Grouped(tuple(resources))
    deadline = clock.Deadline(timeout)
    _disable_schedules(session, grouped, console)
    services = _stop_services(session, stack, grouped, console)
    clusters = grouped.of("AWS::ECS::Cluster")
    _stop_tasks(session.client("ecs"), clusters, console)
    _drain(session, services, clusters, grouped.of("AWS::ServiceDiscovery::Service"), console)
    for vpc in grouped.of("AWS::EC2::VPC"):
        _remove_guardduty(session.client("ec2"), vpc, console)
    refused: list[buckets.Refused] = []
    for bucket in grouped.of("AWS::S3::Bucket"):
        declare(stack, f"its tasks are stopped, and {bucket} is being emptied: what is deleted is gone")
        refused += buckets.empty(session, bucket, console, deadline.left)
    return refused


def declare(stack: Stack, words: str) -> None:
    """What an early end means while the environment is taken apart."""
    step = f"go on: {stacks.command('destroy', stack.suffix)}"
    interrupts.declare(Standing(f"{stack.name} is still there, but {words}", step, changed=True))


# ── The schedule, services, tasks ─────────────────────────────────────────────────────────────────


def _disable_schedules(session: Session, grouped: Grouped, console: Console) -> None:
    """A schedule that cannot be disabled is told, and goes with the stack all the same."""
    scheduler = session.client("scheduler")
    for name in grouped.of("AWS::Scheduler::Schedule"):
        for group in (*grouped.of("AWS::Scheduler::ScheduleGroup"), "default"):
            try:
                schedule = scheduler.get_schedule(Name=name, GroupName=group)
                if schedule["State"] != "DISABLED":
                    scheduler.update_schedule(
                        Name=name,
                        GroupName=group,
                        State="DISABLED",
                        FlexibleTimeWindow=schedule["FlexibleTimeWindow"],
                        ScheduleExpression=schedule["ScheduleExpression"],
                        ScheduleExpressionTimezone=schedule.get("ScheduleExpressionTimezone", "UTC"),
                        Target=schedule["Target"],
                    )
                    console.say(f"  disabled the schedule {name}")
                break
            except trouble.UNANSWERED as error:
                if code_of(error) != "ResourceNotFoundException":
                    console.warn(f"the schedule {name} could not be disabled first ({trouble.words(error)})")
                    break


def _stop_services(session: Session, stack: Stack, grouped: Grouped, console: Console) -> list[str]:
    """ARNs of the services; those that run are told to run nothing."""
    ecs, scaling = session.client("ecs"), session.client("application-autoscaling")
    arns = grouped.of("AWS::ECS::Service")
    back = (
        f"go on: {stacks.command('destroy', stack.suffix)}; "
        f"back: {stacks.command('start', stack.suffix, '--back')}, "
        f"then {stacks.command('start', stack.suffix)}"
    )
    for arn in _running(ecs, arns):
        cluster, service = _address(arn)
        interrupts.declare(
            Standing(f"{stack.name} is still there, but its services run no tasks", back, changed=True)
        )
        resource = f"service/{cluster}/{service}"
        asked = scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[resource])
        if asked["ScalableTargets"]:
            scaling.register_scalable_target(
                ServiceNamespace="ecs",
                ResourceId=resource,
                ScalableDimension="ecs:service:DesiredCount",
                MinCapacity=0,
                MaxCapacity=0,
            )
        ecs.update_service(cluster=cluster, service=service, desiredCount=0)
        console.say(f"  stopping {service}")
    return arns


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


def _stop_tasks(ecs: ECSClient, clusters: list[str], console: Console) -> None:
    """Every task that no service keeps: the job's, and what somebody started by hand."""
    for cluster in clusters:
        stopped = 0
        for arn in _tasks(ecs, cluster, "RUNNING"):
            tasks = ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
            if tasks and not tasks[0].get("group", "").startswith("service:"):
                ecs.stop_task(cluster=cluster, task=arn, reason="the environment is being destroyed")
                stopped += 1
        if stopped:
            console.say(f"  stopped {stopped} running job task{'s' * (stopped > 1)}")


def _tasks(ecs: ECSClient, cluster: str, desired: str) -> list[str]:
    status = "RUNNING" if desired == "RUNNING" else "STOPPED"
    try:
        pages = ecs.get_paginator("list_tasks").paginate(cluster=cluster, desiredStatus=status)
        return [arn for page in pages for arn in page["taskArns"]]
    except ecs.exceptions.ClusterNotFoundException:
        return []


def _stopping(ecs: ECSClient, cluster: str) -> int:
    """Tasks that run, or were told to stop and still do."""
    arns = _tasks(ecs, cluster, "RUNNING")
    ending = _tasks(ecs, cluster, "STOPPED")
    for begin in range(0, len(ending), 100):
        tasks = ecs.describe_tasks(cluster=cluster, tasks=ending[begin : begin + 100])["tasks"]
        arns += [task.get("taskArn", "") for task in tasks if task.get("lastStatus") != "STOPPED"]
    return len(arns)


# ── Until nothing is in the way ───────────────────────────────────────────────────────────────────


def _drain(
    session: Session, services: list[str], clusters: list[str], discovered: list[str], console: Console
) -> None:
    """Wait until no task runs and Cloud Map has no instance: each refuses to be deleted before."""
    told: list[str] = []
    ecs = session.client("ecs")

    def idle() -> bool | None:
        busy = [_address(arn)[1] for arn in _running(ecs, services)]
        busy += [
            f"{number} task{'s' * (number > 1)} of {cluster}"
            for cluster in clusters
            if (number := _stopping(ecs, cluster))
        ]
        busy += [f"{len(ids)} instances of {service}" for service, ids in _registered(session, discovered)]
        if busy and not told:
            console.say(f"  waiting for {', '.join(busy)} to drain")
        told[:] = busy
        return None if busy else True

    try:
        until(idle, console, what="draining", timeout=_DRAIN_SECONDS, next_step="")
    except TimedOutError:
        waited = clock.span(_DRAIN_SECONDS)
        console.warn(f"{', '.join(told)} did not drain in {waited}; deleting all the same")
        for service, ids in _registered(session, discovered):
            for instance in ids:
                session.client("servicediscovery").deregister_instance(ServiceId=service, InstanceId=instance)
                console.say(f"  took the instance {instance} out of {service}")


def _registered(session: Session, discovered: list[str]) -> list[tuple[str, list[str]]]:
    """Discovery services that still have instances, with their ids."""
    cloud_map = session.client("servicediscovery")
    found: list[tuple[str, list[str]]] = []
    for service in discovered:
        try:
            pages = cloud_map.get_paginator("list_instances").paginate(ServiceId=service)
            ids = [instance.get("Id", "") for page in pages for instance in page["Instances"]]
        except cloud_map.exceptions.ServiceNotFound:
            continue
        if ids:
            found.append((service, ids))
    return found


def _remove_guardduty(ec2: EC2Client, vpc: str, console: Console) -> None:
    """GuardDuty's runtime monitoring puts an endpoint and a security group of its own into a VPC, and leaves
    them there; they hold its deletion. Where they may not be removed, that is told."""

    def endpoints() -> list[str]:
        inside: list[FilterTypeDef] = [{"Name": "vpc-id", "Values": [vpc]}]
        pages = ec2.get_paginator("describe_vpc_endpoints").paginate(Filters=inside)
        return [
            endpoint.get("VpcEndpointId", "")
            for page in pages
            for endpoint in page["VpcEndpoints"]
            if endpoint.get("ServiceName", "").endswith(".guardduty-data")
            and {"Key": "GuardDutyManaged", "Value": "true"} in endpoint.get("Tags", [])
            and endpoint.get("State", "").lower() != "deleted"
        ]

    try:
        if ids := endpoints():
            ec2.delete_vpc_endpoints(VpcEndpointIds=ids)
            console.say(f"  removed GuardDuty's endpoint {', '.join(ids)}")
            until(
                lambda: None if endpoints() else True,
                console,
                what="GuardDuty's endpoint",
                timeout=_DRAIN_SECONDS,
                next_step="",
            )
        wanted: list[FilterTypeDef] = [
            {"Name": "vpc-id", "Values": [vpc]},
            {"Name": "group-name", "Values": [f"{_GUARDDUTY_GROUP}{vpc}"]},
        ]
        pages = ec2.get_paginator("describe_security_groups").paginate(Filters=wanted)
        for group in [group.get("GroupId", "") for page in pages for group in page["SecurityGroups"]]:
            ec2.delete_security_group(GroupId=group)
            console.say(f"  removed GuardDuty's security group {group}")
    except (*trouble.UNANSWERED, TimedOutError) as error:
        said = error.message if isinstance(error, TimedOutError) else trouble.words(error)
        console.warn(f"GuardDuty's endpoint or security group may hold {vpc}: {said}")


def foreigners(session: Session, resources: Iterable[Resource]) -> list[str]:
    """Network interfaces in the stack's VPCs that are not of the stack, a line each; what may not be asked is
    told as such."""
    grouped = Grouped(tuple(resources))
    own = {part for one in grouped.resources for part in (one.physical_id, one.physical_id.partition("/")[2])}
    lines: list[str] = []
    for vpc in grouped.of("AWS::EC2::VPC"):
        inside: list[FilterTypeDef] = [{"Name": "vpc-id", "Values": [vpc]}]
        try:
            pages = (
                session.client("ec2").get_paginator("describe_network_interfaces").paginate(Filters=inside)
            )
            for page in pages:
                for interface in page["NetworkInterfaces"]:
                    description = interface.get("Description", "")
                    if not any(part and part in description for part in own):
                        what = description or interface.get("InterfaceType", "")
                        state = f"{vpc} ({interface.get('Status', '')})"
                        lines.append(f"{interface.get('NetworkInterfaceId', '')} in {state}: {what}")
        except trouble.UNANSWERED as error:
            lines.append(f"whose network interfaces are in {vpc} is not known: {trouble.words(error)}")
    return lines
