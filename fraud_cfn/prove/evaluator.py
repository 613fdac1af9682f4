"""Decides a request as IAM does, from the policies that apply to it.

Sources: IAM User Guide, "Policy evaluation logic", "IAM JSON policy elements" (Action, Resource,
Condition operators, conditions with multiple context keys or values, policy variables).
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any

from fraud_cfn.review.wildcards import covers

Document = Mapping[str, Any]
Statement = Mapping[str, Any]


class Decision(Enum):
    """What IAM answers; only ALLOWED lets the request through."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "denied by a statement"
    IMPLICIT_DENY = "allowed by no statement"


@dataclass(frozen=True)
class Request:
    """Who wants to do what on which resource; `context`: condition key → its value or values."""

    action: str
    resource: str
    principal: str = ""  # ARN of a role or user, an account, or a service such as ecs-tasks.amazonaws.com
    context: Mapping[str, str | Sequence[str]] = field(default_factory=dict)

    def values(self, key: str) -> list[str] | None:
        """The context's values of a key (its case does not matter); None where the request has none."""
        for name, value in self.context.items():
            if name.lower() == key.lower():
                return [value] if isinstance(value, str) else list(value)
        return None


def decide(
    request: Request,
    *,
    identity: Iterable[Document] = (),
    resource: Iterable[Document] = (),
    limits: Iterable[Iterable[Document]] = (),
) -> Decision:
    """Decide a request within one account.

    `identity`: the caller's policies. `resource`: those on the resource. Either may allow. `limits`: sets of
    policies each of which must allow too (a permissions boundary, an endpoint's policy). A denial in any of
    them is final.
    """
    identity, resource = list(identity), list(resource)
    limits = [list(limit) for limit in limits]
    everything = [*identity, *resource, *(document for limit in limits for document in limit)]
    if any(_applies(statement, request) for statement in _statements(everything, "Deny", request.action)):
        return Decision.EXPLICIT_DENY
    for allowing in ([*identity, *resource], *limits):
        statements = _statements(allowing, "Allow", request.action)
        if not any(_applies(statement, request) for statement in statements):
            return Decision.IMPLICIT_DENY
    return Decision.ALLOWED


def may_assume(trust: Document, request: Request) -> Decision:
    """Whether a role's trust policy alone lets a service assume it."""
    return decide(request, resource=[trust])


# ── Statements ──


def _statements(documents: Iterable[Document], effect: str, action: str) -> Iterator[tuple[Statement, bool]]:
    """Statements of that effect on an action, each with whether its document knows policy variables."""
    for document in documents:
        variables = document.get("Version") == "2012-10-17"
        for statement in _listed(document.get("Statement")):
            if statement.get("Effect") == effect and _takes(statement, action):
                yield statement, variables


def _takes(statement: Statement, action: str) -> bool:
    return _matches(statement, "Action", lambda pattern: _is_action(pattern, action))


