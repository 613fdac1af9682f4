"""A review in words: what a human must look at first, in at most 15 lines, then the rest, folded.

Text for the terminal and Markdown for a comment of a pull request, from the same lines.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fraud_cfn.review.as_json import document
from fraud_cfn.review.changes import CLASSES, worst
from fraud_cfn.review.resolve import written
from fraud_cfn.review.review import Review

FIRST_SCREEN = 15
# GitHub takes 65,536 characters in a comment.
MOST_CHARACTERS = 60_000
_LONGEST_VALUE = 160
_MOST_ACTIONS = 3
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_KIND = re.compile(r"[A-Z][A-Z ]+( off| on| wider| narrower| up| down| no more)?|harmless")
_AUTHORITY = "The change set is the authority."

_TITLES = {
    "will-fail": "the update will fail",
    "data-loss": "data is lost",
    "replacement": "resources are replaced",
    "interruption": "something is interrupted",
    "harmless": "harmless",
    "none": "nothing changes",
}
_TOLD = {
    "data-loss": "DATA LOSS",
    "will-fail": "WILL FAIL",
    "replacement": "REPLACED",
    "interruption": "INTERRUPTED",
}
_TOLD_AS_MAY = {
    "data-loss": "MAY LOSE DATA",
    "will-fail": "MAY FAIL",
    "replacement": "MAY BE REPLACED",
    "interruption": "MAY BE INTERRUPTED",
}
_ACTIONS = {"add": "added", "remove": "removed", "modify": "modified"}
_BAD = {"off", "wider", "up", "down"}
_WEIGHTS = {"Permissions": 1, "Reachability": 1, "Findings": 1, "Parameters": 2, "Outputs": 4}


@dataclass(frozen=True)
class Line:
    """A line of the first screen: what it is about, and whether that only may be so."""

    about: tuple[str, ...]
    text: str
    may: bool = False


@dataclass
class Block:
    """A heading with its lines; `weight`: the higher, the sooner it is cut."""

    title: str
    lines: list[str] = field(default_factory=list)
    weight: int = 0


def quoted(value: Any) -> str:
    """A value within a line, marked so that each form can quote it in its own way."""
    if value is None:
        return "nothing"
    text = _CONTROL.sub("", " ".join(written(value).split())).replace("«", "").replace("»", "")
    return f"«{text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + '…'}»"


# ── What is said ──


Each = Mapping[str, Review]  # environment → its review


def verdict_line(review: Review, environments: Each | None = None) -> str:
    """The one line: the worst that is predicted anywhere, and how many of each class."""
    verdicts = {name: found.verdict for name, found in (environments or {}).items()}
    counts = [
        f"{number} {name}"
        for name in reversed(CLASSES[1:])
        if (number := sum(change.class_ == name for change in review.changes))
    ]
    refused = {
        "output": sum(bool(entry.fails) for entry in review.outputs),
        "part": len(review.refused),
        "parameter": sum(bool(entry.fails) for entry in review.parameters),
    }
    for what, number in refused.items():
        if number:
            counts.insert(0, f"{number} {what}{'s' if number > 1 else ''} refused")
    told = f" ({', '.join(counts)})" if counts else ""
    each = "".join(
        f"{', ' if n else ' · '}{quoted(name)}: {v}" for n, (name, v) in enumerate(verdicts.items())
    )
    verdict = worst([review.verdict, *verdicts.values()])
    everywhere = (review, *(environments or {}).values())
    is_sure = verdict in ("none", "harmless") or any(_is_sure(found, verdict) for found in everywhere)
    perhaps = "" if is_sure else "perhaps "
    return f"Predicted: {perhaps}{_TITLES[verdict]}{told}{each}. {_AUTHORITY}"


def _is_sure(review: Review, verdict: str) -> bool:
    """Whether something of that class happens, whatever the open values are."""
    refused = [*(entry.fails for entry in (*review.parameters, *review.outputs)), *review.refused]
    fails = any(reason and not reason.startswith("may: ") for reason in refused)
    happens = any(change.class_ == verdict and not change.is_maybe for change in review.changes)
    return happens or (fails and verdict == "will-fail")


def first_screen(review: Review, environments: Each | None = None) -> list[str]:
    """At most 15 lines that a human must look at; every kind of trouble is among them."""
    groups = [lines for lines in _all_groups(review, environments or {}) if lines]
    # Each group has one line; what is left goes to the first groups.
    room = [1] * len(groups)
    left = FIRST_SCREEN - len(groups)
    for number, lines in enumerate(groups):
        more = min(len(lines) - 1, left)
        room[number] += more
        left -= more
    shown: list[str] = []
    for lines, most in zip(groups, room, strict=True):
        if len(lines) <= most:
            shown += lines
        else:
            shown += lines[: most - 1]
            shown.append(f"{lines[most - 1]} — and {len(lines) - most} more like it, below")
    return shown


def _all_groups(review: Review, environments: Each) -> list[list[str]]:
    """The lines of each kind, the certain ones first: those of the change itself; those of the environments
    instead where one has what else there only may be."""
    groups: list[list[str]] = []
    each = {quoted(name): list(_groups(found)) for name, found in environments.items()}
    for number, lines in enumerate(_groups(review)):
        known = {line.about: line for line in lines}
        there: dict[Line, list[str]] = {}
        for name, found in each.items():
            for line in found[number]:
                there.setdefault(line, []).append(name)
        surer = {line.about for line in there if not line.may and known.get(line.about, line).may}
        told = {line.text: line.may for line in lines if line.about not in surer}
        told |= {
            f"{line.text} · in {', '.join(names)}": line.may
            for line, names in there.items()
            if line.about in surer or line.about not in known
        }
        groups.append(sorted(told, key=lambda text: told[text]))
    return groups


def _groups(review: Review) -> Iterator[list[Line]]:
    answer = document(review)
    changes: list[dict[str, Any]] = answer["changes"]
    for name in ("data-loss", "will-fail", "replacement", "interruption"):
        lines = [
            Line((change["logical_id"],), _change_line(change), change["maybe"])
            for change in changes
            if change["class"] == name
        ]
        if name == "will-fail":
            lines += _refusals(answer)
        yield lines
    yield list(_role_lines(answer))
    for change, told in (("added", ("REACHABLE", "newly")), ("removed", ("UNREACHABLE", "no longer"))):
        yield [
            Line(
                (entry["from"], entry["to"], _port(entry)),
                f"{told[0]} · {quoted(entry['from'])} can {told[1]} connect to {quoted(entry['to'])}"
                f" on {quoted(_port(entry))}{_may(entry)}",
                entry["maybe"],
            )
            for entry in answer["reachability"]
            if entry["change"] == change and entry["effective"]
        ]
    yield [
        *(Line((line,), f"UNJUDGED · {line}") for line in answer["unjudged"]),
        *(
            Line((entry["name"],), f"UNJUDGED · parameter {quoted(entry['name'])} {entry['because']}")
            for entry in answer["parameters"]
            if str(entry["because"]).startswith("may be refused")
        ),
    ]
    for kind in ("internet", "encryption", "logging", "pattern", "cost"):
        yield [
            Line((entry["logical_id"], entry["path"]), _finding_line(entry, answer), entry["maybe"])
            for entry in answer["findings"]
            if entry["kind"] == kind and entry["direction"] in _BAD
        ]
    yield list(_lost_lines(answer))
    yield [
        Line((entry["name"],), f"EXPORTED · {_output_line(entry)}")
        for entry in answer["outputs"]
        if "refused" in str(entry["because"])
    ]


def _refusals(answer: Mapping[str, Any]) -> Iterator[Line]:
    """Updates that fail for something else than a resource."""
    for kind, entries in (("parameter", answer["parameters"]), ("output", answer["outputs"])):
        for entry in entries:
            if entry["class"]:
                may = entry["because"].startswith("may: ")
                told = (_TOLD_AS_MAY if may else _TOLD)["will-fail"]
                because = f"{':' if kind == 'output' else ''} {entry['because'].removeprefix('may: ')}"
                yield Line(
                    (f"{kind} {entry['name']}",), f"{told} · {kind} {quoted(entry['name'])}{because}", may
                )
    for reason in answer["refused"]:
        yield Line((reason,), f"{_TOLD['will-fail']} · {reason}")


def _port(entry: Mapping[str, str]) -> str:
    return "everything" if entry["protocol"] == "all" else f"{entry['protocol']} {entry['ports']}"


def _may(entry: Mapping[str, Any]) -> str:
    return f" (may: depends on {', '.join(entry['depends_on'])})" if entry.get("maybe") else ""


def _change_line(change: Mapping[str, Any]) -> str:
    told = _TOLD_AS_MAY if change["maybe"] else _TOLD
    what = f"{told.get(change['class'], change['class'])} · {quoted(change['logical_id'])}"
    what += "".join(f" {word}" for word in (change["type"], _happens(change)) if word)
    because = "; ".join(change["because"])
    if change["maybe"]:
        because = because.replace("may: ", "")
    details = [detail for detail in change["details"] if detail["replacement"] != "no"] or change["details"]
    if details:
        more = f" and {len(details) - 1} more" if len(details) > 1 else ""
        because = "; ".join(filter(None, [because, f"{_difference(details[0], because)}{more}"]))
    return f"{what}{': ' + because if because else ''}{_where(change)}"


def _happens(change: Mapping[str, Any]) -> str:
    if change["renamed_to"]:
        return f"is renamed to {quoted(change['renamed_to'])}"
    if change["renamed_from"]:
        return f"is renamed from {quoted(change['renamed_from'])}"
    if change["action"] != "modify":
        return f"is {_ACTIONS[change['action']]}"
    return {"yes": "is replaced", "maybe": "may be replaced", "no": "is modified"}[change["replacement"]]


def _where(change: Mapping[str, Any]) -> str:
    return f" · {change['defined_in']}" if change.get("defined_in") else ""


def _difference(detail: Mapping[str, Any], told: str = "") -> str:
    """Old → new, and why that does something, unless it is told already."""
    path = quoted(detail["path"].removeprefix("Properties."))
    because = detail["because"] if detail["because"] and detail["because"] not in told else ""
    values = f"{quoted(detail['before'])} → {quoted(detail['after'])}"
    follows = detail["before"] == detail["after"]
    return f"{path} {'follows' if follows else values}{f' ({because})' if because else ''}"


def _role_lines(answer: Mapping[str, Any]) -> Iterator[Line]:
    """Who may do more, or something else, than before: the widest first."""
    ways = {entry["role"]: entry["permissions"] for entry in answer["roles"]}
    ways |= {entry["logical_id"]: entry["permissions"] for entry in answer["policies"]}
    # What is renamed is told as such: its policies go with it.
    ways = {name: way for name, way in ways.items() if name not in _renamed(answer)}
    order = ("wider", "incomparable", "narrower", "same")
    for name, way in sorted(ways.items(), key=lambda item: order.index(item[1])):
        gained = [
            entry
            for entry in answer["permissions"]
            if (entry["role"] or entry["logical_id"]) == name
            and (entry["change"] == "added") == (entry["effect"] == "Allow")
            and entry["effective"]
        ]
        if way in ("wider", "incomparable") and gained:
            yield _permitted(name, f"PERMITTED · {quoted(name)} {way}", gained)


def _lost_lines(answer: Mapping[str, Any]) -> Iterator[Line]:
    """What a role that stays may no longer do: what runs with it may need it."""
    gone = {change["logical_id"] for change in answer["changes"] if change["action"] == "remove"}
    for role in dict.fromkeys(entry["role"] for entry in answer["roles"]):
        lost = [
            entry
            for entry in answer["permissions"]
            if entry["role"] == role
            and (entry["change"] == "removed") == (entry["effect"] == "Allow")
            and entry["effective"]
        ]
        if lost and role not in gone:
            yield _permitted(role, f"PERMITTED no more · {quoted(role)}", lost)


def _permitted(name: str, told: str, entries: Iterable[Mapping[str, Any]]) -> Line:
    """The first of those grants, the certain ones first, and how many more there are."""
    grants = _grants(sorted(entries, key=lambda entry: entry["maybe"]))
    first = grants[0]
    more = sum(map(len, grants)) - len(first)
    text = f"{told}: {_grant(first, in_short=True)}{f' and {more} more' if more else ''}{_may(first[0])}"
    return Line((name,), text, first[0]["maybe"])


def _grants(entries: Iterable[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Grants that differ in nothing but their actions, together."""
    alike: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        rest = {key: value for key, value in entry.items() if key != "action" or value is None}
        alike.setdefault(json.dumps(rest, sort_keys=True), []).append(entry)
    return list(alike.values())


