"""The workflow that comments on a pull request: least rights, and nothing of others' is run as code."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from fraud_cfn.config import ROOT
from tests.limits import PATIENCE

FILE = ROOT / ".github" / "workflows" / "review.yml"
WORKFLOW: dict[Any, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
JOBS: dict[str, Any] = WORKFLOW["jobs"]
STEPS = [(name, step) for name, job in JOBS.items() for step in job["steps"]]


def test_it_runs_with_the_rights_of_the_pull_request() -> None:
    assert list(WORKFLOW[True]) == ["pull_request"]  # "on" is true in YAML 1.1; never pull_request_target
    assert WORKFLOW["permissions"] == {}
    assert "aws-actions" not in FILE.read_text(encoding="utf-8")


def test_what_may_write_runs_no_code_of_the_pull_request() -> None:
    rights = {name: job["permissions"] for name, job in JOBS.items()}
    assert rights == {
        "check": {"contents": "read"},
        "predict": {"contents": "read"},
        "comment": {"pull-requests": "write"},
    }
    assert not any("uses" in step for step in JOBS["comment"]["steps"])
    assert "head.repo.full_name == github.repository" in JOBS["comment"]["if"]


@pytest.mark.parametrize(("job", "step"), STEPS)
def test_actions_are_pinned_by_digest_and_scripts_take_values_from_the_environment(
    job: str, step: dict[str, Any]
) -> None:
    if "uses" in step:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"]), job
    assert "${{" not in step.get("run", "")
    if step.get("uses", "").startswith("actions/checkout@"):
        assert step["with"] == {"fetch-depth": 0, "persist-credentials": False}


GH = """#!/bin/bash
echo "$@" >> "$CALLS"
case "$*" in
  *--paginate*) echo "$FOUND"; exit "$LISTED" ;;
  *) cat >> "$CALLS" ;;
esac
"""
PREDICTED = '**Predicted** "quoted" $(touch owned) `x`\nsecond line'
UNKNOWN = "**Not predicted**: [the run](https://github.com/o/r/actions/runs/7) says why."


def run(step: dict[str, Any], folder: Path, values: dict[str, str]) -> int:
    """Run a step's own script, as GitHub does where the shell is named "bash"; its exit code."""
    shell = WORKFLOW["defaults"]["run"]["shell"]
    return subprocess.run(
        [shell, "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder,
        env={"PATH": f"{folder}:{os.environ['PATH']}", **values},
        check=False,
        timeout=PATIENCE,
    ).returncode


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def commented(folder: Path, found: str, comment: str, listed: int = 0) -> tuple[int, str]:
    """The exit code of the step that comments, and what its `gh` was asked."""
    program(folder / "gh", GH)
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed here; GitHub's runners have it")
    [step] = JOBS["comment"]["steps"]
    values = {
        "CALLS": str(folder / "calls"),
        "FOUND": found,
        "LISTED": str(listed),
        "COMMENT": comment,
        "COMMENTS": "repos/o/r/issues/5/comments",
        "ONE": "repos/o/r/issues/comments",
        "RUN": "https://github.com/o/r/actions/runs/7",
    }
    code = run(step, folder, values)
    return code, (folder / "calls").read_text(encoding="utf-8")


@pytest.mark.parametrize(("found", "method"), [("", "--method POST"), ("77\n78", "--method PATCH")])
@pytest.mark.parametrize(("comment", "shown"), [(PREDICTED, PREDICTED), ("", UNKNOWN)])
def test_there_is_one_comment_updated_in_place(
    found: str, method: str, comment: str, shown: str, tmp_path: Path
) -> None:
    code, calls = commented(tmp_path, found, comment)
    assert code == 0
    assert method in calls
    assert json.loads(calls[calls.index("{") :])["body"] == f"<!-- fraud-cfn review -->\n{shown}"
    assert not (tmp_path / "owned").exists()
    assert ("repos/o/r/issues/comments/77 " in calls) == bool(found)


def test_no_second_comment_is_made_where_the_first_may_not_be_looked_for(tmp_path: Path) -> None:
    code, calls = commented(tmp_path, "", PREDICTED, listed=1)
    assert code != 0
    assert "--method" not in calls


@pytest.mark.parametrize(("printed", "code"), [("**Predicted**", 0), ("**Predicted**", 1), ("", 2)])
def test_a_prediction_that_is_to_block_is_commented_on_too(printed: str, code: int, tmp_path: Path) -> None:
    python = f"#!/bin/bash\n[ -z '{printed}' ] || echo '{printed}'\nexit {code}\n"
    program(tmp_path / ".venv/bin/python", python)
    step = JOBS["predict"]["steps"][-1]
    files = {"GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    assert run(step, tmp_path, {"BASE": "origin/main", **files}) == code
    begin, *lines, end = (tmp_path / "output").read_text(encoding="utf-8").splitlines()
    assert begin == f"comment<<{end}"
    assert lines == ([printed] if printed else [])
    assert "!cancelled()" in JOBS["comment"]["if"]
