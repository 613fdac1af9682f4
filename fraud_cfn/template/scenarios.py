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
LONGEST_SUFFIX = "a" * SUFFIX_MOST

SCENARIOS: dict[str, dict[str, str]] = {
    name: BASE | values
    for name, values in {
        "bootstrap": {},
        "live": _LIVE,
        "TLS": _LIVE | {"CertificateArn": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/{_ID}"},
        "alarms": _LIVE | {"EnableDeploymentAlarms": "true"},
        "rolling": _LIVE | {"ApiDeploymentStrategy": "ROLLING"},
        "ARM64": _LIVE | {"CpuArchitecture": "ARM64"},
        "no reader": {"DatabaseReader": "false", "DatabaseMinCapacity": "0"},
        "permissions boundary": {"PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/boundary"},
        "customer managed key": {"SecretsKmsKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{_ID}"},
        "rotated password": _LIVE | {"DatabaseCredentialsVersion": _ID},
        "data key": _LIVE | {"DataKmsKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{_ID}"},
        "web ACL": {"WebAclArn": f"arn:aws:wafv2:{REGION}:{ACCOUNT}:regional/webacl/company/{_ID}"},
        "access logs": {"AccessLogBucket": "company-access-logs"},
        "longest suffix": {"EnvironmentSuffix": LONGEST_SUFFIX},
    }.items()
}
