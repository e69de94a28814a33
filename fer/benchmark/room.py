"""Room for live visitors: what one costs the server, and how many it holds.

The load comes from visitors without a browser, whose cameras send a clip that is encoded already, so that they leave
the machine to the server. Only means something while nothing else runs.
"""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np

from fer import paths
from fer.benchmark.clip import HEIGHT, RATE, WIDTH
from fer.benchmark.measurement import Measurement
from fer.benchmark.server import processor_s, start_app, wait_for_port
from fer.detection import load_detector
from fer.pipeline import DEFAULT_MODEL
from fer.webrtc.limits import MAX_STREAMS

NAMES = (
    ("live page, of a core for a visitor at {:g} frames/s", "cores", 0.2, False),
    ("live page, most visitors who get {:g} frames/s back each", "visitors", None, True),
)
COST_RATE = 10.0
"""Pictures a second that the visitor sends whose cost is measured, and that each of many has to get back."""

SETTLE_S, WINDOW_S, WINDOWS, WATCH_S = 10.0, 5.0, 8, 15.0
PATIENCE_S = 60.0

STRANGERS = {"STREAMLIT_SERVER_ADDRESS": "0.0.0.0", "FER_TOKEN": "none"}
"""Lets everyone who comes from an address of their own be a visitor of their own."""


def measure_room(progress: Callable[[str], None]) -> list[Measurement]:
    """Let visitors come who send their camera's pictures.

    Args:
        progress: told what is measured next.

    Returns:
        How much of a core one of them takes, and how many are served well; the first without readings where the system
        does not tell how long a process worked.

    Raises:
        FerError: this is an installed package.
    """
    with tempfile.TemporaryDirectory() as folder:
        places = {"FER_DATABASE_URL": f"sqlite:///{folder}/sessions.sqlite"}
        with start_app(places | STRANGERS) as (address, process, _):
            wait_for_port(address, process)
            progress("What a live visitor costs ...")
            cost = _measure_cost(address, process.pid)
            progress("More and more visitors ...")
            most = _count_most(address)
    how = f"{DEFAULT_MODEL}, {load_detector().name}, {WIDTH}x{HEIGHT}, one face, visitors without a browser here"
    notes = (f"all threads of the server together; {how}", f"{how}, whose cameras send {RATE} frames a second")
    return [
        Measurement(name.format(COST_RATE), unit, budget, values, note, at_least)
        for (name, unit, budget, at_least), values, note in zip(NAMES, (cost, (float(most),)), notes, strict=True)
    ]


def _measure_cost(address: str, process_id: int) -> tuple[float, ...]:
    shares = []
    with _visitor(address, 1, COST_RATE) as came:
        _wait_for(came)
        time.sleep(SETTLE_S)
        for _ in range(WINDOWS):
            before_s, start_s, start = processor_s(process_id), time.monotonic(), len(came)
            time.sleep(WINDOW_S)
            after_s, passed_s, rate = processor_s(process_id), time.monotonic() - start_s, len(came) - start
            if before_s is None or after_s is None:
                return ()
            shares.append((after_s - before_s) / passed_s * COST_RATE / (rate / passed_s) if rate else np.inf)
    return tuple(shares)


def _count_most(address: str) -> int:
    """Let visitors come one by one, as long as each gets pictures back at `COST_RATE`."""
    with ExitStack() as stack:
        everyone: list[list[float]] = []
        while len(everyone) < MAX_STREAMS:
            everyone.append(stack.enter_context(_visitor(address, len(everyone) + 1, RATE)))
            if not _wait_for(everyone[-1]):
                break
            time.sleep(SETTLE_S)
            starts = [len(came) for came in everyone]
            time.sleep(WATCH_S)
            if any(len(came) - start < COST_RATE * WATCH_S for came, start in zip(everyone, starts, strict=True)):
                break
        else:
            return MAX_STREAMS
        return len(everyone) - 1


@contextmanager
def _visitor(address: str, number: int, fps: float) -> Iterator[list[float]]:
    """A visitor before a camera, in a process of their own; gives when pictures came back, while they do."""
    command = [sys.executable, "-m", "tools.visits", address, "--source", f"127.0.1.{number}", "--fps", f"{fps:g}"]
    process = subprocess.Popen(command, cwd=paths.ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    came: list[float] = []

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            came.append(float(line))

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        yield came
    finally:
        process.terminate()
        process.wait()
        listener.join()


def _wait_for(came: list[float]) -> bool:
    """Whether a first picture comes back."""
    end_s = time.monotonic() + PATIENCE_S
    while not came and time.monotonic() < end_s:
        time.sleep(0.1)
    return bool(came)
