"""Home: a photo's faces on the first screen, the doors, the limits; and on Models what is installed."""

import json
import re
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from fer import paths, samples
from fer.errors import FetchError
from fer.pipeline import DEFAULT_MODEL
from fer.ui.home import overview
from fer.ui.models import installed
from tests.app.conftest import Visit, said


def _alts(app: AppTest) -> list[str]:
    return [image.alt for element in app.image for image in element.proto.imgs]


class TestFirstScreen:
    def test_a_sample_is_read_at_this_moment(self, visit: Visit) -> None:
        app = visit("home")
        boxes, face, heat, *doors = _alts(app)
        assert re.fullmatch(
            r"The photo with 2 numbered faces\. face 1: [^;]+, \d+ %; face 2: Looks happy, \d+ %\.", boxes
        )
        assert face == "Face 1, cut out"
        assert heat.startswith("Activation map of ")
        assert len(doors) == len(overview.DOORS)
        assert "Eileen Collins, NASA, and Grace Hopper, US Navy; both public domain" in said(app)

    def test_another_face_is_a_click_away(self, visit: Visit) -> None:
        app = visit("home")
        app.segmented_control[0].set_value(2).run()
        assert "Activation map of happy over face 2" in _alts(app)
        app.pills(key="shown").set_value("astronaut").run()
        assert "Activation map of happy over face 1" in _alts(app)

    def test_a_photo_of_ones_own_stays_here_and_on_the_image_page(self, visit: Visit, face_png: bytes) -> None:
        app = visit("home")
        app.file_uploader[0].set_value([("me.png", face_png, "image/png")]).run()
        assert not app.exception
        assert app.pills(key="shown").value == "own"
        assert _alts(app)[0].startswith("The photo with 1 numbered face. face 1: Looks happy")
        app.switch_page("pages/image.py").run()
        assert [title.value for title in app.header] == [r"me\.png"]
        app.switch_page("pages/home.py").run()
        assert app.pills(key="shown").value == "own"

    def test_a_blurred_photo_says_that_it_is_less_sure(self, visit: Visit, blurred_png: bytes) -> None:
        app = visit("home")
        assert "Less sure" not in said(app)
        app.file_uploader[0].set_value([("me.png", blurred_png, "image/png")]).run()
        assert re.search(
            r"Less sure: blurred\. Faces like this were read rightly \d\d times in 100, others \d\d\.", said(app)
        )

    def test_what_is_no_picture_is_said(self, visit: Visit) -> None:
        app = visit("home")
        app.file_uploader[0].set_value([("a.txt", b"no picture", "text/plain")]).run()
        assert not app.exception
        assert "'a.txt' is a text file, not a picture;" in said(app)

    def test_the_camera_takes_the_place_of_the_picture(self, visit: Visit, face_png: bytes) -> None:
        app = visit("home")
        app.button[0].click().run()
        assert "The photo" not in " ".join(_alts(app))
        app.camera_input(key="home_camera").set_value(("face.jpg", face_png, "image/jpeg")).run()
        assert not app.exception
        assert _alts(app)[0].startswith("The photo with 1 numbered face. face 1: Looks happy")

    def test_a_missing_sample_is_said_and_the_rest_stands(self, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(samples, "find_spec", lambda name: None)
        app = visit("home")
        assert not app.exception
        text = said(app)
        assert "The sample photo astronaut.png is missing; install the package scikit-image again." in text
        assert "An expression is not a feeling" in text


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The report of a copy of the default model, which is the only one."""
    monkeypatch.setattr("fer.paths.model_dirs", lambda: [tmp_path / "models"])
    folder = tmp_path / "models" / DEFAULT_MODEL
    shutil.copytree(paths.ROOT / "models" / DEFAULT_MODEL, folder)
    return folder / "report.json"


def test_how_often_it_is_wrong_comes_from_the_report(visit: Visit, report: Path) -> None:
    values = json.loads(report.read_text())
    for evaluation in values["evaluations"]:
        evaluation["plain"]["accuracy"] = 0.1234
    report.write_text(json.dumps(values))
    assert "reads 88 % of FER+'s test faces otherwise than most raters" in said(visit("home"))


def test_limits_and_what_is_at_work_are_said_plainly(visit: Visit) -> None:
    text = said(visit("home"))
    for words in (
        *("An expression is not a feeling", "Article 5(1)(f)", "never written to disk", "often wrong"),
        f"{DEFAULT_MODEL} reads, Haar cascade finds faces. Installed: ",
    ):
        assert words in text


FETCH = "Fetch YuNet"


def _fetch(app: AppTest) -> AppTest:
    (button,) = (button for button in app.button if button.label == FETCH)
    return button.click()


class TestDetector:
    def test_yunet_is_offered_where_it_is_missing(self, visit: Visit) -> None:
        app = visit("models")
        assert "The Haar cascade runs because YuNet's file is not here" in said(app)
        assert FETCH in [button.label for button in app.button]

    def test_once_fetched_it_runs(self, visit: Visit, yunet_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fetch() -> Path:
            paths.cache_dir().mkdir(parents=True)
            return Path(shutil.copy(yunet_file, paths.cache_dir()))

        monkeypatch.setattr(installed, "fetch_detector", fetch)
        app = _fetch(visit("models")).run()
        assert not app.exception
        assert "YuNet runs because its file was found" in said(app)
        assert FETCH not in [button.label for button in app.button]

    def test_a_failure_is_said_and_the_offer_stands(self, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail() -> Path:
            raise FetchError("YuNet's file cannot be fetched from here; put it into ~/.cache by hand.")

        monkeypatch.setattr(installed, "fetch_detector", fail)
        app = _fetch(visit("models")).run()
        assert not app.exception
        assert [error.value.replace("\\", "") for error in app.error] == [
            "YuNet's file cannot be fetched from here; put it into ~/.cache by hand."
        ]
        assert FETCH in [button.label for button in app.button]


class TestDataSets:
    def test_a_missing_one_says_where_it_comes_from(self, visit: Visit, tmp_path: Path) -> None:
        text = said(visit("models"))
        assert "`fer2013.csv` is not here. It comes from the Kaggle competition" in text
        assert f"`{tmp_path / 'home' / 'fer_data_dir'}`" in text

    def test_one_that_is_there_is_named(self, visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FER_DATA_DIR", str(tmp_path))
        (tmp_path / "fer2013.csv").touch()
        assert f"FER2013: {tmp_path / 'fer2013.csv'}" in said(visit("models"))
