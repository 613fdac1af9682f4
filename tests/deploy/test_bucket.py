"""A template over the inline limit: the committed file goes through a bucket, made after a question."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from fraud_cfn.deploy.account import session
from fraud_cfn.deploy.change import bucket
from tests.deploy.conftest import Teller
from tests.deploy.fake_aws import ACCOUNT, Aws, FaultError, change, steps
from tests.deploy.test_input import padded

OWN = f"fraud-templates-{ACCOUNT}-eu-central-1"

pytestmark = pytest.mark.usefixtures("wire")


@pytest.fixture
def large(aws: Aws, tmp_path: Path) -> str:
    aws.changes = [change("Add", "Jobs", "AWS::SQS::Queue")]
    aws.scripts["ExecuteChangeSet"] = steps("0 CREATE_IN_PROGRESS", "0 CREATE_COMPLETE")
    return padded(tmp_path, 52_000)


def test_the_committed_file_itself_goes_there_under_its_hash(aws: Aws, tell: Teller, large: str) -> None:
    assert tell("deploy dev --yes --template", large).code == 0
    content = Path(large).read_bytes()
    assert aws.buckets[OWN] == {f"TapStackdev/{hashlib.sha256(content).hexdigest()}.yaml": content}
    assert "CreateBucket" not in aws.calls


def test_what_cloudformation_took_is_compared_before_anybody_is_asked(
    aws: Aws, tell: Teller, large: str
) -> None:
    aws.answers["GetTemplate"] = lambda _: {"TemplateBody": "Resources: {Jobs: {Type: AWS::SNS::Topic}}"}
    told = tell("deploy dev --yes --template", large)
    assert (told.code, "CloudFormation took another template than the file" in told.text) == (5, True)
    assert "ExecuteChangeSet" not in aws.calls
    assert not aws.change_sets


def test_a_template_that_cannot_be_compared_is_not_deployed(aws: Aws, tell: Teller, large: str) -> None:
    aws.faults["GetTemplate"] = [FaultError("AccessDenied", "no", 403)]
    told = tell("deploy dev --yes --template", large)
    assert (told.code, "allow cloudformation:GetTemplate" in told.text) == (5, True)
    assert "ExecuteChangeSet" not in aws.calls


def test_question_marks_that_cloudformation_reads_back_are_no_difference(
    aws: Aws, tell: Teller, large: str
) -> None:
    honest = aws._get_template

    def in_ascii(asked: dict) -> dict:
        return {"TemplateBody": honest(asked)["TemplateBody"].encode("ascii", "replace").decode()}

    aws.answers["GetTemplate"] = in_ascii
    assert tell("deploy dev --yes --template", large).code == 0


@pytest.mark.parametrize(
    ("name", "version", "url"),
    [
        ("ours", "v.1+", "https://ours.s3.eu-central-1.amazonaws.com/S/ab.yaml?versionId=v.1%2B"),
        ("ours.de", "", "https://s3.eu-central-1.amazonaws.com/ours.de/S/ab.yaml"),
    ],
)
def test_the_url_names_the_regions_host_and_the_version(
    monkeypatch: pytest.MonkeyPatch, aws: Aws, name: str, version: str, url: str
) -> None:
    assert aws.url
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert bucket._url(session.connect().client("s3"), name, "S/ab.yaml", version) == url


# ── Where there is none ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def without(aws: Aws) -> Aws:
    aws.buckets.clear()
    return aws


def test_yes_covers_making_the_bucket(without: Aws, tell: Teller, large: str) -> None:
    told = tell("deploy dev --yes --template", large)
    assert told.code == 0
    assert "CloudFormation takes 51,200 bytes in a request, and the template has" in told.text
    assert f"Made the bucket {OWN}" in told.text
    assert len(without.buckets[OWN]) == 1


def test_the_bucket_is_private_encrypted_versioned_tls_only_and_emptied(
    without: Aws, tell: Teller, large: str
) -> None:
    tell("deploy dev --yes --template", large)
    assert {owner for owner, _ in without.settings.values()} == {ACCOUNT}
    said = {operation: body for operation, (_, body) in without.settings.items()}
    assert said["PutPublicAccessBlock"].count("true") == 4
    assert "<SSEAlgorithm>AES256</SSEAlgorithm>" in said["PutBucketEncryption"]
    assert "<Status>Enabled</Status>" in said["PutBucketVersioning"]
    assert "<Days>30</Days>" in said["PutBucketLifecycleConfiguration"]
    assert "NoncurrentVersionExpiration" in said["PutBucketLifecycleConfiguration"]
    (statement,) = json.loads(said["PutBucketPolicy"])["Statement"]
    assert (statement["Effect"], statement["Condition"]) == (
        "Deny",
        {"Bool": {"aws:SecureTransport": "false"}},
    )


@pytest.mark.parametrize("verb", ["deploy", "plan"])
def test_without_a_yes_no_bucket_is_made(without: Aws, tell: Teller, large: str, verb: str) -> None:
    told = tell(f"{verb} dev --template", large)
    assert told.code == 4
    assert f"error: the bucket {OWN} does not exist, and there is no terminal to ask on" in told.text
    assert "next:" in told.text
    assert "make deploy ENV=dev" in told.text
    assert not without.buckets
    assert "CreateBucket" not in without.calls


def test_no_bucket_is_made_or_used_where_none_is_wanted(without: Aws, tell: Teller, large: str) -> None:
    told = tell("deploy dev --yes --no-bucket --template", large)
    assert (told.code, "only 51,200 go without a bucket" in told.text) == (2, True)
    assert "PutObject" not in without.calls


@pytest.mark.parametrize("verb", ["deploy dev --yes", "plan dev"])
def test_a_bucket_of_another_region_is_refused_before_anything_goes_there(
    without: Aws, tell: Teller, large: str, verb: str
) -> None:
    without.buckets["ours"] = {}
    without.regions["ours"] = "us-east-1"
    told = tell(f"{verb} --s3-bucket ours --template", large)
    assert (told.code, "the bucket ours is in us-east-1, not in eu-central-1" in told.text) == (2, True)
    assert without.buckets["ours"] == {}


def test_another_bucket_is_used_but_never_made(without: Aws, tell: Teller, large: str) -> None:
    without.buckets["ours"] = {}
    assert tell("deploy dev --yes --s3-bucket ours --template", large).code == 0
    told = tell("deploy dev --yes --s3-bucket theirs --template", large)
    assert (told.code, "cannot be put into the bucket theirs (NoSuchBucket)" in told.text) == (2, True)
    assert "CreateBucket" not in without.calls


@pytest.mark.parametrize(
    "operation",
    [
        "PutPublicAccessBlock",
        "PutBucketEncryption",
        "PutBucketVersioning",
        "PutBucketPolicy",
        "PutBucketLifecycleConfiguration",
    ],
)
def test_a_bucket_that_cannot_be_set_up_is_not_left_half_made(
    without: Aws, tell: Teller, large: str, operation: str
) -> None:
    without.faults[operation] = [FaultError("AccessDenied", "no", 403)]
    told = tell("deploy dev --yes --template", large)
    assert told.code == 2
    assert "AccessDenied; it was deleted again" in told.text
    assert not without.buckets
    assert "CreateChangeSet" not in without.calls


def test_a_bucket_that_stays_half_made_is_told(without: Aws, tell: Teller, large: str) -> None:
    without.faults["PutBucketPolicy"] = [FaultError("AccessDenied", "no", 403)]
    without.faults["DeleteBucket"] = [FaultError("AccessDenied", "no", 403)]
    told = tell("deploy dev --yes --template", large)
    assert f"it stands half made (AccessDenied): aws s3 rb s3://{OWN}" in told.text


@pytest.mark.parametrize("code", ["BucketAlreadyExists", "AccessDenied"])
def test_a_bucket_that_cannot_be_made_is_told(without: Aws, tell: Teller, large: str, code: str) -> None:
    without.faults["CreateBucket"] = [FaultError(code, "no", 409)]
    told = tell("deploy dev --yes --template", large)
    assert (told.code, f"the bucket {OWN} cannot be made ({code})" in told.text) == (2, True)
    assert "--s3-bucket BUCKET" in told.text


def test_a_bucket_that_may_not_be_written_is_told(aws: Aws, tell: Teller, large: str) -> None:
    aws.faults["PutObject"] = [FaultError("AccessDenied", "", 403)]
    told = tell("plan dev --s3-bucket theirs --template", large)
    assert (told.code, "bucket theirs (AccessDenied)" in told.text) == (2, True)
