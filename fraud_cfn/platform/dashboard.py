"""Dashboard: the whole platform on one page, and saved queries of its logs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Protocol

from troposphere import Ref, Sub
from troposphere.cloudwatch import Dashboard
from troposphere.logs import LogGroup, QueryDefinition

from fraud_cfn.platform.database import Database
from fraud_cfn.platform.intrinsics import REGION, sub, variable
from fraud_cfn.platform.naming import name
from fraud_cfn.platform.services import _task
from fraud_cfn.platform.widgets import Json, Metric, Row, graph, text

SLOW_MILLISECONDS = 1000
_WIDTH = 100  # of a line of the dashboard's JSON
_LAST_ERRORS = "filter @message like /ERROR/ | sort @timestamp desc | limit 50"


class Workload(Protocol):
    """What is shown of any workload."""

    @property
    def logs(self) -> _task.TaskLogs: ...
    @property
    def rows(self) -> tuple[Row, ...]: ...


@dataclass(frozen=True)
class Views:
    dashboard: Dashboard
    errors_query: QueryDefinition
    slow_requests_query: QueryDefinition


def build(database: Database, workloads: Sequence[Workload]) -> Views:
    log_groups = [workload.logs.group for workload in workloads]
    body = {
        "start": "-PT3H",
        "periodOverride": "inherit",
        "widgets": _laid_out(
            [
                *(row for workload in workloads for row in workload.rows),
                Row((_errors(workloads), *_aurora(database))),
                Row((_last_errors(log_groups),)),
            ]
        ),
    }
    return Views(
        dashboard=Dashboard(
            "Dashboard", DashboardName=sub("fraud-{suffix}"), DashboardBody=Sub(_readable(body))
        ),
        errors_query=_query(
            "ErrorsQuery", "errors", f"fields @timestamp, @log, @message | {_LAST_ERRORS}", log_groups
        ),
        slow_requests_query=_query(
            "SlowRequestsQuery",
            "slow-requests",
            f"fields @timestamp, @log, duration_ms, @message | filter duration_ms > {SLOW_MILLISECONDS} "
            "| sort duration_ms desc | limit 50",
            log_groups,
        ),
    )


# ── Rows ───────────────────────────────────────────────────────────────────────────────────────────


def _errors(workloads: Sequence[Workload]) -> Json:
    return graph(
        "Errors in the logs",
        *(_counted(workload.logs) for workload in workloads),
        stat="Sum",
    )


def _counted(logs: _task.TaskLogs) -> Metric:
    (metric,) = logs.errors.MetricTransformations
    label = str(logs.errors.title).removesuffix("Errors").lower()
    return [metric.MetricNamespace, text(metric.MetricName), {"label": label}]


def _aurora(database: Database) -> list[Json]:
    cluster = ["DBClusterIdentifier", variable(Ref(database.cluster))]
    return [
        graph(
            "Database: capacity (ACU)",
            ["AWS/RDS", "ServerlessDatabaseCapacity", *cluster, {"label": "average"}],
            ["AWS/RDS", "ServerlessDatabaseCapacity", *cluster, {"stat": "Maximum", "label": "most"}],
        ),
        graph(
            "Database: connections",
            ["AWS/RDS", "DatabaseConnections", *cluster, {"label": "connections"}],
            stat="Maximum",
        ),
    ]


def _last_errors(log_groups: Sequence[LogGroup]) -> Json:
    sources = " | ".join(f"SOURCE '{variable(Ref(group))}'" for group in log_groups)
    return {
        "type": "log",
        "properties": {
            "title": "Last errors",
            "region": variable(REGION),
            "view": "table",
            "query": f"{sources} | fields @timestamp, @log, @message | {_LAST_ERRORS}",
        },
    }


# ── The page ───────────────────────────────────────────────────────────────────────────────────────


def _laid_out(rows: Sequence[Row]) -> list[Json]:
    """Places each row's widgets side by side on the 24 columns of a dashboard."""
    height = 6
    return [
        {
            "x": (24 // len(row.widgets)) * column,
            "y": height * line,
            "width": 24 // len(row.widgets),
            "height": height,
        }
        | widget
        for line, row in enumerate(rows)
        for column, widget in enumerate(row.widgets)
    ]


def _readable(value: Any, indent: str = "") -> str:
    """JSON with what fits on a line on one line, a metric always."""
    flat = json.dumps(value)
    metric = isinstance(value, list) and bool(value) and isinstance(value[0], str)
    if metric or not isinstance(value, dict | list) or len(indent + flat) <= _WIDTH:
        return flat
    deeper = indent + "  "
    if isinstance(value, dict):
        items = list(_pairs(value, deeper))
    else:
        items = [_readable(item, deeper) for item in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    lines = ",\n".join(deeper + item for item in items)
    return f"{opening}\n{lines}\n{indent}{closing}"


def _pairs(value: Json, indent: str) -> Iterator[str]:
    """The pairs of an object: neighbours that are plain values share a line."""
    for plain, pairs in groupby(value.items(), lambda pair: not isinstance(pair[1], dict | list)):
        texts = [f"{json.dumps(key)}: {_readable(item, indent)}" for key, item in pairs]
        line = ", ".join(texts)
        yield from [line] if plain and len(indent + line) <= _WIDTH else texts


def _query(title: str, thing: str, query: str, log_groups: Sequence[LogGroup]) -> QueryDefinition:
    return QueryDefinition(
        title,
        Name=name(thing),
        QueryString=query.replace(" | ", "\n| "),
        LogGroupNames=[Ref(group) for group in log_groups],
    )
