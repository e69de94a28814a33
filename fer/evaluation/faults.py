"""What each fault of a crop costs a model: the figures as a report keeps them, and how a share is held against others.

Measured by `tools/fault_costs.py`. Works on arrays alone; knows nothing about networks, crops or pages.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fer.evaluation.metrics import RESAMPLES, SEED, accuracy_interval, interval_95, paired_difference
from fer.results import Fault


@dataclass(frozen=True)
class CostFigures:
    """How faces with one fault are read, against faces with nothing wrong. Shares are in [0, 1].

    Attributes:
        fault: the one fault that they have.
        how: how it came about, in words.
        n: how many faces have it.
        right: the share of them that is read rightly.
        right_95: its 95 % interval.
        right_without: the share of faces of the same expressions with nothing wrong that is read rightly.
        difference: `right` minus `right_without`.
        difference_95: its 95 % interval; the fault surely costs something where that ends below 0.
    """

    fault: Fault
    how: str
    n: int
    right: float
    right_95: tuple[float, float]
    right_without: float
    difference: float
    difference_95: tuple[float, float]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "CostFigures":
        """Read what a report holds; raises TypeError or KeyError where something is missing or unknown."""
        pairs = {name: tuple(values[name]) for name in ("right_95", "difference_95")}
        return cls(**{**values, **pairs})


@dataclass(frozen=True)
class FaultStudy:
    """What each fault costs one model.

    Attributes:
        data, split, digest: what the faces are from, as in `Stamp`.
        n: how many faces nothing is wrong with.
        right, right_95: the share of those that is read rightly, in [0, 1], and its 95 % interval.
        costs: fault by fault.
        seed: draws how strongly each face is damaged.
        code_version, date: as in `Stamp`.
    """

    data: str
    split: str
    digest: str
    n: int
    right: float
    right_95: tuple[float, float]
    costs: tuple[CostFigures, ...]
    seed: int
    code_version: str
    date: str

    def to_dict(self) -> dict[str, Any]:
        """The study as JSON holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "FaultStudy":
        """Read what `to_dict` wrote; raises TypeError or KeyError where something is missing or unknown."""
        costs = tuple(CostFigures.from_dict(cost) for cost in values["costs"])
        return cls(**{**values, "right_95": tuple(values["right_95"]), "costs": costs})


def same_faces_cost(fault: Fault, how: str, right: np.ndarray, right_without: np.ndarray) -> CostFigures:
    """What a fault costs that was done to faces.

    Args:
        fault: the fault.
        how: how it was done.
        right: bool of shape (n,), n at least 1: which are read rightly with it.
        right_without: bool of shape (n,): which of the same faces are read rightly without it.
    """
    paired = paired_difference(right, right_without)
    return _cost(fault, how, right, float(right_without.mean()), paired.difference, paired.interval_95)


def other_faces_cost(
    fault: Fault, how: str, right: np.ndarray, labels: np.ndarray, right_without: np.ndarray, labels_without: np.ndarray
) -> CostFigures:
    """What a fault costs that faces came with, against other faces, each expression counting as among the first.

    The interval is that of a percentile bootstrap, from 2,000 seeded resamples of both groups within each expression:
    drawing faces with replacement makes the number of right ones binomial, so it is drawn as such.

    Args:
        fault: the fault.
        how: where the faces are from.
        right: bool of shape (n,), n at least 1: which faces with the fault are read rightly.
        labels: integers of shape (n,), their classes.
        right_without, labels_without: the same of faces without it, shape (m,); they show each of those classes.
    """
    rng = np.random.default_rng(SEED)
    expected, drawn = 0.0, np.zeros(RESAMPLES)
    for label in np.unique(labels):
        ours, others = right[labels == label], right_without[labels_without == label]
        weight = len(ours) / len(right)
        expected += weight * float(others.mean())
        for sign, group in ((1, ours), (-1, others)):
            drawn += sign * weight * rng.binomial(len(group), group.mean(), RESAMPLES) / len(group)
    return _cost(fault, how, right, expected, float(right.mean()) - expected, interval_95(drawn))


def _cost(
    fault: Fault,
    how: str,
    right: np.ndarray,
    right_without: float,
    difference: float,
    difference_95: tuple[float, float],
) -> CostFigures:
    return CostFigures(
        fault=fault,
        how=how,
        n=len(right),
        right=_rounded(float(right.mean())),
        right_95=_pair(accuracy_interval(right)),
        right_without=_rounded(right_without),
        difference=_rounded(difference),
        difference_95=_pair(difference_95),
    )


def _rounded(share: float) -> float:
    return round(share, 6)


def _pair(interval: tuple[float, float]) -> tuple[float, float]:
    low, high = interval
    return _rounded(low), _rounded(high)
