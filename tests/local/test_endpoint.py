from __future__ import annotations

import itertools
import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from fraud_cfn import local
from fraud_cfn.config import ROOT
from tests.limits import PATIENCE, killed_in_time

DOCUMENTATION = ROOT / "docs" / "local-endpoint.md"
HOLD = """
import time
from fraud_cfn import local
with local.endpoint() as running:
    print(running.url, flush=True)
    time.sleep(60)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fraud_cfn.local", *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False)


def listens(url: str, host: str = "127.0.0.1") -> bool:
    with socket.socket() as client:
        client.settimeout(2)
        return client.connect_ex((host, urlsplit(url).port)) == 0


def test_it_listens_on_the_loopback_address_only(endpoint: local.Endpoint) -> None:
    assert listens(endpoint.url)
    assert not listens(endpoint.url, "127.0.0.2")


def test_it_ends_with_the_process_that_started_it_even_if_that_is_killed() -> None:
    with (
        subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, encoding="utf-8") as owner,
        killed_in_time(owner),
    ):
        assert owner.stdout
        url = owner.stdout.readline().strip()
        assert listens(url)
        owner.kill()
    deadline = time.monotonic() + PATIENCE
    while listens(url) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not listens(url)


def test_by_hand_it_prints_what_to_export_seeds_secrets_and_stops() -> None:
    command = [sys.executable, "-m", "fraud_cfn.local", "--seed", "dev"]
    with (
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
        ) as process,
        killed_in_time(process),
    ):
        assert process.stdout
        assert process.stderr
        printed = [
            line.strip() for line in itertools.takewhile(lambda line: "Ctrl-C" not in line, process.stdout)
        ]
        assert process.poll() is None, "it ended"
        exported = dict(line.removeprefix("export ").split("=") for line in printed if "export" in line)
        secrets = local.Endpoint(exported["AWS_ENDPOINT_URL"]).client("secretsmanager").list_secrets()
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == ""
    assert {secret["Name"] for secret in secrets["SecretList"]} == {
        "fraud-database-dev",
        "fraud-api-keys-dev",
    }
    assert exported["AWS_REGION"] == "eu-central-1"
    assert not listens(exported["AWS_ENDPOINT_URL"])


def test_a_taken_port_is_one_line_and_exit_code_2(endpoint: local.Endpoint) -> None:
    port = str(urlsplit(endpoint.url).port)
    result = run("--port", port)
    assert result.returncode == 2
    assert result.stdout == ""
    assert (
        result.stderr
        == f"Port {port} of 127.0.0.1 cannot be used (address already in use): name another one\n"
    )


def test_what_is_no_port_is_one_line_and_exit_code_2() -> None:
    result = run("--port", "70000")
    assert result.returncode == 2
    assert result.stderr == "Port 70000 of 127.0.0.1 cannot be used (not a port): name another one\n"


def test_a_broken_installation_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ministack.py").write_text("raise ImportError('half of it is missing')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    result = run()
    assert result.returncode == 2
    reason = "ImportError: half of it is missing"
    assert result.stderr == f"The local endpoint does not start ({reason}): run 'make clean install'\n"


def test_the_environment_keeps_a_proxy_out_of_the_way(
    endpoint: local.Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "example.org")
    assert endpoint.environment["NO_PROXY"] == "example.org,127.0.0.1"
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    assert endpoint.environment["NO_PROXY"] == "127.0.0.1,localhost"
    assert endpoint.environment["AWS_ENDPOINT_URL"] == endpoint.url


def test_a_client_asks_the_endpoint_whatever_profile_is_set(
    endpoint: local.Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "unheard-of")
    assert endpoint.client("sts").get_caller_identity()["Account"] == local.ACCOUNT


def test_with_iam_it_answers_over_tls_and_denies_what_no_policy_allows() -> None:
    trust = {"Effect": "Allow", "Principal": {"AWS": local.ACCOUNT}, "Action": "sts:AssumeRole"}
    with local.endpoint(iam=True) as judging:
        assert judging.url.startswith("https://127.0.0.1:")
        assert judging.environment["AWS_CA_BUNDLE"] == judging.certificate
        queue = judging.client("sqs").create_queue(QueueName="guarded")["QueueUrl"]
        role = judging.client("iam").create_role(
            RoleName="sender", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]})
        )
        session = judging.client("sts").assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="test")
        keys = session["Credentials"]
        sender = boto3.client(
            "sqs",
            region_name="eu-central-1",
            endpoint_url=judging.url,
            verify=judging.certificate,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
            config=Config(proxies={}),
        )
        with pytest.raises(ClientError, match="not authorized"):
            sender.send_message(QueueUrl=queue, MessageBody="")
        grant = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
        judging.client("iam").put_role_policy(
            RoleName="sender", PolicyName="send", PolicyDocument=json.dumps({"Statement": [grant]})
        )
        assert sender.send_message(QueueUrl=queue, MessageBody="hello")["MessageId"]
    assert not Path(judging.certificate).exists()


def test_a_proxy_does_not_stand_between_it_and_its_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with local.endpoint() as running:
        assert running.client("sts").get_caller_identity()["Account"] == local.ACCOUNT


def test_the_documentation_shows_what_is_printed_and_every_option(endpoint: local.Endpoint) -> None:
    shown = DOCUMENTATION.read_text(encoding="utf-8")
    assert set(re.findall(r"^export (\w+)=", shown, re.M)) == endpoint.environment.keys()
    options = set(re.findall(r"--\w+", run("--help").stdout)) - {"--help"}
    assert set(re.findall(r"^\| `(--\w+)", shown, re.M)) == options
    assert local.FAILURE.format(stack="<stack>", logical_id="<logical id>") in shown


def test_a_stand_in_image_is_pushed_by_one_command(
    endpoint: local.Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in endpoint.environment.items():
        monkeypatch.setenv(name, value)
    ecr = endpoint.client("ecr")
    ecr.create_repository(repositoryName="fraud-api-pushed")
    result = run("--push", "pushed", "api", "v1")
    assert (result.returncode, result.stderr) == (0, "")
    assert (
        result.stdout == f"Pushed a stand-in for fraud-api-pushed:v1 to the local endpoint {endpoint.url}\n"
    )
    (image,) = ecr.describe_images(repositoryName="fraud-api-pushed")["imageDetails"]
    assert image["imageTags"] == ["v1"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "",
            "AWS_ENDPOINT_URL is '', which is no local endpoint: run 'make local', and export what it says\n",
        ),
        ("https://ecr.example.org", "AWS_ENDPOINT_URL is 'https://ecr.example.org', which is no local"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9 took no image"),
    ],
)
def test_no_stand_in_is_pushed_anywhere_else(url: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    result = run("--push", "dev", "api", "v1")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(said)
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("workload", "tag", "said"),
    [
        ("", "v1", "Which image? Say it: make push-local ENV=dev SERVICE=api\n"),
        ("api", "a b", "'a b' is no tag: "),
    ],
)
def test_what_is_no_image_is_not_pushed(
    workload: str, tag: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    result = run("--push", "dev", workload, tag)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith(said)


def test_a_stand_in_for_an_environment_that_is_not_there_is_one_line(
    endpoint: local.Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
    result = run("--push", "nowhere", "api", "v1")
    assert result.returncode == 2
    assert result.stderr == "There is no repository fraud-api-nowhere: run 'make deploy ENV=nowhere'\n"
