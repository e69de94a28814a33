"""What strangers tried, replayed against a real server."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from fer.benchmark.server import memory_mb
from tests.e2e.conftest import ATTACKED_MB, FORGETS_S, LIMIT_S, App, Arrive, running_app

DONE = ForwardMsg.FINISHED_SUCCESSFULLY
NOBODY, OWNER = "Sessions are saved only for somebody", "No session yet"


def call(app: App, page: str, headers: dict[str, str] | None = None, *, name: str = "localhost") -> str:
    """Open a page as a browser does, in a WebSocket; everything that the server says until the page is there.

    Args:
        app: the server.
        page: a page's path.
        headers: of the request; without, those of a browser at this machine. A host is taken for the name in `name`.
        name: what the server is called.
    """
    given = {"Origin": f"http://{name}:{urlsplit(app.url).port}"} if headers is None else headers
    with _connection(app, given, name) as connection:
        message = BackMsg()
        message.rerun_script.page_name = page
        connection.send(message.SerializeToString())
        heard = b""
        while True:
            data = connection.recv(LIMIT_S)
            heard += data
            message = ForwardMsg.FromString(data)
            if message.WhichOneof("type") == "script_finished" and message.script_finished == DONE:
                return heard.decode("utf-8", "replace")


def _connection(app: App, headers: dict[str, str], name: str) -> ClientConnection:
    port = urlsplit(app.url).port
    return connect(
        f"ws://{name}:{port}/_stcore/stream",
        sock=socket.create_connection(("127.0.0.1", port)),
        additional_headers=headers,
        subprotocols=["streamlit"],
        open_timeout=LIMIT_S,
        max_size=None,
        proxy=None,
    )


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        pytest.param(None, OWNER, id="a browser here"),
        pytest.param({}, NOBODY, id="no origin"),
        pytest.param({"X-Forwarded-For": "203.0.113.9"}, NOBODY, id="a forwarder"),
        pytest.param({"Via": "1.1 proxy"}, NOBODY, id="only Via"),
        pytest.param({"CF-Connecting-IP": "203.0.113.9"}, NOBODY, id="only CF-Connecting-IP"),
    ],
)
def test_who_is_taken_for_the_owner(app: App, headers: dict[str, str] | None, said: str) -> None:
    own = {"Origin": app.url}
    given = headers if not headers else own | headers
    assert said in call(app, "sessions", given)


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        pytest.param("evil.example", None, id="a name that leads here"),
        pytest.param("localhost", {"Origin": "null"}, id="a sandboxed frame"),
        pytest.param("localhost", {"Origin": "http://evil.example"}, id="another site"),
    ],
)
def test_whose_pages_are_refused(app: App, name: str, headers: dict[str, str] | None) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        call(app, "sessions", headers, name=name)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        pytest.param("", {"Host": "evil.example"}, 421, id="a name that leads here"),
        pytest.param("_stcore/metrics", {}, 404, id="its figures"),
        pytest.param("_stcore/agent/openapi.json", {}, 404, id="its interface for programs"),
        pytest.param("_stcore/health", {}, 200, id="that it lives"),
        pytest.param("healthz", {"Host": "10.0.0.7:8501"}, 200, id="that it is well, whatever it is called"),
    ],
)
def test_what_it_answers(app: App, path: str, headers: dict[str, str], status: int) -> None:
    assert httpx.get(f"{app.url}/{path}", headers=headers).status_code == status


@pytest.mark.browser
def test_another_site_cannot_show_it_in_a_frame(app: App, arrive: Arrive, tmp_path: Path) -> None:
    """Else "Delete all" could be clicked through it."""
    trap = tmp_path / "trap.html"
    trap.write_text(f'<iframe src="{app.url}"></iframe>')
    page = arrive(app).page
    refusals = []
    page.on("console", lambda message: refusals.append(message.text))
    page.goto(trap.as_uri())
    page.wait_for_load_state()
    (frame,) = page.frames[1:]
    assert frame.locator("[data-testid=stApp]").count() == 0
    assert any("frame-ancestors" in refusal for refusal in refusals)


@pytest.mark.browser
def test_a_script_from_elsewhere_does_not_run(app: App, arrive: Arrive) -> None:
    page = arrive(app).open("")
    ran = page.evaluate(
        "() => { const script = document.createElement('script'); script.textContent = 'window.ran = true';"
        "document.body.append(script); return window.ran === true; }"
    )
    assert ran is False


STRANGER = {"X-Forwarded-For": "203.0.113.9"}


def _arrived(connection: ClientConnection, page: str) -> str:
    """Open a page in a connection; the session that it has."""
    message = BackMsg()
    message.rerun_script.page_name = page
    connection.send(message.SerializeToString())
    started = ForwardMsg.FromString(connection.recv(LIMIT_S))
    while started.WhichOneof("type") != "new_session":
        started = ForwardMsg.FromString(connection.recv(LIMIT_S))
    return started.new_session.initialize.session_id


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc")
def test_what_is_uploaded_is_bounded_and_goes_with_its_visitor(attacked: App) -> None:
    """As soon as a server forgets who left, though nobody else comes or leaves."""
    app = attacked
    with httpx.Client(base_url=app.url, timeout=LIMIT_S) as client:
        client.get("/_stcore/health")

        def put(session: str, number: int, megabytes: int) -> int:
            return client.put(
                f"/_stcore/upload_file/{session}/{number}",
                files={"file": ("a.png", os.urandom(megabytes * 1_000_000))},
                headers={"X-Xsrftoken": client.cookies["_streamlit_xsrf"]},
            ).status_code

        with _connection(app, {"Origin": app.url} | STRANGER, "localhost") as connection:
            session = _arrived(connection, "sessions")
            assert [put(session, number, 100) for number in range(3)] == [204, 413, 413]
            while b"holds 150 MB of one visitor's files at most" not in connection.recv(LIMIT_S):
                pass
            assert client.put(f"/_stcore/upload_file/{session}/9", content=iter([b"of no length"])).status_code == 411
            assert memory_mb(app.process.pid, peak=True) < ATTACKED_MB
            with _connection(app, {"Origin": app.url}, "localhost") as own:
                session = _arrived(own, "sessions")
                assert [put(session, number, 60) for number in range(3)] == [204] * 3, (
                    "whoever sits here notices nothing"
                )
                full = memory_mb(app.process.pid, peak=False)
        left = time.monotonic()
        while memory_mb(app.process.pid, peak=False) > full - 230:
            assert time.monotonic() - left < 60, f"on a machine that is not busy it takes {FORGETS_S + 1:g} s"
            time.sleep(0.2)


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A server that listens on every address, without a login."""
    with running_app(tmp_path_factory.mktemp("public"), {"STREAMLIT_SERVER_ADDRESS": "0.0.0.0"}) as app:
        yield app


def test_one_that_others_reach_asks_for_the_token_that_stands_in_its_messages(public: App) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        call(public, "sessions")
    with httpx.Client(base_url=public.url) as client:
        assert client.get("/").status_code == 401
        assert client.get("/static/js/", headers={"Accept": "text/html"}).status_code == 401
        assert client.get("/_stcore/health").status_code == 200
        (link,) = (word for word in Path(public.log).read_text().split() if "?token=" in word)
        assert client.get(link, follow_redirects=True).status_code == 200
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    assert NOBODY in call(public, "sessions", {"Origin": public.url, "Cookie": cookie})


def test_a_token_that_is_too_short_ends_it(tmp_path: Path) -> None:
    with running_app(tmp_path, {"FER_TOKEN": "short"}, may_fail=True) as app:
        assert app.process.wait(LIMIT_S) != 0
    messages = (tmp_path / "log").read_text()
    assert "FER_TOKEN must have 16 characters, but has 5; choose a longer one." in messages
    assert "Traceback" not in messages
