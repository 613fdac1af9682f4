from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.integration.platform import Platform
from tests.lens import WORKLOADS as TITLES
from tests.lens import kebab

WORKLOADS = [kebab(title) for title in TITLES]
TASKS = [f"{workload}-{kind}" for workload in WORKLOADS for kind in ("task", "execution")]
TRUSTED = {
    **dict.fromkeys(TASKS, "ecs-tasks.amazonaws.com"),
    "api-deployment": "ecs.amazonaws.com",
    "job-schedule": "scheduler.amazonaws.com",
}
EVERY_ROLE = pytest.mark.parametrize("role", TRUSTED)
EVERY_WORKLOAD = pytest.mark.parametrize("workload", WORKLOADS)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def resources(platform: Platform, role: str, action: str) -> set[str]:
    """What the role may do that action on."""
    return {
        resource
        for statement in platform.statements[role]
        if action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


@EVERY_ROLE
def test_a_role_is_assumed_by_its_service_only(platform: Platform, role: str) -> None:
    (statement,) = platform.roles[role]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": TRUSTED[role]}
    assert listed(statement["Action"]) == ["sts:AssumeRole"]
    if role != "api-deployment":
        assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == platform.account


@EVERY_ROLE
def test_a_role_has_no_policy_that_outlives_it(platform: Platform, role: str) -> None:
    attached = platform.client("iam").list_attached_role_policies(RoleName=platform.name(role))
    assert attached["AttachedPolicies"] == []


@EVERY_ROLE
def test_a_role_is_allowed_named_actions_only(platform: Platform, role: str) -> None:
    statements = platform.statements[role]
    assert statements
    for statement in statements:
        assert statement["Effect"] == "Allow"
        assert not [action for action in listed(statement["Action"]) if "*" in action]


@EVERY_ROLE
def test_a_role_has_the_boundary_that_was_asked_for(platform: Platform, role: str) -> None:
    boundary = platform.roles[role].get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", "")
    assert boundary == platform.parameters["PermissionsBoundaryArn"]


def test_the_api_sends_to_the_queue_and_only_the_worker_receives(platform: Platform) -> None:
    queue = {platform.queue("jobs")["QueueArn"]}
    assert resources(platform, "api-task", "sqs:SendMessage") == queue
    assert resources(platform, "worker-task", "sqs:ReceiveMessage") == queue
    assert resources(platform, "worker-task", "sqs:DeleteMessage") == queue
    for role in ("api-task", "job-task"):
        assert not resources(platform, role, "sqs:ReceiveMessage")


@EVERY_WORKLOAD
def test_an_execution_role_reads_the_two_secrets_pulls_and_logs_its_own(
    platform: Platform, workload: str
) -> None:
    role = f"{workload}-execution"
    assert resources(platform, role, "secretsmanager:GetSecretValue") == {
        platform.parameters["DatabaseCredentialsArn"],
        platform.parameters["ApiKeysArn"],
    }
    (pulled,) = resources(platform, role, "ecr:BatchGetImage")
    assert pulled.endswith(f":repository/{platform.name(workload)}")
    (logged,) = resources(platform, role, "logs:PutLogEvents")
    assert f":log-group:/ecs/{platform.name(workload)}:" in logged


@EVERY_WORKLOAD
def test_a_task_role_uses_the_data_bucket_and_its_own_database_user(
    platform: Platform, workload: str
) -> None:
    bucket = f"arn:aws:s3:::{platform.outputs['DataBucketName']}"
    assert resources(platform, f"{workload}-task", "s3:GetObject") == {f"{bucket}/*"}
    identifier = platform.ids["DatabaseCluster"]
    described = platform.client("rds").describe_db_clusters(DBClusterIdentifier=identifier)["DBClusters"][0]
    (user,) = resources(platform, f"{workload}-task", "rds-db:connect")
    assert user.endswith(f":dbuser:{described['DbClusterResourceId']}/fraud_{workload.replace('-', '_')}")


def test_the_schedule_runs_the_job_and_passes_its_two_roles_only(platform: Platform) -> None:
    statements = platform.statements["job-schedule"]
    (run,) = [s for s in statements if "ecs:RunTask" in listed(s["Action"])]
    assert [resource.rpartition("/")[2] for resource in listed(run["Resource"])] == [
        f"{platform.name('job')}:*"
    ]
    assert run["Condition"]["ArnEquals"]["ecs:cluster"] == platform.cluster_arn
    (pass_roles,) = [s for s in statements if "iam:PassRole" in listed(s["Action"])]
    assert set(pass_roles["Resource"]) == {
        platform.roles["job-task"]["Arn"],
        platform.roles["job-execution"]["Arn"],
    }
    assert pass_roles["Condition"]["StringEquals"]["iam:PassedToService"] == "ecs-tasks.amazonaws.com"


def test_deployments_may_shift_the_traffic_of_this_load_balancer_only(platform: Platform) -> None:
    allowed = resources(platform, "api-deployment", "elasticloadbalancing:ModifyRule")
    assert any(fnmatchcase(platform.ids["RoutingRule"], pattern) for pattern in allowed)
    own = f":listener-rule/app/{platform.name('alb')}/"
    assert not [pattern for pattern in allowed if own not in pattern]
