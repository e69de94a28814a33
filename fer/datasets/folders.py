"""A folder of pictures with one sub-folder a class -> arrays, with every file accounted for.

Sub-folders are called after expressions (`angry`, `happiness`, `Surprised`, ...). They lie in the folder itself, which
makes all rows Training, or in folders called after splits (`train`, `validation`, `test`, or the words of `USAGES`).
Rows are the files in the order of their paths. Knows nothing about the cache, networks or pages.
"""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np

from fer.datasets.dataset import USAGES, BadRow, FaceDataset, digest_of
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT
from fer.errors import DatasetError, MediaError
from fer.media import read_image

SIDE = 48
"""Side of the squares that pictures are brought to where they do not share one already; that of FER2013, pixels."""

MAX_SIDE = 224
"""The largest shared side that is kept, pixels."""

MAX_ARRAY_BYTES = 1 << 30
"""The most that the pictures of a folder may take in memory."""

_SYNONYMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "angry": ("anger",),
        "disgust": ("disgusted",),
        "fear": ("fearful", "afraid", "scared"),
        "happy": ("happiness", "joy"),
        "sad": ("sadness",),
        "surprise": ("surprised",),
        "neutral": ("neutrality",),
        "contempt": ("contemptuous",),
    }
)
CLASSES = {word: name for name in EMOTIONS_WITH_CONTEMPT for word in (name, *_SYNONYMS[name])}
SPLITS = {
    **dict.fromkeys(("training", "train"), 0),
    **dict.fromkeys(("publictest", "validation", "valid", "val"), 1),
    **dict.fromkeys(("privatetest", "test"), 2),
}
"""By the lower-case name of a folder: the expression, or the place in `USAGES`, that it stands for."""

