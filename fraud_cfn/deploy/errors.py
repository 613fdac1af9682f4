"""Everything that can end a command early: one exception tree, each class with its exit code."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class Exit(IntEnum):
    """Documented exit codes of every verb."""

    DONE = 0  # done, or nothing to change
    FAILED = 1  # failed and rolled back cleanly
    USAGE = 2  # usage, credentials, template
    CHANGES = 3  # a plan has changes, with --exit-code
    DECLINED = 4  # declined, or no terminal to ask on and no --yes
    CHANGE_SET = 5  # change set or validation failed; nothing changed
    RECOVERY = 6  # the stack needs recovery
    REFUSED = 7  # a destructive change was refused
    TIMED_OUT = 124
    INTERRUPTED = 130


class DeployError(Exception):
    """What went wrong in one line, and `next_step`, what to do about it."""

    exit: ClassVar[Exit] = Exit.FAILED
    result: ClassVar[str] = "failed"  # the word on the last line

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


class UsageError(DeployError):
    """An argument, file or setting is not usable; nothing was created."""

    exit = Exit.USAGE
    result = "usage"


class CredentialsError(DeployError):
    """Credentials are missing, expired or not allowed to do this."""

    exit = Exit.USAGE
    result = "credentials"


class UnreachableError(DeployError):
    """The endpoint does not answer."""

    exit = Exit.USAGE
    result = "unreachable"


class TemplateError(DeployError):
    """The template is stale, invalid or too large; nothing was created."""

    exit = Exit.USAGE
    result = "template"


class DeclinedError(DeployError):
    """Somebody said no, or there was nobody to ask."""

    exit = Exit.DECLINED
    result = "declined"


class ChangeSetError(DeployError):
    """The change set could not be created; nothing changed."""

    exit = Exit.CHANGE_SET
    result = "change-set-failed"


class RecoveryError(DeployError):
    """The stack is in a status that no deployment gets it out of."""

    exit = Exit.RECOVERY
    result = "needs-recovery"


class RefusedError(DeployError):
    """A change would destroy something that nobody allowed by name."""

    exit = Exit.REFUSED
    result = "refused"


class TimedOutError(DeployError):
    """Waiting ended before the stack did; it goes on."""

    exit = Exit.TIMED_OUT
    result = "timed-out"


class DetachedError(DeployError):
    """Ctrl-C while AWS was working: it goes on."""

    exit = Exit.INTERRUPTED
    result = "detached"
