"""Logits and labels -> figures: accuracy with its interval, per class, calibration, sets, and paired differences.

Works on arrays alone; knows nothing about networks, data sets, files or pages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from fer.calibration import Calibration, SetRule, negative_log_likelihood
from fer.evaluation.votes import VoteFigures
from fer.results import Averaging

BINS = 15
RESAMPLES = 2_000
SEED = 0
_DIGITS = 6


@dataclass(frozen=True)
class ClassFigures:
    """How one class is read.

    Attributes:
        precision: share of the faces read as this class that are of it; None where no face was read so.
        recall: share of this class's faces that are read as it.
        f1: harmonic mean of the two.
        support: number of this class's faces; where it is 0, the three others are None.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True)
class SetFigures:
    """How well prediction sets keep what they were fitted for. Every share is in [0, 1].

    Attributes:
        asked: the coverage that the rule was fitted for.
        threshold: the least probability of a member.
        coverage: share of faces whose set holds their label.
        single_share: share of faces whose set is one class.
        mean_size: classes a set, on average.
        coverage_by_class: coverage among the faces of each class; None where a class has none.
    """

    asked: float
    threshold: float
    coverage: float
    single_share: float
    mean_size: float
    coverage_by_class: Mapping[str, float | None]


@dataclass(frozen=True)
class Figures:
    """What was measured in one way of averaging. Every share is in [0, 1].

    Attributes:
        accuracy: share of faces read as labelled.
        accuracy_95: its 95 % interval, drawn by person where it is known who is seen, else by face.
        macro_f1, macro_recall: means over the classes that have faces.
        macro_recall_95: the 95 % interval of the macro recall, drawn as that of the accuracy is.
        ece: expected calibration error of the calibrated probabilities.
        ece_raw: the same before calibration.
        nll: mean negative log likelihood of the calibrated probabilities, in nats.
        n: number of faces.
        accuracy_without_copies: accuracy on the faces that have no identical picture among the training faces; None
            where that was not asked or no face is left.
        per_class: by class, in the model's order.
        confusion: counts, a row for every labelled class, a column for every class read.
        sets: of the prediction sets; None where no rule was fitted.
        votes: how probabilities fit the votes of raters; None where the faces have none.
    """

    accuracy: float
    accuracy_95: tuple[float, float]
    macro_f1: float
    macro_recall: float
    macro_recall_95: tuple[float, float]
    ece: float
    ece_raw: float
    nll: float
    n: int
    accuracy_without_copies: float | None
    per_class: Mapping[str, ClassFigures]
    confusion: tuple[tuple[int, ...], ...]
    sets: SetFigures | None = None
    votes: VoteFigures | None = None

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON holds them, rounded to six digits."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        values["per_class"] = {name: asdict(figures) for name, figures in self.per_class.items()}
        values["sets"] = None if self.sets is None else asdict(self.sets)
        del values["votes"]
        if self.votes is not None:
            values["votes"] = self.votes.to_dict()
        return _rounded(values)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Figures":
        """Read what `to_dict` wrote; raises TypeError or KeyError where something is missing.

        Figures from before there were prediction sets lack the entry `sets` and are read as having none; from before
        the interval of the macro recall was kept, they get one that is drawn by face.
        """
        sets, votes = values.get("sets"), values.get("votes")
        per_class = {name: ClassFigures(**figures) for name, figures in values["per_class"].items()}
        return cls(
            **{
                **values,
                "sets": None if sets is None else SetFigures(**sets),
                "votes": None if votes is None else VoteFigures.from_dict(votes),
                "accuracy_95": tuple(values["accuracy_95"]),
                "macro_recall_95": tuple(values.get("macro_recall_95") or macro_recall_interval(per_class)),
                "per_class": per_class,
                "confusion": tuple(tuple(row) for row in values["confusion"]),
            }
        )


