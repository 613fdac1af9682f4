from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from fraud_cfn.prove import __main__ as prove
from fraud_cfn.prove import controls, faults, packs
from fraud_cfn.prove.claims import claims
from fraud_cfn.prove.controls import Accepted, Findings
from fraud_cfn.prove.engine import controls_judge
from fraud_cfn.prove.packs import Control, PackError
from fraud_cfn.prove.packs import controls as all_controls
from fraud_cfn.prove.resolved import resolved
from fraud_cfn.review.model import Template, parse
from fraud_cfn.template.document import Document
from fraud_cfn.template.scenarios import SCENARIOS
from tests.prove import test_claims

Resolved = dict[str, Any]


def given(scenario: str, parameter: str) -> bool:
    return bool(SCENARIOS[scenario].get(parameter))


@pytest.fixture(scope="module")
def template(document: Document) -> Template:
    return Template("template", document.template, document.text)


@pytest.fixture(scope="module")
def templates(template: Template) -> dict[str, Resolved]:
    return {scenario: resolved(template, values) for scenario, values in SCENARIOS.items()}


@pytest.fixture(scope="module")
def concerned(templates: dict[str, Resolved]) -> list[Control]:
    return controls.applicable(all_controls(), templates)


@pytest.fixture(scope="module")
def found(concerned: list[Control], templates: dict[str, Resolved]) -> Findings:
    """Of Control Tower's controls: all of them are judged once for the tests of this module."""
    return controls.findings(concerned, templates)


@pytest.fixture(scope="module")
def deploy_found(templates: dict[str, Resolved]) -> Findings:
    return controls.deploy_findings(templates)


@pytest.fixture
def judged(
    monkeypatch: pytest.MonkeyPatch,
    concerned: list[Control],
    templates: dict[str, Resolved],
    found: Findings,
    deploy_found: Findings,
) -> None:
    """What has been judged is not judged again."""

    def findings(asked: list[Control], of: dict[str, Resolved]) -> Findings:
        assert (asked, of) == (concerned, templates)
        return found

    def deploy_findings(of: dict[str, Resolved]) -> Findings:
        assert of == templates
        return deploy_found

    monkeypatch.setattr(controls, "findings", findings)
    monkeypatch.setattr(controls, "deploy_findings", deploy_findings)


def control(name: str) -> Control:
    return next(control for control in all_controls() if control.id == name)


def test_every_control_and_constraint_is_met_or_accepted_in_every_scenario(
    found: Findings, deploy_found: Findings, templates: dict[str, Resolved]
) -> None:
    assert controls.complaints(found | deploy_found, controls.accepted(), templates, given) == []


def test_what_is_seen_together_is_judged_as_the_whole_is(
    concerned: list[Control], found: Findings, templates: dict[str, Resolved]
) -> None:
    names = {control.rule: control.id for control in concerned}
    whole = {
        (names[failure.rule], failure.logical_id)
        for failure in controls_judge(concerned).failures(templates["everything"])
    }
    assert whole
    assert {(name, one) for name, at in found.items() for one in at.get("everything", ())} == whole


def test_a_broken_constraint_is_seen(templates: dict[str, Resolved]) -> None:
    broken = copy.deepcopy(templates["live"])
    attributes = broken["Resources"]["LoadBalancer"]["Properties"]["LoadBalancerAttributes"]
    attributes.append({"Key": "idle_timeout.timeout_seconds", "Value": "5000"})
    found = controls.deploy_findings({"live": broken})
    assert {"live": {"LoadBalancer"}} in found.values()


