"""The running app -> the README's pictures of its pages, still or moving: `make pictures`.

Starts the app, visits every page in a browser whose camera shows the sample photos, and writes what it sees as WebP to
docs/pages/. No other face than those of the samples gets into a picture; a page whose data is not here keeps the
picture that it has. Needs Playwright and Chromium.

    python -m tools.pictures [PAGE]...       without names, every page
"""

import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from fer import paths
from fer.benchmark.browser import BROWSER_FLAGS, PLAYS, find_chromium, wait_for
from fer.benchmark.server import start_app, wait_for_port
from fer.datasets import DATASETS
from fer.errors import known
from fer.samples import SAMPLES

if TYPE_CHECKING:
    from playwright.sync_api import Frame, Page

FOLDER = paths.ROOT / "docs" / "pages"

WINDOW_WH = (1280, 800)
SHOWN_WH = (960, 600)
QUALITY = 60
LIMIT_MS = 120_000

READ_MS = 2500
"""How long a picture stands that one has to read."""

STEP_MS = 500
"""How long a picture of something that moves stands."""

STEPS = 12
CLIP_FRAMES = 45

_AT_REST = """() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
    && !document.querySelector('[data-testid=stSpinner], [data-testid=stSkeleton]')"""

_DRAWN_MS = 1200
"""What charts take to be drawn after the script has ended."""


@dataclass(frozen=True)
class Shot:
    """One picture of a film.

    Attributes:
        image: of `SHOWN_WH`.
        lasts_ms: how long it stands.
    """

    image: Image.Image
    lasts_ms: int


class Visitor:
    """Somebody before the app, who takes pictures of the window and can change what their camera sees."""

    def __init__(self, page: "Page", address: str, camera: Path, clips: dict[str, Path]) -> None:
        self.page = page
        self._address = address
        self._camera = camera
        self._clips = clips

    def open(self, path: str) -> None:
        self.page.goto(f"{self._address}/{path}")
        self.page.wait_for_selector("[data-testid=stApp] h1")
        self.settle()

    def settle(self) -> None:
        """Wait until the page stands still."""
        wait_for(self.page, _AT_REST)
        self.page.wait_for_timeout(_DRAWN_MS)

    def shoot(self, lasts_ms: int = READ_MS) -> Shot:
        window = Image.open(io.BytesIO(self.page.screenshot()))
        return Shot(window.convert("RGB").resize(SHOWN_WH, Image.Resampling.LANCZOS), lasts_ms)

    def film(self, steps: int = STEPS) -> list[Shot]:
        """Take pictures of what moves."""
        shots = []
        for _ in range(steps):
            shots.append(self.shoot(STEP_MS))
            self.page.wait_for_timeout(STEP_MS)
        return shots

    def scroll(self, pixels: int) -> None:
        """Go down the page."""
        self.page.mouse.move(WINDOW_WH[0] * 0.6, WINDOW_WH[1] / 2)
        self.page.mouse.wheel(0, pixels)
        self.settle()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def stand_before_the_camera(self, who: str) -> None:
        """Let the camera see somebody: it looks at its file when it starts."""
        agree = self.page.get_by_role("button", name="I understand")
        agree.or_(self.page.locator("iframe[title*=webrtc]")).first.wait_for()
        if agree.count():
            agree.click()
        player = self.page.frame_locator("iframe[title*=webrtc]")  # found anew at every step, as the page draws it anew
        start, stop = (player.get_by_role("button", name=re.compile(word, re.IGNORECASE)) for word in ("start", "stop"))
        start.or_(stop).wait_for()
        if stop.count():
            stop.click()
        unfinished = self._camera.with_suffix(".next")
        shutil.copy(self._clips[who], unfinished)
        unfinished.replace(self._camera)
        start.click()
        wait_for(self._player(), PLAYS)

    def _player(self) -> "Frame":
        return known(self.page.locator("iframe[title*=webrtc]").element_handle().content_frame())


