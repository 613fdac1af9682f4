"""What holds for the task of every workload."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from fraud_cfn.template.document import read
from tests.lens import BALANCED, SERVICES, WORKLOADS, Lens, kebab
from tests.required import LOG_DAYS, SIZES

PARAMETERS = read().template["Parameters"]
workloads = pytest.mark.parametrize("workload", WORKLOADS)


def containers(lens: Lens, workload: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The workload's own container and the tracing sidecar."""
    app, sidecar = lens[f"{workload}TaskDefinition"]["ContainerDefinitions"]
    return app, sidecar


def environment(container: dict[str, Any]) -> dict[str, str]:
    return {pair["Name"]: pair["Value"] for pair in container["Environment"]}


@workloads
def test_task_runs_on_fargate(base: Lens, workload: str) -> None:
    task = base[f"{workload}TaskDefinition"]
    assert task["RequiresCompatibilities"] == ["FARGATE"]
    assert task["NetworkMode"] == "awsvpc"
    assert task["Family"] == f"fraud-{kebab(workload)}-dev"
    assert task["TaskRoleArn"] == f"<{workload}TaskRole.Arn>"


@pytest.mark.parametrize("workload", SIZES)
def test_task_has_its_size(base: Lens, workload: str) -> None:
    task = base[f"{workload}TaskDefinition"]
    assert (task["Cpu"], task["Memory"]) == SIZES[workload]


@workloads
def test_images_may_be_of_either_architecture(base: Lens, workload: str) -> None:
    task = f"{workload}TaskDefinition"
    assert base[task]["RuntimePlatform"]["CpuArchitecture"] == "X86_64"
    assert base.under(CpuArchitecture="ARM64")[task]["RuntimePlatform"]["CpuArchitecture"] == "ARM64"


@workloads
def test_image_is_the_tag_in_its_own_repository(base: Lens, workload: str) -> None:
    lens = base.under(**{f"{workload}ImageTag": "v1.2"})
    assert containers(lens, workload)[0]["Image"] == f"<{workload}Repository.RepositoryUri>:v1.2"


@workloads
def test_container_is_locked_down(base: Lens, workload: str) -> None:
    app, _ = containers(base, workload)
    assert app["Name"] == kebab(workload)
    linux = app["LinuxParameters"]
    assert app["User"] == "10001:10001"
    assert app["ReadonlyRootFilesystem"] is True
    assert linux["Capabilities"] == {"Drop": ["ALL"]}
    assert linux["InitProcessEnabled"] is True
    assert linux["Tmpfs"] == [
        {"ContainerPath": "/tmp", "Size": 64, "MountOptions": ["rw", "nosuid", "nodev", "noexec"]}  # noqa: S108
    ]
    assert "Privileged" not in app


def is_own(variable: str) -> bool:
    """Whether only that workload is told it: where its peers and its queues are."""
    return variable.endswith("_URL")


@workloads
def test_container_knows_its_data_and_its_tracing(base: Lens, workload: str) -> None:
    variables = environment(containers(base, workload)[0])
    assert {key: value for key, value in variables.items() if not is_own(key)} == {
        "DATABASE_HOST": "<DatabaseCluster.Endpoint.Address>",
        "DATABASE_READER_HOST": "<DatabaseCluster.ReadEndpoint.Address>",
        "DATABASE_PORT": "5432",
        "DATABASE_NAME": "fraud",
        "DATA_BUCKET": "<DataBucket>",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_PROPAGATORS": "xray,tracecontext",
        "OTEL_SERVICE_NAME": f"fraud-{kebab(workload)}-dev",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    }


@pytest.mark.parametrize(
    ("workload", "expected"),
    [
        ("Api", {"JOB_QUEUE_URL": "<JobQueue>", "WORKER_URL": "http://worker.fraud-dev.internal:8080"}),
        ("Worker", {"JOB_QUEUE_URL": "<JobQueue>", "API_URL": "http://api.fraud-dev.internal:8080"}),
        (
            "Job",
            {
                "API_URL": "http://api.fraud-dev.internal:8080",
                "WORKER_URL": "http://worker.fraud-dev.internal:8080",
            },
        ),
    ],
)
def test_container_knows_its_queue_and_its_peers(base: Lens, workload: str, expected: dict[str, str]) -> None:
    variables = environment(containers(base, workload)[0])
    assert {key: value for key, value in variables.items() if is_own(key)} == expected


