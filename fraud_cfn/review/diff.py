"""What differs between two resolved values, down to the leaf, as CloudFormation compares them.

Scalars compare as text (`80` and `'80'`), JSON within strings as JSON, items of a list by their natural
key where they have one, else by position unless the type's schema says that order means nothing.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from itertools import chain
from operator import eq

from fraud_cfn.review.resolve import Call, Reference, Text, Value, plain, references, scalar
from fraud_cfn.review.schemas import Path_, Schema

# What names an item among its siblings, the first that all of them have.
_KEYS = (
    "Sid",
    "Key",
    "Name",
    "Id",
    "PolicyName",
    "AttributeName",
    "IndexName",
    "DeviceName",
    "ContainerPath",
)
_ONE_OR_MANY = ("Action", "NotAction", "Resource", "NotResource")


class _Absent:
    pass


ABSENT = _Absent()


def at(value: Value, path: Path_) -> Value:
    """The value at a path of property names; ABSENT where there is none."""
    for step in path:
        if not isinstance(value, dict) or step not in value:
            return ABSENT
        value = value[step]
    return value


@dataclass(frozen=True)
class Difference:
    """One leaf that differs, or a whole value that only one side has.

    `path` reads `ContainerDefinitions[api].Cpu`; `steps` is the same for the schema: names, `*` for items.
    `before` or `after` is ABSENT where that side has nothing. `certain` is False where both could turn
    out equal, once the open values in them are known.
    """

    path: str
    steps: tuple[str, ...]
    before: Value
    after: Value
    certain: bool = True

    def leaves(self) -> Iterator[tuple[str, ...]]:
        """The schema paths of everything that it adds, removes or changes."""
        for value in (self.before, self.after):
            if value is not ABSENT:
                yield from _leaf_steps(value, self.steps)


@dataclass(frozen=True)
class Names:
    """What is known of the names that references use.

    `open`: parameters → the values they may have (None: anything); `one_sided`: resources that only one
    side has.
    """

    open: Mapping[str, list[str] | None] = field(default_factory=dict)
    one_sided: frozenset[str] = frozenset()

    def is_open(self, part: object) -> bool:
        """Whether that part of a text may have any value."""
        return isinstance(part, Reference) and (part.name in self.open or part.name.startswith("AWS::"))

    def excludes(self, part: object, text: object) -> bool:
        """Whether that part is a parameter which is never that text."""
        allowed = self.open.get(part.name) if isinstance(part, Reference) else None
        return allowed is not None and isinstance(text, str) and text not in allowed


@dataclass(frozen=True)
class _Place:
    """Where two values are compared."""

    names: Names
    path: str = ""
    steps: tuple[str, ...] = ()
    schema: Schema | None = None

    def property(self, name: str) -> _Place:
        return replace(self, path=f"{self.path}.{name}" if self.path else name, steps=(*self.steps, name))

    def item(self, name: object) -> _Place:
        return replace(self, path=f"{self.path}[{name}]", steps=(*self.steps, "*"))

    def differ(self, before: Value, after: Value, certain: bool = True) -> Difference:
        return Difference(self.path, self.steps, before, after, certain)


def differences(before: Value, after: Value, schema: Schema | None, names: Names) -> list[Difference]:
    """Every difference between two values of `Properties`, in the order of AFTER."""
    return list(_compare(before, after, _Place(names, schema=schema)))


def leaves(value: Value, schema: Schema | None = None) -> Iterator[tuple[str, tuple[str, ...], Value]]:
    """Path, schema path and value of every leaf, named as `differences` names them."""
    yield from _leaves(value, _Place(Names(), schema=schema))


def _leaves(value: Value, place: _Place) -> Iterator[tuple[str, tuple[str, ...], Value]]:
    if (tree := _parsed(value)) is not None:
        value = tree
    if isinstance(value, dict):
        for name, child in _statement(value, value).items():
            yield from _leaves(child, place.property(name))
    elif isinstance(value, list):
        key = _natural_key(value, value)
        for position, child in enumerate(value):
            name = _label(scalar(child[key])) if key and key in child else position
            yield from _leaves(child, place.item(name))
    else:
        yield place.path, place.steps, value


def is_same(before: Value, after: Value) -> bool:
    """Whether CloudFormation takes both as equal (the order of a list without keys counts)."""
    if isinstance(before, float) or isinstance(after, float):
        return scalar(before) == scalar(after) or str(before) == str(after)  # 8.0 is both '8.0' and 8
    return canonical(before) == canonical(after)


def canonical(value: Value) -> str:
    """Text that is the same for values CloudFormation takes as equal."""
    return json.dumps(_canonical(value), sort_keys=True)


def _canonical(value: Value) -> Value:
    if isinstance(value, dict):
        return {key: _canonical(child) for key, child in _statement(value).items()}
    if isinstance(value, list):
        return [_canonical(child) for child in value]
    value = _encoded(value)
    if isinstance(value, Text | Call):
        looked_up = [
            reference.looked_up for reference in references(value) if reference.looked_up is not None
        ]
        return {"": [plain(value), *looked_up]}
    return scalar(value)


def _encoded(value: Value) -> Value:
    """The text that `Fn::Base64` makes of one that is known; else the value as it is, which reads better."""
    match value:
        case Call("Fn::Base64", str() as text):
            return b64encode(text.encode()).decode()
    return value


def _compare(before: Value, after: Value, place: _Place) -> Iterator[Difference]:
    if before is ABSENT or after is ABSENT:
        if before is not after:
            yield place.differ(before, after)
        return
    before, after = as_trees(before, after)
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _compare_objects(_statement(before, after), _statement(after, before), place)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _compare_lists(before, after, place)
    elif not is_same(before, after):
        yield place.differ(before, after, _is_certain(before, after, place.names))


def _compare_objects(
    before: dict[str, Value], after: dict[str, Value], place: _Place
) -> Iterator[Difference]:
    for name in {**after, **before}:
        yield from _compare(before.get(name, ABSENT), after.get(name, ABSENT), place.property(name))


def _compare_lists(before: list[Value], after: list[Value], place: _Place) -> Iterator[Difference]:
    is_unordered = place.schema is not None and place.schema.is_unordered(place.steps)
    for name, old, new in paired(before, after, is_unordered):
        yield from _compare(old, new, place.item(name))


def paired(
    before: list[Value], after: list[Value], is_unordered: bool
) -> Iterator[tuple[str | int, Value, Value]]:
    """Items that stand for each other, each with the name that a path gives it; ABSENT where it has none."""
    key = _natural_key(before, after)
    if key:
        keyed_before, rest_before = _by_key(before, key)
        keyed_after, rest_after = _by_key(after, key)
        for name in {**keyed_after, **keyed_before}:
            yield _label(name), keyed_before.get(name, ABSENT), keyed_after.get(name, ABSENT)
    else:
        rest_before, rest_after = list(enumerate(before)), list(enumerate(after))
    if is_unordered:
        rest_before, rest_after = _without_common(rest_before, rest_after)
        pairs = _zipped(rest_before, rest_after)
    else:
        pairs = _aligned(rest_before, rest_after)
    for old, new in pairs:
        position = next(side[0] for side in (new, old) if side)
        yield position, old[1] if old else ABSENT, new[1] if new else ABSENT


_Numbered = tuple[int, Value]


def _natural_key(before: list[Value], after: list[Value]) -> str | None:
    """The property that names the items, on both sides, each name once; statements need not all have it."""
    items = [*before, *after]
    if not all(isinstance(item, dict) for item in items):
        return None
    for key in _KEYS:
        sides = [[item[key] for item in side if key in item] for side in (before, after)]
        enough = any(sides) if key == "Sid" else all(key in item for item in items)
        if enough and all(_are_names(names) for names in sides):
            return key
    return None


def _are_names(values: list[Value]) -> bool:
    named = all(isinstance(value, str | int | Text) and not isinstance(value, bool) for value in values)
    return named and len({scalar(value) for value in values}) == len(values)


def _by_key(items: list[Value], key: str) -> tuple[dict[str, Value], list[_Numbered]]:
    keyed = {scalar(item[key]): item for item in items if key in item}
    return keyed, [(position, item) for position, item in enumerate(items) if key not in item]


def _label(name: str) -> str:
    return name if len(name) <= 100 else f"{name[:99]}…"


def _without_common(
    before: list[_Numbered], after: list[_Numbered]
) -> tuple[list[_Numbered], list[_Numbered]]:
    """Both without the items that are equal, wherever they stand."""
    left: dict[str, list[_Numbered]] = {}
    for numbered in before:
        left.setdefault(canonical(numbered[1]), []).append(numbered)
    rest_after = []
    for numbered in after:
        same = left.get(canonical(numbered[1]))
        if same:
            same.pop(0)
        else:
            rest_after.append(numbered)
    return sorted((n for same in left.values() for n in same), key=lambda n: n[0]), rest_after


def _zipped(
    before: list[_Numbered], after: list[_Numbered]
) -> Iterator[tuple[_Numbered | None, _Numbered | None]]:
    for position in range(max(len(before), len(after))):
        yield (
            before[position] if position < len(before) else None,
            after[position] if position < len(after) else None,
        )


def _aligned(
    before: list[_Numbered], after: list[_Numbered]
) -> Iterator[tuple[_Numbered | None, _Numbered | None]]:
    """Items that stand for each other, so that one inserted in the middle is one difference; scalars stand
    by their position where that leaves as many alike."""
    if len(before) == len(after) == 1:
        return _zipped(before, after)
    old, new = ([canonical(item) for _, item in side] for side in (before, after))
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    moved = sum(max(b2 - b1, a2 - a1) for tag, b1, b2, a1, a2 in blocks if tag != "equal")
    are_scalars = not any(isinstance(item, dict | list) for _, item in (*before, *after))
    if are_scalars and max(len(old), len(new)) - sum(map(eq, old, new)) <= moved:
        return _zipped(before, after)
    return chain.from_iterable(_zipped(before[b1:b2], after[a1:a2]) for _, b1, b2, a1, a2 in blocks)


# ── JSON within strings, and policies ──


def as_trees(before: Value, after: Value) -> tuple[Value, Value]:
    """Both as JSON trees where at least one is JSON in a string and the other one can be compared with it."""
    one, another = (
        value if tree is None else tree for value, tree in ((side, _parsed(side)) for side in (before, after))
    )
    is_alike = any(isinstance(one, kind) and isinstance(another, kind) for kind in (dict, list))
    return (one, another) if is_alike else (before, after)


def _parsed(value: Value) -> Value:
    """The object or list that a string has as JSON, with its references; None where it is no JSON."""
    parts = value.parts if isinstance(value, Text) else (value,)
    if not (isinstance(parts[0], str) and parts[0].lstrip().startswith(("{", "["))):
        return None
    marks: dict[str, Reference | Call] = {}
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
        else:
            mark = f"\ue000{len(marks)}\ue001"
            marks[mark] = part
            text += mark
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return _unmarked(tree, marks)


def _unmarked(tree: Value, marks: dict[str, Reference | Call]) -> Value:
    if isinstance(tree, dict):
        return {key: _unmarked(child, marks) for key, child in tree.items()}
    if isinstance(tree, list):
        return [_unmarked(child, marks) for child in tree]
    if isinstance(tree, str) and "\ue000" in tree:
        parts: list[str | Reference | Call] = []
        for piece in tree.replace("\ue000", "\ue001\ue000").split("\ue001"):
            if piece.startswith("\ue000"):
                parts.append(marks[f"{piece}\ue001"])
            else:
                parts.append(piece)
        return Text(tuple(parts))
    return tree


def _statement(value: dict[str, Value], other: Value = None) -> dict[str, Value]:
    """A policy's statement with what may stand alone as a list of one, unless it does so on the other side
    too; anything else as it is."""
    beside = other if isinstance(other, dict) else {}
    statements = value.get("Statement")
    if isinstance(statements, dict):
        return {**value, "Statement": [statements]}
    if value.get("Effect") not in ("Allow", "Deny"):
        return value
    alone = {name: value[name] for name in _ONE_OR_MANY if name in value}
    whose = {name: value[name] for name in ("Principal", "NotPrincipal") if name in value}
    tests = value.get("Condition")
    made = {**value, **_listed(alone, beside)}
    made |= {name: _listed(who, beside.get(name)) for name, who in whose.items()}
    if isinstance(tests, dict):
        others = beside.get("Condition")
        made["Condition"] = {name: _listed(test, at(others, (name,))) for name, test in tests.items()}
    return made


def _listed(value: Value, other: Value) -> Value:
    """An object with each value as a list, unless it stands alone in the other one too."""
    if not isinstance(value, dict):
        return value
    beside = other if isinstance(other, dict) else {}
    return {
        name: one if isinstance(one, list) or not isinstance(beside.get(name, []), list) else [one]
        for name, one in value.items()
    }


# ── What is open ──

_Part = str | Reference | Call


def _is_certain(before: Value, after: Value, names: Names) -> bool:
    """Whether two values that are written differently are different, whatever the open ones are."""
    match before, after:
        case Call("Fn::Base64", old), Call("Fn::Base64", new):
            return _is_certain(old, new, names)
    if _are_distinct_items(before, after):
        return True
    before, after = _encoded(before), _encoded(after)
    old, new = _parts(before), _parts(after)
    if len(old) == len(new) == 1 and (names.excludes(old[0], new[0]) or names.excludes(new[0], old[0])):
        return True
    old, new = _without_common_ends(old, new)
    if any(isinstance(part, Call) or names.is_open(part) for part in (*old, *new)):
        return _differ_at_an_end(old, new) or (_is_mixed(old) and _is_mixed(new))
    refers_to = [[part for part in side if isinstance(part, Reference)] for side in (old, new)]
    if any(part.name in names.one_sided for side in refers_to for part in side):
        return True
    if not all(refers_to):
        return not any(refers_to)  # a resource's name may be the text that the other side has
    return {part.name for part in refers_to[0]} != {part.name for part in refers_to[1]} or all(
        part.attribute for side in refers_to for part in side
    )


def _are_distinct_items(before: Value, after: Value) -> bool:
    """Whether they are two items of a list in which no item stands twice: zones, or blocks of a network."""
    match before, after:
        case (
            Call("Fn::Select", [int(), Call("Fn::GetAZs" | "Fn::Cidr") as items]),
            Call("Fn::Select", [int(), others]),
        ):
            return items == others
    return False


def _differ_at_an_end(old: list[_Part], new: list[_Part]) -> bool:
    """Whether both begin, or both end, with a character: what they have in common is gone."""
    if not old or not new:
        return False
    ends = ((old[0], new[0]), (old[-1], new[-1]))
    return any(isinstance(one, str) and isinstance(another, str) for one, another in ends)


def _is_mixed(side: list[_Part]) -> bool:
    """Whether it has text of its own beside what is open: two of those are taken as different."""
    texts = sum(isinstance(part, str) for part in side)
    return 0 < texts < len(side)


def _parts(value: Value) -> list[_Part]:
    if isinstance(value, Text):
        return list(value.parts)
    return [value if isinstance(value, Call) else scalar(value)]


def _without_common_ends(old: list[_Part], new: list[_Part]) -> tuple[list[_Part], list[_Part]]:
    """Both without the text that they begin and end with in common."""
    one, another = (
        [piece for part in side for piece in (part if isinstance(part, str) else [part])]
        for side in (old, new)
    )
    first = 0
    while first < min(len(one), len(another)) and one[first] == another[first]:
        first += 1
    one, another = one[first:], another[first:]
    while one and another and one[-1] == another[-1]:
        one, another = one[:-1], another[:-1]
    return one, another


def _leaf_steps(value: Value, steps: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict) and value:
        for name, child in value.items():
            yield from _leaf_steps(child, (*steps, name))
    elif isinstance(value, list) and value:
        for child in value:
            yield from _leaf_steps(child, (*steps, "*"))
    else:
        yield steps
