"""Looks for what is wrong, and says what to do. What could not be looked at is not called healthy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from fraud_cfn.deploy.account import trouble
from fraud_cfn.deploy.account.session import Session, code_of
from fraud_cfn.deploy.change import live, readiness, template
from fraud_cfn.deploy.change.carry_out import Place
from fraud_cfn.deploy.errors import DeployError, Exit
from fraud_cfn.deploy.running import balancing, jobs, log_lines, services, tasks, workloads
from fraud_cfn.deploy.running.tasks import Task
from fraud_cfn.deploy.running.workloads import Deployed, Workload
from fraud_cfn.deploy.stack import causes, outcome, stacks
from fraud_cfn.deploy.stack.outcome import Outcome
from fraud_cfn.deploy.stack.stacks import Resource, Stack
from fraud_cfn.deploy.stack.statuses import Action, action, in_progress, succeeded
from fraud_cfn.deploy.stack.watch import resuming
from fraud_cfn.deploy.terminal import clock
from fraud_cfn.deploy.terminal.console import Console

_HOUR = 3600
_TASKS = 20  # stopped tasks that are looked through
_LINES = 3  # errors shown of each workload
# CloudWatch's pattern: an error, or what Linux says of an image for another CPU.
_ERRORS = '?ERROR ?"exec format error"'


@dataclass(frozen=True)
class Finding:
    """What is wrong, and a step that helps from here; empty where the finding says all there is."""

    wrong: str
    todo: str = ""


def run(session: Session, suffix: str, console: Console) -> Outcome:
    place = Place(session, suffix, template.if_readable())
    stack = stacks.must_find(place.cloudformation, suffix)
    patient = _Patient(place, stack)
    findings: list[Finding] = []
    unknown: dict[str, str] = {}
    for what, look in patient.looks.items():
        trouble.known(what, lambda look=look: findings.extend(look()), unknown)
    for finding in findings:
        console.result(finding.wrong, "red")
        if finding.todo:
            console.result(f"  → {finding.todo}")
    for what, why in unknown.items():
        console.result(f"{what}: unknown ({why})", "yellow")
    data: dict[str, Any] = {
        "status": stack.status,
        "findings": [{"wrong": finding.wrong, "todo": finding.todo} for finding in findings],
        "unknown": unknown,
    }
    if patient.at_work:
        console.result(patient.at_work, "yellow")
        console.result(f"  → {resuming(stack.name, stack.status)}")
    if findings:
        return Outcome("wrong", stack.arn, Exit.UNHEALTHY, data)
    if unknown:
        console.result(
            f"Whether all is well is unknown: {len(unknown)} of {len(patient.looks)} looks were not possible"
        )
        return Outcome("unknown", stack.arn, Exit.AWS, data)
    if patient.at_work:
        console.result("Nothing wrong was found so far; whether it ends well is not known yet")
        return Outcome("in-progress", stack.arn, Exit.TIMED_OUT, data)
    console.result("Nothing wrong was found", "bold green")
    return Outcome("healthy", stack.arn, data=data)


class _Patient:
    """One stack with its workloads, read once and only by the looks that need them."""

    def __init__(self, place: Place, stack: Stack) -> None:
        self._place = place
        self._session = place.session
        self._stack = stack
        self.looks: dict[str, Callable[[], list[Finding]]] = {
            "the stack": lambda: list(self._state()),
            "services": lambda: list(self._services()),
            "stopped tasks": lambda: list(self._stopped()),
            "targets": lambda: list(self._targets()),
            "schedules": lambda: list(self._schedules()),
            "dead letters": lambda: list(self._dead_letters()),
            "logs": lambda: list(self._errors()),
        }
        if stack.status == "DELETE_IN_PROGRESS":  # what goes is no fault
            self.looks = {}

    @cached_property
    def _found(self) -> Deployed:
        return workloads.read(self._session, self._stack)

    @property
    def at_work(self) -> str:
        """What CloudFormation is at; empty where the stack rests."""
        if not in_progress(self._stack.status):
            return ""
        going: list[str] = []
        with suppress(*trouble.UNANSWERED, DeployError):  # told as unknown already
            going = [one.logical_id for one in self._found.resources.values() if in_progress(one.status)]
        what = f": {', '.join(going)}" if going else ""
        told = "" if "ROLLBACK" in self._stack.status else f"{self._stack.name} is {self._stack.status}: "
        return f"{told}AWS is at work on it{what}"

    def _command(self, verb: str, rest: str = "") -> str:
        return stacks.command(verb, self._place.suffix, rest)

    def _hint(self, reason: str, workload: Workload) -> str:
        return tasks.hint(
            reason,
            architecture=live.architecture(self._stack),
            release=self._command("release", f"--service {workload.name} --tag TAG"),
            logs=self._command("logs", f"--service {workload.name} --since 1h"),
        )

    def _state(self) -> Iterator[Finding]:
        stack = self._stack
        if succeeded(stack.status) or (in_progress(stack.status) and "ROLLBACK" not in stack.status):
            return
        try:
            found = causes.causes(readiness.history(self._place, stack))
        except trouble.UNANSWERED as error:
            yield Finding(
                f"{stack.name} is {stack.status}; why is unknown, as its events could not be read "
                f"({code_of(error) or trouble.words(error)})",
                self._way_on(""),
            )
            return
        if found.first is None:
            yield Finding(f"{stack.name} is {stack.status}: {outcome.no_cause(found)}", self._way_on(""))
            return
        source = self._place.document.defined_in.get(found.first.logical_id, "")
        where = f" (defined in {source})" if source else ""
        yield Finding(
            f"{stack.name} is {stack.status}: {found.first.logical_id}: {found.first.reason}{where}",
            self._way_on(found.first.reason),
        )

    def _way_on(self, reason: str) -> str:
        """A verb that helps from the stack's status; never the one that runs."""
        todo = action(self._stack.status)
        if todo is Action.WAIT:
            return ""  # what goes on is told below
        if todo in outcome.NO_VERB:
            return outcome.NO_VERB[todo]
        if todo in (Action.CONTINUE, Action.ROLL_BACK):
            return self._command("rollback")
        if todo is Action.DESTROY:
            return self._command("destroy")
        known = causes.advice(reason) if reason else ""
        if known and "{" not in known:
            return known
        if todo is Action.UPDATE:
            return (
                f"what ran before runs{'; the findings below say why the new version did not' * bool(reason)}"
            )
        return f"correct the cause, then {self._command('deploy')}"

    def _services(self) -> Iterator[Finding]:
        wanted = {workload.name: workload for workload in self._found.services}
        looked = services.look(self._session, wanted.values())
        if live.enabled(self._stack):
            for name in wanted.keys() - {service.name for service in looked}:
                yield Finding(f"the service of {name} does not exist", self._anew(wanted[name].service))
        for service in looked:
            again = self._command("release", f"--service {service.name} --tag TAG")
            if service.strayed:
                reason = service.deployment.reason if service.deployment else ""
                yield Finding(
                    f"{service.name} runs {service.revision}, not the stack's {service.stacks_revision}: ECS "
                    f"rolled back by itself{f': {reason}' if reason else ''}",
                    f"release an image that starts: {again}",
                )
            if service.halfway:
                yield Finding(
                    f"the newest deployment of {service.name} ended halfway: {service.halfway}",
                    f"release once more, the tag that is to run: {again}",
                )
            if service.desired and service.running < service.desired and service.settled:
                said = service.messages[0] if service.messages else "ECS says nothing"
                yield Finding(
                    f"{service.name} runs {service.running} of {service.desired} tasks: {said}",
                    self._hint(said, wanted[service.name])
                    or self._command("logs", f"--service {service.name} --since 1h"),
                )
            if live.enabled(self._stack) and not service.desired and service.settled:
                yield Finding(f"{service.name} wants no task, though it is live", self._command("start"))

    def _anew(self, part: Resource | None) -> str:
        """How it comes to be again: CloudFormation does not know that somebody deleted what it made."""
        if part is None or not part.physical_id:
            return self._command("deploy")
        without = self._command("deploy", "--template FILE")
        return (
            f"CloudFormation does not know that it is gone: deploy a template without "
            f"{part.logical_id} and what follows it ({without}), then {self._command('deploy')}"
        )

    def _stopped(self) -> Iterator[Finding]:
        owners = {owner: one for one in self._found.workloads for owner in (one.service_name, one.family)}
        told: set[tuple[str, str]] = set()
        clusters = dict.fromkeys(one.cluster.physical_id for one in self._found.workloads)
        for cluster in filter(None, clusters):
            for task in tasks.stopped(self._session, cluster)[:_TASKS]:
                workload = owners.get(task.owner)
                ordinary = not task.failed or task.why == "no reason given" or _done(task, workload)
                if ordinary or (task.owner, task.why) in told:
                    continue
                told.add((task.owner, task.why))
                ago = clock.ago(task.ended, self._session.now())
                yield Finding(
                    f"a task of {task.owner} stopped{f' {ago}' if ago else ''}: {task.why}",
                    self._hint(task.why, workload) if workload else "",
                )

    def _targets(self) -> Iterator[Finding]:
        for workload in self._found.services:
            in_front = {group.logical_id for group in workload.target_groups}
            if workload.routing and workload.routing.rule.physical_id:
                now = balancing.weights(self._session, workload.routing)
                in_front = {group.logical_id for group in balancing.front(workload.routing, now)}
            healthy, others, sick = 0, list[str](), False
            for target in balancing.targets(self._session, workload):
                healthy += target.group in in_front and target.state == "healthy"
                if target.state in ("unhealthy", "unavailable"):
                    sick = sick or target.group in in_front
                    where = f"{target.colour} target" if target.colour else "target"
                    yield Finding(
                        f"{where} {target.address} of {workload.name} is {target.state}: {target.reason}",
                        self._command("logs", f"--service {workload.name} --since 1h"),
                    )
                elif target.group in in_front:
                    others.append(f"{target.address} is {target.state}: {target.reason}".removesuffix(": "))
            if workload.target_groups and live.enabled(self._stack) and not healthy:
                told = f" ({'; '.join(others)})" if others else ""
                todo = "" if sick else self._command("start")  # its tasks run: their logs are told above
                yield Finding(f"no healthy target of {workload.name} gets traffic{told}", todo)

    def _schedules(self) -> Iterator[Finding]:
        for job in self._found.jobs:
            again = self._anew(job.schedule)
            try:
                if job.schedule and job.schedule.physical_id:
                    jobs.schedule(self._session, job)
            except self._session.client("scheduler").exceptions.ResourceNotFoundException:
                yield Finding(f"the schedule of {job.name} does not exist: nothing starts it", again)

    def _dead_letters(self) -> Iterator[Finding]:
        for queue in self._found.dead_letter_queues:
            answer = self._session.client("sqs").get_queue_attributes(
                QueueUrl=queue.physical_id, AttributeNames=["ApproximateNumberOfMessages"]
            )
            number = int(answer.get("Attributes", {}).get("ApproximateNumberOfMessages", 0))
            if number:
                yield Finding(
                    f"{queue.physical_id.rpartition('/')[2]} holds {number} dead letter{'s' * (number > 1)}",
                    "what they were for failed again and again: read one, mend the cause, then redrive them",
                )

    def _errors(self) -> Iterator[Finding]:
        """The newest errors of the last hour, a few of each workload."""
        begin = log_lines.milliseconds(self._session.now()) - _HOUR * 1000
        for workload in self._found.workloads:
            if workload.log_group is None or not workload.log_group.physical_id:
                continue
            source = log_lines.Source(workload.name, workload.log_group.physical_id, workload.stream_prefix)
            newest = log_lines.read(self._session.client("logs"), source, begin, _ERRORS, newest_first=True)
            try:
                lines = list(islice(newest, _LINES))
            except log_lines.GoneError as gone:
                yield Finding(gone.message, gone.next_step)
                continue
            for line in sorted(lines, key=lambda line: line.time):
                text = line.text.strip()[:200]
                yield Finding(f"{workload.name} logged: {text}", self._hint(text, workload))


def _done(task: Task, workload: Workload | None) -> bool:
    """A scheduled task that came to its good end."""
    return (
        workload is not None
        and workload.schedule is not None
        and task.exit_codes.get(workload.container) == 0
    )
