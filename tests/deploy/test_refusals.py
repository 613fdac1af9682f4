"""What AWS would refuse halfway is refused before; what it reports is told by its true cause."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fraud_cfn.deploy.stack.causes import advice, causes
from fraud_cfn.deploy.stack.events import Event
from tests.deploy.conftest import Teller
from tests.deploy.fake_aws import BEGIN, Aws, FaultError, Step, change, detail, steps
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
    tell("plan dev --keep")
    (arn,) = updating.change_sets
    assert tell(f"deploy dev --yes --no-rollback --change-set {arn}").code == 7
    updating.changes = [
        {**REPLACED, "ResourceChange": {**REPLACED["ResourceChange"], "Replacement": "Conditional"}}
    ]
    assert tell("deploy dev --yes --no-rollback").code == 7, "AWS may have to"
    updating.changes = [SERVICE]
    assert tell("deploy dev --yes --no-rollback").code == 0


@pytest.mark.parametrize(
    "option",
    [
        "--param ApiImageTag=v2",
        "--tag team=a",
        "--role-arn arn:aws:iam::1:role/x",
        "--template other.yaml",
        "--s3-bucket ours",
        "--no-bucket",
    ],
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


BEHIND = "the change set fraud-cfn-NAME stays behind: no permission for DeleteChangeSet"


def test_a_change_set_that_may_not_be_deleted_is_told(updating: Aws, tell: Teller) -> None:
    updating.faults["DeleteChangeSet"] = [FaultError("AccessDenied", "not authorized")] * 9
    told = tell("plan dev --format json")
    assert told.code == 0
    assert f"warning: {BEHIND}" in told.text
    assert f'"now": "{BEHIND}' in told.text


def test_an_empty_stack_that_may_not_be_deleted_is_told(aws: Aws, tell: Teller) -> None:
    aws.changes = [change("Add", "Dashboard", "AWS::CloudWatch::Dashboard")]
    aws.faults["DeleteStack"] = [FaultError("AccessDenied", "not authorized", 403)]
    told = tell("plan dev --format json")
    assert told.code == 0
    assert '"now": "the empty stack TapStackdev stays behind: no permission for DeleteStack' in told.text


@pytest.mark.parametrize(("stays", "code"), [(False, 2), (True, 9)])
def test_a_denied_execution_is_refused_for_want_of_a_permission_and_nothing_is_changed(
    updating: Aws, tell: Teller, code: int, *, stays: bool
) -> None:
    denied = "User: arn:aws:iam::123456789012:user/dev is not authorized to perform: "
    for operation in ("ExecuteChangeSet", *(["DeleteChangeSet"] if stays else [])):
        words = f"{denied}cloudformation:{operation}"
        updating.faults[operation] = [FaultError("AccessDenied", words, 403)] * 3
    told = tell("deploy dev --yes")
    assert (told.code, told.last) == (code, "result=credentials stack=TapStackdev")
    assert "error: no permission for ExecuteChangeSet" in told.text
    assert (f"now:   {BEHIND}" in told.text) is stays


def test_credentials_that_expire_at_the_execution_are_no_change_set_that_failed(
    updating: Aws, tell: Teller
) -> None:
    updating.faults["ExecuteChangeSet"] = [FaultError("ExpiredToken", "The security token is expired", 403)]
    told = tell("deploy dev --yes")
    assert (told.code, told.last) == (2, "result=credentials stack=TapStackdev")
    assert not updating.change_sets


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


CONTROL_TOWER = (
    "Hook failed with message: ValidationError [CT.ECR.PR.2]: Require Amazon ECR private repositories to "
    "have image scanning enabled [FIX]: Set 'ScanOnPush' in 'ImageScanningConfiguration' to 'true'."
)


def hooked(aws: Aws, *results: dict[str, str], of: str = "ApiRepository") -> None:
    """The next creation is stopped by hooks, as DescribeStackEvents tells it."""
    aws.scripts["ExecuteChangeSet"] = steps(
        "0 CREATE_IN_PROGRESS",
        *(f"1 CREATE_IN_PROGRESS {of} AWS::ECR::Repository" for _ in results),
        f"2 CREATE_FAILED {of} AWS::ECR::Repository The following hook(s) failed: [AWS::ControlTower::Hook]",
        "3 ROLLBACK_IN_PROGRESS",
        "4 ROLLBACK_COMPLETE",
    )
    described = aws._describe_stack_events

    def with_hooks(asked: dict[str, Any]) -> dict[str, Any]:
        answer = described(asked)
        events = [e for e in answer["StackEvents"] if e["ResourceStatus"] == "CREATE_IN_PROGRESS"]
        own = [event for event in events if event["LogicalResourceId"] == of]
        for event, result in zip(own, results, strict=False):
            event |= result
        return answer

    aws.answers["DescribeStackEvents"] = with_hooks


def result(reason: str, *, hook: str = "AWS::ControlTower::Hook", mode: str = "FAIL") -> dict[str, str]:
    failed = {"HookStatus": "HOOK_COMPLETE_FAILED", "HookInvocationPoint": "PRE_PROVISION"}
    return {**failed, "HookType": hook, "HookStatusReason": reason, "HookFailureMode": mode}


def test_a_hooks_own_reason_is_told(aws: Aws, tell: Teller) -> None:
    hooked(aws, result(CONTROL_TOWER))
    told = tell("deploy dev --yes")
    assert told.code == 1
    assert "The following hook(s) failed: [AWS::ControlTower::Hook]" in told.text
    assert f"       AWS::ControlTower::Hook: {CONTROL_TOWER}" in told.text


def test_each_hook_that_rejected_is_told_and_one_that_only_warned_is_not(aws: Aws, tell: Teller) -> None:
    hooked(
        aws,
        result("no tags", hook="Private::Guard::Tags"),
        result("not scanned"),
        result("old", mode="WARN"),
    )
    told = tell("deploy dev --yes")
    assert "Private::Guard::Tags: no tags" in told.text
    assert "AWS::ControlTower::Hook: not scanned" in told.text
    assert "AWS::ControlTower::Hook: old" not in told.text


def test_a_hook_that_rejects_the_whole_stack_is_the_cause(aws: Aws, tell: Teller) -> None:
    aws.scripts["ExecuteChangeSet"] = [
        *steps("0 CREATE_IN_PROGRESS"),
        Step(1, "ROLLBACK_IN_PROGRESS", reason="The following hook(s) failed: [Private::Guard::Stack]"),
        *steps("2 ROLLBACK_COMPLETE"),
    ]
    told = tell("deploy dev --yes")
    assert told.code == 1
    assert "cause: TapStackdev  AWS::CloudFormation::Stack" in told.text
    assert "The following hook(s) failed: [Private::Guard::Stack]" in told.text
    assert "somebody cancelled it" not in told.text


REJECTED = "Change set creation failed. The following hook(s) failed: [Example::CFNHook::Full]"


@pytest.mark.parametrize("where", ["events", "results"])
def test_a_hook_that_rejects_the_change_set_is_told_with_its_reason(
    updating: Aws, tell: Teller, where: str
) -> None:
    updating.reason = REJECTED
    failed = {"HookStatusReason": "Ingress May Not Allow All IPs", "Status": "HOOK_COMPLETE_FAILED"}
    named = {"TypeName": "Example::CFNHook::Full", "FailureMode": "FAIL"}
    if where == "events":
        event = result("Ingress May Not Allow All IPs", hook="Example::CFNHook::Full")
        updating.validation = [{"EventType": "HOOK_INVOCATION_ERROR", **event}]
    updating.answers["ListHookResults"] = lambda _: {"HookResults": [failed | named]}
    told = tell("deploy dev --yes")
    assert (told.code, told.last) == (5, "result=change-set-failed stack=TapStackdev")
    assert REJECTED in told.text
    assert "Example::CFNHook::Full: Ingress May Not Allow All IPs" in told.text


def test_hook_results_that_may_not_be_read_never_hide_the_cause(updating: Aws, tell: Teller) -> None:
    updating.reason = REJECTED
    updating.faults["ListHookResults"] = [FaultError("AccessDenied", "no", 403)]
    told = tell("deploy dev --yes")
    assert (told.code, REJECTED in told.text) == (5, True)


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
