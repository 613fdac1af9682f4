"""Runs a scheduled task now, as its schedule would or with another command, and says how it ended."""

from __future__ import annotations

from fraud_cfn.deploy.account import trouble
from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.change import live, template
from fraud_cfn.deploy.change.carry_out import Place
from fraud_cfn.deploy.change.changeset import unique_name
from fraud_cfn.deploy.errors import AwsError, Exit, UsageError
from fraud_cfn.deploy.running import images, jobs, tasks
from fraud_cfn.deploy.running.tasks import Task
from fraud_cfn.deploy.running.workloads import Deployed, Workload
from fraud_cfn.deploy.stack import stacks, waiting
from fraud_cfn.deploy.stack.outcome import Outcome
from fraud_cfn.deploy.stack.stacks import Stack
from fraud_cfn.deploy.terminal import clock, interrupts
from fraud_cfn.deploy.terminal.console import Console
from fraud_cfn.deploy.terminal.interrupts import Standing, undisturbed

_APPEARS = 120.0  # seconds in which a task that ECS has just begun is known everywhere


def run(
    session: Session,
    suffix: str,
    console: Console,
    *,
    service: str | None,
    command: str | None,
    detach: bool,
    stop: str | None,
    timeout: float,
) -> Outcome:
    place = Place(session, suffix, template.if_readable())
    stack = live.whole(place, console, timeout * 60)
    found = live.deployed(place, stack)
    job = _job(found, service)
    if stop:
        return _stop(session, stack, job, stop, console, timeout * 60)
    changed = jobs.overrides(job.container, command) if command is not None else {}
    if job.tag_parameter:
        images.must_exist(
            session, [(job, stack.parameters.get(job.tag_parameter, ""))], live.architecture(stack)
        )
    planned = jobs.schedule(session, job)
    logs = stacks.command("logs", suffix, f"--service {job.name}")
    with undisturbed():
        asked, status = f"{job.name} may have been started", f"see it: {stacks.command('status', suffix)}"
        with trouble.asking(asked, status, goes_on=True):
            arn = jobs.start(session, planned, unique_name(), changed)
        which = f"--service {job.name} --stop {arn.split('/')[-1]}"
        step = f"its log: {logs}; stop it: {stacks.command('run-job', suffix, which)}"
        interrupts.declare(Standing(f"{job.name} goes on as {arn}", step, changed=True, goes_on=True))
    console.say(f"Started {job.name} as {arn.split('/')[-1]}; its log: {logs}")
    if detach:
        return Outcome("started", stack.arn, data={"task": arn})
    ended = _until_stopped(session, job, arn, console, timeout * 60, step)
    interrupts.declare(Standing(f"{job.name} ended", logs, changed=True))
    return _verdict(stack.arn, job, ended, console, logs, stack.parameters, suffix)


def _stop(
    session: Session, stack: Stack, job: Workload, task: str, console: Console, timeout: float
) -> Outcome:
    """Stop one run of that job. `UsageError` for a task that is none."""
    name, cluster = task.split("/")[-1], job.cluster.physical_id
    known = tasks.describe(session, cluster, [name])
    if not known or known[0].owner != job.family:
        arns = tasks.running(session, cluster, family=job.family)
        running = ", ".join(arn.split("/")[-1] for arn in arns) or "none"
        raise UsageError(f"{name} is no run of {job.name} that ECS knows", f"those that run: {running}")
    status = stacks.command("status", stack.suffix)
    if known[0].status != "STOPPED":
        with trouble.asking(f"{job.name} may have been told to stop", f"see it: {status}", goes_on=True):
            session.client("ecs").stop_task(
                cluster=cluster, task=name, reason="stopped by hand, with run-job --stop"
            )
        interrupts.declare(
            Standing(f"{job.name} was told to stop", f"see it: {status}", changed=True, goes_on=True)
        )
    ended = _until_stopped(session, job, name, console, timeout, status)
    interrupts.declare(Standing(f"{job.name} ended", status, changed=True))
    code = ended.exit_codes.get(job.container)
    console.say(f"STOPPED {name}{'' if code is None else f', exit code {code}'}; {ended.why}", "bold green")
    data = {"task": ended.arn, "exitCodes": ended.exit_codes, "reason": ended.reason}
    return Outcome("job-stopped", stack.arn, data=data)


def _job(found: Deployed, name: str | None) -> Workload:
    """The one named or, without a name, the only one."""
    known = ", ".join(job.name for job in found.jobs) or "none"
    if name is None:
        if len(found.jobs) == 1:
            return found.jobs[0]
        raise UsageError(
            f"{found.stack.name} has several scheduled tasks, or none: {known}", "--service NAME"
        )
    for job in found.jobs:
        if job.name == name:
            return job
    raise UsageError(f"{found.stack.name} has no scheduled task {name!r}", f"it has {known}")


def _until_stopped(
    session: Session, job: Workload, arn: str, console: Console, timeout: float, next_step: str
) -> Task:
    """The task once it has ended. Right after its start ECS may not know it (MISSING) for a while."""
    shown, seen, began = "", False, clock.now()

    def look() -> Task | None:
        nonlocal shown, seen
        for task in tasks.describe(session, job.cluster.physical_id, [arn]):
            seen = True
            if task.status != shown:
                shown = task.status
                console.say(f"  {shown}")
            return task if task.status == "STOPPED" else None
        if clock.now() - began > _APPEARS:
            gone = "any more" if seen else f"{clock.span(_APPEARS)} after it began it"
            raise AwsError(f"ECS does not know {arn} {gone}: how it ended is unknown", next_step)
        return None

    return waiting.until(look, console, what="the job", timeout=timeout, next_step=next_step)


def _verdict(
    stack_arn: str,
    job: Workload,
    ended: Task,
    console: Console,
    logs: str,
    parameters: dict[str, str],
    suffix: str,
) -> Outcome:
    code = ended.exit_codes.get(job.container)
    good = code == 0
    told = "no exit code" if code is None else f"exit code {code}"
    style = "bold green" if good else "bold red"
    console.say(f"{'DONE' if good else 'FAILED'} {told}; {ended.why}", style)
    if not good:
        todo = (
            ""
            if ended.code == "UserInitiated"
            else tasks.hint(
                ended.why,
                architecture=parameters.get("CpuArchitecture", ""),
                release=stacks.command("release", suffix, f"--service {job.name} --tag TAG"),
                logs=stacks.command("logs", suffix, f"--service {job.name} --since 1h"),
            )
        )
        console.say(f"next:  {todo or logs}")
    return Outcome(
        "job-done" if good else "job-failed",
        stack_arn,
        Exit.DONE if good else Exit.UNHEALTHY,
        {"task": ended.arn, "exitCodes": ended.exit_codes, "reason": ended.reason},
    )
