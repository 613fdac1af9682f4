"""Reports service: writes reports, from a queue of its own.

The API asks it over HTTP; what takes long it puts into its queue and works off from there.
"""

from __future__ import annotations

from dataclasses import dataclass

from troposphere import Output, Parameter, Ref
from troposphere.applicationautoscaling import ScalingPolicy
from troposphere.ec2 import SecurityGroup
from troposphere.ecr import Repository
from troposphere.ecs import (
    CapacityProviderStrategyItem,
    DeploymentConfiguration,
    Service,
    ServiceRegistry,
    TaskDefinition,
)
from troposphere.iam import Role
from troposphere.servicediscovery import Service as DiscoveryService

from fraud_cfn.config import PORT, POSTGRES_PORT, ServiceSpec, TaskSize
from fraud_cfn.platform import permissions
from fraud_cfn.platform.cluster import Platform
from fraud_cfn.platform.database import Database
from fraud_cfn.platform.firewall import Firewall, Rule, connect, task_group
from fraud_cfn.platform.intrinsics import Condition
from fraud_cfn.platform.messaging import WorkQueue, work_queue
from fraud_cfn.platform.naming import name, url
from fraud_cfn.platform.network import Network
from fraud_cfn.platform.services import _image, _scaling, _service, _task
from fraud_cfn.platform.storage import Storage
from fraud_cfn.platform.widgets import Row

CONTAINER = "reports"
SPEC = ServiceSpec(TaskSize(cpu=512, memory=1024), least=1, most=3, stop_timeout=120)


@dataclass(frozen=True)
class Reports:
    image_tag: Parameter
    health_command: Parameter
    has_health_command: Condition
    queue: WorkQueue
    repository: Repository
    security_group: SecurityGroup
    connections: tuple[Rule, ...]
    logs: _task.TaskLogs
    task_role: Role
    execution_role: Role
    task: TaskDefinition
    discovery: DiscoveryService
    service: Service
    scaling: _scaling.Scaling
    backlog_scaling: ScalingPolicy
    rows: tuple[Row, ...]
    outputs: tuple[Output, ...]


def build(
    network: Network,
    firewall: Firewall,
    platform: Platform,
    database: Database,
    storage: Storage,
    api_group: SecurityGroup,
) -> Reports:
    image_tag = _image.tag("Reports", CONTAINER)
    queue = work_queue("ReportsQueue", "requests", "FailedReportsQueue", "failed-reports")
    repository = _image.repository("Reports", CONTAINER)
    group = task_group(network.vpc, "Reports", CONTAINER, "Tasks that write reports")
    connections = (
        *connect(api_group, group, PORT),
        *connect(group, api_group, PORT),
        *connect(group, firewall.database, POSTGRES_PORT),
    )
    logs = _task.logs("Reports", CONTAINER)
    task_role = _task.task_role(
        "Reports",
        CONTAINER,
        database,
        storage.data,
        permissions.send(queue.queue),
        permissions.consume(queue.queue),
        permissions.look_up(queue.queue),
    )
    health_command, has_health = _task.health_command("Reports")
    execution_role = permissions.execution_role(
        "ReportsExecutionRole", "reports-execution", repository, logs.group
    )
    task = _task.definition(
        "Reports",
        CONTAINER,
        SPEC.size,
        image=_image.image(repository, image_tag),
        serves=True,
        health=_task.health(health_command, has_health),
        stop_timeout=SPEC.stop_timeout,
        environment={
            **_task.data_environment(database, storage.data),
            "REPORT_QUEUE_URL": Ref(queue.queue),
            "API_URL": url("api"),
        },
        logs=logs,
        task_role=task_role,
        execution_role=execution_role,
    )
    discovery = _service.discovery("Reports", CONTAINER, platform)
    service = Service(
        "ReportsService",
        DependsOn=_service.starts_after(network, platform, connections),
        ServiceName=name(CONTAINER),
        Cluster=Ref(platform.cluster),
        TaskDefinition=Ref(task),
        DesiredCount=_service.desired_count(SPEC),
        ForceNewDeployment=_service.forced_deployment(),
        CapacityProviderStrategy=[
            CapacityProviderStrategyItem(CapacityProvider="FARGATE", Base=1, Weight=0),
            CapacityProviderStrategyItem(CapacityProvider="FARGATE_SPOT", Weight=1),
        ],
        DeploymentConfiguration=DeploymentConfiguration(
            Strategy="ROLLING",
            MinimumHealthyPercent=100,
            MaximumPercent=200,
            DeploymentCircuitBreaker=_service.strict_circuit_breaker(),
        ),
        AvailabilityZoneRebalancing="ENABLED",
        NetworkConfiguration=_service.network(network.private_subnets, group),
        ServiceRegistries=[ServiceRegistry(RegistryArn=discovery.get_att("Arn"))],
        EnableECSManagedTags=True,
        PropagateTags="SERVICE",
    )
    scaling = _scaling.scaling("Reports", CONTAINER, SPEC, platform.cluster, service)
    return Reports(
        image_tag=image_tag,
        health_command=health_command,
        has_health_command=has_health,
        queue=queue,
        repository=repository,
        security_group=group,
        connections=connections,
        logs=logs,
        task_role=task_role,
        execution_role=execution_role,
        task=task,
        discovery=discovery,
        service=service,
        scaling=scaling,
        backlog_scaling=_scaling.backlog_scaling(
            "Reports", CONTAINER, scaling.target, platform.cluster, queue.queue
        ),
        rows=(Row((*_service.load("Reports", CONTAINER, platform), *_service.backlog("Reports", queue))),),
        outputs=(
            *_service.outputs("Reports", discovery, service),
            *_task.outputs("Reports", repository, logs),
            Output("ReportsQueueUrl", Description="Queue of the reports to write", Value=Ref(queue.queue)),
        ),
    )
