"""Changes that destroy data need to be allowed by name; `--yes` never covers them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fraud_cfn.deploy.change.changeset import Change, Detail
from fraud_cfn.deploy.errors import RefusedError
from fraud_cfn.deploy.terminal import typed

# What is gone for good when a resource of that type is deleted or made anew.
LOST = {
    "AWS::DynamoDB::Table": "its items",
    "AWS::ECR::Repository": "its images",
    "AWS::EFS::FileSystem": "its files",
    "AWS::KMS::Key": "all that it encrypted",
    "AWS::Logs::LogGroup": "its logs",
    "AWS::RDS::DBCluster": "the database",
    "AWS::RDS::DBInstance": "the database",
    "AWS::S3::Bucket": "its objects",
    "AWS::SQS::Queue": "its messages",
    "AWS::SecretsManager::Secret": "the secret",
}
# What goes by its age, when a property that changes in place says so.
_AGING = {
    ("AWS::ECR::Repository", "LifecyclePolicy"): "images",
    ("AWS::Logs::LogGroup", "RetentionInDays"): "log lines",
    ("AWS::RDS::DBCluster", "BackupRetentionPeriod"): "backups",
    ("AWS::S3::Bucket", "LifecycleConfiguration"): "objects",
    ("AWS::SQS::Queue", "MessageRetentionPeriod"): "messages",
}


@dataclass(frozen=True)
class Danger:
    """A change that loses data, and the option that allows it."""

    logical_id: str
    deed: str  # replace | delete
    lost: str
    certain: bool  # AWS cannot always tell beforehand whether it must replace

    @property
    def option(self) -> str:
        return f"--allow-{self.deed} {self.logical_id}"


def dangers(changes: Iterable[Change], resources: Mapping[str, Any]) -> tuple[Danger, ...]:
    """The dangerous ones among `changes`; `resources` are the template's, to tell an Aurora instance
    (its data is the cluster's) from a database of its own."""
    found: list[Danger] = []
    for change in changes:
        lost = LOST.get(change.type)
        if lost is None or _of_a_cluster(change, resources):
            continue
        if change.replaces:
            found.append(Danger(change.logical_id, "replace", lost, change.replacement == "True"))
        elif change.action == "Remove" and change.policy != "Retain":
            found.append(Danger(change.logical_id, "delete", lost, certain=True))
    return tuple(found)


def notes(changes: Iterable[Change]) -> list[str]:
    """What whoever agrees should know: what is deleted though its resource stays."""
    return [
        f"{change.logical_id}: {what} that its new {detail.property} keeps no longer are deleted for good"
        for change in changes
        for detail in change.details
        if (what := _AGING.get((change.type, detail.property.split(".")[0]))) and not _longer(detail)
    ]


def _longer(detail: Detail) -> bool:
    """Whether it is certain that nothing goes: a number of days that grows."""
    before, after = ((value or "").strip('"') for value in (detail.before, detail.after))
    return before.isdigit() and after.isdigit() and int(after) >= int(before)


def _of_a_cluster(change: Change, resources: Mapping[str, Any]) -> bool:
    properties = resources.get(change.logical_id, {}).get("Properties", {})
    return change.type == "AWS::RDS::DBInstance" and "DBClusterIdentifier" in properties


def refuse(found: Iterable[Danger], *, replace: Iterable[str], delete: Iterable[str]) -> None:
    """`RefusedError` that names each danger nobody allowed, with the option that does."""
    allowed = {("replace", one) for one in replace} | {("delete", one) for one in delete}
    left = [danger for danger in found if (danger.deed, danger.logical_id) not in allowed]
    if left:
        raise RefusedError(
            "; ".join(
                f"{one.logical_id} {'would' if one.certain else 'may'} be {one.deed}d and lose {one.lost}"
                for one in left
            ),
            f"if that is meant: {typed.again(*(word for one in left for word in one.option.split()))}",
        )
