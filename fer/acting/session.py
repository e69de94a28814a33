"""One visitor's acting practice: frames or photos in, the mirror picture out, and the best frame of the last burst.

Frames come from a thread of the camera's; a page reads and leads the practice from threads of its own. Of
all pictures one is kept, in memory, from the burst that it was the best of until the next prompt, and of each
expression's best try the face, until the next round or until the round is given up. Knows nothing of Streamlit or
WebRTC.
"""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from fer.acting.practice import COUNTDOWN_S, NEUTRAL, Attempt, Practice, PracticeState
from fer.crops import cut_square
from fer.errors import FerError, known
from fer.pipeline import FacePipeline
from fer.results import Face
from fer.stream import FaceStream

PATCH_SIDE = 220
"""Side of the face that is shown under its activation map, pixels."""

_BOX_BGR, _RIM_BGR = (255, 255, 255), (40, 40, 40)
_BURST_BGR = (217, 102, 115)

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Shot:
    """The best frame of a burst, or the photo in place of one.

    Attributes:
        picture_bgr: the picture as the player saw it, without anything drawn on it; uint8 of shape (height, width, 3).
        face: the player's reading in it, as in a still picture.
        seen_bgr: what the network saw, uint8 of shape (PATCH_SIDE, PATCH_SIDE, 3).
        activation_map: float32 of shape (h, w) over `seen_bgr`, for the expression that was asked for.
    """

    picture_bgr: np.ndarray
    face: Face
    seen_bgr: np.ndarray
    activation_map: np.ndarray

    def mirrored(self) -> "Shot":
        """The same as a mirror shows it."""
        face = self.face.mirrored(self.picture_bgr.shape[1])
        return Shot(cv2.flip(self.picture_bgr, 1), face, cv2.flip(self.seen_bgr, 1), self.activation_map[:, ::-1])


@dataclass(frozen=True, eq=False)
class Keepsake:
    """What a round leaves of an expression: the face of its best try.

    Attributes:
        attempt: the try.
        face_bgr: uint8 of shape (PATCH_SIDE, PATCH_SIDE, 3), as the player saw it.
    """

    attempt: Attempt
    face_bgr: np.ndarray


@dataclass(frozen=True, eq=False)
class _Kept:
    """A picture as the camera took it, the player's reading in it, and whether the player saw it in the mirror."""

    image_bgr: np.ndarray
    face: Face
    mirror: bool


@dataclass(frozen=True, eq=False)
class ActingSnapshot:
    """What a page shows of a practice.

    Attributes:
        practice: its state.
        shot: what the result in it was scored on; None in other phases.
        keepsakes: of every expression that the round has a try of, in the order of the round.
        face_seen: a face was found in the last frame of the stream.
        error: the sentence for what went wrong with the last picture; None where nothing did.
    """

    practice: PracticeState
    shot: Shot | None
    keepsakes: tuple[Keepsake, ...]
    face_seen: bool
    error: str | None


