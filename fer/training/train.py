"""A recipe and a data set -> a trained network, written so that a run that was killed goes on where it stood.

The Training split is learned from, PublicTest is watched, PrivateTest is never looked at (only `clean` compares its
pixels, to leave copies out). Nothing is selected: what is kept is the exponential average of the weights after the
last epoch. Knows nothing about pages or reports.
"""

import hashlib
import io
import json
import math
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import keras
import numpy as np

from fer.datasets import FaceDataset, Progress
from fer.datasets.balance import oversample, row_weights
from fer.datasets.ferplus import VOTES_FILE, distributions
from fer.errors import FerError, known
from fer.evaluation.evaluate import among_learned, scale_to
from fer.evaluation.votes import recall_of_majority
from fer.files import replace_file
from fer.training import augmentation, export
from fer.training.config import TrainingConfig
from fer.training.heads import (
    HEADS_FILE,
    BothHeadsLoss,
    both_targets,
    output_count,
    served_network,
    softmax_of_each,
)
from fer.training.networks import build_network
from fer.training.origin import Origin, origins
from fer.training.rows import TrainingRows, training_rows

CHECKPOINT_FILE = "checkpoint.npz"
LOG_FILE = "log.jsonl"
_PREDICTION_BATCH = 256
_STATISTICS_BATCHES = 32


@dataclass(frozen=True)
class EpochLog:
    """How one epoch went; a line of `log.jsonl`.

    Attributes:
        epoch, epochs: its number, counted from 1, of how many.
        size: side of the network's input in this epoch, pixels.
        loss: mean training loss over the epoch's augmented faces, with the L2 term.
        public_accuracy: of the averaged weights on PublicTest, not mirrored, in [0, 1]; of two layers that of the
            labels; None without that split.
        elapsed_s: what the epoch took, seconds.
        votes_recall: macro recall of the votes' layer on PublicTest, where more than half of the raters agree; None
            where there is no such layer.
    """

    epoch: int
    epochs: int
    size: int
    loss: float
    public_accuracy: float | None
    elapsed_s: float
    votes_recall: float | None = None


OnEpoch = Callable[[EpochLog], None]


