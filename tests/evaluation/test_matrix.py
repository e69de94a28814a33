"""Models against data sets: which figures are set side by side, and which are marked."""

from dataclasses import replace

import numpy as np
import pytest

from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT
from fer.evaluation import Evaluation, OutOfFold, Report, cross_data_matrix, cross_validation, evaluate_model
from fer.evaluation.text import render_cell

ROWS = ((0, 0, "PrivateTest"), (0, 3, "PrivateTest"), (3, 3, "PrivateTest"), (7, 7, "PrivateTest"))


@pytest.fixture
def measured(draw, fake_model):
    def make(data: str, split: str, classes: tuple[str, ...] = EMOTIONS, seen: bool = False) -> Evaluation:
        evaluation = evaluate_model(fake_model(classes), draw(*ROWS), "PrivateTest")
        return replace(
            evaluation, stamp=replace(evaluation.stamp, data=data, split=split, seen_in_training=seen, trained_on="x y")
        )

    return make


def test_no_models_have_no_cells() -> None:
    assert cross_data_matrix({}) == ()
    assert cross_data_matrix({"new": Report()}) == ()


def test_rows_for_choosing_and_training_rows_are_no_tests(measured) -> None:
    report = Report(
        evaluations=tuple(
            measured("fer2013", split) for split in ("Training", "PublicTest", "PrivateTest", "all", "held-out", "apex")
        )
    )
    assert [cell.split for cell in cross_data_matrix({"m": report})] == ["PrivateTest", "all", "held-out", "apex"]


@pytest.mark.parametrize(
    ("classes", "recall", "known", "n"),
    [(EMOTIONS, (1 / 2 + 1) / 2, 2, 3), (EMOTIONS_WITH_CONTEMPT, (1 / 2 + 1 + 1) / 3, 3, 4)],
    ids=["model without contempt", "model with contempt"],
)
def test_recall_is_over_the_classes_that_both_know(
    classes: tuple[str, ...], recall: float, known: int, n: int, measured
) -> None:
    found = measured("ckplus", "all", classes)
    (cell,) = cross_data_matrix({"m": Report(evaluations=(found,))})
    assert (cell.model, cell.trained_on, cell.data, cell.split) == ("m", "x y", "ckplus", "all")
    assert cell.macro_recall == pytest.approx(recall)
    assert cell.macro_recall_95[0] <= recall <= cell.macro_recall_95[1]
    assert (cell.classes, cell.n, cell.seen_in_training, cell.evaluation) == (known, n, False, found)


def test_models_keep_their_order_and_a_cross_validation_stands_beside(measured, fake_model) -> None:
    logits = np.eye(8)[[0, 7]]
    said = OutOfFold("ckplus", "d", EMOTIONS_WITH_CONTEMPT, [1, 2], [0, 7], ["a", "b"], [0, 1], logits, logits)
    reports = {
        "z": Report(evaluations=(measured("fer2013", "PrivateTest", seen=True),)),
        "a": Report(
            evaluations=(measured("ckplus", "held-out"),),
            cross_validation=cross_validation(fake_model(EMOTIONS_WITH_CONTEMPT).card, said),
        ),
    }
    assert [(cell.model, cell.split, cell.seen_in_training) for cell in cross_data_matrix(reports)] == [
        ("z", "PrivateTest", True),
        ("a", "held-out", False),
        ("a", "all, 2 folds by person", False),
        ("a", "apex, 2 folds by person", False),
    ]


@pytest.mark.parametrize(
    ("data", "seen", "text"),
    [
        ("mine", False, "mine all: macro recall 75.0 % over 2 classes (95 % interval 50.0 to 100.0, 3 faces)"),
        (
            "ckplus",
            True,
            "CK+ all: macro recall 75.0 % over 2 classes (95 % interval 50.0 to 100.0, 3 faces; seen in training)",
        ),
    ],
    ids=["one's own data", "seen in training"],
)
def test_a_cell_in_words(data: str, seen: bool, text: str, measured) -> None:
    (cell,) = cross_data_matrix({"m": Report(evaluations=(measured(data, "all", seen=seen),))})
    assert render_cell(cell) == text
