"""What a change means for the database, beyond what CloudFormation's change set says of it."""

from __future__ import annotations

from collections.abc import Mapping

from fraud_cfn.deploy.account import trouble
from fraud_cfn.deploy.account.looks import Looks
from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.change.changeset import Change, ChangeSet
from fraud_cfn.deploy.stack import stacks
from fraud_cfn.deploy.stack.stacks import Stack

_CLUSTER, _INSTANCE = "AWS::RDS::DBCluster", "AWS::RDS::DBInstance"


def must_keep_its_user(session: Session, stack: Stack, username: str, looks: Looks) -> None:
    """AWS changes the password, and silently not the user, where the credentials name another one."""

    def question() -> None:
        rds = session.client("rds")
        for resource in stacks.resources(session.client("cloudformation"), stack.arn):
            if resource.type != _CLUSTER or not resource.physical_id:
                continue
            clusters = rds.describe_db_clusters(DBClusterIdentifier=resource.physical_id)["DBClusters"]
            for user in (cluster.get("MasterUsername", "") for cluster in clusters):
                if user and not _same(username, user):
                    looks.stop(
                        f"the credentials name another user than {user}, the database's since it was made: "
                        "AWS would change the password and not the user, and no task could log in",
                        f"put the user name {user} back into the secret; more users are made in SQL",
                    )

    looks.ask("the database's user", question)


def _same(username: str, user: str) -> bool:
    return username == user or username.lower() == user  # RDS may keep a name in small letters


def notes(session: Session, change_set: ChangeSet, before: Mapping[str, str] | None) -> list[str]:
    """What whoever agrees should know; `before` are the stack's parameters, `None` for a new stack."""
    if before is None:
        return []
    found: list[str] = []
    for change in change_set.changes:
        if change.type == _CLUSTER and change.action == "Modify":
            found += _upgrade(change)
        elif change.type == _INSTANCE and (change.action == "Remove" or change.replaces):
            found.append(_role(session, change))
    return found


def _upgrade(change: Change) -> list[str]:
    found: list[str] = []
    for detail in change.details:
        if detail.property == "EngineVersion":
            known = detail.before and detail.after
            versions = f" from {_bare(detail.before)} to {_bare(detail.after)}" if known else ""
            found.append(
                f"{change.logical_id}: the engine is upgraded{versions} at once, not in the maintenance "
                "window, and a rollback does not undo it"
            )
    return found


def _bare(value: str | None) -> str:
    return (value or "").strip('"')


def _role(session: Session, change: Change) -> str:
    """Whether an instance that goes away is the writer now: failovers change that."""
    deed = "replaced" if change.replaces else "deleted"
    try:
        writer = _writer(session, change.physical_id)
    except trouble.UNANSWERED as error:
        why = trouble.words(error)
        return f"{change.logical_id} is {deed}; whether it is the writer now is unknown: {why}"
    if writer.lower() == change.physical_id.lower():
        return (
            f"{change.logical_id} is {deed}, and it is the writer now: Aurora fails over to another instance "
            "first, and connections break"
        )
    return f"{change.logical_id} is {deed}; it is a reader now, the writer is {writer or 'unknown'}"


def _writer(session: Session, instance: str) -> str:
    """The identifier of the instance that writes in that one's cluster."""
    rds = session.client("rds")
    described = rds.describe_db_instances(DBInstanceIdentifier=instance)["DBInstances"][0]
    cluster = described.get("DBClusterIdentifier", "")
    members = rds.describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"][0].get(
        "DBClusterMembers", ()
    )
    return next(
        (member.get("DBInstanceIdentifier", "") for member in members if member.get("IsClusterWriter")),
        "",
    )
