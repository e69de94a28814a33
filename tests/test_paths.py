"""The one search path: what is found, and what wins."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fer import paths


def _touch(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"")
    return file


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty checkout in place of the real one."""
    monkeypatch.setattr(paths, "ROOT", tmp_path / "checkout")
    return paths.ROOT


def test_nothing_there_is_nothing_found(checkout: Path) -> None:
    assert paths.find_detector_file() is None
    assert paths.find_models() == {}
    assert paths.find_data_file("fer2013.csv") is None
    assert not checkout.exists()


@pytest.mark.parametrize(
    ("variable", "folder"),
    [
        ("FER_CACHE_DIR", paths.cache_dir),
        ("FER_SESSIONS_DIR", paths.sessions_dir),
        ("FER_MODEL_DIR", lambda: paths.model_dirs()[0]),
        ("FER_MODEL_DIR", lambda: paths.detector_dirs()[0]),
        ("FER_DATA_DIR", lambda: paths.data_dirs()[0]),
    ],
    ids=["cache", "sessions", "models", "detector", "data"],
)
@pytest.mark.parametrize(
    ("value", "used"),
    [
        ("", None),
        ("  ", None),
        ("/opt/fer", Path("/opt/fer")),
        ("~/fer", Path("~/fer").expanduser),
        ("~nosuchuser/x", Path("~nosuchuser/x")),
    ],
    ids=["empty", "blank", "absolute", "home", "nobody's home"],
)
def test_environment_comes_first(
    variable: str,
    folder: Callable[[], Path],
    value: str,
    used: Path | Callable[[], Path] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(variable)
    fallback = folder()
    monkeypatch.setenv(variable, value)
    assert folder() == (fallback if used is None else used() if callable(used) else used)


def test_detector_file_beside_the_models_wins_over_the_cache() -> None:
    cached = _touch(paths.cache_dir() / paths.DETECTOR_FILE)
    assert paths.find_detector_file() == cached
    own = _touch(paths.model_dirs()[0] / paths.DETECTOR_FILE)
    assert paths.find_detector_file() == own


def test_a_folder_is_a_model_when_it_holds_a_card(checkout: Path) -> None:
    _touch(checkout / "models" / "bare" / "model.onnx")
    shipped = _touch(checkout / "models" / "small" / paths.CARD_FILE).parent
    assert paths.find_models() == {"small": shipped}


def test_own_model_wins_over_a_shipped_one_of_its_name(checkout: Path) -> None:
    shipped = _touch(checkout / "models" / "other" / paths.CARD_FILE).parent
    _touch(checkout / "models" / "small" / paths.CARD_FILE)
    own = _touch(paths.model_dirs()[0] / "small" / paths.CARD_FILE).parent
    assert paths.find_models() == {"other": shipped, "small": own}


def test_own_data_wins_over_the_checkout(checkout: Path) -> None:
    beside = _touch(checkout / "data" / "fer2013.csv")
    assert paths.find_data_file("fer2013.csv") == beside
    own = _touch(paths.data_dirs()[0] / "fer2013.csv")
    assert paths.find_data_file("fer2013.csv") == own


def test_a_folder_of_that_name_is_no_data_file(checkout: Path) -> None:
    (checkout / "data" / "fer2013.csv").mkdir(parents=True)
    assert paths.find_data_file("fer2013.csv") is None
