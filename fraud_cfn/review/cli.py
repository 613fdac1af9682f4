"""Predict what deploying AFTER over BEFORE does, offline.

Without files: the committed template against another revision, for each environment that has a file.
Exit codes: 0 reviewed · 1 a class named in --fail-on occurs · 2 something cannot be read.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence

from fraud_cfn.config import COMMITTED
from fraud_cfn.review.as_json import document
from fraud_cfn.review.changes import CLASSES, worst
from fraud_cfn.review.model import Template, TemplateError, read
from fraud_cfn.review.parameters import misfit
from fraud_cfn.review.report import as_markdown, as_text
from fraud_cfn.review.review import Review, review
from fraud_cfn.review.revisions import BASES, RevisionError, template_at
from fraud_cfn.review.schemas import SchemasError
from fraud_cfn.review.settings import Settings, settings
from fraud_cfn.template import constraints, environments
from fraud_cfn.template.environments import EnvironmentFileError

_CLASSES = CLASSES[1:]


class _UsageError(Exception):
    """What was asked cannot be done, in one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except (TemplateError, SchemasError, RevisionError, EnvironmentFileError, _UsageError) as error:
        print(f"review: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fraud_cfn.review",
        description="Predict what deploying AFTER over BEFORE does: nothing is asked of AWS.",
        epilog="Without files, the committed template is compared with --base, also with the values of each"
        " file in environments/. Exit codes: 0 reviewed, 1 a class named in --fail-on occurs, 2 something"
        " cannot be read.",
    )
    parser.add_argument("before", metavar="BEFORE", nargs="?", help="the template as it is deployed")
    parser.add_argument("after", metavar="AFTER", nargs="?", help="the template as it would be")
    parser.add_argument("--base", metavar="REV", help=f"default: {BASES[0]}, else {BASES[1]}")
    parser.add_argument("--format", choices=("text", "markdown", "json"), default="text")
    parser.add_argument(
        "--param",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a value the stack has (repeatable)",
    )
    parser.add_argument(
        "--fail-on",
        action="append",
        default=[],
        metavar="CLASS,…",
        help=f"exit 1 where one occurs: {', '.join(_CLASSES)}",
    )
    return parser


def _run(options: argparse.Namespace) -> int:
    failing = _classes(options.fail_on)
    values = _values(options.param)
    before, after, each = _sides(options)
    for name, value in values.items():
        if not name.startswith("AWS::") and name not in {**before.parameters, **after.parameters}:
            raise _UsageError(f"--param names {name!r}, which neither template has as a parameter")
        declared = [side.parameters.get(name, {}) for side in (before, after)]
        misfits = [misfit(declaration, value) for declaration in declared]
        if all(misfits):  # what only one of them refuses is judged
            shown = constraints.shown(declared[1], value)
            raise _UsageError(f"--param {name}: no stack has {shown}: {misfits[1]}")
    reviewed = review(before, after, values)
    by_environment = {
        suffix: review(before, after, {**known.values, **values}, {**known.given, **values}, known.tags)
        for suffix, known in each.items()
    }
    print(_written(options.format, reviewed, by_environment), end="", flush=True)
    if lost := getattr(sys.stdout, "lost", ""):
        raise _UsageError(f"what was found cannot be written: {lost}")
    occurring = reviewed.classes.union(*(found.classes for found in by_environment.values()))
    return 1 if occurring & failing else 0


def _sides(options: argparse.Namespace) -> tuple[Template, Template, Mapping[str, Settings]]:
    """Both templates, and what is known of each environment."""
    if options.before is not None:
        if options.after is None or options.base is not None:
            raise _UsageError("give BEFORE and AFTER, two files, or neither and --base REV")
        return read(options.before), read(options.after), {}
    after = read(COMMITTED)
    revision, before = template_at(options.base, COMMITTED)
    files = environments.read_all()
    if wrong := [problem for file in files for problem in environments.problems(file, after.parameters)]:
        raise EnvironmentFileError(wrong)
    return before, after, settings(files, revision)


def _written(form: str, reviewed: Review, each: Mapping[str, Review]) -> str:
    if form == "json":
        answer = document(reviewed)
        if each:
            answer["environments"] = {suffix: document(found) for suffix, found in each.items()}
            answer["verdict"] = worst([reviewed.verdict, *(found.verdict for found in each.values())])
        return json.dumps(answer, indent=2, ensure_ascii=False) + "\n"
    if form == "markdown":
        return as_markdown(reviewed, each)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    return as_text(reviewed, each, width)


def _classes(given: Sequence[str]) -> set[str]:
    named: set[str] = set()
    for text in given:
        names = {name.strip() for name in text.split(",") if name.strip()}
        if not names:  # a CI's empty variable would let everything pass
            raise _UsageError(f"--fail-on names no class: it knows {', '.join(_CLASSES)}")
        named |= names
    if unknown := sorted(named - set(_CLASSES)):
        raise _UsageError(f"--fail-on knows no class {', '.join(unknown)}: it knows {', '.join(_CLASSES)}")
    return named


def _values(given: Sequence[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise _UsageError(f"--param takes NAME=VALUE, not {item!r}")
        if values.setdefault(name, value) != value:
            raise _UsageError(f"--param says {name} twice, with two values: say it once")
    return values
