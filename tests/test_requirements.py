"""Keeps docs/requirements.md true."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest

from fraud_cfn.config import ROOT
from fraud_cfn.template.document import Document
from tests.lens import FURTHER, WORKLOADS, Lens
from tests.required import WORDS

_ROW = re.compile(r"^\| (?P<requirement>[^|]+) \| (?P<yaml>[^|]+) \| `(?P<test>[^|`]+)` \|$", re.MULTILINE)
ROWS = [match.groupdict() for match in _ROW.finditer((ROOT / "docs" / "requirements.md").read_text("utf-8"))]


def named(row: dict[str, str]) -> list[str]:
    """Logical ids, and types (`AWS::ECS::Service`), which stand for all their resources."""
    return re.findall(r"`([\w:]+)`", row["yaml"])


def test_every_row_of_the_tables_is_read() -> None:
    page = (ROOT / "docs" / "requirements.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ") and "| Test |" not in line]
    assert len(rows) == len(ROWS) > 50


@pytest.mark.parametrize("row", ROWS, ids=[row["test"].split("::")[-1] for row in ROWS])
def test_a_requirement_names_what_exists(document: Document, row: dict[str, str]) -> None:
    sections = ("Parameters", "Rules", "Mappings", "Conditions", "Resources", "Outputs")
    known = {key for section in sections for key in document.template[section]}
    known |= {resource["Type"] for resource in document.template["Resources"].values()}
    assert named(row)
    assert set(named(row)) <= known
    file, test = row["test"].split("::")
    functions = {
        node.name
        for node in ast.parse((ROOT / "tests" / file).read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    assert test in functions


def test_every_resource_meets_a_requirement(document: Document) -> None:
    met = {name for row in ROWS for name in named(row)}
    for logical_id, resource in document.template["Resources"].items():
        kind = resource["Type"]
        assert logical_id in met or kind in met, f"{logical_id} ({kind}): add its row to docs/requirements.md"


# ── Figures ──


def figures(base: Lens) -> set[str]:
    """Every requirement that tells a figure, as the template has it."""
    live = base.under(ServicesEnabled="true")
    sizes = {w: f"{task['Cpu']}/{task['Memory']}" for w, task in _of(live, "TaskDefinition").items()}
    bounds = {w: f"{t['MinCapacity']}–{t['MaxCapacity']}" for w, t in _of(live, "ScalableTarget").items()}
    (cpu,) = _targets(live, "ECSServiceAverageCPUUtilization")
    (memory,) = _targets(live, "ECSServiceAverageMemoryUtilization")
    hours = live["JobSchedule"]["ScheduleExpression"].removeprefix("cron(0 0/").removesuffix(" * * ? *)")
    (days,) = {group["RetentionInDays"] for group in live.of("AWS::Logs::LogGroup").values()}
    zones = {subnet["AvailabilityZone"] for subnet in live.of("AWS::EC2::Subnet").values()}
    repositories = [f"`{r['RepositoryName'].removesuffix('-dev')}`" for r in _of(live, "Repository").values()]
    return {
        f"A VPC over exactly {WORDS[len(zones)]} availability zones",
        f"{WORDS[len(live.of('AWS::EC2::NatGateway'))].capitalize()} NAT gateway",
        f"Subnets never overlap, whatever the /{live['Vpc']['CidrBlock'].split('/')[1]}",
        f"Sizes: API {sizes['Api']}, worker {sizes['Worker']}, job {sizes['Job']}",
        f"API {bounds['Api']} tasks, worker {bounds['Worker']}",
        f"Scaling at CPU {cpu} % and memory {memory} %",
        f"A job every {WORDS[int(hours)]} hours",
        f"Logs kept for {days} days, also those that AWS would make",
        f"ECR repositories {', '.join(repositories)}",
    }


def _of(lens: Lens, kind: str) -> dict[str, dict[str, Any]]:
    """Workload → its resource of that kind, of those that the page names."""
    return {
        workload: lens[workload + kind]
        for workload in WORKLOADS
        if workload + kind in lens.resources and workload not in FURTHER
    }


def _targets(lens: Lens, metric: str) -> set[int]:
    """At which values services scale on that metric."""
    policies = lens.of("AWS::ApplicationAutoScaling::ScalingPolicy").values()
    tracked = [policy["TargetTrackingScalingPolicyConfiguration"] for policy in policies]
    return {
        each["TargetValue"]
        for each in tracked
        if each.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType") == metric
    }


def test_every_figure_is_the_templates(base: Lens) -> None:
    said = {row["requirement"] for row in ROWS}
    missing = figures(base) - said
    assert not missing, f"the template has another figure than docs/requirements.md; write there: {missing}"


# "One NAT gateway" counts; "a bucket where the company has one" does not.
_FIGURE = re.compile(rf"(?<![A-Za-z\d])\d+|`fraud-|^One\b|\b({'|'.join(WORDS[3:])})\b")


def test_no_figure_stands_on_the_page_that_is_not_looked_up_in_the_template(base: Lens) -> None:
    told = {_FIGURE.sub("…", row["requirement"]) for row in ROWS if _FIGURE.search(row["requirement"])}
    assert told <= {_FIGURE.sub("…", text) for text in figures(base)}, "give it a line in `figures`"


def test_the_picture_of_the_architecture_tells_the_templates_figures(base: Lens) -> None:
    drawn = (ROOT / "docs" / "pictures" / "architecture.svg").read_text("utf-8")
    live = base.under(ServicesEnabled="true")
    bounds = {
        (target["MinCapacity"], target["MaxCapacity"]) for target in _of(live, "ScalableTarget").values()
    }
    assert set(re.findall(r"(\d+)–(\d+) tasks", drawn)) == {
        (str(least), str(most)) for least, most in bounds
    }, "docs/pictures/architecture.svg"
    (hours,) = re.findall(r"every (\d+) hours", drawn)
    assert live["JobSchedule"]["ScheduleExpression"] == f"cron(0 0/{hours} * * ? *)", (
        "docs/pictures/architecture.svg"
    )
    zones = {subnet["AvailabilityZone"] for subnet in live.of("AWS::EC2::Subnet").values()}
    assert set(re.findall(r">(eu-central-1\w)<", drawn)) == zones
