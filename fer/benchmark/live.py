"""The Live page, seen from a real browser whose camera shows a clip: rate, latency, graphs, memory.

Every picture of the clip bears its number in a strip of black and white fields. The number is read in what comes back:
each new one is a picture that a visitor was shown. It is read in a second view of the same camera, too, in the same
page, by one clock: the time between both is what a visitor has to wait. Only means something while nothing else runs.
"""

import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fer.benchmark.browser import BROWSER_FLAGS, NO_BROWSER, PLAYS, find_chromium, wait_for
from fer.benchmark.clip import FIELDS, HEIGHT, PICTURES, RATE, STRIP, WIDTH, number_of, write_clip
from fer.benchmark.measurement import Measurement
from fer.benchmark.server import memory_mb, start_app, wait_for_port
from fer.detection import load_detector
from fer.pipeline import DEFAULT_MODEL

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Frame, Page, Playwright

SETTLE_S, WATCH_S, WINDOW_S = 10, 30, 2.0
LIMIT_MS = 60_000

ROWS = {
    "one": ("live page, pictures that come back, one face", "frames/s", 13.0, True),
    "four": ("live page, pictures that come back, four faces", "frames/s", 8.0, True),
    "latency": ("live page, camera to the picture with its box", "ms", 250.0, False),
    "graphs": ("live page, graphs drawn anew", "times/s", 2.0, True),
    "memory": ("live page, memory that the server grows by", "MB", 50.0, False),
}

_FOLLOW = """
([fields, strip]) => {
    window.ferFollow = (video, log) => {
        const canvas = new OffscreenCanvas(4 * fields, 4);
        const context = canvas.getContext("2d", { willReadFrequently: true });
        const read = () => {
            const height = video.videoHeight * strip;
            context.drawImage(
                video, 0, video.videoHeight - height, video.videoWidth, height, 0, 0, canvas.width, canvas.height);
            const pixels = context.getImageData(0, 2, canvas.width, 1).data;
            const seen = Array.from({ length: fields }, (_, i) => (pixels[4 * (4 * i + 2)] > 127 ? 1 : 0)).join("");
            if (log.at(-1)?.[0] !== seen) log.push([seen, performance.now()]);
            video.requestVideoFrameCallback(read);
        };
        video.requestVideoFrameCallback(read);
    };
    window.ferSeen = { camera: [], shown: [] };
    window.ferFollow(document.querySelector("video"), window.ferSeen.shown);
}
"""
"""Runs in the player's frame: notes when a strip is first seen in what comes back."""

_COMPARE = """
async () => {
    window.ferSeen.shown.length = 0;
    const camera = document.createElement("video");
    camera.muted = true;
    camera.style = "position: fixed; left: 0; top: 0; width: 80px";
    camera.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
    document.body.append(camera);
    await camera.play();
    window.ferFollow(camera, window.ferSeen.camera);
}
"""
"""Runs after `_FOLLOW`, and lets its notes begin anew: of the camera's own picture it notes the same."""

_WATCH = """
() => {
    window.ferGraphs = [];
    setInterval(() => {
        const drawn = document.querySelectorAll("[data-testid=stVegaLiteChart] svg")[1]?.outerHTML;
        if (drawn && window.ferDrawn !== drawn) window.ferGraphs.push([window.ferGraphs.length, performance.now()]);
        window.ferDrawn = drawn;
    }, 50);
}
"""
"""Runs in the page: notes when the graph over time changes."""

_BEGIN, _SHOWN = "() => { window.ferSeen.shown.length = 0; }", "() => window.ferSeen.shown"


