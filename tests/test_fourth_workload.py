"""A fourth workload, added to a copy of the project as the README says: one module and one line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fraud_cfn.config import COMMITTED, ROOT
from fraud_cfn.local import Endpoint
from fraud_cfn.prove.claims import claims
from fraud_cfn.review.model import parse
from fraud_cfn.template.document import Document, read
from tests.deploy.test_local import Place, place_for
from tests.lens import kebab
from tests.prove.test_matrix import beyond

README = (ROOT / "README.md").read_text("utf-8").split("## Add a fourth service")[1].split("\n## ")[0]
PROJECT = (
    "fraud_cfn",
    "tests",
    "docs",
    "templates",
    "README.md",
    "Makefile",
    "generate.py",
    "pyproject.toml",
    "setup.cfg",
)
IMPORT = "from fraud_cfn.platform.services import api, job, worker"
# What tests say of the template, and of what is said of it.
TEMPLATE_TESTS = (
    "tests/platform",
    "tests/template/test_render.py",
    "tests/template/test_schema.py",
    "tests/test_layers.py",
    "tests/test_requirements.py",
    "tests/test_readme.py",
    "tests/prove/test_costs.py",
    "tests/prove/test_matrix.py",
)


@dataclass(frozen=True)
class Copy:
    """A copy of the project, with the workload in it."""

    root: Path

    def run(self, *arguments: str) -> str:
        """What a Python command says in the copy; it must end with 0."""
        environment = {**os.environ, "PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def document(self) -> Document:
        return read(self.root / COMMITTED.relative_to(ROOT))


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    root = tmp_path_factory.mktemp("copy")
    for name in PROJECT:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("*.pyc.*"))
        else:
            shutil.copy(ROOT / name, root / name)
    add(root)
    made = Copy(root)
    made.run("generate.py")
    made.run("-m", "fraud_cfn.prove.pages")
    return made


def add(root: Path) -> None:
    """What the README says: a module, and a line where it should stand."""
    (module,) = set(re.findall(r"\]\((docs/examples/\w+\.py)\)", README))
    (line,) = re.findall(r"`(\w+\.build\(.*\),)`", README)
    shutil.copy(root / module, root / "fraud_cfn/platform/services")
    stack = root / "fraud_cfn/platform/stack.py"
    text = stack.read_text("utf-8")
    assert text.count(IMPORT) == text.count("        job.build(") == 1
    text = text.replace(IMPORT, IMPORT.replace("job,", f"job, {Path(module).stem},"))
    stack.write_text(text.replace("        job.build(", f"        {line}\n        job.build("), "utf-8")


def test_nothing_else_is_edited(copy: Copy) -> None:
    """What differs beside them is written by `make template`."""
    changed = {
        str(file.relative_to(copy.root))
        for file in copy.root.rglob("*")
        if file.is_file() and file.suffix != ".pyc" and not _same(file, ROOT / file.relative_to(copy.root))
    }
    assert changed == {
        "fraud_cfn/platform/services/reports.py",
        "fraud_cfn/platform/stack.py",
        "templates/fraud-platform.yaml",
        "templates/environment.schema.json",
        "docs/access.md",
        "docs/costs.md",
        "docs/reachability.md",
        "docs/deployer-policy.json",
    }


def _same(file: Path, original: Path) -> bool:
    return original.exists() and file.read_bytes() == original.read_bytes()


def test_both_validators_are_silent_in_every_scenario(copy: Copy) -> None:
    assert copy.run("-m", "fraud_cfn.template.validation").startswith("Valid: cfn-lint, and")


def test_the_tests_of_the_template_hold(copy: Copy) -> None:
    quietly = ("-q", "-n", "0", "-p", "no:cacheprovider", "-k", "not make_knows")
    copy.run("-m", "pytest", *quietly, *TEMPLATE_TESTS)


def test_its_permissions_are_on_the_page_that_a_reviewer_signs(copy: Copy) -> None:
    page = (copy.root / "docs" / "access.md").read_text("utf-8")
    assert "### `fraud-reports-task-<suffix>`" in page
    assert re.search(r"`sqs:ReceiveMessage`.* \| `[^`]*:fraud-requests-<suffix>`", page)


def test_what_is_claimed_of_the_platform_holds_with_it(copy: Copy) -> None:
    assert [claim for claim in claims(parse(copy.document.text)) if not claim.holds] == []


@pytest.mark.parametrize("action", ["sqs:SendMessage", "sqs:ReceiveMessage"])
def test_what_another_module_makes_it_may_not_use_unseen(copy: Copy, action: str) -> None:
    text = copy.document.text
    assert list(beyond(parse(text))) == []
    role = re.search(r"\n  ReportsTaskRole:.*?\n\n", text, re.DOTALL)
    assert role
    (statement,) = re.findall(rf"- {action}\n.*?!GetAtt ReportsQueue.Arn", role[0], re.DOTALL)
    tampered = parse(text.replace(statement, statement.replace("ReportsQueue", "JobQueue")))
    (sentence,) = [said for said in beyond(tampered) if action in said]
    assert sentence.startswith(f"ReportsTaskRole allows {action} sqs fraud-jobs-dev")
    assert sentence.endswith("write its lines into EXPECTED in tests/prove/test_matrix.py")
    (claimed,) = [claim for claim in claims(tampered) if claim.sentence.startswith("The API alone sends")]
    assert not claimed.holds


@pytest.fixture(scope="module")
def place(copy: Copy, endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    template = copy.root / COMMITTED.relative_to(ROOT)
    with place_for(template, endpoint, tmp_path_factory.mktemp("template")) as place:
        yield place


def test_it_lives_as_the_others_do(copy: Copy, place: Place) -> None:
    place.deploy("four")
    resources = copy.document.template["Resources"].items()
    for repository in [key for key, resource in resources if resource["Type"] == "AWS::ECR::Repository"]:
        told = place("start four --yes --steady 0.2")
        assert told.code != 0, "not before every image is there"
        place.push("four", kebab(repository.removesuffix("Repository")), "latest")
    told = place("start four --yes --steady 0.2")
    assert told.code == 0, told.text
    assert "reports 1/1" in told.text

    status = place("status four")
    assert re.search(r"reports +1/1 running", status.text)
    assert status.code == 0

    place.push("four", "reports", "v2")
    told = place("release four --service reports --tag v2 --yes")
    assert told.code == 0, told.text
    assert "Serving fraud-reports-four:" in told.text

    logs = place.client("logs")
    stream = {"logGroupName": "/ecs/fraud-reports-four", "logStreamName": "app/reports/1"}
    logs.create_log_stream(**stream)
    event = {"timestamp": int(time.time() * 1000), "message": "a report is written"}
    logs.put_log_events(**stream, logEvents=[event])
    told = place("logs four --service reports")
    assert told.code == 0, told.text
    assert "a report is written" in told.text

    told = place("destroy four --yes --confirm TapStackfour")
    assert told.code == 0, told.text
    assert not [url for url in place.client("sqs").list_queues().get("QueueUrls", []) if "-four" in url]
