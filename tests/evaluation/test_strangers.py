"""Who reads whose faces how well: which stored figures count, in which order, over which expressions."""

from dataclasses import replace

import numpy as np
import pytest

from fer.emotions import EMOTIONS_WITH_CONTEMPT
from fer.evaluation import Evaluation, Report, Stamp, measure
from fer.evaluation.crossval import CrossValidation
from fer.evaluation.strangers import in_short, main_reading, strangers_read

STAMP = Stamp(
    model="drawn",
    data="fer2013",
    digest="0123456789abcdef",
    split="PrivateTest",
    n=4,
    rows_left_out={},
    trained_on="fer2013 Training",
    seen_in_training=False,
    copies_in_training=None,
    selected_by="a coin",
    seeds=1,
    training_device="none",
    date="2001-02-03",
    code_version="9.9",
)


def evaluation(data: str, split: str, **stamp: object) -> Evaluation:
    """Angry and happy are read as labelled, one of two sad faces too, contempt never."""
    labels, read = np.array([0, 3, 4, 4, 7]), np.array([0, 3, 4, 0, 0])
    figures = measure(np.eye(8)[read], labels, EMOTIONS_WITH_CONTEMPT)
    return Evaluation(replace(STAMP, data=data, split=split, **stamp), {"none": figures, "flip": figures})


def report(*evaluations: Evaluation, crossed: bool = False) -> Report:
    folds = None
    if crossed:
        parts = [evaluation("ckplus", f"{part}, 10 folds by person", people=3) for part in ("apex", "all")]
        folds = CrossValidation(None, *parts)
    return Report(evaluations=evaluations, cross_validation=folds)


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        pytest.param({}, [], id="no model"),
        pytest.param({"new": Report()}, [], id="nothing measured"),
        pytest.param(
            {"m": report(evaluation("fer2013", "PrivateTest"), evaluation("ferplus", "PrivateTest"))},
            [("m", "everyday", "votes"), ("m", "everyday", "labels")],
            id="raters before labels",
        ),
        pytest.param(
            {"m": report(evaluation("fer2013", "PublicTest"), evaluation("ckplus", "apex"))},
            [],
            id="rows for choosing, and a part",
        ),
        pytest.param({"m": report(evaluation("mine", "all"))}, [], id="a data set that nobody knows"),
        pytest.param({"m": report(evaluation("ckplus", "all", seen_in_training=True))}, [], id="seen in training"),
        pytest.param(
            {"z": report(evaluation("ckplus", "all")), "a": report(evaluation("ckplus", "held-out"), crossed=True)},
            [("z", "posed", "everyone"), ("a", "posed", "folds"), ("a", "posed", "held-out")],
            id="posed faces, models in their order",
        ),
    ],
)
def test_what_counts(reports: dict[str, Report], expected: list[tuple[str, str, str]]) -> None:
    assert [(one.model, one.faces, one.protocol) for one in strangers_read(reports)] == expected


@pytest.mark.parametrize(
    ("people", "recall", "classes"),
    [pytest.param(None, (1 + 1 + 0.5) / 3, 3, id="by face"), pytest.param(3, (1 + 1 + 0.5) / 4, 4, id="by person")],
)
def test_contempt_counts_only_where_the_interval_is_by_person(people: int | None, recall: float, classes: int) -> None:
    """An interval by person cannot be drawn again from what a report holds."""
    (one,) = strangers_read({"m": report(evaluation("fer2013", "PrivateTest", people=people))})
    assert one.macro_recall == pytest.approx(recall)
    assert one.classes == classes
    assert one.macro_recall_95[0] <= recall <= one.macro_recall_95[1]


def test_the_main_reading_is_what_tells_most() -> None:
    read = strangers_read({"m": report(evaluation("fer2013", "PrivateTest"), crossed=True)})
    assert main_reading(read, "m", "everyday").protocol == "labels"
    assert main_reading(read, "m", "posed").protocol == "folds"
    assert main_reading(read, "other", "posed") is None


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        pytest.param(Report(), "How well it reads faces that it does not know was not measured yet.", id="nothing"),
        pytest.param(
            report(evaluation("fer2013", "PrivateTest"), crossed=True),
            "Of each expression it finds, on average, 83 % on everyday photos and 62 % on posed faces in a studio, on "
            "people that it does not know.",
            id="both kinds",
        ),
    ],
)
def test_a_model_in_short(measured: Report, words: str) -> None:
    assert in_short("m", measured) == words
