"""A change set as people, pull requests and machines read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fraud_cfn.deploy.change.changeset import Change, ChangeSet, Detail
from fraud_cfn.deploy.change.guards import Danger
from fraud_cfn.deploy.terminal.console import Line
from fraud_cfn.deploy.terminal.plain import code, one_line, wrapped

_MANY = 20  # more new resources than this are listed by type
_VALUE = 60  # characters of a value that are shown
_CONTEXT = 16  # characters shown of what two long values begin with alike
_UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
_REVISED = ("AWS::ECS::TaskDefinition",)  # made anew by design: the old revision stays


@dataclass(frozen=True)
class Row:
    """One resource of the preview."""

    verb: str  # one of _SIGNS; in capitals where data would be lost
    change: Change
    note: str


_SIGNS = {
    "REPLACE": ("±", "bold red"),
    "REPLACE?": ("±", "bold red"),
    "DELETE": ("-", "bold red"),
    "delete": ("-", "red"),
    "replace": ("±", "red"),
    "replace?": ("±", "yellow"),
    "import": ("»", "cyan"),
    "revise": ("±", "yellow"),
    "update": ("~", "yellow"),
    "create": ("+", "green"),
}
_ORDER = tuple(_SIGNS)


@dataclass(frozen=True)
class Preview:
    """Everything a reviewer decides on."""

    stack: str
    kind: str  # CREATE | UPDATE
    parameters: dict[str, tuple[str | None, str]]  # what changes: before (None: new), after
    rows: tuple[Row, ...]
    dangers: tuple[Danger, ...]
    notes: tuple[str, ...] = ()  # what the changes mean beyond what AWS says of them

    @property
    def summary(self) -> str:
        counts = Counter(row.verb for row in self.rows)
        return " · ".join(f"{counts[verb]} {verb}" for verb in _ORDER if counts[verb]) or "outputs only"


def preview(
    change_set: ChangeSet,
    before: Mapping[str, str] | None,
    dangers: tuple[Danger, ...],
    notes: Iterable[str] = (),
) -> Preview:
    """`before`: the stack's parameters, `None` for a new stack."""
    at_risk = {one.logical_id for one in dangers}
    rows = [_row(change, at_risk) for change in change_set.changes]
    return Preview(
        change_set.stack_name,
        "CREATE" if before is None else "UPDATE",
        {
            name: ((before or {}).get(name), value)
            for name, value in change_set.parameters.items()
            if before is None or before.get(name) != value
        },
        tuple(sorted(rows, key=lambda row: (_ORDER.index(row.verb), row.change.logical_id))),
        dangers,
        tuple(notes),
    )


def _row(change: Change, at_risk: set[str]) -> Row:
    loss = "DATA LOSS" if change.logical_id in at_risk else ""
    if change.action in ("Add", "Import"):
        return Row("create" if change.action == "Add" else "import", change, "")
    if change.action == "Remove":
        kept = "stays in the account" if change.policy == "Retain" else ""
        return Row("DELETE" if loss else "delete", change, loss or kept)
    if change.type in _REVISED and change.replaces:
        return Row("revise", change, "new revision")
    if change.replaces:
        verb = "replace" if change.replacement == "True" else "replace?"
        return Row(verb.upper() if loss else verb, change, loss or _because(change))
    return Row("update", change, _because(change))


def _because(change: Change) -> str:
    causes = sorted({one.cause.split(".")[0] for one in change.details if one.cause})
    if causes and len(causes) <= 3:
        return f"via {', '.join(causes)}"
    return "tags only" if change.scope == ("Tags",) else ""


# ── Text ──────────────────────────────────────────────────────────────────────────────────────────


def text(shown: Preview, width: int = 10_000) -> list[Line]:
    """Lines with their style; what is wider than `width` goes on below, nothing is cut off."""
    lines: list[Line] = [("", ""), ("bold", f"Plan   {shown.kind} {shown.stack}")]
    lines += _parameter_lines(shown)
    lines.append(("", ""))
    new = [row for row in shown.rows if row.verb == "create"]
    listed = [row for row in shown.rows if row.verb != "create" or len(new) <= _MANY]
    ids = max((len(row.change.logical_id) for row in listed), default=0)
    types = max((len(row.change.type) for row in listed), default=0)
    for row in listed:
        lines += _row_lines(row, ids, types, width)
        lines += _detail_lines(row)
    if len(new) > _MANY:
        lines += _by_type(new)
    lines += [("yellow", f" ! {one_line(note)}") for note in shown.notes]
    lines += [("", ""), ("bold", shown.summary)]
    return [(style, part) for style, line in lines for part in wrapped(line, width, _indent(line))]


