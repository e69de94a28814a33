"""Folders of pictures: what becomes of every file, and which folders are refused."""

import logging
import os
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer import paths
from fer.datasets import FaceDataset, folders, load_dataset
from fer.datasets.folders import MAX_SIDE, SIDE, list_folder, read_folder
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT
from fer.errors import DatasetError

NOISE = np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "faces"
    folder.mkdir()
    return folder


@pytest.fixture
def fill(root: Path) -> Callable[..., None]:
    """A function that writes grey pictures of a size (width, height), or bytes, to paths inside the folder."""

    def make(*names: str, size_wh: tuple[int, int] = (6, 6), data: bytes | None = None) -> None:
        for name in names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            width, height = size_wh
            path.write_bytes(cv2.imencode(".png", NOISE[:height, :width])[1].tobytes() if data is None else data)

    return make


def read(root: Path) -> FaceDataset:
    return read_folder(root, "faces", list_folder(root))


def test_pictures_are_read(root: Path, fill: Callable[..., None]) -> None:
    fill("happy/b.png", "happy/a.png", "angry/1.jpg", "neutral/x.PNG")
    dataset = read(root)
    assert dataset.files.tolist() == ["angry/1.jpg", "happy/a.png", "happy/b.png", "neutral/x.PNG"]
    assert dataset.rows.tolist() == [1, 2, 3, 4]
    assert [EMOTIONS[label] for label in dataset.labels] == ["angry", "happy", "happy", "neutral"]
    assert set(dataset.usage) == {"Training"}
    assert (dataset.classes, dataset.source, dataset.subjects, dataset.bad_rows) == (EMOTIONS, root, None, ())
    np.testing.assert_array_equal(dataset.images, [NOISE[:6, :6]] * 4)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        *((name, name) for name in EMOTIONS_WITH_CONTEMPT),
        ("anger", "angry"),
        ("Disgusted", "disgust"),
        ("FEARFUL", "fear"),
        ("happiness", "happy"),
        ("joy", "happy"),
        ("Sadness", "sad"),
        ("surprised", "surprise"),
        ("contemptuous", "contempt"),
    ],
)
def test_words_for_the_expressions(folder: str, name: str, root: Path, fill: Callable[..., None]) -> None:
    other = "sad" if name != "sad" else "happy"
    fill(f"{folder}/a.png", f"{other}/a.png")
    dataset = read(root)
    assert {dataset.classes[label] for label in dataset.labels} == {name, other}
    assert dataset.classes == (EMOTIONS_WITH_CONTEMPT if name == "contempt" else EMOTIONS)


def test_two_words_for_one_expression_are_one_class(root: Path, fill: Callable[..., None]) -> None:
    fill("happy/a.png", "happiness/b.png", "sad/c.png")
    assert read(root).counts().loc["Training"].to_dict() == dict.fromkeys(EMOTIONS, 0) | {"happy": 2, "sad": 1}


@pytest.mark.parametrize(
    ("names", "usage"),
    [
        (("train", "test"), ["PrivateTest", "Training"]),
        (("Training", "PublicTest"), ["PublicTest", "Training"]),
        (("valid", "PrivateTest"), ["PrivateTest", "PublicTest"]),
    ],
    ids=["train and test", "words of FER2013", "validation"],
)
def test_folders_of_splits(names: tuple[str, str], usage: list[str], root: Path, fill: Callable[..., None]) -> None:
    fill(*(f"{name}/{label}/a.png" for name in names for label in ("happy", "sad")))
    dataset = read(root)
    assert sorted(set(dataset.usage)) == usage
    assert len(dataset) == 4


def test_pictures_deeper_in_a_class_count_and_leavings_do_not(root: Path, fill: Callable[..., None]) -> None:
    fill("happy/s1/a.png", "sad/a.png")
    fill("happy/.DS_Store", "happy/Thumbs.db", "sad/.hidden/a.png", ".git/a", "README.txt", data=b"x")
    (root / "fear").mkdir()
    dataset = read(root)
    assert dataset.files.tolist() == ["happy/s1/a.png", "sad/a.png"]
    assert dataset.bad_rows == ()


