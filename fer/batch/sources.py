"""What somebody names -> the files to read, each once: folders, patterns, lists, links, and what fsspec opens.

Nothing is opened but folders and lists, so that hundreds of thousands of names take seconds. Knows nothing about
networks or results.
"""

import csv
import glob
import importlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from fer.errors import FerError, MediaError
from fer.fetch import fetch_image_bytes
from fer.media import IMAGE_SUFFIXES, MAX_FILE_BYTES, open_file, read_file
from fer.video.reading import VIDEO_SUFFIXES

Kind = Literal["photo", "video"]

LIST_SUFFIXES = (".txt", ".csv", ".parquet")
"""Endings of files that are lists of others: a name a line, or a column `file`."""

_LINKS = ("http://", "https://")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_IN_THIS_PROCESS = "memory://"


@dataclass(frozen=True)
class Item:
    """One file to read.

    Attributes:
        file: what tables call it, and what tells it apart from all others: its whole path or its address as text;
            bytes of a name that are no UTF-8 are backslash escapes.
        place: the path as the system takes it, or the address.
        kind: by its name's ending; what is no video is taken for a photo.
        data: what it holds, where no other process could read it.
    """

    file: str
    place: str
    kind: Kind
    data: bytes | None = None

    def open(self) -> BinaryIO | bytes:
        """What it holds, as bytes or as a file that can be sought.

        Raises:
            FerError: it cannot be opened.
        """
        if self.data is not None:
            return self.data
        if _is_link(self.place):
            return fetch_image_bytes(self.place)
        if _ADDRESS.match(self.place):
            return _open_address(self.place)
        return open_file(Path(self.place), self.kind_in_words)

    def read(self) -> bytes:
        """All that it holds, of one that is too large a byte more than pictures may have.

        Raises:
            FerError: it cannot be read.
        """
        if not (self.data is not None or _ADDRESS.match(self.place)):
            return read_file(Path(self.place))
        held = self.open()
        if isinstance(held, bytes):
            return held
        with held:
            try:
                return held.read(MAX_FILE_BYTES + 1)
            except OSError as error:
                raise MediaError(f"{self.file} cannot be read: {error}.") from error

    def with_data(self) -> "Item":
        """The same, with what it holds where that lies in this very process, so that it can be read in others.

        A file that cannot be opened stays as it is, and its reader says so.
        """
        if not self.place.startswith(_IN_THIS_PROCESS):
            return self
        try:
            return Item(self.file, self.place, self.kind, self.read())
        except FerError:
            return self

    @property
    def kind_in_words(self) -> str:
        return "picture" if self.kind == "photo" else "video"


@dataclass(frozen=True)
class Found:
    """What is to be read.

    Attributes:
        items: every file once, in the order of the sources, of a folder by name.
        repeated: how many names led to a file that was named before.
    """

    items: tuple[Item, ...]
    repeated: int


def find_items(sources: Sequence[str], out: Path) -> Found:
    """List what sources name.

    Args:
        sources: files, folders with all pictures and videos below them, patterns (`*`, `?`, `[...]`, `**`), lists
            (`LIST_SUFFIXES`; their names are relative to them), links that begin with http, addresses of fsspec.
        out: where results go; what lies in it is no source.

    Raises:
        FerError: a source does not exist, holds nothing that can be read, or is a list without names; fsspec or the
            package that it needs for an address is not installed; two names look alike as text.
    """
    places: dict[str, str] = {}
    repeated = 0
    left_out = os.path.abspath(out)
    for source in sources:
        for place in _expand(source, left_out):
            file = place if _ADDRESS.match(place) else os.fsencode(place).decode(errors="backslashreplace")
            if file not in places:
                places[file] = place
            elif places[file] == place:
                repeated += 1
            else:
                raise FerError(f"Two files are called {file} once they are text; rename one of them.")
    return Found(tuple(Item(file, place, _kind(place)) for file, place in places.items()), repeated)


def _kind(place: str) -> Kind:
    suffix = _suffix(place)  # a GIF may be either
    return "video" if suffix in VIDEO_SUFFIXES and suffix not in IMAGE_SUFFIXES else "photo"


def _is_link(place: str) -> bool:
    return place.lower().startswith(_LINKS)


def _suffix(place: str) -> str:
    name = place.partition("?")[0] if _is_link(place) else place
    return os.path.splitext(name)[1].lower()


def _is_readable(name: str) -> bool:
    return _suffix(name) in _READABLE


_READABLE = frozenset((*IMAGE_SUFFIXES, *VIDEO_SUFFIXES))


