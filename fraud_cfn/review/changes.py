"""What happens to a resource, as data: a change, its details, and the order of classes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from fraud_cfn.review.resolve import Value

Certainty = Literal["no", "maybe", "yes"]
CLASSES = ("none", "harmless", "interruption", "replacement", "data-loss", "will-fail")


@dataclass(frozen=True)
class Detail:
    """One leaf of a change: its path, both values (None: absent) and what a change there does."""

    path: str
    before: Value
    after: Value
    replacement: Certainty
    because: str


@dataclass(frozen=True)
class Change:
    """What happens to one resource."""

    logical_id: str
    type: str
    action: Literal["add", "remove", "modify"]
    replacement: Certainty
    class_: str
    reasons: tuple[str, ...] = ()
    details: tuple[Detail, ...] = ()
    renamed_to: str | None = None
    renamed_from: str | None = None

    @property
    def is_maybe(self) -> bool:
        """Whether it depends on open values that it is of its class."""
        if self.class_ == "will-fail" and not self.reasons[0].startswith(("may: depends", "may: only")):
            return all(reason.startswith("may: ") for reason in self.reasons)
        return self.replacement == "maybe" or any(reason.startswith("may: ") for reason in self.reasons)


def worst(classes: Iterable[str]) -> str:
    """The worst of some classes; `none` of none."""
    return max(classes, key=CLASSES.index, default="none")
