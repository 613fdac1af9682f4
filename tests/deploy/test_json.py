"""`--format json`: every document is of the form that docs/result.schema.json tells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from fraud_cfn.config import ROOT
from fraud_cfn.deploy.errors import Exit
from tests.deploy.conftest import Teller
from tests.deploy.fake_aws import Aws, change
from tests.deploy.test_logs import Lines

SCHEMA = json.loads((ROOT / "docs" / "result.schema.json").read_text(encoding="utf-8"))


def misfits(document: Any) -> list[str]:
    from cfnlint.jsonschema import StandardValidator  # half a second: not at collection, in every worker

    return [error.message for error in StandardValidator(_resolved()).iter_errors(document)]


def _resolved() -> dict[str, Any]:
    """The schema of a result, with that of a line in place of what refers to it."""
    result = json.loads(json.dumps(SCHEMA["definitions"]["result"]))
    result["properties"]["lines"]["items"] = SCHEMA["definitions"]["line"]
    return result


def documents(text: str) -> Iterator[dict[str, Any]]:
    yield json.loads(text[text.index("{\n") : text.rindex("\n}") + 2])


@pytest.mark.parametrize(
    "line",
    ["outputs dev", "plan dev", "logs dev", "outputs dev --region us-east-1", "deploy dev", "release dev"],
)
def test_every_document_is_of_the_documented_form(deployed: Aws, tell: Teller, line: str) -> None:
    deployed.changes = [change("Modify", "Jobs", "AWS::SQS::Queue", Replacement="False")]
    Lines(deployed).add("one", -5)
    for document in documents(tell(f"{line} --format json").text):
        assert misfits(document) == []
        assert document["stack"] == "TapStackdev"


def test_a_document_of_another_form_is_seen() -> None:
    good = {"result": "outputs", "stack": "TapStackdev", "arn": "", "exit": 0}
    assert misfits(good) == []
    for broken in (
        good | {"stack": "arn:aws:cloudformation:x"},
        good | {"exit": 11},
        good | {"lines": [{"time": "now", "service": "api", "message": ""}]},
        {key: value for key, value in good.items() if key != "arn"},
    ):
        assert misfits(broken)


def test_the_schema_knows_every_exit_code() -> None:
    assert SCHEMA["definitions"]["result"]["properties"]["exit"]["enum"] == [int(code) for code in Exit]
