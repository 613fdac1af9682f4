"""What faces the internet: open rules, public addresses, routes to an internet gateway, listeners."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fraud_cfn.review.diff import ABSENT, at, leaves
from fraud_cfn.review.reachability import (
    Connection,
    ReachabilityChange,
    Resources,
    changed_lists,
    compare,
    faces_internet,
    firewall,
)

_LOAD_BALANCERS = (
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::ElasticLoadBalancing::LoadBalancer",
)
_LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
_API = "AWS::ApiGateway::RestApi"
_FUNCTION = "AWS::Lambda::Url"
_ADDRESSES = ("AWS::EC2::EIP", "AWS::EC2::EIPAssociation")
_HOLDERS = ("InstanceId", "NetworkInterfaceId")  # whose address it is
_BLOCK = "PublicAccessBlockConfiguration"  # of buckets and access points
_BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
# Property, wherever it stands in a resource → the values that make it public.
_PUBLIC_WHERE = {
    "AssignPublicIp": ("enabled",),
    "AssociatePublicIpAddress": ("true",),
    "MapPublicIpOnLaunch": ("true",),
    "PubliclyAccessible": ("true",),
    "EndpointPublicAccess": ("true",),
    "IsPubliclyAccessible": ("true",),  # App Runner
    "DirectInternetAccess": ("enabled",),  # notebooks
    "EndpointType": ("public",),  # Transfer
    "Type": ("service_provided_eips",),  # MSK
    "Visibility": ("global",),  # AppSync
    "WebserverAccessMode": ("public_only", "public_and_private"),  # Airflow
    "AccessControl": ("publicread", "publicreadwrite"),
}
_TELLING = _PUBLIC_WHERE.keys() - {"Type"}  # names that mean nothing else: one of those may be public
# Type → where something stands that keeps it from the internet: without a word there it is public.
_PUBLIC_WITHOUT = {
    "AWS::AppRunner::Service": ("NetworkConfiguration", "IngressConfiguration", "IsPubliclyAccessible"),
    "AWS::AppSync::GraphQLApi": ("Visibility",),
    "AWS::DMS::ReplicationInstance": ("PubliclyAccessible",),
    "AWS::EKS::Cluster": ("ResourcesVpcConfig", "EndpointPublicAccess"),
    "AWS::Elasticsearch::Domain": ("VPCOptions",),
    "AWS::OpenSearchService::Domain": ("VPCOptions",),
    "AWS::SageMaker::NotebookInstance": ("DirectInternetAccess",),
    "AWS::Transfer::Server": ("EndpointType",),
}


@dataclass(frozen=True)
class Exposure:
    """Something that faces the internet: in which resource, at which property."""

    logical_id: str
    path: str


@dataclass(frozen=True)
class ExposureChange:
    """An exposure that begins (`on`) or ends (`off`) with a change, if those open values say so."""

    exposure: Exposure
    direction: str  # on, off
    depends_on: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The finding of the review's JSON."""
        return {
            "kind": "internet",
            "logical_id": self.exposure.logical_id,
            "path": self.exposure.path,
            "direction": self.direction,
            "depends_on": list(self.depends_on),
        }


def concerns(kind: str, declared: Any) -> bool:
    """Whether a resource, of that type and so declared, has a part in who reaches whom."""
    kinds = (*_LOAD_BALANCERS, _LISTENER, _FUNCTION, _API, *_PUBLIC_WITHOUT)
    if kind.startswith("AWS::EC2::") or kind in kinds:
        return True
    text = json.dumps(declared.get("Properties"))
    return any(f'"{key}"' in text for key in (*_PUBLIC_WHERE, _BLOCK))


