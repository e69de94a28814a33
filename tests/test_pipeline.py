"""From a picture to readings: what is found is read, numbered by size, and calibrated."""

import dataclasses
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest

import fer
from fer import paths
from fer.errors import ModelError
from fer.pipeline import FacePipeline, Settings, load_pipeline
from fer.recognition import BATCH, EmotionModel
from fer.results import Detections
from fer.samples import SAMPLES
from tests.fakes import SquareFinder, drawn_face, install_model


@pytest.fixture
def model(tmp_path):
    return EmotionModel(install_model(tmp_path))


def _picture(*faces):
    image = np.zeros((300, 400, 3), np.uint8)
    for face in faces:
        drawn_face(image, *face)
    return image


@pytest.mark.parametrize(
    ("faces", "is_happy"),
    [
        pytest.param([], [], id="no face"),
        pytest.param([(20, 20, 60, True)], [True], id="one"),
        pytest.param([(20, 20, 60, False), (200, 100, 90, True)], [True, False], id="largest first"),
    ],
)
def test_faces_are_read(model, faces, is_happy):
    result = FacePipeline(model, SquareFinder()).analyze(_picture(*faces))
    assert [face.emotion == "happy" for face in result.faces] == is_happy
    assert (result.width, result.height) == (400, 300)
    for face in result.faces:
        assert face.probabilities.sum() == pytest.approx(1, abs=1e-5)
        assert face.box_xywh == face.crop_xywh


def test_a_photo_without_a_face_never_reaches_the_session(model, monkeypatch):
    monkeypatch.setattr(model, "_session", None)
    assert len(FacePipeline(model, SquareFinder()).analyze(_picture())) == 0


class _Counting:
    """A session that notes how many crops every call brings."""

    def __init__(self, session):
        self._session = session
        self.batches = []

    def get_inputs(self):
        return self._session.get_inputs()

    def run(self, names, inputs):
        self.batches += [len(block) for block in inputs.values()]
        return self._session.run(names, inputs)


@pytest.mark.parametrize(
    ("faces", "batches"),
    [
        pytest.param([], [], id="no picture"),
        pytest.param([0], [], id="a picture without a face"),
        pytest.param([0, 0, 0], [], id="pictures without faces"),
        pytest.param([1], [1], id="one face"),
        pytest.param([2, 0, 1], [3], id="an empty one between others"),
        pytest.param([0, 2, 2, 0], [4], id="empty ones around others"),
        pytest.param(
            [2] * BATCH + [1] * 3, [BATCH, BATCH, 3], id="more than a network is given at once", marks=pytest.mark.slow
        ),
    ],
)
def test_many_pictures_are_read_together(model, monkeypatch, faces, batches):
    """Everyone gets the reading of their own picture, and the network is called no more often than need be."""
    pipeline = FacePipeline(model, SquareFinder())
    drawn = [(20, 20, 60, False), (200, 100, 90, True)]
    pictures = [_picture(*(drawn if count == 2 else drawn[i % 2 :][:count])) for i, count in enumerate(faces)]
    alone = [pipeline.analyze(picture).faces for picture in pictures]
    counting = _Counting(model._session)
    monkeypatch.setattr(model, "_session", counting)
    together = pipeline.read([pipeline.cut(picture, pipeline.detect(picture)) for picture in pictures])
    assert counting.batches == batches
    assert [len(read) for read in together] == faces
    for one, other in zip(sum(together, ()), sum(alone, ()), strict=True):
        assert (one.emotion, one.box_xywh, one.crop_xywh) == (other.emotion, other.box_xywh, other.crop_xywh)
        assert (one.quality, one.detector_score) == (other.quality, other.detector_score)
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-6)


def test_crops_outlive_their_picture(model):
    """What waits for a batch holds no frames of a video."""
    pipeline = FacePipeline(model, SquareFinder())
    picture = _picture((20, 20, 60, True))
    crops = pipeline.cut(picture, pipeline.detect(picture))
    picture[:] = 0
    ((face,),) = pipeline.read([crops])
    assert face.emotion == "happy"
    assert not np.shares_memory(crops.patches, picture)


