"""The web server's side of the app: what has to be set before the first visitor comes.

Knows nothing about pages.
"""

import asyncio
import base64
import gc
import hashlib
import logging
import re
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any
from weakref import WeakValueDictionary

import streamlit as st
from starlette.formparsers import MultiPartParser
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.runtime import get_instance
from streamlit.runtime.state import SafeSessionState, SessionState

from fer.api import readings
from fer.api.description import PLACE
from fer.errors import FerError, StoreError, known
from fer.store import Store
from fer.ui import logs
from fer.ui.access import (
    ClosedRoutes,
    KnownNamesOnly,
    OwnMachine,
    OwnPagesOnly,
    TokenDoor,
    UploadBudget,
    chosen_token,
    needed_token,
)
from fer.ui.beside import Beside, base_path, health
from fer.ui.downloads import Downloads
from fer.ui.ending import ends_in_order
from fer.ui.loaders import open_pipeline, prepare

LEFT_S = 20.0
"""How long somebody whose connection broke finds what they had."""

_LOG = logging.getLogger(__name__)

_BASE = b'window.__streamlit = {BACKEND_BASE_URL: location.origin + "/%s"}'
_INLINE = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+")
_MEDIA = "/media/"


def keep_uploads_in_memory() -> None:
    """Keep Starlette from spooling uploads above 1 MB to the temporary folder, up to the upload limit."""
    MultiPartParser.spool_max_size = (st.get_option("server.maxUploadSize") + 1) * 1024 * 1024


def keep_runs_apart() -> None:
    """Let all runs of a visitor's pages wait for one lock before they touch what they share.

    With `runner.fastReruns` one begins while the one before is still at it, and Streamlit 1.67 gives each a lock of its
    own: now and then a page ended with "dictionary changed size during iteration".
    """
    make = SafeSessionState.__init__
    locks: WeakValueDictionary[int, Any] = WeakValueDictionary()  # of states that somebody still uses
    adding = threading.Lock()

    def share(self: SafeSessionState, state: SessionState, yield_callback: Callable[[], None]) -> None:
        make(self, state, yield_callback)
        with adding:
            object.__setattr__(self, "_lock", locks.setdefault(id(state), self._lock))

    SafeSessionState.__init__ = share  # type: ignore[method-assign]


