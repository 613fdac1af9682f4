"""Each command that a text advises is typed in the state where it was advised, and helps from there."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fraud_cfn.config import ROOT
from tests import sources
from tests.deploy.conftest import SMALL, Teller, Told
from tests.deploy.fake_aws import Aws, FaultError, LostConnectionError, change, steps
from tests.deploy.fake_running import Running, Task
from tests.deploy.fake_s3 import Bucket
from tests.deploy.played import advised, the
from tests.deploy.test_destroy import LATER, resource
from tests.deploy.test_running import TOUCHING, crash, stop_all
from tests.deploy.test_running import green as green
from tests.deploy.test_running import off as off
from tests.deploy.test_status_table import CREATED, SERVICE, UPDATED

# Where a command is advised → the tests that type it; the rest is played below.
ELSEWHERE = {
    "carry_out.execute": ("test_interruptions.test_while_an_execution_is_answered",),
    "cancel.run": ("test_interruptions.test_while_a_release_is_carried_out",),
    "destroy._protected": ("test_destroy.test_a_protected_database_is_told_before_anything_is_stopped",),
    "destroy._never_empty": ("test_destroy.test_what_is_advised_then_deletes_all_but_that_bucket",),
    "destroy._again": ("test_interruptions.test_while_the_stack_is_deleted",),
    "readiness.must_be_unprotected": ("test_account_refusals.test_a_protected_stack_is_not_created_anew",),
    "run_job.run": ("test_interruptions.test_while_the_job_runs",),
    "start._step": ("test_interruptions.test_while_a_start_is_proven_on_and_back",),
    "teardown.standing": ("test_interruptions.test_while_a_bucket_empties",),
    "teardown.prepare": (
        "test_interruptions.test_while_services_drain_it_goes_on_or_comes_back",
        "test_destroy.test_time_that_is_up_while_a_bucket_is_emptied_says_what_is_gone",
    ),
    "traffic.Hold.refusal": ("test_running.test_blue_first_deploys_what_runs_and_then_goes_on",),
    "watch.resuming": (
        "test_interruptions.test_while_a_start_is_carried_out",
        "test_interruptions.test_while_a_release_is_carried_out",
    ),
    "destroy.run": ("test_interruptions.test_while_it_is_looked_whether_anything_is_left",),
    "watch.watch": (
        "test_interruptions.test_while_a_release_is_looked_at_once_more",
        "test_interruptions.test_while_it_is_looked_whether_anything_is_left",
    ),
    # Passes on what its callers, each in this list, name.
    "stacks.destroying": (),
    "diagnose._Patient._command": (),
    # Says what it types itself.
    "demo._runner.run": (),
}
PLAYED = dict(ELSEWHERE)
_ADVICE = (
    "stacks.command",
    "stacks.destroying",
    "self._command",
    "typed.again",
    "typed.following",
    "command",
)


def advises(*places: str) -> Callable[[Any], Any]:
    """The test types what is advised there."""

    def note(test: Any) -> Any:
        for place in places:
            PLAYED[place] = (*PLAYED.get(place, ()), f"test_advice.{test.__name__}")
        return test

    return note


def places() -> Iterator[str]:
    """Every function of the command that advises one."""
    for path in sorted((ROOT / "fraud_cfn" / "deploy").rglob("*.py")):
        yield from _within(sources.tree(path), path.stem)


def _within(node: ast.AST, name: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        named = isinstance(child, (ast.FunctionDef, ast.ClassDef))
        inner = f"{name}.{child.name}" if named else name
        if isinstance(child, ast.Call) and ast.unparse(child.func) in _ADVICE:
            yield name
        yield from _within(child, inner)


def test_every_place_that_advises_is_played() -> None:
    assert set(PLAYED) == set(places())
    for tests in PLAYED.values():
        for name in tests:
            module, _, test = name.partition(".")
            source = Path(__file__).with_name(f"{module}.py").read_text("utf-8")
            assert f"def {test}(" in source, name


@pytest.fixture
def follow(tell: Teller) -> Callable[..., Told]:
    """Types the advised command that has these words; `more` is what a script needs, `ID` and the like are
    filled in."""

    def type_it(told: Told, *wanted: str, more: str = "", **filled: str) -> Told:
        words = [filled.get(word, word) for word in the(told.text, *wanted)]
        return tell(words[0], *words[1:], *more.split())

    return type_it


Follow = Callable[..., Told]


@pytest.fixture
def stack(deployed: Aws) -> Aws:
    """A stack with a change in the offing, each operation of which goes well."""
    deployed.changes = [SERVICE]
    deployed.scripts = {
        "ExecuteChangeSet": UPDATED,
        "RollbackStack": steps("0 UPDATE_ROLLBACK_IN_PROGRESS", "1 UPDATE_ROLLBACK_COMPLETE"),
        "ContinueUpdateRollback": steps("0 UPDATE_ROLLBACK_IN_PROGRESS", "1 UPDATE_ROLLBACK_COMPLETE"),
        "DeleteStack": steps("0 DELETE_IN_PROGRESS", "1 DELETE_COMPLETE"),
    }
    Running(deployed).mortal()
    return deployed


# ── A change set's way ────────────────────────────────────────────────────────────────────────────


@advises("carry_out.agree")
def test_nobody_to_ask(stack: Aws, tell: Teller, follow: Follow) -> None:
    told = tell("deploy dev")
    assert told.code == 4
    assert follow(told, "--yes").code == 0
    assert stack.current() == "UPDATE_COMPLETE"


@advises("readiness.attach")
@pytest.mark.parametrize("verb", ["run-job", "start", "rollback"])
def test_an_operation_in_the_way_is_followed_by_the_verb_itself(
    stack: Aws, tell: Teller, follow: Follow, verb: str
) -> None:
    live = Running(stack).install()
    live.started = lambda: Task("arn/job-1", "fraud-job-dev", ends=stack.now + 3, exit_code=0)
    ends = "UPDATE_FAILED" if verb == "rollback" else "UPDATE_COMPLETE"
    stack.scripts["Other"] = steps("0 UPDATE_IN_PROGRESS", f"90 {ends}")
    stack.play("Other", "somebody-else")
    told = tell(f"{verb} dev --timeout 1")
    assert told.code == 124
    assert "next:  follow it, and go on: " in told.text
    assert "stop the update: make cancel ENV=dev" in told.text
    assert follow(told, verb, more="--yes" if verb == "rollback" else "").code == 0


@advises("guards.refuse")
def test_what_would_lose_data(stack: Aws, tell: Teller, follow: Follow) -> None:
    stack.changes = [change("Remove", "JobQueue", "AWS::SQS::Queue")]
    told = tell("deploy dev --yes")
    assert told.code == 7
    assert follow(told, "--allow-delete", "JobQueue").code == 0


@advises("carry_out._again")
def test_a_change_set_that_somebody_deleted(stack: Aws, tell: Teller, follow: Follow) -> None:
    stack.faults["ExecuteChangeSet"] = [FaultError("ChangeSetNotFound", "does not exist", 404)]
    told = tell("deploy dev --yes")
    assert told.code == 5
    assert follow(told, "plan").code == 0


@advises("carry_out.follow")
def test_detached(stack: Aws, tell: Teller) -> None:
    told = tell("deploy dev --yes --detach")
    words = told.text[told.text.index("make deploy") :].split()[0:3]
    assert words == ["make", "deploy", "ENV=dev"]
    assert tell("deploy dev --yes").code == 0
    assert stack.calls.count("ExecuteChangeSet") == 2


@advises("plan._report", "plan.run", "prepare._look_at_bucket", "deploy.run")
def test_a_kept_plan(stack: Aws, tell: Teller) -> None:
    """What needs a bucket is in test_bucket.py, question and all."""
    told = tell("plan dev --keep")
    assert "make deploy ENV=dev ARGS='--change-set arn:" in told.text
    (arn,) = stack.change_sets
    assert tell("deploy dev --yes --change-set", arn).code == 0
    assert stack.current() == "UPDATE_COMPLETE"


@advises("live._refusal")
@pytest.mark.parametrize(("status", "verb"), [("UPDATE_FAILED", "rollback"), ("ROLLBACK_COMPLETE", "deploy")])
def test_a_stack_that_is_not_whole(stack: Aws, tell: Teller, follow: Follow, status: str, verb: str) -> None:
    stack.status = status
    if verb == "deploy":
        stack.changes, stack.scripts["ExecuteChangeSet"] = [change("Add", "A", "AWS::SQS::Queue")], CREATED
    told = tell("release dev --service api --tag v1.5 --yes")
    assert told.code == 6
    assert follow(told, verb, more="--yes").code == 0


@advises("live.deployed", "workloads.Deployed.must_be_whole", "workloads.read", "release.run")
@pytest.mark.parametrize("lacks", ["parameter", "workloads", "part", "tag", "template"])
def test_a_stack_that_lacks_something(live: Running, tell: Teller, follow: Follow, lacks: str) -> None:
    aws, whole = live.aws, (dict(live.aws.parameters), list(live.aws.resources), live.aws.template)
    if lacks == "parameter":
        del aws.parameters["ServicesEnabled"]
    elif lacks == "tag":
        del aws.parameters["ApiImageTag"]
    elif lacks == "part":
        aws.resources = [one for one in aws.resources if one["LogicalResourceId"] != "ApiService"]
    else:
        aws.template = "Resources: {}" if lacks == "workloads" else "Resources: ["
    line = "release dev --service api --tag v1.5 --yes"
    told = tell(line)
    assert told.code == 2
    aws.changes = [SERVICE]
    assert follow(told, "deploy", more="--yes").code == 0
    aws.parameters, aws.resources, aws.template = whole  # as that deployment leaves it
    assert tell(line).code == 0


@advises("halfway.look")
def test_services_at_the_creation(tell: Teller) -> None:
    told = tell("deploy dev --yes --param ServicesEnabled=true")
    assert told.code == 2
    assert the(told.text, "start") == ["start", "dev"]


@advises("stacks.must_find")
def test_no_stack(aws: Aws, tell: Teller, follow: Follow) -> None:
    aws.changes, aws.scripts["ExecuteChangeSet"] = [change("Add", "A", "AWS::SQS::Queue")], CREATED
    told = tell("status dev")
    assert told.code == 2
    assert follow(told, "deploy", more="--yes").code == 0


@advises("outputs.run")
def test_no_outputs_yet(live: Running, tell: Teller, follow: Follow) -> None:
    live.aws.outputs = {}
    told = tell("outputs dev")
    assert told.code == 2
    assert follow(told, "status").code == 0


# ── Recovery ──────────────────────────────────────────────────────────────────────────────────────


@advises("readiness.recovery", "readiness.blocked")
@pytest.mark.parametrize(
    ("status", "verb"),
    [("UPDATE_ROLLBACK_FAILED", "rollback"), ("DELETE_FAILED", "destroy"), ("UPDATE_FAILED", "rollback")],
)
def test_what_no_plan_gets_out_of(stack: Aws, tell: Teller, status: str, verb: str) -> None:
    stack.status = status
    told = tell("plan dev")
    assert told.code == 6
    more = "--yes --confirm TapStackdev" if verb == "destroy" else "--yes"
    assert [verb, "dev"] in advised(told.text)
    assert tell(verb, "dev", *more.split()).code == 0


@advises("readiness._delete_first", "readiness.ready")
def test_a_creation_that_failed(stack: Aws, tell: Teller, follow: Follow) -> None:
    stack.status = "CREATE_FAILED"
    told = tell("deploy dev --yes")
    assert told.code == 4
    assert follow(told, "destroy", more="--yes --confirm TapStackdev").code == 0


@advises("readiness.delete")
def test_a_creation_that_cannot_be_deleted(stack: Aws, tell: Teller, follow: Follow) -> None:
    stack.status = "ROLLBACK_COMPLETE"
    good = stack.scripts["DeleteStack"]
    stack.scripts["DeleteStack"] = steps("0 DELETE_IN_PROGRESS", "1 DELETE_FAILED")
    told = tell("deploy dev --yes")
    assert told.code == 6
    stack.scripts["DeleteStack"] = good
    assert follow(told, "destroy", more="--yes --confirm TapStackdev").code == 0


@advises("readiness._roll_back_first", "rollback.run")
def test_an_update_that_stopped_halfway(stack: Aws, tell: Teller, follow: Follow) -> None:
    stack.status = "UPDATE_FAILED"
    told = tell("deploy dev")
    assert told.code == 4
    told = follow(told, "rollback")
    assert told.code == 4
    assert follow(told, "rollback", "--yes").code == 0


@advises("rollback._failed", "rollback._must_be_skippable", "readiness._roll_back_first")
def test_a_rollback_that_fails_again(stack: Aws, tell: Teller, follow: Follow) -> None:
    stack.status = "UPDATE_ROLLBACK_FAILED"
    stack.resources = [resource("ApiService", "AWS::ECS::Service", "s", "UPDATE_FAILED")]
    good = stack.scripts["ContinueUpdateRollback"]
    stack.scripts["ContinueUpdateRollback"] = steps(
        "0 UPDATE_ROLLBACK_IN_PROGRESS",
        "1 UPDATE_FAILED ApiService AWS::ECS::Service gone",
        "2 UPDATE_ROLLBACK_FAILED",
    )
    told = tell("rollback dev --yes")
    assert told.code == 6
    stack.scripts["ContinueUpdateRollback"] = good
    typed = the(told.text, "--skip")
    assert typed == ["rollback", "dev", "--skip", "ApiService"]
    wrong = tell("rollback dev --yes --skip Vpc")
    assert the(wrong.text, "--skip") == typed
    assert follow(wrong, "--skip", more="--yes").code == 0


@advises("rollback._instead")
@pytest.mark.usefixtures("stack")
def test_nothing_to_roll_back(tell: Teller, follow: Follow) -> None:
    told = tell("rollback dev")
    assert told.code == 2
    assert follow(told, "deploy", more="--yes", FILE=str(SMALL)).code == 0


@advises("outcome.next_step")
@pytest.mark.parametrize(
    ("status", "reason", "verb", "more"),
    [
        ("UPDATE_ROLLBACK_COMPLETE", "circuit breaker was triggered", "diagnose", ""),
        ("UPDATE_ROLLBACK_COMPLETE", "no idea", "deploy", "--yes"),
        ("UPDATE_ROLLBACK_FAILED", "no idea", "rollback", "--yes"),
        ("DELETE_FAILED", "no idea", "destroy", "--yes --confirm TapStackdev"),
    ],
)
def test_an_update_that_failed(
    live: Running, tell: Teller, follow: Follow, status: str, reason: str, verb: str, more: str
) -> None:
    live.mortal().aws.changes = [SERVICE]
    live.aws.scripts |= {
        "ContinueUpdateRollback": steps("0 UPDATE_ROLLBACK_IN_PROGRESS", "1 UPDATE_ROLLBACK_COMPLETE"),
        "ExecuteChangeSet": steps(
            "0 UPDATE_IN_PROGRESS", f"1 UPDATE_FAILED ApiService AWS::ECS::Service {reason}", f"2 {status}"
        ),
    }
    told = tell("deploy dev --yes")
    assert told.code in (1, 6)
    live.aws.scripts["ExecuteChangeSet"] = UPDATED
    code = follow(told, verb, more=more).code
    assert code == (8 if verb == "diagnose" else 0), "it says what is wrong"


@advises("cancel.run", "cancel._delete")
@pytest.mark.parametrize(
    ("status", "verb"), [("CREATE_IN_PROGRESS", "cancel"), ("UPDATE_COMPLETE", "status")]
)
def test_nothing_to_cancel(live: Running, tell: Teller, follow: Follow, status: str, verb: str) -> None:
    live.mortal()
    if status == "CREATE_IN_PROGRESS":
        live.aws.scripts["Other"] = steps("0 CREATE_IN_PROGRESS", "900 CREATE_COMPLETE")
        live.aws.play("Other", "somebody-else")
    told = tell("cancel dev")
    assert told.code in (2, 4)
    assert follow(told, verb).code == 0


@advises("cancel._cancel", "rollback._begin")
@pytest.mark.parametrize(
    ("line", "operation", "status"),
    [
        ("cancel dev --yes", "CancelUpdateStack", "UPDATE_IN_PROGRESS"),
        ("rollback dev --yes", "RollbackStack", "UPDATE_FAILED"),
    ],
)
def test_an_answer_that_is_lost(
    live: Running, tell: Teller, follow: Follow, line: str, operation: str, status: str
) -> None:
    live.aws.status = status
    live.aws.faults[operation] = [LostConnectionError()] * 9
    told = tell(line)
    assert told.code in (9, 124)
    assert follow(told, "status").code == 0


# ── What runs ─────────────────────────────────────────────────────────────────────────────────────


@advises("start._wake")
def test_nobody_to_ask_whether_to_wake(live: Running, tell: Teller, follow: Follow) -> None:
    live.scale("worker", 0)
    told = tell("start dev")
    assert told.code == 4
    assert follow(told, "start", "--yes").code == 0
    assert live.desired["worker"] == 1


@advises("start._protect")
def test_unprotected(off: Running, tell: Teller) -> None:
    told = tell("start dev --yes")
    assert "make start ENV=dev ARGS=--protect" in told.text
    assert tell("start dev --protect --yes").code == 0
    assert off.aws.protected


@advises("start.run", "start._back")
def test_a_start_that_takes_too_long(off: Running, tell: Teller, follow: Follow) -> None:
    off.health = {"BlueArn": ["unhealthy:codes: [500]"] * 2}
    told = tell("start dev --yes --timeout 3")
    assert told.code == 124
    told = follow(told, "diagnose")
    assert told.code == 8
    assert "codes: [500]" in told.text
    off.drain = 10_000
    told = tell("start dev --back --yes --timeout 3")
    assert told.code == 124
    assert follow(told, "status").code == 0


@advises("start._not_live")
def test_tasks_that_do_not_stay(off: Running, tell: Teller, follow: Follow) -> None:
    crash(off, "worker", 20, 40, 60, 80)
    told = tell("start dev --yes")
    assert told.code == 8
    assert follow(told, "logs").code == 0
    assert follow(told, "--back", more="--yes").code == 0


@advises("start._not_live", "diagnose._Patient._hint")
def test_an_image_that_cannot_be_pulled(off: Running, tell: Teller, follow: Follow) -> None:
    crash(off, "worker", 20, 40, 60, 80, reason="CannotPullContainerError: not found", exit_code=None)
    told = tell("start dev --yes")
    assert told.code == 8
    off.aws.current()
    off.aws.events.clear()
    off.images["worker"].add("v1.5")
    told = tell("diagnose dev")
    assert told.code == 8
    off.tasks = [Task("arn/worker-9", "fraud-worker-dev"), *off.tasks]
    assert follow(told, "release", "worker", TAG="v1.5", more="--yes").code == 0


@advises("release._before")
def test_nobody_remembers_what_ran(live: Running, tell: Teller, follow: Follow) -> None:
    live.aws.answers["ListTaskDefinitions"] = lambda _: {"taskDefinitionArns": []}
    live.aws.parameters["ApiImageTag"] = "v7"
    told = tell("release dev --service api --back --yes")
    assert told.code == 2
    assert follow(told, "release", more="--yes", TAG="v1.5").code == 0


@advises("release._verdict")
def test_a_released_job_is_run(live: Running, tell: Teller, follow: Follow) -> None:
    live.started = lambda: Task("arn/job-1", "fraud-job-dev", ends=live.aws.now + 3, exit_code=0)
    live.aws.changes = [SERVICE]
    told = tell("release dev --service job --tag v1.5 --yes")
    assert "--service job" in told.text, "there may be several"
    assert follow(told, "run-job").code == 0


@advises("release._verdict", "diagnose._Patient._services", "diagnose._Patient._way_on")
def test_a_release_that_ecs_rolled_back(live: Running, tell: Teller, follow: Follow) -> None:
    live.revisions["api"] = "arn:aws:ecs:eu-central-1:1:task-definition/fraud-api-dev:6"
    told = tell("release dev --service api --tag v1.5 --yes")
    assert told.code == 1
    told = follow(told, "diagnose")
    assert told.code == 8
    live.revisions.clear()
    assert follow(told, "release", TAG="v1.4", more="--yes").code == 0


@advises("release._unwell")
def test_a_release_that_is_not_well(live: Running, tell: Teller, follow: Follow) -> None:
    live.desired["api"] = 3
    told = tell("release dev --service api --tag v1.5 --yes")
    assert told.code == 8
    told = follow(told, "diagnose")
    assert (told.code, "api runs 2 of 3 tasks" in told.text) == (8, True)


@advises("traffic.put_in_front")
def test_a_start_that_is_refused_halfway(green: Running, tell: Teller, follow: Follow) -> None:
    stop_all(green)
    green.aws.parameters["ServicesEnabled"] = "false"
    green.aws.changes = [SERVICE]
    green.aws.faults["ExecuteChangeSet"] = [FaultError("AccessDenied", "no")]
    told = tell("start dev --yes")
    assert told.code == 9
    assert "now:   blue is in front of api, which runs nothing" in told.text
    assert follow(told, "status").code == 0
    assert green.aws.weights == (100, 0)


@advises("diagnose._Patient._services", "diagnose._Patient._targets")
def test_what_diagnosis_advises_for_services(live: Running, tell: Teller, follow: Follow) -> None:
    live.scale("api", 0)
    told = tell("diagnose dev")
    assert "api wants no task, though it is live" in told.text
    assert follow(told, "start", more="--yes").code == 0
    assert live.desired["api"] == 1
    live.health = {"BlueArn": ["unhealthy:codes: [500]"]}
    told = tell("diagnose dev")
    assert follow(told, "logs", "api").code == 0
    assert "no healthy target of api gets traffic\n" in told.text
    live.health = {"BlueArn": []}
    told = tell("diagnose dev")
    assert "no healthy target of api gets traffic\n  → make start ENV=dev\n" in told.text


@advises("diagnose._Patient._anew")
def test_what_diagnosis_advises_for_a_service_that_is_gone(
    live: Running, tell: Teller, follow: Follow
) -> None:
    del live.desired["worker"]
    told = tell("diagnose dev")
    assert follow(told, "deploy", "--template", more="--yes", FILE=str(SMALL)).code == 0
    assert tell("deploy dev --yes").code == 0


@advises("diagnose._Patient._way_on")
@pytest.mark.parametrize(
    ("status", "verb"), [("UPDATE_ROLLBACK_FAILED", "rollback"), ("DELETE_FAILED", "destroy")]
)
def test_what_diagnosis_advises_for_a_stack(
    live: Running, tell: Teller, follow: Follow, status: str, verb: str
) -> None:
    live.mortal().aws.status = status
    live.aws.scripts["ContinueUpdateRollback"] = steps(
        "0 UPDATE_ROLLBACK_IN_PROGRESS", "1 UPDATE_ROLLBACK_COMPLETE"
    )
    told = tell("diagnose dev")
    assert told.code == 8
    assert follow(told, verb, more="--yes" if verb == "rollback" else "--yes --confirm TapStackdev").code == 0


@advises("run_job._verdict")
def test_a_job_whose_image_is_not_there(live: Running, tell: Teller, follow: Follow) -> None:
    live.started = lambda: Task(
        "arn/job-1",
        "fraud-job-dev",
        ends=live.aws.now + 3,
        reason="CannotPullContainerError: not found",
        exit_code=None,
    )
    told = tell("run-job dev")
    assert told.code == 8
    live.aws.changes = [SERVICE]
    assert follow(told, "release", "job", TAG="v1.5", more="--yes").code == 0


@advises("run_job._stop")
def test_a_job_that_does_not_stop(live: Running, tell: Teller, follow: Follow) -> None:
    live.drain = 10_000
    live.tasks.append(Task("arn/job-7", "fraud-job-dev", family=True))
    told = tell("run-job dev --stop job-7 --timeout 1")
    assert told.code == 124
    told = follow(told, "status")
    assert (told.code, "runs job-7" in told.text) == (0, True)


@advises("status.run")
def test_status_where_ecs_went_back_by_itself(live: Running, tell: Teller, follow: Follow) -> None:
    live.revisions["api"] = "arn:x/fraud-api-dev:6"
    live.deployments["fraud-api-dev"] = [live.deployed(1, "ROLLBACK_SUCCESSFUL", "v1.5")]
    told = tell("status dev")
    assert "ECS rolled back by itself" in told.text
    assert follow(told, "diagnose").code == 8


@advises("logs._further")
@pytest.mark.usefixtures("live")
def test_no_lines(tell: Teller) -> None:
    told = tell("logs dev")
    assert "look further back: make logs ENV=dev ARGS='--since 1d'" in told.text
    assert tell("logs dev --since 1d").code == 0


@advises("traffic._redeploy")
def test_blue_that_does_not_come_to_the_front(green: Running, tell: Teller, follow: Follow) -> None:
    green.aws.changes = [TOUCHING]
    green.deployments["fraud-api-dev"] = [green.deployed(1, "SUCCESSFUL", "v1.4")]

    def deploy(asked: dict[str, Any]) -> dict[str, Any]:
        green.deployments["fraud-api-dev"].append(green.deployed(2, "ROLLBACK_SUCCESSFUL", "v1.4"))
        return green.update_service(asked)

    green.aws.answers["UpdateService"] = deploy
    told = tell("deploy dev --yes --blue-first")
    assert told.code == 9
    assert follow(told, "diagnose").code == 0
    assert follow(told, "status").code == 0


# ── destroy ───────────────────────────────────────────────────────────────────────────────────────


@advises("destroy._agree")
def test_the_name_is_to_be_typed(stack: Aws, tell: Teller, follow: Follow) -> None:
    told = tell("destroy dev")
    assert told.code == 4
    assert follow(told, "--confirm").code == 0
    assert stack.current() == "DELETE_COMPLETE"


@advises("destroy._failed", "destroy._retained")
def test_a_deletion_that_is_held(stack: Aws, tell: Teller, follow: Follow) -> None:
    stack.resources = [resource("Cluster", "AWS::ECS::Cluster", "c", "DELETE_FAILED")]
    good = stack.scripts["DeleteStack"]
    stack.scripts["DeleteStack"] = steps(
        "0 DELETE_IN_PROGRESS", "1 DELETE_FAILED Cluster AWS::ECS::Cluster no", "2 DELETE_FAILED"
    )
    stack.answers["ListTasks"] = lambda _: {"taskArns": []}
    stack.answers["DescribeClusters"] = lambda _: {"clusters": [{"status": "ACTIVE"}]}
    told = tell("destroy dev --yes --confirm TapStackdev")
    assert told.code == 6
    stack.scripts["DeleteStack"] = good
    wrong = tell("destroy dev --yes --confirm TapStackdev --retain Vpc")
    assert wrong.code == 2
    told = follow(wrong, "--retain", more="--yes --confirm TapStackdev")
    assert (told.code, told.last) == (0, "result=retained stack=TapStackdev")


@advises("destroy._at_rest")
def test_somebody_elses_operation_takes_too_long(stack: Aws, tell: Teller, follow: Follow) -> None:
    stack.scripts["Other"] = steps("0 UPDATE_IN_PROGRESS", "300 UPDATE_COMPLETE")
    stack.play("Other", "somebody-else")
    told = tell("destroy dev --yes --confirm TapStackdev --timeout 1")
    assert told.code == 124
    assert follow(told, "destroy", more="--yes --confirm TapStackdev").code == 0


@advises("destroy._prove")
def test_what_could_not_be_looked_for(stack: Aws, tell: Teller, follow: Follow) -> None:
    stack.resources = [resource("Logs", "AWS::Logs::LogGroup", "/ecs/fraud-api-dev")]
    stack.answers["DescribeLogGroups"] = refuse
    told = tell("destroy dev --yes --confirm TapStackdev")
    assert told.code == 6
    stack.answers["DescribeLogGroups"] = lambda _: {"logGroups": []}
    assert follow(told, "destroy").code == 0


def refuse(_: dict[str, Any]) -> dict[str, Any]:
    raise FaultError("AccessDeniedException", "not authorized")


def test_a_locked_buckets_advice_is_typed_as_it_stands(stack: Aws, tell: Teller) -> None:
    stack.resources = [resource("DataBucket", "AWS::S3::Bucket", "data")]
    Bucket(stack, "data", ["a"], locking=True, kept={"a": ("COMPLIANCE", LATER)}).install()
    told = tell("destroy dev --yes --confirm TapStackdev")
    assert the(told.text, "--retain") == ["destroy", "dev", "--retain", "DataBucket"]
