"""What an account, a policy above it or a role refuses: in AWS's own words, with what is true and what helps.

The words are those that people were shown (AWS's guides, botocore's models, public threads); identifiers are
this account's.
"""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from fraud_cfn.deploy.stack.causes import advice
from tests.deploy.conftest import Teller
from tests.deploy.fake_aws import ACCOUNT, Aws, FaultError, change, steps
from tests.deploy.fake_running import Running
from tests.deploy.played import the
from tests.deploy.test_destroy import LINE, resource, with_bucket
from tests.deploy.test_destroy import whole as whole
from tests.deploy.test_status_table import CREATED, DELETED, SERVICE, UPDATED

NO_ROLE = f"Role arn:aws:iam::{ACCOUNT}:role/cfn is invalid or cannot be assumed"
BY_ORGANISATION = (
    f"User: arn:aws:iam::{ACCOUNT}:user/dev is not authorized to perform: cloudformation:CreateChangeSet on "
    f"resource: arn:aws:cloudformation:eu-central-1:{ACCOUNT}:stack/TapStackdev/1 with an explicit deny in a "
    "service control policy"
)
BUSY = (
    "Stack:arn:aws:cloudformation:eu-central-1:1:stack/TapStackdev/1 is in UPDATE_IN_PROGRESS state and can "
    "not be updated."
)
PROTECTED = "Stack [TapStackdev] cannot be deleted while TerminationProtection is enabled"


@pytest.fixture
def updating(deployed: Aws) -> Aws:
    deployed.changes = [SERVICE]
    deployed.scripts = {"ExecuteChangeSet": UPDATED, "DeleteStack": DELETED}
    return deployed


# ── A refusal changes nothing, and is not called anything else ────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "status", "operation"),
    [
        ("deploy dev --yes", "ROLLBACK_COMPLETE", "DeleteStack"),
        ("deploy dev --yes", "UPDATE_FAILED", "RollbackStack"),
        ("cancel dev --yes --confirm TapStackdev", "CREATE_IN_PROGRESS", "DeleteStack"),
        ("cancel dev --yes", "UPDATE_IN_PROGRESS", "CancelUpdateStack"),
        ("rollback dev --yes", "UPDATE_ROLLBACK_FAILED", "ContinueUpdateRollback"),
        ("rollback dev --yes", "UPDATE_FAILED", "RollbackStack"),
        ("destroy dev --yes --confirm TapStackdev", "UPDATE_COMPLETE", "DeleteStack"),
        ("destroy dev --yes --confirm TapStackdev", "REVIEW_IN_PROGRESS", "DeleteStack"),
    ],
)
def test_a_role_that_is_gone_keeps_an_operation_from_beginning(
    updating: Aws, tell: Teller, line: str, status: str, operation: str
) -> None:
    updating.status = status
    updating.faults[operation] = [FaultError("ValidationError", NO_ROLE)] * 3
    told = tell(line)
    assert (told.code, told.last) == (9, "result=aws-refused stack=TapStackdev")
    assert f"error: {operation}: {NO_ROLE}" in told.text
    assert "now:" not in told.text, "nothing was changed"
    assert "make that role again, trusted by cloudformation.amazonaws.com" in told.text


def test_a_refused_deletion_says_what_was_stopped_before(live: Running, tell: Teller) -> None:
    live.mortal().aws.faults["DeleteStack"] = [FaultError("ValidationError", NO_ROLE)] * 3
    told = tell(LINE)
    assert told.code == 9
    assert "now:   TapStackdev is still there, but what runs in it is told to stop" in told.text
    assert "back: make start ENV=dev" in told.text
    assert "may have begun" not in told.text


def test_where_the_first_stop_is_refused_nothing_is_said_to_stop(live: Running, tell: Teller) -> None:
    live.mortal().aws.faults["RegisterScalableTarget"] = [FaultError("AccessDeniedException", "no")]
    told = tell(LINE)
    assert (told.code, "told to stop" in told.text) == (2, False)
    live.aws.faults["UpdateService"] = [FaultError("AccessDeniedException", "no")]
    told = tell(LINE)
    assert (told.code, "told to stop" in told.text) == (9, True), "scaling was held before"


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED"])
def test_a_protected_stack_is_not_created_anew(updating: Aws, tell: Teller, status: str) -> None:
    updating.status, updating.protected = status, True
    updating.faults["DeleteStack"] = [FaultError("ValidationError", PROTECTED)]
    told = tell("deploy dev --yes")
    assert (told.code, "DeleteStack" in updating.calls) == (7, False)
    words = the(told.text, "--unprotect")
    updating.faults.clear()
    updating.answers["UpdateTerminationProtection"] = lambda _: {"StackId": updating.arn}
    Running(updating).mortal()
    assert tell(words[0], *words[1:], "--yes", "--confirm", "TapStackdev").code == 0


