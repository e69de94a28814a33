"""Home: what is installed, with figures that come from the reports alone, and the detector that can be fetched."""

import json
import re
import shutil
from pathlib import Path

import pytest

from fer import paths, samples
from fer.errors import FetchError
from fer.pipeline import DEFAULT_MODEL
from fer.ui.home import overview
from tests.app.conftest import Visit, said


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The report of a copy of the default model, which is the only one."""
    monkeypatch.setattr("fer.paths.model_dirs", lambda: [tmp_path / "models"])
    folder = tmp_path / "models" / DEFAULT_MODEL
    shutil.copytree(paths.ROOT / "models" / DEFAULT_MODEL, folder)
    return folder / "report.json"


def _rows(evaluation: dict) -> tuple[str, str]:
    return evaluation["stamp"]["data"], evaluation["stamp"]["split"]


def _change(report: Path, **changes: object) -> None:
    """Change what the report says of FER+'s PrivateTest, by dotted names such as plain__accuracy."""
    values = json.loads(report.read_text())
    (evaluation,) = (e for e in values["evaluations"] if _rows(e) == ("ferplus", "PrivateTest"))
    for name, value in changes.items():
        part, _, figure = name.partition("__")
        evaluation[part][figure] = value
    report.write_text(json.dumps(values))


def test_the_sample_is_read_at_this_moment(visit: Visit) -> None:
    app = visit("home")
    alt = app.image[0].proto.imgs[0].alt
    assert re.fullmatch(r"The photo with 2 numbered faces\. face 1: [^;]+, \d+%; face 2: Looks happy, \d+%\.", alt)
    assert "Eileen Collins, NASA, and Grace Hopper, US Navy; both public domain" in said(app)


def test_a_missing_sample_is_said_and_the_rest_stands(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "find_spec", lambda name: None)
    app = visit("home")
    assert not app.exception
    assert not app.image
    text = said(app)
    assert "The sample photo astronaut.png is missing; install the package scikit-image again." in text
    assert "An expression is not a feeling" in text


def test_figures_are_those_of_the_report(visit: Visit, report: Path) -> None:
    _change(report, plain__accuracy=0.1234, flip__accuracy=0.2345, plain__macro_recall=0.3456, plain__ece=0.0123)
    app = visit("home")
    assert [metric.value for metric in app.metric] == ["12.3%", "23.4%", "34.6%", "1.2%"]
    assert "reads 88% of FER+'s test faces otherwise than most raters" in said(app)


def test_figures_carry_their_protocol(visit: Visit, report: Path) -> None:
    _change(
        report,
        plain__accuracy_95=[0.111, 0.222],
        stamp__n=1234,
        stamp__copies_in_training=56,
        stamp__selected_by="a coin",
        stamp__date="2001-02-03",
        stamp__code_version="9.9 (abc)",
    )
    text = said(visit("home"))
    for words in (
        "FER+ PrivateTest, 1,234 faces, 95 % interval 11.1% to 22.2%",
        "56 have an exact copy among the training faces",
        "selected by a coin",
        "Measured 2001-02-03, code 9.9 (abc)",
    ):
        assert words in text


def test_figures_without_copies_to_count(visit: Visit, report: Path) -> None:
    """As of a model that was trained on other data, or on these very rows."""
    _change(
        report, stamp__copies_in_training=None, plain__accuracy_without_copies=None, flip__accuracy_without_copies=None
    )
    app = visit("home")
    assert not app.exception
    assert len(app.metric) == 4
    assert "None" not in said(app)


@pytest.mark.parametrize("is_seen", [False, True], ids=["new faces", "seen in training"])
def test_what_was_seen_in_training_is_marked(is_seen: bool, visit: Visit, report: Path) -> None:
    _change(report, stamp__seen_in_training=is_seen)
    assert ("Seen in training, so this says nothing about new faces" in said(visit("home"))) == is_seen


def test_limits_are_said_plainly(visit: Visit) -> None:
    text = said(visit("home"))
    for words in ("An expression is not a feeling", "Article 5(1)(f)", "never written to disk", "often wrong"):
        assert words in text


class TestDetector:
    def test_yunet_is_offered_where_it_is_missing(self, visit: Visit) -> None:
        app = visit("home")
        assert "The Haar cascade runs because YuNet's file is not here" in said(app)
        assert [button.label for button in app.button] == ["Fetch YuNet"]

    def test_once_fetched_it_runs(self, visit: Visit, yunet_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fetch() -> Path:
            paths.cache_dir().mkdir(parents=True)
            return Path(shutil.copy(yunet_file, paths.cache_dir()))

        monkeypatch.setattr(overview, "fetch_detector", fetch)
        app = visit("home").button[0].click().run()
        assert not app.exception
        assert "YuNet runs because its file was found" in said(app)
        assert not app.button

    def test_a_failure_is_said_and_the_offer_stands(self, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail() -> Path:
            raise FetchError("YuNet's file cannot be fetched from here; put it into ~/.cache by hand.")

        monkeypatch.setattr(overview, "fetch_detector", fail)
        app = visit("home").button[0].click().run()
        assert not app.exception
        assert [error.value.replace("\\", "") for error in app.error] == [
            "YuNet's file cannot be fetched from here; put it into ~/.cache by hand."
        ]
        assert [button.label for button in app.button] == ["Fetch YuNet"]


class TestDataSets:
    def test_a_missing_one_says_where_it_comes_from(self, visit: Visit, tmp_path: Path) -> None:
        text = said(visit("home"))
        assert "`fer2013.csv` is not here. It comes from the Kaggle competition" in text
        assert f"`{tmp_path / 'home' / 'fer_data_dir'}`" in text

    def test_one_that_is_there_is_named(self, visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FER_DATA_DIR", str(tmp_path))
        (tmp_path / "fer2013.csv").touch()
        assert f"FER2013: {tmp_path / 'fer2013.csv'}" in said(visit("home"))
