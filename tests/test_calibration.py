"""Logits to probabilities, the temperature that makes them honest, and sets that hold the label as often as asked."""

from collections.abc import Mapping

import numpy as np
import pytest

from fer.calibration import Calibration, SetRule, fit_set_rule, fit_temperature, negative_log_likelihood, softmax


@pytest.mark.parametrize(
    ("logits", "temperature", "probabilities"),
    [
        (np.zeros((0, 7)), 1.0, np.zeros((0, 7))),
        ([[0, 0]], 1.0, [[0.5, 0.5]]),
        ([[0, np.log(3)]], 1.0, [[0.25, 0.75]]),
        ([[0, np.log(9)]], 2.0, [[0.25, 0.75]]),
        ([[0, np.log(3)]], 0.5, [[0.1, 0.9]]),
        ([[1000, 0], [-1000, 0]], 1.0, [[1, 0], [0, 1]]),
        ([[5, 5, 5]], 1e6, [[1 / 3] * 3]),
    ],
    ids=["empty", "even", "plain", "flattened", "sharpened", "far apart", "very hot"],
)
def test_softmax(logits: np.ndarray | list, temperature: float, probabilities: np.ndarray | list) -> None:
    answer = softmax(np.array(logits), temperature)
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, probabilities, atol=1e-6)


def test_softmax_leaves_its_input_alone() -> None:
    logits = np.array([[1.0, 2.0]])
    softmax(logits)
    assert logits.tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    ("logits", "labels", "expected"),
    [([[0, 0]], [0], np.log(2)), ([[0, np.log(3)], [0, np.log(3)]], [1, 0], -np.log([0.75, 0.25]).mean())],
    ids=["even", "one right, one wrong"],
)
def test_negative_log_likelihood(logits: list, labels: list, expected: float) -> None:
    assert negative_log_likelihood(np.array(logits), np.array(labels)) == pytest.approx(expected)


def test_no_rows_fit_no_temperature() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        fit_temperature(np.zeros((0, 7)), np.zeros(0, int))


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 2.5], ids=["timid net", "honest net", "boastful net"])
def test_the_temperature_that_made_the_labels_is_found(true_temperature: float) -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (20_000, 7))
    cumulated = softmax(logits, true_temperature).cumsum(axis=1)
    labels = (random.random((len(logits), 1)) > cumulated).sum(axis=1).clip(0, 6)
    assert fit_temperature(logits, labels) == pytest.approx(true_temperature, rel=0.05)


@pytest.mark.parametrize(
    ("report", "temperatures"),
    [
        ({}, {}),
        ({"calibration": {}}, {}),
        ({"calibration": {"temperature": {"none": 1.3, "flip": 1.1}, "fitted_on": {}}}, {"none": 1.3, "flip": 1.1}),
    ],
    ids=["empty", "not fitted", "fitted"],
)
def test_calibration_comes_from_the_report(report: Mapping, temperatures: dict) -> None:
    assert dict(Calibration.from_report(report).temperatures) == temperatures


def test_every_way_of_averaging_has_its_own_temperature() -> None:
    logits = np.array([[0, np.log(9)]])
    calibration = Calibration({"flip": 2.0})
    np.testing.assert_allclose(calibration.probabilities(logits, "flip"), [[0.25, 0.75]], atol=1e-6)
    np.testing.assert_allclose(calibration.probabilities(logits), [[0.1, 0.9]], atol=1e-6)


@pytest.mark.parametrize("temperature", [0.0, -1.0, np.inf, np.nan], ids=["zero", "negative", "endless", "nan"])
def test_impossible_temperatures_are_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match="positive and finite"):
        Calibration({"none": temperature})


NAMES = ("angry", "disgust", "fear")


@pytest.mark.parametrize(
    ("probabilities", "members"),
    [
        (np.zeros((0, 3)), np.zeros((0, 3), bool)),
        ([[0.6, 0.3, 0.1]], [[True, True, False]]),
        ([[0.9, 0.05, 0.05]], [[True, False, False]]),
        ([[0.2, 0.25, 0.55]], [[False, True, True]]),
        ([[0.34, 0.33, 0.33]], [[True, True, True]]),
    ],
    ids=["empty", "two", "one", "just reached", "all"],
)
def test_members_of_a_set_reach_the_threshold(probabilities: np.ndarray | list, members: np.ndarray | list) -> None:
    found = SetRule(0.8, 0.25).members(np.array(probabilities))
    assert found.dtype == bool
    np.testing.assert_array_equal(found, members)


def test_no_set_is_empty() -> None:
    found = SetRule(0.5, 0.9).members(np.array([[0.3, 0.5, 0.2], [0.4, 0.4, 0.2]]))
    assert found.tolist() == [[False, True, False], [True, False, False]]


