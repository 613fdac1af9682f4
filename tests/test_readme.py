"""Keeps README.md and docs/ true: what they show is run, or looked up, here."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from botocore import xform_name
from botocore.loaders import Loader

from fraud_cfn.config import ROOT
from fraud_cfn.prove import faults
from fraud_cfn.template.document import Document
from tests.lens import FURTHER, Lens, is_further
from tests.limits import PATIENCE

README = (ROOT / "README.md").read_text("utf-8")
PAGES = {
    str(page.relative_to(ROOT)): page.read_text("utf-8")
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
}
_MAKE = re.compile(r"(?:^|`)(make [a-z-]+(?: [A-Z]+=(?:'[^'`]*'|[^\s`]+))*)", re.MULTILINE)
MAKE = sorted({command for page in PAGES.values() for command in _MAKE.findall(page)})


@pytest.mark.parametrize("command", MAKE)
def test_make_knows_every_command_shown(command: str) -> None:
    ran = subprocess.run(
        [*(word.encode("utf-8") for word in shlex.split(command)), "--dry-run", "--old-file=.venv/installed"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"LC_ALL": "C.UTF-8"},
        check=False,
        timeout=PATIENCE,
    )
    assert ran.returncode == 0, ran.stderr


_AWS = re.compile(r"(?:^|`)aws ([a-z0-9]+) ([a-z-]+)((?:[^`\n]|\\\\\n)*)", re.MULTILINE)
AWS = sorted({command for page in PAGES.values() for command in _AWS.findall(page)})
# Of the AWS CLI itself, in no service's model.
_CUSTOM = {("cloudformation", "deploy"), ("ecr", "get-login-password")}
_GLOBAL = {"region", "query", "output", "profile"}


@pytest.mark.parametrize(("service", "operation", "options"), AWS)
def test_aws_knows_every_command_shown(service: str, operation: str, options: str) -> None:
    if (service, operation) in _CUSTOM:
        return
    model = Loader().load_service_model(service, "service-2")
    names = {xform_name(name, "-"): name for name in model["operations"]}
    assert operation in names
    shape = model["shapes"][model["operations"][names[operation]]["input"]["shape"]]
    known = {xform_name(member, "-") for member in shape["members"]}
    used = set(re.findall(r"(?<=--)[a-z-]+", options))
    assert used - _GLOBAL <= known
    assert {xform_name(member, "-") for member in shape.get("required", [])} <= used


def test_the_share_of_faults_that_is_caught_is_the_one_that_was_measured() -> None:
    _, share = faults.measured()
    assert f"tests and validators catch {share} % where" in " ".join(README.split())


def test_the_two_commands_of_the_quick_start_come_first() -> None:
    block = README.split("## Quick start")[1].split("```sh")[1].split("```")[0]
    assert [line.split("#")[0].strip() for line in block.strip().splitlines()] == ["make demo", "make test"]


STUB = """#!/bin/sh
echo "$(basename "$0") $*" >> "$SAID"
case "$*" in *get-caller-identity*) echo 111122223333 ;; *--password-stdin*) cat > /dev/null ;; esac
"""


def test_the_push_that_is_shown_goes_to_each_repository_of_the_template(base: Lens, tmp_path: Path) -> None:
    block = README.split("# 3. ")[1].split("make start")[0].split("\n", 1)[1]
    for program in ("aws", "docker"):
        (tmp_path / program).write_text(STUB, encoding="utf-8")
        (tmp_path / program).chmod(0o755)
    said = tmp_path / "said"
    values = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SAID": str(said)}
    subprocess.run(["bash", "-euc", block], env=os.environ | values, check=True, timeout=PATIENCE)
    lines = said.read_text(encoding="utf-8").splitlines()
    registry = "111122223333.dkr.ecr.eu-central-1.amazonaws.com"
    assert f"docker login --username AWS --password-stdin {registry}" in lines
    names = [
        repository["RepositoryName"]
        for logical_id, repository in base.of("AWS::ECR::Repository").items()
        if logical_id.removesuffix("Repository") not in FURTHER
    ]
    pushed = [line.removeprefix("docker push ") for line in lines if line.startswith("docker push ")]
    assert sorted(pushed) == sorted(f"{registry}/{name}:latest" for name in names)
    builds = [line for line in lines if line.startswith("docker build ")]
    assert len(builds) == len(names)
    assert all("--platform linux/amd64 " in line for line in builds), "CpuArchitecture is X86_64"


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    for target in re.findall(r"\]\(([^)#]+)", PAGES[page]):
        assert target.startswith("https://") or (folder / target).exists(), target


def test_what_idle_costs_is_about_what_the_page_of_costs_reckons() -> None:
    said = re.search(r"about (\d+) USD a month from step 2 on .*?, (\d+) from step 3 on", README, re.DOTALL)
    assert said
    idle, live = map(int, re.findall(r"\| \*\*(\d+)\*\* \|", PAGES["docs/costs.md"]))
    assert int(said[1]) == pytest.approx(idle, rel=0.05)
    assert int(said[2]) == pytest.approx(live, rel=0.05) or (FURTHER and int(said[2]) < live), "of ours alone"


def test_parameter_table_is_the_template(document: Document) -> None:
    table = README.split("## Parameters")[1].split("## ")[0]
    shown: dict[str, str] = {}
    for line in table.splitlines():
        if line.startswith("| `"):
            names, defaults = (re.findall(r"`([^`]+)`", cell) for cell in line.split("|")[1:3])
            shown |= {name: (defaults or [""])[min(i, len(defaults) - 1)] for i, name in enumerate(names)}
    declared = {key: value for key, value in document.template["Parameters"].items() if not is_further(key)}
    assert set(shown) == set(declared)
    del shown["TracingImage"]  # said in words
    assert shown == {key: str(declared[key].get("Default", "")) for key in shown}


def test_parameters_stand_under_the_headings_of_the_consoles_form(document: Document) -> None:
    shown: dict[str, list[str]] = {}
    for line in README.split("## Parameters")[1].split("## ")[0].splitlines():
        if heading := re.match(r"\| \*\*(.+)\*\* \|", line):
            shown[heading[1]] = []
        elif line.startswith("| `"):
            shown[list(shown)[-1]] += re.findall(r"`([^`]+)`", line.split("|")[1])
    form = document.template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    groups = {group["Label"]["default"]: group["Parameters"] for group in form}
    ours = {label: names for label, names in groups.items() if not all(map(is_further, names))}
    assert list(shown.items()) == list(ours.items())


def test_image_contract_names_what_containers_really_get(base: Lens) -> None:
    contract = README.split("## What an image must do")[1].split("## ")[0]
    ours = {
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "OTEL_PROPAGATORS",
        "OTEL_SERVICE_NAME",
        "OTEL_METRICS_EXPORTER",
        "OTEL_LOGS_EXPORTER",
    }
    for workload, task in base.of("AWS::ECS::TaskDefinition").items():
        if workload.removesuffix("TaskDefinition") in FURTHER:
            continue
        app = task["ContainerDefinitions"][0]
        given = {pair["Name"] for pair in app["Environment"] + app["Secrets"]} - ours
        assert not [name for name in given if f"`{name}`" not in contract]
        assert f"{app['StopTimeout']} s" in contract
        assert f"user {app['User'].split(':')[0]}" in contract
        assert f"{app['LinuxParameters']['Tmpfs'][0]['Size']} MiB" in contract


def test_no_page_names_a_machine_or_a_registry() -> None:
    for page, text in PAGES.items():
        assert not re.search(r"/(?:root|work|tmp)/|pypi\.org|pythonhosted", text), page