BROKEN: dict[str, dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("broken_controls.yaml").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def met(concerned: list[Control]) -> dict[str, Control]:
    verdicts = controls.verdicts(concerned, controls.accepted())
    return {verdict.control.id: verdict.control for verdict in verdicts if verdict.word == "met"}


def broken(properties: Resolved, changes: dict[str, Any]) -> Resolved:
    """Properties of one resource with those changes; each says where, its logical id first."""
    properties = copy.deepcopy(properties)
    for where, value in changes.items():
        _, *way, last = (int(step) if step.isdigit() else step for step in where.split("/"))
        parent: Any = properties
        for step in way:
            parent = parent[step]
        if value is None:
            del parent[last]
        else:
            parent[last] = value
    return properties


def subject(name: str) -> str:
    """Logical id of what is broken for that control."""
    (logical_id,) = {where.split("/")[0] for where in BROKEN[name]}
    return logical_id


def beside(name: str) -> str:
    """Logical id of the broken one, which stands beside what it was copied from."""
    return f"Broken{name.replace('.', '').replace('-', '')}"


@pytest.fixture(scope="module")
def failures(met: dict[str, Control], templates: dict[str, Resolved]) -> set[tuple[str, str]]:
    """(rule, logical id) of every failure, where each subject stands broken beside the whole one."""
    template = copy.deepcopy(templates["everything"])
    for name, changes in BROKEN.items():
        whole = template["Resources"][subject(name)]
        template["Resources"][beside(name)] = {**whole, "Properties": broken(whole["Properties"], changes)}
    judge = controls_judge(list(met.values()))
    return {(failure.rule, failure.logical_id) for failure in judge.failures(template)}


def test_every_control_that_is_met_was_seen_to_fail(met: dict[str, Control]) -> None:
    assert set(BROKEN) == set(met), "one that cannot fail here is not applicable, not met"


@pytest.mark.parametrize("name", BROKEN)
def test_a_control_that_is_met_fails_when_its_subject_is_broken(
    met: dict[str, Control], failures: set[tuple[str, str]], name: str
) -> None:
    assert (met[name].rule, beside(name)) in failures
    assert (met[name].rule, subject(name)) not in failures


def test_a_control_that_does_not_apply_is_reviewed_and_gives_no_finding(
    concerned: list[Control], found: Findings
) -> None:
    apart = {name for name, entry in controls.accepted().items() if not entry.applies}
    assert apart <= {control.id for control in concerned}
    assert not apart & set(found)


FOUND: Findings = {"CT.A.PR.1": {"live": {"Jobs"}}}
QUEUE = {"live": {"Resources": {"Jobs": {"Type": "AWS::SQS::Queue"}, "Other": {"Type": "AWS::SQS::Queue"}}}}


@pytest.mark.parametrize(
    ("found", "known", "said"),
    [
        (FOUND, {}, ["CT.A.PR.1: Jobs does not meet it (scenario: live)"]),
        (FOUND, {"CT.A.PR.1": Accepted(("Jobs",), "asked so")}, []),
        (FOUND, {"CT.A.PR.1": Accepted(("AWS::SQS::Queue",), "asked so")}, []),
        (
            FOUND,
            {"CT.A.PR.1": Accepted(("Jobs", "Other"), "asked so")},
            ["CT.A.PR.1: accepted on Other, where it is met: take that out"],
        ),
        (
            {},
            {"CT.A.PR.1": Accepted(("Jobs",), "x")},
            ["CT.A.PR.1: accepted on Jobs, where it is met: take that out"],
        ),
        (
            FOUND,
            {"CT.A.PR.1": Accepted(("Jobs",), "x", "Given")},
            ["CT.A.PR.1: not met although Given is given (scenario: live)"],
        ),
        (FOUND, {"CT.A.PR.1": Accepted(("Jobs",), "x", "Never")}, ["CT.A.PR.1: no scenario gives Never"]),
    ],
)
def test_what_nobody_accepted_and_what_no_longer_occurs_is_said(
    found: Findings, known: dict[str, Accepted], said: list[str]
) -> None:
    assert controls.complaints(found, known, QUEUE, lambda _, parameter: parameter == "Given") == said


def test_a_resolved_template_has_no_open_choice(templates: dict[str, Resolved]) -> None:
    for scenario, template in templates.items():
        assert "Fn::If" not in str(template), scenario
        assert "AWS::NoValue" not in str(template), scenario
    assert "HttpsListener" in templates["TLS"]["Resources"]
    assert "HttpsListener" not in templates["live"]["Resources"]


def test_references_stay_references_and_known_names_become_arns() -> None:
    template = parse(
        """
        Parameters: {Suffix: {Type: String}}
        Resources:
          Bucket: {Type: 'AWS::S3::Bucket', Properties: {BucketName: !Sub 'data-${Suffix}'}}
          Policy:
            Type: AWS::S3::BucketPolicy
            DependsOn: [Bucket, Gone]
            Properties: {Bucket: !Ref Bucket, PolicyDocument: {Resource: !Sub '${Bucket.Arn}/*'}}
          Gone: {Type: 'AWS::SQS::Queue', Condition: Never}
        Conditions: {Never: !Equals [!Ref Suffix, never]}
        """
    )
    policy = resolved(template, {"Suffix": "dev"})["Resources"]["Policy"]
    assert policy["DependsOn"] == ["Bucket"]
    assert policy["Properties"] == {
        "Bucket": {"Ref": "Bucket"},
        "PolicyDocument": {"Resource": "arn:aws:s3:::data-dev/*"},
    }


def test_a_pack_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fraud_cfn.prove.packs.GUARD_WHEEL", "no-such-wheel")
    all_controls.cache_clear()
    with pytest.raises(PackError, match=r"^no-such-wheel is not installed: run 'make install'$"):
        all_controls()
    all_controls.cache_clear()


@pytest.mark.usefixtures("judged")
def test_the_page_says_what_holds_and_what_stays_unproven(capsys: pytest.CaptureFixture[str]) -> None:
    assert prove.main() == 0
    page = capsys.readouterr().out
    assert "FAILS" not in page
    assert "holds  reachability: The internet reaches only the load balancer" in page
    assert "Not proven without AWS:" in page


@pytest.mark.usefixtures("judged")
def test_the_page_fails_with_a_control_that_nobody_accepted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = controls.accepted()
    del known["CT.S3.PR.9"]
    monkeypatch.setattr(controls, "accepted", lambda: known)
    assert prove.main() == 1
    page = capsys.readouterr().out
    assert "FAILS  controls:" in page
    assert "CT.S3.PR.9: DataBucket does not meet it (scenario: bootstrap)" in page


Breaking = Callable[[pytest.MonkeyPatch, Path], None]


def a_control_that_nobody_accepted(monkeypatch: pytest.MonkeyPatch, _: Path) -> None:
    known = controls.accepted()
    del known["CT.S3.PR.9"]
    monkeypatch.setattr(controls, "accepted", lambda: known)


MEASURED = faults.measured


def a_measurement_below_the_aim(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    page = folder / "faults.md"
    page.write_text("Of 7,468 deliberate faults, 97.9 % are caught: …\n", encoding="utf-8")
    monkeypatch.setattr(faults, "measured", lambda: MEASURED(page))


def no_measurement(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(faults, "measured", lambda: MEASURED(folder / "none.md"))


def a_pack_that_is_missing(monkeypatch: pytest.MonkeyPatch, _: Path) -> None:
    def missing() -> tuple[Control, ...]:
        raise PackError("gone")

    monkeypatch.setattr(packs, "controls", missing)


# Area of the page → what breaks its subject. What is claimed of access and reach is broken in test_claims.
BREAKS: dict[str, tuple[Breaking, ...]] = {
    "controls": (a_control_that_nobody_accepted, a_pack_that_is_missing),
    "faults": (a_measurement_below_the_aim, no_measurement),
}


@pytest.mark.usefixtures("judged")
@pytest.mark.parametrize(("area", "breaks"), [(area, how) for area, hows in BREAKS.items() for how in hows])
def test_a_line_of_the_page_fails_when_its_subject_is_broken(
    template: Template, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, area: str, breaks: Breaking
) -> None:
    assert prove.BEYOND_CLAIMS[area](template).against == ()
    breaks(monkeypatch, tmp_path)
    assert prove.BEYOND_CLAIMS[area](template).against


def test_every_line_of_the_page_was_seen_to_fail(template: Template) -> None:
    """A claim without a sabotage is no proof."""
    seen = tuple(sentence for _, _, sentence in test_claims.BROKEN.values())
    assert [claim.sentence for claim in claims(template) if not claim.sentence.startswith(seen)] == []
    assert set(prove.BEYOND_CLAIMS) == set(BREAKS)
