"""Generating the template: the whole process, and where its time goes."""

from __future__ import annotations

import json
from collections.abc import Iterator

from bench.process import measure, peak_memory
from bench.table import Table, seconds

RUNS = 7
AIM = 0.2  # seconds of CPU

_BARE, _TROPOSPHERE = "pass", "import troposphere"
_GENERATE = "from fraud_cfn.template.generation import main; main(['--stdout'])"

_LAPS = """
import json, time
laps, last = {}, 0.0
def lap(name):
    global last
    laps[name], last = time.process_time() - last, time.process_time()
lap("start Python")
import troposphere
lap("import troposphere")
import fraud_cfn.template.generation, fraud_cfn.platform.stack, fraud_cfn.template.render
lap("import the builders and their troposphere modules")
stack = fraud_cfn.platform.stack.build()
lap("build")
stack.template.to_dict()
lap("convert to a dictionary")
fraud_cfn.template.render.render(stack, "yaml")
lap("render (converts again)")
print(json.dumps(laps))
"""


def tables() -> Iterator[Table]:
    bare, troposphere, generate = (measure(["-c", code], RUNS) for code in (_BARE, _TROPOSPHERE, _GENERATE))
    yield Table(
        f"Generation, whole process (median of {RUNS} runs; aim: {AIM} s of CPU)",
        ("", "wall", "CPU", "CPU × pass", "CPU × import", "peak memory"),
        [
            (
                name,
                seconds(cost.wall),
                seconds(cost.cpu),
                f"{cost.cpu / bare.cpu:.1f}",
                f"{cost.cpu / troposphere.cpu:.1f}",
                _megabytes(peak_memory(code)),
            )
            for name, cost, code in (
                ("python -c pass", bare, _BARE),
                ("import troposphere", troposphere, _TROPOSPHERE),
                ("generate.py --stdout", generate, _GENERATE),
            )
        ],
    )
    laps = json.loads(measure(["-c", _LAPS], RUNS).output)
    yield Table(
        "Generation, where the CPU goes (one run)",
        ("", "CPU"),
        [(name, seconds(value)) for name, value in laps.items()],
    )


def _megabytes(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} MB"
