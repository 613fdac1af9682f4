"""What stands on a terminal: columns that hold what AWS may say, at any width."""

from __future__ import annotations

import io
from typing import Any

import botocore.session
import pytest

from fraud_cfn.deploy.cli import main
from fraud_cfn.deploy.errors import DeclinedError
from fraud_cfn.deploy.stack import watch
from fraud_cfn.deploy.terminal import interrupts
from fraud_cfn.deploy.terminal.console import Console
from fraud_cfn.deploy.terminal.interrupts import Standing
from fraud_cfn.deploy.verbs import status
from tests.deploy.conftest import Teller
from tests.deploy.fake_aws import Aws, change, steps
from tests.deploy.test_processes import VERBS

_MODEL: Any = botocore.session.get_session().get_service_model("cloudformation")
ENDS = [status for status in _MODEL.shape_for("ResourceStatus").enum if not status.endswith("IN_PROGRESS")]


@pytest.mark.parametrize("verb", ["", *VERBS])
@pytest.mark.parametrize("columns", [60, 80])
def test_help_breaks_no_word(
    verb: str, columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit):
        main([*([verb] if verb else []), "--help"])
    lines = capsys.readouterr().out.splitlines()
    wide = [line for line in lines if len(line) > columns]
    assert [line for line in wide if not line.lstrip().startswith("make ")] == []  # a command stays whole


def test_every_status_that_a_resource_ends_in_fits_its_column() -> None:
    assert {watch.row(status, "Jobs").index("Jobs") for status in ENDS} == {26}


def test_a_status_of_the_stack_that_is_longer_moves_no_column(deployed: Aws, tell: Teller) -> None:
    deployed.changes = [change("Modify", "Jobs", "AWS::SQS::Queue", Replacement="False")]
    deployed.scripts["ExecuteChangeSet"] = steps(
        "0 UPDATE_IN_PROGRESS",
        "1 UPDATE_FAILED Jobs AWS::SQS::Queue Rate exceeded",
        "2 UPDATE_ROLLBACK_IN_PROGRESS",
        "3 UPDATE_COMPLETE Jobs AWS::SQS::Queue",
        "4 UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "5 DELETE_COMPLETE Jobs AWS::SQS::Queue",
        "6 UPDATE_ROLLBACK_COMPLETE",
    )
    told = tell("deploy dev --yes")
    rows = [line for line in told.text.splitlines() if line.startswith("12:") and "Jobs" in line]
    assert [line.index("Jobs") for line in rows] == [37, 37, 37]
    assert "Z  TapStackdev  UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS\n" in told.text


@pytest.mark.parametrize("name", ["api", "reconciliation"])
def test_columns_of_status_are_as_wide_as_what_stands_in_them(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("url", "http://lb.example", ""), (name, "2/2 running", ""), ("", "v1.4 since then", "")]
    status.show(rows, Console())
    url, service, image = capsys.readouterr().out.splitlines()
    assert url.index("http") == service.index("2/2") == image.index("v1.4") == max(len(name), 3) + 2


def test_a_no_after_something_was_changed_says_no_untrue_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Console, "can_ask", True)
    for changed, said in ((False, "declined; nothing was changed"), (True, "declined")):
        interrupts.declare(Standing("TapStackdev is rolled back", changed=changed))
        with pytest.raises(DeclinedError) as declined:
            Console(stdin=io.StringIO("n\n")).confirm("Go on?", yes=False, otherwise="")
        assert declined.value.message == said
    interrupts.declare(interrupts.UNTOUCHED)
