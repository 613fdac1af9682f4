"""Every wait's loop: what it tolerates, what ends it, and what is told when a command ends early."""

from __future__ import annotations

import ast
import contextlib
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fraud_cfn.config import ROOT
from fraud_cfn.deploy.account import session
from fraud_cfn.deploy.account.trouble import UNANSWERED
from fraud_cfn.deploy.errors import CredentialsError, DeployError, Exit, TimedOutError
from fraud_cfn.deploy.stack.waiting import until
from fraud_cfn.deploy.terminal import clock, interrupts
from fraud_cfn.deploy.terminal.console import Console
from tests import sources
from tests.deploy.conftest import DEPLOYED, SECRETS, Teller
from tests.deploy.fake_aws import Aws, FaultError, LostConnectionError, ProxyPageError, steps
from tests.deploy.fake_running import Running, Task
from tests.deploy.test_status_table import SERVICE

PASSING = [
    FaultError("ThrottlingException", "Rate exceeded"),
    FaultError("RequestLimitExceeded", "Request limit exceeded."),
    FaultError("ServerException", "Service Unavailable. Please try again later.", 500),
    FaultError("Unknown", "", 502),
    LostConnectionError(),
    ProxyPageError("<html><p>Please log in<br></html>"),
    ProxyPageError(""),
]


@pytest.fixture
def ecs(aws: Aws) -> session.Session:
    aws.answers["DescribeTasks"] = lambda _: {"tasks": [{"taskArn": "t", "lastStatus": "STOPPED"}]}
    return session.connect()


def wait(place: session.Session, timeout: float = 600) -> str:
    """As a wait for a task is written."""

    def stopped() -> str | None:
        tasks = place.client("ecs").describe_tasks(tasks=["t"])["tasks"]
        return tasks[0].get("taskArn") if tasks else None

    return until(stopped, Console(), what="the job", timeout=timeout, next_step="look at its log")


