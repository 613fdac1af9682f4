"""Types that ministack has but keeps incompletely: what it drops is added."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.services import alb, rds, s3, scheduler
from ministack.services.cloudformation import provisioners

from fraud_cfn.local.requests import Created, Handler, Properties, call, input_of

_REGISTRY = provisioners._RESOURCE_HANDLERS


def register() -> None:
    """Change ministack's handlers, actions and answers, once."""
    for resource_type, keep in _KEEP.items():
        _REGISTRY[resource_type] = _keeping(_REGISTRY[resource_type], keep)
    _REGISTRY["AWS::S3::Bucket"]["delete"] = _delete_bucket
    _keep_forward_weights()
    _keep_metric_math()


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


def _delete_bucket(name: str, _props: Properties) -> None:
    """As S3 does it: not while there are objects, or versions of them."""
    if name in s3._buckets:
        call(s3._delete_bucket, name)


def _keep_schedule(name: str, props: Properties) -> dict[str, Any]:
    shaped = input_of("scheduler", "CreateSchedule", {"Target": props["Target"]})
    scheduler._schedules[f"{props.get('GroupName', 'default')}/{name}"].update(shaped)
    return {}


def _keep_cluster(identifier: str, props: Properties) -> dict[str, Any]:
    rds._clusters[identifier]["DBClusterParameterGroup"] = props.get("DBClusterParameterGroupName", "")
    return {}


def _keep_instance(_identifier: str, props: Properties) -> dict[str, Any]:
    """The first instance of a cluster writes, every later one reads."""
    members = rds._clusters[props["DBClusterIdentifier"]]["DBClusterMembers"]
    for position, member in enumerate(members):
        member["IsClusterWriter"] = position == 0
    return {}


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
    "AWS::RDS::DBCluster": _keep_cluster,
    "AWS::RDS::DBInstance": _keep_instance,
    "AWS::Scheduler::Schedule": _keep_schedule,
}
