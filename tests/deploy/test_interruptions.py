"""A real Ctrl-C in each phase: what was done and goes on is said; the advised step, played here, helps."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import time
from typing import Any
from unittest import mock

import pytest

from fraud_cfn.deploy.cli import main
from fraud_cfn.deploy.terminal import clock
from tests.deploy.conftest import environment
from tests.deploy.fake_aws import Aws, change, steps
from tests.deploy.fake_running import Running, Task
from tests.deploy.fake_s3 import Bucket
from tests.deploy.forked import Command
from tests.deploy.played import the
from tests.deploy.test_destroy import resource
from tests.deploy.test_processes import Late, interrupt, start, until
from tests.deploy.test_processes import real as real

DESTROY = "destroy dev --yes --confirm TapStackdev"
EVER = steps("0 UPDATE_IN_PROGRESS", "600 UPDATE_COMPLETE")


def begin(aws: Aws, line: str) -> Command:
    return Command(line.split(), environment(aws.url))


def play(aws: Aws, text: str, *wanted: str, more: str = "") -> tuple[str, int]:
    """Type the advised command that has these words, with what a script needs `more`: its text and code.

    It runs in this process, where waiting takes a tenth of its time.
    """
    aws.calls.clear()
    said = io.StringIO()
    with (
        mock.patch.dict(os.environ, environment(aws.url), clear=True),
        mock.patch.object(clock, "sleep", lambda seconds: time.sleep(seconds / 10)),
        mock.patch.object(sys, "stdin", io.StringIO()),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
    ):
        code = main([*the(text, *wanted), *more.split()])
    return said.getvalue(), code


def stopped_at(aws: Aws, line: str, condition: Any, late: Late | None = None) -> str:
    """Run it, interrupt it once `condition` holds; what it said. It ends as documented."""
    process = begin(aws, line)
    try:
        until(condition)
        text, code = interrupt(process, late=late)
    finally:
        process.kill()
    assert code == 130, text
    assert "Traceback" not in text
    assert re.search(r"^result=(detached|interrupted) stack=TapStackdev$", text, re.MULTILINE)
    return text


@pytest.fixture
def live(real: Aws) -> Running:
    """A live environment in real time; tasks stop and start at once."""
    real.parameters = {**real.parameters, "ServicesEnabled": "true"}
    return Running(real).install().mortal()


@pytest.fixture
def off(live: Running) -> Running:
    live.aws.parameters["ServicesEnabled"] = "false"
    for name in live.desired:
        live.scale(name, 0)
    live.suspended, live.scheduled = True, "DISABLED"
    return live


def finish(aws: Aws) -> None:
    """What AWS was at ends now."""
    for event in aws.events:
        event["at"] = min(event["at"], aws.now)


# ── Changes ───────────────────────────────────────────────────────────────────────────────────────


def test_while_an_execution_is_answered(real: Aws) -> None:
    real.answers["ExecuteChangeSet"] = late = Late(real._execute_change_set)
    real.scripts["ExecuteChangeSet"] = EVER
    process = start(real, "--yes")
    until(lambda: "ExecuteChangeSet" in real.calls)
    text, code = interrupt(process, late=late)
    assert code == 130
    assert "detached; TapStackdev goes on" in text
    assert "nothing was changed" not in text
    assert "DeleteChangeSet" not in real.calls


def test_while_the_template_is_linted(real: Aws) -> None:
    """The committed one, whose check takes seconds; nothing of it is left running."""
    text = stopped_at(real, "plan dev", lambda: "DescribeStacks" in real.calls)
    assert "interrupted; nothing was changed" in text
    assert "CreateChangeSet" not in real.calls


def test_while_somebody_elses_operation_is_followed(live: Running) -> None:
    live.aws.scripts["Other"] = EVER
    live.aws.play("Other", "somebody-else")
    text = stopped_at(
        live.aws,
        "release dev --service api --tag v1.5 --yes",
        lambda: "DescribeStackEvents" in live.aws.calls,
    )
    assert "detached; TapStackdev goes on" in text
    finish(live.aws)
    live.aws.scripts["ExecuteChangeSet"] = steps("0 UPDATE_IN_PROGRESS", "0.2 UPDATE_COMPLETE")
    text, code = play(live.aws, text, "release", "--tag")
    assert (code, live.aws.parameters["ApiImageTag"]) == (0, "v1.5"), text


def test_while_a_release_is_carried_out(live: Running) -> None:
    live.aws.scripts["ExecuteChangeSet"] = EVER
    text = stopped_at(
        live.aws,
        "release dev --service api --tag v1.5 --yes",
        lambda: "ListServiceDeployments" in live.aws.calls,
    )
    assert "detached; TapStackdev goes on" in text
    finish(live.aws)
    live.aws.reason = "The submitted information didn't contain changes."
    again, code = play(live.aws, text, "release", "--tag")
    assert code == 0, again
    assert "Serving fraud-api-dev:7, 2/2 tasks" in again
    finish(live.aws)
    live.aws.scripts["Other"] = EVER
    live.aws.play("Other", "somebody-else")
    live.aws.scripts["CancelUpdateStack"] = steps(
        "0 UPDATE_ROLLBACK_IN_PROGRESS", "0.2 UPDATE_ROLLBACK_COMPLETE"
    )
    again, code = play(live.aws, text, "cancel", more="--yes")
    assert code == 0, again


def test_while_a_release_is_looked_at_once_more(live: Running) -> None:
    """After the update, while ECS still settles."""
    honest = live.describe_services

    def settling(asked: dict[str, Any]) -> dict[str, Any]:
        answer = honest(asked)
        for service in answer["services"]:
            service["deployments"] = [{"status": "PRIMARY", "rolloutState": "IN_PROGRESS"}]
        return answer

    live.aws.answers["DescribeServices"] = settling
    live.aws.scripts["ExecuteChangeSet"] = steps("0 UPDATE_IN_PROGRESS", "0.2 UPDATE_COMPLETE")
    text = stopped_at(
        live.aws,
        "release dev --service api --tag v1.5 --yes",
        lambda: live.aws.calls.count("DescribeServices") > 1,
    )
    assert "interrupted; TapStackdev is UPDATE_COMPLETE" in text
    again, code = play(live.aws, text, "status")
    assert code == 0, again


def test_while_a_rollback_is_continued(real: Aws) -> None:
    real.status = "UPDATE_ROLLBACK_FAILED"
    real.scripts["ContinueUpdateRollback"] = steps(
        "0 UPDATE_ROLLBACK_IN_PROGRESS", "600 UPDATE_ROLLBACK_COMPLETE"
    )
    text = stopped_at(real, "rollback dev --yes", lambda: real.calls.count("DescribeStackEvents") > 2)
    assert "detached; TapStackdev goes on" in text
    assert "make cancel" not in text, "only an update can be cancelled"
    assert the(text, "plan") == ["plan", "dev"]


def test_while_a_stack_is_created_what_cancelling_does_is_told(real: Aws) -> None:
    real.status = None
    real.changes = [change("Add", "Database", "AWS::RDS::DBCluster")]
    real.scripts["ExecuteChangeSet"] = steps("0 CREATE_IN_PROGRESS", "600 CREATE_COMPLETE")
    process = start(real, "--yes")
    until(lambda: real.calls.count("DescribeStackEvents") > 1)
    text, code = interrupt(process)
    assert code == 130
    assert "stop and delete it: make cancel ENV=dev" in text
    assert "stop an update" not in text


# ── start ─────────────────────────────────────────────────────────────────────────────────────────


def test_while_a_start_is_carried_out(off: Running) -> None:
    off.aws.scripts["ExecuteChangeSet"] = EVER
    text = stopped_at(
        off.aws, "start dev --yes --steady 0.2", lambda: off.aws.calls.count("DescribeStackEvents") > 1
    )
    assert "detached; TapStackdev goes on" in text
    finish(off.aws)
    again, code = play(off.aws, text, "start")
    assert (code, "LIVE http" in again) == (0, True), again


def test_while_a_start_is_proven_on_and_back(off: Running) -> None:
    off.aws.scripts["ExecuteChangeSet"] = steps("0 UPDATE_IN_PROGRESS", "0.2 UPDATE_COMPLETE")
    text = stopped_at(off.aws, "start dev --yes", lambda: "DescribeTargetHealth" in off.aws.calls)
    assert "detached; TapStackdev: its services are enabled, and their tasks go on starting" in text
    again, code = play(off.aws, text, "status")
    assert code == 0, again
    off.aws.current()
    off.aws.events.clear()
    again, code = play(off.aws, text, "start", "--back", more="--yes")
    assert (code, off.desired) == (0, {"api": 0, "worker": 0}), again


def test_while_start_goes_back(live: Running) -> None:
    live.drain = 600
    live.aws.scripts["ExecuteChangeSet"] = steps("0 UPDATE_IN_PROGRESS", "0.2 UPDATE_COMPLETE")
    text = stopped_at(
        live.aws,
        "start dev --back --yes",
        lambda: live.aws.parameters["ServicesEnabled"] == "false" and "ListTasks" in live.aws.calls,
    )
    assert "detached; TapStackdev: its services are off; the last tasks go on stopping" in text
    assert live.suspended
    again, code = play(live.aws, text, "status")
    assert code == 0, again


# ── run-job ───────────────────────────────────────────────────────────────────────────────────────


def test_while_the_job_runs(live: Running) -> None:
    live.started = lambda: Task("arn/job-1", "fraud-job-dev", exit_code=0)
    text = stopped_at(live.aws, "run-job dev", lambda: "DescribeTasks" in live.aws.calls)
    assert "detached; job goes on as arn/job-1" in text
    assert "aws ecs" not in text
    again, code = play(live.aws, text, "run-job", "--stop")
    assert (code, "STOPPED job-1" in again) == (0, True), again
    again, code = play(live.aws, text, "logs")
    assert code == 0, again


def test_while_the_start_of_a_job_is_answered(live: Running) -> None:
    live.aws.answers["RunTask"] = late = Late(live.run_task)
    text = stopped_at(live.aws, "run-job dev", lambda: "RunTask" in live.aws.calls, late)
    assert "detached; job goes on as arn/job-1" in text


# ── destroy ───────────────────────────────────────────────────────────────────────────────────────


def test_before_anything_is_touched(real: Aws) -> None:
    real.answers["ListStackResources"] = late = Late(lambda _: {"StackResourceSummaries": []})
    text = stopped_at(real, DESTROY, lambda: "ListStackResources" in real.calls, late)
    assert "interrupted; nothing was changed" in text
    assert "DeleteStack" not in real.calls


def test_while_services_drain_it_goes_on_or_comes_back(live: Running) -> None:
    live.drain = 600
    text = stopped_at(live.aws, DESTROY, lambda: live.aws.calls.count("DescribeServices") > 4)
    assert "interrupted; TapStackdev is still there, but what runs in it is told to stop" in text
    assert "DeleteStack" not in live.aws.calls
    assert (live.desired, live.scheduled) == ({"api": 0, "worker": 0}, "DISABLED")
    for task in live.tasks:
        if task.ends < float("inf"):
            task.ends = live.aws.now
    again, code = play(live.aws, text, "start", more="--yes --steady 0.2")
    assert (code, "LIVE http" in again) == (0, True), again
    assert (live.suspended, live.scheduled) == (False, "ENABLED")
    live.drain = 0
    again, code = play(live.aws, text, "destroy", more="--yes --confirm TapStackdev")
    assert code == 0, again


def test_while_only_the_job_is_stopped(off: Running) -> None:
    off.drain = 600
    off.tasks.append(Task("arn/job-7", "fraud-job-dev", family=True))
    text = stopped_at(
        off.aws, DESTROY, lambda: "StopTask" in off.aws.calls and off.aws.calls[-1] == "ListTasks"
    )
    assert "nothing was changed" not in text
    assert "what runs in it is told to stop" in text


def test_while_a_bucket_empties(live: Running) -> None:
    keys = [f"k{number:04}" for number in range(400)]
    bucket = Bucket(live.aws, "data", keys).install()
    bucket.on_delete = lambda: time.sleep(0.02)
    live.aws.resources.append(resource("DataBucket", "AWS::S3::Bucket", "data"))
    text = stopped_at(live.aws, DESTROY, lambda: len(bucket.deleted) > 100)
    told = re.search(r"data is being emptied: (\d+) versions deleted for good", text)
    assert told, text
    assert int(told[1]) == len(bucket.deleted) < 400
    assert "DeleteStack" not in live.aws.calls
    assert "make start" not in text, "what is deleted does not come back"
    bucket.on_delete = lambda: None
    again, code = play(live.aws, text, "destroy", more="--yes --confirm TapStackdev")
    assert (code, bucket.keys) == (0, []), again


def test_while_the_stack_is_deleted(live: Running) -> None:
    live.aws.scripts["DeleteStack"] = steps("0 DELETE_IN_PROGRESS", "600 DELETE_COMPLETE")
    text = stopped_at(live.aws, DESTROY, lambda: live.aws.calls.count("DescribeStackEvents") > 1)
    assert "detached; TapStackdev goes on" in text
    assert "make deploy" not in text
    finish(live.aws)
    again, code = play(live.aws, text, "destroy", more="--yes --confirm TapStackdev")
    assert code == 0, again


def test_in_the_pause_before_the_second_try(live: Running) -> None:
    refusal = "The Cluster cannot be deleted while Tasks are active."
    live.aws.scripts["DeleteStack"] = steps(
        "0 DELETE_IN_PROGRESS", f"0.1 DELETE_FAILED Cluster AWS::ECS::Cluster {refusal}", "0.2 DELETE_FAILED"
    )
    process = begin(live.aws, DESTROY)
    assert process.stderr
    for line in process.stderr:
        if "trying once more in 1m00s" in line:
            break
    text, code = interrupt(process)
    assert code == 130
    assert "interrupted; TapStackdev is still there, but it is half deleted" in text
    live.aws.current()
    live.aws.events.clear()
    live.aws.scripts["DeleteStack"] = steps("0 DELETE_IN_PROGRESS", "0.2 DELETE_COMPLETE")
    again, code = play(live.aws, text, "destroy", more="--yes --confirm TapStackdev")
    assert code == 0, again


def test_while_it_is_looked_whether_anything_is_left(live: Running) -> None:
    late = Late(live.aws.answers["DescribeRepositories"])
    live.aws.answers["DescribeRepositories"] = late
    text = stopped_at(live.aws, DESTROY, lambda: "DescribeRepositories" in live.aws.calls, late)
    assert "interrupted; TapStackdev is deleted; whether anything is left was not looked at" in text
    assert "make status" not in text, "there is nothing to see"
    assert the(text, "destroy")


def test_in_diagnose_nothing_was_changed(live: Running) -> None:
    live.aws.answers["FilterLogEvents"] = late = Late(lambda _: {"events": []})
    text = stopped_at(live.aws, "diagnose dev", lambda: "FilterLogEvents" in live.aws.calls, late)
    assert "interrupted; nothing was changed" in text
