"""Releases one image: its tag changes, and nothing else."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.change import parameters, prepare, readiness, template, traffic
from fraud_cfn.deploy.change.carry_out import Consent, Execution, Place, carry_out
from fraud_cfn.deploy.errors import UsageError
from fraud_cfn.deploy.running import images, services
from fraud_cfn.deploy.running.services import Deployment
from fraud_cfn.deploy.stack import stacks
from fraud_cfn.deploy.stack.outcome import Outcome
from fraud_cfn.deploy.stack.stacks import Stack
from fraud_cfn.deploy.terminal.console import Console


def run(
    session: Session,
    suffix: str,
    console: Console,
    *,
    service: str,
    tag: str,
    yes: bool,
    timeout: float,
) -> Outcome:
    source = template.load()
    place = Place(session, suffix, source.document)
    name = images.parameter(service)
    parameters.check(source.parameters, {name: tag})
    stacks.must_find(place.cloudformation, suffix)
    stack = readiness.ready(place, console, yes=yes, timeout=timeout * 60)
    if stack is None or name not in stack.parameters:
        raise UsageError(f"{place.stack_name} has no {service} to release", stacks.command("deploy", suffix))
    images.must_exist(session, stack, [(service, tag)])
    _warn_of_pin(suffix, name, tag, console)
    wanted = prepare.same_template(stack, {name: tag})
    following = _Following(place, stack) if service in services.NAMES else None
    done = carry_out(
        place, stack, wanted, Consent(yes), Execution(timeout=timeout * 60), console, beside=following
    )
    if service in services.NAMES:
        serving(place, stack, service, console)
    return done


def _warn_of_pin(suffix: str, name: str, tag: str, console: Console) -> None:
    pinned = parameters.given(suffix, [], []).parameters.get(name)
    if pinned not in (None, tag):
        console.warn(
            f"environments/{suffix}.yaml says {name}: {pinned}; change it, or the next deploy goes back"
        )


class _Following:
    """One line about ECS's own deployment, for the progress display."""

    def __init__(self, place: Place, stack: Stack) -> None:
        self._place = place
        self._stack = stack
        self._routing: dict[str, str] | None = None  # asked once, and only for a blue/green deployment

    def __call__(self) -> str:
        try:
            found = services.look(self._place.session, self._stack, {})
            return "; ".join(
                f"{one.name} {one.running}/{one.desired} {self._stage(one.deployment)}"
                for one in found
                if one.deployment and one.deployment.going
            )
        except (ClientError, BotoCoreError):
            return ""

    def _stage(self, deployment: Deployment) -> str:
        """Of a blue/green deployment the stage, how long it bakes, and who gets the traffic."""
        if not deployment.stage:
            return deployment.status
        if self._routing is None:
            self._routing = traffic.addresses(self._place.session, self._stack)
        weights = traffic.weights(self._place.session, self._routing) if self._routing else None
        baking = deployment.stage == "BAKE_TIME" and self._stack.parameters.get("ApiBakeTimeMinutes")
        return (
            deployment.stage
            + (f" of {baking} min" if baking else "")
            + (f", traffic {weights}" if weights else "")
        )


def serving(place: Place, stack: Stack, name: str, console: Console) -> None:
    """End with what is serving, and say plainly where ECS went back by itself."""
    current = stacks.find(place.cloudformation, stack.arn) or stack
    physical = services.physical_ids(place.session, current)
    for one in services.look(place.session, current, physical):
        if one.name != name:
            continue
        weights = traffic.live(place.session, current) if name == "api" else None
        share = f", load balancer {weights}" if weights else ""
        console.say(f"Serving {one.revision}, {one.running}/{one.desired} tasks{share}")
        if one.strayed:
            reason = one.deployment.reason if one.deployment else ""
            console.say(
                f"ECS rolled back by itself: {one.revision} runs, not the stack's {one.stacks_revision}"
                f"{': ' + reason if reason else ''}",
                "bold red",
            )
            console.say(f"next:  {stacks.command('diagnose', place.suffix)}")
