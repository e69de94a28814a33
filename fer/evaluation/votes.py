"""Probabilities and raters' votes -> how near a model comes to what people see, and whether "n of 10 people" is so.

Works on arrays alone; knows nothing about networks, data sets, files or pages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fer.calibration import SetRule, cross_entropy

PEOPLE = 10
"""Of how many people the app says how many would name an expression."""


@dataclass(frozen=True)
class SaidOfTen:
    """The faces of which the app says that about `said` of 10 people would call them what it reads.

    Attributes:
        said: 0 to 10, the rounded probability.
        faces: how many.
        predicted: the mean probability, in [0, 1].
        voted: the mean share of raters who did call them that, in [0, 1].
    """

    said: int
    faces: int
    predicted: float
    voted: float


@dataclass(frozen=True)
class VoteFigures:
    """How a model's calibrated probabilities fit the votes of raters. Every share is in [0, 1].

    Attributes:
        n: faces with votes for an expression.
        cross_entropy: of the votes under the probabilities, mean a face, in nats.
        entropy: of the votes themselves: no reader can have a lower cross-entropy.
        agreement: how often a rater chose what the model reads.
        raters_agreement: how often a rater chose what most of the other raters of that face chose.
        set_agreement: how often what a rater chose is in the model's prediction set; None where there are no sets.
        said_of_ten: by what is said of the expression that is read; only what occurs.
    """

    n: int
    cross_entropy: float
    entropy: float
    agreement: float
    raters_agreement: float
    set_agreement: float | None
    said_of_ten: tuple[SaidOfTen, ...]

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "VoteFigures":
        """Read what `to_dict` wrote; raises TypeError or KeyError where something is missing."""
        return cls(**{**values, "said_of_ten": tuple(SaidOfTen(**row) for row in values["said_of_ten"])})


def measure_votes(
    probabilities: np.ndarray, shares: np.ndarray, raters_agreement: np.ndarray, set_rule: SetRule | None = None
) -> VoteFigures | None:
    """Measure how probabilities fit votes.

    Args:
        probabilities: float of shape (n, classes), calibrated.
        shares: float of shape (n, classes), the votes for each class as shares of all raters who chose an expression;
            rows of zeros are left out.
        raters_agreement: float of shape (n,), see `fer.datasets.ferplus.one_against_the_others`.
        set_rule: which classes are in the prediction sets; None where there are none.

    Returns:
        The figures; None where no face has votes.
    """
    voted = shares.any(axis=1)
    if not voted.any():
        return None
    probabilities, shares = probabilities[voted].astype(np.float64), shares[voted].astype(np.float64)
    read = probabilities.argmax(axis=1)
    rows = np.arange(len(read))
    confidence, agreement = probabilities[rows, read], shares[rows, read]
    said = np.rint(confidence * PEOPLE).astype(int)
    held = None if set_rule is None else float((shares * set_rule.members(probabilities)).sum(axis=1).mean())
    return VoteFigures(
        n=len(read),
        cross_entropy=cross_entropy(probabilities, shares),
        entropy=cross_entropy(shares, shares),
        agreement=float(agreement.mean()),
        raters_agreement=float(np.nanmean(raters_agreement[voted])),
        set_agreement=held,
        said_of_ten=tuple(
            SaidOfTen(
                int(number),
                int((said == number).sum()),
                float(confidence[said == number].mean()),
                float(agreement[said == number].mean()),
            )
            for number in np.unique(said)
        ),
    )


def recall_of_majority(scores: np.ndarray, shares: np.ndarray) -> float | None:
    """The mean recall of the classes that more than half of the raters chose, on the faces where they did.

    Args:
        scores: float of shape (n, classes), logits or probabilities; the highest is what is read.
        shares: float of shape (n, classes), of the votes; rows of zeros are left out.

    Returns:
        A share in [0, 1]; None where the raters agree on no face.
    """
    agreed = shares.max(axis=1, initial=0) > 0.5
    seen, read = shares[agreed].argmax(axis=1), scores[agreed].argmax(axis=1)
    recalls = [(read[seen == label] == label).mean() for label in np.unique(seen)]
    return float(np.mean(recalls)) if recalls else None


def shares_among(shares: np.ndarray, voted: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Keep the columns of some classes, in their order; what was voted for others is left out of the sum.

    Args:
        shares: float of shape (n, voted).
        voted: the classes of the columns.
        classes: which to keep, all of them among `voted`.
    """
    kept = shares[:, [list(voted).index(name) for name in classes]]
    totals = kept.sum(axis=1, keepdims=True)
    return np.where(totals > 0, kept / np.where(totals > 0, totals, 1), 0)
