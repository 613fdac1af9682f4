"""How generation grows with the number of services.

The further services are copies of the worker's module under other names, as somebody who adds a service
would begin. They share the worker's queue, repository and security group. `python -m bench.growth N`
generates a platform of N services and prints its numbers.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.process import measure
from bench.table import Table, seconds, share
from fraud_cfn.config import INLINE_LIMIT

RUNS = 5
SERVICES = (2, 10, 20)  # the platform itself has two; a stack holds 500 resources
_BUCKET_LIMIT = 1_000_000


def tables() -> Iterator[Table]:
    costs = {count: measure(["-m", "bench.growth", str(count)], RUNS) for count in SERVICES}
    numbers = {count: json.loads(cost.output) for count, cost in costs.items()}
    yield Table(
        f"Growth (whole process, median of {RUNS} runs)",
        ("services", "resources", "CPU", "YAML (of 1,000,000 through a bucket)", "minified (of 51,200)"),
        [
            (
                str(count),
                str(numbers[count]["resources"]),
                seconds(cost.cpu),
                share(numbers[count]["yaml"], _BUCKET_LIMIT),
                share(numbers[count]["minified"], INLINE_LIMIT),
            )
            for count, cost in costs.items()
        ],
    )
    few, many = SERVICES[0], SERVICES[-1]
    steps = many - few
    yield Table(
        "Growth, a further service",
        ("resources", "CPU", "bytes of YAML", "bytes minified"),
        [
            (
                f"{(numbers[many]['resources'] - numbers[few]['resources']) / steps:.0f}",
                seconds((costs[many].cpu - costs[few].cpu) / steps),
                f"{(numbers[many]['yaml'] - numbers[few]['yaml']) / steps:,.0f}",
                f"{(numbers[many]['minified'] - numbers[few]['minified']) / steps:,.0f}",
            )
        ],
    )


def generate(services: int) -> dict[str, int]:
    """Numbers of the platform with that many services, two of which are its own."""
    from fraud_cfn.platform import services as services_package
    from fraud_cfn.platform import stack
    from fraud_cfn.template.render import render

    given: list[tuple[Any, ...]] = []
    build_worker, assemble = stack.worker.build, stack.assemble

    def remember(*arguments: Any) -> Any:
        given.append(arguments)
        return build_worker(*arguments)

    def extend(*parts: Any, outputs: Any) -> stack.Stack:
        with tempfile.TemporaryDirectory() as folder:
            services_package.__path__.append(folder)
            clones = [_clone(stack.worker, number, Path(folder)) for number in range(3, services + 1)]
        return assemble(*parts, *((clone, clone.build(*given[0])) for clone in clones), outputs=outputs)

    stack.worker.build, stack.assemble = remember, extend  # this process does nothing else
    built = stack.build()
    return {
        "resources": len(built.template.resources),
        "yaml": len(render(built, "yaml").encode()),
        "minified": len(render(built, "json").strip().encode()),
    }


def _clone(module: ModuleType, number: int, folder: Path) -> ModuleType:
    """The module under another name, its logical ids and container renamed."""
    text = Path(str(module.__file__)).read_text(encoding="utf-8")
    file = folder / f"worker{number}.py"
    file.write_text(
        text.replace('"Worker', f'"Worker{number}').replace('"worker', f'"worker{number}'), encoding="utf-8"
    )
    return import_module(f"{module.__name__}{number}")


if __name__ == "__main__":
    print(json.dumps(generate(int(sys.argv[1]))))
