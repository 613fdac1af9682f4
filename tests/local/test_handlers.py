"""What a stack deployed, as the services' own APIs describe it."""

from __future__ import annotations

from typing import Any

import pytest

from fraud_cfn.local import Endpoint
from tests.local.conftest import NewStack, Stack

UNKNOWN_TYPE = """
Resources:
  Group: {Type: AWS::Logs::LogGroup}
  Thing: {Type: AWS::EC2::Unheard}
"""
UNKNOWN_PROPERTY = """
Resources:
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties: {Family: misspelt, ContainerDefinition: []}
"""
ASSOCIATION = """
Resources:
  Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: in-use}}
  Providers:
    Type: AWS::ECS::ClusterCapacityProviderAssociations
    Properties:
      Cluster: !Ref Cluster
      CapacityProviders: [FARGATE]
      DefaultCapacityProviderStrategy: [{CapacityProvider: FARGATE, Weight: 1}]
"""


@pytest.fixture(scope="module")
def physical(released: Stack) -> dict[str, str]:
    return released.physical_ids


@pytest.fixture(scope="module")
def service(endpoint: Endpoint, physical: dict[str, str]) -> dict[str, Any]:
    described = endpoint.client("ecs").describe_services(
        cluster=physical["Cluster"], services=[physical["Service"]]
    )
    return described["services"][0]


def test_subnets_are_cut_from_the_network_of_the_vpc_in_different_zones(
    endpoint: Endpoint, physical: dict[str, str]
) -> None:
    ids = [physical["SubnetA"], physical["SubnetC"]]
    subnets = endpoint.client("ec2").describe_subnets(SubnetIds=ids)["Subnets"]
    assert {(s["CidrBlock"], s["AvailabilityZone"]) for s in subnets} == {
        ("10.0.0.0/24", "eu-central-1a"),
        ("10.0.2.0/24", "eu-central-1c"),
    }


def test_the_nat_gateway_and_its_address_exist(endpoint: Endpoint, physical: dict[str, str]) -> None:
    ec2 = endpoint.client("ec2")
    (gateway,) = ec2.describe_nat_gateways(NatGatewayIds=[physical["Nat"]])["NatGateways"]
    assert (gateway["State"], gateway["SubnetId"]) == ("available", physical["SubnetA"])
    (address,) = [a for a in ec2.describe_addresses()["Addresses"] if a["PublicIp"] == physical["Address"]]
    assert address["Domain"] == "vpc"


def test_stand_alone_rules_join_their_groups(endpoint: Endpoint, physical: dict[str, str]) -> None:
    groups = endpoint.client("ec2").describe_security_groups(
        GroupIds=[physical["TaskGroup"], physical["BalancerGroup"]]
    )["SecurityGroups"]
    tasks, balancer = sorted(groups, key=lambda group: group["GroupId"] != physical["TaskGroup"])
    (ingress,) = tasks["IpPermissions"]
    assert ingress["FromPort"] == ingress["ToPort"] == 8080
    assert ingress["UserIdGroupPairs"][0]["GroupId"] == physical["BalancerGroup"]
    inline, alone = balancer["IpPermissionsEgress"]
    assert inline["IpRanges"] == [{"CidrIp": "127.0.0.1/32"}]
    assert alone["UserIdGroupPairs"][0]["GroupId"] == physical["TaskGroup"]


