"""Destroying: what is refused before anything is touched, what stays, what is unknown, what is told."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from fraud_cfn.deploy.running import locks
from fraud_cfn.deploy.verbs import destroy as verb
from tests.deploy.conftest import Teller
from tests.deploy.fake_aws import BEGIN, Aws, FaultError, steps
from tests.deploy.fake_running import Running
from tests.deploy.fake_s3 import Bucket
from tests.deploy.played import the

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


def with_bucket(aws: Aws, *keys: str, **more: Any) -> Bucket:
    aws.resources.append(resource("DataBucket", "AWS::S3::Bucket", BUCKET))
    return Bucket(aws, BUCKET, list(keys), **more).install()


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
    with_bucket(whole)
    told = tell(f"{LINE} --retain DataBucket")
    assert told.code == 7
    assert "--retain is for a stack whose deletion failed, and TapStackdev is UPDATE_COMPLETE" in told.text
    asked = {"GetCallerIdentity", "DescribeStacks", "ListStackResources", "GetObjectLockConfiguration"}
    assert set(whole.calls) == asked


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
    gone_too = tell(f"{LINE} --retain Vpc")
    assert (gone_too.code, gone_too.last) == (6, "result=not-retained stack=TapStackdev")
    assert "gone all the same, and not, as asked: vpc-1" in gone_too.text
    whole.current()
    whole.status = "DELETE_FAILED"
    whole.events.clear()
    whole.answers["DescribeVpcs"] = lambda _: {"Vpcs": [{"VpcId": "vpc-1"}]}
    told = tell(f"{LINE} --retain Vpc")
    assert (told.code, told.last) == (0, "result=retained stack=TapStackdev")
    assert "still there, as asked: vpc-1  AWS::EC2::VPC  (Vpc)" in told.text
    assert "Nothing is left" not in told.text
    assert "DescribeVpcEndpoints" not in whole.calls


def test_what_is_to_stay_stays_in_the_step_that_is_advised(whole: Aws, tell: Teller) -> None:
    """Without it, going on would empty the bucket."""
    bucket = with_bucket(whole, "a")
    whole.status, whole.resources[-1]["ResourceStatus"] = "DELETE_FAILED", "DELETE_FAILED"
    whole.faults["DeleteStack"] = [FaultError("InternalFailure", "try again", 500) for _ in range(9)]
    told = tell(f"{LINE} --retain DataBucket")
    assert "the deletion of TapStackdev may have begun" in told.text
    assert the(told.text, "destroy") == ["destroy", "dev", "--retain", "DataBucket"]
    assert bucket.keys == ["a"]


def test_without_a_stack_nothing_is_deleted_and_what_was_retained_is_named(whole: Aws, tell: Teller) -> None:
    Running(whole).mortal()
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


def test_an_update_that_is_followed_first_is_read_anew(whole: Aws, tell: Teller) -> None:
    """What it made meanwhile is known, and goes too."""
    made, whole.resources = whole.resources, []
    whole.scripts["Other"] = steps("0 UPDATE_IN_PROGRESS", "30 UPDATE_COMPLETE")
    whole.play("Other", "somebody-else")
    whole.answers["ListStackResources"] = lambda _: {
        "StackResourceSummaries": [{"LastUpdatedTimestamp": BEGIN, **one} for one in made]
        if whole.clock.seconds >= 30
        else []
    }
    told = tell(LINE)
    assert told.code == 0
    assert "Deleting TapStackdev, 2 resources" in told.text


@pytest.fixture
def creating(whole: Aws) -> Aws:
    """In the middle of a creation of an hour; it has made the log group, and comes to the VPC."""
    made = whole.resources
    whole.scripts["Other"] = steps("0 CREATE_IN_PROGRESS", "3600 CREATE_COMPLETE")
    whole.play("Other", "somebody-else")
    whole.answers["ListStackResources"] = lambda _: {
        "StackResourceSummaries": [
            {"LastUpdatedTimestamp": BEGIN, **one}
            for one in (made if "DeleteStack" in whole.calls else made[:1])
        ]
    }
    return whole


def test_a_creation_is_cut_short_and_what_came_meanwhile_is_looked_for(creating: Aws, tell: Teller) -> None:
    told = tell(LINE)
    assert (told.code, told.last) == (0, "result=destroyed stack=TapStackdev")
    assert "TapStackdev is being created: AWS gives that up, and deletes what is there" in told.text
    assert "Deleting TapStackdev, 1 resource\n" in told.text
    assert "Nothing is left: none of 2 names" in told.text
    assert creating.now < 120


def test_a_creation_is_cut_short_only_once_the_name_was_typed(creating: Aws, tell: Teller) -> None:
    told = tell("destroy dev")
    assert told.code == 4
    assert (
        "1 resource, their data included; it is being created, and what comes meanwhile goes too" in told.text
    )
    assert "DeleteStack" not in creating.calls


def test_what_a_creation_makes_just_now_is_not_taken_for_anothers(creating: Aws, tell: Teller) -> None:
    creating.resources.reverse()  # the VPC is there, the group in it came since
    group = {"GroupId": "sg-1", "GroupName": "fraud-database-dev"}
    creating.answers["DescribeSecurityGroups"] = lambda _: {
        "SecurityGroups": [] if "DeleteStack" in creating.calls else [group]
    }
    told = tell(LINE)
    assert (told.code, "not of TapStackdev" in told.text) == (0, False)


def test_a_creation_cut_short_that_does_not_go_is_emptied_and_deleted_once_more(
    creating: Aws, tell: Teller
) -> None:
    bucket = Bucket(creating, BUCKET, ["a"]).install()
    made = [*creating.resources, resource("DataBucket", "AWS::S3::Bucket", BUCKET)]
    creating.answers["ListStackResources"] = lambda _: {
        "StackResourceSummaries": [{"LastUpdatedTimestamp": BEGIN, **one} for one in made]
    }
    refusal = "The bucket you tried to delete is not empty (Service: S3, Status Code: 409, Request ID: 1)"
    creating.scripts["DeleteStack"] = steps(
        "0 DELETE_IN_PROGRESS", f"1 DELETE_FAILED DataBucket AWS::S3::Bucket {refusal}", "2 DELETE_FAILED"
    )
    bucket.on_delete = lambda: creating.scripts.update(
        DeleteStack=steps("0 DELETE_IN_PROGRESS", "1 DELETE_COMPLETE")
    )
    told = tell(LINE)
    assert (told.code, creating.calls.count("DeleteStack"), bucket.deleted) == (0, 2, ["a"])
    assert "Nothing is left: none of 3 names" in told.text, "those of the first deletion too"
    assert told.text.index("tried to delete is not empty") < told.text.index(
        "emptied fraud-data-dev: 1 objects"
    )


@pytest.mark.parametrize(
    ("other", "then"), [("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"), ("DELETE_IN_PROGRESS", "DELETE_COMPLETE")]
)
def test_what_somebody_began_while_the_name_was_typed_is_followed_first(
    whole: Aws, tell: Teller, other: str, then: str
) -> None:
    """Nothing is stopped or emptied in the middle of it."""
    bucket = with_bucket(whole, "a")

    def meanwhile(_: dict[str, Any]) -> dict[str, Any]:
        if not whole.events:
            whole.scripts["Other"] = steps(f"0 {other}", f"30 {then}")
            whole.play("Other", "somebody-else")
        return {"SecurityGroups": []}

    bucket.on_delete = lambda: None if whole.current() == "UPDATE_COMPLETE" else pytest.fail("in the middle")
    whole.answers["DescribeSecurityGroups"] = meanwhile
    told = tell(LINE)
    assert (told.code, told.last) == (0, "result=destroyed stack=TapStackdev")
    assert f"TapStackdev is {other}: another operation is running; following it" in told.text
    assert whole.calls.count("DeleteStack") == (then == "UPDATE_COMPLETE")


def test_somebody_elses_deletion_that_fails_is_followed_by_one_of_ours(whole: Aws, tell: Teller) -> None:
    whole.scripts["Other"] = steps("0 DELETE_IN_PROGRESS", "20 DELETE_FAILED")
    whole.play("Other", "somebody-else")
    told = tell(LINE)
    assert (told.code, whole.calls.count("DeleteStack")) == (0, 1)


def test_credentials_that_end_at_a_look_before_the_question_are_told_as_such(
    whole: Aws, tell: Teller
) -> None:
    whole.faults["DescribeNetworkInterfaces"] = [FaultError("ExpiredToken", "The security token is expired")]
    told = tell(LINE)
    assert (told.code, told.last) == (2, "result=credentials stack=TapStackdev")
    assert "DeleteStack" not in whole.calls


@pytest.mark.parametrize("operation", ["DescribeNetworkInterfaces", "ListStackResources"])
def test_a_closing_look_that_fails_changes_no_verdict(whole: Aws, tell: Teller, operation: str) -> None:
    whole.scripts["DeleteStack"] = steps(
        "0 DELETE_IN_PROGRESS", "1 DELETE_FAILED Vpc AWS::EC2::VPC Access denied", "2 DELETE_FAILED"
    )
    answer = whole.answers.get(operation, whole._list_stack_resources)

    def until_deleted(asked: dict[str, Any]) -> dict[str, Any]:
        if "DeleteStack" in whole.calls:
            raise FaultError("ExpiredToken", "The security token included in the request is expired")
        return answer(asked)

    whole.answers[operation] = until_deleted
    told = tell(LINE)
    assert (told.code, told.last) == (6, "result=delete-failed stack=TapStackdev")
    assert "not known: " in told.text


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
        "ListServices": lambda _: {"serviceArns": []},
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
    with_bucket(whole, "a")
    whole.faults["DeleteStack"] = [FaultError("AccessDenied", "not authorized to perform: DeleteStack")]
    told = tell(LINE)
    assert told.code == 9
    assert f"now:   TapStackdev is still there, but nothing runs in it, and {BUCKET}" in told.text
    assert "1 version deleted for good" in told.text
    assert "make destroy ENV=dev" in told.text


def test_a_deletion_that_is_refused_at_once_has_not_begun(whole: Aws, tell: Teller) -> None:
    whole.faults["DeleteStack"] = [FaultError("AccessDenied", "not authorized to perform: DeleteStack")]
    told = tell(LINE)
    assert (told.code, told.last) == (2, "result=credentials stack=TapStackdev")
    assert "may have begun" not in told.text


# ── What is in the way ────────────────────────────────────────────────────────────────────────────


def test_what_is_of_others_is_named_before_anything_is_stopped(whole: Aws, tell: Teller) -> None:
    whole.resources += [
        resource("TaskGroup", "AWS::EC2::SecurityGroup", "sg-ours"),
        resource("Cluster", "AWS::ECS::Cluster", CLUSTER),
        resource("Namespace", "AWS::ServiceDiscovery::PrivateDnsNamespace", "ns-1"),
        resource("LoadBalancer", "AWS::ElasticLoadBalancingV2::LoadBalancer", "arn:lb/app/fraud-alb-dev/1f"),
    ]
    ours = [{"GroupId": "sg-ours"}]
    interfaces = [
        {"NetworkInterfaceId": "eni-1", "Description": "AWS Lambda VPC ENI-reports", "Groups": ours},
        {"NetworkInterfaceId": "eni-2", "Description": "RDSNetworkInterface", "Groups": ours},
        {"NetworkInterfaceId": "eni-3", "Description": "arn:aws:ecs:eu-central-1:1:attachment/2"}
        | {"Groups": ours},
        {"NetworkInterfaceId": "eni-4", "Description": "ELB app/fraud-alb-dev/1f"},
        {
            "NetworkInterfaceId": "eni-5",
            "Description": "RDSNetworkInterface",
            "Groups": [{"GroupId": "sg-x"}],
        },
    ]
    groups = [
        {"GroupId": "sg-ours", "GroupName": "ours"},
        {"GroupId": "sg-d", "GroupName": "default"},
        {"GroupId": "sg-9", "GroupName": "reports"},
    ]
    mine = {"DescribeNetworkInterfaces", "DescribeSecurityGroups", "ListServices"}
    whole.answers |= {
        "DescribeNetworkInterfaces": lambda _: {"NetworkInterfaces": interfaces},
        "DescribeSecurityGroups": lambda asked: {"SecurityGroups": groups if _all(asked) else []},
        "DescribeLoadBalancerAttributes": lambda _: {"Attributes": []},
        "ListServices": lambda asked: (
            {"Services": [{"Id": "srv-9", "Name": "reports"}]}
            if "Filters" in asked
            else {"serviceArns": ["arn:aws:ecs:eu-central-1:1:service/c/reports"]}
        ),
    }
    told = tell("destroy dev")
    assert told.code == 4
    held = [line.partition("deletion: ")[2] for line in told.text.splitlines() if "in the way" in line]
    assert held == [
        "eni-1 in vpc-1 (): AWS Lambda VPC ENI-reports",
        "eni-5 in vpc-1 (): RDSNetworkInterface",
        "sg-9 in vpc-1: security group reports",
        f"reports in {CLUSTER}: a service that is not of this stack",
        "srv-9 in ns-1: the Cloud Map service reports",
    ]
    assert mine <= set(whole.calls)
    assert not {"StopTask", "UpdateService", "DeleteStack"} & set(whole.calls)


def _all(asked: dict) -> bool:
    """Not by GuardDuty's own name."""
    return not any("GuardDuty" in str(value) for value in asked.values())


