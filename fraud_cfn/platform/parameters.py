"""Parameters, conditions, the one rule and the one mapping of the template."""

from __future__ import annotations

from troposphere import And, Equals, FindInMap, Not, Parameter, Ref
from troposphere import Condition as ConditionReference

from fraud_cfn import names
from fraud_cfn.config import POSTGRES_MAJOR, REGION, SUFFIX_FORM, SUFFIX_MOST, SUFFIX_PARAMETER
from fraud_cfn.platform.intrinsics import Condition

_IMAGE_TAG = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$"
_SECRET_ARN = rf"^arn:aws:secretsmanager:{REGION}:\d{{12}}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{{6}}$"
_SECRET_ARN_RULE = f"a full Secrets Manager ARN in {REGION}, with its six random characters at the end"
_OCTET = r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"


def _text(title: str, description: str, pattern: str, rule: str, default: str | None = None) -> Parameter:
    parameter = Parameter(
        title,
        Type="String",
        Description=description,
        AllowedPattern=pattern,
        ConstraintDescription=f"must be {rule}",
    )
    if default is not None:
        parameter.Default = default
    return parameter


def _choice(title: str, description: str, *values: str) -> Parameter:
    """A choice whose first value is the default."""
    return Parameter(
        title,
        Type="String",
        Description=description,
        AllowedValues=list(values),
        Default=values[0],
        ConstraintDescription=f"must be {' or '.join(values)}",
    )


def _number(title: str, description: str, default: float, least: int, most: int, rule: str) -> Parameter:
    return Parameter(
        title,
        Type="Number",
        Description=description,
        MinValue=least,
        MaxValue=most,
        Default=default,
        ConstraintDescription=f"must be {rule}",
    )


def _image_tag(title: str, service: str) -> Parameter:
    return _text(
        title,
        f"Tag of the image to run, in the repository fraud-{service}-<suffix>; changing it is a release",
        _IMAGE_TAG,
        "an image tag: up to 128 letters, digits, and . _ - (not first)",
        default="latest",
    )


