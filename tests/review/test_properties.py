"""One property of one resource, of many types: whether it replaces, and the class of that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from fraud_cfn.review.findings import Finding
from fraud_cfn.review.model import parse
from fraud_cfn.review.review import review
from fraud_cfn.review.schemas import schema

ROWS: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("properties.yaml").read_text(encoding="utf-8")
)
EACH = [(type_name, row) for type_name, rows in ROWS.items() for row in rows]


@pytest.mark.parametrize(
    ("type_name", "row"),
    EACH,
    ids=[f"{name} {number}" for name, rows in ROWS.items() for number in range(len(rows))],
)
def test_a_changed_property_does_what_its_page_says(type_name: str, row: dict[str, Any]) -> None:
    sides = [
        parse(
            json.dumps(
                {
                    "Resources": {
                        "X": {"Type": type_name, **row.get("attributes", {}), "Properties": row[side]}
                    }
                }
            )
        )
        for side in ("before", "after")
    ]
    reviewed = review(sides[0], sides[1])
    found = [(change.class_, change.replacement) for change in reviewed.changes] or [("none", "no")]
    assert found == [(row["class"], row["replacement"])]


SWITCHES: dict[str, dict[str, dict[str, list[Any]]]] = yaml.safe_load(
    Path(__file__).with_name("switches.yaml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize(
    ("kind", "type_name", "path", "values"),
    [
        (kind, type_name, path, values)
        for kind, types in SWITCHES.items()
        for type_name, paths in types.items()
        for path, values in paths.items()
    ],
)
def test_each_switch_and_each_size_is_told_both_ways(
    kind: str, type_name: str, path: str, values: list[Any]
) -> None:
    known = schema(type_name)
    assert known is None or path.startswith("Parameters/") or list(known._nodes(tuple(path.split("/"))))
    sides = []
    for value in values:
        properties: Any = {} if value is None else value
        for step in reversed(path.split("/")) if value is not None else ():
            properties = {step: properties}
        sides.append(parse(json.dumps({"Resources": {"X": {"Type": type_name, "Properties": properties}}})))
    ways = ("up", "down") if kind == "cost" else ("off", "on")
    for before, after, way in ((*sides, ways[0]), (*sides[::-1], ways[1])):
        found = [finding for finding in review(before, after).findings if finding.kind == kind]
        assert found == [Finding(kind, "X", f"Properties.{path.replace('/', '.')}", way)]


FINDINGS: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("findings.yaml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize(
    ("type_name", "row"),
    [(type_name, row) for type_name, rows in FINDINGS.items() for row in rows],
    ids=[f"{name} {number}" for name, rows in FINDINGS.items() for number in range(len(rows))],
)
def test_a_switch_or_a_size_is_told(type_name: str, row: dict[str, Any]) -> None:
    sides = [
        parse(json.dumps({"Resources": {"X": {"Type": type_name, "Properties": row[side]}}}))
        for side in ("before", "after")
    ]
    told = [
        [finding.kind, finding.path.removeprefix("Properties."), finding.direction]
        for finding in review(sides[0], sides[1]).findings
    ]
    assert told == row["findings"]


def test_there_are_enough_rows() -> None:
    assert len(EACH) >= 130
