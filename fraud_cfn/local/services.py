"""APIs that ministack lacks: Application Auto Scaling, and the query definitions of CloudWatch Logs.

They keep what they are given and describe it. Of what scaling does there is one thing:
a service's desired count is brought within the bounds of its target.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from ministack import app
from ministack.core import router
from ministack.core.responses import (
    AccountRegionScopedDict,
    error_response_json,
    get_account_id,
    get_region,
    json_response,
)
from ministack.services import ecs

from fraud_cfn.local import running

Data = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]

_TARGET_KEY = ("ServiceNamespace", "ResourceId", "ScalableDimension")

_SUSPENSIONS = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")

_targets = AccountRegionScopedDict()  # by the three values of _TARGET_KEY
_policies = AccountRegionScopedDict()  # by those and the policy's name
_activities: list[Data] = []  # newest first
_queries = AccountRegionScopedDict()  # by query definition id


def register() -> None:
    """Serve these actions beside ministack's own."""
    router.SERVICE_PATTERNS["application-autoscaling"] = {"target_prefixes": ["AnyScaleFrontendService"]}
    app.SERVICE_HANDLERS["application-autoscaling"] = _handler(_SCALING, None)
    # Told that it is not there, at once: the name of a service that it does not know, the emulator looks for
    # in each of botocore's models, for seconds.
    router.SERVICE_PATTERNS["servicequotas"] = {"target_prefixes": ["ServiceQuotasV20190624"]}
    app.SERVICE_HANDLERS["servicequotas"] = _handler({}, None)
    app.SERVICE_HANDLERS["logs"] = _handler(_LOGS, app.SERVICE_HANDLERS["logs"])


def register_scalable_target(data: Data) -> Response:
    key = _key(data)
    owner = f"arn:aws:application-autoscaling:{get_region()}:{get_account_id()}"
    arn = f"{owner}:scalable-target/{uuid.uuid4().hex}"
    target = _targets.get(key) or {"CreationTime": time.time(), "ScalableTargetARN": arn, "RoleARN": _role()}
    target.update(data)
    target["SuspendedState"] = dict.fromkeys(_SUSPENSIONS, False) | target.get("SuspendedState", {})
    _targets[key] = target
    _bring_within_bounds(target)
    return json_response({"ScalableTargetARN": target["ScalableTargetARN"]})


def deregister_scalable_target(data: Data) -> Response:
    key = _key(data)
    if _targets.pop(key, None) is None:
        return _missing("scalable target", key)
    for policy in [known for known in _policies.keys() if known[:3] == key]:  # noqa: SIM118 - not a dict
        _policies.pop(policy)
    return json_response({})


def put_scaling_policy(data: Data) -> Response:
    key = _key(data)
    if key not in _targets:
        return _missing("scalable target", key)
    name = data["PolicyName"]
    policy = _policies.get((*key, name)) or {
        "CreationTime": time.time(),
        "PolicyARN": f"arn:aws:autoscaling:{get_region()}:{get_account_id()}:scalingPolicy:{uuid.uuid4()}"
        f":resource/{key[0]}/{key[1]}:policyName/{name}",
    }
    _policies[(*key, name)] = policy | data
    return json_response({"PolicyARN": policy["PolicyARN"], "Alarms": []})


def delete_scaling_policy(data: Data) -> Response:
    key = (*_key(data), data["PolicyName"])
    return json_response({}) if _policies.pop(key, None) else _missing("scaling policy", key)


def put_query_definition(data: Data) -> Response:
    identifier = data.get("queryDefinitionId") or str(uuid.uuid4())
    data = {"queryLanguage": "CWLI", **data}
    _queries[identifier] = data | {"queryDefinitionId": identifier, "lastModified": int(time.time() * 1000)}
    return json_response({"queryDefinitionId": identifier})


def delete_query_definition(data: Data) -> Response:
    return json_response({"success": _queries.pop(data["queryDefinitionId"], None) is not None})


def _describe_scalable_targets(data: Data) -> Response:
    return json_response({"ScalableTargets": _matching(_targets.values(), data, "ResourceIds", "ResourceId")})


