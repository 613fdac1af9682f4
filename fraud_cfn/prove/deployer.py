"""Writes the policies of whoever deploys the platform: what that takes, and no more.

From the permissions that each resource type's handlers declare (provider schemas), less what belongs to
features that the template does not use; and from the calls of the command. `docs/deployer-policy.json` has
each policy by name; `${aws:PrincipalAccount}` is a policy variable: nothing needs to be filled in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from fraud_cfn.config import REGION
from fraud_cfn.prove.environment import environment
from fraud_cfn.review import schemas
from fraud_cfn.review.actions import has_resource_level
from fraud_cfn.review.model import Template

# "IAM and AWS STS quotas": characters of a managed policy, white space not counted.
MOST_CHARACTERS = 6144
_ACCOUNT = "${aws:PrincipalAccount}"
_STACK = f"arn:aws:cloudformation:{REGION}:{_ACCOUNT}:stack/TapStack*/*"
_TEMPLATES = f"arn:aws:s3:::fraud-templates-{_ACCOUNT}-*"
BOUNDARY = f"arn:aws:iam::{_ACCOUNT}:policy/NAME-OF-THE-BOUNDARY"

# ── What handlers ask for, and this template does not need: why → actions ──

UNUSED: dict[str, tuple[str, ...]] = {
    "web ACLs of other services than a load balancer": (
        "amplify:*", "apigateway:*", "apprunner:*", "appsync:*", "bedrock-agentcore:*", "cognito-idp:*",
        "ec2:*VerifiedAccess*", "wafv2:PutPermissionPolicy", "wafv2:GetPermissionPolicy",
    ),
    "features of other services": (
        "firehose:*", "lambda:*", "s3tables:*", "vpc-lattice:*", "vpce:*", "ec2:*IpamPools",
        "ec2:*EncryptionControl", "ec2:*VpnGateway", "ec2:AcceptAddressTransfer", "ec2:*NatGatewayAddress",
        "ec2:ModifyVpcTenancy", "ec2:*SubnetCidrBlock", "ec2:AssociateAddress",
        "ec2:DisassociateAddress",
    ),
    "no secret is made here": ("secretsmanager:CreateSecret", "secretsmanager:TagResource"),
    "roles have no managed policies": ("iam:AttachRolePolicy", "iam:DetachRolePolicy"),
    "scaling follows metrics, not a clock": ("application-autoscaling:*ScheduledAction",),
    "settings of the whole account": (
        "ecs:PutAccountSetting*", "logs:*ResourcePolicy", "logs:CreateLogDelivery",
    ),
    "the database is new, regional, without roles, snapshots, replicas or a data API": (
        "rds:Restore*", "rds:*RoleToDB*", "rds:*RoleFromDB*", "rds:Create*Snapshot", "rds:*ReadReplica",
        "rds:RemoveFromGlobalCluster", "rds:*HttpEndpoint", "rds:*BackupsReplication",
    ),
    "the bucket has no such configuration": (
        "s3:*Abac", "s3:*MetadataTable*", "s3:*MetadataInventory*", "s3:*MetadataJournal*",
        "s3:*MetadataAnnotation*", "s3:Put*Accelerate*", "s3:Put*Analytics*", "s3:DeleteBucketAnalytics*",
        "s3:PutBucketAcl", "s3:PutObjectAcl", "s3:Put*CORS", "s3:Put*Logging", "s3:Put*Notification",
        "s3:Put*ObjectLock*", "s3:Put*Replication*", "s3:Put*Website", "s3:Put*IntelligentTiering*",
        "s3:Put*Inventory*", "s3:Put*Metrics*", "s3:DeleteBucketCors", "s3:DeleteBucketMetrics*",
        "s3:DeleteBucketReplication", "s3:DeleteBucketWebsite",
    ),
    "no such action in IAM": (
        "s3:REST.PUT.OBJECT", "s3:DeleteBucketEncryption", "s3:DeleteBucketLifecycle",
        "s3:PutObjectLockConfiguration",
    ),
    "log groups have a retention and maybe a key, no more": (
        "logs:*IndexPolic*", "logs:PutDataProtectionPolicy", "logs:DeleteDataProtectionPolicy",
        "logs:PutBearerTokenAuthentication", "logs:PutLogGroupDeletionProtection",
    ),
    "the load balancer reserves no capacity and no addresses": (
        "elasticloadbalancing:ModifyCapacityReservation", "elasticloadbalancing:ModifyIpPools",
    ),
}  # fmt: skip

# What AWS asks for beside the calls: CloudFormation fetches the template with the caller's rights, a bucket
# that is made with an ownership needs the right to set one, and Cloud Map keeps its records in Route 53.
BESIDE = {
    "route53:ChangeResourceRecordSets",
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:PutBucketOwnershipControls",
}

# ── What the command calls, by what it is for; tested against its code ──

_READS_STACKS = (
    "DescribeEvents",
    "DescribeStackEvents",
    "DescribeStacks",
    "GetTemplate",
    "ListStackResources",
    "ListStacks",
)
_PLANS = ("GetTemplateSummary", "CreateChangeSet", "DescribeChangeSet", "DeleteChangeSet", "ListChangeSets")
CALLS: dict[str, tuple[str, ...]] = {
    "LookAtStacks": tuple(f"cloudformation:{name}" for name in _READS_STACKS),
    "PlanChanges": tuple(f"cloudformation:{name}" for name in _PLANS),
    "HandOverTheTemplate": ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"),
    "MakeTheTemplateBucket": (
        "s3:CreateBucket",
        "s3:DeleteBucket",
        "s3:PutBucketOwnershipControls",
        "s3:PutBucketPolicy",
        "s3:PutBucketPublicAccessBlock",
        "s3:PutBucketVersioning",
        "s3:PutEncryptionConfiguration",
        "s3:PutLifecycleConfiguration",
    ),
    "FindSecrets": ("secretsmanager:DescribeSecret",),
    "LookAtWhatIsGiven": (
        "acm:DescribeCertificate",
        "iam:GetPolicy",
        "s3:GetBucketLocation",
        "s3:GetBucketPolicy",
        "s3:GetEncryptionConfiguration",
        "wafv2:GetWebACL",
    ),
    "ReadSecrets": ("secretsmanager:GetSecretValue",),
    "LookAround": (
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingActivities",
        "cloudformation:ListHookResults",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:GetDashboard",
        "ec2:DescribeAddresses",
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeNatGateways",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeVpcEndpoints",
        "ec2:DescribeVpcs",
        "ecr:BatchGetImage",
        "ecr:DescribeImages",
        "ecr:DescribeRepositories",
        "ecs:DescribeClusters",
        "ecs:DescribeServiceDeployments",
        "ecs:DescribeServiceRevisions",
        "ecs:DescribeServices",
        "ecs:DescribeTaskDefinition",
        "ecs:DescribeTasks",
        "ecs:ListServiceDeployments",
        "ecs:ListServices",
        "ecs:ListTaskDefinitions",
        "ecs:ListTasks",
        "elasticloadbalancing:DescribeLoadBalancerAttributes",
        "elasticloadbalancing:DescribeLoadBalancers",
        "elasticloadbalancing:DescribeRules",
        "elasticloadbalancing:DescribeTargetHealth",
        "iam:GetRole",
        "iam:ListRoles",
        "kms:DescribeKey",
        "logs:DescribeLogGroups",
        "logs:DescribeQueryDefinitions",
        "logs:FilterLogEvents",
        "rds:DescribeDBClusterParameterGroups",
        "rds:DescribeDBClusters",
        "rds:DescribeDBEngineVersions",
        "rds:DescribeDBInstances",
        "rds:DescribeDBSubnetGroups",
        "scheduler:GetSchedule",
        "scheduler:GetScheduleGroup",
        "servicediscovery:ListInstances",
        "servicediscovery:ListNamespaces",
        "servicediscovery:ListServices",
        "servicequotas:GetServiceQuota",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
    ),
    "CarryOut": (
        "cloudformation:CancelUpdateStack",
        "cloudformation:ContinueUpdateRollback",
        "cloudformation:DeleteStack",
        "cloudformation:ExecuteChangeSet",
        "cloudformation:RollbackStack",
        "cloudformation:UpdateTerminationProtection",
        "elasticloadbalancing:ModifyRule",
    ),
    "RunTheJob": ("ecs:RunTask",),
    "Destroy": (
        "application-autoscaling:RegisterScalableTarget",
        "ec2:DeleteSecurityGroup",
        "ec2:DeleteVpcEndpoints",
        "ecs:StopTask",
        "ecs:UpdateService",
        "elasticloadbalancing:ModifyLoadBalancerAttributes",
        "logs:DeleteLogGroup",
        "rds:ModifyDBCluster",
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:GetBucketObjectLockConfiguration",
        "s3:GetObjectLegalHold",
        "s3:GetObjectRetention",
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
        "s3:ListBucketVersions",
        "route53:ChangeResourceRecordSets",
        "scheduler:UpdateSchedule",
        "servicediscovery:DeregisterInstance",
    ),
}  # fmt: skip

# ── Where: the ARNs of this platform's things, by service ──


def _named(service: str, *rest: str) -> tuple[str, ...]:
    return tuple(f"arn:aws:{service}:{REGION}:{_ACCOUNT}:{each}" for each in rest)


# What is not of this platform by name: templates, and what parameters name.
_OUTSIDE: dict[str, tuple[str, ...]] = {
    "HandOverTheTemplate": (f"{_TEMPLATES}/*",),
    "MakeTheTemplateBucket": (_TEMPLATES,),
    "LookAtWhatIsGiven": (
        *_named("acm", "certificate/*"),
        *_named("wafv2", "regional/webacl/*"),
        f"arn:aws:iam::{_ACCOUNT}:policy/*",
        "arn:aws:iam::aws:policy/*",
        "arn:aws:s3:::*",
    ),
}
# None: names are AWS's own (`vpc-0a1b…`), so the region is the limit.
_PLACES: dict[str, tuple[str, ...] | None] = {
    "application-autoscaling": _named("application-autoscaling", "scalable-target/*"),
    "cloudformation": (_STACK, *_named("cloudformation", "changeSet/*")),
    "cloudwatch": (
        *_named("cloudwatch", "alarm:fraud-*"),
        f"arn:aws:cloudwatch::{_ACCOUNT}:dashboard/fraud-*",
    ),
    "ec2": None,
    "ecr": _named("ecr", "repository/fraud-*"),
    "ecs": _named(
        "ecs",
        "cluster/fraud-cluster-*",
        "service/fraud-cluster-*",
        "service-deployment/fraud-cluster-*",
        "service-revision/fraud-cluster-*",
        "capacity-provider/FARGATE*",
        "task/fraud-cluster-*",
        "task-definition/fraud-*",
    ),
    "elasticloadbalancing": _named(
        "elasticloadbalancing",
        "loadbalancer/app/fraud-alb-*",
        "listener/app/fraud-alb-*",
        "listener-rule/app/fraud-alb-*",
        "targetgroup/TapSta*",
    ),
    "iam": (f"arn:aws:iam::{_ACCOUNT}:role/fraud-*",),
    "kms": _named("kms", "key/*"),
    "logs": _named(
        "logs",
        "log-group:/ecs/fraud-*",
        "log-group:/aws/ecs/containerinsights/fraud-*",
        "log-group:/aws/rds/cluster/fraud-*",
    ),
    "rds": _named("rds", "cluster:fraud-*", "db:fraud-*", "cluster-pg:fraud-*", "subgrp:fraud-*")
    + tuple(f"arn:aws:rds:{REGION}:{_ACCOUNT}:{default}:default*" for default in ("og", "pg")),
    "route53": ("arn:aws:route53:::hostedzone/*",),
    "s3": ("arn:aws:s3:::fraud-data-*",),
    "scheduler": _named("scheduler", "schedule/fraud-*", "schedule-group/fraud-*"),
    "secretsmanager": _named("secretsmanager", "secret:fraud-database-*", "secret:fraud-api-keys-*"),
    "servicediscovery": _named("servicediscovery", "namespace/*", "service/*"),
    "servicequotas": _named("servicequotas", "*"),
    "sqs": _named("sqs", "fraud-*"),
    "wafv2": (
        *_named("wafv2", "regional/webacl/*"),
        *_named("elasticloadbalancing", "loadbalancer/app/fraud-alb-*"),
    ),
}
# Asked of all things of a kind, or of a template that is no stack yet: no name narrows them.
_COLLECTIONS = (
    "cloudformation:GetTemplateSummary",
    "cloudwatch:DescribeAlarms",
    "ecs:ListTasks",
    "logs:DescribeLogGroups",
    "rds:DescribeDBClusterAutomatedBackups",
    "rds:DescribeDBClusterSnapshots",
    "rds:DescribeDBInstanceAutomatedBackups",
    "rds:DescribeDBSnapshots",
    "rds:DescribeGlobalClusters",
)
_ON_OBJECTS = (
    "GetObject",
    "PutObject",
    "DeleteObject",
    "DeleteObjectVersion",
    "AbortMultipartUpload",
    "GetObjectLegalHold",
    "GetObjectRetention",
)
_GLOBAL = ("iam", "route53")  # services that answer in another region than the request's

# Services that make a role of their own in the account, the first time they are used: name → its path.
SERVICE_LINKED = {
    "ecs.amazonaws.com": "AWSServiceRoleForECS",
    "ecs.application-autoscaling.amazonaws.com": "AWSServiceRoleForApplicationAutoScaling_ECSService",
    "elasticloadbalancing.amazonaws.com": "AWSServiceRoleForElasticLoadBalancing",
    "rds.amazonaws.com": "AWSServiceRoleForRDS",
}
_SPECIAL = ("iam:PassRole", "iam:CreateServiceLinkedRole", "kms:CreateGrant")
_WRITES_ROLES = (
    "iam:CreateRole",
    "iam:PutRolePolicy",
    "iam:DeleteRolePolicy",
    "iam:PutRolePermissionsBoundary",
)
_FREES_ROLES = "iam:DeleteRolePermissionsBoundary"


def policies(template: Template) -> dict[str, dict[str, Any]]:
    """Policy name → document, each within IAM's size: whoever deploys, plans only, or hands over a role."""
    handlers = handler_actions(template)
    planning = [
        *_calls(
            "LookAtStacks",
            "PlanChanges",
            "HandOverTheTemplate",
            "FindSecrets",
            "LookAtWhatIsGiven",
            "LookAround",
        )
    ]
    carrying = [*_calls("MakeTheTemplateBucket", "CarryOut", "RunTheJob", "Destroy")]
    reading = [*_calls("ReadSecrets")]
    passing = _pass_roles(template)
    making = [*_resources(handlers), *passing, _service_linked(), _grants()]
    return {
        **_split("fraud-deploy", [*planning, *reading, *carrying, *making]),
        "fraud-deploy-roles": _document([_roles(handlers)]),
        "fraud-deploy-roles-with-boundary": _document([_roles(handlers, BOUNDARY)]),
        **_split("fraud-plan", planning),
        **_split("fraud-deploy-by-role", [*planning, *carrying, *passing, _hand_over()]),
        **_split("fraud-cloudformation", [*making, *reading]),
    }


