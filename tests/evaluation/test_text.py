"""What a terminal shows: every figure, and the protocol above it."""

from dataclasses import replace

import numpy as np
import pytest

from fer.calibration import SetRule
from fer.emotions import EMOTIONS
from fer.evaluation import (
    Evaluation,
    OutOfFold,
    Report,
    cross_validation,
    evaluate_model,
    render_comparison,
    render_evaluation,
)
from fer.evaluation.metrics import SetFigures
from fer.evaluation.text import headline

ROWS = (
    (0, 0, "Training"),
    (0, 0, "PrivateTest"),
    (3, 3, "PrivateTest"),
    (6, 1, "PrivateTest"),
    (7, 0, "PrivateTest"),
)


NOT_MEASURED = "Not measured yet: run `python -m fer evaluate` on FER2013."


@pytest.mark.parametrize(
    ("evaluations", "text"),
    [
        ([], NOT_MEASURED),
        ([("fer2013", "PublicTest", False)], NOT_MEASURED),
        ([("mine", "all", True)], NOT_MEASURED),
        ([("mine", "all", True), ("mine", "PrivateTest", False)], "66.7 % right on mine PrivateTest (95 % interval"),
        ([("ckplus", "apex", False)], "66.7 % right on CK+ apex (95 % interval"),
        (
            [("ckplus", "all", False), ("fer2013", "PrivateTest", False)],
            "66.7 % right on FER2013 PrivateTest (95 % interval",
        ),
    ],
    ids=["nothing", "rows for choosing", "seen rows", "one's own data", "a title", "FER2013 first"],
)
def test_the_headline_is_of_faces_that_were_not_learned_from(
    evaluations: list[tuple[str, str, bool]], text: str, evaluation: Evaluation
) -> None:
    report = Report(
        evaluations=tuple(
            replace(evaluation, stamp=replace(evaluation.stamp, data=data, split=split, seen_in_training=seen))
            for data, split, seen in evaluations
        )
    )
    assert headline(report).startswith(text)


def test_the_headline_of_a_cross_validation_says_whose_figure_it_is(evaluation: Evaluation, fake_model: type) -> None:
    logits = np.eye(7)[[0, 3]]
    read = OutOfFold("ckplus", "d", EMOTIONS, [1, 2], [0, 3], ["a", "b"], [0, 1], logits, logits)
    report = Report(evaluations=(evaluation,), cross_validation=cross_validation(fake_model().card, read))
    assert headline(report) == (
        "100.0 % right on CK+ apex, 2 folds by person (of 2 networks trained like this one; 95 % interval 100.0 to "
        "100.0, 2 faces); 100.0 % with the mirrored face averaged in"
    )


@pytest.fixture
def evaluation(draw, fake_model) -> Evaluation:
    training = {"selected_by": "the last epoch", "seeds": 2, "device": "an abacus"}
    model = fake_model(training=training, temperatures={"none": 1.25})
    measured = evaluate_model(model, draw(*ROWS, number=False), "PrivateTest")
    return replace(measured, stamp=replace(measured.stamp, date="2026-01-31", code_version="1.2 (abc)"))


def test_protocol_stands_above_the_figures(evaluation: Evaluation) -> None:
    lines = render_evaluation(evaluation).splitlines()
    assert lines[:8] == [
        "fake on drawn, split PrivateTest: 3 faces",
        f"Data digest   {evaluation.stamp.digest}",
        "Left out      1 contempt",
        "Trained on    drawn Training; seeds: 2; device: an abacus",
        "Selected by   the last epoch",
        "Averaging     none, and flip: the mean of the logits of each face and its mirror image",
        "Temperature   none: 1.250, flip: 1.000",
        "Measured      2026-01-31, code 1.2 (abc)",
    ]
    assert render_evaluation(evaluation).endswith("\n")


def test_people_are_counted_where_they_are_known(evaluation: Evaluation) -> None:
    known = replace(evaluation, stamp=replace(evaluation.stamp, people=2))
    assert render_evaluation(known).startswith(
        "fake on drawn, split PrivateTest: 3 faces of 2 people, by whom the intervals are drawn\n"
    )


@pytest.mark.parametrize(
    ("label", "cells"),
    [
        ("Accuracy, %", ["66.67", "66.67"]),
        ("  without copies of training faces (1), %", ["50.00", "50.00"]),
        ("Macro-F1, %", ["66.67", "66.67"]),
        ("Macro recall, %", ["66.67", "66.67"]),
    ],
)
def test_headline_figures(label: str, cells: list[str], evaluation: Evaluation) -> None:
    [line] = [line for line in render_evaluation(evaluation).splitlines() if line.startswith(label)]
    assert line.removeprefix(label).split() == cells


