"""How a detector's boxes become crops: derived on drawn frames, and what it costs on real ones."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fer import paths
from fer.crops import Framing
from fer.detection import FaceDetector
from fer.evaluation import framing as module
from fer.evaluation import load_report
from fer.evaluation.framing import derive_framing, find_given_faces, measure_framing, study_crops
from fer.recognition import LearnedRows
from fer.results import Detections

SIDE = 48
NOT_FOUND = (np.nan,) * 4


def _boxes(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


class Fixed(FaceDetector):
    """Sees one box, as pixels of the given frame, in every frame that is not black.

    `asked` lists the size of every picture that it was shown.
    """

    name = "haar"

    def __init__(self, box_xywh: tuple[float, float, float, float]) -> None:
        super().__init__("It sees what the tests tell it.")
        self._on_grey_xywh = np.add(box_xywh, (SIDE / 2, SIDE / 2, 0, 0))
        self.asked: list[tuple[int, ...]] = []

    def _look(self, image_bgr: np.ndarray, min_score: float) -> Detections:
        self.asked.append(image_bgr.shape)
        if not image_bgr.any():
            return Detections.empty()
        box = self._on_grey_xywh * image_bgr.shape[0] / (2 * SIDE)  # the surround doubles a frame's side
        small = (*box[:2], 1.0, 1.0)
        return Detections(np.array([small, box]), np.array([0.9, 0.9]))


class TestFindGivenFaces:
    def test_no_frames(self) -> None:
        assert find_given_faces(Fixed((0, 0, 9, 9)), np.zeros((0, SIDE, SIDE), np.uint8)).shape == (0, 4)

    @pytest.mark.parametrize(
        "box_xywh",
        [(0, 0, 48, 48), (4, 6, 40, 40), (-8, -4, 60, 56), (20, 20, 8, 8)],
        ids=["the frame", "inside", "past the border", "small"],
    )
    def test_the_largest_box_comes_back_in_pixels_of_the_frame(self, box_xywh: tuple[float, ...]) -> None:
        found = find_given_faces(Fixed(box_xywh), np.full((2, SIDE, SIDE), 90, np.uint8))
        np.testing.assert_allclose(found, _boxes(box_xywh, box_xywh), atol=1e-3)

    def test_a_frame_without_a_face_is_not_a_number_and_progress_is_told(self) -> None:
        images = np.zeros((4, SIDE, SIDE), np.uint8)
        images[1] = 90
        shares: list[float] = []
        found = find_given_faces(Fixed((4, 6, 40, 40)), images, shares.append)
        assert np.isnan(found).all(axis=1).tolist() == [True, False, True, True]
        assert shares == [0.25, 0.5, 0.75, 1.0]

    def test_a_detector_is_given_room_around_the_face(self) -> None:
        detector = Fixed((0, 0, 48, 48))
        find_given_faces(detector, np.full((1, SIDE, SIDE), 90, np.uint8))
        height, width, channels = detector.asked[0]
        assert (height, channels) == (width, 3)
        assert height > 4 * SIDE


class TestDeriveFraming:
    @pytest.mark.parametrize(
        "boxes_xywh", [_boxes(), _boxes(NOT_FOUND, NOT_FOUND)], ids=["no frames", "no face in any"]
    )
    def test_nothing_found(self, boxes_xywh: np.ndarray) -> None:
        with pytest.raises(ValueError, match="No face was found"):
            derive_framing(boxes_xywh, SIDE)

    @pytest.mark.parametrize(
        ("rows", "scale", "offset_xy"),
        [
            pytest.param([(0, 0, 48, 48)], 1.0, (0.0, 0.0), id="the frame itself"),
            pytest.param([(12, 12, 24, 24)], 2.0, (0.0, 0.0), id="half as wide"),
            pytest.param([(12, 0, 24, 24)], 2.0, (0.0, 0.5), id="too high"),
            pytest.param([(30, 12, 12, 48)], 2.0, (-0.5, -0.5), id="narrow, to the right and low"),
            pytest.param([NOT_FOUND, (12, 12, 24, 24), NOT_FOUND], 2.0, (0.0, 0.0), id="faces not found are ignored"),
            pytest.param([(12, 12, 24, 24)] * 3 + [(0, 0, 1, 1)], 2.0, (0.0, 0.0), id="a stray box is ignored"),
        ],
    )
    def test_boxes_become_the_frame(
        self, rows: list[tuple[float, ...]], scale: float, offset_xy: tuple[float, float]
    ) -> None:
        assert derive_framing(_boxes(*rows), SIDE) == Framing(scale, offset_xy)

    def test_it_turns_the_boxes_back_into_the_frames(self) -> None:
        box_xywh = (7, 3, 31, 37)
        square = derive_framing(_boxes(box_xywh), SIDE).squares(_boxes(box_xywh))
        np.testing.assert_allclose(square, _boxes((0, 0, SIDE, SIDE)), atol=0.05)


class Brightness:
    """Reads class 3 where a crop's left half is brighter than its right one, else class 0."""

    card = SimpleNamespace(
        name="drawn",
        classes=tuple("abcdefg"),
        crop_size=12,
        trained_on=("fer2013", "Training"),
        training={},
        learned=(LearnedRows("fer2013", "Training"),),
    )

    def predict(self, crops: np.ndarray) -> SimpleNamespace:
        assert crops.shape[1:] == (12, 12)
        halves = crops.astype(float).reshape(len(crops), 12, 2, 6).mean(axis=(1, 3))
        logits = np.zeros((len(crops), 7), np.float32)
        logits[:, 3] = halves[:, 0] - halves[:, 1]
        return SimpleNamespace(logits=logits)


