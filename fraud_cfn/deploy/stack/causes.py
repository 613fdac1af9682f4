"""Why an operation failed: the first failure that is not a consequence of another."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from fraud_cfn.deploy.stack.events import Event

_CONSEQUENCE = re.compile(r"cancell?ed|The following resource\(s\) failed", re.IGNORECASE)
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

    @property
    def failures(self) -> tuple[Failure, ...]:
        """All that failed for a reason of their own, the cause first."""
        return (self.first, *self.others) if self.first else ()


def causes(events: Iterable[Event]) -> Causes:
    """From an operation's events, in any order."""
    failed = sorted(
        (e for e in events if e.status.endswith("_FAILED") and not e.of_stack), key=lambda e: e.time
    )
    own: dict[str, Failure] = {}
    cancelled: dict[str, None] = {}
    for event in failed:
        if _CONSEQUENCE.search(event.reason):
            cancelled[event.logical_id] = None
        elif event.logical_id not in own:
            own[event.logical_id] = Failure(event.logical_id, event.type, event.status, said(event.reason))
    first, *others = own.values() or (None,)
    return Causes(first, tuple(o for o in others if o), tuple(one for one in cancelled if one not in own))


def said(reason: str) -> str:
    """The service's message out of CloudFormation's wrapping."""
    wrapped = _HANDLER.match(reason)
    return _SERVICE.sub("", wrapped["said"] if wrapped else reason).strip()


_ADVICE = (
    (r"circuit breaker|failed to (start|stabili[sz]e)|tasks? failed|did not stabili[sz]e", "{diagnose}"),
    (
        r"already exists",
        "something outside this stack has that name: delete or rename it (a leftover of another deployment?)",
    ),
    (
        r"not authorized|AccessDenied|is not allowed",
        "the deployer, or --role-arn's role, lacks that permission",
    ),
    (r"service.linked role", "aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com"),
    (r"limit|quota|maximum number", "ask for more in Service Quotas, or delete what is not needed"),
    (r"Cannot find version|engine version", "another minor version: --param DatabaseEngineVersion=17.…"),
    (r"not empty", "{destroy}"),
    (
        r"Secrets Manager|resolve:secretsmanager",
        "check that the secret and its keys exist, then deploy again",
    ),
)


def advice(reason: str) -> str:
    """What to do about a reason that is known; empty for one that is not. `{verb}` stands for a command."""
    return next((text for pattern, text in _ADVICE if re.search(pattern, reason, re.IGNORECASE)), "")
