"""Keeps docs/requirements.md true."""

from __future__ import annotations

import ast
import re

import pytest

from fraud_cfn.config import ROOT
from fraud_cfn.template.document import Document

_ROW = re.compile(r"^\| (?P<requirement>[^|]+) \| (?P<yaml>[^|]+) \| `(?P<test>[^|`]+)` \|$", re.MULTILINE)
ROWS = [match.groupdict() for match in _ROW.finditer((ROOT / "docs" / "requirements.md").read_text("utf-8"))]


def named(row: dict[str, str]) -> list[str]:
    return re.findall(r"`(\w+)`", row["yaml"])


def test_every_row_of_the_tables_is_read() -> None:
    page = (ROOT / "docs" / "requirements.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ") and "| Test |" not in line]
    assert len(rows) == len(ROWS) > 50


@pytest.mark.parametrize("row", ROWS, ids=[row["test"].split("::")[-1] for row in ROWS])
def test_a_requirement_names_what_exists(document: Document, row: dict[str, str]) -> None:
    sections = ("Parameters", "Rules", "Mappings", "Conditions", "Resources", "Outputs")
    known = {key for section in sections for key in document.template[section]}
    assert named(row)
    assert set(named(row)) <= known
    file, test = row["test"].split("::")
    functions = {
        node.name
        for node in ast.parse((ROOT / "tests" / file).read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    assert test in functions


def test_every_resource_meets_a_requirement(document: Document) -> None:
    assert set(document.template["Resources"]) <= {name for row in ROWS for name in named(row)}
