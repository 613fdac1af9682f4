"""A real Ctrl-C in each phase: what was done and what goes on is said, with a step that helps from there."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

from fraud_cfn.config import ROOT
from tests.deploy.conftest import environment
from tests.deploy.fake_aws import Aws, steps
from tests.deploy.test_processes import interrupt, start, until
from tests.deploy.test_processes import real as real

SERVICE = "arn:aws:ecs:eu-central-1:1:service/fraud-cluster-dev/fraud-api-dev"


def destroy(aws: Aws) -> subprocess.Popen[str]:
    arguments = ["destroy", "dev", "--yes", "--confirm", "TapStackdev"]
    return subprocess.Popen(
        [sys.executable, "-m", "fraud_cfn.deploy", *arguments],
        env=environment(aws.url),
        cwd=ROOT,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def running(aws: Aws) -> None:
    """A stack with one service that does not stop."""
    aws.resources = [
        {
            "LogicalResourceId": "ApiService",
            "ResourceType": "AWS::ECS::Service",
            "PhysicalResourceId": SERVICE,
            "ResourceStatus": "CREATE_COMPLETE",
        }
    ]
    service = {"serviceName": "fraud-api-dev", "status": "ACTIVE", "desiredCount": 2, "runningCount": 2}
    aws.answers |= {
        "DescribeServices": lambda _: {"services": [service]},
        "DescribeScalableTargets": lambda _: {"ScalableTargets": []},
        "UpdateService": lambda _: {"service": service},
    }


def test_ctrl_c_while_an_execution_is_answered_says_that_it_goes_on(real: Aws) -> None:
    def slow(asked: dict[str, Any]) -> dict[str, Any]:
        time.sleep(0.7)
        return real._execute_change_set(asked)

    real.answers["ExecuteChangeSet"] = slow
    real.scripts["ExecuteChangeSet"] = steps("0 UPDATE_IN_PROGRESS", "600 UPDATE_COMPLETE")
    process = start(real, "--yes")
    until(lambda: "ExecuteChangeSet" in real.calls)
    text, code = interrupt(process)
    assert code == 130
    assert "detached; TapStackdev goes on" in text
    assert "nothing was changed" not in text
    assert "DeleteChangeSet" not in real.calls


def test_ctrl_c_after_services_were_stopped_says_so_and_how_to_go_back(real: Aws) -> None:
    running(real)
    process = destroy(real)
    until(lambda: real.calls.count("DescribeServices") > 1)
    text, code = interrupt(process)
    assert code == 130
    assert "interrupted; TapStackdev is still there, but what runs in it is told to stop" in text
    assert "go on: make destroy ENV=dev" in text
    assert "back: make start ENV=dev\n" in text
    assert "DeleteStack" not in real.calls


def test_ctrl_c_while_the_stack_is_deleted_does_not_advise_to_deploy(real: Aws) -> None:
    real.scripts["DeleteStack"] = steps("0 DELETE_IN_PROGRESS", "600 DELETE_COMPLETE")
    process = destroy(real)
    until(lambda: real.calls.count("DescribeStackEvents") > 1)
    text, code = interrupt(process)
    assert code == 130
    assert "detached; TapStackdev goes on" in text
    assert "make destroy ENV=dev" in text
    assert "make deploy" not in text


def test_ctrl_c_before_anything_is_touched_says_that_nothing_was(real: Aws) -> None:
    def slow(_: dict[str, Any]) -> dict[str, Any]:
        time.sleep(0.7)
        return {"StackResourceSummaries": []}

    real.answers["ListStackResources"] = slow
    process = destroy(real)
    until(lambda: "ListStackResources" in real.calls)
    text, code = interrupt(process)
    assert code == 130
    assert "interrupted; nothing was changed" in text
    assert "DeleteStack" not in real.calls
