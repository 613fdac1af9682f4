"""Firewall: who may reach whom.

Only the load balancer is open. Each group declares an egress rule of its own: without one AWS would
add "everything allowed", and a stand-alone rule would not take that away.
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

from fraud_cfn.config import PORT, POSTGRES_PORT
from fraud_cfn.platform.naming import name
from fraud_cfn.platform.parameters import HTTPS, INGRESS_CIDR


@dataclass(frozen=True)
class Firewall:
    api: SecurityGroup
    worker: SecurityGroup
    job: SecurityGroup
    load_balancer: SecurityGroup
    database: SecurityGroup
    api_from_load_balancer: SecurityGroupIngress
    between_tasks: tuple[SecurityGroupEgress | SecurityGroupIngress, ...]
    to_database: tuple[SecurityGroupEgress | SecurityGroupIngress, ...]


def build(vpc: VPC) -> Firewall:
    anywhere_tls = SecurityGroupRule(
        Description="AWS services, through the NAT gateway", **_tcp(443), CidrIp="0.0.0.0/0"
    )
    api = _group(vpc, "Api", "api", "Tasks of the REST API", egress=anywhere_tls)
    worker = _group(vpc, "Worker", "worker", "Tasks of the queue worker", egress=anywhere_tls)
    job = _group(vpc, "Job", "job", "Tasks of the scheduled job", egress=anywhere_tls)
    load_balancer = _group(
        vpc,
        "LoadBalancer",
        "load-balancer",
        "The load balancer, the only thing open to clients",
        ingress=[_from_clients(80), HTTPS.choose(_from_clients(443))],
        egress=SecurityGroupRule(
            Description="Requests and health checks", **_tcp(PORT), DestinationSecurityGroupId=Ref(api)
        ),
    )
    database = _group(
        vpc,
        "Database",
        "database",
        "Aurora",
        # Nothing is at that address: the database opens no connection.
        egress=SecurityGroupRule(Description="Nowhere", IpProtocol="-1", CidrIp="127.0.0.1/32"),
    )
    return Firewall(
        api=api,
        worker=worker,
        job=job,
        load_balancer=load_balancer,
        database=database,
        api_from_load_balancer=_admit(load_balancer, api, PORT),
        between_tasks=(
            *_connect(api, worker, PORT),
            *_connect(worker, api, PORT),
            *_connect(job, api, PORT),
            *_connect(job, worker, PORT),
        ),
        to_database=tuple(
            rule for task in (api, worker, job) for rule in _connect(task, database, POSTGRES_PORT)
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
    """The description is create-only, and the name fixed: changing it would fail an update."""
    group = SecurityGroup(
        f"{title}SecurityGroup",
        GroupName=name(thing),
        GroupDescription=description,
        VpcId=Ref(vpc),
        SecurityGroupEgress=[egress],
    )
    if ingress:
        group.SecurityGroupIngress = ingress
    return group


def _from_clients(port: int) -> SecurityGroupRule:
    return SecurityGroupRule(Description="Clients", **_tcp(port), CidrIp=Ref(INGRESS_CIDR))


def _tcp(port: int) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}


def _connect(
    client: SecurityGroup, server: SecurityGroup, port: int
) -> tuple[SecurityGroupEgress, SecurityGroupIngress]:
    """Both ends of a connection, stand-alone: in-line the groups would form a cycle."""
    return (
        SecurityGroupEgress(
            f"{_stem(client)}To{_stem(server)}",
            GroupId=Ref(client),
            Description=f"To {_stem(server)}",
            **_tcp(port),
            DestinationSecurityGroupId=Ref(server),
        ),
        _admit(client, server, port),
    )


def _admit(client: SecurityGroup, server: SecurityGroup, port: int) -> SecurityGroupIngress:
    return SecurityGroupIngress(
        f"{_stem(server)}From{_stem(client)}",
        GroupId=Ref(server),
        Description=f"From {_stem(client)}",
        **_tcp(port),
        SourceSecurityGroupId=Ref(client),
    )


def _stem(group: SecurityGroup) -> str:
    return str(group.title).removesuffix("SecurityGroup")
