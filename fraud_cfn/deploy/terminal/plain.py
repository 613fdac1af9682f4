"""Text that AWS or a user wrote, made fit to be shown: no control characters, one line where one is meant,
nothing that Markdown would take for its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

# Whole sequences first (ECMA-48: CSI, and the strings OSC, DCS, SOS, PM, APC up to their terminator), then
# every other character of C0 and C1 but newline and tab, and those that reorder what is read (Unicode TR 9).
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-Z\\^-~]"
)
_BREAK = re.compile("\r\n|[\u2028\u2029\x85]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
# A command to copy is one word: make's variables end with it, those of other programs at a semicolon.
_WORD = re.compile(
    r"\s*(?:make [a-z-]+(?: [A-Z_]+=(?:'[^']*'|\"[^\"]*\"|[^\s'\";,)])+)*[;,)]*"
    r"|(?:aws|docker|git|\.venv/\S+) [a-z](?:'[^']*'|[^';])*;?"
    r"|\S+)"
)
_NOT_IN_CODE = re.compile(r"[`|\\]")  # a table's cell ends at |, and the others change what \ and ` mean


def clean(text: str) -> str:
    """Without control characters and escape sequences; newlines and tabs stay."""
    return _CONTROL.sub("", _BREAK.sub("\n", _SEQUENCE.sub("", text)))


def one_line(text: str) -> str:
    """As `clean`, with every run of blanks that holds a line break made one space."""
    return re.sub(r"[ \t]*\n\s*", " ", clean(text)).strip()


def clean_data(value: Any) -> Any:
    """As `clean`, for every text within JSON's kinds of values."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        parts = cast("Mapping[Any, Any]", value)
        return {clean(str(key)): clean_data(part) for key, part in parts.items()}
    if isinstance(value, Sequence):
        return [clean_data(part) for part in cast("Sequence[Any]", value)]
    return value


def wrapped(text: str, width: int, indent: int) -> list[str]:
    """Lines of at most `width` characters, broken at spaces; all but the first are indented. A command stays
    whole, so that it can be copied, and so does a longer word, where it stands."""
    lines: list[str] = []
    line = ""
    for word in _WORD.findall(text):
        below = " " * indent + word.lstrip()
        too_wide = len(line) + len(word) > width
        if line.strip() and too_wide and (len(below) <= width or len(line) > width):
            lines.append(line)
            line = below
        else:
            line += word
    return [*lines, line] if line else lines or [""]


# ── Markdown ──


def code(text: str) -> str:
    """A value as Markdown shows it letter by letter, also within a table; empty for none."""
    shown = one_line(text)
    if not shown:
        return ""
    if not _NOT_IN_CODE.search(shown):
        return f"`{shown}`"
    letters = re.sub(r"[^\w .,;=/-]", lambda sign: f"&#{ord(sign[0])};", shown)
    return f"<code>{letters}</code>"


def fenced(text: str) -> str:
    """Lines as Markdown shows them letter by letter."""
    shown = clean(text)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", shown)), default=0))
    return f"{fence}text\n{shown}\n{fence}"
