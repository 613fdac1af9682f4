"""Scheduled job: a task at set hours, started by EventBridge Scheduler."""

from __future__ import annotations

from dataclasses import dataclass

from troposphere import Join, Output, Parameter, Ref
from troposphere.ec2 import SecurityGroup
from troposphere.ecr import Repository
from troposphere.ecs import TaskDefinition
from troposphere.iam import Role
from troposphere.scheduler import (
    AwsVpcConfiguration,
    CapacityProviderStrategyItem,
    DeadLetterConfig,
    EcsParameters,
    FlexibleTimeWindow,
    NetworkConfiguration,
    RetryPolicy,
    Schedule,
    ScheduleGroup,
    Target,
)
from troposphere.sqs import Queue, QueuePolicy

from fraud_cfn.config import PORT, POSTGRES_PORT, TaskSize
from fraud_cfn.platform import permissions
from fraud_cfn.platform.cluster import Platform
from fraud_cfn.platform.database import Database
from fraud_cfn.platform.firewall import Firewall, Rule, connect, task_group
from fraud_cfn.platform.intrinsics import because, variable
from fraud_cfn.platform.messaging import dead_letter_queue, tls_only
from fraud_cfn.platform.naming import name, url
from fraud_cfn.platform.network import Network
from fraud_cfn.platform.parameters import LIVE
from fraud_cfn.platform.services import _image, _service, _task
from fraud_cfn.platform.storage import Storage
from fraud_cfn.platform.widgets import Json, Row, graph, percent, text

CONTAINER = "job"
SIZE = TaskSize(cpu=256, memory=512)
STOP_TIMEOUT = 120  # seconds
AT_HOURS = "cron(0 0/6 * * ? *)"
HOUR = 60 * 60  # seconds


@dataclass(frozen=True)
class Job:
    image_tag: Parameter
    repository: Repository
    security_group: SecurityGroup
    connections: tuple[Rule, ...]
    logs: _task.TaskLogs
    task_role: Role
    execution_role: Role
    task: TaskDefinition
    missed_runs: Queue
    missed_runs_policy: QueuePolicy
    schedule_group: ScheduleGroup
    schedule_role: Role
    schedule: Schedule
    rows: tuple[Row, ...]
    outputs: tuple[Output, ...]


