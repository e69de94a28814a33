"""A run learns, goes on after a kill as if nothing had happened, and looks at no test face."""

import json
import multiprocessing
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from fer import paths
from fer.datasets import FaceDataset
from fer.errors import FerError
from fer.training import augmentation, export
from fer.training.config import AugmentationConfig, DistillationConfig, NetworkConfig, Stage, TrainingConfig
from fer.training.networks import build_network
from fer.training.train import CHECKPOINT_FILE, LOG_FILE, EpochLog, train
from tests.training.conftest import draw_faces

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras")

CONFIG = TrainingConfig(
    name="drawn",
    stages=(Stage(8, 1), Stage(10, 2)),
    network=NetworkConfig((8,)),
    augmentation=AugmentationConfig(rotation_degrees=5, scale=(0.95, 1.05), shift_pixels=0.5, erase_probability=0.1),
    batch_size=16,
    warmup_epochs=1,
    ema=0.9,
    crop_size=12,
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


def changed(faces: FaceDataset) -> FaceDataset:
    """The same faces, but black and labelled 0 in both test splits; the digest stays that of the original."""
    images, labels, rows = faces.images.copy(), faces.labels.copy(), faces.usage != "Training"
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
    [(STEPS - 1, 3), (STEPS, 3), (STEPS + BATCHES + 1, 2)],
    ids=["first epoch", "while averaging", "second epoch"],
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


def _die_after_an_epoch(folder: Path) -> None:
    def die(log: EpochLog) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    faces = draw_faces({"Training": 140, "PublicTest": 70, "PrivateTest": 70})
    pytest.MonkeyPatch().setattr("fer.training.train._STATISTICS_BATCHES", BATCHES)
    train(CONFIG, faces, folder, die)


def test_a_process_that_is_killed_is_taken_up_by_the_next(faces: FaceDataset, unbroken: Path, tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_die_after_an_epoch, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    epochs: list[EpochLog] = []
    np.testing.assert_array_equal(
        weights(train(CONFIG, faces, tmp_path, epochs.append)), weights(unbroken / "model.keras")
    )
    assert [log.epoch for log in epochs] == [2, 3]


def test_a_finished_run_is_not_repeated(faces: FaceDataset, unbroken: Path) -> None:
    before = weights(unbroken / "model.keras")
    epochs: list[EpochLog] = []
    np.testing.assert_array_equal(weights(train(CONFIG, faces, unbroken, epochs.append)), before)
    assert epochs == []


def logged(folder: Path) -> list[EpochLog]:
    return [EpochLog(**json.loads(line)) for line in (folder / LOG_FILE).read_text().splitlines()]


def test_the_log_tells_every_epoch(unbroken: Path) -> None:
    logs = logged(unbroken)
    assert [(log.epoch, log.epochs, log.size) for log in logs] == [(1, 3, 8), (2, 3, 10), (3, 3, 10)]
    assert logs[-1].loss < logs[0].loss


def first_loss(config: TrainingConfig, faces: FaceDataset, folder: Path) -> float:
    """The loss of a run's first epoch, with which it ends."""
    logs: list[EpochLog] = []

    def end(log: EpochLog) -> None:
        logs.append(log)
        raise Killed

    with pytest.raises(Killed):
        train(config, faces, folder, end)
    return logs[0].loss


def test_only_faces_for_training_change_what_is_learned(faces: FaceDataset, unbroken: Path, tmp_path: Path) -> None:
    expected = weights(unbroken / "model.keras")
    np.testing.assert_array_equal(weights(train(CONFIG, changed(faces), tmp_path / "tests")), expected)
    relabelled = replace(faces, labels=(faces.labels + 1) % 7)
    assert first_loss(CONFIG, relabelled, tmp_path / "training") != logged(unbroken)[0].loss


def test_it_learns(faces: FaceDataset, tmp_path: Path) -> None:
    still = AugmentationConfig(rotation_degrees=0, scale=(1, 1), shift_pixels=0, erase_probability=0)
    config = replace(CONFIG, stages=(Stage(10, 15),), network=NetworkConfig((4, 8)), augmentation=still)
    epochs: list[EpochLog] = []
    path = train(config, faces, tmp_path, epochs.append)
    private = faces.select("PrivateTest")
    logits = export.load_network(path)(augmentation.centre(private.images, 10), training=False)
    assert (keras.ops.convert_to_numpy(logits).argmax(axis=1) == private.labels).mean() > 0.9
    assert epochs[-1].public_accuracy is not None
    assert epochs[-1].public_accuracy > 0.9


def test_balancing_lets_rare_classes_be_learned(faces: FaceDataset, tmp_path: Path) -> None:
    rows = np.flatnonzero((faces.labels < 2) & (faces.usage == "Training"))
    rare = np.flatnonzero(faces.labels[rows] == 1)[3:]
    uneven = faces.take(np.delete(rows, rare))
    shown = augmentation.centre(faces.select("PublicTest").images, 10)
    config = replace(CONFIG, stages=(Stage(10, 2),), batch_size=4)

    def lean_to_the_rare_one(how: str) -> float:
        path = train(replace(config, balance=how), uneven, tmp_path / how)
        common, rare = export.load_network(path).predict(shown, verbose=0)[:, :2].mean(axis=0)
        return rare - common

    plain = lean_to_the_rare_one("none")
    for how in ("class_weights", "oversample"):
        assert lean_to_the_rare_one(how) > plain, how


def test_faces_of_other_sizes_are_scaled(faces: FaceDataset, tmp_path: Path) -> None:
    large = replace(faces, images=faces.images.repeat(3, axis=1).repeat(3, axis=2))
    config = replace(CONFIG, stages=(Stage(10, 1),), warmup_epochs=0)
    expected, got = (weights(train(config, data, tmp_path / name)) for name, data in (("a", faces), ("b", large)))
    np.testing.assert_array_equal(got, expected)


def test_faces_that_are_no_squares_are_refused(faces: FaceDataset, tmp_path: Path) -> None:
    with pytest.raises(FerError, match="are 10 by 12 pixels, but must be square"):
        train(CONFIG, replace(faces, images=faces.images[:, :, :10]), tmp_path)


def test_the_share_done_grows_to_one_and_goes_on_where_it_stopped(faces: FaceDataset, tmp_path: Path) -> None:
    shares: list[float] = []

    def stop(share: float) -> None:
        shares.append(share)
        if len(shares) == 2 * STEPS + 1:
            raise Killed

    with pytest.raises(Killed):
        train(CONFIG, faces, tmp_path, progress=stop)
    before = shares[:-1]
    shares.clear()
    train(CONFIG, faces, tmp_path, progress=shares.append)
    total = before + shares
    assert len(total) == CONFIG.epochs * STEPS
    assert total == sorted(total)
    assert total[STEPS - 1] == pytest.approx(8**2 / (8**2 + 2 * 10**2))
    assert total[-1] == pytest.approx(1)


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_last_epoch(
    faces: FaceDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([1.0] * STEPS + [float("nan")])
    monkeypatch.setattr(keras.Model, "train_on_batch", lambda *_: next(losses))
    with pytest.raises(FerError, match=r"no number any more in epoch 2 of 3; lower peak_rate, which is 0\.05"):
        train(CONFIG, faces, tmp_path)
    assert len((tmp_path / LOG_FILE).read_text().splitlines()) == 1


def test_a_full_disk_leaves_the_checkpoint_before(
    faces: FaceDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    def fill_disk(log: EpochLog) -> None:
        monkeypatch.setattr("fer.files.os.fsync", refuse)

    with pytest.raises(OSError, match="No space left"):
        train(CONFIG, faces, tmp_path, fill_disk)
    monkeypatch.undo()
    monkeypatch.setattr("fer.training.train._STATISTICS_BATCHES", BATCHES)
    epochs: list[EpochLog] = []
    train(CONFIG, faces, tmp_path, epochs.append)
    assert [log.epoch for log in epochs] == [2, 3]


def test_seeds_differ(faces: FaceDataset, unbroken: Path, tmp_path: Path) -> None:
    assert first_loss(replace(CONFIG, seed=2), faces, tmp_path) != logged(unbroken)[0].loss


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


@pytest.mark.parametrize(("classes", "shared"), [(8, 7), (6, 6)], ids=["more", "fewer"])
def test_a_start_keeps_the_outputs_that_both_have(
    faces: FaceDataset, tmp_path: Path, classes: int, shared: int
) -> None:
    start = teacher(tmp_path / "first.keras", classes=classes, widths=(8,))
    config = replace(CONFIG, stages=(Stage(10, 1),), warmup_epochs=0, peak_rate=1e-9, initial=start)
    got, before = (export.load_network(p).trainable_weights for p in (train(config, faces, tmp_path), start))
    for weight, expected in zip(got[:-2], before[:-2], strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-6)
    for weight, expected in zip(got[-2:], before[-2:], strict=True):
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(weight)[..., :shared],
            keras.ops.convert_to_numpy(expected)[..., :shared],
            atol=1e-6,
        )


def test_a_run_belongs_to_the_content_of_its_start(faces: FaceDataset, unbroken: Path, tmp_path: Path) -> None:
    starts = [tmp_path / name / "model.keras" for name in ("first", "moved")]
    for start in starts:
        start.parent.mkdir()
        start.write_bytes((unbroken / "model.keras").read_bytes())
    here, moved = (replace(CONFIG, stages=(Stage(10, 2),), initial=start) for start in starts)
    expected = weights(train(here, faces, tmp_path / "run"))
    starts[0].unlink()
    np.testing.assert_array_equal(weights(train(moved, faces, tmp_path / "run")), expected)
    teacher(starts[1], widths=(8,))
    with pytest.raises(FerError, match="holds a run of another recipe"):
        train(moved, faces, tmp_path / "run")


def test_a_start_of_other_layers_is_refused(faces: FaceDataset, unbroken: Path, tmp_path: Path) -> None:
    config = replace(CONFIG, network=NetworkConfig((6,)), initial=unbroken / "model.keras")
    with pytest.raises(FerError, match=f"The network {unbroken.name} has other layers than the recipe's"):
        train(config, faces, tmp_path)


def teacher(path: Path, size: int = 10, classes: int = 7, widths: tuple[int, ...] = (4,)) -> Path:
    keras.utils.set_random_seed(7)
    build_network(NetworkConfig(widths), classes, size).save(path)
    return path


def test_teachers_are_listened_to(faces: FaceDataset, unbroken: Path, tmp_path: Path) -> None:
    path = teacher(tmp_path / "teacher.keras")
    deaf, listening = (replace(CONFIG, distillation=DistillationConfig((path,), share)) for share in (0.0, 0.9))
    alone = logged(unbroken)[0].loss
    assert first_loss(deaf, faces, tmp_path / "deaf") == alone
    assert first_loss(listening, faces, tmp_path / "listening") != alone


@pytest.mark.parametrize(
    ("config", "usage", "side", "sentence"),
    [
        (CONFIG, {}, 12, "drawn has 0 faces to learn from, but a batch needs 16"),
        (CONFIG, {"Training": 15, "PublicTest": 70}, 12, "drawn has 15 faces to learn from"),
    ],
    ids=["no faces", "less than a batch"],
)
def test_data_that_do_not_fit(
    tmp_path: Path, config: TrainingConfig, usage: dict[str, int], side: int, sentence: str
) -> None:
    with pytest.raises(FerError, match=sentence):
        train(config, draw_faces(usage, side), tmp_path)


@pytest.mark.parametrize(
    ("size", "classes", "sentence"),
    [(14, 7, "takes faces of 14 pixels"), (10, 8, "has 8 outputs")],
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


@pytest.mark.parametrize("role", ["initial", "teacher"])
def test_nothing_is_learned_from_a_network_that_saw_the_test_rows(
    role: str, faces: FaceDataset, tmp_path: Path
) -> None:
    folder = tmp_path / "cheat"
    folder.mkdir()
    build_network(CONFIG.network, 7, 10).save(folder / "model.keras")
    training = {"data": "elsewhere", "split": "all", "pixels": faces.pixels}
    facts = json.loads((paths.find_models()["fer2013-small"] / paths.CARD_FILE).read_text())
    (folder / paths.CARD_FILE).write_text(json.dumps(facts | {"name": "cheat", "training": training}))
    cheat = folder / "model.keras"
    changes = {"initial": cheat} if role == "initial" else {"distillation": DistillationConfig((cheat,))}
    with pytest.raises(FerError, match="cheat has learned from test rows of drawn"):
        train(replace(CONFIG, **changes), faces, tmp_path / "out")
