"""Names that only people read: what a name says is what stands under it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fraud_cfn.template.document import Document
from fraud_cfn.template.scenarios import SCENARIOS
from tests.lens import WORKLOADS, Lens

# The name of a grant → what it grants, wherever it stands.
GRANTS = {
    "ConnectToDatabase": "rds-db:connect",
    "ConsumeMessages": "sqs:ReceiveMessage sqs:DeleteMessage sqs:ChangeMessageVisibility",
    "DecryptSecrets": "kms:Decrypt",
    "DescribeLoadBalancing": "elasticloadbalancing:DescribeListeners elasticloadbalancing:DescribeRules "
    "elasticloadbalancing:DescribeTargetGroups elasticloadbalancing:DescribeTargetHealth",
    "ListData": "s3:ListBucket",
    "LogInToRegistry": "ecr:GetAuthorizationToken",
    "LookUpQueue": "sqs:GetQueueAttributes sqs:GetQueueUrl",
    "ModifyListener": "elasticloadbalancing:ModifyListener",
    "ModifyRule": "elasticloadbalancing:ModifyRule",
    "PassTaskRoles": "iam:PassRole",
    "ProtectTasks": "ecs:GetTaskProtection ecs:UpdateTaskProtection",
    "PullImage": "ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:GetDownloadUrlForLayer",
    "PullImageLayers": "s3:GetObject",
    "PullMoreImages": "ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:GetDownloadUrlForLayer",
    "ReadAndWriteData": "s3:AbortMultipartUpload s3:GetObject s3:PutObject",
    "ReadSecrets": "secretsmanager:GetSecretValue",
    "RegisterTasks": "elasticloadbalancing:RegisterTargets elasticloadbalancing:DeregisterTargets",
    "RunTasks": "ecs:RunTask",
    "SendMessages": "sqs:SendMessage",
    "SendTraces": "xray:PutTraceSegments xray:PutTelemetryRecords xray:GetSamplingRules "
    "xray:GetSamplingTargets xray:GetSamplingStatisticSummaries",
    "TagTasks": "ecs:TagResource",
    "UseData": "s3:AbortMultipartUpload s3:GetObject s3:ListBucket s3:PutObject",
    "UseDataKey": "kms:Decrypt kms:GenerateDataKey",
    "WriteLogs": "logs:CreateLogStream logs:PutLogEvents",
}
POLICIES = {
    "task": "TaskRole",
    "execution": "ExecutionRole",
    "infrastructure": "DeploymentRole",
    "schedule": "ScheduleRole",
    "data-key": "Role",
    "secrets-key": "ExecutionRole",
    "repositories": "ExecutionRole",
}


def statements(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield from value.get("Statement", [])
        for inner in value.values():
            yield from statements(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from statements(inner)


@pytest.mark.parametrize("scenario", ["bootstrap", "everything"])
def test_the_name_of_a_grant_says_what_it_grants(base: Lens, scenario: str) -> None:
    lens = base.under(**SCENARIOS[scenario])
    for logical_id, resource in lens.resources.items():
        for statement in statements(resource["Properties"]):
            actions = statement["Action"]
            if statement["Effect"] == "Deny":
                assert statement["Sid"] == "OnlyOverTls", logical_id
            elif actions != ["sts:AssumeRole"]:
                assert " ".join(actions) == GRANTS[statement["Sid"]], logical_id
            for several in (actions, statement.get("Resource", [])):
                assert len(several) == len(set(several)), logical_id


def test_the_name_of_a_policy_says_whose_it_is(base: Lens) -> None:
    for logical_id, role in base.under(**SCENARIOS["everything"]).of("AWS::IAM::Role").items():
        names = [policy["PolicyName"] for policy in role["Policies"]]
        assert all(logical_id.endswith(POLICIES[name]) for name in names), logical_id
        assert len(names) == len(set(names)), logical_id


def test_a_rule_between_groups_says_where_it_leads(base: Lens) -> None:
    groups = {f"<{key}>": key.removesuffix("SecurityGroup") for key in base.of("AWS::EC2::SecurityGroup")}
    for logical_id, rule in base.of("AWS::EC2::SecurityGroupIngress").items():
        here, there = groups[rule["GroupId"]], groups[rule["SourceSecurityGroupId"]]
        assert (logical_id, rule["Description"]) == (f"{here}From{there}", f"From {there}")
    for logical_id, rule in base.of("AWS::EC2::SecurityGroupEgress").items():
        here, there = groups[rule["GroupId"]], groups[rule["DestinationSecurityGroupId"]]
        assert (logical_id, rule["Description"]) == (f"{here}To{there}", f"To {there}")


def test_the_backlog_says_what_it_is_of(live: Lens) -> None:
    tracking = live["WorkerQueueScaling"]["TargetTrackingScalingPolicyConfiguration"]
    computed = [m for m in tracking["CustomizedMetricSpecification"]["Metrics"] if m["ReturnData"]]
    assert [metric["Label"] for metric in computed] == ["Messages per running task"]


def test_no_more_blocks_are_asked_for_than_a_kind_of_subnet_takes(document: Document) -> None:
    """`Fn::Cidr` divides the whole VPC: its count is the last block that is taken, and no limit else."""
    taken: dict[tuple[str, str], list[int]] = {}
    for logical_id, resource in document.template["Resources"].items():
        if resource["Type"] == "AWS::EC2::Subnet":
            index, blocks = resource["Properties"]["CidrBlock"]["Fn::Select"]
            _, count, bits = blocks["Fn::Cidr"]
            taken.setdefault((logical_id[:-1], f"{count} of /{32 - int(bits)}"), []).append(int(index))
    assert {kind: max(indexes) + 1 for kind, indexes in taken.items()} == {
        kind: int(kind[1].split()[0]) for kind in taken
    }
    assert len(taken) == 3


def test_saved_queries_find_the_errors_and_what_took_more_than_a_second(live: Lens) -> None:
    queries = {key: query["QueryString"] for key, query in live.of("AWS::Logs::QueryDefinition").items()}
    assert queries == {
        "ErrorsQuery": "fields @timestamp, @log, @message\n| filter @message like /ERROR/\n"
        "| sort @timestamp desc\n| limit 50",
        "SlowRequestsQuery": "fields @timestamp, @log, duration_ms, @message\n| filter duration_ms > 1000\n"
        "| sort duration_ms desc\n| limit 50",
    }


def repeated(value: Any) -> Iterator[Any]:
    """What a list says twice."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from repeated(inner)
    elif isinstance(value, list):
        yield from (item for index, item in enumerate(value) if item in value[:index])
        for inner in value:
            yield from repeated(inner)


@pytest.mark.parametrize("scenario", ["bootstrap", "everything"])
def test_nothing_is_said_twice(base: Lens, scenario: str) -> None:
    for logical_id, resource in base.under(**SCENARIOS[scenario]).resources.items():
        assert not list(repeated(resource)), logical_id


def test_what_aws_shows_of_a_subnet_group_says_what_it_is(base: Lens) -> None:
    assert base["DatabaseSubnetGroup"]["DBSubnetGroupDescription"] == "Subnets without a route out of the VPC"


@pytest.mark.parametrize(
    ("parameter", "sid"),
    [("AdditionalRepositoryArns", "PullMoreImages"), ("SecretsKmsKeyArns", "DecryptSecrets")],
)
def test_a_list_that_is_given_becomes_as_many_resources(base: Lens, parameter: str, sid: str) -> None:
    lens = base.under(**{parameter: "arn:one,arn:two"})
    for workload in WORKLOADS:
        named = {s["Sid"]: s["Resource"] for s in statements(lens[f"{workload}ExecutionRole"]) if "Sid" in s}
        assert named[sid] == ["arn:one", "arn:two"]
