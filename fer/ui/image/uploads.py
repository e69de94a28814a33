"""What a visitor brings: uploaded files, a snapshot or a sample, as photos that can be opened when they are needed.

A visitor's bytes stay in memory: they are never written to disk and never kept where another visitor's run could
find them.
"""

import streamlit as st

from fer import samples
from fer.errors import FetchError
from fer.fetch import fetch_image_bytes
from fer.ui.photos import Photo, from_bytes, from_sample, from_upload
from fer.ui.shared import UPLOAD_TYPES
from fer.ui.style import plain

SOURCES = {
    "upload": ":material/upload: Photos",
    "folder": ":material/folder: Folder",
    "paste": ":material/link: Link or clipboard",
    "camera": ":material/photo_camera: Camera",
    "sample": ":material/face: Samples",
}


def choose_photos() -> list[Photo]:
    """Offer the ways to bring photos and return those chosen; a sample where there is nothing yet."""
    source = st.segmented_control(
        "Where the photo comes from",
        list(SOURCES),
        default="upload",
        required=True,
        format_func=SOURCES.__getitem__,
        key="image_source",
        persist_state="session",
        label_visibility="collapsed",
    )
    offers = {"upload": _files, "folder": _folder, "paste": _pasted, "camera": _snapshot, "sample": _sample}
    photos = offers[source]()
    if photos:
        return photos
    st.caption("Photos stay in this machine's memory and are gone when you leave. Until you add one, this is a sample.")
    return [from_sample(next(iter(samples.SAMPLES)))]


def _files() -> list[Photo]:
    files = st.file_uploader(
        "Photos to read, one or many", type=UPLOAD_TYPES, accept_multiple_files=True, key="image_files"
    )
    return [from_upload(file) for file in files]


def _folder() -> list[Photo]:
    files = st.file_uploader(
        "A folder of photos, with all that lies below it",
        type=UPLOAD_TYPES,
        accept_multiple_files="directory",
        key="image_folder",
    )
    return [from_upload(file) for file in files]


def _pasted() -> list[Photo]:
    """One box for both: text is taken for a link, and a picture on the clipboard lands in it with Ctrl+V."""
    with st.container():  # outside of one, the box would stick to the bottom of the window
        given = st.chat_input(
            "https://... or paste a picture with Ctrl+V, then Enter",
            accept_file="multiple",
            file_type=UPLOAD_TYPES,
            key="image_pasted",
        )
    if given:
        photos = [from_bytes(file.name, file.getvalue()) for file in given.files]
        for link in given.text.split():
            try:
                with st.spinner("Fetching the picture"):
                    photos.append(from_bytes(link, fetch_image_bytes(link)))
            except FetchError as error:
                st.error(plain(str(error)), icon=":material/link_off:")
        st.session_state["_pasted"] = photos
    st.caption("A link is fetched by this machine, from public addresses alone, up to 20 MB. That site learns of it.")
    return st.session_state.get("_pasted", [])


def _snapshot() -> list[Photo]:
    snapshot = st.camera_input("Take a photo", resolution="720p", key="image_camera", width=480)
    if snapshot is not None:
        return [from_upload(snapshot)]
    st.caption("If the browser shows no picture, allow this page the camera.")
    return []


def _sample() -> list[Photo]:
    key = st.pills(
        "Sample",
        list(samples.SAMPLES),
        default=next(iter(samples.SAMPLES)),
        required=True,
        format_func=lambda key: samples.SAMPLES[key].title,
        key="image_sample",
        persist_state="session",
        label_visibility="collapsed",
    )
    return [from_sample(key)]
