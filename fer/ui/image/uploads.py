"""What a visitor brings: uploaded files, a snapshot or a sample, as photos that can be opened when they are needed.

A visitor's bytes stay in memory: they are never written to disk and never kept where another visitor's run could
find them.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

import streamlit as st

from fer import samples
from fer.errors import BudgetError, FetchError
from fer.fetch import fetch_image_bytes
from fer.ui import shelf
from fer.ui.photos import Photo, from_bytes, from_sample, from_upload
from fer.ui.shared import UPLOAD_TYPES
from fer.ui.shares import HELD, TURNS, Work, waiting_words
from fer.ui.style import plain
from fer.ui.visitor import find_share, on_own_machine

MAX_LINKS = 20
"""How many links are fetched at a time."""

LOOK_EVERY_S = 0.3
"""How often a page looks whether a link has come; there it can be left."""

SOURCES = {
    "upload": ":material/upload: Photos",
    "folder": ":material/folder: Folder",
    "paste": ":material/link: Link or clipboard",
    "camera": ":material/photo_camera: Camera",
    "sample": ":material/face: Samples",
    "batch": ":material/table_view: Finished batch",
}

FINISHED = "batch"
"""The source that brings no photos but readings: a folder that `python -m fer batch` wrote."""

SOURCE = "image_source"
_CAMERA, _SNAPSHOT = "image_camera", "_snapshot"


def choose_source() -> str:
    """Offer the ways to bring photos, among them `FINISHED` to who sits at this machine; return the one chosen."""
    sources = list(SOURCES)
    if not on_own_machine():  # only who sits at this machine may name its files
        sources.remove(FINISHED)
    source = st.segmented_control(
        "Where the photo comes from",
        sources,
        default=None if SOURCE in st.session_state else "upload",
        required=True,
        format_func=SOURCES.__getitem__,
        key=SOURCE,
        bind="query-params",
        label_visibility="collapsed",
    )
    return source or "upload"


def choose_photos(source: str) -> list[Photo]:
    """Return the photos that a source brings; a sample where there is nothing yet."""
    offers = {"upload": _files, "folder": _folder, "paste": _pasted, "camera": _snapshot, "sample": _sample}
    photos = offers[source]()
    if photos:
        return photos
    st.caption("Photos stay in this machine's memory and are gone when you leave. Until you add one, this is a sample.")
    return [from_sample(next(iter(samples.SAMPLES)))]


def _files() -> list[Photo]:
    return shelf.offer_files("Photos to read, one or many", shelf.PHOTOS)


def _folder() -> list[Photo]:
    return shelf.offer_files(
        "A folder of photos, with all that lies below it", "image_folder", types=UPLOAD_TYPES, many="directory"
    )


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
        photos = st.session_state["_pasted"] = []
        for file in given.files:
            _add(photos, file.name, file.getvalue())
        _fetch(given.text.split(), photos)
    if st.session_state.pop("_fetch_stopped", False):
        st.info("Stopped. What was fetched until then is below.", icon=":material/pause:")
    st.caption("A link is fetched by this machine, from public addresses alone, up to 20 MB. That site learns of it.")
    return st.session_state.get("_pasted", [])


def _add(photos: list[Photo], name: str, data: bytes) -> None:
    photos.append(from_bytes(name, data))
    HELD.keep(photos[-1], data, find_share())


def _fetch(links: Sequence[str], photos: list[Photo]) -> None:
    """Fetch links one after another; what has come when somebody presses Stop stays among the photos."""
    if not links:
        return
    who, place = find_share(), st.empty()
    if len(links) > MAX_LINKS:
        st.warning(f"{MAX_LINKS} links are fetched at a time; these are the first of {len(links)}.")
    with place.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, text="Fetching the picture")
        st.button("Stop", key="stop_fetching", on_click=lambda: st.session_state.update(_fetch_stopped=True))
    for done, link in enumerate(links[:MAX_LINKS]):
        share = done / len(links[:MAX_LINKS])

        def show(before: int | None, share: float = share) -> None:
            bar.progress(share, text="Fetching the picture" if before is None else waiting_words(before))

        try:
            data = _fetched(link, who, show)
            with HELD.expect(len(data), who):
                _add(photos, link, data)
        except FetchError as error:
            st.error(plain(str(error)), icon=":material/link_off:")
        except BudgetError as error:
            st.warning(plain(str(error)), icon=":material/hourglass_disabled:")
            break
    place.empty()


def _fetched(link: str, who: str | None, show: Callable[[int | None], None]) -> bytes:
    """Fetch one link in a thread, so that the page can be left meanwhile.

    Args:
        link: what was pasted.
        who: for whom, as `find_share` says.
        show: called now and then with how many links come first, None where none does; what it raises is the way out.

    Raises:
        FetchError: it cannot be fetched.
        BudgetError: this visitor waits for too much already.
    """
    left = threading.Event()
    before: int | None = None

    def wait_for_turn(others: int) -> None:
        nonlocal before
        before = others
        if left.is_set():
            raise FetchError("Nobody waits for it any more.")

    def fetch() -> bytes:
        nonlocal before
        with TURNS.take(Work.LINK, who, wait_for_turn):
            before = None
            return fetch_image_bytes(link)

    worker = ThreadPoolExecutor(1, "link")
    fetching = worker.submit(fetch)
    try:
        while not wait([fetching], LOOK_EVERY_S).done:
            show(before)
        return fetching.result()
    finally:
        left.set()
        worker.shutdown(wait=False)


def _snapshot() -> list[Photo]:
    st.camera_input("Take a photo", resolution="720p", key=_CAMERA, width=480, on_change=_keep_snapshot)
    if _SNAPSHOT not in st.session_state:
        st.caption("If the browser shows no picture, allow this page the camera.")
        return []
    return [st.session_state[_SNAPSHOT]]


def _keep_snapshot() -> None:
    """Keep what was taken while other pages are looked at; the camera forgets it."""
    if (taken := st.session_state[_CAMERA]) is None:
        st.session_state.pop(_SNAPSHOT, None)
    else:
        st.session_state[_SNAPSHOT] = from_upload(taken)


def _sample() -> list[Photo]:
    key = st.pills(
        "Sample",
        list(samples.SAMPLES),
        default=next(iter(samples.SAMPLES)),
        required=True,
        format_func=lambda key: samples.SAMPLES[key].title,
        key="image_sample",
        bind="query-params",
        label_visibility="collapsed",
    )
    return [from_sample(key)]
