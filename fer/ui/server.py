"""The web server's side of the app: what has to be set before the first visitor comes.

Knows nothing about pages.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st
from starlette.formparsers import MultiPartParser
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fer.errors import FerError, known
from fer.ui.access import (
    ClosedRoutes,
    KnownNamesOnly,
    OwnMachine,
    OwnPagesOnly,
    TokenDoor,
    chosen_token,
    needed_token,
)

_BASE = b'<script>window.__streamlit = {BACKEND_BASE_URL: location.origin + "/%s"}</script></head>'


def keep_uploads_in_memory() -> None:
    """Keep Starlette from spooling uploads above 1 MB to the temporary folder, up to the upload limit."""
    MultiPartParser.spool_max_size = (st.get_option("server.maxUploadSize") + 1) * 1024 * 1024


class NameTheBase:
    """Tells Streamlit's front end where its server is, in the page that starts it.

    Opened at `/image`, it would otherwise ask for `/image/_stcore/health` first and leave two errors in the browser's
    console before it finds the server.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._script = _BASE % st.get_option("server.baseUrlPath").strip("/").encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; only whole HTML pages are touched."""
        headers = dict(scope.get("headers", ()))
        if scope["type"] != "http" or b"text/html" not in headers.get(b"accept", b""):
            await self._app(scope, receive, send)
            return
        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        start: Message | None = None
        body = b""

        async def collect(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            begun = known(start)
            changed = body.replace(b"</head>", self._script, 1)
            kept = [
                (name, value) for name, value in begun["headers"] if name.lower() not in (b"content-length", b"etag")
            ]
            await send({**begun, "headers": [*kept, (b"content-length", str(len(changed)).encode())]})
            await send({"type": "http.response.body", "body": changed})

        await self._app({**scope, "headers": plain}, receive, collect)


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Runs around the server's life."""
    keep_uploads_in_memory()
    needed_token()
    yield


def middleware() -> list[Middleware]:
    """What every request passes first, from the outside in; a token that was set and is no good ends the program."""
    try:
        chosen_token()
    except FerError as error:
        raise SystemExit(str(error)) from None
    return [
        Middleware(KnownNamesOnly),
        Middleware(OwnPagesOnly),
        Middleware(TokenDoor),
        Middleware(ClosedRoutes),
        Middleware(OwnMachine),
        Middleware(NameTheBase),
    ]
