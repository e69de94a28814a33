"""Timelines whose every number is known, without a video."""

from collections.abc import Mapping, Sequence

import numpy as np

from fer.emotions import EMOTIONS
from fer.results import Face, Fault, Reader
from fer.video.looking import Person, VideoOptions, VideoResult
from fer.video.reading import VideoInfo
from fer.video.timeline import Timeline, TimelineBuilder

READER = Reader("drawn", "haar", "It finds what the tests draw.", "none", EMOTIONS)


def face(
    person: int,
    emotion: str = "happy",
    share: float = 0.7,
    *,
    x: float = 10,
    faults: Sequence[Fault] = (),
    unsure: bool = False,
) -> Face:
    """Somebody with one expression; the others share what is left. In doubt it may be two of them."""
    probabilities = np.full(len(EMOTIONS), (1 - share) / (len(EMOTIONS) - 1))
    probabilities[EMOTIONS.index(emotion)] = share
    other = next(name for name in EMOTIONS if name != emotion)
    return Face(
        box_xywh=(x, 20, 30, 40),
        crop_xywh=(x, 20, 40, 40),
        detector_score=0.9,
        probabilities=probabilities,
        classes=EMOTIONS,
        prediction_set=(emotion, other) if unsure else (emotion,),
        quality=tuple(faults),
        person=person,
    )


def timeline(
    frames: Sequence[Sequence[Face]],
    times_s: Sequence[float] | None = None,
    *,
    unlooked: Sequence[int] = (),
    cuts: Sequence[int] = (),
) -> Timeline:
    """These faces, frame by frame, 10 frames a second unless the times are given."""
    builder = TimelineBuilder(EMOTIONS)
    for i, faces in enumerate(frames):
        time_s = i / 10 if times_s is None else times_s[i]
        builder.add(time_s, faces, looked=i not in unlooked, cut=i in cuts, scale_xy=(1.0, 1.0))
    return builder.build()


def result(over_time: Timeline, name: str = "clip.mp4", **changes: object) -> VideoResult:
    """What a video with this timeline would give."""
    info = VideoInfo(640, 480, over_time.end_s, 10.0, "h264", "mov,mp4,m4a,3gp,3g2,mj2", True, (640, 480))
    people = tuple(Person(number, np.zeros((96, 96, 3), np.uint8)) for number in over_time.people)
    facts: Mapping[str, object] = {
        "name": name,
        "info": info,
        "reader": READER,
        "options": VideoOptions(),
        "timeline": over_time,
        "people": people,
        "warnings": (),
        "was_cancelled": False,
        "has_picture": False,
        "elapsed_s": 1.0,
    }
    return VideoResult(**{**facts, **changes})
