"""The command line as it was typed, so that a hint can repeat it."""

from __future__ import annotations

import shlex

# Verbs that, typed again while AWS is still at it, follow it to its end and then find nothing more to do.
_FOLLOW = ("deploy", "destroy", "plan", "release", "start")
_words: tuple[str, ...] = ()


def remember(words: list[str]) -> None:
    global _words
    _words = tuple(words)


def again(*more: str) -> str:
    """What to type to do the same with `more` words; values of parameters may be secret, and are left out."""
    verb, suffix, *options = *_words, *("",) * (2 - len(_words))
    if not suffix or suffix.startswith("-") or _secretive(options):
        return f"run it again{f' with {shlex.join(more)}' if more else ''}"
    given = f" ARGS={shlex.quote(shlex.join([*options, *more]))}" if options or more else ""
    return f"make {verb} ENV={suffix}{given}"


def following(suffix: str) -> str:
    """What to type to follow what that command began: itself, where it does, else a plan."""
    verb, _, *options = *_words, *("",) * (2 - len(_words))
    if verb not in _FOLLOW or any(word.startswith("--change-set") for word in options):
        return f"make plan ENV={suffix}"
    return f"make {verb} ENV={suffix}" if _secretive(options) else again()


def _secretive(options: list[str]) -> bool:
    return any(word.startswith("--param") for word in options)