_NOT_MEANT = frozenset({"thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class Entry:
    """One picture to be, before it is opened.

    Attributes:
        name: its path inside the folder or archive, with slashes.
        label: place of its class in `EMOTIONS_WITH_CONTEMPT`.
        usage: place of its split in `USAGES`.
    """

    name: str
    label: int
    usage: int


@dataclass(frozen=True)
class _File(Entry):
    path: Path
    state: str


@dataclass(frozen=True)
class Listing:
    """The files in the class folders of a folder, before any is opened.

    Attributes:
        files: in the order of their paths; hidden files and those that systems leave behind are not among them.
        state: changes when a file is added, removed or changed.
    """

    files: tuple[_File, ...]
    state: str


def list_folder(path: Path) -> Listing:
    """Find the class folders of a folder and what is in them.

    Raises:
        DatasetError: the folder cannot be read, has no class folder, or one whose name is no expression.
    """
    try:
        files = sorted(_walk(path), key=lambda file: file.name)
    except OSError as error:
        raise DatasetError(f"{error.filename or path} cannot be read: {error.strerror}.") from error
    states = "\n".join(f"{file.name} {file.state}" for file in files)
    return Listing(tuple(files), hashlib.sha256(states.encode("utf-8", "surrogateescape")).hexdigest())


def read_folder(
    path: Path, name: str, listing: Listing, progress: Callable[[float], None] | None = None
) -> FaceDataset:
    """Read a folder of pictures; files that are none are left out and reported in `bad_rows`.

    Pictures become grey. Where all are squares of one side up to `MAX_SIDE` they stay as they are; else the square in
    the middle of each is scaled to `SIDE`.

    Args:
        path: the folder.
        name: what to call the data set.
        listing: what `list_folder` found in it.
        progress: called with the share that is done, in [0, 1]; what it raises ends the reading.

    Returns:
        The pictures of at least two classes.

    Raises:
        DatasetError: there are no pictures, those of one class only, or more than fit in `MAX_ARRAY_BYTES`.
    """
    files, called = listing.files, _called(path)
    most = MAX_ARRAY_BYTES // SIDE**2
    if len(files) > most:
        raise DatasetError(
            f"{called} holds {len(files):,} files, but at most {most:,} are read; split it into smaller folders."
        )
    pictures = decoded(partial(_decode, file.path) for file in files)
    return assemble(files, pictures, name, path, called, MAX_ARRAY_BYTES, progress)


def assemble(
    files: Sequence[Entry],
    pictures: Iterable[np.ndarray | str],
    name: str,
    source: Path,
    called: str,
    most_bytes: int,
    progress: Callable[[float], None] | None = None,
) -> FaceDataset:
    """Make a data set of pictures, as `read_folder` does.

    Args:
        files: what each of them is.
        pictures: grey, uint8 of shape (height, width), or what is wrong, in that order.
        name: what to call the data set.
        source: where they are from.
        called: what sentences call that.
        most_bytes: the most that the pictures may take where they keep their side.
        progress: called with the share that is done.

    Raises:
        DatasetError: there are no pictures, or those of one class only.
    """
    images: list[np.ndarray] = []
    good = np.zeros(len(files), bool)
    bad_rows = []
    is_uniform = True
    for row, picture in enumerate(pictures):
        if isinstance(picture, str):
            bad_rows.append(BadRow(row + 1, f"every file must be a picture, but {picture}"))
        else:
            good[row] = True
            if is_uniform and not _may_stay(picture, images, most_bytes // len(files)):
                is_uniform = False
                images = [_scaled(image) for image in images]
            images.append(picture if is_uniform else _scaled(picture))
        if progress is not None:
            progress((row + 1) / len(files))
    labels = np.array([file.label for file in files], np.uint8)[good]
    filled = [EMOTIONS_WITH_CONTEMPT[label] for label in np.unique(labels)]
    if len(filled) < 2:
        why = f"; {bad_rows[0].reason}" if bad_rows else ""
        found = f"pictures of one class only, {filled[0]}" if filled else "no pictures in its class folders"
        raise DatasetError(f"{called} holds {found}, but a data set needs two classes{why}.")
    usage = np.array(USAGES)[[file.usage for file in files]][good]
    stacked = np.stack(images)
    return FaceDataset(
        name=name,
        images=stacked,
        labels=labels,
        usage=usage,
        classes=EMOTIONS if labels.max() < len(EMOTIONS) else EMOTIONS_WITH_CONTEMPT,
        digest=digest_of(stacked, labels, usage),
        source=source,
        rows=np.flatnonzero(good) + 1,
        files=np.array([file.name for file in files], np.str_)[good],
        bad_rows=tuple(bad_rows),
    )


def _walk(path: Path) -> Iterator[_File]:
    top = _folders(path)
    if any(word(folder.name) in SPLITS for folder in top):
        odd = next((folder.name for folder in top if word(folder.name) not in SPLITS), None)
        if odd is not None:
            raise beside_splits(_called(path), odd)
        parts = [(folder, SPLITS[word(folder.name)]) for folder in top]
    else:
        parts = [(path, 0)]
    for part, usage in parts:
        for folder in _folders(part):
            if word(folder.name) not in CLASSES:
                raise no_expression(_called(path), str(folder.relative_to(path)))
            label = EMOTIONS_WITH_CONTEMPT.index(CLASSES[word(folder.name)])
            for file, state in _files(folder):
                yield _File(file.relative_to(path).as_posix(), label, usage, file, state)
    if not any(_folders(part) for part, _ in parts):
        raise no_folders(_called(path))


def beside_splits(called: str, folder: str) -> DatasetError:
    """What to say of a folder beside those of splits."""
    return DatasetError(
        f"{called} has a folder '{folder}' beside folders of splits; splits are called {', '.join(SPLITS)}."
    )


def no_expression(called: str, folder: str) -> DatasetError:
    """What to say of a folder that should be a class and is none."""
    return DatasetError(
        f"{called} has a folder '{folder}', which names no expression; "
        f"call it after one of {', '.join(EMOTIONS_WITH_CONTEMPT)}, or move it away."
    )


def no_folders(called: str) -> DatasetError:
    """What to say where there is no folder for any class."""
    return DatasetError(
        f"{called} has no sub-folders; put the pictures of each class into one called "
        f"{', '.join(EMOTIONS_WITH_CONTEMPT[:-1])} or {EMOTIONS_WITH_CONTEMPT[-1]}."
    )


def _folders(path: Path) -> list[Path]:
    found = sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    for entry in found:
        if not _stays_in(entry, path):
            raise DatasetError(
                f"{_called(path)} has a folder '{entry.name}' that is a link to another place; put the pictures "
                "themselves there."
            )
    return found


def _stays_in(entry: Path, folder: Path) -> bool:
    """Whether something in a folder lies there; a link may lead to another place of that folder alone."""
    return entry.resolve().is_relative_to(folder.resolve())


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    def refuse(error: OSError) -> None:
        raise error

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(parent, name)
            if is_meant(name) and path.is_file():
                if path.is_symlink() and not _stays_in(path, folder):
                    raise DatasetError(
                        f"{_called(folder)} holds {name}, a link to another place; put the picture itself there."
                    )
                found = path.stat()
                yield path, f"{found.st_size} {found.st_mtime_ns}"


def _called(path: Path) -> str:
    return path.resolve().name


def word(folder: str) -> str:
    """A folder's name as `CLASSES` and `SPLITS` have it."""
    return folder.strip().lower()


def is_meant(name: str) -> bool:
    """Whether a file of this name is somebody's, and not hidden or left behind by a system."""
    return not name.startswith(".") and name.lower() not in _NOT_MEANT


def decoded(decoders: Iterable[Callable[[], np.ndarray | str]]) -> Iterator[np.ndarray | str]:
    """Decode pictures on a few threads, in order: grey, uint8 of shape (height, width), or what is wrong."""
    workers = min(4, os.cpu_count() or 1)
    waiting: deque[Future[np.ndarray | str]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for decoder in decoders:
            waiting.append(pool.submit(decoder))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _decode(path: Path) -> np.ndarray | str:
    return grey(lambda: read_image(path))


def grey(opener: Callable[[], np.ndarray]) -> np.ndarray | str:
    """Open a picture: grey, uint8 of shape (height, width), or the end of a sentence that says what is wrong."""
    try:
        return cv2.cvtColor(opener(), cv2.COLOR_BGR2GRAY)
    except MediaError as error:
        return str(error).split(";")[0].rstrip(".")


def _may_stay(picture: np.ndarray, images: list[np.ndarray], most_bytes: int) -> bool:
    """Whether a picture has the size of those before it, a square of no more bytes than each may have."""
    height, width = picture.shape
    is_like_others = not images or images[0].shape == picture.shape
    return height == width <= MAX_SIDE and is_like_others and picture.nbytes <= most_bytes


def _scaled(picture: np.ndarray) -> np.ndarray:
    """Cut the square out of a picture's middle and bring it to `SIDE`."""
    height, width = picture.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = picture[top : top + side, left : left + side]
    return cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA if side > SIDE else cv2.INTER_LINEAR)
