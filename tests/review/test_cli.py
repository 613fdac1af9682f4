"""The command: what it prints, what it ends with, and that nothing makes it show a traceback."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from fraud_cfn.config import COMMITTED, ROOT
from fraud_cfn.review import cli, schemas
from fraud_cfn.review.as_json import document
from fraud_cfn.review.changes import CLASSES
from fraud_cfn.review.cli import main
from fraud_cfn.review.model import TemplateError, parse
from fraud_cfn.review.report import as_markdown, as_text
from fraud_cfn.review.review import Review, review
from fraud_cfn.review.revisions import RevisionError, content_at, template_at
from fraud_cfn.review.schemas import SchemasError
from fraud_cfn.review.settings import settings
from fraud_cfn.template import environments
from tests.deploy.schema import REVIEW, misfits_of
from tests.limits import PATIENCE

BEFORE = """
Parameters:
  Env: {Type: String}
  Size: {Type: Number, MaxValue: 9}
  Key: {Type: String, NoEcho: true, MinLength: 8}
Resources:
  Queue: {Type: 'AWS::SQS::Queue', Properties: {QueueName: !Sub 'jobs-${Env}'}}
  Topic: {Type: 'AWS::SNS::Topic', Properties: {DisplayName: a}}
"""
AFTER = BEFORE.replace("jobs-", "work-").replace("DisplayName: a", "DisplayName: ä")


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    paths = [tmp_path / "before.yaml", tmp_path / "after.yaml"]
    for path, text in zip(paths, (BEFORE, AFTER), strict=True):
        path.write_text(text, encoding="utf-8")
    return [str(path) for path in paths]


def test_text_begins_with_the_verdict(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(files) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == ("Predicted: data is lost (1 data-loss, 1 harmless). The change set is the authority.")
    assert "DATA LOSS · Queue AWS::SQS::Queue is replaced" in lines[2]


def test_each_form_is_the_one_that_was_asked_for(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    reviewed = review(parse(BEFORE), parse(AFTER))
    answer = json.dumps(document(reviewed), indent=2, ensure_ascii=False) + "\n"
    for form, shown in (("text", as_text(reviewed)), ("markdown", as_markdown(reviewed)), ("json", answer)):
        assert main([*files, "--format", form]) == 0
        assert capsys.readouterr().out == shown


def test_on_a_terminal_lines_are_as_wide_as_it_is(
    files: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "70")
    assert main(files) == 0
    assert capsys.readouterr().out == as_text(review(parse(BEFORE), parse(AFTER)), width=70)


def test_help_names_what_can_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    for words in (
        "[BEFORE] [AFTER]",
        "--base REV default: origin/main, else main",
        "--param NAME=VALUE",
        f"--fail-on CLASS,… exit 1 where one occurs: {', '.join(CLASSES[1:])}",
    ):
        assert words in said


def test_json_is_of_the_documented_form(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*files, "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    whole = REVIEW["definitions"]["review"]
    assert list(misfits_of(answer, whole)) == []
    assert list(misfits_of({**answer, "environments": {"dev": answer}}, whole)) == []
    change = answer["changes"][0]
    for broken in (
        {"more": 1},
        {"verdict": "fine"},
        {"environments": {"dev": {}}},
        {"changes": [{**change, "class": "none"}]},
        {"changes": [{**change, "details": [{}]}]},
        {"roles": [{"role": "R", "permissions": "more"}]},
        {"reachability": [{}]},
    ):
        assert list(misfits_of({**answer, **broken}, whole)), broken
    for name in whole["required"]:
        assert list(misfits_of({key: answer[key] for key in answer if key != name}, whole)), name


@pytest.mark.parametrize(
    ("named", "code"),
    [("data-loss", 1), ("will-fail", 0), ("replacement,interruption", 0), ("harmless, will-fail,", 1)],
)
def test_it_fails_on_exactly_the_classes_named(files: list[str], named: str, code: int) -> None:
    assert main([*files, "--fail-on", named]) == code
    assert main([*files, "--fail-on", named, "--fail-on", "will-fail"]) == code


@pytest.mark.parametrize(
    ("more", "classes"),
    [
        ("", []),
        ("Outputs: {O: {Value: a}}", ["harmless"]),
        ("Parameters: {P: {Type: String}}", ["will-fail"]),
        ("Parameters: {P: {Type: String}}\nOutputs: {O: {Value: a}}", ["harmless", "will-fail"]),
    ],
)
def test_a_class_occurs_without_a_resource_too(more: str, classes: list[str], tmp_path: Path) -> None:
    template = "Resources: {Queue: {Type: 'AWS::SQS::Queue'}}\n"
    for name, text in (("before", template), ("after", template + more)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    files = [str(tmp_path / name) for name in ("before", "after")]
    failing = [name for name in CLASSES[1:] if main([*files, "--fail-on", name])]
    assert failing == classes


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--fail-on", "data-loss,terrible"], "--fail-on knows no class terrible"),
        (["--fail-on", "none"], "--fail-on knows no class none"),
        (["--fail-on", "terrible,bad"], "--fail-on knows no class bad, terrible:"),
        (["--fail-on", ""], "--fail-on names no class"),
        (["--fail-on", "data-loss", "--fail-on", ","], "--fail-on names no class"),
        (["--param", "Size=10"], "--param Size: no stack has '10': it must be at most 9"),
        (
            ["--param", "Key=abc"],
            "--param Key: no stack has the value given (NoEcho: not shown): it must have",
        ),
        (["--param", "Env=a", "--param", "Env=b"], "--param says Env twice"),
        (["--param", "Env"], "--param takes NAME=VALUE"),
        (["--param", "=a"], "--param takes NAME=VALUE"),
        (["--param", "Nope=1"], "--param names 'Nope'"),
        (["--base", "main"], "give BEFORE and AFTER"),
    ],
)
def test_what_was_said_wrong_is_one_line(
    files: list[str], arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*files, *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err
    assert printed.err.count("\n") == 1


def test_a_known_value_narrows_a_condition(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = """
Parameters: {Env: {Type: String}}
Conditions: {IsProd: !Equals [!Ref Env, prod]}
Resources: {Queue: {Type: 'AWS::SQS::Queue', Properties: {QueueName: !If [IsProd, a, x]}}}
"""
    for name, content in (("before", text), ("after", text.replace("[IsProd, a,", "[IsProd, b,"))):
        (tmp_path / name).write_text(content, encoding="utf-8")
    arguments = [str(tmp_path / "before"), str(tmp_path / "after"), "--format", "json"]
    answers = []
    for more in ([], ["--param", "Env=prod"], ["--param", "Env=dev"]):
        main([*arguments, *more])
        answers.append(json.loads(capsys.readouterr().out))
    assert [answer["verdict"] for answer in answers] == ["data-loss", "data-loss", "none"]
    assert [answer["changes"][0]["replacement"] for answer in answers[:2]] == ["maybe", "yes"]
    assert "depends on Env" in answers[0]["changes"][0]["details"][0]["because"]


def test_one_file_alone_and_one_that_is_no_template_are_one_line(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "odd").write_text("[", encoding="utf-8")
    for sides, said in (
        (files[:1], "give BEFORE and AFTER"),
        ([files[0], str(tmp_path / "odd")], "is no template"),
        ([files[0], str(tmp_path / "none")], "cannot be read"),
        ([files[0], ""], "'' cannot be read"),
        ([files[0], str(tmp_path / "\x1b[31m\nred")], "\\x1b[31m\\nred' cannot be read"),
        ([files[0], "/dev/zero"], "/dev/zero is larger than"),
    ):
        assert main(sides) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert said in printed.err
        assert printed.err.count("\n") == 1


def test_without_schemas_it_is_one_line(
    files: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> Path:
        raise SchemasError("the schemas are not installed: run 'make install'")

    schemas.schema.cache_clear()
    monkeypatch.setattr(schemas, "_folder", missing)
    assert main(files) == 2
    assert capsys.readouterr().err == "review: the schemas are not installed: run 'make install'\n"
    schemas.schema.cache_clear()


def test_a_parameter_of_one_side_may_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, parameter in (("before", "Old"), ("after", "New")):
        text = (
            f"Parameters: {{{parameter}: {{Type: String}}}}\nResources: {{Q: {{Type: 'AWS::SQS::Queue'}}}}\n"
        )
        (tmp_path / name).write_text(text, encoding="utf-8")
    files = [str(tmp_path / name) for name in ("before", "after")]
    assert main([*files, "--param", "Old=a", "--param", "New=b"]) == 0
    assert capsys.readouterr().out.startswith("Predicted: nothing changes.")


def test_what_aws_itself_knows_may_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    queue = "Resources: {{Queue: {{Type: 'AWS::SQS::Queue', Properties: {{QueueName: {}}}}}}}"
    for name, value in (("before", "jobs-eu-central-1"), ("after", "!Sub 'jobs-${AWS::Region}'")):
        (tmp_path / name).write_text(queue.format(value), encoding="utf-8")
    files = [str(tmp_path / name) for name in ("before", "after")]
    assert main([*files, "--param", "AWS::Region=eu-central-1"]) == 0
    assert capsys.readouterr().out.startswith("Predicted: nothing changes.")


# ── Revisions ──


def git(folder: Path, *arguments: str) -> str:
    known = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "PATH": os.environ["PATH"]}
    who = ["-c", "user.name=n", "-c", "user.email=e@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, check=True, capture_output=True, env=known, timeout=PATIENCE
    )
    return done.stdout.decode().strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose first commit has no template and whose second one has."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "first")
    git(folder, "tag", "first")
    (folder / "template.yaml").write_text(BEFORE, encoding="utf-8")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "second")
    return folder


def test_the_base_is_main_where_there_is_no_remote(repository: Path) -> None:
    name, template = template_at(None, repository / "template.yaml")
    assert (name, list(template.resources)) == ("main", ["Queue", "Topic"])


def test_a_file_that_is_missing_there_is_a_first_version(repository: Path) -> None:
    _, template = template_at("first", repository / "template.yaml")
    assert template.resources == {}


def test_a_revision_that_is_not_here_is_one_line(repository: Path) -> None:
    for name in ("nowhere", "--help", "main:template.yaml", "first..main", "", "a\nb"):
        with pytest.raises(RevisionError, match=re.escape(f"there is no revision {name!r}: ")):
            template_at(name, repository / "template.yaml")


def test_a_shallow_clone_without_the_base_says_what_to_do(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{repository}", "shallow")
    with pytest.raises(RevisionError, match="fetch-depth: 0"):
        template_at("first", tmp_path / "shallow" / "template.yaml")


def test_a_clone_that_belongs_to_somebody_else_says_what_to_do(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own tests set it
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("LANGUAGE", "de")
    with pytest.raises(RevisionError) as said:
        template_at(None, repository / "template.yaml")
    trust = f"git config --global --add safe.directory {repository}"
    assert str(said.value) == f"git trusts no folder that belongs to somebody else: run '{trust}'"


def test_a_hook_of_another_repository_is_no_obstacle(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "--quiet", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "other"))
    assert template_at(None, repository / "template.yaml")[0] == "main"


def test_no_repository_and_a_base_that_is_no_template_are_one_line(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(RevisionError, match="no git repository"):
        template_at(None, tmp_path / "template.yaml")
    (repository / "template.yaml").write_text("[", encoding="utf-8")
    git(repository, "commit", "--quiet", "--all", "--message", "broken")
    with pytest.raises(TemplateError, match=r"template.yaml at main is no template"):
        template_at(None, repository / "template.yaml")
    git(repository, "branch", "--move", "elsewhere")
    with pytest.raises(RevisionError, match="there is no revision origin/main nor main: run 'git fetch"):
        template_at(None, repository / "template.yaml")


@pytest.mark.parametrize(("lost", "said"), [("main^{tree}", "list main"), ("main:template.yaml", "show ")])
def test_what_a_clone_has_not_fetched_is_one_line(lost: str, said: str, repository: Path) -> None:
    """As a partial clone without a network: the commit is here, and not all that is in it."""
    name = git(repository, "rev-parse", lost)
    (repository / ".git" / "objects" / name[:2] / name[2:]).unlink()
    with pytest.raises(RevisionError, match=f"git cannot {said}"):
        template_at(None, repository / "template.yaml")


@pytest.mark.parametrize(("script", "said"), [("exit 3", "exit 3"), ("printf '\\377' >&2; exit 1", "\ufffd")])
def test_what_git_says_or_does_not_say_is_one_line(
    script: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "git").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RevisionError, match=re.escape(f"git cannot list main: {said}")):
        content_at("main", tmp_path / "template.yaml")


# ── Environment files: before as the base has them, after as they are ──

PRODUCTION = """
Parameters: {EnvironmentSuffix: {Type: String}, Size: {Type: String}, Word: {Type: String, NoEcho: true}}
Conditions: {IsBig: !Equals [!Ref Size, big]}
Resources: {Queue: {Type: 'AWS::SQS::Queue', Properties: {QueueName: !If [IsBig, a, b]}}}
"""


Judged = Callable[..., Review]


@pytest.fixture
def judged(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Judged:
    folder = repository / "environments"
    folder.mkdir()
    monkeypatch.setattr(environments, "FOLDER", folder)
    return lambda base, now, **sides: judged_in(folder, base, now, **sides)


def judged_in(
    folder: Path, base: str | None, now: str, before: str = PRODUCTION, after: str = PRODUCTION
) -> Review:
    """What an environment's file does with the templates; None: the base has no such file."""
    if base is not None:
        (folder / "prod.yaml").write_text(base, encoding="utf-8")
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "--message", "files")
    files = [environments.parse(now.encode(), "prod", "environments/prod.yaml")]
    known = settings(files, "main")["prod"]
    return review(parse(before), parse(after), known.values, known.given, known.tags)


