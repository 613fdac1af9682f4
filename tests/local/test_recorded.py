"""What our own handlers keep reads back as AWS read it back: `recorded.json`, property by property.

Each record is deployed here as it was declared there, with this place's ids in the place of those. An empty
list or map is nothing: services answer with either.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fraud_cfn.local import Endpoint
from tests.local.conftest import Stack

RECORDS: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("recorded.json").read_text(encoding="utf-8")
)["records"]
BY_SOURCE = {record["source"]: record for record in RECORDS}

# Each resource's own: only that there is one is compared.
OWN = {
    "AWS::EC2::EIP": {"PublicIp"},
    "AWS::EC2::NatGateway": {"NatGatewayId"},
    "AWS::EC2::SecurityGroupEgress": {"Id"},
    "AWS::EC2::SecurityGroupIngress": {"Id"},
    "AWS::ECS::Service": {"ServiceArn", "Name", "ServiceName", "TaskDefinition"},
    "AWS::ECS::TaskDefinition": {"TaskDefinitionArn"},
    "AWS::ApplicationAutoScaling::ScalingPolicy": {"Arn"},
    "AWS::Logs::QueryDefinition": {"QueryDefinitionId"},
}

# Where the endpoint differs from AWS, and why that may stay.
DIFFERENT = {
    ("AWS::EC2::EIP", "NetworkBorderGroup"): "ministack's DescribeAddresses leaves it out",
    ("AWS::EC2::EIP", "PublicIpv4Pool"): "ministack's DescribeAddresses leaves it out",
    ("AWS::EC2::NatGateway", "AllocationId"): "ministack's DescribeNatGateways leaves addresses out",
    ("AWS::EC2::NatGateway", "AvailabilityMode"): "ministack's DescribeNatGateways leaves it out",
    ("AWS::EC2::NatGateway", "EniId"): "no interface exists here",
    ("AWS::EC2::NatGateway", "PrivateIpAddress"): "no interface exists here",
    ("AWS::EC2::NatGateway", "VpcId"): "the subnet's here, which is another one",
    ("AWS::EC2::SecurityGroupIngress", "GroupName"): "CloudFormation's own, of the group",
    ("AWS::EC2::SecurityGroupIngress", "SourceSecurityGroupName"): "CloudFormation's own, of the group",
    (
        "AWS__ECS__Service.SvcServiceE0738BDC.json",
        "DeploymentConfiguration",
    ): "an older recording: the newer one has the breaker's threshold too, as here",
}

RULE = "cdkrd-hunt-0809-modes-alb/3e63c45a9c21e6de/d91c6235df177ffa/5bff3d34a081b076"


class Ids:
    """This place's ids for what the records refer to."""

    def __init__(self, endpoint: Endpoint) -> None:
        ec2, elb, ecs = (endpoint.client(name) for name in ("ec2", "elbv2", "ecs"))
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        self.subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
        self.group, self.peer = (
            ec2.create_security_group(GroupName=f"recorded-{name}", Description=name, VpcId=vpc)["GroupId"]
            for name in ("one", "two")
        )
        self.address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        self.blue, self.green = (
            elb.create_target_group(
                Name=f"recorded-{c}", VpcId=vpc, Port=80, Protocol="HTTP", TargetType="ip"
            )["TargetGroups"][0]["TargetGroupArn"]
            for c in ("blue", "green")
        )
        balancer = elb.create_load_balancer(Name="recorded", Subnets=[self.subnet])["LoadBalancers"][0]
        forward = {
            "Type": "forward",
            "ForwardConfig": {
                "TargetGroups": [
                    {"TargetGroupArn": self.blue, "Weight": 100},
                    {"TargetGroupArn": self.green, "Weight": 0},
                ]
            },
        }
        listener = elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"], Port=80, Protocol="HTTP", DefaultActions=[forward]
        )["Listeners"][0]["ListenerArn"]
        condition = {"Field": "path-pattern", "Values": ["/*"]}
        rules = elb.create_rule(ListenerArn=listener, Priority=1, Conditions=[condition], Actions=[forward])
        self.rule = rules["Rules"][0]["RuleArn"]
        container = {"name": "web", "image": "web:v1"}
        task = ecs.register_task_definition(family="recorded", containerDefinitions=[container])
        self.task = task["taskDefinition"]["taskDefinitionArn"]
        for record in RECORDS:
            if "Cluster" in record["declared"]:
                ecs.create_cluster(clusterName=record["declared"]["Cluster"])

    def here(self, properties: dict[str, Any]) -> dict[str, Any]:
        """Those properties, with the ids of this place."""
        text = json.dumps(properties).replace("111111111111", "111122223333")
        elb = "arn:aws:elasticloadbalancing:us-east-1:111122223333"
        tasks = "arn:aws:ecs:us-east-1:111122223333:task-definition"
        there = {
            "subnet-004a2efa42016e577": self.subnet,
            "subnet-0bb8ecfa8b325e75d": self.subnet,
            "subnet-047c2ed308739d019": self.subnet,
            "subnet-0434e5718302e4709": self.subnet,
            "sg-04fadab7d35ce5f00": self.group,
            "sg-0d4e870f719c58849": self.group,
            "sg-0b5e58abecfacf5a7": self.group,
            "sg-0e1d238d8265ebe4b": self.peer,
            "__cdkrd_corpus_unresolved__": self.address,
            f"{elb}:targetgroup/cdkrd-hunt-0809-blue/17d3176aab5a792d": self.blue,
            f"{elb}:targetgroup/cdkrd-hunt-0809-green/d37bce8649efb3ba": self.green,
            f"{elb}:listener-rule/app/{RULE}": self.rule,
            f"{tasks}/cdkrd-hunt-0809-modes:1": self.task,
            f"{tasks}/CdkRealDriftIntegEcsServiceCapacityTask73FED16D:1": self.task,
            # The policy of another recording of the same stack: one target here.
            "1BLLK19UTRX3G": "1AME3ENAZ10B2",
        }
        for id_there, id_here in there.items():
            text = text.replace(id_there, id_here)
        return json.loads(text)


