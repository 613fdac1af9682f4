"""Who may do what, by equality: a permission added by accident fails here. Change it with the template.

A line: what it is on → actions of that service, and after `if` the condition. A further workload needs no
line here as long as it keeps to what every workload has and to what its own module makes; `docs/access.md`,
which `make docs` writes, is where a reviewer signs it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from fraud_cfn.config import COMMITTED
from fraud_cfn.prove.access import matrix, shifting_roles
from fraud_cfn.prove.environment import Environment, environment
from fraud_cfn.review.grants import Grant
from fraud_cfn.review.model import Template, read
from fraud_cfn.template.scenarios import SCENARIOS
from tests.lens import FURTHER, FURTHER_IDS, WORKLOADS, further, kebab

BUCKET = "fraud-data-dev-111122223333-eu-central-1-an"
ANY_TASK = "arn:aws:ecs:eu-central-1:111122223333:*"
GROUP = "arn:aws:scheduler:eu-central-1:111122223333:schedule-group/fraud-schedules-dev"
CLUSTER = "arn:aws:ecs:eu-central-1:111122223333:cluster/fraud-cluster-dev"
HERE = "aws:SourceAccount 111122223333"

BY_TASKS = {f"by ecs-tasks.amazonaws.com if aws:SourceArn {ANY_TASK}, {HERE}": "sts:AssumeRole"}
DATA = {
    f"s3 {BUCKET}": "s3:ListBucket",
    f"s3 {BUCKET}/*": "s3:AbortMultipartUpload s3:GetObject s3:PutObject",
}
TRACES = {
    "*": "xray:GetSamplingRules xray:GetSamplingStatisticSummaries xray:GetSamplingTargets "
    "xray:PutTelemetryRecords xray:PutTraceSegments",
}


EXECUTION_ON_EVERYTHING = "ecr:GetAuthorizationToken"
RUNNING = {"ecs task/fraud-cluster-dev/* if ecs:CreateAction RunTask": "ecs:TagResource"}
BY_A_SCHEDULE = "by scheduler.amazonaws.com"
BY_SCHEDULES = f"{BY_A_SCHEDULE} if aws:SourceArn {{}}, {HERE}"
PROTECTION = {"ecs task/fraud-cluster-dev/*": "ecs:GetTaskProtection ecs:UpdateTaskProtection"}


def login(user: str) -> dict[str, str]:
    return {f"rds-db dbuser:cluster-DatabaseCluster-dev/{user}": "rds-db:connect"}


def execution(workload: str) -> dict[str, str]:
    return BY_TASKS | {
        "*": EXECUTION_ON_EVERYTHING,
        f"ecr repository/fraud-{workload}-dev": "ecr:BatchCheckLayerAvailability ecr:BatchGetImage "
        "ecr:GetDownloadUrlForLayer",
        f"logs log-group:/ecs/fraud-{workload}-dev:*": "logs:CreateLogStream logs:PutLogEvents",
        "secretsmanager secret:fraud-api-keys-dev-AbCdEf": "secretsmanager:GetSecretValue",
        "secretsmanager secret:fraud-database-dev-AbCdEf": "secretsmanager:GetSecretValue",
    }


def only_tls(service: str, *on: str) -> dict[str, str]:
    return {f"by * deny {service} {each} if aws:SecureTransport false": f"{service}:*" for each in on}


SHIFTING = {
    "by ecs.amazonaws.com": "sts:AssumeRole",
    "*": "elasticloadbalancing:DescribeListeners elasticloadbalancing:DescribeRules "
    "elasticloadbalancing:DescribeTargetGroups elasticloadbalancing:DescribeTargetHealth",
    "elasticloadbalancing listener/app/fraud-alb-dev/*": "elasticloadbalancing:ModifyListener",
    "elasticloadbalancing listener-rule/app/fraud-alb-dev/*": "elasticloadbalancing:ModifyRule",
}
EXPECTED = {
    "ApiTaskRole": BY_TASKS
    | DATA
    | TRACES
    | login("fraud_api")
    | {"sqs fraud-jobs-dev": "sqs:GetQueueAttributes sqs:GetQueueUrl sqs:SendMessage"},
    "WorkerTaskRole": BY_TASKS
    | DATA
    | TRACES
    | login("fraud_worker")
    | {
        "sqs fraud-jobs-dev": "sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:GetQueueAttributes "
        "sqs:GetQueueUrl sqs:ReceiveMessage",
    }
    | PROTECTION,
    "JobTaskRole": BY_TASKS | DATA | TRACES | login("fraud_job"),
    "ApiExecutionRole": execution("api"),
    "WorkerExecutionRole": execution("worker"),
    "JobExecutionRole": execution("job"),
    "ScheduleRole": {
        BY_SCHEDULES.format(GROUP): "sts:AssumeRole",
        f"ecs task-definition/fraud-job-dev:* if ecs:cluster {CLUSTER}": "ecs:RunTask",
        **RUNNING,
        "iam role/fraud-job-task-dev if iam:PassedToService ecs-tasks.amazonaws.com": "iam:PassRole",
        "iam role/fraud-job-execution-dev if iam:PassedToService ecs-tasks.amazonaws.com": "iam:PassRole",
        "sqs fraud-missed-runs-dev": "sqs:SendMessage",
    },
    "ApiDeploymentRole": SHIFTING
    | {
        f"elasticloadbalancing targetgroup/{colour}TargetGroup/dev": "elasticloadbalancing:DeregisterTargets "
        "elasticloadbalancing:RegisterTargets"
        for colour in ("Blue", "Green")
    },
    "DataBucketPolicy": only_tls("s3", BUCKET, f"{BUCKET}/*"),
    "JobQueuePolicy": only_tls("sqs", "fraud-jobs-dev"),
    "DeadLetterQueuePolicy": only_tls("sqs", "fraud-dead-letters-dev"),
    "MissedRunsQueuePolicy": only_tls("sqs", "fraud-missed-runs-dev"),
    "S3Endpoint": {
        "by * s3 prod-eu-central-1-starport-layer-bucket/*": "s3:GetObject",
    }
    | {
        f"by * s3 {on}": "s3:AbortMultipartUpload s3:GetObject s3:ListBucket s3:PutObject"
        for on in (BUCKET, f"{BUCKET}/*")
    },
}


def seen(**values: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, set[str]]] = {}
    for holder, grants in matrix(environment(read(COMMITTED), **values)).items():
        for grant in grants:
            on = found.setdefault(holder.logical_id, {})
            on.setdefault(place(grant), set()).add(str(grant.action))
    return {
        name: {on: " ".join(sorted(actions)) for on, actions in places.items()}
        for name, places in found.items()
    }


def place(grant: Grant) -> str:
    words = [f"by {grant.principal}"] if grant.principal else []
    words += ["deny"] if grant.effect == "Deny" else []
    if grant.resource is not None:
        _, _, service, _, _, rest = (grant.resource.split(":", 5) + [""] * 5)[:6]
        words.append(f"{service} {rest}" if service else grant.resource)
    if grant.tests:
        words.append("if " + ", ".join(f"{key} {' or '.join(values)}" for _, key, values in grant.tests))
    return " ".join(words)


@pytest.mark.parametrize("name", EXPECTED)
def test_it_may_do_exactly_that(name: str) -> None:
    assert seen()[name] == EXPECTED[name]


def test_nobody_else_has_or_gives_a_permission() -> None:
    assert set(seen()) - FURTHER_IDS == set(EXPECTED) - FURTHER_IDS


def test_a_further_workload_starts_with_its_own_image_logs_and_secrets() -> None:
    for workload in FURTHER:
        assert seen()[f"{workload}ExecutionRole"] == execution(kebab(workload))


def test_a_further_module_may_use_what_every_workload_uses_and_what_it_makes_itself() -> None:
    assert list(beyond(read(COMMITTED))) == []


def beyond(template: Template) -> Iterator[str]:
    """What roles and policies of further modules allow beyond that, in words."""
    subject, made_in = environment(template), template.defined_in
    for holder, grants in matrix(subject).items():
        if holder.logical_id not in further(made_in) or holder.logical_id in EXPECTED:
            continue
        module = made_in[holder.logical_id]
        own = {arn for key, arn in arns(subject).items() if made_in[key] == module}
        own |= {f"{arn.removesuffix(':1')}:*" for arn in own if ":task-definition/" in arn}
        workload = kebab(holder.logical_id.removesuffix("ExecutionRole").removesuffix("TaskRole"))
        own_user = login(f"fraud_{workload.replace('-', '_')}")
        of_everyone = execution(workload) | DATA | TRACES | own_user | PROTECTION | RUNNING
        of_everyone["*"] += " " + EXECUTION_ON_EVERYTHING
        if arns(subject).get(holder.logical_id) in shifting_roles(subject):
            of_everyone = SHIFTING
        for grant in grants:
            usual = str(grant.action) in of_everyone.get(place(grant), "").split()
            usual |= place(grant) in {BY_SCHEDULES.format(arn) for arn in own}
            if grant.effect == "Allow" and not usual and grant.resource not in own:
                yield (
                    f"{holder.logical_id} allows {grant.action} {place(grant)}; {module} does not make that: "
                    "if it must, write its lines into EXPECTED in tests/prove/test_matrix.py"
                )


def arns(subject: Environment) -> dict[str, str]:
    """Logical id → ARN, of everything that has one."""
    found: dict[str, str] = {}
    for logical_id in subject.resources:
        with contextlib.suppress(KeyError):
            found[logical_id] = subject.arn(logical_id)
    return found


@pytest.mark.parametrize(
    "scenario", ["live", "TLS", "alarms", "rolling", "ARM64", "no reader", "access logs"]
)
def test_a_parameter_that_is_no_key_and_no_boundary_changes_no_permission(scenario: str) -> None:
    assert seen(**SCENARIOS[scenario]) == seen()


KEY = "kms key/0b1c2d3e-1111-2222-3333-444455556666 if kms:ViaService"
S3, SQS, SECRETS = (f"{service}.eu-central-1.amazonaws.com" for service in ("s3", "sqs", "secretsmanager"))


def through(workload: str) -> str:
    """The services through which a further workload uses the data's key."""
    uses_queue = any(on.startswith("sqs ") for on in seen()[f"{workload}TaskRole"])
    return f"{S3} or {SQS}" if uses_queue else S3


