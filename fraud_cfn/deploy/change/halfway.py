"""What CloudFormation would begin and fail at halfway: values that do not go together, or not with what is
deployed, and images that are not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fraud_cfn import names
from fraud_cfn.deploy.account import given, preflight, secret_lookup
from fraud_cfn.deploy.account.looks import Looks
from fraud_cfn.deploy.change import parameters
from fraud_cfn.deploy.change.carry_out import Place
from fraud_cfn.deploy.change.template import Template
from fraud_cfn.deploy.errors import UsageError
from fraud_cfn.deploy.running import images, workloads
from fraud_cfn.deploy.stack import stacks
from fraud_cfn.deploy.stack.stacks import Stack
from fraud_cfn.template import combinations

# What CloudFormation could change only by making it anew, under a name that is taken: it fails halfway.
_FIXED = {  # … and what it is where the stack does not say (`None`: nobody knows)
    names.VPC_CIDR: (
        None,
        "the subnets, and all that is in them, would have to move to another VPC at once",
    ),
    names.DATA_KMS_KEY_ARN: (
        "",
        "the database and the repositories would have to be made anew, under names that are taken",
    ),
}


def look(place: Place, source: Template, stack: Stack | None, chosen: dict[str, str], looks: Looks) -> None:
    """All of it, for a stack (`None`: a new one) and the values that were `chosen`."""
    before = stack.parameters if stack else {}
    values = parameters.effective(source.parameters, chosen, before)
    if stack is None and (asked_for := values.get(names.SERVICES_ENABLED, "false")) != "false":
        looks.stop(
            f"{names.SERVICES_ENABLED} cannot be {asked_for!r} at the creation: that makes the "
            "repositories, so there is no image yet that a task could start",
            f"leave it out; push the images afterwards, then {stacks.command('start', place.suffix)}",
        )
    for conflict in combinations.conflicts(values):
        looks.stop(conflict.what, conflict.advice)
    for name, (unsaid, why) in _FIXED.items():
        was = before.get(name, unsaid) if stack else None
        if was is not None and name in values and values[name] != was:
            looks.stop(
                f"{name} is {was or 'empty'} since the stack was created, and cannot become "
                f"{values[name] or 'empty'}: {why}",
                "leave it, or deploy another environment with it",
            )
    was, wanted = (one.get(names.DATABASE_ENGINE_VERSION) for one in (before, values))
    if was and wanted and was != wanted:
        preflight.look_at_upgrade(place.session, was, wanted, looks)
    new = {name: value for name, value in values.items() if value != before.get(name)}
    asked = {name: value for name, value in new.items() if not (stack and name in _FIXED)}
    given.look(place.session, place.suffix, asked, looks)
    by_look_up = [expected.parameter for expected in secret_lookup.EXPECTED]
    missing = [
        name
        for name in parameters.missing(source.parameters, chosen, before)
        if not (looks.obstacles and name in by_look_up)  # why it has none is told already
    ]
    if missing:
        options = " ".join(f"--param {name}=…" for name in missing)
        have = "have" if len(missing) > 1 else "has"
        looks.stop(f"{' and '.join(missing)} {have} no value and no default", f"give it: {options}")
    if stack:
        _look_at_images(place, source, stack, values, looks)


def _look_at_images(
    place: Place, source: Template, stack: Stack, values: Mapping[str, str], looks: Looks
) -> None:
    """Where tasks run, a tag that is new must be in its repository; where they come to run, each must."""
    was, will = (one.get(names.SERVICES_ENABLED, "false") for one in (stack.parameters, values))
    if will == "false":
        return
    changed = {name for name, value in values.items() if stack.parameters.get(name) != value}
    all_of_them = was == "false" or names.CPU_ARCHITECTURE in changed
    if not all_of_them and not changed & _choosing_images(source):
        return

    def question() -> None:
        wanted = [
            (workload, values[workload.tag_parameter])
            for workload in workloads.read(place.session, stack).workloads
            if workload.tag_parameter in (values if all_of_them else changed)
        ]
        if wanted:
            images.must_exist(place.session, wanted, values.get(names.CPU_ARCHITECTURE, ""))

    try:
        looks.ask("the images", question)
    except UsageError as error:
        looks.stop(error.message, error.next_step)


def _choosing_images(source: Template) -> set[str]:
    """Parameters that the images of the template's tasks refer to."""
    tasks: list[Any] = [
        resource.get("Properties", {}).get("ContainerDefinitions", ())
        for resource in source.document.template["Resources"].values()
        if resource["Type"] == "AWS::ECS::TaskDefinition"
    ]
    found = {name for task in tasks for name in workloads.references([one.get("Image") for one in task])}
    return found & set(source.parameters)
