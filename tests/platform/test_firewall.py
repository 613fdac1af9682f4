from __future__ import annotations

from typing import Any

from tests.lens import BALANCED, FURTHER, SERVICES, WORKLOADS, Lens

GROUPS = (*WORKLOADS, "LoadBalancer", "Database")


def edges(lens: Lens, direction: str) -> set[tuple[str, str, int]]:
    """(client, server, port) of every rule of a direction, in-line or stand-alone."""
    found = set()
    peer_key = {"Ingress": "SourceSecurityGroupId", "Egress": "DestinationSecurityGroupId"}[direction]
    rules: list[tuple[str, dict[str, Any]]] = [
        (f"<{group}SecurityGroup>", rule)
        for group in GROUPS
        for rule in lens[f"{group}SecurityGroup"].get(f"SecurityGroup{direction}", [])
    ]
    rules += [(r["GroupId"], r) for r in lens.of(f"AWS::EC2::SecurityGroup{direction}").values()]
    for own, rule in rules:
        peer = rule.get(peer_key) or rule["CidrIp"]
        port = rule.get("FromPort", -1)
        assert port == rule.get("ToPort", -1)
        assert rule["IpProtocol"] == ("-1" if port == -1 else "tcp")
        client, server = (own, peer) if direction == "Egress" else (peer, own)
        found.add((_short(client), _short(server), port))
    return found


def _short(group: str) -> str:
    return group.strip("<>").removesuffix("SecurityGroup")


BETWEEN_GROUPS = {
    ("LoadBalancer", "Api", 8080),
    ("Api", "Worker", 8080),
    ("Worker", "Api", 8080),
    ("Job", "Api", 8080),
    ("Job", "Worker", 8080),
    ("Api", "Database", 5432),
    ("Worker", "Database", 5432),
    ("Job", "Database", 5432),
}
# What the module of a further workload may say of itself: peers, the database, the load balancer before it.
MAY_BE = {
    (client, server, 8080) for client in WORKLOADS for server in SERVICES if {client, server} & set(FURTHER)
}
MAY_BE |= {(workload, "Database", 5432) for workload in FURTHER}
MAY_BE |= {("LoadBalancer", service, 8080) for service in BALANCED if service in FURTHER}


def test_only_the_load_balancer_is_open_and_everything_else_admits_named_groups(base: Lens) -> None:
    clients = "203.0.113.0/24"
    lens = base.under(IngressCidr=clients)
    assert edges(lens, "Ingress") - MAY_BE == BETWEEN_GROUPS | {(clients, "LoadBalancer", 80)}


def test_tasks_reach_tls_the_database_and_their_peers_and_nothing_else(base: Lens) -> None:
    to_aws = {(task, "0.0.0.0/0", 443) for task in WORKLOADS}
    nowhere = {(group, "127.0.0.1/32", -1) for group in ("LoadBalancer", "Database")}
    assert edges(base, "Egress") - MAY_BE == BETWEEN_GROUPS | to_aws | nowhere


def test_a_connection_between_groups_is_open_at_both_ends(base: Lens) -> None:
    between = {edge for edge in edges(base, "Egress") if edge[1] in GROUPS}
    assert between == {edge for edge in edges(base, "Ingress") if edge[0] in GROUPS}


def test_tls_port_is_open_only_with_a_certificate(base: Lens) -> None:
    lens = base.under(CertificateArn="arn:aws:acm:eu-central-1:111122223333:certificate/1a")
    opened = edges(lens, "Ingress") - edges(base, "Ingress")
    assert opened == {("0.0.0.0/0", "LoadBalancer", 443)}


def test_each_group_declares_its_egress_in_line_so_that_aws_adds_none(base: Lens) -> None:
    groups = base.of("AWS::EC2::SecurityGroup")
    assert set(groups) == {f"{group}SecurityGroup" for group in GROUPS}
    assert all(group["SecurityGroupEgress"] for group in groups.values())


def test_every_rule_says_what_it_is_for(base: Lens) -> None:
    rules = [*base.of("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress").values()]
    for group in base.of("AWS::EC2::SecurityGroup").values():
        rules += group["SecurityGroupEgress"] + group.get("SecurityGroupIngress", [])
    assert all(rule["Description"] for rule in rules)
