"""Who may do what in the platform: the matrix, and the claims about it.

A claim is a function of the template (under parameter values) that yields what speaks against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product
from typing import Any

from fraud_cfn.prove.environment import Environment, environment
from fraud_cfn.prove.evaluator import Decision, Request, decide
from fraud_cfn.review.actions import expand, has_resource_level
from fraud_cfn.review.grants import ALL_BUT, Grant
from fraud_cfn.review.model import Template
from fraud_cfn.review.permissions import Holder, held
from fraud_cfn.review.wildcards import covers, overlap

_TASKS, _ECS, _SCHEDULER = "ecs-tasks.amazonaws.com", "ecs.amazonaws.com", "scheduler.amazonaws.com"
_SERVICES = (_TASKS, _ECS, _SCHEDULER, "lambda.amazonaws.com", "ec2.amazonaws.com", "events.amazonaws.com")
_TASK_DEFINITION, _QUEUE = "AWS::ECS::TaskDefinition", "AWS::SQS::Queue"
_ELSEWHERE = "999988887777"
# Where a careless wildcard after `dev`, before it, or in its place would reach.
_NEIGHBOURS = ("dev2", "dev-2", "devdev", "prod", "tst")


@lru_cache(maxsize=8)
def matrix(subject: Environment) -> dict[Holder, tuple[Grant, ...]]:
    """Every grant of every role and of every policy on a resource."""
    return held(subject.resources)


# ── What the template itself says of roles and workloads ──


def _task_roles(subject: Environment, key: str) -> dict[str, str]:
    """Task definition → ARN of its task role, or of its execution role."""
    return {name: str(p[key]) for name, p in subject.of(_TASK_DEFINITION).items() if key in p}


def _granted(subject: Environment) -> Iterator[tuple[str, str, Grant]]:
    """Role, action (wildcards expanded) and grant of everything that roles are allowed."""
    for holder, grants in matrix(subject).items():
        for grant in grants:
            if holder.role and grant.effect == "Allow" and grant.principal is None and grant.action:
                yield from ((holder.role, action, grant) for action in expand(grant.action))


@cache
def _reaches(resource: str | None, arn: str) -> bool:
    """Whether a grant on that resource may be one on the ARN."""
    if resource is None or not resource.startswith(ALL_BUT):
        may = overlap if "${" in (resource or "") else covers  # the ARN stands for itself only
        return resource is None or may(resource, arn)
    return not any(covers(left_out, arn) for left_out in resource.removeprefix(ALL_BUT).split(", "))


# ── Claims ──


def nobody_deletes_objects(template: Template, **values: str) -> Iterator[str]:
    subject = environment(template, **values)
    actions = [
        *expand("s3:Delete*"),
        *expand("s3:Put*Policy"),
        "s3:PutLifecycleConfiguration",
        "s3:PutBucketVersioning",
    ]
    for bucket in subject.of("AWS::S3::Bucket"):
        arn = subject.arn(bucket)
        for role, action in product(subject.roles.values(), actions):
            if any(subject.could(role, action, resource) for resource in (arn, f"{arn}/key")):
                yield f"{role.logical_id} may {action}"


@dataclass(frozen=True)
class _Schedule:
    """A scheduled job: logical ids, of its dead letters `""` where it has none."""

    role: str
    task: str
    missed_runs: str
    group: str


def _schedules(subject: Environment) -> list[_Schedule]:
    roles = {role.arn: name for name, role in subject.roles.items()}
    tasks = {subject.arn(name): name for name in subject.of(_TASK_DEFINITION)}
    queues = {subject.arn(name): name for name in subject.of(_QUEUE)}
    groups = {str(p["Name"]): name for name, p in subject.of("AWS::Scheduler::ScheduleGroup").items()}
    return [
        _Schedule(
            roles[target["RoleArn"]],
            tasks[target["EcsParameters"]["TaskDefinitionArn"]],
            queues.get(target.get("DeadLetterConfig", {}).get("Arn"), ""),
            groups[str(schedule["GroupName"])],
        )
        for schedule in subject.of("AWS::Scheduler::Schedule").values()
        for target in [schedule["Target"]]
    ]


_SENDS = {"sqs:SendMessage"}
_RECEIVES = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"}


def each_queue_has_its_senders_and_receivers(template: Template, **values: str) -> Iterator[str]:
    """Only API and scheduler send, each to its own queue; only the worker receives, from its own.

    A queue that a further workload brings has one receiver at most, and only tasks send to it.
    """
    subject = environment(template, **values)
    allowed = {
        ("ApiTaskRole", "JobQueue", "sqs:SendMessage"),
        ("WorkerTaskRole", "JobQueue", "sqs:ReceiveMessage"),
        ("WorkerTaskRole", "JobQueue", "sqs:DeleteMessage"),
        ("WorkerTaskRole", "JobQueue", "sqs:ChangeMessageVisibility"),
    }
    missed = {schedule.missed_runs for schedule in _schedules(subject)}
    allowed |= {(each.role, each.missed_runs, "sqs:SendMessage") for each in _schedules(subject)}
    harmless = {"sqs:GetQueueAttributes", "sqs:GetQueueUrl"}
    may = {
        (role.logical_id, queue, action)
        for role, queue, action in product(subject.roles.values(), subject.of(_QUEUE), expand("sqs:*"))
        if action not in harmless and subject.could(role, action, subject.arn(queue))
    }
    own = {item for item in may if item[1] not in {"JobQueue", "DeadLetterQueue", *missed}}
    yield from _differences(may - own, allowed)
    tasks = set(_task_roles(subject, "TaskRoleArn").values())
    receivers: dict[str, set[str]] = {}
    for role, queue, action in sorted(own):
        if action not in _SENDS | _RECEIVES or subject.roles[role].arn not in tasks:
            yield f"{role} may {action} on {queue}"
        if action in _RECEIVES:
            receivers.setdefault(queue, set()).add(role)
    for queue, roles in receivers.items():
        if len(roles) > 1:
            yield f"{' and '.join(sorted(roles))} receive from {queue}"


def another_environment_is_out_of_reach(template: Template, **values: str) -> Iterator[str]:
    """Also from `dev` to `dev2`, and to the same names in another account."""
    subject = environment(template, **values)
    others = [environment(template, suffix) for suffix in _NEIGHBOURS]
    others.append(environment(template, subject.suffix, _ELSEWHERE))
    elsewhere = [arn for other in others for arn in other.targets()]
    by_service: dict[str, list[str]] = {}
    for arn in elsewhere:
        by_service.setdefault(arn.split(":")[2], []).append(arn)
    for role, action, grant in _granted(subject):
        if has_resource_level(action):
            for resource in by_service.get(action.partition(":")[0].lower(), elsewhere):
                if _reaches(grant.resource, resource):
                    yield f"{role} may {action} on {resource}"


def what_a_role_may_use_is_here_or_given(template: Template, **values: str) -> Iterator[str]:
    """Where AWS knows resources of an action at all."""
    subject = environment(template, **values)
    ours = [*subject.targets(), *_secrets_of_tasks(subject)]
    ours += [given for value in values.values() for given in value.split(",")]
    for role, action, grant in _granted(subject):
        if grant.resource != "*" and not any(_reaches(grant.resource, arn) for arn in ours):
            yield f"{role} may {action} on {grant.resource}"


_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


def an_execution_role_is_enough_for_its_task_and_no_more(template: Template, **values: str) -> Iterator[str]:
    subject = environment(template, **values)
    by_arn = {role.arn: role for role in subject.roles.values()}
    more = [arn for arn in values.get("AdditionalRepositoryArns", "").split(",") if arn]
    for task, properties in subject.of(_TASK_DEFINITION).items():
        role = by_arn.get(str(properties.get("ExecutionRoleArn")))
        if role is None:
            yield f"{task} has no execution role of this template"
            continue
        needed = set(_needed_to_start(subject, properties))
        needed |= {(action, repository) for repository in more for action in _PULL}
        granted = {
            (grant.action, grant.resource)
            for grant in matrix(subject)[Holder(role.logical_id, role.logical_id)]
            if grant.principal is None and grant.effect == "Allow" and grant.action != "kms:Decrypt"
        }
        yield from (f"{role.logical_id} {text}" for text in _differences(granted, needed))


def _needed_to_start(subject: Environment, task: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(action, resource) of everything that starting that task asks of its execution role."""
    repositories = {
        str(p["RepositoryName"]): subject.arn(name) for name, p in subject.of("AWS::ECR::Repository").items()
    }
    groups = {
        str(p["LogGroupName"]): subject.arn(name) for name, p in subject.of("AWS::Logs::LogGroup").items()
    }
    for container in task["ContainerDefinitions"]:
        registry, _, path = str(container["Image"]).partition("/")
        repository = repositories.get(path.partition(":")[0])
        if repository and ".dkr.ecr." in registry:
            yield ("ecr:GetAuthorizationToken", "*")
            yield from ((action, repository) for action in _PULL)
        group = groups[container["LogConfiguration"]["Options"]["awslogs-group"]]
        yield ("logs:CreateLogStream", group)
        yield ("logs:PutLogEvents", group)
        for secret in container.get("Secrets", []):
            yield ("secretsmanager:GetSecretValue", ":".join(str(secret["ValueFrom"]).split(":")[:7]))


