"""What each widget shows, held against what AWS publishes and against what the platform has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pytest

from tests.lens import WORKLOADS, Lens, dashboard, kebab
from tests.platform import metric_math

Widget = dict[str, Any]
AVERAGE, SUM, EXTREMES = {"Average"}, {"Sum"}, {"Average", "Minimum", "Maximum"}
LATENCY = {"Average", "p50", "p90", "p99"}

# (namespace, metric) → the dimensions it is published under, the statistics that mean something.
# Sources: "CloudWatch metrics for your Application Load Balancer", "Amazon ECS CloudWatch metrics", "Amazon
# ECS Container Insights with enhanced observability metrics", "Available CloudWatch metrics for Amazon SQS",
# "Monitoring EventBridge Scheduler with Amazon CloudWatch", "Amazon CloudWatch metrics for Amazon Aurora".
SERVICE, TASK = ["ClusterName", "ServiceName"], ["ClusterName", "TaskDefinitionFamily"]
PUBLISHED: dict[tuple[str, str], tuple[list[str], set[str]]] = {
    ("ECS/ContainerInsights", "RunningTaskCount"): (SERVICE, EXTREMES),
    ("ECS/ContainerInsights", "DesiredTaskCount"): (SERVICE, EXTREMES),
    ("ECS/ContainerInsights", "TaskCpuUtilization"): (TASK, EXTREMES),
    ("ECS/ContainerInsights", "TaskMemoryUtilization"): (TASK, EXTREMES),
    ("AWS/ECS", "CPUUtilization"): (SERVICE, EXTREMES),
    ("AWS/ECS", "MemoryUtilization"): (SERVICE, EXTREMES),
    ("AWS/ApplicationELB", "RequestCount"): (["LoadBalancer"], SUM),
    ("AWS/ApplicationELB", "HTTPCode_Target_4XX_Count"): (["LoadBalancer"], SUM),
    ("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count"): (["LoadBalancer"], SUM),
    ("AWS/ApplicationELB", "HTTPCode_ELB_4XX_Count"): (["LoadBalancer"], SUM),
    ("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count"): (["LoadBalancer"], SUM),
    ("AWS/ApplicationELB", "HTTPCode_ELB_503_Count"): (["LoadBalancer"], SUM),
    ("AWS/ApplicationELB", "TargetResponseTime"): (["LoadBalancer"], LATENCY),
    ("AWS/ApplicationELB", "HealthyHostCount"): (["LoadBalancer", "TargetGroup"], EXTREMES),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): (["QueueName"], EXTREMES),
    ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible"): (["QueueName"], EXTREMES),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): (["QueueName"], {"Maximum"}),
    ("AWS/Scheduler", "InvocationAttemptCount"): (["ScheduleGroup"], SUM),
    ("AWS/Scheduler", "TargetErrorCount"): (["ScheduleGroup"], SUM),
    ("AWS/Scheduler", "InvocationDroppedCount"): (["ScheduleGroup"], SUM),
    ("AWS/RDS", "ServerlessDatabaseCapacity"): (["DBClusterIdentifier"], EXTREMES),
    ("AWS/RDS", "DatabaseConnections"): (["DBClusterIdentifier"], EXTREMES),
}
PERCENT = ("CPUUtilization", "MemoryUtilization", "TaskCpuUtilization", "TaskMemoryUtilization")
FINEST = 60  # seconds between two datapoints of each of these


@dataclass(frozen=True)
class Line:
    """One metric of a graph, everything that it inherits written out."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    stat: str
    label: str
    id: str
    visible: bool


@pytest.fixture(scope="module", name="widgets")
def all_widgets(live: Lens) -> dict[str, Widget]:
    return {widget["properties"]["title"]: widget for widget in dashboard(live)["widgets"]}


def lines(widget: Widget) -> Iterator[Line]:
    """The metrics; "." stands for what is above it."""
    graph = widget["properties"]
    above: list[str] = []
    for *names, options in (entry for entry in graph.get("metrics", []) if isinstance(entry[0], str)):
        above = [above[place] if part == "." else part for place, part in enumerate(names)]
        assert set(options) <= {"label", "stat", "id", "visible"}, "nothing else is drawn otherwise"
        yield Line(
            above[0],
            above[1],
            dict(zip(above[2::2], above[3::2], strict=True)),
            options.get("stat", graph["stat"]),
            options.get("label", ""),
            options.get("id", ""),
            options.get("visible", True),
        )


