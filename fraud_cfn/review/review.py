"""Puts the judgements together: one review of one change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fraud_cfn.review import findings, outcome, outputs, parameters, unresolved
from fraud_cfn.review.access import Access, access
from fraud_cfn.review.changes import Change, worst
from fraud_cfn.review.diff import is_same
from fraud_cfn.review.findings import Finding
from fraud_cfn.review.judge import Judgement
from fraud_cfn.review.loops import loops
from fraud_cfn.review.malformed import malformed
from fraud_cfn.review.model import Template
from fraud_cfn.review.outputs import OutputChange
from fraud_cfn.review.pair import Pair, pair
from fraud_cfn.review.parameters import ParameterChange
from fraud_cfn.review.renames import with_renames
from fraud_cfn.review.resolve import scalar
from fraud_cfn.review.settings import TagChange
from fraud_cfn.template import constraints


@dataclass(frozen=True)
class Review:
    """Everything that a change does, as predicted."""

    classes: frozenset[str]  # every one that occurs
    changes: tuple[Change, ...]
    access: Access
    parameters: tuple[ParameterChange, ...]
    outputs: tuple[OutputChange, ...]
    findings: tuple[Finding, ...]
    defined_in: Mapping[str, str]
    secrets: tuple[str, ...] = field(default=(), repr=False)  # known values of NoEcho parameters
    tags: tuple[TagChange, ...] = ()  # of the stack, by its environment's file
    unjudged: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()  # what of the template fails the update, and no entry above carries

    @property
    def verdict(self) -> str:
        """The worst class of it."""
        return worst(self.classes)


def review(
    before: Template,
    after: Template,
    values: Mapping[str, str] | None = None,
    given: Mapping[str, str] | None = None,
    tags: tuple[TagChange, ...] = (),
) -> Review:
    """Predict what updating a stack from one template to the other does.

    `values`: the parameter values that are known; `given`, `tags`: what the change itself sets anew.
    """
    change = pair(before, after, values, given)
    judgement = Judgement(change)
    changes = (*with_renames(judgement, outcome.changes(judgement)), *loops(change, judgement))
    changed_parameters = tuple(parameters.compare(change))
    changed_outputs = tuple(outputs.compare(change, judgement))
    refused = (*unresolved.in_conditions(change), *malformed(change))
    classes = {entry.class_ for entry in changes}
    classes |= {"will-fail" for entry in changed_parameters if entry.fails}
    classes |= {"will-fail" if entry.fails else "harmless" for entry in changed_outputs}
    classes |= {"will-fail" for _ in refused} | {"harmless" for _ in tags}
    granted = access(change)
    return Review(
        frozenset(classes),
        changes,
        granted,
        changed_parameters,
        changed_outputs,
        (*_internet(granted), *findings.find(change)),
        {**before.defined_in, **after.defined_in},
        tuple(_secrets(change)),
        tags,
        (*granted.unjudged, *_unasked(before, after)),
        refused,
    )


def _secrets(change: Pair) -> Iterator[str]:
    sides = (change.before, change.after)
    for side in sides:
        for name, declaration in side.template.parameters.items():
            if constraints.is_hidden(declaration):
                known = (*(one.values.get(name) for one in sides), declaration.get("Default"))
                yield from (scalar(value) for value in known if value is not None)


def _unasked(before: Template, after: Template) -> Iterator[str]:
    """What may refuse or change the update, and is not looked into."""
    for section, what in (
        ("Rules", "may refuse the values that the stack has"),
        ("Hooks", "may change how the update is done"),
    ):
        old, new = (
            entries if isinstance(entries := side.body.get(section), dict) else {} for side in (before, after)
        )
        gone = old if section == "Hooks" else {}
        if names := [name for name in {**new, **gone} if not is_same(new.get(name), old.get(name))]:
            yield f"{section.lower()}: {', '.join(names)} {what}"
    if after.has_aliases and not before.has_aliases:
        yield "YAML aliases were followed: CloudFormation refuses them, unless something expands them first"


def _internet(granted: Access) -> Iterator[Finding]:
    """What begins or ends to face the internet, as findings."""
    for exposure in granted.internet:
        entry = exposure.entry
        direction = "wider" if entry["direction"] == "on" else "narrower"
        depends_on = (*entry["depends_on"], *exposure.depends_on)
        yield Finding("internet", entry["logical_id"], entry["path"], direction, depends_on)
