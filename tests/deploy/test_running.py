"""What acts on a running environment: start, release, run-job, and that each says what is true."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore import xform_name

from fraud_cfn.deploy.errors import UsageError
from fraud_cfn.deploy.running import jobs
from fraud_cfn.deploy.verbs.status import next_run
from tests.deploy.conftest import Teller, Transcript
from tests.deploy.fake_aws import FaultError, LostConnectionError, ProxyPageError, change, steps
from tests.deploy.fake_running import DENIED, Running, Task
from tests.deploy.played import the
from tests.deploy.test_status_table import SERVICE


def refused(_: dict[str, Any]) -> dict[str, Any]:
    raise DENIED


@pytest.fixture
def off(live: Running) -> Running:
    """Enabled in the parameters only once a change set says so; the tasks of `live` come with it."""
    live.aws.parameters["ServicesEnabled"] = "false"
    return live


@pytest.fixture
def green(live: Running) -> Running:
    """Green is in front, as after a release."""
    live.aws.weights = (0, 100)
    live.health = {"GreenArn": ["healthy", "healthy"]}
    return live


def stop_all(live: Running) -> None:
    live.desired = {"api": 0, "worker": 0}
    live.tasks.clear()
    live.health = {}


# ── start ─────────────────────────────────────────────────────────────────────────────────────────


def test_live_is_what_serves_and_stays(off: Running, tell: Teller) -> None:
    told = tell("start dev --yes")
    assert told.code == 0, told.text
    assert "The images are there: api:v1.4, worker:v1, job:v1" in told.text
    assert "all run; watching that they stay for 1m00s" in told.text
    assert "LIVE http://lb.example" in told.text
    assert off.aws.parameters["ServicesEnabled"] == "true"
    assert off.aws.now >= 60


def test_a_template_that_can_start_guarded_is_started_so(off: Running, tell: Teller) -> None:
    off.edit_template(
        lambda template: template["Parameters"]["ServicesEnabled"]["AllowedValues"].append("starting")
    )
    assert tell("start dev --yes").code == 0
    assert off.aws.parameters["ServicesEnabled"] == "starting"
    tell("release dev --service api --tag v1.5 --yes")
    assert off.aws.parameters["ServicesEnabled"] == "true", "scaling's count is kept from here on"


def test_a_health_check_that_fails_is_not_live(off: Running, tell: Teller) -> None:
    off.health = {"BlueArn": ["unhealthy:Health checks failed with these codes: [500]"] * 2}
    told = tell("start dev --yes --timeout 5")
    assert told.code == 124
    assert "LIVE" not in told.text
    assert "next:  make diagnose ENV=dev; back: make start ENV=dev ARGS=--back\n" in told.text
    assert "api: 0 of 2 targets of blue healthy; Health checks failed with these codes: [500]" in told.text


def test_targets_of_the_other_colour_do_not_count(off: Running, tell: Teller) -> None:
    off.health = {"GreenArn": ["healthy", "healthy"]}
    told = tell("start dev --yes --timeout 5")
    assert told.code == 124
    assert "0 of 0 targets of blue healthy; no target is registered" in told.text


def crash(live: Running, name: str, *ends: float, **more: Any) -> None:
    """Tasks of that service, one after the other, each ending at that second."""
    live.tasks = [task for task in live.tasks if task.owner != f"fraud-{name}-dev"]
    for number, end in enumerate(ends):
        begins = ends[number - 1] if number else 0
        task = Task(f"arn/{name}-crash-{number}", f"fraud-{name}-dev", ends=end, hidden_until=begins, **more)
        live.tasks.append(task)


def test_a_crash_after_twenty_seconds_is_not_live(off: Running, tell: Teller) -> None:
    crash(off, "worker", 20, 40, 60, 80, 100, 120)
    told = tell("start dev --yes")
    assert told.code == 8
    assert "\nLIVE" not in told.text
    assert "NOT LIVE TapStackdev: the tasks of worker do not stay up" in told.text
    assert "cause: Essential container in task exited; worker exit 1" in told.text
    assert "next:  its last words: make logs ENV=dev ARGS='--service worker'" in told.text
    assert "back:  make start ENV=dev ARGS=--back" in told.text
    assert told.last == "result=not-live stack=TapStackdev"


def test_what_died_before_does_not_count(off: Running, tell: Teller) -> None:
    off.tasks += [Task(f"arn/old-{number}", "fraud-api-dev", ends=-1) for number in range(5)]
    told = tell("start dev --yes")
    assert told.code == 0, told.text
    assert "task stopped" not in told.text


def test_tasks_that_scaling_stops_do_not_count(off: Running, tell: Teller) -> None:
    reason = "Scaling activity initiated by (deployment ecs-svc/1)"
    for number in range(4):
        off.tasks.append(
            Task(f"arn/s{number}", "fraud-api-dev", 5, "ServiceSchedulerInitiated", reason, exit_code=None)
        )
    off.desired["api"] = 2
    assert tell("start dev --yes").code == 0


@pytest.mark.parametrize(
    ("reason", "helps"),
    [
        (
            "image Manifest does not contain descriptor matching platform 'linux/amd64'",
            "build with --platform linux/amd64",
        ),
        ("exec /app/server: exec format error", "CpuArchitecture is X86_64"),
        (
            "CannotPullContainerError: failed to resolve ref 1.dkr.ecr.x.com/fraud-api-dev:v9: not found",
            "make release ENV=dev ARGS='--service api --tag TAG'",
        ),
        (
            "ResourceInitializationError: unable to retrieve secret from asm: AccessDeniedException",
            "out of the task's reach",
        ),
        ("OutOfMemoryError: Container killed due to memory usage", "for want of memory"),
        ("Task failed ELB health checks in (target-group arn:aws:x)", "as its health check wants"),
        ("Timeout waiting for network interface provisioning to complete.", "no network address"),
        ("You've reached the limit on the number of vCPUs you can run concurrently", "Service Quotas"),
    ],
)
def test_a_reason_of_awss_is_answered_with_a_step_that_helps(
    off: Running, tell: Teller, reason: str, helps: str
) -> None:
    crash(off, "api", 1, 2, 3, 4, code="TaskFailedToStart", reason=reason, exit_code=None)
    told = tell("start dev --yes")
    assert told.code == 8
    assert f"cause: {reason}" in told.text
    assert helps in told.text.split("\nnext:  ")[1]


def test_throttling_does_not_end_the_proof(off: Running, tell: Teller) -> None:
    looks = 0

    def throttled(asked: dict[str, Any]) -> dict[str, Any]:
        nonlocal looks
        looks += 1
        if 3 < looks < 12:
            raise FaultError("ThrottlingException", "Rate exceeded")
        return off.describe_services(asked)

    off.aws.answers["DescribeServices"] = throttled
    told = tell("start dev --yes")
    assert told.code == 0, told.text
    assert "watching goes on" in told.text


@pytest.mark.parametrize("operation", ["DescribeTargetHealth", "ListTasks", "DescribeRules"])
def test_what_may_not_be_looked_at_is_not_live(off: Running, tell: Teller, operation: str) -> None:
    off.aws.answers[operation] = refused
    told = tell("start dev --yes")
    if operation == "DescribeRules" and told.code == 2:
        return  # refused before anything was changed: nobody knows who is in front
    assert told.code == 9
    assert "UNKNOWN TapStackdev" in told.text
    assert "\nLIVE" not in told.text


def test_starting_twice_changes_nothing_and_looks(live: Running, tell: Teller) -> None:
    told = tell("start dev --yes")
    assert told.code == 0
    assert "is enabled already; looking whether it serves" in told.text
    assert "CreateChangeSet" not in live.aws.calls


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "UPDATE_FAILED"])
@pytest.mark.parametrize("line", ["start dev --yes", "release dev --service api --tag v1.5 --yes"])
def test_a_stack_that_is_not_whole_is_left_alone(live: Running, tell: Teller, line: str, status: str) -> None:
    live.aws.status = status
    told = tell(line)
    assert told.code == 6
    assert f"TapStackdev is {status}" in told.text
    assert not {"DeleteStack", "RollbackStack", "CreateChangeSet"} & set(live.aws.calls)


@pytest.mark.parametrize(
    "line",
    [
        "start dev --yes",
        "start dev --back --yes",
        "release dev --service api --tag v1.5 --yes",
        "run-job dev",
    ],
)
def test_a_stack_that_lacks_parts_says_which(live: Running, tell: Teller, line: str) -> None:
    live.aws.resources = [one for one in live.aws.resources if one["LogicalResourceId"] != "ApiService"]
    told = tell(line)
    assert told.code == 2
    assert "TapStackdev is UPDATE_COMPLETE and does not have ApiService" in told.text


@pytest.mark.parametrize("verb", ["status", "diagnose", "outputs", "logs"])
@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "ROLLBACK_COMPLETE"])
def test_a_stack_without_outputs_or_resources_is_told_plainly(
    live: Running, tell: Teller, verb: str, status: str
) -> None:
    live.aws.status, live.aws.outputs, live.aws.resources = status, {}, []
    told = tell(f"{verb} dev")
    assert told.code in (0, 2, 8), told.text
    assert "KeyError" not in told.text
    assert "should not happen" not in told.text


def test_missing_images_are_all_told(off: Running, tell: Teller) -> None:
    off.images["job"] = off.images["worker"] = set()
    told = tell("start dev --yes")
    assert told.code == 2
    assert "2 images are not in the repository: fraud-worker-dev:v1, fraud-job-dev:v1" in told.text
    assert "docker push 123456789012.dkr.ecr.eu-central-1.amazonaws.com/fraud-job-dev:v1" in told.text
    assert "CreateChangeSet" not in off.aws.calls


def test_an_image_for_another_cpu_is_refused_before_anything_is_started(off: Running, tell: Teller) -> None:
    kind = "application/vnd.oci.image.index.v1+json"
    manifest = {
        "manifests": [
            {"platform": {"os": "linux", "architecture": "arm64"}},
            {"platform": {"os": "unknown", "architecture": "unknown"}},
        ]
    }
    off.aws.answers["DescribeImages"] = lambda _: {
        "imageDetails": [{"imageDigest": "sha256:1", "imageManifestMediaType": kind}]
    }
    off.aws.answers["BatchGetImage"] = lambda _: {"images": [{"imageManifest": json.dumps(manifest)}]}
    told = tell("start dev --yes")
    assert told.code == 2
    assert "fraud-api-dev:v1.4 is built for linux/arm64" in told.text
    assert "build it with --platform linux/amd64" in told.text
    off.aws.parameters["CpuArchitecture"] = "ARM64"
    assert tell("start dev --yes").code == 0


def test_a_live_environment_can_be_protected(off: Running, tell: Teller) -> None:
    assert "to change that: make start ENV=dev ARGS=--protect" in tell("start dev --yes").text
    assert "UpdateTerminationProtection" not in off.aws.calls
    told = tell("start dev --yes --protect")
    assert "TapStackdev is protected against deletion" in told.text
    assert off.asked["UpdateTerminationProtection"][0]["EnableTerminationProtection"] == "true"


def test_tasks_that_do_not_start_are_told_with_the_way_back(
    off: Running, tell: Teller, transcript: Transcript
) -> None:
    reason = "CannotPullContainerError: manifest for linux/amd64 not found"
    crash(off, "api", 1, 2, 3, 4, code="TaskFailedToStart", reason=reason, exit_code=None)
    told = tell("start dev --yes")
    assert told.code == 8
    transcript.check(told, "start dev --yes")


def test_a_release_uses_the_deployed_template(live: Running, tell: Teller) -> None:
    asked: dict[str, Any] = {}
    honest = live.aws._create_change_set

    def note(request: dict[str, Any]) -> dict[str, Any]:
        asked.update(request)
        return honest(request)

    live.aws.answers["CreateChangeSet"] = note
    live.images["worker"].add("v2")
    assert tell("release dev --service worker --tag v2 --yes").code == 0
    assert asked["UsePreviousTemplate"] == "true"
    assert "TemplateBody" not in asked
    given = [one["ParameterKey"] for one in asked["Parameters"] if "ParameterValue" in one]
    assert given == ["WorkerImageTag"]


# ── Back, and live again ──────────────────────────────────────────────────────────────────────────


def test_back_holds_scaling_before_the_change_and_proves_that_nothing_runs(
    live: Running, tell: Teller
) -> None:
    for task in live.tasks:
        task.ends, task.code, task.exit_code = 40, "ServiceSchedulerInitiated", 0
    told = tell("start dev --back --yes")
    assert told.code == 0, told.text
    calls = live.aws.calls
    assert calls.index("RegisterScalableTarget") < calls.index("ExecuteChangeSet")
    assert len(live.asked["RegisterScalableTarget"]) == 2, "every page of the targets"
    assert live.suspended
    assert "No task of a service runs" in told.text
    assert told.last == "result=stopped stack=TapStackdev"
    assert live.aws.now >= 40


def test_back_waits_for_tasks_that_were_told_to_stop_and_still_run(live: Running, tell: Teller) -> None:
    live.aws.changes = [SERVICE]
    for task in live.tasks:
        task.told, task.ends = live.aws.now, live.aws.now + 90
    told = tell("start dev --back --yes")
    assert told.code == 0, told.text
    assert "No task of a service runs" in told.text
    assert live.aws.now >= 90


def test_back_that_fails_lets_scaling_go_on(live: Running, tell: Teller) -> None:
    live.aws.scripts["ExecuteChangeSet"] = steps(
        "0 UPDATE_IN_PROGRESS",
        "1 UPDATE_FAILED ApiService AWS::ECS::Service Access denied",
        "2 UPDATE_ROLLBACK_IN_PROGRESS",
        "3 UPDATE_ROLLBACK_COMPLETE",
    )
    told = tell("start dev --back --yes")
    assert told.code == 1
    assert "Scaling goes on as before" in told.text
    assert not live.suspended


def test_back_that_is_declined_never_touched_scaling(live: Running, tell: Teller) -> None:
    assert tell("start dev --back").code == 4
    assert "RegisterScalableTarget" not in live.aws.calls


def test_a_job_that_still_runs_is_told(live: Running, tell: Teller) -> None:
    stop_all(live)
    live.tasks = [Task("arn/job-9", "fraud-job-dev", family=True)]
    assert "1 task of job still runs, to its own end" in tell("start dev --back --yes").text


def test_going_live_after_a_release_and_back_needs_no_hand(green: Running, tell: Teller) -> None:
    stop_all(green)
    green.aws.changes = [SERVICE]
    assert tell("start dev --back --yes").code == 0
    honest = green.aws._execute_change_set

    def go_live(asked: dict[str, Any]) -> dict[str, Any]:
        green.desired = {"api": 2, "worker": 1}
        green.tasks = [Task(f"arn/api-{n}", "fraud-api-dev") for n in range(2)]
        green.tasks.append(Task("arn/worker-0", "fraud-worker-dev"))
        green.health = {"BlueArn": ["healthy"] * 2}
        return honest(asked)

    green.aws.answers["ExecuteChangeSet"] = go_live
    told = tell("start dev --yes")
    assert told.code == 0, told.text
    assert "Blue is put in front of api (was blue 0, green 100): nothing of it serves now" in told.text
    assert green.aws.weights == (100, 0)


# ── The traffic guard ─────────────────────────────────────────────────────────────────────────────

TOUCHING = change("Modify", "RoutingRule", "AWS::ElasticLoadBalancingV2::ListenerRule", Replacement="False")


def test_with_nothing_running_blue_is_put_in_front_by_ourselves(green: Running, tell: Teller) -> None:
    stop_all(green)
    green.aws.changes = [TOUCHING]
    told = tell("deploy dev --yes")
    assert told.code == 0, told.text
    assert "Blue is put in front of api" in told.text
    assert green.aws.calls.index("ModifyRule") < green.aws.calls.index("ExecuteChangeSet")


def test_while_green_serves_it_is_refused_with_a_step_of_ours(green: Running, tell: Teller) -> None:
    green.aws.changes = [TOUCHING]
    told = tell("deploy dev --yes")
    assert told.code == 7
    assert "api is served from green (blue 0, green 100)" in told.text
    assert "make deploy ENV=dev ARGS='--yes --template " in told.text
    assert " --blue-first' puts blue in front first" in told.text
    assert "aws ecs" not in told.text
    assert not {"ModifyRule", "UpdateService", "ExecuteChangeSet"} & set(green.aws.calls)


def test_blue_first_deploys_what_runs_and_then_goes_on(green: Running, tell: Teller) -> None:
    green.aws.changes = [TOUCHING]
    green.deployments["fraud-api-dev"] = [green.deployed(1, "SUCCESSFUL", "v1.4")]
    stages = iter([("IN_PROGRESS", "SCALE_UP"), ("IN_PROGRESS", "BAKE_TIME"), ("SUCCESSFUL", "CLEAN_UP")])

    def deploy(asked: dict[str, Any]) -> dict[str, Any]:
        green.deployments["fraud-api-dev"].append(green.deployed(2, "PENDING", "v1.4"))
        return green.update_service(asked)

    def look(asked: dict[str, Any]) -> dict[str, Any]:
        newest = green.deployments["fraud-api-dev"][-1]
        if newest["status"] != "SUCCESSFUL":
            newest["status"], newest["lifecycleStage"] = next(stages)
            green.aws.weights = (100, 0) if newest["lifecycleStage"] != "SCALE_UP" else (0, 100)
        return green.describe_service_deployments(asked)

    green.aws.answers |= {"UpdateService": deploy, "DescribeServiceDeployments": look}
    told = tell("deploy dev --yes --blue-first")
    assert told.code == 0, told.text
    assert green.asked["UpdateService"][0]["forceNewDeployment"] is True
    assert "blue is in front (blue 100, green 0)" in told.text
    assert green.aws.calls.index("UpdateService") < green.aws.calls.index("ExecuteChangeSet")


def test_other_names_are_guarded_just_so(green: Running, tell: Teller) -> None:
    text = green.aws.template.replace("RoutingRule", "Split").replace("BlueTargetGroup", "First")
    green.aws.template = text.replace("ApiService", "Front")
    renamed = {"RoutingRule": "Split", "BlueTargetGroup": "First", "ApiService": "Front"}
    for one in green.aws.resources:
        one["LogicalResourceId"] = renamed.get(one["LogicalResourceId"], one["LogicalResourceId"])
    green.aws.changes = [
        change("Modify", "Split", "AWS::ElasticLoadBalancingV2::ListenerRule", Replacement="False")
    ]
    assert tell("deploy dev --yes").code == 7


@pytest.mark.parametrize("missing", ["RoutingRule", "GreenTargetGroup", "BlueTargetGroup"])
def test_what_cannot_be_found_is_refused(green: Running, tell: Teller, missing: str) -> None:
    green.aws.changes = [SERVICE, TOUCHING]
    green.aws.resources = [one for one in green.aws.resources if one["LogicalResourceId"] != missing]
    told = tell("deploy dev --yes")
    assert told.code in (2, 7)
    assert missing in told.text
    assert "ExecuteChangeSet" not in green.aws.calls


def test_a_rule_that_shares_otherwise_is_refused(live: Running, tell: Teller) -> None:
    live.aws.changes = [TOUCHING]
    live.aws.answers["DescribeRules"] = lambda _: {
        "Rules": [{"Actions": [{"Type": "forward", "TargetGroupArn": "somebody's"}]}]
    }
    told = tell("deploy dev --yes")
    assert told.code == 7
    assert "who gets the traffic cannot be judged" in told.text


@pytest.mark.parametrize("operation", ["GetTemplate", "ListStackResources", "DescribeRules"])
def test_a_guard_that_may_not_look_does_not_let_pass(live: Running, tell: Teller, operation: str) -> None:
    live.aws.changes = [TOUCHING]
    live.aws.answers[operation] = refused
    assert tell("deploy dev --yes").code == 2
    assert "ExecuteChangeSet" not in live.aws.calls


def test_a_destroy_that_was_interrupted_is_undone_by_a_start(live: Running, tell: Teller) -> None:
    live.mortal().drain = 1000
    live.tasks.append(Task("arn/job-7", "fraud-job-dev", family=True))
    live.aws.answers["DeleteStack"] = refused
    told = tell("destroy dev --yes --confirm TapStackdev")
    assert "fraud-api-dev, fraud-worker-dev, 4 tasks of c did not drain in 5m00s" in told.text
    assert live.desired == {"api": 0, "worker": 0}
    assert (live.suspended, live.scheduled) == (True, "DISABLED")
    told = tell("start dev --yes")
    assert told.code == 0, told.text
    assert "Told to run nothing, by a destroy that was interrupted or by hand: api, worker, job" in told.text
    assert live.desired == {"api": 1, "worker": 1}, "what scaling holds at least"
    assert (live.suspended, live.scheduled) == (False, "ENABLED")
    kept = live.asked["UpdateSchedule"][-1]
    assert kept["Description"] == "every six hours"
    assert "CreateChangeSet" not in live.aws.calls
    assert "MinCapacity" not in str(live.asked["RegisterScalableTarget"])


def test_a_schedule_that_somebody_disabled_stays_so(live: Running, tell: Teller) -> None:
    live.scheduled = "DISABLED"
    assert tell("start dev --yes").code == 0
    assert live.scheduled == "DISABLED"


def test_a_service_that_may_scale_to_nothing_is_not_woken(live: Running, tell: Teller) -> None:
    honest = live.describe_scalable_targets
    live.aws.answers["DescribeScalableTargets"] = lambda asked: {
        "ScalableTargets": [{**one, "MinCapacity": 0} for one in honest(asked)["ScalableTargets"]]
    }
    live.scale("worker", 0)
    tell("start dev --yes --timeout 1")
    assert live.desired["worker"] == 0


# ── release ───────────────────────────────────────────────────────────────────────────────────────


def test_a_release_that_ecs_rolled_back_has_failed(live: Running, tell: Teller) -> None:
    live.revisions["api"] = "arn:x/fraud-api-dev:6"
    live.deployments["fraud-api-dev"] = [
        live.deployed(1, "ROLLBACK_SUCCESSFUL", "v1.5", rollback={"reason": "Alarm went off"})
    ]
    told = tell("release dev --service api --tag v1.5 --yes")
    assert told.code == 1
    assert (
        "ECS rolled back by itself: fraud-api-dev:6 runs, not the stack's fraud-api-dev:7, so api:v1.5 does "
        "not run: Alarm went off" in told.text
    )
    assert told.last == "result=rolled-back stack=TapStackdev"


@pytest.mark.parametrize("operation", ["DescribeServices", "GetTemplate", "ListServiceDeployments"])
def test_a_closing_look_that_is_denied_changes_no_verdict(
    live: Running, tell: Teller, operation: str
) -> None:
    honest = getattr(live, xform_name(operation), None) or live.aws._get_template

    def only_before(asked: dict[str, Any]) -> dict[str, Any]:
        if "ExecuteChangeSet" in live.aws.calls:
            raise DENIED
        return honest(asked)

    live.aws.answers[operation] = only_before
    told = tell("release dev --service api --tag v1.5 --yes")
    assert told.code == 0, told.text
    assert "what serves now is unknown" in told.text
    assert told.last == "result=updated stack=TapStackdev"


def test_a_release_goes_back_to_what_ran_before(live: Running, tell: Teller) -> None:
    live.deployments["fraud-api-dev"] = [
        live.deployed(1, "SUCCESSFUL", "v1"),
        live.deployed(2, "ROLLBACK_SUCCESSFUL", "v1.5"),
        live.deployed(3, "SUCCESSFUL", "v1.4"),
    ]
    told = tell("release dev --service api --back --yes")
    assert told.code == 0, told.text
    assert "Back to api:v1, which ran since" in told.text
    assert live.aws.parameters["ApiImageTag"] == "v1"


def test_a_way_back_that_is_left_is_followed_and_not_gone_back(live: Running, tell: Teller) -> None:
    """What ran before is another image once the way back has begun."""
    live.deployments["fraud-api-dev"] = [live.deployed(1, "SUCCESSFUL", "v1")]
    live.aws.scripts["ExecuteChangeSet"] = steps("0 UPDATE_IN_PROGRESS", "600 UPDATE_COMPLETE")
    told = tell("release dev --service api --back --yes --timeout 1")
    assert told.code == 124, told.text
    assert the(told.text, "release") == ["release", "dev", "--service", "api", "--tag=v1", *LEFT]


LEFT = ("--yes", "--timeout", "1")


def test_a_tag_that_was_pushed_anew_is_not_what_ran_before(live: Running, tell: Teller) -> None:
    before = live.deployed(1, "SUCCESSFUL", "v1")
    live.deployments["fraud-api-dev"] = [
        before | {"digest": "sha256:other"},
        live.deployed(2, "SUCCESSFUL", "v1.4"),
    ]
    told = tell("release dev --service api --back --yes")
    assert told.code == 2
    assert "api:v1 is another image by now" in told.text


def test_what_nobody_remembers_is_not_gone_back_to(live: Running, tell: Teller) -> None:
    live.deployments["fraud-api-dev"] = [live.deployed(1, "SUCCESSFUL", "v1.4")]
    told = tell("release dev --service api --back --yes")
    assert told.code == 2
    assert "AWS does not remember what api ran before v1.4" in told.text


def test_the_job_goes_back_by_its_revisions(live: Running, tell: Teller) -> None:
    live.images["job"] |= {"v6"}
    live.aws.parameters["JobImageTag"] = "v7"
    told = tell("release dev --service job --back --yes")
    assert told.code == 0, told.text
    assert live.aws.parameters["JobImageTag"] == "v6"
    assert "The next run of job uses v6" in told.text


@pytest.mark.parametrize("rest", ["", "--tag v1.5 --back"])
def test_a_release_wants_a_tag_or_the_way_back(live: Running, tell: Teller, rest: str) -> None:
    assert tell(f"release dev --service api {rest}").code == 2
    assert not live.aws.calls


@pytest.mark.usefixtures("live")
def test_an_unknown_service_is_told_with_those_there_are(tell: Teller) -> None:
    told = tell("release dev --service apj --tag v1.5 --yes")
    assert told.code == 2
    assert "TapStackdev has no workload 'apj'\nnext:  it has api, worker, job" in told.text


def test_a_ten_minute_release_takes_less_than_150_calls(live: Running, tell: Teller) -> None:
    live.aws.changes = [SERVICE]
    live.aws.scripts["ExecuteChangeSet"] = steps(
        "0 UPDATE_IN_PROGRESS",
        "1 UPDATE_IN_PROGRESS ApiService AWS::ECS::Service",
        "600 UPDATE_COMPLETE ApiService AWS::ECS::Service",
        "601 UPDATE_COMPLETE",
    )
    live.deployments["fraud-api-dev"] = [
        live.deployed(1, "IN_PROGRESS", "v1.5", lifecycleStage="BAKE_TIME"),
    ]

    def look(asked: dict[str, Any]) -> dict[str, Any]:
        if live.aws.now > 590:
            live.deployments["fraud-api-dev"][0]["status"] = "SUCCESSFUL"
        return live.describe_service_deployments(asked)

    live.aws.answers["DescribeServiceDeployments"] = look
    told = tell("release dev --service api --tag v1.5 --yes")
    assert told.code == 0, told.text
    assert live.aws.now > 600
    assert len(live.aws.calls) <= 150, len(live.aws.calls)


@pytest.mark.parametrize("stage", ["PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME"])
def test_canary_and_linear_show_who_gets_how_much(live: Running, tell: Teller, stage: str) -> None:
    live.aws.weights = (90, 10)
    live.aws.changes = [SERVICE]
    live.aws.scripts["ExecuteChangeSet"] = steps("0 UPDATE_IN_PROGRESS", "40 UPDATE_COMPLETE")
    live.deployments["fraud-api-dev"] = [live.deployed(1, "IN_PROGRESS", "v1.5", lifecycleStage=stage)]
    told = tell("release dev --service api --tag v1.5 --yes")
    assert f"api {stage}" in told.text
    assert "traffic blue 90, green 10" in told.text


def test_a_release_whose_tasks_do_not_all_run_is_not_well(live: Running, tell: Teller) -> None:
    live.desired["api"] = 3
    told = tell("release dev --service api --tag v1.5 --yes")
    assert (told.code, told.last) == (8, "result=unhealthy stack=TapStackdev")
    assert "Of 3 tasks 2 run after 60 s" in told.text
    assert "next:  make diagnose ENV=dev" in told.text


def test_a_release_where_nothing_runs_says_so(live: Running, tell: Teller) -> None:
    stop_all(live)
    told = tell("release dev --service api --tag v1.5 --yes")
    assert told.code == 0
    assert "Serving" not in told.text
    assert "Nothing of api runs now; v1.5 comes with the next start: make start ENV=dev" in told.text


@pytest.mark.parametrize("code", ["AccessDenied", "ValidationError"])
def test_back_that_may_not_be_carried_out_changes_nothing(live: Running, tell: Teller, code: str) -> None:
    live.aws.changes = [SERVICE]
    live.aws.faults["ExecuteChangeSet"] = [FaultError(code, "no")]
    told = tell("start dev --back --yes")
    assert told.code == (2 if code == "AccessDenied" else 5), told.text
    assert live.suspended is False
    assert "Scaling goes on as before" in told.text
    assert "\nnow:" not in told.text


def test_an_answer_to_run_task_that_is_lost_leaves_it_open(live: Running, tell: Teller) -> None:
    live.aws.faults["RunTask"] = [LostConnectionError()] * 9
    told = tell("run-job dev")
    assert told.code == 124
    assert "now:   job may have been started: AWS was asked and has not answered" in told.text


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (FaultError("AccessDeniedException", "no"), 2),
        (FaultError("ThrottlingException", "Rate exceeded"), 9),
        (FaultError("ClientException", "TaskDefinition is inactive"), 9),
    ],
)
def test_a_refusal_to_run_a_task_starts_nothing(
    live: Running, tell: Teller, refusal: FaultError, code: int
) -> None:
    live.aws.faults["RunTask"] = [refusal] * 9
    told = tell("run-job dev")
    assert told.code == code
    assert "now:" not in told.text


@pytest.mark.parametrize("page", ["<html><p>Please log in</p></html>", "<!DOCTYPE html><p>", "Please log in"])
@pytest.mark.parametrize(
    "operation", ["GetCallerIdentity", "DescribeStacks", "GetTemplate", "DescribeImages", "RunTask"]
)
def test_a_proxys_page_is_no_fault_of_ours(live: Running, tell: Teller, operation: str, page: str) -> None:
    """Well-formed, it once was an answer that lacks everything: KeyError, exit 70."""
    live.aws.faults[operation] = [ProxyPageError(page)] * 9
    told = tell("run-job dev")
    assert told.code == (124 if operation == "RunTask" else 9)
    assert "error: what came is no answer of AWS's: a page of some proxy?" in told.text


# ── run-job ───────────────────────────────────────────────────────────────────────────────────────


def test_the_job_runs_as_its_schedule_would(live: Running, tell: Teller) -> None:
    live.started = lambda: Task("arn/job-1", "fraud-job-dev", ends=live.aws.now + 30, exit_code=0)
    told = tell("run-job dev")
    assert told.code == 0, told.text
    assert "DONE exit code 0" in told.text
    request = live.asked["RunTask"][0]
    assert request["cluster"] == "arn:aws:ecs:eu-central-1:1:cluster/c"
    assert request["capacityProviderStrategy"] == [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}]
    assert request["networkConfiguration"] == {
        "awsvpcConfiguration": {
            "assignPublicIp": "DISABLED",
            "subnets": ["subnet-1", "subnet-2"],
            "securityGroups": ["sg-1"],
        }
    }
    assert request["enableECSManagedTags"] is True
    assert request["propagateTags"] == "TASK_DEFINITION"
    assert request["tags"] == [{"key": "team", "value": "fraud"}]
    assert "overrides" not in request
    assert request["clientToken"]


def test_another_command_runs_in_the_jobs_place(live: Running, tell: Teller) -> None:
    live.started = lambda: Task("arn/job-1", "fraud-job-dev", ends=live.aws.now + 3, exit_code=0)
    told = tell("run-job dev --command", "psql -c 'SELECT 1; SELECT 2'")
    assert told.code == 0
    words = ["psql", "-c", "SELECT 1; SELECT 2"]
    assert live.asked["RunTask"][0]["overrides"] == {
        "containerOverrides": [{"name": "job", "command": words}]
    }


@pytest.mark.parametrize("command", ["", "  ", "echo 'open", "x" * 9000])
def test_a_command_that_is_none_is_refused(live: Running, tell: Teller, command: str) -> None:
    assert tell("run-job dev --command", command).code == 2
    assert "RunTask" not in live.aws.calls


def test_a_job_that_ecs_does_not_know_yet_is_waited_for(live: Running, tell: Teller) -> None:
    live.started = lambda: Task(
        "arn/job-1", "fraud-job-dev", ends=live.aws.now + 60, exit_code=0, hidden_until=live.aws.now + 20
    )
    told = tell("run-job dev")
    assert told.code == 0, told.text


def test_a_job_that_ecs_never_knows_has_no_known_end(live: Running, tell: Teller) -> None:
    live.started = lambda: Task("arn/job-1", "fraud-job-dev", hidden_until=float("inf"))
    told = tell("run-job dev")
    assert told.code in (9, 124)
    assert "how it ended is unknown" in told.text


def test_a_job_that_fails_is_told_with_its_reason(live: Running, tell: Teller) -> None:
    live.started = lambda: Task("arn/job-1", "fraud-job-dev", ends=live.aws.now + 5, exit_code=3)
    told = tell("run-job dev")
    assert told.code == 8
    assert "FAILED exit code 3; Essential container in task exited; job exit 3" in told.text
    assert "its last words: make logs ENV=dev ARGS='--service job --since 1h'" in told.text


def test_a_run_of_the_job_is_stopped_by_its_id(live: Running, tell: Teller) -> None:
    live.drain = 20
    live.tasks.append(Task("arn/job-7", "fraud-job-dev", family=True))
    told = tell("run-job dev --stop job-7")
    assert (told.code, told.last) == (0, "result=job-stopped stack=TapStackdev")
    assert "STOPPED job-7" in told.text
    assert [request["task"] for request in live.asked["StopTask"]] == ["job-7"]
    told = tell("run-job dev --stop job-7")
    assert told.code == 0, "it has ended already"
    assert len(live.asked["StopTask"]) == 1


@pytest.mark.parametrize("task", ["arn/api-0", "nothing"])
def test_only_a_run_of_the_job_is_stopped(live: Running, tell: Teller, task: str) -> None:
    live.tasks.append(Task("arn/job-7", "fraud-job-dev", family=True))
    told = tell(f"run-job dev --stop {task}")
    assert told.code == 2
    assert "next:  those that run: job-7" in told.text
    assert "StopTask" not in live.aws.calls


def test_a_broken_environment_file_is_told_before_anything_is_asked(
    live: Running, tell: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise UsageError("environments/dev.yaml cannot be read")

    monkeypatch.setattr("fraud_cfn.deploy.change.parameters.given", broken)
    assert tell("release dev --service api --tag v1.5 --yes").code == 2
    assert live.aws.calls == ["GetCallerIdentity"]


def test_a_job_that_ecs_does_not_start_is_told(live: Running, tell: Teller) -> None:
    live.aws.answers["RunTask"] = lambda _: {
        "tasks": [],
        "failures": [{"reason": "Capacity is unavailable at this time. Please try again later"}],
    }
    told = tell("run-job dev")
    assert told.code == 9
    assert "ECS did not start the job: Capacity is unavailable at this time" in told.text


@pytest.mark.parametrize("tags", [[{"Key": "a", "Value": "b"}], [{"key": "a", "value": "b"}], [{"a": "b"}]])
def test_tags_stand_in_either_form(tags: list[dict[str, str]]) -> None:
    assert jobs._tags(tags) == [{"key": "a", "value": "b"}]


# ── status, diagnose ──────────────────────────────────────────────────────────────────────────────


def test_status_tells_what_runs_since_when_and_what_ran_before(live: Running, tell: Teller) -> None:
    live.deployments["fraud-api-dev"] = [
        live.deployed(1, "SUCCESSFUL", "v1"),
        live.deployed(2, "SUCCESSFUL", "v1.4"),
    ]
    live.tasks.append(Task("arn/job-9", "fraud-job-dev", family=True))
    told = tell("status dev")
    assert told.code == 0, told.text
    assert "url       http://lb.example" in told.text
    assert "api       2/2 running  fraud-api-dev:7 (the stack's)" in told.text
    assert "v1.4 (sha256:v1.4) since 2023-11-14 22:13 UTC; before: v1" in told.text
    assert "runs job-9 RUNNING" in told.text
    assert "next about 2026-03-01 18:00 UTC" in told.text


@pytest.mark.parametrize(
    ("enabled", "status", "state"),
    [
        ("starting", "UPDATE_IN_PROGRESS", "going live"),
        ("starting", "UPDATE_COMPLETE", "live"),
        ("true", "UPDATE_IN_PROGRESS", "live"),
    ],
)
def test_status_calls_live_what_has_gone_live(
    live: Running, tell: Teller, enabled: str, status: str, state: str
) -> None:
    live.aws.parameters["ServicesEnabled"] = enabled
    live.aws.status = status
    assert f"TapStackdev  {status}  {state}\n" in tell("status dev").text


@pytest.mark.parametrize(
    "operation",
    [
        "DescribeServices",
        "DescribeTargetHealth",
        "GetQueueAttributes",
        "DescribeScalableTargets",
        "GetTemplate",
    ],
)
def test_status_calls_unknown_what_it_may_not_see(live: Running, tell: Teller, operation: str) -> None:
    live.aws.answers[operation] = refused
    told = tell("status dev")
    assert told.code == 9
    assert ": unknown (AccessDeniedException)" in told.text or "unknown (no permission" in told.text
    data = tell("status dev --format json").text
    assert '"unknown": {\n' in data


@pytest.mark.usefixtures("live")
def test_nothing_wrong_is_found_where_all_could_be_seen(tell: Teller) -> None:
    told = tell("diagnose dev")
    assert told.code == 0, told.text
    assert "Nothing wrong was found" in told.text


LOOKS = {
    "GetTemplate",
    "ListStackResources",
    "DescribeServices",
    "ListTasks",
    "DescribeTargetHealth",
    "GetQueueAttributes",
    "FilterLogEvents",
    "DescribeRules",
}


def test_with_every_look_denied_nobody_is_called_healthy(live: Running, tell: Teller) -> None:
    live.aws.answers |= dict.fromkeys(LOOKS, refused)
    told = tell("diagnose dev")
    assert told.code == 9
    assert "Nothing wrong" not in told.text
    assert "Whether all is well is unknown" in told.text
    assert told.last == "result=unknown stack=TapStackdev"


@pytest.mark.parametrize("operation", sorted(LOOKS))
def test_with_one_look_denied_nobody_is_called_healthy(live: Running, tell: Teller, operation: str) -> None:
    live.aws.answers[operation] = refused
    told = tell("diagnose dev")
    assert told.code == 9, told.text
    assert "Nothing wrong" not in told.text


def test_a_cause_that_could_not_be_read_is_unknown(live: Running, tell: Teller) -> None:
    live.aws.status = "UPDATE_ROLLBACK_COMPLETE"
    live.aws.answers["DescribeStackEvents"] = refused
    told = tell("diagnose dev")
    assert told.code == 8
    assert "why is unknown, as its events could not be read" in told.text
    assert "cancelled" not in told.text


def test_advice_never_leads_back_to_the_diagnosis(live: Running, tell: Teller) -> None:
    live.aws.scripts["Before"] = steps(
        "0 UPDATE_IN_PROGRESS",
        "1 UPDATE_FAILED ApiService AWS::ECS::Service ECS Deployment Circuit Breaker was triggered",
        "2 UPDATE_ROLLBACK_IN_PROGRESS",
        "3 UPDATE_ROLLBACK_COMPLETE",
    )
    live.aws.play("Before", "before")
    live.aws.clock.sleep(10)
    live.tasks.append(Task("arn/dead", "fraud-api-dev", ends=1, reason="OutOfMemoryError: killed"))
    told = tell("diagnose dev")
    assert told.code == 8
    assert "diagnose" not in told.text.split("\n", 1)[1].replace("result=", "")
    assert "ECS Deployment Circuit Breaker was triggered" in told.text
    assert "for want of memory" in told.text


@pytest.mark.parametrize(
    ("status", "then"),
    [
        ("CREATE_IN_PROGRESS", "stop and delete it: make cancel ENV=dev"),
        ("UPDATE_IN_PROGRESS", "stop the update: make cancel ENV=dev"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ""),
        ("DELETE_IN_PROGRESS", ""),
    ],
)
def test_a_diagnosis_while_aws_is_at_work_says_what_goes_on(
    live: Running, tell: Teller, status: str, then: str
) -> None:
    live.aws.status = status
    next(one for one in live.aws.resources if one["LogicalResourceId"] == "ApiService")["ResourceStatus"] = (
        "UPDATE_IN_PROGRESS"
    )
    told = tell("diagnose dev")
    assert (told.code, told.last) == (124, "result=in-progress stack=TapStackdev")
    assert f"TapStackdev is {status}: AWS is at work on it: ApiService" in told.text
    follow = "destroy" if status.startswith("DELETE") else "plan"
    assert f"→ follow it: make {follow} ENV=dev" in told.text
    assert ("make cancel" in told.text, then in told.text) == (bool(then), True)
    assert "Nothing wrong was found so far" in told.text
    assert f'"status": "{status}"' in tell("diagnose dev --format json").text


def test_what_a_deletion_takes_away_is_no_fault(live: Running, tell: Teller) -> None:
    live.aws.status, live.health, live.desired["api"] = "DELETE_IN_PROGRESS", {"BlueArn": []}, 0
    told = tell("diagnose dev")
    assert (told.code, "make start" in told.text) == (124, False), told.text


@pytest.mark.parametrize(
    ("status", "said", "sick"),
    [
        ("UPDATE_COMPLETE", "live", False),
        ("UPDATE_FAILED", "live", True),
        ("UPDATE_ROLLBACK_FAILED", "live", True),
        ("DELETE_IN_PROGRESS", "being deleted", False),
        ("DELETE_FAILED", "half deleted", True),
    ],
)
def test_status_says_what_the_stack_is_at_and_what_helps(
    live: Running, tell: Teller, status: str, said: str, sick: bool
) -> None:
    live.aws.status = status
    told = tell("status dev")
    assert f"TapStackdev  {status}  {said}\n" in told.text
    assert ("next:  make diagnose ENV=dev\n" in told.text) == sick


def test_a_diagnosis_while_it_rolls_back_says_why(live: Running, tell: Teller) -> None:
    live.aws.scripts["Before"] = steps(
        "0 UPDATE_IN_PROGRESS",
        "1 UPDATE_FAILED ApiService AWS::ECS::Service The image is gone",
        "2 UPDATE_ROLLBACK_IN_PROGRESS",
    )
    live.aws.play("Before", "before")
    live.aws.clock.sleep(10)
    told = tell("diagnose dev")
    assert told.code == 8
    assert "TapStackdev is UPDATE_ROLLBACK_IN_PROGRESS: ApiService: The image is gone" in told.text
    assert "\nAWS is at work on it\n  → follow it: make plan ENV=dev\n" in told.text
    assert "cancel" not in told.text


def test_an_update_that_was_cancelled_has_no_cause_among_its_resources(live: Running, tell: Teller) -> None:
    live.aws.scripts["Before"] = steps(
        "0 UPDATE_IN_PROGRESS", "2 UPDATE_ROLLBACK_IN_PROGRESS", "3 UPDATE_ROLLBACK_COMPLETE"
    )
    live.aws.play("Before", "before")
    live.aws.clock.sleep(10)
    told = tell("diagnose dev")
    assert told.code == 8
    assert "no resource failed: somebody cancelled it, or rolled it back" in told.text
    assert "why the new version did not" not in told.text


def service_of(live: Running, name: str, **answer: Any) -> None:
    """ECS answers so for that service; with nothing, it has none."""
    honest = live.describe_services

    def described(asked: dict[str, Any]) -> dict[str, Any]:
        services = honest(asked)["services"]
        for one in services:
            if one["serviceName"] == f"fraud-{name}-dev":
                one |= answer
        known = [one for one in services if answer or one["serviceName"] != f"fraud-{name}-dev"]
        return {"services": known}

    live.aws.answers["DescribeServices"] = described


GONE = [{}, {"status": "INACTIVE", "desiredCount": 0}, {"status": "DRAINING", "desiredCount": 0}]


@pytest.mark.parametrize("answer", GONE, ids=str)
def test_a_service_that_somebody_deleted_is_told_by_every_verb(
    live: Running, tell: Teller, answer: dict[str, Any]
) -> None:
    service_of(live, "worker", **answer)
    told = tell("start dev --yes --steady 5")
    assert (told.code, told.last) == (8, "result=not-live stack=TapStackdev")
    assert "cause: ECS has no service of worker: somebody deleted it" in told.text
    assert "UpdateService" not in live.aws.calls
    assert live.aws.now < 120, "it is not waited for"
    assert "worker    does not exist" in tell("status dev").text
    told = tell("diagnose dev")
    assert told.code == 8
    assert (
        "the service of worker does not exist\n  → CloudFormation does not know that it is gone" in told.text
    )
    assert "deploy a template without WorkerService and what follows it (make deploy" in told.text
    told = tell("release dev --service worker --tag v1.5 --yes")
    assert (told.code, told.last) == (8, "result=unhealthy stack=TapStackdev")
    assert "ECS has no service of worker (any more): nothing serves" in told.text


def test_a_service_that_ecs_forgets_for_a_moment_is_no_failure(live: Running, tell: Teller) -> None:
    looks = iter(range(3))
    honest = live.describe_services
    live.aws.answers["DescribeServices"] = lambda asked: (
        {"services": []} if next(looks, None) is not None else honest(asked)
    )
    told = tell("start dev --yes --steady 5")
    assert (told.code, told.text.count("api 2/2 · worker 1/1")) == (0, 1)


def test_a_cluster_that_somebody_deleted_has_no_services(live: Running, tell: Teller) -> None:
    live.aws.faults["DescribeServices"] = [FaultError("ClusterNotFoundException", "Cluster not found.")] * 9
    told = tell("diagnose dev")
    assert (told.code, "the service of api does not exist" in told.text) == (8, True)


def test_a_deployment_of_ecs_that_failed_is_looked_at(live: Running, tell: Teller) -> None:
    failed = [{"status": "PRIMARY", "rolloutState": "FAILED"}]
    service_of(
        live, "worker", runningCount=0, deployments=failed, events=[{"message": "tasks failed to start"}]
    )
    told = tell("diagnose dev")
    assert (told.code, "worker runs 0 of 1 tasks: tasks failed to start" in told.text) == (8, True)


@pytest.mark.parametrize("state", ["unused:not configured to receive traffic", "draining:", "initial:checks"])
def test_targets_that_get_no_traffic_are_told_with_their_state(
    live: Running, tell: Teller, state: str
) -> None:
    live.health = {"BlueArn": [state]}
    told = tell("start dev --yes --steady 5 --timeout 1")
    assert told.code == 124
    assert f"0 of 1 targets of blue healthy; {state.partition(':')[2] or 'draining'}" in told.text
    told = tell("diagnose dev")
    said = f"10.0.0.0 is {state.replace(':', ': ')}".removesuffix(": ")
    assert f"no healthy target of api gets traffic ({said})" in told.text


def test_a_rule_that_was_changed_by_hand_makes_a_start_unknown(live: Running, tell: Teller) -> None:
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}
    live.aws.answers["DescribeRules"] = lambda _: {"Rules": [{"Actions": [fixed]}]}
    told = tell("start dev --yes --steady 5")
    assert (told.code, told.last) == (9, "result=unknown stack=TapStackdev")
    assert "not looked at: targets (who gets the traffic cannot be judged: RoutingRule does not" in told.text


def test_a_log_group_that_somebody_deleted_is_told(live: Running, tell: Teller) -> None:
    honest = live.filter_log_events

    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        if "worker" in asked["logGroupName"]:
            raise FaultError("ResourceNotFoundException", "The specified log group does not exist.")
        return honest(asked)

    live.aws.answers["FilterLogEvents"] = answer
    gone = "the log group /ecs/fraud-worker-dev of worker does not exist: its tasks cannot start"
    again = "aws logs create-log-group --region eu-central-1 --log-group-name /ecs/fraud-worker-dev"
    told = tell("logs dev")
    assert (told.code, gone in told.text, again in told.text) == (9, True, True)
    assert "nothing in the last" not in told.text
    told = tell("diagnose dev")
    assert (told.code, gone in told.text, again in told.text) == (8, True, True)
    assert tell("logs dev --service api").code == 0


def test_a_schedule_that_somebody_deleted_is_told(live: Running, tell: Teller) -> None:
    live.aws.faults["GetSchedule"] = [FaultError("ResourceNotFoundException", "does not exist", 404)]
    told = tell("diagnose dev")
    assert told.code == 8
    assert "the schedule of job does not exist: nothing starts it" in told.text
    assert "deploy a template without JobSchedule" in told.text


def test_scaling_that_is_not_held_is_not_said_to_be(live: Running, tell: Teller) -> None:
    refusal = FaultError("ValidationException", "ECS service doesn't exist: service/c/fraud-api-dev")
    live.aws.faults["RegisterScalableTarget"] = [refusal]
    told = tell("start dev --back --yes")
    assert told.code == 9
    assert "now:" not in told.text
    assert "scaling is" not in told.text


def test_a_job_that_somebody_stopped_did_not_run_out_of_memory(live: Running, tell: Teller) -> None:
    live.started = lambda: Task(
        "arn/job-1",
        "fraud-job-dev",
        ends=live.aws.now + 3,
        exit_code=137,
        code="UserInitiated",
        reason="stopped by hand",
    )
    told = tell("run-job dev")
    assert (told.code, "memory" in told.text) == (8, False)


def test_diagnosis_names_what_is_sick(live: Running, tell: Teller) -> None:
    live.health = {"BlueArn": ["unhealthy:Health checks failed with these codes: [500]"]}
    live.messages["https://sqs/1/fraud-deadletter-dev"] = 3
    live.aws.answers["FilterLogEvents"] = lambda asked: {
        "events": [{"timestamp": 1, "message": "exec /app: exec format error"}]
        if "worker" in asked["logGroupName"]
        else []
    }
    told = tell("diagnose dev")
    assert told.code == 8
    assert (
        "blue target 10.0.0.0 of api is unhealthy: Health checks failed with these codes: [500]" in told.text
    )
    assert "no healthy target of api gets traffic\n" in told.text
    assert "make start" not in told.text, "its tasks run already"
    assert "fraud-deadletter-dev holds 3 dead letters" in told.text
    assert "worker logged: exec /app: exec format error" in told.text
    assert "build with --platform linux/amd64" in told.text


@pytest.mark.parametrize(
    ("expression", "coming"),
    [
        ("cron(0 0/6 * * ? *)", "2026-03-01 18:00"),
        ("cron(30 3 * * ? *)", "2026-03-02 03:30"),
        ("cron(0 8 1 * ? *)", None),
        ("at(2026-03-01T00:00:00)", None),
    ],
)
def test_the_next_run_of_a_schedule(expression: str, coming: str | None) -> None:
    at = next_run(expression, None, datetime(2026, 3, 1, 12, 0, tzinfo=UTC))
    assert (at and f"{at:%Y-%m-%d %H:%M}") == coming


def test_a_fourth_service_is_known_to_every_verb(live: Running, tell: Teller) -> None:
    def add(template: dict[str, Any]) -> None:
        for name in ("WorkerRepository", "WorkerLogs", "WorkerTaskDefinition", "WorkerService"):
            text = json.dumps(template["Resources"][name])
            text = text.replace("Worker", "Reports").replace('"worker"', '"reports"')
            template["Resources"][name.replace("Worker", "Reports")] = json.loads(text)
        template["Parameters"]["ReportsImageTag"] = {"Type": "String"}

    live.edit_template(add)
    for one in list(live.aws.resources):
        if one["LogicalResourceId"].startswith("Worker"):
            live.aws.resources.append(
                json.loads(json.dumps(one).replace("Worker", "Reports").replace("-worker-", "-reports-"))
            )
    live.desired["reports"] = 1
    live.tasks.append(Task("arn/reports-0", "fraud-reports-dev"))
    live.images["reports"] = {"v1", "v2"}
    live.aws.parameters |= {"ReportsImageTag": "v1", "ServicesEnabled": "false"}
    assert "reports 1/1" in tell("start dev --yes").text
    assert "reports   1/1 running" in tell("status dev").text
    assert "Serving fraud-reports-dev:7" in tell("release dev --service reports --tag v2 --yes").text
    assert tell("diagnose dev").code == 0
    live.images["reports"] = set()
    live.aws.parameters["ServicesEnabled"] = "false"
    assert "fraud-reports-dev:v2" in tell("start dev --yes").text


@pytest.mark.parametrize(
    ("status", "halfway"), [("STOPPED", True), ("ROLLBACK_FAILED", True), ("SUCCESSFUL", False)]
)
def test_a_deployment_that_ended_halfway_is_not_well(
    live: Running, tell: Teller, status: str, *, halfway: bool
) -> None:
    """Stopped by hand it leaves what there is, as a rollback that fails does; tasks run all the same."""
    newest = live.deployed(2, status, "v1.5", statusReason="stopped by a user")
    live.deployments = {"fraud-api-dev": [newest, live.deployed(1, "SUCCESSFUL", "v1.4")]}
    live.aws.changes = [SERVICE]
    told = tell("diagnose dev")
    assert (told.code, f"{status} stopped by a user" in told.text) == ((8, True) if halfway else (0, False))
    told = tell("release dev --service api --tag v1.5 --yes")
    assert (told.code, "ECS left it halfway" in told.text) == ((8, True) if halfway else (0, False))


def test_live_without_the_protection_that_was_asked_for_is_said_to_be(live: Running, tell: Teller) -> None:
    words = "not authorized to perform: cloudformation:UpdateTerminationProtection"
    live.aws.faults["UpdateTerminationProtection"] = [FaultError("AccessDenied", words, 403)]
    told = tell("start dev --yes --protect")
    assert (told.code, told.last) == (9, "result=live stack=TapStackdev")
    assert "TapStackdev is live, and not protected against deletion: no permission" in told.text
