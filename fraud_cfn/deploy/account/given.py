"""What parameters name of the account's own: it must be there, and such that AWS takes it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from botocore.exceptions import ClientError

from fraud_cfn import names
from fraud_cfn.config import REGION
from fraud_cfn.deploy.account.looks import Looks
from fraud_cfn.deploy.account.session import Session, code_of

# Each service's way to say that there is no such thing, as its model names it; `NoSuchEntity` is IAM's.
_NONE = (
    "NoSuchBucket",
    "NoSuchEntity",
    "NotFoundException",
    "ResourceNotFoundException",
    "WAFNonexistentItemException",
)
# Who writes a load balancer's logs: Elastic Load Balancing, and what its older policies name, its account in
# Frankfurt. Source: "Enable access logs for your Application Load Balancer".
_DELIVERY = ("logdelivery.elasticloadbalancing.amazonaws.com", "054676820928")
_OWN = "AES256"
_EXCEPTS = {"Condition", "NotAction", "NotPrincipal", "NotResource"}
_OLD_REGIONS = {"": "us-east-1", "EU": "eu-west-1"}  # how GetBucketLocation tells these two


def look(session: Session, suffix: str, values: Mapping[str, str], looks: Looks) -> None:
    """`values` are those that come to be used: all at a creation, else the new ones."""
    for name, (what, ask, then) in _LOOKS.items():
        value = values.get(name, "")
        misfit = looks.ask(f"{what} {value}", partial(_misfit, ask, session, value)) if value else ""
        if misfit:
            looks.stop(f"{what} {value} of {name} {misfit}", then)
        elif value and name == names.ACCESS_LOG_BUCKET:
            for of, closer in (("encryption", _log_encryption), ("policy", partial(_log_policy, suffix))):
                if misfit := looks.ask(f"the {of} of {what} {value}", partial(closer, session, value)):
                    looks.stop(f"{what} {value} of {name} {misfit}", "see docs/access-logs.md")


def _misfit(ask: Callable[[Session, str], str], session: Session, value: str) -> str:
    try:
        return ask(session, value)
    except ClientError as error:
        if code_of(error) not in _NONE:
            raise
        return "does not exist"


# ── Why AWS would refuse each; empty if it does not ───────────────────────────────────────────────


def _certificate(session: Session, arn: str) -> str:
    if elsewhere := _elsewhere(session, arn):
        return elsewhere
    found = session.client("acm").describe_certificate(CertificateArn=arn).get("Certificate", {})
    if "Status" not in found:
        raise LookupError("Status")
    why = f" ({found['FailureReason']})" if "FailureReason" in found else ""
    if found.get("KeyAlgorithm") == "RSA_1024":
        return "has a key of 1024 bits, which a load balancer does not take"
    return "" if found["Status"] == "ISSUED" else f"is {found['Status']}{why}"


def _web_acl(session: Session, arn: str) -> str:
    if elsewhere := _elsewhere(session, arn):
        return elsewhere
    name, identifier = arn.split("/")[-2:]
    session.client("wafv2").get_web_acl(Name=name, Id=identifier, Scope="REGIONAL")
    return ""


def _boundary(session: Session, arn: str) -> str:
    if elsewhere := _elsewhere(session, arn):
        return elsewhere
    found = session.client("iam").get_policy(PolicyArn=arn)["Policy"]
    return "" if found.get("IsAttachable", True) else "is not attachable"


def _log_bucket(session: Session, name: str) -> str:
    """It may be another account's, where its place is told and nothing else."""
    try:
        found = session.client("s3").get_bucket_location(Bucket=name, ExpectedBucketOwner=session.account)
        region = _OLD_REGIONS.get(place := found.get("LocationConstraint") or "", place)
    except ClientError as error:
        headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        if code_of(error) in _NONE or headers.get("x-amz-bucket-region", REGION) == REGION:
            raise
        region = headers["x-amz-bucket-region"]
    return "" if region == REGION else f"is in {region}, and the load balancer in {REGION}"


