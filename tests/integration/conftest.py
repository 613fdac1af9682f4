"""The tests that take `platform` only read, so they run against a real stack too: `--stack-env SUFFIX`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from fraud_cfn.config import COMMITTED, REGION
from fraud_cfn.local import Endpoint, push, seed
from fraud_cfn.template.document import Document
from tests.integration.deployer import Deployer
from tests.integration.platform import Platform
from tests.lens import WORKLOADS, kebab
from tests.limits import PATIENCE

HERE = Path(__file__).parent
READ_ONLY = """\
Reads the stack TapStack{0} in {1} with the caller's credentials, in about 130 requests.
Those to S3 and CloudWatch cost well under a cent, the others nothing. Nothing is created, changed
or deleted: tests that would are skipped.
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stack-env", metavar="SUFFIX", help="read the deployed stack TapStack<SUFFIX> on AWS")


def pytest_sessionstart(session: pytest.Session) -> None:
    if suffix := _chosen(session.config):
        session.config.get_terminal_writer().write(READ_ONLY.format(suffix, REGION))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("integration")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "platform" in metafunc.fixturenames:
        states = [chosen] if (chosen := _chosen(metafunc.config)) else ["bootstrapped", "enabled"]
        metafunc.parametrize("platform", states, indirect=True, scope="session")


@pytest.fixture(scope="session")
def platform(request: pytest.FixtureRequest) -> Platform:
    """On the local endpoint one stack before and one after going live; with `--stack-env` that stack."""
    if suffix := _chosen(request.config):
        return _deployed(suffix)
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def deployer(request: pytest.FixtureRequest, document: Document) -> Deployer:
    """For tests that change stacks: on the local endpoint only."""
    if _chosen(request.config):
        pytest.skip("changes stacks: runs on the local endpoint only")
    endpoint: Endpoint = request.getfixturevalue("endpoint")
    s3 = endpoint.client("s3")
    s3.create_bucket(Bucket="template", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="template", Key="template.json", Body=document.minified().encode())
    return Deployer(endpoint, f"{endpoint.url}/template/template.json")


@pytest.fixture(scope="session")
def bootstrapped(deployer: Deployer) -> Platform:
    assert deployer.create("pr-it-dev") == "CREATE_COMPLETE", deployer.failures("pr-it-dev")
    return deployer.platform("pr-it-dev")


@pytest.fixture(scope="session")
def enabled(deployer: Deployer, tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """Deployed and enabled as a user does it, by the command; of a copy, which is not linted again."""
    copy = tmp_path_factory.mktemp("template") / COMMITTED.name
    shutil.copy(COMMITTED, copy)
    seed(deployer.endpoint, "it-dev")
    command = [sys.executable, "-m", "fraud_cfn.deploy", "deploy", "it-dev", "--yes", f"--template={copy}"]
    environment = {**os.environ, **deployer.endpoint.environment}
    for change in ((), ("--param", "ServicesEnabled=true")):
        if change:
            for workload in WORKLOADS:
                push(deployer.endpoint.url, "it-dev", kebab(workload), "latest")
        result = subprocess.run(
            [*command, *change],
            env=environment,
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
        assert result.returncode == 0, result.stderr
    return deployer.platform("it-dev")


@pytest.fixture
def on_aws(request: pytest.FixtureRequest) -> None:
    """For what the local endpoint does not keep: it would only read back its own writing."""
    if not _chosen(request.config):
        pytest.skip("the local endpoint does not keep it: runs with --stack-env only")


def _deployed(suffix: str) -> Platform:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    platform = Platform(suffix, cache(boto3.Session(region_name=REGION).client))
    try:
        assert platform.stack
    except (BotoCoreError, ClientError) as error:
        pytest.exit(f"{platform.stack_name} cannot be read in {REGION} ({error}): deploy it first", 2)
    return platform


def _chosen(config: pytest.Config) -> str | None:
    return config.getoption("--stack-env", default=None)
