"""What a stranger's camera may ask of this server. Offers are made by a real peer; nothing is sent."""

import asyncio
from collections.abc import Iterator

import pytest
from aiortc import RTCPeerConnection
from aiortc.codecs import CODECS, init_codecs

from fer.webrtc import limits
from fer.webrtc.limits import BoundedPeerConnection, SizeGuard, StreamRefusedError


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
