"""IAM's published rules, one by one: each parameter is a sentence of the user guide."""

from __future__ import annotations

from typing import Any

import pytest

from fraud_cfn.prove.evaluator import Decision, Request, decide, may_assume

Json = dict[str, Any]
ROLE = "arn:aws:iam::111122223333:role/worker"
QUEUE = "arn:aws:sqs:eu-central-1:111122223333:jobs"


def policy(*statements: Json, version: str = "2012-10-17") -> Json:
    return {"Version": version, "Statement": list(statements)}


def allow(**statement: Any) -> Json:
    return {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"} | statement


def deny(**statement: Any) -> Json:
    return allow(**statement) | {"Effect": "Deny"}


def request(action: str = "sqs:SendMessage", resource: str = QUEUE, **context: Any) -> Request:
    return Request(action, resource, ROLE, {key.replace("__", ":"): value for key, value in context.items()})


# ── Evaluation logic ──


def test_nothing_is_allowed_unless_a_statement_does() -> None:
    assert decide(request()) is Decision.IMPLICIT_DENY
    assert decide(request(), identity=[policy(allow())]) is Decision.ALLOWED


def test_an_explicit_deny_overrides_any_allow_wherever_it_stands() -> None:
    granted, refused = policy(allow()), policy(deny(Principal="*"))
    for decision in (
        decide(request(), identity=[granted, refused]),
        decide(request(), identity=[granted], resource=[refused]),
        decide(request(), identity=[granted], limits=[[granted, refused]]),
    ):
        assert decision is Decision.EXPLICIT_DENY


def test_within_an_account_the_resource_s_policy_alone_may_allow() -> None:
    assert decide(request(), resource=[policy(allow(Principal={"AWS": ROLE}))]) is Decision.ALLOWED
    assert decide(request(), resource=[policy(allow(Principal={"AWS": "111122223333"}))]) is Decision.ALLOWED
    elsewhere = policy(allow(Principal={"AWS": "arn:aws:iam::999988887777:root"}))
    assert decide(request(), resource=[elsewhere]) is Decision.IMPLICIT_DENY


def test_a_boundary_must_allow_too() -> None:
    granted = [policy(allow())]
    assert decide(request(), identity=granted, limits=[granted]) is Decision.ALLOWED
    assert decide(request(), identity=granted, limits=[[]]) is Decision.IMPLICIT_DENY
    assert decide(request(), identity=[], limits=[granted]) is Decision.IMPLICIT_DENY


# ── Elements ──


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ({"Action": "sqs:SendMessage"}, True),
        ({"Action": "SQS:sendmessage"}, True),
        ({"Action": "sqs:Send*"}, True),
        ({"Action": "sqs:SendMessag?"}, True),
        ({"Action": ["s3:*", "sqs:Receive*"]}, False),
        ({"Action": "*"}, True),
        ({"NotAction": "s3:*"}, True),
        ({"NotAction": ["s3:*", "sqs:send*"]}, False),
        ({"Resource": QUEUE}, True),
        ({"Resource": QUEUE.upper()}, False),
        ({"Resource": "arn:aws:sqs:*"}, True),
        ({"Resource": "arn:aws:sqs:*:*:job?"}, True),
        ({"Resource": "arn:aws:sqs:eu-central-1:111122223333:jobs?"}, False),
        ({"NotResource": "arn:aws:sqs:*:*:other"}, True),
        ({"NotResource": ["arn:aws:s3:::*", "arn:aws:sqs:*:*:jobs"]}, False),
    ],
)
def test_actions_and_resources_match_by_wildcards(statement: Json, allowed: bool) -> None:
    base = {"Effect": "Allow"} | ({} if "NotAction" in statement else {"Action": "sqs:*"})
    base |= {} if "NotResource" in statement else {"Resource": "*"}
    decision = decide(request(), identity=[policy(base | statement)])
    assert (decision is Decision.ALLOWED) is allowed


@pytest.mark.parametrize("statement", [{"NotPrincipal": {"AWS": ROLE}}, {"Principal": {"Service": "ecs"}}])
def test_a_statement_for_other_principals_does_not_apply(statement: Json) -> None:
    assert decide(request(), resource=[policy(allow(**statement))]) is Decision.IMPLICIT_DENY


# ── Conditions ──


