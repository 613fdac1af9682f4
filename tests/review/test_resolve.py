"""Resolving: as far as values are known; what stays is written as Sub writes it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fraud_cfn.review.diff import ABSENT, Names, differences
from fraud_cfn.review.model import Template, parse
from fraud_cfn.review.pair import Worlds, deciding, pair
from fraud_cfn.review.report import as_text
from fraud_cfn.review.resolve import Side, plain, references
from fraud_cfn.review.review import review

TEMPLATE = parse("""
Parameters:
  Env: {Type: String, AllowedValues: [dev, prod, test]}
  Zone: {Type: String, Default: a}
  Names: {Type: CommaDelimitedList}
  Ports: {Type: List<Number>}
  Image: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /image}
Mappings:
  Sizes: {dev: {Cpu: 256}, prod: {Cpu: 1024}, odd: 5}
  Accounts: {111122223333: {Name: own}}
  Broken: 5
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
        ("!Sub 'ab'", "ab"),
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
        ("!Select [1, [a]]", {"Fn::Select": [1, ["a"]]}),
        ("!Select [-1, [a]]", {"Fn::Select": [-1, ["a"]]}),
        ("!Select ['0', [a]]", "a"),
        ("!Join ['-', []]", ""),
        ("!Join ['-', [!Ref 'AWS::NoValue', a, '', b]]", "a--b"),
        ("!Sub 'a${AWS::NoValue}b'", "ab"),
        ("!Sub ['${A}${ B }', {A: !Ref 'AWS::NoValue', B: 1}]", "1"),
        ("!GetAtt [Queue, Nested, Arn]", "${Queue.Nested.Arn}"),
        ("!GetAtt [Queue, !Ref Env]", "${Queue.${Env}}"),
        ("!FindInMap [Accounts, 111122223333, Name]", "own"),
        (
            "!FindInMap [Accounts, !Ref Env, Name]",
            {"Fn::FindInMap": ["Accounts", "${Env}", "Name", {"111122223333": "own"}]},
        ),
        (
            "!FindInMap [Accounts, 111122223333, !Ref Env]",
            {"Fn::FindInMap": ["Accounts", 111122223333, "${Env}", {"111122223333": {"Name": "own"}}]},
        ),
        ("!FindInMap [!Ref Env, a, b]", {"Fn::FindInMap": ["${Env}", "a", "b"]}),
        ("!FindInMap [Sizes, dev, Never, {DefaultValue: 5}]", 5),
        (
            "!FindInMap [Sizes, dev, !Ref Env, {DefaultValue: 5}]",
            {"Fn::FindInMap": ["Sizes", "dev", "${Env}", {"DefaultValue": 5}, {"dev": {"Cpu": 256}}]},
        ),
        (
            "!FindInMap [Sizes, !Ref Env, Cpu, {DefaultValue: 5}]",
            {"Fn::FindInMap": ["Sizes", "${Env}", "Cpu", {"DefaultValue": 5}, {"dev": 256, "prod": 1024}]},
        ),
        (
            "!FindInMap [Sizes, dev, Never, {Other: 5}]",
            {"Fn::FindInMap": ["Sizes", "dev", "Never", {"Other": 5}, {}]},
        ),
        ("!Split ['-', !Ref Env]", {"Fn::Split": ["-", "${Env}"]}),
        ("!GetAZs ''", {"Fn::GetAZs": "${AWS::Region}"}),
        ("!GetAZs eu-central-1", {"Fn::GetAZs": "eu-central-1"}),
        ("!Cidr [10.0.0.0/16, 2]", ["10.0.0.0/24", "10.0.1.0/24"]),
        ("!Cidr [10.0.0.0/16, '1', '4']", ["10.0.0.0/28"]),
        ("!Cidr [10.0.0.0/24, 1, 9]", {"Fn::Cidr": ["10.0.0.0/24", "1", "9"]}),
        ("!Cidr [!Ref Env, 1, 8]", {"Fn::Cidr": ["${Env}", "1", "8"]}),
        ("!Cidr [10.0.0.0/24, !Ref Env, 4]", {"Fn::Cidr": ["10.0.0.0/24", "${Env}", "4"]}),
        ("!Cidr [10.0.0.0/24, 1, !Ref Env]", {"Fn::Cidr": ["10.0.0.0/24", "1", "${Env}"]}),
        (
            "!Select [0, !Cidr [10.0.0.0/24, 9, !Ref Env]]",
            {"Fn::Select": [0, {"Fn::Cidr": ["10.0.0.0/24", "${Env}"]}]},
        ),
        # Not as their functions want it: as it stands.
        ("{Ref: 5}", {"Ref": 5}),
        *(
            (f"{{'Fn::{name}': 5}}", {f"Fn::{name}": 5})
            for name in ("Join", "FindInMap", "Select", "Split", "Cidr", "If", "Sub")
        ),
        ("!FindInMap [[a], b, c]", {"Fn::FindInMap": [["a"], "b", "c"]}),
        ("!FindInMap [Sizes, dev, [a]]", {"Fn::FindInMap": ["Sizes", "dev", ["a"], {"dev": {"Cpu": 256}}]}),
        ("!Cidr ab", {"Fn::Cidr": "ab"}),
        ("!Cidr [5, 1, 8]", {"Fn::Cidr": [5, "1", "8"]}),
        ("{'Fn::GetAtt': Queue}", {"Fn::GetAtt": "Queue"}),
        ("{'Fn::GetAtt': [Queue]}", {"Fn::GetAtt": ["Queue"]}),
        ("{'Fn::GetAtt': [5, a]}", {"Fn::GetAtt": [5, "a"]}),
        ("{'Fn::GetAtt': 5}", {"Fn::GetAtt": 5}),
        ("!Sub [a, [b]]", {"Fn::Sub": ["a", ["b"]]}),
        ("!Sub ['${A}', {A: [b]}]", {"Fn::Sub": ["${A}", {"A": ["b"]}]}),
        ("!Sub ['${A}', {A: {B: c}}]", {"Fn::Sub": ["${A}", {"A": {"B": "c"}}]}),
        ("!Sub ['${A}', {A: null}]", {"Fn::Sub": ["${A}", {"A": None}]}),
        ("{'Fn::Sub': {a: b}}", {"Fn::Sub": {"a": "b"}}),
        ("{'Fn::Join': ab}", {"Fn::Join": "ab"}),
        ("!Join [a, [b], c]", {"Fn::Join": ["a", ["b"], "c"]}),
        ("!Join [!Ref Env, [b]]", {"Fn::Join": ["${Env}", ["b"]]}),
        ("!Join [a, [[b]]]", {"Fn::Join": ["a", [["b"]]]}),
        ("{'Fn::If': abc}", {"Fn::If": "abc"}),
        ("!If [IsProd, a]", {"Fn::If": ["IsProd", "a"]}),
        ("{'Fn::FindInMap': abc}", {"Fn::FindInMap": "abc"}),
        ("!FindInMap [Sizes, dev]", {"Fn::FindInMap": ["Sizes", "dev"]}),
        ("!FindInMap [Broken, a, b]", {"Fn::FindInMap": ["Broken", "a", "b"]}),
        ("!FindInMap [Sizes, odd, Cpu]", {"Fn::FindInMap": ["Sizes", "odd", "Cpu", {}]}),
        ("{'Fn::Select': ab}", {"Fn::Select": "ab"}),
        ("!Select [0, [a], b]", {"Fn::Select": [0, ["a"], "b"]}),
        ("!Select [a, [b]]", {"Fn::Select": ["a", ["b"]]}),
        ("!Select [!Ref Env, [b]]", {"Fn::Select": ["${Env}", ["b"]]}),
        ("!Select [0, !Cidr a]", {"Fn::Select": [0, {"Fn::Cidr": "a"}]}),
        ("{'Fn::Split': ab}", {"Fn::Split": "ab"}),
        ("!Split ['', a]", {"Fn::Split": ["", "a"]}),
        ("!Split [5, a]", {"Fn::Split": [5, "a"]}),
        ("!Split [a, b, c]", {"Fn::Split": ["a", "b", "c"]}),
        ("!Cidr [a]", {"Fn::Cidr": ["a"]}),
        ("!Cidr [a, 1, 2, 3]", {"Fn::Cidr": ["a", 1, 2, 3]}),
        ("{'Fn::Other': null}", {"Fn::Other": None}),
        ("{'Fn::Other': !Ref 'AWS::NoValue'}", {"Fn::Other": None}),
        ("{'Fn::Other': a, More: b}", {"Fn::Other": "a", "More": "b"}),
        ("!Sub ['${X}-ü', {X: !ImportValue ö}]", '{"Fn::ImportValue": "ö"}-ü'),
        ("{Condition: !Ref Env}", {"Condition": "${Env}"}),
        ("{Condition: {Bool: !Sub 'a'}}", {"Condition": {"Bool": "a"}}),
    ],
)
def test_what_stays_is_written_as_sub_writes_it(expression: str, value: Any) -> None:
    assert resolved(expression) == value


