"""A deployed stack, as the services' own APIs describe it. Only reads, and each thing once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests.lens import SERVICES, WORKLOADS, kebab

_RESOURCES = "StackResourceSummaries"
ROLES = (
    *(f"{workload}-{kind}" for workload in map(kebab, WORKLOADS) for kind in ("task", "execution")),
    "api-deployment",
    "job-schedule",
)


@dataclass(frozen=True)
class Platform:
    suffix: str
    client: Callable[[str], Any]  # service name → boto3 client

    def name(self, thing: str) -> str:
        return f"fraud-{thing}-{self.suffix}"

    @property
    def stack_name(self) -> str:
        return f"TapStack{self.suffix}"

    @cached_property
    def stack(self) -> dict[str, Any]:
        return self.client("cloudformation").describe_stacks(StackName=self.stack_name)["Stacks"][0]

    @cached_property
    def account(self) -> str:
        return self.stack["StackId"].split(":")[4]

    @cached_property
    def parameters(self) -> dict[str, str]:
        return {p["ParameterKey"]: p["ParameterValue"] for p in self.stack["Parameters"]}

    @cached_property
    def outputs(self) -> dict[str, str]:
        return {output["OutputKey"]: output["OutputValue"] for output in self.stack["Outputs"]}

    @cached_property
    def ids(self) -> dict[str, str]:
        """Logical id → physical id."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        listed = [r for page in pages.paginate(StackName=self.stack_name) for r in page[_RESOURCES]]
        return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in listed}

    @property
    def is_live(self) -> bool:
        return self.parameters["ServicesEnabled"] == "true"

    @property
    def serves_https(self) -> bool:
        return self.parameters["CertificateArn"] != ""

    # ── What several tests look at ──

    @cached_property
    def subnets(self) -> list[dict[str, Any]]:
        found = self.client("ec2").describe_subnets(Filters=[{"Name": "vpc-id", "Values": [self.ids["Vpc"]]}])
        return found["Subnets"]

    @cached_property
    def security_groups(self) -> dict[str, dict[str, Any]]:
        """By logical id; only those of the stack."""
        logical = {physical: logical for logical, physical in self.ids.items()}
        filters = [{"Name": "vpc-id", "Values": [self.ids["Vpc"]]}]
        found = self.client("ec2").describe_security_groups(Filters=filters)["SecurityGroups"]
        return {logical[group["GroupId"]]: group for group in found if group["GroupId"] in logical}

    @cached_property
    def services(self) -> dict[str, dict[str, Any]]:
        """By workload: api, worker."""
        names = {self.name(workload): workload for workload in map(kebab, SERVICES)}
        found = self.client("ecs").describe_services(cluster=self.name("cluster"), services=list(names))
        return {names[service["serviceName"]]: service for service in found["services"]}

    @cached_property
    def task_definitions(self) -> dict[str, dict[str, Any]]:
        """By workload: api, worker, job."""
        ids = {kebab(workload): f"{workload}TaskDefinition" for workload in WORKLOADS}
        describe = self.client("ecs").describe_task_definition
        found = {workload: describe(taskDefinition=self.ids[logical]) for workload, logical in ids.items()}
        return {workload: answer["taskDefinition"] for workload, answer in found.items()}

    @cached_property
    def cluster_arn(self) -> str:
        (cluster,) = self.client("ecs").describe_clusters(clusters=[self.name("cluster")])["clusters"]
        return cluster["clusterArn"]

    @cached_property
    def roles(self) -> dict[str, dict[str, Any]]:
        """By the name between `fraud-` and the suffix."""
        get = self.client("iam").get_role
        return {role: get(RoleName=self.name(role))["Role"] for role in ROLES}

    @cached_property
    def statements(self) -> dict[str, list[dict[str, Any]]]:
        """Role → the statements of its inline policies."""
        iam, found = self.client("iam"), {}
        for role in ROLES:
            names = iam.list_role_policies(RoleName=self.name(role))["PolicyNames"]
            policies = [iam.get_role_policy(RoleName=self.name(role), PolicyName=name) for name in names]
            found[role] = [statement for p in policies for statement in p["PolicyDocument"]["Statement"]]
        return found

    def queue(self, thing: str) -> dict[str, str]:
        """A queue's attributes."""
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName=self.name(thing))["QueueUrl"]
        return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    def weights(self) -> dict[str, int]:
        """Target group → weight, of the routing rule as it is now."""
        (rule,) = self.client("elbv2").describe_rules(RuleArns=[self.ids["RoutingRule"]])["Rules"]
        groups = rule["Actions"][0]["ForwardConfig"]["TargetGroups"]
        return {group["TargetGroupArn"]: group["Weight"] for group in groups}
