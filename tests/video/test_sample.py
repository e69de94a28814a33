"""The sample video: what it is said to show is what is in it."""

import numpy as np
import pytest

from fer import paths
from fer.detection import YuNet
from fer.pipeline import FacePipeline
from fer.recognition import load_model
from fer.video.looking import watch_video
from fer.video.reading import VideoReader
from fer.video.sample import SAMPLE_S, sample_video
from fer.video.summary import summarize


def test_it_plays() -> None:
    with VideoReader(sample_video()) as video:
        frames = list(video.frames())
    assert [frame.time_s for frame in frames if frame.is_cut] == pytest.approx([4, 5, 8], abs=0.01)
    assert frames[-1].time_s == pytest.approx(SAMPLE_S, abs=0.1)


@pytest.mark.data
def test_everyone_is_seen_in_it(yunet_file: paths.Path) -> None:
    pipeline = FacePipeline(load_model("fer2013-small"), YuNet(yunet_file, "It is here."), long_sides=(320,))
    timeline = watch_video(sample_video(), pipeline).timeline
    counts = np.bincount(timeline.frame, minlength=len(timeline))
    shown = np.select(
        [timeline.time_s < 4 - 1e-3, timeline.time_s < 5 - 1e-3, timeline.time_s < 8 - 1e-3], [1, 0, 1], 2
    )
    assert (counts == shown).mean() > 0.97
    titles = [chapter.title for chapter in summarize(timeline).chapters]
    assert "Nobody" in titles
    assert titles[-1].count(",") == 1, "both together"
