"""Credentials, proxies, endpoints and retries as the user's own AWS settings have them, and AWS's clock."""

from __future__ import annotations

import hashlib
import hmac
import locale
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import ClassVar

import pytest
from botocore import exceptions as boto
from botocore.awsrequest import AWSPreparedRequest
from botocore.httpsession import DEFAULT_CA_BUNDLE, URLLib3Session
from urllib3.exceptions import SystemTimeWarning

from fraud_cfn.deploy.account import proxies, session
from fraud_cfn.deploy.terminal import clock
from tests.deploy.conftest import Teller
from tests.deploy.fake_aws import Aws, FaultError, change, serve, steps

pytestmark = pytest.mark.usefixtures("wire")


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes a profile `work` into ~/.aws/config, and makes it the one that is used."""

    def write(*lines: str) -> None:
        (tmp_path / "config").write_text("\n".join(["[profile work]", *lines]), encoding="utf-8")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        monkeypatch.setenv("AWS_PROFILE", "work")
        monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)

    return write


# ── Credentials ───────────────────────────────────────────────────────────────────────────────────

ROLE = "role_arn = arn:aws:iam::123456789012:role/x"


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["credential_process = sh -c 'echo nothing >&2; exit 3'"], "cannot be had"),
        (["credential_process = echo this is not JSON"], "cannot be had"),
        (["credential_process = /nowhere/at/all"], "cannot be had"),
        ([ROLE, "source_profile = nobody"], "cannot be had"),
        ([ROLE, "credential_source = Moon"], "cannot be had"),
        ([ROLE, "web_identity_token_file = /nowhere"], "cannot be had"),
        (["sso_session = s", "sso_account_id = 1", "sso_role_name = r"], "cannot be had"),
        ([ROLE, "mfa_serial = arn:aws:iam::1:mfa/x", "source_profile = work"], "work"),
    ],
)
def test_credentials_that_cannot_be_had_name_their_profile(
    profile, tell: Teller, lines: list[str], says: str
) -> None:
    profile(*lines)
    told = tell("plan dev")
    assert (told.code, told.last) == (2, "result=credentials stack=TapStackdev")
    error = next(line for line in told.text.splitlines() if line.startswith("error:"))
    assert says in error
    assert "work" in error
    assert "Traceback" not in told.text


@pytest.mark.parametrize(
    ("lines", "todo"),
    [
        (["credential_process = echo no"], "look at what its credential_process prints"),
        (["sso_session = s", "sso_account_id = 1"], "log in again (aws sso login --profile work)"),
        ([ROLE, "credential_source = Moon"], "look at it in {file}"),
    ],
)
def test_what_helps_a_profile_is_what_it_uses(
    profile, tell: Teller, tmp_path: Path, lines: list[str], todo: str
) -> None:
    profile(*lines)
    assert f"next:  {todo.format(file=tmp_path / 'config')}" in tell("plan dev").text


def test_credentials_that_let_us_wait_are_told(
    profile, tell: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_SLOW", 0.01)
    profile("credential_process = sh -c 'sleep 0.3; exit 1'")
    waiting = "waiting for the credential_process of the profile work; Ctrl-C ends this, and changes nothing"
    assert tell("plan dev").text.startswith(f"{waiting}\nerror: ")


def test_a_first_answer_that_lets_us_wait_is_told(
    deployed: Aws, tell: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_SLOW", 0.01)
    answered = threading.Event()
    deployed.answers["GetCallerIdentity"] = lambda _: answered.wait(0.3) or {"Account": "123456789012"}
    assert "waiting for an answer of http://127.0.0.1:PORT; Ctrl-C ends this" in tell("outputs dev").text


@pytest.mark.parametrize(
    ("name", "todo"),
    [("", "unset it, or name one"), ("nobody", "'aws configure list-profiles' lists the ones there are")],
)
@pytest.mark.usefixtures("aws")
def test_a_profile_that_is_not_there(
    tell: Teller, monkeypatch: pytest.MonkeyPatch, name: str, todo: str
) -> None:
    for variable in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):  # with both, botocore takes the second
        monkeypatch.setenv(variable, name)
        monkeypatch.delenv("AWS_CONFIG_FILE", raising=False)
        text = tell("plan dev").text
        assert f"error: there is no profile {name!r}, which {variable} names\nnext:  {todo}\n" in text
        monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere/config")
        assert "next:  AWS_CONFIG_FILE names /nowhere/config, which is no file" in tell("plan dev").text


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xef\xbb\xbf[default]\n", "begins with a byte order mark"),
        (b"[default]\naws_secret_access_key geheim\n", "cannot be read: line 2"),
        (b"geheim\n", "cannot be read: line 1"),
        (b"[default]\na = 1\n[default]\n", "cannot be read: line 3"),
        pytest.param(
            b"[default]\na = \xe4\n",
            "cannot be read: it is not in this locale's encoding",
            marks=pytest.mark.skipif(locale.getencoding().upper() != "UTF-8", reason="there it is a letter"),
        ),
    ],
)
@pytest.mark.parametrize("variable", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
def test_a_file_of_settings_that_cannot_be_read_says_where(
    aws: Aws,
    tell: Teller,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    variable: str,
    content: bytes,
    why: str,
) -> None:
    (tmp_path / "settings").write_bytes(content)
    monkeypatch.setenv(variable, str(tmp_path / "settings"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    told = tell("plan dev")
    assert (told.code, told.last) == (2, "result=usage stack=TapStackdev")
    assert f"error: {tmp_path / 'settings'} {why}" in told.text
    assert "geheim" not in told.text
    assert not aws.calls


def test_an_mfa_code_needs_a_terminal(
    profile, tell: Teller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    profile(ROLE, "mfa_serial = arn:aws:iam::123456789012:mfa/me", "source_profile = keys")
    with (tmp_path / "config").open("a", encoding="utf-8") as file:
        file.write("\n[profile keys]\naws_access_key_id = A\naws_secret_access_key = B\n")
    opened = open

    def no_terminal(path, *rest, **named):
        if path == "/dev/tty":
            raise OSError(6, "No such device or address")
        return opened(path, *rest, **named)

    monkeypatch.setattr("builtins.open", no_terminal)
    monkeypatch.setattr("os.open", _no_terminal(__import__("os").open))
    told = tell("plan dev")
    assert told.code == 2
    assert "error: the profile work asks for an MFA code, and there is no terminal to type it on" in told.text
    assert "aws configure export-credentials --profile work" in told.text


def _no_terminal(opened):
    def open_(path, *rest, **named):
        if path == "/dev/tty":
            raise OSError(6, "No such device or address")
        return opened(path, *rest, **named)

    return open_


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_MAX_ATTEMPTS", "many"),
        ("AWS_RETRY_MODE", "eager"),
        ("AWS_ENDPOINT_URL", "localhost"),
        ("AWS_ENDPOINT_URL_STS", "localhost:4566"),
        ("AWS_DEFAULTS_MODE", "mine"),
        ("AWS_METADATA_SERVICE_TIMEOUT", "soon"),
        ("AWS_STS_REGIONAL_ENDPOINTS", "some"),
    ],
)
def test_a_setting_that_cannot_be_parsed_is_one_line(
    tell: Teller, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    told = tell("plan dev")
    assert told.code == 2
    error = next(line for line in told.text.splitlines() if line.startswith("error:"))
    assert value in error
    assert name in told.text
    assert "should not happen" not in error


# ── Proxies ───────────────────────────────────────────────────────────────────────────────────────

PROXY = "http://me:pa/ss@127.0.0.1:9"


@pytest.fixture
def behind_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://me:secret@127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@127.0.0.1:9")


@pytest.mark.usefixtures("behind_a_proxy")
def test_a_proxy_never_stands_before_this_machine(deployed: Aws, tell: Teller) -> None:
    assert tell("outputs dev").code == 0
    assert deployed.calls


@pytest.mark.usefixtures("behind_a_proxy")
@pytest.mark.parametrize("url", ["http://aws.example:4566", "https://sts.eu-central-1.amazonaws.com"])
def test_a_dead_proxy_is_named_without_its_password(tell: Teller, url: str) -> None:
    told = tell(f"plan dev --endpoint-url {url}")
    assert told.code == 2
    assert "does not answer through the proxy http://…@127.0.0.1:9 (the proxy cannot be reached)" in told.text
    assert "check the proxy, which HTTPS_PROXY or HTTP_PROXY names, or go around it by NO_PROXY" in told.text
    assert "secret" not in told.text
    assert "make local" not in told.text


@pytest.mark.usefixtures("behind_a_proxy")
@pytest.mark.parametrize(
    "proxy",
    [
        "me:secret@127.0.0.1:9",
        "//me:secret@127.0.0.1:9",
        "socks5://me:secret@127.0.0.1:9",
        "http://me:secret@h:no",
    ],
)
def test_a_proxy_that_cannot_be_is_named_by_its_variable(
    tell: Teller, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.delenv("HTTP_PROXY")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    told = tell("plan dev")
    assert (told.code, told.last) == (2, "result=unreachable stack=TapStackdev")
    assert " through the proxy http://…@" in told.text
    assert "check the proxy, which HTTPS_PROXY names" in told.text
    assert "secret" not in told.text


@pytest.mark.parametrize(
    ("answer", "says", "todo"),
    [
        (
            "407 Proxy Authentication Required",
            "it answers 407 Proxy Authentication",
            "who logs in there, and the",
        ),
        ("403 Forbidden", "it answers 403 Forbidden", "the proxy, which"),
        ("302 Found", "it answers 302 Found", "the proxy, which"),
        ("511 Network Authentication Required", "it answers 511 Network", "the proxy, which"),
        ("200 OK", "TLS was broken off", ""),
    ],
)
@pytest.mark.usefixtures("behind_a_proxy")
def test_a_proxy_that_refuses_says_why(
    tell: Teller, monkeypatch: pytest.MonkeyPatch, answer: str, says: str, todo: str
) -> None:
    with answering(f"HTTP/1.1 {answer}\r\n\r\n") as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:secret@127.0.0.1:{port}")
        monkeypatch.setenv("AWS_CA_BUNDLE", DEFAULT_CA_BUNDLE)
        told = tell("plan dev --endpoint-url https://sts.eu-central-1.amazonaws.com")
    assert told.code == 2
    assert f"({says}" in told.text
    assert f"check {todo}" in told.text
    assert "secret" not in told.text


def test_a_network_that_wants_a_login_is_no_aws(tell: Teller) -> None:
    page = "HTTP/1.1 511 Network Authentication Required\r\nContent-Length: 12\r\n\r\n<html>Log in"
    with answering(page) as port:
        told = tell(f"plan dev --endpoint-url http://127.0.0.1:{port}")
    assert "error: what came is no answer of AWS's: a page of some proxy?" in told.text


@contextmanager
def answering(with_what: str) -> Iterator[int]:
    """A server that says the same to everybody, and closes; its port."""

    class Answer(StreamRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            self.wfile.write(with_what.encode())

    with ThreadingTCPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (PROXY, "http://…@127.0.0.1:9"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9"),
        ("at http://a:b@c and https://d@e:1/f", "at http://…@c and https://…@e:1/f"),
    ],
)
def test_a_password_in_a_url_is_masked(text: str, shown: str) -> None:
    assert proxies.masked(text) == shown


# ── Endpoints and retries ─────────────────────────────────────────────────────────────────────────


def test_each_service_may_have_an_endpoint_of_its_own(
    deployed: Aws, tell: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Aws(secrets={})
    server = serve(other)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", other.url)
    assert tell("outputs dev").code == 0
    server.shutdown()
    server.server_close()
    assert other.calls == ["GetCallerIdentity"]
    assert "GetCallerIdentity" not in deployed.calls


def test_configured_endpoints_can_be_ignored(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    assert session.connect().endpoint == aws.url
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert session.connect().endpoint == ""
    assert session.connect(endpoint=aws.url).endpoint == aws.url


@pytest.mark.usefixtures("aws")
def test_the_files_own_retry_settings_hold(profile, monkeypatch: pytest.MonkeyPatch) -> None:
    profile("retry_mode = legacy", "max_attempts = 9")
    monkeypatch.delenv("AWS_MAX_ATTEMPTS", raising=False)
    monkeypatch.delenv("AWS_RETRY_MODE", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "A")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "B")
    retries = getattr(session.connect().client("sts").meta.config, "retries")  # noqa: B009
    assert (retries["mode"], retries["total_max_attempts"]) == ("legacy", 9)
    monkeypatch.delenv("AWS_PROFILE")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    retries = getattr(session.connect().client("sts").meta.config, "retries")  # noqa: B009
    assert (retries["mode"], retries["total_max_attempts"]) == ("adaptive", 6)


# ── AWS's clock ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("minutes", [-10, 0, 10])
def test_the_time_is_awss(aws: Aws, minutes: int) -> None:
    aws.ahead = timedelta(minutes=minutes)
    place = session.connect()
    assert place.account
    assert place.now() == aws.clock.utc() + aws.ahead


@pytest.mark.parametrize(("minutes", "off"), [(-10, "10m00s fast"), (4, ""), (10, "10m00s slow")])
def test_a_clock_that_is_off_is_told_and_no_obstacle(
    deployed: Aws, tell: Teller, minutes: int, off: str
) -> None:
    deployed.ahead = timedelta(minutes=minutes)
    deployed.changes = [change("Modify", "Jobs", "AWS::SQS::Queue", Replacement="False")]
    deployed.scripts["ExecuteChangeSet"] = steps("0 UPDATE_IN_PROGRESS", "1 UPDATE_COMPLETE")
    told = tell("deploy dev --yes")
    assert (told.code, told.last) == (0, "result=updated stack=TapStackdev")
    assert re.findall(r"warning: this machine's clock is (\S+ \S+),", told.text) == ([off] if off else [])


@pytest.mark.parametrize("minutes", [-10, 10])
def test_how_long_a_resource_takes_is_told_by_awss_clock(deployed: Aws, tell: Teller, minutes: int) -> None:
    deployed.ahead = timedelta(minutes=minutes)
    deployed.changes = [change("Modify", "Jobs", "AWS::SQS::Queue", Replacement="False")]
    deployed.scripts["ExecuteChangeSet"] = steps(
        "0 UPDATE_IN_PROGRESS",
        "1 UPDATE_IN_PROGRESS Jobs AWS::SQS::Queue",
        "40 UPDATE_COMPLETE Jobs AWS::SQS::Queue",
        "41 UPDATE_COMPLETE",
    )
    told = tell("deploy dev --yes")
    assert told.code == 0
    assert re.findall(r"waiting for Jobs UPDATE (\S+)", told.text)[0] in ("30s", "31s", "32s", "33s", "34s")


def test_a_signature_that_stays_off_is_no_wrong_credentials(aws: Aws, tell: Teller) -> None:
    words = (
        "Signature expired: 20260301T115000Z is now earlier than 20260301T115500Z (20260301T120000Z - 5 min.)"
    )
    aws.faults["GetCallerIdentity"] = [FaultError("SignatureDoesNotMatch", words, 403)] * 2
    told = tell("plan dev")
    assert (told.code, told.last) == (2, "result=credentials stack=TapStackdev")
    assert f"error: AWS refuses the time of this machine's clock ({words})" in told.text
    assert "next:  set the clock, or let it be set" in told.text


class Checking(BaseHTTPRequestHandler):
    """Judges a request as AWS does: the signature is computed anew as it is documented (Signature Version 4),
    with the secret alone, and must be of the last minutes of a clock that is 26 hours ahead of ours."""

    refused: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        code = self.judged(self.headers.get("X-Amz-Content-SHA256") or hashlib.sha256(body).hexdigest())
        self.refused.append(code)
        answer = (
            f"<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>{code}</Message></Error>"
            "</ErrorResponse>"
            if code
            else "<R><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></R>"
        ).encode()
        self.send_response(403 if code else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer if self.command != "HEAD" else b"")

    do_HEAD = do_POST  # noqa: N815 - as the base class has it

    def judged(self, digest: str) -> str:
        said = dict(re.findall(r"(\w+)=([^, ]+)", self.headers["Authorization"]))
        _, *scope = said["Credential"].split("/")
        names, moment = said["SignedHeaders"].split(";"), self.headers["X-Amz-Date"]
        path, _, asked = self.path.partition("?")
        lines = [f"{name}:{self.headers[name].strip()}" for name in names]
        request = "\n".join([self.command, path, asked, *lines, "", ";".join(names), digest])
        text = "\n".join(
            ["AWS4-HMAC-SHA256", moment, "/".join(scope), hashlib.sha256(request.encode()).hexdigest()]
        )
        key = b"AWS4secret"
        for part in (*scope, text):
            key = hmac.digest(key, part.encode(), "sha256")
        signed = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if abs(signed - datetime.now(UTC) - self.ahead) > timedelta(minutes=5):
            return "Signature expired: that is now earlier than this"
        if scope[0] != moment[:8]:
            return "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP"
        return "" if key.hex() == said["Signature"] else "The signature we calculated does not match yours"

    ahead = timedelta(hours=26)

    def date_time_string(self, timestamp: float | None = None) -> str:  # noqa: ARG002
        return format_datetime(datetime.now(UTC) + self.ahead, usegmt=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay quiet."""


