"""Worker service: consumes the job queue, mostly on Fargate Spot."""

from __future__ import annotations

from dataclasses import dataclass

from troposphere import Ref
from troposphere.applicationautoscaling import ScalingPolicy
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

from fraud_cfn.config import WORKER
from fraud_cfn.platform import permissions
from fraud_cfn.platform.cluster import Platform
from fraud_cfn.platform.database import Database
from fraud_cfn.platform.firewall import Firewall
from fraud_cfn.platform.messaging import Messaging
from fraud_cfn.platform.naming import name, url
from fraud_cfn.platform.network import Network
from fraud_cfn.platform.parameters import LIVE, WORKER_IMAGE_TAG
from fraud_cfn.platform.services import _image, _scaling, _service, _task
from fraud_cfn.platform.storage import Storage

CONTAINER = "worker"


@dataclass(frozen=True)
class Worker:
    repository: Repository
    logs: _task.TaskLogs
    task_role: Role
    execution_role: Role
    task: TaskDefinition
    discovery: DiscoveryService
    service: Service
    scaling: _scaling.Scaling
    backlog_scaling: ScalingPolicy


def build(
    network: Network,
    firewall: Firewall,
    platform: Platform,
    database: Database,
    messaging: Messaging,
    storage: Storage,
) -> Worker:
    repository = _image.repository("Worker", CONTAINER)
    logs = _task.logs("Worker", CONTAINER)
    task_role = _task.task_role(
        "Worker", CONTAINER, database, storage.data, permissions.consume(messaging.jobs)
    )
    execution_role = permissions.execution_role(
        "WorkerExecutionRole", "worker-execution", repository, logs.group
    )
    task = _task.definition(
        "Worker",
        CONTAINER,
        WORKER.size,
        image=_image.image(repository, WORKER_IMAGE_TAG),
        serves=True,
        stop_timeout=WORKER.stop_timeout,
        environment={
            **_task.data_environment(database, storage.data),
            "JOB_QUEUE_URL": Ref(messaging.jobs),
            "API_URL": url("api"),
        },
        logs=logs,
        task_role=task_role,
        execution_role=execution_role,
    )
    discovery = _service.discovery("Worker", CONTAINER, platform)
    service = Service(
        "WorkerService",
        DependsOn=[network.private_default_route, platform.capacity_providers],
        ServiceName=name(CONTAINER),
        Cluster=Ref(platform.cluster),
        TaskDefinition=Ref(task),
        # Left out while enabled: ECS then keeps the count that scaling chose.
        DesiredCount=LIVE.choose_not(0),
        # The first task never goes with a Spot interruption.
        CapacityProviderStrategy=[
            CapacityProviderStrategyItem(CapacityProvider="FARGATE", Base=1, Weight=0),
            CapacityProviderStrategyItem(CapacityProvider="FARGATE_SPOT", Weight=1),
        ],
        DeploymentConfiguration=DeploymentConfiguration(
            Strategy="ROLLING",
            MinimumHealthyPercent=100,
            MaximumPercent=200,
            DeploymentCircuitBreaker=_service.circuit_breaker(),
        ),
        AvailabilityZoneRebalancing="ENABLED",
        NetworkConfiguration=_service.network(network.private_subnets, firewall.worker),
        ServiceRegistries=[ServiceRegistry(RegistryArn=discovery.get_att("Arn"))],
        EnableECSManagedTags=True,
        PropagateTags="SERVICE",
    )
    scaling = _scaling.scaling("Worker", CONTAINER, WORKER, platform.cluster, service)
    return Worker(
        repository=repository,
        logs=logs,
        task_role=task_role,
        execution_role=execution_role,
        task=task,
        discovery=discovery,
        service=service,
        scaling=scaling,
        backlog_scaling=_scaling.backlog_scaling(
            "Worker", CONTAINER, scaling.target, platform.cluster, messaging.jobs
        ),
    )
