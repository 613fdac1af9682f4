"""Logs: followed by AWS's clock, each line once and none lost, page by page, as text and as JSON."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from fraud_cfn.deploy.account import session
from fraud_cfn.deploy.running import log_lines
from fraud_cfn.deploy.terminal import clock
from tests.deploy.conftest import Teller, Told
from tests.deploy.fake_aws import BEGIN, Aws, FaultError

TEMPLATE = """
Resources:
  Cluster: {Type: AWS::ECS::Cluster}
%s
"""
WORKLOAD = """
  {name}Logs: {{Type: AWS::Logs::LogGroup}}
  {name}Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions:
      - Name: {name}
        LogConfiguration: {{Options: {{awslogs-group: !Ref {name}Logs, awslogs-stream-prefix: app}}}}
  {name}Service:
    Type: AWS::ECS::Service
    Properties: {{Cluster: !Ref Cluster, TaskDefinition: !Ref {name}Task}}
"""
KINDS = {"Logs": "AWS::Logs::LogGroup", "Task": "AWS::ECS::TaskDefinition", "Service": "AWS::ECS::Service"}


def ms(seconds: float) -> int:
    return int((BEGIN + timedelta(seconds=seconds)).timestamp() * 1000)


class Lines:
    """What CloudWatch Logs holds: of each event its own time, and when it arrived, in AWS's seconds."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.events: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        aws.template = TEMPLATE % "".join(WORKLOAD.format(name=name) for name in ("api", "worker"))
        aws.resources = [
            {"LogicalResourceId": f"{name}{part}", "PhysicalResourceId": f"{name}-{part}:1"}
            | {"ResourceType": kind, "ResourceStatus": "CREATE_COMPLETE"}
            for name in ("api", "worker")
            for part, kind in KINDS.items()
        ] + [
            {"LogicalResourceId": "Cluster", "PhysicalResourceId": "c", "ResourceType": "AWS::ECS::Cluster"}
            | {"ResourceStatus": "CREATE_COMPLETE"}
        ]
        aws.answers["FilterLogEvents"] = self.answer

    def add(self, text: str, at: float, arrives: float | None = None, group: str = "api") -> None:
        number = str(len(self.events))
        self.events.append(
            {"eventId": number, "timestamp": ms(at), "message": text, "logStreamName": "app/x/1"}
            | {"arrives": at if arrives is None else arrives, "group": f"{group}-Logs:1"}
        )

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A page holds one event."""
        self.asked.append(asked)
        now = self.aws.clock.now() + self.aws.ahead.total_seconds()
        there = [
            {key: value for key, value in event.items() if key not in ("arrives", "group")}
            for event in sorted(self.events, key=lambda event: event["timestamp"])
            if event["group"] == asked["logGroupName"]
            and event["arrives"] <= now
            and event["timestamp"] >= asked["startTime"]
        ]
        there = there if asked.get("startFromHead", True) else there[::-1]
        number = int(asked.get("nextToken", 0))
        more = {"nextToken": str(number + 1)} if number + 1 < len(there) else {}
        return {"events": there[number : number + 1], **more}


@pytest.fixture
def lines(deployed: Aws) -> Lines:
    return Lines(deployed)


@pytest.fixture
def follow(deployed: Aws, tell: Teller, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Told]:
    """Follows the logs for some seconds, then presses Ctrl-C."""

    def run(seconds: float, options: str = "") -> Told:
        def sleep(span: float) -> None:
            deployed.clock.sleep(span)
            if deployed.clock.seconds > seconds:
                raise KeyboardInterrupt

        monkeypatch.setattr(clock, "sleep", sleep)
        return tell(f"logs dev --follow {options}".strip())

    return run


def shown(told: Told) -> list[str]:
    return [line.split()[-1] for line in told.text.splitlines() if line.startswith("20")]


@pytest.mark.parametrize("minutes", [-10, 0, 10])
def test_lines_are_found_whatever_our_clock_says(
    deployed: Aws, lines: Lines, tell: Teller, minutes: int
) -> None:
    deployed.ahead = timedelta(minutes=minutes)
    lines.add("before", minutes * 60 - 90)
    lines.add("now", minutes * 60 - 30)
    told = tell("logs dev --since 1m")
    assert (told.code, shown(told)) == (0, ["now"])


def test_each_line_is_shown_once_and_none_is_lost(lines: Lines, follow: Callable[..., Told]) -> None:
    for number in range(40):
        lines.add(f"line-{number:02}", number * 3, group=("api", "worker")[number % 2])
    told = follow(130)
    assert told.code == 0
    assert sorted(shown(told)) == [f"line-{number:02}" for number in range(40)]


def test_a_line_stamped_ahead_silences_nobody(lines: Lines, follow: Callable[..., Told]) -> None:
    lines.add("from-tomorrow", 86_400, arrives=1)
    lines.add("api-later", 30)
    lines.add("worker-later", 40, group="worker")
    assert shown(follow(60)) == ["from-tomorrow", "api-later", "worker-later"]


def test_a_cursor_that_goes_by_the_newest_line_would_lose_some(
    lines: Lines, follow: Callable[..., Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the test above tells apart: this one is silent once a line is stamped ahead."""

    def fresh(cursor: Any, logs: Any, _now: int, pattern: str) -> list[log_lines.Line]:
        begin = max([cursor._begin, *(time + 1 for time in cursor._given.values())])
        found = list(log_lines.read(logs, cursor._source, begin, pattern))
        cursor._given |= {line.id: line.time for line in found}
        return found

    monkeypatch.setattr(log_lines.Cursor, "fresh", fresh)
    lines.add("from-tomorrow", 86_400, arrives=1)
    lines.add("api-later", 30)
    lines.add("worker-later", 40, group="worker")
    assert shown(follow(60)) == ["from-tomorrow", "worker-later"]


