"""An hour of strangers -> what it does to the server: memory, threads, descriptors, what is left on the disk.

Starts the app as a server that others reach. Some visitors stay before their cameras, others come, upload a photo, read
and leave, each from a loopback address of its own, so that everyone is a visitor. They speak Streamlit's and WebRTC's
own protocols without a browser, on the same machine. Needs Linux.

    python -m tools.crowd_hour [--minutes 60] [--live 3] [--visits 120] [--fps 5]
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import httpx
from aiortc import RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import MediaStreamError
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileURLs, UploadedFileInfo
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

from fer.benchmark.live import PICTURES, picture
from fer.benchmark.server import start_app, wait_for_port
from fer.samples import SAMPLES

LOOK_EVERY_S = 15.0
GRAPHS_EVERY_S = 1.0
LIMIT_S = 600.0
CLOCK_HZ = 90_000


@dataclass
class Counts:
    """What came of the visits.

    Attributes:
        pictures: that came back to those before their cameras.
        again: how often one of those lost the connection and came again, and why.
        read: visits whose photo was read.
        failed: visits that saw something else, in words.
    """

    pictures: int = 0
    read: int = 0
    again: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class Clip(VideoStreamTrack):
    """The benchmark's clip of a face, as a camera sends it."""

    def __init__(self, fps: float) -> None:
        super().__init__()
        self._fps, self._number, self._start_s = fps, 0, time.monotonic()

    async def recv(self) -> av.VideoFrame:
        """The next picture, when its time has come."""
        await asyncio.sleep(self._start_s + self._number / self._fps - time.monotonic())
        frame = av.VideoFrame.from_ndarray(picture(self._number % PICTURES, 1), format="bgr24")
        frame.pts, frame.time_base = round(self._number * CLOCK_HZ / self._fps), Fraction(1, CLOCK_HZ)
        self._number += 1
        return frame


class Visit:
    """One visitor's open page: what it says, and how to do something on it.

    Attributes:
        session_id: the session's.
        elements: by the name of their kind, those that the page showed last.
        fragments: those parts of the page that run by themselves.
        said: every text of the page since it was opened.
    """

    def __init__(self, connection: ClientConnection, page: str) -> None:
        self._connection, self._page = connection, page
        self._page_hash, self._is_fragment = "", False
        self._states: dict[str, WidgetState] = {}
        self.session_id = ""
        self.elements: dict[str, list[Element]] = {}
        self.fragments: set[str] = set()
        self.said = ""

    async def run(self, *states: WidgetState, fragment: str = "") -> None:
        """Let the page run with these states of widgets beside those that it knows, and wait for its end."""
        message = BackMsg()
        rerun, self._is_fragment = message.rerun_script, bool(fragment)
        rerun.page_script_hash, rerun.fragment_id = self._page_hash, fragment
        if not self._page_hash:
            rerun.page_name = self._page
        kept = {state.id: state for state in states if not state.HasField("trigger_value")}
        self._states |= kept
        for state in (self._states | {state.id: state for state in states}).values():
            rerun.widget_states.widgets.append(state)
        await self._connection.send(message.SerializeToString())
        await asyncio.wait_for(self.listen(), LIMIT_S)

    async def listen(self) -> None:
        """Take what the server says until a run has ended."""
        while True:
            data = await self._connection.recv()
            assert isinstance(data, bytes)
            message = ForwardMsg.FromString(data)
            match message.WhichOneof("type"):
                case "new_session":
                    self._page_hash = message.new_session.page_script_hash
                    self.session_id = message.new_session.initialize.session_id or self.session_id
                    if not self._is_fragment:
                        self.elements, self.fragments = {}, set()
                case "delta" if message.delta.HasField("new_element") and not self._is_fragment:
                    element = message.delta.new_element
                    self.elements.setdefault(str(element.WhichOneof("type")), []).append(element)
                    self.said += f"{element.markdown.body} {element.heading.body} {element.alert.body}\n"
                case "auto_rerun":
                    self.fragments.add(message.auto_rerun.fragment_id)
                case "script_finished" if message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    return


