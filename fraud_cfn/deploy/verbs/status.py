"""What runs now, and whether it is what the stack says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from fraud_cfn.deploy.account.session import Session, code_of
from fraud_cfn.deploy.change import traffic
from fraud_cfn.deploy.running import services
from fraud_cfn.deploy.stack import stacks
from fraud_cfn.deploy.stack.outcome import Outcome
from fraud_cfn.deploy.stack.stacks import Stack
from fraud_cfn.deploy.terminal import clock
from fraud_cfn.deploy.terminal.console import Console
from fraud_cfn.deploy.verbs.start import why

_QUEUES = {"JobQueue": "jobs", "DeadLetterQueue": "dead letters", "MissedRunsQueue": "missed runs"}


def run(session: Session, suffix: str, console: Console) -> Outcome:
    stack = stacks.must_find(session.client("cloudformation"), suffix)
    physical = services.physical_ids(session, stack)
    sections: dict[str, Callable[[], Any]] = {
        "services": lambda: services.look(session, stack, physical),
        "targets": lambda: services.targets(session, physical),
        "weights": lambda: traffic.live(session, stack),
        "scaling": lambda: _scaling(session, stack),
        "activities": lambda: _activities(session, stack),
        "queues": lambda: _queues(session, physical),
        "schedule": lambda: _schedule(session, stack),
        "stopped": lambda: services.stopped(session, stack.outputs["ClusterName"], most=3),
    }
    found: dict[str, Any] = {}
    for name, ask in sections.items():
        try:
            found[name] = ask()
        except (ClientError, BotoCoreError, KeyError) as error:
            console.say(f"{name}: not known here ({code_of(error) or type(error).__name__})", "dim")
    live = stack.parameters.get("ServicesEnabled") == "true"
    console.result(f"{stack.name}  {stack.status}  {'live' if live else 'bootstrap: no services yet'}")
    _show(found, console)
    data = {"status": stack.status, **{name: _plain(value) for name, value in found.items()}}
    return Outcome("status", stack.arn, data=data)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value


def _show(found: dict[str, Any], console: Console) -> None:
    for one in found.get("services", ()):
        own = (
            "the stack's" if one.revision == one.stacks_revision else f"the stack's is {one.stacks_revision}"
        )
        bounds = found.get("scaling", {}).get(one.name, "")
        counts = f"{one.running}/{one.desired} running{f', {one.pending} pending' if one.pending else ''}"
        console.result(f"{one.name:<9}{counts}  {one.revision} ({own})  {bounds}".rstrip())
        if one.deployment and one.deployment.going:
            console.result(f"{'':<9}deployment {one.deployment.status} {one.deployment.stage}", "yellow")
        if one.strayed:
            console.result(f"{'':<9}ECS rolled back by itself: see diagnose", "bold red")
    _show_targets(found, console)
    for name, last in found.get("activities", {}).items():
        console.result(f"scaling  {name}: {last}")
    if queues := found.get("queues"):
        console.result(f"queues   {', '.join(f'{name} {count}' for name, count in queues.items())}")
    if schedule := found.get("schedule"):
        console.result(f"schedule {schedule}")
    for one in found.get("stopped", ()):
        console.result(f"stopped  {one.group} {ago(one.at)}: {why(one)}")


def _show_targets(found: dict[str, Any], console: Console) -> None:
    if "targets" not in found:
        return
    weights = found.get("weights")
    for colour in ("blue", "green"):
        mine = [one for one in found["targets"] if one.colour == colour]
        healthy = sum(one.state == "healthy" for one in mine)
        weight = f", weight {getattr(weights, colour)}" if weights else ""
        sick = "".join(f"; {one.address} {one.state}: {one.reason}" for one in mine if one.state != "healthy")
        console.result(f"{colour:<9}{healthy}/{len(mine)} healthy{weight}{sick}")


def ago(then: datetime | None) -> str:
    return f"{clock.span(max((clock.utc() - then).total_seconds(), 0))} ago" if then else ""


def _scaling(session: Session, stack: Stack) -> dict[str, str]:
    ids = _resource_ids(stack)
    answer = session.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=list(ids)
    )
    return {
        ids[one["ResourceId"]]: f"scaling {one['MinCapacity']}–{one['MaxCapacity']}"
        + (" (suspended)" if any(one.get("SuspendedState", {}).values()) else "")
        for one in answer["ScalableTargets"]
    }


def _activities(session: Session, stack: Stack) -> dict[str, str]:
    """The newest activity of each service."""
    client, found = session.client("application-autoscaling"), {}
    for resource, name in _resource_ids(stack).items():
        answer = client.describe_scaling_activities(ServiceNamespace="ecs", ResourceId=resource, MaxResults=1)
        for one in answer["ScalingActivities"][:1]:
            found[name] = f"{one.get('Description', '')} {ago(one['StartTime'])} ({one['StatusCode']})"
    return found


def _resource_ids(stack: Stack) -> dict[str, str]:
    cluster = stack.outputs["ClusterName"]
    return {f"service/{cluster}/{stack.outputs[f'{n.title()}ServiceName']}": n for n in services.NAMES}


def _queues(session: Session, physical: dict[str, str]) -> dict[str, str]:
    found, sqs = {}, session.client("sqs")
    for logical_id, name in _QUEUES.items():
        if logical_id in physical:
            wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
            counts = sqs.get_queue_attributes(QueueUrl=physical[logical_id], AttributeNames=wanted)[
                "Attributes"
            ]
            waiting, flying = (int(counts.get(one, 0)) for one in wanted)
            found[name] = f"{waiting}{f' (+{flying} in flight)' if flying else ''}"
    return found


def _schedule(session: Session, stack: Stack) -> str:
    one = session.client("scheduler").get_schedule(
        Name=stack.outputs["ScheduleName"], GroupName=stack.outputs["ScheduleGroupName"]
    )
    text = f"{one['ScheduleExpression']} {one['State']}"
    if one["State"] != "ENABLED":
        return text
    coming = next_run(one["ScheduleExpression"], one.get("LastModificationDate"), clock.utc())
    return f"{text}, next about {coming:%Y-%m-%d %H:%M} UTC" if coming else text


def next_run(expression: str, since: datetime | None, now: datetime) -> datetime | None:
    """When a `rate(…)` schedule that was last changed at `since` runs next; `None` for other kinds."""
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if rate is None or since is None:
        return None
    step = timedelta(**{f"{rate[2]}s": int(rate[1])})
    return since + step * ((now - since) // step + 1)
