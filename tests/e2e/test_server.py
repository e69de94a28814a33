"""The server's process: who may reach it, what it keeps off the disk, and what it never loads."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

from tests.e2e.conftest import AT_REST, App, Arrive

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at processes through /proc"),
]


@contextmanager
def watched(process_id: int, folder: Path) -> Iterator[tuple[set[str], list[int]]]:
    """Note every file below a folder that a process holds open, also those without a name, 500 times a second.

    Gives the files and, for each look, how many descriptors were open.
    """
    seen: set[str] = set()
    looks: list[int] = []
    done = threading.Event()

    def watch() -> None:
        place = Path(f"/proc/{process_id}/fd")
        while not done.wait(0.002):  # the server and the browser want the processor, too
            descriptors = list(place.iterdir())
            looks.append(len(descriptors))
            for descriptor in descriptors:
                try:
                    target = os.readlink(descriptor)
                except FileNotFoundError:
                    continue
                if target.startswith(f"{folder}/"):
                    seen.add(target)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen, looks
    finally:
        done.set()
        thread.join()


@pytest.fixture
def large_png() -> bytes:
    """A photo of nobody, of more than 10 MB, since nothing in it is compressed."""
    black = np.zeros((1900, 1900, 3), np.uint8)
    return cv2.imencode(".png", black, (cv2.IMWRITE_PNG_COMPRESSION, 0))[1].tobytes()


def test_a_large_upload_stays_in_memory(app: App, arrive: Arrive, large_png: bytes) -> None:
    assert len(large_png) > 10_000_000
    visitor = arrive(app)
    page = visitor.open("image")
    before = sorted(app.temporary.rglob("*"))
    # At 5 MB/s the upload takes two seconds, and a spooled file would be open for most of them.
    page.context.new_cdp_session(page).send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 5_000_000},
    )
    with watched(app.process.pid, app.temporary) as (seen, looks):
        visitor.upload(("large.png", large_png))
        page.get_by_role("heading", level=2, name="large.png").wait_for()
        page.wait_for_selector(AT_REST)
    assert len(looks) > 100, "it was looked often enough"
    assert seen == set()
    assert sorted(app.temporary.rglob("*")) == before
    assert visitor.troubles == []


def test_the_watch_would_see_a_file_without_a_name(tmp_path: Path) -> None:
    import tempfile

    with watched(os.getpid(), tmp_path) as (seen, looks), tempfile.TemporaryFile(dir=tmp_path):
        while not seen and len(looks) < 1000:
            time.sleep(0.002)
    assert len(seen) == 1


def test_it_is_reached_from_this_machine_alone(app: App) -> None:
    port = urlsplit(app.url).port
    answers = {}
    for address in ("127.0.0.1", "127.0.0.2"):  # the other one answers where a server listens on every address
        with socket.socket() as probe:
            answers[address] = probe.connect_ex((address, port)) == 0
    assert answers == {"127.0.0.1": True, "127.0.0.2": False}


def test_it_never_loads_tensorflow(app: App, arrive: Arrive) -> None:
    arrive(app).open("image").get_by_text("Looks happy").wait_for()
    maps = Path(f"/proc/{app.process.pid}/maps").read_text()
    assert "onnxruntime" in maps, "photos were read by this process"
    assert "tensorflow" not in maps
