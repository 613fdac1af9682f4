"""Who reaches whom in the platform: the connections, and the claims about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fraud_cfn.prove.environment import Environment, environment
from fraud_cfn.review.exposure import exposures
from fraud_cfn.review.model import Template
from fraud_cfn.review.reachability import Connection, faces_internet, firewall

_GROUP, _LOAD_BALANCER = "AWS::EC2::SecurityGroup", "AWS::ElasticLoadBalancingV2::LoadBalancer"
_ROUTE, _ASSOCIATION = "AWS::EC2::Route", "AWS::EC2::SubnetRouteTableAssociation"
# What has a place in the VPC, or leads out of it, in the ways that the claims know.
_IN_THE_VPC = {
    *(
        f"AWS::EC2::{part}"
        for part in ("VPC", "Subnet", "RouteTable", "Route", "SubnetRouteTableAssociation")
    ),
    *(f"AWS::EC2::{part}" for part in ("InternetGateway", "VPCGatewayAttachment", "NatGateway", "EIP")),
    *(f"AWS::EC2::SecurityGroup{part}" for part in ("", "Ingress", "Egress")),
    *("AWS::RDS::DBSubnetGroup", "AWS::RDS::DBCluster", "AWS::RDS::DBInstance"),
    *("AWS::ECS::Service", "AWS::Scheduler::Schedule", "AWS::ServiceDiscovery::PrivateDnsNamespace"),
    *(_LOAD_BALANCER, "AWS::ElasticLoadBalancingV2::TargetGroup"),
}
_RUNS_TASKS = ("AWS::ECS::Service", "AWS::Scheduler::Schedule")
_STEM = "SecurityGroup"
_LISTED = {"Api", "Worker", "Job"}  # whose peers are claimed one by one


def connections(subject: Environment) -> tuple[Connection, ...]:
    """Every connection that can be opened, groups by their logical ids; sorted."""
    found = firewall(subject.resources).open
    return tuple(sorted(found, key=lambda each: (each.server, each.client, each.protocol, each.ports.first)))


def groups_in_use(subject: Environment) -> dict[str, tuple[str, ...]]:
    """Security group → what it protects: services, schedule, load balancer, database."""
    users: dict[str, list[str]] = {group: [] for group in subject.of(_GROUP)}
    for logical_id, (kind, properties) in subject.resources.items():
        if kind != _GROUP and not kind.startswith("AWS::EC2::SecurityGroup"):
            for group in dict.fromkeys(_references(properties)):
                if group in users:
                    users[group].append(logical_id)
    return {group: tuple(found) for group, found in users.items()}


def private_subnets(subject: Environment) -> dict[str, set[str]]:
    """Subnet → where its default routes lead: `internet`, `NAT`, or nowhere (an empty set)."""
    ways: dict[str, set[str]] = {}
    for properties in subject.of(_ROUTE).values():
        way = "internet" if "GatewayId" in properties else "NAT" if "NatGatewayId" in properties else "other"
        ways.setdefault(str(properties["RouteTableId"]), set()).add(way)
    return {
        _name(properties["SubnetId"]): ways.get(str(properties["RouteTableId"]), set())
        for properties in subject.of(_ASSOCIATION).values()
    }


def workloads(subject: Environment) -> dict[str, str]:
    """Workload → what runs its tasks, a service or a schedule; `Api` → `ApiService`."""
    return {name.removesuffix("Service").removesuffix("Schedule"): name for name in subject.of(*_RUNS_TASKS)}


# ── Claims ──


def the_internet_reaches_only_the_load_balancer(template: Template, **values: str) -> Iterator[str]:
    """On its listeners' ports."""
    subject = environment(template, **{"IngressCidr": "0.0.0.0/0"} | values)
    listeners = {
        str(properties["Port"]) for properties in subject.of("AWS::ElasticLoadBalancingV2::Listener").values()
    }
    opened = {
        (connection.server, str(connection.ports))
        for connection in connections(subject)
        if connection.client not in subject.of(_GROUP)
    }
    expected = {(f"LoadBalancer{_STEM}", port) for port in listeners}
    yield from (f"from outside the VPC: {server} on {ports}" for server, ports in sorted(opened - expected))
    yield from (f"no way to {server} on {ports}" for server, ports in sorted(expected - opened))
    ways = ("listener", "table", "subnet")  # what is behind them is told above
    public = {key for key in exposures(subject.resources) if key[0] not in ways}
    yield from (
        f"faces the internet: {' '.join(key)}" for key in sorted(public - {("load balancer", "LoadBalancer")})
    )


def only_the_workloads_reach_the_database(template: Template, **values: str) -> Iterator[str]:
    subject = environment(template, **values)
    reaching = {
        (connection.client.removesuffix(_STEM), connection.protocol, str(connection.ports))
        for connection in connections(subject)
        if connection.server == f"Database{_STEM}"
    }
    listed = {item for item in reaching if item[0] in _LISTED}
    yield from _differences(listed, {(workload, "tcp", "5432") for workload in _LISTED})
    further = {(workload, "tcp", "5432") for workload in workloads(subject)}
    yield from _differences(reaching - listed - further, set())


def the_database_reaches_nobody(template: Template, **values: str) -> Iterator[str]:
    subject = environment(template, **values)
    for connection in connections(subject):
        if connection.client == f"Database{_STEM}":
            yield f"it may connect to {connection.server} on {connection.ports}"
    for subnet, ways in private_subnets(subject).items():
        if subnet.startswith("Database") and ways:
            yield f"{subnet} has a route to {', '.join(sorted(ways))}"