def measure_live(minutes: float, progress: Callable[[str], None]) -> list[Measurement]:
    """Watch the Live page at work.

    Args:
        minutes: how long memory is watched.
        progress: told what is measured next.

    Returns:
        A measurement for every one of `ROWS`, without readings where there is no browser or the page does not answer.
    """
    chromium = find_chromium()
    if chromium is None:
        return [_measured(key, (), NO_BROWSER) for key in ROWS]
    from playwright.sync_api import TimeoutError as StillWaitingError

    try:
        return _measure(chromium, minutes, progress)
    except StillWaitingError:
        return [
            _measured(key, (), f"not measured: the page did not answer within {LIMIT_MS // 1000} s") for key in ROWS
        ]


def _measure(chromium: str, minutes: float, progress: Callable[[str], None]) -> list[Measurement]:
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        clips = {faces: write_clip(Path(folder) / f"{faces}.y4m", faces) for faces in (1, 4)}
        store = {"FER_DATABASE_URL": f"sqlite:///{folder}/sessions.sqlite"}
        with start_app(store) as (address, process, _):
            wait_for_port(address, process)
            progress("The Live page with four faces ...")
            with _Camera(playwright, chromium, clips[4]) as browser:
                four, seen_of_four = _rates(_visit(browser, address))
            progress("The Live page with one face ...")
            with _Camera(playwright, chromium, clips[1]) as browser:
                page = _visit(browser, address)
                (one, seen_of_one), latency, graphs = _rates(page), _latencies(page), _graphs(page)
                progress(f"Memory over {minutes:g} minutes ...")
                memory = _growth(page, process.pid, minutes)
    reading = f"{DEFAULT_MODEL}, {load_detector().name}"
    clip = f"{reading}, camera at {RATE} frames a second, {WIDTH}x{HEIGHT}, Chromium on this machine"
    return [
        _measured("one", one, f"{clip}; the page saw {seen_of_one}"),
        _measured("four", four, f"{clip}; the page saw {seen_of_four}"),
        _measured("latency", latency, f"{clip}; one face"),
        _measured("graphs", graphs, "the graph of the last minute; one face"),
        _measured("memory", memory, f"over {minutes:g} minutes; one face"),
    ]


def _measured(key: str, values: Sequence[float], note: str) -> Measurement:
    name, unit, budget, at_least = ROWS[key]
    return Measurement(name, unit, budget, tuple(values), note, at_least)


class _Camera:
    """A browser whose camera shows a clip."""

    def __init__(self, playwright: "Playwright", chromium: str, clip: Path) -> None:
        camera = (
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={clip}",
        )
        self._browser = playwright.chromium.launch(executable_path=chromium, args=(*BROWSER_FLAGS, *camera))

    def __enter__(self) -> "Browser":
        return self._browser

    def __exit__(self, *what: object) -> None:
        self._browser.close()


def _player(page: "Page") -> "Frame":
    frame = page.locator("iframe[title*=webrtc]").element_handle().content_frame()
    assert frame is not None, "it is a frame's element"
    return frame


def _visit(browser: "Browser", address: str) -> "Page":
    """Bring a new visitor to the Live page and start the camera."""
    page = browser.new_context(viewport={"width": 1400, "height": 1600}).new_page()
    page.set_default_timeout(LIMIT_MS)
    page.goto(f"{address}/live")
    page.get_by_role("button", name="I understand").click()
    _player(page).get_by_role("button", name=re.compile("start", re.IGNORECASE)).click()
    wait_for(_player(page), PLAYS, limit_s=LIMIT_MS / 1000)
    page.get_by_text("pictures read").wait_for()
    page.evaluate(_WATCH)
    _player(page).evaluate(_FOLLOW, [FIELDS, STRIP / HEIGHT])
    page.wait_for_timeout(SETTLE_S * 1000)
    return page


def rates(noted: Sequence[tuple[float, float]]) -> tuple[float, ...]:
    """How fast a count rose.

    Args:
        noted: the count and when it was first seen, in milliseconds, in order.

    Returns:
        The rises a second between notes that lie at least `WINDOW_S` apart.
    """
    found, start = [], 0
    for i in range(1, len(noted)):
        passed_s = (noted[i][1] - noted[start][1]) / 1000
        if passed_s >= WINDOW_S:
            found.append((noted[i][0] - noted[start][0]) / passed_s)
            start = i
    return tuple(found)


