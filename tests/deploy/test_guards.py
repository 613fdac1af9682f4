"""What is never done unasked: destroying data, and turning traffic to an idle colour."""

from __future__ import annotations

import pytest

from tests.deploy.conftest import Teller, Transcript
from tests.deploy.fake_aws import Aws, change, detail
from tests.deploy.fake_running import Running
from tests.deploy.test_destroy import gone
from tests.deploy.test_status_table import SERVICE, UPDATED

NAME = detail("DatabaseName", "fraud", "app", "Always")
REPLACED = change(
    "Modify", "Database", "AWS::RDS::DBCluster", NAME, Replacement="True", PolicyAction="ReplaceAndDelete"
)
DELETED = change("Remove", "OldQueue", "AWS::SQS::Queue", PolicyAction="Delete")


@pytest.fixture(autouse=True)
def _updating(deployed: Aws) -> None:
    deployed.changes = [REPLACED, DELETED, SERVICE]
    deployed.scripts = {"ExecuteChangeSet": UPDATED}


def test_yes_never_covers_losing_data(aws: Aws, tell: Teller, transcript: Transcript) -> None:
    told = tell("deploy dev --yes")
    assert told.code == 7
    transcript.check(told, "deploy dev --yes")
    assert "ExecuteChangeSet" not in aws.calls
    assert not aws.change_sets


def test_one_permission_does_not_cover_the_other(tell: Teller) -> None:
    told = tell("deploy dev --yes --allow-replace Database")
    assert told.code == 7
    again = "make deploy ENV=dev ARGS='--yes --allow-replace Database --template"
    assert f"next:  if that is meant: {again}" in told.text
    assert " --allow-delete OldQueue'\n" in told.text
    told = tell("deploy dev --yes --allow-replace OldQueue --allow-delete Database")
    assert "--allow-replace Database --allow-delete OldQueue" in told.text


def test_what_is_allowed_by_name_is_done(tell: Teller) -> None:
    told = tell("deploy dev --yes --allow-replace Database --allow-delete OldQueue")
    assert told.code == 0
    assert "± REPLACE  Database" in told.text
    assert "DATA LOSS" in told.text


def test_a_replacement_that_is_only_possible_needs_permission_too(aws: Aws, tell: Teller) -> None:
    aws.changes = [change("Modify", "Database", "AWS::RDS::DBCluster", Replacement="Conditional")]
    told = tell("deploy dev --yes")
    assert told.code == 7
    assert "Database may be replaced and lose the database" in told.text


def test_a_queue_that_stays_in_the_account_is_not_lost(aws: Aws, tell: Teller) -> None:
    aws.changes = [change("Remove", "OldQueue", "AWS::SQS::Queue", PolicyAction="Retain")]
    told = tell("deploy dev --yes")
    assert told.code == 0
    assert "stays in the account" in told.text


def test_an_aurora_instance_holds_no_data_of_its_own(aws: Aws, tell: Teller) -> None:
    aws.answers["DescribeDBInstances"] = gone("DBInstanceNotFound")
    aws.changes = [change("Modify", "DatabaseWriter", "AWS::RDS::DBInstance", Replacement="True")]
    assert tell("deploy dev --yes").code == 0
    aws.changes = [change("Modify", "Unknown", "AWS::RDS::DBInstance", Replacement="True")]
    assert tell("deploy dev --yes").code == 7


def test_a_plan_tells_what_deploy_would_refuse(tell: Teller) -> None:
    told = tell("plan dev")
    assert told.code == 0
    assert "Refused: Database would be replaced and lose the database; OldQueue would be deleted" in told.text
    assert "Refused" not in tell("plan dev --allow-replace Database --allow-delete OldQueue").text


# ── Traffic ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def on_green(aws: Aws) -> Aws:
    Running(aws).install().health = {"GreenArn": ["healthy"]}
    aws.weights = (0, 100)
    aws.changes = [SERVICE]
    return aws


def test_traffic_is_not_turned_to_the_idle_colour(
    on_green: Aws, tell: Teller, transcript: Transcript
) -> None:
    rule = "AWS::ElasticLoadBalancingV2::ListenerRule"
    on_green.changes = [change("Modify", "RoutingRule", rule, Replacement="False")]
    line = "deploy dev --yes"
    told = tell(line)
    assert told.code == 7
    transcript.check(told, line)
    assert "ExecuteChangeSet" not in on_green.calls


@pytest.mark.parametrize(
    "touching",
    [
        change("Modify", "RoutingRule", "AWS::ElasticLoadBalancingV2::ListenerRule", Replacement="False"),
        change("Modify", "GreenTargetGroup", "AWS::ElasticLoadBalancingV2::TargetGroup", Replacement="False"),
        change("Modify", "ApiService", "AWS::ECS::Service", detail("LoadBalancers"), Replacement="False"),
        change(
            "Modify",
            "ApiService",
            "AWS::ECS::Service",
            detail("DeploymentConfiguration/Strategy", "BLUE_GREEN", "ROLLING"),
            Replacement="False",
        ),
    ],
)
def test_whatever_touches_the_routing_is_guarded(on_green: Aws, tell: Teller, touching: dict) -> None:
    on_green.changes = [touching]
    assert tell("deploy dev --yes").code == 7
    on_green.weights = (100, 0)
    assert tell("deploy dev --yes").code == 0


def test_tags_on_the_stack_are_guarded(on_green: Aws, tell: Teller) -> None:
    told = tell("deploy dev --yes --tag team=fraud")
    assert told.code == 7
    assert "it changes the stack's tags" in told.text
    on_green.tags = {"team": "fraud"}
    assert tell("deploy dev --yes --tag team=fraud").code == 0


def test_other_changes_pass_without_a_look_at_the_load_balancer(on_green: Aws, tell: Teller) -> None:
    assert tell("deploy dev --yes --param ApiImageTag=v2").code == 0
    assert "DescribeRules" not in on_green.calls


@pytest.mark.parametrize(
    ("kind", "name", "before", "after", "goes"),
    [
        ("AWS::Logs::LogGroup", "RetentionInDays", "365", "30", True),
        ("AWS::Logs::LogGroup", "RetentionInDays", "30", "365", False),
        ("AWS::RDS::DBCluster", "BackupRetentionPeriod", "14", "7", True),
        ("AWS::SQS::Queue", "MessageRetentionPeriod", "1209600", "60", True),
        ("AWS::S3::Bucket", "LifecycleConfiguration/Rules/0/ExpirationInDays", "90", "1", True),
        ("AWS::ECR::Repository", "LifecyclePolicy", "", "", True),
        ("AWS::ECS::Service", "DesiredCount", "3", "2", False),
    ],
)
def test_what_goes_by_its_age_is_told_though_nothing_is_replaced(
    aws: Aws, tell: Teller, kind: str, name: str, before: str, after: str, *, goes: bool
) -> None:
    aws.changes = [change("Modify", "Kept", kind, detail(name, before, after), Replacement="False")]
    told = tell("plan dev")
    assert (told.code, "keeps no longer are deleted for good" in told.text) == (0, goes)
