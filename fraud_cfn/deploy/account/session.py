"""Where a command deploys to, and what to say when AWS cannot be asked."""

from __future__ import annotations

import os
import shlex
import sys
import threading
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, cast
from urllib.parse import urlsplit

import boto3
from botocore import auth
from botocore import exceptions as boto
from botocore.compat import get_current_datetime
from botocore.config import Config
from botocore.parsers import ResponseParserError
from urllib3.exceptions import SystemTimeWarning

from fraud_cfn.config import LOCAL_HEADER, REGION
from fraud_cfn.deploy.account import proxies, settings
from fraud_cfn.deploy.account.clients import Clients
from fraud_cfn.deploy.errors import AwsError, CredentialsError, DeployError, UnreachableError, UsageError
from fraud_cfn.deploy.terminal import clock
from fraud_cfn.deploy.terminal.plain import one_line

_SAME_TIME = timedelta(seconds=2)  # what a whole second and the way of an answer make of it
_SLOW = 5.0  # seconds after which it is told what the first answers wait for
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_REJECTED = {
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"}
_THROTTLED = {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"}
_LOGIN_WANTED = 511  # by the network (RFC 6585)
_LOGIN = "log in again ('aws sso login' or 'aws login'), or name another profile in AWS_PROFILE"
_NO_CREDENTIALS = "set AWS_PROFILE, or run 'aws configure'; to try it without an account: make demo"


class AwsClock:
    """How far AWS's clock is from ours, read off its answers (their `Date`, which has whole seconds).

    AWS refuses what was signed more than five minutes off its clock: then AWS's time is signed, as its SDKs
    for other languages do. botocore has no setting for it, and tells no event between reading our clock and
    signing, so what reads it there is replaced, for this process.
    """

    def __init__(self) -> None:
        self.ahead = timedelta(0)
        self._signed = timedelta(0)  # ahead of our clock

    @property
    def off(self) -> str:
        """What is wrong with our clock, once AWS has refused its time."""
        seconds = self._signed.total_seconds()
        return f"{clock.span(abs(seconds))} {'slow' if seconds > 0 else 'fast'}" if seconds else ""

    def sign_anew(self, response: Any = None, **_: Any) -> int | None:
        """Called by botocore after each try: 0 has it try once more at once, with another signature."""
        http, parsed = cast("tuple[Any, Any]", response or (None, {}))
        error = parsed.get("Error", {})
        if not _untimely(str(error.get("Code")), str(error.get("Message"))):
            return None
        self.read(http)
        if abs(self.ahead - self._signed) <= _SAME_TIME:
            return None
        self._signed = self.ahead
        cast("Any", auth).get_current_datetime = self._time_to_sign
        return 0

    def _time_to_sign(self, remove_tzinfo: bool = True) -> datetime:
        return get_current_datetime(remove_tzinfo) + self._signed

    def read(self, http_response: Any = None, **_: Any) -> None:
        """Called by botocore after each answer."""
        try:
            told = parsedate_to_datetime(http_response.headers["Date"])
            ahead = told.astimezone(UTC) - clock.utc()
        except (AttributeError, LookupError, TypeError, ValueError):
            return  # no date, or none that can be read
        self.ahead = ahead if abs(ahead) > _SAME_TIME else timedelta(0)


class Answering:
    """Who answers: the local endpoint says so in each answer."""

    def __init__(self) -> None:
        self.local = False

    def read(self, http_response: Any = None, **_: Any) -> None:
        """Called by botocore after each answer."""
        self.local = self.local or LOCAL_HEADER in getattr(http_response, "headers", ())


@dataclass(frozen=True)
class Session(Clients):
    """Clients for one region; a client is made when first asked for.

    `url` is the endpoint that was asked for by an option. Without it botocore finds each service's own:
    AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, ~/.aws/config, and none of these where
    AWS_IGNORE_CONFIGURED_ENDPOINT_URLS says so.
    """

    boto: boto3.Session
    url: str | None
    say: Callable[[str], None] = field(default=print, compare=False, repr=False)
    clock: AwsClock = field(default_factory=AwsClock, compare=False, repr=False)
    answering: Answering = field(default_factory=Answering, compare=False, repr=False)
    _clients: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def _make(self, service: str) -> Any:
        if service not in self._clients:
            make = cast("Any", self.boto).client  # its overloads want one service each
            with _usable_settings():
                if not self._clients:
                    _fetch_credentials(_core(self.boto), self.say)
                client = make(service, endpoint_url=self.url, config=_config(_core(self.boto)))
            self._clients[service] = client
        return self._clients[service]

    @cached_property
    def account(self) -> str:
        """The twelve digits of the caller's account; asking proves the credentials."""
        with _usable_settings():
            sts = self.client("sts")
            with _told_if_slow(f"an answer of {sts.meta.endpoint_url}", self.say):
                return sts.get_caller_identity()["Account"]

    @property
    def endpoint(self) -> str:
        """Where CloudFormation is asked, if that is not AWS."""
        url = str(self.client("cloudformation").meta.endpoint_url)
        return "" if _of_aws(url) else url

    def now(self) -> datetime:
        """The time by AWS's clock, whatever ours says."""
        return clock.utc() + self.clock.ahead


def connect(
    region: str | None = None, endpoint: str | None = None, say: Callable[[str], None] = print
) -> Session:
    """A session in eu-central-1; `UsageError` if another region was asked for. `say` tells a long wait."""
    asked = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or REGION
    if asked != REGION:
        source = (
            "--region" if region else "AWS_REGION" if os.environ.get("AWS_REGION") else "AWS_DEFAULT_REGION"
        )
        raise UsageError(
            f"{source} asks for {asked!r}, but this platform is built for {REGION} only",
            f"leave it out, or set it to {REGION}",
        )
    if endpoint and not endpoint.startswith(("http://", "https://")):
        raise UsageError(f"the endpoint {endpoint!r} is not a URL", "write it as http://127.0.0.1:4566")
    proxies.bypass_loopback()
    warnings.simplefilter("ignore", SystemTimeWarning)  # told as an error, where it is one
    with _usable_settings():
        session = Session(boto3.Session(region_name=REGION), endpoint, say)
        core = _core(session.boto)
        # Of all clients, those with which botocore itself asks for credentials among them.
        core.register("needs-retry", session.clock.sign_anew)
        core.register("after-call", session.clock.read)
        core.register("after-call", session.answering.read)
        core.register("before-parse", _must_be_an_answer)
    return session


def _core(session: boto3.Session) -> Any:
    """The botocore session, which alone knows the settings."""
    return cast("Any", session)._session


def _config(core: Any) -> Config:
    """Adaptive retries, six at most, unless the user's own AWS settings say otherwise."""
    own: dict[str, Any] = core.get_scoped_config()
    retries: dict[str, Any] = {}
    if not (os.environ.get("AWS_RETRY_MODE") or own.get("retry_mode")):
        retries["mode"] = "adaptive"
    if not (os.environ.get("AWS_MAX_ATTEMPTS") or own.get("max_attempts")):
        retries["total_max_attempts"] = 6
    return Config(
        retries=cast("Any", retries), connect_timeout=5, read_timeout=30, user_agent_extra="fraud-cfn"
    )


@contextmanager
def _usable_settings() -> Generator[None]:
    """Turn what botocore trips over in a setting, and does not wrap, into one line that names it."""
    try:
        yield
    except (DeployError, boto.BotoCoreError, boto.ClientError, ResponseParserError):
        raise
    except (ValueError, TypeError, LookupError, OSError) as error:
        words = one_line(str(error))
        setting = " and ".join(settings.named_in(words) or settings.bad_endpoints()) or "an AWS setting"
        raise UsageError(
            f"{setting} cannot be used: {proxies.masked(words)}",
            f"correct it in this shell, or in {settings.file()}",
        ) from error


def _must_be_an_answer(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """Called by botocore before it reads an answer. A page of some proxy is none, whatever its status says:
    well-formed, it would pass for an answer that lacks everything."""
    body: object = response_dict["body"]
    status = response_dict["status_code"]
    if not isinstance(body, bytes) or (status >= 500 and status != _LOGIN_WANTED):  # botocore asks again
        return
    beginning = body[:100].lstrip().lower()
    in_json = str(operation_model.service_model.resolved_protocol).endswith("json")
    if beginning.startswith((b"<html", b"<!doctype")) or (in_json and beginning[:1] not in (b"", b"{", b"[")):
        raise ResponseParserError("a page, and no answer")


def _fetch_credentials(core: Any, say: Callable[[str], None]) -> None:
    """Have botocore get the credentials once; whatever goes wrong is a `CredentialsError` that names the
    profile. Asking for an MFA code needs a terminal."""
    profile = core.profile or "default"
    try:
        with (
            _told_if_slow(_source(core, profile), say),
            _no_input_but_from_a_terminal(),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # getpass's: what it warns of ends as an error here
            credentials = core.get_credentials()
            if credentials is not None:
                credentials.get_frozen_credentials()
    except (boto.ProfileNotFound, boto.PartialCredentialsError, boto.NoCredentialsError) as error:
        raise explain(error) from error
    except EOFError as error:
        export = f'eval "$(aws configure export-credentials --profile {profile} --format env)"'
        raise CredentialsError(
            f"the profile {profile} asks for an MFA code, and there is no terminal to type it on",
            f"get credentials on a terminal first: {export}",
        ) from error
    except Exception as error:
        words = proxies.masked(one_line(str(error))) or type(error).__name__
        raise CredentialsError(
            f"the credentials of the profile {profile} cannot be had: {words}",
            f"{_way_in(core, profile, words)}, or name another profile in {settings.profile_variable()}",
        ) from error
    if credentials is None:
        raise explain(boto.NoCredentialsError())


def _source(core: Any, profile: str) -> str:
    """What gives the credentials; a program may wait for somebody, or for ever."""
    process = "credential_process" in core.get_scoped_config()
    return f"the {'credential_process' if process else 'credentials'} of the profile {profile}"


@contextmanager
def _told_if_slow(what: str, say: Callable[[str], None]) -> Generator[None]:
    timer = threading.Timer(_SLOW, say, [f"waiting for {what}; Ctrl-C ends this, and changes nothing"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _way_in(core: Any, profile: str, words: str) -> str:
    """What helps a profile whose credentials cannot be had, for those words of botocore's."""
    named = [
        name
        for name in settings.named_in(words)
        if name not in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE") and not os.environ[name].isdigit()
    ]
    if named:
        return f"correct {' and '.join(named)}"
    own: dict[str, Any] = core.get_scoped_config()
    if any(name.startswith("sso_") for name in own):
        return f"log in again (aws sso login --profile {shlex.quote(profile)})"
    if "credential_process" in own:
        return f"look at what its credential_process prints, which {settings.file()} names"
    return f"look at it in {settings.file()}"


@contextmanager
def _no_input_but_from_a_terminal() -> Generator[None]:
    """Without a terminal nobody answers: let a prompt meet the end of its input, and not wait for ever."""
    try:
        with open("/dev/tty", "rb"):
            pass
    except OSError:
        before = sys.stdin
        with open(os.devnull, encoding="utf-8") as nothing:
            sys.stdin = nothing
            try:
                yield
            finally:
                sys.stdin = before
    else:
        yield


def _of_aws(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host.endswith((".amazonaws.com", ".api.aws"))


@contextmanager
def explained() -> Generator[None]:
    """Turn whatever botocore raises into a `DeployError` that says what to do."""
    try:
        yield
    except (boto.BotoCoreError, boto.ClientError, ResponseParserError) as error:
        raise explain(error) from error


def explain(error: Exception) -> DeployError:
    """One line for an error of botocore's."""
    if isinstance(error, boto.ClientError):
        return _refusal(error)
    if isinstance(error, (ResponseParserError, LookupError)):
        return AwsError(
            "what came is no answer of AWS's: a page of some proxy?",
            "check the network, the proxy and AWS_ENDPOINT_URL",
        )
    if about := _about_settings(error):
        return about
    if isinstance(error, boto.PaginationError):
        return AwsError("AWS answered with the page before, again", "run it again")
    if isinstance(error, boto.ParamValidationError):
        words = one_line(str(error.kwargs.get("report", error)))
        return UsageError(f"AWS cannot be asked for that ({words})", "correct what was given")
    if "Invalid header value" in str(error):  # its text holds the value
        return CredentialsError(
            "the AWS credentials hold a character that cannot be sent: a line break?",
            "look at AWS_ACCESS_KEY_ID, AWS_SESSION_TOKEN and the profile, and set them anew",
        )
    if isinstance(error, (boto.HTTPClientError, boto.ConnectionError)):
        return _unreachable(error)
    if "Token" in type(error).__name__ or "SSO" in type(error).__name__:
        return CredentialsError(f"AWS credentials are not usable ({error})", _LOGIN)
    words = one_line(str(error))
    setting = " and ".join(settings.named_in(words)) or f"this shell's AWS settings, and {settings.file()}"
    return CredentialsError(f"AWS cannot be asked ({proxies.masked(words)})", f"check {setting}")


def _about_settings(error: Exception) -> DeployError | None:
    """Where botocore cannot use the user's settings."""
    if isinstance(error, boto.ProfileNotFound):
        name, path = error.kwargs.get("profile"), settings.file()
        listed = "'aws configure list-profiles' lists the ones there are" if name else "unset it, or name one"
        lost = "AWS_CONFIG_FILE" in os.environ and settings.is_missing(path)
        return CredentialsError(
            f"there is no profile {name!r}, which {settings.profile_variable()} names",
            f"AWS_CONFIG_FILE names {path}, which is no file: correct it" if lost else listed,
        )
    if isinstance(error, (boto.NoCredentialsError, boto.PartialCredentialsError)):
        missing = "are incomplete" if isinstance(error, boto.PartialCredentialsError) else "were not found"
        return CredentialsError(f"AWS credentials {missing}", _NO_CREDENTIALS)
    if isinstance(error, boto.ConfigParseError):
        words = settings.unreadable(error.kwargs["path"], error.kwargs.get("error"))
        return UsageError(words, "correct that file; its values are not shown here")
    return None


def code_of(error: BaseException | None) -> str:
    """AWS's error code, empty for an error that is not AWS's answer."""
    return error.response.get("Error", {}).get("Code", "") if isinstance(error, boto.ClientError) else ""


def message_of(error: boto.ClientError) -> str:
    """AWS's own words."""
    return error.response.get("Error", {}).get("Message") or ""  # an empty element is None


def _untimely(code: str, said: str) -> bool:
    """Whether AWS refused a request for the time at which it was signed (aws/aws-sdk-js#527, #1652)."""
    return code == "RequestTimeTooSkewed" or said.startswith(
        ("Signature expired", "Signature not yet current")
    )


def denied(error: Exception) -> bool:
    """Whether AWS refused for want of a permission."""
    return code_of(error) in _DENIED


def _refusal(error: boto.ClientError) -> DeployError:
    code, said = code_of(error), message_of(error)
    if _untimely(code, said):
        return CredentialsError(
            f"AWS refuses the time of this machine's clock ({said})", "set the clock, or let it be set"
        )
    if code in _EXPIRED:
        return CredentialsError("AWS credentials have expired", _LOGIN)
    if code in _REJECTED:
        return CredentialsError(f"AWS does not accept the credentials ({code})", _NO_CREDENTIALS)
    if code in _DENIED:
        own = (
            ""
            if "explicit deny" in said or "Mfa Auth" in said
            else "ask for that permission, or use another AWS_PROFILE"
        )
        return CredentialsError(f"no permission for {error.operation_name}: {said}", own)
    if code in _THROTTLED:
        return AwsError(
            f"AWS throttled {error.operation_name} again and again", "wait a minute, run it again"
        )
    return AwsError(f"{error.operation_name}: {said or code}")


def _unreachable(error: boto.HTTPClientError | boto.ConnectionError) -> DeployError:
    where = str(error.kwargs.get("endpoint_url") or "AWS")
    if where == "AWS" and (bad := settings.bad_endpoints()):
        return UsageError(
            f"{' and '.join(bad)} is no URL of an endpoint", "write it as http://127.0.0.1:4566"
        )
    if isinstance(error, boto.SSLError):
        words, next_step = settings.untrusted(str(error.kwargs.get("error")))
        return UnreachableError(f"{proxies.masked(where)} does not answer ({words})", next_step)
    proxy = proxies.for_url(where if where != "AWS" else "https://amazonaws.com")
    if isinstance(error, boto.ProxyConnectionError) or proxy:
        name, shown = proxy or proxies.of(str(error.kwargs.get("proxy_url", "")))
        why = _short(error)
        what = "who logs in there, and the password" if " 407 " in why else "the proxy"
        host = urlsplit(where).hostname
        around = f", or go around it: NO_PROXY={host}" if host else ", or go around it by NO_PROXY"
        return UnreachableError(
            f"{where} does not answer through the proxy {shown} ({why})",
            f"check {what}{f', which {name} names' if name else ''}{around}",
        )
    if proxies.is_loopback(where):
        next_step = "start it ('make local'), or unset AWS_ENDPOINT_URL to use AWS"
    elif variant := settings.variant_of(urlsplit(where).hostname or ""):
        next_step = (
            f"check the network; {variant} asks for such a host, which not every service has in {REGION}"
        )
    elif _of_aws(where) or where == "AWS":
        next_step = "check the network; behind a proxy set HTTPS_PROXY"
    else:
        next_step = "check the network, and the endpoint's URL"
    return UnreachableError(f"{proxies.masked(where)} does not answer ({_short(error)})", next_step)


def _short(error: Exception) -> str:
    name = type(error).__name__
    cause = getattr(error, "kwargs", {}).get("error")
    return {
        "EndpointConnectionError": "connection refused or name unknown",
        "ConnectTimeoutError": "timed out",
        "ReadTimeoutError": "timed out",
        "ConnectionClosedError": "closed the connection",
        "ProxyConnectionError": proxies.refused(str(cause)) or "the proxy cannot be reached",
    }.get(name) or proxies.masked(one_line(str(cause or name)))
