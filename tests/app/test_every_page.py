"""Every page, as it greets a first visitor, and where nothing is installed."""

import shutil
from pathlib import Path

import pytest

from fer import paths
from fer.pipeline import DEFAULT_MODEL
from tests.app.conftest import Visit, said
from tests.fakes import install_model

PAGES = sorted(path.stem for path in (paths.ROOT / "pages").glob("*.py"))
READING = ("home", "image")
"""The pages that read a photo as they open, and say why they cannot."""


@pytest.fixture
def model_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for models that is searched before the shipped ones."""
    monkeypatch.setenv("FER_MODEL_DIR", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.mark.parametrize("page", PAGES)
def test_a_first_visit(page: str, visit: Visit) -> None:
    app = visit(page)
    assert not app.exception
    assert not app.error
    assert len(app.title) == 1


@pytest.mark.parametrize("page", PAGES)
def test_without_any_model(page: str, visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fer.paths.model_dirs", lambda: [tmp_path])
    app = visit(page)
    assert not app.exception
    if page in READING:
        assert "No model is installed" in said(app)
        assert "fetch it again" in said(app)


DAMAGES = {
    "card": ("card.json", b"{", "card.json is damaged; install the model again."),
    "network": ("model.onnx", b"no network", "model.onnx is damaged or no ONNX network; install the model again."),
    "no network": ("model.onnx", None, "model.onnx is missing; install the model again."),
    "report": ("report.json", b"[]", "report.json is damaged: it must hold one JSON object."),
    "figures": ("report.json", b'{"evaluations": [{}]}', "report.json is damaged; evaluate the model again."),
}
"""A file of a model, what it holds instead, and what is said of it."""


@pytest.mark.parametrize(
    ("page", "file", "data", "sentence"),
    [
        pytest.param(page, *damage, id=f"{page}-{name}")
        for page in PAGES
        for name, damage in DAMAGES.items()
        if page in READING or name in ("card", "network", "report")  # one of a kind, where no sentence is looked for
    ],
)
def test_with_a_damaged_model(
    page: str, file: str, data: bytes | None, sentence: str, visit: Visit, model_dir: Path
) -> None:
    folder = install_model(model_dir, DEFAULT_MODEL)
    if data is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(data)
    app = visit(page)
    assert not app.exception
    if page in READING:
        assert f"{folder / file}"[-40:] in said(app)
        assert sentence in said(app)


@pytest.mark.parametrize("page", PAGES)
def test_with_a_damaged_detector(page: str, visit: Visit, model_dir: Path) -> None:
    model_dir.mkdir()
    (model_dir / paths.DETECTOR_FILE).write_bytes(b"no network")
    app = visit(page)
    assert not app.exception
    if page in READING:
        assert f"{paths.DETECTOR_FILE} is damaged; remove it and run `python -m fer setup`." in said(app)


@pytest.mark.parametrize("page", READING)
def test_with_a_model_that_nobody_measured(
    page: str, visit: Visit, model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fer.paths.model_dirs", lambda: [model_dir])
    shipped = paths.ROOT / "models" / DEFAULT_MODEL
    shutil.copytree(shipped, model_dir / DEFAULT_MODEL)
    (model_dir / DEFAULT_MODEL / "report.json").unlink()
    app = visit(page)
    assert not app.exception
    assert not app.error
    assert not app.metric
    if page == "image":
        assert "How well it reads faces that it does not know was not measured yet." in said(app)