def test_instances_that_ecs_left_in_cloud_map_are_taken_out(whole: Aws, tell: Teller) -> None:
    whole.resources.append(resource("ApiDiscovery", "AWS::ServiceDiscovery::Service", "srv-1"))
    instances = ["i-1", "i-2"]

    def deregister(asked: dict) -> dict:
        assert "DeleteStack" not in whole.calls
        instances.remove(asked["InstanceId"])
        return {"OperationId": "1"}

    whole.answers |= {
        "ListInstances": lambda _: {"Instances": [{"Id": one} for one in instances]},
        "DeregisterInstance": deregister,
    }
    told = tell(LINE)
    assert told.code == 0, told.text
    assert "took the instance i-1 out of srv-1" in told.text
    assert instances == []


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceInUse"])
def test_instances_that_may_not_be_taken_out_are_told(whole: Aws, tell: Teller, code: str) -> None:
    whole.resources.append(resource("ApiDiscovery", "AWS::ServiceDiscovery::Service", "srv-1"))
    whole.answers |= {
        "ListInstances": lambda _: {"Instances": [{"Id": "i-1"}]},
        "DeregisterInstance": gone(code),
    }
    told = tell(LINE)
    assert told.code == 0
    assert "warning: what Cloud Map still knows of the tasks may hold its services" in told.text


