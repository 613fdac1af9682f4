"""What is known of each environment, from its file: before the change and after it.

A file that changes with the template is part of the change. As in a deployment, a value that the file no
longer gives is kept by the stack, and so is a tag; a file that is new says what the stack has all along.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fraud_cfn.config import SUFFIX_PARAMETER
from fraud_cfn.review.model import Template
from fraud_cfn.review.revisions import files_at
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
    """One environment: the parameter values that its stack has, and what the change gives anew."""

    values: Mapping[str, str]
    given: Mapping[str, str] = field(default_factory=dict[str, str])
    tags: tuple[TagChange, ...] = ()


def settings(
    before: Template, after: Template, files: list[Environment], base: Mapping[str, Environment]
) -> dict[str, Settings]:
    """Environment → what is known of it, of the parameters that a template has.

    `files`: as they are now; `base`: those that BEFORE's revision had.
    """
    declared = {**before.parameters, **after.parameters}
    found: dict[str, Settings] = {}
    for now in files:
        then = base.get(now.suffix, now)
        sides = [
            {name: value for name, value in side.values.items() if name in declared} for side in (then, now)
        ]
        if SUFFIX_PARAMETER in declared:
            sides[0][SUFFIX_PARAMETER] = now.suffix
        given = {name: value for name, value in sides[1].items() if sides[0].get(name) != value}
        tags = tuple(
            TagChange(name, then.tags[name].value if name in then.tags else None, tag.value)
            for name, tag in now.tags.items()
            if name not in then.tags or then.tags[name].value != tag.value
        )
        found[now.suffix] = Settings(sides[0], given, tags)
    return found


def at_revision(revision: str, folder: Path = environments.FOLDER) -> dict[str, Environment]:
    """The environment files of a revision; one that no command could read there says nothing."""
    found: dict[str, Environment] = {}
    for name, content in files_at(revision, folder).items():
        suffix = environments.suffix_of(name)
        if suffix is None:
            continue
        try:
            found[suffix] = environments.parse(content, suffix, f"{folder.name}/{name} at {revision}")
        except EnvironmentFileError:
            continue
    return found