@workloads
def test_a_peers_url_is_the_name_under_which_it_registers_and_the_firewall_lets_through(
    base: Lens, workload: str
) -> None:
    namespace = base["Namespace"]["Name"]
    names = {f"{base[f'{service}Discovery']['Name']}.{namespace}": service for service in SERVICES}
    for key, value in environment(containers(base, workload)[0]).items():
        if not key.endswith("_URL") or value.startswith("<"):
            continue
        host, port = value.removeprefix("http://").split(":")
        peer = names[host]
        assert key == f"{kebab(peer).replace('-', '_').upper()}_URL"
        assert port == str(containers(base, peer)[0]["PortMappings"][0]["ContainerPort"])
        assert f"{workload}To{peer}" in base.resources, (
            f"{workload} is told {key}, and no rule lets it through"
        )
        way = base[f"{workload}To{peer}"]
        assert (way["DestinationSecurityGroupId"], str(way["ToPort"])) == (f"<{peer}SecurityGroup>", port)


@workloads
def test_a_queues_url_is_of_a_queue_that_the_workload_may_use(base: Lens, workload: str) -> None:
    policies = base[f"{workload}TaskRole"]["Policies"]
    granted = [s["Resource"] for policy in policies for s in policy["PolicyDocument"]["Statement"]]
    told = [v for k, v in environment(containers(base, workload)[0]).items() if k.endswith("QUEUE_URL")]
    for queue in told:
        assert [f"{queue.removesuffix('>')}.Arn>"] in granted


@workloads
def test_container_gets_existing_secrets_by_their_full_arn(base: Lens, workload: str) -> None:
    database = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:fraud-database-dev-AbCdEf"
    secrets = {s["Name"]: s["ValueFrom"] for s in containers(base, workload)[0]["Secrets"]}
    assert secrets == {
        "DATABASE_USERNAME": f"{database}:username::",
        "DATABASE_PASSWORD": f"{database}:password::",
        "API_KEYS": "arn:aws:secretsmanager:eu-central-1:111122223333:secret:fraud-api-keys-dev-AbCdEf",
    }


@workloads
def test_container_gets_the_chosen_version_of_the_password_and_user(base: Lens, workload: str) -> None:
    version = "0b1c2d3e-1111-2222-3333-444455556666"
    lens = base.under(DatabaseCredentialsVersion=version)
    before, after = (
        {s["Name"]: s["ValueFrom"] for s in containers(which, workload)[0]["Secrets"]}
        for which in (base, lens)
    )
    assert after == {name: value if name == "API_KEYS" else value + version for name, value in before.items()}


@workloads
def test_a_customer_managed_key_encrypts_the_logs(base: Lens, workload: str) -> None:
    key = "arn:aws:kms:eu-central-1:111122223333:key/0b1c2d3e-1111-2222-3333-444455556666"
    logs = {"LogGroupName": f"/ecs/fraud-{kebab(workload)}-dev", "RetentionInDays": LOG_DAYS}
    assert base[f"{workload}Logs"] == logs
    assert base.under(DataKmsKeyArn=key)[f"{workload}Logs"] == logs | {"KmsKeyId": key}


@pytest.mark.parametrize(("workload", "seconds"), [("Api", 60), ("Worker", 120), ("Job", 120)])
def test_container_has_time_to_stop(base: Lens, workload: str, seconds: int) -> None:
    assert containers(base, workload)[0]["StopTimeout"] == seconds