def only_the_scheduler_passes_its_two_roles(template: Template, **values: str) -> Iterator[str]:
    """To `ecs-tasks`; nobody else passes any role to any service."""
    subject = environment(template, **values)
    tasks = subject.of(_TASK_DEFINITION)
    allowed = {
        (schedule.role, str(tasks[schedule.task][key]), _TASKS)
        for schedule in _schedules(subject)
        for key in ("TaskRoleArn", "ExecutionRoleArn")
    }
    passes = {
        (role, grant.resource, service)
        for role, action, grant in _granted(subject)
        if action == "iam:PassRole"
        for service in _only_to(grant)
    }
    yield from _differences(passes, allowed)


def shifting_roles(subject: Environment) -> set[str]:
    """ARNs of the roles with which ECS moves traffic from one version of a service to the next."""
    return {
        str(balanced["AdvancedConfiguration"]["RoleArn"])
        for service in subject.of("AWS::ECS::Service").values()
        for balanced in service.get("LoadBalancers", [])
    }


def _only_to(grant: Grant) -> tuple[str, ...]:
    """The services that roles are passed to by it."""
    for operator, key, services in grant.tests:
        if (operator, key.lower()) == ("StringEquals", "iam:passedtoservice"):
            return services
    return ("any service",)


def a_role_is_assumed_by_its_service_only(template: Template, **values: str) -> Iterator[str]:
    """For this account; task roles by `ecs-tasks`, the scheduler's for its own group of schedules."""
    subject = environment(template, **values)
    groups = {name: subject.arn(name) for name in subject.of("AWS::Scheduler::ScheduleGroup")}
    group = groups["ScheduleGroup"]
    task = f"arn:aws:ecs:eu-central-1:{subject.account}:task/fraud-cluster-{subject.suffix}/1"
    sources = {
        "own task": (subject.account, task),
        **{name: (subject.account, arn) for name, arn in groups.items()},
        "other schedules": (subject.account, group + "-other"),
        "another account": (_ELSEWHERE, task.replace(subject.account, _ELSEWHERE)),
        "another account's schedules": (_ELSEWHERE, group.replace(subject.account, _ELSEWHERE)),
    }
    tasks = {
        role for key in ("TaskRoleArn", "ExecutionRoleArn") for role in _task_roles(subject, key).values()
    }
    allowed = {(arn, _TASKS, "own task") for arn in tasks}
    allowed |= {(subject.arn(each.role), _SCHEDULER, each.group) for each in _schedules(subject)}
    # AWS documents no condition for it, and is not known to send a source.
    allowed |= {(arn, _ECS, source) for arn in shifting_roles(subject) for source in sources}
    assumed = {
        (role.arn, service, source)
        for role, service, (source, (account, arn)) in product(
            subject.roles.values(), _SERVICES, sources.items()
        )
        if subject.assumes(service, role, aws__SourceAccount=account, aws__SourceArn=arn)
    }
    yield from _differences(assumed, allowed)
    services = {(subject.role_of(arn), service) for arn, service, _ in allowed}
    for holder, grants in matrix(subject).items():
        trusted = {grant.principal for grant in grants if grant.effect == "Allow"} - {None}
        for principal in sorted(trusted, key=str) if holder.role else ():
            if (holder.role, principal) not in services:
                yield f"{holder.role} may be assumed by {principal}"


