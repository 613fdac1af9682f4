"""Deployments that go well or badly, and what the user is told about it."""

from __future__ import annotations

import json

import pytest

from fraud_cfn.deploy.stack import watch
from tests.deploy.conftest import Teller, Transcript
from tests.deploy.fake_aws import Aws, FaultError, LostConnectionError, ProxyPageError, change, detail, steps
from tests.deploy.test_status_table import SERVICE, UPDATED

RELEASE = [
    change(
        "Modify",
        "ApiTask",
        "AWS::ECS::TaskDefinition",
        detail("Image", "api:v1.4", "api:v1.5", "Always", "ApiImageTag"),
        Replacement="True",
    ),
    change(
        "Modify",
        "ApiService",
        "AWS::ECS::Service",
        detail("TaskDefinition", cause="ApiTask"),
        Replacement="False",
    ),
    change("Remove", "OldRole", "AWS::IAM::Role", PolicyAction="Delete"),
]
BREAKER = (
    "Resource handler returned message: \"Error occurred during operation 'ECS Deployment Circuit Breaker "
    "was triggered'.\" (RequestToken: 1f2, HandlerErrorCode: GeneralServiceException)"
)
ROLLED_BACK = steps(
    "0 UPDATE_IN_PROGRESS",
    "1 UPDATE_IN_PROGRESS ApiService AWS::ECS::Service",
    "2 UPDATE_IN_PROGRESS Dashboard AWS::CloudWatch::Dashboard",
    f"200 UPDATE_FAILED ApiService AWS::ECS::Service {BREAKER}",
    "200 UPDATE_FAILED Dashboard AWS::CloudWatch::Dashboard Resource update cancelled",
    "201 UPDATE_ROLLBACK_IN_PROGRESS",
    "240 UPDATE_COMPLETE ApiService AWS::ECS::Service",
    "242 UPDATE_ROLLBACK_COMPLETE",
)


@pytest.fixture
def updating(deployed: Aws) -> Aws:
    """A stack with an update in the offing."""
    deployed.changes = [SERVICE]
    deployed.scripts = {"ExecuteChangeSet": UPDATED}
    return deployed


def test_a_release_shows_what_changes_and_why(updating: Aws, tell: Teller, transcript: Transcript) -> None:
    updating.changes = RELEASE
    line = "deploy dev --yes --param ApiImageTag=v1.5"
    told = tell(line)
    assert told.code == 0
    transcript.check(told, line)


def test_a_failed_update_names_its_cause(updating: Aws, tell: Teller, transcript: Transcript) -> None:
    updating.scripts = {"ExecuteChangeSet": ROLLED_BACK}
    told = tell("deploy dev --yes")
    assert told.code == 1
    transcript.check(told, "deploy dev --yes")


def test_a_failed_creation_names_its_cause(aws: Aws, tell: Teller, transcript: Transcript) -> None:
    aws.changes = [change("Add", "Database", "AWS::RDS::DBCluster")]
    aws.scripts["ExecuteChangeSet"] = steps(
        "0 CREATE_IN_PROGRESS",
        "1 CREATE_IN_PROGRESS Database AWS::RDS::DBCluster",
        "8 CREATE_FAILED Database AWS::RDS::DBCluster DB cluster fraud-database-dev already exists",
        "9 ROLLBACK_IN_PROGRESS",
        "12 DELETE_COMPLETE Database AWS::RDS::DBCluster",
        "13 ROLLBACK_COMPLETE",
    )
    told = tell("deploy dev --yes")
    assert told.code == 1
    transcript.check(told, "deploy dev --yes")


def test_a_rollback_that_fails_needs_recovery(updating: Aws, tell: Teller) -> None:
    updating.scripts["ExecuteChangeSet"] = [*ROLLED_BACK[:-1], *steps("242 UPDATE_ROLLBACK_FAILED")]
    told = tell("deploy dev --yes")
    assert told.code == 6
    assert "next:  make rollback ENV=dev" in told.text
    assert told.last == "result=needs-recovery stack=TapStackdev"


def test_no_changes_is_success_and_leaves_no_change_set(deployed: Aws, tell: Teller) -> None:
    deployed.reason = "The submitted information didn't contain changes. Submit different information."
    told = tell("deploy dev --yes")
    assert (told.code, told.last.split()[0]) == (0, "result=unchanged")
    assert "No changes" in told.text
    assert not deployed.change_sets


def test_an_output_only_change_is_executed(updating: Aws, tell: Teller) -> None:
    updating.changes = []
    told = tell("deploy dev --yes")
    assert told.code == 0
    assert "outputs only" in told.text
    assert "result=updated" in told.text