@asynccontextmanager
async def visit(address: str, page: str, source: str) -> AsyncIterator[Visit]:
    """Open a page from a loopback address."""
    host, port = address.removeprefix("http://").split(":")
    async with connect(
        f"ws://{host}:{port}/_stcore/stream",
        host="127.0.0.1",
        port=int(port),
        local_addr=(source, 0),
        origin=address,  # type: ignore[arg-type]
        subprotocols=["streamlit"],  # type: ignore[list-item]
        max_size=None,
        open_timeout=LIMIT_S,
        ping_interval=None,  # a busy machine is no lost connection
        proxy=None,
    ) as connection:
        visitor = Visit(connection, page)
        await visitor.run()
        yield visitor


async def upload_and_leave(address: str, source: str, name: str, photo: bytes, counts: Counts) -> None:
    """Come, upload a photo, see that it was read, and leave."""
    try:
        async with visit(address, "image", source) as visitor:
            (box,) = (element.file_uploader for element in visitor.elements["file_uploader"])
            path = f"/_stcore/upload_file/{visitor.session_id}/{name}"
            transport = httpx.AsyncHTTPTransport(local_address=source)
            async with httpx.AsyncClient(base_url=address, transport=transport, timeout=LIMIT_S) as client:
                await client.get("/_stcore/health")
                headers = {"X-Xsrftoken": client.cookies["_streamlit_xsrf"], "Origin": address}
                (await client.put(path, files={"file": (name, photo)}, headers=headers)).raise_for_status()
            state = WidgetState(id=box.id)
            file = UploadedFileInfo(name=name, size=len(photo), file_id=name)
            file.file_urls.CopyFrom(FileURLs(file_id=name, upload_url=path, delete_url=path))
            state.file_uploader_state_value.uploaded_file_info.append(file)
            await visitor.run(state)
            if "Looks" in visitor.said or name.partition(".")[0] in visitor.said:
                counts.read += 1
            else:
                counts.failed.append(f"{name} was not read")
    except Exception as fault:
        counts.failed.append(f"{type(fault).__name__}: {fault}")


async def stay(address: str, source: str, fps: float, counts: Counts) -> None:
    """Stay before a camera until cancelled; whoever loses the connection comes again."""
    while True:
        try:
            await sit_before_camera(address, source, Clip(fps), counts)
        except Exception as fault:
            counts.again.append(f"{type(fault).__name__}: {fault}")
            await asyncio.sleep(GRAPHS_EVERY_S)


async def sit_before_camera(address: str, source: str, camera: VideoStreamTrack, counts: Counts) -> None:
    """Let a camera send its pictures and have those that come back counted, with graphs that move, for ever."""
    async with visit(address, "live", source) as visitor:
        (agree,) = (each.button for each in visitor.elements["button"] if "I understand" in each.button.label)
        await visitor.run(WidgetState(id=agree.id, trigger_value=True))
        player = next(each.component_instance for each in visitor.elements["component_instance"])
        connection = RTCPeerConnection()
        received: set[asyncio.Task[None]] = set()
        connection.on("track", lambda track: received.add(asyncio.create_task(_count(track, counts))))
        connection.addTrack(camera)
        await connection.setLocalDescription(await connection.createOffer())
        offer = connection.localDescription
        given = {"playing": False, "sdpOffer": {"sdp": offer.sdp, "type": offer.type}}
        await visitor.run(WidgetState(id=player.id, json_value=json.dumps(given)))
        try:
            answer = None
            while answer is None:
                (player,) = (each.component_instance for each in visitor.elements["component_instance"])
                answer = json.loads(json.loads(player.json_args).get("sdp_answer_json") or "null")
                if answer is None:
                    await asyncio.wait_for(visitor.listen(), LIMIT_S)
            await connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
            await visitor.run(WidgetState(id=player.id, json_value=json.dumps({"playing": True})))
            while True:
                for fragment in sorted(visitor.fragments):
                    await visitor.run(fragment=fragment)
                await asyncio.sleep(GRAPHS_EVERY_S)
        finally:
            await connection.close()


async def _count(track: object, counts: Counts) -> None:
    with suppress(MediaStreamError):
        while True:
            await track.recv()  # type: ignore[attr-defined]
            counts.pictures += 1


