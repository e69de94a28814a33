"""What pages share about recordings: the store, the words for their kinds, and what can be downloaded of one."""

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from fer import export
from fer.recording import Remarks, Sample
from fer.store import Store

KINDS: Mapping[str, str] = {"live": "Live", "video": "Video"}
"""What a session was recorded with, in words."""


@st.cache_resource(show_spinner=False, on_release=Store.close)
def open_store() -> Store:
    """The store, opened once for the server.

    Raises:
        StoreError: it cannot be opened; it is tried again the next time.
    """
    return Store()


def close_store() -> None:
    """End what is recorded and close the store, if it was opened."""
    open_store.clear()


def offer_recording(
    samples: Sequence[Sample],
    classes: Sequence[str],
    about: Mapping[str, object],
    name: str,
    remarks: Remarks,
    key: str,
) -> None:
    """Offer a recording as CSV and JSON (`fer.export.samples_to_bytes`); each file is made when it is asked for.

    Args:
        samples, classes, about, remarks: see there.
        name: the recording's, which the files go by.
        key: tells it apart from others on the page.
    """
    stem = export.file_stem(name, "recording")
    for kind, mime in (("csv", "text/csv"), ("json", "application/json")):
        st.download_button(
            kind.upper(),
            partial(export.samples_to_bytes, samples, classes, about, kind, remarks),
            f"{stem}.{kind}",
            mime,
            icon=":material/download:",
            on_click="ignore",
            key=f"{key}_{kind}",
        )
