"""IAM by execution: on the local endpoint, which judges by IAM here, each role is assumed and used.

What the endpoint cannot judge (who may pass a role, in which cluster a task runs) the evaluator does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from fraud_cfn import local
from fraud_cfn.config import REGION
from fraud_cfn.template.document import Document
from tests.integration.deployer import Deployer

DENIED = ("AccessDenied", "AccessDeniedException", "AccessDeniedFault")
WORKLOADS = ("api", "worker", "job")
TASKS = [f"{workload}-task" for workload in WORKLOADS]
EXECUTIONS = [f"{workload}-execution" for workload in WORKLOADS]
ROLES = [*TASKS, *EXECUTIONS, "job-schedule", "api-deployment"]
OTHER = "dev2"  # `dev` is how its name begins


@dataclass(frozen=True)
class Place:
    """Two environments, `dev` and `dev2`, on an endpoint that judges by IAM."""

    endpoint: local.Endpoint
    session: boto3.Session  # reads the model of each service once

    def client(self, service: str, role: str = "", *, over_tls: bool = True) -> Any:
        """A client that has assumed `fraud-<role>-dev`; without a role, the account's root."""
        if not role:
            return self.endpoint.client(service)
        arn = f"arn:aws:iam::{local.ACCOUNT}:role/fraud-{role}-dev"
        assumed = self.endpoint.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        client: Any = self.session.client(
            cast("Any", service),
            region_name=REGION,
            endpoint_url=self.endpoint.url,
            verify=self.endpoint.certificate,
            aws_access_key_id=assumed["AccessKeyId"],
            aws_secret_access_key=assumed["SecretAccessKey"],
            aws_session_token=assumed["SessionToken"],
            config=Config(proxies={}),
        )
        if not over_tls:  # as a proxy says that the request came to it in the clear
            client.meta.events.register(
                "before-send", lambda request, **_: request.headers.update({"X-Forwarded-Proto": "http"})
            )
        return client

    def queue(self, thing: str, suffix: str = "dev") -> str:
        return self.client("sqs").get_queue_url(QueueName=f"fraud-{thing}-{suffix}")["QueueUrl"]

    def bucket(self, suffix: str = "dev") -> str:
        return f"fraud-data-{suffix}-{local.ACCOUNT}-{REGION}-an"


@pytest.fixture(scope="module")
def place(document: Document) -> Iterator[Place]:
    with local.endpoint(iam=True) as endpoint:
        s3, iam = endpoint.client("s3"), endpoint.client("iam")
        s3.create_bucket(Bucket="template", CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket="template", Key="template.json", Body=document.minified().encode())
        deployer = Deployer(endpoint, f"{endpoint.url}/template/template.json")
        for suffix in ("dev", OTHER):
            assert deployer.create(suffix) == "CREATE_COMPLETE"
        administrator = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        iam.create_role(RoleName="fraud-administrator-dev", AssumeRolePolicyDocument=json.dumps(_trust()))
        iam.put_role_policy(
            RoleName="fraud-administrator-dev",
            PolicyName="all",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": administrator}),
        )
        for role in ROLES:
            # Only so that a test can assume it: services cannot be called upon here.
            iam.update_assume_role_policy(RoleName=f"fraud-{role}-dev", PolicyDocument=json.dumps(_trust()))
        yield Place(endpoint, boto3.Session())


def _trust() -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"AWS": local.ACCOUNT}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def allowed(call: Callable[..., Any], **arguments: Any) -> bool:
    """Whether IAM let the call through; what the service says of it afterwards does not matter."""
    try:
        call(**arguments)
    except ClientError as error:
        answer: Any = error.response
        return answer["Error"]["Code"] not in DENIED and answer["ResponseMetadata"]["HTTPStatusCode"] != 403
    return True


# ── Queues ──


