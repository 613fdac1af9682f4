"""What is not of a stack, and holds its deletion: found and named; removed where AWS itself put it there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fraud_cfn.deploy.account import trouble
from fraud_cfn.deploy.account.looks import Looks
from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.errors import DeployError, RecoveryError, TimedOutError
from fraud_cfn.deploy.running.quiet import Begin
from fraud_cfn.deploy.stack.stacks import Resource, physical_ids
from fraud_cfn.deploy.stack.waiting import until
from fraud_cfn.deploy.terminal.console import Console

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import FilterTypeDef, NetworkInterfaceTypeDef, VpcEndpointTypeDef

_ENDPOINT_SECONDS = 300.0
_INSTANCE_SECONDS = 60.0
_GUARDDUTY_GROUP = "GuardDutyManagedSecurityGroup-"  # and the VPC's id
# Whose ids AWS writes into the description of the network interfaces that it makes for them.
_DESCRIBED = (
    "AWS::EC2::NatGateway",
    "AWS::EC2::VPCEndpoint",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
)
_OF_DATABASE = "RDSNetworkInterface"
_OF_TASK = "arn:aws:ecs:"  # …:attachment/…


# ── What is named ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Foreign:
    """What of others stands within a stack's VPCs, clusters and namespaces, a line each."""

    found: tuple[str, ...]
    unknown: tuple[str, ...]  # what may not be asked, and why


def foreign(session: Session, resources: tuple[Resource, ...], *, tasks_run: bool) -> Foreign:
    """`tasks_run`: interfaces of tasks that have the stack's security groups are its own. `CredentialsError`
    where AWS no longer accepts the credentials."""
    looks: list[tuple[str, Callable[[], Iterator[str]]]] = []
    for vpc in physical_ids(resources, "AWS::EC2::VPC"):
        looks += [
            (f"network interfaces in {vpc}", lambda v=vpc: _interfaces(session, v, resources, tasks_run)),
            (f"security groups in {vpc}", lambda v=vpc: _groups(session, v, resources)),
            (f"endpoints in {vpc}", lambda v=vpc: _endpoints(session, v, resources)),
        ]
    for cluster in physical_ids(resources, "AWS::ECS::Cluster"):
        looks.append((f"services in {cluster}", lambda c=cluster: _services(session, c, resources)))
    for namespace in physical_ids(resources, "AWS::ServiceDiscovery::PrivateDnsNamespace"):
        looks.append((f"names in {namespace}", lambda n=namespace: _names(session, n, resources)))
    found: list[str] = []
    seen = Looks()
    for what, look in looks:
        seen.ask(what, lambda look=look: found.extend(look()))
    return Foreign(tuple(found), tuple(f"{what}: {why}" for what, why in seen.unknown.items()))


def _inside(vpc: str) -> list[FilterTypeDef]:
    return [{"Name": "vpc-id", "Values": [vpc]}]


def _interfaces(
    session: Session, vpc: str, resources: tuple[Resource, ...], tasks_run: bool
) -> Iterator[str]:
    groups = set(physical_ids(resources, "AWS::EC2::SecurityGroup"))
    described = [
        part
        for kind in _DESCRIBED
        for name in physical_ids(resources, kind)
        for part in (name, name.partition("/")[2])
        if part
    ]

    def ours(interface: NetworkInterfaceTypeDef) -> bool:
        text = interface.get("Description", "")
        grouped = any(group.get("GroupId") in groups for group in interface.get("Groups", ()))
        own_kind = text == _OF_DATABASE or (tasks_run and text.startswith(_OF_TASK))
        return (grouped and own_kind) or any(part in text for part in described)

    pages = session.client("ec2").get_paginator("describe_network_interfaces").paginate(Filters=_inside(vpc))
    for page in pages:
        for interface in page["NetworkInterfaces"]:
            if not ours(interface):
                what = interface.get("Description") or interface.get("InterfaceType", "")
                state = f"{vpc} ({interface.get('Status', '')})"
                yield f"{interface.get('NetworkInterfaceId', '')} in {state}: {what}"


def _groups(session: Session, vpc: str, resources: tuple[Resource, ...]) -> Iterator[str]:
    own = physical_ids(resources, "AWS::EC2::SecurityGroup")
    pages = session.client("ec2").get_paginator("describe_security_groups").paginate(Filters=_inside(vpc))
    for page in pages:
        for group in page["SecurityGroups"]:
            name = group.get("GroupName", "")
            usual = name == "default" or name.startswith(_GUARDDUTY_GROUP)
            if group.get("GroupId") not in own and not usual:
                yield f"{group.get('GroupId', '')} in {vpc}: security group {name}"


def _endpoints(session: Session, vpc: str, resources: tuple[Resource, ...]) -> Iterator[str]:
    own = physical_ids(resources, "AWS::EC2::VPCEndpoint")
    for endpoint in _all_endpoints(session.client("ec2"), vpc):
        if endpoint.get("VpcEndpointId") not in own and not _of_guardduty(endpoint):
            name = endpoint.get("ServiceName", "")
            yield f"{endpoint.get('VpcEndpointId', '')} in {vpc}: endpoint of {name}"


