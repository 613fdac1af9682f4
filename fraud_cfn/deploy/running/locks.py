"""Objects that S3 does not let anybody delete for now: under Object Lock's retention or a legal hold."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from fraud_cfn.deploy.account.session import Session, code_of

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_AT_ONCE = 8
MOST = 5000  # versions that are asked for
_NO_LOCKS = ("ObjectLockConfigurationNotFoundError", "NoSuchBucket")
_NOT_LOCKED = ("NoSuchObjectLockConfiguration", "NoSuchKey", "NoSuchVersion", "MethodNotAllowed", "404")


@dataclass(frozen=True)
class Lock:
    """A version that is held."""

    bucket: str
    key: str
    version: str
    held: str  # COMPLIANCE | GOVERNANCE | legal hold
    until: datetime | None

    def __str__(self) -> str:
        end = f" until {self.until:%Y-%m-%d %H:%M} UTC" if self.until else ""
        return f"{self.key!r} version {self.version}: {self.held}{end}"


@dataclass(frozen=True)
class Locks:
    """Some at least of the versions that are held, if any of the first ones is."""

    found: tuple[Lock, ...] = ()
    more: bool = False  # there are versions that were not asked for


def locked(session: Session, bucket: str, now: datetime) -> Locks:
    """None where the bucket has no Object Lock: no version can be held then. Whatever AWS refuses to tell is
    raised."""
    s3, owner = session.client("s3"), session.account
    try:
        answer = s3.get_object_lock_configuration(Bucket=bucket, ExpectedBucketOwner=owner)
    except ClientError as error:
        if code_of(error) in _NO_LOCKS:
            return Locks()
        raise
    if answer.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") != "Enabled":
        return Locks()
    every = _versions(s3, bucket, owner)
    versions = islice(every, MOST)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while batch := list(islice(versions, 20 * _AT_ONCE)):
            asked = [pool.submit(_locks, s3, bucket, owner, key, version, now) for key, version in batch]
            if found := [lock for job in asked for lock in job.result()]:
                return Locks(tuple(found))
    return Locks(more=next(every, None) is not None)


def _versions(s3: S3Client, bucket: str, owner: str) -> Iterator[tuple[str, str]]:
    """Key and version of each; delete markers are never held."""
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, ExpectedBucketOwner=owner)
    for page in pages:
        for version in page.get("Versions", ()):
            yield version.get("Key", ""), version.get("VersionId", "null")


def _locks(s3: S3Client, bucket: str, owner: str, key: str, version: str, now: datetime) -> list[Lock]:
    found: list[Lock] = []
    try:
        kept = s3.get_object_retention(
            Bucket=bucket, Key=key, VersionId=version, ExpectedBucketOwner=owner
        ).get("Retention", {})
        end = kept.get("RetainUntilDate")
        if end and end > now:
            found.append(Lock(bucket, key, version, kept.get("Mode", "retention"), end))
    except ClientError as error:
        if code_of(error) not in _NOT_LOCKED:
            raise
    try:
        hold = s3.get_object_legal_hold(
            Bucket=bucket, Key=key, VersionId=version, ExpectedBucketOwner=owner
        ).get("LegalHold", {})
        if hold.get("Status") == "ON":
            found.append(Lock(bucket, key, version, "legal hold", None))
    except ClientError as error:
        if code_of(error) not in _NOT_LOCKED:
            raise
    return found
