"""The Video page in a real browser: the player plays, its timeline shows the very frame, and names reach the table."""

import io
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from tests.e2e.conftest import App, Arrive
from tests.e2e.test_video_file import BITS, TIMES_S, draw
from tests.video.clips import clip

if TYPE_CHECKING:
    from playwright.sync_api import Locator

pytestmark = pytest.mark.browser

READY = """async (box) => {
  const { player, player: { video } } = box;
  while (video.readyState < 2) await new Promise((done) => video.addEventListener('loadeddata', done, { once: true }));
  return [video.videoWidth, video.videoHeight, player.times.length];
}"""

SHOWN = """async (box) => {
  const { player, player: { video } } = box;
  while (player.isSeeking || player.wanted !== null) await new Promise(requestAnimationFrame);
  return [player.frame, %s];
}"""

NUMBER = f"""(() => {{
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0);
  const green = (bit) => context.getImageData(20 + bit * 32 + 12, 216, 1, 1).data[1];
  return [...Array({BITS}).keys()].reduce((sum, bit) => sum + (green(bit) > 128 ? 1 << bit : 0), 0);
}})()"""
"""The number of the frame that is shown, which is drawn into it as light and dark bars."""

FOLLOWED = """async (box) => {
  const { player, player: { video } } = box;
  const seen = [];
  const look = () => {
    seen.push([Number(box.dataset.frame), %s]);
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  player.toggle();
  await new Promise((done) => video.addEventListener('ended', done, { once: true }));
  return seen;
}"""

PLACE = """(box, frame) => {
  const { player } = box;
  return player.x((player.times[frame] + player.endOf(frame)) / 2);
}"""


def shown(box: "Locator") -> tuple[int, int]:
    """The frame under the playhead, and the one that the picture says it is."""
    return tuple(box.evaluate(SHOWN % NUMBER))


def test_a_click_on_the_timeline_shows_that_very_frame(app: App, arrive: Arrive) -> None:
    visitor = arrive(app, viewport={"width": 1280, "height": 900})
    page = visitor.open("video")
    data = clip(draw, TIMES_S, sound="aac", options={"bf": "0"})
    page.locator("input[type=file]").set_input_files([{"name": "bars.mp4", "mimeType": "video/mp4", "buffer": data}])
    page.get_by_role("heading", name="bars.mp4").wait_for()
    box = page.locator(".watch")
    assert box.evaluate(READY) == [320, 240, len(TIMES_S)]
    timeline = page.get_by_role("slider", name="Place in the video")
    for frame in (41, 3, len(TIMES_S) - 1, 30):
        timeline.click(position={"x": box.evaluate(PLACE, frame), "y": 50})
        assert shown(box) == (frame, frame)
    for key, frame in (("ArrowRight", 31), ("ArrowLeft", 30), ("Home", 0), ("End", len(TIMES_S) - 1), ("Home", 0)):
        timeline.press(key)
        assert shown(box) == (frame, frame)
    timeline.press("+")
    assert box.evaluate("box => box.player.to - box.player.from") == pytest.approx(box.evaluate(DURATION) / 2)
    followed = box.evaluate(FOLLOWED % NUMBER)
    assert len(followed) > 5
    assert box.evaluate("box => box.player.video.webkitAudioDecodedByteCount") > 0, "the sound was kept"
    assert max(abs(playhead - picture) for playhead, picture in followed) <= 1
    assert visitor.troubles == []


DURATION = "box => box.player.data.end_s"


def test_a_name_reaches_the_table(app: App, arrive: Arrive) -> None:
    visitor = arrive(app, viewport={"width": 390, "height": 844}, accept_downloads=True)
    page = visitor.open("video")
    page.locator(".watch").evaluate(READY)
    page.get_by_label("Name of person 1").fill("Anna")
    page.get_by_label("Name of person 1").press("Enter")
    page.locator(".watch").get_by_text("Anna", exact=False).first.wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Table (CSV)").click()
    table = pd.read_csv(io.BytesIO(download.value.path().read_bytes()), dtype={"person": "str"})
    assert "Anna" in set(table["person"])
    assert "1" not in set(table["person"])
    assert visitor.troubles == []
