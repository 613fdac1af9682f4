from __future__ import annotations

from fraud_cfn.platform.services.job import AT_HOURS
from tests.integration.platform import Platform


def test_the_schedule_is_enabled_with_the_services(platform: Platform) -> None:
    schedule = described(platform)
    assert schedule["State"] == ("ENABLED" if platform.is_live else "DISABLED")
    assert schedule["ScheduleExpression"] == AT_HOURS
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}


def test_the_schedule_runs_the_current_job_on_the_cluster(platform: Platform) -> None:
    target = described(platform)["Target"]
    parameters = target["EcsParameters"]
    assert target["Arn"] == platform.cluster_arn
    assert parameters["TaskDefinitionArn"] == platform.outputs["JobTaskDefinitionArn"]
    network = parameters["NetworkConfiguration"]["awsvpcConfiguration"]
    assert set(network["Subnets"]) == set(platform.outputs["JobSubnetIds"].split(","))
    assert network["SecurityGroups"] == [platform.outputs["JobSecurityGroupId"]]
    (provider,) = parameters["CapacityProviderStrategy"]
    assert provider["capacityProvider"] == "FARGATE"


def test_a_run_that_cannot_start_is_kept(platform: Platform) -> None:
    target = described(platform)["Target"]
    assert target["DeadLetterConfig"]["Arn"] == platform.queue("missed-runs")["QueueArn"]
    assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0


def test_the_schedule_has_a_role_that_only_its_group_may_assume(platform: Platform) -> None:
    role = platform.roles["job-schedule"]
    assert described(platform)["Target"]["RoleArn"] == role["Arn"]
    group = platform.client("scheduler").get_schedule_group(Name=platform.name("schedules"))
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"]["ArnEquals"]["aws:SourceArn"] == group["Arn"]


def described(platform: Platform) -> dict:
    return platform.client("scheduler").get_schedule(
        GroupName=platform.outputs["ScheduleGroupName"], Name=platform.outputs["ScheduleName"]
    )
