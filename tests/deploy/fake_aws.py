"""A scripted AWS on 127.0.0.1 that plays stories no real endpoint plays on request.

It speaks the services' own protocols by botocore's models, so what is tested is the command with
the real boto3 under it. A story sets the state, the script of the next operation and the faults.
"""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

import botocore.session
from botocore import xform_name
from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.exceptions import ConnectionClosedError, UnknownServiceError
from botocore.httpsession import URLLib3Session

from fraud_cfn.deploy.terminal import interrupts
from fraud_cfn.template.document import parse

ACCOUNT = "123456789012"
BEGIN = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
LONG_AGO = datetime(2026, 2, 1, 12, 0, 0, tzinfo=UTC)
_MODELS = botocore.session.get_session()


class FaultError(Exception):
    """Answered as an error of AWS's."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(code)
        self.code, self.message, self.status = code, message, status


class ProxyPageError(Exception):
    """Answered with some proxy's page instead of AWS's answer."""


class LostConnectionError(Exception):
    """Not answered: the connection closes; `done` tells whether the call arrived all the same."""


@dataclass
class Clock:
    """Seconds since the story began; only waiting lets them pass."""

    seconds: float = 0

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def utc(self) -> datetime:
        return BEGIN + timedelta(seconds=self.seconds)


@dataclass
class Step:
    """One event of a scripted operation, `at` seconds after it began; no `id` means the stack's own."""

    at: float
    status: str
    id: str = ""
    type: str = ""
    reason: str = ""


def steps(*lines: str) -> list[Step]:
    """From `"12 UPDATE_FAILED ApiService AWS::ECS::Service the reason"`, or `"12 UPDATE_COMPLETE"`."""
    found = []
    for line in lines:
        at, status, *rest = line.split(" ", 4)
        found.append(Step(float(at), status, *rest))
    return found


