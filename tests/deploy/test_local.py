"""The verbs on the local endpoint: the whole platform, from nothing to live to nothing."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fraud_cfn.config import COMMITTED, ROOT
from fraud_cfn.deploy.cli import main
from fraud_cfn.deploy.stack.causes import said
from fraud_cfn.deploy.terminal import clock
from fraud_cfn.deploy.verbs import destroy
from fraud_cfn.local import Endpoint, push, seed
from fraud_cfn.template import document
from tests.deploy.conftest import Told
from tests.deploy.test_processes import VERBS
from tests.lens import WORKLOADS, kebab
from tests.limits import PATIENCE, killed_in_time
from tests.required import BOUNDS, SCHEDULE

NETWORK = """
Parameters: {EnvironmentSuffix: {Type: String}}
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  Subnet: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}}
"""
BUCKET = "fraud-data-{}-111122223333-eu-central-1-an"


def without_badge(text: str) -> str:
    """The lines, of which each one must have said that it is local; JSON says it once."""
    *lines, last = text.splitlines()
    outside = re.sub(r"^\{\n.*?^\}$", "", "\n".join(lines), flags=re.DOTALL | re.MULTILINE).splitlines()
    assert [line for line in outside if line and not line.startswith("[local] ")] == []
    assert last.startswith("result=")
    assert last.endswith(" local=true")
    return "\n".join([line.removeprefix("[local] ") for line in lines] + [last.removesuffix(" local=true")])


class Place:
    """Command lines against the local endpoint."""

    def __init__(self, endpoint: Endpoint, template: Path) -> None:
        self.endpoint = endpoint
        self.template = template  # a copy: the committed one is checked and linted each time
        self.client = endpoint.client

    def __call__(self, line: str) -> Told:
        arguments = line.split()
        if arguments[0] in ("deploy", "plan") and "--template" not in arguments:
            arguments += ["--template", str(self.template)]
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            code = main(arguments)
        return Told(without_badge(out.getvalue()), code)

    def data(self, line: str) -> dict:
        """What `--format json` says."""
        text = self(f"{line} --format json").text
        data = json.loads(text[text.index("{\n") : text.rindex("\n}") + 2])
        assert data.pop("local") is True
        return data

    def deploy(self, suffix: str, template: Path | None = None) -> None:
        seed(self.endpoint, suffix)
        told = self(f"deploy {suffix} --yes{f' --template {template}' if template else ''}")
        assert told.code == 0, told.text

    def push(self, suffix: str, name: str, tag: str) -> None:
        push(self.endpoint.url, suffix, name, tag)


@contextlib.contextmanager
def place_for(template: Path, endpoint: Endpoint, folder: Path) -> Iterator[Place]:
    """Where AWS is that endpoint, and what is deployed a copy of that template."""
    shutil.copy(template, folder)
    with pytest.MonkeyPatch.context() as patch:
        for name in [one for one in os.environ if one.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in endpoint.environment.items():
            patch.setenv(name, value)
        patch.setattr(clock, "sleep", lambda seconds: time.sleep(seconds / 20))  # AWS would take longer
        patch.setattr(document, "parse", functools.cache(document.parse))
        yield Place(endpoint, folder / template.name)


@pytest.fixture(scope="module")
def place(endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place_for(COMMITTED, endpoint, tmp_path_factory.mktemp("template")) as place:
        yield place


@pytest.fixture(scope="module")
def live(place: Place) -> Place:
    """The environment `ops`, live."""
    place.deploy("ops")
    told = place("start ops --yes")
    assert told.code == 2
    assert "make push-local ENV=ops SERVICE=api TAG=latest" in told.text
    assert "docker" not in told.text
    for name in map(kebab, WORKLOADS):
        place.push("ops", name, "latest")
    told = place("start ops --yes --steady 0.5")
    assert told.code == 0, told.text
    assert "LIVE http://" in told.text
    return place


@pytest.mark.parametrize("form", ["", " --format json"])
@pytest.mark.parametrize("verb", VERBS)
def test_every_line_of_every_verb_says_that_it_is_local(place: Place, verb: str, form: str) -> None:
    """Where there is no such environment; where there is one, each test here holds it."""
    wanted = " --service api --tag v1" if verb == "release" else ""
    told = place(f"{verb} nobody{wanted}{form}")
    assert told.code in (0, 2), told.text
    assert ('"local": true' in told.text) is bool(form)


def test_outputs_come_as_json(live: Place) -> None:
    outputs = live.data("outputs ops")["outputs"]
    assert outputs["ClusterName"] == "fraud-cluster-ops"
    assert outputs["LoadBalancerUrl"].startswith("http://")


@pytest.fixture(scope="module")
def released(live: Place) -> Told:
    """What a release of the API's tag `v2` says; `latest` ran before."""
    live.push("ops", "api", "v2")
    return live("release ops --service api --tag v2 --yes")


