"""Validating the committed template with both engines."""

from __future__ import annotations

import json
from collections.abc import Iterator

from bench.process import measure
from bench.table import Table, seconds
from fraud_cfn.config import COMMITTED, REGION
from fraud_cfn.template.scenarios import SCENARIOS

RUNS, LINT_RUNS = 3, 1
AIM = 1.0  # seconds, all scenarios

_ENGINE = """
import json, time
from fraud_cfn.template.document import read
from fraud_cfn.template.scenarios import BASE
from fraud_cfn.template.validation import check_scenarios
document = read()
laps, start = {}, time.perf_counter()
def lap(name):
    global start
    laps[name], start = time.perf_counter() - start, time.perf_counter()
import cloudformation_validate
cloudformation_validate.CelEngine()
lap("load")
list(check_scenarios(document, {}))
start = time.perf_counter()
list(check_scenarios(document, {"bootstrap": BASE}))
lap("first")
list(check_scenarios(document, {"bootstrap": BASE}))
lap("one")
list(check_scenarios(document))
lap("all")
print(json.dumps(laps))
"""


def tables() -> Iterator[Table]:
    lint = measure(
        ["-c", "from cfnlint.runner import main; main()", "--regions", REGION],
        LINT_RUNS,
        COMMITTED.read_text(encoding="utf-8"),
    )
    whole = measure(["-m", "fraud_cfn.template.validation"], 1)
    engine = measure(["-c", _ENGINE], RUNS)
    laps = json.loads(engine.output)
    yield Table(
        f"Validation of the committed template (aim: all scenarios within {AIM:.0f} s)",
        ("", "wall", "CPU"),
        [
            ("cloudformation-validate: load the engine", seconds(laps["load"]), ""),
            ("cloudformation-validate: one scenario", seconds(laps["one"]), ""),
            (f"cloudformation-validate: all {len(SCENARIOS)} scenarios", seconds(laps["all"]), ""),
            ("cfn-lint, whole process", seconds(lint.wall), seconds(lint.cpu)),
            ("python -m fraud_cfn.template.validation, both", seconds(whole.wall), seconds(whole.cpu)),
        ],
    )
