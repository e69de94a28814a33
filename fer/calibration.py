"""Logits -> honest probabilities: temperature scaling, fitted by evaluation and applied when serving.

Works on arrays alone; knows nothing about networks, files or pages.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fer.results import Averaging


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


@dataclass(frozen=True)
class Calibration:
    """What serving needs to turn a model's logits into probabilities.

    Attributes:
        temperatures: one for every way of averaging that was fitted; 1 stands in where none was.
    """

    temperatures: Mapping[Averaging, float]

    def __post_init__(self) -> None:
        if any(not 0 < t < np.inf for t in self.temperatures.values()):
            raise ValueError("A temperature must be positive and finite.")

    @classmethod
    def from_report(cls, report: Mapping) -> "Calibration":
        """Take the temperatures out of a model's `report.json`; none where it holds none."""
        return cls(dict(report.get("calibration", {}).get("temperature", {})))

    def probabilities(self, logits: np.ndarray, averaging: Averaging = "none") -> np.ndarray:
        """Calibrated probabilities, float32 of shape (n, classes), for logits of that shape."""
        return softmax(logits, self.temperatures.get(averaging, 1.0))
