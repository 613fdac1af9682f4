"""The traffic guard: a change set must not put traffic back to an idle colour.

ECS rewrites a routing rule's weights at every blue/green deployment. CloudFormation knows only the
template's (blue 100, green 0), and sends those again whenever it touches the rule. What cannot be judged is
refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fraud_cfn import names
from fraud_cfn.deploy.account import trouble
from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.change.changeset import Change, ChangeSet
from fraud_cfn.deploy.errors import AwsError, RefusedError
from fraud_cfn.deploy.running import balancing, services, workloads
from fraud_cfn.deploy.running.balancing import Weights
from fraud_cfn.deploy.running.workloads import Routing, Workload
from fraud_cfn.deploy.stack import stacks, waiting
from fraud_cfn.deploy.stack.stacks import Stack
from fraud_cfn.deploy.terminal import clock, interrupts, typed
from fraud_cfn.deploy.terminal.console import Console
from fraud_cfn.deploy.terminal.interrupts import Standing

_RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"
_GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
_PARAMETERS = (names.CERTIFICATE_ARN, names.API_DEPLOYMENT_STRATEGY)


@dataclass(frozen=True)
class Hold:
    """A change set that would move a service's traffic."""

    stack: Stack
    workload: Workload
    routing: Routing
    now: Weights
    touched: tuple[str, ...]  # what of the change set would move it

    def refusal(self) -> RefusedError:
        suffix, other = self.stack.suffix, self.routing
        return RefusedError(
            f"{self.workload.name} is served from green ({self.now}), and this change set would send its "
            f"traffic to idle blue ({other.production.logical_id}): it changes {', '.join(self.touched)}",
            f"{typed.again('--blue-first')} puts blue in front first, by a deployment of what runs "
            f"({stacks.command('status', suffix)} shows who is in front)",
        )


def guard(session: Session, stack: Stack, change_set: ChangeSet) -> None:
    """`RefusedError` if the change set touches the routing while live weights differ from the template's."""
    if held := hold(session, stack, change_set):
        raise held.refusal()


def hold(session: Session, stack: Stack, change_set: ChangeSet) -> Hold | None:
    """The first service whose traffic the change set would move. Asks AWS only if it touches any routing;
    `RefusedError` where that cannot be judged."""
    touched = touches(change_set, stack.parameters, stack.tags)
    if not touched:
        return None
    deployed = workloads.read(session, stack)
    routed = [(workload, workload.routing) for workload in deployed.workloads if workload.routing]
    if not routed and deployed.of_type(_RULE) and len(deployed.of_type(_GROUP)) > 1:
        raise RefusedError(
            f"this changes {', '.join(touched)}, and whose traffic that would move cannot be judged: the "
            "deployed template names no service with a ProductionListenerRule",
            "leave that change out, or deploy it in the console after a look at the rule's weights",
        )
    for workload, routing in routed:
        if not workload.service or not workload.service.physical_id:
            continue  # it was never created: there is no traffic
        deployed.must_be_whole([workload])
        now = balancing.weights(session, routing)
        if not balancing.as_in_template(routing, now):
            return Hold(stack, workload, routing, now, tuple(touched))
    return None


def touches(change_set: ChangeSet, before: Mapping[str, str], tags: Mapping[str, str]) -> list[str]:
    """What of the change set would have CloudFormation resend a rule or reset a service's routing."""
    found = [name for name in _PARAMETERS if change_set.parameters.get(name, "") != before.get(name, "")]
    found += [change.logical_id for change in change_set.changes if _routes(change)]
    if change_set.tags and change_set.tags != tags:
        found.append("the stack's tags")
    return found


def _routes(change: Change) -> bool:
    if change.action not in ("Modify", "Remove", "Dynamic"):
        return False
    if change.type in (_RULE, _GROUP):
        return True
    routing = ("LoadBalancers", "DeploymentConfiguration.Strategy")
    return change.type == "AWS::ECS::Service" and (
        change.replaces
        or any(
            detail.property.startswith(routing) or detail.property == "DeploymentConfiguration"
            for detail in change.details
        )
    )


# ── The cure ──────────────────────────────────────────────────────────────────────────────────────


def must_be_curable(session: Session, held: Hold, *, agreed: bool) -> None:
    """`RefusedError` where something serves and nobody agreed (or can be asked) to deploy it anew."""
    if not agreed and not idle(session, held.workload):
        raise held.refusal()


def put_in_front(
    session: Session, name: str, routing: Routing, was: Weights, console: Console, suffix: str
) -> None:
    """The template's colour, of a service that runs nothing."""
    see = f"see it: {stacks.command('status', suffix)}"
    with trouble.asking(f"blue may be in front of {name}, which runs nothing", see):
        balancing.put_in_front(session, routing)
    interrupts.declare(Standing(f"blue is in front of {name}, which runs nothing", see, changed=True))
    console.say(f"Blue is put in front of {name} (was {was}): nothing of it serves now")


def clear(session: Session, held: Hold, console: Console, *, agreed: bool, timeout: float) -> None:
    """Put the template's colour in front: at once where nothing serves, else by a deployment of what runs,
    which must be agreed to (`RefusedError` otherwise)."""
    if idle(session, held.workload):
        put_in_front(session, held.workload.name, held.routing, held.now, console, held.stack.suffix)
        return
    if not agreed:
        console.say(f"\n{held.refusal().message}", "yellow")
        console.confirm(
            "Put blue in front first, by a deployment of what runs now?",
            yes=False,
            otherwise=held.refusal().next_step,
        )
    _redeploy(session, held, console, timeout)


def idle(session: Session, workload: Workload) -> bool:
    """Whether the service has no task and its groups no target: nobody is served."""
    for service in services.look(session, [workload], deployments=False):
        if service.desired or service.running or service.pending:
            return False
    return not any(target.state != "draining" for target in balancing.targets(session, workload))


def _redeploy(session: Session, held: Hold, console: Console, timeout: float) -> None:
    """A forced new deployment of the service, to its end. `AwsError` if it does not put blue in front."""
    workload, suffix = held.workload, held.stack.suffix
    see = stacks.command("status", suffix)
    before = services.newest(session, workload)
    with trouble.asking(f"{workload.name} may be being deployed anew", see, goes_on=True):
        session.client("ecs").update_service(
            cluster=workload.cluster.physical_id, service=workload.service_name, forceNewDeployment=True
        )
    interrupts.declare(Standing(f"{workload.name} is being deployed anew", see, changed=True, goes_on=True))
    console.say(f"Deploying what {workload.name} runs once more, to put blue in front")
    shown = ""

    def ended() -> services.Deployment | None:
        nonlocal shown
        newest = services.newest(session, workload)
        if newest is None or (before and newest.arn == before.arn):
            return None  # ECS has not begun it yet
        state = f"{newest.status} {newest.stage}".rstrip()
        if state != shown:
            shown = state
            console.say(f"  {workload.name} {state}", "cyan")
        return None if newest.going else newest

    done = waiting.until(
        ended,
        console,
        what=workload.name,
        timeout=timeout,
        next_step=see,
        pace=clock.Pace(first=2, most=15),
    )
    now = balancing.weights(session, held.routing)
    interrupts.declare(Standing(f"{workload.name} was deployed anew; traffic is {now}", see, changed=True))
    if done.status != "SUCCESSFUL" or not balancing.as_in_template(held.routing, now):
        raise AwsError(
            f"{workload.name} was deployed anew ({done.status} {done.reason}".rstrip()
            + f"), and traffic is {now}",
            stacks.command("diagnose", suffix),
        )
    console.say(f"  blue is in front ({now})")
