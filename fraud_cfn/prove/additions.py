"""What the provider schemas let a resource have and the template does not give it: a legal value for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fraud_cfn.review.schemas import Schema, schema

Path = tuple[str | int, ...]
_MOST_DEEP = 6


def additions(resources: dict[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Path below `Resources` → value; of the first resource of each type, its nested objects too."""
    seen: set[str] = set()
    for logical_id, resource in resources.items():
        kind = resource["Type"]
        if kind not in seen and (known := schema(kind)):
            seen.add(kind)
            path: Path = (logical_id, "Properties")
            yield from _below(known, known.document, resource.get("Properties", {}), path)


def _below(known: Schema, node: dict[str, Any], value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """The properties that a declared value leaves out, here and below."""
    node = _form(known, node, "properties", "items")
    if isinstance(value, list) and value and isinstance(node.get("items"), dict):
        yield from _below(known, node["items"], value[0], (*path, 0))
    if not isinstance(value, dict) or _is_intrinsic(value):
        return
    read_only = (
        {pointer[0] for pointer in known.read_only if len(pointer) == 1} if len(path) == 2 else set[str]()
    )
    for name, declared in (node.get("properties") or {}).items():
        if name in value:
            yield from _below(known, declared, value[name], (*path, name))
        elif name not in read_only:
            yield (*path, name), _legal(known, declared)


def _is_intrinsic(value: dict[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref"))


def _form(known: Schema, node: dict[str, Any], *wanted: str, depth: int = 0) -> dict[str, Any]:
    """What a node refers to, or the first of its forms that says one of `wanted`."""
    if depth > _MOST_DEEP or any(key in node for key in wanted):
        return node
    if reference := node.get("$ref"):
        target: Any = known.document
        for step in reference[2:].split("/"):
            target = target.get(step, {})
        return _form(known, target, *wanted, depth=depth + 1)
    forms = [form for key in ("oneOf", "anyOf", "allOf") for form in node.get(key) or ()]
    return next(
        (f for form in forms if (f := _form(known, form, *wanted, depth=depth + 1)) is not form), node
    )


def _legal(known: Schema, node: dict[str, Any], depth: int = 0) -> Any:
    """A value that the schema takes, as small as it may be."""
    node = _form(known, node, "type", "enum", "properties")
    if node.get("enum"):
        return node["enum"][0]
    kind = node.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if depth > _MOST_DEEP:
        return "other"
    if kind == "boolean":
        return True
    if kind in ("integer", "number"):
        return node.get("minimum", 1)
    if kind == "array":
        return [_legal(known, node.get("items", {"type": "string"}), depth + 1)]
    if kind == "object":
        properties = node.get("properties") or {}
        names = node.get("required") or list(properties)[:1]
        inner = {name: _legal(known, properties[name], depth + 1) for name in names if name in properties}
        return inner or {"other": "other"}
    return "other".ljust(node.get("minLength", 0), "r")
