"""The test suite, as `make test` runs it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from bench.process import measure
from bench.table import Table, seconds

AIM = 45.0  # seconds on two quiet cores


def tables() -> Iterator[Table]:
    done = measure(["-m", "pytest", "-n", "auto", "--dist", "worksteal"], runs=1, warm=False)
    passed = re.findall(r"(\d+) passed", done.output) or [str(done.output.count("."))]
    yield Table(
        f"The test suite on {os.cpu_count()} cores (one run; aim: {AIM:.0f} s on two quiet ones)",
        ("tests", "wall", "CPU"),
        [(passed[-1], seconds(done.wall), seconds(done.cpu))],
    )
