"""Figures against sums done by hand, and intervals against resampling done row by row."""

import json
from math import exp, log

import numpy as np
import pytest

from fer.calibration import Calibration, SetRule
from fer.emotions import EMOTIONS
from fer.evaluation.metrics import (
    ClassFigures,
    Figures,
    McNemar,
    PairedDifference,
    SetFigures,
    accuracy_interval,
    clustered_interval,
    clustered_macro_recall_interval,
    macro_recall_interval,
    mcnemar,
    measure,
    paired_difference,
    reliability,
)

CLASSES = ("angry", "disgust", "fear")
NONE = ClassFigures(None, None, None, 0)


def _logits(read: list[int], sure: float = 2.0) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[read] * np.float32(sure)


def test_no_faces_have_no_figures() -> None:
    with pytest.raises(ValueError, match="at least one face"):
        measure(np.zeros((0, 3), np.float32), np.zeros(0, np.uint8), CLASSES)


@pytest.mark.parametrize(
    ("labels", "read", "accuracy", "macro_f1", "macro_recall", "per_class", "confusion"),
    [
        (
            [0],
            [0],
            1.0,
            1.0,
            1.0,
            {"angry": ClassFigures(1.0, 1.0, 1.0, 1), "disgust": NONE, "fear": NONE},
            ((1, 0, 0), (0, 0, 0), (0, 0, 0)),
        ),
        (
            [0, 0, 1, 1, 2, 2],
            [0, 1, 1, 1, 0, 2],
            4 / 6,
            (1 / 2 + 4 / 5 + 2 / 3) / 3,
            (1 / 2 + 1 + 1 / 2) / 3,
            {
                "angry": ClassFigures(1 / 2, 1 / 2, 1 / 2, 2),
                "disgust": ClassFigures(2 / 3, 1.0, 4 / 5, 2),
                "fear": ClassFigures(1.0, 1 / 2, 2 / 3, 2),
            },
            ((1, 1, 0), (0, 2, 0), (1, 0, 1)),
        ),
        (
            [0, 0, 1],
            [0, 2, 0],
            1 / 3,
            (1 / 2 + 0) / 2,
            (1 / 2 + 0) / 2,
            {
                "angry": ClassFigures(1 / 2, 1 / 2, 1 / 2, 2),
                "disgust": ClassFigures(None, 0.0, 0.0, 1),
                "fear": NONE,
            },
            ((1, 0, 1), (1, 0, 0), (0, 0, 0)),
        ),
    ],
    ids=["one face", "every class", "a class without faces, a class never read"],
)
def test_figures_by_class(
    labels: list[int],
    read: list[int],
    accuracy: float,
    macro_f1: float,
    macro_recall: float,
    per_class: dict[str, ClassFigures],
    confusion: tuple[tuple[int, ...], ...],
) -> None:
    figures = measure(_logits(read), np.array(labels, np.uint8), CLASSES)
    assert (figures.accuracy, figures.macro_f1, figures.macro_recall) == pytest.approx(
        (accuracy, macro_f1, macro_recall)
    )
    assert figures.n == len(labels)
    assert figures.confusion == confusion
    assert list(figures.per_class) == list(CLASSES)
    for name, expected in per_class.items():
        assert vars(figures.per_class[name]) == pytest.approx(vars(expected)), name


def test_calibration_error_and_likelihood_are_those_of_the_calibrated_probabilities() -> None:
    sure, temperature = 2.0, 4.0
    calibration = Calibration({"none": temperature, "flip": 1.0})
    figures = measure(_logits([0, 0, 0, 1], sure), np.array([0, 0, 1, 1]), CLASSES, calibration)
    raw, calibrated = (exp(x) / (exp(x) + 2) for x in (sure, sure / temperature))
    assert figures.ece_raw == pytest.approx(abs(raw - 3 / 4), abs=1e-6)
    assert figures.ece == pytest.approx(abs(calibrated - 3 / 4), abs=1e-6)
    assert figures.nll == pytest.approx(-(3 * log(calibrated) + log((1 - calibrated) / 2)) / 4, abs=1e-6)


