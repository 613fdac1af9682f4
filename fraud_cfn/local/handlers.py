"""CloudFormation types that ministack lacks or gets wrong, on the APIs that it has.

A type of its own gets `create`, `update` and `delete`; one that ministack has but
keeps incompletely gets what is missing added. Nothing of ministack is copied: its
registry takes the handlers, its services keep what they make.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from ministack.services import alb, ec2, ecr, ecs, rds, s3, scheduler
from ministack.services.cloudformation import provisioners

from fraud_cfn.local import services
from fraud_cfn.local.create_only import CREATE_ONLY

Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]  # what Ref gives, and what GetAtt gives
Call = Callable[[Any], tuple[int, Any, bytes]]

_REGISTRY = provisioners._RESOURCE_HANDLERS


def register() -> None:
    """Put every handler into ministack's registry, once, before it serves."""
    _REGISTRY.update(_OWN)
    for resource_type, keep in _KEEP.items():
        _REGISTRY[resource_type] = _keeping(_REGISTRY[resource_type], keep)
    provisioners._REPLACING_PROPERTIES.update(CREATE_ONLY)
    for resource_type in _TAGGED:
        provisioners._STACK_TAG_PROPERTY[resource_type] = ("Tags", "list")
    _keep_forward_weights()
    _keep_metric_math()
    _show_kept_details()


# ── Network ──────────────────────────────────────────────────────────────────


def _create_address(_logical_id: str, props: Properties, _stack: str) -> Created:
    body = _call(ec2._allocate_address, {"Domain": "vpc", **_tags("elastic-ip", props)})
    public_ip = _element(body, "publicIp")
    return public_ip, {"AllocationId": _element(body, "allocationId"), "PublicIp": public_ip}


def _update_address(public_ip: str, _old: Properties, new: Properties, _stack: str) -> Created:
    allocation = _allocation(public_ip)
    ec2._tags[allocation] = new.get("Tags", [])
    return public_ip, {"AllocationId": allocation, "PublicIp": public_ip}


def _delete_address(public_ip: str, _props: Properties) -> None:
    _call(ec2._release_address, {"AllocationId": _allocation(public_ip)})


def _allocation(public_ip: str) -> str:
    return next(a["AllocationId"] for a in ec2._addresses.values() if a["PublicIp"] == public_ip)


def _create_nat(_logical_id: str, props: Properties, _stack: str) -> Created:
    gateway = _element(
        _call(ec2._create_nat_gateway, {**props, **_tags("natgateway", props)}), "natGatewayId"
    )
    return gateway, {"NatGatewayId": gateway}


def _update_nat(gateway: str, _old: Properties, new: Properties, _stack: str) -> Created:
    ec2._tags[gateway] = new.get("Tags", [])
    return gateway, {"NatGatewayId": gateway}


def _delete_nat(gateway: str, _props: Properties) -> None:
    _call(ec2._delete_nat_gateway, {"NatGatewayId": gateway})


def _rule_handlers(authorize: Call, revoke: Call) -> dict[str, Callable[..., Any]]:
    """The handlers of a stand-alone security group rule; only its description changes in place."""

    def create(_logical_id: str, props: Properties, _stack: str) -> Created:
        permission = provisioners._ec2_sg_permissions([props])[0]
        permission["Groups"] = permission.pop("UserIdGroupPairs")  # its name in a request
        body = _call(authorize, {"GroupId": props["GroupId"], "IpPermissions": [permission]})
        rule = _element(body, "securityGroupRuleId")
        return rule, {"Id": rule}

    def update(rule: str, _old: Properties, new: Properties, stack: str) -> Created:
        delete(rule, new)
        return create("", new, stack)

    def delete(rule: str, props: Properties) -> None:
        if props["GroupId"] in ec2._security_groups:
            _call(revoke, {"GroupId": props["GroupId"], "SecurityGroupRuleId": [rule]})

    return {"create": create, "update": update, "delete": delete}


def _keep_vpc(_vpc: str, props: Properties) -> dict[str, Any]:
    return {"CidrBlock": props["CidrBlock"], "CidrBlockAssociations": []}


# ── ECS ──────────────────────────────────────────────────────────────────────


