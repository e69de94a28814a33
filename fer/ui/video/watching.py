"""A visitor's video and the work on it: in a thread, with progress and a way out, whatever page is open.

What was brought and what was seen belong to the visitor's session and are gone with it: the thread ends, and so does
the annotated video.
"""

import logging
import threading
import uuid
import weakref
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st

from fer.errors import FerError
from fer.pipeline import FacePipeline, Settings
from fer.ui.loaders import open_pipeline
from fer.ui.shares import TURNS, Waiting, Work
from fer.ui.video.pictures import Picture, blank_file
from fer.ui.visitor import find_share
from fer.video.formats import digest_file
from fer.video.looking import VideoOptions, VideoProgress, VideoResult, watch_video
from fer.video.sample import SAMPLE_NAME, sample_video

SAMPLE_LOOKS = 5.0
"""How often a second a slow detector looks at the sample at most, so that it is there at once."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Clip:
    """A video that a visitor brought.

    Attributes:
        name: what it is called.
        key: tells it apart from every other one of this visitor.
        source: its bytes, or where it is.
    """

    name: str
    key: str
    source: bytes | Path


@dataclass(frozen=True, eq=False)
class Watched:
    """A video that was looked at.

    Attributes:
        key: tells it apart from every other one, also from the same video looked at in another way.
        result: what was seen.
        settings: how faces were found and read.
        digest: SHA-256 of the video's file.
        picture: the annotated video; None where there is none.
    """

    key: str
    result: VideoResult
    settings: Settings
    digest: str
    picture: Picture | None


def _watch(
    clip: Clip, settings: Settings, options: VideoOptions, pipeline: FacePipeline, state: "_State | None" = None
) -> Watched:
    with ExitStack() as stack:
        file = stack.enter_context(blank_file())
        result = watch_video(
            clip.source,
            pipeline,
            options,
            name=clip.name,
            picture=file,
            progress=None if state is None else state.tell,
            is_cancelled=None if state is None else state.stop.is_set,
        )
        picture = None
        if result.has_picture:
            picture = Picture(file)
            stack.pop_all()
    return Watched(uuid.uuid4().hex, result, settings, digest_file(clip.source), picture)


@st.cache_resource(show_spinner="Looking at the sample clip", max_entries=4)
def watched_sample(settings: Settings, version: tuple[int, ...], options: VideoOptions) -> Watched:
    """The sample clip, looked at once for all visitors.

    Args:
        settings, options: how it is looked at.
        version: of the model's files.

    Raises:
        MediaError: a sample photo is missing.
        BudgetError: this visitor waits for too much already.
    """
    pipeline = open_pipeline(settings)
    if pipeline.reader.detector != "yunet":
        options = replace(options, rate=min(options.rate or SAMPLE_LOOKS, SAMPLE_LOOKS))
    with TURNS.take(Work.VIDEO, find_share()):
        return _watch(Clip(SAMPLE_NAME, "sample", sample_video()), settings, options, pipeline)


class _State(Waiting):
    """What a task and its thread share. Knows nothing of the task, which can therefore be forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.done = threading.Event()
        self.progress: VideoProgress | None = None
        self.watched: Watched | None = None
        self.error: str | None = None

    def tell(self, progress: VideoProgress) -> None:
        self.progress = progress


class Task:
    """The work on one clip. Once nobody holds it any longer, it ends.

    Attributes:
        clip, settings, options: what is looked at, and how.
    """

    def __init__(self, clip: Clip, settings: Settings, options: VideoOptions, pipeline: FacePipeline) -> None:
        """Begin."""
        self.clip, self.settings, self.options = clip, settings, options
        self._state = _State()
        arguments = (self._state, clip, settings, options, pipeline, find_share())
        self._thread = threading.Thread(target=_run, args=arguments, name="video page", daemon=True)
        self._thread.start()
        weakref.finalize(self, self._state.stop.set)

    @property
    def is_done(self) -> bool:
        """Nothing more will come."""
        return self._state.done.is_set()

    @property
    def before(self) -> int | None:
        """How many videos come first; None where it does not wait."""
        return self._state.before

    @property
    def share(self) -> float:
        """How far it is, in [0, 1]."""
        return 0.0 if self.progress is None else self.progress.share or 0.0

    @property
    def progress(self) -> VideoProgress | None:
        """How far it is; None before the first look."""
        return self._state.progress

    @property
    def watched(self) -> Watched | None:
        """What was seen, once it is done."""
        return self._state.watched

    @property
    def error(self) -> str | None:
        """Why nothing was seen, in a sentence."""
        return self._state.error

    def stop(self) -> None:
        """Ask it to end; what is done is kept."""
        self._state.stop.set()

    def wait(self) -> None:
        """Return once it has ended."""
        self._thread.join()


def _run(
    state: _State, clip: Clip, settings: Settings, options: VideoOptions, pipeline: FacePipeline, who: str | None
) -> None:
    try:
        with TURNS.take(Work.VIDEO, who, state.wait):
            state.before = None
            state.watched = _watch(clip, settings, options, pipeline, state)
    except FerError as error:
        state.error = str(error)
    except OSError as error:
        state.error = f"{clip.name} cannot be read: {error.strerror}."
    except Exception:
        _log.exception("A video could not be looked at")
        state.error = "This video could not be looked at; the server's log says why."
    finally:
        state.done.set()
