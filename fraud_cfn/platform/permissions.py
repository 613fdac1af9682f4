"""The vocabulary of permissions: what a role may do, in awacs.

Each function grants one thing on the resources it is given; no Allow has a wildcard action.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from awacs import aws, ecr, ecs, iam, kms, logs, rds_db, s3, secretsmanager, sqs, sts, xray
from awacs import elasticloadbalancing as elb
from troposphere import GetAtt, If, Parameter, Ref, Split, Sub
from troposphere.ecr import Repository
from troposphere.ecs import Cluster
from troposphere.elasticloadbalancingv2 import LoadBalancer, TargetGroup
from troposphere.iam import Policy, Role
from troposphere.logs import LogGroup
from troposphere.rds import DBCluster
from troposphere.s3 import Bucket
from troposphere.scheduler import ScheduleGroup
from troposphere.sqs import Queue

from fraud_cfn.platform.intrinsics import ACCOUNT, Because, because, sub
from fraud_cfn.platform.naming import name
from fraud_cfn.platform.parameters import (
    ADDITIONAL_REPOSITORIES,
    ADDITIONAL_REPOSITORY_ARNS,
    API_KEYS_ARN,
    DATA_KMS_KEY,
    DATA_KMS_KEY_ARN,
    DATABASE_CREDENTIALS_ARN,
    PERMISSIONS_BOUNDARY,
    PERMISSIONS_BOUNDARY_ARN,
    SECRETS_KMS_KEY_ARNS,
    SECRETS_KMS_KEYS,
)

Arn = GetAtt | Ref | Sub | If | str
Grant = list[aws.Statement]


def _everything(what: str) -> Because:
    """Every resource: only where AWS has no narrower permission."""
    return Because(["*"], f"AWS has no narrower permission for {what}")


def _document(*grants: Grant) -> aws.PolicyDocument:
    return aws.PolicyDocument(
        Version="2012-10-17", Statement=[statement for grant in grants for statement in grant]
    )


def _allow(
    sid: str,
    actions: Sequence[aws.Action],
    on: Sequence[Arn] | Split | Because,
    when: aws.ConditionElement | None = None,
) -> aws.Statement:
    condition: dict[str, Any] = {} if when is None else {"Condition": aws.Condition(when)}
    where: Any = on if isinstance(on, Split | Because) else list(on)
    return aws.Statement(Sid=sid, Effect=aws.Allow, Action=list(actions), Resource=where, **condition)


def _inline(title: str, *grants: Grant) -> Policy:
    """A policy of the role itself: neither outlives the other."""
    return Policy(PolicyName=title, PolicyDocument=_document(*grants))


# ── Roles ──────────────────────────────────────────────────────────────────────────────────────────


def _role(
    title: str,
    thing: str,
    service: str,
    source: aws.ConditionElement | None,
    reason: str,
    policies: list[Policy | If],
) -> Role:
    """A role that `service` may assume, in this account and for `source` only (no confused deputy)."""
    who: Any = aws.Principal("Service", service)
    trust = aws.Statement(
        Effect=aws.Allow, Principal=who if source else because(who, reason), Action=[sts.AssumeRole]
    )
    if source:
        here = aws.Condition([aws.StringEquals({"aws:SourceAccount": ACCOUNT}), source])
        trust.Condition = because(here, reason)
    return Role(
        title,
        RoleName=name(thing),
        AssumeRolePolicyDocument=_document([trust]),
        PermissionsBoundary=PERMISSIONS_BOUNDARY.choose(Ref(PERMISSIONS_BOUNDARY_ARN)),
        Policies=policies,
    )


def _any_task() -> aws.ConditionElement:
    """The source that ECS names.

    Source: Amazon ECS Developer Guide, "Amazon ECS task IAM role", on the confused deputy.
    """
    return aws.ArnLike({"aws:SourceArn": sub("arn:{partition}:ecs:{region}:{account}:*")})


_NO_NARROWER = "ECS names no narrower source than the account's ECS in a region"


def task_role(title: str, thing: str, *grants: Grant) -> Role:
    """A role for the containers of a task: what they may do."""
    policies = [_inline("task", *grants), _use_data_key(*grants)]
    return _role(title, thing, "ecs-tasks.amazonaws.com", _any_task(), _NO_NARROWER, policies)


def execution_role(title: str, thing: str, repository: Repository, logs: LogGroup) -> Role:
    """A role for what starts a task: its image, its logs, its secrets, and no more."""
    return _role(
        title,
        thing,
        "ecs-tasks.amazonaws.com",
        _any_task(),
        _NO_NARROWER,
        [
            _inline(
                "execution",
                _pull_image(repository),
                _write_logs(logs),
                _read_secrets(DATABASE_CREDENTIALS_ARN, API_KEYS_ARN),
            ),
            SECRETS_KMS_KEYS.choose(_inline("secrets-key", _decrypt_secrets(SECRETS_KMS_KEY_ARNS))),
            ADDITIONAL_REPOSITORIES.choose(_inline("repositories", _pull_more())),
        ],
    )


def infrastructure_role(title: str, thing: str, *grants: Grant) -> Role:
    """A role with which ECS itself works on other services.

    Source: Amazon ECS Developer Guide, "Amazon ECS infrastructure IAM role for load balancers", whose
    trust has no condition: ECS is not known to send a source, and a missing one would deny.
    """
    reason = "no condition: AWS documents none, and a source that ECS does not send would deny"
    return _role(title, thing, "ecs.amazonaws.com", None, reason, [_inline("infrastructure", *grants)])


def scheduler_role(title: str, thing: str, group: ScheduleGroup, *grants: Grant) -> Role:
    """A role for the schedules of one group.

    Source: EventBridge Scheduler User Guide, "Confused deputy prevention": the source is the group.
    """
    source = aws.ArnEquals({"aws:SourceArn": group.get_att("Arn")})
    policies = [_inline("schedule", *grants), _use_data_key(*grants)]
    reason = "the source that EventBridge Scheduler names is the group of schedules"
    return _role(title, thing, "scheduler.amazonaws.com", source, reason, policies)


# ── What starting a task needs ─────────────────────────────────────────────────────────────────────


_PULL = [ecr.BatchCheckLayerAvailability, ecr.BatchGetImage, ecr.GetDownloadUrlForLayer]


def _pull_image(repository: Repository) -> Grant:
    """From that repository only; the login to the registry has no resource-level permission."""
    return [
        _allow("LogInToRegistry", [ecr.GetAuthorizationToken], _everything("the login to a registry")),
        _allow("PullImage", _PULL, [repository.get_att("Arn")]),
    ]


def _pull_more() -> Grant:
    """From repositories that are not the platform's own, named one by one."""
    return [_allow("PullMoreImages", _PULL, Split(",", Ref(ADDITIONAL_REPOSITORY_ARNS)))]


