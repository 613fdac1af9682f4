"""Destroying: what is refused before anything is touched, what stays, what is unknown, what is told."""

from __future__ import annotations

from typing import Any

import pytest

from fraud_cfn.deploy.verbs import destroy as verb
from tests.deploy.conftest import Teller
from tests.deploy.fake_aws import BEGIN, Aws, FaultError, steps

LINE = "destroy dev --yes --confirm TapStackdev"
GROUP = "/ecs/fraud-api-dev"
BUCKET = "fraud-data-dev"
CLUSTER = "fraud-cluster-dev"


def resource(logical_id: str, kind: str, physical_id: str, status: str = "CREATE_COMPLETE") -> dict[str, str]:
    return {
        "LogicalResourceId": logical_id,
        "ResourceType": kind,
        "PhysicalResourceId": physical_id,
        "ResourceStatus": status,
    }


@pytest.fixture
def whole(deployed: Aws) -> Aws:
    """A stack of a VPC and a log group that goes without trouble."""
    deployed.scripts["DeleteStack"] = steps("0 DELETE_IN_PROGRESS", "1 DELETE_COMPLETE")
    deployed.resources = [
        resource("ApiLogs", "AWS::Logs::LogGroup", GROUP),
        resource("Vpc", "AWS::EC2::VPC", "vpc-1"),
    ]
    deployed.answers |= {
        "DescribeLogGroups": lambda _: {"logGroups": []},
        "DescribeVpcs": gone("InvalidVpcID.NotFound"),
        "DescribeVpcEndpoints": lambda _: {"VpcEndpoints": []},
        "DescribeSecurityGroups": lambda _: {"SecurityGroups": []},
        "DescribeNetworkInterfaces": lambda _: {"NetworkInterfaces": []},
    }
    return deployed


def gone(code: str) -> Any:
    def answer(_: dict) -> dict:
        raise FaultError(code, "does not exist")

    return answer


@pytest.mark.usefixtures("whole")
def test_nothing_is_left_where_every_name_was_answered(tell: Teller) -> None:
    told = tell(LINE)
    assert (told.code, told.last) == (0, "result=destroyed stack=TapStackdev")
    assert "Nothing is left: none of 2 names of TapStackdev exists" in told.text


def test_what_was_denied_is_unknown_and_not_gone(whole: Aws, tell: Teller) -> None:
    whole.answers["DescribeVpcs"] = gone("UnauthorizedOperation")
    told = tell(LINE)
    assert (told.code, told.last) == (6, "result=unknown stack=TapStackdev")
    assert "unknown: vpc-1  AWS::EC2::VPC  (Vpc)" in told.text
    assert "None of 1 names of TapStackdev exists; 1 could not be looked for" in told.text


def test_denied_everything_is_not_a_proof(whole: Aws, tell: Teller) -> None:
    for operation in ("DescribeVpcs", "DescribeLogGroups"):
        whole.answers[operation] = gone("AccessDeniedException")
    told = tell(LINE)
    assert (told.code, told.last) == (6, "result=unknown stack=TapStackdev")
    assert "Nothing is left" not in told.text


def test_retain_is_refused_before_anything_is_touched(whole: Aws, tell: Teller) -> None:
    whole.resources.append(resource("DataBucket", "AWS::S3::Bucket", BUCKET))
    told = tell(f"{LINE} --retain DataBucket")
    assert told.code == 7
    assert "--retain is for a stack whose deletion failed, and TapStackdev is UPDATE_COMPLETE" in told.text
    assert set(whole.calls) == {"GetCallerIdentity", "DescribeStacks", "ListStackResources"}


def test_only_what_aws_failed_to_delete_can_be_retained(whole: Aws, tell: Teller) -> None:
    whole.status = "DELETE_FAILED"
    whole.resources[1]["ResourceStatus"] = "DELETE_FAILED"
    told = tell(f"{LINE} --retain ApiLogs")
    assert told.code == 2
    assert "AWS keeps only what it failed to delete, which is Vpc" in told.text
    assert "DeleteStack" not in whole.calls