class ActingSession:
    """The practice between the camera's thread and a page; one for each visitor and model."""

    def __init__(self, pipeline: FacePipeline) -> None:
        self._turn = threading.Lock()  # one frame at a time, should an old stream's thread meet its successor's
        self._lock = threading.Lock()  # guards all below; never held while faces are looked for
        self._pipeline = pipeline
        self._stream = FaceStream(pipeline, half_life_s=0, everyone=False)
        self._practice = Practice(pipeline.reader.classes)
        self._kept: _Kept | None = None
        self._shot: Shot | None = None
        self._keepsakes: dict[str, Keepsake] = {}
        self._face_seen = False
        self._error: str | None = None

    def use(self, pipeline: FacePipeline) -> None:
        """Read the next pictures with another pipeline over a model with the same classes."""
        with self._lock:
            self._pipeline = pipeline

    def begin(self, expressions: Sequence[str]) -> None:
        """Start a round; see `Practice.begin`."""
        with self._lock:
            self._practice.begin(expressions)
            self._keepsakes = {}
            self._forget()

    def ready(self) -> None:
        """The player is ready: from the next frame on prompts follow by themselves; see `Practice.ready`."""
        with self._lock:
            self._practice.ready()

    def pause(self) -> None:
        """Let nothing follow by itself any more; see `Practice.pause`."""
        with self._lock:
            self._practice.pause()
            self._forget()

    def again(self) -> None:
        """Show the same prompt once more; see `Practice.again`."""
        with self._lock:
            self._practice.again()
            self._forget()

    def next(self) -> None:
        """Go on to the next prompt."""
        with self._lock:
            self._practice.next()
            self._forget()

    def leave(self) -> None:
        """Give the round up; see `Practice.leave`."""
        with self._lock:
            self._practice.leave()
            self._keepsakes = {}
            self._forget()

    def process(self, image_bgr: np.ndarray, time_s: float) -> np.ndarray:
        """Take in the next frame and return what a mirror would show.

        On it are the player's box, a ring that closes with the countdown, and a bar that says how near the face is to
        what is asked for.

        No expression is named on it, or the player would be told what to change. Never raises: what goes wrong is told
        by the next snapshot, and the frame passes through.

        Args:
            image_bgr: uint8 of shape (height, width, 3).
            time_s: when it was taken, in seconds on any clock.

        Returns:
            A new picture of that shape.
        """
        with self._turn:
            try:
                with self._lock:
                    self._stream.pipeline = self._pipeline
                faces = self._stream.process(image_bgr, time_s).faces
                face = faces[0] if faces else None
                with self._lock:
                    self._face_seen, self._error = face is not None, None
                    if self._practice.watch(face, time_s) and face is not None:
                        self._kept = _Kept(image_bgr, replace(face, person=None), mirror=True)
                    self._develop()
                    self._forget()
                    state = self._practice.state()
                return _draw(image_bgr, face, state)
            except Exception as error:  # whatever it is, the picture must go on
                self._tell(error)
                return cv2.flip(image_bgr, 1)

    def photo(self, image_bgr: np.ndarray) -> None:
        """Take in a photo in place of a burst: its largest face is scored. Never raises; see `process`.

        Args:
            image_bgr: uint8 of shape (height, width, 3).
        """
        try:
            with self._lock:
                pipeline = self._pipeline
            faces = pipeline.analyze(image_bgr).faces
            with self._lock:
                self._error = None
                if self._practice.take(faces[0] if faces else None):
                    self._kept = _Kept(image_bgr, faces[0], mirror=False)
                self._develop()
        except Exception as error:  # as in process
            self._tell(error)

    def snapshot(self) -> ActingSnapshot:
        """What stands now; safe to keep, since nothing in it changes any more."""
        with self._lock:
            return ActingSnapshot(
                self._practice.state(), self._shot, tuple(self._keepsakes.values()), self._face_seen, self._error
            )

    def _forget(self) -> None:
        if self._practice.state().phase in ("idle", "prompt", "countdown", "refused", "done"):
            self._kept = self._shot = None

    def _develop(self) -> None:
        """Make the shot of the picture that was kept, as soon as its result stands."""
        state = self._practice.state()
        if state.phase != "result" or self._kept is None:
            return
        kept, self._kept = self._kept, None
        maps = self._pipeline.explain(kept.image_bgr, kept.face)
        activation_map = maps[:, :, kept.face.classes.index(state.expression)]
        seen_bgr = cut_square(kept.image_bgr, self._pipeline.seen_square(kept.face), PATCH_SIDE)
        shot = Shot(kept.image_bgr, kept.face, seen_bgr, activation_map)
        self._shot = shot.mirrored() if kept.mirror else shot
        attempt = known(state.attempt)
        before = self._keepsakes.get(attempt.expression)
        if before is None or attempt.expression == NEUTRAL or before.attempt.score <= attempt.score:
            self._keepsakes[attempt.expression] = Keepsake(attempt, self._shot.seen_bgr)

    def _tell(self, error: Exception) -> None:
        sentence = str(error) if isinstance(error, FerError) else f"The last picture could not be read: {error}."
        with self._lock:
            is_new, self._error = sentence != self._error, sentence
        if is_new:
            _LOG.error("A picture of the practice could not be read.", exc_info=error)


def _draw(image_bgr: np.ndarray, face: Face | None, state: PracticeState) -> np.ndarray:
    """Make the mirror picture: the player's box in no expression's colour, ring and bar, a frame for the burst."""
    image = cv2.flip(image_bgr, 1)
    height, width = image.shape[:2]
    line = max(2, width // 320)
    if face is not None:
        x, y, w, h = (round(value) for value in face.mirrored(width).box_xywh)
        for colour, thickness in ((_RIM_BGR, 2 * line), (_BOX_BGR, line)):
            cv2.rectangle(image, (x, y), (x + w, y + h), colour, thickness)
    if state.phase in ("countdown", "burst"):
        _draw_nearness(image, (state.nearness or 0.0) / 100, line)
    if state.phase == "countdown":
        _draw_ring(image, state.remaining_s / COUNTDOWN_S, str(max(1, int(np.ceil(state.remaining_s)))), line)
    if state.phase == "burst":
        cv2.rectangle(image, (0, 0), (width - 1, height - 1), _BURST_BGR, 8 * line)
    return image


def _draw_ring(image: np.ndarray, open_share: float, digit: str, line: int) -> None:
    """Draw a ring in the upper right corner that closes clockwise, round what is left in seconds."""
    radius, scale = image.shape[0] // 8, image.shape[0] / 320
    middle = (image.shape[1] - radius - 12 * line, radius + 12 * line)
    (text_width, text_height), _ = cv2.getTextSize(digit, cv2.FONT_HERSHEY_DUPLEX, scale, 2 * line)
    place = (middle[0] - text_width // 2, middle[1] + text_height // 2)
    closed = round(360 * (1 - open_share))
    for colour, thickness in ((_RIM_BGR, 5 * line), (_BOX_BGR, 2 * line)):
        cv2.ellipse(image, middle, (radius, radius), -90, 0, closed, colour, thickness, cv2.LINE_AA)
        cv2.putText(image, digit, place, cv2.FONT_HERSHEY_DUPLEX, scale, colour, thickness, cv2.LINE_AA)


def _draw_nearness(image: np.ndarray, share: float, line: int) -> None:
    """Draw an upright bar at the left that fills from below."""
    height = image.shape[0]
    left, right, top, bottom = 12 * line, 20 * line, height // 5, height - height // 10
    cv2.rectangle(image, (left - line, top - line), (right + line, bottom + line), _RIM_BGR, -1)
    cv2.rectangle(image, (left, round(bottom - share * (bottom - top))), (right, bottom), _BOX_BGR, -1)
