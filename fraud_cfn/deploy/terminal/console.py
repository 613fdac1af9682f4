"""What a command says: progress to stderr, results to stdout.

On a terminal, colour and one live line with history above it (Rich); elsewhere, under `CI` too, plain
lines. Whatever text comes in, no control character goes out, and no line but the last one begins
like the last one. A reader that goes away never changes what the command does.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO

from fraud_cfn.deploy.errors import DeclinedError
from fraud_cfn.deploy.terminal import interrupts
from fraud_cfn.deploy.terminal.plain import clean, clean_data, one_line, wrapped
from fraud_cfn.streams import Stream

if TYPE_CHECKING:
    from rich.console import Console as Rich
    from rich.status import Status

Line = tuple[str, str]  # style, text

_LAST = re.compile(r"^(?=result=)", re.MULTILINE)
_HEAD = re.compile(r"(\w{1,8}(: +|  +))? *(→ )?")  # what further parts of a line stand below
_BEGIN = re.compile(r"^(?=.)", re.MULTILINE)  # of each line that is not empty
_BADGE = "[local] "  # begins each line where the local endpoint answered
_UNBOUNDED = 10_000  # columns where there is no terminal


class Console:
    """Writes lines; styles are Rich's ("bold red") and vanish where there is no terminal."""

    def __init__(self, *, color: bool = True, form: str = "text", stdin: TextIO | None = None) -> None:
        self.form = form  # of what goes to stdout: text | json | markdown
        self.local = False  # every line, and every JSON document, says so
        self._results = form == "text"
        self._out, self._err = Stream(sys.stdout), Stream(sys.stderr)
        self._stdin = stdin or sys.stdin
        plain = _on("CI") or os.environ.get("TERM") == "dumb"
        self.live = self._err.isatty() and not plain
        self._color = color and not plain and not os.environ.get("NO_COLOR")
        self._rich: dict[Stream, Rich] = {}
        self._status: Status | None = None
        self._told_lost = False

    def say(self, text: str = "", style: str = "") -> None:
        """Progress, for people, to stderr."""
        self._write(self._err, text, style)

    def warn(self, text: str) -> None:
        self.say(f"warning: {text}", "yellow")

    def result(self, text: str, style: str = "", *, below: int = 0) -> None:
        """What was asked for, as text, to stdout; on a narrow terminal it goes on in column `below`."""
        if self._results:
            self._write(self._out, text, style, below=below)

    def verbatim(self, text: str) -> None:
        """As `result`, of somebody else's words: no line break is put into them."""
        if self._results:
            self._write(self._out, text, "", wrap=False)

    def document(self, text: str) -> None:
        """What was asked for, as Markdown, to stdout."""
        said = "**This is the local endpoint.**\n\n" if self.local else ""
        self._write(self._out, said + text, "", badge=False)

    def json(self, content: Mapping[str, Any], *, indent: int | None = 2) -> None:
        """What was asked for, as JSON, to stdout: in ASCII, which every encoding holds."""
        whole = {**content, **({"local": True} if self.local else {})}
        self._write(
            self._out, json.dumps(clean_data(whole), indent=indent, default=_as_text), "", badge=False
        )

    def last(self, text: str) -> None:
        """The last line, `result=…`: to stdout, or to stderr where stdout holds a document."""
        whole = f"{text} local=true" if self.local else text
        self._write(self._out if self._results else self._err, whole, "", last=True)

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
        """Put `text` on the live line; nothing where there is none. Of parts joined by ` · ` those that do
        not fit are counted, not cut."""
        if self._status is not None:
            from rich.text import Text

            self._status.update(Text(self._badge + fitting(one_line(text), self.width() - 4)))

    def width(self, *, result: bool = False) -> int:
        """Columns that results, or progress, may fill on the terminal that they go to."""
        stream = self._out if result else self._err
        if not stream.isatty() or _on("CI"):
            return _UNBOUNDED
        return self._terminal(stream).width - len(self._badge)

    @property
    def nobody_reads(self) -> bool:
        """Whether what goes to stdout arrives nowhere."""
        return self._out.gone

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there to answer."""
        try:
            return self._stdin.isatty() and self._err.isatty()
        except ValueError:  # closed
            return False

    def ask(self, question: str, otherwise: str) -> str:
        """A typed answer; `DeclinedError` with `otherwise` as the next step where nobody can be asked."""
        if not self.can_ask:
            raise DeclinedError("there is no terminal to ask on", otherwise)
        self._out.flush()
        try:
            self._err.write(f"{_BEGIN.sub(self._badge, _shown(question))} ")
            self._err.flush()
            return self._stdin.readline().strip()
        except KeyboardInterrupt:
            self._err.write("\n")  # what is said of it stands on a line of its own
            raise
        except OSError as error:  # the terminal is gone
            raise DeclinedError("there is no terminal to ask on any more", otherwise) from error

    def confirm(self, question: str, *, yes: bool, otherwise: str) -> None:
        """Go on only after a yes; `DeclinedError` otherwise."""
        if yes:
            return
        if self.ask(f"{question} [y/N]", otherwise).lower() not in ("y", "yes"):
            so_far = "" if interrupts.declared().changed else f"; {interrupts.UNTOUCHED.words}"
            raise DeclinedError(f"declined{so_far}")

    @property
    def _badge(self) -> str:
        return _BADGE if self.local else ""

    def _write(
        self,
        stream: Stream,
        text: str,
        style: str,
        *,
        last: bool = False,
        badge: bool = True,
        wrap: bool = True,
        below: int = 0,
    ) -> None:
        shown = clean(text) if last else _shown(text)
        if stream.isatty() and wrap and badge and not last:
            shown = _folded(shown, self.width(result=stream is self._out), below)
        if badge and not last:
            shown = _BEGIN.sub(self._badge, shown)
        if stream.isatty():
            from rich.text import Text

            # The terminal breaks long words and commands: what is copied from it stays in one piece.
            self._terminal(stream).print(Text(shown, style), soft_wrap=True)
        else:
            stream.write(f"{shown}\n")
            stream.flush()
        if self._out.lost and not self._told_lost:
            self._told_lost = True
            self.warn(f"stdout cannot be written any more ({self._out.lost}); this changes nothing else")

    def _terminal(self, stream: Stream) -> Rich:
        if stream not in self._rich:
            from rich.console import Console as Rich

            # pyright knows no way to say that a stream is enough of an IO[str]
            self._rich[stream] = Rich(
                file=stream,  # pyright: ignore[reportArgumentType]
                no_color=not self._color,
                emoji=False,
                markup=False,
                highlight=False,
            )
            if not self._rich[stream].width:  # COLUMNS=0: nothing would be shown
                self._rich[stream].width = 80
        return self._rich[stream]


def _folded(text: str, width: int, below: int) -> str:
    """Its lines broken at spaces, further parts indented."""
    return "\n".join(part for line in text.split("\n") for part in _parts(line, width, below))


def _parts(line: str, width: int, below: int) -> list[str]:
    if len(line) <= width:
        return [line]
    head = _HEAD.match(line)
    return wrapped(line, width, below or (head.end() if head else 0) or 4)


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _shown(text: str) -> str:
    """Harmless, and never taken for the last line."""
    return _LAST.sub(" ", clean(text))


def _on(variable: str) -> bool:
    """Whether a switch in the environment is set, and not to a word for no."""
    return os.environ.get(variable, "").strip().lower() not in ("", "0", "false", "no", "off")


def fitting(text: str, width: int) -> str:
    """Of parts joined by ` · `, as many as fit, and how many more there are."""
    parts = text.split(" · ")
    for kept in range(len(parts), 0, -1):
        more = f" · +{len(parts) - kept}" if kept < len(parts) else ""
        line = f"{' · '.join(parts[:kept])}{more}"
        if len(line) <= width:
            return line
    return text[: max(width, 1)]