@pytest.mark.parametrize(
    ("sizes_wh", "side"),
    [
        ([(6, 6), (6, 6)], 6),
        ([(MAX_SIDE, MAX_SIDE)] * 2, MAX_SIDE),
        ([(MAX_SIDE + 1, MAX_SIDE + 1)] * 2, SIDE),
        ([(6, 6), (7, 7)], SIDE),
        ([(6, 8), (6, 8)], SIDE),
        ([(48, 48), (48, 60)], SIDE),
    ],
    ids=["small squares", "largest", "too large", "two sizes", "no squares", "one no square"],
)
def test_side(sizes_wh: list, side: int, root: Path, fill: Callable[..., None]) -> None:
    for i, size_wh in enumerate(sizes_wh):
        fill(f"{EMOTIONS[i]}/a.png", size_wh=size_wh)
    assert read(root).images.shape == (2, side, side)


def test_square_in_the_middle_is_taken(root: Path, fill: Callable[..., None]) -> None:
    fill("happy/a.png", size_wh=(SIDE, SIDE))
    fill("sad/a.png", size_wh=(SIDE + 20, SIDE))
    fill("sad/b.png", size_wh=(SIDE, SIDE + 20))
    images = read(root).images
    np.testing.assert_array_equal(images[0], NOISE[:SIDE, :SIDE])
    np.testing.assert_array_equal(images[1], NOISE[:SIDE, 10 : SIDE + 10])
    np.testing.assert_array_equal(images[2], NOISE[10 : SIDE + 10, :SIDE])


def test_pictures_that_would_not_fit_are_scaled(
    root: Path, fill: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill("happy/a.png", "sad/a.png", size_wh=(100, 100))
    assert read(root).images.shape == (2, 100, 100)
    monkeypatch.setattr(folders, "MAX_ARRAY_BYTES", 2 * 100 * 100 - 1)
    assert read(root).images.shape == (2, SIDE, SIDE)
    monkeypatch.setattr(folders, "MAX_ARRAY_BYTES", 2 * SIDE * SIDE - 1)
    with pytest.raises(DatasetError, match=r"^faces holds 2 files, but at most 1 are read; split it into smaller"):
        read(root)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty (0 bytes)"),
        (b"hello", "is a text file, not a picture"),
        (b"\x89PNG\r\n\x1a\ncut off", "is a damaged or cut off PNG picture"),
        (b"<svg></svg>", "is an SVG drawing, not a picture made of pixels"),
    ],
    ids=["empty", "text", "cut off", "drawing"],
)
def test_file_that_is_no_picture_is_left_out_and_named(
    data: bytes, reason: str, root: Path, fill: Callable[..., None]
) -> None:
    fill("happy/a.png", "happy/c.png", "sad/d.png")
    fill("happy/b.png", data=data)
    dataset = read(root)
    assert dataset.files.tolist() == ["happy/a.png", "happy/c.png", "sad/d.png"]
    assert dataset.rows.tolist() == [1, 3, 4]
    [bad] = dataset.bad_rows
    assert bad.row == 2
    assert bad.reason == f"every file must be a picture, but '{root / 'happy' / 'b.png'}' {reason}"


@pytest.mark.parametrize(
    ("names", "texts", "message"),
    [
        ([], [], "faces has no sub-folders; put the pictures of each class into one called angry,"),
        (["a.png", "b.png"], [], "faces has no sub-folders; put the pictures"),
        (["train/a.png"], [], "faces has no sub-folders; put the pictures"),
        (["happy/a.png"], [], "faces holds pictures of one class only, happy, but a data set needs two classes."),
        (
            ["happy/a.png"],
            ["sad/b.txt"],
            "pictures of one class only, happy, but a data set needs two classes; every file must be a picture, but",
        ),
        ([], ["happy/a.txt", "sad/b.txt"], "faces holds no pictures in its class folders, but a data set needs two"),
        (["happy/a.png", "grumpy/a.png"], [], "faces has a folder 'grumpy', which names no expression; call it after"),
        (["test/happy/a.png", "test/1/a.png"], [], f"faces has a folder '{Path('test', '1')}', which names no"),
        (
            ["train/happy/a.png", "sad/a.png"],
            [],
            "faces has a folder 'sad' beside folders of splits; splits are called",
        ),
    ],
    ids=[
        "empty",
        "no folders",
        "split without classes",
        "one class",
        "one class and a text",
        "no pictures",
        "unknown class",
        "unknown class in a split",
        "classes beside splits",
    ],
)
def test_folder_that_is_refused_in_one_sentence(
    names: list[str], texts: list[str], message: str, root: Path, fill: Callable[..., None]
) -> None:
    fill(*names)
    fill(*texts, data=b"text")
    with pytest.raises(DatasetError, match=re.escape(message)):
        read(root)


