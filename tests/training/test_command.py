"""`python -m fer train`: from a CSV and a recipe to a model's folder."""

from pathlib import Path

import pytest

from fer.cli import NOTHING_DONE, main
from fer.recognition import ModelCard
from fer.training.export import KERAS_FILE
from tests.training.conftest import draw_faces

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras")

RECIPE = """
name = "drawn"
stages = [{ size = 10, epochs = 1 }]
batch_size = 16
warmup_epochs = 0
[network]
widths = [4, 8]
"""


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    faces = draw_faces({"Training": 140, "PublicTest": 14})
    rows = zip(faces.labels, faces.images, faces.usage, strict=True)
    lines = [f"{label},{' '.join(map(str, image.ravel()))},{usage}" for label, image, usage in rows]
    path = tmp_path / "drawn.csv"
    path.write_text("\n".join(["emotion,pixels,Usage", *lines]) + "\n")
    return path


def test_a_recipe_becomes_a_model(csv, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("fer.training.train._STATISTICS_BATCHES", 1)
    (tmp_path / "small.toml").write_text(RECIPE)
    arguments = ["train", str(tmp_path / "small.toml"), "--data", f"fer2013={csv}", "--out", str(tmp_path / "runs")]
    assert main(arguments) == 0
    folder = Path(capsys.readouterr().out.strip())
    assert folder == tmp_path / "runs" / "small" / "drawn"
    assert ModelCard.read(folder).training["data"] == "fer2013"
    assert (folder / KERAS_FILE).is_file()


@pytest.mark.parametrize(
    ("recipe", "error"),
    [
        pytest.param("", "name", id="empty"),
        pytest.param(RECIPE + "colour = 1\n", "colour", id="unknown key"),
        pytest.param(None, "small.toml", id="no such file"),
    ],
)
def test_bad_recipes_get_a_sentence(csv, tmp_path, capsys, recipe, error):
    if recipe is not None:
        (tmp_path / "small.toml").write_text(recipe)
    assert main(["train", str(tmp_path / "small.toml"), "--data", f"fer2013={csv}"]) == NOTHING_DONE
    assert error in capsys.readouterr().err