@workloads
def test_both_containers_log_to_the_workloads_group_without_blocking(base: Lens, workload: str) -> None:
    for container, prefix in zip(containers(base, workload), ("app", "tracing"), strict=True):
        assert container["LogConfiguration"] == {
            "LogDriver": "awslogs",
            "Options": {
                "awslogs-group": f"<{workload}Logs>",
                "awslogs-region": "eu-central-1",
                "awslogs-stream-prefix": prefix,
                "mode": "non-blocking",
                "max-buffer-size": "10m",
            },
        }


@workloads
def test_errors_in_the_logs_are_counted(base: Lens, workload: str) -> None:
    errors = base[f"{workload}Errors"]
    assert (errors["LogGroupName"], errors["FilterPattern"]) == (f"<{workload}Logs>", "ERROR")
    (metric,) = errors["MetricTransformations"]
    assert metric["Unit"] == "Count"
    assert (metric["MetricValue"], metric["DefaultValue"]) == ("1", 0), "0 where a line has no error"
    assert (metric["MetricNamespace"], metric["MetricName"]) == (
        "Fraud",
        f"fraud-{kebab(workload)}-errors-dev",
    )


@workloads
def test_tracing_sidecar_fits_beside_the_workload_and_never_stops_it(base: Lens, workload: str) -> None:
    app, sidecar = containers(base, workload)
    assert sidecar["Name"] == "tracing"
    assert sidecar["Image"] == "public.ecr.aws/aws-observability/aws-otel-collector:v0.50.0"
    assert sidecar["Essential"] is False
    assert sidecar["RestartPolicy"] == {"Enabled": True, "RestartAttemptPeriod": 60}
    assert app["Cpu"] + sidecar["Cpu"] == int(base[f"{workload}TaskDefinition"]["Cpu"]), (
        "the workload outweighs its sidecar"
    )
    assert (sidecar["Cpu"], sidecar["MemoryReservation"], sidecar["Memory"]) == (32, 64, 128)
    assert sidecar["HealthCheck"] == {
        "Command": ["CMD", "/healthcheck"],  # the image has no shell
        "Interval": 10,
        "Timeout": 5,
        "Retries": 3,
        "StartPeriod": 10,
    }
    assert sidecar["ReadonlyRootFilesystem"] is True
    assert sidecar["LinuxParameters"] == {"Capabilities": {"Drop": ["ALL"]}}
    assert sidecar["User"] == "4317:4317", "its image's own, said aloud"
    assert app["Memory"] == int(base[f"{workload}TaskDefinition"]["Memory"]) - 128, (
        "a hard limit: all that the sidecar cannot take"
    )
    assert environment(sidecar)["GOMEMLIMIT"] == "100MiB", "below the hard limit"
    assert app["DependsOn"] == [{"ContainerName": "tracing", "Condition": "START"}]


@workloads
def test_collector_listens_where_the_workload_sends_and_sends_to_xray(base: Lens, workload: str) -> None:
    app, sidecar = containers(base, workload)
    assert set(environment(sidecar)) == {"AOT_CONFIG_CONTENT", "GOMEMLIMIT"}
    text, sends = environment(sidecar)["AOT_CONFIG_CONTENT"], environment(app)
    assert yaml.safe_load(text) == {
        "extensions": {"health_check": None},
        "receivers": {
            "awsxray": {"endpoint": sends["AWS_XRAY_DAEMON_ADDRESS"], "transport": "udp"},
            "otlp": {
                "protocols": {
                    "grpc": {"endpoint": "127.0.0.1:4317"},
                    "http": {"endpoint": sends["OTEL_EXPORTER_OTLP_ENDPOINT"].removeprefix("http://")},
                }
            },
        },
        "processors": {
            "memory_limiter": {"check_interval": "1s", "limit_mib": 70, "spike_limit_mib": 15},
            "batch": None,
        },
        "exporters": {"awsxray": None},
        "service": {
            "extensions": ["health_check"],
            "pipelines": {
                "traces": {
                    "receivers": ["awsxray", "otlp"],
                    "processors": ["memory_limiter", "batch"],
                    "exporters": ["awsxray"],
                }
            },
        },
    }, "it listens to its own task only, and sends nothing elsewhere"
    assert keys_said_twice(yaml.compose(text)) == [], "the collector refuses that"
    assert sidecar["Memory"] > 70 + 15


