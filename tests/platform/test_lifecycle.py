"""Creation, update and deletion: order, and that nothing stays behind."""

from __future__ import annotations

from graphlib import TopologicalSorter

import pytest

from fraud_cfn.template.document import Document, read
from tests.lens import FURTHER_IDS, PSEUDO, SERVICES, WORKLOADS, Lens, base, kebab, references
from tests.required import LOG_DAYS


@pytest.fixture(scope="module", name="needs")
def dependencies(document: Document) -> dict[str, set[str]]:
    """Logical id → what CloudFormation creates before it, and deletes after it, directly."""
    resources = document.template["Resources"]
    return {
        key: (references(resource["Properties"]) | set(resource.get("DependsOn", []))) & set(resources)
        for key, resource in resources.items()
    }


def before(needs: dict[str, set[str]], logical_id: str) -> set[str]:
    """All that exists before, and until after, that resource."""
    found: set[str] = set()
    waiting = {logical_id}
    while waiting:
        waiting = {need for key in waiting for need in needs[key]} - found
        found |= waiting
    return found


def test_a_release_touches_the_task_and_its_service_only(document: Document) -> None:
    """What refers to a resource that changes is announced as changing, or even as replaced."""
    resources = document.template["Resources"]
    for service in SERVICES:
        touched = {f"{service}ImageTag"}
        while (
            more := {
                key for key, resource in resources.items() if references(resource["Properties"]) & touched
            }
            - touched
        ):
            touched |= more
        assert touched == {f"{service}ImageTag", f"{service}TaskDefinition", f"{service}Service"}


def test_every_reference_names_something_that_exists(document: Document) -> None:
    known = set(document.template["Parameters"]) | set(document.template["Resources"]) | set(PSEUDO)
    for part in ("Resources", "Outputs", "Conditions"):
        for key, value in document.template[part].items():
            assert references(value) <= known, key
            assert set(value.get("DependsOn", []) if part == "Resources" else []) <= known, key


def test_nothing_waits_for_itself(needs: dict[str, set[str]]) -> None:
    assert len(list(TopologicalSorter(needs).static_order())) == len(needs)


SCHEDULES = list(base(read()).of("AWS::Scheduler::Schedule"))
STARTS_TASKS = [*(f"{service}Service" for service in SERVICES), *SCHEDULES]
# From a task to AWS: its subnet's routes, and those of the subnet in which the NAT gateway stands.
WAY_OUT = (
    *("PrivateDefaultRoute", "PrivateSubnetARoutes", "PrivateSubnetBRoutes", "PrivateSubnetCRoutes"),
    *("PublicDefaultRoute", "PublicSubnetARoutes"),
)


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ("NatAddress", "InternetAttachment"),
        ("PublicDefaultRoute", "InternetAttachment"),
        ("LoadBalancer", "InternetAttachment"),
        ("Cluster", "ContainerInsightsLogs"),
        ("DatabaseCluster", "DatabaseLogs"),
        ("DatabaseReaderInstance", "DatabaseWriterInstance"),
        ("ApiService", "RoutingRule"),
        ("ApiService", "ApiDeploymentRole"),
        *((f"{service}ScalableTarget", f"{service}Service") for service in SERVICES),
        ("JobSchedule", "ScheduleRole"),
        ("JobSchedule", "MissedRunsQueue"),
        *((task, route) for task in STARTS_TASKS for route in WAY_OUT),
        *((task, "ClusterCapacityProviders") for task in STARTS_TASKS),
        *((f"{s}Service", f"{s}{part}") for s in SERVICES for part in ("Logs", "TaskRole", "ExecutionRole")),
        *(("JobSchedule", f"Job{part}") for part in ("Logs", "TaskRole", "ExecutionRole")),
    ],
)
def test_created_earlier_and_deleted_later(needs: dict[str, set[str]], later: str, earlier: str) -> None:
    assert earlier in before(needs, later)