def _create_task_definition(_logical_id: str, props: Properties, _stack: str) -> Created:
    body = _call(ecs._register_task_definition, _request("ecs", "RegisterTaskDefinition", props))
    arn = json.loads(body)["taskDefinition"]["taskDefinitionArn"]
    return arn, {"TaskDefinitionArn": arn}


def _create_service(_logical_id: str, props: Properties, _stack: str) -> Created:
    request = _request("ecs", "CreateService", props)
    service = json.loads(_call(ecs._create_service, request))["service"]
    return _finish_deployment(service["serviceArn"], props, request, deployed=True)


def _update_service(arn: str, old: Properties, new: Properties, _stack: str) -> Created:
    changed = {name: value for name, value in new.items() if old.get(name) != value}
    tags = changed.pop("Tags", None)
    request = _request("ecs", "UpdateService", changed)
    _call(ecs._update_service, {"cluster": new["Cluster"], "service": arn, **request})
    if tags:
        _call(ecs._tag_resource, {"resourceArn": arn, **_request("ecs", "TagResource", {"Tags": tags})})
    return _finish_deployment(arn, new, request, deployed="TaskDefinition" in changed)


def _finish_deployment(arn: str, props: Properties, request: Properties, *, deployed: bool) -> Created:
    """Keep what ministack's service drops, and end a blue/green deployment on the other target group."""
    service = ecs._services[arn.split("service/")[1]]
    kept = ("availabilityZoneRebalancing", "serviceRegistries", "propagateTags", "enableECSManagedTags")
    service.update({name: request[name] for name in kept if name in request})
    if deployed and props.get("DeploymentConfiguration", {}).get("Strategy") == "BLUE_GREEN":
        for balancer in props.get("LoadBalancers", []):
            _shift_traffic(balancer["AdvancedConfiguration"]["ProductionListenerRule"])
    return arn, {"ServiceArn": arn, "Name": service["serviceName"]}


def _shift_traffic(rule_arn: str) -> None:
    for action in alb._rules[rule_arn]["Actions"]:
        groups = action["ForwardConfig"]["TargetGroups"]
        weights = [group["Weight"] for group in groups]
        for group, weight in zip(groups, reversed(weights), strict=True):
            group["Weight"] = weight


def _create_associations(_logical_id: str, props: Properties, _stack: str) -> Created:
    _call(ecs._put_cluster_capacity_providers, _request("ecs", "PutClusterCapacityProviders", props))
    return props["Cluster"], {}


def _update_associations(_cluster: str, _old: Properties, new: Properties, stack: str) -> Created:
    return _create_associations("", new, stack)


def _delete_associations(cluster: str, _props: Properties) -> None:
    using = [
        service["serviceName"]
        for key, service in ecs._services.items()
        if key.startswith(f"{cluster}/")
        and service["status"] == "ACTIVE"
        and service["capacityProviderStrategy"]
    ]
    if using:
        raise ValueError(
            f"The specified capacity provider is in use and cannot be removed: {', '.join(using)}"
        )
    if cluster in ecs._clusters:
        empty = {"cluster": cluster, "capacityProviders": [], "defaultCapacityProviderStrategy": []}
        _call(ecs._put_cluster_capacity_providers, empty)


# ── Application Auto Scaling, Logs ───────────────────────────────────────────


def _create_target(_logical_id: str, props: Properties, _stack: str) -> Created:
    _call(
        services.register_scalable_target,
        _request("application-autoscaling", "RegisterScalableTarget", props),
    )
    identifier = f"{props['ResourceId']}|{props['ScalableDimension']}|{props['ServiceNamespace']}"
    return identifier, {"Id": identifier}


def _update_target(_identifier: str, _old: Properties, new: Properties, stack: str) -> Created:
    return _create_target("", new, stack)


def _delete_target(identifier: str, _props: Properties) -> None:
    _call(services.deregister_scalable_target, _target(identifier))


def _create_policy(_logical_id: str, props: Properties, _stack: str) -> Created:
    settings = {name: value for name, value in props.items() if name != "ScalingTargetId"} | _policy_target(
        props
    )
    request = _request("application-autoscaling", "PutScalingPolicy", settings)
    arn = json.loads(_call(services.put_scaling_policy, request))["PolicyARN"]
    return arn, {"Arn": arn, "PolicyName": props["PolicyName"]}


