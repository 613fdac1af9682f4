from __future__ import annotations

from typing import Any

import pytest

from fraud_cfn.config import (
    BACKLOG_PER_TASK,
    CPU_TARGET_PERCENT,
    HEALTH_PATH,
    MEMORY_TARGET_PERCENT,
    PORT,
    ROUTED_PATHS,
    ServiceSpec,
)
from fraud_cfn.platform.services import api, job, worker
from tests.integration.platform import Platform

SPECS = {"api": api.SPEC, "worker": worker.SPEC}
SIZES = {"api": api.SPEC.size, "worker": worker.SPEC.size, "job": job.SIZE}
SERVICES = pytest.mark.parametrize(("workload", "spec"), SPECS.items(), ids=SPECS)
WORKLOADS = pytest.mark.parametrize("workload", SIZES)


def scaling(platform: Platform, workload: str) -> dict[str, str]:
    return {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/{platform.name('cluster')}/{platform.name(workload)}",
    }


# ── Cluster, services ──


def test_the_cluster_has_both_capacity_providers_and_enhanced_insights(platform: Platform) -> None:
    described = platform.client("ecs").describe_clusters(
        clusters=[platform.name("cluster")], include=["SETTINGS"]
    )
    (cluster,) = described["clusters"]
    assert set(cluster["capacityProviders"]) == {"FARGATE", "FARGATE_SPOT"}
    assert {"name": "containerInsights", "value": "enhanced"} in cluster["settings"]


@SERVICES
def test_a_service_wants_as_many_tasks_as_its_state_allows(
    platform: Platform, workload: str, spec: ServiceSpec
) -> None:
    count = platform.services[workload]["desiredCount"]
    assert spec.least <= count <= spec.most if platform.is_live else count == 0


@SERVICES
def test_scaling_is_suspended_until_services_are_enabled(
    platform: Platform, workload: str, spec: ServiceSpec
) -> None:
    selection = scaling(platform, workload)
    resources = {"ServiceNamespace": "ecs", "ResourceIds": [selection["ResourceId"]]}
    (target,) = platform.client("application-autoscaling").describe_scalable_targets(**resources)[
        "ScalableTargets"
    ]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (
        spec.least if platform.is_live else 0,
        spec.most if platform.is_live else 0,
    )
    assert set(target["SuspendedState"].values()) == {not platform.is_live}


@pytest.mark.parametrize("workload", SPECS)
def test_scaling_follows_its_targets(platform: Platform, workload: str) -> None:
    described = platform.client("application-autoscaling").describe_scaling_policies(
        **scaling(platform, workload)
    )
    targets = {
        policy["PolicyName"]: policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
        for policy in described["ScalingPolicies"]
    }
    expected = {
        platform.name(f"{workload}-cpu"): CPU_TARGET_PERCENT,
        platform.name(f"{workload}-memory"): MEMORY_TARGET_PERCENT,
    }
    if workload == "worker":
        expected[platform.name("worker-queue")] = BACKLOG_PER_TASK
    assert targets == expected


def test_the_worker_scales_on_its_own_queue(platform: Platform) -> None:
    selection = {"ServiceNamespace": "ecs", "PolicyNames": [platform.name("worker-queue")]}
    (policy,) = platform.client("application-autoscaling").describe_scaling_policies(**selection)[
        "ScalingPolicies"
    ]
    configuration = policy["TargetTrackingScalingPolicyConfiguration"]
    metrics = configuration["CustomizedMetricSpecification"]["Metrics"]
    dimensions = {
        (dimension["Name"], dimension["Value"])
        for metric in metrics
        for dimension in metric.get("MetricStat", {}).get("Metric", {}).get("Dimensions", [])
    }
    assert ("QueueName", platform.name("jobs")) in dimensions
    assert ("ServiceName", platform.name("worker")) in dimensions
    assert [metric["ReturnData"] for metric in metrics if "Expression" in metric] == [True]


