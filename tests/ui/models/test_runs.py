"""Evaluations in a thread: their end, their errors, their order, and what is kept of them."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fer.calibration import Calibration
from fer.datasets import FaceDataset
from fer.datasets.dataset import digest_of
from fer.emotions import EMOTIONS
from fer.ui.models import runs
from fer.ui.models.runs import MAX_KEPT, Kept, Key, Result, Run, model_digest
from fer.ui.shares import TURNS, Work
from tests.fakes import install_model


class Reader:
    """Reads every face as happy; `asked` counts its calls."""

    def __init__(self, name: str = "reader") -> None:
        self.card = SimpleNamespace(
            name=name, classes=EMOTIONS, crop_size=4, trained_on=("elsewhere", "Training"), training={}, learned=()
        )
        self.calibration = Calibration({})
        self.asked = 0

    def predict(self, crops: np.ndarray, averaging: str = "none") -> SimpleNamespace:
        self.asked += 1
        return SimpleNamespace(logits=np.eye(7, dtype=np.float32)[[3] * len(crops)])


@pytest.fixture
def dataset() -> FaceDataset:
    """Two happy PrivateTest faces behind a sad Training face; the file's first row was bad."""
    images = np.arange(48, dtype=np.uint8).reshape(3, 4, 4)
    labels = np.array([4, 3, 3], np.uint8)
    usage = np.array(["Training", "PrivateTest", "PrivateTest"])
    digest = digest_of(images, labels, usage)
    return FaceDataset("drawn", images, labels, usage, EMOTIONS, digest, Path("drawn.csv"), np.array([2, 3, 4]))


def key(model: str, split: str = "PrivateTest") -> Key:
    return Key(model, "digest", split)


def finished(run: Run) -> Kept:
    results = Kept()
    run.start(results)
    run.wait()
    assert run.done
    return results


def test_without_models_it_ends_at_once(dataset: FaceDataset) -> None:
    assert len(finished(Run([], dataset, "PrivateTest"))) == 0


def test_results_hold_the_figures_and_the_rows(dataset: FaceDataset) -> None:
    run = Run([(key("a"), Reader())], dataset, "PrivateTest")
    result = finished(run).get(key("a"))
    assert run.share == 1
    assert result.evaluation.figures["none"].accuracy == 1
    assert result.evaluation.stamp.split == "PrivateTest"
    assert result.rows.tolist() == [3, 4]
    assert result.logits["flip"].shape == (2, 7)
    assert result.faces(dataset).images.tolist() == dataset.images[1:].tolist()


def test_what_is_kept_is_not_read_again(dataset: FaceDataset) -> None:
    model, results = Reader(), Kept()
    for _ in range(2):
        run = Run([(key("a"), model)], dataset, "PrivateTest")
        run.start(results)
        run.wait()
    assert model.asked == 2, "once each way of averaging"


@pytest.mark.parametrize(
    ("fail", "sentence"),
    [
        (None, "drawn holds no PublicTest rows that bad can be evaluated on; choose another split."),
        (RuntimeError("secret"), "The model bad could not be evaluated; the server's log says why."),
    ],
    ids=["no rows", "a fault of the program"],
)
def test_one_error_does_not_end_the_others(
    fail: Exception | None, sentence: str, dataset: FaceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = runs.read_split

    def read_or_fail(model: Reader, *args: object) -> object:
        if model.card.name != "bad":
            return read(model, dataset, "PrivateTest")
        if fail is not None:
            raise fail
        return read(model, *args)

    monkeypatch.setattr(runs, "read_split", read_or_fail)
    run = Run([(key("bad"), Reader("bad")), (key("good"), Reader("good"))], dataset, "PublicTest")
    results = finished(run)
    assert run.errors == {"bad": sentence}
    assert results.get(key("bad")) is None
    assert results.get(key("good")) is not None


def test_a_stop_ends_the_reading_and_the_rest(dataset: FaceDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[str] = []

    def read_for_ever(model: Reader, dataset: FaceDataset, split: str, report: Callable[[float], None]) -> None:
        reached.append(model.card.name)
        run.stop()
        while True:
            report(0.5)

    monkeypatch.setattr(runs, "read_split", read_for_ever)
    run = Run([(key("a"), Reader("a")), (key("b"), Reader("b"))], dataset, "PrivateTest")
    assert len(finished(run)) == 0
    assert run.stopped
    assert reached == ["a"]
    assert run.errors == {}


def test_one_run_reads_at_a_time(dataset: FaceDataset) -> None:
    run = Run([(key("a"), Reader())], dataset, "PrivateTest")
    results = Kept()
    with TURNS.take(Work.EVALUATION, None):
        run.start(results)
        assert (run.at, run.done, run.left_s) == ("", False, None)
    run.wait()
    assert results.get(key("a")) is not None


def test_of_many_results_the_oldest_is_forgotten() -> None:
    results, result = Kept(), Result(None, np.arange(0), {})
    for i in range(MAX_KEPT + 1):
        results.put(key(str(i)), result)
    assert len(results) == MAX_KEPT
    assert results.get(key("0")) is None
    assert results.get(key(str(MAX_KEPT))) is result


@pytest.mark.parametrize("file", ["card.json", "model.onnx", "report.json"])
def test_a_models_digest_follows_its_files(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_MODEL_DIR", str(tmp_path))
    folder = install_model(tmp_path)
    before = model_digest("drawn")
    assert model_digest("drawn") == before
    content = (folder / file).read_bytes() if (folder / file).exists() else b""
    (folder / file).write_bytes(content + b" ")
    assert model_digest("drawn") != before
