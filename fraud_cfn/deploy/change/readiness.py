"""Brings a stack to where a change set can be made: the status table, row by row."""

from __future__ import annotations

from collections.abc import Callable

from fraud_cfn.deploy.account import trouble
from fraud_cfn.deploy.account.looks import Looks
from fraud_cfn.deploy.change.carry_out import Place
from fraud_cfn.deploy.change.changeset import unique_name
from fraud_cfn.deploy.errors import DeployError, RecoveryError, RefusedError
from fraud_cfn.deploy.running import leftovers
from fraud_cfn.deploy.stack import causes, outcome, stacks
from fraud_cfn.deploy.stack.causes import Causes
from fraud_cfn.deploy.stack.events import Event, Events
from fraud_cfn.deploy.stack.stacks import Stack
from fraud_cfn.deploy.stack.statuses import Action, action, succeeded
from fraud_cfn.deploy.stack.watch import resuming, watch
from fraud_cfn.deploy.terminal import typed
from fraud_cfn.deploy.terminal.console import Console


def ready(
    place: Place,
    console: Console,
    *,
    yes: bool,
    timeout: float,
    recreate: Callable[[], None] | None = None,
) -> Stack | None:
    """The stack to update, or `None` to create one; waits, deletes or rolls back first where the table
    says so. `RecoveryError` where only another verb helps. A stack is only deleted with `recreate`, which is
    called before.
    """
    while True:
        stack = stacks.find(place.cloudformation, place.stack_name)
        todo = action(stack.status if stack else None)
        if stack is None or todo is Action.CREATE:
            return None
        if todo is Action.UPDATE:
            return stack
        if todo is Action.WAIT:
            attach(place, stack, console, timeout)
        elif todo in (Action.RECREATE, Action.ASK):
            if recreate is None:
                raise RecoveryError(
                    f"{stack.name} is {stack.status}: its creation failed, and nothing of it runs",
                    f"{stacks.command('deploy', place.suffix)} deletes it first, and creates it anew",
                )
            recreate()
            _delete_first(place, stack, console, yes=yes and todo is Action.RECREATE, timeout=timeout)
        elif todo is Action.ROLL_BACK:
            _roll_back_first(place, stack, console, yes=yes, timeout=timeout)
        else:
            raise recovery(place, stack)


def attach(place: Place, stack: Stack, console: Console, timeout: float, resume: str = "") -> None:
    """Follow what somebody else started; `resume` is how to go on if it is left: else what was typed."""
    resume = resume or resuming(stack.name, stack.status, f"follow it, and go on: {typed.again()}")
    console.say(f"{stack.name} is {stack.status}: another operation is running; following it")
    ended = watch(place.session, (stack.name, stack.arn), None, console, timeout=timeout, resume=resume)
    console.say(f"it ended: {ended.status}")


def recovery(place: Place, stack: Stack) -> RecoveryError:
    """Why nothing can be deployed now, with the cause and what helps."""
    found = cause_of(place, stack)
    cause = f": {found.first.logical_id}: {found.first.reason}" if found.first else ""
    if action(stack.status) in outcome.NO_VERB:
        return RecoveryError(f"{stack.name} is {stack.status}{cause}", outcome.NO_VERB[action(stack.status)])
    if action(stack.status) is Action.DESTROY:
        stuck = [
            one.logical_id
            for one in stacks.resources(place.cloudformation, stack.arn)
            if one.status == "DELETE_FAILED"
        ]
        retain = " ".join(f"--retain {one}" for one in stuck)
        verb = f"{stacks.command('destroy', place.suffix)}, or give up what is stuck: "
        return RecoveryError(
            f"{stack.name} is {stack.status}{cause}",
            verb + stacks.command("destroy", place.suffix, retain or "--retain ID"),
        )
    return RecoveryError(f"{stack.name} is {stack.status}{cause}", stacks.command("rollback", place.suffix))


def history(place: Place, stack: Stack) -> list[Event]:
    """The events of the last operation, oldest first."""
    events = Events(place.cloudformation, stack.arn, None)
    return events.fresh()


