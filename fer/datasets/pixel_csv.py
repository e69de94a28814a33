"""A CSV file with the columns emotion, pixels and Usage -> arrays: FER2013's layout, shared by `ckextended.csv`.

`emotion` holds codes 0-7, `pixels` the values of a square grey picture row by row, separated by spaces, `Usage` one
of `USAGES`; a column `subject` may say who is seen. Columns come in any order. Every row is either read or reported.
Knows nothing about the cache, networks or pages.
"""

import csv
import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import isqrt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from fer.datasets.dataset import USAGES, BadRow, FaceDataset, digest_of
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT
from fer.errors import DatasetError

REQUIRED = ("emotion", "pixels", "Usage")
OPTIONAL = ("subject",)
BLOCK_BYTES = 4 << 20
HEADER_BYTES = 1 << 16
MAX_FILE_BYTES = 10**9
"""The largest file that is read, more than three times FER2013: its arrays take a third of that in memory, twice."""

MAX_ROWS = 1_000_000
"""The most rows that are read, thirty times FER2013's."""

MAX_BAD_ROWS = 10_000
"""So many rows that break a rule are left out and named; a file with more is no data set."""

MAX_SIDE = 224
"""The longest side of the pictures, pixels."""

MAX_SUBJECT = 80
"""The most characters of a subject's name."""

_one_reads = threading.Lock()

_CODES = tuple(str(code) for code in range(len(EMOTIONS_WITH_CONTEMPT)))
_Fault = tuple[str, str]  # the rule that a row breaks, and what the row does instead


def read_pixel_csv(path: Path, name: str, progress: Callable[[float], None] | None = None) -> FaceDataset:
    """Read a file in FER2013's layout; rows that break a rule are left out and reported in `bad_rows`.

    The side of the pictures is taken from the file: the square number of values that most rows of its first block hold.

    Args:
        path: the file.
        name: what to call the data set.
        progress: called with the share that is done, in [0, 1]; what it raises ends the reading.

    Returns:
        The good rows, at least one.

    Raises:
        DatasetError: the file cannot be read, is too large or no such CSV, or holds no good row.
    """
    _check_size(path)
    columns = _read_header(path)
    with _one_reads:  # each may take as much memory as the largest file does
        return _read(path, name, columns, progress)


def _read(path: Path, name: str, columns: list[str], progress: Callable[[float], None] | None) -> FaceDataset:
    ragged: list[tuple[int, int]] = []
    blocks: list[_Block] = []
    done = rows = bad = 0
    try:
        size = path.stat().st_size
        for block in _read_blocks(_open(path, columns, ragged), "subject" in columns):
            blocks.append(block)
            done += block.nbytes
            rows += len(block.good)
            bad += len(block.faults)
            if rows > MAX_ROWS:
                raise DatasetError(f"{path.name} has more than {MAX_ROWS:,} rows; split it into smaller files.")
            if bad + len(ragged) > MAX_BAD_ROWS:
                raise _too_many(path, columns, blocks, ragged)
            if progress is not None:
                progress(min(1.0, done / size))
        dataset = _assemble(path, name, len(columns), blocks, ragged)
    except MemoryError as error:  # also Arrow's
        raise DatasetError(
            f"{path.name} does not fit into this machine's memory; split it into smaller files."
        ) from error
    except (pa.ArrowException, OSError) as error:
        if len(ragged) > MAX_BAD_ROWS:
            raise _too_many(path, columns, blocks, ragged) from error
        why = (str(error).splitlines() or ["no reason given"])[0].rstrip(".")
        raise DatasetError(f"{path.name} cannot be read as a CSV file: {_short(why, 120)}.") from error
    if progress is not None:
        progress(1.0)
    return dataset


def _check_size(path: Path) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}.") from error
    if size > MAX_FILE_BYTES:
        raise DatasetError(
            f"{path.name} has {size / 1e9:.1f} GB, but at most {MAX_FILE_BYTES / 1e9:.0f} GB is read; "
            "split it into smaller files."
        )