def no_role_changes_permissions(template: Template, **values: str) -> Iterator[str]:
    subject = environment(template, **values)
    harmless = {"iam:PassRole", "kms:Decrypt", "kms:GenerateDataKey"}
    actions = {*expand("iam:*"), *expand("kms:*"), *expand("sts:*")} - harmless
    for role, action, _ in _granted(subject):
        if action in actions:
            yield f"{role} may {action}"


def no_allow_is_wider_than_it_must_be(template: Template, **values: str) -> Iterator[str]:
    """No wildcard action, no NotAction; every resource only where AWS knows no narrower permission."""
    for holder, grants in matrix(environment(template, **values)).items():
        for grant in grants:
            if holder.role is None or grant.effect != "Allow" or grant.principal is not None:
                continue
            action = grant.action or "a managed policy"
            if grant.action is None or "*" in action or action.startswith("all but"):
                yield f"{holder.role} is allowed {action}"
            elif grant.resource == "*" and has_resource_level(action):
                yield f"{holder.role} may {action} on everything"


def secrets_are_read_by_execution_roles_only(template: Template, **values: str) -> Iterator[str]:
    """And only the two that are named to the environment."""
    subject = environment(template, **values)
    executing = set(_task_roles(subject, "ExecutionRoleArn").values())
    named = set(_secrets_of_tasks(subject))
    elsewhere = {f"arn:aws:secretsmanager:eu-central-1:{subject.account}:secret:other-AbCdEf"}
    for role, secret in product(subject.roles.values(), named | elsewhere):
        for action in expand("secretsmanager:*"):
            expected = role.arn in executing and secret in named and action.endswith(":GetSecretValue")
            if subject.could(role, action, secret) is not expected:
                yield f"{role.logical_id} {'may not' if expected else 'may'} {action} on {secret}"


