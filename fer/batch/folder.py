"""A folder of results: Parquet parts that survive whatever ends the run, and a manifest that says how they came about.

A part is there whole or not at all, and holds all rows of its files, so what is done is what stands in the parts: a run
goes on from there. One run at a time writes. Knows nothing about how files are read.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer.batch.sources import Kind
from fer.errors import FerError
from fer.files import FileLock, replace_file

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST = "manifest.json"
LAYOUT = 1
"""Raised when a folder's layout changes, so that an older program leaves it alone."""

KINDS: Mapping[Kind, str] = {"photo": "photos", "video": "videos"}
"""The folder of each kind's parts."""

PART_ROWS = 20_000
"""A part is written when it holds so many rows; it holds more where one video alone has more."""

PART_S = 10.0
"""Or when its first rows have waited for so long, so that a kill costs no more."""

_LOCK = ".lock"


@dataclass(frozen=True)
class Counts:
    """How many files of a kind a folder holds, and how many of them could not be read."""

    files: int = 0
    failed: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.files + other.files, self.failed + other.failed)


class ResultFolder:
    """A folder of results, opened to go on; a context manager, for one thread.

    Attributes:
        done: the files whose rows it holds, or will hold when it is closed.
        counts: by kind.
    """

    def __init__(self, path: Path, recipe: Mapping[str, Any], stamps: Sequence[Mapping[str, Any]] = ()) -> None:
        """Make a folder, or open one that an earlier run made.

        Args:
            path: where it is, or is to be.
            recipe: all that rows depend on, as plain values.
            stamps: how the model was measured, for whoever opens the folder.

        Raises:
            FerError: it cannot be written, another run writes to it, it holds something else, results of another
                recipe or of a newer program, or a damaged part.
        """
        self.path = path
        self._recipe, self._stamps = dict(recipe), list(stamps)
        self._waiting: dict[Kind, list[pa.Table]] = {kind: [] for kind in KINDS}
        self._waiting_counts = dict.fromkeys(KINDS, Counts())
        self._since_s = 0.0
        self.done: set[str] = set()
        self.counts = dict.fromkeys(KINDS, Counts())
        try:
            path.mkdir(parents=True, exist_ok=True)
            strangers = {entry.name for entry in path.iterdir()} - {_LOCK, MANIFEST}
            self._lock = FileLock(path / _LOCK)
        except BlockingIOError as error:
            raise FerError(f"Another run writes to {path}; wait for its end, or name another folder.") from error
        except OSError as error:
            raise FerError(f"{path} cannot be written: {error.strerror}.") from error
        try:
            self._runs = self._check(strangers)
            self._numbers = {kind: self._load(kind) for kind in KINDS}
            self._write_manifest()
        except BaseException:
            self._lock.release()
            raise

    def _check(self, strangers: set[str]) -> list[dict]:
        """What the manifest says of earlier runs, after looking whether they belong together."""
        manifest = read_manifest(self.path)
        if manifest is None:
            if strangers:
                raise FerError(f"{self.path} holds other files and no {MANIFEST}; name a new or an empty folder.")
            return []
        before = manifest["recipe"]
        other = [name for name in {**before, **self._recipe} if before.get(name) != self._recipe.get(name)]
        if other:
            told = "; ".join(_difference(name, before.get(name), self._recipe.get(name)) for name in other)
            raise FerError(f"{self.path} holds results of another recipe ({told}); name another folder.")
        return list(manifest["runs"])

    def _load(self, kind: Kind) -> int:
        """Take in what the parts of a kind hold; returns the highest number of a part."""
        highest = 0
        for part in find_parts(self.path, kind):
            files, failed = _files_of(part)
            doubled = self.done & files
            if doubled:
                raise FerError(f"{part} holds rows of {min(doubled)}, and so does another part; remove one of the two.")
            self.done |= files
            self.counts[kind] += Counts(len(files), len(failed))
            highest = max(highest, int(part.stem.rpartition("-")[2]))
        return highest

    def __enter__(self) -> "ResultFolder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, kind: Kind, rows: "pa.Table", files: int, failed: int) -> None:
        """Take in the rows of files that are not in it yet.

        Args:
            kind: what the files are.
            rows: all rows of these files.
            files, failed: how many files these are, and how many of them could not be read.

        Raises:
            OSError: the disk is full.
        """
        names = set(rows.column("file").unique().to_pylist())
        if self.done & names or len(names) != files:
            raise ValueError("rows must be of files that are not in the folder yet, each with a row at least.")
        if not any(self._waiting.values()):
            self._since_s = time.monotonic()
        self.done |= names
        self._waiting[kind].append(rows)
        self._waiting_counts[kind] += Counts(files, failed)
        if sum(len(table) for table in self._waiting[kind]) >= PART_ROWS:
            self.flush()

    def flush_in_time(self) -> None:
        """Write what has waited for long; to be called now and then."""
        if any(self._waiting.values()) and time.monotonic() - self._since_s > PART_S:
            self.flush()

    def flush(self) -> None:
        """Write what waits.

        Raises:
            OSError: the disk is full, for one; what could not be written still waits.
        """
        import pyarrow as pa
        from pyarrow import parquet

        for kind, tables in self._waiting.items():
            if not tables:
                continue
            folder = self.path / KINDS[kind]
            folder.mkdir(exist_ok=True)
            sink = pa.BufferOutputStream()
            parquet.write_table(pa.concat_tables(tables), sink, compression="zstd")
            replace_file(folder / f"part-{self._numbers[kind] + 1:06}.parquet", sink.getvalue())
            self._numbers[kind] += 1
            self.counts[kind] += self._waiting_counts[kind]
            self._waiting[kind], self._waiting_counts[kind] = [], Counts()

    def note_run(self, about: Mapping[str, Any]) -> None:
        """Write down how this run went; what is said last of a run stays."""
        if self._runs and self._runs[-1].get("started") == about.get("started"):
            self._runs.pop()
        self._runs.append(dict(about))
        self._write_manifest()

    def close(self) -> None:
        """Write what waits, and let others write."""
        try:
            self.flush()
        finally:
            self._lock.release()

    def _write_manifest(self) -> None:
        manifest = {
            "layout": LAYOUT,
            "recipe": self._recipe,
            "stamps": self._stamps,
            "counts": {KINDS[kind]: asdict(counts) for kind, counts in self.counts.items()},
            "runs": self._runs,
            "note": "An expression is not a feeling.",
        }
        try:
            replace_file(self.path / MANIFEST, (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode())
        except OSError as error:
            raise FerError(f"{self.path} cannot be written: {error.strerror}.") from error


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """What a folder's manifest says; None where there is none.

    Raises:
        FerError: it is damaged, or of a newer program.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        layout, _, _ = manifest["layout"], manifest["recipe"]["photos"], manifest["runs"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise FerError(f"{path} is damaged; name another folder.") from error
    if layout != LAYOUT:
        raise FerError(f"{folder} was made by another version of this program; name another folder.")
    return dict(manifest)


def find_parts(folder: Path, kind: Kind) -> list[Path]:
    """The parts of a kind, in the order in which they were written."""
    return sorted((folder / KINDS[kind]).glob("part-*.parquet"))


def _files_of(part: Path) -> tuple[set[str], set[str]]:
    """The files whose rows a part holds, and those of them that could not be read."""
    from pyarrow import ArrowException, parquet

    try:
        table = parquet.read_table(part, columns=["file", "error"])
    except (ArrowException, OSError) as error:
        raise FerError(f"{part} is damaged; remove it, and its files are read again.") from error
    files = set(table.column("file").unique().to_pylist())
    failed = table.filter(table.column("error").is_valid()).column("file").unique().to_pylist()
    return files, set(failed)


def _difference(name: str, before: object, now: object) -> str:
    if isinstance(before, dict) and isinstance(now, dict):
        inner = [key for key in {**before, **now} if before.get(key) != now.get(key)]
        return ", ".join(_difference(f"{name}' {key}", before.get(key), now.get(key)) for key in inner)
    if name in ("network", "report"):
        return f"the model's {name} is another one"
    return f"{name} {_word(before)} there, {_word(now)} now"


def _word(value: object) -> str:
    return "none" if value is None else json.dumps(value).strip('"')


def now() -> str:
    """This moment, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