@pytest.mark.usefixtures("aws")
def test_what_is_signed_with_awss_time_is_a_signature_that_aws_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "utc", lambda: datetime.now(UTC))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Checking)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    place = session.connect(endpoint=f"http://127.0.0.1:{server.server_port}")
    try:
        assert place.account == "123456789012"
        place.client("s3").head_bucket(Bucket="a-bucket")
        assert place.client("sts").get_caller_identity()["Account"] == "123456789012"
    finally:
        server.shutdown()
        server.server_close()
    assert Checking.refused == ["Signature expired: that is now earlier than this", "", "", ""]


def test_a_refusal_tells_the_time_too(aws: Aws) -> None:
    aws.ahead = timedelta(hours=1)
    aws.faults["GetCallerIdentity"] = [FaultError("AccessDenied", "no", 403)]
    place = session.connect()
    with pytest.raises(Exception, match="AccessDenied"):
        _ = place.account
    assert place.now() == aws.clock.utc() + timedelta(hours=1)


# ── Settings that cannot be ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"])
def test_credentials_with_a_line_break_are_no_network_that_is_down(
    tell: Teller, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "pasted\nwith-a-break")
    told = tell("plan dev")
    assert (told.code, told.last) == (2, "result=credentials stack=TapStackdev")
    assert "a line break?" in told.text
    assert "pasted" not in told.text


