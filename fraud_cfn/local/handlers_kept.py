"""Types that ministack has but keeps incompletely: what it drops is added."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.services import alb, ecr, rds, s3, scheduler
from ministack.services.cloudformation import provisioners

from fraud_cfn.local.requests import Created, Handler, Properties, boolean, call, input_of, service_model

_REGISTRY = provisioners._RESOURCE_HANDLERS


def register() -> None:
    """Change ministack's handlers, actions and answers, once."""
    for resource_type, keep in _KEEP.items():
        _REGISTRY[resource_type] = _keeping(_REGISTRY[resource_type], keep)
    _REGISTRY["AWS::S3::Bucket"]["delete"] = _delete_bucket
    _keep_forward_weights()
    _keep_metric_math()
    _show_kept_details()


def _keeping(handler: Handler, keep: Callable[[str, Properties], dict[str, Any]]) -> Handler:
    """That handler, with `keep` after every creation and update; it returns further attributes."""

    def create(logical_id: str, props: Properties, stack: str) -> Created:
        identifier, attributes = handler["create"](logical_id, props, stack)
        return identifier, attributes | keep(identifier, props)

    def update(identifier: str, old: Properties, new: Properties, *rest: Any) -> Created:
        identifier, attributes = handler["update"](identifier, old, new, *rest)
        return identifier, attributes | keep(identifier, new)

    return {**handler, "create": create, "update": update}


def _keep_vpc(_vpc: str, props: Properties) -> dict[str, Any]:
    return {"CidrBlock": props["CidrBlock"], "CidrBlockAssociations": []}


