"""Connections between a browser and a server on one machine: they open UDP ports on its loopback alone.

aioice opens one on every network of the machine, and asks the network for names that end in `.local`. Knows nothing of
Streamlit.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from aioice import ice
from aiortc import RTCSessionDescription

NAMED = ".local"
"""How the names end by which browsers hide their addresses from pages that have no camera (multicast DNS)."""

_LOOPBACK = ["127.0.0.1", "::1"]
_NAMED_CANDIDATE = re.compile(r"a=candidate:\S+ \d+ \S+ \d+ \S+\.local .*\r?\n")

_on_loopback_alone: ContextVar[bool] = ContextVar("_on_loopback_alone", default=False)
_everywhere = ice.get_host_addresses


def keep_to_loopback() -> None:
    """Let every connection that is made from now on heed `on_loopback_alone`."""
    ice.get_host_addresses = _host_addresses


@contextmanager
def on_loopback_alone(wanted: bool) -> Iterator[None]:
    """Have the addresses of a connection gathered on loopback, by what runs in here and by the tasks that it makes."""
    token = _on_loopback_alone.set(wanted)
    try:
        yield
    finally:
        _on_loopback_alone.reset(token)


def without_names(description: RTCSessionDescription) -> RTCSessionDescription:
    """An offer without those addresses of its sender that are names."""
    return RTCSessionDescription(_NAMED_CANDIDATE.sub("", description.sdp), description.type)


def _host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    return _LOOPBACK if _on_loopback_alone.get() else _everywhere(use_ipv4, use_ipv6)
