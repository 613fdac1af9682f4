"""What a stack's status means for a deployment: the status table of docs/deploy.md."""

from __future__ import annotations

from enum import Enum


class Action(Enum):
    """What `deploy` does with a stack in some status."""

    CREATE = "create"
    UPDATE = "update"
    WAIT = "attach to its events, wait, look again"
    RECREATE = "list what is left, confirm, delete, create"
    ASK = "always ask, then delete and create"
    ROLL_BACK = "offer to roll back first"
    CONTINUE = "exit 6: `rollback` continues it"
    DESTROY = "exit 6: `destroy` finishes it"
    SUPPORT = "exit 6: only AWS brings it back"
    UNKNOWN = "exit 6: nobody here knows what it means"


BEING_CREATED = "CREATE_IN_PROGRESS"
BEING_UPDATED = "UPDATE_IN_PROGRESS"
GONE = "DELETE_COMPLETE"
_WHOLE = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
)

_EXACT = {
    None: Action.CREATE,
    "DELETE_COMPLETE": Action.CREATE,
    "REVIEW_IN_PROGRESS": Action.CREATE,
    "ROLLBACK_COMPLETE": Action.RECREATE,
    "CREATE_FAILED": Action.ASK,
    "ROLLBACK_FAILED": Action.ASK,
    "UPDATE_FAILED": Action.ROLL_BACK,
    "UPDATE_ROLLBACK_FAILED": Action.CONTINUE,
    "IMPORT_ROLLBACK_FAILED": Action.SUPPORT,
    "DELETE_FAILED": Action.DESTROY,
    **dict.fromkeys(_WHOLE, Action.UPDATE),
}


def action(status: str | None) -> Action:
    """`None` stands for a stack that does not exist."""
    if in_progress(status or ""):
        return Action.WAIT
    return _EXACT.get(status, Action.UNKNOWN)


def in_progress(status: str) -> bool:
    """Whether AWS is working on the stack now."""
    return status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"


def succeeded(status: str) -> bool:
    """Whether an operation that ended in `status` did what was asked."""
    return status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", "DELETE_COMPLETE")


def rolled_back(status: str) -> bool:
    """Whether the stack is whole again, in the version before."""
    return status in ("ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE")
