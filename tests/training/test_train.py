"""A run learns, goes on after a kill as if nothing had happened, and looks at no test face."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from fer.datasets import FaceDataset
from fer.errors import FerError
from fer.recognition import EmotionModel
from fer.training import augmentation, export
from fer.training.config import AugmentationConfig, DistillationConfig, NetworkConfig, Stage, TrainingConfig
from fer.training.networks import build_network
from fer.training.train import CHECKPOINT_FILE, LOG_FILE, EpochLog, run, train
from tests.training.conftest import draw_faces

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras")

CONFIG = TrainingConfig(
    name="drawn",
    stages=(Stage(8, 1), Stage(10, 3)),
    network=NetworkConfig((4, 8)),
    augmentation=AugmentationConfig(rotation_degrees=5, scale=(0.95, 1.05), shift_pixels=0.5, erase_probability=0.1),
    batch_size=16,
    warmup_epochs=1,
    ema=0.9,
)
STEPS = 140 // 16
BATCHES = 3


class Killed(BaseException):
    """Stands for the process's end."""


@pytest.fixture(scope="module", autouse=True)
def _few_batches_for_statistics() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("fer.training.train._STATISTICS_BATCHES", BATCHES)
        yield


def weights(path: Path) -> np.ndarray:
    return np.concatenate([w.ravel() for w in export.load_network(path).get_weights()])


def changed(faces: FaceDataset, usage: str) -> FaceDataset:
    """The same faces, but black and labelled 0 in one split; the digest stays that of the original."""
    images, labels, rows = faces.images.copy(), faces.labels.copy(), faces.usage == usage
    images[rows], labels[rows] = 0, 0
    return replace(faces, images=images, labels=labels)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unbroken")
    train(CONFIG, draw_faces({"Training": 140, "PublicTest": 70, "PrivateTest": 70}), folder)
    return folder


def kill_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """End the run when it asks for this batch of training faces, counted from 0."""
    steps = iter(range(10_000))

    def augment(images: np.ndarray, mirrored: np.ndarray, *rest: object) -> np.ndarray:
        if next(steps) == step:
            raise Killed
        return original(images, mirrored, *rest)

    original = augmentation.augment
    monkeypatch.setattr(augmentation, "augment", augment)


@pytest.mark.parametrize(
    ("step", "epochs_left"),
    [(0, 4), (STEPS - 1, 4), (STEPS, 4), (STEPS + BATCHES + 1, 3), (2 * STEPS + BATCHES + 1, 3)],
    ids=["at once", "first epoch", "while averaging", "second epoch", "second averaging"],
)
def test_a_killed_run_ends_with_the_weights_of_an_unbroken_one(
    faces: FaceDataset,
    unbroken: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
    epochs_left: int,
) -> None:
    with monkeypatch.context() as patch:
        kill_at(step, patch)
        with pytest.raises(Killed):
            train(CONFIG, faces, tmp_path)
    epochs: list[EpochLog] = []
    path = train(CONFIG, faces, tmp_path, epochs.append)
    np.testing.assert_array_equal(weights(path), weights(unbroken / "model.keras"))
    assert len(epochs) == epochs_left
    assert len((tmp_path / LOG_FILE).read_text().splitlines()) == CONFIG.epochs


def test_a_finished_run_is_not_repeated(faces: FaceDataset, unbroken: Path) -> None:
    before = weights(unbroken / "model.keras")
    epochs: list[EpochLog] = []
    np.testing.assert_array_equal(weights(train(CONFIG, faces, unbroken, epochs.append)), before)
    assert epochs == []


def test_the_log_tells_every_epoch(unbroken: Path) -> None:
    logs = [EpochLog(**json.loads(line)) for line in (unbroken / LOG_FILE).read_text().splitlines()]
    assert [(log.epoch, log.epochs, log.size) for log in logs] == [(1, 4, 8), (2, 4, 10), (3, 4, 10), (4, 4, 10)]
    assert logs[-1].loss < logs[0].loss


@pytest.mark.parametrize(
    ("usage", "same"), [("PrivateTest", True), ("PublicTest", True), ("Training", False)], ids=lambda value: str(value)
)
def test_test_faces_change_no_weight(
    faces: FaceDataset, unbroken: Path, tmp_path: Path, usage: str, same: bool
) -> None:
    relabelled = replace(faces, labels=(faces.labels + 1) % 7)
    faces = relabelled if usage == "Training" else changed(faces, usage)
    got = weights(train(CONFIG, faces, tmp_path))
    assert np.array_equal(got, weights(unbroken / "model.keras")) == same


def test_it_learns(faces: FaceDataset, tmp_path: Path) -> None:
    still = AugmentationConfig(rotation_degrees=0, scale=(1, 1), shift_pixels=0, erase_probability=0)
    config = replace(CONFIG, stages=(Stage(10, 15),), augmentation=still)
    epochs: list[EpochLog] = []
    path = train(config, faces, tmp_path, epochs.append)
    private = faces.select("PrivateTest")
    logits = export.load_network(path)(augmentation.centre(private.images, 10), training=False)
    assert (keras.ops.convert_to_numpy(logits).argmax(axis=1) == private.labels).mean() > 0.9
    assert epochs[-1].public_accuracy is not None
    assert epochs[-1].public_accuracy > 0.9


def test_seeds_differ(faces: FaceDataset, unbroken: Path, tmp_path: Path) -> None:
    other = train(replace(CONFIG, seed=2), faces, tmp_path)
    assert not np.array_equal(weights(other), weights(unbroken / "model.keras"))


