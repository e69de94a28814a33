"""A visitor's photos and what was read in them: kept in that visitor's session alone, and small.

Many photos are read in threads, one a core, which go on whatever page is open.

A decoded picture lives only while it is analysed. What stays is what the page shows: the picture with its boxes as a
JPEG, the faces as patches, and their activation maps.
"""

import threading
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from fer.batch.photos import analyze_photo
from fer.crops import cut_square
from fer.drawing import annotate
from fer.errors import BudgetError
from fer.pipeline import FacePipeline, Settings
from fer.results import PhotoResult
from fer.ui.loaders import file_version, open_pipeline
from fer.ui.photos import Photo
from fer.ui.shares import TURNS, StoppedError, Waiting, Work, jobs_at_once, waiting_words
from fer.ui.style import plain
from fer.ui.visitor import find_share

SHOWN_SIDE = 1400
"""Long side, in pixels, of the pictures that are sent to the browser."""

PATCH_SIDE = 176
"""Side, in pixels, of the faces on the cards: twice what is shown, for dense screens."""

MAX_REMEMBERED = 200
"""How many photos beyond those on the page and of the last batch a visitor's session remembers."""

WORK = "photo_work"
"""Where the batch stands in the visitor's session; the navigation looks there, too."""

_TELL_EVERY_S = 0.2

_Key = tuple[str, str, tuple]
"""A photo's name and digest, and how it is read."""


@dataclass(frozen=True, eq=False)
class FaceView:
    """What is shown of one face.

    Attributes:
        crop_bgr: the crop in colour, uint8 of shape (PATCH_SIDE, PATCH_SIDE, 3).
        seen_bgr: its centre, which is what the network sees, of the same shape.
        maps: float32 of shape (h, w, classes) over `seen_bgr`.
        has_activations: whether they are the network's own; else parts of the face were covered to make them.
    """

    crop_bgr: np.ndarray
    seen_bgr: np.ndarray
    maps: np.ndarray
    has_activations: bool


@dataclass(frozen=True, eq=False)
class Reading:
    """One photo, read.

    Attributes:
        photo: where it came from.
        result: what was read in it, or why it could not be.
        picture_jpeg: the picture with its numbered boxes; empty where it could not be read.
        views: one a face, in the order of the result's.
    """

    photo: Photo
    result: PhotoResult
    picture_jpeg: bytes
    views: tuple[FaceView, ...]


class _State(Waiting):
    """What a batch and its threads share. Knows nothing of the batch, which can therefore be forgotten."""

    def __init__(self, missing: Sequence[tuple[_Key, Photo]]) -> None:
        super().__init__()
        self.left = deque(missing)
        self.lock = threading.Lock()
        self.at_work = 0
        self.done = 0
        self.error: Exception | None = None


class Batch:
    """Photos that are being read in threads. Once nobody holds it any longer, it ends.

    Attributes:
        keys: of all photos that were asked for.
        total: how many of them are to be read.
    """

    def __init__(
        self,
        keys: Sequence[_Key],
        missing: Sequence[tuple[_Key, Photo]],
        album: OrderedDict[_Key, Reading],
        pipeline: FacePipeline,
    ) -> None:
        """Begin; what is read goes into the album. The pipeline works on one thread a picture."""
        self.keys, self.total = tuple(keys), len(missing)
        self._state = _State(missing)
        who = find_share()
        arguments = (self._state, album, pipeline, who)
        self._threads = [
            threading.Thread(target=_read_left, args=arguments, name="photos", daemon=True)
            for _ in range(min(self.total, jobs_at_once(Work.PHOTO, who)))
        ]
        for thread in self._threads:
            thread.start()
        weakref.finalize(self, self._state.stop.set)

    @property
    def done(self) -> int:
        """How many were read so far."""
        return self._state.done

    @property
    def before(self) -> int | None:
        """How many photos of others come first; None where it does not wait."""
        return None if self._state.at_work else self._state.before

    @property
    def share(self) -> float:
        """How far it is, in [0, 1]."""
        return self.done / self.total

    @property
    def is_done(self) -> bool:
        """Nothing more will come."""
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def is_stopped(self) -> bool:
        """It was asked to end, and may still be at its last photo."""
        return self._state.stop.is_set()

    def stop(self) -> None:
        """Ask it to end after the photos that are at work; what is done is kept."""
        self._state.stop.set()

    def wait(self, limit_s: float) -> bool:
        """Return once it has ended, or after so long; whether it has. What went wrong in it is raised here."""
        end_s = time.monotonic() + limit_s
        for thread in self._threads:
            thread.join(max(0.0, end_s - time.monotonic()))
        if self._state.error is not None:
            raise self._state.error
        return self.is_done


class Pace:
    """How fast a batch goes since somebody began to look."""

    def __init__(self, done: int, now_s: float) -> None:
        self._begun, self._start_s = done, now_s
        self._done, self._changed_s = done, now_s

    def left_s(self, done: int, total: int, now_s: float) -> float | None:
        """How long the rest takes if it goes on as until the last photo; None before the first.

        Counts down while a photo is at work, and not up as though none would come any more.
        """
        if done > self._done:
            self._done, self._changed_s = done, now_s
        if self._done == self._begun:
            return None
        each_s = (self._changed_s - self._start_s) / (self._done - self._begun)
        return max(0.0, each_s * (total - self._done) - (now_s - self._changed_s))


