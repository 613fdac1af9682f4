"""Exit codes: each has one meaning, and a story of its own here; the page, the help and the schema agree."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from fraud_cfn.config import ROOT
from fraud_cfn.deploy.cli import main
from fraud_cfn.deploy.errors import Exit
from tests.deploy.conftest import Teller
from tests.deploy.fake_aws import Aws, FaultError, change, steps

LOST = change("Remove", "Jobs", "AWS::SQS::Queue", PolicyAction="Delete")


def at_rest(aws: Aws) -> None:
    """A stack that was deployed before, with one harmless change ahead."""
    aws.status = "UPDATE_COMPLETE"
    aws.parameters = {
        "EnvironmentSuffix": "dev",
        "DatabaseCredentialsArn": aws.secret_arn("fraud-database-dev"),
        "ApiKeysArn": aws.secret_arn("fraud-api-keys-dev"),
    }
    aws.changes = [change("Modify", "Dashboard", "AWS::CloudWatch::Dashboard", Replacement="False")]


def ends(aws: Aws, *lines: str) -> None:
    aws.scripts["ExecuteChangeSet"] = steps("0 UPDATE_IN_PROGRESS", *lines)


def unchanged(aws: Aws) -> None:
    aws.reason = "No updates are to be performed."


def rolled_back(aws: Aws) -> None:
    ends(
        aws,
        "1 UPDATE_FAILED Dashboard T no",
        "2 UPDATE_ROLLBACK_IN_PROGRESS",
        "3 UPDATE_ROLLBACK_COMPLETE",
    )


def rejected(aws: Aws) -> None:
    aws.faults["ExecuteChangeSet"] = [FaultError("InsufficientCapabilitiesException", "Requires IAM")]


def stuck(aws: Aws) -> None:
    ends(aws, "1 UPDATE_ROLLBACK_IN_PROGRESS", "2 UPDATE_FAILED Dashboard T no", "3 UPDATE_ROLLBACK_FAILED")


def destroying(aws: Aws) -> None:
    aws.changes = [LOST]


def stopped_halfway(aws: Aws) -> None:
    aws.status = "UPDATE_FAILED"
    aws.scripts["Before"] = steps("0 UPDATE_IN_PROGRESS", "1 UPDATE_FAILED Dashboard T no", "2 UPDATE_FAILED")
    aws.play("Before", "before")
    aws.clock.sleep(5)


def throttled(aws: Aws) -> None:
    aws.faults["CreateChangeSet"] = [FaultError("Throttling", "Rate exceeded")] * 9


def endless(aws: Aws) -> None:
    ends(aws, "9999999 UPDATE_COMPLETE")


STORIES: list[tuple[Exit, str, Callable[[Aws], None], str]] = [
    (Exit.DONE, "deploy dev --yes", unchanged, "unchanged"),
    (Exit.FAILED, "deploy dev --yes", rolled_back, "rolled-back"),
    (Exit.USAGE, "deploy dev --yes --param Nothing=1", unchanged, "usage"),
    (Exit.CHANGES, "plan dev --exit-code", at_rest, "changes"),
    (Exit.DECLINED, "deploy dev", at_rest, "declined"),
    (Exit.CHANGE_SET, "deploy dev --yes", rejected, "change-set-failed"),
    (Exit.RECOVERY, "deploy dev --yes", stuck, "needs-recovery"),
    (Exit.REFUSED, "deploy dev --yes", destroying, "refused"),
    (Exit.UNHEALTHY, "diagnose dev", stopped_halfway, "wrong"),
    (Exit.AWS, "deploy dev --yes", throttled, "aws-refused"),
    (Exit.TIMED_OUT, "deploy dev --yes --timeout 1", endless, "timed-out"),
]
PLAYED_ELSEWHERE = {Exit.BUG, Exit.INTERRUPTED}  # below, and by real signals in test_interruptions.py


@pytest.mark.parametrize(("code", "line", "story", "result"), STORIES, ids=[str(s[0].name) for s in STORIES])
def test_a_code_means_this(
    aws: Aws, tell: Teller, code: Exit, line: str, story: Callable[[Aws], None], result: str
) -> None:
    at_rest(aws)
    story(aws)
    told = tell(line)
    assert (told.code, told.last) == (code, f"result={result} stack=TapStackdev"), told.text


def test_a_fault_of_our_own_is_none_of_the_others(
    aws: Aws, tell: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_rest(aws)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("oops")

    monkeypatch.setattr("fraud_cfn.deploy.change.guards.dangers", broken)
    told = tell("deploy dev --yes")
    assert (told.code, told.last) == (Exit.BUG, "result=bug stack=TapStackdev")
    assert "this should not happen: RuntimeError: oops" in told.text
    assert not aws.change_sets


def test_every_code_has_its_story() -> None:
    assert {story[0] for story in STORIES} | PLAYED_ELSEWHERE == set(Exit)


def test_the_page_the_help_and_the_schema_know_the_same_codes(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    table = page.split("## Exit codes")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", table, re.MULTILINE)
    assert [int(code) for code, _ in rows] == sorted(Exit)
    assert len({meaning for _, meaning in rows}) == len(rows)
    schema = json.loads((ROOT / "docs" / "result.schema.json").read_text(encoding="utf-8"))
    (listed,) = re.findall(r"'enum': (\[0, 1, 2[^]]*\])", str(schema))
    assert json.loads(listed) == sorted(Exit)
    with pytest.raises(SystemExit):
        main(["--help"])
    said = " ".join(capsys.readouterr().out.split("exit codes:")[1].split())
    assert sorted(
        int(code) for code in re.findall(r"\b(\d+) [A-Za-z]", said.split("The last line")[0])
    ) == sorted(Exit)