def _row_lines(row: Row, ids: int, types: int, width: int) -> list[Line]:
    """One line in columns or, where that is too wide, the verdict before the type and the type below."""
    sign, style = _SIGNS[row.verb]
    begin = f" {sign} {row.verb:<8} {row.change.logical_id}"
    line = f" {sign} {row.verb:<8} {row.change.logical_id:<{ids}}  {row.change.type:<{types}}  {row.note}"
    if len(line.rstrip()) <= width:
        return [(style, line.rstrip())]
    return [(style, f"{begin}  {row.note}".rstrip()), ("dim", f"     {row.change.type}")]


def _indent(line: str) -> int:
    """Where a line goes on below itself."""
    return len(line) - len(line.lstrip()) + 4


def _parameter_lines(shown: Preview) -> list[Line]:
    if shown.kind == "CREATE":
        lines = [f"{name} {one_line(after)}" for name, (_, after) in shown.parameters.items() if after]
    else:
        lines = [
            f"{name} {_quoted(before)} → {_quoted(after)}"
            if before is not None
            else f"{name} {_quoted(after)} (new)"
            for name, (before, after) in shown.parameters.items()
        ]
    return [("", f"{'Params' if not number else '':<6} {line}") for number, line in enumerate(lines)]


def _quoted(value: str) -> str:
    return one_line(value) or "''"


def _detail_lines(row: Row) -> list[Line]:
    if row.verb.lower() in ("create", "delete", "import"):
        return []
    lines: list[Line] = []
    for one in row.change.details:
        risk = {"Always": "always recreates", "Conditionally": "may recreate"}.get(one.recreates, "")
        risk = "" if row.verb == "revise" else risk
        value = _values(one)
        if value or (risk and not row.note.startswith("via")):
            lines.append(("dim", f"     {one.property} {value}  {risk}".rstrip()))
    return lines


def _values(detail: Detail) -> str:
    """`"before" → "after"`; empty where nothing is known beforehand."""
    before, after = detail.before, detail.after
    if (before is None and after is None) or (after or "").strip('"') == _UNKNOWN:
        return ""
    shared = 0
    if before and after and max(len(before), len(after)) > _VALUE:
        shared = max(_alike(before, after) - _CONTEXT, 0)
    return f"{_value(before, shared)} → {_value(after, shared)}"


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    return next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _value(value: str | None, skip: int) -> str:
    """The value without its first `skip` characters, and not too long."""
    if value is None:
        return "(none)"
    left = one_line(value[skip:])
    short = left if len(left) <= _VALUE else f"{left[: _VALUE - 1]}…"
    return f'"{"…" if skip else ""}{short}"'


def _by_type(new: list[Row]) -> list[Line]:
    """A whole platform at once: by type, with the ids."""
    groups: dict[str, list[str]] = {}
    for row in new:
        groups.setdefault(row.change.type, []).append(row.change.logical_id)
    types = max(map(len, groups))
    sign, style = _SIGNS["create"]
    return [
        (style, f" {sign} create {len(ids):>3} {kind:<{types}}  {', '.join(ids)}")
        for kind, ids in sorted(groups.items())
    ]


# ── Markdown, JSON ────────────────────────────────────────────────────────────────────────────────


def markdown(shown: Preview) -> str:
    """For a pull request's comment; values stand there letter by letter."""
    lines = [f"### {shown.kind} `{shown.stack}`: {shown.summary}", ""]
    if shown.kind == "UPDATE" and shown.parameters:
        lines += ["| parameter | before | after |", "|---|---|---|"]
        lines += [f"| {name} | {code(b or '')} | {code(a)} |" for name, (b, a) in shown.parameters.items()]
        lines.append("")
    if shown.rows:
        lines += ["| | resource | type | why |", "|---|---|---|---|"]
    for row in shown.rows:
        values = [code(f"{one.property} {_values(one)}") for one in row.change.details if _values(one)]
        why = "; ".join(filter(None, [row.note, *(values if row.verb != "create" else [])]))
        verb = f"**{row.verb}**" if row.verb.isupper() else row.verb
        lines.append(f"| {verb} | {row.change.logical_id} | {row.change.type} | {why} |")
    lines += [line for note in shown.notes for line in ("", f"**Note:** {code(note)}")]
    return "\n".join(lines)


def data(shown: Preview) -> dict[str, Any]:
    """For machines."""
    return {
        "kind": shown.kind,
        "parameters": {name: {"before": b, "after": a} for name, (b, a) in shown.parameters.items()},
        "changes": [{"verb": row.verb, "note": row.note, **asdict(row.change)} for row in shown.rows],
        "needs": [one.option for one in shown.dangers],
        "notes": list(shown.notes),
    }
