"""Database: Aurora PostgreSQL, serverless, in the database subnets."""

from __future__ import annotations

from dataclasses import dataclass

from troposphere import Join, Ref
from troposphere.ec2 import SecurityGroup, Subnet
from troposphere.logs import LogGroup
from troposphere.rds import (
    DBCluster,
    DBClusterParameterGroup,
    DBInstance,
    DBSubnetGroup,
    ServerlessV2ScalingConfiguration,
)

from fraud_cfn.config import DATABASE_NAME, LOG_RETENTION_DAYS, POSTGRES_MAJOR, POSTGRES_PORT
from fraud_cfn.platform.intrinsics import DELETED, because, sub
from fraud_cfn.platform.naming import name
from fraud_cfn.platform.network import Subnets
from fraud_cfn.platform.parameters import (
    DATA_KMS_KEY,
    DATA_KMS_KEY_ARN,
    DATABASE_CREDENTIALS_ARN,
    DATABASE_CREDENTIALS_VERSION,
    DATABASE_ENGINE_VERSION,
    DATABASE_MAX_CAPACITY,
    DATABASE_MIN_CAPACITY,
    READER,
)

ENGINE = "aurora-postgresql"


@dataclass(frozen=True)
class Database:
    subnet_group: DBSubnetGroup
    parameter_group: DBClusterParameterGroup
    logs: LogGroup
    cluster: DBCluster
    writer: DBInstance
    reader: DBInstance


def build(subnets: Subnets, security_group: SecurityGroup) -> Database:
    subnet_group = DBSubnetGroup(
        "DatabaseSubnetGroup",
        DBSubnetGroupName=name("database"),
        DBSubnetGroupDescription="Subnets without a route out of the VPC",
        SubnetIds=[Ref(subnet) for subnet in subnets],
    )
    parameter_group = DBClusterParameterGroup(
        "DatabaseParameterGroup",
        DBClusterParameterGroupName=because(
            name(f"postgresql{POSTGRES_MAJOR}"),
            "the family is create-only; in the name, so that another major version can replace this",
        ),
        Description=f"PostgreSQL {POSTGRES_MAJOR}, TLS only",
        Family=f"{ENGINE}{POSTGRES_MAJOR}",
        Parameters={
            "rds.force_ssl": "1",
            "log_connections": because(
                "1", "who came, who left, who changed the schema; what was read or written is not logged"
            ),
            "log_disconnections": "1",
            "log_statement": "ddl",
        },
    )
    logs = LogGroup(
        "DatabaseLogs",
        **DELETED,
        LogGroupName=sub("/aws/rds/cluster/fraud-database-{suffix}/postgresql"),
        KmsKeyId=DATA_KMS_KEY.choose(Ref(DATA_KMS_KEY_ARN)),
        RetentionInDays=LOG_RETENTION_DAYS,
    )
    cluster = DBCluster(
        "DatabaseCluster",
        DependsOn=because([logs], "a log group that Aurora makes itself is kept forever"),
        DeletionPolicy=because("Delete", "the default would leave a snapshot behind"),
        UpdateReplacePolicy="Delete",
        DBClusterIdentifier=name("database"),
        Engine=ENGINE,
        EngineMode=because("provisioned", "serverless v2: said of the instances (db.serverless)"),
        EngineVersion=Ref(DATABASE_ENGINE_VERSION),
        ServerlessV2ScalingConfiguration=ServerlessV2ScalingConfiguration(
            MinCapacity=Ref(DATABASE_MIN_CAPACITY), MaxCapacity=Ref(DATABASE_MAX_CAPACITY)
        ),
        DatabaseName=DATABASE_NAME,
        Port=POSTGRES_PORT,
        MasterUsername=because(
            _credential("username"), "read from the secret at deployment, when this text has changed"
        ),
        MasterUserPassword=_credential("password"),
        EnableIAMDatabaseAuthentication=because(True, "how the tasks log in: a token, and no password"),
        DBSubnetGroupName=Ref(subnet_group),
        VpcSecurityGroupIds=[security_group.get_att("GroupId")],
        DBClusterParameterGroupName=Ref(parameter_group),
        StorageEncrypted=True,
        KmsKeyId=because(
            DATA_KMS_KEY.choose(Ref(DATA_KMS_KEY_ARN)), "create-only: another key is another database"
        ),
        EnableCloudwatchLogsExports=["postgresql"],
        DatabaseInsightsMode="standard",
        PerformanceInsightsEnabled=because(True, "the instances must say the same"),
        PerformanceInsightsKmsKeyId=DATA_KMS_KEY.choose(Ref(DATA_KMS_KEY_ARN)),
        AutoMinorVersionUpgrade=because(
            True, "a later minor than EngineVersion's stays: only a changed parameter is sent"
        ),
        BackupRetentionPeriod=because(1, "day, the least that Aurora takes: none is asked for"),
        DeleteAutomatedBackups=True,
        CopyTagsToSnapshot=True,
        DeletionProtection=because(False, "everything can be destroyed, as asked"),
    )
    writer = _instance(cluster, "Writer", subnets[0])
    reader = _instance(cluster, "Reader", subnets[1])
    reader.Condition = READER.title
    reader.DependsOn = because([writer], "the first instance of a cluster becomes its writer")
    return Database(
        subnet_group=subnet_group,
        parameter_group=parameter_group,
        logs=logs,
        cluster=cluster,
        writer=writer,
        reader=reader,
    )


def _instance(cluster: DBCluster, part: str, subnet: Subnet) -> DBInstance:
    identifier = name(f"database-{part.lower()}")
    return DBInstance(
        f"Database{part}Instance",
        **DELETED,
        DBInstanceIdentifier=identifier,
        DBClusterIdentifier=Ref(cluster),
        DBInstanceClass="db.serverless",
        AvailabilityZone=because(
            subnet.get_att("AvailabilityZone"), "AWS would choose each instance's zone at random"
        ),
        Engine=ENGINE,
        PubliclyAccessible=False,
        EnablePerformanceInsights=True,
        PerformanceInsightsKMSKeyId=DATA_KMS_KEY.choose(Ref(DATA_KMS_KEY_ARN)),
        AutoMinorVersionUpgrade=True,
    )


def _credential(key: str) -> Join:
    """CloudFormation reads the secret at deployment; the value never stands in the template.

    The form is `<arn>:SecretString:<key>:<version stage>:<version id>`, where an empty version is the
    current one. `Join`, since the validators warn of a dynamic reference inside `Sub`.
    """
    secret, version = Ref(DATABASE_CREDENTIALS_ARN), Ref(DATABASE_CREDENTIALS_VERSION)
    return Join("", ["{{resolve:secretsmanager:", secret, f":SecretString:{key}::", version, "}}"])
