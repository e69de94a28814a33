"""The Video page in a real browser: the player plays, its timeline shows the very frame, and people are put right."""

import io
import math
import re
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from fer.video.sample import SAMPLE_RATE, SAMPLE_S
from tests.e2e.conftest import AT_REST, App, Arrive, choose
from tests.e2e.test_video_file import BITS, TIMES_S, draw
from tests.video.clips import clip

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.browser

READY = """async (box) => {
  while (!box.player && box.isConnected) await new Promise(requestAnimationFrame);
  if (!box.player) return null;
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


def ready(box: "Locator") -> list[int]:
    """Width and height of the video and how many times it has, once it can be played.

    The page shows the player's place before its script makes a player of it, and may show another one meanwhile.
    """
    while (found := box.evaluate(READY)) is None:
        pass
    return found


def shown(box: "Locator") -> tuple[int, int]:
    """The frame under the playhead, and the one that the picture says it is."""
    return tuple(box.evaluate(SHOWN % NUMBER))


def test_player_timeline_and_numbers_are_in_step(app: App, arrive: Arrive) -> None:
    visitor = arrive(app, viewport={"width": 1280, "height": 900})
    page = visitor.open("video")
    box, timeline = page.locator(".watch"), page.get_by_role("slider", name="Place in the video")
    ready(box)
    _walk_through_the_sample(page, box, timeline)

    data = clip(draw, TIMES_S, sound="aac", options={"bf": "0"})
    page.locator("input[type=file]").set_input_files([{"name": "bars.mp4", "mimeType": "video/mp4", "buffer": data}])
    page.get_by_role("heading", name="bars.mp4").wait_for()
    assert ready(box) == [320, 240, len(TIMES_S)]
    for frame in (41, 3, len(TIMES_S) - 1, 30):
        timeline.click(position={"x": box.evaluate(PLACE, frame), "y": 50})
        assert shown(box) == (frame, frame)
    for key, frame in (("ArrowRight", 31), ("ArrowLeft", 30), ("Home", 0), ("End", len(TIMES_S) - 1), ("Home", 0)):
        timeline.press(key)
        assert shown(box) == (frame, frame)
    followed = box.evaluate(FOLLOWED % NUMBER)
    assert len(followed) > 5
    assert box.evaluate("box => box.player.video.webkitAudioDecodedByteCount") > 0, "the sound was kept"
    assert max(abs(playhead - picture) for playhead, picture in followed) <= 1
    assert visitor.troubles == []


def _walk_through_the_sample(page: "Page", box: "Locator", timeline: "Locator") -> None:
    """Chapters, keys, zoom and a selected stretch, in the sample, whose people real detectors find."""

    def frame() -> int:
        return box.evaluate(SHOWN % "0")[0]

    starts = box.evaluate("({ player }) => player.data.chapters.map(([start_s]) => player.frameAt(start_s))")
    assert len(starts) > 2
    chapters = page.get_by_label("Chapters").get_by_role("button")
    for i in (2, 1):
        chapters.nth(i).click()
        assert frame() == starts[i]
        assert chapters.nth(i).get_attribute("aria-current") == "true"
    for key, expected in (
        ("ArrowDown", starts[2]),
        ("ArrowUp", starts[1]),
        ("Shift+ArrowLeft", starts[1] - SAMPLE_RATE),
    ):
        timeline.press(key)
        assert frame() == expected, key
    for is_paused in ("false", "true"):
        timeline.press("Space")
        assert box.evaluate(f"({{ player }}) => player.video.paused === {is_paused}")

    timeline.press("+")
    assert box.evaluate(VIEW_S) == pytest.approx(SAMPLE_S / 2)
    timeline.press("-")
    place = timeline.bounding_box()
    page.mouse.move(place["x"] + 400, place["y"] + 60)
    before_s = box.evaluate("({ player }) => player.time(400)")
    page.mouse.wheel(0, -300)
    box.evaluate(UNTIL % "player.to < 11")
    assert box.evaluate(VIEW_S) == pytest.approx(SAMPLE_S * math.exp(-300 / 400), rel=0.01)
    assert box.evaluate("({ player }) => player.time(400)") == pytest.approx(before_s, abs=0.05), (
        "it stays in its place"
    )
    page.get_by_role("button", name="All of it").click()

    place = timeline.bounding_box()
    from_x, to_x = (place["x"] + box.evaluate("({ player }, time_s) => player.x(time_s)", time_s) for time_s in (1, 3))
    page.mouse.move(from_x, place["y"] + 10)
    page.mouse.down()
    page.mouse.move(to_x, place["y"] + 10, steps=3)
    page.mouse.up()
    page.get_by_text(re.compile(r"^0:01\.0 to 0:03\.0$")).wait_for()
    page.get_by_text(re.compile(r"^Person 1: \w+ \d+\s%")).wait_for()
    timeline.click(position={"x": to_x - place["x"], "y": 60})
    timeline.press("]")  # at the frame that is about to be shown
    page.get_by_text(re.compile(r"^0:01\.0 to 0:03\.[01]$")).wait_for()
    assert box.evaluate("({ player }) => player.span[1] === player.endOf(player.wanted ?? player.frame)")
    timeline.press("Escape")
    page.get_by_text("Drag along the times above").wait_for()


UNTIL = """async ({ player }) => {
  while (!(%s)) await new Promise(requestAnimationFrame);
}"""

VIEW_S = "({ player }) => player.to - player.from"


def test_people_are_put_right_on_a_telephone(app: App, arrive: Arrive) -> None:
    visitor = arrive(
        app, viewport={"width": 390, "height": 844}, accept_downloads=True, has_touch=True, color_scheme="dark"
    )
    page = visitor.open("video")
    box = page.locator(".watch")
    ready(box)
    people = box.evaluate("({ player }) => player.people.length")
    assert people > 2
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert box.evaluate("({ player }) => Number(player.ink.match(/\\d+/))") > 200, "light on dark"
    _pinch(page, box)

    page.get_by_label("Name of person 1").fill("Anna")
    page.get_by_label("Name of person 1").press("Enter")
    box.get_by_text("Anna", exact=False).first.wait_for()
    choose(page, "Who person 2 really is", "Same as Anna")
    page.get_by_text("Counts as Anna.").wait_for()
    page.get_by_text("Leave out").nth(2).click()
    page.get_by_text("Left out.").wait_for()
    box.evaluate(UNTIL % f"player.people.length === {people - 2}")
    page.wait_for_selector(AT_REST)  # the button of before leads to the table of before
    with page.expect_download() as download:
        page.get_by_role("button", name="Table (CSV)").click()
    table = pd.read_csv(io.BytesIO(download.value.path().read_bytes()), dtype={"person": "str"})
    assert set(table["person"].dropna()) == {"Anna", *map(str, range(4, people + 1))}
    kept = page.request.get(app.url + page.get_by_role("link", name="Annotated video").get_attribute("href"))
    assert kept.headers["content-disposition"] == "attachment; filename*=UTF-8''sample.annotated.mp4"
    assert kept.body()[4:8] == b"ftyp"
    assert visitor.troubles == []


def _pinch(page: "Page", box: "Locator") -> None:
    """Spread two fingers on the timeline, from 40 to 80 pixels apart."""
    timeline = page.get_by_role("slider", name="Place in the video")
    timeline.scroll_into_view_if_needed()
    whole_s, place = box.evaluate(VIEW_S), timeline.bounding_box()
    touch = page.context.new_cdp_session(page)
    for kind, apart in (("touchStart", 40), ("touchMove", 60), ("touchMove", 80), ("touchEnd", None)):
        fingers = () if apart is None else (place["x"] + 200 - apart / 2, place["x"] + 200 + apart / 2)
        points = [{"x": x, "y": place["y"] + 60, "id": i} for i, x in enumerate(fingers)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    touch.detach()
    box.evaluate(UNTIL % "player.pointers.size === 0")
    assert box.evaluate(VIEW_S) == pytest.approx(whole_s / 2, rel=0.05)
    page.get_by_role("button", name="All of it").click()
