import hashlib
import ipaddress
import itertools
import shutil
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from unittest.mock import Mock

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer import fetch, paths
from fer.errors import FetchError
from fer.fetch import Guard, fetch_detector, fetch_image_bytes, is_public
from tests.fuzzing import is_one_sentence

PICTURE = b"\x89PNG and so on"
LOOPBACK = ipaddress.ip_address("127.0.0.1")
TEST_GUARD = Guard(allow=frozenset({LOOPBACK}))
look_up_really = socket.getaddrinfo


def answer(body: bytes = PICTURE, *headers: str, status: str = "200 OK", length: int | None = None) -> list[bytes]:
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Length: {len(body) if length is None else length}",
        "Connection: close",
        *headers,
    ]
    return [*(f"{line}\r\n".encode() for line in lines), b"\r\n", body]


def redirect(place: str) -> list[bytes]:
    return answer(b"", f"Location: {place}", status="302 Found")


@dataclass
class Server:
    """A server on a loopback address that writes down what it is asked."""

    port: int
    asked: list[str] = field(default_factory=list)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def serving(
    respond: Callable[[str], Iterable[bytes]], *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> Iterator[Server]:
    """Serve `respond(path)`, piece by piece, from a thread of its own."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            try:
                path = self.rfile.readline(100_000).split(b" ")[1].decode()
                while self.rfile.readline(100_000).strip():
                    pass
                server.asked.append(path)
                for piece in respond(path):
                    self.wfile.write(piece)
            except (OSError, IndexError):
                return

    class Listener(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def get_request(self) -> tuple[socket.socket, object]:
            connection, address = super().get_request()
            return (connection if tls is None else tls.wrap_socket(connection, server_side=True)), address

        def handle_error(self, *_: object) -> None:
            """Clients hang up on purpose here."""

    with Listener((host, 0), Handler) as listener:
        server = Server(listener.server_address[1])
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that this process connects to, in order."""
    seen: list[str] = []
    connect = socket.socket.connect

    def record(self: socket.socket, address: tuple) -> None:
        seen.append(address[0])
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", record)
    return seen


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """What names resolve to: a list of addresses a look-up, the last for good. Numbers go to the system."""
    table: dict[str, list[list[str]]] = {}

    def look_up(host: str, port: int, *args: object, **options: object) -> list:
        if host not in table:
            return look_up_really(host, port, *args, **{"flags": socket.AI_NUMERICHOST} | options)
        answers = table[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        kinds = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in addresses]
        return [(kind, socket.SOCK_STREAM, 6, "", (a, port)) for kind, a in zip(kinds, addresses, strict=True)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return table


def refusal(url: str, guard: Guard = TEST_GUARD) -> str:
    """The sentence with which an address is refused."""
    with pytest.raises(FetchError) as caught:
        fetch_image_bytes(url, guard=guard)
    sentence = str(caught.value)
    assert is_one_sentence(sentence)
    return sentence


FORBIDDEN_HOSTS = {
    "loopback": "127.0.0.1",
    "loopback-elsewhere": "127.8.9.10",
    "loopback-short": "127.1",
    "loopback-three-parts": "127.0.1",
    "loopback-decimal": "2130706433",
    "loopback-octal": "0177.0.0.1",
    "loopback-octal-whole": "017700000001",
    "loopback-octal-padded": "0000177.0.0.01",
    "loopback-hex": "0x7f000001",
    "loopback-hex-parts": "0x7f.0x0.0x0.0x1",
    "loopback-mixed": "0x7f.1",
    "loopback-upper-hex": "0X7F.0.0.1",
    "loopback-percent": "%31%32%37.0.0.1",
    "this-host": "0.0.0.0",
    "this-host-short": "0",
    "this-network": "0.1.2.3",
    "private-10": "10.0.0.1",
    "private-10-decimal": "167772161",
    "private-172": "172.16.0.1",
    "private-172-end": "172.31.255.255",
    "private-192": "192.168.1.1",
    "private-192-hex": "0xc0a80101",
    "metadata": "169.254.169.254",
    "metadata-decimal": "2852039166",
    "metadata-octal": "0251.0376.0251.0376",
    "metadata-azure": "168.63.129.16",
    "metadata-oracle": "192.0.0.192",
    "carrier-grade": "100.64.0.1",
    "carrier-grade-alibaba": "100.100.100.200",
    "benchmark": "198.18.0.1",
    "documentation": "203.0.113.7",
    "relay-6to4": "192.88.99.1",
    "multicast": "224.0.0.1",
    "multicast-local": "239.255.255.250",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "v6-loopback": "[::1]",
    "v6-loopback-long": "[0:0:0:0:0:0:0:1]",
    "v6-nothing": "[::]",
    "v6-link-local": "[fe80::1]",
    "v6-link-local-zone": "[fe80::1%lo]",
    "v6-site-local": "[fec0::1]",
    "v6-unique-local": "[fc00::1]",
    "v6-metadata": "[fd00:ec2::254]",
    "v6-multicast": "[ff02::1]",
    "v6-documentation": "[2001:db8::1]",
    "v6-documentation-new": "[3fff::1]",
    "v6-orchid": "[2001:20::1]",
    "v6-discard": "[100::1]",
    "v6-mapped": "[::ffff:127.0.0.1]",
    "v6-mapped-hex": "[::ffff:7f00:1]",
    "v6-mapped-private": "[::ffff:10.0.0.1]",
    "v6-mapped-metadata": "[::ffff:a9fe:a9fe]",
    "v6-compatible": "[::127.0.0.1]",
    "v6-translated": "[::ffff:0:127.0.0.1]",
    "v6-nat64": "[64:ff9b::127.0.0.1]",
    "v6-nat64-private": "[64:ff9b::a00:1]",
    "v6-nat64-local": "[64:ff9b:1::a00:1]",
    "v6-6to4": "[2002:7f00:1::]",
    "v6-6to4-private": "[2002:a00:1::1]",
    "v6-teredo": "[2001:0:7f00:1:0:0:80ff:fffe]",
    "v6-isatap": "[2600::5efe:10.0.0.1]",
    "v6-isatap-global": "[2600::200:5efe:a00:1]",
}
"""Addresses that are not public, in every spelling that a URL may hold."""


REFUSALS = (
    "cannot be found on the public internet; check the address, or save the picture and upload the file.",
    # httpx knows no octal numbers, and no name holds escapes.
    "The address is malformed; give one like https://example.org/face.jpg.",
    "cannot be reached or answers wrongly; check the address, or save the picture and upload the file.",
)


@pytest.fixture(scope="module")
def trap() -> Iterator[int]:
    """A port on which a socket listens on every IPv4 address of this machine, and must never be connected to."""
    with closing(socket.create_server(("", 0))) as listener:
        listener.setblocking(False)
        yield listener.getsockname()[1]
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("host", FORBIDDEN_HOSTS.values(), ids=FORBIDDEN_HOSTS)
def test_no_packet_goes_to_a_forbidden_address(host: str, trap: int, connections: list[str]) -> None:
    for scheme in ("http", "https"):
        assert refusal(f"{scheme}://{host}:{trap}/face.jpg", Guard()).endswith(REFUSALS)
    assert connections == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.1 is the only loopback address")
@pytest.mark.parametrize("host", FORBIDDEN_HOSTS.values(), ids=FORBIDDEN_HOSTS)
def test_no_redirect_leads_to_a_forbidden_address(host: str, trap: int, connections: list[str]) -> None:
    # The test's own server is allowed by an address that no spelling in the table stands for.
    guard = Guard(allow=frozenset({ipaddress.ip_address("127.0.0.77")}))
    with serving(lambda _: redirect(f"http://{host}:{trap}/"), host="127.0.0.77") as server:
        url = f"http://127.0.0.77:{server.port}/"
        assert refusal(url, guard).endswith(REFUSALS)
    assert connections == ["127.0.0.77"]


def number(host: str) -> str | None:
    """A URL's host as an address, if it is one in its usual spelling."""
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return None


FORBIDDEN_NUMBERS = sorted({address for address in map(number, FORBIDDEN_HOSTS.values()) if address})


@pytest.mark.parametrize("address", FORBIDDEN_NUMBERS)
@pytest.mark.parametrize("others", [[], ["93.184.215.14"], ["2606:4700::1111"]], ids=["alone", "after-v4", "after-v6"])
def test_no_name_leads_to_a_forbidden_address(
    address: str, others: list[str], trap: int, connections: list[str], names: dict[str, list[list[str]]]
) -> None:
    names["face.test"] = [[*others, address]]
    assert refusal(f"http://face.test:{trap}/", Guard()).startswith("face.test cannot be found on the public internet")
    assert connections == []


def test_a_name_that_changes_its_mind_is_connected_to_where_it_was_checked(
    trap: int, connections: list[str], names: dict[str, list[list[str]]]
) -> None:
    names["face.test"] = [["127.0.0.1"], ["127.0.0.2"]]
    with serving(lambda _: answer()) as server:
        assert fetch_image_bytes(f"http://face.test:{server.port}/", guard=TEST_GUARD) == PICTURE
    assert connections == ["127.0.0.1"]
    assert names["face.test"] == [["127.0.0.2"]]


def test_a_name_that_changes_its_mind_between_hops_is_refused(
    connections: list[str], names: dict[str, list[list[str]]]
) -> None:
    names["face.test"] = [["127.0.0.1"], ["127.0.0.2"]]
    with serving(lambda _: redirect("/again")) as server:
        assert "cannot be found on the public internet" in refusal(f"http://face.test:{server.port}/")
        assert server.asked == ["/"]
    assert connections == ["127.0.0.1"]


def test_every_hop_is_looked_up_once(connections: list[str], names: dict[str, list[list[str]]]) -> None:
    names["face.test"] = [["127.0.0.1"], ["127.0.0.1"], ["127.0.0.2"]]
    with serving(lambda path: redirect("/there") if path == "/" else answer()) as server:
        assert fetch_image_bytes(f"http://face.test:{server.port}/", guard=TEST_GUARD) == PICTURE
    assert names["face.test"] == [["127.0.0.2"]]
    assert connections == ["127.0.0.1"] * 2


def test_the_next_address_is_tried_where_one_does_not_answer(
    connections: list[str], names: dict[str, list[list[str]]]
) -> None:
    guard = Guard(allow=frozenset(map(ipaddress.ip_address, ("127.0.0.1", "127.0.0.3"))))
    names["face.test"] = [["127.0.0.3", "127.0.0.1"]]
    with serving(lambda _: answer()) as server:
        assert fetch_image_bytes(f"http://face.test:{server.port}/", guard=guard) == PICTURE
    assert connections == ["127.0.0.3", "127.0.0.1"]


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("8.8.8.8", True),
        ("172.15.255.255", True),
        ("172.32.0.0", True),
        ("100.63.255.255", True),
        ("100.128.0.0", True),
        ("223.255.255.255", True),
        ("2606:4700::1111", True),
        ("2a00:1450:4001::200e", True),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::808:808", True),
        ("2002:808:808::1", False),
        *((address, False) for address in FORBIDDEN_NUMBERS),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_inside_ipv6_is_judged_as_itself(inner: ipaddress.IPv4Address) -> None:
    number = int(inner)
    for prefix in ("::ffff:0:0", "64:ff9b::"):
        assert is_public(ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) + number)) == is_public(inner)
    assert not is_public(ipaddress.IPv6Address(number))
    assert not is_public(ipaddress.IPv6Address((0x2002 << 112) + (number << 80)))


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("", "Only http and https"),
        ("   ", "Only http and https"),
        ("face.jpg", "Only http and https"),
        ("//example.org/face.jpg", "Only http and https"),
        ("http://", "Only http and https"),
        ("http:///face.jpg", "Only http and https"),
        ("ftp://example.org/face.jpg", "Only http and https"),
        ("file:///etc/passwd", "Only http and https"),
        ("gopher://example.org:70/1", "Only http and https"),
        ("data:image/png;base64,AAAA", "Only http and https"),
        ("http://user@example.org/", "user name or a password"),
        ("http://user:secret@example.org/", "user name or a password"),
        ("http://:secret@example.org/", "user name or a password"),
        ("http://example.org:0/", "Port 0 is not fetched from"),
        ("http://example.org:22/", "Port 22 is not fetched from"),
        ("https://example.org:1023/", "Port 1023 is not fetched from"),
        ("http://example.org:65536/", "Port 65536 is not fetched from"),
        ("http://example.org:65558/", "Port 65558 is not fetched from"),
        ("http://example.org:http/", "malformed"),
        ("http://[::1/", "malformed"),
        ("http://exa\x00mple.org/", "malformed"),
        ("http://example.org/\r\nHost: other", "malformed"),
        ("http://\uff11\uff12\uff17.0.0.1/", "malformed"),
        ("http://\u246027.0.0.1/", "malformed"),
        ("HTTP://.", "malformed"),
        ("http://example.org./", "malformed"),
        ("http://example..org/", "malformed"),
        ("http://example.org!/", "malformed"),
        ("http://-.example/", "malformed"),
        ("http://%31%32%37.0.0.1/", "malformed"),
        ("http://[fe80::1%a. b]/", "malformed"),
        ("http://xn--a/", "malformed"),
        ("http://xn--/", "malformed"),
        ("http://" + "a." * 150 + "org/", "longer than a name can be"),
        ("http://example.org/" + "x" * 2100, "longer than 2048 characters"),
    ],
    ids=lambda value: value[:40].encode("unicode_escape").decode() or "empty",
)
def test_a_bad_url_is_refused_before_anything_is_looked_up(
    url: str, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: looked_up.append(host) or [])
    assert rule in refusal(url)
    assert looked_up == []