def _read_header(path: Path) -> list[str]:
    """The column names, stripped of spaces, after checking them and that something follows."""
    try:
        with path.open("rb") as handle:
            line = handle.readline(HEADER_BYTES)
            has_more = bool(handle.read(1))
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}.") from error
    if not line:
        raise DatasetError(f"{path.name} is empty; download it again.")
    try:
        text = line.decode("utf-8-sig").strip()
        columns = [column.strip() for column in next(csv.reader([text]), [])]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path.name} is no CSV file of UTF-8 text; unpack it first if it is an archive.") from error
    missing = [column for column in REQUIRED if column not in columns]
    if missing:
        raise DatasetError(f"{path.name} must have the columns {', '.join(REQUIRED)}, but lacks {', '.join(missing)}.")
    unknown = [column for column in columns if column not in (*REQUIRED, *OPTIONAL)]
    if unknown or len(set(columns)) != len(columns):
        what = "a column of another name" if unknown else "one of its columns twice"
        raise DatasetError(
            f"{path.name} has {what}; it may have {', '.join(REQUIRED)} and {', '.join(OPTIONAL)}, each once."
        )
    if not has_more:
        raise DatasetError(f"{path.name} has a header but no rows; download it again.")
    return columns


def _open(path: Path, columns: list[str], ragged: list[tuple[int, int]]) -> arrow_csv.CSVStreamingReader:
    """Open the file as a stream of blocks of raw bytes; rows of another length go to `ragged` (row, cells)."""

    def note(row: arrow_csv.InvalidRow) -> str:
        ragged.append((row.number - 1, row.actual_columns))
        return "skip" if len(ragged) <= MAX_BAD_ROWS else "error"

    return arrow_csv.open_csv(
        path,
        # Only a reader without threads knows the number of a row that it hands to `note`.
        read_options=arrow_csv.ReadOptions(
            use_threads=False, column_names=columns, skip_rows=1, block_size=BLOCK_BYTES
        ),
        parse_options=arrow_csv.ParseOptions(invalid_row_handler=note),
        convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.binary())),
    )


@dataclass(frozen=True, eq=False)
class _Block:
    """Some consecutive rows of equal length: the good ones, and why the others are not.

    Attributes:
        images: uint8 of shape (good rows, side, side).
        labels, usage, subjects: of shape (good rows,), as in `FaceDataset`.
        good: bool of shape (rows,).
        faults: for every bad row its position in the block and what is wrong with it.
        nbytes: what the rows take in the file, about.
    """

    images: np.ndarray
    labels: np.ndarray
    usage: np.ndarray
    subjects: np.ndarray | None
    good: np.ndarray
    faults: dict[int, _Fault]
    nbytes: int


def _read_blocks(reader: arrow_csv.CSVStreamingReader, has_subjects: bool) -> Iterator[_Block]:
    """Parse blocks on a few threads (Arrow works without the interpreter's lock), in the file's order."""
    workers = min(4, os.cpu_count() or 1)
    waiting: deque[Future[_Block]] = deque()
    area = 0
    with reader, ThreadPoolExecutor(workers) as pool:
        for batch in reader:
            area = area or _common_square(batch.column("pixels"))
            waiting.append(pool.submit(_parse_block, batch, area, has_subjects))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _common_square(cells: pa.Array) -> int:
    """The square number of values that most of these cells hold, the larger of two; 0 where none holds one."""
    lengths = Counter(len(cell.split()) for cell in cells.to_pylist())
    most = MAX_SIDE**2
    squares = {length: rows for length, rows in lengths.items() if 0 < length <= most and isqrt(length) ** 2 == length}
    return max(squares, key=lambda length: (squares[length], length), default=0)


def _parse_block(batch: pa.RecordBatch, area: int, has_subjects: bool) -> _Block:
    pixels, faults = _parse_pixels(batch.column("pixels"), area)
    usage, usage_faults = _parse_words(batch.column("Usage"), USAGES, "Usage must be one of " + ", ".join(USAGES))
    labels, label_faults = _parse_words(
        batch.column("emotion"), _CODES, f"emotion must be a code from 0 to {_CODES[-1]}"
    )
    parsed = np.ones(len(labels), bool)
    parsed[list(faults)] = False
    faults |= usage_faults | label_faults
    names = [_text(cell) for cell in batch.column("subject").to_pylist()] if has_subjects else []
    rule = f"subject must have at most {MAX_SUBJECT} characters"
    faults |= {i: (rule, f"has {len(name):,}") for i, name in enumerate(names) if len(name) > MAX_SUBJECT}
    good = np.ones(len(labels), bool)
    good[list(faults)] = False
    subjects = np.array(names, object)[good].astype(np.str_) if has_subjects else None
    return _Block(
        images=pixels[good[parsed]].reshape(int(good.sum()), isqrt(area), isqrt(area)),
        labels=labels[good],
        usage=np.array(USAGES)[usage[good]],
        subjects=subjects,
        good=good,
        faults=faults,
        nbytes=batch.nbytes,
    )


