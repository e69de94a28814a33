"""The files and folders of data sets, opened once for all visitors, and what to call them."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from fer.charts.parts import percent
from fer.datasets import FaceDataset, load_dataset
from fer.ui.style import plain


@st.cache_resource
def _shelf() -> dict[str, tuple[tuple[int, int], FaceDataset]]:
    """The opened data sets by path, each with the size and time of change that its file had.

    One for all visitors: every further mapping of an array cache would count as memory of its own.
    """
    return {}


def open_file(path: Path, name: str | None = None) -> FaceDataset:
    """Open a file or folder, once while it stays as it is; a first reading shows its progress.

    Args:
        path: the file, or a folder with a sub-folder for every class.
        name: of a known data set; else the data set is called after its file.

    Raises:
        DatasetError: it is missing or breaks the rules of its format.
    """
    shelf = _shelf()
    state = (path.stat().st_size, path.stat().st_mtime_ns) if path.is_file() else None
    if state is not None and str(path) in shelf and shelf[str(path)][0] == state:
        return shelf[str(path)][1]
    place = st.empty()
    report = progress_of(place, path.name)
    dataset = load_dataset(path, "skip", report) if name is None else load_dataset(name, "skip", report, path=path)
    place.empty()
    if state is not None:
        shelf[str(path)] = (state, dataset)
    return dataset


def progress_of(place: DeltaGenerator, file_name: str) -> Callable[[float], None]:
    def report(share: float) -> None:
        place.progress(share, text=plain(f"Reading {file_name}, {percent(share)}; choose another data set to stop."))

    return report
