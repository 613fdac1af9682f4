"""Rolling back, cancelling and destroying: what is asked, refused and told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deploy.conftest import Teller, Transcript
from tests.deploy.fake_aws import BEGIN, Aws, FaultError, steps
from tests.deploy.played import the
from tests.deploy.test_status_table import SERVICE

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
    deployed.resources = [failed("Dashboard")]
    return deployed


def failed(logical_id: str) -> dict[str, str]:
    return {
        "LogicalResourceId": logical_id,
        "ResourceType": "AWS::CloudWatch::Dashboard",
        "ResourceStatus": "UPDATE_FAILED",
    }


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


@pytest.mark.parametrize("status", ["UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED"])
def test_what_cannot_be_cancelled_any_more_can_be_rolled_back(
    deployed: Aws, tell: Teller, status: str
) -> None:
    deployed.status = status
    assert "next:  make rollback ENV=dev\n" in tell("cancel dev --yes").text


@pytest.mark.parametrize(
    "status",
    [
        "UPDATE_COMPLETE",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "ROLLBACK_IN_PROGRESS",
        "DELETE_IN_PROGRESS",
    ],
)
def test_nothing_to_cancel_is_told(deployed: Aws, tell: Teller, status: str) -> None:
    deployed.status = status
    told = tell("cancel dev --yes")
    assert (told.code, f"TapStackdev is {status}: there is no update to cancel" in told.text) == (2, True)
    assert not {"CancelUpdateStack", "DeleteStack"} & set(deployed.calls)


def test_an_update_that_ends_while_it_is_cancelled_is_followed(deployed: Aws, tell: Teller) -> None:
    deployed.scripts["Before"] = steps("0 UPDATE_IN_PROGRESS", "1 UPDATE_COMPLETE")
    deployed.play("Before", "before")
    words = "CancelUpdateStack cannot be called from current stack status"
    deployed.faults["CancelUpdateStack"] = [FaultError("ValidationError", words)]
    told = tell("cancel dev --yes")
    assert told.code == 0
    assert "The update was already too far to be cancelled" in told.text


def test_a_rollback_that_fails_after_a_cancellation_needs_recovery(deployed: Aws, tell: Teller) -> None:
    deployed.scripts["Before"] = steps("0 UPDATE_IN_PROGRESS")
    deployed.scripts["CancelUpdateStack"] = steps(
        "1 UPDATE_ROLLBACK_IN_PROGRESS",
        "2 UPDATE_FAILED Dashboard AWS::CloudWatch::Dashboard Dashboard was deleted by hand",
        "3 UPDATE_ROLLBACK_FAILED",
    )
    deployed.play("Before", "before")
    told = tell("cancel dev --yes")
    assert (told.code, "next:  make rollback ENV=dev" in told.text) == (6, True)


# ── A stack that is being created ─────────────────────────────────────────────────────────────────


@pytest.fixture
def creating(deployed: Aws) -> Aws:
    """In the middle of a creation that goes on for an hour."""
    deployed.scripts["Before"] = steps(
        "0 CREATE_IN_PROGRESS",
        "1 CREATE_IN_PROGRESS Database AWS::RDS::DBCluster",
        "3600 CREATE_COMPLETE",
    )
    deployed.scripts["DeleteStack"] = steps("1 DELETE_IN_PROGRESS", "60 DELETE_COMPLETE")
    deployed.resources = [
        {
            "LogicalResourceId": "ApiLogs",
            "PhysicalResourceId": "/ecs/fraud-api-dev",
            "ResourceType": "AWS::Logs::LogGroup",
            "ResourceStatus": "CREATE_COMPLETE",
        }
    ]
    deployed.answers["DescribeLogGroups"] = lambda _: {"logGroups": []}
    deployed.play("Before", "before")
    deployed.clock.sleep(30)
    return deployed


def test_a_creation_is_cancelled_by_deleting_it_and_never_waited_for(creating: Aws, tell: Teller) -> None:
    told = tell("cancel dev --yes --confirm TapStackdev")
    assert (told.code, told.last) == (0, "result=cancelled stack=TapStackdev")
    assert "DONE TapStackdev is deleted: the creation is cancelled" in told.text
    assert creating.now < 300


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("cancel dev", 4, "next:  make cancel ENV=dev ARGS='--yes --confirm TapStackdev'"),
        ("cancel dev --yes", 4, "error: --yes alone does not delete"),
        ("cancel dev --yes --confirm TapStackprod", 2, "--confirm TapStackprod is not the stack's name"),
    ],
)
def test_cancelling_a_creation_needs_the_name(
    creating: Aws, tell: Teller, line: str, code: int, says: str
) -> None:
    told = tell(line)
    assert (told.code, says in told.text) == (code, True)
    assert "DeleteStack" not in creating.calls


def test_a_protected_stack_is_not_deleted_while_it_is_created(creating: Aws, tell: Teller) -> None:
    creating.protected = True
    assert tell("cancel dev --yes --confirm TapStackdev").code == 7
    assert "DeleteStack" not in creating.calls


def test_a_creation_that_ended_meanwhile_is_not_deleted(creating: Aws, tell: Teller) -> None:
    described = creating._describe_stacks

    def slow(asked: dict[str, Any]) -> dict[str, Any]:
        answer = described(asked)
        creating.clock.sleep(3600)
        return answer

    creating.answers["DescribeStacks"] = slow
    told = tell("cancel dev --yes --confirm TapStackdev")
    assert (told.code, "TapStackdev is CREATE_COMPLETE by now" in told.text) == (2, True)
    assert "DeleteStack" not in creating.calls


def test_a_creation_that_cannot_be_deleted_needs_recovery(creating: Aws, tell: Teller) -> None:
    creating.scripts["DeleteStack"] = steps(
        "1 DELETE_IN_PROGRESS",
        "2 DELETE_FAILED Vpc AWS::EC2::VPC The vpc 'vpc-1' has dependencies and cannot be deleted.",
        "3 DELETE_FAILED",
    )
    told = tell("cancel dev --yes --confirm TapStackdev")
    assert (told.code, "next:  make destroy ENV=dev" in told.text) == (6, True)
    assert "has dependencies and cannot be deleted" in told.text


def test_log_groups_that_came_back_do_not_stand_in_the_way_of_the_next_creation(
    creating: Aws, tell: Teller
) -> None:
    groups = {"/ecs/fraud-api-dev": 3600, "/ecs/fraud-api-dev-of-old": -3600}  # seconds after the creation
    creating.answers["DescribeLogGroups"] = lambda _: {
        "logGroups": [
            {"logGroupName": name, "creationTime": int((BEGIN.timestamp() + after) * 1000)}
            for name, after in groups.items()
        ]
    }
    deleted: list[str] = []
    creating.answers["DeleteLogGroup"] = lambda asked: deleted.append(asked["logGroupName"]) or {}
    told = tell("cancel dev --yes --confirm TapStackdev")
    assert deleted == ["/ecs/fraud-api-dev"]
    assert "swept the log group /ecs/fraud-api-dev, which AWS had written anew" in told.text
    groups["/ecs/fraud-api-dev"] = -60  # there before the stack: somebody else's
    deleted.clear()
    creating.status, creating.events = "ROLLBACK_COMPLETE", []
    assert "is deleted" in tell("deploy dev --yes").text
    assert not deleted


# ── Rolling back to the end ───────────────────────────────────────────────────────────────────────


@pytest.fixture
def halfway(deployed: Aws) -> Aws:
    """A stack whose update stopped, since rollback was off."""
    deployed.scripts["Before"] = steps(
        "0 UPDATE_IN_PROGRESS",
        "1 UPDATE_FAILED ApiService AWS::ECS::Service The image is gone",
        "2 UPDATE_FAILED",
    )
    deployed.play("Before", "before")
    deployed.clock.sleep(10)
    return deployed


def test_an_update_that_stopped_is_rolled_back(halfway: Aws, tell: Teller) -> None:
    halfway.scripts["RollbackStack"] = steps("0 UPDATE_ROLLBACK_IN_PROGRESS", "9 UPDATE_ROLLBACK_COMPLETE")
    told = tell("rollback dev --yes")
    assert (told.code, told.last) == (0, "result=rolled-back stack=TapStackdev")
    assert "The image is gone" in told.text
    assert "DONE TapStackdev UPDATE_ROLLBACK_COMPLETE" in told.text
    assert "ContinueUpdateRollback" not in halfway.calls


def test_a_cause_that_may_not_be_read_stands_in_no_rollbacks_way(halfway: Aws, tell: Teller) -> None:
    halfway.scripts["RollbackStack"] = steps("0 UPDATE_ROLLBACK_IN_PROGRESS", "9 UPDATE_ROLLBACK_COMPLETE")
    halfway.faults["DescribeStackEvents"] = [FaultError("AccessDenied", "no", 403)]
    told = tell("rollback dev --yes")
    assert (told.code, told.last) == (0, "result=rolled-back stack=TapStackdev")
    assert "cause: not known: the stack's events could not be read" in told.text


def test_a_deployment_that_needs_recovery_says_so_without_the_cause_too(stuck: Aws, tell: Teller) -> None:
    stuck.faults["DescribeStackEvents"] = [FaultError("AccessDenied", "no", 403)]
    told = tell("deploy dev --yes")
    assert (told.code, "next:  make rollback ENV=dev" in told.text) == (6, True)


def test_a_rollback_that_goes_on_by_itself_is_followed_to_its_end(deployed: Aws, tell: Teller) -> None:
    deployed.scripts["Before"] = steps(
        "0 UPDATE_IN_PROGRESS", "1 UPDATE_ROLLBACK_IN_PROGRESS", "60 UPDATE_ROLLBACK_COMPLETE"
    )
    deployed.play("Before", "before")
    deployed.clock.sleep(10)
    told = tell("rollback dev --yes")
    assert (told.code, told.last) == (0, "result=rolled-back stack=TapStackdev")
    assert "DONE TapStackdev UPDATE_ROLLBACK_COMPLETE: it is rolled back" in told.text
    assert "RollbackStack" not in deployed.calls


def test_a_cancellation_that_aws_may_have_taken_is_told_as_such(deployed: Aws, tell: Teller) -> None:
    deployed.status = "UPDATE_IN_PROGRESS"
    deployed.faults["CancelUpdateStack"] = [FaultError("InternalFailure", "oops", 500)] * 9
    told = tell("cancel dev --yes")
    assert told.code == 124
    assert "now:   the update of TapStackdev may be cancelled" in told.text


def test_a_rollback_that_fails_is_told_by_its_own_cause_and_can_be_continued(
    halfway: Aws, tell: Teller
) -> None:
    halfway.scripts["RollbackStack"] = steps(
        "0 UPDATE_ROLLBACK_IN_PROGRESS",
        "2 UPDATE_FAILED Dashboard AWS::CloudWatch::Dashboard Dashboard was deleted by hand",
        "3 UPDATE_ROLLBACK_FAILED",
    )
    told = tell("rollback dev --yes --format json")
    assert told.code == 6
    assert "make rollback ENV=dev ARGS='--skip Dashboard'" in told.text
    assert '"status": "UPDATE_ROLLBACK_FAILED"' in told.text
    halfway.scripts["ContinueUpdateRollback"] = steps(
        "0 UPDATE_ROLLBACK_IN_PROGRESS", "5 UPDATE_ROLLBACK_COMPLETE"
    )
    halfway.resources = [failed("Dashboard")]
    halfway.clock.sleep(60)
    assert tell("rollback dev --yes --skip Dashboard").code == 0


@pytest.mark.parametrize("ends", ["ROLLBACK_COMPLETE", "DELETE_COMPLETE"])
def test_a_creation_that_stopped_has_no_version_before(deployed: Aws, tell: Teller, ends: str) -> None:
    deployed.status = "CREATE_FAILED"
    deployed.scripts["RollbackStack"] = steps("0 ROLLBACK_IN_PROGRESS", f"5 {ends}")
    told = tell("rollback dev")
    assert told.code == 4
    assert "RollbackStack" not in deployed.calls
    told = tell("rollback dev --yes")
    assert (told.code, told.last) == (0, "result=rolled-back stack=TapStackdev")


def test_a_creation_whose_rollback_fails_is_never_advised_to_skip(deployed: Aws, tell: Teller) -> None:
    deployed.status = "CREATE_FAILED"
    deployed.scripts["RollbackStack"] = steps(
        "0 ROLLBACK_IN_PROGRESS",
        "1 DELETE_FAILED Vpc AWS::EC2::VPC has dependencies and cannot be deleted",
        "2 ROLLBACK_FAILED",
    )
    told = tell("rollback dev --yes")
    assert told.code == 6
    assert "--skip" not in told.text
    assert "next:  make deploy ENV=dev deletes it first" in told.text


@pytest.mark.parametrize(
    ("status", "then"),
    [
        ("ROLLBACK_COMPLETE", "make deploy ENV=dev deletes it first"),
        ("ROLLBACK_FAILED", "make deploy ENV=dev deletes it first"),
        ("DELETE_FAILED", "make destroy ENV=dev"),
        ("UPDATE_COMPLETE", "make deploy ENV=dev ARGS='--template FILE'"),
        ("IMPORT_ROLLBACK_FAILED", "ask AWS Support"),
    ],
)
def test_where_nothing_is_to_be_rolled_back_what_helps_is_said(
    deployed: Aws, tell: Teller, status: str, then: str
) -> None:
    deployed.status = status
    told = tell("rollback dev --yes")
    assert (told.code, then in told.text) == (2, True)


def test_only_what_a_rollback_failed_on_can_be_skipped(stuck: Aws, tell: Teller) -> None:
    told = tell("rollback dev --yes --skip ApiService")
    assert told.code == 2
    assert "--skip ApiService: AWS skips only what the rollback failed on, which is Dashboard" in told.text
    assert "ContinueUpdateRollback" not in stuck.calls


@pytest.mark.parametrize(
    ("verb", "operation"), [("rollback", "RollbackStack"), ("cancel", "CancelUpdateStack")]
)
def test_a_refusal_to_begin_leaves_everything_as_it_was(
    halfway: Aws, tell: Teller, verb: str, operation: str
) -> None:
    if verb == "cancel":
        halfway.status, halfway.events = "UPDATE_IN_PROGRESS", []
    halfway.faults[operation] = [FaultError("AccessDenied", "not authorized", 403)]
    told = tell(f"{verb} dev --yes")
    assert (told.code, told.last) == (2, "result=credentials stack=TapStackdev")
    assert "now:" not in told.text


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


@pytest.mark.parametrize(
    ("line", "status", "operation"),
    [
        ("deploy dev --yes", "UPDATE_COMPLETE", "ExecuteChangeSet"),
        ("deploy dev --yes", None, "ExecuteChangeSet"),
        ("rollback dev --yes", "UPDATE_ROLLBACK_FAILED", "ContinueUpdateRollback"),
        ("cancel dev --yes", "UPDATE_IN_PROGRESS", "CancelUpdateStack"),
    ],
)
def test_a_stack_that_somebody_deletes_meanwhile_is_no_success(
    deployed: Aws, tell: Teller, line: str, status: str | None, operation: str
) -> None:
    """DELETE_COMPLETE ends what was asked for, and is not it."""
    deployed.status, deployed.changes = status, [SERVICE]
    begins = "CREATE_IN_PROGRESS" if status is None else "UPDATE_IN_PROGRESS"
    deployed.scripts[operation] = steps(f"0 {begins}", "5 DELETE_IN_PROGRESS", "9 DELETE_COMPLETE")
    told = tell(line)
    assert (told.code, told.last.split()[0]) == (6, "result=needs-recovery")
    assert "FAILED TapStackdev DELETE_COMPLETE" in told.text
    assert "somebody deleted it" in told.text
    assert the(told.text, "deploy") == ["deploy", "dev"]
