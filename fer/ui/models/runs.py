"""Evaluations that a visitor asks for: in a thread, one after another, with progress and a way out.

What was measured is kept for all visitors, found by the digests of the data and of the model's files.
"""

import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import streamlit as st

from fer import paths
from fer.datasets import FaceDataset
from fer.errors import BudgetError, FerError
from fer.evaluation import Evaluation, Readings, evaluate_readings, read_split
from fer.evaluation.evaluate import Model
from fer.recognition import MODEL_FILE, REPORT_FILE
from fer.results import Averaging
from fer.ui.loaders import file_version
from fer.ui.shares import TURNS, Work
from fer.ui.visitor import find_share

MAX_KEPT = 24
"""How many results are kept: the logits of FER2013's Training rows are 1.6 MB."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Key:
    """What a result belongs to: digests of the model's files and of the data, and the split."""

    model: str
    data: str
    split: str


@dataclass(frozen=True, eq=False)
class Result:
    """What a model said of a split, and the figures that follow.

    Attributes:
        evaluation: the figures.
        rows: int64 of shape (n,), numbers in the file of the rows that were read.
        logits: by averaging, float32 of shape (n, classes), uncalibrated.
    """

    evaluation: Evaluation
    rows: np.ndarray
    logits: Mapping[Averaging, np.ndarray]

    def faces(self, dataset: FaceDataset) -> FaceDataset:
        """The rows that were read, out of the data set that they belong to."""
        return dataset.take(np.searchsorted(dataset.rows, self.rows))


class Kept:
    """The results of this server, the oldest of many forgotten; may be used by several threads."""

    def __init__(self) -> None:
        self._results: OrderedDict[Key, Result] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._results)

    def get(self, key: Key) -> Result | None:
        with self._lock:
            return self._results.get(key)

    def put(self, key: Key, result: Result) -> None:
        with self._lock:
            self._results[key] = result
            while len(self._results) > MAX_KEPT:
                self._results.popitem(last=False)


@st.cache_resource(show_spinner=False)
def open_kept() -> Kept:
    """The results, one shelf for all visitors."""
    return Kept()


@st.cache_data(show_spinner=False, max_entries=64)
def _digest(name: str, version: tuple[int, ...]) -> str:
    folder = paths.find_models()[name]
    digest = hashlib.sha256()
    for file in (folder / file for file in (paths.CARD_FILE, MODEL_FILE, REPORT_FILE)):
        digest.update(file.read_bytes() if file.exists() else b"")
        digest.update(b"\0")
    return digest.hexdigest()


def model_digest(name: str) -> str:
    """SHA-256 in hex over the files that an installed model's figures follow from: card, network and calibration."""
    return _digest(name, file_version(name))


class _StoppedError(Exception):
    """Ends a reading that nobody waits for any more."""


@dataclass(eq=False)
class Run:
    """Models that read a split, one after the other.

    Attributes:
        models: still to be read or read, with the key of each one's result.
        dataset: all rows of the data set.
        split: which of them are read.
        errors: by model, why it has no result; under "", why none has.
        share: how much is done, in [0, 1].
        at: the model that reads now; "" before the first.
        before: how many others come first; None where it does not wait.
    """

    models: Sequence[tuple[Key, Model]]
    dataset: FaceDataset
    split: str
    errors: dict[str, str] = field(default_factory=dict)
    share: float = 0.0
    at: str = ""
    before: int | None = None

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._done = threading.Event()
        self._started_s = 0.0

    @property
    def done(self) -> bool:
        """Nothing more will come."""
        return self._done.is_set()

    @property
    def stopped(self) -> bool:
        """It was stopped before its end."""
        return self._stop.is_set()

    @property
    def left_s(self) -> float | None:
        """How long it will still take, seconds; None while that cannot be said."""
        if self.share < 0.02:
            return None
        return (time.monotonic() - self._started_s) / self.share * (1 - self.share)

    def start(self, results: Kept) -> None:
        """Begin in a thread, which puts every result on the shelf as soon as it is there."""
        self._thread = threading.Thread(target=self._work, args=(results, find_share()), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end; results that are there already stay."""
        self._stop.set()

    def wait(self) -> None:
        """Return once it has ended."""
        self._thread.join()

    def _wait(self, before: int) -> None:
        self.before = before
        if self.stopped:
            raise _StoppedError

    def _work(self, results: Kept, who: str | None) -> None:
        try:
            with TURNS.take(Work.EVALUATION, who, self._wait):
                self.before = None
                self._started_s = time.monotonic()
                for turn, (key, model) in enumerate(self.models):
                    if not self.stopped and results.get(key) is None:
                        self._read(turn, key, model, results)
        except _StoppedError:
            pass
        except BudgetError as error:
            self.errors[""] = str(error)
        finally:
            self._done.set()

    def _read(self, turn: int, key: Key, model: Model, results: Kept) -> None:
        self.at = model.card.name

        def report(share: float) -> None:
            if self.stopped:
                raise _StoppedError
            self.share = (turn + share) / len(self.models)

        try:
            readings: Readings = read_split(model, self.dataset, self.split, report)
            evaluation = evaluate_readings(model.card, self.dataset, readings, model.calibration)
        except FerError as error:
            self.errors[self.at] = str(error)
        except _StoppedError:
            raise
        except Exception:
            _log.exception("The model %s could not be evaluated", self.at)
            self.errors[self.at] = f"The model {self.at} could not be evaluated; the server's log says why."
        else:
            results.put(key, Result(evaluation, readings.faces.rows, readings.logits))