def measure(
    logits: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    calibration: Calibration | None = None,
    averaging: Averaging = "none",
    has_copy: np.ndarray | None = None,
    people: np.ndarray | None = None,
) -> Figures:
    """Measure how logits fit labels.

    Args:
        logits: float of shape (n, classes), n at least 1.
        labels: integers of shape (n,), each a class index.
        classes: their names; a class may have no face.
        calibration: what makes probabilities of the logits, and sets of those; None leaves them as they are.
        averaging: how the logits were averaged.
        has_copy: bool of shape (n,), True where the training faces hold an identical picture; None where that does
            not apply.
        people: of shape (n,), who is seen, so that intervals are drawn by person; None where nobody knows.

    Raises:
        ValueError: there are no faces.
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    if len(labels) == 0:
        raise ValueError("Figures need at least one face.")
    calibration = calibration or Calibration()
    calibrated = calibration.calibrated(logits, averaging)
    read = calibrated.argmax(axis=1)
    correct = read == labels
    indices = list(range(len(classes)))
    columns = precision_recall_fscore_support(labels, read, labels=indices, zero_division=np.nan)
    _, recall, f1, support = columns
    has_faces = support > 0
    per_class = {
        name: ClassFigures(_number(p), _number(r), _number(f), int(n)) if n else ClassFigures(None, None, None, 0)
        for name, p, r, f, n in zip(classes, *columns, strict=True)
    }
    probabilities = calibration.probabilities(logits, averaging)
    set_rule = calibration.set_rules.get(averaging)
    clean = None if has_copy is None or has_copy.all() else float(correct[~has_copy].mean())
    return Figures(
        accuracy=float(correct.mean()),
        accuracy_95=accuracy_interval(correct) if people is None else clustered_interval(correct, people),
        macro_f1=float(f1[has_faces].mean()),
        macro_recall=float(recall[has_faces].mean()),
        macro_recall_95=macro_recall_interval(per_class)
        if people is None
        else clustered_macro_recall_interval(correct, labels, people),
        ece=reliability(probabilities, labels).ece,
        ece_raw=reliability(Calibration().probabilities(logits), labels).ece,
        nll=negative_log_likelihood(calibrated, labels),
        n=len(labels),
        accuracy_without_copies=clean,
        per_class=per_class,
        confusion=tuple(map(tuple, confusion_matrix(labels, read, labels=indices).tolist())),
        sets=None if set_rule is None else _measure_sets(set_rule, probabilities, labels, classes),
    )


def _measure_sets(rule: SetRule, probabilities: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> SetFigures:
    members = rule.members(probabilities)
    holds = members[np.arange(len(labels)), labels]
    sizes = members.sum(axis=1)
    of_class = {name: holds[labels == i] for i, name in enumerate(classes)}
    return SetFigures(
        asked=rule.coverage,
        threshold=rule.threshold,
        coverage=float(holds.mean()),
        single_share=float((sizes == 1).mean()),
        mean_size=float(sizes.mean()),
        coverage_by_class={name: float(held.mean()) if len(held) else None for name, held in of_class.items()},
    )


@dataclass(frozen=True, eq=False)
class Reliability:
    """A reliability curve: how often a face is read right, by how sure the reading was.

    Attributes:
        confidence: float64 of shape (bins,), the mean confidence in each bin; NaN where a bin is empty.
        accuracy: float64 of shape (bins,), the share read right in each bin; NaN where a bin is empty.
        counts: int64 of shape (bins,).
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    counts: np.ndarray

    @property
    def ece(self) -> float:
        """The expected calibration error: the mean gap between confidence and accuracy, weighted by faces."""
        filled = self.counts > 0
        gaps = np.abs(self.confidence[filled] - self.accuracy[filled])
        return float(np.average(gaps, weights=self.counts[filled]))


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> Reliability:
    """Bin faces by confidence, in bins of equal width (Guo et al. 2017, https://arxiv.org/abs/1706.04599).

    Args:
        probabilities: float of shape (n, classes), n at least 1.
        labels: integers of shape (n,), each a class index.
        bins: how many; a bin holds its upper edge, not its lower one.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == labels
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    counts = np.bincount(index, minlength=bins)
    divisor = np.where(counts > 0, counts, np.nan)
    return Reliability(
        confidence=np.bincount(index, weights=confidence, minlength=bins) / divisor,
        accuracy=np.bincount(index, weights=correct, minlength=bins) / divisor,
        counts=counts,
    )


def accuracy_interval(correct: np.ndarray) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of an accuracy, from 2,000 seeded resamples.

    Drawing n faces with replacement makes the number of right ones binomial, so it is drawn as such.

    Args:
        correct: bool of shape (n,), n at least 1.
    """
    n = len(correct)
    shares = np.random.default_rng(SEED).binomial(n, correct.mean(), RESAMPLES) / n
    return interval_95(shares)