def test_without_public_test_there_is_no_accuracy(faces: FaceDataset, tmp_path: Path) -> None:
    epochs: list[EpochLog] = []
    config = replace(CONFIG, stages=(Stage(10, 2),))
    train(config, faces.select("Training"), tmp_path, epochs.append)
    assert [log.public_accuracy for log in epochs] == [None, None]


def test_the_logged_loss_is_the_mean_over_the_epoch(
    faces: FaceDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter(range(1, 2 * STEPS + 1))
    monkeypatch.setattr(keras.Model, "train_on_batch", lambda *_, **__: float(next(losses)))
    epochs: list[EpochLog] = []
    train(replace(CONFIG, stages=(Stage(10, 2),)), faces, tmp_path, epochs.append)
    assert [log.loss for log in epochs] == [(1 + STEPS) / 2, (1 + STEPS) / 2 + STEPS]


def test_a_run_can_start_from_a_trained_network(faces: FaceDataset, unbroken: Path, tmp_path: Path) -> None:
    start = unbroken / "model.keras"
    config = replace(CONFIG, stages=(Stage(10, 1),), warmup_epochs=0, peak_rate=1e-9, initial=start)
    got, before = (export.load_network(p).trainable_weights for p in (train(config, faces, tmp_path), start))
    for weight, expected in zip(got, before, strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-6)


def test_a_start_of_other_layers_is_refused(faces: FaceDataset, unbroken: Path, tmp_path: Path) -> None:
    config = replace(CONFIG, network=NetworkConfig((4, 6)), initial=unbroken / "model.keras")
    with pytest.raises(FerError, match=r"model\.keras has other layers than the recipe's"):
        train(config, faces, tmp_path)


def teacher(path: Path, size: int = 10, classes: int = 7) -> Path:
    keras.utils.set_random_seed(7)
    build_network(NetworkConfig((4,)), classes, size).save(path)
    return path


def test_teachers_are_listened_to(faces: FaceDataset, unbroken: Path, tmp_path: Path) -> None:
    path = teacher(tmp_path / "teacher.keras")
    deaf, listening = (replace(CONFIG, distillation=DistillationConfig((path,), share)) for share in (0.0, 0.9))
    expected = weights(unbroken / "model.keras")
    np.testing.assert_array_equal(weights(train(deaf, faces, tmp_path / "deaf")), expected)
    assert not np.array_equal(weights(train(listening, faces, tmp_path / "listening")), expected)


@pytest.mark.parametrize(
    ("config", "usage", "side", "sentence"),
    [
        (CONFIG, {}, 12, "drawn has 0 faces to learn from, but a batch needs 16"),
        (CONFIG, {"Training": 15, "PublicTest": 70}, 12, "drawn has 15 faces to learn from"),
        (
            replace(CONFIG, stages=(Stage(14, 2),)),
            {"Training": 140},
            12,
            "are 12 by 12 pixels, but must be .* at least 14",
        ),
    ],
    ids=["no faces", "less than a batch", "small faces"],
)
def test_data_that_do_not_fit(
    tmp_path: Path, config: TrainingConfig, usage: dict[str, int], side: int, sentence: str
) -> None:
    with pytest.raises(FerError, match=sentence):
        train(config, draw_faces(usage, side), tmp_path)


@pytest.mark.parametrize(
    ("size", "classes", "sentence"),
    [(14, 7, "takes faces of 14 pixels"), (10, 8, "tells 8 classes apart")],
    ids=["too large", "other classes"],
)
def test_teachers_that_do_not_fit(faces: FaceDataset, tmp_path: Path, size: int, classes: int, sentence: str) -> None:
    path = teacher(tmp_path / "teacher.keras", size, classes)
    with pytest.raises(FerError, match=sentence):
        train(replace(CONFIG, distillation=DistillationConfig((path,))), faces, tmp_path / "run")


def test_another_run_is_not_overwritten(faces: FaceDataset, tmp_path: Path) -> None:
    config = replace(CONFIG, stages=(Stage(10, 2),))
    train(config, faces, tmp_path)
    kept = (tmp_path / CHECKPOINT_FILE).read_bytes()
    with pytest.raises(FerError, match="holds a run of another recipe"):
        train(replace(config, seed=2), faces, tmp_path)
    with pytest.raises(FerError, match="holds a run of another recipe"):
        train(config, faces.take(np.arange(100)), tmp_path)
    assert (tmp_path / CHECKPOINT_FILE).read_bytes() == kept


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY"], ids=["empty", "broken archive", "broken array"])
def test_a_damaged_checkpoint_is_named(faces: FaceDataset, tmp_path: Path, content: bytes) -> None:
    (tmp_path / CHECKPOINT_FILE).write_bytes(content)
    with pytest.raises(FerError, match=r"checkpoint\.npz is damaged; delete it"):
        train(CONFIG, faces, tmp_path)


def test_run_writes_a_model_that_can_be_served(faces: FaceDataset, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        'name = "drawn"\nbatch_size = 16\nwarmup_epochs = 1\nstages = [{ size = 10, epochs = 2 }]\n'
        "[network]\nwidths = [4, 8]\n"
    )
    folder = run(recipe, faces, tmp_path / "out")
    assert folder == tmp_path / "out" / "drawn"
    model = EmotionModel(folder)
    assert (model.card.crop_size, model.card.input_size, model.card.maps_size) == (12, 10, 5)
    assert model.card.trained_on == ("drawn", "Training")
    assert model.card.training["rows"] == 140
    served = model.predict(faces.images[:3])
    kept = export.load_network(folder / export.KERAS_FILE)
    assert model.card.parameters == kept.count_params()
    shown = augmentation.centre(faces.images[:3], 10)
    np.testing.assert_allclose(served.logits, kept(shown, training=False), atol=1e-4)
