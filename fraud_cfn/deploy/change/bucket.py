"""The bucket that a template over CloudFormation's inline limit goes through.

It is made, after a question, where the account has none yet. Every call names the owner it must have.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from fraud_cfn.config import INLINE_LIMIT, REGION
from fraud_cfn.deploy.account.session import Session, code_of, explain
from fraud_cfn.deploy.errors import DeclinedError, UsageError
from fraud_cfn.deploy.terminal.console import Console
from fraud_cfn.deploy.terminal.interrupts import undisturbed

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

KEPT_DAYS = 30  # CloudFormation keeps a copy of its own


@dataclass(frozen=True)
class Consent:
    """Who is asked whether a missing bucket may be made, and what was said beforehand."""

    console: Console
    yes: bool
    otherwise: str  # what to run where nobody can be asked


def name_for(account: str) -> str:
    return f"fraud-templates-{account}-{REGION}"


def upload(session: Session, bucket: str | None, folder: str, content: bytes, consent: Consent) -> str:
    """Put the bytes there, and return the URL of this very version of them; `bucket` is `None` for the
    account's own, which is made where it is missing."""
    name = bucket or name_for(session.account)
    digest = hashlib.sha256(content)
    key = f"{folder}/{digest.hexdigest()}.yaml"
    s3 = session.client("s3")
    arguments: dict[str, Any] = {
        "Bucket": name,
        "Key": key,
        "Body": content,
        "ContentType": "application/yaml",
        "ChecksumSHA256": base64.b64encode(digest.digest()).decode("ascii"),
        "ExpectedBucketOwner": session.account,
    }
    if bucket:
        _must_be_here(s3, bucket, session.account)
    try:
        version = _put(s3, arguments)
    except ClientError as error:
        if bucket or code_of(error) != "NoSuchBucket":
            raise _unusable(name, error) from error
        _make_after_a_question(s3, name, session.account, len(content), consent)
        try:
            version = _put(s3, arguments)
        except ClientError as again:
            raise _unusable(name, again) from again
    return _url(s3, name, key, version)


def _must_be_here(s3: S3Client, name: str, account: str) -> None:
    """S3 tells the region of a bucket in a header, also to whom it denies the rest; a bucket that it does not
    know is told by what follows."""
    try:
        answer: Any = s3.head_bucket(Bucket=name, ExpectedBucketOwner=account)
    except ClientError as error:
        answer = error.response
    region = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region", REGION)
    if region != REGION:
        raise UsageError(
            f"the bucket {name} is in {region}, not in {REGION}",
            f"name a bucket of {REGION}, or none: then this account's own is used",
        )


def _put(s3: S3Client, arguments: dict[str, Any]) -> str:
    version = s3.put_object(**arguments).get("VersionId", "")
    return "" if version == "null" else version


def _unusable(name: str, error: ClientError) -> UsageError:
    return UsageError(
        f"the template cannot be put into the bucket {name} ({code_of(error)})",
        "name a bucket of this account that you may write to: --s3-bucket BUCKET",
    )


def _url(s3: S3Client, name: str, key: str, version: str) -> str:
    """On AWS the region's own host; a name with dots stands in the path, where TLS allows it."""
    at = s3.meta.endpoint_url.rstrip("/")
    scheme, _, host = at.partition("://")
    if host.endswith("amazonaws.com"):
        host = f"s3.{s3.meta.region_name}.amazonaws.com"
    path = f"{host}/{name}" if "." in name or not host.endswith("amazonaws.com") else f"{name}.{host}"
    return f"{scheme}://{path}/{quote(key)}{f'?versionId={quote(version)}' if version else ''}"


# ── Making it ─────────────────────────────────────────────────────────────────────────────────────


def _make_after_a_question(s3: S3Client, name: str, account: str, size: int, consent: Consent) -> None:
    console = consent.console
    console.say(
        f"CloudFormation takes {INLINE_LIMIT:,} bytes in a request, and the template has {size:,}: it goes "
        f"through a bucket.\nThis account has none for it yet: {name}, private, encrypted, TLS only, "
        f"versioned, emptied after {KEPT_DAYS} days"
    )
    try:
        console.confirm("Make that bucket?", yes=consent.yes, otherwise=consent.otherwise)
    except DeclinedError as error:
        if not error.next_step:
            raise
        words = f"the bucket {name} does not exist, and {error.message}"
        raise DeclinedError(words, error.next_step) from error
    with undisturbed():
        _make(s3, name, account)
    console.say(f"Made the bucket {name}")


def _make(s3: S3Client, name: str, account: str) -> None:
    """All of it or nothing."""
    try:
        s3.create_bucket(
            Bucket=name,
            CreateBucketConfiguration={"LocationConstraint": REGION},
            ObjectOwnership="BucketOwnerEnforced",
        )
    except ClientError as error:
        if code_of(error) == "BucketAlreadyOwnedByYou":  # somebody of this account was faster
            return
        raise UsageError(
            f"the bucket {name} cannot be made ({code_of(error)})",
            "name another bucket of this account: --s3-bucket BUCKET",
        ) from error
    for step, set_up in _steps(s3, name, account):
        try:
            set_up()
        except (ClientError, BotoCoreError) as error:
            raise UsageError(
                f"the bucket {name} cannot be set up: {step}: {code_of(error) or explain(error).message}; "
                f"{_unmade(s3, name, account)}",
                "get that permission, or name another bucket of this account: --s3-bucket BUCKET",
            ) from error


def _steps(s3: S3Client, name: str, account: str) -> tuple[tuple[str, Callable[[], Any]], ...]:
    owned: Any = {"Bucket": name, "ExpectedBucketOwner": account}
    everything = [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]
    tls_only: Any = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "DenyWithoutTls",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": everything,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
    private: Any = {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    }
    encrypted: Any = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    expiring: Any = {
        "Rules": [
            {
                "ID": "old-templates",
                "Status": "Enabled",
                "Filter": {"Prefix": ""},
                "Expiration": {"Days": KEPT_DAYS},
                "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
            }
        ]
    }
    return (
        (
            "PutPublicAccessBlock",
            lambda: s3.put_public_access_block(**owned, PublicAccessBlockConfiguration=private),
        ),
        (
            "PutBucketEncryption",
            lambda: s3.put_bucket_encryption(**owned, ServerSideEncryptionConfiguration=encrypted),
        ),
        (
            "PutBucketVersioning",
            lambda: s3.put_bucket_versioning(**owned, VersioningConfiguration={"Status": "Enabled"}),
        ),
        ("PutBucketPolicy", lambda: s3.put_bucket_policy(**owned, Policy=json.dumps(tls_only))),
        (
            "PutLifecycleConfiguration",
            lambda: s3.put_bucket_lifecycle_configuration(**owned, LifecycleConfiguration=expiring),
        ),
    )


def _unmade(s3: S3Client, name: str, account: str) -> str:
    """Take the half-made, empty bucket away; what is left of it."""
    try:
        s3.delete_bucket(Bucket=name, ExpectedBucketOwner=account)
    except (ClientError, BotoCoreError) as error:
        return f"it stands half made ({code_of(error)}): aws s3 rb s3://{name}"
    return "it was deleted again"
