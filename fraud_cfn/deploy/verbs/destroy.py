"""Deletes an environment whole, and proves that nothing is left."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from fraud_cfn.deploy.account import trouble
from fraud_cfn.deploy.account.secret_lookup import EXPECTED
from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.change import readiness, template
from fraud_cfn.deploy.change.carry_out import Place
from fraud_cfn.deploy.change.changeset import unique_name
from fraud_cfn.deploy.errors import DeclinedError, Exit, RecoveryError, RefusedError, UsageError
from fraud_cfn.deploy.running import in_the_way, leftovers, locks, protection, teardown
from fraud_cfn.deploy.running.buckets import Refused
from fraud_cfn.deploy.running.leftovers import Named
from fraud_cfn.deploy.running.locks import Lock
from fraud_cfn.deploy.running.protection import Protection
from fraud_cfn.deploy.stack import causes, outcome, stacks, waiting
from fraud_cfn.deploy.stack.events import Event
from fraud_cfn.deploy.stack.outcome import Outcome
from fraud_cfn.deploy.stack.stacks import Resource, Stack
from fraud_cfn.deploy.stack.statuses import BEING_CREATED, GONE, in_progress
from fraud_cfn.deploy.stack.watch import Ended, watch
from fraud_cfn.deploy.terminal import clock, interrupts
from fraud_cfn.deploy.terminal.console import Console
from fraud_cfn.deploy.terminal.interrupts import Standing

# Failures that a later try gets over, since AWS was still letting go; in the services' own words.
_PASSING = re.compile(
    r"has a dependent object|has dependencies and cannot be deleted|DependencyViolation"
    r"|has some mapped public address|cannot be deleted while|is not empty|still contains"
    r"|(currently|already|still) in use|is in use|ResourceInUse|registered instances|being drained"
    r"|still members of|is still using|busy state|has associated services|is being deleted|Rate exceeded",
    re.IGNORECASE,
)
PAUSES = (60.0, 180.0)  # seconds before the second and the third try


@dataclass(frozen=True)
class _Deletion:
    """One `destroy` of a stack as it was found."""

    place: Place
    stack: Stack
    resources: tuple[Resource, ...]  # that exist
    retained: tuple[Resource, ...]
    deadline: clock.Deadline
    events: list[Event] = field(default_factory=list[Event])  # of this run's deletions
    known: list[Named] = field(default_factory=list[Named])  # what is to be gone in the end

    @property
    def left(self) -> float:
        """Seconds until time is up."""
        return max(self.deadline.left, 1)

    @property
    def goes(self) -> tuple[Resource, ...]:
        """What is to be deleted."""
        return tuple(one for one in self.resources if one not in self.retained)


def run(
    session: Session,
    suffix: str,
    console: Console,
    *,
    yes: bool,
    confirm: str | None,
    retain: list[str],
    unprotect: bool,
    timeout: float,
) -> Outcome:
    place = Place(session, suffix, template.if_readable())
    deadline = clock.Deadline(timeout * 60)
    stack = _at_rest(place, console, deadline, place.stack_name)
    if stack is None or stack.status == GONE:
        return _absent(place, console, gone=stack)
    resources = tuple(one for one in stacks.resources(place.cloudformation, stack.arn) if _exists(one))
    protected = protection.protections(session, stack, resources, console)
    if protected and not unprotect:
        raise _protected(stack, protected)
    held = _locked(session, resources, console)
    deletion = _Deletion(place, stack, resources, _retained(stack, resources, retain, held), deadline)
    if locked := [lock for name, found in held.items() if name not in retain for lock in found]:
        raise _never_empty(deletion, locked, held)
    _agree(deletion, console, yes=yes, confirm=confirm)
    for one in protected:
        again = f"go on: {stacks.destroying(suffix)}"
        with trouble.asking(f"the protection of {one.of} may be taken away", again):
            one.lift()
        teardown.declare(stack, "nothing protects it against deletion any more")
        console.say(f"Took away the protection of {one.of}")
    if stack.status == "REVIEW_IN_PROGRESS":
        return _delete_shell(deletion, console)
    deletion, ended = _delete_now(deletion, console)
    if ended.status != GONE:
        return _failed(deletion, ended, console)
    console.say(f"\nDONE {stack.name} DELETE_COMPLETE in {clock.span(ended.seconds)}", "bold green")
    look = f"look for it: {stacks.command('destroy', suffix)}"
    words = f"{stack.name} is deleted; whether anything is left was not looked at to the end"
    interrupts.declare(Standing(words, look, changed=True))
    for name in _sweep(deletion):
        console.say(f"Swept the log group {name}, which AWS had written anew")
    return _prove(place, console, "destroyed", deletion.known, deletion.retained)


def _at_rest(place: Place, console: Console, deadline: clock.Deadline, name: str) -> Stack | None:
    """The stack of that name or ARN, read anew after each operation that was followed; its creation is not:
    AWS deletes a stack that is being created."""
    stack = stacks.find(place.cloudformation, name)
    while stack and in_progress(stack.status) and stack.status != BEING_CREATED:
        again = f"go on: {stacks.destroying(place.suffix)}"
        readiness.attach(place, stack, console, max(deadline.left, 1), again)
        stack = stacks.find(place.cloudformation, stack.arn)
    return stack


def _exists(resource: Resource) -> bool:
    return resource.status not in ("DELETE_COMPLETE", "DELETE_SKIPPED")


def _protected(stack: Stack, found: list[Protection]) -> RefusedError:
    names = " and ".join(one.of for one in found)
    lift = stacks.destroying(stack.suffix, "--unprotect")
    return RefusedError(
        f"{names} {'are' if len(found) > 1 else 'is'} protected against deletion",
        f"if it is meant to go, take that away first: {lift}",
    )


def _locked(session: Session, resources: Iterable[Resource], console: Console) -> dict[str, list[Lock]]:
    """Logical id of a bucket → objects in it that S3 does not let go. Where that may not be asked it is told,
    and emptying stops at the first of them."""
    held: dict[str, list[Lock]] = {}
    for one in resources:
        if one.type == "AWS::S3::Bucket" and one.physical_id:
            try:
                looked = locks.locked(session, one.physical_id, session.now())
            except trouble.UNANSWERED as error:
                console.warn(
                    f"whether S3 holds objects of {one.physical_id} is not known: {trouble.words(error)}"
                )
                continue
            if looked.found:
                held[one.logical_id] = list(looked.found)
            if looked.more:
                console.warn(
                    f"whether S3 holds objects of {one.physical_id} was asked for its first {locks.MOST:,} "
                    "versions only: one beyond them is met when the rest of the bucket is deleted"
                )
    return held


def _never_empty(deletion: _Deletion, locked: list[Lock], held: Iterable[str]) -> RefusedError:
    """A bucket that cannot be emptied would hold the stack, once all else is gone."""
    ends = [lock.until for lock in locked if lock.until]
    wait = f"wait until {max(ends):%Y-%m-%d %H:%M} UTC; " if ends else ""
    wait += "whoever put them under a hold can take it away; " if len(ends) < len(locked) else ""
    leave = stacks.command(
        "destroy", deletion.stack.suffix, " ".join(f"--retain {name}" for name in dict.fromkeys(held))
    )
    return RefusedError(
        f"S3 does not let objects of {locked[0].bucket} go:{_listed(locked)}",
        f"{wait}or delete all else, and leave that bucket as it is: {leave}",
    )


def _listed(lines: Sequence[object], most: int = 10) -> str:
    """A line each, and how many more there are."""
    more = f"\n  and {len(lines) - most:,} more" if len(lines) > most else ""
    return "".join(f"\n  {line}" for line in lines[:most]) + more


def _retained(
    stack: Stack, resources: Iterable[Resource], retain: list[str], held: Mapping[str, object]
) -> tuple[Resource, ...]:
    """What is to stay. AWS takes it only where a deletion failed, and only of what failed: so it is refused
    before anything is stopped or emptied. A bucket that S3 holds is sure to fail the first deletion."""
    if not retain:
        return ()
    if set(retain) <= set(held):
        return tuple(one for one in resources if one.logical_id in retain)
    if stack.status != "DELETE_FAILED":
        raise RefusedError(
            f"--retain is for a stack whose deletion failed, and {stack.name} is {stack.status}: AWS would "
            f"not keep {', '.join(retain)}",
            "copy what must stay elsewhere, or leave --retain out",
        )
    stuck = {one.logical_id: one for one in resources if one.status == "DELETE_FAILED"}
    if unknown := [name for name in retain if name not in stuck]:
        raise UsageError(
            f"--retain {', '.join(unknown)}: AWS keeps only what it failed to delete, which is "
            f"{', '.join(stuck) or 'nothing'}",
            stacks.command("destroy", stack.suffix, " ".join(f"--retain {name}" for name in stuck)),
        )
    return tuple(stuck[name] for name in dict.fromkeys(retain))


def _agree(deletion: _Deletion, console: Console, *, yes: bool, confirm: str | None) -> None:
    """The name must be typed, here or as `--confirm`."""
    stack = deletion.stack
    if confirm and confirm != stack.name:
        raise UsageError(f"--confirm {confirm} is not the stack's name", f"it is {stack.name}")
    creating = stack.status == BEING_CREATED  # what it makes just now would be taken for another's
    foreign = in_the_way.foreign(deletion.place.session, () if creating else deletion.goes, tasks_run=True)
    for line in foreign.found:
        console.warn(f"not of {stack.name}, and in the way of its deletion: {line}")
    for line in foreign.unknown:
        console.warn(f"what else is in the way is not known, {line}")
    if yes and confirm:
        return
    kept = " ".join(f"--retain {one.logical_id}" for one in deletion.retained)
    again = stacks.command("destroy", stack.suffix, f"--yes --confirm {stack.name} {kept}".rstrip())
    if yes:
        raise DeclinedError("--yes alone does not destroy", again)
    if stack.status == "REVIEW_IN_PROGRESS":
        console.say(f"\n{stack.name} was planned and never created: it holds nothing", "yellow")
    else:
        more = "; it is being created, and what comes meanwhile goes too" if creating else ""
        console.say(
            f"\nThis deletes {stack.name} for good: {_resources(deletion)}, their data included{more}", "red"
        )
    if console.ask(f"Type {stack.name} to go on:", again) != stack.name:
        raise DeclinedError("declined; nothing was deleted")


# ── Deleting ──────────────────────────────────────────────────────────────────────────────────────


def _delete_now(deletion: _Deletion, console: Console) -> tuple[_Deletion, Ended]:
    """The deletion of what there is once it is agreed to: minutes may have gone by since it was looked at. A
    stack that is being created is deleted at once, with what comes to be meanwhile."""
    _at_rest(deletion.place, console, deletion.deadline, deletion.stack.arn)
    deletion = _anew(deletion)
    ended = Ended(None, (), 0)
    if deletion.stack.status == BEING_CREATED:
        console.say(f"\n{deletion.stack.name} is being created: AWS gives that up, and deletes what is there")
        ended, _ = _delete_once(deletion, console)
        deletion = _anew(deletion)
    return deletion, ended if deletion.stack.status == GONE else _delete(deletion, console)


def _anew(deletion: _Deletion) -> _Deletion:
    """With the stack and its resources as they are now."""
    cloudformation = deletion.place.cloudformation
    stack = stacks.find(cloudformation, deletion.stack.arn) or replace(deletion.stack, status=GONE)
    resources = tuple(
        one for one in stacks.resources(cloudformation, stack.arn) if stack.status == GONE or _exists(one)
    )
    stays = {one.logical_id for one in deletion.retained}
    retained = tuple(one for one in resources if one.logical_id in stays)
    anew = replace(deletion, stack=stack, resources=resources, retained=retained)
    anew.known.extend(leftovers.of_stack(anew.goes))
    return anew


def _delete(deletion: _Deletion, console: Console) -> Ended:
    """Delete, and again after a pause what AWS was still letting go of."""
    stack, pauses = deletion.stack, list(PAUSES)
    while True:
        console.say("\nGetting what would be in the way out of it")
        refused = teardown.prepare(deletion.place.session, stack, deletion.goes, console, deletion.left)
        if refused:
            raise _held(deletion, refused)
        ended, left_alone = _delete_once(deletion, console)
        if ended.status != "DELETE_FAILED":
            return ended
        stay = {one.logical_id for one in deletion.retained}
        failed = causes.causes(ended.events).failures
        failures = [failure for failure in failed if failure.logical_id not in stay]
        if failed and not failures and not left_alone:
            continue  # only what is to stay: now AWS takes it
        passing = failures and all(passes(failure.reason) for failure in failures)
        if not passing or not pauses:
            return ended
        pause = pauses.pop(0)
        if pause > deletion.left:
            return ended
        held = ", ".join(failure.logical_id for failure in failures)
        teardown.declare(stack, "it is half deleted")
        console.say(f"\n{held} held on; trying once more in {clock.span(pause)}", "yellow")
        foreign = in_the_way.foreign(deletion.place.session, deletion.goes, tasks_run=False)
        for line in (*foreign.found, *foreign.unknown):
            console.say(f"  {line}", "yellow")
        waiting.pause(pause)


def passes(reason: str) -> bool:
    """Whether AWS refused only because it was still letting go of something else."""
    return bool(_PASSING.search(reason))


def _held(deletion: _Deletion, refused: list[Refused]) -> RecoveryError:
    """Told before the rest is deleted: a bucket that cannot be emptied would hold the stack."""
    return RecoveryError(
        f"S3 does not let go {len(refused):,} objects of {refused[0].bucket}; nothing else is deleted"
        f"{_listed(refused)}",
        f"take away what holds them (a policy, Object Lock), then {_again(deletion)}",
    )


def _again(deletion: _Deletion) -> str:
    return stacks.destroying(deletion.stack.suffix)


def _delete_once(deletion: _Deletion, console: Console) -> tuple[Ended, bool]:
    """How it ended, and whether AWS was told to leave what is to stay."""
    stack, token = deletion.stack, unique_name()
    console.say(f"Deleting {stack.name}, {_resources(deletion)}")
    cloudformation = deletion.place.cloudformation
    retained = _retainable(deletion) if deletion.retained else []
    with _asking(deletion):
        if retained:
            cloudformation.delete_stack(
                StackName=stack.arn, ClientRequestToken=token, RetainResources=retained
            )
        else:
            cloudformation.delete_stack(StackName=stack.arn, ClientRequestToken=token)
    ended = watch(
        deletion.place.session,
        (stack.name, stack.arn),
        token,
        console,
        total=len(deletion.goes),
        timeout=deletion.left,
        resume=f"go on watching: {_again(deletion)}",
    )
    deletion.events.extend(ended.events)
    return ended, bool(retained)


def _asking(deletion: _Deletion) -> AbstractContextManager[None]:
    """While AWS is asked to delete it."""
    return trouble.asking(
        f"the deletion of {deletion.stack.name} may have begun", f"go on: {_again(deletion)}"
    )


def _resources(deletion: _Deletion) -> str:
    number = len(deletion.goes)
    return f"{number} resource{'s' * (number != 1)}"


def _retainable(deletion: _Deletion) -> list[str]:
    """Of what is to stay, what a deletion failed on: AWS takes no other."""
    failed = _stuck(deletion)
    return [one.logical_id for one in deletion.retained if one.logical_id in failed]


def _stuck(deletion: _Deletion) -> list[str]:
    return [
        one.logical_id
        for one in stacks.resources(deletion.place.cloudformation, deletion.stack.arn)
        if one.status == "DELETE_FAILED"
    ]


def _delete_shell(deletion: _Deletion, console: Console) -> Outcome:
    """What a plan brought and no deployment took over: it has change sets, and nothing else."""
    stack, cloudformation = deletion.stack, deletion.place.cloudformation
    with _asking(deletion):
        cloudformation.delete_stack(StackName=stack.arn, ClientRequestToken=unique_name())
    teardown.declare(stack, "its deletion has begun")

    def gone() -> bool | None:
        now = stacks.find(cloudformation, stack.arn)
        return True if now is None or now.status == GONE else None

    waiting.until(gone, console, what=stack.name, timeout=deletion.left, next_step=_again(deletion))
    console.result(f"{stack.name} is deleted; nothing of it had been created", "bold green")
    return Outcome("destroyed", "", data={"lookedFor": 0, "left": [], "unknown": {}, "retained": []})


def _failed(deletion: _Deletion, ended: Ended, console: Console) -> Outcome:
    stack = deletion.stack
    console.say(f"\nFAILED {stack.name} {ended.status} in {clock.span(ended.seconds)}", "bold red")
    found = causes.causes(ended.events)
    outcome.explain(console, found, deletion.place.document.defined_in)
    unknown: dict[str, str] = {}  # a closing look that fails changes no verdict
    stuck = trouble.known("what is stuck", lambda: _stuck(deletion), unknown) or []
    foreign = trouble.known(
        "what else holds it",
        lambda: in_the_way.foreign(deletion.place.session, deletion.goes, tasks_run=False),
        unknown,
    ) or in_the_way.Foreign((), ())
    for line in foreign.found:
        console.say(f"holds: {line}", "yellow")
    for line in (*foreign.unknown, *(f"{what}: {why}" for what, why in unknown.items())):
        console.say(f"not known: {line}", "yellow")
    reason = found.first.reason if found.first else ""
    known = "" if passes(reason) else causes.advice(reason).replace("{diagnose}", "")
    console.say(f"next:  {known or 'take away what holds it'}; then {_again(deletion)}")
    if stuck:
        retain = " ".join(f"--retain {name}" for name in stuck)
        left = stacks.command("destroy", stack.suffix, retain)
        console.say(f"next:  or leave it in the account: {left}")
    data = {"cause": found.first and vars(found.first), "stuck": stuck, "foreign": list(foreign.found)}
    return Outcome("delete-failed", stack.arn, Exit.RECOVERY, data)


def _sweep(deletion: _Deletion) -> list[str]:
    """Log groups that AWS wrote anew since the deletion began, by AWS's own clock."""
    if not deletion.events:
        return []
    began = min(event.time for event in deletion.events)
    session = deletion.place.session
    return leftovers.sweep_log_groups(session, deletion.known, began)


