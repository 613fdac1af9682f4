"""A table of measurements, as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A title, the heads of the columns, and rows of as many cells."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __str__(self) -> str:
        lines = [self.heads, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join([self.title, "─" * len(self.title), *(_aligned(line, widths) for line in lines)])


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """The first column to the left, numbers to the right."""
    first, *others = (
        cell.rjust(width) if number else cell.ljust(width)
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "   ".join([first, *others]).rstrip()


def seconds(value: float) -> str:
    return f"{value:.3f} s"


def share(value: float, limit: float) -> str:
    """`75,108 (147 %)`: of the limit."""
    return f"{value:,.0f} ({100 * value / limit:.0f} %)"
