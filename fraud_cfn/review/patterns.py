"""Which of two parameter patterns allows more, decided as languages and not as text.

CloudFormation matches a pattern against the whole value. A pattern with look-around, back-references, flags
or possessive repeats cannot be compared: then `widens` says None.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

# The standard library's own parser of patterns, which has no public name.
_parser: Any = import_module("re._parser")

_MOST_STATES = 4_000
_MOST_STEPS = 20_000
_LAST = 0x10FFFF
_CATEGORIES = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_WORD": r"\w",
}

Ranges = tuple[tuple[int, int], ...]


class _UnfitError(Exception):
    """The pattern has something that is no regular language."""


@dataclass
class _Automaton:
    """States with ranges of characters that lead on, and moves that take no character."""

    moves: list[list[tuple[Ranges, int]]] = field(default_factory=list)
    free: list[list[int]] = field(default_factory=list)

    def state(self) -> int:
        if len(self.moves) >= _MOST_STATES:
            raise _UnfitError
        self.moves.append([])
        self.free.append([])
        return len(self.moves) - 1

    def closure(self, states: Iterable[int]) -> frozenset[int]:
        found = set(states)
        waiting = list(found)
        while waiting:
            for state in self.free[waiting.pop()]:
                if state not in found:
                    found.add(state)
                    waiting.append(state)
        return frozenset(found)

    def step(self, states: frozenset[int], character: int) -> frozenset[int]:
        return self.closure(
            target
            for state in states
            for ranges, target in self.moves[state]
            if any(first <= character <= last for first, last in ranges)
        )


def widens(before: str | None, after: str | None) -> bool | None:
    """Whether AFTER allows a value that BEFORE does not; None of a pattern: anything goes."""
    if after is None:
        return before is not None
    if before is None:
        return False
    try:
        return not _is_within(after, before)
    except (_UnfitError, re.error, RecursionError, OverflowError):
        return None


def _is_within(inner: str, outer: str) -> bool:
    """Whether everything that `inner` matches is matched by `outer` too."""
    one, another = _Automaton(), _Automaton()
    starts = [_build(automaton, pattern) for automaton, pattern in ((one, inner), (another, outer))]
    (start, end), (other_start, other_end) = starts
    characters = _representatives((one, another))
    first = (one.closure([start]), another.closure([other_start]))
    seen, waiting = {first}, [first]
    while waiting:
        states, others = waiting.pop()
        if end in states and other_end not in others:
            return False
        for character in characters:
            reached = one.step(states, character)
            if not reached:
                continue
            pair = (reached, another.step(others, character))
            if pair not in seen:
                if len(seen) > _MOST_STEPS:
                    raise _UnfitError
                seen.add(pair)
                waiting.append(pair)
    return True


def _representatives(automata: Iterable[_Automaton]) -> list[int]:
    """One character of each kind that the patterns tell apart."""
    bounds = {0}
    for automaton in automata:
        for moves in automaton.moves:
            for ranges, _ in moves:
                for first, last in ranges:
                    bounds |= {first, last + 1}
    return sorted(bound for bound in bounds if bound <= _LAST)


def _build(automaton: _Automaton, pattern: str) -> tuple[int, int]:
    parsed = _parser.parse(pattern)
    if parsed.state.flags != re.UNICODE:
        raise _UnfitError
    start = automaton.state()
    return start, _append(automaton, start, list(parsed), first=True, last=True)


def _append(
    automaton: _Automaton, start: int, items: list[tuple[Any, Any]], *, first: bool, last: bool
) -> int:
    """Append what the items match after a state; the state behind them.

    `first` and `last`: nothing of the pattern stands before them, or behind them.
    """
    for position, (operator, argument) in enumerate(items):
        begins, ends = first and position == 0, last and position == len(items) - 1
        start = _one(automaton, start, str(operator), argument, begins, ends)
    return start


def _one(automaton: _Automaton, start: int, operator: str, argument: Any, first: bool, last: bool) -> int:
    if operator == "AT" and (
        (first and str(argument) in ("AT_BEGINNING", "AT_BEGINNING_STRING"))
        or (last and str(argument) in ("AT_END", "AT_END_STRING"))
    ):
        return start
    if operator == "SUBPATTERN":
        _, *flags, items = argument
        if any(flags):
            raise _UnfitError
        return _append(automaton, start, list(items), first=first, last=last)
    if operator == "BRANCH":
        end = automaton.state()
        for branch in argument[1]:
            automaton.free[_append(automaton, start, list(branch), first=first, last=last)].append(end)
        return end
    if operator in ("MAX_REPEAT", "MIN_REPEAT"):
        return _repeated(automaton, start, *argument)
    end = automaton.state()
    automaton.moves[start].append((_ranges(operator, argument), end))
    return end


def _repeated(automaton: _Automaton, start: int, least: int, most: Any, items: Any) -> int:
    for _ in range(least):
        start = _append(automaton, start, list(items), first=False, last=False)
    if most == _parser.MAXREPEAT:
        loop = automaton.state()
        automaton.free[start].append(loop)
        automaton.free[_append(automaton, loop, list(items), first=False, last=False)].append(loop)
        return loop
    end = automaton.state()
    automaton.free[start].append(end)
    for _ in range(int(most) - least):
        start = _append(automaton, start, list(items), first=False, last=False)
        automaton.free[start].append(end)
    return end


def _ranges(operator: str, argument: Any) -> Ranges:
    if operator == "LITERAL":
        return ((argument, argument),)
    if operator == "NOT_LITERAL":
        return _without(((argument, argument),))
    if operator == "ANY":
        return _without(((10, 10),))
    if operator == "IN":
        negated = bool(argument) and str(argument[0][0]) == "NEGATE"
        parts = [part for kind, value in argument[negated:] for part in _member(str(kind), value)]
        return _without(tuple(parts)) if negated else tuple(parts)
    raise _UnfitError


def _member(kind: str, value: Any) -> Ranges:
    if kind == "LITERAL":
        return ((value, value),)
    if kind == "RANGE":
        return (tuple(value),)
    if kind == "CATEGORY":
        name = str(value)
        inner = _category(name.replace("_NOT_", "_"))
        return _without(inner) if "_NOT_" in name else inner
    raise _UnfitError


def _category(name: str) -> Ranges:
    """ASCII, as in Java, whose patterns CloudFormation uses."""
    form = _CATEGORIES.get(name)
    if form is None:
        raise _UnfitError
    return tuple((code, code) for code in range(128) if re.fullmatch(form, chr(code), re.ASCII))


def _without(ranges: Ranges) -> Ranges:
    """Every other character."""
    found: list[tuple[int, int]] = []
    following = 0
    for first, last in sorted(ranges):
        if first > following:
            found.append((following, first - 1))
        following = max(following, last + 1)
    if following <= _LAST:
        found.append((following, _LAST))
    return tuple(found)
