"""The server's guards: who may connect, where the front end looks, and what uploads become."""

import asyncio
import threading
from types import SimpleNamespace

import pytest
import streamlit as st
from starlette.formparsers import MultiPartParser
from starlette.routing import WebSocketRoute
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.state import SafeSessionState, SessionState
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager
from streamlit.web.server.starlette.starlette_websocket import create_websocket_handler

from fer.errors import StoreError
from fer.ui import server


def _answers(app, scope: dict) -> list[dict]:
    """Everything that an ASGI application sends for one request."""
    sent: list[dict] = []

    async def receive() -> dict:
        return {"type": "websocket.connect"}

    async def send(message: dict) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


def _headers(values: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in values.items()]


_KIND = {"content-type": "text/html; charset=utf-8"}


async def _page(scope, receive, send) -> None:
    assert b"accept-encoding" not in dict(scope["headers"]), "a packed page cannot be added to"
    await send(
        {"type": "http.response.start", "status": 200, "headers": _headers(_KIND | {"etag": "old", "x": "kept"})}
    )
    await send({"type": "http.response.body", "body": b"<head></he", "more_body": True})
    await send({"type": "http.response.body", "body": b"ad><p>a page</p>"})


def test_pages_learn_where_the_server_is():
    """Else the browser asks below the page's own path first, and two errors stand in its console."""
    headers = _headers({"accept": "text/html,*/*", "accept-encoding": "gzip"})
    start, body = _answers(server.NameTheBase(_page), {"type": "http", "path": "/", "headers": headers})
    assert b'BACKEND_BASE_URL: location.origin + "/"' in body["body"]
    assert body["body"].endswith(b"</head><p>a page</p>")
    assert dict(start["headers"]) == dict(_headers(_KIND)) | {
        b"x": b"kept",
        b"content-length": str(len(body["body"])).encode(),
    }


@pytest.mark.parametrize(
    ("accept", "path", "headers"),
    [
        pytest.param("*/*", "/", _KIND, id="not asked as a page"),
        pytest.param("text/html", "/media/1.csv", _KIND, id="a download"),
        pytest.param("text/html", "/export", {"content-type": "text/csv"}, id="a table"),
        pytest.param("text/html", "/export", _KIND | {"content-disposition": "attachment"}, id="a page to keep"),
    ],
)
def test_nothing_else_is_touched(accept: str, path: str, headers: dict[str, str]) -> None:
    """A CSV with a name like </head> in it is given out as it is."""

    async def data(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _headers(headers)})
        await send({"type": "http.response.body", "body": b"<head>", "more_body": True})
        await send({"type": "http.response.body", "body": b"</head>"})

    request = {"type": "http", "path": path, "headers": _headers({"accept": accept})}
    _, *body = _answers(server.NameTheBase(data), request)
    assert b"".join(message["body"] for message in body) == b"<head></head>"


@pytest.mark.parametrize(
    ("path", "host", "rules"),
    [
        pytest.param("/", "localhost:8501", ["connect-src 'self' data: blob: ws://localhost:8501 wss:"], id="a page"),
        pytest.param("/", "a;script-src *", ["connect-src 'self' data: blob:;"], id="a host that is none"),
        pytest.param("/media/1.svg", "localhost", ["script-src 'none'", "sandbox"], id="a download"),
    ],
)
def test_browsers_are_told_what_a_page_may_do(path: str, host: str, rules: list[str]) -> None:
    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"X-Frame-Options", b"ALLOWALL")]})

    (start,) = _answers(server.SafeHeaders(app), {"type": "http", "path": path, "headers": _headers({"host": host})})
    told = {name.decode(): value.decode() for name, value in start["headers"]}
    assert told["x-content-type-options"] == "nosniff"
    assert told["referrer-policy"] == "same-origin"
    assert told["x-frame-options"] == "SAMEORIGIN"
    assert "X-Frame-Options" not in told
    policy = told["content-security-policy"]
    assert all(rule in policy for rule in [*rules, "frame-ancestors 'self'", "object-src 'none'"])
    (scripts,) = (rule for rule in policy.split("; ") if rule.startswith("script-src"))
    assert "unsafe" not in scripts
    assert "*" not in policy


def test_uploads_up_to_the_limit_are_not_spooled(monkeypatch):
    monkeypatch.setattr(MultiPartParser, "spool_max_size", 1)
    server.keep_uploads_in_memory()
    assert MultiPartParser.spool_max_size > 100 * 1024 * 1024