@pytest.mark.parametrize(
    ("has_copy", "expected"),
    [
        (None, None),
        ([False, False, False, False], 3 / 4),
        ([True, False, False, False], 2 / 3),
        ([False, False, True, False], 1.0),
        ([True, True, True, True], None),
    ],
    ids=["not asked", "no copies", "right copy", "wrong copy", "copies only"],
)
def test_accuracy_without_copies(has_copy: list[bool] | None, expected: float | None) -> None:
    mask = None if has_copy is None else np.array(has_copy)
    figures = measure(_logits([0, 0, 0, 1]), np.array([0, 0, 1, 1]), CLASSES, has_copy=mask)
    assert figures.accuracy_without_copies == pytest.approx(expected)
    assert figures.accuracy == 3 / 4


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([0], (1.0, 0.0, 2.0, {"angry": 1.0, "disgust": None, "fear": None})),
        ([2], (0.0, 0.0, 2.0, {"angry": None, "disgust": None, "fear": 0.0})),
        ([0, 1, 0, 1], (3 / 4, 1 / 2, 3 / 2, {"angry": 1 / 2, "disgust": 1.0, "fear": None})),
    ],
    ids=["inside", "outside", "some of each"],
)
def test_figures_of_sets(labels: list[int], expected: tuple) -> None:
    probabilities = np.array([[0.6, 0.3, 0.1], [0.3, 0.6, 0.1], [0.2, 0.75, 0.05], [0.1, 0.89, 0.01]])[: len(labels)]
    figures = measure(np.log(probabilities), np.array(labels), CLASSES, Calibration({}, {"none": SetRule(0.8, 0.25)}))
    assert figures.sets == SetFigures(0.8, 0.25, *expected)


def test_sets_come_from_the_calibrated_probabilities() -> None:
    logits, rule = np.log([[0.8, 0.15, 0.05]]), SetRule(0.8, 0.25)
    sizes = [
        measure(logits, np.zeros(1, int), CLASSES, Calibration({way: temperature}, {way: rule}), way).sets.mean_size
        for way, temperature in (("none", 1.0), ("flip", 2.0), ("none", 9.0))
    ]
    assert sizes == [1, 2, 3]


@pytest.mark.parametrize("set_rule", [None, SetRule(0.8, 0.2)], ids=["no sets", "sets"])
def test_figures_survive_json(set_rule: SetRule | None) -> None:
    rng = np.random.default_rng(1)
    calibration = Calibration({"none": 1.3}, {} if set_rule is None else {"none": set_rule})
    logits, labels, has_copy = rng.normal(size=(50, 7)), rng.integers(0, 5, 50), rng.random(50) < 0.2
    figures = measure(logits, labels, EMOTIONS, calibration, has_copy=has_copy)
    stored = json.loads(json.dumps(figures.to_dict()))
    assert list(stored) == [
        "accuracy",
        "accuracy_95",
        "macro_f1",
        "macro_recall",
        "macro_recall_95",
        "ece",
        "ece_raw",
        "nll",
        "n",
        "accuracy_without_copies",
        "per_class",
        "confusion",
        "sets",
    ]
    assert list(stored["per_class"]) == list(EMOTIONS)
    again = Figures.from_dict(stored)
    assert again.to_dict() == stored
    assert (again.sets is None) == (set_rule is None)
    assert again.confusion == figures.confusion
    assert again.accuracy == pytest.approx(figures.accuracy, abs=1e-6)


def test_figures_from_before_there_were_sets_are_read() -> None:
    stored = measure(_logits([0]), np.zeros(1, int), CLASSES).to_dict()
    del stored["sets"]
    assert Figures.from_dict(stored).sets is None


