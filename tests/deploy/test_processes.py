"""Real processes: Ctrl-C at each stage, a closed pipe, a terminal, and what --help costs."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fraud_cfn.config import ROOT
from tests.deploy.conftest import DEPLOYED, SECRETS, SMALL, environment
from tests.deploy.fake_aws import Aws, Clock, change, serve, steps
from tests.deploy.forked import Command
from tests.deploy.test_status_table import SERVICE
from tests.limits import PATIENCE


@dataclass
class RealClock(Clock):
    """Time passes by itself."""

    def now(self) -> float:
        return time.monotonic()


@pytest.fixture
def real() -> Iterator[Aws]:
    """A scripted AWS in real time, with a deployed stack and a change in the offing."""
    account = Aws(
        clock=RealClock(), secrets=dict(SECRETS), status="UPDATE_COMPLETE", parameters=dict(DEPLOYED)
    )
    account.changes = [SERVICE]
    account.scripts["ExecuteChangeSet"] = steps("0 UPDATE_IN_PROGRESS", "0.2 UPDATE_COMPLETE")
    server = serve(account)
    yield account
    server.shutdown()
    server.server_close()


def start(aws: Aws, *options: str, **files: int) -> Command:
    words = ["deploy", "dev", "--template", str(SMALL), *options]
    return Command(words, environment(aws.url), **files)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


class Late:
    """An answer that comes after the Ctrl-C, however busy the machine is."""

    def __init__(self, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self._answer, self.interrupted = answer, threading.Event()

    def __call__(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert self.interrupted.wait(PATIENCE)
        time.sleep(0.2)  # until it is taken
        return self._answer(asked)


def interrupt(process: Command, number: int = signal.SIGINT, late: Late | None = None) -> tuple[str, int]:
    """Both streams' text and the exit code."""
    process.send_signal(number)
    if late:
        late.interrupted.set()
    out, errors = process.communicate(timeout=PATIENCE)
    return errors + out, process.wait(PATIENCE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_while_the_change_set_is_created_leaves_nothing(real: Aws, number: int) -> None:
    real.status, real.preparing = None, 1.5
    real.changes = [change("Add", "Database", "AWS::RDS::DBCluster")]
    process = start(real, "--yes")
    until(lambda: "DescribeChangeSet" in real.calls)
    text, code = interrupt(process, number)
    assert code == 130
    assert "interrupted; nothing was changed" in text
    assert not real.change_sets
    assert real.current() is None


def test_ctrl_c_before_anything_was_created(real: Aws) -> None:
    real.answers["GetCallerIdentity"] = late = Late(real._get_caller_identity)
    process = start(real, "--yes")
    until(lambda: "GetCallerIdentity" in real.calls)
    text, code = interrupt(process, late=late)
    assert (code, "Traceback" in text) == (130, False)
    assert "CreateChangeSet" not in real.calls


@pytest.mark.parametrize("module", ["fraud_cfn.deploy", "fraud_cfn.deploy.make"])
@pytest.mark.parametrize("reached", ["argparse", "fraud_cfn.deploy.terminal.interrupts"])
def test_ctrl_c_before_the_command_begins_says_nothing_odd(real: Aws, module: str, reached: str) -> None:
    """Python tells each module that it has read; from the first of these on no word is the interpreter's."""
    command = [sys.executable, "-X", "importtime", "-m", module, "status", "dev"]
    process = subprocess.Popen(
        command,
        env=environment(real.url) | {"ENV": "dev"},
        cwd=ROOT,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stderr
    for line in process.stderr:
        if line.rstrip().endswith(f" {reached}"):
            break
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode in (-signal.SIGINT, 130)
    assert "Traceback" not in said


def test_ctrl_c_while_aws_works_detaches_and_cancels_nothing(real: Aws) -> None:
    real.scripts["ExecuteChangeSet"] = steps("0 UPDATE_IN_PROGRESS", "600 UPDATE_COMPLETE")
    process = start(real, "--yes")
    until(lambda: real.calls.count("DescribeStackEvents") > 1)
    text, code = interrupt(process)
    assert code == 130
    assert "error: detached; TapStackdev goes on\nnext:  follow it: make deploy ENV=dev" in text
    assert text.endswith("result=detached stack=TapStackdev\n")
    assert not {"CancelUpdateStack", "DeleteStack", "DeleteChangeSet"} & set(real.calls)


def test_a_reader_that_goes_away_does_not_change_the_verdict(real: Aws) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = start(real, "--yes", stdout=writing, stderr=writing)
    os.close(writing)
    assert process.wait(timeout=PATIENCE) == 0
    assert real.current() == "UPDATE_COMPLETE"


# ── A terminal ────────────────────────────────────────────────────────────────────────────────────


class Terminal:
    """A process on a terminal of some width."""

    def __init__(self, aws: Aws, columns: int, *options: str) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self.process = start(aws, *options, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        self.text = ""

    def read(self, wanted: str = "") -> None:
        """Until `wanted` is seen or, without it, to the end."""
        deadline = time.monotonic() + PATIENCE
        while not wanted or wanted not in self.text:
            assert time.monotonic() < deadline, self.text
            if not select.select([self._ours], [], [], 0.1)[0]:
                continue
            try:
                self.text += os.read(self._ours, 65536).decode()
            except OSError:  # the other end is closed
                return

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def end(self) -> int:
        self.read()
        os.close(self._ours)
        return self.process.wait(timeout=PATIENCE)


def plain(text: str) -> list[str]:
    """Lines without colours; a movement of the cursor ends one."""
    moved = re.sub(r"\x1b\[[0-9;?]*[A-KS-Zhl]|\r", "\n", text)
    return re.sub(r"\x1b\[[0-9;]*m", "", moved).splitlines()


def test_a_terminal_is_asked_and_a_no_changes_nothing(real: Aws) -> None:
    terminal = Terminal(real, 100)
    terminal.read("Deploy this to TapStackdev? [y/N]")
    terminal.type("n\n")
    assert terminal.end() == 4
    assert "error: declined; nothing was changed" in plain(terminal.text)
    assert not real.change_sets


def test_ctrl_c_at_the_question_leaves_nothing(real: Aws) -> None:
    real.status = None
    real.changes = [change("Add", "Database", "AWS::RDS::DBCluster")]
    terminal = Terminal(real, 100)
    terminal.read("Deploy this to TapStackdev? [y/N]")
    terminal.process.send_signal(signal.SIGINT)
    try:
        terminal.process.wait(5)
    except subprocess.TimeoutExpired:  # Python misses one that comes just before it begins to read
        terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130
    assert "error: interrupted; nothing was changed" in plain(terminal.text)
    assert not real.change_sets
    assert real.current() is None


def test_on_a_narrow_terminal_the_plan_goes_on_below_and_the_live_line_fits(real: Aws) -> None:
    real.scripts["ExecuteChangeSet"] = steps(
        "0 UPDATE_IN_PROGRESS",
        "0.1 UPDATE_IN_PROGRESS ApiService AWS::ECS::Service",
        "2.5 UPDATE_COMPLETE ApiService AWS::ECS::Service",
        "2.6 UPDATE_COMPLETE",
    )
    terminal = Terminal(real, 40)
    terminal.read("[y/N]")
    terminal.type("y\n")
    assert terminal.end() == 0
    lines = [line.rstrip() for line in plain(terminal.text)]
    live = [line for line in lines if "[ 0/1" in line or "[ 1/1" in line]
    planned = [line for line in lines if line.startswith((" ~ ", "     DesiredCount"))]
    assert any("ApiService UPDATE" in line for line in live)
    assert len(planned) == 2
    assert " ~ update   ApiService" in planned
    assert "     AWS::ECS::Service" in lines
    assert [line for line in live + planned if len(line) > 40] == []


@pytest.mark.parametrize("variable", ["NO_COLOR", "CI"])
def test_colour_can_be_turned_off(real: Aws, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    coloured = re.compile(r"\x1b\[[0-9;]*3[0-9]m")
    terminal = Terminal(real, 100, "--yes")
    assert terminal.end() == 0
    assert coloured.search(terminal.text)
    monkeypatch.setitem(environment.__globals__["_ALWAYS"], variable, "1")
    real.current()
    real.events.clear()
    terminal = Terminal(real, 100, "--yes")
    assert terminal.end() == 0
    assert not coloured.search(terminal.text)


# ── Help ──────────────────────────────────────────────────────────────────────────────────────────

HELP = """
import sys
from fraud_cfn.deploy.cli import main
try:
    main({arguments!r})
except SystemExit:
    heavy = ("boto3", "botocore", "rich", "yaml", "troposphere")
    print("imported", [name for name in heavy if name in sys.modules])
"""
VERBS = [
    "plan",
    "deploy",
    "start",
    "release",
    "status",
    "outputs",
    "logs",
    "run-job",
    "diagnose",
    "rollback",
    "cancel",
    "destroy",
]


def test_help_imports_nothing_heavy_and_lists_every_verb() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HELP.format(arguments=["--help"])],
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=PATIENCE,
    )
    assert done.stdout.endswith("imported []\n")
    assert [verb for verb in VERBS if f"\n    {verb} " not in done.stdout] == []


def test_every_verbs_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    from fraud_cfn.deploy.cli import main

    for verb in VERBS:
        with pytest.raises(SystemExit):
            main([verb, "--help"])
        assert f"examples:\n  make {verb} ENV=dev" in capsys.readouterr().out


def test_a_stale_template_is_not_deployed(real: Aws, tmp_path: Path) -> None:
    for name in ("fraud_cfn", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "generate.py", tmp_path)
    template = tmp_path / "templates" / "fraud-platform.yaml"
    template.write_text(template.read_text("utf-8").replace("Dashboard:", "Screen:", 1), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "fraud_cfn.deploy", "plan", "dev"],
        env=environment(real.url) | {"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 2
    assert "error: templates/fraud-platform.yaml is not what the code generates" in done.stderr
    assert "next:  run 'make template'" in done.stderr
    assert "CreateChangeSet" not in real.calls
