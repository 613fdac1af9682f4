"""The JSON in what a command said, against docs/result.schema.json; a review's: docs/review.schema.json."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from fraud_cfn.config import ROOT

SCHEMA, REVIEW = (
    json.loads((ROOT / "docs" / f"{name}.schema.json").read_text(encoding="utf-8"))
    for name in ("result", "review")
)
_DEFINITIONS = {**SCHEMA["definitions"], **REVIEW["definitions"]}
_DOCUMENT = re.compile(r'^\{\n.*?^\}$|^\{"[^\n]*\}$', re.DOTALL | re.MULTILINE)
_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
    "null": type(None),
}


def documents(text: str) -> Iterator[dict[str, Any]]:
    """Those that stand among other lines, indented or a line each."""
    yield from (json.loads(match[0]) for match in _DOCUMENT.finditer(text))


def misfits(text: str) -> list[str]:
    """What does not fit, in every document of a text."""
    return [
        wrong
        for document in documents(text)
        for wrong in misfits_of(document, SCHEMA["definitions"]["result" if "result" in document else "line"])
    ]


def misfits_of(value: Any, schema: dict[str, Any], where: str = "") -> Iterator[str]:
    """JSON Schema, draft 7, as far as our schema uses it; another keyword is an error."""
    for keyword, wanted in schema.items():
        if keyword not in ("description", "additionalProperties"):
            yield from (f"{where}{text}" for text in _KEYWORDS[keyword](value, wanted))
    if "additionalProperties" in schema and isinstance(value, dict):
        known, more = schema.get("properties", {}), schema["additionalProperties"]
        for name in value.keys() - known.keys():
            if more is False:
                yield f"{where}{name} is not known"
            else:
                yield from misfits_of(value[name], more, f"{where}{name}/")


def _type(value: Any, wanted: str | list[str]) -> Iterator[str]:
    names = [wanted] if isinstance(wanted, str) else wanted
    if isinstance(value, bool):
        fits = "boolean" in names
    else:
        fits = any(isinstance(value, _TYPES[name]) for name in names)
    if not fits:
        yield f"{value!r} is not {wanted}"


def _properties(value: Any, wanted: dict[str, Any]) -> Iterator[str]:
    for name in wanted.keys() & (value.keys() if isinstance(value, dict) else ()):
        yield from misfits_of(value[name], wanted[name], f"{name}/")


def _items(value: Any, wanted: dict[str, Any]) -> Iterator[str]:
    for number, item in enumerate(value if isinstance(value, list) else ()):
        yield from misfits_of(item, wanted, f"{number}/")


def _said(fits: Callable[[Any, Any], bool], words: str) -> Callable[[Any, Any], Iterator[str]]:
    def judge(value: Any, wanted: Any) -> Iterator[str]:
        if not fits(value, wanted):
            yield f"{value!r} {words} {wanted!r}"

    return judge


_KEYWORDS: dict[str, Callable[[Any, Any], Iterator[str]]] = {
    "$ref": lambda value, wanted: misfits_of(value, _DEFINITIONS[wanted.rpartition("/")[2]]),
    "anyOf": _said(
        lambda value, wanted: any(not list(misfits_of(value, one)) for one in wanted), "fits none of"
    ),
    "const": _said(lambda value, wanted: value == wanted, "is not"),
    "enum": _said(lambda value, wanted: value in wanted, "is none of"),
    "items": _items,
    "minimum": _said(lambda value, wanted: not isinstance(value, int) or value >= wanted, "is less than"),
    "pattern": _said(
        lambda value, wanted: not isinstance(value, str) or re.search(wanted, value) is not None,
        "does not match",
    ),
    "properties": _properties,
    "required": _said(
        lambda value, wanted: not isinstance(value, dict) or set(wanted) <= set(value), "lacks some of"
    ),
    "type": _type,
}
