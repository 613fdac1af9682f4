"""The ways this template is deployed: parameter values under which it must be valid."""

from __future__ import annotations

from fraud_cfn.config import REGION, SUFFIX_MOST

ACCOUNT = "111122223333"

_ID = "0b1c2d3e-1111-2222-3333-444455556666"

BASE = {
    "EnvironmentSuffix": "dev",
    "DatabaseCredentialsArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:fraud-database-dev-AbCdEf",
    "ApiKeysArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:fraud-api-keys-dev-AbCdEf",
}
_LIVE = {"ServicesEnabled": "true"}
_HEALTH = {"ApiHealthCommand": "curl -f localhost:8080/health", "WorkerHealthCommand": "test -e /tmp/ready"}
# GuardDuty's agent for Fargate in Frankfurt, and a private copy of the collector.
# Source: Amazon GuardDuty User Guide, "Repository for GuardDuty agent on AWS Fargate".
_REPOSITORIES = (
    f"arn:aws:ecr:{REGION}:323658145986:repository/aws-guardduty-agent-fargate,"
    f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/collector"
)
# One a secret.
_SECRETS_KEYS = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{_ID},arn:aws:kms:{REGION}:{ACCOUNT}:key/mrk-{_ID}"
LONGEST_SUFFIX = "a" * SUFFIX_MOST

SCENARIOS: dict[str, dict[str, str]] = {
    name: BASE | values
    for name, values in {
        "bootstrap": {},
        "live": _LIVE,
        "starting": {"ServicesEnabled": "starting"},
        "TLS": _LIVE | {"CertificateArn": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/{_ID}"},
        "alarms": _LIVE | {"EnableDeploymentAlarms": "true"},
        "canary": _LIVE | {"ApiDeploymentStrategy": "CANARY", "ApiCanaryPercent": "5"},
        "linear": _LIVE | {"ApiDeploymentStrategy": "LINEAR", "ApiStepMinutes": "1"},
        "rolling": _LIVE | {"ApiDeploymentStrategy": "ROLLING"},
        "ARM64": _LIVE | {"CpuArchitecture": "ARM64"},
        "no reader": {"DatabaseReader": "false", "DatabaseMinCapacity": "0"},
        "permissions boundary": {"PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/boundary"},
        "customer managed keys": {"SecretsKmsKeyArns": _SECRETS_KEYS},
        "rotated password": _LIVE | {"DatabaseCredentialsVersion": _ID},
        "data key": _LIVE | {"DataKmsKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{_ID}"},
        "health commands": _LIVE | _HEALTH,
        "additional repositories": {"AdditionalRepositoryArns": _REPOSITORIES},
        "web ACL": {"WebAclArn": f"arn:aws:wafv2:{REGION}:{ACCOUNT}:regional/webacl/company/{_ID}"},
        "access logs": {"AccessLogBucket": "company-access-logs"},
        "everything": _LIVE
        | _HEALTH
        | {
            "EnvironmentSuffix": LONGEST_SUFFIX,
            "CertificateArn": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/{_ID}",
            "ApiDeploymentStrategy": "CANARY",
            "EnableDeploymentAlarms": "true",
            "PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/boundary",
            "SecretsKmsKeyArns": _SECRETS_KEYS,
            "DatabaseCredentialsVersion": _ID,
            "DataKmsKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{_ID}",
            "WebAclArn": f"arn:aws:wafv2:{REGION}:{ACCOUNT}:regional/webacl/company/{_ID}",
            "AccessLogBucket": "company-access-logs",
            "AdditionalRepositoryArns": _REPOSITORIES,
            "CpuArchitecture": "ARM64",
        },
        "longest suffix": {"EnvironmentSuffix": LONGEST_SUFFIX},
    }.items()
}
