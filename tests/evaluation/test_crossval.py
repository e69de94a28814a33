"""Out-of-fold predictions: what is kept, what is refused, and the figures that follow from them."""

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fer import paths
from fer.datasets import FaceDataset
from fer.emotions import EMOTIONS_WITH_CONTEMPT
from fer.errors import DatasetError
from fer.evaluation import CrossValidation, OutOfFold, cross_validation, load_report
from fer.evaluation.metrics import measure
from fer.recognition import ModelCard

ANGRY, HAPPY, NEUTRAL, CONTEMPT = 0, 3, 6, 7


def _logits(*read: tuple[int, int]) -> np.ndarray:
    """One row for every pair (likeliest class, second likeliest class)."""
    logits = np.zeros((len(read), 8))
    for row, (first, second) in enumerate(read):
        logits[row, second] = 1
        logits[row, first] = 2
    return logits


def _read(*rows: tuple[int, int, int, str, int], **changes: Any) -> OutOfFold:
    """Predictions from rows (label, likeliest, second likeliest, person, fold)."""
    logits = _logits(*((first, second) for _, first, second, _, _ in rows))
    values = {
        "data": "drawn",
        "digest": "d" * 64,
        "classes": EMOTIONS_WITH_CONTEMPT,
        "row": np.arange(1, len(rows) + 1),
        "label": [row[0] for row in rows],
        "subject": [row[3] for row in rows],
        "fold": [row[4] for row in rows],
        "logits": logits,
        "flip_logits": logits * 2,
    }
    return OutOfFold(**(values | changes))


ROWS = (
    (ANGRY, ANGRY, HAPPY, "a", 0),
    (HAPPY, NEUTRAL, HAPPY, "a", 0),
    (CONTEMPT, ANGRY, CONTEMPT, "b", 1),
    (CONTEMPT, CONTEMPT, ANGRY, "b", 1),
    (NEUTRAL, NEUTRAL, ANGRY, "b", 1),
)


@pytest.mark.parametrize(
    ("rows", "folds"), [((), 0), (ROWS[:2], 1), (ROWS, 2)], ids=["no rows", "one fold", "two folds"]
)
def test_predictions_are_read_as_written(rows: tuple, folds: int) -> None:
    predictions = _read(*rows)
    record = json.loads(json.dumps(predictions.to_dict()))
    again = OutOfFold.from_dict(record)
    assert (len(again), again.folds, again.classes) == (len(rows), folds, EMOTIONS_WITH_CONTEMPT)
    assert again.to_dict() == record
    np.testing.assert_array_equal(again.flip_logits, predictions.flip_logits)
    assert (again.row.dtype, again.fold.dtype, again.logits.dtype) == (np.int64, np.int64, np.float32)


def test_what_is_rounded_away_on_disk_is_never_there() -> None:
    noisy = _logits((ANGRY, HAPPY)) + 1 / 3
    predictions = _read(ROWS[0], logits=noisy)
    np.testing.assert_array_equal(OutOfFold.from_dict(predictions.to_dict()).logits, predictions.logits)
    np.testing.assert_allclose(predictions.logits, noisy, atol=5e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fold": [0, 0, 1, 1]}, "fold must hold 5 rows, but holds 4."),
        ({"logits": np.zeros((4, 8))}, "logits must hold 5 rows, but holds 4."),
        ({"flip_logits": np.full((5, 8), np.nan)}, "flip_logits must be finite."),
        ({"row": [1, 2, 3, 3, 4]}, "Every row must be read once."),
        ({"label": [0, 3, 7, 8, 6]}, "label must lie between 0 and 7."),
        ({"fold": [0, 1, 1, 1, 1]}, "All rows of a person must be in one fold."),
    ],
    ids=["fewer folds", "fewer logits", "not a number", "a row twice", "no such class", "a person in two folds"],
)
def test_predictions_that_do_not_fit_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        _read(*ROWS, **changes)


def test_predictions_stand_beside_the_rows_of_a_data_set(draw: Callable[..., FaceDataset]) -> None:
    dataset = draw(
        (0, 0, "Training"), (7, 0, "PublicTest"), subjects=np.array(["S1", "S2"]), rows=np.array([4, 9], np.int64)
    )
    logits = _logits((0, 1), (7, 0))
    predictions = OutOfFold.of(dataset, EMOTIONS_WITH_CONTEMPT, np.array([0, 1]), logits, logits)
    assert (predictions.row.tolist(), predictions.label.tolist()) == ([4, 9], [0, 7])
    assert (predictions.subject.tolist(), predictions.digest) == (["S1", "S2"], dataset.digest)


