"""The command line as it was typed, so that a hint can repeat it."""

from __future__ import annotations

import os
import shlex

# Verbs that, typed again while AWS is still at it, follow it to its end and then find nothing more to do.
_FOLLOW = ("deploy", "destroy", "plan", "release", "start")
_words: tuple[str, ...] = ()


def remember(words: list[str]) -> None:
    global _words
    _words = tuple(words)


def settle(option: str, *instead: str) -> None:
    """Remember what `option` came to mean: typed again, it could mean something else by then."""
    at = _words.index(option) if option in _words else len(_words)
    remember([*_words[:at], *instead, *_words[at + 1 :]])


def kept(*options: str) -> str:
    """Of these options, which take a value or stand alone, what was typed."""
    found: list[str] = []
    for number, word in enumerate(_words):
        if word.partition("=")[0] in options:
            following = _words[number + 1 : number + 2]
            alone = "=" in word or (following and following[0].startswith("-"))
            found += [word] if alone else [word, *following]
    return shlex.join(found)


def make(verb: str, suffix: str, options: str = "") -> str:
    """How a user types that verb, with options in one text. The profile is repeated: one that stood before
    `make` would not be there the next time, and a hint must not reach another account."""
    profile = os.environ.get("AWS_PROFILE", "")
    named = f" AWS_PROFILE={shlex.quote(profile)}" if profile else ""
    return f"make {verb} ENV={suffix}{named}{f' ARGS={shlex.quote(options)}' if options else ''}"


def where() -> str:
    """The option that names an endpoint, as it was typed: a hint that leaves it out would ask another one."""
    for number, word in enumerate(_words):
        if word.partition("=")[0] == "--endpoint-url":
            return shlex.join(_words[number : number + (1 if "=" in word else 2)])
    return ""


def again(*more: str) -> str:
    """What to type to do the same with `more` words; values of parameters may be secret, and are left out."""
    verb, suffix, *options = *_words, *("",) * (2 - len(_words))
    if not suffix or suffix.startswith("-") or _secretive(options):
        return f"run it again{f' with {shlex.join(more)}' if more else ''}"
    return make(verb, suffix, shlex.join([*options, *more]))


def following(suffix: str) -> str:
    """What to type to follow what that command began: itself, where it does, else a plan."""
    verb, _, *options = *_words, *("",) * (2 - len(_words))
    if verb not in _FOLLOW or any(word.startswith("--change-set") for word in options):
        verb, options = "plan", []
    given = shlex.join(options) if options and not _secretive(options) else where()
    return make(verb, suffix, given)


def _secretive(options: list[str]) -> bool:
    return any(word.startswith("--param") for word in options)
