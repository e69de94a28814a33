"""When a picture that comes in packets is handed on."""

import pytest
from aiortc import rtcrtpreceiver
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtp import RtpPacket

from fer.webrtc import prompt_video
from fer.webrtc.prompt_video import PromptJitterBuffer


def packet(number: int, picture: int, *, last: bool = False, padding: bool = False) -> RtpPacket:
    made = RtpPacket(sequence_number=number % 2**16, timestamp=picture, marker=int(last))
    made._data = b"" if padding else b"%d " % number
    return made


@pytest.mark.parametrize(
    ("packets", "pictures"),
    [
        ([packet(1, 10, last=True)], {0: b"1 "}),
        ([packet(1, 10), packet(2, 10, last=True)], {1: b"1 2 "}),
        ([packet(1, 10, last=True), packet(2, 20, last=True)], {0: b"1 ", 1: b"2 "}),
        ([packet(1, 10), packet(2, 20, last=True)], {1: b"1 "}),
        ([packet(1, 10), packet(3, 10, last=True), packet(2, 10)], {2: b"1 2 3 "}),
        ([packet(1, 10, last=True), packet(3, 20, last=True), packet(2, 20)], {0: b"1 ", 2: b"2 3 "}),
        ([packet(1, 10), packet(3, 10, last=True)], {}),
        ([packet(65535, 10), packet(65536, 10, last=True)], {1: b"65535 65536 "}),
        (
            [packet(1, 10, last=True), packet(2, 10, padding=True), packet(3, 20), packet(4, 20, last=True)],
            {0: b"1 ", 3: b"3 4 "},
        ),
        ([packet(1, 10, last=True), packet(2, 10, last=True, padding=True)], {0: b"1 "}),
    ],
    ids=[
        "one packet",
        "two packets",
        "two pictures",
        "the mark got lost",
        "out of order",
        "the second out of order",
        "a packet got lost",
        "numbers begin anew",
        "padding behind a picture",
        "padding with a mark",
    ],
)
def test_a_picture_is_handed_on_when_it_is_whole(packets: list[RtpPacket], pictures: dict[int, bytes]) -> None:
    buffer = PromptJitterBuffer(capacity=16, is_video=True)
    came = [buffer.add(each)[1] for each in packets]
    assert {i: frame.data for i, frame in enumerate(came) if frame is not None} == pictures


def test_a_picture_behind_a_lost_mark_is_not_lost() -> None:
    buffer = PromptJitterBuffer(capacity=16, is_video=True)
    came = [buffer.add(each)[1] for each in (packet(1, 10), packet(2, 20, last=True), packet(3, 30, last=True))]
    assert [frame and frame.data for frame in came] == [None, b"1 ", b"2 "]


def test_sound_is_buffered_as_before() -> None:
    buffer = PromptJitterBuffer(capacity=16, prefetch=4)
    assert [buffer.add(packet(number, number, last=True))[1] for number in range(4)] == [None] * 4


def test_receivers_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtcrtpreceiver, "JitterBuffer", JitterBuffer)
    prompt_video.install()
    assert rtcrtpreceiver.JitterBuffer is PromptJitterBuffer
