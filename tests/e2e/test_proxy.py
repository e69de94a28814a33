"""Two replicas behind Caddy, as deploy/Caddyfile has it, with PostgreSQL behind them."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from fer.paths import ROOT
from tests.e2e.conftest import LIMIT_S, App, running_app, wait_until

NAME = "fer.example"
MB = 1 << 20

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Site:
    """What stands on loopback: the address and port of Caddy, and the two servers behind it."""

    host: str
    port: int
    replicas: tuple[App, App]


@pytest.fixture
def site(tmp_path: Path, postgres_url: str) -> Iterator[Site]:
    caddy = shutil.which("caddy")
    if caddy is None:
        reason = "no Caddy found: install it (Debian: apt-get install caddy)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {
        "FER_DATABASE_URL": postgres_url,
        "FER_TOKEN": "none",
        "STREAMLIT_SERVER_ALLOWED_HOSTS": NAME,
        "STREAMLIT_SERVER_COOKIE_SECRET": "the same for both",
    }
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    with running_app(folders[0], variables) as one, running_app(folders[1], variables) as two:
        for app in (one, two):
            wait_until(lambda app=app: httpx.get(f"{app.url}/healthz", timeout=LIMIT_S).is_success, app.process)
        places = " ".join(urlsplit(app.url).netloc for app in (one, two))
        text = (ROOT / "deploy" / "Caddyfile").read_text(encoding="utf-8")
        assert text.count("dynamic a app 8501") == 1
        text = text.replace("dynamic a app 8501", f"to {places}\n\t\theader_down X-Replica {{upstream_hostport}}")
        file = tmp_path / "Caddyfile"
        file.write_text("{\n\tadmin off\n\tauto_https off\n}\n" + text)
        process = subprocess.Popen(
            [caddy, "run", "--config", str(file), "--adapter", "caddyfile"],
            env=os.environ | {"FER_DOMAIN": f"http://{NAME}:{port}", "FER_COOKIE_SECRET": "known to Caddy"},
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until(lambda: _answers(port), process)
            yield Site(f"{NAME}:{port}", port, (one, two))
        finally:
            process.terminate()
            process.wait(LIMIT_S)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _visitor(site: Site) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{site.port}", headers={"host": site.host}, timeout=LIMIT_S)


def test_a_visitor_stays_with_a_replica(site: Site) -> None:
    """Pages, their WebSocket and uploads up to 100 MB, all of the same replica; both have the same database."""
    homes = set()
    for _ in range(8):
        with _visitor(site) as client:
            answers = [client.get("/healthz") for _ in range(3)]
            assert {answer.json()["database"] for answer in answers} == {"ok"}
            (home,) = {answer.headers["x-replica"] for answer in answers}
            homes.add(home)
    assert homes == {urlsplit(app.url).netloc for app in site.replicas}, "both are visited"

    with _visitor(site) as client:
        client.get("/_stcore/health")
        home, cookies = client.get("/healthz").headers["x-replica"], dict(client.cookies)
        with connect(
            f"ws://{site.host}/_stcore/stream",
            sock=socket.create_connection(("127.0.0.1", site.port)),
            additional_headers={
                "Origin": f"http://{site.host}",
                "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            },
            subprotocols=["streamlit"],
            max_size=None,
            proxy=None,
        ) as connection:  # its answer bears no name; that it leads to the same replica is seen by the upload
            message = BackMsg()
            message.rerun_script.page_name = "sessions"
            connection.send(message.SerializeToString())
            started = ForwardMsg.FromString(connection.recv(LIMIT_S))
            while started.WhichOneof("type") != "new_session":
                started = ForwardMsg.FromString(connection.recv(LIMIT_S))
            place = f"/_stcore/upload_file/{started.new_session.initialize.session_id}"
            for number, (megabytes, status) in enumerate([(100, 204), (102, 413)]):
                answer = client.put(
                    f"{place}/{number}",
                    files={"file": ("a.png", bytes(megabytes * MB - 4096))},
                    headers={"X-Xsrftoken": cookies["_streamlit_xsrf"]},
                )
                assert (answer.status_code, answer.headers.get("x-replica", home)) == (status, home)
