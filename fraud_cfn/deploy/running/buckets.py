"""Empties a bucket: every object, version and delete marker, in parallel, with each refusal told."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from fraud_cfn.deploy.account.session import Session, code_of, message_of
from fraud_cfn.deploy.errors import TimedOutError
from fraud_cfn.deploy.terminal import clock
from fraud_cfn.deploy.terminal.console import Console

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import ObjectIdentifierTypeDef

_AT_ONCE = 8  # batches of at most 1,000 keys
_TOLD_EVERY = 15.0  # seconds


@dataclass(frozen=True)
class Refused:
    """An object's version that S3 does not let go, and why."""

    bucket: str
    key: str
    version: str
    reason: str  # "AccessDenied: Access Denied because object protected by object lock."


def empty(session: Session, bucket: str, console: Console, timeout: float) -> list[Refused]:
    """What could not be deleted; a bucket that does not exist is empty. `TimedOutError` after `timeout`
    seconds, with how much is gone."""
    s3, owner = session.client("s3"), session.account
    refused: list[Refused] = []
    deleted, progress = 0, _Progress(bucket, console, timeout)
    running: list[tuple[int, Future[list[Refused]]]] = []
    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for batch in _batches(s3, bucket, owner):
                running.append((len(batch), pool.submit(_delete, s3, bucket, owner, batch)))
                while len(running) >= 2 * _AT_ONCE:
                    deleted += _taken(running, refused)
                progress.tell(deleted)
            while running:
                deleted += _taken(running, refused)
        uploads = _abort_uploads(s3, bucket, owner)
    except ClientError as error:
        if code_of(error) != "NoSuchBucket":
            raise
        return []
    if deleted or uploads:
        console.say(f"  emptied {bucket}: {deleted} objects and versions, {uploads} unfinished uploads")
    return refused


class _Progress:
    """Tells how far it is, and ends it when time is up."""

    def __init__(self, bucket: str, console: Console, timeout: float) -> None:
        self._bucket = bucket
        self._console = console
        self._timeout = timeout
        self._deadline = clock.Deadline(timeout)
        self._next = clock.Deadline(_TOLD_EVERY)

    def tell(self, deleted: int) -> None:
        if not self._deadline.left:
            raise TimedOutError(
                f"{self._bucket} is not empty after {clock.span(self._timeout)}: "
                f"{deleted:,} versions are deleted, the rest is there",
                "run it again: it goes on where it stopped; --timeout MINUTES gives it longer",
            )
        self._console.update(f"[ emptying {self._bucket}: {deleted:,} ]")
        if not self._next.left:
            self._console.say(f"  emptying {self._bucket}: {deleted:,} deleted so far")
            self._next = clock.Deadline(_TOLD_EVERY)


def _taken(running: list[tuple[int, Future[list[Refused]]]], refused: list[Refused]) -> int:
    """Wait for the oldest batch; how many of it are deleted."""
    number, future = running.pop(0)
    held = future.result()
    refused += held
    return number - len(held)


def _batches(s3: S3Client, bucket: str, owner: str) -> Iterator[list[ObjectIdentifierTypeDef]]:
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, ExpectedBucketOwner=owner)
    for page in pages:
        batch: list[ObjectIdentifierTypeDef] = [
            {"Key": version.get("Key", ""), "VersionId": version.get("VersionId", "null")}
            for version in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
        ]
        if batch:
            yield batch


def _delete(s3: S3Client, bucket: str, owner: str, batch: list[ObjectIdentifierTypeDef]) -> list[Refused]:
    try:
        answer = s3.delete_objects(
            Bucket=bucket, Delete={"Objects": batch, "Quiet": True}, ExpectedBucketOwner=owner
        )
    except ClientError as error:
        # One key that XML cannot carry breaks its whole batch.
        if code_of(error) != "MalformedXML":
            raise
        return [held for one in batch if (held := _delete_alone(s3, bucket, owner, one))]
    return [
        Refused(
            bucket,
            error.get("Key", ""),
            error.get("VersionId", ""),
            f"{error.get('Code', '')}: {error.get('Message', '')}",
        )
        for error in answer.get("Errors", ())
    ]


def _delete_alone(s3: S3Client, bucket: str, owner: str, one: ObjectIdentifierTypeDef) -> Refused | None:
    key, version = one["Key"], one.get("VersionId", "null")
    try:
        s3.delete_object(Bucket=bucket, Key=key, VersionId=version, ExpectedBucketOwner=owner)
    except ClientError as error:
        return Refused(bucket, key, version, f"{code_of(error)}: {message_of(error)}")
    return None


def _abort_uploads(s3: S3Client, bucket: str, owner: str) -> int:
    """How many there were."""
    pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, ExpectedBucketOwner=owner)
    uploads = [
        (upload.get("Key", ""), upload.get("UploadId", ""))
        for page in pages
        for upload in page.get("Uploads", ())
    ]
    for key, upload in uploads:
        s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, ExpectedBucketOwner=owner)
    return len(uploads)
