"""Goes live: checks the images, enables the services, watches the tasks start; or back."""

from __future__ import annotations

from datetime import datetime

from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.change import prepare, readiness, template
from fraud_cfn.deploy.change.carry_out import Consent, Execution, Place, carry_out
from fraud_cfn.deploy.errors import DeployError, DetachedError, Exit, UsageError
from fraud_cfn.deploy.running import images, services
from fraud_cfn.deploy.running.services import Service, Stopped
from fraud_cfn.deploy.stack import stacks
from fraud_cfn.deploy.stack.outcome import Outcome
from fraud_cfn.deploy.stack.stacks import Stack
from fraud_cfn.deploy.terminal import clock
from fraud_cfn.deploy.terminal.console import Console

_FAILURES = 3  # stopped tasks of one service after which it is not going to start


def run(session: Session, suffix: str, console: Console, *, yes: bool, back: bool, timeout: float) -> Outcome:
    place = Place(session, suffix, template.load().document)
    stack = _live_stack(place, console, yes=yes, timeout=timeout * 60)
    how = Execution(timeout=timeout * 60)
    if back:
        return _switch(place, stack, "false", Consent(yes, idle=_idle(place, stack)), how, console)
    images.must_exist(
        session, stack, [(name, stack.parameters[images.parameter(name)]) for name in images.NAMES]
    )
    console.say("The three images are there")
    began = clock.utc()
    done = _switch(place, stack, "true", Consent(yes), how, console)
    if done.exit:
        return done
    console.say("\nWaiting for the tasks; they start by scaling, so nothing rolls back by itself")
    try:
        settled = _until_stable(place, stack, began, console, timeout * 60)
    except KeyboardInterrupt:
        raise DetachedError("detached; the tasks go on starting", stacks.command("status", suffix)) from None
    if settled:
        console.say(f"\nLIVE {stack.outputs.get('LoadBalancerUrl', '')}", "bold green")
        return Outcome("live", stack.arn, data={"url": stack.outputs.get("LoadBalancerUrl", "")})
    console.say(
        f"\nNOT LIVE {stack.name}: its tasks do not stay up, {clock.span(_since(began))} on", "bold red"
    )
    _offer_back(place, how, console, yes=yes)
    return Outcome("not-live", stack.arn, Exit.FAILED)


def _idle(place: Place, stack: Stack) -> bool:
    """Whether the load balancer has nobody to send requests to."""
    found = services.targets(place.session, services.physical_ids(place.session, stack))
    return not any(one.state == "healthy" for one in found)


def _since(began: datetime) -> float:
    return (clock.utc() - began).total_seconds()


def _live_stack(place: Place, console: Console, *, yes: bool, timeout: float) -> Stack:
    stacks.must_find(place.cloudformation, place.suffix)
    stack = readiness.ready(place, console, yes=yes, timeout=timeout)
    if stack is None or "ServicesEnabled" not in stack.parameters:
        raise UsageError(
            f"{place.stack_name} has no services to start", stacks.command("deploy", place.suffix)
        )
    return stack


def _switch(
    place: Place, stack: Stack, enabled: str, consent: Consent, how: Execution, console: Console
) -> Outcome:
    if enabled == "false":
        console.say("Back: no tasks, no schedule; the data stays")
    wanted = prepare.same_template(stack, {"ServicesEnabled": enabled})
    return carry_out(place, stack, wanted, consent, how, console)


def _until_stable(place: Place, stack: Stack, began: datetime, console: Console, timeout: float) -> bool:
    """Whether all services came to run; says each task that stopped since `began` once."""
    pace, deadline = clock.Pace(), clock.now() + timeout
    physical = services.physical_ids(place.session, stack)
    told: set[str] = set()
    shown = ""
    while clock.now() < deadline:
        found = services.look(place.session, stack, physical)
        now = " · ".join(f"{one.name} {one.running}/{one.desired}" for one in found)
        if now != shown:
            console.say(f"  {now}")
            shown = now
        if found and all(one.stable and one.desired for one in found):
            return True
        hopeless = [one for one in found if _hopeless(place, stack, one, began, told, console)]
        if hopeless:
            return False
        pace.wait()
    return False


def _hopeless(
    place: Place, stack: Stack, service: Service, began: datetime, told: set[str], console: Console
) -> bool:
    group = stack.outputs[f"{service.name.title()}ServiceName"]
    dead = services.stopped(place.session, stack.outputs["ClusterName"], group)
    dead = [one for one in dead if one.at is None or one.at >= began]
    for one in dead:
        text = f"  {service.name} task stopped: {why(one)}"
        if text not in told:
            told.add(text)
            console.say(text, "red")
    return not service.running and len(dead) >= _FAILURES


def why(one: Stopped) -> str:
    """The task's reason with its containers'."""
    return "; ".join(filter(None, (one.reason, *one.containers))) or "no reason given"


def _offer_back(place: Place, how: Execution, console: Console, *, yes: bool) -> None:
    console.say(f"Why     {stacks.command('diagnose', place.suffix)}")
    back = stacks.command("start", place.suffix, "--back")
    try:
        if yes or not console.can_ask:
            console.say(f"Back    {back}")
            return
        console.confirm("Go back to no tasks now?", yes=False, otherwise=back)
    except DeployError:
        console.say(f"Later   {back}")
        return
    current = stacks.must_find(place.cloudformation, place.suffix)
    _switch(place, current, "false", Consent(yes=True, idle=True), how, console)
