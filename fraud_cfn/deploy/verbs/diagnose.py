"""Looks for what is wrong, and says what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from botocore.exceptions import BotoCoreError, ClientError

from fraud_cfn.deploy.account.session import Session, code_of
from fraud_cfn.deploy.change import readiness, template
from fraud_cfn.deploy.change.carry_out import Place
from fraud_cfn.deploy.running import log_lines, services
from fraud_cfn.deploy.stack import causes, outcome, stacks
from fraud_cfn.deploy.stack.outcome import Outcome
from fraud_cfn.deploy.stack.stacks import Stack
from fraud_cfn.deploy.stack.statuses import in_progress, succeeded
from fraud_cfn.deploy.terminal.console import Console
from fraud_cfn.deploy.verbs.start import why
from fraud_cfn.deploy.verbs.status import ago

Finding = tuple[str, str]  # what is wrong, what to do

_HINTS = (
    ("CannotPullContainerError", "push the image, or give its tag: release ENV --service NAME --tag TAG"),
    ("ResourceInitializationError", "a secret, its key or the log group is out of the task's reach"),
    ("OutOfMemory", "the container needs more memory than its task has"),
    ("health check", "the container does not answer on its health path"),
    ("exit 137", "the container was killed: out of memory, or it did not stop in time"),
)

_ORDINARY = ("Scaling activity", "Deployment completed", "no reason given")  # nothing to worry about


def run(session: Session, suffix: str, console: Console) -> Outcome:
    place = Place(session, suffix, template.load().document)
    stack = stacks.must_find(place.cloudformation, suffix)
    findings: list[Finding] = []
    for look in (_stack, _revisions, _tasks, _targets, _queues, _errors):
        findings += _tolerant(look, place, stack, console)
    for wrong, todo in findings:
        console.result(wrong, "red")
        if todo:
            console.result(f"  → {todo}")
    if not findings:
        console.result("Nothing wrong was found", "bold green")
    data = {"findings": [{"wrong": wrong, "todo": todo} for wrong, todo in findings]}
    return Outcome("wrong" if findings else "healthy", stack.arn, data=data)


def _tolerant(
    look: Callable[[Place, Stack], Iterator[Finding]], place: Place, stack: Stack, console: Console
) -> list[Finding]:
    try:
        return list(look(place, stack))
    except (ClientError, BotoCoreError, KeyError) as error:
        what = look.__name__.strip("_")
        console.say(f"{what}: could not be looked at ({code_of(error) or type(error).__name__})", "dim")
        return []


def _stack(place: Place, stack: Stack) -> Iterator[Finding]:
    if succeeded(stack.status) or in_progress(stack.status):
        return
    found = causes.causes(readiness.history(place, stack))
    if found.first is None:
        yield f"{stack.name} is {stack.status}", ""
        return
    source = place.document.defined_in.get(found.first.logical_id, "")
    where = f" (defined in {source})" if source else ""
    yield (
        f"{stack.name} is {stack.status}: {found.first.logical_id}: {found.first.reason}{where}",
        outcome.next_step(found, stack.status, place.suffix),
    )


def _revisions(place: Place, stack: Stack) -> Iterator[Finding]:
    for one in services.look(place.session, stack, services.physical_ids(place.session, stack)):
        if one.strayed:
            reason = f": {one.deployment.reason}" if one.deployment and one.deployment.reason else ""
            strayed = f"{one.name} runs {one.revision}, not the stack's {one.stacks_revision}"
            yield (
                f"{strayed}: ECS rolled back by itself{reason}",
                f"release an image that starts: {_release(place, one.name)}",
            )
        if one.desired and one.running < one.desired and one.settled:
            said = one.messages[0] if one.messages else "no message of ECS"
            yield f"{one.name} runs {one.running} of {one.desired} tasks: {said}", ""


def _release(place: Place, name: str) -> str:
    return stacks.command("release", place.suffix, f"--service {name} --tag TAG")


def _tasks(place: Place, stack: Stack) -> Iterator[Finding]:
    told = set()
    for one in services.stopped(place.session, stack.outputs["ClusterName"], most=20):
        reason = why(one)
        ordinary = reason.startswith(_ORDINARY) and not one.containers
        if ordinary or (one.group, reason) in told:
            continue
        told.add((one.group, reason))
        yield f"a task of {one.group} stopped {ago(one.at)}: {reason}", _hint(reason)


def _hint(reason: str) -> str:
    return next((todo for text, todo in _HINTS if text.lower() in reason.lower()), "")


def _targets(place: Place, stack: Stack) -> Iterator[Finding]:
    for one in services.targets(place.session, services.physical_ids(place.session, stack)):
        if one.state in ("unhealthy", "unavailable"):
            yield (
                f"{one.colour} target {one.address} is {one.state}: {one.reason}",
                "see its log: logs ENV --service api",
            )


def _queues(place: Place, stack: Stack) -> Iterator[Finding]:
    sqs = place.session.client("sqs")
    wanted = ["ApproximateNumberOfMessages"]
    counts = sqs.get_queue_attributes(QueueUrl=stack.outputs["DeadLetterQueueUrl"], AttributeNames=wanted)
    if number := int(counts["Attributes"].get(wanted[0], 0)):
        yield f"{number} messages are dead letters", "the worker failed on each five times: see its log"


def _errors(place: Place, stack: Stack) -> Iterator[Finding]:
    """The newest errors of the last hour, a few a service."""
    begin = log_lines.milliseconds(place.session.now()) - 3_600_000
    for name in ("api", "worker", "job"):
        source = log_lines.Source(name, stack.outputs[f"{name.title()}LogGroupName"], "app/")
        newest = log_lines.read(place.session.client("logs"), source, begin, "ERROR", newest_first=True)
        for line in islice(newest, 3):
            yield f"{name} logged: {line.text[:200]}", ""
