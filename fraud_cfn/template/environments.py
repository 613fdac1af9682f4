"""Reads `environments/<suffix>.yaml`, an environment's own parameter values and tags.

    python -m fraud_cfn.template.environments

Deployment, plan and review read these files here and nowhere else. Every value is text, exactly as it is
written: `1.10`, `0123456`, `yes` and `2026-01-31` stay what they are. The command checks every file against
the committed template, offline. Exit codes: 0 all fit · 1 problems, a line each · 2 there is no template.
"""

from __future__ import annotations

import argparse
import codecs
import os
import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import yaml

from fraud_cfn import streams
from fraud_cfn.config import ROOT, SUFFIX_FORM, SUFFIX_MOST, SUFFIX_PARAMETER
from fraud_cfn.template import combinations, constraints
from fraud_cfn.template.constraints import Declared
from fraud_cfn.template.document import DocumentError
from fraud_cfn.template.document import read as read_template

FOLDER = ROOT / "environments"
PARTS = ("parameters", "tags")
_FORM = "an environment file holds 'parameters:' and 'tags:', each with lines NAME: VALUE"
_MOST_BYTES = 1_000_000
_MOST_DEPTH = 10
# Source: CloudFormation API Reference, "Tag", and CreateChangeSet's `Tags`.
TAG_KEY_MOST, TAG_VALUE_MOST, TAGS_MOST = 128, 256, 50
_NULLS = ("", "~", "null", "Null", "NULL")
_TEXT_TAG = "tag:yaml.org,2002:str"


class Problem(NamedTuple):
    """Something wrong in a file: one line, with what to do."""

    file: str
    line: int
    what: str
    advice: str

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"

    def __str__(self) -> str:
        return f"{self.place}: {self.what}: {self.advice}"


class EnvironmentFileError(Exception):
    """An environment file that cannot be used; `problems` has at least one."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Setting:
    """A value as text, the line it stands in, and whether it was written as a list (`[a, b]` is `a,b`)."""

    value: str
    line: int
    listed: bool = False


@dataclass(frozen=True)
class Environment:
    """What a file says; nothing where there is no file."""

    suffix: str
    file: str  # as shown: environments/dev.yaml
    parameters: Mapping[str, Setting] = field(default_factory=dict[str, Setting])
    tags: Mapping[str, Setting] = field(default_factory=dict[str, Setting])

    @property
    def values(self) -> dict[str, str]:
        """Parameter values by name."""
        return {name: setting.value for name, setting in self.parameters.items()}


def read(suffix: str, folder: Path = FOLDER) -> Environment:
    """The environment's file, or none of it; `EnvironmentFileError` where it cannot be used, or where a
    file of nearly that name stands beside or instead of it."""
    name = f"{suffix}.yaml"
    names = _names(folder)
    for other in names:
        if other != name and suffix_of(other) is None and _bare(other) == _bare(name):
            raise EnvironmentFileError([_misnamed(folder, other, name)])
    if name not in names:
        return Environment(suffix, f"{folder.name}/{name}")
    return _read(folder / name, suffix)


def read_all(folder: Path = FOLDER) -> list[Environment]:
    """Every environment's file; `EnvironmentFileError` has what is wrong with any of them."""
    environments, wrong = _read_all(folder)
    if wrong:
        raise EnvironmentFileError(wrong)
    return environments


def check_all(declared: Declared, folder: Path = FOLDER) -> list[Problem]:
    """What is wrong with any file, its name or its values, file by file."""
    environments, wrong = _read_all(folder)
    for environment in environments:
        wrong += problems(environment, declared)
    return sorted(wrong)