def came_back(shown: Sequence[tuple[str, float]]) -> list[tuple[int, float]]:
    """Count the pictures that a visitor was shown.

    Args:
        shown: strips as 0s and 1s, and when they were first seen in what came back, in milliseconds, in order.

    Returns:
        How many different pictures had come one after another, and when; what shows no number is none.
    """
    found: list[tuple[int, float]] = []
    last = None
    for number, at_ms in map(_read, shown):
        if number is not None and number != last:
            found.append((len(found) + 1, at_ms))
            last = number
    return found


def _rates(page: "Page") -> tuple[tuple[float, ...], str]:
    """Pictures shown a second; and how many faces the page saw, in its own words."""
    _player(page).evaluate(_BEGIN)
    page.wait_for_timeout(WATCH_S * 1000)
    found = rates(came_back(_player(page).evaluate(_SHOWN)))
    words = page.get_by_text("pictures read").inner_text()
    return found, " ".join(re.findall(r"\d+ faces?", words))


def latencies_ms(camera: Sequence[tuple[str, float]], shown: Sequence[tuple[str, float]]) -> tuple[float, ...]:
    """How long every picture took from the camera to the screen.

    Args:
        camera: strips as 0s and 1s, and when the camera's own view first showed them, in milliseconds, in order.
        shown: the same of what came back, mirrored or not.

    Returns:
        One for each picture that came back after the camera had shown it. What the camera's own view skipped is taken
        to have come evenly between its neighbours; a picture counts for the last time that the clip showed it.
    """
    came = [(number, at_ms) for number, at_ms in map(_read, camera) if number is not None]
    if not came:
        return ()
    steps = np.diff([number for number, _ in came]) % PICTURES
    rounds = came[0][0] + np.concatenate([[0], np.cumsum(steps), [steps.sum() + PICTURES]])
    times_ms = [*(at_ms for _, at_ms in came), came[-1][1] + PICTURES * 1000 / RATE]  # the clip goes on
    found = []
    for number, at_ms in map(_read, shown):
        if number is None:
            continue
        last = rounds[-1] - (rounds[-1] - number) % PICTURES
        turns = np.arange(last, rounds[0] - 1, -PICTURES)
        waits = at_ms - np.interp(turns, rounds, times_ms)
        waits = waits[waits > -1000 / RATE]  # a later turn of the clip, not one whose view was drawn a moment late
        if len(waits) and waits[0] >= 0:
            found.append(float(waits[0]))
    return tuple(found)


def _read(noted: tuple[str, float]) -> tuple[int | None, float]:
    """A strip's number, and when it was seen."""
    return number_of([int(field) for field in noted[0]]), noted[1]


def _latencies(page: "Page") -> tuple[float, ...]:
    player = _player(page)
    player.evaluate(_COMPARE)
    page.wait_for_timeout(WATCH_S * 1000)
    seen = player.evaluate("() => window.ferSeen")
    return latencies_ms(seen["camera"], seen["shown"])


def _graphs(page: "Page") -> tuple[float, ...]:
    page.evaluate("() => { window.ferGraphs = []; }")
    page.wait_for_timeout(WATCH_S * 1000)
    return rates(page.evaluate("() => window.ferGraphs"))


def _growth(page: "Page", process_id: int, minutes: float) -> tuple[float, ...]:
    """What the server holds at the end beyond what it held in the beginning, megabytes; nothing without /proc."""
    samples = []
    for _ in range(20):
        page.wait_for_timeout(minutes * 60_000 / 20)
        held_mb = memory_mb(process_id, peak=False)
        if held_mb is None:
            return ()
        samples.append(held_mb)
    return (float(np.mean(samples[-2:]) - np.mean(samples[:2])),)