def test_an_endpoint_that_ec2_keeps_is_not_said_to_be_removed(whole: Aws, tell: Teller) -> None:
    """DeleteVpcEndpoints answers 200 with what it did not delete."""
    managed = [{"Key": "GuardDutyManaged", "Value": "true"}]
    name = "com.amazonaws.eu-central-1.guardduty-data"
    endpoint = {"VpcEndpointId": "vpce-1", "ServiceName": name, "State": "available", "Tags": managed}
    said = "Operation is not allowed for requester-managed VPC endpoints for the service."
    whole.answers["DescribeVpcEndpoints"] = lambda _: {"VpcEndpoints": [endpoint]}
    kept = {"Error": {"Code": "OperationNotPermitted", "Message": said}, "ResourceId": "vpce-1"}
    whole.answers["DeleteVpcEndpoints"] = lambda _: {"Unsuccessful": [kept]}
    told = tell(LINE)
    assert "removed GuardDuty" not in told.text
    assert f"may hold vpc-1: {said}" in told.text


def test_cloud_map_that_may_not_be_looked_at_does_not_end_a_deletion(whole: Aws, tell: Teller) -> None:
    whole.resources.append(resource("Discovery", "AWS::ServiceDiscovery::Service", "srv-1"))
    denied = FaultError("AccessDeniedException", "not authorized to perform: servicediscovery:ListInstances")
    whole.faults["ListInstances"] = [denied] * 9
    told = tell(LINE)
    assert "what Cloud Map still knows of the tasks may hold its services: no permission" in told.text
    assert "DONE TapStackdev DELETE_COMPLETE" in told.text


# ── What helps, by AWS's words ────────────────────────────────────────────────────────────────────

ACCOUNTS = "AWS itself holds this account back"
QUOTAS = "Service Quotas"
WORDS = {
    "This AWS account currently does not support creating load balancers. For more information, please "
    "contact AWS Support.": ACCOUNTS,
    "Your request for accessing resources in this region is being validated, and you will not be able to "
    "launch additional resources in this region until the validation is complete.": ACCOUNTS,
    "The AWS Access Key Id needs a subscription for the service": ACCOUNTS,
    "This account is currently blocked and not recognized as a valid account. Please contact "
    "aws-verification@amazon.com if you have questions.": ACCOUNTS,
    BY_ORGANISATION: "one more permission does not help",
    "Mfa Authentication must be used for this request": "MfaDelete",
    "Action denied by stack policy: Statement [#1] does not allow [Update:Replace] for resource "
    "[LogicalResourceId/VPC];": "the stack's own policy",
    NO_ROLE: "trusted by cloudformation.amazonaws.com",
    "Access Denied for bucket: logs. Please check S3bucket permission": "docs/access-logs.md",
    "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
    "Please select a different name and try again.": "save what it holds",
    "/ecs/fraud-api-dev already exists in stack arn:aws:cloudformation:eu-central-1:1:stack/Other/1": (
        "save what it holds"
    ),
    "The specified KMS key [arn:aws:kms:eu-central-1:1:key/1] does not exist, is not enabled or you do not "
    "have permissions to access it.": "aws kms enable-key",
    "You can't perform this operation on the secret because it was marked for deletion.": "restore-secret",
    "Unable to assume the service linked role. Please verify that the ECS service linked role exists.": (
        "--aws-service-name ecs.amazonaws.com"
    ),
    "Unable to create the resource. Verify that you have permission to create service linked role. Otherwise "
    "wait and try again later.": "--aws-service-name rds.amazonaws.com",
    "ChangeSet limit exceeded for stack arn:aws:cloudformation:eu-central-1:1:stack/TapStackdev/1": (
        "delete change sets nobody needs"
    ),
    BUSY: "run it again",
    "Capacity is unavailable at this time. Please try again later or in a different availability zone": (
        "run it again later"
    ),
    "You've reached the limit on the number of vCPUs you can run concurrently": QUOTAS,
    "The maximum number of addresses has been reached.": QUOTAS,
    "Cannot exceed quota for RolesPerAccount: 1000": QUOTAS,
    "TapStackdev is not authorized to perform: rds:CreateDBCluster": "lacks that permission",
}


