"""Cluster: ECS on Fargate and Fargate Spot, and the namespace in which services find each other."""

from __future__ import annotations

from dataclasses import dataclass

from troposphere import Ref
from troposphere.ec2 import VPC
from troposphere.ecs import (
    CapacityProviderStrategy,
    Cluster,
    ClusterCapacityProviderAssociations,
    ClusterSetting,
)
from troposphere.logs import LogGroup
from troposphere.servicediscovery import PrivateDnsNamespace

from fraud_cfn.config import LOG_RETENTION_DAYS
from fraud_cfn.platform import naming
from fraud_cfn.platform.intrinsics import DELETED, because, sub
from fraud_cfn.platform.naming import name
from fraud_cfn.platform.parameters import DATA_KMS_KEY, DATA_KMS_KEY_ARN


@dataclass(frozen=True)
class Platform:
    insights_logs: LogGroup
    cluster: Cluster
    capacity_providers: ClusterCapacityProviderAssociations
    namespace: PrivateDnsNamespace


def build(vpc: VPC) -> Platform:
    insights_logs = LogGroup(
        "ContainerInsightsLogs",
        **DELETED,
        LogGroupName=sub("/aws/ecs/containerinsights/fraud-cluster-{suffix}/performance"),
        KmsKeyId=DATA_KMS_KEY.choose(Ref(DATA_KMS_KEY_ARN)),
        RetentionInDays=LOG_RETENTION_DAYS,
    )
    cluster = Cluster(
        "Cluster",
        DependsOn=because([insights_logs], "a log group that Container Insights makes itself is kept longer"),
        ClusterName=name("cluster"),
        ClusterSettings=because(
            [ClusterSetting(Name="containerInsights", Value="enhanced")],
            "paid by use: gives the count of tasks that scaling and dashboard read",
        ),
    )
    return Platform(
        insights_logs=insights_logs,
        cluster=cluster,
        capacity_providers=ClusterCapacityProviderAssociations(
            "ClusterCapacityProviders",
            Cluster=Ref(cluster),
            CapacityProviders=["FARGATE", "FARGATE_SPOT"],
            DefaultCapacityProviderStrategy=because(
                [CapacityProviderStrategy(CapacityProvider="FARGATE", Weight=1)],
                "of what names no strategy; the services and the schedule name theirs",
            ),
        ),
        namespace=PrivateDnsNamespace("Namespace", Name=naming.namespace(), Vpc=Ref(vpc)),
    )
