"""Shows the workloads' logs, and follows them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from fraud_cfn.deploy.account.session import Session, code_of, message_of
from fraud_cfn.deploy.errors import CredentialsError, DeployError, Exit, UsageError
from fraud_cfn.deploy.running import workloads
from fraud_cfn.deploy.running.log_lines import Cursor, Line, Source, milliseconds, read_all
from fraud_cfn.deploy.stack import stacks
from fraud_cfn.deploy.stack.outcome import Outcome
from fraud_cfn.deploy.stack.waiting import Tolerance, until
from fraud_cfn.deploy.terminal import clock
from fraud_cfn.deploy.terminal.console import Console

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


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
    span = seconds(since)
    stack = stacks.must_find(session.client("cloudformation"), suffix)
    deployed = workloads.read(session, stack)
    chosen = [deployed.named(service)] if service else deployed.workloads
    sources = [
        Source(workload.name, workload.log_group.physical_id, "" if tracing else workload.stream_prefix)
        for workload in chosen
        if workload.log_group and workload.log_group.physical_id
    ]
    logs, now = session.client("logs"), milliseconds(session.now())
    cursors = {source.service: Cursor(source, now - span * 1000, now) for source in sources}
    show = _Show(console, sources, document=not follow)
    missing: dict[str, str] = {}
    gone = partial(_unread, cursors, missing, console)
    try:
        for line in read_all(logs, sources, now - span * 1000, pattern, gone):
            show.line(line)
            if follow:
                cursors[line.service].gave(line)
        if not show.count and not missing:
            console.say(f"nothing in the last {since}; look further back: {_further(suffix)}")
        if follow:
            _follow(session, logs, list(cursors.values()), pattern, show, console)
    except KeyboardInterrupt:
        if not follow:
            raise
    except ClientError as error:
        if not pattern or code_of(error) != "InvalidParameterException":
            raise
        raise UsageError(
            f"--filter {pattern!r} cannot be used: {message_of(error)}",
            """write it as CloudWatch Logs' filter patterns: ERROR, '"two words"', '{ $.level = "error" }'""",
        ) from error
    return _ended(stack.arn, show, {} if follow else missing, follow=follow)


def _unread(
    cursors: dict[str, Cursor], missing: dict[str, str], console: Console, source: Source, error: DeployError
) -> None:
    """A group that is not there may come to be; one that may not be read is not followed either."""
    words = error.message
    if isinstance(error, CredentialsError):
        words = f"not looked at: {source.service} ({words})"
        del cursors[source.service]
        if not cursors:
            raise error
    missing[source.service] = words
    console.warn(words)
    console.say(f"next:  {error.next_step}")


def _ended(arn: str, show: _Show, missing: dict[str, str], *, follow: bool) -> Outcome:
    data = {"lines": show.lines} if show.lines is not None else {"count": show.count}
    if missing:
        return Outcome("unknown", arn, Exit.AWS, {**data, "unknown": missing})
    return Outcome("logs", arn, data=data, line_by_line=follow)


def _further(suffix: str) -> str:
    return stacks.command("logs", suffix, "--since 1d")


def seconds(span: str) -> int:
    """`90s`, `10m`, `2h`, `1d`."""
    match = re.fullmatch(r"(\d{1,9})([smhd])", span, re.ASCII)
    if match is None or int(match[1]) * _UNITS[match[2]] > 3650 * _UNITS["d"]:
        raise UsageError(f"--since {span!r} is not a time span", "write it as 90s, 10m, 2h or 1d")
    return int(match[1]) * _UNITS[match[2]]


class _Show:
    """Shows lines as they come: as text, as JSON a line each, or kept for one JSON document."""

    def __init__(self, console: Console, sources: Sequence[Source], *, document: bool) -> None:
        self._console = console
        self._widest = max((len(source.service) for source in sources), default=0)
        self.count = 0
        self.lines: list[dict[str, str]] | None = [] if document and console.form == "json" else None

    def line(self, line: Line) -> None:
        self.count += 1
        if self._console.form == "json":
            data = {"time": f"{line.at:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z", "service": line.service}
            data["message"] = line.text
            if self.lines is None:
                self._console.json(data, indent=None)
            else:
                self.lines.append(data)
            return
        begin = f"{line.at:%Y-%m-%d %H:%M:%S}Z {line.service:<{self._widest}} "
        # Further lines of one event stand below it, never at a line's beginning.
        self._console.verbatim(f"{begin}{line.text}".replace("\n", f"\n{' ' * len(begin)}"))


def _follow(
    session: Session,
    logs: CloudWatchLogsClient,
    cursors: Sequence[Cursor],
    pattern: str,
    show: _Show,
    console: Console,
) -> None:
    """Until Ctrl-C, or until nobody reads on; what passes by itself is said once and does not end it."""
    pace = clock.Pace(first=1)
    asking = [(cursor, Tolerance(console, "what is logged")) for cursor in cursors]

    def unread() -> bool | None:
        now = milliseconds(session.now())
        lines: list[Line] = []
        for cursor, tolerance in asking:
            lines += tolerance.ask(partial(cursor.fresh, logs, now, pattern)) or []
        for line in sorted(lines, key=lambda line: line.time):
            pace.quicken()
            show.line(line)
        return True if console.nobody_reads else None

    until(unread, console, what="what is logged", timeout=math.inf, next_step="", pace=pace)
