"""Who may do what, before and after a change, by meaning and not by text.

Statements of one role count together, wherever they stand: in it, in a policy attached to it, moved,
split or reordered. Resources come resolved: plain data, no `Fn::If`, open values as `${Queue.Arn}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from typing import Any

from fraud_cfn.review.actions import expand
from fraud_cfn.review.facts import ARNS, name_property
from fraud_cfn.review.grants import Actions, Grant, Granted, Json, documents, grants
from fraud_cfn.review.schemas import is_ref

Properties = Mapping[str, Any]
Resources = Mapping[str, tuple[str, Properties]]  # logical id → (type, resolved properties)
Declared = Callable[[str], tuple[str, Properties]]

ROLE, USER, GROUP = "AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"
_NAMED_BY = {ROLE: "RoleName", USER: "UserName", GROUP: "GroupName"}
_MANAGED = "AWS::IAM::ManagedPolicy"
# Types whose policies belong to the identities they name, with the properties that name them.
_ATTACHED = {
    "AWS::IAM::Policy": ("Roles", "Users", "Groups"),
    _MANAGED: ("Roles", "Users", "Groups"),
    "AWS::IAM::RolePolicy": ("RoleName",),
    "AWS::IAM::UserPolicy": ("UserName",),
    "AWS::IAM::GroupPolicy": ("GroupName",),
}
_ENDPOINT = "AWS::EC2::VPCEndpoint"
_MEMBERSHIP = "AWS::IAM::UserToGroupAddition"
# Types that are a statement themselves → what their resource is called, where it is not said, and what their
# properties test beside `Condition`.
_PERMISSIONS: dict[str, tuple[str, str | None, dict[str, str]]] = {
    "AWS::Lambda::Permission": (
        "FunctionName",
        None,
        {
            "PrincipalOrgID": "aws:PrincipalOrgID",
            "SourceAccount": "aws:SourceAccount",
            "SourceArn": "aws:SourceArn",
            "FunctionUrlAuthType": "lambda:FunctionUrlAuthType",
        },
    ),
    "AWS::Lambda::LayerVersionPermission": (
        "LayerVersionArn",
        None,
        {"OrganizationId": "aws:PrincipalOrgID"},
    ),
    "AWS::Events::EventBusPolicy": ("EventBusName", "default", {}),
}


@dataclass(frozen=True)
class Holder:
    """Whose grants they are: an identity (`role`), or a policy on a resource (`logical_id` alone)."""

    role: str | None
    logical_id: str


@dataclass(frozen=True)
class PermissionChange:
    """A grant that one side has and the other has not.

    `effective` is False where the other side has a wider one that covers it, or its own side denies it:
    nobody gained or lost by it.
    """

    change: str  # added, removed
    role: str | None
    grant: Grant
    effective: bool

    def to_json(self) -> dict[str, Json]:
        """The entry of the review's JSON."""
        written = self.grant.written or self.grant
        return {
            "change": self.change,
            "role": self.role,
            "logical_id": self.grant.logical_id,
            "effect": self.grant.effect,
            "action": self.grant.action,
            "resource": written.resource,
            "principal": written.principal,
            "condition": written.condition,
            "effective": self.effective,
        }


@dataclass(frozen=True)
class Comparison:
    """What a change does to permissions; verdicts are `wider`, `narrower`, `same` or `incomparable`."""

    changes: tuple[PermissionChange, ...]
    roles: dict[str, str]  # of every identity whose policies read differently
    policies: dict[str, str]  # of every policy on a resource, by its logical id


@dataclass
class _Held:
    """One side's grants of each holder, with what they were read from."""

    grants: dict[Holder, list[Grant]] = field(default_factory=dict)
    sources: dict[Holder, list[Json]] = field(default_factory=dict)

    def add(self, holder: Holder, source: Json, found: Iterable[Grant]) -> None:
        self.grants.setdefault(holder, []).extend(found)
        self.sources.setdefault(holder, []).append(source)