@pytest.mark.parametrize("url", ["foo", "http://[::1", "http://127.0.0.1:notaport", "http://127.0.0.1:99999"])
def test_an_endpoint_that_is_no_url_is_named_by_its_variable(
    tell: Teller, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    told = tell("plan dev")
    assert (told.code, told.last) == (2, "result=usage stack=TapStackdev")
    assert "error: AWS_ENDPOINT_URL cannot be used: " in told.text


@pytest.mark.parametrize("proxy", ["", "http://127.0.0.1:9"])
def test_an_endpoint_of_another_protocol_is_named_by_its_variable(
    tell: Teller, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", "ftp://127.0.0.1/")
    told = tell("plan dev")
    assert (told.code, told.last) == (2, "result=usage stack=TapStackdev")
    assert "AWS_ENDPOINT_URL_CLOUDFORMATION is no URL of an endpoint" in told.text


@pytest.mark.parametrize("name", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", ""])
@pytest.mark.parametrize(
    ("bundle", "why"),
    [
        ("nowhere.pem", "which is not there"),
        (".", "which is not there"),
        ("empty.pem", "which holds no certificate"),
    ],
)
def test_a_bundle_of_certificates_that_cannot_be_is_named(
    aws: Aws, tell: Teller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, bundle: str, why: str
) -> None:
    (tmp_path / "empty.pem").write_text("none", encoding="utf-8")
    path, file = tmp_path / bundle, tmp_path / "config"
    if name:
        monkeypatch.setenv(name, str(path))
    else:
        file.write_text(f"[default]\nca_bundle = {path}\n", encoding="utf-8")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url.replace("http:", "https:"))
    named = name or f"ca_bundle in {file}"
    told = tell("plan dev")
    assert told.code == 2
    assert f"(its TLS certificate cannot be checked: {named} names {path}, {why})" in told.text
    assert f"next:  name a file of certificates (PEM) in {named}, or none" in told.text


@pytest.mark.parametrize(
    ("said", "words", "step"),
    [  # OpenSSL's and urllib3's words, as they came from a server with such a certificate
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate in certificate chain",
            "is not trusted",
            "AWS_CA",
        ),
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate has expired",
            "valid now, 2026-03-01 by",
            "set the clock",
        ),
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate is not yet valid",
            "2026-03-01 by this",
            "set the clock",
        ),
        (
            "CertificateError(\"hostname 'x' doesn't match either of 'y', 'z'\")",
            "is another host's",
            "browser",
        ),
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] IP address mismatch, certificate is not valid",
            "another",
            "browser",
        ),
    ],
)
@pytest.mark.parametrize("url", ["https://127.0.0.1:1/", "https://sts.eu-central-1.amazonaws.com/"])
@pytest.mark.usefixtures("aws")
def test_a_certificate_that_is_not_trusted_says_why_and_what_to_do(
    said: str, words: str, step: str, url: str
) -> None:
    told = session.explain(boto.SSLError(endpoint_url=url, error=OSError(said)))
    assert f"{url} does not answer (its TLS certificate " in told.message
    assert words in told.message
    assert step in told.next_step
    assert "make local" not in told.next_step


