"""docs/rotate-password.md, followed word for word on the scripted AWS."""

from __future__ import annotations

import re
import shlex

import pytest

from fraud_cfn.config import ROOT
from tests.deploy.conftest import Teller, Told
from tests.deploy.fake_aws import Aws

PAGE = (ROOT / "docs" / "rotate-password.md").read_text("utf-8")
SECRET = "fraud-database-dev"
MAKE = re.compile(r"^make (\w+) ENV=dev(?: ARGS='([^']*)')?$", re.MULTILINE)
STEPS = MAKE.findall(PAGE)
FIRST, SECOND = re.findall(r"DatabaseCredentialsVersion=([0-9a-f-]+)", PAGE)


def test_the_page_pins_then_plans_then_deploys() -> None:
    assert [verb for verb, _ in STEPS] == ["deploy", "plan", "deploy", "status"]
    assert FIRST != SECOND


@pytest.fixture
def pinned(deployed: Aws, tell: Teller) -> Aws:
    """The first step, done."""
    deployed.versions[SECRET] = FIRST
    told = step(tell, 0)
    assert told.code == 0
    assert f"DatabaseCredentialsVersion '' → {FIRST}" in told.text
    deployed.parameters["DatabaseCredentialsVersion"] = FIRST
    return deployed


def step(tell: Teller, number: int) -> Told:
    verb, options = STEPS[number]
    return tell(f"{verb} dev {'--yes' if verb == 'deploy' else ''}", *shlex.split(options))


def test_a_new_version_is_found_by_the_plan_and_brought_by_one_deployment(pinned: Aws, tell: Teller) -> None:
    pinned.versions[SECRET], pinned.old_versions = SECOND, (FIRST,)
    told = step(tell, 1)
    assert told.code == 0
    assert f"--param DatabaseCredentialsVersion={SECOND}" in told.text
    told = step(tell, 2)
    assert told.code == 0
    assert f"DatabaseCredentialsVersion {FIRST} → {SECOND}" in told.text


def test_the_version_of_before_can_be_deployed_again(pinned: Aws, tell: Teller) -> None:
    pinned.versions[SECRET], pinned.old_versions = SECOND, (FIRST,)
    pinned.parameters["DatabaseCredentialsVersion"] = SECOND
    assert step(tell, 0).code == 0
