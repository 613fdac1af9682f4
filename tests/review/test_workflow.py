"""The workflow that comments on a pull request: least rights, and nothing of others' is run as code."""

from __future__ import annotations

import json
import os
import re
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
  *--paginate*) echo "$FOUND" ;;
  *) cat >> "$CALLS" ;;
esac
"""


@pytest.mark.parametrize(("found", "method"), [("", "--method POST"), ("77", "--method PATCH")])
def test_there_is_one_comment_updated_in_place(found: str, method: str, tmp_path: Path) -> None:
    """The step's own script, with a `gh` that writes down what it is asked."""
    (tmp_path / "gh").write_text(GH, encoding="utf-8")
    (tmp_path / "gh").chmod(0o755)
    [step] = JOBS["comment"]["steps"]
    comment = '**Predicted** "quoted" $(touch owned) `x`\nsecond line'
    values = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "CALLS": str(tmp_path / "calls"),
        "FOUND": found,
        "COMMENT": comment,
        "COMMENTS": "repos/o/r/issues/5/comments",
        "ONE": "repos/o/r/issues/comments",
    }
    if subprocess.run(
        ["bash", "-c", "command -v jq"], capture_output=True, check=False, timeout=PATIENCE
    ).returncode:
        pytest.skip("jq is not installed here; GitHub's runners have it")
    subprocess.run(
        ["bash", "-eo", "pipefail", "-c", step["run"]], cwd=tmp_path, env=values, check=True, timeout=PATIENCE
    )
    calls = (tmp_path / "calls").read_text(encoding="utf-8")
    assert method in calls
    body = json.loads(calls[calls.index("{") :])["body"] if method in calls else ""
    assert body == f"<!-- fraud-cfn review -->\n{comment}"
    assert not (tmp_path / "owned").exists()
    if found:
        assert "repos/o/r/issues/comments/77" in calls
