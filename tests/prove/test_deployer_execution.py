"""The command lives a whole life on the local endpoint with exactly the actions of its policies.

The endpoint judges most requests by `*` where AWS judges by the stack's or the service's ARN, so here every
action is granted on everything; that the names are right is judged by the evaluator.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from fraud_cfn import local
from fraud_cfn.config import COMMITTED
from fraud_cfn.prove import deployer
from fraud_cfn.review.model import read
from fraud_cfn.streams import UTF8
from tests.lens import WORKLOADS, kebab
from tests.limits import PATIENCE

POLICIES = deployer.policies(read(COMMITTED))


@dataclass(frozen=True)
class User:
    """A user of the endpoint who runs the command."""

    endpoint: local.Endpoint
    name: str
    keys: dict[str, str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "fraud_cfn.deploy", *arguments],
            env={**os.environ, **self.endpoint.environment, **self.keys, **UTF8},
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=PATIENCE,
        )

    def deny(self, action: str) -> None:
        """That action is denied from now on, and the one denied before is not."""
        statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": statement})
        self.endpoint.client("iam").put_user_policy(
            UserName=self.name, PolicyName="deny", PolicyDocument=document
        )


@pytest.fixture(scope="module")
def endpoint() -> Iterator[local.Endpoint]:
    with local.endpoint(iam=True) as judging:
        local.seed(judging, "dev")
        yield judging


def user(endpoint: local.Endpoint, name: str, *stems: str) -> User:
    iam = endpoint.client("iam")
    iam.create_user(UserName=name)
    for title, document in POLICIES.items():
        if title.rstrip("-0123456789") in stems:
            everywhere = [statement | {"Resource": "*"} for statement in document["Statement"]]
            iam.put_user_policy(
                UserName=name,
                PolicyName=title,
                PolicyDocument=json.dumps({**document, "Statement": everywhere}),
            )
    keys = iam.create_access_key(UserName=name)["AccessKey"]
    return User(
        endpoint,
        name,
        {"AWS_ACCESS_KEY_ID": keys["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"]},
    )


def test_a_whole_life_takes_these_actions_and_a_denied_one_is_missed(endpoint: local.Endpoint) -> None:
    planner = user(endpoint, "planner", "fraud-plan")
    runner = user(endpoint, "runner", "fraud-deploy", "fraud-deploy-roles")

    assert planner.run("plan", "dev").returncode == 0
    refused = planner.run("deploy", "dev", "--yes")
    assert refused.returncode == 9, "the empty stack stays, since the planner may not delete it"
    assert "no permission for ExecuteChangeSet" in refused.stderr

    for arguments in (
        ("deploy", "dev", "--yes"),
        ("start", "dev", "--yes", "--steady", "1"),
        ("run-job", "dev"),
        ("status", "dev"),
        ("logs", "dev", "--service", "api"),
        ("outputs", "dev"),
    ):
        if arguments[0] == "start":
            for workload in map(kebab, WORKLOADS):
                manifest = json.dumps({"schemaVersion": 2, "for": workload})
                endpoint.client("ecr").put_image(
                    repositoryName=f"fraud-{workload}-dev", imageManifest=manifest, imageTag="latest"
                )
        done = runner.run(*arguments)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    assert planner.run("plan", "dev").returncode == 0
    assert planner.run("status", "dev").returncode == 0

    for action, arguments in (
        ("cloudformation:DescribeStacks", ("status", "dev")),
        ("ecs:DescribeServices", ("status", "dev")),
        ("cloudformation:CreateChangeSet", ("plan", "dev")),
        ("logs:FilterLogEvents", ("logs", "dev", "--service", "api")),
        ("ecs:RunTask", ("run-job", "dev")),
        ("cloudformation:DeleteStack", ("destroy", "dev", "--yes", "--confirm", "TapStackdev")),
    ):
        runner.deny(action)
        missed = runner.run(*arguments)
        # What only informs goes on, says what it could not look at, and ends as unknown.
        informs = "result=unknown" in missed.stdout
        told = "AccessDenied" if informs else action.partition(":")[2]
        assert missed.returncode, action
        assert told in missed.stdout + missed.stderr, (action, missed.stdout, missed.stderr)

    runner.deny("none:None")
    gone = runner.run("destroy", "dev", "--yes", "--confirm", "TapStackdev")
    assert gone.returncode == 0, gone.stderr