def _secrets_of_tasks(subject: Environment) -> Iterator[str]:
    for properties in subject.of(_TASK_DEFINITION).values():
        for container in properties["ContainerDefinitions"]:
            for secret in container.get("Secrets", []):
                yield ":".join(str(secret["ValueFrom"]).split(":")[:7])


def each_task_logs_in_as_its_own_database_user(template: Template, **values: str) -> Iterator[str]:
    subject = environment(template, **values)
    users = {arn.rpartition("/")[2]: arn for arn in subject.targets() if ":rds-db:" in arn}
    expected = {
        (subject.role_of(role), users[subject.database_user(task)])
        for task, role in _task_roles(subject, "TaskRoleArn").items()
    }
    logs_in = {
        (role, grant.resource) for role, action, grant in _granted(subject) if action == "rds-db:connect"
    }
    yield from _differences(logs_in, expected)


def a_schedule_runs_its_job_in_its_cluster_only(template: Template, **values: str) -> Iterator[str]:
    subject = environment(template, **values)
    families = {name: subject.arn(name) for name in subject.of(_TASK_DEFINITION)}
    cluster = subject.arn("Cluster")
    own = {(schedule.role, schedule.task, cluster) for schedule in _schedules(subject)}
    for role, (task, arn), place in product(
        subject.roles.values(), families.items(), (cluster, cluster + "2", "")
    ):
        expected = (role.logical_id, task, place) in own
        context = {"ecs__cluster": place} if place else {}
        if subject.may(role, "ecs:RunTask", arn, **context) is not expected:
            may = "may not" if expected else "may"
            yield f"{role.logical_id} {may} run {task} in {place or 'any cluster'}"
    runs = {(role, grant.resource) for role, action, grant in _granted(subject) if action == "ecs:RunTask"}
    yield from _differences(runs, {(role, f"{families[task].rpartition(':')[0]}:*") for role, task, _ in own})


def plain_http_is_refused(template: Template, **values: str) -> Iterator[str]:
    """By the policies of bucket and queues, even for an administrator."""
    subject = environment(template, **values)
    administrator = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    who = f"arn:aws:iam::{subject.account}:role/admin"
    asked = [(subject.arn(queue), expand("sqs:*")) for queue in subject.of(_QUEUE)]
    for bucket in map(subject.arn, subject.of("AWS::S3::Bucket")):
        asked += [(bucket, expand("s3:*")), (f"{bucket}/key", expand("s3:*"))]
    for resource, actions in asked:
        for action in actions:
            for secure, expected in (("false", Decision.EXPLICIT_DENY), ("true", Decision.ALLOWED)):
                request = Request(action, resource, who, {"aws:SecureTransport": secure})
                decision = decide(request, identity=[administrator], resource=subject.resource_policies)
                if decision is not expected:
                    yield f"{action} on {resource} with aws:SecureTransport {secure}: {decision.value}"


