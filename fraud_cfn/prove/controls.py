"""Rules that others wrote, judged in every scenario, against the findings that were accepted.

AWS Control Tower's proactive controls, and the constraints that are known to fail a deployment.
"""

from __future__ import annotations

import json
from collections import ChainMap, Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fraud_cfn.prove.engine import Failure, controls_judge, deploy_judge
from fraud_cfn.prove.packs import Control, DeployRule, deploy_rules

ACCEPTED = Path(__file__).with_name("controls.yaml")

# Why these are judged: measured by hand on 2026-12-01.
_DEPLOYMENT = """
## What is known to fail a deployment

`cdk-preflight` (Apache License 2.0) has {all:,} constraints beyond the schemas, each seen to fail a
deployment. {ours} concern a type of this platform and run in every scenario too, in two seconds:
`make prove`. Only the rules are read from its wheel, by the engine that is here anyway; what it asks for
beside, thirteen packages and Node.js for the CDK, is not installed. None is broken but what is accepted:

{accepted}
"""
# Measured by hand; a dependency is what it would cost to keep measuring.
_OTHERS = """
## Judges that are not part of the gate

- checkov 3.3.30 (2026-11-25, 291 MB installed): 169 checks pass, 15 fail. 13 are accepted above for the same
  reasons (HTTPS by certificate: CKV_AWS_2, 103, 260; log buckets: 18, 91; keys of one's own: 136; enhanced
  monitoring: 118; the tag `latest`: 51), two stop at `!If` (19, 23). It sees nothing that the gate does not.
- Guard rules of this project's own would say again what its tests hold: there are none. An account that wants
  a hook takes AWS's files, which are the ones judged here.
"""

_ORDER = ("accepted", "met when", "not applicable", "met")

Templates = Mapping[str, dict[str, Any]]  # scenario → resolved template
Findings = dict[str, dict[str, set[str]]]  # control → scenario → logical ids that do not meet it


@dataclass(frozen=True)
class Accepted:
    """A finding that stays, or a control that concerns nothing here."""

    where: tuple[str, ...]  # logical ids and resource types; of a control that does not apply none
    because: str
    parameter: str = ""  # given, the control is met
    applies: bool = True

    def covers(self, logical_id: str, resource_type: str) -> bool:
        return logical_id in self.where or resource_type in self.where


@dataclass(frozen=True)
class Verdict:
    """Of one control: `met`, `met when … is given`, `accepted`, or `not applicable`."""

    control: Control
    accepted: Accepted | None

    @property
    def word(self) -> str:
        if self.accepted is None:
            return "met"
        if not self.accepted.applies:
            return "not applicable"
        return f"met when `{self.accepted.parameter}` is given" if self.accepted.parameter else "accepted"


