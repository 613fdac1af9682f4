"""Writes the pages that a security reviewer signs: `docs/access.md`, `docs/reachability.md`; and
the policies of whoever deploys.

`python -m fraud_cfn.prove.pages [--check]`: exit 0 written, or up to date · 1 `--check` found one stale.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from fraud_cfn.config import COMMITTED, ROOT
from fraud_cfn.prove import access, controls, costs, deployer, packs, reach
from fraud_cfn.prove.claims import Claim, claims
from fraud_cfn.prove.environment import Environment, environment
from fraud_cfn.prove.resolved import resolved
from fraud_cfn.review.grants import Grant
from fraud_cfn.review.model import Template, read
from fraud_cfn.review.permissions import Holder
from fraud_cfn.template.scenarios import ACCOUNT, BASE, SCENARIOS

_GENERATED = "<!-- Generated from templates/fraud-platform.yaml: run 'make docs' after a change of it. -->"
_ABOUT_ACCESS = """\
Everything that the platform's roles and its policies on resources allow and deny, with the names that an
environment `<suffix>` has in `eu-central-1`, parameters at their defaults. What is not listed is not allowed:
no role has a managed policy."""
_ABOUT_REACHABILITY = """\
Every connection that can be opened, as the security groups of both ends allow it. What is not listed cannot
be opened. Parameters at their defaults; network ACLs are the VPC's own, which refuse nothing."""
_SUFFIX, _ACCOUNT = "<suffix>", "<account>"
_LIVE = "ServicesEnabled"  # changes no permission


