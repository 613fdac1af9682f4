"""The faults are faults: each changes something, and no two are called the same."""

from __future__ import annotations

from collections import Counter

from fraud_cfn.prove.mutants import mutants
from fraud_cfn.template.document import Document
from tests.mutation.report import Judged, _kind, _sentence
from tests.mutation.runner import Verdict


def test_every_fault_has_a_name_of_its_own_and_a_kind(document: Document) -> None:
    names = Counter(mutant.name for mutant in mutants(document.template))
    assert [name for name, times in names.items() if times > 1] == []
    assert len({_kind(name) for name in names}) == 5


def test_a_plot_changes_the_template_it_is_made_for(document: Document) -> None:
    """Its places are found by name and number: a template that grew may have moved them."""
    plots = [mutant for mutant in mutants(document.template) if mutant.where == "plot"]
    assert len(plots) > 100
    for plot in plots:
        assert plot.of(document.template) != document.template, plot.name


def test_the_share_counts_what_is_judged_and_never_rounds_up() -> None:
    seen = [Verdict(f"Resources.A.{number}: dropped", "test", False, number == 0) for number in range(1999)]
    survivor = Verdict("Resources.B: dropped", "", False, True)
    excused = Verdict("Resources.C: dropped", "", False, False)
    run = Judged([*seen, survivor, excused], {"Resources.C: *": "nobody can tell"}, 5, 10_005)
    assert (run.survivors, run.excused, run.stale) == (["Resources.B: dropped"], ["Resources.C: dropped"], [])
    assert _sentence(run) == (
        "Of 2,000 deliberate faults (every 5th of 10,005), 99.9 % are caught: 99.9 % by the tests; "
        "cloudformation-validate alone sees 0.0 % (of a sample of 2)."
    )
