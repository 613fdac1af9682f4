"""Network: a VPC over three availability zones, with one NAT gateway.

Public subnets hold the load balancer and the NAT gateway, private subnets the tasks, database subnets
(without a route out of the VPC) Aurora.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from itertools import islice

from troposphere import Cidr, GetAtt, Ref, Select, Tags
from troposphere.ec2 import (
    EIP,
    VPC,
    InternetGateway,
    NatGateway,
    Route,
    RouteTable,
    Subnet,
    SubnetRouteTableAssociation,
    VPCGatewayAttachment,
)

from fraud_cfn.config import ZONES
from fraud_cfn.platform.intrinsics import because, sub
from fraud_cfn.platform.naming import name
from fraud_cfn.platform.parameters import VPC_CIDR

Subnets = tuple[Subnet, ...]

# Of the VPC's /16: three /20 from its start, then /24s behind them.
_PRIVATE_BITS, _SMALL_BITS = 12, 8
_FIRST_PRIVATE, _FIRST_PUBLIC, _FIRST_DATABASE = 0, 48, 56


@dataclass(frozen=True)
class Network:
    vpc: VPC
    internet_gateway: InternetGateway
    internet_attachment: VPCGatewayAttachment

    public_subnets: Subnets
    public_routes: RouteTable
    public_default_route: Route
    public_associations: tuple[SubnetRouteTableAssociation, ...]

    nat_address: EIP
    nat_gateway: NatGateway

    private_subnets: Subnets
    private_routes: RouteTable
    private_default_route: Route
    private_associations: tuple[SubnetRouteTableAssociation, ...]

    database_subnets: Subnets
    database_routes: RouteTable
    database_associations: tuple[SubnetRouteTableAssociation, ...]


def build() -> Network:
    vpc = VPC(
        "Vpc",
        CidrBlock=Ref(VPC_CIDR),
        EnableDnsSupport=because(True, "both, or the names in the private namespace do not resolve"),
        EnableDnsHostnames=True,
        Tags=_named("vpc"),
    )
    gateway = InternetGateway("InternetGateway", Tags=_named("internet"))
    attachment = VPCGatewayAttachment("InternetAttachment", VpcId=Ref(vpc), InternetGatewayId=Ref(gateway))

    public = _subnets(vpc, "Public", _FIRST_PUBLIC, _SMALL_BITS)
    private = _subnets(vpc, "Private", _FIRST_PRIVATE, _PRIVATE_BITS)
    database = _subnets(vpc, "Database", _FIRST_DATABASE, _SMALL_BITS)

    public_routes = _route_table(vpc, "Public")
    private_routes = _route_table(vpc, "Private")
    database_routes = _route_table(vpc, "Database", "no default route: the database reaches nobody")

    public_default_route = Route(
        "PublicDefaultRoute",
        DependsOn=because([attachment], "refused before the gateway is attached"),
        RouteTableId=Ref(public_routes),
        DestinationCidrBlock="0.0.0.0/0",
        GatewayId=Ref(gateway),
    )
    public_associations = _associations(public, public_routes)
    address = EIP(
        "NatAddress",
        DependsOn=because([attachment], "a gateway cannot be detached while such an address is in use"),
        Domain="vpc",
        Tags=_named("nat"),
    )
    nat = NatGateway(
        "NatGateway",
        DependsOn=because(
            [public_default_route, public_associations[0]],
            "its own way out: deleted at once, it would leave tasks that stop without theirs",
        ),
        AllocationId=GetAtt(address, "AllocationId"),
        SubnetId=because(
            Ref(public[0]), "one for all zones, as asked: if its zone fails, no task reaches AWS"
        ),
        Tags=_named("nat"),
    )

    return Network(
        vpc=vpc,
        internet_gateway=gateway,
        internet_attachment=attachment,
        public_subnets=public,
        public_routes=public_routes,
        public_default_route=public_default_route,
        public_associations=public_associations,
        nat_address=address,
        nat_gateway=nat,
        private_subnets=private,
        private_routes=private_routes,
        private_default_route=Route(
            "PrivateDefaultRoute",
            RouteTableId=Ref(private_routes),
            DestinationCidrBlock="0.0.0.0/0",
            NatGatewayId=Ref(nat),
        ),
        private_associations=_associations(private, private_routes),
        database_subnets=database,
        database_routes=database_routes,
        database_associations=_associations(database, database_routes),
    )


def _subnets(vpc: VPC, kind: str, first: int, bits: int) -> Subnets:
    """One subnet a zone; the `first`th and following blocks of 2^bits addresses."""
    blocks = islice(ip_network(VPC_CIDR.Default).subnets(new_prefix=32 - bits), first, first + len(ZONES))
    return tuple(
        Subnet(
            f"{kind}Subnet{letter}",
            VpcId=Ref(vpc),
            AvailabilityZone=because(
                sub(f"{{region}}{letter.lower()}"),
                "by name: AWS's own list leaves out zones without a default subnet where others have one",
            ),
            CidrBlock=because(
                Select(first + zone, Cidr(Ref(VPC_CIDR), first + len(ZONES), bits)),
                f"{block} with the default VpcCidr",
            ),
            Tags=_named(f"{kind.lower()}-{letter.lower()}"),
        )
        for (zone, letter), block in zip(enumerate(ZONES), blocks, strict=True)
    )


def _route_table(vpc: VPC, kind: str, reason: str = "") -> RouteTable:
    vpc_id = because(Ref(vpc), reason) if reason else Ref(vpc)
    return RouteTable(f"{kind}RouteTable", VpcId=vpc_id, Tags=_named(kind.lower()))


def _associations(subnets: Subnets, table: RouteTable) -> tuple[SubnetRouteTableAssociation, ...]:
    return tuple(
        SubnetRouteTableAssociation(f"{subnet.title}Routes", SubnetId=Ref(subnet), RouteTableId=Ref(table))
        for subnet in subnets
    )


def _named(thing: str) -> Tags:
    return Tags(Name=name(thing))
