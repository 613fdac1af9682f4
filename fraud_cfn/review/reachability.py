"""Who can open a connection to whom, on which port, before and after a change.

Read from the rules of security groups, in-line and stand-alone. Between two groups of the template both
ends must agree: the client's egress and the server's ingress; with one of them alone, a connection is
told as not effective. Resources come resolved, as for permissions.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from fraud_cfn.review.networks import block_of, holds, together, wholes

Properties = Mapping[str, Any]
Resources = Mapping[str, tuple[str, Properties]]  # logical id → (type, resolved properties)

GROUP = "AWS::EC2::SecurityGroup"
_LIST = "AWS::EC2::PrefixList"
_STAND_ALONE = {"AWS::EC2::SecurityGroupIngress": "Ingress", "AWS::EC2::SecurityGroupEgress": "Egress"}
_PEERS = {
    "Ingress": ("SourceSecurityGroupId", "SourceSecurityGroupName", "SourcePrefixListId"),
    "Egress": ("DestinationSecurityGroupId", "DestinationPrefixListId"),
}
_CIDRS = ("CidrIp", "CidrIpv6")
_EVERYWHERE = ("0.0.0.0/0", "::/0")
# Where a VPC has its addresses: RFC 1918, RFC 6598, and any IPv6, which AWS gives out.
_PRIVATE = tuple(
    ipaddress.ip_network(block)
    for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "2000::/3", "fc00::/7")
)
_PROTOCOLS = {"-1": "all", "6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6"}
_WITH_PORTS = ("tcp", "udp")
_ALL_PORTS = (0, 65535)


@dataclass(frozen=True)
class Ports:
    """Ports from first to last; `text` instead, where the template leaves them open."""

    first: int = 0
    last: int = 65535
    text: str | None = None

    def __str__(self) -> str:
        if self.text is not None:
            return self.text
        if (self.first, self.last) == _ALL_PORTS:
            return "all"
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    def covers(self, other: Ports) -> bool:
        """Whether it has all of the other's."""
        if self.text is not None:
            return self == other
        return self.first <= other.first and other.last <= self.last


@dataclass(frozen=True)
class Connection:
    """`client` (a group's logical id, a network, a prefix list) may connect to `server`."""

    client: str
    server: str
    protocol: str  # tcp, udp, icmp, …, all
    ports: Ports

    def covers(self, other: Connection) -> bool:
        """Whether everything that `other` allows, this one does too."""
        return (
            self.protocol in ("all", other.protocol)
            and self.ports.covers(other.ports)
            and (holds(self.client, other.client) or self._is_from_everywhere(other.client))
            and holds(self.server, other.server)
        )

    @property
    def from_any(self) -> tuple[Connection, str]:
        """The same from whatever client, and the client."""
        return replace(self, client=""), self.client

    @property
    def to_any(self) -> tuple[Connection, str]:
        """The same to whatever server, and the server."""
        return replace(self, server=""), self.server

    def _is_from_everywhere(self, client: str) -> bool:
        """A group and a prefix list are somewhere; IPv6 addresses are none of IPv4."""
        return self.client in _EVERYWHERE and block_of(client) is None


@dataclass(frozen=True)
class Rule:
    """One rule of a group, with the place where it is written."""

    direction: str  # Ingress, Egress
    group: str
    peer: str
    to_group: bool  # the peer is a group, not a network or a prefix list
    protocol: str
    ports: Ports
    logical_id: str = field(compare=False)
    path: str = field(default="", compare=False)
    is_default: bool = False  # nobody wrote it: AWS adds it

    @property
    def ends(self) -> tuple[str, str]:
        """(client, server)."""
        return (self.peer, self.group) if self.direction == "Ingress" else (self.group, self.peer)


@dataclass(frozen=True)
class ReachabilityChange:
    """A connection that one side has and the other has not.

    `effective` is False where nobody gains or loses it: another one covers it, or one end refuses.
    """

    change: str  # added, removed
    connection: Connection
    effective: bool

    def to_json(self) -> dict[str, Any]:
        """The entry of the review's JSON."""
        return {
            "change": self.change,
            "from": self.connection.client,
            "to": self.connection.server,
            "protocol": self.connection.protocol,
            "ports": str(self.connection.ports),
            "effective": self.effective,
        }