def test_a_protected_database_is_told_before_anything_is_stopped(whole: Aws, tell: Teller) -> None:
    whole.resources += [resource("DatabaseCluster", "AWS::RDS::DBCluster", "fraud-dev")]
    cluster = {"DBClusterIdentifier": "fraud-dev", "DeletionProtection": True}

    def modify(asked: dict) -> dict:
        cluster["DeletionProtection"] = asked["DeletionProtection"] == "true"
        return {}

    def ask(_: dict) -> dict:
        if whole.current() == "DELETE_COMPLETE":
            raise FaultError("DBClusterNotFoundFault", "DBCluster fraud-dev not found.")
        return {"DBClusters": [cluster]}

    whole.answers |= {"DescribeDBClusters": ask, "ModifyDBCluster": modify}
    told = tell(LINE)
    assert told.code == 7
    assert "fraud-dev is protected against deletion" in told.text
    assert "make destroy ENV=dev ARGS=--unprotect" in told.text
    told = tell(f"{LINE} --unprotect")
    assert told.code == 0, told.text
    assert cluster["DeletionProtection"] is False
    assert "Took away the protection of fraud-dev" in told.text


def test_a_protected_stack_goes_once_the_protection_is_taken_away(whole: Aws, tell: Teller) -> None:
    whole.protected = True

    def unprotect(asked: dict) -> dict:
        whole.protected = asked["EnableTerminationProtection"] == "true"
        return {"StackId": whole.arn}

    whole.answers["UpdateTerminationProtection"] = unprotect
    assert "make destroy ENV=dev ARGS=--unprotect" in tell(LINE).text
    assert tell(f"{LINE} --unprotect").code == 0
    assert whole.protected is False


