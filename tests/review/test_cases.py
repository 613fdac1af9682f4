"""Before and after, and what AWS makes of it: each case cites the page or the schema that says so.

`cases` has a case a file; `rules` has, by module of the judge, the cases that hold one of its rules each: a
side without sections there is its Resources.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from fraud_cfn.review import model
from fraud_cfn.review.as_json import document
from fraud_cfn.review.review import review
from tests.deploy.schema import REVIEW, misfits_of

HERE = Path(__file__).parent


def load(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=model._Loader)  # noqa: S506
    return read


def whole(case: dict[str, Any]) -> dict[str, Any]:
    sides = {side: case[side] for side in ("before", "after")}
    return {
        **case,
        **{name: side if "Resources" in side else {"Resources": side} for name, side in sides.items()},
    }


CASES = {path.stem: load(path) for path in sorted(HERE.glob("cases/*.yaml"))}
for path in sorted(HERE.glob("rules/*.yaml")):
    CASES |= {f"{path.stem}: {title}": whole(case) for title, case in load(path).items()}
EACH = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def answer(case: dict[str, Any]) -> dict[str, Any]:
    sides = [model.parse(json.dumps(case[side]), side) for side in ("before", "after")]
    return json.loads(json.dumps(document(review(sides[0], sides[1], case.get("params"), case.get("given")))))


def beside(entry: dict[str, Any]) -> list[str]:
    """What a reader must know of an entry that is not certain, or that changes nothing."""
    return [*depends(entry), *([] if entry["effective"] else ["not effective"])]


def depends(entry: dict[str, Any]) -> list[str]:
    return [f"depends on {', '.join(entry['depends_on'])}"] if entry["maybe"] else []


def in_short(answered: dict[str, Any]) -> dict[str, Any]:
    """The whole answer as the cases write it."""
    changes = answered["changes"]
    renamed = {change["logical_id"]: change["renamed_to"] for change in changes if change["renamed_to"]}
    origins = {change["renamed_from"]: change["logical_id"] for change in changes if change["renamed_from"]}
    assert renamed == origins, "a rename stands in both entries"
    return {
        "verdict": answered["verdict"],
        "changes": {
            change["logical_id"]: [change["action"], change["replacement"], change["class"]]
            for change in changes
        },
        "renamed": renamed,
        "parameters": sorted([entry["name"], entry["change"]] for entry in answered["parameters"]),
        "outputs": sorted(
            [entry["name"], entry["change"], *([entry["class"]] if entry["class"] else [])]
            for entry in answered["outputs"]
        ),
        "refused": sorted(answered["refused"]),
        "findings": sorted(
            [*(entry[key] for key in ("kind", "logical_id", "path", "direction")), *depends(entry)]
            for entry in answered["findings"]
        ),
        "roles": {entry["role"]: entry["permissions"] for entry in answered["roles"]},
        "permissions": sorted(
            (
                [
                    *(entry[key] for key in ("change", "role", "effect", "action", "resource")),
                    *(entry[key] for key in ("principal", "condition") if entry[key]),
                    *beside(entry),
                ]
                for entry in answered["permissions"]
            ),
            key=str,
        ),
        "reachability": sorted(
            [*(entry[key] for key in ("change", "from", "to", "protocol", "ports")), *beside(entry)]
            for entry in answered["reachability"]
        ),
    }


@EACH
def test_the_whole_answer_is_as_aws_says(case: dict[str, Any]) -> None:
    assert case["source"], "every case says who says so"
    expected = case["expected"]
    answered = answer(case)
    assert list(misfits_of(answered, REVIEW["definitions"]["review"])) == []
    found = in_short(answered)
    wanted = {
        part: sorted(expected.get(part, []), key=str) if isinstance(value, list) else expected.get(part, {})
        for part, value in found.items()
    }
    assert found == {**wanted, "verdict": expected["verdict"]}
    for logical_id, reasons in expected.get("reasons", {}).items():
        [change] = [entry for entry in answered["changes"] if entry["logical_id"] == logical_id]
        assert change["because"] == reasons
    told = {f"{entry['name']} {entry['change']}": entry for entry in answered["parameters"]}
    for name, because in expected.get("told", {}).items():
        assert told[name]["because"] == because
    for name, values in expected.get("values", {}).items():
        assert [told[name]["before"], told[name]["after"]] == values
    notes = {entry["name"]: entry["because"] for entry in answered["outputs"]}
    assert {**notes, **expected.get("notes", {})} == notes
    for logical_id, details in expected.get("details", {}).items():
        [change] = [entry for entry in answered["changes"] if entry["logical_id"] == logical_id]
        assert {detail["path"]: detail["replacement"] for detail in change["details"]} == details
    for logical_id, sides in expected.get("shown", {}).items():
        [change] = [entry for entry in answered["changes"] if entry["logical_id"] == logical_id]
        assert {one["path"]: [one["before"], one["after"]] for one in change["details"]} == sides
    doubted = [change["logical_id"] for change in answered["changes"] if change["maybe"]]
    assert doubted == expected.get("maybe", doubted)
    types = {change["logical_id"]: change["type"] for change in answered["changes"]}
    assert {**types, **expected.get("types", {})} == types
    for logical_id, why in expected.get("why", {}).items():
        [change] = [entry for entry in answered["changes"] if entry["logical_id"] == logical_id]
        assert {detail["path"]: detail["because"] for detail in change["details"]} == why
    for logical_id, text in expected.get("because", {}).items():
        [change] = [entry for entry in answered["changes"] if entry["logical_id"] == logical_id]
        assert text in "; ".join([*change["because"], *(detail["because"] for detail in change["details"])])
    for logical_id, values in expected.get("shown", {}).items():
        [change] = [entry for entry in answered["changes"] if entry["logical_id"] == logical_id]
        assert {detail["path"]: [detail["before"], detail["after"]] for detail in change["details"]} == values
    for logical_id, paths in expected.get("paths", {}).items():
        [change] = [entry for entry in answered["changes"] if entry["logical_id"] == logical_id]
        assert [detail["path"] for detail in change["details"]] == paths


@EACH
def test_a_template_against_itself_is_nothing(case: dict[str, Any]) -> None:
    for side in ("before", "after"):
        answered = answer({**case, "given": {}, "before": case[side], "after": case[side]})
        assert (answered["verdict"], answered["changes"]) == ("none", [])


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 60
