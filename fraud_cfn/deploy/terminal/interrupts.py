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
_came = False  # a signal, which was raised
_held = False  # signals are held back


def begin() -> None:
    """Treat SIGTERM and a closed terminal like Ctrl-C, so that a cancelled CI job cleans up too; nothing was
    changed so far."""
    global _came
    _came = False
    declare(UNTOUCHED)
    for number in _SIGNALS:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):  # ignored under nohup
            signal.signal(number, _raise)


def heed() -> None:
    """Raise a signal's interruption once more: one that arrives within some library's C code may be lost
    there. Called within each wait."""
    if _came and not _held:
        raise KeyboardInterrupt


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
    global _held
    outer, _held = _held, True
    try:
        yield
    finally:
        _held = outer
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt


def _raise(_number: int, _frame: FrameType | None) -> None:
    global _came
    _came = True
    raise KeyboardInterrupt
