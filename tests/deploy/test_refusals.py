"""What AWS would refuse halfway is refused before; what it reports is told by its true cause."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from fraud_cfn.deploy.stack.causes import advice, causes
from fraud_cfn.deploy.stack.events import Event
from tests.deploy.conftest import Teller
from tests.deploy.fake_aws import BEGIN, Aws, FaultError, change, detail, steps
from tests.deploy.test_status_table import SERVICE, UPDATED

REPLACED = change(
    "Modify",
    "ApiTask",
    "AWS::ECS::TaskDefinition",
    detail("Image", "v1", "v2", "Always"),
    Replacement="True",
)


@pytest.fixture
def updating(deployed: Aws) -> Aws:
    deployed.changes = [SERVICE]
    deployed.scripts["ExecuteChangeSet"] = UPDATED
    return deployed


def test_without_rollback_nothing_can_be_replaced(updating: Aws, tell: Teller) -> None:
    updating.changes = [SERVICE, REPLACED]
    told = tell("deploy dev --yes --no-rollback")
    assert told.code == 7
    assert "--no-rollback cannot replace resources, and this would: ApiTask" in told.text
    assert "ExecuteChangeSet" not in updating.calls
    assert not updating.change_sets
    updating.changes = [SERVICE]
    assert tell("deploy dev --yes --no-rollback").code == 0


@pytest.mark.parametrize(
    "option", ["--param ApiImageTag=v2", "--tag team=a", "--role-arn arn:aws:iam::1:role/x"]
)
def test_a_reviewed_change_set_takes_no_other_wishes(updating: Aws, tell: Teller, option: str) -> None:
    told = tell(f"deploy dev --yes --change-set arn:aws:cloudformation:x:1:changeSet/a/1 {option}")
    assert told.code == 2
    assert f"{option.split()[0]} would change nothing" in told.text
    assert "ExecuteChangeSet" not in updating.calls


@pytest.mark.parametrize("line", ["start dev --yes", "release dev --service api --tag v2 --yes"])
@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED"])
def test_only_deploy_ever_deletes_a_stack(deployed: Aws, tell: Teller, line: str, status: str) -> None:
    deployed.status = status
    told = tell(line)
    assert told.code != 0
    assert "DeleteStack" not in deployed.calls


def test_an_execution_that_aws_refuses_changed_nothing(updating: Aws, tell: Teller) -> None:
    updating.faults["ExecuteChangeSet"] = [FaultError("InsufficientCapabilitiesException", "Requires IAM")]
    told = tell("deploy dev --yes")
    assert (told.code, told.last) == (5, "result=change-set-failed stack=TapStackdev")
    assert not updating.change_sets


def test_a_change_set_that_may_not_be_deleted_is_told(updating: Aws, tell: Teller) -> None:
    updating.faults["DeleteChangeSet"] = [FaultError("AccessDenied", "not authorized")] * 9
    told = tell("plan dev")
    assert (
        "warning: the change set fraud-cfn-NAME stays behind: no permission for DeleteChangeSet" in told.text
    )


def test_what_an_update_could_not_clean_up_is_named(updating: Aws, tell: Teller) -> None:
    updating.scripts["ExecuteChangeSet"] = steps(
        "0 UPDATE_IN_PROGRESS",
        "1 UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "2 DELETE_FAILED OldQueue AWS::SQS::Queue not authorized",
        "3 UPDATE_COMPLETE",
    )
    told = tell("deploy dev --yes --format json")
    assert told.code == 0
    assert (
        "no longer in the stack, and still there: OldQueue  AWS::SQS::Queue  physical-OldQueue" in told.text
    )
    assert '"orphans": [' in told.text


# ── The cause ─────────────────────────────────────────────────────────────────────────────────────


def events(*lines: str) -> list[Event]:
    """From `"UPDATE_FAILED Api reason"`, or `"UPDATE_ROLLBACK_FAILED"` for the stack's own."""
    found: list[Event] = []
    for number, line in enumerate(lines):
        status, name, reason = ([*line.split(" ", 2), "", ""])[:3]
        at = BEGIN + timedelta(seconds=number)
        found.append(Event(str(number), at, name or "TapStackdev", "T", status, reason, "t", not name))
    return found


def test_a_service_that_speaks_of_cancelling_is_still_the_cause() -> None:
    found = causes(
        events(
            "UPDATE_FAILED Api The deployment was cancelled: tasks failed to start",
            "UPDATE_FAILED Worker Resource update cancelled",
        )
    )
    assert found.first
    assert (found.first.logical_id, found.cancelled) == ("Api", ("Worker",))


def test_a_failed_rollback_is_told_by_its_own_cause() -> None:
    found = causes(
        events(
            "UPDATE_IN_PROGRESS",
            "UPDATE_FAILED Api The image is gone",
            "UPDATE_ROLLBACK_IN_PROGRESS",
            "UPDATE_FAILED Dashboard was deleted by hand",
            "UPDATE_ROLLBACK_FAILED",
        )
    )
    assert found.first
    assert found.first.logical_id == "Dashboard"


def test_events_that_nobody_could_read_are_no_cancellation() -> None:
    assert not causes([]).known
    assert causes(events("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE")).known


def test_a_hooks_own_reason_is_told() -> None:
    failed, hook = events(
        "CREATE_FAILED Bucket The following hook(s) failed: [Acme::S3::Hook]", "CREATE_IN_PROGRESS Bucket"
    )
    found = causes([failed, replace(hook, hook="Acme::S3::Hook: buckets must be encrypted")])
    assert found.first
    assert found.first.reason.endswith("\nAcme::S3::Hook: buckets must be encrypted")


@pytest.mark.parametrize(
    ("reason", "quota"),
    [
        ("The maximum number of VPCs has been reached.", True),
        ("You have exceeded the limit of addresses", True),
        ("Resource limit exceeded: 5", True),
        ("Exceeded the time limit of 10 minutes", False),
        ("Container killed: memory limit reached", False),
    ],
)
def test_only_a_quota_is_advised_as_one(reason: str, *, quota: bool) -> None:
    assert ("Service Quotas" in advice(reason)) is quota


def test_no_advice_ever_destroys_an_environment() -> None:
    assert "destroy" not in advice("The bucket you tried to delete is not empty")


def test_a_quiet_update_makes_one_call_a_poll(updating: Aws, tell: Teller) -> None:
    updating.scripts["ExecuteChangeSet"] = steps("0 UPDATE_IN_PROGRESS", "600 UPDATE_COMPLETE")
    tell("deploy dev --yes")
    watching = updating.calls[updating.calls.index("ExecuteChangeSet") + 1 :]
    assert set(watching) == {"DescribeStackEvents", "DescribeStacks"}
    assert len(watching) < 75


def test_a_rollback_reads_its_own_events_only(deployed: Aws, tell: Teller) -> None:
    deployed.page = 1
    deployed.scripts["Old"] = steps(
        "0 UPDATE_IN_PROGRESS", *(f"1 UPDATE_COMPLETE R{n} T" for n in range(60)), "2 UPDATE_FAILED"
    )
    deployed.play("Old", "before")
    deployed.clock.sleep(10)
    deployed.scripts["RollbackStack"] = steps(
        "60 UPDATE_ROLLBACK_IN_PROGRESS", "120 UPDATE_ROLLBACK_COMPLETE"
    )
    told = tell("rollback dev --yes")
    assert told.code == 0, told.text
    watching = deployed.calls[deployed.calls.index("RollbackStack") + 1 :]
    assert watching.count("DescribeStackEvents") < 60
