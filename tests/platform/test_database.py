"""The whole database, property by property: one more is as wrong as one less."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fraud_cfn.template.document import Document
from tests.lens import Lens
from tests.required import LOG_DAYS

SECRET = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:fraud-database-dev-AbCdEf"
KEY = "arn:aws:kms:eu-central-1:111122223333:key/0b1c2d3e-1111-2222-3333-444455556666"
VERSION = "0b1c2d3e-1111-2222-3333-444455556666"
CREDENTIALS = ("MasterUsername", "MasterUserPassword")
ENCRYPTION = {
    "DatabaseCluster": ("KmsKeyId", "PerformanceInsightsKmsKeyId"),
    "DatabaseWriterInstance": ("PerformanceInsightsKMSKeyId",),
    "DatabaseReaderInstance": ("PerformanceInsightsKMSKeyId",),
    "DatabaseLogs": ("KmsKeyId",),
}


def instance(part: str, zone: str) -> dict[str, Any]:
    return {
        "DBInstanceIdentifier": f"fraud-database-{part}-dev",
        "DBClusterIdentifier": "<DatabaseCluster>",
        "DBInstanceClass": "db.serverless",
        "AvailabilityZone": f"<DatabaseSubnet{zone}.AvailabilityZone>",
        "Engine": "aurora-postgresql",
        "PubliclyAccessible": False,
        "EnablePerformanceInsights": True,
        "AutoMinorVersionUpgrade": True,
    }


def test_database_is_serverless_aurora_postgresql_pinned_to_the_minor_version(base: Lens) -> None:
    cluster = {name: value for name, value in base["DatabaseCluster"].items() if name not in CREDENTIALS}
    assert cluster == {
        "DBClusterIdentifier": "fraud-database-dev",
        "Engine": "aurora-postgresql",
        "EngineMode": "provisioned",
        "EngineVersion": "17.9",
        "AutoMinorVersionUpgrade": True,
        "ServerlessV2ScalingConfiguration": {"MinCapacity": "0.5", "MaxCapacity": "4"},
        "DatabaseName": "fraud",
        "Port": 5432,
        "EnableIAMDatabaseAuthentication": True,
        "DBSubnetGroupName": "<DatabaseSubnetGroup>",
        "VpcSecurityGroupIds": ["<DatabaseSecurityGroup.GroupId>"],
        "DBClusterParameterGroupName": "<DatabaseParameterGroup>",
        "StorageEncrypted": True,
        "EnableCloudwatchLogsExports": ["postgresql"],
        "DatabaseInsightsMode": "standard",
        "PerformanceInsightsEnabled": True,
        "BackupRetentionPeriod": 1,
        "DeleteAutomatedBackups": True,
        "CopyTagsToSnapshot": True,
        "DeletionProtection": False,
    }


def test_reader_stands_in_another_zone_than_the_writer_and_neither_is_public(base: Lens) -> None:
    assert base.of("AWS::RDS::DBInstance") == {
        "DatabaseWriterInstance": instance("writer", "A"),
        "DatabaseReaderInstance": instance("reader", "B"),
    }


def test_reader_is_there_unless_it_is_not_wanted(base: Lens) -> None:
    assert set(base.under(DatabaseReader="false").of("AWS::RDS::DBInstance")) == {"DatabaseWriterInstance"}


def test_database_stands_in_subnets_without_a_way_out(base: Lens) -> None:
    assert base["DatabaseSubnetGroup"] == {
        "DBSubnetGroupName": "fraud-database-dev",
        "DBSubnetGroupDescription": "Subnets without a route out of the VPC",
        "SubnetIds": [f"<DatabaseSubnet{letter}>" for letter in "ABC"],
    }


def test_database_takes_tls_only_and_logs_who_came_and_what_changed_its_schema(base: Lens) -> None:
    """Its name tells the family, so that a new major version can replace it."""
    assert base["DatabaseParameterGroup"] == {
        "DBClusterParameterGroupName": "fraud-postgresql17-dev",
        "Description": "PostgreSQL 17, TLS only",
        "Family": "aurora-postgresql17",
        "Parameters": {
            "rds.force_ssl": "1",
            "log_connections": "1",
            "log_disconnections": "1",
            "log_statement": "ddl",
        },
    }


def test_database_logs_are_kept_for_the_required_days(base: Lens) -> None:
    assert base["DatabaseLogs"] == {
        "LogGroupName": "/aws/rds/cluster/fraud-database-dev/postgresql",
        "RetentionInDays": LOG_DAYS,
    }


@pytest.mark.parametrize("version", ["", VERSION])
def test_database_credentials_are_read_from_the_existing_secret_in_the_chosen_version(
    base: Lens, version: str
) -> None:
    """So that a rotated password reaches Aurora: it looks only when this text changes."""
    cluster = base.under(DatabaseCredentialsVersion=version)["DatabaseCluster"]
    assert {name: cluster[name] for name in CREDENTIALS} == {
        "MasterUsername": f"{{{{resolve:secretsmanager:{SECRET}:SecretString:username::{version}}}}}",
        "MasterUserPassword": f"{{{{resolve:secretsmanager:{SECRET}:SecretString:password::{version}}}}}",
    }


def test_a_customer_managed_key_encrypts_the_database_its_insights_and_its_logs(base: Lens) -> None:
    with_key = base.under(DataKmsKeyArn=KEY)
    for resource, names in ENCRYPTION.items():
        assert with_key[resource] == base[resource] | dict.fromkeys(names, KEY)


def test_no_secret_is_created_and_no_value_of_one_stands_anywhere(document: Document, base: Lens) -> None:
    assert not [r for r in base.resources.values() if "SecretsManager" in r["Type"] or "SSM" in r["Type"]]
    for key, parameter in document.template["Parameters"].items():
        assert "NoEcho" not in parameter, f"{key} would carry a value"
    for task in base.of("AWS::ECS::TaskDefinition").values():
        for container in task["ContainerDefinitions"]:
            plain = json.dumps(container.get("Environment", []))
            assert "resolve:" not in plain
            assert "PASSWORD" not in plain
    assert document.text.count("{{resolve:secretsmanager:") == 2