def test_a_value_that_an_environment_file_changes_is_a_change(judged: Judged) -> None:
    found = judged("parameters:\n  Size: small\n", "parameters:\n  Size: big\n")
    assert found.verdict == "data-loss"
    assert [(c.replacement, c.details[0].before, c.details[0].after) for c in found.changes] == [
        ("yes", "b", "a")
    ]
    assert [(p.name, p.change, p.before, p.after) for p in found.parameters] == [
        ("Size", "value", "small", "big")
    ]


def test_a_value_that_a_file_no_longer_gives_is_kept(judged: Judged) -> None:
    assert judged("parameters:\n  Size: small\n", "tags: {}\n").verdict == "none"


def test_a_value_that_only_the_new_file_gives_may_change_something(judged: Judged) -> None:
    found = judged("tags: {}\n", "parameters:\n  Size: big\n")
    assert [(c.replacement, c.class_) for c in found.changes] == [("maybe", "data-loss")]
    assert "not known here" in found.parameters[0].note


def test_a_new_environment_file_says_what_the_stack_has(judged: Judged) -> None:
    assert judged(None, "parameters:\n  Size: big\n").verdict == "none"


def test_a_changed_tag_is_told(judged: Judged) -> None:
    found = judged("tags:\n  team: a\n  same: z\n  gone: x\n", "tags:\n  team: b\n  same: z\n  new: y\n")
    assert found.verdict == "harmless"
    assert list(misfits_of(document(found), REVIEW["definitions"]["review"])) == []
    assert document(found)["tags"] == [
        {"name": "team", "before": "a", "after": "b"},
        {"name": "new", "before": None, "after": "y"},
    ]
    shown = as_text(reviewed_alone(), {"prod": found})
    assert shown.startswith("Predicted: harmless · prod: harmless.")
    assert "tag team a → b, on everything" in shown


