"""Output in any encoding, to readers that go away, and text of others that tries to be more than text."""

from __future__ import annotations

import ast
import errno
import io
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fraud_cfn.config import ROOT
from fraud_cfn.deploy.change import preview
from fraud_cfn.deploy.change.changeset import Change, Detail
from fraud_cfn.deploy.change.preview import Preview
from fraud_cfn.deploy.cli import main
from fraud_cfn.deploy.terminal import plain
from fraud_cfn.deploy.terminal.console import Console, fitting
from tests import sources
from tests.deploy.conftest import SMALL, Teller, environment
from tests.deploy.fake_aws import Aws, change, detail, steps
from tests.deploy.test_processes import PATIENCE, Terminal, real, until  # noqa: F401 - a fixture
from tests.deploy.test_processes import plain as plain_lines
from tests.deploy.test_status_table import SERVICE

HOSTILE = (
    "\x1b]52;c;ZWNobw==\x07 clip \x1b[2J clear \x1b[31mred\x1b[0m \x9b2J \x9d52;c;ZQ==\x9c c1 \x00\x08\x7f"
    "\r\nresult=done stack=Forged\u2028result=done\u2029\x85result=done \u202egpj.exe"
)
IN_XML = re.sub(r"[\x00-\x08\x0e-\x1f]", "", HOSTILE)  # XML holds no other control characters


@pytest.fixture
def updating(deployed: Aws) -> Aws:
    deployed.changes = [SERVICE]
    deployed.scripts = {"ExecuteChangeSet": steps("0 UPDATE_IN_PROGRESS", "1 UPDATE_COMPLETE")}
    return deployed


# ── Encodings ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("encoding", ["cp1252", "iso8859-1", "ascii", "cp437", "utf-8"])
def test_every_encoding_takes_the_whole_output(
    updating: Aws, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    updating.changes = [
        change("Modify", "Jobs", "AWS::SQS::Queue", detail("N", "a", "詐欺"), Replacement="False")
    ]
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding=encoding))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    code = main(["plan", "dev", "--template", str(SMALL), "--param", "Note=Größe → ±"])
    text = out.getvalue().decode(encoding)
    assert code == 0
    assert text.splitlines()[-1] == "result=changes stack=TapStackdev"
    assert "1 update" in text
    if encoding == "iso8859-1":
        assert "Größe -> ±" in text


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_json_is_json_in_every_encoding(
    deployed: Aws, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    deployed.outputs = {"Url": "http://größe.詐欺.😀"}
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding=encoding))
    assert main(["outputs", "dev", "--format", "json"]) == 0
    assert "http://größe.詐欺.😀" in json.loads(out.getvalue().decode(encoding))["outputs"].values()


# ── Readers that go away ──────────────────────────────────────────────────────────────────────────