def test_a_data_set_that_does_not_say_who_is_seen(draw: Callable[..., FaceDataset]) -> None:
    with pytest.raises(DatasetError, match=r"^drawn does not say who is seen, .*column subject\.$"):
        OutOfFold.of(draw((0, 0, "Training")), EMOTIONS_WITH_CONTEMPT, np.zeros(1), np.zeros((1, 8)), np.zeros((1, 8)))


@pytest.mark.parametrize("rows", [(), ROWS[4:]], ids=["no rows", "neutral alone"])
def test_nothing_to_measure(rows: tuple, fake_model: type) -> None:
    with pytest.raises(ValueError, match="at least one face"):
        cross_validation(fake_model().card, _read(*rows))


def test_at_the_apex_neutral_is_neither_a_face_nor_an_answer(fake_model: type) -> None:
    found = cross_validation(fake_model().card, _read(*ROWS))
    apex = found.apex.figures["none"]
    assert list(apex.per_class) == [name for name in EMOTIONS_WITH_CONTEMPT if name != "neutral"]
    assert (apex.n, apex.accuracy) == (4, 3 / 4)
    assert {name: figures.recall for name, figures in apex.per_class.items() if figures.support} == {
        "angry": 1.0,
        "happy": 1.0,
        "contempt": 0.5,
    }
    assert apex.confusion[-1] == (1, 0, 0, 0, 0, 0, 1)
    assert found.apex.stamp.rows_left_out == {"neutral": 1}


def test_on_all_rows_every_class_may_be_answered(fake_model: type) -> None:
    whole = cross_validation(fake_model().card, _read(*ROWS)).whole
    assert (whole.figures["none"].n, whole.figures["none"].accuracy, whole.stamp.rows_left_out) == (5, 3 / 5, {})
    assert whole.figures["none"].per_class["happy"].recall == 0
    assert whole.figures["flip"].nll != whole.figures["none"].nll


def test_the_stamp_says_that_the_figures_are_those_of_fold_networks(fake_model: type) -> None:
    card = fake_model(training={"selected_by": "nothing", "seeds": 1, "device": "one GPU"}).card
    stamp = cross_validation(card, _read(*ROWS)).apex.stamp
    assert stamp.split == "apex, 2 folds by person"
    assert stamp.trained_on == "drawn, 2 networks, each without the people of one fold"
    assert (stamp.model, stamp.data, stamp.digest, stamp.n) == ("fake", "drawn", "d" * 64, 4)
    assert (stamp.selected_by, stamp.seeds, stamp.training_device) == ("nothing", 1, "one GPU")
    assert not stamp.seen_in_training


def test_the_interval_is_drawn_by_person(fake_model: type) -> None:
    """All faces of a person are read alike: the interval is as wide as that of six faces, not of sixty."""
    rows = [(ANGRY, ANGRY if person % 2 else HAPPY, HAPPY, f"S{person}", person) for person in range(6)] * 10
    found = cross_validation(fake_model().card, _read(*rows)).apex.figures["none"]
    low, high = found.accuracy_95
    plain_low, plain_high = measure(_logits(*((r[1], r[2]) for r in rows)), np.zeros(60, int), "abcdefgh").accuracy_95
    assert found.accuracy == 0.5
    assert high - low > 2.5 * (plain_high - plain_low)


def test_a_cross_validation_is_read_as_written(fake_model: type) -> None:
    found = cross_validation(fake_model().card, _read(*ROWS))
    record = json.loads(json.dumps(found.to_dict()))
    assert CrossValidation.from_dict(record).to_dict() == record


@pytest.mark.parametrize("name", sorted(path.parent.name for path in (paths.ROOT / "models").glob("*/card.json")))
def test_stored_figures_follow_from_the_stored_predictions(name: str) -> None:
    folder = paths.ROOT / "models" / name
    stored = load_report(folder).cross_validation
    if stored is None:
        pytest.skip(f"{name} was not cross-validated")
    again = cross_validation(ModelCard.read(folder), stored.out_of_fold)
    for protocol in ("apex", "whole"):
        expected, found = getattr(stored, protocol).to_dict(), getattr(again, protocol).to_dict()
        for record in (expected, found):
            del record["stamp"]["date"], record["stamp"]["code_version"]
        assert found == expected
