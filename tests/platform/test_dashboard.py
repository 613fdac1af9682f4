from __future__ import annotations

import re
from typing import Any

import pytest

from fraud_cfn.template.document import read
from tests.lens import SERVICES, WORKLOADS, Lens, base, dashboard
from tests.required import CPU_PERCENT, MEMORY_PERCENT


@pytest.fixture(scope="module", name="widgets")
def all_widgets(live: Lens) -> dict[str, dict[str, Any]]:
    return {w["properties"]["title"]: w for w in dashboard(live)["widgets"]}


def metrics(widget: dict[str, Any]) -> list[tuple[str, str, dict[str, str], dict[str, Any]]]:
    """(namespace, name, dimensions, options) of each metric, the short form "." written out."""
    found = []
    before: list[str] = []
    for entry in widget["properties"].get("metrics", []):
        options = entry[-1] if isinstance(entry[-1], dict) else {}
        names = [before[i] if part == "." else part for i, part in enumerate(entry) if isinstance(part, str)]
        if names:
            pairs = names[2:]
            found.append((names[0], names[1], dict(zip(pairs[::2], pairs[1::2], strict=True)), options))
            before = names
    return found


def named(widget: dict[str, Any]) -> set[str]:
    return {name for _, name, _, _ in metrics(widget)}


def test_dashboard_is_one_page_named_after_the_environment(live: Lens) -> None:
    assert set(live.of("AWS::CloudWatch::Dashboard")) == {"Dashboard"}
    assert live["Dashboard"]["DashboardName"] == "fraud-dev"


DIMENSIONS = {
    "ECS/ContainerInsights": [{"ClusterName", "ServiceName"}, {"ClusterName", "TaskDefinitionFamily"}],
    "AWS/ECS": [{"ClusterName", "ServiceName"}],
    "AWS/ApplicationELB": [{"LoadBalancer"}, {"LoadBalancer", "TargetGroup"}],
    "AWS/SQS": [{"QueueName"}],
    "AWS/Scheduler": [{"ScheduleGroup"}],
    "AWS/RDS": [{"DBClusterIdentifier"}],
    "Fraud": [set()],
}
PLATFORM = base(read())
NAMES = {w: PLATFORM[f"{w}TaskDefinition"]["Family"] for w in WORKLOADS}
VALUES = {
    "ClusterName": {"<Cluster>"},
    "ServiceName": {NAMES[service] for service in SERVICES},
    "TaskDefinitionFamily": {NAMES[workload] for workload in WORKLOADS if workload not in SERVICES},
    "LoadBalancer": {"<LoadBalancer.LoadBalancerFullName>"},
    "TargetGroup": {"<BlueTargetGroup.TargetGroupFullName>", "<GreenTargetGroup.TargetGroupFullName>"},
    "QueueName": {f"<{queue}.QueueName>" for queue in PLATFORM.of("AWS::SQS::Queue")},
    "ScheduleGroup": {f"<{group}>" for group in PLATFORM.of("AWS::Scheduler::ScheduleGroup")},
    "DBClusterIdentifier": {"<DatabaseCluster>"},
}


def test_metrics_are_those_of_resources_that_exist(live: Lens, widgets: dict[str, dict[str, Any]]) -> None:
    used: dict[str, set[str]] = {key: set() for key in VALUES}
    for title, widget in widgets.items():
        for namespace, name, dimensions, _ in metrics(widget):
            assert set(dimensions) in DIMENSIONS[namespace], (title, name)
            for key, value in dimensions.items():
                used[key].add(value)
    assert used == VALUES, "everything is watched, and nothing that is not there"
    for values in used.values():
        for value in values:
            if value.startswith("<"):
                assert value.strip("<>").split(".")[0] in live.resources


def test_error_counts_are_the_ones_that_the_logs_give(live: Lens, widgets: dict[str, dict[str, Any]]) -> None:
    counted = {
        (t["MetricNamespace"], t["MetricName"])
        for properties in live.of("AWS::Logs::MetricFilter").values()
        for t in properties["MetricTransformations"]
    }
    shown = {(namespace, name) for namespace, name, _, _ in metrics(widgets["Errors in the logs"])}
    assert shown == counted


