"""What a fault costs: drawn faces that are damaged, and some that are turned, read by a network with known answers."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.datasets import FaceDataset
from fer.detection import FaceDetector
from fer.emotions import EMOTIONS
from fer.evaluation import Report, load_report, save_report
from fer.evaluation.faults import FaultStudy, other_faces_cost
from fer.evaluation.report import store_faults
from fer.quality import find_faults
from fer.recognition import EmotionModel, network_digest
from fer.results import Detections, FaultCost
from tests.fakes import install_model
from tools.fault_costs import DAMAGES, SEED, measure_faults, undamaged

SIDE = 48
HAPPY, NEUTRAL = EMOTIONS.index("happy"), EMOTIONS.index("neutral")
AHEAD = ((14, 18), (34, 18), (24, 28), (17, 38), (31, 38))
"""Landmarks of a face of 48 pixels."""


def drawn(n: int, seed: int = 0) -> np.ndarray:
    """Faces with nothing wrong, which the stand-in network reads as happy: grainy, and lighter on the left."""
    images = np.random.default_rng(seed).integers(60, 160, (n, SIDE, SIDE), dtype=np.uint8)
    images[:, :, : SIDE // 2] += 40
    return images


class Looker(FaceDetector):
    """Finds the face of every picture but black ones; where a corner is white it is turned, as it stays enlarged."""

    name = "yunet"

    def __init__(self) -> None:
        super().__init__("It sees what the tests draw.")

    def _look(self, image_bgr: np.ndarray, min_score: float) -> Detections:
        if not image_bgr.any():
            return Detections.empty()
        scale = image_bgr.shape[0] / (2 * SIDE)
        frame = np.array([[SIDE / 2, SIDE / 2, SIDE, SIDE]]) * scale
        points = np.array([AHEAD], float) + SIDE / 2
        corner = int(scale * (SIDE / 2 + 1))
        points[0, 2, 0] += 12 if image_bgr[corner, corner, 0] > 245 else 0
        return Detections(frame, np.array([0.9]), points * scale)


def dataset(images: np.ndarray, labels: list[int]) -> FaceDataset:
    n = len(images)
    return FaceDataset(
        name="ferplus",
        images=images,
        labels=np.array(labels, np.uint8),
        usage=np.full(n, "PublicTest"),
        classes=EMOTIONS,
        digest="drawn",
        source=Path("drawn"),
        rows=np.arange(1, n + 1),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in model, shown crops of 48 pixels."""
    shape = {"crop_size": SIDE, "size": 10, "channels": 1, "normalisation": "per-image", "epsilon": 8.0}
    return install_model(tmp_path_factory.mktemp("models"), input=shape)


@pytest.fixture(scope="module")
def study(folder: Path) -> FaultStudy:
    """Twelve sound faces of which nine are happy, four that are turned of which one is, and one that nobody finds."""
    images = drawn(17)
    images[12:16, :4, :4] = 255
    images[16] = 0
    labels = [HAPPY] * 9 + [NEUTRAL] * 3 + [HAPPY] + [NEUTRAL] * 3 + [HAPPY]
    return measure_faults(EmotionModel(folder), Looker(), dataset(images, labels))


@pytest.mark.parametrize("fault", DAMAGES)
def test_a_damaged_face_has_the_fault_that_was_done_to_it_alone(fault: str) -> None:
    rng = np.random.default_rng(SEED)
    for face in drawn(5):
        face = cv2.GaussianBlur(face, (0, 0), 0.6)
        assert undamaged(face).faults(SIDE, None) == ()
        shot = DAMAGES[fault][1](face, rng)
        assert shot.crop(SIDE).shape == (SIDE, SIDE)
        assert shot.faults(SIDE, None) == (fault,)


def test_damage_is_drawn_alike_every_time() -> None:
    face = drawn(1)[0]
    for _, damage in DAMAGES.values():
        one, other = (damage(face, np.random.default_rng(SEED)) for _ in range(2))
        np.testing.assert_array_equal(one.image, other.image)
        assert one.square_xywh == other.square_xywh


