"""The doors of the server: by which names it is called, from which pages, with which token, and who sits at it.

Each is a piece of ASGI middleware that passes a request on or answers it. Knows nothing about pages.
"""

import hashlib
import hmac
import html
import os
import secrets
from functools import cache
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, parse_qsl, urlencode

import streamlit as st
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

from fer.errors import BudgetError, FerError
from fer.ui import shares
from fer.ui.visitor import (
    MARK,
    OWN_MACHINE,
    comes_from_own_machine,
    host_of,
    is_loopback,
    listening,
    listens_beyond_loopback,
)

TOKEN = "FER_TOKEN"
"""The variable that sets the token; `none` where something else before the server asks who somebody is."""

MIN_TOKEN_CHARACTERS = 16
MAX_FORM_BYTES = 4096
COOKIE_DAYS = 30

_HEALTH = "/_stcore/health"
_UPLOADS = "/_stcore/upload_file/"
_CLOSED = ("/_stcore/metrics", "/_stcore/script-health-check", "/_stcore/agent/")
_ASK = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Token</title>
<meta name="viewport" content="width=device-width"><style>
body{{font:1rem/1.5 sans-serif;background:#FBF8F2;color:#25221D;max-width:30rem;margin:4rem auto;padding:0 1rem}}
input,button{{font:inherit;padding:.5rem;border-radius:.5rem;border:1px solid #857D70}}
input{{width:100%;box-sizing:border-box}}
button{{background:#5B4BB5;color:#fff;margin-top:1rem}}</style></head><body><main><h1>This app asks for a token</h1>
<p>{said}</p><form method="post"><label>Token <input name="token" type="password" autocomplete="current-password"
autofocus required></label><button>Open the app</button></form></main></body></html>"""
_WHERE = "It stands in the messages of the server, or whoever runs the app has set it."
_WRONG = "That was not the token. " + _WHERE


async def answer(
    scope: Scope, receive: Receive, send: Send, status: int, text: str, headers: dict[str, str] | None = None
) -> None:
    """Answer a request with a status and a text, or close the WebSocket that it would open."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    body = text.encode()
    kind = "text/html" if text.startswith("<") else "text/plain"
    head = {"content-type": f"{kind}; charset=utf-8", "content-length": str(len(body)), "cache-control": "no-store"}
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in (head | (headers or {})).items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": b"" if scope.get("method") == "HEAD" else body})


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


class KnownNamesOnly:
    """Refuses requests that call the server by another name than it has.

    A page of any name can let that name lead to 127.0.0.1 and would then read this server as its own. Which names are
    the server's is `server.allowedHosts`; without it, one that this machine alone reaches is called by loopback names.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, if its host is named once and known."""
        if scope["type"] in ("http", "websocket"):
            given = _values(scope, b"host")
            host = host_of(given[0]) if len(given) == 1 else None
            if host is None or not _is_known(host):
                said = "This server is not called so: open it by its own name, or add this one to server.allowedHosts."
                await answer(scope, receive, send, 421 if given else 400, said)
                return
        await self._app(scope, receive, send)


def _is_known(host: str) -> bool:
    names = [name.strip().lower() for name in st.get_option("server.allowedHosts") or ()]
    if not names:
        return is_loopback(host) or listens_beyond_loopback()
    return is_loopback(host) or any(
        name in ("*", host) or (name.startswith("*.") and host.endswith(name[1:])) for name in names
    )


class OwnPagesOnly:
    """Refuses WebSocket connections that pages of other sites open.

    Streamlit refuses them too, but asks an outside host for this machine's public address first.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless it is a WebSocket from a page of another host."""
        if scope["type"] == "websocket":
            origins, hosts = _values(scope, b"origin"), _values(scope, b"host")
            own = {f"{scheme}://{host}" for scheme in ("http", "https") for host in hosts[:1]}
            allowed = own | {origin.strip() for origin in st.get_option("server.corsAllowedOrigins") or ()}
            if any(origin not in allowed for origin in origins):
                await answer(scope, receive, send, 403, "This server is not opened from pages of other sites.")
                return
        await self._app(scope, receive, send)


class ClosedRoutes:
    """Refuses what is for whoever runs the server and not for visitors.

    That is its figures, an interface for programs, and the message that empties the caches of everybody.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless it asks for such a thing."""
        if scope["type"] == "http" and any(closed in f"{scope['path']}/" for closed in _CLOSED):
            await answer(scope, receive, send, 404, "There is nothing here.")
            return

        async def without_orders() -> Message:
            while _is_order(message := await receive()):
                pass
            return message

        await self._app(scope, without_orders if scope["type"] == "websocket" else receive, send)


def _is_order(message: Message) -> bool:
    asked = BackMsg()
    try:
        asked.ParseFromString(message.get("bytes") or b"")
    except DecodeError:
        return False  # Streamlit closes the connection
    return asked.WhichOneof("type") == "clear_cache"


class UploadBudget:
    """Refuses uploads beyond what is held for one visitor, or for all, before they are read.

    Browsers' uploads state their length; one that does not is refused, since it could not be counted.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless it brings too much; the visitor's page then says so."""
        if scope["type"] != "http" or scope["method"] != "PUT" or _UPLOADS not in scope["path"]:
            await self._app(scope, receive, send)
            return
        lengths = _values(scope, b"content-length")
        if len(lengths) != 1 or not lengths[0].isdecimal():
            await answer(scope, receive, send, 411, "An upload must state its length.")
            return
        session_id = scope["path"].partition(_UPLOADS)[2].partition("/")[0]
        try:
            with shares.expect_upload(session_id, int(lengths[0])):
                await self._app(scope, receive, send)
        except BudgetError as error:
            message: Message = {"more_body": True}
            while message.get("more_body"):  # a browser hears no answer before it has sent everything
                message = await receive()
            await answer(scope, receive, send, 413, str(error))


class OwnMachine:
    """Marks the requests of whoever sits at this machine, for `fer.ui.visitor`; takes such a mark from all others."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with the mark that it deserves."""
        if scope["type"] in ("http", "websocket"):
            headers = [(name, value) for name, value in scope["headers"] if name.lower() != OWN_MACHINE.encode()]
            if comes_from_own_machine(scope):
                headers.append((OWN_MACHINE.encode(), MARK.encode()))
            scope = {**scope, "headers": headers}
        await self._app(scope, receive, send)


class TokenDoor:
    """Asks for a token where one was set, and where other machines reach a server that has no login.

    Whoever has it opens any page with `?token=` once, or types it in; a cookie then stands for it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, if it needs no token or bears it."""
        token = needed_token() if scope["type"] in ("http", "websocket") else None
        if token is None or (scope["type"] == "http" and scope["path"].endswith(_HEALTH)):
            await self._app(scope, receive, send)
            return
        name, value = _cookie(scope, token)
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [])
        if any(_same(each, token) for each in given) and scope["type"] == "http":
            await answer(scope, receive, send, 303, "", _let_in(scope, name, value))
        elif any(_same(each, value) for each in _cookies(scope, name)):
            await self._app(scope, receive, send)
        elif scope.get("method") == "POST":
            given = parse_qs((await _body(receive)).decode("latin-1")).get("token", [])
            if any(_same(each, token) for each in given):
                await answer(scope, receive, send, 303, "", _let_in(scope, name, value))
            else:
                await answer(scope, receive, send, 401, _ASK.format(said=html.escape(_WRONG)))
        elif "text/html" in "".join(_values(scope, b"accept")):
            await answer(scope, receive, send, 401, _ASK.format(said=html.escape(_WRONG if given else _WHERE)))
        else:
            await answer(scope, receive, send, 401, "This server asks for its token: open it in a browser.")


def needed_token() -> str | None:
    """The token that a request must bear; None where none is asked for. The first one that is made here is printed."""
    given = chosen_token()
    if given is not None:
        return given or None
    return _made_token() if listens_beyond_loopback() and not has_login() else None


@cache
def _made_token() -> str:
    token = secrets.token_urlsafe(24)
    port = next((port for _, port in listening()), st.get_option("server.port"))
    print(
        f"Other machines reach this server, and it has no login: it asks for a token ({TOKEN} sets one). Open it by\n"
        f"  http://localhost:{port}/?token={token}\nor by the name of this machine in the place of localhost.",
        flush=True,
    )
    return token


def chosen_token() -> str | None:
    """The token that was set; empty where none shall be asked for, None where nobody said.

    Raises:
        FerError: it is too short.
    """
    given = os.environ.get(TOKEN, "").strip()
    if not given or given == "none":
        return "" if given else None
    if len(given) < MIN_TOKEN_CHARACTERS:
        raise FerError(
            f"{TOKEN} must have {MIN_TOKEN_CHARACTERS} characters, but has {len(given)}; choose a longer one."
        )
    return given


def has_login() -> bool:
    """Whether whoever runs the app has set up a login."""
    return st.secrets.load_if_toml_exists() and bool(st.secrets.to_dict().get("auth"))


def _same(given: str, wanted: str) -> bool:
    return secrets.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode())


def _cookie(scope: Scope, token: str) -> tuple[str, str]:
    """The cookie that stands for a token; other servers of this machine get cookies too, so the port is in its name."""
    port = (scope.get("server") or ("", 0))[1]
    return f"fer-token-{port}", hmac.new(token.encode(), b"fer cookie", hashlib.sha256).hexdigest()


def _cookies(scope: Scope, name: str) -> list[str]:
    found = []
    for header in _values(scope, b"cookie"):
        try:
            jar = SimpleCookie(header)
        except CookieError:
            continue
        if name in jar:
            found.append(jar[name].value)
    return found


def _let_in(scope: Scope, name: str, value: str) -> dict[str, str]:
    """Send somebody who gave the token on to where they wanted to go, without it in the address."""
    query = [pair for pair in parse_qsl(scope.get("query_string", b"").decode("latin-1")) if pair[0] != "token"]
    path = "/" + scope.get("raw_path", scope["path"].encode()).decode("latin-1").partition("?")[0].lstrip("/\\")
    secure = "; Secure" if scope.get("scheme") == "https" else ""
    age = COOKIE_DAYS * 24 * 3600
    return {
        "location": path + (f"?{urlencode(query)}" if query else ""),
        "set-cookie": f"{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}",
    }


async def _body(receive: Receive) -> bytes:
    """What a form sends, no more than a token needs."""
    body = b""
    message: Message = {"more_body": True}
    while message.get("more_body") and len(body) <= MAX_FORM_BYTES:
        message = await receive()
        body += message.get("body", b"")
    return body[:MAX_FORM_BYTES]
