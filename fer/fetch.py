"""The only way out to the network: an address a user typed -> bytes, under guard; and YuNet's file -> the cache folder.

A server that fetches what visitors ask for can be sent to its own neighbours: other services, routers, the cloud's
metadata. So every hop's name is looked up once, all its addresses must be on the public internet, and the connection
is made to one of those addresses. Knows nothing about pictures: the bytes still have to pass `fer.media`.
"""

import hashlib
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import monotonic
from typing import TypeVar

import httpcore
import httpx

from fer import paths
from fer.errors import FetchError
from fer.files import replace_file

DETECTOR_URL = (
    "https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/face_detection_yunet_2023mar.onnx"
)
"""Where the OpenCV model zoo publishes YuNet (MIT licence)."""

DETECTOR_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
"""What YuNet's file must hash to."""

DETECTOR_BYTES = 232_589
"""How large YuNet's file is."""

MAX_URL_CHARACTERS = 2048
"""The longest address that is fetched."""

MAX_REDIRECTS = 3
"""How often an answer may point elsewhere."""

_MAX_HOST_CHARACTERS = 253
# Letters, digits, hyphens and, as some names do, underscores; no final dot, which no picture's address has.
_NAME = re.compile(r"(?:(?!-)[a-z0-9_-]{1,63}\.)*(?!-)[a-z0-9_-]{1,63}")
_DETECTOR_DEADLINE_S = 30.0
_STEP_TIMEOUT_S = 5.0
_MAX_HEADER_BYTES = 1_000_000
_HEADERS = {"Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity", "User-Agent": "fer"}
_UPLOAD_ADVICE = "save the picture and upload the file"
# One sentence for both, or it would tell which names there are in this machine's own network.
_NOWHERE = f"{{}} cannot be found on the public internet; check the address, or {_UPLOAD_ADVICE}."
_MALFORMED = "The address is malformed; give one like https://example.org/face.jpg."

