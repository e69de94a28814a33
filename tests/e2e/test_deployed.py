"""All that compose.yaml starts, on loopback: Caddy before two replicas, PostgreSQL, coturn, and somebody to log in at.

The files in deploy/ are used as they are shipped, but for what cannot be so on loopback: names, ports, certificates.
"""

import os
import secrets
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import httpx
import pytest
import sqlalchemy as sa
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from fer.benchmark.browser import wait_for
from fer.paths import ROOT
from tests.conftest import do_without, empty_database
from tests.e2e.conftest import (
    ANOTHER_NAME,
    LIMIT_S,
    App,
    Arrive,
    Visitor,
    answers,
    free_port,
    list_sessions,
    player,
    record_session,
    running_app,
    start_camera,
    wait_until,
)

MB = 1 << 20

PROVIDER = Path(__file__).with_name("provider")
"""Who vouches for users: npm's oidc-provider, as its package-lock.json has it."""


@dataclass(frozen=True)
class Site:
    """What stands on loopback.

    Attributes:
        url: where Caddy answers, by a name that leads nowhere outside of the tests' browsers.
        certificate: of whoever vouches for that name.
        provider: the address of who vouches for users.
        relay: the address of coturn, as the app names it.
        replicas: the two servers of the app.
    """

    url: str
    certificate: Path
    provider: str
    relay: str
    replicas: tuple[App, App]

    @property
    def port(self) -> int:
        return int(urlsplit(self.url).port or 443)


def _find(program: str, package: str) -> str:
    return shutil.which(program) or do_without(f"no {program} found: install it (Debian: apt-get install {package})")


@contextmanager
def _serving(
    command: list[str],
    port: int,
    log: Path,
    variables: Mapping[str, str] = MappingProxyType({}),
    is_ready: Callable[[int], bool] = answers,
) -> Iterator[None]:
    """Run a server until it is no longer needed; begins when it is ready at its port."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=os.environ | dict(variables), stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: is_ready(port), process)
        yield
    finally:
        process.terminate()
        process.wait(LIMIT_S)


def _has_certificate(port: int) -> bool:
    """Whether the site's name has its certificate, which Caddy makes when it listens already."""
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", port), LIMIT_S) as plain,
            unchecked.wrap_socket(plain, server_hostname=ANOTHER_NAME),
        ):
            return True
    except OSError:
        return False


