"""Reading a template: any form CloudFormation takes, and one clear line for the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fraud_cfn.config import COMMITTED
from fraud_cfn.review.model import TemplateError, parse, read
from fraud_cfn.review.review import review

SECTIONS = ("Parameters", "Mappings", "Conditions", "Rules", "Outputs")
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


@pytest.mark.parametrize(
    "transform",
    [
        "AWS::LanguageExtensions",
        "[AWS::LanguageExtensions]",
        "{Name: AWS::LanguageExtensions}",
        "[{Name: AWS::LanguageExtensions, Parameters: {A: b}}]",
    ],
)
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
        ("Resources: [a]", "it has no Resources"),
        ("Resources: {A: {Type: 5}}", "the resource A has no Type"),
        *((f"{QUEUE}\n{name}: [1]", f"{name} is no mapping of names") for name in SECTIONS),
        (f"{QUEUE}\nParameters: {{P: text}}", "Parameters P is no mapping"),
        (f"{QUEUE}\nOutputs: {{O: text}}", "Outputs O is no mapping"),
        (f"{QUEUE}\nMetadata: .inf", "inf is no number that JSON knows"),
        (f"{QUEUE}\nMetadata: {{A: [.nan]}}", "nan is no number that JSON knows"),
        (f"{QUEUE}\nMetadata: {'[' * 101}{']' * 101}", "nested more than 100 deep"),
        (f"{QUEUE}\nMetadata: {'[' * 100_000}{']' * 100_000}", "is no template: nested more than 100 deep"),
        (f"{QUEUE}\nMetadata:\n  {'- ' * 100_000}a", "is no template: nested more than 100 deep"),
        (f"{QUEUE}\nMetadata: {{? [a] : b}}", "is no template at line 2: found unhashable key"),
        (f"{QUEUE}\nMetadata: \x00", "is no template: not YAML"),
        (f"{QUEUE}\nMetadata: *none", "is no template at line 2: found undefined alias"),
        ("Resources: {A: {}}", "the resource A has no Type"),
        ("Resources: {A: {Type: ''}}", "the resource A has no Type"),
        ("Resources: {A: {Type: X, Properties: [1]}}", "the Properties of A are no mapping"),
        (f"{QUEUE}\nParameters: [1]", "Parameters is no mapping"),
        (f"{QUEUE}\nMetadata:\n  A: !!binary aGk=", "line 3: CloudFormation does not read the tag !!binary"),
        (f"{QUEUE}\nMetadata: !!timestamp 2001-01-01", "the tag !!timestamp"),
        (f"{QUEUE}\nMetadata: {{A: !!set {{a, b}}, B: !!omap [a: 1]}}", "the tag !!set"),
        (b"\xff\xfe", "not UTF-8"),
        ("Resources: &r {A: {Type: X, Properties: {P: *r}}}", "nested more than"),
        (f"{QUEUE}\nMetadata: {'9' * 5000}", "Exceeds the limit"),
        (f'{{"Resources": {"[" * 100_000}{"]" * 100_000}}}', "is no template: nested too deeply"),
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


@pytest.mark.parametrize(
    "text",
    [
        f"{{{QUEUE}}}",
        f"\ufeff{QUEUE}".encode(),
        f"{QUEUE}\n# {'a' * (1_048_576 - len(QUEUE) - 3)}",
        f"{QUEUE}\nMetadata: {'[' * 100}{']' * 100}",
        f"{QUEUE}\nMappings: {{}}\nConditions: {{A: text}}\nRules: {{A: text}}\nParameters:\nOutputs:",
        f"{QUEUE[:-1]}, 'Fn::Transform': [a], 'Fn::ForEach::A': text}}",
        "Resources: {Queue: {Type: 'AWS::SQS::Queue', Properties: null}}",
    ],
)
def test_what_is_a_template_is_read(text: str | bytes) -> None:
    template = parse(text)
    assert list(template.resources) == ["Queue"]
    assert template.transforms == ()
    assert (template.type_of("Queue"), template.type_of("Other")) == ("AWS::SQS::Queue", "")


def test_what_is_merged_has_names_too_and_may_be_overridden() -> None:
    template = parse(f"{QUEUE}\nMappings: {{A: {{<<: {{5: {{B: 1}}, x: {{B: 2}}}}, x: {{B: 3}}}}}}")
    assert template.mappings == {"A": {"5": {"B": 1}, "x": {"B": 3}}}
    assert list(parse("Resources: {<<: {7: {Type: X}}}").resources) == ["7"]


def test_a_missing_file_and_a_folder_are_one_line(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(TemplateError, match="cannot be read"):
            read(path)
    with pytest.raises(TemplateError, match=r"none\.yaml cannot be read: no such file or directory$"):
        read(tmp_path / "none.yaml")


def test_text_that_nests_without_end_is_text() -> None:
    sides = [
        parse(
            json.dumps({"Resources": {"X": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": text}}}})
        )
        for text in ("[" * 100_000, "[" * 100_001)
    ]
    [change] = review(sides[0], sides[1]).changes
    assert [detail.path for detail in change.details] == ["Properties.DisplayName"]
