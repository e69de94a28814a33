"""What a visitor brought and keeps: photos stay on a shelf while other pages are looked at, until taken away again.

An uploader forgets its files as soon as another page is shown. Its shelf does not: what is dropped is put there, what
is taken out of the uploader is taken away, and what came before a look at another page stays. A shelf belongs to the
visitor's session and is gone with it.
"""

from typing import Literal

import streamlit as st

from fer.ui.photos import Photo, from_upload
from fer.ui.words import write_count

PHOTOS = "image_files"
"""The shelf of the photos that were dropped, on whichever page."""


def put(shelf: str, photo: Photo) -> None:
    """Put a photo on a shelf."""
    _held(shelf)[photo.digest] = photo


def photos_on(shelf: str) -> list[Photo]:
    """What lies on a shelf, in the order in which it came."""
    return list(_held(shelf).values())


def offer_files(
    label: str, shelf: str, *, types: list[str] | None = None, many: bool | Literal["directory"] = True
) -> list[Photo]:
    """Draw an uploader, and what lies on its shelf from before with a way to take it away.

    Args:
        label: says what to bring.
        shelf: the shelf's name, and the uploader's key.
        types: endings of the files that are taken; None takes all, and what is no picture is said when it is read.
        many: how many files, or a folder.

    Returns:
        What lies on the shelf.
    """
    st.file_uploader(label, type=types, accept_multiple_files=many, key=shelf, on_change=_take_over, args=(shelf,))
    shown = _in_uploader(shelf)
    st.session_state[_seen(shelf)] = shown
    held = _held(shelf)
    before = len(held) - len(shown)
    if before > 0:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(f"{write_count(before, 'photo is', 'photos are')} still here from before.", width="content")
            st.button(
                "Take away",
                icon=":material/close:",
                type="tertiary",
                key=f"clear_{shelf}",
                on_click=_clear,
                args=(shelf,),
            )
    return list(held.values())


def _held(shelf: str) -> dict[str, Photo]:
    return st.session_state.setdefault(f"_shelf_{shelf}", {})


def _seen(shelf: str) -> str:
    return f"_seen_{shelf}"


def _in_uploader(shelf: str) -> dict[str, Photo]:
    files = st.session_state.get(shelf) or []
    photos = map(from_upload, files if isinstance(files, list) else [files])
    return {photo.digest: photo for photo in photos}


def _take_over(shelf: str) -> None:
    """Put on the shelf what came into the uploader, and take away what left it by hand."""
    held, shown = _held(shelf), _in_uploader(shelf)
    for digest in st.session_state.get(_seen(shelf), ()):
        if digest not in shown:
            held.pop(digest, None)
    held.update(shown)


def _clear(shelf: str) -> None:
    """Take everything away that the uploader does not show."""
    held, shown = _held(shelf), _in_uploader(shelf)
    for digest in [digest for digest in held if digest not in shown]:
        del held[digest]
