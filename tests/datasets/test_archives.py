"""ZIPs of class folders: what becomes of every file, and which archives are refused, hostile ones among them."""

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.datasets import archives
from fer.datasets.archives import read_archive
from fer.emotions import EMOTIONS
from fer.errors import DatasetError

NOISE = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)


def png(side: int = 6) -> bytes:
    return cv2.imencode(".png", NOISE[:side, :side])[1].tobytes()


def packed(*names: str, data: bytes | None = None, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP that holds one thing under all of these names."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name in names:
            archive.writestr(name, png() if data is None else data)
    return file.getvalue()


def added(archive: bytes, name: str, data: bytes) -> bytes:
    file = io.BytesIO(archive)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(name, data)
    return file.getvalue()


GOOD = packed("happy/b.png", "happy/a.png", "Anger/1.png")


@pytest.mark.parametrize(
    ("archive", "files", "usages"),
    [
        pytest.param(GOOD, ["Anger/1.png", "happy/a.png", "happy/b.png"], {"Training"}, id="class folders"),
        pytest.param(
            packed("faces/sad/1.png", "faces/fear/2.png"), ["fear/2.png", "sad/1.png"], {"Training"}, id="in a folder"
        ),
        pytest.param(
            packed("train/sad/1.png", "test/fear/x/2.png"),
            ["test/fear/x/2.png", "train/sad/1.png"],
            {"Training", "PrivateTest"},
            id="splits",
        ),
        pytest.param(packed("sad\\1.png", "fear\\2.png"), ["fear/2.png", "sad/1.png"], {"Training"}, id="backslashes"),
        pytest.param(
            packed("sad/1.png", "fear/2.png", "read me.txt", "sad/.DS_Store", "__MACOSX/sad/._1.png", "fear/Thumbs.db"),
            ["fear/2.png", "sad/1.png"],
            {"Training"},
            id="what is not meant",
        ),
    ],
)
def test_folders_are_read(archive: bytes, files: list[str], usages: set[str]) -> None:
    dataset = read_archive(archive, "faces.zip")
    assert (dataset.name, dataset.source, dataset.bad_rows) == ("faces", Path("faces.zip"), ())
    assert dataset.files.tolist() == files
    assert set(dataset.usage) == usages
    np.testing.assert_array_equal(dataset.images, [NOISE[:6, :6]] * len(files))


def test_labels_are_those_of_the_folders() -> None:
    shares: list[float] = []
    dataset = read_archive(GOOD, "faces.zip", shares.append)
    assert [EMOTIONS[label] for label in dataset.labels] == ["angry", "happy", "happy"]
    assert shares == pytest.approx([1 / 3, 2 / 3, 1])


def _damaged(archive: bytes) -> bytes:
    """The same with a wrong byte in the middle of its first file."""
    place = archive.index(b"IDAT")
    return archive[:place] + b"\xff" + archive[place + 1 :]


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        pytest.param(added(GOOD, "sad/note.txt", b"not a picture"), "'sad/note.txt' is a text file", id="text"),
        pytest.param(added(GOOD, "sad/0.png", b""), "'sad/0.png' is empty", id="nothing"),
        pytest.param(added(GOOD, "sad/in.zip", GOOD), "'sad/in.zip' is a ZIP archive", id="another archive"),
        pytest.param(
            _damaged(packed("sad/0.png", "fear/1.png", "sad/2.png", method=zipfile.ZIP_STORED)),
            "'0.png' is damaged",
            id="damaged",
        ),
    ],
)
def test_what_is_no_picture_is_left_out_and_said(archive: bytes, reason: str) -> None:
    dataset = read_archive(archive, "faces.zip")
    (bad,) = dataset.bad_rows
    assert reason in bad.reason
    assert len(dataset) >= 2


def _encrypted(archive: bytes) -> bytes:
    """The same, said to be encrypted."""
    changed = bytearray(archive)
    for start, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = changed.find(start)
        while at >= 0:
            changed[at + place] |= 1
            at = changed.find(start, at + 1)
    return bytes(changed)


def _grown(archive: bytes, file_bytes: int) -> bytes:
    """The same, with files that say they unpack to so much; both places that say so agree."""
    changed = bytearray(archive)
    for start, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = changed.find(start)
        while at >= 0:
            struct.pack_into("<L", changed, at + place, file_bytes)
            at = changed.find(start, at + 1)
    return bytes(changed)


