from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from fraud_cfn.review.exposure import compare_exposures
from fraud_cfn.review.reachability import Ports, compare, faces_internet, firewall, merged

Json = dict[str, Any]
NOWHERE = [{"IpProtocol": "-1", "CidrIp": "127.0.0.1/32"}]


def tcp(first: Any = 5432, last: Any = None, **peer: Any) -> Json:
    return {"IpProtocol": "tcp", "FromPort": first, "ToPort": first if last is None else last} | peer


def group(ingress: list[Json] | None = None, egress: list[Json] | None = None, **more: Any) -> Any:
    rules: Json = {"SecurityGroupEgress": NOWHERE if egress is None else egress}
    return ("AWS::EC2::SecurityGroup", rules | {"SecurityGroupIngress": ingress or []} | more)


def stand_alone(direction: str, of: str, **rule: Any) -> Any:
    return (f"AWS::EC2::SecurityGroup{direction}", {"GroupId": of, **rule})


def told(before: Json, after: Json) -> list[tuple[str, str, str, str, str, bool]]:
    return [tuple(change.to_json().values()) for change in compare(before, after)]  # pyright: ignore[reportReturnType]


FROM_OFFICE = tcp(CidrIp="10.0.0.0/8")
OFFICE_MAY = ("10.0.0.0/8", "Database", "tcp", "5432")
SAME = {
    "moved out of the group": (
        {"Database": group([FROM_OFFICE])},
        {"Database": group(), "Rule": stand_alone("Ingress", "${Database.GroupId}", **FROM_OFFICE)},
    ),
    "described otherwise": (
        {"Database": group([FROM_OFFICE])},
        {"Database": group([FROM_OFFICE | {"Description": "The office"}])},
    ),
    "text for numbers": (
        {"Database": group([FROM_OFFICE])},
        {"Database": group([FROM_OFFICE | {"FromPort": "5432", "ToPort": "5432", "IpProtocol": 6}])},
    ),
    "a range in two pieces": (
        {"Database": group([tcp(8000, 8100, CidrIp="10.0.0.0/8")])},
        {"Database": group([tcp(8000, 8050, CidrIp="10.0.0.0/8"), tcp(8051, 8100, CidrIp="10.0.0.0/8")])},
    ),
    "in another order": (
        {"Database": group([FROM_OFFICE, tcp(80, CidrIp="10.0.0.0/8")])},
        {"Database": group([tcp(80, CidrIp="10.0.0.0/8"), FROM_OFFICE])},
    ),
    "Ref for GetAtt": (
        {
            "Api": group(egress=[tcp(CidrIp="0.0.0.0/0")]),
            "Database": group([tcp(SourceSecurityGroupId="${Api}")]),
        },
        {
            "Api": group(egress=[tcp(CidrIp="0.0.0.0/0")]),
            "Database": group([tcp(SourceSecurityGroupId="${Api.GroupId}")]),
        },
    ),
    "every port written as 0 to 65535": (
        {"Database": group([{"IpProtocol": "tcp", "CidrIp": "10.0.0.0/8"}])},
        {"Database": group([tcp(0, 65535, CidrIp="10.0.0.0/8")])},
    ),
    "a network with host bits": (
        {"Database": group([FROM_OFFICE])},
        {"Database": group([FROM_OFFICE | {"CidrIp": "10.1.2.3/8"}])},
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_the_same_rules_in_other_words_open_nothing(case: str) -> None:
    before, after = SAME[case]
    assert told(before, after) == told(after, before) == []


def test_a_new_rule_is_a_connection_from_its_source() -> None:
    assert told({"Database": group()}, {"Database": group([FROM_OFFICE])}) == [("added", *OFFICE_MAY, True)]
    assert told({"Database": group([FROM_OFFICE])}, {"Database": group()}) == [("removed", *OFFICE_MAY, True)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"IpProtocol": "-1", "CidrIp": "10.0.0.0/8"}, ("10.0.0.0/8", "Database", "all", "all")),
        ({"IpProtocol": -1, "CidrIp": "10.0.0.0/8"}, ("10.0.0.0/8", "Database", "all", "all")),
        (tcp(22, IpProtocol="-1", CidrIp="10.0.0.0/8"), ("10.0.0.0/8", "Database", "all", "all")),
        ({"IpProtocol": "icmp", "CidrIp": "10.0.0.0/8"}, ("10.0.0.0/8", "Database", "icmp", "all")),
        (
            {"IpProtocol": "tcp", "FromPort": 80.0, "CidrIp": "10.0.0.0/8"},
            ("10.0.0.0/8", "Database", "tcp", "80"),
        ),
        (
            {"IpProtocol": "tcp", "ToPort": 80, "CidrIp": "10.0.0.0/8"},
            ("10.0.0.0/8", "Database", "tcp", "80"),
        ),
        (tcp(SourceSecurityGroupId="${Given}"), ("${Given}", "Database", "tcp", "5432")),
        (tcp(8000, 8100, CidrIp="10.0.0.0/8"), ("10.0.0.0/8", "Database", "tcp", "8000-8100")),
        (tcp(-1, CidrIp="10.0.0.0/8"), ("10.0.0.0/8", "Database", "tcp", "all")),
        (tcp(53, IpProtocol=17, CidrIp="10.0.0.0/8"), ("10.0.0.0/8", "Database", "udp", "53")),
        (tcp(8, -1, IpProtocol="1", CidrIp="10.0.0.0/8"), ("10.0.0.0/8", "Database", "icmp", "8")),
        (tcp(128, -1, IpProtocol="58", CidrIpv6="fd00::/8"), ("fd00::/8", "Database", "icmpv6", "128")),
        (tcp(80.5, CidrIp="10.0.0.0/8"), ("10.0.0.0/8", "Database", "tcp", "80.5")),
        (tcp(SourcePrefixListId="pl-1a2b"), ("pl-1a2b", "Database", "tcp", "5432")),
        (tcp(CidrIpv6="::/0"), ("::/0", "Database", "tcp", "5432")),
        (tcp(CidrIp="${OfficeCidr}"), ("${OfficeCidr}", "Database", "tcp", "5432")),
        (tcp("${Port}", CidrIp="10.0.0.0/8"), ("10.0.0.0/8", "Database", "tcp", "${Port}")),
        (tcp(SourceSecurityGroupId="sg-1a2b"), ("sg-1a2b", "Database", "tcp", "5432")),
        (
            {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "CidrIp": "10.0.0.0/8"},
            ("10.0.0.0/8", "Database", "icmp", "8"),
        ),
    ],
)
def test_each_kind_of_rule_is_read(rule: Json, expected: tuple[str, ...]) -> None:
    assert told({"Database": group()}, {"Database": group([rule])}) == [("added", *expected, True)]