def the_endpoint_lets_only_data_and_image_layers_through(template: Template, **values: str) -> Iterator[str]:
    subject = environment(template, **values)
    administrator = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    layers = "arn:aws:s3:::prod-eu-central-1-starport-layer-bucket/layer"
    data = [f"{subject.arn(bucket)}/key" for bucket in subject.of("AWS::S3::Bucket")]
    used = {action for _, action, _ in _granted(subject)}

    def passes(action: str, resource: str) -> bool:
        request = Request(action, resource, f"arn:aws:iam::{subject.account}:role/admin")
        limits = [[document] for document in subject.endpoint_policies]
        return decide(request, identity=[administrator], limits=limits) is Decision.ALLOWED

    if len(subject.endpoint_policies) < len(subject.of("AWS::EC2::VPCEndpoint")):
        yield "an endpoint without a policy lets everything through"
    for action in expand("s3:*"):
        reached = {
            resource for resource in (layers, *data, "arn:aws:s3:::other/key") if passes(action, resource)
        }
        expected = {layers} if action == "s3:GetObject" else set()
        expected |= set(data) if action in used else set()
        yield from (f"{action} {text}" for text in _differences(reached, expected))


def policies_on_resources_only_refuse(template: Template, **values: str) -> Iterator[str]:
    """What an endpoint's policy lets pass, the roles must have been allowed first."""
    subject = environment(template, **values)
    for holder, grants in matrix(subject).items():
        if holder.role is None and subject.resources[holder.logical_id][0] != "AWS::EC2::VPCEndpoint":
            for grant in grants:
                if grant.effect == "Allow":
                    yield f"{holder.logical_id} allows {grant.principal} {grant.action}"


def a_boundary_is_put_on_every_role_when_given(template: Template, **values: str) -> Iterator[str]:
    boundary = "arn:aws:iam::111122223333:policy/boundary"
    with_it = environment(template, **values | {"PermissionsBoundaryArn": boundary})
    without = environment(template, **values | {"PermissionsBoundaryArn": ""})
    for subject, expected in ((with_it, boundary), (without, None)):
        for role, properties in subject.of("AWS::IAM::Role").items():
            if properties.get("PermissionsBoundary") != expected:
                yield f"{role} has {properties.get('PermissionsBoundary')} where {expected} is asked"


def a_key_is_used_only_when_given_and_for_its_service(template: Template, **values: str) -> Iterator[str]:
    """Without a customer managed key no role has anything to do with KMS."""
    for role, action, _ in _granted(environment(template, **values)):
        if action.startswith("kms:") and not any("Kms" in key for key in values):
            yield f"{role} may {action}"


def _differences(has: set[Any], should: set[Any]) -> Iterator[str]:
    yield from (f"has {_said(item)}" for item in sorted(has - should, key=str))
    yield from (f"lacks {_said(item)}" for item in sorted(should - has, key=str))


def _said(item: Any) -> str:
    return " · ".join(map(str, item)) if isinstance(item, tuple) else str(item)


CLAIMS: dict[str, Callable[..., Iterator[str]]] = {
    "Nobody deletes objects, nor changes the bucket's policy, lifecycle or versions": nobody_deletes_objects,
    "The API alone sends to the queue of jobs, the worker alone receives; no queue has two receivers": (
        each_queue_has_its_senders_and_receivers
    ),
    "Another environment is out of reach, dev2 from dev too, and the same names in another account": (
        another_environment_is_out_of_reach
    ),
    "What a role may use is of this environment, or was given to it": what_a_role_may_use_is_here_or_given,
    "Each execution role is enough for its own task, and no more": (
        an_execution_role_is_enough_for_its_task_and_no_more
    ),
    "Nobody passes a role but the scheduler, and only its two, to ecs-tasks": (
        only_the_scheduler_passes_its_two_roles
    ),
    "Each role is assumed by its service only, and but for ECS when it shifts traffic (AWS documents no "
    "condition) for this account only": a_role_is_assumed_by_its_service_only,
    "No role changes permissions": no_role_changes_permissions,
    "No wildcard action; every resource only where AWS has no narrower permission": (
        no_allow_is_wider_than_it_must_be
    ),
    "Secrets are read by execution roles only, and only the two that are named": (
        secrets_are_read_by_execution_roles_only
    ),
    "Each workload logs in as its own database user only": each_task_logs_in_as_its_own_database_user,
    "The scheduler runs the job only, in this cluster only": a_schedule_runs_its_job_in_its_cluster_only,
    "Bucket and queues refuse every request over plain HTTP, an administrator's too": plain_http_is_refused,
    "The S3 endpoint lets only the data and the images' layers through": (
        the_endpoint_lets_only_data_and_image_layers_through
    ),
    "Policies on resources allow nobody anything": policies_on_resources_only_refuse,
    "A permissions boundary is put on every role when given": a_boundary_is_put_on_every_role_when_given,
    "Without a customer managed key, no role has anything to do with KMS": (
        a_key_is_used_only_when_given_and_for_its_service
    ),
}
