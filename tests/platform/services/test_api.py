from __future__ import annotations

from tests.lens import Lens


def test_api_is_deployed_blue_green_with_rollback(live: Lens) -> None:
    deployment = live["ApiService"]["DeploymentConfiguration"]
    assert deployment["Strategy"] == "BLUE_GREEN"
    assert deployment["BakeTimeInMinutes"] == "5"
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (100, 200)
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}


def test_the_strategy_is_the_parameter_at_0_tasks_too_so_that_weights_and_service_agree(base: Lens) -> None:
    assert base["ApiService"]["DeploymentConfiguration"]["Strategy"] == "BLUE_GREEN"


def test_the_way_out_of_blue_green_is_rolling_without_a_bake(live: Lens) -> None:
    deployment = live.under(ApiDeploymentStrategy="ROLLING")["ApiService"]["DeploymentConfiguration"]
    assert deployment == {
        "Strategy": "ROLLING",
        "MinimumHealthyPercent": 100,
        "MaximumPercent": 200,
        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
        "Alarms": {"AlarmNames": [], "Enable": False, "Rollback": False},
    }


def test_a_canary_sees_a_few_requests_first(live: Lens) -> None:
    lens = live.under(ApiDeploymentStrategy="CANARY", ApiCanaryPercent="5", ApiStepMinutes="7")
    deployment = lens["ApiService"]["DeploymentConfiguration"]
    assert deployment["Strategy"] == "CANARY"
    assert deployment["CanaryConfiguration"] == {"CanaryPercent": "5", "CanaryBakeTimeInMinutes": "7"}
    assert deployment["BakeTimeInMinutes"] == "5"
    assert "LinearConfiguration" not in deployment


def test_linear_shifts_step_by_step(live: Lens) -> None:
    lens = live.under(ApiDeploymentStrategy="LINEAR", ApiCanaryPercent="20", ApiStepMinutes="1")
    deployment = lens["ApiService"]["DeploymentConfiguration"]
    assert deployment["Strategy"] == "LINEAR"
    assert deployment["LinearConfiguration"] == {"StepPercent": "20", "StepBakeTimeInMinutes": "1"}
    assert "CanaryConfiguration" not in deployment


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
    assert discovery["DnsConfig"] == {
        "NamespaceId": "<Namespace>",
        "RoutingPolicy": "MULTIVALUE",
        "DnsRecords": [{"Type": "A", "TTL": 10}],
    }
    assert discovery["HealthCheckCustomConfig"] == {"FailureThreshold": 1}
    assert base["ApiService"]["ServiceRegistries"] == [{"RegistryArn": "<ApiDiscovery.Arn>"}]


def test_alarms_exist_only_to_roll_a_deployment_back_and_only_when_wanted(live: Lens) -> None:
    assert not live.of("AWS::CloudWatch::Alarm")
    off = {"AlarmNames": [], "Enable": False, "Rollback": False}
    assert live["ApiService"]["DeploymentConfiguration"]["Alarms"] == off
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
        assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
        assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (2, 3)


_BALANCER = [{"Name": "LoadBalancer", "Value": "<LoadBalancer.LoadBalancerFullName>"}]


def test_latency_alarm_watches_the_slowest_percent(live: Lens) -> None:
    alarm = live.under(EnableDeploymentAlarms="true")["ApiLatencyAlarm"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/ApplicationELB", "TargetResponseTime")
    assert alarm["EvaluateLowSampleCountPercentile"] == "ignore"
    assert (alarm["ExtendedStatistic"], alarm["Period"], alarm["Threshold"]) == ("p99", 60, 2)
    assert alarm["Dimensions"] == _BALANCER


def test_error_alarm_watches_a_rate_not_a_count(live: Lens) -> None:
    alarm = live.under(EnableDeploymentAlarms="true")["ApiServerErrorAlarm"]
    *inputs, rate = alarm["Metrics"]
    assert rate["ReturnData"] is True
    errors = "(FILL(errors,0)+FILL(refused,0))"
    asked = "FILL(requests,0)+FILL(shed,0)"
    assert rate["Expression"] == f"IF({asked}>0,100*{errors}/({asked}),IF({errors}>0,100,0))"
    assert alarm["Threshold"] == 5, "percent"
    stats = {m["Id"]: m["MetricStat"] for m in inputs if not m["ReturnData"]}
    assert {key: stat["Metric"] for key, stat in stats.items()} == {
        key: {"Namespace": "AWS/ApplicationELB", "MetricName": metric, "Dimensions": _BALANCER}
        for key, metric in {
            "errors": "HTTPCode_Target_5XX_Count",
            "refused": "HTTPCode_ELB_5XX_Count",  # the load balancer's own, when no host answers
            "requests": "RequestCount",  # only those for which a host could be chosen
            "shed": "HTTPCode_ELB_503_Count",  # the others
        }.items()
    }
    assert {(stat["Period"], stat["Stat"]) for stat in stats.values()} == {(60, "Sum")}
