"""Storage: the data bucket, and its private way from the tasks."""

from __future__ import annotations

from dataclasses import dataclass

from troposphere import Ref
from troposphere.ec2 import VPC, RouteTable, VPCEndpoint
from troposphere.s3 import (
    AbortIncompleteMultipartUpload,
    Bucket,
    BucketEncryption,
    BucketPolicy,
    LifecycleConfiguration,
    LifecycleRule,
    NoncurrentVersionExpiration,
    OwnershipControls,
    OwnershipControlsRule,
    PublicAccessBlockConfiguration,
    ServerSideEncryptionByDefault,
    ServerSideEncryptionRule,
    VersioningConfiguration,
)

from fraud_cfn.platform.intrinsics import DELETED, because, sub
from fraud_cfn.platform.parameters import DATA_KMS_KEY, DATA_KMS_KEY_ARN
from fraud_cfn.platform.permissions import only_over_tls, through_endpoint


@dataclass(frozen=True)
class Storage:
    data: Bucket
    data_policy: BucketPolicy
    s3_endpoint: VPCEndpoint


def build(vpc: VPC, private_routes: RouteTable) -> Storage:
    data = Bucket(
        "DataBucket",
        **DELETED,
        BucketNamespace=because(
            "account-regional", "nobody else can take the name, also not between two environments"
        ),
        BucketName=sub("fraud-data-{suffix}-{account}-{region}-an"),
        PublicAccessBlockConfiguration=PublicAccessBlockConfiguration(
            BlockPublicAcls=True,
            BlockPublicPolicy=True,
            IgnorePublicAcls=True,
            RestrictPublicBuckets=True,
        ),
        OwnershipControls=OwnershipControls(
            Rules=[OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]
        ),
        BucketEncryption=BucketEncryption(
            ServerSideEncryptionConfiguration=[
                ServerSideEncryptionRule(
                    BucketKeyEnabled=because(
                        DATA_KMS_KEY.choose(True), "one data key for many objects: calls of KMS cost"
                    ),
                    ServerSideEncryptionByDefault=ServerSideEncryptionByDefault(
                        SSEAlgorithm=DATA_KMS_KEY.choose("aws:kms", "AES256"),
                        KMSMasterKeyID=DATA_KMS_KEY.choose(Ref(DATA_KMS_KEY_ARN)),
                    ),
                )
            ]
        ),
        VersioningConfiguration=because(
            VersioningConfiguration(Status="Enabled"),
            "no role may delete an object; what was overwritten stays for NoncurrentDays",
        ),
        LifecycleConfiguration=LifecycleConfiguration(
            Rules=[
                LifecycleRule(
                    Id="tidy",
                    Status="Enabled",
                    ExpiredObjectDeleteMarker=True,
                    NoncurrentVersionExpiration=NoncurrentVersionExpiration(NoncurrentDays=30),
                    AbortIncompleteMultipartUpload=AbortIncompleteMultipartUpload(DaysAfterInitiation=7),
                )
            ]
        ),
    )
    return Storage(
        data=data,
        data_policy=BucketPolicy(
            "DataBucketPolicy",
            Bucket=Ref(data),
            PolicyDocument=only_over_tls(
                "s3", data.get_att("Arn"), sub("{bucket}/*", bucket=data.get_att("Arn"))
            ),
        ),
        s3_endpoint=VPCEndpoint(
            "S3Endpoint",
            VpcEndpointType="Gateway",
            ServiceName=sub("com.amazonaws.{region}.s3"),
            VpcId=Ref(vpc),
            RouteTableIds=because(
                [Ref(private_routes)], "a gateway: free, and no traffic by the NAT gateway"
            ),
            PolicyDocument=because(
                through_endpoint(data),
                "the data, and the registry's own bucket, without which no image can be pulled",
            ),
        ),
    )
