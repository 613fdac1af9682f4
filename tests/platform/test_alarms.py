"""The alarms that roll a deployment back: what rings them, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lens import Lens
from tests.platform import metric_math

BALANCER = [{"Name": "LoadBalancer", "Value": "<LoadBalancer.LoadBalancerFullName>"}]


@pytest.fixture(name="alarms")
def all_alarms(live: Lens) -> dict[str, dict[str, Any]]:
    return live.under(EnableDeploymentAlarms="true").of("AWS::CloudWatch::Alarm")


def test_an_alarm_rings_after_two_bad_minutes_of_three_and_never_for_silence(
    alarms: dict[str, dict[str, Any]],
) -> None:
    for alarm in alarms.values():
        assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (2, 3)
        assert alarm["TreatMissingData"] == "notBreaching"
        assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
        assert alarm["AlarmDescription"].startswith("Rolls a deployment of the API back: ")


def test_the_latency_alarm_rings_when_one_answer_of_a_hundred_takes_more_than_two_seconds(
    alarms: dict[str, dict[str, Any]],
) -> None:
    alarm = alarms["ApiLatencyAlarm"]
    assert alarm["AlarmDescription"].endswith("p99 response time, in seconds")
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/ApplicationELB", "TargetResponseTime")
    assert (alarm["Dimensions"], alarm["ExtendedStatistic"]) == (BALANCER, "p99")
    assert (alarm["Threshold"], alarm["Period"]) == (2, 60)
    assert alarm["EvaluateLowSampleCountPercentile"] == "ignore"


def test_the_error_alarm_counts_every_minute_of_that_load_balancer(alarms: dict[str, dict[str, Any]]) -> None:
    alarm = alarms["ApiServerErrorAlarm"]
    *counted, rate = alarm["Metrics"]
    assert set(rate) == {"Id", "Expression", "Label", "ReturnData"}
    for metric in counted:
        assert set(metric) == {"Id", "MetricStat", "ReturnData"}
        assert metric["ReturnData"] is False
        statistic = metric["MetricStat"]
        assert (statistic["Stat"], statistic["Period"]) == ("Sum", 60)
        assert statistic["Metric"]["Namespace"] == "AWS/ApplicationELB"
        assert statistic["Metric"]["Dimensions"] == BALANCER
    assert metric_math.names(rate["Expression"]) == {metric["Id"] for metric in counted}
    assert (rate["Id"], rate["Label"], rate["ReturnData"]) == ("rate", "5xx rate (%)", True)
    assert alarm["AlarmDescription"].endswith("share of 5xx answers, in percent")


@pytest.mark.parametrize(
    ("counts", "rings"),
    [
        ({"RequestCount": 100, "HTTPCode_Target_5XX_Count": 5}, False),
        ({"RequestCount": 100, "HTTPCode_Target_5XX_Count": 6}, True),
        ({"RequestCount": 100, "HTTPCode_ELB_5XX_Count": 20}, True),
        ({"RequestCount": 10_000, "HTTPCode_Target_5XX_Count": 6}, False),
        ({"HTTPCode_ELB_5XX_Count": 1}, True),
        ({"RequestCount": 100}, False),
        ({}, False),
    ],
)
def test_the_error_alarm_rings_above_five_percent(
    alarms: dict[str, dict[str, Any]], counts: dict[str, float], rings: bool
) -> None:
    alarm = alarms["ApiServerErrorAlarm"]
    *counted, rate = alarm["Metrics"]
    names = {metric["MetricStat"]["Metric"]["MetricName"]: metric["Id"] for metric in counted}
    assert len(names) == len(counted)
    given = {names[name]: count for name, count in counts.items()}
    assert (metric_math.value(rate["Expression"], given) > alarm["Threshold"]) is rings