def test_a_run_waits_until_the_one_before_has_written_what_both_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """And for nobody else's."""
    monkeypatch.setattr(SafeSessionState, "__init__", SafeSessionState.__init__)
    server.keep_runs_apart()
    began, goes_on = threading.Event(), threading.Event()
    done: list[str] = []

    class Slow(SessionState):
        def __setitem__(self, key: str, value: object) -> None:
            began.set()
            assert goes_on.wait(30)
            done.append("written")

        def on_script_will_rerun(self, *_: object, **__: object) -> None:
            done.append("the next run")

    visitor = Slow()
    before, after = (SafeSessionState(visitor, lambda: None) for _ in range(2))
    writes = threading.Thread(target=before.__setitem__, args=("key", "value"))
    begins = threading.Thread(target=after.on_script_will_rerun, args=(None,))
    writes.start()
    assert began.wait(30)
    begins.start()
    begins.join(0.2)
    SafeSessionState(SessionState(), lambda: None)["key"] = "another visitor's"
    assert done == []
    goes_on.set()
    writes.join()
    begins.join()
    assert done == ["written", "the next run"]


def test_a_message_to_somebody_who_has_just_left_is_no_error() -> None:
    """Streamlit's own end of a connection: what it sends fails, and what had come before is still to be read."""
    failed = asyncio.Event()
    heard: list[object] = []
    runtime = SimpleNamespace(
        connect_session=lambda client, **_: client.write_forward_msg(ForwardMsg()),
        handle_backmsg=lambda session, message, client: heard.append(message),
    )

    async def leave() -> None:
        came = iter([{"type": "websocket.connect"}, {"type": "websocket.receive", "bytes": b""}])

        async def receive() -> dict:
            message = next(came, {"type": "websocket.disconnect", "code": 1006})
            if message["type"] == "websocket.receive":
                await asyncio.wait_for(failed.wait(), 30)
            return message

        async def send(message: dict) -> None:
            if message["type"] == "websocket.send":
                failed.set()
                raise OSError("the connection is gone")

        scope = {"type": "websocket", "path": "/", "headers": [], "subprotocols": [], "query_string": b""}
        app = WebSocketRoute("/", create_websocket_handler(runtime))
        await server.LeavingIsNoError(app.app)(scope, receive, send)

    asyncio.run(leave())
    assert len(heard) == 1


def test_what_is_past_its_time_goes_every_day(caplog: pytest.LogCaptureFixture) -> None:
    """Also after a day on which the database could not be reached."""
    looks: list[str] = []

    async def days() -> None:
        purging = asyncio.create_task(server.purge_daily(0.001))
        while len(looks) < 3:
            await asyncio.sleep(0.001)
        purging.cancel()

    def purge() -> None:
        looks.append("look")
        if len(looks) == 1:
            raise StoreError("It is not there.")

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(server, "_purge", purge)
        asyncio.run(days())
    assert "It is not there." in caplog.text


def test_who_left_is_forgotten_also_when_nobody_else_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who is back soon keeps what they had."""
    away, closed, forgotten = ["back soon", "gone"], [], []

    def close(name: str) -> None:
        closed.append(name)
        away.remove(name)

    sessions = SimpleNamespace(list=lambda: [SimpleNamespace(session=SimpleNamespace(id=name)) for name in away])
    manager = SimpleNamespace(_session_storage=sessions, close_session=close)
    monkeypatch.setattr(server, "get_instance", lambda: SimpleNamespace(_session_mgr=manager))
    downloads = SimpleNamespace(forget=forgotten.extend)

    async def wait() -> None:
        forgetting = asyncio.create_task(server.forget_who_left(downloads, 0.2, 0.01))
        await asyncio.sleep(0.05)
        assert closed == []
        away.remove("back soon")
        while away:
            await asyncio.sleep(0.01)
        forgetting.cancel()

    asyncio.run(wait())
    assert closed == forgotten == ["gone"]


def test_what_it_looks_into_is_there() -> None:
    """These are no promises of Streamlit's."""
    assert server.LEFT_S + 10 <= 30
    assert st.get_option("server.disconnectedSessionTTL") > server.LEFT_S + 5
    manager = WebsocketSessionManager(MemorySessionStorage(), *[None] * 3)
    assert manager._session_storage.list() == []
    manager.close_session("nobody")