_Result = TypeVar("_Result")

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# What `ipaddress` takes for public, or did in some version of Python: the relays of 6to4, and Azure's own services.
_FORBIDDEN_4 = tuple(map(ipaddress.IPv4Network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")))
_PUBLIC_6 = ipaddress.IPv6Network("2000::/3")
# Protocol assignments with Teredo, documentation, and 6to4, which hides any IPv4 address.
_FORBIDDEN_6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# The middle of an ISATAP address (RFC 5214), whose end is an IPv4 address.
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)


@dataclass(frozen=True)
class Guard:
    """What a fetch may do.

    Attributes:
        allow: addresses that are let through though they are not public; for a test's own server, and empty elsewhere.
        deadline_s: seconds for everything together: names, connections, hops and the body.
        max_bytes: the largest body.
    """

    allow: frozenset[IPAddress] = frozenset()
    deadline_s: float = 10.0
    max_bytes: int = 20_000_000

    def permits(self, address: IPAddress) -> bool:
        """Whether a connection may be made to this address."""
        return address in self.allow or is_public(address)


_PUBLIC_ONLY = Guard()


def is_public(address: IPAddress) -> bool:
    """Whether an address belongs to the public internet, also as IPv4 inside IPv6 (mapped or NAT64).

    False for private, loopback, link-local, carrier-grade, multicast, documentation and reserved ranges, and for
    6to4, Teredo and ISATAP whatever they hold.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
        if address not in _PUBLIC_6 or int(address) >> 32 & 0xFFFF_FFFF in _ISATAP:
            return False
        if any(address in network for network in _FORBIDDEN_6):
            return False
    elif any(address in network for network in _FORBIDDEN_4):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def fetch_image_bytes(url: str, *, guard: Guard = _PUBLIC_ONLY) -> bytes:
    """Fetch what lies at an address that a user gave.

    Args:
        url: http or https, on port 80, 443 or 1024 to 65535, without a user name.
        guard: the limits; another one than the default is for tests.

    Returns:
        The body of the answer, whatever it claims to be: at most `guard.max_bytes`, to be decoded by `fer.media`.

    Raises:
        FetchError: the address is malformed or not public, the server cannot be reached or refuses, it redirects more
            than `MAX_REDIRECTS` times, or the answer is too large or too slow.
    """
    trip = _Trip(guard)
    request_url = _parsed(url.strip())
    _check_url(request_url)
    # Proxies from the environment would do the looking up instead of us.
    with httpx.Client(transport=_GuardedTransport(trip), trust_env=False, timeout=None, headers=_HEADERS) as client:
        request = client.build_request("GET", request_url)
        try:
            for _ in range(MAX_REDIRECTS + 1):
                response = client.send(request, stream=True)
                if response.next_request is None:
                    return _body(response, guard.max_bytes)
                response.close()
                request = response.next_request
                _check_url(request.url)
        except httpx.TimeoutException as fault:
            raise _too_slow(guard) from fault
        # httpx reads the name in a redirect, and has no error of its own for one that cannot be decoded.
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as fault:
            raise FetchError(
                f"{request.url.host} cannot be reached or answers wrongly; check the address, or {_UPLOAD_ADVICE}."
            ) from fault
    raise FetchError(
        f"{request_url.host} sends us on more than {MAX_REDIRECTS} times; give the address of the picture itself."
    )


def _parsed(url: str) -> httpx.URL:
    if len(url) > MAX_URL_CHARACTERS:
        raise FetchError(f"The address is longer than {MAX_URL_CHARACTERS} characters; {_UPLOAD_ADVICE}.")
    try:
        return httpx.URL(url)
    except httpx.InvalidURL as fault:
        raise FetchError(_MALFORMED) from fault


def _check_url(url: httpx.URL) -> None:
    """Refuse what no picture's address needs, at every hop."""
    name = url.raw_host.decode()
    if url.scheme not in ("http", "https") or not name:
        raise FetchError("Only http and https can be fetched; give an address like https://example.org/face.jpg.")
    if len(name) > _MAX_HOST_CHARACTERS:
        raise FetchError("The server's name is longer than a name can be; check the address.")
    if not _can_be_found(url):
        raise FetchError(_MALFORMED)
    if url.userinfo:
        raise FetchError("The address holds a user name or a password; give one without.")
    # The system would cut a port above 65535 to 16 bits, and 65558 would be 22.
    if url.port is not None and url.port not in (80, 443) and not 1024 <= url.port <= 65_535:
        raise FetchError(f"Port {url.port} is not fetched from; give an address on port 80, 443 or 1024 to 65535.")


def _can_be_found(url: httpx.URL) -> bool:
    """Whether the host is an address without a zone, or a name that can be looked up and shown in a sentence."""
    name = url.raw_host.decode()
    try:
        return ("%" not in name) if ":" in name else bool(_NAME.fullmatch(name) and url.host)
    except UnicodeError:  # it begins as an encoded name does, and cannot be decoded
        return False


def _body(response: httpx.Response, max_bytes: int) -> bytes:
    host = response.url.host
    too_large = FetchError(f"{host} sends more than {max_bytes // 1_000_000} MB; choose a smaller picture.")
    if response.status_code != 200:
        raise FetchError(f"{host} answers with status {response.status_code}, not with a picture; check the address.")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise FetchError(f"{host} sends the picture packed, though it was asked not to; {_UPLOAD_ADVICE}.")
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length) > max_bytes:
        raise too_large
    body = bytearray()
    for part in response.iter_raw():
        body += part
        if len(body) > max_bytes:
            raise too_large
    return bytes(body)


def _too_slow(guard: Guard) -> FetchError:
    return FetchError(f"The server takes longer than {guard.deadline_s:g} s; try again, or {_UPLOAD_ADVICE}.")


class _Trip:
    """What one fetch has left: time and bytes, over all its hops."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self._end_s = monotonic() + guard.deadline_s
        # h11 bounds one header block, but not how many interim answers (1xx) precede the real one.
        self._bytes_left = guard.max_bytes + _MAX_HEADER_BYTES

    def seconds_left(self) -> float:
        """Seconds until the deadline, more than 0.

        Raises:
            FetchError: none are left.
        """
        left = self._end_s - monotonic()
        if left <= 0:
            raise _too_slow(self.guard)
        return left

    def count(self, n_bytes: int) -> None:
        """Take received bytes off what may still come."""
        self._bytes_left -= n_bytes
        if self._bytes_left < 0:
            raise FetchError(f"The server sends too much around the picture; {_UPLOAD_ADVICE}.")


class _GuardedTransport(httpx.HTTPTransport):
    """httpx's own transport, on connections that are checked."""

    def __init__(self, trip: _Trip) -> None:
        nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # it knows no authority; `start_tls` takes another
        super().__init__(verify=nobody, trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=nobody, network_backend=_CheckedBackend(trip), max_keepalive_connections=0
        )


@cache
def _tls_context() -> ssl.SSLContext:
    """Whom https trusts. Reading the authorities' certificates takes a while, so they are read once."""
    context = httpx.create_ssl_context(trust_env=False)
    context.set_alpn_protocols(["http/1.1"])
    return context


