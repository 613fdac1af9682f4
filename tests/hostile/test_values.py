"""What a user may give: whatever the template's patterns accept is something that AWS takes."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_cfn.config import SUFFIX_FORM, SUFFIX_MOST
from fraud_cfn.platform.naming import NAME_LIMITS
from fraud_cfn.review import schemas
from fraud_cfn.template import constraints, environments
from fraud_cfn.template.document import read
from fraud_cfn.template.environments import Environment, EnvironmentFileError
from tests.lens import NAME_PROPERTY, base

DOCUMENT = read()
DECLARED: dict[str, dict[str, Any]] = DOCUMENT.template["Parameters"]
LIVE = base(DOCUMENT).under(ServicesEnabled="true", EnableDeploymentAlarms="true")
SUFFIXES = st.from_regex(SUFFIX_FORM, fullmatch=True).filter(lambda suffix: len(suffix) <= SUFFIX_MOST)


# ── The suffix ──────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=15)
@given(SUFFIXES)
def test_every_name_of_any_suffix_is_one_that_its_type_takes(suffix: str) -> None:
    assert constraints.misfit(DECLARED["EnvironmentSuffix"], suffix) == ""
    for kind, logical_id, name in LIVE.under(EnvironmentSuffix=suffix).names():
        assert len(name) <= NAME_LIMITS[kind], logical_id
        known = schemas.schema(kind)
        assert known
        form = known.document["properties"][NAME_PROPERTY[kind]]
        assert re.search(form.get("pattern", "").replace(r"\p{Print}", "[ -~]"), name), logical_id
        assert form.get("minLength", 0) <= len(name) <= form.get("maxLength", len(name)), logical_id


@given(st.text(max_size=16))
def test_any_other_suffix_is_refused(suffix: str) -> None:
    fits = bool(re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", suffix)) and len(suffix) <= 12
    assert (constraints.misfit(DECLARED["EnvironmentSuffix"], suffix) == "") is fits


# ── Parameters ──────────────────────────────────────────────────────────────────────────────────────


def is_arn(service: str, resource: str, region: str = "eu-central-1") -> Callable[[str], bool]:
    """Source: Service Authorization Reference, the resource types of that service."""
    return lambda value: (
        re.fullmatch(rf"arn:aws:{service}:{region}:[0-9]{{12}}:{resource}", value, re.ASCII) is not None
    )


def shaped(service: str, shape: str) -> Callable[[str], bool]:
    """As a request of that service has it."""
    declared = botocore.session.get_session().get_service_model(service).shape_for(shape).metadata
    return lambda value: (
        declared.get("min", 0) <= len(value) <= declared.get("max", len(value))
        and re.fullmatch(declared.get("pattern", "(?s).*"), value) is not None
    )


def is_bucket(value: str) -> bool:
    """Source: Amazon S3 User Guide, "General purpose bucket naming rules"."""
    return (
        re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", value) is not None
        and ".." not in value
        and not re.fullmatch(r"\d+\.\d+\.\d+\.\d+", value)
    )


def is_private(value: str) -> bool:
    """As Amazon VPC takes it; 172.17.0.0/16 is what some AWS services use inside.

    Source: Amazon VPC User Guide, "VPC CIDR blocks".
    """
    block = ipaddress.ip_network(value)
    return block.prefixlen == 16 and block.is_private and value != "172.17.0.0/16"


def is_image(value: str) -> bool:
    """Source: Amazon ECS API Reference, "ContainerDefinition", `image`."""
    return len(value) <= 255 and re.fullmatch(r"[A-Za-z0-9_:./#@-]+", value) is not None


UUID = "[a-f0-9-]+"
TAKES: dict[str, Callable[[str], bool]] = {
    "DatabaseCredentialsArn": is_arn("secretsmanager", r"secret:[\w/+=.@-]+-[A-Za-z0-9]{6}"),
    "DatabaseCredentialsVersion": shaped("secretsmanager", "SecretVersionIdType"),
    "ApiKeysArn": is_arn("secretsmanager", r"secret:[\w/+=.@-]+-[A-Za-z0-9]{6}"),
    "SecretsKmsKeyArns": lambda value: all(map(is_arn("kms", "key/[A-Za-z0-9-]+"), value.split(","))),
    "DataKmsKeyArn": is_arn("kms", "key/[A-Za-z0-9-]+"),
    "VpcCidr": is_private,
    "IngressCidr": lambda value: ipaddress.ip_network(value, strict=False).version == 4,
    "CertificateArn": is_arn("acm", "certificate/[a-z0-9-]+"),
    "AccessLogBucket": is_bucket,
    "WebAclArn": is_arn("wafv2", rf"regional/webacl/[\w-]+/{UUID}"),
    "DatabaseEngineVersion": lambda value: re.fullmatch(r"17\.[0-9]+", value) is not None,
    "TracingImage": is_image,
    "AdditionalRepositoryArns": lambda value: all(
        map(is_arn("ecr", "repository/[a-z0-9][a-z0-9._/-]*"), value.split(","))
    ),
    "PermissionsBoundaryArn": lambda value: (
        re.fullmatch(r"arn:aws:iam::([0-9]{12}|aws):policy/[\w+=,.@/-]+", value, re.ASCII) is not None
    ),
    "ImageTag": shaped("ecr", "ImageTag"),
    "HealthCommand": lambda value: "\n" not in value and value == value.strip() and len(value) <= 256,
}
PATTERNED = [name for name, parameter in DECLARED.items() if "AllowedPattern" in parameter]


def takes(name: str) -> Callable[[str], bool]:
    """By name, or by the kind of it: `ApiImageTag`, `WorkerImageTag`."""
    return TAKES.get(name) or next(TAKES[kind] for kind in TAKES if name.endswith(kind))


@pytest.mark.parametrize("name", [name for name in PATTERNED if name != "EnvironmentSuffix"])
def test_whatever_a_pattern_accepts_aws_takes(name: str) -> None:
    @given(
        st.from_regex(
            DECLARED[name]["AllowedPattern"], fullmatch=True, alphabet=st.characters(max_codepoint=383)
        )
    )
    def check(value: str) -> None:
        if value and constraints.misfit(DECLARED[name], value) == "":
            assert takes(name)(value)

    check()


@pytest.mark.parametrize("name", DECLARED)
@given(value=st.text(max_size=40))
def test_a_value_of_any_text_is_judged_without_a_fault(name: str, value: str) -> None:
    assert isinstance(constraints.misfit(DECLARED[name], value), str)
    assert constraints.shown(DECLARED[name], value)


# ── Environment files ───────────────────────────────────────────────────────────────────────────────


def parsed(content: bytes) -> Environment | None:
    """None: refused, and every line of the refusal says where it is and what to do."""
    try:
        return environments.parse(content, "dev", "environments/dev.yaml")
    except EnvironmentFileError as error:
        for line in str(error).splitlines():
            assert re.match(r"environments/dev\.yaml:\d+: .+: .+", line), line
        return None


PIECES = (
    """parameters tags VpcCidr dev : - [ ] { } ' " | > & *a &a !!python/none !Ref << # ? % @ \\ é 0x1 ~ ---"""
)
WORDS = st.sampled_from([*PIECES.split(), " ", "  ", "\n", "\t", "\x00", "\u2028", "\ufeff"])


@given(
    st.one_of(st.binary(max_size=80), st.lists(WORDS, max_size=24).map(lambda words: "".join(words).encode()))
)
def test_an_environment_file_of_any_bytes_is_read_or_refused(content: bytes) -> None:
    found = parsed(content)
    if found:
        environments.problems(found, DECLARED)


LINE = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Cn", "Co", "Zl", "Zp", "Cf"]), min_size=1, max_size=30
)


@given(st.dictionaries(st.sampled_from([name for name in DECLARED if name != "EnvironmentSuffix"]), LINE))
def test_a_value_is_the_text_that_was_written(values: dict[str, str]) -> None:
    content = yaml.safe_dump({"parameters": values}, allow_unicode=True, default_style='"').encode()
    found = parsed(content)
    assert found
    assert found.values == values