def keys_said_twice(node: Any) -> list[str]:
    """`yaml.safe_load` takes the last of them."""
    if isinstance(node, yaml.SequenceNode):
        return [key for item in node.value for key in keys_said_twice(item)]
    if not isinstance(node, yaml.MappingNode):
        return []
    keys = [key.value for key, _ in node.value]
    inside = [key for _, value in node.value for key in keys_said_twice(value)]
    return [key for key in set(keys) if keys.count(key) > 1] + inside


@pytest.mark.parametrize(
    "service", [name.removesuffix("HealthCommand") for name in PARAMETERS if name.endswith("HealthCommand")]
)
def test_a_health_command_becomes_the_containers_health_check(base: Lens, service: str) -> None:
    app, _ = containers(base, service)
    assert "HealthCheck" not in app
    app, _ = containers(base.under(**{f"{service}HealthCommand": "test -e /tmp/ready"}), service)
    assert app["HealthCheck"] == {
        "Command": ["CMD-SHELL", "test -e /tmp/ready"],
        "Interval": 10,
        "Timeout": 5,
        "Retries": 3,
        "StartPeriod": 60,
    }


@workloads
def test_a_rotated_password_reaches_the_containers_by_its_version(base: Lens, workload: str) -> None:
    version = "EXAMPLE1-90ab-cdef-fedc-ba987EXAMPLE"
    app, _ = containers(base.under(DatabaseCredentialsVersion=version), workload)
    values = {secret["Name"]: secret["ValueFrom"] for secret in app["Secrets"]}
    assert values["DATABASE_PASSWORD"].endswith(f":password::{version}")
    assert values["DATABASE_USERNAME"].endswith(f":username::{version}")
    assert not values["API_KEYS"].endswith(version)


@workloads
def test_a_task_has_nothing_that_nobody_asked_for(base: Lens, workload: str) -> None:
    """No volume, no shell's command, no namespace shared: a property too many is as bad as one too few."""
    assert set(base[f"{workload}TaskDefinition"]) == {
        "Family",
        "Cpu",
        "Memory",
        "NetworkMode",
        "RequiresCompatibilities",
        "RuntimePlatform",
        "TaskRoleArn",
        "ExecutionRoleArn",
        "ContainerDefinitions",
    }
    app, sidecar = containers(base, workload)
    shared = {
        "Name",
        "Image",
        "Essential",
        "Cpu",
        "Memory",
        "User",
        "ReadonlyRootFilesystem",
        "LinuxParameters",
        "Environment",
        "LogConfiguration",
    }
    serves = {"PortMappings"} if workload in SERVICES else set[str]()
    assert set(app) == shared | serves | {"StopTimeout", "DependsOn", "Secrets"}
    assert set(sidecar) == shared | {"RestartPolicy", "MemoryReservation", "HealthCheck"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_nothing_that_nobody_asked_for(live: Lens, service: str) -> None:
    """No shell into its tasks, no pinned platform version, no volume."""
    balanced = {"LoadBalancers", "HealthCheckGracePeriodSeconds"} if service in BALANCED else set[str]()
    assert set(live[f"{service}Service"]) == balanced | {
        "ServiceName",
        "Cluster",
        "TaskDefinition",
        "ForceNewDeployment",
        "CapacityProviderStrategy",
        "DeploymentConfiguration",
        "AvailabilityZoneRebalancing",
        "NetworkConfiguration",
        "ServiceRegistries",
        "EnableECSManagedTags",
        "PropagateTags",
    }


@workloads
def test_roles_take_no_managed_policy_and_no_longer_session(base: Lens, workload: str) -> None:
    for role in (f"{workload}TaskRole", f"{workload}ExecutionRole"):
        assert set(base[role]) == {"RoleName", "AssumeRolePolicyDocument", "Policies"}
        assert len(base[role]["AssumeRolePolicyDocument"]["Statement"]) == 1
