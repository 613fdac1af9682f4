"""Proves that nothing of an environment is left, by the exact names that the template computes.

Never by the ending of a name: what ends in "dev" may be of the environment "pr-dev".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from fraud_cfn.config import REGION
from fraud_cfn.deploy.account.session import Session, code_of

_Ask = Callable[[Session, str], bool]

_GONE = (
    "404",
    "AWS.SimpleQueueService.NonExistentQueue",
    "DBClusterNotFoundFault",
    "DBClusterParameterGroupNotFound",
    "DBInstanceNotFound",
    "DBInstanceNotFoundFault",
    "DBParameterGroupNotFound",
    "DBSubnetGroupNotFoundFault",
    "LoadBalancerNotFound",
    "NoSuchBucket",
    "NoSuchEntity",
    "QueueDoesNotExist",
    "RepositoryNotFoundException",
    "ResourceNotFound",
    "ResourceNotFoundException",
)


@dataclass(frozen=True)
class Named:
    """A resource whose physical name the template fixes."""

    logical_id: str
    type: str
    name: str


@dataclass(frozen=True)
class Verdict:
    """What was looked for and what of it still exists."""

    looked_for: int
    left: tuple[Named, ...]
    unchecked: tuple[Named, ...]  # AWS could not be asked


def names(resources: Mapping[str, Any], suffix: str, account: str) -> list[Named]:
    """Every resource of a kind that can be looked for by its name."""
    found = []
    for logical_id, resource in resources.items():
        if resource["Type"] in _KINDS:
            property_name, _ = _KINDS[resource["Type"]]
            name = _resolve(resource.get("Properties", {}).get(property_name), suffix, account)
            if name:
                found.append(Named(logical_id, resource["Type"], name))
    return found


def _resolve(value: Any, suffix: str, account: str) -> str:
    """The text of a literal or `Fn::Sub` name; empty for one that AWS chooses."""
    if isinstance(value, dict):
        value = value.get("Fn::Sub")
    if not isinstance(value, str):
        return ""
    known = {"EnvironmentSuffix": suffix, "AWS::AccountId": account, "AWS::Region": REGION}
    for key, text in known.items():
        value = value.replace(f"${{{key}}}", text)
    return "" if "${" in value else value


def look(session: Session, wanted: Iterable[Named]) -> Verdict:
    """Ask each service for each name."""
    wanted = list(wanted)
    left, unchecked = [], []
    for one in wanted:
        _, ask = _KINDS[one.type]
        try:
            if ask(session, one.name):
                left.append(one)
        except ClientError as error:
            if code_of(error) not in _GONE and "not found" not in str(error).lower():
                unchecked.append(one)
        except BotoCoreError:
            unchecked.append(one)
    return Verdict(len(wanted), tuple(left), tuple(unchecked))


def sweep_log_groups(session: Session, wanted: Iterable[Named]) -> list[str]:
    """Delete the log groups that AWS wrote anew while their writers were going away; their names."""
    logs = session.client("logs")
    swept = []
    for one in wanted:
        if one.type == "AWS::Logs::LogGroup" and _log_group(session, one.name):
            logs.delete_log_group(logGroupName=one.name)
            swept.append(one.name)
    return swept


def _log_group(session: Session, name: str) -> bool:
    pages = session.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
    return any(group["logGroupName"] == name for page in pages for group in page["logGroups"])


def _cluster(session: Session, name: str) -> bool:
    clusters = session.client("ecs").describe_clusters(clusters=[name])["clusters"]
    return any(one["status"] != "INACTIVE" for one in clusters)


def _namespace(session: Session, name: str) -> bool:
    pages = session.client("servicediscovery").get_paginator("list_namespaces").paginate()
    return any(one["Name"] == name for page in pages for one in page["Namespaces"])


def _task_family(session: Session, name: str) -> bool:
    """Active revisions only: inactive ones stay for good, and cost nothing."""
    pages = session.client("ecs").get_paginator("list_task_definitions").paginate(familyPrefix=name)
    arns = (arn for page in pages for arn in page["taskDefinitionArns"])
    return any(arn.split("/")[-1].rpartition(":")[0] == name for arn in arns)


def _alarm(session: Session, name: str) -> bool:
    return bool(session.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"])


def _security_group(session: Session, name: str) -> bool:
    wanted = [{"Name": "group-name", "Values": [name]}]
    return bool(session.client("ec2").describe_security_groups(Filters=wanted)["SecurityGroups"])


def _query(session: Session, name: str) -> bool:
    queries = session.client("logs").describe_query_definitions(queryDefinitionNamePrefix=name)
    return any(one["name"] == name for one in queries["queryDefinitions"])


def _asks(service: str, operation: str, argument: str, *, many: bool = False) -> _Ask:
    """A call that fails if there is nothing of that name."""

    def ask(session: Session, name: str) -> bool:
        getattr(session.client(service), operation)(**{argument: [name] if many else name})
        return True

    return ask


def _schedule_group_gone(session: Session, name: str) -> bool:
    return session.client("scheduler").get_schedule_group(Name=name).get("State") != "DELETING"


# Resource type → the property that names it, and how to ask for it.
_KINDS: dict[str, tuple[str, _Ask]] = {
    "AWS::CloudWatch::Alarm": ("AlarmName", _alarm),
    "AWS::CloudWatch::Dashboard": ("DashboardName", _asks("cloudwatch", "get_dashboard", "DashboardName")),
    "AWS::EC2::SecurityGroup": ("GroupName", _security_group),
    "AWS::ECR::Repository": (
        "RepositoryName",
        _asks("ecr", "describe_repositories", "repositoryNames", many=True),
    ),
    "AWS::ECS::Cluster": ("ClusterName", _cluster),
    "AWS::ECS::TaskDefinition": ("Family", _task_family),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": (
        "Name",
        _asks("elbv2", "describe_load_balancers", "Names", many=True),
    ),
    "AWS::IAM::Role": ("RoleName", _asks("iam", "get_role", "RoleName")),
    "AWS::Logs::LogGroup": ("LogGroupName", _log_group),
    "AWS::Logs::QueryDefinition": ("Name", _query),
    "AWS::RDS::DBCluster": (
        "DBClusterIdentifier",
        _asks("rds", "describe_db_clusters", "DBClusterIdentifier"),
    ),
    "AWS::RDS::DBClusterParameterGroup": (
        "DBClusterParameterGroupName",
        _asks("rds", "describe_db_cluster_parameter_groups", "DBClusterParameterGroupName"),
    ),
    "AWS::RDS::DBInstance": (
        "DBInstanceIdentifier",
        _asks("rds", "describe_db_instances", "DBInstanceIdentifier"),
    ),
    "AWS::RDS::DBSubnetGroup": (
        "DBSubnetGroupName",
        _asks("rds", "describe_db_subnet_groups", "DBSubnetGroupName"),
    ),
    "AWS::S3::Bucket": ("BucketName", _asks("s3", "head_bucket", "Bucket")),
    "AWS::SQS::Queue": ("QueueName", _asks("sqs", "get_queue_url", "QueueName")),
    "AWS::Scheduler::ScheduleGroup": ("Name", _schedule_group_gone),
    "AWS::ServiceDiscovery::PrivateDnsNamespace": ("Name", _namespace),
}