def run(aws: Aws, redirections: str, line: str) -> subprocess.CompletedProcess[bytes]:
    """The command line in a shell that redirects its streams."""
    return subprocess.run(
        ["sh", "-c", f'exec "$0" -m {line} {redirections}', sys.executable],
        env=environment(aws.url),
        cwd=ROOT,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("redirections", [">&-", "<&- >&- 2>&-", ">/dev/full 2>&1"])
def test_streams_that_are_closed_or_full_do_not_change_the_verdict(updating: Aws, redirections: str) -> None:
    updating.scripts["ExecuteChangeSet"] = steps("0 UPDATE_IN_PROGRESS", "0 UPDATE_COMPLETE")
    done = run(
        updating, redirections, f"fraud_cfn.deploy deploy dev --yes --template {SMALL.relative_to(ROOT)}"
    )
    assert done.returncode == 0, done.stderr
    assert updating.current() == "UPDATE_COMPLETE"
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


def test_a_full_disk_is_told_where_it_can_be(deployed: Aws) -> None:
    done = run(deployed, ">/dev/full", "fraud_cfn.deploy outputs dev")
    assert done.returncode == 0
    assert b"warning: stdout cannot be written any more (no space left on device)" in done.stderr


@pytest.mark.parametrize("redirections", [">&-", "<&- >&- 2>&-"])
def test_the_generator_survives_closed_streams(deployed: Aws, redirections: str) -> None:
    done = run(deployed, redirections, "generate --stdout")
    assert (done.returncode, done.stderr) == (0, b"")


def locales(file: Path) -> Iterator[int]:
    """Lines that open a file or a pipe as text without naming the encoding: it would be the locale's."""
    for node in ast.walk(sources.tree(file)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        named = {keyword.arg for keyword in node.keywords}
        binary = any(isinstance(a, ast.Constant) and "b" in str(a.value) for a in node.args[1:2])
        as_text = name in ("read_text", "write_text") or (
            name == "open" and isinstance(node.func, ast.Name) and not binary
        )
        encoding = any(isinstance(a, ast.Constant) and "utf-8" in str(a.value).lower() for a in node.args)
        if (as_text and not encoding and "encoding" not in named) or (
            "text" in named and "encoding" not in named and name in STARTS
        ):
            yield node.lineno


STARTS = ("Popen", "run", "check_output")


@pytest.mark.parametrize("folder", ["fraud_cfn", "bench", "docs", "tests"])
def test_no_pipe_or_file_leaves_its_encoding_to_the_locale(folder: str) -> None:
    files = (ROOT / folder).rglob("*.py")
    assert [f"{file}:{line}" for file in files for line in locales(file)] == []


def test_help_to_a_closed_pipe_or_a_full_disk_is_no_error(deployed: Aws) -> None:
    for redirections in (">/dev/full", ">&-"):
        done = run(deployed, redirections, "fraud_cfn.deploy --help")
        assert (done.returncode, done.stderr) == (0, b"")


def test_a_terminal_that_goes_away_does_not_change_the_verdict(real: Aws) -> None:  # noqa: F811
    real.scripts["ExecuteChangeSet"] = steps("0 UPDATE_IN_PROGRESS", "1 UPDATE_COMPLETE")
    terminal = Terminal(real, 80, "--yes")
    until(lambda: "ExecuteChangeSet" in real.calls)
    os.close(terminal._ours)
    assert terminal.process.wait(timeout=PATIENCE) == 0
    assert real.current() == "UPDATE_COMPLETE"


class Gone(io.StringIO):
    """A terminal whose other end is closed; `writers`: the threads that wrote to it."""

    def __init__(self) -> None:
        super().__init__()
        self.writers: set[int] = set()

    def isatty(self) -> bool:
        return True

    def write(self, _text: str) -> int:
        self.writers.add(threading.get_ident())
        raise OSError(errno.EIO, "Input/output error")


def test_every_way_to_write_survives_a_terminal_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(sys, "stdout", Gone())
    monkeypatch.setattr(sys, "stderr", screen := Gone())
    console = Console()
    ways: list[Callable[[], Any]] = [
        lambda: console.say("a"),
        lambda: console.result("a"),
        lambda: console.json({}),
        lambda: console.last("result=x"),
    ]
    with console.live_line():
        console.update("b")
        for way in ways:
            way()
        until(lambda: len(screen.writers) > 1)  # the live line draws itself


# ── Text of others ────────────────────────────────────────────────────────────────────────────────


def harmless(text: str) -> bool:
    """No control character but newline and tab, and no line that a reader takes for the last one."""
    controls = {c for c in text if (ord(c) < 32 or 127 <= ord(c) < 160) and c not in "\n\t"}
    return not controls and not any(c in text for c in "\u2028\u2029\u202e")


def test_what_others_write_is_only_text(tell: Teller, deployed: Aws) -> None:
    deployed.outputs = {"Url": IN_XML, f"Key{IN_XML}": "x"}
    told = tell("outputs dev")
    assert harmless(told.text)
    assert [line for line in told.text.splitlines() if line.startswith("result=")] == [told.last]
    assert told.last == "result=outputs stack=TapStackdev"


def test_json_holds_no_control_characters_either(tell: Teller, deployed: Aws) -> None:
    deployed.outputs = {"Url": IN_XML}
    told = tell("outputs dev --format json")
    content = json.loads(told.text[told.text.index("{") : told.text.rindex("}") + 1])
    assert harmless(content["outputs"]["Url"])


@pytest.mark.parametrize("way", ["say", "result", "document", "warn"])
def test_no_way_to_write_lets_the_last_line_be_forged(capsys: pytest.CaptureFixture[str], way: str) -> None:
    getattr(Console(), way)("a\nresult=done\rresult=done\x0bresult=done\x1eresult=done")
    out, error = capsys.readouterr()
    assert not any(line.startswith("result=") for line in (out + error).splitlines())


def test_an_arn_on_a_terminal_is_itself(real: Aws) -> None:  # noqa: F811
    arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:key:lock-[bold]x[/bold]"
    real.changes = [change("Modify", "Jobs", "AWS::SQS::Queue", detail("Key", "a", arn), Replacement="False")]
    terminal = Terminal(real, 200)
    terminal.read("[y/N]")
    terminal.type("n\n")
    terminal.end()
    assert arn[:50] in "".join(plain_lines(terminal.text))


# ── Width ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("width", [40, 60, 120, 10_000])
def test_what_warns_is_whole_at_every_width(width: int) -> None:
    shown = Preview(
        "TapStackdev",
        "UPDATE",
        {"Note": ("x" * 30, "y " * 40)},
        (
            row("DatabaseClusterParameterGroup", "AWS::RDS::DBClusterParameterGroup", "DATA LOSS"),
            row("Q", "AWS::SQS::Queue", "via Alpha, Beta, Gamma"),
        ),
        (),
    )
    lines = [line for _, line in preview.text(shown, width)]
    whole = " ".join(" ".join(lines).split())
    for part in ("REPLACE", "DATA LOSS", "DatabaseClusterParameterGroup", "via Alpha, Beta, Gamma", "y y y"):
        assert part in whole
    assert "always recreates" in whole
    assert "…" not in whole
    assert max(map(len, lines)) <= max(width, 62)  # the longest of these names cannot be broken


def row(logical_id: str, kind: str, note: str) -> preview.Row:
    made_anew = Detail("DatabaseName", '"fraud"', '"scoring"', "Always", "")
    changed = Change("Modify", logical_id, kind, "", "True", "", ("Properties",), (made_anew,))
    return preview.Row("REPLACE", changed, note)


def test_markdown_shows_values_letter_by_letter(tell: Teller, deployed: Aws) -> None:
    hostile = detail("Name", "a|b", "`x` | <img src=x> :secret:\n| forged | row |")
    deployed.changes = [change("Modify", "Jobs", "AWS::SQS::Queue", hostile, Replacement="False")]
    told = tell("plan dev --format markdown")
    table = [line for line in told.text.splitlines() if line.startswith("| update")]
    assert len(table) == 1
    assert table[0].count("|") == 5
    assert "<img" not in told.text
    assert "forged" in table[0]


# ── Words ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb\x1b[0mc", "abc"),
        ("a\x1b]0;title\x07b\x1b]8;;http://x\x1b\\c", "abc"),
        ("a\x1b]52;c;never ends", "a]52;c;never ends"),
        ("tab\tand\r\nline\rback", "tab\tand\nlineback"),
        ("a\x9b2Jb\x90q\x9cc", "abc"),
    ],
)
def test_escape_sequences_go_as_a_whole(text: str, shown: str) -> None:
    assert plain.clean(text) == shown