def cause_of(place: Place, stack: Stack) -> Causes:
    """Why it failed; where its events may not be read, that is not known, and stands in nobody's way.
    `CredentialsError` where AWS no longer accepts the credentials."""
    return causes.causes(Looks().ask("the events", lambda: history(place, stack)) or ())


def _delete_first(place: Place, stack: Stack, console: Console, *, yes: bool, timeout: float) -> None:
    must_be_unprotected(stack)
    left = [
        one for one in stacks.resources(place.cloudformation, stack.arn) if one.status != "DELETE_COMPLETE"
    ]
    console.say(
        f"{stack.name} is {stack.status}: it must be deleted before it can be created again", "yellow"
    )
    for one in left:
        console.say(f"  left over: {one.logical_id}  {one.type}  {one.physical_id}".rstrip())
    if not left:
        console.say("  nothing of it is left over")
    console.confirm(
        f"Delete {stack.name} and create it anew?",
        yes=yes,
        otherwise=f"delete it yourself: {stacks.command('destroy', place.suffix)}",
    )
    delete(place, stack, console, timeout=timeout)
    console.say(f"{stack.name} is deleted")


def must_be_unprotected(stack: Stack) -> None:
    """`RefusedError` for a stack that AWS would not delete."""
    if stack.protected:
        raise RefusedError(
            f"{stack.name} is protected against deletion",
            f"if it is meant to go: {stacks.command('destroy', stack.suffix, '--unprotect')}",
        )


def delete(place: Place, stack: Stack, console: Console, *, timeout: float) -> None:
    """Delete a stack that never ran, also while it is being created, and the log groups that AWS wrote anew
    meanwhile: the next creation would meet them. `RecoveryError` where it does not go."""
    resources = list(stacks.resources(place.cloudformation, stack.arn))
    total = sum(resource.status != "DELETE_COMPLETE" for resource in resources)
    token, again = unique_name(), stacks.command("destroy", place.suffix)
    status = stacks.command("status", place.suffix)
    with trouble.asking(f"the deletion of {stack.name} may have begun", status, goes_on=True):
        place.cloudformation.delete_stack(StackName=stack.arn, ClientRequestToken=token)
    ended = watch(
        place.session,
        (stack.name, stack.arn),
        token,
        console,
        total=total,
        timeout=timeout,
        resume=f"follow it: {again}",
    )
    if not succeeded(ended.status):
        outcome.explain(console, causes.causes(ended.events), place.document.defined_in)
        raise RecoveryError(f"{stack.name} could not be deleted", again)
    if stack.created is not None:
        wanted = leftovers.of_stack(resources)
        for name in leftovers.sweep_log_groups(place.session, wanted, stack.created):
            console.say(f"  swept the log group {name}, which AWS had written anew")


def _roll_back_first(place: Place, stack: Stack, console: Console, *, yes: bool, timeout: float) -> None:
    console.say(f"{stack.name} is UPDATE_FAILED: it stopped halfway, because rollback was off", "yellow")
    outcome.explain(console, cause_of(place, stack), place.document.defined_in)
    console.confirm(
        "Roll it back to the previous version first?",
        yes=yes,
        otherwise=stacks.command("rollback", place.suffix),
    )
    token, status = unique_name(), stacks.command("status", place.suffix)
    with trouble.asking(f"the rollback of {stack.name} may have begun", status, goes_on=True):
        place.cloudformation.rollback_stack(StackName=stack.arn, ClientRequestToken=token)
    back = resuming(stack.name, "UPDATE_ROLLBACK_IN_PROGRESS")
    ended = watch(place.session, (stack.name, stack.arn), token, console, timeout=timeout, resume=back)
    if ended.status != "UPDATE_ROLLBACK_COMPLETE":
        raise RecoveryError(f"{stack.name} is {ended.status}", stacks.command("rollback", place.suffix))
    console.say(f"{stack.name} is rolled back")


def blocked(place: Place, stack: Stack) -> DeployError | None:
    """For `plan`, which changes nothing: why no change set can be made now."""
    if action(stack.status) in (Action.CONTINUE, Action.DESTROY, *outcome.NO_VERB):
        return recovery(place, stack)
    if action(stack.status) is Action.ROLL_BACK:
        return RecoveryError(f"{stack.name} is {stack.status}", stacks.command("rollback", place.suffix))
    return None
