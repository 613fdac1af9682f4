"""Every resource has the properties that were decided on: one more is as bad as one less.

Derived from the types, so that it holds for any number of workloads.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fraud_cfn.template.scenarios import SCENARIOS
from tests.lens import Lens

Shape = dict[str, Any]  # property → its own properties, or None
DECIDED: dict[str, Shape] = yaml.safe_load(
    Path(__file__).with_name("properties.yaml").read_text(encoding="utf-8")
)
MAYBE = "maybe "


def differences(node: Any, shape: Shape | None, where: str) -> Iterator[str]:
    """What a resolved value has too many, and too few."""
    if isinstance(node, list):
        for item in node:
            yield from differences(item, shape, where)
        return
    if not isinstance(node, dict):
        if shape:
            yield f"{where} has no properties"
        return
    decided = {
        name.removeprefix(MAYBE): (name.startswith(MAYBE), inner) for name, inner in (shape or {}).items()
    }
    for name, value in node.items():
        if name in decided:
            yield from differences(value, decided[name][1], f"{where}.{name}")
        else:
            yield f"{where}.{name} was not decided on"
    yield from (
        f"{where}.{name} is missing" for name, (maybe, _) in decided.items() if not maybe and name not in node
    )


def used(node: Any, shape: Shape, where: str) -> Iterator[tuple[str, bool]]:
    """Of every `maybe`: its path, and whether it is there."""
    for item in node if isinstance(node, list) else [node]:
        for name, inner in shape.items():
            plain = name.removeprefix(MAYBE)
            if name != plain:
                yield f"{where}.{plain}", plain in item
            if inner and plain in item:
                yield from used(item[plain], inner, f"{where}.{plain}")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_resource_has_exactly_the_properties_that_were_decided_on(base: Lens, scenario: str) -> None:
    found = [
        difference
        for logical_id, resource in base.under(**SCENARIOS[scenario]).resources.items()
        for difference in differences(resource["Properties"], DECIDED.get(resource["Type"], {}), logical_id)
    ]
    assert found == []


def test_a_property_is_a_maybe_only_where_it_is_sometimes_there_and_sometimes_not(base: Lens) -> None:
    seen: dict[str, set[bool]] = {}
    for values in SCENARIOS.values():
        for resource in base.under(**values).resources.values():
            for path, there in used(resource["Properties"], DECIDED[resource["Type"]], resource["Type"]):
                seen.setdefault(path, set()).add(there)
    assert {path: there for path, there in seen.items() if there != {True, False}} == {}
    assert {kind for values in SCENARIOS.values() for kind in base.under(**values).types} == set(DECIDED)


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ({"EnableExecuteCommand": True}, "Service.EnableExecuteCommand was not decided on"),
        ({"Cluster": {"Name": "x"}}, "Service.Cluster.Name was not decided on"),
    ],
)
def test_a_property_too_many_is_told(live: Lens, added: dict[str, Any], said: str) -> None:
    service = live["ApiService"] | added
    assert list(differences(service, DECIDED["AWS::ECS::Service"], "Service")) == [said]