def test_a_year_that_cannot_be_is_no_warning_of_a_library(deployed: Aws, tell: Teller) -> None:
    assert tell("outputs dev").code == 0
    assert deployed.calls
    warnings.warn("System time is way off", SystemTimeWarning, stacklevel=1)  # every other one is an error


@pytest.mark.parametrize(
    ("variable", "host"),
    [("FIPS", "sts-fips.eu-central-1.amazonaws.com"), ("DUALSTACK", "sts.eu-central-1.api.aws")],
)
def test_a_variant_of_the_host_that_does_not_answer_is_named(
    tell: Teller, monkeypatch: pytest.MonkeyPatch, aws: Aws, variable: str, host: str
) -> None:
    monkeypatch.setenv(f"AWS_USE_{variable}_ENDPOINT", "true")
    for name in ("AWS_ENDPOINT_URL", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)

    def lost(_: URLLib3Session, request: AWSPreparedRequest) -> None:
        raise boto.EndpointConnectionError(endpoint_url=request.url)

    monkeypatch.setattr(URLLib3Session, "send", lost)
    told = tell("plan dev")
    assert (told.code, aws.calls) == (2, [])
    assert f"error: https://{host}/ does not answer" in told.text
    assert f"next:  check the network; AWS_USE_{variable}_ENDPOINT asks for such a host" in told.text


def test_a_page_that_comes_twice_is_no_fault_of_the_credentials() -> None:
    told = session.explain(boto.PaginationError(message="The same next token was received twice"))
    assert (told.result, told.message) == ("aws-refused", "AWS answered with the page before, again")


def test_an_endpoint_that_speaks_no_tls_has_no_certificate(
    aws: Aws, tell: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url.replace("http:", "https:"))
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert " does not answer (it speaks no TLS: is it http://?)" in tell("plan dev").text


@pytest.mark.usefixtures("aws")
def test_a_region_that_is_not_ours_is_one_line(tell: Teller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1 \nx")
    assert "error: AWS_REGION asks for 'eu-central-1 \\nx', but this" in tell("plan dev").text