def home(visitor: Visitor) -> list[Shot]:
    visitor.open("")
    return [visitor.shoot()]


def image(visitor: Visitor) -> list[Shot]:
    visitor.open("image")
    shots = [visitor.shoot()]
    visitor.page.get_by_text("Samples", exact=True).click()
    visitor.page.get_by_text("Two faces", exact=True).click()
    visitor.page.get_by_role("heading", name="Two faces").wait_for()
    visitor.settle()
    shots.append(visitor.shoot())
    visitor.page.get_by_text("Where the network looked").first.click()
    visitor.settle()
    visitor.scroll(WINDOW_WH[1] // 3)
    return [*shots, visitor.shoot()]


def live(visitor: Visitor) -> list[Shot]:
    visitor.open("live")
    visitor.stand_before_the_camera("both")
    visitor.page.get_by_text("pictures read").wait_for()
    visitor.page.wait_for_timeout(10 * STEP_MS)
    return visitor.film()


def video(visitor: Visitor) -> list[Shot]:
    visitor.open("video")
    timeline = visitor.page.get_by_role("slider", name="Place in the video")
    timeline.press("Home")
    visitor.page.locator(".watch").evaluate("player => player.scrollIntoView()")
    visitor.settle()
    visitor.page.keyboard.press(" ")
    return visitor.film()


def acting(visitor: Visitor) -> list[Shot]:
    visitor.open("acting")
    visitor.stand_before_the_camera("admiral")
    visitor.page.get_by_role("combobox", name="What to practise").click()
    visitor.page.get_by_role("option", name="Only: look happy").click()
    visitor.settle()
    shots = [visitor.shoot()]
    visitor.press("Start")
    _watch(visitor, "Look neutral")
    visitor.stand_before_the_camera("astronaut")
    visitor.press("Next prompt")
    return shots + _watch(visitor, "Look happy")


def _watch(visitor: Visitor, prompt: str) -> list[Shot]:
    """Look on until the prompt's result stands, and let it stand."""
    visitor.page.get_by_role("heading", name=prompt, level=2).wait_for()
    shots = []
    while not visitor.page.get_by_text("of 100").count():
        shots.append(visitor.shoot(STEP_MS))
        visitor.page.wait_for_timeout(STEP_MS)
    visitor.press("Pause")
    visitor.settle()
    return [*shots[:STEPS], visitor.shoot(2 * READ_MS)]


def sessions(visitor: Visitor) -> list[Shot]:
    visitor.open("live")
    visitor.stand_before_the_camera("both")
    visitor.page.get_by_text("pictures read").wait_for()
    visitor.press("Record")
    visitor.page.get_by_text(re.compile("recording, 1[0-9] s")).wait_for()
    visitor.press("Stop recording")
    visitor.page.get_by_role("link", name="Open among your sessions").click()
    visitor.page.get_by_role("heading", level=1, name="Sessions").wait_for()
    visitor.settle()
    top = visitor.shoot()
    visitor.page.locator("[data-testid=stPlotlyChart]").first.scroll_into_view_if_needed()
    visitor.settle()
    return [top, visitor.shoot()]


def datasets(visitor: Visitor) -> list[Shot]:
    """Counts alone: the faces of a data set may not be shown elsewhere."""
    if paths.find_data_file(DATASETS["fer2013"].file_name) is None:
        return []
    visitor.open("datasets?view=Balancing")
    if visitor.page.locator("[data-testid=stMain] img").count():
        raise RuntimeError("The page shows faces of the data set, which may not get into a picture.")
    return [visitor.shoot()]


def models(visitor: Visitor) -> list[Shot]:
    visitor.open("models")
    shots = [visitor.shoot()]
    for view in ("Confusion", "By class", "Speed and size"):
        visitor.page.get_by_role("tab", name=view).click()
        visitor.settle()
        visitor.scroll(WINDOW_WH[1])
        shots.append(visitor.shoot())
    return shots


PAGES: dict[str, Callable[[Visitor], list[Shot]]] = {
    "home": home,
    "image": image,
    "live": live,
    "video": video,
    "acting": acting,
    "sessions": sessions,
    "datasets": datasets,
    "models": models,
}
"""What to take pictures of, by the page's name in `pages/`."""


def write_clips(folder: Path) -> dict[str, Path]:
    """Write what the camera may see, as Motion JPEG: each sample's person, and both, swaying a little."""
    astronaut_bgr, admiral_bgr = (SAMPLES[key].load() for key in ("astronaut", "admiral"))
    pair = [cv2.resize(photo, (320, 480)) for photo in (astronaut_bgr[:330, 110:330], admiral_bgr[:450, 106:406])]
    stills = {
        "astronaut": cv2.resize(astronaut_bgr, (640, 640), interpolation=cv2.INTER_AREA)[:480],
        "admiral": cv2.resize(admiral_bgr, (640, 758), interpolation=cv2.INTER_AREA)[:480],
        "both": cv2.hconcat(pair),
    }
    return {name: _write_clip(folder / f"{name}.mjpeg", still) for name, still in stills.items()}


def _write_clip(file: Path, still_bgr: np.ndarray) -> Path:
    height, width = still_bgr.shape[:2]
    with file.open("wb") as clip:
        for angle in np.linspace(0, 2 * np.pi, CLIP_FRAMES, endpoint=False):
            turn = cv2.getRotationMatrix2D((width / 2, height / 2), 2 * np.sin(angle), 1.04 + 0.02 * np.cos(angle))
            swayed = cv2.warpAffine(still_bgr, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
            clip.write(cv2.imencode(".jpg", swayed, (cv2.IMWRITE_JPEG_QUALITY, 95))[1].tobytes())
    return file


def save(file: Path, shots: Sequence[Shot]) -> None:
    """Write a film as WebP, or a single shot as a still."""
    first, *rest = [shot.image for shot in shots]
    options: dict[str, Any] = {"quality": QUALITY, "method": 6}
    if rest:
        options |= {"save_all": True, "append_images": rest, "duration": [shot.lasts_ms for shot in shots], "loop": 0}
    first.save(file, "WEBP", **options)


def main(names: Sequence[str]) -> int:
    """Take the pictures of some pages, or of all; returns the exit status."""
    chromium = find_chromium()
    unknown = [name for name in names if name not in PAGES]
    if chromium is None or unknown:
        fault = f"There is no page {', '.join(unknown)}" if unknown else "Playwright and Chromium are needed"
        print(f"{fault}; pages are {', '.join(PAGES)}.", file=sys.stderr)
        return 1
    from playwright.sync_api import sync_playwright

    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        folder = Path(temporary)
        camera = folder / "camera.mjpeg"
        flags = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
                 f"--use-file-for-fake-video-capture={camera}")  # fmt: skip
        clips = write_clips(folder)
        shutil.copy(clips["both"], camera)
        browser = playwright.chromium.launch(executable_path=chromium, args=(*BROWSER_FLAGS, *flags))
        with start_app({"FER_SESSIONS_DIR": str(folder / "sessions")}) as (address, process, _):
            wait_for_port(address, process)
            for name in names or PAGES:
                width, height = WINDOW_WH
                context = browser.new_context(viewport={"width": width, "height": height}, color_scheme="light")
                context.set_default_timeout(LIMIT_MS)
                shots = PAGES[name](Visitor(context.new_page(), address, camera, clips))
                context.close()
                if shots:
                    save(FOLDER / f"{name}.webp", shots)
                kept = f"{os.path.getsize(FOLDER / f'{name}.webp') / 1000:.0f} kB" if shots else "its data is not here"
                print(f"{name}: {len(shots)} pictures, {kept}")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