def _expand(source: str, left_out: str) -> Iterator[str]:
    """The whole paths and addresses that one source stands for."""
    if _is_link(source):
        yield source
    elif _ADDRESS.match(source):
        yield from _expand_address(source)
    elif os.path.isdir(source):
        yield from _some(_walk(os.path.abspath(source), left_out), f"The folder {source} holds no pictures and videos.")
    elif os.path.isfile(source) and _suffix(source) in LIST_SUFFIXES:
        yield from _some(_listed(Path(source)), f"The list {source} names no files.")
    elif os.path.lexists(source):
        yield os.path.abspath(source)
    elif glob.has_magic(source):
        yield from _some(_match(source, left_out), f"No picture, video or folder of them is called like {source}.")
    else:
        raise FerError(f"{_text(source)} does not exist; check the path.")


def _some(places: Iterable[str], otherwise: str) -> Iterator[str]:
    empty = True
    for place in places:
        empty = False
        yield place
    if empty:
        raise FerError(_text(otherwise))


def _text(words: str) -> str:
    return os.fsencode(words).decode(errors="backslashreplace")


def _walk(folder: str, left_out: str) -> Iterator[str]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if os.path.join(parent, name) != left_out)
        yield from (os.path.join(parent, name) for name in sorted(names) if _is_readable(name))


def _match(pattern: str, left_out: str) -> Iterator[str]:
    for place in sorted(map(os.path.abspath, glob.iglob(pattern, recursive=True))):
        if place == left_out or place.startswith(left_out + os.sep):
            continue
        if os.path.isdir(place):
            if "**" not in pattern:  # which names what lies below by itself
                yield from _walk(place, left_out)
        elif _is_readable(place):
            yield place


def _listed(path: Path) -> Iterator[str]:
    base = os.path.abspath(path.parent)
    for name in _names(path):
        yield name if _ADDRESS.match(name) else os.path.normpath(os.path.join(base, os.path.expanduser(name)))


def _names(path: Path) -> Iterator[str]:
    lacks = FerError(f"The list {path} has no column file.")
    try:
        if path.suffix.lower() == ".parquet":
            from pyarrow import ArrowException, parquet

            try:
                table = parquet.ParquetFile(path)
                if "file" not in table.schema_arrow.names:
                    raise lacks
                for batch in table.iter_batches(columns=["file"]):
                    yield from (str(name) for name in batch.column(0).to_pylist() if name)
            except ArrowException as error:
                raise FerError(f"The list {path} is no Parquet file that can be read.") from error
            return
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            if path.suffix.lower() == ".csv":
                rows = csv.DictReader(file)
                if "file" not in (rows.fieldnames or ()):
                    raise lacks
                yield from (row["file"] for row in rows if row["file"])
            else:
                yield from (name for line in file if (name := line.strip("\r\n")).strip())
    except csv.Error as error:
        raise FerError(f"The list {path} is no CSV file that can be read: {error}.") from error
    except OSError as error:
        raise FerError(f"The list {path} cannot be read: {error.strerror}.") from error


def _expand_address(address: str) -> Iterator[str]:
    system, inside = _file_system(address)
    try:
        if glob.has_magic(inside):
            found = [name for name in sorted(system.glob(inside)) if _is_readable(name)]
        elif system.isdir(inside):
            found = [name for name in sorted(system.find(inside)) if _is_readable(name)]
        elif system.exists(inside):
            found = [inside]
        else:
            raise FerError(f"{address} does not exist; check the address.")
    except FerError:
        raise
    except Exception as error:  # every kind of storage raises its own
        raise FerError(f"{address} cannot be listed: {_one_line(error)}") from error
    yield from _some(map(system.unstrip_protocol, found), f"{address} holds no pictures and videos.")


def _open_address(address: str) -> BinaryIO:
    system, inside = _file_system(address)
    try:
        return cast(BinaryIO, system.open(inside, "rb"))
    except FileNotFoundError as error:
        raise MediaError(f"{address} does not exist; check the address.") from error
    except Exception as error:  # every kind of storage raises its own
        raise MediaError(f"{address} cannot be opened: {_one_line(error)}") from error


def _file_system(address: str) -> tuple[Any, str]:
    """What fsspec has for an address: the storage, and the path inside it."""
    try:
        core = importlib.import_module("fsspec.core")
        return cast(tuple[Any, str], core.url_to_fs(address))
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "fsspec":
            raise FerError(f"{address} needs the package {error.name}, which is not installed.") from error
        raise FerError(
            f"{address} needs the package fsspec; `pip install 'fer-dashboard[batch]'` brings it."
        ) from error
    except Exception as error:  # an unknown kind, a package that is missing, no credentials
        raise FerError(f"{address} cannot be reached: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return words if words.endswith(".") else f"{words}."
