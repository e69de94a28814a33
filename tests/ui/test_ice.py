"""ICE servers from the environment and the secrets."""

import json
import time
from pathlib import Path

import pytest
import streamlit as st

from fer.errors import CameraError
from fer.ui import ice
from fer.webrtc.turn import LIFE_S

STUN = {"urls": ["stun:stun.example.com:3478"]}
TURN = {"urls": ["turn:turn.example.com:3478"], "username": "me", "credential": "secret"}


@pytest.fixture(autouse=True)
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the secrets are read from; there is none at first."""
    for variable in (ice.VARIABLE, ice.TURN_URLS, ice.TURN_SECRET):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(st, "session_state", {})
    file = tmp_path / "secrets.toml"
    st.config.set_option("secrets.files", [str(file)])
    st.secrets._reset()
    yield file
    st.secrets._reset()


@pytest.mark.parametrize(
    ("given", "servers"),
    [
        ("", []),
        ("  ", []),
        ("[]", []),
        (json.dumps([STUN]), [STUN]),
        (json.dumps([{"urls": "stun:stun.example.com:3478"}, TURN]), [STUN, TURN]),
    ],
    ids=["empty", "blank", "none", "a list of addresses", "one address, and an account"],
)
def test_what_the_environment_names(given: str, servers: list, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ice.VARIABLE, given)
    assert ice.ice_servers() == servers


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        (None, []),
        ("", []),
        ("[webrtc]", []),
        ('[webrtc]\nice_servers = [{urls = "stun:stun.example.com:3478"}]', [STUN]),
        ('[[webrtc.ice_servers]]\nurls = ["stun:stun.example.com:3478"]', [STUN]),
    ],
    ids=["no file", "empty", "nothing in it", "inline", "as a table"],
)
def test_what_the_secrets_name(text: str | None, servers: list, secrets: Path) -> None:
    if text is not None:
        secrets.write_text(text)
    assert ice.ice_servers() == servers


@pytest.mark.parametrize("text", ["webrtc = 1", "webrtc.ice_servers = 1"], ids=["no section", "no list"])
def test_secrets_that_are_wrong(text: str, secrets: Path) -> None:
    secrets.write_text(text)
    with pytest.raises(CameraError, match=r"ice_servers in the section \[webrtc\] of secrets.toml must be a list"):
        ice.ice_servers()


def test_the_environment_comes_first(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets.write_text('[[webrtc.ice_servers]]\nurls = "stun:other.example.com"')
    monkeypatch.setenv(ice.VARIABLE, json.dumps([TURN]))
    assert ice.ice_servers() == [TURN]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("stun:a", "FER_ICE_SERVERS must be a JSON list of ICE servers, but is no JSON; correct it."),
        ("{}", "FER_ICE_SERVERS must be a list of ICE servers; correct it."),
        ("[1]", "Entry 1 of FER_ICE_SERVERS must hold urls, username, credential only; correct it."),
        (json.dumps([STUN, STUN | {"user": "me"}]), "Entry 2 of FER_ICE_SERVERS must hold urls, username, credential"),
        ("[{}]", "Entry 1 of FER_ICE_SERVERS must have urls that begin with stun:, stuns:, turn:, turns:; correct it."),
        ('[{"urls": []}]', "must have urls that begin with"),
        ('[{"urls": [1]}]', "must have urls that begin with"),
        ('[{"urls": "https://example.com"}]', "must have urls that begin with"),
        (json.dumps([TURN | {"credential": 1}]), "must have a username and a credential that are texts; correct it."),
        (json.dumps([{"urls": "turn:a"}]), "must have a username and a credential, as every TURN server wants;"),
        (json.dumps([{"urls": "turns:a", "username": "me"}]), "must have a username and a credential, as every TURN"),
    ],
    ids=[
        *("no JSON", "no list", "no mapping", "another key", "no address", "empty", "a number", "a web address"),
        *("a number for a password", "no account", "no password"),
    ],
)
def test_what_is_wrong_is_said(given: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ice.VARIABLE, given)
    with pytest.raises(CameraError) as caught:
        ice.ice_servers()
    assert sentence in str(caught.value)
    assert "secret" not in str(caught.value)


class TestSharedSecret:
    def test_every_visitor_gets_an_account_that_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(ice.VARIABLE, json.dumps([STUN]))
        monkeypatch.setenv(ice.TURN_URLS, "turn:a:3478, turn:a:3478?transport=tcp")
        monkeypatch.setenv(ice.TURN_SECRET, "known to both")
        stun, turn = ice.ice_servers()
        assert (stun, turn["urls"]) == (STUN, ["turn:a:3478", "turn:a:3478?transport=tcp"])
        assert ice.ice_servers()[1] == turn, "an account stays while its visitor does"
        ends_s, _, visitor = turn["username"].partition(":")
        assert 0.5 * LIFE_S < int(ends_s) - time.time() <= LIFE_S
        monkeypatch.setattr(st, "session_state", {})
        assert visitor not in ice.ice_servers()[1]["username"]

    @pytest.mark.parametrize(
        ("urls", "secret", "sentence"),
        [
            pytest.param("turn:a", "", "FER_TURN_URLS needs the secret", id="no secret"),
            pytest.param("http://a", "known", "must have urls that begin with", id="a web address"),
        ],
    )
    def test_what_is_wrong_is_said(
        self, urls: str, secret: str, sentence: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(ice.TURN_URLS, urls)
        monkeypatch.setenv(ice.TURN_SECRET, secret)
        with pytest.raises(CameraError, match=sentence):
            ice.ice_servers()