def test_every_figure_is_shown(evaluation: Evaluation) -> None:
    """Figures that are told apart by their value: each of them is found in the text."""
    plain = replace(
        evaluation.figures["none"],
        accuracy=0.1111,
        accuracy_95=(0.1212, 0.1313),
        macro_f1=0.1414,
        macro_recall=0.1515,
        ece=0.1616,
        ece_raw=0.1717,
        nll=1.8181,
        accuracy_without_copies=0.1919,
        confusion=tuple(tuple(1000 * row + column for column in range(7)) for row in range(7)),
        sets=SetFigures(0.77, 0.2323, 0.2424, 0.2525, 2.6262, {"fear": 0.2727}),
    )
    flip = replace(evaluation.figures["flip"], sets=plain.sets)
    text = render_evaluation(replace(evaluation, figures={"none": plain, "flip": flip}))
    for shown in ("11.11", "12.12", "13.13", "14.14", "15.15", "16.16", "17.17", "1.8181", "19.19", "6,006", "3,004"):
        assert shown in text
    for shown in ("Prediction sets for 77 %:", "23.23", "24.24", "25.25", "2.63", "27.27"):
        assert shown in text


def test_sets_are_told_for_both_ways(draw, fake_model) -> None:
    model = fake_model(set_rules={"none": SetRule(0.8, 0.05), "flip": SetRule(0.8, 0.5)})
    lines = render_evaluation(evaluate_model(model, draw(*ROWS), "PrivateTest")).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("Prediction sets"))
    assert [line[:46].rstrip() for line in lines[start : start + 4]] == [
        "Prediction sets for 80 %: label inside, %",
        "  sets of one class, %",
        "  classes a set, mean",
        "  least probability of a member, %",
    ]
    assert [line[46:].split() for line in lines[start : start + 4]] == [
        ["100.00", "66.67"],
        ["0.00", "100.00"],
        ["7.00", "1.00"],
        ["5.00", "50.00"],
    ]


def test_no_sets_are_said_to_be_none(evaluation: Evaluation) -> None:
    assert "Prediction sets: none fitted\n" in render_evaluation(evaluation)


def test_classes_without_faces_have_dashes(evaluation: Evaluation) -> None:
    lines = [line.split() for line in render_evaluation(evaluation).splitlines()]
    assert lines.count(["disgust", "-", "-", "-", "-", "0"]) == 2
    assert lines.count(["neutral", "-", "0.00", "0.00", "-", "1"]) == 2
    assert lines.count(["happy", "100.00", "100.00", "100.00", "-", "1"]) == 2


@pytest.mark.parametrize(
    ("split", "seen"), [("PrivateTest", False), ("Training", True)], ids=["new faces", "training faces"]
)
def test_seen_in_training_is_said_first(split: str, seen: bool, draw, fake_model) -> None:
    lines = render_evaluation(evaluate_model(fake_model(), draw(*ROWS), split)).splitlines()
    assert lines[1].startswith("Seen in training: ") is seen
    assert any("copies of training faces" in line for line in lines) is not seen


def test_no_rows_left_out_is_said(draw, fake_model) -> None:
    text = render_evaluation(evaluate_model(fake_model(), draw(*ROWS[:4]), "PrivateTest"))
    assert "Left out      no rows\n" in text


def test_stamp_that_notes_no_temperature(evaluation: Evaluation) -> None:
    text = render_evaluation(replace(evaluation, stamp=replace(evaluation.stamp, temperature={})))
    assert "Temperature   not noted\n" in text


def test_comparison_with_nothing(evaluation: Evaluation) -> None:
    assert (
        render_comparison(evaluation, None)
        == "No figures of fake on drawn, split PrivateTest, are stored to compare with."
    )


def test_comparison_that_agrees(evaluation: Evaluation) -> None:
    assert (
        render_comparison(evaluation, evaluation)
        == "All figures agree with the figures stored on 2026-01-31 (code 1.2 (abc)) within 0.1 points."
    )


def test_comparison_that_differs(evaluation: Evaluation) -> None:
    flip = replace(evaluation.figures["flip"], accuracy=0.65, accuracy_without_copies=None)
    stored = replace(
        evaluation,
        stamp=replace(evaluation.stamp, digest="f" * 64),
        figures={**evaluation.figures, "flip": flip},
    )
    assert render_comparison(evaluation, stored).splitlines() == [
        "This is another copy of drawn than the stored figures were measured on "
        f"(digest ffffffffffff, here {evaluation.stamp.digest[:12]}).",
        "These figures differ from the figures stored on 2026-01-31 (code 1.2 (abc)) by more than 0.1 points:",
        "  flip accuracy: 66.67 %, stored 65.00 % (+1.67 points)",
        "  flip accuracy_without_copies: 50.00 %, stored - %",
    ]
