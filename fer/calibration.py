"""Logits -> honest probabilities, and probabilities -> the set of classes to name; fitted by evaluation, then served.

Here alone scores become probabilities: whoever serves, measures or teaches asks `Calibration` or `softmax`.
Works on arrays alone; knows nothing about networks, files or pages.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fer.results import Averaging, Target


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Turn logits into probabilities.

    Args:
        logits: float of shape (n, classes); n may be 0.
        temperature: above 1 flattens, below 1 sharpens; positive.

    Returns:
        float32 of shape (n, classes); every row sums to 1.
    """
    scaled = np.asarray(logits, np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True, initial=-np.inf)
    exponentials = np.exp(scaled)
    return (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(np.float32)


def negative_log_likelihood(logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0) -> float:
    """The mean of -log p(label), in nats.

    Args:
        logits: float of shape (n, classes), n at least 1.
        labels: integers of shape (n,), each a class index.
        temperature: as in `softmax`.
    """
    from scipy.special import log_softmax

    log_probabilities = log_softmax(np.asarray(logits, np.float64) / temperature, axis=1)
    return float(-log_probabilities[np.arange(len(labels)), labels].mean())


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Find the temperature with the least negative log likelihood (Guo et al. 2017, https://arxiv.org/abs/1706.04599).

    Args:
        logits: float of shape (n, classes), of rows that the network was not trained on.
        labels: integers of shape (n,).

    Returns:
        A temperature between 0.05 and 20.

    Raises:
        ValueError: there are no rows.
    """
    from scipy.optimize import minimize_scalar

    if len(labels) == 0:
        raise ValueError("A temperature needs at least one row to be fitted on.")
    fit = minimize_scalar(
        lambda log_t: negative_log_likelihood(logits, labels, float(np.exp(log_t))),
        bounds=(np.log(0.05), np.log(20)),
        method="bounded",
    )
    return float(np.exp(fit.x))


def cross_entropy(probabilities: np.ndarray, shares: np.ndarray) -> float:
    """The mean of -sum(share * log(probability)), in nats.

    Args:
        probabilities: float of shape (n, classes), n at least 1.
        shares: float of shape (n, classes), such as votes; every row sums to 1.
    """
    return float(-(shares * np.log(np.maximum(probabilities, 1e-12))).sum(axis=1).mean())


def fit_to_shares(logits: np.ndarray, shares: np.ndarray, shifted: bool) -> tuple[float, tuple[float, ...]]:
    """Find the temperature, and if asked a shift of every class, with the least cross-entropy to shares of votes.

    With a shift this is vector scaling with one scale (Guo et al. 2017, https://arxiv.org/abs/1706.04599).

    Args:
        logits: float of shape (n, classes), of rows that the network was not trained on, n at least 1.
        shares: float of shape (n, classes); every row sums to 1.
        shifted: whether to fit a shift, too.

    Returns:
        A temperature between 0.05 and 20, and what is added to the divided logits: one number a class, 0 on average,
        or none.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    scores, shares = np.asarray(logits, np.float64), np.asarray(shares, np.float64)

    def loss(free: np.ndarray) -> tuple[float, np.ndarray]:
        """The cross-entropy and its slopes, by the logarithm of the factor and by the shift."""
        scaled = scores * np.exp(free[0])
        logs = log_softmax(scaled + free[1:], axis=1)
        excess = (np.exp(logs) - shares) / len(shares)
        return float(-(shares * logs).sum() / len(shares)), np.append((excess * scaled).sum(), excess.sum(axis=0))

    shift_bound = 3.0 if shifted else 0.0
    bounds = [(-math.log(20), math.log(20)), *[(-shift_bound, shift_bound)] * scores.shape[1]]
    found = minimize(loss, np.zeros(len(bounds)), jac=True, method="L-BFGS-B", bounds=bounds).x
    shift = found[1:] - found[1:].mean()
    return float(np.exp(-found[0])), tuple(map(float, shift)) if shifted else ()


_THRESHOLD_DIGITS = 6


@dataclass(frozen=True)
class SetRule:
    """How probable a class must be to belong to a prediction set.

    Attributes:
        coverage: the share of faces whose set is meant to hold their label, in (0, 1).
        threshold: the least calibrated probability of a member, in [0, 1].
    """

    coverage: float
    threshold: float

    def __post_init__(self) -> None:
        if not 0 < self.coverage < 1 or not 0 <= self.threshold <= 1:
            raise ValueError("Prediction sets need a coverage between 0 and 1 and a threshold from 0 to 1.")

    def members(self, probabilities: np.ndarray) -> np.ndarray:
        """Say which classes are in the sets: those that reach the threshold, and always the most probable one.

        Args:
            probabilities: float of shape (n, classes), calibrated; n may be 0.

        Returns:
            bool of shape (n, classes), at least one True in every row.
        """
        reaching = probabilities >= self.threshold
        reaching[np.arange(len(probabilities)), probabilities.argmax(axis=1)] = True
        return reaching


def fit_set_rule(probabilities: np.ndarray, labels: np.ndarray, coverage: float) -> SetRule:
    """Find the threshold above which sets hold the label as often as asked (split conformal prediction).

    Least ambiguous sets: the smallest on average among those of this coverage (Sadinle, Lei and Wasserman 2019,
    https://arxiv.org/abs/1609.00451). For a new face drawn like these the set holds the label with at least this
    probability; for faces of another kind, and for each class by itself, nothing is promised.

    Args:
        probabilities: float of shape (n, classes), of rows that neither trained the network nor fitted the temperature.
        labels: integers of shape (n,); with too few of them for the coverage, every class is in every set.
        coverage: in (0, 1).

    Returns:
        The rule, its threshold rounded down to six digits.
    """
    return fit_set_rule_to_shares(probabilities, np.eye(probabilities.shape[1])[labels], coverage)


def fit_set_rule_to_shares(probabilities: np.ndarray, shares: np.ndarray, coverage: float) -> SetRule:
    """Find the threshold above which sets hold what a rater says as often as asked, as `fit_set_rule` does for labels.

    Args:
        probabilities: float of shape (n, classes), of rows that neither trained the network nor fitted the temperature.
        shares: float of shape (n, classes), of the votes; every row sums to 1.
        coverage: in (0, 1).

    Returns:
        The rule, its threshold rounded down to six digits.
    """
    order = np.argsort(probabilities, axis=None)
    below = np.cumsum(shares.ravel()[order]) <= (len(shares) + 1) * (1 - coverage) + 1e-9
    voted = shares.ravel()[order] > 0
    left_out = np.flatnonzero(below & voted)
    threshold = float(probabilities.ravel()[order][left_out[-1]]) if len(left_out) else 0.0
    return SetRule(coverage, math.floor(threshold * 10**_THRESHOLD_DIGITS) / 10**_THRESHOLD_DIGITS)


@dataclass(frozen=True)
class Calibration:
    """What turns a model's logits into probabilities, and those into sets of classes to name.

    Attributes:
        temperatures: one for every way of averaging that was fitted; 1 stands in where none was.
        shifts: by averaging, what is added to the divided logits of every class; none where that was not fitted.
        target: what probabilities were fitted to: "labels" of one person, or the "votes" of many raters, so that 0.7
            says that about 7 of 10 people would call the face so.
        set_rules: one for every way of averaging that was fitted; where none was, there are no sets.
    """

    temperatures: Mapping[Averaging, float] = field(default_factory=dict)
    set_rules: Mapping[Averaging, SetRule] = field(default_factory=dict)
    shifts: Mapping[Averaging, tuple[float, ...]] = field(default_factory=dict)
    target: Target = "labels"

    def __post_init__(self) -> None:
        if any(not 0 < t < np.inf for t in self.temperatures.values()):
            raise ValueError("A temperature must be positive and finite.")
        if not all(np.isfinite(shift).all() for shift in self.shifts.values()):
            raise ValueError("A shift must be finite.")
        if self.target not in ("labels", "votes"):
            raise ValueError(f"Probabilities are fitted to labels or votes, but this says {self.target}.")

    @classmethod
    def from_report(cls, report: Mapping) -> "Calibration":
        """Take what was fitted out of a model's `report.json`; nothing where it holds nothing.

        Raises:
            TypeError, ValueError, AttributeError: the report does not fit.
        """
        fitted = report.get("calibration", {})
        sets = fitted.get("sets", {})
        rules = {way: SetRule(sets.get("coverage"), threshold) for way, threshold in sets.get("threshold", {}).items()}
        shifts = {way: tuple(map(float, shift)) for way, shift in fitted.get("shift", {}).items()}
        target = fitted.get("fitted_on", {}).get("target", "labels")
        return cls(dict(fitted.get("temperature", {})), rules, shifts, target)

    def temperature(self, averaging: Averaging = "none") -> float:
        """What logits are divided by."""
        return self.temperatures.get(averaging, 1.0)

    def calibrated(self, logits: np.ndarray, averaging: Averaging = "none") -> np.ndarray:
        """Logits divided by the temperature and shifted, float64 of shape (n, classes), for logits of that shape."""
        return np.asarray(logits, np.float64) / self.temperature(averaging) + np.array(self.shifts.get(averaging, 0.0))

    def probabilities(self, logits: np.ndarray, averaging: Averaging = "none") -> np.ndarray:
        """Calibrated probabilities, float32 of shape (n, classes), for logits of that shape."""
        return softmax(self.calibrated(logits, averaging))

    def prediction_sets(
        self, probabilities: np.ndarray, classes: Sequence[str], averaging: Averaging = "none"
    ) -> list[tuple[str, ...] | None]:
        """Name the classes that may be meant, face by face.

        Args:
            probabilities: float of shape (n, classes), as `probabilities` returns them.
            classes: the names of the columns.
            averaging: how the logits were averaged.

        Returns:
            For every face its set, the most probable class first; None for each where no rule was fitted.
        """
        rule = self.set_rules.get(averaging)
        if rule is None:
            return [None] * len(probabilities)
        order = np.argsort(-probabilities, axis=1, kind="stable")
        sizes = rule.members(probabilities).sum(axis=1)
        return [tuple(classes[i] for i in row[:size]) for row, size in zip(order, sizes, strict=True)]