def build(
    network: Network,
    firewall: Firewall,
    platform: Platform,
    database: Database,
    storage: Storage,
    peers: tuple[SecurityGroup, ...],
) -> Job:
    image_tag = _image.tag("Job", CONTAINER)
    repository = _image.repository("Job", CONTAINER)
    security_group = task_group(network.vpc, "Job", CONTAINER, "Tasks of the scheduled job")
    connections = (
        *(rule for peer in peers for rule in connect(security_group, peer, PORT)),
        *connect(security_group, firewall.database, POSTGRES_PORT),
    )
    logs = _task.logs("Job", CONTAINER)
    task_role = _task.task_role("Job", CONTAINER, database, storage.data)
    execution_role = permissions.execution_role("JobExecutionRole", "job-execution", repository, logs.group)
    task = _task.definition(
        "Job",
        CONTAINER,
        SIZE,
        image=_image.image(repository, image_tag),
        serves=False,
        stop_timeout=because(STOP_TIMEOUT, "seconds, the most that Fargate gives"),
        environment={
            **_task.data_environment(database, storage.data),
            "API_URL": url("api"),
            "WORKER_URL": url("worker"),
        },
        logs=logs,
        task_role=task_role,
        execution_role=execution_role,
    )
    missed_runs = dead_letter_queue("MissedRunsQueue", "missed-runs")
    group = ScheduleGroup("ScheduleGroup", Name=name("schedules"))
    schedule_role = permissions.scheduler_role(
        "ScheduleRole",
        "job-schedule",
        group,
        permissions.run_tasks(CONTAINER, platform.cluster, task_role, execution_role),
        permissions.send(missed_runs),
    )
    schedule = Schedule(
        "JobSchedule",
        DependsOn=_service.starts_after(network, platform, connections),
        Name=name(CONTAINER),
        GroupName=Ref(group),
        ScheduleExpression=because(
            AT_HOURS,
            "not a rate, which would fire at the moment of enabling, before the API and the worker answer",
        ),
        ScheduleExpressionTimezone="UTC",
        FlexibleTimeWindow=FlexibleTimeWindow(Mode="OFF"),
        State=LIVE.choose("ENABLED", "DISABLED"),
        Target=Target(
            Arn=platform.cluster.get_att("Arn"),
            RoleArn=schedule_role.get_att("Arn"),
            EcsParameters=EcsParameters(
                TaskDefinitionArn=Ref(task),
                TaskCount=1,
                CapacityProviderStrategy=because(
                    [CapacityProviderStrategyItem(CapacityProvider="FARGATE", Weight=1)],
                    "no Spot: weights are no fallback, and a run that it takes away is lost without a trace",
                ),
                NetworkConfiguration=NetworkConfiguration(
                    AwsvpcConfiguration=AwsVpcConfiguration(
                        AssignPublicIp="DISABLED",
                        Subnets=[Ref(subnet) for subnet in network.private_subnets],
                        SecurityGroups=[security_group.get_att("GroupId")],
                    )
                ),
                EnableECSManagedTags=True,
                PropagateTags="TASK_DEFINITION",
            ),
            RetryPolicy=because(
                RetryPolicy(MaximumEventAgeInSeconds=HOUR, MaximumRetryAttempts=5),
                "of the call that starts the task; a container that fails is seen in the job's error metric",
            ),
            DeadLetterConfig=because(
                DeadLetterConfig(Arn=missed_runs.get_att("Arn")),
                "a queue of its own: redriving the worker's dead letters must not meet the scheduler's",
            ),
        ),
    )
    return Job(
        image_tag=image_tag,
        repository=repository,
        security_group=security_group,
        connections=connections,
        logs=logs,
        task_role=task_role,
        execution_role=execution_role,
        task=task,
        missed_runs=missed_runs,
        missed_runs_policy=tls_only(missed_runs),
        schedule_group=group,
        schedule_role=schedule_role,
        schedule=schedule,
        rows=(Row((_load(platform), *_runs(group, missed_runs))),),
        outputs=(
            Output("JobTaskFamily", Description="Task definition family of the job", Value=name(CONTAINER)),
            Output(
                "JobTaskDefinitionArn",
                Description="Task definition of the job",
                Value=Ref(task),
            ),
            Output(
                "JobSubnetIds",
                Description="Subnets of the job",
                Value=Join(",", [Ref(subnet) for subnet in network.private_subnets]),
            ),
            Output(
                "JobSecurityGroupId",
                Description="Security group of the job",
                Value=security_group.get_att("GroupId"),
            ),
            Output("ScheduleName", Description="Schedule of the job", Value=Ref(schedule)),
            Output("ScheduleGroupName", Description="Group of the schedule", Value=Ref(group)),
            Output(
                "MissedRunsQueueUrl",
                Description="Runs of the job that could not start",
                Value=Ref(missed_runs),
            ),
            *_task.outputs("Job", repository, logs),
        ),
    )


def _load(platform: Platform) -> Json:
    """A task that no service runs has no ServiceName, and no metric counts it."""
    dimensions = ["ClusterName", variable(Ref(platform.cluster)), "TaskDefinitionFamily", text(name("job"))]
    return graph(
        "Job: CPU and memory",
        ["ECS/ContainerInsights", "TaskCpuUtilization", *dimensions, {"label": "CPU"}],
        ["ECS/ContainerInsights", "TaskMemoryUtilization", *dimensions, {"label": "memory"}],
        **percent(),
    )


def _runs(group: ScheduleGroup, missed_runs: Queue) -> tuple[Json, Json]:
    of_group = ["ScheduleGroup", variable(Ref(group))]
    missed = ["QueueName", variable(missed_runs.get_att("QueueName"))]
    return (
        graph(
            "Job: schedule",
            ["AWS/Scheduler", "InvocationAttemptCount", *of_group, {"label": "attempts"}],
            ["AWS/Scheduler", "TargetErrorCount", *of_group, {"label": "failures"}],
            ["AWS/Scheduler", "InvocationDroppedCount", *of_group, {"label": "given up"}],
            stat="Sum",
        ),
        graph(
            "Job: missed runs",
            ["AWS/SQS", "ApproximateNumberOfMessagesVisible", *missed, {"label": "missed runs"}],
            stat="Maximum",
        ),
    )
