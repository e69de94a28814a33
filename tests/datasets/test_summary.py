"""Averages of classes and the light of faces, against sums by hand."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from fer.datasets import FaceDataset, summary
from fer.datasets.summary import class_images, light

A, B = "Training", "PublicTest"


@pytest.fixture(params=[1, 3, 2048], ids=["a row a block", "small blocks", "one block"], autouse=True)
def _blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "_ROWS", request.param)


@pytest.mark.parametrize(
    "rows",
    [[], [(1, 3, A)], [(1, 0, A), (2, 6, A), (3, 0, B), (0, 6, A), (5, 6, A), (255, 0, B)], [(1, 7, A), (2, 7, B)]],
    ids=["empty", "one", "several", "contempt"],
)
def test_average_and_spread(rows: list, draw: Callable[..., FaceDataset]) -> None:
    dataset = draw(*rows, side=5)
    found = class_images(dataset)
    labels = sorted({label for _, label, _ in rows})
    assert found.classes == tuple(dataset.classes[label] for label in labels)
    assert len(found) == len(labels)
    assert found.counts.tolist() == [int((dataset.labels == label).sum()) for label in labels]
    assert found.mean.shape == found.spread.shape == (len(labels), 5, 5)
    assert found.mean.dtype == found.spread.dtype == np.float32
    for mean, spread, label in zip(found.mean, found.spread, labels, strict=True):
        images = dataset.images[dataset.labels == label].astype(float)
        np.testing.assert_allclose(mean, images.mean(axis=0), atol=1e-3)
        np.testing.assert_allclose(spread, images.std(axis=0), atol=1e-3)


def test_brightness_and_contrast(draw: Callable[..., FaceDataset]) -> None:
    assert len(light(draw())) == 0
    dataset = draw((0, 0, A), (0, 3, B), (0, 3, B), side=2)
    images = np.array([[[0, 0], [0, 0]], [[255, 255], [0, 0]], [[100, 100], [100, 140]]], np.uint8)
    table = light(replace(dataset, images=images))
    assert table[["row", "usage", "label"]].values.tolist() == [[1, A, "angry"], [2, B, "happy"], [3, B, "happy"]]
    assert table["brightness"].tolist() == pytest.approx([0, 127.5, 110])
    assert table["contrast"].tolist() == pytest.approx([0, 127.5, 17.3205], abs=1e-3)
