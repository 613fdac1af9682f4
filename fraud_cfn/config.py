"""Every number and fixed name of the platform, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

REGION = "eu-central-1"
ROOT = Path(__file__).resolve().parent.parent
COMMITTED = ROOT / "templates" / "fraud-platform.yaml"
ENVIRONMENT_SCHEMA = ROOT / "templates" / "environment.schema.json"
LOCAL_HEADER = "x-fraud-cfn-local"  # in each answer of the local endpoint, and in none of AWS's
INLINE_LIMIT = 51_200  # bytes CloudFormation takes in a request; a longer body must come from S3

SUFFIX_PARAMETER = "EnvironmentSuffix"
SUFFIX_FORM = r"^[a-z0-9]+(-[a-z0-9]+)*$"
SUFFIX_MOST = 12  # characters

ZONES = ("A", "B", "C")
PORT = 8080
POSTGRES_PORT = 5432
HEALTH_PATH = "/health"
ROUTED_PATHS = ("/api/*", HEALTH_PATH)

LOG_RETENTION_DAYS = 7
CPU_TARGET_PERCENT = 70
MEMORY_TARGET_PERCENT = 80
SCALE_OUT_COOLDOWN_SECONDS = 60
SCALE_IN_COOLDOWN_SECONDS = 300
BACKLOG_PER_TASK = 10

DATABASE_NAME = "fraud"
POSTGRES_MAJOR = 17  # the parameter group's family; a create-only property


@dataclass(frozen=True)
class TaskSize:
    """A Fargate task size: CPU units (1024 = 1 vCPU) and MiB, a pair that Fargate offers.

    Source: Amazon ECS Developer Guide, "Amazon ECS task definition parameters for Fargate".
    """

    cpu: int
    memory: int


@dataclass(frozen=True)
class ServiceSpec:
    """Size of a task, and the least and most tasks that scaling may choose once services are enabled."""

    size: TaskSize
    least: int
    most: int
    stop_timeout: int  # seconds between SIGTERM and SIGKILL; Fargate allows 120
