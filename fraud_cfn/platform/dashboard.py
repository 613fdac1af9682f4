"""Dashboard: the whole platform on one page, and saved queries of its logs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from troposphere import Ref, Sub
from troposphere.cloudwatch import Dashboard
from troposphere.logs import LogGroup, QueryDefinition

from fraud_cfn.config import CPU_TARGET_PERCENT, MEMORY_TARGET_PERCENT
from fraud_cfn.platform.cluster import Platform
from fraud_cfn.platform.database import Database
from fraud_cfn.platform.intrinsics import REGION, sub, variable
from fraud_cfn.platform.load_balancer import Balancing
from fraud_cfn.platform.messaging import Messaging
from fraud_cfn.platform.naming import name
from fraud_cfn.platform.services import _task
from fraud_cfn.platform.services.api import Api, error_rate
from fraud_cfn.platform.services.job import Job
from fraud_cfn.platform.services.worker import Worker

Json = dict[str, Any]
Metric = list[Any]

SLOW_MILLISECONDS = 1000
_WIDTH = 100  # of a line of the dashboard's JSON
_LAST_ERRORS = "filter @message like /ERROR/ | sort @timestamp desc | limit 50"
_REGION = variable(REGION)
_ELB = "AWS/ApplicationELB"


@dataclass(frozen=True)
class Views:
    dashboard: Dashboard
    errors_query: QueryDefinition
    slow_requests_query: QueryDefinition


def build(
    platform: Platform,
    balancing: Balancing,
    messaging: Messaging,
    database: Database,
    api: Api,
    worker: Worker,
    job: Job,
) -> Views:
    log_groups = [workload.logs.group for workload in (api, worker, job)]
    body = {
        "start": "-PT3H",
        "periodOverride": "inherit",
        "widgets": _laid_out(
            [
                [*_service_load("API", "api", platform), _healthy_hosts(balancing)],
                _traffic(balancing),
                [*_service_load("Worker", "worker", platform), *_queue(messaging)],
                [_job_load(platform), *_schedule(job)],
                [_errors(), *_aurora(database)],
                [_last_errors(log_groups)],
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


def _service_load(title: str, service: str, platform: Platform) -> list[Json]:
    """By the service's name, not GetAtt: else each release would announce a change here."""
    dimensions = [
        "ClusterName",
        variable(Ref(platform.cluster)),
        "ServiceName",
        _text(name(service)),
    ]
    return [
        _graph(
            f"{title}: tasks",
            ["ECS/ContainerInsights", "RunningTaskCount", *dimensions, {"label": "running"}],
            ["ECS/ContainerInsights", "DesiredTaskCount", *dimensions, {"label": "desired"}],
        ),
        _graph(
            f"{title}: CPU and memory",
            ["AWS/ECS", "CPUUtilization", *dimensions, {"label": "CPU"}],
            ["AWS/ECS", "MemoryUtilization", *dimensions, {"label": "memory"}],
            **_percent(("scales on CPU", CPU_TARGET_PERCENT), ("scales on memory", MEMORY_TARGET_PERCENT)),
        ),
    ]


def _traffic(balancing: Balancing) -> list[Json]:
    of_balancer = ["LoadBalancer", variable(balancing.load_balancer.get_att("LoadBalancerFullName"))]
    requests = [_ELB, "RequestCount", *of_balancer]
    client_errors = [_ELB, "HTTPCode_Target_4XX_Count", *of_balancer]
    server_errors = [_ELB, "HTTPCode_Target_5XX_Count", *of_balancer]
    balancer_errors = [_ELB, "HTTPCode_ELB_5XX_Count", *of_balancer]
    latency = [_ELB, "TargetResponseTime", *of_balancer]
    return [
        _graph(
            "API: requests",
            [*requests, {"label": "requests"}],
            [*client_errors, {"label": "4xx"}],
            [*server_errors, {"label": "5xx of the API"}],
            [*balancer_errors, {"label": "5xx of the load balancer"}],
            stat="Sum",
        ),
        _graph(
            "API: error rate",
            [{"expression": error_rate("FILL(c4,0)"), "label": "4xx", "id": "r4"}],
            [{"expression": error_rate("FILL(c5,0)+FILL(b5,0)"), "label": "5xx", "id": "r5"}],
            [*requests, {"id": "requests", "visible": False}],
            [*client_errors, {"id": "c4", "visible": False}],
            [*server_errors, {"id": "c5", "visible": False}],
            [*balancer_errors, {"id": "b5", "visible": False}],
            stat="Sum",
            **_percent(),
        ),
        _graph(
            "API: latency (s)",
            [*latency, {"stat": "p50", "label": "p50"}],
            [*latency, {"stat": "p99", "label": "p99"}],
        ),
    ]


