"""The app as a server of its own, seen from a real browser: how it starts, and how it stands a crowd."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from fer import paths
from fer.benchmark.browser import BROWSER_FLAGS, NO_BROWSER, find_chromium
from fer.benchmark.measurement import Measurement
from fer.errors import FerError
from fer.samples import SAMPLES

STARTS = 3
SERVER_LIMIT_S = 60
PHOTO_BYTES = 5_000_000
PHOTO_HEIGHT = 2400
LEAST_WIDTH = 3200
CROWD_LIMIT_MS = 300_000


@contextmanager
def start_app(environment: Mapping[str, str] | None = None) -> Iterator[tuple[str, subprocess.Popen, float]]:
    """Run the app on a free port; gives its address, its process and when it was started.

    Raises:
        FerError: this is an installed package, and the app's pages are in the checkout alone.
    """
    script = paths.ROOT / "streamlit_app.py"
    if not script.is_file():
        raise FerError(f"The app is not in {paths.ROOT}; run this from a checkout.")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    options = ["--server.port", str(port), "--server.headless", "true", "--server.fileWatcherType", "none"]
    start = time.perf_counter()
    process = subprocess.Popen(
        command + options,
        cwd=paths.ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    try:
        yield f"http://localhost:{port}", process, start
    finally:
        process.terminate()
        process.wait(SERVER_LIMIT_S)


def memory_mb(process_id: int, *, peak: bool) -> float | None:
    """Resident memory of a process, now or at most so far; None where the system has no /proc."""
    try:
        with open(f"/proc/{process_id}/status", encoding="ascii") as status:
            field = "VmHWM" if peak else "VmRSS"
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith(field))
    except (OSError, StopIteration):
        return None


def processor_s(process_id: int) -> float | None:
    """How long a process worked so far, all its threads together; None where the system has no /proc."""
    try:
        stat = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_start() -> list[Measurement]:
    """Start the app cold, three times, and wait for its first page."""
    names = (("first page of a cold server", "s", 4.0), ("memory of that server, at most", "MB", 500.0))
    chromium = find_chromium()
    if chromium is None:
        return [Measurement(name, unit, budget, (), NO_BROWSER) for name, unit, budget in names]
    from playwright.sync_api import sync_playwright

    seconds, megabytes = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=BROWSER_FLAGS)
        for _ in range(STARTS):
            with start_app() as (address, process, start):
                wait_for_port(address, process)
                page = browser.new_page()
                page.goto(address)
                page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning] h1", timeout=60_000)
                seconds.append(time.perf_counter() - start)
                memory = memory_mb(process.pid, peak=True)
                megabytes += [] if memory is None else [memory]
                page.close()
        browser.close()
    note = "process start to Home shown in Chromium"
    readings = (tuple(seconds), tuple(megabytes))
    return [
        Measurement(name, unit, budget, values, note)
        for (name, unit, budget), values in zip(names, readings, strict=True)
    ]


def wait_for_port(address: str, process: subprocess.Popen) -> None:
    """Return once the app listens.

    Raises:
        RuntimeError: it ended, or took longer than `SERVER_LIMIT_S`.
    """
    host, port = address.removeprefix("http://").split(":")
    deadline = time.perf_counter() + SERVER_LIMIT_S
    while time.perf_counter() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError("The app did not start.")


def measure_crowd(visitors: int) -> list[Measurement]:
    """Let many visitors upload a photo of 5 MB each at the same time.

    Every photo has a size of its own, so that a visitor who is shown another one's result is noticed.
    """
    names = (
        ("visitors without their own result", "visitors", 0.0),
        (f"memory with {visitors} visitors, at most", "MB", 1500.0),
        ("files left in the temporary folder", "files", 0.0),
    )
    chromium = find_chromium()
    if chromium is None:
        return [Measurement(name, unit, budget, (), NO_BROWSER) for name, unit, budget in names]
    photos = {width: _heavy_photo(width) for width in range(LEAST_WIDTH, LEAST_WIDTH + visitors)}
    with tempfile.TemporaryDirectory() as folder, start_app({"TMPDIR": folder}) as (address, process, _):
        wait_for_port(address, process)
        waits = asyncio.run(_crowd(chromium, address, photos))
        memory = memory_mb(process.pid, peak=True)
        left = sum(1 for _ in Path(folder).rglob("*"))
    served = [wait for wait in waits if wait is not None]
    readings = ((float(visitors - len(served)),), () if memory is None else (memory,), (float(left),))
    median = f"{np.median(served):.0f} s from upload to result at the median" if served else "no result"
    note = f"{visitors} browsers on this machine at once, {PHOTO_BYTES // 1_000_000} MB each; {median}"
    return [Measurement(*name, values, note) for name, values in zip(names, readings, strict=True)]


def _heavy_photo(width: int) -> bytes:
    """A JPEG of about `PHOTO_BYTES` with two faces; noise around them makes it heavy."""
    faces_bgr = SAMPLES["two-faces"].load()
    image_bgr = np.random.default_rng(width).integers(0, 256, (PHOTO_HEIGHT, width, 3), dtype=np.uint8)
    height = round(len(faces_bgr) * width / faces_bgr.shape[1])
    image_bgr[:height] = cv2.resize(faces_bgr, (width, height))
    for quality in range(99, 40, -2):
        data = cv2.imencode(".jpg", image_bgr, (cv2.IMWRITE_JPEG_QUALITY, quality))[1].tobytes()
        if len(data) <= PHOTO_BYTES:
            return data
    raise RuntimeError("The photo cannot be made light enough.")


async def _crowd(chromium: str, address: str, photos: dict[int, bytes]) -> list[float | None]:
    """Seconds from each upload to its result; None for a visitor who did not see the own one in time."""
    from playwright.async_api import Browser, TimeoutError, async_playwright

    together = asyncio.Barrier(len(photos))

    async def visit(browser: Browser, width: int, photo: bytes) -> float | None:
        page = await (await browser.new_context()).new_page()
        page.set_default_timeout(CROWD_LIMIT_MS)
        await page.goto(f"{address}/image")
        await page.wait_for_selector("input[type=file]", state="attached")
        await together.wait()
        start = time.perf_counter()
        await page.set_input_files(
            "input[type=file]", {"name": f"{width}.jpg", "mimeType": "image/jpeg", "buffer": photo}
        )
        try:
            await page.get_by_text(f"{width} \u00d7 {PHOTO_HEIGHT} pixels").wait_for()
        except TimeoutError:
            return None
        return time.perf_counter() - start

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, headless=True, args=BROWSER_FLAGS)
        waits = await asyncio.gather(*(visit(browser, width, photo) for width, photo in photos.items()))
        await browser.close()
    return waits
