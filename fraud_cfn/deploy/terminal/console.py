"""What a command says: progress to stderr, results to stdout.

On a terminal, colour and one live line with history above it (Rich); elsewhere, under `CI` too, plain
lines. A reader that goes away (a closed pipe) never changes what the command does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, TextIO

from fraud_cfn.deploy.errors import DeclinedError

Line = tuple[str, str]  # style, text


class Console:
    """Writes lines; styles are Rich's ("bold red") and vanish where there is no terminal."""

    def __init__(self, *, color: bool = True, results: bool = True, stdin: TextIO | None = None) -> None:
        self._results = results  # False where stdout is to hold one document, JSON or Markdown
        self._out, self._err = sys.stdout, sys.stderr  # Rich puts others there while a line is live
        self._stdin = stdin or sys.stdin
        self.live = self._err.isatty() and not os.environ.get("CI")
        self._color = color and "NO_COLOR" not in os.environ and not os.environ.get("CI")
        self._rich: dict[TextIO, Any] = {}
        self._status: Any = None

    def say(self, text: str = "", style: str = "") -> None:
        """Progress, for people, to stderr."""
        self._write(self._err, text, style)

    def warn(self, text: str) -> None:
        self.say(f"warning: {text}", "yellow")

    def result(self, text: str, style: str = "") -> None:
        """What was asked for, as text, to stdout."""
        if self._results:
            self._write(self._out, text, style)

    def document(self, text: str) -> None:
        """What was asked for, as JSON or Markdown, to stdout."""
        self._write(self._out, text, "")

    def lines(self, lines: list[Line], *, result: bool = False) -> None:
        for style, text in lines:
            (self.result if result else self.say)(text, style)

    @contextmanager
    def live_line(self) -> Generator[None]:
        """Room for `update`, where there is a terminal."""
        if not self.live:
            yield
            return
        with self._terminal(self._err).status("", spinner="dots") as self._status:
            try:
                yield
            finally:
                self._status = None

    def update(self, text: str) -> None:
        """Put `text` on the live line; nothing where there is none."""
        if self._status is not None:
            from rich.text import Text

            self._status.update(Text(text[: self.width - 4]))

    @property
    def width(self) -> int:
        return self._terminal(self._err).width if self.live else 10_000

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there to answer."""
        return self._stdin.isatty() and self._err.isatty()

    def ask(self, question: str, otherwise: str) -> str:
        """A typed answer; `DeclinedError` with `otherwise` as the next step where nobody can be asked."""
        if not self.can_ask:
            raise DeclinedError("there is no terminal to ask on", otherwise)
        self._flush(self._out)
        self._err.write(f"{question} ")
        self._flush(self._err)
        return self._stdin.readline().strip()

    def confirm(self, question: str, *, yes: bool, otherwise: str) -> None:
        """Go on only after a yes; `DeclinedError` otherwise."""
        if yes:
            return
        if self.ask(f"{question} [y/N]", otherwise).lower() not in ("y", "yes"):
            raise DeclinedError("declined; nothing was changed")

    def _write(self, stream: TextIO, text: str, style: str) -> None:
        try:
            if stream.isatty():
                # The terminal wraps, not Rich: what is copied from it stays in one piece.
                self._terminal(stream).print(
                    text, style=style or None, markup=False, highlight=False, soft_wrap=True
                )
            else:
                stream.write(f"{text}\n")
                stream.flush()
        except (BrokenPipeError, ValueError):
            _silence(stream)

    def _flush(self, stream: TextIO) -> None:
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):
            _silence(stream)

    def _terminal(self, stream: TextIO) -> Any:
        if stream not in self._rich:
            from rich.console import Console as Rich

            self._rich[stream] = Rich(file=stream, no_color=not self._color)
        return self._rich[stream]


def _silence(stream: TextIO) -> None:
    """Nobody reads any more: write into nothing from here on, also at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    except (OSError, ValueError):
        pass
    finally:
        os.close(nowhere)
