"""Bytes -> a file that is there whole or not at all; a table -> CSV that a spreadsheet may open.

Knows nothing about what the bytes mean, and words no errors.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