def reviewed_alone() -> Review:
    return review(parse(PRODUCTION), parse(PRODUCTION))


def test_what_only_an_environment_loses_stands_on_the_first_screen(judged: Judged) -> None:
    found = judged("parameters:\n  Size: small\n", "parameters:\n  Size: big\n  Word: hunter2x\n")
    lines = as_text(reviewed_alone(), {"prod": found}).splitlines()
    assert lines[0].startswith("Predicted: data is lost · prod: data-loss.")
    assert lines[2].startswith("  DATA LOSS · Queue AWS::SQS::Queue is replaced")
    assert lines[2].endswith("· in prod")
    assert "hunter2x" not in "".join(lines)


def test_a_file_that_no_command_could_read_there_says_nothing(judged: Judged) -> None:
    assert judged("[", "parameters:\n  Size: big\n").verdict == "none"


def test_a_removed_and_an_added_parameter_have_their_values_too(judged: Judged) -> None:
    queue = "Resources: {{Queue: {{Type: 'AWS::SQS::Queue', Properties: {{QueueName: !Ref {}}}}}}}"
    sides = {
        side: f"Parameters: {{{name}: {{Type: String}}}}\n{queue.format(name)}"
        for side, name in (("before", "Old"), ("after", "New"))
    }
    assert judged("parameters:\n  Old: a\n", "parameters:\n  New: a\n", **sides).verdict == "none"


