"""Goes live: checks the images, enables the services, proves that they serve; or back."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

from botocore.exceptions import ClientError

from fraud_cfn import names
from fraud_cfn.deploy.account import trouble
from fraud_cfn.deploy.account.session import Session, denied
from fraud_cfn.deploy.change import live, prepare, template, traffic
from fraud_cfn.deploy.change.carry_out import Consent, Execution, Place, carry_out
from fraud_cfn.deploy.errors import DeclinedError, Exit
from fraud_cfn.deploy.running import balancing, images, quiet, scaling, services, tasks
from fraud_cfn.deploy.running.serving import Proof, Verdict
from fraud_cfn.deploy.running.workloads import Deployed
from fraud_cfn.deploy.stack import stacks, waiting
from fraud_cfn.deploy.stack.outcome import Outcome
from fraud_cfn.deploy.stack.stacks import Stack
from fraud_cfn.deploy.terminal import interrupts
from fraud_cfn.deploy.terminal.console import Console
from fraud_cfn.deploy.terminal.interrupts import Standing


def run(
    session: Session,
    suffix: str,
    console: Console,
    *,
    yes: bool,
    back: bool,
    blue_first: bool,
    protect: bool,
    steady: float,
    timeout: float,
) -> Outcome:
    place = Place(session, suffix, template.if_readable())
    stack = live.whole(place, console, timeout * 60)
    found = live.deployed(place, stack)
    how = Execution(timeout=timeout * 60)
    if back:
        return _back(place, stack, found, Consent(yes, idle=True), how, console)
    wanted = [
        (one, stack.parameters.get(one.tag_parameter, "")) for one in found.workloads if one.tag_parameter
    ]
    images.must_exist(session, wanted, live.architecture(stack))
    console.say(f"The images are there: {', '.join(f'{one.name}:{tag}' for one, tag in wanted)}")
    if not live.enabled(stack):
        proof = Proof(session, found.services, steady, console.say)
        asked = prepare.same_template(stack, {names.SERVICES_ENABLED: live.going_live(found)})
        consent = Consent(yes, blue_first=blue_first)
        done = carry_out(
            place, stack, asked, consent, how, console, first=lambda: _put_in_front(place, found, console)
        )
        if done.exit:
            return done
        changed = True
    else:
        console.say(f"{stack.name} is enabled already; looking whether it serves")
        changed = _wake(place, stack, found, console, yes=yes)
        proof = Proof(session, found.services, steady, console.say)
    if changed:
        _declare(stack, "its services are enabled, and their tasks go on starting", goes_on=True)
    console.say("\nProving that it serves")
    step = f"{stacks.command('diagnose', suffix)}; back: {stacks.command('start', suffix, '--back')}"
    verdict = waiting.until(proof, console, what="the start", timeout=timeout * 60, next_step=step)
    if changed:
        _declare(stack, "its services are enabled")
    if verdict.serves:
        return _live(place, stack, console, yes=yes, protect=protect)
    return _not_live(place, stack, found, verdict, how, console, yes=yes)


def _declare(stack: Stack, words: str, *, goes_on: bool = False) -> None:
    interrupts.declare(Standing(f"{stack.name}: {words}", _step(stack), changed=True, goes_on=goes_on))


def _step(stack: Stack) -> str:
    back = stacks.command("start", stack.suffix, "--back")
    return f"see it: {stacks.command('status', stack.suffix)}; back: {back}"


def _wake(place: Place, stack: Stack, found: Deployed, console: Console, *, yes: bool) -> bool:
    """Let services run again that were told to run nothing; whether there were any."""
    sleepers = quiet.asleep(place.session, found)
    if not sleepers:
        return False
    names_of = ", ".join(one.workload.name for one in sleepers)
    console.say(f"Told to run nothing, by a destroy that was interrupted or by hand: {names_of}", "yellow")
    again = stacks.command("start", place.suffix, "--yes")
    console.confirm("Let them run again?", yes=yes, otherwise=again)

    @contextmanager
    def begin() -> Generator[None]:
        with trouble.asking(f"{stack.name}: what runs in it may be told to start again", _step(stack)):
            yield
        _declare(stack, "what runs in it is told to start again")

    quiet.wake(place.session, sleepers, console, begin)
    return True


def _put_in_front(place: Place, found: Deployed, console: Console) -> None:
    """Where nothing runs, give the traffic to the colour that the template says: the first tasks go there."""
    for workload in found.services:
        if workload.routing is None:
            continue
        now = balancing.weights(place.session, workload.routing)
        if balancing.as_in_template(workload.routing, now) or not _idle(place, found):
            continue
        traffic.put_in_front(place.session, workload.name, workload.routing, now, console, place.suffix)


def _idle(place: Place, found: Deployed) -> bool:
    looked = services.look(place.session, found.services, deployments=False)
    return not any(one.desired or one.running or one.pending for one in looked)


# ── How it ended ──────────────────────────────────────────────────────────────────────────────────


def _live(place: Place, stack: Stack, console: Console, *, yes: bool, protect: bool) -> Outcome:
    url = live.url(stack)
    console.say(f"\nLIVE {url}".rstrip(), "bold green")
    try:
        protected = stack.protected or _protect(place, stack, console, yes=yes, asked=protect)
    except ClientError as error:
        if not denied(error):
            raise
        console.warn(f"{stack.name} is live, and not protected against deletion: {trouble.words(error)}")
        return Outcome("live", stack.arn, Exit.AWS, {"url": url, "protected": False})
    return Outcome("live", stack.arn, data={"url": url, "protected": protected})


def _protect(place: Place, stack: Stack, console: Console, *, yes: bool, asked: bool) -> bool:
    """Termination protection, where it is asked for or agreed to."""
    how = stacks.command("start", place.suffix, "--protect")
    if not asked:
        if yes or not console.can_ask:
            console.say(f"Nothing protects it against deletion; to change that: {how}")
            return False
        try:
            console.confirm("Protect it against deletion?", yes=False, otherwise=how)
        except DeclinedError:
            return False
    with trouble.asking(f"{stack.name} is live, and may be protected against deletion", _step(stack)):
        place.cloudformation.update_termination_protection(
            StackName=stack.arn, EnableTerminationProtection=True
        )
    _declare(stack, "it is live, and protected against deletion")
    console.say(f"{stack.name} is protected against deletion")
    return True


def _not_live(
    place: Place,
    stack: Stack,
    found: Deployed,
    verdict: Verdict,
    how: Execution,
    console: Console,
    *,
    yes: bool,
) -> Outcome:
    suffix = place.suffix
    if not verdict.failed:
        unseen = ", ".join(f"{what} ({why})" for what, why in verdict.unknown.items())
        console.say(f"\nUNKNOWN {stack.name}: tasks run, but whether it serves could not be seen", "bold red")
        console.say(f"       not looked at: {unseen}")
        console.say("next:  make that possible (a permission?), then run it again; nothing else would change")
        return Outcome("unknown", stack.arn, Exit.AWS, {"unknown": verdict.unknown})
    console.say(
        f"\nNOT LIVE {stack.name}: the tasks of {', '.join(verdict.failed)} do not stay up", "bold red"
    )
    for reason in verdict.reasons:
        todo = tasks.hint(
            reason,
            architecture=live.architecture(stack),
            release=stacks.command("release", suffix, f"--service {verdict.failed[0]} --tag TAG"),
            logs=stacks.command("logs", suffix, f"--service {verdict.failed[0]}"),
        )
        console.say(f"cause: {reason}")
        console.say(f"next:  {todo or stacks.command('diagnose', suffix)}")
    data = {"failed": list(verdict.failed), "reasons": list(verdict.reasons)}
    back = stacks.command("start", suffix, "--back")
    if yes or not console.can_ask:
        console.say(f"back:  {back}")
        return Outcome("not-live", stack.arn, Exit.UNHEALTHY, data)
    try:
        console.confirm("Go back to no tasks now?", yes=False, otherwise=back)
    except DeclinedError:
        console.say(f"later: {back}")
    else:
        current = stacks.must_find(place.cloudformation, suffix)
        _back(place, current, found, Consent(yes=True, idle=True), how, console)
    return Outcome("not-live", stack.arn, Exit.UNHEALTHY, data)


# ── Back ──────────────────────────────────────────────────────────────────────────────────────────


def _back(
    place: Place, stack: Stack, found: Deployed, consent: Consent, how: Execution, console: Console
) -> Outcome:
    """No tasks, no schedule; the data stays. Scaling is held first: else it starts a task meanwhile."""
    console.say("Back: no tasks, no schedule; the data stays")
    held: list[scaling.Bounds] = []
    before = interrupts.declared()

    def hold() -> None:
        for bound in scaling.bounds(place.session, found.services):
            if not bound.suspended:
                with trouble.asking(f"scaling of {bound.name} may be held", _step(stack)):
                    scaling.suspend(place.session, [bound])
                held.append(bound)
                _declare(stack, "scaling is held, nothing else was changed")
        if held:
            console.say(f"Scaling is held: {', '.join(one.name for one in held)}")

    asked = prepare.same_template(stack, {names.SERVICES_ENABLED: live.OFF})
    try:
        done = carry_out(place, stack, asked, consent, how, console, first=hold)
    except Exception:
        if _let_go(place, held, console):
            interrupts.declare(before)
        raise
    if done.exit:
        _let_go(place, held, console)
        return done
    _declare(stack, "its services are off; the last tasks go on stopping", goes_on=True)
    running = waiting.until(
        lambda: _at_rest(place, found),
        console,
        what="stopping the tasks",
        timeout=how.timeout,
        next_step=stacks.command("status", place.suffix),
    )
    _declare(stack, "its services are off")
    for job, count in running.items():
        console.say(f"{count} task{'s' * (count > 1)} of {job} still run{'s' * (count == 1)}, to its own end")
    console.say("No task of a service runs", "bold green")
    return done if done.result == "unchanged" else replace(done, result="stopped")


def _let_go(place: Place, held: list[scaling.Bounds], console: Console) -> bool:
    """Scaling as it was before, unless the stack is still at it: then it comes to be as the stack says.

    Whether it is so again; a refusal never hides what went wrong before.
    """
    if not held or interrupts.declared().goes_on:
        return False
    try:
        scaling.resume(place.session, held)
    except trouble.UNANSWERED as error:
        console.warn(f"scaling is still held: {trouble.words(error)}")
        return False
    console.say("Scaling goes on as before")
    return True


def _at_rest(place: Place, found: Deployed) -> dict[str, int] | None:
    """Job → its running tasks, once no service runs any; `None` before."""
    for workload in found.services:
        cluster = workload.cluster.physical_id
        if tasks.alive(place.session, cluster, service=workload.service_name):
            return None
    counts = {
        workload.name: len(tasks.running(place.session, workload.cluster.physical_id, family=workload.family))
        for workload in found.jobs
    }
    return {name: count for name, count in counts.items() if count}
