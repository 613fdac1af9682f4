"""Both validators: silent on the committed template in every scenario, and not blind."""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fraud_cfn.template import validation
from fraud_cfn.template.document import Document, parse
from fraud_cfn.template.scenarios import BASE, SCENARIOS
from fraud_cfn.template.validation import ACCEPTED, Accepted, check_scenarios, main

LINT, VALIDATE = "cfn-lint", "cloudformation-validate"


# Small, as cfn-lint takes seconds for the whole platform.
SMALL = """\
Parameters:
  CertificateArn:
    Type: String
    Default: ''
Conditions:
  ServesHttps: !Not [!Equals [!Ref CertificateArn, '']]
Resources:
  Vpc:
    Type: AWS::EC2::VPC
    Properties:
      CidrBlock: 10.0.0.0/16
      EnableDnsSupport: true
  LoadBalancer:
    Type: AWS::ElasticLoadBalancingV2::LoadBalancer
    Properties:
      Scheme: !If [ServesHttps, internet-facing, internal]
      Subnets: [subnet-0000000a, subnet-0000000b]
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref LoadBalancer
      Port: 80
      Protocol: HTTP
      DefaultActions:
      - !If
        - ServesHttps
        - Type: redirect
          RedirectConfig:
            StatusCode: HTTP_301
        - Type: fixed-response
          FixedResponseConfig:
            StatusCode: '404'
  Logs:
    Type: AWS::Logs::LogGroup
    UpdateReplacePolicy: Delete
    DeletionPolicy: Delete
    Properties:
      RetentionInDays: 7
  Errors:
    Type: AWS::Logs::MetricFilter
    Properties:
      LogGroupName: !Ref Logs
      FilterPattern: ERROR
      MetricTransformations:
      - MetricNamespace: Fraud
        MetricName: errors
        MetricValue: '1'
  Group:
    Type: AWS::Scheduler::ScheduleGroup
Outputs:
  VpcCidr:
    Value: !GetAtt Vpc.CidrBlock
"""


@dataclass(frozen=True)
class Fault:
    """A mistake in the template, and where each engine sees it."""

    right: str
    wrong: str
    lint: str
    validate: str


FAULTS = {
    "a misspelt property": Fault(
        "EnableDnsSupport: true",
        "EnableDnsSuport: true",
        "Vpc.Properties.EnableDnsSuport: ",
        "Vpc Properties.EnableDnsSuport: ",
    ),
    "a reference to nothing": Fault(
        "LogGroupName: !Ref Logs",
        "LogGroupName: !Ref Log",
        "Errors.Properties.LogGroupName.Ref: 'Log' ",
        "Errors Properties.LogGroupName: 'Log' ",
    ),
    "an attribute that there is not": Fault(
        "!GetAtt Vpc.CidrBlock",
        "!GetAtt Vpc.CidrBlok",
        "Outputs.VpcCidr.Value.Fn::GetAtt.1: 'CidrBlok' ",
        "VpcCidr Outputs/VpcCidr/Value.Fn::GetAtt.1: 'CidrBlok' ",
    ),
    "a condition that there is not": Fault(
        "Scheme: !If [ServesHttps,",
        "Scheme: !If [ServeHttps,",
        "LoadBalancer.Properties.Scheme.Fn::If.0: 'ServeHttps' ",
        "LoadBalancer Properties.Scheme.Fn::If.0: Fn::If condition 'ServeHttps' ",
    ),
    "a type that there is not": Fault(
        "Type: AWS::Scheduler::ScheduleGroup",
        "Type: AWS::Scheduler::ScheduleGrup",
        "Group.Type: ",
        "Group: Unknown resource type ",
    ),
    "a value that is not offered": Fault(
        "RetentionInDays: 7",
        "RetentionInDays: 8",
        "Logs.Properties.RetentionInDays: 8 ",
        "Logs Properties.RetentionInDays: 8 ",
    ),
    "a wrong value in a branch that only TLS takes": Fault(
        "StatusCode: HTTP_301",
        "StatusCode: HTTP_300",
        "Listener.Properties.DefaultActions.0.Fn::If.1.RedirectConfig.StatusCode: 'HTTP_300' ",
        "Listener Properties.DefaultActions.0.RedirectConfig.StatusCode: 'HTTP_300' ",
    ),
}


@dataclass(frozen=True)
class Verdict:
    status: int
    out: str
    err: str


