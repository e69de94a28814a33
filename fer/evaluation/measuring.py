"""A model and its data sets, measured from end to end: on one split, or everything that its report holds.

Puts the parts of `fer.evaluation` in their order. Knows nothing of terminals or pages: whoever asks brings the bars
that show how far it is.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from fer import paths
from fer.crops import Framing
from fer.datasets import FaceDataset
from fer.datasets.registry import Progress
from fer.datasets.split import draw_missing_splits
from fer.detection import available_detectors, load_detector
from fer.errors import FerError, ModelError
from fer.evaluation.evaluate import Evaluation, evaluate_model
from fer.evaluation.framing import measure_framing
from fer.evaluation.report import build_report, load_cross_validation, load_report, save_report
from fer.recognition import REPORT_FILE, EmotionModel, write_framings

ShowBar = Callable[[str], AbstractContextManager[Progress]]
"""Opens a bar under a title; what it gives is called with the share that is done, in [0, 1]."""


def restore_splits(model: EmotionModel, dataset: FaceDataset) -> FaceDataset:
    """Draw again the splits that training drew, where these are the pictures that it drew them from."""
    seed = model.card.training.get("splits_seed")
    if seed is None or model.card.trained_on[0] != dataset.name:
        return dataset
    drawn = draw_missing_splits(dataset, seed)
    return drawn if drawn.digest == model.card.training["digest"] else dataset


def evaluate_on(
    model: EmotionModel, datasets: Sequence[FaceDataset], split: str, show_bar: ShowBar
) -> list[Evaluation]:
    """Measure a model on the same split of several data sets; errors as `evaluate_model`."""
    evaluations = []
    for dataset in datasets:
        with show_bar(f"Evaluating on {dataset.name}") as report_share:
            evaluations.append(evaluate_model(model, dataset, split, report_share))
    return evaluations


def write_report(model: EmotionModel, datasets: Sequence[FaceDataset], show_bar: ShowBar) -> Path:
    """Derive the crop framing, fit the temperature, measure everything and store it with the model.

    Without FER2013 the card's framing stays, and nothing is said about it. What others measured of the same network,
    its heads and what faults cost, stays in the report.

    Args:
        model: the model, opened without its calibration.
        datasets: what to measure it on; one of them is what it was trained on.
        show_bar: shows how far it is.

    Returns:
        The report's file.

    Raises:
        FerError: what the model was trained on is not among the data sets, or FER2013's pictures show no faces.
    """
    name, (home, _) = model.card.name, model.card.trained_on
    known = {dataset.name: dataset for dataset in datasets}
    if home not in known:
        raise FerError(f"A report needs {home}, which {name} was trained on; name it with --data {home}=PATH.")
    folder = paths.find_models()[name]
    framings: dict[str, Framing] = {}
    measured: dict[str, Any] = {}
    if "fer2013" in known:
        detectors = [load_detector(detector) for detector in available_detectors()]
        with show_bar("Framing faces") as report_share:
            try:
                framings, measured = measure_framing(
                    model, detectors, known["fer2013"], known.get("ckplus"), report_share
                )
            except ValueError as error:
                raise FerError(f"{error} Check the pictures of FER2013.") from error
    others = [dataset for dataset in datasets if dataset.name != home]
    with show_bar("Measuring") as report_share:
        report = build_report(model, known[home], others, measured, report_share, load_cross_validation(folder))
    with suppress(ModelError):  # of another network, or damaged: then nothing of it stays
        before = load_report(folder)
        report = replace(report, heads=before.heads, faults=before.faults)
    write_framings(folder, framings)
    save_report(folder, report)
    return folder / REPORT_FILE
