"""Looks at the two existing secrets, at each deployment: their ARNs, what is in them, version and KMS key.

What is in a secret is judged and never shown.
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from fraud_cfn import names
from fraud_cfn.config import REGION
from fraud_cfn.deploy.account import database_user
from fraud_cfn.deploy.account.looks import Looks
from fraud_cfn.deploy.account.session import Session, code_of

if TYPE_CHECKING:
    from types_boto3_secretsmanager.type_defs import DescribeSecretResponseTypeDef


@dataclass(frozen=True)
class Expected:
    """A secret that must exist before the first deployment."""

    parameter: str
    name: str  # before "-<suffix>"
    keys: tuple[str, ...]
    example: str


DATABASE = Expected(
    names.DATABASE_CREDENTIALS_ARN,
    "fraud-database",
    ("username", "password"),
    '{"username": "fraud", "password": "…"}',
)
API_KEYS = Expected(names.API_KEYS_ARN, "fraud-api-keys", (), "the keys")
EXPECTED = (DATABASE, API_KEYS)


@dataclass(frozen=True)
class Before:
    """What the stack has from its last deployment; nothing for a new one."""

    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    created: datetime | None = None
    deployed: datetime | None = None  # last


@dataclass(frozen=True)
class Found:
    """What follows from the secrets."""

    values: Mapping[str, str]  # of parameters
    news: tuple[str, ...]  # what is not as it was at the last deployment
    username: str = field(repr=False)  # of the database's first user; empty where it may not be read


@dataclass(frozen=True)
class _Secret:
    """As AWS describes it; `content` is `None` where it may not be read."""

    expected: Expected
    name: str
    arn: str
    key: str | None  # ARN of a customer managed key, empty for AWS's own; `None` where that is unknown
    current: str  # id of the version that holds now
    content: _Content | None


@dataclass(frozen=True)
class _Content:
    since: datetime | None  # when this version of it was written
    text: str | None = field(repr=False)  # `None` where it is binary


def look_up(
    session: Session,
    suffix: str,
    chosen: Mapping[str, str],
    before: Before,
    declared: Container[str],
    looks: Looks,
) -> Found:
    """Look at both secrets, those that were `chosen`, else the stack's, else the ones with the conventional
    names; `declared` are the template's parameters. What is wrong goes to `looks`."""
    values: dict[str, str] = {}
    news: list[str] = []
    username = ""
    keys: dict[str, str | None] = {}
    for expected in EXPECTED:
        secret = _look_at(session, suffix, expected, chosen, before, looks)
        if secret is None:
            keys[expected.parameter] = None
            continue
        keys[secret.name] = secret.key
        moved = before.parameters.get(expected.parameter, secret.arn) != secret.arn
        if expected.parameter not in chosen:
            values[expected.parameter] = secret.arn
        if moved and expected.parameter not in chosen:
            news.append(f"the secret {secret.name} was made anew: this deployment takes {secret.arn}")
        if expected is DATABASE:
            username = _judged(secret, looks)
            if names.DATABASE_CREDENTIALS_VERSION in declared:
                values |= _followed(secret, chosen, moved=moved)
                news.append(_version_news(secret, {**chosen, **values}, before))
        else:
            _must_hold_something(secret, looks)
            news.append(_keys_news(secret, before))
    if names.SECRETS_KMS_KEY_ARNS in declared:
        values |= _key_arns(keys, chosen, before, looks, news)
    return Found(values, tuple(filter(None, news)), username)


# ── One secret ────────────────────────────────────────────────────────────────────────────────────


def _look_at(
    session: Session,
    suffix: str,
    expected: Expected,
    chosen: Mapping[str, str],
    before: Before,
    looks: Looks,
) -> _Secret | None:
    """`None` where it is missing, which `looks` then knows, or may not be looked at."""
    given, kept = chosen.get(expected.parameter), before.parameters.get(expected.parameter)
    at = given or kept or f"{expected.name}-{suffix}"
    described = looks.ask(f"the secret {at}", lambda: _described(session, at))
    if described is None:
        if not given and not kept:
            looks.stop(
                f"the ARN of the secret {at} is not known, as it may not be looked up",
                f"give it: --param {expected.parameter}=ARN",
            )
        return None
    if not described and at.startswith("arn:"):
        namesake = looks.ask(f"the secret {_name_in(at)}", lambda: _described(session, _name_in(at)))
        if given and namesake:
            arn = namesake[0]["ARN"]
            looks.stop(f"the secret {at} does not exist; {arn} does", f"--param {expected.parameter}={arn}")
            return None
        described = namesake or []
    if not described:
        looks.stop(f"the secret {at} does not exist", _create(expected, _name_in(at)))
        return None
    answer = described[0]
    name = answer.get("Name") or _name_in(answer["ARN"])
    if "DeletedDate" in answer:
        looks.stop(
            f"the secret {name} is marked for deletion",
            f"aws secretsmanager restore-secret --region {REGION} --secret-id {name}",
        )
        return None
    arn, current = answer["ARN"], _current(answer)
    wanted = _wanted_version(expected, chosen, before, arn)
    content = looks.ask(
        f"what is in the secret {name}",
        lambda: _content(session, expected, name, arn, wanted, current, looks),
    )
    key = looks.ask(
        f"the key of the secret {name}", lambda: _customer_key(session, answer.get("KmsKeyId", ""))
    )
    return _Secret(expected, name, arn, key, current, content)


