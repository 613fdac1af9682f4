"""Deploys the committed template to the local endpoint by change set, without the deploy command."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from fraud_cfn.local import Endpoint, seed
from tests.integration.platform import Platform

_PATIENCE = 120  # seconds; only a machine that hangs needs as many


@dataclass(frozen=True)
class Deployer:
    endpoint: Endpoint
    template_url: str

    @property
    def cloudformation(self) -> Any:
        return self.endpoint.client("cloudformation")

    def platform(self, suffix: str) -> Platform:
        return Platform(suffix, self.endpoint.client)

    def create(self, suffix: str, **parameters: str) -> str:
        """Seed and create that environment; the status that its stack ends in."""
        seed(self.endpoint, suffix)
        describe = self.endpoint.client("secretsmanager").describe_secret
        known = {
            "EnvironmentSuffix": suffix,
            "DatabaseCredentialsArn": describe(SecretId=f"fraud-database-{suffix}")["ARN"],
            "ApiKeysArn": describe(SecretId=f"fraud-api-keys-{suffix}")["ARN"],
            **parameters,
        }
        values = [{"ParameterKey": name, "ParameterValue": value} for name, value in known.items()]
        return self._change(suffix, "CREATE", values)

    def update(self, suffix: str, **parameters: str) -> str:
        """Change these parameters, keep all others; the status that the stack ends in."""
        kept = self.platform(suffix).parameters.keys() - parameters.keys()
        values = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
        values += [{"ParameterKey": name, "UsePreviousValue": True} for name in kept]
        return self._change(suffix, "UPDATE", values)

    def delete(self, suffix: str) -> str:
        arn = self.platform(suffix).stack["StackId"]
        self.cloudformation.delete_stack(StackName=arn)
        return self._settled(arn)

    def failures(self, suffix: str) -> list[tuple[str, str]]:
        """(logical id, reason) of every resource that failed, oldest first."""
        return [
            (event["LogicalResourceId"], event["ResourceStatusReason"])
            for event in reversed(self.events(suffix))
            if event["ResourceStatus"].endswith("_FAILED")
        ]

    def events(self, suffix: str) -> list[dict[str, Any]]:
        """Newest first."""
        stack_name = self.platform(suffix).stack_name
        pages = self.cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_name)
        return [event for page in pages for event in page["StackEvents"]]

    def _change(self, suffix: str, kind: str, parameters: list[dict[str, Any]]) -> str:
        created = self.cloudformation.create_change_set(
            StackName=self.platform(suffix).stack_name,
            ChangeSetName=f"c{time.time_ns()}",
            ChangeSetType=kind,
            TemplateURL=self.template_url,
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=parameters,
        )
        self.cloudformation.execute_change_set(ChangeSetName=created["Id"])
        return self._settled(created["StackId"])

    def _settled(self, arn: str) -> str:
        def status() -> str:
            return self.cloudformation.describe_stacks(StackName=arn)["Stacks"][0]["StackStatus"]

        deadline = time.monotonic() + _PATIENCE
        while (now := status()).endswith("IN_PROGRESS"):
            assert time.monotonic() < deadline, f"{arn} is {now} for {_PATIENCE} seconds"
            time.sleep(0.01)
        return now
