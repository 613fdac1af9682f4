"""Resolving: as far as values are known; what stays is written as Sub writes it."""

from __future__ import annotations

from typing import Any

import pytest

from fraud_cfn.review.model import Template, parse
from fraud_cfn.review.pair import pair
from fraud_cfn.review.resolve import Side, plain, references

TEMPLATE = parse("""
Parameters:
  Env: {Type: String, AllowedValues: [dev, prod, test]}
  Zone: {Type: String, Default: a}
  Names: {Type: CommaDelimitedList}
  Image: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /image}
Mappings:
  Sizes: {dev: {Cpu: 256}, prod: {Cpu: 1024}}
Conditions:
  IsProd: !Equals [!Ref Env, prod]
  IsLarge: !Or [!Condition IsProd, !Equals [!Ref Zone, b]]
  Circular: !Condition Circular
Resources:
  Queue: {Type: 'AWS::SQS::Queue'}
  Topic: {Type: 'AWS::SNS::Topic', Condition: IsProd, Properties: {TopicName: !If [IsLarge, large, small]}}
""")


def resolved(text: str, **values: str) -> Any:
    node = parse(f"Resources: {{}}\nOutputs: {{X: {{Value: {text}}}}}").outputs["X"]["Value"]
    return plain(Side(TEMPLATE, values).resolve(node, {}))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("!Ref Queue", "${Queue}"),
        ("!GetAtt Queue.Arn", "${Queue.Arn}"),
        ("{'Fn::GetAtt': 'Queue.Arn'}", "${Queue.Arn}"),
        ("!Sub '${Queue.Arn}/*'", "${Queue.Arn}/*"),
        ("!Join ['', [!GetAtt Queue.Arn, '/*']]", "${Queue.Arn}/*"),
        ("!Join ['-', [a, !Ref Env, 'c']]", "a-${Env}-c"),
        ("!Sub ['${Q}-${Env}', {Q: !GetAtt Queue.QueueName}]", "${Queue.QueueName}-${Env}"),
        ("!Sub 'plain'", "plain"),
        ("!Sub '${!aws:username}'", "${aws:username}"),
        ("!Sub '${!aws:username}/${Queue}'", "${!aws:username}/${Queue}"),
        ("'${aws:username}'", "${aws:username}"),
        ("!Select [1, [a, b]]", "b"),
        ("!Select [0, !Split [',', 'a,b']]", "a"),
        ("!Select [5, [a]]", {"Fn::Select": [5, ["a"]]}),
        ("!Select [1, !Cidr [10.0.0.0/16, 3, 8]]", "10.0.1.0/24"),
        ("[a, !Ref 'AWS::NoValue']", ["a"]),
        ("{A: !Ref 'AWS::NoValue', B: 1}", {"B": 1}),
        ("!ImportValue vpc", {"Fn::ImportValue": "vpc"}),
        ("!Sub 'x-${AWS::Region}'", "x-${AWS::Region}"),
        ("!FindInMap [Sizes, prod, Cpu]", 1024),
        ("!Join ['', !Ref Names]", {"Fn::Join": ["", "${Names}"]}),
        ("!Ref Image", "${Image}"),
        ("!Sub [a, b, c]", {"Fn::Sub": ["a", "b", "c"]}),
        ("!Sub 7", "7"),
        ("!Select nonsense", {"Fn::Select": "nonsense"}),
    ],
)
def test_what_stays_is_written_as_sub_writes_it(expression: str, value: Any) -> None:
    assert resolved(expression) == value


def test_known_parameters_are_put_in() -> None:
    assert resolved("!Sub '${Env}-x'", Env="dev") == "dev-x"
    assert resolved("!Ref Names", Names="a, b") == ["a", "b"]
    assert resolved("!FindInMap [Sizes, !Ref Env, Cpu]", Env="dev") == 256
    assert resolved("!If [IsProd, large, small]", Env="prod") == "large"


def test_a_position_in_a_network_does_not_depend_on_how_many_are_asked_for() -> None:
    few = resolved("!Select [1, !Cidr [!Ref Zone, 3, 8]]")
    assert few == resolved("!Select [1, !Cidr [!Ref Zone, 9, 8]]")
    assert few != resolved("!Select [1, !Cidr [!Ref Zone, 9, 12]]")


