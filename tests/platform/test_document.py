"""The parts of the document that are no resources: what is said of a parameter is what is checked."""

from __future__ import annotations

import re

from fraud_cfn.template.document import Document
from tests.lens import FURTHER, SECTIONS, is_further, references


def test_no_macro_and_no_section_beside_these_changes_the_template(document: Document) -> None:
    assert list(document.template) == SECTIONS
    assert document.template["AWSTemplateFormatVersion"] == "2010-09-09"
    assert document.template["Description"] == (
        "Fraud detection platform on ECS Fargate: REST API, queue worker, scheduled job"
    )
    assert set(document.template["Rules"]) == {"OnlyInItsRegion", "TwoSecrets"}
    for rule in document.template["Rules"].values():
        assert set(rule) == {"Assertions"}
    assert {name: set(top) for name, top in document.template["Mappings"].items()} == {
        "Tracing": {"Collector"}
    }


def test_the_console_shows_every_parameter_once_in_these_groups(document: Document) -> None:
    metadata = document.template["Metadata"]
    assert {name: set(inner) for name, inner in metadata.items()} == {
        "AWS::CloudFormation::Interface": {"ParameterGroups"}
    }
    groups = metadata["AWS::CloudFormation::Interface"]["ParameterGroups"]
    shown = [name for group in groups for name in group["Parameters"]]
    assert sorted(shown) == sorted(document.template["Parameters"])
    assert shown == list(document.template["Parameters"]), "in the order in which they stand"
    labels = {group["Label"]["default"]: group["Parameters"][0] for group in groups}
    assert {label: first for label, first in labels.items() if not is_further(first)} == {
        "Environment": "EnvironmentSuffix",
        "Secrets": "DatabaseCredentialsArn",
        "Network and entry": "VpcCidr",
        "Database": "DatabaseEngineVersion",
        "Data at rest": "DataKmsKeyArn",
        "Every task": "CpuArchitecture",
        "API service": "ApiImageTag",
        "Worker service": "WorkerImageTag",
        "Scheduled job": "JobImageTag",
    }
    assert len(labels) == len(groups)


def test_the_template_is_no_larger_than_we_allow_ourselves(document: Document) -> None:
    assert FURTHER or len(document.minified().encode()) <= 90_000, "a further workload may add its own"


def test_a_parameter_has_one_form_and_says_it_in_words(document: Document) -> None:
    always = {"Type", "Description", "ConstraintDescription"}
    for name, parameter in document.template["Parameters"].items():
        form = set(parameter) - always - {"Default"}
        words = parameter["ConstraintDescription"]
        assert parameter["Type"] in ("String", "Number"), name
        if parameter["Type"] == "Number":
            assert form == {"MinValue", "MaxValue"}, name
            assert f"from {parameter['MinValue']} to {parameter['MaxValue']}" in words, name
        elif "AllowedValues" in parameter:
            assert form == {"AllowedValues"}, name
            assert words == "must be " + " or ".join(parameter["AllowedValues"]), name
            assert len(parameter["AllowedValues"]) == len(set(parameter["AllowedValues"])), name
        else:
            assert form - {"MinLength", "MaxLength"} == {"AllowedPattern"}, name
            assert parameter["AllowedPattern"].startswith("^"), name
            assert parameter["AllowedPattern"].endswith("$"), name


def test_lengths_are_said_too(document: Document) -> None:
    lengths = {
        name: (parameter.get("MinLength"), parameter.get("MaxLength"))
        for name, parameter in document.template["Parameters"].items()
        if {"MinLength", "MaxLength"} & set(parameter)
    }
    assert lengths == {"EnvironmentSuffix": (1, 12)}
    words = document.template["Parameters"]["EnvironmentSuffix"]["ConstraintDescription"]
    assert re.findall(r"\d+", words) == ["1", "12"]


def test_every_parameter_condition_and_mapping_is_used(document: Document) -> None:
    parts = {name: document.template[name] for name in ("Conditions", "Resources", "Outputs")}
    assert set(document.template["Parameters"]) <= references(parts)
    text = str(parts)
    for condition in document.template["Conditions"]:
        assert f"['{condition}'," in text or f"'Condition': '{condition}'" in text, condition
    for mapping in document.template["Mappings"]:
        assert f"'Fn::FindInMap': ['{mapping}'" in text


CONDITIONS = {
    "ApiIsDeployedCanary": "ApiDeploymentStrategy is CANARY",
    "ApiIsDeployedLinear": "ApiDeploymentStrategy is LINEAR",
    "ApiIsDeployedRolling": "ApiDeploymentStrategy is ROLLING",
    "HasAdditionalRepositories": "AdditionalRepositoryArns is given",
    "HasDataKmsKey": "DataKmsKeyArn is given",
    "HasDatabaseReader": "DatabaseReader is true",
    "HasDeploymentAlarms": "EnableDeploymentAlarms is true",
    "HasPermissionsBoundary": "PermissionsBoundaryArn is given",
    "HasSecretsKmsKeys": "SecretsKmsKeyArns is given",
    "HasWebAcl": "WebAclArn is given",
    "IsLive": "ServicesEnabled is not false",
    "IsStarting": "ServicesEnabled is starting",
    "KeepsAccessLogs": "AccessLogBucket is given",
    "ServesHttpOnly": "CertificateArn is not given",
    "ServesHttps": "CertificateArn is given",
}
BY_NAME = re.compile(r"Has(\w+HealthCommand)")


def test_a_condition_is_what_its_name_says(document: Document) -> None:
    for name, condition in document.template["Conditions"].items():
        isnt = "Fn::Not" in condition
        reference, literal = condition.get("Fn::Not", [condition])[0]["Fn::Equals"]
        asked = f"is {'not ' if isnt else ''}{literal}" if literal else f"is {'' if isnt else 'not '}given"
        said = f"{reference['Ref']} {asked}"
        if by_name := BY_NAME.fullmatch(name):
            assert said.startswith(by_name[1]), name
            assert asked == "is given", name
        else:
            assert said == CONDITIONS[name]
