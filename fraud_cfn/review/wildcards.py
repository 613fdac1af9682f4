"""Patterns as IAM writes them: `*` any text, `?` one character, `${…}` a value that is not known yet."""

from __future__ import annotations

import re
from functools import cache
from itertools import takewhile

_SYMBOL = re.compile(r"\$\{[^}]*\}|.", re.DOTALL)
Symbols = tuple[str, ...]


def is_pattern(text: str) -> bool:
    """Whether the text stands for more than itself."""
    return any(symbol in "*?" for symbol in _symbols(text))


def covers(pattern: str, other: str) -> bool:
    """Whether everything that `other` stands for, `pattern` stands for too.

    A `${…}` equals itself only, but is within any `*`: True is certain, False may be "not known".
    """
    if pattern in ("*", other):
        return True
    start = _start(pattern)
    return start != pattern and other.startswith(start) and _covers(_symbols(pattern), _symbols(other))


def overlap(pattern: str, other: str) -> bool:
    """Whether both can stand for the same text; a `${…}` may turn out to be any: False is certain."""
    return "*" in (pattern, other) or _overlap(_symbols(pattern), _symbols(other))


@cache
def pieces(pattern: str) -> tuple[str, ...]:
    """The texts that everything which the pattern covers has within itself, between its wildcards."""
    plain = "".join("*" if symbol == "?" else symbol for symbol in _symbols(pattern))
    return tuple(dict.fromkeys(plain.split("*")))


@cache
def _symbols(text: str) -> Symbols:
    return tuple(_SYMBOL.findall(text))


@cache
def _start(pattern: str) -> str:
    """What comes before its first wildcard."""
    return "".join(takewhile(lambda symbol: symbol not in ("*", "?"), _symbols(pattern)))


def _covers(pattern: Symbols, other: Symbols) -> bool:
    # Which positions of `other` the pattern, read so far, may have reached.
    reached = {0}
    for symbol in pattern:
        if symbol == "*":
            reached = set(range(min(reached), len(other) + 1))
        elif symbol == "?":
            reached = {at + 1 for at in reached if at < len(other) and _is_one_character(other[at])}
        else:
            reached = {at + 1 for at in reached if at < len(other) and other[at] == symbol}
        if not reached:
            return False
    return len(other) in reached


def _is_one_character(symbol: str) -> bool:
    return symbol != "*" and len(symbol) == 1


def _overlap(pattern: Symbols, other: Symbols) -> bool:
    # Row by row: whether pattern[:i] and other[:j] can stand for the same text.
    row = [True]
    for symbol in other:
        row.append(row[-1] and _may_be_empty(symbol))
    for symbol in pattern:
        above, row = row, [row[0] and _may_be_empty(symbol)]
        for at, facing in enumerate(other):
            open_ended = _may_be_empty(symbol) or _may_be_empty(facing)
            meets = symbol == facing or "?" in (symbol, facing)
            row.append((above[at] and meets) or (open_ended and (above[at + 1] or row[at])))
    return row[-1]


def _may_be_empty(symbol: str) -> bool:
    """What stands for any text, the empty one included."""
    return symbol == "*" or len(symbol) > 1
