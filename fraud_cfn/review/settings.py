"""What is known of each environment, from its file: before the change and after it.

A file that changes with the template is part of the change. As in a deployment, a value that the file no
longer gives is kept by the stack, and so is a tag; a file that is new says what the stack has all along.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fraud_cfn.config import SUFFIX_PARAMETER
from fraud_cfn.review.revisions import content_at
from fraud_cfn.template import environments
from fraud_cfn.template.environments import Environment, EnvironmentFileError


@dataclass(frozen=True)
class TagChange:
    """A tag of the stack, and so of everything in it, that is added or modified (None: absent)."""

    name: str
    before: str | None
    after: str


@dataclass(frozen=True)
class Settings:
    """One environment: the parameter values that its stack has, those that the change gives, and new tags."""

    values: Mapping[str, str]
    given: Mapping[str, str] = field(default_factory=dict[str, str])
    tags: tuple[TagChange, ...] = ()


def settings(files: Iterable[Environment], revision: str) -> dict[str, Settings]:
    """Environment → what is known of it: `files` are as they are now, BEFORE is of that revision."""
    found: dict[str, Settings] = {}
    for now in files:
        then = _at(revision, now)
        had = {**then.values, SUFFIX_PARAMETER: now.suffix}
        tags = tuple(
            TagChange(name, then.tags[name].value if name in then.tags else None, tag.value)
            for name, tag in now.tags.items()
            if name not in then.tags or then.tags[name].value != tag.value
        )
        found[now.suffix] = Settings(had, now.values, tags)
    return found


def _at(revision: str, now: Environment) -> Environment:
    """That environment's file as the revision has it; one that is new or that no command could read there
    says nothing, so that the stack has what it says now."""
    content = content_at(revision, environments.FOLDER / f"{now.suffix}.yaml")
    try:
        return (
            now if content is None else environments.parse(content, now.suffix, f"{now.file} at {revision}")
        )
    except EnvironmentFileError:
        return now