def _renamed(answer: Mapping[str, Any]) -> set[str]:
    return {change["logical_id"] for change in answer["changes"] if change["renamed_to"]}


def _grant(alike: Sequence[Mapping[str, Any]], in_short: bool = False) -> str:
    """Grants that differ in their actions alone."""
    entry = alike[0]
    names = [str(entry["action"]) for entry in alike]
    services = {name.partition(":")[0] for name in names}
    if in_short and len(names) > _MOST_ACTIONS:
        actions = f"{len(names)} actions of {', '.join(map(quoted, sorted(services)))}"
    else:
        actions = ", ".join(map(quoted, names))
    if entry["action"] is None:
        what = f"every action of {quoted(entry['resource'])}"
    else:
        what = actions if entry["resource"] is None else f"{actions} on {quoted(entry['resource'])}"
    who = f" for {quoted(entry['principal'])}" if entry["principal"] else ""
    when = f" when {quoted(entry['condition'])}" if entry["condition"] else ""
    sign = "+" if entry["change"] == "added" else "−"
    deny = "deny " if entry["effect"] == "Deny" else ""
    return f"{sign} {deny}{what}{who}{when}"


def _finding_line(entry: Mapping[str, Any], answer: Mapping[str, Any]) -> str:
    path = entry["path"].removeprefix("Properties.")
    told = f"{entry['kind'].upper()} {entry['direction']} · {quoted(entry['logical_id'])} {quoted(path)}"
    differences = [
        *(
            (change["logical_id"], one["path"], one)
            for change in answer["changes"]
            for one in change["details"]
        ),
        *((one["name"], "AllowedPattern", one) for one in answer["parameters"] if one["change"] == "pattern"),
    ]
    for logical_id, place, one in differences:
        if (logical_id, place) == (entry["logical_id"], entry["path"]):
            return f"{told} {quoted(one['before'])} → {quoted(one['after'])}{_may(entry)}"
    return f"{told}{_may(entry)}"


