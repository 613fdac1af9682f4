"""What policies grant, one grant at a time, whatever the way they are written.

A `Grant` says: this effect, this action, on this resource, for this principal, under this condition.
Documents come as plain data, a value that is not known yet as `${Queue.Arn}` in its text.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import product
from typing import Any, Generic, TypeVar

from fraud_cfn.review.networks import block_of, together, wholes
from fraud_cfn.review.wildcards import covers, is_pattern, overlap, pieces

Json = Any
ALL_BUT = "all but "  # how the text of NotAction, NotResource, NotPrincipal begins

_EVERYTHING = re.compile(r"^arn:[^:]*:iam::aws:policy/AdministratorAccess$")

Found = TypeVar("Found")
# operator, condition key, values (sorted)
Test = tuple[str, str, tuple[str, ...]]


@dataclass(frozen=True)
class Grant:
    """One thing allowed or denied. None: the statement says nothing of it (a trust policy's resource).

    A managed policy, whose content stands elsewhere, has no action and its ARN as resource.
    """

    logical_id: str  # the resource that says so
    effect: str
    action: str | None
    resource: str | None
    principal: str | None = None
    tests: tuple[Test, ...] = ()
    said: Json = field(default=None, compare=False)  # the condition, as the statement has it
    written: Grant | None = field(default=None, compare=False)  # as the template says it

    @cached_property
    def key(self) -> tuple[str, str | None, str | None, str | None, tuple[Test, ...]]:
        """Equal for two grants that AWS takes as the same; where they stand does not matter."""
        return (
            self.effect,
            self.action and self.action.lower(),
            self.resource,
            self.principal and _account(self.principal),
            tuple(sorted((operator, key.lower(), values) for operator, key, values in self.tests)),
        )

    @property
    def condition(self) -> Json:
        """The condition as its statement says it; None where there is none."""
        if self.said is not None:
            return self.said
        found: dict[str, dict[str, Json]] = {}
        for operator, key, values in self.tests:
            found.setdefault(operator, {})[key] = values[0] if len(values) == 1 else list(values)
        return found or None

    def reworded(self, read: Callable[[str], str]) -> Grant:
        """The same with each text as that reads it."""
        return replace(
            self,
            resource=self.resource and read(self.resource),
            principal=self.principal and read(self.principal),
            tests=tuple((operator, key, tuple(map(read, values))) for operator, key, values in self.tests),
            written=self,
        )

    def with_action(self, action: str | None) -> Grant:
        """The same for another action."""
        return replace(self, action=action)

    def with_test(self, test: Test) -> Grant:
        """The same with that test in place of the one of its operator and key."""
        return replace(self, tests=tuple(test if each[:2] == test[:2] else each for each in self.tests))

    @property
    def meant(self) -> Grant:
        """The same by what it allows, for the managed policy whose content needs no looking up."""
        is_everything = self.action is None and _EVERYTHING.match(self.resource or "")
        return replace(self, action="*", resource="*") if is_everything else self

    @property
    def _is_all(self) -> bool:
        """Every action on every resource: whatever a managed policy allows is among it."""
        return self.action == self.resource == "*"

    def covers(self, other: Grant) -> bool:
        """Whether everything that `other` grants (or denies), this one does too. True is certain."""
        return (
            self.effect == other.effect
            and _within(self.resource, other.resource, str)
            and (is_action_within(self.action, other.action) or self._is_all)
            and _principal_within(self.principal, other.principal)
            and all(any(_implies(given, test) for given in other.tests) for test in self.tests)
        )


class Granted:
    """Grants of one holder, filed so that thousands of them can be compared with thousands."""

    def __init__(self, found: Iterable[Grant]) -> None:
        self._keys: set[Json] = set()
        self._filed: _Filed[_Filed[_Filed[_Filed[list[Grant]]]]] = _Filed()
        for grant in (each.meant for each in found):
            self._keys.add(grant.key)
            at = self._filed.file(_pieces(grant.resource), _Filed)
            at = at.file(_pieces(grant.action and grant.action.lower()), _Filed)
            at = at.file(_pieces(grant.principal and _account(grant.principal)), _Filed)
            at.file(_pieces_of_tests(grant.tests), list).append(grant)

    def cover(self, part: Grant) -> bool:
        """Whether one of them covers that one, or several do: each one of the values that pass it."""
        part = part.meant
        principal = part.principal and _account(part.principal)
        values = [values[0] for _, _, values in part.tests if values]
        return (
            part.key in self._keys
            or any(
                whole.covers(part)
                for by_action in self._filed.within(part.resource)
                for by_principal in by_action.within(*([part.action.lower()] if part.action else [None, ""]))
                for by_test in by_principal.within(principal)
                for found in by_test.within("", *values)
                for whole in found
            )
            or any(
                len(values) > 1
                and _is_any_of(operator)
                and all(self.cover(part.with_test((operator, key, (value,)))) for value in values)
                for operator, key, values in part.tests
            )
        )


class _Filed(Generic[Found]):
    """Things, each filed under a text; they are found within any text that has it."""

    def __init__(self) -> None:
        self._at: dict[str | None, Found] = {}
        self._filings: Counter[str | None] = Counter()

    def file(self, pieces_: Sequence[str | None], made: Callable[[], Found]) -> Found:
        """What is filed under that of the pieces which the fewest others have, and of those the longest."""
        piece = min(pieces_, key=lambda piece: (self._filings[piece], -len(piece or "")))
        self._filings[piece] += 1
        return self._at.setdefault(piece, made())

    def within(self, *texts: str | None) -> Iterator[Found]:
        """Everything that is filed under a part of those texts; None is a part of None only."""
        parts = {
            text and text[first : first + length]
            for text in texts
            for length in self._lengths
            for first in range(len(text or "") - length + 1)
        }
        yield from (self._at[part] for part in parts if part in self._at)

    @cached_property
    def _lengths(self) -> set[int]:
        return {len(piece or "") for piece in self._at}


def _pieces(text: str | None) -> Sequence[str | None]:
    """What every text has that this one covers; a `NotAction` covers texts that have nothing in common."""
    return (None,) if text is None else ("",) if text.startswith(ALL_BUT) else pieces(text)


def _pieces_of_tests(tests: tuple[Test, ...]) -> Sequence[str]:
    """What the value of a request that passes them has, where one value alone passes."""
    for operator, _, values in tests:
        if _TEXTUAL.search(operator) and len(values) == 1:
            return pieces(values[0])
    return ("",)


def grants(document: Json, logical_id: str) -> Iterator[Grant]:
    """Every grant of a policy document (a mapping, or JSON text); nothing where it is none."""
    for statement in _listed(_parsed(document, "Statement")):
        if isinstance(statement, Mapping) and str(statement.get("Effect", "")).title() in ("Allow", "Deny"):
            effect = str(statement["Effect"]).title()
            tests = _tests(statement.get("Condition"))
            for action, resource, principal in product(
                _named(statement, "Action"),
                _named(statement, "Resource"),
                _named(statement, "Principal"),
            ):
                yield Grant(
                    logical_id, effect, action, resource, principal, tests, statement.get("Condition")
                )


def documents(node: Json) -> Iterator[Json]:
    """Every policy document within a value: anything with statements that have an effect."""
    statements = _listed(_parsed(node, "Statement"))
    if any(isinstance(statement, Mapping) and "Effect" in statement for statement in statements):
        yield node
        return
    children = node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ()
    for child in children:
        yield from documents(child)


def _parsed(document: Json, key: str) -> Json:
    if isinstance(document, str) and f'"{key}"' in document:
        try:
            document = json.loads(document)
        except ValueError:
            return None
    return document.get(key) if isinstance(document, Mapping) else None


def _listed(value: Json) -> list[Json]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _text(value: Json) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True)  # true as 'true', 80 as '80', an intrinsic as its object


# ── What a statement names ──


def _named(statement: Mapping[str, Json], element: str) -> list[str | None]:
    """The texts of `Action`, or the one that stands for a `NotAction` (none for all but everything); [None]
    where neither is."""
    if element in statement:
        return list(dict.fromkeys(_texts(statement[element])))
    if f"Not{element}" in statement:
        excluded = sorted(set(_texts(statement[f"Not{element}"])))
        return [] if "*" in excluded else [ALL_BUT + ", ".join(excluded)]
    return [None]


def _texts(value: Json) -> list[str]:
    """The texts of one, of a list, or of the kinds of a `Principal`; an intrinsic is one."""
    if isinstance(value, Mapping) and not any(key.startswith("Fn::") for key in value):
        return [_text(item) for items in value.values() for item in _listed(items)]
    return [_text(item) for item in _listed(value)]


def is_action_within(whole: str | None, part: str | None) -> bool:
    """Whether all that one text of actions stands for, the other one does too."""
    return _within(whole, part, str.lower)


def _within(whole: str | None, part: str | None, read: Callable[[str], str]) -> bool:
    if whole is None or part is None:
        return whole == part
    whole, part = read(whole), read(part)
    if whole == "*":
        return True
    if not whole.startswith(ALL_BUT):
        # What is left out may be anything else: only `*` is sure to have it all.
        return not part.startswith(ALL_BUT) and covers(whole, part)
    excluded = whole.removeprefix(ALL_BUT).split(", ")
    if part.startswith(ALL_BUT):
        left_out = part.removeprefix(ALL_BUT).split(", ")
        return all(any(covers(more, less) for more in left_out) for less in excluded)
    return not any(overlap(pattern, part) for pattern in excluded)


_NUMBER = r"([^:$]+|\$\{AWS::AccountId\})"
_ROOT = re.compile(rf"^arn:[^:]*:iam::{_NUMBER}:root$")
_OWN_ACCOUNT = re.compile(rf"^arn:[^:]*:(?:iam|sts)::{_NUMBER}:")


def _account(principal: str) -> str:
    """An account's number for its root's ARN: IAM takes them as the same."""
    root = _ROOT.match(principal)
    return root[1] if root else principal


def _principal_within(whole: str | None, part: str | None) -> bool:
    if whole is None or part is None:
        return whole == part
    if _account(whole) == _account(part):
        return True
    if (owner := _OWN_ACCOUNT.match(part)) and owner[1] == _account(whole):
        return True  # an account stands for everyone in it
    return _within(whole, part, str)


# ── Conditions ──


def _tests(condition: Json) -> tuple[Test, ...]:
    if not isinstance(condition, Mapping):
        return ()
    return tuple(
        sorted(
            (operator, key, tuple(sorted({_text(value) for value in _listed(values)})))
            for operator, keys in condition.items()
            if isinstance(keys, Mapping)
            for key, values in keys.items()
        )
    )


_IF_EXISTS = "IfExists"
# What also holds where the key operator holds, for the same values.
_WEAKER = {
    "StringEquals": {"StringLike", "StringEqualsIgnoreCase"},
    "StringNotLike": {"StringNotEquals"},
    "StringNotEqualsIgnoreCase": {"StringNotEquals"},
    "ArnEquals": {"ArnLike"},
    "ArnLike": {"ArnEquals"},
    "ArnNotEquals": {"ArnNotLike"},
    "ArnNotLike": {"ArnNotEquals"},
}
# What asks for none of the values → what asks for one of them.
_OPPOSITE = {
    "StringNotEquals": "StringEquals",
    "StringNotLike": "StringLike",
    "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}
_TEXTUAL = re.compile(r"(String|Arn)(Equals|Like)$")
_BOUND = re.compile(r"(Numeric|Date)(Less|Greater)Than(Equals)?")


def _is_any_of(operator: str) -> bool:
    """Whether one of the values is enough to pass."""
    return "Not" not in operator and not operator.startswith("ForAllValues")


def _implies(given: Test, test: Test) -> bool:
    """Whether a request that passes `given` passes `test` for certain."""
    if given[1].lower() != test[1].lower():
        return False
    strict, wanted = given[0], test[0]
    if "Null" in (strict, wanted):
        return _null_implies(given, test)
    if wanted.endswith(_IF_EXISTS):
        wanted = wanted.removesuffix(_IF_EXISTS)
        strict = strict.removesuffix(_IF_EXISTS)
    (of, _, strict), (of_wanted, _, wanted) = (text.rpartition(":") for text in (strict, wanted))
    if of != of_wanted:
        return False
    if strict == "StringLike" and not any(is_pattern(value) for value in given[2]):
        strict = "StringEquals"
    if _BOUND.fullmatch(strict) and _BOUND.fullmatch(wanted):
        return all(
            any(_bounds_imply(strict, value, wanted, limit) for limit in test[2]) for value in given[2]
        )
    if _OPPOSITE.get(wanted) == strict:
        return not any(_meet(wanted, value, other) for value in given[2] for other in test[2])
    if strict != wanted and wanted not in _WEAKER.get(strict, ()):
        return False
    if "Not" in wanted:  # none of the values: each that may not be there must be left out
        return all(_among(strict, given[2], value) for value in test[2])
    return all(_among(wanted, test[2], value) for value in given[2])


def _null_implies(given: Test, test: Test) -> bool:
    """Whether a request that has the key for certain, or has it not, passes; most tests ask for one."""
    if given[0] == test[0]:
        return given[2] == test[2]
    if given[0] == "Null":
        passes = test[0].endswith(_IF_EXISTS) or test[0].startswith("ForAllValues:") or "Not" in test[0]
        return given[2] == ("true",) and passes and not test[0].startswith("ForAnyValue:")
    asks = not (given[0].endswith(_IF_EXISTS) or given[0].startswith("ForAllValues:") or "Not" in given[0])
    return test[2] == ("false",) and asks


def _meet(operator: str, value: str, other: str) -> bool:
    """Whether one request may have both."""
    if operator == "NotIpAddress":
        blocks = (block_of(value), block_of(other))
        return None in blocks or blocks[0].overlaps(blocks[1])  # pyright: ignore
    return overlap(value, other)


def _among(operator: str, values: tuple[str, ...], one: str) -> bool:
    """Whether all that one value of that operator stands for is among the others."""
    if operator.endswith("IpAddress"):
        return _in_blocks(values, one)
    if operator.endswith("Like") or operator.startswith("Arn"):
        return any(covers(pattern, one) for pattern in values)
    if operator.endswith("IgnoreCase"):
        return one.lower() in [value.lower() for value in values]
    return one in values


def _bounds_imply(strict: str, value: str, wanted: str, limit: str) -> bool:
    """Whether all below (or above) one number or date is below (or above) the other."""
    if strict.removesuffix("Equals") != wanted.removesuffix("Equals"):
        return False
    one, other = _measured(value), _measured(limit)
    if one is None or other is None:
        return strict == wanted and value == limit
    if one == other:
        return strict == wanted or wanted.endswith("Equals")
    return (one < other) == ("Less" in wanted)


def _measured(text: str) -> float | None:
    """A number, or a date as seconds (a number is a date in seconds, too)."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def _in_blocks(blocks: tuple[str, ...], value: str) -> bool:
    """Whether networks, two halves as their whole, have all of another."""
    whole = together(blocks)
    return any(block in whole for block in wholes(str(block_of(value) or value)))
