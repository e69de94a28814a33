"""Faces of one frame after another -> the same faces with a number for each person and smoothed probabilities.

Who is who is decided by where a face is and how large it is: every person's place is predicted from the last speed, and
SciPy pairs places with faces so that all together fit best. Distances count in sizes of the face and everything grows
with the time that passed, so neither the resolution nor the frame rate matters. A cut to another face in the same
place is told by the picture: where neither the scene nor the face resembles what was there before, somebody is new.
Keeps no pictures, only a few hundred grey levels a person. Knows nothing about detectors, networks or pages.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from fer.results import Face

FORGET_AFTER_S = 2.0
"""How long a lost person keeps the number; who comes back later is new."""

_REACH, _REACH_PER_S, _MOST_REACH = 0.6, 2.0, 2.0
"""How far from its predicted place a face may be, in face sizes: at once, more for every second of a gap, at most."""

_GROWTH, _GROWTH_PER_S, _MOST_GROWTH = 0.4, 0.8, 0.9
"""How much its size may have changed, as a natural logarithm, likewise."""

_SCENE_WH, _FACE_WH = (16, 12), (8, 8)
_ALIKE = 0.45
"""Least correlation of the scene or of the face with those of the last sight. Of 72 photos of faces, 1 in 100 fell
below when shifted, turned, scaled and lit a little differently, and 3 in 4 when another one took their place."""

_SPEED_HALF_LIFE_S = 0.15
_COASTING_S = 0.5
"""How long a lost face is believed to keep its speed, which fades: after that it waits where it was bound to."""

_GAP_COST = 0.2
"""What a second of absence adds to the cost of a pair, in face sizes: whom one sees goes before whom one lost."""

_NEVER = 1e3
"""The cost of a pair that may not be: more than any number of pairs that may."""


class SteadyClock:
    """Times that may jump back -> times that never do: after a jump back, the clock goes on from where it stood."""

    def __init__(self) -> None:
        self._shift_s = 0.0
        self._now_s = float("-inf")

    def read(self, time_s: float) -> float:
        """The steady time, seconds, for a given one."""
        if time_s + self._shift_s < self._now_s:
            self._shift_s = self._now_s - time_s
        self._now_s = time_s + self._shift_s
        return self._now_s


@dataclass(frozen=True, eq=False)
class _Sight:
    """What was seen of one face in one frame.

    Attributes:
        time_s, centre_xy, size: when, where and how large, in seconds and pixels.
        scene, look: the patterns of the whole frame and of the face, as `_pattern` gives them.
    """

    time_s: float
    centre_xy: np.ndarray
    size: float
    scene: np.ndarray
    look: np.ndarray

    def resembles(self, other: "_Sight") -> bool:
        """Whether the scene or the face may be the same."""
        return _alike(self.scene, other.scene) or _alike(self.look, other.look)


@dataclass(eq=False)
class _Track:
    """One person: the last sight, the speed in pixels a second, and the smoothed probabilities."""

    person: int
    sight: _Sight
    speed_xy: np.ndarray
    probabilities: np.ndarray

    def place_xy(self, time_s: float) -> np.ndarray:
        """Where the face should be now."""
        moving_s = _COASTING_S * (1 - np.exp(-(time_s - self.sight.time_s) / _COASTING_S))
        return self.sight.centre_xy + self.speed_xy * moving_s

    def go_on(self, sight: _Sight, probabilities: np.ndarray, half_life_s: float) -> None:
        """Take in what the next frame shows."""
        gap_s = sight.time_s - self.sight.time_s
        if gap_s > 0:
            speed_xy = (sight.centre_xy - self.sight.centre_xy) / gap_s
            self.speed_xy = self.speed_xy + _weight(gap_s, _SPEED_HALF_LIFE_S) * (speed_xy - self.speed_xy)
        if probabilities.shape == self.probabilities.shape:
            change = probabilities - self.probabilities
            self.probabilities = self.probabilities + _weight(gap_s, half_life_s) * change
        else:
            self.probabilities = probabilities
        self.sight = sight


class Tracker:
    """Tells the people of a stream apart.

    Attributes:
        half_life_s: after this time a reading counts half; 0 leaves readings as they are. May be set between frames.
        next_person: the number that the next new person gets.
    """

    def __init__(self, *, half_life_s: float, first_person: int = 1) -> None:
        self.half_life_s = half_life_s
        self.next_person = first_person
        self._clock = SteadyClock()
        self._tracks: list[_Track] = []

    @property
    def persons(self) -> frozenset[int]:
        """The numbers of everyone who is in view or was lost so shortly that the number is kept."""
        return frozenset(track.person for track in self._tracks)

    def update(self, faces: Sequence[Face], time_s: float, image_bgr: np.ndarray) -> tuple[Face, ...]:
        """Give the faces of the next frame their persons.

        Args:
            faces: of one frame, all with the same classes; may be empty. Where the classes are others than in the frame
                before, smoothing begins anew.
            time_s: when the frame was taken; where time jumps back, it is taken to stand still.
            image_bgr: the frame, uint8 of shape (height, width, 3).

        Returns:
            New faces in the same order, with `person` and smoothed probabilities, and without prediction sets, which
            belonged to the single readings.
        """
        now_s = self._clock.read(time_s)
        self._tracks = [track for track in self._tracks if now_s - track.sight.time_s <= FORGET_AFTER_S]
        sights = _sights(faces, now_s, image_bgr)
        known = self._pair(sights, now_s)
        tracked = []
        for i, (face, sight) in enumerate(zip(faces, sights, strict=True)):
            if i in known:
                track = known[i]
                track.go_on(sight, face.probabilities, self.half_life_s)
            else:
                track = self._begin(sight, face.probabilities)
            tracked.append(replace(face, person=track.person, probabilities=track.probabilities, prediction_set=None))
        return tuple(tracked)

    def _begin(self, sight: _Sight, probabilities: np.ndarray) -> _Track:
        track = _Track(self.next_person, sight, np.zeros(2), probabilities)
        self.next_person += 1
        self._tracks.append(track)
        return track

    def _pair(self, sights: Sequence[_Sight], now_s: float) -> dict[int, _Track]:
        """Pair positions in `sights` with the people known so far."""
        if not sights or not self._tracks:
            return {}
        sizes, known_sizes = (np.array([s.size for s in some]) for some in (sights, [t.sight for t in self._tracks]))
        centres, places = np.array([s.centre_xy for s in sights]), np.array([t.place_xy(now_s) for t in self._tracks])
        gaps_s = np.array([now_s - track.sight.time_s for track in self._tracks])
        distance = np.linalg.norm(centres[:, None] - places[None], axis=2) / np.sqrt(np.outer(sizes, known_sizes))
        growth = np.abs(np.log(np.divide.outer(sizes, known_sizes)))
        allowed = (
            (distance <= np.minimum(_REACH + _REACH_PER_S * gaps_s, _MOST_REACH))
            & (growth <= np.minimum(_GROWTH + _GROWTH_PER_S * gaps_s, _MOST_GROWTH))
            & np.array([[sight.resembles(track.sight) for track in self._tracks] for sight in sights])
        )
        cost = np.where(allowed, distance + growth + _GAP_COST * gaps_s, _NEVER)
        rows, columns = linear_sum_assignment(cost)
        return {
            int(row): self._tracks[column] for row, column in zip(rows, columns, strict=True) if allowed[row, column]
        }


def _weight(gap_s: float, half_life_s: float) -> float:
    """How much a new value counts against what was before (exponential smoothing of unevenly spaced values)."""
    return 1.0 if half_life_s <= 0 else 1 - 0.5 ** (gap_s / half_life_s)


def _sights(faces: Sequence[Face], now_s: float, image_bgr: np.ndarray) -> list[_Sight]:
    if not faces:
        return []
    height, width = image_bgr.shape[:2]
    grey = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY)  # once, and before it shrinks: half the time
    scene, sights = _pattern(grey, _SCENE_WH), []
    for face in faces:
        x, y, w, h = face.box_xywh
        left, top = min(max(round(x), 0), width - 1), min(max(round(y), 0), height - 1)
        inside = grey[top : max(top + 1, round(y + h)), left : max(left + 1, round(x + w))]
        look = _pattern(inside, _FACE_WH)
        sights.append(_Sight(now_s, np.array([x + w / 2, y + h / 2]), float(np.sqrt(w * h)), scene, look))
    return sights


def _pattern(grey: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    """A grey picture's coarse levels, float32 of shape (w * h,) and length 1; zeros where it is flat."""
    pattern = cv2.resize(grey, size_wh, interpolation=cv2.INTER_AREA).ravel().astype(np.float32)
    pattern -= pattern.mean()
    return pattern / np.linalg.norm(pattern) if pattern.std() >= 1 else np.zeros_like(pattern)


def _alike(pattern: np.ndarray, other: np.ndarray) -> bool:
    """Whether two patterns may show the same; a flat one may show anything."""
    return not pattern.any() or not other.any() or float(pattern @ other) >= _ALIKE