def _frames(n: int, bright: slice = slice(0, SIDE // 2)) -> np.ndarray:
    """n frames of which some columns are bright; brighter from frame to frame, so that no two are the same."""
    images = np.full((n, SIDE, SIDE), 20, np.uint8)
    images[:, :, bright] = (100 + np.arange(n))[:, None, None]
    return images


def _faces(images: np.ndarray, labels: list[int], subjects: list[str] | None = None) -> SimpleNamespace:
    people = None if subjects is None else np.array(subjects)
    return SimpleNamespace(images=images, labels=np.array(labels), subjects=people)


class TestStudyCrops:
    def test_the_frame_itself_costs_nothing(self) -> None:
        boxes = _boxes(*[(12, 12, 24, 24)] * 3, NOT_FOUND)
        study = study_crops(Brightness(), Framing(2, (0, 0)), _faces(_frames(4), [3, 3, 0, 3]), boxes)
        assert (study.n, study.found) == (4, 3)
        assert study.difference.difference == 0

    def test_bad_crops_cost_all(self) -> None:
        # Framed to the left, only the bright part is seen, of one grey: neither half is brighter.
        images = _frames(40, slice(0, 24))
        boxes = _boxes(*[(0, 0, 48, 48)] * 40)
        study = study_crops(Brightness(), Framing(0.5, (-0.25, 0)), _faces(images, [3] * 40), boxes)
        assert study.difference.difference == -1.0
        assert study.difference.interval_95[1] < 0

    def test_the_difference_is_drawn_by_person_where_people_are_known(self) -> None:
        """Twenty faces of each of two people, one of whom loses all by the crops: all or nothing may be lost."""
        faces = _frames(40, slice(0, 24))
        boxes = _boxes(*[(0, 0, 48, 48)] * 20, *[(0, -24, 96, 96)] * 20)
        framing = Framing(0.5, (-0.25, 0))
        intervals = [
            study_crops(Brightness(), framing, _faces(faces, [3] * 40, people), boxes).difference.interval_95
            for people in (None, ["a"] * 20 + ["b"] * 20)
        ]
        assert intervals[1] == (-1, 0)
        assert -1 < intervals[0][0] < intervals[0][1] < 0


Draw = Callable[..., Any]


class TestMeasureFraming:
    @pytest.fixture
    def fer2013(self, draw: Draw) -> Any:
        rows = [(3, 0, "Training")] * 6 + [(3, 0, "PublicTest")] + [(3, 0, "PrivateTest")] * 3
        return draw(*rows, name="fer2013", side=SIDE, images=_frames(10))

    @pytest.fixture
    def ckplus(self, draw: Draw) -> Any:
        rows = [(3, 0, "Training"), (6, 0, "Training"), (7, 0, "PrivateTest")]
        return draw(*rows, name="ckplus", side=SIDE, images=_frames(3))

    def test_without_detectors(self, fer2013: Any) -> None:
        brightness = Brightness()
        assert measure_framing(brightness, [], fer2013, None) == ({}, {})

    def test_derived_on_training_faces_and_measured_on_others(
        self, fer2013: Any, ckplus: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Brightness.card, "classes", ("angry", "disgust", "fear", "happy", "sad", "x", "neutral"))
        monkeypatch.setattr(module, "DERIVED_FROM", 4)
        shares: list[float] = []
        framings, measured = measure_framing(Brightness(), [Fixed((12, 0, 24, 24))], fer2013, ckplus, shares.append)
        assert framings == {"haar": Framing(2.0, (0.0, 0.5))}
        assert measured["haar"]["derived_from"] == {
            "data": "fer2013",
            "digest": fer2013.digest,
            "split": "Training",
            "n": 4,
            "found": 4,
        }
        studies = measured["haar"]["own_crops_against_given"]
        assert {name: (study["n"], study["found"]) for name, study in studies.items()} == {
            "FER2013 PrivateTest": (3, 3),
            "CK+ apex faces": (1, 1),
        }, "of CK+, neutral faces and those of classes that the model does not know are left out"
        assert shares == sorted(shares)
        assert shares[-1] == pytest.approx(1)

    def test_a_detector_that_finds_nothing(self, draw: Draw) -> None:
        rows = [(3, 0, "Training"), (3, 0, "PrivateTest")]
        black = draw(*rows, name="fer2013", side=SIDE, images=np.zeros((2, SIDE, SIDE), np.uint8))
        with pytest.raises(ValueError, match="No face was found"):
            measure_framing(Brightness(), [Fixed((12, 0, 24, 24))], black, None)


@pytest.mark.parametrize("detector", ["yunet", "haar"])
@pytest.mark.parametrize("faces", ["FER2013 PrivateTest", "CK+ apex faces"])
def test_no_shipped_framing_surely_costs_more_than_one_point(detector: str, faces: str) -> None:
    measured = load_report(paths.ROOT / "models" / "fer2013").framing[detector]  # measured with this one alone
    study = measured["own_crops_against_given"][faces]
    low, high = study["difference"]["interval_95"]
    assert low <= study["difference"]["difference"] <= high
    assert high >= -0.01
    assert 0 < study["found"] <= study["n"]


@pytest.mark.data
def test_a_shipped_framing_is_the_one_that_is_derived(yunet_file: Path, shared_dir: Path) -> None:
    """On some of the training faces, the medians come out as the card has them."""
    import cv2
    import pandas as pd

    from fer.detection import YuNet
    from fer.recognition import ModelCard

    table = pd.read_parquet(shared_dir / "data" / "fer2013.parquet", columns=["image", "Usage"])
    stored = table["image"][table["Usage"] == "Training"].iloc[::200]
    images = np.stack([cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) for data in stored])
    derived = derive_framing(find_given_faces(YuNet(yunet_file, "The test wants it."), images), SIDE)
    shipped = ModelCard.read(paths.ROOT / "models" / "fer2013-small").framing["yunet"]
    assert derived.scale == pytest.approx(shipped.scale, abs=0.02)
    assert derived.offset_xy == pytest.approx(shipped.offset_xy, abs=0.02)
