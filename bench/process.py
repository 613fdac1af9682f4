"""Runs Python in a process of its own, and tells what the whole process took."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fraud_cfn.config import ROOT

_TELL_PEAK = """
import atexit, sys
def tell():
    with open("/proc/self/status") as status:
        print(*(line.split()[1] for line in status if line.startswith("VmHWM")), file=sys.stderr)
atexit.register(tell)
"""


@dataclass(frozen=True)
class Cost:
    """Of a whole process, medians of several runs, in seconds; and what it printed."""

    wall: float
    cpu: float  # user and system
    output: str


def measure(arguments: Sequence[str], runs: int, given: str = "", *, warm: bool = True) -> Cost:
    """Run `python ARGUMENTS` once to warm the caches, then `runs` times with `given` on its stdin."""
    costs = [_run(arguments, given) for _ in range(runs + warm)][-runs:]
    return Cost(
        wall=statistics.median(cost.wall for cost in costs),
        cpu=statistics.median(cost.cpu for cost in costs),
        output=costs[-1].output,
    )


def peak_memory(code: str) -> float | None:
    """Peak resident memory in MB of `python -c CODE`; `None` where there is no /proc.

    From /proc: the maximum that wait4 reports begins with that of the process which started it.
    """
    if not Path("/proc/self/status").exists():
        return None
    done = subprocess.run(
        [sys.executable, "-c", _TELL_PEAK + code],
        capture_output=True,
        check=True,
        cwd=ROOT,
        env=_environment(),
        encoding="utf-8",
    )
    return int(done.stderr) * 1024 / 1e6


def _run(arguments: Sequence[str], given: str) -> Cost:
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as stdin,
        tempfile.TemporaryFile("w+", encoding="utf-8") as stdout,
    ):
        stdin.write(given)
        stdin.seek(0)
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments], stdin=stdin, stdout=stdout, cwd=ROOT, env=_environment()
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"bench: python {' '.join(arguments)} ended with {process.returncode}")
        stdout.seek(0)
        return Cost(wall, usage.ru_utime + usage.ru_stime, stdout.read())


_bytecode = tempfile.TemporaryDirectory(prefix="bench-")


def _environment() -> dict[str, str]:
    """With bytecode cached, as for every user after the first run, but not beside the sources."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return environment | {"PYTHONPYCACHEPREFIX": _bytecode.name, "PYTHONIOENCODING": "utf-8"}
