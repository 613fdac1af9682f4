"""The README's pictures: drawn, whole, and of what they claim."""

from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ET

import pytest

from fraud_cfn.config import ROOT

PICTURES = ROOT / "docs" / "pictures"
SHOWN = {
    "architecture": ["Application Load Balancer", "Aurora PostgreSQL", "EventBridge Scheduler", "NAT gateway"],
    "deployment": ["make release", "ApiImageTag latest → v1.2", "DONE TapStackdev", "result=updated"],
    "refused": ["REPLACE", "DATA LOSS", "--allow-replace DatabaseCluster", "result=refused"],
    "failed": ["FAILED TapStackdev", "Cause", "defined in fraud_cfn/services/worker.py", "make diagnose"],
}


@pytest.mark.parametrize("name", SHOWN)
def test_picture_shows_what_it_is_for(name: str) -> None:
    svg = (PICTURES / f"{name}.svg").read_text()
    ET.fromstring(svg)  # noqa: S314 - our own file
    text = html.unescape(re.sub(r"<[^>]+>", "\n", svg)).replace("\xa0", " ")
    for words in SHOWN[name]:
        assert words in text, words


@pytest.mark.parametrize("name", SHOWN)
def test_picture_asks_no_host_and_names_no_machine(name: str) -> None:
    svg = (PICTURES / f"{name}.svg").read_text()
    hosts = set(re.findall(r"https?://([\w.:-]+)", svg)) - {"www.w3.org", "127.0.0.1:4566"}
    assert not hosts
    assert not re.search(r"/root/|/work/|/home/|/tmp/", svg)


def test_every_picture_is_known_here_and_in_the_readme() -> None:
    assert {file.stem for file in PICTURES.glob("*.svg")} == set(SHOWN)
    readme = (ROOT / "README.md").read_text()
    assert all(f"docs/pictures/{name}.svg" in readme for name in SHOWN)
