"""Prints what is proven of the committed template without a cloud, and what is not.

    python -m fraud_cfn.prove

Exit codes: 0 everything on the page holds · 1 something does not, or could not be judged.
"""

from __future__ import annotations

import sys

from fraud_cfn.config import COMMITTED
from fraud_cfn.prove import controls, packs
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


def main() -> int:
    """Print the page; the exit code."""
    template = read(COMMITTED)
    wrong = 0
    for claim in claims(template):
        print(f"{'holds' if claim.holds else 'FAILS'}  {claim.area}: {claim.sentence}")
        for against in claim.against:
            wrong += 1
            print(f"       {against}")
    wrong += _controls(template)
    print("\nNot proven without AWS:")
    for text in _UNPROVEN:
        print(f"  {text}")
    print(
        f"\n{'Everything above holds' if not wrong else f'{wrong} findings: what fails above does not hold'}"
    )
    return 1 if wrong else 0


def _controls(template: Template) -> int:
    """Control Tower's controls, and what is known to fail a deployment, in every scenario."""
    templates = {scenario: resolved(template, values) for scenario, values in SCENARIOS.items()}
    try:
        concerned = controls.applicable(packs.controls(), templates)
        found = controls.findings(concerned, templates) | controls.deploy_findings(templates)
    except (packs.PackError, UnjudgedError) as error:
        print(f"FAILS  controls: cannot be judged: {error}")
        return 1
    known = controls.accepted()
    wrong = controls.complaints(found, known, templates, lambda name, given: given in SCENARIOS[name])
    shown = controls.verdicts(concerned, known)
    unmet = sum(verdict.word == "accepted" for verdict in shown)
    print(
        f"{'FAILS' if wrong else 'holds'}  controls: of {len(shown)} of Control Tower, {unmet} are not met, "
        "each accepted with its reason (docs/controls.md); no constraint known to fail a deployment is broken"
    )
    for text in wrong:
        print(f"       {text}")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main())
