"""Why an operation failed: the first failure that is not a consequence of another."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from fraud_cfn.config import REGION
from fraud_cfn.deploy.stack.events import Event

# CloudFormation's own words for what it gave up because something else failed; "cancelled" elsewhere in a
# reason is a service's word about something of its own.
_CONSEQUENCE = re.compile(
    r"Resource \w+ cancell?ed\.?|The following resource\(s\) failed to .*", re.IGNORECASE | re.DOTALL
)
_HOOKS = re.compile(r"hook\(s\) failed", re.IGNORECASE)
_HANDLER = re.compile(
    r'^Resource handler returned message: "(?P<said>.*?)"?\s*'
    r"\(RequestToken: [^,)]*(?:, HandlerErrorCode: (?P<code>\w+))?\)\s*$",
    re.DOTALL,
)
_SERVICE = re.compile(r"\s*\(Service: [^()]*; Status Code: [^()]*\)|\s*\(Service: [^()]*\)")


@dataclass(frozen=True)
class Failure:
    """One resource that failed, in the service's own words, without CloudFormation's wrapping."""

    logical_id: str
    type: str
    status: str
    reason: str


@dataclass(frozen=True)
class Causes:
    """`first` is `None` where no resource failed (a rollback that was asked for)."""

    first: Failure | None
    others: tuple[Failure, ...]  # failed for a reason of their own
    cancelled: tuple[str, ...]  # logical ids given up as a consequence
    known: bool = True  # `False` where the events could not be read

    @property
    def failures(self) -> tuple[Failure, ...]:
        """All that failed for a reason of their own, the cause first."""
        return (self.first, *self.others) if self.first else ()


def causes(events: Iterable[Event]) -> Causes:
    """From an operation's events, in any order; why a rollback failed, where it is that which failed."""
    in_order = sorted(events, key=lambda event: event.time)
    known = bool(in_order)  # an operation has one event at least: the stack's own
    failed = [event for event in _of_rollback(in_order) or in_order if _has_failed(event)]
    own: dict[str, Failure] = {}
    cancelled: dict[str, None] = {}
    for event in failed or [event for event in in_order if event.of_stack and _HOOKS.search(event.reason)]:
        if _CONSEQUENCE.fullmatch(event.reason.strip()):
            cancelled[event.logical_id] = None
        elif event.logical_id not in own:
            reason = said(event.reason)
            if _HOOKS.search(reason):
                reason = "\n".join([reason, *_hooks(in_order, event.logical_id)])
            own[event.logical_id] = Failure(event.logical_id, event.type, event.status, reason)
    first, *others = own.values() or (None,)
    given_up = tuple(name for name in cancelled if name not in own)
    return Causes(first, tuple(other for other in others if other), given_up, known)


def _hooks(in_order: list[Event], logical_id: str) -> list[str]:
    """What each hook said that rejected it."""
    said = (event.hook for event in in_order if event.logical_id == logical_id and event.hook)
    return list(dict.fromkeys(said))


def _has_failed(event: Event) -> bool:
    return event.status.endswith("_FAILED") and not event.of_stack


def _of_rollback(in_order: list[Event]) -> list[Event]:
    """The events of a rollback that failed; empty where none failed, or none of its resources did."""
    own = [number for number, event in enumerate(in_order) if event.of_stack]
    if not own or not in_order[own[-1]].status.endswith("ROLLBACK_FAILED"):
        return []
    begins = [n for n in own if in_order[n].status.endswith("ROLLBACK_IN_PROGRESS")]
    rollback = in_order[begins[-1] :] if begins else []
    return rollback if any(_has_failed(event) for event in rollback) else []


def said(reason: str) -> str:
    """The service's message out of CloudFormation's wrapping."""
    wrapped = _HANDLER.match(reason)
    return _SERVICE.sub("", wrapped["said"] if wrapped else reason).strip()


# The first that fits counts: what is narrower stands first.
_ADVICE = (
    (
        (
            r"contact AWS Support|currently blocked|is being validated|needs a subscription"
            r"|not subscribed to this service"
        ),
        "AWS itself holds this account back (new, unpaid or suspended?): its owner asks AWS Support",
    ),
    (
        r"Mfa Authentication must be used",
        "the bucket has MfaDelete on: who holds the MFA device turns it off",
    ),
    (
        r"explicit deny in a",
        "one more permission does not help: whoever keeps the policy that denies it must except this",
    ),
    (r"denied by stack policy", "the stack's own policy forbids it: who set it can let this through"),
    (
        r"is invalid or cannot be assumed",
        "make that role again, trusted by cloudformation.amazonaws.com; then run this again",
    ),
    (
        r"ChangeSet limit exceeded",
        f"delete change sets nobody needs: aws cloudformation list-change-sets --region {REGION}",
    ),
    (r"state and can ?not be updated|Stack \[\S+\] does not exist", "it changed meanwhile: run it again"),
    (
        r"Access Denied for bucket",
        "its policy must let the load balancer write, and S3's own keys encrypt it: docs/access-logs.md",
    ),
    (
        r"KMS key .*(not enabled|disabled|pending deletion)|KMS.*NotAccessible",
        "enable the key (aws kms enable-key), or cancel its deletion first (aws kms cancel-key-deletion)",
    ),
    (r"marked for deletion|scheduled for deletion", "aws secretsmanager restore-secret --secret-id NAME"),
    (r"Capacity is unavailable", "AWS has no capacity in these zones just now: run it again later"),
    (r"(?-i:RESOURCE:|AGENT\b)", "ECS found no room for the task: run it again later"),
    (r"circuit breaker|failed to (start|stabili[sz]e)|tasks? failed|did not stabili[sz]e", "{diagnose}"),
    (
        r"already exists|name is not available",
        "something outside this stack has that name (kept by a destroy?): save what it holds, then delete it",
    ),
    (
        r"not authorized|AccessDenied|is not allowed",
        "the deployer, or --role-arn's role, lacks that permission",
    ),
    (
        r"permission to create service.linked role",  # RDS's own words
        "aws iam create-service-linked-role --aws-service-name rds.amazonaws.com",
    ),
    (r"service.linked role", "aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com"),
    (
        (
            r"LimitExceeded|quota|maximum number|(?<!time )(?<!memory )\blimit\b.{0,40}(exceeded|reached)"
            r"|(exceed\w*|reached|hit)\b.{0,40}(?<!time )(?<!memory )\blimit"
        ),
        "ask for more in Service Quotas, or delete what is not needed",
    ),
    (
        r"Cannot (find version|upgrade)|engine version",
        "another minor version: --param DatabaseEngineVersion=17.…",
    ),
    (
        r"not empty",
        "empty it yourself if what is in it may go; else keep the resource in the template",
    ),
    (
        r"Secrets Manager|resolve:secretsmanager",
        "check that the secret and its keys exist, then deploy again",
    ),
)


def advice(reason: str) -> str:
    """What to do about a reason that is known; empty for one that is not. `{verb}` stands for a command."""
    return next((text for pattern, text in _ADVICE if re.search(pattern, reason, re.IGNORECASE)), "")
