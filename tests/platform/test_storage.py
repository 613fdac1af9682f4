"""The bucket and the way to it, property by property: one more is as wrong as one less."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lens import Lens

KEY = "arn:aws:kms:eu-central-1:111122223333:key/0b1c2d3e-1111-2222-3333-444455556666"
LAYERS = "arn:aws:s3:::prod-eu-central-1-starport-layer-bucket/*"
SSE_S3 = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
SSE_KMS = {
    "BucketKeyEnabled": True,
    "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY},
}


@pytest.mark.parametrize(("key", "encryption"), [("", SSE_S3), (KEY, SSE_KMS)])
def test_bucket_is_private_encrypted_owned_and_tidies_itself(
    base: Lens, key: str, encryption: dict[str, Any]
) -> None:
    """Only earlier versions expire: what the workloads wrote last stays."""
    assert base.under(DataKmsKeyArn=key)["DataBucket"] == {
        "BucketNamespace": "account-regional",
        "BucketName": "fraud-data-dev-111122223333-eu-central-1-an",
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [encryption]},
        "VersioningConfiguration": {"Status": "Enabled"},
        "LifecycleConfiguration": {
            "Rules": [
                {
                    "Id": "tidy",
                    "Status": "Enabled",
                    "ExpiredObjectDeleteMarker": True,
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                }
            ]
        },
    }


def test_bucket_name_ends_as_the_accounts_own_namespace_asks(base: Lens) -> None:
    """Source: Amazon S3 User Guide, "Account regional namespace naming rules"."""
    assert base["DataBucket"]["BucketName"].endswith("-111122223333-eu-central-1-an")


def test_bucket_refuses_requests_without_tls_and_its_policy_grants_nothing(base: Lens) -> None:
    assert base["DataBucketPolicy"] == {
        "Bucket": "<DataBucket>",
        "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "OnlyOverTls",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": ["s3:*"],
                    "Resource": ["<DataBucket.Arn>", "<DataBucket.Arn>/*"],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
        },
    }


def test_tasks_reach_s3_without_the_nat_gateway_the_data_and_image_layers_only(base: Lens) -> None:
    assert base.of("AWS::EC2::VPCEndpoint") == {
        "S3Endpoint": {
            "VpcEndpointType": "Gateway",
            "ServiceName": "com.amazonaws.eu-central-1.s3",
            "VpcId": "<Vpc>",
            "RouteTableIds": ["<PrivateRouteTable>"],
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "PullImageLayers",
                        "Effect": "Allow",
                        "Principal": "*",
                        "Action": ["s3:GetObject"],
                        "Resource": [LAYERS],
                    },
                    {
                        "Sid": "UseData",
                        "Effect": "Allow",
                        "Principal": "*",
                        "Action": [
                            "s3:AbortMultipartUpload",
                            "s3:GetObject",
                            "s3:ListBucket",
                            "s3:PutObject",
                        ],
                        "Resource": ["<DataBucket.Arn>", "<DataBucket.Arn>/*"],
                    },
                ],
            },
        }
    }


def test_what_the_roles_may_do_with_the_data_goes_through_the_endpoint_and_nothing_else(base: Lens) -> None:
    roles = base.of("AWS::IAM::Role").values()
    statements = [s for role in roles for p in role["Policies"] for s in p["PolicyDocument"]["Statement"]]
    actions = {action for statement in statements for action in statement["Action"]}
    (_, data) = base["S3Endpoint"]["PolicyDocument"]["Statement"]
    assert {action for action in actions if action.startswith("s3:")} == set(data["Action"])
