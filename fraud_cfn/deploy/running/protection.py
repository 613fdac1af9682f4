"""What somebody set so that a stack, or part of it, is not deleted: found before anything is stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fraud_cfn.deploy.account import trouble
from fraud_cfn.deploy.account.session import Session, code_of
from fraud_cfn.deploy.stack.stacks import Resource, Stack, physical_ids
from fraud_cfn.deploy.terminal.console import Console

if TYPE_CHECKING:
    from types_boto3_rds import RDSClient

_ATTRIBUTE = "deletion_protection.enabled"


@dataclass(frozen=True)
class Protection:
    """A protection against deletion, and how to take it away."""

    of: str  # physical id, or the stack's name
    lift: Callable[[], object]


def protections(
    session: Session, stack: Stack, resources: tuple[Resource, ...], console: Console
) -> list[Protection]:
    """Of the stack, its databases and its load balancers. What may not be asked is told."""
    found: list[Protection] = []
    if stack.protected:
        cloudformation = session.client("cloudformation")
        found.append(
            Protection(
                stack.name,
                lambda: cloudformation.update_termination_protection(
                    StackName=stack.arn, EnableTerminationProtection=False
                ),
            )
        )
    for what, ask in (("a database", _databases), ("a load balancer", _load_balancers)):
        try:
            found += ask(session, resources)
        except trouble.UNANSWERED as error:
            if code_of(error) not in ("DBClusterNotFoundFault", "LoadBalancerNotFound"):
                console.warn(
                    f"whether {what} is protected against deletion is not known: {trouble.words(error)}"
                )
    return found


def _databases(session: Session, resources: tuple[Resource, ...]) -> Iterator[Protection]:
    rds: RDSClient = session.client("rds")
    for name in physical_ids(resources, "AWS::RDS::DBCluster"):
        for cluster in rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"]:
            if cluster.get("DeletionProtection"):
                yield Protection(
                    name,
                    lambda name=name: rds.modify_db_cluster(
                        DBClusterIdentifier=name, DeletionProtection=False, ApplyImmediately=True
                    ),
                )


def _load_balancers(session: Session, resources: tuple[Resource, ...]) -> Iterator[Protection]:
    elbv2 = session.client("elbv2")
    for arn in physical_ids(resources, "AWS::ElasticLoadBalancingV2::LoadBalancer"):
        answer = elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)
        attributes = {one.get("Key"): one.get("Value") for one in answer["Attributes"]}
        if attributes.get(_ATTRIBUTE) == "true":
            yield Protection(
                arn.split("/")[-2] if arn.count("/") > 1 else arn,
                lambda arn=arn: elbv2.modify_load_balancer_attributes(
                    LoadBalancerArn=arn, Attributes=[{"Key": _ATTRIBUTE, "Value": "false"}]
                ),
            )