def parse(content: bytes, suffix: str, file: str) -> Environment:
    """What those bytes say as the file of that environment; `file` names it in errors."""
    document = _document(content, file)
    if document is None:  # comments only
        return Environment(suffix, file)
    problems: list[Problem] = []
    parts: dict[str, dict[str, Setting]] = {part: {} for part in PARTS}
    for key, line, node in _pairs(document, file, "it", problems):
        if key not in parts:
            problems.append(Problem(file, line, f"{key!r} has no place here", _near_part(key)))
        elif not _is_null(node):
            for name, place, value in _pairs(node, file, f"'{key}:'", problems):
                try:
                    parts[key][name] = _setting(value, place)
                except ValueError as error:
                    what, advice = error.args
                    problems.append(Problem(file, place, f"{name} {what}", advice))
    own = parts["parameters"].get(SUFFIX_PARAMETER)
    if own and own.value != suffix:
        what = f"{SUFFIX_PARAMETER} is {suffix}, as the file's name says; it cannot be {own.value!r} too"
        problems.append(Problem(file, own.line, what, "leave it out"))
    problems += _tag_problems(parts["tags"], file)
    if problems:
        raise EnvironmentFileError(problems)
    return Environment(suffix, file, **parts)


def problems(environment: Environment, declared: Declared) -> list[Problem]:
    """What does not fit the template's parameters: unknown names, wrong forms, values it refuses, values that
    do not go together with each other or with the defaults."""
    wrong: list[Problem] = []
    for name, setting in environment.parameters.items():
        declaration = declared.get(name)
        if declaration is None:
            what, advice = constraints.unknown(name, declared)
        elif setting.listed and not constraints.is_list(declaration):
            what, advice = f"{name} takes one value, and this is a list", constraints.advice(declaration)
        elif misfit := constraints.misfit(declaration, setting.value):
            value = constraints.shown(declaration, setting.value)
            what, advice = f"{name} cannot be {value}: {misfit}", constraints.advice(declaration)
        else:
            continue
        wrong.append(Problem(environment.file, setting.line, what, advice))
    defaults = {name: constraints.text(declaration.get("Default")) for name, declaration in declared.items()}
    for conflict in combinations.conflicts(defaults | environment.values):
        lines = [
            setting.line for name, setting in environment.parameters.items() if name in conflict.parameters
        ]
        if lines:
            wrong.append(Problem(environment.file, min(lines), conflict.what, conflict.advice))
    return wrong


def tag_misfit(key: str, value: str) -> str:
    """Why AWS refuses the tag; empty if it does not."""
    if not 1 <= len(key) <= TAG_KEY_MOST:
        return f"a tag's name has 1 to {TAG_KEY_MOST} characters"
    if key.casefold().startswith("aws:"):
        return "names that begin with aws: are AWS's own"
    if not 1 <= len(value) <= TAG_VALUE_MOST:
        return f"a tag's value has 1 to {TAG_VALUE_MOST} characters"
    if odd := sorted({character for character in key + value if not _tags_have(character)}):
        return f"tags have letters, digits, spaces and + - = . _ : / @, and no {' '.join(map(repr, odd))}"
    return ""


def _tags_have(character: str) -> bool:
    """Source: AWS General Reference, "Tag naming limits and requirements"; the services' own pattern is
    `[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*`."""
    return character in "_.:/=+-@" or unicodedata.category(character)[0] in "LNZ"


# ── Names of files ────────────────────────────────────────────────────────────────────────────────


def _names(folder: Path) -> list[str]:
    """What is in the folder, as it is spelt there: on some systems `Dev.yaml` opens as `dev.yaml`."""
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return _no_folder(folder)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        problem = Problem(folder.name, 1, f"cannot be read ({reason})", "it is the folder of <suffix>.yaml")
        raise EnvironmentFileError([problem]) from error


def _no_folder(folder: Path) -> list[str]:
    """None, unless the folder is there under nearly that name with such files in it."""
    parent = folder.parent
    for name in sorted(os.listdir(parent)) if parent.is_dir() else ():
        near = name.casefold() in ("environment", "environments", "env", "envs") and name != folder.name
        if near and any(_bare(file) != file for file in _files(parent / name)):
            what = f"this folder of environment files is not read, only '{folder.name}' is"
            raise EnvironmentFileError([Problem(name, 1, what, f"rename it to {folder.name}")])
    return []