def test_no_value_is_none() -> None:
    assert Side(TEMPLATE).resolve({"Ref": "AWS::NoValue"}, {}) is None


def test_known_parameters_are_put_in() -> None:
    assert resolved("!Sub '${Env}-x'", Env="dev") == "dev-x"
    assert resolved("!Ref Names", Names="a, b") == ["a", "b"]
    assert resolved("!Ref Ports", Ports="80,443") == ["80", "443"]
    assert resolved("!Ref Image", Image="/b") == "${Image}"
    assert resolved("!FindInMap [Sizes, !Ref Env, Cpu]", Env="dev") == 256
    assert resolved("!If [IsProd, large, small]", Env="prod") == "large"


def test_a_position_in_a_network_does_not_depend_on_how_many_are_asked_for() -> None:
    few = resolved("!Select [1, !Cidr [!Ref Zone, 3, 8]]")
    assert few == resolved("!Select [1, !Cidr [!Ref Zone, 9, 8]]")
    assert few != resolved("!Select [1, !Cidr [!Ref Zone, 9, 12]]")


def test_a_network_gives_as_many_blocks_as_it_may_at_the_most() -> None:
    assert len(resolved("!Cidr [10.0.0.0/8, 300, 8]")) == 256


def test_references_are_found_wherever_they_stand() -> None:
    node = {
        "Fn::Join": ["", [{"Fn::ImportValue": {"Fn::Sub": "${Env}-x"}}, {"Fn::GetAtt": ["Queue", "Arn"]}]]
    }
    value = Side(TEMPLATE).resolve([node, {"Fn::Sub": "${Queue.Arn}"}], {})
    assert [reference.name for reference in references(value)] == ["Env", "Queue", "Queue"]
    value = Side(TEMPLATE).resolve(node, {})
    assert [str(reference) for reference in references(value)] == ["${Env}", "${Queue.Arn}"]


