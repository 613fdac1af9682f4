from __future__ import annotations

import json

import pytest

from fraud_cfn.config import LOG_RETENTION_DAYS
from tests.integration.platform import Platform
from tests.lens import WORKLOADS, kebab

NAMES = [kebab(workload) for workload in WORKLOADS]
EVERY_WORKLOAD = pytest.mark.parametrize("workload", NAMES)


def test_every_log_group_keeps_its_events_for_the_chosen_days(platform: Platform) -> None:
    expected = {
        *(f"/ecs/{platform.name(workload)}" for workload in NAMES),
        f"/aws/ecs/containerinsights/{platform.name('cluster')}/performance",
        f"/aws/rds/cluster/{platform.name('database')}/postgresql",
    }
    logs = platform.client("logs")
    for name in expected:
        groups = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        assert {g["logGroupName"]: g["retentionInDays"] for g in groups}[name] == LOG_RETENTION_DAYS


@EVERY_WORKLOAD
def test_a_container_logs_to_its_own_group(platform: Platform, workload: str) -> None:
    for container in platform.task_definitions[workload]["containerDefinitions"]:
        options = container["logConfiguration"]["options"]
        assert options["awslogs-group"] == f"/ecs/{platform.name(workload)}"
        assert options["awslogs-stream-prefix"] == ("tracing" if container["name"] == "tracing" else "app")
        assert options["mode"] == "non-blocking"


@EVERY_WORKLOAD
def test_errors_in_the_logs_are_counted(platform: Platform, workload: str) -> None:
    group = f"/ecs/{platform.name(workload)}"
    (counter,) = platform.client("logs").describe_metric_filters(logGroupName=group)["metricFilters"]
    assert counter["filterPattern"] == "ERROR"
    (transformation,) = counter["metricTransformations"]
    assert transformation["metricName"] == platform.name(f"{workload}-errors")


def test_queries_are_saved_for_this_environment(platform: Platform) -> None:
    found = platform.client("logs").describe_query_definitions(queryDefinitionNamePrefix="fraud-")
    names = {query["name"]: query for query in found["queryDefinitions"]}
    for thing in ("errors", "slow-requests"):
        assert set(names[platform.name(thing)]["logGroupNames"]) == {
            f"/ecs/{platform.name(workload)}" for workload in NAMES
        }


def test_the_dashboard_shows_what_was_deployed(platform: Platform) -> None:
    described = platform.client("cloudwatch").get_dashboard(DashboardName=f"fraud-{platform.suffix}")
    text = described["DashboardBody"]
    assert "${" not in text
    assert json.loads(text)["widgets"]
    shown = [platform.name(thing) for thing in ("cluster", *NAMES, "jobs", "dead-letters", "database")]
    assert not [name for name in shown if f'"{name}"' not in text]
    for colour in ("Blue", "Green"):
        assert platform.ids[f"{colour}TargetGroup"].partition("targetgroup/")[2] in text


def test_alarms_exist_only_if_they_were_asked_for(platform: Platform) -> None:
    names = [platform.name("api-5xx-rate"), platform.name("api-latency")]
    alarms = platform.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
    assert len(alarms) == (2 if platform.parameters["EnableDeploymentAlarms"] == "true" else 0)