def test_empty_class_folders_are_no_pictures(root: Path) -> None:
    (root / "happy").mkdir()
    with pytest.raises(DatasetError, match=r"^faces holds no pictures in its class folders"):
        read(root)


def test_folder_that_cannot_be_listed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DatasetError, match=r"faces cannot be read: Permission denied\.$"):
        list_folder(root)


def test_progress_rises_to_one_and_can_end_the_reading(root: Path, fill: Callable[..., None]) -> None:
    fill(*(f"{label}/{i}.png" for label in ("happy", "sad") for i in range(20)))
    shares: list[float] = []
    read_folder(root, "faces", list_folder(root), shares.append)
    assert shares == [(i + 1) / 40 for i in range(40)]

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_folder(root, "faces", list_folder(root), stop)


class TestCache:
    @pytest.fixture(autouse=True)
    def _faces(self, fill: Callable[..., None]) -> None:
        fill("happy/a.png", "sad/b.png")
        fill("sad/c.txt", data=b"text")

    def test_folder_is_opened_from_the_cache(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        first = load_dataset(root, "skip")
        monkeypatch.setattr(folders, "read_folder", lambda *_: pytest.fail("the folder was read again"))
        again = load_dataset(str(root), "skip")
        assert isinstance(again.images, np.memmap)
        assert (again.name, again.digest, again.bad_rows) == ("faces", first.digest, first.bad_rows)
        assert again.files.tolist() == first.files.tolist() == ["happy/a.png", "sad/b.png"]
        np.testing.assert_array_equal(again.images, first.images)

    @pytest.mark.parametrize("linked", ["happy", "happy/z.png"], ids=["a class folder", "a picture"])
    def test_nothing_is_read_from_elsewhere(self, linked: str, root: Path, tmp_path: Path) -> None:
        elsewhere = tmp_path / "elsewhere"
        (root / "happy").rename(elsewhere) if linked == "happy" else elsewhere.write_bytes(b"")
        (root / linked).symlink_to(elsewhere)
        with pytest.raises(DatasetError, match=f"{Path(linked).name}.* a link to another place"):
            load_dataset(root, "skip")

    @pytest.mark.parametrize(
        "change",
        [
            lambda root: (root / "happy" / "d.png").write_bytes((root / "happy" / "a.png").read_bytes()),
            lambda root: (root / "sad" / "c.txt").unlink(),
            lambda root: (root / "sad" / "b.png").rename(root / "sad" / "e.png"),
            lambda root: os.utime(root / "sad" / "b.png", ns=(0, 1)),
        ],
        ids=["file added", "file removed", "file renamed", "file changed"],
    )
    def test_changed_folder_is_read_again(self, change: Callable[[Path], object], root: Path) -> None:
        before = list_folder(root).state
        load_dataset(root, "skip")
        change(root)
        assert list_folder(root).state != before
        again, fresh = load_dataset(root, "skip"), read(root)
        assert (again.files.tolist(), again.bad_rows) == (fresh.files.tolist(), fresh.bad_rows)

    def test_bad_file_is_refused_unless_skipped(self, root: Path) -> None:
        with pytest.raises(DatasetError, match=r"^In faces, every file must be a picture, but '.*c\.txt' is a text"):
            load_dataset(root)

    def test_damaged_cache_is_read_again(self, root: Path, caplog: pytest.LogCaptureFixture) -> None:
        first = load_dataset(root, "skip")
        [cache] = paths.array_cache_dir().iterdir()
        os.truncate(cache / "images.npy", 100)
        with caplog.at_level(logging.WARNING):
            assert load_dataset(root, "skip").digest == first.digest
        assert "is damaged and will be written again" in caplog.text
