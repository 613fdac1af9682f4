from __future__ import annotations

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


def test_tasks_reach_s3_without_the_nat_gateway(base: Lens) -> None:
    endpoint = base["S3Endpoint"]
    assert endpoint["ServiceName"] == "com.amazonaws.eu-central-1.s3"
    assert endpoint["RouteTableIds"] == ["<PrivateRouteTable>"]