def test_the_api_deploys_as_it_was_chosen_at_0_tasks_too(platform: Platform) -> None:
    service = platform.services["api"]
    (balancer,) = service["loadBalancers"]
    advanced = balancer["advancedConfiguration"]
    chosen = platform.parameters["ApiDeploymentStrategy"]
    configuration = service["deploymentConfiguration"]
    assert configuration["strategy"] == chosen
    if chosen != "ROLLING":
        assert configuration["bakeTimeInMinutes"] == int(platform.parameters["ApiBakeTimeMinutes"])
    assert balancer["containerPort"] == PORT
    assert {balancer["targetGroupArn"], advanced["alternateTargetGroupArn"]} == set(platform.weights())
    assert advanced["productionListenerRule"] == platform.ids["RoutingRule"]
    assert advanced["roleArn"] == platform.roles["api-deployment"]["Arn"]


@pytest.mark.parametrize("workload", SPECS)
def test_a_deployment_that_fails_is_rolled_back_by_ecs(platform: Platform, workload: str) -> None:
    configuration = platform.services[workload]["deploymentConfiguration"]
    breaker = configuration["deploymentCircuitBreaker"]
    assert (breaker["enable"], breaker["rollback"]) == (True, True)
    assert (configuration["minimumHealthyPercent"], configuration["maximumPercent"]) == (100, 200)


@pytest.mark.parametrize("workload", SPECS)
def test_tasks_run_in_private_subnets_without_public_addresses(platform: Platform, workload: str) -> None:
    network = platform.services[workload]["networkConfiguration"]["awsvpcConfiguration"]
    assert set(network["subnets"]) == {platform.ids[f"PrivateSubnet{zone}"] for zone in "ABC"}
    assert network["securityGroups"] == [platform.ids[f"{workload.title()}SecurityGroup"]]
    assert network["assignPublicIp"] == "DISABLED"


def test_the_worker_keeps_one_task_off_spot(platform: Platform) -> None:
    strategy = {p["capacityProvider"]: p for p in platform.services["worker"]["capacityProviderStrategy"]}
    assert strategy["FARGATE"]["base"] == 1
    assert strategy["FARGATE_SPOT"]["weight"] > strategy["FARGATE"].get("weight", 0)
    assert [p["capacityProvider"] for p in platform.services["api"]["capacityProviderStrategy"]] == [
        "FARGATE"
    ]


# ── Task definitions ──


@pytest.mark.parametrize("workload", SPECS)
def test_the_running_revision_is_the_one_of_the_stack(platform: Platform, workload: str) -> None:
    assert platform.services[workload]["taskDefinition"] == platform.ids[f"{workload.title()}TaskDefinition"]


@WORKLOADS
def test_a_task_definition_has_its_size_and_platform(platform: Platform, workload: str) -> None:
    definition, size = platform.task_definitions[workload], SIZES[workload]
    assert (definition["cpu"], definition["memory"]) == (str(size.cpu), str(size.memory))
    assert definition["runtimePlatform"]["cpuArchitecture"] == platform.parameters["CpuArchitecture"]
    assert definition["networkMode"] == "awsvpc"
    assert definition["requiresCompatibilities"] == ["FARGATE"]


def container(platform: Platform, workload: str) -> dict[str, Any]:
    (main,) = [
        c for c in platform.task_definitions[workload]["containerDefinitions"] if c["name"] == workload
    ]
    return main


@WORKLOADS
def test_a_container_runs_the_released_image_of_its_repository(platform: Platform, workload: str) -> None:
    tag = platform.parameters[f"{workload.title()}ImageTag"]
    repository = platform.outputs[f"{workload.title()}RepositoryUri"]
    assert container(platform, workload)["image"] == f"{repository}:{tag}"


@WORKLOADS
def test_a_container_cannot_change_itself(platform: Platform, workload: str) -> None:
    containers = platform.task_definitions[workload]["containerDefinitions"]
    assert all(one["readonlyRootFilesystem"] for one in containers)
    main = container(platform, workload)
    assert main["user"] == "10001:10001"
    assert main["linuxParameters"]["capabilities"]["drop"] == ["ALL"]
    (tmpfs,) = main["linuxParameters"]["tmpfs"]
    assert {"nosuid", "nodev", "noexec"} <= set(tmpfs["mountOptions"])