def concerns(kind: str, declared: Json) -> bool:
    """Whether a resource, of that type and so declared, has a part in who may do what."""
    return kind.startswith("AWS::IAM::") or kind in _PERMISSIONS or "Statement" in json.dumps(declared)


def held(resources: Resources) -> dict[Holder, tuple[Grant, ...]]:
    """The grants of every identity and of every policy on a resource, each once."""
    return {holder: _distinct(found) for holder, found in _collect(resources).grants.items()}


def compare(before: Resources, after: Resources, *, declared: Declared = lambda _: ("", {})) -> Comparison:
    """What the change adds and removes, and for each holder which way it goes.

    `declared`: type and properties of whatever else the policies refer to.
    """
    old, new = _collect(before), _collect(after)
    reworded = cache(partial(_in_one_form, declared))
    attached = {
        grant.logical_id
        for side in (old, new)
        for holder, found in side.grants.items()
        if holder.role is not None
        for grant in found
    }
    for logical_id in _open_endpoints(before, after):
        holder = Holder(None, logical_id)
        for side in (old, new):
            if holder not in side.grants:
                side.add(holder, None, [Grant(logical_id, "Allow", "*", "*", "*")])
    changes: list[PermissionChange] = []
    roles: dict[str, str] = {}
    policies: dict[str, str] = {}
    for holder in {**new.grants, **old.grants}:
        if holder.role is None and holder.logical_id in attached:
            continue  # what nobody has on one side, and somebody on the other
        held = [
            _distinct(grant.reworded(reworded) for grant in side.grants.get(holder, ()))
            for side in (old, new)
        ]
        if not any(held) or _same_text(old.sources.get(holder), new.sources.get(holder)):
            continue
        was, now = map(_Side, held)
        for change, without, having in (("added", was, now), ("removed", now, was)):
            changes += [
                # What the other side's grants cover is no more than what that side gives.
                PermissionChange(
                    change, holder.role, grant, not (without.known.cover(grant) or having.denies(grant))
                )
                for grant in _gained(without.grants, having.grants)
            ]
        verdict = direction(was, now)
        if holder.role is None:
            policies[holder.logical_id] = verdict
        else:
            roles[holder.role] = verdict
    return Comparison(tuple(sorted(changes, key=_order)), roles, policies)


def direction(before: _Side, after: _Side) -> str:
    """Whether more is possible after, less, the same, or neither can be said."""
    wider = _all_within(before.allowed, after.allowed) and all(map(before.known.cover, after.denied))
    narrower = _all_within(after.allowed, before.allowed) and all(map(after.known.cover, before.denied))
    if wider and narrower:
        return "same"
    return "wider" if wider else "narrower" if narrower else "incomparable"


# ── Differences ──

_ALIKE = (("${AWS::Partition}", "aws"), ("${AWS::URLSuffix}", "amazonaws.com"))
_PART = re.compile(r"\$\{([A-Za-z0-9]+)(?:\.([A-Za-z0-9.]+))?\}")


def _in_one_form(declared: Declared, text: str) -> str:
    """The same for texts that say the same: by `Ref`, an attribute or a name, as an ARN or by its parts."""
    for pseudo, value in _ALIKE:
        text = text.replace(pseudo, value)
    return _PART.sub(partial(_part, declared), text)


def _part(declared: Declared, found: re.Match[str]) -> str:
    logical_id, attribute = found[1], found[2] or ""
    kind, properties = declared(logical_id)
    if is_ref(kind, attribute):
        attribute = ""
    with_arn, arn = ARNS.get(kind, (None, ""))
    text = f"arn:aws:{arn}" if attribute == with_arn else f"${{X.{attribute}}}" if attribute else "${X}"
    if isinstance(path := properties.get("Path", "/"), str):
        text = text.replace("${X.Path}", path)
    named_by = name_property(kind)
    if with_arn is not None and isinstance(name := properties.get(named_by or ""), str):
        text = text.replace("${X}", name).replace(f"${{X.{named_by}}}", name)
    return text.replace("${X", f"${{{logical_id}")


