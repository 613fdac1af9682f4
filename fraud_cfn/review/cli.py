"""Predict what deploying AFTER over BEFORE does, offline.

Exit codes: 0 reviewed · 1 a class named in --fail-on occurs · 2 something cannot be read.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from fraud_cfn.review.as_json import document
from fraud_cfn.review.judge import CLASSES
from fraud_cfn.review.model import TemplateError, read
from fraud_cfn.review.review import review
from fraud_cfn.review.schemas import SchemasError

_CLASSES = CLASSES[1:]


class _UsageError(Exception):
    """What was asked cannot be done, in one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except (TemplateError, SchemasError, _UsageError) as error:
        print(f"review: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fraud_cfn.review",
        description="Predict what deploying AFTER over BEFORE does: nothing is asked of AWS.",
        epilog="Exit codes: 0 reviewed, 1 a class named in --fail-on occurs, 2 something cannot be read.",
    )
    parser.add_argument("before", metavar="BEFORE", help="the template as it is deployed")
    parser.add_argument("after", metavar="AFTER", help="the template as it would be")
    parser.add_argument("--format", choices=("text", "markdown", "json"), default="text")
    parser.add_argument(
        "--param",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a value the stack has (repeatable)",
    )
    parser.add_argument(
        "--fail-on", default="", metavar="CLASS,…", help=f"exit 1 where one occurs: {', '.join(_CLASSES)}"
    )
    return parser


def _run(options: argparse.Namespace) -> int:
    failing = _classes(options.fail_on)
    values = _values(options.param)
    before, after = read(Path(options.before)), read(Path(options.after))
    reviewed = review(before, after, values)
    print(json.dumps(document(reviewed), indent=2, ensure_ascii=False))
    return 1 if reviewed.classes & failing else 0


def _classes(text: str) -> set[str]:
    named = {name.strip() for name in text.split(",") if name.strip()}
    unknown = sorted(named - set(_CLASSES))
    if unknown:
        raise _UsageError(f"--fail-on knows no class {', '.join(unknown)}: it knows {', '.join(_CLASSES)}")
    return named


def _values(given: Sequence[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise _UsageError(f"--param takes NAME=VALUE, not {item!r}")
        values[name] = value
    return values