def _described(session: Session, at: str) -> list[DescribeSecretResponseTypeDef]:
    """None or one."""
    try:
        return [session.client("secretsmanager").describe_secret(SecretId=at)]
    except ClientError as error:
        if code_of(error) not in ("ResourceNotFoundException", "ValidationException"):
            raise
        return []


def _name_in(at: str) -> str:
    """The secret's name in its ARN, without the six random characters; a name stays as it is."""
    return at.rpartition(":")[2].rpartition("-")[0] if at.startswith("arn:") else at


def _current(answer: DescribeSecretResponseTypeDef) -> str:
    stages = answer.get("VersionIdsToStages") or {}
    return next((version for version, labels in stages.items() if "AWSCURRENT" in labels), "")


def _wanted_version(expected: Expected, chosen: Mapping[str, str], before: Before, arn: str) -> str:
    """The version that is to be deployed; empty for the current one."""
    if expected is not DATABASE:
        return ""
    if names.DATABASE_CREDENTIALS_VERSION in chosen:
        return chosen[names.DATABASE_CREDENTIALS_VERSION]
    same = before.parameters.get(expected.parameter) == arn
    return before.parameters.get(names.DATABASE_CREDENTIALS_VERSION, "") if same else ""


def _content(
    session: Session,
    expected: Expected,
    name: str,
    arn: str,
    version: str,
    current: str,
    looks: Looks,
) -> _Content | None:
    client = session.client("secretsmanager")
    try:
        answer: Mapping[str, Any] = (
            client.get_secret_value(SecretId=arn, VersionId=version)
            if version
            else client.get_secret_value(SecretId=arn)
        )
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException" and version:
            other = f"=…, the current one is {current}" if current else "=…"
            looks.stop(
                f"the secret {name} has no version {version}",
                f"choose another: --param {names.DATABASE_CREDENTIALS_VERSION}{other}",
            )
        elif code_of(error) == "ResourceNotFoundException":
            looks.stop(f"the secret {name} has no value yet", _put(expected, name))
        elif code_of(error) == "DecryptionFailure":
            looks.stop(
                f"the secret {name} cannot be decrypted: its KMS key is disabled, or is being deleted",
                "enable that key again, or give the secret another one",
            )
        else:
            raise
        return None
    return _Content(answer.get("CreatedDate"), answer.get("SecretString"))


def _customer_key(session: Session, key: str) -> str:
    """The ARN of a customer managed key, empty for AWS's own."""
    if not key or key.endswith("alias/aws/secretsmanager"):
        return ""
    if ":key/" in key:
        return key
    described = session.client("kms").describe_key(KeyId=key)["KeyMetadata"]
    return "" if described.get("KeyManager") == "AWS" else described.get("Arn", "")


# ── What is in it ─────────────────────────────────────────────────────────────────────────────────


def _judged(secret: _Secret, looks: Looks) -> str:
    """Hold the database's credentials against what RDS takes; the user name, if there is one."""
    if secret.content is None:
        return ""
    fields = _fields(secret.content.text)
    if fields is None:
        wanted = " and ".join(secret.expected.keys)
        looks.stop(
            f"the secret {secret.name} is no JSON object with {wanted}", _put(secret.expected, secret.name)
        )
        return ""
    missing = [key for key in secret.expected.keys if fields.get(key) in (None, "")]
    wrong = [f"lacks {' and '.join(missing)}"] if missing else []
    given: dict[str, str] = {}
    for key in secret.expected.keys:
        value = fields.get(key)
        if isinstance(value, str):
            given[key] = value
        elif key not in missing:
            wrong.append(f"has a {key} that is not text (write it in quotes)")
    judges = {"username": database_user.name_misfit, "password": database_user.password_misfit}
    for key, judge in judges.items():
        if given.get(key) and (misfit := judge(given[key])):
            wrong.append(f"has a {key} that {misfit}")
    if wrong:
        looks.stop(f"the secret {secret.name} {', and '.join(wrong)}", _put(secret.expected, secret.name))
    return given.get("username", "")


