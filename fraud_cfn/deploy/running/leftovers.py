"""Looks for what is left of an environment: by what its stack held and by the names the template computes.

Never by the ending of a name: what ends in "dev" may be of the environment "pr-dev".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from fraud_cfn.config import REGION
from fraud_cfn.deploy.account import trouble
from fraud_cfn.deploy.account.session import Session, code_of
from fraud_cfn.deploy.errors import TimedOutError
from fraud_cfn.deploy.stack.stacks import Resource
from fraud_cfn.deploy.stack.waiting import until
from fraud_cfn.deploy.terminal import clock
from fraud_cfn.deploy.terminal.console import Console

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import FilterTypeDef
    from types_boto3_logs.type_defs import DescribeQueryDefinitionsRequestTypeDef

_Ask = Callable[[Session, str], bool]

# AWS's ways to say that there is no such thing. Nothing else means that: what was denied is unknown.
_GONE = (
    "404",
    "AWS.SimpleQueueService.NonExistentQueue",
    "ClusterNotFoundException",
    "DBClusterNotFoundFault",
    "DBClusterParameterGroupNotFound",
    "DBInstanceNotFound",
    "DBInstanceNotFoundFault",
    "DBParameterGroupNotFound",
    "DBSubnetGroupNotFoundFault",
    "InvalidAddress.NotFound",
    "InvalidGroup.NotFound",
    "InvalidVpcEndpointId.NotFound",
    "InvalidVpcID.NotFound",
    "LoadBalancerNotFound",
    "NatGatewayNotFound",
    "NoSuchBucket",
    "NoSuchEntity",
    "QueueDoesNotExist",
    "RepositoryNotFoundException",
    "ResourceNotFound",
    "ResourceNotFoundException",
)
_SLOW = {
    "AWS::EC2::NatGateway",
    "AWS::EC2::VPCEndpoint",
    "AWS::SQS::Queue",
    "AWS::Scheduler::ScheduleGroup",
    "AWS::ServiceDiscovery::PrivateDnsNamespace",
}  # AWS answers for these some time after they are gone
_SLOWEST = 90.0  # seconds


@dataclass(frozen=True)
class Named:
    """A resource, and the name or id to look for it by."""

    logical_id: str
    type: str
    name: str


@dataclass(frozen=True)
class Verdict:
    """What was looked for and what of it still exists."""

    answered: int  # how many of them AWS told about
    left: tuple[Named, ...]
    unknown: tuple[tuple[Named, str], ...]  # with why AWS could not be asked


def of_stack(resources: Iterable[Resource]) -> list[Named]:
    """Every resource of a stack of a kind that can be looked for."""
    return [
        Named(one.logical_id, one.type, _KINDS[one.type].name_of(one.physical_id))
        for one in resources
        if one.type in _KINDS and one.physical_id
    ]


def of_template(resources: Mapping[str, Any], suffix: str, account: str) -> list[Named]:
    """Every resource of a template whose name the template fixes."""
    found: list[Named] = []
    for logical_id, resource in resources.items():
        kind = _KINDS.get(resource["Type"])
        if kind and kind.property:
            name = _resolve(resource.get("Properties", {}).get(kind.property), suffix, account)
            if name:
                found.append(Named(logical_id, resource["Type"], name))
    return found


def _resolve(value: Any, suffix: str, account: str) -> str:
    """The text of a literal or `Fn::Sub` name; empty for one that AWS chooses."""
    if isinstance(value, dict):
        value = cast("dict[str, Any]", value).get("Fn::Sub")
    if not isinstance(value, str):
        return ""
    known = {"EnvironmentSuffix": suffix, "AWS::AccountId": account, "AWS::Region": REGION}
    for key, text in known.items():
        value = value.replace(f"${{{key}}}", text)
    return "" if "${" in value else value


def look(session: Session, wanted: Iterable[Named], console: Console) -> Verdict:
    """Ask each service for each; again for a while for what AWS forgets slowly, or could not tell."""
    wanted = list(dict.fromkeys(wanted))
    left: dict[Named, None] = {}
    unknown: dict[Named, str] = {}
    asked = wanted

    def settled() -> bool | None:
        nonlocal asked
        asked = [named for named in asked if _ask(session, named, left, unknown)]
        return None if asked else True

    with suppress(TimedOutError):
        until(
            settled,
            console,
            what="what AWS forgets slowly",
            timeout=_SLOWEST,
            next_step="",
            pace=clock.Pace(first=5),
        )
    return Verdict(len(wanted) - len(unknown), tuple(left), tuple(unknown.items()))


def exists(session: Session, resource: Resource) -> bool | None:
    """Whether it is there now; `None` where that cannot be asked."""
    for named in of_stack([resource]):
        left, unknown = dict[Named, None](), dict[Named, str]()
        _ask(session, named, left, unknown)
        return None if unknown else bool(left)
    return None


def _ask(session: Session, named: Named, left: dict[Named, None], unknown: dict[Named, str]) -> bool:
    """Note what is known of it now; whether it may be otherwise a little later."""
    left.pop(named, None)
    unknown.pop(named, None)
    try:
        if _KINDS[named.type].exists(session, named.name):
            left[named] = None
        return named in left and named.type in _SLOW
    except trouble.UNANSWERED as error:
        if code_of(error) in _GONE:
            return False
        unknown[named] = trouble.words(error)
        return trouble.passes(error)


def sweep_log_groups(session: Session, wanted: Iterable[Named], since: datetime) -> list[str]:
    """Delete the log groups of `wanted` that AWS wrote anew after `since`, as their writers went away; their
    names. What may not be asked or deleted is left to `look`."""
    logs, swept = session.client("logs"), list[str]()
    for named in wanted:
        if named.type != "AWS::Logs::LogGroup":
            continue
        try:
            pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=named.name)
            for page in pages:
                for group in page["logGroups"]:
                    anew = group.get("creationTime", 0) >= since.timestamp() * 1000
                    if group.get("logGroupName") == named.name and anew:
                        logs.delete_log_group(logGroupName=named.name)
                        swept.append(named.name)
        except trouble.UNANSWERED:
            continue
    return swept


# ── How each kind is asked for ────────────────────────────────────────────────────────────────────


def _log_group(session: Session, name: str) -> bool:
    pages = session.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
    return any(group.get("logGroupName") == name for page in pages for group in page["logGroups"])


def _cluster(session: Session, name: str) -> bool:
    clusters = session.client("ecs").describe_clusters(clusters=[name])["clusters"]
    return any(cluster.get("status") != "INACTIVE" for cluster in clusters)


def _namespace(session: Session, name: str) -> bool:
    pages = session.client("servicediscovery").get_paginator("list_namespaces").paginate()
    return any(name in (one.get("Name"), one.get("Id")) for page in pages for one in page["Namespaces"])


def _task_family(session: Session, name: str) -> bool:
    """Active revisions only: inactive ones stay for good, and cost nothing."""
    pages = session.client("ecs").get_paginator("list_task_definitions").paginate(familyPrefix=name)
    arns = (arn for page in pages for arn in page["taskDefinitionArns"])
    return any(arn.split("/")[-1].rpartition(":")[0] == name for arn in arns)


def _alarm(session: Session, name: str) -> bool:
    found = session.client("cloudwatch").describe_alarms(AlarmNames=[name])
    return bool(found.get("MetricAlarms") or found.get("CompositeAlarms"))


def _security_group(session: Session, name: str) -> bool:
    ec2 = session.client("ec2")
    if name.startswith("sg-"):
        return bool(ec2.describe_security_groups(GroupIds=[name])["SecurityGroups"])
    wanted: list[FilterTypeDef] = [{"Name": "group-name", "Values": [name]}]
    pages = ec2.get_paginator("describe_security_groups").paginate(Filters=wanted)
    return any(page["SecurityGroups"] for page in pages)


def _query(session: Session, name: str) -> bool:
    logs = session.client("logs")
    asked: DescribeQueryDefinitionsRequestTypeDef = {}
    while True:
        page = logs.describe_query_definitions(**asked)
        if any(name in (one.get("name"), one.get("queryDefinitionId")) for one in page["queryDefinitions"]):
            return True
        if not (token := page.get("nextToken")):
            return False
        asked["nextToken"] = token


def _vpc(session: Session, vpc: str) -> bool:
    return bool(session.client("ec2").describe_vpcs(VpcIds=[vpc])["Vpcs"])


def _address(session: Session, address: str) -> bool:
    found = session.client("ec2").describe_addresses(PublicIps=[address])["Addresses"]
    return any(one.get("PublicIp") == address for one in found)


def _nat_gateway(session: Session, gateway: str) -> bool:
    found = session.client("ec2").describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"]
    return any(one.get("State") != "deleted" for one in found)


def _endpoint(session: Session, endpoint: str) -> bool:
    found = session.client("ec2").describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]
    return any(one.get("State", "").lower() != "deleted" for one in found)


def _bucket(session: Session, name: str) -> bool:
    session.client("s3").head_bucket(Bucket=name, ExpectedBucketOwner=session.account)
    return True


def _schedule_group(session: Session, name: str) -> bool:
    return session.client("scheduler").get_schedule_group(Name=name).get("State") != "DELETING"


def _asks(service: str, operation: str, argument: str, *, many: bool = False) -> _Ask:
    """A call that fails if there is nothing of that name."""

    def ask(session: Session, name: str) -> bool:
        getattr(session.client(service), operation)(**{argument: [name] if many else name})
        return True

    return ask


def _same(physical_id: str) -> str:
    return physical_id


def _last(physical_id: str) -> str:
    """Of a queue's URL."""
    return physical_id.rpartition("/")[2]


