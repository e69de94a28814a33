"""Pictures on their way back, encoded in half the time.

aiortc 1.16 lets libvpx search for the smallest picture and take noise out of it. Pictures that go back to a visitor
have lost their noise on the way here, and a visitor looks at them for a fifteenth of a second. Knows nothing of what is
in a picture.
"""

import av
import cv2
import numpy as np
from aiortc import codecs
from aiortc.codecs.vpx import Vp8Encoder
from av.frame import Frame

MOST_BITS_PER_S = 600_000
"""The most that a stream may take; at 640 x 480 nobody sees more, and it would cost as much again to encode."""

SAME_RATE = 0.1
"""By how much the bits a second may change before an encoder is made anew; aiortc's own limit."""


class QuickVp8Encoder(Vp8Encoder):
    """aiortc's VP8 encoder, set to what many visitors on a few cores need."""

    def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        """Encode the next picture.

        Args:
            frame: a `VideoFrame`.
            force_keyframe: make it one that needs none before it.

        Returns:
            The payloads of the packets that carry it, and its time in ticks of 1/90,000 s.
        """
        assert isinstance(frame, av.VideoFrame)
        asked, codec = self.target_bitrate, self.codec
        if (
            codec is None
            or (codec.width, codec.height) != (frame.width, frame.height)
            or abs(asked / (codec.bit_rate or asked) - 1) > SAME_RATE
        ):
            self.codec = _open_codec(frame.width, frame.height, asked)
        return super().encode(frame, force_keyframe)

    @property
    def target_bitrate(self) -> int:
        """Bits a second; what the other side would take beyond `MOST_BITS_PER_S` is left."""
        return min(super().target_bitrate, MOST_BITS_PER_S)

    @target_bitrate.setter
    def target_bitrate(self, bitrate: int) -> None:
        Vp8Encoder.target_bitrate.fset(self, bitrate)  # type: ignore[attr-defined]


def _open_codec(width: int, height: int, bits_per_s: int) -> av.VideoCodecContext:
    """An encoder for one stream, in one thread (https://www.webmproject.org/docs/encoder-parameters/)."""
    codec = av.CodecContext.create("libvpx", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.bit_rate, codec.qmin, codec.qmax = bits_per_s, 2, 56
    codec.gop_size = 3000  # the other side asks for a key picture when it needs one
    codec.thread_count = 1
    rate = str(bits_per_s)
    codec.options = {
        "deadline": "realtime",
        "cpu-used": "-12",
        "lag-in-frames": "0",
        "minrate": rate,
        "maxrate": rate,
        "bufsize": rate,  # what is sent within a second
        "overshoot-pct": "15",
        "undershoot-pct": "100",
        "static-thresh": "1",
        "noise-sensitivity": "0",
    }
    return codec


def make_frame(image_bgr: np.ndarray) -> av.VideoFrame:
    """A picture as the encoder takes it, which OpenCV makes in a third of the time that the encoder would need.

    Args:
        image_bgr: uint8 of shape (height, width, 3).

    Returns:
        A frame of half as many colours each way (I420, ITU-R BT.601), or as it came where a side is of odd length.
    """
    if image_bgr.shape[0] % 2 or image_bgr.shape[1] % 2:
        return av.VideoFrame.from_ndarray(image_bgr, format="bgr24")
    image_yuv = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2YUV_I420).view(np.uint8)
    return av.VideoFrame.from_ndarray(image_yuv, format="yuv420p")


def install() -> None:
    """Let every sender that is made from now on use it."""
    codecs.Vp8Encoder = QuickVp8Encoder  # type: ignore[misc]
