"""Which requests pass a condition of a policy, compared with which pass another one.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import pytest

from fraud_cfn.review.grants import Grant, Granted

Said = str  # operator and values: `NumericLessThan 3 4`
# Whoever passes the one passes the other, and not the other way round.
STRICTER: list[tuple[Said, Said]] = [
    ("NumericLessThan 3", "NumericLessThan 4"),
    ("NumericLessThan 3 4", "NumericLessThan 2 5"),
    ("NumericLessThan 9", "NumericLessThan 10"),
    ("NumericLessThan 3", "NumericLessThanEquals 3"),
    ("NumericLessThanEquals 3", "NumericLessThan 4"),
    ("NumericGreaterThan 4", "NumericGreaterThan 3"),
    ("NumericGreaterThan 3", "NumericGreaterThanEquals 3"),
    ("DateGreaterThan 2027-01-01T00:00:00Z", "DateGreaterThan 2026-12-31T23:00:00"),
    ("DateLessThan 2026-01-01T00:00:00Z", "DateLessThan 2026-01-01T00:00:00-01:00"),
    ("DateLessThan 2026-01-01", "DateLessThan 1893456000"),
    ("DateLessThanIfExists 2026-01-01", "DateLessThanIfExists 2027-01-01"),
    ("StringEquals a", "StringEquals a b"),
    ("StringEquals a", "StringEqualsIgnoreCase A"),
    ("StringEqualsIgnoreCase A", "StringEqualsIgnoreCase a b"),
    ("StringEquals a", "StringEqualsIfExists a"),
    ("StringEquals a", "StringLike a*"),
    ("StringLike ab*", "StringLike a* c"),
    ("StringEquals a b*", "StringLike a b*"),
    ("StringNotEquals a b", "StringNotEquals a"),
    ("StringNotLike a*", "StringNotEquals a ab"),
    ("StringNotEqualsIgnoreCase A", "StringNotEquals a"),
    ("StringEquals b", "StringNotEquals a"),
    ("StringLike b*", "StringNotLike a*"),
    ("ArnLike arn:b*", "ArnNotLike arn:a*"),
    ("ArnEquals arn:aa*", "ArnLike arn:a*"),
    ("ArnNotEquals arn:a*", "ArnNotLike arn:ab*"),
    ("IpAddress 10.0.0.0/9", "IpAddress 10.0.0.0/8"),
    ("IpAddress 10.0.0.5", "IpAddress 10.0.0.0/25 10.0.0.128/25"),
    ("IpAddress 11.0.0.0/8", "NotIpAddress 10.0.0.0/8"),
    ("NotIpAddress 10.0.0.0/8", "NotIpAddress 10.0.0.0/9"),
    ("ForAnyValue:StringEquals a", "ForAnyValue:StringEquals a b"),
    ("ForAllValues:StringEquals a", "ForAllValues:StringEquals a b"),
    ("ForAnyValue:StringEquals a", "ForAnyValue:StringLike a*"),
    ("StringEquals a", "Null false"),
    ("Bool true", "Null false"),
    ("ForAnyValue:StringEquals a", "Null false"),
    ("Null true", "StringNotEquals a"),
    ("Null true", "StringEqualsIfExists a"),
    ("Null true", "ForAllValues:StringEquals a"),
]
SAME = [
    ("StringEquals a", "StringLike a"),
    ("StringEqualsIgnoreCase a", "StringEqualsIgnoreCase A"),
    ("ArnEquals arn:a*", "ArnLike arn:a*"),
    ("NumericLessThan 3", "NumericLessThan 3.0"),
    ("DateLessThan 2026-01-01", "DateLessThan 2026-01-01T00:00:00Z"),
    ("IpAddress 10.0.0.0/8", "IpAddress 10.0.0.0/9 10.128.0.0/9"),
    ("IpAddress 10.0.0.5", "IpAddress 10.0.0.5/32"),
    ("NumericLessThan ${Most}", "NumericLessThan ${Most}"),
    ("Null false", "Null false"),
]
# Somebody may pass the one alone, and somebody the other.
OTHERS = [
    ("NumericLessThan 3", "NumericGreaterThan 3"),
    ("NumericLessThan 3", "NumericEquals 2"),
    ("NumericLessThan ${Most}", "NumericLessThan 3"),
    ("NumericLessThan ${Most}", "NumericLessThan ${Least}"),
    ("NumericLessThan 3", "DateLessThan 4"),
    ("StringEquals a", "StringEquals b"),
    ("StringEquals a", "StringEquals A B"),
    ("StringLike a*", "StringNotEquals ab"),
    ("StringEquals a b", "StringNotEquals a"),
    ("IpAddress 10.0.0.0/8", "NotIpAddress 10.0.0.0/9"),
    ("IpAddress ${Block}", "NotIpAddress 10.0.0.0/9"),
    ("StringEquals ${Vpc}", "StringNotEquals a"),
    ("StringEqualsIfExists a", "Null false"),
    ("ForAllValues:StringEquals a", "Null false"),
    ("StringNotEquals a", "Null false"),
    ("StringEquals a", "Null true"),
    ("Null true", "Null false"),
    ("Null true", "ForAnyValue:StringNotEquals a"),
    ("Null true", "StringEquals a b"),
    ("Bool true", "Bool false"),
    ("ForAnyValue:StringEquals a", "ForAllValues:StringEquals a b"),
]
CASES = [
    *((one, other, True, False) for one, other in STRICTER),
    *((one, other, True, True) for one, other in SAME),
    *((one, other, False, False) for one, other in OTHERS),
]


def grant(said: Said, action: str = "s3:GetObject") -> Grant:
    operator, *values = said.split()
    return Grant("R", "Allow", action, "*", None, ((operator, "a:b", tuple(sorted(values))),))


@pytest.mark.parametrize(("one", "other", "within", "has"), CASES)
def test_who_passes_one_condition_passes_another(one: Said, other: Said, within: bool, has: bool) -> None:
    for action in ("s3:GetObject", "s3:*"):
        assert Granted([grant(other, action)]).cover(grant(one)) is within
        assert Granted([grant(one, action)]).cover(grant(other)) is has


def test_values_that_pass_one_by_one_are_not_enough_for_all_at_once() -> None:
    each = Granted([grant("ForAllValues:StringEquals a"), grant("ForAllValues:StringEquals b")])
    assert not each.cover(grant("ForAllValues:StringEquals a b"))
    assert Granted([grant("StringEquals a"), grant("StringLike b*")]).cover(grant("StringEquals a b"))


def test_another_key_is_another_condition_and_case_makes_none() -> None:
    one, other, same = (
        Grant("R", "Allow", "s3:GetObject", "*", None, (("StringEquals", key, ("a",)),))
        for key in ("aws:SourceArn", "aws:SourceAccount", "AWS:sourceARN")
    )
    assert not Granted([other]).cover(one)
    assert Granted([same]).cover(one)
