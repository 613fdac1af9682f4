"""Follows an operation to its end and shows it: one live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from fraud_cfn.deploy.account import trouble
from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.stack import stacks
from fraud_cfn.deploy.stack.causes import said
from fraud_cfn.deploy.stack.events import Event, Events
from fraud_cfn.deploy.stack.stacks import Stack
from fraud_cfn.deploy.stack.statuses import BEING_CREATED, BEING_UPDATED, GONE, in_progress
from fraud_cfn.deploy.stack.waiting import Tolerance, until
from fraud_cfn.deploy.terminal import clock, interrupts, typed
from fraud_cfn.deploy.terminal.console import Console
from fraud_cfn.deploy.terminal.interrupts import Standing

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

_HEARTBEAT = 30.0  # seconds of silence before a plain line says that it still goes on
_QUIET = 20.0  # seconds without an event after which the stack itself is asked
_LOST = 60.0  # seconds after which a stack that rests is taken to have ended without telling
_WIDEST = len("UPDATE_ROLLBACK_COMPLETE")  # of the statuses that a resource ends in
_USUAL = len("UPDATE_COMPLETE")
_NARROW = 80  # columns below which the usual statuses have to do
_BESIDE = 20.0  # seconds between two looks at what else is going on


@dataclass(frozen=True)
class Ended:
    """How an operation ended; `stack` is `None` once the stack is gone without a trace."""

    stack: Stack | None
    events: tuple[Event, ...]
    seconds: float

    @property
    def status(self) -> str:
        return self.stack.status if self.stack else GONE


def watch(
    session: Session,
    stack: tuple[str, str],
    token: str | None,
    console: Console,
    *,
    total: int = 0,
    timeout: float = 5400,
    beside: Callable[[], str] | None = None,
    resume: str,
) -> Ended:
    """Follow the operation that `token` began (`None`: the newest) on `stack`, a name and an ARN.

    Trouble while watching never changes the verdict: it is said, and watching goes on. `TimedOutError` and
    `CredentialsError` say that the stack goes on without us, and so does what is declared for Ctrl-C.
    `beside` tells what else is going on; it is shown whenever it changes, and its trouble never. `resume` is
    how to go on or back.
    """
    name, arn = stack
    cloudformation = session.client("cloudformation")
    before = interrupts.declared()
    changed = before.changed or token is not None
    interrupts.declare(Standing(f"{name} goes on", resume, changed=changed, goes_on=True))
    events = Events(cloudformation, arn, token)
    show = _Show(console, total, beside, session.now)
    with console.live_line():
        ended = until(
            _Look(cloudformation, arn, events, show),
            console,
            what=name,
            timeout=timeout,
            next_step=resume,
            pace=show.pace,
        )
    result = Ended(ended.stack, tuple(events.all), clock.now() - show.began)
    status = f"{name} is {result.status}"
    suffix = name.removeprefix("TapStack")
    deleted = result.status.startswith("DELETE")
    step = stacks.destroying(suffix) if deleted else stacks.command("status", suffix)
    interrupts.declare(Standing(status, step, changed=True) if changed else before)
    return result


def row(status: str, logical_id: str, width: int = _WIDEST) -> str:
    """A resource's status and name, in columns."""
    return f"{status:<{width}}  {logical_id}"


_STOPS = {BEING_CREATED: "stop and delete it", BEING_UPDATED: "stop the update"}


def resuming(name: str, status: str, follow: str = "") -> str:
    """How to follow what goes on and, where AWS can be told to, how to stop it."""
    suffix = name.removeprefix("TapStack")
    stop = f"; {_STOPS[status]}: {stacks.command('cancel', suffix)}" if status in _STOPS else ""
    deleting = status == "DELETE_IN_PROGRESS"
    again = stacks.destroying(suffix) if deleting else typed.following(suffix)
    return f"{follow or f'follow it: {again}'}{stop}"


@dataclass(frozen=True)
class _Rest:
    """The stack as it rests; `None` once it is gone without a trace."""

    stack: Stack | None


