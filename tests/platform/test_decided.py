"""What was decided on, by equality: the resources, what each condition decides, which grant has a condition.

One too many is as bad as one too few: a copy of a metric filter, a route that depends on whether there is a
reader, a permission that nobody has outside a cluster.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest

from fraud_cfn.config import REGION
from fraud_cfn.template.document import Document
from fraud_cfn.template.scenarios import ACCOUNT, BASE, SCENARIOS
from tests.lens import FURTHER, FURTHER_IDS, SERVICES, WORKLOADS, Lens
from tests.platform.test_words import statements

RESOURCES = {
    *("Vpc", "InternetGateway", "InternetAttachment", "NatAddress", "NatGateway"),
    *(f"{kind}RouteTable" for kind in ("Public", "Private", "Database")),
    *("PublicDefaultRoute", "PrivateDefaultRoute"),
    *(
        f"{kind}Subnet{letter}{routes}"
        for kind in ("Public", "Private", "Database")
        for letter in "ABC"
        for routes in ("", "Routes")
    ),
    *("DataBucket", "DataBucketPolicy", "S3Endpoint"),
    *(f"{queue}Queue{policy}" for queue in ("Job", "DeadLetter", "MissedRuns") for policy in ("", "Policy")),
    *(
        f"Database{part}"
        for part in ("SubnetGroup", "ParameterGroup", "Logs", "Cluster", "WriterInstance", "ReaderInstance")
    ),
    *("DatabaseSecurityGroup", "LoadBalancerSecurityGroup"),
    *("Cluster", "ContainerInsightsLogs", "ClusterCapacityProviders", "Namespace"),
    *("LoadBalancer", "BlueTargetGroup", "GreenTargetGroup"),
    *("HttpListener", "HttpsListener", "RoutingRule", "WebAclAssociation"),
    *("LoadBalancerToApi", "ApiFromLoadBalancer"),
    *("ApiToWorker", "WorkerFromApi", "WorkerToApi", "ApiFromWorker"),
    *("JobToApi", "ApiFromJob", "JobToWorker", "WorkerFromJob"),
    *("ApiDeploymentRole", "ApiServerErrorAlarm", "ApiLatencyAlarm", "WorkerQueueScaling"),
    *("ScheduleGroup", "ScheduleRole", "JobSchedule"),
    *("Dashboard", "ErrorsQuery", "SlowRequestsQuery"),
}
OF_EVERY_WORKLOAD = (
    *("{}Repository", "{}SecurityGroup", "{}ToDatabase", "DatabaseFrom{}", "{}Logs", "{}Errors"),
    *("{}TaskRole", "{}ExecutionRole", "{}TaskDefinition"),
)
OF_EVERY_SERVICE = ("{}Discovery", "{}Service", "{}ScalableTarget", "{}CpuScaling", "{}MemoryScaling")

# Condition → what it decides, in resources (`*`: of each that is called so).
DECIDES = {
    "ApiIsDeployedCanary": ["ApiService.DeploymentConfiguration.CanaryConfiguration"],
    "ApiIsDeployedLinear": ["ApiService.DeploymentConfiguration.LinearConfiguration"],
    "ApiIsDeployedRolling": ["ApiService.DeploymentConfiguration.BakeTimeInMinutes"],
    "HasAdditionalRepositories": ["*ExecutionRole.Policies.2"],
    "HasDataKmsKey": [
        "DataBucket.BucketEncryption.ServerSideEncryptionConfiguration.0.BucketKeyEnabled",
        "DataBucket.BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault.*",
        "*Queue.SqsManagedSseEnabled",
        "*Queue.KmsMasterKeyId",
        "*Logs.KmsKeyId",
        "DatabaseCluster.KmsKeyId",
        "DatabaseCluster.PerformanceInsightsKmsKeyId",
        "Database*Instance.PerformanceInsightsKMSKeyId",
        "*Repository.EncryptionConfiguration",
        "*TaskRole.Policies.1",
        "*ScheduleRole.Policies.1",
    ],
    "HasDatabaseReader": ["DatabaseReaderInstance"],
    "HasDeploymentAlarms": [
        "ApiServerErrorAlarm",
        "ApiLatencyAlarm",
        "ApiService.DeploymentConfiguration.Alarms",
    ],
    "HasPermissionsBoundary": ["*Role.PermissionsBoundary"],
    "HasSecretsKmsKeys": ["*ExecutionRole.Policies.1"],
    "HasWebAcl": ["WebAclAssociation"],
    "IsLive": [
        "*Service.DesiredCount",
        "*Service.ForceNewDeployment",
        "*ScalableTarget.MinCapacity",
        "*ScalableTarget.MaxCapacity",
        "*ScalableTarget.SuspendedState.*Suspended",
        "*Schedule.State",
    ],
    "IsStarting": ["*Service.DesiredCount"],
    "KeepsAccessLogs": [
        *("LoadBalancer.LoadBalancerAttributes.3.Value", "LoadBalancer.LoadBalancerAttributes.4"),
        "LoadBalancer.LoadBalancerAttributes.5",
    ],
    "ServesHttps": [
        *("HttpsListener", "HttpListener.DefaultActions.0", "*RoutingRule.ListenerArn"),
        "LoadBalancerSecurityGroup.SecurityGroupIngress.1",
    ],
}

# Name of a grant → the condition under which it holds; the others hold always.
UNDER = {
    "DecryptSecrets": {"StringEquals": {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}},
    "PassTaskRoles": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
    "RunTasks": {"ArnEquals": {"ecs:cluster": "<Cluster.Arn>"}},
    "TagTasks": {"StringEquals": {"ecs:CreateAction": "RunTask"}},
}


def test_there_is_no_resource_that_was_not_decided_on(document: Document) -> None:
    listed = [workload for workload in WORKLOADS if workload not in FURTHER]
    services = [service for service in SERVICES if service not in FURTHER]
    decided = RESOURCES | {part.format(workload) for workload in listed for part in OF_EVERY_WORKLOAD}
    decided |= {part.format(service) for service in services for part in OF_EVERY_SERVICE}
    assert set(document.template["Resources"]) - FURTHER_IDS == decided


def choices(node: Any, where: str) -> Iterator[tuple[str, str]]:
    """Condition → where it chooses."""
    if isinstance(node, dict):
        for key, inner in node.items():
            if key == "Fn::If":
                yield inner[0], where
                yield from (choice for branch in inner[1:] for choice in choices(branch, where))
            else:
                yield from choices(inner, f"{where}.{key}")
    elif isinstance(node, list):
        yield from (choice for i, item in enumerate(node) for choice in choices(item, f"{where}.{i}"))


def test_a_condition_decides_what_it_is_for_and_nothing_else(document: Document) -> None:
    decided = DECIDES | {
        f"Has{service}HealthCommand": [f"{service}TaskDefinition.ContainerDefinitions.0.HealthCheck"]
        for service in SERVICES
    }
    found: set[tuple[str, str]] = set()
    for logical_id, resource in document.template["Resources"].items():
        found |= set(choices(resource["Properties"], logical_id))
        if condition := resource.get("Condition"):
            found.add((condition, logical_id))
    patterns = {(condition, pattern) for condition, listed in decided.items() for pattern in listed}
    met = {
        (condition, where): {(c, p) for c, p in patterns if c == condition and fnmatchcase(where, p)}
        for condition, where in found
    }
    assert [choice for choice, by in met.items() if not by] == []
    assert patterns == set().union(*met.values())


@pytest.mark.parametrize("scenario", ["bootstrap", "everything"])
def test_a_grant_holds_under_its_condition_and_no_other(base: Lens, scenario: str) -> None:
    for logical_id, role in base.under(**SCENARIOS[scenario]).of("AWS::IAM::Role").items():
        for statement in statements(role["Policies"]):
            condition = statement.get("Condition")
            if statement["Sid"] == "UseDataKey":  # which services, test_permissions holds
                assert {key: set(tests) for key, tests in (condition or {}).items()} == {
                    "StringEquals": {"kms:ViaService"}
                }, logical_id
            else:
                assert condition == UNDER.get(statement["Sid"]), (logical_id, statement["Sid"])


def test_no_name_of_an_environment_an_account_or_a_region_stands_in_a_resource(document: Document) -> None:
    """What a test under the suffix `dev` would not tell from the parameter."""
    text = json.dumps([document.template["Resources"], document.template["Outputs"]])
    literal = re.compile(rf"\b{BASE['EnvironmentSuffix']}\b|{ACCOUNT}|{REGION}|TapStack")
    assert literal.findall(text) == []
