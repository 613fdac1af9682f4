"""`make VERB ENV=dev …`: make's variables as the command's options.

They come as environment variables, so that no shell reads them: `ARGS` is split as a shell would, and
nothing in it is run. `FRAUD_TYPED` names those that stand on make's own command line.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Mapping

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the command begins, Ctrl-C ends it without a word

from fraud_cfn import streams
from fraud_cfn.deploy.cli import main, refuse
from fraud_cfn.deploy.errors import UsageError

# Which verb has which variable besides ENV and ARGS.
OPTIONS = {
    "logs": {"SERVICE": "--service"},
    "release": {"SERVICE": "--service", "TAG": "--tag", "BACK": "--back"},
    "run-job": {"COMMAND": "--command"},
    "start": {"BACK": "--back"},
}
_FLAGS = ("BACK",)
_INHERITED = ("ENV", "SERVICE", "TAG")  # may come from make's environment too, as a CI sets them
_ALL = ("ENV", "SERVICE", "TAG", "BACK", "COMMAND", "ARGS")


def arguments(verb: str, environment: Mapping[str, str]) -> list[str]:
    """The command line; `UsageError` for a variable that the verb does not have, or none for ENV."""
    typed = environment.get("FRAUD_TYPED", "").split()
    said = {name: environment.get(name, "") for name in _ALL if name in typed or name in _INHERITED}
    options = OPTIONS.get(verb, {})
    for name in typed:
        if name in _ALL and name not in ("ENV", "ARGS", *options):
            raise UsageError(
                f"{verb} has no {name}", f"leave it out; it has {', '.join(['ENV', *options, 'ARGS'])}"
            )
    suffix = said["ENV"].strip()
    if not suffix or suffix.startswith("-"):
        raise UsageError("which environment?", f"say it: make {verb} ENV=dev")
    flags = [option for name, option in options.items() if name in _FLAGS and _is_on(said.get(name))]
    if flags and "TAG" not in typed:
        said["TAG"] = ""  # a CI's variable does not stand in the way
    values = [
        f"{option}={said[name]}"  # typed without a value, it is refused, and not taken for no option at all
        for name, option in options.items()
        if name not in _FLAGS and (said.get(name) or name in typed)
    ]
    try:
        more = shlex.split(said.get("ARGS", ""))
    except ValueError as error:
        raise UsageError(f"ARGS cannot be split into words ({error})", "close the quotes in it") from error
    return [verb, suffix, *values, *flags, *more]


def _is_on(value: str | None) -> bool:
    return (value or "").casefold() not in ("", "0", "no", "false")


def _main() -> int:
    streams.prepare()
    verb = sys.argv[1]
    try:
        line = arguments(verb, os.environ)
    except UsageError as error:
        return refuse(error, [verb, os.environ.get("ENV", ""), *os.environ.get("ARGS", "").split()])
    return main(line)


if __name__ == "__main__":
    sys.exit(_main())