def test_a_release_changes_one_image_and_says_what_serves(released: Told) -> None:
    assert released.code == 0
    assert "ApiImageTag latest → v2" in released.text
    assert "Serving fraud-api-ops:" in released.text
    assert "2/2 tasks, load balancer blue" in released.text


@pytest.mark.usefixtures("released")
def test_status_tells_what_runs(live: Place) -> None:
    told = live("status ops")
    assert told.code == 0
    assert "TapStackops  UPDATE_COMPLETE  live" in told.text
    scaling = "scaling {}–{}".format(*BOUNDS["Api"])
    for part in ("api       2/2 running", "worker    1/1 running", "(the stack's)", scaling):
        assert part in told.text
    for part in ("queues    jobs 0, dead letters 0", f"schedule  {SCHEDULE} ENABLED"):
        assert part in told.text
    assert told.text.count("; before: ") == 1, "of the worker nothing else ran"
    services = live.data("status ops")["services"]
    assert [(one["name"], one["running"]) for one in services][:2] == [("api", 2), ("worker", 1)]


def test_logs_show_the_service_and_leave_the_sidecar_out(live: Place) -> None:
    logs, group = live.client("logs"), "/ecs/fraud-worker-ops"
    for stream, text in (("app/worker/1", "took a message"), ("tracing/tracing/1", "exported")):
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        event = {"timestamp": int(time.time() * 1000), "message": text}
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[event])
    told = live("logs ops --service worker")
    assert "worker took a message" in told.text
    assert "exported" not in told.text
    assert "exported" in live("logs ops --service worker --tracing").text
    assert "took" not in live("logs ops --filter exported --tracing").text


def test_logs_are_followed_until_ctrl_c(live: Place) -> None:
    logs, group = live.client("logs"), "/ecs/fraud-api-ops"
    logs.create_log_stream(logGroupName=group, logStreamName="app/api/1")
    command = [sys.executable, "-u", "-m", "fraud_cfn.deploy", "logs", "ops", "--service", "api", "--follow"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        start_new_session=True,
    )
    with process, killed_in_time(process):
        assert process.stderr
        assert process.stdout
        assert "TapStackops" in process.stderr.readline()
        for text in ("first", "zweite Zeile, größer"):
            event = {"timestamp": int(time.time() * 1000), "message": text}
            logs.put_log_events(logGroupName=group, logStreamName="app/api/1", logEvents=[event])
            # Without what the tasks wrote when they started.
            line = next(line for line in process.stdout if "local stand-in" not in line)
            assert line.startswith("[local] 20")
            assert line.rstrip().endswith(f"Z api {text}")
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert rest.startswith("result=logs "), "and no line twice"
    assert "Traceback" not in errors


def test_a_span_that_is_none_is_told(live: Place) -> None:
    told = live("logs ops --since soon")
    assert (told.code, "--since 'soon' is not a time span" in told.text) == (2, True)


def test_the_job_runs_now_and_is_waited_for(live: Place) -> None:
    task = live.data("run-job ops --detach")["task"]
    described = live.client("ecs").describe_tasks(cluster="fraud-cluster-ops", tasks=[task])["tasks"]
    assert [one["group"] for one in described] == ["family:fraud-job-ops"]
    told = live("run-job ops")
    assert told.code == 0
    assert told.last == "result=job-done stack=TapStackops"


def test_diagnosis_finds_dead_letters_and_errors(live: Place) -> None:
    url = live.data("outputs ops")["outputs"]["DeadLetterQueueUrl"]
    live.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    told = live("diagnose ops")
    assert told.code == 8
    assert "fraud-dead-letters-ops holds 1 dead letter" in told.text