# ── Worlds ──


def side_by_side(template: Template, logical_id: str, **values: str) -> set[tuple[object, ...]]:
    change = pair(template, template, values)
    return {
        (change.after.exists(logical_id, world), *(change.after.properties(logical_id, world) or {}).values())
        for world in change.worlds(logical_id)
    }


BOTH = "!If [Is, !If [Or, a, b], !If [Or, c, d]]"


@pytest.mark.parametrize(
    ("conditions", "value", "worlds"),
    [
        # Malformed, where CloudFormation refuses it: nothing is known of it, and nothing breaks.
        ("{Is: {'Fn::Not': 5}, Or: {'Fn::Or': a}}", "!If [Is, a, !If [Or, a, b]]", 1),
        ("{Is: {a: 1, b: 2}, Or: [1]}", BOTH, 1),
        ("{Is: {'Fn::Equals': [a]}, Or: {'Fn::Equals': b}}", "!If [Is, a, !If [Or, a, b]]", 1),
        ("{Is: {'Fn::Equals': [!Ref Free, b, c]}}", "!If [Is, a, b]", 2),
        ("{Is: !Equals [a, b]}", "{'Fn::If': {a: 1}}", 1),
        ("{Is: !Equals [a, b]}", "{'Fn::If': []}", 1),
        ("{Is: !Equals [a, b]}", "{'Fn::FindInMap': 5}", 1),
        ("{Is: !Equals [a, b]}", "{'Fn::FindInMap': [[a], !Ref Free, c]}", 1),
        ("{Is: !Equals [a, b]}", "{'Fn::FindInMap': [Sizes, !Ref Free]}", 1),
        ("{Is: !Equals [a, b]}", "!FindInMap [Nowhere, !Ref Free, a]", 1),
        ("{Is: !Condition Is}", "!If [Is, a, b]", 1),
        ("{Is: !Condition Other, Other: !Condition Is}", "!If [Is, a, b]", 1),
        # What decides nothing.
        ("{Is: !Equals [!Ref Free, a]}", "Is", 1),
        ("{Is: !Equals [!Ref Free, a]}", "{Condition: {StringEquals: {a: !Ref Free}}}", 1),
        ("{Is: !Equals [!Ref Free, a]}", "[Sizes, !Ref Free, a]", 1),
        ("{Is: !Equals [!Ref Free, a]}", "!FindInMap [Sizes, !GetAtt R.Arn, a]", 1),
        ("{Is: !Equals [!Ref Free, !Ref Free]}", "!If [Is, a, b]", 1),
        ("{Is: !Equals [!Sub '${Free}', !Ref Free]}", "!If [Is, a, b]", 1),
        # What decides something.
        ("{Is: {'Own::Function': a}}", "!If [Is, a, b]", 2),
        ("{Is: !Equals [!GetAtt R.Arn, a]}", "!If [Is, a, b]", 2),
        ("{Is: !Equals [!Sub '${Free}${Free}', a]}", "!If [Is, a, b]", 2),
        ("{Is: !Equals [!Ref Free, !Ref Other]}", "!If [Is, a, b]", 2),
        ("{Is: !Equals [[!Ref Free], [a]]}", "!If [Is, a, b]", 2),
        ("{Is: !Equals [a, !GetAtt R.Arn]}", "!If [Is, a, b]", 2),
        ("{Is: !Equals [!ImportValue x, a]}", "!If [Is, a, b]", 2),
        ("{Is: !Equals [{a: !Ref Free}, a]}", "!If [Is, a, b]", 2),
        ("{Is: !Equals [!Ref Free, !Ref Other], Or: !Equals [!Ref Other, !Ref Free]}", BOTH, 2),
        ("{Is: !Equals [!GetAtt R.Arn, a], Or: !Equals [!GetAtt R.Arn, b]}", BOTH, 4),
        ("{Is: !Equals [!GetAtt R.Arn, a], Or: !Equals [!GetAtt R.Name, a]}", BOTH, 4),
        ("{Is: {'Own::F': {a: 1, b: 2}}, Or: {'Own::F': {b: 2, a: 1}}}", BOTH, 2),
        ("{Is: !Not [!Condition Or], Or: !Equals [!Ref Free, a]}", "!If [Is, a, b]", 2),
        ("{Is: !Equals [!Ref Free, a]}", "!FindInMap [Sizes, !Ref Free, a, {DefaultValue: 5}]", 4),
        ("{Is: !Equals [!Ref Free, a]}", "!FindInMap [Sizes, !Ref Free, a]", 2),
        ("{Is: !Equals [!Ref Free, a]}", "!FindInMap [Sizes, x, !Ref Free]", 2),
        ("{Is: !Equals [!Ref Few, b]}", "!If [Is, a, b]", 2),
        ("{Is: !Equals [!Ref None, b]}", "!If [Is, a, b]", 2),
        ("{Is: !Equals [!Ref Text, b]}", "!If [Is, a, b]", 2),
    ],
)
def test_what_decides_makes_worlds_and_nothing_else_does(conditions: str, value: str, worlds: int) -> None:
    template = parse(f"""
Parameters: {{Free: {{Type: String}}, Other: {{Type: String}}, Few: {{Type: String, AllowedValues: [a, b]}},
  None: {{Type: String, AllowedValues: []}}, Text: {{Type: String, AllowedValues: text}}}}
Mappings: {{Sizes: {{x: {{a: 1, b: 2}}, y: {{a: 3, c: 4}}, z: 5}}}}
Conditions: {conditions}
Resources: {{R: {{Type: X, Properties: {{V: {value}}}}}}}
""")
    seen = pair(template, template).worlds("R")
    assert len(seen) == worlds
    assert all(Side(template).exists("R", world) for world in seen)
    assert all(Side(template).properties("R", world) for world in seen)
    assert all(isinstance(name, str) for world in seen for name in world)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("!And [!Equals [a, a], !Equals [a, b]]", False),
        ("!And [!Equals [a, a]]", True),
        ("!Or [!Equals [a, b], !Equals [a, a]]", True),
        ("!Not [!Equals [a, a]]", False),
        ("!Equals ['80', 80]", True),
        ("!Equals [true, 'true']", True),
        ("!Equals [!Sub 'a', !Join ['', [a]]]", True),
        ("!Condition Nowhere", True),
        ("!Condition Never", False),
        ("{'Own::Function': [!Condition Never]}", True),
        ("!Not [!Condition Nowhere]", False),
        ("!Not [!Condition Nowhere, !Condition Nowhere]", True),
        ("{'Fn::Equals': [a, b, c]}", True),
    ],
)
def test_conditions_hold_or_not(condition: str, holds: bool) -> None:
    template = parse(
        f"Conditions: {{Is: {condition}, Never: !Equals [a, b]}}\n"
        "Resources: {R: {Type: X, Condition: Is}}"
    )
    assert Side(template).exists("R", {}) is holds


