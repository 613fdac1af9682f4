from __future__ import annotations

import pytest

from fraud_cfn.review.actions import expand
from fraud_cfn.review.wildcards import covers, is_pattern, overlap


@pytest.mark.parametrize(
    ("pattern", "other"),
    [
        ("*", "${Queue.Arn}"),
        ("s3:*", "s3:Get*"),
        ("s3:?et*", "s3:Get*"),
        ("a*c", "abbc"),
        ("a*", "a"),
        ("**", "*"),
        ("${Bucket.Arn}/*", "${Bucket.Arn}/in/*"),
        ("arn:*:b", "arn:${AWS::Region}:b"),
        ("a*b*c", "a*b*b*c"),
        ("*a*b*", "aba"),
        ("*a", "a"),
        ("*?", "a"),
    ],
)
def test_a_pattern_covers_what_it_stands_for(pattern: str, other: str) -> None:
    assert covers(pattern, other)
    assert overlap(pattern, other)
    assert overlap(other, pattern)


@pytest.mark.parametrize(
    ("pattern", "other"),
    [
        ("s3:Get*", "s3:*"),
        ("a?", "a*"),
        ("a?", "a${X}"),
        ("${A}/*", "${B}/*"),
        ("${A}", "a"),
        ("a", "A"),
        ("", "a"),
        ("a*c", "ab"),
    ],
)
def test_a_pattern_does_not_cover_what_may_be_something_else(pattern: str, other: str) -> None:
    assert not covers(pattern, other)


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("a*", "*z", True),
        ("a*", "b*", False),
        ("${A}", "anything", True),
        ("x${A}", "y*", False),
        ("a?c", "a*", True),
        ("a?c", "ac", False),
        ("ab", "a", False),
    ],
)
def test_two_patterns_meet_only_where_a_text_can_be_both(one: str, other: str, meet: bool) -> None:
    assert overlap(one, other) is meet
    assert overlap(other, one) is meet


def test_a_reference_is_no_pattern() -> None:
    assert not is_pattern("${AWS::Region}")
    assert is_pattern("${AWS::Region}*")


def test_a_wildcard_is_expanded_to_the_actions_as_aws_writes_them() -> None:
    assert expand("sqs:*MessageVisibility") == ("sqs:ChangeMessageVisibility",)
    assert expand("execute-api:Inv*") == ("execute-api:InvalidateCache", "execute-api:Invoke")
    assert set(expand("s3:getobjectt*")) == {"s3:GetObjectTagging", "s3:GetObjectTorrent"}


@pytest.mark.parametrize(
    "pattern", ["*", "s*:Get", "sqs:sendmessage", "nosuchservice:*", "no.service:*", "${A.B}:*", "s3:NoSuch*"]
)
def test_what_nobody_can_list_stays(pattern: str) -> None:
    assert expand(pattern) == (pattern,)