@given(st.one_of(st.text(max_size=60), st.text(max_size=60).map("http://".__add__)))
def test_any_text_is_refused_with_one_sentence(url: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
        refusal(url)


def test_an_unknown_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: object, **__: object) -> list:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert refusal("https://face.test/").startswith(
        "face.test cannot be found on the public internet; check the address"
    )


@pytest.mark.parametrize(
    "pieces",
    [
        answer(),
        answer(PICTURE, "Content-Type: text/html"),
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"%x\r\n" % len(PICTURE), PICTURE, b"\r\n0\r\n\r\n"],
        [b"HTTP/1.0 200 OK\r\n\r\n", PICTURE],
        [b"HTTP/1.1 103 Early Hints\r\n\r\n", *answer()],
    ],
    ids=["plain", "wrong-type", "chunked", "until-the-end", "interim-answer"],
)
def test_a_picture_is_fetched(pieces: list[bytes]) -> None:
    with serving(lambda _: pieces) as server:
        assert fetch_image_bytes(f"  {server.url('/face.jpg?size=1#top')}\n", guard=TEST_GUARD) == PICTURE
        assert server.asked == ["/face.jpg?size=1"]


@pytest.mark.parametrize("hops", range(5))
def test_at_most_three_redirects_are_followed(hops: int) -> None:
    def respond(path: str) -> list[bytes]:
        hop = int(path[1:])
        return redirect(f"/{hop + 1}") if hop < hops else answer()

    with serving(respond) as server:
        if hops <= 3:
            assert fetch_image_bytes(server.url("/0"), guard=TEST_GUARD) == PICTURE
        else:
            assert "sends us on more than 3 times" in refusal(server.url("/0"))
        assert len(server.asked) == min(hops, 3) + 1