def _applies(of: tuple[Statement, bool], request: Request) -> bool:
    statement, variables = of
    return (
        _matches(statement, "Principal", lambda named: _is_principal(named, request.principal))
        and _matches(
            statement, "Resource", lambda pattern: _is_resource(pattern, request, variables=variables)
        )
        and all(
            _condition(operator, key, _listed(values), request, variables=variables)
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _matches(statement: Statement, element: str, is_match: Callable[[str], bool]) -> bool:
    """Whether the element, or its opposite, takes the request; one that is absent does not restrict."""
    if element in statement:
        return any(is_match(text) for text in _texts(statement[element]))
    if f"Not{element}" in statement:
        return not any(is_match(text) for text in _texts(statement[f"Not{element}"]))
    return True


def _texts(value: Any) -> list[str]:
    if isinstance(value, (str, list)):
        return _listed(value)
    return [text for texts in value.values() for text in _listed(texts)]


@cache
def _is_action(pattern: str, action: str) -> bool:
    return covers(pattern.lower(), action.lower())


def _is_principal(named: str, principal: str) -> bool:
    if named in ("*", principal):
        return True
    account = re.fullmatch(r"(?:arn:[^:]*:iam::)?(\d{12})(?::root)?", named)
    return bool(account and re.match(rf"arn:[^:]*:(iam|sts)::{account[1]}:", principal))


def _is_resource(text: str, request: Request, *, variables: bool) -> bool:
    """Glob over the whole ARN: a `*` that ends a segment goes beyond its colon."""
    pattern = _read(text, request, variables=variables)
    return pattern is not None and pattern.matches(request.resource)


# ── Conditions ──

_ORDERED: dict[str, Callable[[float, float], bool]] = {
    "Equals": lambda value, wanted: value == wanted,
    "LessThan": lambda value, wanted: value < wanted,
    "LessThanEquals": lambda value, wanted: value <= wanted,
    "GreaterThan": lambda value, wanted: value > wanted,
    "GreaterThanEquals": lambda value, wanted: value >= wanted,
}


def _condition(operator: str, key: str, wanted: Sequence[Any], request: Request, *, variables: bool) -> bool:
    values = request.values(key)
    if operator == "Null":
        return (values is None) == (_said(wanted[0]) == "true")
    qualifier, _, operator = operator.rpartition(":")
    if_exists, negated = operator.endswith("IfExists"), "Not" in operator
    if not values:
        return qualifier == "ForAllValues" or (not qualifier and (if_exists or negated))
    compare = _comparison(operator.removesuffix("IfExists").replace("Not", ""))
    patterns = [_read(_said(item), request, variables=variables) for item in wanted]

    def holds(value: str) -> bool:
        # Any of the wanted values; for a negated operator none of them.
        return negated != any(pattern is not None and compare(value, pattern) for pattern in patterns)

    return any(map(holds, values)) if qualifier == "ForAnyValue" else all(map(holds, values))


def _comparison(operator: str) -> Callable[[str, Pattern], bool]:
    """How a value meets what is wanted. KeyError: no operator of IAM's."""
    if not operator.startswith(("Numeric", "Date")):
        return _COMPARISONS[operator]
    number = _moment if operator.startswith("Date") else float
    ordered = _ORDERED[operator.removeprefix("Numeric").removeprefix("Date")]
    return lambda value, wanted: ordered(number(value), number(wanted.text))


def _arn_like(value: str, wanted: Pattern) -> bool:
    """Each of the six parts by itself: a `*` does not go beyond its colon."""
    parts, patterns = value.split(":", 5), wanted.text.split(":", 5)
    return len(parts) == len(patterns) == 6 and all(map(covers, patterns, parts))


_COMPARISONS: dict[str, Callable[[str, Pattern], bool]] = {
    "StringEquals": lambda value, wanted: value == wanted.text,
    "StringEqualsIgnoreCase": lambda value, wanted: value.lower() == wanted.text.lower(),
    "StringLike": lambda value, wanted: wanted.matches(value),
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "Bool": lambda value, wanted: value.lower() == wanted.text.lower(),
    "BinaryEquals": lambda value, wanted: value == wanted.text,
    "IpAddress": lambda value, wanted: (
        ipaddress.ip_address(value) in ipaddress.ip_network(wanted.text, strict=False)
    ),
}


def _moment(text: str) -> float:
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


# ── Patterns ──

_VARIABLE = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True)
class Pattern:
    """A text of a policy in pieces: what a variable stood for holds no wildcard."""

    pieces: tuple[tuple[str, bool], ...]  # text, whether its `*` and `?` are wildcards

    @property
    def text(self) -> str:
        """As plain text."""
        return "".join(text for text, _ in self.pieces)

    def matches(self, value: str) -> bool:
        """Whether a value is what the pattern stands for."""
        return _glob(self.pieces).fullmatch(value) is not None


@cache
def _glob(pieces: tuple[tuple[str, bool], ...]) -> re.Pattern[str]:
    glob = "".join(
        "".join(map(_wild, text)) if has_wildcards else re.escape(text) for text, has_wildcards in pieces
    )
    return re.compile(glob, re.DOTALL)


def _wild(character: str) -> str:
    return {"*": ".*", "?": "."}.get(character) or re.escape(character)


def _read(text: str, request: Request, *, variables: bool) -> Pattern | None:
    """A text with its policy variables filled in; None where the request lacks one: it matches nothing.

    `${*}`, `${?}`, `${$}` stand for the character; `${key, 'default'}` for the default without the key.
    """
    if not variables:
        return Pattern(((text, True),))
    pieces: list[tuple[str, bool]] = []
    end = 0
    for match in _VARIABLE.finditer(text):
        pieces.append((text[end : match.start()], True))
        end = match.end()
        name, _, default = match[1].partition(",")
        values = [name] if name in ("*", "?", "$") else request.values(name.strip())
        if not values and not default:
            return None
        pieces.append((values[0] if values else default.strip().strip("'"), False))
    return Pattern((*pieces, (text[end:], True)))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
