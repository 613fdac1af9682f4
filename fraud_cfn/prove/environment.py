"""The template as one environment would have it: names and ARNs in place of references."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from fraud_cfn.config import REGION
from fraud_cfn.prove.evaluator import Decision, Request, decide, may_assume
from fraud_cfn.review.access import Resources, resources
from fraud_cfn.review.grants import documents
from fraud_cfn.review.model import Template
from fraud_cfn.review.permissions import ROLE
from fraud_cfn.review.resolve import Side
from fraud_cfn.template.scenarios import ACCOUNT, BASE

Properties = Mapping[str, Any]
_ENDPOINT = "AWS::EC2::VPCEndpoint"
_TASK_DEFINITION = "AWS::ECS::TaskDefinition"


@dataclass(frozen=True)
class _Form:
    """How AWS calls a resource of a type: the property that names it, what `Ref` and its attributes give."""

    named_by: str | None
    forms: dict[str, str]  # attribute (`""`: Ref) → text with {name}, {region}, {account}


_ARN = "arn:aws:{service}:{{region}}:{{account}}:"


def _arn(service: str, rest: str) -> str:
    return _ARN.format(service=service) + rest


_BALANCING = "elasticloadbalancing"
# Where AWS puts a random id into an ARN, the logical id stands.
_FORMS = {
    ROLE: _Form("RoleName", {"": "{name}", "Arn": "arn:aws:iam::{account}:role/{name}"}),
    "AWS::S3::Bucket": _Form("BucketName", {"": "{name}", "Arn": "arn:aws:s3:::{name}"}),
    "AWS::SQS::Queue": _Form(
        "QueueName",
        {
            "": "https://sqs.{region}.amazonaws.com/{account}/{name}",
            "Arn": _arn("sqs", "{name}"),
            "QueueName": "{name}",
        },
    ),
    "AWS::ECR::Repository": _Form(
        "RepositoryName",
        {
            "": "{name}",
            "Arn": _arn("ecr", "repository/{name}"),
            "RepositoryUri": "{account}.dkr.ecr.{region}.amazonaws.com/{name}",
        },
    ),
    "AWS::Logs::LogGroup": _Form("LogGroupName", {"": "{name}", "Arn": _arn("logs", "log-group:{name}:*")}),
    "AWS::ECS::Cluster": _Form("ClusterName", {"": "{name}", "Arn": _arn("ecs", "cluster/{name}")}),
    "AWS::ECS::TaskDefinition": _Form("Family", {"": _arn("ecs", "task-definition/{name}:1")}),
    "AWS::Scheduler::ScheduleGroup": _Form(
        "Name", {"": "{name}", "Arn": _arn("scheduler", "schedule-group/{name}")}
    ),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _Form(
        "Name",
        {"": _arn(_BALANCING, "loadbalancer/app/{name}/{logical_id}"), "LoadBalancerName": "{name}"},
    ),
    "AWS::ElasticLoadBalancingV2::TargetGroup": _Form(
        None, {"": _arn(_BALANCING, "targetgroup/{logical_id}/{suffix}")}
    ),
    "AWS::RDS::DBCluster": _Form(
        "DBClusterIdentifier", {"": "{name}", "DBClusterResourceId": "cluster-{logical_id}-{suffix}"}
    ),
}
_TOKEN = re.compile(r"\$\{[A-Za-z0-9.]+\}")


@dataclass(frozen=True)
class Role:
    """A role with its documents; `logical_id` is the template's name for it."""

    logical_id: str
    arn: str
    trust: Properties
    policies: tuple[Properties, ...]

    @cached_property
    def whatever_the_condition(self) -> list[Properties]:
        """What its policies allow, without conditions and denials."""
        allowing = [
            [{**one, "Condition": {}} for one in document["Statement"] if one["Effect"] == "Allow"]
            for document in self.policies
        ]
        return [{"Statement": statements} for statements in allowing]