def test_dashboard_shows_tasks_and_load_with_the_scaling_lines(widgets: dict[str, dict[str, Any]]) -> None:
    for service in SERVICES:
        title = {"Api": "API"}.get(service, service)
        assert named(widgets[f"{title}: tasks"]) == {"RunningTaskCount", "DesiredTaskCount"}
        load = widgets[f"{title}: CPU and memory"]
        assert named(load) == {"CPUUtilization", "MemoryUtilization"}
        lines = [line["value"] for line in load["properties"]["annotations"]["horizontal"]]
        assert lines == [CPU_PERCENT, MEMORY_PERCENT]


def test_dashboard_shows_the_traffic_of_the_api(widgets: dict[str, dict[str, Any]]) -> None:
    assert named(widgets["API: requests"]) == {
        "RequestCount",
        "HTTPCode_Target_4XX_Count",
        "HTTPCode_Target_5XX_Count",
        "HTTPCode_ELB_5XX_Count",
    }
    latency = {options["stat"] for *_, options in metrics(widgets["API: latency (s)"])}
    assert latency == {"p50", "p99"}
    hosts = {dimensions["TargetGroup"] for _, _, dimensions, _ in metrics(widgets["API: healthy hosts"])}
    assert hosts == VALUES["TargetGroup"]


def test_error_rate_is_in_percent_of_the_requests(widgets: dict[str, dict[str, Any]]) -> None:
    rate = widgets["API: error rate"]["properties"]
    expressions = [entry[0] for entry in rate["metrics"] if isinstance(entry[0], dict)]
    ids = {entry[-1]["id"] for entry in rate["metrics"]}
    for expression in expressions:
        assert "100*" in expression["expression"]
        used = set(re.findall(r"\b[a-z]\w*\b", expression["expression"]))
        assert "requests" in used
        assert used <= ids
    assert rate["yAxis"] == {"left": {"min": 0, "max": 100}}


def test_dashboard_shows_queue_job_and_database(widgets: dict[str, dict[str, Any]]) -> None:
    queues = {(name, d["QueueName"]) for _, name, d, _ in metrics(widgets["Worker: queue"])}
    assert ("ApproximateNumberOfMessagesVisible", "<JobQueue.QueueName>") in queues
    assert ("ApproximateNumberOfMessagesVisible", "<DeadLetterQueue.QueueName>") in queues
    assert named(widgets["Worker: age of the oldest message (s)"]) == {"ApproximateAgeOfOldestMessage"}
    assert named(widgets["Job: schedule"]) == {
        "InvocationAttemptCount",
        "TargetErrorCount",
        "InvocationDroppedCount",
    }
    assert named(widgets["Database: capacity (ACU)"]) == {"ServerlessDatabaseCapacity"}
    assert named(widgets["Database: connections"]) == {"DatabaseConnections"}


def test_last_errors_come_from_the_logs_of_every_workload(widgets: dict[str, dict[str, Any]]) -> None:
    query = widgets["Last errors"]["properties"]["query"]
    assert re.findall(r"SOURCE '<(\w+)>'", query) == [f"{workload}Logs" for workload in WORKLOADS]
    assert "filter @message like /ERROR/" in query


def test_widgets_fill_rows_without_overlap(live: Lens) -> None:
    cells: set[tuple[int, int]] = set()
    for w in dashboard(live)["widgets"]:
        covered = {
            (x, y) for x in range(w["x"], w["x"] + w["width"]) for y in range(w["y"], w["y"] + w["height"])
        }
        assert max(x for x, _ in covered) < 24
        assert not cells & covered, w["properties"]["title"]
        cells |= covered


def test_saved_queries_find_errors_and_slow_requests(live: Lens) -> None:
    queries = live.of("AWS::Logs::QueryDefinition")
    assert {q["Name"] for q in queries.values()} == {"fraud-errors-dev", "fraud-slow-requests-dev"}
    assert queries["ErrorsQuery"]["QueryString"].splitlines()[:2] == [
        "fields @timestamp, @log, @message",
        "| filter @message like /ERROR/",
    ]
    assert queries["SlowRequestsQuery"]["QueryString"].splitlines()[:3] == [
        "fields @timestamp, @log, duration_ms, @message",
        "| filter duration_ms > 1000",
        "| sort duration_ms desc",
    ]
    for query in queries.values():
        assert query["LogGroupNames"] == [f"<{workload}Logs>" for workload in WORKLOADS]
