"""Every wait: one loop that asks again and again, tolerates what passes, and gives up by the clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fraud_cfn.deploy.account import trouble
from fraud_cfn.deploy.account.session import explain
from fraud_cfn.deploy.errors import CredentialsError, TimedOutError
from fraud_cfn.deploy.terminal import clock, interrupts
from fraud_cfn.deploy.terminal.console import Console

_T = TypeVar("_T")


class Tolerance:
    """Asks AWS in the middle of a wait; says once that it cannot be asked, and once that it can again."""

    def __init__(self, console: Console, what: str) -> None:
        self._console = console
        self._what = what  # goes on meanwhile: "TapStackdev", "the job"
        self._said = ""

    def ask(self, question: Callable[[], _T], *, whatever: bool = False) -> _T | None:
        """The answer; `None` where there is none now, for a reason that passes (or `whatever` it is).

        `CredentialsError` once the credentials are no longer accepted; another refusal as it is.
        """
        try:
            answer = question()
        except trouble.UNANSWERED as error:
            if lost := trouble.lost_credentials(error):
                raise CredentialsError(
                    f"{lost.message} while watching; {self._what} goes on",
                    f"{lost.next_step}; then run it again",
                ) from error
            if not whatever and not trouble.passes(error):
                raise explain(error) from error
            self._say(trouble.words(error))
            return None
        self._say("")
        return answer

    def _say(self, words: str) -> None:
        if words and words != self._said:
            self._console.warn(f"{words}; {self._what} goes on, watching goes on")
        elif self._said and not words:
            self._console.say("watching again")
        self._said = words


def until(
    ask: Callable[[], _T | None],
    console: Console,
    *,
    what: str,
    timeout: float,
    next_step: str,
    pace: clock.Pace | None = None,
) -> _T:
    """The first answer of `ask` that is not `None`.

    `what` is waited for ("the job"); throttling, failures of AWS's own, a lost connection and answers that
    are none are said once and asked again. `TimedOutError` after `timeout` seconds, with `next_step`;
    `CredentialsError` once the credentials are no longer accepted; any other refusal as a `DeployError`.
    """
    tolerance, pace = Tolerance(console, what), pace or clock.Pace()
    deadline = clock.Deadline(timeout)
    while True:
        interrupts.heed()
        if (answer := tolerance.ask(ask)) is not None:
            return answer
        if not deadline.left:
            raise TimedOutError(f"{what} is still at it after {clock.span(timeout)}; it goes on", next_step)
        pace.wait()


def pause(seconds: float) -> None:
    """Leave AWS alone for a while; Ctrl-C ends it."""
    clock.sleep(seconds)
