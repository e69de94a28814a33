"""What a stranger's camera may ask of this server. Offers are made by a real peer; nothing is sent."""

import asyncio
from collections.abc import Iterator

import pytest
from aioice import ice
from aiortc import RTCConfiguration, RTCIceCandidate, RTCIceGatherer, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs import CODECS, init_codecs

from fer.webrtc import limits
from fer.webrtc import nearby as nearby_module
from fer.webrtc.limits import BoundedPeerConnection, SizeGuard, StreamRefusedError
from fer.webrtc.nearby import keep_to_loopback, without_names


def key_frame(width: int, height: int) -> bytes:
    return b"\x10\x00\x00\x9d\x01\x2a" + width.to_bytes(2, "little") + height.to_bytes(2, "little") + b"..."


NEXT = b"\x11" + b"." * 20


@pytest.mark.parametrize(
    ("pictures", "decoded"),
    [
        pytest.param([key_frame(640, 480), NEXT], [True, True], id="a camera's"),
        pytest.param([key_frame(1920, 1080)], [True], id="full HD"),
        pytest.param([key_frame(8192, 8192), NEXT], [False, False], id="huge"),
        pytest.param([key_frame(640, 480), NEXT, key_frame(8192, 8192), NEXT], [True, True, False, False], id="grows"),
        pytest.param([key_frame(8192, 8192), key_frame(640, 480), NEXT], [False, True, True], id="shrinks"),
        pytest.param([b"", b"\x10\x00\x00\x9d"], [True, True], id="too short to tell"),
    ],
)
def test_huge_pictures_are_not_decoded(pictures: list[bytes], decoded: list[bool]) -> None:
    guard = SizeGuard()
    assert [guard.permits(picture) for picture in pictures] == decoded


@pytest.fixture
def codecs() -> Iterator[None]:
    before = CODECS["video"][:]
    if not any(codec.mimeType == "video/H264" for codec in before):
        CODECS["video"].clear()
        init_codecs()
    yield
    CODECS["video"][:] = before


def test_only_pictures_that_say_their_size_are_agreed_on(codecs: None) -> None:
    limits.decode_vp8_only()
    assert [codec.mimeType for codec in CODECS["video"]] == ["video/VP8", "video/rtx"]


async def _offer(connection: BoundedPeerConnection, *kinds: str) -> None:
    peer = RTCPeerConnection()
    try:
        for kind in kinds:
            peer.addTransceiver(kind, direction="sendrecv")
        await connection.setRemoteDescription(await peer.createOffer())
    finally:
        await peer.close()


@pytest.mark.parametrize(
    "kinds", [("video", "audio"), ("audio",), ("video", "video")], ids=["with sound", "sound alone", "two cameras"]
)
def test_more_than_one_stream_of_pictures_is_refused(kinds: tuple[str, ...]) -> None:
    async def offered() -> str:
        connection = BoundedPeerConnection()
        with pytest.raises(StreamRefusedError, match="one stream of pictures and no sound"):
            await _offer(connection, *kinds)
        return connection.connectionState

    assert asyncio.run(offered()) == "closed"


def test_a_server_takes_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_STREAMS", 2)

    async def offered() -> None:
        first, second, third, fourth = (BoundedPeerConnection() for _ in range(4))
        await _offer(first, "video")
        await _offer(second, "video")
        with pytest.raises(StreamRefusedError, match=r"^2 cameras are on here already"):
            await _offer(third, "video")
        await first.close()
        await _offer(fourth, "video")
        for connection in (second, fourth):
            await connection.close()

    asyncio.run(offered())


def test_a_visitor_has_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sits at the machine has as many as the server takes."""
    monkeypatch.setattr(limits, "MAX_STREAMS_EACH", 1)

    async def offered() -> None:
        first, second, other, own, own_too = (BoundedPeerConnection(who=who) for who in ("a", "a", "b", None, None))
        for connection in (first, other, own, own_too):
            await _offer(connection, "video")
        with pytest.raises(StreamRefusedError, match=r"^1 of your cameras are on here already"):
            await _offer(second, "video")
        await first.close()
        again = BoundedPeerConnection(who="a")
        await _offer(again, "video")
        for connection in (other, own, own_too, again):
            await connection.close()

    asyncio.run(offered())


NAME = "a=candidate:1 1 UDP 2122252543 3f2d-7c.local 50000 typ host\r\n"
NUMBER = "a=candidate:2 1 UDP 2122252542 192.0.2.7 50001 typ host\r\n"


@pytest.mark.parametrize(
    ("sent", "heard"),
    [
        pytest.param("v=0\r\n", "v=0\r\n", id="none"),
        pytest.param(f"v=0\r\n{NAME}{NUMBER}a=mid:0\r\n", f"v=0\r\n{NUMBER}a=mid:0\r\n", id="a name and a number"),
    ],
)
def test_nobody_is_asked_for_names(sent: str, heard: str) -> None:
    """The question goes out to the whole network, from a port that is open to it."""
    assert without_names(RTCSessionDescription(sent, "offer")).sdp == heard


@pytest.mark.parametrize("nearby", [False, True], ids=["from elsewhere", "from this machine"])
def test_ports_are_opened_where_they_are_needed(nearby: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearby_module, "_everywhere", lambda use_ipv4, use_ipv6: ["127.0.0.2"])
    monkeypatch.setattr(ice, "get_host_addresses", ice.get_host_addresses)
    keep_to_loopback()

    async def answered() -> set[str]:
        connection = BoundedPeerConnection(RTCConfiguration(iceServers=[]), nearby=nearby)
        await _offer(connection, "video")
        await connection.setLocalDescription(await connection.createAnswer())
        lines = connection.localDescription.sdp.splitlines()
        await connection.close()
        return {line.split()[4] for line in lines if line.startswith("a=candidate:")}

    assert asyncio.run(answered()) <= ({"127.0.0.1", "::1"} if nearby else {"127.0.0.2"})


def test_ways_through_a_turn_server_are_named_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser that comes to one alone that its TURN server refuses says that the connection has failed."""
    kinds = ["host", "host", "relay", "srflx", "relay"]
    gathered = [
        RTCIceCandidate(1, f"{i}", "192.0.2.7", 50000 + i, 1, "udp", kind, sdpMid="0", sdpMLineIndex=0)
        for i, kind in enumerate(kinds)
    ]
    monkeypatch.setattr(RTCIceGatherer, "getLocalCandidates", lambda gatherer: gathered)

    async def answered() -> tuple[str | None, list[str]]:
        connection = BoundedPeerConnection()
        assert connection.localDescription is None
        await _offer(connection, "video")
        await connection.setLocalDescription(await connection.createAnswer())
        description = connection.localDescription
        await connection.close()
        lines = [line for line in description.sdp.splitlines() if line.startswith("a=candidate:")]
        return description.type, [line.split(":")[1][0] for line in lines]

    assert asyncio.run(answered()) == ("answer", ["2", "4", "0", "1", "3"])


def test_what_does_not_come_about_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other side has vanished."""
    monkeypatch.setattr(limits, "CONNECT_S", 0.05)

    async def offered() -> None:
        connection = BoundedPeerConnection()
        closed = asyncio.Event()
        connection.on("connectionstatechange", lambda: connection.connectionState == "closed" and closed.set())
        await _offer(connection, "video")
        await asyncio.wait_for(closed.wait(), 30)
        assert connection not in limits._open

    asyncio.run(offered())
