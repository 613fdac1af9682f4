from __future__ import annotations

import json

from tests.lens import Lens


def test_bucket_is_private_encrypted_and_owned(base: Lens) -> None:
    bucket = base["DataBucket"]
    assert bucket["BucketName"] == "fraud-data-dev-111122223333"
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


def test_bucket_tidies_itself_so_that_nobody_needs_to_delete(base: Lens) -> None:
    (rule,) = base["DataBucket"]["LifecycleConfiguration"]["Rules"]
    assert rule["Status"] == "Enabled"
    assert rule["ExpiredObjectDeleteMarker"] is True
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 30
    assert rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 7


def test_repositories_scan_images_and_keep_releases_as_they_are(base: Lens) -> None:
    repositories = base.of("AWS::ECR::Repository")
    assert set(repositories) == {"ApiRepository", "WorkerRepository", "JobRepository"}
    for repository in repositories.values():
        assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
        assert repository["ImageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
        (exclusion,) = repository["ImageTagMutabilityExclusionFilters"]
        assert exclusion["ImageTagMutabilityExclusionFilterValue"] == "latest"


def test_repositories_drop_old_images(base: Lens) -> None:
    for repository in base.of("AWS::ECR::Repository").values():
        (rule,) = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
        assert rule["selection"]["countType"] == "imageCountMoreThan"
        assert rule["selection"]["countNumber"] == 200, "many more than are released: one that runs must stay"
        assert rule["action"] == {"type": "expire"}


def test_tasks_reach_s3_without_the_nat_gateway(base: Lens) -> None:
    endpoint = base["S3Endpoint"]
    assert endpoint["ServiceName"] == "com.amazonaws.eu-central-1.s3"
    assert endpoint["RouteTableIds"] == ["<PrivateRouteTable>"]
