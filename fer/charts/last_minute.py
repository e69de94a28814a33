"""The last minute of a live view: a line for each expression, a lane for each person."""

from collections.abc import Sequence
from functools import lru_cache

import altair as alt
import pyarrow as pa

from fer.charts.moving import MovingChart, rows_to_table
from fer.charts.parts import INK, emotion_scale, percent_of
from fer.recording import Sample

SPAN_S = 60
"""How far back the lines reach."""

_LINES_PX = 260
_GAP = 0.18  # between two lanes of lines
_STEP_S = 0.4  # between two points of a line
_BREAK_S = 1.5  # a line goes on over shorter absences


def last_minute(history: Sequence[Sample], classes: Sequence[str], now_s: float, people: Sequence[int]) -> MovingChart:
    """Chart the last `SPAN_S` seconds: a lane for each person, in it one line a class from 0 to 100 %.

    A line breaks where its person was out of view.

    Args:
        history: oldest first, `time_s` on the clock of `now_s`.
        classes: what the samples' probabilities stand for.
        now_s: the right end of the time axis.
        people: whose lanes are drawn, from top to bottom.
    """
    lanes = {person: (len(people) - 1 - i) * (1 + _GAP) for i, person in enumerate(people)}
    points = [
        (person, sample.time_s - now_s, lanes[person], stretch, *sample.probabilities)
        for person in people
        for stretch, sample in _stretches(history, person, now_s)
    ]
    tracks = [(f"person {person}", low) for person, low in lanes.items()]
    return MovingChart(
        _minute(tuple(classes)),
        {"points": rows_to_table(_points(classes), points), "lanes": rows_to_table(_LANES, tracks or [("", 0.0)])},
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


@lru_cache(maxsize=8)
def _minute(classes: tuple[str, ...]) -> dict[str, object]:
    x = alt.X(
        "ago:Q",
        scale=alt.Scale(domain=[-SPAN_S, 0], nice=False),
        axis=alt.Axis(values=[-60, -45, -30, -15, 0], labelExpr="datum.value == 0 ? 'now' : datum.value + ' s'"),
        title=None,
    )
    y = alt.Y("height:Q", scale=alt.Scale(nice=False, zero=True), axis=None)
    ground = alt.Chart(alt.NamedData("lanes")).transform_calculate(
        **{"from": str(-SPAN_S), "to": "0", "high": "datum.low + 1"}
    )
    rooms = ground.mark_rect(fill=INK, fillOpacity=0.05).encode(
        alt.X("from:Q"), alt.Y("low:Q", axis=None), x2="to:Q", y2="high:Q"
    )
    names = ground.mark_text(align="left", baseline="top", dx=4, dy=4, fontSize=11, color=INK, opacity=0.8).encode(
        alt.X("from:Q"), alt.Y("high:Q", axis=None), text="name:N"
    )
    lines = (
        alt.Chart(alt.NamedData("points"))
        .transform_fold(list(classes), as_=["expression", "probability"])
        .transform_calculate(height="datum.low + datum.probability", label=percent_of("probability"))
        .mark_line(strokeWidth=2, interpolate="monotone", clip=True)
        .encode(
            x,
            y,
            color=alt.Color(
                "expression:N",
                scale=emotion_scale(classes),
                legend=alt.Legend(title=None, orient="bottom", columns=4, symbolType="stroke"),
            ),
            detail=["person:N", "stretch:N"],
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
