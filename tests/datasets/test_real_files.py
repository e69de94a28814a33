"""The published data sets: official counts, copies across splits, and the cache at full size."""

from pathlib import Path

import numpy as np
import pytest

from fer.datasets import FaceDataset, copies_in, load_dataset

pytestmark = pytest.mark.data

FER2013_COUNTS = {
    "Training": [3995, 436, 4097, 7215, 4830, 3171, 4965],
    "PublicTest": [467, 56, 496, 895, 653, 415, 607],
    "PrivateTest": [491, 55, 528, 879, 594, 416, 626],
}


@pytest.fixture(scope="module")
def fer2013(real_csv_dir: Path) -> FaceDataset:
    return load_dataset(real_csv_dir / "fer2013.csv")


def test_fer2013_has_the_official_counts(fer2013: FaceDataset) -> None:
    assert fer2013.counts().T.to_dict("list") == FER2013_COUNTS
    assert (fer2013.name, fer2013.images.shape, fer2013.bad_rows) == ("fer2013", (35_887, 48, 48), ())
    np.testing.assert_array_equal(fer2013.rows, np.arange(1, 35_888))


def test_first_and_last_picture_are_read_exactly(real_csv_dir: Path, fer2013: FaceDataset) -> None:
    lines = (real_csv_dir / "fer2013.csv").read_text().splitlines()
    for position in (0, -1):
        emotion, pixels, usage = lines[1:][position].split(",")
        assert " ".join(map(str, fer2013.images[position].ravel())) == pixels
        assert (str(fer2013.labels[position]), fer2013.usage[position]) == (emotion, usage)


@pytest.mark.parametrize(("split", "copies"), [("PrivateTest", 288), ("PublicTest", 280)])
def test_copies_in_the_training_rows(split: str, copies: int, fer2013: FaceDataset) -> None:
    found = copies_in(fer2013.select(split).images, fer2013.select("Training").images)
    assert int(found.sum()) == copies


def test_cache_opens_the_same_faces(real_csv_dir: Path, fer2013: FaceDataset) -> None:
    first = load_dataset(real_csv_dir / "fer2013.csv")
    again = load_dataset(real_csv_dir / "fer2013.csv")
    assert isinstance(again.images, np.memmap)
    assert first.digest == again.digest == fer2013.digest
    np.testing.assert_array_equal(again.images, fer2013.images)


def test_ckplus_has_subjects_and_contempt(real_csv_dir: Path) -> None:
    ckplus = load_dataset(real_csv_dir / "ckextended.csv")
    assert (ckplus.name, len(ckplus), len(set(ckplus.subjects))) == ("ckplus", 890, 123)
    assert ckplus.counts().sum().to_dict() == {
        "angry": 43,
        "disgust": 56,
        "fear": 25,
        "happy": 66,
        "sad": 28,
        "surprise": 80,
        "neutral": 575,
        "contempt": 17,
    }
    splits_of = [set(ckplus.select(split).subjects) for split in ("Training", "PublicTest")]
    assert not splits_of[0] & splits_of[1]
