"""What holds for every service, a further one too."""

from __future__ import annotations

import pytest

from tests.lens import SERVICES, Lens, kebab

services = pytest.mark.parametrize("service", SERVICES)


@services
def test_a_service_starts_no_task_before_services_are_enabled_and_keeps_its_count_afterwards(
    base: Lens, service: str
) -> None:
    """In between, while starting, it is the least: a deployment that ECS guards."""
    states = [base.under(ServicesEnabled=state) for state in ("false", "starting", "true")]
    counts = [lens[f"{service}Service"].get("DesiredCount") for lens in states]
    assert counts == [0, states[1][f"{service}ScalableTarget"]["MinCapacity"], None]
    forced = [lens[f"{service}Service"].get("ForceNewDeployment") for lens in states]
    live = {"EnableForceNewDeployment": True, "ForceNewDeploymentNonce": "live"}
    assert forced == [None, live, live]


@services
def test_a_service_is_rolled_back_by_ecs_and_never_below_its_count(live: Lens, service: str) -> None:
    deployment = live[f"{service}Service"]["DeploymentConfiguration"]
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (100, 200)
    breaker = deployment["DeploymentCircuitBreaker"]
    assert (breaker["Enable"], breaker["Rollback"]) == (True, True)


@services
def test_a_service_is_private_and_found_by_its_name(base: Lens, service: str) -> None:
    properties = base[f"{service}Service"]
    assert properties["ServiceName"] == f"fraud-{kebab(service)}-dev"
    assert properties["NetworkConfiguration"]["AwsvpcConfiguration"] == {
        "AssignPublicIp": "DISABLED",
        "Subnets": [f"<PrivateSubnet{letter}>" for letter in "ABC"],
        "SecurityGroups": [f"<{service}SecurityGroup.GroupId>"],
    }
    assert properties["ServiceRegistries"] == [{"RegistryArn": f"<{service}Discovery.Arn>"}]
    assert (properties["AvailabilityZoneRebalancing"], properties["PropagateTags"]) == ("ENABLED", "SERVICE")
    assert base[f"{service}Discovery"] == {
        "Name": kebab(service),
        "DnsConfig": {
            "NamespaceId": "<Namespace>",
            "RoutingPolicy": "MULTIVALUE",
            "DnsRecords": [{"Type": "A", "TTL": 10}],
        },
        "HealthCheckCustomConfig": {"FailureThreshold": 1},
    }


@services
def test_a_service_runs_on_fargate_and_keeps_a_task_off_spot(base: Lens, service: str) -> None:
    strategy = {p["CapacityProvider"]: p for p in base[f"{service}Service"]["CapacityProviderStrategy"]}
    assert strategy.keys() <= {"FARGATE", "FARGATE_SPOT"}
    assert strategy["FARGATE"].get("Base", 0) or strategy.keys() == {"FARGATE"}
    assert "LaunchType" not in base[f"{service}Service"]
