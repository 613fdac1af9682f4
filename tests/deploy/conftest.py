"""Plays a story: a scripted AWS, a clock that only waiting advances, and the transcript of a command."""

from __future__ import annotations

import functools
import io
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.compat import get_current_datetime
from botocore.httpsession import URLLib3Session

from fraud_cfn.deploy import cli
from fraud_cfn.deploy.cli import main
from fraud_cfn.deploy.terminal import clock
from fraud_cfn.template import document
from tests.deploy import schema
from tests.deploy.fake_aws import Aws, direct, serve, steps
from tests.deploy.fake_running import Running

HERE = Path(__file__).parent
SMALL = HERE / "small.yaml"
SECRETS = {"fraud-database-dev": '{"username":"fraud","password":"a-long-one"}', "fraud-api-keys-dev": "key"}
_SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret"
DEPLOYED = {
    "EnvironmentSuffix": "dev",
    "ServicesEnabled": "true",
    "ApiImageTag": "v1.4",
    "Note": "",
    "DatabaseCredentialsArn": f"{_SECRET}:fraud-database-dev-AbCdEf",
    "ApiKeysArn": f"{_SECRET}:fraud-api-keys-dev-AbCdEf",
    "DatabaseCredentialsVersion": "",
    "SecretsKmsKeyArns": "",
}
_BROKEN = re.compile(r"make [a-z-]+ ENV=\S+( (SERVICE|TAG|BACK)=\S+)*( ARGS=('[^']*'|[^'\s]\S*))? -")
_REWRITE = "FRAUD_REWRITE" in os.environ
_SEND = URLLib3Session.send
_PARSE = functools.cache(document.parse)
_PARSER = functools.cache(cli._parser)
_ALWAYS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_MAX_ATTEMPTS": "3",
    "AWS_RETRY_MODE": "standard",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
}


@dataclass
class Told:
    """What a command said, stdout and stderr as they came, and its exit code."""

    text: str
    code: int

    @property
    def last(self) -> str:
        return self.text.splitlines()[-1]


def environment(url: str) -> dict[str, str]:
    """A process's environment in which only the scripted AWS can be reached."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("AWS_", "FRAUD_")) and k not in ("CI", "NO_COLOR", "COLUMNS", "LINES")
    }
    return {**kept, **_ALWAYS, "AWS_ENDPOINT_URL": url}


@pytest.fixture(scope="session")
def server() -> Iterator[ThreadingHTTPServer]:
    """One for every story, which puts its account behind it."""
    server = serve(Aws())
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, server: ThreadingHTTPServer) -> Iterator[Aws]:
    """An account without a stack, with both secrets; its clock is the command's too."""
    account = Aws(secrets=dict(SECRETS), url=f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(server.RequestHandlerClass, "aws", account)
    wanted = environment(account.url)
    for name in set(os.environ) - set(wanted):
        monkeypatch.delenv(name)
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(clock, "now", account.clock.now)
    monkeypatch.setattr(clock, "sleep", account.clock.sleep)
    monkeypatch.setattr(clock, "utc", account.clock.utc)
    monkeypatch.setattr(clock.random, "uniform", lambda _low, _high: 1.0)
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))  # between retries
    monkeypatch.setattr("botocore.auth.get_current_datetime", get_current_datetime)  # and not a story's
    monkeypatch.setattr(URLLib3Session, "send", direct(account))
    monkeypatch.setattr(document, "parse", _PARSE)  # reads each template once
    monkeypatch.setattr(cli, "_parser", _PARSER)
    yield account
    assert account.unowned == [], "without ExpectedBucketOwner"
    assert account.undeclared == [], "Ctrl-C during these would say that nothing was changed"


@pytest.fixture
def wire(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - comes first
    """Requests of this process go over a socket too, as those of others do."""
    monkeypatch.setattr(URLLib3Session, "send", _SEND)


@pytest.fixture
def deployed(aws: Aws) -> Aws:
    """As `aws`, with a stack that was deployed before."""
    aws.status = "UPDATE_COMPLETE"
    aws.parameters = dict(DEPLOYED)
    aws.defaults = {"ApiImageTag": "latest", "ServicesEnabled": "false"}
    return aws


@pytest.fixture
def live(deployed: Aws) -> Running:
    """As `deployed`, live: two tasks of the API behind blue, one of the worker, a scheduled job."""
    deployed.scripts["ExecuteChangeSet"] = steps("0 UPDATE_IN_PROGRESS", "1 UPDATE_COMPLETE")
    return Running(deployed).install()


@pytest.fixture
def tell(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Teller:
    return Teller(aws, monkeypatch)


class Teller:
    """Runs a command line in this process."""

    def __init__(self, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
        self._aws = aws
        self._monkeypatch = monkeypatch

    def __call__(self, line: str, *more: str) -> Told:
        """`line` is split at spaces; deploy and plan get the miniature template."""
        arguments = [*line.split(), *more]
        own = {"--template", "--change-set"} & set(arguments)
        if arguments[0] in ("deploy", "plan") and not own:
            arguments += ["--template", str(SMALL)]
        out = io.StringIO()
        with self._monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", out)
            patch.setattr(sys, "stdin", io.StringIO())
            code = main(arguments)
        told = Told(_settled(out.getvalue(), self._aws.url), code)
        assert schema.misfits(told.text) == []
        assert not _BROKEN.search(told.text), "a hint whose options stand outside of ARGS"
        return told


def _settled(text: str, url: str) -> str:
    """Without what differs from run to run: the port, and change-set names."""
    text = text.replace(url, "http://127.0.0.1:PORT").replace(str(HERE), "tests/deploy")
    return re.sub(r"fraud-cfn-\d{8}-\d{6}-[0-9a-f]{6}", "fraud-cfn-NAME", text)


@pytest.fixture
def transcript(request: pytest.FixtureRequest) -> Transcript:
    return Transcript(HERE / "transcripts" / f"{request.node.name.removeprefix('test_')}.txt")


class Transcript:
    """The committed transcript of a story; `FRAUD_REWRITE=1` writes it anew, for review."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self, told: Told, line: str) -> None:
        content = f"$ fraud-cfn {line}\n{told.text}exit code {told.code}\n"
        if _REWRITE:
            self._path.write_text(content, encoding="utf-8")
        assert content == self._path.read_text(encoding="utf-8")
