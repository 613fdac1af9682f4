from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fraud_cfn.local import Endpoint, seed

PATIENCE = 60  # seconds; only a machine that hangs needs as many
PLATFORM = Path(__file__).with_name("platform.yaml").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Stack:
    """A stack on the endpoint, deployed by change sets as a user would."""

    cloudformation: Any
    name: str
    body: str
    fixed: dict[str, str]

    def change(self, kind: str, **parameters: str) -> dict[str, Any]:
        """Create a change set; its description."""
        values = {**self.fixed, **parameters}
        created = self.cloudformation.create_change_set(
            StackName=self.name,
            ChangeSetName=f"c{time.time_ns()}",
            ChangeSetType=kind,
            TemplateBody=self.body,
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in values.items()],
        )
        return self.cloudformation.describe_change_set(ChangeSetName=created["Id"])

    def deploy(self, kind: str, **parameters: str) -> str:
        """Create and execute a change set; the status that the stack ends in."""
        change = self.change(kind, **parameters)
        assert change["Status"] == "CREATE_COMPLETE", change["StatusReason"]
        self.cloudformation.execute_change_set(ChangeSetName=change["ChangeSetId"])
        return self.settled(change["StackId"])

    def delete(self) -> str:
        arn = self.described["StackId"]
        self.cloudformation.delete_stack(StackName=arn)
        return self.settled(arn)

    def settled(self, arn: str) -> str:
        deadline = time.monotonic() + PATIENCE
        while (status := self._describe(arn)["StackStatus"]).endswith("IN_PROGRESS"):
            assert time.monotonic() < deadline, f"{self.name} is {status} for {PATIENCE} seconds"
            time.sleep(0.01)
        return status

    @property
    def described(self) -> dict[str, Any]:
        return self._describe(self.name)

    def events(self, since: int = 0) -> list[tuple[str, str, str]]:
        """(logical id, status, reason), oldest first, without the first `since` ones."""
        pages = self.cloudformation.get_paginator("describe_stack_events").paginate(StackName=self.name)
        newest_first = [event for page in pages for event in page["StackEvents"]]
        return [
            (e["LogicalResourceId"], e["ResourceStatus"], e.get("ResourceStatusReason", ""))
            for e in reversed(newest_first)
        ][since:]

    @property
    def physical_ids(self) -> dict[str, str]:
        """Logical id → physical id."""
        pages = self.cloudformation.get_paginator("list_stack_resources").paginate(StackName=self.name)
        listed = [resource for page in pages for resource in page["StackResourceSummaries"]]
        return {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in listed}

    def _describe(self, name: str) -> dict[str, Any]:
        return self.cloudformation.describe_stacks(StackName=name)["Stacks"][0]


def eventually(look: Callable[[], Any], expected: Any) -> None:
    """Look until it is as expected; fails with the last look after a long time."""
    deadline = time.monotonic() + PATIENCE
    while (seen := look()) != expected and time.monotonic() < deadline:
        time.sleep(0.01)
    assert seen == expected


NewStack = Callable[..., Stack]
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def new_stack(endpoint: Endpoint) -> NewStack:
    """Makes a stack with secrets and a suffix of its own; not deployed yet."""

    def make(body: str = PLATFORM) -> Stack:
        suffix = f"t{next(_numbers)}"
        if body != PLATFORM:
            return Stack(endpoint.client("cloudformation"), f"Local{suffix}", body, {})
        seed(endpoint, suffix)
        secret = endpoint.client("secretsmanager").describe_secret(SecretId=f"fraud-database-{suffix}")
        fixed = {"Suffix": suffix, "SecretArn": secret["ARN"]}
        return Stack(endpoint.client("cloudformation"), f"Local{suffix}", body, fixed)

    return make


@pytest.fixture(scope="session")
def released(new_stack: NewStack) -> Stack:
    """The small platform: created, enabled, then with a new image tag."""
    stack = new_stack()
    assert stack.deploy("CREATE") == "CREATE_COMPLETE"
    assert stack.deploy("UPDATE", Enabled="true") == "UPDATE_COMPLETE"
    assert stack.deploy("UPDATE", Enabled="true", Tag="v2") == "UPDATE_COMPLETE"
    return stack
