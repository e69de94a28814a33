"""The doors of the server: names, pages, tokens."""

import asyncio
from http.cookies import SimpleCookie

import pytest
import streamlit as st
from streamlit.proto.BackMsg_pb2 import BackMsg

from fer.errors import FerError
from fer.ui import access, server

TOKEN, TYPED = "a token of some length", "a+token+of+some+length"


def _answers(app, scope: dict, body: bytes = b"") -> list[dict]:
    """Everything that an ASGI application sends for one request."""
    sent: list[dict] = []
    kind = "websocket.connect" if scope["type"] == "websocket" else "http.request"

    async def receive() -> dict:
        return {"type": kind, "body": body}

    async def send(message: dict) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


def _request(kind: str = "http", path: str = "/", query: str = "", method: str = "GET", **headers: str) -> dict:
    encoded = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return {
        "type": kind,
        "path": path,
        "query_string": query.encode(),
        "method": method,
        "headers": encoded,
        "server": ("127.0.0.1", 8501),
    }


async def _app(scope, receive, send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"a page"})


@pytest.mark.parametrize(
    ("origin", "answer"),
    [
        pytest.param(None, "websocket.accept", id="no page at all"),
        pytest.param("http://localhost:8501", "websocket.accept", id="its own page"),
        pytest.param("https://localhost:8501", "websocket.accept", id="behind something that encrypts"),
        pytest.param("https://other.example", "websocket.accept", id="a site that was allowed"),
        pytest.param("null", "websocket.close", id="a sandboxed frame"),
        pytest.param("", "websocket.close", id="an empty one"),
        pytest.param("http://example.org", "websocket.close", id="another site"),
        pytest.param("http://localhost:9999", "websocket.close", id="another server of this machine"),
        pytest.param("http://localhost:8501.example.org", "websocket.close", id="a name that begins alike"),
        pytest.param("http://me@localhost:8501", "websocket.close", id="a name before the name"),
    ],
)
def test_only_own_pages_connect(origin: str | None, answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "get_option", {"server.corsAllowedOrigins": ["https://other.example"]}.get)
    headers = {"host": "localhost:8501"} | ({} if origin is None else {"origin": origin})
    (message,) = _answers(access.OwnPagesOnly(_app), _request("websocket", **headers))
    assert message["type"] == answer


@pytest.mark.parametrize(
    ("names", "host", "status"),
    [
        pytest.param([], "localhost:8501", 200, id="this machine"),
        pytest.param([], "[::1]:8501", 200, id="by number"),
        pytest.param([], "fer.localhost", 200, id="a name of this machine"),
        pytest.param([], "fer.example.org", 421, id="another name"),
        pytest.param([], "192.168.0.2:8501", 421, id="another number"),
        pytest.param([], "[::1", 421, id="nonsense"),
        pytest.param([], "localhost:port", 421, id="no port"),
        pytest.param(["fer.example.org"], "fer.example.org:443", 200, id="allowed"),
        pytest.param(["*.example.org"], "fer.example.org", 200, id="allowed by a pattern"),
        pytest.param(["*.example.org"], "example.org.evil.example", 421, id="not that pattern"),
        pytest.param(["*"], "anything.example", 200, id="any"),
    ],
)
def test_it_is_called_by_its_names(names: list[str], host: str, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "listens_beyond_loopback", lambda: False)
    monkeypatch.setattr(st, "get_option", {"server.allowedHosts": names}.get)
    assert _answers(access.KnownNamesOnly(_app), _request(host=host))[0]["status"] == status


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/base/_stcore/metrics", "/_stcore/agent/openapi.json"])
def test_what_is_for_whoever_runs_it_is_closed(path: str) -> None:
    assert _answers(access.ClosedRoutes(_app), _request(path=path))[0]["status"] == 404


def test_nobody_empties_the_caches_of_all() -> None:
    heard: list[dict] = []
    messages = [
        BackMsg(clear_cache=True).SerializeToString(),
        b"no message",
        b"",
        BackMsg(load_git_info=True).SerializeToString(),
    ]
    coming = iter(
        [*({"type": "websocket.receive", "bytes": each} for each in messages), {"type": "websocket.disconnect"}]
    )

    async def app(scope, receive, send) -> None:
        while not heard or heard[-1]["type"] != "websocket.disconnect":
            heard.append(await receive())

    async def receive() -> dict:
        return next(coming)

    asyncio.run(access.ClosedRoutes(app)(_request("websocket"), receive, receive))
    assert [message.get("bytes") for message in heard] == [*messages[1:], None]


