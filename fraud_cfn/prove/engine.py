"""Runs rules of others on a resolved template, in the engine that also validates it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cloudformation_validate as cfv

from fraud_cfn.prove.packs import Control, DeployRule


@dataclass(frozen=True)
class Failure:
    """A rule that a resource does not meet."""

    rule: str
    logical_id: str
    path: str
    message: str


class UnjudgedError(Exception):
    """An engine that did not judge: its answer would look like 'no finding'."""


class Judge:
    """Some rules, loaded once; `failures` may be asked from several threads."""

    def __init__(self, engine: cfv.Engine) -> None:
        self._engine = engine

    def failures(self, template: dict[str, Any]) -> list[Failure]:
        """What does not hold in a resolved template. `UnjudgedError` where the engine gave up."""
        content = cfv.TemplateContent(json.dumps(template), "template")
        report = self._engine.validate_template(content, cfv.ValidateConfig(disable_builtin_rules=True))
        if report.status is not cfv.ReportStatus.OK:
            raise UnjudgedError(f"cloudformation-validate ended with {report.status.name}")
        return [
            Failure(
                diagnostic.rule_id,
                (diagnostic.entity.logical_id if diagnostic.entity else None) or "",
                diagnostic.property_path or "",
                diagnostic.message,
            )
            for diagnostic in report.diagnostics
        ]


def controls_judge(controls: Sequence[Control]) -> Judge:
    """A judge of those controls."""
    rules = [cfv.ExternalRuleSource(name=control.id, content=control.guard) for control in controls]
    return Judge(cfv.CelEngine(cfv.EngineConfig(guard_rules=rules)))


def deploy_judge(rules: Sequence[DeployRule], libraries: Sequence[str]) -> Judge:
    """A judge of those deploy-time rules."""
    sources = [
        cfv.ExternalRuleSource(name=f"library-{number}.rego", content=text)
        for number, text in enumerate(libraries)
    ]
    sources += [cfv.ExternalRuleSource(name=f"{rule.id}.rego", content=rule.rego) for rule in rules]
    return Judge(cfv.RegoEngine(cfv.EngineConfig(custom_rules=sources)))
