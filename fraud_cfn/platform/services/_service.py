"""What the two services have in common beside their tasks: discovery, network, deployment safety."""

from __future__ import annotations

from troposphere import Ref
from troposphere.ec2 import SecurityGroup
from troposphere.ecs import AwsvpcConfiguration, DeploymentCircuitBreaker, NetworkConfiguration
from troposphere.servicediscovery import DnsConfig, DnsRecord, HealthCheckCustomConfig
from troposphere.servicediscovery import Service as DiscoveryService

from fraud_cfn.platform.cluster import Platform
from fraud_cfn.platform.network import Subnets


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
        # Create-only, and 1 is the only threshold there is: never change it.
        HealthCheckCustomConfig=HealthCheckCustomConfig(FailureThreshold=1),
    )


def network(subnets: Subnets, security_group: SecurityGroup) -> NetworkConfiguration:
    return NetworkConfiguration(
        AwsvpcConfiguration=AwsvpcConfiguration(
            AssignPublicIp="DISABLED",
            Subnets=[Ref(subnet) for subnet in subnets],
            SecurityGroups=[security_group.get_att("GroupId")],
        )
    )


def circuit_breaker() -> DeploymentCircuitBreaker:
    """A deployment whose tasks fail to start, or to become healthy, is rolled back."""
    return DeploymentCircuitBreaker(Enable=True, Rollback=True)