def holds(condition: Json, **context: Any) -> bool:
    decision = decide(request(**context), identity=[policy(allow(Condition=condition))])
    return decision is Decision.ALLOWED


@pytest.mark.parametrize(
    ("condition", "context", "held"),
    [
        ({"StringEquals": {"aws:A": "x"}}, {"aws__a": "x"}, True),
        ({"StringEquals": {"aws:a": "X"}}, {"aws__a": "x"}, False),
        ({"StringEquals": {"aws:a": "x*"}}, {"aws__a": "xy"}, False),
        ({"StringEquals": {"aws:a": "x*"}}, {"aws__a": "x*"}, True),
        ({"StringEqualsIgnoreCase": {"aws:a": "X"}}, {"aws__a": "x"}, True),
        ({"StringLike": {"aws:a": "x*"}}, {"aws__a": "xy"}, True),
        ({"StringLike": {"aws:a": "x?"}}, {"aws__a": "x"}, False),
        ({"StringNotEquals": {"aws:a": ["x", "y"]}}, {"aws__a": "y"}, False),
        ({"StringNotEquals": {"aws:a": ["x", "y"]}}, {"aws__a": "z"}, True),
        ({"StringNotLike": {"aws:a": "x*"}}, {"aws__a": "xy"}, False),
        ({"StringEquals": {"aws:a": ["x", "y"]}}, {"aws__a": "y"}, True),
        ({"StringEquals": {"aws:a": "x", "aws:b": "y"}}, {"aws__a": "x"}, False),
        ({"StringEquals": {"aws:a": "x"}, "Bool": {"aws:b": True}}, {"aws__a": "x", "aws__b": "true"}, True),
        (
            {"StringEquals": {"aws:a": "x"}, "Bool": {"aws:b": True}},
            {"aws__a": "x", "aws__b": "false"},
            False,
        ),
        ({"Bool": {"aws:SecureTransport": "false"}}, {"aws__SecureTransport": "False"}, True),
        ({"NumericLessThan": {"aws:a": "10"}}, {"aws__a": "9"}, True),
        ({"NumericLessThan": {"aws:a": "10"}}, {"aws__a": "10"}, False),
        ({"NumericNotEquals": {"aws:a": 10}}, {"aws__a": "10"}, False),
        (
            {"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}},
            {"aws__CurrentTime": "2026-02-01T00:00:00Z"},
            True,
        ),
        ({"DateLessThanEquals": {"aws:EpochTime": "100"}}, {"aws__EpochTime": "1970-01-01T00:01:40Z"}, True),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, {"aws__SourceIp": "203.0.113.7"}, True),
        ({"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, {"aws__SourceIp": "203.0.113.7"}, False),
        (
            {"ArnLike": {"aws:SourceArn": "arn:aws:ecs:*:1:*"}},
            {"aws__SourceArn": "arn:aws:ecs:eu:1:task/a:b"},
            True,
        ),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:ecs:*:a"}}, {"aws__SourceArn": "arn:aws:ecs:eu:1:a"}, False),
        (
            {"ArnEquals": {"aws:SourceArn": "arn:aws:ecs:*:1:*"}},
            {"aws__SourceArn": "arn:aws:ecs:eu:1:x"},
            True,
        ),
        (
            {"ArnNotLike": {"aws:SourceArn": "arn:aws:ecs:*:1:*"}},
            {"aws__SourceArn": "arn:aws:ecs:eu:1:x"},
            False,
        ),
    ],
)
def test_an_operator_holds_as_published(condition: Json, context: Json, held: bool) -> None:
    assert holds(condition, **context) is held


@pytest.mark.parametrize(
    ("operator", "held"),
    [
        ("StringEquals", False),
        ("StringLike", False),
        ("Bool", False),
        ("ArnLike", False),
        ("StringNotEquals", True),
        ("StringNotLike", True),
        ("ArnNotEquals", True),
        ("NotIpAddress", True),
        ("StringEqualsIfExists", True),
        ("BoolIfExists", True),
        ("ForAllValues:StringEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
    ],
)
def test_without_the_key_only_the_negated_and_the_lenient_hold(operator: str, held: bool) -> None:
    assert holds({operator: {"aws:a": "203.0.113.1"}}) is held


def test_if_exists_still_compares_what_is_there() -> None:
    assert not holds({"StringEqualsIfExists": {"aws:a": "x"}}, aws__a="y")


@pytest.mark.parametrize(("wanted", "held"), [("true", False), (True, False), ("false", True)])
def test_null_tells_whether_the_key_is_absent(wanted: Any, held: bool) -> None:
    assert holds({"Null": {"aws:a": wanted}}, aws__a="x") is held
    assert holds({"Null": {"aws:a": wanted}}) is not held


@pytest.mark.parametrize(
    ("operator", "tags", "held"),
    [
        ("ForAllValues:StringEquals", ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a", "z"], False),
        ("ForAllValues:StringEquals", [], True),
        ("ForAnyValue:StringEquals", ["a", "z"], True),
        ("ForAnyValue:StringEquals", ["y", "z"], False),
        ("ForAnyValue:StringEquals", [], False),
        ("ForAllValues:StringNotEquals", ["y", "z"], True),
        ("ForAllValues:StringNotEquals", ["a", "z"], False),
        ("ForAnyValue:StringNotEquals", ["a", "z"], True),
        ("ForAnyValue:StringNotEquals", ["a", "b"], False),
        ("ForAllValues:StringLike", ["a", "b"], True),
    ],
)
def test_a_key_with_several_values_is_compared_as_a_set(operator: str, tags: list[str], held: bool) -> None:
    assert holds({operator: {"aws:TagKeys": ["a", "b"]}}, aws__TagKeys=tags) is held


def test_a_policy_variable_is_filled_in_and_its_own_star_is_no_wildcard() -> None:
    mine = allow(Action="s3:*", Resource="arn:aws:s3:::data/${aws:username}/*")

    def may(resource: str, **context: Any) -> bool:
        asked = request("s3:GetObject", resource, **context)
        return decide(asked, identity=[policy(mine)]) is Decision.ALLOWED

    assert may("arn:aws:s3:::data/john/a", aws__username="john")
    assert not may("arn:aws:s3:::data/jane/a", aws__username="john")
    assert not may("arn:aws:s3:::data/jane/a", aws__username="*")
    assert not may("arn:aws:s3:::data//a"), "a variable that the request lacks matches nothing"


def test_a_variable_may_have_a_default_and_special_characters_stand_for_themselves() -> None:
    assert holds({"StringLike": {"aws:a": "${aws:b, 'x'}"}}, aws__a="x")
    assert holds({"StringLike": {"aws:a": "x${*}"}}, aws__a="x*")
    assert not holds({"StringLike": {"aws:a": "x${*}"}}, aws__a="xy")


def test_the_old_policy_language_knows_no_variables() -> None:
    condition = {"StringEquals": {"aws:a": "${aws:b}"}}
    old = policy(allow(Condition=condition), version="2008-10-17")
    assert decide(request(aws__a="x", aws__b="x"), identity=[old]) is Decision.IMPLICIT_DENY
    assert decide(request(aws__a="${aws:b}"), identity=[old]) is Decision.ALLOWED


def test_a_confused_deputy_is_refused() -> None:
    trust = policy(
        {
            "Effect": "Allow",
            "Principal": {"Service": "scheduler.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": "111122223333"},
                "ArnEquals": {
                    "aws:SourceArn": "arn:aws:scheduler:eu-central-1:111122223333:schedule-group/own"
                },
            },
        }
    )

    def assumes(service: str, **context: str) -> bool:
        named = {f"aws:Source{key.title()}": value for key, value in context.items()}
        return may_assume(trust, Request("sts:AssumeRole", ROLE, service, named)) is Decision.ALLOWED

    own = "arn:aws:scheduler:eu-central-1:111122223333:schedule-group/own"
    assert assumes("scheduler.amazonaws.com", account="111122223333", arn=own)
    assert not assumes("scheduler.amazonaws.com", account="999988887777", arn=own)
    assert not assumes("scheduler.amazonaws.com", account="111122223333", arn=own + "er")
    assert not assumes("scheduler.amazonaws.com", account="111122223333")
    assert not assumes("ecs.amazonaws.com", account="111122223333", arn=own)


def test_an_operator_that_iam_does_not_have_is_no_silent_yes() -> None:
    with pytest.raises(KeyError):
        holds({"StringSounds": {"aws:a": "x"}}, aws__a="x")