def test_a_value_of_several_lines_stands_on_one() -> None:
    assert plain.one_line("a\r\n  b\n\nc\u2028d") == "a b c d"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("v1.4", "`v1.4`"),
        ("", ""),
        ("arn:aws:x:secret:y", "`arn:aws:x:secret:y`"),
        ("a|b", "<code>a&#124;b</code>"),
        ("`x` \\| <img>", "<code>&#96;x&#96; &#92;&#124; &#60;img&#62;</code>"),
        ("a\nb", "`a b`"),
    ],
)
def test_a_markdown_cell_shows_a_value_letter_by_letter(value: str, shown: str) -> None:
    assert plain.code(value) == shown


def test_lines_are_wrapped_at_spaces_and_words_stay_whole() -> None:
    assert plain.wrapped("aaa bbb cccccc d", 8, 2) == ["aaa bbb", "  cccccc", "  d"]
    assert plain.wrapped("  aaa bbb", 20, 2) == ["  aaa bbb"]


def test_a_word_that_fits_nowhere_stays_where_it_is_and_the_next_goes_below() -> None:
    assert plain.wrapped("aaa bbb cccccccccccc d", 8, 2) == ["aaa bbb cccccccccccc", "  d"]
    assert plain.wrapped("aaaaaaaaaaaaa bbbbbbbbbbbbb", 8, 2) == ["aaaaaaaaaaaaa", "  bbbbbbbbbbbbb"]