def test_only_a_shell_is_destroyed_plainly(whole: Aws, tell: Teller) -> None:
    """What `plan` leaves where it may not delete stacks."""
    whole.status, whole.resources = "REVIEW_IN_PROGRESS", []
    assert "it holds nothing" in tell("destroy dev").text
    began = whole.clock.seconds
    told = tell(LINE)
    assert (told.code, told.last) == (0, "result=destroyed stack=TapStackdev")
    assert "TapStackdev is deleted; nothing of it had been created" in told.text
    assert whole.calls.count("DeleteStack") == 1
    assert whole.clock.seconds - began < 5


# ── Objects ───────────────────────────────────────────────────────────────────────────────────────

LATER = BEGIN + timedelta(days=400)


@pytest.mark.parametrize("status", ["UPDATE_COMPLETE", "DELETE_FAILED"])
def test_objects_under_compliance_lock_are_told_before_anything_is_stopped(
    whole: Aws, tell: Teller, status: str
) -> None:
    whole.status = status
    bucket = with_bucket(whole, "a", "b", "c", locking=True, kept={"c": ("COMPLIANCE", LATER)})
    told = tell(LINE)
    assert (told.code, told.last) == (7, "result=refused stack=TapStackdev")
    assert (
        f"S3 does not let objects of {BUCKET} go:\n  'c' version 1: COMPLIANCE until 2027-04-05" in told.text
    )
    assert "wait until 2027-04-05 12:00 UTC" in told.text
    assert "make destroy ENV=dev ARGS='--retain DataBucket'" in told.text
    assert (bucket.deleted, "DeleteStack" in whole.calls) == ([], False)


