"""Lines of the workloads' log groups: read page by page, oldest or newest first, and followed.

Time is AWS's, never ours, and never a line's own: a line may be stamped ahead, or arrive late.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from fraud_cfn.config import REGION
from fraud_cfn.deploy.account.session import code_of, denied, explain
from fraud_cfn.deploy.errors import AwsError, DeployError

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient

_NEAR = 60_000  # milliseconds that each look goes back before the last one
_LATE = 900_000  # and that one look a minute does, for what arrived late
_FAR_LOOKS = 60_000


@dataclass(frozen=True)
class Source:
    """A log group, and the streams of it that are wanted."""

    service: str
    group: str
    prefix: str = ""


class GoneError(AwsError):
    """A log group of the stack's was deleted by hand."""


@dataclass(frozen=True)
class Line:
    """One log event; `time` in milliseconds since 1970."""

    id: str
    time: int
    service: str
    text: str

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.time / 1000, UTC)


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def read(
    logs: CloudWatchLogsClient, source: Source, begin: int, pattern: str = "", *, newest_first: bool = False
) -> Iterator[Line]:
    """Lines since `begin`, a page at a time as they are taken. `GoneError` for a group that is not there."""
    asked: dict[str, Any] = {"logGroupName": source.group, "startTime": begin}
    asked |= {"filterPattern": pattern} if pattern else {}
    asked |= {"logStreamNamePrefix": source.prefix} if source.prefix else {}
    asked |= {"startFromHead": False} if newest_first else {}
    try:
        for page in logs.get_paginator("filter_log_events").paginate(**asked):
            for event in page.get("events", ()):
                if event.get("logStreamName", source.prefix).startswith(source.prefix):
                    yield _line(event, source.service)
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            raise GoneError(
                f"the log group {source.group} of {source.service} does not exist: its tasks cannot start",
                f"make it again: aws logs create-log-group --region {REGION} --log-group-name {source.group}",
            ) from error
        raise


def read_all(
    logs: CloudWatchLogsClient,
    sources: Iterable[Source],
    begin: int,
    pattern: str,
    gone: Callable[[Source, DeployError], None],
) -> Iterator[Line]:
    """Lines of several groups since `begin`, oldest first; of each no more than a page is held. One that is
    not there, or may not be read, hides no other: `gone` is told."""

    def lines(source: Source) -> Iterator[Line]:
        try:
            yield from read(logs, source, begin, pattern)
        except GoneError as error:
            gone(source, error)
        except ClientError as error:
            if not denied(error):
                raise
            gone(source, explain(error))

    return heapq.merge(*map(lines, sources), key=lambda line: line.time)


def _line(event: Any, service: str) -> Line:
    time, text = event.get("timestamp", 0), event.get("message", "").rstrip("\r\n")
    fallback = f"{event.get('logStreamName', '')}/{time}/{text}"
    return Line(event.get("eventId") or fallback, time, service, text)


class Cursor:
    """How far one log group was read: nothing of it is given twice, and nothing is lost."""

    def __init__(self, source: Source, begin: int, now: int) -> None:
        self._source = source
        self._begin = begin
        self._looked = now  # by AWS's clock, when the last look that was answered began
        self._looked_far = 0
        self._given: dict[str, int] = {}  # id → time, of what a look may see again

    def gave(self, line: Line) -> None:
        """`line` was shown by other means."""
        self._given[line.id] = line.time

    def fresh(self, logs: CloudWatchLogsClient, now: int, pattern: str) -> list[Line]:
        """What came since the last look that was answered; nothing of a group that is not there."""
        far = now - self._looked_far >= _FAR_LOOKS
        begin = max(self._begin, self._looked - (_LATE if far else _NEAR))
        lines: list[Line] = []
        with suppress(GoneError):
            lines += (line for line in read(logs, self._source, begin, pattern) if line.id not in self._given)
        self._looked = now
        self._looked_far = now if far else self._looked_far
        self._given |= {line.id: line.time for line in lines}
        self._given = {key: time for key, time in self._given.items() if time >= now - _LATE - _FAR_LOOKS}
        return list({line.id: line for line in lines}.values())