TO_DATABASE = stand_alone("Egress", "${Job}", **tcp(DestinationSecurityGroupId="${Database}"))
FROM_JOB = stand_alone("Ingress", "${Database}", **tcp(SourceSecurityGroupId="${Job}"))
JOB_MAY = ("Job", "Database", "tcp", "5432")
GROUPS = {"Job": group(), "Database": group()}


def test_two_groups_are_connected_when_both_ends_agree() -> None:
    both = GROUPS | {"Out": TO_DATABASE, "In": FROM_JOB}
    assert told(GROUPS, both) == [("added", *JOB_MAY, True)]
    for half in ({"Out": TO_DATABASE}, {"In": FROM_JOB}):
        assert told(GROUPS, GROUPS | half) == [("added", *JOB_MAY, False)]
        assert told(GROUPS | half, both) == [("added", *JOB_MAY, True)]
        assert told(both, GROUPS | half) == [("removed", *JOB_MAY, True)]


@pytest.mark.parametrize(
    "egress",
    [
        [],
        *(
            [tcp(CidrIp=network)]
            for network in ("0.0.0.0/0", "10.0.0.0/16", "172.16.0.0/16", "192.168.0.0/24", "100.64.0.0/16")
        ),
        *([tcp(CidrIpv6=network)] for network in ("2001:db8::/32", "fd00::/8")),
    ],
)
def test_an_open_egress_agrees_to_every_group(egress: list[Json]) -> None:
    before = GROUPS | {"Job": group(egress=egress)}
    assert told(before, before | {"In": FROM_JOB}) == [("added", *JOB_MAY, True)]


def test_an_egress_to_another_network_does_not_agree() -> None:
    before = GROUPS | {"Job": group(egress=[tcp(CidrIp="203.0.113.0/24")])}
    assert told(before, before | {"In": FROM_JOB}) == [("added", *JOB_MAY, False)]


def test_a_group_that_drops_its_egress_rules_may_connect_to_everything() -> None:
    after = GROUPS | {"Job": ("AWS::EC2::SecurityGroup", {})}
    assert told(GROUPS, after) == [("added", "Job", "0.0.0.0/0", "all", "all", True)]


