"""Physical names: every one ends in the environment suffix."""

from __future__ import annotations

from troposphere import Sub

from fraud_cfn.config import PORT
from fraud_cfn.platform.intrinsics import sub

_NAMESPACE = "fraud-{suffix}.internal"


def name(thing: str) -> Sub:
    """`fraud-<thing>-<suffix>`."""
    return sub(f"fraud-{thing}-{{suffix}}")


def namespace() -> Sub:
    """The private DNS namespace of the environment."""
    return sub(_NAMESPACE)


def dns_name(service: str) -> Sub:
    """The name by which other tasks find that service."""
    return sub(f"{service}.{_NAMESPACE}")


def url(service: str) -> Sub:
    """Where other tasks reach that service."""
    return sub(f"http://{service}.{_NAMESPACE}:{PORT}")


# Longest physical name that AWS takes, in characters, by resource type.
# Source: each service's API reference, the parameter that carries the name.
NAME_LIMITS = {
    "AWS::ApplicationAutoScaling::ScalingPolicy": 256,
    "AWS::CloudWatch::Alarm": 255,
    "AWS::CloudWatch::Dashboard": 255,
    "AWS::EC2::SecurityGroup": 255,
    "AWS::ECR::Repository": 256,
    "AWS::ECS::Cluster": 255,
    "AWS::ECS::Service": 255,
    "AWS::ECS::TaskDefinition": 255,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": 32,
    "AWS::ElasticLoadBalancingV2::TargetGroup": 32,
    "AWS::IAM::Role": 64,
    "AWS::Logs::LogGroup": 512,
    "AWS::Logs::QueryDefinition": 255,
    "AWS::RDS::DBCluster": 63,
    "AWS::RDS::DBClusterParameterGroup": 255,
    "AWS::RDS::DBInstance": 63,
    "AWS::RDS::DBSubnetGroup": 255,
    "AWS::S3::Bucket": 63,
    "AWS::SQS::Queue": 80,
    "AWS::Scheduler::Schedule": 64,
    "AWS::Scheduler::ScheduleGroup": 64,
    "AWS::ServiceDiscovery::PrivateDnsNamespace": 253,
    "AWS::ServiceDiscovery::Service": 63,
}