def train(
    config: TrainingConfig,
    data: FaceDataset,
    out_dir: Path,
    on_epoch: OnEpoch | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train a network, or go on with a run that stopped in the same folder.

    A run that was killed loses at most one epoch and ends with the weights that an unbroken run gives.

    Args:
        config: the recipe.
        data: square faces with the splits Training and, if possible, PublicTest; of another size than the recipe's
            `crop_size` they are scaled.
        out_dir: holds the checkpoint, `log.jsonl` and, at the end, the network; made when missing.
        on_epoch: called after every epoch.
        progress: called after every step with the share of the run that is done, in [0, 1], as steps of that size
            cost; what it raises ends the run, which goes on from the last epoch when it is called again.

    Returns:
        The path of the `.keras` file: float32, without optimizer, with the averaged weights.

    Raises:
        FerError: the faces are too few or not square, a network that the recipe names does not fit, the folder holds
            another run, or the loss is no number any more.
    """
    rows = training_rows(data, config.clean)
    initial, teachers = origins(config)
    _check_data(config, data, rows, initial, teachers)
    out_dir.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(config.seed)
    labels = data.labels[rows.index]
    index = rows.index if config.balance != "oversample" else rows.index[oversample(labels, config.seed)]
    images, labels = scale_to(np.ascontiguousarray(data.images[index]), config.crop_size), data.labels[index]
    weights = row_weights(labels) if config.balance == "class_weights" else np.ones(len(index), np.float32)
    steps = len(index) // config.batch_size
    outputs = output_count(config.heads, len(data.classes))
    model = _compiled(config, len(data.classes), steps)
    if initial is not None:
        _start_from(model, initial)
    run = _Run(model, _fingerprint(config, initial, teachers, data, rows), out_dir)
    logs = run.resume()
    _write_log(out_dir, logs)

    votes = None if data.votes is None else distributions(data.votes[index])
    targets = _targets(config, teachers, images, labels, votes, len(data.classes))
    watched = data.select("PublicTest")
    watched_images = augmentation.centre(scale_to(watched.images, config.crop_size), config.input_size)
    averaged = build_network(config.network, outputs, precision=config.precision)
    first_mirrored = np.random.default_rng(config.seed).random(len(index)) < 0.5
    costs = np.cumsum([0.0] + [config.size_in(epoch) ** 2 for epoch in range(config.epochs)])

    compiled_for = None
    for epoch in range(len(logs), config.epochs):
        started = time.monotonic()
        rng = np.random.default_rng([config.seed, epoch])
        seed = int(rng.integers(2**31))
        if keras.backend.backend() != "tensorflow":  # it draws from variables of the network, and would compile anew
            keras.utils.set_random_seed(seed)
        size, order = config.size_in(epoch), rng.permutation(len(index))
        if size != compiled_for:
            model.make_train_function(force=True)  # TensorFlow would widen its trace to any size, and round otherwise
            compiled_for = size
        losses = []
        for step, batch in enumerate(order[: steps * config.batch_size].reshape(steps, config.batch_size)):
            mirrored = first_mirrored[batch] ^ bool(epoch % 2)
            shown = augmentation.augment(images[batch], mirrored, config.input_size, size, config.augmentation, rng)
            learned = shown, targets[batch], weights[batch]
            if config.augmentation.mixup:
                learned = augmentation.mix(*learned, config.augmentation.mixup, rng)
            losses.append(float(model.train_on_batch(*learned)))
            if not math.isfinite(losses[-1]):
                raise FerError(
                    f"The loss is no number any more in epoch {epoch + 1} of {config.epochs}; lower peak_rate, which "
                    f"is {config.peak_rate:g}, and train in another folder."
                )
            if progress is not None:
                progress(float(np.interp(epoch + (step + 1) / steps, np.arange(len(costs)), costs) / costs[-1]))
        accuracy = votes_recall = None
        if len(watched):
            run.average_into(averaged, _statistics_batches(config, images))
            logits = averaged.predict(watched_images, batch_size=_PREDICTION_BATCH, verbose=0)
            classes = len(data.classes)
            accuracy = float((logits[:, :classes].argmax(axis=1) == watched.labels).mean())
            if config.heads is not None:
                votes_recall = recall_of_majority(logits[:, classes:], distributions(known(watched.votes)))
        elapsed_s = round(time.monotonic() - started, 3)
        loss = float(np.mean(losses))
        logs.append(EpochLog(epoch + 1, config.epochs, size, loss, accuracy, elapsed_s, votes_recall))
        run.save(logs)
        _write_log(out_dir, logs)
        if on_epoch is not None:
            on_epoch(logs[-1])

    kept = build_network(config.network, outputs, config.input_size)
    run.average_into(averaged, _statistics_batches(config, images))
    kept.set_weights(averaged.get_weights())
    if config.heads is not None:
        kept.save(out_dir / HEADS_FILE)
        kept = served_network(kept, config.network, config.heads, data.classes, known(votes))
    path = out_dir / export.KERAS_FILE
    kept.save(path)
    return path


def _check_data(
    config: TrainingConfig,
    data: FaceDataset,
    rows: TrainingRows,
    initial: Origin | None,
    teachers: tuple[Origin, ...],
) -> None:
    if len(rows) < config.batch_size:
        raise FerError(
            f"{data.name} has {len(rows)} faces to learn from, but a batch needs {config.batch_size}; lower batch_size."
        )
    for origin in (initial, *teachers):
        if origin is not None and among_learned(origin.learned or (), data.take(data.usage != "Training")).any():
            raise FerError(
                f"The network {origin.name} has learned from test rows of {data.name}, so what learns from it could "
                "not be measured there; name another."
            )
    if config.heads is not None and data.votes is None:
        raise FerError(
            f"The recipe's heads learn from raters' votes, but {data.name} has none; put {VOTES_FILE} of FER+ beside "
            "its file, or take the table heads out."
        )
    height, width = data.images.shape[1:]
    if height != width:
        raise FerError(f"The faces of {data.name} are {width} by {height} pixels, but must be square; cut them out.")


def _compiled(config: TrainingConfig, classes: int, steps: int) -> keras.Model:
    """A network with fresh weights and its optimizer."""
    warmup = config.warmup_epochs * steps
    rate = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else config.peak_rate,
        config.epochs * steps - warmup,
        warmup_target=config.peak_rate if warmup else None,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.SGD(
        rate, momentum=config.momentum, nesterov=True, use_ema=True, ema_momentum=config.ema
    )
    outputs = output_count(config.heads, classes)
    model = build_network(config.network, outputs, l2=config.l2, precision=config.precision)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True) if config.heads is None else BothHeadsLoss(classes)
    model.compile(optimizer, loss, jit_compile=config.jit_compile)
    optimizer.build(model.trainable_variables)
    return model


def _start_from(model: keras.Model, initial: Origin) -> None:
    """Give a fresh network the weights of a trained one; outputs of classes that only one of them has stay fresh.

    A network of one layer gives it to the labels' layer of a network of two.
    """
    given, fresh = export.load_network(initial.file).get_weights(), model.get_weights()
    if [w.shape for w in given[:-2]] != [w.shape for w in fresh[:-2]] or len(given[-2]) != len(fresh[-2]):
        raise FerError(
            f"The network {initial.name} has other layers than the recipe's; change network.widths or initial."
        )
    shared = min(given[-1].size, fresh[-1].size)
    for name in (-2, -1):
        fresh[name][..., :shared] = given[name][..., :shared]
    model.set_weights([*given[:-2], *fresh[-2:]])


def _targets(
    config: TrainingConfig,
    teachers: tuple[Origin, ...],
    images: np.ndarray,
    labels: np.ndarray,
    votes: np.ndarray | None,
    classes: int,
) -> np.ndarray:
    """float32 (n, outputs): smoothed labels and votes, mixed with what the teachers say of the unchanged faces.

    A teacher's votes stand alone where the raters gave none.
    """
    smoothing, heads = config.label_smoothing, config.heads
    targets = np.eye(classes, dtype=np.float32)[labels] * (1 - smoothing) + np.float32(smoothing / classes)
    if config.distillation is not None:
        share = np.float32(config.distillation.share)
        outputs = output_count(heads, classes)
        taught = _taught(teachers, config.distillation.temperature, images, classes, outputs)
        targets = (1 - share) * targets + share * taught[:, :classes]
        if heads is not None and votes is not None:
            shares = np.where(votes.any(axis=1, keepdims=True), share, 1)
            votes = (1 - shares) * votes + shares * taught[:, classes:]
    return targets if heads is None else both_targets(heads, targets, known(votes))


def _taught(
    teachers: tuple[Origin, ...], temperature: float, images: np.ndarray, classes: int, outputs: int
) -> np.ndarray:
    """float32 (n, outputs): the teachers' softened probabilities for faces and mirrored faces, averaged.

    A teacher that knows the labels alone teaches the labels' layer alone.
    """
    total, views = np.zeros((len(images), outputs), np.float32), np.zeros(outputs, np.float32)
    for origin in teachers:
        teacher = export.load_network(origin.file)
        size, knows = teacher.input_shape[1], teacher.output_shape[-1]
        if size > images.shape[1] or knows not in (classes, outputs):
            raise FerError(
                f"The teacher {origin.name} takes faces of {size} pixels and has {knows} outputs, "
                f"but the data has {images.shape[1]} pixels and the recipe needs {outputs} outputs; name another."
            )
        shown = augmentation.centre(images, size)
        for view in (shown, shown[:, :, ::-1]):
            logits = teacher.predict(view, batch_size=_PREDICTION_BATCH, verbose=0)
            total[:, :knows] += softmax_of_each(logits, classes, temperature)
            views[:knows] += 1
    if not views.all():
        raise FerError(f"No teacher knows the raters' votes: {', '.join(origin.name for origin in teachers)}; add one.")
    return total / views


def _statistics_batches(config: TrainingConfig, images: np.ndarray) -> Iterator[np.ndarray]:
    """Augmented training faces as the finished network sees them, the same ones every time."""
    rng = np.random.default_rng(config.seed)
    for _ in range(_STATISTICS_BATCHES):
        batch = rng.choice(images, config.batch_size)
        mirrored = rng.random(config.batch_size) < 0.5
        size = config.input_size
        yield augmentation.augment(batch, mirrored, size, size, config.augmentation, rng)


def _fingerprint(
    config: TrainingConfig, initial: Origin | None, teachers: tuple[Origin, ...], data: FaceDataset, rows: TrainingRows
) -> str:
    """What a checkpoint belongs to: recipe, data, backend and what is in the networks that the recipe names."""
    learning = config.distillation and (config.distillation.share, config.distillation.temperature)
    networks = (initial and initial.digest, [teacher.digest for teacher in teachers], learning)
    heads = config.heads and (config.heads.labels, config.heads.votes)  # what is served may be chosen afterwards
    recipe = replace(config, initial=None, distillation=None, heads=None)
    digest = hashlib.sha256(repr((recipe, heads, networks, data.digest, keras.backend.backend())).encode())
    digest.update(rows.index.tobytes())
    if config.heads is not None:
        digest.update(known(data.votes).tobytes())
    return digest.hexdigest()


def _write_log(out_dir: Path, logs: list[EpochLog]) -> None:
    replace_file(out_dir / LOG_FILE, "".join(json.dumps(asdict(log)) + "\n" for log in logs).encode())


class _Run:
    """The state of a run: weights, optimizer, averages and finished epochs, kept in one file."""

    def __init__(self, model: keras.Model, fingerprint: str, out_dir: Path) -> None:
        self._model = model
        self._fingerprint = fingerprint
        self._path = out_dir / CHECKPOINT_FILE

    def _variables(self) -> list[keras.Variable]:
        return [*self._model.variables, *self._model.optimizer.variables]

    def average_into(self, network: keras.Model, batches: Iterable[np.ndarray]) -> None:
        """Give a network of the same layers the averaged weights, and batch statistics that fit them.

        The statistics that were gathered while training belong to other weights, so they are taken again
        (Izmailov et al., 2018, arXiv:1803.05407, section 3.2): each becomes its mean over the batches.
        """
        self._model.optimizer.finalize_variable_values(network.trainable_variables)
        layers = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
        for seen, batch in enumerate(batches):
            for layer in layers:
                layer.momentum = seen / (seen + 1)
            network(batch, training=True)

    def save(self, logs: list[EpochLog]) -> None:
        """Write the checkpoint of the finished epochs."""
        arrays = {f"v{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(self._variables())}
        facts = json.dumps({"fingerprint": self._fingerprint, "logs": [asdict(log) for log in logs]})
        buffer = io.BytesIO()
        np.savez(buffer, facts=np.array(facts), **arrays)
        replace_file(self._path, buffer.getvalue())

    def resume(self) -> list[EpochLog]:
        """Take over the checkpoint's state, if there is one, and return the finished epochs."""
        if not self._path.exists():
            return []
        try:
            with self._path.open("rb") as opened, np.load(opened) as file:
                facts = json.loads(str(file["facts"]))
                arrays = [file[f"v{i}"] for i in range(len(file.files) - 1)]
            fingerprint, logs = facts["fingerprint"], [EpochLog(**log) for log in facts["logs"]]
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise FerError(f"The checkpoint {self._path} is damaged; delete it to start again.") from error
        if fingerprint != self._fingerprint:
            raise FerError(
                f"The folder {self._path.parent} holds a run of another recipe, data set or Keras backend; "
                "name another folder."
            )
        for variable, array in zip(self._variables(), arrays, strict=True):
            variable.assign(array)
        return logs