def _healthy_hosts(balancing: Balancing) -> Json:
    """Of both colours: a deployment fills one and then empties the other."""
    of_balancer = ["LoadBalancer", variable(balancing.load_balancer.get_att("LoadBalancerFullName"))]
    return _graph(
        "API: healthy hosts",
        *(
            [_ELB, "HealthyHostCount", *of_balancer, "TargetGroup", variable(group), {"label": label}]
            for label, group in (
                ("blue", balancing.blue.get_att("TargetGroupFullName")),
                ("green", balancing.green.get_att("TargetGroupFullName")),
            )
        ),
        stat="Minimum",
    )


def _queue(messaging: Messaging) -> list[Json]:
    jobs = ["QueueName", variable(messaging.jobs.get_att("QueueName"))]
    dead = ["QueueName", variable(messaging.dead_letters.get_att("QueueName"))]
    return [
        _graph(
            "Worker: queue",
            ["AWS/SQS", "ApproximateNumberOfMessagesVisible", *jobs, {"label": "waiting"}],
            ["AWS/SQS", "ApproximateNumberOfMessagesNotVisible", *jobs, {"label": "in flight"}],
            ["AWS/SQS", "ApproximateNumberOfMessagesVisible", *dead, {"label": "dead letters"}],
            stat="Maximum",
        ),
        _graph(
            "Worker: age of the oldest message (s)",
            ["AWS/SQS", "ApproximateAgeOfOldestMessage", *jobs, {"label": "age"}],
            stat="Maximum",
        ),
    ]


def _job_load(platform: Platform) -> Json:
    """A task that no service runs has no ServiceName, and no metric counts it."""
    dimensions = ["ClusterName", variable(Ref(platform.cluster)), "TaskDefinitionFamily", _text(name("job"))]
    return _graph(
        "Job: CPU and memory",
        ["ECS/ContainerInsights", "TaskCpuUtilization", *dimensions, {"label": "CPU"}],
        ["ECS/ContainerInsights", "TaskMemoryUtilization", *dimensions, {"label": "memory"}],
        **_percent(),
    )


def _schedule(job: Job) -> list[Json]:
    group = ["ScheduleGroup", variable(Ref(job.schedule_group))]
    missed = ["QueueName", variable(job.missed_runs.get_att("QueueName"))]
    return [
        _graph(
            "Job: schedule",
            ["AWS/Scheduler", "InvocationAttemptCount", *group, {"label": "attempts"}],
            ["AWS/Scheduler", "TargetErrorCount", *group, {"label": "failures"}],
            ["AWS/Scheduler", "InvocationDroppedCount", *group, {"label": "given up"}],
            stat="Sum",
        ),
        _graph(
            "Job: missed runs",
            ["AWS/SQS", "ApproximateNumberOfMessagesVisible", *missed, {"label": "missed runs"}],
            stat="Maximum",
        ),
    ]


def _errors() -> Json:
    return _graph(
        "Errors in the logs",
        *(
            [_task.METRICS_NAMESPACE, _text(_task.error_metric(service)), {"label": service}]
            for service in ("api", "worker", "job")
        ),
        stat="Sum",
    )


def _aurora(database: Database) -> list[Json]:
    cluster = ["DBClusterIdentifier", variable(Ref(database.cluster))]
    return [
        _graph(
            "Database: capacity (ACU)",
            ["AWS/RDS", "ServerlessDatabaseCapacity", *cluster, {"label": "average"}],
            ["AWS/RDS", "ServerlessDatabaseCapacity", *cluster, {"stat": "Maximum", "label": "most"}],
        ),
        _graph(
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
            "region": _REGION,
            "view": "table",
            "query": f"{sources} | fields @timestamp, @log, @message | {_LAST_ERRORS}",
        },
    }


# ── Widgets ────────────────────────────────────────────────────────────────────────────────────────


def _graph(title: str, *metrics: Metric, stat: str = "Average", **properties: object) -> Json:
    return {
        "type": "metric",
        "properties": {
            "title": title,
            "region": _REGION,
            "stat": stat,
            "period": 60,
            **properties,
            "metrics": _shortened(metrics),
        },
    }


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


def _percent(*lines: tuple[str, int]) -> Json:
    """An axis from 0 to 100 %, with a line drawn at each named value."""
    axis: Json = {"yAxis": {"left": {"min": 0, "max": 100}}}
    if lines:
        axis["annotations"] = {"horizontal": [{"label": label, "value": value} for label, value in lines]}
    return axis


def _laid_out(rows: Sequence[Sequence[Json]]) -> list[Json]:
    """Places each row's widgets side by side on the 24 columns of a dashboard."""
    height = 6
    return [
        {"x": (24 // len(row)) * column, "y": height * line, "width": 24 // len(row), "height": height}
        | widget
        for line, row in enumerate(rows)
        for column, widget in enumerate(row)
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


def _text(value: Sub) -> str:
    """What is substituted, to stand within the text of another substitution."""
    return str(value.data["Fn::Sub"])


def _query(title: str, thing: str, query: str, log_groups: Sequence[LogGroup]) -> QueryDefinition:
    return QueryDefinition(
        title,
        Name=name(thing),
        QueryString=query.replace(" | ", "\n| "),
        LogGroupNames=[Ref(group) for group in log_groups],
    )