def _edit(file: str, changes: Mapping[str, str]) -> str:
    """A shipped file, with other words in the place of some that it holds once."""
    text = (ROOT / "deploy" / file).read_text(encoding="utf-8")
    for words, others in changes.items():
        assert text.count(words) == 1, f"deploy/{file} holds {words!r} once"
        text = text.replace(words, others)
    return text


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, postgres_server: sa.URL) -> Iterator[Site]:
    """Everything, started once for the tests of this file."""
    folder = tmp_path_factory.mktemp("site")
    programs = [("caddy", "caddy"), ("turnserver", "coturn"), ("node", "nodejs")]
    run_caddy, run_coturn, run_node = (_find(program, package) for program, package in programs)
    if not (PROVIDER / "node_modules").is_dir():
        do_without("no OpenID Connect provider found: npm ci --prefix tests/e2e/provider")

    caddy, relay, provider = (free_port() for _ in range(3))
    url, turn = f"https://{ANOTHER_NAME}:{caddy}", f"turn:127.0.0.1:{relay}"
    client, secret, shared = (secrets.token_hex() for _ in range(3))
    (folder / ".streamlit").mkdir()
    login = {
        "https://fer.example.org": url,
        "https://login.example.org": f"http://127.0.0.1:{provider}",
        'client_id = ""': f'client_id = "{client}"',
        'client_secret = ""': f'client_secret = "{secret}"',
        'cookie_secret = ""': f'cookie_secret = "{secrets.token_hex()}"',
    }
    (folder / ".streamlit" / "secrets.toml").write_text(_edit("secrets.example.toml", login))
    with ExitStack() as stack:
        start = stack.enter_context
        variables = {
            "HOME": str(folder),
            "FER_DATABASE_URL": start(empty_database(postgres_server)),
            "FER_TOKEN": "none",
            "FER_TURN_URLS": f"{turn},{turn}?transport=tcp",
            "FER_TURN_SECRET": shared,
            "STREAMLIT_SERVER_ALLOWED_HOSTS": ANOTHER_NAME,
            "STREAMLIT_SERVER_COOKIE_SECRET": "the same for both",
        }
        command = [run_node, str(PROVIDER / "provider.mjs"), str(provider), client, secret, f"{url}/oauth2callback"]
        start(_serving(command, provider, folder / "provider.log"))

        # As in a cloud, its public address (127.0.0.2) is not its own (127.0.0.1), and as before a container no other
        # address leads to the app: both ends meet at coturn.
        places = f"listening-port={relay}\nlistening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nallow-loopback-peers"
        places += "\nallowed-peer-ip=127.0.0.2\ndenied-peer-ip=0.0.0.0-255.255.255.255"
        places += f"\nuserdb={folder}/turn.db\npidfile={folder}/turn.pid"
        (folder / "turnserver.conf").write_text(_edit("turnserver.conf", {"listening-port=3478": places}))
        given = [f"--realm={ANOTHER_NAME}", "--external-ip=127.0.0.2/127.0.0.1", f"--static-auth-secret={shared}"]
        command = [run_coturn, "-c", str(folder / "turnserver.conf"), *given]
        start(_serving(command, relay, folder / "turn.log"))

        replicas = []
        for number in range(2):
            (folder / str(number)).mkdir()
            replicas.append(start(running_app(folder / str(number), variables)))
        for app in replicas:
            wait_until(lambda app=app: httpx.get(f"{app.url}/healthz", timeout=LIMIT_S).is_success, app.process)

        upstreams = " ".join(urlsplit(app.url).netloc for app in replicas)
        places = f"to {upstreams}\n\t\theader_down X-Replica {{upstream_hostport}}"
        options = "admin off\nauto_https disable_redirects\nlocal_certs\nskip_install_trust\ndefault_bind 127.0.0.1"
        (folder / "Caddyfile").write_text(f"{{\n{options}\n}}\n" + _edit("Caddyfile", {"dynamic a app 8501": places}))
        command = [run_caddy, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
        known = {"FER_DOMAIN": url, "FER_COOKIE_SECRET": "known to Caddy", "XDG_DATA_HOME": str(folder)}
        start(_serving(command, caddy, folder / "caddy.log", known, _has_certificate))
        certificate = folder / "caddy" / "pki" / "authorities" / "local" / "root.crt"
        yield Site(url, certificate, f"http://127.0.0.1:{provider}", turn, tuple(replicas))


class _ByName(httpx.HTTPTransport):
    """Asks loopback by the site's name, which leads nowhere."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["sni_hostname"] = ANOTHER_NAME
        return super().handle_request(request)


def _guest(site: Site) -> httpx.Client:
    trusted = ssl.create_default_context(cafile=site.certificate)
    return httpx.Client(
        base_url=f"https://127.0.0.1:{site.port}",
        headers={"host": urlsplit(site.url).netloc},
        transport=_ByName(verify=trusted),
        timeout=LIMIT_S,
    )


@pytest.mark.slow
def test_a_visitor_stays_with_a_replica(site: Site) -> None:
    """Pages, their WebSocket and uploads up to 100 MB, all of the same replica; both have the same database."""
    homes = set()
    for _ in range(8):
        with _guest(site) as client:
            given = [client.get("/healthz") for _ in range(3)]
            assert {answer.json()["database"] for answer in given} == {"ok"}
            (home,) = {answer.headers["x-replica"] for answer in given}
            homes.add(home)
    assert homes == {urlsplit(app.url).netloc for app in site.replicas}, "both are visited"

    with _guest(site) as client:
        client.get("/_stcore/health")
        home, cookies = client.get("/healthz").headers["x-replica"], dict(client.cookies)
        with connect(
            f"{site.url.replace('https', 'wss')}/_stcore/stream",
            sock=socket.create_connection(("127.0.0.1", site.port)),
            ssl=ssl.create_default_context(cafile=site.certificate),
            additional_headers={
                "Origin": site.url,
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


RELAY_ALONE = """(() => {
    const Plain = window.RTCPeerConnection;
    window.connections = [];
    window.RTCPeerConnection = class extends Plain {
        constructor(configuration) {
            super({...configuration, iceTransportPolicy: 'relay'});
            window.connections.push(this);
        }
    };
})()"""
"""Runs before the app's scripts: as if a firewall let nothing through but what goes to coturn."""

WAYS = """async () => {
    const found = new Set();
    for (const connection of window.connections) {
        const stats = await connection.getStats();
        const pairs = [...stats.values()].filter(({type}) => type === 'candidate-pair');
        const carried = (which) => pairs.reduce((sum, pair) => sum + pair[which], 0);
        if (Math.min(carried('bytesSent'), carried('bytesReceived')) < 20000) continue;
        for (const pair of pairs.filter((pair) => pair.bytesSent || pair.bytesReceived)) {
            const ends = [pair.localCandidateId, pair.remoteCandidateId].map((id) => stats.get(id));
            found.add([(ends[0].url ?? '').split('?')[0], ...ends.map(({candidateType}) => candidateType)].join());
        }
    }
    return [...found];
}"""
"""Runs in the player: which ways its pictures take, once some have gone there and back. They need not come back as they
went: a browser may go over from TCP to UDP, and aioice keeps to the pair that was nominated first."""


def _settle(visitor: Visitor, replica: App) -> None:
    """Be a visitor of this replica: Caddy deals them out, so its cookie is thrown away until it deals this one."""
    place = urlsplit(replica.url).netloc
    for _ in range(50):
        answer = visitor.page.goto(f"{visitor.home}/healthz")
        if answer.headers["x-replica"] == place:
            return
        visitor.page.context.clear_cookies(name="fer_replica")
    pytest.fail(f"Caddy sends nobody to {place}")


def _log_in(visitor: Visitor, name: str) -> None:
    """Log in as a person does: on the Sessions page, and then by a name at the provider."""
    page = visitor.open("sessions")
    page.get_by_text("Sessions are saved only for somebody").wait_for()
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{visitor.home}/")


@pytest.mark.browser
def test_each_user_records_through_the_relay_and_sees_their_own(
    site: Site, still_face: Path, arrive_with_camera: Arrive
) -> None:
    """Each on a replica, and then on the other, where they are still logged in and find what they saved."""
    mark = secrets.token_hex(4)  # a second try begins with nothing either
    visitors = {name: arrive_with_camera(site, still_face, ignore_https_errors=True) for name in ("Ann", "Bob")}
    for (name, visitor), replica in zip(visitors.items(), site.replicas, strict=True):
        visitor.page.add_init_script(RELAY_ALONE)
        _settle(visitor, replica)
        _log_in(visitor, f"{name} {mark}")
        page = visitor.open("live")
        start_camera(page)
        assert wait_for(player(page), WAYS) == [f"{site.relay},relay,relay"]
        record_session(page, f"Of {name}")

    for (name, visitor), replica in zip(visitors.items(), reversed(site.replicas), strict=True):
        visitor.page.context.clear_cookies(name="fer_replica")
        _settle(visitor, replica)
        page = visitor.open("sessions")
        assert list_sessions(page) == [f"Of {name}"]
        page.get_by_text("They are in this app's database, under your login").wait_for()
        own = [trouble for trouble in visitor.troubles if not trouble.startswith(f"asks for {site.provider}/")]
        assert own == []
        assert len(own) < len(visitor.troubles), "the login was elsewhere"
