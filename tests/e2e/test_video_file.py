"""What is written about a video, in a real browser: the annotated file plays and seeks, and its captions are shown."""

import base64
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fer.pipeline import FacePipeline
from fer.recognition import EmotionModel
from fer.video.formats import FORMATS
from fer.video.looking import watch_video
from tests.fakes import drawn_face, install_model
from tests.video.clips import backdrop, clip
from tests.video.conftest import FaceFinder

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

TIMES_S = [round(float(t), 3) for t in np.cumsum([0.0, *[0.04] * 24, *[0.02] * 30, *[0.1] * 15])]
"""A variable frame rate."""

BITS = 7


def draw(i: int) -> np.ndarray:
    """A happy face until frame 40, then another one in its place, and the frame's number as light and dark bars."""
    picture = backdrop(320, 240)
    drawn_face(picture, 120, 90, 64, happy=i < 40)
    for bit in range(BITS):
        picture[200:232, 20 + bit * 32 : 20 + bit * 32 + 24, 1] = 255 if i >> bit & 1 else 0
    return picture


SHOW = """async ([film, captions]) => {
  const blob = (text, type) => URL.createObjectURL(
    new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], { type }));
  const video = document.createElement('video');
  video.muted = true;
  video.src = blob(film, 'video/mp4');
  const track = document.createElement('track');
  track.src = blob(captions, 'text/vtt');
  track.default = true;
  video.append(track);
  document.body.append(video);
  const happened = (what, name) => new Promise((resolve, reject) => {
    what.addEventListener(name, resolve, { once: true });
    video.addEventListener('error', () => reject(new Error(video.error.message)), { once: true });
  });
  track.track.mode = 'showing';
  await Promise.all([happened(video, 'canplaythrough'), happened(track, 'load')]);
  await video.play();
  await happened(video, 'ended');
  const frameAt = async (time) => {
    video.currentTime = time;
    await happened(video, 'seeked');
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, 0);
    const green = (bit) => context.getImageData(20 + bit * 32 + 12, 216, 1, 1).data[1];
    return [...Array(7).keys()].reduce((number, bit) => number + (green(bit) > 128 ? 1 << bit : 0), 0);
  };
  const seen = [];
  for (const time of [0.005, 0.485, 1.005, 2.05]) seen.push(await frameAt(time));
  return {
    size: [video.videoWidth, video.videoHeight],
    duration: video.duration,
    sound: video.webkitAudioDecodedByteCount,
    cues: [...track.track.cues].map((cue) => [cue.startTime, cue.endTime, cue.text]),
    seen,
  };
}"""


def test_the_annotated_video_plays_with_its_sound_and_captions(browser: "Browser", tmp_path: Path) -> None:
    pipeline = FacePipeline(EmotionModel(install_model(tmp_path)), FaceFinder())
    with tempfile.TemporaryFile() as picture:
        result = watch_video(clip(draw, TIMES_S, sound="aac", options={"bf": "0"}), pipeline, picture=picture)
        picture.seek(0)
        film = picture.read()
    page = browser.new_page()
    files = [base64.b64encode(data).decode() for data in (film, FORMATS["vtt"].write(result))]
    shown = page.evaluate(SHOW, files)
    page.close()
    assert shown["size"] == [320, 240]
    assert shown["duration"] == pytest.approx(TIMES_S[-1] + 0.1, abs=0.15)
    assert shown["sound"] > 0
    assert len(shown["cues"]) == len(result.timeline.people) == 2
    assert shown["cues"][0] == [0, pytest.approx(TIMES_S[40], abs=0.05), "1 happy"]
    assert shown["cues"][1][2].startswith("2 ")
    expected = [int(np.searchsorted(TIMES_S, time_s, side="right")) - 1 for time_s in (0.005, 0.485, 1.005, 2.05)]
    assert shown["seen"] == expected