@pytest.mark.parametrize(
    ("confidences", "right", "counts", "ece"),
    [
        ([0.9], [True], {13: 1}, 0.1),
        ([0.9, 0.9, 0.9, 0.9], [True, True, True, False], {13: 4}, 0.15),
        ([0.9, 0.9, 0.5, 0.5], [True, True, True, False], {13: 2, 7: 2}, 0.05),
        ([0.95, 0.85], [True, False], {14: 1, 12: 1}, 0.45),
        ([0.6, 0.61], [True, True], {8: 1, 9: 1}, 0.395),
        ([1.0], [True], {14: 1}, 0.0),
    ],
    ids=["one face", "one bin", "two bins", "errors do not cancel", "upper edge belongs to its bin", "certain"],
)
def test_reliability(confidences: list[float], right: list[bool], counts: dict[int, int], ece: float) -> None:
    probabilities = np.array([[c, 1 - c] for c in confidences])
    curve = reliability(probabilities, np.where(right, 0, 1))
    assert {int(i): int(n) for i, n in enumerate(curve.counts) if n} == counts
    assert curve.ece == pytest.approx(ece)
    empty = curve.counts == 0
    assert len(empty) == 15
    assert np.isnan(curve.confidence[empty]).all()
    assert np.isnan(curve.accuracy[empty]).all()
    for i in counts:
        inside = [j for j, c in enumerate(confidences) if i / 15 + 1e-9 < c <= (i + 1) / 15 + 1e-9]
        assert curve.confidence[i] == pytest.approx(np.mean([confidences[j] for j in inside]))
        assert curve.accuracy[i] == pytest.approx(np.mean([right[j] for j in inside]))


def _resampled(values: np.ndarray) -> tuple[float, float]:
    """The textbook percentile bootstrap: draw rows again and again."""
    rng = np.random.default_rng(7)
    means = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(4000)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


@pytest.mark.parametrize(
    ("right", "n", "expected"),
    [(0, 1, (0.0, 0.0)), (5, 5, (1.0, 1.0)), (300, 500, None), (20, 2000, None)],
    ids=["one wrong", "all right", "many", "rare"],
)
def test_accuracy_interval_is_the_bootstraps(right: int, n: int, expected: tuple[float, float] | None) -> None:
    correct = np.arange(n) < right
    interval = accuracy_interval(correct)
    assert interval == pytest.approx(expected or _resampled(correct), abs=4 / n**0.5 / 20)
    assert interval == accuracy_interval(correct[::-1])


def test_paired_difference_is_the_bootstraps() -> None:
    rng = np.random.default_rng(3)
    a = rng.random(800) < 0.7
    b = np.where(rng.random(800) < 0.9, a, ~a)
    found = paired_difference(a, b)
    assert found.difference == pytest.approx(a.mean() - b.mean())
    assert found.interval_95 == pytest.approx(_resampled(a.astype(int) - b.astype(int)), abs=0.004)
    assert found.n == 800
    mirrored = paired_difference(b, a)
    assert mirrored.difference == -found.difference


def test_pairing_is_what_narrows_the_interval() -> None:
    """Two readers that nearly always agree differ within far less than their own intervals."""
    a = np.arange(1000) < 700
    b = a.copy()
    b[:30] = False
    low, high = paired_difference(a, b).interval_95
    assert 0.01 < low < 0.03 < high < 0.05
    alone = accuracy_interval(a)
    assert high - low < (alone[1] - alone[0]) / 2


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([True], [True], PairedDifference(0.0, (0.0, 0.0), 1)),
        ([True, True], [False, False], PairedDifference(1.0, (1.0, 1.0), 2)),
        ([False], [True], PairedDifference(-1.0, (-1.0, -1.0), 1)),
    ],
    ids=["the same", "always better", "always worse"],
)
def test_paired_difference_at_its_ends(a: list[bool], b: list[bool], expected: PairedDifference) -> None:
    assert paired_difference(np.array(a), np.array(b)) == expected


@pytest.mark.parametrize(("n_a", "n_b"), [(0, 0), (2, 3)], ids=["empty", "of different length"])
def test_paired_difference_needs_the_same_faces(n_a: int, n_b: int) -> None:
    with pytest.raises(ValueError, match=f"have {n_a} and {n_b}"):
        paired_difference(np.ones(n_a, bool), np.ones(n_b, bool))


