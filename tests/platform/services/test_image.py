"""Where images come from: what holds for the repository of every workload."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lens import WORKLOADS, Lens, kebab

UNTAGGED_AFTER_14_DAYS = {
    "rulePriority": 1,
    "selection": {
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": 14,
    },
    "action": {"type": "expire"},
}
ALL_BUT_THE_NEWEST_200 = {
    "rulePriority": 2,
    "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 200},
    "action": {"type": "expire"},
}


@pytest.fixture(name="repositories")
def of_every_workload(base: Lens) -> dict[str, dict[str, Any]]:
    return base.of("AWS::ECR::Repository")


def test_every_workload_has_a_repository_of_its_own(repositories: dict[str, dict[str, Any]]) -> None:
    names = {logical_id: repository["RepositoryName"] for logical_id, repository in repositories.items()}
    assert names == {f"{workload}Repository": f"fraud-{kebab(workload)}-dev" for workload in WORKLOADS}


def test_repositories_scan_images_and_keep_releases_as_they_are(
    repositories: dict[str, dict[str, Any]],
) -> None:
    for repository in repositories.values():
        policy = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])
        assert policy == {"rules": [UNTAGGED_AFTER_14_DAYS, ALL_BUT_THE_NEWEST_200]}
        assert repository == {
            "RepositoryName": repository["RepositoryName"],
            "LifecyclePolicy": {"LifecyclePolicyText": repository["LifecyclePolicy"]["LifecyclePolicyText"]},
            "EmptyOnDelete": True,
            "ImageScanningConfiguration": {"ScanOnPush": True},
            "ImageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
            "ImageTagMutabilityExclusionFilters": [
                {
                    "ImageTagMutabilityExclusionFilterType": "WILDCARD",
                    "ImageTagMutabilityExclusionFilterValue": "latest",
                }
            ],
        }, "and no policy that lets anybody else in"


def test_a_customer_managed_key_encrypts_every_repository(base: Lens) -> None:
    key = "arn:aws:kms:eu-central-1:111122223333:key/0b1c2d3e-1111-2222-3333-444455556666"
    encryption = {"EncryptionConfiguration": {"EncryptionType": "KMS", "KmsKey": key}}
    with_key = base.under(DataKmsKeyArn=key).of("AWS::ECR::Repository")
    assert with_key == {
        name: repository | encryption for name, repository in base.of("AWS::ECR::Repository").items()
    }
