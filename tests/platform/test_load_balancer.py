"""The load balancer, property by property: one more is as wrong as one less."""

from __future__ import annotations

import json
import re

import pytest

from fraud_cfn.config import ROOT
from tests.lens import BALANCED, FURTHER_IDS, Lens, kebab

CERTIFICATE = "arn:aws:acm:eu-central-1:111122223333:certificate/1a"
WEB_ACL = "arn:aws:wafv2:eu-central-1:111122223333:regional/webacl/company/0b1c2d3e"
RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"
NOT_FOUND = {
    "Type": "fixed-response",
    "FixedResponseConfig": {
        "StatusCode": "404",
        "ContentType": "application/json",
        "MessageBody": '{"message": "Not found"}',
    },
}
STRICT = {
    "deletion_protection.enabled": "false",
    "routing.http.drop_invalid_header_fields.enabled": "true",
    "routing.http.desync_mitigation_mode": "defensive",
}


@pytest.fixture(name="tls")
def with_certificate(live: Lens) -> Lens:
    return live.under(CertificateArn=CERTIFICATE)


def attributes(lens: Lens) -> dict[str, str]:
    return {a["Key"]: a["Value"] for a in lens["LoadBalancer"]["LoadBalancerAttributes"]}


def test_load_balancer_is_public_over_three_zones_and_strict_about_headers(base: Lens) -> None:
    balancer = {name: v for name, v in base["LoadBalancer"].items() if name != "LoadBalancerAttributes"}
    assert balancer == {
        "Name": "fraud-alb-dev",
        "Scheme": "internet-facing",
        "Type": "application",
        "IpAddressType": "ipv4",
        "Subnets": [f"<PublicSubnet{letter}>" for letter in "ABC"],
        "SecurityGroups": ["<LoadBalancerSecurityGroup.GroupId>"],
    }
    assert attributes(base) == STRICT | {"access_logs.s3.enabled": "false"}


def test_access_logs_go_to_an_existing_bucket_when_it_is_given(base: Lens) -> None:
    assert attributes(base.under(AccessLogBucket="company-logs")) == STRICT | {
        "access_logs.s3.enabled": "true",
        "access_logs.s3.bucket": "company-logs",
        "access_logs.s3.prefix": "fraud-alb-dev",
    }


def test_the_page_on_access_logs_lets_them_be_written_where_the_load_balancer_writes(base: Lens) -> None:
    page = (ROOT / "docs/access-logs.md").read_text("utf-8")
    (policy,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    (statement,) = json.loads(policy)["Statement"]
    prefix = attributes(base.under(AccessLogBucket="BUCKET"))["access_logs.s3.prefix"]
    assert statement["Resource"] == f"arn:aws:s3:::BUCKET/{prefix}/AWSLogs/111122223333/*"


def test_a_web_acl_filters_the_load_balancer_when_it_is_given(base: Lens) -> None:
    assert base.of("AWS::WAFv2::WebACLAssociation") == {}
    assert base.under(WebAclArn=WEB_ACL).of("AWS::WAFv2::WebACLAssociation") == {
        "WebAclAssociation": {"ResourceArn": "<LoadBalancer>", "WebACLArn": WEB_ACL}
    }


@pytest.mark.parametrize(("certificate", "listener"), [("", "HttpListener"), (CERTIFICATE, "HttpsListener")])
def test_rule_routes_the_api_and_its_health_together_blue_in_front(
    base: Lens, certificate: str, listener: str
) -> None:
    rules = base.under(CertificateArn=certificate).of(RULE)
    assert {key: rule for key, rule in rules.items() if key not in FURTHER_IDS} == {
        "RoutingRule": {
            "ListenerArn": f"<{listener}>",
            "Priority": 1,
            "Conditions": [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/*", "/health"]}}],
            "Actions": [
                {
                    "Type": "forward",
                    "ForwardConfig": {
                        "TargetGroups": [
                            {"TargetGroupArn": "<BlueTargetGroup>", "Weight": 100},
                            {"TargetGroupArn": "<GreenTargetGroup>", "Weight": 0},
                        ]
                    },
                }
            ],
        }
    }


def test_a_rule_routes_paths_of_its_own_to_both_colours_of_one_service(base: Lens) -> None:
    rules = base.of(RULE).values()
    priorities = [rule["Priority"] for rule in rules]
    paths = [path for rule in rules for path in rule["Conditions"][0]["PathPatternConfig"]["Values"]]
    assert len(set(priorities)) == len(priorities) == len(BALANCED)
    assert len(set(paths)) == len(paths)
    for service in BALANCED:
        (balanced,) = base[f"{service}Service"]["LoadBalancers"]
        advanced = balanced["AdvancedConfiguration"]
        rule = base[advanced["ProductionListenerRule"].strip("<>")]
        groups = rule["Actions"][0]["ForwardConfig"]["TargetGroups"]
        colours = (balanced["TargetGroupArn"], advanced["AlternateTargetGroupArn"])
        assert tuple(group["TargetGroupArn"] for group in groups) == colours
        assert advanced["RoleArn"] == f"<{service}DeploymentRole.Arn>"


def test_without_a_certificate_http_carries_the_rule_and_anything_else_is_not_found(base: Lens) -> None:
    assert base.of("AWS::ElasticLoadBalancingV2::Listener") == {
        "HttpListener": {
            "LoadBalancerArn": "<LoadBalancer>",
            "Port": 80,
            "Protocol": "HTTP",
            "DefaultActions": [NOT_FOUND],
        }
    }


def test_with_a_certificate_https_carries_the_rule_and_http_redirects(tls: Lens) -> None:
    redirect = {
        "Type": "redirect",
        "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"},
    }
    assert tls.of("AWS::ElasticLoadBalancingV2::Listener") == {
        "HttpListener": {
            "LoadBalancerArn": "<LoadBalancer>",
            "Port": 80,
            "Protocol": "HTTP",
            "DefaultActions": [redirect],
        },
        "HttpsListener": {
            "LoadBalancerArn": "<LoadBalancer>",
            "Port": 443,
            "Protocol": "HTTPS",
            "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
            "Certificates": [{"CertificateArn": CERTIFICATE}],
            "DefaultActions": [NOT_FOUND],
        },
    }


@pytest.mark.parametrize("colour", ["Blue", "Green"])
@pytest.mark.parametrize("service", BALANCED)
def test_target_groups_check_health_often_and_may_be_replaced(base: Lens, service: str, colour: str) -> None:
    """Without a name: what is create-only could not be replaced under it."""
    title = "" if service == "Api" else service
    assert base[f"{title}{colour}TargetGroup"] == {
        "VpcId": "<Vpc>",
        "TargetType": "ip",
        "Protocol": "HTTP",
        "Port": 8080,
        "HealthCheckPath": "/health",
        "HealthCheckIntervalSeconds": 10,
        "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 2,
        "UnhealthyThresholdCount": 3,
        "Matcher": {"HttpCode": "200"},
        "TargetGroupAttributes": [
            {"Key": "deregistration_delay.timeout_seconds", "Value": "30"},
            {"Key": "load_balancing.algorithm.type", "Value": "least_outstanding_requests"},
        ],
        "Tags": [{"Key": "Name", "Value": f"fraud-{kebab(service)}-{colour.lower()}-dev"}],
    }
