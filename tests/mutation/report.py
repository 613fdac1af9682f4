"""What the mutants showed: the share that is caught, by judge, and the survivors."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from fraud_cfn.prove import faults
from tests.mutation.runner import Verdict

EQUIVALENT = Path(__file__).with_name("equivalent.yaml")
# What a mutant is called after its place → what is said of its kind.
_KINDS = {
    "dropped": "something is taken away",
    "one more|added .*": "something is added",
    "widened .*|takes everything": "a permission, an address range or a pattern is widened",
    r".* became .*|another text.*|True|False|negated|the other branch": "a value or a reference is changed",
}
_PLOT = "several changes that belong together (plots.yaml)"


@dataclass(frozen=True)
class Judged:
    """A run's verdicts against the list of what nobody can tell."""

    verdicts: Sequence[Verdict]
    known: dict[str, str]  # pattern → why nobody can tell
    every: int  # every how many-th of them all was judged
    number: int  # of them all

    @property
    def excused(self) -> list[str]:
        return [name for name in self._survivors if self._reason(name)]

    @property
    def survivors(self) -> list[str]:
        return [name for name in self._survivors if not self._reason(name)]

    @property
    def judged(self) -> list[Verdict]:
        """Those that change something for somebody."""
        excused = set(self.excused)
        return [verdict for verdict in self.verdicts if verdict.mutant not in excused]

    @property
    def stale(self) -> list[str]:
        """Patterns that no survivor needs."""
        names = self._survivors
        return [pattern for pattern in self.known if not any(fnmatchcase(name, pattern) for name in names)]

    @property
    def _survivors(self) -> list[str]:
        return [verdict.mutant for verdict in self.verdicts if verdict.survived]

    def _reason(self, name: str) -> str:
        return next((why for pattern, why in self.known.items() if fnmatchcase(name, pattern)), "")


def report(verdicts: Sequence[Verdict], every: int, number: int, *, write: bool) -> int:
    """Print it, and `write` docs/faults.md; the exit code."""
    known: dict[str, str] = yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8")) or {}
    run = Judged(verdicts, known, every, number)
    for name in run.survivors:
        print(f"survived  {name}")
    print(_sentence(run))
    stale = run.stale if len(verdicts) == number else []
    for pattern in stale:
        print(f"equivalent.yaml: no survivor is {pattern}: take it out")
    if write:
        faults.PAGE.write_text("\n".join(_page(run)) + "\n", encoding="utf-8", newline="\n")
        print(f"Wrote docs/{faults.PAGE.name}")
    caught = len(run.judged) - len(run.survivors)
    return 1 if stale or 100 * caught < faults.AIM * len(run.judged) else 0


def _sentence(run: Judged) -> str:
    """The one that `make prove` and the README repeat."""
    judged = run.judged
    nth = str(run.every) + {2: "nd", 3: "rd"}.get(run.every, "th")
    sampled = f" (every {nth} of {run.number:,})" if run.every > 1 else ""
    caught = len(judged) - len(run.survivors)
    by_tests = sum(bool(verdict.test) for verdict in judged)
    planned = [verdict for verdict in judged if verdict.planned]
    by_validator = sum(verdict.validator for verdict in planned)
    sentence = f"Of {len(judged):,} deliberate faults{sampled}, {_share(caught, len(judged))} are caught"
    if not planned:
        return f"{sentence}."
    return (
        f"{sentence}: {_share(by_tests, len(judged))} by the tests; cloudformation-validate alone sees "
        f"{_share(by_validator, len(planned))} (of a sample of {len(planned)})."
    )


def _page(run: Judged) -> Iterator[str]:
    yield from (
        "# Faults made on purpose",
        "",
        "<!-- Written by 'make mutate', or of a sample by 'python -m tests.mutation --every 5 --write'. -->",
        "",
        "The committed template is broken in one place, or as a saboteur would, and the tests of",
        "`tests/platform` run against it: what nobody sees is what a colleague could do unseen.",
        "",
        _sentence(run),
        "",
        "| kind | faults | caught |",
        "|---|---|---|",
    )
    missed = set(run.survivors)
    every = Counter(_kind(verdict.mutant) for verdict in run.judged)
    seen = Counter(_kind(verdict.mutant) for verdict in run.judged if verdict.mutant not in missed)
    for kind in dict.fromkeys([*_KINDS.values(), _PLOT]):
        yield f"| {kind} | {every[kind]:,} | {_share(seen[kind], every[kind])} |"
    yield from ("", "## Survivors", "", *(f"- `{name}`" for name in run.survivors))
    if not run.survivors:
        yield "None."
    if run.excused:
        yield from ("", f"## {len(run.excused)} that change nothing for anybody", "")
        yield from (f"- `{pattern}`: {why}" for pattern, why in run.known.items())


def _kind(name: str) -> str:
    where, _, fault = name.partition(": ")
    if where == "plot":
        return _PLOT
    return next(kind for pattern, kind in _KINDS.items() if re.fullmatch(pattern, fault, re.DOTALL))


def _share(part: int, whole: int) -> str:
    """In percent; rounded down, so that 100.0 % is all."""
    return f"{1000 * part // max(whole, 1) / 10:.1f} %"
