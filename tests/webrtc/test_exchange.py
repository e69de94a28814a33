"""Pictures to and fro, without a browser: between a drawn camera and a slow encoder, through the relay in between."""

import asyncio
import logging
import threading
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np
import pytest
from aiortc import MediaStreamTrack
from aiortc.contrib.media import MediaRelay
from aiortc.mediastreams import MediaStreamError

from fer.webrtc.exchange import MOST_OUT, PictureExchange

SIZE = (16, 16, 3)
PROCESSED = 128
"""The grey level that processing adds, so that no picture as it came can be taken for a processed one."""


class Camera(MediaStreamTrack):
    """Gives numbered pictures when it is told to."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._pictures: asyncio.Queue[av.VideoFrame | None] = asyncio.Queue()
        self.taken = 0

    def show(self, number: int) -> None:
        frame = av.VideoFrame.from_ndarray(np.full(SIZE, number, np.uint8), format="bgr24")
        frame.pts, frame.time_base = number, Fraction(1, 15)
        self._pictures.put_nowait(frame)

    def unplug(self) -> None:
        self._pictures.put_nowait(None)

    async def recv(self) -> av.VideoFrame:
        frame = await self._pictures.get()
        if frame is None:
            raise MediaStreamError
        self.taken += 1
        return frame


def brighten(frame: av.VideoFrame) -> av.VideoFrame:
    processed = av.VideoFrame.from_ndarray(frame.to_ndarray(format="bgr24") + np.uint8(PROCESSED), format="bgr24")
    processed.pts, processed.time_base = frame.pts, frame.time_base
    return processed


def number_of(frame: av.VideoFrame) -> int:
    number = int(frame.to_ndarray(format="bgr24")[0, 0, 0]) - PROCESSED
    assert frame.pts == number, "a picture bears the time when it was taken"
    return number


def started(camera: Camera, process: Callable[[av.VideoFrame], av.VideoFrame] = brighten) -> PictureExchange:
    exchange = PictureExchange(process)
    exchange.addTrack(camera)
    exchange.start()
    return exchange


async def sending() -> tuple[Camera, PictureExchange, MediaStreamTrack]:
    """A camera and an exchange whose first picture went through the relay that gives it to a sender."""
    camera = Camera()
    exchange = started(camera)
    sender = MediaRelay().subscribe(exchange.video)
    camera.show(1)
    await sender.recv()
    return camera, exchange, sender


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.001)


def test_a_picture_goes_out_at_once_and_never_as_it_came() -> None:
    async def play() -> None:
        camera = Camera()
        exchange = started(camera)
        for number in range(1, 6):
            camera.show(number)
            assert number_of(await exchange.video.recv()) == number
        exchange.stop()

    asyncio.run(asyncio.wait_for(play(), 30))


def test_nothing_waits_or_is_processed_before_somebody_asks() -> None:
    """A connection may never come about, and a sender may never ask for what it gets back."""

    async def play() -> None:
        camera, processed = Camera(), []

        def note(frame: av.VideoFrame) -> av.VideoFrame:
            processed.append(frame.pts)
            return brighten(frame)

        exchange = started(camera, note)
        for number in range(1, 41):
            camera.show(number)
        await until(lambda: camera.taken == 40)
        assert processed == []
        assert number_of(await exchange.video.recv()) == 40
        assert processed == [40]
        exchange.stop()

    asyncio.run(asyncio.wait_for(play(), 30))


def test_the_camera_s_track_is_stopped_too() -> None:
    """Else a relay goes on to keep pictures for it."""

    async def play() -> None:
        asked, unasked, second = Camera(), Camera(), Camera()
        exchange = started(asked)
        asked.show(1)
        await exchange.video.recv()
        exchange.addTrack(second)
        assert second.readyState == "ended"
        waiting, unused, unused_camera = started(unasked), PictureExchange(brighten), Camera()
        unused.addTrack(unused_camera)
        await asyncio.sleep(0)
        for each in (exchange, waiting, unused):
            each.stop()
        await until(lambda: {track.readyState for track in (asked, unasked, unused_camera)} == {"ended"})

    asyncio.run(asyncio.wait_for(play(), 30))


def test_while_one_is_processed_only_the_newest_waits() -> None:
    async def play() -> None:
        camera, go_on = Camera(), threading.Semaphore(0)

        def slowly(frame: av.VideoFrame) -> av.VideoFrame:
            go_on.acquire()
            return brighten(frame)

        exchange = started(camera, slowly)
        first = asyncio.create_task(exchange.video.recv())
        camera.show(1)
        await until(lambda: camera.taken == 1)
        await asyncio.sleep(0)
        for number in range(2, 9):
            camera.show(number)
        await until(lambda: camera.taken == 8)
        go_on.release(8)
        assert number_of(await first) == 1
        assert number_of(await exchange.video.recv()) == 8
        exchange.stop()

    asyncio.run(asyncio.wait_for(play(), 30))


def test_behind_a_slow_encoder_nothing_queues_in_the_relay() -> None:
    async def play() -> None:
        camera, processed = Camera(), []

        def note(frame: av.VideoFrame) -> av.VideoFrame:
            processed.append(frame.pts)
            return brighten(frame)

        exchange = started(camera, note)
        sender = MediaRelay().subscribe(exchange.video)  # as streamlit-webrtc passes a player's track on
        camera.show(0)
        assert number_of(await sender.recv()) == 0
        behind = []
        for number in range(1, 100):
            camera.show(number)
            await until(lambda number=number: number in processed)
            if number % 5 == 0:
                behind.append(number - number_of(await sender.recv()))
        assert len(behind) == 19
        assert max(behind) <= 5 * MOST_OUT, "as old as the last encodings lasted, however long it goes on"
        exchange.stop()

    asyncio.run(asyncio.wait_for(play(), 30))


def test_it_processes_in_one_thread() -> None:
    async def play() -> None:
        camera, threads = Camera(), set()

        def note(frame: av.VideoFrame) -> av.VideoFrame:
            threads.add(threading.get_ident())
            return brighten(frame)

        exchange = started(camera, note)
        for number in range(1, 20):
            camera.show(number)
            await exchange.video.recv()
        exchange.stop()
        assert len(threads) == 1
        assert threading.get_ident() not in threads, "the event loop is free meanwhile"

    asyncio.run(asyncio.wait_for(play(), 30))


def test_an_error_costs_one_picture(caplog: pytest.LogCaptureFixture) -> None:
    def choosily(frame: av.VideoFrame) -> av.VideoFrame:
        if frame.pts == 1:
            raise ValueError("not this one")
        return brighten(frame)

    async def play() -> None:
        camera = Camera()
        exchange = started(camera, choosily)
        given = asyncio.create_task(exchange.video.recv())
        camera.show(1)
        await until(lambda: "not this one" in caplog.text)
        camera.show(2)
        assert number_of(await given) == 2
        exchange.stop()

    with caplog.at_level(logging.ERROR):
        asyncio.run(asyncio.wait_for(play(), 30))


@pytest.mark.parametrize("end", ["unplugged", "stopped", "stopped from another thread"])
def test_when_it_ends_whoever_waits_is_told_and_nothing_goes_on(end: str) -> None:
    async def play() -> None:
        before = asyncio.all_tasks()
        camera, exchange, sender = await sending()
        waiting = asyncio.create_task(sender.recv())
        await asyncio.sleep(0)
        if end == "unplugged":
            camera.unplug()
        elif end == "stopped":
            exchange.stop()
        else:
            await asyncio.to_thread(exchange.stop)
        with pytest.raises(MediaStreamError):
            await waiting
        assert exchange.video.readyState == "ended"
        await until(lambda: not any(thread.name.startswith("pictures") for thread in threading.enumerate()))
        await until(lambda: asyncio.all_tasks() <= before)

    asyncio.run(asyncio.wait_for(play(), 30))


def test_no_relay_goes_on_when_the_server_ends_it_first() -> None:
    """As a worker of streamlit-webrtc does when a visitor leaves: sink, player, connection."""

    async def play() -> None:
        before = asyncio.all_tasks()
        _, exchange, sender = await sending()
        await asyncio.sleep(0)
        await asyncio.to_thread(lambda: (exchange.stop(), exchange.video.stop(), sender.stop()))
        await until(lambda: asyncio.all_tasks() <= before)

    asyncio.run(asyncio.wait_for(play(), 30))


@pytest.mark.parametrize("has_track", [False, True], ids=["never used", "never started"])
def test_one_that_was_stopped_does_not_start(has_track: bool) -> None:
    async def play() -> None:
        exchange, camera = PictureExchange(brighten), Camera()
        assert not exchange.hasTrack()
        exchange.stop()
        if has_track:
            exchange.addTrack(camera)
            exchange.start()
        with pytest.raises(MediaStreamError):
            await exchange.video.recv()
        assert camera.taken == 0

    asyncio.run(asyncio.wait_for(play(), 30))
