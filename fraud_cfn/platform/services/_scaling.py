"""How a service's number of tasks follows its load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import Ref
from troposphere.applicationautoscaling import (
    CustomizedMetricSpecification,
    PredefinedMetricSpecification,
    ScalableTarget,
    ScalingPolicy,
    SuspendedState,
    TargetTrackingMetric,
    TargetTrackingMetricDataQuery,
    TargetTrackingMetricDimension,
    TargetTrackingMetricStat,
    TargetTrackingScalingPolicyConfiguration,
)
from troposphere.ecs import Cluster, Service
from troposphere.sqs import Queue

from fraud_cfn.config import (
    BACKLOG_PER_TASK,
    CPU_TARGET_PERCENT,
    MEMORY_TARGET_PERCENT,
    SCALE_IN_COOLDOWN_SECONDS,
    SCALE_OUT_COOLDOWN_SECONDS,
    ServiceSpec,
)
from fraud_cfn.platform.intrinsics import because, sub
from fraud_cfn.platform.naming import name
from fraud_cfn.platform.parameters import LIVE


@dataclass(frozen=True)
class Scaling:
    target: ScalableTarget
    cpu: ScalingPolicy
    memory: ScalingPolicy


def scaling(title: str, thing: str, spec: ServiceSpec, cluster: Cluster, service: Service) -> Scaling:
    """Bounds, and target tracking of CPU and memory."""
    suspended = LIVE.choose(False, True)
    target = ScalableTarget(
        f"{title}ScalableTarget",
        ServiceNamespace="ecs",
        ScalableDimension="ecs:service:DesiredCount",
        DependsOn=[service],
        ResourceId=because(
            sub(f"service/{{cluster}}/fraud-{thing}-{{suffix}}", cluster=Ref(cluster)),
            "by name, not GetAtt: else each release would announce that this may be replaced",
        ),
        MinCapacity=because(
            LIVE.choose(spec.least, 0),
            "0 to 0 and suspended until live: else an alarm would start a task that has no image, or one "
            "again that was just switched off",
        ),
        MaxCapacity=LIVE.choose(spec.most, 0),
        SuspendedState=SuspendedState(
            DynamicScalingInSuspended=suspended,
            DynamicScalingOutSuspended=suspended,
            ScheduledScalingSuspended=suspended,
        ),
    )
    return Scaling(
        target=target,
        cpu=_policy(
            f"{title}CpuScaling",
            f"{thing}-cpu",
            target,
            CPU_TARGET_PERCENT,
            PredefinedMetricSpecification=_predefined("ECSServiceAverageCPUUtilization"),
        ),
        memory=_policy(
            f"{title}MemoryScaling",
            f"{thing}-memory",
            target,
            MEMORY_TARGET_PERCENT,
            PredefinedMetricSpecification=_predefined("ECSServiceAverageMemoryUtilization"),
        ),
    )


def backlog_scaling(
    title: str, thing: str, target: ScalableTarget, cluster: Cluster, queue: Queue
) -> ScalingPolicy:
    """Visible messages per running task; with no task running, the messages themselves.

    Source: Amazon SQS as a scaling signal, Application Auto Scaling User Guide, "Create a target
    tracking scaling policy using metric math".
    """
    visible = _metric(
        "m1",
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        "Sum",
        TargetTrackingMetricDimension(Name="QueueName", Value=queue.get_att("QueueName")),
    )
    running = _metric(
        "m2",
        "ECS/ContainerInsights",
        "RunningTaskCount",
        "Average",
        TargetTrackingMetricDimension(Name="ClusterName", Value=Ref(cluster)),
        TargetTrackingMetricDimension(Name="ServiceName", Value=name(thing)),
    )
    backlog = TargetTrackingMetricDataQuery(
        Id="backlog",
        Label="Messages per running task",
        Expression=because(
            "IF(FILL(m2,REPEAT)>0,FILL(m1,REPEAT)/FILL(m2,REPEAT),FILL(m1,REPEAT))",
            "with no task running, the messages themselves; never FILL(m,0), which would make a 0 of "
            "a metric that comes late, and pin the alarm",
        ),
        ReturnData=True,
    )
    return _policy(
        f"{title}QueueScaling",
        f"{thing}-queue",
        target,
        BACKLOG_PER_TASK,
        CustomizedMetricSpecification=CustomizedMetricSpecification(Metrics=[visible, running, backlog]),
    )


def _predefined(metric: str) -> PredefinedMetricSpecification:
    return PredefinedMetricSpecification(PredefinedMetricType=metric)


def _policy(title: str, thing: str, target: ScalableTarget, value: int, **metric: Any) -> ScalingPolicy:
    return ScalingPolicy(
        title,
        PolicyName=name(thing),
        PolicyType="TargetTrackingScaling",
        ScalingTargetId=Ref(target),
        TargetTrackingScalingPolicyConfiguration=TargetTrackingScalingPolicyConfiguration(
            **metric,
            TargetValue=value,
            ScaleOutCooldown=because(SCALE_OUT_COOLDOWN_SECONDS, "seconds: out fast, in slowly"),
            ScaleInCooldown=SCALE_IN_COOLDOWN_SECONDS,
        ),
    )


def _metric(
    identity: str, namespace: str, metric: str, stat: str, *dimensions: TargetTrackingMetricDimension
) -> TargetTrackingMetricDataQuery:
    return TargetTrackingMetricDataQuery(
        Id=identity,
        MetricStat=TargetTrackingMetricStat(
            Metric=TargetTrackingMetric(Namespace=namespace, MetricName=metric, Dimensions=list(dimensions)),
            Stat=stat,
        ),
        ReturnData=False,
    )