def test_a_line_that_arrives_late_is_shown(lines: Lines, follow: Callable[..., Told]) -> None:
    lines.add("first", 1)
    lines.add("late", 60, arrives=600)
    assert shown(follow(720)) == ["first", "late"]


def test_what_comes_while_aws_cannot_be_asked_is_shown_afterwards(
    deployed: Aws, lines: Lines, follow: Callable[..., Told]
) -> None:
    for number in range(10):
        lines.add(f"line-{number}", number * 30 + 2)

    def unwell(asked: dict[str, Any]) -> dict[str, Any]:
        if 20 < deployed.clock.seconds < 260:
            raise FaultError("ThrottlingException", "Rate exceeded")
        return lines.answer(asked)

    deployed.answers["FilterLogEvents"] = unwell
    told = follow(330)
    assert sorted(shown(told)) == [f"line-{number}" for number in range(10)]
    assert told.text.count("warning:") == 2  # once for each group


def test_a_group_that_is_not_there_yet_is_followed_all_the_same(
    deployed: Aws, lines: Lines, follow: Callable[..., Told]
) -> None:
    def growing(asked: dict[str, Any]) -> dict[str, Any]:
        if asked["logGroupName"].startswith("worker") and deployed.clock.seconds < 20:
            raise FaultError("ResourceNotFoundException", "The specified log group does not exist.")
        return lines.answer(asked)

    deployed.answers["FilterLogEvents"] = growing
    lines.add("api-first", 1)
    lines.add("worker-later", 25, group="worker")
    assert shown(follow(40)) == ["api-first", "worker-later"]


@pytest.mark.parametrize("denied", ["api", "worker"])
def test_a_group_that_may_not_be_read_hides_no_other(
    deployed: Aws, lines: Lines, tell: Teller, follow: Callable[..., Told], denied: str
) -> None:
    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        if asked["logGroupName"].startswith(denied):
            raise FaultError("AccessDeniedException", "no", 400)
        return lines.answer(asked)

    deployed.answers["FilterLogEvents"] = answer
    lines.add("api", -5)
    lines.add("worker", -4, group="worker")
    (other,) = {"api", "worker"} - {denied}
    words = f"not looked at: {denied} (no permission for FilterLogEvents: no)"
    told = tell("logs dev")
    assert (told.code, told.last, shown(told)) == (9, "result=unknown stack=TapStackdev", [other])
    assert f"warning: {words}\nnext:  ask for that permission" in told.text
    document = json.loads(
        tell("logs dev --format json").text.partition("\n{")[2].partition("\n}")[0].join("{}")
    )
    assert document["unknown"] == {denied: words}
    lines.add("later", 5, group=other)
    told = follow(20)
    assert (told.code, shown(told)) == (0, [other, "later"])