def test_a_rejected_change_set_changes_nothing(deployed: Aws, tell: Teller, transcript: Transcript) -> None:
    deployed.reason = "The following hook(s)/validation failed: [AWS::EarlyValidation::PropertyValidation]."
    deployed.validation = [
        {
            "EventId": "1",
            "EventType": "VALIDATION_ERROR",
            "LogicalResourceId": "ApiService",
            "ValidationStatusReason": "#/DesiredCount: expected type: Number, found: String",
            "ValidationPath": "/Resources/ApiService/Properties/DesiredCount",
        }
    ]
    told = tell("deploy dev --yes")
    assert told.code == 5
    transcript.check(told, "deploy dev --yes")
    assert not deployed.change_sets


def test_a_missing_permission_for_findings_never_hides_the_cause(deployed: Aws, tell: Teller) -> None:
    deployed.reason = "Unresolved condition dependency Foo"
    deployed.faults["DescribeEvents"] = [FaultError("AccessDenied", "no")]
    told = tell("deploy dev --yes")
    assert told.code == 5
    assert "error: CloudFormation rejects the change set: Unresolved condition dependency Foo" in told.text
    assert (
        "not looked at: what early validation and hooks found: no permission for DescribeEvents" in told.text
    )


@pytest.mark.parametrize("verb", ["plan", "deploy"])
def test_findings_that_may_not_be_read_are_unknown(deployed: Aws, tell: Teller, verb: str) -> None:
    deployed.faults["DescribeEvents"] = [FaultError("AccessDenied", "no")]
    told = tell(f"{verb} dev --param ApiImageTag=v1.2 --format json" + (" --yes" if verb == "deploy" else ""))
    assert told.code == 0
    document = json.JSONDecoder().raw_decode(told.text[told.text.index("{") :])[0]
    assert "what early validation and hooks found" in document["unknown"]


def test_an_invalid_template_is_rejected_before_a_change_set(deployed: Aws, tell: Teller) -> None:
    deployed.faults["CreateChangeSet"] = [
        FaultError("ValidationError", "Template format error: [/Resources/X]")
    ]
    told = tell("deploy dev --yes")
    assert told.code == 5
    assert "error: CloudFormation does not take the change set: Template format error" in told.text


def test_a_validation_warning_does_not_stop_a_deployment(updating: Aws, tell: Teller) -> None:
    warning = {"ValidationFailureMode": "WARN", "ValidationStatusReason": "the bucket is not empty"}
    updating.validation = [
        {"EventId": "1", "EventType": "VALIDATION_ERROR", "LogicalResourceId": "B", **warning}
    ]
    told = tell("deploy dev --yes")
    assert told.code == 0
    assert "warning: CloudFormation warns: B: the bucket is not empty" in told.text


def test_resources_left_out_of_the_valued_listing_are_still_shown(updating: Aws, tell: Teller) -> None:
    updating.changes = [
        SERVICE,
        change("Modify", "Dashboard", "AWS::CloudWatch::Dashboard", Replacement="False"),
    ]
    updating.unvalued = {"Dashboard"}
    assert "~ update   Dashboard" in tell("plan dev").text


def test_nobody_to_ask_declines_and_leaves_nothing(updating: Aws, tell: Teller) -> None:
    told = tell("deploy dev")
    assert (told.code, told.last) == (4, "result=declined stack=TapStackdev")
    assert "next:  review the plan above, then make deploy ENV=dev ARGS='--template" in told.text
    assert not updating.change_sets


def test_declining_a_first_deployment_leaves_no_empty_stack(aws: Aws, tell: Teller) -> None:
    aws.changes = [change("Add", "Database", "AWS::RDS::DBCluster")]
    assert tell("deploy dev").code == 4
    assert aws.current() is None
    assert not aws.change_sets


def test_somebody_elses_change_set_keeps_the_empty_stack(aws: Aws, tell: Teller) -> None:
    aws.changes = [change("Add", "Database", "AWS::RDS::DBCluster")]
    aws.answers["ListChangeSets"] = lambda _: {"Summaries": [{"ChangeSetName": "another"}]}
    assert tell("plan dev").code == 0
    assert aws.current() == "REVIEW_IN_PROGRESS"


def test_a_change_set_deleted_by_somebody_changes_nothing(updating: Aws, tell: Teller) -> None:
    def gone(_: dict) -> dict:
        updating.change_sets.clear()
        raise FaultError("ChangeSetNotFound", "does not exist", 404)

    updating.answers["ExecuteChangeSet"] = gone
    told = tell("deploy dev --yes")
    assert told.code == 5
    assert (
        "error: the change set is gone: somebody deleted it, or executed another one meanwhile" in told.text
    )


def test_a_second_deployment_that_was_faster_is_told(updating: Aws, tell: Teller) -> None:
    updating.faults["ExecuteChangeSet"] = [FaultError("InvalidChangeSetStatus", "is in OBSOLETE status")]
    told = tell("deploy dev --yes")
    assert told.code == 5
    assert "the change set cannot be executed any more: is in OBSOLETE status" in told.text


