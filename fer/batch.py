"""Many files -> one result each, in input order; a file that cannot be read says so and the others go on.

Knows nothing about pages or the command line.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from fer.errors import FerError, MediaError
from fer.media import IMAGE_SUFFIXES, read_image
from fer.pipeline import FacePipeline
from fer.results import PhotoResult

Opener = Callable[[], np.ndarray]
"""Gives one picture as image_bgr, uint8 of shape (height, width, 3), or raises a `FerError`."""


def find_images(places: Sequence[Path]) -> list[Path]:
    """List the files to analyse: files as given, folders by the picture files anywhere below them, sorted by name.

    Raises:
        MediaError: a folder holds no picture files.
    """
    found: list[Path] = []
    for place in places:
        if not os.path.isdir(place):  # unlike `Path.is_dir`, it takes a name that is too long
            found.append(place)
            continue
        below = sorted(path for path in place.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
        if not below:
            raise MediaError(f"The folder {place} holds no picture files.")
        found += below
    return found


def analyze_photo(pipeline: FacePipeline, file: str, opener: Opener) -> PhotoResult:
    """Analyse one picture.

    Args:
        pipeline: reads it.
        file: what the result calls it.
        opener: gives the picture.

    Returns:
        The result, or the sentence that says why there is none.
    """
    try:
        return PhotoResult(file, pipeline.reader, result=pipeline.analyze(opener()))
    except FerError as error:
        return PhotoResult(file, pipeline.reader, error=str(error))


def analyze_files(pipeline: FacePipeline, files: Iterable[Path]) -> Iterator[PhotoResult]:
    """Analyse files one after the other, each yielded as soon as it is done.

    A result's `file` is the path as text; bytes of a name that are no UTF-8 are written as backslash escapes.
    """
    for path in files:
        shown = os.fsencode(path).decode(errors="backslashreplace")
        yield analyze_photo(pipeline, shown, lambda path=path: read_image(path))
