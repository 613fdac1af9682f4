"""What every workload's task has: container, tracing sidecar, logs, roles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from troposphere import GetAtt, If, Output, Parameter, Ref, Sub
from troposphere.ecr import Repository
from troposphere.ecs import (
    ContainerDefinition,
    ContainerDependency,
    Environment,
    HealthCheck,
    KernelCapabilities,
    LinuxParameters,
    LogConfiguration,
    PortMapping,
    RestartPolicy,
    RuntimePlatform,
    Secret,
    TaskDefinition,
    Tmpfs,
)
from troposphere.iam import Role
from troposphere.logs import LogGroup, MetricFilter, MetricTransformation
from troposphere.s3 import Bucket

from fraud_cfn.config import DATABASE_NAME, LOG_RETENTION_DAYS, PORT, POSTGRES_PORT, TaskSize
from fraud_cfn.platform import parameters, permissions
from fraud_cfn.platform.database import Database
from fraud_cfn.platform.intrinsics import DELETED, REGION, Condition, because, sub
from fraud_cfn.platform.naming import name
from fraud_cfn.platform.parameters import (
    API_KEYS_ARN,
    COLLECTOR,
    CPU_ARCHITECTURE,
    DATA_KMS_KEY,
    DATA_KMS_KEY_ARN,
    DATABASE_CREDENTIALS_ARN,
    DATABASE_CREDENTIALS_VERSION,
    TRACING_IMAGE,
)

METRICS_NAMESPACE = "Fraud"
USER = "10001:10001"
TMP_MIB = 64
SIDECAR = "tracing"
_SIDECAR_CPU = 32
_SIDECAR_RESERVED_MIB, _SIDECAR_MOST_MIB = 64, 128
_SIDECAR_USER = "4317:4317"


@dataclass(frozen=True)
class TaskLogs:
    group: LogGroup
    errors: MetricFilter


def logs(title: str, service: str) -> TaskLogs:
    """The log group, and a metric that counts its lines with ERROR."""
    group = LogGroup(
        f"{title}Logs",
        **DELETED,
        LogGroupName=sub(f"/ecs/fraud-{service}-{{suffix}}"),
        KmsKeyId=DATA_KMS_KEY.choose(Ref(DATA_KMS_KEY_ARN)),
        RetentionInDays=LOG_RETENTION_DAYS,
    )
    errors = MetricFilter(
        f"{title}Errors",
        LogGroupName=Ref(group),
        FilterPattern="ERROR",
        MetricTransformations=[
            MetricTransformation(
                MetricNamespace=METRICS_NAMESPACE,
                MetricName=error_metric(service),
                MetricValue="1",
                DefaultValue=because(0, "with one it takes no dimension: the suffix is in its name"),
                Unit="Count",
            )
        ],
    )
    return TaskLogs(group, errors)


def error_metric(service: str) -> Sub:
    """The name of the metric that counts the workload's errors."""
    return name(f"{service}-errors")


def task_role(title: str, service: str, database: Database, data: Bucket, *own: permissions.Grant) -> Role:
    """What the running containers may do: `own`, and what all workloads share."""
    return permissions.task_role(
        f"{title}TaskRole",
        f"{service}-task",
        *own,
        permissions.use_data(data),
        permissions.connect(database.cluster, f"fraud_{service}".replace("-", "_")),
        permissions.send_traces(),
    )


def data_environment(database: Database, data: Bucket) -> dict[str, str | GetAtt | Ref | If]:
    """Where the database and the bucket are. Without a reader, Aurora's reader endpoint is the writer."""
    cluster = database.cluster
    return {
        "DATABASE_HOST": cluster.get_att("Endpoint.Address"),
        "DATABASE_READER_HOST": cluster.get_att("ReadEndpoint.Address"),
        "DATABASE_PORT": str(POSTGRES_PORT),
        "DATABASE_NAME": DATABASE_NAME,
        "DATA_BUCKET": Ref(data),
    }


