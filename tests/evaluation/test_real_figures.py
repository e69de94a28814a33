"""The shipped models on the real data: what their reports say is what the served networks do."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer import paths
from fer.datasets import FaceDataset
from fer.datasets.dataset import VOTED, digest_of
from fer.datasets.ferplus import VOTE_CLASSES, VOTE_NAMES, by_majority
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT
from fer.evaluation import Evaluation, Readings, compare, evaluate_readings, load_report, read_split
from fer.evaluation.evaluate import select_rows
from fer.evaluation.report import FIT_SPLIT, fit_votes
from fer.evaluation.stamp import AVERAGINGS
from fer.pipeline import DEFAULT_MODEL
from fer.recognition import EmotionModel, ModelCard

pytestmark = pytest.mark.data

SHIPPED = sorted(path.parent for path in (paths.ROOT / "models").glob("*/card.json"))
SMALL = paths.ROOT / "models" / "fer2013-small"
"""The only one that is shown the rows for choosing, too; the others would take minutes."""


def _ways(model: EmotionModel, split: str) -> tuple[str, ...]:
    """The averagings of which a model's stored figures are checked.

    The default reads every face mirrored as well, and the small one those that its calibration was fitted to. What else
    models say of mirrored faces went into their reports by the same call as what they say of straight ones, and is not
    read again.
    """
    is_mirrored = model.card.name == DEFAULT_MODEL or split == FIT_SPLIT
    return AVERAGINGS if is_mirrored else ("none",)


TESTS = [
    pytest.param(folder, found, id=f"{folder.name} on {found.stamp.data} {found.stamp.split}")
    for folder in SHIPPED
    for found in load_report(folder).evaluations
    if found.stamp.split != FIT_SPLIT
]


def _stored(path: Path, name: str, classes: tuple[str, ...]) -> FaceDataset:
    """A data set as it is stored, without the way through a CSV file."""
    import pandas as pd

    table = pd.read_parquet(path)
    images = np.stack([cv2.imdecode(np.frombuffer(i, np.uint8), cv2.IMREAD_GRAYSCALE) for i in table["image"]])
    labels, usage = table["emotion"].to_numpy(np.uint8), table["Usage"].to_numpy(np.str_)
    return FaceDataset(
        name=name,
        images=images,
        labels=labels,
        usage=usage,
        classes=classes,
        digest=digest_of(images, labels, usage),
        source=path,
        rows=np.arange(1, len(labels) + 1),
        subjects=table["subject"].to_numpy(np.str_) if "subject" in table else None,
        votes=np.column_stack([table[f"ferplus_{VOTE_NAMES[VOTE_CLASSES.index(name)]}"] for name in VOTED]).astype(
            np.uint8
        )
        if "ferplus_NF" in table
        else None,
    )


@pytest.fixture(scope="module")
def data_sets(shared_dir: Path) -> dict[str, FaceDataset]:
    folder = shared_dir / "data"
    fer2013 = _stored(folder / "fer2013.parquet", "fer2013", EMOTIONS)
    return {
        "fer2013": fer2013,
        "ferplus": by_majority(fer2013),
        "ckplus": _stored(folder / "ckplus.parquet", "ckplus", EMOTIONS_WITH_CONTEMPT),
    }


@pytest.fixture(scope="module")
def said() -> dict[str, np.ndarray]:
    """The logits by model and pictures, of shape (views, pictures, classes), straight first; NaN: not yet shown."""
    return {}


def _show(
    model: EmotionModel, faces: FaceDataset, views: int, all_faces: FaceDataset, said: dict[str, np.ndarray]
) -> np.ndarray:
    """The logits of some faces, of which every picture is shown once, whatever it is labelled as."""
    pictures = f"{model.card.name} on {all_faces.name}, {views}"
    missing = np.full((views, len(all_faces), len(model.card.classes)), np.nan, np.float32)
    logits, places = said.setdefault(pictures, missing), faces.rows - 1
    new = np.isnan(logits[0, places, 0])
    images = faces.images[new]
    logits[:, places[new]] = [model.predict(view).logits for view in (images, images[:, :, ::-1])[:views]]
    return logits[:, places]


def _readings(
    model: EmotionModel, dataset: FaceDataset, split: str, all_faces: FaceDataset, said: dict[str, np.ndarray]
) -> Readings:
    """What `read_split` gives, for less than half of its time: nothing is shown to the network twice."""
    some, left_out = select_rows(model.card, dataset, split)
    known = some.labels < len(model.card.classes)
    faces = some.take(known)
    assert model.card.crop_size == faces.images.shape[1]
    assert (model.card.crop_size - model.card.input_size) % 2 == 0, "else a mirrored crop has another centre"
    ways = _ways(model, split)
    shown = _show(model, faces, len(ways), all_faces, said)
    logits = {"none": shown[0], "flip": shown.mean(axis=0)}
    expected = read_split(model, faces.take(np.arange(32)), "all").logits
    for way in ways:
        np.testing.assert_allclose(logits[way][:32], expected[way], atol=1e-3)
    if not known.all():
        left_out |= {"contempt": int((~known).sum())}
    return Readings(faces, split, logits, left_out)


@pytest.mark.parametrize(("folder", "stored"), TESTS)
def test_stored_figures_are_those_of_the_served_network(
    folder: Path, stored: Evaluation, data_sets: dict[str, FaceDataset], said: dict[str, np.ndarray]
) -> None:
    model, dataset = EmotionModel(folder, threads=1), data_sets[stored.stamp.data]
    all_faces = data_sets["ckplus" if dataset.name == "ckplus" else "fer2013"]
    _check(model, dataset, _readings(model, dataset, stored.stamp.split, all_faces, said), stored)


def _check(model: EmotionModel, dataset: FaceDataset, readings: Readings, stored: Evaluation) -> None:
    measured = evaluate_readings(model.card, dataset, readings, model.calibration)
    checked = {way: measured.figures[way] for way in _ways(model, readings.split)}
    comparison = compare(replace(measured, figures={**stored.figures, **checked}), stored)
    assert comparison.same_data
    assert [difference for difference in comparison.differences if not difference.agrees] == []
    for fact in ("n", "rows_left_out", "trained_on", "seen_in_training", "copies_in_training", "selected_by"):
        assert getattr(measured.stamp, fact) == getattr(stored.stamp, fact), fact


def test_the_small_model_stays_near_its_teacher() -> None:
    small, teacher = (
        load_report(paths.ROOT / "models" / name).find("ferplus", "PrivateTest").figures["none"]
        for name in ("fer2013-small", DEFAULT_MODEL)
    )
    assert small.accuracy >= teacher.accuracy - 0.02
    assert small.macro_recall >= teacher.macro_recall - 0.02


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_prediction_sets_hold_what_they_were_fitted_for(folder: Path) -> None:
    """Fitted on PublicTest alone: on PrivateTest 80 % of what they were fitted to is inside, be it labels or votes."""
    card = ModelCard.read(folder)
    if card.trained_on != ("fer2013", "Training"):
        pytest.skip(f"the sets of {card.name} were not fitted on FER2013")
    evaluation, calibration = load_report(folder).find("fer2013", "PrivateTest"), EmotionModel(folder).calibration
    for figures in evaluation.figures.values():
        assert figures.sets.asked == 0.8
        held = figures.sets.coverage if calibration.target == "labels" else figures.votes.set_agreement
        assert held == pytest.approx(0.8, abs=0.02)
        assert figures.sets.single_share >= 0.4, "sets that named everything would hold what was asked, too"


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_as_many_of_ten_people_as_the_page_says(folder: Path) -> None:
    """On the test part, no bin of 100 faces or more is off by over 7 points."""
    if EmotionModel(folder).calibration.target != "votes":
        pytest.skip(f"the probabilities of {folder.name} were not fitted to votes")
    evaluation = load_report(folder).find("fer2013", "PrivateTest")
    for figures in evaluation.figures.values():
        bins = [row for row in figures.votes.said_of_ten if row.faces >= 100]
        assert len(bins) >= 5
        assert [row for row in bins if abs(row.predicted - row.voted) > 0.07] == []


def test_what_was_fitted_comes_out_again(data_sets: dict[str, FaceDataset], said: dict[str, np.ndarray]) -> None:
    model, dataset, report = EmotionModel(SMALL, threads=1), data_sets["fer2013"], load_report(SMALL)
    readings = _readings(model, dataset, FIT_SPLIT, dataset, said)
    _check(model, dataset, readings, report.find("fer2013", FIT_SPLIT))
    fitted, stored = fit_votes(model.card, dataset, readings), report.calibration
    assert fitted.temperature == pytest.approx(stored.temperature, abs=1e-3)
    assert fitted.sets.threshold == pytest.approx(stored.sets.threshold, abs=1e-3)
    assert fitted.fitted_on | {"date": None} == {**stored.fitted_on, "date": None}