# ── What differs ──


def differing(before: object, after: object) -> list[tuple[str, object, object]]:
    return [(one.path, one.before, one.after) for one in differences(before, after, None, Names())]


def test_an_item_put_first_of_many_alike_is_one_difference() -> None:
    assert differing(["a"] * 250, ["b", *["a"] * 250]) == [("[0]", ABSENT, "b")]


def test_text_that_becomes_json_is_shown_as_text() -> None:
    assert differing({"A": "x"}, {"A": '{"a": 1}'}) == [("A", "x", '{"a": 1}')]
    assert differing({"A": '["a"]'}, {"A": "x"}) == [("A", '["a"]', "x")]


def test_a_name_of_a_hundred_characters_is_whole() -> None:
    for length, shown in ((100, "k" * 100), (101, "k" * 99 + "…")):
        tag = {"Key": "k" * length, "Value": "a"}
        assert [path for path, *_ in differing([tag], [{**tag, "Value": "b"}])] == [f"[{shown}].Value"]


def test_worlds_come_in_one_order() -> None:
    names = [f"v{number:02}" for number in range(20)]
    conditions = ", ".join(f"Is{name}: !Equals [!Ref P, {name}]" for name in reversed(names))
    values = "".join(f"!If [Is{name}, a, b], " for name in reversed(names))
    template = parse(
        f"Parameters: {{P: {{Type: String}}}}\nConditions: {{{conditions}}}\n"
        f"Resources: {{R: {{Type: X, Properties: {{V: [{values}]}}}}}}"
    )
    assert [world["P"] for world in pair(template, template).worlds("R")][:-1] == names


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


