"""The reader of FER2013's layout: what is read, what is refused and in which words."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fer.datasets import USAGES, BadRow, load_dataset, pixel_csv
from fer.datasets.audit import audit
from fer.datasets.pixel_csv import MAX_FILE_BYTES, read_pixel_csv
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT
from fer.errors import DatasetError

GOOD = "0,1 2 3 4,Training"
COLUMNS = "emotion, pixels, Usage"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "drawn.csv is empty; download it again."),
        (b"emotion,pixels,Usage", "drawn.csv has a header but no rows; download it again."),
        (b"emotion,pixels,Usage\n", "drawn.csv has a header but no rows; download it again."),
        (b"emotion,pixels,Usage\n\n\n", "drawn.csv holds no row that can be read."),
        (
            b"\n0,1 2 3 4,Training\n",
            f"drawn.csv must have the columns {COLUMNS}, but lacks {COLUMNS}.",
        ),
        (
            b"0,1 2 3 4,Training\n",
            f"drawn.csv must have the columns {COLUMNS}, but lacks {COLUMNS}.",
        ),
        (
            b"emotion,pixels\n0,1 2 3 4\n",
            f"drawn.csv must have the columns {COLUMNS}, but lacks Usage.",
        ),
        (
            b"emotion,pixels,Usage,age\n0,1 2 3 4,Training,9\n",
            f"drawn.csv has a column of another name; it may have {COLUMNS} and subject, each once.",
        ),
        (
            b"emotion,pixels,Usage,pixels\n0,1 2 3 4,Training,9\n",
            f"drawn.csv has one of its columns twice; it may have {COLUMNS} and subject, each once.",
        ),
        (b"\x89PNG\r\n\x1a\n\x00", "drawn.csv is no CSV file of UTF-8 text; unpack it first if it is an archive."),
        (
            "emotion,pixels,Usage\n".encode("utf-16"),
            "drawn.csv is no CSV file of UTF-8 text; unpack it first if it is an archive.",
        ),
        (
            b"emotion,pixels,Usage\n0,1 2 3,Training\n",
            "drawn.csv holds no row that can be read: pixels must hold a square number of values, but row 1 holds 3.",
        ),
        (
            b"emotion,pixels,Usage\n0,,Training\n",
            "drawn.csv holds no row that can be read: pixels must hold a square number of values, but row 1 holds 0.",
        ),
    ],
    ids=[
        "empty",
        "header without a line end",
        "header only",
        "blank lines only",
        "blank first line",
        "no header",
        "column missing",
        "column unknown",
        "column twice",
        "a picture",
        "another encoding",
        "no square",
        "no pixels",
    ],
)
def test_file_that_cannot_be_read(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "drawn.csv"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=f"^{re.escape(message)}$"):
        read_pixel_csv(path, "drawn")


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_path_that_is_no_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "drawn.csv"
    if kind == "folder":
        path.mkdir()
    with pytest.raises(DatasetError, match=rf"^{re.escape(str(path))} cannot be read: .*\.$"):
        read_pixel_csv(path, "drawn")


def test_row_longer_than_a_block(write_csv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_csv, "BLOCK_BYTES", 64)
    path = write_csv(GOOD, "0," + "1 " * 200 + ",Training", GOOD)
    with pytest.raises(DatasetError, match=r"^drawn\.csv cannot be read as a CSV file: [^\n]+\.$"):
        read_pixel_csv(path, "drawn")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",1 2 3 4,Training", "emotion must be a code from 0 to 7, but row 2 holds ''"),
        ("8,1 2 3 4,Training", "emotion must be a code from 0 to 7, but row 2 holds '8'"),
        ("happy,1 2 3 4,Training", "emotion must be a code from 0 to 7, but row 2 holds 'happy'"),
        ("0,1 2 3 4,", "Usage must be one of Training, PublicTest, PrivateTest, but row 2 holds ''"),
        ("0,1 2 3 4,training", "Usage must be one of Training, PublicTest, PrivateTest, but row 2 holds 'training'"),
        ("0,,Training", "pixels must hold 4 values, but row 2 holds 0"),
        ("0,1 2 3,Training", "pixels must hold 4 values, but row 2 holds 3"),
        ("0,1 2 3 4 5,Training", "pixels must hold 4 values, but row 2 holds 5"),
        ("0,1 2 3 4 5 6 7 8 9,Training", "pixels must hold 4 values, but row 2 holds 9"),
        ("0,1 2 3 256,Training", "pixels must be whole numbers from 0 to 255, but row 2 holds '256'"),
        ("0,1 2 3 -1,Training", "pixels must be whole numbers from 0 to 255, but row 2 holds '-1'"),
        ("0,1 2 3 4.0,Training", "pixels must be whole numbers from 0 to 255, but row 2 holds '4.0'"),
        ("0,1 2 3 0x1F,Training", "pixels must be whole numbers from 0 to 255, but row 2 holds '0x1F'"),
        ("0,1 2 3 ٣,Training", "pixels must be whole numbers from 0 to 255, but row 2 holds '٣'"),
        (b"0,1 2 3 \xff,Training", "pixels must be whole numbers from 0 to 255, but row 2 holds '\ufffd'"),
        (
            "0,1 2 3 " + "9" * 50 + ",Training",
            f"pixels must be whole numbers from 0 to 255, but row 2 holds '{'9' * 40}…'",
        ),
        ("0,1 2 3 4", "every row must have 3 cells, but row 2 has 2"),
        ("0,1 2 3 4,Training,S1", "every row must have 3 cells, but row 2 has 4"),
    ],
    ids=[
        "no code",
        "code unknown",
        "code as a word",
        "no usage",
        "usage unknown",
        "no pixels",
        "too few pixels",
        "too many pixels",
        "another square",
        "past 255",
        "below 0",
        "fraction",
        "hexadecimal",
        "digit of another script",
        "no text",
        "huge number",
        "cell missing",
        "cell too many",
    ],
)
def test_bad_row_is_left_out_and_named(line: str | bytes, reason: str, write_csv) -> None:
    dataset = read_pixel_csv(write_csv("3,1 2 3 4,Training", line, "5,9 8 7 6,PublicTest"), "drawn")
    assert dataset.bad_rows == (BadRow(2, reason),)
    np.testing.assert_array_equal(dataset.images, [[[1, 2], [3, 4]], [[9, 8], [7, 6]]])
    np.testing.assert_array_equal(dataset.labels, [3, 5])
    assert dataset.usage.tolist() == ["Training", "PublicTest"]
    assert dataset.rows.tolist() == [1, 3]


@pytest.mark.parametrize("block_bytes", [40, 64, 4 << 20], ids=["a row a block", "few rows a block", "one block"])
def test_rows_are_numbered_the_same_whatever_the_blocks(
    block_bytes: int, write_csv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixel_csv, "BLOCK_BYTES", block_bytes)
    lines = [f"{i % 7},{i} {i} {i} {i},Training" for i in range(40)]
    lines[4] = "0,5 5 5,Training"
    lines[9] = "0"
    lines[20] = "0,5 5 5 5,Training,S1"
    lines[21] = "9,5 5 5 5,Training"
    lines.insert(30, "")
    lines[39] = "0,5 5 5 x,Training"
    dataset = read_pixel_csv(write_csv(*lines), "drawn")
    assert [bad.row for bad in dataset.bad_rows] == [5, 10, 21, 22, 39]
    assert dataset.rows.tolist() == [row for row in range(1, 41) if row not in (5, 10, 21, 22, 39)]
    np.testing.assert_array_equal(dataset.images[:, 0, 0], dataset.rows - 1)


@pytest.mark.parametrize(
    ("header", "lines"),
    [
        ("emotion,pixels,Usage", ["3,1 2 3 4,PublicTest"]),
        ("Usage,emotion,pixels", ["PublicTest,3,1 2 3 4"]),
        ("emotion, Usage, pixels", ["3,PublicTest,1 2 3 4"]),
        ("\ufeffemotion,pixels,Usage", ["3,1 2 3 4,PublicTest"]),
        ("emotion,pixels,Usage\r", ["3,1 2 3 4,PublicTest\r"]),
        ('"emotion","pixels","Usage"', ['"3","1 2 3 4","PublicTest"']),
        ("emotion,pixels,Usage", ["3,  1 2  3 4 ,PublicTest"]),
        ("emotion,pixels,Usage", [" 3 ,001 2 3 4, PublicTest"]),
        ("emotion,pixels,Usage", ["", "3,1 2 3 4,PublicTest", ""]),
    ],
    ids=[
        "usual",
        "other order",
        "spaced header",
        "byte order mark",
        "Windows line ends",
        "quoted",
        "more spaces",
        "spaced cells",
        "blank lines",
    ],
)
def test_layouts_that_mean_the_same(header: str, lines: list[str], write_csv) -> None:
    dataset = read_pixel_csv(write_csv(*lines, header=header), "drawn")
    np.testing.assert_array_equal(dataset.images, [[[1, 2], [3, 4]]])
    assert (dataset.labels.tolist(), dataset.usage.tolist(), dataset.rows.tolist()) == ([3], ["PublicTest"], [1])
    assert (dataset.bad_rows, dataset.subjects, dataset.classes) == ((), None, EMOTIONS)


def test_last_line_needs_no_end(tmp_path: Path) -> None:
    path = tmp_path / "drawn.csv"
    path.write_text(f"emotion,pixels,Usage\n{GOOD}")
    assert len(read_pixel_csv(path, "drawn")) == 1


def test_subjects_and_contempt(write_csv) -> None:
    header = "subject,emotion,pixels,Usage"
    path = write_csv("S010,7,1 2 3 4,Training", ",8,1 2 3 4,Training", ",0,1 2 3 4,Training", header=header)
    dataset = read_pixel_csv(path, "drawn")
    assert dataset.subjects.tolist() == ["S010", ""]
    assert dataset.classes == EMOTIONS_WITH_CONTEMPT


@pytest.mark.parametrize(
    ("pixels", "side"),
    [(["5"], 1), (["1", "1 2 3 4"], 2), (["1", "1 2 3 4", "5 6 7 8"], 2), (["1 2 3", "1 2 3", "1 2 3 4"], 2)],
    ids=["one value", "larger of two", "most rows", "squares only"],
)
def test_side_comes_from_the_rows(pixels: list[str], side: int, write_csv) -> None:
    dataset = read_pixel_csv(write_csv(*(f"0,{cell},Training" for cell in pixels)), "drawn")
    assert dataset.images.shape[1:] == (side, side)


def test_side_may_come_from_a_later_block(write_csv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_csv, "BLOCK_BYTES", 40)
    dataset = read_pixel_csv(write_csv("0,1 2 3,Training", "0,1 2 3,Training", "0,1 2 3,Training", GOOD), "drawn")
    assert dataset.rows.tolist() == [4]
    assert len(dataset.bad_rows) == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    images=st.tuples(st.integers(1, 5), st.integers(1, 9)).flatmap(
        lambda n_side: hnp.arrays(np.uint8, (n_side[0], n_side[1], n_side[1]))
    ),
    data=st.data(),
)
def test_what_is_written_is_read(images: np.ndarray, data: st.DataObject, write_csv) -> None:
    n = len(images)
    labels = data.draw(st.lists(st.integers(0, 7), min_size=n, max_size=n))
    usage = data.draw(st.lists(st.sampled_from(USAGES), min_size=n, max_size=n))
    rows = zip(labels, images, usage, strict=True)
    dataset = read_pixel_csv(
        write_csv(*(f"{label},{' '.join(map(str, image.ravel()))},{use}" for label, image, use in rows)), "drawn"
    )
    np.testing.assert_array_equal(dataset.images, images)
    assert (dataset.labels.tolist(), dataset.usage.tolist()) == (labels, usage)


def test_progress_rises_to_one(write_csv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_csv, "BLOCK_BYTES", 64)
    shares: list[float] = []
    read_pixel_csv(write_csv(*[GOOD] * 50), "drawn", shares.append)
    assert len(shares) > 10
    assert shares == sorted(shares)
    assert (shares[0] > 0, shares[-1]) == (True, 1.0)


def test_progress_can_end_the_reading(write_csv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_csv, "BLOCK_BYTES", 64)
    calls: list[float] = []

    def stop(share: float) -> None:
        calls.append(share)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_pixel_csv(write_csv(*[GOOD] * 50), "drawn", stop)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("nbytes", "is_read"),
    [(MAX_FILE_BYTES, True), (MAX_FILE_BYTES + 1, False), (5 << 30, False)],
    ids=["largest", "a byte more", "5 GB"],
)
def test_file_of_gigabytes_is_refused_before_it_is_read(
    nbytes: int, is_read: bool, write_csv, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_csv(GOOD)
    os.truncate(path, nbytes)  # sparse: takes no room on the disk

    class ReadError(Exception):
        pass

    def read(_: Path) -> None:
        raise ReadError

    monkeypatch.setattr(pixel_csv, "_read_header", read)
    with pytest.raises(ReadError if is_read else DatasetError) as raised:
        read_pixel_csv(path, "drawn")
    if not is_read:
        size = f"{nbytes / 1e9:.1f}"
        expected = f"drawn.csv has {size} GB, but at most 1 GB is read; split it into smaller files."
        assert str(raised.value) == expected


@pytest.mark.slow
def test_ckextended_as_it_is_published(write_csv) -> None:
    """920 rows without a subject, most of them neutral, Usage as it comes."""
    counts = (45, 59, 25, 69, 28, 83, 593, 18)
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(8), counts))
    usage = rng.permutation(np.repeat(USAGES, (736, 92, 92)))
    images = rng.integers(0, 256, (920, 48, 48), np.uint8)
    rows = (f"{c},{' '.join(map(str, i.ravel().tolist()))},{u}" for c, i, u in zip(labels, images, usage, strict=True))
    dataset = load_dataset(write_csv(*rows, name="ckextended.csv"))
    assert (dataset.name, len(dataset), dataset.subjects, dataset.bad_rows) == ("ckplus", 920, None, ())
    assert tuple(dataset.counts().sum()) == counts
    assert tuple(dataset.counts().sum(axis=1)) == (736, 92, 92)
    assert dataset.classes == EMOTIONS_WITH_CONTEMPT
    np.testing.assert_array_equal(dataset.images, images)
    found = audit(dataset)
    assert (found.differences.empty, found.shared_subjects) == (True, None)


def test_class_without_rows_has_a_count_of_0(write_csv) -> None:
    dataset = read_pixel_csv(write_csv("3,1 2 3 4,Training", "6,4 3 2 1,Training"), "drawn")
    assert dataset.counts().loc["Training"].to_dict() == dict.fromkeys(EMOTIONS, 0) | {"happy": 1, "neutral": 1}


HOSTILE = {
    "a long subject": ("emotion,pixels,Usage,subject\n", "3,1 2 3 4,Training," + "x" * 4000 + "\n", 500),
    "bad rows": ("emotion,pixels,Usage\n", "9,1,Training\n", 200_000),
    "ragged rows": ("emotion,pixels,Usage\n", "9\n", 500_000),
    "a large picture before small ones": (
        "emotion,pixels,Usage\n3," + "1 " * 1_000_000 + "1,Training\n",
        "3,1,Training\n",
        9_000,
    ),
}
"""A header, a row and how often it comes."""

PROBE = """
import resource, sys, pathlib
from fer.datasets.pixel_csv import read_pixel_csv
from fer.errors import DatasetError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_pixel_csv(pathlib.Path(sys.argv[1]), "hostile")
    said = "read"
