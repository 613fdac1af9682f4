"""The command behind generate.py.

Exit codes: 0 done, or up to date · 1 `--check` found the file stale · 2 wrong use, a broken builder, or
a file that cannot be read or written.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from fraud_cfn import streams
from fraud_cfn.config import COMMITTED, ENVIRONMENT_SCHEMA

STALE, REFUSED = 1, 2
FORMATS = ("yaml", "json")


class GenerationError(Exception):
    """One line for the user: what is wrong and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    streams.prepare()
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except GenerationError as error:
        print(f"generate.py: {error}", file=sys.stderr)
        return REFUSED


def generate(form: str = "yaml") -> tuple[str, str]:
    """The rendered template and the schema of environment files; `GenerationError` where a builder is
    broken, with the place."""
    if not __doc__:  # they become the template's comments and labels
        raise GenerationError("this Python drops docstrings: unset PYTHONOPTIMIZE, leave -OO out")
    # Anything may go wrong in a builder that somebody is just writing: say where, in one line.
    try:
        from fraud_cfn.platform.stack import build
        from fraud_cfn.template import schema
        from fraud_cfn.template.render import render

        stack = build()
        declared = {name: parameter.to_dict() for name, parameter in stack.template.parameters.items()}
        return render(stack, form), schema.rendered(declared)
    except Exception as error:
        raise GenerationError(f"{_place(error)}: {_said(error)}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="generate.py", description="Write the CloudFormation template from its builders in fraud_cfn/."
    )
    parser.add_argument("--format", choices=FORMATS, default="yaml", help="json is compact, for the API")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 and show a diff if the file is stale"
    )
    where.add_argument("--stdout", action="store_true", help="print the template instead")
    parser.add_argument("--output", type=Path, metavar="FILE", help=f"default: {_shown(COMMITTED)}")
    return parser


def _run(options: argparse.Namespace) -> int:
    if options.stdout and options.output:
        raise GenerationError("--stdout and --output FILE exclude each other: give one of them")
    template, schema = generate(options.format)
    if options.stdout:
        _print(template)
        return 0
    files = {options.output or COMMITTED.with_suffix(f".{options.format}"): template}
    if COMMITTED in files:
        files[ENVIRONMENT_SCHEMA] = schema
    if options.check:
        return max(_check(output, text) for output, text in files.items())
    for output, text in files.items():
        _write(output, text)
        print(f"Wrote {_shown(output)} ({len(text.encode()):,} bytes)")
    return 0


def _check(output: Path, text: str) -> int:
    try:
        committed = output.read_text(encoding="utf-8")  # however its lines end: git may have changed that
    except OSError as error:
        raise GenerationError(
            f"{_shown(output)} cannot be read ({_said(error)}): run 'make template'"
        ) from error
    except UnicodeDecodeError as error:
        raise GenerationError(f"{_shown(output)} is not UTF-8: run 'make template'") from error
    if committed == text:
        return 0
    import difflib

    _print(
        "".join(
            difflib.unified_diff(
                committed.splitlines(keepends=True),
                text.splitlines(keepends=True),
                f"{_shown(output)} (committed)",
                f"{_shown(output)} (generated)",
            )
        )
    )
    print(f"{_shown(output)} is stale: run 'make template' and commit it", file=sys.stderr)
    return STALE


def _print(text: str) -> None:
    """As UTF-8 whatever the locale; where nobody reads on (`| head`), that is no error."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    except OSError as error:
        # What is left in the buffer would fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise GenerationError(f"the output cannot be written ({_said(error)})") from error


def _write(output: Path, text: str) -> None:
    """All of it or nothing: a reader never meets half a template, and a device or folder is not replaced."""
    target = Path(os.path.realpath(output))
    temporary = target.parent / f".{target.name}.{os.getpid()}"
    try:
        if target.exists() and not target.is_file():
            raise GenerationError(f"{_shown(output)} is not a file: name another with --output")
        temporary.write_text(text, encoding="utf-8", newline="\n")
        temporary.replace(target)
    except OSError as error:
        raise GenerationError(
            f"{_shown(output)} cannot be written ({_said(error)}): name another file with --output"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _place(error: Exception) -> str:
    """The line of this project nearest to the error."""
    package = Path(__file__).parent.parent
    place, trace = "fraud_cfn", error.__traceback__
    while trace:
        file = Path(trace.tb_frame.f_code.co_filename)
        if file.is_relative_to(package) and file != Path(__file__):
            place = f"fraud_cfn/{file.relative_to(package)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _said(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    text = str(error)
    first = text.splitlines()[0] if text else ""
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _shown(path: Path) -> str:
    """From where the user stands, when that is shorter."""
    try:
        return str(Path(os.path.realpath(path)).relative_to(Path.cwd()))
    except ValueError:
        return str(path)