def expressions(widget: Widget) -> list[dict[str, str]]:
    entries = [entry for entry in widget["properties"].get("metrics", []) if isinstance(entry[0], dict)]
    assert all(len(entry) == 1 for entry in entries), "an expression stands alone"
    return [entry[0] for entry in entries]


def shown(widget: Widget) -> dict[str, str]:
    """Label → what is drawn under it."""
    return {
        line.label: f"{line.stat} {line.name} {' '.join(line.dimensions.values())}".rstrip()
        for line in lines(widget)
        if line.visible
    }


def test_every_metric_is_published_and_its_statistic_means_something(
    live: Lens, widgets: dict[str, Widget]
) -> None:
    counted = {
        (metric["MetricNamespace"], metric["MetricName"]): ([], SUM)
        for errors in live.of("AWS::Logs::MetricFilter").values()
        for metric in errors["MetricTransformations"]
    }
    for title, widget in widgets.items():
        for line in lines(widget):
            dimensions, statistics = (PUBLISHED | counted)[line.namespace, line.name]
            assert sorted(line.dimensions) == sorted(dimensions), (title, line)
            assert line.stat in statistics, (title, line)


def test_every_graph_shows_this_region_as_fine_as_the_metrics_are(widgets: dict[str, Widget]) -> None:
    for title, widget in widgets.items():
        graph = widget["properties"]
        assert graph["region"] == "eu-central-1", title
        if widget["type"] == "metric":
            assert set(graph) - {"yAxis", "annotations"} == {"title", "region", "stat", "period", "metrics"}
            assert graph["period"] == FINEST, title
            assert graph["stat"] in ("Average", "Sum", "Minimum", "Maximum"), "of what says nothing itself"


def test_every_line_says_what_it_is_and_no_two_of_a_graph_say_the_same(widgets: dict[str, Widget]) -> None:
    for title, widget in widgets.items():
        if widget["type"] == "metric":
            labels = [line.label for line in lines(widget) if line.visible]
            labels += [expression["label"] for expression in expressions(widget)]
            assert labels, title
            assert all(labels), title
            assert len(labels) == len(set(labels)), title
            what_is_drawn = list(shown(widget).values())
            assert len(what_is_drawn) == len(set(what_is_drawn)), title


# ── What stands under which title ───────────────────────────────────────────────────────────────────


def in_words(workload: str) -> str:
    return {"Api": "API"}.get(workload, workload)


def services(lens: Lens) -> list[str]:
    return [workload for workload in WORKLOADS if f"{workload}Service" in lens.resources]


def test_every_services_row_shows_its_own_tasks_and_load(live: Lens, widgets: dict[str, Widget]) -> None:
    for service in services(live):
        name = live[f"{service}Service"]["ServiceName"]
        assert shown(widgets[f"{in_words(service)}: tasks"]) == {
            "running": f"Average RunningTaskCount <Cluster> {name}",
            "desired": f"Average DesiredTaskCount <Cluster> {name}",
        }
        assert shown(widgets[f"{in_words(service)}: CPU and memory"]) == {
            "CPU": f"Average CPUUtilization <Cluster> {name}",
            "memory": f"Average MemoryUtilization <Cluster> {name}",
        }


def test_lines_are_drawn_where_scaling_begins(live: Lens, widgets: dict[str, Widget]) -> None:
    for service in services(live):
        targets = {
            kind: live[f"{service}{kind}Scaling"]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
            for kind in ("Cpu", "Memory")
        }
        drawn = widgets[f"{in_words(service)}: CPU and memory"]["properties"]["annotations"]
        assert drawn == {
            "horizontal": [
                {"label": "scales on CPU", "value": targets["Cpu"]},
                {"label": "scales on memory", "value": targets["Memory"]},
            ]
        }
    with_lines = {title for title, widget in widgets.items() if "annotations" in widget["properties"]}
    assert with_lines == {f"{in_words(service)}: CPU and memory" for service in services(live)}


