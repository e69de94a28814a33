"""The last minute of a live view: a lane for each person, in it lines or a ribbon, and what was marked."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

import altair as alt
import pyarrow as pa

from fer.charts.moving import MovingChart, rows_to_table
from fer.charts.parts import INK, dash_scale, emotion_scale, percent_of
from fer.emotions import UNSURE
from fer.recording import Marker, Sample

SPAN_S = 60
"""How far back the lines reach."""

_LINES_PX, _RIBBON_PX = 180, 56
_NO_NAMES: Mapping[int, str] = MappingProxyType({})
_GAP = 0.18  # between two lanes of lines
_STEP_S = 0.4  # between two points of a line
_BREAK_S = 1.5  # a line goes on over shorter absences


def last_minute(
    history: Sequence[Sample],
    classes: Sequence[str],
    now_s: float,
    people: Sequence[int],
    names: Mapping[int, str] = _NO_NAMES,
) -> MovingChart:
    """Chart the last `SPAN_S` seconds: a lane for each person, in it one line a class from 0 to 100 %.

    A line breaks where its person was out of view.

    Args:
        history: oldest first, `time_s` on the clock of `now_s`.
        classes: what the samples' probabilities stand for.
        now_s: the right end of the time axis.
        people: whose lanes are drawn, from top to bottom.
        names: of those who have one.
    """
    lanes = {person: (len(people) - 1 - i) * (1 + _GAP) for i, person in enumerate(people)}
    points = [
        (person, sample.time_s - now_s, lanes[person], stretch, *sample.probabilities)
        for person in people
        for stretch, sample in _stretches(history, person, now_s)
    ]
    tracks = [(names.get(person) or f"person {person}", low) for person, low in lanes.items()]
    return MovingChart(
        _minute(tuple(classes)),
        {"points": rows_to_table(_points(classes), points), "lanes": rows_to_table(_LANES, tracks or [("", 0.0)])},
    )


def minute_ribbon(
    history: Sequence[Sample],
    classes: Sequence[str],
    now_s: float,
    people: Sequence[int],
    marks: Sequence[Marker] = (),
) -> MovingChart:
    """Chart the last `SPAN_S` seconds as ribbons: a lane for each person, coloured by what they were called.

    Args:
        history, classes, now_s, people: see `last_minute`.
        marks: what was marked, on the same clock; an upright line each, with its note.
    """
    pieces = []
    for lane, person in enumerate(people):
        own = _stretches(history, person, now_s)
        for i, (_, sample) in enumerate(own):
            next_s = own[i + 1][1].time_s if i + 1 < len(own) else now_s
            end_s = min(next_s, sample.time_s + _BREAK_S)
            pieces.append((person, sample.time_s - now_s, end_s - now_s, lane, lane + 0.86, sample.label(classes)))
    lines = [(mark.time_s - now_s, mark.note) for mark in marks if mark.time_s >= now_s - SPAN_S]
    return MovingChart(
        _ribbon(tuple(classes)),
        {"pieces": rows_to_table(_PIECES, pieces), "marks": rows_to_table(_MARKS, lines)},
    )


_PIECES = pa.schema(
    [
        ("person", pa.int64()),
        ("ago", pa.float64()),
        ("until", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("expression", pa.string()),
    ]
)
_MARKS = pa.schema([("ago", pa.float64()), ("note", pa.string())])


@lru_cache(maxsize=8)
def _ribbon(classes: tuple[str, ...]) -> dict[str, object]:
    x = _seconds_ago()
    pieces = (
        alt.Chart(alt.NamedData("pieces"))
        .mark_rect(clip=True)
        .encode(
            x,
            alt.Y("low:Q", axis=None, scale=alt.Scale(reverse=True, nice=False)),
            x2=alt.X2("until:Q"),
            y2=alt.Y2("high:Q"),
            color=alt.Color("expression:N", scale=emotion_scale((*classes, UNSURE)), legend=None),
            tooltip=[alt.Tooltip("person:O"), alt.Tooltip("expression:N")],
        )
    )
    marks = alt.Chart(alt.NamedData("marks")).encode(x)
    lines = marks.mark_rule(color=INK, strokeDash=[4, 3], clip=True).encode(tooltip=[alt.Tooltip("note:N")])
    notes = marks.mark_text(align="left", baseline="top", dx=4, y=2, color=INK, fontSize=11, limit=90).encode(
        text=alt.Text("note:N")
    )
    return alt.layer(pieces, lines, notes).properties(width="container", height=_RIBBON_PX).to_dict()


def _seconds_ago() -> alt.X:
    return alt.X(
        "ago:Q",
        scale=alt.Scale(domain=[-SPAN_S, 0], nice=False),
        axis=alt.Axis(values=[-60, -45, -30, -15, 0], labelExpr="datum.value == 0 ? 'now' : datum.value + ' s'"),
        title=None,
    )


_LANES = pa.schema([("name", pa.string()), ("low", pa.float64())])


def _points(classes: Sequence[str]) -> pa.Schema:
    """A moment of a person: the number of the unbroken stretch that it belongs to, and a column for every class."""
    return pa.schema(
        [
            ("person", pa.int64()),
            ("ago", pa.float64()),
            ("low", pa.float64()),
            ("stretch", pa.int64()),
            *((name, pa.float64()) for name in classes),
        ]
    )


_NAMES = alt.Legend(title=None, orient="bottom", columns=4, symbolType="stroke")


@lru_cache(maxsize=8)
def _minute(classes: tuple[str, ...]) -> dict[str, object]:
    x = _seconds_ago()
    y = alt.Y("height:Q", scale=alt.Scale(nice=False, zero=True), axis=None)
    ground = alt.Chart(alt.NamedData("lanes")).transform_calculate(
        **{"from": str(-SPAN_S), "to": "0", "high": "datum.low + 1"}
    )
    rooms = ground.mark_rect(fill=INK, fillOpacity=0.05).encode(
        alt.X("from:Q"), alt.Y("low:Q", axis=None), x2=alt.X2("to:Q"), y2=alt.Y2("high:Q")
    )
    names = ground.mark_text(align="left", baseline="top", dx=4, dy=4, fontSize=11, color=INK, opacity=0.8).encode(
        alt.X("from:Q"), alt.Y("high:Q", axis=None), text=alt.Text("name:N")
    )
    lines = (
        alt.Chart(alt.NamedData("points"))
        .transform_fold(list(classes), as_=["expression", "probability"])
        .transform_calculate(height="datum.low + datum.probability", label=percent_of("probability"))
        .mark_line(strokeWidth=2, interpolate="monotone", clip=True)
        .encode(
            x,
            y,
            color=alt.Color("expression:N", scale=emotion_scale(classes), legend=_NAMES),
            strokeDash=alt.StrokeDash("expression:N", scale=dash_scale(classes), legend=_NAMES),
            detail=[alt.Detail("person:N"), alt.Detail("stretch:N")],
            tooltip=[
                alt.Tooltip("person:O"),
                alt.Tooltip("expression:N"),
                alt.Tooltip("label:N", title="probability"),
            ],
        )
    )
    return alt.layer(rooms, lines, names).properties(width="container", height=_LINES_PX).to_dict()


def _stretches(history: Sequence[Sample], person: int, now_s: float) -> list[tuple[int, Sample]]:
    """A person's samples, thinned, each with the number of the unbroken stretch that it belongs to."""
    kept: list[tuple[int, Sample]] = []
    stretch, last_s = 0, float("-inf")
    for sample in history:
        if sample.person != person or sample.time_s < now_s - SPAN_S:
            continue
        since_s = sample.time_s - last_s
        if since_s < _STEP_S:
            continue
        stretch += bool(kept) and since_s > _BREAK_S
        kept.append((stretch, sample))
        last_s = sample.time_s
    return kept