def _log_encryption(session: Session, name: str) -> str:
    try:
        found = session.client("s3").get_bucket_encryption(Bucket=name, ExpectedBucketOwner=session.account)
    except ClientError as error:
        if code_of(error) != "ServerSideEncryptionConfigurationNotFoundError":
            raise
        return ""
    rules = found["ServerSideEncryptionConfiguration"]["Rules"]
    used = {rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", _OWN) for rule in rules}
    other = ", ".join(sorted(used - {_OWN}))
    return f"is encrypted by {other}: a load balancer writes only where it is {_OWN}" if other else ""


def _log_policy(suffix: str, session: Session, name: str) -> str:
    """By the statements that are about the load balancer's logs; what only some requests meet (a condition,
    `Not…`) denies nothing for certain."""
    at = f"arn:aws:s3:::{name}/{names.ACCESS_LOG_PREFIX}-{suffix}/AWSLogs/{session.account}/"
    try:
        found = session.client("s3").get_bucket_policy(Bucket=name, ExpectedBucketOwner=session.account)
        policy: dict[str, Any] = json.loads(found["Policy"])
    except ClientError as error:
        if code_of(error) != "NoSuchBucketPolicy":
            raise
        policy = {}
    except ValueError as error:
        raise LookupError("Policy") from error
    about = [one for one in _several(policy.get("Statement", [])) if _is_about(one, f"{at}log")]
    if any(one["Effect"] == "Deny" and not _EXCEPTS & set(one) for one in about):
        return f"has a policy that denies the load balancer to write to {at}"
    allowed = any(one["Effect"] == "Allow" for one in about)
    return "" if allowed else f"has no policy that lets {_DELIVERY[0]} write to {at}"


def _is_about(statement: dict[str, Any], key: str) -> bool:
    """Whether it may speak of the load balancer's writing that key."""
    who = json.dumps(statement.get("Principal", "*"))
    by = '"*"' in who or any(known in who for known in _DELIVERY)
    does = any(_fits(one, "s3:putobject") for one in _several(statement.get("Action", "*")))
    return by and does and any(_fits(one, key) for one in _several(statement.get("Resource", "*")))


def _several(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _fits(pattern: str, text: str) -> bool:
    form = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(form, text, re.IGNORECASE) is not None


def _data_key(session: Session, arn: str) -> str:
    """It cannot be changed later, and Aurora takes no other kind."""
    key = session.client("kms").describe_key(KeyId=arn)["KeyMetadata"]
    state, spec = key.get("KeyState", "Enabled"), key.get("KeySpec", "SYMMETRIC_DEFAULT")
    if state != "Enabled":
        return f"is {state}"
    return "" if spec == "SYMMETRIC_DEFAULT" else f"is {spec}: data at rest takes a symmetric one"


def _elsewhere(session: Session, arn: str) -> str:
    """Another account's is refused, but for what is AWS's own."""
    account = arn.split(":")[4]
    return "" if account in (session.account, "aws") else f"is of another account than {session.account}"


# Parameter → what it names, the question, and what to do about a misfit.
_LOOKS: dict[str, tuple[str, Callable[[Session, str], str], str]] = {
    names.CERTIFICATE_ARN: (
        "the certificate",
        _certificate,
        "name one of ACM that is ISSUED; one that is PENDING_VALIDATION waits for its DNS record or e-mail",
    ),
    names.WEB_ACL_ARN: ("the web ACL", _web_acl, "correct the ARN; it must be a regional one"),
    names.PERMISSIONS_BOUNDARY_ARN: ("the policy", _boundary, "correct the ARN, or make the policy first"),
    names.ACCESS_LOG_BUCKET: (
        "the bucket",
        _log_bucket,
        f"name one in {REGION} whose policy lets the load balancer write",
    ),
    names.DATA_KMS_KEY_ARN: ("the key", _data_key, "correct the ARN, enable the key, or name another one"),
}
