"""What the two services have in common beside their tasks: discovery, network, deployment safety."""

from __future__ import annotations

from collections.abc import Iterable

from troposphere import AWSObject, If, Output, Ref
from troposphere.ec2 import SecurityGroup
from troposphere.ecs import (
    AwsvpcConfiguration,
    DeploymentCircuitBreaker,
    ForceNewDeployment,
    NetworkConfiguration,
    Service,
    ThresholdConfiguration,
)
from troposphere.servicediscovery import DnsConfig, DnsRecord, HealthCheckCustomConfig
from troposphere.servicediscovery import Service as DiscoveryService

from fraud_cfn.config import CPU_TARGET_PERCENT, MEMORY_TARGET_PERCENT, PORT, ServiceSpec
from fraud_cfn.platform.cluster import Platform
from fraud_cfn.platform.firewall import Rule
from fraud_cfn.platform.intrinsics import because, variable
from fraud_cfn.platform.messaging import WorkQueue
from fraud_cfn.platform.naming import dns_name, name
from fraud_cfn.platform.network import Network, Subnets
from fraud_cfn.platform.parameters import LIVE, STARTING
from fraud_cfn.platform.widgets import Json, graph, percent, text


def discovery(title: str, service: str, platform: Platform) -> DiscoveryService:
    """`<service>.fraud-<suffix>.internal`, an address record for every healthy task."""
    return DiscoveryService(
        f"{title}Discovery",
        Name=service,
        DnsConfig=DnsConfig(
            NamespaceId=Ref(platform.namespace),
            RoutingPolicy="MULTIVALUE",
            DnsRecords=[DnsRecord(Type="A", TTL=10)],
        ),
        HealthCheckCustomConfig=because(
            HealthCheckCustomConfig(FailureThreshold=1), "create-only, and 1 is the only threshold there is"
        ),
    )


def network(subnets: Subnets, security_group: SecurityGroup) -> NetworkConfiguration:
    return NetworkConfiguration(
        AwsvpcConfiguration=AwsvpcConfiguration(
            AssignPublicIp=because("DISABLED", "out by the NAT gateway only, and no way in from outside"),
            Subnets=[Ref(subnet) for subnet in subnets],
            SecurityGroups=[security_group.get_att("GroupId")],
        )
    )


def circuit_breaker() -> DeploymentCircuitBreaker:
    """A deployment whose tasks fail to start, or to become healthy, is rolled back."""
    return DeploymentCircuitBreaker(Enable=True, Rollback=True)


def strict_circuit_breaker() -> DeploymentCircuitBreaker:
    """Three tasks that fail end a rolling deployment, though others became healthy in between."""
    return DeploymentCircuitBreaker(
        Enable=True,
        Rollback=True,
        ResetOnHealthyTask=because(
            False, "three tasks that fail end it, though others became healthy in between: a crash loop does"
        ),
        ThresholdConfiguration=ThresholdConfiguration(Type="COUNT", Value=3),
    )


def desired_count(spec: ServiceSpec) -> If:
    """None before going live, the least for it."""
    return because(
        LIVE.choose(STARTING.choose(spec.least), 0),
        "left out once live: ECS keeps the count that scaling chose, and no release resets it",
    )


def forced_deployment() -> If:
    """Going live is a deployment."""
    return because(
        LIVE.choose(ForceNewDeployment(EnableForceNewDeployment=True, ForceNewDeploymentNonce="live")),
        "going live is a deployment, which ECS guards and CloudFormation rolls back; only a changed nonce "
        "forces one, so later updates do not",
    )


def starts_after(network: Network, platform: Platform, connections: Iterable[Rule]) -> list[AWSObject]:
    """What a task needs all its life, beyond what its service refers to."""
    return because(
        [
            network.private_default_route,
            *network.private_associations,
            *connections,
            platform.capacity_providers,
        ],
        "the way out and the firewall, to start and, at deletion, to stop in peace; and capacity providers "
        "cannot be taken from a cluster that uses them",
    )


def load(title: str, service: str, platform: Platform) -> tuple[Json, Json]:
    """By the service's name, not GetAtt: else each release would announce a change here."""
    dimensions = [
        "ClusterName",
        variable(Ref(platform.cluster)),
        "ServiceName",
        text(name(service)),
    ]
    return (
        graph(
            f"{title}: tasks",
            ["ECS/ContainerInsights", "RunningTaskCount", *dimensions, {"label": "running"}],
            ["ECS/ContainerInsights", "DesiredTaskCount", *dimensions, {"label": "desired"}],
        ),
        graph(
            f"{title}: CPU and memory",
            ["AWS/ECS", "CPUUtilization", *dimensions, {"label": "CPU"}],
            ["AWS/ECS", "MemoryUtilization", *dimensions, {"label": "memory"}],
            **percent(("scales on CPU", CPU_TARGET_PERCENT), ("scales on memory", MEMORY_TARGET_PERCENT)),
        ),
    )


def backlog(title: str, work: WorkQueue) -> tuple[Json, Json]:
    """What waits in its queue, how long already, and what it gave up on."""
    waiting = ["QueueName", variable(work.queue.get_att("QueueName"))]
    dead = ["QueueName", variable(work.dead_letters.get_att("QueueName"))]
    return (
        graph(
            f"{title}: queue",
            ["AWS/SQS", "ApproximateNumberOfMessagesVisible", *waiting, {"label": "waiting"}],
            ["AWS/SQS", "ApproximateNumberOfMessagesNotVisible", *waiting, {"label": "in flight"}],
            ["AWS/SQS", "ApproximateNumberOfMessagesVisible", *dead, {"label": "dead letters"}],
            stat="Maximum",
        ),
        graph(
            f"{title}: age of the oldest message (s)",
            ["AWS/SQS", "ApproximateAgeOfOldestMessage", *waiting, {"label": "age"}],
            stat="Maximum",
        ),
    )


def outputs(title: str, discovery: DiscoveryService, service: Service) -> tuple[Output, ...]:
    return (
        Output(
            f"{title}DnsName",
            Description=f"Inside the VPC, on port {PORT}",
            Value=dns_name(discovery.Name),
        ),
        Output(f"{title}ServiceName", Description="ECS service", Value=service.get_att("Name")),
    )
