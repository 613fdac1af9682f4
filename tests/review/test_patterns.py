"""Patterns are compared as languages: here against every short text."""

from __future__ import annotations

import re
from itertools import product

import pytest

from fraud_cfn.review.patterns import widens

TEXTS = ["".join(text) for length in range(4) for text in product("ab1_ \n", repeat=length)] + [
    "7",
    "z",
    "é",
    "aaaa",
]
PATTERNS = (
    "",
    "a",
    "^a$",
    r"\Aa\Z",
    "b|a",
    "(a|b)$",
    "^a$|^b$",
    "a|",
    "[ab]",
    "[^a]",
    "[^b-z]",
    "[a-b1]",
    ".",
    r"[\n]",
    "[^\n]",
    r"\d",
    r"\D",
    r"[\d_]",
    r"\w",
    r"\W",
    r"\s",
    r"\S",
    r"[^\W\d]",
    "a?",
    "a??",
    "a*",
    "(?:a|b)*",
    "a+?",
    "a{2}",
    "a{1,3}",
    "a{2,}",
    "a{0}",
    "(ab)?1",
    "(a(b|1)){1,2}",
    "a.b",
    "é",
    "(?P<name>a)b",
)
# Look-around, references, flags, what never gives back, and anchors with something before or behind them.
INCOMPARABLE = (
    "(?=a)a",
    "(?!b).",
    r"(a)\1",
    "(?i)a",
    "(?i:a)",
    "a*+b",
    "(?>a*)b",
    r"\ba",
    "a^",
    "$a",
    "(a$)*",
    "(^a)+",
    "(",
    "a{99999}",
)


@pytest.mark.parametrize("before", PATTERNS)
def test_a_pattern_is_wider_where_it_takes_a_text_that_the_other_does_not(before: str) -> None:
    taken = {text for text in TEXTS if re.fullmatch(before, text, re.ASCII)}
    wider = {
        after for after in PATTERNS if any(t not in taken and re.fullmatch(after, t, re.ASCII) for t in TEXTS)
    }
    assert {after for after in PATTERNS if widens(before, after)} == wider
    assert all(widens(before, after) is not None for after in PATTERNS)


@pytest.mark.parametrize("pattern", INCOMPARABLE)
def test_what_is_no_regular_language_is_not_compared(pattern: str) -> None:
    assert widens(pattern, "b") is None
    assert widens("b", pattern) is None


def test_no_pattern_takes_everything() -> None:
    assert widens("a", None) is True
    assert widens(None, "a") is widens(None, None) is False
