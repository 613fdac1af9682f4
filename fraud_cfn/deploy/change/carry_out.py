"""The way every change takes: change set, preview, guards, confirmation, execution, progress, verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from fraud_cfn.deploy.account import trouble
from fraud_cfn.deploy.account.looks import not_looked_at
from fraud_cfn.deploy.account.session import Session, code_of, denied, message_of
from fraud_cfn.deploy.change import changeset, database, guards, preview, template, traffic
from fraud_cfn.deploy.change.changeset import ChangeSet
from fraud_cfn.deploy.change.preview import Preview
from fraud_cfn.deploy.errors import ChangeSetError, RefusedError
from fraud_cfn.deploy.stack import causes, stacks
from fraud_cfn.deploy.stack.outcome import Outcome, conclude
from fraud_cfn.deploy.stack.stacks import Stack
from fraud_cfn.deploy.stack.statuses import BEING_CREATED, BEING_UPDATED
from fraud_cfn.deploy.stack.watch import resuming, watch
from fraud_cfn.deploy.terminal import interrupts, typed
from fraud_cfn.deploy.terminal.console import Console
from fraud_cfn.deploy.terminal.interrupts import Standing, undisturbed
from fraud_cfn.template.document import Document

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient


@dataclass(frozen=True)
class Consent:
    """What the user agreed to beforehand."""

    yes: bool = False
    replace: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    idle: bool = False  # nothing is to serve afterwards, so there is no traffic to turn the wrong way
    blue_first: bool = False  # put the template's colour in front first, by a deployment of what runs


@dataclass(frozen=True)
class Execution:
    """How to run a change set once it is agreed on."""

    rollback: bool = True
    detach: bool = False
    timeout: float = 5400  # seconds


@dataclass(frozen=True)
class Place:
    """Which environment, reached how, and the document that tells where its resources are defined."""

    session: Session
    suffix: str
    document: Document

    @property
    def stack_name(self) -> str:
        return stacks.name_of(self.suffix)

    @property
    def cloudformation(self) -> CloudFormationClient:
        return self.session.client("cloudformation")


@dataclass(frozen=True)
class Review:
    """A change set with what there is to say about it."""

    change_set: ChangeSet
    preview: Preview
    warnings: tuple[str, ...] = field(default=())
    unknown: dict[str, str] = field(default_factory=dict[str, str])  # what could not be looked at → why


def carry_out(
    place: Place,
    stack: Stack | None,
    request: Mapping[str, Any],
    consent: Consent,
    run: Execution,
    console: Console,
    *,
    beside: Callable[[], str] | None = None,
    first: Callable[[], None] | None = None,
) -> Outcome:
    """Create the change set that `request` describes, and see it through; `stack` is `None` for a new one.
    `first` is done once it is agreed on, before it is executed."""
    with changeset.pending(place.cloudformation, place.stack_name, dict(request), console) as one:
        reviewed = review(place, stack, one.arn, console, uploaded="TemplateURL" in request)
        if reviewed is None:
            console.say("No changes", "bold green")
        else:
            show(reviewed, console)
            agree(place, stack, reviewed, consent, run, console)
            with undisturbed():
                if first:
                    first()
                execute(place, reviewed.change_set, run, new=stack is None)
                one.settled = True
    if reviewed is None:
        return Outcome("unchanged", stack.arn if stack else "", data=one.left)
    done = follow(place, reviewed.change_set, run, console, new=stack is None, beside=beside)
    return replace(done, data={**done.data, "unknown": reviewed.unknown}) if reviewed.unknown else done


def review(
    place: Place, stack: Stack | None, arn: str, console: Console, *, uploaded: bool = False
) -> Review | None:
    """Wait for the change set; `None` if there is nothing to change, `ChangeSetError` if it failed or, for a
    template that was uploaded, if it holds another one than the file."""
    change_set = changeset.wait(place.cloudformation, arn, console)
    if change_set.empty:
        return None
    failures, warnings, unseen = changeset.findings(place.cloudformation, change_set)
    unknown = {"what early validation and hooks found": unseen} if unseen else {}
    if change_set.status == "FAILED" or failures:
        reason = change_set.reason or "early validation failed"
        lines = (*failures, *not_looked_at(unknown))
        details = "".join(f"\n  {line}" for line in lines)
        raise ChangeSetError(
            f"CloudFormation rejects the change set: {reason}{details}",
            causes.advice("\n".join((reason, *failures))).replace("{diagnose}", "")
            or _where(failures, place.document)
            or "correct the template or the parameters, and run it again",
        )
    if uploaded:
        template.must_be_what_was_sent(place.cloudformation, arn, place.document.text)
    dangers = guards.dangers(change_set.changes, place.document.template["Resources"])
    before = stack.parameters if stack else None
    notes = [*database.notes(place.session, change_set, before), *guards.notes(change_set.changes)]
    shown = preview.preview(change_set, before, dangers, notes)
    return Review(change_set, shown, tuple(warnings), unknown)


def _where(failures: list[str], document: Document) -> str:
    files = {document.defined_in.get(line.split(":")[0], "") for line in failures} - {""}
    return f"see {', '.join(sorted(files))}" if files else ""


def show(reviewed: Review, console: Console, *, result: bool = False) -> None:
    console.lines(preview.text(reviewed.preview, console.width(result=result)), result=result)
    for line in reviewed.warnings:
        console.warn(f"CloudFormation warns: {line}")
    for line in not_looked_at(reviewed.unknown):
        console.warn(line)


def agree(
    place: Place, stack: Stack | None, reviewed: Review, consent: Consent, run: Execution, console: Console
) -> None:
    """Guards first, then the question, then what the traffic needs before."""
    guards.refuse(reviewed.preview.dangers, replace=consent.replace, delete=consent.delete)
    guarded = stack if not consent.idle else None
    held = traffic.hold(place.session, guarded, reviewed.change_set) if guarded else None
    if held:
        traffic.must_be_curable(place.session, held, agreed=consent.blue_first or console.can_ask)
    if stack is not None and not run.rollback:
        _refuse_without_rollback(reviewed.change_set)
    console.confirm(
        f"\nDeploy this to {place.stack_name}?",
        yes=consent.yes,
        otherwise=f"review the plan above, then {typed.again('--yes')}",
    )
    if held:
        traffic.clear(place.session, held, console, agreed=consent.blue_first, timeout=run.timeout)


def _refuse_without_rollback(change_set: ChangeSet) -> None:
    """CloudFormation does not replace while rollback is off: it would stop in the middle, UPDATE_FAILED."""
    replaced = [change.logical_id for change in change_set.changes if change.replaces]
    if replaced:
        raise RefusedError(
            f"--no-rollback cannot replace resources, and this would: {', '.join(replaced)}",
            "leave --no-rollback out",
        )


def guard(place: Place, stack: Stack | None, reviewed: Review, consent: Consent) -> None:
    """`RefusedError` for what nobody allowed by name, or what would turn traffic back."""
    guards.refuse(reviewed.preview.dangers, replace=consent.replace, delete=consent.delete)
    if stack is not None and not consent.idle:
        traffic.guard(place.session, stack, reviewed.change_set)


def refusal(place: Place, stack: Stack | None, reviewed: Review, consent: Consent) -> RefusedError | None:
    """What `guard` would raise."""
    try:
        guard(place, stack, reviewed, consent)
    except RefusedError as refused:
        return refused
    return None


def execute(place: Place, change_set: ChangeSet, run: Execution, *, new: bool) -> None:
    """Start it; from here on the stack goes on without us."""
    before, name = interrupts.declared(), place.stack_name
    begun = Standing(f"{name} goes on", _resuming(name, new=new), changed=True, goes_on=True)
    status = stacks.command("status", place.suffix)
    asked = Standing(f"{name} may have begun: AWS was asked and has not answered", status, changed=True)
    interrupts.declare(replace(asked, goes_on=True))
    try:
        place.cloudformation.execute_change_set(
            ChangeSetName=change_set.arn,
            ClientRequestToken=_token(change_set),
            DisableRollback=not run.rollback,
            RetainExceptOnCreate=new and run.rollback,
        )
    except trouble.UNANSWERED as error:
        if not isinstance(error, ClientError) or trouble.passes(error):
            # Nobody knows whether it arrived; once more, if AWS tells now.
            if changeset.executing(place.cloudformation, change_set.arn):
                interrupts.declare(begun)
                return
            interrupts.declare(before)
            raise
        interrupts.declare(before)
        code, said = code_of(error), message_of(error)
        if code in ("ChangeSetNotFound", "ChangeSetNotFoundException"):
            raise ChangeSetError(
                "the change set is gone: somebody deleted it, or executed another one meanwhile",
                _again(place),
            ) from error
        if code in ("InvalidChangeSetStatus", "InvalidChangeSetStatusException"):
            # An earlier try of this very call may have arrived although its answer got lost.
            if changeset.executing(place.cloudformation, change_set.arn):
                interrupts.declare(begun)
                return
            raise ChangeSetError(
                f"the change set cannot be executed any more: {said}", _again(place)
            ) from error
        if denied(error) or trouble.lost_credentials(error):
            raise
        raise ChangeSetError(
            f"CloudFormation does not execute the change set: {said}", causes.advice(said) or _again(place)
        ) from error
    interrupts.declare(begun)


def _resuming(name: str, *, new: bool) -> str:
    return resuming(name, BEING_CREATED if new else BEING_UPDATED)


def _again(place: Place) -> str:
    return f"run it again to see where the stack is now: {stacks.command('plan', place.suffix)}"


def follow(
    place: Place,
    change_set: ChangeSet,
    run: Execution,
    console: Console,
    *,
    new: bool,
    beside: Callable[[], str] | None = None,
) -> Outcome:
    """Watch an executed change set to its end and say how it ended."""
    if run.detach:
        console.say(f"{place.stack_name} is on its way; follow it: {stacks.command('deploy', place.suffix)}")
        return Outcome("detached", change_set.stack_arn)
    ended = watch(
        place.session,
        (place.stack_name, change_set.stack_arn),
        _token(change_set),
        console,
        total=len(change_set.changes),
        timeout=run.timeout,
        beside=beside,
        resume=_resuming(place.stack_name, new=new),
    )
    outcome = conclude(
        console, ended, place.suffix, "created" if new else "updated", place.document.defined_in
    )
    if outcome.exit or ended.stack is None:
        return outcome
    return Outcome(outcome.result, outcome.stack, data={**outcome.data, "outputs": ended.stack.outputs})


def _token(change_set: ChangeSet) -> str:
    """The same for every try of one change set, so that a repeated call starts nothing twice."""
    return change_set.arn.split(":changeSet/")[-1].split("/")[0]
