"""Rolling back, cancelling and destroying: what is asked, refused and told."""

from __future__ import annotations

import pytest

from tests.deploy.conftest import Teller, Transcript
from tests.deploy.fake_aws import ROUTED, Aws, steps

HALFWAY = steps(
    "0 UPDATE_IN_PROGRESS",
    "1 UPDATE_FAILED ApiService AWS::ECS::Service The image is gone",
    "2 UPDATE_ROLLBACK_IN_PROGRESS",
    "3 UPDATE_FAILED Dashboard AWS::CloudWatch::Dashboard Dashboard was deleted by hand",
    "4 UPDATE_ROLLBACK_FAILED",
)


@pytest.fixture
def stuck(deployed: Aws) -> Aws:
    """A stack whose rollback failed."""
    deployed.scripts["Before"] = HALFWAY
    deployed.play("Before", "before")
    deployed.clock.sleep(10)
    return deployed


def test_a_failed_rollback_is_continued(stuck: Aws, tell: Teller, transcript: Transcript) -> None:
    stuck.scripts["ContinueUpdateRollback"] = steps(
        "0 UPDATE_ROLLBACK_IN_PROGRESS", "8 UPDATE_ROLLBACK_COMPLETE"
    )
    line = "rollback dev --yes --skip Dashboard"
    told = tell(line)
    assert told.code == 0
    transcript.check(told, line)


def test_a_rollback_that_fails_again_says_what_to_skip(stuck: Aws, tell: Teller) -> None:
    stuck.scripts["ContinueUpdateRollback"] = steps(
        "0 UPDATE_ROLLBACK_IN_PROGRESS",
        "2 UPDATE_FAILED Dashboard AWS::CloudWatch::Dashboard Dashboard was deleted by hand",
        "3 UPDATE_ROLLBACK_FAILED",
    )
    told = tell("rollback dev --yes")
    assert told.code == 6
    assert "make rollback ENV=dev ARGS='--skip Dashboard'" in told.text


def test_a_rollback_is_asked_for(stuck: Aws, tell: Teller) -> None:
    assert tell("rollback dev").code == 4
    assert "ContinueUpdateRollback" not in stuck.calls


def test_a_whole_stack_is_not_rolled_back(deployed: Aws, tell: Teller) -> None:
    told = tell("rollback dev --yes")
    assert told.code == 2
    assert "TapStackdev is UPDATE_COMPLETE: there is nothing to roll back" in told.text
    assert "RollbackStack" not in deployed.calls


def test_a_running_update_is_cancelled(deployed: Aws, tell: Teller, transcript: Transcript) -> None:
    deployed.scripts["Before"] = steps(
        "0 UPDATE_IN_PROGRESS", "1 UPDATE_IN_PROGRESS ApiService AWS::ECS::Service"
    )
    deployed.scripts["CancelUpdateStack"] = steps(
        "1 UPDATE_ROLLBACK_IN_PROGRESS", "9 UPDATE_ROLLBACK_COMPLETE"
    )
    deployed.play("Before", "before")
    deployed.clock.sleep(30)
    told = tell("cancel dev --yes")
    assert told.code == 0
    transcript.check(told, "cancel dev --yes")


def test_an_update_too_far_to_be_cancelled_is_told(deployed: Aws, tell: Teller) -> None:
    deployed.scripts["Before"] = steps("0 UPDATE_IN_PROGRESS")
    deployed.scripts["CancelUpdateStack"] = steps("1 UPDATE_COMPLETE")
    deployed.play("Before", "before")
    told = tell("cancel dev --yes")
    assert told.code == 0
    assert "The update was already too far to be cancelled" in told.text


