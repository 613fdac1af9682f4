"""What whoever deploys must be allowed: as much as the command and the handlers ask for, and no more."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from fraud_cfn.config import COMMITTED, ROOT
from fraud_cfn.prove import deployer
from fraud_cfn.prove.evaluator import Decision, Request, decide
from fraud_cfn.review import schemas
from fraud_cfn.review.actions import resource_forms
from fraud_cfn.review.model import read
from tests import sources

POLICIES = deployer.policies(read(COMMITTED))
ACCOUNT = "111122223333"

# What the command calls under a name that is not the action's: operation → actions.
RENAMED = {
    "delete_objects": {"s3:DeleteObject", "s3:DeleteObjectVersion"},
    "get_bucket_encryption": {"s3:GetEncryptionConfiguration"},
    "get_object_lock_configuration": {"s3:GetBucketObjectLockConfiguration"},
    "head_bucket": {"s3:ListBucket"},
    "list_multipart_uploads": {"s3:ListBucketMultipartUploads"},
    "list_object_versions": {"s3:ListBucketVersions"},
    "put_bucket_encryption": {"s3:PutEncryptionConfiguration"},
    "put_bucket_lifecycle_configuration": {"s3:PutLifecycleConfiguration"},
    "put_public_access_block": {"s3:PutBucketPublicAccessBlock"},
}
SERVICES = {
    "acm": "acm",
    "application-autoscaling": "application-autoscaling",
    "cloudformation": "cloudformation",
    "cloudwatch": "cloudwatch",
    "ec2": "ec2",
    "ecr": "ecr",
    "ecs": "ecs",
    "elbv2": "elasticloadbalancing",
    "iam": "iam",
    "kms": "kms",
    "logs": "logs",
    "rds": "rds",
    "s3": "s3",
    "scheduler": "scheduler",
    "secretsmanager": "secretsmanager",
    "service-quotas": "servicequotas",
    "servicediscovery": "servicediscovery",
    "sqs": "sqs",
    "wafv2": "wafv2",
}
# Names that another service has too, or that are no request (`sts:GetCallerIdentity` needs no permission).
ELSEWHERE = {
    "ec2:DescribeImages",
    "rds:DescribeEvents",
    "servicediscovery:UpdateService",
    "servicequotas:ListServices",
}


def called() -> set[str]:
    """Every action behind an operation that the command's code names."""
    operations: dict[str, set[str]] = {}
    session = botocore.session.get_session()
    for service, prefix in SERVICES.items():
        for name in session.get_service_model(service).operation_names:
            operations.setdefault(xform_name(name), set()).add(f"{prefix}:{name}")
    found: set[str] = set()
    for file in (ROOT / "fraud_cfn" / "deploy").rglob("*.py"):
        if file.name != "demo.py":
            for name in names(sources.tree(file)):
                found |= RENAMED.get(name) or operations.get(name, set())
    return found - ELSEWHERE


def names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_the_calls_are_those_that_the_command_makes() -> None:
    listed = {action for actions in deployer.CALLS.values() for action in actions}
    assert listed - deployer.BESIDE == called()
    assert listed >= deployer.BESIDE


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_is_one_that_iam_takes(name: str) -> None:
    assert deployer.size(POLICIES[name]) <= deployer.MOST_CHARACTERS
    sids = [statement["Sid"] for statement in POLICIES[name]["Statement"]]
    assert len(sids) == len(set(sids))
    assert all(sid.isalnum() for sid in sids)
    for statement in POLICIES[name]["Statement"]:
        assert not [action for action in statement["Action"] if "*" in action]
        assert (
            "*" not in statement["Resource"] or statement.get("Condition") or "Anywhere" in statement["Sid"]
        )


def test_what_is_left_out_is_asked_for_by_some_handler() -> None:
    kinds = {declared["Type"] for declared in read(COMMITTED).resources.values()}
    asked = {
        action
        for kind in kinds
        if (schema := schemas.schema(kind))
        for handler in schema.document["handlers"].values()
        for action in handler["permissions"]
    }
    stale = [
        pattern
        for patterns in deployer.UNUSED.values()
        for pattern in patterns
        if not any(fnmatchcase(action, pattern) for action in asked)
    ]
    assert stale == []


