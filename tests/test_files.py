"""A file is replaced whole, or stays what it was."""

import os
from pathlib import Path

import pandas as pd
import pytest

from fer.files import replace_file, table_to_csv


@pytest.mark.parametrize("content", [b"", b"new", bytes(200_000)], ids=["empty", "short", "long"])
@pytest.mark.parametrize("before", [None, b"old and longer"], ids=["missing", "there"])
def test_the_file_holds_what_was_written(tmp_path: Path, content: bytes, before: bytes | None) -> None:
    path = tmp_path / "file.bin"
    if before is not None:
        path.write_bytes(before)
    replace_file(path, content)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_gone_stays_gone(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replace_file(tmp_path / "gone" / "file.bin", b"new")
    assert list(tmp_path.iterdir()) == []


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target.bin", tmp_path / "link.bin"
    target.write_bytes(b"old")
    link.symlink_to(target)
    replace_file(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_what_was_there_survives_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if step == "write":
        monkeypatch.setattr(os, "open", fail)
    else:
        monkeypatch.setattr(os if step == "fsync" else Path, step, fail)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        pytest.param("holiday.png", "holiday.png", id="a name"),
        pytest.param('=HYPERLINK("http://evil.example")', '"\'=HYPERLINK(""http://evil.example"")"', id="a formula"),
        pytest.param("@SUM(1)", "'@SUM(1)", id="an at sign"),
        pytest.param("+1", "'+1", id="a plus"),
        pytest.param("-2+3", "'-2+3", id="a minus"),
        pytest.param(" =1", "' =1", id="behind a space"),
        pytest.param("'=1", "''=1", id="behind an apostrophe"),
        pytest.param("\uff1d1", "'\uff1d1", id="a wide sign"),
        pytest.param("a\0b", "ab", id="a zero"),
        pytest.param(-1.5, "-1.5", id="a number"),
        pytest.param(None, '""', id="nothing"),
    ],
)
def test_no_cell_of_a_table_is_a_formula(cell: object, written: str) -> None:
    assert table_to_csv(pd.DataFrame({"file": [cell]})).decode() == f"file\n{written}\n"
