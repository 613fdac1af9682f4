"""Load balancer: public entry of the API, with two target groups for blue/green deployments.

ECS rewrites the rule's weights at every deployment. CloudFormation sends the rule again, and so resets
them, only when a property of the rule changes: nothing that varies may stand in it or in the groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from troposphere import Ref, Tags
from troposphere.ec2 import VPC, SecurityGroup, VPCGatewayAttachment
from troposphere.elasticloadbalancingv2 import (
    Action,
    Certificate,
    Condition,
    FixedResponseConfig,
    ForwardConfig,
    Listener,
    ListenerRule,
    ListenerRuleAction,
    LoadBalancer,
    LoadBalancerAttributes,
    Matcher,
    PathPatternConfig,
    RedirectConfig,
    TargetGroup,
    TargetGroupAttribute,
    TargetGroupTuple,
)
from troposphere.wafv2 import WebACLAssociation

from fraud_cfn.config import HEALTH_PATH, PORT, ROUTED_PATHS
from fraud_cfn.platform.intrinsics import because
from fraud_cfn.platform.naming import name
from fraud_cfn.platform.network import Subnets
from fraud_cfn.platform.parameters import (
    ACCESS_LOG_BUCKET,
    ACCESS_LOGS,
    CERTIFICATE_ARN,
    HTTPS,
    WEB_ACL,
    WEB_ACL_ARN,
)

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"


@dataclass(frozen=True)
class Balancing:
    load_balancer: LoadBalancer
    blue: TargetGroup
    green: TargetGroup
    http: Listener
    https: Listener
    rule: ListenerRule
    web_acl: WebACLAssociation


def build(
    vpc: VPC, subnets: Subnets, attachment: VPCGatewayAttachment, security_group: SecurityGroup
) -> Balancing:
    load_balancer = LoadBalancer(
        "LoadBalancer",
        DependsOn=because([attachment], "an internet-facing one is refused before the gateway is attached"),
        Name=name("alb"),
        Scheme="internet-facing",
        Type="application",
        IpAddressType="ipv4",
        Subnets=[Ref(subnet) for subnet in subnets],
        SecurityGroups=[security_group.get_att("GroupId")],
        LoadBalancerAttributes=[
            _attribute("deletion_protection.enabled", "false"),
            _attribute("routing.http.drop_invalid_header_fields.enabled", "true"),
            _attribute("routing.http.desync_mitigation_mode", "defensive"),
            _attribute("access_logs.s3.enabled", ACCESS_LOGS.choose("true", "false")),
            ACCESS_LOGS.choose(_attribute("access_logs.s3.bucket", Ref(ACCESS_LOG_BUCKET))),
            ACCESS_LOGS.choose(_attribute("access_logs.s3.prefix", name("alb"))),
        ],
    )
    blue, green = target_groups(vpc, "", "api")
    not_found = Action(
        Type="fixed-response",
        FixedResponseConfig=FixedResponseConfig(
            StatusCode="404", ContentType="application/json", MessageBody='{"message": "Not found"}'
        ),
    )
    to_https = Action(
        Type="redirect", RedirectConfig=RedirectConfig(Protocol="HTTPS", Port="443", StatusCode="HTTP_301")
    )
    http = Listener(
        "HttpListener",
        LoadBalancerArn=Ref(load_balancer),
        Port=80,
        Protocol="HTTP",
        DefaultActions=because(
            [HTTPS.choose(to_https, not_found)],
            "of all that is not the rule's; with a certificate, of everything",
        ),
    )
    https = Listener(
        "HttpsListener",
        Condition=HTTPS.title,
        LoadBalancerArn=Ref(load_balancer),
        Port=443,
        Protocol="HTTPS",
        SslPolicy=because(
            TLS_POLICY, "TLS 1.3, and 1.2 with forward secrecy only; post-quantum keys are offered"
        ),
        Certificates=[Certificate(CertificateArn=Ref(CERTIFICATE_ARN))],
        DefaultActions=[not_found],
    )
    rule = routing_rule("", 1, ROUTED_PATHS, http, https, blue, green)
    web_acl = WebACLAssociation(
        "WebAclAssociation",
        Condition=WEB_ACL.title,
        ResourceArn=Ref(load_balancer),
        WebACLArn=Ref(WEB_ACL_ARN),
    )
    return Balancing(
        load_balancer=load_balancer,
        blue=blue,
        green=green,
        http=http,
        https=https,
        rule=rule,
        web_acl=web_acl,
    )


def target_groups(vpc: VPC, title: str, service: str) -> tuple[TargetGroup, TargetGroup]:
    """Both colours of a service."""
    return _target_group(vpc, title, service, "Blue"), _target_group(vpc, title, service, "Green")


def routing_rule(
    title: str,
    priority: int,
    paths: Sequence[str],
    http: Listener,
    https: Listener,
    blue: TargetGroup,
    green: TargetGroup,
) -> ListenerRule:
    """Which paths are a service's; of several rules each has a priority of its own."""
    return ListenerRule(
        f"{title}RoutingRule",
        ListenerArn=HTTPS.choose(Ref(https), Ref(http)),
        Priority=priority,
        Conditions=because(
            [Condition(Field="path-pattern", PathPatternConfig=PathPatternConfig(Values=list(paths)))],
            "both in one rule, so that the health check a client sees shifts with the API",
        ),
        Actions=[
            ListenerRuleAction(
                Type="forward",
                ForwardConfig=ForwardConfig(
                    TargetGroups=because(
                        [
                            TargetGroupTuple(TargetGroupArn=Ref(blue), Weight=100),
                            TargetGroupTuple(TargetGroupArn=Ref(green), Weight=0),
                        ],
                        "as created; ECS moves the weights at every deployment of the API",
                    )
                ),
            )
        ],
    )


def _target_group(vpc: VPC, title: str, service: str, colour: str) -> TargetGroup:
    return TargetGroup(
        f"{title}{colour}TargetGroup",
        VpcId=Ref(vpc),
        TargetType=because("ip", "without a name: what is create-only here could not be replaced under it"),
        Protocol="HTTP",
        Port=PORT,
        HealthCheckPath=HEALTH_PATH,
        HealthCheckIntervalSeconds=10,
        HealthCheckTimeoutSeconds=5,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=3,
        Matcher=Matcher(HttpCode="200"),
        TargetGroupAttributes=[
            TargetGroupAttribute(
                Key="deregistration_delay.timeout_seconds",
                Value=because("30", "open requests may end; a task has longer to stop"),
            ),
            TargetGroupAttribute(Key="load_balancing.algorithm.type", Value="least_outstanding_requests"),
        ],
        Tags=Tags(Name=name(f"{service}-{colour.lower()}")),
    )


def _attribute(key: str, value: object) -> LoadBalancerAttributes:
    return LoadBalancerAttributes(Key=key, Value=value)