def workloads_reach_their_peers_and_tls_only(template: Template, **values: str) -> Iterator[str]:
    """Which peers, is said of each listed workload; of a further one its module says it."""
    subject = environment(template, **values)
    everyone = {*workloads(subject), *_LISTED}
    reached = {
        (connection.client.removesuffix(_STEM), connection.server.removesuffix(_STEM), str(connection.ports))
        for connection in connections(subject)
        if connection.client.removesuffix(_STEM) in {*everyone, "LoadBalancer"}
    }
    expected = {(workload, "Database", "5432") for workload in _LISTED}
    expected |= {(workload, "0.0.0.0/0", "443") for workload in everyone}
    expected |= {("Api", "Worker", "8080"), ("Worker", "Api", "8080"), ("LoadBalancer", "Api", "8080")}
    expected |= {("Job", "Api", "8080"), ("Job", "Worker", "8080")}
    further = everyone - _LISTED
    its_own = {(workload, "Database", "5432") for workload in further}
    its_own |= {
        (client, server, "8080") for client in everyone for server in everyone if {client, server} & further
    }
    balanced = {key for key, service in subject.of("AWS::ECS::Service").items() if "LoadBalancers" in service}
    its_own |= {
        ("LoadBalancer", workload, "8080") for workload in further if f"{workload}Service" in balanced
    }
    yield from _differences(reached - its_own, expected)


def tasks_have_no_public_address(template: Template, **values: str) -> Iterator[str]:
    """Nor a route by which the internet could come in."""
    subject = environment(template, **values)
    subnets = private_subnets(subject)
    for logical_id, properties in subject.of(*_RUNS_TASKS).items():
        for network in _networks(properties):
            if network.get("AssignPublicIp") != "DISABLED":
                yield f"{logical_id} does not say that it has none"
            for subnet in map(_name, network["Subnets"]):
                if subnets.get(subnet) != {"NAT"}:
                    yield f"{logical_id} runs in {subnet}, whose way out is {subnets.get(subnet) or 'none'}"


def each_group_protects_its_own(template: Template, **values: str) -> Iterator[str]:
    """So that a rule between groups is a rule between workloads."""
    subject = environment(template, **values)
    expected = {f"{workload}{_STEM}": {runs} for workload, runs in workloads(subject).items()} | {
        f"LoadBalancer{_STEM}": {"LoadBalancer"},
        f"Database{_STEM}": {"DatabaseCluster"},
    }
    used = groups_in_use(subject)
    for group in {*expected, *used}:
        if set(used.get(group, ())) != expected.get(group, set()):
            yield f"{group} is used by {', '.join(used.get(group, ())) or 'nothing'}"


def every_rule_meets_its_other_end(template: Template, **values: str) -> Iterator[str]:
    """A rule that only one end has is a mistake: nothing connects by it."""
    subject = environment(template, **values)
    for connection, agreed in firewall(subject.resources).connections.items():
        if not agreed:
            yield f"{connection.client} to {connection.server} on {connection.ports}: one end refuses"


def nothing_else_is_in_the_vpc(template: Template, **values: str) -> Iterator[str]:
    """Peerings, machines, functions, endpoints with interfaces: how these are reached, nobody here judges."""
    subject = environment(template, **values)
    of_network = {name for name, (kind, _) in subject.resources.items() if kind.startswith("AWS::EC2::")}
    for logical_id, (kind, properties) in subject.resources.items():
        if kind == "AWS::EC2::VPCEndpoint" and properties.get("VpcEndpointType") == "Gateway":
            continue
        if kind not in _IN_THE_VPC and of_network & {logical_id, *_references(properties)}:
            yield f"{logical_id} ({kind})"


def the_ingress_network_is_the_one_that_was_given(template: Template, **values: str) -> Iterator[str]:
    given = "203.0.113.0/24"
    subject = environment(template, **values | {"IngressCidr": given})
    for connection in connections(subject):
        if faces_internet(connection.client) or (connection.client not in (given, *subject.of(_GROUP))):
            yield f"{connection.client} reaches {connection.server} on {connection.ports}"


def _networks(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, Mapping):
        if "AwsvpcConfiguration" in node:
            yield node["AwsvpcConfiguration"]
        for child in node.values():
            yield from _networks(child)
    elif isinstance(node, list):
        for child in node:
            yield from _networks(child)


def _references(node: Any) -> Iterator[str]:
    """The logical ids that a value names with `${…}`."""
    if isinstance(node, Mapping):
        for child in node.values():
            yield from _references(child)
    elif isinstance(node, list):
        for child in node:
            yield from _references(child)
    elif isinstance(node, str) and node.startswith("${"):
        yield _name(node)


def _name(reference: str) -> str:
    return reference.strip("${}").partition(".")[0]


def _differences(has: set[tuple[str, ...]], should: set[tuple[str, ...]]) -> Iterator[str]:
    yield from (f"has {' · '.join(item)}" for item in sorted(has - should))
    yield from (f"lacks {' · '.join(item)}" for item in sorted(should - has))


CLAIMS: dict[str, Callable[..., Iterator[str]]] = {
    "The internet reaches only the load balancer, on its listeners' ports": (
        the_internet_reaches_only_the_load_balancer
    ),
    "Clients are those of IngressCidr": the_ingress_network_is_the_one_that_was_given,
    "The database is reached on 5432 by the workloads only": only_the_workloads_reach_the_database,
    "The database opens no connection, and has no route out": the_database_reaches_nobody,
    "Workloads reach the database, their peers on 8080 and TLS on 443, nothing else": (
        workloads_reach_their_peers_and_tls_only
    ),
    "Tasks have no public address, and no way in from the internet": tasks_have_no_public_address,
    "Each security group protects one workload only": each_group_protects_its_own,
    "Every rule between two groups has its other end": every_rule_meets_its_other_end,
    "Nothing else is in the VPC, or joins it to another network": nothing_else_is_in_the_vpc,
}
