"""Parameter values that fit one by one and not together, or that no pattern of a template can refuse.

Source: Amazon Aurora User Guide, "Setting the Aurora Serverless v2 capacity range for a cluster".
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from fraud_cfn import names

_STEP = Decimal("0.5")
_BEYOND = 1_000_000  # far over what Aurora takes, and within Decimal's precision


class Conflict(NamedTuple):
    """What cannot be, and the parameters that say it; the first is the one to change."""

    what: str
    advice: str
    parameters: tuple[str, ...]


def conflicts(values: Mapping[str, str]) -> list[Conflict]:
    """What is wrong with a deployment's values, defaults and kept ones among them."""
    found: list[Conflict] = []
    capacities = (names.DATABASE_MIN_CAPACITY, names.DATABASE_MAX_CAPACITY)
    for name in capacities:
        capacity = _number(values.get(name))
        if capacity is not None and capacity % _STEP:
            what = f"{name} cannot be {values[name]}: Aurora's capacity has steps of 0.5"
            found.append(Conflict(what, _near(name, capacity), (name,)))
    least, most = (_number(values.get(name)) for name in capacities)
    if least is not None and most is not None and least > most:
        what = f"{capacities[0]} {values[capacities[0]]} is over {capacities[1]} {values[capacities[1]]}"
        found.append(Conflict(what, f"lower {capacities[0]}, or raise {capacities[1]}", capacities))
    return found


def _number(value: str | None) -> Decimal | None:
    """`None` for what is no number: that is told by the parameter's own constraints."""
    try:
        number = Decimal(value or "")
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) < _BEYOND else None


def _near(name: str, capacity: Decimal) -> str:
    below = capacity // _STEP * _STEP
    return f"choose {name}={below.normalize():f} or {(below + _STEP).normalize():f}"