def rendered(template: Template) -> str:
    """The policies as the text of `docs/deployer-policy.json`."""
    return json.dumps(policies(template), indent=2) + "\n"


def handler_actions(template: Template) -> tuple[str, ...]:
    """What the template's types may need of their services, less what is `UNUSED` here."""
    kinds = {declared["Type"] for declared in template.resources.values()}
    asked = {action for kind in kinds for action in _asked(kind)}
    unused = [pattern for patterns in UNUSED.values() for pattern in patterns]
    return tuple(sorted(a for a in asked if not any(fnmatchcase(a, pattern) for pattern in unused)))


def _asked(kind: str) -> Iterator[str]:
    schema = schemas.schema(kind)
    for handler in (schema.document.get("handlers") or {}).values() if schema else ():
        yield from handler.get("permissions", ())


def size(document: Mapping[str, Any]) -> int:
    """Characters as IAM counts them."""
    return len("".join(json.dumps(document, separators=(",", ":")).split()))


# ── Statements ──


def _calls(*sids: str) -> Iterator[dict[str, Any]]:
    for sid in sids:
        if sid in _OUTSIDE:
            yield _allow(sid, CALLS[sid], _OUTSIDE[sid])
        else:
            yield from _by_place(sid, CALLS[sid])


def _resources(actions: Iterable[str]) -> Iterator[dict[str, Any]]:
    ordinary = [a for a in actions if a not in (*_SPECIAL, *_WRITES_ROLES, _FREES_ROLES)]
    grouped: dict[str, list[str]] = {}
    for action in ordinary:
        grouped.setdefault(action.partition(":")[0], []).append(action)
    for service, found in grouped.items():
        yield from _by_place(f"Make{_camel(service)}", found)


