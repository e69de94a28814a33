"""Which servers may help a browser's camera to reach this one: the environment or the secrets -> ICE servers, checked.

Nobody outside is asked unless somebody names them: without a setting there are no ICE servers, which is enough on one
machine and in one network. Knows nothing about the camera.
"""

import json
import os

import streamlit as st

from fer.errors import CameraError

VARIABLE = "FER_ICE_SERVERS"
"""A JSON list, as WebRTC takes it: [{"urls": "turn:example.com:3478", "username": "...", "credential": "..."}]."""

SCHEMES = ("stun:", "stuns:", "turn:", "turns:")
KEYS = ("urls", "username", "credential")


def ice_servers() -> list[dict]:
    """The ICE servers that whoever runs the app has named: by `FER_ICE_SERVERS`, or else by the secrets.

    Returns:
        Mappings with the keys `urls` (a list of addresses) and, for TURN, `username` and `credential`; empty where
        nothing is set.

    Raises:
        CameraError: the setting is no list of ICE servers.
    """
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
