"""Change sets: created under a unique name, read whole, addressed by ARN, and never left behind."""

from __future__ import annotations

import re
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from fraud_cfn.config import REGION
from fraud_cfn.deploy.account import trouble
from fraud_cfn.deploy.account.session import code_of, denied, message_of
from fraud_cfn.deploy.errors import ChangeSetError, DeployError, RefusedError, TimedOutError, UsageError
from fraud_cfn.deploy.stack import stacks
from fraud_cfn.deploy.stack.waiting import until
from fraud_cfn.deploy.terminal import clock, interrupts
from fraud_cfn.deploy.terminal.console import Console
from fraud_cfn.deploy.terminal.interrupts import Standing, undisturbed

_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
_REJECTED = (
    "AlreadyExistsException",
    "InsufficientCapabilitiesException",
    "LimitExceededException",
    "ValidationError",
)
_NONE = ("ChangeSetNotFound", "ChangeSetNotFoundException")
_PENDING = ("CREATE_PENDING", "CREATE_IN_PROGRESS")
_ARN = re.compile(
    r"arn:aws:cloudformation:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):changeSet/[A-Za-z0-9-]+/[A-Za-z0-9-]+"
)
_HOOKS = "hook(s) failed"  # CloudFormation's words
_CREATION_SECONDS = 600
_LET_GO_SECONDS = 30  # until AWS deletes a change set that it was still creating
_SHELL_SECONDS = 10


if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import ListHookResultsInputTypeDef, OperationEventTypeDef


@dataclass(frozen=True)
class Detail:
    """One property that changes; `before` and `after` are `None` where AWS does not tell."""

    property: str
    before: str | None
    after: str | None
    recreates: str  # Never | Conditionally | Always
    cause: str  # the resource or parameter that the new value comes from, if any


@dataclass(frozen=True)
class Change:
    """What happens to one resource."""

    action: str  # Add | Modify | Remove | Import | Dynamic
    logical_id: str
    type: str
    physical_id: str
    replacement: str  # True | False | Conditional, empty unless modified
    policy: str  # Delete, Retain, ReplaceAndDelete, …; empty where AWS does not tell
    scope: tuple[str, ...]  # Properties, Tags, …
    details: tuple[Detail, ...]

    @property
    def replaces(self) -> bool:
        """It is made anew for certain, or may be."""
        if self.action == "Dynamic":  # AWS cannot tell beforehand what it will do
            return self.replacement != "False"
        told = self.replacement in ("True", "Conditional") or self.policy.startswith("Replace")
        return self.action == "Modify" and told


@dataclass(frozen=True)
class ChangeSet:
    """A change set as reviewed."""

    arn: str
    stack_arn: str
    stack_name: str
    status: str
    execution_status: str
    reason: str
    changes: tuple[Change, ...]
    parameters: dict[str, str]
    tags: dict[str, str]
    mode: str = ""  # REVERT_DRIFT, or nothing

    @property
    def empty(self) -> bool:
        """No changes, by AWS's own verdict: an empty list alone may still change outputs."""
        return self.status == "FAILED" and any(text in self.reason for text in _NO_CHANGES)


def unique_name() -> str:
    """Unique, starts with a letter, sorts by time."""
    return f"fraud-cfn-{clock.utc():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


@contextmanager
def pending(
    cloudformation: CloudFormationClient, stack_name: str, request: dict[str, Any], console: Console
) -> Generator[_Pending]:
    """A new change set that is deleted at the end, with the empty stack it brought, unless it was
    executed or kept; also when Ctrl-C hits while AWS is still creating it."""
    one = _Pending(cloudformation, stack_name, unique_name(), request.get("ChangeSetType") == "CREATE")
    try:
        one.create(request)
        yield one
    finally:
        if not one.settled:
            with undisturbed():
                if behind := one.discard(console):
                    one.left = {"now": behind}
                    console.warn(behind)
                    clean = f"aws cloudformation describe-stacks --region {REGION} --stack-name {stack_name}"
                    interrupts.declare(Standing(behind, f"see it: {clean}", changed=True))


