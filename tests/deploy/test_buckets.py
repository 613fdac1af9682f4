"""Emptying a bucket, against a small S3: refusals are told by key, a key that breaks its batch goes alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.etree import ElementTree

import pytest

from fraud_cfn.deploy.account import session
from fraud_cfn.deploy.running import buckets
from fraud_cfn.deploy.terminal import clock
from fraud_cfn.deploy.terminal.console import Console
from tests.deploy.conftest import environment
from tests.deploy.fake_aws import Clock

PAGE = 3


class Bucket(BaseHTTPRequestHandler):
    """One bucket; `keys` are its versions, those that begin with `held` are under Object Lock."""

    keys: list[str]
    owners: set[str]

    def do_GET(self) -> None:
        self.note()
        asked = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        if "uploads" in asked:
            return self.reply("<ListMultipartUploadsResult/>")
        after = asked.get("key-marker", [""])[0]
        left = sorted(key for key in self.keys if key not in self.deleted and key > after)
        page = left[:PAGE]
        versions = "".join(
            f"<Version><Key>{quote(key)}</Key><VersionId>1</VersionId></Version>" for key in page
        )
        more = len(left) > PAGE
        marker = f"<NextKeyMarker>{quote(page[-1])}</NextKeyMarker>" if more else ""
        rest = f"{marker}<NextVersionIdMarker>1</NextVersionIdMarker>" if more else ""
        cut = f"<IsTruncated>{str(more).lower()}</IsTruncated>{rest}"
        head = "<EncodingType>url</EncodingType>"
        return self.reply(f"<ListVersionsResult>{head}{versions}{cut}</ListVersionsResult>")

    def do_POST(self) -> None:
        self.note()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            asked = ElementTree.fromstring(body)  # noqa: S314
        except ElementTree.ParseError:
            return self.reply("<Error><Code>MalformedXML</Code></Error>", 400)
        keys = [key.text or "" for key in asked.iter() if key.tag.endswith("Key")]
        held = "".join(
            f"<Error><Key>{key}</Key><VersionId>1</VersionId><Code>AccessDenied</Code>"
            "<Message>Access Denied because object protected by object lock.</Message></Error>"
            for key in keys
            if key.startswith("held")
        )
        self.deleted.update(key for key in keys if not key.startswith("held"))
        return self.reply(f"<DeleteResult>{held}</DeleteResult>")

    def do_DELETE(self) -> None:
        self.note()
        self.deleted.add(unquote(urlsplit(self.path).path.split("/", 2)[2]))
        self.reply("", 204)

    deleted: set[str]

    def note(self) -> None:
        self.owners.add(self.headers.get("x-amz-expected-bucket-owner", ""))

    def reply(self, text: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay quiet."""


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Bucket]]:
    handler = type("Served", (Bucket,), {"keys": [], "owners": set(), "deleted": set()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    for name, value in environment(f"http://127.0.0.1:{server.server_port}").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(clock, "sleep", Clock().sleep)
    yield handler
    server.shutdown()
    server.server_close()


def empty(monkeypatch: pytest.MonkeyPatch) -> list[buckets.Refused]:
    place = session.connect()
    monkeypatch.setattr(type(place), "account", "111122223333")
    return buckets.empty(place, "data", Console(), 60, lambda _: None)


def test_every_page_is_deleted_for_the_accounts_own_bucket(
    bucket: type[Bucket], monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.keys = [f"k{number:02}" for number in range(20)]
    assert empty(monkeypatch) == []
    assert bucket.deleted == set(bucket.keys)
    assert bucket.owners == {"111122223333"}


def test_what_s3_holds_is_told_by_key_and_the_rest_is_deleted(
    bucket: type[Bucket], monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.keys = ["a", "b", "held-1", "held-2"]
    refused = empty(monkeypatch)
    assert [one.key for one in refused] == ["held-1", "held-2"]
    assert refused[0].reason == "AccessDenied: Access Denied because object protected by object lock."
    assert bucket.deleted == {"a", "b"}


def test_a_key_that_breaks_its_batch_is_deleted_alone(
    bucket: type[Bucket], monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.keys = ["a", "b\x01c", "d"]
    assert empty(monkeypatch) == []
    assert bucket.deleted == {"a", "b\x01c", "d"}
