"""A timeline -> what it comes to: shares of expressions, spells, chapters, and when nobody was seen.

Every moment counts as long as it is shown, so that a variable frame rate does not matter. A spell is a stretch in which
somebody is called the same: unsure where most of `WINDOW_S` is, else the most probable expression on average over it,
so that a flicker ends none. Knows nothing about files or pages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fer.emotions import UNSURE
from fer.recording import Span
from fer.video.timeline import MOST_BETWEEN_S, Timeline

WINDOW_S = 1.0
"""Over so long the most probable expression is averaged, before spells are told apart."""

BRIDGED_S = 0.5
"""A spell goes on where its person was missed for no longer than this, or than one look and a half."""

LEAST_SPELL_S = 0.4
"""A shorter spell between others belongs to the one before."""

LEAST_CHAPTER_S = 1.0
MOST_CHAPTERS = 60
"""Chapters are at least so long, and longer where there would be more of them than these."""

MOST_NAMED = 3
"""So many people are named in a chapter's title; of more, only the number is told."""


@dataclass(frozen=True)
class Spell:
    """A stretch in which somebody showed one expression, or was read unsurely.

    Attributes:
        person, name: who, and what they are called.
        emotion: the expression, on average the most probable one.
        label: what it is called, `emotion` or `fer.emotions.UNSURE`.
        start_s, end_s: from when until when.
        confidence: the mean probability of `emotion` meanwhile, in [0, 1].
    """

    person: int
    name: str
    emotion: str
    label: str
    start_s: float
    end_s: float
    confidence: float


@dataclass(frozen=True)
class Chapter:
    """A stretch in which nothing changed: its title says who showed what."""

    start_s: float
    end_s: float
    title: str


@dataclass(frozen=True)
class PersonSummary:
    """What one person comes to.

    Attributes:
        person, name: who, and what they are called.
        seen_s: for how long they were seen, or known to be there between two looks.
        first_s, last_s: when they were seen first, and when last.
        shares: of the time that they were seen, how much they were called what: a class each, and
            `fer.emotions.UNSURE`; sums to 1.
        mean_probabilities: of each expression, over that time.
    """

    person: int
    name: str
    seen_s: float
    first_s: float
    last_s: float
    shares: Mapping[str, float]
    mean_probabilities: Mapping[str, float]


@dataclass(frozen=True)
class VideoSummary:
    """What a video comes to.

    Attributes:
        duration_s: how long it is.
        frames, looks: how many frames there are, and how many were looked at.
        people: one for each, in order of their numbers.
        shares: the same of all people's time together; empty where nobody was seen.
        spells: all of them, in order of time.
        longest: the longest spells, at most five of each label, the longest first.
        chapters: one after another from the beginning to the end.
        nobody: when nobody was seen: at a look, or at the two looks around.
        not_looked_at: when nobody looked, and nothing could be told from the looks around.
    """

    duration_s: float
    frames: int
    looks: int
    people: tuple[PersonSummary, ...]
    shares: Mapping[str, float]
    spells: tuple[Spell, ...]
    longest: tuple[Spell, ...]
    chapters: tuple[Chapter, ...]
    nobody: tuple[Span, ...]
    not_looked_at: tuple[Span, ...]

    def to_record(self) -> dict:
        """The summary as JSON has it: plain lists, numbers and strings."""

        def spans(them: Sequence[Span]) -> list[list[float]]:
            return [[round(one.start_s, 3), round(one.end_s, 3)] for one in them]

        def spells(them: Sequence[Spell]) -> list[dict]:
            return [
                {
                    "person": one.name,
                    "emotion": one.emotion,
                    "label": one.label,
                    "start_s": round(one.start_s, 3),
                    "end_s": round(one.end_s, 3),
                    "confidence": round(one.confidence, 4),
                }
                for one in them
            ]

        return {
            "duration_s": round(self.duration_s, 3),
            "frames": self.frames,
            "looks": self.looks,
            "shares": _rounded(self.shares),
            "people": [
                {
                    "person": one.name,
                    "seen_s": round(one.seen_s, 3),
                    "first_s": round(one.first_s, 3),
                    "last_s": round(one.last_s, 3),
                    "shares": _rounded(one.shares),
                    "mean_probabilities": _rounded(one.mean_probabilities),
                }
                for one in self.people
            ],
            "longest": spells(self.longest),
            "chapters": [
                {"start_s": round(one.start_s, 3), "end_s": round(one.end_s, 3), "title": one.title}
                for one in self.chapters
            ],
            "nobody": spans(self.nobody),
            "not_looked_at": spans(self.not_looked_at),
            "spells": spells(self.spells),
        }


