"""Deletes an environment whole, and proves that nothing is left."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fraud_cfn.config import REGION
from fraud_cfn.deploy.account.secret_lookup import EXPECTED
from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.change import readiness, template
from fraud_cfn.deploy.change.carry_out import Place
from fraud_cfn.deploy.change.changeset import unique_name
from fraud_cfn.deploy.errors import DeclinedError, Exit, RefusedError, UsageError
from fraud_cfn.deploy.running import leftovers, teardown
from fraud_cfn.deploy.stack import causes, outcome, stacks
from fraud_cfn.deploy.stack.outcome import Outcome
from fraud_cfn.deploy.stack.stacks import Stack
from fraud_cfn.deploy.stack.statuses import in_progress
from fraud_cfn.deploy.stack.watch import Ended, watch
from fraud_cfn.deploy.terminal.clock import span
from fraud_cfn.deploy.terminal.console import Console

# Failures that a second try is known to get over: AWS was still letting go of something.
_PASSING = re.compile(
    r"not empty|in use|DependencyViolation|has dependent|still has|instances|being drained|ResourceInUse",
    re.IGNORECASE,
)


def run(
    session: Session,
    suffix: str,
    console: Console,
    *,
    yes: bool,
    confirm: str | None,
    retain: list[str],
    timeout: float,
) -> Outcome:
    place = Place(session, suffix, template.load().document)
    stack = stacks.find(place.cloudformation, place.stack_name)
    if stack is None:
        console.say(f"{place.stack_name} does not exist")
        return _prove(place, console, "absent", ())
    _refuse_protected(stack)
    if in_progress(stack.status) and stack.status != "DELETE_IN_PROGRESS":
        readiness.attach(place, stack, console, timeout * 60)
    resources = [one for one in stacks.resources(place.cloudformation, stack.arn) if _exists(one.status)]
    _agree(stack, len(resources), console, yes=yes, confirm=confirm)
    console.say("\nGetting what would be in the way out of it")
    teardown.prepare(session, stack.outputs, console)
    console.say(f"Deleting {stack.name}, {len(resources)} resources")
    ended = _delete(place, stack, retain, len(resources), console, timeout * 60)
    if ended.status != "DELETE_COMPLETE":
        return _failed(place, stack, ended, console)
    console.say(f"\nDONE {stack.name} DELETE_COMPLETE in {span(ended.seconds)}", "bold green")
    return _prove(place, console, "destroyed", retain)


def _exists(status: str) -> bool:
    return status not in ("DELETE_COMPLETE", "DELETE_SKIPPED")


def _refuse_protected(stack: Stack) -> None:
    if stack.protected:
        raise RefusedError(
            f"{stack.name} is protected against deletion",
            f"if that is meant: aws cloudformation update-termination-protection --region {REGION} "
            f"--no-enable-termination-protection --stack-name {stack.name}",
        )


def _agree(stack: Stack, count: int, console: Console, *, yes: bool, confirm: str | None) -> None:
    """The name must be typed, here or as `--confirm`."""
    if confirm and confirm != stack.name:
        raise UsageError(f"--confirm {confirm} is not the stack's name", f"it is {stack.name}")
    if yes and confirm:
        return
    again = stacks.command("destroy", stack.suffix, f"--yes --confirm {stack.name}")
    if yes:
        raise DeclinedError("--yes alone does not destroy", again)
    console.say(f"\nThis deletes {stack.name} for good: {count} resources, their data included", "red")
    if console.ask(f"Type {stack.name} to go on:", again) != stack.name:
        raise DeclinedError("declined; nothing was deleted")


def _delete(
    place: Place, stack: Stack, retain: Sequence[str], total: int, console: Console, timeout: float
) -> Ended:
    """Delete and, once, delete again what is known to need a second try."""
    ended = _delete_once(place, stack, retain, total, console, timeout)
    found = causes.causes(ended.events)
    failures = [one for one in (found.first, *found.others) if one]
    if ended.status == "DELETE_FAILED" and failures and all(_PASSING.search(one.reason) for one in failures):
        console.say(f"\n{', '.join(one.logical_id for one in failures)} held on; trying once more", "yellow")
        teardown.prepare(place.session, stack.outputs, console)
        ended = _delete_once(place, stack, retain, len(failures), console, timeout)
    return ended


def _delete_once(
    place: Place, stack: Stack, retain: Sequence[str], total: int, console: Console, timeout: float
) -> Ended:
    token: str | None = None
    if stack.status != "DELETE_IN_PROGRESS":
        token = unique_name()
        kept = {"RetainResources": list(retain)} if retain else {}
        place.cloudformation.delete_stack(StackName=stack.arn, ClientRequestToken=token, **kept)
    return watch(place.cloudformation, (stack.name, stack.arn), token, console, total=total, timeout=timeout)


def _failed(place: Place, stack: Stack, ended: Ended, console: Console) -> Outcome:
    console.say(f"\nFAILED {stack.name} {ended.status} in {span(ended.seconds)}", "bold red")
    found = causes.causes(ended.events)
    outcome.explain(console, found, place.document.defined_in)
    held = dict.fromkeys(one.logical_id for one in (found.first, *found.others) if one)
    retain = " ".join(f"--retain {one}" for one in held)
    console.say(f"next:  take away what holds it, then {stacks.command('destroy', place.suffix)}")
    if retain:
        console.say(f"        or leave it in the account: {stacks.command('destroy', place.suffix, retain)}")
    return Outcome("delete-failed", stack.arn, Exit.RECOVERY, {"cause": found.first and vars(found.first)})


def _prove(place: Place, console: Console, result: str, retained: Sequence[str]) -> Outcome:
    """Sweep what AWS wrote anew, then look for every name the template computes."""
    wanted = leftovers.names(place.document.template["Resources"], place.suffix, place.session.account)
    wanted = [one for one in wanted if one.logical_id not in retained]
    for name in leftovers.sweep_log_groups(place.session, wanted):
        console.say(f"  swept the log group {name}, which AWS had written anew")
    verdict = leftovers.look(place.session, wanted)
    for one in verdict.left:
        console.result(f"still there: {one.name}  {one.type}  ({one.logical_id})", "red")
    for one in verdict.unchecked:
        console.warn(f"{one.name} ({one.type}) could not be looked for")
    data = {"lookedFor": verdict.looked_for, "left": [one.name for one in verdict.left]}
    if verdict.left:
        console.say(f"next:  delete these by hand, or deploy and destroy {place.suffix} again")
        return Outcome("left-over", "", Exit.RECOVERY, data)
    console.result(f"Nothing is left: none of {verdict.looked_for} names of {place.stack_name} exists")
    secrets = " and ".join(f"{one.name}-{place.suffix}" for one in EXPECTED)
    console.say(f"Not touched, as they were there before: the secrets {secrets}")
    return Outcome(result, "", data=data)
