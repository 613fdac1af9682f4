"""A stack as CloudFormation describes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from fraud_cfn.config import SUFFIX_FORM, SUFFIX_MOST
from fraud_cfn.deploy.errors import UsageError
from fraud_cfn.deploy.terminal import typed

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import StackTypeDef


@dataclass(frozen=True)
class Stack:
    """One answer of DescribeStacks; `arn` addresses this very stack, also once it is deleted."""

    name: str
    arn: str
    status: str
    reason: str
    parameters: dict[str, str]
    outputs: dict[str, str]
    tags: dict[str, str]
    capabilities: tuple[str, ...]
    protected: bool
    created: datetime | None = None
    updated: datetime | None = None  # last; `None` where it was only created

    @property
    def suffix(self) -> str:
        return self.name.removeprefix("TapStack")


@dataclass(frozen=True)
class Resource:
    """One row of ListStackResources."""

    logical_id: str
    type: str
    physical_id: str
    status: str


def name_of(suffix: str) -> str:
    """The stack's name; `UsageError` for a suffix that the template would reject."""
    if not re.fullmatch(SUFFIX_FORM, suffix) or len(suffix) > SUFFIX_MOST:
        raise UsageError(
            f"{suffix!r} is not an environment suffix",
            f"use 1 to {SUFFIX_MOST} lower-case letters, digits and single hyphens between them: pr-12",
        )
    return f"TapStack{suffix}"


def find(cloudformation: CloudFormationClient, name: str) -> Stack | None:
    """Look a stack up by name or ARN; `None` if there is none (a deleted one is found by ARN only)."""
    try:
        answer = cloudformation.describe_stacks(StackName=name)
    except cloudformation.exceptions.ClientError as error:
        if "does not exist" in error.response.get("Error", {}).get("Message", ""):
            return None
        raise
    return next(map(parse, answer["Stacks"]), None)


def must_find(cloudformation: CloudFormationClient, suffix: str) -> Stack:
    """As `find`; `UsageError` if there is no such stack."""
    stack = find(cloudformation, name_of(suffix))
    if stack is None or stack.status == "REVIEW_IN_PROGRESS":
        raise UsageError(f"{name_of(suffix)} does not exist here", f"deploy it: {command('deploy', suffix)}")
    return stack


def parse(stack: StackTypeDef) -> Stack:
    """From one member of DescribeStacks' `Stacks`."""
    return Stack(
        name=stack["StackName"],
        arn=stack.get("StackId", ""),
        status=stack["StackStatus"],
        reason=stack.get("StackStatusReason", ""),
        parameters={
            parameter.get("ParameterKey", ""): parameter.get("ParameterValue", "")
            for parameter in stack.get("Parameters", ())
        },
        outputs={
            output.get("OutputKey", ""): output.get("OutputValue", "") for output in stack.get("Outputs", ())
        },
        tags={tag["Key"]: tag["Value"] for tag in stack.get("Tags", ())},
        capabilities=tuple(stack.get("Capabilities", ())),
        protected=bool(stack.get("EnableTerminationProtection")),
        created=stack["CreationTime"],
        updated=stack.get("LastUpdatedTime"),
    )


def resources(cloudformation: CloudFormationClient, arn: str) -> Iterator[Resource]:
    """Every resource of the stack, all pages, deleted ones too."""
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=arn):
        for summary in page["StackResourceSummaries"]:
            yield Resource(
                summary["LogicalResourceId"],
                summary["ResourceType"],
                summary.get("PhysicalResourceId", ""),
                summary["ResourceStatus"],
            )


def physical_ids(resources: Iterable[Resource], kind: str) -> list[str]:
    """Of those of that type, as far as they exist."""
    return [resource.physical_id for resource in resources if resource.type == kind and resource.physical_id]


def deleted(cloudformation: CloudFormationClient, name: str) -> list[str]:
    """ARNs of the stacks of that name that were deleted in the last 90 days, newest first."""
    pages = cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"])
    return [
        summary.get("StackId", "")
        for page in pages
        for summary in page["StackSummaries"]
        if summary["StackName"] == name
    ]


def destroying(suffix: str, rest: str = "") -> str:
    """As `command`, to go on with the `destroy` that was typed: it spares again what it was told to."""
    spared = typed.kept("--retain", "--unprotect")
    return command("destroy", suffix, " ".join(filter(None, (rest, spared))))


def command(verb: str, suffix: str, rest: str = "") -> str:
    """How a user types that verb, with options in `rest`; every hint goes through here, and can be copied."""
    return typed.make(verb, suffix, " ".join(filter(None, (rest, typed.where()))))