class TestMcNemar:
    @pytest.mark.parametrize(
        ("both", "only_a", "only_b", "p_value"),
        [
            (3, 0, 0, 1.0),
            (0, 1, 0, 1.0),
            (5, 6, 0, 2 / 2**6),
            (0, 0, 6, 2 / 2**6),
            (9, 5, 5, 1.0),
            (9959, 11, 1, 2 * (1 + 12) / 2**12),
            (794, 86, 150, 3.716e-05),
        ],
        ids=[
            *("never at odds", "one face", "first alone", "second alone", "even", "mlxtend's example"),
            "Agresti's approval ratings",
        ],
    )
    def test_known_values(self, both: int, only_a: int, only_b: int, p_value: float) -> None:
        """By hand where the sums are short; Agresti's table 10.1 as R's `mcnemar.exact` gives it."""
        a = np.repeat([True, True, False], [both, only_a, only_b])
        b = np.repeat([True, False, True], [both, only_a, only_b])
        found = mcnemar(a, b)
        assert (found.only_a, found.only_b) == (only_a, only_b)
        assert found.p_value == pytest.approx(p_value, rel=1e-3)
        assert mcnemar(b, a) == McNemar(only_b, only_a, pytest.approx(found.p_value))

    @pytest.mark.parametrize(("a", "b"), [([], []), ([True], [True, False])], ids=["no faces", "other faces"])
    def test_needs_the_same_faces(self, a: list[bool], b: list[bool]) -> None:
        with pytest.raises(ValueError, match="Both need the same faces"):
            mcnemar(np.array(a, bool), np.array(b, bool))


class TestClusteredInterval:
    @pytest.mark.parametrize(
        ("correct", "expected"), [([True] * 4, (1, 1)), ([False] * 4, (0, 0))], ids=["all", "none"]
    )
    def test_nothing_varies(self, correct: list[bool], expected: tuple[float, float]) -> None:
        assert clustered_interval(np.array(correct), np.array(list("aabb"))) == expected

    def test_groups_of_one_are_faces(self) -> None:
        correct = np.arange(200) % 4 > 0
        found = clustered_interval(correct, np.arange(200))
        assert found == pytest.approx(accuracy_interval(correct), abs=0.015)

    def test_it_is_what_drawing_whole_groups_gives(self) -> None:
        rng = np.random.default_rng(7)
        groups = rng.integers(12, size=120)
        correct = rng.random(120) < np.linspace(0.2, 1, 12)[groups]
        rows = [np.flatnonzero(groups == group) for group in range(12)]
        drawn = [correct[np.concatenate([rows[i] for i in rng.integers(12, size=12)])].mean() for _ in range(4000)]
        assert clustered_interval(correct, groups) == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.015)


class TestByPerson:
    """Two readers of faces that come in people."""

    def test_people_of_one_face_are_faces(self) -> None:
        rng = np.random.default_rng(5)
        a, b = rng.random((2, 300)) < ((0.8,), (0.7,))
        people = np.arange(300)
        by_face, by_person = paired_difference(a, b), paired_difference(a, b, people)
        assert by_person.interval_95 == pytest.approx(by_face.interval_95, abs=0.015)
        assert (by_person.difference, by_person.n) == (by_face.difference, 300)
        assert mcnemar(a, b, people) == mcnemar(a, b)

    def test_many_faces_of_one_person_prove_no_more_than_one(self) -> None:
        """Every face twenty times: the interval by person and the p-value stay, those by face shrink."""
        rng = np.random.default_rng(5)
        a, b = rng.random((2, 40)) < ((0.8,), (0.6,))
        once = np.arange(40)
        many = [np.repeat(value, 20) for value in (a, b, once)]
        assert paired_difference(*many).interval_95 == paired_difference(a, b, once).interval_95
        assert mcnemar(*many).p_value == pytest.approx(mcnemar(a, b).p_value)
        assert mcnemar(*many[:2]).p_value < 1e-3 * mcnemar(a, b).p_value

    @pytest.mark.parametrize(
        ("gains", "p_value"),
        [
            pytest.param([0, 0], 1.0, id="nobody differs"),
            pytest.param([3], 1.0, id="one person"),
            pytest.param([3, -3], 1.0, id="even"),
            pytest.param([1, 2], 0.5, id="two people one way"),
            pytest.param([1, 1, 4], 0.25, id="three people one way"),
            pytest.param([-1, 2, 3], 0.5, id="one against"),
        ],
    )
    def test_p_values_by_hand(self, gains: list[int], p_value: float) -> None:
        """The share of the two to the power of people sign patterns whose sum is as far from 0."""
        people = np.repeat(np.arange(len(gains)), 10)
        a = np.concatenate([np.arange(10) < max(gain, 0) for gain in gains])
        b = np.concatenate([np.arange(10) < max(-gain, 0) for gain in gains])
        found = mcnemar(a, b, people)
        assert found.p_value == pytest.approx(p_value)
        assert (found.only_a, found.only_b) == (a.sum(), b.sum())

    def test_it_agrees_with_tossing_coins(self) -> None:
        rng = np.random.default_rng(11)
        people = rng.integers(25, size=400)
        a = rng.random(400) < 0.75
        b = np.where(people < 12, rng.random(400) < 0.65, a)
        gains = np.bincount(people, a.astype(int) - b)
        sums = rng.choice([-1, 1], (50_000, 25)) @ gains
        assert mcnemar(a, b, people).p_value == pytest.approx(np.mean(np.abs(sums) >= abs(gains.sum())), abs=0.01)