class _Pending:
    """A change set between its creation and its execution."""

    def __init__(self, cloudformation: Any, stack_name: str, name: str, new_stack: bool) -> None:
        self._cloudformation = cloudformation
        self._stack_name = stack_name
        self._name = name
        self._new_stack = new_stack
        self.arn = ""
        self.settled = False  # executed, or kept on purpose
        self.left: dict[str, str] = {}  # for JSON: what of it stays behind, once it was given up

    def create(self, request: dict[str, Any]) -> None:
        asked = {"StackName": self._stack_name, "ChangeSetName": self._name, "ClientToken": self._name}
        try:
            self.arn = self._cloudformation.create_change_set(**asked, **request)["Id"]
        except ClientError as error:
            code, said = code_of(error), message_of(error)
            if code == "AlreadyExistsException" and "ChangeSet" in said:
                # An earlier try of this very call arrived although its answer got lost.
                self.arn = _describe(self._cloudformation, self._name, StackName=self._stack_name).arn
            elif code in _REJECTED:
                raise ChangeSetError(f"CloudFormation does not take the change set: {said}") from error
            else:
                raise

    def discard(self, console: Console) -> str:
        """Delete it, waiting until AWS lets it go; what stays behind and why, empty if nothing does. Never
        hides what made us give it up."""
        kinds = [(f"the change set {self._name}", self._delete, _LET_GO_SECONDS)]
        if self._new_stack:
            kinds.append((f"the empty stack {self._stack_name}", self._delete_shell, _SHELL_SECONDS))
        for what, delete, seconds in kinds:
            try:
                until(
                    lambda delete=delete: delete() or None,
                    console,
                    what=what,
                    timeout=seconds,
                    next_step="",
                    pace=clock.Pace(first=1, most=1),
                )
            except TimedOutError:
                return f"{what} stays behind: AWS still works on it"
            except DeployError as error:
                return f"{what} stays behind: {error.message}"
        return ""

    def _delete(self) -> bool:
        """Whether it is gone."""
        address = (
            {"ChangeSetName": self.arn}
            if self.arn
            else {
                "ChangeSetName": self._name,
                "StackName": self._stack_name,
            }
        )
        try:
            self._cloudformation.delete_change_set(**address)
        except ClientError as error:
            if code_of(error) in ("InvalidChangeSetStatus", "InvalidChangeSetStatusException"):
                return False  # still being created: AWS refuses until it is done
            never_made = not self.arn and not denied(error) and not trouble.passes(error)
            if code_of(error) not in _NONE and not never_made:
                raise
        return True

    def _delete_shell(self) -> bool:
        """A CREATE change set brings an empty stack; it goes unless somebody else has a change set on it.
        Whether there is nothing more to do."""
        stack = stacks.find(self._cloudformation, self._stack_name)
        if stack is None or stack.status != "REVIEW_IN_PROGRESS":
            return True
        pages = self._cloudformation.get_paginator("list_change_sets").paginate(StackName=stack.arn)
        names = [change_set.get("ChangeSetName") for page in pages for change_set in page["Summaries"]]
        if not names:
            self._cloudformation.delete_stack(StackName=stack.arn)
        return names != [self._name]


def wait(cloudformation: Any, arn: str, console: Console) -> ChangeSet:
    """Wait until AWS has worked out the changes, then read them with property values."""

    def worked_out() -> ChangeSet | None:
        change_set = _describe(cloudformation, arn)
        return None if change_set.status in _PENDING else change_set

    try:
        plain = until(
            worked_out, console, what="the change set", timeout=_CREATION_SECONDS, next_step="run it again"
        )
    except TimedOutError as error:
        raise TimedOutError(
            "CloudFormation did not finish the change set in ten minutes", error.next_step
        ) from error
    if plain.status != "CREATE_COMPLETE" or not any(c.action != "Add" for c in plain.changes):
        return plain  # nothing that has a value before
    valued = _describe(cloudformation, arn, IncludePropertyValues=True)
    known = {change.logical_id: change for change in valued.changes}
    # With values AWS leaves out resources it cannot value, and says so in the reason only.
    return replace(plain, changes=tuple(known.get(c.logical_id, c) for c in plain.changes))


def reviewed(cloudformation: Any, arn: str, stack_name: str, account: str, console: Console) -> ChangeSet:
    """An existing change set that is to be executed as it was reviewed."""
    form = _ARN.fullmatch(arn)
    if form is None:
        raise UsageError(f"{arn!r} is not the ARN of a change set", "'plan --keep' prints one")
    if (form["region"], form["account"]) != (REGION, account):
        raise UsageError(
            f"that change set is of account {form['account']} in {form['region']}, and this is {account} in "
            f"{REGION}",
            "use the credentials that it was planned with",
        )
    try:
        change_set = wait(cloudformation, arn, console)
    except DeployError as error:
        if code_of(error.__cause__) in (*_NONE, "ValidationError"):
            raise ChangeSetError(f"the change set {arn} is gone", "plan again") from error
        raise
    if change_set.stack_name != stack_name:
        raise UsageError(
            f"that change set is for {change_set.stack_name}, not {stack_name}", "name its environment"
        )
    if change_set.mode:
        raise RefusedError(
            f"that change set is made to {change_set.mode}: it would set back what ECS and scaling have set",
            "plan again: what is made here reverts no drift",
        )
    if change_set.execution_status != "AVAILABLE":
        raise ChangeSetError(
            f"the change set cannot be executed any more ({change_set.execution_status}"
            f"{': ' + change_set.reason if change_set.reason else ''})",
            "the stack has changed since; plan again",
        )
    return change_set


def executing(cloudformation: Any, arn: str) -> bool:
    """Whether the change set is being executed, or was."""
    return _describe(cloudformation, arn).execution_status in ("EXECUTE_IN_PROGRESS", "EXECUTE_COMPLETE")


class Findings(NamedTuple):
    """What early validation and hooks found about a change set, one line each."""

    failures: list[str]
    warnings: list[str]
    unseen: str  # why AWS did not tell; empty where it did


