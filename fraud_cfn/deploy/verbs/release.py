"""Releases one image: its tag changes, and nothing else; or goes back to the tag before."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from fraud_cfn import names
from fraud_cfn.deploy.account import trouble
from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.change import live, parameters, prepare, template
from fraud_cfn.deploy.change.carry_out import Consent, Execution, Place, carry_out
from fraud_cfn.deploy.errors import DeployError, Exit, UsageError
from fraud_cfn.deploy.running import balancing, images, services
from fraud_cfn.deploy.running.services import Deployment, Service
from fraud_cfn.deploy.running.workloads import Workload
from fraud_cfn.deploy.stack import stacks, waiting
from fraud_cfn.deploy.stack.outcome import Outcome
from fraud_cfn.deploy.stack.stacks import Stack
from fraud_cfn.deploy.terminal import clock, typed
from fraud_cfn.deploy.terminal.console import Console

_SETTLING = 60.0  # seconds in which a service comes to rest once its stack is updated


def run(
    session: Session,
    suffix: str,
    console: Console,
    *,
    service: str,
    tag: str | None,
    back: bool,  # noqa: ARG001 - says that there is no tag
    yes: bool,
    blue_first: bool,
    timeout: float,
) -> Outcome:
    place = Place(session, suffix, template.if_readable())
    pinned = parameters.given(suffix, [], []).parameters
    stack = live.whole(place, console, timeout * 60)
    found = live.deployed(place, stack)
    workload = found.named(service)
    name = workload.tag_parameter
    if name not in stack.parameters:
        raise UsageError(
            f"no parameter of {stack.name} chooses the image of {service}", stacks.command("deploy", suffix)
        )
    digest = ""
    if tag is None:  # back
        before = _before(session, stack, workload)
        tag, digest = before.tag, before.digest
        typed.settle("--back", f"--tag={tag}")
        console.say(f"Back to {service}:{tag}, which ran {_when(before.since)}")
    parameters.check({name: found.template.get("Parameters", {}).get(name, {})}, {name: tag})
    now = images.must_exist(session, [(workload, tag)], live.architecture(stack)).get(service, "")
    if digest and now and digest != now:
        raise UsageError(
            f"{service}:{tag} is another image by now: {now} instead of {digest}, which ran before",
            "push what ran before under a tag of its own, and release that",
        )
    if pinned.get(name) not in (None, tag):
        console.warn(
            f"environments/{suffix}.yaml says {name}: {pinned[name]}; change it, or the next deploy goes back"
        )
    wanted = prepare.same_template(stack, {name: tag})
    following = _Following(place, stack, workload) if workload.service else None
    consent, how = Consent(yes, blue_first=blue_first), Execution(timeout=timeout * 60)
    done = carry_out(place, stack, wanted, consent, how, console, beside=following)
    return _verdict(place, stack, workload, tag, done, console)


def _before(session: Session, stack: Stack, workload: Workload) -> images.Ran:
    """What ran before the tag that the stack has now. `UsageError` where AWS does not remember any."""
    current = stack.parameters[workload.tag_parameter]
    for image in images.ran(session, workload):
        if image.tag and image.tag != current:
            return image
    raise UsageError(
        f"AWS does not remember what {workload.name} ran before {current}",
        f"say it: {stacks.command('release', stack.suffix, f'--service {workload.name} --tag TAG')}",
    )


def _when(since: datetime | None) -> str:
    return f"since {since:%Y-%m-%d %H:%M} UTC" if since else "before"


class _Following:
    """One line about ECS's own deployment, for the progress display: two questions a look."""

    def __init__(self, place: Place, stack: Stack, workload: Workload) -> None:
        self._session = place.session
        self._stack = stack
        self._workload = workload
        self._deployment: Deployment | None = None

    def __call__(self) -> str:
        known = self._deployment if self._deployment and self._deployment.going else None
        if known:
            self._deployment = services.deployment(self._session, known.arn)
        else:
            self._deployment = services.newest(self._session, self._workload)
        if self._deployment is None or not self._deployment.going:
            return ""
        return f"{self._workload.name} {self._stage(self._deployment)}"

    def _stage(self, deployment: Deployment) -> str:
        """Of a deployment in stages which it is, how long it bakes, and who gets the traffic."""
        if not deployment.stage:
            return deployment.status
        minutes = self._stack.parameters.get(names.API_BAKE_TIME_MINUTES)
        baking = f" of {minutes} min" if deployment.stage == "BAKE_TIME" and minutes else ""
        back = f"{deployment.status} " if deployment.rolled_back else ""
        routing = self._workload.routing
        share = f", traffic {balancing.weights(self._session, routing)}" if routing else ""
        return f"{back}{deployment.stage}{baking}{share}"