@pytest.mark.parametrize("turns", range(4), ids=["top", "right", "bottom", "left"])
def test_what_is_cut_off_lies_beyond_the_picture_and_the_rest_stays(turns: int) -> None:
    class Drawn:
        def uniform(self, low: float, high: float) -> float:
            return high

        def integers(self, high: int) -> int:
            return turns

    face = drawn(1)[0]
    shot = DAMAGES["cut"][1](face, Drawn())
    (height, width), (x, y, side, _) = shot.image.shape, shot.square_xywh
    kept = face[-int(y) : -int(y) + height, -int(x) : -int(x) + width]
    np.testing.assert_array_equal(shot.image, kept)
    assert (height * width, side) == (SIDE * (SIDE - 19), SIDE)
    assert find_faults(shot.crop(SIDE), shot.square_xywh, (width, height), None) == ("cut",)


def test_sound_faces_are_those_that_were_found_with_nothing_wrong(study: FaultStudy) -> None:
    assert (study.n, study.right, study.data, study.split) == (12, 0.75, "ferplus", "PublicTest")
    assert study.right_95[0] < study.right < study.right_95[1]


def test_each_fault_is_held_against_the_same_faces(study: FaultStudy) -> None:
    costs = {cost.fault: cost for cost in study.costs}
    assert list(costs) == [*DAMAGES, "turned"]
    for fault in DAMAGES:
        cost = costs[fault]
        assert 0 < cost.n <= study.n
        assert cost.difference == pytest.approx(cost.right - cost.right_without, abs=1e-5)
        assert cost.difference_95[0] <= cost.difference <= cost.difference_95[1]


def test_turned_faces_are_held_against_others_of_their_expressions(study: FaultStudy) -> None:
    """One of four is happy, and all happy ones and no neutral one are read rightly, turned or not."""
    turned = study.costs[-1]
    assert (turned.n, turned.right, turned.right_without, turned.difference) == (4, 0.25, 0.25, 0.0)
    assert turned.difference_95 == (0.0, 0.0)


def test_where_no_face_is_turned_nothing_is_said_of_it(folder: Path) -> None:
    study = measure_faults(EmotionModel(folder), Looker(), dataset(drawn(3), [HAPPY] * 3))
    assert "turned" not in {cost.fault for cost in study.costs}


def test_readings_learn_it_from_the_report(study: FaultStudy, folder: Path) -> None:
    assert EmotionModel(folder).fault_costs == ()
    save_report(folder, Report(network=network_digest(folder)))
    store_faults(folder, study)
    assert load_report(folder).faults == study
    stored = EmotionModel(folder).fault_costs
    assert [cost.fault for cost in stored] == [cost.fault for cost in study.costs]
    last = study.costs[-1]
    assert stored[-1] == FaultCost("turned", last.right, last.right_without, False, last.n, "ferplus", "PublicTest")
    assert [cost.is_sure for cost in stored] == [cost.difference_95[1] < 0 for cost in study.costs]
    assert EmotionModel(folder, calibrated=False).fault_costs == ()


def test_turned_faces_that_are_read_worse_surely_cost_something() -> None:
    """Half of 200 happy ones are read rightly, of 400 others nine in ten; who is neutral is not among the turned."""
    right, others = np.arange(200) % 2 == 0, np.append(np.arange(400) % 10 > 0, np.zeros(100, bool))
    labels = np.append(np.full(400, HAPPY), np.full(100, NEUTRAL))
    cost = other_faces_cost("turned", "drawn", right, np.full(200, HAPPY), others, labels)
    assert (cost.n, cost.right, cost.right_without, cost.difference) == (200, 0.5, 0.9, -0.4)
    low, high = cost.difference_95
    assert -0.5 < low < -0.4 < high < -0.3
