"""A pipeline that reads drawn faces, and a drawn film in which everything is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.pipeline import FacePipeline
from fer.recognition import EmotionModel
from fer.results import Detections
from tests.fakes import SquareFinder, drawn_face, install_model
from tests.video.clips import backdrop, clip, turned

WIDTH, HEIGHT, SIDE = 192, 128, 32


class FaceFinder(SquareFinder):
    """Finds every large square that is light in all colours, whatever an encoder left around it."""

    def detect(self, image_bgr: np.ndarray, *_: object) -> Detections:
        light = (image_bgr.min(axis=2) > 45).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(cv2.morphologyEx(light, cv2.MORPH_OPEN, np.ones((9, 9))))
        boxes = stats[1:count, :4]
        return Detections(boxes, np.full(len(boxes), 0.9)) if count > 1 else Detections.empty()


@pytest.fixture
def pipeline(tmp_path: Path) -> FacePipeline:
    """Sees bright squares, and reads the brighter left half as happy."""
    return FacePipeline(EmotionModel(install_model(tmp_path)), FaceFinder())


@dataclass(frozen=True)
class Film:
    """A drawn film.

    Attributes:
        data: the file.
        times_s: when each frame is shown.
        faces: of each frame the faces: person -> upper left corner of the square, pixels as shown.
        cuts: the frames that begin another scene.
    """

    data: bytes
    times_s: list[float]
    faces: list[Mapping[int, tuple[int, int]]]
    cuts: list[int]


def _uneven(n: int) -> list[float]:
    """A variable frame rate: 25 a second, then 50, then 10."""
    steps = [0.04] * (n // 3) + [0.02] * (n // 3) + [0.1] * (n - 2 * (n // 3) - 1)
    return [round(t, 3) for t in np.cumsum([0.0, *steps])]


@pytest.fixture(scope="session")
def film() -> Film:
    """Two people who cross (one happy, one not), nobody, a cut to a third where the first went; turned by metadata."""
    scenes = [backdrop(WIDTH, HEIGHT, seed) for seed in (1, 2)]
    for scene in scenes:
        scene[:, :, 1] *= 5  # light enough for a cut to show, and light in one colour alone, so that it is no face
    places: list[dict[int, tuple[int, int]]] = []
    for i in range(90):
        if i < 40:
            places.append({1: (10 + 3 * i, 12), 2: (140 - 3 * i, 76)})
        elif i < 60:
            places.append({})
        else:
            places.append({3: (110, 12)})

    def draw(i: int) -> np.ndarray:
        picture = scenes[i >= 60].copy()
        for person, (x, y) in places[i].items():
            drawn_face(picture, x, y, SIDE, happy=person != 2)
        return np.ascontiguousarray(np.rot90(picture))  # as a telephone on its side stores it

    times_s = _uneven(90)
    data = clip(draw, times_s, options={"crf": "8", "bf": "0"}, sound="aac")
    return Film(turned(data, (0, 1, -1, 0)), times_s, places, [60])