@pytest.fixture(scope="module")
def ids(endpoint: Endpoint) -> Ids:
    return Ids(endpoint)


@pytest.fixture(scope="module")
def recorded(endpoint: Endpoint, ids: Ids) -> Stack:
    """A stack of all records, as they were declared."""
    resources: dict[str, Any] = {}
    for number, record in enumerate(RECORDS):
        resources[f"R{number}"] = {"Type": record["type"], "Properties": ids.here(record["declared"])}
        if record["type"].endswith("ScalingPolicy"):
            resources[f"R{number}"]["DependsOn"] = f"R{number - 1}"
    stack = Stack(endpoint.client("cloudformation"), "Recorded", json.dumps({"Resources": resources}), {})
    assert stack.deploy("CREATE") == "CREATE_COMPLETE", stack.events()
    return stack


@pytest.mark.parametrize("source", BY_SOURCE)
def test_what_was_declared_reads_back_as_on_aws(
    endpoint: Endpoint, ids: Ids, recorded: Stack, source: str
) -> None:
    record = BY_SOURCE[source]
    kind = record["type"]
    physical = recorded.physical_ids[f"R{RECORDS.index(record)}"]
    here, there = full(read(endpoint, kind, physical)), full(ids.here(record["live"]))
    own = OWN.get(kind, set())
    assert own & there.keys() <= here.keys()
    differing = {name for name in there.keys() - own if there[name] != here.get(name)}
    expected = {name for of, name in DIFFERENT if of in (kind, source)} & there.keys()
    assert {name: (there[name], here.get(name)) for name in differing - expected} == {}
    assert differing == expected, "no difference any more: take the entry out"


def full(value: Any) -> Any:
    """Without what is empty; order counts nowhere here."""
    if isinstance(value, dict):
        return {name: full(part) for name, part in value.items() if part not in ([], {}, "", None)}
    if isinstance(value, list):
        return sorted(
            (full(part) for part in value), key=lambda part: json.dumps(part, sort_keys=True, default=str)
        )
    return value


def pascal(value: Any) -> Any:
    """`launchType` as CloudFormation spells it: `LaunchType`."""
    if isinstance(value, dict):
        return {name[0].upper() + name[1:]: pascal(part) for name, part in value.items()}
    return [pascal(part) for part in value] if isinstance(value, list) else value


def read(endpoint: Endpoint, kind: str, physical: str) -> dict[str, Any]:
    """The resource as its service describes it, spelt as CloudFormation does."""
    ec2, ecs, scaling = (endpoint.client(name) for name in ("ec2", "ecs", "application-autoscaling"))
    match kind.removeprefix("AWS::"):
        case "EC2::EIP":
            return ec2.describe_addresses(PublicIps=[physical])["Addresses"][0]
        case "EC2::NatGateway":
            gateway = ec2.describe_nat_gateways(NatGatewayIds=[physical])["NatGateways"][0]
            return gateway | next(iter(gateway["NatGatewayAddresses"]), {})
        case "EC2::SecurityGroupIngress" | "EC2::SecurityGroupEgress":
            rule = ec2.describe_security_group_rules(SecurityGroupRuleIds=[physical])["SecurityGroupRules"][0]
            peer, side = rule.get("ReferencedGroupInfo", {}), "Destination" if rule["IsEgress"] else "Source"
            return rule | {
                "Id": rule["SecurityGroupRuleId"],
                f"{side}SecurityGroupId": peer.get("GroupId"),
                "SourceSecurityGroupOwnerId": peer.get("UserId"),
            }
        case "ECS::Service":
            cluster, name = physical.split("/")[-2:]
            service = pascal(ecs.describe_services(cluster=cluster, services=[name])["services"][0])
            names = {"PlacementStrategies": "PlacementStrategy", "Role": "RoleArn", "Name": "ServiceName"}
            return service | {"Cluster": cluster} | {to: service.get(of) for to, of in names.items()}
        case "ECS::TaskDefinition":
            return pascal(ecs.describe_task_definition(taskDefinition=physical)["taskDefinition"])
        case "ECS::ClusterCapacityProviderAssociations":
            cluster = pascal(ecs.describe_clusters(clusters=[physical])["clusters"][0])
            return cluster | {"Cluster": cluster["ClusterName"]}
        case "Logs::QueryDefinition":
            queries = endpoint.client("logs").describe_query_definitions()["queryDefinitions"]
            return pascal(next(query for query in queries if query["queryDefinitionId"] == physical))
        case "ApplicationAutoScaling::ScalableTarget":
            resource, _, namespace = physical.split("|")
            listed = scaling.describe_scalable_targets(ServiceNamespace=namespace, ResourceIds=[resource])
            return listed["ScalableTargets"][0] | {"Id": physical}
        case "ApplicationAutoScaling::ScalingPolicy":
            listed = scaling.describe_scaling_policies(ServiceNamespace="dynamodb")["ScalingPolicies"]
            policy = next(policy for policy in listed if policy["PolicyARN"] == physical)
            return policy | {"Arn": policy["PolicyARN"]}
    raise NotImplementedError(kind)
