"""What a visitor's session keeps of photos: small things, for a while, read once."""

import threading
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.errors import MediaError
from fer.pipeline import FacePipeline, Settings
from fer.recognition import EmotionModel
from fer.ui import album
from fer.ui.album import MAX_REMEMBERED, PATCH_SIDE, SHOWN_SIDE, Batch, Pace, Reading, read_photos
from fer.ui.photos import Photo
from fer.ui.shares import Turns, Work
from tests.fakes import SquareFinder, drawn_face, install_model

SETTINGS = Settings("drawn", "haar")


class Camera:
    """Makes photos of one face, and counts how often each was opened."""

    def __init__(self) -> None:
        self.opened: dict[str, int] = {}

    def photo(self, name: str, side: int = 200, faces: int = 1) -> Photo:
        def opener() -> np.ndarray:
            self.opened[name] = self.opened.get(name, 0) + 1
            image_bgr = np.zeros((side // 2, side, 3), np.uint8)
            for i in range(faces):
                drawn_face(image_bgr, 10 + 60 * i, 10, 40, happy=True)
            return image_bgr

        return Photo(name, f"digest of {name}", opener)


@pytest.fixture
def camera() -> Camera:
    return Camera()


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FacePipeline:
    monkeypatch.setenv("FER_MODEL_DIR", str(tmp_path / "models"))
    return FacePipeline(EmotionModel(install_model(tmp_path / "models")), SquareFinder())


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> dict:
    """One visitor's session."""
    state: dict = {}
    monkeypatch.setattr(album.st, "session_state", state)
    return state


def test_no_photos(pipeline: FacePipeline) -> None:
    assert read_photos([], SETTINGS, pipeline) == []


def test_a_reading_holds_what_the_page_shows(pipeline: FacePipeline, camera: Camera) -> None:
    photo = camera.photo("a", faces=2)
    (reading,) = read_photos([photo], SETTINGS, pipeline)
    assert reading.photo == photo
    assert [face.emotion for face in reading.result.faces] == ["happy", "happy"]
    shown = cv2.imdecode(np.frombuffer(reading.picture_jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (100, 200, 3)
    assert [view.crop_bgr.shape for view in reading.views] == [(PATCH_SIDE, PATCH_SIDE, 3)] * 2
    assert [view.maps.shape for view in reading.views] == [(10, 10, 7)] * 2


def test_a_photo_that_cannot_be_opened(pipeline: FacePipeline) -> None:
    def fail() -> np.ndarray:
        raise MediaError("It is empty.")

    (reading,) = read_photos([Photo("a", "a", fail)], SETTINGS, pipeline)
    assert (reading.result.error, reading.picture_jpeg, reading.views) == ("It is empty.", b"", ())


def test_a_large_picture_is_shown_smaller(pipeline: FacePipeline, camera: Camera) -> None:
    (reading,) = read_photos([camera.photo("a", side=2 * SHOWN_SIDE)], SETTINGS, pipeline)
    shown = cv2.imdecode(np.frombuffer(reading.picture_jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (SHOWN_SIDE // 2, SHOWN_SIDE, 3)
    assert (reading.result.result.width, reading.result.result.height) == (2 * SHOWN_SIDE, SHOWN_SIDE)


def test_a_photo_is_read_once(pipeline: FacePipeline, camera: Camera) -> None:
    (first,) = read_photos([camera.photo("a")], SETTINGS, pipeline)
    (again,) = read_photos([camera.photo("a")], SETTINGS, pipeline)
    assert again is first
    assert camera.opened == {"a": 1}


@pytest.mark.parametrize(
    "change",
    [{"min_score": 0.7}, {"margin": 0.1}, {"averaging": "flip"}],
    ids=["least score", "margin", "averaging"],
)
def test_other_settings_read_anew(pipeline: FacePipeline, camera: Camera, change: dict) -> None:
    read_photos([camera.photo("a")], SETTINGS, pipeline)
    read_photos([camera.photo("a")], replace(SETTINGS, **change), pipeline)
    assert camera.opened == {"a": 2}


def test_a_model_that_was_installed_anew_reads_anew(pipeline: FacePipeline, camera: Camera, tmp_path: Path) -> None:
    read_photos([camera.photo("a")], SETTINGS, pipeline)
    (tmp_path / "models" / "drawn" / "report.json").write_text("{}")
    read_photos([camera.photo("a")], SETTINGS, pipeline)
    assert camera.opened == {"a": 2}


def test_old_photos_are_forgotten(pipeline: FacePipeline, camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(album, "MAX_REMEMBERED", 2)
    for name in "abcda":
        read_photos([camera.photo(name)], SETTINGS, pipeline)
    assert camera.opened == {"a": 2, "b": 1, "c": 1, "d": 1}
    assert MAX_REMEMBERED > 2


def test_another_visitor_reads_for_themselves(
    pipeline: FacePipeline, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own,) = read_photos([camera.photo("a")], SETTINGS, pipeline)
    monkeypatch.setattr(album.st, "session_state", {})
    (other,) = read_photos([camera.photo("a")], SETTINGS, pipeline)
    assert isinstance(other, Reading)
    assert other is not own
    assert camera.opened == {"a": 2}


class TestBatch:
    @pytest.fixture(autouse=True)
    def _two_processors(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(album, "TURNS", Turns({Work.PHOTO: 2}, 8))
        monkeypatch.setattr(album, "jobs_at_once", lambda work, who: 2)

    def test_photos_are_read_at_once_and_each_once(self, camera: Camera, pipeline: FacePipeline) -> None:
        together = threading.Barrier(2, timeout=60)

        def met(photo: Photo) -> Photo:
            def opener() -> np.ndarray:
                together.wait()
                return photo.opener()

            return replace(photo, opener=opener)

        missing = [(("", name, ()), met(camera.photo(name))) for name in "abcdef"]
        read: OrderedDict = OrderedDict()
        batch = Batch([key for key, _ in missing], missing, read, pipeline)
        assert batch.wait(60)
        assert (batch.done, batch.share, batch.before) == (6, 1, None)
        assert set(read) == set(batch.keys)
        assert camera.opened == dict.fromkeys("abcdef", 1)

    def test_a_fault_ends_all_of_it_and_is_raised_where_somebody_waits(
        self, camera: Camera, pipeline: FacePipeline
    ) -> None:
        def fail() -> np.ndarray:
            raise ZeroDivisionError

        photos = [Photo("a", "a", fail), *(camera.photo(name) for name in "bcdef")]
        missing = [(("", photo.name, ()), photo) for photo in photos]
        batch = Batch([key for key, _ in missing], missing, OrderedDict(), pipeline)
        with pytest.raises(ZeroDivisionError):
            batch.wait(60)
        assert batch.is_stopped


def test_what_is_left_of_a_batch_counts_down_while_a_photo_is_at_work() -> None:
    pace = Pace(done=5, now_s=100.0)
    looks = [(5, 101.0), (6, 102.0), (6, 103.0), (6, 104.0), (9, 108.0), (9, 200.0)]
    assert [pace.left_s(done, 11, now_s) for done, now_s in looks] == [None, 10, 9, 8, 4, 0]