@WORKLOADS
def test_a_container_is_given_the_existing_secrets_and_no_other(platform: Platform, workload: str) -> None:
    credentials = platform.parameters["DatabaseCredentialsArn"]
    assert {s["name"]: s["valueFrom"] for s in container(platform, workload)["secrets"]} == {
        "DATABASE_USERNAME": f"{credentials}:username::",
        "DATABASE_PASSWORD": f"{credentials}:password::",
        "API_KEYS": platform.parameters["ApiKeysArn"],
    }


@WORKLOADS
def test_a_container_is_told_where_everything_is(platform: Platform, workload: str) -> None:
    told = {variable["name"]: variable["value"] for variable in container(platform, workload)["environment"]}
    assert told["DATABASE_HOST"] == platform.outputs["DatabaseEndpoint"]
    assert told["DATA_BUCKET"] == platform.outputs["DataBucketName"]
    assert not [name for name, value in told.items() if "${" in value or value == ""]


@WORKLOADS
def test_the_tracing_sidecar_may_fail_without_the_workload(platform: Platform, workload: str) -> None:
    (sidecar,) = [
        c for c in platform.task_definitions[workload]["containerDefinitions"] if c["name"] == "tracing"
    ]
    assert sidecar["image"] == platform.parameters["TracingImage"]
    assert sidecar["essential"] is False


# ── Load balancer ──


def test_the_rule_sends_the_routed_paths_to_one_colour(platform: Platform) -> None:
    (rule,) = platform.client("elbv2").describe_rules(RuleArns=[platform.ids["RoutingRule"]])["Rules"]
    (condition,) = rule["Conditions"]
    assert set(condition["PathPatternConfig"]["Values"]) == set(ROUTED_PATHS)
    assert sorted(platform.weights().values()) == [0, 100]
    assert platform.weights().keys() == {platform.ids["BlueTargetGroup"], platform.ids["GreenTargetGroup"]}


def test_listeners_answer_on_the_right_ports(platform: Platform) -> None:
    arn = platform.ids["LoadBalancer"]
    listeners = platform.client("elbv2").describe_listeners(LoadBalancerArn=arn)["Listeners"]
    actions = {listener["Port"]: listener["DefaultActions"][0] for listener in listeners}
    if platform.serves_https:
        assert actions.keys() == {80, 443}
        assert actions[80]["RedirectConfig"]["Protocol"] == "HTTPS"
    else:
        assert actions.keys() == {80}
    assert actions[max(actions)]["FixedResponseConfig"]["StatusCode"] == "404"


def test_target_groups_check_health_by_address(platform: Platform) -> None:
    arns = [platform.ids["BlueTargetGroup"], platform.ids["GreenTargetGroup"]]
    for group in platform.client("elbv2").describe_target_groups(TargetGroupArns=arns)["TargetGroups"]:
        assert (group["TargetType"], group["Port"], group["HealthCheckPath"]) == ("ip", PORT, HEALTH_PATH)
        assert (group["HealthCheckIntervalSeconds"], group["HealthyThresholdCount"]) == (10, 2)


def test_the_load_balancer_drops_malformed_headers_and_can_be_deleted(platform: Platform) -> None:
    arn = platform.ids["LoadBalancer"]
    described = platform.client("elbv2").describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    attributes = {attribute["Key"]: attribute["Value"] for attribute in described}
    assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert attributes["routing.http.desync_mitigation_mode"] == "defensive"
    assert attributes["deletion_protection.enabled"] == "false"


# ── Discovery ──


def test_services_are_found_by_name_in_the_namespace(platform: Platform) -> None:
    discovery = platform.client("servicediscovery")
    namespace = discovery.get_namespace(Id=platform.ids["Namespace"])["Namespace"]
    assert namespace["Name"] == f"fraud-{platform.suffix}.internal"
    assert namespace["Type"] == "DNS_PRIVATE"
    for workload in SPECS:
        service = discovery.get_service(Id=platform.ids[f"{workload.title()}Discovery"])["Service"]
        assert service["Name"] == workload
        assert service["DnsConfig"]["DnsRecords"] == [{"Type": "A", "TTL": 10}]
        registries = platform.services[workload]["serviceRegistries"]
        assert [registry["registryArn"] for registry in registries] == [service["Arn"]]
