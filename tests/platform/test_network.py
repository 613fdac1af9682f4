"""The whole network, property by property: one more is as wrong as one less."""

from __future__ import annotations

import ipaddress
from itertools import combinations
from typing import Any

import pytest

from tests.lens import Lens

KINDS = {"Public": 24, "Private": 20, "Database": 24}
ZONES = {"A": "eu-central-1a", "B": "eu-central-1b", "C": "eu-central-1c"}
BLOCKS = {
    "PublicSubnetA": "10.0.48.0/24",
    "PublicSubnetB": "10.0.49.0/24",
    "PublicSubnetC": "10.0.50.0/24",
    "PrivateSubnetA": "10.0.0.0/20",
    "PrivateSubnetB": "10.0.16.0/20",
    "PrivateSubnetC": "10.0.32.0/20",
    "DatabaseSubnetA": "10.0.56.0/24",
    "DatabaseSubnetB": "10.0.57.0/24",
    "DatabaseSubnetC": "10.0.58.0/24",
}
EVERYWHERE = "0.0.0.0/0"


def tagged(thing: str, **properties: Any) -> dict[str, Any]:
    return properties | {"Tags": [{"Key": "Name", "Value": f"fraud-{thing}-dev"}]}


def test_vpc_resolves_names_and_shares_its_machines_as_usual(base: Lens) -> None:
    """Nothing more: a dedicated tenancy, for instance, is billed apart and Fargate refuses it."""
    assert base.of("AWS::EC2::VPC") == {
        "Vpc": tagged("vpc", CidrBlock="10.0.0.0/16", EnableDnsSupport=True, EnableDnsHostnames=True)
    }


def test_network_spans_exactly_three_zones_with_each_kind_of_subnet(base: Lens) -> None:
    """No subnet hands out public addresses, which only `MapPublicIpOnLaunch` would."""
    assert base.of("AWS::EC2::Subnet") == {
        f"{kind}Subnet{letter}": tagged(
            f"{kind.lower()}-{letter.lower()}",
            VpcId="<Vpc>",
            AvailabilityZone=zone,
            CidrBlock=BLOCKS[f"{kind}Subnet{letter}"],
        )
        for kind in KINDS
        for letter, zone in ZONES.items()
    }


def test_zones_are_named_so_that_no_account_counts_them_otherwise(base: Lens) -> None:
    """`Fn::GetAZs` leaves out the zones without a default subnet where others have one."""
    assert "Fn::GetAZs" not in base.document.text
    assert "GetAZs" not in base.document.text


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


def test_one_nat_gateway_stands_in_a_public_subnet(base: Lens) -> None:
    assert base.of("AWS::EC2::NatGateway", "AWS::EC2::EIP") == {
        "NatGateway": tagged("nat", SubnetId="<PublicSubnetA>", AllocationId="<NatAddress.AllocationId>"),
        "NatAddress": tagged("nat", Domain="vpc"),
    }


def test_only_public_subnets_reach_the_internet_directly_and_database_subnets_not_at_all(base: Lens) -> None:
    assert base.of("AWS::EC2::Route") == {
        "PublicDefaultRoute": {
            "RouteTableId": "<PublicRouteTable>",
            "DestinationCidrBlock": EVERYWHERE,
            "GatewayId": "<InternetGateway>",
        },
        "PrivateDefaultRoute": {
            "RouteTableId": "<PrivateRouteTable>",
            "DestinationCidrBlock": EVERYWHERE,
            "NatGatewayId": "<NatGateway>",
        },
    }
    assert base.of("AWS::EC2::InternetGateway", "AWS::EC2::VPCGatewayAttachment") == {
        "InternetGateway": tagged("internet"),
        "InternetAttachment": {"VpcId": "<Vpc>", "InternetGatewayId": "<InternetGateway>"},
    }


def test_each_subnet_has_the_routes_of_its_kind(base: Lens) -> None:
    assert base.of("AWS::EC2::RouteTable") == {
        f"{kind}RouteTable": tagged(kind.lower(), VpcId="<Vpc>") for kind in KINDS
    }
    assert base.of("AWS::EC2::SubnetRouteTableAssociation") == {
        f"{kind}Subnet{letter}Routes": {
            "SubnetId": f"<{kind}Subnet{letter}>",
            "RouteTableId": f"<{kind}RouteTable>",
        }
        for kind in KINDS
        for letter in "ABC"
    }


def test_no_flow_logs_and_no_interface_endpoint_cost_anything(base: Lens) -> None:
    network = {kind for kind in base.types if kind.startswith("AWS::EC2::")}
    assert network == {
        "AWS::EC2::EIP",
        "AWS::EC2::InternetGateway",
        "AWS::EC2::NatGateway",
        "AWS::EC2::Route",
        "AWS::EC2::RouteTable",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EC2::Subnet",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPC",
        "AWS::EC2::VPCEndpoint",
        "AWS::EC2::VPCGatewayAttachment",
    }
    assert [e["VpcEndpointType"] for e in base.of("AWS::EC2::VPCEndpoint").values()] == ["Gateway"]