def test_what_is_retained_is_named_as_still_there(whole: Aws, tell: Teller) -> None:
    whole.status = "DELETE_FAILED"
    whole.resources[1]["ResourceStatus"] = "DELETE_FAILED"
    told = tell(f"{LINE} --retain Vpc")
    assert (told.code, told.last) == (0, "result=retained stack=TapStackdev")
    assert "still there, as asked: vpc-1  AWS::EC2::VPC  (Vpc)" in told.text
    assert "Nothing is left" not in told.text
    assert "DescribeVpcEndpoints" not in whole.calls


def test_without_a_stack_nothing_is_deleted_and_what_was_retained_is_named(whole: Aws, tell: Teller) -> None:
    whole.status = None
    whole.resources = [
        resource("ApiLogs", "AWS::Logs::LogGroup", GROUP, "DELETE_COMPLETE"),
        resource("Vpc", "AWS::EC2::VPC", "vpc-1", "DELETE_SKIPPED"),
    ]
    old = {"StackName": "TapStackdev", "StackId": whole.arn, "StackStatus": "DELETE_COMPLETE"}
    whole.answers |= {
        "ListStacks": lambda _: {"StackSummaries": [{**old, "CreationTime": BEGIN}]},
        "DescribeLogGroups": lambda _: {"logGroups": [{"logGroupName": GROUP, "creationTime": 1}]},
        "DescribeVpcs": lambda _: {"Vpcs": [{"VpcId": "vpc-1"}]},
    }
    told = tell(LINE)
    assert (told.code, told.last) == (6, "result=left-over stack=TapStackdev")
    assert "TapStackdev does not exist; nothing is deleted" in told.text
    assert "still there: vpc-1  AWS::EC2::VPC  (Vpc)" in told.text
    assert f"still there: {GROUP}" in told.text
    assert not {"DeleteLogGroup", "DeleteStack"} & set(whole.calls)


@pytest.mark.parametrize(("created", "swept"), [(-60, False), (30, True)])
def test_only_a_log_group_written_since_the_deletion_began_is_swept(
    whole: Aws, tell: Teller, created: int, swept: bool
) -> None:
    at = int((BEGIN.timestamp() + created) * 1000)
    groups = [{"logGroupName": GROUP, "creationTime": at}]
    whole.answers |= {
        "DescribeLogGroups": lambda _: {"logGroups": groups},
        "DeleteLogGroup": lambda _: groups.clear() or {},
    }
    told = tell(LINE)
    assert ("DeleteLogGroup" in whole.calls) is swept
    assert told.code == (0 if swept else 6)
    assert ("still there" in told.text) is not swept


def test_a_creation_that_is_followed_first_is_read_anew(whole: Aws, tell: Teller) -> None:
    """What it made meanwhile is known, and goes too."""
    made, whole.resources = whole.resources, []
    whole.scripts["Other"] = steps("0 CREATE_IN_PROGRESS", "30 CREATE_COMPLETE")
    whole.play("Other", "somebody-else")
    whole.answers["ListStackResources"] = lambda _: {
        "StackResourceSummaries": [{"LastUpdatedTimestamp": BEGIN, **one} for one in made]
        if whole.clock.seconds >= 30
        else []
    }
    told = tell(LINE)
    assert told.code == 0
    assert "Deleting TapStackdev, 2 resources" in told.text


def test_somebody_elses_deletion_that_fails_is_followed_by_one_of_ours(whole: Aws, tell: Teller) -> None:
    whole.scripts["Other"] = steps("0 DELETE_IN_PROGRESS", "20 DELETE_FAILED")
    whole.play("Other", "somebody-else")
    told = tell(LINE)
    assert (told.code, whole.calls.count("DeleteStack")) == (0, 1)


def test_a_failure_that_passes_is_tried_after_growing_pauses(whole: Aws, tell: Teller) -> None:
    refusal = "resource sg-0a has a dependent object (Service: Ec2, Status Code: 400, Request ID: 1)"
    whole.scripts["DeleteStack"] = steps(
        "0 DELETE_IN_PROGRESS", f"1 DELETE_FAILED Vpc AWS::EC2::VPC {refusal}", "2 DELETE_FAILED"
    )
    began = whole.clock.seconds
    told = tell(LINE)
    assert (told.code, whole.calls.count("DeleteStack")) == (6, 3)
    assert whole.clock.seconds - began > sum(verb.PAUSES)
    assert "trying once more in 1m00s" in told.text
    assert "trying once more in 3m00s" in told.text


