"""The template: which sections there are, in reading order.

A section is what one module builds. The order of a section's fields is the order in the YAML.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from types import ModuleType
from typing import Any

from troposphere import AWSObject, Output, Parameter, Template

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
from fraud_cfn.platform.intrinsics import Condition
from fraud_cfn.platform.services import api, job, worker
from fraud_cfn.platform.widgets import Row

DESCRIPTION = "Fraud detection platform on ECS Fargate: REST API, queue worker, scheduled job"
Piece = AWSObject | Parameter | Condition | Output


class StackError(Exception):
    """A builder that does not give what a template can hold; names it and says what to do."""


@dataclass(frozen=True)
class Section:
    """A part of the template under one banner."""

    title: str
    source: str  # file of the builder, from the project's root
    logical_ids: tuple[str, ...]
    parameters: tuple[str, ...]
    notes: tuple[str, ...] = ()  # lines of what the module's docstring says beyond its title


@dataclass(frozen=True)
class Stack:
    template: Template
    sections: tuple[Section, ...]


def build() -> Stack:
    """The whole platform. `StackError` where a builder is wrong."""
    net = network.build()
    fire = firewall.build(net.vpc)
    data = storage.build(net.vpc, net.private_routes)
    jobs = messaging.build()
    aurora = database.build(net.database_subnets, fire.database)
    ecs = cluster.build(net.vpc)
    alb = load_balancer.build(net.vpc, net.public_subnets, net.internet_attachment, fire.load_balancer)
    workloads = (
        the_api := api.build(net, fire, ecs, alb, aurora, jobs, data),
        the_worker := worker.build(net, fire, ecs, aurora, jobs, data, the_api.security_group),
        job.build(net, fire, ecs, aurora, data, (the_api.security_group, the_worker.security_group)),
    )
    views = dashboard.build(aurora, workloads)
    parts = (net, fire, data, jobs, aurora, ecs, alb, *workloads, views)
    return assemble(
        *((sys.modules[type(part).__module__], part) for part in parts),
        outputs=outputs.build(ecs, alb, aurora, jobs, data, views),
    )


def assemble(*parts: tuple[ModuleType, Any], outputs: tuple[Output, ...] = ()) -> Stack:
    """A template of what the modules built, in that order; each part's parameters and outputs come last."""
    template = Template(Description=DESCRIPTION)
    template.set_version()
    for declared in parameters.GROUPS.values():
        for parameter in declared:
            template.add_parameter(parameter)
    for title, rule in parameters.RULES.items():
        template.add_rule(title, rule)
    for title, mapping in parameters.MAPPINGS.items():
        template.add_mapping(title, mapping)
    for condition in parameters.CONDITIONS:
        template.add_condition(condition.title, condition.test)
    for output in outputs:
        template.add_output(output)
    sections = tuple(_add(template, module, part) for module, part in parts)
    template.set_metadata(_console_form(sections))
    return Stack(template, sections)


def _console_form(sections: tuple[Section, ...]) -> dict[str, Any]:
    """The headings under which the console asks for the parameters."""
    groups = {
        label: [str(declared.title) for declared in group] for label, group in parameters.GROUPS.items()
    }
    groups |= {section.title: list(section.parameters) for section in sections if section.parameters}
    return {
        "AWS::CloudFormation::Interface": {
            "ParameterGroups": [
                {"Label": {"default": label}, "Parameters": titles} for label, titles in groups.items()
            ]
        }
    }


def _add(template: Template, module: ModuleType, part: Any) -> Section:
    source = f"{module.__name__.replace('.', '/')}.py"
    first, _, more = (inspect.getdoc(module) or source).partition("\n\n")
    title, _, what = first.partition(": ")
    notes = (what[:1].upper() + what[1:], *more.splitlines())
    ids, declared = [], []
    for piece in pieces(part, source):
        match piece:
            case Condition():
                template.add_condition(piece.title, piece.test)
            case Parameter():
                template.add_parameter(piece)
                declared.append(str(piece.title))
            case Output():
                template.add_output(piece)
            case _:
                if piece.title in template.resources:
                    raise StackError(f"{source}: the logical id {piece.title} is taken already; give another")
                template.add_resource(piece)
                ids.append(str(piece.title))
    return Section(title, source, tuple(ids), tuple(declared), notes)


def pieces(part: Any, source: str) -> Iterator[Piece]:
    """What of a dataclass, of a tuple, or alone goes into the template, depth first and in order."""
    if isinstance(part, Piece):
        yield part
    elif isinstance(part, tuple):
        for item in part:
            yield from pieces(item, source)
    elif is_dataclass(part) and not isinstance(part, Row):
        for field in fields(part):
            yield from pieces(getattr(part, field.name), source)
    elif not isinstance(part, Row):  # that is a view's matter
        raise StackError(f"{source}: built {part!r}, which is no part of a template: return troposphere's")
