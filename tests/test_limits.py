"""Nothing in the tests waits without a limit."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from fraud_cfn.config import ROOT
from tests import sources

SOURCES = {path.relative_to(ROOT).as_posix(): path for path in sorted((ROOT / "tests").rglob("*.py"))}
RUNS = {"subprocess.run", "subprocess.check_call", "subprocess.check_output"}


def endless(tree: ast.Module) -> Iterator[str]:
    """Processes that are waited for without a timeout, and loops that sleep without a deadline."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in RUNS:
            if "timeout" not in {keyword.arg for keyword in node.keywords}:
                yield f"line {node.lineno}: {ast.unparse(node.func)}"
        elif isinstance(node, ast.While):
            words = ast.unparse(node)
            if ("sleep(" in words or "readline(" in words) and "deadline" not in words:
                yield f"line {node.lineno}: while {ast.unparse(node.test)}"


@pytest.mark.parametrize("path", SOURCES)
def test_nothing_waits_without_a_limit(path: str) -> None:
    assert list(endless(sources.tree(SOURCES[path]))) == []


@pytest.mark.parametrize(
    "source",
    [
        "subprocess.run(command, check=True)",
        "while busy():\n    time.sleep(1)",
        "while not p.readline(): ...",
    ],
)
def test_what_waits_without_a_limit_is_seen(source: str) -> None:
    assert list(endless(ast.parse(source)))