def _write_logs(log_group: LogGroup) -> Grant:
    """To that log group's streams."""
    write = [logs.CreateLogStream, logs.PutLogEvents]
    streams = because([log_group.get_att("Arn")], "its streams: the ARN already ends in :*")
    return [_allow("WriteLogs", write, streams)]


def _read_secrets(*arns: Parameter) -> Grant:
    """The named secrets only."""
    return [_allow("ReadSecrets", [secretsmanager.GetSecretValue], [Ref(arn) for arn in arns])]


def _decrypt_secrets(keys: Parameter) -> Grant:
    """With those keys, and only on behalf of Secrets Manager."""
    for_secrets = aws.StringEquals({"kms:ViaService": sub("secretsmanager.{region}.amazonaws.com")})
    return [_allow("DecryptSecrets", [kms.Decrypt], Split(",", Ref(keys)), for_secrets)]


def _use_data_key(*grants: Grant) -> If:
    """Where a key encrypts the data: use it, on behalf of the bucket's and queues' services in those grants.

    Source: Amazon SQS Developer Guide, "Key management" (a sender needs both actions, a receiver Decrypt);
    Amazon S3 User Guide, "Using SSE-KMS" (multipart uploads need Decrypt too).
    """
    prefixes = {action.prefix for grant in grants for statement in grant for action in statement.Action}
    services = [
        sub(f"{service}.{{region}}.amazonaws.com") for service in ("s3", "sqs") if service in prefixes
    ]
    through = aws.StringEquals({"kms:ViaService": services})
    use = _allow("UseDataKey", [kms.Decrypt, kms.GenerateDataKey], [Ref(DATA_KMS_KEY_ARN)], through)
    return DATA_KMS_KEY.choose(_inline("data-key", [use]))


# ── What a running task may do (task roles) ────────────────────────────────────────────────────────


def send(queue: Queue) -> Grant:
    """Send messages to that queue only."""
    return [_allow("SendMessages", [sqs.SendMessage], [queue.get_att("Arn")])]


def consume(queue: Queue) -> Grant:
    """Receive and delete messages of that queue only, and extend their visibility."""
    consume = [sqs.ReceiveMessage, sqs.DeleteMessage, sqs.ChangeMessageVisibility]
    return [_allow("ConsumeMessages", consume, [queue.get_att("Arn")])]


def look_up(queue: Queue) -> Grant:
    """Find that queue by its name and ask how full it is."""
    found = because([queue.get_att("Arn")], "Spring Cloud AWS and Celery do not start without")
    return [_allow("LookUpQueue", [sqs.GetQueueAttributes, sqs.GetQueueUrl], found)]


def protect_tasks(cluster: Cluster) -> Grant:
    """Keep a task of that cluster from being stopped while it works on a message.

    Source: Amazon ECS Developer Guide, "Amazon ECS task scale-in protection endpoint".
    """
    tasks = sub("arn:{partition}:ecs:{region}:{account}:task/{cluster}/*", cluster=Ref(cluster))
    return [_allow("ProtectTasks", [ecs.GetTaskProtection, ecs.UpdateTaskProtection], [tasks])]


