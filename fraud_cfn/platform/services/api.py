"""API service: the REST API behind the load balancer, deployed blue/green."""

from __future__ import annotations

from dataclasses import dataclass

from troposphere import Output, Parameter, Ref
from troposphere.cloudwatch import Alarm
from troposphere.ec2 import SecurityGroup
from troposphere.ecr import Repository
from troposphere.ecs import (
    AdvancedConfiguration,
    CanaryConfiguration,
    CapacityProviderStrategyItem,
    DeploymentAlarms,
    DeploymentConfiguration,
    LinearConfiguration,
    LoadBalancer,
    Service,
    ServiceRegistry,
    TaskDefinition,
)
from troposphere.iam import Role
from troposphere.servicediscovery import Service as DiscoveryService

from fraud_cfn.config import PORT, POSTGRES_PORT, ServiceSpec, TaskSize
from fraud_cfn.platform import parameters, permissions
from fraud_cfn.platform.cluster import Platform
from fraud_cfn.platform.database import Database
from fraud_cfn.platform.firewall import Firewall, Rule, connect, task_group
from fraud_cfn.platform.intrinsics import Condition, because
from fraud_cfn.platform.load_balancer import Balancing
from fraud_cfn.platform.messaging import WorkQueue
from fraud_cfn.platform.naming import name, url
from fraud_cfn.platform.network import Network
from fraud_cfn.platform.services import _image, _scaling, _service, _task, _traffic
from fraud_cfn.platform.storage import Storage
from fraud_cfn.platform.widgets import Row

CONTAINER = "api"
SPEC = ServiceSpec(TaskSize(cpu=512, memory=1024), least=2, most=10, stop_timeout=60)

DEPLOYMENT_STRATEGY = parameters.choice(
    "ApiDeploymentStrategy",
    "How a new version comes: all requests at once, a few first, step by step, task by task",
    "BLUE_GREEN",
    "CANARY",
    "LINEAR",
    "ROLLING",
)
CANARY_PERCENT = parameters.number(
    "ApiCanaryPercent",
    "CANARY: percent of requests that see a new version first; LINEAR: at each step",
    default=10,
    least=3,  # Source: Amazon ECS API Reference, LinearConfiguration; a canary would take less
    most=100,
    unit="percent",
)
STEP_MINUTES = parameters.number(
    "ApiStepMinutes",
    "CANARY and LINEAR: minutes until more requests see a new version",
    default=5,
    least=0,
    most=1440,
    unit="minutes",
)
BAKE_TIME_MINUTES = parameters.number(
    "ApiBakeTimeMinutes",
    "Minutes that both colours stay up after the shift",
    default=5,
    least=0,
    most=1440,
    unit="minutes",
)
ENABLE_DEPLOYMENT_ALARMS = parameters.choice(
    "EnableDeploymentAlarms",
    "true: a 5xx-rate and a latency alarm roll the API back",
    "false",
    "true",
)

ROLLS = Condition("ApiIsDeployedRolling", parameters.equals(DEPLOYMENT_STRATEGY, "ROLLING"))
CANARY = Condition("ApiIsDeployedCanary", parameters.equals(DEPLOYMENT_STRATEGY, "CANARY"))
LINEAR = Condition("ApiIsDeployedLinear", parameters.equals(DEPLOYMENT_STRATEGY, "LINEAR"))
DEPLOYMENT_ALARMS = Condition("HasDeploymentAlarms", parameters.true(ENABLE_DEPLOYMENT_ALARMS))


@dataclass(frozen=True)
class Api:
    parameters: tuple[Parameter, ...]
    conditions: tuple[Condition, ...]
    repository: Repository
    security_group: SecurityGroup
    connections: tuple[Rule, ...]
    logs: _task.TaskLogs
    task_role: Role
    execution_role: Role
    task: TaskDefinition
    discovery: DiscoveryService
    deployment_role: Role
    server_errors: Alarm
    latency: Alarm
    service: Service
    scaling: _scaling.Scaling
    rows: tuple[Row, ...]
    outputs: tuple[Output, ...]


