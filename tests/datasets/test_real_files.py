"""The published data sets: official counts, copies across splits, and the cache at full size."""

from pathlib import Path

import numpy as np
import pytest

from fer.datasets import FaceDataset, copies_in, load_dataset
from fer.datasets.audit import Audit, audit
from fer.datasets.balance import leak_of_oversampling
from fer.datasets.ferplus import Votes, agreement_table, clean_labels, find_votes, load_votes

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


@pytest.fixture(scope="module")
def votes(fer2013: FaceDataset) -> Votes:
    return load_votes(find_votes(fer2013), fer2013)


@pytest.fixture(scope="module")
def fer2013_audit(fer2013: FaceDataset, votes: Votes) -> Audit:
    return audit(fer2013, votes)


def test_audit_finds_the_copies(fer2013_audit: Audit) -> None:
    figures, without_blank = fer2013_audit.figures, fer2013_audit.without_blank
    across = {"PublicTest in Training": 280, "PrivateTest in Training": 288, "PrivateTest in PublicTest": 44}
    assert (figures.rows, figures.distinct, figures.conflicting_groups) == (35_887, 34_036, 56)
    assert figures.copies == across
    assert without_blank.copies == across | {"PublicTest in Training": 279}
    assert (without_blank.conflicting_groups, without_blank.conflicting_rows) == (55, 146)
    assert without_blank.repeated == {"Training": 1224, "PublicTest": 26, "PrivateTest": 17}
    assert set(fer2013_audit.blank["level"]) == {0}
    assert len(fer2013_audit.blank) == 12


def test_audit_finds_near_copies_and_no_faces(fer2013_audit: Audit) -> None:
    assert fer2013_audit.near_copies["PrivateTest in Training"] == 69
    assert fer2013_audit.near_copies["PublicTest in Training"] == 46
    assert fer2013_audit.to_dict()["no_face_rows"] == {"Training": 150, "PublicTest": 10, "PrivateTest": 16}
    assert fer2013_audit.differences.empty


def test_what_is_left_holds_every_face_once(fer2013: FaceDataset, fer2013_audit: Audit) -> None:
    kept = fer2013.take(~np.isin(fer2013.rows, fer2013_audit.rows_to_leave_out["row"]))
    left = audit(kept)
    assert left.figures.distinct == len(kept) == len(fer2013) - len(fer2013_audit.rows_to_leave_out)
    assert [count for where, count in left.near_copies.items() if " in " in where] == [0, 0, 0]


def test_raters_share_most_labels_of_happy_and_few_of_fear(fer2013: FaceDataset, votes: Votes) -> None:
    table = agreement_table(fer2013, votes)
    own = {label: table.loc[label, label] / table.loc[label].sum() for label in table.index}
    expected = {"happy": 0.92, "neutral": 0.87, "surprise": 0.80, "angry": 0.47, "sad": 0.41, "disgust": 0.31}
    assert own == pytest.approx(expected | {"fear": 0.126}, abs=0.012)


def test_cleaned_labels_are_those_of_the_authors(fer2013: FaceDataset, votes: Votes) -> None:
    """Counts of the rows that FER+'s own reader keeps in its majority mode, from these votes."""
    table = clean_labels(fer2013, votes)
    kept = table[table["left_out"] == ""].groupby("usage").size().to_dict()
    assert kept == {"Training": 25_060, "PublicTest": 3_199, "PrivateTest": 3_153}
    assert set(table["left_out"]) == {"", "no majority", "unknown", "no face"}


def test_oversampling_before_the_split_leaks_most_test_rows(fer2013: FaceDataset) -> None:
    split_first, balanced_first = leak_of_oversampling(fer2013.select("Training")).shares()
    assert split_first < 0.1
    assert balanced_first > 0.6


def test_no_person_is_in_two_splits_of_ckplus(real_csv_dir: Path) -> None:
    found = audit(load_dataset(real_csv_dir / "ckextended.csv"))
    assert found.shared_subjects.empty
    assert dict(zip(found.differences["label"], found.differences["here"], strict=True)) == {
        "angry": 43,
        "disgust": 56,
        "happy": 66,
        "surprise": 80,
        "neutral": 575,
        "contempt": 17,
    }
