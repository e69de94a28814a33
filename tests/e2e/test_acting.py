"""The acting practice in a real browser, with a camera that shows one face and then another."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from fer.samples import SAMPLES
from tests.e2e.conftest import AT_REST, App, Arrive, make_clip, player, start_camera

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def swaying(sample: str) -> Iterator[np.ndarray]:
    """A second of a person who moves a little, as a camera of 640 by 480 pixels sees them."""
    photo = cv2.resize(SAMPLES[sample].load(), (640, 640), interpolation=cv2.INTER_AREA)[:480]
    for step in range(15):
        shift = np.float32([[1, 0, 8 * np.sin(step / 15 * 2 * np.pi)], [0, 1, 0]])
        yield cv2.warpAffine(photo, shift, (640, 480), borderMode=cv2.BORDER_REPLICATE)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What the camera may see: somebody calm, somebody happy."""
    folder = tmp_path_factory.mktemp("clips")
    return {name: make_clip(swaying(name), folder / f"{name}.mjpeg") for name in ("admiral", "astronaut")}


def show(clip: Path, camera: Path) -> None:
    """Put a clip in front of the camera, which looks at the file when it starts."""
    unfinished = camera.with_suffix(".next")
    shutil.copy(clip, unfinished)
    os.replace(unfinished, camera)


def put_before_the_camera(page: "Page", clip: Path, camera: Path) -> None:
    """Stop the camera, put a clip before it, and start it again."""
    player(page).get_by_role("button", name=re.compile("start|stop", re.IGNORECASE)).wait_for()
    if player(page).get_by_role("button", name="Stop").count():
        player(page).get_by_role("button", name="Stop").click()
    page.get_by_text("press START in its picture").wait_for()
    show(clip, camera)
    start_camera(page)


def act(page: "Page", prompt: str) -> None:
    """Play a prompt until its result stands; where a busy machine loses the stream, start that again."""
    page.get_by_role("heading", name=prompt, level=3).wait_for()
    result = page.get_by_text("of 100")
    stopped = page.get_by_text(re.compile("press START", re.IGNORECASE))
    ready = page.get_by_role("button", name="I am ready", disabled=False)
    while not result.count():
        if stopped.count():
            start_camera(page)
            stopped.wait_for(state="detached")
        elif ready.count():
            ready.click()
            ready.wait_for(state="detached")
        result.or_(stopped).or_(ready).first.wait_for()


def downloaded(page: "Page") -> list[dict]:
    """The tries so far, as the page gives them out."""
    page.wait_for_selector(AT_REST)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="JSON", exact=True).click()
    return json.loads(Path(waiting.value.path()).read_bytes())


def test_it_plays_through_and_scores_the_face_that_was_asked_for_above_another(
    app: App, arrive_with_camera: Arrive, clips: dict[str, Path], tmp_path: Path
) -> None:
    camera = tmp_path / "camera.mjpeg"
    show(clips["admiral"], camera)
    visitor = arrive_with_camera(app, camera, viewport={"width": 1280, "height": 900})
    page = visitor.open("acting")
    start_camera(page)
    page.get_by_role("combobox", name="What to practise").click()
    page.get_by_role("option", name="Only: look happy").click()
    page.get_by_role("button", name="Start", exact=True).click()

    act(page, "Look neutral")
    page.get_by_role("button", name="Next prompt").click()
    act(page, "Look happy")
    assert page.get_by_role("button", name="Next prompt").count() == 0
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("button", name="I am ready").wait_for()

    put_before_the_camera(page, clips["astronaut"], camera)
    act(page, "Look happy")
    page.get_by_alt_text("The best frame for happy, with the face's box").wait_for()
    page.get_by_alt_text("Activation map of happy over the face").wait_for()
    page.get_by_text("Looks happy").wait_for()

    neutral, calm, happy = downloaded(page)
    assert [neutral["expression"], calm["expression"], happy["expression"]] == ["neutral", "happy", "happy"]
    assert calm["score"] < 20
    assert happy["score"] > 60

    page.get_by_role("button", name="Finish the round").click()
    page.get_by_role("heading", name="Round 1 is over").wait_for()
    page.get_by_alt_text("The best frame for happy, with the face's box").wait_for(state="detached")
    assert visitor.troubles == []