class _Look:
    """One look a poll: at the events and, once they end or are silent, at the stack itself."""

    def __init__(self, cloudformation: CloudFormationClient, arn: str, events: Events, show: _Show) -> None:
        self._cloudformation = cloudformation
        self._arn = arn
        self._events = events
        self._show = show
        self._tolerance = Tolerance(show.console, "the stack")
        self._last_news = clock.now()
        self._at_the_stack = False  # while all is quiet, each second look is

    def __call__(self) -> _Rest | None:
        quiet = clock.now() - self._last_news
        self._at_the_stack = quiet > _QUIET and not self._at_the_stack
        if not self._at_the_stack and (fresh := self._tolerance.ask(self._events.fresh, whatever=True)):
            self._last_news = clock.now()
            self._show.pace.quicken()
            self._show.events(fresh)
        rest = None
        if self._at_the_stack or self._events.ended:
            rest = self._tolerance.ask(
                lambda: _Rest(stacks.find(self._cloudformation, self._arn)), whatever=True
            )
        self._show.beat()
        if rest and (rest.stack is None or self._rests(rest.stack, quiet)):
            return rest
        return None

    def _rests(self, stack: Stack, quiet: float) -> bool:
        return (self._events.ended or quiet > _LOST) and not in_progress(stack.status)


class _Show:
    """What is known so far, drawn."""

    def __init__(
        self,
        console: Console,
        total: int,
        beside: Callable[[], str] | None,
        now: Callable[[], datetime],
    ) -> None:
        self.console = console
        self._now = now  # by AWS's clock, as the events are
        self.pace = clock.Pace()
        self._beside = beside
        self._said_beside = ""
        self._looked_beside = -_BESIDE
        self._total = total
        self._working: dict[str, tuple[str, datetime]] = {}  # logical id → verb, since when
        self._done: set[str] = set()
        self._back = False  # it failed, and goes back
        self._latest: datetime | None = None
        self.began = self._spoke = clock.now()

    def events(self, fresh: list[Event]) -> None:
        """Take them in; say each that ends something, with how long it took, and each of the stack's."""
        for event in fresh:
            self._latest = max(self._latest or event.time, event.time)
            if event.of_stack:
                self._back = self._back or "ROLLBACK" in event.status
                self._line(event, "")
            elif in_progress(event.status):
                self._working.setdefault(event.logical_id, (event.status.split("_")[0], event.time))
            else:
                _, since = self._working.pop(event.logical_id, ("", None))
                self._done.add(event.logical_id)
                self._line(event, clock.span((event.time - since).total_seconds()) if since else "")

    def _line(self, event: Event, took: str) -> None:
        failed = event.status.endswith("_FAILED")
        style = "red" if failed else "yellow" if "ROLLBACK" in event.status else ""
        note = said(event.reason) if failed or "ROLLBACK" in event.status else took
        # The stack's own statuses are longer, and have no column: its name comes first.
        width = _USUAL if self.console.width() < _NARROW else _WIDEST
        what = row(event.status, event.logical_id, width)
        what = f"{event.logical_id}  {event.status}" if event.of_stack else what
        self.console.say(f"{event.time:%H:%M:%S}Z  {what}  {note}".rstrip(), style)
        self._spoke = clock.now()

    def beat(self) -> None:
        """Keep the live line, or say every 30 s that it goes on."""
        self._say_beside()
        progress = f"{len(self._done)}/{self._total}" if self._total else f"{len(self._done)} done"
        progress = "rolling back" if self._back else progress
        spent = clock.span(clock.now() - self.began)
        working = [f"{name} {verb} {self._for(since)}" for name, (verb, since) in self._working.items()]
        self.console.update(f"[ {progress}  {spent} ] {' · '.join(working)}")
        if not self.console.live and clock.now() - self._spoke >= _HEARTBEAT:
            waiting = ", ".join(working) or "AWS"
            self.console.say(f"           still going after {spent}: {progress}, waiting for {waiting}")
            self._spoke = clock.now()

    def _say_beside(self) -> None:
        if self._beside is None or clock.now() - self._looked_beside < _BESIDE:
            return
        self._looked_beside = clock.now()
        try:
            also = self._beside()
        except trouble.UNANSWERED:
            return
        if also and also != self._said_beside:
            self.console.say(f"           {also}", "cyan")
        self._said_beside = also

    def _for(self, since: datetime) -> str:
        now = max(self._now(), self._latest or since)
        return clock.span(max((now - since).total_seconds(), 0))