def _by_place(sid: str, actions: Iterable[str]) -> Iterator[dict[str, Any]]:
    """What can be narrowed to names in one statement (an action takes only its own service's ARNs anyway);
    then what cannot: within the region, and of the services that have none."""
    placed: list[str] = []
    places: dict[str, None] = {}
    regional: list[str] = []
    anywhere: list[str] = []
    for action in actions:
        service, _, name = action.partition(":")
        named = _PLACES[service] if has_resource_level(action) and action not in _COLLECTIONS else None
        if named is None:
            (anywhere if service in _GLOBAL else regional).append(action)
            continue
        if service == "s3" and name in _ON_OBJECTS:
            named = tuple(f"{place}/*" for place in named)
        placed.append(action)
        places.update(dict.fromkeys(named))
    if placed:
        yield _allow(sid, placed, places)
    if regional:
        yield _allow(f"{sid}InTheRegion", regional, ["*"], {"StringEquals": {"aws:RequestedRegion": REGION}})
    if anywhere:
        yield _allow(f"{sid}Anywhere", anywhere, ["*"])


def _pass_roles(template: Template) -> list[dict[str, Any]]:
    """Each role to its own service only, as the template uses it."""
    subject = environment(template, "*", _ACCOUNT)
    served: dict[str, list[str]] = {}
    for role in subject.roles.values():
        (statement,) = role.trust["Statement"]
        served.setdefault(statement["Principal"]["Service"], []).append(role.arn)
    return [
        _allow(
            f"PassRolesTo{_camel(service.partition('.')[0])}",
            ["iam:PassRole"],
            arns,
            {"StringEquals": {"iam:PassedToService": service}},
        )
        for service, arns in served.items()
    ]


