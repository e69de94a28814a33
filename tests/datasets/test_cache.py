"""The array cache: opened while it is whole and fresh, written again otherwise, never left in half."""

import logging
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fer import paths
from fer.datasets import FaceDataset, cache, load_dataset
from fer.datasets.cache import open_cached, state_of, write_cache
from fer.datasets.pixel_csv import read_pixel_csv


def _same(a: FaceDataset, b: FaceDataset) -> bool:
    arrays = all(
        np.array_equal(getattr(a, name), getattr(b, name)) for name in ("images", "labels", "usage", "rows", "subjects")
    )
    return arrays and (a.name, a.classes, a.digest, a.bad_rows) == (b.name, b.classes, b.digest, b.bad_rows)


def _folders() -> list[Path]:
    return sorted(paths.array_cache_dir().glob("*"))


@pytest.fixture(params=[True, False], ids=["with subjects", "without subjects"])
def file(request: pytest.FixtureRequest, write_csv) -> Path:
    if request.param:
        rows = ("0,1 2 3 4,Training,S1", "7,1 2 3 4,PublicTest,S2", "9,1 2 3 4,Training,S3")
        return write_csv(*rows, header="emotion,pixels,Usage,subject")
    return write_csv("0,1 2 3 4,Training", "6,9 9 9 9,PrivateTest", "9,1 2 3 4,Training")


def test_nothing_is_cached_at_first(file: Path) -> None:
    assert open_cached(file, "drawn", state_of(file)) is None
    assert not paths.cache_dir().exists()


def test_cache_gives_back_what_was_read(file: Path) -> None:
    read = read_pixel_csv(file, "drawn")
    write_cache(read, state_of(file))
    opened = open_cached(file, "drawn", state_of(file))
    assert _same(opened, read)
    assert isinstance(opened.images, np.memmap)
    assert open_cached(file, "another name", state_of(file)).name == "another name"


def test_cache_is_used(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_dataset(file, "skip")
    monkeypatch.setattr("fer.datasets.pixel_csv.read_pixel_csv", lambda *_: pytest.fail("the file was read again"))
    assert _same(load_dataset(file, "skip"), first)
    assert isinstance(first.images, np.memmap)


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.write_bytes(file.read_bytes() + b"0,5 5 5 5,Training,S9\n"),
        lambda file: os.utime(file, ns=(0, file.stat().st_mtime_ns + 1)),
    ],
    ids=["size", "time of change"],
)
def test_changed_file_is_read_again(change: Callable[[Path], None], file: Path) -> None:
    load_dataset(file, "skip")
    before = _folders()
    change(file)
    assert open_cached(file, "drawn", state_of(file)) is None
    assert _same(load_dataset(file, "skip"), read_pixel_csv(file, "drawn"))
    after = _folders()
    assert len(after) == 1
    assert after != before


def test_files_do_not_share_a_cache(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / file.name
    other.parent.mkdir()
    shutil.copy2(file, other)
    load_dataset(file, "skip")
    assert open_cached(other, "drawn", state_of(other)) is None
    load_dataset(other, "skip")
    assert len(_folders()) == 2


def _replace(file: Path, old: str, new: str) -> None:
    content = file.read_text()
    assert old in content
    file.write_text(content.replace(old, new))


def _flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "facts.json").unlink(),
        lambda folder: (folder / "facts.json").write_text(""),
        lambda folder: (folder / "facts.json").write_text("[]"),
        lambda folder: (folder / "facts.json").write_text("{}"),
        lambda folder: (folder / "facts.json").write_text(
            (folder / "facts.json").read_text().replace("angry", "Angry")
        ),
        lambda folder: (folder / "images.npy").unlink(),
        lambda folder: (folder / "images.npy").write_bytes(b""),
        lambda folder: os.truncate(folder / "images.npy", 131),
        lambda folder: _flip_a_bit(folder / "images.npy"),
        lambda folder: _flip_a_bit(folder / "labels.npy"),
        lambda folder: _flip_a_bit(folder / "usage.npy"),
        lambda folder: _flip_a_bit(folder / "rows.npy"),
        lambda folder: [item.unlink() for item in folder.iterdir()],
    ],
    ids=[
        "no facts",
        "empty facts",
        "facts of another kind",
        "facts without content",
        "facts changed",
        "no images",
        "empty images",
        "images cut short",
        "pixel changed",
        "label changed",
        "usage changed",
        "row changed",
        "empty folder",
    ],
)
def test_damaged_cache_is_noticed_and_rebuilt(
    damage: Callable[[Path], None], file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load_dataset(file, "skip")
    [folder] = _folders()
    damage(folder)
    with caplog.at_level(logging.WARNING):
        assert open_cached(file, "drawn", state_of(file)) is None
    assert f"The cache of {file} is damaged and will be written again" in caplog.text
    damage_is_gone = load_dataset(file, "skip")
    assert _same(damage_is_gone, read_pixel_csv(file, "drawn"))
    assert _folders() == [folder]
    assert open_cached(file, "drawn", state_of(file)) is not None


def test_kill_while_writing_leaves_no_cache(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = read_pixel_csv(file, "drawn")
    monkeypatch.setattr(cache.shutil, "rmtree", lambda *_, **__: None)  # a killed process clears nothing away

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(cache, "_seal", die)
        with pytest.raises(KeyboardInterrupt):
            write_cache(dataset, state_of(file))
    assert open_cached(file, "drawn", state_of(file)) is None
    write_cache(dataset, state_of(file))
    assert _same(open_cached(file, "drawn", state_of(file)), dataset)


def test_only_old_unfinished_caches_are_cleared_away(file: Path) -> None:
    root = paths.array_cache_dir()
    for name in (".unfinished-old", ".unfinished-new"):
        (root / name).mkdir(parents=True)
    os.utime(root / ".unfinished-old", (0, 0))
    load_dataset(file, "skip")
    assert [folder.name for folder in _folders() if folder.name.startswith(".")] == [".unfinished-new"]


def test_second_writer_of_the_same_cache_gives_way(file: Path) -> None:
    dataset = read_pixel_csv(file, "drawn")
    write_cache(dataset, state_of(file))
    before = {item: item.stat().st_mtime_ns for item in _folders()[0].iterdir()}
    write_cache(dataset, state_of(file))
    assert {item: item.stat().st_mtime_ns for item in _folders()[0].iterdir()} == before
    assert len(_folders()) == 1


def test_many_at_once_agree_on_one_whole_cache(file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        datasets = list(pool.map(lambda _: load_dataset(file, "skip"), range(24)))
    read = replace(read_pixel_csv(file, "drawn"), name=datasets[0].name)
    assert all(_same(dataset, read) for dataset in datasets)
    assert len(_folders()) == 1


@pytest.mark.parametrize("failing", ["mkdir", "save", "rename"])
def test_disk_that_cannot_be_written_costs_the_cache_only(
    failing: str, file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    where, name = {"mkdir": (Path, "mkdir"), "save": (np, "save"), "rename": (Path, "rename")}[failing]
    monkeypatch.setattr(where, name, refuse)
    dataset = load_dataset(file, "skip")
    assert _same(dataset, read_pixel_csv(file, "drawn"))
    assert f"The arrays of {file} could not be cached" in caplog.text
    assert _folders() == []