@dataclass(frozen=True)
class Firewall:
    """The rules of one side."""

    resources: Resources
    rules: tuple[Rule, ...]
    untold: frozenset[str] = frozenset()  # groups of whose default egress nothing is told

    @cached_property
    def connections(self) -> dict[Connection, bool]:
        """Every connection that a rule speaks of → whether it can be opened: both ends agree."""
        found: dict[tuple[str, str, str], list[tuple[Ports, bool]]] = {}
        for rule in self.rules:
            if _is_loopback(rule.peer) or (rule.is_default and rule.group in self.untold):
                continue
            found.setdefault((*rule.ends, rule.protocol), []).append((rule.ports, False))
            for protocol, ports in self._agreed(rule):
                found.setdefault((*rule.ends, protocol), []).append((ports, True))
        connections: dict[Connection, bool] = {}
        for key, offered in found.items():
            for agreed in (False, True):
                told = merged(ports for ports, both in offered if both or not agreed)
                connections |= {Connection(*key, ports): agreed for ports in told}
        return connections

    @cached_property
    def open(self) -> tuple[Connection, ...]:
        """The connections that can be opened."""
        return tuple(connection for connection, agreed in self.connections.items() if agreed)

    @cached_property
    def _written(self) -> dict[Connection, dict[Ports, None]]:
        found: dict[Connection, dict[Ports, None]] = {}
        for rule in self.rules:
            found.setdefault(Connection(*rule.ends, rule.protocol, Ports()), {})[rule.ports] = None
        return found

    def writes(self, connection: Connection) -> bool:
        """Whether a rule says just that."""
        return connection.ports in self._written.get(replace(connection, ports=Ports()), ())

    def as_written(self, connection: Connection) -> list[Connection]:
        """By the ports of the rules that make it; itself where the other end has a part in them."""
        rules = self._written.get(replace(connection, ports=Ports()), ())
        parts = _outermost(ports for ports in rules if connection.ports.covers(ports))
        if merged(parts) != [connection.ports]:
            return [connection]
        return [replace(connection, ports=ports) for ports in parts]

    def has(self, connection: Connection) -> bool:
        """Whether a connection that can be opened covers that one."""
        return any(
            other.covers(connection)
            for client in (*wholes(connection.client), *_EVERYWHERE)
            for server in wholes(connection.server)
            for other in self._open_between.get((client, server), ())
        )

    @cached_property
    def _rules_of(self) -> dict[str, list[Rule]]:
        found: dict[str, list[Rule]] = {}
        for rule in self.rules:
            found.setdefault(rule.group, []).append(rule)
        return found

    @cached_property
    def networks(self) -> dict[Connection, frozenset[str]]:
        """All networks that may connect alike, or be connected to, in as few as possible.

        The key is one of these connections with `""` in their place.
        """
        found: dict[Connection, list[str]] = {}
        for connection in self.open:
            for alike, end in connection.from_any, connection.to_any:
                if block_of(end) is not None:
                    found.setdefault(alike, []).append(end)
        return {alike: together(ends) for alike, ends in found.items()}

    @cached_property
    def _open_between(self) -> dict[tuple[str, str], list[Connection]]:
        found: dict[tuple[str, str], list[Connection]] = {}
        wholes_ = (
            replace(alike, client=alike.client or end, server=alike.server or end)
            for alike, ends in self.networks.items()
            for end in ends
        )
        for connection in (*self.open, *wholes_):
            found.setdefault((connection.client, connection.server), []).append(connection)
        return found

    def _agreed(self, rule: Rule) -> Iterator[tuple[str, Ports]]:
        """The part of a rule that the other end allows too."""
        if not _is_group(self.resources, rule.peer):
            yield rule.protocol, rule.ports  # the other end is not in this template
            return
        for other in self._rules_of.get(rule.peer, ()):
            faces = other.direction != rule.direction
            if faces and (other.peer == rule.group or (not other.to_group and _may_hold_groups(other.peer))):
                yield from _common(rule, other)


def firewall(
    resources: Resources, default_egress_of: Iterable[str] | None = None, opened: Iterable[str] = ()
) -> Firewall:
    """Read a side's rules; of the prefix lists in `opened` their entries stand for the list.

    A group without an egress rule in it is given AWS's: everything, everywhere. It always counts for what
    two groups agree on; as a connection of its own it is told of `default_egress_of` (None: of every group).
    """
    defaults = tuple(_default_egress(resources))
    untold = set() if default_egress_of is None else {rule.group for rule in defaults} - {*default_egress_of}
    rules = (each for rule in _rules(resources) for each in _by_entry(resources, rule, {*opened}))
    return Firewall(resources, tuple(rules) + defaults, frozenset(untold))


