"""What a live view knows at this moment -> charts that move without moving their axes.

Knows nothing about Streamlit, cameras or files. Charts fill the width of their container and leave the background,
axes and typeface to the theme of the page that shows them. Whatever changes from one moment to the next stands in a
chart's data and never in its specification, so that a page can hand on the data alone: the number of people too, who
get a lane each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import altair as alt
import numpy as np
import pyarrow as pa

from fer.charts import INK, edge_scale, emotion_scale, percent, percent_of, short_names
from fer.results import Face, Sample

MOST_LANES = 3
"""How many people a chart shows; more would be too small to read."""

SPAN_S = 60
"""How far back the lines reach."""

_BARS_PX = 200
_LINES_PX = 260
_COUNTS_PX = 200
_LANE = 1.32  # width of a lane in bars of 100 %; labels stand in what lies past the bar
_GAP = 0.18  # between two lanes of lines
_STEP_S = 0.4  # between two points of a line
_BREAK_S = 1.5  # a line goes on over shorter absences
_FAINT = 0.45
_LEAST_SLICE = 0.06  # a smaller one bears no word
_PIE = alt.ExprRef("max(min(width / 2 - 48, height / 2 - 24), 8)")


def chosen_people(people: Sequence[int], history: Sequence[Sample] = ()) -> list[int]:
    """Choose whom the charts show: those in view before those seen last, at most `MOST_LANES`, by number.

    Args:
        people: the numbers of those in view, the most prominent first.
        history: who was seen before, oldest first.
    """
    seen = dict.fromkeys([*people, *(sample.person for sample in reversed(history))])
    return sorted(list(seen)[:MOST_LANES])


@dataclass(frozen=True, eq=False)
class MovingChart:
    """A chart at one moment.

    Attributes:
        specification: Vega-Lite's, the same at every moment; names the tables. Shared: not to be changed.
        tables: by name.
    """

    specification: Mapping[str, object]
    tables: Mapping[str, pa.Table]


def probabilities_now(faces: Sequence[Face], classes: Sequence[str]) -> MovingChart:
    """Chart what every face shows at this moment: a lane for each, in it one bar a class from 0 to 100 %.

    The classes that may be meant (`Face.likely`) are drawn in full colour, the others are faint.

    Args:
        faces: from left to right; lanes bear the number of the person.
        classes: the model's classes, which the axis shows also while there is no face.
    """
    bars = [
        (face.person, name, lane * _LANE, probability, percent(probability), 1.0 if name in face.likely else _FAINT)
        for lane, face in enumerate(faces)
        for name, probability in zip(face.classes, face.probabilities.tolist(), strict=True)
    ]
    return MovingChart(
        _now(tuple(classes)),
        {
            "bars": _table(_BARS, bars),
            "room": pa.table({"edge": [0.0, _LANE * max(1, len(faces))]}),
        },
    )


_BARS = pa.schema(
    [
        ("person", pa.int64()),
        ("expression", pa.string()),
        ("start", pa.float64()),
        ("probability", pa.float64()),
        ("label", pa.string()),
        ("opacity", pa.float64()),
    ]
)


@lru_cache(maxsize=8)
def _now(classes: tuple[str, ...]) -> dict[str, object]:
    x_scale = alt.Scale(nice=False, zero=True)
    names = alt.Axis(labelOverlap=False, labelPadding=6, domain=False, ticks=False)
    base = (
        alt.Chart(alt.NamedData("bars"))
        .transform_calculate(full="datum.start + 1", end="datum.start + datum.probability")
        .encode(
            alt.Y("expression:N", sort=list(classes), scale=alt.Scale(domain=list(classes)), axis=names, title=None),
            tooltip=[
                alt.Tooltip("person:O"),
                alt.Tooltip("expression:N"),
                alt.Tooltip("label:N", title="calibrated probability"),
            ],
        )
    )
    room = alt.Chart(alt.NamedData("room")).mark_point(opacity=0).encode(alt.X("edge:Q", scale=x_scale, axis=None))
    tracks = base.mark_bar(fill=INK, fillOpacity=0.07).encode(alt.X("start:Q", axis=None), alt.X2("full:Q"))
    bars = base.mark_bar(strokeWidth=1, cornerRadiusEnd=2).encode(
        alt.X("start:Q", axis=None),
        alt.X2("end:Q"),
        color=alt.Color("expression:N", scale=emotion_scale(classes), legend=None),
        stroke=alt.Stroke("expression:N", scale=edge_scale(classes), legend=None),
        fillOpacity=alt.FillOpacity("opacity:Q", scale=None, legend=None),
    )
    labels = base.mark_text(align="left", dx=6, fontSize=12, color=INK).encode(
        alt.X("end:Q", axis=None), text="label:N"
    )
    return alt.layer(room, tracks, bars, labels).properties(width="container", height=_BARS_PX).to_dict()


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
        {"points": _table(_points(classes), points), "lanes": _table(_LANES, tracks or [("", 0.0)])},
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


def count_columns(counts: Mapping[str, int]) -> MovingChart:
    """Chart how often each expression was seen, as columns with their numbers.

    Args:
        counts: a number for every class, in the order of the chart.
    """
    return MovingChart(_columns(tuple(counts)), {"counts": _count_table(counts)})


@lru_cache(maxsize=8)
def _columns(classes: tuple[str, ...]) -> dict[str, object]:
    names = alt.Axis(labelAngle=0, labelOverlap=False, labelFlush=False, labelExpr=short_names(400), title=None)
    base = alt.Chart(alt.NamedData("counts")).encode(
        alt.X("expression:N", sort=list(classes), axis=names),
        alt.Y("seen:Q", axis=None),
        tooltip=[alt.Tooltip("expression:N"), alt.Tooltip("seen:Q", format=",d"), alt.Tooltip("share:N")],
    )
    columns = base.mark_bar(strokeWidth=1, cornerRadiusEnd=2).encode(
        color=alt.Color("expression:N", scale=emotion_scale(classes), legend=None),
        stroke=alt.Stroke("expression:N", scale=edge_scale(classes), legend=None),
    )
    labels = base.mark_text(baseline="bottom", dy=-4, fontSize=12, color=INK).encode(
        text=alt.Text("seen:Q", format=",d")
    )
    room = base.mark_point(opacity=0).encode(alt.Y("room:Q", axis=None))
    return alt.layer(room, columns, labels).properties(width="container", height=_COUNTS_PX).to_dict()


def count_pie(counts: Mapping[str, int]) -> MovingChart:
    """Chart each expression's share of all that was seen, as a pie with words at its larger slices.

    Args:
        counts: as for `count_columns`.
    """
    return MovingChart(_pie(tuple(counts)), {"counts": _count_table(counts)})


@lru_cache(maxsize=8)
def _pie(classes: tuple[str, ...]) -> dict[str, object]:
    base = (
        alt.Chart(alt.NamedData("counts"))
        .transform_filter("datum.seen > 0")
        .encode(
            alt.Theta("seen:Q", stack=True),
            order=alt.Order("order:Q"),
            tooltip=[alt.Tooltip("expression:N"), alt.Tooltip("seen:Q", format=",d"), alt.Tooltip("share:N")],
        )
    )
    slices = base.mark_arc(outerRadius=_PIE, strokeWidth=1).encode(
        color=alt.Color("expression:N", scale=emotion_scale(classes), legend=None),
        stroke=alt.Stroke("expression:N", scale=edge_scale(classes), legend=None),
    )
    words = [
        base.mark_text(
            radius=alt.ExprRef(f"{_PIE.expr} + 14"),
            dy=-7,
            align=align,
            baseline="middle",
            lineBreak="\n",
            fontSize=12,
            color=INK,
        ).encode(text=f"{side}:N")
        for side, align in (("right", "left"), ("left", "right"))
    ]
    return alt.layer(slices, *words).properties(width="container", height=_COUNTS_PX).to_dict()


def _count_table(counts: Mapping[str, int]) -> pa.Table:
    """The columns expression, seen, order, room (what a column's number needs above it), share, left, right.

    The last two hold the word for a slice of the pie that stands on that side and is large enough to bear one.
    """
    seen = np.array(list(counts.values()), np.int64)
    shares = seen / max(1, seen.sum())
    written = [percent(share) for share in shares.tolist()]
    words = np.where(
        shares >= _LEAST_SLICE, [f"{name[:3]}\n{its}" for name, its in zip(counts, written, strict=True)], ""
    )
    is_right = shares.cumsum() - shares / 2 < 0.5
    return pa.table(
        {
            "expression": list(counts),
            "seen": seen,
            "order": np.arange(len(seen)),
            "room": seen.clip(min=1) * 1.15,
            "share": written,
            "right": np.where(is_right, words, "").tolist(),
            "left": np.where(is_right, "", words).tolist(),
        }
    )


def _table(schema: pa.Schema, rows: Sequence[tuple]) -> pa.Table:
    """Rows in the order of a schema's columns -> a table; there may be none."""
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)], schema=schema)