def test_what_is_advised_then_deletes_all_but_that_bucket(whole: Aws, tell: Teller) -> None:
    bucket = with_bucket(whole, "a", "c", locking=True, kept={"c": ("COMPLIANCE", LATER)})
    refusal = "The bucket you tried to delete is not empty (Service: S3, Status Code: 409)"
    asked: list[dict] = []

    def delete(request: dict) -> dict:
        asked.append(request)
        kept = request.get("RetainResources", [])
        whole.resources[-1]["ResourceStatus"] = "DELETE_SKIPPED" if kept else "DELETE_FAILED"
        failing = f"1 DELETE_FAILED DataBucket AWS::S3::Bucket {refusal}"
        whole.scripts["DeleteStack"] = (
            steps("0 DELETE_IN_PROGRESS", "1 DELETE_COMPLETE")
            if kept
            else steps("0 DELETE_IN_PROGRESS", failing, "2 DELETE_FAILED")
        )
        return whole._delete_stack(request)

    whole.answers |= {"DeleteStack": delete, "HeadBucket": lambda _: ""}
    told = tell(f"{LINE} --retain DataBucket")
    assert (told.code, told.last) == (0, "result=retained stack=TapStackdev")
    assert [request.get("RetainResources") for request in asked] == [None, ["DataBucket"]]
    assert f"still there, as asked: {BUCKET}" in told.text
    assert bucket.deleted == []
    assert whole.clock.seconds < 30, "nothing was paused for"