def build(
    network: Network,
    firewall: Firewall,
    platform: Platform,
    balancing: Balancing,
    database: Database,
    jobs: WorkQueue,
    storage: Storage,
) -> Api:
    image_tag = _image.tag("Api", CONTAINER)
    repository = _image.repository("Api", CONTAINER)
    group = task_group(network.vpc, "Api", CONTAINER, "Tasks of the REST API")
    connections = (
        *connect(firewall.load_balancer, group, PORT),
        *connect(group, firewall.database, POSTGRES_PORT),
    )
    logs = _task.logs("Api", CONTAINER)
    task_role = _task.task_role(
        "Api",
        CONTAINER,
        database,
        storage.data,
        permissions.send(jobs.queue),
        permissions.look_up(jobs.queue),
    )
    execution_role = permissions.execution_role("ApiExecutionRole", "api-execution", repository, logs.group)
    health_command, has_health = _task.health_command("Api")
    task = _task.definition(
        "Api",
        CONTAINER,
        SPEC.size,
        image=_image.image(repository, image_tag),
        serves=True,
        health=_task.health(health_command, has_health),
        stop_timeout=SPEC.stop_timeout,
        environment={
            **_task.data_environment(database, storage.data),
            "JOB_QUEUE_URL": Ref(jobs.queue),
            "WORKER_URL": url("worker"),
        },
        logs=logs,
        task_role=task_role,
        execution_role=execution_role,
    )
    discovery = _service.discovery("Api", CONTAINER, platform)
    deployment_role = permissions.infrastructure_role(
        "ApiDeploymentRole",
        "api-deployment",
        permissions.shift_traffic(balancing.load_balancer, balancing.blue, balancing.green),
    )
    server_errors = _traffic.server_error_alarm(balancing, DEPLOYMENT_ALARMS)
    latency = _traffic.latency_alarm(balancing, DEPLOYMENT_ALARMS)
    service = Service(
        "ApiService",
        DependsOn=_service.starts_after(network, platform, connections),
        ServiceName=name(CONTAINER),
        Cluster=Ref(platform.cluster),
        TaskDefinition=Ref(task),
        DesiredCount=_service.desired_count(SPEC),
        ForceNewDeployment=_service.forced_deployment(),
        CapacityProviderStrategy=because(
            [CapacityProviderStrategyItem(CapacityProvider="FARGATE", Weight=1)],
            "no Spot: clients wait for its answers",
        ),
        DeploymentConfiguration=DeploymentConfiguration(
            Strategy=because(
                Ref(DEPLOYMENT_STRATEGY), "at 0 tasks too, so that service and weights always agree"
            ),
            CanaryConfiguration=CANARY.choose(
                CanaryConfiguration(
                    CanaryPercent=Ref(CANARY_PERCENT), CanaryBakeTimeInMinutes=Ref(STEP_MINUTES)
                )
            ),
            LinearConfiguration=LINEAR.choose(
                LinearConfiguration(StepPercent=Ref(CANARY_PERCENT), StepBakeTimeInMinutes=Ref(STEP_MINUTES))
            ),
            BakeTimeInMinutes=because(
                ROLLS.choose_not(Ref(BAKE_TIME_MINUTES)), "a rolling deployment has no second colour to keep"
            ),
            MinimumHealthyPercent=100,
            MaximumPercent=200,
            DeploymentCircuitBreaker=_service.circuit_breaker(),
            Alarms=because(
                DEPLOYMENT_ALARMS.choose(
                    DeploymentAlarms(
                        AlarmNames=[Ref(server_errors), Ref(latency)], Enable=True, Rollback=True
                    ),
                    DeploymentAlarms(AlarmNames=[], Enable=False, Rollback=False),
                ),
                "off is said, not left out: ECS would keep the alarms it had",
            ),
        ),
        AvailabilityZoneRebalancing="ENABLED",
        NetworkConfiguration=_service.network(network.private_subnets, group),
        LoadBalancers=[
            LoadBalancer(
                ContainerName=CONTAINER,
                ContainerPort=PORT,
                TargetGroupArn=Ref(balancing.blue),
                AdvancedConfiguration=because(
                    AdvancedConfiguration(
                        AlternateTargetGroupArn=Ref(balancing.green),
                        ProductionListenerRule=Ref(balancing.rule),
                        RoleArn=deployment_role.get_att("Arn"),
                    ),
                    "unused under ROLLING, where it is the documented step before switching",
                ),
            )
        ],
        HealthCheckGracePeriodSeconds=because(60, "to start, before the load balancer's checks count"),
        ServiceRegistries=[ServiceRegistry(RegistryArn=discovery.get_att("Arn"))],
        EnableECSManagedTags=True,
        PropagateTags="SERVICE",
    )
    return Api(
        parameters=(
            image_tag,
            health_command,
            DEPLOYMENT_STRATEGY,
            CANARY_PERCENT,
            STEP_MINUTES,
            BAKE_TIME_MINUTES,
            ENABLE_DEPLOYMENT_ALARMS,
        ),
        conditions=(has_health, ROLLS, CANARY, LINEAR, DEPLOYMENT_ALARMS),
        repository=repository,
        security_group=group,
        connections=connections,
        logs=logs,
        task_role=task_role,
        execution_role=execution_role,
        task=task,
        discovery=discovery,
        deployment_role=deployment_role,
        server_errors=server_errors,
        latency=latency,
        service=service,
        scaling=_scaling.scaling("Api", CONTAINER, SPEC, platform.cluster, service),
        rows=(
            Row((*_service.load("API", CONTAINER, platform), _traffic.healthy_hosts(balancing))),
            _traffic.row(balancing),
        ),
        outputs=(*_service.outputs("Api", discovery, service), *_task.outputs("Api", repository, logs)),
    )
