"""Data sets unpacked into arrays on disk, so that a file is parsed once and opened in a moment afterwards.

Turns a path into its cached `FaceDataset` and back, and knows nothing of formats. A cache belongs to one state of a
file, its path, size and time of change, or to one state of all the files of a folder. It is written beside and renamed
into place, so that a kill or two processes at once never leave half a cache, and it is sealed, so that a damaged one is
noticed.
"""

import contextlib
import hashlib
import json
import logging
import os
import shutil
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fer import paths
from fer.datasets.dataset import BadRow, FaceDataset

FORMAT = 2
"""Goes up when the arrays or the reading of files change, so that older caches are not opened."""

ABANDONED_S = 24 * 3600.0
"""Age after which an unfinished cache is taken for one whose writer was killed."""

_FACTS = "facts.json"
_ARRAYS = ("images", "labels", "usage", "rows", "subjects", "files")
_UNFINISHED = ".unfinished-"

_log = logging.getLogger(__name__)


def state_of(file: Path) -> str:
    """What changes when a file does: its size and its time of change."""
    found = file.stat()
    return f"{found.st_size} {found.st_mtime_ns}"


def open_cached(path: Path, name: str, state: str) -> FaceDataset | None:
    """Open the cache of a file or folder as it is now.

    Args:
        path: the file or folder.
        name: what to call the data set.
        state: the one that it is in.

    Returns:
        The data set, its images memory-mapped; None where there is no cache or a damaged one.
    """
    folder = _folder(path, state)
    if not folder.is_dir():
        return None
    try:
        facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        if facts.pop("seal") != _seal(folder, facts):
            raise ValueError("its seal is broken")
        arrays = {
            key: np.load(folder / f"{key}.npy", mmap_mode="r" if key == "images" else None, allow_pickle=False)
            for key in facts["arrays"]
        }
        return FaceDataset(
            name=name,
            classes=tuple(facts["classes"]),
            digest=facts["digest"],
            pixels=facts["pixels"],
            source=path,
            bad_rows=tuple(BadRow(row, reason) for row, reason in facts["bad_rows"]),
            **arrays,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
        _log.warning("The cache of %s is damaged and will be written again: %s", path, error)
        shutil.rmtree(folder, ignore_errors=True)
        return None


def write_cache(dataset: FaceDataset, state: str) -> None:
    """Write a data set's cache and remove those of its earlier states.

    Args:
        dataset: all rows of its file or folder.
        state: the one that this was in before it was read.

    Raises:
        OSError: the folder cannot be written, for instance because the disk is full; nothing is left behind.
    """
    folder = _folder(dataset.source, state)
    unfinished = folder.with_name(f"{_UNFINISHED}{uuid.uuid4().hex}")
    unfinished.mkdir(parents=True)
    try:
        arrays = {key: getattr(dataset, key) for key in _ARRAYS if getattr(dataset, key) is not None}
        for key, array in arrays.items():
            np.save(unfinished / f"{key}.npy", array, allow_pickle=False)
        facts = {
            "arrays": list(arrays),
            "classes": dataset.classes,
            "digest": dataset.digest,
            "pixels": dataset.pixels,
            "bad_rows": [(bad.row, bad.reason) for bad in dataset.bad_rows],
        }
        facts["seal"] = _seal(unfinished, facts)
        (unfinished / _FACTS).write_text(json.dumps(facts), encoding="utf-8")
        try:
            unfinished.rename(folder)
        except OSError:
            if not folder.exists():  # else another process was faster, and its cache is as good
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    _remove_outdated(folder)


def _folder(path: Path, state: str) -> Path:
    """Where the cache of a file or folder in this state lies; the first half of the name is the path's."""
    of_path = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
    of_state = hashlib.sha256(f"{FORMAT} {state}".encode()).hexdigest()[:16]
    return paths.array_cache_dir() / f"{of_path}-{of_state}"


def _seal(folder: Path, facts: Mapping) -> str:
    seal = hashlib.sha256(json.dumps(facts).encode())
    for key in facts["arrays"]:
        with (folder / f"{key}.npy").open("rb") as handle:
            seal.update(hashlib.file_digest(handle, "sha256").digest())
    return seal.hexdigest()


def _remove_outdated(folder: Path) -> None:
    of_path = folder.name.split("-")[0]
    for other in folder.parent.glob(f"{of_path}-*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    for other in folder.parent.glob(f"{_UNFINISHED}*"):
        with contextlib.suppress(FileNotFoundError):  # its writer may finish at this moment
            if time.time() - other.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(other, ignore_errors=True)
