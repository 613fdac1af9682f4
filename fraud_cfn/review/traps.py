"""Updates that fail for what stands around a resource, and what refers to what is removed."""

from __future__ import annotations

from fraud_cfn.review import facts, outputs
from fraud_cfn.review.judge import Judgement
from fraud_cfn.review.mentions import depends_on, mentioned
from fraud_cfn.review.resolve import Reference, Side, Value, World, references, written


def target_groups_that_stay(judgement: Judgement, logical_id: str) -> list[str]:
    """A target group serves one load balancer: the new one cannot have it while the old one has."""
    before = judgement.pair.before
    behind = {logical_id}
    groups: set[str] = set()
    kinds = ("AWS::ElasticLoadBalancingV2::Listener", "AWS::ElasticLoadBalancingV2::ListenerRule")
    for kind in kinds:
        for name in judgement.pair.logical_ids:
            if before.template.type_of(name) != kind:
                continue
            used = {ref.name for view in judgement.views[name] for ref in references(view.before)}
            if used & behind:
                behind.add(name)
                groups |= {
                    group
                    for group in used
                    if before.template.type_of(group) == "AWS::ElasticLoadBalancingV2::TargetGroup"
                }
    staying = sorted(
        group
        for group in groups
        if judgement.pair.after.template.type_of(group) and judgement.replacement(group) != "yes"
    )
    if not staying:
        return []
    return [f"its target groups stay ({', '.join(staying)}): each serves one load balancer only"]


def subnets_of_another_vpc(judgement: Judgement, logical_id: str) -> list[str]:
    """A subnet group is kept in its VPC by what stands in it."""
    name = facts.SUBNET_GROUPS[judgement.pair.type_of(logical_id)]
    for view in judgement.views[logical_id]:
        if view.before is None or view.after is None:
            continue
        old = _vpcs(judgement.pair.before, view.before.get(name), view.world)
        new = _vpcs(judgement.pair.after, view.after.get(name), view.world)
        moved = {
            vpc
            for vpc in new
            if isinstance(vpc, Reference)
            and vpc.name in judgement.views
            and judgement.replacement(vpc.name) != "no"
        }
        if old and new and (not (old & new) or moved):
            return ["the subnets of a group cannot move to another VPC"]
    return []


def _vpcs(side: Side, subnets: Value, world: World) -> set[Value]:
    found: set[Value] = set()
    for reference in references(subnets):
        if side.template.type_of(reference.name) == "AWS::EC2::Subnet":
            vpc = (side.properties(reference.name, world) or {}).get("VpcId")
            names = tuple(references(vpc))
            found.add(names[0] if names else written(vpc))
    return found


def still_referred(judgement: Judgement, logical_id: str) -> str | None:
    """Who refers to a removed resource in AFTER: on any branch where it is gone from the template,
    else where the conditions of both hold."""
    after = judgement.pair.after
    is_gone = logical_id not in after.template.resources
    for name, declaration in after.template.resources.items():
        if is_gone and logical_id in depends_on(declaration):
            return name
        if logical_id not in judgement.mentions[name]:
            continue
        if is_gone:
            return name
        for world in judgement.pair.worlds(name, logical_id):
            used = {ref.name for ref in references(after.properties(name, world))}
            if logical_id in used and not after.exists(logical_id, world):
                return name
    return _still_in_outputs(judgement, logical_id)


def _still_in_outputs(judgement: Judgement, logical_id: str) -> str | None:
    after = judgement.pair.after
    declaration = after.template.resources.get(logical_id)
    for name, output in after.template.outputs.items():
        if all(ref.name != logical_id for ref in mentioned(output)):
            continue
        if declaration is None:
            return f"the output {name}"
        for world in judgement.pair.worlds_of([(after, output), (after, declaration)]):
            used = {ref.name for ref in references(outputs.told(after, output, world))}
            if logical_id in used and not after.exists(logical_id, world):
                return f"the output {name}"
    for key, node in after.template.loops.items():
        if any(ref.name == logical_id for ref in mentioned(node)):
            return key
    return None
