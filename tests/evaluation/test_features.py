"""The map of faces: which rows are on it, where alike faces lie, and what is refused."""

from collections.abc import Callable

import numpy as np
import pytest

from fer.datasets import FaceDataset
from fer.errors import DatasetError
from fer.evaluation import features
from fer.evaluation.features import feature_map

A, B = "Training", "PrivateTest"
COLUMNS = ["x", "y", "position", "row", "usage", "label", "read", "right"]
ROWS = [(i % 3, i % 4, A if i < 10 else B) for i in range(24)]


@pytest.mark.parametrize(
    ("rows", "usable"),
    [([], 0), ([(0, 0, A), (1, 1, A)], 2), ([(7, 0, A)] * 5 + [(0, 0, A)] * 2, 2)],
    ids=["empty", "two", "two that the model knows"],
)
def test_too_few_faces(rows: list, usable: int, fake_model: type, draw: Callable[..., FaceDataset]) -> None:
    with pytest.raises(DatasetError, match=f"^A map needs at least 3 faces, but drawn has {usable} here; choose more"):
        feature_map(fake_model(), draw(*rows))


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_every_face_has_its_place(method: str, fake_model: type, draw: Callable[..., FaceDataset]) -> None:
    dataset = draw(*ROWS, rows=np.arange(100, 124))
    table = feature_map(fake_model(), dataset, method)
    assert list(table.columns) == COLUMNS
    assert table["position"].tolist() == list(range(24))
    assert table["row"].tolist() == list(range(100, 124))
    assert table["usage"].tolist() == [usage for _, _, usage in ROWS]
    assert table["label"].tolist() == [dataset.classes[label] for label, _, _ in ROWS]
    assert table["read"].tolist() == [dataset.classes[read] for _, read, _ in ROWS]
    assert table["right"].tolist() == [label == read for label, read, _ in ROWS]
    assert np.isfinite(table[["x", "y"]].to_numpy()).all()


def test_faces_that_are_read_alike_lie_together(fake_model: type, draw: Callable[..., FaceDataset]) -> None:
    table = feature_map(fake_model(), draw(*[(i % 7, i % 3, A) for i in range(30)]))
    places = {read: set(zip(at["x"].round(3), at["y"].round(3), strict=True)) for read, at in table.groupby("read")}
    assert [len(place) for place in places.values()] == [1, 1, 1]
    assert len(set.union(*places.values())) == 3


def test_rows_of_unknown_classes_are_left_out(fake_model: type, draw: Callable[..., FaceDataset]) -> None:
    table = feature_map(fake_model(), draw((7, 0, A), *ROWS, (7, 1, A)))
    assert table["position"].tolist() == list(range(1, 25))


def test_so_many_faces_are_drawn_by_the_seed(
    fake_model: type, draw: Callable[..., FaceDataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "MAX_ROWS", 10)
    drawn = [feature_map(fake_model(), draw(*ROWS), seed=seed) for seed in (0, 0, 1)]
    assert drawn[0].equals(drawn[1])
    positions = [table["position"].tolist() for table in drawn]
    assert positions[0] != positions[2]
    assert all(found == sorted(set(found)) and len(found) == 10 for found in positions)


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_faces_that_are_all_read_the_same(method: str, fake_model: type, draw: Callable[..., FaceDataset]) -> None:
    table = feature_map(fake_model(), draw(*[(0, 2, A)] * 12), method)
    assert np.isfinite(table[["x", "y"]].to_numpy()).all()


def test_pictures_are_brought_to_the_size_of_the_model(fake_model: type, draw: Callable[..., FaceDataset]) -> None:
    model = fake_model(crop_size=4)
    feature_map(model, draw(*ROWS, side=8))
    assert model.asked == [((24, 4, 4), "none")]


def test_progress_rises_to_one_and_can_end_the_work(
    fake_model: type, draw: Callable[..., FaceDataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "BATCH", 10)
    shares: list[float] = []
    feature_map(fake_model(), draw(*ROWS), progress=shares.append)
    assert shares == pytest.approx([10 / 24, 20 / 24, 1.0])

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        feature_map(fake_model(), draw(*ROWS), progress=stop)
