"""The template as it is sent: checked, as committed, inline or from S3."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from fraud_cfn.config import COMMITTED, INLINE_LIMIT, ROOT
from fraud_cfn.deploy.account.session import Session, code_of
from fraud_cfn.deploy.change import bucket
from fraud_cfn.deploy.errors import ChangeSetError, TemplateError
from fraud_cfn.deploy.terminal.console import Console
from fraud_cfn.streams import UTF8
from fraud_cfn.template import document

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

_CHECK_SECONDS = 600
_END_SECONDS = 10  # a killed process ends at once
S3_LIMIT = 1_048_576  # bytes CloudFormation reads from S3
_NAMED = ("RoleName", "ManagedPolicyName", "PolicyName", "UserName", "GroupName", "InstanceProfileName")
_IAM = ("Role", "ManagedPolicy", "Policy", "User", "Group", "InstanceProfile", "UserToGroupAddition")


@dataclass(frozen=True)
class Template:
    """A template file, ready to send."""

    path: Path
    document: document.Document

    @property
    def content(self) -> bytes:
        """As committed."""
        return self.document.text.encode()

    @property
    def size(self) -> int:
        """Bytes of UTF-8, which is what CloudFormation counts."""
        return len(self.content)

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
        what, _, todo = str(error).rpartition(": ")
        raise TemplateError(what, "name a template in --template FILE" if path else todo) from error


def if_readable() -> document.Document:
    """The committed template for hints; an empty one where it cannot be read: the working tree keeps nobody
    from destroying or rolling back."""
    try:
        return load().document
    except TemplateError:
        return document.Document("", {"Resources": {}})


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

    def finish(self, console: Console) -> None:
        """Wait for both; `TemplateError` with the first finding if one failed."""
        if any(process.poll() is None for process, _, _ in self._running):
            console.say("Linting the template; once it has passed, it is not linted again")
        for process, what, next_step in self._running:
            try:
                said, _ = process.communicate(timeout=_CHECK_SECONDS)
            except subprocess.TimeoutExpired as error:
                raise TemplateError(
                    f"{COMMITTED.relative_to(ROOT)} could not be checked in {_CHECK_SECONDS // 60} minutes",
                    "run 'make validate' to see what takes so long",
                ) from error
            if process.returncode:
                shown = "\n".join(f"  {line}" for line in said.strip().splitlines()[:12])
                raise TemplateError(f"{COMMITTED.relative_to(ROOT)} {what}\n{shown}".rstrip(), next_step)

    def stop(self) -> None:
        """End them with whatever they started, and wait for neither."""
        for process, _, _ in self._running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # each leads a group of its own
                process.wait(_END_SECONDS)
            if process.stdout:
                process.stdout.close()


def source(
    template: Template, session: Session, bucket_name: str | None, stack_name: str, consent: bucket.Consent
) -> dict[str, str]:
    """The arguments that give CloudFormation the file as it is: inline or, where it is too large for that,
    uploaded. `bucket_name` is empty where no bucket is to be used."""
    if template.size <= INLINE_LIMIT:
        return {"TemplateBody": template.document.text}
    if template.size > S3_LIMIT:
        raise TemplateError(
            f"{template.path.name} is {template.size:,} bytes, over CloudFormation's limit of {S3_LIMIT:,}",
            "split it into two stacks",
        )
    if bucket_name == "":
        raise TemplateError(
            f"{template.path.name} is {template.size:,} bytes, and only {INLINE_LIMIT:,} go without a bucket",
            "leave --no-bucket out",
        )
    return {"TemplateURL": bucket.upload(session, bucket_name, stack_name, template.content, consent)}


def must_be_what_was_sent(cloudformation: CloudFormationClient, change_set: str, text: str) -> None:
    """`ChangeSetError` unless the change set holds this very text, as far as CloudFormation reads back: it
    shows a question mark for what is not ASCII."""
    try:
        taken = cloudformation.get_template(ChangeSetName=change_set, TemplateStage="Original")
        body: Any = taken.get("TemplateBody", "")
    except ClientError as error:
        raise ChangeSetError(
            f"the template that CloudFormation took cannot be compared with the file ({code_of(error)})",
            "allow cloudformation:GetTemplate, and run it again",
        ) from error
    if not isinstance(body, str):  # botocore reads JSON
        body, text = (json.dumps(part, ensure_ascii=False) for part in (body, json.loads(text)))
    if _as_read_back(body) != _as_read_back(text):
        raise ChangeSetError(
            "CloudFormation took another template than the file: somebody replaced it on its way",
            "run it again; if it happens again, look who may write to the bucket",
        )


def _as_read_back(text: str) -> str:
    return re.sub(r"(?:[^\x00-\x7f]|\?)+", "?", text.replace("\r\n", "\n")).rstrip()


def _is_iam(resource: dict[str, Any]) -> bool:
    return resource.get("Type", "").startswith("AWS::IAM::") and resource["Type"].endswith(_IAM)


def _inline(resource: dict[str, Any], key: str) -> bool:
    """An AWS::IAM::Policy must have a name; it is no name of its own in the account."""
    return resource["Type"] == "AWS::IAM::Policy" and key == "PolicyName"
