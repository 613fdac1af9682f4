"""The only place where a command waits or reads the time; tests put a clock of their own here."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime


def now() -> float:
    """Seconds of a clock that never goes back."""
    return time.monotonic()


def utc() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


def sleep(seconds: float) -> None:
    """Wait; Ctrl-C ends it."""
    time.sleep(seconds)


class Pace:
    """Waits between polls: short at first, longer while nothing happens, jittered so that parallel
    commands do not poll in step."""

    def __init__(self, first: float = 0.5, most: float = 10.0) -> None:
        self._first = self._next = first
        self._most = most

    def wait(self) -> None:
        sleep(self._next * random.uniform(0.8, 1.2))  # noqa: S311
        self._next = min(self._next * 1.4, self._most)

    def quicken(self) -> None:
        """Something happened: look again soon."""
        self._next = max(self._first, self._next / 2)


class Deadline:
    """A moment so many seconds from now."""

    def __init__(self, seconds: float) -> None:
        self._at = now() + seconds

    @property
    def left(self) -> float:
        """Seconds until then; 0 once it is over."""
        return max(self._at - now(), 0)


def ago(then: datetime | None, now: datetime) -> str:
    """`1m12s ago`; empty for no time."""
    return f"{span(max((now - then).total_seconds(), 0))} ago" if then else ""


def span(seconds: float) -> str:
    """`48s`, `1m12s`, `1h02m`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"
