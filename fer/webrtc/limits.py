"""What a stranger's camera may ask of this server: one stream of pictures of a sensible size, that comes about soon.

aiortc decodes whatever it is sent, into queues without an end, for as long as nobody ends the connection. Knows nothing
of Streamlit or of what is in a picture.
"""

import asyncio
import weakref

from aiortc import RTCConfiguration, RTCIceCandidate, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs import CODECS
from aiortc.sdp import SessionDescription

from fer.webrtc.nearby import NAMED, on_loopback_alone, without_names
from fer.webrtc.turn import relays_first

CONNECT_S = 20.0
"""A connection that has not come about after so many seconds is closed."""

MAX_STREAMS = 16
"""The most streams of all visitors together; each takes a fifth of a core or more."""

MAX_STREAMS_EACH = 4
"""The most streams of one visitor."""

MAX_PIXELS = 1920 * 1088
"""The largest pictures that are decoded."""

_CODECS = ("video/VP8", "video/rtx")
_KEY_FRAME_START = b"\x9d\x01\x2a"

_open: "weakref.WeakSet[BoundedPeerConnection]" = weakref.WeakSet()


class StreamRefusedError(Exception):
    """A stream that is not begun; the sentence says why."""


class BoundedPeerConnection(RTCPeerConnection):
    """A peer connection that takes one stream of pictures and no sound, and that does not wait for ever."""

    def __init__(
        self, configuration: RTCConfiguration | None = None, *, who: str | None = None, nearby: bool = False
    ) -> None:
        """Make one that waits for an offer.

        Args:
            configuration: names the ICE servers, which somebody nearby does not need.
            who: for which visitor streams are counted; None for one who may have as many as the server takes.
            nearby: the other end is on this machine, so that no port is opened beyond it.
        """
        super().__init__(RTCConfiguration(iceServers=[]) if nearby else configuration)
        self._who, self._nearby = who, nearby

    async def setRemoteDescription(self, sessionDescription: RTCSessionDescription) -> None:  # noqa: N802, N803
        """Take an offer.

        Raises:
            StreamRefusedError: it holds sound or more than one stream, or the server has as many streams as it takes of
                this visitor or of all.
        """
        kinds = [media.kind for media in SessionDescription.parse(sessionDescription.sdp).media]
        refusal = None
        if kinds != ["video"]:
            refusal = "A camera sends one stream of pictures and no sound here; load the page again."
        elif self not in _open and len(_open) >= MAX_STREAMS:
            refusal = f"{MAX_STREAMS} cameras are on here already, as many as this server takes; try again in a while."
        elif self._who is not None and sum(other._who == self._who for other in _open - {self}) >= MAX_STREAMS_EACH:
            refusal = (
                f"{MAX_STREAMS_EACH} of your cameras are on here already, as many as this server takes of one visitor; "
                "stop one of them first."
            )
        if refusal is not None:
            await self.close()
            raise StreamRefusedError(refusal)
        _open.add(self)
        asyncio.get_running_loop().call_later(CONNECT_S, _close_if_unconnected, weakref.ref(self))
        await super().setRemoteDescription(without_names(sessionDescription) if self._nearby else sessionDescription)

    async def setLocalDescription(self, sessionDescription: RTCSessionDescription | None = None) -> None:  # noqa: N802, N803
        """Gather the addresses that an answer names."""
        with on_loopback_alone(self._nearby):
            await super().setLocalDescription(sessionDescription)

    @property
    def localDescription(self) -> RTCSessionDescription:  # noqa: N802
        """What the other end is told of this one and of how it is reached; None until that is known."""
        description = super().localDescription
        return description and relays_first(description)

    async def addIceCandidate(self, candidate: RTCIceCandidate | None) -> None:  # noqa: N802
        """Take an address of the other end, unless it is a name for which this machine would ask the network."""
        if not (self._nearby and candidate is not None and candidate.ip.endswith(NAMED)):
            await super().addIceCandidate(candidate)

    async def close(self) -> None:
        """End the connection, and make room for another one."""
        _open.discard(self)
        await super().close()


async def close_all() -> None:
    """End every connection, so that the other side is told."""
    await asyncio.gather(*(connection.close() for connection in list(_open)), return_exceptions=True)


_closing: set[asyncio.Task[None]] = set()


def _close_if_unconnected(reference: "weakref.ref[BoundedPeerConnection]") -> None:
    connection = reference()
    if connection is not None and connection.connectionState not in ("connected", "closed"):
        task = asyncio.get_running_loop().create_task(connection.close())
        _closing.add(task)
        task.add_done_callback(_closing.discard)


def decode_vp8_only() -> None:
    """Agree with browsers on VP8: all of them have it, and its pictures say at their start how large they are."""
    CODECS["video"][:] = [codec for codec in CODECS["video"] if codec.mimeType in _CODECS and _is_vp8(codec)]


def _is_vp8(codec: object) -> bool:
    payload_types = {each.payloadType for each in CODECS["video"] if each.mimeType == "video/VP8"}
    return getattr(codec, "parameters", {}).get("apt", getattr(codec, "payloadType", None)) in payload_types


class SizeGuard:
    """Tells which of a stream's encoded pictures may be decoded."""

    def __init__(self) -> None:
        self._refusing = False

    def permits(self, data: bytes) -> bool:
        """Whether a picture is of a sensible size; those that build on one that is not are not decoded either.

        Args:
            data: a VP8 picture; the first ten bytes of a key frame hold its size (RFC 6386, section 9.1).
        """
        if len(data) >= 10 and not data[0] & 1 and data[3:6] == _KEY_FRAME_START:
            width, height = (int.from_bytes(data[i : i + 2], "little") & 0x3FFF for i in (6, 8))
            self._refusing = width * height > MAX_PIXELS
        return not self._refusing
