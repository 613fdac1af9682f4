"""Networks as texts: `10.0.0.0/16`, `::/0`; anything else is none."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@cache
def block_of(text: str) -> Network | None:
    """The network that a text is; None where it is none, or not known yet."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def holds(whole: str, part: str) -> bool:
    """Whether a network has all of another; any other text has itself only."""
    return whole in wholes(part)


@cache
def wholes(text: str) -> tuple[str, ...]:
    """A network and every one that has all of it; of any other text itself only."""
    block = block_of(text)
    if block is None:
        return (text,)
    return (text, *(str(block.supernet(new_prefix=length)) for length in range(block.prefixlen)))


def together(texts: Iterable[str]) -> frozenset[str]:
    """The same addresses in as few networks as possible: two halves are their whole."""
    found: dict[int, list[Network]] = {4: [], 6: []}
    others: set[str] = set()
    for text in texts:
        if (block := block_of(text)) is None:
            others.add(text)
        else:
            found[block.version].append(block)
    collapsed = (ipaddress.collapse_addresses(blocks) for blocks in found.values())  # pyright: ignore[reportArgumentType]
    return frozenset(others).union(*(map(str, blocks) for blocks in collapsed))
