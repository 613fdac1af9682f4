"""Parameter values that fit one by one and not together, or that no pattern of a template can refuse.

Sources: Amazon Aurora User Guide, "Setting the Aurora Serverless v2 capacity range for a cluster"; Amazon ECS
API Reference and AWS CloudFormation Template Reference, CanaryConfiguration and LinearConfiguration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from fraud_cfn import names

# Parameter → the steps in which it is taken, and in words.
_CAPACITY = (Decimal("0.5"), "Aurora's capacity has steps of 0.5")
_MINUTES = (Decimal(1), "ECS counts whole minutes")
_STEPS = {
    names.DATABASE_MIN_CAPACITY: _CAPACITY,
    names.DATABASE_MAX_CAPACITY: _CAPACITY,
    names.API_CANARY_PERCENT: (Decimal("0.1"), "ECS takes percent in steps of 0.1"),
    names.API_STEP_MINUTES: _MINUTES,
    names.API_BAKE_TIME_MINUTES: _MINUTES,
}
_LONGEST = 33 * 60  # minutes of a deployment in stages that CloudFormation does not refuse
_BEYOND = 1_000_000  # far over what any of them takes, and within Decimal's precision


class Conflict(NamedTuple):
    """What cannot be, and the parameters that say it; the first is the one to change."""

    what: str
    advice: str
    parameters: tuple[str, ...]


def conflicts(values: Mapping[str, str]) -> list[Conflict]:
    """What is wrong with a deployment's values, defaults and kept ones among them."""
    found: list[Conflict] = []
    for name, (step, why) in _STEPS.items():
        number = _number(values.get(name))
        if number is not None and number % step:
            what = f"{name} cannot be {values[name]}: {why}"
            found.append(Conflict(what, _near(name, number, step), (name,)))
    capacities = (names.DATABASE_MIN_CAPACITY, names.DATABASE_MAX_CAPACITY)
    least, most = (_number(values.get(name)) for name in capacities)
    if least is not None and most is not None and least > most:
        what = f"{capacities[0]} {values[capacities[0]]} is over {capacities[1]} {values[capacities[1]]}"
        found.append(Conflict(what, f"lower {capacities[0]}, or raise {capacities[1]}", capacities))
    return [*found, *_too_long(values)]


def _too_long(values: Mapping[str, str]) -> Iterator[Conflict]:
    """A deployment in stages of which CloudFormation reckons that it would take too long."""
    parts = (names.API_STEP_MINUTES, names.API_BAKE_TIME_MINUTES, names.API_CANARY_PERCENT)
    step, bake, percent = (_number(values.get(name)) for name in parts)
    strategy = values.get(names.API_DEPLOYMENT_STRATEGY, "")
    if step is None or bake is None or percent is None or strategy not in ("CANARY", "LINEAR"):
        return
    percent = max(percent, Decimal(1))  # less is refused by itself
    steps = int(100 // percent) - (100 % percent == 0)  # it does not wait after the last one
    waits = 1 if strategy == "CANARY" else steps
    minutes = bake + step * waits
    if minutes > _LONGEST:
        what = (
            f"a {strategy} deployment would wait {minutes.normalize():f} minutes ({waits} times {parts[0]}, "
            f"then {parts[1]}): CloudFormation refuses over {_LONGEST}"
        )
        yield Conflict(what, f"lower {parts[0]} or {parts[1]}", (*parts, names.API_DEPLOYMENT_STRATEGY))


def _number(value: str | None) -> Decimal | None:
    """`None` for what is no number: that is told by the parameter's own constraints."""
    try:
        number = Decimal(value or "")
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) < _BEYOND else None


def _near(name: str, number: Decimal, step: Decimal) -> str:
    below = number // step * step
    return f"choose {name}={below.normalize():f} or {(below + step).normalize():f}"