# ── The rest ──


def blocks(review: Review, environments: Each | None = None) -> list[Block]:
    """Everything, the worst first: each with old → new, and the file that defines it."""
    answer = document(review)
    found = [
        *(_environment(name, found, answer) for name, found in (environments or {}).items()),
        *(Block(title, lines, _WEIGHTS[title]) for title, lines in _sections(answer).items()),
    ]
    for name in reversed(CLASSES[1:]):
        for change in answer["changes"]:
            if change["class"] == name:
                weight = 5 if name == "harmless" else 0
                found.append(
                    Block(
                        _change_line({**change, "details": []}),
                        list(map(_difference, change["details"])),
                        weight,
                    )
                )
    return sorted((b for b in found if b.lines or b.weight in (0, 5)), key=lambda block: block.weight)


def _sections(answer: Mapping[str, Any]) -> dict[str, list[str]]:
    """What stands beside the resources, in words."""
    return {
        "Permissions": [
            f"{_holder(alike[0])} {_grant(alike)}{_effect(alike[0])}"
            for alike in _grants(answer["permissions"])
        ],
        "Reachability": [_reach_line(entry) for entry in answer["reachability"]],
        "Findings": [_finding_line(entry, answer) for entry in answer["findings"]],
        "Parameters": [_parameter_line(entry) for entry in answer["parameters"]],
        "Outputs": [_output_line(entry) for entry in answer["outputs"]],
    }


