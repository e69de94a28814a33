"""The server's guards: who may connect, where the front end looks, and what uploads become."""

import asyncio

from starlette.formparsers import MultiPartParser

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


async def _page(scope, receive, send) -> None:
    assert b"accept-encoding" not in dict(scope["headers"]), "a packed page cannot be added to"
    await send({"type": "http.response.start", "status": 200, "headers": _headers({"etag": "old", "x": "kept"})})
    await send({"type": "http.response.body", "body": b"<head></he", "more_body": True})
    await send({"type": "http.response.body", "body": b"ad><p>a page</p>"})


def test_pages_learn_where_the_server_is():
    """Else the browser asks below the page's own path first, and two errors stand in its console."""
    headers = _headers({"accept": "text/html,*/*", "accept-encoding": "gzip"})
    start, body = _answers(server.NameTheBase(_page), {"type": "http", "headers": headers})
    assert b'BACKEND_BASE_URL: location.origin + "/"' in body["body"]
    assert body["body"].endswith(b"</head><p>a page</p>")
    assert dict(start["headers"]) == {b"x": b"kept", b"content-length": str(len(body["body"])).encode()}


def test_nothing_else_is_touched():
    async def data(scope, receive, send) -> None:
        await send({"type": "http.response.body", "body": b"<head></head>"})

    (body,) = _answers(server.NameTheBase(data), {"type": "http", "headers": _headers({"accept": "*/*"})})
    assert body["body"] == b"<head></head>"


def test_uploads_up_to_the_limit_are_not_spooled(monkeypatch):
    monkeypatch.setattr(MultiPartParser, "spool_max_size", 1)
    server.keep_uploads_in_memory()
    assert MultiPartParser.spool_max_size > 100 * 1024 * 1024
