"""Environment files: text as it is written, and one line with its place for whatever is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fraud_cfn.config import ROOT
from fraud_cfn.template import constraints, environments
from fraud_cfn.template.constraints import Declared
from fraud_cfn.template.document import Document
from fraud_cfn.template.environments import Environment, EnvironmentFileError
from tests.limits import PATIENCE

DECLARED: Declared = {
    "EnvironmentSuffix": {"Type": "String"},
    "Tag": {"Type": "String", "AllowedPattern": "^[a-z0-9.]+$", "MaxLength": 12},
    "Count": {"Type": "Number", "MinValue": 1, "MaxValue": "20"},
    "Choice": {"Type": "String", "AllowedValues": ["true", False, 3]},
    "Zones": {"Type": "CommaDelimitedList", "AllowedPattern": "[a-c]"},
    "Ports": {"Type": "List<Number>", "MaxValue": 100},
    "Password": {"Type": "String", "NoEcho": True, "MinLength": "8", "Default": "changeme"},
    "Note": {"Type": "String"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "environments"
    path.mkdir()
    return path


def parse(content: str | bytes) -> Environment:
    return environments.parse(
        content.encode() if isinstance(content, str) else content, "dev", "environments/dev.yaml"
    )


def refused(content: str | bytes) -> str:
    """The one line that is said of the file, without its name."""
    with pytest.raises(EnvironmentFileError) as caught:
        parse(content)
    assert len(caught.value.problems) == 1, caught.value
    line = str(caught.value)
    assert "\n" not in line
    return line.removeprefix("environments/dev.yaml:")


def problems(content: str) -> list[str]:
    return [str(problem) for problem in environments.problems(parse(content), DECLARED)]


# ── Values ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "written",
    [
        *("1.10", "0123456", "00123", "083", "1e3", "1_000", "0x1F", "0b11", "12:30:45", "190:20:30", ".5"),
        *("yes", "no", "on", "off", "Yes", "true", "TRUE", "y", "n", ".inf", ".nan", "+1", "-0", "1."),
        *("2026-01-31", "2026-01-31T10:00:00Z", "=", "v1@2", "arn:aws:x", "a b", "Überprüfung", "詐欺"),
    ],
)
def test_a_value_is_text_as_it_is_written(written: str) -> None:
    environment = parse(f"parameters:\n  Note: {written}\ntags:\n  note: {written}")
    assert environment.values == {"Note": written}
    assert environment.tags["note"].value == written


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("'~'", "~"),
        ('"null"', "null"),
        ("''", ""),
        ("'1.10 '", "1.10 "),
        ('"a\\tb"', "a\tb"),
        ("1.10  # the tenth", "1.10"),
        ("v1#2", "v1#2"),
        ("!!str 1.10", "1.10"),
        ("|-\n    one\n    two", "one\ntwo"),
        ("[1.10, yes]", "1.10,yes"),
        ("[]", ""),
    ],
)
def test_quotes_blocks_and_lists_are_yaml_as_anywhere(written: str, value: str) -> None:
    assert parse(f"parameters:\n  Note: {written}").values == {"Note": value}


def test_a_name_is_text_too() -> None:
    assert set(parse("tags: {1.10: a, yes: b, 0123: c}").tags) == {"1.10", "yes", "0123"}


@pytest.mark.parametrize(
    "content", ["# nothing yet\n", "parameters:\n", "parameters: {}\ntags:\n", "---\ntags: {}\n...\n"]
)
def test_a_file_may_say_nothing(content: str) -> None:
    environment = parse(content)
    assert (environment.values, environment.tags) == ({}, {})


@pytest.mark.parametrize("content", ["\ufeffparameters:\r\n  Note: x\r\n", "parameters:\r  Note: x\r"])
def test_a_byte_order_mark_and_any_line_ending_are_no_part_of_it(content: str) -> None:
    assert parse(content).values == {"Note": "x"}


def test_a_setting_knows_its_line() -> None:
    environment = parse("# head\n\nparameters:\n  Note: x\n\n  # why\n  Tag: |-\n    a\n  Count: 1\n")
    assert [setting.line for setting in environment.parameters.values()] == [4, 7, 9]


# ── Files that are refused ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "1: it is empty: fill it or delete it"),
        (" \n\n", "1: it is empty"),
        ("parameters:\n  Note:\n", "2: Note has no value: write '' for an empty one"),
        ("parameters:\n  Note: ~\n", "2: Note has no value"),
        ("parameters:\n  Note: Null\n", "2: Note has no value"),
        ("parameters:\n  Note: {a: b}\n", "2: Note is neither text nor a list of texts"),
        ("parameters:\n  Note: [[a]]\n", "2: Note is neither text nor a list of texts"),
        ("parameters:\n  Note: ['a,b']\n", "2: Note has a comma within an item of its list"),
        ("parameters:\n  Note: !Ref X\n", "2: Note has a tag (!Ref), and tags are not read"),
        ("parameters:\n  Note: !!int 7\n", "2: Note has a tag (tag:yaml.org,2002:int)"),
        ("parameters:\n  Note: a\n  Tag: x\n  Note: b\n", "4: Note was said in line 2 already: keep one"),
        ("tags: {}\ntags: {}\n", "2: tags was said in line 1 already"),
        ("parameters:\n  Note: &n x\n", "2: anchors (&) and aliases (*) are not read: write each value out"),
        ("parameters:\n  Note: *n\n", "2: anchors (&) and aliases (*) are not read"),
        ("parameters:\n  <<: {Note: x}\n", "2: merge keys (<<) are not read"),
        ("parameters:\n  [a]: x\n", "2: a name that is not text"),
        ("parameters:\n  '': x\n", "2: a name that is not text"),
        ("parameters:\n\tNote: x\n", "2: a tab stands where YAML wants spaces: indent with spaces"),
        ("parameters:\n  Note:\tx\n", "2: a tab stands where YAML wants spaces"),
        ("parameters:\n  Note: x\n---\ntags: {}\n", "3: a second document begins here"),
        ("parameters:\n  Note x\n", "2: 'parameters:' holds text, not lines NAME: VALUE"),
        ("parameters:\n  - Note: x\n", "2: 'parameters:' holds a list, not lines NAME: VALUE"),
        ("parameters: 1\n", "1: 'parameters:' holds text"),
        ("- a\n", "1: it holds a list"),
        ("Note=x\n", "1: it holds text"),
        ("{", "1: not YAML ("),
        ("parameters:\n  Note: 'x\n", "3: not YAML (found unexpected end of stream)"),
        ("parameters:\n  Note: x\n    Tag: y\n", "3: not YAML (mapping values are not allowed here)"),
        ("parameters:\n  Note: \x07\n", "2: a character that YAML does not allow (U+0007)"),
        ("parameters:\n  Note: x\n<<<<<<< HEAD\n", "4: not YAML ("),
        (b"parameters:\n  Note: \xfcber\n", "2: not UTF-8: save it as UTF-8"),
        ("parameters: {}".encode("utf-16"), "1: it is UTF-16: save it as UTF-8"),
        (b"#" * 1_000_001, "1: it is over 1,000,000 bytes"),
        ("[" * 5000, "1: nested too deep"),
        ("a: " + "{a: " * 5000, "1: nested too deep"),
        ("Parameters:\n  Note: x\n", "1: 'Parameters' has no place here: did you mean 'parameters:'?"),
        ("parameter:\n  Note: x\n", "1: 'parameter' has no place here: did you mean 'parameters:'?"),
        ("params:\n  Note: x\n", "1: 'params' has no place here: did you mean 'parameters:'?"),
        ("tag:\n  a: b\n", "1: 'tag' has no place here: did you mean 'tags:'?"),
        ("ApiImageTag: v1\n", "1: 'ApiImageTag' has no place here: put it under 'parameters:'"),
        ("parameters:\n  EnvironmentSuffix: qa\n", "2: EnvironmentSuffix is dev, as the file's name says"),
        ("tags:\n  AWS:x: y\n", "2: the tag AWS:x cannot be: names that begin with aws:"),
        ("tags:\n  x: ''\n", "2: the tag x cannot be: a tag's value has 1 to 256"),
        ("tags:\n  x: [a]\n", "2: the tag x cannot be: its value is a list"),
        (f"tags:\n  {'k' * 129}: y\n", "2: the tag kkk"),
        ("tags:\n" + "".join(f"  k{n}: v\n" for n in range(51)), "52: a stack takes 50 tags, these are 51"),
    ],
)
def test_what_is_no_environment_file_is_one_line_with_its_place(content: str | bytes, says: str) -> None:
    assert refused(content).startswith(says)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(EnvironmentFileError) as caught:
        parse("parameter: {}\nparameters:\n  Note: ~\ntags:\n  aws:x: y\n")
    assert [problem.line for problem in caught.value.problems] == [1, 3, 5]


def test_a_folder_an_unreadable_file_and_a_dead_link_are_told(folder: Path) -> None:
    (folder / "dev.yaml").mkdir()
    (folder / "qa.yaml").symlink_to("nowhere")
    for suffix, reason in (("dev", "is a directory"), ("qa", "no such file or directory")):
        with pytest.raises(
            EnvironmentFileError, match=f"^environments/{suffix}.yaml:1: it cannot be read .{reason}"
        ):
            environments.read(suffix, folder)


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "dev.yaml")
    with pytest.raises(EnvironmentFileError, match="it is no file, but a pipe or a device"):
        environments.read("dev", folder)


# ── Names of files ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "name",
    [
        "dev.yml",
        "Dev.yaml",
        "dev.YAML",
        "dev.YML",
        "dev.json",
        "dev",
        "dev.yaml.yaml",
        "dev.yaml.txt",
        "dev .yaml",
        "dev.yaml ",
        "dev.yaml\u00a0",
    ],
)
def test_a_near_miss_of_the_files_name_is_told(folder: Path, name: str) -> None:
    (folder / name).write_text("parameters: {}", encoding="utf-8")
    with pytest.raises(EnvironmentFileError, match=r": rename it to dev\.yaml$") as caught:
        environments.read("dev", folder)
    assert str(caught.value).startswith(f"environments/{name}:1: ")


def test_a_near_miss_beside_the_right_file_is_told_too(folder: Path) -> None:
    for name in ("dev.yaml", "dev.yml"):
        (folder / name).write_text("tags: {}", encoding="utf-8")
    with pytest.raises(EnvironmentFileError, match=r"environments/dev\.yml"):
        environments.read("dev", folder)


@pytest.mark.parametrize("name", ["pr_12.yaml", "PR-12.yml", "pr 12.yaml"])
def test_a_separator_is_easily_mistaken(folder: Path, name: str) -> None:
    (folder / name).write_text("tags: {}", encoding="utf-8")
    with pytest.raises(EnvironmentFileError, match=r"rename it to pr-12\.yaml$"):
        environments.read("pr-12", folder)


def test_another_environments_file_is_no_near_miss(folder: Path) -> None:
    for name in ("pr12.yaml", "dev2.yaml", "README.md", ".dev.yaml.swp", "dev.yaml~"):
        (folder / name).write_text("tags: {}", encoding="utf-8")
    assert environments.read("pr-12", folder).values == {}
    assert environments.read("dev", folder).values == {}
    assert [environment.suffix for environment in environments.read_all(folder)] == ["dev2", "pr12"]


@pytest.mark.parametrize("name", ["environment", "Environments", "envs"])
def test_a_near_miss_of_the_folders_name_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "dev.yaml").write_text("tags: {}", encoding="utf-8")
    with pytest.raises(EnvironmentFileError, match=f"^{name}:1: .*rename it to environments$"):
        environments.read("dev", tmp_path / "environments")


def test_without_a_folder_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "env" / "bin").mkdir(parents=True)  # somebody's virtual environment
    assert environments.read("dev", tmp_path / "environments") == Environment("dev", "environments/dev.yaml")
    assert environments.read_all(tmp_path / "environments") == []


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "environments").write_text("", encoding="utf-8")
    with pytest.raises(EnvironmentFileError, match=r"^environments:1: cannot be read \(not a directory\)"):
        environments.read("dev", tmp_path / "environments")


@pytest.mark.parametrize(
    ("name", "then"),
    [
        ("Dev.yaml", "rename it to dev.yaml"),
        ("prod.yml", "rename it to prod.yaml"),
        ("pr_12.yaml", "rename it to pr-12.yaml"),
        ("a-name-too-long.yaml", "rename it to 1 to 12 lower-case letters"),
        ("dev.yaml.orig", "rename it to 1 to 12 lower-case letters"),
        ("-dev.yaml", "rename it to dev.yaml"),
    ],
)
def test_every_file_of_a_wrong_name_is_found(folder: Path, name: str, then: str) -> None:
    (folder / name).write_text("tags: {}", encoding="utf-8")
    (problem,) = environments.check_all(DECLARED, folder)
    assert str(problem).startswith(f"environments/{name}:1: no environment has a file of this name: {then}")


# ── Against the template ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("Tagg: x", "the template has no parameter 'Tagg': did you mean Tag?"),
        ("NOTE: x", "the template has no parameter 'NOTE': did you mean Note?"),
        ("pass-word: x", "the template has no parameter 'pass-word': did you mean Password?"),
        ("Elsewhere: x", "the template has no parameter 'Elsewhere': it has Choice, Count, "),
        ("Tag: A", "Tag cannot be 'A': it must match ^[a-z0-9.]+$"),
        ("Tag: '٣'", "Tag cannot be '٣': it must match"),
        ("Tag: |\n    a", "Tag cannot be 'a\\n': it must match"),
        ("Tag: abcdefghijklm", "Tag cannot be 'abcdefghijklm': it must have 0 to 12 characters"),
        ("Tag: [a, b]", "Tag takes one value, and this is a list"),
        ("Tag: [a]", "Tag takes one value, and this is a list"),
        ("Count: 0", "Count cannot be '0': it must be at least 1 and at most 20"),
        ("Count: 20.1", "Count cannot be '20.1': it must be at least 1 and at most 20"),
        ("Count: 1_0", "Count cannot be '1_0': it must be a number"),
        ("Count: nan", "Count cannot be 'nan': it must be a number"),
        ("Count: 0x10", "Count cannot be '0x10': it must be a number"),
        ("Count: ''", "Count cannot be '': it must be a number"),
        ("Choice: True", "Choice cannot be 'True': it must be one of true, false, 3"),
        ("Choice: yes", "Choice cannot be 'yes': it must be one of true, false, 3"),
        ("Zones: [a, d]", "Zones cannot be 'a,d': it must match [a-c]"),
        ("Zones: a,,b", "Zones cannot be 'a,,b': it must match [a-c]"),
        ("Ports: [80, 101]", "Ports cannot be '80,101': it must be at most 100"),
        ("Password: hunter2", "Password cannot be the value given (NoEcho: not shown): it must have 8 to"),
    ],
)
def test_a_value_that_the_template_refuses_is_one_line(line: str, says: str) -> None:
    (said,) = problems(f"parameters:\n  {line}\n")
    assert said.startswith(f"environments/dev.yaml:2: {says}")
    assert "\n" not in said


@pytest.mark.parametrize(
    "line",
    [
        *("Tag: 1.10", "Count: 1e1", "Count: +1.5", "Choice: false", "Choice: 3", "Zones: [a, b]"),
        *("Zones: 'a, b'", "Ports: 80", "Password: hunter2hunter2", "EnvironmentSuffix: dev"),
    ],
)
def test_a_value_that_fits_is_taken(line: str) -> None:
    assert problems(f"parameters:\n  {line}\n") == []


def test_a_pattern_that_only_java_knows_is_left_to_cloudformation() -> None:
    assert constraints.misfit({"Type": "String", "AllowedPattern": r"\p{Alpha}+"}, "x") == ""


def test_the_documented_example_fits_the_template(document: Document) -> None:
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    example = page.split("```yaml")[1].split("```")[0]
    environment = parse(example)
    assert environment.parameters
    assert environment.tags
    assert environments.problems(environment, document.template["Parameters"]) == []


# ── The command ───────────────────────────────────────────────────────────────────────────────────


def test_the_command_tells_each_problem_on_a_line_of_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "dev.yaml").write_text("parameters:\n  ApiImageTagg: v1\n  VpcCidr: 10.0.0.0/8\n", "utf-8")
    (folder / "qa.yaml").write_text("parameters: [", "utf-8")
    (folder / "Prod.yaml").write_text("", "utf-8")
    monkeypatch.setattr(environments.check_all, "__defaults__", (folder,))
    assert environments.main([]) == 1
    out, err = capsys.readouterr()
    places = [line.split(": ")[0] for line in out.splitlines()]
    assert places == [
        "environments/Prod.yaml:1",
        "environments/dev.yaml:2",
        "environments/dev.yaml:3",
        "environments/qa.yaml:1",
    ]
    assert err == "4 to correct in environments/\n"


def test_the_committed_environments_fit_the_committed_template(document: Document) -> None:
    assert environments.check_all(document.template["Parameters"]) == []


def test_reading_imports_no_sdk_no_validator_and_no_builder() -> None:
    heavy = "boto3 botocore cfnlint cloudformation_validate rich troposphere awacs"
    code = (
        "import sys, fraud_cfn.template.environments\n"
        f"print(*(name for name in {heavy.split()} if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=PATIENCE,
    )
    assert done.stdout == "\n"


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        ("parameters:\n  DatabaseReader: false\n  DatabaseMinCapacity: 0.75\n", 3, "has steps of 0.5"),
        ("parameters:\n  DatabaseMinCapacity: 8\n", 2, "DatabaseMinCapacity 8 is over DatabaseMaxCapacity 4"),
        ("parameters:\n  DatabaseMaxCapacity: 1\n  DatabaseMinCapacity: 2\n", 2, "is over"),
        ("parameters:\n  ApiStepMinutes: 1440\n  ApiDeploymentStrategy: LINEAR\n", 2, "refuses over 1980"),
    ],
)
def test_values_that_do_not_go_together_are_told_with_their_line(
    document: Document, content: str, line: int, says: str
) -> None:
    (problem,) = environments.problems(parse(content), document.template["Parameters"])
    assert (problem.line, says in problem.what) == (line, True)