def accepted(path: Path = ACCEPTED) -> dict[str, Accepted]:
    """The reviewed file: control → what is accepted."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {
        control: Accepted((), entry["concerns"], applies=False)
        if "concerns" in entry
        else Accepted(tuple(entry["where"]), entry["because"], entry.get("parameter", ""))
        for control, entry in entries.items()
    }


def applicable(controls: Collection[Control], templates: Templates) -> list[Control]:
    """The controls that report on a resource type of these templates."""
    types = _types(templates)
    return [control for control in controls if control.types & types]


def _types(templates: Templates) -> set[str]:
    return {
        resource["Type"] for template in templates.values() for resource in template["Resources"].values()
    }


def findings(controls: Collection[Control], templates: Templates) -> Findings:
    """The controls that do not hold, in every scenario.

    A rule sees resources of the types that its text names, and no others: those of them that are as they
    were in an earlier scenario are not judged again.
    """
    judge, kinds = controls_judge(list(controls)), _seen_together(controls)
    known: dict[str, list[Failure]] = {}  # what is seen together → what does not hold in it
    judged: dict[str, list[Failure]] = {}
    for scenario, template in templates.items():
        resources = template["Resources"].items()
        parts = [{name: one for name, one in resources if one["Type"] in together} for together in kinds]
        new = {text: part for part in parts if (text := json.dumps(part)) not in known}
        failures = judge.failures({**template, "Resources": dict(ChainMap(*new.values()))})
        known |= {
            text: [one for one in failures if not one.logical_id or one.logical_id in part]
            for text, part in new.items()
        }
        judged[scenario] = [failure for part in parts for failure in known[json.dumps(part)]]
    return _found(judged, {control.rule: control.id for control in controls})


def _seen_together(controls: Collection[Control]) -> list[frozenset[str]]:
    """The resource types that the rules name, those that one rule sees at a time in the same set."""
    found: list[frozenset[str]] = []
    for control in controls:
        apart = [kinds for kinds in found if not kinds & control.sees]
        found = [*apart, control.sees.union(*(kinds for kinds in found if kinds & control.sees))]
    return found


def _concerned(templates: Templates) -> list[DeployRule]:
    types = _types(templates)
    return [rule for rule in deploy_rules()[0] if rule.types & types]


def deploy_findings(templates: Templates) -> Findings:
    """The constraints known to fail a deployment that do not hold, in every scenario."""
    judge = deploy_judge(_concerned(templates), deploy_rules()[1])
    with ThreadPoolExecutor() as pool:  # the engine releases the interpreter's lock
        judged = pool.map(judge.failures, templates.values())
        return _found(dict(zip(templates, judged, strict=True)), {})


def _found(judged: Mapping[str, Iterable[Failure]], names: Mapping[str, str]) -> Findings:
    found: Findings = {}
    for scenario, failures in judged.items():
        for failure in failures:
            by_scenario = found.setdefault(names.get(failure.rule, failure.rule), {})
            by_scenario.setdefault(scenario, set()).add(failure.logical_id)
    return found


def complaints(
    found: Findings, known: Mapping[str, Accepted], templates: Templates, given: Callable[[str, str], bool]
) -> list[str]:
    """What is wrong: findings that nobody accepted, and acceptances of what no longer occurs.

    `given`: whether a scenario gives a parameter.
    """
    wrong: list[str] = []
    for control, by_scenario in found.items():
        entry = known.get(control)
        for scenario, logical_ids in by_scenario.items():
            types = {name: templates[scenario]["Resources"][name]["Type"] for name in logical_ids}
            extra = [name for name in types if not (entry and entry.covers(name, types[name]))]
            wrong += [f"{control}: {name} does not meet it (scenario: {scenario})" for name in sorted(extra)]
            if entry and entry.parameter and given(scenario, entry.parameter):
                wrong.append(f"{control}: not met although {entry.parameter} is given (scenario: {scenario})")
    for control, entry in known.items():
        seen = {
            name
            for scenario, logical_ids in found.get(control, {}).items()
            for logical_id in logical_ids
            for name in (logical_id, templates[scenario]["Resources"][logical_id]["Type"])
        }
        wrong += [
            f"{control}: accepted on {name}, where it is met: take that out"
            for name in entry.where
            if name not in seen
        ]
        if entry.parameter and not any(given(scenario, entry.parameter) for scenario in templates):
            wrong.append(f"{control}: no scenario gives {entry.parameter}")
    return list(dict.fromkeys(wrong))


def verdicts(controls: Collection[Control], known: Mapping[str, Accepted]) -> list[Verdict]:
    """A verdict for each control; true as long as there are no complaints."""
    return [Verdict(control, known.get(control.id)) for control in controls]


def counted(shown: Collection[Verdict]) -> Counter[str]:
    """How many of each verdict: `met`, `met when`, `accepted`, `not applicable`."""
    return Counter(verdict.word.split(" `")[0] for verdict in shown)


def page(templates: Templates, shown: Collection[Verdict], known: Mapping[str, Accepted]) -> str:
    """docs/controls.md."""
    count = counted(shown)
    lines = [
        "# AWS Control Tower's proactive controls",
        "",
        "<!-- Generated from templates/fraud-platform.yaml: run 'make docs' after a change of it. -->",
        "",
        "A bank's account may enforce these controls, and then refuses a stack that does not meet one.",
        "The rules are AWS's own, as published for CloudFormation Guard; they run in every scenario.",
        "",
        f"{len(shown)} concern a type of this platform: {count['met']} are met, each seen to fail when its",
        f"subject was broken; {count['met when']} are met when a parameter is given;",
        f"{count['accepted']} are not, because this platform was asked to be so or the rule is behind;",
        f"{count['not applicable']} look at what this platform does not have.",
        "",
        "| Control | Requires | Verdict | Why |",
        "|---|---|---|---|",
    ]
    order = sorted(shown, key=lambda verdict: _ORDER.index(verdict.word.split(" `")[0]))
    for verdict in order:
        title = verdict.control.title.removeprefix("Require ")
        reason = verdict.accepted.because if verdict.accepted else ""
        if verdict.word == "not applicable":
            reason = f"concerns {reason}"
        lines.append(f"| {verdict.control.id} | {title} | {verdict.word} | {reason} |")
    rules = {rule.id for rule in deploy_rules()[0]}
    broken = [f"- `{name}`: {entry.because}" for name, entry in known.items() if name in rules]
    counts = {"all": len(rules), "ours": len(_concerned(templates))}
    return "\n".join(lines) + "\n" + _DEPLOYMENT.format(**counts, accepted="\n".join(broken)) + _OTHERS