def verdict(*arguments: str) -> Verdict:
    """What the command prints and returns."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(arguments)
    return Verdict(status, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """All faults at once."""
    text = SMALL
    for fault in FAULTS.values():
        assert text.count(fault.right) == 1, fault
        text = text.replace(fault.right, fault.wrong)
    file = tmp_path_factory.mktemp("faulty") / "faulty.yaml"
    file.write_text(text, encoding="utf-8")
    return verdict(str(file))


# ── The committed template ─────────────────────────────────────────────────────────────────────────


def test_the_committed_template_is_valid_for_both_engines_in_every_scenario() -> None:
    assert verdict() == Verdict(
        0, f"Valid: cfn-lint, and cloudformation-validate in {len(SCENARIOS)} scenarios\n", ""
    )


@pytest.fixture(scope="module")
def reports(document: Document) -> dict[str, list[Any]]:
    """What the engine says in those scenarios that have something to accept."""
    chosen = ("bootstrap", "no reader", "web ACL")
    return {name: validation.diagnostics(document, SCENARIOS[name]) for name in chosen}


@pytest.mark.parametrize("accepted", ACCEPTED, ids=lambda accepted: f"{accepted.rule} {accepted.path}")
def test_an_accepted_finding_is_still_found_and_has_a_reason(
    accepted: Accepted,
    document: Document,
    reports: dict[str, list[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    others = tuple(other for other in ACCEPTED if other is not accepted)
    monkeypatch.setattr(validation, "ACCEPTED", others)
    monkeypatch.setattr(validation, "diagnostics", lambda _, values: reports[values["of"]])
    found = list(check_scenarios(document, {name: {"of": name} for name in reports}))
    assert found, "nothing to accept any more: take the entry out"
    assert {finding.rule for finding in found} == {accepted.rule}
    assert all(finding.where.endswith(accepted.path) for finding in found)
    assert len(accepted.reason.split()) > 3


# ── Planted faults ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_both_engines_find(fault: Fault, faulty: Verdict) -> None:
    findings = faulty.out.splitlines()
    for engine, where in ((LINT, fault.lint), (VALIDATE, fault.validate)):
        assert any(where in line and f" ({engine})" in line for line in findings), engine


def test_findings_exit_1_each_on_a_line_with_file_and_line_number(faulty: Verdict) -> None:
    assert faulty.status == 1
    findings = faulty.out.splitlines()
    assert all(line.startswith("faulty.yaml: line ") for line in findings)
    assert faulty.err == (
        f"{len(findings)} findings: mend them, or accept each in fraud_cfn/template/validation.py\n"
    )
    number = 1 + SMALL.splitlines().index("      EnableDnsSupport: true")
    assert sum(line.startswith(f"faulty.yaml: line {number}: ") for line in findings) == 2


def test_without_the_faults_nothing_is_found() -> None:
    assert list(check_scenarios(parse(SMALL), {"bootstrap": BASE})) == []


def test_a_finding_of_one_scenario_names_it(document: Document) -> None:
    """The parameters' values count, not only their defaults."""
    odd = BASE | {"CpuArchitecture": "ARM65"}
    found = list(check_scenarios(document, {"bootstrap": BASE, "odd": odd, "odd again": odd}))
    assert found
    assert {finding.scenario for finding in found} == {"odd"}
    assert all("'ARM65'" in str(finding) and "[scenario: odd]" in str(finding) for finding in found)


def test_the_same_finding_in_several_scenarios_is_said_once(document: Document) -> None:
    text = document.text.replace("RetentionInDays: 7", "RetentionInDays: 8", 1)
    found = list(check_scenarios(parse(text), {"bootstrap": BASE, "live": SCENARIOS["live"]}))
    assert [finding.scenario for finding in found] == ["bootstrap"]


def test_every_scenario_gives_parameters_that_there_are(document: Document) -> None:
    for name, values in SCENARIOS.items():
        assert values.keys() <= document.template["Parameters"].keys(), name
    assert len({tuple(sorted(values.items())) for values in SCENARIOS.values()}) == len(SCENARIOS)


# ── What cannot be validated ───────────────────────────────────────────────────────────────────────


def test_a_file_that_is_no_template_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "missing.yaml"
    assert verdict(str(file)) == Verdict(
        2, "", f"validation: {file} cannot be read (no such file or directory): run 'make template'\n"
    )


@pytest.fixture
def small(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(SMALL, encoding="utf-8")
    return file


def test_a_linter_that_does_not_run_is_no_silence(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "_CFN_LINT", "import no_such_linter")
    assert verdict(str(small)) == Verdict(
        2,
        "",
        "validation: cfn-lint did not run "
        "(ModuleNotFoundError: No module named 'no_such_linter'): run 'make install'\n",
    )


def test_a_validator_that_is_not_installed_is_no_silence(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "_CFN_LINT", "print('[]')")
    monkeypatch.setitem(sys.modules, "cloudformation_validate", None)
    stopped = verdict(str(small))
    assert (stopped.status, stopped.out) == (2, "")
    assert stopped.err.startswith("validation: import of cloudformation_validate halted")
    assert stopped.err.endswith(": run 'make install'\n")


def test_an_unknown_option_is_refused_with_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--fast"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("error: unrecognized arguments: --fast")


def test_what_has_passed_is_not_proven_again_until_a_byte_changes(
    document: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, proven = tmp_path / "template.yaml", []
    file.write_text(document.text, encoding="utf-8")
    monkeypatch.setattr(validation, "_PROOFS", tmp_path / "proofs")
    monkeypatch.setattr(validation, "check_all", lambda document: proven.append(document) or [])
    for expected in (1, 1):
        assert validation.main([str(file), "--unless-proven"]) == 0
        assert len(proven) == expected
    file.write_text(document.text + "# a byte more\n", encoding="utf-8")
    assert validation.main([str(file), "--unless-proven"]) == 0
    assert len(proven) == 2
    assert validation.main([str(file)]) == 0, "asked for plainly, it always runs"
    assert len(proven) == 3
    assert capsys.readouterr().out.count("Valid: ") == 3


def test_a_template_with_findings_is_not_taken_as_proven(
    document: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "template.yaml"
    file.write_text(document.text, encoding="utf-8")
    monkeypatch.setattr(validation, "_PROOFS", tmp_path / "proofs")
    found = validation.Finding("cfn-lint", "E0001", "Vpc", "wrong")
    monkeypatch.setattr(validation, "check_all", lambda _: [found])
    assert validation.main([str(file), "--unless-proven"]) == 1
    assert validation.main([str(file), "--unless-proven"]) == 1
