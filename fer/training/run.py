"""A recipe and a data set -> a model's folder that the app can use: trained, exported, described, measured, installed.

Knows nothing about pages or the command line.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from fer import paths
from fer.datasets import DATASETS, FaceDataset, Progress
from fer.datasets.split import draw_missing_splits
from fer.errors import FerError, ModelError
from fer.evaluation.curve import CURVE_FILE
from fer.evaluation.report import build_report, save_report, store_cross_validation
from fer.files import replace_file
from fer.recognition import EmotionModel
from fer.training import export
from fer.training.card import write_card
from fer.training.config import TrainingConfig
from fer.training.crossval import cross_validate
from fer.training.heads import HEADS_FILE
from fer.training.rows import training_rows
from fer.training.train import LOG_FILE, EpochLog, train

LEAST_LEARNED = 5
"""Training pictures that a class needs; of `fer.datasets.split.LEAST`, so many are left when splits are drawn."""

OnEpoch = Callable[[str, EpochLog], None]
"""Is told which network is trained, as "fold 3" or the model's name, and how an epoch of it went."""


def run(
    config: TrainingConfig,
    data: FaceDataset,
    out_dir: Path,
    on_epoch: OnEpoch | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train what a recipe asks for and write the model's files, or go on with a run that stopped in the same folder.

    Splits that the data set lacks are drawn from its Training rows. A data set that has no name in `DATASETS` is
    measured at the end, on the rows that nothing was learned from; the PrivateTest rows of the named ones are left to
    whoever has frozen a recipe (`python -m fer evaluate`).

    Args:
        config: the recipe.
        data: the whole data set.
        out_dir: for the run's checkpoint and log; the model goes to its sub-folder named as the recipe says.
        on_epoch: called after every epoch.
        progress: called with the share of the training that is done, in [0, 1]; what it raises ends the run.

    Returns:
        The model's folder: network, card, log and, where something was measured, report.

    Raises:
        FerError: the data is too little or of the wrong kind, the recipe does not fit it, or see `train`.
    """
    given, data = data, draw_missing_splits(data, config.seed)
    _check_classes(data)
    tell, folds = on_epoch or (lambda name, log: None), 0
    if config.cross_validation is not None:
        folds = config.cross_validation.folds

    def part(first: int, networks: int) -> Progress | None:
        return None if progress is None else lambda share: progress((first + share * networks) / (folds + 1))

    out_of_fold = None
    if folds:
        out_of_fold = cross_validate(
            config, data, out_dir, lambda fold, log: tell(f"fold {fold} of {folds}", log), part(0, folds)
        )
    file = train(config, data, out_dir, lambda log: tell(config.name, log), part(folds, 1))
    folder = out_dir / config.name
    export.write_model_of(file, folder)
    if config.heads is not None:
        replace_file(folder / HEADS_FILE, (out_dir / HEADS_FILE).read_bytes())
    splits_seed = None if data is given else config.seed
    write_card(folder, config, data, training_rows(data, config.clean), splits_seed)
    replace_file(folder / CURVE_FILE, (out_dir / LOG_FILE).read_bytes())
    if data.name not in DATASETS:
        save_report(folder, build_report(EmotionModel(folder, calibrated=False), data))
    if out_of_fold is not None:
        store_cross_validation(folder, out_of_fold)
    return folder


def install(folder: Path, models_dir: Path) -> Path:
    """Copy a model to where the app looks for models; its card goes last, so that it never shows half of one.

    Args:
        folder: the model's.
        models_dir: the folder of models; made when missing.

    Returns:
        The folder of the copy.

    Raises:
        ModelError: a model of this name is there already.
        OSError: the copy cannot be written.
    """
    target = models_dir / folder.name
    if (target / paths.CARD_FILE).exists():
        raise ModelError(f"The folder {target} holds a model already; move it away, or change name in the recipe.")
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted(folder.iterdir(), key=lambda file: file.name == paths.CARD_FILE):
        replace_file(target / file.name, file.read_bytes())
    return target


def _check_classes(data: FaceDataset) -> None:
    """Refuse a class that there is too little of to learn; one that has no rows at all is left to the card."""
    learned = np.bincount(data.labels[data.usage == "Training"], minlength=len(data.classes))
    for label in np.unique(data.labels):
        if learned[label] < LEAST_LEARNED:
            raise FerError(
                f"{data.name} has {learned[label]} Training pictures of {data.classes[label]}, but at least "
                f"{LEAST_LEARNED} are needed to learn a class; add some, or take that class out."
            )
