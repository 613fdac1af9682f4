"""The page of costs counts what the template has, and what a choice adds is gone without it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from fraud_cfn.config import COMMITTED
from fraud_cfn.prove import costs
from fraud_cfn.review.model import Template, parse, read
from fraud_cfn.template.document import minify
from tests.lens import FURTHER
from tests.required import BOUNDS, SIZES

TEMPLATE = read(COMMITTED)


def edited(old: str, new: str) -> Template:
    assert old in TEMPLATE.text, old
    return parse(TEMPLATE.text.replace(old, new, 1))


def counted(page: str) -> Iterator[tuple[str, float]]:
    for line in page.splitlines():
        if found := re.match(r"\| ([^|*`]+) \| ([\d.]+) \| [\d.]+ \| \d+ \| <", line):
            yield found[1], float(found[2])


def totals(page: str) -> list[int]:
    return [int(found) for found in re.findall(r"\| \*\*(\d+)\*\* \|", page)]


def test_what_runs_by_the_hour_is_counted() -> None:
    found = dict(counted(costs.rendered(TEMPLATE)))
    tasks = {item: found.pop(item) for item in ("Fargate vCPU (x86)", "Fargate GB of memory")}
    assert found == {
        "NAT gateway": 1,
        "load balancer": 1,
        "public IPv4 address": 4,  # the load balancer's three, the NAT gateway's
        "Aurora capacity unit": 1,  # a writer and a reader of 0.5
    }
    live = {service: (BOUNDS[service][0], *map(int, SIZES[service])) for service in BOUNDS}
    least = tuple(sum(row[0] * row[part] for row in live.values()) / 1024 for part in (1, 2))
    assert tuple(tasks.values()) >= least if FURTHER else tuple(tasks.values()) == least


def test_the_totals_are_about_what_was_reckoned_by_hand() -> None:
    page = costs.rendered(TEMPLATE)
    idle, live = totals(page)
    assert 160 <= idle <= 175
    cpu, memory = (dict(counted(page))[item] for item in ("Fargate vCPU (x86)", "Fargate GB of memory"))
    assert live - idle == pytest.approx(34 * cpu + 3.7 * memory, rel=0.05)


@pytest.mark.parametrize(
    ("old", "new", "item", "more"),
    [
        ("Cpu: '1024'", "Cpu: '2048'", "Fargate vCPU (x86)", 1),
        ("Memory: '2048'", "Memory: '4096'", "Fargate GB of memory", 2),
        ("    Default: 0.5\n", "    Default: 2\n", "Aurora capacity unit", 3),
        ("    Default: 'true'\n", "    Default: 'false'\n", "Aurora capacity unit", -0.5),
    ],
)
def test_a_changed_size_is_another_bill(old: str, new: str, item: str, more: float) -> None:
    before, after = costs.rendered(TEMPLATE), costs.rendered(edited(old, new))
    assert dict(counted(after))[item] - dict(counted(before))[item] == more
    assert totals(after) != totals(before)


def test_each_optional_parameter_is_listed_and_none_that_is_needed() -> None:
    added = costs.added(TEMPLATE)
    optional = {
        name
        for name, declaration in TEMPLATE.parameters.items()
        if declaration.get("Default") == "" and name != "DatabaseCredentialsVersion"  # stands in a text
    }
    assert set(added) == optional | {"EnableDeploymentAlarms", "ApiDeploymentStrategy"}
    assert all(100 < size < 5_000 for size in added.values())


@pytest.mark.parametrize("name", sorted(costs.added(TEMPLATE)))
def test_without_a_choice_nothing_of_it_is_left(name: str) -> None:
    conditions = {
        title: False for title, node in TEMPLATE.conditions.items() if f"'Ref': '{name}'" in str(node)
    }
    decided = {title: title.endswith("HttpOnly") for title in conditions}
    text = minify(costs._without(TEMPLATE.body, decided))
    # The strategy itself is always said; what it takes to have more than one is gone.
    gone = ["ApiCanaryPercent", "ApiStepMinutes"] if name == "ApiDeploymentStrategy" else [name]
    assert not [parameter for parameter in gone if f'"{parameter}"' in text]
    assert not [title for title in conditions if f'"{title}"' in text]
