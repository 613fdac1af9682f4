"""Scheduled job: one task every six hours, started by EventBridge Scheduler."""

from __future__ import annotations

from dataclasses import dataclass

from troposphere import Ref
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

from fraud_cfn.config import JOB, JOB_RATE, JOB_STOP_TIMEOUT
from fraud_cfn.platform import permissions
from fraud_cfn.platform.cluster import Platform
from fraud_cfn.platform.database import Database
from fraud_cfn.platform.firewall import Firewall
from fraud_cfn.platform.messaging import dead_letter_queue, tls_only
from fraud_cfn.platform.naming import name, url
from fraud_cfn.platform.network import Network
from fraud_cfn.platform.parameters import JOB_IMAGE_TAG, LIVE
from fraud_cfn.platform.services import _image, _task
from fraud_cfn.platform.storage import Storage

CONTAINER = "job"
HOUR = 60 * 60  # seconds


@dataclass(frozen=True)
class Job:
    repository: Repository
    logs: _task.TaskLogs
    task_role: Role
    execution_role: Role
    task: TaskDefinition
    missed_runs: Queue
    missed_runs_policy: QueuePolicy
    schedule_group: ScheduleGroup
    schedule_role: Role
    schedule: Schedule


def build(
    network: Network, firewall: Firewall, platform: Platform, database: Database, storage: Storage
) -> Job:
    repository = _image.repository("Job", CONTAINER)
    logs = _task.logs("Job", CONTAINER)
    task_role = _task.task_role("Job", CONTAINER, database, storage.data)
    execution_role = permissions.execution_role("JobExecutionRole", "job-execution", repository, logs.group)
    task = _task.definition(
        "Job",
        CONTAINER,
        JOB,
        image=_image.image(repository, JOB_IMAGE_TAG),
        serves=False,
        stop_timeout=JOB_STOP_TIMEOUT,
        environment={
            **_task.data_environment(database, storage.data),
            "API_URL": url("api"),
            "WORKER_URL": url("worker"),
        },
        logs=logs,
        task_role=task_role,
        execution_role=execution_role,
    )
    # A queue of its own: redriving the worker's dead letters must not meet messages of the scheduler.
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
        # Tasks need the way out, and a capacity provider cannot be taken from a cluster that uses it.
        DependsOn=[network.private_default_route, platform.capacity_providers],
        Name=name(CONTAINER),
        GroupName=Ref(group),
        Description="Runs the job",
        ScheduleExpression=JOB_RATE,
        FlexibleTimeWindow=FlexibleTimeWindow(Mode="OFF"),
        State=LIVE.choose("ENABLED", "DISABLED"),
        Target=Target(
            Arn=platform.cluster.get_att("Arn"),
            RoleArn=schedule_role.get_att("Arn"),
            EcsParameters=EcsParameters(
                TaskDefinitionArn=Ref(task),
                TaskCount=1,
                CapacityProviderStrategy=[
                    CapacityProviderStrategyItem(CapacityProvider="FARGATE_SPOT", Weight=4),
                    CapacityProviderStrategyItem(CapacityProvider="FARGATE", Weight=1),
                ],
                NetworkConfiguration=NetworkConfiguration(
                    AwsvpcConfiguration=AwsVpcConfiguration(
                        AssignPublicIp="DISABLED",
                        Subnets=[Ref(subnet) for subnet in network.private_subnets],
                        SecurityGroups=[firewall.job.get_att("GroupId")],
                    )
                ),
                EnableECSManagedTags=True,
                PropagateTags="TASK_DEFINITION",
            ),
            # Of the call that starts the task; a container that fails is seen in the job's error metric.
            RetryPolicy=RetryPolicy(MaximumEventAgeInSeconds=HOUR, MaximumRetryAttempts=5),
            DeadLetterConfig=DeadLetterConfig(Arn=missed_runs.get_att("Arn")),
        ),
    )
    return Job(
        repository=repository,
        logs=logs,
        task_role=task_role,
        execution_role=execution_role,
        task=task,
        missed_runs=missed_runs,
        missed_runs_policy=tls_only(missed_runs),
        schedule_group=group,
        schedule_role=schedule_role,
        schedule=schedule,
    )
