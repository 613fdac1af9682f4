"""A stack as CloudFormation describes it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fraud_cfn.config import SUFFIX_FORM, SUFFIX_MOST
from fraud_cfn.deploy.errors import UsageError


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


def find(cloudformation: Any, name: str) -> Stack | None:
    """Look a stack up by name or ARN; `None` if there is none (a deleted one is found by ARN only)."""
    try:
        answer = cloudformation.describe_stacks(StackName=name)
    except cloudformation.exceptions.ClientError as error:
        if "does not exist" in error.response["Error"].get("Message", ""):
            return None
        raise
    return parse(answer["Stacks"][0])


def must_find(cloudformation: Any, suffix: str) -> Stack:
    """As `find`; `UsageError` if there is no such stack."""
    stack = find(cloudformation, name_of(suffix))
    if stack is None or stack.status == "REVIEW_IN_PROGRESS":
        raise UsageError(f"{name_of(suffix)} does not exist here", f"deploy it: {command('deploy', suffix)}")
    return stack


def parse(stack: dict[str, Any]) -> Stack:
    """From one member of DescribeStacks' `Stacks`."""
    return Stack(
        name=stack["StackName"],
        arn=stack["StackId"],
        status=stack["StackStatus"],
        reason=stack.get("StackStatusReason", ""),
        parameters={p["ParameterKey"]: p.get("ParameterValue", "") for p in stack.get("Parameters", ())},
        outputs={o["OutputKey"]: o.get("OutputValue", "") for o in stack.get("Outputs", ())},
        tags={t["Key"]: t["Value"] for t in stack.get("Tags", ())},
        capabilities=tuple(stack.get("Capabilities", ())),
        protected=bool(stack.get("EnableTerminationProtection")),
    )


def resources(cloudformation: Any, arn: str) -> Iterator[Resource]:
    """Every resource of the stack, all pages, deleted ones too."""
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=arn):
        for one in page["StackResourceSummaries"]:
            yield Resource(
                one["LogicalResourceId"],
                one["ResourceType"],
                one.get("PhysicalResourceId", ""),
                one["ResourceStatus"],
            )


def command(verb: str, suffix: str, rest: str = "") -> str:
    """How a user types that verb, with options in `rest`; every hint goes through here, and can be copied."""
    return f"make {verb} ENV={suffix}{f' ARGS={shlex.quote(rest)}' if rest else ''}"
