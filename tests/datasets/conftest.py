"""Drawn data sets and CSV files, and the real ones in the layout that people download."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.datasets import FaceDataset
from fer.datasets.dataset import digest_of
from fer.datasets.ferplus import VOTE_NAMES, VOTES_FILE
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT

WriteCsv = Callable[..., Path]
STORED_VOTES = [f"ferplus_{name}" for name in VOTE_NAMES]


@pytest.fixture
def write_csv(tmp_path: Path) -> WriteCsv:
    """A function that writes lines (str or bytes) to a CSV file under a header."""

    def write(*lines: str | bytes, header: str = "emotion,pixels,Usage", name: str = "drawn.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(b"".join((x if isinstance(x, bytes) else x.encode()) + b"\n" for x in (header, *lines)))
        return path

    return write


def picture(number: int, side: int = 24) -> np.ndarray:
    """The picture of this number: 0 is black, others are noise that is like no other's."""
    if number == 0:
        return np.zeros((side, side), np.uint8)
    return np.random.default_rng(number).integers(0, 256, (side, side), np.uint8)


@pytest.fixture
def draw() -> Callable[..., FaceDataset]:
    """A function that draws a data set from rows (number of the picture, label, usage)."""

    def make(*rows: tuple[int, int, str], side: int = 24, **changes: object) -> FaceDataset:
        images = np.stack([picture(number, side) for number, _, _ in rows] or [np.zeros((side, side), "u1")])
        images = images[: len(rows)]
        labels = np.array([label for _, label, _ in rows], np.uint8)
        usage = np.array([use for _, _, use in rows], "U11")
        facts = {
            "name": "drawn",
            "images": images,
            "labels": labels,
            "usage": usage,
            "classes": EMOTIONS_WITH_CONTEMPT if 7 in labels else EMOTIONS,
            "source": Path("drawn.csv"),
            "rows": np.arange(1, len(rows) + 1),
        } | changes
        return FaceDataset(**{"digest": digest_of(facts["images"], labels, usage)} | facts)

    return make


@pytest.fixture(scope="session")
def real_csv_dir(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with fer2013.csv, its votes and ckextended.csv, written from the stored pictures."""
    import pandas as pd

    folder = tmp_path_factory.mktemp("real_csv")
    words = np.array([f"{value} " for value in range(256)], "S4")

    def pixels(stored: bytes) -> str:
        grey = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_GRAYSCALE)
        return words[grey.ravel()].tobytes().translate(None, b"\0").rstrip().decode()

    for stored, file, columns in [
        ("fer2013.parquet", "fer2013.csv", ["emotion", "pixels", "Usage"]),
        ("ckplus.parquet", "ckextended.csv", ["emotion", "pixels", "Usage", "subject"]),
    ]:
        wanted = ["image" if column == "pixels" else column for column in columns]
        table = pd.read_parquet(shared_dir / "data" / stored, columns=wanted)
        table = table.assign(pixels=table["image"].map(pixels))
        with (folder / file).open("w", encoding="utf-8") as handle:
            handle.write(",".join(columns) + "\n")
            handle.writelines(",".join(map(str, row)) + "\n" for row in table[columns].itertuples(index=False))
    votes = pd.read_parquet(shared_dir / "data" / "fer2013.parquet", columns=["Usage", *STORED_VOTES])
    votes.to_csv(folder / VOTES_FILE, index=False, header=["Usage", *VOTE_NAMES])
    return folder
