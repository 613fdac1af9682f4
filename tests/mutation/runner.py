"""Judges mutants: collects the tests once, then forks for each mutant and runs them until one fails."""

from __future__ import annotations

import gc
import os
import pickle
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from fraud_cfn.prove.mutants import Mutant, mutants
from fraud_cfn.template.document import Document, minify, read
from fraud_cfn.template.scenarios import SCENARIOS
from fraud_cfn.template.validation import check_scenarios
from tests import conftest

TESTS = ("tests/platform",)
_QUIET = ("-o", "addopts=", "-p", "no:terminal", "-p", "no:cacheprovider")
_TOLD_EVERY = 200
_PLANNED_EVERY = 40  # the validator is slower than the tests: its own share is measured on a sample
# Enough for it to see each branch; every scenario would say the same again.
_VALIDATED = ("bootstrap", "live", "TLS", "alarms")


@dataclass(frozen=True)
class Verdict:
    """Who saw a fault: the first test that failed (empty: none), and whether the validator did."""

    mutant: str
    test: str
    validator: bool
    planned: bool  # the validator was asked whatever the tests said

    @property
    def survived(self) -> bool:
        return not self.test and not self.validator


def run(every: int, only: str, *, ask_validator: bool) -> tuple[list[Verdict], int]:
    """A verdict for each chosen mutant of the committed template, in order; and how many there are.

    `ask_validator`: also of a sample of what the tests saw, so that its own share is known.
    """
    every_one = list(mutants(read().template))
    chosen = [mutant for mutant in every_one if only in mutant.name][::every]
    judge = _Judge(chosen, ask_validator)
    ended = pytest.main([*_QUIET, *TESTS], plugins=[judge])
    if ended or len(judge.verdicts) != len(chosen):
        raise SystemExit("the tests could not be collected, or do not pass without a fault")
    return judge.verdicts, len(every_one)


class _Judge:
    """A pytest plugin that runs the collected tests once for each mutant, instead of once."""

    def __init__(self, chosen: Sequence[Mutant], ask_validator: bool) -> None:
        self._chosen = chosen
        self._planned = {mutant.name for mutant in chosen[::_PLANNED_EVERY]} if ask_validator else set[str]()
        self.verdicts: list[Verdict] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = [item for item in session.items if "document" in getattr(item, "fixturenames", ())]
        template = read().template
        if sound := _in_a_fork(lambda: _first_failure(session, items, None)):
            raise pytest.UsageError(f"{sound} fails without any fault")
        gc.freeze()  # a fork copies no page for the collector's sake
        workers = os.cpu_count() or 1
        found = _in_forks(
            [
                lambda share=number: _share(
                    session, items, template, self._chosen[share::workers], self._planned, tells=share == 0
                )
                for number in range(workers)
            ]
        )
        by_name = {verdict.mutant: verdict for verdicts in found for verdict in verdicts}
        self.verdicts = [by_name[mutant.name] for mutant in self._chosen]
        return True


def _share(
    session: pytest.Session,
    items: list[pytest.Item],
    template: Any,
    chosen: Sequence[Mutant],
    planned: set[str],
    *,
    tells: bool,
) -> list[Verdict]:
    """One worker's mutants, the one after the other; `tells`: how far it is.

    The test that saw the last fault is asked first about the next. The validator comes last: its engine is
    so large that a fork of a process that has it takes longer than the tests.
    """
    tests: list[str] = []
    for number, mutant in enumerate(chosen, 1):
        document = _broken(mutant, template)
        tests.append(_in_a_fork(lambda document=document: _first_failure(session, items, document)))
        items.sort(key=lambda item: item.nodeid != tests[-1])
        if tells and number % _TOLD_EVERY == 0:
            print(f"  {100 * number // len(chosen)} %", file=sys.stderr)
    verdicts: list[Verdict] = []
    for mutant, test in zip(chosen, tests, strict=True):
        asked = mutant.name in planned
        rejected = (asked or not test) and _is_rejected(_broken(mutant, template))
        verdicts.append(Verdict(mutant.name, test, rejected, asked))
    return verdicts


def _broken(mutant: Mutant, template: Any) -> Document:
    broken = mutant.of(template)
    return Document(minify(broken), broken)


def _first_failure(session: pytest.Session, items: Sequence[pytest.Item], document: Document | None) -> str:
    """Runs in a process of its own: there the fixture `document` gives the mutant."""
    if document is not None:
        conftest.read = lambda: document
    for item, following in pairwise([*items, None]):
        assert item
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return item.nodeid
    return ""


def _is_rejected(document: Document) -> bool:
    """Whether cloudformation-validate has a finding, or will not take it at all."""
    try:
        return any(True for _ in check_scenarios(document, {name: SCENARIOS[name] for name in _VALIDATED}))
    except Exception:
        return True


def _in_a_fork(work: Any) -> Any:
    return _in_forks([work])[0]


def _in_forks(works: Sequence[Any]) -> list[Any]:
    """Run each in a process of its own at the same time; what they return, pickled through pipes."""
    pipes: list[tuple[int, int]] = []
    for work in works:
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            status = 1
            try:
                with os.fdopen(writing, "wb") as pipe:
                    pickle.dump(work(), pipe)
                status = 0
            finally:
                os._exit(status)
        os.close(writing)
        pipes.append((child, reading))
    return [_answer(child, reading) for child, reading in pipes]


def _answer(child: int, reading: int) -> Any:
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if status:
        raise SystemExit(f"a judging process ended with status {status}")
    return pickle.loads(answer)  # noqa: S301 our own process wrote it
