from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.integration.deployer import Deployer
from tests.integration.platform import Platform
from tests.limits import PATIENCE

HERE = Path(__file__).parent


def run(deployer: Deployer, suffix: str, *names: str) -> subprocess.CompletedProcess[str]:
    """Here too the stack is on the local endpoint; the tests know no more of it than of one on AWS."""
    files = [str(HERE / name) for name in names]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *files, "--stack-env", suffix]
    environment = {**os.environ, **deployer.endpoint.environment}
    return subprocess.run(
        command,
        env=environment,
        cwd=HERE.parent.parent,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )


def test_a_chosen_stack_is_read_after_saying_so(deployer: Deployer, enabled: Platform) -> None:
    result = run(deployer, enabled.suffix, "test_job.py", "test_life_cycle.py")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.startswith(f"Reads the stack {enabled.stack_name} in eu-central-1 with the caller's")
    assert re.search(r"^4 passed, \d+ skipped", result.stdout, re.M), "what changes a stack is skipped"


def test_a_stack_that_does_not_exist_is_one_line_and_exit_code_2(deployer: Deployer) -> None:
    result = run(deployer, "absent", "test_job.py")
    assert result.returncode == 2
    (line,) = [line for line in result.stdout.splitlines() if "Exit" in line]
    assert "TapStackabsent cannot be read in eu-central-1" in line
    assert "Traceback" not in result.stdout + result.stderr