def compare(before: Resources, after: Resources) -> tuple[ReachabilityChange, ...]:
    """The connections a change adds and removes; what newly faces the internet first."""
    kept, lists = after.keys() & before.keys(), changed_lists(before, after)
    old, new = firewall(before, kept, lists), firewall(after, kept, lists)
    changes = [*_differences("added", old, new), *_differences("removed", new, old)]
    known = {
        change: _known(after if change.change == "added" else before, change.connection) for change in changes
    }
    both = {(change.change, connection) for change, connection in known.items()}
    alike = {connection for _, connection in both if {("added", connection), ("removed", connection)} <= both}
    return tuple(sorted((change for change in changes if known[change] not in alike), key=_order))


def _known(resources: Resources, connection: Connection) -> Connection:
    """A connection with the network of a VPC of the template for `${Vpc.CidrBlock}`."""
    ends = []
    for end in (connection.client, connection.server):
        named = _BLOCK_OF.match(end)
        _, properties = resources.get(named[1] if named else "", ("", {}))
        ends.append(_text(properties.get("CidrBlock", end)))
    return replace(connection, client=ends[0], server=ends[1])


def changed_lists(before: Resources, after: Resources) -> list[str]:
    """Prefix lists of both sides whose entries differ: who uses one reaches, or is reached by, others."""
    return [
        logical_id
        for logical_id, (kind, properties) in after.items()
        if kind == _LIST and logical_id in before and _entries(properties) != _entries(before[logical_id][1])
    ]


def faces_internet(network: str) -> bool:
    """Whether a network is (nearly) the whole internet, however it is written."""
    block = block_of(network)
    return block is not None and block.prefixlen < (8 if block.version == 4 else 4)


def merged(offered: Iterable[Ports]) -> list[Ports]:
    """The same ports in as few ranges as possible: overlapping and adjacent ones become one."""
    ranges: list[Ports] = []
    texts: dict[Ports, None] = {}
    for ports in sorted(offered, key=lambda ports: ports.first):
        if ports.text is not None:
            texts[ports] = None
        elif ranges and ports.first <= ranges[-1].last + 1:
            ranges[-1] = Ports(ranges[-1].first, max(ranges[-1].last, ports.last))
        else:
            ranges.append(ports)
    return ranges if any(str(ports) == "all" for ports in ranges) else ranges + list(texts)


def _outermost(ranges: Iterable[Ports]) -> list[Ports]:
    """Those that no other one covers."""
    found: list[Ports] = []
    last = -1
    for ports in sorted(ranges, key=lambda ports: (ports.first, -ports.last, ports.text or "")):
        if ports.last > last or (ports.text is not None and Ports() not in found):
            found.append(ports)
            last = last if ports.text is not None else ports.last
    return found


# ── Differences ──


def _differences(change: str, without: Firewall, having: Firewall) -> Iterator[ReachabilityChange]:
    for connection, agreed in having.connections.items():
        had = without.connections.get(connection)
        if any(
            without.networks.get(alike) == having.networks.get(alike)
            for alike, end in (connection.from_any, connection.to_any)
            if block_of(end) is not None and alike in having.networks
        ):
            continue  # the same addresses, in other networks
        if had is None or (agreed and not had):
            for told in having.as_written(connection):
                known = agreed and any(map(without.has, (told, _known(having.resources, told))))
                if not (without.writes(told) and (known or not agreed)):
                    yield ReachabilityChange(change, told, agreed and not known)


def _order(change: ReachabilityChange) -> tuple[Any, ...]:
    connection = change.connection
    return (
        change.change != "added" or not faces_internet(connection.client),
        not change.effective,
        change.change,
        connection.server,
        connection.client,
        connection.protocol,
        connection.ports.first,
        str(connection.ports),
    )


# ── Networks ──


def _is_loopback(text: str) -> bool:
    block = block_of(text)
    return block is not None and block.is_loopback


def _may_hold_groups(peer: str) -> bool:
    """Whether a network may hold addresses of a VPC: one that is not known may, a public one does not."""
    block = block_of(peer)
    return block is None or any(block.overlaps(own) for own in _PRIVATE)


# ── Rules ──


def _rules(resources: Resources) -> Iterator[Rule]:
    for logical_id, (kind, properties) in resources.items():
        if kind == GROUP:
            for direction in _PEERS:
                key = f"SecurityGroup{direction}"
                for number, item in enumerate(_list(properties.get(key))):
                    yield from _read(
                        resources, direction, logical_id, item, logical_id, f"Properties.{key}[{number}]"
                    )
        elif kind in _STAND_ALONE:
            group = _group(resources, properties.get("GroupId", properties.get("GroupName")))
            yield from _read(resources, _STAND_ALONE[kind], group, properties, logical_id, "Properties")


