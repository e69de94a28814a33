"""Finding faces: which detector runs and why, what several looks add up to, and threads."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from fer import paths
from fer.detection import FaceDetector, Haar, YuNet, available_detectors, load_detector
from fer.errors import DetectorError
from fer.results import Detections
from fer.samples import SAMPLES


class _Drawn(FaceDetector):
    """Finds white squares, but only those at least 8 pixels wide at the size that it looks at."""

    name = "haar"

    def _make(self):
        return object()

    def _look(self, engine, image_bgr):
        count, _, stats, _ = cv2.connectedComponentsWithStats((image_bgr[:, :, 0] > 128).astype(np.uint8))
        boxes = stats[1:count, :4][stats[1:count, 2] >= 8]
        return Detections(boxes, np.full(len(boxes), 0.9)) if len(boxes) else Detections.empty()


def _picture(*squares):
    image = np.zeros((600, 1280, 3), np.uint8)
    for x, y, side in squares:
        image[y : y + side, x : x + side] = 255
    return image


@pytest.mark.parametrize(
    ("squares", "long_sides", "expected"),
    [
        pytest.param([], (320, 1280), [], id="nothing there"),
        pytest.param([(100, 100, 200)], (320,), [(100, 100, 200)], id="one look finds the large one"),
        pytest.param([(100, 100, 200), (900, 100, 16)], (320,), [(100, 100, 200)], id="one look misses the small one"),
        pytest.param(
            [(900, 100, 16), (100, 100, 200)],
            (320, 1280),
            [(100, 100, 200), (900, 100, 16)],
            id="a finer look adds it, largest first",
        ),
        pytest.param([(100, 100, 200)], (320, 640, 1280), [(100, 100, 200)], id="no face counts twice"),
        pytest.param([(100, 100, 200)], (5000,), [(100, 100, 200)], id="never larger than the picture"),
    ],
)
def test_looks_add_up(squares, long_sides, expected):
    found = _Drawn("for the test").detect(_picture(*squares), 0.5, long_sides)
    np.testing.assert_allclose(
        found.boxes_xywh, np.array([(x, y, s, s) for x, y, s in expected]).reshape(-1, 4), atol=4
    )


class _Told(FaceDetector):
    """Sees a face of 200 pixels, and a neighbour, at each size of the picture with the score that the test tells it.

    The neighbour begins 80 pixels to the right: 60 % of either face's box are the other's too.
    """

    name = "haar"

    def __init__(self, scores, neighbour_scores=None):
        super().__init__("for the test")
        self._told = [(100, scores), (180, neighbour_scores or {})]

    def _make(self):
        return object()

    def _look(self, engine, image_bgr):
        scale = image_bgr.shape[1] / 1280
        seen = [(x, scores[image_bgr.shape[1]]) for x, scores in self._told if image_bgr.shape[1] in scores]
        boxes = np.array([(x, 100, 200, 200) for x, _ in seen]).reshape(-1, 4) * scale
        return Detections(boxes, np.array([score for _, score in seen]))


@pytest.mark.parametrize(
    ("detector", "min_score", "expected"),
    [
        pytest.param(_Told({}), 0.6, [], id="nobody"),
        pytest.param(_Told({320: 0.9, 1280: 0.9}), 0.6, [0.9], id="equally sure"),
        pytest.param(_Told({320: 0.45, 1280: 0.9}), 0.6, [0.9], id="an unsure look hides no sure one"),
        pytest.param(_Told({320: 0.7, 1280: 0.9}), 0.6, [0.9], id="the surer, later look counts"),
        pytest.param(_Told({320: 0.9, 1280: 0.7}), 0.6, [0.9], id="the surer, earlier look counts"),
        pytest.param(_Told({320: 0.7, 640: 0.95, 1280: 0.8}), 0.9, [0.95], id="one of three is sure enough"),
        pytest.param(_Told({320: 0.45, 1280: 0.5}), 0.6, [], id="never sure"),
        pytest.param(_Told({320: 0.9}, {320: 0.8}), 0.6, [0.8, 0.9], id="what one look tells apart stays apart"),
        pytest.param(_Told({320: 0.8}, {1280: 0.9}), 0.6, [0.9], id="what only two looks tell apart does not"),
    ],
)
def test_no_sure_face_is_lost_to_an_unsure_one(detector, min_score, expected):
    found = detector.detect(_picture(), min_score, (320, 640, 1280))
    assert sorted(found.scores) == pytest.approx(expected)


def test_low_scores_are_left_out():
    assert len(_Drawn("for the test").detect(_picture((10, 10, 100)), 0.95)) == 0


@pytest.mark.parametrize(
    ("choice", "error"),
    [
        pytest.param("yunet", "setup", id="YuNet without its file"),
        pytest.param("dlib", "choose auto", id="unknown"),
    ],
)
def test_what_cannot_run_says_what_to_do(choice, error):
    with pytest.raises(DetectorError, match=error):
        load_detector(choice)


def test_without_the_file_haar_runs_and_says_why():
    detector = load_detector()
    assert isinstance(detector, Haar)
    assert "setup" in detector.reason
    assert "yunet" not in available_detectors()


def test_a_damaged_detector_file_is_named():
    folder = paths.cache_dir()
    folder.mkdir(parents=True)
    (folder / paths.DETECTOR_FILE).write_bytes(b"no network")
    with pytest.raises(DetectorError, match="damaged"):
        load_detector()


def test_haar_finds_the_astronaut():
    found = load_detector("haar").detect(SAMPLES["astronaut"].load())
    assert len(found) == 1
    assert found.landmarks_xy is None


@pytest.fixture
def yunet(yunet_file):
    return YuNet(yunet_file, "for the test")


def test_yunet_finds_the_astronaut_and_her_features(yunet):
    found = yunet.detect(SAMPLES["astronaut"].load())
    assert len(found) == 1
    right_eye, left_eye, nose, right_mouth, left_mouth = found.landmarks_xy[0]
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_mouth[0] < left_mouth[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])


@pytest.mark.parametrize("size_wh", [(1, 1), (3, 400), (640, 2)], ids=str)
def test_yunet_survives_odd_sizes(yunet, size_wh):
    assert len(yunet.detect(np.zeros((size_wh[1], size_wh[0], 3), np.uint8))) == 0


def _scaled(image_bgr, long_side):
    scale = long_side / max(image_bgr.shape[:2])
    return cv2.resize(image_bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def canvases(shared_dir):
    """72 faces of 160 pixels, 24 on each canvas of 2560x1440."""
    photos = sorted((shared_dir / "photos").glob("*.jpg"))[:72]
    drawn = []
    for start in range(0, len(photos), 24):
        canvas = np.full((1440, 2560, 3), 128, np.uint8)
        for i, photo in enumerate(photos[start : start + 24]):
            tile = _scaled(cv2.imread(str(photo)), 160)
            x, y = 60 + i % 8 * 310, 60 + i // 8 * 460
            canvas[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
        drawn.append(canvas)
    return drawn


@pytest.mark.parametrize(("min_score", "least"), [(0.6, 70), (0.75, 70), (0.9, 47)], ids=str)
def test_small_faces_are_found_whatever_the_least_score(min_score, least, yunet, canvases):
    """As many as one look at 1280 pixels finds alone."""
    found = [yunet.detect(canvas, min_score) for canvas in canvases]
    assert least <= sum(map(len, found)) <= 72
    assert min(faces.scores.min() for faces in found) >= min_score


_THREADS = """
import sys, threading
import cv2, numpy as np
from fer.detection import LIVE_SIDES, Haar, YuNet
from fer.samples import SAMPLES
from pathlib import Path

detector = YuNet(Path(sys.argv[2]), "test") if sys.argv[1] == "yunet" else Haar("test")
astronaut = SAMPLES["astronaut"].load()
frames = [cv2.resize(astronaut, (320, 320)), cv2.resize(astronaut[:400], (256, 200))]
expected = [detector.detect(frame, 0.3, LIVE_SIDES) for frame in frames]
assert all(len(found) for found in expected)
wrong = []

def work(turn):
    for call in range(200):
        i = (turn + call) % 2
        found = detector.detect(frames[i], 0.3, LIVE_SIDES)
        if not (len(found) == len(expected[i]) and np.allclose(found.boxes_xywh, expected[i].boxes_xywh, atol=0.01)):
            wrong.append(i)

threads = [threading.Thread(target=work, args=(turn,)) for turn in range(2)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(wrong), "wrong")
"""


@pytest.mark.parametrize("name", ["yunet", "haar"])
def test_two_threads_get_the_answers_of_one(name, request):
    """2 threads x 2 frame sizes x 200 calls: one shared detector object crashes here or gives wrong boxes."""
    file = request.getfixturevalue("yunet_file") if name == "yunet" else "none"
    command = [sys.executable, "-c", _THREADS, name, str(file)]
    done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "0 wrong\n"
