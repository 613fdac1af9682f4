"""What policies grant, one grant at a time, whatever the way they are written.

A `Grant` says: this effect, this action, on this resource, for this principal, under this condition.
Documents come as plain data, a value that is not known yet as `${Queue.Arn}` in its text.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import product
from typing import Any

from fraud_cfn.review.networks import block_of, together, wholes
from fraud_cfn.review.wildcards import covers, is_pattern, overlap, pieces

Json = Any
ALL_BUT = "all but "  # how the text of NotAction, NotResource, NotPrincipal begins

_EVERYTHING = re.compile(r"^arn:[^:]*:iam::aws:policy/AdministratorAccess$")

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
        self._found = [each.meant for each in found]
        self._keys = {grant.key for grant in self._found}
        self._resources, self._actions, self._principals = _Named(), _Named(), _Named()
        self._tests = _Filed()
        for number, grant in enumerate(self._found):
            self._resources.file(number, grant.resource)
            self._actions.file(number, grant.action and grant.action.lower())
            self._principals.file(number, grant.principal and _account(grant.principal))
            self._tests.file(number, *([_texts_of(test) for test in grant.tests if test[2]] or [[("",)]]))

    def cover(self, part: Grant) -> bool:
        """Whether one of them covers that one, or several do: each one of the values that pass it."""
        part = part.meant
        return self._one_covers(part) or any(
            len(values) > 1
            and _is_any_of(operator)
            and all(self._one_covers(part.with_test((operator, key, (value,)))) for value in values)
            for operator, key, values in part.tests
        )

    def _one_covers(self, part: Grant) -> bool:
        return part.key in self._keys or any(self._found[number].covers(part) for number in self._near(part))

    def _near(self, part: Grant) -> Iterator[int]:
        """Those that may cover it: a few, where any of what it says is rare."""
        actions = self._actions.may_cover(part.action and part.action.lower())
        filed = (
            self._resources.may_cover(part.resource),
            actions if part.action else actions + self._actions.may_cover(""),  # `*` has managed policies too
            self._principals.may_cover(part.principal and _account(part.principal)),
            self._tests.within("", *(text for test in part.tests if test[2] for text in _asked_of(test))),
        )
        fewest, *others = sorted(filed, key=lambda found: sum(map(len, found)))
        for numbers in fewest:
            for number in numbers:
                if all(any(number in more for more in found) for found in others):
                    yield number


class Actions:
    """Actions, patterns among them, filed in the same way."""

    def __init__(self, names: Iterable[str | None]) -> None:
        self._names = list(names)
        self._filed = _Named()
        for number, name in enumerate(self._names):
            self._filed.file(number, name and name.lower())

    def include(self, action: str | None) -> bool:
        """Whether one of them has all that this one stands for."""
        return any(
            is_action_within(self._names[number], action)
            for numbers in self._filed.may_cover(action and action.lower())
            for number in numbers
        )


class _Filed:
    """Numbers, filed under texts; they are found within any text that has it."""

    def __init__(self) -> None:
        self._at: dict[str | None, set[int]] = {}

    def file(self, number: int, *ways: Sequence[Sequence[str | None]]) -> None:
        """File it in one of those ways: of each text under one piece, such as the fewest others have."""
        rarest = ([min(pieces_, key=self._filings) for pieces_ in way] for way in ways)
        for piece in min(rarest, key=lambda way: max(map(self._filings, way))):
            self._at.setdefault(piece, set()).add(number)

    def _filings(self, piece: str | None) -> tuple[int, int]:
        return len(self._at.get(piece, ())), -len(piece or "")

    def within(self, *texts: str | None) -> list[set[int]]:
        """What is filed under a part of those texts; None is a part of None only."""
        parts = {
            text and text[first : first + length]
            for text in texts
            for length in self._lengths
            for first in range(len(text or "") - length + 1)
        }
        return [self._at[part] for part in parts if part in self._at]

    def every(self) -> list[set[int]]:
        """All of them."""
        return list(self._at.values())

    def around(self, pattern: str) -> list[set[int]]:
        """What is filed under texts that have each piece of the pattern, and maybe more than that."""
        fewest = min((self._ends_that_begin(piece) for piece in pieces(pattern)), key=len)
        return [self._at[self._ends[place][1]] for place in fewest]

    def _ends_that_begin(self, piece: str) -> range:
        return range(
            bisect_left(self._ends, piece, key=lambda end: end[0][: len(piece)]),
            bisect_right(self._ends, piece, key=lambda end: end[0][: len(piece)]),
        )

    @cached_property
    def _lengths(self) -> set[int]:
        return {len(piece or "") for piece in self._at}

    @cached_property
    def _ends(self) -> list[tuple[str, str]]:
        """Every end of every text, in order, with the text."""
        texts = [text for text in self._at if text is not None]
        return sorted((text[first:], text) for text in texts for first in range(len(text) + 1))


class _Named:
    """Numbers, each filed under what a statement names there, or under what it leaves out."""

    def __init__(self) -> None:
        self._some, self._all_but = _Filed(), _Filed()

    def file(self, number: int, whole: str | None) -> None:
        if whole is None:
            self._some.file(number, [(None,)])
        elif whole.startswith(ALL_BUT):
            self._all_but.file(number, *([(text,)] for text in _left_out(whole)))
        else:
            self._some.file(number, [pieces(whole)])

    def may_cover(self, part: str | None) -> list[set[int]]:
        """Those that may cover that text."""
        if part is None:
            return self._some.within(None)
        if part.startswith(ALL_BUT):
            around = [found for text in _left_out(part) for found in self._all_but.around(text)]
            return self._some.within("") + around
        return self._some.within(part) + self._all_but.every()


def _texts_of(test: Test) -> Sequence[Sequence[str]]:
    """What is asked for whoever passes the test for certain has one of the texts of one of those."""
    operator, key, values = test
    of, _, name = operator.rpartition(":")
    if of != "ForAllValues" and (_TEXTUAL.fullmatch(name) or name == "IpAddress"):
        whole = values if _TEXTUAL.fullmatch(name) else together(values)
        return [pieces(f"{key} {value}".lower()) for value in whole]
    if name == "StringNotEquals":
        return [[f"{key} not {value}".lower() for value in values], (f"{key} otherwise".lower(),)]
    return [(f"{key} ".lower(),)]


def _asked_of(test: Test) -> list[str]:
    """What is asked for a test that a request is known to pass."""
    operator, key, values = test
    if "StringNotEquals" in operator:
        texts = [f"not {value}" for value in values]
    elif operator.endswith("IpAddress"):
        texts = ["otherwise", *wholes(str(block_of(values[0]) or values[0]))]
    else:
        texts = ["otherwise", values[0]]
    return [f"{key} {text}".lower() for text in texts]


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
    if part.startswith(ALL_BUT):
        return all(any(covers(more, less) for more in _left_out(part)) for less in _left_out(whole))
    return not any(overlap(pattern, part) for pattern in _left_out(whole))


def _left_out(text: str) -> list[str]:
    return text.removeprefix(ALL_BUT).split(", ")


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
