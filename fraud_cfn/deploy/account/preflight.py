"""What a deployment needs of the account, asked before anything is created or changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from fraud_cfn import names
from fraud_cfn.config import REGION
from fraud_cfn.deploy.account.looks import Looks
from fraud_cfn.deploy.account.session import Session, code_of

_ENGINE = "aurora-postgresql"


class _Quota(NamedTuple):
    service: str
    code: str
    name: str
    default: int  # AWS's own; no quota is below it


_VPCS = _Quota("vpc", "L-F678F1CE", "VPCs", 5)
_ADDRESSES = _Quota("ec2", "L-0263D0A3", "elastic IP addresses", 5)


def look(session: Session, values: Mapping[str, str], resources: Mapping[str, Any], looks: Looks) -> None:
    """Whether the account can hold a new stack of a template with those `resources`; `values` are the
    parameters' values."""
    types = {resource["Type"] for resource in resources.values()}
    questions: tuple[tuple[str, str, Callable[[], None]], ...] = (
        ("AWS::EC2::Subnet", "the availability zones", lambda: _zones(session, resources, looks)),
        (
            "AWS::RDS::DBCluster",
            "the engine versions",
            lambda: _engine(session, values.get(names.DATABASE_ENGINE_VERSION, ""), looks),
        ),
        ("AWS::EC2::VPC", "room for another VPC", lambda: _vpcs(session, looks)),
        ("AWS::EC2::EIP", "room for another address", lambda: _addresses(session, looks)),
        ("AWS::ECS::Cluster", "the service-linked role of ECS", lambda: _linked_role(session, looks)),
    )
    for needed_by, what, question in questions:
        if needed_by in types:
            looks.ask(what, question)


def look_at_upgrade(session: Session, now: str, wanted: str, looks: Looks) -> None:
    """Whether Aurora goes from one version to the other: never back, and forward only where it offers it."""

    def question() -> None:
        pages = session.client("rds").get_paginator("describe_db_engine_versions")
        targets = [
            target.get("EngineVersion", "")
            for page in pages.paginate(Engine=_ENGINE, EngineVersion=now)
            for version in page["DBEngineVersions"]
            for target in version.get("ValidUpgradeTarget", ())
        ]
        if wanted not in targets:
            looks.stop(
                f"Aurora PostgreSQL does not go from {now} to {wanted} (to {', '.join(targets) or 'none'})",
                f"leave {names.DATABASE_ENGINE_VERSION} as it is, or choose one of these",
            )

    looks.ask("the engine's upgrades", question)


def look_at_bucket(session: Session, name: str, looks: Looks, *, otherwise: str) -> None:
    """Whether the bucket for the template is there."""

    def question() -> None:
        try:
            session.client("s3").head_bucket(Bucket=name, ExpectedBucketOwner=session.account)
        except ClientError as error:
            if code_of(error) not in ("404", "NoSuchBucket"):
                raise
            looks.stop(f"the bucket {name} for the template does not exist", otherwise)

    looks.ask(f"the bucket {name}", question)


def _zones(session: Session, resources: Mapping[str, Any], looks: Looks) -> None:
    """A zone is named in the template, and another account may not have it."""
    answer = session.client("ec2").describe_availability_zones(
        Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}]
    )
    states = {zone.get("ZoneName", ""): zone.get("State", "") for zone in answer["AvailabilityZones"]}
    usable = [name for name, state in states.items() if state == "available"]
    subnets = [one.get("Properties", {}) for one in resources.values() if one["Type"] == "AWS::EC2::Subnet"]
    wanted = {zone for subnet in subnets if (zone := _zone(subnet.get("AvailabilityZone")))}
    if missing := sorted(wanted - set(usable)):
        looks.stop(
            f"the availability zone{'s' if len(missing) > 1 else ''} {', '.join(missing)} cannot be used by "
            f"this account (it has {', '.join(sorted(usable)) or 'none'})",
            "ask AWS Support for these zones, or deploy into another account",
        )


def _zone(value: Any) -> str:
    """The name of a zone that the template fixes; empty for one that something else decides."""
    text = value.get("Fn::Sub", "") if isinstance(value, dict) else value  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    name = str(text or "").replace("${AWS::Region}", REGION)  # pyright: ignore[reportUnknownArgumentType]
    return "" if "${" in name else name


def _engine(session: Session, version: str, looks: Looks) -> None:
    if not version:
        return
    pages = session.client("rds").get_paginator("describe_db_engine_versions").paginate(Engine=_ENGINE)
    offered = [offer.get("EngineVersion", "") for page in pages for offer in page["DBEngineVersions"]]
    if version in offered:
        return
    major = version.split(".")[0]
    near = [offer for offer in offered if offer.split(".")[0] == major] or offered
    looks.stop(
        f"Aurora PostgreSQL {version} is not offered here (there is {', '.join(near) or 'none'})",
        f"choose one: --param {names.DATABASE_ENGINE_VERSION}={near[-1] if near else 'VERSION'}",
    )


def _vpcs(session: Session, looks: Looks) -> None:
    pages = session.client("ec2").get_paginator("describe_vpcs").paginate()
    _room(session, _VPCS, sum(len(page["Vpcs"]) for page in pages), looks)


def _addresses(session: Session, looks: Looks) -> None:
    _room(session, _ADDRESSES, len(session.client("ec2").describe_addresses()["Addresses"]), looks)


def _room(session: Session, quota: _Quota, used: int, looks: Looks) -> None:
    if used < quota.default:
        return
    answer = session.client("service-quotas").get_service_quota(
        ServiceCode=quota.service, QuotaCode=quota.code
    )
    limit = answer["Quota"].get("Value", 0)
    if used < limit:
        return
    increase = f"--service-code {quota.service} --quota-code {quota.code} --desired-value {limit + 5:.0f}"
    looks.stop(
        f"the account has {used} of {limit:.0f} {quota.name}, and one more is needed",
        f"aws service-quotas request-service-quota-increase --region {REGION} {increase}",
    )


def _linked_role(session: Session, looks: Looks) -> None:
    prefix = "/aws-service-role/ecs.amazonaws.com/"
    pages = session.client("iam").get_paginator("list_roles").paginate(PathPrefix=prefix)
    if not any(page["Roles"] for page in pages):
        looks.stop(
            "the account has no service-linked role for ECS (a fresh account lacks it)",
            "aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com",
        )
