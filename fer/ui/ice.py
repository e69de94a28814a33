"""Which servers may help a browser's camera to reach this one: the environment or the secrets -> ICE servers, checked.

Nobody outside is asked unless somebody names them: without a setting there are no ICE servers, which is enough on one
machine and in one network. Knows nothing about the camera.
"""

import json
import os
import secrets
import time

import streamlit as st

from fer.errors import CameraError
from fer.webrtc.turn import make_account

VARIABLE = "FER_ICE_SERVERS"
"""A JSON list, as WebRTC takes it: [{"urls": "turn:example.com:3478", "username": "...", "credential": "..."}]."""

TURN_URLS = "FER_TURN_URLS"
"""Addresses of TURN servers, parted by commas, that share a secret with this server."""

TURN_SECRET = "FER_TURN_SECRET"
"""The secret, `static-auth-secret` of coturn."""

SCHEMES = ("stun:", "stuns:", "turn:", "turns:")
KEYS = ("urls", "username", "credential")

_VISITOR = "_turn_visitor"


def ice_servers() -> list[dict]:
    """The ICE servers that whoever runs the app has named: by `FER_ICE_SERVERS`, or else by the secrets.

    `FER_TURN_URLS` names TURN servers by their addresses alone: with the secret that they share with this server
    (`FER_TURN_SECRET`) an account is made for every visitor, good for a day.

    Returns:
        Mappings with the keys `urls` (a list of addresses) and, for TURN, `username` and `credential`; empty where
        nothing is set.

    Raises:
        CameraError: the setting is no list of ICE servers.
    """
    return _set_servers() + _shared_servers()


def _shared_servers() -> list[dict]:
    """TURN servers with an account for this visitor."""
    urls = [url.strip() for url in os.environ.get(TURN_URLS, "").split(",") if url.strip()]
    if not urls:
        return []
    secret = os.environ.get(TURN_SECRET, "").strip()
    if not secret:
        raise CameraError(f"{TURN_URLS} needs the secret that its servers know in {TURN_SECRET}; set it.")
    visitor = st.session_state.setdefault(_VISITOR, secrets.token_hex(8))
    account = make_account(secret, visitor, time.time())
    entry = {"urls": urls, "username": account.username, "credential": account.credential}
    return check_servers([entry], TURN_URLS)


def _set_servers() -> list[dict]:
    given = os.environ.get(VARIABLE, "").strip()
    if given:
        try:
            return check_servers(json.loads(given), VARIABLE)
        except json.JSONDecodeError:
            raise CameraError(f"{VARIABLE} must be a JSON list of ICE servers, but is no JSON; correct it.") from None
    if not st.secrets.load_if_toml_exists():
        return []
    section = st.secrets.to_dict().get("webrtc", {})
    where = "ice_servers in the section [webrtc] of secrets.toml"
    return check_servers(section.get("ice_servers", []) if isinstance(section, dict) else section, where)


def check_servers(given: object, where: str) -> list[dict]:
    """Bring a setting into the one form that browsers and aiortc both take.

    Args:
        given: what was set.
        where: the setting's name, for the sentence.

    Raises:
        CameraError: it is no list of ICE servers; the sentence names the entry and the rule, never the password.
    """
    if not isinstance(given, list):
        raise CameraError(f"{where} must be a list of ICE servers; correct it.")
    return [_server(entry, f"Entry {number} of {where}") for number, entry in enumerate(given, start=1)]


def _server(entry: object, where: str) -> dict:
    if not isinstance(entry, dict) or not set(entry) <= set(KEYS):
        raise CameraError(f"{where} must hold {', '.join(KEYS)} only; correct it.")
    urls = [entry["urls"]] if isinstance(entry.get("urls"), str) else entry.get("urls")
    if not isinstance(urls, list) or not urls or not all(isinstance(u, str) and u.startswith(SCHEMES) for u in urls):
        raise CameraError(f"{where} must have urls that begin with {', '.join(SCHEMES)}; correct it.")
    account = {key: entry[key] for key in KEYS[1:] if key in entry}
    if not all(isinstance(value, str) for value in account.values()):
        raise CameraError(f"{where} must have a username and a credential that are texts; correct it.")
    if len(account) < 2 and any(url.startswith("turn") for url in urls):
        raise CameraError(f"{where} must have a username and a credential, as every TURN server wants; add them.")
    return {"urls": urls, **account}
