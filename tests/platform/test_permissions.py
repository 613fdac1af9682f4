"""Who may do what: the whole of it, so that nothing can be added unseen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from fraud_cfn.template.document import Document
from fraud_cfn.template.scenarios import SCENARIOS
from tests.lens import BALANCED, FURTHER, FURTHER_IDS, WORKLOADS, Lens

Statement = dict[str, Any]
KEY = "arn:aws:kms:eu-central-1:111122223333:key/1a2b"

# AWS has no resource-level permission for these.
ON_EVERYTHING = {
    "ecr:GetAuthorizationToken",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
    "xray:GetSamplingRules",
    "xray:GetSamplingStatisticSummaries",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
DATA = {
    ("s3:ListBucket", "<DataBucket.Arn>"),
    ("s3:AbortMultipartUpload", "<DataBucket.Arn>/*"),
    ("s3:GetObject", "<DataBucket.Arn>/*"),
    ("s3:PutObject", "<DataBucket.Arn>/*"),
}
TRACES = {(action, "*") for action in ON_EVERYTHING if action.startswith("xray:")}


def statements(lens: Lens, role: str) -> list[Statement]:
    return [s for policy in lens[role]["Policies"] for s in policy["PolicyDocument"]["Statement"]]


def allowed(lens: Lens, role: str) -> set[tuple[str, str]]:
    """(action, resource) of everything a role may do."""
    return {
        (action, resource)
        for statement in statements(lens, role)
        for action in statement["Action"]
        for resource in statement["Resource"]
    }


def database_login(user: str) -> tuple[str, str]:
    cluster = "<DatabaseCluster.DBClusterResourceId>"
    return ("rds-db:connect", f"arn:aws:rds-db:eu-central-1:111122223333:dbuser:{cluster}/{user}")


LOOK_UP = {("sqs:GetQueueAttributes", "<JobQueue.Arn>"), ("sqs:GetQueueUrl", "<JobQueue.Arn>")}
OWN_TASKS = "arn:aws:ecs:eu-central-1:111122223333:task/<Cluster>/*"


def test_api_may_send_to_its_queue_and_use_the_data(base: Lens) -> None:
    own = {("sqs:SendMessage", "<JobQueue.Arn>"), database_login("fraud_api")} | LOOK_UP
    assert allowed(base, "ApiTaskRole") == DATA | TRACES | own


def test_worker_may_consume_only_its_queue(base: Lens) -> None:
    own = {
        ("sqs:ReceiveMessage", "<JobQueue.Arn>"),
        ("sqs:DeleteMessage", "<JobQueue.Arn>"),
        ("sqs:ChangeMessageVisibility", "<JobQueue.Arn>"),
        ("ecs:GetTaskProtection", OWN_TASKS),
        ("ecs:UpdateTaskProtection", OWN_TASKS),
        database_login("fraud_worker"),
    } | LOOK_UP
    assert allowed(base, "WorkerTaskRole") == DATA | TRACES | own


def test_job_may_use_no_queue(base: Lens) -> None:
    assert allowed(base, "JobTaskRole") == DATA | TRACES | {database_login("fraud_job")}


@pytest.mark.parametrize("workload", WORKLOADS)
def test_execution_role_is_enough_for_its_own_task_and_no_more(base: Lens, workload: str) -> None:
    task = base[f"{workload}TaskDefinition"]
    assert task["ExecutionRoleArn"] == f"<{workload}ExecutionRole.Arn>"
    app = task["ContainerDefinitions"][0]
    repository = app["Image"].split(".RepositoryUri")[0].strip("<")
    log_groups = {c["LogConfiguration"]["Options"]["awslogs-group"] for c in task["ContainerDefinitions"]}
    # `<arn>:<key>::` is one key of the secret `<arn>`
    secrets = {":".join(secret["ValueFrom"].split(":")[:7]) for secret in app["Secrets"]}
    assert log_groups == {f"<{workload}Logs>"}
    assert repository == f"{workload}Repository"
    assert allowed(base, f"{workload}ExecutionRole") == {
        ("ecr:GetAuthorizationToken", "*"),
        ("ecr:BatchCheckLayerAvailability", f"<{repository}.Arn>"),
        ("ecr:BatchGetImage", f"<{repository}.Arn>"),
        ("ecr:GetDownloadUrlForLayer", f"<{repository}.Arn>"),
        ("logs:CreateLogStream", f"<{workload}Logs.Arn>"),
        ("logs:PutLogEvents", f"<{workload}Logs.Arn>"),
        *(("secretsmanager:GetSecretValue", secret) for secret in secrets),
    }


@pytest.mark.parametrize("workload", WORKLOADS)
def test_keys_may_be_used_only_when_given_and_only_for_secrets(base: Lens, workload: str) -> None:
    other = KEY.replace("key/", "key/mrk-")
    lens = base.under(SecretsKmsKeyArns=f"{KEY},{other}")
    role = f"{workload}ExecutionRole"
    assert allowed(lens, role) - allowed(base, role) == {("kms:Decrypt", KEY), ("kms:Decrypt", other)}
    assert {("kms:Decrypt", KEY)} == allowed(base.under(SecretsKmsKeyArns=KEY), role) - allowed(base, role)
    (statement,) = (s for s in statements(lens, role) if "kms:Decrypt" in s["Action"])
    assert statement["Condition"] == {
        "StringEquals": {"kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com"}
    }


@pytest.mark.parametrize(
    ("role", "services"),
    [
        ("ApiTaskRole", ["s3", "sqs"]),
        ("WorkerTaskRole", ["s3", "sqs"]),
        ("JobTaskRole", ["s3"]),
        ("ScheduleRole", ["sqs"]),
        *((f"{workload}TaskRole", None) for workload in FURTHER),
    ],
)
def test_the_datas_key_may_be_used_only_when_given_and_only_through_what_the_role_uses(
    base: Lens, role: str, services: list[str] | None
) -> None:
    if services is None:  # of a workload that is not known by name here
        used = {action.split(":")[0] for action, _ in allowed(base, role)}
        services = [service for service in ("s3", "sqs") if service in used]
    lens = base.under(DataKmsKeyArn=KEY)
    assert allowed(lens, role) - allowed(base, role) == {("kms:Decrypt", KEY), ("kms:GenerateDataKey", KEY)}
    (statement,) = (s for s in statements(lens, role) if "kms:GenerateDataKey" in s["Action"])
    assert statement["Condition"] == {
        "StringEquals": {"kms:ViaService": [f"{name}.eu-central-1.amazonaws.com" for name in services]}
    }


def test_no_other_role_may_use_the_datas_key(base: Lens) -> None:
    lens = base.under(DataKmsKeyArn=KEY)
    users = {role for role in lens.of("AWS::IAM::Role") if allowed(lens, role) != allowed(base, role)}
    assert users == {f"{workload}TaskRole" for workload in WORKLOADS} | schedule_roles(base)


def test_ecs_may_shift_traffic_of_that_one_load_balancer(base: Lens) -> None:
    describe = {(action, "*") for action in ON_EVERYTHING if action.startswith("elasticloadbalancing:")}
    arn = "arn:aws:elasticloadbalancing:eu-central-1:111122223333"
    assert allowed(base, "ApiDeploymentRole") == describe | {
        (f"elasticloadbalancing:{verb}Targets", f"<{colour}TargetGroup>")
        for verb in ("Register", "Deregister")
        for colour in ("Blue", "Green")
    } | {
        (f"elasticloadbalancing:Modify{what}", f"{arn}:{kind}/app/<LoadBalancer.LoadBalancerName>/*")
        for what, kind in (("Listener", "listener"), ("Rule", "listener-rule"))
    }


def test_scheduler_may_run_that_job_in_that_cluster(base: Lens) -> None:
    account = "arn:aws:ecs:eu-central-1:111122223333"
    assert allowed(base, "ScheduleRole") == {
        ("ecs:RunTask", f"{account}:task-definition/fraud-job-dev:*"),
        ("ecs:TagResource", f"{account}:task/<Cluster>/*"),
        ("iam:PassRole", "<JobTaskRole.Arn>"),
        ("iam:PassRole", "<JobExecutionRole.Arn>"),
        ("sqs:SendMessage", "<MissedRunsQueue.Arn>"),
    }
    conditions = {s["Action"][0]: s.get("Condition") for s in statements(base, "ScheduleRole")}
    assert conditions == {
        "ecs:RunTask": {"ArnEquals": {"ecs:cluster": "<Cluster.Arn>"}},
        "ecs:TagResource": {"StringEquals": {"ecs:CreateAction": "RunTask"}},
        "iam:PassRole": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        "sqs:SendMessage": None,
    }


def test_nobody_but_the_scheduler_passes_a_role(live: Lens) -> None:
    passing = {
        role
        for role in live.of("AWS::IAM::Role")
        for action, _ in allowed(live, role)
        if "PassRole" in action
    }
    assert passing == schedule_roles(live)


def schedule_roles(lens: Lens) -> set[str]:
    """The job's, and those of further scheduled jobs."""
    schedules = lens.of("AWS::Scheduler::Schedule").values()
    roles = {schedule["Target"]["RoleArn"].strip("<>").removesuffix(".Arn") for schedule in schedules}
    assert "ScheduleRole" in roles
    assert roles - {"ScheduleRole"} <= FURTHER_IDS
    return roles


