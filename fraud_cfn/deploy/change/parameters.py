"""Which value each parameter gets: given, else what the stack has, else looked up, else the default."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fraud_cfn.config import ROOT
from fraud_cfn.deploy.errors import UsageError

Declared = Mapping[str, Mapping[str, Any]]  # a template's Parameters


@dataclass(frozen=True)
class Given:
    """What the user asked for: `environments/<suffix>.yaml`, overridden by the command line."""

    parameters: dict[str, str]
    tags: dict[str, str]


def given(suffix: str, parameters: list[str], tags: list[str], folder: Path = ROOT / "environments") -> Given:
    """Read the environment's file, if there is one, and the `K=V` pairs of the command line."""
    file = folder / f"{suffix}.yaml"
    fixed = _environment(file) if file.exists() else Given({}, {})
    chosen = fixed.parameters | pairs(parameters, "--param")
    if chosen.get("EnvironmentSuffix", suffix) != suffix:
        raise UsageError(
            f"EnvironmentSuffix is {suffix}, the name of the environment; it cannot be "
            f"{chosen['EnvironmentSuffix']!r} too",
            "leave it out",
        )
    return Given(chosen | {"EnvironmentSuffix": suffix}, fixed.tags | pairs(tags, "--tag"))


def pairs(texts: list[str], option: str) -> dict[str, str]:
    """`["K=V"]` → `{"K": "V"}`."""
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{option} {text!r} is not NAME=VALUE", f"write it as {option} NAME=VALUE")
        found[key.strip()] = value
    return found


def _environment(file: Path) -> Given:
    import yaml

    shown = f"environments/{file.name}"
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(
            f"{shown} cannot be read ({str(error).splitlines()[0]})", "correct the file"
        ) from error
    content = {} if content is None else content
    form = "it holds 'parameters:' and 'tags:', each a mapping of names to values"
    if not isinstance(content, dict) or set(content) - {"parameters", "tags"}:
        raise UsageError(f"{shown} is not an environment file", form)
    if not all(isinstance(part or {}, dict) for part in content.values()):
        raise UsageError(f"{shown} is not an environment file", form)
    return Given(_texts(content.get("parameters")), _texts(content.get("tags")))


def _texts(mapping: dict[Any, Any] | None) -> dict[str, str]:
    return {str(key): _text(value) for key, value in (mapping or {}).items()}


def _text(value: Any) -> str:
    """A YAML value as CloudFormation takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(map(_text, value))
    return "" if value is None else str(value)


def check(declared: Declared, chosen: Mapping[str, str]) -> None:
    """Hold the given values against what the template declares; `UsageError` for the first misfit."""
    for name, value in chosen.items():
        if name not in declared:
            close = difflib.get_close_matches(name, declared, n=1)
            hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(sorted(declared))}"
            raise UsageError(f"the template has no parameter {name!r}", hint)
        if problem := _misfit(declared[name], value):
            raise UsageError(f"{name} cannot be {value!r}: {problem}", _hint(declared[name]))


def _misfit(parameter: Mapping[str, Any], value: str) -> str:
    """What is wrong with the value, by the template's own constraints; empty if nothing."""
    allowed = [_text(one) for one in parameter.get("AllowedValues", ())]
    if allowed and value not in allowed:
        return f"it must be one of {', '.join(allowed)}"
    pattern = parameter.get("AllowedPattern")
    if pattern and not re.fullmatch(pattern, value):
        return f"it must match {pattern}"
    if parameter.get("Type") == "Number":
        return _number_misfit(parameter, value)
    least, most = int(parameter.get("MinLength", 0)), int(parameter.get("MaxLength", 4096))
    return "" if least <= len(value) <= most else f"it must have {least} to {most} characters"


def _number_misfit(parameter: Mapping[str, Any], value: str) -> str:
    try:
        number = float(value)
    except ValueError:
        return "it must be a number"
    least = float(parameter.get("MinValue", "-inf"))
    most = float(parameter.get("MaxValue", "inf"))
    return "" if least <= number <= most else f"it must be from {least:g} to {most:g}"


def _hint(parameter: Mapping[str, Any]) -> str:
    return parameter.get("ConstraintDescription") or parameter.get("Description") or "correct the value"


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
        elif "Default" not in declared[name]:
            raise UsageError(f"{name} has no value and no default", f"give one: --param {name}=…")
    return asked


def stale_defaults(
    declared: Declared, deployed: Declared, chosen: Mapping[str, str], previous: Mapping[str, str]
) -> list[str]:
    """Warnings for parameters whose default changed while the stack keeps the old value."""
    warnings = []
    for name, parameter in declared.items():
        before, after = deployed.get(name, {}).get("Default"), parameter.get("Default")
        if name in chosen or name not in previous or before is None or after is None:
            continue
        if _text(before) != _text(after) and previous[name] != _text(after):
            warnings.append(
                f"{name}: the template's default is now {_text(after)!r} (was {_text(before)!r}), "
                f"but this stack keeps {previous[name]!r}; to follow: --param {name}={_text(after)}"
            )
    return warnings


def may_be_stale(declared: Declared, chosen: Mapping[str, str], previous: Mapping[str, str]) -> bool:
    """Whether any kept value differs from the template's default, so that asking for the deployed
    defaults is worth a call."""
    return any(
        name in previous and name not in chosen and previous[name] != _text(parameter.get("Default"))
        for name, parameter in declared.items()
        if "Default" in parameter
    )