# ── How it ended ──────────────────────────────────────────────────────────────────────────────────


def _verdict(
    place: Place, stack: Stack, workload: Workload, tag: str, done: Outcome, console: Console
) -> Outcome:
    """What serves now; `rolled-back` if ECS went back by itself. A look that fails changes no verdict."""
    if not workload.service:
        if not done.exit:
            now = stacks.command("run-job", place.suffix, f"--service {workload.name}")
            console.say(f"The next run of {workload.name} uses {tag}; now: {now}")
        return done
    try:
        service, weights = _closing_look(place, stack, workload, console)
    except (DeployError, *trouble.UNANSWERED) as error:
        why = error.message if isinstance(error, DeployError) else trouble.words(error)
        console.warn(f"what serves now is unknown, as it could not be looked at: {why}")
        return replace(done, data={**done.data, "serving": "unknown"})
    if service is None:
        console.say(f"ECS has no service of {workload.name} (any more): nothing serves", "bold red")
        console.say(f"next:  {stacks.command('diagnose', place.suffix)}")
        data = {**done.data, "serving": "", "desired": 0, "running": 0}
        done = done if done.exit else replace(done, result="unhealthy", exit=Exit.UNHEALTHY)
        return replace(done, data=data)
    if not service.desired and not done.exit:
        start = stacks.command("start", place.suffix)
        console.say(f"Nothing of {workload.name} runs now; {tag} comes with the next start: {start}")
        return replace(done, data={**done.data, "serving": "", "desired": 0, "running": service.running})
    share = f", load balancer {weights}" if weights else ""
    console.say(f"Serving {service.revision}, {service.running}/{service.desired} tasks{share}")
    data = {**done.data, "serving": service.revision, "desired": service.desired, "running": service.running}
    if done.exit:
        return replace(done, data=data)
    if not service.strayed:
        return replace(done, data=data) if service.stable else _unwell(place, service, data, done, console)
    reason = service.deployment.reason if service.deployment else ""
    console.say(
        f"ECS rolled back by itself: {service.revision} runs, not the stack's {service.stacks_revision}, so "
        f"{workload.name}:{tag} does not run{': ' + reason if reason else ''}",
        "bold red",
    )
    console.say(f"next:  {stacks.command('diagnose', place.suffix)}")
    return Outcome("rolled-back", done.stack, Exit.FAILED, {**data, "reason": reason})


def _unwell(place: Place, service: Service, data: dict[str, Any], done: Outcome, console: Console) -> Outcome:
    said = f": {service.messages[0]}" if service.messages else ""
    ran = f"Of {service.desired} tasks {service.running} run after {_SETTLING:.0f} s{said}"
    console.say(f"ECS left it halfway: {service.halfway}" if service.halfway else ran, "bold red")
    console.say(f"next:  {stacks.command('diagnose', place.suffix)}")
    return Outcome("unhealthy", done.stack, Exit.UNHEALTHY, data)


def _closing_look(
    place: Place, stack: Stack, workload: Workload, console: Console
) -> tuple[Service | None, balancing.Weights | None]:
    """The service once it is at rest, by the stack as it is now, and who gets its traffic."""
    current = stacks.find(place.cloudformation, stack.arn) or stack
    found = live.deployed(place, current).named(workload.name)
    deadline = clock.now() + _SETTLING

    def look() -> list[Service] | None:
        looked = services.look(place.session, [found])
        moving = any(not one.stable for one in looked)
        return None if moving and clock.now() < deadline else looked

    looked = waiting.until(
        look, console, what=workload.name, timeout=_SETTLING * 2, next_step="", pace=clock.Pace(first=2)
    )
    service = looked[0] if looked else None
    return service, balancing.weights(place.session, found.routing) if found.routing else None
