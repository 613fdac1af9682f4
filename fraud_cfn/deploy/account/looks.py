"""What looking around before a deployment found: what stands in its way, and what could not be looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from fraud_cfn.deploy.account import trouble
from fraud_cfn.deploy.errors import UsageError

_T = TypeVar("_T")


def not_looked_at(unknown: Mapping[str, str]) -> list[str]:
    """What could not be looked at, and why, a line each."""
    return [f"not looked at: {what}: {why}" for what, why in unknown.items()]


@dataclass(frozen=True)
class Obstacle:
    """Something that would make the deployment fail, and what to do about it."""

    what: str
    then: str


@dataclass
class Looks:
    """Collects what each look finds, so that all of it is told at once; a look that fails hides no other."""

    obstacles: list[Obstacle] = field(default_factory=list[Obstacle])
    unknown: dict[str, str] = field(default_factory=dict[str, str])  # what could not be looked at → why

    def ask(self, what: str, question: Callable[[], _T]) -> _T | None:
        """The answer; `None` where AWS gave none (denied, throttled, no connection), which is unknown.

        `CredentialsError` where AWS no longer accepts the credentials: then nothing can be asked.
        """
        try:
            return question()
        except trouble.UNANSWERED as error:
            if lost := trouble.lost_credentials(error):
                raise lost from error
            self.unknown[what] = trouble.words(error)
            return None

    def stop(self, what: str, then: str) -> None:
        """Something stands in the way."""
        self.obstacles.append(Obstacle(what, then))

    def refuse(self) -> None:
        """`UsageError` with everything that stands in the way, if anything does."""
        if len(self.obstacles) == 1:
            raise UsageError(self.obstacles[0].what, self.obstacles[0].then)
        if self.obstacles:
            lines = "".join(f"\n  {one.what}\n    → {one.then}" for one in self.obstacles)
            raise UsageError(
                f"{len(self.obstacles)} things stand in the way of this deployment{lines}",
                "do each of these, then run it again",
            )
