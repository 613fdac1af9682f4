"""Reads a rendered template: what was reviewed, as data.

Deployment, review and tests start here, never at the builders.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import yaml

from fraud_cfn.config import COMMITTED

Template = dict[str, Any]

_BANNER = re.compile(r"^ *# .*\((fraud_cfn/[\w/]+\.py)\)$")
_LOGICAL_ID = re.compile(r"^  ([A-Za-z0-9]+):$")


class DocumentError(Exception):
    """A template file that cannot be read, with the file's name, what is wrong and what to do."""


@dataclass(frozen=True)
class Document:
    """A template with the text it was read from; intrinsics stand in their long form (`Fn::GetAtt`)."""

    text: str
    template: Template

    @cached_property
    def defined_in(self) -> dict[str, str]:
        """Logical id → the file that builds it, as the section banners tell."""
        found: dict[str, str] = {}
        source = None
        for line in self.text.splitlines():
            if banner := _BANNER.match(line):
                source = banner[1]
            elif line and line[0] != " ":  # another part of the template
                source = None
            elif source and (logical_id := _LOGICAL_ID.match(line)):
                found[logical_id[1]] = source
        return found

    def minified(self) -> str:
        """The template as compact JSON, JSON inside of it (the dashboard) compacted too."""
        return minify(self.template)


def minify(template: Template) -> str:
    """Compact JSON of a template; means the same to CloudFormation, in the fewest bytes."""
    return json.dumps(_compacted(template), separators=(",", ":"), ensure_ascii=False)


def read(path: Path = COMMITTED) -> Document:
    """Read a template file; `DocumentError` if it is missing or is not a template."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{path} cannot be read ({_reason(error)}): run 'make template'") from error
    return parse(text, str(path))


def parse(text: str, origin: str = "template") -> Document:
    """Parse YAML (or JSON) text; `origin` names it in errors."""
    try:
        # A subclass of PyYAML's safe loader: builds plain data only.
        template = yaml.load(text, Loader=_Loader)  # noqa: S506
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" at line {where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise DocumentError(f"{origin} is not a template{line} ({problem}): run 'make template'") from error
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise DocumentError(f"{origin} is not a template (no Resources): run 'make template'")
    return Document(text, template)


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else "not UTF-8"


_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, if there is one


class _Loader(_SafeLoader):
    """PyYAML's safe loader with CloudFormation's short-form tags; a date stays text, as JSON has none."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, form) for tag, form in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in _SafeLoader.yaml_implicit_resolvers.items()
    }


def intrinsic(loader: Any, tag: str, node: yaml.Node) -> dict[str, Any]:
    """A short-form tag in its long form: `!GetAtt A.B` becomes `{"Fn::GetAtt": ["A", "B"]}`."""
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if tag == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", intrinsic)


def _compacted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _compacted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_compacted(item) for item in value]
    if isinstance(value, str) and value.startswith("{\n"):
        try:
            return json.dumps(json.loads(value), separators=(",", ":"), ensure_ascii=False)
        except ValueError:
            return value
    return value
