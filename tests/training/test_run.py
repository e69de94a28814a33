"""From a recipe and a data set to a folder that the app lists and serves, measured on what it did not learn from."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fer import paths
from fer.datasets import FaceDataset
from fer.errors import FerError, ModelError
from fer.evaluation.curve import CURVE_FILE
from fer.evaluation.report import load_report
from fer.recognition import EmotionModel, load_model
from fer.training import augmentation, export
from fer.training.config import AugmentationConfig, CrossValidationConfig, NetworkConfig, Stage, TrainingConfig
from fer.training.run import install, run
from fer.training.train import CHECKPOINT_FILE, LOG_FILE
from tests.training.conftest import draw_faces, draw_people

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras")

CONFIG = TrainingConfig(
    name="drawn",
    stages=(Stage(10, 1),),
    network=NetworkConfig((4, 8)),
    augmentation=AugmentationConfig(rotation_degrees=0, scale=(1, 1), shift_pixels=0, erase_probability=0),
    batch_size=16,
    warmup_epochs=0,
    crop_size=12,
)


@pytest.fixture(scope="module", autouse=True)
def _few_batches_for_statistics() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("fer.training.train._STATISTICS_BATCHES", 1)
        yield


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model that was trained on faces without splits."""
    return run(CONFIG, draw_faces({"Training": 140}), tmp_path_factory.mktemp("own"))


def test_the_served_network_is_the_trained_one(own: Path, faces: FaceDataset) -> None:
    model = EmotionModel(own)
    assert (model.card.crop_size, model.card.input_size, model.card.maps_size) == (12, 10, 5)
    kept = export.load_network(own / export.KERAS_FILE)
    shown = augmentation.centre(faces.images[:3], 10)
    np.testing.assert_allclose(model.predict(faces.images[:3]).logits, kept(shown, training=False), atol=1e-4)


def test_own_faces_are_split_and_measured_on_what_was_not_learned(own: Path) -> None:
    model, report = EmotionModel(own), load_report(own)
    assert (model.card.training["rows"], model.card.training["splits_seed"]) == (100, CONFIG.seed)
    assert {e.stamp.split: (e.stamp.n, e.stamp.seen_in_training) for e in report.evaluations} == {
        "PublicTest": (20, False),
        "PrivateTest": (20, False),
    }
    assert report.calibration is not None
    assert {e.stamp.digest for e in report.evaluations} == {model.card.training["digest"]}


def test_the_log_goes_with_the_model(own: Path) -> None:
    rows = [json.loads(line) for line in (own / CURVE_FILE).read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1]
    assert (own / CURVE_FILE).read_bytes() == (own.parent / LOG_FILE).read_bytes()


def test_known_data_sets_are_left_to_evaluation(faces: FaceDataset, tmp_path: Path) -> None:
    folder = run(CONFIG, replace(faces, name="fer2013"), tmp_path)
    assert load_report(folder).evaluations == ()
    card = EmotionModel(folder).card
    assert (card.trained_on, card.training["splits_seed"]) == (("fer2013", "Training"), None)


def test_folds_are_stored_and_counted_in_the_progress(tmp_path: Path) -> None:
    people = draw_people({"Training": 140, "PublicTest": 70, "PrivateTest": 70})
    told: list[str] = []
    shares: list[float] = []
    folder = run(
        replace(CONFIG, cross_validation=CrossValidationConfig(2)),
        replace(people, name="ckplus"),
        tmp_path,
        lambda name, log: told.append(name),
        shares.append,
    )
    assert told == ["fold 1 of 2", "fold 2 of 2", "drawn"]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    folds = load_report(folder).cross_validation
    assert folds is not None
    assert (len(folds.out_of_fold), folds.out_of_fold.folds) == (280, 2)
    held_out = set(people.subjects[people.usage != "Training"])
    assert EmotionModel(folder).card.training["held_out_subjects"] == sorted(held_out)


@pytest.mark.parametrize(
    ("usage", "sad", "sentence"),
    [
        ({"Training": 140}, 0, None),
        ({"Training": 140}, 3, "drawn has 3 different pictures of sad to divide into splits, but 10 a class"),
        ({"Training": 140, "PublicTest": 14, "PrivateTest": 14}, 4, "has 4 Training pictures of sad, but at least 5"),
    ],
    ids=["a class that is not there", "too few to divide", "too few to learn"],
)
def test_classes_with_too_few_pictures_are_named(
    tmp_path: Path, usage: dict[str, int], sad: int, sentence: str | None
) -> None:
    faces = draw_faces(usage)
    is_training = (faces.labels == 4) & (faces.usage == "Training")
    faces = faces.take(~is_training | (np.cumsum(is_training) <= sad))
    if sentence is None:
        assert "Was shown no sad." in EmotionModel(run(CONFIG, faces, tmp_path)).card.limits
        return
    with pytest.raises(FerError, match=sentence):
        run(CONFIG, faces, tmp_path)
    assert not list(tmp_path.rglob(CHECKPOINT_FILE))


def test_an_installed_model_is_found_by_its_name(own: Path) -> None:
    target = install(own, paths.own_models_dir())
    assert target == paths.find_models()["drawn"]
    assert {file.name for file in target.iterdir()} == {file.name for file in own.iterdir()}
    assert load_model("drawn").card == EmotionModel(own).card


def test_an_installed_model_is_not_replaced(own: Path, tmp_path: Path) -> None:
    (tmp_path / "drawn").mkdir()
    (tmp_path / "drawn" / paths.CARD_FILE).write_text("{}")
    with pytest.raises(ModelError, match="holds a model already; move it away"):
        install(own, tmp_path)
    assert (tmp_path / "drawn" / paths.CARD_FILE).read_text() == "{}"


def test_a_model_that_is_installed_by_half_does_not_show(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def fill_disk(path: Path, content: bytes) -> None:
        written.append(path.name)
        if len(written) == len(list(own.iterdir())):
            raise OSError(28, "No space left on device")
        path.write_bytes(content)

    with monkeypatch.context() as full:
        full.setattr("fer.training.run.replace_file", fill_disk)
        with pytest.raises(OSError, match="No space left"):
            install(own, tmp_path)
    assert written[-1] == paths.CARD_FILE
    assert not (tmp_path / "drawn" / paths.CARD_FILE).exists()
    assert EmotionModel(install(own, tmp_path)).card.name == "drawn"
