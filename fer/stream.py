"""(image_bgr, time_s), one after another -> FrameResult with tracked faces; for the live camera and for video files.

Every frame is analysed itself: no box is ever carried over from an earlier one. Knows nothing of where frames come from
or how they are shown.
"""

import time
from dataclasses import replace

import numpy as np

from fer.pipeline import FacePipeline
from fer.results import Face, FrameResult
from fer.tracking import Tracker


class FaceStream:
    """One sequence of frames, seen by one thread at a time.

    Attributes:
        half_life_s: after this time a reading counts half; 0 leaves readings as they are. May be set between frames.
        pipeline: analyses every frame. May be set between frames; people keep their numbers.
        everyone: False keeps to one person: the largest face first, then whoever that was, until lost for good. May be
            set between frames.
        chosen: the number of the one to keep to, while in view; None leaves that to the rule above. May be set between
            frames.
    """

    def __init__(
        self, pipeline: FacePipeline, *, half_life_s: float = 0.3, everyone: bool = True, first_person: int = 1
    ) -> None:
        """Begin a sequence.

        Args:
            pipeline, half_life_s, everyone: see the attributes.
            first_person: the number of the first person who is seen.
        """
        self.half_life_s = half_life_s
        self.everyone = everyone
        self.chosen: int | None = None
        self.pipeline = pipeline
        self._tracker = Tracker(half_life_s=half_life_s, first_person=first_person)
        self._held: int | None = None

    @property
    def next_person(self) -> int:
        """The number that the next new person will get."""
        return self._tracker.next_person

    def process(self, image_bgr: np.ndarray, time_s: float) -> FrameResult:
        """Analyse the next frame.

        Args:
            image_bgr: uint8 of shape (height, width, 3).
            time_s: when it was taken, on any clock; where time jumps back, it is taken to stand still.

        Returns:
            The result; every face bears its person, smoothed probabilities and the set formed from them.
        """
        return self.follow(self.pipeline.analyze(image_bgr), image_bgr, time_s)

    def follow(self, result: FrameResult, image_bgr: np.ndarray, time_s: float) -> FrameResult:
        """Take in the next frame where it is analysed already, as when many are read in one batch.

        Args:
            result: what this stream's pipeline read in that frame.
            image_bgr, time_s: see `process`.

        Returns:
            See `process`.
        """
        start = time.perf_counter()
        self._tracker.half_life_s = self.half_life_s
        found = self.pipeline.with_sets(self._tracker.update(result.faces, time_s, image_bgr))
        self._hold(found)
        timings = replace(result.timings, track_ms=(time.perf_counter() - start) * 1000)
        return replace(
            result,
            faces=tuple(face for face in found if self.everyone or face.person == self._held),
            others=tuple(face for face in found if not self.everyone and face.person != self._held),
            missing=len(self._tracker.persons) - len(found),
            timings=timings,
        )

    def _hold(self, found: tuple[Face, ...]) -> None:
        """Choose whom to keep to, where one person is asked for: `found` comes from the largest to the smallest."""
        if self.everyone:
            self._held = None
        elif self.chosen in self._tracker.persons:
            self._held = self.chosen
        elif self._held not in self._tracker.persons:
            self._held = found[0].person if found else None
