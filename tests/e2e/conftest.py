"""The app on a server of its own, and visitors in a real browser; both last as long as the tests in this folder."""

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

from fer import paths
from fer.benchmark.browser import LIMIT_S, PLAYS, find_chromium, wait_for
from fer.samples import SAMPLES
from fer.store import Store
from tests.conftest import do_without

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Frame, Locator, Page, Playwright

BROWSER_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
)

AT_REST = "[data-testid=stApp][data-test-script-state=notRunning]"


@dataclass(frozen=True)
class App:
    """A running server.

    Attributes:
        url: where it answers.
        process: the server's.
        environment: the variables that it runs with; its cache folder and its temporary folder are nobody else's.
        log: the file that it writes its messages to.
    """

    url: str
    process: subprocess.Popen
    environment: dict[str, str]
    log: Path

    @property
    def temporary(self) -> Path:
        return Path(self.environment["TMPDIR"])

    @property
    def cache(self) -> Path:
        return Path(self.environment["FER_CACHE_DIR"])


@contextmanager
def running_app(
    folder: Path, variables: Mapping[str, str] = MappingProxyType({}), *, may_fail: bool = False
) -> Iterator[App]:
    """Start the app as the README says, on a free port; stop it at the end, and see that it logged no error.

    Args:
        folder: for what this server writes.
        variables: of its environment, beyond those of the tests.
        may_fail: errors belong to what is tested.
    """
    port = free_port()
    places = {"TMPDIR": folder / "temporary", "FER_CACHE_DIR": folder / "cache"}
    for place in places.values():
        place.mkdir()
    environment = os.environ | {name: str(place) for name, place in places.items()} | dict(variables)
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py"]
    options = ["--server.port", str(port), "--server.headless", "true"]
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command + options,
            cwd=paths.ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: answers(port), process)
        yield App(f"http://localhost:{port}", process, environment, log)
    finally:
        process.terminate()
        process.wait(LIMIT_S)
    messages = log.read_text()
    assert may_fail or "Traceback" not in messages, messages


def free_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port: int) -> bool:
    """Whether somebody listens on this port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(holds: Callable[[], bool], process: subprocess.Popen) -> None:
    """Return once this holds; fail if the server ends instead."""
    while not holds():
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail("the server has ended")


@pytest.fixture(scope="package")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app that most visitors visit; whoever leaves something in its folders takes it away again."""
    with running_app(tmp_path_factory.mktemp("app")) as app:
        yield app


ATTACKED_MB = 600
"""What no attack may bring a server's memory to."""

FORGETS_S = 5.0
"""After how long the server that is attacked forgets who left; `tests/ui/test_server.py` holds that others do within
half a minute."""

FORGETFUL = f"""
from fer.ui import server
server.forget_who_left.__defaults__ = ({FORGETS_S}, 0.5)
"""
"""Loaded by a server before the app, so that a test need not wait as long as visitors may stay away."""


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A server whose memory nobody else uses."""
    first, folder = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("attacked")
    (first / "sitecustomize.py").write_text(FORGETFUL)
    with running_app(folder, {"PYTHONPATH": f"{first}{os.pathsep}{paths.ROOT}"}) as app:
        yield app


@pytest.fixture(scope="package")
def browser_file() -> str:
    """Where a browser is that may have a camera."""
    executable = find_chromium()
    if executable is None:
        do_without("no browser found: install Chromium, or set CHROMIUM to its path")
    return executable


@pytest.fixture(scope="package")
def playwright(browser_file: str) -> Iterator["Playwright"]:
    """What drives browsers. Its event loop must not outlive this folder's tests: others run loops of their own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def browser(playwright: "Playwright", browser_file: str) -> Iterator["Browser"]:
    """A headless Chromium without a camera: the one without windows where that is installed, which opens a page for two
    thirds of the work."""
    file = os.environ.get("CHROMIUM") or shutil.which("chromium-headless-shell") or browser_file
    browser = playwright.chromium.launch(executable_path=file, headless=True, args=BROWSER_FLAGS)
    yield browser
    browser.close()


@dataclass(frozen=True)
class Visitor:
    """One visitor: a browser window of their own, and what they would rather not see.

    Attributes:
        page: the window.
        home: the address of the app.
        troubles: errors in the console, requests that failed, and addresses outside of the app that were asked for.
    """

    page: "Page"
    home: str
    troubles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        on, host = self.page.on, urlsplit(self.home).netloc

        def look_at(url: str) -> None:
            parts = urlsplit(url)
            if parts.scheme not in ("data", "blob") and parts.netloc != host:
                self.troubles.append(f"asks for {url}")

        on("console", lambda message: message.type == "error" and self.troubles.append(message.text))
        on("pageerror", lambda error: self.troubles.append(str(error)))
        on("request", lambda request: look_at(request.url))
        on("websocket", lambda websocket: look_at(websocket.url))
        on("response", lambda answer: answer.status >= 400 and self.troubles.append(f"{answer.status} {answer.url}"))

    def open(self, path: str = "") -> "Page":
        """Open a page of the app and wait until it is there, with its pictures."""
        self.page.goto(f"{self.home}/{path}")
        self.page.wait_for_selector(f"{AT_REST} h1")
        wait_for(self.page, "[...document.images].every((image) => image.complete)")
        return self.page

    def upload(self, *files: tuple[str, bytes]) -> None:
        """Give the Image page photos: what each is called, and what is in it."""
        self.page.locator("input[type=file]").first.set_input_files(
            [{"name": name, "mimeType": "image/png", "buffer": data} for name, data in files]
        )