# ── More combinations than anybody can look at ──


def conditional(number: int, **properties: str) -> str:
    """A queue with as many conditions, each deciding something; and what else it is given."""
    names = [f"P{n}" for n in range(number)]
    declarations = ", ".join(f"{name}: {{Type: String}}" for name in names)
    conditions = ", ".join(f"C{name}: !Equals [!Ref {name}, x]" for name in names)
    tags = ", ".join(f"!If [C{name}, {{Key: {name}, Value: a}}, !Ref 'AWS::NoValue']" for name in names)
    more = "".join(f", {name}: {value}" for name, value in properties.items())
    return (
        f"Parameters: {{{declarations}}}\nConditions: {{{conditions}}}\n"
        f"Resources: {{Queue: {{Type: 'AWS::SQS::Queue', Properties: {{Tags: [{tags}]{more}}}}}}}"
    )


def test_many_conditions_that_decide_no_difference_leave_it_certain() -> None:
    before, after = (parse(conditional(14, QueueName=name)) for name in ("one", "two"))
    assert not pair(before, after).looked_at("Queue").sampled
    assert len(pair(before, after).worlds("Queue")) < 100
    [change] = review(before, after).changes
    assert (change.replacement, change.class_) == ("yes", "data-loss")


NESTED = "!If [IsAlpha, same, !If [IsBeta, same, {}]]"
GAMMA, OTHER_GAMMA = (f"IsGamma: !Equals [!Ref Gamma, {text}]" for text in "xy")


