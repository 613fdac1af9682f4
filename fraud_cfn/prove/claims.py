"""What is claimed of the platform, each claim with what speaks against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from fraud_cfn.prove import access, reach
from fraud_cfn.review.model import Template

_AREAS: dict[str, dict[str, Callable[..., Iterator[str]]]] = {
    "access": access.CLAIMS,
    "reachability": reach.CLAIMS,
}


@dataclass(frozen=True)
class Claim:
    """A sentence about a template under parameter values; judged when it is first asked for."""

    area: str  # access, reachability
    sentence: str
    _compute: Callable[..., Iterator[str]] = field(repr=False)
    _template: Template = field(repr=False)
    _values: Mapping[str, str] = field(repr=False)

    @cached_property
    def against(self) -> tuple[str, ...]:
        """What speaks against it; also that it could not be judged."""
        return tuple(self._judged())

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.against

    def _judged(self) -> Iterator[str]:
        try:
            yield from self._compute(self._template, **self._values)
        except Exception as error:  # what cannot be judged does not hold
            yield f"cannot be judged: {type(error).__name__}: {error}"


def claims(template: Template, **values: str) -> tuple[Claim, ...]:
    """Every claim of that template under parameter `values`."""
    return tuple(
        Claim(area, sentence, compute, template, values)
        for area, sentences in _AREAS.items()
        for sentence, compute in sentences.items()
    )