ENVIRONMENT_SUFFIX = Parameter(
    SUFFIX_PARAMETER,
    Type="String",
    Description="Ends every name: fraud-<thing>-<suffix>; cannot be changed later",
    AllowedPattern=SUFFIX_FORM,
    MinLength=1,
    MaxLength=SUFFIX_MOST,
    ConstraintDescription=(
        f"must be 1 to {SUFFIX_MOST} lower-case letters and digits, with single hyphens between them"
    ),
)
SERVICES_ENABLED = _choice(
    names.SERVICES_ENABLED,
    "false runs no task and needs no image; true lets scaling and the schedule start tasks",
    "false",
    "true",
)
API_IMAGE_TAG = _image_tag("ApiImageTag", "api")
WORKER_IMAGE_TAG = _image_tag("WorkerImageTag", "worker")
JOB_IMAGE_TAG = _image_tag("JobImageTag", "job")
DATABASE_CREDENTIALS_ARN = _text(
    names.DATABASE_CREDENTIALS_ARN,
    "Existing secret: JSON with username and password of the database's first user",
    _SECRET_ARN,
    _SECRET_ARN_RULE,
)
DATABASE_CREDENTIALS_VERSION = _text(
    "DatabaseCredentialsVersion",
    "Version id of the database secret; another one brings a rotated password to Aurora and to the tasks; "
    "empty: the current one, read when the reference itself changes",
    r"^([A-Za-z0-9-]{32,64})?$",
    "empty or the version id of a secret, 32 to 64 letters, digits and hyphens",
    default="",
)
API_KEYS_ARN = _text(
    names.API_KEYS_ARN,
    "Existing secret: the API keys, handed to the containers",
    _SECRET_ARN,
    _SECRET_ARN_RULE,
)
SECRETS_KMS_KEY_ARN = _text(
    names.SECRETS_KMS_KEY_ARN,
    "Customer managed key of those secrets; empty where they use aws/secretsmanager",
    rf"^(arn:aws:kms:{REGION}:\d{{12}}:key/[A-Za-z0-9-]+)?$",
    f"empty or the ARN of a KMS key in {REGION} (not of an alias)",
    default="",
)
DATA_KMS_KEY_ARN = _text(
    "DataKmsKeyArn",
    "Customer managed key for all data at rest; cannot be changed later; empty: keys of AWS",
    rf"^(arn:aws:kms:{REGION}:\d{{12}}:key/[A-Za-z0-9-]+)?$",
    f"empty or the ARN of a KMS key in {REGION} (not of an alias)",
    default="",
)
VPC_CIDR = _text(
    names.VPC_CIDR,
    "Addresses of the VPC; cannot be changed later",
    rf"^(10\.{_OCTET}|172\.(1[6-9]|2\d|3[01])|192\.168)\.0\.0/16$",
    "a private IPv4 block of size /16, such as 10.20.0.0/16",
    default="10.0.0.0/16",
)
INGRESS_CIDR = _text(
    "IngressCidr",
    "Who may reach the load balancer",
    rf"^({_OCTET}\.){{3}}{_OCTET}/(3[0-2]|[12]?\d)$",
    "an IPv4 block, such as 203.0.113.0/24",
    default="0.0.0.0/0",
)
CERTIFICATE_ARN = _text(
    names.CERTIFICATE_ARN,
    "ACM certificate: serves HTTPS on 443 and redirects 80; empty: HTTP on 80 only",
    rf"^(arn:aws:acm:{REGION}:\d{{12}}:certificate/[a-z0-9-]+)?$",
    f"empty or the ARN of an ACM certificate in {REGION}",
    default="",
)
ACCESS_LOG_BUCKET = _text(
    "AccessLogBucket",
    "Existing bucket for the load balancer's access logs; empty: none are kept",
    r"^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$",
    "empty or the name of a bucket",
    default="",
)
WEB_ACL_ARN = _text(
    "WebAclArn",
    "Existing AWS WAF web ACL that filters what reaches the load balancer; empty: none",
    rf"^(arn:aws:wafv2:{REGION}:\d{{12}}:regional/webacl/[A-Za-z0-9_-]+/[a-f0-9-]+)?$",
    f"empty or the ARN of a regional web ACL of AWS WAF in {REGION}",
    default="",
)
API_DEPLOYMENT_STRATEGY = _choice(
    names.API_DEPLOYMENT_STRATEGY, "How ECS replaces the API's tasks", "BLUE_GREEN", "ROLLING"
)
API_BAKE_TIME_MINUTES = _number(
    names.API_BAKE_TIME_MINUTES,
    "How long both colours stay up after the traffic has shifted",
    default=5,
    least=0,
    most=1440,
    rule="a number of minutes from 0 to 1440",
)
ENABLE_DEPLOYMENT_ALARMS = _choice(
    "EnableDeploymentAlarms",
    "true: a 5xx-rate and a latency alarm roll a deployment of the API back",
    "false",
    "true",
)
DATABASE_ENGINE_VERSION = _text(
    names.DATABASE_ENGINE_VERSION,
    "Aurora PostgreSQL version, pinned to the minor",
    rf"^{POSTGRES_MAJOR}\.\d+$",
    f"a minor version of PostgreSQL {POSTGRES_MAJOR}, such as {POSTGRES_MAJOR}.9",
    default=f"{POSTGRES_MAJOR}.9",
)
DATABASE_MIN_CAPACITY = _number(
    names.DATABASE_MIN_CAPACITY,
    "Aurora capacity units kept at the least; 0 pauses the database when idle",
    default=0.5,
    least=0,
    most=256,
    rule="Aurora capacity units from 0 to 256, in steps of 0.5",
)
DATABASE_MAX_CAPACITY = _number(
    names.DATABASE_MAX_CAPACITY,
    "Aurora capacity units at the most, per instance",
    default=4,
    least=1,
    most=256,
    rule="Aurora capacity units from 1 to 256, in steps of 0.5, and not below DatabaseMinCapacity",
)
DATABASE_READER = _choice(
    "DatabaseReader",
    "true: a reader in another zone, which takes over when the writer fails",
    "true",
    "false",
)
CPU_ARCHITECTURE = _choice(names.CPU_ARCHITECTURE, "Architecture of the images", "X86_64", "ARM64")
PERMISSIONS_BOUNDARY_ARN = _text(
    "PermissionsBoundaryArn",
    "Managed policy put on every role as its permissions boundary; empty: none",
    r"^(arn:aws:iam::(\d{12}|aws):policy/[A-Za-z0-9+=,.@_/-]+)?$",
    "empty or the ARN of an IAM policy",
    default="",
)
TRACING_IMAGE = _text(
    "TracingImage",
    "Public image of the AWS Distro for OpenTelemetry collector, at an explicit version",
    r"^[a-z0-9][a-z0-9./_:-]*(:v\d+\.\d+\.\d+|@sha256:[a-f0-9]{64})$",
    "an image with an explicit version (:v1.2.3) or digest",
    default="public.ecr.aws/aws-observability/aws-otel-collector:v0.50.0",
)

