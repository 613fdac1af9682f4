"""Where a workload's image comes from: a repository of its own, and the tag to run."""

from __future__ import annotations

import json

from troposphere import Parameter, Ref, Sub
from troposphere.ecr import (
    EncryptionConfiguration,
    ImageScanningConfiguration,
    ImageTagMutabilityExclusionFilter,
    LifecyclePolicy,
    Repository,
)

from fraud_cfn.platform import parameters
from fraud_cfn.platform.intrinsics import DELETED, because, sub
from fraud_cfn.platform.naming import name
from fraud_cfn.platform.parameters import DATA_KMS_KEY, DATA_KMS_KEY_ARN

IMAGES_KEPT = 200
UNTAGGED_DAYS = 14


def repository(title: str, service: str) -> Repository:
    """Of the workload's own images."""
    return Repository(
        f"{title}Repository",
        **DELETED,
        RepositoryName=name(service),
        EmptyOnDelete=because(True, "else images would keep the stack from being deleted"),
        EncryptionConfiguration=because(
            DATA_KMS_KEY.choose(EncryptionConfiguration(EncryptionType="KMS", KmsKey=Ref(DATA_KMS_KEY_ARN))),
            "create-only; left out, ECR encrypts with AES-256",
        ),
        ImageScanningConfiguration=ImageScanningConfiguration(ScanOnPush=True),
        ImageTagMutability=because(
            "IMMUTABLE_WITH_EXCLUSION", "a release stays what it was; latest may move, for the first push"
        ),
        ImageTagMutabilityExclusionFilters=[
            ImageTagMutabilityExclusionFilter(
                ImageTagMutabilityExclusionFilterType="WILDCARD",
                ImageTagMutabilityExclusionFilterValue="latest",
            )
        ],
        LifecyclePolicy=LifecyclePolicy(
            LifecyclePolicyText=because(
                _expiry(),
                f"untagged images go after {UNTAGGED_DAYS} days, all but the newest {IMAGES_KEPT} too: many "
                "more than are released, so that none that runs is dropped",
            )
        ),
    )


def tag(title: str, service: str) -> Parameter:
    return parameters.text(
        f"{title}ImageTag",
        f"Tag of the image in fraud-{service}-<suffix>; changing it is a release",
        r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$",
        "an image tag: up to 128 letters, digits, . _ - (not first)",
        default="latest",
    )


def image(repository: Repository, tag: Parameter) -> Sub:
    """The image to run: `<repository's URI>:<tag>`."""
    return sub("{repository}:{tag}", repository=repository.get_att("RepositoryUri"), tag=Ref(tag))


def _expiry() -> str:
    """Untagged images (what `latest` was before) go first, then all but the newest."""
    untagged = {
        "rulePriority": 1,
        "selection": {
            "tagStatus": "untagged",
            "countType": "sinceImagePushed",
            "countUnit": "days",
            "countNumber": UNTAGGED_DAYS,
        },
        "action": {"type": "expire"},
    }
    oldest = {
        "rulePriority": 2,
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": IMAGES_KEPT},
        "action": {"type": "expire"},
    }
    return json.dumps({"rules": [untagged, oldest]})
