"""The command lives a whole life on the local endpoint with exactly the actions of its policies.

The endpoint judges most requests by `*` where AWS judges by the stack's or the service's ARN, so here every
action is granted on everything; that each call's own ARN is granted, the evaluator judges.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any
from unittest import mock

import pytest
from botocore import xform_name
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from fraud_cfn import local
from fraud_cfn.config import COMMITTED
from fraud_cfn.deploy.cli import main
from fraud_cfn.deploy.terminal import clock
from fraud_cfn.prove import deployer
from fraud_cfn.review.actions import resource_forms
from fraud_cfn.review.model import read
from fraud_cfn.template import document
from tests.lens import WORKLOADS, kebab
from tests.prove.test_deployer import ACCOUNT, RENAMED, SERVICES, may

# Why they are not missed here → actions: the endpoint does not judge them, or the story does not come to it.
NOT_MISSED = {
    "not judged": (
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingActivities",
        "application-autoscaling:RegisterScalableTarget",
    ),
    "asked by AWS itself, beside the calls": deployer.BESIDE,
    "the templates have a bucket": deployer.CALLS["MakeTheTemplateBucket"],
    "a bucket that is gone is not judged": ("s3:ListBucket",),
    "the weights are right already": ("elasticloadbalancing:ModifyRule",),
    "no stack stops halfway": tuple(
        f"cloudformation:{name}" for name in ("CancelUpdateStack", "ContinueUpdateRollback", "RollbackStack")
    ),
    "no hook refuses": ("cloudformation:ListHookResults",),
    "the secrets have AWS's key": ("kms:DescribeKey",),
    "no certificate, web ACL, boundary or bucket for logs is given": (
        "acm:DescribeCertificate",
        "iam:GetPolicy",
        "s3:GetBucketLocation",
        "s3:GetBucketPolicy",
        "s3:GetEncryptionConfiguration",
        "wafv2:GetWebACL",
    ),
    "no quota is short": ("servicequotas:GetServiceQuota",),
    "no image is gone back to": ("ecr:BatchGetImage",),
    "the job's task ends by itself": ("ecs:StopTask",),
    "nobody writes a log group anew": ("logs:DeleteLogGroup",),
}
UNMISSED = {action for actions in NOT_MISSED.values() for action in actions}
# Told when it is denied, and no reason to fail: what a plan leaves behind.
FORGIVEN = {"cloudformation:DeleteChangeSet", "cloudformation:DeleteStack"}
READ = re.compile(":(Describe|List|Get)")
LOOKED_FOR = ("Addresses", "NatGateways", "Vpcs")  # by ids that only the stack knew
LISTED = {action for actions in deployer.CALLS.values() for action in actions}
Call = tuple[str, dict[str, Any]]  # an action that it is judged by, its parameters
Command = Callable[[], tuple[str, ...]]
_MINUTES = count(6)
_PARSE = functools.cache(document.parse)
POLICIES = deployer.policies(read(COMMITTED))


class Clock:
    """A minute in a tenth of a second: what `destroy` waits for while it may not take it away."""

    skipped = 0.0

    def sleep(self, seconds: float) -> None:
        self.skipped += max(seconds - 0.1, 0)
        time.sleep(min(seconds, 0.1))

    def now(self) -> float:
        return time.monotonic() + self.skipped


CLOCK = Clock()


@dataclass(frozen=True)
class Ran:
    """How a command ended, what it said, and what it asked of AWS."""

    code: int
    said: str
    actions: set[str]  # that its calls are judged by
    refused: set[str]
    untold: set[str]  # operations that were refused, and are not named


@dataclass(frozen=True)
class User:
    """A user of the endpoint who runs the command, in this process."""

    endpoint: local.Endpoint
    name: str
    stems: tuple[str, ...]  # of the policies that he has
    keys: dict[str, str]

    def run(self, *arguments: str) -> Ran:
        said, calls, refused = io.StringIO(), list[Call](), dict[str, set[str]]()
        really: Any = getattr(BaseClient, "_make_api_call")  # noqa: B009 - botocore's own, without types

        def recorded(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
            actions = action_of(client.meta.service_model.service_name, operation)
            calls.extend((action, parameters) for action in actions)
            try:
                return really(client, operation, parameters)
            except ClientError as error:
                answer: Any = error.response
                if (
                    "AccessDenied" in answer["Error"]["Code"]
                    or answer["ResponseMetadata"]["HTTPStatusCode"] == 403
                ):
                    refused[operation] = actions
                raise

        with (
            mock.patch.dict(os.environ, {**self.endpoint.environment, **self.keys}),
            mock.patch.object(BaseClient, "_make_api_call", recorded),
            mock.patch.object(document, "parse", _PARSE),  # reads each template once
            mock.patch("fraud_cfn.deploy.change.template._CHECKS", ()),  # nor checks it before each change
            mock.patch.object(clock, "sleep", CLOCK.sleep),
            mock.patch.object(clock, "now", CLOCK.now),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
        ):
            code = main(list(arguments))
        told = said.getvalue()
        may_not = set[str]().union(*refused.values())
        asked = {(action, arn) for action, given in calls for arn in about(action, given)}
        assert {action for action, arn in asked if not granted(self.stems, action, arn)} <= may_not
        untold = {
            operation
            for operation, actions in refused.items()
            if not any(name in told for name in (operation, *(action.split(":")[1] for action in actions)))
        }
        return Ran(code, told, {action for action, _ in calls}, may_not, untold)

    def deny(self, actions: Iterable[str] = ()) -> None:
        """Those actions are denied from now on, and those denied before are not."""
        statement = {"Effect": "Deny", "Action": sorted(actions) or "none:None", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
        self.endpoint.client("iam").put_user_policy(
            UserName=self.name, PolicyName="deny", PolicyDocument=policy
        )

    def misses(self, command: Command, actions: Iterable[str], never: Iterable[str] = ()) -> set[str]:
        """Those of the actions that the command asked for while they were denied, and told.

        All are denied at first. What was refused and told is allowed then, so that the command comes to the
        next: each is seen to be missed, in fewer runs than actions. `never` is denied throughout.
        """
        missed, left = set[str](), set(actions)
        while left:
            self.deny({*left, *never})
            ran = self.run(*command())
            if not (refused := ran.refused & left):
                break
            assert ran.said.count("AccessDenied") >= len(ran.untold), (ran.untold, ran.said)
            assert ran.code or not [a for a in refused - FORGIVEN if not READ.search(a)], ran.said
            missed |= refused
            left -= refused
        self.deny()
        return missed


def action_of(service: str, operation: str) -> set[str]:
    """The actions behind a call; none behind `sts:GetCallerIdentity`, which anybody may."""
    if service == "sts":
        return set()
    return RENAMED.get(xform_name(operation)) or {f"{SERVICES[service]}:{operation}"}


# ── What a call is about, as AWS judges it ──

_HERE = f"eu-central-1:{ACCOUNT}"
# Parameter of a call → the ARN of what it names, where it is no ARN itself.
NAMED = {
    "AlarmNames": f"arn:aws:cloudwatch:{_HERE}:alarm:{{}}",
    "Bucket": "arn:aws:s3:::{}",
    "DBClusterIdentifier": f"arn:aws:rds:{_HERE}:cluster:{{}}",
    "DBClusterParameterGroupName": f"arn:aws:rds:{_HERE}:cluster-pg:{{}}",
    "DBInstanceIdentifier": f"arn:aws:rds:{_HERE}:db:{{}}",
    "DBSubnetGroupName": f"arn:aws:rds:{_HERE}:subgrp:{{}}",
    "DashboardName": f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/{{}}",
    "GroupId": f"arn:aws:ec2:{_HERE}:security-group/{{}}",
    "Name": f"arn:aws:scheduler:{_HERE}:schedule-group/{{}}",
    "QueueName": f"arn:aws:sqs:{_HERE}:{{}}",
    "QueueUrl": f"arn:aws:sqs:{_HERE}:{{}}",
    "RoleName": f"arn:aws:iam::{ACCOUNT}:role/{{}}",
    "ResourceId": f"arn:aws:application-autoscaling:{_HERE}:scalable-target/{{}}",
    "SecretId": f"arn:aws:secretsmanager:{_HERE}:secret:{{}}-AbCdEf",
    "ServiceId": f"arn:aws:servicediscovery:{_HERE}:service/{{}}",
    "StackName": f"arn:aws:cloudformation:{_HERE}:stack/{{}}/0123",
    "VpcEndpointIds": f"arn:aws:ec2:{_HERE}:vpc-endpoint/{{}}",
    "clusters": f"arn:aws:ecs:{_HERE}:cluster/{{}}",
    "logGroupName": f"arn:aws:logs:{_HERE}:log-group:{{}}",
    "repositoryName": f"arn:aws:ecr:{_HERE}:repository/{{}}",
    "repositoryNames": f"arn:aws:ecr:{_HERE}:repository/{{}}",
    "service": f"arn:aws:ecs:{_HERE}:service/{{cluster}}/{{}}",
    "services": f"arn:aws:ecs:{_HERE}:service/{{cluster}}/{{}}",
}
# Judged by what their parameters do not name: a container instance, which Fargate has none of.
NAMELESS = {"ecs:ListTasks"}


@functools.cache
def granted(stems: tuple[str, ...], action: str, arn: str) -> bool:
    """Whether the policies as committed allow it."""
    return may(stems, action, arn)


def about(action: str, given: dict[str, Any]) -> set[str]:
    """The ARNs that AWS judges a call by; `*` where it takes no name."""
    forms = [form for forms in resource_forms(action).values() for form in forms]
    place = {"${Partition}": "aws", "${Region}": "eu-central-1", "${Account}": ACCOUNT}
    for name, value in place.items():
        forms = [form.replace(name, value) for form in forms]
    named = {arn for name in given for arn in arns(name, given)}
    if "object" in resource_forms(action):
        named = {f"{arn}/{given.get('Key', 'key')}" for arn in named}
    assert named or not forms or action in NAMELESS, (action, given)
    # A change set that is given by its ARN alone is judged as such.
    return {arn for arn in named if any(re.fullmatch(form, arn) for form in forms)} or named or {"*"}


def arns(name: str, given: dict[str, Any]) -> Iterator[str]:
    form = f"arn:aws:scheduler:{_HERE}:schedule/{given['GroupName']}/{{}}" if "GroupName" in given else ""
    for value in given[name] if isinstance(given[name], list) else [given[name]]:
        if isinstance(value, str) and value.startswith("arn:"):
            yield value
        elif isinstance(value, str) and name in NAMED:
            last = value if name == "logGroupName" else value.rpartition("/")[2]
            yield (form or NAMED[name]).format(last, cluster=given.get("cluster"))


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
        stems,
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


def stack_resources(endpoint: local.Endpoint) -> dict[str, str]:
    pages = endpoint.client("cloudformation").get_paginator("list_stack_resources")
    return {
        one["LogicalResourceId"]: one["PhysicalResourceId"]
        for page in pages.paginate(StackName="TapStackdev")
        for one in page["StackResourceSummaries"]
    }


def put_in_the_way(endpoint: local.Endpoint) -> None:
    """What `destroy` has to take away first: protections, objects, GuardDuty's parts, a name in Cloud Map."""
    ids, client = stack_resources(endpoint), endpoint.client
    client("cloudformation").update_termination_protection(
        StackName="TapStackdev", EnableTerminationProtection=True
    )
    client("rds").modify_db_cluster(DBClusterIdentifier=ids["DatabaseCluster"], DeletionProtection=True)
    client("elbv2").modify_load_balancer_attributes(
        LoadBalancerArn=ids["LoadBalancer"],
        Attributes=[{"Key": "deletion_protection.enabled", "Value": "true"}],
    )
    bucket, vpc = ids["DataBucket"], ids["Vpc"]
    locks = {"ObjectLockEnabled": "Enabled"}
    client("s3").put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=locks)
    client("s3").put_object(Bucket=bucket, Key="a", Body=b"a")
    client("s3").create_multipart_upload(Bucket=bucket, Key="unfinished")
    client("ec2").create_security_group(
        GroupName=f"GuardDutyManagedSecurityGroup-{vpc}", Description="GuardDuty's", VpcId=vpc
    )
    managed = [{"Key": "GuardDutyManaged", "Value": "true"}]
    client("ec2").create_vpc_endpoint(
        VpcId=vpc,
        ServiceName="com.amazonaws.eu-central-1.guardduty-data",
        VpcEndpointType="Interface",
        TagSpecifications=[{"ResourceType": "vpc-endpoint", "Tags": managed}],
    )
    client("servicediscovery").register_instance(
        ServiceId=ids["ApiDiscovery"], InstanceId="i-1", Attributes={"AWS_INSTANCE_IPV4": "10.0.0.9"}
    )


