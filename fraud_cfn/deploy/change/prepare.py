"""What CreateChangeSet is asked for, from the template, the stack and the user's choices."""

from __future__ import annotations

from typing import Any

from fraud_cfn import names
from fraud_cfn.deploy.account import preflight, secret_lookup
from fraud_cfn.deploy.change import bucket, parameters, template
from fraud_cfn.deploy.change.carry_out import Place
from fraud_cfn.deploy.change.parameters import Given
from fraud_cfn.deploy.change.template import Template
from fraud_cfn.deploy.errors import UsageError
from fraud_cfn.deploy.stack import stacks
from fraud_cfn.deploy.stack.stacks import Stack
from fraud_cfn.deploy.terminal.console import Console

_FIXED = ("VpcCidr",)  # CloudFormation fails halfway at a change of these


def parameters_for(
    place: Place, source: Template, stack: Stack | None, given: Given, console: Console
) -> list[dict[str, str | bool]]:
    """Every parameter's value or that it keeps its own, secrets looked up; on a first deployment the
    account is asked for what it needs (`UsageError` tells all that is missing)."""
    before = stack.parameters if stack else {}
    chosen = started(stack) | given.parameters
    if stack is None and (asked_for := chosen.get(names.SERVICES_ENABLED, "false")) != "false":
        raise UsageError(
            f"{names.SERVICES_ENABLED} cannot be {asked_for!r} at the creation: that makes the "
            "repositories, so there is no image yet that a task could start",
            f"leave it out; push the images afterwards, then {stacks.command('start', place.suffix)}",
        )
    if all(one.parameter in source.parameters for one in secret_lookup.EXPECTED):
        chosen = secret_lookup.look_up(place.session, place.suffix, chosen, before, console) | chosen
        parameters.check(source.parameters, chosen)
    for name in _FIXED:
        if name in before and chosen.get(name, before[name]) != before[name]:
            raise UsageError(
                f"{name} is {before[name]} since the stack was created, and cannot become {chosen[name]}: "
                "the subnets, and all that is in them, would have to move to another VPC at once",
                "leave it, or deploy another environment with it",
            )
    asked = parameters.request(source.parameters, chosen, before)
    if stack is None:
        defaults = {name: one.get("Default", "") for name, one in source.parameters.items()}
        types = {one["Type"] for one in source.document.template["Resources"].values()}
        preflight.check(place.session, defaults | chosen, types, console)
    elif parameters.may_be_stale(source.parameters, chosen, before):
        summary = place.cloudformation.get_template_summary(StackName=stack.arn)
        deployed = {
            one.get("ParameterKey", ""): {"Default": one["DefaultValue"]} if "DefaultValue" in one else {}
            for one in summary.get("Parameters", ())
        }
        for warning in parameters.stale_defaults(source.parameters, deployed, chosen, before):
            console.warn(warning)
    return asked


def request(
    place: Place,
    source: Template,
    stack: Stack | None,
    asked: list[dict[str, str | bool]],
    tags: dict[str, str],
    *,
    role_arn: str | None,
    bucket_name: str | None,
    consent: bucket.Consent,
) -> dict[str, Any]:
    """Arguments of CreateChangeSet; what is left out keeps the stack's own."""
    wanted: dict[str, Any] = {
        "ChangeSetType": "UPDATE" if stack else "CREATE",
        "Parameters": asked,
        "Capabilities": list(source.capabilities),
        **template.source(source, place.session, bucket_name, place.stack_name, consent),
    }
    before = stack.tags if stack else {}
    if tags and before | tags != before:
        wanted["Tags"] = [{"Key": key, "Value": value} for key, value in (before | tags).items()]
    if role_arn:
        wanted["RoleARN"] = role_arn
    return wanted


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
