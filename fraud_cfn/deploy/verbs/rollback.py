"""Brings a stack that stopped halfway back to the version before."""

from __future__ import annotations

from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.change import readiness, template
from fraud_cfn.deploy.change.carry_out import Place
from fraud_cfn.deploy.change.changeset import unique_name
from fraud_cfn.deploy.errors import Exit, UsageError
from fraud_cfn.deploy.stack import causes, outcome, stacks
from fraud_cfn.deploy.stack.outcome import Outcome
from fraud_cfn.deploy.stack.statuses import in_progress, rolled_back
from fraud_cfn.deploy.stack.watch import watch
from fraud_cfn.deploy.terminal import typed
from fraud_cfn.deploy.terminal.console import Console

_ROLL_BACK = ("CREATE_FAILED", "UPDATE_FAILED")


def run(
    session: Session, suffix: str, console: Console, *, yes: bool, skip: list[str], timeout: float
) -> Outcome:
    place = Place(session, suffix, template.if_readable())
    stack = stacks.must_find(place.cloudformation, suffix)
    if in_progress(stack.status):
        readiness.attach(place, stack, console, timeout * 60)
        stack = stacks.must_find(place.cloudformation, suffix)
    if stack.status not in (*_ROLL_BACK, "UPDATE_ROLLBACK_FAILED"):
        raise UsageError(f"{stack.name} is {stack.status}: there is nothing to roll back", _instead(suffix))
    found = causes.causes(readiness.history(place, stack))
    console.say(f"{stack.name} is {stack.status}")
    outcome.explain(console, found, place.document.defined_in)
    continues = stack.status == "UPDATE_ROLLBACK_FAILED"
    if skip and not continues:
        raise UsageError("--skip is for a rollback that failed before", "leave it out")
    for one in skip:
        console.say(f"  {one} is left as it is: it may not match the template afterwards", "yellow")
    question = "Try the rollback again?" if continues else "Roll it back?"
    console.confirm(question, yes=yes, otherwise=stacks.command("rollback", suffix, "--yes"))
    token = unique_name()
    if skip:
        place.cloudformation.continue_update_rollback(
            StackName=stack.arn, ClientRequestToken=token, ResourcesToSkip=skip
        )
    elif continues:
        place.cloudformation.continue_update_rollback(StackName=stack.arn, ClientRequestToken=token)
    else:
        place.cloudformation.rollback_stack(StackName=stack.arn, ClientRequestToken=token)
    ended = watch(
        place.cloudformation,
        (stack.name, stack.arn),
        token,
        console,
        timeout=timeout * 60,
        resume=f"follow it: {typed.following(suffix)}",
    )
    if rolled_back(ended.status):
        console.say(f"\nDONE {stack.name} {ended.status}", "bold green")
        return Outcome("rolled-back", stack.arn)
    console.say(f"\nFAILED {stack.name} {ended.status}", "bold red")
    stuck = causes.causes(ended.events)
    outcome.explain(console, stuck, place.document.defined_in)
    ids = [one.logical_id for one in (stuck.first, *stuck.others) if one]
    over = " ".join(f"--skip {one}" for one in ids) or "--skip ID"
    console.say(
        f"next:  correct the cause and run it again, or go on without: "
        f"{stacks.command('rollback', suffix, over)}"
    )
    return Outcome("needs-recovery", stack.arn, Exit.RECOVERY)


def _instead(suffix: str) -> str:
    return f"to go back to an older template: {stacks.command('deploy', suffix, '--template FILE')}"
