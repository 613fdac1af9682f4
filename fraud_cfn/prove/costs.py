"""What the platform costs while nobody uses it, and what each choice adds to the template: docs/costs.md."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fraud_cfn import names
from fraud_cfn.prove.resolved import resolved
from fraud_cfn.review.mentions import mentioned
from fraud_cfn.review.model import Template
from fraud_cfn.review.resolve import Side, scalar
from fraud_cfn.template.document import minify
from fraud_cfn.template.scenarios import BASE

KNOWN_ON = "2026-11-25"
HOURS = 730  # a month, as AWS reckons


@dataclass(frozen=True)
class Price:
    """What one of it costs an hour in eu-central-1, in USD without tax, and the page that says so."""

    item: str
    usd: float
    source: str


NAT = Price("NAT gateway", 0.052, "https://aws.amazon.com/vpc/pricing/")
BALANCER = Price("load balancer", 0.027, "https://aws.amazon.com/elasticloadbalancing/pricing/")
ADDRESS = Price("public IPv4 address", 0.005, "https://aws.amazon.com/vpc/pricing/")
CAPACITY = Price("Aurora capacity unit", 0.14, "https://aws.amazon.com/rds/aurora/pricing/")
VCPU = Price("Fargate vCPU (x86)", 0.04656, "https://aws.amazon.com/fargate/pricing/")
MEMORY = Price("Fargate GB of memory", 0.00511, "https://aws.amazon.com/fargate/pricing/")

_ABOUT = f"""\
<!-- Generated from templates/fraud-platform.yaml: run 'make docs' after a change of it. -->
# What it costs, and what each choice adds

**An estimate**, for parameters at their defaults and no use at all, over {HOURS} hours: prices of
eu-central-1 in USD, without tax, as this project's authors knew them on {KNOWN_ON}; AWS's pages, named in
the last column, could not be read from where they worked, and decide."""

_BY_USE = """\
Paid by use, and so not in these figures: what passes the NAT gateway (0.052 a GB) and the load balancer (its
capacity units), Aurora's storage, requests and backups, enhanced Container Insights (by metric), logs, the
images in ECR, queues, KMS, traces, the runs of the job, and the account's fourth dashboard.

`DatabaseReader=false` halves Aurora; with `DatabaseMinCapacity=0` it pauses when nobody is connected, and
takes some 15 seconds to come back. Performance Insights is meant for a `DatabaseMaxCapacity` of 2 or more.
Tasks of the worker beyond the first run on Fargate Spot, for less."""

_ADDS = """\
## What each choice adds to the template