def test_there_is_no_other_role(live: Lens) -> None:
    own = {f"{workload}{kind}Role" for workload in WORKLOADS for kind in ("Task", "Execution")}
    assert set(live.of("AWS::IAM::Role")) - (FURTHER_IDS - own) == own | {"ApiDeploymentRole", "ScheduleRole"}


def test_each_role_is_assumed_by_its_service_for_this_account_only(base: Lens) -> None:
    here = {"aws:SourceAccount": "111122223333"}
    tasks = {"StringEquals": here, "ArnLike": {"aws:SourceArn": "arn:aws:ecs:eu-central-1:111122223333:*"}}
    schedules = {"StringEquals": here, "ArnEquals": {"aws:SourceArn": "<ScheduleGroup.Arn>"}}
    expected = {
        f"{w}{kind}Role": ("ecs-tasks", tasks) for w in WORKLOADS for kind in ("Task", "Execution")
    } | {
        "ScheduleRole": ("scheduler", schedules),
        # AWS documents no condition for it, and is not known to send a source.
        **{f"{service}DeploymentRole": ("ecs", None) for service in BALANCED},
    }
    trusted = {}
    for role, properties in base.of("AWS::IAM::Role").items():
        (trust,) = properties["AssumeRolePolicyDocument"]["Statement"]
        assert (trust["Effect"], trust["Action"]) == ("Allow", ["sts:AssumeRole"])
        if role in FURTHER_IDS - set(expected):
            assert trust["Condition"]["StringEquals"] == here, f"{role}: for this account only"
            continue
        trusted[role] = (trust["Principal"]["Service"].removesuffix(".amazonaws.com"), trust.get("Condition"))
    assert trusted == expected


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_allow_is_wider_than_it_must_be(base: Lens, scenario: str) -> None:
    lens = base.under(**SCENARIOS[scenario])
    for role, properties in lens.of("AWS::IAM::Role").items():
        assert "ManagedPolicyArns" not in properties, role
        for statement in statements(lens, role):
            assert set(statement) <= {"Sid", "Effect", "Action", "Resource", "Condition"}, "no NotAction"
            assert statement["Effect"] == "Allow"
            assert not [action for action in statement["Action"] if "*" in action], role
            if "*" in statement["Resource"]:
                assert set(statement["Action"]) <= ON_EVERYTHING, role