def test_a_failed_update_is_rolled_back_and_points_at_our_file(live: Place) -> None:
    live.endpoint.fail("TapStackops", "ApiService", "ECS Deployment Circuit Breaker was triggered")
    told = live("deploy ops --yes --param ApiBakeTimeMinutes=7")
    assert told.code == 1
    assert "FAILED TapStackops UPDATE_ROLLBACK_COMPLETE" in told.text
    assert "defined in fraud_cfn/platform/services/api.py" in told.text
    assert "next:  make diagnose ENV=ops" in told.text


def test_destroying_empties_the_bucket_and_leaves_the_neighbour_whole(place: Place) -> None:
    """`x` also ends `pr-x`."""
    place.deploy("x")
    place.deploy("pr-x")
    s3, bucket = place.client("s3"), BUCKET.format("x")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2"):
        s3.put_object(Bucket=bucket, Key="a", Body=body)
    s3.delete_object(Bucket=bucket, Key="a")
    s3.create_multipart_upload(Bucket=bucket, Key="unfinished")
    before = place.data("outputs pr-x")
    told = place("destroy x --yes --confirm TapStackx")
    assert told.code == 0, told.text
    assert f"emptied {bucket}: 3 objects and versions, 1 unfinished uploads" in told.text
    assert "Nothing is left: none of" in told.text
    assert place.data("outputs pr-x") == before
    assert place("status pr-x").code == 0
    assert place("destroy x --yes --confirm TapStackx").last == "result=absent stack=TapStackx"


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A template with little in it."""
    path = tmp_path / "network.yaml"
    path.write_text(NETWORK, encoding="utf-8")
    return path


def test_a_deletion_that_fails_says_what_holds_it_and_how_to_leave_it(place: Place, network: Path) -> None:
    place.deploy("held", network)
    place.endpoint.fail("TapStackheld", "Vpc", "somebody's lock")
    told = place("destroy held --yes --confirm TapStackheld")
    assert told.code == 6, told.text
    assert "cause: Vpc  AWS::EC2::VPC" in told.text
    assert "make destroy ENV=held ARGS='--retain Vpc'" in told.text
    again = place(f"deploy held --yes --template {network}")
    assert again.code == 6
    assert place("destroy held --yes --confirm TapStackheld").code == 0


# What EC2, ECS, Cloud Map and S3 really say, as CloudFormation wraps it.
REFUSALS = [
    (
        "resource sg-0a1b has a dependent object (Service: Ec2, Status Code: 400, Request ID: 39bc) "
        "(SDK Attempt Count: 1)"
    ),
    (
        "The subnet 'subnet-018a56d9f6694def5' has dependencies and cannot be deleted. "
        "(Service: Ec2, Status Code: 400, Request ID: 39bc4d02)"
    ),
    (
        "Network vpc-69a8810c has some mapped public address(es). "
        "Please unmap those public address(es) before detaching the gateway."
    ),
    (
        "The Cluster cannot be deleted while Tasks are active. (Service: AmazonECS; Status Code: 400; "
        "Error Code: ClusterContainsTasksException; Request ID: 1; Proxy: null)"
    ),
    "The bucket you tried to delete is not empty (Service: S3, Status Code: 409, Request ID: 1)",
]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_what_aws_was_still_letting_go_of_is_a_passing_failure(refusal: str) -> None:
    wrapped = (
        f'Resource handler returned message: "{refusal}" (RequestToken: 1, HandlerErrorCode: InvalidRequest)'
    )
    assert destroy.passes(said(wrapped))
    assert not destroy.passes(said("User is not authorized to perform: ec2:DeleteVpc"))


def test_a_deletion_is_tried_again_after_a_pause(
    place: Place, network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(destroy.clock, "sleep", pauses.append)
    place.deploy("again", network)
    place.endpoint.fail("TapStackagain", "Vpc", REFUSALS[0])
    told = place("destroy again --yes --confirm TapStackagain")
    assert told.code == 0, told.text
    assert "Vpc held on; trying once more in 1m00s" in told.text
    assert 60 in pauses
