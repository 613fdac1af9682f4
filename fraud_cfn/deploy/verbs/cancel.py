"""Cancels what runs on a stack: an update goes back to the version before, a creation is deleted."""

from __future__ import annotations

from botocore.exceptions import ClientError

from fraud_cfn.deploy.account import trouble
from fraud_cfn.deploy.account.session import Session, code_of, message_of
from fraud_cfn.deploy.change import readiness, template
from fraud_cfn.deploy.change.carry_out import Place
from fraud_cfn.deploy.change.changeset import unique_name
from fraud_cfn.deploy.errors import DeclinedError, UsageError
from fraud_cfn.deploy.stack import outcome, stacks
from fraud_cfn.deploy.stack.outcome import Outcome
from fraud_cfn.deploy.stack.stacks import Stack
from fraud_cfn.deploy.stack.statuses import BEING_CREATED, BEING_UPDATED, Action, action, rolled_back
from fraud_cfn.deploy.stack.watch import watch
from fraud_cfn.deploy.terminal import typed
from fraud_cfn.deploy.terminal.console import Console

_TOO_FAR = "cannot be called from current stack status"  # CloudFormation's words


def run(
    session: Session, suffix: str, console: Console, *, yes: bool, confirm: str | None, timeout: float
) -> Outcome:
    place = Place(session, suffix, template.if_readable())
    stack = stacks.must_find(place.cloudformation, suffix)
    if stack.status == BEING_CREATED:
        return _delete(place, stack, console, yes=yes, confirm=confirm, timeout=timeout * 60)
    if stack.status != BEING_UPDATED:
        raise UsageError(
            f"{stack.name} is {stack.status}: there is no update to cancel",
            stacks.command("rollback", suffix)
            if action(stack.status) in (Action.ROLL_BACK, Action.CONTINUE)
            else f"see what runs: {stacks.command('status', suffix)}",
        )
    console.confirm(
        f"Cancel the update of {stack.name} and roll it back?",
        yes=yes,
        otherwise=stacks.command("cancel", suffix, "--yes"),
    )
    too_far = not _cancel(place, stack)
    follow = f"follow it: {typed.following(suffix)}"
    ended = watch(place.session, (stack.name, stack.arn), None, console, timeout=timeout * 60, resume=follow)
    if rolled_back(ended.status) and not too_far:
        console.say(f"\nDONE {stack.name} {ended.status}: the update is cancelled", "bold green")
        return Outcome("cancelled", stack.arn)
    done = outcome.conclude(console, ended, suffix, "updated", place.document.defined_in)
    if not done.exit:
        console.say("The update was already too far to be cancelled")
    return done


def _cancel(place: Place, stack: Stack) -> bool:
    """Ask AWS to; whether it was still in time."""
    words, status = f"the update of {stack.name} may be cancelled", stacks.command("status", place.suffix)
    try:
        with trouble.asking(words, status, goes_on=True):
            place.cloudformation.cancel_update_stack(StackName=stack.arn, ClientRequestToken=unique_name())
    except ClientError as error:
        if code_of(error) == "ValidationError" and _TOO_FAR in message_of(error):
            return False
        raise
    return True


def _delete(
    place: Place, stack: Stack, console: Console, *, yes: bool, confirm: str | None, timeout: float
) -> Outcome:
    """AWS cancels updates only; a stack that is being created can be deleted at any moment."""
    again = stacks.command("cancel", place.suffix, f"--yes --confirm {stack.name}")
    readiness.must_be_unprotected(stack)
    if confirm and confirm != stack.name:
        raise UsageError(f"--confirm {confirm} is not the stack's name", f"it is {stack.name}")
    console.say(f"\n{stack.name} is being created: to cancel that is to delete what is there so far", "red")
    if yes and not confirm:
        raise DeclinedError("--yes alone does not delete", again)
    if not yes and console.ask(f"Type {stack.name} to go on:", again) != stack.name:
        raise DeclinedError("declined; nothing was deleted")
    now = stacks.find(place.cloudformation, stack.arn)
    if now is None or now.status != stack.status:
        status = now.status if now else "gone"
        raise UsageError(
            f"{stack.name} is {status} by now: there is no creation to cancel",
            f"see what runs: {stacks.command('status', place.suffix)}",
        )
    readiness.delete(place, stack, console, timeout=timeout)
    console.say(f"\nDONE {stack.name} is deleted: the creation is cancelled", "bold green")
    return Outcome("cancelled", stack.arn)
