"""The benchmark itself: not its numbers, but that it measures what it says."""

from __future__ import annotations

import json
import subprocess
import sys

from bench.__main__ import SECTIONS
from bench.table import Table, share
from fraud_cfn.config import ROOT
from fraud_cfn.template.document import Document
from tests.limits import PATIENCE


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=PATIENCE,
    )


def test_growth_begins_at_the_platform_and_adds_whole_services(document: Document) -> None:
    two, four = (json.loads(bench("bench.growth", count).stdout) for count in ("2", "4"))
    resources = document.template["Resources"]
    assert two == {
        "resources": len(resources),
        "yaml": len(document.text.encode()),
        "minified": len(document.minified().encode()),
    }
    of_a_worker = sum(source.endswith("/worker.py") for source in document.defined_in.values())
    assert four["resources"] == two["resources"] + 2 * of_a_worker


def test_the_size_is_that_of_the_committed_template(document: Document) -> None:
    done = bench("bench", "size")
    assert (done.returncode, done.stderr) == (0, "")
    minified = len(document.minified().encode())
    assert f"bytes minified, in a request      {share(minified, 51_200)}" in done.stdout


def test_an_unknown_section_is_refused_with_those_there_are() -> None:
    done = bench("bench", "speed")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(f"error: no section speed; there are: {', '.join(SECTIONS)}\n")


def test_a_table_aligns_names_to_the_left_and_numbers_to_the_right() -> None:
    assert str(Table("Sizes", ("", "bytes"), [("small", "1"), ("larger", "1,000")])) == (
        "Sizes\n─────\n         bytes\nsmall        1\nlarger   1,000"
    )
