"""Loops, transforms and macros: what nobody can expand offline is told as such."""

from __future__ import annotations

from collections.abc import Iterator

from fraud_cfn.review import facts
from fraud_cfn.review.changes import Change, Detail
from fraud_cfn.review.diff import ABSENT, canonical
from fraud_cfn.review.judge import Judgement, shown
from fraud_cfn.review.mentions import mentioned
from fraud_cfn.review.model import Node, Template
from fraud_cfn.review.pair import Pair


def loops(pair: Pair, judgement: Judgement) -> Iterator[Change]:
    """What nobody can expand offline: a difference inside may be anything."""
    before, after = pair.before.template, pair.after.template
    for key in {**after.loops, **before.loops}:
        old, new = before.loops.get(key, ABSENT), after.loops.get(key, ABSENT)
        types = {*_types(old), *_types(new)}
        type_name = next(iter(types)) if len(types) == 1 else ""
        class_ = "data-loss" if types & facts.STATEFUL else "replacement"
        reason = "a loop or transform, which is not expanded here"
        if old is ABSENT:
            yield Change(key, type_name, "add", "no", "harmless", (reason,))
        elif new is ABSENT:
            yield Change(key, type_name, "remove", "no", class_, (reason,))
        else:
            moved = [
                reference.name
                for reference in mentioned(new)
                if reference.name in judgement.views and judgement.replacement(reference.name) != "no"
            ]
            if canonical(old) != canonical(new) or moved:
                detail = Detail(key, shown(old), shown(new), "maybe", reason)
                yield Change(key, type_name, "modify", "maybe", class_, (f"may: {reason}",), (detail,))
    yield from _macros(pair)


def _macros(pair: Pair) -> Iterator[Change]:
    before, after = pair.before.template, pair.after.template
    macros = [_unlike_plain(side) for side in (before, after)]
    why = "a macro may change everything"
    if macros[0] != macros[1]:
        detail = Detail("Transform", macros[0], macros[1], "maybe", why)
        yield Change("Transform", "", "modify", "maybe", "replacement", (f"may: {why}",), (detail,))
    for section in ("Mappings", "Conditions", "Parameters", "Globals", "Fn::Transform"):
        whole = section in ("Globals", "Fn::Transform")
        sides = [_made_by_others(side.body.get(section), whole) for side in (before, after)]
        if canonical(sides[0]) != canonical(sides[1]):
            detail = Detail(section, shown(sides[0]), shown(sides[1]), "maybe", why)
            yield Change(section, "", "modify", "maybe", "replacement", (f"may: {why}",), (detail,))


def _unlike_plain(template: Template) -> list[Node]:
    """The macros that may change anything; with what each is given, such as the file that it includes."""
    named = template.body.get("Transform") or []
    given = [
        item if isinstance(item, dict) and item.get("Parameters") else name
        for item, name in zip(named if isinstance(named, list) else [named], template.transforms, strict=True)
    ]
    return [item for item in given if isinstance(item, dict) or item not in facts.PLAIN_TRANSFORMS]


def _made_by_others(section: Node, whole: bool) -> Node:
    entries = section if isinstance(section, dict) else {}
    return {key: node for key, node in entries.items() if whole or key.startswith("Fn::")}


def _types(node: Node) -> Iterator[str]:
    """The types that a loop makes."""
    if isinstance(node, dict):
        if isinstance(node.get("Type"), str) and "::" in node["Type"]:
            yield node["Type"]
        else:
            for child in node.values():
                yield from _types(child)
    elif isinstance(node, list):
        for child in node:
            yield from _types(child)
