"""A model that reads the class out of a face's first pixel, and drawn faces for it."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fer.calibration import Calibration, SetRule
from fer.datasets import FaceDataset
from fer.datasets.dataset import digest_of
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT
from fer.recognition import LearnedRows


class FakeModel:
    """Says the class that a crop's upper left pixel holds, with a logit of `sure`; averaged, of twice that.

    `asked` lists the shape and the averaging of every call. Its network file holds `NETWORK`.
    """

    NETWORK = b"the upper left pixel"

    def __init__(
        self,
        classes: tuple[str, ...] = EMOTIONS,
        trained_on: tuple[str, str] = ("drawn", "Training"),
        training: Mapping[str, Any] | None = None,
        temperatures: Mapping[str, float] | None = None,
        set_rules: Mapping[str, SetRule] | None = None,
        crop_size: int = 4,
        sure: float = 2.0,
    ) -> None:
        training = training or {}
        own = LearnedRows(*trained_on, training.get("pixels"), training.get("held_out_subjects"))
        self.card = SimpleNamespace(
            name="fake",
            classes=classes,
            crop_size=crop_size,
            trained_on=trained_on,
            training=training,
            learned=(own, *training.get("lineage", ())),
        )
        self.digest = hashlib.sha256(self.NETWORK).hexdigest()
        self.calibration = Calibration(temperatures or {}, set_rules or {})
        self.sure = sure
        self.asked: list[tuple[tuple[int, ...], str]] = []

    def predict(self, crops: np.ndarray, averaging: str = "none") -> SimpleNamespace:
        self.asked.append((crops.shape, averaging))
        logits = np.zeros((len(crops), len(self.card.classes)), np.float32)
        logits[np.arange(len(crops)), crops[:, 0, 0]] = self.sure * (2 if averaging == "flip" else 1)
        return SimpleNamespace(logits=logits, maps=None)


@pytest.fixture
def fake_model() -> type[FakeModel]:
    return FakeModel


@pytest.fixture
def draw() -> Callable[..., FaceDataset]:
    """A function that draws a data set from rows (label, class that `FakeModel` reads, usage)."""

    def make(
        *rows: tuple[int, int, str], name: str = "drawn", number: bool = True, side: int = 4, **changes: Any
    ) -> FaceDataset:
        """Without `number`, faces of which the same is read are identical pictures."""
        images = np.zeros((len(rows), side, side), np.uint8)
        images[:, 0, 0] = [read for _, read, _ in rows]
        if number:
            images[:, -1, -1] = np.arange(len(rows))
        labels = np.array([label for label, _, _ in rows], np.uint8)
        usage = np.array([use for _, _, use in rows], dtype="U11")
        facts = {
            "name": name,
            "images": images,
            "labels": labels,
            "usage": usage,
            "classes": EMOTIONS_WITH_CONTEMPT if 7 in labels else EMOTIONS,
            "digest": digest_of(images, labels, usage),
            "source": Path("drawn.csv"),
            "rows": np.arange(1, len(rows) + 1),
        }
        return FaceDataset(**(facts | changes))

    return make
