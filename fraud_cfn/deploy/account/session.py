"""Where a command deploys to, and what to say when AWS cannot be asked."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import boto3
from botocore import exceptions as boto
from botocore.config import Config
from botocore.parsers import ResponseParserError

from fraud_cfn.config import REGION
from fraud_cfn.deploy.account.clients import Clients
from fraud_cfn.deploy.errors import AwsError, CredentialsError, DeployError, UnreachableError, UsageError

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_REJECTED = {
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "OptInRequired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"}
_THROTTLED = {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"}
_LOGIN = "log in again ('aws sso login' or 'aws login'), or name another profile in AWS_PROFILE"
_NO_CREDENTIALS = "set AWS_PROFILE, or run 'aws configure'; to try it without an account: make demo"


@dataclass(frozen=True)
class Session(Clients):
    """Clients for one region and, if given, one endpoint; a client is made when first asked for."""

    boto: boto3.Session
    endpoint: str | None
    _clients: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def _make(self, service: str) -> Any:
        if service not in self._clients:
            make = cast("Any", self.boto).client  # its overloads want one service each
            self._clients[service] = make(service, endpoint_url=self.endpoint, config=_config())
        return self._clients[service]

    @cached_property
    def account(self) -> str:
        """The twelve digits of the caller's account; asking proves the credentials."""
        return self.client("sts").get_caller_identity()["Account"]


def connect(region: str | None = None, endpoint: str | None = None) -> Session:
    """A session in eu-central-1; `UsageError` if another region was asked for."""
    asked = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or REGION
    if asked != REGION:
        source = (
            "--region" if region else "AWS_REGION" if os.environ.get("AWS_REGION") else "AWS_DEFAULT_REGION"
        )
        raise UsageError(
            f"{source} asks for {asked}, but this platform is built for {REGION} only",
            f"leave it out, or set it to {REGION}",
        )
    url = endpoint or os.environ.get("AWS_ENDPOINT_URL") or None
    if url and not url.startswith(("http://", "https://")):
        raise UsageError(f"the endpoint {url!r} is not a URL", "write it as http://127.0.0.1:4566")
    return Session(boto3.Session(region_name=REGION), url)


def _config() -> Config:
    """Adaptive retries unless the user's own AWS settings say otherwise."""
    attempts = int(os.environ.get("AWS_MAX_ATTEMPTS", "6"))
    mode = os.environ.get("AWS_RETRY_MODE", "adaptive")
    return Config(
        retries={"mode": mode, "total_max_attempts": attempts},  # pyright: ignore[reportArgumentType]
        connect_timeout=5,
        read_timeout=30,
        user_agent_extra="fraud-cfn",
    )


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
    if isinstance(error, boto.ProfileNotFound):
        return CredentialsError(f"{error}", "'aws configure list-profiles' lists the ones there are")
    if isinstance(error, (boto.NoCredentialsError, boto.PartialCredentialsError)):
        missing = "are incomplete" if isinstance(error, boto.PartialCredentialsError) else "were not found"
        return CredentialsError(f"AWS credentials {missing}", _NO_CREDENTIALS)
    if isinstance(error, (boto.HTTPClientError, boto.ConnectionError)):
        where = error.kwargs.get("endpoint_url") or "AWS"
        return UnreachableError(f"{where} does not answer ({_short(error)})", _reach(str(where)))
    if "Token" in type(error).__name__ or "SSO" in type(error).__name__:
        return CredentialsError(f"AWS credentials are not usable ({error})", _LOGIN)
    return CredentialsError(
        f"AWS cannot be asked ({' '.join(str(error).split())})", "check the AWS configuration of this shell"
    )


def code_of(error: Exception) -> str:
    """AWS's error code, empty for an error that is not AWS's answer."""
    return error.response.get("Error", {}).get("Code", "") if isinstance(error, boto.ClientError) else ""


def message_of(error: boto.ClientError) -> str:
    """AWS's own words."""
    return error.response.get("Error", {}).get("Message", "")


def denied(error: Exception) -> bool:
    """Whether AWS refused for want of a permission."""
    return code_of(error) in _DENIED


def _refusal(error: boto.ClientError) -> DeployError:
    code, said = code_of(error), message_of(error)
    if code in _EXPIRED:
        return CredentialsError("AWS credentials have expired", _LOGIN)
    if code in _REJECTED:
        return CredentialsError(f"AWS does not accept the credentials ({code})", _NO_CREDENTIALS)
    if code in _DENIED:
        return CredentialsError(
            f"no permission for {error.operation_name}: {said}",
            "ask for that permission, or use another AWS_PROFILE",
        )
    if code in _THROTTLED:
        return AwsError(
            f"AWS throttled {error.operation_name} again and again", "wait a minute, run it again"
        )
    return AwsError(f"{error.operation_name}: {said or code}")


def _reach(where: str) -> str:
    if "amazonaws.com" in where:
        return "check the network, the proxy and AWS_ENDPOINT_URL"
    return "start it ('make local'), or unset AWS_ENDPOINT_URL to use AWS"


def _short(error: Exception) -> str:
    name = type(error).__name__
    return {
        "EndpointConnectionError": "connection refused or name unknown",
        "ConnectTimeoutError": "timed out",
        "ReadTimeoutError": "timed out",
        "ConnectionClosedError": "closed the connection",
        "SSLError": "its TLS certificate is not trusted; AWS_CA_BUNDLE names one to trust",
    }.get(name, name)
