"""Faces of one frame after another -> the same faces with a number for each person and smoothed probabilities.

Who is who is decided by where a face is and how large it is: every track predicts its place from its last speed, and
SciPy pairs places with faces so that all together fit best. Distances count in sizes of the face and everything grows
with the time that passed, so neither the resolution nor the frame rate matters. Knows nothing about pictures, networks
or pages.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from fer.results import Face

FORGET_AFTER_S = 2.0
"""How long a lost person keeps the number; who comes back later is new."""

_REACH, _REACH_PER_S, _MOST_REACH = 0.6, 2.0, 2.0
"""How far from its predicted place a face may be, in face sizes: at once, more for every second of a gap, at most."""

_GROWTH, _GROWTH_PER_S, _MOST_GROWTH = 0.4, 0.8, 0.9
"""How much its size may have changed, as a natural logarithm, likewise."""

_SPEED_HALF_LIFE_S = 0.15
_COASTING_S = 0.5
"""How long a lost face is believed to keep its speed, which fades: after that it waits where it was bound to."""

_GAP_COST = 0.2
"""What a second of absence adds to the cost of a pair, in face sizes: whom one sees goes before whom one lost."""


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


@dataclass(eq=False)
class _Track:
    """One person: when, where and how fast the face was last seen, in pixels and seconds."""

    person: int
    seen_s: float
    centre_xy: np.ndarray
    speed_xy: np.ndarray
    size: float
    probabilities: np.ndarray

    def place_xy(self, time_s: float) -> np.ndarray:
        """Where the face should be now."""
        moving_s = _COASTING_S * (1 - np.exp(-(time_s - self.seen_s) / _COASTING_S))
        return self.centre_xy + self.speed_xy * moving_s


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

    def update(self, faces: Sequence[Face], time_s: float) -> tuple[Face, ...]:
        """Give the faces of the next frame their persons.

        Args:
            faces: of one frame, all with the same classes; may be empty. Where the classes are others than in the frame
                before, smoothing begins anew.
            time_s: when the frame was taken; where time jumps back, it is taken to stand still.

        Returns:
            New faces in the same order, with `person` and smoothed probabilities, and without prediction sets, which
            belonged to the single readings.
        """
        now_s = self._clock.read(time_s)
        self._tracks = [track for track in self._tracks if now_s - track.seen_s <= FORGET_AFTER_S]
        pairs = self._pair(faces, now_s)
        tracked = []
        for i, face in enumerate(faces):
            track = pairs.get(i) or self._begin(face, now_s)
            self._see(track, face, now_s)
            tracked.append(replace(face, person=track.person, probabilities=track.probabilities, prediction_set=None))
        return tuple(tracked)

    def _pair(self, faces: Sequence[Face], now_s: float) -> dict[int, _Track]:
        """Pair positions in `faces` with known people."""
        if not faces or not self._tracks:
            return {}
        centres, sizes = np.array([_centre_xy(face) for face in faces]), np.array([_size(face) for face in faces])
        places = np.array([track.place_xy(now_s) for track in self._tracks])
        known_sizes = np.array([track.size for track in self._tracks])
        gaps_s = np.array([now_s - track.seen_s for track in self._tracks])
        unit = np.sqrt(np.outer(sizes, known_sizes))
        distance = np.linalg.norm(centres[:, None] - places[None], axis=2) / unit
        growth = np.abs(np.log(np.divide.outer(sizes, known_sizes)))
        allowed = (distance <= np.minimum(_REACH + _REACH_PER_S * gaps_s, _MOST_REACH)) & (
            growth <= np.minimum(_GROWTH + _GROWTH_PER_S * gaps_s, _MOST_GROWTH)
        )
        cost = np.where(allowed, distance + growth + _GAP_COST * gaps_s, 1e3)
        return {
            int(row): self._tracks[column]
            for row, column in zip(*linear_sum_assignment(cost), strict=True)
            if allowed[row, column]
        }

    def _begin(self, face: Face, now_s: float) -> _Track:
        track = _Track(self.next_person, now_s, _centre_xy(face), np.zeros(2), _size(face), face.probabilities)
        self.next_person += 1
        self._tracks.append(track)
        return track

    def _see(self, track: _Track, face: Face, now_s: float) -> None:
        gap_s, centre_xy = now_s - track.seen_s, _centre_xy(face)
        if gap_s > 0:
            speed_xy = (centre_xy - track.centre_xy) / gap_s
            track.speed_xy = track.speed_xy + _weight(gap_s, _SPEED_HALF_LIFE_S) * (speed_xy - track.speed_xy)
        if face.probabilities.shape == track.probabilities.shape:
            change = face.probabilities - track.probabilities
            track.probabilities = track.probabilities + _weight(gap_s, self.half_life_s) * change
        else:
            track.probabilities = face.probabilities
        track.seen_s, track.centre_xy, track.size = now_s, centre_xy, _size(face)


def _weight(gap_s: float, half_life_s: float) -> float:
    """How much a new value counts against what was before (exponential smoothing of unevenly spaced values)."""
    return 1.0 if half_life_s <= 0 else 1 - 0.5 ** (gap_s / half_life_s)


def _centre_xy(face: Face) -> np.ndarray:
    x, y, w, h = face.box_xywh
    return np.array([x + w / 2, y + h / 2])


def _size(face: Face) -> float:
    return float(np.sqrt(face.box_xywh[2] * face.box_xywh[3]))
