"""The figures that were asked for: stated on docs/requirements.md, and nowhere else; tests hold the template
against them."""

from __future__ import annotations

import re

from fraud_cfn.config import ROOT

WORDS = ("no", "one", "two", "three", "four", "five", "six")
WORDS += ("seven", "eight", "nine", "ten", "eleven", "twelve")
_PAGE = (ROOT / "docs" / "requirements.md").read_text("utf-8")


def _said(row: str) -> tuple[str, ...]:
    """What stands in the braces of that row."""
    pattern = r"^\| " + re.escape(row).replace(r"\{\}", r"([^\s,|]+)") + "[ ,]"
    rows = [match.groups() for match in re.finditer(pattern, _PAGE, re.MULTILINE)]
    assert len(rows) == 1, f"docs/requirements.md has no such row, or several: {row}"
    return rows[0]


_WORKLOADS = ("Api", "Worker", "Job")
SIZES = {
    workload: tuple(size.split("/"))
    for workload, size in zip(_WORKLOADS, _said("Sizes: API {}, worker {}, job {}"), strict=True)
}
BOUNDS = {
    workload: tuple(map(int, bounds.split("–")))
    for workload, bounds in zip(_WORKLOADS, _said("API {} tasks, worker {}"), strict=False)
}
CPU_PERCENT, MEMORY_PERCENT = map(int, _said("Scaling at CPU {} % and memory {} %"))
(LOG_DAYS,) = map(int, _said("Logs kept for {} days"))
(_EVERY,) = _said("A job every {} hours")
SCHEDULE = f"cron(0 0/{WORDS.index(_EVERY)} * * ? *)"