@pytest.mark.parametrize("role", ROLES)
def test_only_the_worker_receives_and_from_its_queue_only(place: Place, role: str) -> None:
    sqs = place.client("sqs", role)
    received = {
        (thing, suffix)
        for thing in ("jobs", "dead-letters", "missed-runs")
        for suffix in ("dev", OTHER)
        if allowed(sqs.receive_message, QueueUrl=place.queue(thing, suffix))
    }
    assert received == ({("jobs", "dev")} if role == "worker-task" else set())


@pytest.mark.parametrize("role", ROLES)
def test_the_api_sends_jobs_the_scheduler_missed_runs_and_nobody_else_anything(
    place: Place, role: str
) -> None:
    sqs = place.client("sqs", role)
    sent = {
        (thing, suffix)
        for thing in ("jobs", "dead-letters", "missed-runs")
        for suffix in ("dev", OTHER)
        if allowed(sqs.send_message, QueueUrl=place.queue(thing, suffix), MessageBody="hello")
    }
    expected = {"api-task": {("jobs", "dev")}, "job-schedule": {("missed-runs", "dev")}}
    assert sent == expected.get(role, set())


def test_a_job_goes_from_the_api_to_the_worker_and_is_done(place: Place) -> None:
    queue = place.queue("jobs")
    place.client("sqs", "api-task").send_message(QueueUrl=queue, MessageBody="to do")
    worker = place.client("sqs", "worker-task")
    messages = worker.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert "to do" in [message["Body"] for message in messages]
    for message in messages:
        handle = {"QueueUrl": queue, "ReceiptHandle": message["ReceiptHandle"]}
        worker.change_message_visibility(**handle, VisibilityTimeout=600)
        worker.delete_message(**handle)


@pytest.mark.parametrize("role", ROLES)
def test_nobody_purges_or_deletes_a_queue(place: Place, role: str) -> None:
    sqs = place.client("sqs", role)
    assert not allowed(sqs.purge_queue, QueueUrl=place.queue("jobs"))
    assert not allowed(sqs.delete_queue, QueueUrl=place.queue("jobs"))


# ── Bucket ──


@pytest.mark.parametrize("role", ROLES)
def test_tasks_read_and_write_the_data_and_nobody_deletes_it(place: Place, role: str) -> None:
    s3 = place.client("s3", role)
    own = {"Bucket": place.bucket(), "Key": "a"}
    place.client("s3").put_object(**own, Body=b"kept")
    is_task = role in TASKS
    assert allowed(s3.put_object, **own, Body=b"kept") is is_task
    assert allowed(s3.get_object, **own) is is_task
    assert allowed(s3.list_objects_v2, Bucket=own["Bucket"]) is is_task
    assert not allowed(s3.delete_object, **own)
    assert not allowed(s3.delete_bucket, Bucket=own["Bucket"])
    assert not allowed(s3.delete_bucket_policy, Bucket=own["Bucket"])
    assert place.client("s3").get_object(**own)["Body"].read() == b"kept"


@pytest.mark.parametrize("role", ROLES)
def test_another_environment_s_bucket_is_refused(place: Place, role: str) -> None:
    s3 = place.client("s3", role)
    other = {"Bucket": place.bucket(OTHER), "Key": "a"}
    place.client("s3").put_object(**other, Body=b"other")
    assert not allowed(s3.get_object, **other)
    assert not allowed(s3.put_object, **other, Body=b"mine")
    assert not allowed(s3.list_objects_v2, Bucket=other["Bucket"])


# ── What starting a task needs ──


@pytest.mark.parametrize("role", ROLES)
def test_execution_roles_read_this_environment_s_secrets_and_nobody_else_any(place: Place, role: str) -> None:
    secrets = place.client("secretsmanager", role)
    read = {
        (kind, suffix)
        for kind in ("database", "api-keys")
        for suffix in ("dev", OTHER)
        if allowed(secrets.get_secret_value, SecretId=f"fraud-{kind}-{suffix}")
    }
    assert read == ({("database", "dev"), ("api-keys", "dev")} if role in EXECUTIONS else set())
    assert not allowed(secrets.put_secret_value, SecretId="fraud-api-keys-dev", SecretString="x")
    assert not allowed(secrets.delete_secret, SecretId="fraud-api-keys-dev")


