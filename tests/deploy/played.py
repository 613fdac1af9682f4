"""Finds the commands that a text advises, and makes of each the command line that a user would type."""

from __future__ import annotations

import re
import shlex

from fraud_cfn.deploy.make import arguments

_COMMAND = re.compile(r"make ([a-z-]+)((?: [A-Z_]+=(?:'(?:[^']|'\"'\"')*'|[^\s;,)]+))+)")


def advised(text: str) -> list[list[str]]:
    """Of each `make VERB ENV=…` in the lines that advise, in order and each once, the command line."""
    found: dict[tuple[str, ...], None] = {}
    for line in text.splitlines():
        if (
            re.match(r"(next|back|later|again): |  → |warning: ", line)
            or re.search("; (its log|now): ", line)
            or "→" in line
        ):
            for verb, variables in _COMMAND.findall(line):
                given = dict(word.split("=", 1) for word in shlex.split(variables))
                found[tuple(arguments(verb, {**given, "FRAUD_TYPED": " ".join(given)}))] = None
    return [list(command) for command in found]


def the(text: str, *wanted: str) -> list[str]:
    """The one advised command that has each of the `wanted` words."""
    fitting = [command for command in advised(text) if set(wanted) <= set(command)]
    assert len(fitting) == 1, f"{wanted} in {advised(text)}\n{text}"
    return fitting[0]
