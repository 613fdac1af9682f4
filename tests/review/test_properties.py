"""One property of one resource, of many types: whether it replaces, and the class of that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from fraud_cfn.review import facts, schemas
from fraud_cfn.review.effects import meets
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
    assert known
    assert path.startswith("Parameters/") or list(known._nodes(tuple(path.split("/"))))
    sides = []
    for value in values:
        properties = at(path, value)
        sides.append(parse(json.dumps({"Resources": {"X": {"Type": type_name, "Properties": properties}}})))
    told = f"Properties.{path.replace('/*', '[0]').replace('/', '.')}"
    ways = ("up", "down") if kind == "cost" else ("off", "on")
    for before, after, way in ((*sides, ways[0]), (*sides[::-1], ways[1])):
        found = [finding for finding in review(before, after).findings if finding.kind == kind]
        assert found == [Finding(kind, "X", told, way)]


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


FACTS: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("facts.yaml").read_text(encoding="utf-8"))
Paths = dict[str, list[str]]


def told(*names: str) -> list[tuple[str, str]]:
    return [(kind, path) for name in names for kind, paths in FACTS[name].items() for path in paths]


def at(path: str, value: Any) -> dict[str, Any]:
    """Properties with that value at that path; without it where that is None."""
    *steps, last = path.split("/")
    made: Any = {} if value is None else [value] if last == "*" else {last: value}
    for step in reversed(steps):
        made = [made] if step == "*" else {step: made}
    return made


def merged(*parts: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            made[key] = merged(made[key], value) if isinstance(made.get(key), dict) else value
    return made


def judged(type_name: str, before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> Any:
    """Logical id → its change, for resources of one type with those properties."""
    sides = [
        {
            "Resources": {
                name: {"Type": type_name, "Properties": properties} for name, properties in side.items()
            }
        }
        for side in (before, after)
    ]
    changes = review(parse(json.dumps(sides[0])), parse(json.dumps(sides[1]))).changes
    return {change.logical_id: change for change in changes}


@pytest.mark.parametrize(
    ("type_name", "path"), told("fails", "replaces", "unseen", "interrupts", "does_nothing")
)
def test_each_property_does_what_no_schema_says(type_name: str, path: str) -> None:
    name = next(name for name in FACTS if path in FACTS[name].get(type_name, ()))
    change = judged(type_name, {"X": at(path, "a")}, {"X": at(path, "b")})["X"]
    if name == "interrupts":
        known = schema(type_name)
        assert known
        conditional = (*known.create_only, *known.conditionally_create_only)
        may_replace = any(meets(one, tuple(path.split("/"))) for one in conditional)
        assert change.class_ in (("replacement", "data-loss") if may_replace else ("interruption",))
    else:
        wanted = {"fails": "will-fail", "does_nothing": "harmless"}.get(name, "replacement")
        assert change.class_ == wanted
        assert name != "unseen" or "updated with it" in change.details[0].because


@pytest.mark.parametrize(("type_name", "path"), told("stops"))
def test_what_stands_still_is_interrupted(type_name: str, path: str) -> None:
    path, value = path.rsplit("/", 1)
    still, moving = ({"X": at(path, text)} for text in (value, "1"))
    assert judged(type_name, moving, still)["X"].class_ == "interruption"
    assert judged(type_name, still, moving)["X"].class_ == "harmless"


@pytest.mark.parametrize(("type_name", "path"), told("one_of_a_kind"))
def test_an_identity_is_all_of_its_parts(type_name: str, path: str) -> None:
    same = merged(*(at(part, "a") for part in FACTS["one_of_a_kind"][type_name]))
    assert judged(type_name, {"Old": same}, {"New": same})["New"].class_ == "will-fail"
    other = merged(same, at(path, "b"))
    assert judged(type_name, {"Old": same}, {"New": other})["New"].class_ == "harmless"


@pytest.mark.parametrize("type_name", FACTS["named"])
def test_a_name_is_taken(type_name: str) -> None:
    (name,) = FACTS["named"][type_name]
    assert facts.name_property(type_name) == name
    assert judged(type_name, {"Old": {name: "a"}}, {"New": {name: "a"}})["New"].class_ == "will-fail"


@pytest.mark.parametrize("type_name", FACTS["named_within"])
def test_a_name_is_taken_within_its_scope(type_name: str) -> None:
    name, *scopes = FACTS["named_within"][type_name]
    same = merged({name: "n"}, *(at(scope, "a") for scope in scopes))
    assert judged(type_name, {"Old": same}, {"New": same})["New"].class_ == "will-fail"
    for scope in scopes:
        other = merged(same, at(scope, "b"))
        assert judged(type_name, {"Old": same}, {"New": other})["New"].class_ == "harmless"
        assert judged(type_name, {"X": same}, {"X": other})["X"].class_ in ("replacement", "harmless")


@pytest.mark.parametrize("type_name", FACTS["not_named"])
def test_a_name_that_many_may_have_is_not_taken(type_name: str) -> None:
    assert facts.name_property(type_name) is None


@pytest.mark.parametrize("type_name", FACTS["stays_in_its_vpc"])
def test_a_subnet_group_stays_in_its_vpc(type_name: str) -> None:
    resources: dict[str, Any] = {
        f"Subnet{vpc}": {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": f"vpc-{vpc}"}} for vpc in "AB"
    }
    sides = [
        {"Resources": {**resources, "X": {"Type": type_name, "Properties": {"SubnetIds": [{"Ref": subnet}]}}}}
        for subnet in ("SubnetA", "SubnetB")
    ]
    [change] = review(parse(json.dumps(sides[0])), parse(json.dumps(sides[1]))).changes
    assert (change.logical_id, change.class_) == ("X", "will-fail")


@pytest.mark.parametrize("type_name", FACTS["made_anew"])
def test_what_is_made_anew_under_a_kept_name_has_new_attributes(type_name: str) -> None:
    row = FACTS["made_anew"][type_name]
    for wanted, attributes in (("yes", row["new"]), ("maybe", row["perhaps"])):
        for attribute in attributes:
            reads = {"Fn::GetAtt": ["X", attribute]} if attribute else {"Ref": "X"}
            sides = [
                {
                    "X": {"Type": type_name, "Properties": {row["keeps"]: "n", row["replaced_by"]: value}},
                    "Reads": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": reads}},
                }
                for value in ("1", "2")
            ]
            before, after = (parse(json.dumps({"Resources": side})) for side in sides)
            found = {change.logical_id: change.replacement for change in review(before, after).changes}
            assert found == {"X": "yes", "Reads": wanted}, attribute


def types_that(name: str) -> set[str]:
    services = [service for what in FACTS[name].values() for service in what.items()]
    return {f"AWS::{service}::{short}" for service, shorts in services for short in shorts}


def test_what_is_removed_is_lost_or_stops_by_what_it_holds_or_does() -> None:
    assert types_that("holds") == facts.STATEFUL
    assert types_that("carries") == facts.CARRIERS
    member = {"DBClusterIdentifier": "c"}  # an instance of a cluster: the cluster's volume holds the data
    wanted = {(name, "data-loss"): {} for name in types_that("holds")}
    wanted |= {(name, "interruption"): member for name in types_that("carries")}
    for (name, class_), properties in wanted.items():
        assert judged(name, {"X": properties}, {})["X"].class_ == class_, name


def test_what_cfn_lint_takes_for_stateful_is_lost() -> None:
    listed = (schemas._folder().parent / "AdditionalSpecs" / "StatefulResources.json").read_bytes()
    told = {
        name: [
            judged(name, {"X": properties}, {})["X"].class_
            for properties in ({}, {"DBClusterIdentifier": "c"})
        ]
        for name in json.loads(listed)["ResourceTypes"]
    }
    assert len(told) > 25
    # Instances of a cluster hold nothing, and a cluster's HDFS is "ephemeral storage" (EMR's guide).
    serving = {"AWS::DocDB::DBInstance", "AWS::Neptune::DBInstance", "AWS::EMR::Cluster"}
    assert {name for name, classes in told.items() if "data-loss" not in classes} == serving


@pytest.mark.parametrize(
    ("type_name", "path", "values"),
    [
        (type_name, path, values)
        for name in ("public", "public_without_a_word")
        for type_name, paths in FACTS[name].items()
        for path, values in paths.items()
    ],
)
def test_what_is_public_is_told_both_ways(type_name: str, path: str, values: list[Any]) -> None:
    sides = [
        parse(json.dumps({"Resources": {"X": {"Type": type_name, "Properties": at(path, value)}}}))
        for value in values
    ]
    told = f"Properties.{path.replace('/*', '[0]').replace('/', '.')}"
    for before, after, way in ((*sides, "wider"), (*sides[::-1], "narrower")):
        found = [finding for finding in review(before, after).findings if finding.kind == "internet"]
        assert found == [Finding("internet", "X", told, way)]


def test_there_are_enough_rows() -> None:
    assert len(EACH) >= 130
