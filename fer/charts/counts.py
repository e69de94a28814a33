"""How often each expression was seen, and how surely: in photos, in a live view, in a recording."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Literal

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa

from fer.charts.moving import MovingChart
from fer.charts.parts import INK, edge_scale, emotion_scale, joined_points, labelled_bars, percent, short_names
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT, UNSURE

_COUNTS_PX = 200
_LEAST_SLICE = 0.06  # a smaller one bears no word
_ROOM_FOR_NAMES_PX = 320  # in a narrower pie names are cut to three letters
_PIE = alt.ExprRef("max(min(width / 2 - 48, height / 2 - 24), 8)")
_LABEL_ROOM = 1.15  # axis lengths; the label of the longest bar stands in what lies past the axis


def expression_counts(table: pd.DataFrame, by: Literal["label", "emotion"] = "label") -> alt.LayerChart:
    """Chart how many faces show each expression.

    Args:
        table: one row a face, as from `fer.results.to_table`; rows without a face are not counted. Contempt has a bar
            only where the table has a column for it.
        by: "label" counts unsure faces as such, "emotion" each as its most probable class.
    """
    classes = EMOTIONS_WITH_CONTEMPT if "contempt" in table.columns else EMOTIONS
    if by == "label":
        classes = (*classes, UNSURE)
    counts = table[by].value_counts().reindex(classes, fill_value=0)
    bars = pd.DataFrame({"expression": classes, "faces": counts.to_numpy(), "opacity": 1.0})
    bars["label"] = bars["faces"].astype(str)
    most = max(1, int(bars["faces"].max()))
    return labelled_bars(
        bars,
        alt.X("faces:Q", scale=alt.Scale(domain=[0, most * _LABEL_ROOM]), axis=None),
        [alt.Tooltip("expression:N", title="expression"), alt.Tooltip("faces:Q", title="faces")],
    )


def confidence_columns(table: pd.DataFrame) -> alt.Chart:
    """Chart how sure the readings are: how many faces by the probability of their most probable expression.

    Args:
        table: one row a face, as from `fer.results.to_table`; rows without a face are not counted.
    """
    classes = (*(EMOTIONS_WITH_CONTEMPT if "contempt" in table.columns else EMOTIONS), UNSURE)
    faces = table.loc[table["confidence"].notna(), ["label", "confidence"]]
    low = (faces["confidence"] * 10).clip(upper=9).astype("int64") * 10
    counts = faces.assign(low=low).groupby(["low", "label"], as_index=False).size()
    bars = counts.assign(
        high=counts["low"] + 10,
        share=[f"{low} to {low + 10} %" for low in counts["low"]],
        order=[classes.index(name) for name in counts["label"]],
    )
    return (
        alt.Chart(bars)
        .mark_bar()
        .encode(
            alt.X("low:Q", bin="binned", title="probability, %", scale=alt.Scale(domain=[0, 100])),
            alt.X2("high:Q"),
            alt.Y("size:Q", title="faces"),
            color=alt.Color("label:N", scale=emotion_scale(classes), legend=None),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("label:N", title="expression"),
                alt.Tooltip("share:N", title="probability"),
                alt.Tooltip("size:Q", title="faces", format=",d"),
            ],
        )
        .properties(width="container", height=_COUNTS_PX)
    )


def count_columns(counts: Mapping[str, int], height_px: int = _COUNTS_PX) -> MovingChart:
    """Chart how often each expression was seen, as columns with their numbers.

    Args:
        counts: a number for everything that faces were called, in the order of the chart.
        height_px: of the chart.

    Examples:
        >>> chart = count_columns({"happy": 3, "sad": 1})
        >>> chart.tables["counts"]["share"].to_pylist()
        ['75 %', '25 %']
    """
    return MovingChart(_columns(tuple(counts), height_px), {"counts": _count_table(counts)})


@lru_cache(maxsize=8)
def _columns(classes: tuple[str, ...], height_px: int) -> dict[str, object]:
    names = alt.Axis(
        labelAngle=0, labelOverlap=False, labelFlush=False, labelExpr=short_names(50 * len(classes)), title=None
    )
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
    return alt.layer(room, columns, labels).properties(width="container", height=height_px).to_dict()


def count_pie(counts: Mapping[str, int], height_px: int = _COUNTS_PX) -> MovingChart:
    """Chart each expression's share of all that was seen, as a pie with words at its larger slices.

    Args:
        counts, height_px: as for `count_columns`.
    """
    return MovingChart(_pie(tuple(counts), height_px), {"counts": _count_table(counts)})


@lru_cache(maxsize=8)
def _pie(classes: tuple[str, ...], height_px: int) -> dict[str, object]:
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
    sides: dict[str, Literal["left", "right"]] = {"right": "left", "left": "right"}
    words = [
        base.mark_text(
            radius=alt.ExprRef(f"{_PIE.expr} + 14"),
            dy=-7,
            align=align,
            baseline="middle",
            lineBreak="\n",
            fontSize=12,
            color=INK,
            text=alt.ExprRef(f"width < {_ROOM_FOR_NAMES_PX} ? datum.{side} : datum.{side}_long"),
        )
        for side, align in sides.items()
    ]
    return alt.layer(slices, *words).properties(width="container", height=height_px).to_dict()


def _count_table(counts: Mapping[str, int]) -> pa.Table:
    """The columns expression, seen, order, room (what a column's number needs above it), share, and words of the pie.

    Those are left and right, and left_long and right_long where there is room: the word for a slice that stands on that
    side and is large enough to bear one.
    """
    seen = np.array(list(counts.values()), np.int64)
    shares = seen / max(1, seen.sum())
    written = [percent(share) for share in shares.tolist()]
    is_right = shares.cumsum() - shares / 2 < 0.5

    def words(names: Iterable[str], stand_here: np.ndarray) -> list[str]:
        of_slices = [f"{name}\n{its}" for name, its in zip(names, written, strict=True)]
        return np.where((shares >= _LEAST_SLICE) & stand_here, of_slices, "").tolist()

    short = [name[:3] for name in counts]
    return pa.table(
        {
            "expression": list(counts),
            "seen": seen,
            "order": np.arange(len(seen)),
            "room": seen.clip(min=1) * 1.15,
            "share": written,
            "right": words(short, is_right),
            "left": words(short, ~is_right),
            "right_long": words(counts, is_right),
            "left_long": words(counts, ~is_right),
        }
    )


def share_comparison(
    sets: Mapping[str, pd.DataFrame], axis_title: str = "share of the data set's faces"
) -> alt.LayerChart:
    """Chart the shares of the classes in two data sets on one axis.

    Args:
        sets: two titles with their counts, as for `class_counts`. A class that a set does not know has no point there.
        axis_title: what the shares are of.
    """
    totals = {title: counts.sum() for title, counts in sets.items()}
    table = pd.DataFrame(
        [
            {"expression": name, "set": title, "faces": int(faces), "share": faces / max(1, all_faces.sum())}
            for title, all_faces in totals.items()
            for name, faces in all_faces.items()
        ],
        columns=["expression", "set", "faces", "share"],
    )
    return joined_points(table, list(sets), axis_title)