Bytes of the minified template that are there for that parameter alone: its declaration, its conditions, what
stands under them. The whole is to stay below 90,000; CloudFormation takes 1,000,000 from a bucket."""


def rendered(template: Template) -> str:
    """The page."""
    before = list(_before_start(template))
    tasks = list(_of_tasks(template))
    lines = [
        _ABOUT,
        "",
        "| From `make deploy` on | how many | an hour each | a month | source |",
        "|---|---|---|---|---|",
        *map(_row, before),
        f"| **idle, before `make start`** | | | **{_sum(before):.0f}** | |",
        "",
        "| From `make start` on, besides | how many | an hour each | a month | source |",
        "|---|---|---|---|---|",
        *map(_row, tasks),
        f"| **live and idle** | | | **{_sum([*before, *tasks]):.0f}** | |",
        "",
        _BY_USE,
        "",
        _ADDS,
        "",
        "| Parameter | bytes |",
        "|---|---|",
        *(f"| `{name}` | {size:,} |" for name, size in sorted(added(template).items(), key=_largest_first)),
    ]
    return "\n".join(lines) + "\n"


Counted = tuple[Price, float]


def _row(counted: Counted) -> str:
    price, number = counted
    return f"| {price.item} | {number:g} | {price.usd:g} | {_month(counted):.0f} | <{price.source}> |"


def _month(counted: Counted) -> float:
    price, number = counted
    return price.usd * number * HOURS


def _sum(counted: list[Counted]) -> float:
    return sum(map(_month, counted))


def _largest_first(sized: tuple[str, int]) -> tuple[int, str]:
    return -sized[1], sized[0]


# ── What runs by the hour ──────────────────────────────────────────────────────────────────────────


def _of(body: Mapping[str, Any], type_name: str) -> list[dict[str, Any]]:
    return [
        resource.get("Properties") or {}
        for resource in body["Resources"].values()
        if resource["Type"] == type_name
    ]


def _before_start(template: Template) -> Iterator[Counted]:
    body = resolved(template, BASE)
    balancers = _of(body, "AWS::ElasticLoadBalancingV2::LoadBalancer")
    yield NAT, len(_of(body, "AWS::EC2::NatGateway"))
    yield BALANCER, len(balancers)
    yield ADDRESS, len(_of(body, "AWS::EC2::EIP")) + sum(len(balancer["Subnets"]) for balancer in balancers)
    instances = len(_of(body, "AWS::RDS::DBInstance"))
    for cluster in _of(body, "AWS::RDS::DBCluster"):
        yield CAPACITY, instances * float(cluster["ServerlessV2ScalingConfiguration"]["MinCapacity"])


def _of_tasks(template: Template) -> Iterator[Counted]:
    body = resolved(template, {**BASE, names.SERVICES_ENABLED: "starting"})
    tasks = {
        logical_id: resource["Properties"]
        for logical_id, resource in body["Resources"].items()
        if resource["Type"] == "AWS::ECS::TaskDefinition"
    }
    running = [
        (tasks[service["TaskDefinition"]["Ref"]], int(service["DesiredCount"]))
        for service in _of(body, "AWS::ECS::Service")
    ]
    yield VCPU, sum(number * int(task["Cpu"]) / 1024 for task, number in running)
    yield MEMORY, sum(number * int(task["Memory"]) / 1024 for task, number in running)


# ── What a choice adds ─────────────────────────────────────────────────────────────────────────────


def added(template: Template) -> dict[str, int]:
    """Optional parameter → bytes that the minified template has because of it."""
    whole = len(minify(template.body).encode())
    found = {}
    for name, declaration in template.parameters.items():
        if "Default" not in declaration or name == names.SERVICES_ENABLED:
            continue
        side = Side(template, {name: scalar(declaration["Default"])})
        decided = {
            condition: side.holds(condition, {})
            for condition, expression in template.conditions.items()
            if {reference.name for reference in mentioned(expression)} == {name}
        }
        if not all(decided.values()):
            found[name] = whole - len(minify(_without(template.body, decided)).encode())
    return found


def _without(body: Mapping[str, Any], decided: Mapping[str, bool]) -> dict[str, Any]:
    """The template as if those conditions could not be otherwise, and without what only they need."""
    made = _decided({key: part for key, part in body.items() if key != "Metadata"}, decided)
    made["Conditions"] = {key: part for key, part in made["Conditions"].items() if key not in decided}
    for section in ("Resources", "Outputs"):
        made[section] = {
            key: {name: part for name, part in entry.items() if name != "Condition" or part not in decided}
            for key, entry in made[section].items()
            if decided.get(entry.get("Condition"), True)
        }
    used = {
        reference.name for key, part in made.items() if key != "Parameters" for reference in mentioned(part)
    }
    made["Parameters"] = {key: part for key, part in made["Parameters"].items() if key in used}
    groups = json.loads(json.dumps(body["Metadata"]))
    for group in groups["AWS::CloudFormation::Interface"]["ParameterGroups"]:
        group["Parameters"] = [name for name in group["Parameters"] if name in used]
    return {**made, "Metadata": groups}


_ABSENT = {"Ref": "AWS::NoValue"}


def _decided(node: Any, decided: Mapping[str, bool]) -> Any:
    if isinstance(node, dict):
        choice = node.get("Fn::If")
        if choice is not None and choice[0] in decided:
            return _decided(choice[1] if decided[choice[0]] else choice[2], decided)
        parts = {key: _decided(part, decided) for key, part in node.items()}
        return {key: part for key, part in parts.items() if part != _ABSENT or node[key] == _ABSENT}
    if isinstance(node, list):
        parts = [_decided(part, decided) for part in node]
        return [part for part, old in zip(parts, node, strict=True) if part != _ABSENT or old == _ABSENT]
    return node