@pytest.mark.parametrize(
    "command",
    [
        "make logs ENV=dev ARGS='--service api --since 1h'",
        "make help",
        "aws sts get-caller-identity --query Account",
        ".venv/bin/fraud-cfn status dev",
    ],
)
def test_a_command_is_not_broken_where_it_fits_on_a_line(command: str) -> None:
    told = plain.wrapped(f"next:  its last words; see: {command}; then go on", 57, 7)
    assert any(command in line for line in told)
    assert max(map(len, told)) <= 57


def test_what_does_not_fit_on_the_live_line_is_counted() -> None:
    assert fitting("[ 1/3 ] Api · Worker · Job", 40) == "[ 1/3 ] Api · Worker · Job"
    assert fitting("[ 1/3 ] Api · Worker · Job", 24) == "[ 1/3 ] Api · +2"


@pytest.mark.parametrize(
    ("variable", "value", "coloured"),
    [
        ("NO_COLOR", "", True),
        ("NO_COLOR", "0", False),
        ("CI", "", True),
        ("CI", "false", True),
        ("CI", "0", True),
        ("CI", "true", False),
    ],
)
def test_a_switch_that_says_no_is_not_set(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, coloured: bool
) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Screen()
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "CI", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr(sys, "stderr", screen)
    Console().say("text", "red")
    assert ("\x1b[31m" in screen.getvalue()) is coloured


# ── Usage errors ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "says", "last"),
    [
        ("release dev --service api", "--tag", "result=usage stack=TapStackdev"),
        ("release dev --service api --tag 1 --back", "not allowed with", "result=usage stack=TapStackdev"),
        ("deploi dev", "invalid choice: 'deploi'", "result=usage stack=TapStackdev"),
        ("deploy", "ENV", "result=usage stack="),
        ("deploy dev --ye", "unrecognized arguments: --ye", "result=usage stack=TapStackdev"),
        ("deploy dev --timeout soon", "'soon' is not a number", "result=usage stack=TapStackdev"),
        ("plan dev --param Note=\udcff", "argument 4 is not text", "result=usage stack=TapStackdev"),
        ("plan Dev\nresult=done", "is not an environment suffix", "result=usage stack="),
    ],
)
def test_a_usage_error_is_told_like_every_other(
    capsys: pytest.CaptureFixture[str], line: str, says: str, last: str
) -> None:
    assert main(line.split(" ")) == 2
    out, error = capsys.readouterr()
    assert error.startswith("error: ")
    assert says in error
    assert out == f"{last}\n"


@pytest.mark.parametrize("asked", ["--format json", "--format=json"])
def test_a_usage_error_is_json_where_json_was_asked_for(
    capsys: pytest.CaptureFixture[str], asked: str
) -> None:
    assert main(f"release dev --service api {asked}".split()) == 2
    content = json.loads(capsys.readouterr().out)
    assert (content["result"], content["exit"], content["stack"]) == ("usage", 2, "TapStackdev")
    assert "--tag" in content["error"]


class Screen(io.StringIO):
    """A terminal that keeps what it shows."""

    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, columns: int, line: str) -> list[str]:
    """What a terminal of that many columns shows of a line."""
    screen = Screen()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(sys, "stdout", screen)
    Console().result(line)
    return screen.getvalue().splitlines()


def test_a_terminal_without_columns_shows_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, 0, "Nothing wrong was found") == ["Nothing wrong was found"]


@pytest.mark.parametrize(
    ("line", "below"),
    [
        ("error: a word and another one", 7),
        ("queues    a word and another one", 10),
        ("  → a word and another one, too", 4),
        ("Started a word and another one", 4),
    ],
)
def test_what_goes_on_below_stands_below_the_text(
    monkeypatch: pytest.MonkeyPatch, line: str, below: int
) -> None:
    first, second, *_ = shown(monkeypatch, 25, line)
    assert len(first) <= 25
    assert len(second) - len(second.lstrip()) == below