def test_logs_none_of_which_may_be_read_are_refused(deployed: Aws, lines: Lines, tell: Teller) -> None:
    lines.add("api", -5)
    deployed.answers["FilterLogEvents"] = lambda _: (_ for _ in ()).throw(
        FaultError("AccessDeniedException", "no", 400)
    )
    told = tell("logs dev")
    assert (told.code, told.last) == (2, "result=credentials stack=TapStackdev")


def test_a_page_without_lines_is_not_the_last(deployed: Aws, lines: Lines, tell: Teller) -> None:
    """CloudWatch Logs answers so while it searches (its API reference, FilterLogEvents)."""
    lines.add("found", -5)

    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        begin = int(asked.get("nextToken", -30))
        return lines.answer(asked | {"nextToken": 0}) if begin == 0 else {"nextToken": str(begin + 1)}

    deployed.answers["FilterLogEvents"] = answer
    assert shown(tell("logs dev --service api")) == ["found"]


def test_lines_of_one_moment_are_each_shown(lines: Lines, follow: Callable[..., Told]) -> None:
    for number in range(25):
        lines.add(f"line-{number:02}", 3)
    assert sorted(shown(follow(30))) == [f"line-{number:02}" for number in range(25)]


def test_followed_json_is_a_document_a_line(lines: Lines, follow: Callable[..., Told]) -> None:
    lines.add("one\x1b[31m", -5)
    lines.add("two", 5)
    told = follow(20, "--format json")
    documents = [json.loads(line) for line in told.text.splitlines() if line.startswith("{")]
    assert [document.get("message") for document in documents] == ["one", "two", None]
    assert documents[0]["time"] == "2026-03-01T11:59:55.000Z"
    assert (documents[-1]["result"], documents[-1]["count"]) == ("logs", 2)


def test_a_line_has_its_date_and_zone_and_further_lines_stand_below_it(lines: Lines, tell: Teller) -> None:
    lines.add("trace:\nresult=done stack=x\r\n  at y\x1b]52;c;eA==\x07\n", -5)
    told = tell("logs dev")
    assert "2026-03-01 11:59:55Z api    trace:\n" + " " * 28 + "result=done stack=x\n" in told.text
    assert "\x1b" not in told.text
    assert [line for line in told.text.splitlines() if line.startswith("result=")] == [told.last]


def test_the_first_line_comes_before_the_second_page_is_asked_for(lines: Lines) -> None:
    for number in range(50):
        lines.add(str(number), number - 60)
    place = session.connect()
    assert place.account
    source = log_lines.Source("api", "api-Logs:1")
    assert next(log_lines.read(place.client("logs"), source, ms(-100))).text == "0"
    assert len(lines.asked) == 1
    newest = log_lines.read(place.client("logs"), source, ms(-100), newest_first=True)
    assert [line.text for line in itertools.islice(newest, 3)] == ["49", "48", "47"]
    assert len(lines.asked) == 4


@pytest.mark.parametrize("span", ["soon", "", "10", "-5m", "1.5h", "99999999999d", "９m", "1w"])
def test_a_span_that_is_none_is_told_before_aws_is_asked(deployed: Aws, tell: Teller, span: str) -> None:
    told = tell("logs dev", f"--since={span}")
    assert (told.code, "is not a time span" in told.text) == (2, True)
    assert deployed.calls == ["GetCallerIdentity"]


@pytest.mark.parametrize("more", ["", " --follow"])
def test_a_pattern_that_is_none_is_told_as_what_was_typed(
    deployed: Aws, lines: Lines, tell: Teller, more: str
) -> None:
    lines.add("one", -5)
    said = "Invalid character(s) in term"
    deployed.answers["FilterLogEvents"] = lambda _: (_ for _ in ()).throw(
        FaultError("InvalidParameterException", said)
    )
    told = tell(f"logs dev{more}", '--filter="two')
    assert (told.code, told.last) == (2, "result=usage stack=TapStackdev")
    assert f"error: --filter '\"two' cannot be used: {said}" in told.text
