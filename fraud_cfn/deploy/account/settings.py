"""Which of the user's own AWS settings something is about: variables of this shell, and the file."""

from __future__ import annotations

import codecs
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore.session

from fraud_cfn.deploy.terminal import clock

_NO_TLS = re.compile("wrong.version.number|record.layer.failure|http.request|unknown.protocol", re.IGNORECASE)
_OTHER_HOST = re.compile(r"(hostname|IP address) (mismatch|'\S*' doesn't match)|not valid for", re.IGNORECASE)
_NO_BUNDLE = re.compile(r"NO_CERTIFICATE|NO_START_LINE|PEM|\[Errno")
_VARIANTS = {"-fips.": "AWS_USE_FIPS_ENDPOINT", ".api.aws": "AWS_USE_DUALSTACK_ENDPOINT"}


def file() -> str:
    """The file of settings, as the user names it."""
    return os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config"


def is_missing(path: str) -> bool:
    return not Path(path).expanduser().is_file()


def profile_variable() -> str:
    """The variable whose profile botocore takes."""
    return "AWS_DEFAULT_PROFILE" if "AWS_DEFAULT_PROFILE" in os.environ else "AWS_PROFILE"


def named_in(words: str) -> list[str]:
    """Variables whose value stands in those words, as a word of its own."""
    return sorted(
        name
        for name, value in os.environ.items()
        if (name.startswith("AWS_") or name.lower().endswith("_proxy"))
        and value
        and re.search(rf"(?<!\w){re.escape(value)}(?!\w)", words)
    )


def bad_endpoints() -> list[str]:
    """Variables that should hold the URL of an endpoint, and do not."""
    return sorted(
        name for name, value in os.environ.items() if name.startswith("AWS_ENDPOINT_URL") and not _url(value)
    )


def _url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return not text or (parts.scheme in ("http", "https") and parts.port != 0)
    except ValueError:  # its port, or its brackets
        return False


def variant_of(host: str) -> str:
    """The variable that asks for a host of this kind, which AWS does not have for each service and region."""
    return next((name for part, name in _VARIANTS.items() if part in f"{host}."), "")


def unreadable(path: str, error: object) -> str:
    """Why botocore cannot read that file of settings; nothing of what is in it."""
    said = str(error)
    if Path(path).expanduser().read_bytes().startswith(codecs.BOM_UTF8):
        return f"{path} begins with a byte order mark, which AWS's programs do not read"
    line = re.search(r"\[?line:? +(\d+)", said)
    encoding = "it is not in this locale's encoding" if isinstance(error, UnicodeError) else ""
    why = f"line {line[1]}" if line else encoding or "its form"
    return f"{path} cannot be read: {why}"


def untrusted(said: str) -> tuple[str, str]:
    """What is wrong with a TLS certificate, by OpenSSL's words, and what to do."""
    if _NO_TLS.search(said):
        return "it speaks no TLS: is it http://?", "check the endpoint's URL"
    name, bundle = _bundle()
    if bundle and _NO_BUNDLE.search(said):
        why = "which is not there" if is_missing(bundle) else "which holds no certificate"
        return (
            f"its TLS certificate cannot be checked: {name} names {bundle}, {why}",
            f"name a file of certificates (PEM) in {name}, or none",
        )
    if "has expired" in said or "not yet valid" in said:
        return (
            f"its TLS certificate is not valid now, {clock.utc():%Y-%m-%d} by this machine's clock",
            "set the clock, if that is another day",
        )
    if _OTHER_HOST.search(said):
        return (
            "its TLS certificate is another host's",
            "check the endpoint's URL; where the network wants a login first, log in with a browser",
        )
    if "CERTIFICATE_VERIFY_FAILED" not in said:
        return (
            "TLS was broken off",
            "check the network; a proxy or firewall on the way may not let it through",
        )
    by = f" by {name} ({bundle})" if bundle else ""
    return (
        f"its TLS certificate is not trusted{by}",
        "where a proxy reads what is sent, AWS_CA_BUNDLE names a file with its certificate (PEM)",
    )


def _bundle() -> tuple[str, str]:
    """The setting that names certificates to trust, and its file; as botocore looks for it."""
    own: Any = botocore.session.get_session()
    if bundle := own.get_config_variable("ca_bundle"):
        return "AWS_CA_BUNDLE" if "AWS_CA_BUNDLE" in os.environ else f"ca_bundle in {file()}", str(bundle)
    return "REQUESTS_CA_BUNDLE", os.environ.get("REQUESTS_CA_BUNDLE", "")
