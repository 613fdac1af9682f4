"""Cancels a running update; the stack goes back to the version before."""

from __future__ import annotations

from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.change import template
from fraud_cfn.deploy.change.carry_out import Place
from fraud_cfn.deploy.change.changeset import unique_name
from fraud_cfn.deploy.errors import UsageError
from fraud_cfn.deploy.stack import outcome, stacks
from fraud_cfn.deploy.stack.outcome import Outcome
from fraud_cfn.deploy.stack.statuses import rolled_back
from fraud_cfn.deploy.stack.watch import watch
from fraud_cfn.deploy.terminal import typed
from fraud_cfn.deploy.terminal.console import Console


def run(session: Session, suffix: str, console: Console, *, yes: bool, timeout: float) -> Outcome:
    place = Place(session, suffix, template.if_readable())
    stack = stacks.must_find(place.cloudformation, suffix)
    if stack.status != "UPDATE_IN_PROGRESS":
        raise UsageError(
            f"{stack.name} is {stack.status}: there is no update to cancel", _instead(stack.status, suffix)
        )
    console.confirm(
        f"Cancel the update of {stack.name} and roll it back?",
        yes=yes,
        otherwise=stacks.command("cancel", suffix, "--yes"),
    )
    place.cloudformation.cancel_update_stack(StackName=stack.arn, ClientRequestToken=unique_name())
    ended = watch(
        place.cloudformation,
        (stack.name, stack.arn),
        None,
        console,
        timeout=timeout * 60,
        resume=f"follow it: {typed.following(suffix)}",
    )
    if rolled_back(ended.status):
        console.say(f"\nDONE {stack.name} {ended.status}: the update is cancelled", "bold green")
        return Outcome("cancelled", stack.arn)
    done = outcome.conclude(console, ended, suffix, "updated", place.document.defined_in)
    if not done.exit:
        console.say("The update was already too far to be cancelled")
    return done


def _instead(status: str, suffix: str) -> str:
    if status == "CREATE_IN_PROGRESS":
        return f"a creation cannot be cancelled, only deleted: {stacks.command('destroy', suffix)}"
    return f"see what runs: {stacks.command('status', suffix)}"
