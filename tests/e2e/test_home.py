"""Home in a real browser: a photo is dropped or taken, and what it shows stands on the first screen."""

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import pytest

from fer.benchmark.browser import wait_for
from fer.media import encode_png
from fer.samples import SAMPLES
from tests.e2e.conftest import App, Arrive, make_clip
from tests.e2e.test_every_page import NARROW, WIDE

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

READING = (
    "The photo with 1 numbered face. face 1: Looks happy",
    "Face 1, cut out",
    "Activation map of happy over face 1",
)
"""What pictures of a happy face's reading are called: its boxes, the face, and where the network looked."""

LOWEST = """() => {
    const shown = [...document.querySelectorAll('.st-key-home_picture img, .st-key-home_answer *')];
    const main = document.querySelector('[data-testid=stMain]');
    return Math.max(...shown.map(each => each.getBoundingClientRect().bottom)) + main.scrollTop;
}"""


def _sees_the_reading(page: "Page", screens: int) -> None:
    """A happy face's boxes, words, probabilities and map are there, and so many windows high at most."""
    for name in READING:
        page.get_by_alt_text(name).wait_for()
    page.locator(".st-key-home_answer").get_by_text("Looks happy").wait_for()
    page.locator(".st-key-home_answer [data-testid=stVegaLiteChart] svg").first.wait_for()
    wait_for(page, "[...document.images].every((image) => image.complete)")
    assert page.evaluate(LOWEST) <= screens * page.viewport_size["height"]


def test_a_photo_is_read_where_it_was_dropped_and_where_it_was_taken(
    app: App, arrive_with_camera: Arrive, tmp_path: Path
) -> None:
    astronaut_bgr = SAMPLES["astronaut"].load()
    camera = make_clip([cv2.resize(astronaut_bgr, (640, 640))[:480]], tmp_path / "camera.mjpeg")
    visitor = arrive_with_camera(app, camera, viewport=WIDE)
    page = visitor.open()
    photo = {"name": "me.png", "mimeType": "image/png", "buffer": encode_png(astronaut_bgr)}
    page.locator("input[type=file]").set_input_files([photo])
    page.get_by_text("Your photo").wait_for()
    _sees_the_reading(page, screens=1)
    page.set_viewport_size(NARROW)
    _sees_the_reading(page, screens=2)

    page.set_viewport_size(WIDE)
    page.get_by_role("button", name="Use my camera").click()
    page.get_by_role("button", name="Take Photo").click()
    page.get_by_role("button", name="Use my camera").wait_for()
    _sees_the_reading(page, screens=1)
    page.set_viewport_size(NARROW)
    _sees_the_reading(page, screens=2)
    assert visitor.troubles == []