def slow_photos(n: int) -> list[tuple[str, bytes]]:
    """Photos of nobody that are soon brought, at 0.1 MB each, and take a second each to be searched for faces."""
    noise = np.random.default_rng(0).integers(0, 256, (600, 900), np.uint8)
    data = cv2.imencode(".jpg", noise, (cv2.IMWRITE_JPEG_QUALITY, 10))[1].tobytes()
    return [(f"{i}.jpg", data) for i in range(n)]


Arrive = Callable[..., Visitor]


@pytest.fixture
def here(app: App, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The store of an app that only this machine reaches, empty again afterwards."""
    monkeypatch.setenv("FER_SESSIONS_DIR", app.environment["FER_SESSIONS_DIR"])
    store = Store()
    yield store
    store.delete_all("local")
    store.close()


Windows = dict[tuple["Browser", str], list["BrowserContext"]]
"""Windows that nobody sits at, by their browser and their settings."""


@pytest.fixture(scope="package")
def windows() -> Windows:
    """Kept for later visitors: one that has loaded the app before opens a page for four fifths of the work."""
    return defaultdict(list)


@pytest.fixture
def arrive(browser: "Browser", windows: Windows) -> Iterator[Arrive]:
    """A function that brings a new visitor to an app; the keywords are those of a browser's context.

    Nothing that an earlier visitor left is in their window but what every visitor's browser would load anew.
    """
    taken: list[tuple[list[BrowserContext], BrowserContext, str]] = []

    def arrive(app: App, *, browser: "Browser" = browser, **settings: object) -> Visitor:
        free = windows[browser, json.dumps(settings, sort_keys=True)]
        window = free.pop() if free else browser.new_context(**settings)
        window.set_default_timeout(LIMIT_S * 1000)
        taken.append((free, window, app.url))
        return Visitor(window.new_page(), app.url)

    yield arrive
    for free, window, url in taken:
        session = window.new_cdp_session(window.pages[0] if window.pages else window.new_page())
        session.send("Storage.clearDataForOrigin", {"origin": url, "storageTypes": "all"})
        for page in window.pages:
            page.close()
        window.clear_cookies()
        free.append(window)


CLIP_FPS = 5
"""Frames a second of a fake camera: few, since two cores read, send and show them beside other tests."""


def make_clip(frames: Iterable[np.ndarray], path: Path) -> Path:
    """Write what a fake camera shows, over and over.

    Args:
        frames: image_bgr, uint8 of shape (height, width, 3), all of one size with even sides.
        path: ends in .y4m, which a browser plays at `CLIP_FPS`, or in .mjpeg, which it plays at 30 whatever is wanted.

    Returns:
        The absolute path.
    """
    with path.open("wb") as clip:
        for i, frame in enumerate(frames):
            if path.suffix == ".mjpeg":
                clip.write(cv2.imencode(".jpg", frame, (cv2.IMWRITE_JPEG_QUALITY, 95))[1].tobytes())
                continue
            if i == 0:
                clip.write(f"YUV4MPEG2 W{frame.shape[1]} H{frame.shape[0]} F{CLIP_FPS}:1 Ip A1:1 C420jpeg\n".encode())
            clip.write(b"FRAME\n" + cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420).tobytes())
    return path.absolute()


@pytest.fixture(scope="package")
def still_face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of somebody who keeps still."""
    photo = cv2.resize(SAMPLES["astronaut"].load(), (480, 480), interpolation=cv2.INTER_AREA)
    frame = cv2.copyMakeBorder(photo, 0, 0, 80, 80, cv2.BORDER_REPLICATE)
    return make_clip([frame] * 15, tmp_path_factory.mktemp("clip") / "still.y4m")


ANOTHER_NAME = "camera.example"
"""Under this name a browser with a camera finds this machine too, but does not take the app for one on it."""


@pytest.fixture(scope="package")
def camera_browser(playwright: "Playwright", browser_file: str) -> Iterator[Callable[[Path | None], "Browser"]]:
    """A function that launches a browser whose camera shows a clip, or that finds none; one for each clip."""
    browsers: dict[Path | None, Browser] = {}

    def launch(clip: Path | None) -> "Browser":
        if clip not in browsers:
            camera = ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={clip}"] if clip else []
            flags = [*BROWSER_FLAGS, *camera, f"--host-resolver-rules=MAP {ANOTHER_NAME} 127.0.0.1"]
            browsers[clip] = playwright.chromium.launch(executable_path=browser_file, headless=True, args=flags)
        return browsers[clip]

    yield launch
    for launched in browsers.values():
        launched.close()


@pytest.fixture
def arrive_with_camera(arrive: Arrive, camera_browser: Callable[[Path | None], "Browser"]) -> Arrive:
    """A function that brings a new visitor to an app, whose camera shows a clip.

    Its arguments are the app, the clip (None where no camera is to be found), `allowed` (whether pages get the camera),
    and the keywords of a browser's context.
    """

    def arrive_with_camera(app: App, clip: Path | None, *, allowed: bool = True, **settings: object) -> Visitor:
        permissions = ["camera"] if allowed else []
        return arrive(app, browser=camera_browser(clip), permissions=permissions, **settings)

    return arrive_with_camera


_NEXT_PICTURE = """(limit_ms) => new Promise((give) => {
    const video = document.querySelector('video'), canvas = document.createElement('canvas');
    const late = setTimeout(() => give(null), limit_ms);
    [canvas.width, canvas.height] = [640, 480];
    video.requestVideoFrameCallback(() => {
        clearTimeout(late);
        canvas.getContext('2d').drawImage(video, 0, 0, 640, 480);
        give(canvas.toDataURL('image/jpeg', 0.97));
    });
})"""
"""Waits for a picture; a browser that finds no time to encode sends smaller ones, which are shown as large."""


def player(page: "Page") -> "Frame":
    """The frame that holds the camera's player."""
    return page.locator("iframe[title*=webrtc]").element_handle().content_frame()


def press(page: "Page", name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def list_choices(page: "Page", label: str) -> "Locator":
    """Open a list and give what can be chosen; a page that is being drawn anew shuts it, and it is opened again."""
    from playwright.sync_api import TimeoutError as StillWaitingError

    choices = page.get_by_role("option")
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        page.wait_for_selector(AT_REST)
        page.get_by_role("combobox", name=label).press("ArrowDown")
        try:
            choices.first.wait_for(timeout=_LOOK_S * 1000)
        except StillWaitingError:
            continue
        return choices
    pytest.fail(f"the list {label!r} does not stay open")


def choose(page: "Page", label: str, choice: str) -> None:
    """Take this from a list."""
    from playwright.sync_api import TimeoutError as StillWaitingError

    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        try:
            list_choices(page, label).filter(has_text=choice).click(timeout=_LOOK_S * 1000)
        except StillWaitingError:
            continue
        return
    pytest.fail(f"{choice!r} cannot be taken from the list {label!r}")


_LOOK_S = 5
"""How long a list is looked at before it counts as shut."""


def press_start(page: "Page") -> None:
    """Press START in the player, after agreeing to what happens with the pictures where that is still to be done."""
    agree = page.get_by_role("button", name="I understand")
    agree.or_(page.locator("iframe[title*=webrtc]")).first.wait_for()
    if agree.count():
        agree.click()
    player(page).get_by_role("button", name=re.compile("start", re.IGNORECASE)).click()


def start_camera(page: "Page") -> None:
    """Start the camera and wait until pictures come back."""
    press_start(page)
    player(page).get_by_role("button", name=re.compile("stop", re.IGNORECASE)).wait_for()
    wait_for(player(page), PLAYS)


def decoded(data_url: str) -> np.ndarray:
    """The picture in a `data:` URL: image_bgr, uint8 of shape (height, width, 3)."""
    data = base64.b64decode(data_url.partition(",")[2])
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def next_picture(page: "Page") -> np.ndarray:
    """Wait for the picture that the player shows next: image_bgr, uint8 of shape (480, 640, 3)."""
    data_url = player(page).evaluate(_NEXT_PICTURE, LIMIT_S * 1000)
    assert data_url is not None, "no picture comes any more"
    return decoded(data_url)


def pictures_until(page: "Page", holds: Callable[[np.ndarray], object], wanted: int = 3) -> list[np.ndarray]:
    """Look at pictures until so many in a row are as they should be; a change reaches them a moment after the click."""
    kept: list[np.ndarray] = []
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        picture = next_picture(page)
        kept = [*kept, picture] if holds(picture) else []
        if len(kept) == wanted:
            return kept
    pytest.fail("the pictures that come back are not as they should be")


def record_session(page: "Page", name: str) -> None:
    """Record a moment on a Live page whose camera runs, go to the Sessions page, and name what was recorded."""
    press(page, "Record")
    page.get_by_text(re.compile("recording, [1-9]")).wait_for()
    press(page, "Stop recording")
    page.get_by_role("link", name="Open among your sessions").click()
    page.get_by_role("heading", level=1, name="Sessions").wait_for()
    field = page.get_by_role("textbox", name="Name of this session")
    field.fill(name)
    field.press("Enter")
    page.get_by_role("heading", level=2, name=name).wait_for()


def list_sessions(page: "Page") -> list[str]:
    """What the sessions to open are called, on the Sessions page."""
    names = list_choices(page, "Open").all_inner_texts()
    page.keyboard.press("Escape")
    return names
