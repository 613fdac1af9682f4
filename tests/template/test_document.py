"""Reading a template: as data, with the file that builds each resource; what is no template is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from fraud_cfn.config import COMMITTED
from fraud_cfn.template.document import Document, DocumentError, parse, read

SMALL = """\
AWSTemplateFormatVersion: 2010-09-09
Conditions:
  Live: !Equals [!Ref Enabled, 'true']
Resources:

  # ── Messaging: the queue of jobs ───────────── (fraud_cfn/platform/messaging.py)

  Jobs:
    Type: AWS::SQS::Queue
    Condition: Live
    Properties:
      QueueName: !Sub jobs-${Suffix}

  # ── Worker service: consumes the queue ── (fraud_cfn/platform/services/worker.py)

  Board:
    Type: AWS::CloudWatch::Dashboard
    Properties:
      DashboardBody: !Sub |
        {
          "start": "-PT3H",
          "arn": "${Jobs.Arn}"
        }

Outputs:
  Queue:
    Value: !GetAtt Jobs.Arn
"""


# ── As data ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("!Ref A", {"Ref": "A"}),
        ("!GetAtt A.B", {"Fn::GetAtt": ["A", "B"]}),
        ("!GetAtt A.B.C", {"Fn::GetAtt": ["A", "B.C"]}),
        ("!GetAtt [A, B]", {"Fn::GetAtt": ["A", "B"]}),
        ("!Sub 'a-${B}'", {"Fn::Sub": "a-${B}"}),
        ("!Sub ['${x}', {x: !Ref A}]", {"Fn::Sub": ["${x}", {"x": {"Ref": "A"}}]}),
        ("!If [A, !Ref B, !Ref 'AWS::NoValue']", {"Fn::If": ["A", {"Ref": "B"}, {"Ref": "AWS::NoValue"}]}),
        (
            "!And [!Condition A, !Not [!Condition B]]",
            {"Fn::And": [{"Condition": "A"}, {"Fn::Not": [{"Condition": "B"}]}]},
        ),
        ("!GetAZs ''", {"Fn::GetAZs": ""}),
        ("{Fn::Base64: !Ref A}", {"Fn::Base64": {"Ref": "A"}}),
        ("2024-01-01", "2024-01-01"),
        ("2024-13-45", "2024-13-45"),
        ("1.5", 1.5),
        ("true", True),
    ],
)
def test_a_short_form_is_read_in_its_long_form(short: str, long: object) -> None:
    assert parse(f"Resources: {{A: {short}}}").template == {"Resources": {"A": long}}


def test_json_is_read_too(document: Document) -> None:
    minified = document.minified()
    assert parse(minified).template == json.loads(minified)


def test_the_committed_template_is_read_by_default() -> None:
    assert read().text == COMMITTED.read_text(encoding="utf-8")


def test_a_resource_is_traced_to_the_file_in_the_banner_above_it() -> None:
    assert parse(SMALL).defined_in == {
        "Jobs": "fraud_cfn/platform/messaging.py",
        "Board": "fraud_cfn/platform/services/worker.py",
    }


def test_without_banners_no_resource_is_traced() -> None:
    assert parse("Resources:\n  Jobs:\n    Type: AWS::SQS::Queue\n").defined_in == {}


# ── Minified ───────────────────────────────────────────────────────────────────────────────────────


def unfolded(value: Any) -> Any:
    """The value with JSON inside of texts (the dashboard, lifecycle policies) as data."""
    if isinstance(value, dict):
        return {key: unfolded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unfolded(item) for item in value]
    try:
        return json.loads(value) if isinstance(value, str) and value.startswith("{") else value
    except ValueError:
        return value


def test_the_minified_template_means_the_same(document: Document) -> None:
    minified = json.loads(document.minified())
    assert unfolded(minified) == unfolded(document.template)
    assert list(minified["Resources"]) == list(document.template["Resources"])


def test_the_minified_template_spends_no_blanks_not_even_in_the_dashboard(document: Document) -> None:
    minified = document.minified()
    body = json.loads(minified)["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    assert minified == json.dumps(json.loads(minified), separators=(",", ":"), ensure_ascii=False)
    assert body == json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False)
    assert "\n" not in minified


def test_the_small_template_minified_is_exactly_this() -> None:
    assert parse(SMALL).minified() == (
        '{"AWSTemplateFormatVersion":"2010-09-09",'
        '"Conditions":{"Live":{"Fn::Equals":[{"Ref":"Enabled"},"true"]}},'
        '"Resources":{"Jobs":{"Type":"AWS::SQS::Queue","Condition":"Live",'
        '"Properties":{"QueueName":{"Fn::Sub":"jobs-${Suffix}"}}},'
        '"Board":{"Type":"AWS::CloudWatch::Dashboard",'
        r'"Properties":{"DashboardBody":{"Fn::Sub":"{\"start\":\"-PT3H\",\"arn\":\"${Jobs.Arn}\"}"}}}},'
        '"Outputs":{"Queue":{"Value":{"Fn::GetAtt":["Jobs","Arn"]}}}}'
    )


def test_text_that_only_looks_like_json_is_left_as_it_is() -> None:
    text = "{\n  not json\n}"
    document = parse(yaml.dump({"Resources": {"A": text}}))
    assert json.loads(document.minified()) == {"Resources": {"A": text}}


# ── What is no template ────────────────────────────────────────────────────────────────────────────


def refusal(file: Path) -> str:
    with pytest.raises(DocumentError) as refused:
        read(file)
    message = str(refused.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xff\xfe", "cannot be read (not UTF-8)"),
        (b"", "is not a template (no Resources)"),
        (b"just text", "is not a template (no Resources)"),
        (b"- Resources", "is not a template (no Resources)"),
        (b"Parameters: {}", "is not a template (no Resources)"),
        (b"Resources: none", "is not a template (no Resources)"),
        (b"Resources:\n  A: [\n", "is not a template at line 3 (did not find expected node content)"),
        (
            b"Resources:\n\tA: 1\n",
            "is not a template at line 2 (found character that cannot start any token)",
        ),
        (b"Resources: \x00", "is not a template (not YAML)"),
        (b"A: 1\n---\nB: 2\n", "is not a template at line 2 (but found another document)"),
        (b"Resources: !!python/name:os.system\n", "is not a template at line 1 (could not determine a"),
    ],
    ids=repr,
)
def test_what_is_no_template_is_refused_in_one_line(content: bytes, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "template.yaml"
    file.write_bytes(content)
    message = refusal(file)
    assert message.startswith(f"{file} {problem}")
    assert message.endswith(": run 'make template'")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("missing.yaml", "no such file or directory"),
        (".", "is a directory"),
        ("file/template.yaml", "not a directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_one_line(name: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert refusal(tmp_path / name) == f"{tmp_path / name} cannot be read ({problem}): run 'make template'"
