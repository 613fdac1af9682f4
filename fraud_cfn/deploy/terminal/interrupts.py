"""Ctrl-C (and a CI's SIGTERM) at a moment of our choosing."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


def terminate_as_interrupt() -> None:
    """Treat SIGTERM like Ctrl-C, so that a cancelled CI job cleans up too."""
    signal.signal(signal.SIGTERM, _raise)


@contextmanager
def undisturbed() -> Generator[None]:
    """Hold signals back while something must be finished; one that came is raised afterwards."""
    came: list[int] = []
    try:
        before = {s: signal.signal(s, lambda number, _: came.append(number)) for s in _SIGNALS}
    except ValueError:  # not the main thread: no signal arrives here anyway
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _raise(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