def _services(session: Session, cluster: str, resources: tuple[Resource, ...]) -> Iterator[str]:
    own = physical_ids(resources, "AWS::ECS::Service")
    ecs = session.client("ecs")
    try:
        for page in ecs.get_paginator("list_services").paginate(cluster=cluster):
            for arn in page["serviceArns"]:
                if arn not in own:
                    yield f"{arn.split('/')[-1]} in {cluster}: a service that is not of this stack"
    except ecs.exceptions.ClusterNotFoundException:
        return


def _names(session: Session, namespace: str, resources: tuple[Resource, ...]) -> Iterator[str]:
    own = physical_ids(resources, "AWS::ServiceDiscovery::Service")
    pages = session.client("servicediscovery").get_paginator("list_services")
    for page in pages.paginate(Filters=[{"Name": "NAMESPACE_ID", "Values": [namespace]}]):
        for service in page["Services"]:
            if service.get("Id") not in own:
                name = service.get("Name", "")
                yield f"{service.get('Id', '')} in {namespace}: the Cloud Map service {name}"


# ── What is removed ───────────────────────────────────────────────────────────────────────────────


def remove_guardduty(session: Session, vpc: str, console: Console, begin: Begin) -> None:
    """GuardDuty's runtime monitoring puts an endpoint and a security group of its own into a VPC, and leaves
    them there; they hold its deletion. Where they may not be removed, that is told."""
    ec2 = session.client("ec2")

    def endpoints() -> list[str]:
        return [
            endpoint.get("VpcEndpointId", "")
            for endpoint in _all_endpoints(ec2, vpc)
            if _of_guardduty(endpoint) and endpoint.get("State", "").lower() != "deleted"
        ]

    try:
        if ids := endpoints():
            with begin():
                refused = ec2.delete_vpc_endpoints(VpcEndpointIds=ids).get("Unsuccessful", ())
            for one in refused:
                raise RecoveryError(one.get("Error", {}).get("Message", "EC2 keeps it"))
            console.say(f"  removed GuardDuty's endpoint {', '.join(ids)}")
            until(
                lambda: None if endpoints() else True,
                console,
                what="GuardDuty's endpoint",
                timeout=_ENDPOINT_SECONDS,
                next_step="",
            )
        wanted: list[FilterTypeDef] = [
            *_inside(vpc),
            {"Name": "group-name", "Values": [f"{_GUARDDUTY_GROUP}{vpc}"]},
        ]
        pages = ec2.get_paginator("describe_security_groups").paginate(Filters=wanted)
        for group in [group.get("GroupId", "") for page in pages for group in page["SecurityGroups"]]:
            with begin():
                ec2.delete_security_group(GroupId=group)
            console.say(f"  removed GuardDuty's security group {group}")
    except (*trouble.UNANSWERED, DeployError) as error:
        said = error.message if isinstance(error, DeployError) else trouble.words(error)
        console.warn(f"GuardDuty's endpoint or security group may hold {vpc}: {said}")


def _all_endpoints(ec2: EC2Client, vpc: str) -> Iterator[VpcEndpointTypeDef]:
    for page in ec2.get_paginator("describe_vpc_endpoints").paginate(Filters=_inside(vpc)):
        yield from page["VpcEndpoints"]


def _of_guardduty(endpoint: VpcEndpointTypeDef) -> bool:
    named = endpoint.get("ServiceName", "").endswith(".guardduty-data")
    return named and {"Key": "GuardDutyManaged", "Value": "true"} in endpoint.get("Tags", [])


def deregister(session: Session, resources: tuple[Resource, ...], console: Console, begin: Begin) -> None:
    """Cloud Map's services refuse to be deleted while they have instances. ECS takes out those of its tasks;
    what it leaves is taken out here, once no task runs any more."""
    cloud_map = session.client("servicediscovery")

    def left() -> list[tuple[str, str]]:
        """Service and instance of each."""
        found: list[tuple[str, str]] = []
        for service in physical_ids(resources, "AWS::ServiceDiscovery::Service"):
            with suppress(cloud_map.exceptions.ServiceNotFound):
                pages = cloud_map.get_paginator("list_instances").paginate(ServiceId=service)
                found += [(service, one.get("Id", "")) for page in pages for one in page["Instances"]]
        return found

    def none() -> bool | None:
        return None if left() else True

    try:
        for last in (False, True):
            with suppress(TimedOutError):
                until(none, console, what="Cloud Map", timeout=_INSTANCE_SECONDS, next_step="")
                return
            for service, instance in () if last else left():
                known = (cloud_map.exceptions.InstanceNotFound, cloud_map.exceptions.DuplicateRequest)
                with begin(), suppress(*known):
                    cloud_map.deregister_instance(ServiceId=service, InstanceId=instance)
                console.say(f"  took the instance {instance} out of {service}")
        console.warn(f"Cloud Map still knows {', '.join(instance for _, instance in left())}")
    except (*trouble.UNANSWERED, DeployError) as error:
        said = error.message if isinstance(error, DeployError) else trouble.words(error)
        console.warn(f"what Cloud Map still knows of the tasks may hold its services: {said}")