class TestToken:
    @pytest.fixture(autouse=True)
    def _anew(self, monkeypatch: pytest.MonkeyPatch) -> None:
        access._made_token.cache_clear()
        monkeypatch.delenv(access.TOKEN, raising=False)

    @pytest.mark.parametrize(
        ("given", "beyond", "login", "asked"),
        [
            pytest.param("", False, False, False, id="this machine alone"),
            pytest.param("", True, False, True, id="others reach it"),
            pytest.param("", True, True, False, id="others log in"),
            pytest.param("none", True, False, False, id="somebody else asks"),
            pytest.param(TOKEN, False, False, True, id="a forwarder that leaves no sign"),
            pytest.param(TOKEN, True, True, True, id="a login and a token"),
        ],
    )
    def test_who_is_asked(
        self, given: str, beyond: bool, login: bool, asked: bool, monkeypatch: pytest.MonkeyPatch, capsys
    ) -> None:
        monkeypatch.setenv(access.TOKEN, given)
        monkeypatch.setattr(access, "listens_beyond_loopback", lambda: beyond)
        monkeypatch.setattr(access, "has_login", lambda: login)
        door = access.TokenDoor(_app)
        assert _answers(door, _request())[0]["status"] == (401 if asked else 200)
        assert _answers(door, _request("websocket"))[0]["type"] == ("websocket.close" if asked else "websocket.accept")
        assert _answers(door, _request(path="/_stcore/health"))[0]["status"] == 200
        assert ("?token=" in capsys.readouterr().out) is (asked and not given)

    @pytest.mark.parametrize(
        ("request_", "body"),
        [
            pytest.param(_request(path="/live", query=f"a=1&token={TYPED}"), b"", id="in the address"),
            pytest.param(_request(path="/live", query="a=1", method="POST"), f"token={TYPED}".encode(), id="typed"),
        ],
    )
    def test_the_token_opens_and_leaves_the_address(
        self, request_: dict, body: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(access.TOKEN, TOKEN)
        door = access.TokenDoor(_app)
        start, _ = _answers(door, request_, body)
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        assert (start["status"], headers["location"]) == (303, "/live?a=1")
        ((name, cookie),) = SimpleCookie(headers["set-cookie"]).items()
        assert cookie["httponly"]
        assert TOKEN not in headers["set-cookie"]
        assert _answers(door, _request(cookie=f"x=1; {name}={cookie.value}"))[0]["status"] == 200
        (message,) = _answers(door, _request("websocket", cookie=f"{name}={cookie.value}"))
        assert message["type"] == "websocket.accept"
        monkeypatch.setenv(access.TOKEN, TOKEN + "!")
        assert _answers(door, _request(cookie=f"{name}={cookie.value}"))[0]["status"] == 401, "of another token"

    @pytest.mark.parametrize(
        ("request_", "body"),
        [
            pytest.param(_request(query="token=wrong", accept="text/html"), b"", id="in the address"),
            pytest.param(_request(method="POST"), b"token=wrong", id="typed"),
            pytest.param(_request(method="POST"), b"x" * 100_000, id="no form"),
            pytest.param(_request(cookie="fer-token-8501=wrong"), b"", id="a cookie"),
            pytest.param(_request(cookie="fer-token-8501=\xff;;=,"), b"", id="nonsense"),
        ],
    )
    def test_another_does_not(self, request_: dict, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(access.TOKEN, TOKEN)
        start, answer = _answers(access.TokenDoor(_app), request_, body)
        assert start["status"] == 401
        assert b"a page" not in answer["body"]
        assert TOKEN.encode() not in answer["body"]

    def test_nobody_is_sent_elsewhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(access.TOKEN, TOKEN)
        request = _request(path="//evil.example/", query=f"token={TOKEN.replace(' ', '+')}")
        start, _ = _answers(access.TokenDoor(_app), request)
        assert dict(start["headers"])[b"location"] == b"/evil.example/"

    def test_a_short_one_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(access.TOKEN, "short")
        with pytest.raises(FerError, match="must have 16 characters, but has 5"):
            access.chosen_token()
        with pytest.raises(SystemExit, match="must have 16 characters"):
            server.middleware()
