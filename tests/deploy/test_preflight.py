"""What stands in the way of a deployment is told at once, before anything is created or changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fraud_cfn import names
from fraud_cfn.config import ROOT
from fraud_cfn.deploy.change import template as checks
from fraud_cfn.deploy.errors import TemplateError
from fraud_cfn.deploy.terminal.console import Console
from fraud_cfn.template import document
from tests.deploy.conftest import Teller, Told
from tests.deploy.fake_aws import ACCOUNT, Aws, FaultError
from tests.deploy.fake_running import Running

NEEDS_ALL = (
    "Parameters: {EnvironmentSuffix: {Type: String},"
    " DatabaseEngineVersion: {Type: String, Default: '17.9'},"
    " DatabaseMinCapacity: {Type: Number, Default: 0.5}, DatabaseMaxCapacity: {Type: Number, Default: 4},"
    " ServicesEnabled: {Type: String, Default: 'false'}, VpcCidr: {Type: String, Default: 10.0.0.0/16},"
    " DataKmsKeyArn: {Type: String, Default: ''}, CertificateArn: {Type: String, Default: ''},"
    " WebAclArn: {Type: String, Default: ''}, PermissionsBoundaryArn: {Type: String, Default: ''},"
    " AccessLogBucket: {Type: String, Default: ''},"
    " ApiDeploymentStrategy: {Type: String, Default: BLUE_GREEN},"
    " ApiCanaryPercent: {Type: Number, Default: 10},"
    " ApiStepMinutes: {Type: Number, Default: 5}, ApiBakeTimeMinutes: {Type: Number, Default: 5},"
    " DatabaseCredentialsArn: {Type: String}, ApiKeysArn: {Type: String}}\n"
    "Resources:\n"
    "  V: {Type: AWS::EC2::VPC}\n"
    "  E: {Type: AWS::EC2::EIP}\n"
    "  A: {Type: AWS::EC2::Subnet, Properties: {AvailabilityZone: !Sub '${AWS::Region}a'}}\n"
    "  B: {Type: AWS::EC2::Subnet, Properties: {AvailabilityZone: !Sub '${AWS::Region}b'}}\n"
    "  C: {Type: AWS::EC2::Subnet, Properties: {AvailabilityZone: eu-central-1c}}\n"
    "  D: {Type: AWS::RDS::DBCluster}\n"
    "  X: {Type: AWS::ECS::Cluster}\n"
)


def zones(**states: str) -> list[dict[str, str]]:
    return [{"ZoneName": f"eu-central-1{letter}", "State": state} for letter, state in states.items()]


@pytest.fixture
def poor(aws: Aws) -> Aws:
    """An account that lacks everything."""
    aws.secrets.clear()
    aws.buckets.clear()
    aws.answers |= {
        "DescribeAvailabilityZones": lambda _: {"AvailabilityZones": zones(a="available", b="impaired")},
        "DescribeDBEngineVersions": lambda _: {"DBEngineVersions": [{"EngineVersion": "17.7"}]},
        "DescribeVpcs": lambda _: {"Vpcs": [{"VpcId": str(n)} for n in range(5)]},
        "DescribeAddresses": lambda _: {"Addresses": [{"PublicIp": str(n)} for n in range(5)]},
        "GetServiceQuota": lambda _: {"Quota": {"Value": 5.0}},
        "ListRoles": lambda _: {"Roles": []},
    }
    return aws


@pytest.fixture
def rich(aws: Aws) -> Aws:
    """An account that has everything."""
    aws.answers |= {
        "DescribeAvailabilityZones": lambda _: {
            "AvailabilityZones": zones(a="available", b="available", c="available")
        },
        "DescribeDBEngineVersions": lambda _: {
            "DBEngineVersions": [
                {"EngineVersion": f"{major}.{minor}"} for major in (16, 17) for minor in range(12)
            ]
        },
        "DescribeVpcs": lambda _: {"Vpcs": []},
        "DescribeAddresses": lambda _: {"Addresses": []},
        "ListRoles": lambda _: {"Roles": [{"RoleName": "r", "Arn": "a", "Path": "/", "RoleId": "i"}]},
    }
    return aws


@pytest.fixture
def template(tmp_path: Path) -> list[str]:
    """The option that deploys a template which needs all of it, and is over what goes in a request."""
    file = tmp_path / "all.yaml"
    file.write_text(f"{NEEDS_ALL}# {'.' * 52_000}\n", encoding="utf-8")
    return ["--template", str(file)]


def refused(told: Told, aws: Aws) -> bool:
    made = {"CreateChangeSet", "CreateBucket", "PutObject", "DeleteStack"} & set(aws.calls)
    return told.code == 2 and not made


# ── All at once ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("verb", ["plan dev", "deploy dev"])
def test_an_empty_account_is_refused_once_with_everything_in_it(
    poor: Aws, tell: Teller, template: list[str], verb: str
) -> None:
    told = tell(verb, *template, "--param", "DatabaseMinCapacity=0.7", "--param", "ServicesEnabled=true")
    assert refused(told, poor)
    assert "error: 10 things stand in the way of this deployment" in told.text
    for part in (
        "the secret fraud-database-dev does not exist",
        "create-secret --region eu-central-1 --name fraud-database-dev",
        "the secret fraud-api-keys-dev does not exist",
        "DatabaseMinCapacity cannot be 0.7",
        "ServicesEnabled cannot be 'true' at the creation",
        "the availability zones eu-central-1b, eu-central-1c cannot be used by this account",
        "Aurora PostgreSQL 17.9 is not offered here (there is 17.7)",
        "--param DatabaseEngineVersion=17.7",
        "5 of 5 VPCs",
        "5 of 5 elastic IP addresses",
        "request-service-quota-increase --region eu-central-1 --service-code vpc",
        "no service-linked role for ECS",
        "create-service-linked-role --aws-service-name ecs.amazonaws.com",
        f"the bucket fraud-templates-{ACCOUNT}-eu-central-1 for the template does not exist",
    ):
        assert part in told.text
    assert "has no value" not in told.text  # the secrets' ARNs: told already


def test_a_bucket_that_yes_makes_stands_in_nobodys_way(poor: Aws, tell: Teller, template: list[str]) -> None:
    told = tell("deploy dev --yes", *template)
    assert refused(told, poor)
    assert "bucket" not in told.text
    told = tell("deploy dev --yes --s3-bucket theirs", *template)
    assert "the bucket theirs for the template does not exist" in told.text


def test_an_account_with_everything_is_refused_nothing(rich: Aws, tell: Teller, template: list[str]) -> None:
    told = tell("plan dev", *template)
    assert told.code == 0
    assert "not looked at" not in told.text
    assert "HeadBucket" not in rich.calls


@pytest.mark.parametrize(
    "fault",
    [
        FaultError("AccessDenied", "no", 403),
        FaultError("Throttling", "Rate exceeded"),
        FaultError("InternalFailure", "oops", 500),
    ],
)
@pytest.mark.parametrize(
    "operation",
    ["DescribeSecret", "DescribeAvailabilityZones", "DescribeDBEngineVersions", "DescribeVpcs", "ListRoles"],
)
def test_a_look_that_fails_hides_no_other_and_is_told_as_unknown(
    poor: Aws, tell: Teller, template: list[str], operation: str, fault: FaultError
) -> None:
    poor.faults[operation] = [fault] * 9
    told = tell("plan dev", *template)
    assert refused(told, poor)
    assert f"{'permission for' if fault.status == 403 else ''} {operation}".strip() in told.text
    assert "warning: not looked at: " in told.text
    lacks = ["does not exist", "cannot be used by this account", "is not offered", "of 5 VPCs", "linked role"]
    assert sum(words in told.text.split("things stand")[1] for words in lacks) >= len(lacks) - 1


def test_what_may_not_be_looked_at_is_no_obstacle_and_stands_in_the_json(
    rich: Aws, tell: Teller, template: list[str]
) -> None:
    for operation in rich.answers:
        rich.faults[operation] = [FaultError("AccessDenied", "no", 403)]
    told = tell("plan dev --format json", *template)
    assert told.code == 0
    text = told.text[told.text.index("\n{") :]
    unknown = json.loads(text[: text.rindex("\n}") + 2])["unknown"]
    assert len(unknown) == 5
    assert all("no permission for" in line for line in unknown.values())


def test_an_answer_that_lacks_what_it_should_hold_is_unknown(
    rich: Aws, tell: Teller, template: list[str]
) -> None:
    rich.answers["GetServiceQuota"] = lambda _: {}
    rich.answers["DescribeVpcs"] = lambda _: {"Vpcs": [{"VpcId": str(n)} for n in range(5)]}
    told = tell("plan dev", *template)
    assert told.code == 0
    assert "not looked at: room for another VPC: AWS's answer lacks" in told.text


# ── One by one ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        (zones(a="available", b="available", d="available"), "eu-central-1c"),
        (zones(a="available", b="unavailable", c="available"), "eu-central-1b"),
        ([], "eu-central-1a, eu-central-1b, eu-central-1c"),
    ],
)
def test_the_zones_must_be_those_that_the_template_names(
    rich: Aws, tell: Teller, template: list[str], there: list[dict[str, str]], missing: str
) -> None:
    rich.answers["DescribeAvailabilityZones"] = lambda _: {"AvailabilityZones": there}
    told = tell("plan dev", *template)
    assert refused(told, rich)
    assert f" {missing} cannot be used by this account" in told.text


def test_an_engine_version_on_a_later_page_is_found(rich: Aws, tell: Teller, template: list[str]) -> None:
    assert rich.pages
    assert tell("plan dev", *template).code == 0


def test_a_quota_that_was_raised_is_room_enough(rich: Aws, tell: Teller, template: list[str]) -> None:
    rich.answers["DescribeVpcs"] = lambda _: {"Vpcs": [{"VpcId": str(n)} for n in range(5)]}
    rich.answers["GetServiceQuota"] = lambda _: {"Quota": {"Value": 6.0}}
    assert tell("plan dev", *template).code == 0


# ── Values that do not go together, or with what is deployed ──────────────────────────────────────

CAPACITIES = [
    (["DatabaseMinCapacity=0.3"], "DatabaseMinCapacity cannot be 0.3: Aurora's capacity has steps of 0.5"),
    (["DatabaseMaxCapacity=4.25"], "DatabaseMaxCapacity cannot be 4.25"),
    (["DatabaseMinCapacity=8"], "DatabaseMinCapacity 8 is over DatabaseMaxCapacity 4"),
    (["DatabaseMinCapacity=2", "DatabaseMaxCapacity=1.5"], "DatabaseMinCapacity 2 is over"),
]
LONG = ["ApiStepMinutes=600", "ApiBakeTimeMinutes=1440"]  # 34 hours, with one step
SLOW = ["ApiDeploymentStrategy=LINEAR", "ApiBakeTimeMinutes=0"]
STAGES = [
    (["ApiCanaryPercent=3.05"], "ApiCanaryPercent cannot be 3.05: ECS takes percent in steps of 0.1"),
    (["ApiStepMinutes=2.5"], "ApiStepMinutes cannot be 2.5: ECS counts whole minutes"),
    (["ApiBakeTimeMinutes=0.5"], "choose ApiBakeTimeMinutes=0 or 1"),
    (["ApiDeploymentStrategy=CANARY", *LONG], "would wait 2040 minutes (1 times ApiStepMinutes"),
    ([*SLOW, "ApiStepMinutes=221"], "would wait 1989 minutes (9 times ApiStepMinutes"),
    ([*SLOW, "ApiStepMinutes=221", "ApiCanaryPercent=11"], "(9 times ApiStepMinutes"),
    ([*SLOW, "ApiStepMinutes=61", "ApiCanaryPercent=3"], "(33 times ApiStepMinutes"),
]


@pytest.mark.usefixtures("rich")
@pytest.mark.parametrize("given", [LONG, [*SLOW, "ApiStepMinutes=220"], ["ApiCanaryPercent=12.5"]])
def test_a_deployment_in_stages_that_ends_in_time_is_not_refused(
    tell: Teller, template: list[str], given: list[str]
) -> None:
    """`LONG` is for a strategy that has no steps."""
    assert tell("plan dev", *template, *(word for pair in given for word in ("--param", pair))).code == 0


@pytest.mark.parametrize(("given", "says"), CAPACITIES + STAGES)
def test_numbers_that_aws_would_refuse_are_refused_at_the_creation(
    rich: Aws, tell: Teller, template: list[str], given: list[str], says: str
) -> None:
    told = tell("plan dev", *template, *(word for pair in given for word in ("--param", pair)))
    assert refused(told, rich)
    assert says in told.text


def deployed_with(aws: Aws, **values: str) -> None:
    aws.status = "UPDATE_COMPLETE"
    aws.parameters = {
        "EnvironmentSuffix": "dev",
        "DatabaseCredentialsArn": aws.secret_arn("fraud-database-dev"),
        "ApiKeysArn": aws.secret_arn("fraud-api-keys-dev"),
        **values,
    }


def test_a_value_that_the_stack_keeps_counts_in_a_conflict(
    rich: Aws, tell: Teller, template: list[str]
) -> None:
    deployed_with(rich, DatabaseMinCapacity="2", DatabaseMaxCapacity="8")
    told = tell("plan dev", *template, "--param", "DatabaseMaxCapacity=1")
    assert refused(told, rich)
    assert "DatabaseMinCapacity 2 is over DatabaseMaxCapacity 1" in told.text


def test_a_changed_network_is_refused(rich: Aws, tell: Teller, template: list[str]) -> None:
    deployed_with(rich, VpcCidr="10.1.0.0/16")
    told = tell("plan dev", *template, "--param", "VpcCidr=10.2.0.0/16")
    assert refused(told, rich)
    assert "VpcCidr is 10.1.0.0/16 since the stack was created, and cannot become 10.2.0.0/16" in told.text
    assert tell("plan dev", *template).code == 0  # its own is kept, whatever the default is
    assert tell("plan dev", *template, "--param", "VpcCidr=10.1.0.0/16").code == 0


@pytest.mark.parametrize(
    ("was", "wanted"), [("", "arn:k"), ("arn:k", ""), ("arn:k", "arn:l"), (None, "arn:k")]
)
def test_a_data_key_that_comes_goes_or_changes_is_refused(
    rich: Aws, tell: Teller, template: list[str], was: str | None, wanted: str
) -> None:
    deployed_with(rich, **({} if was is None else {"DataKmsKeyArn": was}))
    told = tell("plan dev", *template, "--param", f"DataKmsKeyArn={wanted}")
    assert refused(told, rich)
    assert f"DataKmsKeyArn is {was or 'empty'} since the stack was created" in told.text
    assert tell("plan dev", *template).code == 0


@pytest.mark.parametrize("value", ["true", "starting"])
def test_services_are_enabled_later_than_at_the_creation_even_by_a_default(
    rich: Aws, tell: Teller, tmp_path: Path, value: str
) -> None:
    file = tmp_path / "enabled.yaml"
    file.write_text(NEEDS_ALL.replace("Default: 'false'", f"Default: '{value}'"), encoding="utf-8")
    told = tell("plan dev", "--template", str(file))
    assert refused(told, rich)
    assert f"ServicesEnabled cannot be '{value}' at the creation" in told.text


def test_an_upgrade_that_aurora_does_not_offer_is_refused(
    rich: Aws, tell: Teller, template: list[str]
) -> None:
    deployed_with(rich, DatabaseEngineVersion="17.9")
    rich.answers["DescribeDBEngineVersions"] = lambda _: {
        "DBEngineVersions": [
            {"EngineVersion": "17.9", "ValidUpgradeTarget": [{"EngineVersion": "17.10"}]},
        ]
    }
    told = tell("plan dev", *template, "--param", "DatabaseEngineVersion=17.7")
    assert refused(told, rich)
    assert "Aurora PostgreSQL does not go from 17.9 to 17.7 (to 17.10)" in told.text
    assert tell("plan dev", *template, "--param", "DatabaseEngineVersion=17.10").code == 0


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"KeyState": "Disabled"}, "is Disabled"),
        ({"KeyState": "PendingDeletion"}, "is PendingDeletion"),
        ({"KeyState": "Enabled", "KeySpec": "RSA_2048"}, "is RSA_2048: data at rest takes a symmetric one"),
        (None, "does not exist"),
    ],
)
def test_a_data_key_that_cannot_encrypt_is_refused(
    rich: Aws, tell: Teller, template: list[str], answer: dict[str, str] | None, says: str
) -> None:
    arn = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1"
    if answer is None:
        rich.faults["DescribeKey"] = [FaultError("NotFoundException", "Key does not exist")]
    rich.answers["DescribeKey"] = lambda _: {"KeyMetadata": {"KeyId": "1", "Arn": arn, **(answer or {})}}
    told = tell("plan dev", *template, "--param", f"DataKmsKeyArn={arn}")
    assert refused(told, rich)
    assert f"the key {arn} of DataKmsKeyArn {says}" in told.text


def test_a_data_key_that_can_encrypt_is_taken(rich: Aws, tell: Teller, template: list[str]) -> None:
    good = {"KeyId": "1", "KeyState": "Enabled", "KeySpec": "SYMMETRIC_DEFAULT"}
    rich.answers["DescribeKey"] = lambda _: {"KeyMetadata": good}
    assert tell("plan dev", *template, "--param", "DataKmsKeyArn=arn:k").code == 0
    rich.faults["DescribeKey"] = [FaultError("AccessDeniedException", "no")]
    told = tell("plan dev", *template, "--param", "DataKmsKeyArn=arn:k")
    assert (told.code, "not looked at: the key arn:k" in told.text) == (0, True)


# ── What parameters name of the account's own ─────────────────────────────────────────────────────

CERTIFICATE = f"arn:aws:acm:eu-central-1:{ACCOUNT}:certificate/1a"
WEB_ACL = f"arn:aws:wafv2:eu-central-1:{ACCOUNT}:regional/webacl/company/0b1c"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
GIVEN = {
    "CertificateArn": CERTIFICATE,
    "WebAclArn": WEB_ACL,
    "PermissionsBoundaryArn": BOUNDARY,
    "AccessLogBucket": "company-logs",
}
OPTIONS = [word for name, value in GIVEN.items() for word in ("--param", f"{name}={value}")]
LOOKS = ["DescribeCertificate", "GetWebACL", "GetPolicy", "GetBucketLocation"]


@pytest.fixture
def given(rich: Aws) -> Aws:
    """An account that has what those parameters name."""
    policy = {"PolicyName": "boundary", "PolicyId": "P", "Arn": BOUNDARY, "IsAttachable": True}
    rich.answers |= {
        "DescribeCertificate": lambda _: {"Certificate": {"Status": "ISSUED"}},
        "GetWebACL": lambda _: {"WebACL": {"Name": "company", "Id": "0b1c", "ARN": WEB_ACL}},
        "GetPolicy": lambda _: {"Policy": policy},
        "GetBucketLocation": lambda _: location("eu-central-1"),
        "GetBucketEncryption": lambda _: encryption("AES256"),
        "GetBucketPolicy": lambda _: json.dumps(LETS),
    }
    return rich


# As "Enable access logs for your Application Load Balancer" has it, for this account and environment.
LETS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::company-logs/fraud-alb-dev/AWSLogs/{ACCOUNT}/*",
        }
    ],
}


def encryption(algorithm: str) -> str:
    default = f"<ApplyServerSideEncryptionByDefault><SSEAlgorithm>{algorithm}</SSEAlgorithm>"
    rule = f"<Rule>{default}</ApplyServerSideEncryptionByDefault></Rule>"
    return f"<ServerSideEncryptionConfiguration>{rule}</ServerSideEncryptionConfiguration>"


def lets(**other: object) -> str:
    """That policy with something else in its statement."""
    return json.dumps({**LETS, "Statement": [{**LETS["Statement"][0], **other}]})


def location(region: str) -> str:
    return f"<LocationConstraint>{region}</LocationConstraint>"


def test_what_parameters_name_and_is_there_is_taken(given: Aws, tell: Teller, template: list[str]) -> None:
    told = tell("plan dev", *template, *OPTIONS)
    assert (told.code, "not looked at" in told.text) == (0, False)
    assert set(LOOKS) < set(given.calls)


def test_what_parameters_do_not_name_is_not_asked_for(given: Aws, tell: Teller, template: list[str]) -> None:
    assert tell("plan dev", *template).code == 0
    assert not set(LOOKS) & set(given.calls)


# As each service words it that there is no such thing.
MISSING = {
    "DescribeCertificate": FaultError(
        "ResourceNotFoundException", f"Could not find certificate {CERTIFICATE} in account {ACCOUNT}."
    ),
    "GetWebACL": FaultError(
        "WAFNonexistentItemException",
        "AWS WAF couldn’t perform the operation because your resource doesn’t exist.",
    ),
    "GetPolicy": FaultError("NoSuchEntity", f"Policy {BOUNDARY} was not found.", 404),
    "GetBucketLocation": FaultError("NoSuchBucket", "The specified bucket does not exist", 404),
}


@pytest.mark.parametrize("verb", ["plan dev", "deploy dev --yes"])
def test_what_parameters_name_and_is_not_there_is_told_at_once(
    given: Aws, tell: Teller, template: list[str], verb: str
) -> None:
    given.faults |= {operation: [fault] for operation, fault in MISSING.items()}
    told = tell(verb, *template, *OPTIONS)
    assert refused(told, given)
    assert "error: 4 things stand in the way" in told.text
    for name, value in GIVEN.items():
        assert f"{value} of {name} does not exist\n    → " in told.text


@pytest.mark.parametrize(
    ("operation", "answer", "says"),
    [
        (
            "DescribeCertificate",
            {"Certificate": {"Status": "PENDING_VALIDATION"}},
            f"the certificate {CERTIFICATE} of CertificateArn is PENDING_VALIDATION",
        ),
        (
            "DescribeCertificate",
            {"Certificate": {"Status": "FAILED", "FailureReason": "CAA_ERROR"}},
            "is FAILED (CAA_ERROR)",
        ),
        (
            "DescribeCertificate",
            {"Certificate": {"Status": "ISSUED", "KeyAlgorithm": "RSA_1024"}},
            "has a key of 1024 bits",
        ),
        ("GetPolicy", {"Policy": {"Arn": BOUNDARY, "IsAttachable": False}}, "is not attachable"),
        ("GetBucketLocation", location("eu-west-1"), "company-logs of AccessLogBucket is in eu-west-1"),
        ("GetBucketLocation", location("EU"), "is in eu-west-1, and the load balancer in eu-central-1"),
        ("GetBucketLocation", "<LocationConstraint/>", "is in us-east-1"),
    ],
)
def test_what_parameters_name_and_aws_would_not_take_is_refused(
    given: Aws, tell: Teller, template: list[str], operation: str, answer: object, says: str
) -> None:
    given.answers[operation] = lambda _: answer
    told = tell("plan dev", *template, *OPTIONS)
    assert refused(told, given)
    assert says in told.text


def denying(**more: object) -> str:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::company-logs/*"}
    return json.dumps({**LETS, "Statement": [*LETS["Statement"], {**deny, **more}]})


NO_POLICY = FaultError("NoSuchBucketPolicy", "The bucket policy does not exist", 404)
UNENCRYPTED = FaultError(
    "ServerSideEncryptionConfigurationNotFoundError",
    "The server side encryption configuration was not found",
    404,
)
OURS = f"arn:aws:s3:::company-logs/fraud-alb-dev/AWSLogs/{ACCOUNT}"
PUT_ONLY = "has no policy that lets logdelivery.elasticloadbalancing.amazonaws.com write to"


@pytest.mark.parametrize(
    ("operation", "answer", "says"),
    [
        ("GetBucketEncryption", encryption("aws:kms"), "is encrypted by aws:kms"),
        ("GetBucketEncryption", encryption("aws:kms:dsse"), "is encrypted by aws:kms:dsse"),
        ("GetBucketPolicy", NO_POLICY, f"{PUT_ONLY} {OURS}/\n"),
        ("GetBucketPolicy", lets(Principal={"Service": "delivery.logs.amazonaws.com"}), PUT_ONLY),
        ("GetBucketPolicy", lets(Action="s3:GetObject"), PUT_ONLY),
        ("GetBucketPolicy", lets(Resource="arn:aws:s3:::company-logs"), PUT_ONLY),
        ("GetBucketPolicy", lets(Resource=OURS.replace("fraud-alb-dev/", "") + "/*"), PUT_ONLY),
        ("GetBucketPolicy", lets(Resource=OURS.replace(ACCOUNT, "9" * 12) + "/*"), PUT_ONLY),
        ("GetBucketPolicy", denying(), "has a policy that denies"),
    ],
)
def test_a_bucket_that_a_load_balancer_cannot_write_to_is_refused(
    given: Aws, tell: Teller, template: list[str], operation: str, answer: str | FaultError, says: str
) -> None:
    """AWS says it halfway only: "Access Denied for bucket: … Please check S3bucket permission"."""
    if isinstance(answer, FaultError):
        given.faults[operation] = [answer]
    else:
        given.answers[operation] = lambda _: answer
    told = tell("deploy dev --yes", *template, *OPTIONS)
    assert refused(told, given)
    assert f"the bucket company-logs of AccessLogBucket {says}" in told.text
    assert "docs/access-logs.md" in told.text


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("GetBucketEncryption", UNENCRYPTED),
        ("GetBucketPolicy", lets(Principal={"AWS": "arn:aws:iam::054676820928:root"})),
        (
            "GetBucketPolicy",
            lets(Principal="*", Action=["s3:Put*"], Resource=["arn:aws:s3:::company-logs/*"]),
        ),
        ("GetBucketPolicy", lets(Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}})),
        ("GetBucketPolicy", denying(Condition={"Bool": {"aws:SecureTransport": "false"}})),
        ("GetBucketPolicy", denying(Action="s3:DeleteObject")),
    ],
)
def test_a_bucket_that_it_can_write_to_is_taken(
    given: Aws, tell: Teller, template: list[str], operation: str, answer: str | FaultError
) -> None:
    if isinstance(answer, FaultError):
        given.faults[operation] = [answer]
    else:
        given.answers[operation] = lambda _: answer
    told = tell("plan dev", *template, *OPTIONS)
    assert (told.code, "not looked at" in told.text) == (0, False)


@pytest.mark.parametrize("operation", ["GetBucketEncryption", "GetBucketPolicy"])
def test_a_buckets_settings_that_may_not_be_read_are_unknown(
    given: Aws, tell: Teller, template: list[str], operation: str
) -> None:
    given.faults[operation] = [FaultError("AccessDenied", "Access Denied", 403)] * 9
    told = tell("plan dev", *template, *OPTIONS)
    what = operation.removeprefix("GetBucket").lower()
    assert (told.code, f"not looked at: the {what} of the bucket company-logs" in told.text) == (0, True)


def test_the_logs_go_where_the_policy_is_looked_for() -> None:
    balancer = document.read(ROOT / "templates" / "fraud-platform.yaml").template["Resources"]["LoadBalancer"]
    assert "fraud-alb-${EnvironmentSuffix}" in str(balancer)
    assert names.ACCESS_LOG_PREFIX == "fraud-alb"


@pytest.mark.parametrize(("name", "value"), [item for item in GIVEN.items() if item[0] != "AccessLogBucket"])
def test_what_is_of_another_account_is_refused_unasked(
    given: Aws, tell: Teller, template: list[str], name: str, value: str
) -> None:
    told = tell("plan dev", *template, "--param", f"{name}={value.replace(ACCOUNT, '9' * 12)}")
    assert refused(told, given)
    assert f"of {name} is of another account than {ACCOUNT}" in told.text
    assert not set(LOOKS) & set(given.calls)


def test_a_boundary_of_awss_own_is_taken(given: Aws, tell: Teller, template: list[str]) -> None:
    own = "arn:aws:iam::aws:policy/PowerUserAccess"
    assert tell("plan dev", *template, "--param", f"PermissionsBoundaryArn={own}").code == 0
    assert "GetPolicy" in given.calls


def test_what_may_not_be_looked_at_of_them_is_told(given: Aws, tell: Teller, template: list[str]) -> None:
    for operation in LOOKS:
        given.faults[operation] = [FaultError("AccessDenied", "no", 403)]
    told = tell("plan dev", *template, *OPTIONS)
    assert told.code == 0
    for value in GIVEN.values():
        assert f" {value}: no permission for" in told.text.split("not looked at", 1)[1]
    given.answers["DescribeCertificate"] = lambda _: {"Certificate": {}}
    told = tell("plan dev", *template, *OPTIONS)
    assert f"not looked at: the certificate {CERTIFICATE}: AWS's answer lacks Status" in told.text


def test_a_bucket_that_is_anothers_tells_its_region_all_the_same(
    given: Aws, tell: Teller, template: list[str]
) -> None:
    given.faults["GetBucketLocation"] = [FaultError("AccessDenied", "Access Denied", 403)] * 9
    given.regions["company-logs"] = "eu-west-3"
    told = tell("plan dev", *template, *OPTIONS)
    assert refused(told, given)
    assert "company-logs of AccessLogBucket is in eu-west-3" in told.text


def test_of_an_update_only_what_is_new_is_looked_at(given: Aws, tell: Teller, template: list[str]) -> None:
    deployed_with(given, **GIVEN)
    assert tell("plan dev", *template).code == 0
    assert not set(LOOKS) & set(given.calls)
    given.calls.clear()
    given.faults["DescribeCertificate"] = [MISSING["DescribeCertificate"]]
    told = tell("plan dev", *template, "--param", f"CertificateArn={CERTIFICATE}2")
    assert refused(told, given)
    assert f"the certificate {CERTIFICATE}2 of CertificateArn does not exist" in told.text


# ── Before what is left of a failed creation is deleted ───────────────────────────────────────────


def test_what_would_be_refused_again_keeps_the_evidence_of_the_first_try(aws: Aws, tell: Teller) -> None:
    aws.status = "ROLLBACK_COMPLETE"
    aws.secrets["fraud-database-dev"] = '{"username": "admin", "password": "a-long-one"}'
    told = tell("deploy dev --yes")
    assert refused(told, aws)
    assert "has a username that is a word that RDS or PostgreSQL keeps for itself" in told.text
    assert "now:" not in told.text


# ── Images ────────────────────────────────────────────────────────────────────────────────────────

LIVE = ["--template", str(Path(__file__).parent / "live.yaml")]


def test_a_tag_that_was_not_pushed_is_refused_where_tasks_run(live: Running, tell: Teller) -> None:
    told = tell("plan dev", *LIVE, "--param", "ApiImageTag=v9")
    assert refused(told, live.aws)
    assert "is not in the repository: " in told.text
    assert ":v9" in told.text
    assert "docker push" in told.text


def test_every_image_must_be_there_where_tasks_come_to_run(live: Running, tell: Teller) -> None:
    live.aws.parameters["ServicesEnabled"] = "false"
    for tags in live.images.values():
        tags.clear()
    told = tell("plan dev", *LIVE, "--param", "ServicesEnabled=true")
    assert refused(told, live.aws)
    assert "3 images are not in the repository" in told.text


def test_images_are_not_looked_at_where_none_is_new_or_none_is_run(live: Running, tell: Teller) -> None:
    assert tell("plan dev", *LIVE, "--param", "EnvironmentSuffix=dev").code == 0
    live.aws.parameters["ServicesEnabled"] = "false"
    assert tell("plan dev", *LIVE, "--param", "ApiImageTag=v9").code == 0
    assert "DescribeImages" not in live.aws.calls


def test_images_that_may_not_be_looked_at_are_no_obstacle(live: Running, tell: Teller) -> None:
    live.aws.faults["DescribeImages"] = [FaultError("AccessDeniedException", "no")]
    told = tell("plan dev", *LIVE, "--param", "ApiImageTag=v9")
    assert (told.code, "not looked at: the images: no permission for DescribeImages" in told.text) == (
        0,
        True,
    )


# ── The template's own checks ─────────────────────────────────────────────────────────────────────

HANGS = (
    "import signal, subprocess, sys;"
    "subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']);"  # holds the pipe open too
    "signal.pause()"
)


def test_a_check_that_never_ends_is_given_up_and_ended(
    template: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "_CHECKS", ((("-c", HANGS), "does not validate", "look"),))
    monkeypatch.setattr(checks, "_CHECK_SECONDS", 0.05)
    monkeypatch.setattr(checks, "COMMITTED", Path(template[1]))
    monkeypatch.setattr(checks, "ROOT", Path(template[1]).parent)
    source = checks.load()
    with checks.checking(source) as running, pytest.raises(TemplateError, match="could not be checked in"):
        running.finish(Console())
