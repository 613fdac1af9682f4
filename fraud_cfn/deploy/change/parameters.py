"""Which value each parameter gets: given, else what the stack has, else looked up, else the default."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fraud_cfn.deploy.errors import UsageError
from fraud_cfn.template import constraints, environments
from fraud_cfn.template.constraints import Declared
from fraud_cfn.template.environments import Environment


@dataclass(frozen=True)
class Given:
    """What the user asked for: `environments/<suffix>.yaml`, overridden by the command line."""

    parameters: dict[str, str]
    tags: dict[str, str]
    file: Environment


def given(suffix: str, parameters: list[str], tags: list[str], folder: Path = environments.FOLDER) -> Given:
    """Read the environment's file, if there is one, and the `K=V` pairs of the command line."""
    try:
        file = environments.read(suffix, folder)
    except environments.EnvironmentFileError as error:
        raise _refusal(error.problems) from error
    chosen = file.values | pairs(parameters, "--param")
    if chosen.get("EnvironmentSuffix", suffix) != suffix:
        raise UsageError(
            f"EnvironmentSuffix is {suffix}, the name of the environment; it cannot be "
            f"{chosen['EnvironmentSuffix']!r} too",
            "leave it out",
        )
    added = pairs(tags, "--tag")
    for key, value in added.items():
        if misfit := environments.tag_misfit(key, value):
            raise UsageError(f"--tag {f'{key}={value}'!r} cannot be: {misfit}", "change it")
    kept = {key: setting.value for key, setting in file.tags.items()}
    return Given(chosen | {"EnvironmentSuffix": suffix}, kept | added, file)


def pairs(texts: list[str], option: str) -> dict[str, str]:
    """`["K=V"]` → `{"K": "V"}`; the last of the same name counts."""
    values: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            # What follows the name could be a password.
            name = re.split(r"[^\w-]", text, maxsplit=1)[0]
            shown = repr(text if name == text else f"{name}…")
            raise UsageError(f"{option} {shown} is not NAME=VALUE", f"write it as {option} NAME=VALUE")
        values[key.strip()] = value
    return values


def check(declared: Declared, chosen: Given | Mapping[str, str]) -> None:
    """Hold what was given against what the template declares; `UsageError` for the first misfit, with
    its line where it stands in a file."""
    if isinstance(chosen, Given):
        if problems := environments.problems(chosen.file, declared):
            raise _refusal(problems)
        chosen = chosen.parameters
    for name, value in chosen.items():
        if name not in declared:
            raise UsageError(*constraints.unknown(name, declared))
        if misfit := constraints.misfit(declared[name], value):
            shown = constraints.shown(declared[name], value)
            raise UsageError(f"{name} cannot be {shown}: {misfit}", constraints.advice(declared[name]))


def _refusal(problems: Sequence[environments.Problem]) -> UsageError:
    first, *others = problems
    more = f" ({len(others)} more in it: make validate)" if others else ""
    return UsageError(f"{first.place}: {first.what}", f"{first.advice}{more}")


def request(
    declared: Declared, chosen: Mapping[str, str], previous: Mapping[str, str]
) -> list[dict[str, str | bool]]:
    """CreateChangeSet's `Parameters`: every one not chosen keeps the stack's value, if it has one."""
    asked: list[dict[str, str | bool]] = []
    for name in declared:
        if name in chosen:
            asked.append({"ParameterKey": name, "ParameterValue": chosen[name]})
        elif name in previous:
            asked.append({"ParameterKey": name, "UsePreviousValue": True})
    return asked


def missing(declared: Declared, chosen: Mapping[str, str], previous: Mapping[str, str]) -> list[str]:
    """Parameters without any value."""
    return [
        name
        for name, parameter in declared.items()
        if name not in chosen and name not in previous and "Default" not in parameter
    ]


def effective(declared: Declared, chosen: Mapping[str, str], previous: Mapping[str, str]) -> dict[str, str]:
    """The value that each parameter will have, as far as it has one."""
    defaults = {
        name: constraints.text(parameter["Default"])
        for name, parameter in declared.items()
        if "Default" in parameter
    }
    return {name: value for name, value in {**defaults, **previous, **chosen}.items() if name in declared}


def stale_defaults(
    declared: Declared, deployed: Declared, chosen: Mapping[str, str], previous: Mapping[str, str]
) -> list[str]:
    """Warnings for parameters whose default changed while the stack keeps the old value."""
    warnings: list[str] = []
    for name, parameter in declared.items():
        was, default = deployed.get(name, {}).get("Default"), parameter.get("Default")
        if was is None or default is None or constraints.is_hidden(parameter):
            continue
        was, default, kept = constraints.text(was), constraints.text(default), previous.get(name)
        if name not in chosen and kept not in (None, default) and was != default:
            warnings.append(
                f"{name}: the template's default is now {default!r} (was {was!r}), "
                f"but this stack keeps {kept!r}; to follow: --param {name}={default}"
            )
    return warnings


def may_be_stale(declared: Declared, chosen: Mapping[str, str], previous: Mapping[str, str]) -> bool:
    """Whether any kept value differs from the template's default, so that asking for the deployed
    defaults is worth a call."""
    return any(
        name in previous
        and name not in chosen
        and previous[name] != constraints.text(parameter.get("Default"))
        for name, parameter in declared.items()
        if "Default" in parameter and not constraints.is_hidden(parameter)
    )