except DatasetError as error:
    said = str(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, said)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("a long subject", "subject must have at most 80 characters, but row 1 has 4,000"),
        ("bad rows", "has more than 10,000 rows that break a rule, as emotion must be a code from 0 to 7"),
        ("ragged rows", "has more than 10,000 rows that break a rule, as every row must have 3 cells"),
        ("a large picture before small ones", "read"),
    ],
    ids=list(HOSTILE),
)
def test_a_hostile_file_takes_little_memory(kind: str, said: str, tmp_path: Path) -> None:
    """Each of a few megabytes; the most that it takes is told by a process of its own."""
    header, row, times = HOSTILE[kind]
    (tmp_path / "hostile.csv").write_text(header + row * times)
    command = [sys.executable, "-c", PROBE, str(tmp_path / "hostile.csv")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    took_mb, _, sentence = done.stdout.partition(" ")
    assert said in sentence
    assert int(took_mb) < 400


def test_too_little_memory_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    (tmp_path / "drawn.csv").write_text("emotion,pixels,Usage\n3,1 2 3 4,Training\n")
    monkeypatch.setattr(pixel_csv, "_parse_block", fail)
    with pytest.raises(DatasetError, match=r"^drawn.csv does not fit into this machine's memory; split it"):
        pixel_csv.read_pixel_csv(tmp_path / "drawn.csv", "drawn")


def test_one_file_is_read_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "drawn.csv").write_text("emotion,pixels,Usage\n3,1 2 3 4,Training\n")
    assemble, held = pixel_csv._assemble, []

    def look(*given):
        held.append(pixel_csv._one_reads.locked())
        return assemble(*given)

    monkeypatch.setattr(pixel_csv, "_assemble", look)
    pixel_csv.read_pixel_csv(tmp_path / "drawn.csv", "drawn")
    assert held == [True]
    assert not pixel_csv._one_reads.locked()
