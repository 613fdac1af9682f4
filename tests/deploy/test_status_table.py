"""Each row of the status table: what `deploy` does with a stack in that status."""

from __future__ import annotations

import pytest

from fraud_cfn.deploy.stack.statuses import Action, action
from tests.deploy.conftest import Teller, Transcript
from tests.deploy.fake_aws import ACCOUNT, Aws, change, detail, steps

UPDATED = steps(
    "0 UPDATE_IN_PROGRESS",
    "1 UPDATE_IN_PROGRESS ApiService AWS::ECS::Service",
    "90 UPDATE_COMPLETE ApiService AWS::ECS::Service",
    "92 UPDATE_COMPLETE",
)
CREATED = steps(
    "0 CREATE_IN_PROGRESS",
    "1 CREATE_IN_PROGRESS Database AWS::RDS::DBCluster",
    "400 CREATE_COMPLETE Database AWS::RDS::DBCluster",
    "401 CREATE_COMPLETE",
)
DELETED = steps("0 DELETE_IN_PROGRESS", "5 DELETE_COMPLETE Database AWS::RDS::DBCluster", "6 DELETE_COMPLETE")
MORE_TASKS = detail("DesiredCount", "2", "3")
SERVICE = change("Modify", "ApiService", "AWS::ECS::Service", MORE_TASKS, Replacement="False")
STUCK = {
    "LogicalResourceId": "Database",
    "ResourceType": "AWS::RDS::DBCluster",
    "ResourceStatus": "DELETE_FAILED",
}


@pytest.fixture(autouse=True)
def _scripts(aws: Aws) -> None:
    aws.changes = [SERVICE]
    aws.scripts = {"ExecuteChangeSet": UPDATED, "DeleteStack": DELETED}


def creates(aws: Aws) -> None:
    aws.changes = [change("Add", "Database", "AWS::RDS::DBCluster")]
    aws.scripts["ExecuteChangeSet"] = CREATED


def test_no_stack_is_created(aws: Aws, tell: Teller, transcript: Transcript) -> None:
    creates(aws)
    told = tell("deploy dev --yes")
    assert told.code == 0
    transcript.check(told, "deploy dev --yes")


@pytest.mark.parametrize("status", ["DELETE_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_a_deleted_or_unborn_stack_is_created(aws: Aws, tell: Teller, status: str) -> None:
    creates(aws)
    aws.status = status
    told = tell("deploy dev --yes")
    assert (told.code, told.last.split()[0]) == (0, "result=created")


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_a_whole_stack_is_updated(deployed: Aws, tell: Teller, status: str) -> None:
    deployed.status = status
    told = tell("deploy dev --yes")
    assert (told.code, told.last.split()[0]) == (0, "result=updated")


def test_a_running_operation_is_followed_first(deployed: Aws, tell: Teller, transcript: Transcript) -> None:
    deployed.scripts["Other"] = steps(
        "0 UPDATE_IN_PROGRESS",
        "40 UPDATE_COMPLETE Dashboard AWS::CloudWatch::Dashboard",
        "41 UPDATE_COMPLETE",
    )
    deployed.play("Other", "somebody-else")
    told = tell("deploy dev --yes")
    assert told.code == 0
    transcript.check(told, "deploy dev --yes")


def test_a_creation_that_was_rolled_back_is_deleted_and_created(
    deployed: Aws, tell: Teller, transcript: Transcript
) -> None:
    creates(deployed)
    deployed.status = "ROLLBACK_COMPLETE"
    deployed.resources = [STUCK]
    told = tell("deploy dev --yes")
    assert told.code == 0
    transcript.check(told, "deploy dev --yes")


@pytest.mark.parametrize("status", ["CREATE_FAILED", "ROLLBACK_FAILED"])
def test_a_failed_creation_is_never_deleted_unasked(deployed: Aws, tell: Teller, status: str) -> None:
    deployed.status = status
    told = tell("deploy dev --yes")
    assert told.code == 4
    assert f"TapStackdev is {status}: it must be deleted" in told.text
    assert "next:  delete it yourself: make destroy ENV=dev" in told.text
    assert "DeleteStack" not in deployed.calls


def test_a_failed_update_is_rolled_back_first(deployed: Aws, tell: Teller, transcript: Transcript) -> None:
    deployed.scripts["Other"] = steps(
        "0 UPDATE_IN_PROGRESS",
        "1 UPDATE_FAILED ApiService AWS::ECS::Service Out of capacity",
        "2 UPDATE_FAILED",
    )
    deployed.scripts["RollbackStack"] = steps("0 UPDATE_ROLLBACK_IN_PROGRESS", "3 UPDATE_ROLLBACK_COMPLETE")
    deployed.play("Other", "before")
    deployed.clock.sleep(10)
    told = tell("deploy dev --yes")
    assert told.code == 0
    transcript.check(told, "deploy dev --yes")


def test_a_failed_rollback_needs_recovery(deployed: Aws, tell: Teller, transcript: Transcript) -> None:
    deployed.scripts["Other"] = steps(
        "0 UPDATE_IN_PROGRESS",
        "1 UPDATE_FAILED ApiService AWS::ECS::Service The image is gone",
        "2 UPDATE_ROLLBACK_IN_PROGRESS",
        "3 UPDATE_ROLLBACK_FAILED",
    )
    deployed.play("Other", "before")
    deployed.clock.sleep(10)
    told = tell("deploy dev --yes")
    assert told.code == 6
    transcript.check(told, "deploy dev --yes")


def test_a_failed_deletion_needs_recovery(deployed: Aws, tell: Teller, transcript: Transcript) -> None:
    deployed.status = "DELETE_FAILED"
    deployed.resources = [STUCK]
    told = tell("deploy dev --yes")
    assert told.code == 6
    transcript.check(told, "deploy dev --yes")


@pytest.mark.parametrize("line", ["deploy dev --yes", "plan dev", "start dev", "diagnose dev"])
def test_an_import_that_failed_is_advised_no_verb_that_refuses_it(
    deployed: Aws, tell: Teller, line: str
) -> None:
    deployed.scripts["Other"] = steps(
        "0 IMPORT_IN_PROGRESS",
        "1 IMPORT_FAILED Jobs AWS::SQS::Queue Resource of type is not found",
        "2 IMPORT_ROLLBACK_IN_PROGRESS",
        "3 IMPORT_ROLLBACK_FAILED",
    )
    deployed.play("Other", "somebody-else")
    deployed.clock.sleep(10)
    told = tell(line)
    assert told.code == (8 if line.startswith("diagnose") else 6)
    assert "TapStackdev is IMPORT_ROLLBACK_FAILED: Jobs: Resource of type is not found" in told.text
    assert "ask AWS Support" in told.text
    assert "make rollback" not in told.text


def test_every_status_of_cloudformation_has_a_row() -> None:
    import botocore.session

    model = botocore.session.get_session().get_service_model("cloudformation")
    statuses = model.shape_for("StackStatus").metadata["enum"]
    update = {status for status in statuses if action(status) is Action.UPDATE}
    assert update == {
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    }
    wait = {status for status in statuses if action(status) is Action.WAIT}
    assert wait == {status for status in statuses if status.endswith("_IN_PROGRESS")} - {"REVIEW_IN_PROGRESS"}


def test_the_account_is_the_first_thing_said(tell: Teller) -> None:
    first = tell("plan dev").text.splitlines()[0]
    assert first == f"TapStackdev  eu-central-1  account {ACCOUNT} at http://127.0.0.1:PORT"
