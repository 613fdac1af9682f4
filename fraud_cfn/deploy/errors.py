"""Everything that can end a command early: one exception tree, each class with its exit code."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class Exit(IntEnum):
    """Exit codes of every verb, one meaning each; docs/deploy.md has the same table."""

    DONE = 0  # done, or nothing to change
    FAILED = 1  # it failed and was rolled back cleanly: what ran before runs again
    USAGE = 2  # it could not begin (arguments, credentials, template, something missing); nothing was changed
    CHANGES = 3  # a plan has changes, with --exit-code
    DECLINED = 4  # somebody said no, or there was nobody to ask; nothing was changed
    CHANGE_SET = 5  # CloudFormation rejected the change set; nothing was changed
    RECOVERY = 6  # something is left to be done: the stack needs recovery, or `destroy` cannot say it is gone
    REFUSED = 7  # a guard refused a change that destroys, or turns traffic; nothing was changed
    UNHEALTHY = 8  # it was carried out, and what runs is not well: tasks that stop, a job that failed
    AWS = 9  # AWS refused or did not answer; the last lines say what was done before
    BUG = 70  # a fault of this command
    TIMED_OUT = 124  # AWS goes on: waiting ended, by the clock or by expired credentials, or nobody waited
    INTERRUPTED = 130  # Ctrl-C or SIGTERM; the last lines say what was done and what goes on


class DeployError(Exception):
    """What went wrong in one line, and `next_step`, what to do about it."""

    exit: ClassVar[Exit] = Exit.AWS
    result: ClassVar[str] = "failed"  # the word on the last line
    tells_all: ClassVar[bool] = False  # its message says what was done and what goes on

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


class AwsError(DeployError):
    """AWS refused, or gave no answer that makes sense."""

    exit = Exit.AWS
    result = "aws-refused"


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
    tells_all = True


class DetachedError(DeployError):
    """Ctrl-C while AWS was working: it goes on."""

    exit = Exit.INTERRUPTED
    result = "detached"
    tells_all = True


class InterruptionError(DeployError):
    """Ctrl-C while AWS was doing nothing for us."""

    exit = Exit.INTERRUPTED
    result = "interrupted"
    tells_all = True


class UnexpectedError(DeployError):
    """A fault of this command."""

    exit = Exit.BUG
    result = "bug"
