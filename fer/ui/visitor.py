"""Who a visitor is, whether the machine that runs the app is theirs, and what is theirs."""

import os
import secrets
import socket
import stat
from collections.abc import Iterator, Mapping
from ipaddress import IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

import streamlit as st

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

OWN_MACHINE = "x-fer-own-machine"
"""The header that `fer.ui.access` gives a request from the visitor's own machine, and takes from every other."""

MARK = secrets.token_hex()
"""What stands in it: nobody outside of this process can know."""

_FORWARDED = frozenset(
    {
        *("forwarded", "via", "proxy-connection", "client-ip", "true-client-ip", "cdn-loop", "x-real-ip"),
        *("x-client-ip", "x-cluster-client-ip", "x-proxyuser-ip", "x-remote-ip", "x-remote-addr", "x-coming-from"),
        *("x-amzn-trace-id", "fastly-client-ip", "x-request-start"),
    }
)
_FORWARDED_KINDS = ("x-forwarded", "x-original-", "x-envoy-", "x-azure-", "x-amz-cf-", "cf-", "fly-", "tailscale-")
_FDS = "/dev/fd"


def is_loopback(host: str | None) -> bool:
    """Whether a name or an address is this machine's own."""
    if host is None or host in LOOPBACK:
        return host is not None
    try:
        address = ip_address(host)
    except ValueError:
        return host.endswith(".localhost")
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def host_of(netloc: str) -> str | None:
    """The name in what a `Host` header or an address holds before its path, in small letters; None for nonsense."""
    try:
        parts = urlsplit(f"//{netloc}")
        _ = parts.port
    except ValueError:
        return None
    return parts.hostname if parts.netloc == netloc and parts.username is None else None


def listens_beyond_loopback() -> bool:
    """Whether other machines can reach this process, as its sockets say; where they do not tell, as it was set."""
    addresses = [address for address, _ in listening()] or [st.get_option("server.address")]
    return not all(map(is_loopback, addresses))


def listening() -> Iterator[tuple[str, int]]:
    """The addresses and ports on which this process takes connections; none where the system does not list them."""
    for entry in os.listdir(_FDS) if os.path.isdir(_FDS) else ():
        try:
            if not stat.S_ISSOCK(os.fstat(int(entry)).st_mode):
                continue
            with socket.socket(fileno=os.dup(int(entry))) as found:
                is_internet = found.family in (socket.AF_INET, socket.AF_INET6) and found.type == socket.SOCK_STREAM
                if is_internet and found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    yield found.getsockname()[:2]
        except OSError:  # closed meanwhile, as the one that lists the folder is
            continue


def comes_from_own_machine(scope: Mapping) -> bool:
    """Whether whoever sent this request sits at the machine that runs the app.

    Asks the socket first: both of its ends must be loopback, and the server must listen nowhere else. What the request
    says of itself can only take that away: it must name this machine as its host and as the page that it comes from,
    and bear no sign of a forwarder, behind which strangers would be taken for the owner. A forwarder that leaves no
    sign cannot be told from the owner; before it belongs a token (`fer.ui.access`).

    Args:
        scope: of ASGI, an HTTP request or a WebSocket.
    """
    ends = [scope.get("client"), scope.get("server")]
    if not all(end and is_loopback(end[0]) for end in ends) or listens_beyond_loopback():
        return False
    names = [name.decode("latin-1").lower() for name, _ in scope["headers"]]
    if any(name in _FORWARDED or name.startswith(_FORWARDED_KINDS) for name in names):
        return False
    if names.count("host") != 1 or names.count("origin") != 1:
        return False
    values = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    scheme, _, page = values["origin"].partition("://")
    return scheme in ("http", "https") and page == values["host"] and is_loopback(host_of(page))


def on_own_machine() -> bool:
    """Whether the visitor whose page runs sits at the machine that runs the app: the one place that knows."""
    return secrets.compare_digest(st.context.headers.get(OWN_MACHINE, ""), MARK)


def find_share() -> str | None:
    """For whom the visitor whose page runs is counted; None for whoever sits at the machine."""
    return share_of(st.context.headers.get(OWN_MACHINE, ""), st.context.ip_address, st.user)


def share_of(mark: str, address: str | None, user: Mapping) -> str | None:
    """For whom a visitor is counted where everyone has their share of the server.

    Users who are logged in are told by their login, others by their address: who closes a page and comes back, or opens
    ten, is the same visitor, and so are all who come through one address. Of IPv6 a household has 64 bits for itself.

    Args:
        mark: what `fer.ui.access` wrote of the connection.
        address: where it comes from; None for loopback.
        user: what is known of who is logged in.

    Returns:
        None for whoever sits at the machine.
    """
    if secrets.compare_digest(mark, MARK):
        return None
    if user.get("is_logged_in") and user.get("iss") and user.get("sub"):
        return f"{user['iss']} {user['sub']}"
    try:
        parsed = ip_address(address or "127.0.0.1")
    except ValueError:  # a socket without an address
        return address
    return str(IPv6Network((int(parsed), 64), strict=False) if isinstance(parsed, IPv6Address) else parsed)


def find_owner() -> str | None:
    """Who the sessions of this visitor belong to; None where saving is off.

    A user who is logged in is named by who vouches for them and by the number that they have there (OpenID Connect's
    `iss` and `sub`): an address may change, or be given to somebody else later. Without a login whoever sits at this
    machine is "local".
    """
    if getattr(st.user, "is_logged_in", False):
        who = [getattr(st.user, claim, None) for claim in ("iss", "sub")]
        return " ".join(map(str, who)) if all(who) else None
    return "local" if on_own_machine() else None
