"""What the load balancer measures of the API: its alarms, and its widgets on the dashboard."""

from __future__ import annotations

from troposphere.cloudwatch import Alarm, Metric, MetricDataQuery, MetricDimension, MetricStat

from fraud_cfn.platform.intrinsics import Condition, because, variable
from fraud_cfn.platform.load_balancer import Balancing
from fraud_cfn.platform.naming import name
from fraud_cfn.platform.widgets import Json, Row, graph, percent

_ELB = "AWS/ApplicationELB"

# ── Alarms that roll a deployment back; nobody is called ───────────────────────────────────────────


def server_error_alarm(balancing: Balancing, wanted: Condition) -> Alarm:
    """Over 5 % of the requests answered with 5xx, in two of three minutes."""
    return Alarm(
        "ApiServerErrorAlarm",
        Condition=wanted.title,
        AlarmName=name("api-5xx-rate"),
        AlarmDescription="Rolls a deployment of the API back: share of 5xx answers, in percent",
        Metrics=[
            _load_balancer_metric(balancing, "errors", "HTTPCode_Target_5XX_Count"),
            _load_balancer_metric(
                balancing,
                "refused",
                because("HTTPCode_ELB_5XX_Count", "its own, apart: no healthy host, or one that hangs up"),
            ),
            _load_balancer_metric(balancing, "requests", "RequestCount"),
            _load_balancer_metric(balancing, "shed", _SHED),
            MetricDataQuery(
                Id="rate",
                Label="5xx rate (%)",
                Expression=_error_rate("FILL(errors,0)+FILL(refused,0)"),
                ReturnData=True,
            ),
        ],
        Threshold=because(5, "percent"),
        **_IN_TWO_OF_THREE,
    )


def latency_alarm(balancing: Balancing, wanted: Condition) -> Alarm:
    """The slowest 1 % of the requests took over 2 seconds, in two of three minutes."""
    return Alarm(
        "ApiLatencyAlarm",
        Condition=wanted.title,
        AlarmName=name("api-latency"),
        AlarmDescription="Rolls a deployment of the API back: p99 response time, in seconds",
        Namespace=_ELB,
        MetricName="TargetResponseTime",
        Dimensions=_dimensions(balancing),
        ExtendedStatistic="p99",
        EvaluateLowSampleCountPercentile="ignore",
        Period=60,
        Threshold=because(2, "seconds"),
        **_IN_TWO_OF_THREE,
    )


# Answers where no target could be chosen, which `RequestCount` leaves out. Source: "CloudWatch metrics for
# your Application Load Balancer".
_SHED = "HTTPCode_ELB_503_Count"


def _error_rate(errors: str) -> str:
    """Metric math: those errors in percent of all that was asked, `requests` and `shed`; of nothing, 100 if
    there are any."""
    asked = "FILL(requests,0)+FILL(shed,0)"
    return f"IF({asked}>0,100*({errors})/({asked}),IF(({errors})>0,100,0))"


_IN_TWO_OF_THREE = {
    "ComparisonOperator": "GreaterThanThreshold",
    "EvaluationPeriods": 3,
    "DatapointsToAlarm": 2,
    "TreatMissingData": because("notBreaching", "no request is no error"),
}


def _load_balancer_metric(balancing: Balancing, identity: str, metric: str) -> MetricDataQuery:
    return MetricDataQuery(
        Id=identity,
        MetricStat=MetricStat(
            Metric=Metric(Namespace=_ELB, MetricName=metric, Dimensions=_dimensions(balancing)),
            Period=60,
            Stat="Sum",
        ),
        ReturnData=False,
    )


def _dimensions(balancing: Balancing) -> list[MetricDimension]:
    return [
        MetricDimension(Name="LoadBalancer", Value=balancing.load_balancer.get_att("LoadBalancerFullName"))
    ]


# ── On the dashboard ───────────────────────────────────────────────────────────────────────────────


def row(balancing: Balancing) -> Row:
    """What clients ask, and what they get."""
    of_balancer = ["LoadBalancer", variable(balancing.load_balancer.get_att("LoadBalancerFullName"))]
    requests = [_ELB, "RequestCount", *of_balancer]
    client_errors = [_ELB, "HTTPCode_Target_4XX_Count", *of_balancer]
    server_errors = [_ELB, "HTTPCode_Target_5XX_Count", *of_balancer]
    balancer_errors = [_ELB, "HTTPCode_ELB_5XX_Count", *of_balancer]
    latency = [_ELB, "TargetResponseTime", *of_balancer]
    return Row(
        (
            graph(
                "API: requests",
                [*requests, {"label": "requests"}],
                [*client_errors, {"label": "4xx"}],
                [*server_errors, {"label": "5xx of the API"}],
                [*balancer_errors, {"label": "5xx of the load balancer"}],
                stat="Sum",
            ),
            graph(
                "API: error rate",
                [{"expression": _error_rate("FILL(c4,0)"), "label": "4xx", "id": "r4"}],
                [{"expression": _error_rate("FILL(c5,0)+FILL(b5,0)"), "label": "5xx", "id": "r5"}],
                [*requests, {"id": "requests", "visible": False}],
                [_ELB, _SHED, *of_balancer, {"id": "shed", "visible": False}],
                [*client_errors, {"id": "c4", "visible": False}],
                [*server_errors, {"id": "c5", "visible": False}],
                [*balancer_errors, {"id": "b5", "visible": False}],
                stat="Sum",
                **percent(),
            ),
            graph(
                "API: latency (s)",
                [*latency, {"stat": "p50", "label": "p50"}],
                [*latency, {"stat": "p99", "label": "p99"}],
            ),
        )
    )


def healthy_hosts(balancing: Balancing) -> Json:
    """Of both colours: a deployment fills one and then empties the other."""
    of_balancer = ["LoadBalancer", variable(balancing.load_balancer.get_att("LoadBalancerFullName"))]
    return graph(
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
