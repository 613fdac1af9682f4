"""What a plan says of the database beyond AWS's own words: an upgrade, and who writes now."""

from __future__ import annotations

import pytest

from tests.deploy.conftest import Teller
from tests.deploy.fake_aws import Aws, FaultError, change, detail

UPGRADE = change(
    "Modify",
    "Database",
    "AWS::RDS::DBCluster",
    detail("EngineVersion", "17.7", "17.9", cause="DatabaseEngineVersion"),
    Replacement="False",
)
READER = change(
    "Remove", "DatabaseReader", "AWS::RDS::DBInstance", PhysicalResourceId="fraud-database-reader-dev"
)


@pytest.fixture
def two(deployed: Aws) -> Aws:
    """As `deployed`, its database with two instances, the first of which writes."""
    deployed.answers |= {
        "DescribeDBInstances": lambda asked: {
            "DBInstances": [
                {
                    "DBInstanceIdentifier": asked["DBInstanceIdentifier"],
                    "DBClusterIdentifier": "fraud-database-dev",
                }
            ]
        },
        "DescribeDBClusters": lambda _: members("fraud-database-writer-dev"),
    }
    return deployed


def members(writer: str) -> dict[str, object]:
    names = ("fraud-database-writer-dev", "fraud-database-reader-dev")
    found = [{"DBInstanceIdentifier": name, "IsClusterWriter": name == writer} for name in names]
    return {"DBClusters": [{"DBClusterIdentifier": "fraud-database-dev", "DBClusterMembers": found}]}


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_an_upgrade_is_immediate_and_stays(two: Aws, tell: Teller, form: str) -> None:
    two.changes = [UPGRADE]
    told = tell(f"plan dev --format {form}")
    assert "the engine is upgraded from 17.7 to 17.9 at once, not in the maintenance window" in told.text
    assert "a rollback does not undo it" in told.text


def test_what_leaves_the_version_alone_is_no_upgrade(two: Aws, tell: Teller) -> None:
    two.changes = [
        change("Modify", "Database", "AWS::RDS::DBCluster", detail("Port", "1", "2"), Replacement="False")
    ]
    assert "upgraded" not in tell("plan dev").text


def test_a_removed_reader_is_told_with_who_writes(two: Aws, tell: Teller) -> None:
    two.changes = [READER]
    told = tell("plan dev")
    assert (
        "DatabaseReader is deleted; it is a reader now, the writer is fraud-database-writer-dev" in told.text
    )


def test_a_reader_that_became_the_writer_is_told(two: Aws, tell: Teller) -> None:
    two.changes = [READER]
    two.answers["DescribeDBClusters"] = lambda _: members("fraud-database-reader-dev")
    told = tell("deploy dev --yes")
    assert "DatabaseReader is deleted, and it is the writer now: Aurora fails over" in told.text


@pytest.mark.parametrize("operation", ["DescribeDBInstances", "DescribeDBClusters"])
def test_who_writes_is_unknown_where_it_may_not_be_looked_at(two: Aws, tell: Teller, operation: str) -> None:
    two.changes = [READER]
    two.faults[operation] = [FaultError("AccessDenied", "no", 403)]
    told = tell("plan dev --format json")
    assert told.code == 0
    assert "whether it is the writer now is unknown: no permission for " + operation in told.text


def test_a_replaced_instance_is_told_too(two: Aws, tell: Teller) -> None:
    two.changes = [
        change(
            "Modify",
            "DatabaseWriter",
            "AWS::RDS::DBInstance",
            detail("AvailabilityZone", "a", "b", "Always"),
            PhysicalResourceId="fraud-database-writer-dev",
            Replacement="True",
        )
    ]
    assert "DatabaseWriter is replaced, and it is the writer now" in tell("plan dev").text