def exposures(resources: Resources) -> dict[tuple[str, ...], Exposure]:
    """Everything but the rules of groups: what it is → where it is written."""
    found: dict[tuple[str, ...], Exposure] = {}
    for logical_id, (kind, properties) in resources.items():
        for path, key, open_names in _public_properties(properties):
            if not open_names:
                found[logical_id, key] = Exposure(logical_id, path)
        for name in _HOLDERS if kind in _ADDRESSES else ():
            if name in properties:
                found["address", logical_id] = Exposure(logical_id, f"Properties.{name}")
        if kind in _LOAD_BALANCERS and _is_public(properties):
            found["load balancer", logical_id] = Exposure(logical_id, "Properties.Scheme")
        elif kind == _FUNCTION and properties.get("AuthType") == "NONE":
            found[logical_id, "AuthType"] = Exposure(logical_id, "Properties.AuthType")
    return found | _listeners(resources) | _routes(resources)


def compare_exposures(before: Resources, after: Resources) -> tuple[ExposureChange, ...]:
    """What newly faces the internet, then what no longer does."""
    both = before.keys() & after.keys()
    old = exposures(before) | _unblocked(before, both)
    new = exposures(after) | _unblocked(after, both)
    begins = list(_differ(old, new, _open(before), _open(after)))
    ends = list(_differ(new, old, _open(after), _open(before)))
    differences = compare(before, after)
    lists = changed_lists(before, after)
    begins += [(exposure, ()) for exposure in _rules(after, lists, differences, "added")]
    ends += [(exposure, ()) for exposure in _rules(before, lists, differences, "removed")]
    return tuple(
        ExposureChange(exposure, direction, depends_on)
        for direction, found in (("on", begins), ("off", ends))
        for exposure, depends_on in dict.fromkeys(found)
    )


_Named = tuple[Exposure, tuple[str, ...]]  # an exposure, and the open values it depends on


def _differ(
    without: Mapping[tuple[str, ...], Exposure],
    having: Mapping[tuple[str, ...], Exposure],
    open_without: Mapping[tuple[str, ...], _Named],
    open_having: Mapping[tuple[str, ...], _Named],
) -> Iterator[_Named]:
    """What one side has and the other one has not; what is open on one side only may be so."""
    for key, exposure in having.items():
        if key not in without and not _follows(key, without):
            yield exposure, open_without.get(key, (exposure, ()))[1]
    for key, named in open_having.items():
        if key not in without and key not in open_without:
            yield named


def _open(resources: Resources) -> dict[tuple[str, ...], _Named]:
    return {
        (logical_id, key): (Exposure(logical_id, path), open_names)
        for logical_id, (_, properties) in resources.items()
        for path, key, open_names in _public_properties(properties)
        if open_names
    }


def _rules(
    resources: Resources, lists: Iterable[str], differences: Iterable[ReachabilityChange], change: str
) -> Iterator[Exposure]:
    """Where the rules of a side stand that open something to the internet, or did."""
    rules = firewall(resources, opened=lists).rules
    for difference in differences:
        connection = difference.connection
        if difference.change != change or not difference.effective or not faces_internet(connection.client):
            continue
        for rule in rules:
            client, server = rule.ends
            opened = Connection(client, server, rule.protocol, rule.ports)
            if client == connection.client and connection.covers(opened):
                yield Exposure(rule.logical_id, rule.path)