@pytest.mark.parametrize(
    ("value", "old", "new", "given"),
    [
        ("!If [IsGamma, one, same]", GAMMA, OTHER_GAMMA, {}),
        (
            "!If [Not, one, same]",
            *(f"{text}, Not: !Not [!Condition IsGamma]" for text in (GAMMA, OTHER_GAMMA)),
            {},
        ),
        ("!FindInMap [Sizes, a, b]", "one", "two", {}),
        ("!Ref Gamma", GAMMA, GAMMA, {"Gamma": "z"}),
        ("VALUE", "one", "two", {}),
    ],
)
def test_what_moved_is_seen_in_combinations_of_many_conditions(
    value: str, old: str, new: str, given: dict[str, str]
) -> None:
    names = ("Alpha", "Beta", "Gamma")
    sides = []
    for section in (old, new):
        text = conditional(12, QueueName=NESTED.format(value.replace("VALUE", section)))
        text = text.replace(
            "Parameters: {", "Parameters: {" + "".join(f"{name}: {{Type: String}}, " for name in names)
        )
        own = section if ":" in section else GAMMA
        always = "IsAlpha: !Equals [!Ref Alpha, x], IsBeta: !Equals [!Ref Beta, x], "
        text = text.replace("Conditions: {", f"Conditions: {{{always}{own}, ")
        sides.append(
            parse(f"Mappings: {{Sizes: {{a: {{b: {section if section != own else 'one'}}}}}}}\n{text}")
        )
    assert not pair(sides[0], sides[1], None, given).looked_at("Queue").sampled
    [found] = review(sides[0], sides[1], None, given).changes
    assert (found.replacement, found.class_) == ("maybe", "data-loss")


def test_what_is_referred_to_on_a_branch_that_decides_no_difference_is_seen() -> None:
    texts = [
        conditional(14, KmsMasterKeyId="!If [CP3, fixed, !Ref Topic]").replace("{Queue:", "\n  Queue:")[:-1]
        + f"\n  Topic: {{Type: 'AWS::SNS::Topic', Properties: {{TopicName: {name}}}}}"
        for name in ("one", "two")
    ]
    queue, _ = review(parse(texts[0]), parse(texts[1])).changes
    assert [detail.path for detail in queue.details] == ["Properties.KmsMasterKeyId"]


