from __future__ import annotations

from ipaddress import IPv4Network
from itertools import pairwise
from typing import Any

from fraud_cfn.config import PORT, POSTGRES_PORT, REGION
from tests.integration.platform import Platform
from tests.lens import FURTHER, WORKLOADS

TIERS = {"Public": 24, "Private": 20, "Database": 24}  # prefix lengths
TASKS = {f"{workload}SecurityGroup" for workload in WORKLOADS}
FURTHER_TASKS = {(PORT, f"{workload}SecurityGroup") for workload in FURTHER}


def routes(platform: Platform, table: str) -> dict[str, dict[str, Any]]:
    """Destination → route, without the local one; an endpoint's prefix list is a destination too."""
    tables = platform.client("ec2").describe_route_tables(RouteTableIds=[platform.ids[table]])["RouteTables"]
    return {
        route.get("DestinationCidrBlock") or route["DestinationPrefixListId"]: route
        for route in tables[0]["Routes"]
        if route.get("GatewayId") != "local"
    }


def sources(platform: Platform, group: str) -> set[tuple[int, str]]:
    """(port, logical id or address block) that may reach the group."""
    logical = {found["GroupId"]: name for name, found in platform.security_groups.items()}
    found = set()
    for rule in platform.security_groups[group]["IpPermissions"]:
        assert rule["FromPort"] == rule["ToPort"]
        found |= {(rule["FromPort"], logical[pair["GroupId"]]) for pair in rule["UserIdGroupPairs"]}
        found |= {(rule["FromPort"], block["CidrIp"]) for block in rule["IpRanges"]}
    return found


def test_the_vpc_has_the_chosen_addresses_and_dns(platform: Platform) -> None:
    ec2, vpc = platform.client("ec2"), platform.ids["Vpc"]
    (described,) = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
    assert described["CidrBlock"] == platform.parameters["VpcCidr"]
    shown = {"enableDnsSupport": "EnableDnsSupport", "enableDnsHostnames": "EnableDnsHostnames"}
    for attribute, member in shown.items():
        assert ec2.describe_vpc_attribute(VpcId=vpc, Attribute=attribute)[member]["Value"]


def test_each_tier_has_a_subnet_in_each_of_three_zones(platform: Platform) -> None:
    logical = {physical: name for name, physical in platform.ids.items()}
    for tier, length in TIERS.items():
        subnets = [s for s in platform.subnets if logical[s["SubnetId"]].startswith(f"{tier}Subnet")]
        assert {s["AvailabilityZone"] for s in subnets} == {f"{REGION}{zone}" for zone in "abc"}
        assert {IPv4Network(s["CidrBlock"]).prefixlen for s in subnets} == {length}
    assert len(platform.subnets) == 9


def test_subnets_do_not_overlap_and_lie_in_the_vpc(platform: Platform) -> None:
    whole = IPv4Network(platform.parameters["VpcCidr"])
    blocks = sorted(IPv4Network(subnet["CidrBlock"]) for subnet in platform.subnets)
    assert all(block.subnet_of(whole) for block in blocks)
    assert not any(one.overlaps(next_one) for one, next_one in pairwise(blocks))


def test_there_is_one_nat_gateway_in_a_public_subnet(platform: Platform) -> None:
    filters = [
        {"Name": "vpc-id", "Values": [platform.ids["Vpc"]]},
        {"Name": "state", "Values": ["available"]},
    ]
    (gateway,) = platform.client("ec2").describe_nat_gateways(Filters=filters)["NatGateways"]
    assert gateway["NatGatewayId"] == platform.ids["NatGateway"]
    assert gateway["SubnetId"] == platform.ids["PublicSubnetA"]


def test_each_tier_is_routed_as_it_should_be(platform: Platform) -> None:
    public, private = routes(platform, "PublicRouteTable"), routes(platform, "PrivateRouteTable")
    assert public["0.0.0.0/0"]["GatewayId"] == platform.ids["InternetGateway"]
    assert private["0.0.0.0/0"]["NatGatewayId"] == platform.ids["NatGateway"]
    assert not routes(platform, "DatabaseRouteTable")


def test_s3_is_reached_without_the_nat_gateway(platform: Platform) -> None:
    ids = [platform.ids["S3Endpoint"]]
    (endpoint,) = platform.client("ec2").describe_vpc_endpoints(VpcEndpointIds=ids)["VpcEndpoints"]
    assert endpoint["ServiceName"] == f"com.amazonaws.{REGION}.s3"
    assert endpoint["RouteTableIds"] == [platform.ids["PrivateRouteTable"]]


def test_only_the_load_balancer_is_reached_from_outside(platform: Platform) -> None:
    open_ports = {80, 443} if platform.serves_https else {80}
    ingress = platform.parameters["IngressCidr"]
    assert sources(platform, "LoadBalancerSecurityGroup") == {(port, ingress) for port in open_ports}
    others = platform.security_groups.keys() - {"LoadBalancerSecurityGroup"}
    assert all(name in platform.security_groups for other in others for _, name in sources(platform, other))


def test_each_workload_is_reached_by_its_callers_only(platform: Platform) -> None:
    callers = {"LoadBalancerSecurityGroup", "WorkerSecurityGroup", "JobSecurityGroup"}
    assert sources(platform, "ApiSecurityGroup") - FURTHER_TASKS == {(PORT, caller) for caller in callers}
    callers = {"ApiSecurityGroup", "JobSecurityGroup"}
    assert sources(platform, "WorkerSecurityGroup") - FURTHER_TASKS == {(PORT, caller) for caller in callers}
    assert sources(platform, "JobSecurityGroup") - FURTHER_TASKS == set()


def test_the_database_is_reached_by_tasks_only_and_reaches_nothing(platform: Platform) -> None:
    assert sources(platform, "DatabaseSecurityGroup") == {(POSTGRES_PORT, task) for task in TASKS}
    (egress,) = platform.security_groups["DatabaseSecurityGroup"]["IpPermissionsEgress"]
    assert [block["CidrIp"] for block in egress["IpRanges"]] == ["127.0.0.1/32"]


def test_no_group_lets_everything_out(platform: Platform) -> None:
    rules = [rule for group in platform.security_groups.values() for rule in group["IpPermissionsEgress"]]
    everything = [rule for rule in rules if rule["IpProtocol"] == "-1"]
    assert {block["CidrIp"] for rule in everything for block in rule["IpRanges"]} <= {"127.0.0.1/32"}
