"""The command lives a whole life on the local endpoint with exactly the actions of its policies.

The endpoint judges most requests by `*` where AWS judges by the stack's or the service's ARN, so here every
action is granted on everything; that the names are right is judged by the evaluator.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any
from unittest import mock

import pytest
from botocore import xform_name
from botocore.client import BaseClient
from botocore.loaders import create_loader

from fraud_cfn import local
from fraud_cfn.config import COMMITTED
from fraud_cfn.deploy.cli import main
from fraud_cfn.prove import deployer
from fraud_cfn.review.model import read
from fraud_cfn.template import document
from tests.lens import WORKLOADS, kebab
from tests.prove.test_deployer import RENAMED, SERVICES

# Action → why it is not missed here: the endpoint does not judge it, or the story does not come to it.
UNJUDGED = {
    "application-autoscaling:DescribeScalableTargets": "not judged",
    "application-autoscaling:DescribeScalingActivities": "not judged",
    "elasticloadbalancing:ModifyRule": "the weights are right already",
}
Command = Callable[[], tuple[str, ...]]
READ = re.compile(":(Describe|List|Get)")
_MINUTES = count(6)
_LOADER = create_loader()
_PARSE = functools.cache(document.parse)
POLICIES = deployer.policies(read(COMMITTED))


@dataclass(frozen=True)
class Ran:
    """How a command ended, what it said, and the actions that its calls are judged by."""

    code: int
    said: str
    actions: frozenset[str]


@dataclass(frozen=True)
class User:
    """A user of the endpoint who runs the command, in this process."""

    endpoint: local.Endpoint
    name: str
    keys: dict[str, str]

    def run(self, *arguments: str) -> Ran:
        said, actions = io.StringIO(), set[str]()
        really: Any = getattr(BaseClient, "_make_api_call")  # noqa: B009 - botocore's own, without types

        def recorded(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
            actions.update(action_of(client.meta.service_model.service_name, operation))
            return really(client, operation, parameters)

        with (
            mock.patch.dict(os.environ, {**self.endpoint.environment, **self.keys}),
            mock.patch.object(BaseClient, "_make_api_call", recorded),
            mock.patch("botocore.session.create_loader", return_value=_LOADER),  # reads each model once
            mock.patch.object(document, "parse", _PARSE),  # and each template
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
        ):
            code = main(list(arguments))
        return Ran(code, said.getvalue(), frozenset(actions))

    def deny(self, *actions: str) -> None:
        """Those actions are denied from now on, and those denied before are not."""
        statement = {"Effect": "Deny", "Action": list(actions) or "none:None", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
        self.endpoint.client("iam").put_user_policy(
            UserName=self.name, PolicyName="deny", PolicyDocument=policy
        )


def action_of(service: str, operation: str) -> set[str]:
    """The actions behind a call; none behind `sts:GetCallerIdentity`, which anybody may."""
    if service == "sts":
        return set()
    return RENAMED.get(xform_name(operation)) or {f"{SERVICES[service]}:{operation}"}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[local.Endpoint]:
    with local.endpoint(iam=True) as judging:
        local.seed(judging, "dev")
        local.seed(judging, "new")
        yield judging


def user(endpoint: local.Endpoint, name: str, *stems: str) -> User:
    iam = endpoint.client("iam")
    iam.create_user(UserName=name)
    for title, policy in POLICIES.items():
        if title.rstrip("-0123456789") in stems:
            everywhere = [statement | {"Resource": "*"} for statement in policy["Statement"]]
            iam.put_user_policy(
                UserName=name,
                PolicyName=title,
                PolicyDocument=json.dumps({**policy, "Statement": everywhere}),
            )
    keys = iam.create_access_key(UserName=name)["AccessKey"]
    return User(
        endpoint,
        name,
        {"AWS_ACCESS_KEY_ID": keys["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"]},
    )


DESTROY = ("destroy", "dev", "--yes", "--confirm", "TapStackdev")
READS = (
    ("plan", "dev"),
    ("status", "dev"),
    ("diagnose", "dev"),
    ("logs", "dev", "--service", "api"),
    ("outputs", "dev"),
    ("run-job", "dev"),
)


def push(endpoint: local.Endpoint, *tags: str) -> None:
    for workload in map(kebab, WORKLOADS):
        for tag in tags:
            manifest = json.dumps({"schemaVersion": 2, "for": workload + tag})
            endpoint.client("ecr").put_image(
                repositoryName=f"fraud-{workload}-dev", imageManifest=manifest, imageTag=tag
            )


def changing() -> tuple[str, ...]:
    """A deployment that changes something, each time another value."""
    return ("deploy", "dev", "--yes", "--param", f"ApiBakeTimeMinutes={next(_MINUTES)}")


def test_a_whole_life_takes_exactly_these_actions_and_each_that_is_denied_is_missed(
    endpoint: local.Endpoint,
) -> None:
    planner = user(endpoint, "planner", "fraud-plan")
    runner = user(endpoint, "runner", "fraud-deploy", "fraud-deploy-roles")
    needed_by: dict[str, Command] = {}  # action → the last command that needs it

    def lives(command: Command) -> None:
        done = runner.run(*command())
        assert done.code == 0, (command(), done.said)
        needed_by.update(dict.fromkeys(done.actions, command))

    assert planner.run("plan", "dev").code == 0
    refused = planner.run("deploy", "dev", "--yes")
    assert refused.code == 9, "the empty stack stays, since the planner may not delete it"
    assert "no permission for ExecuteChangeSet" in refused.said

    lives(lambda: ("deploy", "dev", "--yes"))
    push(endpoint, "latest", "v2")
    lives(lambda: ("start", "dev", "--yes", "--steady", "1"))
    lives(lambda: ("release", "dev", "--service", "api", "--tag", "v2", "--yes"))
    lives(changing)
    lives(lambda: ("plan", "new"))
    for arguments in READS:
        lives(lambda arguments=arguments: arguments)
        assert arguments[0] == "run-job" or planner.run(*arguments).code == 0, arguments

    missed = {action: without(runner, action, command) for action, command in needed_by.items()}
    unnamed = {action for action, ran in missed.items() if not is_told(action, ran)}
    assert unnamed == set(UNJUDGED), {action: missed[action].said for action in unnamed}
    carried_out = {action for action, ran in missed.items() if not ran.code and not READ.search(action)}
    # What a plan leaves behind is told, and no reason to fail.
    assert carried_out - set(UNJUDGED) == {"cloudformation:DeleteChangeSet", "cloudformation:DeleteStack"}

    kept = without(runner, "cloudformation:DeleteStack", lambda: DESTROY)
    assert kept.code != 0
    assert is_told("cloudformation:DeleteStack", kept), kept.said
    runner.deny()
    gone = runner.run(*DESTROY)
    assert gone.code == 0, gone.said
    assert set(needed_by) | gone.actions <= {a for actions in deployer.CALLS.values() for a in actions}


def without(runner: User, action: str, command: Command) -> Ran:
    runner.deny(action)
    return runner.run(*command())


def is_told(action: str, ran: Ran) -> bool:
    """The action is named; or what was asked for ends as unknown or refused, with AWS's word for it."""
    return action.partition(":")[2] in ran.said or (ran.code != 0 and "AccessDenied" in ran.said)


def test_who_hands_over_a_role_lives_a_whole_life_too(endpoint: local.Endpoint) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "cloudformation.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
    }
    role = endpoint.client("iam").create_role(
        RoleName="fraud-cloudformation", AssumeRolePolicyDocument=json.dumps(trust)
    )["Role"]["Arn"]
    hander = user(endpoint, "hander", "fraud-deploy-by-role")
    for arguments in (
        ("plan", "new", "--role-arn", role),
        ("deploy", "new", "--yes", "--role-arn", role),
        ("status", "new"),
        ("destroy", "new", "--yes", "--confirm", "TapStacknew"),
    ):
        done = hander.run(*arguments)
        assert done.code == 0, (arguments, done.said)