BALANCER, QUEUE = "<LoadBalancer.LoadBalancerFullName>", "<JobQueue.QueueName>"
SHOWN = {
    "API: healthy hosts": {
        colour: f"Minimum HealthyHostCount {BALANCER} <{colour.title()}TargetGroup.TargetGroupFullName>"
        for colour in ("blue", "green")
    },
    "API: requests": {
        "requests": f"Sum RequestCount {BALANCER}",
        "4xx": f"Sum HTTPCode_Target_4XX_Count {BALANCER}",
        "5xx of the API": f"Sum HTTPCode_Target_5XX_Count {BALANCER}",
        "5xx of the load balancer": f"Sum HTTPCode_ELB_5XX_Count {BALANCER}",
    },
    "API: error rate": {},
    "API: latency (s)": {
        percentile: f"{percentile} TargetResponseTime {BALANCER}" for percentile in ("p50", "p99")
    },
    "Worker: queue": {
        "waiting": f"Maximum ApproximateNumberOfMessagesVisible {QUEUE}",
        "in flight": f"Maximum ApproximateNumberOfMessagesNotVisible {QUEUE}",
        "dead letters": "Maximum ApproximateNumberOfMessagesVisible <DeadLetterQueue.QueueName>",
    },
    "Worker: age of the oldest message (s)": {"age": f"Maximum ApproximateAgeOfOldestMessage {QUEUE}"},
    "Job: CPU and memory": {
        "CPU": "Average TaskCpuUtilization <Cluster> fraud-job-dev",
        "memory": "Average TaskMemoryUtilization <Cluster> fraud-job-dev",
    },
    "Job: schedule": {
        "attempts": "Sum InvocationAttemptCount <ScheduleGroup>",
        "failures": "Sum TargetErrorCount <ScheduleGroup>",
        "given up": "Sum InvocationDroppedCount <ScheduleGroup>",
    },
    "Job: missed runs": {
        "missed runs": "Maximum ApproximateNumberOfMessagesVisible <MissedRunsQueue.QueueName>"
    },
    "Database: capacity (ACU)": {
        "average": "Average ServerlessDatabaseCapacity <DatabaseCluster>",
        "most": "Maximum ServerlessDatabaseCapacity <DatabaseCluster>",
    },
    "Database: connections": {"connections": "Maximum DatabaseConnections <DatabaseCluster>"},
}


@pytest.mark.parametrize("title", SHOWN)
def test_a_graph_shows_what_its_title_and_its_labels_say(widgets: dict[str, Widget], title: str) -> None:
    assert shown(widgets[title]) == SHOWN[title]


def test_errors_of_each_workload_are_counted_and_read_on_the_page(
    live: Lens, widgets: dict[str, Widget]
) -> None:
    assert shown(widgets["Errors in the logs"]) == {
        workload.lower(): f"Sum fraud-{kebab(workload)}-errors-dev" for workload in WORKLOADS
    }
    sources = " | ".join(f"SOURCE '<{workload}Logs>'" for workload in WORKLOADS)
    finds = live["ErrorsQuery"]["QueryString"].replace("\n", " ")
    assert widgets["Last errors"]["type"] == "log"
    assert widgets["Last errors"]["properties"] == {
        "title": "Last errors",
        "region": "eu-central-1",
        "view": "table",
        "query": f"{sources} | {finds}",
    }


def test_the_page_has_no_graph_beside_these(live: Lens, widgets: dict[str, Widget]) -> None:
    of_services = {
        f"{in_words(service)}: {what}" for service in services(live) for what in ("tasks", "CPU and memory")
    }
    known = {*SHOWN, *of_services, "Errors in the logs", "Last errors"}
    others = set(widgets) - known
    assert known <= set(widgets)
    assert not [title for title in others if title.partition(":")[0] in ("API", "Worker", "Job", "Database")]
    assert {title.partition(":")[0] for title in others} <= set(WORKLOADS)