# Types of resource that such an action may concern and here never does.
NOT_OURS = {
    "cloudwatch": {"dataset"},
    "elasticloadbalancing": {"listener-rule/net", "listener/gwy", "listener/net", "truststore"}
    | {"loadbalancer/gwy/", "loadbalancer/net/"},
    "rds": {"cluster-snapshot", "global-cluster", "secgrp"},
    "s3": {"accesspoint", "accesspointobject"},
    "wafv2": {"agentcore-gateway", "amplify-app", "apigateway", "apprunner", "appsync", "userpool"}
    | {"verified-access-instance"},
}


def covered(form: str, resources: list[str]) -> bool:
    """Whether a policy names something of that form of an ARN."""
    ours = {"Partition": "aws", "Region": "eu-central-1", "Account": "${aws:PrincipalAccount}"}
    for name, value in ours.items():
        form = form.replace(f"${{{name}}}", value)
    beginning = re.split(r"\.\*|\$\{(?!aws:)", form)[0]
    named = [resource.split("*")[0] for resource in resources]
    return any(name.startswith(beginning) or beginning.startswith(name) for name in named)


@pytest.mark.parametrize("name", POLICIES)
def test_an_action_is_granted_on_every_type_of_resource_that_aws_judges_it_on(name: str) -> None:
    """`ecs:DescribeServiceRevisions`, say, on service revisions and not only on services."""
    left_out = {
        (action, kind)
        for statement in POLICIES[name]["Statement"]
        for action in statement["Action"]
        if statement["Resource"] != ["*"] and "tag" not in action.lower()
        for kind, forms in resource_forms(action).items()
        if forms and not any(covered(form, statement["Resource"]) for form in forms)
        if kind not in NOT_OURS.get(action.partition(":")[0], ())
    }
    assert left_out == set()


def test_every_policy_stands_in_the_documentation() -> None:
    page = (ROOT / "docs" / "deployer.md").read_text(encoding="utf-8")
    assert {name.rstrip("-0123456789") for name in POLICIES} <= {
        word.strip("`,").rstrip("-0123456789") for word in page.split()
    }


# ── What they allow, by the evaluator ──


def attached(*stems: str) -> list[dict[str, Any]]:
    """The policies of those names, all parts."""
    return [document for name, document in POLICIES.items() if name.rstrip("-0123456789") in stems]


def may(stems: tuple[str, ...], action: str, resource: str, **context: str) -> bool:
    known = {"aws:PrincipalAccount": ACCOUNT, "aws:RequestedRegion": "eu-central-1"}
    known |= {key.replace("__", ":"): value for key, value in context.items()}
    request = Request(action, resource, f"arn:aws:iam::{ACCOUNT}:user/someone", known)
    return decide(request, identity=attached(*stems)) is Decision.ALLOWED


DEPLOY = ("fraud-deploy", "fraud-deploy-roles")
BOUNDED = ("fraud-deploy", "fraud-deploy-roles-with-boundary")
ROLE = f"arn:aws:iam::{ACCOUNT}:role/fraud-{{}}-dev"
STACK = f"arn:aws:cloudformation:eu-central-1:{ACCOUNT}:stack/{{}}/0123"
TASKS = "ecs-tasks.amazonaws.com"


def test_a_deployer_makes_this_platform_and_nothing_beside_it() -> None:
    assert may(DEPLOY, "cloudformation:DeleteStack", STACK.format("TapStackdev"))
    assert not may(DEPLOY, "cloudformation:DeleteStack", STACK.format("Other"))
    assert may(DEPLOY, "s3:DeleteBucket", "arn:aws:s3:::fraud-data-dev-1-eu-central-1-an")
    assert not may(DEPLOY, "s3:DeleteBucket", "arn:aws:s3:::company")
    assert may(
        DEPLOY, "rds:DeleteDBCluster", f"arn:aws:rds:eu-central-1:{ACCOUNT}:cluster:fraud-database-dev"
    )
    assert not may(DEPLOY, "rds:DeleteDBCluster", f"arn:aws:rds:eu-central-1:{ACCOUNT}:cluster:ledger")
    assert may(DEPLOY, "ec2:CreateVpc", "*")
    assert not may(DEPLOY, "ec2:CreateVpc", "*", aws__RequestedRegion="us-east-1")
    assert may(DEPLOY, "iam:CreateRole", ROLE.format("api-task"))
    assert not may(DEPLOY, "iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/admin")
    assert not may(DEPLOY, "iam:AttachRolePolicy", ROLE.format("api-task"))


