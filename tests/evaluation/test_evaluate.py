"""Evaluation end to end on a fake model: which rows are read, what the stamp says, which figures come out."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from fer.calibration import Calibration, SetRule, negative_log_likelihood
from fer.datasets import BadRow
from fer.datasets.dataset import VOTED
from fer.emotions import EMOTIONS_WITH_CONTEMPT
from fer.errors import DatasetError
from fer.evaluation import Evaluation, evaluate_model, evaluate_readings, read_split
from fer.evaluation import evaluate as module
from fer.recognition import LearnedRows

ROWS = (
    (0, 0, "Training"),
    (3, 3, "Training"),
    (3, 4, "PublicTest"),
    (0, 0, "PrivateTest"),
    (3, 3, "PrivateTest"),
    (6, 0, "PrivateTest"),
)


@pytest.mark.parametrize(
    ("rows", "split", "message"),
    [
        ((), "PrivateTest", "drawn holds no PrivateTest rows that fake can be evaluated on; choose another split."),
        (
            ROWS[:2],
            "PrivateTest",
            "drawn holds no PrivateTest rows that fake can be evaluated on; choose another split.",
        ),
        (((7, 0, "PublicTest"),), "all", "drawn holds no all rows that fake can be evaluated on"),
        (ROWS, "test", "The split must be one of Training, PublicTest, PrivateTest, all, held-out, apex, but is test."),
    ],
    ids=["no rows", "no such rows", "contempt only", "no such split"],
)
def test_split_without_rows(rows: tuple, split: str, message: str, draw, fake_model) -> None:
    model = fake_model()
    with pytest.raises(DatasetError, match=f"^{re.escape(message)}"):
        evaluate_model(model, draw(*rows), split)
    assert model.asked == []


def test_evaluation_has_the_contracts_shape(draw, fake_model) -> None:
    evaluation = evaluate_model(fake_model(), draw(*ROWS), "PrivateTest")
    record = json.loads(json.dumps(evaluation.to_dict()))
    assert list(record) == ["stamp", "plain", "flip"]
    assert list(record["plain"]) == list(record["flip"])
    assert Evaluation.from_dict(record).to_dict() == record


def test_figures_of_both_ways(draw, fake_model) -> None:
    model = fake_model(temperatures={"none": 2.0, "flip": 0.5}, sure=1.0)
    evaluation = evaluate_model(model, draw(*ROWS), "PrivateTest")
    labels = np.array([0, 3, 6])
    logits = np.eye(7)[[0, 3, 0]]
    assert (evaluation.figures["none"].n, evaluation.figures["none"].accuracy, evaluation.figures["flip"].accuracy) == (
        3,
        2 / 3,
        2 / 3,
    )
    assert evaluation.figures["none"].nll == pytest.approx(negative_log_likelihood(logits, labels, 2.0))
    assert evaluation.figures["flip"].nll == pytest.approx(negative_log_likelihood(logits * 2, labels, 0.5))
    assert evaluation.stamp.temperature == {"none": 2.0, "flip": 0.5}
    assert {averaging for _, averaging in model.asked} == {"none", "flip"}


def test_each_way_of_averaging_has_sets_of_its_own(draw, fake_model) -> None:
    model = fake_model(set_rules={"none": SetRule(0.8, 0.05), "flip": SetRule(0.7, 0.5)})
    evaluation = evaluate_model(model, draw(*ROWS), "PrivateTest")
    assert (
        evaluation.figures["none"].sets.asked,
        evaluation.figures["none"].sets.mean_size,
        evaluation.figures["none"].sets.coverage,
    ) == (0.8, 7, 1)
    assert (evaluation.figures["flip"].sets.asked, evaluation.figures["flip"].sets.single_share) == (0.7, 1)
    assert evaluation.figures["flip"].sets.coverage == pytest.approx(2 / 3)
    assert evaluate_model(fake_model(), draw(*ROWS), "PrivateTest").figures["none"].sets is None


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        ({}, ("not stated", "not stated", "not stated")),
        (
            {"selected_by": "PublicTest accuracy", "seeds": 3, "device": "one GPU"},
            ("PublicTest accuracy", 3, "one GPU"),
        ),
    ],
    ids=["silent card", "full card"],
)
def test_stamp_states_the_protocol(
    training: dict[str, Any], expected: tuple, draw, fake_model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "code_version", lambda: "9.9 (abc)")
    dataset = draw(*ROWS)
    stamp = evaluate_model(fake_model(training=training), dataset, "PrivateTest").stamp
    assert (stamp.model, stamp.data, stamp.digest) == ("fake", "drawn", dataset.digest)
    assert (stamp.split, stamp.n, stamp.rows_left_out) == ("PrivateTest", 3, {})
    assert (stamp.trained_on, stamp.code_version) == ("drawn Training", "9.9 (abc)")
    assert (stamp.selected_by, stamp.seeds, stamp.training_device) == expected
    assert stamp.temperature == {"none": 1.0, "flip": 1.0}
    assert abs(datetime.now(UTC).date() - datetime.fromisoformat(stamp.date).date()).days <= 1


@pytest.mark.parametrize(
    ("trained_on", "pixels", "split", "seen"),
    [
        pytest.param(("other", "Training"), None, "Training", False, id="other data"),
        pytest.param(("drawn", "Training"), None, "Training", True, id="training rows"),
        pytest.param(("drawn", "Training"), None, "PrivateTest", False, id="test rows"),
        pytest.param(("drawn", "Training"), None, "all", True, id="all rows"),
        pytest.param(("drawn", "all"), None, "PrivateTest", True, id="trained on all"),
        pytest.param(("other", "Training"), "of these rows", "Training", True, id="renamed copy"),
        pytest.param(("other", "Training"), "of these rows", "PublicTest", False, id="test rows of a renamed copy"),
        pytest.param(("other", "Training"), "of other rows", "Training", False, id="other pictures"),
    ],
)
def test_seen_in_training(
    trained_on: tuple[str, str], pixels: str | None, split: str, seen: bool, draw, fake_model
) -> None:
    dataset = draw(*ROWS)
    training = {"pixels": dataset.pixels if pixels == "of these rows" else pixels}
    evaluation = evaluate_model(fake_model(trained_on=trained_on, training=training), dataset, split)
    assert evaluation.stamp.seen_in_training is seen


@pytest.mark.parametrize(
    ("change", "split", "ranked"),
    [
        pytest.param({}, "Training", False, id="what an ancestor learned"),
        pytest.param({}, "PrivateTest", True, id="what an ancestor was tested on"),
        pytest.param({"name": "renamed"}, "Training", False, id="under another name"),
        pytest.param({"name": "renamed", "labels": np.zeros(len(ROWS), np.uint8)}, "Training", False, id="relabelled"),
    ],
)
def test_what_an_ancestor_learned_is_never_ranked(change: dict, split: str, ranked: bool, draw, fake_model) -> None:
    dataset = draw(*ROWS)
    ancestor = LearnedRows("drawn", "Training", dataset.pixels, by="its grandmother")
    model = fake_model(trained_on=("elsewhere", "Training"), training={"lineage": (ancestor,)})
    assert evaluate_model(model, replace(dataset, **change), split).is_ranked is ranked


PEOPLE = (
    (0, 0, "Training"),
    (6, 6, "Training"),
    (3, 3, "PublicTest"),
    (7, 7, "PrivateTest"),
    (6, 6, "PrivateTest"),
)


@pytest.mark.parametrize(
    ("trained_on", "held_out", "subjects", "split", "rows", "left_out", "ranked"),
    [
        ("other", None, "aabcc", "held-out", [1, 2, 3, 4, 5], {}, True),
        ("other", None, "aabcc", "apex", [1, 3, 4], {"neutral": 2}, True),
        ("other", ["c"], "aabcc", "apex", [1, 3, 4], {"neutral": 2}, True),
        ("drawn", None, "aabcc", "held-out", [3, 4, 5], {"rows seen in training": 2}, True),
        ("drawn", None, None, "apex", [3, 4], {"neutral": 2, "rows seen in training": 1}, True),
        ("drawn", ["c"], "aabcc", "held-out", [4, 5], {"rows seen in training": 3}, True),
        ("drawn", ["c"], "aabcc", "apex", [4], {"neutral": 2, "rows seen in training": 2}, True),
        ("drawn", ["c"], "aabcc", "PublicTest", [3], {}, False),
        ("drawn", ["c"], "aabcc", "PrivateTest", [4, 5], {}, True),
        ("drawn", ["c"], "aabcc", "all", [1, 2, 3, 4, 5], {}, False),
        ("drawn", ["c"], None, "PrivateTest", [4, 5], {}, False),
    ],
    ids=[
        "other data, held out",
        "other data, apex",
        "people of other data",
        "by split, held out",
        "by split, apex",
        "by person, held out",
        "by person, apex",
        "by person, of those learned from",
        "by person, of those held out",
        "by person, all",
        "nobody knows who is seen",
    ],
)
def test_rows_that_were_learned_from_are_left_out_or_named(
    trained_on: str,
    held_out: list[str] | None,
    subjects: str | None,
    split: str,
    rows: list[int],
    left_out: dict[str, int],
    ranked: bool,
    draw,
    fake_model,
) -> None:
    dataset = draw(*PEOPLE, subjects=None if subjects is None else np.array(list(subjects)))
    training = {} if held_out is None else {"held_out_subjects": held_out}
    model = fake_model(EMOTIONS_WITH_CONTEMPT, trained_on=(trained_on, "Training"), training=training)
    readings = read_split(model, dataset, split)
    evaluation = evaluate_readings(model.card, dataset, readings, model.calibration)
    assert readings.faces.rows.tolist() == rows
    assert evaluation.stamp.rows_left_out == left_out
    assert evaluation.is_ranked is ranked
    assert evaluation.stamp.n == len(rows)


@pytest.mark.parametrize(
    ("subjects", "people", "interval"),
    [(None, None, (0.45, 0.55)), ("ab" * 200, 2, (0, 1))],
    ids=["nobody knows", "two people"],
)
def test_intervals_are_drawn_by_person_where_that_is_known(
    subjects: str | None, people: int | None, interval: tuple[float, float], draw, fake_model
) -> None:
    """Of two people, one is always read right: either may be drawn twice."""
    rows = [(0, 0, "Training"), (3, 0, "Training")] * 200
    dataset = draw(*rows, number=False, subjects=None if subjects is None else np.array(list(subjects)))
    evaluation = evaluate_model(fake_model(trained_on=("other", "Training")), dataset, "all")
    assert evaluation.stamp.people == people
    assert evaluation.figures["none"].accuracy_95 == pytest.approx(interval, abs=0.005)


def test_a_model_that_learned_from_everyone_has_nothing_held_out(draw, fake_model) -> None:
    model = fake_model(trained_on=("drawn", "all"))
    with pytest.raises(
        DatasetError, match=r"^drawn holds no held-out rows that fake can be evaluated on; choose another split\.$"
    ):
        read_split(model, draw(*ROWS), "held-out")


@pytest.mark.parametrize(
    ("trained_on", "split", "copies", "without"),
    [
        (("drawn", "Training"), "PrivateTest", 2, 0.0),
        (("drawn", "Training"), "PublicTest", 0, 0.0),
        (("drawn", "PublicTest"), "PrivateTest", 0, 2 / 3),
        (("drawn", "Training"), "Training", None, None),
        (("other", "Training"), "PrivateTest", None, None),
    ],
    ids=["some copies", "no copies", "trained on other rows", "seen in training", "other data"],
)
def test_copies_of_training_faces(
    trained_on: tuple[str, str], split: str, copies: int | None, without: float | None, draw, fake_model
) -> None:
    rows = (*ROWS[:5], (6, 5, "PrivateTest"))
    evaluation = evaluate_model(fake_model(trained_on=trained_on), draw(*rows, number=False), split)
    assert evaluation.stamp.copies_in_training == copies
    assert evaluation.figures["none"].accuracy_without_copies == pytest.approx(without)
    assert evaluation.figures["flip"].accuracy_without_copies == pytest.approx(without)


@pytest.mark.parametrize(
    ("classes", "n", "left_out"),
    [(None, 3, {"contempt": 2}), (EMOTIONS_WITH_CONTEMPT, 5, {})],
    ids=["model without contempt", "model with contempt"],
)
def test_contempt_is_left_out_where_the_model_does_not_know_it(
    classes: tuple[str, ...] | None, n: int, left_out: dict[str, int], draw, fake_model
) -> None:
    rows = (*ROWS, (7, 0, "PrivateTest"), (7, 0, "PrivateTest"), (7, 0, "Training"))
    model = fake_model() if classes is None else fake_model(classes)
    evaluation = evaluate_model(model, draw(*rows), "PrivateTest")
    assert (evaluation.stamp.n, evaluation.stamp.rows_left_out) == (n, left_out)
    assert evaluation.figures["none"].per_class.keys() == set(model.card.classes)


def test_model_with_contempt_on_data_without(draw, fake_model) -> None:
    figures = evaluate_model(fake_model(EMOTIONS_WITH_CONTEMPT), draw(*ROWS), "PrivateTest").figures["none"]
    assert figures.per_class["contempt"].support == 0
    assert figures.macro_recall == pytest.approx((1 + 1 + 0) / 3)


def test_bad_rows_of_the_file_are_counted(draw, fake_model) -> None:
    dataset = draw(*ROWS, bad_rows=(BadRow(2, "x"), BadRow(9, "y")))
    assert evaluate_model(fake_model(), dataset, "all").stamp.rows_left_out == {"unreadable rows of the file": 2}


@pytest.mark.parametrize("side", [2, 4, 9], ids=["smaller", "the same", "larger"])
def test_faces_come_in_the_models_size(side: int, draw, fake_model) -> None:
    model = fake_model(crop_size=4)
    evaluate_model(model, draw(*ROWS, side=side), "PrivateTest")
    assert {shape for shape, _ in model.asked} == {(3, 4, 4)}


def test_scaling_keeps_the_picture(draw, fake_model) -> None:
    shown = []
    model = fake_model(crop_size=8)
    predict = model.predict
    model.predict = lambda crops, averaging: (shown.append(crops), predict(crops * 0, averaging))[1]
    half = np.zeros((1, 16, 16), np.uint8)
    half[:, :, 8:] = 200
    read_split(model, draw((0, 0, "Training"), side=16, images=half), "Training")
    assert (shown[0][0, :, :4] == 0).all()
    assert (shown[0][0, :, 4:] == 200).all()


def test_many_faces_are_read_in_blocks_and_in_order(draw, fake_model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 4)
    shares: list[float] = []
    model = fake_model()
    dataset = draw(*((i % 7, i % 7, "Training") for i in range(10)))
    readings = read_split(model, dataset, "Training", shares.append)
    assert [shape[0] for shape, _ in model.asked] == [4, 4, 2] * 2
    np.testing.assert_array_equal(readings.logits["none"].argmax(axis=1), dataset.labels)
    assert shares == pytest.approx([0.2, 0.4, 0.5, 0.7, 0.9, 1.0])


def test_progress_can_end_the_evaluation(draw, fake_model) -> None:
    model = fake_model()

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate_model(model, draw(*ROWS), "all", stop)
    assert len(model.asked) == 1


def test_readings_can_be_measured_with_another_calibration(draw, fake_model) -> None:
    model, dataset = fake_model(temperatures={"none": 3.0}), draw(*ROWS)
    readings = read_split(model, dataset, "PrivateTest")
    again = evaluate_readings(model.card, dataset, readings, model.calibration)
    assert again.to_dict() == evaluate_model(model, dataset, "PrivateTest").to_dict()
    other = evaluate_readings(model.card, dataset, readings, fake_model().calibration)
    assert other.figures["none"].nll != again.figures["none"].nll
    assert other.figures["none"].ece == other.figures["none"].ece_raw == again.figures["none"].ece_raw


def test_a_shift_decides_what_is_read_and_stands_in_the_stamp(draw, fake_model) -> None:
    """Lifted by more than the model's sureness, the first class is read everywhere, and read so again."""
    model, dataset = fake_model(), draw(*ROWS)
    model.calibration = Calibration({"none": 1.0}, shifts={"none": (5.0, *[0.0] * 6)})
    found = evaluate_model(model, dataset, "PrivateTest")
    assert [row[0] for row in found.figures["none"].confusion] == [1, 0, 0, 1, 0, 0, 1]
    assert [row[0] for row in found.figures["flip"].confusion] == [1, 0, 0, 0, 0, 0, 1]
    assert Evaluation.from_dict(json.loads(json.dumps(found.to_dict()))).stamp.shift == {"none": (5.0, *[0.0] * 6)}


def test_faces_with_votes_are_measured_against_their_raters(draw, fake_model) -> None:
    votes = np.zeros((len(ROWS), len(VOTED)), np.uint8)
    votes[3:5, [0, 3]], votes[5, 6] = [[9, 1], [3, 7]], 10
    found = evaluate_model(fake_model(), draw(*ROWS, votes=votes), "PrivateTest").figures["none"].votes
    assert found.n == 3
    assert found.agreement == pytest.approx((0.9 + 0.7 + 0.0) / 3)
    assert found.raters_agreement == pytest.approx((0.9 + 0.7 + 1.0) / 3)