def _fields(text: str | None) -> dict[str, Any] | None:
    """The members of a JSON object; `None` where it is none."""
    try:
        content: Any = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", content) if isinstance(content, dict) else None


def _must_hold_something(secret: _Secret, looks: Looks) -> None:
    if secret.content is not None and not secret.content.text:
        how = "is empty" if secret.content.text == "" else "holds no text"
        looks.stop(f"the secret {secret.name} {how}", _put(secret.expected, secret.name))


# ── What is not as it was ─────────────────────────────────────────────────────────────────────────


def _followed(secret: _Secret, chosen: Mapping[str, str], *, moved: bool) -> dict[str, str]:
    """A version belongs to its secret: with another secret the stack follows that one's current version."""
    if not moved or not secret.current or names.DATABASE_CREDENTIALS_VERSION in chosen:
        return {}
    return {names.DATABASE_CREDENTIALS_VERSION: secret.current}


def _version_news(secret: _Secret, values: Mapping[str, str], before: Before) -> str:
    """That Aurora and the tasks have, or will have, not the password that the secret holds now."""
    parameter = names.DATABASE_CREDENTIALS_VERSION
    version = values.get(parameter, before.parameters.get(parameter, ""))
    bring = f"to bring it to Aurora and the tasks: --param {parameter}={secret.current or 'ID'}"
    if version and secret.current and version != secret.current:
        return (
            f"the secret {secret.name} has another current version than the {version} that is deployed; "
            f"{bring}"
        )
    since = secret.content.since if secret.content else None
    if version or since is None or before.created is None or since <= before.created:
        return ""
    than = "the last deployment" if before.deployed and since > before.deployed else "the stack"
    return (
        f"the secret {secret.name} has a version of {_shown(since)}, newer than {than}: without a "
        f"{parameter} Aurora keeps the password it has, and tasks that start get the new one; {bring}"
    )


def _keys_news(secret: _Secret, before: Before) -> str:
    since = secret.content.since if secret.content else None
    if since is None or before.deployed is None or since <= before.deployed:
        return ""
    return (
        f"the secret {secret.name} changed since the last deployment ({_shown(since)}): tasks that were "
        "started before keep what they read then"
    )


def _shown(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _key_arns(
    keys: Mapping[str, str | None],
    chosen: Mapping[str, str],
    before: Before,
    looks: Looks,
    news: list[str],
) -> dict[str, str]:
    """The parameter with the customer managed keys of the secrets."""
    parameter = names.SECRETS_KMS_KEY_ARNS
    needed = list(dict.fromkeys(key for key in keys.values() if key))
    listed = [key.strip() for key in chosen.get(parameter, "").split(",")]
    for name, key in keys.items():
        if parameter in chosen and key and key not in listed:
            looks.stop(
                f"the secret {name} is encrypted with {key}, which {parameter} does not name",
                f"--param {parameter}={','.join(needed)}",
            )
    if parameter in chosen:
        return {}
    kept = [key for key in before.parameters.get(parameter, "").split(",") if key]
    if None in keys.values():  # what is not known stays as it is
        needed = list(dict.fromkeys([*kept, *needed]))
    if set(needed) == set(kept):
        needed = kept
    elif parameter in before.parameters:
        new = ", ".join(needed) or "AWS's own"
        news.append(f"the secrets have other KMS keys than at the last deployment: now {new}")
    return {parameter: ",".join(needed)}


# ── What to do ────────────────────────────────────────────────────────────────────────────────────


def _create(expected: Expected, name: str) -> str:
    return f"aws secretsmanager create-secret --region {REGION} --name {name} {_typed(expected)}"


def _put(expected: Expected, name: str) -> str:
    return f"aws secretsmanager put-secret-value --region {REGION} --secret-id {name} {_typed(expected)}"


def _typed(expected: Expected) -> str:
    """Never on the command line, where a history and a list of processes keep it."""
    return f"--secret-string file:///dev/stdin (then type {expected.example}, Enter, Ctrl-D)"
