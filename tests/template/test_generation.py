"""generate.py: what it writes, what it prints, its exit codes, and what it does with what is wrong."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import make_dataclass
from pathlib import Path

import pytest
from troposphere import Output
from troposphere.ec2 import VPC

from fraud_cfn import config
from fraud_cfn.platform import network, stack
from fraud_cfn.template import generation
from fraud_cfn.template.document import Document
from tests.limits import PATIENCE

SCRIPT = config.ROOT / "generate.py"
NOT_TO_IMPORT = ("boto3", "botocore", "cfnlint", "cloudformation_validate", "rich")
_PRINT_IMPORTED = """
import sys
from fraud_cfn.template.generation import main
status = main(["--stdout"])
print(*(name for name in sys.argv[1:] if name in sys.modules), file=sys.stderr)
raise SystemExit(status)
"""


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr, with nothing on stdout and no traceback."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    assert err.startswith("generate.py: ")
    return err.removeprefix("generate.py: ").rstrip("\n")


def run(*arguments: str, cwd: Path = config.ROOT, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )


# ── What it writes ─────────────────────────────────────────────────────────────────────────────────


def test_the_committed_template_is_up_to_date(capfd: pytest.CaptureFixture[str]) -> None:
    assert generation.main(["--check"]) == 0, "run 'make template' and commit the template"
    assert capfd.readouterr() == ("", "")


def test_it_writes_the_file_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "template.yaml"
    assert generation.main(["--output", str(file)]) == 0
    assert file.read_bytes() == config.COMMITTED.read_bytes()
    assert os.listdir(tmp_path) == [file.name]
    assert capsys.readouterr() == (f"Wrote {file} ({file.stat().st_size:,} bytes)\n", "")


def test_it_replaces_what_the_file_held(tmp_path: Path) -> None:
    file = tmp_path / "template.yaml"
    file.write_text("old\n" * 100_000, encoding="utf-8")
    assert generation.main(["--output", str(file)]) == 0
    assert file.read_bytes() == config.COMMITTED.read_bytes()


def test_it_writes_through_a_symbolic_link(tmp_path: Path) -> None:
    file, link = tmp_path / "template.yaml", tmp_path / "link.yaml"
    link.symlink_to(file)
    assert generation.main(["--output", str(link)]) == 0
    assert link.is_symlink()
    assert file.read_bytes() == config.COMMITTED.read_bytes()


def test_stdout_prints_the_same_bytes_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(generation, "COMMITTED", tmp_path / "template.yaml")
    assert generation.main(["--stdout"]) == 0
    assert capfdbinary.readouterr() == (config.COMMITTED.read_bytes(), b"")
    assert os.listdir(tmp_path) == []


def test_json_is_the_minified_document(document: Document, capfd: pytest.CaptureFixture[str]) -> None:
    assert generation.main(["--stdout", "--format", "json"]) == 0
    assert capfd.readouterr() == (document.minified() + "\n", "")


def test_each_format_has_a_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, document: Document
) -> None:
    monkeypatch.setattr(generation, "COMMITTED", tmp_path / "template.yaml")
    assert generation.main(["--format", "json"]) == 0
    assert (tmp_path / "template.json").read_text("utf-8") == document.minified() + "\n"
    assert os.listdir(tmp_path) == ["template.json"]


# ── Staleness ──────────────────────────────────────────────────────────────────────────────────────


def test_check_shows_a_diff_of_a_stale_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "template.yaml"
    stale = config.COMMITTED.read_text("utf-8").replace("Type: AWS::EC2::VPC\n", "Type: AWS::EC2::Vpc\n")
    file.write_text(stale, encoding="utf-8")
    assert generation.main(["--check", "--output", str(file)]) == generation.STALE == 1
    out, err = capfd.readouterr()
    assert out.splitlines()[:2] == [f"--- {file} (committed)", f"+++ {file} (generated)"]
    assert [line for line in out.splitlines()[2:] if line[0] in "+-"] == [
        "-    Type: AWS::EC2::Vpc",
        "+    Type: AWS::EC2::VPC",
    ]
    assert err == f"{file} is stale: run 'make template' and commit it\n"
    assert file.read_text("utf-8") == stale


def test_check_compares_text_so_that_git_may_change_how_lines_end(tmp_path: Path) -> None:
    file = tmp_path / "template.yaml"
    file.write_bytes(config.COMMITTED.read_bytes().replace(b"\n", b"\r\n"))
    assert generation.main(["--check", "--output", str(file)]) == 0


def test_check_sees_a_stale_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "schema.json"
    file.write_text(
        config.ENVIRONMENT_SCHEMA.read_text(encoding="utf-8").replace("ApiImageTag", "ApiTag"),
        encoding="utf-8",
    )
    monkeypatch.setattr(generation, "ENVIRONMENT_SCHEMA", file)
    assert generation.main(["--check"]) == generation.STALE
    assert capfd.readouterr().err == f"{file} is stale: run 'make template' and commit it\n"


def test_check_of_a_missing_file_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "template.yaml"
    assert generation.main(["--check", "--output", str(file)]) == 2
    assert said(capsys) == f"{file} cannot be read (no such file or directory): run 'make template'"


def test_check_of_a_file_that_is_no_text_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "template.yaml"
    file.write_bytes(b"\xff\xfe")
    assert generation.main(["--check", "--output", str(file)]) == 2
    assert said(capsys) == f"{file} is not UTF-8: run 'make template'"


# ── Wrong use ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ("", "is not a file: name another with --output"),
        ("missing/template.yaml", "cannot be written (no such file or directory): name another file with"),
        ("file/template.yaml", "cannot be written (not a directory): name another file with --output"),
        ("n" * 300, "cannot be written (file name too long): name another file with --output"),
    ],
    ids=["a directory", "in a missing directory", "below a file", "too long a name"],
)
def test_an_output_that_cannot_be_written_is_one_line_and_leaves_nothing(
    output: str, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert generation.main(["--output", str(tmp_path / output)]) == generation.REFUSED == 2
    assert said(capsys).startswith(f"{tmp_path / output} {problem}")
    assert os.listdir(tmp_path) == ["file"]


def test_a_device_is_not_replaced_by_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert generation.main(["--output", str(pipe)]) == 2
    assert said(capsys) == f"{pipe} is not a file: name another with --output"
    assert pipe.is_fifo()


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        generation.main(["--output", str(tmp_path / "template.yaml")])
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--ouput", "x"], "unrecognized arguments: --ouput x"),
        (["--format", "toml"], "invalid choice: 'toml' (choose from"),
        (["--check", "--stdout"], "argument --stdout: not allowed with argument --check"),
        (["--output"], "argument --output: expected one argument"),
    ],
)
def test_an_unknown_option_is_refused_with_the_usage(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        generation.main(arguments)
    out, err = capsys.readouterr()
    assert (stopped.value.code, out) == (2, "")
    assert err.startswith("usage: generate.py ")
    assert err.splitlines()[-1].startswith("generate.py: error: ")
    assert problem in err


def test_stdout_and_output_exclude_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generation.main(["--stdout", "--output", str(tmp_path / "template.yaml")]) == 2
    assert said(capsys) == "--stdout and --output FILE exclude each other: give one of them"
    assert os.listdir(tmp_path) == []


# ── Broken builders ────────────────────────────────────────────────────────────────────────────────


def test_a_broken_builder_is_named_by_file_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(network, "name", None)
    assert generation.main(["--output", str(tmp_path / "template.yaml")]) == 2
    message = said(capsys)
    place = re.fullmatch(
        r"fraud_cfn/platform/network\.py:(\d+): TypeError: 'NoneType' object is not callable", message
    )
    assert place, message
    assert "name(" in Path(network.__file__).read_text("utf-8").splitlines()[int(place[1]) - 1]
    assert os.listdir(tmp_path) == []


def test_a_wrong_property_is_named_with_the_builder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(network, "VPC", lambda title, **_: VPC(title, CidrBlok="10.0.0.0/16"))
    assert generation.main(["--stdout"]) == 2
    assert re.fullmatch(
        r"fraud_cfn/platform/network\.py:\d+: AttributeError: .*CidrBlok.*", said(capsys), flags=re.DOTALL
    )


def _only_dashboard_builds(monkeypatch: pytest.MonkeyPatch, part: object) -> None:
    """The dashboard, which only the outputs need, gives `part` instead."""
    board = make_dataclass("Board", ["part"])
    board.__module__ = (
        stack.dashboard.__name__
    )  # newer Pythons name the caller's, whatever the namespace says
    monkeypatch.setattr(stack.dashboard, "build", lambda *_: board(part))
    monkeypatch.setattr(stack.outputs, "build", lambda *_: (Output("Nothing", Value="none"),))


def test_a_logical_id_given_twice_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _only_dashboard_builds(monkeypatch, (VPC("Vpc"),))
    assert generation.main(["--stdout"]) == 2
    assert re.fullmatch(
        r"fraud_cfn/platform/stack\.py:\d+: StackError: fraud_cfn/platform/dashboard\.py: "
        "the logical id Vpc is taken already; give another",
        said(capsys),
    )


def test_a_field_that_is_no_resource_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _only_dashboard_builds(monkeypatch, (VPC("Another"), "Vpc"))
    assert generation.main(["--stdout"]) == 2
    assert said(capsys).endswith(
        "StackError: fraud_cfn/platform/dashboard.py: built 'Vpc', which is no part of a template: "
        "return troposphere's"
    )


# ── In a process of its own ────────────────────────────────────────────────────────────────────────


def test_generating_imports_no_sdk_no_validator_and_prints_the_same_bytes_anywhere(tmp_path: Path) -> None:
    here = run("-c", _PRINT_IMPORTED, *NOT_TO_IMPORT, PYTHONHASHSEED="1")
    assert (here.returncode, here.stderr) == (0, b"\n"), "imports " + here.stderr.decode()
    there = run(str(SCRIPT), "--stdout", cwd=tmp_path, PYTHONHASHSEED="2", PYTHONIOENCODING="ascii")
    assert (there.returncode, there.stderr) == (0, b"")
    assert there.stdout == here.stdout == config.COMMITTED.read_bytes()


def test_docstrings_that_are_dropped_are_told() -> None:
    for option in ("--check", "--stdout"):
        done = run("generate.py", option, PYTHONOPTIMIZE="2")
        told = "generate.py: this Python drops docstrings: unset PYTHONOPTIMIZE, leave -OO out\n"
        assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", told)


def test_a_reader_that_stops_reading_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, SCRIPT, "--stdout"],
            stdout=write,
            stderr=subprocess.PIPE,
            check=False,
            timeout=PATIENCE,
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux")
def test_a_full_disk_behind_stdout_is_one_line() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, SCRIPT, "--stdout"],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=PATIENCE,
        )
    assert (done.returncode, done.stderr) == (
        2,
        b"generate.py: the output cannot be written (no space left on device)\n",
    )
