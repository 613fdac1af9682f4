from __future__ import annotations

import json

import pytest

from tests.lens import Lens

CERTIFICATE = "arn:aws:acm:eu-central-1:111122223333:certificate/1a"


@pytest.fixture(name="tls")
def with_certificate(live: Lens) -> Lens:
    return live.under(CertificateArn=CERTIFICATE)


def attributes(lens: Lens) -> dict[str, str]:
    return {a["Key"]: a["Value"] for a in lens["LoadBalancer"]["LoadBalancerAttributes"]}


def test_load_balancer_is_public_over_three_zones_and_strict_about_headers(base: Lens) -> None:
    balancer = base["LoadBalancer"]
    assert balancer["Scheme"] == "internet-facing"
    assert balancer["Subnets"] == [f"<PublicSubnet{letter}>" for letter in "ABC"]
    assert balancer["SecurityGroups"] == ["<LoadBalancerSecurityGroup.GroupId>"]
    assert attributes(base) == {
        "deletion_protection.enabled": "false",
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "routing.http.desync_mitigation_mode": "defensive",
        "access_logs.s3.enabled": "false",
    }


def test_access_logs_go_to_an_existing_bucket_when_it_is_given(base: Lens) -> None:
    logged = attributes(base.under(AccessLogBucket="company-logs"))
    assert logged["access_logs.s3.enabled"] == "true"
    assert logged["access_logs.s3.bucket"] == "company-logs"
    assert logged["access_logs.s3.prefix"] == "fraud-alb-dev"


def test_rule_routes_the_api_and_its_health_together_blue_in_front(base: Lens) -> None:
    (rule,) = base.of("AWS::ElasticLoadBalancingV2::ListenerRule").values()
    (condition,) = rule["Conditions"]
    assert (condition["Field"], condition["PathPatternConfig"]["Values"]) == (
        "path-pattern",
        ["/api/*", "/health"],
    )
    (action,) = rule["Actions"]
    assert action["ForwardConfig"]["TargetGroups"] == [
        {"TargetGroupArn": "<BlueTargetGroup>", "Weight": 100},
        {"TargetGroupArn": "<GreenTargetGroup>", "Weight": 0},
    ]


def test_anything_else_is_not_found(base: Lens, tls: Lens) -> None:
    for lens, listener in ((base, "HttpListener"), (tls, "HttpsListener")):
        (action,) = lens[listener]["DefaultActions"]
        assert action["Type"] == "fixed-response"
        answer = action["FixedResponseConfig"]
        assert (answer["StatusCode"], answer["ContentType"]) == ("404", "application/json")
        assert json.loads(answer["MessageBody"]) == {"message": "Not found"}


def test_without_a_certificate_http_carries_the_rule(base: Lens) -> None:
    (listener,) = base.of("AWS::ElasticLoadBalancingV2::Listener").values()
    assert (listener["Port"], listener["Protocol"]) == (80, "HTTP")
    assert base["RoutingRule"]["ListenerArn"] == "<HttpListener>"


def test_with_a_certificate_https_carries_the_rule_and_http_redirects(tls: Lens) -> None:
    https = tls["HttpsListener"]
    assert (https["Port"], https["Protocol"]) == (443, "HTTPS")
    assert https["Certificates"] == [{"CertificateArn": CERTIFICATE}]
    assert https["SslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2-")
    assert tls["RoutingRule"]["ListenerArn"] == "<HttpsListener>"
    (action,) = tls["HttpListener"]["DefaultActions"]
    assert action["RedirectConfig"] == {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}


@pytest.mark.parametrize("colour", ["Blue", "Green"])
def test_target_groups_check_health_often_and_may_be_replaced(base: Lens, colour: str) -> None:
    group = base[f"{colour}TargetGroup"]
    assert (group["TargetType"], group["Port"], group["Protocol"]) == ("ip", 8080, "HTTP")
    assert (group["HealthCheckPath"], group["HealthCheckIntervalSeconds"]) == ("/health", 10)
    assert (group["HealthyThresholdCount"], group["UnhealthyThresholdCount"]) == (2, 3)
    assert group["HealthCheckTimeoutSeconds"] < group["HealthCheckIntervalSeconds"] / 1.9
    assert group["Matcher"] == {"HttpCode": "200"}
    assert {a["Key"]: a["Value"] for a in group["TargetGroupAttributes"]} == {
        "deregistration_delay.timeout_seconds": "30",
        "load_balancing.algorithm.type": "least_outstanding_requests",
    }
    assert "Name" not in group, "a named one cannot be replaced"
    assert group["Tags"] == [{"Key": "Name", "Value": f"fraud-api-{colour.lower()}-dev"}]
