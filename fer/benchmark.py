"""Speed and memory on this machine, next to the budgets they are held to.

Only means something while nothing else runs. Turns nothing into files; the command line prints what `run` returns.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np

from fer import paths
from fer.crops import crop_faces
from fer.datasets import DATASETS, load_dataset
from fer.datasets.pixel_csv import read_pixel_csv
from fer.detection import LIVE_SIDES, load_detector
from fer.drawing import annotate
from fer.pipeline import FacePipeline
from fer.recognition import load_model
from fer.samples import SAMPLES

WARM_UP = 20
REPEATS = 200
STARTS = 3
SERVER_LIMIT_S = 60


@dataclass(frozen=True)
class Measurement:
    """One quantity against its budget.

    Attributes:
        name: what was measured.
        unit: "ms", "s" or "MB".
        budget: the most it may be, at the median.
        values: every single reading; empty where it could not be measured.
        note: how it was measured, or why it was not.
    """

    name: str
    unit: str
    budget: float
    values: tuple[float, ...]
    note: str

    @property
    def p50(self) -> float | None:
        return float(np.percentile(self.values, 50)) if self.values else None

    @property
    def p95(self) -> float | None:
        return float(np.percentile(self.values, 95)) if self.values else None

    @property
    def met(self) -> bool | None:
        """Whether the median keeps the budget; None where nothing was measured."""
        return None if self.p50 is None else self.p50 <= self.budget

    def to_record(self) -> dict:
        """The measurement as plain numbers and strings."""
        return {
            "name": self.name,
            "unit": self.unit,
            "budget": self.budget,
            "p50": self.p50,
            "p95": self.p95,
            "n": len(self.values),
            "met": self.met,
            "note": self.note,
        }


def run(model_name: str, progress: Callable[[str], None]) -> list[Measurement]:
    """Measure everything that can be measured here.

    Args:
        model_name: the installed model to time.
        progress: told what is measured next.

    Raises:
        FerError: the model or a detector cannot be opened.
    """
    progress("One face and one frame ...")
    measurements = _picture(model_name)
    progress("Reading fer2013.csv ...")
    measurements += _data()
    progress("Starting the app, three times ...")
    return measurements + _server()


def render(measurements: Sequence[Measurement]) -> str:
    """Lay measurements out as a table for a terminal."""
    rows = [("what", "p50", "p95", "budget", "kept", "n", "how")]
    for m in measurements:
        seen = ("-", "-") if m.p50 is None else (f"{m.p50:.4g} {m.unit}", f"{m.p95:.4g} {m.unit}")
        kept = {None: "-", True: "yes", False: "no"}[m.met]
        rows.append((m.name, *seen, f"{m.budget:g} {m.unit}", kept, str(len(m.values)), m.note))
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    return "\n".join("  ".join([*(row[i].ljust(widths[i]) for i in range(6)), row[6]]) for row in rows)


def _times_ms(call: Callable[[], object]) -> tuple[float, ...]:
    _times_s(call, WARM_UP)
    return tuple(seconds * 1000 for seconds in _times_s(call, REPEATS))


def _picture(model_name: str) -> list[Measurement]:
    model, detector = load_model(model_name), load_detector()
    pipeline = FacePipeline(model, detector, long_sides=LIVE_SIDES)
    astronaut_bgr = SAMPLES["astronaut"].load()
    frame_bgr = np.zeros((480, 640, 3), np.uint8)
    frame_bgr[:, 80:560] = cv2.resize(astronaut_bgr, (480, 480), interpolation=cv2.INTER_AREA)
    result = pipeline.analyze(frame_bgr)
    square = np.array([result.faces[0].crop_xywh])

    def read_one() -> None:
        logits = model.predict(crop_faces(frame_bgr, square, model.card.crop_size)).logits
        model.calibration.probabilities(logits)

    return [
        Measurement("one face, crop to probabilities", "ms", 3, _times_ms(read_one), model_name),
        Measurement(
            "640x480 frame, one face, detect to drawn",
            "ms",
            25,
            _times_ms(lambda: annotate(frame_bgr, pipeline.analyze(frame_bgr).faces)),
            f"{model_name}, {detector.name}, long side {LIVE_SIDES[0]}",
        ),
    ]


def _data() -> list[Measurement]:
    names = (("fer2013.csv to arrays, the first time", 5.0), ("fer2013.csv to arrays, from the cache", 0.5))
    file = paths.find_data_file(DATASETS["fer2013"].file_name)
    if file is None:
        note = "not measured: fer2013.csv was not found; set FER_DATA_DIR to its folder"
        return [Measurement(name, "s", budget, (), note) for name, budget in names]
    first = _times_s(lambda: read_pixel_csv(file, "fer2013"), 3)
    load_dataset("fer2013", path=file)
    again = _times_s(lambda: load_dataset("fer2013", path=file), 10)
    note = f"{file.stat().st_size / 1e6:.0f} MB, the file itself in the system's cache"
    return [
        Measurement(name, "s", budget, times, note) for (name, budget), times in zip(names, (first, again), strict=True)
    ]


def _times_s(call: Callable[[], object], repeats: int) -> tuple[float, ...]:
    values = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        values.append(time.perf_counter() - start)
    return tuple(values)


@contextmanager
def _started_app() -> Iterator[tuple[str, subprocess.Popen, float]]:
    """Run the app on a free port; gives its address, its process and when it was started."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(paths.ROOT / "streamlit_app.py")]
    options = ["--server.port", str(port), "--server.headless", "true", "--server.fileWatcherType", "none"]
    start = time.perf_counter()
    process = subprocess.Popen(
        command + options,
        cwd=paths.ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    try:
        yield f"http://localhost:{port}", process, start
    finally:
        process.terminate()
        process.wait(SERVER_LIMIT_S)


def _memory_mb(process_id: int) -> float | None:
    """Resident memory of a process; None where the system has no /proc."""
    try:
        with open(f"/proc/{process_id}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return None


def _server() -> list[Measurement]:
    names = (("first page of a cold server", "s", 4.0), ("memory of that server, at most", "MB", 500.0))
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if importlib.util.find_spec("playwright") is None or chromium is None:
        note = "not measured: needs Playwright and Chromium (requirements-dev.txt)"
        return [Measurement(name, unit, budget, (), note) for name, unit, budget in names]
    from playwright.sync_api import sync_playwright

    seconds, megabytes = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, headless=True, args=["--no-sandbox", "--disable-gpu"]
        )
        for _ in range(STARTS):
            with _started_app() as (address, process, start):
                _wait_for_port(address, process)
                page = browser.new_page()
                page.goto(address)
                page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning] h1", timeout=60_000)
                seconds.append(time.perf_counter() - start)
                memory = _memory_mb(process.pid)
                megabytes += [] if memory is None else [memory]
                page.close()
        browser.close()
    note = "process start to Home shown in Chromium"
    readings = (tuple(seconds), tuple(megabytes))
    return [
        Measurement(name, unit, budget, values, note)
        for (name, unit, budget), values in zip(names, readings, strict=True)
    ]


def _wait_for_port(address: str, process: subprocess.Popen) -> None:
    host, port = address.removeprefix("http://").split(":")
    deadline = time.perf_counter() + SERVER_LIMIT_S
    while time.perf_counter() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError("The app did not start.")
