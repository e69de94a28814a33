"""What was seen over a whole video, as columns: every frame and every face in it -> tables, and people put right.

A frame that was looked at holds the faces that were found, or none. A frame between two looks holds the people who were
there at both, interpolated, or it was not looked at. Knows nothing about files, pictures or pages.
"""

from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, get_args

import numpy as np

from fer.emotions import UNSURE
from fer.recording import Look, Sample
from fer.results import JOINED_BY, Face, Fault

if TYPE_CHECKING:
    import pandas as pd

NO_FACE, NOT_LOOKED_AT = "no face", "not looked at"
"""What the column `quality` says of a frame without people: it was looked at and nobody was found, or it was not."""

MOST_BETWEEN_S = 1.5
"""Between two looks that lie further apart nothing is told from them: what happened meanwhile nobody knows."""

_FAULTS: tuple[str, ...] = get_args(Fault)


@dataclass(frozen=True, eq=False)
class Timeline:
    """Every frame of a video and every face in it. Arrays of one kind have one entry a frame, or one a sighting.

    Attributes:
        classes: what the probabilities stand for.
        time_s: when each frame is shown, float64 of shape (frames,), rising.
        end_s: when the last frame ends.
        looked: whether the frame itself was looked at, bool of shape (frames,).
        cut: whether another scene begins with the frame, bool of shape (frames,).
        frame: of each sighting its frame, int32 of shape (sightings,), never falling.
        person: whose it is, from 1, int32 of shape (sightings,).
        boxes_xywh: where, in pixels of the video as it is shown, float32 of shape (sightings, 4).
        detector_score: in [0, 1], float32 of shape (sightings,).
        probabilities: calibrated and smoothed, float32 of shape (sightings, classes), rows that sum to 1.
        set_size: how many of the most probable classes form the prediction set, uint8; 0 where there is none.
        faults: what is wrong with the crop, as bits in the order of `fer.results.Fault`, uint8.
        interpolated: whether it lies between two looks, bool of shape (sightings,).
        names: of people who were given one, by number.
    """

    classes: tuple[str, ...]
    time_s: np.ndarray
    end_s: float
    looked: np.ndarray
    cut: np.ndarray
    frame: np.ndarray
    person: np.ndarray
    boxes_xywh: np.ndarray
    detector_score: np.ndarray
    probabilities: np.ndarray
    set_size: np.ndarray
    faults: np.ndarray
    interpolated: np.ndarray
    names: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """The number of frames."""
        return len(self.time_s)

    @property
    def people(self) -> tuple[int, ...]:
        """The numbers of everyone who was seen, in order."""
        return tuple(np.unique(self.person).tolist())

    @property
    def span_s(self) -> np.ndarray:
        """How long each frame is shown, float64 of shape (frames,)."""
        return np.diff(self.time_s, append=self.end_s)

    @property
    def is_unsure(self) -> np.ndarray:
        """Of which sightings more than one class has to be named, bool of shape (sightings,)."""
        return self.set_size > 1

    @property
    def names_of_labels(self) -> tuple[str, ...]:
        """What `labels` stand for: the classes, and `fer.emotions.UNSURE`."""
        return (*self.classes, UNSURE)

    @property
    def labels(self) -> np.ndarray:
        """What each sighting is called (`fer.results.Face.label`): places in `names_of_labels`, shape (sightings,)."""
        return np.where(self.is_unsure, len(self.classes), self.probabilities.argmax(axis=1))

    def name(self, person: int) -> str:
        """What a person is called: the name given, or the number."""
        return self.names.get(person, str(person))

    def of_person(self, person: int) -> np.ndarray:
        """The positions of a person's sightings, in order."""
        return np.flatnonzero(self.person == person)

    def looks(self) -> Iterator[Look]:
        """What a session keeps of a video: every look, also where nobody was found; nothing that was interpolated."""
        frames = np.arange(len(self))
        starts, ends = (np.searchsorted(self.frame, frames, side=side) for side in ("left", "right"))
        unsure = self.is_unsure
        for frame in np.flatnonzero(self.looked).tolist():
            time_s = float(self.time_s[frame])
            yield Look(
                time_s,
                tuple(
                    Sample(
                        time_s,
                        int(self.person[i]),
                        tuple(self.probabilities[i].tolist()),
                        tuple(self.boxes_xywh[i].tolist()),
                        float(self.detector_score[i]),
                        bool(unsure[i]),
                    )
                    for i in range(starts[frame], ends[frame])
                ),
            )

    def with_people(
        self,
        names: Mapping[int, str] | None = None,
        merged: Mapping[int, int] | None = None,
        left_out: Collection[int] = (),
    ) -> "Timeline":
        """Put people right.

        Args:
            names: by number, what people are called from now on; as in the argument, before anybody is merged.
            merged: number -> the number of the person who it really is, who may be merged into another one again.
            left_out: people whose sightings are dropped, after merging; also whoever is merged into them.

        Returns:
            A new timeline. Where two of one person were seen in one frame, the sighting with the higher detector score
            stays.

        Raises:
            ValueError: the merging goes round in a ring.
        """
        merged = merged or {}
        real = {person: _end_of(person, merged) for person in self.people}
        person = np.array([real[number] for number in self.person.tolist()], np.int32)
        kept = np.isin(person, list(left_out), invert=True)
        order = np.lexsort((-self.detector_score, person, self.frame))
        doubled = (np.diff(self.frame[order], prepend=-1) == 0) & (np.diff(person[order], prepend=-1) == 0)
        kept[order[doubled]] = False
        return replace(self._select(kept, person), names={**self.names, **(names or {})})

    def _select(self, kept: np.ndarray, person: np.ndarray) -> "Timeline":
        return replace(
            self,
            frame=self.frame[kept],
            person=person[kept],
            boxes_xywh=self.boxes_xywh[kept],
            detector_score=self.detector_score[kept],
            probabilities=self.probabilities[kept],
            set_size=self.set_size[kept],
            faults=self.faults[kept],
            interpolated=self.interpolated[kept],
        )

    def to_table(self) -> "pd.DataFrame":
        """Lay everything out as one row a person and frame; a frame without people has one row that says why.

        Returns:
            A `pandas.DataFrame` with the columns time_s, frame (from 0), person (a number; text where people were given
            names), x, y, w, h (pixels of the video as it is shown), detector_score, emotion (the most probable class),
            label (as `fer.results.Face.label`), confidence (the probability of `emotion`), set, quality, interpolated,
            then one column a class (probabilities in [0, 1]).
            A cell of set or quality holds names joined by `fer.results.JOINED_BY`; set is missing where the model has
            no rule for sets. Without people, quality is `NO_FACE` or `NOT_LOOKED_AT`.
        """
        import pandas as pd  # half a second that looking without a table need not wait for

        ranked = np.argsort(-self.probabilities, axis=1, kind="stable")
        words = np.array(self.classes)
        confidence = self.probabilities.max(axis=1) if len(self.frame) else np.zeros(0, np.float32)
        who = self.person.tolist()
        seen = pd.DataFrame(
            {
                "frame": self.frame,
                "person": [self.name(person) for person in who] if self.names else pd.array(who, "Int64"),
                **{side: _rounded(self.boxes_xywh[:, i], 2) for i, side in enumerate("xywh")},
                "detector_score": _rounded(self.detector_score, 4),
                "emotion": words[ranked[:, 0]] if len(ranked) else [],
                "label": np.array(self.names_of_labels)[self.labels] if len(ranked) else [],
                "confidence": _rounded(confidence, 6),
                "set": [
                    JOINED_BY.join(words[order[:size]]) if size else None
                    for order, size in zip(ranked, self.set_size.tolist(), strict=True)
                ],
                "quality": [_FAULTS_IN_WORDS[bits] for bits in self.faults.tolist()],
                "interpolated": self.interpolated,
                **{name: _rounded(self.probabilities[:, i], 6) for i, name in enumerate(self.classes)},
            }
        )
        alone = np.setdiff1d(np.arange(len(self)), self.frame)
        nobody = pd.DataFrame(
            {
                "frame": alone,
                "quality": np.where(self.looked[alone], NO_FACE, NOT_LOOKED_AT),
                "interpolated": np.zeros(len(alone), bool),
            }
        )
        table = pd.concat([seen, nobody.reindex(columns=seen.columns)]) if len(seen) else nobody
        table = table.sort_values("frame", kind="stable", ignore_index=True)
        table["time_s"] = self.time_s[table["frame"].to_numpy()].round(6)
        columns = [*_BEFORE, *self.classes]
        numbers = ["time_s", *"xywh", "detector_score", "confidence", *self.classes]
        types = {
            **dict.fromkeys(numbers, "float64"),
            **dict.fromkeys(("emotion", "label", "set", "quality"), "str"),
            "frame": "int64",
            "person": "str" if self.names else "Int64",
            "interpolated": "bool",
        }
        return table.reindex(columns=columns).astype(types)


