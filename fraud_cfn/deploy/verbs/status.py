"""What runs now and ran before, and whether it is what the stack says; what may not be seen is unknown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, cast

from fraud_cfn import names
from fraud_cfn.deploy.account import trouble
from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.change import live
from fraud_cfn.deploy.errors import Exit
from fraud_cfn.deploy.running import balancing, images, jobs, scaling, services, tasks, workloads
from fraud_cfn.deploy.running.images import Ran
from fraud_cfn.deploy.running.services import Service
from fraud_cfn.deploy.running.workloads import Deployed, Workload
from fraud_cfn.deploy.stack import stacks
from fraud_cfn.deploy.stack.outcome import Outcome
from fraud_cfn.deploy.stack.stacks import Resource
from fraud_cfn.deploy.stack.statuses import Action, action, in_progress
from fraud_cfn.deploy.terminal import clock
from fraud_cfn.deploy.terminal.console import Console

_LIVE = {live.ON: "live", live.STARTING: "live", live.OFF: "not started: no service runs"}
_LAST = 3  # stopped tasks that are shown


def run(session: Session, suffix: str, console: Console) -> Outcome:
    stack = stacks.must_find(session.client("cloudformation"), suffix)
    enabled = stack.parameters.get(names.SERVICES_ENABLED, "")
    state = _LIVE.get(enabled, "no services")
    if enabled == live.STARTING and in_progress(stack.status):
        state = "going live"
    if stack.status.startswith("DELETE"):
        state = "being deleted" if in_progress(stack.status) else "half deleted"
    console.result(f"{stack.name}  {stack.status}  {state}")
    rows: list[Row] = [("url", url, "")] if (url := live.url(stack)) else []
    unknown: dict[str, str] = {}
    found = trouble.known("workloads", lambda: workloads.read(session, stack), unknown)
    seen = _look(session, found, unknown) if found else {}
    if found:
        rows += _rows(found, seen, session.now())
    show(rows, console)
    sick = action(stack.status) not in (Action.UPDATE, Action.WAIT)
    if sick or any(service.strayed for service in seen.get("services", ())):
        console.result(f"next:  {stacks.command('diagnose', suffix)}")
    for what, why in unknown.items():
        console.result(f"{what}: unknown ({why})", "yellow")
    data = {
        "status": stack.status,
        "enabled": enabled,
        "url": url,
        **{name: _plain(value) for name, value in seen.items()},
        "unknown": unknown,
    }
    code = Exit.AWS if unknown else Exit.DONE
    return Outcome("status" if not unknown else "unknown", stack.arn, code, data)


def _look(session: Session, found: Deployed, unknown: dict[str, str]) -> dict[str, Any]:
    """Section → what was found; one that could not be looked at is left out, and stands in `unknown`."""
    there = [one for one in found.workloads if one.task_definition.physical_id]
    clusters = dict.fromkeys(one.cluster.physical_id for one in there if one.cluster.physical_id)
    sections: dict[str, Callable[[], Any]] = {
        "services": lambda: services.look(session, found.services),
        "images": lambda: {one.name: images.ran(session, one)[:2] for one in there},
        "targets": lambda: [target for one in found.services for target in balancing.targets(session, one)],
        "weights": lambda: {
            one.name: balancing.weights(session, one.routing)
            for one in there
            if one.routing and one.routing.rule.physical_id
        },
        "scaling": lambda: scaling.bounds(session, found.services),
        "activities": lambda: scaling.activities(session, found.services),
        "queues": lambda: _queues(session, found),
        "schedules": lambda: {
            one.name: _schedule(session, one)
            for one in found.jobs
            if one.schedule and one.schedule.physical_id
        },
        "jobs": lambda: _jobs(session, found),
        "stopped": lambda: [task for cluster in clusters for task in tasks.stopped(session, cluster)[:_LAST]],
    }
    answers = {name: trouble.known(name, ask, unknown) for name, ask in sections.items()}
    return {name: answer for name, answer in answers.items() if answer is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in cast("list[Any]", value)]
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value


# ── As text ───────────────────────────────────────────────────────────────────────────────────────


Row = tuple[str, str, str]  # what it is of, text, style


def show(rows: list[Row], console: Console) -> None:
    """In two columns; what goes on below on a narrow terminal stands in the second, too."""
    widest = max((len(lead) for lead, *_ in rows), default=0)
    for lead, text, style in rows:
        console.result(f"{lead:<{widest}}  {text}".rstrip(), style, below=widest + 2)


def _rows(found: Deployed, seen: dict[str, Any], now: datetime) -> Iterator[Row]:
    by_name = {service.name: service for service in seen.get("services", ())}
    bounds = {bound.name: bound for bound in seen.get("scaling", ())}
    for workload in found.workloads:
        if workload.service:
            yield from _of_service(workload, by_name.get(workload.name), bounds, seen)
        ran = seen.get("images", {}).get(workload.name)
        if ran:
            yield "" if workload.service else workload.name, _ran(ran), ""
        for task in seen.get("jobs", {}).get(workload.name, ()):
            yield "", f"runs {task.id} {task.status} {clock.ago(task.started, now)}", "cyan"
        yield from _of_targets(workload, seen)
    for activity in seen.get("activities", ()):
        told = f"{activity.name}: {activity.description} {clock.ago(activity.at, now)} ({activity.status})"
        yield "scaling", told, ""
    if queues := seen.get("queues"):
        yield "queues", ", ".join(f"{name} {count}" for name, count in queues.items()), ""
    for name, schedule in seen.get("schedules", {}).items():
        yield "schedule", schedule if len(seen["schedules"]) == 1 else f"{name}: {schedule}", ""
    for task in seen.get("stopped", ()):
        yield "stopped", f"{task.owner} {clock.ago(task.ended, now)}: {task.why}", ""


def _of_service(
    workload: Workload, service: Service | None, bounds: dict[str, scaling.Bounds], seen: dict[str, Any]
) -> Iterator[Row]:
    if service is None:
        yield workload.name, "does not exist" if "services" in seen else "unknown", "yellow"
        return
    same = service.revision == service.stacks_revision
    own = "the stack's" if same else f"the stack's is {service.stacks_revision or 'unknown'}"
    bound = bounds.get(workload.name)
    scaled = f"scaling {bound.least}–{bound.most}{' (suspended)' if bound.suspended else ''}" if bound else ""
    pending = f", {service.pending} pending" if service.pending else ""
    counts = f"{service.running}/{service.desired} running{pending}"
    yield service.name, f"{counts}  {service.revision} ({own})  {scaled}", ""
    if service.deployment and service.deployment.going:
        yield "", f"deployment {service.deployment.status} {service.deployment.stage}", "yellow"
    if service.strayed:
        yield "", "ECS rolled back by itself", "bold red"


def _ran(ran: list[Ran]) -> str:
    """`v1.4 (sha256:0123456789ab) since 2026-03-01 12:00 UTC; before: v1.3`."""
    now, *older = ran
    digest = f" ({now.digest[:19]})" if now.digest else ""
    since = f" since {now.since:%Y-%m-%d %H:%M} UTC" if now.since else ""
    before = f"; before: {older[0].tag or older[0].digest[:19]}" if older else ""
    return f"{now.tag or 'no tag'}{digest}{since}{before}"


def _of_targets(workload: Workload, seen: dict[str, Any]) -> Iterator[Row]:
    if "targets" not in seen:
        return
    weights = seen.get("weights", {}).get(workload.name)
    for group in workload.target_groups:
        colour = balancing.colour_of(workload, group)
        mine = [target for target in seen["targets"] if target.group == group.logical_id]
        healthy = sum(target.state == "healthy" for target in mine)
        weight = f", weight {getattr(weights, colour)}" if weights and colour else ""
        sick = "".join(
            f"; {target.address} {target.state}: {target.reason}"
            for target in mine
            if target.state != "healthy"
        )
        yield colour or group.logical_id, f"{healthy}/{len(mine)} healthy{weight}{sick}", ""


# ── Sections ──────────────────────────────────────────────────────────────────────────────────────


def _queues(session: Session, found: Deployed) -> dict[str, str]:
    """A queue's short name → its messages."""
    counted: dict[str, str] = {}
    for queue in found.of_type("AWS::SQS::Queue"):
        answer = session.client("sqs").get_queue_attributes(
            QueueUrl=queue.physical_id,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )
        counts = answer.get("Attributes", {})
        waiting = int(counts.get("ApproximateNumberOfMessages", 0))
        flying = int(counts.get("ApproximateNumberOfMessagesNotVisible", 0))
        counted[_short(queue, found.stack.suffix)] = f"{waiting}{f' (+{flying} in flight)' if flying else ''}"
    return counted