@pytest.mark.parametrize(("words", "helps"), WORDS.items())
def test_a_reason_of_awss_is_answered_with_what_helps(words: str, helps: str) -> None:
    assert helps in advice(words)


def test_no_advice_deletes_what_may_hold_data() -> None:
    for words in WORDS:
        assert (
            "delete" not in advice(words)
            or "save" in advice(words)
            or "nobody needs" in advice(words)
            or (QUOTAS in advice(words))
        )


@pytest.mark.parametrize(
    ("operation", "code", "words", "exit_code", "helps"),
    [
        ("CreateChangeSet", "LimitExceededException", "ChangeSet limit exceeded for stack x", 5, "delete"),
        ("CreateChangeSet", "ValidationError", NO_ROLE, 5, "make that role again"),
        ("CreateChangeSet", "ValidationError", BUSY, 5, "it changed meanwhile: run it again"),
        ("CreateChangeSet", "ValidationError", "Stack [TapStackdev] does not exist", 5, "run it again"),
        ("ExecuteChangeSet", "ValidationError", NO_ROLE, 5, "make that role again"),
        ("CreateChangeSet", "AccessDenied", BY_ORGANISATION, 2, "one more permission does not help"),
        ("DescribeStacks", "OptInRequired", "The AWS Access Key Id needs a subscription for the service", 9,
         ACCOUNTS),
        ("DescribeStacks", "SubscriptionRequiredException",
         "The AWS Access Key Id needs a subscription for the service", 9, ACCOUNTS),
    ],
)  # fmt: skip
def test_a_call_that_is_refused_is_answered_with_what_helps(
    updating: Aws, tell: Teller, operation: str, code: str, words: str, exit_code: int, helps: str
) -> None:
    updating.faults[operation] = [FaultError(code, words, 403 if exit_code == 2 else 400)] * 3
    told = tell("deploy dev --yes")
    assert (told.code, words in told.text) == (exit_code, True)
    (step,) = [line for line in told.text.splitlines() if line.startswith("next:")]
    assert helps in step
    assert "AWS_PROFILE" not in step
    assert not updating.change_sets


def test_a_name_that_is_taken_is_told_with_what_helps(aws: Aws, tell: Teller) -> None:
    """Early validation's own finding, before anything is created."""
    said = "Resource of type 'AWS::IAM::Role' with identifier 'fraud-api-task-dev' already exists."
    aws.changes = [change("Add", "ApiTaskRole", "AWS::IAM::Role")]
    aws.reason = "The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck]."
    aws.validation = [
        {
            "EventType": "VALIDATION_ERROR",
            "LogicalResourceId": "ApiTaskRole",
            "ValidationName": "NAME_CONFLICT_VALIDATION",
            "ValidationFailureMode": "FAIL",
            "ValidationStatusReason": said,
        }
    ]
    told = tell("deploy dev --yes")
    assert (told.code, said in told.text) == (5, True)
    assert "next:  something outside this stack has that name" in told.text


# ── The job, and what tasks need ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("failure", "helps"),
    [
        ("Capacity is unavailable at this time. Please try again later or in a different availability zone",
         "run it again later"),
        ("RESOURCE:ENI", "run it again later"),
        ("RESOURCE:MEMORY", "run it again later"),
        ("AGENT", "run it again later"),
        ("You've reached the limit on the number of vCPUs you can run concurrently", QUOTAS),
    ],
)  # fmt: skip
@pytest.mark.parametrize("raised", [False, True])
def test_a_job_for_which_there_is_no_room_is_told_with_what_helps(
    live: Running, tell: Teller, failure: str, helps: str, *, raised: bool
) -> None:
    if raised:
        live.aws.faults["RunTask"] = [FaultError("ClientException", failure)]
    else:
        live.aws.answers["RunTask"] = lambda _: {"tasks": [], "failures": [{"reason": failure}]}
    told = tell("run-job dev")
    assert (told.code, failure in told.text) == (9, True)
    assert helps in told.text.split("next:")[1]


GONE = f"The repository with name 'fraud-api-dev' does not exist in the registry with id '{ACCOUNT}'"


@pytest.mark.parametrize("line", ["start dev --yes", "release dev --service api --tag v1.5 --yes"])
def test_a_repository_that_somebody_deleted_is_no_missing_image(
    live: Running, tell: Teller, line: str
) -> None:
    answered = live.aws.answers["DescribeImages"]

    def described(asked: dict[str, Any]) -> Any:
        if asked["repositoryName"] == "fraud-api-dev":
            raise FaultError("RepositoryNotFoundException", GONE)
        return answered(asked)

    live.aws.answers["DescribeImages"] = described
    live.images["job"] = set()
    told = tell(line)
    assert told.code == 2
    assert "the repository fraud-api-dev does not exist: somebody deleted what the stack made" in told.text
    assert "aws ecr create-repository --region eu-central-1 --repository-name fraud-api-dev" in told.text
    assert ("fraud-job-dev:v1" in told.text) is line.startswith("start"), "all that is missing, at once"
    assert "not in the repository: fraud-api-dev" not in told.text