def test_crops_that_do_not_fit_their_faces_are_refused(model):
    pipeline = FacePipeline(model, SquareFinder())
    picture = _picture((20, 20, 60, True))
    crops = pipeline.cut(picture, pipeline.detect(picture))
    with pytest.raises(ValueError, match="a square, a patch and a judgement a face"):
        dataclasses.replace(crops, patches=crops.patches[:0])


def test_settings_say_what_a_pipeline_is_made_of(tmp_path, monkeypatch):
    install_model(tmp_path)
    monkeypatch.setenv("FER_MODEL_DIR", str(tmp_path))
    settings = Settings("drawn", "haar", averaging="flip")
    pipeline = settings.load()
    assert (pipeline.reader.model, pipeline.reader.detector, pipeline.reader.averaging) == ("drawn", "haar", "flip")
    assert pickle.loads(pickle.dumps(settings)) == settings, "they travel to other machines"
    assert load_pipeline("drawn", "haar", averaging="flip").reader == pipeline.reader


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"averaging": "plain"}, "averaging must be none or flip", id="unknown averaging"),
        pytest.param({"min_score": 1.5}, "min_score must lie from 0 to 1", id="score out of range"),
        pytest.param({"margin": float("nan")}, "margin be 0 or more", id="margin is no number"),
        pytest.param({"long_sides": ()}, "one of them at least", id="nowhere to look"),
        pytest.param({"long_sides": (320, 0)}, "a pixel or more each", id="a size without pixels"),
    ],
)
def test_impossible_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Settings(**changes)


def test_margin_and_score_are_heeded(model):
    picture = _picture((100, 100, 80, True))
    wide = FacePipeline(model, SquareFinder(), margin=0.5).analyze(picture)
    assert wide.faces[0].crop_xywh == (80, 80, 120, 120)
    assert len(FacePipeline(model, SquareFinder(), min_score=0.95).analyze(picture)) == 0


def test_the_temperature_of_the_averaging_is_applied(tmp_path):
    folder = install_model(tmp_path)
    (folder / "report.json").write_text(json.dumps({"calibration": {"temperature": {"none": 1.0, "flip": 9.0}}}))
    # A face that is the same as its mirror image gets the same logits both ways, so only the temperatures differ.
    picture = _picture()
    picture[100:160, 100:160] = 50
    picture[100:160, 115:145] = 250
    model = EmotionModel(folder)
    plain, flip = (
        FacePipeline(model, SquareFinder(), averaging=way).analyze(picture).faces[0].probabilities
        for way in ("none", "flip")
    )
    assert np.ptp(flip) <= np.ptp(plain)
    assert model.calibration.temperatures["flip"] == 9.0


@pytest.mark.parametrize(
    ("sets", "averaging", "size"),
    [
        pytest.param({}, "none", None, id="no rule"),
        pytest.param({"none": 0.99, "flip": 0.0}, "none", 1, id="plain"),
        pytest.param({"none": 0.99, "flip": 0.0}, "flip", 7, id="averaged"),
    ],
)
def test_the_sets_of_the_averaging_are_named(tmp_path, sets, averaging, size):
    folder = install_model(tmp_path)
    fitted = {"temperature": {"none": 50.0, "flip": 50.0}, "sets": {"coverage": 0.8, "threshold": sets}}
    (folder / "report.json").write_text(json.dumps({"calibration": fitted}))
    pipeline = FacePipeline(EmotionModel(folder), SquareFinder(), averaging=averaging)
    face = pipeline.analyze(_picture((100, 100, 80, True))).faces[0]
    assert (None if size is None else len(face.prediction_set)) == size