def test_nothing_to_cancel_is_told(deployed: Aws, tell: Teller) -> None:
    assert "there is no update to cancel" in tell("cancel dev --yes").text
    deployed.status = "CREATE_IN_PROGRESS"
    told = tell("cancel dev --yes")
    assert told.code == 2
    assert "a creation cannot be cancelled, only deleted: make destroy ENV=dev" in told.text


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("destroy dev", 4, "next:  make destroy ENV=dev ARGS='--yes --confirm TapStackdev'"),
        ("destroy dev --yes", 4, "error: --yes alone does not destroy"),
        ("destroy dev --yes --confirm TapStackprod", 2, "--confirm TapStackprod is not the stack's name"),
    ],
)
def test_destroying_needs_the_name(deployed: Aws, tell: Teller, line: str, code: int, says: str) -> None:
    told = tell(line)
    assert told.code == code
    assert says in told.text
    assert "DeleteStack" not in deployed.calls


def test_a_protected_stack_is_not_destroyed(deployed: Aws, tell: Teller) -> None:
    deployed.protected = True
    told = tell("destroy dev --yes --confirm TapStackdev")
    assert told.code == 7
    assert "TapStackdev is protected against deletion" in told.text
    assert "DeleteStack" not in deployed.calls


# ── Going live ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def images(deployed: Aws) -> Aws:
    """An environment in bootstrap whose images are pushed and whose tasks do not stay up."""
    names = {name: f"fraud-{name}-dev" for name in ("api", "worker", "job")}
    deployed.parameters |= {"ServicesEnabled": "false", "WorkerImageTag": "v1", "JobImageTag": "v1"}
    deployed.outputs |= {"ClusterName": "c"}
    for name, physical in names.items():
        deployed.outputs[f"{name.title()}RepositoryUri"] = f"123.dkr.ecr/{physical}"
        deployed.outputs[f"{name.title()}ServiceName"] = physical
    deployed.scripts["ExecuteChangeSet"] = steps("0 UPDATE_IN_PROGRESS", "1 UPDATE_COMPLETE")
    services = [
        {
            "serviceName": names[name],
            "desiredCount": 2,
            "runningCount": 0,
            "pendingCount": 2,
            "deployments": [],
        }
        for name in ("api", "worker")
    ]
    reason = "CannotPullContainerError: manifest for linux/amd64 not found"
    tasks = [
        {"taskArn": f"t{n}", "group": "service:fraud-api-dev", "stoppedReason": reason, "containers": []}
        for n in range(3)
    ]
    deployed.answers |= {
        "DescribeImages": lambda _: {"imageDetails": [{"imageDigest": "sha256:1"}]},
        "DescribeServices": lambda _: {"services": services},
        "ListServiceDeployments": lambda _: {"serviceDeployments": []},
        "ListTasks": lambda asked: {"taskArns": ["t"] if asked["serviceName"] == "fraud-api-dev" else []},
        "DescribeTasks": lambda _: {"tasks": tasks},
    }
    return deployed


def test_tasks_that_do_not_start_are_told_with_the_way_back(
    images: Aws, tell: Teller, transcript: Transcript
) -> None:
    told = tell("start dev --yes")
    assert told.code == 1
    transcript.check(told, "start dev --yes")
    assert images.parameters["ServicesEnabled"] == "true"
    assert images.parameters["ApiImageTag"] == "v1.4"


def test_a_missing_image_stops_going_live(images: Aws, tell: Teller) -> None:
    images.answers["DescribeImages"] = lambda asked: {
        "imageDetails": [] if asked["repositoryName"] == "fraud-job-dev" else [{"imageDigest": "sha256:1"}]
    }
    told = tell("start dev --yes")
    assert told.code == 2
    assert "error: 1 image is not in the repository: fraud-job-dev:v1" in told.text
    assert "docker push 123.dkr.ecr/fraud-job-dev:v1" in told.text
    assert "CreateChangeSet" not in images.calls


