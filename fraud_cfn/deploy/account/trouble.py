"""What can go wrong with a question to AWS, and what of it may pass by itself: the only place that knows."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from fraud_cfn.deploy.account.session import code_of, denied, explain
from fraud_cfn.deploy.errors import CredentialsError, DeployError
from fraud_cfn.deploy.terminal import interrupts
from fraud_cfn.deploy.terminal.interrupts import Standing

_T = TypeVar("_T")

# All that a question may raise: a refusal, no connection, a page of some proxy instead of an answer, and an
# answer without what it should hold (LookupError).
UNANSWERED: tuple[type[Exception], ...] = (
    boto.ClientError,
    boto.BotoCoreError,
    ResponseParserError,
    LookupError,
)
_THROTTLED = {
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottledException",
    "ThrottlingException",
    "TooManyRequestsException",
}
_PASSING = _THROTTLED | {
    "InternalError",
    "InternalFailure",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServerException",
    "ServiceUnavailable",
}


def passing(code: str) -> bool:
    """Whether asking again may help against AWS's error of that code."""
    return code in _PASSING


def passes(error: Exception) -> bool:
    """Whether asking again may help: throttling, AWS's own failures, the network, an answer that is none."""
    if isinstance(error, boto.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return passing(code_of(error)) or status == 429 or status >= 500
    lost = (boto.HTTPClientError, boto.ConnectionError, boto.IncompleteReadError)
    return isinstance(error, (*lost, ResponseParserError, LookupError))


def may_have_arrived(error: Exception) -> bool:
    """Whether AWS may have done what was asked: it neither refused nor throttled it."""
    return passes(error) and code_of(error) not in _THROTTLED


@contextmanager
def asking(words: str, next_step: str, *, goes_on: bool = False) -> Generator[None]:
    """While AWS is asked to change something: an early end says that it may be so by now (`words`), unless
    AWS refused it. What is true after the answer, the caller declares."""
    before = interrupts.declared()
    asked = f"{words}: AWS was asked and has not answered"
    interrupts.declare(Standing(asked, next_step, changed=True, goes_on=goes_on))
    try:
        yield
    except (DeployError, *UNANSWERED) as error:
        if isinstance(error, DeployError) or not may_have_arrived(error):
            interrupts.declare(before)
        raise


def lost_credentials(error: Exception) -> CredentialsError | None:
    """What to say if AWS no longer accepts the credentials: nothing can be asked from here on."""
    if passes(error) or denied(error):
        return None
    explained = explain(error)
    return explained if isinstance(explained, CredentialsError) else None


def words(error: Exception) -> str:
    """In one line, for a look that failed."""
    if isinstance(error, LookupError):
        return f"AWS's answer lacks {error}"
    if isinstance(error, ResponseParserError):
        return "what came is no answer of AWS's: a page of some proxy?"
    return explain(error).message


def known(what: str, ask: Callable[[], _T], unknown: dict[str, str]) -> _T | None:
    """The answer; `None`, and a reason in `unknown`, where there is none."""
    try:
        return ask()
    except DeployError as error:
        unknown[what] = error.message
    except UNANSWERED as error:
        unknown[what] = code_of(error) or words(error)
    return None
