"""Brings a stack that stopped halfway back to the version before."""

from __future__ import annotations

from fraud_cfn.deploy.account import trouble
from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.change import readiness, template
from fraud_cfn.deploy.change.carry_out import Place
from fraud_cfn.deploy.change.changeset import unique_name
from fraud_cfn.deploy.errors import Exit, UsageError
from fraud_cfn.deploy.stack import causes, outcome, stacks
from fraud_cfn.deploy.stack.outcome import Outcome
from fraud_cfn.deploy.stack.stacks import Stack
from fraud_cfn.deploy.stack.statuses import GONE, Action, action, in_progress, rolled_back
from fraud_cfn.deploy.stack.watch import Ended, watch
from fraud_cfn.deploy.terminal import typed
from fraud_cfn.deploy.terminal.console import Console

_ROLL_BACK = ("CREATE_FAILED", "UPDATE_FAILED")
_CONTINUE = "UPDATE_ROLLBACK_FAILED"


def run(
    session: Session, suffix: str, console: Console, *, yes: bool, skip: list[str], timeout: float
) -> Outcome:
    place = Place(session, suffix, template.if_readable())
    stack = stacks.must_find(place.cloudformation, suffix)
    if in_progress(stack.status):
        readiness.attach(place, stack, console, timeout * 60)
        stack = stacks.must_find(place.cloudformation, suffix)
        if rolled_back(stack.status):
            console.say(f"\nDONE {stack.name} {stack.status}: it is rolled back", "bold green")
            return Outcome("rolled-back", stack.arn)
    if stack.status not in (*_ROLL_BACK, _CONTINUE):
        raise UsageError(
            f"{stack.name} is {stack.status}: there is nothing to roll back", _instead(stack.status, suffix)
        )
    console.say(f"{stack.name} is {stack.status}")
    outcome.explain(console, readiness.cause_of(place, stack), place.document.defined_in)
    _must_be_skippable(place, stack, skip)
    for name in skip:
        console.say(f"  {name} is left as it is: it may not match the template afterwards", "yellow")
    console.confirm(
        _QUESTIONS[stack.status], yes=yes, otherwise=stacks.command("rollback", suffix, _options(skip))
    )
    token = _begin(place, stack, skip)
    follow = f"follow it: {typed.following(suffix)}"
    ended = watch(place.session, (stack.name, stack.arn), token, console, timeout=timeout * 60, resume=follow)
    ours = ended.status == GONE and stack.status == "CREATE_FAILED"  # else somebody deleted it
    if rolled_back(ended.status) or ours:
        gone = ": there was no version before, so it is deleted" if ours else ""
        console.say(f"\nDONE {stack.name} {ended.status}{gone}", "bold green")
        return Outcome("rolled-back", stack.arn)
    return _failed(place, stack, ended, console)


_QUESTIONS = {
    "CREATE_FAILED": "Roll it back? There is no version before: what was made is deleted.",
    "UPDATE_FAILED": "Roll it back?",
    _CONTINUE: "Try the rollback again?",
}


def _options(skip: list[str]) -> str:
    return " ".join(["--yes", *(f"--skip {name}" for name in skip)])


def _must_be_skippable(place: Place, stack: Stack, skip: list[str]) -> None:
    """AWS skips only what a rollback failed on; `UsageError` that names what that is."""
    if skip and stack.status != _CONTINUE:
        again = stacks.command("rollback", stack.suffix)
        raise UsageError("--skip is for a rollback that failed before", f"leave it out: {again}")
    if not skip:
        return
    failed = [
        resource.logical_id
        for resource in stacks.resources(place.cloudformation, stack.arn)
        if resource.status == "UPDATE_FAILED"
    ]
    if unknown := [name for name in skip if name not in failed]:
        raise UsageError(
            f"--skip {', '.join(unknown)}: AWS skips only what the rollback failed on, which is "
            f"{', '.join(failed) or 'nothing'}",
            stacks.command("rollback", stack.suffix, " ".join(f"--skip {name}" for name in failed)),
        )


def _begin(place: Place, stack: Stack, skip: list[str]) -> str:
    """The token of the operation."""
    token = unique_name()
    words, status = f"the rollback of {stack.name} may have begun", stacks.command("status", place.suffix)
    with trouble.asking(words, status, goes_on=True):
        if stack.status != _CONTINUE:
            place.cloudformation.rollback_stack(StackName=stack.arn, ClientRequestToken=token)
        elif skip:
            place.cloudformation.continue_update_rollback(
                StackName=stack.arn, ClientRequestToken=token, ResourcesToSkip=skip
            )
        else:
            place.cloudformation.continue_update_rollback(StackName=stack.arn, ClientRequestToken=token)
    return token


def _failed(place: Place, stack: Stack, ended: Ended, console: Console) -> Outcome:
    console.say(f"\nFAILED {stack.name} {ended.status}", "bold red")
    stuck = causes.causes(ended.events)
    outcome.explain(console, stuck, place.document.defined_in)
    data = {"status": ended.status, "cause": stuck.first and vars(stuck.first)}
    if ended.status == _CONTINUE:
        over = " ".join(f"--skip {failure.logical_id}" for failure in stuck.failures) or "--skip ID"
        again = stacks.command("rollback", place.suffix, over)
        console.say(f"next:  correct the cause and run it again, or go on without: {again}")
    else:
        console.say(f"next:  {_instead(ended.status, place.suffix)}")
    return Outcome("needs-recovery", stack.arn, Exit.RECOVERY, data)


def _instead(status: str, suffix: str) -> str:
    """What helps where there is nothing to roll back."""
    if status == "DELETE_FAILED":
        return stacks.command("destroy", suffix)
    if action(status) in outcome.NO_VERB:
        return outcome.NO_VERB[action(status)]
    if status == GONE:
        return f"somebody deleted it; {stacks.command('deploy', suffix)} creates it anew"
    if action(status) in (Action.RECREATE, Action.ASK):
        return f"{stacks.command('deploy', suffix)} deletes it first, and creates it anew"
    return f"to go back to an older template: {stacks.command('deploy', suffix, '--template FILE')}"
