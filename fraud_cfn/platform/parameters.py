"""Parameters and conditions that no service owns, the rules and the one mapping of the template."""

from __future__ import annotations

from troposphere import Equals, FindInMap, Not, Parameter, Ref

from fraud_cfn import names
from fraud_cfn.config import POSTGRES_MAJOR, REGION, SUFFIX_FORM, SUFFIX_MOST, SUFFIX_PARAMETER
from fraud_cfn.platform.intrinsics import Condition

_SECRET_ARN = rf"^arn:aws:secretsmanager:{REGION}:\d{{12}}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{{6}}$"
_SECRET_ARN_RULE = f"the full ARN of a secret in {REGION}, with its six random characters"
_OCTET = r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"


def text(title: str, description: str, pattern: str, rule: str, default: str | None = None) -> Parameter:
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


def choice(title: str, description: str, *values: str) -> Parameter:
    """A choice whose first value is the default."""
    return Parameter(
        title,
        Type="String",
        Description=description,
        AllowedValues=list(values),
        Default=values[0],
        ConstraintDescription=f"must be {' or '.join(values)}",
    )


def number(
    title: str, description: str, default: float, least: int, most: int, unit: str, rest: str = ""
) -> Parameter:
    return Parameter(
        title,
        Type="Number",
        Description=description,
        MinValue=least,
        MaxValue=most,
        Default=default,
        ConstraintDescription=f"must be {unit} from {least} to {most}{rest}",
    )


def equals(parameter: Parameter, value: str) -> Equals:
    return Equals(Ref(parameter), value)


def true(parameter: Parameter) -> Equals:
    return equals(parameter, "true")


def given(parameter: Parameter) -> Not:
    return Not(equals(parameter, ""))


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
SERVICES_ENABLED = choice(
    names.SERVICES_ENABLED,
    "false: no task runs, no image is needed (at creation); starting: goes live by a deployment; "
    "true: live, as many tasks as scaling chose",
    "false",
    "starting",
    "true",
)
DATABASE_CREDENTIALS_ARN = text(
    names.DATABASE_CREDENTIALS_ARN,
    "Existing secret: JSON with the database's username and password",
    _SECRET_ARN,
    _SECRET_ARN_RULE,
)
DATABASE_CREDENTIALS_VERSION = text(
    names.DATABASE_CREDENTIALS_VERSION,
    "Version id of the database secret: another brings a rotated password to Aurora and the tasks; "
    "empty: the current one",
    r"^([A-Za-z0-9-]{32,64})?$",
    "empty or a version id: 32 to 64 letters, digits and hyphens",
    default="",
)
API_KEYS_ARN = text(
    names.API_KEYS_ARN,
    "Existing secret: the API keys, handed to the containers",
    _SECRET_ARN,
    _SECRET_ARN_RULE,
)
_KEY_ARN = rf"arn:aws:kms:{REGION}:\d{{12}}:key/[A-Za-z0-9-]+"
SECRETS_KMS_KEY_ARNS = text(
    names.SECRETS_KMS_KEY_ARNS,
    "Customer managed keys of those secrets, separated by commas",
    rf"^({_KEY_ARN}(,{_KEY_ARN})*)?$",
    f"empty or ARNs of KMS keys in {REGION} (not of aliases), separated by commas",
    default="",
)
_REPOSITORY_ARN = rf"arn:aws:ecr:{REGION}:\d{{12}}:repository/[a-z0-9][a-z0-9._/-]*"
ADDITIONAL_REPOSITORY_ARNS = text(
    "AdditionalRepositoryArns",
    "More repositories to pull from, such as GuardDuty's agent, separated by commas",
    rf"^({_REPOSITORY_ARN}(,{_REPOSITORY_ARN})*)?$",
    f"empty or ARNs of ECR repositories in {REGION}, separated by commas",
    default="",
)
DATA_KMS_KEY_ARN = text(
    names.DATA_KMS_KEY_ARN,
    "Customer managed key for all data at rest; cannot be changed later; empty: AWS's",
    rf"^({_KEY_ARN})?$",
    f"empty or the ARN of a KMS key in {REGION} (not of an alias)",
    default="",
)
VPC_CIDR = text(
    names.VPC_CIDR,
    "Addresses of the VPC; cannot be changed later",
    rf"^(10\.{_OCTET}|172\.(1[689]|2\d|3[01])|192\.168)\.0\.0/16$",
    "a private IPv4 block of size /16 other than 172.17, such as 10.20.0.0/16",
    default="10.0.0.0/16",
)
INGRESS_CIDR = text(
    "IngressCidr",
    "Who may reach the load balancer",
    rf"^({_OCTET}\.){{3}}{_OCTET}/(3[0-2]|[12]?\d)$",
    "an IPv4 block, such as 203.0.113.0/24",
    default="0.0.0.0/0",
)
CERTIFICATE_ARN = text(
    names.CERTIFICATE_ARN,
    "ACM certificate: serves HTTPS on 443 and redirects 80; empty: HTTP on 80 only",
    rf"^(arn:aws:acm:{REGION}:\d{{12}}:certificate/[a-z0-9-]+)?$",
    f"empty or the ARN of an ACM certificate in {REGION}",
    default="",
)
ACCESS_LOG_BUCKET = text(
    names.ACCESS_LOG_BUCKET,
    "Existing bucket for the load balancer's access logs; empty: none",
    r"^((?!.*\.\.|(\d+\.){3}\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$",
    "empty or the name of a bucket",
    default="",
)
WEB_ACL_ARN = text(
    names.WEB_ACL_ARN,
    "Existing AWS WAF web ACL in front of the load balancer; empty: none",
    rf"^(arn:aws:wafv2:{REGION}:\d{{12}}:regional/webacl/[A-Za-z0-9_-]+/[a-f0-9-]+)?$",
    f"empty or the ARN of a regional web ACL in {REGION}",
    default="",
)
DATABASE_ENGINE_VERSION = text(
    names.DATABASE_ENGINE_VERSION,
    "Aurora PostgreSQL version, pinned to the minor",
    rf"^{POSTGRES_MAJOR}\.\d+$",
    f"a minor version of PostgreSQL {POSTGRES_MAJOR}, such as {POSTGRES_MAJOR}.9",
    default=f"{POSTGRES_MAJOR}.9",
)
DATABASE_MIN_CAPACITY = number(
    names.DATABASE_MIN_CAPACITY,
    "Least Aurora capacity units; 0 pauses an idle database",
    default=0.5,
    least=0,
    most=256,
    unit="Aurora capacity units",
    rest=", in steps of 0.5",
)
DATABASE_MAX_CAPACITY = number(
    names.DATABASE_MAX_CAPACITY,
    "Most Aurora capacity units, per instance",
    default=4,
    least=1,
    most=256,
    unit="Aurora capacity units",
    rest=", in steps of 0.5, not below DatabaseMinCapacity",
)
DATABASE_READER = choice(
    "DatabaseReader",
    "true: a reader in another zone, which takes over when the writer fails",
    "true",
    "false",
)
CPU_ARCHITECTURE = choice(names.CPU_ARCHITECTURE, "Architecture of the images", "X86_64", "ARM64")
PERMISSIONS_BOUNDARY_ARN = text(
    names.PERMISSIONS_BOUNDARY_ARN,
    "Permissions boundary of every role; empty: none",
    r"^(arn:aws:iam::(\d{12}|aws):policy/[A-Za-z0-9+=,.@_/-]+)?$",
    "empty or the ARN of an IAM policy",
    default="",
)
TRACING_IMAGE = text(
    "TracingImage",
    "AWS Distro for OpenTelemetry collector, at an explicit version",
    r"^[a-z0-9][a-z0-9./_:-]*(:v\d+\.\d+\.\d+|@sha256:[a-f0-9]{64})$",
    "an image with an explicit version (:v1.2.3) or digest",
    default="public.ecr.aws/aws-observability/aws-otel-collector:v0.50.0",
)