class _CheckedBackend(httpcore.NetworkBackend):
    """Connects to addresses that were checked, never to names.

    TLS is none the wiser: its handshake is made for the name in the URL, which `start_tls` is given.
    """

    def __init__(self, trip: _Trip) -> None:
        self._trip = trip
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = _look_up(host, port, self._trip)
        if not all(map(self._trip.guard.permits, addresses)):
            raise FetchError(_NOWHERE.format(host))
        for address in addresses[:-1]:
            with suppress(httpcore.ConnectError):
                return self._connect(address, port, socket_options)
        return self._connect(addresses[-1], port, socket_options)

    def _connect(
        self, address: IPAddress, port: int, socket_options: Iterable[httpcore.SOCKET_OPTION] | None
    ) -> httpcore.NetworkStream:
        stream = self._backend.connect_tcp(
            str(address), port, timeout=self._trip.seconds_left(), socket_options=socket_options
        )
        return _TimedStream(stream, self._trip)


class _TimedStream(httpcore.NetworkStream):
    """A connection whose every step ends at the trip's deadline.

    A time-out for each step alone would let a server send one byte at a time for ever.
    """

    def __init__(self, stream: httpcore.NetworkStream, trip: _Trip) -> None:
        self._stream = stream
        self._trip = trip

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        part = self._stream.read(max_bytes, timeout=self._trip.seconds_left())
        self._trip.count(len(part))
        return part

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=self._trip.seconds_left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        # httpcore changes the context it is given at each connection, which one that threads share does not bear.
        stream = self._stream.start_tls(_tls_context(), server_hostname, timeout=self._trip.seconds_left())
        return _TimedStream(stream, self._trip)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


def _look_up(host: str, port: int, trip: _Trip) -> list[IPAddress]:
    """Find all addresses of a name, in the system's order.

    Raises:
        FetchError: there are none, or it takes too long.
    """
    try:
        answer = _within(trip.seconds_left(), lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except TimeoutError:
        raise _too_slow(trip.guard) from None
    except (OSError, UnicodeError):
        answer = []
    if not answer:
        raise FetchError(_NOWHERE.format(host))
    return list(dict.fromkeys(ipaddress.ip_address(address[0]) for *_, address in answer))


def _within(seconds: float, work: Callable[[], _Result]) -> _Result:
    """Do something that knows no time-out, such as the system's look-up of names, in a thread that may be left behind.

    Raises:
        TimeoutError: it takes longer.
    """
    done: Future[_Result] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except Exception as fault:
            done.set_exception(fault)

    threading.Thread(target=run, daemon=True).start()
    return done.result(timeout=seconds)


def fetch_detector(progress: Callable[[float], None] | None = None) -> Path:
    """Fetch YuNet's file into the cache folder, unless a good one is found already.

    Args:
        progress: called with the share that has arrived, in [0, 1]; from another thread.

    Returns:
        Where the file is. It appears under this name only when its hash is right.

    Raises:
        FetchError: it cannot be fetched or written, or is another file; the sentence says what to do by hand.
    """
    with suppress(OSError):
        found = paths.find_detector_file()
        if found is not None and _is_detector(found.read_bytes()):
            return found
    target = paths.cache_dir() / paths.DETECTOR_FILE
    by_hand = f"fetch {DETECTOR_URL} by hand and put it into {target.parent}, or go on with the Haar cascade"
    try:
        data = _within(_DETECTOR_DEADLINE_S, lambda: _download_detector(progress))
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as fault:
        raise FetchError(f"YuNet's file cannot be fetched from here; {by_hand}.") from fault
    if not _is_detector(data):
        raise FetchError(f"What came is not YuNet's file (its hash is wrong); {by_hand}.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, data)
    except OSError as fault:
        raise FetchError(
            f"YuNet's file cannot be written to {target.parent}; make room or name another folder in FER_CACHE_DIR."
        ) from fault
    return target


def _is_detector(data: bytes) -> bool:
    return hashlib.sha256(data).hexdigest() == DETECTOR_SHA256


def _download_detector(progress: Callable[[float], None] | None) -> bytes:
    end_s = monotonic() + _DETECTOR_DEADLINE_S
    data = bytearray()
    with httpx.stream("GET", DETECTOR_URL, follow_redirects=True, timeout=_STEP_TIMEOUT_S) as response:
        response.raise_for_status()
        for part in response.iter_bytes():
            data += part
            if monotonic() > end_s:
                raise httpx.ReadTimeout("The whole file takes too long.")
            if len(data) > DETECTOR_BYTES:
                break
            if progress is not None:
                progress(len(data) / DETECTOR_BYTES)
    return bytes(data)