def _family(arn: str) -> str:
    return _last(arn).rpartition(":")[0]


def _load_balancer(arn: str) -> str:
    return arn.split("/")[-2] if arn.count("/") > 1 else arn


@dataclass(frozen=True)
class _Kind:
    """How one type of resource is looked for."""

    property: str  # that names it in a template; empty where only its id does
    exists: _Ask
    name_of: Callable[[str], str] = _same  # from the physical id


_KINDS: dict[str, _Kind] = {
    "AWS::CloudWatch::Alarm": _Kind("AlarmName", _alarm),
    "AWS::CloudWatch::Dashboard": _Kind(
        "DashboardName", _asks("cloudwatch", "get_dashboard", "DashboardName")
    ),
    "AWS::EC2::EIP": _Kind("", _address),
    "AWS::EC2::NatGateway": _Kind("", _nat_gateway),
    "AWS::EC2::SecurityGroup": _Kind("GroupName", _security_group),
    "AWS::EC2::VPC": _Kind("", _vpc),
    "AWS::EC2::VPCEndpoint": _Kind("", _endpoint),
    "AWS::ECR::Repository": _Kind(
        "RepositoryName", _asks("ecr", "describe_repositories", "repositoryNames", many=True)
    ),
    "AWS::ECS::Cluster": _Kind("ClusterName", _cluster),
    "AWS::ECS::TaskDefinition": _Kind("Family", _task_family, _family),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _Kind(
        "Name", _asks("elbv2", "describe_load_balancers", "Names", many=True), _load_balancer
    ),
    "AWS::IAM::Role": _Kind("RoleName", _asks("iam", "get_role", "RoleName")),
    "AWS::Logs::LogGroup": _Kind("LogGroupName", _log_group),
    "AWS::Logs::QueryDefinition": _Kind("Name", _query),
    "AWS::RDS::DBCluster": _Kind(
        "DBClusterIdentifier", _asks("rds", "describe_db_clusters", "DBClusterIdentifier")
    ),
    "AWS::RDS::DBClusterParameterGroup": _Kind(
        "DBClusterParameterGroupName",
        _asks("rds", "describe_db_cluster_parameter_groups", "DBClusterParameterGroupName"),
    ),
    "AWS::RDS::DBInstance": _Kind(
        "DBInstanceIdentifier", _asks("rds", "describe_db_instances", "DBInstanceIdentifier")
    ),
    "AWS::RDS::DBSubnetGroup": _Kind(
        "DBSubnetGroupName", _asks("rds", "describe_db_subnet_groups", "DBSubnetGroupName")
    ),
    "AWS::S3::Bucket": _Kind("BucketName", _bucket),
    "AWS::SQS::Queue": _Kind("QueueName", _asks("sqs", "get_queue_url", "QueueName"), _last),
    "AWS::Scheduler::ScheduleGroup": _Kind("Name", _schedule_group),
    "AWS::ServiceDiscovery::PrivateDnsNamespace": _Kind("Name", _namespace),
}