def _describe_scaling_policies(data: Data) -> Response:
    return json_response(
        {"ScalingPolicies": _matching(_policies.values(), data, "PolicyNames", "PolicyName")}
    )


def _describe_scaling_activities(data: Data) -> Response:
    most = data.get("MaxResults", 50)
    named = {"ResourceIds": [data["ResourceId"]]} if "ResourceId" in data else {}
    listed = _matching(
        _activities, {"ServiceNamespace": data["ServiceNamespace"], **named}, "ResourceIds", "ResourceId"
    )
    return json_response({"ScalingActivities": listed[:most]})


def _describe_query_definitions(data: Data) -> Response:
    prefix = data.get("queryDefinitionNamePrefix", "")
    return json_response({"queryDefinitions": [q for q in _queries.values() if q["name"].startswith(prefix)]})


def _matching(records: list[Data], data: Data, names: str, name: str) -> list[Data]:
    """The records that the request's members, and its list of names, select."""
    wanted = {key: data[key] for key in _TARGET_KEY if key in data}
    return [
        record
        for record in records
        if wanted.items() <= record.items() and (not data.get(names) or record[name] in data[names])
    ]


def _bring_within_bounds(target: Data) -> None:
    suspended = target.get("SuspendedState", {})
    namespace, resource, _ = _key(target)
    if namespace != "ecs":
        return
    _, cluster, service = resource.split("/")
    record = ecs._services.get(f"{cluster}/{service}")
    if not record or record["status"] != "ACTIVE":
        return
    count = min(max(record["desiredCount"], target["MinCapacity"]), target["MaxCapacity"])
    side = "DynamicScalingOutSuspended" if count > record["desiredCount"] else "DynamicScalingInSuspended"
    if count == record["desiredCount"] or suspended.get(side):
        return
    bound = "minimum" if count > record["desiredCount"] else "maximum"
    running.update_service({"cluster": cluster, "service": service, "desiredCount": count})
    now = time.time()
    _activities.insert(
        0,
        {
            **{name: target[name] for name in _TARGET_KEY},
            "ActivityId": str(uuid.uuid4()),
            "Description": f"Setting desired count to {count}.",
            "Cause": f"{bound} capacity was set to {count}",
            "StartTime": now,
            "EndTime": now,
            "StatusCode": "Successful",
            "StatusMessage": f"Successfully set desired count to {count}. "
            "Change successfully fulfilled by ecs.",
        },
    )


def _role() -> str:
    """The service-linked role, which a template leaves to AWS."""
    service = "ecs.application-autoscaling.amazonaws.com"
    name = "AWSServiceRoleForApplicationAutoScaling_ECSService"
    return f"arn:aws:iam::{get_account_id()}:role/aws-service-role/{service}/{name}"


def _key(data: Data) -> tuple[str, ...]:
    return tuple(data[name] for name in _TARGET_KEY)


def _missing(what: str, key: tuple[str, ...]) -> Response:
    return error_response_json("ObjectNotFoundException", f"No {what} found for {', '.join(key)}")


def _handler(
    actions: dict[str, Callable[[Data], Response]], others: Callable[..., Any] | None
) -> Callable[..., Any]:
    """A request handler for the named actions that leaves every other one to `others`."""

    async def handle(method: str, path: str, headers: Data, body: bytes, query: Data) -> Response:
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        if action in actions:
            return actions[action](json.loads(body or b"{}"))
        if others:
            return await others(method, path, headers, body, query)
        return error_response_json("UnknownOperationException", f"The local endpoint has no {action}")

    return handle


_SCALING = {
    "RegisterScalableTarget": register_scalable_target,
    "DeregisterScalableTarget": deregister_scalable_target,
    "DescribeScalableTargets": _describe_scalable_targets,
    "PutScalingPolicy": put_scaling_policy,
    "DeleteScalingPolicy": delete_scaling_policy,
    "DescribeScalingActivities": _describe_scaling_activities,
    "DescribeScalingPolicies": _describe_scaling_policies,
}
_LOGS = {
    "PutQueryDefinition": put_query_definition,
    "DeleteQueryDefinition": delete_query_definition,
    "DescribeQueryDefinitions": _describe_query_definitions,
}
