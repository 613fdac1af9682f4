"""Ctrl-C (and a CI's SIGTERM) at a moment of our choosing, and what it means there."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass(frozen=True)
class Standing:
    """What is true if the command ends now. Who changes something declares it before and after; the top of
    the command tells it, whatever ended the command early."""

    words: str  # "TapStackdev goes on"
    next_step: str = ""  # a step that helps from there
    changed: bool = False  # by this run
    goes_on: bool = False  # AWS is at work, and stays so without us


UNTOUCHED = Standing("nothing was changed")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_standing = UNTOUCHED


def begin() -> None:
    """Treat SIGTERM and a closed terminal like Ctrl-C, so that a cancelled CI job cleans up too; nothing was
    changed so far."""
    declare(UNTOUCHED)
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # under nohup it is ignored, and stays so
            signal.signal(number, _raise)


def declare(standing: Standing) -> None:
    """From here on this is what an early end means."""
    global _standing
    _standing = standing


def declared() -> Standing:
    return _standing


@contextmanager
def undisturbed() -> Generator[None]:
    """Hold signals back while something must be finished; one that came is raised afterwards."""
    came: list[int] = []
    try:
        heeded = [s for s in _SIGNALS if signal.getsignal(s) is not signal.SIG_IGN]
        before = {s: signal.signal(s, lambda number, _: came.append(number)) for s in heeded}
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


def _raise(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