def use_data(bucket: Bucket) -> Grant:
    """List, read and write objects of that bucket, in one or in parts."""
    objects = because([sub("{bucket}/*", bucket=bucket.get_att("Arn"))], "nobody deletes: the lifecycle does")
    return [
        _allow("ListData", [s3.ListBucket], [bucket.get_att("Arn")]),
        _allow("ReadAndWriteData", [s3.AbortMultipartUpload, s3.GetObject, s3.PutObject], objects),
    ]


def connect(database: DBCluster, user: str) -> Grant:
    """Log in to the database as that user, with a token instead of a password."""
    cluster = database.get_att("DBClusterResourceId")
    arn = sub("arn:{partition}:rds-db:{region}:{account}:dbuser:{cluster}/" + user, cluster=cluster)
    return [_allow("ConnectToDatabase", [rds_db.connect], [arn])]


def send_traces() -> Grant:
    """X-Ray has no resource-level permission for these."""
    trace = [
        xray.PutTraceSegments,
        xray.PutTelemetryRecords,
        xray.GetSamplingRules,
        xray.GetSamplingTargets,
        xray.GetSamplingStatisticSummaries,
    ]
    return [_allow("SendTraces", trace, _everything("traces"))]


# ── What ECS and the scheduler may do ──────────────────────────────────────────────────────────────


def shift_traffic(load_balancer: LoadBalancer, *target_groups: TargetGroup) -> Grant:
    """Register tasks with those target groups, and move the weights in rules of that load balancer.

    Source: managed policy AmazonECSInfrastructureRolePolicyForLoadBalancers, narrowed to these; the
    Describe actions have no resource-level permission.
    """
    prefix = "arn:{partition}:elasticloadbalancing:{region}:{account}"
    name = load_balancer.get_att("LoadBalancerName")
    listeners = sub(prefix + ":listener/app/{name}/*", name=name)
    rules = sub(prefix + ":listener-rule/app/{name}/*", name=name)
    describe = [
        elb.DescribeListeners,
        elb.DescribeRules,
        elb.DescribeTargetGroups,
        elb.DescribeTargetHealth,
    ]
    return [
        _allow("DescribeLoadBalancing", describe, _everything("looking")),
        _allow(
            "RegisterTasks", [elb.RegisterTargets, elb.DeregisterTargets], [Ref(g) for g in target_groups]
        ),
        _allow("ModifyListener", [elb.ModifyListener], [listeners]),
        _allow(
            "ModifyRule",
            [elb.ModifyRule],
            because([rules], "not one rule: switching HTTPS on replaces it, and ECS leaves the old one last"),
        ),
    ]


def run_tasks(family: str, cluster: Cluster, *roles: Role) -> Grant:
    """Run any revision of `fraud-<family>-<suffix>` in that cluster, tag the tasks, pass those roles."""
    revisions = sub(
        f"arn:{{partition}}:ecs:{{region}}:{{account}}:task-definition/fraud-{family}-{{suffix}}:*"
    )
    tasks = sub("arn:{partition}:ecs:{region}:{account}:task/{cluster}/*", cluster=Ref(cluster))
    return [
        _allow(
            "RunTasks", [ecs.RunTask], [revisions], aws.ArnEquals({"ecs:cluster": cluster.get_att("Arn")})
        ),
        _allow("TagTasks", [ecs.TagResource], [tasks], aws.StringEquals({"ecs:CreateAction": "RunTask"})),
        _allow(
            "PassTaskRoles",
            [iam.PassRole],
            [role.get_att("Arn") for role in roles],
            aws.StringEquals({"iam:PassedToService": "ecs-tasks.amazonaws.com"}),
        ),
    ]


# ── Policies on resources ──────────────────────────────────────────────────────────────────────────


def only_over_tls(service: str, *resources: Arn) -> aws.PolicyDocument:
    """Refuse every request that is not encrypted in transit."""
    return _document(
        [
            aws.Statement(
                Sid="OnlyOverTls",
                Effect=aws.Deny,
                Principal=because(aws.Principal("*"), "everybody: a denial, which no grant overrides"),
                Action=[aws.Action(service, "*")],
                Resource=list(resources),
                Condition=aws.Condition(aws.Bool({"aws:SecureTransport": "false"})),
            )
        ]
    )


def through_endpoint(bucket: Bucket) -> aws.PolicyDocument:
    """What the S3 gateway endpoint lets through: the platform's own data, and the registry's layers.

    Source: Amazon ECR User Guide, "Minimum Amazon S3 bucket permissions for Amazon ECR".
    """
    layers = sub("arn:{partition}:s3:::prod-{region}-starport-layer-bucket/*")
    data = [bucket.get_att("Arn"), sub("{bucket}/*", bucket=bucket.get_att("Arn"))]
    everyone: Any = because(aws.Principal("*"), "what passes here; who may, the roles say")
    return _document(
        [
            aws.Statement(
                Sid="PullImageLayers",
                Effect=aws.Allow,
                Principal=everyone,
                Action=[s3.GetObject],
                Resource=[layers],
            ),
            aws.Statement(
                Sid="UseData",
                Effect=aws.Allow,
                Principal=everyone,
                Action=[s3.AbortMultipartUpload, s3.GetObject, s3.ListBucket, s3.PutObject],
                Resource=data,
            ),
        ]
    )
