"""What a user may say, and what the template itself refuses."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fraud_cfn.template.document import Document, read
from fraud_cfn.template.scenarios import ACCOUNT, LONGEST_SUFFIX, SCENARIOS
from tests.lens import WORKLOADS, Lens, is_further

_ID = "0b1c2d3e-1111-2222-3333-444455556666"
_KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/"
_SECRET = f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:"


def accepts(document: Document, parameter: str, value: str) -> bool:
    """As CloudFormation judges a value, before anything is created."""
    rule: dict[str, Any] = document.template["Parameters"][parameter]
    if "AllowedValues" in rule:
        return value in rule["AllowedValues"]
    if rule["Type"] == "Number":
        return rule["MinValue"] <= float(value) <= rule["MaxValue"]
    if not rule.get("MinLength", 0) <= len(value) <= rule.get("MaxLength", 4096):
        return False
    return re.fullmatch(rule["AllowedPattern"], value) is not None


@pytest.mark.parametrize("suffix", ["d", "dev", "pr-12", "a1-b2-c3", "2", LONGEST_SUFFIX])
def test_suffix_may_be_short_lower_case_words_and_digits(document: Document, suffix: str) -> None:
    assert accepts(document, "EnvironmentSuffix", suffix)


@pytest.mark.parametrize(
    "suffix", ["", "Dev", "dev_1", "-dev", "dev-", "a--b", "dev.1", "dév", "dev ", "a" * 13]
)
def test_suffix_is_refused_when_it_would_not_fit_a_name(document: Document, suffix: str) -> None:
    assert not accepts(document, "EnvironmentSuffix", suffix)


HEALTH_COMMANDS = [name for name in read().template["Parameters"] if name.endswith("HealthCommand")]


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        ("ServicesEnabled", ["true", "starting", "false"], ["yes", "True", ""]),
        *(
            (
                f"{workload}ImageTag",
                ["latest", "v1.2.3", "_a", "1", "Z9", "a" * 128],
                ["", ".a", "-a", "a b", "a:b", "a/b", "@sha", "a" * 129],
            )
            for workload in WORKLOADS
        ),
        (
            "DatabaseCredentialsArn",
            [f"{_SECRET}fraud-database-dev-AbCdE1", f"{_SECRET}a/b_c+d=e.f@g-AbCdE1"],
            [
                "",
                "fraud-database-dev",
                f"{_SECRET}fraud-database-dev",
                f"{_SECRET}x-AbCdE1:username::",
                f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:x-AbCdE1",
                f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:x-AbCdE1'",
            ],
        ),
        (
            "DatabaseCredentialsVersion",
            ["", _ID, "EXAMPLE1-90ab-cdef-fedc-ba987EXAMPLE", "a" * 64],
            ["AWSCURRENT", "a" * 31, "a" * 65, f"{_ID}:", f"{_ID}}}}}"],
        ),
        ("ApiKeysArn", [f"{_SECRET}fraud-api-keys-dev-AbCdE1"], ["", "fraud-api-keys-dev"]),
        (
            "SecretsKmsKeyArns",
            ["", f"{_KEY}mrk-1a2b", f"{_KEY}1,{_KEY}2"],
            ["key", f"arn:aws:kms:eu-central-1:{ACCOUNT}:alias/x", f"{_KEY}1, {_KEY}2", f"{_KEY}1,"],
        ),
        (
            "DataKmsKeyArn",
            ["", f"{_KEY}mrk-1a2b"],
            ["key", f"arn:aws:kms:eu-central-1:{ACCOUNT}:alias/x", f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"],
        ),
        (
            "VpcCidr",
            ["10.0.0.0/16", "10.255.0.0/16", "172.16.0.0/16", "172.31.0.0/16", "192.168.0.0/16"],
            [
                "",
                "10.0.0.0/24",
                "10.0.1.0/16",
                "10.256.0.0/16",
                "172.17.0.0/16",
                "172.32.0.0/16",
                "11.0.0.0/16",
            ],
        ),
        (
            "IngressCidr",
            ["0.0.0.0/0", "203.0.113.7/32", "10.0.0.0/8"],
            ["", "0.0.0.0", "1.2.3.4/33", "1.2.3.256/32", "::/0", "1.2.3/24"],
        ),
        (
            "CertificateArn",
            ["", f"arn:aws:acm:eu-central-1:{ACCOUNT}:certificate/1a-2b"],
            ["x", f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1a-2b"],
        ),
        (
            "AccessLogBucket",
            ["", "company-logs", "a.b", "123", "a" * 63],
            ["A", "-a", "a", "a" * 64, "a..b", "192.168.5.4", "arn:aws:s3:::logs"],
        ),
        (
            "WebAclArn",
            ["", f"arn:aws:wafv2:eu-central-1:{ACCOUNT}:regional/webacl/company_1-a/{_ID}"],
            [
                "company",
                f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/company/{_ID}",
                f"arn:aws:wafv2:eu-central-1:{ACCOUNT}:regional/ipset/company/{_ID}",
            ],
        ),
        ("ApiDeploymentStrategy", ["BLUE_GREEN", "CANARY", "LINEAR", "ROLLING"], ["ALL", "blue_green"]),
        ("ApiCanaryPercent", ["3", "10", "100"], ["0", "2", "101"]),
        ("ApiStepMinutes", ["0", "5", "1440"], ["-1", "1441"]),
        *(
            (
                command,
                ["", "curl -f localhost:8080/health", "[ -e /tmp/ready ]", "a" * 256],
                [" ", " a", "a ", "a\nb", "a" * 257, '["CMD-SHELL", "true"]', "CMD-SHELL true", "CMD true"],
            )
            for command in HEALTH_COMMANDS
        ),
        (
            "AdditionalRepositoryArns",
            [
                "",
                f"arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/a/b,arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/c",
            ],
            [
                "fraud-api",
                f"arn:aws:ecr:eu-west-1:{ACCOUNT}:repository/a",
                f"arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/*",
            ],
        ),
        ("ApiBakeTimeMinutes", ["0", "5", "1440"], ["-1", "1441"]),
        ("EnableDeploymentAlarms", ["true", "false"], ["1"]),
        ("DatabaseEngineVersion", ["17.9", "17.10"], ["17", "16.4", "18.1", "17.9.1", "17."]),
        ("DatabaseMinCapacity", ["0", "0.5", "256"], ["-0.5", "256.5"]),
        ("DatabaseMaxCapacity", ["1", "4", "256"], ["0.5", "257"]),
        ("DatabaseReader", ["true", "false"], ["no"]),
        ("CpuArchitecture", ["X86_64", "ARM64"], ["arm64"]),
        (
            "PermissionsBoundaryArn",
            ["", f"arn:aws:iam::{ACCOUNT}:policy/team/boundary", "arn:aws:iam::aws:policy/ReadOnlyAccess"],
            ["boundary", f"arn:aws:iam::{ACCOUNT}:role/x"],
        ),
        (
            "TracingImage",
            ["public.ecr.aws/aws-observability/aws-otel-collector:v0.50.0", "x.y/z@sha256:" + "a" * 64],
            ["", "aws-otel-collector", "x/y:latest", "x/y:v1"],
        ),
    ],
)
def test_each_parameter_takes_its_form_only(
    document: Document, parameter: str, good: list[str], bad: list[str]
) -> None:
    assert {value: accepts(document, parameter, value) for value in good + bad} == {
        value: value in good for value in good + bad
    }


@pytest.mark.parametrize("wrong", [f"{ACCOUNT}0", ACCOUNT[1:], "", "*", "aws-account"])
def test_an_arn_is_of_an_account(document: Document, wrong: str) -> None:
    """Twelve digits; and what is of AWS itself, a policy, is said so."""
    arns = {
        name: value for values in SCENARIOS.values() for name, value in values.items() if ACCOUNT in value
    }
    assert len(arns) > 6
    assert [name for name in arns if accepts(document, name, arns[name].replace(ACCOUNT, wrong))] == []


def test_every_parameter_has_its_form_tested_here(document: Document) -> None:
    tested = {"EnvironmentSuffix"}
    for mark in test_each_parameter_takes_its_form_only.pytestmark:  # pyright: ignore[reportFunctionMemberAccess]
        tested |= {case[0] for case in mark.args[1]}
    assert tested == {
        name for name in document.template["Parameters"] if name in tested or not is_further(name)
    }


def test_parameters_and_their_defaults_are_the_contract(document: Document) -> None:
    declared = document.template["Parameters"]
    defaults = {key: value.get("Default") for key, value in declared.items() if not is_further(key)}
    assert defaults == {
        "EnvironmentSuffix": None,
        "ServicesEnabled": "false",
        "ApiImageTag": "latest",
        "WorkerImageTag": "latest",
        "JobImageTag": "latest",
        "DatabaseCredentialsArn": None,
        "DatabaseCredentialsVersion": "",
        "ApiKeysArn": None,
        "SecretsKmsKeyArns": "",
        "DataKmsKeyArn": "",
        "VpcCidr": "10.0.0.0/16",
        "IngressCidr": "0.0.0.0/0",
        "CertificateArn": "",
        "AccessLogBucket": "",
        "WebAclArn": "",
        "ApiDeploymentStrategy": "BLUE_GREEN",
        "ApiHealthCommand": "",
        "WorkerHealthCommand": "",
        "AdditionalRepositoryArns": "",
        "ApiCanaryPercent": 10,
        "ApiStepMinutes": 5,
        "ApiBakeTimeMinutes": 5,
        "EnableDeploymentAlarms": "false",
        "DatabaseEngineVersion": "17.9",
        "DatabaseMinCapacity": 0.5,
        "DatabaseMaxCapacity": 4,
        "DatabaseReader": "true",
        "CpuArchitecture": "X86_64",
        "PermissionsBoundaryArn": "",
        "TracingImage": "public.ecr.aws/aws-observability/aws-otel-collector:v0.50.0",
    }


def test_any_word_is_taken_only_where_any_word_is_good(document: Document) -> None:
    free = ("EnvironmentSuffix", "ImageTag", "HealthCommand")
    for name, parameter in document.template["Parameters"].items():
        if "AllowedPattern" in parameter and not is_further(name):
            assert accepts(document, name, "x") is name.endswith(free), name


def test_a_refusal_says_the_rule_in_words(document: Document) -> None:
    for key, parameter in document.template["Parameters"].items():
        assert parameter["ConstraintDescription"].startswith("must be "), key
        assert parameter["Description"], key


def test_every_scenario_uses_values_that_the_parameters_take(document: Document) -> None:
    for scenario, values in SCENARIOS.items():
        for parameter, value in values.items():
            assert accepts(document, parameter, value), (scenario, parameter)


def test_the_api_keys_are_never_the_secret_of_the_database(document: Document, base: Lens) -> None:
    (assertion,) = document.template["Rules"]["TwoSecrets"]["Assertions"]
    assert base.resolve(assertion["Assert"]) is True
    same = base.under(ApiKeysArn=base.parameters["DatabaseCredentialsArn"])
    assert same.resolve(assertion["Assert"]) is False
    assert assertion["AssertDescription"] == (
        "ApiKeysArn is the database's secret: give that of the API keys."
    )


def test_any_other_region_is_refused(document: Document, base: Lens) -> None:
    (assertion,) = document.template["Rules"]["OnlyInItsRegion"]["Assertions"]
    assert base.resolve(assertion["Assert"]) is True
    assert assertion["Assert"] == {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-central-1"]}
    assert assertion["AssertDescription"] == ("This template is made for eu-central-1: deploy it there.")
