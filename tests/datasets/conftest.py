"""Drawn CSV files, and the real ones in the layout that people download."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

WriteCsv = Callable[..., Path]


@pytest.fixture
def write_csv(tmp_path: Path) -> WriteCsv:
    """A function that writes lines (str or bytes) to a CSV file under a header."""

    def write(*lines: str | bytes, header: str = "emotion,pixels,Usage", name: str = "drawn.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(b"".join((x if isinstance(x, bytes) else x.encode()) + b"\n" for x in (header, *lines)))
        return path

    return write


@pytest.fixture(scope="session")
def real_csv_dir(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with fer2013.csv and ckextended.csv, written from the stored pictures."""
    import pandas as pd

    folder = tmp_path_factory.mktemp("real_csv")
    words = np.array([str(value) for value in range(256)])

    def pixels(stored: bytes) -> str:
        grey = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_GRAYSCALE)
        return " ".join(words[grey.ravel()].tolist())

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
    return folder
