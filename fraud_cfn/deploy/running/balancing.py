"""Who gets a service's traffic: the weights of its rule now, and the health of its targets."""

from __future__ import annotations

from dataclasses import dataclass

from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.errors import RefusedError
from fraud_cfn.deploy.running.workloads import Routing, Workload
from fraud_cfn.deploy.stack.stacks import Resource


@dataclass(frozen=True)
class Weights:
    """How the rule shares the traffic now, in its own units (0–999); blue is the template's first group."""

    blue: int
    green: int

    def __str__(self) -> str:
        return f"blue {self.blue}, green {self.green}"


@dataclass(frozen=True)
class Target:
    """One target of a group; `colour` is empty where the service has one group only."""

    colour: str
    group: str  # logical id
    address: str
    state: str
    reason: str


def weights(session: Session, routing: Routing) -> Weights:
    """The weights now. `RefusedError` where the rule is not one that shares between the two groups."""
    at = routing.rule.physical_id
    rules = session.client("elbv2").describe_rules(RuleArns=[at])["Rules"] if at else []
    shares = {
        group.get("TargetGroupArn", ""): group.get("Weight", 0)
        for rule in rules
        for action in rule.get("Actions", ())
        for group in action.get("ForwardConfig", {}).get("TargetGroups", ())
    }
    blue, green = routing.production.physical_id, routing.alternate.physical_id
    if not shares or not set(shares) <= {blue, green}:
        raise RefusedError(
            f"who gets the traffic cannot be judged: {routing.rule.logical_id} does not share it between "
            f"{routing.production.logical_id} and {routing.alternate.logical_id}",
            "look at the load balancer's rule in the console: somebody changed it by hand",
        )
    return Weights(shares.get(blue, 0), shares.get(green, 0))


def front(routing: Routing, now: Weights) -> tuple[Resource, ...]:
    """The groups that get traffic with these weights."""
    shares = ((routing.production, now.blue), (routing.alternate, now.green))
    return tuple(group for group, weight in shares if weight)


def as_in_template(routing: Routing, now: Weights) -> bool:
    """Whether sending the template's weights again would move no traffic."""
    first, second = routing.weights
    return (now.blue > 0, now.green > 0) == (first > 0, second > 0)


def put_in_front(session: Session, routing: Routing) -> None:
    """Give the rule the template's weights. Only where nothing serves: it moves all traffic at once."""
    groups = zip((routing.production, routing.alternate), routing.weights, strict=True)
    session.client("elbv2").modify_rule(
        RuleArn=routing.rule.physical_id,
        Actions=[
            {
                "Type": "forward",
                "ForwardConfig": {
                    "TargetGroups": [
                        {"TargetGroupArn": group.physical_id, "Weight": weight} for group, weight in groups
                    ]
                },
            }
        ],
    )


def targets(session: Session, workload: Workload) -> list[Target]:
    """Every target of its groups."""
    found: list[Target] = []
    for group in workload.target_groups:
        if not group.physical_id:
            continue
        answer = session.client("elbv2").describe_target_health(TargetGroupArn=group.physical_id)
        for described in answer["TargetHealthDescriptions"]:
            health = described.get("TargetHealth", {})
            why = health.get("Description") or health.get("Reason", "")
            address = described.get("Target", {"Id": ""})["Id"]
            colour = colour_of(workload, group)
            found.append(Target(colour, group.logical_id, address, health.get("State", "unknown"), why))
    return found


def colour_of(workload: Workload, group: Resource) -> str:
    """blue, green, or empty."""
    routing = workload.routing
    if routing is None:
        return ""
    return "blue" if group == routing.production else "green" if group == routing.alternate else ""
