"""What the verbs on a running environment begin with: a whole stack, and its own template."""

from __future__ import annotations

from fraud_cfn import names
from fraud_cfn.deploy.change import readiness
from fraud_cfn.deploy.change.carry_out import Place
from fraud_cfn.deploy.errors import RecoveryError, UsageError
from fraud_cfn.deploy.running import workloads
from fraud_cfn.deploy.running.workloads import Deployed
from fraud_cfn.deploy.stack import outcome, stacks
from fraud_cfn.deploy.stack.stacks import Stack
from fraud_cfn.deploy.stack.statuses import Action, action
from fraud_cfn.deploy.terminal.console import Console

OFF, STARTING, ON = "false", "starting", "true"  # values of ServicesEnabled


def whole(place: Place, console: Console, timeout: float) -> Stack:
    """The stack at rest, waited for; nothing else is done to it. `UsageError` if there is none,
    `RecoveryError` if another verb must help first."""
    while True:
        stack = stacks.must_find(place.cloudformation, place.suffix)
        todo = action(stack.status)
        if todo is Action.UPDATE:
            return stack
        if todo is not Action.WAIT:
            raise _refusal(place, stack, todo)
        readiness.attach(place, stack, console, timeout)


def _refusal(place: Place, stack: Stack, todo: Action) -> RecoveryError:
    if todo in (Action.CONTINUE, Action.DESTROY, *outcome.NO_VERB):
        return readiness.recovery(place, stack)
    if todo is Action.ROLL_BACK:
        return RecoveryError(f"{stack.name} is {stack.status}", stacks.command("rollback", place.suffix))
    return RecoveryError(
        f"{stack.name} is {stack.status}: nothing of it runs", stacks.command("deploy", place.suffix)
    )


def deployed(place: Place, stack: Stack) -> Deployed:
    """The stack's workloads, every part of them there. `UsageError` that names what is missing."""
    found = workloads.read(place.session, stack)
    again = stacks.command("deploy", place.suffix)
    if names.SERVICES_ENABLED not in stack.parameters:
        raise UsageError(
            f"{stack.name} has no parameter {names.SERVICES_ENABLED}: nothing of it starts", again
        )
    if not found.workloads:
        raise UsageError(f"{stack.name} has no service and no scheduled task", again)
    found.must_be_whole(found.workloads)
    return found


def going_live(found: Deployed) -> str:
    """The value of ServicesEnabled that goes live: a guarded deployment where the template has it."""
    declared = found.template.get("Parameters", {}).get(names.SERVICES_ENABLED, {})
    return STARTING if STARTING in declared.get("AllowedValues", ()) else ON


def enabled(stack: Stack) -> bool:
    return stack.parameters.get(names.SERVICES_ENABLED) in (STARTING, ON)


def url(stack: Stack) -> str:
    """Where the service answers; empty where a certificate leaves that to your own domain."""
    return stack.outputs.get(names.LOAD_BALANCER_URL, "")


def architecture(stack: Stack) -> str:
    return stack.parameters.get(names.CPU_ARCHITECTURE, "")
