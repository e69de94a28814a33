"""Drawn faces that a tiny network learns in a few epochs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fer.datasets import FaceDataset
from fer.datasets.dataset import digest_of
from fer.emotions import EMOTIONS


def draw_faces(usage: dict[str, int], side: int = 12) -> FaceDataset:
    """Grey noise with one bright row a class; as many faces of every usage as asked for."""
    split = np.repeat(list(usage), list(usage.values())) if usage else np.zeros(0, "U11")
    labels = np.arange(len(split), dtype=np.uint8) % len(EMOTIONS)
    images = np.random.default_rng(0).integers(0, 100, (len(split), side, side), dtype=np.uint8)
    images[np.arange(len(split)), 2 + labels] = 250
    rows = np.arange(1, len(split) + 1)
    return FaceDataset("drawn", images, labels, split, EMOTIONS, digest_of(images, labels, split), Path("drawn"), rows)


def draw_people(usage: dict[str, int], each: int = 7) -> FaceDataset:
    """Drawn faces of people with so many rows each."""
    faces = draw_faces(usage)
    return replace(faces, subjects=np.array([f"S{row // each:03}" for row in range(len(faces))]))


@pytest.fixture
def faces() -> FaceDataset:
    return draw_faces({"Training": 140, "PublicTest": 70, "PrivateTest": 70})