def test_looking_at_what_is_live_changes_nothing(live: Running, tell: Teller) -> None:
    live.health = {"BlueArn": ["unhealthy", "unhealthy"]}
    told = tell("start dev --yes --timeout 1")
    assert (told.code, "goes on starting" in told.text) == (124, False)
    live.aws.faults["DescribeTargetHealth"] = [
        FaultError("ExpiredToken", "The security token is expired", 403)
    ]
    told = tell("start dev --yes")
    assert (told.code, "now:" in told.text) == (2, False)


# ── What AWS cannot tell, or has learnt since ─────────────────────────────────────────────────────


def test_a_change_set_that_reverts_drift_is_not_executed(updating: Aws, tell: Teller) -> None:
    """Live weights, task definitions and counts are what ECS and scaling have set: all of it is drift."""
    assert tell("plan dev --keep").code == 0
    (arn,) = updating.change_sets
    updating.answers["DescribeChangeSet"] = lambda asked: (
        updating._describe_change_set(asked) | {"DeploymentMode": "REVERT_DRIFT"}
    )
    told = tell(f"deploy dev --yes --change-set {arn}")
    assert (told.code, "ExecuteChangeSet" in updating.calls) == (7, False)
    assert "that change set is made to REVERT_DRIFT" in told.text


def test_a_bucket_with_mfa_delete_is_told_with_what_helps(whole: Aws, tell: Teller) -> None:
    with_bucket(whole, "a")
    whole.faults["DeleteObjects"] = [
        FaultError("AccessDenied", "Mfa Authentication must be used for this request", 403)
    ]
    told = tell(LINE)
    assert "next:  the bucket has MfaDelete on" in told.text
    assert "DeleteStack" not in whole.calls


DATA = ("AWS::RDS::DBCluster", "AWS::S3::Bucket", "AWS::SQS::Queue")


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize(
    ("action", "more"),
    [
        ("Dynamic", {}),
        ("Dynamic", {"Replacement": "Conditional"}),
        ("Modify", {"PolicyAction": "ReplaceAndDelete"}),
        ("Modify", {"PolicyAction": "ReplaceAndSnapshot"}),
        ("Remove", {"PolicyAction": "Snapshot"}),
    ],
)
def test_a_change_that_may_lose_data_is_refused(
    updating: Aws, tell: Teller, kind: str, action: str, more: dict[str, str]
) -> None:
    updating.changes = [change(action, "Data", kind, **more)]
    told = tell("deploy dev --yes")
    assert (told.code, "ExecuteChangeSet" in updating.calls) == (7, False)
    assert "--allow-" in told.text


LINES = (
    "plan dev",
    "deploy dev --yes",
    "start dev --yes",
    "release dev --service api --tag v1.5 --yes",
    "run-job dev",
)
CHANGES = {"CreateChangeSet", "ExecuteChangeSet", "DeleteStack", "RollbackStack", "RunTask"}


@pytest.mark.parametrize("line", LINES)
def test_a_status_that_nobody_knows_is_left_alone(live: Running, tell: Teller, line: str) -> None:
    live.aws.status = "REFACTOR_FAILED"
    told = tell(line)
    assert (told.code, CHANGES & set(live.aws.calls)) == (6, set())
    assert "TapStackdev is REFACTOR_FAILED" in told.text
    assert "take a newer version of the project" in told.text


