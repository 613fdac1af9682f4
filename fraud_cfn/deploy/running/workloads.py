"""The workloads of a stack, read from its deployed template by type and reference.

A workload is an ECS service, or a task that a schedule starts. No list of them stands in the code: what the
deployed template holds is what the verbs know.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.errors import TemplateError, UsageError
from fraud_cfn.deploy.stack import stacks
from fraud_cfn.deploy.stack.stacks import Resource, Stack
from fraud_cfn.template import document

_SERVICE = "AWS::ECS::Service"
_TASK = "AWS::ECS::TaskDefinition"
_SCHEDULE = "AWS::Scheduler::Schedule"
_SUB = re.compile(r"\$\{([^!}][^}]*)\}")


@dataclass(frozen=True)
class Routing:
    """What shares a service's traffic between two target groups, and the weights the template gives them."""

    rule: Resource
    production: Resource
    alternate: Resource
    weights: tuple[int, int]  # of production and alternate


@dataclass(frozen=True)
class Workload:
    """A service or a scheduled task with what belongs to it.

    A resource that the template declares and the stack does not have (yet) has an empty `physical_id`.
    """

    name: str  # what --service takes: its container's name
    container: str
    tag_parameter: str  # empty: no parameter chooses its image
    cluster: Resource
    task_definition: Resource
    repository: Resource | None  # `None`: its image is not of this stack
    log_group: Resource | None
    stream_prefix: str  # of its own container's log streams; a sidecar has another
    service: Resource | None
    schedule: Resource | None
    schedule_group: str  # physical name; empty: the default one
    target_groups: tuple[Resource, ...]
    routing: Routing | None

    @property
    def service_name(self) -> str:
        """As ECS knows the service; empty for a scheduled task."""
        return _last(self.service.physical_id) if self.service else ""

    @property
    def family(self) -> str:
        """Family of its task definition, the revision left out."""
        return _last(self.task_definition.physical_id).rpartition(":")[0]

    @property
    def parts(self) -> tuple[Resource, ...]:
        """Every resource that it cannot run without."""
        one = (self.cluster, self.task_definition, self.repository, self.log_group, self.service)
        routed = (self.routing.rule,) if self.routing else ()
        return tuple(part for part in (*one, self.schedule, *self.target_groups, *routed) if part)


@dataclass(frozen=True)
class Deployed:
    """A stack with its own template, its resources that exist, and its workloads."""

    stack: Stack
    template: Mapping[str, Any]
    resources: Mapping[str, Resource]  # by logical id
    workloads: tuple[Workload, ...]

    @property
    def services(self) -> tuple[Workload, ...]:
        return tuple(workload for workload in self.workloads if workload.service)

    @property
    def jobs(self) -> tuple[Workload, ...]:
        """Those that a schedule starts."""
        return tuple(workload for workload in self.workloads if workload.schedule)

    def named(self, name: str) -> Workload:
        """`UsageError` with the names there are if there is none of that name."""
        for workload in self.workloads:
            if workload.name == name:
                return workload
        known = ", ".join(workload.name for workload in self.workloads) or "none"
        raise UsageError(f"{self.stack.name} has no workload {name!r}", f"it has {known}")

    def must_be_whole(self, workloads: Iterable[Workload]) -> None:
        """`UsageError` that names what the stack lacks of those workloads."""
        missing = {
            part.logical_id: None for workload in workloads for part in workload.parts if not part.physical_id
        }
        if missing:
            raise UsageError(
                f"{self.stack.name} is {self.stack.status} and does not have {', '.join(missing)}",
                stacks.command("deploy", self.stack.suffix),
            )

    def of_type(self, kind: str) -> tuple[Resource, ...]:
        """Resources of that type that exist, in the template's order."""
        place = {logical_id: number for number, logical_id in enumerate(self.template.get("Resources", {}))}
        chosen = [resource for resource in self.resources.values() if resource.type == kind]
        return tuple(sorted(chosen, key=lambda resource: place.get(resource.logical_id, len(place))))

    def properties(self, logical_id: str) -> Mapping[str, Any]:
        """As the template writes them, intrinsic functions unresolved."""
        return self.template.get("Resources", {}).get(logical_id, {}).get("Properties", {})

    @property
    def dead_letter_queues(self) -> tuple[Resource, ...]:
        """Queues that another queue, or a schedule, leaves to them what failed."""
        names = {
            name
            for logical_id in self.template.get("Resources", {})
            for value in _values(self.properties(logical_id), "RedrivePolicy", "DeadLetterConfig")
            for name in references(value)
        }
        return tuple(queue for queue in self.of_type("AWS::SQS::Queue") if queue.logical_id in names)


