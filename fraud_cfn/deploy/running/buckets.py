"""Empties a bucket: every object, version and delete marker, in parallel, with each refusal told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from fraud_cfn.deploy.account import trouble
from fraud_cfn.deploy.account.session import Session, code_of, message_of
from fraud_cfn.deploy.errors import DeployError, TimedOutError
from fraud_cfn.deploy.stack.waiting import until
from fraud_cfn.deploy.terminal import clock, interrupts
from fraud_cfn.deploy.terminal.console import Console

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import ObjectIdentifierTypeDef

_AT_ONCE = 8  # batches of at most 1,000 keys
_TOLD_EVERY = 15.0  # seconds
_PASSES = 4  # through a bucket that is written to meanwhile
Say = Callable[[int | None], None]  # `None`: nobody knows yet


@dataclass(frozen=True)
class Refused:
    """An object's version that S3 does not let go, and why."""

    bucket: str
    key: str
    version: str
    reason: str  # "AccessDenied: Access Denied because object protected by object lock."
    passes: bool = False  # asking again may help

    def __str__(self) -> str:
        return f"{self.key!r} version {self.version}: {self.reason}"


def empty(session: Session, bucket: str, console: Console, timeout: float, say: Say) -> list[Refused]:
    """What could not be deleted; a bucket that does not exist is empty. What is written meanwhile is deleted
    too. `say` is told how much is gone, again and again. `TimedOutError` after `timeout` seconds."""
    work = _Emptying(session, bucket, console, timeout, say)

    def emptied() -> bool | None:
        return True if not work.once() or work.refused or work.passes >= _PASSES else None

    try:
        pace = clock.Pace(first=1)
        until(emptied, console, what=f"emptying {bucket}", timeout=timeout, next_step="", pace=pace)
        uploads = _abort_uploads(session.client("s3"), bucket, session.account)
    except (DeployError, ClientError) as error:
        if "NoSuchBucket" in (code_of(error), code_of(error.__cause__)):
            return []
        raise
    if work.passes >= _PASSES and not work.refused and not work.put_off:
        console.warn(f"{bucket} is still written to, {work.newest} last")
    if work.deleted or uploads:
        console.say(
            f"  emptied {bucket}: {work.deleted:,} objects and versions, {uploads} unfinished uploads"
        )
    return [*work.refused, *work.put_off]


class _Emptying:
    """Deletes by batches in parallel, and tells how far it is."""

    def __init__(self, session: Session, bucket: str, console: Console, timeout: float, say: Say) -> None:
        self._s3, self._owner = session.client("s3"), session.account
        self._bucket = bucket
        self._console = console
        self._say = say
        self._timeout = timeout
        self._deadline = clock.Deadline(timeout)
        self._next = clock.Deadline(_TOLD_EVERY)
        self._running: list[tuple[int, Future[list[Refused]]]] = []
        self.deleted = 0
        self.newest = ""  # the last key seen
        self.refused: list[Refused] = []
        self.put_off: list[Refused] = []  # in the last pass, for a reason that passes
        self.passes = 0

    def once(self) -> int:
        """Every version that there is now; how many there were."""
        seen, self.put_off = 0, []
        self._running.clear()
        pool = ThreadPoolExecutor(_AT_ONCE)
        try:
            with self._console.live_line():
                for batch in _batches(self._s3, self._bucket, self._owner):
                    seen += len(batch)
                    if not self._deadline.left:
                        break
                    self.newest = batch[-1]["Key"]
                    self._say(self.deleted or None)
                    job = pool.submit(_delete, self._s3, self._bucket, self._owner, batch)
                    self._running.append((len(batch), job))
                    while len(self._running) >= 2 * _AT_ONCE:
                        self._take()
                    self._tell()
                while self._running and self._deadline.left:
                    self._take()
                    self._tell()
        finally:  # by Ctrl-C, too: what has begun ends and is counted, nothing more begins
            pool.shutdown(cancel_futures=True)
            for number, job in self._running:
                if not job.cancelled() and not job.exception():
                    self._count(number, job.result())
            self._say(self.deleted)
        if seen and not self._deadline.left:
            raise TimedOutError(
                f"{self._bucket} is not empty after {clock.span(self._timeout)}, as far as is known: "
                f"{self.deleted:,} versions are deleted",
                "run it again: it goes on where it stopped",
            )
        self.passes += 1
        return seen

    def _take(self) -> None:
        """Wait for the oldest batch."""
        number, job = self._running[0]
        held = job.result()
        self._running.pop(0)
        self._count(number, held)

    def _count(self, number: int, held: list[Refused]) -> None:
        self.refused += [one for one in held if not one.passes]
        self.put_off += [one for one in held if one.passes]
        self.deleted += number - len(held)

    def _tell(self) -> None:
        interrupts.heed()
        self._say(self.deleted or None)
        self._console.update(f"[ emptying {self._bucket}: {self.deleted:,} ]")
        if not self._next.left:
            self._console.say(f"  emptying {self._bucket}: {self.deleted:,} deleted so far")
            self._next = clock.Deadline(_TOLD_EVERY)


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
            if not trouble.passes(error):
                raise
            words = trouble.words(error)
            return [
                Refused(bucket, one["Key"], one.get("VersionId", ""), words, passes=True) for one in batch
            ]
        return [held for one in batch if (held := _delete_alone(s3, bucket, owner, one))]
    return [
        Refused(
            bucket,
            error.get("Key", ""),
            error.get("VersionId", ""),
            f"{error.get('Code', '')}: {error.get('Message', '')}",
            passes=trouble.passing(error.get("Code", "")),
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