class NameTheBase:
    """Tells Streamlit's front end where its server is, in the page that starts it.

    Opened at `/image`, it would otherwise ask for `/image/_stcore/health` first and leave two errors in the browser's
    console before it finds the server.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._script = b"<script>%s</script></head>" % _base_script()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; only the page that starts the app is touched, and nothing that somebody downloads."""
        headers = dict(scope.get("headers", ()))
        if scope["type"] != "http" or b"text/html" not in headers.get(b"accept", b"") or _MEDIA in scope["path"]:
            await self._app(scope, receive, send)
            return
        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        start: Message | None = None
        body = b""

        async def collect(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                if not _is_page(message):
                    await send(message)
                else:
                    start = message
                return
            if start is None:
                await send(message)
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


def _is_page(start: Message) -> bool:
    headers = {name.lower(): value for name, value in start["headers"]}
    return headers.get(b"content-type", b"").startswith(b"text/html") and b"content-disposition" not in headers


def _base_script() -> bytes:
    return _BASE % base_path().lstrip("/").encode()


class SafeHeaders:
    """Tells browsers what the app's pages may do: load from this server alone, and stand in no other site's frame.

    Scripts are the server's files, those that Streamlit makes of a component's text (`blob:`), and the two that stand
    in the page that starts the app, told by their hashes. Styles are written by scripts, so they are allowed. What
    somebody downloads runs nothing at all.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        index = Path(st.__file__).with_name("static") / "index.html"
        inline = [*_INLINE.findall(index.read_bytes()), _base_script()]
        hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'" for script in inline]
        self._scripts = " ".join(["'self'", "blob:", *hashes])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, with these headers in the place of any of the same names."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        added = self._headers(scope)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [(name, value) for name, value in message["headers"] if name.lower() not in added]
                message = {**message, "headers": [*kept, *added.items()]}
            await send(message)

        await self._app(scope, receive, with_headers)

    def _headers(self, scope: Scope) -> dict[bytes, bytes]:
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""  # not every browser's 'self' has them
        rules = [
            "default-src 'self'",
            f"script-src {self._scripts}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "media-src 'self' data: blob:",
            "font-src 'self' data:",
            f"connect-src 'self' data: blob:{sockets}",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'self'",
        ]
        if _MEDIA in scope["path"]:
            rules = ["script-src 'none'", "object-src 'none'", "frame-ancestors 'self'", "sandbox allow-downloads"]
        return {
            b"content-security-policy": "; ".join(rules).encode(),
            b"x-frame-options": b"SAMEORIGIN",
            b"x-content-type-options": b"nosniff",
            b"referrer-policy": b"same-origin",
            b"cross-origin-opener-policy": b"same-origin",
        }


class LeavingIsNoError:
    """Drops what is still sent to visitors whose connection is gone; that it is gone is heard from what they send.

    Streamlit 1.67 would take the refusal to send for a message of theirs that it cannot read, and log it with a trace.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; only messages over a WebSocket are touched."""

        async def send_if_there(message: Message) -> None:
            with suppress(OSError):
                await send(message)

        await self._app(scope, receive, send_if_there if scope["type"] == "websocket" else send)


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Runs around the server's life."""
    logs.set_up()
    keep_uploads_in_memory()
    keep_runs_apart()
    needed_token()
    prepare()
    downloads = Downloads(get_instance().media_file_mgr)
    chores = [asyncio.create_task(purge_daily()), asyncio.create_task(forget_who_left(downloads))]
    try:
        async with ends_in_order():
            yield
    finally:
        for chore in chores:
            chore.cancel()


async def forget_who_left(downloads: Downloads, left_s: float = LEFT_S, every_s: float = 5.0) -> None:
    """Close the sessions of visitors who left, and with them what they uploaded; `left_s` is for who comes back.

    Streamlit would keep them until another visitor leaves, since it looks only then. What somebody downloaded, or could
    have, is looked for as often.
    """
    since: dict[str, float] = {}
    while True:
        await asyncio.sleep(every_s)
        manager: Any = get_instance()._session_mgr
        now_s = monotonic()
        since = {each.session.id: since.get(each.session.id, now_s) for each in manager._session_storage.list()}
        gone = [name for name, left_at_s in since.items() if now_s - left_at_s >= left_s]
        for name in gone:
            manager.close_session(name)
        downloads.forget(gone)
        if gone:
            gc.collect()


async def purge_daily(every_s: float = 24 * 3600.0) -> None:
    """Delete saved sessions that are past their time also on a server whose pages nobody opens."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await asyncio.to_thread(_purge)
        except StoreError as error:
            _LOG.warning("Saved sessions could not be looked through: %s", error)


def _purge() -> None:
    Store().close()  # opening it deletes what is past its time


def middleware() -> list[Middleware]:
    """What every request passes first, from the outside in; a setting that is no good ends the program."""
    try:
        chosen_token()
        programs = readings.create_app(readings.chosen_token(), open_pipeline)
        logs.chosen_form()
    except FerError as error:
        raise SystemExit(str(error)) from None
    return [
        Middleware(SafeHeaders),
        Middleware(Beside, "/healthz", health()),
        Middleware(KnownNamesOnly),
        Middleware(OwnPagesOnly),
        Middleware(Beside, PLACE, programs),
        Middleware(TokenDoor),
        Middleware(ClosedRoutes),
        Middleware(UploadBudget),
        Middleware(OwnMachine),
        Middleware(NameTheBase),
        Middleware(LeavingIsNoError),
    ]