# What the console shows under each heading, and the order in the YAML. The services' own follow.
GROUPS = {
    "Environment": (ENVIRONMENT_SUFFIX, SERVICES_ENABLED),
    "Secrets": (DATABASE_CREDENTIALS_ARN, DATABASE_CREDENTIALS_VERSION, API_KEYS_ARN, SECRETS_KMS_KEY_ARNS),
    "Network and entry": (VPC_CIDR, INGRESS_CIDR, CERTIFICATE_ARN, ACCESS_LOG_BUCKET, WEB_ACL_ARN),
    "Database": (DATABASE_ENGINE_VERSION, DATABASE_MIN_CAPACITY, DATABASE_MAX_CAPACITY, DATABASE_READER),
    "Data at rest": (DATA_KMS_KEY_ARN,),
    "Every task": (CPU_ARCHITECTURE, TRACING_IMAGE, ADDITIONAL_REPOSITORY_ARNS, PERMISSIONS_BOUNDARY_ARN),
}


LIVE = Condition("IsLive", Not(equals(SERVICES_ENABLED, "false")))
STARTING = Condition("IsStarting", equals(SERVICES_ENABLED, "starting"))
HTTPS = Condition("ServesHttps", given(CERTIFICATE_ARN))
HTTP_ONLY = Condition("ServesHttpOnly", equals(CERTIFICATE_ARN, ""))
ACCESS_LOGS = Condition("KeepsAccessLogs", given(ACCESS_LOG_BUCKET))
WEB_ACL = Condition("HasWebAcl", given(WEB_ACL_ARN))
READER = Condition("HasDatabaseReader", true(DATABASE_READER))
SECRETS_KMS_KEYS = Condition("HasSecretsKmsKeys", given(SECRETS_KMS_KEY_ARNS))
DATA_KMS_KEY = Condition("HasDataKmsKey", given(DATA_KMS_KEY_ARN))
ADDITIONAL_REPOSITORIES = Condition("HasAdditionalRepositories", given(ADDITIONAL_REPOSITORY_ARNS))
PERMISSIONS_BOUNDARY = Condition("HasPermissionsBoundary", given(PERMISSIONS_BOUNDARY_ARN))

CONDITIONS = (
    LIVE,
    STARTING,
    HTTPS,
    HTTP_ONLY,
    ACCESS_LOGS,
    WEB_ACL,
    READER,
    SECRETS_KMS_KEYS,
    DATA_KMS_KEY,
    ADDITIONAL_REPOSITORIES,
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
    },
    "TwoSecrets": {
        "Assertions": [
            {
                "Assert": Not(Equals(Ref(API_KEYS_ARN), Ref(DATABASE_CREDENTIALS_ARN))),
                "AssertDescription": "ApiKeysArn is the database's secret: give that of the API keys.",
            }
        ]
    },
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
    limit_mib: 70
    spike_limit_mib: 15
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
