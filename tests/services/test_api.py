from __future__ import annotations

from tests.lens import Lens


def test_api_is_deployed_blue_green_with_rollback(live: Lens) -> None:
    deployment = live["ApiService"]["DeploymentConfiguration"]
    assert deployment["Strategy"] == "BLUE_GREEN"
    assert deployment["BakeTimeInMinutes"] == "5"
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}


def test_first_deployment_and_the_way_out_of_blue_green_are_rolling(base: Lens, live: Lens) -> None:
    for lens in (base, live.under(ApiDeploymentStrategy="ROLLING")):
        deployment = lens["ApiService"]["DeploymentConfiguration"]
        assert deployment["Strategy"] == "ROLLING"
        assert "BakeTimeInMinutes" not in deployment


def test_api_shifts_between_the_two_target_groups_of_the_one_rule(base: Lens, live: Lens) -> None:
    for lens in (base, live):
        (balancer,) = lens["ApiService"]["LoadBalancers"]
        assert balancer == {
            "ContainerName": "api",
            "ContainerPort": 8080,
            "TargetGroupArn": "<BlueTargetGroup>",
            "AdvancedConfiguration": {
                "AlternateTargetGroupArn": "<GreenTargetGroup>",
                "ProductionListenerRule": "<RoutingRule>",
                "RoleArn": "<ApiDeploymentRole.Arn>",
            },
        }


def test_api_listens_on_the_port_that_everyone_calls(base: Lens) -> None:
    assert base["ApiTaskDefinition"]["ContainerDefinitions"][0]["PortMappings"] == [
        {"ContainerPort": 8080, "Protocol": "tcp"}
    ]


def test_api_starts_no_task_before_services_are_enabled_and_keeps_its_count_afterwards(
    base: Lens, live: Lens
) -> None:
    assert base["ApiService"]["DesiredCount"] == 0
    assert "DesiredCount" not in live["ApiService"]


def test_api_never_runs_on_spot(base: Lens) -> None:
    assert base["ApiService"]["CapacityProviderStrategy"] == [{"CapacityProvider": "FARGATE", "Weight": 1}]
    assert "LaunchType" not in base["ApiService"]


def test_api_runs_in_private_subnets_over_all_zones(base: Lens) -> None:
    service = base["ApiService"]
    assert service["AvailabilityZoneRebalancing"] == "ENABLED"
    assert service["NetworkConfiguration"]["AwsvpcConfiguration"] == {
        "AssignPublicIp": "DISABLED",
        "Subnets": [f"<PrivateSubnet{letter}>" for letter in "ABC"],
        "SecurityGroups": ["<ApiSecurityGroup.GroupId>"],
    }
    assert service["HealthCheckGracePeriodSeconds"] == 60
    assert service["PropagateTags"] == "SERVICE"
    assert service["EnableECSManagedTags"] is True


def test_api_is_found_by_name(base: Lens) -> None:
    discovery = base["ApiDiscovery"]
    assert discovery["Name"] == "api"
    assert discovery["DnsConfig"]["NamespaceId"] == "<Namespace>"
    assert discovery["DnsConfig"]["DnsRecords"] == [{"Type": "A", "TTL": 10}]
    assert discovery["HealthCheckCustomConfig"] == {"FailureThreshold": 1}
    assert base["ApiService"]["ServiceRegistries"] == [{"RegistryArn": "<ApiDiscovery.Arn>"}]


def test_alarms_exist_only_to_roll_a_deployment_back_and_only_when_wanted(live: Lens) -> None:
    assert not live.of("AWS::CloudWatch::Alarm")
    assert "Alarms" not in live["ApiService"]["DeploymentConfiguration"]
    lens = live.under(EnableDeploymentAlarms="true")
    assert set(lens.of("AWS::CloudWatch::Alarm")) == {"ApiServerErrorAlarm", "ApiLatencyAlarm"}
    assert lens["ApiService"]["DeploymentConfiguration"]["Alarms"] == {
        "AlarmNames": ["<ApiServerErrorAlarm>", "<ApiLatencyAlarm>"],
        "Enable": True,
        "Rollback": True,
    }
    for alarm in lens.of("AWS::CloudWatch::Alarm").values():
        assert "AlarmActions" not in alarm
        assert alarm["TreatMissingData"] == "notBreaching"
    assert lens["ApiLatencyAlarm"]["ExtendedStatistic"] == "p99"
    (returned,) = (m for m in lens["ApiServerErrorAlarm"]["Metrics"] if m["ReturnData"])
    assert "/requests" in returned["Expression"], "a rate, not a count"