def _read_left(state: _State, album: OrderedDict[_Key, Reading], pipeline: FacePipeline, who: str | None) -> None:
    """Read what is left, photo by photo; for each of several threads."""
    try:
        while state.left and not state.stop.is_set():
            with TURNS.take(Work.PHOTO, who, state.wait):
                with state.lock:
                    state.before = None
                    if not state.left:
                        return
                    key, photo = state.left.popleft()
                    state.at_work += 1
                try:
                    album[key] = _read(photo, pipeline)
                finally:
                    with state.lock:
                        state.at_work -= 1
            with state.lock:
                state.done += 1
    except StoppedError:
        return
    except Exception as error:  # whoever waits for the batch raises it
        state.error = error
        state.stop.set()


def read_photos(photos: Sequence[Photo], settings: Settings, pipeline: FacePipeline) -> list[Reading]:
    """Analyse a visitor's photos; those read before are remembered.

    Many photos are read on all cores, show their progress and can be stopped; what was read until then is kept, the
    rest can be read later. Where the visitor looks at another page meanwhile, the reading goes on.

    Returns:
        The readings so far, in the order of the photos.
    """
    album: OrderedDict[_Key, Reading] = st.session_state.setdefault("_album", OrderedDict())
    version = (settings, file_version(settings.model), pipeline.reader.detector)
    keys = [(photo.name, photo.digest, version) for photo in photos]
    missing = [(key, photo) for key, photo in zip(keys, photos, strict=True) if key not in album]
    place = st.empty()  # always there, so that what stands below it keeps its place, and the focus
    try:
        if len(missing) == 1:
            with TURNS.take(Work.PHOTO, find_share(), lambda before: place.caption(waiting_words(before))):
                album[missing[0][0]] = _read(missing[0][1], pipeline)
            place.empty()
        elif missing:
            _read_with_a_way_out(missing, keys, album, settings, place)
    except BudgetError as error:
        st.warning(plain(str(error)), icon=":material/hourglass_disabled:")
    batch: Batch | None = st.session_state.get(WORK)
    needed = {*keys, *(batch.keys if batch else ())}
    for key in [key for key in list(album) if key not in needed][:-MAX_REMEMBERED]:
        del album[key]
    return [album[key] for key in keys if key in album]


def _read_with_a_way_out(
    missing: list[tuple[_Key, Photo]],
    keys: list[_Key],
    album: OrderedDict[_Key, Reading],
    settings: Settings,
    place: DeltaGenerator,
) -> None:
    """Read photos in threads and wait for them here; a click on Stop, or another page, ends the waiting."""
    before, total = len(keys) - len(missing), len(keys)
    with place.container(horizontal=True, vertical_alignment="center"):
        if st.session_state.get("_stopped") == keys:
            st.warning(f"Stopped: {before} of {total} photos were read.", icon=":material/pause:")
            st.button("Read the rest", key="read_rest", on_click=lambda: st.session_state.pop("_stopped"))
            return
        bar = st.progress(before / total, text=f"Read {before} of {total} photos")
        st.button("Stop", key="stop_reading", on_click=_stop, args=(keys,))
    batch: Batch | None = st.session_state.get(WORK)
    if batch is None or batch.is_done or batch.is_stopped or batch.keys != tuple(keys):
        if batch is not None:
            batch.stop()
        batch = st.session_state[WORK] = Batch(keys, missing, album, open_pipeline(settings, threads=1))
    pace = Pace(batch.done, time.monotonic())
    while not batch.wait(_TELL_EVERY_S):
        read, left_s = total - batch.total + batch.done, pace.left_s(batch.done, batch.total, time.monotonic())
        left = "" if left_s is None else f", {left_s:.0f} s left"
        text = f"Read {read} of {total} photos{left}; other pages may be looked at meanwhile"
        bar.progress(read / total, text=text if batch.before is None else waiting_words(batch.before))
    place.empty()


def _stop(keys: list[_Key]) -> None:
    st.session_state["_stopped"] = keys
    if WORK in st.session_state:
        st.session_state[WORK].stop()


def _read(photo: Photo, pipeline: FacePipeline) -> Reading:
    analysis = analyze_photo(pipeline, photo.name, photo.opener)
    result, image_bgr = analysis.photo, analysis.image_bgr
    if image_bgr is None:
        return Reading(photo, result, b"", ())
    shown_bgr = shrink(annotate(image_bgr, result.faces))
    views = tuple(
        FaceView(
            crop_bgr=cut_square(image_bgr, face.crop_xywh, PATCH_SIDE),
            seen_bgr=cut_square(image_bgr, pipeline.seen_square(face), PATCH_SIDE),
            maps=pipeline.explain(image_bgr, face),
            has_activations=pipeline.has_maps,
        )
        for face in result.faces
    )
    return Reading(photo, result, cv2.imencode(".jpg", shown_bgr, (cv2.IMWRITE_JPEG_QUALITY, 90))[1].tobytes(), views)


def shrink(image_bgr: np.ndarray, side: int = SHOWN_SIDE) -> np.ndarray:
    """Make a picture, uint8 of shape (height, width, 3), as small as it is sent to a browser: at most `side` pixels."""
    scale = side / max(image_bgr.shape[:2])
    if scale >= 1:
        return image_bgr
    size_wh = (max(1, round(image_bgr.shape[1] * scale)), max(1, round(image_bgr.shape[0] * scale)))
    return cv2.resize(image_bgr, size_wh, interpolation=cv2.INTER_AREA)
