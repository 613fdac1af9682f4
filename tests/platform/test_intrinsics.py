"""Intrinsic functions written with objects: what they come to in the template."""

from __future__ import annotations

import doctest

import pytest
from troposphere import Equals, GetAtt, Ref
from troposphere.sqs import Queue

from fraud_cfn.platform import intrinsics
from fraud_cfn.platform.intrinsics import NO_VALUE, Condition, sub, variable

QUEUE = Queue("Jobs")
LIVE = Condition("Live", Equals("a", "b"))


def test_the_examples_in_the_docstrings_hold() -> None:
    results = doctest.testmod(intrinsics)
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        (Ref(QUEUE), "${Jobs}"),
        (Ref("AWS::Region"), "${AWS::Region}"),
        (QUEUE.get_att("Arn"), "${Jobs.Arn}"),
        (GetAtt("Database", "Endpoint.Address"), "${Database.Endpoint.Address}"),
    ],
    ids=["parameter", "pseudo parameter", "attribute", "nested attribute"],
)
def test_a_reference_within_a_text(reference: Ref | GetAtt, text: str) -> None:
    assert variable(reference) == text


def test_sub_puts_references_into_a_text() -> None:
    url = sub("https://{host}/{stage}", host=QUEUE.get_att("QueueName"), stage=Ref("Stage"))
    assert url.to_dict() == {"Fn::Sub": "https://${Jobs.QueueName}/${Stage}"}


def test_sub_knows_where_and_for_whom_the_stack_is() -> None:
    arn = sub("arn:{partition}:sqs:{region}:{account}:jobs-{suffix}")
    assert arn.to_dict() == {
        "Fn::Sub": "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:jobs-${EnvironmentSuffix}"
    }


def test_sub_refuses_a_field_that_nobody_gave() -> None:
    with pytest.raises(KeyError, match="sufix"):
        sub("jobs-{sufix}")


def test_a_condition_chooses_a_value_or_leaves_the_property_out() -> None:
    assert LIVE.choose(1, 0).to_dict() == {"Fn::If": ["Live", 1, 0]}
    assert LIVE.choose(1).to_dict() == {"Fn::If": ["Live", 1, {"Ref": "AWS::NoValue"}]}
    assert LIVE.choose_not(0).to_dict() == {"Fn::If": ["Live", {"Ref": "AWS::NoValue"}, 0]}
    assert NO_VALUE.to_dict() == {"Ref": "AWS::NoValue"}
