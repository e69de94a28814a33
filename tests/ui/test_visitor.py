"""Whose machine it is, and whose sessions a visitor sees."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import pytest
import streamlit as st
import uvicorn

from fer.ui import visitor
from fer.ui.access import KnownNamesOnly, OwnMachine
from fer.ui.visitor import MARK, OWN_MACHINE, find_owner, share_of

ANN = {"is_logged_in": True, "iss": "https://login.example", "sub": "7"}


class User(dict):
    """Like `st.user`: what is not known of somebody is no attribute."""

    def __getattr__(self, name: str) -> object:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


@pytest.mark.parametrize(
    ("user", "headers", "owner"),
    [
        pytest.param({}, {}, None, id="nobody asked the socket"),
        pytest.param({}, {"Host": "localhost", "Origin": "http://localhost"}, None, id="only headers say so"),
        pytest.param({}, {OWN_MACHINE: "1"}, None, id="a forged mark"),
        pytest.param({}, {OWN_MACHINE: MARK}, "local", id="this machine"),
        pytest.param({"is_logged_in": False}, {}, None, id="logged out elsewhere"),
        pytest.param({"is_logged_in": False}, {OWN_MACHINE: MARK}, "local", id="logged out here"),
        pytest.param({"email": "ann@example.org"}, {}, None, id="an address from a proxy"),
        pytest.param(ANN, {}, "https://login.example 7", id="logged in"),
        pytest.param(ANN, {OWN_MACHINE: MARK}, "https://login.example 7", id="logged in here"),
        pytest.param(
            ANN | {"email": "ann@example.org"}, {}, "https://login.example 7", id="an address does not matter"
        ),
        pytest.param(ANN | {"sub": None}, {}, None, id="no number"),
        pytest.param(
            {"is_logged_in": True, "email": "a@b.example"}, {OWN_MACHINE: MARK}, None, id="an address is no number"
        ),
    ],
)
def test_whose_sessions(
    user: dict[str, object], headers: Mapping[str, str], owner: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(st, "user", User(user))
    monkeypatch.setattr(type(st.context), "headers", headers)
    assert find_owner() == owner


@pytest.mark.parametrize(
    ("mark", "address", "user", "share"),
    [
        pytest.param("", None, {}, "127.0.0.1", id="a forwarder that says nothing"),
        pytest.param(MARK, None, {}, None, id="this machine"),
        pytest.param("1", "203.0.113.9", {}, "203.0.113.9", id="a forged mark"),
        pytest.param("", "2001:db8:1:2:3::4", {}, "2001:db8:1:2::/64", id="one of a household's addresses"),
        pytest.param("", "testclient", {}, "testclient", id="a socket without an address"),
        pytest.param("", "203.0.113.9", ANN, "https://login.example 7", id="logged in"),
        pytest.param("", "203.0.113.9", {"is_logged_in": False}, "203.0.113.9", id="logged out"),
    ],
)
def test_for_whom_a_visitor_is_counted(mark: str, address: str | None, user: dict, share: str | None) -> None:
    assert share_of(mark, address, user) == share


async def _whose(scope, receive, send) -> None:
    """Answers "own" to a request that bears the mark."""
    if scope["type"] == "lifespan":
        return
    own = (OWN_MACHINE.encode(), MARK.encode()) in scope["headers"]
    body = b"own" if own else b"a stranger's"
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def _served(address: str) -> Iterator[int]:
    """A real server behind the doors, on this address; gives its port."""
    with socket.socket() as listener:
        listener.bind((address, 0))
        listener.listen()
        app = KnownNamesOnly(OwnMachine(_whose))
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[[str], int]]:
    """A function that gives the port of the only server, on this address, which keeps nothing of a request."""
    ports: dict[str, int] = {}
    with ExitStack() as running:

        def serve(address: str) -> int:
            if address not in ports:
                running.close()
                ports.clear()
                ports[address] = running.enter_context(_served(address))
            return ports[address]

        yield serve


def _asked(port: int, request: str) -> str:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request.replace("\n", "\r\n").replace("PORT", str(port)).encode())
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
    return answer.decode()


_OWN = "Host: localhost:PORT\nOrigin: http://localhost:PORT\nConnection: close\n"


@pytest.mark.parametrize(
    ("address", "version", "headers", "said"),
    [
        pytest.param("127.0.0.1", "1.1", _OWN, "own", id="a browser here"),
        pytest.param("127.0.0.1", "1.1", _OWN.replace("localhost", "127.0.0.1"), "own", id="by number"),
        pytest.param("127.0.0.1", "1.1", _OWN.replace("localhost", "LOCALHOST"), "own", id="in capitals"),
        pytest.param("0.0.0.0", "1.1", _OWN, "a stranger's", id="listens on every address"),
        pytest.param("127.0.0.1", "1.0", "", "400", id="HTTP 1.0 without a host"),
        pytest.param("127.0.0.1", "1.1", "Host: localhost:PORT\nConnection: close\n", "a stranger's", id="no origin"),
        pytest.param("127.0.0.1", "1.1", _OWN + "Origin: http://localhost:PORT\n", "a stranger's", id="two origins"),
        pytest.param("127.0.0.1", "1.1", _OWN.replace("http:", "file:"), "a stranger's", id="from a file"),
        pytest.param(
            "127.0.0.1", "1.1", "Host: localhost\nOrigin: null\nConnection: close\n", "a stranger's", id="from a frame"
        ),
        pytest.param(
            "127.0.0.1",
            "1.1",
            _OWN.replace("http://localhost", "http://evil.example"),
            "a stranger's",
            id="another page",
        ),
        pytest.param("127.0.0.1", "1.1", _OWN.replace("localhost", "evil.example"), "421", id="a name that leads here"),
        pytest.param("127.0.0.1", "1.1", _OWN.replace("localhost", "localhost.evil.example"), "421", id="begins alike"),
        pytest.param("127.0.0.1", "1.1", _OWN.replace("localhost", "a@localhost"), "421", id="a name before the name"),
        pytest.param("0.0.0.0", "1.1", _OWN.replace("localhost", "fer.example"), "a stranger's", id="a public server"),
        *(
            pytest.param("127.0.0.1", "1.1", f"{_OWN}{name}: 203.0.113.9\n", "a stranger's", id=name)
            for name in (
                *("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "CF-Connecting-IP"),
                *("True-Client-IP", "X-Envoy-External-Address", "CDN-Loop", "Tailscale-User-Login"),
            )
        ),
        pytest.param(
            "127.0.0.1", "1.1", f"Host: localhost\n{OWN_MACHINE}: own\nConnection: close\n", "a stranger's", id="forged"
        ),
    ],
)
def test_whose_machine(address: str, version: str, headers: str, said: str, serve: Callable[[str], int]) -> None:
    answer = _asked(serve(address), f"GET / HTTP/{version}\n{headers}\n")
    assert said in (answer.split(" ", 2)[1], answer.rpartition("\r\n\r\n")[2])


def test_a_forwarder_beside_it_is_no_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes over a socket file, or from another machine, is nobody here, whatever it says."""
    monkeypatch.setattr(visitor, "listens_beyond_loopback", lambda: False)
    own = [(b"host", b"localhost"), (b"origin", b"http://localhost")]
    ends = {
        "here": (("127.0.0.1", 5), ("127.0.0.1", 80)),
        "mapped": (("::ffff:127.0.0.1", 5), ("::1", 80)),
        "a socket file": (None, ("/run/fer.sock", None)),
        "another machine": (("10.0.0.7", 5), ("127.0.0.1", 80)),
        "by another address": (("127.0.0.1", 5), ("10.0.0.2", 80)),
    }
    found = {
        name: visitor.comes_from_own_machine({"client": client, "server": here, "headers": own})
        for name, (client, here) in ends.items()
    }
    assert [name for name, own in found.items() if own] == ["here", "mapped"]


@pytest.mark.parametrize(
    ("address", "beyond"),
    [
        pytest.param("localhost", False, id="this machine"),
        pytest.param("0.0.0.0", True, id="every address"),
        pytest.param(None, True, id="nothing was set"),
    ],
)
def test_where_sockets_do_not_tell_the_setting_does(
    address: str | None, beyond: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitor, "_FDS", "/nowhere")
    monkeypatch.setattr(st, "get_option", {"server.address": address}.get)
    assert visitor.listens_beyond_loopback() is beyond
