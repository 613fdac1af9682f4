"""The schema of environment files says in an editor what the reader says at a deployment."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fraud_cfn.config import ENVIRONMENT_SCHEMA
from fraud_cfn.template import environments, schema
from fraud_cfn.template.document import Document
from tests.template.test_environments import DECLARED

COMMITTED = json.loads(ENVIRONMENT_SCHEMA.read_text(encoding="utf-8"))


def said(content: Any, against: dict[str, Any] = COMMITTED) -> list[str]:
    from cfnlint.jsonschema import StandardValidator  # half a second: not at collection, in every worker

    return [error.message for error in StandardValidator(against).iter_errors(content)]


@pytest.mark.parametrize(
    ("name", "written", "read"),  # what stands in the file, and how an editor reads it (YAML 1.2)
    [
        ("Tag", "v1", "v1"),
        ("Tag", "1.10", 1.1),
        ("Tag", "0123", 123),
        ("Tag", "true", True),
        ("Tag", "V1", "V1"),
        ("Tag", "abcdefghijklm", "abcdefghijklm"),
        ("Tag", "[a]", ["a"]),
        ("Tag", "~", None),
        ("Tag", "{a: b}", {"a": "b"}),
        ("Count", "5", 5),
        ("Count", "1e1", 10.0),
        ("Count", "'5'", "5"),
        ("Count", "0", 0),
        ("Count", "21", 21),
        ("Count", "five", "five"),
        ("Choice", "true", True),
        ("Choice", "'true'", "true"),
        ("Choice", "false", False),
        ("Choice", "3", 3),
        ("Choice", "4", 4),
        ("Zones", "[a, b]", ["a", "b"]),
        ("Zones", "[a, d]", ["a", "d"]),
        ("Ports", "[1, 2]", [1, 2]),
        ("Ports", "[1, 200]", [1, 200]),
        ("Elsewhere", "x", "x"),
        ("EnvironmentSuffix", "dev", "dev"),
    ],
)
def test_schema_and_reader_agree(name: str, written: str, read: Any) -> None:
    try:
        content = f"parameters:\n  {name}: {written}".encode()
        refused = bool(environments.problems(environments.parse(content, "dev", "dev.yaml"), DECLARED))
    except environments.EnvironmentFileError:
        refused = True
    assert bool(said({"parameters": {name: read}}, schema.schema(DECLARED))) == refused


@pytest.mark.parametrize(
    ("content", "fits"),
    [
        ({}, True),
        ({"parameters": None, "tags": None}, True),
        ({"tags": {"team": "fraud", "cost": 12, "on": True}}, True),
        ({"parameter": {}}, False),
        ({"parameters": []}, False),
        ({"tags": {"aws:team": "fraud"}}, False),
        ({"tags": {"team": ""}}, False),
        ({"tags": {"team": "v" * 257}}, False),
        ({"tags": {f"k{number}": "v" for number in range(51)}}, False),
        (
            {"parameters": {"DatabaseMinCapacity": 0.5, "VpcCidr": "10.7.0.0/16", "DatabaseReader": False}},
            True,
        ),
        ({"parameters": {"DatabaseEngineVersion": 17.9, "ApiImageTag": 1.1}}, True),
        ({"parameters": {"VpcCidr": 10}}, False),
        ({"parameters": {"VpcCidr": "10.7.0.0/8"}}, False),
    ],
)
def test_the_committed_schema_takes_what_fits_and_nothing_else(content: dict[str, Any], fits: bool) -> None:
    assert (said(content) == []) == fits


def test_the_committed_schema_knows_each_parameter_with_its_description(document: Document) -> None:
    properties = COMMITTED["properties"]["parameters"]["properties"]
    declared = document.template["Parameters"]
    assert list(properties) == list(declared)
    for name, shown in properties.items():
        assert shown["description"].startswith(declared[name]["Description"])


def test_a_hidden_default_stays_out_of_the_schema() -> None:
    assert "changeme" not in schema.rendered(DECLARED)


def test_a_tag_has_the_same_signs_in_an_editor() -> None:
    for sign in [*map(chr, range(128)), "é", "\u3000"]:
        is_refused = bool(environments.tag_misfit("k", f"a{sign}b"))
        assert bool(said({"tags": {"k": f"a{sign}b"}})) == is_refused, repr(sign)
        assert bool(said({"tags": {f"k{sign}k": "a"}})) == is_refused, repr(sign)
