"""Rolling back, cancelling and destroying: what is asked, refused and told."""

from __future__ import annotations

import pytest

from tests.deploy.conftest import Teller, Transcript
from tests.deploy.fake_aws import Aws, steps

HALFWAY = steps(
    "0 UPDATE_IN_PROGRESS",
    "1 UPDATE_FAILED ApiService AWS::ECS::Service The image is gone",
    "2 UPDATE_ROLLBACK_IN_PROGRESS",
    "3 UPDATE_FAILED Dashboard AWS::CloudWatch::Dashboard Dashboard was deleted by hand",
    "4 UPDATE_ROLLBACK_FAILED",
)


@pytest.fixture
def stuck(deployed: Aws) -> Aws:
    """A stack whose rollback failed."""
    deployed.scripts["Before"] = HALFWAY
    deployed.play("Before", "before")
    deployed.clock.sleep(10)
    return deployed


def test_a_failed_rollback_is_continued(stuck: Aws, tell: Teller, transcript: Transcript) -> None:
    stuck.scripts["ContinueUpdateRollback"] = steps(
        "0 UPDATE_ROLLBACK_IN_PROGRESS", "8 UPDATE_ROLLBACK_COMPLETE"
    )
    line = "rollback dev --yes --skip Dashboard"
    told = tell(line)
    assert told.code == 0
    transcript.check(told, line)


def test_a_rollback_that_fails_again_says_what_to_skip(stuck: Aws, tell: Teller) -> None:
    stuck.scripts["ContinueUpdateRollback"] = steps(
        "0 UPDATE_ROLLBACK_IN_PROGRESS",
        "2 UPDATE_FAILED Dashboard AWS::CloudWatch::Dashboard Dashboard was deleted by hand",
        "3 UPDATE_ROLLBACK_FAILED",
    )
    told = tell("rollback dev --yes")
    assert told.code == 6
    assert "make rollback ENV=dev ARGS='--skip Dashboard'" in told.text


def test_a_rollback_is_asked_for(stuck: Aws, tell: Teller) -> None:
    assert tell("rollback dev").code == 4
    assert "ContinueUpdateRollback" not in stuck.calls


def test_a_whole_stack_is_not_rolled_back(deployed: Aws, tell: Teller) -> None:
    told = tell("rollback dev --yes")
    assert told.code == 2
    assert "TapStackdev is UPDATE_COMPLETE: there is nothing to roll back" in told.text
    assert "RollbackStack" not in deployed.calls


def test_a_running_update_is_cancelled(deployed: Aws, tell: Teller, transcript: Transcript) -> None:
    deployed.scripts["Before"] = steps(
        "0 UPDATE_IN_PROGRESS", "1 UPDATE_IN_PROGRESS ApiService AWS::ECS::Service"
    )
    deployed.scripts["CancelUpdateStack"] = steps(
        "1 UPDATE_ROLLBACK_IN_PROGRESS", "9 UPDATE_ROLLBACK_COMPLETE"
    )
    deployed.play("Before", "before")
    deployed.clock.sleep(30)
    told = tell("cancel dev --yes")
    assert told.code == 0
    transcript.check(told, "cancel dev --yes")


def test_an_update_too_far_to_be_cancelled_is_told(deployed: Aws, tell: Teller) -> None:
    deployed.scripts["Before"] = steps("0 UPDATE_IN_PROGRESS")
    deployed.scripts["CancelUpdateStack"] = steps("1 UPDATE_COMPLETE")
    deployed.play("Before", "before")
    told = tell("cancel dev --yes")
    assert told.code == 0
    assert "The update was already too far to be cancelled" in told.text


def test_nothing_to_cancel_is_told(deployed: Aws, tell: Teller) -> None:
    assert "there is no update to cancel" in tell("cancel dev --yes").text
    deployed.status = "CREATE_IN_PROGRESS"
    told = tell("cancel dev --yes")
    assert told.code == 2
    assert "a creation cannot be cancelled, only deleted: make destroy ENV=dev" in told.text


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("destroy dev", 4, "next:  make destroy ENV=dev ARGS='--yes --confirm TapStackdev'"),
        ("destroy dev --yes", 4, "error: --yes alone does not destroy"),
        ("destroy dev --yes --confirm TapStackprod", 2, "--confirm TapStackprod is not the stack's name"),
    ],
)
def test_destroying_needs_the_name(deployed: Aws, tell: Teller, line: str, code: int, says: str) -> None:
    told = tell(line)
    assert told.code == code
    assert says in told.text
    assert "DeleteStack" not in deployed.calls


def test_a_protected_stack_is_not_destroyed(deployed: Aws, tell: Teller) -> None:
    deployed.protected = True
    told = tell("destroy dev --yes --confirm TapStackdev")
    assert told.code == 7
    assert "TapStackdev is protected against deletion" in told.text
    assert "DeleteStack" not in deployed.calls
