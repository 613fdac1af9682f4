"""What the mutants showed: the share that is caught, by judge, and the survivors."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from tests.mutation.runner import Verdict

AIM = 0.98
EQUIVALENT = Path(__file__).with_name("equivalent.yaml")


def report(verdicts: list[Verdict], *, whole: bool) -> int:
    """Print it; the exit code."""
    known: dict[str, str] = yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8")) or {}
    survivors = [verdict.mutant for verdict in verdicts if verdict.survived]
    excused = {name for name in survivors if any(fnmatchcase(name, pattern) for pattern in known)}
    open_ones = [name for name in survivors if name not in excused]
    judged = len(verdicts) - len(excused)
    caught = judged - len(open_ones)
    for name in open_ones:
        print(f"survived  {name}")
    print(f"{judged} faults ({len(excused)} more change nothing): {_share(caught, judged)} caught")
    print(f"  by cloudformation-validate alone, of a sample: {_share(*_by_validator(verdicts))}")
    print(f"  by the tests alone: {_share(sum(bool(verdict.test) for verdict in verdicts), judged)}")
    stale = (
        [pattern for pattern in known if not any(fnmatchcase(name, pattern) for name in survivors)]
        if whole
        else []
    )
    for pattern in stale:
        print(f"equivalent.yaml: no survivor is {pattern}: take it out")
    return 1 if stale or caught < AIM * judged else 0


def _by_validator(verdicts: list[Verdict]) -> tuple[int, int]:
    planned = [verdict for verdict in verdicts if verdict.planned]
    return sum(verdict.validator for verdict in planned), len(planned)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.1f} %"