def _environment(name: str, review: Review, general: Mapping[str, Any]) -> Block:
    """What an environment's own file changes, and what is so only there."""
    answer = document(review)
    known = _sections(general)
    classes = {
        change["logical_id"]: (change["class"], change["replacement"]) for change in general["changes"]
    }
    lines = [
        *(
            f"tag {quoted(tag['name'])} {quoted(tag['before'])} → {quoted(tag['after'])}, on everything"
            for tag in answer["tags"]
        ),
        *(
            _change_line(change)
            for change in answer["changes"]
            if classes.get(change["logical_id"]) != (change["class"], change["replacement"])
        ),
        *(line for title, told in _sections(answer).items() for line in told if line not in known[title]),
    ]
    return Block(f"In {quoted(name)}: {_TITLES[review.verdict]}", lines, 1)


def _holder(entry: Mapping[str, Any]) -> str:
    return quoted(entry["role"] or entry["logical_id"])


def _reach_line(entry: Mapping[str, Any]) -> str:
    sign = "+" if entry["change"] == "added" else "−"
    return f"{sign} {quoted(entry['from'])} → {quoted(entry['to'])} {_port(entry)}{_effect(entry)}"


def _effect(entry: Mapping[str, Any]) -> str:
    return f"{'' if entry['effective'] else ' (nobody gains or loses by it)'}{_may(entry)}"


def _parameter_line(entry: Mapping[str, Any]) -> str:
    values = ""
    if entry["before"] is not None or entry["after"] is not None:
        values = f" {quoted(entry['before'])} → {quoted(entry['after'])}"
    because = f" ({entry['because']})" if entry["because"] else ""
    return f"{quoted(entry['name'])} {entry['change']}{values}{because}"