def test_a_service_that_ecs_rolled_back_is_told(images: Aws, tell: Teller) -> None:
    images.resources = [
        {"LogicalResourceId": "ApiTaskDefinition", "PhysicalResourceId": "arn:x/fraud-api-dev:8"}
        | {"ResourceType": "AWS::ECS::TaskDefinition", "ResourceStatus": "UPDATE_COMPLETE"}
    ]
    running = {"serviceName": "fraud-api-dev", "desiredCount": 2, "runningCount": 2, "pendingCount": 0}
    images.answers |= {
        "DescribeServices": lambda _: {"services": [{**running, "taskDefinition": "arn:x/fraud-api-dev:7"}]},
        "ListServiceDeployments": lambda _: {
            "serviceDeployments": [{"serviceDeploymentArn": "d", "createdAt": 1}]
        },
        "DescribeServiceDeployments": lambda _: {
            "serviceDeployments": [
                {"status": "ROLLBACK_SUCCESSFUL", "rollback": {"reason": "Service deployment rolled back"}}
            ]
        },
    }
    told = tell("release dev --service api --tag v1.5 --yes")
    assert told.code == 0
    assert (
        "ECS rolled back by itself: fraud-api-dev:7 runs, not the stack's fraud-api-dev:8: "
        "Service deployment rolled back" in told.text
    )
    assert images.parameters["ApiImageTag"] == "v1.5"
    assert images.parameters["WorkerImageTag"] == "v1"


def test_a_release_follows_the_colours_and_the_bake_time(images: Aws, tell: Teller) -> None:
    """As ECS goes through its stages, CloudFormation still at work."""
    stages = iter(
        [
            ("PENDING", "RECONCILE_SERVICE", (100, 0)),
            ("IN_PROGRESS", "SCALE_UP", (100, 0)),
            ("IN_PROGRESS", "PRODUCTION_TRAFFIC_SHIFT", (0, 100)),
            ("IN_PROGRESS", "BAKE_TIME", (0, 100)),
        ]
    )
    now = {"status": "SUCCESSFUL"}

    def deployment(_: dict) -> dict:
        if stage := next(stages, None):
            status, name, images.weights = stage
            now.update(status=status, lifecycleStage=name)
        else:
            now.update(status="SUCCESSFUL", lifecycleStage="CLEAN_UP")
        return {"serviceDeployments": [now]}

    running = {"serviceName": "fraud-api-dev", "desiredCount": 2, "runningCount": 2, "pendingCount": 0}
    images.parameters["ApiBakeTimeMinutes"] = "5"
    images.resources = ROUTED
    images.scripts["ExecuteChangeSet"] = steps(
        "0 UPDATE_IN_PROGRESS",
        "1 UPDATE_IN_PROGRESS ApiService AWS::ECS::Service",
        "90 UPDATE_COMPLETE ApiService AWS::ECS::Service",
        "91 UPDATE_COMPLETE",
    )
    images.answers |= {
        "DescribeServices": lambda _: {"services": [{**running, "taskDefinition": "arn:x/fraud-api-dev:8"}]},
        "ListServiceDeployments": lambda _: {
            "serviceDeployments": [{"serviceDeploymentArn": "d", "createdAt": 1}]
        },
        "DescribeServiceDeployments": deployment,
    }
    told = tell("release dev --service api --tag v1.5 --yes")
    assert told.code == 0, told.text
    followed = [line.strip() for line in told.text.splitlines() if line.strip().startswith("api 2/2")]
    assert followed == [
        "api 2/2 RECONCILE_SERVICE, traffic blue 100, green 0",
        "api 2/2 SCALE_UP, traffic blue 100, green 0",
        "api 2/2 PRODUCTION_TRAFFIC_SHIFT, traffic blue 0, green 100",
        "api 2/2 BAKE_TIME of 5 min, traffic blue 0, green 100",
    ]
    assert images.calls.count("ListStackResources") <= 4, "the rule's address is asked once"


def test_a_release_uses_the_deployed_template(images: Aws, tell: Teller) -> None:
    asked: dict = {}
    honest = images._create_change_set

    def note(request: dict) -> dict:
        asked.update(request)
        return honest(request)

    images.answers["CreateChangeSet"] = note
    tell("release dev --service worker --tag v2 --yes")
    assert asked["UsePreviousTemplate"] == "true"
    assert "TemplateBody" not in asked
    assert [one["ParameterKey"] for one in asked["Parameters"] if "ParameterValue" in one] == [
        "WorkerImageTag"
    ]
