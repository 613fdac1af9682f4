from __future__ import annotations

import pytest

from tests.lens import SERVICES, Lens, kebab
from tests.required import BOUNDS, CPU_PERCENT, MEMORY_PERCENT

services = pytest.mark.parametrize("service", SERVICES)


@pytest.mark.parametrize("service", BOUNDS)
def test_scaling_keeps_the_number_of_tasks_within_its_bounds(live: Lens, service: str) -> None:
    target = live[f"{service}ScalableTarget"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == BOUNDS[service]


@services
def test_scaling_of_a_live_service_is_not_suspended(live: Lens, service: str) -> None:
    target = live[f"{service}ScalableTarget"]
    assert 0 < target["MinCapacity"] <= target["MaxCapacity"]
    assert (target["ServiceNamespace"], target["ScalableDimension"]) == ("ecs", "ecs:service:DesiredCount")
    assert target["ResourceId"] == f"service/<Cluster>/fraud-{kebab(service)}-dev"
    assert set(target["SuspendedState"].values()) == {False}


@services
def test_before_services_are_enabled_scaling_starts_nothing(base: Lens, service: str) -> None:
    target = base[f"{service}ScalableTarget"]
    assert target["MinCapacity"] == 0
    assert target["SuspendedState"] == {
        "DynamicScalingInSuspended": True,
        "DynamicScalingOutSuspended": True,
        "ScheduledScalingSuspended": True,
    }


@services
def test_services_scale_at_the_required_cpu_and_memory(live: Lens, service: str) -> None:
    tracked = {}
    for part in ("Cpu", "Memory"):
        policy = live[f"{service}{part}Scaling"]
        assert policy["PolicyType"] == "TargetTrackingScaling"
        assert policy["ScalingTargetId"] == f"<{service}ScalableTarget>"
        tracking = policy["TargetTrackingScalingPolicyConfiguration"]
        assert (tracking["ScaleOutCooldown"], tracking["ScaleInCooldown"]) == (60, 300)
        metric = tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]
        tracked[metric] = tracking["TargetValue"]
    assert tracked == {
        "ECSServiceAverageCPUUtilization": CPU_PERCENT,
        "ECSServiceAverageMemoryUtilization": MEMORY_PERCENT,
    }


def test_worker_follows_ten_messages_a_running_task(live: Lens) -> None:
    tracking = live["WorkerQueueScaling"]["TargetTrackingScalingPolicyConfiguration"]
    assert live["WorkerQueueScaling"]["PolicyType"] == "TargetTrackingScaling"
    assert tracking["TargetValue"] == 10
    metrics = {m["Id"]: m for m in tracking["CustomizedMetricSpecification"]["Metrics"]}
    named = {
        key: (m["MetricStat"]["Metric"]["Namespace"], m["MetricStat"]["Metric"]["MetricName"])
        for key, m in metrics.items()
        if "MetricStat" in m
    }
    assert named == {
        "m1": ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        "m2": ("ECS/ContainerInsights", "RunningTaskCount"),
    }
    stats = {key: m["MetricStat"]["Stat"] for key, m in metrics.items() if "MetricStat" in m}
    assert stats == {"m1": "Sum", "m2": "Average"}
    assert [m["Id"] for m in metrics.values() if m["ReturnData"]] == ["backlog"]
    assert metrics["m1"]["MetricStat"]["Metric"]["Dimensions"] == [
        {"Name": "QueueName", "Value": "<JobQueue.QueueName>"}
    ]
    assert metrics["m2"]["MetricStat"]["Metric"]["Dimensions"] == [
        {"Name": "ClusterName", "Value": "<Cluster>"},
        {"Name": "ServiceName", "Value": "fraud-worker-dev"},
    ]


class Datum(float):
    """A value in metric math: dividing by zero gives no value instead of an error."""

    def __truediv__(self, other: float) -> Datum | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        return Datum(float(self) / other) if other else None


@pytest.mark.parametrize(
    ("messages", "tasks", "expected"),
    [
        (["50"], ["5"], 10),
        (["50"], ["0"], 50),
        (["0"], ["3"], 0),
        (["50", ""], ["5", "5"], 10),  # a metric that comes late repeats what it was
        (["50", "50"], ["5", ""], 10),
        (["0", "50"], ["5", ""], 10),
    ],
)
def test_backlog_without_a_running_task_is_the_messages_themselves(
    live: Lens, messages: list[str], tasks: list[str], expected: int
) -> None:
    """Datapoints, oldest first; "": none came in that minute."""
    tracking = live["WorkerQueueScaling"]["TargetTrackingScalingPolicyConfiguration"]
    (expression,) = (
        m["Expression"] for m in tracking["CustomizedMetricSpecification"]["Metrics"] if "Expression" in m
    )
    functions = {
        "IF": lambda condition, yes, no: yes if condition else no,
        "FILL": lambda metric, _: Datum([datum for datum in metric if datum][-1]),
        "REPEAT": "REPEAT",
    }
    assert eval(expression, {"m1": messages, "m2": tasks, **functions}) == expected  # noqa: S307
    assert ",0)" not in expression, "a 0 for what comes late pins the alarm"


def test_nothing_else_scales(live: Lens) -> None:
    assert set(live.of("AWS::ApplicationAutoScaling::ScalableTarget")) == {
        f"{service}ScalableTarget" for service in SERVICES
    }
    policies = {f"{service}{part}Scaling" for service in SERVICES for part in ("Cpu", "Memory")}
    by_queue = {f"{service}QueueScaling" for service in SERVICES if service not in BOUNDS} | {
        "WorkerQueueScaling"
    }
    scaling = set(live.of("AWS::ApplicationAutoScaling::ScalingPolicy"))
    assert scaling - (by_queue - {"WorkerQueueScaling"}) == policies | {"WorkerQueueScaling"}
