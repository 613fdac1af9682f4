"""The proxy between us and an endpoint, as the environment names it; its password is never shown."""

from __future__ import annotations

import ipaddress
import os
import re
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def bypass_loopback() -> None:
    """Let what listens on this machine be reached without a proxy, in this process and its children."""
    for name in ("NO_PROXY", "no_proxy"):
        known = [part for part in os.environ.get(name, os.environ.get("NO_PROXY", "")).split(",") if part]
        if "*" not in known:
            os.environ[name] = ",".join([*known, *(host for host in LOOPBACK if host not in known)])


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def for_url(url: str) -> tuple[str, str] | None:
    """The variable that names the proxy on the way to `url`, and the proxy; `None` without one."""
    parts = urlsplit(url)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return None
    proxy = getproxies().get(parts.scheme, "")
    return of(proxy if proxy.startswith("http") else f"http://{proxy}") if proxy else None


def of(proxy: str) -> tuple[str, str]:
    """The variables that hold this proxy (empty: none does), and the proxy without its password."""
    shown = masked(proxy)
    names = sorted(
        name
        for name, value in os.environ.items()
        if name.lower() in ("http_proxy", "https_proxy") and shown in (masked(value), _as_sent(value))
    )
    return " or ".join(names), shown


def _as_sent(proxy: str) -> str:
    """As botocore spells one without a scheme, or with one that it does not know."""
    return masked(proxy if proxy.startswith("http") else f"http://{proxy.removeprefix('//')}")


def refused(said: str) -> str:
    """That the proxy itself refused, by http.client's words; empty if not."""
    answer = re.search(r"Tunnel connection failed: (\d+ [^'\")]*)", said)
    return f"it answers {answer[1]}" if answer else ""


def masked(text: str) -> str:
    """Without who logs in, and by which password, in the URLs within it."""
    return re.sub(r"(?<=://)\S*@", "…@", text)