# ── The proof ─────────────────────────────────────────────────────────────────────────────────────


def _absent(place: Place, console: Console, gone: Stack | None) -> Outcome:
    """No stack: nothing is deleted. What its last deletion left, or has the template's names, is named."""
    console.say(f"{place.stack_name} does not exist; nothing is deleted")
    arns = [gone.arn] if gone else stacks.deleted(place.cloudformation, place.stack_name)
    of_last = [one for arn in arns[:1] for one in stacks.resources(place.cloudformation, arn)]
    skipped = [
        one
        for arn in arns
        for one in stacks.resources(place.cloudformation, arn)
        if one.status == "DELETE_SKIPPED"
    ]
    wanted = [*leftovers.of_stack([*of_last, *skipped])]
    declared = place.document.template.get("Resources", {})
    wanted += leftovers.of_template(declared, place.suffix, place.session.account)
    return _prove(place, console, "absent", wanted, ())


def _prove(
    place: Place, console: Console, result: str, wanted: list[Named], retained: tuple[Resource, ...]
) -> Outcome:
    """Look for each; what stays, what is left and what nobody knows is named."""
    verdict = leftovers.look(place.session, wanted, console)
    kept = [(one, leftovers.exists(place.session, one)) for one in retained]
    for one, there in kept:
        said = "still there" if there else "left" if there is None else "gone all the same, and not"
        console.result(f"{said}, as asked: {one.physical_id}  {one.type}  ({one.logical_id})", "yellow")
    for named in verdict.left:
        console.result(f"still there: {named.name}  {named.type}  ({named.logical_id})", "red")
    for named, why in verdict.unknown:
        console.result(f"unknown: {named.name}  {named.type}  ({named.logical_id}): {why}", "yellow")
    data = {
        "lookedFor": verdict.answered,
        "left": [named.name for named in verdict.left],
        "unknown": {named.name: why for named, why in verdict.unknown},
        "retained": [one.physical_id for one in retained],
    }
    if verdict.left:
        console.say("next:  delete these by hand")
        return Outcome("left-over", "", Exit.RECOVERY, data)
    rest = f"{verdict.answered} names of {place.stack_name}"
    if verdict.unknown:
        console.result(f"None of {rest} exists; {len(verdict.unknown)} could not be looked for", "yellow")
        console.say(
            f"next:  ask for the permissions that are missing, then {stacks.command('destroy', place.suffix)}"
        )
        return Outcome("unknown", "", Exit.RECOVERY, data)
    if any(there is False for _, there in kept):
        return Outcome("not-retained", "", Exit.RECOVERY, data)
    if retained:
        console.result(f"Nothing else is left: none of {rest} exists")
        return Outcome("retained", "", data=data)
    console.result(f"Nothing is left: none of {rest} exists")
    secrets = " and ".join(f"{one.name}-{place.suffix}" for one in EXPECTED)
    console.say(f"Not touched, as the platform only reads them: the secrets {secrets}")
    return Outcome(result, "", data=data)