def test_an_environment_has_the_suffix_that_its_file_is_named_by(judged: Judged) -> None:
    queue = "!If [IsBig, a, b]"
    conditions = "Conditions: {IsBig: !Equals [!Ref EnvironmentSuffix, prod]"
    before = PRODUCTION.replace("Conditions: {IsBig: !Equals [!Ref Size, big]", conditions)
    found = judged(None, "tags: {}\n", before=before, after=before.replace(queue, "!If [IsBig, c, b]"))
    assert [(c.replacement, c.details[0].before, c.details[0].after) for c in found.changes] == [
        ("yes", "a", "c")
    ]


@pytest.fixture
def two(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A change that loses data in prod alone, whose own file makes its queue another one."""
    folder = repository / "environments"
    folder.mkdir()
    (repository / "template.yaml").write_text(PRODUCTION, encoding="utf-8")
    (folder / "dev.yaml").write_text("parameters:\n  Size: small\n", encoding="utf-8")
    (folder / "prod.yaml").write_text("parameters:\n  Size: small\n", encoding="utf-8")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "two")
    (folder / "prod.yaml").write_text("parameters:\n  Size: big\n", encoding="utf-8")
    read_all = environments.read_all
    monkeypatch.setattr(environments, "FOLDER", folder)
    monkeypatch.setattr(environments, "read_all", lambda: read_all(folder))
    monkeypatch.setattr(cli, "COMMITTED", repository / "template.yaml")
    return repository


@pytest.mark.usefixtures("two")
def test_each_environment_is_reviewed_with_its_own_file(capsys: pytest.CaptureFixture[str]) -> None:
    def answered(*arguments: str) -> Any:
        main([*arguments, "--format", "json"])
        return json.loads(capsys.readouterr().out)

    answer = answered()
    assert list(misfits_of(answer, REVIEW["definitions"]["review"])) == []
    verdicts = {name: found["verdict"] for name, found in answer["environments"].items()}
    assert verdicts == {"dev": "none", "prod": "data-loss"}
    assert (answer["verdict"], answer["changes"]) == ("data-loss", [])
    # What is told by hand is so everywhere.
    verdicts = {
        value: answered("--param", f"Size={value}")["environments"]["prod"]["verdict"]
        for value in ("big", "small")
    }
    assert verdicts == {"big": "none", "small": "none"}
    for form, first in (
        ("text", "Predicted: data is lost · dev: none, prod: data-loss."),
        ("markdown", "**"),
    ):
        assert main(["--base", "main", "--format", form]) == 0
        assert capsys.readouterr().out.startswith(first)
    assert [main(["--fail-on", name]) for name in ("data-loss", "will-fail")] == [1, 0]


def test_what_no_environment_has_is_still_said(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There may be stacks without a file."""
    (two / "template.yaml").write_text(PRODUCTION.replace("[IsBig, a,", "[IsBig, c,"), encoding="utf-8")
    (two / "environments" / "prod.yaml").unlink()
    assert main([]) == 0
    assert capsys.readouterr().out.startswith("Predicted: perhaps data is lost (1 data-loss) · dev: none.")
    assert main(["--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "data-loss"
    (two / "environments" / "dev.yaml").unlink()
    assert main(["--format", "json"]) == 0
    assert "environments" not in json.loads(capsys.readouterr().out)
    assert main(["--base", "nowhere"]) == 2
    assert capsys.readouterr().err.startswith("review: there is no revision 'nowhere': ")


def test_a_file_that_a_deployment_would_refuse_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dev.yaml").write_text("parameters:\n  DatabaseReadr: false\n", encoding="utf-8")
    read_all = environments.read_all
    monkeypatch.setattr(environments, "read_all", lambda: read_all(tmp_path))
    assert main(["--base", "HEAD"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"review: {tmp_path.name}/dev.yaml:2: the template has no parameter")
    assert printed.err.count("\n") == 1


# ── Bad input ──


def calls_for(renamed: int) -> int:
    """How many calls of functions it takes to review so many queues under other logical ids."""
    tags = [{"Key": f"k{number}", "Value": "v"} for number in range(20)]
    before, after = (
        parse(
            json.dumps(
                {
                    "Resources": {
                        f"Q{number}{side}": {
                            "Type": "AWS::SQS::Queue",
                            "Properties": {"DelaySeconds": number, "Tags": tags},
                        }
                        for number in range(renamed)
                    }
                }
            )
        )
        for side in ("Old", "New")
    )
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        reviewed = review(before, after)
    finally:
        sys.setprofile(None)
    assert len(reviewed.changes) == 2 * renamed
    return calls


def test_twice_as_many_renamed_resources_take_about_twice_the_work() -> None:
    calls_for(1)  # what is read once in a process
    assert calls_for(80) < 3 * calls_for(40)


def test_nothing_malformed_ends_in_a_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Templates with lines lost, doubled, shifted or replaced: reviewed, or one line."""
    chance = random.Random(7)  # noqa: S311 - the same every time
    lines = COMMITTED.read_text(encoding="utf-8").splitlines()
    odd = ["{", "- !If [a]", "x: !Ref", "  Fn::If: [IsLive, 1]", "!Sub 5", "? :", "\t", "- - -", "Ref: [1]"]
    codes = set()
    for number in range(60):
        start = chance.randrange(0, len(lines) - 400)
        made = ["Resources:", *lines[start : start + 400]] if number % 3 else list(lines)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(made))
            made[at : at + chance.randrange(0, 3)] = [
                " " * chance.randrange(0, 14) + chance.choice([*odd, made[at].strip(), ""])
            ]
        path = tmp_path / "after.yaml"
        path.write_text("\n".join(made), encoding="utf-8")
        codes.add(main([str(COMMITTED), str(path), "--format", "markdown"]))
        printed = capsys.readouterr()
        assert printed.err.count("\n") <= 1
    assert codes == {0, 2}


@pytest.mark.parametrize(
    "resources",
    [
        "A: {Type: 'AWS::SQS::Queue', Properties: {QueueName: !If [x]}}",
        "A: {Type: 'AWS::SQS::Queue', Condition: [1], DependsOn: {a: 1}, DeletionPolicy: {Ref: P}}",
        "A: {Type: 'AWS::IAM::Role', Properties: {Policies: x, AssumeRolePolicyDocument: [{Statement: 5}]}}",
        "A: {Type: 'AWS::EC2::SecurityGroup', Properties: {SecurityGroupIngress: {a: [1]}}}",
        "A: {Type: 'AWS::ECS::TaskDefinition', Properties: {ContainerDefinitions: [[1], {Name: [x]}, null]}}",
        "A: {Type: 'AWS::S3::Bucket', Properties: {LifecycleConfiguration: {Rules: [{Id: {a: 1}}]}}}",
        "A: {Type: 'AWS::SNS::Topic', Properties: {Tags: {a: 1}}, Metadata: [x], UpdatePolicy: 5}",
        "A: {Type: 'AWS::SNS::Topic', Properties: !Ref P}",
        "A: {Type: 'AWS::SNS::Topic', Properties: {X: !Cidr [!Ref 'AWS::NoValue', 1]}}",
        "A: {Type: 'AWS::SNS::Topic', Properties: {X: !Select [0, !Cidr []]}}",
        "A: {Type: 'AWS::SNS::Topic', Properties: {X: !Select [0, !Cidr a], Y: !Select [0, !Cidr [a]]}}",
        "A: {Type: 'AWS::SNS::Topic', Properties: {Y: !Sub {Ref: x}}}\nParameters: {'Fn::Transform': []}",
        "A: {Type: 'AWS::SNS::Topic', Properties: {X: !FindInMap [a, b, c], Y: !GetAtt A, Z: !Select [x]}}",
    ],
)
def test_forms_that_aws_would_refuse_are_reviewed_all_the_same(resources: str, tmp_path: Path) -> None:
    (tmp_path / "odd").write_text(f"Resources:\n  {resources}\n", encoding="utf-8")
    (tmp_path / "plain").write_text(BEFORE, encoding="utf-8")
    for sides in (("odd", "plain"), ("plain", "odd"), ("odd", "odd")):
        assert main([str(tmp_path / side) for side in sides]) == 0


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = '"$0" -m fraud_cfn.review --base HEAD --format json | true'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable], cwd=ROOT, capture_output=True, check=False, timeout=PATIENCE
    )
    assert done.stderr == b""


def test_what_cannot_be_written_is_an_error(files: list[str]) -> None:
    command = '"$0" -m fraud_cfn.review "$1" "$2" > /dev/full'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable, *files],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 2
    assert done.stderr == "review: what was found cannot be written: no space left on device\n"


def test_the_command_imports_neither_the_sdk_nor_the_linter() -> None:
    code = (
        "import sys; from fraud_cfn.review.cli import main; main(sys.argv[1:]);"
        "slow = {'boto3', 'botocore', 'cfnlint', 'troposphere', 'rich'};"
        "print(sorted(slow & {*sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(COMMITTED), str(COMMITTED)],
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=PATIENCE,
    )
    assert done.stderr == "[]\n"
    assert done.stdout.startswith("Predicted: nothing changes.")
