"""The actions of AWS's services by name, to say what a wildcard stands for.

Source: the service authorization reference as cfn-lint ships it (lower case); the case as awacs writes it.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fraud_cfn.review.wildcards import covers, is_pattern

_MODULES = {"lambda": "awslambda"}  # awacs's module names, where they are not the prefix


@cache
def expand(pattern: str) -> tuple[str, ...]:
    """The actions that a pattern such as `s3:Get*` stands for; itself, where nobody can list them."""
    service, _, name = pattern.partition(":")
    if not is_pattern(pattern):
        return (pattern,)
    wanted = name.lower()
    matching = [action for action in _actions(service.lower()) if covers(wanted, action.lower())]
    return tuple(f"{service}:{action}" for action in sorted(matching)) or (pattern,)


@cache
def _actions(service: str) -> tuple[str, ...]:
    known = _reference().get(service, {}).get("Actions", {})
    spelled = _spelling(service) if known else {}
    return tuple(spelled.get(action, action) for action in known)


@cache
def _reference() -> dict[str, dict[str, dict[str, object]]]:
    package = find_spec("cfnlint")  # finds it without the second that importing it takes
    if package is None or package.origin is None:
        return {}
    path = Path(package.origin).parent / "data" / "AdditionalSpecs" / "Policies.json"
    return json.loads(path.read_text(encoding="utf-8"))


def _spelling(service: str) -> dict[str, str]:
    """Lower case → the action as AWS writes it."""
    module = f"awacs.{_MODULES.get(service, service.replace('-', '_'))}"
    if find_spec("awacs") is None or find_spec(module) is None:
        return {}
    names = (getattr(value, "action", None) for value in vars(import_module(module)).values())
    return {name.lower(): name for name in names if isinstance(name, str)}


def has_resource_level(action: str) -> bool:
    """Whether AWS lets a policy name the resources of that action; one that nobody knows counts as such."""
    service, _, name = action.lower().partition(":")
    known = _reference().get(service, {}).get("Actions", {})
    return name not in known or bool(known[name])


def resource_forms(action: str) -> dict[str, tuple[str, ...]]:
    """Type of resource that AWS judges the action on → the forms of its ARNs, `.*` for what varies.

    Source: the Service Authorization Reference, as cfn-lint ships it.
    """
    service, _, name = action.lower().partition(":")
    known: Any = _reference().get(service, {})
    named = known.get("Actions", {}).get(name, {}).get("Resources", ())
    return {kind: tuple(known["Resources"].get(kind, {}).get("ARNFormats", ())) for kind in named}
