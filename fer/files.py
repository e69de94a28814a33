"""Bytes -> a file that is there whole or not at all; a table -> CSV that a spreadsheet may open.

Knows nothing about what the bytes mean, and words no errors.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = (*"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20")


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that whoever looks, also after a kill or on a full disk, finds the old one or the new one.

    The bytes go to a part file beside it, reach the disk, and take the old file's place. A link stays a link, and the
    file that it leads to is replaced. A kill may leave the hidden part file.

    Args:
        path: the file; its folder is there.
        content: all that it is to hold.

    Raises:
        OSError: it cannot be written; what was there before is still there.
    """
    with replacing(path) as file:
        file.write(content)


@contextmanager
def replacing(path: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Give a file to write to that takes the place of another once all is written; see `replace_file`.

    Args:
        path: the file; its folder is there.
        mode: who may read it, as far as the user's own mask allows.
    """
    target = path.resolve()
    part = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with open(part, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


@dataclass(frozen=True)
class Part:
    """A hidden file, open for writing and reading, that gets its name when it is whole."""

    path: Path
    file: BinaryIO

    def keep_as(self, path: Path) -> None:
        """Let it take a name, and the place of what was called so."""
        self.file.close()
        self.path.replace(path)


@contextmanager
def part_in(folder: Path) -> Iterator[Part]:
    """A part in a folder, for what is too large for memory; gone in the end, unless it was kept.

    Raises:
        OSError: the folder cannot be written.
    """
    path = folder / f".{uuid.uuid4().hex}.part"
    with path.open("w+b") as file:
        try:
            yield Part(path, file)
        finally:
            path.unlink(missing_ok=True)


class FileLock:
    """Keeps other processes out while this one writes; the system lifts it when the process ends, however it does."""

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Args:
            path: a file that stands for it; made where it is missing, and left behind.

        Raises:
            BlockingIOError: another process holds it.
            OSError: the file cannot be written.
        """
        self._file = path.open("ab")
        try:
            try:
                import fcntl
            except ModuleNotFoundError:  # on Windows
                import msvcrt

                msvcrt.locking(self._file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
            else:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            if isinstance(error, BlockingIOError | PermissionError):
                raise BlockingIOError(error.errno, error.strerror) from error
            raise

    def release(self) -> None:
        """Let others in; may be called twice."""
        self._file.close()


def table_to_csv(table: "pd.DataFrame") -> bytes:
    """A table as CSV of UTF-8 text, whose cells no spreadsheet takes for formulas.

    A text that begins like a formula (a photo may be called so) gets an apostrophe, which spreadsheets take for "text";
    numbers stay as they are.
    """
    safe = table.copy()
    for name in table.select_dtypes(exclude="number").columns:
        safe[name] = table[name].map(_not_a_formula)
    return safe.to_csv(index=False, lineterminator="\n").encode(errors="surrogateescape")


def _not_a_formula(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    cell = cell.replace("\0", "")
    return f"'{cell}" if cell.lstrip(" '\"").startswith(_FORMULA) else cell
