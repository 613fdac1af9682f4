"""Looks at the committed template as CloudFormation would, under given parameter values."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fraud_cfn.config import REGION
from fraud_cfn.template.document import Document, read
from fraud_cfn.template.scenarios import ACCOUNT, BASE

GONE = object()  # AWS::NoValue
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::NoValue": GONE,
    "AWS::StackName": "TapStackdev",
}

SECTIONS = [
    "AWSTemplateFormatVersion",
    "Description",
    "Parameters",
    "Metadata",
    "Rules",
    "Mappings",
    "Conditions",
    "Resources",
    "Outputs",
]

# The property that names a resource of a type; None: the type takes no name from us.
NAME_PROPERTY: dict[str, str | None] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": None,
    "AWS::ApplicationAutoScaling::ScalingPolicy": "PolicyName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::EC2::EIP": None,
    "AWS::EC2::InternetGateway": None,
    "AWS::EC2::NatGateway": None,
    "AWS::EC2::Route": None,
    "AWS::EC2::RouteTable": None,
    "AWS::EC2::SecurityGroup": "GroupName",
    "AWS::EC2::SecurityGroupEgress": None,
    "AWS::EC2::SecurityGroupIngress": None,
    "AWS::EC2::Subnet": None,
    "AWS::EC2::SubnetRouteTableAssociation": None,
    "AWS::EC2::VPC": None,
    "AWS::EC2::VPCEndpoint": None,
    "AWS::EC2::VPCGatewayAttachment": None,
    "AWS::ECR::Repository": "RepositoryName",
    "AWS::ECS::Cluster": "ClusterName",
    "AWS::ECS::ClusterCapacityProviderAssociations": None,
    "AWS::ECS::Service": "ServiceName",
    "AWS::ECS::TaskDefinition": "Family",
    "AWS::ElasticLoadBalancingV2::Listener": None,
    "AWS::ElasticLoadBalancingV2::ListenerRule": None,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "Name",
    "AWS::ElasticLoadBalancingV2::TargetGroup": None,
    "AWS::IAM::Role": "RoleName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Logs::MetricFilter": None,
    "AWS::Logs::QueryDefinition": "Name",
    "AWS::RDS::DBCluster": "DBClusterIdentifier",
    "AWS::RDS::DBClusterParameterGroup": "DBClusterParameterGroupName",
    "AWS::RDS::DBInstance": "DBInstanceIdentifier",
    "AWS::RDS::DBSubnetGroup": "DBSubnetGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::S3::BucketPolicy": None,
    "AWS::SQS::Queue": "QueueName",
    "AWS::SQS::QueuePolicy": None,
    "AWS::Scheduler::Schedule": "Name",
    "AWS::Scheduler::ScheduleGroup": "Name",
    "AWS::ServiceDiscovery::PrivateDnsNamespace": "Name",
    "AWS::ServiceDiscovery::Service": "Name",
    "AWS::WAFv2::WebACLAssociation": None,
}

_VARIABLE = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True)
class Lens:
    """The template resolved with `values`; a reference to a resource reads `<LogicalId>`."""

    document: Document
    values: dict[str, str]
    _others: dict[frozenset[tuple[str, str]], Lens] = field(default_factory=dict, repr=False, compare=False)
    _resolved: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False, compare=False)

    def under(self, **values: str) -> Lens:
        """The same template under other parameter values."""
        values = self.values | values
        key = frozenset(values.items())
        if key not in self._others:
            self._others[key] = Lens(self.document, values, self._others)
        return self._others[key]

    @cached_property
    def parameters(self) -> dict[str, str]:
        declared = self.document.template["Parameters"]
        defaults = {key: str(value["Default"]) for key, value in declared.items() if "Default" in value}
        return defaults | self.values

    @cached_property
    def _present(self) -> dict[str, dict[str, Any]]:
        """Logical id → resource as declared, of those whose condition holds."""
        return {
            key: resource
            for key, resource in self.document.template["Resources"].items()
            if "Condition" not in resource or self.condition(resource["Condition"])
        }

    @cached_property
    def resources(self) -> dict[str, dict[str, Any]]:
        """Logical id → resource, of those whose condition holds; properties resolved."""
        return {key: resource | {"Properties": self[key]} for key, resource in self._present.items()}

    @cached_property
    def outputs(self) -> dict[str, Any]:
        return {key: self.resolve(value["Value"]) for key, value in self.document.template["Outputs"].items()}

    def __getitem__(self, logical_id: str) -> dict[str, Any]:
        if logical_id not in self._resolved:
            self._resolved[logical_id] = self.resolve(self._present[logical_id].get("Properties", {}))
        return self._resolved[logical_id]

    def of(self, *types: str) -> dict[str, dict[str, Any]]:
        """Logical id → properties of the resources of those types."""
        return {key: self[key] for key, resource in self._present.items() if resource["Type"] in types}

    @property
    def types(self) -> set[str]:
        return {resource["Type"] for resource in self._present.values()}

    def names(self) -> list[tuple[str, str, str]]:
        """(type, logical id, physical name) of everything that is named."""
        found = []
        for key, resource in self.resources.items():
            named_by = NAME_PROPERTY[resource["Type"]]
            if named_by:
                found.append((resource["Type"], key, resource["Properties"][named_by]))
        return found

    def condition(self, name: str) -> bool:
        return self.resolve(self.document.template["Conditions"][name])

    def resolve(self, value: Any) -> Any:
        if isinstance(value, dict):
            if len(value) == 1:
                ((key, inner),) = value.items()
                if key == "Ref" or key.startswith("Fn::") or (key == "Condition" and isinstance(inner, str)):
                    return self._intrinsic(key, inner)
            resolved = {key: self.resolve(item) for key, item in value.items()}
            return {key: item for key, item in resolved.items() if item is not GONE}
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not GONE]
        return value

    def _intrinsic(self, key: str, inner: Any) -> Any:  # noqa: C901 - a case each
        match key, inner:
            case "Ref", str():
                return self._reference(inner)
            case "Condition", str():
                return self.condition(inner)
            case "Fn::GetAtt", [target, attribute]:
                return f"<{target}.{attribute}>"
            case "Fn::Sub", str():
                return _VARIABLE.sub(lambda found: self._variable(found[1]), inner)
            case "Fn::If", [name, yes, no]:
                return self.resolve(yes if self.condition(name) else no)
        arguments = self.resolve(inner)
        match key, arguments:
            case "Fn::Join", [separator, parts]:
                return separator.join(parts)
            case "Fn::Equals", [one, other]:
                return one == other
            case "Fn::Not", [one]:
                return not one
            case "Fn::And", list():
                return all(arguments)
            case "Fn::Split", [separator, joined]:
                return joined.split(separator)
            case "Fn::GetAZs", "":
                return [f"{REGION}{zone}" for zone in "abc"]
            case "Fn::Select", [index, items]:
                return items[int(index)]
            case "Fn::Cidr", [block, count, bits]:
                subnets = ipaddress.ip_network(block).subnets(new_prefix=32 - int(bits))
                return [str(next(subnets)) for _ in range(int(count))]
            case "Fn::FindInMap", [mapping, top, second]:
                return self.document.template["Mappings"][mapping][top][second]
        raise NotImplementedError(f"{key} {inner}")

    def _reference(self, name: str) -> Any:
        if name in PSEUDO:
            return PSEUDO[name]
        return self.parameters.get(name, f"<{name}>")

    def _variable(self, name: str) -> str:
        return f"<{name}>" if "." in name else str(self._reference(name))


def base(document: Document) -> Lens:
    """Bootstrap: the environment `dev`, everything else at its default."""
    return Lens(document, BASE)


def references(value: Any) -> set[str]:
    """Every name that a raw value refers to by Ref, GetAtt or Sub."""
    found: set[str] = set()
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "Ref":
                found.add(inner)
            elif key == "Fn::GetAtt":
                found.add(inner[0])
            elif key == "Fn::Sub" and isinstance(inner, str):
                found |= {name.split(".")[0] for name in _VARIABLE.findall(inner)}
            else:
                found |= references(inner)
    elif isinstance(value, list):
        for item in value:
            found |= references(item)
    return found


def dashboard(lens: Lens) -> dict[str, Any]:
    return json.loads(lens["Dashboard"]["DashboardBody"])


# ── Workloads: derived, so that what holds for every one of them holds for the next one too ────────

# The tests of the platform know these by name, and hold all that is theirs by equality. What a further module
# in `services/` brings is held to what every workload must have, and may have at the most.
_LISTED = {f"fraud_cfn/platform/services/{module}.py" for module in ("api", "worker", "job")}


def further(defined_in: Mapping[str, str]) -> set[str]:
    """Logical ids that further modules build, of all with the file that builds each."""
    services = "fraud_cfn/platform/services/"
    return {
        logical_id
        for logical_id, source in defined_in.items()
        if source.startswith(services) and source not in _LISTED
    }


_COMMITTED = read()
WORKLOADS = [key.removesuffix("TaskDefinition") for key in base(_COMMITTED).of("AWS::ECS::TaskDefinition")]
SERVICES = [key.removesuffix("Service") for key in base(_COMMITTED).of("AWS::ECS::Service")]
FURTHER_IDS = further(_COMMITTED.defined_in)
FURTHER = [workload for workload in WORKLOADS if f"{workload}TaskDefinition" in FURTHER_IDS]
# Behind the load balancer, as the API is.
BALANCED = [key for key in SERVICES if "LoadBalancers" in base(_COMMITTED)[f"{key}Service"]]


def kebab(workload: str) -> str:
    """How names in AWS write it: `DailyReports` is `daily-reports`."""
    return re.sub("(?<!^)(?=[A-Z])", "-", workload).lower()


def is_further(title: str) -> bool:
    """Whether that parameter or output is one of a further workload: it begins with the workload's name."""
    return title.startswith(tuple(FURTHER))
