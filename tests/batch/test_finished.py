"""A folder of results opened again: its table, its photos' faces, and folders that are none."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fer.batch import run as run_module
from fer.batch.finished import find_finished, read_table
from fer.batch.run import Job, run_batch
from fer.errors import FerError
from fer.media import encode_png, read_image
from fer.results import to_table
from fer.samples import SAMPLES
from tests.batch.drawn import RECIPE, read_here


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two faces, nobody, and no picture."""
    monkeypatch.setattr(run_module, "_engine", lambda job, recipe: read_here(job.recipe, job.out))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "b.png").write_bytes(encode_png(SAMPLES["two-faces"].load()[::2, ::2]))
    (tmp_path / "in" / "a.png").write_bytes(encode_png(np.full((80, 90, 3), 128, np.uint8)))
    (tmp_path / "in" / "c.png").write_bytes(b"")
    run_batch(Job([str(tmp_path / "in")], tmp_path / "out", RECIPE))
    return tmp_path / "out"


def test_the_table_is_that_of_the_photos(out: Path) -> None:
    finished, table = find_finished(out), read_table(out)
    assert finished.is_complete
    assert finished.counts["photos"] == {"files": 3, "failed": 1}
    assert [Path(file).name for file in table["file"]] == ["a.png", "b.png", "b.png", "c.png"]
    assert table["face"].tolist() == [pd.NA, 1, 2, pd.NA]
    assert table["error"].notna().tolist() == [False, False, False, True]


def test_faces_are_those_that_were_read(out: Path) -> None:
    table = read_table(out)
    rows = table[table["face"].notna()]
    faces = find_finished(out).faces_of(rows)
    file = rows["file"].iloc[0]
    read = RECIPE.load().photos.analyze(read_image(file)).faces
    for face, other in zip(faces, read, strict=True):
        assert face.label == other.label
        assert face.prediction_set == other.prediction_set
        assert face.box_xywh == pytest.approx(other.box_xywh, abs=0.01)
        assert face.probabilities == pytest.approx(other.probabilities, abs=1e-5)
    assert list(to_table([]).columns) == list(table.columns)
    assert find_finished(out).faces_of(table[table["face"].isna()]) == ()


def test_what_is_no_folder_of_results_is_a_sentence(out: Path, tmp_path: Path) -> None:
    with pytest.raises(FerError, match=r"in holds no manifest\.json; name a FOLDER that"):
        find_finished(tmp_path / "in")
    with pytest.raises(FerError, match=r"gone holds no manifest\.json"):
        find_finished(tmp_path / "gone")
    (part,) = (out / "photos").iterdir()
    whole = part.read_bytes()
    part.write_bytes(whole[:-9])
    with pytest.raises(FerError, match=r"part-000001\.parquet is damaged; remove it, and"):
        read_table(out)
    part.unlink()
    with pytest.raises(FerError, match="out holds no rows of photos yet"):
        read_table(out)
