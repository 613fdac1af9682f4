"""`--format json`: every document is of the form that docs/result.schema.json tells.

`Teller` holds that of each story; here are those that no other story tells.
"""

from __future__ import annotations

import ast
import json

import pytest

from fraud_cfn.config import ROOT
from fraud_cfn.deploy.errors import Exit
from tests import sources
from tests.deploy.conftest import Teller
from tests.deploy.fake_aws import Aws, change
from tests.deploy.fake_running import Running
from tests.deploy.schema import SCHEMA, documents, misfits
from tests.deploy.test_logs import Lines
from tests.deploy.test_processes import VERBS

MORE = {
    "release": ("--service", "api", "--tag", "v1", "--yes"),
    "destroy": ("--yes", "--confirm", "TapStackdev"),
    "deploy": ("--yes",),
    "start": ("--yes",),
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_tells_json_of_the_documented_form(live: Running, tell: Teller, verb: str) -> None:
    live.aws.changes = [change("Modify", "Jobs", "AWS::SQS::Queue", Replacement="False")]
    told = tell(" ".join([verb, "dev", *MORE.get(verb, ()), "--format", "json"]))
    (document,) = documents(told.text)
    assert (document["stack"], document["exit"]) == ("TapStackdev", told.code)
    assert told.last == f"result={document['result']} stack=TapStackdev"


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("wrong", ["--colour", "--region us-east-1", "--timeout soon"])
def test_a_wrong_command_line_is_told_in_json_too(tell: Teller, verb: str, wrong: str) -> None:
    told = tell(f"{verb} dev {wrong} --format json")
    (document,) = documents(told.text)
    assert (told.code, document["exit"], document["result"]) == (2, 2, "usage")
    assert document["error"]
    assert document["next"]


def test_logs_are_lines_of_the_documented_form(deployed: Aws, tell: Teller) -> None:
    Lines(deployed).add("one", -5)
    (document,) = documents(tell("logs dev --format json").text)
    assert [line["message"] for line in document["lines"]] == ["one"]


GOOD = {"result": "outputs", "stack": "TapStackdev", "arn": "", "exit": 0}


@pytest.mark.parametrize(
    "broken",
    [
        GOOD | {"stack": "arn:aws:cloudformation:x"},
        GOOD | {"exit": 11},
        GOOD | {"lines": [{"time": "now", "service": "api", "message": ""}]},
        GOOD | {"unknown": ["queues"]},
        GOOD | {"somethingNew": 1},
        {key: value for key, value in GOOD.items() if key != "arn"},
    ],
)
def test_a_document_of_another_form_is_seen(broken: dict[str, object]) -> None:
    assert misfits(json.dumps(GOOD)) == []
    assert misfits(json.dumps(broken))


def test_the_schema_knows_every_exit_code() -> None:
    assert SCHEMA["definitions"]["result"]["properties"]["exit"]["enum"] == [int(code) for code in Exit]


def test_the_schema_has_no_member_that_no_command_tells() -> None:
    files = (ROOT / "fraud_cfn" / "deploy").rglob("*.py")
    nodes = [node for file in files for node in ast.walk(sources.tree(file))]
    names = {node.value for node in nodes if isinstance(node, ast.Constant)}
    assert set(SCHEMA["definitions"]["result"]["properties"]) - names == set()
