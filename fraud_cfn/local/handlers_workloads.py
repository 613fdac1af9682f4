"""ECS, whose nested properties ministack drops; scaling and saved queries, which it lacks."""

from __future__ import annotations

import json
import uuid
from contextlib import suppress

from ministack.services import ecs
from ministack.services.cloudformation import provisioners

from fraud_cfn.local import operations, running, services
from fraud_cfn.local.requests import Created, Handler, Properties, boolean, call, ecs_call, input_of

_REGISTRY = provisioners._RESOURCE_HANDLERS


def _create_task_definition(_logical_id: str, props: Properties, _stack: str) -> Created:
    request = input_of("ecs", "RegisterTaskDefinition", props)
    arn = ecs_call("RegisterTaskDefinition", request)["taskDefinition"]["taskDefinitionArn"]
    return arn, {"TaskDefinitionArn": arn}


def _create_service(logical_id: str, props: Properties, stack: str) -> Created:
    generated = f"{stack}-{logical_id}-{uuid.uuid4().hex[:12]}"
    request = _service_request("CreateService", {"ServiceName": generated, **props})
    service = json.loads(call(running.create_service, request, operations.pace()))["service"]
    return service["serviceArn"], {"ServiceArn": service["serviceArn"], "Name": service["serviceName"]}


def _update_service(arn: str, old: Properties, new: Properties, _stack: str) -> Created:
    changed = {name: value for name, value in new.items() if old.get(name) != value}
    tags = changed.pop("Tags", None)
    request = _service_request("UpdateService", changed)
    before = running.newest(arn)
    call(running.update_service, {"cluster": new["Cluster"], "service": arn, **request}, operations.pace())
    if tags:
        ecs_call("TagResource", {"resourceArn": arn, **input_of("ecs", "TagResource", {"Tags": tags})})
    if running.newest(arn) is not before and running.failed(arn):
        if "DesiredCount" in old:  # ministack's rollback passes over the resource that failed
            count = int(old["DesiredCount"])
            running.update_service({"cluster": new["Cluster"], "service": arn, "desiredCount": count})
        raise running.CircuitBreakerError
    return arn, {"ServiceArn": arn, "Name": arn.rpartition("/")[2]}


def _service_request(operation: str, props: Properties) -> Properties:
    """`ForceNewDeployment` asks for a deployment where it changes; a creation is one anyway."""
    others = {name: value for name, value in props.items() if name != "ForceNewDeployment"}
    request = input_of("ecs", operation, others)
    force = props.get("ForceNewDeployment", {}).get("EnableForceNewDeployment")
    if operation == "UpdateService" and boolean(force):
        request["forceNewDeployment"] = True
    return request


_CLUSTER: Handler = _REGISTRY["AWS::ECS::Cluster"]


def _delete_cluster(cluster: str, props: Properties) -> None:
    _CLUSTER["delete"](cluster, props)
    running.forget(cluster)


def _create_associations(_logical_id: str, props: Properties, _stack: str) -> Created:
    ecs_call("PutClusterCapacityProviders", input_of("ecs", "PutClusterCapacityProviders", props))
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
    empty = {"cluster": cluster, "capacityProviders": [], "defaultCapacityProviderStrategy": []}
    with suppress(ValueError):  # the cluster may be gone
        ecs_call("PutClusterCapacityProviders", empty)


# ── Application Auto Scaling, saved queries ──


def _create_target(_logical_id: str, props: Properties, _stack: str) -> Created:
    call(
        services.register_scalable_target,
        input_of("application-autoscaling", "RegisterScalableTarget", props),
    )
    identifier = f"{props['ResourceId']}|{props['ScalableDimension']}|{props['ServiceNamespace']}"
    return identifier, {"Id": identifier}


def _update_target(_identifier: str, _old: Properties, new: Properties, stack: str) -> Created:
    return _create_target("", new, stack)


def _delete_target(identifier: str, _props: Properties) -> None:
    call(services.deregister_scalable_target, _target(identifier))


def _create_policy(_logical_id: str, props: Properties, _stack: str) -> Created:
    others = {name: value for name, value in props.items() if name != "ScalingTargetId"}
    settings = {**others, **_policy_target(props)}
    request = input_of("application-autoscaling", "PutScalingPolicy", settings)
    arn = json.loads(call(services.put_scaling_policy, request))["PolicyARN"]
    return arn, {"Arn": arn, "PolicyName": props["PolicyName"]}


def _update_policy(_arn: str, _old: Properties, new: Properties, stack: str) -> Created:
    return _create_policy("", new, stack)


def _delete_policy(_arn: str, props: Properties) -> None:
    call(services.delete_scaling_policy, {"PolicyName": props["PolicyName"], **_policy_target(props)})


def _policy_target(props: Properties) -> Properties:
    if "ScalingTargetId" in props:
        return _target(props["ScalingTargetId"])
    return {name: props[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")}


def _target(identifier: str) -> Properties:
    resource, dimension, namespace = identifier.split("|")
    return {"ServiceNamespace": namespace, "ResourceId": resource, "ScalableDimension": dimension}


def _create_query(_logical_id: str, props: Properties, _stack: str) -> Created:
    request = input_of("logs", "PutQueryDefinition", props)
    identifier = json.loads(call(services.put_query_definition, request))["queryDefinitionId"]
    return identifier, {"QueryDefinitionId": identifier}


def _update_query(identifier: str, _old: Properties, new: Properties, stack: str) -> Created:
    return _create_query("", {**new, "QueryDefinitionId": identifier}, stack)


def _delete_query(identifier: str, _props: Properties) -> None:
    call(services.delete_query_definition, {"queryDefinitionId": identifier})


HANDLERS: dict[str, Handler] = {
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
    "AWS::ECS::Cluster": {**_CLUSTER, "delete": _delete_cluster},
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
    "AWS::Logs::QueryDefinition": {"create": _create_query, "update": _update_query, "delete": _delete_query},
}