@pytest.mark.parametrize("sets", [{}, {"none": 0.3}], ids=["no rule", "a rule"])
def test_sets_are_formed_anew_from_other_probabilities(tmp_path, sets):
    folder = install_model(tmp_path)
    fitted = {"sets": {"coverage": 0.8, "threshold": sets}} if sets else {}
    (folder / "report.json").write_text(json.dumps({"calibration": fitted}))
    pipeline = FacePipeline(EmotionModel(folder), SquareFinder())
    (face,) = pipeline.analyze(_picture((100, 100, 80, True))).faces
    smoothed = np.array([0.1, 0.0, 0.0, 0.35, 0.0, 0.55, 0.0], np.float32)
    face = dataclasses.replace(face, probabilities=smoothed, prediction_set=None, person=3)
    assert pipeline.with_sets([]) == ()
    (named,) = pipeline.with_sets([face])
    assert named.prediction_set == (("surprise", "happy") if sets else None)
    assert (named.person, named.box_xywh) == (3, face.box_xywh)


def test_every_face_is_judged_by_its_own_crop(model):
    picture = _picture((20, 20, 6, True), (340, 100, 59, False))
    picture[100:180, 100:180] = 60

    def judged(pipeline):
        return [set(face.quality) & {"small", "cut", "dark"} for face in pipeline.analyze(picture).faces]

    assert judged(FacePipeline(model, SquareFinder())) == [{"dark"}, set(), {"small"}]
    assert judged(FacePipeline(model, SquareFinder(), margin=0.5)) == [{"dark"}, {"cut"}, set()]


@pytest.mark.parametrize(
    ("nose_x", "is_turned"),
    [
        pytest.param(None, [False, False], id="no landmarks"),
        pytest.param(50, [False, False], id="ahead"),
        pytest.param(75, [True, False], id="one turned away"),
    ],
)
def test_every_face_is_judged_by_its_own_landmarks(model, nose_x, is_turned):
    def features(nose_x, dx):
        return [(30 + dx, 40), (70 + dx, 40), (nose_x + dx, 60), (35 + dx, 80), (65 + dx, 80)]

    boxes = np.array([(10, 10, 80, 80), (210, 10, 80, 80)], np.float32)
    landmarks_xy = None if nose_x is None else np.array([features(nose_x, 0), features(50, 200)], np.float32)
    crops = FacePipeline(model, SquareFinder()).cut(_picture(), Detections(boxes, np.array([0.9, 0.9]), landmarks_xy))
    assert ["turned" in faults for faults in crops.quality] == is_turned


def test_maps_lie_over_the_centre_of_the_crop(model):
    pipeline = FacePipeline(model, SquareFinder())
    picture = _picture((100, 100, 120, True))
    face = pipeline.analyze(picture).faces[0]
    maps = pipeline.explain(picture, face)
    assert maps.shape == (10, 10, 7)
    happy = maps[:, :, face.classes.index("happy")]
    assert happy[:, :5].sum() > 0
    assert happy[:, 5:].sum() == 0
    assert pipeline.seen_square(face) == pytest.approx((110, 110, 100, 100))


def test_a_detector_that_the_card_does_not_frame_is_refused(tmp_path):
    folder = install_model(tmp_path, framing={"yunet": {"scale": 1, "offset_xy": [0, 0]}})
    with pytest.raises(ModelError, match="no crop framing for the detector haar; it has yunet"):
        FacePipeline(EmotionModel(folder), SquareFinder())


def test_the_shipped_model_reads_the_astronaut():
    result = load_pipeline(detector="haar").analyze(SAMPLES["astronaut"].load())
    assert [face.emotion for face in result.faces] == ["happy"]
    assert result.faces[0].confidence > 0.5


def test_the_readme_s_example_holds(yunet_file, monkeypatch):
    monkeypatch.setenv("FER_MODEL_DIR", str(yunet_file.parent))
    result = fer.load_pipeline(model="fer2013-small", detector="auto").analyze(SAMPLES["astronaut"].load())
    assert result.reader.detector == "yunet"
    assert [face.emotion for face in result.faces] == ["happy"]
    assert result.faces[0].probabilities.shape == (len(fer.EMOTIONS),)


@pytest.mark.slow
def test_serving_never_imports_tensorflow():
    """It would cost 6 seconds and 700 MB."""
    script = (
        "import sys; from fer import load_pipeline; from fer.samples import SAMPLES\n"
        "assert len(load_pipeline(detector='haar').analyze(SAMPLES['astronaut'].load())) == 1\n"
        "print([name for name in ('tensorflow', 'keras', 'streamlit') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=paths.ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
