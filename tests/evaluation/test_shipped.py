"""The models of this checkout: their files, cards and reports agree, without any data set."""

from pathlib import Path

import numpy as np
import pytest

from fer import paths
from fer.datasets import DATASETS
from fer.emotions import EMOTIONS_WITH_CONTEMPT
from fer.evaluation import APEX, HELD_OUT, Evaluation, Report, load_curve, load_report
from fer.evaluation.report import FIT_SPLIT, TEST_SPLIT
from fer.recognition import EmotionModel, ModelCard, network_digest

FOLDERS = sorted(path.parent for path in (paths.ROOT / "models").glob("*/card.json"))
MAX_FILE_BYTES = 20_000_000

pytestmark = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def _evaluations(report: Report) -> list[Evaluation]:
    folds = report.cross_validation
    return [*report.evaluations, *(() if folds is None else (folds.apex, folds.whole))]


def test_every_file_is_there_and_small_enough(folder: Path) -> None:
    sizes = {file.name: file.stat().st_size for file in folder.iterdir()}
    assert sizes.keys() >= {"card.json", "model.onnx", "model.keras", "report.json"}
    assert max(sizes.values()) <= MAX_FILE_BYTES


def test_the_report_is_of_this_network(folder: Path) -> None:
    assert load_report(folder).network == network_digest(folder) == EmotionModel(folder).digest


def test_stamps_repeat_the_card(folder: Path) -> None:
    card = ModelCard.read(folder)
    for evaluation in _evaluations(load_report(folder)):
        stamp = evaluation.stamp
        assert (stamp.model, stamp.selected_by) == (folder.name, card.training["selected_by"])
        assert (stamp.seeds, stamp.training_device) == (card.training["seeds"], card.training["device"])
        assert stamp.data in DATASETS
        assert stamp.trained_on.startswith(card.trained_on[0])


def test_the_card_says_the_terms_of_all_that_was_learned_from(folder: Path) -> None:
    card = ModelCard.read(folder)
    assert card.licence == "MIT"
    for name in {rows.data for rows in card.learned}:
        assert f"{DATASETS[name].title}: {DATASETS[name].terms}." in card.data_terms


def test_figures_follow_from_their_confusion(folder: Path) -> None:
    for evaluation in _evaluations(load_report(folder)):
        for figures in (evaluation.figures["none"], evaluation.figures["flip"]):
            confusion = np.array(figures.confusion)
            support = confusion.sum(axis=1)
            recall = confusion.diagonal()[support > 0] / support[support > 0]
            assert figures.n == evaluation.stamp.n == confusion.sum()
            assert [its.support for its in figures.per_class.values()] == support.tolist()
            assert figures.accuracy == pytest.approx(confusion.trace() / figures.n, abs=1e-6)
            assert figures.macro_recall == pytest.approx(recall.mean(), abs=1e-6)
            assert figures.accuracy_95[0] <= figures.accuracy <= figures.accuracy_95[1]
            assert figures.macro_recall_95[0] <= figures.macro_recall <= figures.macro_recall_95[1]


def test_the_classes_are_the_cards(folder: Path) -> None:
    report, card = load_report(folder), ModelCard.read(folder)
    for evaluation in report.evaluations:
        assert tuple(evaluation.figures["none"].per_class) == card.classes
    if report.cross_validation is not None:
        assert report.cross_validation.out_of_fold.classes == card.classes
        assert "neutral" not in report.cross_validation.apex.figures["none"].per_class


def test_what_the_choice_of_the_default_model_needs_is_measured(folder: Path) -> None:
    report = load_report(folder)
    apex = report.find("ckplus", APEX)
    assert apex.is_ranked
    assert report.find("fer2013", TEST_SPLIT).is_ranked
    assert report.calibration.sets is not None


def test_nothing_that_was_learned_from_is_called_new(folder: Path) -> None:
    card, report = ModelCard.read(folder), load_report(folder)
    if "held_out_subjects" in card.training:
        folds = report.cross_validation.out_of_fold
        held_out = np.isin(folds.subject, card.training["held_out_subjects"])
        apex = held_out & (folds.label != EMOTIONS_WITH_CONTEMPT.index("neutral"))
        assert report.find("ckplus", HELD_OUT).stamp.n == held_out.sum()
        assert report.find("ckplus", APEX).stamp.n == apex.sum()
    for evaluation in report.evaluations:
        own = evaluation.stamp.data == card.trained_on[0]
        assert evaluation.is_ranked or own
        if own and evaluation.is_ranked:
            assert evaluation.stamp.split in {FIT_SPLIT, TEST_SPLIT, HELD_OUT, APEX}


def test_a_curve_that_came_along_can_be_read(folder: Path) -> None:
    rows = load_curve(folder)
    assert rows is None or [row["epoch"] for row in rows] == list(range(1, len(rows) + 1))
