"""Worker service: consumes the job queue, mostly on Fargate Spot."""

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
from fraud_cfn.platform.intrinsics import Condition, because
from fraud_cfn.platform.messaging import WorkQueue
from fraud_cfn.platform.naming import name, url
from fraud_cfn.platform.network import Network
from fraud_cfn.platform.services import _image, _scaling, _service, _task
from fraud_cfn.platform.storage import Storage
from fraud_cfn.platform.widgets import Row

CONTAINER = "worker"
SPEC = ServiceSpec(
    TaskSize(cpu=1024, memory=2048),
    least=1,
    most=5,
    stop_timeout=120,
)


@dataclass(frozen=True)
class Worker:
    image_tag: Parameter
    health_command: Parameter
    has_health_command: Condition
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
    jobs: WorkQueue,
    storage: Storage,
    api_group: SecurityGroup,
) -> Worker:
    image_tag = _image.tag("Worker", CONTAINER)
    repository = _image.repository("Worker", CONTAINER)
    group = task_group(network.vpc, "Worker", CONTAINER, "Tasks of the queue worker")
    connections = (
        *connect(api_group, group, PORT),
        *connect(group, api_group, PORT),
        *connect(group, firewall.database, POSTGRES_PORT),
    )
    logs = _task.logs("Worker", CONTAINER)
    task_role = _task.task_role(
        "Worker",
        CONTAINER,
        database,
        storage.data,
        permissions.consume(jobs.queue),
        permissions.look_up(jobs.queue),
        permissions.protect_tasks(platform.cluster),
    )
    execution_role = permissions.execution_role(
        "WorkerExecutionRole", "worker-execution", repository, logs.group
    )
    health_command, has_health = _task.health_command("Worker")
    task = _task.definition(
        "Worker",
        CONTAINER,
        SPEC.size,
        image=_image.image(repository, image_tag),
        serves=True,
        health=_task.health(health_command, has_health),
        stop_timeout=because(SPEC.stop_timeout, "seconds, as long as Spot's notice"),
        environment={
            **_task.data_environment(database, storage.data),
            "JOB_QUEUE_URL": Ref(jobs.queue),
            "API_URL": url("api"),
        },
        logs=logs,
        task_role=task_role,
        execution_role=execution_role,
    )
    discovery = _service.discovery("Worker", CONTAINER, platform)
    service = Service(
        "WorkerService",
        DependsOn=_service.starts_after(network, platform, connections),
        ServiceName=name(CONTAINER),
        Cluster=Ref(platform.cluster),
        TaskDefinition=Ref(task),
        DesiredCount=_service.desired_count(SPEC),
        ForceNewDeployment=_service.forced_deployment(),
        CapacityProviderStrategy=because(
            [
                CapacityProviderStrategyItem(CapacityProvider="FARGATE", Base=1, Weight=0),
                CapacityProviderStrategyItem(CapacityProvider="FARGATE_SPOT", Weight=1),
            ],
            "one task that Spot cannot take away, the others on Spot",
        ),
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
    scaling = _scaling.scaling("Worker", CONTAINER, SPEC, platform.cluster, service)
    return Worker(
        image_tag=image_tag,
        health_command=health_command,
        has_health_command=has_health,
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
            "Worker", CONTAINER, scaling.target, platform.cluster, jobs.queue
        ),
        rows=(Row((*_service.load("Worker", CONTAINER, platform), *_service.backlog("Worker", jobs))),),
        outputs=(
            *_service.outputs("Worker", discovery, service),
            *_task.outputs("Worker", repository, logs),
        ),
    )