def _public_properties(properties: Mapping[str, Any]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Path and property of everything that asks for a public address, and the open values of what may."""
    for path, steps, value in leaves(properties):
        key = steps[-1] if steps else ""
        open_names = tuple(re.findall(r"\$\{(\w+)\}", str(value))) if key in _TELLING else ()
        if open_names or str(value).lower() in _PUBLIC_WHERE.get(key, ()):
            yield f"Properties.{path}", key, open_names


def _is_public(properties: Mapping[str, Any]) -> bool:
    """Both generations are internet-facing unless they say `internal`; a gateway's has no address."""
    return properties.get("Scheme") != "internal" and properties.get("Type") != "gateway"


def _listeners(resources: Resources) -> dict[tuple[str, ...], Exposure]:
    found = {}
    for logical_id, (kind, properties) in resources.items():
        balancer = str(properties.get("LoadBalancerArn")).strip("${}")
        if kind == _LISTENER and balancer in resources and _is_public(resources[balancer][1]):
            found["listener", balancer, str(properties.get("Port"))] = Exposure(logical_id, "Properties.Port")
    return found


def _routes(resources: Resources) -> dict[tuple[str, ...], Exposure]:
    """Route tables with a way to the internet and back, and the subnets that use them."""
    tables: dict[tuple[str, ...], Exposure] = {}
    for logical_id, (kind, properties) in resources.items():
        target = properties.get("DestinationCidrBlock", properties.get("DestinationIpv6CidrBlock"))
        if kind == "AWS::EC2::Route" and faces_internet(str(target)):
            gateway = str(properties.get("GatewayId"))
            if _is_internet_gateway(gateway, resources):
                table = str(properties.get("RouteTableId"))
                tables["table", table] = Exposure(logical_id, "Properties.GatewayId")
    subnets = {
        ("subnet", str(properties.get("SubnetId")), str(properties.get("RouteTableId"))): Exposure(
            logical_id, "Properties.RouteTableId"
        )
        for logical_id, (kind, properties) in resources.items()
        if kind == "AWS::EC2::SubnetRouteTableAssociation"
        and ("table", str(properties.get("RouteTableId"))) in tables
    }
    return tables | subnets


def _is_internet_gateway(gateway: str, resources: Resources) -> bool:
    """A virtual private gateway stands in the same property."""
    name = gateway.strip("${}").partition(".")[0]
    is_here = name in resources and resources[name][0] == "AWS::EC2::InternetGateway"
    return is_here or gateway.startswith("igw-")


def _follows(key: tuple[str, ...], without: Mapping[tuple[str, ...], Exposure]) -> bool:
    """A subnet that only follows its table (which is told), or a listener its load balancer."""
    match key:
        case ("subnet", _, table):
            return ("table", table) not in without
        case ("listener", balancer, _):
            return ("load balancer", balancer) not in without
        case ("to all", cluster):
            return (cluster, "EndpointPublicAccess") not in without
    return False


def _unblocked(side: Resources, both: Iterable[str]) -> dict[tuple[str, ...], Exposure]:
    """Of what both sides have: public access that is not blocked here, and what is not within a VPC."""
    found: dict[tuple[str, ...], Exposure] = {}
    for logical_id in both:
        kind, properties = side[logical_id]
        path = _PUBLIC_WITHOUT.get(kind, ())
        if at(properties, path) is ABSENT:
            found[logical_id, path[-1]] = Exposure(logical_id, ".".join(("Properties", *path)))
        if kind == "AWS::EKS::Cluster" and _is_open_to_all(properties):
            path = "Properties.ResourcesVpcConfig.PublicAccessCidrs"
            found["to all", logical_id] = Exposure(logical_id, path)
        if not _is_private(properties):
            found[logical_id, "Types"] = Exposure(logical_id, "Properties.EndpointConfiguration.Types")
        for block in _BLOCKS:
            if not _blocks(properties, block):
                found[logical_id, block] = Exposure(logical_id, f"Properties.{_BLOCK}.{block}")
    return found


def _is_open_to_all(cluster: Mapping[str, Any]) -> bool:
    """Without a word its endpoint is public, and to every network."""
    public, cidrs = (
        at(cluster, ("ResourcesVpcConfig", name)) for name in ("EndpointPublicAccess", "PublicAccessCidrs")
    )
    return str(public).lower() != "false" and (
        cidrs is ABSENT or any(faces_internet(str(cidr)) for cidr in cidrs or ())
    )


def _is_private(properties: Mapping[str, Any]) -> bool:
    configuration = properties.get("EndpointConfiguration")
    return isinstance(configuration, Mapping) and configuration.get("Types") == ["PRIVATE"]


def _blocks(properties: Mapping[str, Any], block: str) -> bool:
    blocks = properties.get(_BLOCK)
    return isinstance(blocks, Mapping) and str(blocks.get(block)).lower() == "true"
