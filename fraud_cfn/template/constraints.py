"""Which values a template's parameters take, as CloudFormation judges them.

Source: CloudFormation User Guide, "Parameters section syntax": a pattern must match the whole value; of a
`CommaDelimitedList` pattern and allowed values hold for each item; lengths are for `String`, least and most
for `Number`. What only an account can tell (the AWS-specific types, SSM) is left to AWS.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

Declaration = Mapping[str, Any]  # one parameter: Type, Default, AllowedPattern, …
Declared = Mapping[str, Declaration]  # a template's Parameters

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_SHOWN = 100  # characters of a value
NUMBER_FORM = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


def text(value: Any) -> str:
    """A value of a template as CloudFormation takes it: text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(map(text, value))
    return "" if value is None else str(value)


def is_list(declaration: Declaration) -> bool:
    """Whether the parameter takes several values, written with commas between them."""
    return str(declaration.get("Type", "")).startswith(("CommaDelimitedList", "List<"))


def is_number(declaration: Declaration) -> bool:
    return declaration.get("Type") in ("Number", "List<Number>")


def is_hidden(declaration: Declaration) -> bool:
    """Whether its values may not be shown (`NoEcho`)."""
    return text(declaration.get("NoEcho")) == "true"


def shown(declaration: Declaration, value: str) -> str:
    """The value in quotes, for a message: its beginning where it is long, none of a `NoEcho` parameter."""
    if is_hidden(declaration):
        return "the value given (NoEcho: not shown)"
    return repr(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…")


def misfit(declaration: Declaration, value: str) -> str:
    """What the parameter's own constraints say against the value; empty if nothing."""
    if not is_list(declaration):
        return _misfit(declaration, value)
    return next(filter(None, (_misfit(declaration, item.strip()) for item in value.split(","))), "")


def advice(declaration: Declaration) -> str:
    """What the template says of the values it takes."""
    return declaration.get("ConstraintDescription") or declaration.get("Description") or "correct the value"


def unknown(name: str, declared: Declared) -> tuple[str, str]:
    """What is said of a parameter that the template lacks, and what to do."""
    close = nearest(name, declared)
    hint = f"did you mean {close}?" if close else f"it has {', '.join(sorted(declared))}"
    return f"the template has no parameter {name!r}", hint


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant; letters' case and - _ between words do not count."""
    by_form = {_form(candidate): candidate for candidate in names}
    close = difflib.get_close_matches(_form(name), by_form, n=1, cutoff=0.7)
    return by_form[close[0]] if close else None


def _form(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


def _misfit(declaration: Declaration, value: str) -> str:
    allowed = [text(choice) for choice in declaration.get("AllowedValues") or ()]
    if allowed and value not in allowed:
        return f"it must be one of {', '.join(allowed)}"
    if not _matches(declaration.get("AllowedPattern"), value):
        return f"it must match {declaration['AllowedPattern']}"
    if is_number(declaration):
        return _number_misfit(declaration, value)
    least, most = int(declaration.get("MinLength", 0)), int(declaration.get("MaxLength", 4096))
    return "" if least <= len(value) <= most else f"it must have {least} to {most} characters"


def _matches(pattern: str | None, value: str) -> bool:
    """By Python, whose patterns are nearly Java's; one that only Java knows is left to CloudFormation."""
    try:
        return pattern is None or re.fullmatch(pattern, value, re.ASCII) is not None
    except re.error:
        return True


def _number_misfit(declaration: Declaration, value: str) -> str:
    if not _NUMBER.fullmatch(value):
        return "it must be a number"
    least, most = (text(declaration.get(bound)) for bound in ("MinValue", "MaxValue"))
    if float(least or "-inf") <= float(value) <= float(most or "inf"):
        return ""
    return "it must be " + " and ".join(
        filter(None, (least and f"at least {least}", most and f"at most {most}"))
    )
