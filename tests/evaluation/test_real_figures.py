"""The shipped model on the real data: what its report says is what the served network does."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from fer import paths
from fer.datasets import FaceDataset
from fer.datasets.dataset import digest_of
from fer.emotions import EMOTIONS
from fer.evaluation import Readings, calibrate, compare, evaluate_readings, load_report, read_split
from fer.recognition import EmotionModel

pytestmark = pytest.mark.data

SHIPPED = paths.ROOT / "models" / "fer2013-small"


@pytest.fixture(scope="module")
def fer2013(shared_dir: Path) -> FaceDataset:
    """FER2013 as it is stored, without the way through a CSV file."""
    import pandas as pd

    table = pd.read_parquet(shared_dir / "data" / "fer2013.parquet", columns=["emotion", "image", "Usage"])
    images = np.stack([cv2.imdecode(np.frombuffer(i, np.uint8), cv2.IMREAD_GRAYSCALE) for i in table["image"]])
    labels, usage = table["emotion"].to_numpy(np.uint8), table["Usage"].to_numpy(np.str_)
    return FaceDataset(
        name="fer2013",
        images=images,
        labels=labels,
        usage=usage,
        classes=EMOTIONS,
        digest=digest_of(images, labels, usage),
        source=shared_dir / "data" / "fer2013.parquet",
        rows=np.arange(1, len(labels) + 1),
    )


@pytest.fixture(scope="module")
def model() -> EmotionModel:
    return EmotionModel(SHIPPED)


@pytest.fixture(scope="module")
def readings(model: EmotionModel, fer2013: FaceDataset) -> Readings:
    """What the network says of PrivateTest."""
    return read_split(model, fer2013, "PrivateTest")


def test_shipped_figures_are_those_of_the_served_network(
    model: EmotionModel, fer2013: FaceDataset, readings: Readings
) -> None:
    stored = load_report(SHIPPED).find("fer2013", "PrivateTest")
    measured = evaluate_readings(model.card, fer2013, readings, model.calibration)
    comparison = compare(measured, stored)
    assert comparison.same_data
    assert [difference for difference in comparison.differences if not difference.agrees] == []
    assert measured.stamp.copies_in_training == stored.stamp.copies_in_training == 288
    assert measured.plain.accuracy == pytest.approx(0.6737, abs=0.001)
    assert measured.flip.accuracy == pytest.approx(0.6835, abs=0.001)


def test_prediction_sets_hold_what_they_were_fitted_for(
    model: EmotionModel, fer2013: FaceDataset, readings: Readings
) -> None:
    """Fitted on PublicTest alone: on PrivateTest 80 % are inside, and at least half of the faces get a single word."""
    calibration = calibrate(model, fer2013).calibration
    evaluation = evaluate_readings(model.card, fer2013, readings, calibration)
    for figures in (evaluation.plain, evaluation.flip):
        assert figures.sets.asked == 0.8
        assert figures.sets.coverage == pytest.approx(0.8, abs=0.02)
        assert figures.sets.single_share >= 0.5
