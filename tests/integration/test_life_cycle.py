"""From nothing to live, released, on TLS and gone; each test has environments of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fraud_cfn import local
from fraud_cfn.config import REGION
from fraud_cfn.platform.services import api, worker
from tests.integration.deployer import Deployer
from tests.integration.leftovers import existing
from tests.integration.platform import Platform


@pytest.fixture
def certificate(deployer: Deployer) -> str:
    return deployer.endpoint.client("acm").request_certificate(DomainName="api.example")["CertificateArn"]


def counts(platform: Platform) -> dict[str, int]:
    """Of the two services that these tests know."""
    return {workload: platform.services[workload]["desiredCount"] for workload in ("api", "worker")}


def running(platform: Platform) -> dict[str, str]:
    """Workload → task definition."""
    return {workload: service["taskDefinition"] for workload, service in platform.services.items()}


def test_going_live_starts_the_least_tasks_and_the_schedule(deployer: Deployer) -> None:
    assert deployer.create("goes-live") == "CREATE_COMPLETE"
    before = deployer.platform("goes-live")
    assert counts(before) == {"api": 0, "worker": 0}
    assert deployer.update("goes-live", ServicesEnabled="true") == "UPDATE_COMPLETE"
    after = deployer.platform("goes-live")
    assert counts(after) == {"api": api.SPEC.least, "worker": worker.SPEC.least}
    assert after.services["api"]["runningCount"] == api.SPEC.least
    assert running(after) == running(before)


def test_a_release_runs_the_new_image_and_keeps_what_scaling_chose(deployer: Deployer) -> None:
    deployer.create("releases", ServicesEnabled="true")
    before = deployer.platform("releases")
    ecs = deployer.endpoint.client("ecs")
    ecs.update_service(cluster=before.name("cluster"), service=before.name("api"), desiredCount=4)
    weights, revisions = before.weights(), running(before)

    assert deployer.update("releases", ApiImageTag="v1.1") == "UPDATE_COMPLETE"

    after = deployer.platform("releases")
    assert counts(after) == {"api": 4, "worker": worker.SPEC.least}
    assert after.task_definitions["api"]["containerDefinitions"][0]["image"].endswith(":v1.1")
    assert running(after)["api"] != revisions["api"]
    assert running(after)["worker"] == revisions["worker"]
    assert after.weights() == {group: 100 - weight for group, weight in weights.items()}


def test_a_first_image_that_does_not_start_is_rolled_back_to_no_task(deployer: Deployer) -> None:
    deployer.create("stillborn", ApiImageTag="broken")
    assert deployer.update("stillborn", ServicesEnabled="starting") == "UPDATE_ROLLBACK_COMPLETE"
    ((failed, reason), *_) = deployer.failures("stillborn")
    assert (failed, "Circuit Breaker was triggered" in reason) == ("ApiService", True)
    assert counts(deployer.platform("stillborn")) == {"api": 0, "worker": 0}


@pytest.mark.parametrize("strategy", ["BLUE_GREEN", "CANARY", "LINEAR"])
def test_going_live_is_a_deployment_that_moves_the_traffic_and_the_next_update_is_none(
    deployer: Deployer, strategy: str
) -> None:
    suffix = f"by-{strategy[:3].lower()}"
    deployer.create(suffix, ApiDeploymentStrategy=strategy)
    created = deployer.platform(suffix).weights()
    assert deployer.update(suffix, ServicesEnabled="starting") == "UPDATE_COMPLETE"
    started = deployer.platform(suffix)
    assert counts(started) == {"api": api.SPEC.least, "worker": worker.SPEC.least}
    assert started.weights() == {group: 100 - weight for group, weight in created.items()}
    assert deployer.update(suffix, ServicesEnabled="true") == "UPDATE_COMPLETE"
    assert deployer.platform(suffix).weights() == started.weights()


def test_everything_that_can_be_brought_is_brought_at_once(deployer: Deployer, certificate: str) -> None:
    """A key, a web ACL, a bucket for access logs, a boundary, a version of the password, alarms, TLS."""
    account = f"{REGION}:{local.ACCOUNT}"
    secret = deployer.endpoint.client("secretsmanager")
    chosen = {
        "DataKmsKeyArn": f"arn:aws:kms:{account}:key/0b1c2d3e-1111-2222-3333-444455556666",
        "WebAclArn": f"arn:aws:wafv2:{account}:regional/webacl/company/0b1c2d3e",
        "AccessLogBucket": "company-logs",
        "PermissionsBoundaryArn": f"arn:aws:iam::{local.ACCOUNT}:policy/boundary",
        "EnableDeploymentAlarms": "true",
        "CertificateArn": certificate,
    }
    assert deployer.create("brought", **chosen) == "CREATE_COMPLETE", deployer.failures("brought")
    rotated = secret.put_secret_value(
        SecretId="fraud-database-brought",
        SecretString='{"username": "fraud_admin", "password": "rotated-locally"}',
    )["VersionId"]
    changed = deployer.update("brought", ServicesEnabled="true", DatabaseCredentialsVersion=rotated)
    assert changed == "UPDATE_COMPLETE", deployer.failures("brought")
    assert deployer.platform("brought").services["api"]["runningCount"] == api.SPEC.least
    assert deployer.delete("brought") == "DELETE_COMPLETE"


def test_tls_moves_the_rule_to_443_and_redirects_80(deployer: Deployer, certificate: str) -> None:
    deployer.create("tls")
    assert deployer.update("tls", CertificateArn=certificate) == "UPDATE_COMPLETE"
    platform = deployer.platform("tls")
    arn = platform.ids["LoadBalancer"]
    elbv2 = platform.client("elbv2")
    listeners = {one["Port"]: one for one in elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"]}
    assert listeners[443]["Certificates"] == [{"CertificateArn": certificate}]
    assert listeners[443]["SslPolicy"].startswith("ELBSecurityPolicy-TLS13")
    assert listeners[80]["DefaultActions"][0]["Type"] == "redirect"
    rules = elbv2.describe_rules(ListenerArn=listeners[443]["ListenerArn"])["Rules"]
    assert platform.ids["RoutingRule"] in [rule["RuleArn"] for rule in rules]
    plain = elbv2.describe_rules(ListenerArn=listeners[80]["ListenerArn"])["Rules"]
    assert [rule["IsDefault"] for rule in plain] == [True]
    assert "LoadBalancerUrl" not in platform.outputs


VARIANTS = {
    "alarms": {"EnableDeploymentAlarms": "true"},
    "rolling": {"ApiDeploymentStrategy": "ROLLING"},
    "arm-noreader": {"CpuArchitecture": "ARM64", "DatabaseReader": "false"},
    "boundary": {"PermissionsBoundaryArn": "arn:aws:iam::aws:policy/PowerUserAccess"},
    "key-pause": {
        "SecretsKmsKeyArns": "arn:aws:kms:eu-central-1:111122223333:key/1234",
        "DatabaseMinCapacity": "0",
    },
}


@pytest.mark.parametrize("suffix", VARIANTS)
def test_every_choice_deploys_and_can_be_taken_back(deployer: Deployer, suffix: str) -> None:
    status = deployer.create(suffix, ServicesEnabled="true", **VARIANTS[suffix])
    assert status == "CREATE_COMPLETE", deployer.failures(suffix)
    template = deployer.endpoint.client("cloudformation").get_template_summary(
        TemplateURL=deployer.template_url
    )
    defaults = {p["ParameterKey"]: p.get("DefaultValue", "") for p in template["Parameters"]}
    back = {name: defaults[name] for name in VARIANTS[suffix]}
    assert deployer.update(suffix, **back) == "UPDATE_COMPLETE", deployer.failures(suffix)
    assert deployer.delete(suffix) == "DELETE_COMPLETE", deployer.failures(suffix)


# ── Failures ──


def test_a_creation_that_fails_halfway_rolls_back_and_leaves_nothing(deployer: Deployer) -> None:
    deployer.endpoint.fail("TapStackhalfway", "WorkerQueueScaling", "Metric math is broken today")
    assert deployer.create("halfway") == "ROLLBACK_COMPLETE"
    assert deployer.failures("halfway") == [("WorkerQueueScaling", "Metric math is broken today")]
    made = {event.get("PhysicalResourceId") for event in deployer.events("halfway")}
    assert existing(deployer.platform("halfway")) & made == set()


def test_an_update_that_fails_halfway_leaves_the_previous_version_running(deployer: Deployer) -> None:
    deployer.create("back", ServicesEnabled="true")
    before = deployer.platform("back")
    parameters, ids, revisions, weights = before.parameters, before.ids, running(before), before.weights()
    deployer.endpoint.fail("TapStackback", "ApiService", "Circuit breaker was triggered")
    status = deployer.update("back", ApiImageTag="v2", EnableDeploymentAlarms="true", DatabaseReader="false")
    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert deployer.failures("back") == [("ApiService", "Circuit breaker was triggered")]
    after = deployer.platform("back")
    assert after.parameters == parameters
    assert after.ids == ids
    assert running(after) == revisions
    assert after.weights() == weights


# ── The end ──


def test_destruction_leaves_nothing(deployer: Deployer) -> None:
    deployer.create("ends", ServicesEnabled="true", EnableDeploymentAlarms="true")
    deployer.update("ends", ApiImageTag="v1.1")
    platform = deployer.platform("ends")
    made = set(platform.ids.values())
    assert deployer.delete("ends") == "DELETE_COMPLETE"
    assert existing(platform) & made == set()


def test_a_bucket_that_is_not_empty_stops_the_deletion(deployer: Deployer) -> None:
    deployer.create("filled")
    s3, bucket = deployer.endpoint.client("s3"), deployer.platform("filled").outputs["DataBucketName"]
    version = s3.put_object(Bucket=bucket, Key="kept", Body=b"data")["VersionId"]
    assert deployer.delete("filled") == "DELETE_FAILED"
    assert [failed for failed, _ in deployer.failures("filled")] == ["DataBucket", "TapStackfilled"]
    s3.delete_object(Bucket=bucket, Key="kept", VersionId=version)
    assert deployer.delete("filled") == "DELETE_COMPLETE"


@pytest.fixture
def neighbours(deployer: Deployer) -> Iterator[tuple[str, str]]:
    """Two environments of which one's suffix ends in the other's."""
    pair = ("dev2", "pr-dev2")
    for suffix in pair:
        assert deployer.create(suffix) == "CREATE_COMPLETE"
    yield pair
    deployer.delete(pair[1])


def test_destroying_one_environment_leaves_its_neighbour_whole(
    deployer: Deployer, neighbours: tuple[str, str]
) -> None:
    gone, stays = (deployer.platform(suffix) for suffix in neighbours)
    its, others = set(gone.ids.values()), set(stays.ids.values())
    before = existing(stays)
    assert before & its

    assert deployer.delete(gone.suffix) == "DELETE_COMPLETE"

    after = existing(stays)
    assert after & its == set()
    assert after & others == before & others
