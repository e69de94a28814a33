"""A ZIP of class folders, as somebody uploaded it -> arrays, within bounds, and without a byte on the disk.

The folders are those that `fer.datasets.folders` reads; they may lie in one more folder, as archives of a folder have
it. Nothing is unpacked to the disk, so that no name inside can lead anywhere; an archive that tries is refused.
Bounded are the files, their bytes, how much they grow and how deep they lie, all before the first is unpacked, and the
pixels while they are decoded. Knows nothing of the cache, networks or pages.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from fer.datasets.dataset import FaceDataset
from fer.datasets.folders import (
    CLASSES,
    SPLITS,
    Entry,
    assemble,
    beside_splits,
    decoded,
    grey,
    is_meant,
    no_expression,
    no_folders,
    word,
)
from fer.emotions import EMOTIONS_WITH_CONTEMPT
from fer.errors import DatasetError
from fer.media import decode_image

MAX_FILES = 50_000
"""More than FER2013 has."""

MAX_FILE_BYTES = 20_000_000
MAX_BYTES = 1_000_000_000
"""What one file and all files together may unpack to."""

MAX_RATIO = 100
"""A file may unpack to so many times its packed size; pictures hardly shrink when they are packed."""

_ALWAYS_BYTES = 1_000_000
"""A smaller file may grow as it likes."""

MAX_DEPTH = 8
"""So many folders a file may lie in."""

MAX_PIXELS = 2_000_000_000
"""What all pictures together may have: 50,000 of 200 by 200."""

MAX_ARRAY_BYTES = 1 << 28
"""The most that the faces of an upload take in memory."""

_MAX_DIRECTORY_BYTES = 12_000_000
_END, _END_64 = b"PK\x05\x06", b"PK\x06\x07"
_END_BYTES, _END_64_BYTES, _MAX_COMMENT = 22, 20, 65_535
_ENCRYPTED = 0x1


@dataclass(frozen=True)
class _Packed(Entry):
    info: zipfile.ZipInfo


def read_archive(data: bytes, name: str, progress: Callable[[float], None] | None = None) -> FaceDataset:
    """Read a ZIP of class folders; files in them that are no pictures are left out and reported in `bad_rows`.

    Args:
        data: the archive's bytes, whatever they are.
        name: what it is called; the data set is called so too, without the ending.
        progress: called with the share that is done, in [0, 1]; what it raises ends the reading.

    Returns:
        The pictures of at least two classes, as from `fer.datasets.folders.read_folder`.

    Raises:
        DatasetError: it is no ZIP, damaged, past one of the bounds, or has no class folders.
    """
    _check_directory(data, name)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_bounds(archive.infolist(), len(data), name)
            files = sorted(_find_files(archive.infolist(), name), key=lambda file: file.name)
            pictures = _within_pixels(decoded(_decoders(archive, files)), name)
            return assemble(files, pictures, Path(name).stem, Path(name), name, MAX_ARRAY_BYTES, progress)
    except (zipfile.BadZipFile, struct.error, UnicodeDecodeError, NotImplementedError) as error:
        raise _damaged(name) from error


def _damaged(name: str) -> DatasetError:
    return DatasetError(f"{name} is no ZIP archive, or is damaged; pack the folder again.")


def _check_directory(data: bytes, name: str) -> None:
    """Look at how long the list of files is before it is read: it may be all that an archive consists of."""
    place = len(data) - _END_BYTES
    if place < 0:
        raise _damaged(name)
    if data[place : place + 4] != _END or data[-2:] != b"\0\0":
        place = data.rfind(_END, max(0, place - _MAX_COMMENT))
    if place < 0 or len(data) < place + _END_BYTES:
        raise _damaged(name)
    (directory_bytes,) = struct.unpack_from("<L", data, place + 12)
    if data[max(0, place - _END_64_BYTES) : place].startswith(_END_64) or directory_bytes > _MAX_DIRECTORY_BYTES:
        raise _too_many(name)


def _too_many(name: str) -> DatasetError:
    return DatasetError(f"{name} holds more than {MAX_FILES:,} files, which is the most; split it.")


def _check_bounds(infos: list[zipfile.ZipInfo], packed_bytes: int, name: str) -> None:
    if len(infos) > MAX_FILES:
        raise _too_many(name)
    if sum(info.file_size for info in infos) > MAX_BYTES:
        raise DatasetError(f"{name} unpacks to more than {MAX_BYTES // 1_000_000:,} MB, which is the most; split it.")
    if sum(info.compress_size for info in infos) > packed_bytes:
        raise DatasetError(f"{name} holds files that share their bytes, as no folder's archive does; pack it again.")
    for info in infos:
        if info.file_size > MAX_FILE_BYTES:
            raise DatasetError(
                f"{name} holds a file of more than {MAX_FILE_BYTES // 1_000_000} MB, which is the most; leave it out."
            )
        if info.file_size > max(_ALWAYS_BYTES, MAX_RATIO * info.compress_size):
            raise DatasetError(
                f"{name} holds a file that unpacks to more than {MAX_RATIO} times its size, as no picture does; "
                "leave it out."
            )


def _find_files(infos: list[zipfile.ZipInfo], name: str) -> Iterator[_Packed]:
    """Tell of every file in a class folder which class and split it belongs to."""
    found = [(_parts(info.filename, name), info) for info in infos if not info.is_dir()]
    found = [(parts, info) for parts, info in found if all(map(_is_meant, parts))]
    tops = {parts[0] for parts, _ in found}
    if len(tops) == 1 and not {word(top) for top in tops} & {*CLASSES, *SPLITS}:
        found = [(parts[1:], info) for parts, info in found if len(parts) > 1]  # the archive is of a folder
    found = [(parts, info) for parts, info in found if len(parts) > 1]
    if not found:
        raise no_folders(name)
    has_splits = any(word(parts[0]) in SPLITS for parts, _ in found)
    for parts, info in found:
        if has_splits and word(parts[0]) not in SPLITS:
            raise beside_splits(name, parts[0])
        if has_splits and len(parts) < 3:
            continue  # it lies beside the classes, as files of a folder may
        folder = parts[int(has_splits)]
        if word(folder) not in CLASSES:
            raise no_expression(name, "/".join(parts[: 1 + has_splits]))
        label = EMOTIONS_WITH_CONTEMPT.index(CLASSES[word(folder)])
        yield _Packed("/".join(parts), label, SPLITS[word(parts[0])] if has_splits else 0, info)


def _parts(path: str, name: str) -> tuple[str, ...]:
    """The folders of a file and its name; some systems part them by backslashes."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    if not parts or parts[0] == "/" or ".." in parts or ":" in parts[0] or not all(map(str.isprintable, parts)):
        raise DatasetError(f"{name} holds a file whose name leads out of it or cannot be printed; pack it again.")
    if len(parts) > MAX_DEPTH + 1:
        raise DatasetError(f"{name} holds a file in more than {MAX_DEPTH} folders, which is the most.")
    return parts