def _files(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def suffix_of(name: str) -> str | None:
    """The environment whose file has that name."""
    suffix = name.removesuffix(".yaml")
    fits = suffix != name and len(suffix) <= SUFFIX_MOST and re.fullmatch(SUFFIX_FORM, suffix)
    return suffix if fits else None


def _is_note(name: str) -> bool:
    """A hidden file, an editor's copy, a text about the folder, a schema."""
    return name.startswith(".") or name.endswith(("~", ".md", ".schema.json", "schema.json"))


def _misnamed(folder: Path, name: str, wanted: str = "") -> Problem:
    place = f"{folder.name}/{name}"
    if not wanted:
        if (folder / name).is_dir():
            return Problem(place, 1, "a folder within it is not read", "files lie side by side")
        guess = f"{re.sub(r'[^a-z0-9]+', '-', _stem(name)).strip('-')}.yaml"
        rule = f"1 to {SUFFIX_MOST} lower-case letters and digits, single hyphens between them, then .yaml"
        wanted = guess if "." not in _stem(name) and suffix_of(guess) else rule
    return Problem(place, 1, "no environment has a file of this name", f"rename it to {wanted}")


def _stem(name: str) -> str:
    """In small letters and without the extensions that are easily mistaken for each other."""
    return re.sub(r"(\.(ya?ml|json|txt))+$", "", name.casefold().strip())


def _bare(name: str) -> str:
    return re.sub(r"[\W_]", "", _stem(name))


# ── Contents of a file ────────────────────────────────────────────────────────────────────────────


def _read_all(folder: Path) -> tuple[list[Environment], list[Problem]]:
    environments: list[Environment] = []
    wrong: list[Problem] = []
    try:
        names = _names(folder)
    except EnvironmentFileError as error:
        return [], list(error.problems)
    for name in names:
        suffix = suffix_of(name)
        try:
            if suffix:
                environments.append(_read(folder / name, suffix))
            elif not _is_note(name):
                wrong.append(_misnamed(folder, name))
        except EnvironmentFileError as error:
            wrong += error.problems
    return environments, wrong


def _read(path: Path, suffix: str) -> Environment:
    file = f"{path.parent.name}/{path.name}"
    if not (path.is_file() or path.is_dir()) and path.exists():
        raise _failure(file, 1, "it is no file, but a pipe or a device", "make it a readable file")
    try:
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise _failure(file, 1, f"it cannot be read ({reason})", "make it a readable file") from error
    return parse(content, suffix, file)


def _failure(file: str, line: int, what: str, advice: str) -> EnvironmentFileError:
    return EnvironmentFileError([Problem(file, line, what, advice)])


class _Loader(yaml.BaseLoader):
    """Every scalar is text, as it is written. Anchors are refused: values are few, and read by people."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            self._refuse(event, "anchors (&) and aliases (*) are not read", "write each value out")
        if self._depth > _MOST_DEPTH:
            self._refuse(event, "nested too deep", "a value is text, or a list of texts")
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def _refuse(self, event: yaml.Event, what: str, advice: str) -> None:
        raise yaml.MarkedYAMLError(problem=what, problem_mark=event.start_mark, note=advice)


def _document(content: bytes, file: str) -> yaml.Node | None:
    text = _decoded(content, file)
    if not text.strip():
        raise _failure(file, 1, "it is empty", f"fill it or delete it; {_FORM}")
    try:
        # A subclass of PyYAML's base loader: builds plain data only.
        return yaml.compose(text, Loader=_Loader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        what = f"a character that YAML does not allow (U+{error.character:04X})"
        raise _failure(file, line, what, "save it as plain text, in UTF-8") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        what, advice = _said(error)
        raise _failure(file, line, what, advice) from error


def _decoded(content: bytes, file: str) -> str:
    if len(content) > _MOST_BYTES:
        raise _failure(file, 1, f"it is over {_MOST_BYTES:,} bytes", _FORM)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _failure(file, 1, "it is UTF-16", "save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _failure(file, line, "not UTF-8", "save it as UTF-8") from error


def _said(error: yaml.MarkedYAMLError) -> tuple[str, str]:
    """What PyYAML found, in words, and what to do."""
    problem = error.problem or "not YAML"
    if error.note:  # ours
        return problem, error.note
    if "\\t" in problem or "\t" in problem:
        return "a tab stands where YAML wants spaces", "indent with spaces"
    if "another document" in problem or "single document" in str(error):
        return "a second document begins here ('---')", "one file is one environment: keep one document"
    return f"not YAML ({problem})", f"correct it; {_FORM}"


def _pairs(
    node: yaml.Node, file: str, what: str, problems: list[Problem]
) -> Iterator[tuple[str, int, yaml.Node]]:
    """Key, line and value of a mapping's entries; what is wrong with them goes to `problems`."""
    if not isinstance(node, yaml.MappingNode):
        form = "a list" if isinstance(node, yaml.SequenceNode) else "text"
        problems.append(Problem(file, _line(node), f"{what} holds {form}, not lines NAME: VALUE", _FORM))
        return
    first: dict[str, int] = {}
    for key, value in node.value:
        line = _line(key)
        if not isinstance(key, yaml.ScalarNode) or not key.value:
            problems.append(Problem(file, line, "a name that is not text", _FORM))
        elif key.value == "<<" and key.style is None:
            problems.append(Problem(file, line, "merge keys (<<) are not read", "write each value out"))
        elif key.value in first:
            again = f"{key.value} was said in line {first[key.value]} already"
            problems.append(Problem(file, line, again, "keep one of them"))
        else:
            first[key.value] = line
            yield key.value, line, value


def _setting(node: yaml.Node, line: int) -> Setting:
    """A value; `ValueError(what, advice)` where it is neither text nor a list of texts."""
    if not isinstance(node, yaml.SequenceNode):
        return Setting(_text(node), line)
    items = [_text(item) for item in node.value]
    if any("," in item for item in items):
        raise ValueError("has a comma within an item of its list", "CloudFormation parts lists at commas")
    return Setting(",".join(items), line, listed=True)


def _text(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise ValueError("is neither text nor a list of texts", "write NAME: VALUE")
    if node.tag != _TEXT_TAG:
        raise ValueError(f"has a tag ({node.tag}), and tags are not read", "write the value itself")
    if _is_null(node):
        raise ValueError("has no value", "write '' for an empty one, or leave the line out")
    return node.value


def _is_null(node: yaml.Node) -> bool:
    """`~`, `null` or nothing at all, without quotes."""
    return isinstance(node, yaml.ScalarNode) and node.style is None and node.value in _NULLS


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1


def _near_part(key: str) -> str:
    close = constraints.nearest(key, PARTS)
    return f"did you mean '{close}:'?" if close else f"put it under 'parameters:' or 'tags:'; {_FORM}"


def _tag_problems(tags: Mapping[str, Setting], file: str) -> list[Problem]:
    wrong = [
        Problem(file, setting.line, f"the tag {key} cannot be: {misfit}", "change it")
        for key, setting in tags.items()
        if (misfit := "its value is a list" if setting.listed else tag_misfit(key, setting.value))
    ]
    if len(tags) > TAGS_MOST:
        line = list(tags.values())[TAGS_MOST].line
        wrong.append(
            Problem(file, line, f"a stack takes {TAGS_MOST} tags, these are {len(tags)}", "drop some")
        )
    return wrong


# ── The command ───────────────────────────────────────────────────────────────────────────────────


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m fraud_cfn.template.environments",
        description="Check environments/*.yaml against the committed template, offline.",
    )
    parser.parse_args(arguments)
    try:
        declared = read_template().template.get("Parameters", {})
    except DocumentError as error:
        print(f"environments: {error}", file=sys.stderr)
        return 2
    wrong = check_all(declared)
    for problem in wrong:
        print(problem)
    if wrong:
        print(f"{len(wrong)} to correct in {FOLDER.name}/", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    streams.survive()
    raise SystemExit(main())
