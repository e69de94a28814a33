"""Cameras of strangers who mean harm, sent to a real server."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import httpx
import numpy as np
import pytest

from fer.benchmark.server import memory_mb
from fer.webrtc.limits import MAX_PIXELS
from tests.e2e.conftest import ATTACKED_MB, LIMIT_S, App
from tools.visits import Clip, sit_before_camera

SIDE = 8192
HUGE, SENT = 3, 200

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc")


@pytest.fixture(scope="module")
def huge() -> bytes:
    """A picture in VP8 that takes 40 kB on its way and 100 MB once it is decoded."""
    codec = av.CodecContext.create("libvpx", "w")
    codec.width, codec.height, codec.pix_fmt, codec.time_base = SIDE, SIDE, "yuv420p", Fraction(1, 15)
    codec.options = {"deadline": "realtime", "cpu-used": "-16", "lag-in-frames": "0"}
    frame = av.VideoFrame.from_ndarray(np.zeros((SIDE * 3 // 2, SIDE), np.uint8), format="yuv420p")
    return b"".join(map(bytes, codec.encode(frame)))


class HugeFirst(Clip):
    """Sends some huge pictures, and then those of a face."""

    def __init__(self, huge: bytes) -> None:
        super().__init__(fps=10)
        self._huge = huge

    async def recv(self) -> av.Packet:
        packet = await super().recv()
        if self.sent > HUGE:
            return packet
        other = av.Packet(self._huge)
        other.pts, other.time_base = packet.pts, packet.time_base
        return other


def run(attack: Coroutine[None, None, None]) -> None:
    """Run to the end in a thread of its own, since Playwright leaves a loop running in that of the tests."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, attack).result()


async def _until(done: asyncio.Event, sitting: asyncio.Task[None]) -> None:
    waiting = asyncio.create_task(done.wait())
    async with asyncio.timeout(LIMIT_S):
        await asyncio.wait((sitting, waiting), return_when=asyncio.FIRST_COMPLETED)
    assert done.is_set(), sitting
    sitting.cancel()
    await asyncio.gather(sitting, return_exceptions=True)


def test_huge_pictures_are_passed_over_and_those_behind_them_read(attacked: App, huge: bytes) -> None:
    assert SIDE * SIDE > MAX_PIXELS
    camera = HugeFirst(huge)

    async def attack() -> None:
        back, done = [], asyncio.Event()

        def came() -> None:
            back.append(camera.sent)
            if len(back) == 5:
                done.set()

        await _until(done, asyncio.create_task(sit_before_camera(attacked.url, "127.0.0.1", camera, came)))
        assert min(back) > HUGE

    run(attack())
    assert httpx.get(f"{attacked.url}/_stcore/health", timeout=LIMIT_S).status_code == 200
    assert memory_mb(attacked.process.pid, peak=True) < ATTACKED_MB


def test_pictures_of_somebody_who_wants_none_back_do_not_pile_up(attacked: App) -> None:
    camera = Clip(fps=60)  # faster than anybody reads them

    async def attack() -> None:
        done = asyncio.Event()

        async def count() -> None:
            while camera.sent < SENT:
                await asyncio.sleep(0.1)
            done.set()

        sitting = asyncio.create_task(
            sit_before_camera(attacked.url, "127.0.0.1", camera, lambda: pytest.fail("it asked for none"), asks=False)
        )
        counting = asyncio.create_task(count())
        await _until(done, sitting)
        await counting

    run(attack())
    assert memory_mb(attacked.process.pid, peak=True) < ATTACKED_MB
