"""Every type of our template: the schemas agree with AWS's validator, and with the local endpoint."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from fraud_cfn.config import COMMITTED
from fraud_cfn.local.create_only import CREATE_ONLY
from fraud_cfn.review import facts, schemas
from fraud_cfn.review.changes import CLASSES
from fraud_cfn.review.model import parse, read
from fraud_cfn.review.review import review
from fraud_cfn.review.schemas import SchemasError, schema

TEMPLATE = read(COMMITTED)
TYPES = sorted({declaration["Type"] for declaration in TEMPLATE.resources.values()})
ONE_OF_EACH = {declaration["Type"]: name for name, declaration in TEMPLATE.resources.items()}


def edited(logical_id: str, **properties: Any) -> Any:
    """What the review says of that resource, with these properties as well."""
    before = {"Resources": {logical_id: TEMPLATE.resources[logical_id]}}
    after = json.loads(json.dumps(before))
    after["Resources"][logical_id]["Properties"].update(properties)
    [change] = review(parse(json.dumps(before)), parse(json.dumps(after))).changes
    return change


def test_the_schemas_say_what_the_validator_of_aws_says() -> None:
    import cloudformation_validate as cfv

    report = cfv.CelEngine().validate_template(
        cfv.TemplateContent(TEMPLATE.text, "template"), cfv.ValidateConfig(severity_level=cfv.Severity.INFO)
    )
    told: dict[str, set[str]] = {}
    for diagnostic in report.diagnostics:
        if diagnostic.rule_id == "I9001" and diagnostic.entity and diagnostic.property_path:
            top = diagnostic.property_path.split(".")[1].partition("[")[0]
            told.setdefault(diagnostic.entity.resource_type or "", set()).add(top)
    assert set(told) <= set(TYPES)
    assert len(told) > 20
    for type_name, properties in told.items():
        known = schema(type_name)
        assert known
        paths = {path[0] for path in (*known.create_only, *known.conditionally_create_only)}
        assert properties <= paths, type_name


@pytest.mark.parametrize("type_name", TYPES)
def test_each_create_only_property_replaces(type_name: str) -> None:
    known = schema(type_name)
    assert known, "AWS publishes a schema"
    logical_id = ONE_OF_EACH[type_name]
    for name in ("".join(path) for path in known.create_only if len(path) == 1):
        change = edited(logical_id, **{name: {"Fn::ImportValue": "another"}})
        assert change.replacement in ("yes", "maybe"), name
        assert change.class_ in CLASSES[1:]
        change = edited(logical_id, **{name: "quite-another"})
        assert change.class_ != "interruption", name


@pytest.mark.parametrize("type_name", sorted({*TYPES} & {*CREATE_ONLY}))
def test_the_local_endpoint_agrees_on_what_replaces(type_name: str) -> None:
    known = schema(type_name)
    assert known
    tops = {path[0] for path in known.create_only if len(path) == 1}
    assert set(CREATE_ONLY[type_name]) == tops


@pytest.mark.parametrize("type_name", TYPES)
def test_tags_and_descriptions_never_replace(type_name: str) -> None:
    known = schema(type_name)
    assert known
    for name in ("Description", "Tags"):
        if known.has_property(name) and (name,) not in known.create_only:
            assert edited(ONE_OF_EACH[type_name], **{name: "other"}).replacement == "no", name


@pytest.mark.parametrize("type_name", TYPES)
def test_each_type_can_be_removed_with_a_class(type_name: str) -> None:
    logical_id = ONE_OF_EACH[type_name]
    before = {"Resources": {logical_id: TEMPLATE.resources[logical_id]}}
    [change] = review(parse(json.dumps(before)), parse('{"Resources": {}}')).changes
    assert change.action == "remove"
    is_member = "DBClusterIdentifier" in json.dumps(before) and type_name.endswith("DBInstance")
    is_stateful = type_name in facts.STATEFUL and not is_member
    assert (change.class_ == "data-loss") == is_stateful
    if type_name in facts.CARRIERS and not is_stateful:
        assert change.class_ == "interruption"


def test_what_the_tables_name_is_in_the_schemas() -> None:
    tables = (facts.INTERRUPTS, facts.IDENTITIES, facts.NAME_SCOPES)
    for table in tables:
        for type_name, paths in table.items():
            known = schema(type_name)
            assert known, type_name
            for path in paths:
                assert list(known._nodes(path)), (type_name, path)
    for type_name, stops in facts.STOPS.items():
        known = schema(type_name)
        assert known
        assert all(list(known._nodes(tuple(path.split(".")))) for path in stops), type_name
    for type_name in (*facts.STATEFUL, *facts.CARRIERS, *facts.SUBNET_GROUPS, *facts.GENERATED_ATTRIBUTES):
        assert schema(type_name) or type_name.startswith("AWS::Serverless::"), (
            type_name
        )  # SAM makes others of it
    for row in facts.DEVIATIONS:
        known = schema(row.type_name)
        assert known
        assert list(known._nodes(row.path)), row
        assert row.source.startswith("https://")


@pytest.mark.parametrize("found", [None, SimpleNamespace(origin=None)])
def test_without_schemas_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch, found: object) -> None:
    monkeypatch.setattr(schemas, "find_spec", lambda _: found)
    with pytest.raises(SchemasError, match="'make install'"):
        schemas._folder.__wrapped__()