def test_a_plan_can_be_kept_and_executed_as_reviewed(updating: Aws, tell: Teller) -> None:
    kept = tell("plan dev --keep --format json")
    arn = next(iter(updating.change_sets))
    assert json.loads(kept.text[kept.text.index("{") : kept.text.rindex("}") + 1])["exit"] == 0
    done = tell(f"deploy dev --yes --change-set {arn}")
    assert (done.code, done.last.split()[0]) == (0, "result=updated")
    again = tell(f"deploy dev --yes --change-set {arn}")
    assert again.code == 5
    assert "cannot be executed any more (EXECUTE_IN_PROGRESS)" in again.text


def test_a_plan_tells_by_its_exit_code_whether_there_are_changes(updating: Aws, tell: Teller) -> None:
    assert tell("plan dev").code == 0
    assert tell("plan dev --exit-code").code == 3
    updating.reason = "No updates are to be performed."
    assert tell("plan dev --exit-code").code == 0
    assert not updating.change_sets


def test_a_plan_for_a_pull_request_is_markdown(updating: Aws, tell: Teller, transcript: Transcript) -> None:
    updating.changes = [*RELEASE, change("Remove", "OldQueue", "AWS::SQS::Queue", PolicyAction="Delete")]
    line = "plan dev --format markdown --param ApiImageTag=v1.5"
    transcript.check(tell(line), line)


@pytest.mark.usefixtures("updating")
def test_a_detached_deployment_says_how_to_follow_it(tell: Teller) -> None:
    told = tell("deploy dev --yes --detach")
    assert (told.code, told.last.split()[0]) == (0, "result=detached")
    assert "follow it: make deploy ENV=dev" in told.text


def test_waiting_too_long_leaves_the_stack_going(updating: Aws, tell: Teller) -> None:
    told = tell("deploy dev --yes --timeout 1")
    assert (told.code, told.last) == (124, "result=timed-out stack=TapStackdev")
    assert "TapStackdev is still at it after 1m00s; it goes on" in told.text
    assert "CancelUpdateStack" not in updating.calls


# ── Trouble on the way ────────────────────────────────────────────────────────────────────────────

CALLS = [
    "GetCallerIdentity",
    "DescribeStacks",
    "GetTemplateSummary",
    "CreateChangeSet",
    "DescribeChangeSet",
    "DescribeEvents",
    "ExecuteChangeSet",
    "DescribeStackEvents",
]


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize(
    "fault", [FaultError("Throttling", "Rate exceeded"), LostConnectionError()], ids=["throttled", "lost"]
)
def test_trouble_at_any_call_is_invisible(
    updating: Aws, tell: Teller, operation: str, fault: Exception
) -> None:
    updating.faults[operation] = [fault]
    told = tell("deploy dev --yes")
    assert (told.code, told.last.split()[0]) == (0, "result=updated")
    assert not updating.faults[operation]
    assert "warning" not in told.text


@pytest.mark.parametrize("operation", ["CreateChangeSet", "ExecuteChangeSet"])
def test_a_call_whose_answer_is_lost_is_not_made_twice(updating: Aws, tell: Teller, operation: str) -> None:
    updating.faults[operation] = [LostConnectionError("done")]
    told = tell("deploy dev --yes")
    assert (told.code, told.last.split()[0]) == (0, "result=updated")
    assert sum(e["ResourceStatus"] == "UPDATE_COMPLETE" for e in updating.events) == 2
    assert len(updating.change_sets) == 1


@pytest.mark.parametrize(
    "hiccup",
    [
        FaultError("Throttling", "Rate exceeded"),
        FaultError("ServiceUnavailable", "", 503),
        FaultError("InternalFailure", "An internal failure has occurred.", 500),
        LostConnectionError(),
        ProxyPageError("<html><p>Please log in<br></html>"),
        ProxyPageError("<html><p>Well-formed, but no answer</p></html>"),
    ],
    ids=str,
)
def test_trouble_while_watching_never_changes_the_verdict(
    updating: Aws, tell: Teller, hiccup: Exception
) -> None:
    updating.faults["DescribeStackEvents"] = [hiccup] * 6
    told = tell("deploy dev --yes")
    assert told.code == 0
    assert told.text.count("the stack goes on, watching goes on") == 1
    assert "watching again" in told.text


def test_credentials_that_expire_while_watching_say_that_the_stack_goes_on(
    updating: Aws, tell: Teller
) -> None:
    updating.faults["DescribeStackEvents"] = [FaultError("ExpiredToken", "expired", 403)]
    told = tell("deploy dev --yes")
    assert (told.code, told.last) == (124, "result=credentials stack=TapStackdev")
    assert "AWS credentials have expired while watching; the stack goes on" in told.text
    assert "now:   TapStackdev goes on" in told.text


