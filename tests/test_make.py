"""The Makefile: what users say reaches the command as they said it, and no shell on its way."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import termios
from pathlib import Path

import pytest

from fraud_cfn.config import ROOT
from fraud_cfn.deploy import make
from fraud_cfn.deploy.errors import UsageError
from tests.limits import PATIENCE

_RECORDER = """#!/bin/sh
for word in "$@"; do printf '%s\\n' "$word"; done
env > environment
"""


def inherited() -> dict[str, str]:
    """The environment without what a make around the tests says to its own children."""
    left_out = ("ENV", "TAG", "SERVICE", "MFLAGS")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MAKE") and name not in left_out
    } | {"LC_ALL": "C.UTF-8"}  # make speaks the locale's language


def run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The project's Makefile in a folder of its own."""
    installed = [] if "install" in words else ["--old-file", ".venv/installed"]
    return subprocess.run(
        ["make", "--file", str(ROOT / "Makefile"), *installed, *words],
        cwd=folder,
        env=inherited() | environment,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with a space in its name, whose Python writes down what it is called with."""
    folder = tmp_path / "with space"
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(_RECORDER, encoding="utf-8")
    python.chmod(0o755)
    for name in ("requirements.lock", "setup.cfg"):
        (folder / name).touch()
    return folder


def handed_on(checkout: Path, *words: str, **environment: str) -> list[str]:
    """The command line that `fraud_cfn.deploy.make` makes of what it gets."""
    done = run(checkout, *words, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    module, verb = done.stdout.splitlines()[1:]
    assert module == "fraud_cfn.deploy.make"
    lines = (checkout / "environment").read_text(encoding="utf-8").splitlines()
    return make.arguments(verb, dict(line.split("=", 1) for line in lines if "=" in line))


HOSTILE = (
    "dev; touch pwned",
    "$(touch pwned)",
    "`touch pwned`",
    "$(shell touch pwned)",
    "${shell touch pwned}",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "dev && touch pwned",
    "a b",
    "a$HOME",
    "a$$b",
    "*",
    "a\\b",
    "a#b",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_variable_reaches_a_shell_or_make(checkout: Path, text: str) -> None:
    said = handed_on(checkout, "run-job", f"ENV={text}", f"COMMAND={text}")
    assert said == ["run-job", text, f"--command={text}"]
    assert handed_on(checkout, "release", "ENV=dev", "SERVICE=api", TAG=text)[-1] == f"--tag={text}"
    assert not list(checkout.rglob("pwned"))


@pytest.mark.parametrize("text", [text for text in HOSTILE if "'" not in text])
def test_args_are_split_as_a_shell_would_and_nothing_in_them_runs(checkout: Path, text: str) -> None:
    said = handed_on(checkout, "plan", "ENV=dev", f"ARGS=--param 'Note={text}' --keep")
    assert said == ["plan", "dev", "--param", f"Note={text}", "--keep"]
    assert not list(checkout.rglob("pwned"))


@pytest.mark.parametrize("text", [text for text in HOSTILE if "touch" in text])
def test_the_other_targets_are_as_safe(checkout: Path, text: str) -> None:
    assert run(checkout, "local", f"PORT={text}").stdout.splitlines()[-1] == f"--port={text}"
    run(checkout, "integration", f"ENV={text}")
    assert run(checkout, "install", f"PYTHON={text}").returncode == 2
    assert not list(checkout.rglob("pwned"))


@pytest.mark.parametrize("text", ["--help", "", "-x"])
def test_what_looks_like_an_option_is_a_value(checkout: Path, text: str) -> None:
    assert run(checkout, "diff", f"BASE={text}").stdout.splitlines()[-1] == f"--base={text}"


def test_what_make_itself_prints_is_read_in_every_encoding() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    for line in re.findall(r"^.* ## .*$|^\t@?echo.*$", text, re.MULTILINE):
        assert line.isascii(), line


def test_no_recipe_runs_what_pip_wrote_for_a_path() -> None:
    """pip's scripts name their Python by its path, which a shell reads where that has a blank: one with a
    quotation mark or a `$` in it is not found then."""
    programs = {"python", "ruff", "uv"}  # the others are binaries
    for used in re.findall(r"^\t@\$\(BIN\)/([a-z]+)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE):
        assert used in programs


@pytest.mark.parametrize("verb", ["plan", "deploy", "status", "logs", "destroy", "outputs"])
def test_a_cis_tag_stays_out_of_the_verbs_that_have_none(checkout: Path, verb: str) -> None:
    assert handed_on(checkout, verb, "ENV=dev", TAG="v1.2", ARGS="--yes", BACK="1", COMMAND="x") == [
        verb,
        "dev",
    ]


def test_a_cis_variables_count_where_they_belong(checkout: Path) -> None:
    said = handed_on(checkout, "release", ENV="dev", SERVICE="api", TAG="v1.2")
    assert said == ["release", "dev", "--service=api", "--tag=v1.2"]


def test_what_changes_a_verb_counts_only_when_it_is_typed(checkout: Path) -> None:
    assert handed_on(checkout, "run-job", "ENV=dev", COMMAND="rm", ARGS="--yes") == ["run-job", "dev"]
    assert handed_on(checkout, "start", "ENV=dev", BACK="1") == ["start", "dev"]
    assert handed_on(checkout, "start", "ENV=dev", "BACK=1") == ["start", "dev", "--back"]
    assert handed_on(checkout, "start", "ENV=dev", "BACK=0") == ["start", "dev"]


def test_going_back_is_not_hindered_by_a_cis_tag(checkout: Path) -> None:
    said = handed_on(checkout, "release", "ENV=dev", "SERVICE=api", "BACK=1", TAG="v1.3")
    assert said == ["release", "dev", "--service=api", "--back"]


def test_a_cis_port_and_seed_do_not_reach_the_local_endpoint(checkout: Path) -> None:
    assert run(checkout, "local", PORT="8080", SEED="x").stdout.splitlines() == ["-m", "fraud_cfn.local"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["status", "ENV=dev", "TAG=v1"], "status has no TAG\nnext:  leave it out; it has ENV, ARGS"),
        (["logs", "ENV=dev", "BACK=1"], "logs has no BACK\nnext:  leave it out; it has ENV, SERVICE, ARGS"),
        (["status"], "which environment?\nnext:  say it: make status ENV=dev"),
        (["status", "ENV= "], "which environment?"),
        (["status", "ENV=--help"], "which environment?"),
        (["status", "ENV=dev", "ARGS=--param 'x"], "ARGS cannot be split into words (No closing quotation)"),
    ],
)
def test_what_cannot_be_meant_is_told(tmp_path: Path, words: list[str], says: str) -> None:
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    done = run(tmp_path, *words)
    assert done.returncode == 2
    assert f"error: {says}" in done.stderr
    assert "Error 2" in done.stderr
    assert done.stdout == f"result=usage stack={'TapStackdev' if 'ENV=dev' in words else ''}\n"


def test_what_cannot_be_meant_is_told_in_json(tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    done = run(tmp_path, "status", "ENV=dev", "TAG=v1", "ARGS=--format json")
    assert json.loads(done.stdout)["error"] == "status has no TAG"


@pytest.mark.parametrize(("verb", "name"), [("run-job", "COMMAND"), ("logs", "SERVICE"), ("release", "TAG")])
def test_a_variable_that_is_typed_empty_is_no_option_left_out(tmp_path: Path, verb: str, name: str) -> None:
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    done = run(tmp_path, verb, "ENV=dev", f"{name}=")
    assert (done.returncode, done.stdout) == (2, "result=usage stack=TapStackdev\n")
    assert f"error: argument --{name.lower()}: it is empty; is a variable not set?" in done.stderr


def test_a_wrong_variable_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        make.arguments("status", {"ENV": "dev", "TAG": "v1", "FRAUD_TYPED": "ENV TAG"})


def test_help_shows_every_target_once_in_one_column(tmp_path: Path) -> None:
    lines = [line for line in run(tmp_path, "help").stdout.splitlines() if line.startswith("  make ")]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.findall(r"^\.PHONY: (.*)", makefile, re.MULTILINE)[0].replace("$(VERBS)", "").split()
    verbs = re.findall(r"^VERBS := (.*)", makefile, re.MULTILINE)[0].split()
    assert sorted(line.split()[1] for line in lines) == sorted([*phony, *verbs])
    assert len({len(re.match(r"  make \S+ +", line)[0]) for line in lines}) == 1  # pyright: ignore[reportOptionalSubscript]
    assert max(map(len, lines)) <= 105


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
@pytest.mark.parametrize("columns", [60, 80])
def test_help_breaks_no_word_of_a_terminal(tmp_path: Path, columns: int) -> None:
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    command = ["make", "--file", str(ROOT / "Makefile"), "help"]
    subprocess.run(command, cwd=tmp_path, env=inherited(), stdout=theirs, timeout=PATIENCE, check=True)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while part := os.read(ours, 65536):
            shown += part
    os.close(ours)
    lines = shown.decode().splitlines()
    assert max(map(len, lines)) <= columns
    whole = [" ".join(line.split()) for line in run(tmp_path, "help").stdout.splitlines()]
    assert " ".join(" ".join(lines).split()) == " ".join(whole)


def test_a_profile_that_is_typed_reaches_the_command_as_it_is(checkout: Path) -> None:
    for text in (*HOSTILE, "prod"):
        assert run(checkout, "status", "ENV=dev", f"AWS_PROFILE={text}").returncode == 0
        assert f"AWS_PROFILE={text}" in (checkout / "environment").read_text(encoding="utf-8").splitlines()
    assert run(checkout, "status", "ENV=dev", AWS_PROFILE="dev").returncode == 0
    assert "AWS_PROFILE=dev\n" in (checkout / "environment").read_text(encoding="utf-8")
    assert not list(checkout.rglob("pwned"))


def test_no_recipe_writes_a_users_variable_into_a_shells_command_line() -> None:
    """A variable more goes into VARIABLES, and to its command by `$(call typed,…)` or the environment."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipes = "\n".join(line for line in makefile.splitlines() if line.startswith("\t"))
    used = re.findall(r"(?<!\$)\$[({]([A-Z_]+)", re.sub(r"\$\(if \$\(ENV\),", "", recipes))
    assert set(used) == {"BIN", "DEPLOY", "MAKEFILE_LIST", "FRAUD_TYPED"}


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_a_clone_that_changes_line_endings_still_works(tmp_path: Path) -> None:
    """Git for Windows sets `core.autocrlf`."""
    git = ["git", "-c", "core.autocrlf=true", "-c", "safe.directory=*"]
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=PATIENCE,
    )
    source = tmp_path / "source"
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.com"]
    for words in (["init", "--quiet"], ["add", "."], [*identity, "commit", "--quiet", "--message", "all"]):
        subprocess.run(
            ["git", *words],
            cwd=source,
            check=True,
            timeout=PATIENCE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    clone = tmp_path / "clone"
    subprocess.run([*git, "clone", "--quiet", str(source), str(clone)], check=True, timeout=PATIENCE)
    changed = [
        str(file.relative_to(clone))
        for file in clone.rglob("*")
        if file.is_file() and ".git" not in file.parts and b"\r\n" in file.read_bytes()
    ]
    assert changed == []
    assert run(clone, "help").returncode == 0