# Of a stack that stands still in that status: the exit code of each of `LINES`, and of rollback and cancel.
WHOLE = (0, 0, 0, 0, 0, 2, 2)
ABSENT = (0, 0, 2, 2, 2, 2, 2)
RESTING = {
    **dict.fromkeys(
        ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"), WHOLE
    ),
    "IMPORT_ROLLBACK_COMPLETE": WHOLE,
    "DELETE_COMPLETE": ABSENT,
    "REVIEW_IN_PROGRESS": ABSENT,
    "CREATE_FAILED": (0, 4, 6, 6, 6, 0, 2),
    "ROLLBACK_FAILED": (0, 4, 6, 6, 6, 2, 2),
    "ROLLBACK_COMPLETE": (0, 0, 6, 6, 6, 2, 2),
    "UPDATE_FAILED": (6, 0, 6, 6, 6, 0, 2),
    "UPDATE_ROLLBACK_FAILED": (6, 6, 6, 6, 6, 0, 2),
    "IMPORT_ROLLBACK_FAILED": (6, 6, 6, 6, 6, 2, 2),
    "DELETE_FAILED": (6, 6, 6, 6, 6, 2, 2),
}
# Of one that AWS works on: all but these follow it, and end with 124 once the time is up.
CANCELS = {"CREATE_IN_PROGRESS": 0, "UPDATE_IN_PROGRESS": 124}
STATUSES = botocore.session.get_session().get_service_model("cloudformation").shape_for("StackStatus")


@pytest.mark.parametrize("status", STATUSES.metadata["enum"])
def test_each_verb_does_with_each_status_of_cloudformations_what_its_row_says(
    live: Running, tell: Teller, status: str
) -> None:
    aws = live.mortal().aws
    back = steps("0 UPDATE_ROLLBACK_IN_PROGRESS", "1 UPDATE_ROLLBACK_COMPLETE")
    aws.scripts |= {"RollbackStack": back, "ContinueUpdateRollback": back}
    aws.changes = [SERVICE]
    kept = dict(aws.parameters)
    codes = []
    for line in (*LINES, "rollback dev --yes", "cancel dev --yes --confirm TapStackdev"):
        aws.status, aws.events, aws.parameters, aws.incarnation = status, [], dict(kept), 1
        creates = status in ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE")
        aws.scripts["ExecuteChangeSet"] = CREATED if creates else UPDATED
        live.started = lambda: _done(live)
        told = tell(f"{line} --timeout {20 if status in RESTING else 0.5}")
        codes.append(told.code)
    row = RESTING.get(status) or (*(124,) * 6, CANCELS.get(status, 2))
    assert dict(zip((*LINES, "rollback", "cancel"), codes, strict=True)) == dict(
        zip((*LINES, "rollback", "cancel"), row, strict=True)
    )


def _done(live: Running) -> Any:
    from tests.deploy.fake_running import Task

    return Task(f"arn/job-{len(live.tasks)}", "fraud-job-dev", ends=live.aws.now + 3, exit_code=0)


# ── What keeps a deletion, and a task ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("reason", "helps"),
    [
        (BY_ORGANISATION.replace("cloudformation:CreateChangeSet", "iam:DeleteRole"), "one more permission"),
        (f"User: {ACCOUNT} is not authorized to perform: iam:DeleteRole", "lacks that permission"),
        ("Cannot create more than 100 manual snapshots: quota exceeded", QUOTAS),
        ("The bucket you tried to delete is not empty", "take away what holds it"),
        ("somebody holds it", "take away what holds it"),
    ],
)
def test_a_deletion_that_failed_is_answered_with_what_helps(
    whole: Aws, tell: Teller, reason: str, helps: str
) -> None:
    whole.scripts["DeleteStack"] = steps(
        "0 DELETE_IN_PROGRESS", f"1 DELETE_FAILED Role AWS::IAM::Role {reason}", "2 DELETE_FAILED"
    )
    told = tell(LINE)
    assert told.code == 6
    (step,) = [line for line in told.text.splitlines() if "; then make destroy ENV=dev" in line]
    assert helps in step


@pytest.mark.parametrize(
    "reason",
    [
        "One or more database instances are still members of this parameter group x",
        "Cannot delete the subnet group because at least one database instance is still using it",
        "The specified cluster is in a busy state.",
        "Namespace has associated services; delete the services before deleting the namespace",
        "Rate exceeded",
    ],
)
def test_a_deletion_that_aws_was_not_ready_for_is_tried_again(whole: Aws, tell: Teller, reason: str) -> None:
    failing = steps("0 DELETE_IN_PROGRESS", f"1 DELETE_FAILED Vpc AWS::EC2::VPC {reason}", "2 DELETE_FAILED")
    whole.scripts["DeleteStack"] = failing
    honest = whole._delete_stack

    def second_time(asked: dict[str, Any]) -> Any:
        if whole.calls.count("DeleteStack") > 1:
            whole.scripts["DeleteStack"] = DELETED
        return honest(asked)

    whole.answers["DeleteStack"] = second_time
    told = tell(LINE)
    assert "Vpc held on; trying once more in 1m00s" in told.text
    assert whole.calls.count("DeleteStack") == 2
    assert "DONE TapStackdev DELETE_COMPLETE" in told.text
