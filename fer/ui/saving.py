"""Whose sessions are saved, and where: the page's side of `fer.store`."""

import streamlit as st

from fer.store import Store
from fer.ui.server import LOOPBACK

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
    host = headers.get("Host", "localhost").rpartition(":")[0] or headers.get("Host", "localhost")
    bound = st.get_option("server.address") in LOOPBACK
    direct = host.strip("[]") in LOOPBACK and not any(name in headers for name in _FORWARDED)
    return "local" if bound and direct else None


@st.cache_resource(show_spinner=False)
def open_store() -> Store:
    """The store, opened once for the server.

    Raises:
        StoreError: it cannot be opened; it is tried again the next time.
    """
    return Store()