@pytest.mark.parametrize(
    ("place", "rule"),
    [
        ("ftp://example.org/", "Only http and https"),
        ("file:///etc/passwd", "Only http and https"),
        ("http://user:secret@127.0.0.1/", "user name or a password"),
        ("http://127.0.0.1:25/", "Port 25 is not fetched from"),
        ("http://127.0.0.1:99999/", "Port 99999 is not fetched from"),
        ("http://0177.0.0.1/", "cannot be reached or answers wrongly"),
        ("http://xn--a/", "cannot be reached or answers wrongly"),
        ("http://./", "malformed"),
    ],
)
def test_a_redirect_to_a_bad_url_is_refused(place: str, rule: str, connections: list[str]) -> None:
    with serving(lambda _: redirect(place)) as server:
        assert rule in refusal(server.url())
    assert connections == ["127.0.0.1"]


def endless(first: bytes, again: bytes) -> Callable[[str], Iterable[bytes]]:
    return lambda _: itertools.chain([first], itertools.repeat(again))


SMALL_GUARD = Guard(allow=TEST_GUARD.allow, max_bytes=3_000_000)


@pytest.mark.parametrize(
    ("respond", "rule"),
    [
        (lambda _: [], "cannot be reached or answers wrongly"),
        (lambda _: [b"SSH-2.0-OpenSSH_9.2\r\n"], "cannot be reached or answers wrongly"),
        (lambda _: [b"HTTP/1.1 200 OK\r\nContent-Le"], "cannot be reached or answers wrongly"),
        (lambda _: answer(length=100), "cannot be reached or answers wrongly"),
        (lambda _: answer(status="404 Not Found"), "answers with status 404"),
        (lambda _: answer(b"", status="204 No Content"), "answers with status 204"),
        (lambda _: answer(b"", status="304 Not Modified"), "answers with status 304"),
        (lambda _: answer(status="401 Unauthorized"), "answers with status 401"),
        (lambda _: answer(PICTURE, "Content-Encoding: gzip"), "sends the picture packed"),
        (lambda _: answer(length=3_000_001), "sends more than 3 MB"),
        (lambda _: answer(bytes(3_000_001)), "sends more than 3 MB"),
        (endless(b"HTTP/1.0 200 OK\r\n\r\n", bytes(10_000)), "sends more than 3 MB"),
        (
            endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"3e8\r\n" + bytes(1000) + b"\r\n"),
            "sends more than 3 MB",
        ),
        (endless(b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"x" * 1000 + b"\r\n"), "cannot be reached or answers wrongly"),
        (endless(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x" * 1000), "cannot be reached or answers wrongly"),
        (endless(b"", b"HTTP/1.1 103 Early Hints\r\nX: " + b"x" * 5000 + b"\r\n\r\n"), "too much around the picture"),
    ],
    ids=[
        *("nothing", "another-protocol", "half-a-header", "half-a-body", "missing", "empty", "not-modified"),
        *("forbidden", "packed", "said-too-large", "too-large", "endless", "endless-chunks"),
        *("endless-headers", "endless-header", "endless-interim-answers"),
    ],
)
def test_a_bad_answer_is_refused(respond: Callable[[str], Iterable[bytes]], rule: str) -> None:
    with serving(respond) as server:
        assert rule in refusal(server.url(), SMALL_GUARD)


def test_the_largest_picture_is_fetched_whole() -> None:
    with serving(lambda _: answer(bytes(3_000_000))) as server:
        assert fetch_image_bytes(server.url(), guard=SMALL_GUARD) == bytes(3_000_000)


def test_any_answer_ends_as_bytes_or_one_sentence() -> None:
    pieces: list[bytes] = []

    @given(st.binary(max_size=200))
    def ends(rest: bytes) -> None:
        pieces[:] = [b"HTTP/1.1 ", rest]
        try:
            fetch_image_bytes(server.url(), guard=TEST_GUARD)
        except FetchError as error:
            sentence = str(error)
        else:
            return
        assert is_one_sentence(sentence)

    with serving(lambda _: list(pieces)) as server:
        ends()


def test_a_closed_port_is_refused() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    assert "cannot be reached or answers wrongly" in refusal(f"http://127.0.0.1:{port}/")


HASTY_GUARD = Guard(allow=TEST_GUARD.allow, deadline_s=0.2)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_never_answers_meets_the_deadline(scheme: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/"
        assert "takes longer than 0.2 s" in refusal(url, HASTY_GUARD)


def test_a_name_server_that_never_answers_meets_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait() and [])
    try:
        assert "takes longer than 0.2 s" in refusal("http://face.test/", HASTY_GUARD)
    finally:
        over.set()


@pytest.mark.parametrize(
    "respond",
    [
        endless(b"HTTP/1.0 200 OK\r\n\r\n", b"x"),
        endless(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
        lambda _: redirect("/"),
    ],
    ids=["body", "header", "redirects"],
)
def test_drops_do_not_outlast_the_deadline(
    respond: Callable[[str], Iterable[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every look at the clock takes a second; 10 s are over before 20 MB or three redirects are.
    clock = itertools.count(0.0)
    monkeypatch.setattr(fetch, "monotonic", lambda: next(clock))
    with serving(respond) as server:
        assert "takes longer than 10 s" in refusal(server.url())


def test_proxies_from_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda _: answer(b"from the proxy")) as proxy, serving(lambda _: answer()) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url())
        assert fetch_image_bytes(server.url(), guard=TEST_GUARD) == PICTURE
        assert proxy.asked == []


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate and its key, for face.test alone."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    path = tmp_path_factory.mktemp("tls") / "face.pem"
    options = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    name = ["-subj", "/CN=face.test", "-addext", "subjectAltName=DNS:face.test"]
    subprocess.run([openssl, *options, *name, "-keyout", path, "-out", f"{path}.crt"], check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


@pytest.mark.parametrize(
    ("host", "trusted", "refused"),
    [("face.test", True, False), ("other.test", True, True), ("127.0.0.1", True, True), ("face.test", False, True)],
    ids=["right-name", "other-name", "address", "unknown-issuer"],
)
def test_tls_is_verified_for_the_name_in_the_url(
    host: str,
    trusted: bool,
    refused: bool,
    certificate: Path,
    names: dict[str, list[list[str]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names |= {"face.test": [["127.0.0.1"]], "other.test": [["127.0.0.1"]]}
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate)
    if trusted:
        monkeypatch.setattr(fetch, "_tls_context", lambda: ssl.create_default_context(cafile=certificate))
    with serving(lambda _: answer(), tls=server_side) as server:
        url = f"https://{host}:{server.port}/"
        if refused:
            assert "cannot be reached or answers wrongly" in refusal(url)
        else:
            assert fetch_image_bytes(url, guard=TEST_GUARD) == PICTURE
        assert server.asked == ([] if refused else ["/"])


def test_whom_to_trust_is_read_once_and_for_https_alone(
    certificate: Path, names: dict[str, list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    names["face.test"] = [["127.0.0.1"]]
    trusted = ssl.create_default_context(cafile=certificate)
    make = Mock(return_value=trusted)
    monkeypatch.setattr(httpx, "create_ssl_context", make)
    monkeypatch.setattr(fetch, "_tls_context", cache(fetch._tls_context.__wrapped__))
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate)
    with serving(lambda _: answer()) as server:
        assert fetch_image_bytes(f"http://face.test:{server.port}/", guard=TEST_GUARD) == PICTURE
    make.assert_not_called()
    with serving(lambda _: answer(), tls=server_side) as server:
        for _ in range(2):
            assert fetch_image_bytes(f"https://face.test:{server.port}/", guard=TEST_GUARD) == PICTURE
    make.assert_called_once()


DETECTOR = b"a network that finds faces" * 1000


@pytest.fixture
def zoo(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Callable[[str], Iterable[bytes]]], AbstractContextManager[Server]]:
    """Stand in for the model zoo: a server whose answer passes for YuNet's file if it is `DETECTOR`."""
    monkeypatch.setattr(fetch, "DETECTOR_SHA256", hashlib.sha256(DETECTOR).hexdigest())
    monkeypatch.setattr(fetch, "DETECTOR_BYTES", len(DETECTOR))

    @contextmanager
    def start(respond: Callable[[str], Iterable[bytes]]) -> Iterator[Server]:
        with serving(respond) as server:
            monkeypatch.setattr(fetch, "DETECTOR_URL", server.url("/yunet.onnx"))
            yield server

    return start


def test_the_detector_is_fetched_once(zoo: Callable) -> None:
    shares: list[float] = []
    with zoo(lambda path: redirect("/large-files") if path == "/yunet.onnx" else answer(DETECTOR)) as server:
        path = fetch_detector(shares.append)
        assert path == paths.find_detector_file()
        assert path.read_bytes() == DETECTOR
        assert shares[-1] == 1
        assert shares == sorted(shares)
        assert fetch_detector() == path
        assert server.asked == ["/yunet.onnx", "/large-files"]
    assert [file.name for file in path.parent.iterdir()] == [paths.DETECTOR_FILE]


def test_a_detector_that_lies_elsewhere_is_not_fetched(
    zoo: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / paths.DETECTOR_FILE
    file.write_bytes(DETECTOR)
    monkeypatch.setenv("FER_MODEL_DIR", str(tmp_path))
    with zoo(lambda _: answer(DETECTOR)) as server:
        assert fetch_detector() == file
        assert server.asked == []


def test_a_damaged_detector_is_replaced(zoo: Callable) -> None:
    target = paths.cache_dir() / paths.DETECTOR_FILE
    target.parent.mkdir(parents=True)
    target.write_bytes(DETECTOR[:-1])
    with zoo(lambda _: answer(DETECTOR)):
        assert fetch_detector().read_bytes() == DETECTOR


@pytest.mark.parametrize(
    ("respond", "rule"),
    [
        (lambda _: [], "cannot be fetched from here"),
        (lambda _: answer(status="404 Not Found"), "cannot be fetched from here"),
        (lambda _: answer(DETECTOR[:50], length=len(DETECTOR)), "cannot be fetched from here"),
        (lambda _: redirect("/"), "cannot be fetched from here"),
        (lambda _: answer(b""), "its hash is wrong"),
        (lambda _: answer(DETECTOR[:-1] + b"!"), "its hash is wrong"),
        (lambda _: answer(DETECTOR + b"!"), "its hash is wrong"),
        (lambda _: answer(b"version https://git-lfs.github.com/spec/v1\n"), "its hash is wrong"),
        (endless(b"HTTP/1.0 200 OK\r\n\r\n", DETECTOR), "its hash is wrong"),
    ],
    ids=["nothing", "missing", "broken-off", "ring", "empty", "changed", "longer", "pointer", "endless"],
)
def test_a_detector_that_cannot_be_had_says_what_to_do(zoo: Callable, respond: Callable, rule: str) -> None:
    with zoo(respond), pytest.raises(FetchError) as caught:
        fetch_detector()
    sentence = str(caught.value)
    assert rule in sentence
    assert fetch.DETECTOR_URL in sentence
    assert str(paths.cache_dir()) in sentence
    assert is_one_sentence(sentence)
    assert paths.find_detector_file() is None


@pytest.mark.parametrize(
    "place",
    [
        pytest.param("name server", id="a name server that never answers"),
        pytest.param("zoo", id="a server that falls silent"),
    ],
)
def test_a_detector_that_takes_too_long_is_given_up(place: str, zoo: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(fetch, "_DETECTOR_DEADLINE_S", 0.2)

    def fall_silent(_: str) -> Iterator[bytes]:
        yield b"HTTP/1.0 200 OK\r\n\r\nx"
        over.wait()

    with zoo(fall_silent):
        if place == "name server":
            monkeypatch.setattr(fetch, "DETECTOR_URL", "http://zoo.test/yunet.onnx")
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait() and [])
        try:
            with pytest.raises(FetchError, match="cannot be fetched from here"):
                fetch_detector()
        finally:
            over.set()


def test_a_folder_that_cannot_be_written_is_named(
    zoo: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FER_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with zoo(lambda _: answer(DETECTOR)), pytest.raises(FetchError, match=r"cannot be written to .*FER_CACHE_DIR"):
        fetch_detector()


def test_a_full_disk_leaves_nothing_behind(zoo: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with zoo(lambda _: answer(DETECTOR)), pytest.raises(FetchError, match="cannot be written to"):
        fetch_detector()
    assert list(paths.cache_dir().iterdir()) == []


def test_the_real_detector_has_the_published_hash(yunet_file: Path) -> None:
    data = yunet_file.read_bytes()
    assert len(data) == fetch.DETECTOR_BYTES
    assert hashlib.sha256(data).hexdigest() == fetch.DETECTOR_SHA256