def test_what_holds_a_vpc_is_named(whole: Aws, tell: Teller) -> None:
    whole.scripts["DeleteStack"] = steps(
        "0 DELETE_IN_PROGRESS",
        "1 DELETE_FAILED Vpc AWS::EC2::VPC The vpc 'vpc-1' is of somebody else",
        "2 DELETE_FAILED",
    )
    whole.resources[1]["ResourceStatus"] = "DELETE_FAILED"
    foreign = {"NetworkInterfaceId": "eni-9", "Description": "AWS Lambda VPC ENI-reports", "Status": "in-use"}
    whole.answers["DescribeNetworkInterfaces"] = lambda _: {"NetworkInterfaces": [foreign]}
    told = tell(LINE)
    assert told.code == 6
    assert "holds: eni-9 in vpc-1 (in-use): AWS Lambda VPC ENI-reports" in told.text
    assert "--retain Vpc" in told.text


def test_guarddutys_endpoint_and_group_are_removed_first(whole: Aws, tell: Teller) -> None:
    endpoints = [
        {
            "VpcEndpointId": "vpce-9",
            "ServiceName": "com.amazonaws.eu-central-1.guardduty-data",
            "State": "available",
            "Tags": [{"Key": "GuardDutyManaged", "Value": "true"}],
        }
    ]
    whole.answers |= {
        "DescribeVpcEndpoints": lambda _: {"VpcEndpoints": list(endpoints)},
        "DeleteVpcEndpoints": lambda _: endpoints.clear() or {"Unsuccessful": []},
        "DescribeSecurityGroups": lambda _: {"SecurityGroups": [{"GroupId": "sg-9"}]},
        "DeleteSecurityGroup": lambda _: {},
    }
    told = tell(LINE)
    assert told.code == 0, told.text
    order = [c for c in whole.calls if c in ("DeleteVpcEndpoints", "DeleteSecurityGroup", "DeleteStack")]
    assert order == ["DeleteVpcEndpoints", "DeleteSecurityGroup", "DeleteStack"]


def test_a_tasks_end_is_waited_for_and_a_hiccup_does_not_end_the_wait(whole: Aws, tell: Teller) -> None:
    whole.resources = [resource("Cluster", "AWS::ECS::Cluster", CLUSTER)]
    stopped_at: list[float] = []

    def listed(asked: dict) -> dict:
        if asked.get("desiredStatus") == "STOPPED":
            return {"taskArns": ["arn:task/1"] if stopped_at else []}
        return {"taskArns": [] if stopped_at else ["arn:task/1"]}

    def described(_: dict) -> dict:
        ended = stopped_at and whole.clock.seconds - stopped_at[0] > 100
        status = "STOPPED" if ended else "DEACTIVATING"
        return {"tasks": [{"taskArn": "arn:task/1", "group": "family:fraud-job-dev", "lastStatus": status}]}

    def stop(_: dict) -> dict:
        stopped_at.append(whole.clock.seconds)
        whole.faults["ListTasks"] = [FaultError("ThrottlingException", "Rate exceeded")] * 6
        return {"task": {}}

    def delete(asked: dict) -> dict:
        assert whole.clock.seconds - stopped_at[0] > 100, "its task still runs"
        return whole._delete_stack(asked)

    whole.answers |= {
        "ListTasks": listed,
        "DescribeTasks": described,
        "StopTask": stop,
        "DeleteStack": delete,
        "DescribeClusters": lambda _: {"clusters": []},
    }
    told = tell(LINE)
    assert told.code == 0, told.text
    assert f"waiting for 1 task of {CLUSTER} to drain" in told.text


def test_an_unreadable_template_keeps_nobody_from_destroying(
    whole: Aws, tell: Teller, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("Resources: [", encoding="utf-8")
    monkeypatch.setattr("fraud_cfn.deploy.change.template.COMMITTED", broken)
    assert tell(LINE).code == 0
    assert "DeleteStack" in whole.calls


def test_a_refusal_halfway_says_what_was_done(whole: Aws, tell: Teller) -> None:
    whole.faults["DeleteStack"] = [FaultError("AccessDenied", "not authorized to perform: DeleteStack")]
    told = tell(LINE)
    assert told.code == 9
    assert "now:   TapStackdev is still there" in told.text
    assert "make destroy ENV=dev" in told.text
