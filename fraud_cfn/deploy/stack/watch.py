"""Follows an operation to its end and shows it: one live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from fraud_cfn.deploy.account.session import explain
from fraud_cfn.deploy.errors import CredentialsError, DetachedError, TimedOutError
from fraud_cfn.deploy.stack import stacks
from fraud_cfn.deploy.stack.causes import said
from fraud_cfn.deploy.stack.events import Event, Events
from fraud_cfn.deploy.stack.stacks import Stack
from fraud_cfn.deploy.stack.statuses import in_progress
from fraud_cfn.deploy.terminal import clock
from fraud_cfn.deploy.terminal.console import Console

_HEARTBEAT = 30.0  # seconds of silence before a plain line says that it still goes on
_QUIET = 20.0  # seconds without an event after which the stack itself is asked
_LOST = 60.0  # seconds after which a stack that rests is taken to have ended without telling

_T = TypeVar("_T")


@dataclass(frozen=True)
class Ended:
    """How an operation ended; `stack` is `None` once the stack is gone without a trace."""

    stack: Stack | None
    events: tuple[Event, ...]
    seconds: float

    @property
    def status(self) -> str:
        return self.stack.status if self.stack else "DELETE_COMPLETE"


def watch(
    cloudformation: Any,
    stack: tuple[str, str],
    token: str | None,
    console: Console,
    *,
    total: int = 0,
    timeout: float = 5400,
    beside: Callable[[], str] | None = None,
) -> Ended:
    """Follow the operation that `token` began (`None`: the newest) on `stack`, a name and an ARN.

    Trouble while watching never changes the verdict: it is said, and watching goes on. `TimedOutError`,
    `DetachedError` (Ctrl-C) and `CredentialsError` say that the stack goes on without us. `beside` tells
    what else is going on; it is shown whenever it changes.
    """
    name, arn = stack
    events = Events(cloudformation, arn, token)
    show = _Show(console, total, beside)
    try:
        with console.live_line():
            ended = _until_end(cloudformation, arn, events, show, timeout)
    except KeyboardInterrupt:
        raise DetachedError(f"detached; {name} goes on", _resume(name)) from None
    if ended is None:
        raise TimedOutError(f"{name} is still at it after {clock.span(timeout)}; it goes on", _resume(name))
    return Ended(ended[0], tuple(events.all), clock.now() - show.began)


def _until_end(
    cloudformation: Any, arn: str, events: Events, show: _Show, timeout: float
) -> tuple[Stack | None] | None:
    """The stack at rest, in a tuple; `None` when time is up."""
    pace, last_news = clock.Pace(), clock.now()
    while clock.now() - show.began < timeout:
        fresh = _tolerant(events.fresh, show)
        if fresh:
            last_news = clock.now()
            pace.quicken()
        show.events(fresh or [])
        quiet = clock.now() - last_news
        if events.ended or quiet > _QUIET:
            found = _tolerant(lambda: (stacks.find(cloudformation, arn),), show)
            if found and _at_rest(found[0], ended=events.ended or quiet > _LOST):
                return found
        show.beat()
        pace.wait()
    return None


def _at_rest(stack: Stack | None, *, ended: bool) -> bool:
    return stack is None or (ended and not in_progress(stack.status))


def _tolerant(ask: Callable[[], _T], show: _Show) -> _T | None:
    """The answer, or `None` and a line about why there is none."""
    try:
        answer = ask()
    except (ClientError, BotoCoreError) as error:
        trouble = explain(error)
        if isinstance(trouble, CredentialsError) and "no permission" not in trouble.message:
            raise CredentialsError(
                f"{trouble.message} while watching; the stack goes on",
                f"{trouble.next_step}; then run it again",
            ) from error
        show.trouble(trouble.message)
        return None
    show.trouble("")
    return answer


def _resume(name: str) -> str:
    suffix = name.removeprefix("TapStack")
    return (
        f"follow it: {stacks.command('deploy', suffix)}; stop an update: {stacks.command('cancel', suffix)}"
    )


class _Show:
    """What is known so far, drawn."""

    def __init__(self, console: Console, total: int, beside: Callable[[], str] | None) -> None:
        self._console = console
        self._beside = beside
        self._said_beside = ""
        self._total = total
        self._working: dict[str, tuple[str, datetime]] = {}  # logical id → verb, since when
        self._done: set[str] = set()
        self._back = False  # it failed, and goes back
        self._trouble = ""
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
        self._console.say(
            f"{event.time:%H:%M:%S}  {event.status:<18} {event.logical_id}  {note}".rstrip(), style
        )
        self._spoke = clock.now()

    def beat(self) -> None:
        """Keep the live line, or say every 30 s that it goes on."""
        also = self._beside() if self._beside else ""
        if also and also != self._said_beside:
            self._console.say(f"          {also}", "cyan")
        self._said_beside = also
        progress = f"{len(self._done)}/{self._total}" if self._total else f"{len(self._done)} done"
        progress = "rolling back" if self._back else progress
        spent = clock.span(clock.now() - self.began)
        working = [f"{name} {verb} {self._for(since)}" for name, (verb, since) in self._working.items()]
        self._console.update(f"[ {progress}  {spent} ] {' · '.join(working)}")
        if not self._console.live and clock.now() - self._spoke >= _HEARTBEAT:
            waiting = ", ".join(working) or "AWS"
            self._console.say(f"          still going after {spent}: {progress}, waiting for {waiting}")
            self._spoke = clock.now()

    def _for(self, since: datetime) -> str:
        now = max(clock.utc(), self._latest or since)
        return clock.span(max((now - since).total_seconds(), 0))

    def trouble(self, message: str) -> None:
        """Say once that AWS cannot be asked just now, and once that it can again."""
        if message and message != self._trouble:
            self._console.warn(f"{message}; the stack goes on, watching goes on")
        elif self._trouble and not message:
            self._console.say("watching again")
        self._trouble = message
