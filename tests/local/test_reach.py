"""How far the endpoint reaches into its emulator, whose private names may change with any version."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

from fraud_cfn.config import ROOT

DOCUMENTATION = ROOT / "docs" / "local-endpoint.md"


def private_names(source: str) -> dict[str, set[str]]:
    """ministack's module → its private names that the source uses."""
    tree, modules = ast.parse(source), dict[str, str]()
    used: dict[str, set[str]] = defaultdict(set)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ministack"):
            for alias in node.names:
                modules[alias.asname or alias.name] = alias.name
                if alias.name.startswith("_"):
                    used[(node.module or "").rpartition(".")[2]].add(alias.name)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            continue
        if node.attr.startswith("_") and node.value.id in modules:
            used[modules[node.value.id]].add(node.attr)
    return used


def test_the_documentation_lists_every_private_name_of_the_emulator_that_is_used() -> None:
    used: dict[str, set[str]] = defaultdict(set)
    for file in (ROOT / "fraud_cfn" / "local").glob("*.py"):
        for module, names in private_names(file.read_text(encoding="utf-8")).items():
            used[module] |= names
    text = Path(DOCUMENTATION).read_text(encoding="utf-8").partition("## How far it reaches")[2]
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.M)
    assert {module: set(re.findall(r"`(\w+)`", names)) for module, names in rows} == used


def test_a_private_name_is_seen_however_it_is_reached() -> None:
    source = "from ministack.services import ecs\nfrom ministack.services.cfn import _stacks\necs._tasks.x\n"
    assert private_names(source) == {"ecs": {"_tasks"}, "cfn": {"_stacks"}}
