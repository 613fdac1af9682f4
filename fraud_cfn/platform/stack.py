"""The template: which sections there are, in reading order.

A section is what one module builds. The order of a section's fields is the order in the YAML.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from types import ModuleType
from typing import Any

from troposphere import AWSObject, Template

from fraud_cfn.platform import (
    cluster,
    dashboard,
    database,
    firewall,
    load_balancer,
    messaging,
    network,
    outputs,
    parameters,
    storage,
)
from fraud_cfn.platform.services import api, job, worker

DESCRIPTION = "Fraud detection platform on ECS Fargate: REST API, queue worker, scheduled job"


class StackError(Exception):
    """A builder that does not give what a template can hold; names it and says what to do."""


@dataclass(frozen=True)
class Section:
    """A part of the template under one banner."""

    title: str
    source: str  # file of the builder, from the project's root
    logical_ids: tuple[str, ...]


@dataclass(frozen=True)
class Stack:
    template: Template
    sections: tuple[Section, ...]


def build() -> Stack:
    """The whole platform. `StackError` where a builder is wrong."""
    net = network.build()
    fire = firewall.build(net.vpc)
    data = storage.build(net.vpc, net.private_routes)
    queues = messaging.build()
    aurora = database.build(net.database_subnets, fire.database)
    ecs = cluster.build(net.vpc)
    alb = load_balancer.build(net.vpc, net.public_subnets, net.internet_attachment, fire.load_balancer)
    the_api = api.build(net, fire, ecs, alb, aurora, queues, data)
    the_worker = worker.build(net, fire, ecs, aurora, queues, data)
    the_job = job.build(net, fire, ecs, aurora, data)
    views = dashboard.build(ecs, alb, queues, aurora, the_api, the_worker, the_job)
    return assemble(
        (network, net),
        (firewall, fire),
        (storage, data),
        (messaging, queues),
        (database, aurora),
        (cluster, ecs),
        (load_balancer, alb),
        (api, the_api),
        (worker, the_worker),
        (job, the_job),
        (dashboard, views),
        outputs=outputs.build(net, fire, ecs, alb, aurora, queues, data, the_api, the_worker, the_job, views),
    )


def assemble(*parts: tuple[ModuleType, Any], outputs: tuple[Any, ...] = ()) -> Stack:
    """A template of what the modules built, in that order."""
    template = Template(Description=DESCRIPTION)
    template.set_version()
    for parameter in parameters.PARAMETERS:
        template.add_parameter(parameter)
    for title, rule in parameters.RULES.items():
        template.add_rule(title, rule)
    for title, mapping in parameters.MAPPINGS.items():
        template.add_mapping(title, mapping)
    for condition in parameters.CONDITIONS:
        template.add_condition(condition.title, condition.test)
    sections = tuple(_add(template, module, part) for module, part in parts)
    for output in outputs:
        template.add_output(output)
    return Stack(template, sections)


def _add(template: Template, module: ModuleType, part: Any) -> Section:
    source = f"{module.__name__.replace('.', '/')}.py"
    title = (inspect.getdoc(module) or source).splitlines()[0].removesuffix(".")
    ids = []
    for resource in resources(part, source):
        if resource.title in template.resources:
            raise StackError(f"{source}: the logical id {resource.title} is taken already; give another")
        template.add_resource(resource)
        ids.append(str(resource.title))
    return Section(title, source, tuple(ids))


def resources(part: Any, source: str) -> Iterator[AWSObject]:
    """The resources in a dataclass, a tuple, or alone, depth first and in order."""
    if isinstance(part, AWSObject):
        yield part
    elif isinstance(part, tuple):
        for item in part:
            yield from resources(item, source)
    elif is_dataclass(part):
        for field in fields(part):
            yield from resources(getattr(part, field.name), source)
    else:
        raise StackError(f"{source}: built {part!r}, which is no resource; return troposphere resources only")