def findings(cloudformation: CloudFormationClient, change_set: ChangeSet) -> Findings:
    """What was found; where the caller may not ask, why not: a missing permission never hides the cause."""
    unseen = ""
    failures: dict[str, None] = {}  # in AWS's order, each once
    warnings: dict[str, None] = {}
    try:
        for page in cloudformation.get_paginator("describe_events").paginate(ChangeSetName=change_set.arn):
            for event in page["OperationEvents"]:
                kind = event.get("EventType")
                if kind == "VALIDATION_ERROR":
                    into = warnings if event.get("ValidationFailureMode") == "WARN" else failures
                    into[_finding(event)] = None
                elif kind == "HOOK_INVOCATION_ERROR":
                    into = warnings if event.get("HookFailureMode") == "WARN" else failures
                    into[_hook(event.get("HookType"), event.get("HookStatusReason"))] = None
    except trouble.UNANSWERED as error:
        unseen = trouble.words(error)
    if not failures and _HOOKS in change_set.reason:
        failures = dict.fromkeys(_failed_hooks(cloudformation, change_set.arn))
    return Findings(list(failures), list(warnings), unseen)


def _finding(event: OperationEventTypeDef) -> str:
    where = event.get("LogicalResourceId", "")
    path = event.get("ValidationPath", "")
    why = event.get("ValidationStatusReason", event.get("ValidationName", ""))
    return f"{where}: {why}{f' at {path}' if path else ''}"


def _hook(name: str | None, reason: str | None) -> str:
    return f"{name or 'a hook'}: {reason or 'it gives no reason'}"


def _failed_hooks(cloudformation: CloudFormationClient, arn: str) -> list[str]:
    """Why hooks rejected a change set: of those that look at change sets only their results tell it."""
    found: list[str] = []
    asked: ListHookResultsInputTypeDef = {"TargetType": "CHANGE_SET", "TargetId": arn}
    try:
        while True:
            page = cloudformation.list_hook_results(**asked)
            found += [
                _hook(result.get("TypeName"), result.get("HookStatusReason"))
                for result in page.get("HookResults", ())
                if "FAILED" in result.get("Status", "") and result.get("FailureMode") != "WARN"
            ]
            if not (token := page.get("NextToken")):
                return found
            asked["NextToken"] = token
    except trouble.UNANSWERED:
        return found


def _describe(cloudformation: Any, arn: str, **options: Any) -> ChangeSet:
    """Every page of DescribeChangeSet."""
    first: dict[str, Any] | None = None
    changes: list[Change] = []
    token: dict[str, str] = {}
    while first is None or token:
        page = cloudformation.describe_change_set(ChangeSetName=arn, **options, **token)
        first = first or page
        changes += [_change(c["ResourceChange"]) for c in page.get("Changes", ()) if "ResourceChange" in c]
        token = {"NextToken": page["NextToken"]} if page.get("NextToken") else {}
    return ChangeSet(
        arn=first["ChangeSetId"],
        stack_arn=first["StackId"],
        stack_name=first["StackName"],
        status=first["Status"],
        execution_status=first.get("ExecutionStatus", ""),
        reason=first.get("StatusReason", ""),
        changes=tuple(changes),
        parameters={
            p["ParameterKey"]: p.get("ParameterValue", "")
            for p in first.get("Parameters", ())
            if "ParameterKey" in p
        },
        tags={t["Key"]: t["Value"] for t in first.get("Tags", ())},
        mode=first.get("DeploymentMode", ""),
    )


def _change(change: dict[str, Any]) -> Change:
    return Change(
        action=change["Action"],
        logical_id=change["LogicalResourceId"],
        type=change.get("ResourceType", ""),
        physical_id=change.get("PhysicalResourceId", ""),
        replacement=change.get("Replacement", ""),
        policy=change.get("PolicyAction", ""),
        scope=tuple(change.get("Scope", ())),
        details=_details(change.get("Details", ())),
    )


def _details(details: Any) -> tuple[Detail, ...]:
    """One per property: AWS repeats a property for its static and its dynamic evaluation."""
    found: dict[str, Detail] = {}
    for one in details:
        target = one.get("Target", {})
        path = target.get("Path", "").removeprefix("/Properties/").replace("/", ".")
        name = path or target.get("Name") or target.get("Attribute", "")
        detail = Detail(
            name,
            target.get("BeforeValue"),
            target.get("AfterValue"),
            target.get("RequiresRecreation", "Never"),
            one.get("CausingEntity", ""),
        )
        before = found.get(name)
        found[name] = _merged(before, detail) if before else detail
    return tuple(found.values())


def _merged(one: Detail, other: Detail) -> Detail:
    """The most that either evaluation knows, and the worse of what they fear."""
    return Detail(
        one.property,
        one.before if one.before is not None else other.before,
        one.after if one.after is not None else other.after,
        max(one.recreates, other.recreates, key=("Never", "Conditionally", "Always").index),
        one.cause or other.cause,
    )