def test_roles_are_passed_to_their_own_service_only() -> None:
    passing = {
        (role, service)
        for role in ("api-task", "worker-execution", "api-deployment", "job-schedule", "other")
        for service in (TASKS, "ecs.amazonaws.com", "scheduler.amazonaws.com", "lambda.amazonaws.com")
        if may(DEPLOY, "iam:PassRole", ROLE.format(role), iam__PassedToService=service)
    }
    assert passing == {
        ("api-task", TASKS),
        ("worker-execution", TASKS),
        ("api-deployment", "ecs.amazonaws.com"),
        ("job-schedule", "scheduler.amazonaws.com"),
    }


def test_with_a_boundary_a_role_is_made_only_under_it() -> None:
    boundary = deployer.BOUNDARY.replace("${aws:PrincipalAccount}", ACCOUNT)
    for action in ("iam:CreateRole", "iam:PutRolePolicy"):
        assert may(BOUNDED, action, ROLE.format("api-task"), iam__PermissionsBoundary=boundary)
        assert not may(BOUNDED, action, ROLE.format("api-task"))
        assert not may(BOUNDED, action, ROLE.format("api-task"), iam__PermissionsBoundary=boundary + "2")
    assert not may(
        BOUNDED,
        "iam:DeleteRolePermissionsBoundary",
        ROLE.format("api-task"),
        iam__PermissionsBoundary=boundary,
    )


@pytest.mark.parametrize("stem", ["fraud-deploy", "fraud-cloudformation"])
def test_grants_on_a_key_are_for_services_of_aws_only(stem: str) -> None:
    key = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/0b1c2d3e-1111-2222-3333-444455556666"
    assert may((stem,), "kms:CreateGrant", key, kms__GrantIsForAWSResource="true")
    assert not may((stem,), "kms:CreateGrant", key, kms__GrantIsForAWSResource="false")
    assert not may((stem,), "kms:CreateGrant", key)
    assert may((stem,), "kms:DescribeKey", key)
    assert not may((stem,), "kms:Decrypt", key)
    assert not may(("fraud-plan",), "kms:CreateGrant", key, kms__GrantIsForAWSResource="true")


def test_service_linked_roles_are_made_by_name() -> None:
    path = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/{{0}}/{{1}}"
    for service, name in deployer.SERVICE_LINKED.items():
        assert may(
            DEPLOY, "iam:CreateServiceLinkedRole", path.format(service, name), iam__AWSServiceName=service
        )
    other = path.format("spot.amazonaws.com", "AWSServiceRoleForEC2Spot")
    assert not may(DEPLOY, "iam:CreateServiceLinkedRole", other, iam__AWSServiceName="spot.amazonaws.com")


def test_who_may_plan_changes_nothing() -> None:
    actions = {
        action for document in attached("fraud-plan") for s in document["Statement"] for action in s["Action"]
    }
    reads = ("Describe", "Get", "BatchGet", "List", "Filter")
    assert {action for action in actions if not action.partition(":")[2].startswith(reads)} == {
        "cloudformation:CreateChangeSet",
        "cloudformation:DeleteChangeSet",
        "s3:PutObject",
    }
    assert not may(("fraud-plan",), "secretsmanager:GetSecretValue", "*")
    assert not may(("fraud-plan",), "s3:GetObject", "arn:aws:s3:::fraud-data-dev-1-eu-central-1-an/key")
    assert not may(("fraud-plan",), "s3:PutObject", "arn:aws:s3:::fraud-data-dev-1-eu-central-1-an/key")


def test_who_hands_over_a_role_makes_nothing_himself() -> None:
    by_role = ("fraud-deploy-by-role",)
    for action in ("iam:CreateRole", "ec2:CreateVpc", "rds:CreateDBCluster", "sqs:CreateQueue"):
        assert not may(by_role, action, "*")
    role = f"arn:aws:iam::{ACCOUNT}:role/fraud-cloudformation"
    assert may(by_role, "iam:PassRole", role, iam__PassedToService="cloudformation.amazonaws.com")
    assert not may(by_role, "iam:PassRole", role, iam__PassedToService="ec2.amazonaws.com")


def test_the_committed_file_is_what_is_tested() -> None:
    assert json.loads((ROOT / "docs" / "deployer-policy.json").read_text(encoding="utf-8")) == POLICIES
