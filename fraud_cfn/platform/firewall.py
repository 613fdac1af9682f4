"""Firewall: the groups of the load balancer and of the database.

Only the load balancer is open; a workload brings its own group, and says who may reach it. Each group
declares an egress rule of its own: without one AWS would add "everything allowed", and a stand-alone
rule would not take that away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import If, Ref
from troposphere.ec2 import (
    VPC,
    SecurityGroup,
    SecurityGroupEgress,
    SecurityGroupIngress,
    SecurityGroupRule,
)

from fraud_cfn.platform.intrinsics import because
from fraud_cfn.platform.naming import name
from fraud_cfn.platform.parameters import HTTPS, INGRESS_CIDR

Rule = SecurityGroupEgress | SecurityGroupIngress


@dataclass(frozen=True)
class Firewall:
    load_balancer: SecurityGroup
    database: SecurityGroup


def build(vpc: VPC) -> Firewall:
    return Firewall(
        load_balancer=_group(
            vpc,
            "LoadBalancer",
            "load-balancer",
            "The load balancer, the only thing open to clients",
            ingress=[_from_clients(80), HTTPS.choose(_from_clients(443))],
            egress=_nowhere(),
        ),
        database=_group(vpc, "Database", "database", "Aurora", egress=_nowhere()),
    )


def task_group(vpc: VPC, title: str, service: str, description: str) -> SecurityGroup:
    """Of the tasks of a workload: they reach AWS, and what is connected to them by `connect`."""
    to_aws = SecurityGroupRule(Description="AWS, through the NAT gateway", **_tcp(443), CidrIp="0.0.0.0/0")
    return _group(vpc, title, service, description, egress=to_aws)


def connect(client: SecurityGroup, server: SecurityGroup, port: int) -> tuple[Rule, ...]:
    """Both ends of a connection."""
    return (
        SecurityGroupEgress(
            f"{_stem(client)}To{_stem(server)}",
            GroupId=Ref(client),
            Description=f"To {_stem(server)}",
            **_tcp(port),
            DestinationSecurityGroupId=because(
                Ref(server), "a rule of its own: in line, the two groups would refer to each other"
            ),
        ),
        SecurityGroupIngress(
            f"{_stem(server)}From{_stem(client)}",
            GroupId=Ref(server),
            Description=f"From {_stem(client)}",
            **_tcp(port),
            SourceSecurityGroupId=Ref(client),
        ),
    )


def _group(
    vpc: VPC,
    title: str,
    thing: str,
    description: str,
    *,
    egress: SecurityGroupRule,
    ingress: list[SecurityGroupRule | If] | None = None,
) -> SecurityGroup:
    group = SecurityGroup(
        f"{title}SecurityGroup",
        GroupName=name(thing),
        GroupDescription=because(
            description, "create-only beside a fixed name: another text would fail an update"
        ),
        VpcId=Ref(vpc),
        SecurityGroupEgress=because(
            [egress], "in line: a group without any gets a rule from AWS that allows everything"
        ),
    )
    if ingress:
        group.SecurityGroupIngress = ingress
    return group


def _nowhere() -> SecurityGroupRule:
    """Nothing is at that address: what the group may reach is said by stand-alone rules, or is nothing."""
    return SecurityGroupRule(Description="Nowhere", IpProtocol="-1", CidrIp="127.0.0.1/32")


def _from_clients(port: int) -> SecurityGroupRule:
    return SecurityGroupRule(Description="Clients", **_tcp(port), CidrIp=Ref(INGRESS_CIDR))


def _tcp(port: int) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}


def _stem(group: SecurityGroup) -> str:
    return str(group.title).removesuffix("SecurityGroup")
