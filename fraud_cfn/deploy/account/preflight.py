"""What a first deployment needs of the account, asked before anything is created."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from fraud_cfn.config import REGION
from fraud_cfn.deploy.account.session import Session, code_of
from fraud_cfn.deploy.errors import UsageError
from fraud_cfn.deploy.terminal.console import Console

_ZONES = 3
_ENGINE = "aurora-postgresql"
_QUOTA = {
    "vpc": ("vpc", "L-F678F1CE", 5),
    "address": ("ec2", "L-0263D0A3", 5),
}  # service, quota, AWS's default


def check(session: Session, values: Mapping[str, Any], types: set[str], console: Console) -> None:
    """`UsageError` with everything that stands in the way of a template with resources of these `types`;
    `values` are the parameters' values. What may not be asked is said, and is no obstacle.
    """
    problems: list[tuple[str, str]] = []
    unchecked: list[str] = []
    checks: dict[str, tuple[str, Callable[[], tuple[str, str] | None]]] = {
        "availability zones": ("AWS::EC2::Subnet", lambda: _zones(session)),
        "engine version": (
            "AWS::RDS::DBCluster",
            lambda: _engine(session, values.get("DatabaseEngineVersion", "")),
        ),
        "VPC quota": ("AWS::EC2::VPC", lambda: _vpcs(session)),
        "address quota": ("AWS::EC2::EIP", lambda: _addresses(session)),
        "ECS service-linked role": ("AWS::ECS::Cluster", lambda: _linked_role(session)),
    }
    for what, (needed_by, ask) in checks.items():
        if needed_by not in types:
            continue
        try:
            problem = ask()
        except (ClientError, BotoCoreError) as error:
            unchecked.append(f"{what} ({code_of(error) or type(error).__name__})")
        else:
            if problem:
                problems.append(problem)
    if unchecked:
        console.say(
            f"not checked beforehand, as this caller may not or cannot ask: {', '.join(unchecked)}", "dim"
        )
    if problems:
        raise UsageError(
            "; ".join(what for what, _ in problems), "; ".join(dict.fromkeys(then for _, then in problems))
        )


def _zones(session: Session) -> tuple[str, str] | None:
    answer = session.client("ec2").describe_availability_zones(
        Filters=[
            {"Name": "zone-type", "Values": ["availability-zone"]},
            {"Name": "state", "Values": ["available"]},
        ]
    )
    usable = len(answer["AvailabilityZones"])
    if usable >= _ZONES:
        return None
    return f"the account can use {usable} availability zones here, and {_ZONES} are needed", "ask AWS Support"


def _engine(session: Session, version: str) -> tuple[str, str] | None:
    if not version:
        return None
    pages = session.client("rds").get_paginator("describe_db_engine_versions").paginate(Engine=_ENGINE)
    offered = [one["EngineVersion"] for page in pages for one in page["DBEngineVersions"]]
    if not offered or version in offered:
        return None
    major = version.split(".")[0]
    near = [one for one in offered if one.split(".")[0] == major] or offered
    return (
        f"Aurora PostgreSQL {version} is not offered here (there is {', '.join(near)})",
        f"choose one: --param DatabaseEngineVersion={near[-1]}",
    )


def _vpcs(session: Session) -> tuple[str, str] | None:
    used = sum(len(page["Vpcs"]) for page in session.client("ec2").get_paginator("describe_vpcs").paginate())
    return _room(session, "vpc", "VPCs", used)


def _addresses(session: Session) -> tuple[str, str] | None:
    used = len(session.client("ec2").describe_addresses()["Addresses"])
    return _room(session, "address", "elastic IP addresses", used)


def _room(session: Session, kind: str, name: str, used: int) -> tuple[str, str] | None:
    service, quota, default = _QUOTA[kind]
    if used < default:
        return None  # no quota is below AWS's default
    answer = session.client("service-quotas").get_service_quota(ServiceCode=service, QuotaCode=quota)
    limit = answer["Quota"]["Value"]
    if used < limit:
        return None
    increase = f"--service-code {service} --quota-code {quota} --desired-value {limit + 5:.0f}"
    return (
        f"the account has {used} of {limit:.0f} {name}, and one more is needed",
        f"aws service-quotas request-service-quota-increase --region {REGION} {increase}",
    )


def _linked_role(session: Session) -> tuple[str, str] | None:
    prefix = "/aws-service-role/ecs.amazonaws.com/"
    if any(
        page["Roles"]
        for page in session.client("iam").get_paginator("list_roles").paginate(PathPrefix=prefix)
    ):
        return None
    return (
        "the account has no service-linked role for ECS (a fresh account lacks it)",
        "aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com",
    )