# ── Shares ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("label", "counts", "percent"),
    [
        ("4xx", {"RequestCount": 200, "HTTPCode_Target_4XX_Count": 10}, 5),
        ("4xx", {"RequestCount": 200, "HTTPCode_Target_5XX_Count": 10, "HTTPCode_ELB_5XX_Count": 10}, 0),
        ("5xx", {"RequestCount": 200, "HTTPCode_Target_5XX_Count": 10}, 5),
        ("5xx", {"RequestCount": 200, "HTTPCode_Target_4XX_Count": 10}, 0),
        ("5xx", {"HTTPCode_ELB_5XX_Count": 10}, 100),
        ("5xx", {"HTTPCode_ELB_5XX_Count": 10, "HTTPCode_ELB_503_Count": 10}, 100),
        ("5xx", {"RequestCount": 100, "HTTPCode_ELB_5XX_Count": 300, "HTTPCode_ELB_503_Count": 300}, 75),
        ("5xx", {"RequestCount": 200, "HTTPCode_ELB_5XX_Count": 20}, 10),  # answers for a host that hung up
        ("4xx", {"RequestCount": 5, "HTTPCode_Target_4XX_Count": 5, "HTTPCode_ELB_503_Count": 15}, 25),
        ("5xx", {"RequestCount": 200}, 0),
        ("5xx", {}, 0),
        ("4xx", {}, 0),
    ],
)
def test_error_rates_are_shares_of_what_was_asked(
    widgets: dict[str, Widget], label: str, counts: dict[str, float], percent: float
) -> None:
    widget = widgets["API: error rate"]
    assert not [line for line in lines(widget) if line.visible], "the shares alone are drawn"
    assert len({line.id for line in lines(widget)}) == len(list(lines(widget)))
    named = {line.id: counts[line.name] for line in lines(widget) if line.name in counts}
    (expression,) = [entry for entry in expressions(widget) if entry["label"] == label]
    assert set(expression) == {"expression", "label", "id"}
    assert metric_math.value(expression["expression"], named) == percent


def test_expressions_stand_where_shares_are_drawn_and_use_every_count(widgets: dict[str, Widget]) -> None:
    assert [title for title, widget in widgets.items() if expressions(widget)] == ["API: error rate"]
    widget = widgets["API: error rate"]
    assert [(entry["label"], entry["id"]) for entry in expressions(widget)] == [("4xx", "r4"), ("5xx", "r5")]
    used = set[str]().union(*(metric_math.names(entry["expression"]) for entry in expressions(widget)))
    assert used == {line.id for line in lines(widget)}


# ── How it is drawn ─────────────────────────────────────────────────────────────────────────────────


def test_what_is_in_percent_is_drawn_from_0_to_100_and_nothing_else_is(widgets: dict[str, Widget]) -> None:
    for title, widget in widgets.items():
        percent = bool(expressions(widget)) or any(line.name in PERCENT for line in lines(widget))
        expected = {"left": {"min": 0, "max": 100}} if percent else None
        assert widget["properties"].get("yAxis") == expected, title


def test_widgets_fill_row_after_row_and_never_overlap(live: Lens) -> None:
    """A page has 24 columns. Source: "Dashboard body structure and syntax"."""
    widgets = dashboard(live)["widgets"]
    for widget in widgets:
        assert set(widget) == {"type", "x", "y", "width", "height", "properties"}
        assert widget["type"] in ("metric", "log")
        assert widget["height"] == 6
        assert widget["y"] % 6 == 0
        assert widget["x"] + widget["width"] <= 24
    for one, other in combinations(widgets, 2):
        apart = one["y"] != other["y"] or (
            one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
        )
        assert apart, (one["properties"]["title"], other["properties"]["title"])
    rows = sorted({widget["y"] for widget in widgets})
    assert rows == list(range(0, 6 * len(rows), 6))
    for row in rows:
        assert sum(widget["width"] for widget in widgets if widget["y"] == row) == 24, row
    titles = [widget["properties"]["title"] for widget in widgets]
    assert len(titles) == len(set(titles))


def test_the_page_opens_on_three_hours_in_the_periods_that_the_graphs_name(live: Lens) -> None:
    page = dashboard(live)
    assert {name: entry for name, entry in page.items() if name != "widgets"} == {
        "start": "-PT3H",
        "periodOverride": "inherit",
    }
