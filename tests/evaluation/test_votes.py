"""Votes: how near a model is to what people see, and whether "n of 10 people" is so."""

import json

import numpy as np
import pytest

from fer.calibration import Calibration, SetRule, cross_entropy, fit_set_rule_to_shares, fit_to_shares, softmax
from fer.evaluation.votes import VoteFigures, measure_votes, shares_among


def test_without_votes_there_are_no_figures() -> None:
    assert measure_votes(np.full((2, 2), 0.5), np.zeros((2, 2)), np.zeros(2)) is None
    assert measure_votes(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0)) is None


def test_figures_of_known_votes() -> None:
    probabilities = np.array([[0.72, 0.28], [0.68, 0.32], [0.1, 0.9], [0.5, 0.5]])
    shares = np.array([[0.6, 0.4], [0.8, 0.2], [0.0, 1.0], [0.0, 0.0]])
    found = measure_votes(probabilities, shares, np.array([0.5, 0.7, 0.9, np.nan]), SetRule(0.8, 0.3))
    assert found.n == 3
    assert found.agreement == pytest.approx((0.6 + 0.8 + 1.0) / 3)
    assert found.raters_agreement == pytest.approx(0.7)
    assert found.set_agreement == pytest.approx((0.6 + 1.0 + 1.0) / 3)
    assert [(row.said, row.faces) for row in found.said_of_ten] == [(7, 2), (9, 1)]
    assert found.said_of_ten[0].predicted == pytest.approx(0.7)
    assert found.said_of_ten[0].voted == pytest.approx(0.7)
    assert found.cross_entropy > found.entropy > 0
    assert VoteFigures.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        pytest.param([[0.5, 0.3, 0.2]], [[0.2 / 0.7, 0.5 / 0.7]], id="the others' votes are left out"),
        pytest.param([[0.0, 1.0, 0.0]], [[0.0, 0.0]], id="nobody chose one of them"),
        pytest.param(np.zeros((0, 3)), np.zeros((0, 2)), id="empty"),
    ],
)
def test_votes_for_what_a_model_does_not_know_are_left_out(shares: list, expected: list) -> None:
    np.testing.assert_allclose(shares_among(np.array(shares), "abc", "ca"), expected)


def _drawn(n: int = 16_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are twice too sure and too low for the first class, and the votes of ten people."""
    rng = np.random.default_rng(0)
    true = rng.normal(size=(n, 3))
    votes = np.stack([rng.multinomial(10, p / p.sum()) for p in softmax(true).astype(float)])
    return 2 * (true - [0.5, 0, 0]), votes / 10


def test_a_temperature_and_a_shift_are_found_again() -> None:
    """Also from float32, whose last digits hide small steps."""
    logits, shares = _drawn()
    logits = logits.astype(np.float32)
    temperature, shift = fit_to_shares(logits, shares, shifted=True)
    assert temperature == pytest.approx(2, rel=0.05)
    np.testing.assert_allclose(shift, [1 / 3, -1 / 6, -1 / 6], atol=0.05)
    plain, none = fit_to_shares(logits + np.float32([1, 0, 0]), shares, shifted=False)
    assert none == ()
    assert plain == pytest.approx(2, rel=0.02)
    found = measure_votes(
        Calibration({"none": temperature}, shifts={"none": shift}).probabilities(logits), shares, np.zeros(len(logits))
    )
    assert all(abs(row.predicted - row.voted) < 0.03 for row in found.said_of_ten if row.faces >= 100)


@pytest.mark.parametrize("shifted", [False, True])
def test_logits_that_are_nearly_right_are_fitted_too(shifted: bool) -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(size=(1800, 7)) * 2
    shares = np.stack([rng.multinomial(10, p / p.sum()) / 10 for p in softmax(true).astype(float)])
    logits = (1.03 * true).astype(np.float32)
    temperature, shift = fit_to_shares(logits, shares, shifted)
    offset = shift if shifted else np.zeros(7)
    reached = cross_entropy(softmax(logits / temperature + offset), shares)
    for other in (0.995 * temperature, 1.005 * temperature):
        assert reached < cross_entropy(softmax(logits / other + offset), shares)


@pytest.mark.parametrize("coverage", [0.7, 0.8, 0.95])
def test_sets_hold_what_raters_say_as_often_as_asked(coverage: float) -> None:
    logits, shares = _drawn()
    probabilities = softmax(logits, 2.0)
    rule = fit_set_rule_to_shares(probabilities[::2], shares[::2], coverage)
    found = measure_votes(probabilities[1::2], shares[1::2], np.zeros(len(logits) // 2), rule)
    assert found.set_agreement == pytest.approx(coverage, abs=0.03)