def clustered_interval(correct: np.ndarray, people: np.ndarray) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of an accuracy on faces of few people, from 2,000 seeded resamples.

    People are drawn with replacement, as many as there are, each with all of their faces, since the faces of one
    person are alike: the cluster bootstrap (Field and Welsh 2007, https://doi.org/10.1111/j.1467-9868.2007.00593.x).

    Args:
        correct: bool of shape (n,), n at least 1.
        people: of shape (n,), who is seen on every face.
    """
    sizes, right = _by_person(people, np.ones(len(correct)), correct)
    drawn = _drawn_people(len(sizes))
    return interval_95((drawn @ right) / (drawn @ sizes))


def clustered_macro_recall_interval(correct: np.ndarray, labels: np.ndarray, people: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of a macro recall by the cluster bootstrap, as `clustered_interval` draws it.

    Where a resample holds no face of a class, the mean is over the others.

    Args:
        correct: bool of shape (n,), n at least 1.
        labels: integers of shape (n,), each a class index.
        people: of shape (n,), who is seen on every face.
    """
    of_class = [labels == label for label in np.unique(labels)]
    support = np.stack(_by_person(people, *of_class), axis=1)
    right = np.stack(_by_person(people, *(correct & is_of for is_of in of_class)), axis=1)
    drawn = _drawn_people(len(support))
    faces = drawn @ support
    return interval_95(np.nanmean((drawn @ right) / np.where(faces > 0, faces, np.nan), axis=1))


@dataclass(frozen=True)
class PairedDifference:
    """How much more often one of two readers is right on the same faces.

    Attributes:
        difference: accuracy of the first minus that of the second, in [-1, 1].
        interval_95: its 95 % interval; the two differ where it does not hold 0.
        n: number of faces.
    """

    difference: float
    interval_95: tuple[float, float]
    n: int


def paired_difference(
    correct_a: np.ndarray, correct_b: np.ndarray, people: np.ndarray | None = None
) -> PairedDifference:
    """Compare two readers on the same faces, by percentile bootstrap (2,000 seeded resamples).

    Where it is known who is seen, people are drawn, as `clustered_interval` does. Else faces are: a face counts 1, 0
    or -1, so a resample's counts are multinomial and are drawn as such.

    Args:
        correct_a: bool of shape (n,), n at least 1: where the first is right.
        correct_b: bool of shape (n,): where the second is right, on the same faces in the same order.
        people: of shape (n,), who is seen on every face; None where nobody knows.

    Raises:
        ValueError: there are no faces, or the two differ in number.
    """
    gains = _gains(correct_a, correct_b)
    n = len(gains)
    if people is None:
        shares = np.array([np.mean(gains == value) for value in (-1, 0, 1)])
        drawn = np.random.default_rng(SEED).multinomial(n, shares, RESAMPLES)
        differences = (drawn[:, 2] - drawn[:, 0]) / n
    else:
        sizes, gained = _by_person(people, np.ones(n), gains)
        drawn = _drawn_people(len(sizes))
        differences = (drawn @ gained) / (drawn @ sizes)
    return PairedDifference(float(gains.mean()), interval_95(differences), n)


@dataclass(frozen=True)
class McNemar:
    """Whether two readers differ by more than chance on the same faces.

    Attributes:
        only_a, only_b: faces that only the first, or only the second, reads right; all others say nothing about
            which one is better.
        p_value: how likely so uneven a division or a more uneven one would be between equals, both sides counted.
    """

    only_a: int
    only_b: int
    p_value: float


def mcnemar(correct_a: np.ndarray, correct_b: np.ndarray, people: np.ndarray | None = None) -> McNemar:
    """Test whether one of two readers is right more often on the same faces.

    By face this is McNemar's test (1947) in its exact form. Where it is known who is seen, the person is the unit, or
    twenty alike faces of one person would count as twenty proofs: Fisher's exact randomization test for pairs (1935),
    which swaps the two readers for a whole person at a time, in all ways, and is McNemar's test where everyone has one
    face.

    Args:
        correct_a: bool of shape (n,), n at least 1: where the first is right.
        correct_b: bool of shape (n,): where the second is right, on the same faces in the same order.
        people: of shape (n,), who is seen on every face; None where nobody knows.

    Returns:
        The counts and the p-value; that is 1 where the two are right on the very same faces.

    Raises:
        ValueError: there are no faces, or the two differ in number.
    """
    gains = _gains(correct_a, correct_b)
    by_unit = gains if people is None else np.rint(_by_person(people, gains)[0]).astype(np.int64)
    return McNemar(int((gains > 0).sum()), int((gains < 0).sum()), _sign_flip_p(by_unit))


def _sign_flip_p(gains: np.ndarray) -> float:
    """How likely the sum of gains would be as far from 0 or farther, if each had its sign by the toss of a coin.

    The distribution is built exactly, one gain after the other.
    """
    sizes = np.abs(gains[gains != 0])
    reach = int(sizes.sum())
    chance = np.zeros(2 * reach + 1)
    chance[reach] = 1
    for size in sizes:  # nothing wraps round, since no sum goes beyond the reach
        chance = (np.roll(chance, size) + np.roll(chance, -size)) / 2
    sums = np.arange(-reach, reach + 1)
    return min(1.0, float(chance[np.abs(sums) >= abs(int(gains.sum()))].sum()))


def macro_recall_interval(per_class: Mapping[str, ClassFigures]) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of a macro recall, from 2,000 seeded resamples by face.

    Faces are drawn within their class, as many as it has, which makes the right ones of each class binomial.
    """
    measured = [its for its in per_class.values() if its.support]
    support = np.array([its.support for its in measured])
    recall = np.array([its.recall for its in measured])
    drawn = np.random.default_rng(SEED).binomial(support, recall, (RESAMPLES, len(measured)))
    return interval_95((drawn / support).mean(axis=1))


def _by_person(people: np.ndarray, *values: np.ndarray) -> list[np.ndarray]:
    """The sum of each of these values, of shape (n,), over the faces of every person: float of shape (people,)."""
    _, person = np.unique(people, return_inverse=True)
    return [np.bincount(person, weights=value) for value in values]


def _drawn_people(people: int) -> np.ndarray:
    """How often each person is drawn in every resample: int64 of shape (resamples, people)."""
    return np.random.default_rng(SEED).multinomial(people, np.full(people, 1 / people), RESAMPLES)


def _gains(correct_a: np.ndarray, correct_b: np.ndarray) -> np.ndarray:
    """1 where the first alone is right, -1 where the second alone is, else 0: int64 of shape (n,)."""
    if len(correct_a) != len(correct_b) or len(correct_a) == 0:
        raise ValueError(f"Both need the same faces, at least one, but have {len(correct_a)} and {len(correct_b)}.")
    return np.asarray(correct_a, np.int64) - np.asarray(correct_b, np.int64)


def interval_95(values: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of what resamples gave, float of shape (n,)."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_rounded(item) for item in value]
    return value
