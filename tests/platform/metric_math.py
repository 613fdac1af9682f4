"""CloudWatch's metric math, as far as the platform uses it.

Source: CloudWatch User Guide, "Using metric math".
"""

from __future__ import annotations

import re


class Count(float):
    """A datapoint: dividing by zero gives no value instead of an error."""

    def __add__(self, other: float) -> Count:
        return Count(float(self) + other)

    def __mul__(self, other: float) -> Count:
        return Count(float(self) * other)

    __rmul__ = __mul__

    def __truediv__(self, other: float) -> Count | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        return Count(float(self) / other) if other else None


def names(expression: str) -> set[str]:
    """The ids of the metrics in it."""
    return set(re.findall(r"\b[a-z]\w*\b", expression))


def value(expression: str, counts: dict[str, float]) -> float:
    """What it is in a minute with those datapoints; what is not counted is a metric without one."""
    functions = {
        "IF": lambda condition, yes, no: yes if condition else no,
        "FILL": lambda count, otherwise: Count(otherwise if count is None else count),
    }
    return eval(expression, dict.fromkeys(names(expression)) | counts | functions)  # noqa: S307