def test_what_refers_to_it_in_a_combination_that_was_not_looked_at_is_told() -> None:
    topic = (
        "\n  Topic: {Type: 'AWS::SNS::Topic', Properties:"
        " {TopicName: !If [CP1, fixed, !If [CP3, fixed, !GetAtt Queue.QueueName]]}}"
    )
    for name, expected in (
        ("QueueName", [("Queue", "yes"), ("Topic", "maybe")]),
        ("DelaySeconds", [("Queue", "no")]),
    ):
        texts = [conditional(14, **{name: value}).replace("{Queue:", "\n  Queue:")[:-1] for value in "12"]
        changes = review(parse(texts[0] + topic), parse(texts[1] + topic)).changes
        assert [(change.logical_id, change.replacement) for change in changes] == expected


def test_what_was_judged_by_a_sample_is_said_and_never_certain() -> None:
    text = conditional(14, QueueName="one")
    after = text.replace("Value: a", "Value: b").replace("QueueName: one", "QueueName: two")
    looked_at = pair(parse(text), parse(after)).looked_at("Queue")
    assert (looked_at.sampled, looked_at.total) == (True, 2**14)
    assert len(looked_at.seen) <= 1024
    [change] = review(parse(text), parse(after)).changes
    assert change.replacement == "maybe"
    assert all(detail.replacement != "yes" for detail in change.details)
    assert "of 16384 combinations of open values were judged" in change.reasons[0]


def test_what_no_sample_finds_is_told_as_unjudged() -> None:
    """It takes four values at once, of fourteen."""
    text = conditional(14).replace(
        "Conditions: {",
        "Conditions: {All: !And [!Condition CP1, !Not [!Condition CP3], !Not [!Condition CP5],"
        " !Not [!Condition CP7]], ",
    )
    sides = [
        text.replace("Tags: [", f"QueueName: !If [All, {name}, same], Tags: [") for name in ("one", "two")
    ]
    # Every condition is written otherwise, so that none can be left out.
    sides[1] = re.sub(r"!Equals \[(!Ref P\d+), x\]", r"!Equals [x, \1]", sides[1])
    assert pair(parse(sides[0]), parse(sides[1])).looked_at("Queue").sampled
    found = review(parse(sides[0]), parse(sides[1]))
    [change] = found.changes
    assert (change.replacement, change.class_, change.details) == ("maybe", "replacement", ())
    assert change.reasons[0].startswith("may: only ")


def test_a_sample_of_what_opens_nothing_leaves_what_opens_certain() -> None:
    group = (
        "\n  Group: {Type: 'AWS::EC2::SecurityGroup', Properties: {GroupDescription: g, SecurityGroupIngress:"
        " [{IpProtocol: tcp, FromPort: 1, ToPort: 1, CidrIp: NET}]}}"
    )
    text = conditional(14, QueueName="one").replace("{Queue:", "\n  Queue:")[:-1]
    before = text + group.replace("NET", "10.0.0.0/8")
    after = text.replace("Value: a", "Value: b") + group.replace("NET", "0.0.0.0/0")
    found = review(parse(before), parse(after)).access
    assert found.unjudged == ()
    assert {entry.to_json()["maybe"] for entry in found.reachability} == {False}


def test_a_sample_of_policies_is_said_and_nothing_of_it_is_certain() -> None:
    role = conditional(14).replace("AWS::SQS::Queue", "AWS::IAM::Role")
    statement = "{Effect: Allow, Action: 's3:GetObject', Resource: NAME}"
    policy = f"Policies: [{{PolicyDocument: {{Statement: [{statement}]}}}}], "
    sides = [
        role.replace("Tags: [", policy.replace("NAME", name) + "Tags: [").replace(
            "Value: a", f"Value: {name}"
        )
        for name in ("one", "two")
    ]
    found = review(parse(sides[0]), parse(sides[1]))
    assert found.access.unjudged[0].startswith("permissions: only ")
    assert [entry.to_json()["maybe"] for entry in found.access.permissions] == [True, True]
    assert "UNJUDGED · permissions" in as_text(found)