def _update_policy(_arn: str, _old: Properties, new: Properties, stack: str) -> Created:
    return _create_policy("", new, stack)


def _delete_policy(_arn: str, props: Properties) -> None:
    _call(services.delete_scaling_policy, {"PolicyName": props["PolicyName"], **_policy_target(props)})


def _policy_target(props: Properties) -> Properties:
    if "ScalingTargetId" in props:
        return _target(props["ScalingTargetId"])
    return {name: props[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")}


def _target(identifier: str) -> Properties:
    resource, dimension, namespace = identifier.split("|")
    return {"ServiceNamespace": namespace, "ResourceId": resource, "ScalableDimension": dimension}


def _create_query(_logical_id: str, props: Properties, _stack: str) -> Created:
    request = _request("logs", "PutQueryDefinition", props)
    identifier = json.loads(_call(services.put_query_definition, request))["queryDefinitionId"]
    return identifier, {"QueryDefinitionId": identifier}


def _update_query(identifier: str, _old: Properties, new: Properties, stack: str) -> Created:
    return _create_query("", {**new, "QueryDefinitionId": identifier}, stack)


def _delete_query(identifier: str, _props: Properties) -> None:
    _call(services.delete_query_definition, {"queryDefinitionId": identifier})


# ── Types that ministack has, but keeps incompletely ─────────────────────────


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
            put(name, _bucket_request(name, member, value))
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
        _call(s3._delete_bucket, name)


def _bucket_request(name: str, member: str, value: Properties) -> bytes:
    """The XML that S3's API takes for that configuration of a bucket."""
    from botocore.serialize import create_serializer

    operations = {"ServerSideEncryptionConfiguration": "PutBucketEncryption"}
    operation = operations.get(member, f"PutBucket{member}")
    model = _service_model("s3").operation_model(operation)
    request = _request("s3", operation, {"Bucket": name, member: value})
    return create_serializer("rest-xml").serialize_to_request(request, model)["body"]


def _keep_schedule(name: str, props: Properties) -> dict[str, Any]:
    shaped = _request("scheduler", "CreateSchedule", {"Target": props["Target"]})
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
    rds._instances[identifier]["PerformanceInsightsEnabled"] = _boolean(
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


# ── Tools ────────────────────────────────────────────────────────────────────


def _keeping(handler: dict[str, Any], keep: Callable[[str, Properties], dict[str, Any]]) -> dict[str, Any]:
    """That handler, with `keep` after every creation and update; it returns further attributes."""

    def create(logical_id: str, props: Properties, stack: str) -> Created:
        identifier, attributes = handler["create"](logical_id, props, stack)
        return identifier, attributes | keep(identifier, props)

    def update(identifier: str, old: Properties, new: Properties, *rest: Any) -> Created:
        identifier, attributes = handler["update"](identifier, old, new, *rest)
        return identifier, attributes | keep(identifier, new)

    return {**handler, "create": create, "update": update}


def _request(service: str, operation: str, props: Properties) -> dict[str, Any]:
    """Properties as that operation's input: its names, its types. A property it lacks is an error."""
    shape = _service_model(service).operation_model(operation).input_shape
    return _shaped(props, shape, operation)


@cache
def _service_model(service: str) -> Any:
    import botocore.session

    return botocore.session.get_session().get_service_model(service)


def _shaped(value: Any, shape: Any, where: str) -> Any:
    if shape.type_name == "structure":
        members = {name.lower(): name for name in shape.members}
        if unknown := [name for name in value if name.lower() not in members]:
            raise ValueError(f"{where} has no {', '.join(unknown)}")
        named = {members[name.lower()]: part for name, part in value.items()}
        return {name: _shaped(part, shape.members[name], f"{where}.{name}") for name, part in named.items()}
    if shape.type_name == "list":
        return [_shaped(part, shape.member, where) for part in value]
    if shape.type_name == "map":
        return {name: _shaped(part, shape.value, where) for name, part in value.items()}
    return _SCALARS.get(shape.type_name, str)(value)


def _boolean(value: Any) -> bool:
    return str(value).lower() == "true"  # a parameter is a string


_SCALARS: dict[str, Callable[[Any], Any]] = {
    "boolean": _boolean,
    "double": float,
    "float": float,
    "integer": int,
    "long": int,
}


def _call(action: Call, request: Any) -> bytes:
    """Do an action of a service; an error answer becomes the reason of the resource's failure."""
    queried = action.__module__ == ec2.__name__
    status, _, body = action(_flat(request) if queried else request)
    if status >= 400:
        text = body.decode()
        message = re.search(r'<Message>(.*?)</Message>|"message": *"(.*?)"', text)
        reason = next(filter(None, message.groups())) if message else text
        raise ValueError(f'Resource handler returned message: "{reason}"')
    return body


def _flat(value: Any, prefix: str = "") -> dict[str, list[str]]:
    """A request as EC2's query protocol spells it: `IpPermissions.1.FromPort`."""
    if isinstance(value, dict):
        parts = [(f"{prefix}.{name}" if prefix else name, part) for name, part in value.items()]
    elif isinstance(value, list):
        parts = [(f"{prefix}.{number}", part) for number, part in enumerate(value, 1)]
    else:
        return {prefix: [str(value)]}
    return {name: text for where, part in parts for name, text in _flat(part, where).items()}


def _tags(kind: str, props: Properties) -> dict[str, Any]:
    return {"TagSpecification": [{"ResourceType": kind, "Tag": props.get("Tags", [])}]}


def _element(body: bytes, name: str) -> str:
    found = re.search(rf"<{name}>(.*?)</{name}>", body.decode())
    if not found:
        raise ValueError(f"no {name} in the answer")
    return found[1]


# What an alarm on an expression has not.
_OF_ONE_METRIC = ("Dimensions", "ExtendedStatistic", "MetricName", "Namespace", "Period", "Statistic", "Unit")

_TAGGED = (
    "AWS::EC2::EIP",
    "AWS::EC2::NatGateway",
    "AWS::ECS::TaskDefinition",
    "AWS::RDS::DBCluster",
)

_OWN: dict[str, dict[str, Callable[..., Any]]] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": {
        "create": _create_target,
        "update": _update_target,
        "delete": _delete_target,
    },
    "AWS::ApplicationAutoScaling::ScalingPolicy": {
        "create": _create_policy,
        "update": _update_policy,
        "delete": _delete_policy,
    },
    "AWS::EC2::EIP": {"create": _create_address, "update": _update_address, "delete": _delete_address},
    "AWS::EC2::NatGateway": {"create": _create_nat, "update": _update_nat, "delete": _delete_nat},
    "AWS::EC2::SecurityGroupEgress": _rule_handlers(ec2._authorize_sg_egress, ec2._revoke_sg_egress),
    "AWS::EC2::SecurityGroupIngress": _rule_handlers(ec2._authorize_sg_ingress, ec2._revoke_sg_ingress),
    "AWS::ECS::ClusterCapacityProviderAssociations": {
        "create": _create_associations,
        "update": _update_associations,
        "delete": _delete_associations,
    },
    "AWS::ECS::Service": {
        "create": _create_service,
        "update": _update_service,
        "delete": _REGISTRY["AWS::ECS::Service"]["delete"],
    },
    "AWS::ECS::TaskDefinition": {
        "create": _create_task_definition,
        "update": _REGISTRY["AWS::ECS::TaskDefinition"]["update"],  # tags, all that changes in place
        "delete": _REGISTRY["AWS::ECS::TaskDefinition"]["delete"],
    },
    "AWS::S3::Bucket": {**_REGISTRY["AWS::S3::Bucket"], "delete": _delete_bucket},
    "AWS::Logs::QueryDefinition": {"create": _create_query, "update": _update_query, "delete": _delete_query},
}

_KEEP: dict[str, Callable[[str, Properties], dict[str, Any]]] = {
    "AWS::EC2::VPC": _keep_vpc,
    "AWS::ECR::Repository": _keep_repository,
    "AWS::RDS::DBCluster": _keep_cluster,
    "AWS::RDS::DBInstance": _keep_instance,
    "AWS::S3::Bucket": _keep_bucket,
    "AWS::Scheduler::Schedule": _keep_schedule,
}