def _output_line(entry: Mapping[str, Any]) -> str:
    because = f" ({entry['because']})" if entry["because"] else ""
    return f"{quoted(entry['name'])} {entry['change']}{because}"


# ── Forms ──


def as_text(review: Review, environments: Each | None = None, width: int = 0) -> str:
    """For the terminal: where it has a width, lines are broken at words, and go on under their text."""

    def plainly(line: str) -> str:
        return re.sub("[«»]", "", line)

    lines = [plainly(verdict_line(review, environments))]
    first = first_screen(review, environments)
    lines += ["", *(f"  {plainly(line)}" for line in first)] if first else []
    rest = blocks(review, environments)
    if rest:
        lines += ["", "── All of it ──"]
    for block in rest:
        lines.append(plainly(block.title))
        lines += [f"    {plainly(line)}" for line in block.lines]
    if width:
        lines = [_broken(line, width) for line in lines]
    return "\n".join(lines) + "\n"


def _broken(line: str, width: int) -> str:
    text = line.lstrip()
    indent = line[: len(line) - len(text)]
    return textwrap.fill(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def as_markdown(review: Review, environments: Each | None = None) -> str:
    """For a comment: under GitHub's limit; what is cut is told at the top."""
    head = f"**{_marked(verdict_line(review, environments))}**\n"
    first = "".join(f"- {_marked(line)}\n" for line in first_screen(review, environments))
    room = MOST_CHARACTERS - _size(head) - _size(first) - 500
    kept: list[str] = []
    cut: list[Block] = []
    for block in blocks(review, environments):
        text = _folded(block)
        if _size(text) <= room:
            kept.append(text)
            room -= _size(text)
            continue
        cut.append(block)
        kept.append(_fitting(block, room))
        room = 0
    notice = ""
    if cut:
        harmless = sum(block.weight == 5 for block in cut)
        others = len(cut) - harmless
        parts = [f"{harmless} of {_count(review, 'harmless')} harmless changes"] if harmless else []
        parts += [f"{others} other part{'s' if others > 1 else ''}"] if others else []
        notice = f"\n_Cut to fit a comment: {' and '.join(parts)} are not shown, or not whole._\n"
    folded = ""
    if any(kept):
        title = f"{'As much of it as fits' if cut else 'All of it'}: {len(review.changes)} resources"
        folded = f"\n<details><summary>{title}</summary>\n\n{''.join(kept)}\n</details>\n"
    return f"{head}{notice}\n{first}{folded}"


def _size(text: str) -> int:
    """Characters, but half its bytes at the least: the workflow hands a comment on as one argument, which
    may have 128 KiB."""
    return max(len(text), len(text.encode()) // 2)


def _count(review: Review, name: str) -> int:
    return sum(change.class_ == name for change in review.changes)


def _folded(block: Block) -> str:
    lines = "".join(f"  - {_marked(line)}\n" for line in block.lines)
    return f"- {_marked(block.title)}\n{lines}"


def _fitting(block: Block, room: int) -> str:
    """As many lines of a block as there is room for, and how many there are not."""
    title = f"- {_marked(block.title)}\n"
    left = room - _size(title) - 40
    lines: list[str] = []
    for line in block.lines:
        text = f"  - {_marked(line)}\n"
        if _size(text) > left:
            break
        lines.append(text)
        left -= _size(text)
    return f"{title}{''.join(lines)}  - and {len(block.lines) - len(lines)} more\n" if lines else ""


def _marked(line: str) -> str:
    """A line as Markdown: values as code, everything else harmless."""
    kind, dot, rest = line.partition(" · ")
    if dot and _KIND.fullmatch(kind):
        return f"**{kind}** · {_marked(rest)}"
    parts: list[str] = []
    for piece in re.split("(«[^»]*»)", line):
        if piece.startswith("«"):
            parts.append(_code(piece[1:-1]))
        else:
            parts.append(re.sub(r"([\\`*_\[\]<>|#@~+])", r"\\\1", _CONTROL.sub("", piece)))
    return "".join(parts)


def _code(text: str) -> str:
    """Text as a code span, whatever backticks are in it; a bar is escaped, as a table would split there."""
    ticks = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") or not text.strip() else ""
    return f"{ticks}{pad}{text or 'empty'}{pad}{ticks}"
