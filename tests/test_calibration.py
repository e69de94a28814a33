"""Logits to probabilities, and the temperature that makes them honest."""

from collections.abc import Mapping

import numpy as np
import pytest

from fer.calibration import Calibration, fit_temperature, negative_log_likelihood, softmax


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
