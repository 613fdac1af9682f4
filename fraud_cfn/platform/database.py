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
from fraud_cfn.platform.intrinsics import DELETED, sub
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
        # The family is create-only; it stands in the name, so that another family can replace it.
        DBClusterParameterGroupName=name(f"postgresql{POSTGRES_MAJOR}"),
        Description=f"PostgreSQL {POSTGRES_MAJOR}, TLS only",
        Family=f"{ENGINE}{POSTGRES_MAJOR}",
        Parameters={
            "rds.force_ssl": "1",
            # Who came, who left, who changed the schema; what was read or written is not logged.
            "log_connections": "1",
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
        # Before the cluster: what Aurora creates by itself is kept forever.
        DependsOn=[logs],
        **DELETED,  # the default would be a last snapshot
        DBClusterIdentifier=name("database"),
        Engine=ENGINE,
        EngineMode="provisioned",
        EngineVersion=Ref(DATABASE_ENGINE_VERSION),
        ServerlessV2ScalingConfiguration=ServerlessV2ScalingConfiguration(
            MinCapacity=Ref(DATABASE_MIN_CAPACITY), MaxCapacity=Ref(DATABASE_MAX_CAPACITY)
        ),
        DatabaseName=DATABASE_NAME,
        Port=POSTGRES_PORT,
        MasterUsername=_credential("username"),
        MasterUserPassword=_credential("password"),
        EnableIAMDatabaseAuthentication=True,
        DBSubnetGroupName=Ref(subnet_group),
        VpcSecurityGroupIds=[security_group.get_att("GroupId")],
        DBClusterParameterGroupName=Ref(parameter_group),
        StorageEncrypted=True,
        KmsKeyId=DATA_KMS_KEY.choose(Ref(DATA_KMS_KEY_ARN)),  # create-only
        EnableCloudwatchLogsExports=["postgresql"],
        # Performance Insights; the instances must say the same.
        DatabaseInsightsMode="standard",
        PerformanceInsightsEnabled=True,
        PerformanceInsightsKmsKeyId=DATA_KMS_KEY.choose(Ref(DATA_KMS_KEY_ARN)),
        # A later minor than the parameter's stays: only a changed parameter is sent.
        AutoMinorVersionUpgrade=True,
        BackupRetentionPeriod=1,  # days; the least that Aurora takes
        DeleteAutomatedBackups=True,
        CopyTagsToSnapshot=True,
        DeletionProtection=False,
    )
    # Zones are said, since AWS would choose each at random.
    writer = _instance(cluster, "Writer", subnets[0])
    reader = _instance(cluster, "Reader", subnets[1])
    reader.Condition = READER.title
    reader.DependsOn = [writer.title]  # the first instance of a cluster becomes its writer
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
        AvailabilityZone=subnet.get_att("AvailabilityZone"),
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