def test_permissions_boundary_is_put_on_every_role_when_given(base: Lens) -> None:
    boundary = "arn:aws:iam::111122223333:policy/boundary"
    lens = base.under(PermissionsBoundaryArn=boundary)
    assert {r.get("PermissionsBoundary") for r in base.of("AWS::IAM::Role").values()} == {None}
    assert {r.get("PermissionsBoundary") for r in lens.of("AWS::IAM::Role").values()} == {boundary}


def test_every_policy_is_of_the_current_language_and_every_grant_has_a_name(document: Document) -> None:
    def policies(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            if "Statement" in value:
                yield value
            for inner in value.values():
                yield from policies(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from policies(inner)

    found = list(policies(document.template["Resources"]))
    assert len(found) > 20
    assert {policy["Version"] for policy in found} == {"2012-10-17"}
    for policy in found:
        sids = [s["Sid"] for s in policy["Statement"] if s.get("Action") != ["sts:AssumeRole"]]
        assert all(re.fullmatch("[A-Z][A-Za-z0-9]+", sid) for sid in sids)
        assert len(sids) == len(set(sids))


def test_no_role_reads_a_secret_that_is_not_named_to_it(base: Lens) -> None:
    read = {
        resource
        for role in base.of("AWS::IAM::Role")
        for action, resource in allowed(base, role)
        if action.startswith("secretsmanager:")
    }
    assert read == {base.parameters["DatabaseCredentialsArn"], base.parameters["ApiKeysArn"]}


def test_queues_and_bucket_refuse_requests_without_tls(base: Lens) -> None:
    guarded = {}
    for policy in base.of("AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy").values():
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for target in policy.get("Queues") or [policy["Bucket"]]:
            guarded[target] = (tuple(statement["Action"]), tuple(statement["Resource"]))
    assert guarded == {
        f"<{queue}>": (("sqs:*",), (f"<{queue}.Arn>",)) for queue in base.of("AWS::SQS::Queue")
    } | {"<DataBucket>": (("s3:*",), ("<DataBucket.Arn>", "<DataBucket.Arn>/*"))}


@pytest.mark.parametrize(
    ("role", "services"),
    [("ApiTaskRole", ["s3", "sqs"]), ("WorkerTaskRole", ["s3", "sqs"]), ("ScheduleRole", ["sqs"])],
)
def test_the_datas_key_is_used_when_given_and_only_through_what_it_encrypts(
    base: Lens, role: str, services: list[str]
) -> None:
    key = "arn:aws:kms:eu-central-1:111122223333:key/1"
    (statement,) = [
        s for s in statements(base.under(DataKmsKeyArn=key), role) if "kms:Decrypt" in s["Action"]
    ]
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert statement["Resource"] == [key]
    hosts = [f"{service}.eu-central-1.amazonaws.com" for service in services]
    assert statement["Condition"] == {"StringEquals": {"kms:ViaService": hosts}}
    assert not [s for s in statements(base, role) if "kms:Decrypt" in s["Action"]]


@pytest.mark.parametrize("workload", WORKLOADS)
def test_more_repositories_are_pulled_from_when_named(base: Lens, workload: str) -> None:
    more = "arn:aws:ecr:eu-central-1:111122223333:repository/collector"
    lens = base.under(AdditionalRepositoryArns=more)
    (statement,) = [
        s for s in statements(lens, f"{workload}ExecutionRole") if s.get("Sid") == "PullMoreImages"
    ]
    assert statement["Action"] == [
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
    ]
    assert statement["Resource"] in (more, [more])