@pytest.mark.parametrize("hiccup", PASSING, ids=repr)
def test_a_hiccup_is_said_once_and_waiting_goes_on(
    aws: Aws, ecs: session.Session, hiccup: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.faults["DescribeTasks"] = [hiccup] * 9
    assert wait(ecs) == "t"
    said = capsys.readouterr().err
    assert said.count("the job goes on, watching goes on") == 1
    assert said.endswith("watching again\n")


def test_what_does_not_exist_yet_is_waited_for(aws: Aws, ecs: session.Session) -> None:
    """ECS does not know a task right after RunTask."""
    honest, looks = aws.answers["DescribeTasks"], iter(range(3))
    aws.answers["DescribeTasks"] = lambda asked: (
        {"tasks": [], "failures": [{"reason": "MISSING"}]} if next(looks, None) is not None else honest(asked)
    )
    assert wait(ecs) == "t"


def test_a_refusal_ends_the_wait_at_once(aws: Aws, ecs: session.Session) -> None:
    aws.faults["DescribeTasks"] = [FaultError("ClusterNotFoundException", "Cluster not found.")]
    with pytest.raises(DeployError, match="Cluster not found") as ended:
        wait(ecs)
    assert ended.value.exit is Exit.AWS
    assert aws.calls.count("DescribeTasks") == 1


@pytest.mark.parametrize("code", ["ExpiredTokenException", "UnrecognizedClientException"])
def test_credentials_that_are_lost_end_the_wait(aws: Aws, ecs: session.Session, code: str) -> None:
    aws.faults["DescribeTasks"] = [FaultError(code, "The security token included in the request is expired")]
    with pytest.raises(CredentialsError, match="while watching; the job goes on"):
        wait(ecs)


def test_a_wait_ends_by_the_clock_even_if_aws_never_answers(aws: Aws, ecs: session.Session) -> None:
    aws.faults["DescribeTasks"] = [FaultError("ThrottlingException", "Rate exceeded")] * 1000
    with pytest.raises(TimedOutError, match="the job is still at it after 1m00s; it goes on"):
        wait(ecs, timeout=60)
    assert 60 <= aws.clock.seconds < 75


def test_a_look_may_raise_nothing_that_the_loop_does_not_know() -> None:
    """What botocore raises is one of these two, or a page that it cannot parse."""
    names = {kind.__name__ for kind in UNANSWERED}
    assert names == {"ClientError", "BotoCoreError", "ResponseParserError", "LookupError"}


# ── What is told when a command ends early ────────────────────────────────────────────────────────


def test_a_fault_of_ours_has_a_code_of_its_own(tell: Teller, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("oops")

    monkeypatch.setattr("fraud_cfn.deploy.stack.stacks.must_find", broken)
    told = tell("outputs dev")
    assert (told.code, told.last) == (70, "result=bug stack=TapStackdev")
    assert "error: this should not happen: ValueError: oops" in told.text
    assert "now:" not in told.text


def test_aws_that_refuses_before_anything_happened_is_no_rollback(deployed: Aws, tell: Teller) -> None:
    deployed.faults["DescribeStacks"] = [FaultError("Throttling", "Rate exceeded")] * 10
    told = tell("outputs dev")
    assert (told.code, told.last) == (9, "result=aws-refused stack=TapStackdev")
    assert "error: AWS throttled DescribeStacks again and again" in told.text


# ── One loop for all of them ──────────────────────────────────────────────────────────────────────

OWN = {"stack/waiting.py", "terminal/clock.py"}
SOURCES = sorted((ROOT / "fraud_cfn" / "deploy").rglob("*.py"))


def waits(tree: ast.AST) -> Iterator[ast.AST]:
    """Every sleep, every waiter of boto's, and every loop that goes by the clock."""
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        pace = isinstance(called, ast.Attribute) and "pace" in ast.unparse(called.value)
        by_the_clock = isinstance(node, (ast.While, ast.For)) and re.search(
            r"clock\.(now|sleep|Deadline)", ast.unparse(node)
        )
        if name in ("sleep", "get_waiter") or (name == "wait" and pace) or by_the_clock:
            yield node


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_other_module_sleeps_or_loops_on_a_clock(path: Path) -> None:
    if path.relative_to(ROOT / "fraud_cfn" / "deploy").as_posix() in OWN:
        assert any(waits(sources.tree(path))), "a wait would not be seen"
        return
    found = [f"{path.name}:{getattr(node, 'lineno', 0)}" for node in waits(sources.tree(path))]
    assert found == []


# ── A hiccup at each call of each verb ────────────────────────────────────────────────────────────

# What botocore itself asks again for, in services' own words; each call meets one of them.
HICCUPS = (
    lambda: FaultError("ThrottlingException", "Rate exceeded"),
    lambda: FaultError("InternalServerError", "An internal error occurred", 500),
    lambda: LostConnectionError(),
    lambda: FaultError("SlowDown", "Please reduce your request rate.", 503),
    lambda: LostConnectionError("done"),
)
VERBS = (
    "deploy dev --yes",
    "start dev --yes",
    "start dev --yes --back",
    "release dev --service api --tag v1.5 --yes",
    "status dev",
    "diagnose dev",
    "logs dev",
    "outputs dev",
    "run-job dev",
    "rollback dev --yes",
    "cancel dev --yes",
    "destroy dev --yes --confirm TapStackdev",
)


def anew(aws: Aws, line: str) -> None:
    """The account as each try finds it, each operation of which goes well."""
    again = Aws(clock=aws.clock, url=aws.url, secrets=dict(SECRETS), parameters=dict(DEPLOYED))
    aws.__dict__.clear()
    aws.__dict__.update(again.__dict__)
    aws.clock.seconds, aws.changes, aws.status = 0, [SERVICE], "UPDATE_COMPLETE"
    live = Running(aws).install().mortal()
    live.started = lambda: Task("arn/job-1", "fraud-job-dev", ends=aws.now + 30, exit_code=0)
    back = steps("0 UPDATE_ROLLBACK_IN_PROGRESS", "20 UPDATE_ROLLBACK_COMPLETE")
    aws.scripts |= {
        "ExecuteChangeSet": steps("0 UPDATE_IN_PROGRESS", "30 UPDATE_COMPLETE"),
        "RollbackStack": back,
        "CancelUpdateStack": back,
        "Other": steps("0 UPDATE_IN_PROGRESS", "900 UPDATE_COMPLETE"),
    }
    if line.startswith("rollback"):
        aws.status = "UPDATE_FAILED"
    elif line.startswith("cancel"):
        aws.play("Other", "somebody-else")


@pytest.mark.parametrize("line", VERBS)
def test_a_hiccup_at_any_call_of_any_verb_changes_nothing(aws: Aws, tell: Teller, line: str) -> None:
    anew(aws, line)
    told = tell(line)
    assert told.code == 0, told.text
    for number, operation in enumerate(dict.fromkeys(aws.calls)):
        anew(aws, line)
        aws.faults[operation] = [HICCUPS[number % len(HICCUPS)]()]
        again = tell(line)
        assert (operation, again.code, again.last) == (operation, 0, told.last), again.text


def test_an_interruption_that_a_library_swallowed_is_raised_in_the_next_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Python's C code that clears an error clears this one, too."""
    monkeypatch.setattr(clock, "sleep", lambda _: None)
    interrupts.begin()
    with contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        until(lambda: None, Console(), what="the job", timeout=60, next_step="")
    with interrupts.undisturbed():  # what is cleaned up is cleaned up to its end
        assert until(lambda: True, Console(), what="the job", timeout=60, next_step="")
    interrupts.begin()
    assert until(lambda: True, Console(), what="the job", timeout=60, next_step="")