def pages(template: Template) -> dict[Path, str]:
    """File → text, of every page."""
    proven = claims(template)
    return {
        ROOT / "docs" / "access.md": _access(template, proven),
        ROOT / "docs" / "reachability.md": _reachability(template, proven),
        ROOT / "docs" / "controls.md": _controls(template),
        ROOT / "docs" / "costs.md": costs.rendered(template),
        ROOT / "docs" / "deployer-policy.json": deployer.rendered(template),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages, or check them."""
    checking = "--check" in (sys.argv[1:] if arguments is None else arguments)
    stale = 0
    for path, text in pages(read(COMMITTED)).items():
        shown = path.relative_to(ROOT)
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if checking:
            print(f"{shown} is stale: run 'make docs' and commit it", file=sys.stderr)
            stale = 1
        else:
            path.write_text(text, encoding="utf-8", newline="\n")
            print(f"Wrote {shown}")
    return stale


def _controls(template: Template) -> str:
    """The verdicts are true as long as `python -m fraud_cfn.prove` finds nothing."""
    templates = {scenario: resolved(template, values) for scenario, values in SCENARIOS.items()}
    concerned, known = controls.applicable(packs.controls(), templates), controls.accepted()
    return controls.page(templates, controls.verdicts(concerned, known), known)


# ── Who may do what ──


def _access(template: Template, proven: Iterable[Claim]) -> str:
    subject = environment(template, _SUFFIX, _ACCOUNT)
    matrix = access.matrix(subject)
    lines = [
        "# Who may do what",
        "",
        _GENERATED,
        "",
        _ABOUT_ACCESS,
        "",
        "## What that means",
        "",
        *_claimed(proven, "access"),
        "",
        "## Roles",
    ]
    for holder, grants in matrix.items():
        if holder.role is not None:
            lines += _role(subject, holder.role, grants)
    lines += ["", "## Policies on resources", "", "| policy | effect | who | may | on | when |"]
    lines += ["|---|---|---|---|---|---|"]
    for holder, grants in matrix.items():
        if holder.role is None:
            for (effect, principal, resource, when), actions in _grouped(grants).items():
                lines.append(_row(holder.logical_id, effect, principal, actions, resource, when))
    lines += ["", "## Only with parameters", "", *_only_with(template)]
    return "\n".join(lines) + "\n"


def _role(subject: Environment, logical_id: str, grants: Iterable[Grant]) -> Iterator[str]:
    grants = list(grants)
    name = subject.resources[logical_id][1]["RoleName"]
    yield from ("", f"### `{name}`", "")
    for _, principal, _, when in _grouped(grant for grant in grants if grant.principal):
        yield f"`{logical_id}` in the template. Assumed by `{principal}`" + (
            f" when {when}." if when else "."
        )
    yield from ("", "| may | on | when |", "|---|---|---|")
    for (effect, _, resource, when), actions in _grouped(g for g in grants if not g.principal).items():
        yield _row(actions if effect == "Allow" else f"not {actions}", resource, when)


def _grouped(grants: Iterable[Grant]) -> dict[tuple[str, str, str, str], str]:
    """(effect, principal, resource, when) → the actions, in the order of the template."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for grant in grants:
        on = (
            "" if grant.resource is None else f"`{grant.resource}`" if grant.resource != "*" else "everything"
        )
        who = "everybody" if grant.principal == "*" else grant.principal or ""
        actions = found.setdefault((grant.effect, who, on, _when(grant)), [])
        actions.append(f"`{grant.action}`")
    return {key: ", ".join(actions) for key, actions in found.items()}


def _when(grant: Grant) -> str:
    words = {"StringEquals": "is", "ArnEquals": "is", "ArnLike": "is like", "Bool": "is"}
    return " and ".join(
        f"`{key}` {words.get(operator, operator)} {' or '.join(f'`{value}`' for value in values)}"
        for operator, key, values in grant.tests
    )


def _only_with(template: Template) -> Iterator[str]:
    """What the scenarios of the template add to the permissions: a row for each, with all it is added to."""
    subject = environment(template)
    plain = {(holder, grant.key) for holder, grant in _all(subject)}
    rows: dict[tuple[str, ...], list[str]] = {}
    for values in SCENARIOS.values():
        given = {key: value for key, value in values.items() if BASE.get(key) != value and key != _LIVE}
        if "EnvironmentSuffix" in given:
            continue
        added: dict[Holder, list[Grant]] = {}
        for holder, grant in _all(environment(template, **given)):
            if (holder, grant.key) not in plain:
                added.setdefault(holder, []).append(grant)
        parameters = ", ".join(f"`{key}`" for key in given)
        for holder, grants in added.items():
            for (effect, _, resource, when), actions in _grouped(grants).items():
                beyond = effect == "Deny" and actions == "`None`"
                row = (parameters, "nothing beyond the policy" if beyond else actions, resource, when)
                rows.setdefault(row, []).append(f"`{holder.role or holder.logical_id}`")
    yield from ("| with | role or policy | may | on | when |", "|---|---|---|---|---|")
    for (parameters, *rest), holders in rows.items():
        everyone = len(holders) == len(subject.roles)
        row = _row(parameters, "every role" if everyone else ", ".join(holders), *rest)
        yield row.replace(ACCOUNT, _ACCOUNT)


def _all(subject: Environment) -> Iterator[tuple[Holder, Grant]]:
    for holder, grants in access.matrix(subject).items():
        yield from ((holder, grant) for grant in grants)


# ── Who reaches whom ──


def _reachability(template: Template, proven: Iterable[Claim]) -> str:
    subject = environment(template, _SUFFIX, _ACCOUNT, VpcCidr="10.0.0.0/16")
    tls = environment(template, CertificateArn="arn:aws:acm:eu-central-1:111122223333:certificate/a")
    users = reach.groups_in_use(subject)
    lines = [
        "# Who reaches whom",
        "",
        _GENERATED,
        "",
        _ABOUT_REACHABILITY,
        "",
        "## What that means",
        "",
        *_claimed(proven, "reachability"),
        "",
        "## Connections",
        "",
        "| from | to | protocol | ports |",
        "|---|---|---|---|",
    ]
    always = reach.connections(subject)
    for connection in always:
        ends = (_end(connection.client, users), _end(connection.server, users))
        lines.append(_row(*ends, connection.protocol, str(connection.ports)))
    for connection in set(reach.connections(tls)) - set(always):
        ends = (_end(connection.client, users), _end(connection.server, users))
        lines.append(_row(*ends, connection.protocol, f"{connection.ports} (with `CertificateArn`)"))
    lines += ["", "`0.0.0.0/0` as a source is `IngressCidr`: who may reach the load balancer.", ""]
    lines += ["## Subnets", "", "| subnet | way out of the VPC |", "|---|---|"]
    for subnet, ways in reach.private_subnets(subject).items():
        lines.append(_row(f"`{subnet}`", ", ".join(sorted(ways)) or "none"))
    return "\n".join(lines) + "\n"


def _end(group: str, users: dict[str, tuple[str, ...]]) -> str:
    return ", ".join(f"`{user}`" for user in users[group]) if group in users else f"`{group}`"


# ── Both ──


def _claimed(proven: Iterable[Claim], area: str) -> Iterator[str]:
    """Each claim of an area, with what speaks against it."""
    for claim in proven:
        if claim.area == area:
            yield f"- {claim.sentence}." + ("" if claim.holds else f" **Does not hold**: {claim.against[0]}")


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    raise SystemExit(main())