def test_a_new_group_s_default_egress_is_not_told() -> None:
    new = ("AWS::EC2::SecurityGroup", {"SecurityGroupIngress": [FROM_OFFICE]})
    assert told({}, {"Database": new}) == [("added", *OFFICE_MAY, True)]
    assert told({"Database": new}, {}) == [("removed", *OFFICE_MAY, True)]


def test_only_a_group_has_a_default_egress_and_it_lets_nobody_in() -> None:
    queue = {"X": ("AWS::SQS::Queue", {})}
    default = {"X": ("AWS::EC2::SecurityGroup", {})}
    assert told(queue, default) == [("added", "X", "0.0.0.0/0", "all", "all", True)]
    out = {"Out": stand_alone("Egress", "${Y}", **tcp(DestinationSecurityGroupId="${X}"))}
    before = default | {"Y": group()}
    assert told(before, before | out) == [("added", "Y", "X", "tcp", "5432", False)]


def test_a_wider_rule_is_what_is_gained_and_the_old_one_is_not_lost() -> None:
    before = {"Database": group([FROM_OFFICE])}
    everything = {"Database": group([{"IpProtocol": "-1", "CidrIp": "10.0.0.0/8"}])}
    gained = ("10.0.0.0/8", "Database", "all", "all")
    assert told(before, everything) == [("added", *gained, True), ("removed", *OFFICE_MAY, False)]
    assert told(everything, before) == [("removed", *gained, True), ("added", *OFFICE_MAY, False)]
    narrowed = {"Database": group([tcp(CidrIp="10.1.0.0/16")])}
    assert [change for change in told(before, narrowed) if change[0] == "added"] == [
        ("added", "10.1.0.0/16", "Database", "tcp", "5432", False)
    ]


def test_a_group_may_be_called_by_its_name() -> None:
    before = {"Database": group(GroupName="fraud-database"), "Job": group(egress=[])}
    rule = (
        "AWS::EC2::SecurityGroupIngress",
        {"GroupName": "fraud-database"} | tcp(SourceSecurityGroupName="Job"),
    )
    ((_, client, server, *_),) = told(before, before | {"In": rule})
    assert (client, server) == ("Job", "Database")
    admins = before | {"Admins": ("AWS::IAM::Group", {"GroupName": "admins"})}
    rule = stand_alone("Ingress", "${Database}", **tcp(SourceSecurityGroupName="admins"))
    ((_, client, *_),) = told(admins, admins | {"In": rule})
    assert client == "admins"


def test_what_newly_faces_the_internet_comes_first() -> None:
    rules = [FROM_OFFICE, tcp(1, CidrIp="10.0.0.0/8"), tcp(443, CidrIp="0.0.0.0/0")]
    assert told({"Database": group()}, {"Database": group(rules)})[0][1] == "0.0.0.0/0"


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "0.0.0.0/1", "8.0.0.0/7", "2000::/3"])
def test_the_internet_is_recognised_however_it_is_written(network: str) -> None:
    assert faces_internet(network)


@pytest.mark.parametrize(
    "network", ["10.0.0.0/8", "203.0.113.0/24", "fd00::/8", "2000::/4", "${Cidr}", "Api", ""]
)
def test_a_part_of_it_is_not_the_internet(network: str) -> None:
    assert not faces_internet(network)


def test_what_newly_is_open_comes_first_then_server_client_and_port() -> None:
    before = {"Database": group([tcp(9, CidrIp="0.0.0.0/0"), tcp(5, CidrIp="10.2.0.0/16")])}
    rules = [
        tcp(11, CidrIp="10.1.0.0/16"),
        tcp(7, CidrIp="10.1.0.0/16"),
        {"IpProtocol": "udp", "FromPort": 7, "ToPort": 7, "CidrIp": "10.1.0.0/16"},
        tcp(7, CidrIp="10.0.0.0/16"),
        tcp(5, CidrIp="10.2.1.0/24"),
        tcp(443, CidrIp="0.0.0.0/0"),
    ]
    after = {"Database": group(rules), "Api": group([tcp(7, CidrIp="10.9.0.0/16")])}
    assert [line[:5] for line in told(before, after)] == [
        ("added", "0.0.0.0/0", "Database", "tcp", "443"),
        ("added", "10.9.0.0/16", "Api", "tcp", "7"),
        ("added", "10.0.0.0/16", "Database", "tcp", "7"),
        ("added", "10.1.0.0/16", "Database", "tcp", "7"),
        ("added", "10.1.0.0/16", "Database", "tcp", "11"),
        ("added", "10.1.0.0/16", "Database", "udp", "7"),
        ("removed", "0.0.0.0/0", "Database", "tcp", "9"),
        ("removed", "10.2.0.0/16", "Database", "tcp", "5"),
        ("added", "10.2.1.0/24", "Database", "tcp", "5"),
    ]
    open_ones = [tcp(port, CidrIp="10.0.0.0/8") for port in ("${B}", "${A}")]
    assert [line[4] for line in told({"Api": group()}, {"Api": group(open_ones)})] == ["${A}", "${B}"]