WITH_A_KEY = {
    "customer managed keys": {
        role: {f"{key} {SECRETS}": "kms:Decrypt" for key in (KEY, KEY.replace("key/", "key/mrk-"))}
        for role in (f"{workload}ExecutionRole" for workload in WORKLOADS)
    },
    "data key": {
        role: {f"{KEY} {services}": "kms:Decrypt kms:GenerateDataKey"}
        for role, services in {
            "ApiTaskRole": f"{S3} or {SQS}",
            "WorkerTaskRole": f"{S3} or {SQS}",
            "JobTaskRole": S3,
            "ScheduleRole": SQS,
            **{f"{workload}TaskRole": through(workload) for workload in FURTHER},
            **{role: SQS for role in seen() if role in FURTHER_IDS and BY_A_SCHEDULE in str(seen()[role])},
        }.items()
    },
}


@pytest.mark.parametrize("scenario", WITH_A_KEY)
def test_a_key_adds_its_use_through_the_service_that_needs_it_and_nothing_else(scenario: str) -> None:
    plain, keyed = seen(), seen(**SCENARIOS[scenario])
    added = {
        name: {on: actions for on, actions in places.items() if plain[name].get(on) != actions}
        for name, places in keyed.items()
    }
    assert {name: places for name, places in added.items() if places} == WITH_A_KEY[scenario]
    assert all(plain[name].items() <= keyed[name].items() for name in plain), "nothing is taken away"
