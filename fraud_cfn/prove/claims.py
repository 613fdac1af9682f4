"""What is claimed of the platform, each claim with what speaks against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fraud_cfn.prove import access, reach
from fraud_cfn.review.model import Template


@dataclass(frozen=True)
class Claim:
    """A sentence about the platform; it holds unless something speaks against it."""

    area: str  # access, reachability
    sentence: str
    against: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.against


def claims(template: Template, **values: str) -> tuple[Claim, ...]:
    """Every claim, computed for that template under parameter `values`."""
    areas: dict[str, dict[str, Callable[..., Iterator[str]]]] = {
        "access": access.CLAIMS,
        "reachability": reach.CLAIMS,
    }
    return tuple(
        Claim(area, sentence, tuple(_against(compute, template, values)))
        for area, sentences in areas.items()
        for sentence, compute in sentences.items()
    )


def _against(
    compute: Callable[..., Iterator[str]], template: Template, values: dict[str, str]
) -> Iterator[str]:
    try:
        yield from compute(template, **values)
    except Exception as error:  # what cannot be judged does not hold
        yield f"cannot be judged: {type(error).__name__}: {error}"