def _read(
    resources: Resources, direction: str, group: str, item: Any, logical_id: str, path: str
) -> Iterator[Rule]:
    if not isinstance(item, Mapping):
        return
    protocol = _text(item.get("IpProtocol", "-1")).lower()
    protocol = _PROTOCOLS.get(protocol, protocol)
    ports = _ports(protocol, item.get("FromPort"), item.get("ToPort"))
    for key in (*_CIDRS, *_PEERS[direction]):
        if item.get(key) not in (None, ""):
            peer = _text(item[key])
            to_group = "SecurityGroup" in key
            if to_group:
                peer = _group(resources, peer)
            elif (block := block_of(peer)) is not None:
                peer = str(block)
            yield Rule(direction, group, peer, to_group, protocol, ports, logical_id, f"{path}.{key}")


def _by_entry(resources: Resources, rule: Rule, opened: set[str]) -> Iterator[Rule]:
    """A rule for each entry of its prefix list, where the list is opened; else the rule."""
    reference = _LIST_REFERENCE.match(rule.peer)
    if not reference or reference[1] not in opened:
        yield rule
        return
    for entry in sorted(_entries(resources[reference[1]][1])):
        yield replace(rule, peer=entry)


def _entries(properties: Properties) -> set[str]:
    """The networks of a prefix list."""
    entries = [entry for entry in _list(properties.get("Entries")) if isinstance(entry, Mapping)]
    found = [_text(entry.get("Cidr")) for entry in entries]
    return {str(block_of(text) or text) for text in found}


def _default_egress(resources: Resources) -> Iterator[Rule]:
    """What AWS adds to a group without an egress rule in it; a stand-alone rule does not take it away."""
    for logical_id, (kind, properties) in resources.items():
        if kind == GROUP and not properties.get("SecurityGroupEgress"):
            everything = ("Egress", logical_id, _EVERYWHERE[0], False, "all", Ports())
            yield Rule(*everything, logical_id, is_default=True)


def _ports(protocol: str, first: Any, last: Any) -> Ports:
    if protocol not in _WITH_PORTS:  # a message type and code, where there are any
        kind = "-1" if protocol == "all" or first is None else _text(first)
        return Ports() if kind == "-1" else Ports(text=kind)
    lowest, highest = _text(_given(first, last, 0)), _text(_given(last, first, _ALL_PORTS[1]))
    if lowest == "-1":
        return Ports()
    if lowest.isdecimal() and highest.isdecimal():
        return Ports(int(lowest), int(highest))
    return Ports(text=lowest if lowest == highest else f"{lowest}-{highest}")


def _given(value: Any, other: Any, default: int) -> Any:
    """A port that is left out is the other's; both left out: all."""
    return value if value is not None else other if other is not None else default


def _common(rule: Rule, other: Rule) -> Iterator[tuple[str, Ports]]:
    """What both rules allow."""
    if "all" in (rule.protocol, other.protocol):
        narrower = other if rule.protocol == "all" else rule
        yield narrower.protocol, narrower.ports
    elif rule.protocol == other.protocol:
        for one, another in ((rule, other), (other, rule)):
            if one.ports.covers(another.ports):
                yield rule.protocol, another.ports
                return
        first, last = max(rule.ports.first, other.ports.first), min(rule.ports.last, other.ports.last)
        if first <= last and rule.ports.text is None and other.ports.text is None:
            yield rule.protocol, Ports(first, last)


_LIST_REFERENCE = re.compile(r"^\$\{([A-Za-z0-9]+)(\.PrefixListId)?\}$")
_BLOCK_OF = re.compile(r"^\$\{([A-Za-z0-9]+)\.CidrBlock\}$")
_REFERENCE = re.compile(r"^\$\{([A-Za-z0-9]+)(\.GroupId|\.Id)?\}$")


def _group(resources: Resources, value: Any) -> str:
    """The logical id of a group of this template; else the text as it stands."""
    text = _text(value)
    reference = _REFERENCE.match(text)
    if reference and _is_group(resources, reference[1]):
        return reference[1]
    for logical_id, (_, properties) in resources.items():
        if _is_group(resources, logical_id) and _text(properties.get("GroupName", logical_id)) == text:
            return logical_id
    return text


def _is_group(resources: Resources, name: str) -> bool:
    return name in resources and resources[name][0] == GROUP


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else json.dumps(value)
