"""Frames with their times become results with people in them, every frame read on its own."""

import json

import numpy as np
import pytest

from fer.pipeline import FacePipeline
from fer.recognition import EmotionModel
from fer.samples import SAMPLES
from fer.stream import FaceStream
from tests.fakes import SquareFinder, drawn_face, install_model

THRESHOLD = 0.2


@pytest.fixture
def pipeline(tmp_path):
    folder = install_model(tmp_path)
    fitted = {
        "temperature": {"none": 1.0},
        "sets": {"coverage": 0.8, "threshold": {"none": THRESHOLD}},
    }
    (folder / "report.json").write_text(json.dumps({"calibration": fitted}))
    return FacePipeline(EmotionModel(folder), SquareFinder())


def _frame(*faces):
    """Draw faces given as x, y, side, and whether they are happy."""
    image_bgr = np.zeros((480, 640, 3), np.uint8)
    for face in faces:
        drawn_face(image_bgr, *face)
    return image_bgr


def test_a_stream_without_faces(pipeline):
    result = FaceStream(pipeline).process(_frame(), 0.0)
    assert (result.faces, result.others, result.missing) == ((), (), 0)
    assert (result.width, result.height, result.reader) == (640, 480, pipeline.reader)


def test_every_box_is_that_of_its_own_frame(pipeline):
    stream = FaceStream(pipeline)
    for i, x in enumerate((100, 108, 132, 96)):
        (face,) = stream.process(_frame((x, 200, 60, True)), i / 15).faces
        assert (face.box_xywh, face.person) == ((x, 200, 60, 60), 1)
    result = stream.process(_frame(), 5 / 15)
    assert (result.faces, result.missing) == ((), 1)


def test_readings_are_smoothed_and_their_sets_formed_anew(pipeline):
    stream = FaceStream(pipeline, half_life_s=1.0)
    shown = [stream.process(_frame((100, 200, 60, i == 0)), 0.25 * i).faces[0] for i in range(12)]
    happy = [float(face.probabilities[face.classes.index("happy")]) for face in shown]
    assert happy == sorted(happy, reverse=True)
    for face in shown:
        members = {name for name, probability in face.ranked() if probability >= THRESHOLD}
        assert set(face.prediction_set) == members | {face.emotion}
    assert shown[0].emotion == shown[2].emotion == "happy"
    assert shown[-1].emotion != "happy"


def test_smoothing_may_be_switched_off_between_frames(pipeline):
    stream = FaceStream(pipeline, half_life_s=10.0)
    happy, still_happy = (stream.process(_frame((100, 200, 60, i == 0)), i / 15).faces[0] for i in range(2))
    stream.half_life_s = 0
    (now,) = stream.process(_frame((100, 200, 60, False)), 2 / 15).faces
    (alone,) = pipeline.analyze(_frame((100, 200, 60, False))).faces
    assert (happy.emotion, still_happy.emotion) == ("happy", "happy")
    np.testing.assert_allclose(now.probabilities, alone.probabilities, atol=1e-6)


def _small(x=60):
    return (x, 60, 50, True)


def _large(x=300):
    return (x, 200, 90, False)


@pytest.mark.parametrize(
    ("frames", "shown"),
    [
        pytest.param([(0.0, ())], [[]], id="nobody"),
        pytest.param([(0.0, (_small(), _large()))], [[1]], id="the largest"),
        pytest.param(
            [(0.0, (_small(),)), (0.1, (_small(), _large())), (0.2, (_small(), _large()))],
            [[1], [1], [1]],
            id="the first, though a larger one comes",
        ),
        pytest.param(
            [(0.0, (_small(), _large())), (0.1, (_small(),)), (0.5, (_small(),)), (0.6, (_small(), _large()))],
            [[1], [], [], [1]],
            id="nobody while that one is lost",
        ),
        pytest.param(
            [(0.0, (_small(), _large())), (0.1, (_small(),)), (1.5, (_small(),)), (2.5, (_small(),))],
            [[1], [], [], [2]],
            id="the next when that one is gone",
        ),
        pytest.param([(0.0, (_large(),)), (2.5, ()), (2.6, (_small(),))], [[1], [], [2]], id="the next who comes"),
    ],
)
def test_one_person_is_held(pipeline, frames, shown):
    stream = FaceStream(pipeline, everyone=False)
    results = [stream.process(_frame(*faces), time_s) for time_s, faces in frames]
    assert [[face.person for face in result.faces] for result in results] == shown
    for (_, faces), result in zip(frames, results, strict=True):
        assert len(result.faces) + len(result.others) == len(faces)


def test_one_person_and_everyone_may_change_between_frames(pipeline):
    stream, shown = FaceStream(pipeline), []
    for i, everyone in enumerate((True, False, True, False)):
        stream.everyone = everyone
        sides = (50, 90) if i < 2 else (100, 90)
        result = stream.process(_frame((60, 60, sides[0], True), (300, 200, sides[1], True)), i / 2)
        shown.append([face.person for face in result.faces])
    assert [sorted(persons) for persons in shown] == [[1, 2], [1], [1, 2], [2]]


def test_people_keep_their_numbers_with_another_pipeline(pipeline, tmp_path):
    stream = FaceStream(pipeline, first_person=7)
    before = stream.process(_frame(_large()), 0.0).faces[0].person
    stream.pipeline = FacePipeline(EmotionModel(install_model(tmp_path / "other")), SquareFinder())
    (face,) = stream.process(_frame(_large()), 0.1).faces
    assert (before, face.person, face.prediction_set, stream.next_person) == (7, 7, None, 8)


def test_the_parts_of_the_time_are_told(pipeline):
    timings = FaceStream(pipeline).process(_frame(_large()), 0.0).timings
    assert min(timings.detect_ms, timings.recognise_ms, timings.track_ms) > 0


@pytest.mark.slow
def test_real_faces_are_followed():
    from fer import load_pipeline

    stream = FaceStream(load_pipeline(detector="haar", long_sides=(640,)))
    photo = SAMPLES["two-faces"].load()
    seen = [stream.process(np.roll(photo, 6 * i, axis=1), i / 15).faces for i in range(5)]
    first = [face.person for face in seen[0]]
    assert len(first) >= 2
    assert all([face.person for face in faces][:2] == first[:2] for faces in seen)