def test_a_forbidden_event_list_is_replaced_by_the_stacks_status(updating: Aws, tell: Teller) -> None:
    updating.faults["DescribeStackEvents"] = [FaultError("AccessDenied", "no")] * 500
    told = tell("deploy dev --yes")
    assert told.code == 0
    assert "no permission for DescribeStackEvents" in told.text


def test_events_that_come_twice_or_out_of_order_are_told_once(updating: Aws, tell: Teller) -> None:
    honest, updating.pages = updating._describe_stack_events, False

    def twice(asked: dict) -> dict:
        events = honest(asked)["StackEvents"]
        return {"StackEvents": [*events[::-1], *events]}

    updating.answers["DescribeStackEvents"] = twice
    told = tell("deploy dev --yes")
    assert told.code == 0
    assert told.text.count(watch.row("UPDATE_COMPLETE", "ApiService")) == 1


def test_thousands_of_events_come_in_pages(updating: Aws, tell: Teller) -> None:
    before = steps(
        "0 UPDATE_IN_PROGRESS", *["1 UPDATE_FAILED Old AWS::X::Y old trouble"] * 1500, "2 UPDATE_COMPLETE"
    )
    updating.scripts["Before"] = before
    updating.play("Before", "before")
    updating.clock.sleep(60)
    many = [f"3 UPDATE_COMPLETE Resource{n} AWS::X::Y" for n in range(450)]
    updating.scripts["ExecuteChangeSet"] = steps("0 UPDATE_IN_PROGRESS", *many, "9 UPDATE_COMPLETE")
    told = tell("deploy dev --yes")
    assert told.code == 0
    assert told.text.count(watch.row("UPDATE_COMPLETE", "Resource")) == 450
    assert "old trouble" not in told.text


# ── API calls ─────────────────────────────────────────────────────────────────────────────────────


SECRETS = ("DescribeSecret", "GetSecretValue") * 2


def test_a_plan_of_an_update_makes_thirteen_calls(updating: Aws, tell: Teller) -> None:
    tell("plan dev")
    assert updating.calls == [
        "GetCallerIdentity",
        "DescribeStacks",
        *SECRETS,
        "ListStackResources",
        "GetTemplateSummary",
        "CreateChangeSet",
        "DescribeChangeSet",
        "DescribeChangeSet",
        "DescribeEvents",
        "DeleteChangeSet",
    ]


def test_a_deployment_without_changes_makes_eleven_calls(deployed: Aws, tell: Teller) -> None:
    deployed.reason = "No updates are to be performed."
    tell("deploy dev --yes")
    assert deployed.calls == [
        "GetCallerIdentity",
        "DescribeStacks",
        *SECRETS,
        "ListStackResources",
        "GetTemplateSummary",
        "CreateChangeSet",
        "DescribeChangeSet",
        "DeleteChangeSet",
    ]


def test_a_quick_update_makes_fifteen_calls(updating: Aws, tell: Teller) -> None:
    updating.scripts["ExecuteChangeSet"] = steps("0 UPDATE_IN_PROGRESS", "0 UPDATE_COMPLETE")
    tell("deploy dev --yes")
    assert updating.calls == [
        "GetCallerIdentity",
        "DescribeStacks",
        *SECRETS,
        "ListStackResources",
        "GetTemplateSummary",
        "CreateChangeSet",
        "DescribeChangeSet",
        "DescribeChangeSet",
        "DescribeEvents",
        "ExecuteChangeSet",
        "DescribeStackEvents",
        "DescribeStacks",
    ]


def test_a_first_deployment_makes_a_call_more_for_all_that_must_exist(aws: Aws, tell: Teller) -> None:
    aws.changes = [change("Add", "Dashboard", "AWS::CloudWatch::Dashboard")]
    aws.scripts["ExecuteChangeSet"] = steps("0 CREATE_IN_PROGRESS", "0 CREATE_COMPLETE")
    assert tell("deploy dev --yes").code == 0
    assert aws.calls == [
        "GetCallerIdentity",
        "DescribeStacks",
        *SECRETS,
        "CreateChangeSet",
        "DescribeChangeSet",
        "DescribeEvents",
        "ExecuteChangeSet",
        "DescribeStackEvents",
        "DescribeStacks",
    ]


def test_polling_slows_down(updating: Aws, tell: Teller) -> None:
    updating.scripts["ExecuteChangeSet"] = steps("0 UPDATE_IN_PROGRESS", "600 UPDATE_COMPLETE")
    tell("deploy dev --yes")
    assert updating.calls.count("DescribeStackEvents") < 600 / 4
