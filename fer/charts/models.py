"""Figures of models -> charts, in the colours of the expressions.

Colour means an expression; models are told apart by lightness, shape and words.
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import altair as alt
import numpy as np
import pandas as pd

from fer.charts.parts import (
    AXIS_PX,
    GREY,
    INK,
    LEGEND,
    edge_scale,
    emotion_scale,
    layer,
    percent,
    shaded_cells,
    short_names,
)
from fer.emotions import EMOTIONS_WITH_CONTEMPT
from fer.evaluation import Figures, Reliability

ClassFigure = Literal["f1", "precision", "recall"]

_HEIGHT_PX = 280
_SQUARE_PX = 300
_CELL_PX = 36
_ROWS_PX = 50  # three lines of a name
_LEAST_OPACITY = 0.25
_LABEL_ROOM = 1.8  # axis lengths; the name of the costliest model stands in what lies past its point
_SHORT_NAMES = short_names(420)
_LINE_PX = 24
_BETWEEN = "\u001f"  # parts two names on one axis
_SHARES_WITH_ROOM = 1.14  # the figure stands right of its interval, which may reach 100 %

_SHARES = alt.Scale(domain=[0, 1])


def confusion(figures: Figures, as_shares: bool) -> alt.LayerChart:
    """Chart how the faces of every class were read: a row a label, a column an answer.

    Args:
        figures: of one model on one split.
        as_shares: write the share of the label's faces into the cells; else how many they are. The shade is the share
            both times, so that a rare class can be read as well as a frequent one.
    """
    names = list(figures.per_class)
    cells = pd.DataFrame(
        [
            {"label": label, "read": answer, "faces": faces, "share": faces / max(1, sum(row))}
            for label, row in zip(names, figures.confusion, strict=True)
            for answer, faces in zip(names, row, strict=True)
        ]
    )
    cells["words"] = cells["share"].map(percent) if as_shares else cells["faces"].map("{:,}".format)
    axis = alt.Axis(labelAngle=0, labelOverlap=False, labelExpr=_SHORT_NAMES, title="read as", orient="top")
    base = alt.Chart(cells).encode(
        alt.X("read:N", sort=names, axis=axis),
        alt.Y("label:N", sort=names, axis=alt.Axis(labelOverlap=False, title="labelled")),
        tooltip=[
            alt.Tooltip("label:N", title="labelled"),
            alt.Tooltip("read:N", title="read as"),
            alt.Tooltip("faces:Q", format=",d"),
            alt.Tooltip("share:Q", title="share of the label", format=".1%"),
        ],
    )
    return shaded_cells(base, "share", _CELL_PX * len(names) + AXIS_PX)


def macro_recall_matrix(cells: pd.DataFrame) -> alt.LayerChart:
    """Chart what every model reaches on every data set.

    Args:
        cells: one row a pair: model, rows (what it was measured on, in words), macro_recall with its interval low and
            high (in [0, 1]), classes (how many), n (faces), seen ("seen in training", or "").
    """
    models, rows = (list(dict.fromkeys(cells[column])) for column in ("model", "rows"))
    cells = cells.assign(words=cells["macro_recall"].map(percent) + cells["seen"].map(lambda seen: seen and " *"))
    # Names of models are short and few, those of rows are neither: they stand on several lines at the side.
    across = alt.Axis(
        labelAngle=0,
        labelExpr="width < 300 ? split(datum.label, '-') : datum.label",
        labelOverlap=False,
        title=None,
        orient="top",
    )
    down = alt.Axis(
        labelExpr="split(datum.label, ', ')", labelOffset=-8, labelOverlap=False, labelLimit=240, title=None
    )
    base = alt.Chart(cells).encode(
        alt.X("model:N", sort=models, axis=across),
        alt.Y("rows:N", sort=rows, axis=down),
        tooltip=[
            alt.Tooltip("model:N"),
            alt.Tooltip("rows:N", title="measured on"),
            alt.Tooltip("macro_recall:Q", title="macro recall", format=".1%"),
            alt.Tooltip("low:Q", title="95 % from", format=".1%"),
            alt.Tooltip("high:Q", title="95 % to", format=".1%"),
            alt.Tooltip("classes:Q", title="expressions", format="d"),
            alt.Tooltip("n:Q", title="faces", format=",d"),
            alt.Tooltip("seen:N", title="note"),
        ],
    )
    return shaded_cells(base, "macro_recall", _ROWS_PX * len(rows) + AXIS_PX)


def readers_of_strangers(read: pd.DataFrame) -> alt.LayerChart:
    """Chart who reads whose faces how well: a block for every set of rows, in it a line a model, the best first.

    Args:
        read: one row a figure, block by block: faces (their kind, in words), rows (what it was measured on, in words),
            model, macro_recall with its interval low and high (in [0, 1]), classes (how many), n (faces), is_served
            (False where networks were measured that were only trained alike: hollow). A model has at most one figure
            on the same rows.
    """
    read = read.assign(
        line=read["rows"] + _BETWEEN + read["model"],
        filled=read["is_served"].astype(float),
        words=read["macro_recall"].map(percent),
    )
    blocks = read.drop_duplicates("rows")
    kinds = blocks["faces"].where(~blocks["faces"].duplicated(), "")
    heads = pd.DataFrame({"line": kinds + _BETWEEN + blocks["rows"], "rows": blocks["rows"]})
    lines = []
    for head, rows in heads.itertuples(index=False):
        lines += [head, *read[read["rows"] == rows].sort_values("macro_recall", ascending=False)["line"]]
    is_head = {"test": f"indexof({json.dumps(list(heads['line']))}, datum.label) >= 0"}
    part = f"split(datum.label, '{_BETWEEN}')"
    names = alt.Axis(
        labelExpr=f"{is_head['test']} ? {part}[0] : {part}[1]",
        labelFontWeight={"condition": is_head | {"value": "bold"}, "value": "normal"},
        labelOverlap=False,
        labelLimit=160,
        title=None,
    )
    scale = alt.Scale(domain=[0, _SHARES_WITH_ROOM], nice=False)
    axis = alt.Axis(title="macro recall, with its 95 % interval", values=[0, 0.25, 0.5, 0.75, 1], format=".0%")
    y = alt.Y("line:N", sort=lines, scale=alt.Scale(domain=lines), axis=names)
    base = alt.Chart(read).encode(
        y,
        tooltip=[
            alt.Tooltip("model:N"),
            alt.Tooltip("rows:N", title="measured on"),
            alt.Tooltip("macro_recall:Q", title="macro recall", format=".1%"),
            alt.Tooltip("low:Q", title="95 % from", format=".1%"),
            alt.Tooltip("high:Q", title="95 % to", format=".1%"),
            alt.Tooltip("classes:Q", title="expressions", format="d"),
            alt.Tooltip("n:Q", title="faces", format=",d"),
        ],
    )
    intervals = base.mark_rule(strokeWidth=2, color=GREY).encode(
        alt.X("low:Q", scale=scale, axis=axis), alt.X2("high:Q")
    )
    points = base.mark_point(size=70, shape="circle", stroke=INK, fill=INK, strokeWidth=1.5, opacity=1).encode(
        alt.X("macro_recall:Q", scale=scale, axis=axis),
        fillOpacity=alt.FillOpacity("filled:Q", scale=None, legend=None),
    )
    words = base.mark_text(align="left", dx=6, fontSize=12, color=INK).encode(
        alt.X("high:Q", scale=scale, axis=axis), text=alt.Text("words:N")
    )
    titles = (
        alt.Chart(heads)
        .mark_text(align="left", fontSize=12, color=INK)
        .encode(y, x=alt.XValue(4), text=alt.Text("rows:N"), tooltip=alt.TooltipValue(None))
    )
    return layer(intervals, points, words, titles).properties(width="container", height=_LINE_PX * len(lines) + AXIS_PX)


def class_figures(figures: Mapping[str, Figures], which: ClassFigure) -> alt.Chart:
    """Chart one figure of every class, the models side by side and told apart by lightness.

    Args:
        figures: by model, in the order of the columns.
        which: the figure. A class that a model does not know, or of which there was no face, has no column.
    """
    models = list(figures)
    table = pd.DataFrame(
        [
            {"model": model, "expression": name, "share": getattr(its, which), "faces": its.support}
            for model, of_model in figures.items()
            for name, its in of_model.per_class.items()
            if getattr(its, which) is not None
        ],
        columns=["model", "expression", "share", "faces"],
    )
    classes = [name for name in EMOTIONS_WITH_CONTEMPT if name in set(table["expression"])]
    names = alt.Axis(labelAngle=0, labelOverlap=False, labelExpr=_SHORT_NAMES, title=None)
    title = {"f1": "F1", "precision": "precision", "recall": "recall"}[which]
    opacities = np.linspace(1.0, _LEAST_OPACITY, len(models)) if len(models) > 1 else [1.0]
    return (
        alt.Chart(table)
        .mark_bar(strokeWidth=1, cornerRadiusEnd=2)
        .encode(
            alt.X("expression:N", sort=classes, axis=names),
            alt.Y("share:Q", scale=_SHARES, axis=alt.Axis(title=title, tickCount=5, format=".0%")),
            xOffset=alt.XOffset("model:N", sort=models),
            color=alt.Color("expression:N", scale=emotion_scale(classes), legend=None),
            stroke=alt.Stroke("expression:N", scale=edge_scale(classes), legend=None),
            opacity=alt.Opacity(
                "model:O",
                # A scale of type "point", the default, would read two values of the range alone.
                scale=alt.Scale(type="ordinal", domain=models, range=[round(float(o), 3) for o in opacities]),
                legend=LEGEND if len(models) > 1 else None,
            ),
            tooltip=[
                alt.Tooltip("model:N"),
                alt.Tooltip("expression:N"),
                alt.Tooltip("share:Q", title=title, format=".1%"),
                alt.Tooltip("faces:Q", format=",d"),
            ],
        )
        .properties(width="container", height=_HEIGHT_PX)
    )


def reliability_curves(curves: Mapping[str, Reliability]) -> alt.LayerChart:
    """Chart how often a reading is right by how sure it was; on the dashed line the two are the same.

    Args:
        curves: by title, of which the last is filled and the others are hollow. Bins without a face have no point.
    """
    titles = list(curves)
    table = pd.DataFrame(
        [
            {"curve": title, "confidence": confidence, "accuracy": accuracy, "faces": int(faces)}
            for title, curve in curves.items()
            for confidence, accuracy, faces in zip(curve.confidence, curve.accuracy, curve.counts, strict=True)
            if faces
        ],
        columns=["curve", "confidence", "accuracy", "faces"],
    )
    table = table.assign(filled=(table["curve"] == titles[-1]).astype(float))
    axis = partial(alt.Axis, format=".0%", tickCount=5)
    x = alt.X("confidence:Q", scale=_SHARES, axis=axis(title="confidence"))
    y = alt.Y("accuracy:Q", scale=_SHARES, axis=axis(title="share read as labelled"))
    ideal = (
        alt.Chart(pd.DataFrame({"confidence": [0.0, 1.0], "accuracy": [0.0, 1.0]}))
        .mark_line(strokeDash=[4, 4], color=GREY)
        .encode(x, y)
    )
    base = alt.Chart(table).encode(x, y)
    lines = base.mark_line(color=INK, strokeWidth=1, opacity=0.6).encode(detail=alt.Detail("curve:N"))
    points = base.mark_point(stroke=INK, fill=INK, opacity=1, strokeWidth=1.5).encode(
        fillOpacity=alt.FillOpacity("filled:Q", scale=None, legend=None),
        size=alt.Size("faces:Q", scale=alt.Scale(range=[20, 320]), legend=None),
        shape=alt.Shape(
            "curve:N",
            sort=titles,
            scale=alt.Scale(domain=titles, range=["diamond"] * (len(titles) - 1) + ["circle"]),
            legend=LEGEND,
        ),
        tooltip=[
            alt.Tooltip("curve:N", title="which"),
            alt.Tooltip("confidence:Q", title="mean confidence", format=".1%"),
            alt.Tooltip("accuracy:Q", title="read as labelled", format=".1%"),
            alt.Tooltip("faces:Q", format=",d"),
        ],
    )
    return layer(ideal, lines, points).properties(width="container", height=_SQUARE_PX)


def trade_off(table: pd.DataFrame, cost: str, title: str) -> alt.LayerChart:
    """Chart accuracy, with its interval, against what a model costs.

    Args:
        table: one row a model: model, accuracy, low, high (in [0, 1]) and the cost.
        cost: name of its column; from 0 upwards.
        title: what the cost is, with its unit.
    """
    most = max(1e-9, float(table[cost].max()))
    base = alt.Chart(table).encode(
        alt.X(f"{cost}:Q", scale=alt.Scale(domain=[0, most * _LABEL_ROOM]), axis=alt.Axis(title=title, tickCount=5)),
        tooltip=[
            alt.Tooltip("model:N"),
            alt.Tooltip("accuracy:Q", format=".1%"),
            alt.Tooltip("low:Q", title="95 % from", format=".1%"),
            alt.Tooltip("high:Q", title="95 % to", format=".1%"),
            alt.Tooltip(f"{cost}:Q", title=title, format=".2f"),
        ],
    )
    share = partial(
        alt.Y, scale=alt.Scale(zero=False, padding=12), axis=alt.Axis(title="accuracy", format=".0%", tickCount=5)
    )
    intervals = base.mark_rule(strokeWidth=2, color=GREY).encode(share("low:Q"), alt.Y2("high:Q"))
    points = base.mark_point(size=110, filled=True, opacity=1, color=INK).encode(share("accuracy:Q"))
    words = base.mark_text(dy=-4, dx=10, align="left", fontSize=12, color=INK).encode(
        share("accuracy:Q"), text=alt.Text("model:N")
    )
    return layer(intervals, points, words).properties(width="container", height=_HEIGHT_PX)


def training_curve(epochs: Sequence[Mapping[str, Any]], figure: str, title: str) -> alt.Chart:
    """Chart how one figure went while a network was trained.

    Args:
        epochs: one entry an epoch, with `epoch` and the figure; epochs in which it is None are left out.
        figure: "loss", or a share in [0, 1].
        title: what it is.
    """
    table = pd.DataFrame(
        [{"epoch": each["epoch"], "value": each[figure]} for each in epochs if each.get(figure) is not None],
        columns=["epoch", "value"],
    )
    number = ".2f" if figure == "loss" else ".1%"
    axis = alt.Axis(title=title, tickCount=5, format=number)
    return (
        alt.Chart(table)
        .mark_line(color=INK, point=alt.OverlayMarkDef(color=INK, size=24))
        .encode(
            alt.X("epoch:Q", axis=alt.Axis(title="epoch", format="d", tickMinStep=1)),
            alt.Y("value:Q", scale=alt.Scale(zero=False), axis=axis),
            tooltip=[alt.Tooltip("epoch:Q", format="d"), alt.Tooltip("value:Q", title=title, format=number)],
        )
        .properties(width="container", height=_HEIGHT_PX)
    )