def test_a_whole_life_takes_exactly_these_actions_and_each_that_is_denied_is_missed(
    endpoint: local.Endpoint,
) -> None:
    planner = user(endpoint, "planner", "fraud-plan")
    runner = user(endpoint, "runner", "fraud-deploy", "fraud-deploy-roles")
    needed_by: dict[str, Command] = {}  # action → the last command that needs it

    def lives(command: Command) -> None:
        done = runner.run(*command())
        assert (done.code, done.refused) == (0, set()), (command(), done.said)
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
    planned, missed_by_planner = set[str](), set[str]()
    for arguments in READS:
        lives(lambda arguments=arguments: arguments)
        if arguments[0] == "run-job":
            continue
        done = planner.run(*arguments)
        assert done.code == 0, (arguments, done.said)
        planned |= done.actions
        missed_by_planner |= planner.misses(lambda arguments=arguments: arguments, done.actions)
    assert planned - missed_by_planner <= UNMISSED

    missed = set[str]()
    for command in dict.fromkeys(needed_by.values()):
        missed |= runner.misses(command, {action for action, by in needed_by.items() if by is command})
    assert set(needed_by) - missed <= UNMISSED

    put_in_the_way(endpoint)
    keeps, destroy = ["cloudformation:DeleteStack"], lambda: (*DESTROY, "--unprotect")
    before = runner.misses(destroy, LISTED, never=keeps)
    ends = {"cloudformation:DescribeStackEvents", *(f"ec2:Describe{kind}" for kind in LOOKED_FOR)}
    runner.deny(ends)
    gone = runner.run(*destroy())
    assert (gone.code, gone.refused) == (6, ends), gone.said
    missed |= before | ends | runner.misses(lambda: DESTROY, LISTED)
    assert LISTED - missed == UNMISSED, "each is missed, or has a reason in NOT_MISSED"


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
