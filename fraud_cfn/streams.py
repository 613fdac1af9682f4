"""Standard streams that cannot fail: in any encoding, closed, full, or with nobody at the other end.

Losing the reader never changes what a command does, nor its exit code.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import sys
from typing import TextIO, cast

# For the environment of a Python process whose pipes are read and written as UTF-8, whatever the locale.
UTF8 = {"PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8"}

_HANDLER = "fraud-cfn"
_PLAIN = {
    "±": "+-",
    "→": "->",
    "»": ">",
    "·": "-",
    "…": "...",
    "–": "-",
    "─": "-",
    "▶": ">",
    "“": '"',
    "”": '"',
    "’": "'",
}


def prepare() -> None:
    """Open what was closed (`>&-`, `<&-`) to nowhere, so that no file or connection of ours takes its
    number; let every letter be written, in whatever encoding."""
    codecs.register_error(_HANDLER, _replaced)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            _to_nowhere(number)
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
        os.set_blocking(number, True)  # a parent's event loop may have left it otherwise
    for stream in (sys.stdout, sys.stderr):
        _reconfigure(stream, _HANDLER)
    _reconfigure(sys.stdin, "replace")


def survive() -> None:
    """As `prepare`; moreover nothing that is printed can fail."""
    prepare()
    sys.stdout, sys.stderr = cast("TextIO", Stream(sys.stdout)), cast("TextIO", Stream(sys.stderr))


def _reconfigure(stream: TextIO, errors: str) -> None:
    if reconfigure := getattr(stream, "reconfigure", None):  # not of a stream that a test puts there
        reconfigure(errors=errors)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """Our own signs as ASCII, other letters by their number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(_PLAIN.get(letter) or _escaped(letter) for letter in letters), error.end


def _escaped(letter: str) -> str:
    if 0x2800 <= ord(letter) <= 0x28FF:  # the spinner's
        return "*"
    return letter.encode("ascii", "backslashreplace").decode("ascii")


def _to_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)


class Stream:
    """A stream to write to. `gone`: nothing arrives any more; `lost` says why, unless nobody reads on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.gone = False
        self.lost = ""

    @property
    def encoding(self) -> str:
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        try:
            return self._stream.isatty()
        except (OSError, ValueError):
            return False

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError) as error:
            self._silence(error)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            self._silence(error)

    def _silence(self, error: Exception) -> None:
        """Write into nothing from here on, also at exit."""
        self.gone = True
        if isinstance(error, OSError) and error.errno not in (errno.EPIPE, None):
            self.lost = (error.strerror or "it cannot be written").lower()
        with contextlib.suppress(OSError, ValueError):
            _to_nowhere(self._stream.fileno())