def definition(
    title: str,
    service: str,
    size: TaskSize,
    *,
    image: Sub,
    serves: bool,
    health: If | None = None,
    stop_timeout: int,
    environment: Mapping[str, str | GetAtt | Ref | Sub | If],
    logs: TaskLogs,
    task_role: Role,
    execution_role: Role,
) -> TaskDefinition:
    """The Fargate task: the workload's container and the tracing sidecar."""
    app = ContainerDefinition(
        Name=service,
        Image=image,
        Essential=True,
        Cpu=because(
            size.cpu - _SIDECAR_CPU, "all that the sidecar does not reserve, which else would outweigh it"
        ),
        Memory=because(
            size.memory - _SIDECAR_MOST_MIB,
            "hard, all that the sidecar cannot take: Control Tower refuses a container without",
        ),
        User=because(USER, "not root"),
        ReadonlyRootFilesystem=because(True, "what must be written goes to /tmp, in memory"),
        LinuxParameters=LinuxParameters(
            Capabilities=KernelCapabilities(Drop=["ALL"]),
            InitProcessEnabled=True,
            Tmpfs=[
                Tmpfs(ContainerPath="/tmp", Size=TMP_MIB, MountOptions=["rw", "nosuid", "nodev", "noexec"])  # noqa: S108
            ],
        ),
        StopTimeout=stop_timeout,
        DependsOn=because(
            [ContainerDependency(ContainerName=SIDECAR, Condition="START")],
            "started, not healthy: tracing must not keep the workload from starting",
        ),
        Environment=[
            *(Environment(Name=key, Value=value) for key, value in environment.items()),
            Environment(Name="AWS_XRAY_DAEMON_ADDRESS", Value="127.0.0.1:2000"),
            Environment(Name="OTEL_EXPORTER_OTLP_ENDPOINT", Value="http://127.0.0.1:4318"),
            Environment(Name="OTEL_EXPORTER_OTLP_PROTOCOL", Value="http/protobuf"),
            Environment(Name="OTEL_PROPAGATORS", Value="xray,tracecontext"),
            Environment(Name="OTEL_SERVICE_NAME", Value=name(service)),
            Environment(
                Name="OTEL_METRICS_EXPORTER",
                Value=because(
                    "none", "the sidecar takes traces only: an SDK that sent more would log errors"
                ),
            ),
            Environment(Name="OTEL_LOGS_EXPORTER", Value="none"),
        ],
        Secrets=[
            Secret(
                Name="DATABASE_USERNAME",
                ValueFrom=because(
                    _secret_key("username"), "<arn>:<key>:<stage>:<version>; no version is the current one"
                ),
            ),
            Secret(Name="DATABASE_PASSWORD", ValueFrom=_secret_key("password")),
            Secret(Name="API_KEYS", ValueFrom=Ref(API_KEYS_ARN)),
        ],
        LogConfiguration=_log_to(logs.group, "app"),
    )
    if health:
        app.HealthCheck = because(health, "without one, a task that hangs counts as healthy")
    if serves:
        app.PortMappings = [PortMapping(ContainerPort=PORT, Protocol="tcp")]
    return TaskDefinition(
        f"{title}TaskDefinition",
        Family=name(service),
        Cpu=str(size.cpu),
        Memory=str(size.memory),
        NetworkMode="awsvpc",
        RequiresCompatibilities=["FARGATE"],
        RuntimePlatform=RuntimePlatform(CpuArchitecture=Ref(CPU_ARCHITECTURE), OperatingSystemFamily="LINUX"),
        TaskRoleArn=because(task_role.get_att("Arn"), "what its containers may do"),
        ExecutionRoleArn=because(execution_role.get_att("Arn"), "what starts it: image, logs, secrets"),
        ContainerDefinitions=[app, _sidecar(logs.group)],
    )


def health_command(title: str) -> tuple[Parameter, Condition]:
    """A health check that the image brings, if it does: without one a task that hangs counts as healthy."""
    command = parameters.text(
        f"{title}HealthCommand",
        "Shell command that succeeds in a healthy container; empty: none",
        r"^((?!CMD|\[\")\S(.{0,254}\S)?)?$",
        "empty or one line for a shell, up to 256 characters, not CMD nor JSON",
        default="",
    )
    return command, Condition(f"Has{title}HealthCommand", parameters.given(command))


def health(command: Parameter, given: Condition) -> If:
    """Every 10 s, unhealthy after three failures, with a minute to start."""
    return given.choose(
        HealthCheck(Command=["CMD-SHELL", Ref(command)], Interval=10, Timeout=5, Retries=3, StartPeriod=60)
    )


def outputs(title: str, repository: Repository, logs: TaskLogs) -> tuple[Output, Output]:
    return (
        Output(
            f"{title}RepositoryUri",
            Description="Push the image here",
            Value=repository.get_att("RepositoryUri"),
        ),
        Output(f"{title}LogGroupName", Description="Logs of the tasks", Value=Ref(logs.group)),
    )


def _sidecar(log_group: LogGroup) -> ContainerDefinition:
    """The AWS Distro for OpenTelemetry collector, where the X-Ray daemon used to be."""
    return ContainerDefinition(
        Name=SIDECAR,
        Image=Ref(TRACING_IMAGE),
        Essential=because(False, "without it the workload goes on, untraced, and ECS starts it again"),
        RestartPolicy=RestartPolicy(
            Enabled=True,
            RestartAttemptPeriod=because(60, "seconds that it must have run; 300 is the default"),
        ),
        Cpu=_SIDECAR_CPU,
        MemoryReservation=_SIDECAR_RESERVED_MIB,
        Memory=_SIDECAR_MOST_MIB,
        User=because(_SIDECAR_USER, "its image's own, said aloud: Control Tower asks for one"),
        ReadonlyRootFilesystem=True,
        LinuxParameters=LinuxParameters(Capabilities=KernelCapabilities(Drop=["ALL"])),
        Environment=[
            Environment(Name="AOT_CONFIG_CONTENT", Value=COLLECTOR),
            Environment(Name="GOMEMLIMIT", Value=because("100MiB", "below its hard limit")),
        ],
        HealthCheck=HealthCheck(
            Command=["CMD", "/healthcheck"], Interval=10, Timeout=5, Retries=3, StartPeriod=10
        ),
        LogConfiguration=_log_to(log_group, SIDECAR),
    )


def _log_to(log_group: LogGroup, prefix: str) -> LogConfiguration:
    return LogConfiguration(
        LogDriver="awslogs",
        Options={
            "awslogs-group": Ref(log_group),
            "awslogs-region": REGION,
            "awslogs-stream-prefix": prefix,
            "mode": because(
                "non-blocking",
                "a slow CloudWatch drops lines beyond the buffer rather than stop the workload",
            ),
            "max-buffer-size": "10m",
        },
    )


def _secret_key(key: str) -> Sub:
    """One key of the database's secret, which is JSON, in the version that was chosen."""
    secret, version = Ref(DATABASE_CREDENTIALS_ARN), Ref(DATABASE_CREDENTIALS_VERSION)
    return sub(f"{{secret}}:{key}::{{version}}", secret=secret, version=version)
