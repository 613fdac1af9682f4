from __future__ import annotations

import json

import pytest

from fraud_cfn.template.document import Document
from tests.lens import Lens

SECRET = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:fraud-database-dev-AbCdEf"


def test_database_is_serverless_aurora_postgresql_pinned_to_the_minor_version(base: Lens) -> None:
    cluster = base["DatabaseCluster"]
    assert (cluster["Engine"], cluster["EngineVersion"]) == ("aurora-postgresql", "17.9")
    assert cluster["EngineMode"] == "provisioned"
    assert (cluster["DatabaseName"], cluster["Port"]) == ("fraud", 5432)
    assert cluster["ServerlessV2ScalingConfiguration"] == {"MinCapacity": "0.5", "MaxCapacity": "4"}
    assert cluster["AutoMinorVersionUpgrade"] is False
    for instance in base.of("AWS::RDS::DBInstance").values():
        assert instance["DBInstanceClass"] == "db.serverless"
        assert instance["AutoMinorVersionUpgrade"] is False


def test_database_stands_in_subnets_without_a_way_out_and_is_not_public(base: Lens) -> None:
    assert base["DatabaseSubnetGroup"]["SubnetIds"] == [f"<DatabaseSubnet{letter}>" for letter in "ABC"]
    assert base["DatabaseCluster"]["DBSubnetGroupName"] == "<DatabaseSubnetGroup>"
    assert base["DatabaseCluster"]["VpcSecurityGroupIds"] == ["<DatabaseSecurityGroup.GroupId>"]
    assert {i["PubliclyAccessible"] for i in base.of("AWS::RDS::DBInstance").values()} == {False}


def test_database_is_encrypted_takes_tls_only_and_lets_iam_log_in(base: Lens) -> None:
    cluster = base["DatabaseCluster"]
    assert cluster["StorageEncrypted"] is True
    assert cluster["EnableIAMDatabaseAuthentication"] is True
    assert cluster["DBClusterParameterGroupName"] == "<DatabaseParameterGroup>"
    assert base["DatabaseParameterGroup"]["Parameters"] == {"rds.force_ssl": "1"}


def test_a_new_major_version_can_replace_the_parameter_group_for_its_name_tells_the_family(
    base: Lens,
) -> None:
    group = base["DatabaseParameterGroup"]
    assert group["Family"] == "aurora-postgresql17"
    assert group["DBClusterParameterGroupName"] == "fraud-postgresql17-dev"


def test_database_credentials_are_read_from_the_existing_secret(base: Lens) -> None:
    cluster = base["DatabaseCluster"]
    assert cluster["MasterUsername"] == f"{{{{resolve:secretsmanager:{SECRET}:SecretString:username}}}}"
    assert cluster["MasterUserPassword"] == f"{{{{resolve:secretsmanager:{SECRET}:SecretString:password}}}}"
    assert "ManageMasterUserPassword" not in cluster, "it would create a secret"


def test_database_keeps_the_least_backup_and_drops_it_with_the_cluster(base: Lens) -> None:
    assert base["DatabaseCluster"]["BackupRetentionPeriod"] == 1
    assert base["DatabaseCluster"]["DeleteAutomatedBackups"] is True


def test_database_logs_and_performance_insights_are_on(base: Lens) -> None:
    cluster = base["DatabaseCluster"]
    assert cluster["EnableCloudwatchLogsExports"] == ["postgresql"]
    assert cluster["PerformanceInsightsEnabled"] is True
    assert {i["EnablePerformanceInsights"] for i in base.of("AWS::RDS::DBInstance").values()} == {True}


@pytest.mark.parametrize(("wanted", "instances"), [("true", {"Writer", "Reader"}), ("false", {"Writer"})])
def test_reader_is_there_unless_it_is_not_wanted(base: Lens, wanted: str, instances: set[str]) -> None:
    lens = base.under(DatabaseReader=wanted)
    assert set(lens.of("AWS::RDS::DBInstance")) == {f"Database{part}Instance" for part in instances}


def test_reader_stands_in_another_zone_than_the_writer(base: Lens) -> None:
    zones = [base[f"Database{part}Instance"]["AvailabilityZone"] for part in ("Writer", "Reader")]
    assert zones == ["<DatabaseSubnetA.AvailabilityZone>", "<DatabaseSubnetB.AvailabilityZone>"]


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