def test_a_rule_alone_in_place_of_a_list_is_read() -> None:
    alone: Any = FROM_OFFICE
    assert told({"Database": group()}, {"Database": group(alone)}) == [("added", *OFFICE_MAY, True)]


def test_every_port_has_those_that_are_not_known() -> None:
    assert merged([Ports(text="${P}"), Ports()]) == [Ports()]


def test_ranges_that_touch_become_one() -> None:
    assert [str(ports) for ports in merged([Ports(1, 3), Ports(9, 9), Ports(4, 6), Ports(text="${P}")])] == [
        "1-6",
        "9",
        "${P}",
    ]


@pytest.mark.parametrize("rule", [None, "text", {}, {"IpProtocol": None, "CidrIp": None}, {"CidrIp": ["x"]}])
def test_what_is_no_rule_does_not_end_in_a_traceback(rule: Any) -> None:
    assert firewall({"Database": group([rule]), "Rule": ("AWS::EC2::SecurityGroupIngress", {})}).rules


# ── What faces the internet ──


def findings(before: Json, after: Json) -> list[tuple[str, str, str]]:
    return [
        (finding["logical_id"], finding["path"], finding["direction"])
        for finding in (change.to_json() for change in compare_exposures(before, after))
    ]


LOAD_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
LISTENER = ("AWS::ElasticLoadBalancingV2::Listener", {"LoadBalancerArn": "${Balancer}", "Port": 8443})
INTERNAL = {"Balancer": (LOAD_BALANCER, {"Scheme": "internal"})}
PUBLIC = {"Balancer": (LOAD_BALANCER, {})}
NETWORK = {"Gateway": ("AWS::EC2::InternetGateway", {})}
TASK = {"NetworkConfiguration": {"AwsvpcConfiguration": {"AssignPublicIp": "DISABLED"}}}
PUBLIC_TASK = {"NetworkConfiguration": {"AwsvpcConfiguration": {"AssignPublicIp": "ENABLED"}}}


def route(target: str) -> Any:
    properties = {"RouteTableId": "${Table}", "DestinationCidrBlock": "0.0.0.0/0"}
    return ("AWS::EC2::Route", properties | {"GatewayId": target})


def uses(table: str) -> Any:
    return ("AWS::EC2::SubnetRouteTableAssociation", {"SubnetId": "${Subnet}", "RouteTableId": table})


BLOCKED = {"Data": ("AWS::S3::Bucket", {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}})}