@pytest.mark.parametrize("names", [(True, False), (False, True)])
def test_a_name_that_is_given_or_taken_in_combinations_of_many_conditions(names: tuple[bool, bool]) -> None:
    none = "!Ref 'AWS::NoValue'"
    name = f"!If [IsAlpha, {none}, !If [IsBeta, {none}, one]]"
    sides = []
    for is_named in names:
        text = conditional(12, **({"QueueName": name} if is_named else {}))
        text = text.replace("Parameters: {", "Parameters: {Alpha: {Type: String}, Beta: {Type: String}, ")
        always = "IsAlpha: !Equals [!Ref Alpha, x], IsBeta: !Equals [!Ref Beta, x], "
        sides.append(parse(text.replace("Conditions: {", f"Conditions: {{{always}")))
    [found] = review(sides[0], sides[1]).changes
    assert (found.replacement, found.class_) == ("maybe", "data-loss")


# ── Which combinations are looked at ──


def conditions(*names: str) -> str:
    """Queues named by as many conditions; each parameter that is `a` decides one."""
    declared = ", ".join(f"{name}: {{Type: String}}" for name in names)
    held = ", ".join(f"Is{name}: !Equals [!Ref {name}, a]" for name in names)
    return f"Parameters: {{{declared}}}\nConditions: {{{held}}}\n"


def chosen(*names: str) -> str:
    return "".join(f"!If [Is{name}, {name}, !Ref 'AWS::NoValue'], " for name in names)


def looked_at(monkeypatch: pytest.MonkeyPatch, most: int, moved: str, names: str = "PQR") -> Worlds:
    """What is looked at of a queue whose tags turn on every name, and whose name on those that are moved."""
    monkeypatch.setattr("fraud_cfn.review.pair._MOST_WORLDS", most)
    sides = [
        parse(
            f"{conditions(*names)}Resources: {{Queue: {{Type: 'AWS::SQS::Queue', Properties: {{"
            f"Same: [{chosen(*names)}], Moved: [{chosen(*moved)} {text}]}}}}}}"
        )
        for text in ("one", "two")
    ]
    return pair(sides[0], sides[1]).looked_at("Queue")


def written_out(worlds: Worlds) -> list[str]:
    return [
        "".join(value if isinstance(value, str) else "-" for value in world.values()) for world in worlds.seen
    ]


def test_as_many_combinations_as_are_allowed_are_all_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    found = looked_at(monkeypatch, 8, "PQR")
    assert (found.total, found.sampled) == (8, False)
    assert written_out(found) == ["aaa", "aa-", "a-a", "a--", "-aa", "-a-", "--a", "---"]


def test_beyond_them_what_differs_is_combined_and_the_rest_is_varied(monkeypatch: pytest.MonkeyPatch) -> None:
    found = looked_at(monkeypatch, 4, "PQ")
    assert (found.total, found.sampled) == (8, False)
    assert written_out(found) == ["aaa", "a-a", "-aa", "--a", "aa-"]


def test_a_sample_has_every_pair_of_what_differs_as_far_as_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = looked_at(monkeypatch, 7, "PQR")
    assert (found.total, found.sampled, str(found)) == (
        8,
        True,
        "only 7 of 8 combinations of open values were judged",
    )
    assert written_out(found) == ["aaa", "a-a", "-aa", "--a", "aa-", "-a-", "a--"]
    assert [set(world) for world in found.seen] == [{"P", "Q", "R"}] * 7
    assert len(looked_at(monkeypatch, 3, "PQR").seen) == 6


def test_where_every_pair_is_everything_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    found = looked_at(monkeypatch, 3, "PQ", "PQ")
    assert (len(found.seen), found.total, found.sampled) == (4, 4, False)


def test_where_no_two_worlds_differ_in_one_value_alone_every_one_may_decide() -> None:
    worlds = ({"A": "a", "B": "a"}, {"A": "b", "B": "b"})
    assert deciding(worlds, {0}, sampled=True) == ("A", "B")
    assert deciding(worlds, {0, 1}, sampled=True) == ("A", "B")
    assert deciding(worlds, {0, 1}, sampled=False) == ()
