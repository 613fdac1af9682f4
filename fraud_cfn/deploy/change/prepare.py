"""What CreateChangeSet is asked for, from the template, the stack and the user's choices."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from fraud_cfn import names
from fraud_cfn.config import INLINE_LIMIT
from fraud_cfn.deploy.account import preflight, secret_lookup
from fraud_cfn.deploy.account.looks import Looks, not_looked_at
from fraud_cfn.deploy.account.secret_lookup import Before
from fraud_cfn.deploy.change import bucket, database, halfway, parameters, template
from fraud_cfn.deploy.change.carry_out import Place
from fraud_cfn.deploy.change.parameters import Given
from fraud_cfn.deploy.change.template import Template
from fraud_cfn.deploy.errors import UsageError
from fraud_cfn.deploy.stack import stacks
from fraud_cfn.deploy.stack.stacks import Stack
from fraud_cfn.deploy.terminal.console import Console
from fraud_cfn.template import environments

_ROLE = re.compile(r"arn:aws:iam::(?P<account>\d{12}):role/[\w+=,.@/-]+", re.ASCII)


@dataclass(frozen=True)
class Asked:
    """What is asked for in a change set, and what nobody could look at before."""

    parameters: list[dict[str, str | bool]]
    unknown: dict[str, str]


def parameters_for(
    place: Place,
    source: Template,
    stack: Stack | None,
    given: Given,
    console: Console,
    *,
    bucket_name: str | None,
    may_make_bucket: bool,
) -> Asked:
    """Every parameter's value or that it keeps its own, secrets looked up, the account asked for what the
    deployment needs. `UsageError` tells all that stands in its way; what may not be looked at is said, and
    is no obstacle."""
    looks = Looks()
    before = stack.parameters if stack else {}
    chosen = started(stack) | given.parameters
    chosen = _with_secrets(place, source, stack, chosen, looks, console)
    halfway.look(place, source, stack, chosen, looks)
    if stack is None:
        values = parameters.effective(source.parameters, chosen, before)
        preflight.look(place.session, values, source.document.template["Resources"], looks)
    if looks.obstacles and source.size > INLINE_LIMIT:  # else handing the template over tells it
        _look_at_bucket(place, bucket_name, looks, may_make=may_make_bucket)
    for line in not_looked_at(looks.unknown):
        console.warn(line)
    looks.refuse()
    if stack is not None:
        _warn_of_stale_defaults(place, source, stack, chosen, console)
    return Asked(parameters.request(source.parameters, chosen, before), looks.unknown)


def must_be_worth_a_deletion(place: Place, source: Template, given: Given, console: Console) -> None:
    """Before what is left of a failed creation is deleted: `UsageError` where the next one would be refused
    for what can be told already."""
    looks = Looks()
    chosen = _with_secrets(place, source, None, dict(given.parameters), looks, console)
    halfway.look(place, source, None, chosen, looks)
    looks.refuse()


def _look_at_bucket(place: Place, bucket_name: str | None, looks: Looks, *, may_make: bool) -> None:
    if bucket_name:
        preflight.look_at_bucket(place.session, bucket_name, looks, otherwise="name one that is there")
    elif bucket_name is None and not may_make:
        name = bucket.name_for(place.session.account)
        otherwise = f"{stacks.command('deploy', place.suffix)} makes it, after a question (or --yes)"
        preflight.look_at_bucket(place.session, name, looks, otherwise=otherwise)


def _with_secrets(
    place: Place,
    source: Template,
    stack: Stack | None,
    chosen: dict[str, str],
    looks: Looks,
    console: Console,
) -> dict[str, str]:
    """`chosen`, with what follows from the secrets where the template has them."""
    if any(expected.parameter not in source.parameters for expected in secret_lookup.EXPECTED):
        return chosen
    kept = Before(stack.parameters, stack.created, stack.updated or stack.created) if stack else Before()
    found = secret_lookup.look_up(place.session, place.suffix, chosen, kept, source.parameters, looks)
    for news in found.news:
        console.warn(news)
    if stack and found.username:
        database.must_keep_its_user(place.session, stack, found.username, looks)
    return {**found.values, **chosen}


def _warn_of_stale_defaults(
    place: Place, source: Template, stack: Stack, chosen: dict[str, str], console: Console
) -> None:
    if not parameters.may_be_stale(source.parameters, chosen, stack.parameters):
        return
    summary = place.cloudformation.get_template_summary(StackName=stack.arn)
    deployed = {
        parameter.get("ParameterKey", ""): (
            {"Default": parameter["DefaultValue"]} if "DefaultValue" in parameter else {}
        )
        for parameter in summary.get("Parameters", ())
    }
    for warning in parameters.stale_defaults(source.parameters, deployed, chosen, stack.parameters):
        console.warn(warning)


def request(
    place: Place,
    source: Template,
    stack: Stack | None,
    asked: Asked,
    tags: dict[str, str],
    *,
    role_arn: str | None,
    bucket_name: str | None,
    consent: bucket.Consent,
) -> dict[str, Any]:
    """Arguments of CreateChangeSet; what is left out keeps the stack's own."""
    wanted: dict[str, Any] = {
        "ChangeSetType": "UPDATE" if stack else "CREATE",
        "Parameters": asked.parameters,
        "Capabilities": list(source.capabilities),
        **template.source(source, place.session, bucket_name, place.stack_name, consent),
    }
    before = stack.tags if stack else {}
    if tags and before | tags != before:
        wanted["Tags"] = [{"Key": key, "Value": value} for key, value in (before | tags).items()]
        if len(wanted["Tags"]) > environments.TAGS_MOST:
            raise UsageError(
                f"a stack takes {environments.TAGS_MOST} tags, and these would be {len(wanted['Tags'])}",
                "leave some out",
            )
    if role_arn:
        _must_be_a_role(role_arn, place.session.account)
        wanted["RoleARN"] = role_arn
    return wanted


def _must_be_a_role(arn: str, account: str) -> None:
    form = _ROLE.fullmatch(arn)
    if form is None:
        raise UsageError(
            f"--role-arn {arn} is not the ARN of a role", "write it as arn:aws:iam::ACCOUNT:role/NAME"
        )
    if form["account"] != account:
        raise UsageError(
            f"--role-arn {arn} is of another account than this one, {account}: it cannot be passed",
            "name a role of this account",
        )


def started(stack: Stack | None) -> dict[str, str]:
    """`ServicesEnabled=starting` is for the deployment that goes live; the next change makes it `true`."""
    over = stack is not None and stack.parameters.get(names.SERVICES_ENABLED) == "starting"
    return {names.SERVICES_ENABLED: "true"} if over else {}


def same_template(stack: Stack, changed: dict[str, str]) -> dict[str, Any]:
    """A request that changes these parameters and nothing else, whatever the committed template says now;
    but a start that is over becomes `true`, so that scaling keeps its count."""
    changed = started(stack) | changed
    return {
        "ChangeSetType": "UPDATE",
        "UsePreviousTemplate": True,
        "Capabilities": list(stack.capabilities),
        "Parameters": [
            {"ParameterKey": name, "ParameterValue": changed[name]}
            if name in changed
            else {"ParameterKey": name, "UsePreviousValue": True}
            for name in stack.parameters
        ],
    }
