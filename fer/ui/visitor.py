"""Who a visitor is, and what is theirs."""

from urllib.parse import urlsplit

import streamlit as st

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-Ip")


def saving_owner() -> str | None:
    """Who the sessions of this visitor belong to; None where saving is off.

    A user who is logged in is named by who vouches for them and by the number that they have there (OpenID Connect's
    `iss` and `sub`): an address may change, or be given to somebody else later. Without a login everybody on this
    machine is "local", but only on a server that is bound to loopback and was not reached through a proxy, behind
    which strangers would share one name.
    """
    if getattr(st.user, "is_logged_in", False):
        who = [getattr(st.user, claim, None) for claim in ("iss", "sub")]
        return " ".join(map(str, who)) if all(who) else None
    headers = st.context.headers
    host = urlsplit(f"//{headers.get('Host', 'localhost')}").hostname
    direct = host in LOOPBACK and not any(name in headers for name in _FORWARDED)
    return "local" if direct and st.get_option("server.address") in LOOPBACK else None
