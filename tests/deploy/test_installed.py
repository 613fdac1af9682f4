"""The command outside its checkout, or with a Python that lacks its packages: one plain line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fraud_cfn.config import ROOT
from tests.limits import PATIENCE


def run(folder: Path, *words: str, isolated: bool = False) -> subprocess.CompletedProcess[str]:
    """`python -m fraud_cfn.deploy`, the package from that folder; isolated: and no other package."""
    return subprocess.run(
        [sys.executable, *(["-S"] if isolated else []), "-m", "fraud_cfn.deploy", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """What `pip install .` leaves: the package alone."""
    shutil.copytree(ROOT / "fraud_cfn", tmp_path / "fraud_cfn", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_help_works_without_a_checkout(installed: Path) -> None:
    done = run(installed, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: fraud-cfn")


@pytest.mark.parametrize("verb", ["plan", "deploy", "status"])
def test_a_checkout_is_asked_for(installed: Path, verb: str) -> None:
    done = run(installed, verb, "prod")
    assert done.returncode == 2
    assert done.stderr.startswith("error: fraud-cfn works in a checkout only: the reviewed template is there")
    assert f"make {verb} ENV=prod\n" in done.stderr
    assert done.stdout == "result=usage stack=TapStackprod\n"


def test_missing_packages_are_named() -> None:
    done = run(ROOT, "plan", "dev", isolated=True)
    assert done.returncode == 2
    assert " lacks boto3, rich, yaml" in done.stderr
    assert "make plan ENV=dev" in done.stderr
