from __future__ import annotations

import json

import pytest

from fraud_cfn.config import DATABASE_NAME, POSTGRES_PORT
from tests.integration.platform import Platform
from tests.lens import WORKLOADS, kebab

QUEUES = pytest.mark.parametrize("thing", ["jobs", "dead-letters", "missed-runs"])
REPOSITORIES = pytest.mark.parametrize("workload", [kebab(workload) for workload in WORKLOADS])


# ── Queues ──


def test_a_message_goes_to_the_dead_letters_after_five_receives(platform: Platform) -> None:
    jobs, dead_letters = platform.queue("jobs"), platform.queue("dead-letters")
    redrive = json.loads(jobs["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"] == dead_letters["QueueArn"]
    assert int(redrive["maxReceiveCount"]) == 5
    assert int(jobs["VisibilityTimeout"]) == 300
    assert int(dead_letters["MessageRetentionPeriod"]) == 14 * 24 * 3600


@QUEUES
def test_a_queue_is_encrypted_and_refuses_plain_http(platform: Platform, thing: str) -> None:
    queue = platform.queue(thing)
    assert queue["SqsManagedSseEnabled"] == "true"
    (statement,) = json.loads(queue["Policy"])["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


# ── Bucket ──


def test_the_bucket_refuses_plain_http(platform: Platform) -> None:
    bucket = platform.outputs["DataBucketName"]
    policy = json.loads(platform.client("s3").get_bucket_policy(Bucket=bucket)["Policy"])
    (statement,) = policy["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert set(statement["Resource"]) == {f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"}


def test_the_bucket_is_private_and_encrypted(platform: Platform) -> None:
    s3, bucket = platform.client("s3"), platform.outputs["DataBucketName"]
    assert set(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == (
        "aws:kms" if platform.parameters["DataKmsKeyArn"] else "AES256"
    )
    (ownership,) = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert ownership["ObjectOwnership"] == "BucketOwnerEnforced"


@pytest.mark.usefixtures("on_aws")
def test_the_bucket_tidies_up(platform: Platform) -> None:
    s3, bucket = platform.client("s3"), platform.outputs["DataBucketName"]
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert any("NoncurrentVersionExpiration" in rule for rule in rules)
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)


# ── Repositories ──


@REPOSITORIES
def test_a_repository_scans_images_and_keeps_releases(platform: Platform, workload: str) -> None:
    described = platform.client("ecr").describe_repositories(repositoryNames=[platform.name(workload)])
    (repository,) = described["repositories"]
    assert repository["imageScanningConfiguration"]["scanOnPush"]
    assert repository["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"


@REPOSITORIES
@pytest.mark.usefixtures("on_aws")
def test_in_a_repository_only_latest_moves(platform: Platform, workload: str) -> None:
    described = platform.client("ecr").describe_repositories(repositoryNames=[platform.name(workload)])
    (exclusion,) = described["repositories"][0]["imageTagMutabilityExclusionFilters"]
    assert exclusion["filter"] == "latest"


@REPOSITORIES
def test_a_repository_forgets_old_images(platform: Platform, workload: str) -> None:
    policy = platform.client("ecr").get_lifecycle_policy(repositoryName=platform.name(workload))
    assert json.loads(policy["lifecyclePolicyText"])["rules"]


# ── Aurora ──


@pytest.mark.usefixtures("on_aws")
def test_the_database_exports_its_logs(platform: Platform) -> None:
    rds = platform.client("rds")
    (cluster,) = rds.describe_db_clusters(DBClusterIdentifier=platform.name("database"))["DBClusters"]
    assert cluster["EnabledCloudwatchLogsExports"] == ["postgresql"]


def test_the_database_is_encrypted_private_and_scales(platform: Platform) -> None:
    rds = platform.client("rds")
    (cluster,) = rds.describe_db_clusters(DBClusterIdentifier=platform.name("database"))["DBClusters"]
    assert cluster["Engine"] == "aurora-postgresql"
    assert cluster["EngineVersion"] == platform.parameters["DatabaseEngineVersion"]
    assert (cluster["DatabaseName"], cluster["Port"]) == (DATABASE_NAME, POSTGRES_PORT)
    assert cluster["StorageEncrypted"]
    assert cluster["IAMDatabaseAuthenticationEnabled"]
    groups = [group["VpcSecurityGroupId"] for group in cluster["VpcSecurityGroups"]]
    assert groups == [platform.ids["DatabaseSecurityGroup"]]
    capacity = cluster["ServerlessV2ScalingConfiguration"]
    assert capacity["MinCapacity"] == float(platform.parameters["DatabaseMinCapacity"])
    assert capacity["MaxCapacity"] == float(platform.parameters["DatabaseMaxCapacity"])


def test_the_database_can_be_destroyed_whole(platform: Platform) -> None:
    rds = platform.client("rds")
    (cluster,) = rds.describe_db_clusters(DBClusterIdentifier=platform.name("database"))["DBClusters"]
    assert not cluster["DeletionProtection"]
    assert cluster["BackupRetentionPeriod"] == 1


def test_the_database_has_a_writer_and_the_chosen_readers(platform: Platform) -> None:
    rds = platform.client("rds")
    filters = [{"Name": "db-cluster-id", "Values": [platform.name("database")]}]
    instances = rds.describe_db_instances(Filters=filters)["DBInstances"]
    assert len(instances) == (2 if platform.parameters["DatabaseReader"] == "true" else 1)
    assert {instance["DBInstanceClass"] for instance in instances} == {"db.serverless"}
    assert not any(instance["PubliclyAccessible"] for instance in instances)
    (cluster,) = rds.describe_db_clusters(DBClusterIdentifier=platform.name("database"))["DBClusters"]
    assert [member["IsClusterWriter"] for member in cluster["DBClusterMembers"]].count(True) == 1


def test_the_database_accepts_tls_only(platform: Platform) -> None:
    group = platform.ids["DatabaseParameterGroup"]
    pages = platform.client("rds").get_paginator("describe_db_cluster_parameters")
    parameters = [
        parameter
        for page in pages.paginate(DBClusterParameterGroupName=group, Source="user")
        for parameter in page["Parameters"]
    ]
    assert {p["ParameterName"]: p["ParameterValue"] for p in parameters}["rds.force_ssl"] == "1"


def test_the_database_lies_in_its_own_subnets(platform: Platform) -> None:
    group = platform.ids["DatabaseSubnetGroup"]
    (described,) = platform.client("rds").describe_db_subnet_groups(DBSubnetGroupName=group)["DBSubnetGroups"]
    subnets = {subnet["SubnetIdentifier"] for subnet in described["Subnets"]}
    assert subnets == {platform.ids[f"DatabaseSubnet{zone}"] for zone in "ABC"}
