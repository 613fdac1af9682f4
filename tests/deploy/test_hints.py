"""Every hint is spelled so that it works as it is typed: `make VERB ENV=…`, with options in ARGS."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator

import pytest

from fraud_cfn.config import ROOT
from fraud_cfn.deploy import make
from fraud_cfn.deploy.cli import _parser
from fraud_cfn.deploy.stack import stacks
from fraud_cfn.deploy.terminal import plain, typed
from tests import sources
from tests.deploy.conftest import Teller
from tests.deploy.fake_aws import Aws
from tests.deploy.played import the
from tests.deploy.test_processes import VERBS

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = {*re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE), *VERBS}
OF_AN_ENVIRONMENT = {*VERBS, "push-local", "integration", "{}"}
TREES = {
    path.relative_to(ROOT).as_posix(): sources.tree(path)
    for folder in ("deploy", "local", "template")
    for path in sorted((ROOT / "fraud_cfn" / folder).rglob("*.py"))
}


def texts(tree: ast.Module) -> Iterator[str]:
    """Every text but docstrings; `{}` stands for what an f-string puts in."""
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped.update(id(part) for part in node.values)
            yield written(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.value


def written(node: ast.expr, value: str = "{}") -> str:
    """A text in the source, with `value` for what it puts in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(written(part, value) for part in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else value


def wrong(text: str) -> list[str]:
    """The hints in a text that cannot be typed as they stand."""
    hints = re.finditer(r"\bmake (?P<target>[a-z]+(?:-[a-z]+)*|\{\})(?P<rest>[^'\n]*)", text)
    bad = [
        match[0]
        for match in hints
        if (match["target"] in OF_AN_ENVIRONMENT) != match["rest"].startswith(" ENV=")
    ]
    bad += [target for target in re.findall(r"'make ([a-z-]+)", text) if target not in TARGETS]
    return bad + re.findall(r"\bfraud-cfn [a-z]+.*|python3? -m fraud.*", text)


@pytest.mark.parametrize("path", TREES)
def test_hints_in_our_texts_work_as_they_are_typed(path: str) -> None:
    own_name = {"fraud-cfn works in a checkout only: the reviewed template is there, and not beside {}"}
    said = {text for text in texts(TREES[path]) if not text.startswith("python -m ")} - own_name
    assert [hint for text in said for hint in wrong(text) if not hint.startswith("make {}{}")] == []


def test_a_hint_that_does_not_work_is_seen() -> None:
    for text in (
        "run make deploy",
        "make destory ENV=dev",
        "fraud-cfn deploy dev",
        "python -m fraud_cfn.deploy x",
    ):
        assert wrong(text), text


def hints() -> Iterator[tuple[str, str]]:
    """(verb, options) of every call of `stacks.command` that names its verb."""
    for tree in TREES.values():
        for node in ast.walk(tree):
            if (
                not isinstance(node, ast.Call)
                or getattr(node.func, "attr", getattr(node.func, "id", "")) != "command"
            ):
                continue
            verb, *more = node.args
            options = [*more[1:], *(keyword.value for keyword in node.keywords)]
            if isinstance(verb, ast.Constant):
                filled = (
                    written(options[0], "x" if isinstance(options[0], ast.JoinedStr) else "")
                    if options
                    else ""
                )
                yield str(verb.value), filled


@pytest.mark.parametrize(("verb", "options"), sorted(set(hints())))
def test_the_command_takes_what_a_hint_says(verb: str, options: str) -> None:
    head, *words = shlex.split(stacks.command(verb, "dev", options))
    variables = dict(word.split("=", 1) for word in words[1:])
    assert (head, words[0]) == ("make", verb)
    line = make.arguments(verb, {"FRAUD_TYPED": " ".join(variables), **variables})
    _parser().parse_args(line)


@pytest.mark.parametrize("verb", VERBS)
def test_the_examples_of_help_are_command_lines(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _parser().parse_args([verb, "--help"])
    examples = re.findall(r"^  make (.*)", capsys.readouterr().out, re.MULTILINE)
    assert examples
    for example in examples:
        target, *words = shlex.split(example)
        variables = dict(word.split("=", 1) for word in words)
        _parser().parse_args(make.arguments(target, {"FRAUD_TYPED": " ".join(variables), **variables}))


def test_a_hint_asks_the_endpoint_that_was_asked(aws: Aws, tell: Teller) -> None:
    for option in ("--endpoint-url {}", "--endpoint-url={}"):
        asked = option.format(aws.url)
        told = tell(f"status dev {asked}")
        words = the(told.text.replace("PORT", aws.url.rpartition(":")[2]), "deploy")
        assert words == ["deploy", "dev", *asked.split()]
    assert the(tell("status dev").text, "deploy") == ["deploy", "dev"]


def test_what_is_followed_is_followed_where_it_is() -> None:
    typed.remember(["cancel", "dev", "--endpoint-url", "http://127.0.0.1:1"])
    assert typed.following("dev") == "make plan ENV=dev ARGS='--endpoint-url http://127.0.0.1:1'"
    typed.remember(["deploy", "dev", "--param", "Note=secret", "--endpoint-url=http://127.0.0.1:1"])
    assert typed.following("dev") == "make deploy ENV=dev ARGS=--endpoint-url=http://127.0.0.1:1"
    typed.remember([])


def test_a_hint_asks_the_account_that_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """`AWS_PROFILE=prod make …` is not there the next time."""
    monkeypatch.setenv("AWS_PROFILE", "prod eu")
    typed.remember(["deploy", "dev", "--detach"])
    for hint in (stacks.command("deploy", "dev", "--detach"), typed.again(), typed.following("dev")):
        assert hint == "make deploy ENV=dev AWS_PROFILE='prod eu' ARGS=--detach"
        assert the(f"next:  {hint}; or not", "deploy") == ["deploy", "dev", "--detach"]
        assert plain.wrapped(f"next:  {hint}", 40, 7) == [f"next:  {hint}"], "a command stays whole"
    typed.remember([])


def test_a_destroy_that_is_gone_on_with_spares_what_it_was_told_to() -> None:
    for words in (["--retain", "DataBucket", "--yes"], ["--yes", "--retain=DataBucket"]):
        typed.remember(["destroy", "dev", *words, "--unprotect", "--timeout", "5"])
        line = the(f"next:  go on: {stacks.destroying('dev')}", "destroy")
        assert sorted(_split(line)) == sorted(["destroy", "dev", "--retain", "DataBucket", "--unprotect"])
    typed.remember(["destroy", "dev"])
    assert stacks.destroying("dev", "--unprotect") == "make destroy ENV=dev ARGS=--unprotect"
    typed.remember([])


def _split(words: list[str]) -> list[str]:
    return [part for word in words for part in word.split("=")]
