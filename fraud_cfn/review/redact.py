"""Keeps what could be secret out of a report: in a pull request everybody reads it, and for ever."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fraud_cfn.review.model import Node

MASK = "****"
# The keys of a review's JSON under which values of the templates stand.
_VALUES = ("before", "after", "resource", "principal", "condition", "from", "to", "path", "because")
_LONG_ENOUGH = 4  # a shorter secret is hidden only where it is the whole value
# Names under which secrets stand; a reference to where a secret is kept (…Arn, …Id, …Name) is none.
_SECRET = re.compile(
    r"(password|passwd|passphrase|passcode|pwd|(^|[_-])pass$|secret|token|credential|api[_-]?keys?\b"
    r"|(private|access|auth|shared|signing|hmac|license)[_-]?key|connection[_-]?string)",
    re.IGNORECASE,
)
_WHERE_IT_IS = re.compile(
    r"(arn|arns|id|ids|name|names|length|days|rotation\w*|policy|ttl|validity\w*|expir\w*|type|usage|enabled"
    r"|valuefrom|servicetoken|kms\w*)$",
    re.IGNORECASE,
)
# Values that give themselves away, whatever they are called.
_FORMS = re.compile(
    r"(A(?:KIA|SIA)[A-Z0-9]{16}|-----BEGIN [A-Z ]*PRIVATE KEY|gh[pousr]_[A-Za-z0-9]{20,}"
    r"|(?<=hooks\.slack\.com/services/)[A-Za-z0-9/]{10,}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,}|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
    r"|(?<=://)[^/\s:@]+:[^/\s:@]+(?=@)"
    r"|(?i:(?<=password=)|(?<=pwd=)|(?<=secret=)|(?<=token=))(?!\$\{|\{\{)('[^']*'|\"[^\"]*\"|[^\s&;,'\"]+))"
)


def masked(path: str, value: Node) -> Node:
    """The value as it may be shown under that path; a reference (`${…}`, `{{resolve:…}}`) is no secret."""
    if isinstance(value, dict):
        name = value.get("Name", value.get("Key", ""))
        return {key: masked(f"{path}[{name}].{key}", child) for key, child in value.items()}
    if isinstance(value, list):
        return [masked(path, child) for child in value]
    if isinstance(value, str):
        if _is_secret_name(path) and not _is_reference(value):
            return MASK
        return _FORMS.sub(MASK, value)
    return MASK if _is_secret_name(path) and type(value) in (int, float) else value


def _is_secret_name(path: str) -> bool:
    """Whether a secret may stand there: by its own name or, of a `Value` or an item of a list, that of what
    it is in."""
    names = ["", *re.split(r"[.\[\]]+", path.removesuffix("]"))]
    while names[-1] in ("Value", "Default") or names[-1].isdigit():
        names.pop()
    return bool(_SECRET.search(names[-1])) and not _WHERE_IT_IS.search(names[-1])


def _is_reference(value: str) -> bool:
    return value == "" or bool(
        re.fullmatch(r"(\$\{[^{}]+\}|\{\{resolve:[^{}]*(\$\{[^{}]+\})?[^{}]*\}\})", value)
    )


def without(document: Node, secrets: Iterable[str]) -> Node:
    """A document without those texts: values of `NoEcho` parameters, wherever they were put in."""
    texts = sorted({text for text in secrets if text}, key=len, reverse=True)
    return _without(document, texts, shown=False) if texts else document


def _without(node: Node, texts: list[str], shown: bool) -> Node:
    if isinstance(node, dict):
        return {key: _without(child, texts, shown or key in _VALUES) for key, child in node.items()}
    if isinstance(node, list):
        return [_without(child, texts, shown) for child in node]
    if not shown:
        return node
    if str(node) in texts:
        return MASK
    for text in texts:
        if isinstance(node, str) and len(text) >= _LONG_ENOUGH:
            node = node.replace(text, MASK)
    return node