class TestMacroRecallInterval:
    def test_by_person_it_is_what_drawing_whole_people_gives(self) -> None:
        rng = np.random.default_rng(7)
        people, labels = rng.integers(15, size=(2, 200))
        labels %= len(CLASSES)
        correct = rng.random(200) < np.linspace(0.2, 1, 15)[people]
        drawn = []
        for _ in range(2000):
            rows = np.concatenate([np.flatnonzero(people == person) for person in rng.integers(15, size=15)])
            drawn.append(np.mean([correct[rows[labels[rows] == label]].mean() for label in np.unique(labels)]))
        found = clustered_macro_recall_interval(correct, labels, people)
        assert found == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.02)

    def test_a_class_of_one_person_may_be_missing_from_a_resample(self) -> None:
        """Then the mean is over the others; nothing is divided by nought."""
        correct, labels = np.array([True, True, False, False]), np.array([0, 0, 0, 1])
        assert clustered_macro_recall_interval(correct, labels, np.array(list("aabc"))) == (0, 1)

    def test_it_is_kept_with_the_figures(self) -> None:
        labels = np.arange(90) % len(CLASSES)
        people = np.repeat(np.arange(9), 10)
        logits = _logits(np.where(people < 5, labels, 0).tolist())
        by_face, by_person = (measure(logits, labels, CLASSES, people=who) for who in (None, people))
        assert by_face.macro_recall == by_person.macro_recall
        assert by_person.macro_recall_95[0] < by_face.macro_recall_95[0]
        assert by_person.macro_recall_95[1] > by_face.macro_recall_95[1]
        for figures in (by_face, by_person):
            assert Figures.from_dict(figures.to_dict()).macro_recall_95 == pytest.approx(figures.macro_recall_95)

    def test_figures_from_before_it_was_kept_get_it_by_face(self) -> None:
        figures = measure(_logits([0, 0, 1, 1]), np.array([0, 1, 1, 1]), CLASSES, people=np.array(list("aabb")))
        stored = figures.to_dict()
        del stored["macro_recall_95"]
        assert Figures.from_dict(stored).macro_recall_95 == macro_recall_interval(figures.per_class)

    def test_a_class_without_faces_counts_nothing(self) -> None:
        figures = measure(_logits([0, 0, 1, 1]), np.array([0, 0, 1, 1]), CLASSES)
        assert macro_recall_interval(figures.per_class) == (1, 1)

    def test_a_rare_class_makes_it_wide(self) -> None:
        """Of 2 faces of one class and 98 of another, half are read right: as uncertain as the mean of both shares."""
        labels = np.array([0] * 2 + [1] * 98)
        figures = measure(_logits([0, 1] + [1, 0] * 49), labels, CLASSES)
        low, high = macro_recall_interval(figures.per_class)
        rng = np.random.default_rng(3)
        drawn = (rng.binomial(2, 0.5, 20_000) / 2 + rng.binomial(98, 0.5, 20_000) / 98) / 2
        assert (low, high) == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.02)
        assert low < figures.macro_recall == 0.5 < high
