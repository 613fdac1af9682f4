from __future__ import annotations

from tests.lens import Lens
from tests.required import SCHEDULE


def test_job_runs_as_often_as_required_once_services_are_enabled(base: Lens, live: Lens) -> None:
    for lens, state in ((base, "DISABLED"), (live, "ENABLED")):
        schedule = lens["JobSchedule"]
        assert schedule["ScheduleExpression"] == SCHEDULE
        assert schedule["ScheduleExpressionTimezone"] == "UTC"
        assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
        assert schedule["State"] == state
        assert schedule["GroupName"] == "<ScheduleGroup>"


def test_schedule_starts_one_private_task_that_spot_cannot_take_away(base: Lens) -> None:
    target = base["JobSchedule"]["Target"]
    ecs = target["EcsParameters"]
    assert (target["Arn"], target["RoleArn"]) == ("<Cluster.Arn>", "<ScheduleRole.Arn>")
    assert (ecs["TaskDefinitionArn"], ecs["TaskCount"]) == ("<JobTaskDefinition>", 1)
    assert ecs["CapacityProviderStrategy"] == [{"CapacityProvider": "FARGATE", "Weight": 1}]
    assert set(ecs) == {
        "TaskDefinitionArn",
        "TaskCount",
        "CapacityProviderStrategy",
        "NetworkConfiguration",
        "EnableECSManagedTags",
        "PropagateTags",
    }
    assert set(target) == {"Arn", "RoleArn", "EcsParameters", "RetryPolicy", "DeadLetterConfig"}
    assert set(base["JobSchedule"]) == {
        "Name",
        "GroupName",
        "ScheduleExpression",
        "ScheduleExpressionTimezone",
        "FlexibleTimeWindow",
        "State",
        "Target",
    }
    assert (ecs["PropagateTags"], ecs["EnableECSManagedTags"]) == ("TASK_DEFINITION", True)
    assert ecs["NetworkConfiguration"]["AwsvpcConfiguration"] == {
        "AssignPublicIp": "DISABLED",
        "Subnets": [f"<PrivateSubnet{letter}>" for letter in "ABC"],
        "SecurityGroups": ["<JobSecurityGroup.GroupId>"],
    }


def test_a_run_that_could_not_start_is_tried_again_and_then_kept(base: Lens) -> None:
    target = base["JobSchedule"]["Target"]
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 5}
    assert target["DeadLetterConfig"] == {"Arn": "<MissedRunsQueue.Arn>"}


def test_a_schedule_is_off_until_services_are_enabled_and_loses_nothing(base: Lens, live: Lens) -> None:
    """The job's, and that of every further scheduled job."""
    for name, schedule in live.of("AWS::Scheduler::Schedule").items():
        assert (base[name]["State"], schedule["State"]) == ("DISABLED", "ENABLED"), name
        assert schedule["GroupName"] in {f"<{group}>" for group in live.of("AWS::Scheduler::ScheduleGroup")}
        assert not schedule["ScheduleExpression"].startswith("rate("), "it would fire when it is enabled"
        target = schedule["Target"]
        assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0, name
        queue = target["DeadLetterConfig"]["Arn"].strip("<>").removesuffix(".Arn")
        assert live[queue]["RedriveAllowPolicy"] == {"redrivePermission": "denyAll"}, queue
        configuration = target["EcsParameters"]["NetworkConfiguration"]["AwsvpcConfiguration"]
        assert configuration["AssignPublicIp"] == "DISABLED", name


def test_job_serves_nothing(base: Lens) -> None:
    assert "PortMappings" not in base["JobTaskDefinition"]["ContainerDefinitions"][0]
