"""Shows the services' logs, and follows them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from fraud_cfn.deploy.account.session import Session, code_of, explain
from fraud_cfn.deploy.errors import UsageError
from fraud_cfn.deploy.running import images
from fraud_cfn.deploy.stack import stacks
from fraud_cfn.deploy.stack.outcome import Outcome
from fraud_cfn.deploy.terminal import clock
from fraud_cfn.deploy.terminal.console import Console

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LATE = 10_000  # milliseconds that an event may arrive late and still be shown


@dataclass(frozen=True)
class Line:
    """One log event; `time` in milliseconds since 1970."""

    id: str
    time: int
    service: str
    text: str


def run(
    session: Session,
    suffix: str,
    console: Console,
    *,
    service: str | None,
    follow: bool,
    since: str,
    pattern: str,
    tracing: bool,
) -> Outcome:
    stack = stacks.must_find(session.client("cloudformation"), suffix)
    logs, names = session.client("logs"), [service] if service else list(images.NAMES)
    groups = {name: stack.outputs[f"{name.title()}LogGroupName"] for name in names}
    begin = int(clock.utc().timestamp() * 1000) - seconds(since) * 1000
    prefix = "" if tracing else "app/"
    shown: list[Line] = []
    for line in read(logs, groups, begin, pattern, prefix):
        shown.append(line)
        _print(line, console)
    if follow:
        _follow(logs, groups, max([begin, *(one.time for one in shown)]), pattern, prefix, shown, console)
    if not shown:
        console.say(f"nothing in the last {since}; look further back: --since 1d")
    return Outcome("logs", stack.arn, data={"lines": [vars(one) for one in shown]})


def seconds(span: str) -> int:
    """`90s`, `10m`, `2h`, `1d`."""
    match = re.fullmatch(r"(\d+)([smhd])", span)
    if match is None:
        raise UsageError(f"--since {span!r} is not a time span", "write it as 90s, 10m, 2h or 1d")
    return int(match[1]) * _UNITS[match[2]]


def read(logs: Any, groups: dict[str, str], begin: int, pattern: str, prefix: str) -> Iterator[Line]:
    """Events of all groups since `begin`, oldest first; a group that is not there yet is empty."""
    found: list[Line] = []
    options: dict[str, Any] = {"startTime": begin}
    options |= {"filterPattern": pattern} if pattern else {}
    options |= {"logStreamNamePrefix": prefix} if prefix else {}
    for service, group in groups.items():
        try:
            for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group, **options):
                found += [
                    _line(event, service)
                    for event in page["events"]
                    if event.get("logStreamName", prefix).startswith(prefix)
                ]
        except ClientError as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
    yield from sorted(found, key=lambda one: one.time)


def _line(event: dict[str, Any], service: str) -> Line:
    text = event["message"].rstrip("\n")
    return Line(event.get("eventId", f"{event['timestamp']}{text}"), event["timestamp"], service, text)


def _print(line: Line, console: Console) -> None:
    at = datetime.fromtimestamp(line.time / 1000, UTC)
    console.result(f"{at:%H:%M:%S} {line.service:<6} {line.text}")


def _follow(
    logs: Any,
    groups: dict[str, str],
    begin: int,
    pattern: str,
    prefix: str,
    shown: list[Line],
    console: Console,
) -> None:
    """Until Ctrl-C; trouble while following is said once and does not end it."""
    seen, pace, trouble = {one.id for one in shown}, clock.Pace(first=1), ""
    try:
        while True:
            pace.wait()
            try:
                fresh = [
                    one for one in read(logs, groups, begin - _LATE, pattern, prefix) if one.id not in seen
                ]
            except (ClientError, BotoCoreError) as error:
                if trouble != (trouble := explain(error).message):
                    console.warn(trouble)
                continue
            for line in fresh:
                pace.quicken()
                seen.add(line.id)
                shown.append(line)
                begin = max(begin, line.time)
                _print(line, console)
    except KeyboardInterrupt:
        return
