"""Folds keep people whole, and a network never reads a person whom it learned from."""

from pathlib import Path

import numpy as np
import pytest

from fer.datasets import FaceDataset
from fer.errors import DatasetError
from fer.training import augmentation, crossval, export
from fer.training.config import AugmentationConfig, CrossValidationConfig, NetworkConfig, Stage, TrainingConfig
from fer.training.crossval import cross_validate, folds_by_person
from tests.training.conftest import draw_faces, draw_people

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras")

CONFIG = TrainingConfig(
    name="drawn",
    stages=(Stage(10, 1),),
    network=NetworkConfig((4,)),
    augmentation=AugmentationConfig(rotation_degrees=0, scale=(1, 1), shift_pixels=0, erase_probability=0),
    batch_size=16,
    warmup_epochs=0,
    crop_size=12,
    cross_validation=CrossValidationConfig(3),
)
USAGE = {"Training": 56, "PublicTest": 14, "PrivateTest": 14}


@pytest.mark.parametrize("folds", [2, 3, 12])
def test_people_are_in_one_fold(folds: int) -> None:
    faces = draw_people(USAGE)
    fold = folds_by_person(faces, folds, seed=1)
    assert sorted(set(fold.tolist())) == list(range(folds))
    assert all(len(set(fold[faces.subjects == subject])) == 1 for subject in faces.subjects)
    np.testing.assert_array_equal(fold, folds_by_person(faces, folds, seed=1))
    assert folds == 12 or not np.array_equal(fold, folds_by_person(faces, folds, seed=2))


@pytest.mark.parametrize(
    ("faces", "sentence"),
    [
        (draw_faces(USAGE), "drawn does not say who is seen.*column subject"),
        (draw_people(USAGE, each=30), "drawn shows 3 people, too few for 5 folds; lower folds"),
        (draw_people({"Training": 28}, each=4), "drawn has 4 rows of angry, too few for 5 folds; lower folds"),
    ],
    ids=["nobody", "few people", "few rows"],
)
def test_folds_that_cannot_be_made_are_refused(faces: FaceDataset, sentence: str) -> None:
    with pytest.raises(DatasetError, match=sentence):
        folds_by_person(faces, 5, seed=1)


def test_every_row_is_read_by_the_network_that_has_not_seen_its_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fer.training.train._STATISTICS_BATCHES", 1)
    faces, learned = draw_people(USAGE), []
    original = crossval.train

    def watch(config: TrainingConfig, data: FaceDataset, *rest: object) -> Path:
        learned.append(set(data.subjects[data.usage == "Training"]))
        assert not (data.usage == "PublicTest").any()
        return original(config, data, *rest)

    monkeypatch.setattr(crossval, "train", watch)
    shares: list[float] = []
    told: list[int] = []
    found = cross_validate(CONFIG, faces, tmp_path, lambda fold, log: told.append(fold), shares.append)
    for number in range(3):
        read = set(found.subject[found.fold == number])
        assert read
        assert learned[number] == set(faces.subjects) - read
        network = export.load_network(tmp_path / f"fold-{number + 1}" / export.KERAS_FILE)
        shown = augmentation.centre(faces.images[found.fold == number], 10)
        straight, mirrored = (network.predict(view, verbose=0) for view in (shown, shown[:, :, ::-1]))
        np.testing.assert_allclose(found.logits[found.fold == number], straight, atol=1e-3)
        np.testing.assert_allclose(found.flip_logits[found.fold == number], (straight + mirrored) / 2, atol=1e-3)
    assert told == [1, 2, 3]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    np.testing.assert_array_equal(found.row, faces.rows)
    np.testing.assert_array_equal(found.label, faces.labels)