@pytest.mark.parametrize(
    ("coverage", "threshold"),
    [(0.0, 0.5), (1.0, 0.5), (0.8, -0.1), (0.8, 1.1), (np.nan, 0.5), (0.8, np.nan)],
    ids=["no coverage", "full coverage", "below 0", "above 1", "coverage nan", "threshold nan"],
)
def test_impossible_rules_are_refused(coverage: float, threshold: float) -> None:
    with pytest.raises(ValueError, match="need a coverage between 0 and 1 and a threshold from 0 to 1"):
        SetRule(coverage, threshold)


@pytest.mark.parametrize(
    ("of_label", "coverage", "threshold"),
    [
        ([], 0.8, 0.0),
        ([0.9, 0.8, 0.7], 0.8, 0.0),
        ([0.9, 0.1, 0.8, 0.7], 0.8, 0.1),
        ([0.9, 0.8, 0.7, 0.6, 0.1, 0.5, 0.4, 0.3, 0.2], 0.8, 0.2),
        ([0.9, 0.8, 0.7, 0.6, 0.1, 0.5, 0.4, 0.3, 0.2], 0.5, 0.5),
        ([0.12345678] * 9, 0.8, 0.123456),
    ],
    ids=["empty", "too few for the coverage", "just enough", "second of nine", "half", "rounded down"],
)
def test_threshold_is_the_finite_sample_quantile(of_label: list[float], coverage: float, threshold: float) -> None:
    """Of n faces, the threshold leaves out fewer than floor((n + 1) (1 - coverage)) labels."""
    probabilities = np.array([[1 - share, share] for share in of_label]).reshape(-1, 2)
    assert fit_set_rule(probabilities, np.ones(len(of_label), int), coverage) == SetRule(coverage, threshold)


@pytest.mark.parametrize("coverage", [0.6, 0.8, 0.95])
def test_sets_hold_the_label_of_new_faces_as_often_as_asked(coverage: float) -> None:
    random = np.random.default_rng(1)
    probabilities = softmax(random.normal(0, 1.5, (20_000, 7)))
    labels = (random.random((len(probabilities), 1)) > probabilities.cumsum(axis=1)).sum(axis=1).clip(0, 6)
    rule = fit_set_rule(probabilities[:5_000], labels[:5_000], coverage)
    holds = rule.members(probabilities)[np.arange(len(labels)), labels][5_000:]
    assert holds.mean() == pytest.approx(coverage, abs=0.02)


@pytest.mark.parametrize(
    ("set_rules", "averaging", "sets"),
    [
        ({}, "none", [None, None]),
        ({"flip": SetRule(0.8, 0.3)}, "none", [None, None]),
        ({"none": SetRule(0.8, 0.3)}, "none", [("fear", "angry"), ("disgust",)]),
        ({"none": SetRule(0.8, 0.3), "flip": SetRule(0.8, 0.05)}, "flip", [("fear", "angry"), ("disgust", "angry")]),
    ],
    ids=["nothing fitted", "the other way fitted", "fitted", "each way by itself"],
)
def test_sets_are_named_the_most_probable_class_first(set_rules: Mapping, averaging: str, sets: list) -> None:
    calibration = Calibration({}, set_rules)
    probabilities = np.array([[0.4, 0.01, 0.59], [0.06, 0.9, 0.04]])
    assert calibration.prediction_sets(probabilities, NAMES, averaging) == sets
    assert calibration.prediction_sets(probabilities[:0], NAMES, averaging) == []


def test_ties_are_named_in_the_order_of_the_classes() -> None:
    sets = Calibration({}, {"none": SetRule(0.8, 0.3)}).prediction_sets(np.full((1, 3), 1 / 3), NAMES)
    assert sets == [NAMES]


@pytest.mark.parametrize(
    ("fitted", "set_rules"),
    [
        ({}, {}),
        ({"temperature": {"none": 1.3}}, {}),
        (
            {"sets": {"coverage": 0.8, "threshold": {"none": 0.2, "flip": 0.3}, "fitted_on": {}}},
            {"none": SetRule(0.8, 0.2), "flip": SetRule(0.8, 0.3)},
        ),
    ],
    ids=["empty", "before there were sets", "fitted"],
)
def test_set_rules_come_from_the_report(fitted: Mapping, set_rules: dict) -> None:
    assert dict(Calibration.from_report({"calibration": fitted}).set_rules) == set_rules


@pytest.mark.parametrize(
    "sets",
    [3, {"threshold": {"none": 0.2}}, {"coverage": 0.8, "threshold": 0.2}, {"coverage": 2, "threshold": {"none": 0.2}}],
    ids=["no object", "no coverage", "one threshold for all", "impossible"],
)
def test_reports_with_damaged_sets_are_refused(sets: object) -> None:
    with pytest.raises((TypeError, ValueError, AttributeError)):
        Calibration.from_report({"calibration": {"sets": sets}})
