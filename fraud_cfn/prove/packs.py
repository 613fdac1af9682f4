"""Rules that others wrote and reproduced on AWS, read from their wheels without what those depend on.

* AWS's own Control Tower proactive controls, as CloudFormation Guard files:
  `cdklabs-cdk-validator-cfnguard` (Apache License 2.0)
* constraints that fail a deployment though the schemas pass, as Rego: `cdk-preflight` (Apache License 2.0)

Both wheels carry their rules in an archive for Node.js; only text is read from it.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

GUARD_WHEEL = "cdklabs-cdk-validator-cfnguard"
PREFLIGHT_WHEEL = "cdk-preflight"

_TITLE = re.compile(r"\[(CT\.[A-Z0-9-]+\.PR\.\d+)\]: *(.+)")
_RULE = re.compile(r"^rule (\w+) when is_cfn_template", re.MULTILINE)
# Up to the next heading: what a rule evaluates beside it is no resource that it can find fault with.
_REPORTS_ON = re.compile(r"^# Reports on:.*?^#+ *[A-Z][\w ]+: *$", re.MULTILINE | re.DOTALL)
_TYPE = re.compile(r"AWS::\w+::\w+")


class PackError(Exception):
    """A pack of rules that is not installed or does not look as expected, and what to do."""


@dataclass(frozen=True)
class Control:
    """One Control Tower proactive control."""

    id: str  # CT.ECS.PR.3
    title: str
    types: frozenset[str]  # the resource types it reports on
    rule: str  # the name of its Guard rule
    guard: str

    @property
    def sees(self) -> frozenset[str]:
        """The resource types that its text names."""
        return frozenset(_TYPE.findall(self.guard))


@dataclass(frozen=True)
class DeployRule:
    """One constraint that a deployment would meet."""

    id: str  # pf-…
    types: frozenset[str]
    rego: str


@cache
def controls() -> tuple[Control, ...]:
    """Every Control Tower proactive control, by id. `PackError` where the wheel is missing."""
    found = [
        _control(name, text)
        for name, text in _members(GUARD_WHEEL)
        if "/control-tower/" in name and name.endswith(".guard")
    ]
    return tuple(sorted(found, key=lambda control: _numbered(control.id)))


def _control(name: str, text: str) -> Control:
    title, rule = _TITLE.search(text), _RULE.search(text)
    head = _REPORTS_ON.search(text)
    types = frozenset(_TYPE.findall(head[0] if head else ""))
    if not title or not rule or not types:
        raise PackError(f"{GUARD_WHEEL}: {name} has no title, no rule or no resource types: look at it")
    return Control(title[1], title[2].strip(), types, rule[1], text)


def _numbered(control: str) -> tuple[str, int]:
    family, number = control.rsplit(".", 1)
    return family, int(number)


@cache
def deploy_rules() -> tuple[tuple[DeployRule, ...], tuple[str, ...]]:
    """Every deploy-time rule, and the libraries in Rego that they stand on. `PackError` as `controls`."""
    for name, text in _members(PREFLIGHT_WHEEL):
        if name.endswith("lib/rules.generated.js"):
            rules = [
                DeployRule(rule["id"], frozenset(rule["resourceTypes"]), rule["rego"])
                for rule in _array(text, "RULES")
            ]
            return tuple(rules), tuple(library["rego"] for library in _array(text, "LIBS"))
    raise PackError(f"{PREFLIGHT_WHEEL} has no lib/rules.generated.js: look at it")


def _array(script: str, name: str) -> list[dict[str, Any]]:
    opening = re.search(rf"exports\.BUNDLED_{name} = (?=\[)", script)
    if not opening:
        raise PackError(f"{PREFLIGHT_WHEEL} has no BUNDLED_{name}: look at it")
    return json.JSONDecoder().raw_decode(script, opening.end())[0]


def _members(wheel: str) -> Iterator[tuple[str, str]]:
    """Text files of the archive in a wheel: name, content."""
    try:
        files = distribution(wheel).files or []
    except PackageNotFoundError as error:
        raise PackError(f"{wheel} is not installed: run 'make install'") from error
    archives = [Path(str(file.locate())) for file in files if file.name.endswith(".tgz")]
    if len(archives) != 1:
        raise PackError(f"{wheel} has {len(archives)} archives instead of one: look at it")
    with tarfile.open(archives[0]) as archive:
        for member in archive:
            if (
                member.isfile()
                and "/node_modules/" not in member.name
                and member.name.endswith((".guard", ".generated.js"))
            ) and (content := archive.extractfile(member)):
                yield member.name, content.read().decode("utf-8")