def read(session: Session, stack: Stack) -> Deployed:
    """Two questions: the stack's template as it was sent, and its resources.

    `TemplateError` if the template cannot be read.
    """
    cloudformation = session.client("cloudformation")
    answer = cloudformation.get_template(StackName=stack.arn, TemplateStage="Original")
    body = answer.get("TemplateBody") or "{}"  # JSON comes parsed already
    try:
        template = document.parse(body, "the deployed template").template if isinstance(body, str) else body
    except document.DocumentError as error:
        raise TemplateError(f"{stack.name}: {error}", stacks.command("deploy", stack.suffix)) from error
    exist = {
        resource.logical_id: resource
        for resource in stacks.resources(cloudformation, stack.arn)
        if resource.status != "DELETE_COMPLETE"
    }
    return deployed(stack, template, exist)


def deployed(stack: Stack, template: Mapping[str, Any], exist: Mapping[str, Resource]) -> Deployed:
    """From a template in its long form and the resources that exist."""
    reader = _Reader(template, exist)
    workloads = [reader.workload(logical_id, kind) for logical_id, kind in reader.declared()]
    return Deployed(stack, template, exist, _distinct([workload for workload in workloads if workload]))


def references(value: Any) -> Iterator[str]:
    """Logical ids and parameters that a value refers to, in order."""
    for item in _items(value):
        yield from references(item)
    for key, inner in _members(value).items():
        if key == "Ref":
            yield str(inner)
        elif key == "Fn::GetAtt":
            yield str(inner).split(".")[0] if isinstance(inner, str) else str(_items(inner)[0])
        elif key == "Fn::Sub":
            yield from _substituted(inner)
        else:
            yield from references(inner)


def _substituted(value: Any) -> Iterator[str]:
    """The references of an `Fn::Sub`, with or without values of its own."""
    text, given = (_items(value) or [value, None])[:2]
    own = _members(given)
    for name in map(str.strip, _SUB.findall(str(text))):
        yield from references(own[name]) if name in own else (name.split(".")[0],)


