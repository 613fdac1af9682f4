"""The traffic guard: a change set must not put traffic back to an idle colour.

ECS rewrites the routing rule's weights at every blue/green deployment. CloudFormation knows only the
template's (blue 100, green 0), and sends those again whenever it touches the rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fraud_cfn.config import REGION
from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.change.changeset import Change, ChangeSet
from fraud_cfn.deploy.errors import RefusedError
from fraud_cfn.deploy.stack import stacks
from fraud_cfn.deploy.stack.stacks import Stack

RULE, BLUE, GREEN, SERVICE = "RoutingRule", "BlueTargetGroup", "GreenTargetGroup", "ApiService"
_PARAMETERS = ("CertificateArn", "ApiDeploymentStrategy")


@dataclass(frozen=True)
class Weights:
    """How the routing rule shares the traffic now, in its own units (0–999)."""

    blue: int
    green: int

    @property
    def as_in_template(self) -> bool:
        return self.blue > 0 and self.green == 0

    def __str__(self) -> str:
        return f"blue {self.blue}, green {self.green}"


def guard(session: Session, stack: Stack, change_set: ChangeSet) -> None:
    """`RefusedError` if the change set touches the routing while live weights differ from the template's.

    Asks AWS only if the change set touches it.
    """
    touched = touches(change_set, stack.parameters, stack.tags)
    if not touched:
        return
    now = live(session, stack)
    if now is None or now.as_in_template:
        return
    suffix = stack.suffix
    raise RefusedError(
        f"the load balancer now serves from green ({now}), and this change set would send traffic to "
        f"idle blue: it changes {', '.join(touched)}",
        f"put blue in front first: aws ecs update-service --region {REGION} --cluster fraud-cluster-{suffix} "
        f"--service fraud-api-{suffix} --force-new-deployment; wait for it "
        f"({stacks.command('status', suffix)}); then run this again",
    )


def touches(change_set: ChangeSet, before: Mapping[str, str], tags: Mapping[str, str]) -> list[str]:
    """What of the change set would have CloudFormation resend the rule or reset the service's routing."""
    found = [name for name in _PARAMETERS if change_set.parameters.get(name, "") != before.get(name, "")]
    found += [change.logical_id for change in change_set.changes if _routes(change)]
    if change_set.tags and change_set.tags != tags:
        found.append("the stack's tags")
    return found


def _routes(change: Change) -> bool:
    if change.action not in ("Modify", "Remove", "Dynamic"):
        return False
    if change.logical_id in (RULE, BLUE, GREEN):
        return True
    routing = ("LoadBalancers", "DeploymentConfiguration.Strategy")
    return change.logical_id == SERVICE and any(
        one.property.startswith(routing) or one.property == "DeploymentConfiguration"
        for one in change.details
    )


def live(session: Session, stack: Stack) -> Weights | None:
    """The weights now; `None` where the stack has no such rule."""
    found = addresses(session, stack)
    return weights(session, found) if found else None


def addresses(session: Session, stack: Stack) -> dict[str, str]:
    """Logical id → ARN of the rule and its two groups; empty where the stack lacks one."""
    found = {
        one.logical_id: one.physical_id
        for one in stacks.resources(session.client("cloudformation"), stack.arn)
        if one.logical_id in (RULE, BLUE, GREEN) and not one.status.startswith("DELETE")
    }
    return found if len(found) == 3 else {}


def weights(session: Session, at: Mapping[str, str]) -> Weights | None:
    """The weights now of the rule at those `addresses`."""
    rules = session.client("elbv2").describe_rules(RuleArns=[at[RULE]])["Rules"]
    shares = {
        group["TargetGroupArn"]: group.get("Weight", 0)
        for rule in rules
        for action in rule["Actions"]
        for group in action.get("ForwardConfig", {}).get("TargetGroups", ())
    }
    return Weights(shares.get(at[BLUE], 0), shares.get(at[GREEN], 0)) if shares else None
