"""The share of deliberate faults that is caught, as `make mutate` measured and wrote it down."""

from __future__ import annotations

import re
from pathlib import Path

from fraud_cfn.config import ROOT

PAGE = ROOT / "docs" / "faults.md"
AIM = 98.0  # percent
# The sentence of the page that counts: written by tests/mutation, read here and by the README's test.
MEASURED = re.compile(
    r"^Of ([\d,]+) deliberate faults(?: \(every \d+(?:nd|rd|th) of [\d,]+\))?, (\d+\.\d) % are caught",
    re.MULTILINE,
)


class UnmeasuredError(Exception):
    """There is no measurement, and what to do."""


def measured(page: Path = PAGE) -> tuple[int, float]:
    """How many faults were judged, and the percentage that was caught. `UnmeasuredError` where unknown."""
    found = MEASURED.search(page.read_text(encoding="utf-8")) if page.exists() else None
    if not found:
        raise UnmeasuredError(f"docs/{page.name} says no share: run 'make mutate'")
    return int(found[1].replace(",", "")), float(found[2])
