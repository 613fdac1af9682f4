"""Reading a template: any form CloudFormation takes, and one clear line for the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fraud_cfn.config import COMMITTED
from fraud_cfn.review.model import TemplateError, parse, read
from fraud_cfn.review.review import review

QUEUE = "Resources: {Queue: {Type: 'AWS::SQS::Queue'}}"


def test_yaml_and_json_read_the_same() -> None:
    yaml = "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Properties: {QueueName: !Sub 'jobs-${Env}'}"
    json = """{"Resources": {"Q": {"Type": "AWS::SQS::Queue",
        "Properties": {"QueueName": {"Fn::Sub": "jobs-${Env}"}}}}}"""
    assert parse(yaml).resources == parse(json).resources


def test_a_short_attribute_stands_in_its_long_form() -> None:
    template = parse(f"{QUEUE}\nOutputs: {{Arn: {{Value: !GetAtt Queue.Nested.Arn}}}}")
    assert template.outputs["Arn"]["Value"] == {"Fn::GetAtt": ["Queue", "Nested.Arn"]}


def test_an_account_number_and_a_word_like_on_are_names() -> None:
    template = parse(f"{QUEUE}\nMappings: {{Accounts: {{111122223333: {{on: 5}}}}}}")
    assert template.mappings["Accounts"] == {"111122223333": {"on": 5}}


def test_a_date_stays_text_and_an_anchor_is_followed() -> None:
    template = parse(f"{QUEUE}\nMetadata: {{A: &anchor {{Version: 2012-10-17}}, B: *anchor}}")
    assert template.body["Metadata"]["B"] == {"Version": "2012-10-17"}


def test_loops_stand_apart_from_resources() -> None:
    template = parse("Resources: {'Fn::ForEach::Queues': [Name, [a, b], {}], Q: {Type: 'AWS::SQS::Queue'}}")
    assert list(template.resources) == ["Q"]
    assert list(template.loops) == ["Fn::ForEach::Queues"]


@pytest.mark.parametrize("transform", ["AWS::LanguageExtensions", "[AWS::LanguageExtensions]"])
def test_transforms_are_listed_however_they_are_written(transform: str) -> None:
    assert parse(f"Transform: {transform}\n{QUEUE}").transforms == ("AWS::LanguageExtensions",)


def test_our_template_tells_which_file_defines_a_resource() -> None:
    assert read(COMMITTED).defined_in["JobQueue"].endswith("messaging.py")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it has no Resources"),
        ("just text", "it has no Resources"),
        ("a: [", "at line 2"),
        ("\tResources: {}", "line 1"),
        ('{"Resources": {"A": {"Type": "X::Y::Z"}, "A": {"Type": "X::Y::Z"}}}', "'A' stands twice"),
        ("Resources:\n  A: {Type: X}\n  A: {Type: X}\n", "line 3: the key 'A' stands twice"),
        ("Resources: {A: text}", "Resources A is no mapping"),
        ("Resources: {A: {}}", "the resource A has no Type"),
        ("Resources: {A: {Type: X, Properties: [1]}}", "the Properties of A are no mapping"),
        (f"{QUEUE}\nParameters: [1]", "Parameters is no mapping"),
        (f"{QUEUE}\nMetadata:\n  A: !!binary aGk=", "line 3: CloudFormation does not read the tag !!binary"),
        (f"{QUEUE}\nMetadata: !!timestamp 2001-01-01", "the tag !!timestamp"),
        (f"{QUEUE}\nMetadata: {{A: !!set {{a, b}}, B: !!omap [a: 1]}}", "the tag !!set"),
        (b"\xff\xfe", "not UTF-8"),
        ("Resources: &r {A: {Type: X, Properties: {P: *r}}}", "nested more than"),
        ("[" * 5000, ""),  # what is wrong first differs between versions of Python
        ('{"a":' * 100_000, ""),
        (" " * 1_048_577, "larger than the 1,048,576 bytes"),
        (
            "L0: &l0 [a,a,a,a,a,a,a,a,a,a]\n"
            + "".join(f"L{n}: &l{n} [{','.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 9))
            + QUEUE,
            "values (anchors followed)",
        ),
    ],
)
def test_what_is_no_template_is_one_line_that_names_it(content: str | bytes, reason: str) -> None:
    with pytest.raises(TemplateError) as error:
        parse(content, "before.yaml")
    message = str(error.value)
    assert message.startswith("before.yaml ")
    assert reason in message
    assert "\n" not in message


def test_a_missing_file_and_a_folder_are_one_line(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(TemplateError, match="cannot be read"):
            read(path)


def test_text_that_nests_without_end_is_text() -> None:
    sides = [
        parse(
            json.dumps({"Resources": {"X": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": text}}}})
        )
        for text in ("[" * 100_000, "[" * 100_001)
    ]
    [change] = review(sides[0], sides[1]).changes
    assert [detail.path for detail in change.details] == ["Properties.DisplayName"]