class _Side:
    """The grants of one holder on one side; an explicit `Deny` goes before any `Allow`."""

    def __init__(self, found: tuple[Grant, ...]) -> None:
        self.grants = found
        self.known = Granted(self.grants)
        self.denied = [grant for grant in self.grants if grant.effect == "Deny"]
        self._taken = Granted(replace(grant, effect="Allow") for grant in self.denied)

    def denies(self, grant: Grant) -> bool:
        """Whether a denial covers all that it allows."""
        return grant.effect == "Allow" and self._taken.cover(grant)

    @cached_property
    def allowed(self) -> list[Grant]:
        """What is allowed and not denied as a whole."""
        return [grant for grant in self.grants if grant.effect == "Allow" and not self.denies(grant)]


def _all_within(parts: list[Grant], wholes: list[Grant]) -> bool:
    known = Granted(wholes)
    return all(known.cover(part) for part in parts)


def _gained(was: tuple[Grant, ...], now: tuple[Grant, ...]) -> list[Grant]:
    """The grants of `now` that `was` has not: of a wildcard that it has in part, the actions it lacks."""
    beside: dict[Json, list[str | None]] = {}
    for grant in was:
        beside.setdefault(_besides_action(grant), []).append(grant.action)
    known = {key: Actions(names) for key, names in beside.items()}
    gained = []
    for grant in now:
        others = known.get(_besides_action(grant))
        gained += [grant] if others is None else _more(grant, others)
    return list({grant.key: grant for grant in gained}.values())


def _more(grant: Grant, others: Actions) -> list[Grant]:
    """What its action stands for beyond those of others, which differ in nothing else."""
    if others.include(grant.action):
        return []
    listed = [] if grant.action is None else expand(grant.action)
    left = [name for name in listed if not others.include(name)]
    # Untouched by the other side, or all listed there while AWS adds actions: the wildcard itself.
    return [grant] if not left or len(left) == len(listed) else [grant.with_action(name) for name in left]


def _besides_action(grant: Grant) -> Json:
    effect, _, *rest = grant.key
    return (effect, *rest)


def _distinct(found: Iterable[Grant]) -> tuple[Grant, ...]:
    return tuple({grant.key: grant for grant in found}.values())


def _same_text(one: list[Json] | None, another: list[Json] | None) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(another, sort_keys=True)


def _order(change: PermissionChange) -> tuple[str, ...]:
    grant = change.grant
    return (
        change.role or grant.logical_id,
        grant.effect,
        grant.principal or "",
        grant.resource or "",
        grant.action or "",
        change.change,
    )


# ── Who holds what ──


def _collect(resources: Resources) -> _Held:
    side = _Held()
    identities = _Identities(resources)
    for logical_id, (kind, properties) in resources.items():
        if kind in _NAMED_BY:
            own = Holder(logical_id, logical_id)
            side.add(own, _own_source(properties), _of_identity(logical_id, properties, resources))
        elif kind == _MEMBERSHIP:
            _add_members(side, identities, logical_id, properties)
        elif kind in _PERMISSIONS and "Action" in properties:
            side.add(Holder(None, logical_id), dict(properties), [_permission(logical_id, kind, properties)])
        else:
            holders = identities.attached(logical_id, kind, properties) or [Holder(None, logical_id)]
            for document in documents(dict(properties)):
                for holder in holders:
                    side.add(holder, document, grants(document, logical_id))
    return side


def _add_members(side: _Held, identities: _Identities, logical_id: str, properties: Properties) -> None:
    group = identities.named(_text(properties.get("GroupName")))
    for user in _list(properties.get("Users")):
        name = identities.named(_text(user))
        side.add(Holder(name, name), group, [Grant(logical_id, "Allow", None, group)])


