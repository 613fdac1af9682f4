"""Reads a CloudFormation template, YAML or JSON, of any origin.

Intrinsics stand in their long form (`{"Fn::GetAtt": ["Queue", "Arn"]}`); dates stay text; anchors are
followed. What cannot be read raises `TemplateError`: one line with the file's name and what is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Any, ClassVar

import yaml

from fraud_cfn.template.document import Document, intrinsic

Node = Any  # None | bool | int | float | str | list[Node] | dict[str, Node], as it stands in the file

# A template in a bucket may have 1 MB: "CloudFormation quotas", Template body size.
MOST_BYTES = 1_048_576
_MOST_NODES = 400_000  # anchors followed; beyond it, they multiply without end
_MOST_DEPTH = 100
_SECTIONS = ("Parameters", "Mappings", "Conditions", "Rules", "Resources", "Outputs")
LOOP = "Fn::ForEach"


class TemplateError(Exception):
    """A template that cannot be read: its name, what is wrong, and where."""


@dataclass(frozen=True, eq=False)
class Template:
    """A template as it stands, section by section; what is missing is empty. Equal to itself alone."""

    name: str
    body: dict[str, Node]
    text: str = field(default="", repr=False)

    @cached_property
    def parameters(self) -> dict[str, dict[str, Node]]:
        """Name → declaration (`Type`, `Default`, …); transforms left out."""
        return _plain(self.body.get("Parameters"))

    @cached_property
    def mappings(self) -> dict[str, Node]:
        """Name → first key → second key → value; loops and transforms left out."""
        return _plain(self.body.get("Mappings"))

    @cached_property
    def conditions(self) -> dict[str, Node]:
        """Name → expression."""
        return _plain(self.body.get("Conditions"))

    @cached_property
    def resources(self) -> dict[str, dict[str, Node]]:
        """Logical id → declaration; loops and transforms left out."""
        return _plain(self.body.get("Resources"))

    @cached_property
    def outputs(self) -> dict[str, dict[str, Node]]:
        """Name → declaration; loops and transforms left out."""
        return _plain(self.body.get("Outputs"))

    @cached_property
    def loops(self) -> dict[str, Node]:
        """`Fn::ForEach::…` or `Fn::Transform` → what stands there, of the resources."""
        return {key: node for key, node in self.body["Resources"].items() if _is_loop(key)}

    @cached_property
    def transforms(self) -> tuple[str, ...]:
        """Names of the macros that see the whole template, in order."""
        named = self.body.get("Transform") or []
        names = [item.get("Name") if isinstance(item, dict) else item for item in _listed(named)]
        return tuple(str(name) for name in names)

    @cached_property
    def has_aliases(self) -> bool:
        """Whether a part of it stands in several places: by a YAML alias, or a merge key."""
        parts = [id(node) for _, node in _nodes(self.body) if node and isinstance(node, dict | list)]
        return len({*parts}) < len(parts)

    @cached_property
    def defined_in(self) -> dict[str, str]:
        """Logical id → the file that builds it, where the file has banners that say it."""
        return Document(self.text, self.body).defined_in

    def type_of(self, logical_id: str) -> str:
        """Its type; `""` where there is no such resource."""
        return self.resources.get(logical_id, {}).get("Type", "")


def read(path: Path | str) -> Template:
    """Read a template file; `TemplateError` where it cannot be read or is no template."""
    name = str(path)
    name = name if name.isprintable() and name else repr(name)
    try:
        with open(path, "rb") as stream:
            content = stream.read(MOST_BYTES + 1)  # a device has no end
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "strerror", None) or error).lower()
        raise TemplateError(f"{name} cannot be read: {reason}") from error
    return parse(content, name)


def parse(content: str | bytes, name: str = "template") -> Template:
    """Parse YAML or JSON; `name` is what errors call it."""
    if len(content if isinstance(content, bytes) else content.encode()) > MOST_BYTES:
        raise TemplateError(f"{name} is larger than the {MOST_BYTES:,} bytes CloudFormation takes")
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
    except UnicodeDecodeError as error:
        raise TemplateError(f"{name} is not UTF-8 text: give a CloudFormation template") from error
    try:
        body = _load(text)
        return Template(name, _checked(body), text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        problem = " ".join(str(getattr(error, "problem", None) or "not YAML").split())
        raise TemplateError(f"{name} is no template{where}: {problem}") from error
    except _UnfitError as error:
        raise TemplateError(f"{name} is no template: {error}") from error
    except (RecursionError, ValueError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise TemplateError(f"{name} is no template: {reason}") from error


class _UnfitError(Exception):
    """Why it is no template."""


def _load(text: str) -> Node:
    if text.lstrip()[:1] in "{[":
        try:
            return json.loads(text, object_pairs_hook=_once)
        except json.JSONDecodeError:
            pass  # YAML may begin with a bracket too
    # A subclass of PyYAML's safe loader: builds plain data only.
    return yaml.load(text, Loader=_Loader)  # noqa: S506


def _once(pairs: list[tuple[str, Node]]) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for key, node in pairs:
        if key in found:
            raise _UnfitError(f"the key {key!r} stands twice")
        found[key] = node
    return found


def _checked(body: Node) -> dict[str, Node]:
    if not isinstance(body, dict) or not isinstance(body.get("Resources"), dict):
        raise _UnfitError("it has no Resources")
    for number, (depth, node) in enumerate(_nodes(body)):
        if isinstance(node, float) and not isfinite(node):
            raise _UnfitError(f"{node} is no number that JSON knows")
        if depth > _MOST_DEPTH:
            raise _UnfitError(f"nested more than {_MOST_DEPTH} deep")
        if number > _MOST_NODES:
            raise _UnfitError(f"more than {_MOST_NODES:,} values (anchors followed)")
    for section in _SECTIONS:
        entries = body.get(section)
        if entries is not None and not isinstance(entries, dict):
            raise _UnfitError(f"{section} is no mapping of names")
        for key, entry in (entries or {}).items():
            _check_entry(section, key, entry)
    return body


def _check_entry(section: str, key: str, entry: Node) -> None:
    if section in ("Mappings", "Conditions", "Rules") or _is_loop(key):
        return
    if not isinstance(entry, dict):
        raise _UnfitError(f"{section} {key} is no mapping")
    if section == "Resources":
        if not isinstance(entry.get("Type"), str) or not entry["Type"]:
            raise _UnfitError(f"the resource {key} has no Type")
        if not isinstance(entry.get("Properties") or {}, dict):
            raise _UnfitError(f"the Properties of {key} are no mapping")


def _nodes(root: Node) -> Iterator[tuple[int, Node]]:
    stack = [(0, root)]
    while stack:
        depth, node = stack.pop()
        yield depth, node
        if isinstance(node, dict):
            stack.extend((depth + 1, child) for child in node.values())
        elif isinstance(node, list):
            stack.extend((depth + 1, child) for child in node)


def _plain(section: Node) -> dict[str, Node]:
    return {key: node for key, node in (section or {}).items() if not _is_loop(key)}


def _is_loop(key: str) -> bool:
    return key.startswith(LOOP) or key == "Fn::Transform"


def _listed(node: Node) -> list[Node]:
    return node if isinstance(node, list) else [node]


_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, if there is one


class _Loader(_SafeLoader):
    """PyYAML's safe loader with CloudFormation's short forms; a key that stands twice is an error."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, form) for tag, form in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in _SafeLoader.yaml_implicit_resolvers.items()
    }

    _depth = -1  # of the root: 0

    def descend_resolver(self, *_: Any) -> None:
        """Called at each node; libyaml recurses without end, and ends the process where its stack does."""
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise _UnfitError(f"nested more than {_MOST_DEPTH} deep")

    def ascend_resolver(self) -> None:
        """Called when a node is done."""
        self._depth -= 1

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Node]:
        """As PyYAML's, but refuses a key that stands twice; `<<` may be overridden."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    problem = f"the key {key.value!r} stands twice"
                    raise yaml.MarkedYAMLError(None, None, problem, key.start_mark)
                seen.add(key.value)
        self.flatten_mapping(node)  # what `<<` brings has keys too
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                key.tag = "tag:yaml.org,2002:str"  # an account's number is a name, as in JSON
        return super().construct_mapping(node, deep=deep)


def _refuse(_: Any, node: yaml.Node) -> Node:
    problem = f"CloudFormation does not read the tag {node.tag.replace('tag:yaml.org,2002:', '!!')}"
    raise yaml.MarkedYAMLError(None, None, problem, node.start_mark)


_Loader.add_multi_constructor("!", intrinsic)
# CloudFormation User Guide, "CloudFormation template format", YAML: tags that are not supported.
for _kind in ("binary", "omap", "pairs", "set", "timestamp"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _refuse)
