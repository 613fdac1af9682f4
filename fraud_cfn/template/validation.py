"""Validates a template with two engines: cfn-lint, and AWS's cloudformation-validate.

    python -m fraud_cfn.template.validation [FILE]

cfn-lint judges the template once, cloudformation-validate in every scenario. Exit codes: 0 no error and
no warning · 1 findings · 2 the file cannot be read.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fraud_cfn import streams
from fraud_cfn.config import COMMITTED, REGION, ROOT
from fraud_cfn.streams import UTF8
from fraud_cfn.template.document import Document, DocumentError, read
from fraud_cfn.template.scenarios import ACCOUNT, SCENARIOS

if TYPE_CHECKING:
    import cloudformation_validate as cfv


@dataclass(frozen=True)
class Finding:
    """An error or a warning: of which engine and rule, on what, and in which scenarios (all: empty)."""

    engine: str
    rule: str
    where: str  # logical id and property path
    message: str
    line: int | None = None
    scenario: str = ""

    def __str__(self) -> str:
        line = f"line {self.line}: " if self.line else ""
        scenario = f" [scenario: {self.scenario}]" if self.scenario else ""
        return f"{line}{self.rule} {self.where}: {self.message} ({self.engine}){scenario}"


@dataclass(frozen=True)
class Accepted:
    """A finding that stays, on one property or parameter, with its reason."""

    rule: str
    path: str
    reason: str


_PROOFS = ROOT / ".validated"  # git ignores it
ACCEPTED = (
    Accepted("W1030", "Properties.PermissionsBoundary", "the default '' is judged, where If leaves it out"),
    Accepted("W1030", "Parameters/DataKmsKeyArn/Default", "the default '' is judged, where If leaves it out"),
    Accepted(
        "W1030",
        "Properties.EncryptionConfiguration.KmsKey",
        "the default '' is judged, where If leaves it out",
    ),
    Accepted("W1030", "Parameters/WebAclArn/Default", "the default '' is judged; its resource is left out"),
    Accepted("W1030", "Properties.WebACLArn", "the default '' is judged; its resource is left out"),
    Accepted("W9002", "Properties.WebACLArn", "the scenario's own value of the parameter is judged"),
    Accepted("W1028", "Properties.PerformanceInsightsKMSKeyId.Fn::If.1", "of a reader that is left out"),
    Accepted("W1028", "Properties.PerformanceInsightsKMSKeyId.Fn::If.2", "of a reader that is left out"),
    Accepted("W2509", "Parameters/SecretsKmsKeyArns", "a key's ARN is no secret, whatever its name says"),
)


class _UnfitError(Exception):
    """A validator that did not run, and why."""


def check_all(document: Document) -> list[Finding]:
    """Every finding of both engines that is not accepted."""
    with _start_linter() as linter:  # in a process of its own, meanwhile the other engine runs here
        found = list(check_scenarios(document))
        return _finish_linter(linter, document) + found


def lint(document: Document) -> list[Finding]:
    """The findings of cfn-lint."""
    with _start_linter() as linter:
        return _finish_linter(linter, document)


def check_scenarios(
    document: Document, scenarios: dict[str, dict[str, str]] | None = None
) -> Iterable[Finding]:
    """The findings of cloudformation-validate, scenario by scenario, the same one only once."""
    from concurrent.futures import ThreadPoolExecutor

    scenarios = SCENARIOS if scenarios is None else scenarios
    seen: set[tuple[str, str]] = set()
    # The engine releases the interpreter's lock: threads use every core.
    with ThreadPoolExecutor() as pool:
        reports = pool.map(lambda values: diagnostics(document, values), scenarios.values())
        for scenario, report in zip(scenarios, reports, strict=True):
            for diagnostic in report:
                finding = _finding(diagnostic, scenario)
                if (finding.rule, finding.where) not in seen and not _accepted(finding):
                    seen.add((finding.rule, finding.where))
                    yield finding


def diagnostics(document: Document, values: dict[str, str]) -> list[cfv.Diagnostic]:
    """The raw errors and warnings of cloudformation-validate under those parameter values."""
    import cloudformation_validate as cfv

    config = cfv.ValidateConfig(
        parameter_overrides=values,
        pseudo_parameter_overrides=cfv.PseudoParameterOverrides(region=REGION, account_id=ACCOUNT),
        severity_level=cfv.Severity.WARN,
    )
    report = _engine().validate_template(cfv.TemplateContent(document.text, "template"), config)
    if report.status is not cfv.ReportStatus.OK and not report.diagnostics:
        raise _UnfitError(f"cloudformation-validate ended with {report.status.name}")
    return report.diagnostics


@cache
def _engine() -> cfv.Engine:
    import cloudformation_validate as cfv

    return cfv.CelEngine()


def _finding(diagnostic: cfv.Diagnostic, scenario: str) -> Finding:
    logical_id = diagnostic.entity.logical_id if diagnostic.entity else ""
    where = " ".join(part for part in (logical_id, diagnostic.property_path) if part)
    return Finding(
        "cloudformation-validate",
        diagnostic.rule_id,
        where or "template",
        diagnostic.message,
        diagnostic.start_line,
        scenario,
    )


def _accepted(finding: Finding) -> bool:
    return any(finding.rule == known.rule and finding.where.endswith(known.path) for known in ACCEPTED)


# The package has no __main__.
_CFN_LINT = "from cfnlint.runner import main; main()"


def _start_linter() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _CFN_LINT, "--regions", REGION, "--format", "json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **UTF8},
        encoding="utf-8",
        errors="replace",
    )


def _finish_linter(linter: subprocess.Popen[str], document: Document) -> list[Finding]:
    output, errors = linter.communicate(document.text)
    try:
        matches: list[dict[str, Any]] = json.loads(output)
    except ValueError as error:
        last = (errors or output).strip().splitlines()[-1:]
        raise _UnfitError(f"cfn-lint did not run ({''.join(last)}): run 'make install'") from error
    return [_match(match) for match in matches]


def _match(match: dict[str, Any]) -> Finding:
    location = match["Location"]
    path = ".".join(str(part) for part in location.get("Path") or [])
    return Finding(
        "cfn-lint",
        match["Rule"]["Id"],
        path.removeprefix("Resources.") or "template",
        match["Message"],
        location["Start"]["LineNumber"],
    )


def _proof(document: Document) -> Path:
    """A file that stands for: these very bytes passed, by these rules, with these versions of the engines."""
    rules = [Path(__file__), Path(__file__).with_name("scenarios.py")]
    engines = [version("cfn-lint"), version("cloudformation-validate")]
    parts = [document.text, *(rule.read_text(encoding="utf-8") for rule in rules), *engines]
    return _PROOFS / hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _keep(proof: Path) -> None:
    """Forget older proofs; where nothing can be written, the next run proves it again."""
    with contextlib.suppress(OSError):
        _PROOFS.mkdir(exist_ok=True)
        for older in _PROOFS.iterdir():
            older.unlink(missing_ok=True)
        proof.touch()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m fraud_cfn.template.validation",
        description="Validate a template with cfn-lint and cloudformation-validate.",
    )
    parser.add_argument(
        "file", nargs="?", type=Path, default=COMMITTED, help="default: the committed template"
    )
    parser.add_argument(
        "--unless-proven", action="store_true", help="do nothing if these very bytes have passed here before"
    )
    options = parser.parse_args(arguments)
    file: Path = options.file
    try:
        document = read(file)
        proof = _proof(document)
        if options.unless_proven and proof.exists():
            return 0
        findings = check_all(document)
    except (DocumentError, _UnfitError) as error:
        print(f"validation: {error}", file=sys.stderr)
        return 2
    except (ModuleNotFoundError, PackageNotFoundError) as error:
        print(f"validation: {error}: run 'make install'", file=sys.stderr)
        return 2
    for finding in findings:
        print(f"{file.name}: {finding}")
    if findings:
        print(
            f"{len(findings)} findings: mend them, or accept each in fraud_cfn/template/validation.py",
            file=sys.stderr,
        )
        return 1
    _keep(proof)
    print(f"Valid: cfn-lint, and cloudformation-validate in {len(SCENARIOS)} scenarios")
    return 0


if __name__ == "__main__":
    streams.survive()
    raise SystemExit(main())