def _short(queue: Resource, suffix: str) -> str:
    """`fraud-dead-letters-dev` → `dead letters`."""
    name = queue.physical_id.rpartition("/")[2]
    return name.removeprefix("fraud-").removesuffix(f"-{suffix}").replace("-", " ")


def _jobs(session: Session, found: Deployed) -> dict[str, list[tasks.Task]]:
    """Scheduled task → those of it that run now."""
    running: dict[str, list[tasks.Task]] = {}
    for job in found.jobs:
        if not job.task_definition.physical_id or not job.cluster.physical_id:
            continue
        arns = tasks.running(session, job.cluster.physical_id, family=job.family)
        running[job.name] = tasks.describe(session, job.cluster.physical_id, arns)
    return running


def _schedule(session: Session, job: Workload) -> str:
    planned = jobs.schedule(session, job)
    text = f"{planned.expression} {planned.state}"
    if planned.state != "ENABLED":
        return text
    coming = next_run(planned.expression, planned.changed, session.now())
    return f"{text}, next about {coming:%Y-%m-%d %H:%M} UTC" if coming else text


def next_run(expression: str, since: datetime | None, now: datetime) -> datetime | None:
    """When a schedule runs next: `rate(…)` last changed at `since`, or `cron(…)` of every day, in UTC;
    `None` for other kinds."""
    if rate := re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression):
        if since is None:
            return None
        step = timedelta(**{f"{rate[2]}s": int(rate[1])})
        return since + step * ((now - since) // step + 1)
    if daily := re.fullmatch(r"cron\(([\d,*/-]+) ([\d,*/-]+) (?:\* \* \?|\? \* \*) \*\)", expression):
        minutes, hours = _field(daily[1], 60), _field(daily[2], 24)
        begin = now.replace(second=0, microsecond=0)
        coming = (begin + timedelta(minutes=later) for later in range(1, 24 * 60 + 1))
        return next((one for one in coming if one.minute in minutes and one.hour in hours), None)
    return None


def _field(text: str, most: int) -> set[int]:
    """The values of a cron field: `0`, `*`, `1,3`, `2-5`, `0/6`."""
    values: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        begin = 0 if first in ("*", "") else int(first)
        end = int(last) if last else most - 1 if step or first == "*" else begin
        values |= set(range(begin, end + 1, int(step or 1)))
    return values
