"""aiortc's jitter buffer, made to hand a picture on as soon as it is whole.

aiortc 1.16 takes a picture for whole when the first packet of the next one arrives, which costs a frame's time: 67 ms
at 15 frames a second. The last packet of a picture says so itself (the marker bit; RFC 7741, section 4.1), so nothing
has to be waited for. Knows nothing of what is in a picture.
"""

from aiortc import rtcrtpreceiver
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtp import RtpPacket

from fer.webrtc.limits import SizeGuard


class PromptJitterBuffer(JitterBuffer):
    """A jitter buffer that looks at the marker bit of video packets.

    It gives one picture a packet, as its receiver wants it. After a mark that got lost, pictures of a single packet
    therefore come one late, as they always did, until one of several packets lets them catch up.
    """

    def __init__(self, capacity: int, prefetch: int = 0, is_video: bool = False) -> None:
        super().__init__(capacity, prefetch, is_video)
        self._guard = SizeGuard()

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Take a packet.

        Returns:
            Whether a key frame has to be asked for, and a picture if one is whole now.
        """
        ask, frame = super().add(packet)
        if frame is None and self._is_video:
            frame = self._marked()
        if frame is not None and self._is_video and frame.data and not self._guard.permits(frame.data):
            frame = None
        if frame is not None and self._is_video and not frame.data:
            frame = None  # padding behind a picture's mark: to a decoder, no data is the end of the stream
        return ask, frame

    def _marked(self) -> JitterFrame | None:
        """Take out the oldest picture, if its packets are there up to one that says that it is the last."""
        packets: list[RtpPacket] = []
        origin = self._origin or 0
        for count in range(self.capacity):
            packet = self._packets[(origin + count) % self.capacity]
            if packet is None or (packets and packet.timestamp != packets[0].timestamp):
                return None
            packets.append(packet)
            if packet.marker:
                self.remove(len(packets))
                return JitterFrame(b"".join(each._data for each in packets), packet.timestamp)  # type: ignore[attr-defined]
        return None


def install() -> None:
    """Let every receiver that is made from now on use it."""
    rtcrtpreceiver.JitterBuffer = PromptJitterBuffer  # type: ignore[misc]