def _overlapping() -> bytes:
    """Two entries of one file's bytes, as bombs have that unpack without end."""
    body = np.random.default_rng(1).integers(0, 256, 4000, np.uint8).tobytes()
    archive = packed("sad/1.png", data=body, method=zipfile.ZIP_STORED)
    begin = archive.index(b"PK\x01\x02")
    directory, end = archive[begin : archive.index(b"PK\x05\x06")], bytearray(archive[archive.index(b"PK\x05\x06") :])
    struct.pack_into("<HHLL", end, 8, 2, 2, 2 * len(directory), begin)
    return archive[:begin] + directory + directory.replace(b"sad/", b"joy/") + bytes(end)


def _of_many(n: int) -> bytes:
    """An archive that says its list of files is so many bytes long."""
    changed = bytearray(GOOD)
    struct.pack_into("<L", changed, changed.index(b"PK\x05\x06") + 12, n)
    return bytes(changed)


def _zip64() -> bytes:
    at = GOOD.index(b"PK\x05\x06")
    return GOOD[:at] + b"PK\x06\x07" + bytes(16) + GOOD[at:]


HOSTILE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "is no ZIP archive"),
    "something else": (b"emotion,pixels,Usage\n" * 40, "is no ZIP archive"),
    "cut off": (GOOD[:-30], "is no ZIP archive"),
    "its end alone": (b"PK\x05\x06" + bytes(18), "has no sub-folders"),
    "no class folder": (packed("a.png", "b.png"), "has no sub-folders"),
    "a folder that is no class": (packed("sad/1.png", "holiday/2.png"), "has a folder 'holiday', which names no"),
    "a folder beside splits": (packed("train/sad/1.png", "holiday/2.png"), "has a folder 'holiday' beside"),
    "one class": (packed("sad/1.png", "sad/2.png"), "pictures of one class only, sad"),
    "all encrypted": (_encrypted(GOOD), "no pictures in its class folders, but a data set needs two classes;"),
    "a way out": (packed("../../sad/1.png", "fear/2.png"), "whose name leads out of it"),
    "a way out by backslashes": (packed("sad\\..\\..\\1.png", "fear/2.png"), "whose name leads out of it"),
    "from the root": (packed("/etc/sad/1.png", "fear/2.png"), "whose name leads out of it"),
    "from a drive": (packed("C:\\sad\\1.png", "fear/2.png"), "whose name leads out of it"),
    "a name that turns round": (packed("sad/\u202egnp.1", "fear/2.png"), "cannot be printed"),
    "too deep": (packed("sad/" + "x/" * 9 + "1.png", "fear/2.png"), "in more than 8 folders"),
    "a bomb": (added(GOOD, "sad/0.bmp", bytes(19_000_000)), "unpacks to more than 100 times its size"),
    "a large file": (_grown(GOOD, 30_000_000), "holds a file of more than 20 MB"),
    "large files": (_grown(GOOD, 400_000_000), "unpacks to more than 1,000 MB"),
    "shared bytes": (_overlapping(), "share their bytes"),
    "a list without end": (_of_many(4_000_000_000), "holds more than 50,000 files"),
    "a list of another kind": (_zip64(), "holds more than 50,000 files"),
}


@pytest.mark.parametrize(("archive", "said"), HOSTILE.values(), ids=list(HOSTILE))
def test_what_is_refused(archive: bytes, said: str) -> None:
    with pytest.raises(DatasetError) as told:
        read_archive(archive, "faces.zip")
    sentence = str(told.value)
    assert said in sentence
    assert sentence.startswith("faces.zip ")
    assert sentence.count("\n") == 0


@pytest.mark.parametrize(("bound", "most"), [("MAX_FILES", 2), ("MAX_PIXELS", 100)])
def test_bounds_that_small_archives_do_not_reach(bound: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    read_archive(GOOD, "faces.zip")
    monkeypatch.setattr(archives, bound, most)
    with pytest.raises(DatasetError, match="which is the most"):
        read_archive(GOOD, "faces.zip")


def test_a_file_never_unpacks_to_more_than_it_says() -> None:
    """What the list of files says was looked at before; more than that is not unpacked."""
    bomb = packed("sad/1.png", "fear/2.png", "fear/3.png", data=bytes(3_000_000))
    with pytest.raises(DatasetError, match="no pictures in its class folders"):
        read_archive(_grown(bomb, 1000), "faces.zip")


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a file is opened")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(io, "open", refuse)
    assert len(read_archive(GOOD, "faces.zip")) == 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", [lambda data, i: data[:i], lambda data, i: data[:i] + b"\xff" + data[i + 1 :]])
def test_any_damage_is_one_sentence(change: Callable[[bytes, int], bytes]) -> None:
    said = []
    for i in range(0, len(GOOD), 3):
        try:
            read_archive(change(GOOD, i), "faces.zip")
        except DatasetError as error:
            said.append(str(error))
    assert said
    assert all(sentence.startswith("faces.zip ") for sentence in said)
