"""A WebRTC player's pictures in, the same pictures processed out, and never an older one than need be.

A player that is given a callback gets the first pictures back as they came, and each later one only when its successor
arrives; behind a slow encoder they queue. Here a picture goes out as soon as it is processed, none goes out as it came,
and where anything is slower than the camera, pictures are dropped: of those that wait, the newest is kept.
Knows nothing of Streamlit or faces.
"""

import asyncio
import contextlib
import logging
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

MOST_OUT = 2
"""How many pictures may be on their way to the browser: the one that was sent last, which those who pass it on hold
until they get the next, and the one that is being encoded."""

_LOG = logging.getLogger(__name__)


class _Ticket:
    """Lives as long as the picture that bears it."""

    __slots__ = ("__weakref__",)


class ProcessedTrack(MediaStreamTrack):
    """The pictures that go back. Asked by one event loop; may be stopped from any thread.

    Attributes:
        asked: is set as soon as somebody asks for a picture.
    """

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self._offered: av.VideoFrame | None = None
        self._changed = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._out = 0

    def offer(self, frame: av.VideoFrame) -> None:
        """Let a picture be sent, in the place of one that still waits."""
        self._offered = frame
        self._changed.set()

    async def recv(self) -> av.VideoFrame:
        """Give the newest picture, once so few are on their way that it is encoded next.

        Whoever asks may be a relay, which asks again at once and queues what it is given: how many pictures are on
        their way is told by how many are still alive.
        """
        self._loop = asyncio.get_running_loop()
        self.asked.set()
        while self.readyState == "live" and (self._offered is None or self._out >= MOST_OUT):
            self._changed.clear()
            await self._changed.wait()
        if self.readyState != "live":
            raise MediaStreamError
        frame, self._offered = self._offered, None
        assert frame is not None, "one is offered, or the track has ended"
        frame.opaque = ticket = _Ticket()
        self._out += 1
        weakref.finalize(ticket, _on, self._loop, self._came_home).atexit = False
        return frame

    def stop(self) -> None:
        """End the track: whoever waits for a picture is told."""
        super().stop()
        if self._loop is not None:
            _on(self._loop, self._changed.set)

    def _came_home(self) -> None:
        self._out -= 1
        self._changed.set()


class PictureExchange:
    """Takes a player's pictures (a `streamlit_webrtc` sink for one session) and gives processed ones.

    Attributes:
        video: the track to send back.
        audio: None; with it, an exchange is what `streamlit_webrtc` takes for a player.
    """

    audio = None

    def __init__(self, process: Callable[[av.VideoFrame], av.VideoFrame]) -> None:
        """Make an exchange that waits for a player.

        Args:
            process: one picture into a new one, in a thread of this exchange alone; where it raises, the picture is
                dropped.
        """
        self.video = ProcessedTrack()
        self._process = process
        self._track: MediaStreamTrack | None = None
        self._task: asyncio.Task | None = None
        self._stopped = False

    def addTrack(self, track: MediaStreamTrack) -> None:  # noqa: N802
        """Take pictures from this track, from `start` on; a second one is ended, since nobody would empty it."""
        if self._track is not None:
            track.stop()
            return
        self._track = track

    def hasTrack(self) -> bool:  # noqa: N802
        """Whether there is a track to take pictures from."""
        return self._track is not None

    def start(self) -> None:
        """Begin, on the event loop that runs, and go on until the pictures end or `stop` is called.

        Pictures are taken at once, lest they wait in a row, but none is processed before somebody asks for what is
        given: a connection may never come about.
        """
        if not self._stopped and self._track is not None:
            self._task = asyncio.get_running_loop().create_task(self._run(self._track))

    def stop(self) -> None:
        """End, from any thread; an exchange that has ended does not start again."""
        self._stopped = True
        self.video.stop()
        if self._task is not None:
            _on(self._task.get_loop(), self._task.cancel)
        elif self._track is not None:
            self._track.stop()

    async def _run(self, track: MediaStreamTrack) -> None:
        loop = asyncio.get_running_loop()
        newest: list[av.VideoFrame] = []
        came = asyncio.Event()

        async def read() -> None:
            with contextlib.suppress(MediaStreamError):
                while True:
                    newest[:] = [cast(av.VideoFrame, await track.recv())]
                    came.set()

        reader = asyncio.create_task(read())
        reader.add_done_callback(lambda _: came.set())
        worker = ThreadPoolExecutor(1, "pictures")
        try:
            await self.video.asked.wait()
            while True:
                await came.wait()
                came.clear()
                if not newest:
                    break
                try:
                    self.video.offer(await loop.run_in_executor(worker, self._process, newest.pop()))
                except Exception:
                    _LOG.exception("A picture could not be processed")
        finally:
            reader.cancel()
            track.stop()
            worker.shutdown(wait=False, cancel_futures=True)
            self.video.stop()


def _on(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    """Call on a loop's own thread; not at all where the loop has ended."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call)
