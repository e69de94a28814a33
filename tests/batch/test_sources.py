"""What is read where somebody names files, folders, patterns, lists and addresses."""

import os
from pathlib import Path

import fsspec
import pandas as pd
import pytest

from fer.batch.sources import find_items
from fer.errors import FerError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files with telling names; what they hold does not matter to a search."""
    root = tmp_path / "in"
    for name in ("b.JPG", "a.png", "notes.md", "z/c.webp", "z/clip.MP4", "z/moving.gif", "results/annotated/a.png"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (root / "list.txt").write_text("a.png\n\nz/../a.png\ngone.jpg\nmemory://x/y.png\n")
    (root / "list.csv").write_text("number,file\n1,a.png\n2,z/clip.MP4\n")
    pd.DataFrame({"file": ["b.JPG", None]}).to_parquet(root / "list.parquet")
    (root / "other.csv").write_text("name\na.png\n")
    (root / "blank.txt").write_text("\n")
    (root / "bad.parquet").write_text("PAR1")
    (root / "empty").mkdir()
    return root


@pytest.mark.parametrize(
    ("sources", "found", "repeated"),
    [
        pytest.param(["a.png", "notes.md"], ["a.png", "notes.md"], 0, id="files of any name"),
        pytest.param(
            ["."], ["a.png", "b.JPG", "z/c.webp", "z/clip.MP4", "z/moving.gif"], 0, id="a folder without the results"
        ),
        pytest.param(["*.png", "?.JPG"], ["a.png", "b.JPG"], 0, id="patterns"),
        pytest.param(["**"], ["a.png", "b.JPG", "z/c.webp", "z/clip.MP4", "z/moving.gif"], 0, id="all that is below"),
        pytest.param(["list.txt"], ["a.png", "gone.jpg", "memory://x/y.png"], 1, id="a list, twice the same"),
        pytest.param(["list.csv", "list.parquet"], ["a.png", "z/clip.MP4", "b.JPG"], 0, id="lists with a column file"),
        pytest.param(["a.png", "z/../a.png", "*.png"], ["a.png"], 2, id="the same file by other names"),
        pytest.param(["https://example.org/a.mp4?x=1"], ["https://example.org/a.mp4?x=1"], 0, id="a link"),
    ],
)
def test_every_file_is_found_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, sources: list[str], found: list[str], repeated: int
) -> None:
    monkeypatch.chdir(folder)
    result = find_items(sources, folder / "results")
    expected = [name if "://" in name else str(folder / name) for name in found]
    assert [item.file for item in result.items] == expected
    assert [item.kind for item in result.items] == ["video" if ".mp4" in name.lower() else "photo" for name in found]
    assert result.repeated == repeated


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        pytest.param("empty", r"The folder empty holds no pictures and videos\.", id="folder without pictures"),
        pytest.param("gone", r"gone does not exist; check the path\.", id="nothing of that name"),
        pytest.param("*.tif", r"No picture, video or folder of them is called like \*\.tif\.", id="pattern"),
        pytest.param("blank.txt", r"The list blank\.txt names no files\.", id="empty list"),
        pytest.param("other.csv", r"The list other\.csv has no column file\.", id="list without the column"),
        pytest.param("bad.parquet", r"The list bad\.parquet is no Parquet file that can be read\.", id="damaged list"),
        pytest.param("memory://gone", r"memory://gone does not exist; check the address\.", id="nothing there"),
        pytest.param("nonesuch://x", r"nonesuch://x cannot be reached: Protocol not known: nonesuch\.", id="protocol"),
    ],
)
def test_a_source_of_no_use_is_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, source: str, sentence: str
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(FerError, match=f"^{sentence}$"):
        find_items([source], folder / "results")


def test_names_that_are_no_text_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.png")).touch()
    (item,) = find_items([str(tmp_path)], tmp_path / "out").items
    assert item.file == str(tmp_path / r"caf\xe9.png")
    (tmp_path / r"caf\xe9.png").touch()
    with pytest.raises(FerError, match="once they are text; rename one of them"):
        find_items([str(tmp_path)], tmp_path / "out")


def test_what_lies_in_this_process_travels() -> None:
    """Other processes have no part in `memory://`."""
    storage = fsspec.filesystem("memory")
    storage.pipe({"/album/a.png": b"held", "/album/notes.md": b""})
    (item,) = find_items(["memory://album"], Path("out")).items
    assert item.file == "memory:///album/a.png"
    assert (item.data, item.with_data().data, item.with_data().read()) == (None, b"held", b"held")
    storage.rm("/album", recursive=True)
    assert item.with_data() == item, "its reader says that it is gone"
