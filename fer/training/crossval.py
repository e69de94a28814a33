"""A recipe and a data set of few people -> what k networks say of the people that each has not learned from.

Every network is trained by the same recipe for the epochs that it states; the people of its own fold choose nothing.
What is measured from this stands in `fer.evaluation.crossval`. Knows nothing about reports or pages.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from fer.datasets import USAGES, FaceDataset, Progress
from fer.errors import DatasetError, FerError
from fer.evaluation.crossval import OutOfFold
from fer.evaluation.evaluate import scale_to
from fer.training import augmentation, export
from fer.training.config import TrainingConfig
from fer.training.train import EpochLog, train

OnFold = Callable[[int, EpochLog], None]
_PREDICTION_BATCH = 256


def folds_by_person(data: FaceDataset, folds: int, seed: int) -> np.ndarray:
    """Divide the rows into folds of whole people, with the classes as even as they go.

    Args:
        data: the rows; must say who is seen.
        folds: how many.
        seed: of the draw.

    Returns:
        int64 of shape (n,), from 0.

    Raises:
        DatasetError: it is unknown who is seen, or there are fewer people, or rows of a class, than folds.
    """
    if data.subjects is None:
        raise DatasetError(
            f"{data.name} does not say who is seen, so no folds can be kept apart by person; use a copy of it with the "
            "column subject, or take [cross_validation] out of the recipe."
        )
    people = len(np.unique(data.subjects))
    if people < folds:
        raise DatasetError(f"{data.name} shows {people} people, too few for {folds} folds; lower folds.")
    for label in np.unique(data.labels):
        rows = int((data.labels == label).sum())
        if rows < folds:
            raise DatasetError(
                f"{data.name} has {rows} rows of {data.classes[label]}, too few for {folds} folds; lower folds."
            )
    fold = np.empty(len(data), np.int64)
    divided = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for number, (_, part) in enumerate(divided.split(data.labels, data.labels, data.subjects)):
        fold[part] = number
    return fold


def cross_validate(
    config: TrainingConfig,
    data: FaceDataset,
    out_dir: Path,
    on_fold: OnFold | None = None,
    progress: Progress | None = None,
) -> OutOfFold:
    """Train a network without the people of each fold, and let it read them.

    A run that was killed goes on in the network where it stood. The logits are those of the averaged weights, as
    Keras computes them from the file that is kept; the ONNX file of a network would differ by rounding
    (`export.TOLERANCE` at most).

    Args:
        config: the recipe, with `cross_validation`.
        data: all rows, whatever their split; must say who is seen.
        out_dir: gets a folder for every fold.
        on_fold: called after every epoch with the number of the fold, counted from 1.
        progress: called with the share that is done, in [0, 1]; what it raises ends the run.

    Returns:
        What was said of every row.

    Raises:
        DatasetError: see `folds_by_person`.
        FerError: see `train`.
    """
    if config.cross_validation is None:
        raise FerError("The recipe has no cross_validation, which says how many folds there are.")
    folds = config.cross_validation.folds
    fold = folds_by_person(data, folds, config.seed)
    logits, flipped = (np.empty((len(data), len(data.classes)), np.float32) for _ in range(2))
    for number in range(folds):
        held_out = fold == number

        def report(share: float, number: int = number) -> None:
            if progress is not None:
                progress((number + share) / folds)

        split = replace(data, usage=np.where(held_out, USAGES[2], USAGES[0]))
        file = train(
            config,
            split,
            out_dir / f"fold-{number + 1}",
            None if on_fold is None else partial(on_fold, number + 1),
            report,
        )
        network = export.load_network(file)
        shown = augmentation.centre(scale_to(data.images[held_out], config.crop_size), config.input_size)
        straight, mirrored = (
            network.predict(view, batch_size=_PREDICTION_BATCH, verbose=0) for view in (shown, shown[:, :, ::-1])
        )
        logits[held_out], flipped[held_out] = straight, (straight + mirrored) / 2
        keras.utils.clear_session()
    return OutOfFold.of(data, data.classes, fold, logits, flipped)
