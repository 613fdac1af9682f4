"""The committed pictures show what they are there for, and depend on nothing outside themselves."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from fraud_cfn.config import ROOT
from fraud_cfn.deploy.stack import watch

PICTURES = ROOT / "docs" / "pictures"
ENDS = {
    "deployment": "result=updated stack=TapStackdev local=true",
    "refused": "make: *** [Makefile:74: deploy] Error 7",
    "failed": "make: *** [Makefile:74: release] Error 1",
}
SHOWN = {
    "deployment": (
        "$make release ENV=dev SERVICE=api TAG=v1.2",
        "Deploy this to TapStackdev?",
        "[ 1/",
        "ApiService UPDATE",
        "DONE",
        "result=updated",
    ),
    "refused": (
        "REPLACE",
        "DATA LOSS",
        "always recreates",
        "--allow-replace DatabaseCluster",
        "result=refused",
    ),
    "failed": (
        "UPDATE_FAILED",
        "FAILED",
        "cause:",
        "defined in fraud_cfn/platform/services/api.py",
        "next:",
        "result=rolled-back",
    ),
}


@pytest.mark.parametrize("name", SHOWN)
def test_a_picture_shows_its_story_in_at_most_forty_lines(name: str) -> None:
    lines = _lines(name)
    text = "\n".join(lines)
    assert [words for words in SHOWN[name] if words not in text] == []
    assert lines[-1] == ENDS[name]
    assert all(
        line.startswith(("$make ", "[local] ", "result=", "make: ", "⠹ [local] ", " …")) for line in lines
    )
    assert len(lines) <= 40


@pytest.mark.parametrize("name", SHOWN)
def test_a_picture_names_no_host_and_no_path_of_a_machine(name: str) -> None:
    source = (PICTURES / f"{name}.svg").read_text(encoding="utf-8")
    hosts = set(re.findall(r"//([\w.:-]+)", source)) - {"www.w3.org", "127.0.0.1:4566"}
    assert hosts == set()
    assert "@font-face" not in source
    assert not re.search(r"/(home|root|tmp|work|Users)/", source)


def test_the_live_line_stands_alone_between_what_is_done_and_the_end() -> None:
    lines = _lines("deployment")
    live = next(number for number, line in enumerate(lines) if "ApiService UPDATE" in line)
    assert "ApiTaskDefinition" in lines[live - 1]
    assert "…" in lines[live + 1]
    assert watch.row("UPDATE_COMPLETE", "ApiService") in lines[live + 2]


def _lines(name: str) -> list[str]:
    """What the picture shows, from top to bottom, without its title and empty lines."""
    rows: dict[str, str] = {}
    picture = ElementTree.parse(PICTURES / f"{name}.svg")  # noqa: S314 - our own
    for run in picture.iter("{http://www.w3.org/2000/svg}text"):
        if "clip-path" in run.attrib:
            rows[run.attrib["y"]] = rows.get(run.attrib["y"], "") + (run.text or "")
    return [row.replace("\u00a0", " ") for row in rows.values()]
