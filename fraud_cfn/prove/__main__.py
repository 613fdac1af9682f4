"""Prints what is proven of the committed template without a cloud, and what is not.

    python -m fraud_cfn.prove

Exit codes: 0 everything on the page holds · 1 something does not, or could not be judged.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from fraud_cfn.config import COMMITTED
from fraud_cfn.prove import controls, faults, packs
from fraud_cfn.prove.claims import claims
from fraud_cfn.prove.engine import UnjudgedError
from fraud_cfn.prove.resolved import resolved
from fraud_cfn.review.model import Template, read
from fraud_cfn.template.scenarios import SCENARIOS

_UNPROVEN = (
    "that AWS accepts the template: quotas, engine versions, the account's own policies",
    "anything that runs: containers, traffic shift, health checks, DNS, scaling, timing, cost",
    "that the rules and the schemas, which others wrote, say what AWS does",
)


@dataclass(frozen=True)
class Line:
    """One thing that the page says; it holds unless something speaks against it."""

    area: str
    sentence: str
    against: tuple[str, ...]


def main() -> int:
    """Print the page; the exit code."""
    wrong = 0
    for line in page(read(COMMITTED)):
        print(f"{'FAILS' if line.against else 'holds'}  {line.area}: {line.sentence}")
        for against in line.against:
            wrong += 1
            print(f"       {against}")
    print("\nNot proven without AWS:")
    for text in _UNPROVEN:
        print(f"  {text}")
    print(
        f"\n{'Everything above holds' if not wrong else f'{wrong} findings: what fails above does not hold'}"
    )
    return 1 if wrong else 0


def page(template: Template) -> Iterator[Line]:
    """Everything that is claimed of the template."""
    for claim in claims(template):
        yield Line(claim.area, claim.sentence, claim.against)
    for judge in BEYOND_CLAIMS.values():
        yield judge(template)


def _controls(template: Template) -> Line:
    """Control Tower's controls, and what is known to fail a deployment, in every scenario."""
    templates = {scenario: resolved(template, values) for scenario, values in SCENARIOS.items()}
    try:
        concerned = controls.applicable(packs.controls(), templates)
        found = controls.findings(concerned, templates) | controls.deploy_findings(templates)
    except (packs.PackError, UnjudgedError) as error:
        return Line("controls", "Control Tower's are judged", (f"cannot be judged: {error}",))
    known = controls.accepted()
    wrong = controls.complaints(found, known, templates, lambda name, given: given in SCENARIOS[name])
    count = controls.counted(controls.verdicts(concerned, known))
    return Line(
        "controls",
        f"of Control Tower's, {count['met']} are met, {count['met when']} when a parameter is given, "
        f"{count['accepted']} are not, each accepted with its reason, {count['not applicable']} do not apply "
        "(docs/controls.md); no constraint known to fail a deployment is broken",
        tuple(wrong),
    )


def _faults(_: Template) -> Line:
    """As it was measured last: breaking the template some thousand times takes minutes."""
    try:
        number, share = faults.measured()
    except faults.UnmeasuredError as error:
        return Line("faults", "the share that is caught is known", (f"cannot be judged: {error}",))
    sentence = (
        f"of {number:,} faults made on purpose, {share} % were caught when last measured (docs/faults.md)"
    )
    return Line("faults", sentence, () if share >= faults.AIM else (f"less than {faults.AIM:g} %",))


# Area → what is said of it, beside the claims of access and reach.
BEYOND_CLAIMS = {"controls": _controls, "faults": _faults}


if __name__ == "__main__":
    sys.exit(main())