def change(action: str, logical_id: str, kind: str, *details: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One member of DescribeChangeSet's `Changes`."""
    resource = {"Action": action, "LogicalResourceId": logical_id, "ResourceType": kind, **more}
    return {"Type": "Resource", "ResourceChange": {**resource, "Details": list(details)}}


def detail(
    name: str, before: str = "", after: str = "", recreates: str = "Never", cause: str = ""
) -> dict[str, Any]:
    """One member of a change's `Details`."""
    target = {"Attribute": "Properties", "Name": name, "RequiresRecreation": recreates}
    values = {"BeforeValue": before, "AfterValue": after, "Path": f"/Properties/{name}"} if after else {}
    return {"Target": target | values} | ({"CausingEntity": cause} if cause else {})


@dataclass
class Aws:
    """The account: one stack at most, its change sets, its events, two secrets."""

    clock: Clock = field(default_factory=Clock)
    url: str = ""
    calls: list[str] = field(default_factory=list)
    undeclared: list[str] = field(default_factory=list)  # changes of which Ctrl-C would say: nothing changed
    faults: dict[str, list[Exception]] = field(default_factory=dict)  # operation → raised one by one
    status: str | None = None
    incarnation: int = 1  # a stack that is created anew has another ARN
    parameters: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=lambda: {"LoadBalancerUrl": "http://lb.example"})
    tags: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)  # of the deployed template
    template: str = "Resources: {}"  # the deployed one
    protected: bool = False
    created: datetime = BEGIN
    updated: datetime | None = None
    changes: list[dict[str, Any]] = field(default_factory=list)
    unvalued: set[str] = field(default_factory=set)  # left out of the listing with property values
    reason: str = ""  # of the next change set; with one it has FAILED
    validation: list[dict[str, Any]] = field(default_factory=list)  # DescribeEvents of the change set
    preparing: float = 0  # seconds the next change set needs
    scripts: dict[str, list[Step]] = field(default_factory=dict)  # operation → what it does
    events: list[dict[str, Any]] = field(default_factory=list)
    change_sets: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    kms_keys: dict[str, str] = field(default_factory=dict)
    endings: dict[str, str] = field(default_factory=dict)  # of secrets' ARNs
    versions: dict[str, str] = field(default_factory=dict)  # secret → its current version
    old_versions: tuple[str, ...] = ()  # that can still be read
    written: dict[str, datetime] = field(default_factory=dict)  # secret → when its current version was
    resources: list[dict[str, Any]] = field(default_factory=list)
    weights: tuple[int, int] = (100, 0)
    answers: dict[str, Callable[[dict[str, Any]], Any]] = field(default_factory=dict)
    page: int = 100  # events a page
    pages: bool = True  # every list comes in pages: an item, another one, the rest
    buckets: dict[str, dict[str, bytes]] = field(
        default_factory=lambda: {f"fraud-templates-{ACCOUNT}-eu-central-1": {}, "ours": {}}
    )
    regions: dict[str, str] = field(default_factory=dict)  # of a bucket that is elsewhere
    settings: dict[str, tuple[str, str]] = field(default_factory=dict)  # of a bucket: expected owner, body
    ahead: timedelta = timedelta(0)  # how far AWS's clock is ahead of ours
    unowned: list[str] = field(default_factory=list)  # calls on a bucket that do not say whose it must be

    # ── State ────────────────────────────────────────────────────────────────────────────────────

    @property
    def arn(self) -> str:
        return f"arn:aws:cloudformation:eu-central-1:{ACCOUNT}:stack/TapStackdev/{self.incarnation}"

    @property
    def now(self) -> float:
        return self.clock.now()

    def play(self, operation: str, token: str = "") -> None:
        """Put the operation's script on the timeline."""
        for number, step in enumerate(self.scripts.get(operation, [])):
            self.events.append(
                {
                    "at": self.now + step.at,
                    "EventId": f"{operation}-{self.incarnation}-{len(self.events)}-{number}",
                    "StackId": self.arn,
                    "StackName": "TapStackdev",
                    "LogicalResourceId": step.id or "TapStackdev",
                    "PhysicalResourceId": f"physical-{step.id}" if step.id else self.arn,
                    "ResourceType": step.type or "AWS::CloudFormation::Stack",
                    "ResourceStatus": step.status,
                    "ResourceStatusReason": step.reason,
                    "Timestamp": self.clock.utc() + self.ahead + timedelta(seconds=step.at),
                    "ClientRequestToken": token,
                }
            )

    def current(self) -> str | None:
        """The stack's status at this moment."""
        own = [e for e in self.happened() if e["PhysicalResourceId"] == self.arn]
        if own:
            self.status = own[0]["ResourceStatus"]
        return self.status

    def happened(self) -> list[dict[str, Any]]:
        """Newest first."""
        past = [e for e in self.events if e["at"] <= self.now]
        return sorted(past, key=lambda e: e["at"])[::-1]

    # ── Answers ──────────────────────────────────────────────────────────────────────────────────

    def answer(self, operation: str, asked: dict[str, Any]) -> Any:
        self.calls.append(operation)
        late: Exception | None = None
        if waiting := self.faults.get(operation):
            fault = waiting.pop(0)
            if not (isinstance(fault, LostConnectionError) and fault.args == ("done",)):
                raise fault
            late = fault
        if operation in self.answers:
            answer = self.answers[operation](asked)
        else:
            answer = getattr(self, f"_{xform_name(operation)}")(asked)
        if late:
            raise late
        return answer

    def _get_caller_identity(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/dev", "UserId": "U"}

    def _describe_stacks(self, asked: dict[str, Any]) -> dict[str, Any]:
        status = self.current()
        gone = status == "DELETE_COMPLETE" and asked["StackName"] == "TapStackdev"
        if status is None or gone or asked["StackName"] not in ("TapStackdev", self.arn):
            raise FaultError("ValidationError", f"Stack with id {asked['StackName']} does not exist")
        stack = {
            "StackName": "TapStackdev",
            "StackId": self.arn,
            "StackStatus": status,
            "CreationTime": self.created,
            **({"LastUpdatedTime": self.updated} if self.updated else {}),
            "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in self.parameters.items()],
            "Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in self.outputs.items()],
            "Tags": [{"Key": k, "Value": v} for k, v in self.tags.items()],
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
            "EnableTerminationProtection": self.protected,
        }
        return {"Stacks": [stack]}

    def _get_template_summary(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"Parameters": [{"ParameterKey": k, "DefaultValue": v} for k, v in self.defaults.items()]}

    def _get_template(self, asked: dict[str, Any]) -> dict[str, Any]:
        of_change_set = "ChangeSetName" in asked
        return {"TemplateBody": self._find(asked)["template"] if of_change_set else self.template}

    def _create_change_set(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["ChangeSetName"]
        if asked["ChangeSetType"] == "CREATE":
            if self.current() not in (None, "DELETE_COMPLETE", "REVIEW_IN_PROGRESS"):
                raise FaultError("AlreadyExistsException", "Stack [TapStackdev] already exists")
            if self.status == "DELETE_COMPLETE":
                self.incarnation += 1
            self.status, self.events = "REVIEW_IN_PROGRESS", []
        if any(one["ChangeSetName"] == name for one in self.change_sets.values()):
            raise FaultError("AlreadyExistsException", f"ChangeSet [{name}] already exists")
        arn = f"arn:aws:cloudformation:eu-central-1:{ACCOUNT}:changeSet/{name}/1"
        values = {
            one["ParameterKey"]: one.get("ParameterValue", self.parameters.get(one["ParameterKey"], ""))
            for one in asked.get("Parameters", [])
        }
        text = self._template(asked)
        declared = parse(text).template.get("Parameters", {}) if text else {}
        defaults = {name: str(one["Default"]) for name, one in declared.items() if "Default" in one}
        self.change_sets[arn] = {
            "ChangeSetId": arn,
            "ChangeSetName": name,
            "StackId": self.arn,
            "StackName": "TapStackdev",
            "ready": self.now + self.preparing,
            "reason": self.reason,
            "ExecutionStatus": "UNAVAILABLE" if self.reason else "AVAILABLE",
            "values": {**defaults, **values},
            "Tags": asked.get("Tags", []),
            "type": asked["ChangeSetType"],
            "changes": self.changes,
            "template": text,
        }
        return {"Id": arn, "StackId": self.arn}

    def _template(self, asked: dict[str, Any]) -> str:
        """What CloudFormation reads: the body, or the object behind the URL."""
        if "TemplateURL" not in asked:
            return asked.get("TemplateBody", "")
        bucket, key = urlsplit(asked["TemplateURL"]).path.lstrip("/").split("/", 1)
        return self.buckets[bucket][key].decode()

    def _find(self, asked: dict[str, Any]) -> dict[str, Any]:
        for arn, one in self.change_sets.items():
            if asked["ChangeSetName"] in (arn, one["ChangeSetName"]):
                return one
        raise FaultError("ChangeSetNotFound", f"ChangeSet [{asked['ChangeSetName']}] does not exist", 404)

    def _describe_change_set(self, asked: dict[str, Any]) -> dict[str, Any]:
        one = self._find(asked)
        ready = one["ready"] <= self.now
        failed = ready and one["reason"]
        valued = asked.get("IncludePropertyValues") == "true"
        left_out = self.unvalued if valued else set()
        changes = [c for c in one["changes"] if c["ResourceChange"]["LogicalResourceId"] not in left_out]
        return {
            **{key: one[key] for key in ("ChangeSetId", "ChangeSetName", "StackId", "StackName", "Tags")},
            "Status": "FAILED" if failed else "CREATE_COMPLETE" if ready else "CREATE_IN_PROGRESS",
            "StatusReason": one["reason"],
            "ExecutionStatus": one["ExecutionStatus"],
            "Changes": changes if ready and not failed else [],
            "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in one["values"].items()],
        }

    def _describe_events(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"OperationEvents": self.validation}

    def _delete_change_set(self, asked: dict[str, Any]) -> dict[str, Any]:
        one = self._find(asked)
        if one["ready"] > self.now:
            raise FaultError("InvalidChangeSetStatus", "cannot be deleted in CREATE_IN_PROGRESS")
        del self.change_sets[one["ChangeSetId"]]
        return {}

    def _list_change_sets(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"Summaries": [{"ChangeSetName": one["ChangeSetName"]} for one in self.change_sets.values()]}

    def _execute_change_set(self, asked: dict[str, Any]) -> dict[str, Any]:
        one = self._find(asked)
        if one["ExecutionStatus"] != "AVAILABLE":
            raise FaultError("InvalidChangeSetStatus", f"is in {one['ExecutionStatus']} status")
        one["ExecutionStatus"] = "EXECUTE_IN_PROGRESS"
        self.parameters = one["values"]
        self.play("ExecuteChangeSet", asked["ClientRequestToken"])
        return {}

    def _describe_stack_events(self, asked: dict[str, Any]) -> dict[str, Any]:
        begin = int(asked.get("NextToken", 0))
        found = [{k: v for k, v in e.items() if k != "at"} for e in self.happened()]
        more = {"NextToken": str(begin + self.page)} if begin + self.page < len(found) else {}
        return {"StackEvents": found[begin : begin + self.page], **more}

    def _list_stack_resources(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"StackResourceSummaries": [{"LastUpdatedTimestamp": BEGIN, **one} for one in self.resources]}

    def _delete_stack(self, asked: dict[str, Any]) -> dict[str, Any]:
        if self.current() == "REVIEW_IN_PROGRESS":
            self.status = None
        self.play("DeleteStack", asked.get("ClientRequestToken", ""))
        return {}

    def _rollback_stack(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.play("RollbackStack", asked["ClientRequestToken"])
        return {"StackId": self.arn}

    def _continue_update_rollback(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.play("ContinueUpdateRollback", asked["ClientRequestToken"])
        return {}

    def _cancel_update_stack(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.play("CancelUpdateStack", asked["ClientRequestToken"])
        return {}

    def _describe_secret(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = self._secret(asked)
        key = {"KmsKeyId": self.kms_keys[name]} if name in self.kms_keys else {}
        versions = {self.versions[name]: ["AWSCURRENT"]} if name in self.versions else {}
        return {"ARN": self.secret_arn(name), "Name": name, **key, "VersionIdsToStages": versions}

    def _get_secret_value(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = self._secret(asked)
        if "VersionId" in asked and asked["VersionId"] not in (self.versions.get(name), *self.old_versions):
            raise FaultError(
                "ResourceNotFoundException",
                "Secrets Manager can't find the specified secret value for VersionId: " + asked["VersionId"],
            )
        return {"SecretString": self.secrets[name], "CreatedDate": self.written.get(name, LONG_AGO)}

    def secret_arn(self, name: str) -> str:
        ending = self.endings.get(name, "AbCdEf")
        return f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:{name}-{ending}"

    def _secret(self, asked: dict[str, Any]) -> str:
        """The name of the secret that is asked for by name or ARN."""
        for name in self.secrets:
            if asked["SecretId"] in (name, self.secret_arn(name)):
                return name
        raise FaultError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")

    def _describe_rules(self, _: dict[str, Any]) -> dict[str, Any]:
        groups = [
            {"TargetGroupArn": f"{colour}Arn", "Weight": weight}
            for colour, weight in zip(("Blue", "Green"), self.weights, strict=True)
        ]
        return {"Rules": [{"Actions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]}]}

    # ── S3: each operation's arguments are its path and query ──

    def _create_bucket(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.buckets[asked["Bucket"]] = {}
        return {}

    def _delete_bucket(self, asked: dict[str, Any]) -> dict[str, Any]:
        del self.buckets[asked["Bucket"]]
        return {}

    def _head_bucket(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["Bucket"] not in self.buckets:
            raise FaultError("404", "Not Found", 404)
        return {}

    def _put_object(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["Bucket"] not in self.buckets:
            raise FaultError("NoSuchBucket", "The specified bucket does not exist", 404)
        self.buckets[asked["Bucket"]][asked["Key"]] = asked["Body"]
        return {}


# ── The wire ──────────────────────────────────────────────────────────────────────────────────────


class Handler(BaseHTTPRequestHandler):
    """One request; `aws` is set on a subclass."""

    aws: Aws
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer: two would each wait for the other's acknowledgement

    @property
    def service(self) -> str:
        """As boto3 calls it; the request is signed for it."""
        signed = self.headers["Authorization"].split("/")[3]
        return signed.replace("elasticloadbalancing", "elbv2")

    def on_time(self) -> None:
        """Refuse what was signed five minutes off AWS's clock, in its words (JuliaCloud/AWSCore.jl#73,
        aws/aws-sdk-js#1652); S3 in its own (aws/aws-sdk-php#612)."""
        form = "%Y%m%dT%H%M%SZ"
        signed = datetime.strptime(self.headers["X-Amz-Date"], form).replace(tzinfo=UTC)
        now = datetime.now(UTC) + self.aws.ahead
        if abs(signed - now) < _SKEW:
            return
        if self.service == "s3":
            words = "The difference between the request time and the current time is too large."
            raise FaultError("RequestTimeTooSkewed", words, 403)
        early = signed < now
        edge = f"{now - _SKEW if early else now + _SKEW:{form}} ({now:{form}} {'-' if early else '+'} 5 min.)"
        words = (
            "expired: {} is now earlier than {}" if early else "not yet current: {} is still later than {}"
        )
        in_json = "X-Amz-Target" in self.headers
        code = "InvalidSignatureException" if in_json else "SignatureDoesNotMatch"
        raise FaultError(code, f"Signature {words.format(f'{signed:{form}}', edge)}", 400 if in_json else 403)

    def do_POST(self) -> None:
        if self.service == "s3":
            return self._s3("Post")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        service = self.service
        target = self.headers.get("X-Amz-Target", "")
        if target:
            operation, asked = target.split(".")[-1], json.loads(body or b"{}")
        else:
            asked = _nested(dict(parse_qsl(body.decode(), keep_blank_values=True)))
            operation = asked.pop("Action", "PutObject")
        try:
            self.on_time()
            with _LOCK:
                answer = paged(self.aws, service, operation, asked)
        except LostConnectionError:
            self.close_connection = True
        except ProxyPageError as page:
            self._send(200, str(page).encode())
        except FaultError as fault:
            self._send(fault.status, _fault(fault, in_json=bool(target)))
        else:
            self._send(200, _answer(service, operation, answer, in_json=bool(target)))
        return None

    def do_GET(self) -> None:
        if self.service == "s3":
            return self._s3("Get")
        return self._scheduler("Get")

    def do_HEAD(self) -> None:
        self._s3("Head")

    def do_PUT(self) -> None:
        if self.service == "s3":
            return self._s3("Put")
        return self._scheduler("Update")

    def do_DELETE(self) -> None:
        self._s3("Delete")

    def _scheduler(self, verb: str) -> None:
        """EventBridge Scheduler's schedules and groups; what is sent is JSON, but for the name."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind, _, name = urlsplit(self.path).path.strip("/").partition("/")
        operation = verb + {"schedules": "Schedule", "schedule-groups": "ScheduleGroup"}[kind]
        try:
            self.on_time()
            answer = self.aws.answer(operation, {"Name": name, **json.loads(body or b"{}")})
        except LostConnectionError:
            self.close_connection = True
        except ProxyPageError as page:
            self._send(200, str(page).encode())
        except FaultError as fault:
            self._send(fault.status, _fault(fault, in_json=True))
        else:
            self._send(200, json.dumps(answer, default=str).encode())

    def _s3(self, verb: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        bucket, _, key = unquote(url.path).lstrip("/").partition("/")
        asked = {"Bucket": bucket, "Key": key, "Body": body}
        asked["ExpectedBucketOwner"] = self.headers.get("x-amz-expected-bucket-owner", "")
        asked |= dict(parse_qsl(url.query))
        setting = _SETTINGS.get(url.query.partition("=")[0])
        whole = {"Put": "CreateBucket", "Delete": "DeleteBucket", "Head": "HeadBucket"}.get(verb, "")
        operation = f"{verb}{setting}" if setting else f"{verb}Object" if key else whole
        words = url.query.replace("=", "&").split("&")
        operation = next((_OF_BUCKETS[word] for word in words if word in _OF_BUCKETS), operation)
        if asked["ExpectedBucketOwner"] != ACCOUNT and operation != "CreateBucket":
            self.aws.unowned.append(operation)
        region = {"x-amz-bucket-region": self.aws.regions.get(bucket, "eu-central-1")}
        try:
            self.on_time()
            with _LOCK:
                if setting:
                    self.aws.settings[operation] = (asked["ExpectedBucketOwner"], body.decode())
                    self.aws.answers.setdefault(operation, lambda _: {})
                answer = self.aws.answer(operation, asked)
        except FaultError as fault:
            error = f"<Error><Code>{fault.code}</Code><Message>{fault.message}</Message></Error>"
            self._send(fault.status, b"" if verb == "Head" else error.encode(), region)
        else:
            self._send(200, answer.encode() if isinstance(answer, str) else b"", region)

    def handle_expect_100(self) -> bool:
        answered = super().handle_expect_100()
        self.wfile.flush()  # botocore waits a second for it
        return answered

    def _send(self, status: int, content: bytes, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        self.wfile.flush()

    def date_time_string(self, timestamp: float | None = None) -> str:  # noqa: ARG002 - the story's time
        return format_datetime(self.aws.clock.utc() + self.aws.ahead, usegmt=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay quiet."""


_SKEW = timedelta(minutes=5)  # between our clock and AWS's, that a signature may have


# What changes nothing, or is taken back by the command itself.
_HARMLESS = (
    "Describe",
    "Get",
    "BatchGet",
    "List",
    "Head",
    "Filter",
    "CreateChangeSet",
    "DeleteChangeSet",
    "PutObject",
)


class Direct(Handler):
    """A request of this process itself, answered without sockets."""

    def __init__(self, aws: Aws, request: AWSPreparedRequest) -> None:
        body: Any = request.body or b""
        self.aws, self.command, self.path = aws, request.method, request.url.removeprefix(aws.url)
        self.headers: Any = HeadersDict({name: _text(value) for name, value in request.headers.items()})
        self.rfile = (
            body if hasattr(body, "read") else BytesIO(body.encode() if isinstance(body, str) else body)
        )
        self.close_connection = False
        before = len(aws.calls)
        getattr(self, f"do_{self.command}")()
        held_back = signal.getsignal(signal.SIGINT) not in (signal.default_int_handler, interrupts._raise)
        if not held_back and not interrupts.declared().changed:
            aws.undeclared += [one for one in aws.calls[before:] if not one.startswith(_HARMLESS)]
        if self.close_connection:
            raise ConnectionClosedError(endpoint_url=request.url, request=request, error="closed")

    def _send(self, status: int, content: bytes, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        self.status, self.content = status, content
        length = str(len(content))
        self.answered: Any = {**headers, "Date": self.date_time_string(), "Content-Length": length}


def direct(aws: Aws) -> Callable[[URLLib3Session, AWSPreparedRequest], AWSResponse]:
    """In the place of botocore's `send`: what goes to `aws` reaches it at once, past sockets and proxies."""
    really = URLLib3Session.send

    def send(session: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
        if not request.url.startswith(f"{aws.url}/"):
            return really(session, request)
        answer = Direct(aws, request)
        return AWSResponse(request.url, answer.status, answer.answered, Raw(answer.content))

    return send


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


class Raw(BytesIO):
    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


_LOCK = threading.Lock()
_PAGE = "page-"  # what a token of ours begins with


def paged(aws: Aws, service: str, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
    """The answer, a list of several cut to one item, then another one, then the rest, where AWS pages it too;
    in `calls` it stands once."""
    token, more, key = _paging(service, operation)
    number = 0
    if token and str(asked.get(token, "")).startswith(_PAGE):
        number = int(asked.pop(token).removeprefix(_PAGE))
    answer = aws.answer(operation, asked)
    if number:
        aws.calls.pop()
    if not aws.pages or not token or more in answer or len(answer.get(key, ())) < 2:
        return answer
    end = number + 1 if number < 2 else len(answer[key])
    rest: dict[str, Any] = {more: f"{_PAGE}{end}"} if end < len(answer[key]) else {}
    if operation in _TRUNCATED:
        rest["IsTruncated"] = bool(rest)
    return {**answer, key: answer[key][number:end], **rest}


_TRUNCATED = ("ListRoles",)


@cache
def _paging(service: str, operation: str) -> tuple[str, str, str]:
    """Names of the token that is sent, of the one that comes, and of the list; empty where nothing pages."""
    try:
        paginator = _MODELS.get_paginator_model(service).get_paginator(operation)
    except (ValueError, UnknownServiceError):
        return "", "", ""
    parts = (paginator["input_token"], paginator["output_token"], paginator["result_key"])
    sent, came, key = (part[0] if isinstance(part, list) else part for part in parts)
    return sent, came.split(" ")[0], key


_OF_BUCKETS = {
    "delete": "DeleteObjects",
    "legal-hold": "GetObjectLegalHold",
    "location": "GetBucketLocation",
    "object-lock": "GetObjectLockConfiguration",
    "retention": "GetObjectRetention",
    "uploads": "ListMultipartUploads",
    "versions": "ListObjectVersions",
}
_SETTINGS = {
    "publicAccessBlock": "PublicAccessBlock",
    "encryption": "BucketEncryption",
    "versioning": "BucketVersioning",
    "policy": "BucketPolicy",
    "lifecycle": "BucketLifecycleConfiguration",
}


def serve(aws: Aws) -> ThreadingHTTPServer:
    """Serve it on a free port in a thread; the caller shuts it down."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Served", (Handler,), {"aws": aws}))
    server.daemon_threads = True
    aws.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    return server


def _nested(flat: dict[str, str]) -> dict[str, Any]:
    """`Parameters.member.1.ParameterKey=K` → `{"Parameters": [{"ParameterKey": "K"}]}`."""
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        at = nested
        *path, last = key.replace(".member.", ".#").split(".")
        for part in path:
            at = at.setdefault(part, {})
        at[last] = value
    return _listed(nested)


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.startswith("#") for key in value):
        return [_listed(value[key]) for key in sorted(value, key=lambda key: int(key[1:]))]
    return {key: _listed(one) for key, one in value.items()}


def _answer(service: str, operation: str, answer: dict[str, Any], *, in_json: bool) -> bytes:
    if in_json:
        return json.dumps(answer, default=datetime.timestamp).encode()
    model = _MODELS.get_service_model(service)
    shape = model.operation_model(operation).output_shape
    inner = _members(shape, answer) if shape else ""
    if model.protocol == "query":
        inner = f"<{operation}Result>{inner}</{operation}Result>"
    return f"<{operation}Response>{inner}</{operation}Response>".encode()


def _members(shape: Any, value: dict[str, Any]) -> str:
    return "".join(
        _xml(member, value[name], member.serialization.get("name", name))
        for name, member in shape.members.items()
        if name in value
    )


def _xml(shape: Any, value: Any, name: str) -> str:
    if shape.type_name == "structure":
        return f"<{name}>{_members(shape, value)}</{name}>"
    if shape.type_name == "list":
        member = shape.member.serialization.get("name", "member")
        return f"<{name}>{''.join(_xml(shape.member, one, member) for one in value)}</{name}>"
    if isinstance(value, datetime):
        value = value.isoformat()
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{name}>{escape(text)}</{name}>"


def _fault(fault: FaultError, *, in_json: bool) -> bytes:
    if in_json:
        return json.dumps({"__type": fault.code, "message": fault.message}).encode()
    inner = f"<Code>{fault.code}</Code><Message>{escape(fault.message)}</Message>"
    return f"<ErrorResponse><Error><Type>Sender</Type>{inner}</Error></ErrorResponse>".encode()
