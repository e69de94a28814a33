"""An hour of strangers -> what it does to the server: memory, threads, descriptors, what is left on the disk.

Starts the app as a server that others reach. Some visitors stay before their cameras, others come, upload a photo, read
and leave, each from a loopback address of its own, so that everyone is a visitor. They speak Streamlit's and WebRTC's
own protocols without a browser, on the same machine. Needs Linux.

    python -m tools.crowd_hour [--minutes 60] [--live 3] [--visits 120] [--fps 5]
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import httpx
from streamlit.proto.Common_pb2 import FileURLs, UploadedFileInfo
from streamlit.proto.WidgetStates_pb2 import WidgetState

from fer.benchmark.server import start_app, wait_for_port
from fer.samples import SAMPLES
from tools.visits import LIMIT_S, Clip, sit_before_camera, visit

LOOK_EVERY_S = 15.0
AGAIN_S = 1.0


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

    def count() -> None:
        counts.pictures += 1

    while True:
        try:
            await sit_before_camera(address, source, Clip(fps), count)
        except Exception as fault:
            counts.again.append(f"{type(fault).__name__}: {fault}")
            await asyncio.sleep(AGAIN_S)


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
