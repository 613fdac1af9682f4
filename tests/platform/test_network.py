from __future__ import annotations

import ipaddress
from itertools import combinations

import pytest

from tests.lens import Lens

KINDS = {"Public": 24, "Private": 20, "Database": 24}


def test_network_spans_exactly_three_zones_with_each_kind_of_subnet(base: Lens) -> None:
    subnets = base.of("AWS::EC2::Subnet")
    assert len(subnets) == 9
    for kind in KINDS:
        zones = [subnets[f"{kind}Subnet{letter}"]["AvailabilityZone"] for letter in "ABC"]
        assert zones == ["eu-central-1a", "eu-central-1b", "eu-central-1c"]


@pytest.mark.parametrize("cidr", ["10.0.0.0/16", "10.255.0.0/16", "172.16.0.0/16", "192.168.0.0/16"])
def test_subnets_lie_in_the_vpc_and_never_overlap(base: Lens, cidr: str) -> None:
    lens = base.under(VpcCidr=cidr)
    blocks = {key: ipaddress.ip_network(s["CidrBlock"]) for key, s in lens.of("AWS::EC2::Subnet").items()}
    vpc = ipaddress.ip_network(lens["Vpc"]["CidrBlock"])
    assert str(vpc) == cidr
    assert all(block.subnet_of(vpc) for block in blocks.values())  # pyright: ignore[reportArgumentType]
    assert not [pair for pair in combinations(blocks.items(), 2) if pair[0][1].overlaps(pair[1][1])]
    assert {key: block.prefixlen for key, block in blocks.items()} == {
        f"{kind}Subnet{letter}": length for kind, length in KINDS.items() for letter in "ABC"
    }


def test_vpc_resolves_names(base: Lens) -> None:
    assert base["Vpc"]["EnableDnsSupport"] is True
    assert base["Vpc"]["EnableDnsHostnames"] is True


def test_one_nat_gateway_stands_in_a_public_subnet(base: Lens) -> None:
    (gateway,) = base.of("AWS::EC2::NatGateway").values()
    assert gateway["SubnetId"] == "<PublicSubnetA>"
    assert gateway["AllocationId"] == "<NatAddress.AllocationId>"
    assert len(base.of("AWS::EC2::EIP")) == 1


def test_only_public_subnets_reach_the_internet_directly_and_database_subnets_not_at_all(base: Lens) -> None:
    table_of = {
        a["SubnetId"]: a["RouteTableId"] for a in base.of("AWS::EC2::SubnetRouteTableAssociation").values()
    }
    ways_out = {
        r["RouteTableId"]: r.get("GatewayId") or r.get("NatGatewayId")
        for r in base.of("AWS::EC2::Route").values()
        if r["DestinationCidrBlock"] == "0.0.0.0/0"
    }
    way_out = {"Public": "<InternetGateway>", "Private": "<NatGateway>", "Database": None}
    assert {subnet: ways_out.get(table) for subnet, table in table_of.items()} == {
        f"<{kind}Subnet{letter}>": way_out[kind] for kind in KINDS for letter in "ABC"
    }


def test_no_subnet_hands_out_public_addresses(base: Lens) -> None:
    assert not any(s.get("MapPublicIpOnLaunch") for s in base.of("AWS::EC2::Subnet").values())


def test_no_flow_logs_and_no_interface_endpoint_cost_anything(base: Lens) -> None:
    types = {resource["Type"] for resource in base.resources.values()}
    assert "AWS::EC2::FlowLog" not in types
    assert [e["VpcEndpointType"] for e in base.of("AWS::EC2::VPCEndpoint").values()] == ["Gateway"]