@pytest.mark.parametrize("role", ROLES)
def test_a_role_does_not_write_to_the_logs_of_others(place: Place, role: str) -> None:
    # To its own neither, here: the endpoint leaves out the `:*` at the end of a log group's ARN, with which
    # IAM judges all but tagging (CloudWatch Logs User Guide, "Resources"). That it may, the claims prove.
    logs = place.client("logs", role)
    for workload in WORKLOADS:
        for suffix in ("dev", OTHER):
            if (workload, suffix) != (role.partition("-")[0], "dev"):
                group = f"/ecs/fraud-{workload}-{suffix}"
                assert not allowed(logs.create_log_stream, logGroupName=group, logStreamName=f"app/{role}")
    assert not allowed(logs.delete_log_group, logGroupName="/ecs/fraud-api-dev")


@pytest.mark.parametrize("role", ROLES)
def test_a_role_pulls_its_own_image_only(place: Place, role: str) -> None:
    ecr = place.client("ecr", role)
    pulled = {
        (workload, suffix)
        for workload in WORKLOADS
        for suffix in ("dev", OTHER)
        if allowed(
            ecr.batch_get_image,
            repositoryName=f"fraud-{workload}-{suffix}",
            imageIds=[{"imageTag": "latest"}],
        )
    }
    assert pulled == ({(role.partition("-")[0], "dev")} if role in EXECUTIONS else set())
    assert allowed(ecr.get_authorization_token) is (role in EXECUTIONS)
    assert not allowed(ecr.put_image, repositoryName="fraud-api-dev", imageManifest="{}", imageTag="v1")
    assert not allowed(ecr.delete_repository, repositoryName="fraud-api-dev", force=True)


# ── Everybody ──


@pytest.mark.parametrize("role", ROLES)
def test_nobody_changes_roles(place: Place, role: str) -> None:
    iam = place.client("iam", role)
    own = f"fraud-{role}-dev"
    assert not allowed(
        iam.create_role, RoleName="fraud-new-dev", AssumeRolePolicyDocument=json.dumps(_trust())
    )
    assert not allowed(
        iam.put_role_policy, RoleName=own, PolicyName="more", PolicyDocument=json.dumps(_trust())
    )
    assert not allowed(
        iam.attach_role_policy, RoleName=own, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    )


def test_a_role_as_the_template_makes_it_is_assumed_by_nobody_here(place: Place) -> None:
    arn = f"arn:aws:iam::{local.ACCOUNT}:role/fraud-worker-task-{OTHER}"
    administrator = place.client("sts", "administrator")
    assert not allowed(administrator.assume_role, RoleArn=arn, RoleSessionName="test")


@pytest.mark.parametrize("over_tls", [True, False])
def test_an_administrator_too_is_refused_over_plain_http(place: Place, over_tls: bool) -> None:
    sqs = place.client("sqs", "administrator", over_tls=over_tls)
    s3 = place.client("s3", "administrator", over_tls=over_tls)
    for thing in ("jobs", "dead-letters", "missed-runs"):
        queue = {"QueueUrl": place.queue(thing)}
        assert allowed(sqs.get_queue_attributes, **queue, AttributeNames=["All"]) is over_tls
        assert allowed(sqs.send_message, **queue, MessageBody="hello") is over_tls
    assert allowed(s3.put_object, Bucket=place.bucket(), Key="b", Body=b"") is over_tls
    assert allowed(s3.get_object, Bucket=place.bucket(), Key="b") is over_tls
    assert allowed(s3.list_objects_v2, Bucket=place.bucket()) is over_tls
