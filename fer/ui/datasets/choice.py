"""Which data set a page shows: one that was found, a file or folder of the user's, or an uploaded file.

A file of this machine is opened once for all visitors. What is uploaded stays in that visitor's session, also while
other pages are looked at. A CSV file is on the disk only in a temporary file while it is read, after the visitor asked
for that; a ZIP is read in memory.
"""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st
from streamlit.typing import UploadedFile

from fer import paths
from fer.datasets import DATASETS, USAGES, FaceDataset, KnownDataset
from fer.datasets.archives import read_archive
from fer.datasets.pixel_csv import read_pixel_csv
from fer.emotions import EMOTIONS_WITH_CONTEMPT
from fer.errors import DatasetError, FerError
from fer.ui.data_files import open_file, progress_of
from fer.ui.shared import in_turn
from fer.ui.style import plain
from fer.ui.visitor import on_own_machine

OWN = "own"

_READ, _READ_FILE = "_uploaded_dataset", "_uploaded_dataset_file"


def choose_dataset() -> FaceDataset | KnownDataset | None:
    """Offer the data sets and open the one chosen.

    Returns:
        The data set; the known one whose file was not found; or None where the user has yet to bring one, or where it
        could not be read, which is then said.
    """
    found = {name: paths.find_data_file(known.file_name) for name, known in DATASETS.items()}
    names = [*DATASETS, OWN]
    first = next((name for name in DATASETS if found[name]), names[0])

    def title(name: str) -> str:
        if name == OWN:
            return "Your own"
        return DATASETS[name].title + ("" if found[name] else " (not found)")

    chosen = st.segmented_control(
        "Data set",
        names,
        default=first,
        required=True,
        format_func=title,
        key="dataset",
        bind="query-params",
        label_visibility="collapsed",
    )
    if chosen == OWN:
        return _own()
    path = found[chosen]
    if path is None:
        return DATASETS[chosen]
    return _or_say_why(partial(open_file, path, chosen))


def others(dataset: FaceDataset) -> dict[str, tuple[Path, str]]:
    """The data sets that were found, except this one: by title, what `open_file` takes."""
    found = [(known, paths.find_data_file(known.file_name)) for known in DATASETS.values()]
    return {known.title: (file, known.name) for known, file in found if file and file != dataset.source}


def _or_say_why(opener: Callable[[], FaceDataset]) -> FaceDataset | None:
    try:
        return opener()
    except FerError as error:
        st.error(plain(str(error)), icon=":material/broken_image:")
        return None


def _own() -> FaceDataset | None:
    on_this_machine = on_own_machine()
    with st.container(border=True):
        path, file = "", None
        if on_this_machine:
            path = st.text_input(
                "Path of a CSV file in FER2013's layout, or of a folder with a sub-folder of pictures for every class",
                key="dataset_path",
                persist_state="session",
                placeholder=str(Path.home() / "fer2013.csv"),
            ).strip()
            st.caption("Its faces are kept as arrays in the cache folder, so that it opens in a moment the next time.")
        if not path:
            what = "a CSV file, or a ZIP of a folder with a sub-folder of pictures for every class"
            file = st.file_uploader(
                f"Or upload {what}" if on_this_machine else f"Upload {what}",
                type=["csv", "zip"],
                key="dataset_upload",
                on_change=_forget,
            )
            st.caption(
                "An upload is read when you press Read. A CSV file is then written to a temporary file of this "
                "machine, which is deleted at once; a ZIP is read in memory. The faces stay in memory and are gone "
                "when you leave. Larger files: by their path."
            )
            if file is None and (kept := _kept()) is not None:
                with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                    st.caption(f"{plain(kept.name)} is still here from before.", width="content")
                    st.button(
                        "Take away", icon=":material/close:", type="tertiary", key="forget_upload", on_click=_forget
                    )
    if path:
        return _or_say_why(lambda: open_file(paths.expanded(path)))
    if file is not None:
        return _uploaded(file)
    if (kept := _kept()) is not None:
        return kept
    codes = ", ".join(f"{code} {name}" for code, name in enumerate(EMOTIONS_WITH_CONTEMPT))
    st.caption(
        f"A row of the file is a face: `emotion` is its code ({codes}), `pixels` its grey "
        f"levels row by row, `Usage` one of {', '.join(USAGES)}. A column `subject` may say who it is."
    )
    st.code("emotion,pixels,Usage\n3,70 80 82 72 ... 106 109 82,Training", language=None)
    return None


def _uploaded(file: UploadedFile) -> FaceDataset | None:
    read: FaceDataset | None = st.session_state.get(_READ)
    if st.session_state.get(_READ_FILE) != file.file_id or read is None:
        if not st.button("Read", key="read_upload", type="primary", icon=":material/table_view:"):
            return None
        place = st.empty()
        dataset = _or_say_why(lambda: in_turn(place, lambda: _read_upload(file, progress_of(place, file.name))))
        place.empty()
        if dataset is None:
            return None
        st.session_state.update({_READ: dataset, _READ_FILE: file.file_id})
        st.rerun()
    return read


def _kept() -> FaceDataset | None:
    """What was uploaded and read last, until it is taken away or something else is uploaded."""
    return st.session_state.get(_READ)


def _forget() -> None:
    for key in (_READ, _READ_FILE):
        st.session_state.pop(key, None)


def _read_upload(file: UploadedFile, report: Callable[[float], None]) -> FaceDataset:
    """Read a ZIP in memory, and a CSV through a temporary file, because its reader parses it in parallel blocks."""
    if Path(file.name).suffix.lower() == ".zip":
        return read_archive(file.getvalue(), file.name, report)
    name = Path(file.name).stem
    with tempfile.TemporaryDirectory(prefix="fer-") as folder:
        path = Path(folder) / Path(file.name).name
        try:
            path.write_bytes(file.getbuffer())
        except OSError as error:
            raise DatasetError(f"{file.name} cannot be read: {error.strerror}.") from error
        of_file = {known.file_name: known.name for known in DATASETS.values()}
        return read_pixel_csv(path, of_file.get(path.name, name), report)
