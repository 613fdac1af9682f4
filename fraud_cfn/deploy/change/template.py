"""The template as it is sent: checked, minified, inline or from S3."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from fraud_cfn.config import COMMITTED, INLINE_LIMIT, REGION, ROOT
from fraud_cfn.deploy.account.session import Session, code_of
from fraud_cfn.deploy.errors import TemplateError, UsageError
from fraud_cfn.streams import UTF8
from fraud_cfn.template import document

S3_LIMIT = 1_048_576  # bytes CloudFormation reads from S3
_NAMED = ("RoleName", "ManagedPolicyName", "PolicyName", "UserName", "GroupName", "InstanceProfileName")
_IAM = ("Role", "ManagedPolicy", "Policy", "User", "Group", "InstanceProfile", "UserToGroupAddition")


@dataclass(frozen=True)
class Template:
    """A template file, ready to send."""

    path: Path
    document: document.Document

    @cached_property
    def body(self) -> str:
        return self.document.minified()

    @property
    def size(self) -> int:
        """Bytes of UTF-8, which is what CloudFormation counts."""
        return len(self.body.encode())

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        return self.document.template.get("Parameters", {})

    @cached_property
    def capabilities(self) -> tuple[str, ...]:
        """The least that CloudFormation wants acknowledged for this template."""
        iam = [r for r in self.document.template["Resources"].values() if _is_iam(r)]
        named = any(key in r.get("Properties", {}) for r in iam for key in _NAMED if not _inline(r, key))
        least = ("CAPABILITY_NAMED_IAM",) if named else ("CAPABILITY_IAM",) if iam else ()
        return (*least, "CAPABILITY_AUTO_EXPAND") if "Transform" in self.document.template else least


def load(path: Path | None = None) -> Template:
    """Read the committed template, or another file; `TemplateError` if it is none."""
    try:
        return Template(path or COMMITTED, document.read(path or COMMITTED))
    except document.DocumentError as error:
        raise TemplateError(str(error)) from error


@contextmanager
def checking(template: Template) -> Generator[_Checks]:
    """Start the generator's stale check and the linters beside whatever comes next; `finish()` waits.

    Only the committed template is generated, so only it is checked.
    """
    checks = _Checks(_CHECKS if template.path == COMMITTED else ())
    try:
        yield checks
    finally:
        checks.stop()


_CHECKS = (
    (("generate.py", "--check"), "is not what the code generates", "run 'make template' and review the diff"),
    (
        ("-m", "fraud_cfn.template.validation", "--unless-proven"),
        "does not validate",
        "run 'make validate' to see it whole",
    ),
)


class _Checks:
    """Two commands that run while AWS is being asked."""

    def __init__(self, commands: tuple[tuple[tuple[str, ...], str, str], ...]) -> None:
        environment = {**os.environ, **UTF8, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": ""}
        self._running = [
            (
                subprocess.Popen(
                    [sys.executable, *arguments],
                    cwd=ROOT,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    encoding="utf-8",
                    errors="replace",
                    start_new_session=True,
                ),
                what,
                next_step,
            )
            for arguments, what, next_step in commands
        ]

    def finish(self) -> None:
        """Wait for both; `TemplateError` with the first finding if one failed."""
        for process, what, next_step in self._running:
            said, _ = process.communicate()
            if process.returncode:
                shown = "\n".join(f"  {line}" for line in said.strip().splitlines()[:12])
                raise TemplateError(f"{COMMITTED.relative_to(ROOT)} {what}\n{shown}".rstrip(), next_step)

    def stop(self) -> None:
        for process, _, _ in self._running:
            if process.poll() is None:
                process.kill()
            if process.stdout and not process.stdout.closed:
                process.communicate()


def source(template: Template, session: Session, bucket: str | None, stack_name: str) -> dict[str, str]:
    """The arguments that give CloudFormation the body: inline, or uploaded if it is too large for that,
    to `bucket` or to the conventional one if that exists."""
    size = template.size
    if size <= INLINE_LIMIT:
        return {"TemplateBody": template.body}
    if size > S3_LIMIT:
        raise TemplateError(
            f"{template.path.name} is {size:,} bytes minified, over CloudFormation's limit of {S3_LIMIT:,}",
            "split it into two stacks",
        )
    digest = hashlib.sha256(template.body.encode()).hexdigest()[:16]
    address = {"Bucket": bucket or conventional_bucket(session), "Key": f"{stack_name}/{digest}.json"}
    s3 = session.client("s3")
    try:
        s3.put_object(
            **address,
            Body=template.body.encode(),
            ContentType="application/json",
            ExpectedBucketOwner=session.account,
        )
    except ClientError as error:
        if bucket or code_of(error) != "NoSuchBucket":
            raise UsageError(
                f"the template cannot be put into the bucket {address['Bucket']} ({code_of(error)})",
                "name a bucket of this account and region that you may write to: --s3-bucket BUCKET",
            ) from error
        raise TemplateError(
            f"{template.path.name} is {size:,} bytes minified, and only {INLINE_LIMIT:,} go without a bucket",
            f"make one, once for the account (aws s3 mb s3://{address['Bucket']} --region {REGION}), "
            "or name another: --s3-bucket BUCKET",
        ) from error
    return {"TemplateURL": s3.generate_presigned_url("get_object", Params=address).split("?")[0]}


def conventional_bucket(session: Session) -> str:
    """Where templates go that are too large to send inline, if it exists."""
    return f"fraud-templates-{session.account}-{REGION}"


def _is_iam(resource: dict[str, Any]) -> bool:
    return resource.get("Type", "").startswith("AWS::IAM::") and resource["Type"].endswith(_IAM)


def _inline(resource: dict[str, Any], key: str) -> bool:
    """An AWS::IAM::Policy must have a name; it is no name of its own in the account."""
    return resource["Type"] == "AWS::IAM::Policy" and key == "PolicyName"
