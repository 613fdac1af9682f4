"""What every service and every workload has alike, so that the next one cannot differ unseen."""

from __future__ import annotations

import pytest

from fraud_cfn.template.document import read
from tests.lens import WORKLOADS, Lens, kebab
from tests.lens import base as base_of

SERVICES = [key.removesuffix("Service") for key in base_of(read()).of("AWS::ECS::Service")]
OWN = (
    "DeploymentConfiguration",
    "CapacityProviderStrategy",
    "LoadBalancers",
    "HealthCheckGracePeriodSeconds",
    "DesiredCount",
)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("enabled", ["starting", "true"])
def test_a_service_that_is_live_differs_in_its_own_settings_only(
    base: Lens, service: str, enabled: str
) -> None:
    """The nonce is the same from the first start on: a later update deploys only what it changes."""
    lens = base.under(ServicesEnabled=enabled)
    properties = lens[f"{service}Service"]
    assert {name: value for name, value in properties.items() if name not in OWN} == {
        "ServiceName": f"fraud-{kebab(service)}-dev",
        "Cluster": "<Cluster>",
        "TaskDefinition": f"<{service}TaskDefinition>",
        "ForceNewDeployment": {"EnableForceNewDeployment": True, "ForceNewDeploymentNonce": "live"},
        "AvailabilityZoneRebalancing": "ENABLED",
        "NetworkConfiguration": {
            "AwsvpcConfiguration": {
                "AssignPublicIp": "DISABLED",
                "Subnets": [f"<PrivateSubnet{letter}>" for letter in "ABC"],
                "SecurityGroups": [f"<{service}SecurityGroup.GroupId>"],
            }
        },
        "ServiceRegistries": [{"RegistryArn": f"<{service}Discovery.Arn>"}],
        "EnableECSManagedTags": True,
        "PropagateTags": "SERVICE",
    }
    assert properties.get("DesiredCount") == (
        lens[f"{service}ScalableTarget"]["MinCapacity"] if enabled == "starting" else None
    )


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_is_not_live_forces_no_deployment(base: Lens, service: str) -> None:
    live = base.under(ServicesEnabled="true")[f"{service}Service"]
    resting = dict(base[f"{service}Service"])
    assert resting.pop("DesiredCount") == 0
    assert resting == {name: value for name, value in live.items() if name != "ForceNewDeployment"}


@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_task_ends_with_its_workload_and_not_with_its_sidecar(base: Lens, workload: str) -> None:
    app, sidecar = base[f"{workload}TaskDefinition"]["ContainerDefinitions"]
    assert (app["Essential"], sidecar["Essential"]) == (True, False)
    assert base[f"{workload}TaskDefinition"]["RuntimePlatform"]["OperatingSystemFamily"] == "LINUX"


SUSPENDED = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


@pytest.mark.parametrize("service", SERVICES)
def test_scaling_is_held_at_nothing_until_services_are_enabled(base: Lens, live: Lens, service: str) -> None:
    resting, running = base[f"{service}ScalableTarget"], live[f"{service}ScalableTarget"]
    assert (resting["MinCapacity"], resting["MaxCapacity"]) == (0, 0)
    assert resting["SuspendedState"] == dict.fromkeys(SUSPENDED, True)
    assert 1 <= running["MinCapacity"] < running["MaxCapacity"]
    assert running["SuspendedState"] == dict.fromkeys(SUSPENDED, False)
    assert running["ScalableDimension"] == "ecs:service:DesiredCount"


def test_every_policy_scales_its_own_service_out_after_a_minute_and_in_after_five(live: Lens) -> None:
    for name, policy in live.of("AWS::ApplicationAutoScaling::ScalingPolicy").items():
        tracking = policy["TargetTrackingScalingPolicyConfiguration"]
        assert (tracking["ScaleOutCooldown"], tracking["ScaleInCooldown"]) == (60, 300), name
        (service,) = [service for service in SERVICES if name.startswith(service)]
        assert policy["ScalingTargetId"] == f"<{service}ScalableTarget>", "its own service"
        assert policy["PolicyType"] == "TargetTrackingScaling"