@dataclass(frozen=True, eq=False)
class Environment:
    """A template under parameter values: every condition decided, names and ARNs as AWS would have them.

    Equal to itself alone, and not to be changed: all who ask for the same one share it.
    """

    suffix: str
    account: str
    resources: Resources

    def of(self, *kinds: str) -> dict[str, Properties]:
        """Logical id → properties of the resources of those types."""
        return {key: properties for key, (kind, properties) in self.resources.items() if kind in kinds}

    @cached_property
    def roles(self) -> dict[str, Role]:
        """Logical id → role."""
        return {
            key: Role(
                key,
                self.arn(key),
                properties["AssumeRolePolicyDocument"],
                tuple(policy["PolicyDocument"] for policy in properties.get("Policies", [])),
            )
            for key, properties in self.of(ROLE).items()
        }

    @cached_property
    def resource_policies(self) -> tuple[Properties, ...]:
        """Policies on resources; each names its resource."""
        return tuple(
            document
            for kind, properties in self.resources.values()
            if kind not in (ROLE, _ENDPOINT)
            for document in documents(dict(properties))
        )

    @cached_property
    def endpoint_policies(self) -> tuple[Properties, ...]:
        """Policies of the VPC's endpoints."""
        return tuple(p["PolicyDocument"] for p in self.of(_ENDPOINT).values() if "PolicyDocument" in p)

    def arn(self, logical_id: str) -> str:
        """Its ARN (a log group's ends in `:*`); of a type that has none, what `Ref` gives."""
        kind, properties = self.resources[logical_id]
        forms = _forms(logical_id, kind, properties, self.suffix, self.account)
        return forms.get("Arn") or forms[""]

    def may(self, role: Role, action: str, resource: str, **context: str) -> bool:
        """Whether the role may do that, over TLS; `context` keys have `__` for the colon."""
        return self.decision(role, action, resource, **context) is Decision.ALLOWED

    def could(self, role: Role, action: str, resource: str) -> bool:
        """Whether a statement allows the role to, whatever its condition: nothing hides behind one."""
        return (
            decide(Request(action, resource, role.arn), identity=role.whatever_the_condition)
            is Decision.ALLOWED
        )

    def role_of(self, arn: str) -> str:
        """The logical id of a role by its ARN; empty where it is none of this template."""
        return next((name for name, role in self.roles.items() if role.arn == arn), "")

    def decision(self, role: Role, action: str, resource: str, **context: str) -> Decision:
        """IAM's answer to the role's request, from its policies and those on the resources."""
        known = {"aws:SecureTransport": "true", "aws:PrincipalArn": role.arn}
        known |= {key.replace("__", ":"): value for key, value in context.items()}
        asked = Request(action, resource, role.arn, known)
        return decide(asked, identity=role.policies, resource=self.resource_policies)

    def assumes(self, service: str, role: Role, **context: str) -> bool:
        """Whether the service may assume the role, with that context."""
        known = {key.replace("__", ":"): value for key, value in context.items()}
        return may_assume(role.trust, Request("sts:AssumeRole", role.arn, service, known)) is Decision.ALLOWED

    def targets(self) -> Iterator[str]:
        """An ARN for everything in this environment that a policy could name."""
        for logical_id, (kind, _) in self.resources.items():
            if kind in _FORMS and kind != "AWS::RDS::DBCluster":
                arn = self.arn(logical_id)
                yield arn.removesuffix(":*") + ":log-stream:a" if arn.endswith(":*") else arn
                if kind == "AWS::S3::Bucket":
                    yield f"{arn}/key"
                if kind == "AWS::ElasticLoadBalancingV2::LoadBalancer":
                    yield arn.replace(":loadbalancer/", ":listener/") + "/1"
                    yield arn.replace(":loadbalancer/", ":listener-rule/") + "/1/2"
                if kind == "AWS::ECS::Cluster":
                    name = arn.rpartition("/")[2]
                    prefix = arn.partition(":cluster/")[0]
                    yield f"{prefix}:task/{name}/0123"
                    yield f"{prefix}:service/{name}/fraud-api-{self.suffix}"
        for kind in ("database", "api-keys"):
            yield secret_arn(kind, self.suffix, self.account)
        database = f"arn:aws:rds-db:{REGION}:{self.account}:dbuser:cluster-DatabaseCluster-{self.suffix}"
        for task in self.of(_TASK_DEFINITION):
            yield f"{database}/{self.database_user(task)}"

    def database_user(self, task: str) -> str:
        """The user as whom it logs in to the database: `fraud_` and its container's name, `_` for `-`."""
        app = self.of(_TASK_DEFINITION)[task]["ContainerDefinitions"][0]
        return f"fraud_{app['Name'].replace('-', '_')}"


def secret_arn(kind: str, suffix: str, account: str = ACCOUNT) -> str:
    """The ARN of an environment's conventional secret, `database` or `api-keys`."""
    return f"arn:aws:secretsmanager:{REGION}:{account}:secret:fraud-{kind}-{suffix}-AbCdEf"


@lru_cache(maxsize=32)  # every claim asks for a few of the same
def environment(
    template: Template, suffix: str = "dev", account: str = ACCOUNT, **values: str
) -> Environment:
    """That environment: the defaults, its conventional secrets, and what `values` say otherwise."""
    known = {
        name: str(declared["Default"])
        for name, declared in template.parameters.items()
        if "Default" in declared
    }
    known |= BASE | {
        "EnvironmentSuffix": suffix,
        "DatabaseCredentialsArn": secret_arn("database", suffix, account),
        "ApiKeysArn": secret_arn("api-keys", suffix, account),
    }
    known |= values | {"AWS::Region": REGION, "AWS::Partition": "aws", "AWS::AccountId": account}
    resolved = resources(Side(template, known), template.resources, {})
    named: dict[str, str] = {}
    for logical_id, (kind, properties) in resolved.items():
        for attribute, text in _forms(logical_id, kind, properties, suffix, account).items():
            named[f"{logical_id}.{attribute}" if attribute else logical_id] = text
    filled = {key: (kind, _filled(properties, named)) for key, (kind, properties) in resolved.items()}
    return Environment(suffix, account, filled)


def _forms(logical_id: str, kind: str, properties: Properties, suffix: str, account: str) -> dict[str, str]:
    form = _FORMS.get(kind)
    if form is None:
        return {}
    name = properties.get(form.named_by, "") if form.named_by else ""
    known = {"name": name, "region": REGION, "account": account, "logical_id": logical_id, "suffix": suffix}
    return {attribute: text.format(**known) for attribute, text in form.forms.items()}


def _filled(value: Any, named: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _TOKEN.sub(lambda match: named.get(match[0][2:-1], match[0]), value)
    if isinstance(value, list):
        return [_filled(item, named) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, named) for key, item in value.items()}
    return value