def summarize(timeline: Timeline) -> VideoSummary:
    """Sum a whole video up."""
    spells = find_spells(timeline)
    alone = np.ones(len(timeline), bool)
    alone[timeline.frame] = False
    empty = alone & _at_empty_looks(timeline, alone)
    by_length = sorted(spells, key=lambda spell: spell.start_s - spell.end_s)
    longest = [
        spell
        for label in timeline.names_of_labels
        for spell in [spell for spell in by_length if spell.label == label][:5]
    ]
    return VideoSummary(
        duration_s=timeline.end_s,
        frames=len(timeline),
        looks=int(timeline.looked.sum()),
        people=tuple(summarize_people(timeline)),
        shares=_shares(timeline, np.arange(len(timeline.frame)), timeline.span_s),
        spells=tuple(spells),
        longest=tuple(sorted(longest, key=lambda spell: spell.start_s - spell.end_s)),
        chapters=tuple(_chapters(timeline, spells)),
        nobody=tuple(_spans(timeline, empty)),
        not_looked_at=tuple(_spans(timeline, alone & ~empty)),
    )


def summarize_people(timeline: Timeline, start_s: float = 0.0, end_s: float = np.inf) -> list[PersonSummary]:
    """What everyone comes to within a stretch of the video, as when somebody selects "0:12 to 0:31".

    Args:
        timeline: the video's.
        start_s, end_s: the stretch; a frame counts for that part of its time that lies in it.

    Returns:
        A summary for everyone who is seen in it, in order of their numbers.
    """
    begin = timeline.time_s
    span_s = np.clip(np.minimum(begin + timeline.span_s, end_s) - np.maximum(begin, start_s), 0, None)
    people = []
    for person in timeline.people:
        own = timeline.of_person(person)
        own = own[span_s[timeline.frame[own]] > 0]
        if not len(own):
            continue
        weights = span_s[timeline.frame[own]]
        means = weights @ timeline.probabilities[own] / weights.sum()
        last = timeline.frame[own[-1]]
        people.append(
            PersonSummary(
                person=person,
                name=timeline.name(person),
                seen_s=float(weights.sum()),
                first_s=float(max(begin[timeline.frame[own[0]]], start_s)),
                last_s=float(min(begin[last] + timeline.span_s[last], end_s)),
                shares=_shares(timeline, own, span_s),
                mean_probabilities=dict(zip(timeline.classes, means.tolist(), strict=True)),
            )
        )
    return people


def find_spells(timeline: Timeline) -> list[Spell]:
    """Everyone's stretches of one expression or of doubt, in order of time."""
    steps_s = np.diff(timeline.time_s[timeline.looked])
    bridged_s = max(BRIDGED_S, 1.5 * float(np.median(steps_s))) if len(steps_s) else BRIDGED_S
    span_s = timeline.span_s
    spells: list[Spell] = []
    for person in timeline.people:
        own = timeline.of_person(person)
        frames = timeline.frame[own]
        start_s, end_s = timeline.time_s[frames], timeline.time_s[frames] + span_s[frames]
        states = _states(start_s, span_s[frames], timeline.probabilities[own], timeline.is_unsure[own])
        breaks = np.flatnonzero((np.diff(states) != 0) | (start_s[1:] - end_s[:-1] > bridged_s)) + 1
        runs = [
            _Run(int(states[first]), first, last)
            for first, last in zip([0, *breaks.tolist()], [*breaks.tolist(), len(own)], strict=True)
        ]
        for run in _settle(runs, start_s, end_s, bridged_s):
            part = slice(run.first, run.last)
            means = np.average(timeline.probabilities[own[part]], axis=0, weights=span_s[frames[part]])
            label = timeline.names_of_labels[run.state]
            emotion = timeline.classes[int(means.argmax())] if label == UNSURE else label
            spells.append(
                Spell(
                    person=person,
                    name=timeline.name(person),
                    emotion=emotion,
                    label=label,
                    start_s=float(start_s[run.first]),
                    end_s=float(end_s[run.last - 1]),
                    confidence=float(means[timeline.classes.index(emotion)]),
                )
            )
    return sorted(spells, key=lambda spell: (spell.start_s, spell.person))


@dataclass(frozen=True)
class _Run:
    """Somebody's sightings from `first` up to `last` (not included), all in one state."""

    state: int
    first: int
    last: int


def _states(start_s: np.ndarray, span_s: np.ndarray, probabilities: np.ndarray, is_unsure: np.ndarray) -> np.ndarray:
    """What somebody is called around each sighting, on average over the window; int of shape (sightings,)."""
    columns = np.column_stack([probabilities, is_unsure, np.ones(len(is_unsure))]) * span_s[:, None]
    total = np.concatenate([np.zeros((1, columns.shape[1])), np.cumsum(columns, axis=0)])
    low = np.searchsorted(start_s, start_s - WINDOW_S / 2)
    high = np.searchsorted(start_s, start_s + WINDOW_S / 2, side="right")
    around = total[high] - total[low]
    classes = probabilities.shape[1]
    return np.where(around[:, classes] > around[:, -1] / 2, classes, around[:, :classes].argmax(axis=1))