class _Identities:
    """The roles, users and groups of a template, by whatever name they are called."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self.logical_ids: dict[str, str] = {}
        self.holding: dict[str, list[Holder]] = {}  # managed policy of the template → who names it
        for logical_id, (kind, properties) in resources.items():
            if kind in _NAMED_BY:
                self.logical_ids[_text(properties.get(_NAMED_BY[kind], ""))] = logical_id
                for arn in _list(properties.get("ManagedPolicyArns")):
                    if policy := _policy(_text(arn), resources):
                        self.holding.setdefault(policy, []).append(Holder(logical_id, logical_id))

    def named(self, text: str) -> str:
        """The logical id behind `${Role}`, its name, or the text itself for one that stands elsewhere."""
        referred = _referred(text)
        return referred if referred in self.resources else self.logical_ids.get(text, text)

    def attached(self, logical_id: str, kind: str, properties: Properties) -> list[Holder]:
        """Whose the policy is; nobody's where it is on a resource, or attached elsewhere."""
        naming = _ATTACHED.get(kind, ())
        names = [self.named(_text(item)) for key in naming for item in _list(properties.get(key))]
        holders = [Holder(name, name) for name in names] + self.holding.get(logical_id, [])
        return list(dict.fromkeys(holders))


def _of_identity(logical_id: str, properties: Properties, resources: Resources) -> Iterator[Grant]:
    yield from grants(properties.get("AssumeRolePolicyDocument"), logical_id)
    for policy in _list(properties.get("Policies")):
        if isinstance(policy, Mapping):
            yield from grants(policy.get("PolicyDocument"), logical_id)
    for arn in _list(properties.get("ManagedPolicyArns")):
        if not _policy(_text(arn), resources):
            yield Grant(logical_id, "Allow", None, _text(arn))
    for group in _list(properties.get("Groups")):
        yield Grant(logical_id, "Allow", None, _text(group))
    if boundary := properties.get("PermissionsBoundary"):
        # It takes away: no boundary is wider than any.
        yield Grant(logical_id, "Deny", None, _text(boundary))


def _own_source(properties: Properties) -> Json:
    keys = ("AssumeRolePolicyDocument", "Policies", "ManagedPolicyArns", "Groups", "PermissionsBoundary")
    return {key: properties[key] for key in keys if key in properties}


def _permission(logical_id: str, kind: str, properties: Properties) -> Grant:
    named, default, tested = _PERMISSIONS[kind]
    tests: list[tuple[Json, Json, Json]] = [
        ("ArnLike" if key.endswith("Arn") else "StringEquals", key, properties.get(name))
        for name, key in tested.items()
    ]
    if isinstance(condition := properties.get("Condition"), Mapping):
        tests.append((condition.get("Type"), condition.get("Key"), condition.get("Value")))
    return Grant(
        logical_id,
        "Allow",
        _text(properties["Action"]),
        _text(properties.get(named, default)),
        _text(properties.get("Principal")),
        tuple(
            (_text(operator), _text(key), (_text(value),))
            for operator, key, value in tests
            if value is not None
        ),
    )


def _open_endpoints(before: Resources, after: Resources) -> list[str]:
    """Endpoints of both sides: one without a policy lets everything through."""
    return [
        logical_id for logical_id, (kind, _) in after.items() if kind == _ENDPOINT and logical_id in before
    ]


_POLICY_ARN = re.compile(r"^arn:.*:iam::(?!aws:).*:policy/(?:.*/)?([^/]+)$")


def _policy(arn: str, resources: Resources) -> str:
    """The logical id of a managed policy of the template, by reference or by name; else `""`."""
    if (referred := _referred(arn)) in resources:
        return referred
    if named := _POLICY_ARN.match(arn):
        for logical_id, (kind, properties) in resources.items():
            if kind == _MANAGED and properties.get("ManagedPolicyName") == named[1]:
                return logical_id
    return ""


_REFERENCE = re.compile(r"^\$\{([A-Za-z0-9]+)(\.[A-Za-z0-9.]+)?\}$")


def _referred(text: str) -> str:
    """The logical id in `${Role}` or `${Policy.PolicyArn}`; `""` in any other text."""
    reference = _REFERENCE.match(text)
    return reference[1] if reference else ""


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)
