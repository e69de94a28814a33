"""The acting practice in a real browser, before a camera that shows what is asked for."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.contact_sheet import data_uri
from fer.samples import SAMPLES
from tests.e2e.conftest import AT_REST, App, Arrive, choose, press, start_camera

pytestmark = pytest.mark.browser

PLAYER = """(() => {
    const faces = %s, pictures = Object.fromEntries(Object.entries(faces).map(([name, address]) => {
        const picture = new Image();
        picture.src = address;
        return [name, picture];
    }));
    const canvas = document.createElement('canvas'), pen = canvas.getContext('2d');
    [canvas.width, canvas.height] = [640, 480];
    navigator.mediaDevices.getUserMedia = async () => {
        let step = 0;
        setInterval(() => {
            const prompts = [...window.top.document.querySelectorAll('h2')].map((heading) => heading.innerText);
            const asked = prompts.some((words) => words.includes('Look happy'));
            pen.drawImage(pictures[asked ? 'happy' : 'calm'], 8 * Math.sin(step++ / 3), 0);
        }, 60);
        return canvas.captureStream(15);
    };
})()"""
"""Makes the browser's camera somebody who is calm, and happy while the page asks for that."""


def seen(sample: str) -> np.ndarray:
    """A person, a little more than a camera of 640 by 480 pixels sees."""
    photo = cv2.resize(SAMPLES[sample].load(), (640, 640), interpolation=cv2.INTER_AREA)[:480]
    return cv2.copyMakeBorder(photo, 0, 0, 10, 10, cv2.BORDER_REPLICATE)


def test_a_round_before_a_camera_that_shows_what_is_asked_for_needs_one_click(app: App, arrive: Arrive) -> None:
    calm, happy = seen("admiral"), seen("astronaut")
    visitor = arrive(app, viewport={"width": 1280, "height": 900})
    faces = {"calm": data_uri(calm, "jpeg"), "happy": data_uri(happy, "jpeg")}
    visitor.page.add_init_script(PLAYER % json.dumps(faces))
    page = visitor.open("acting")
    start_camera(page)
    choose(page, "What to practise", "Only: look happy")
    page.locator("label").filter(has_text="Sound").click()
    press(page, "Start")

    page.get_by_text("How near you are").first.wait_for()
    page.get_by_alt_text("A drawn face that goes from rest to happy").first.wait_for()
    page.get_by_alt_text("The best frame for happy, with the face's box").wait_for()
    page.get_by_role("heading", name="Round 1 is over").wait_for()
    page.get_by_alt_text("The best frame for happy, with the face's box").wait_for(state="detached")

    page.wait_for_selector(AT_REST)
    with page.expect_download() as waiting:
        press(page, "JSON")
    neutral, asked = json.loads(Path(waiting.value.path()).read_bytes())
    assert [neutral["read_as"], asked["expression"]] == ["neutral", "happy"]
    assert asked["score"] > 60
    with page.expect_download() as waiting:
        press(page, "Download the sheet")
    sheet_bgr = cv2.imdecode(np.fromfile(waiting.value.path(), np.uint8), cv2.IMREAD_COLOR)
    assert sheet_bgr.shape[1] > 2 * 220
    assert visitor.troubles == []