_BEFORE = (
    *("time_s", "frame", "person", *"xywh", "detector_score", "emotion", "label", "confidence"),
    *("set", "quality", "interpolated"),
)

_FAULTS_IN_WORDS = [
    JOINED_BY.join(fault for i, fault in enumerate(_FAULTS) if bits >> i & 1) for bits in range(1 << len(_FAULTS))
]


def _rounded(values: np.ndarray, places: int) -> np.ndarray:
    """As float64, since a rounded float32 is written with more places than were meant."""
    return values.astype(np.float64).round(places)


def _end_of(person: int, merged: Mapping[int, int]) -> int:
    """Who somebody is in the end."""
    passed = {person}
    while person in merged:
        person = merged[person]
        if person in passed:
            raise ValueError(f"Person {person} is merged into others who are merged into that person.")
        passed.add(person)
    return person


class TimelineBuilder:
    """Takes in one frame after the other, in some hundred bytes a face."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = tuple(classes)
        self._frames: dict[str, array] = {"time_s": array("d"), "looked": array("b"), "cut": array("b")}
        self._sightings: dict[str, array] = {
            **{name: array("i") for name in ("frame", "person")},
            **{name: array("f") for name in ("boxes_xywh", "detector_score", "probabilities")},
            **{name: array("B") for name in ("set_size", "faults")},
            "interpolated": array("b"),
        }

    def __len__(self) -> int:
        return len(self._frames["time_s"])

    @property
    def end_s(self) -> float:
        """When the last frame so far is shown."""
        times_s = self._frames["time_s"]
        return times_s[-1] if times_s else 0.0

    def add(
        self, time_s: float, faces: Sequence[Face], *, looked: bool, cut: bool = False, scale_xy: tuple[float, float]
    ) -> None:
        """Take in the next frame.

        Args:
            time_s: when it is shown; later than the one before.
            faces: of known people; found in it where it was looked at, interpolated otherwise.
            looked, cut: see `Timeline`.
            scale_xy: what the faces' boxes are multiplied by, to be in pixels of the video as it is shown.
        """
        for name, value in (("time_s", time_s), ("looked", looked), ("cut", cut)):
            self._frames[name].append(value)
        columns, (wider, higher) = self._sightings, scale_xy
        for face in faces:
            x, y, w, h = face.box_xywh
            columns["frame"].append(len(self) - 1)
            columns["person"].append(face.person)
            columns["boxes_xywh"].extend((x * wider, y * higher, w * wider, h * higher))
            columns["detector_score"].append(face.detector_score)
            columns["probabilities"].extend(face.probabilities.tolist())
            columns["set_size"].append(0 if face.prediction_set is None else len(face.prediction_set))
            columns["faults"].append(sum(1 << _FAULTS.index(fault) for fault in face.quality))
            columns["interpolated"].append(not looked)

    def build(self) -> Timeline:
        """What was taken in so far. The last frame is taken to be shown as long as frames are at the median."""
        frames = {name: np.array(values) for name, values in self._frames.items()}
        seen = {name: np.array(values) for name, values in self._sightings.items()}
        time_s = frames["time_s"]
        step_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.04
        return Timeline(
            classes=self._classes,
            time_s=time_s,
            end_s=float(time_s[-1]) + step_s if len(time_s) else 0.0,
            looked=frames["looked"].astype(bool),
            cut=frames["cut"].astype(bool),
            frame=seen["frame"],
            person=seen["person"],
            boxes_xywh=seen["boxes_xywh"].reshape(-1, 4),
            detector_score=seen["detector_score"],
            probabilities=seen["probabilities"].reshape(-1, len(self._classes)),
            set_size=seen["set_size"],
            faults=seen["faults"],
            interpolated=seen["interpolated"].astype(bool),
        )