@dataclass(frozen=True)
class Look:
    """What the server holds at a moment: megabytes resident, threads, open descriptors."""

    at_s: float
    memory_mb: float
    threads: int
    descriptors: int

    @classmethod
    def of(cls, process_id: int, at_s: float) -> "Look":
        """Look at a process."""
        status = Path(f"/proc/{process_id}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        return cls(
            at_s,
            int(fields["VmRSS"].split()[0]) / 1024,
            int(fields["Threads"]),
            len(os.listdir(f"/proc/{process_id}/fd")),
        )

    def __str__(self) -> str:
        return (
            f"{self.at_s / 60:5.1f} min {self.memory_mb:6.0f} MB {self.threads:4d} threads {self.descriptors:4d} open"
        )


async def watch(address: str, process_id: int, arguments: argparse.Namespace) -> tuple[list[Look], Counts]:
    """Let the visitors come, and look at the server until all have left."""
    counts, looks, start = Counts(), [], time.monotonic()
    photo = cv2.imencode(".jpg", SAMPLES["two-faces"].load())[1].tobytes()
    duration_s = arguments.minutes * 60

    def look() -> None:
        looks.append(Look.of(process_id, time.monotonic() - start))
        print(f"{looks[-1]}  {counts.read} photos read, {counts.pictures} pictures back", flush=True)

    async def keep_looking() -> None:
        while True:
            look()
            await asyncio.sleep(LOOK_EVERY_S)

    looking = asyncio.create_task(keep_looking())
    live = [
        asyncio.create_task(stay(address, f"127.0.1.{n}", arguments.fps, counts)) for n in range(1, 1 + arguments.live)
    ]
    visits = []
    for number in range(arguments.visits):
        await asyncio.sleep(max(0.0, start + number * duration_s / arguments.visits - time.monotonic()))
        source = f"127.0.2.{1 + number % 250}"
        visits.append(asyncio.create_task(upload_and_leave(address, source, f"{number}.jpg", photo, counts)))
    await asyncio.sleep(max(0.0, start + duration_s - time.monotonic()))
    await asyncio.gather(*visits)
    look()
    for stream in live:
        stream.cancel()
    await asyncio.gather(*live, return_exceptions=True)
    await asyncio.sleep(40)  # what they had is kept for 25 seconds
    looking.cancel()
    look()
    return looks, counts


def main(arguments: list[str] | None = None) -> int:
    """Watch for as long as was asked, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tools.crowd_hour", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--live", type=int, default=3)
    parser.add_argument("--visits", type=int, default=120)
    parser.add_argument("--fps", type=float, default=5.0)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        places = {name: f"{folder}/{name.lower()}" for name in ("TMPDIR", "FER_SESSIONS_DIR", "FER_CACHE_DIR")}
        for place in places.values():
            Path(place).mkdir()
        reached = {"STREAMLIT_SERVER_ADDRESS": "0.0.0.0", "FER_TOKEN": "none"}
        with start_app(places | reached) as (address, process, _):
            wait_for_port(address, process)
            looks, counts = asyncio.run(watch(address, process.pid, options))
        left = [str(file.relative_to(folder)) for file in Path(folder).rglob("*") if file.is_file()]
    tenth = max(1, len(looks) // 10)
    early, late = looks[tenth : 2 * tenth], looks[-tenth - 2 : -2]
    for words, some in (("second tenth", early), ("last tenth", late)):
        held = [sum(getattr(each, name) for each in some) / max(1, len(some)) for name in Look.__annotations__]
        print(f"{words}: {held[1]:.0f} MB, {held[2]:.0f} threads, {held[3]:.0f} descriptors")
    print(f"after all have left: {looks[-1]}; at most {max(each.memory_mb for each in looks):.0f} MB")
    print(
        f"{counts.read} photos read, {counts.pictures} pictures back; left on the disk: {', '.join(left) or 'nothing'}"
    )
    for words in counts.failed:
        print(f"failed: {words}")
    for words in counts.again:
        print(f"a camera came again: {words}")
    return 1 if counts.failed else 0


if __name__ == "__main__":
    sys.exit(main())