@pytest.mark.parametrize(
    ("kept", "holds", "says"),
    [
        ({"a": ("GOVERNANCE", LATER)}, set(), "'a' version 1: GOVERNANCE until 2027-04-05"),
        ({}, {"b"}, "'b' version 1: legal hold"),
    ],
)
def test_other_locks_are_told_just_so(whole: Aws, tell: Teller, kept: Any, holds: Any, says: str) -> None:
    bucket = with_bucket(whole, "a", "b", locking=True, kept=kept, holds=holds)
    told = tell(LINE)
    assert told.code == 7
    assert says in told.text
    assert bucket.deleted == []


def test_a_lock_that_is_over_holds_nothing(whole: Aws, tell: Teller) -> None:
    with_bucket(whole, "a", locking=True, kept={"a": ("COMPLIANCE", BEGIN - timedelta(days=1))})
    assert "S3 does not let objects" not in tell(LINE).text


@pytest.mark.parametrize(
    ("locking", "most", "told_of"), [(True, 2, True), (True, 3, False), (False, 2, False)]
)
def test_locks_are_looked_for_so_far_and_that_is_told(
    whole: Aws, tell: Teller, monkeypatch: pytest.MonkeyPatch, locking: bool, most: int, told_of: bool
) -> None:
    """Without Object Lock no version can be held, and none is asked for."""
    monkeypatch.setattr(locks, "MOST", most)
    with_bucket(whole, "a", "b", "c", locking=locking)
    told = tell(LINE)
    assert told.code == 0
    assert (f"was asked for its first {most} versions only" in told.text) is told_of
    assert whole.calls.count("GetObjectRetention") == (most if locking else 0)


def test_locks_that_may_not_be_asked_for_are_told(whole: Aws, tell: Teller) -> None:
    with_bucket(whole, "a")
    whole.answers["GetObjectLockConfiguration"] = gone("AccessDenied")
    told = tell(LINE)
    assert told.code == 0
    assert f"warning: whether S3 holds objects of {BUCKET} is not known" in told.text


@pytest.mark.parametrize(
    ("refusal", "code"),
    [(FaultError("AccessDenied", "Access Denied", 403), 2), (FaultError("SlowDown", "", 503), 6)],
)
def test_a_bucket_whose_objects_may_not_be_deleted_keeps_the_rest(
    whole: Aws, tell: Teller, refusal: FaultError, code: int
) -> None:
    with_bucket(whole, "a", "b")
    whole.answers["DeleteObjects"] = lambda _: (_ for _ in ()).throw(refusal)
    told = tell(LINE)
    assert told.code == code
    assert "DeleteStack" not in whole.calls


def test_what_is_protected_and_what_may_not_be_asked_is_told(whole: Aws, tell: Teller) -> None:
    kind = "AWS::ElasticLoadBalancingV2::LoadBalancer"
    arn = "arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/app/fraud-alb-dev/1"
    whole.resources.append(resource("LoadBalancer", kind, arn))
    on = [{"Key": "deletion_protection.enabled", "Value": "true"}]
    whole.answers["DescribeLoadBalancerAttributes"] = lambda _: {"Attributes": on}
    told = tell(LINE)
    assert (told.code, "fraud-alb-dev is protected against deletion" in told.text) == (7, True)
    assert "DeleteStack" not in whole.calls
    whole.faults["DescribeLoadBalancerAttributes"] = [FaultError("AccessDenied", "no", 403)] * 9
    whole.answers["DescribeLoadBalancers"] = gone("LoadBalancerNotFound")
    told = tell(LINE)
    assert "whether a load balancer is protected against deletion is not known" in told.text
    assert told.code == 0


