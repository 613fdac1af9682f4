"""API service: the REST API behind the load balancer, deployed blue/green."""

from __future__ import annotations

from dataclasses import dataclass

from troposphere import Ref
from troposphere.cloudwatch import Alarm, Metric, MetricDataQuery, MetricDimension, MetricStat
from troposphere.ecr import Repository
from troposphere.ecs import (
    AdvancedConfiguration,
    CapacityProviderStrategyItem,
    DeploymentAlarms,
    DeploymentConfiguration,
    LoadBalancer,
    Service,
    ServiceRegistry,
    TaskDefinition,
)
from troposphere.iam import Role
from troposphere.servicediscovery import Service as DiscoveryService

from fraud_cfn.config import API, PORT
from fraud_cfn.platform import permissions
from fraud_cfn.platform.cluster import Platform
from fraud_cfn.platform.database import Database
from fraud_cfn.platform.firewall import Firewall
from fraud_cfn.platform.load_balancer import Balancing
from fraud_cfn.platform.messaging import Messaging
from fraud_cfn.platform.naming import name, url
from fraud_cfn.platform.network import Network
from fraud_cfn.platform.parameters import (
    API_BAKE_TIME_MINUTES,
    API_IMAGE_TAG,
    BLUE_GREEN,
    DEPLOYMENT_ALARMS,
    LIVE,
)
from fraud_cfn.platform.services import _image, _scaling, _service, _task
from fraud_cfn.platform.storage import Storage

CONTAINER = "api"


@dataclass(frozen=True)
class Api:
    repository: Repository
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


def build(
    network: Network,
    firewall: Firewall,
    platform: Platform,
    balancing: Balancing,
    database: Database,
    messaging: Messaging,
    storage: Storage,
) -> Api:
    repository = _image.repository("Api", CONTAINER)
    logs = _task.logs("Api", CONTAINER)
    task_role = _task.task_role("Api", CONTAINER, database, storage.data, permissions.send(messaging.jobs))
    execution_role = permissions.execution_role("ApiExecutionRole", "api-execution", repository, logs.group)
    task = _task.definition(
        "Api",
        CONTAINER,
        API.size,
        image=_image.image(repository, API_IMAGE_TAG),
        serves=True,
        stop_timeout=API.stop_timeout,
        environment={
            **_task.data_environment(database, storage.data),
            "JOB_QUEUE_URL": Ref(messaging.jobs),
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
    server_errors, latency = _server_error_alarm(balancing), _latency_alarm(balancing)
    service = Service(
        "ApiService",
        DependsOn=[network.private_default_route, platform.capacity_providers],
        ServiceName=name(CONTAINER),
        Cluster=Ref(platform.cluster),
        TaskDefinition=Ref(task),
        # Left out while enabled: ECS then keeps the count that scaling chose.
        DesiredCount=LIVE.choose_not(0),
        CapacityProviderStrategy=[CapacityProviderStrategyItem(CapacityProvider="FARGATE", Weight=1)],
        DeploymentConfiguration=DeploymentConfiguration(
            Strategy=BLUE_GREEN.choose("BLUE_GREEN", "ROLLING"),
            BakeTimeInMinutes=BLUE_GREEN.choose(Ref(API_BAKE_TIME_MINUTES)),
            MinimumHealthyPercent=100,
            MaximumPercent=200,
            DeploymentCircuitBreaker=_service.circuit_breaker(),
            Alarms=DEPLOYMENT_ALARMS.choose(
                DeploymentAlarms(AlarmNames=[Ref(server_errors), Ref(latency)], Enable=True, Rollback=True),
                # Said, not left out: ECS would keep the alarms it had.
                DeploymentAlarms(AlarmNames=[], Enable=False, Rollback=False),
            ),
        ),
        AvailabilityZoneRebalancing="ENABLED",
        NetworkConfiguration=_service.network(network.private_subnets, firewall.api),
        LoadBalancers=[
            LoadBalancer(
                ContainerName=CONTAINER,
                ContainerPort=PORT,
                TargetGroupArn=Ref(balancing.blue),
                # Used under BLUE_GREEN; under ROLLING it is the documented step before switching.
                AdvancedConfiguration=AdvancedConfiguration(
                    AlternateTargetGroupArn=Ref(balancing.green),
                    ProductionListenerRule=Ref(balancing.rule),
                    RoleArn=deployment_role.get_att("Arn"),
                ),
            )
        ],
        HealthCheckGracePeriodSeconds=60,
        ServiceRegistries=[ServiceRegistry(RegistryArn=discovery.get_att("Arn"))],
        EnableECSManagedTags=True,
        PropagateTags="SERVICE",
    )
    return Api(
        repository=repository,
        logs=logs,
        task_role=task_role,
        execution_role=execution_role,
        task=task,
        discovery=discovery,
        deployment_role=deployment_role,
        server_errors=server_errors,
        latency=latency,
        service=service,
        scaling=_scaling.scaling("Api", CONTAINER, API, platform.cluster, service),
    )


# ── Alarms that roll a deployment back; nobody is called ───────────────────────────────────────────


def _server_error_alarm(balancing: Balancing) -> Alarm:
    """Over 5 % of the requests answered with 5xx, in two of three minutes.

    The load balancer counts its own 5xx (no healthy host, a host that hangs up) apart from the API's.
    """
    return Alarm(
        "ApiServerErrorAlarm",
        Condition=DEPLOYMENT_ALARMS.title,
        AlarmName=name("api-5xx-rate"),
        AlarmDescription="Rolls a deployment of the API back: share of 5xx answers, in percent",
        Metrics=[
            _load_balancer_metric(balancing, "errors", "HTTPCode_Target_5XX_Count"),
            _load_balancer_metric(balancing, "refused", "HTTPCode_ELB_5XX_Count"),
            _load_balancer_metric(balancing, "requests", "RequestCount"),
            MetricDataQuery(
                Id="rate",
                Label="5xx rate (%)",
                Expression=error_rate("FILL(errors,0)+FILL(refused,0)"),
                ReturnData=True,
            ),
        ],
        Threshold=5,
        **_IN_TWO_OF_THREE,
    )


def _latency_alarm(balancing: Balancing) -> Alarm:
    """The slowest 1 % of the requests took over 2 seconds, in two of three minutes."""
    return Alarm(
        "ApiLatencyAlarm",
        Condition=DEPLOYMENT_ALARMS.title,
        AlarmName=name("api-latency"),
        AlarmDescription="Rolls a deployment of the API back: p99 response time, in seconds",
        Namespace=_ELB,
        MetricName="TargetResponseTime",
        Dimensions=_dimensions(balancing),
        ExtendedStatistic="p99",
        EvaluateLowSampleCountPercentile="ignore",
        Period=60,
        Threshold=2,
        **_IN_TWO_OF_THREE,
    )


def error_rate(errors: str) -> str:
    """Metric math: those errors in percent of `requests`; of no requests at all, 100 if there are any."""
    requests = "FILL(requests,0)"
    return f"IF({requests}>0,100*({errors})/{requests},IF(({errors})>0,100,0))"


_ELB = "AWS/ApplicationELB"
_IN_TWO_OF_THREE = {
    "ComparisonOperator": "GreaterThanThreshold",
    "EvaluationPeriods": 3,
    "DatapointsToAlarm": 2,
    "TreatMissingData": "notBreaching",
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
