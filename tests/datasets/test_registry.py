"""Names and paths: what is found, what a data set is called, and what bad rows do."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from fer import paths
from fer.datasets import DATASETS, BadRow, FaceDataset, load_dataset, pixel_csv, registry
from fer.datasets.cache import open_cached
from fer.datasets.ferplus import VOTE_NAMES, VOTES_FILE
from fer.datasets.pixel_csv import read_pixel_csv
from fer.errors import DatasetError

HEADER = "emotion,pixels,Usage\n"
GOOD = "0,1 2 3 4,Training\n"


def _put(content: str, file_name: str, header: str = HEADER) -> Path:
    folder = paths.data_dirs()[0]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file_name
    path.write_text(header + content)
    return path


@pytest.mark.parametrize(
    ("name", "file_name", "origin"),
    [
        ("fer2013", "fer2013.csv", "Challenges in Representation Learning: Facial Expression Recognition Challenge"),
        ("ckplus", "ckextended.csv", '"CK+ Dataset" by davilsena'),
    ],
)
def test_missing_file_names_the_places_and_the_origin(
    name: str, file_name: str, origin: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(paths, "ROOT", tmp_path / "checkout")
    with pytest.raises(DatasetError) as raised:
        load_dataset(name)
    message = str(raised.value)
    assert message.startswith(f"{file_name} was not found in ")
    for part in (*map(str, paths.data_dirs()), origin, "kaggle.com", "FER_DATA_DIR"):
        assert part in message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", " is neither a file nor a known data set; known are fer2013, ckplus, ferplus."),
        ("nowhere.csv", "nowhere.csv is neither a file nor a known data set; known are fer2013, ckplus, ferplus."),
    ],
    ids=["empty", "unknown"],
)
def test_unknown_name(name: str, message: str) -> None:
    with pytest.raises(DatasetError, match=f"^{re.escape(message)}$"):
        load_dataset(name)


def test_named_data_set_at_a_path_that_is_not_there() -> None:
    with pytest.raises(DatasetError, match=r"^There is no file nowhere\.csv; give the path of a CSV file"):
        load_dataset("fer2013", path=Path("nowhere.csv"))


@pytest.mark.parametrize("name", ["fer2013", "ckplus"])
def test_named_data_set_is_found(name: str) -> None:
    file = _put(GOOD, DATASETS[name].file_name)
    dataset = load_dataset(name)
    assert (dataset.name, dataset.source, len(dataset)) == (name, file, 1)


VOTES = f"Usage,Image name,{','.join(VOTE_NAMES)}\nTraining,fer0.png,0,10,0,0,0,0,0,0,0,0\n"


def test_votes_are_found_and_label_fer2013_anew() -> None:
    _put(GOOD, "fer2013.csv")
    file = _put(VOTES, VOTES_FILE, header="")
    dataset = load_dataset("ferplus")
    assert (dataset.name, dataset.source, len(dataset)) == ("ferplus", file, 1)
    assert dataset.classes[dataset.labels[0]] == "happy"
    assert load_dataset(file).name == "ferplus"


def test_votes_without_the_faces_they_label() -> None:
    _put(VOTES, VOTES_FILE, header="")
    with pytest.raises(
        DatasetError, match=r"^fer2013new\.csv labels the faces of fer2013\.csv; put that file beside it"
    ):
        load_dataset("ferplus")


@pytest.mark.parametrize(
    ("file_name", "name"),
    [("fer2013.csv", "fer2013"), ("ckextended.csv", "ckplus"), ("my faces.csv", "my faces")],
)
def test_path_is_named_after_its_file(file_name: str, name: str) -> None:
    file = _put(GOOD, file_name)
    assert load_dataset(file).name == load_dataset(str(file)).name == name


def test_name_may_be_given_to_a_path() -> None:
    file = _put(GOOD, "copy.csv")
    dataset = load_dataset("fer2013", path=file)
    assert (dataset.name, dataset.source) == ("fer2013", file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GOOD + "0,1 2 3,Training\n", "In f.csv, pixels must hold 4 values, but row 2 holds 3."),
        (
            GOOD + "0,1 2 3,Training\n0,1,Training\n",
            "In f.csv, pixels must hold 4 values, but row 2 holds 3; 1 more row breaks a rule.",
        ),
        (
            "0,1 2 3,Training\n0,1,Training\n9\n" + GOOD,
            "In f.csv, pixels must hold 4 values, but row 1 holds 3; 2 more rows break a rule.",
        ),
    ],
    ids=["one", "two", "three"],
)
def test_bad_rows_are_refused_whether_cached_or_not(content: str, message: str) -> None:
    file = _put(content, "f.csv")
    for _ in range(2):
        with pytest.raises(DatasetError) as raised:
            load_dataset(file)
        assert str(raised.value) == f"{message} Repair the file, or load it without its bad rows."


def test_bad_rows_are_left_out_on_demand() -> None:
    file = _put(GOOD + "0,1 2 3,Training\n" + GOOD, "f.csv")
    dataset = load_dataset(file, on_bad_rows="skip")
    assert dataset.bad_rows == (BadRow(2, "pixels must hold 4 values, but row 2 holds 3"),)
    assert dataset.rows.tolist() == [1, 3]


def test_two_visitors_with_one_file_read_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    file = _put(GOOD * 3, "f.csv")
    missed = threading.Event()
    read: list[Path] = []
    second: list[Future[FaceDataset]] = []

    def read_with_company(path: Path, name: str, progress: Callable[[float], None] | None) -> FaceDataset:
        read.append(path)
        if len(read) == 1:
            second.append(pool.submit(load_dataset, file))
            assert missed.wait(timeout=60), "the second visitor never looked for the cache"
        return read_pixel_csv(path, name, progress)

    def open_and_tell(*arguments: object) -> FaceDataset | None:
        found = open_cached(*arguments)
        if read:
            missed.set()
        return found

    monkeypatch.setattr(pixel_csv, "read_pixel_csv", read_with_company)
    monkeypatch.setattr(registry, "open_cached", open_and_tell)
    with ThreadPoolExecutor(1) as pool:
        one = load_dataset(file)
        other = second[0].result()
    assert read == [file]
    assert (one.digest, len(one)) == (other.digest, len(other))


def test_reading_that_ends_early_lets_the_next_one_in() -> None:
    file = _put(GOOD, "f.csv")

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_dataset(file, progress=stop)
    assert not paths.array_cache_dir().exists()
    assert len(load_dataset(file)) == 1


@pytest.mark.parametrize(
    ("name", "classes", "rows"), [("fer2013", 7, 35_887), ("ckplus", 8, 920)], ids=["fer2013", "ckplus"]
)
def test_published_counts(name: str, classes: int, rows: int) -> None:
    published = DATASETS[name].published
    assert {len(counts) for counts in published.values()} == {classes}
    assert sum(sum(counts.values()) for counts in published.values()) == rows
