"""Whose sessions a visitor sees."""

from collections.abc import Mapping

import pytest
import streamlit as st

from fer.ui.visitor import saving_owner

ANN = {"is_logged_in": True, "iss": "https://login.example", "sub": "7"}


class User(dict):
    """Like `st.user`: what is not known of somebody is no attribute."""

    def __getattr__(self, name: str) -> object:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


@pytest.mark.parametrize(
    ("user", "address", "headers", "owner"),
    [
        ({}, None, {}, None),
        ({}, "", {}, None),
        ({}, "0.0.0.0", {"Host": "localhost:8501"}, None),
        ({}, "192.168.0.2", {}, None),
        ({}, "localhost", {}, "local"),
        ({}, "localhost", {"Host": "localhost:8501"}, "local"),
        ({}, "127.0.0.1", {"Host": "127.0.0.1:9000"}, "local"),
        ({}, "::1", {"Host": "[::1]:8501"}, "local"),
        ({}, "localhost", {"Host": "LOCALHOST"}, "local"),
        ({}, "localhost", {"Host": "fer.example.org"}, None),
        ({}, "localhost", {"Host": "localhost.example.org:8501"}, None),
        ({}, "localhost", {"Host": "localhost", "X-Forwarded-For": "203.0.113.9"}, None),
        ({}, "localhost", {"Host": "localhost", "Forwarded": "for=203.0.113.9"}, None),
        ({"is_logged_in": False}, "0.0.0.0", {}, None),
        ({"is_logged_in": False}, "localhost", {}, "local"),
        ({"email": "ann@example.org"}, "0.0.0.0", {}, None),
        (ANN, "0.0.0.0", {}, "https://login.example 7"),
        (ANN, "localhost", {}, "https://login.example 7"),
        (ANN | {"email": "ann@example.org"}, "0.0.0.0", {}, "https://login.example 7"),
        (ANN | {"sub": None}, "0.0.0.0", {}, None),
        ({"is_logged_in": True, "email": "ann@example.org"}, "localhost", {}, None),
    ],
    ids=[
        *("no address", "empty address", "every address", "a network's", "this machine", "by name", "by IPv4"),
        *("by IPv6", "capitals", "a proxy keeps the name", "a name that begins alike", "a proxy forwards"),
        *("a proxy says so", "logged out elsewhere", "logged out here", "an address from a proxy", "logged in"),
        *("logged in here", "an address does not matter", "no number", "an address is no number"),
    ],
)
def test_whose_sessions(
    user: dict[str, object],
    address: str | None,
    headers: Mapping[str, str],
    owner: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(st, "user", User(user))
    monkeypatch.setattr(st, "get_option", {"server.address": address}.get)
    monkeypatch.setattr(type(st.context), "headers", headers)
    assert saving_owner() == owner
