"""What CloudFormation refuses before it begins: names that nothing defines, references to what a condition
takes away, keys that a mapping does not have, circles.

Names are looked for on every branch; the rest counts on the branches that are taken. What BEFORE has too is
not told: the stack exists.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fraud_cfn.review.judge import Judgement
from fraud_cfn.review.mentions import depends_on, mentioned
from fraud_cfn.review.model import Node, Template
from fraud_cfn.review.pair import Pair, deciding
from fraud_cfn.review.resolve import Call, Side, Text, Value, World, references, written


def unresolved(pair: Pair, old: Node, new: Node) -> list[str]:
    """Why CloudFormation refuses a declaration of AFTER: a resource or an output."""
    return [] if new is None else [*undefined(pair, old, new), *_absent(pair, old, new)]


def undefined(pair: Pair, old: Node, new: Node) -> list[str]:
    """Names in a declaration of AFTER that nothing defines; not those whose own removal tells it."""
    before, after = pair.before.template, pair.after.template
    if not is_whole(after):
        return []
    missing = [name for name in dict.fromkeys(_undefined(after, new)) if name not in _undefined(before, old)]
    gone = {*before.resources, *before.parameters}
    return [f"{name} is not defined" for name in missing if name not in gone]


def _absent(pair: Pair, old: Node, new: Node) -> list[str]:
    """What a declaration of AFTER refers to where it is not there, as far as the conditions go."""
    names = {reference.name for reference in mentioned(new)}
    nodes = [(pair.before, old), (pair.after, new)]
    for side in (pair.before, pair.after):
        held = [node for name, node in side.template.resources.items() if name in names]
        nodes.append((side, [{"Condition": node.get("Condition")} for node in held]))
    worlds = pair.worlds_of(nodes)
    return _told(worlds, [_absent_in(pair, old, new, world) for world in worlds])


def in_conditions(pair: Pair) -> list[str]:
    """Conditions of AFTER that name something else than parameters, mappings and one another."""
    before, after = pair.before.template, pair.after.template
    if not is_whole(after):
        return []
    return [
        f"the condition {kind}: {name} is not defined"
        for kind, node in after.conditions.items()
        for name in dict.fromkeys(_undefined_in_condition(after, node))
        if name not in _undefined_in_condition(before, before.conditions.get(kind))
        and name not in before.parameters  # its removal tells it
    ]


def circles(judgement: Judgement) -> dict[str, list[str]]:
    """Resource of AFTER → the circle that it closes, by what it refers to newly."""
    pair = judgement.pair
    declared = pair.after.template.resources
    graph = {
        name: {*judgement.mentions[name], *depends_on(node)} & declared.keys()
        for name, node in declared.items()
    }
    found: dict[str, list[str]] = {}
    for members in dict.fromkeys(tuple(sorted(_circle(graph, name))) for name in graph):
        worlds = pair.worlds(*members)
        graphs = [[_live(side, members, world) for side in (pair.before, pair.after)] for world in worlds]
        for name in members:
            closed = [_closed(name, old, new) if name in new else None for old, new in graphs]
            found[name] = _told(worlds, closed)
    return found


def _told(worlds: Sequence[World], found: Sequence[set[str] | None]) -> list[str]:
    """Each reason of the worlds in which there is what has it; "may", and last, where only some have it."""
    there = [(world, reasons) for world, reasons in zip(worlds, found, strict=True) if reasons is not None]
    seen = [world for world, _ in there]
    told = []
    for reason in sorted({reason for _, reasons in there for reason in reasons}):
        having = {number for number, (_, reasons) in enumerate(there) if reason in reasons}
        depends = ", ".join(deciding(seen, having, sampled=False))
        told.append(f"may: {reason}, depends on {depends}" if depends else reason)
    return sorted(told, key=lambda reason: reason.startswith("may: "))


# ── Names ──


def is_whole(template: Template) -> bool:
    """Whether nothing but the template itself defines names."""
    sections = (section for section in template.body.values() if isinstance(section, dict))
    if any(key.startswith("Fn::") for section in (template.body, *sections) for key in section):
        return False
    types = {template.type_of(name) for name in template.resources}
    return {*template.transforms} <= {"AWS::LanguageExtensions"} and not any(
        type_name.endswith("::MODULE") for type_name in types
    )


def _undefined(template: Template, node: Node) -> list[str]:
    used = (
        ({*template.resources, *template.parameters}, [*_names(node), *depends_on(node or {})]),
        (template.conditions, _conditions(node)),
        (template.mappings, _arguments(node, "Fn::FindInMap")),
    )
    return [name for defined, names in used for name in names if name not in defined]


def _undefined_in_condition(template: Template, node: Node) -> list[str]:
    used = (
        (template.parameters, _names(node)),
        (template.conditions, _arguments(node, "Condition")),
        (template.mappings, _arguments(node, "Fn::FindInMap")),
    )
    return [name for defined, names in used for name in names if name not in defined]


def _names(node: Node) -> list[str]:
    return [one.name for one in mentioned(node) if not one.name.startswith("AWS::")]


def _conditions(node: Node) -> list[str]:
    own = node.get("Condition") if isinstance(node, dict) else None
    return [*([own] if isinstance(own, str) else []), *_arguments(node, "Fn::If")]


def _arguments(node: Node, function: str) -> Iterator[str]:
    """The names that a function is given first, wherever it stands; a default makes up for a mapping."""
    if isinstance(node, dict):
        match node.get(function):
            case str() as name:
                yield name
            case [str(name), _, _]:
                yield name
        node = list(node.values())
    for child in node if isinstance(node, list) else ():
        yield from _arguments(child, function)


# ── What a condition takes away ──


def _absent_in(pair: Pair, old: Node, new: Node, world: World) -> set[str] | None:
    """None where the declaration is not there itself."""
    if not pair.after.holds(new.get("Condition"), world):
        return None
    found = {reason for name, reason in _lacks(pair.after, new, world) if not pair.before.exists(name, world)}
    others = (old, *pair.before.template.resources.values()) if found else ()
    return found - {reason for node in others if node for _, reason in _lacks(pair.before, node, world)}


def _lacks(side: Side, node: Node, world: World) -> Iterator[tuple[str, str]]:
    if not side.holds(node.get("Condition"), world):
        return
    value = side.resolve(node, world)
    for reference in references(value):
        if reference.name in side.template.resources and not side.exists(reference.name, world):
            yield reference.name, f"{reference.name} is not there"
    for mapping, *keys in _lookups(value):
        yield "", f"the mapping {mapping} has nothing for {', '.join(keys)}"


def _lookups(value: Value) -> Iterator[list[str]]:
    """Mapping and keys of each lookup that finds nothing."""
    match value:
        case Call("Fn::FindInMap", [*names, dict() as rows]) if len(names) == 3:
            if all(row in (None, {}) for row in rows.values()):
                yield [written(name) for name in names]
        case Call() | Text():
            yield from _lookups([value.argument] if isinstance(value, Call) else list(value.parts))
        case dict() | list():
            for child in value.values() if isinstance(value, dict) else value:
                yield from _lookups(child)


# ── Circles ──


def _live(side: Side, members: Sequence[str], world: World) -> dict[str, set[str]]:
    """Which of them waits for which, where they are there."""
    there = {name: side.template.resources[name] for name in members if side.exists(name, world)}
    return {
        name: {*depends_on(node), *(one.name for one in references(side.resolve(node, world)))} & there.keys()
        for name, node in there.items()
    }


def _closed(name: str, old: dict[str, set[str]], new: dict[str, set[str]]) -> set[str]:
    circle = _circle(new, name)
    if not circle & (new[name] - old.get(name, set())):
        return set()
    return {f"Circular dependency between resources: [{', '.join(sorted(circle))}]"}


def _circle(graph: dict[str, set[str]], name: str) -> set[str]:
    """Whatever it waits for and that waits for it in turn; empty where it does not wait for itself."""
    waits_for = _waits_for(graph, name)
    return {other for other in waits_for if name in _waits_for(graph, other)} if name in waits_for else set()


def _waits_for(graph: dict[str, set[str]], name: str) -> set[str]:
    found: set[str] = set()
    waiting = [*graph[name]]
    while waiting:
        other = waiting.pop()
        if other not in found:
            found.add(other)
            waiting += graph[other]
    return found