def test_references_are_found_wherever_they_stand() -> None:
    node = {
        "Fn::Join": ["", [{"Fn::ImportValue": {"Fn::Sub": "${Env}-x"}}, {"Fn::GetAtt": ["Queue", "Arn"]}]]
    }
    value = Side(TEMPLATE).resolve(node, {})
    assert [str(reference) for reference in references(value)] == ["${Env}", "${Queue.Arn}"]


# ── Worlds ──


def side_by_side(template: Template, logical_id: str, **values: str) -> set[tuple[object, ...]]:
    change = pair(template, template, values)
    return {
        (change.after.exists(logical_id, world), *(change.after.properties(logical_id, world) or {}).values())
        for world in change.worlds(logical_id)
    }


def test_every_open_value_makes_a_world() -> None:
    assert side_by_side(TEMPLATE, "Topic") == {(True, "large"), (False,)}


def test_a_known_value_leaves_one_world() -> None:
    change = pair(TEMPLATE, TEMPLATE, {"Env": "prod", "Zone": "b"})
    assert change.worlds("Topic") == ({},)
    assert side_by_side(TEMPLATE, "Topic", Env="dev", Zone="a") == {(False,)}


def test_a_resource_that_depends_on_nothing_has_one_world() -> None:
    assert pair(TEMPLATE, TEMPLATE).worlds("Queue") == ({},)


def test_two_values_of_one_parameter_exclude_each_other() -> None:
    template = parse("""
Parameters: {Env: {Type: String}}
Conditions: {A: !Equals [!Ref Env, a], B: !Equals [!Ref Env, b], C: !Not [!Equals ['', !Ref Env]]}
Resources:
  R: {Type: X, Properties: {V: !Sub ["${A}${B}${C}",
    {A: !If [A, A, ''], B: !If [B, B, ''], C: !If [C, C, '']}]}}
""")
    assert side_by_side(template, "R") == {(True, "AC"), (True, "BC"), (True, ""), (True, "C")}


def test_allowed_values_bound_what_a_parameter_may_be() -> None:
    template = parse("""
Parameters: {Env: {Type: String, AllowedValues: [a, b]}}
Conditions: {A: !Equals [!Ref Env, a], B: !Equals [!Ref Env, b]}
Resources: {R: {Type: X, Properties: {V: !If [A, a, !If [B, b, none]]}}}
""")
    assert side_by_side(template, "R") == {(True, "a"), (True, "b")}


def test_a_mapping_read_by_an_unknown_key_is_read_in_every_way() -> None:
    template = parse("""
Parameters: {Env: {Type: String, AllowedValues: [a, b]}}
Mappings: {M: {a: {K: 1}, b: {K: 2}}}
Resources: {R: {Type: X, Properties: {V: !FindInMap [M, !Ref Env, K]}}}
""")
    assert side_by_side(template, "R") == {(True, 1), (True, 2)}


def test_a_new_parameter_takes_its_default_and_a_kept_one_does_not() -> None:
    before = parse("Parameters: {Kept: {Type: String, Default: a}}\nResources: {}")
    after = parse(
        "Parameters: {Kept: {Type: String, Default: b}, New: {Type: String, Default: c},"
        " Looked: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /d}}\nResources: {}"
    )
    assert dict(pair(before, after).after.values) == {"New": "c"}
    assert dict(pair(before, after, {"Kept": "x"}).before.values) == {"Kept": "x"}


def test_too_many_worlds_are_not_all_enumerated() -> None:
    names = [f"P{number}" for number in range(20)]
    declarations = ", ".join(f"{name}: {{Type: String}}" for name in names)
    conditions = ", ".join(f"C{name}: !Equals [!Ref {name}, x]" for name in names)
    values = ", ".join(f"V{name}: !If [C{name}, 1, 2]" for name in names)
    template = parse(
        f"Parameters: {{{declarations}}}\nConditions: {{{conditions}}}\n"
        f"Resources: {{R: {{Type: X, Properties: {{{values}}}}}}}"
    )
    assert len(pair(template, template).worlds("R")) <= 1000
