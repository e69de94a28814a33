"""Tables about data sets -> charts, in the colours of the expressions.

Splits and data sets are told apart by lightness, shape and words, never by another hue.
"""

from collections.abc import Mapping
from math import pi
from typing import Literal

import altair as alt
import pandas as pd

from fer.charts.parts import (
    AXIS_PX,
    CLASS_NAMES,
    INK,
    LEGEND,
    edge_scale,
    emotion_scale,
    joined_points,
    layer,
    percent,
    shaded_cells,
    short_names,
)
from fer.emotions import EMOTIONS_WITH_CONTEMPT

By = Literal["class", "row"]
ColourBy = Literal["label", "error"]

_HEIGHT_PX = 280
_MAP_PX = 560
_OPACITIES = (1.0, 0.55, 0.25)


def class_counts(counts: pd.DataFrame, by: By = "class") -> alt.Chart:
    """Chart how many faces every class has in every row of a table, as columns side by side.

    Args:
        counts: a row for every split (or for up to three other things, which the name of the index says), a column for
            every class, as from `FaceDataset.counts`.
        by: what stands together: "class" puts the rows of a class side by side, "row" the classes of a row.
    """
    classes, rows = list(counts.columns), list(counts.index)
    table = pd.DataFrame(
        [
            {"row": row, "expression": name, "faces": int(faces), "share": faces / max(1, counts.loc[row].sum())}
            for row in rows
            for name, faces in counts.loc[row].items()
        ],
        columns=["row", "expression", "faces", "share"],
    )
    outer, inner, order, inner_order = ("expression", "row", classes, rows)
    if by == "row":
        outer, inner, order, inner_order = inner, outer, inner_order, order
    names = alt.Axis(labelAngle=0, labelOverlap=False, labelExpr=short_names(50 * len(order)), title=None)
    title = str(counts.index.name)
    return (
        alt.Chart(table)
        .mark_bar(strokeWidth=1, cornerRadiusEnd=2)
        .encode(
            alt.X(f"{outer}:N", sort=order, axis=names),
            alt.Y("faces:Q", axis=alt.Axis(title="faces", tickCount=5, format=",d")),
            xOffset=alt.XOffset(f"{inner}:N", sort=inner_order),
            color=alt.Color("expression:N", scale=emotion_scale(classes), legend=None),
            stroke=alt.Stroke("expression:N", scale=edge_scale(classes), legend=None),
            opacity=alt.Opacity(
                "row:O",
                scale=alt.Scale(domain=rows, range=list(_OPACITIES[: len(rows)])),
                legend=LEGEND if by == "class" and len(rows) > 1 else None,
            ),
            tooltip=[
                alt.Tooltip("expression:N"),
                alt.Tooltip("row:N", title=title),
                alt.Tooltip("faces:Q", format=",d"),
                alt.Tooltip("share:Q", title=f"share of its {title}", format=".1%"),
            ],
        )
        .properties(width="container", height=_HEIGHT_PX)
    )


def class_shares(counts: pd.DataFrame) -> alt.LayerChart:
    """Chart the share of every class in the whole as a pie with words at its slices.

    It is turned so that the largest slice lies on the left: the words of small slices are then below each other on the
    right rather than on top of each other.

    Args:
        counts: as for `class_counts`; classes without a face have no slice.
    """
    totals = counts.sum()
    classes = list(totals.index)
    table = pd.DataFrame({"expression": classes, "faces": totals.to_numpy(), "order": range(len(classes))})
    table["share"] = table["faces"] / max(1, table["faces"].sum())
    table["label"] = table["expression"] + " " + table["share"].map(percent)
    largest = int(table["faces"].argmax())
    middle = table["share"][:largest].sum() + table["share"][largest] / 2
    start = 2 * pi * (0.75 - middle)
    base = alt.Chart(table[table["faces"] > 0]).encode(
        alt.Theta("faces:Q", stack=True, scale=alt.Scale(range=[start, start + 2 * pi])),
        order=alt.Order("order:Q"),
        tooltip=[
            alt.Tooltip("expression:N"),
            alt.Tooltip("faces:Q", format=",d"),
            alt.Tooltip("share:Q", format=".1%"),
        ],
    )
    slices = base.mark_arc(outerRadius=alt.ExprRef("min(width / 2 - 44, 124) - 34"), strokeWidth=1).encode(
        color=alt.Color("expression:N", scale=emotion_scale(classes), legend=None),
        stroke=alt.Stroke("expression:N", scale=edge_scale(classes), legend=None),
    )
    words = base.mark_text(radius=alt.ExprRef("min(width / 2 - 44, 124)"), fontSize=12, color=INK).encode(
        text=alt.Text("label:N")
    )
    return layer(slices, words).properties(width="container", height=_HEIGHT_PX)


def leak_comparison(orders: Mapping[str, pd.DataFrame]) -> alt.LayerChart:
    """Chart the share of test rows whose face is among the training rows, class by class, for two orders of working.

    Args:
        orders: two titles with their tables: label, rows (tested), seen (of those), as from
            `fer.datasets.balance.Leak`.
    """
    table = pd.concat(
        [
            pd.DataFrame(
                {
                    "expression": counted["label"],
                    "set": title,
                    "faces": counted["seen"],
                    "share": counted["seen"] / counted["rows"].clip(lower=1),
                }
            )
            for title, counted in orders.items()
        ]
    )
    return joined_points(table, list(orders), "share of the test rows that were seen in training")