def _service_linked() -> dict[str, Any]:
    names = [
        f"arn:aws:iam::{_ACCOUNT}:role/aws-service-role/{service}/{name}"
        for service, name in SERVICE_LINKED.items()
    ]
    condition = {"StringEquals": {"iam:AWSServiceName": list(SERVICE_LINKED)}}
    return _allow("MakeServiceLinkedRoles", ["iam:CreateServiceLinkedRole"], names, condition)


def _grants() -> dict[str, Any]:
    """With a customer managed key, Aurora and ECR get grants on it, and nobody else does.

    Source: AWS KMS Developer Guide, "kms:GrantIsForAWSResource".
    """
    condition = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    return _allow("LetServicesUseTheKey", ["kms:CreateGrant"], _PLACES["kms"] or (), condition)


def _roles(handlers: Iterable[str], boundary: str | None = None) -> dict[str, Any]:
    """Making roles; with a boundary only under it, and never taking it away."""
    actions = [
        action for action in handlers if action in _WRITES_ROLES or (not boundary and action == _FREES_ROLES)
    ]
    condition = {"StringEquals": {"iam:PermissionsBoundary": boundary}} if boundary else None
    return _allow("MakeRoles", actions, _PLACES["iam"] or (), condition)


def _hand_over() -> dict[str, Any]:
    """`--role-arn`: the role that CloudFormation works with."""
    return _allow(
        "HandOverTheRole",
        ["iam:PassRole"],
        [f"arn:aws:iam::{_ACCOUNT}:role/fraud-cloudformation*"],
        {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}},
    )


def _allow(
    sid: str, actions: Iterable[str], resources: Iterable[str], condition: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    statement: dict[str, Any] = {"Sid": sid, "Effect": "Allow", "Action": sorted(set(actions))}
    statement["Resource"] = list(resources)
    return statement | ({"Condition": dict(condition)} if condition else {})


def _camel(text: str) -> str:
    return "".join(word.capitalize() for word in text.split("-"))


# ── Sizes ──


def _document(statements: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _split(name: str, statements: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """As few policies as the size allows, in order; numbered where there are several."""
    parts: list[list[Mapping[str, Any]]] = [[]]
    for statement in statements:
        if parts[-1] and size(_document([*parts[-1], statement])) > MOST_CHARACTERS:
            parts.append([])
        parts[-1].append(statement)
    if len(parts) == 1:
        return {name: _document(parts[0])}
    return {f"{name}-{number}": _document(part) for number, part in enumerate(parts, 1)}