def test_prose_that_is_create_only_beside_a_fixed_name_stays_as_it_is(base: Lens) -> None:
    """Rewording one would replace it under its own name, which CloudFormation refuses."""
    groups = base.of("AWS::EC2::SecurityGroup")
    described = {key: group["GroupDescription"] for key, group in groups.items() if key not in FURTHER_IDS}
    assert described == {
        "ApiSecurityGroup": "Tasks of the REST API",
        "WorkerSecurityGroup": "Tasks of the queue worker",
        "JobSecurityGroup": "Tasks of the scheduled job",
        "LoadBalancerSecurityGroup": "The load balancer, the only thing open to clients",
        "DatabaseSecurityGroup": "Aurora",
    }
    assert base["DatabaseParameterGroup"]["Description"] == "PostgreSQL 17, TLS only"


def test_nothing_stands_beside_the_properties_but_order_condition_and_deletion(document: Document) -> None:
    """No creation policy, update policy or metadata: each would change how CloudFormation treats it."""
    allowed = {"Type", "Properties", "Condition", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy"}
    for key, resource in document.template["Resources"].items():
        assert set(resource) <= allowed, key


def test_nothing_is_retained(document: Document) -> None:
    for key, resource in document.template["Resources"].items():
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            assert resource.get(policy, "Delete") == "Delete", key


def test_what_holds_data_says_that_it_is_deleted(document: Document) -> None:
    """For a database cluster the default would be a snapshot."""
    stateful = (
        "RDS::DBCluster",
        "RDS::DBInstance",
        "S3::Bucket",
        "SQS::Queue",
        "ECR::Repository",
        "Logs::LogGroup",
    )
    policies = {"DeletionPolicy", "UpdateReplacePolicy"}
    for key, resource in document.template["Resources"].items():
        said = policies if resource["Type"].removeprefix("AWS::") in stateful else set[str]()
        assert policies & set(resource) == said, key


def test_nothing_is_protected_from_deletion(live: Lens) -> None:
    assert live["DatabaseCluster"]["DeletionProtection"] is False
    attributes = {a["Key"]: a["Value"] for a in live["LoadBalancer"]["LoadBalancerAttributes"]}
    assert attributes["deletion_protection.enabled"] == "false"
    assert all(r["EmptyOnDelete"] is True for r in live.of("AWS::ECR::Repository").values())


def test_log_groups_that_aws_would_make_itself_are_made_here_for_the_required_days(base: Lens) -> None:
    kept = {
        group["LogGroupName"]: group["RetentionInDays"] for group in base.of("AWS::Logs::LogGroup").values()
    }
    assert kept == {
        **{f"/ecs/fraud-{kebab(workload)}-dev": LOG_DAYS for workload in WORKLOADS},
        "/aws/ecs/containerinsights/fraud-cluster-dev/performance": LOG_DAYS,
        "/aws/rds/cluster/fraud-database-dev/postgresql": LOG_DAYS,
    }


def test_nothing_that_varies_stands_in_the_rule_or_the_target_groups(document: Document) -> None:
    """CloudFormation would send the rule again, and reset the weights that ECS has chosen.

    Only the certificate moves it, to another listener; the deploy command guards that.
    """
    resources = document.template["Resources"]
    varies = set(document.template["Parameters"]) | {"AWS::StackName", "AWS::StackId"}
    for resource in resources.values():
        properties = dict(resource["Properties"])
        if resource["Type"] == "AWS::ElasticLoadBalancingV2::ListenerRule":
            assert properties.pop("ListenerArn") == {
                "Fn::If": ["ServesHttps", {"Ref": "HttpsListener"}, {"Ref": "HttpListener"}]
            }
            assert "Tags" not in properties
            assert not references(properties) & varies
        elif resource["Type"] == "AWS::ElasticLoadBalancingV2::TargetGroup":
            assert references(properties) & varies == {"EnvironmentSuffix"}, "cannot change in a stack's life"
