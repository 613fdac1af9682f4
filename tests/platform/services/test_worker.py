from __future__ import annotations

from tests.lens import Lens


def test_worker_keeps_one_task_off_spot_and_puts_the_rest_on_it(base: Lens) -> None:
    assert base["WorkerService"]["CapacityProviderStrategy"] == [
        {"CapacityProvider": "FARGATE", "Base": 1, "Weight": 0},
        {"CapacityProvider": "FARGATE_SPOT", "Weight": 1},
    ]


def test_worker_is_replaced_task_by_task_and_rolled_back_when_that_fails(live: Lens) -> None:
    assert live["WorkerService"]["DeploymentConfiguration"] == {
        "Strategy": "ROLLING",
        "MinimumHealthyPercent": 100,
        "MaximumPercent": 200,
        "DeploymentCircuitBreaker": {
            "Enable": True,
            "Rollback": True,
            "ResetOnHealthyTask": False,
            "ThresholdConfiguration": {"Type": "COUNT", "Value": 3},
        },
    }


def test_worker_starts_no_task_before_services_are_enabled(base: Lens, live: Lens) -> None:
    assert base["WorkerService"]["DesiredCount"] == 0
    assert "DesiredCount" not in live["WorkerService"]


def test_worker_is_private_and_found_by_name(base: Lens) -> None:
    service = base["WorkerService"]
    assert service["NetworkConfiguration"]["AwsvpcConfiguration"] == {
        "AssignPublicIp": "DISABLED",
        "Subnets": [f"<PrivateSubnet{letter}>" for letter in "ABC"],
        "SecurityGroups": ["<WorkerSecurityGroup.GroupId>"],
    }
    assert base["WorkerDiscovery"]["Name"] == "worker"
    assert service["ServiceRegistries"] == [{"RegistryArn": "<WorkerDiscovery.Arn>"}]
    assert "LoadBalancers" not in service
    assert (service["AvailabilityZoneRebalancing"], service["PropagateTags"]) == ("ENABLED", "SERVICE")
    assert service["EnableECSManagedTags"] is True
