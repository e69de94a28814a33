"""What becomes of a picture that is encoded for a visitor."""

from fractions import Fraction

import av
import numpy as np
import pytest
from aiortc import codecs
from aiortc.codecs.vpx import Vp8Decoder, Vp8Encoder, VpxPayloadDescriptor
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from fer.benchmark.clip import picture
from fer.webrtc import quick_video
from fer.webrtc.quick_video import MOST_BITS_PER_S, QuickVp8Encoder, make_frame

VP8 = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90_000)


def frame(number: int, image_bgr: np.ndarray) -> av.VideoFrame:
    made = make_frame(image_bgr)
    made.pts, made.time_base = number * 6000, Fraction(1, 90_000)
    return made


def decoded(payloads: list[bytes], decoder: Vp8Decoder) -> list[np.ndarray]:
    data = b"".join(VpxPayloadDescriptor.parse(payload)[1] for payload in payloads)
    return [each.to_ndarray(format="bgr24") for each in decoder.decode(JitterFrame(data, 0))]


@pytest.mark.parametrize("shape", [(480, 640), (361, 641)], ids=["even sides", "odd sides"])
def test_pictures_come_out_as_they_went_in(shape: tuple[int, int]) -> None:
    encoder, decoder = QuickVp8Encoder(), Vp8Decoder()
    encoder.target_bitrate = MOST_BITS_PER_S
    for number in range(8):
        sent = np.ascontiguousarray(picture(number, 1)[: shape[0], : shape[1]])
        if sent.shape[:2] != shape:
            sent = np.pad(sent, [(0, shape[0] - sent.shape[0]), (0, shape[1] - sent.shape[1]), (0, 0)], mode="edge")
        (came,) = decoded(encoder.encode(frame(number, sent))[0], decoder)
        assert came.shape == sent.shape
    assert np.abs(came.astype(int) - sent).mean() < 4


def test_a_picture_of_another_size_and_one_that_is_asked_for_need_none_before_them() -> None:
    encoder = QuickVp8Encoder()
    small, large = np.zeros((48, 64, 3), np.uint8), np.zeros((96, 128, 3), np.uint8)
    encoder.encode(frame(0, small))
    for number, (image_bgr, asked) in enumerate(((large, False), (large, True)), 1):
        payloads, time = encoder.encode(frame(number, image_bgr), force_keyframe=asked)
        assert [came.shape for came in decoded(payloads, Vp8Decoder())] == [image_bgr.shape]
        assert abs(time - number * 6000) <= 1


def test_no_stream_takes_more_than_its_share_of_bits() -> None:
    encoder = QuickVp8Encoder()
    encoder.target_bitrate = 10 * MOST_BITS_PER_S
    assert encoder.target_bitrate == MOST_BITS_PER_S
    noise = np.random.default_rng(0)
    sent = 0
    for number in range(30):
        image_bgr = noise.integers(0, 256, (240, 320, 3), np.uint8)
        sent += sum(map(len, encoder.encode(frame(number, image_bgr))[0]))
    assert sent * 8 / 2 < 3 * MOST_BITS_PER_S  # two seconds of what cannot be made small


def test_senders_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "Vp8Encoder", Vp8Encoder)
    quick_video.install()
    assert isinstance(codecs.get_encoder(VP8), QuickVp8Encoder)
