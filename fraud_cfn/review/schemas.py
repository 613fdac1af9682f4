"""What the resource provider schemas say of a type: what replaces it, and where order says nothing.

They are the files that cfn-lint ships, read directly: importing cfn-lint takes a second, one schema a
millisecond. AWS's cloudformation-validate reports the same properties (`I9001`); a test compares.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

Path_: TypeAlias = tuple[str, ...]  # property names; "*" stands for every item of a list

# The region that knows most types comes second: ours first.
_REGIONS = ("eu-central-1", "us-east-1")


class SchemasError(Exception):
    """The schemas are not installed, and what to do."""


@dataclass(frozen=True)
class Schema:
    """One type's schema. Paths are property names below `Properties`."""

    type_name: str
    document: dict[str, Any] = field(repr=False, hash=False)

    @property
    def create_only(self) -> tuple[Path_, ...]:
        """A change there replaces the resource."""
        return self._pointers("createOnlyProperties")

    @property
    def conditionally_create_only(self) -> tuple[Path_, ...]:
        """A change there may replace the resource."""
        return self._pointers("conditionalCreateOnlyProperties")

    @property
    def read_only(self) -> tuple[Path_, ...]:
        """What the service makes up: attributes, no properties."""
        return self._pointers("readOnlyProperties")

    @property
    def identifier(self) -> tuple[Path_, ...]:
        """What identifies one among others of the type."""
        return self._pointers("primaryIdentifier")

    @property
    def is_updatable(self) -> bool:
        """Whether it can be updated at all; a type without handlers in its schema can."""
        handlers = self.document.get("handlers")
        return handlers is None or "update" in handlers

    @property
    def says_what_replaces(self) -> bool:
        """Whether the schema tells anything of updates; the oldest types' do not."""
        return "handlers" in self.document or bool(self.create_only)

    @property
    def deletes_first(self) -> bool:
        """Whether a replacement deletes the old one before it makes the new one."""
        return self.document.get("replacementStrategy") == "delete_then_create"

    def has_property(self, name: str) -> bool:
        """Whether the type has a property of that name that a template may set."""
        return name in self.document.get("properties", {}) and (name,) not in self.read_only

    def is_unordered(self, path: Path_) -> bool:
        """Whether the order of the list at that path says nothing (`insertionOrder: false`)."""
        return any(node.get("insertionOrder") is False for node in self._nodes(path))

    def _pointers(self, key: str) -> tuple[Path_, ...]:
        pointers = self.document.get(key) or ()
        return tuple(tuple(pointer.split("/")[2:]) for pointer in pointers)

    def _nodes(self, path: Path_) -> Iterator[dict[str, Any]]:
        nodes = [self.document]
        for step in path:
            nodes = [child for node in nodes for child in self._children(node, step)]
        yield from nodes

    def _children(self, node: dict[str, Any], step: str) -> Iterator[dict[str, Any]]:
        for variant in self._variants(node):
            child = variant.get("items") if step == "*" else variant.get("properties", {}).get(step)
            if child is None:
                child = next(iter(variant.get("patternProperties", {}).values()), None)
            if child is not None:
                yield from self._variants(child)

    def _variants(self, node: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The node itself, what it refers to and the forms it may have."""
        yield node
        reference = node.get("$ref", "")
        if reference.startswith("#/"):
            target = self.document
            for step in reference.split("/")[1:]:
                target = target[step]
            yield from self._variants(target)
        for form in node.get("oneOf", ()):
            yield from self._variants(form)


def is_ref(type_name: str, attribute: str | None) -> bool:
    """Whether that attribute is what `Ref` gives: the type's identifier."""
    if (type_name, attribute) == ("AWS::EC2::SecurityGroup", "GroupId"):
        return True
    known = schema(type_name)
    return known is not None and known.identifier == ((attribute,),)


@cache
def schema(type_name: str) -> Schema | None:
    """The schema of a type; None where AWS publishes none (modules, third parties, new types)."""
    if type_name.startswith("Custom::"):
        type_name = "AWS::CloudFormation::CustomResource"
    file_name = _index().get(type_name)
    if file_name is None:
        return None
    return Schema(type_name, json.loads((_folder() / "resources" / f"{file_name}.json").read_bytes()))


@cache
def _index() -> dict[str, str]:
    """Type → name of its schema's file."""
    index: dict[str, str] = {}
    for region in reversed(_REGIONS):
        index.update(json.loads((_folder() / "providers" / f"{region}.json").read_bytes()))
    return index


@cache
def _folder() -> Path:
    found = find_spec("cfnlint")  # does not import it
    if found is None or found.origin is None:
        raise SchemasError("cfn-lint's resource schemas are not installed: run 'make install'")
    return Path(found.origin).parent / "data" / "schemas"