def test_a_task_definition_keeps_what_nests_in_it(endpoint: Endpoint, service: dict[str, Any]) -> None:
    task = endpoint.client("ecs").describe_task_definition(taskDefinition=service["taskDefinition"])
    definition = task["taskDefinition"]
    (container,) = definition["containerDefinitions"]
    assert definition["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    assert container["linuxParameters"]["tmpfs"][0]["mountOptions"] == ["rw", "nosuid"]
    assert container["logConfiguration"]["options"]["awslogs-stream-prefix"] == "app"
    assert container["image"].endswith(":v2")


def test_a_service_keeps_its_deployment_settings(service: dict[str, Any], physical: dict[str, str]) -> None:
    advanced = service["loadBalancers"][0]["advancedConfiguration"]
    assert advanced["alternateTargetGroupArn"] == physical["Green"]
    assert advanced["productionListenerRule"] == physical["Rule"]
    assert {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5}.items() <= service[
        "deploymentConfiguration"
    ].items()
    assert service["availabilityZoneRebalancing"] == "ENABLED"
    assert service["serviceRegistries"]


def test_a_raised_minimum_starts_tasks(service: dict[str, Any]) -> None:
    assert (service["desiredCount"], service["runningCount"]) == (2, 2)


def test_a_release_by_blue_green_moves_the_weight_to_the_other_target_group(
    endpoint: Endpoint, physical: dict[str, str]
) -> None:
    assert weights(endpoint, physical["Rule"]) == {physical["Blue"]: 0, physical["Green"]: 100}


def test_weights_can_be_changed_behind_the_stack(endpoint: Endpoint, new_stack: NewStack) -> None:
    stack = new_stack()
    stack.deploy("CREATE")
    rule, blue, green = (stack.physical_ids[logical_id] for logical_id in ("Rule", "Blue", "Green"))
    assert weights(endpoint, rule) == {blue: 100, green: 0}
    groups = [{"TargetGroupArn": blue, "Weight": 30}, {"TargetGroupArn": green, "Weight": 70}]
    forward = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
    endpoint.client("elbv2").modify_rule(RuleArn=rule, Actions=[forward])
    assert weights(endpoint, rule) == {blue: 30, green: 70}


def weights(endpoint: Endpoint, rule: str) -> dict[str, int]:
    described = endpoint.client("elbv2").describe_rules(RuleArns=[rule])["Rules"][0]
    groups = described["Actions"][0]["ForwardConfig"]["TargetGroups"]
    return {group["TargetGroupArn"]: group["Weight"] for group in groups}


def test_scaling_is_described_as_the_template_set_it(endpoint: Endpoint, released: Stack) -> None:
    scaling = endpoint.client("application-autoscaling")
    suffix = released.fixed["Suffix"]
    selection = {"ServiceNamespace": "ecs", "ResourceIds": [f"service/small-{suffix}/small-{suffix}"]}
    (target,) = scaling.describe_scalable_targets(**selection)["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 10)
    assert not target["SuspendedState"]["DynamicScalingOutSuspended"]
    names = {"ServiceNamespace": "ecs", "PolicyNames": [f"small-cpu-{suffix}"]}
    (policy,) = scaling.describe_scaling_policies(**names)["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 70


def test_a_saved_query_is_described(endpoint: Endpoint, released: Stack) -> None:
    prefix = f"small-{released.fixed['Suffix']}/"
    found = endpoint.client("logs").describe_query_definitions(queryDefinitionNamePrefix=prefix)
    assert [query["queryString"] for query in found["queryDefinitions"]] == ["fields @message"]


def test_the_database_has_one_writer_and_the_credentials_of_the_secret(
    endpoint: Endpoint, physical: dict[str, str]
) -> None:
    described = endpoint.client("rds").describe_db_clusters(DBClusterIdentifier=physical["Database"])
    (cluster,) = described["DBClusters"]
    assert cluster["MasterUsername"] == "fraud_admin"
    assert cluster["DBClusterParameterGroup"] == physical["Parameters"]
    assert [member["IsClusterWriter"] for member in cluster["DBClusterMembers"]] == [True, False]


def test_an_alarm_keeps_its_expression(endpoint: Endpoint, physical: dict[str, str]) -> None:
    names = [physical["ErrorRate"]]
    (alarm,) = endpoint.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
    assert alarm["Metrics"][1]["Expression"] == "FILL(errors,0)"
    assert "MetricName" not in alarm


def test_an_unknown_type_is_refused_before_anything_is_created(new_stack: NewStack) -> None:
    stack = new_stack(UNKNOWN_TYPE)
    with pytest.raises(stack.cloudformation.exceptions.ClientError, match="Unrecognized resource types"):
        stack.deploy("CREATE")
    with pytest.raises(stack.cloudformation.exceptions.ClientError, match="does not exist"):
        _ = stack.described


def test_an_unknown_property_fails_its_resource(new_stack: NewStack) -> None:
    stack = new_stack(UNKNOWN_PROPERTY)
    assert stack.deploy("CREATE") == "ROLLBACK_COMPLETE"
    assert ("Task", "CREATE_FAILED", "RegisterTaskDefinition has no ContainerDefinition") in stack.events()


def test_capacity_providers_in_use_cannot_be_removed(endpoint: Endpoint, new_stack: NewStack) -> None:
    stack = new_stack(ASSOCIATION)
    stack.deploy("CREATE")
    ecs = endpoint.client("ecs")
    task = ecs.register_task_definition(
        family="in-use", containerDefinitions=[{"name": "app", "image": "app"}]
    )
    definition = task["taskDefinition"]["taskDefinitionArn"]
    ecs.create_service(cluster="in-use", serviceName="app", taskDefinition=definition, desiredCount=0)
    assert stack.delete() == "DELETE_FAILED"
    ecs.delete_service(cluster="in-use", service="app")
    assert stack.delete() == "DELETE_COMPLETE"