EXPOSED = {
    "a rule in a group": (
        {"Database": group([FROM_OFFICE])},
        {"Database": group([FROM_OFFICE, tcp(22, CidrIp="0.0.0.0/0")])},
        ("Database", "Properties.SecurityGroupIngress[1].CidrIp"),
    ),
    "a stand-alone rule": (
        {"Database": group()},
        {"Database": group(), "In": stand_alone("Ingress", "${Database}", **tcp(CidrIpv6="::/0"))},
        ("In", "Properties.CidrIpv6"),
    ),
    "a network that became the whole": (
        {"Database": group([FROM_OFFICE])},
        {"Database": group([tcp(CidrIp="0.0.0.0/0")])},
        ("Database", "Properties.SecurityGroupIngress[0].CidrIp"),
    ),
    "a load balancer": (INTERNAL, PUBLIC, ("Balancer", "Properties.Scheme")),
    "a listener of a public load balancer": (PUBLIC, PUBLIC | {"New": LISTENER}, ("New", "Properties.Port")),
    "a load balancer, and its listener with it": (
        INTERNAL | {"New": LISTENER},
        PUBLIC | {"New": LISTENER},
        ("Balancer", "Properties.Scheme"),
    ),
    "a route to the gateway": (
        NETWORK | {"Use": uses("${Table}")},
        NETWORK | {"Use": uses("${Table}"), "Out": route("${Gateway}")},
        ("Out", "Properties.GatewayId"),
    ),
    "a subnet moved to an open table": (
        NETWORK | {"Out": route("${Gateway}"), "Use": uses("${Other}")},
        NETWORK | {"Out": route("${Gateway}"), "Use": uses("${Table}")},
        ("Use", "Properties.RouteTableId"),
    ),
    "tasks with an address": (
        {"Service": ("AWS::ECS::Service", TASK)},
        {"Service": ("AWS::ECS::Service", PUBLIC_TASK)},
        ("Service", "Properties.NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp"),
    ),
    "a database with an address": (
        {"Writer": ("AWS::RDS::DBInstance", {"PubliclyAccessible": False})},
        {"Writer": ("AWS::RDS::DBInstance", {"PubliclyAccessible": "true"})},
        ("Writer", "Properties.PubliclyAccessible"),
    ),
    "a bucket without its block": (
        BLOCKED,
        {"Data": ("AWS::S3::Bucket", {})},
        ("Data", "Properties.PublicAccessBlockConfiguration.BlockPublicAcls"),
    ),
    "a function for everybody": (
        {"Url": ("AWS::Lambda::Url", {"AuthType": "AWS_IAM"})},
        {"Url": ("AWS::Lambda::Url", {"AuthType": "NONE"})},
        ("Url", "Properties.AuthType"),
    ),
}


@pytest.mark.parametrize("case", EXPOSED)
def test_what_newly_faces_the_internet_is_a_finding_where_it_is_written(case: str) -> None:
    before, after, where = EXPOSED[case]
    assert findings(before, after) == [(*where, "on")]
    assert {(path.partition("[")[0], way) for _, path, way in findings(after, before)} == {
        (where[1].partition("[")[0], "off")
    }


def test_moving_an_open_rule_out_of_its_group_exposes_nothing() -> None:
    rule = tcp(CidrIp="0.0.0.0/0")
    moved = {"Database": group(), "In": stand_alone("Ingress", "${Database}", **rule)}
    assert findings({"Database": group([rule])}, moved) == []


def test_a_nat_or_private_gateway_is_no_way_in() -> None:
    nat = {"RouteTableId": "${Table}", "DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "${Nat}"}
    private = {"Gateway": ("AWS::EC2::VPNGateway", {}), "Out": route("${Gateway}")}
    assert findings({}, {"Out": ("AWS::EC2::Route", nat)}) == findings({}, private) == []
    table = NETWORK | {"Out": route("${Gateway}")}
    in_it = {"Nat": ("AWS::EC2::NatGateway", {"SubnetId": "${Subnet}", "RouteTableId": "${Table}"})}
    assert findings(table, table | in_it) == []
    assert findings({}, {"Service": ("AWS::VpcLattice::Service", {"AuthType": "NONE"})}) == []


SHAPES: dict[str, Callable[[int], list[Json]]] = {
    "networks": lambda n: [
        tcp(CidrIp=f"10.0.{n // 200}.{n % 200}/32"),
        tcp(CidrIp=f"10.1.{n // 200}.{n % 200}/32"),
    ],
    "ports": lambda n: [tcp(n, CidrIp="10.0.0.0/8"), tcp(n + 10_000, CidrIp="10.0.0.0/8")],
    "both": lambda n: [tcp(n, CidrIp=f"10.{net}.{n // 200}.{n % 200}/32") for net in (0, 1)],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_twice_as_many_rules_take_about_twice_the_work(shape: str) -> None:
    """Each with each took half a minute for 2,000 rules."""

    def worked_for(many: int) -> int:
        rules = [SHAPES[shape](number) for number in range(many)]
        sides = [
            {"Group": group([tcp(CidrIp="10.0.0.0/16"), *(rule[side] for rule in rules)])} for side in (0, 1)
        ]
        calls = [0]

        def count(_frame: object, event: str, _argument: object) -> None:
            calls[0] += event == "call"

        before = sys.getprofile()
        sys.setprofile(count)
        try:
            changes = compare(*sides)
        finally:
            sys.setprofile(before)
        assert len(changes) == 2 * many
        return calls[0]

    worked_for(400)  # what is read once in a process
    assert worked_for(400) < 3 * worked_for(200)