def _parse_words(cells: pa.Array, known: Sequence[str], rule: str) -> tuple[np.ndarray, dict[int, _Fault]]:
    """Turn every cell into its position among the known words; 0 and a fault where it is none of them."""
    encoded = cells.dictionary_encode()
    words = [_text(word) for word in encoded.dictionary.to_pylist()]
    positions = np.array([known.index(word) if word in known else 0 for word in words], np.uint8)
    is_known = np.array([word in known for word in words], bool)
    indices = encoded.indices.to_numpy()
    faults = {int(i): (rule, f"holds '{_short(words[indices[i]])}'") for i in np.flatnonzero(~is_known[indices])}
    return positions[indices], faults


def _parse_pixels(cells: pa.Array, area: int) -> tuple[np.ndarray, dict[int, _Fault]]:
    """Read a block of pictures at once; where anything is odd about it, read it row by row.

    Returns:
        uint8 of shape (good rows, area), and what is wrong with the others.
    """
    lists = pc.split_pattern(cells, " ")
    # Arrow reads hexadecimal numbers too, so nothing past the digit 9 may reach it.
    is_plain = np.frombuffer(cells.buffers()[2], np.uint8).max(initial=0) <= ord("9")
    if area and is_plain and (np.diff(lists.offsets.to_numpy()) == area).all():
        try:
            return lists.flatten().cast(pa.uint8()).to_numpy().reshape(-1, area), {}
        except pa.ArrowInvalid:
            pass
    pixels: list[np.ndarray] = []
    faults: dict[int, _Fault] = {}
    for row, cell in enumerate(cells.to_pylist()):
        values = _text(cell).split()
        odd = next((value for value in values if not _is_byte(value)), None)
        if odd is not None:
            faults[row] = ("pixels must be whole numbers from 0 to 255", f"holds '{_short(odd)}'")
        elif not area:
            faults[row] = ("pixels must hold a square number of values", f"holds {len(values)}")
        elif len(values) != area:
            faults[row] = (f"pixels must hold {area} values", f"holds {len(values)}")
        else:
            pixels.append(np.array([int(value) for value in values], np.uint8))
    return np.array(pixels, np.uint8).reshape(len(pixels), area), faults


def _is_byte(value: str) -> bool:
    return value.isascii() and value.isdecimal() and len(value) <= 9 and int(value) <= 255


def _assemble(path: Path, name: str, cells: int, blocks: list[_Block], ragged: list[tuple[int, int]]) -> FaceDataset:
    """Join the blocks and number the rows, those of another length included."""
    good = np.concatenate([block.good for block in blocks]) if blocks else np.zeros(0, bool)
    cut = np.array([row for row, _ in ragged], np.int64)
    rows = np.setdiff1d(np.arange(1, len(good) + len(cut) + 1), cut)
    faults = [(row, (f"every row must have {cells} cells", f"has {found}")) for row, found in ragged]
    start = 0
    for block in blocks:
        faults += [(int(rows[start + i]), fault) for i, fault in block.faults.items()]
        start += len(block.good)
    bad_rows = tuple(BadRow(row, f"{rule}, but row {row} {finding}") for row, (rule, finding) in sorted(faults))
    if not good.any():
        why = f": {bad_rows[0].reason}" if bad_rows else ""
        raise DatasetError(f"{path.name} holds no row that can be read{why}.")
    filled = [block for block in blocks if block.good.any()]
    images = np.concatenate([block.images for block in filled])
    labels = np.concatenate([block.labels for block in filled])
    usage = np.concatenate([block.usage for block in filled])
    has_subjects = filled[0].subjects is not None
    return FaceDataset(
        name=name,
        images=images,
        labels=labels,
        usage=usage,
        classes=EMOTIONS if labels.max() < len(EMOTIONS) else EMOTIONS_WITH_CONTEMPT,
        digest=digest_of(images, labels, usage),
        source=path,
        rows=rows[good],
        subjects=np.concatenate([block.subjects for block in filled]) if has_subjects else None,
        bad_rows=bad_rows,
    )


def _too_many(path: Path, columns: list[str], blocks: list[_Block], ragged: list[tuple[int, int]]) -> DatasetError:
    first = next((f"{rule}" for block in blocks for rule, _ in block.faults.values()), None)
    rule = first or f"every row must have {len(columns)} cells"
    return DatasetError(f"{path.name} has more than {MAX_BAD_ROWS:,} rows that break a rule, as {rule}; repair it.")


def _text(cell: bytes) -> str:
    return cell.decode("utf-8", "replace").strip()


def _short(text: str, limit: int = 40) -> str:
    """A piece of a file, short enough for a sentence."""
    return text if len(text) <= limit else text[:limit] + "…"
