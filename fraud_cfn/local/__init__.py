"""A local AWS endpoint on 127.0.0.1, on which the whole template deploys.

It is ministack with handlers of our own for the CloudFormation types that it lacks
(`handlers.py`). It runs in a process of its own that ends with the one that started it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import IO, Any
from urllib.parse import urlsplit

from fraud_cfn.config import REGION
from fraud_cfn.streams import UTF8

ACCOUNT = "111122223333"

# An SSM parameter of this name fails that resource's next creations, updates or deletions:
# each line of its value is the reason for one; an empty line lets it pass.
FAILURE = "/fraud-local/fail/{stack}/{logical_id}"


_PATIENCE = 60  # seconds for the endpoint to start


class EndpointError(Exception):
    """The endpoint does not start: one line, why and what to do."""


@dataclass(frozen=True)
class Endpoint:
    """A running endpoint, empty at first."""

    url: str
    certificate: str = ""  # file to trust, where it answers over TLS

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point the AWS command line and SDKs here."""
        bypass = {name: os.environ.get(name, "") for name in ("NO_PROXY", "no_proxy")}
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": ACCOUNT,  # a key of twelve digits names the account
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            **({"AWS_CA_BUNDLE": self.certificate} if self.certificate else {}),
            **{
                name: value if "127.0.0.1" in value.split(",") else f"{value},127.0.0.1".lstrip(",")
                for name, value in bypass.items()
            },
        }

    def client(self, service: str) -> Any:
        """A boto3 client of that service, whatever the caller's own AWS settings are."""
        return _client(self.url, self.certificate, service)

    def fail(self, stack: str, logical_id: str, *reasons: str) -> None:
        """Let the next creations, updates or deletions of that resource fail, one for each reason.

        An empty reason lets that one pass.
        """
        name = FAILURE.format(stack=stack, logical_id=logical_id)
        self.client("ssm").put_parameter(Name=name, Value="\n".join(reasons), Type="String", Overwrite=True)


@contextmanager
def endpoint(port: int = 0, pace: float = 0, *, iam: bool = False) -> Iterator[Endpoint]:
    """Run an endpoint until the block ends, or this process does, in whatever way.

    `port` 0 takes a free one. `pace` is the seconds that every resource takes to
    create, update or delete, for somebody to watch. With `iam` it answers over TLS and
    judges each request by IAM's policies and those of queues and buckets; the credentials
    in `environment` are the account's root. Raises `EndpointError`.
    """
    with (
        tempfile.TemporaryDirectory(prefix="fraud-local-", ignore_cleanup_errors=True) as directory,
        tempfile.TemporaryFile("w+", encoding="utf-8") as log,
    ):
        command = [sys.executable, "-m", "fraud_cfn.local.server", str(port), str(pace)]
        server = subprocess.Popen(
            [*command, directory] if iam else command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, **UTF8},
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        try:
            url, _, certificate = _first_line(server, log).partition(" ")
            yield Endpoint(url, certificate)
        finally:
            server.kill()
            server.communicate()


def _first_line(server: subprocess.Popen[str], log: IO[str]) -> str:
    """What the server prints once it answers. `EndpointError` where it ends, or is silent for long."""
    watchdog = threading.Timer(_PATIENCE, server.kill)
    watchdog.start()
    try:
        assert server.stdout  # noqa: S101 - for the type checker: it is a pipe
        line = server.stdout.readline().strip()
    finally:
        watchdog.cancel()
    if not line:
        raise EndpointError(_why(server.wait(), log))
    return line


def seed(endpoint: Endpoint, suffix: str) -> None:
    """Put there what a deployment of `suffix` expects of an account.

    Its two secrets; ECS's service-linked role; the bucket that a large template goes through.
    """
    secrets, iam, s3 = (endpoint.client(service) for service in ("secretsmanager", "iam", "s3"))
    database = json.dumps({"username": "fraud_admin", "password": "local-only"})
    secrets.create_secret(Name=f"fraud-database-{suffix}", SecretString=database)
    secrets.create_secret(Name=f"fraud-api-keys-{suffix}", SecretString="local-only")
    with suppress(iam.exceptions.ClientError):  # an earlier seed made it
        iam.create_service_linked_role(AWSServiceName="ecs.amazonaws.com")
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        place = {"LocationConstraint": REGION}
        s3.create_bucket(Bucket=f"fraud-templates-{ACCOUNT}-{REGION}", CreateBucketConfiguration=place)


def push(url: str, suffix: str, workload: str, tag: str) -> str:
    """Put a stand-in image of that workload there, under that tag; what was put, `<repository>:<tag>`.

    `EndpointError` where the URL is none of this machine, or the repository does not exist.
    """
    if urlsplit(url).hostname not in ("127.0.0.1", "localhost"):
        raise EndpointError(
            f"AWS_ENDPOINT_URL is {url!r}, which is no local endpoint: "
            "run 'make local', and export what it says"
        )
    if not workload:
        raise EndpointError(f"Which image? Say it: make push-local ENV={suffix} SERVICE=api")
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", tag, re.ASCII):
        raise EndpointError(f"{tag!r} is no tag: it has 1 to 128 letters, digits, . _ - (not first)")
    from botocore.exceptions import BotoCoreError, ClientError

    repository = f"fraud-{workload}-{suffix}"
    client = Endpoint(url, os.environ.get("AWS_CA_BUNDLE", "")).client("ecr")
    try:
        client.put_image(repositoryName=repository, imageTag=tag, imageManifest=_manifest(repository, tag))
    except client.exceptions.ImageTagAlreadyExistsException:
        raise EndpointError(f"{repository}:{tag} is there already: choose another tag") from None
    except client.exceptions.RepositoryNotFoundException:
        raise EndpointError(f"There is no repository {repository}: run 'make deploy ENV={suffix}'") from None
    except (BotoCoreError, ClientError) as error:
        raise EndpointError(f"{url} took no image ({error}): run 'make local'") from None
    return f"{repository}:{tag}"


def _manifest(repository: str, tag: str) -> str:
    """A manifest of no layers, whose digest is that image's own."""
    kind = "application/vnd.oci.image"
    digest = f"sha256:{hashlib.sha256(f'{repository}:{tag}'.encode()).hexdigest()}"
    config = {"mediaType": f"{kind}.config.v1+json", "digest": digest, "size": 2}
    manifest = {"schemaVersion": 2, "mediaType": f"{kind}.manifest.v1+json", "config": config, "layers": []}
    return json.dumps(manifest)


@cache
def _client(url: str, certificate: str, service: str) -> Any:
    from botocore.config import Config

    direct = Config(proxies={})  # a proxy leads away from this machine
    return _session().client(service, endpoint_url=url, verify=certificate or None, config=direct)


@cache
def _session() -> Any:
    """Knows neither AWS_PROFILE nor the user's files: what they say is about AWS."""
    import boto3
    import botocore.session

    own = {"profile": None, "config_file": os.devnull, "credentials_file": os.devnull}
    return boto3.Session(
        botocore_session=botocore.session.Session({name: (None, None, own[name], None) for name in own}),
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="local",  # noqa: S106 - not a secret: nothing checks it
    )


def _why(code: int, log: IO[str]) -> str:
    log.seek(0)
    last = log.read().strip().rpartition("\n")[2]
    if code == 2 and last:
        return last
    if not last and code >= 0:
        room = f"is there room in {tempfile.gettempdir()}?"
        return f"The local endpoint does not start (exit code {code}, without a word): {room}"
    why = last or f"no answer within {_PATIENCE} seconds"
    return f"The local endpoint does not start ({why}): run 'make clean install'"