def _keep_bucket(name: str, props: Properties) -> dict[str, Any]:
    encryption = props.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [])
    rules = [
        {"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]} for rule in encryption
    ]
    lifecycle = [_lifecycle_rule(rule) for rule in props.get("LifecycleConfiguration", {}).get("Rules", [])]
    kept: tuple[tuple[Callable[..., Any], str, Properties], ...] = (
        (s3._put_bucket_lifecycle, "LifecycleConfiguration", {"Rules": lifecycle} if lifecycle else {}),
        (s3._put_bucket_encryption, "ServerSideEncryptionConfiguration", {"Rules": rules} if rules else {}),
        (s3._put_bucket_ownership_controls, "OwnershipControls", props.get("OwnershipControls", {})),
    )
    for put, member, value in kept:
        if value:
            call(put, name, _bucket_request(name, member, value))
    return {}


def _lifecycle_rule(rule: Properties) -> Properties:
    """The API groups what CloudFormation says side by side about an object's end."""
    grouped = {"ExpirationDate": "Date", "ExpirationInDays": "Days"}
    grouped["ExpiredObjectDeleteMarker"] = "ExpiredObjectDeleteMarker"
    end = {member: rule[name] for name, member in grouped.items() if name in rule}
    others = {name: value for name, value in rule.items() if name not in grouped}
    return {**others, "Expiration": end} if end else others


def _delete_bucket(name: str, _props: Properties) -> None:
    """As S3 does it: not while there are objects, or versions of them."""
    if name in s3._buckets:
        call(s3._delete_bucket, name)


def _bucket_request(name: str, member: str, value: Properties) -> bytes:
    """The XML that S3's API takes for that configuration of a bucket."""
    from botocore.serialize import create_serializer

    operations = {"ServerSideEncryptionConfiguration": "PutBucketEncryption"}
    operation = operations.get(member, f"PutBucket{member}")
    model = service_model("s3").operation_model(operation)
    request = input_of("s3", operation, {"Bucket": name, member: value})
    return create_serializer("rest-xml").serialize_to_request(request, model)["body"]


def _keep_schedule(name: str, props: Properties) -> dict[str, Any]:
    shaped = input_of("scheduler", "CreateSchedule", {"Target": props["Target"]})
    scheduler._schedules[f"{props.get('GroupName', 'default')}/{name}"].update(shaped)
    return {}


def _keep_repository(name: str, props: Properties) -> dict[str, Any]:
    prefix = "ImageTagMutabilityExclusionFilter"
    filters = [
        {"filterType": declared[f"{prefix}Type"], "filter": declared[f"{prefix}Value"]}
        for declared in props.get(f"{prefix}s", [])
    ]
    ecr._repositories[name]["imageTagMutabilityExclusionFilters"] = filters
    return {}


def _keep_cluster(identifier: str, props: Properties) -> dict[str, Any]:
    rds._clusters[identifier].update(
        TagList=props.get("Tags", []),
        DBClusterParameterGroup=props.get("DBClusterParameterGroupName", ""),
        EnabledCloudwatchLogsExports=props.get("EnableCloudwatchLogsExports", []),
    )
    return {}


def _keep_instance(identifier: str, props: Properties) -> dict[str, Any]:
    """The first instance of a cluster writes, every later one reads."""
    members = rds._clusters[props["DBClusterIdentifier"]]["DBClusterMembers"]
    for position, member in enumerate(members):
        member["IsClusterWriter"] = position == 0
    rds._instances[identifier]["PerformanceInsightsEnabled"] = boolean(
        props.get("EnablePerformanceInsights", False)
    )
    return {}


def _show_kept_details() -> None:
    """Describe a repository's movable tags and a cluster's exported logs too."""
    show_repository, show_cluster = ecr._repo_shape, rds._cluster_xml

    def repository(record: dict[str, Any]) -> dict[str, Any]:
        name = "imageTagMutabilityExclusionFilters"
        return {**show_repository(record), name: record.get(name, [])}

    def cluster(record: dict[str, Any]) -> str:
        exports = "".join(
            f"<member>{name}</member>" for name in record.get("EnabledCloudwatchLogsExports", [])
        )
        return f"{show_cluster(record)}<EnabledCloudwatchLogsExports>{exports}</EnabledCloudwatchLogsExports>"

    ecr._repo_shape = repository
    rds._cluster_xml = cluster


def _keep_metric_math() -> None:
    """Alarms on expressions: kept as declared, never evaluated."""
    recorded = provisioners._cw_metric_alarm_record

    def record(name: str, props: Properties) -> dict[str, Any]:
        metrics = props.get("Metrics")
        if not metrics:
            return recorded(name, props)
        plain = {**props, "Metrics": None, "MetricName": "expression", "Namespace": "local"}
        alarm = recorded(name, plain) | {"Metrics": metrics}
        return {name: value for name, value in alarm.items() if name not in _OF_ONE_METRIC}

    provisioners._cw_metric_alarm_record = record


def _keep_forward_weights() -> None:
    """Forward actions keep their target groups' weights: from templates, in requests and in answers."""
    built, parsed, shown = provisioners._elbv2_listener_actions, alb._parse_actions, alb._action_xml

    def build(props: Properties, balancer: str | None, prop: str = "DefaultActions") -> list[dict[str, Any]]:
        actions = built(props, balancer, prop)
        for action, declared in zip(actions, props.get(prop, []), strict=True):
            if "ForwardConfig" in declared:
                groups = [_weighed(group) for group in declared["ForwardConfig"]["TargetGroups"]]
                action["ForwardConfig"] = {"TargetGroups": groups}
        return actions

    def parse(params: dict[str, Any], prefix: str = "DefaultActions") -> list[dict[str, Any]]:
        actions = parsed(params, prefix)
        for number, action in enumerate(actions, 1):
            base = f"{prefix}.member.{number}.ForwardConfig.TargetGroups.member"
            groups = []
            while arn := alb._p(params, f"{base}.{len(groups) + 1}.TargetGroupArn"):
                weight = alb._p(params, f"{base}.{len(groups) + 1}.Weight", "1")
                groups.append(_weighed({"TargetGroupArn": arn, "Weight": weight}))
            if groups:
                action["ForwardConfig"] = {"TargetGroups": groups}
        return actions

    def show(action: dict[str, Any]) -> str:
        groups = "".join(
            f"<member><TargetGroupArn>{group['TargetGroupArn']}</TargetGroupArn>"
            f"<Weight>{group['Weight']}</Weight></member>"
            for group in action.get("ForwardConfig", {}).get("TargetGroups", [])
        )
        forward = f"<ForwardConfig><TargetGroups>{groups}</TargetGroups></ForwardConfig>" if groups else ""
        return shown(action).replace("</member>", f"{forward}</member>")

    provisioners._elbv2_listener_actions = build
    alb._parse_actions = parse
    alb._action_xml = show


def _weighed(group: dict[str, Any]) -> dict[str, Any]:
    return {"TargetGroupArn": group["TargetGroupArn"], "Weight": int(group.get("Weight", 1))}


# What an alarm on an expression has not.
_OF_ONE_METRIC = ("Dimensions", "ExtendedStatistic", "MetricName", "Namespace", "Period", "Statistic", "Unit")

_KEEP: dict[str, Callable[[str, Properties], dict[str, Any]]] = {
    "AWS::EC2::VPC": _keep_vpc,
    "AWS::ECR::Repository": _keep_repository,
    "AWS::RDS::DBCluster": _keep_cluster,
    "AWS::RDS::DBInstance": _keep_instance,
    "AWS::S3::Bucket": _keep_bucket,
    "AWS::Scheduler::Schedule": _keep_schedule,
}
