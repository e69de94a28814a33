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
from tests.fakes import write_network


class _Drawn(FaceDetector):
    """Finds white squares, but only those at least 8 pixels wide at the size that it looks at."""

    name = "haar"

    def _look(self, image_bgr, min_score):
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

    def _look(self, image_bgr, min_score):
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


@pytest.fixture
def install():
    """Puts bytes where YuNet's file is looked for."""

    def put(data):
        folder = paths.cache_dir()
        folder.mkdir(parents=True)
        (folder / paths.DETECTOR_FILE).write_bytes(data)

    return put


def _another_network(folder):
    write_network(folder / "model.onnx")
    return (folder / "model.onnx").read_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda folder: b"", id="empty"),
        pytest.param(lambda folder: b"no network", id="no network"),
        pytest.param(_another_network, id="another network"),
    ],
)
def test_a_damaged_detector_file_is_named(damage, install, tmp_path):
    install(damage(tmp_path))
    with pytest.raises(
        DetectorError, match=rf"{paths.DETECTOR_FILE} is damaged; remove it and run `python -m fer setup`"
    ):
        load_detector()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[:200_000], id="cut short"),
        pytest.param(lambda data: data[:1000] + data[2000:], id="a piece is missing"),
        pytest.param(lambda data: data.replace(b"kps_32", b"kps_33"), id="an output of another name"),
    ],
)
def test_a_damaged_copy_of_the_network_is_named(damage, install, yunet_file):
    whole = yunet_file.read_bytes()
    assert damage(whole) != whole
    install(damage(whole))
    with pytest.raises(DetectorError, match="is damaged"):
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


@pytest.mark.parametrize("size_wh", [(1, 1), (3, 400), (640, 2), (33, 31)], ids=str)
@pytest.mark.parametrize("high", [1, 256], ids=["black", "noise"])
def test_yunet_survives_odd_sizes(yunet, size_wh, high):
    noise = np.random.default_rng(0).integers(0, high, (size_wh[1], size_wh[0], 3), np.uint8)
    assert len(yunet.detect(noise)) == 0
    assert (np.abs(yunet.detect(noise, 0.01).boxes_xywh) < 5000).all()


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


@pytest.fixture
def opencv(yunet_file):
    """OpenCV's own runner of the same file: image_bgr -> the boxes, landmarks and scores, largest face first."""
    engine = cv2.FaceDetectorYN.create(str(yunet_file), "", (320, 320), score_threshold=0.3, nms_threshold=0.3)

    def detect(image_bgr):
        engine.setInputSize(image_bgr.shape[1::-1])
        rows = engine.detect(image_bgr)[1]
        rows = np.zeros((0, 15)) if rows is None else rows[np.argsort(-rows[:, 2] * rows[:, 3], kind="stable")]
        return rows[:, :4], rows[:, 4:14].reshape(-1, 5, 2), rows[:, 14]

    return detect


def _assert_same(found, boxes_xywh, landmarks_xy, scores):
    assert len(found) == len(scores)
    if len(found):
        np.testing.assert_allclose(found.boxes_xywh, boxes_xywh, atol=1)
        np.testing.assert_allclose(found.landmarks_xy, landmarks_xy, atol=1)
        np.testing.assert_allclose(found.scores, scores, atol=0.01)


@pytest.mark.parametrize("long_side", [160, 320, 640])
def test_yunet_agrees_with_opencv_on_every_photo(long_side, yunet, opencv, shared_dir):
    photos = sorted((shared_dir / "photos").glob("*.jpg"))
    assert photos
    for photo in photos:
        image_bgr = _scaled(cv2.imread(str(photo)), long_side)
        _assert_same(yunet.detect(image_bgr, 0.3, (long_side,)), *opencv(image_bgr))


def test_yunet_agrees_with_opencv_on_large_pictures(yunet, opencv, canvases):
    for canvas in canvases:
        image_bgr = _scaled(canvas, 1280)
        _assert_same(yunet.detect(image_bgr, 0.3, (1280,)), *opencv(image_bgr))


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
n_threads, n_calls = int(sys.argv[3]), int(sys.argv[4])
assert all(len(found) for found in expected)
answers = []

def work(turn):
    for call in range(n_calls):
        i = (turn + call) % 2
        found = detector.detect(frames[i], 0.3, LIVE_SIDES)
        same_boxes = np.array_equal(found.boxes_xywh, expected[i].boxes_xywh)
        answers.append(same_boxes and np.array_equal(found.scores, expected[i].scores))

threads = [threading.Thread(target=work, args=(turn,)) for turn in range(n_threads)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(sum(answers), "right")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "n_threads", "n_calls"),
    [pytest.param("yunet", 4, 200, id="YuNet"), pytest.param("haar", 2, 30, id="Haar")],
)
def test_threads_get_the_answers_of_one(name, n_threads, n_calls, request):
    """All call one detector with two sizes of frames in turn. YuNet's network is shared; a shared cascade of Haar's
    fails here within a few calls."""
    file = request.getfixturevalue("yunet_file") if name == "yunet" else "none"
    command = [sys.executable, "-c", _THREADS, name, str(file), str(n_threads), str(n_calls)]
    done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{n_threads * n_calls} right\n", done.stderr
