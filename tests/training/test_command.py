"""`python -m fer train`: from pictures and a recipe to a model that the app lists."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer import load_pipeline, paths
from fer.cli import NOTHING_DONE, main
from fer.emotions import EMOTIONS
from fer.recognition import ModelCard
from fer.training.export import KERAS_FILE
from tests.training.conftest import draw_faces

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras")

RECIPE = """
name = "drawn"
stages = [{ size = 10, epochs = 1 }]
batch_size = 16
warmup_epochs = 0
crop_size = 12
[network]
widths = [4, 8]
"""


@pytest.fixture(autouse=True)
def _few_batches_for_statistics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fer.training.train._STATISTICS_BATCHES", 1)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    faces = draw_faces({"Training": 140, "PublicTest": 14, "PrivateTest": 14})
    rows = zip(faces.labels, faces.images, faces.usage, strict=True)
    lines = [f"{label},{' '.join(map(str, image.ravel()))},{usage}" for label, image, usage in rows]
    path = tmp_path / "drawn.csv"
    path.write_text("\n".join(["emotion,pixels,Usage", *lines]) + "\n")
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with twelve pictures of every expression, larger than the recipe asks for."""
    folder = tmp_path / "pictures"
    faces = draw_faces({"Training": 84})
    for number, (image, label) in enumerate(zip(faces.images, faces.labels, strict=True)):
        path = folder / EMOTIONS[label] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image.repeat(4, axis=0).repeat(4, axis=1))
    return folder


def test_a_recipe_becomes_a_model(csv: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(recipe), "--data", f"fer2013={csv}", "--out", str(tmp_path / "runs")]) == 0
    told = capsys.readouterr()
    folder = Path(told.out.strip())
    assert folder == tmp_path / "runs" / "small" / "drawn"
    assert ModelCard.read(folder).training["data"] == "fer2013"
    assert (folder / KERAS_FILE).is_file()
    assert f"copy its folder to {paths.own_models_dir()}" in told.err
    assert f"The model lies in {folder}. Reached: " in told.err
    assert " % right on PublicTest at the best epoch." in told.err
    assert "drawn" not in paths.find_models()


def test_own_pictures_become_a_model_of_the_app(
    pictures: Path, recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(recipe), "--data", f"own={pictures}"]) == 0
    told = capsys.readouterr()
    assert paths.find_models()["drawn"] == Path(told.out.strip()) == paths.own_models_dir() / "drawn"
    assert "The app lists the new model as drawn." in told.err
    assert f"The model lies in {told.out.strip()}. Reached: " in told.err
    assert " % right on own PrivateTest (95 % interval " in told.err
    assert not (paths.runs_dir() / "small").exists()
    assert len(load_pipeline("drawn", "haar").analyze(np.zeros((60, 60, 3), np.uint8))) == 0
    assert main(["models", "--json"]) == 0
    (row,) = (row for row in json.loads(capsys.readouterr().out) if row["name"] == "drawn")
    assert row["error"] is None
    assert {e["stamp"]["split"] for e in row["evaluations"]} >= {"PrivateTest"}
    assert {e["stamp"]["seen_in_training"] for e in row["evaluations"]} == {False}
    assert main(["evaluate", "drawn", "--data", f"own={pictures}"]) == 0
    assert "All figures agree with" in capsys.readouterr().out
    next((pictures / "sad").iterdir()).unlink()
    assert main(["evaluate", "drawn", "--data", f"own={pictures}"]) == NOTHING_DONE
    assert "own holds no PrivateTest rows" in capsys.readouterr().err
    assert main(["train", str(recipe), "--data", f"own={pictures}"]) == NOTHING_DONE
    assert f"The name drawn belongs to the model in {paths.own_models_dir() / 'drawn'}" in capsys.readouterr().err


def test_a_class_of_few_pictures_is_named(pictures: Path, recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in sorted((pictures / "fear").iterdir())[4:]:
        path.unlink()
    assert main(["train", str(recipe), "--data", f"own={pictures}"]) == NOTHING_DONE
    assert "own has 4 different pictures of fear to divide into splits, but 10 a class" in capsys.readouterr().err
    assert not paths.runs_dir().exists()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param("", "name", id="empty"),
        pytest.param(RECIPE + "colour = 1\n", "colour", id="unknown key"),
        pytest.param(None, "small.toml", id="no such file"),
        pytest.param('initial = "unheard-of"\n' + RECIPE, "unheard-of is not installed", id="no such model"),
        pytest.param(RECIPE.replace('"drawn"', '"fer2013-small"'), "belongs to the model in", id="name taken"),
    ],
)
def test_bad_recipes_get_a_sentence(
    csv: Path, recipe: Path, capsys: pytest.CaptureFixture[str], text: str | None, error: str
) -> None:
    if text is None:
        recipe.unlink()
    else:
        recipe.write_text(text)
    assert main(["train", str(recipe), "--data", f"fer2013={csv}"]) == NOTHING_DONE
    assert error in capsys.readouterr().err