def test_what_is_written_while_it_is_emptied_goes_too(whole: Aws, tell: Teller) -> None:
    bucket = with_bucket(whole, "a", "b", "c")
    late = iter([["late-1", "late-2"], [], ["later"]])
    bucket.on_delete = lambda: bucket.keys.extend(next(late, []))
    told = tell(LINE)
    assert told.code == 0
    assert set(bucket.deleted) == {"a", "b", "c", "late-1", "late-2", "later"}
    assert f"emptied {BUCKET}: 6 objects and versions" in told.text


def test_a_bucket_that_is_written_to_for_ever_is_told(whole: Aws, tell: Teller) -> None:
    bucket = with_bucket(whole, "a")
    bucket.on_delete = lambda: bucket.keys.append(f"b{len(bucket.deleted)}")
    told = tell(LINE)
    assert f"warning: {BUCKET} is still written to, b3 last" in told.text


def test_time_that_is_up_while_a_bucket_is_emptied_says_what_is_gone(whole: Aws, tell: Teller) -> None:
    bucket = with_bucket(whole, *(f"k{number:03}" for number in range(60)))
    bucket.on_delete = lambda: whole.clock.sleep(30)
    told = tell(f"{LINE} --timeout 5")
    assert (told.code, told.last) == (124, "result=timed-out stack=TapStackdev")
    assert f"{BUCKET} is not empty after 5m00s" in told.text
    said = re.search(r"(\d+) versions are deleted; nothing runs in TapStackdev", told.text)
    assert said
    assert int(said[1]) == len(bucket.deleted)
    assert "next:  go on where it stopped: make destroy ENV=dev ARGS='--timeout 600'" in told.text
    assert 0 < len(bucket.deleted) < 60
    assert "DeleteStack" not in whole.calls
    bucket.on_delete = lambda: None
    assert tell(f"{LINE} --timeout 600").code == 0


@pytest.mark.usefixtures("whole")
def test_another_vpc_cidr_in_the_environments_file_is_nobodys_business(
    tell: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise AssertionError("destroying asks for no parameter")

    monkeypatch.setattr("fraud_cfn.template.environments.read", read)
    assert tell(LINE).code == 0


def test_keys_that_s3_puts_off_are_asked_for_again(whole: Aws, tell: Teller) -> None:
    bucket = with_bucket(whole, "a", "b", "c", page=3)
    slow = "<Error><Key>b</Key><VersionId>1</VersionId><Code>{}</Code><Message>Slower</Message></Error>"
    honest, answers = bucket.DeleteObjects, iter(["SlowDown", "InternalError"])

    def delete(asked: dict) -> str:
        if code := next(answers, ""):
            bucket.deleted += [key for key in bucket.keys if key != "b"]
            bucket.keys = ["b"]
            return f"<DeleteResult>{slow.format(code)}</DeleteResult>"
        return honest(asked)

    whole.answers["DeleteObjects"] = delete
    told = tell(LINE)
    assert told.code == 0, told.text
    assert bucket.keys == []


def test_keys_that_s3_puts_off_for_ever_are_told(whole: Aws, tell: Teller) -> None:
    with_bucket(whole, "b")
    slow = "<Error><Key>b</Key><VersionId>1</VersionId><Code>SlowDown</Code><Message>slower</Message></Error>"
    whole.answers["DeleteObjects"] = lambda _: f"<DeleteResult>{slow}</DeleteResult>"
    told = tell(LINE)
    assert told.code == 6
    assert "'b' version 1: SlowDown: slower" in told.text
    assert "DeleteStack" not in whole.calls


def test_a_hiccup_while_a_bucket_is_listed_does_not_end_it(whole: Aws, tell: Teller) -> None:
    with_bucket(whole, *"abcde")
    whole.faults["ListObjectVersions"] = [FaultError("SlowDown", "Reduce your rate", 503)] * 7
    told = tell(LINE)
    assert told.code == 0, told.text
    assert f"emptying {BUCKET} goes on, watching goes on" in told.text