PARAMETERS = (
    ENVIRONMENT_SUFFIX,
    SERVICES_ENABLED,
    API_IMAGE_TAG,
    WORKER_IMAGE_TAG,
    JOB_IMAGE_TAG,
    DATABASE_CREDENTIALS_ARN,
    DATABASE_CREDENTIALS_VERSION,
    API_KEYS_ARN,
    SECRETS_KMS_KEY_ARN,
    DATA_KMS_KEY_ARN,
    VPC_CIDR,
    INGRESS_CIDR,
    CERTIFICATE_ARN,
    ACCESS_LOG_BUCKET,
    WEB_ACL_ARN,
    API_DEPLOYMENT_STRATEGY,
    API_BAKE_TIME_MINUTES,
    ENABLE_DEPLOYMENT_ALARMS,
    DATABASE_ENGINE_VERSION,
    DATABASE_MIN_CAPACITY,
    DATABASE_MAX_CAPACITY,
    DATABASE_READER,
    CPU_ARCHITECTURE,
    PERMISSIONS_BOUNDARY_ARN,
    TRACING_IMAGE,
)


def _true(parameter: Parameter) -> Equals:
    return Equals(Ref(parameter), "true")


def _given(parameter: Parameter) -> Not:
    return Not(Equals(Ref(parameter), ""))


LIVE = Condition("IsLive", _true(SERVICES_ENABLED))
BLUE_GREEN = Condition(
    "DeploysBlueGreen",
    And(ConditionReference(LIVE.title), Equals(Ref(API_DEPLOYMENT_STRATEGY), "BLUE_GREEN")),
)
HTTPS = Condition("ServesHttps", _given(CERTIFICATE_ARN))
ACCESS_LOGS = Condition("KeepsAccessLogs", _given(ACCESS_LOG_BUCKET))
WEB_ACL = Condition("HasWebAcl", _given(WEB_ACL_ARN))
DEPLOYMENT_ALARMS = Condition("HasDeploymentAlarms", _true(ENABLE_DEPLOYMENT_ALARMS))
READER = Condition("HasDatabaseReader", _true(DATABASE_READER))
SECRETS_KMS_KEY = Condition("HasSecretsKmsKey", _given(SECRETS_KMS_KEY_ARN))
DATA_KMS_KEY = Condition("HasDataKmsKey", _given(DATA_KMS_KEY_ARN))
PERMISSIONS_BOUNDARY = Condition("HasPermissionsBoundary", _given(PERMISSIONS_BOUNDARY_ARN))

CONDITIONS = (
    LIVE,
    BLUE_GREEN,
    HTTPS,
    ACCESS_LOGS,
    WEB_ACL,
    DEPLOYMENT_ALARMS,
    READER,
    SECRETS_KMS_KEY,
    DATA_KMS_KEY,
    PERMISSIONS_BOUNDARY,
)

RULES = {
    "OnlyInItsRegion": {
        "Assertions": [
            {
                "Assert": Equals(Ref("AWS::Region"), REGION),
                "AssertDescription": f"This template is made for {REGION}: deploy it there.",
            }
        ]
    }
}

# Source: the collector's `awsxray` and `otlp` receivers; its health check answers on 13133, where the
# image's /healthcheck asks. The listeners are the task's own: its containers share one loopback.
MAPPINGS = {
    "Tracing": {
        "Collector": {
            "Config": """\
extensions:
  health_check:
receivers:
  awsxray:
    endpoint: 127.0.0.1:2000
    transport: udp
  otlp:
    protocols:
      grpc:
        endpoint: 127.0.0.1:4317
      http:
        endpoint: 127.0.0.1:4318
processors:
  memory_limiter:
    check_interval: 1s
    limit_mib: 100
    spike_limit_mib: 25
  batch:
exporters:
  awsxray:
service:
  extensions: [health_check]
  pipelines:
    traces:
      receivers: [awsxray, otlp]
      processors: [memory_limiter, batch]
      exporters: [awsxray]
"""
        }
    }
}
COLLECTOR = FindInMap("Tracing", "Collector", "Config")
