"""Finds the two existing secrets by their conventional names, checks their keys, reads off their KMS key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from botocore.exceptions import ClientError

from fraud_cfn.config import REGION
from fraud_cfn.deploy.account.session import Session, code_of, denied
from fraud_cfn.deploy.errors import UsageError
from fraud_cfn.deploy.terminal.console import Console

KMS_PARAMETER = "SecretsKmsKeyArns"


@dataclass(frozen=True)
class Expected:
    """A secret that must exist before the first deployment."""

    parameter: str
    name: str  # before "-<suffix>"
    keys: tuple[str, ...]
    example: str


EXPECTED = (
    Expected(
        "DatabaseCredentialsArn",
        "fraud-database",
        ("username", "password"),
        '{"username":"fraud","password":"…"}',
    ),
    Expected("ApiKeysArn", "fraud-api-keys", (), '{"partner":"…"}'),
)


def look_up(
    session: Session, suffix: str, chosen: Mapping[str, str], previous: Mapping[str, str], console: Console
) -> dict[str, str]:
    """The secrets' ARNs and key, as parameters; nothing where the stack has them and nothing new is given."""
    if all(one.parameter in previous and one.parameter not in chosen for one in EXPECTED):
        return {}
    found: dict[str, str] = {}
    keys: dict[str, str] = {}
    for one in EXPECTED:
        at = chosen.get(one.parameter) or previous.get(one.parameter) or f"{one.name}-{suffix}"
        found[one.parameter], keys[at] = _secret(session, one, at, console)
    if KMS_PARAMETER not in chosen:
        found[KMS_PARAMETER] = _one_key(keys)
    return found


def _secret(session: Session, expected: Expected, at: str, console: Console) -> tuple[str, str]:
    """ARN, and ARN of the customer-managed key (empty for AWS's own)."""
    client = session.client("secretsmanager")
    try:
        described = client.describe_secret(SecretId=at)
    except ClientError as error:
        if code_of(error) not in ("ResourceNotFoundException", "ValidationException"):
            raise
        raise UsageError(f"the secret {at} does not exist", _create(expected, at)) from error
    if "DeletedDate" in described:
        raise UsageError(
            f"the secret {at} is marked for deletion",
            f"aws secretsmanager restore-secret --region {REGION} --secret-id {at}",
        )
    _check_keys(client, expected, at, console)
    return described["ARN"], _key_arn(session, described.get("KmsKeyId", ""))


def _check_keys(client, expected: Expected, at: str, console: Console) -> None:
    try:
        value = client.get_secret_value(SecretId=at).get("SecretString", "")
    except ClientError as error:
        if denied(error):
            console.warn(f"the secret {at} may not be read from here, so its keys are unchecked")
            return
        if code_of(error) == "ResourceNotFoundException":
            raise UsageError(f"the secret {at} has no value yet", _put(expected, at)) from error
        raise
    if not expected.keys:
        if not value:
            raise UsageError(f"the secret {at} is empty", _put(expected, at))
        return
    try:
        content = json.loads(value)
    except ValueError:
        content = None
    missing = [key for key in expected.keys if not isinstance(content, dict) or not content.get(key)]
    if missing:
        raise UsageError(
            f"the secret {at} lacks {' and '.join(missing)} (it must be JSON)", _put(expected, at)
        )


def _key_arn(session: Session, key: str) -> str:
    if not key or key == "alias/aws/secretsmanager" or key.endswith(":alias/aws/secretsmanager"):
        return ""
    if ":key/" in key:
        return key
    described = session.client("kms").describe_key(KeyId=key)["KeyMetadata"]
    return "" if described.get("KeyManager") == "AWS" else described["Arn"]


def _one_key(keys: dict[str, str]) -> str:
    customers = {key for key in keys.values() if key}
    if len(customers) > 1:
        raise UsageError(
            "the two secrets are encrypted with different keys, and the platform may decrypt with one",
            "; ".join(f"{secret} has {key}" for secret, key in keys.items()),
        )
    return next(iter(customers), "")


def _create(expected: Expected, at: str) -> str:
    if at.startswith("arn:"):
        return "correct the ARN"
    return (
        f"aws secretsmanager create-secret --region {REGION} --name {at} --secret-string '{expected.example}'"
    )


def _put(expected: Expected, at: str) -> str:
    said = f"--secret-id {at} --secret-string '{expected.example}'"
    return f"aws secretsmanager put-secret-value --region {REGION} {said}"
