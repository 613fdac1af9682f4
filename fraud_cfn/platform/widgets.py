"""What the dashboard is made of: rows of widgets, each made by what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from troposphere import Sub

from fraud_cfn.platform.intrinsics import REGION, variable

Json = dict[str, Any]
Metric = list[Any]


@dataclass(frozen=True)
class Row:
    """Widgets that stand side by side."""

    widgets: tuple[Json, ...]


def graph(title: str, *metrics: Metric, stat: str = "Average", **properties: object) -> Json:
    return {
        "type": "metric",
        "properties": {
            "title": title,
            "region": variable(REGION),
            "stat": stat,
            "period": 60,
            **properties,
            "metrics": _shortened(metrics),
        },
    }


def percent(*lines: tuple[str, int]) -> Json:
    """An axis from 0 to 100 %, with a line drawn at each named value."""
    axis: Json = {"yAxis": {"left": {"min": 0, "max": 100}}}
    if lines:
        axis["annotations"] = {"horizontal": [{"label": label, "value": value} for label, value in lines]}
    return axis


def text(value: Sub) -> str:
    """What is substituted, to stand within the text of another substitution."""
    return str(value.data["Fn::Sub"])


def _shortened(metrics: Sequence[Metric]) -> list[Metric]:
    """CloudWatch's own short form: "." stands for what the metric before has in the same place."""
    before: Metric = []
    short = []
    for metric in metrics:
        short.append(
            [
                "." if isinstance(part, str) and before[place : place + 1] == [part] else part
                for place, part in enumerate(metric)
            ]
        )
        before = metric
    return short