def light_ranges(table: pd.DataFrame, column: str) -> alt.LayerChart:
    """Chart how a figure of the pictures spreads in every class: 5 to 95 %, the middle half, and the median.

    Args:
        table: one row a face, with `label` and the column, as from `fer.datasets.summary.light`.
        column: what is shown, grey levels from 0 to 255.
    """
    classes = [name for name in EMOTIONS_WITH_CONTEMPT if name in set(table["label"])]
    spread = table.groupby("label")[column].quantile([0.05, 0.25, 0.5, 0.75, 0.95]).unstack()
    spread.columns = ["p5", "p25", "median", "p75", "p95"]
    base = alt.Chart(spread.reset_index(names="expression")).encode(
        alt.Y("expression:N", sort=classes, axis=CLASS_NAMES),
        tooltip=[
            alt.Tooltip("expression:N"),
            *(
                alt.Tooltip(f"{name}:Q", title=name.replace("p", "percentile "), format=".0f")
                for name in spread.columns
            ),
        ],
    )
    colour = alt.Color("expression:N", scale=emotion_scale(classes), legend=None)
    axis = alt.Axis(title=f"{column}, grey levels", tickCount=5)
    whiskers = base.mark_rule(strokeWidth=2).encode(alt.X("p5:Q", axis=axis), alt.X2("p95:Q"), color=colour)
    halves = base.mark_bar(size=12, cornerRadius=2).encode(alt.X("p25:Q", axis=axis), alt.X2("p75:Q"), color=colour)
    medians = base.mark_tick(thickness=2, size=18, color=INK).encode(alt.X("median:Q", axis=axis))
    return layer(whiskers, halves, medians).properties(width="container", height=28 * len(classes) + AXIS_PX)


def agreement_heatmap(table: pd.DataFrame) -> alt.LayerChart:
    """Chart what the raters chose, label by label, as shares of the label's faces.

    Args:
        table: integers, a row for every label, a column for every choice, as from
            `fer.datasets.ferplus.agreement_table`.
    """
    shares = table.div(table.sum(axis=1).clip(lower=1), axis=0)
    cells = pd.DataFrame(
        [
            {
                "label": label,
                "raters": choice,
                "faces": int(table.loc[label, choice]),
                "share": shares.loc[label, choice],
            }
            for label in table.index
            for choice in table.columns
        ]
    )
    cells["words"] = cells["share"].map(percent)
    names = alt.Axis(labelAngle=0, labelOverlap=False, labelExpr=short_names(560), title="most raters chose")
    base = alt.Chart(cells).encode(
        alt.X("raters:N", sort=list(table.columns), axis=names),
        alt.Y("label:N", sort=list(table.index), axis=alt.Axis(labelOverlap=False, title=None)),
        tooltip=[
            alt.Tooltip("label:N"),
            alt.Tooltip("raters:N", title="most raters chose"),
            alt.Tooltip("faces:Q", format=",d"),
            alt.Tooltip("share:Q", title="share of the label", format=".1%"),
        ],
    )
    return shaded_cells(base, "share", 36 * len(table) + AXIS_PX)


def feature_map_points(table: pd.DataFrame, colour_by: ColourBy) -> alt.Chart:
    """Chart a map of faces that can be dragged and zoomed; pointing at a face shows it.

    Args:
        table: one row a face, as from `fer.evaluation.features.feature_map`, with `image`, an address of the face.
        colour_by: "label" draws every face in the colour of its label, "error" those that were read right faint and the
            others with a cross.
    """
    classes = [name for name in EMOTIONS_WITH_CONTEMPT if name in set(table["label"])]
    table = table.assign(reading=table["right"].map({True: "read as labelled", False: "read otherwise"}))
    readings = ["read as labelled", "read otherwise"]
    by_error = colour_by == "error"
    blank = alt.Axis(labels=False, ticks=False, grid=False, domain=False, title=None)
    point = alt.Chart(table).mark_point(size=46, filled=True)
    chart = point.encode(
        alt.X("x:Q", axis=blank, scale=alt.Scale(zero=False)),
        alt.Y("y:Q", axis=blank, scale=alt.Scale(zero=False)),
        color=alt.Color(
            "label:N", scale=emotion_scale(classes), legend=alt.Legend(title=None, orient="top", columns=4)
        ),
        tooltip=[
            alt.Tooltip("image:N"),
            alt.Tooltip("row:Q", format="d"),
            alt.Tooltip("label:N"),
            alt.Tooltip("read:N", title="read as"),
            alt.Tooltip("usage:N", title="Usage"),
        ],
    )
    if by_error:
        chart = chart.encode(
            shape=alt.Shape("reading:N", scale=alt.Scale(domain=readings, range=["circle", "cross"]), legend=LEGEND),
            opacity=alt.Opacity("reading:O", scale=alt.Scale(domain=readings, range=[0.2, 1.0]), legend=LEGEND),
        )
    return chart.properties(width="container", height=_MAP_PX).interactive()


def subject_columns(table: pd.DataFrame) -> alt.Chart:
    """Chart how many faces every person has, by class, those with most first.

    Args:
        table: one row for every person and class: subject, expression, faces.
    """
    classes = [name for name in EMOTIONS_WITH_CONTEMPT if name in set(table["expression"])]
    return (
        alt.Chart(table)
        .mark_bar()
        .encode(
            alt.X("subject:N", sort="-y", axis=alt.Axis(labels=False, ticks=False, title="people, one column each")),
            alt.Y("sum(faces):Q", axis=alt.Axis(title="faces", tickCount=5, format="d")),
            color=alt.Color(
                "expression:N", scale=emotion_scale(classes), legend=alt.Legend(title=None, orient="top", columns=4)
            ),
            order=alt.Order("order:Q"),
            tooltip=[alt.Tooltip("subject:N"), alt.Tooltip("expression:N"), alt.Tooltip("faces:Q", format="d")],
        )
        .transform_calculate(order=f"indexof({classes}, datum.expression)")
        .properties(width="container", height=_HEIGHT_PX)
    )
