"""A bucket in the scripted AWS: versions, Object Lock's retention and holds, what is written meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.deploy.fake_aws import Aws, FaultError

Asked = dict[str, Any]


@dataclass
class Bucket:
    """Its versions, each of id 1; a page of a list holds `page` of them."""

    aws: Aws
    name: str
    keys: list[str] = field(default_factory=list)
    locking: bool = False  # Object Lock is on
    kept: dict[str, tuple[str, datetime]] = field(default_factory=dict)  # key → mode, until
    holds: set[str] = field(default_factory=set)
    page: int = 2
    deleted: list[str] = field(default_factory=list)
    on_delete: Callable[[], None] = lambda: None

    def install(self) -> Bucket:
        for name in (
            "GetObjectLockConfiguration",
            "GetObjectRetention",
            "GetObjectLegalHold",
            "ListObjectVersions",
            "ListMultipartUploads",
            "DeleteObjects",
            "HeadBucket",
        ):
            self.aws.answers[name] = getattr(self, name)
        return self

    def gone(self) -> bool:
        return self.aws.current() == "DELETE_COMPLETE"

    def GetObjectLockConfiguration(self, _: Asked) -> str:  # noqa: N802 - S3's own names
        if not self.locking:
            raise FaultError(
                "ObjectLockConfigurationNotFoundError",
                "Object Lock configuration does not exist for this bucket",
                404,
            )
        enabled = "<ObjectLockEnabled>Enabled</ObjectLockEnabled>"
        return f"<ObjectLockConfiguration>{enabled}</ObjectLockConfiguration>"

    def _locks(self, asked: Asked, known: Any) -> None:
        if asked["Key"] not in known:
            raise FaultError(
                "NoSuchObjectLockConfiguration",
                "The specified object does not have a ObjectLock configuration",
                404,
            )

    def GetObjectRetention(self, asked: Asked) -> str:  # noqa: N802
        self._locks(asked, self.kept)
        mode, until = self.kept[asked["Key"]]
        end = f"<RetainUntilDate>{until:%Y-%m-%dT%H:%M:%SZ}</RetainUntilDate>"
        return f"<Retention><Mode>{mode}</Mode>{end}</Retention>"

    def GetObjectLegalHold(self, asked: Asked) -> str:  # noqa: N802
        self._locks(asked, self.holds)
        return "<LegalHold><Status>ON</Status></LegalHold>"

    def ListObjectVersions(self, asked: Asked) -> str:  # noqa: N802
        if asked["Bucket"] != self.name or self.gone():
            raise FaultError("NoSuchBucket", "The specified bucket does not exist", 404)
        after = asked.get("key-marker", "")
        rest = [key for key in sorted(self.keys) if key > after]
        shown, more = rest[: self.page], len(rest) > self.page
        versions = "".join(
            f"<Version><Key>{quote(key)}</Key><VersionId>1</VersionId></Version>" for key in shown
        )
        marker = f"<NextKeyMarker>{quote(shown[-1])}</NextKeyMarker>" if more else ""
        marker += "<NextVersionIdMarker>1</NextVersionIdMarker>" if more else ""
        head = f"<EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>"
        return f"<ListVersionsResult>{head}{marker}{versions}</ListVersionsResult>"

    def ListMultipartUploads(self, _: Asked) -> str:  # noqa: N802
        return "<ListMultipartUploadsResult/>"

    def DeleteObjects(self, asked: Asked) -> str:  # noqa: N802
        tree = ElementTree.fromstring(asked["Body"])  # noqa: S314
        keys = [one.text or "" for one in tree.iter() if one.tag.endswith("Key")]
        held = [key for key in keys if key in self.kept or key in self.holds]
        gone = [key for key in keys if key not in held]
        self.deleted += gone
        self.keys = [key for key in self.keys if key not in gone]
        self.on_delete()
        told = "".join(
            f"<Error><Key>{escape(key)}</Key><VersionId>1</VersionId><Code>AccessDenied</Code>"
            "<Message>Access Denied because object protected by object lock.</Message></Error>"
            for key in held
        )
        return f"<DeleteResult>{told}</DeleteResult>"

    def HeadBucket(self, _: Asked) -> str:  # noqa: N802
        if self.gone():
            raise FaultError("404", "Not Found", 404)
        return ""