def _settle(runs: Sequence[_Run], start_s: np.ndarray, end_s: np.ndarray, bridged_s: float) -> list[_Run]:
    """Give runs that are too short to the one before, or else to the one after, where they touch it."""
    settled: list[_Run] = []
    for run in runs:
        if settled and start_s[run.first] - end_s[settled[-1].last - 1] <= bridged_s:
            before = settled[-1]
            if run.state == before.state or end_s[run.last - 1] - start_s[run.first] < LEAST_SPELL_S:
                settled[-1] = _Run(before.state, before.first, run.last)
                continue
            if end_s[before.last - 1] - start_s[before.first] < LEAST_SPELL_S:
                settled[-1] = _Run(run.state, before.first, run.last)
                continue
        settled.append(run)
    return settled


def _shares(timeline: Timeline, sightings: np.ndarray, span_s: np.ndarray) -> dict[str, float]:
    """How much of the time what was said; empty where there was no time."""
    weights = span_s[timeline.frame[sightings]]
    if not weights.sum():
        return {}
    names = timeline.names_of_labels
    shares = np.bincount(timeline.labels[sightings], weights, minlength=len(names)) / weights.sum()
    return dict(zip(names, shares.tolist(), strict=True))


def _at_empty_looks(timeline: Timeline, alone: np.ndarray) -> np.ndarray:
    """Which frames are a look at nobody, or lie between two of them that are close; bool of shape (frames,)."""
    looks, frames = np.flatnonzero(timeline.looked), np.arange(len(timeline))
    if not len(looks):
        return np.zeros(len(timeline), bool)
    before = looks[np.maximum(np.searchsorted(looks, frames, side="right") - 1, 0)]
    after = looks[np.minimum(np.searchsorted(looks, frames), len(looks) - 1)]
    is_close = timeline.time_s[after] - timeline.time_s[before] <= MOST_BETWEEN_S
    return (before <= frames) & (frames <= after) & is_close & alone[before] & alone[after]


def _spans(timeline: Timeline, marked: np.ndarray) -> list[Span]:
    """The stretches of frames that are marked."""
    edges = np.flatnonzero(np.diff(marked.astype(np.int8), prepend=0, append=0))
    ends_s = np.append(timeline.time_s, timeline.end_s)
    return [Span(float(ends_s[first]), float(ends_s[last])) for first, last in edges.reshape(-1, 2)]


def _chapters(timeline: Timeline, spells: Sequence[Spell]) -> list[Chapter]:
    """Cut the video up where what people show changes, where they come and go, and where another scene begins."""
    if not len(timeline):
        return []
    cuts_s = timeline.time_s[timeline.cut].tolist()
    changes = {0.0, *cuts_s, *(spell.start_s for spell in spells), *(spell.end_s for spell in spells)}
    starts_s = sorted(change for change in changes if change < timeline.end_s)
    least_s = LEAST_CHAPTER_S
    while len(kept := _apart(starts_s, least_s, timeline.end_s)) > MOST_CHAPTERS:
        least_s *= 1.5
    chapters: list[Chapter] = []
    for start_s, end_s in zip(kept, [*kept[1:], timeline.end_s], strict=True):
        title = _title(spells, start_s, end_s)
        if chapters and chapters[-1].title == title and start_s not in cuts_s:
            chapters[-1] = Chapter(chapters[-1].start_s, end_s, title)
        else:
            chapters.append(Chapter(start_s, end_s, title))
    return chapters


def _apart(starts_s: Sequence[float], least_s: float, end_s: float) -> list[float]:
    """Of these beginnings those that leave every chapter its least length, the first one always."""
    kept: list[float] = []
    for start_s in starts_s:
        if not kept or (start_s - kept[-1] >= least_s and end_s - start_s >= least_s):
            kept.append(start_s)
    return kept


def _title(spells: Sequence[Spell], start_s: float, end_s: float) -> str:
    """Who shows what for most of a stretch: "1 happy, Anna sad", "5 people, mostly neutral", "Nobody"."""
    shown: dict[tuple[int, str], dict[str, float]] = {}
    for spell in spells:
        common_s = min(spell.end_s, end_s) - max(spell.start_s, start_s)
        if common_s > 0:
            own = shown.setdefault((spell.person, spell.name), {})
            own[spell.label] = own.get(spell.label, 0.0) + common_s
    there = {who: own for who, own in shown.items() if sum(own.values()) >= 0.3 * (end_s - start_s)}
    if not there:
        return "Nobody"
    if len(there) <= MOST_NAMED:
        return ", ".join(f"{name} {max(own, key=own.__getitem__)}" for (_, name), own in sorted(there.items()))
    total: dict[str, float] = {}
    for own in there.values():
        for label, seconds in own.items():
            total[label] = total.get(label, 0.0) + seconds
    return f"{len(there)} people, mostly {max(total, key=total.__getitem__)}"


def _rounded(shares: Mapping[str, float]) -> dict[str, float]:
    return {name: round(share, 4) for name, share in shares.items()}