def _members(value: Any) -> Mapping[str, Any]:
    """A mapping as it is; nothing of anything else."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _items(value: Any) -> list[Any]:
    """A list as it is; nothing of anything else."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    """The value and what is in it, as far as it is a mapping, at any depth."""
    if members := _members(value):
        yield members
    for item in (*members.values(), *_items(value)):
        yield from _mappings(item)


def _values(value: Any, *keys: str) -> Iterator[Any]:
    """What stands under those keys, at any depth."""
    for mapping in _mappings(value):
        yield from (mapping[key] for key in keys if key in mapping)


class _Reader:
    """Follows the references of one template."""

    def __init__(self, template: Mapping[str, Any], exist: Mapping[str, Resource]) -> None:
        self._resources: Mapping[str, Any] = template.get("Resources", {})
        self._parameters: Mapping[str, Any] = template.get("Parameters", {})
        self._exist = exist

    def declared(self) -> Iterator[tuple[str, str]]:
        """Logical id and type of what may run tasks."""
        for logical_id, resource in self._resources.items():
            if resource.get("Type") in (_SERVICE, _SCHEDULE):
                yield logical_id, resource["Type"]

    def workload(self, logical_id: str, kind: str) -> Workload | None:
        """`None` for a schedule that starts no task."""
        properties = self._properties(logical_id)
        target = properties.get("Target", {}) if kind == _SCHEDULE else properties
        started = target.get("EcsParameters", {}) if kind == _SCHEDULE else properties
        at = self._first(started.get("TaskDefinitionArn", started.get("TaskDefinition")), _TASK)
        cluster = self._first(target.get("Arn" if kind == _SCHEDULE else "Cluster"), "AWS::ECS::Cluster")
        if not at or not cluster:
            return None
        own = self._own_container(at.logical_id)
        options = own.get("LogConfiguration", {}).get("Options", {})
        tags = [name for name in references(own.get("Image")) if name in self._parameters]
        source = self._resource(logical_id)
        groups = [self._first(value, _GROUP) for value in _values(properties, *_GROUP_KEYS)]
        return Workload(
            name=str(own.get("Name", logical_id)),
            container=str(own.get("Name", "")),
            tag_parameter=tags[0] if tags else "",
            cluster=cluster,
            task_definition=at,
            repository=self._first(own.get("Image"), _REPOSITORY),
            log_group=self._first(options.get("awslogs-group"), "AWS::Logs::LogGroup"),
            stream_prefix=f"{options['awslogs-stream-prefix']}/"
            if "awslogs-stream-prefix" in options
            else "",
            service=source if kind == _SERVICE else None,
            schedule=source if kind == _SCHEDULE else None,
            schedule_group=self._named(properties.get("GroupName") if kind == _SCHEDULE else None),
            target_groups=tuple(dict.fromkeys(group for group in groups if group)),
            routing=self._routing(properties),
        )

    def _own_container(self, task: str) -> Mapping[str, Any]:
        """The one whose image is of a repository of this stack; else the first."""
        containers = [_members(one) for one in _items(self._properties(task).get("ContainerDefinitions"))]
        own = [one for one in containers if self._first(one.get("Image"), _REPOSITORY)]
        return _members(next(iter([*own, *containers]), None))

    def _routing(self, service: Mapping[str, Any]) -> Routing | None:
        for balancer in _mappings(service.get("LoadBalancers")):
            rule = self._first(list(_values(balancer, "ProductionListenerRule")), _RULE)
            production = self._first(balancer.get("TargetGroupArn"), _GROUP)
            alternate = self._first(list(_values(balancer, "AlternateTargetGroupArn")), _GROUP)
            if rule and production and alternate:
                weights = self._weights(rule.logical_id)
                first, second = weights.get(production.logical_id, 0), weights.get(alternate.logical_id, 0)
                return Routing(rule, production, alternate, (first, second))
        return None

    def _weights(self, rule: str) -> dict[str, int]:
        """Logical id of a target group → its weight in the template."""
        shares: dict[str, int] = {}
        for forward in _mappings(self._properties(rule)):
            group = self._first(forward.get("TargetGroupArn"), _GROUP)
            if group and "Weight" in forward:
                shares[group.logical_id] = int(forward["Weight"])
        return shares

    def _first(self, value: Any, kind: str) -> Resource | None:
        """The first resource of that type that the value refers to."""
        for name in references(value):
            if self._resources.get(name, {}).get("Type") == kind:
                return self._resource(name)
        return None

    def _named(self, value: Any) -> str:
        """A literal as it is, a reference as the physical id of what it refers to."""
        found = self._first(value, "AWS::Scheduler::ScheduleGroup")
        return value if isinstance(value, str) else found.physical_id if found else ""

    def _resource(self, logical_id: str) -> Resource:
        absent = Resource(logical_id, str(self._resources[logical_id].get("Type", "")), "", "")
        return self._exist.get(logical_id, absent)

    def _properties(self, logical_id: str) -> Mapping[str, Any]:
        return self._resources.get(logical_id, {}).get("Properties", {})


_REPOSITORY = "AWS::ECR::Repository"
_RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"
_GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
_GROUP_KEYS = ("TargetGroupArn", "AlternateTargetGroupArn")


def _distinct(workloads: list[Workload]) -> tuple[Workload, ...]:
    """Two containers of one name: what declares them tells them apart."""
    count = Counter(workload.name for workload in workloads)
    return tuple(
        workload
        if count[workload.name] == 1
        else replace(
            workload, name=(workload.service or workload.schedule or workload.task_definition).logical_id
        )
        for workload in workloads
    )


def _last(arn: str) -> str:
    return arn.split("/")[-1]