def _is_meant(part: str) -> bool:
    return is_meant(part) and part != "__MACOSX"


def _decoders(archive: zipfile.ZipFile, files: list[_Packed]) -> Iterator[Callable[[], np.ndarray | str]]:
    """Unpack one file after the other, in the thread that asks, and give what decodes it, for any thread."""
    for file in files:
        yield partial(_decode, _unpacked(archive, file.info), file.name)


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes | str:
    """A file's bytes, never more than its entry says, or what is wrong."""
    called = f"'{PurePosixPath(info.filename).name}'"
    if info.flag_bits & _ENCRYPTED:
        return f"{called} is encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"{called} is packed in a way that is not read here"
    try:
        with archive.open(info) as file:
            return file.read(info.file_size)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, struct.error):
        return f"{called} is damaged"


def _decode(data: bytes | str, name: str) -> np.ndarray | str:
    return data if isinstance(data, str) else grey(lambda: decode_image(data, name))


def _within_pixels(pictures: Iterator[np.ndarray | str], name: str) -> Iterator[np.ndarray | str]:
    """Pass pictures on while they have no more pixels than are decoded."""
    pixels = 0
    for picture in pictures:
        if not isinstance(picture, str):
            pixels += picture.size
        if pixels > MAX_PIXELS:
            raise DatasetError(
                f"{name} holds pictures of more than {MAX_PIXELS // 1_000_000:,} megapixels together, which is the "
                "most; cut the faces out, or split it."
            )
        yield picture
