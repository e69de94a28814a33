"""What several charts are made of: the colours of the expressions, inks, words, bars, cells and joined points."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from fer.emotions import EMOTIONS_WITH_CONTEMPT, UNSURE, emotion

_ROW_PX = 24
AXIS_PX = 64

INK = alt.ExprRef("luminance(background) > 0.2 ? '#25221D' : '#EFEAE1'")
"""Themes set the letters of axes, but not those beside bars: these look at the background themselves."""

INK_ON_FULL = alt.ExprRef("luminance(background) > 0.2 ? '#FFFFFF' : '#181613'")
"""For letters on the far end of the theme's sequential colours, which run away from the background."""


@alt.theme.register("fer", enable=True)
def _theme() -> alt.theme.ThemeConfig:
    """What all charts share: letters of axes that can be read on either ground, and one way to write per cent."""
    letters = {f"{part}Color": INK.to_dict() for part in ("label", "title")}
    locale = {"number": {"decimal": ".", "thousands": ",", "grouping": [3], "currency": ["", ""], "percent": " %"}}
    return {"config": {"axis": letters, "legend": letters, "locale": locale}}  # type: ignore[typeddict-item]


GREY = "#808080"
"""Of what belongs to no expression."""

LEGEND = alt.Legend(title=None, orient="top", symbolFillColor=GREY, symbolStrokeColor=GREY)
CLASS_NAMES = alt.Axis(labelOverlap=False, labelPadding=12, title=None)  # a point at 0 reaches past the axis


def emotion_scale(classes: Sequence[str]) -> alt.Scale:
    """The scale that gives every class the colour of its expression.

    Args:
        classes: names out of `EMOTIONS_WITH_CONTEMPT`, or `UNSURE`, in the order of the chart.

    Raises:
        KeyError: a name is no expression.
    """
    return alt.Scale(domain=list(classes), range=[emotion(name).colour for name in classes])


def edge_scale(classes: Sequence[str]) -> alt.Scale:
    """The scale of the darker edges that keep pale fills readable; arguments and errors as for `emotion_scale`."""
    return alt.Scale(domain=list(classes), range=[emotion(name).edge for name in classes])


def dash_scale(classes: Sequence[str]) -> alt.Scale:
    """The scale that gives every class the dashes of its expression; arguments and errors as for `emotion_scale`."""
    return alt.Scale(domain=list(classes), range=[list(emotion(name).dash) for name in classes])


def short_names(width_px: int) -> str:
    """Cut an axis' names to three letters below this width, rather than tilt them or leave some out."""
    return f"width < {width_px} ? slice(datum.label, 0, 3) : datum.label"


def percent(share: float, places: int = 0) -> str:
    """Write a share in [0, 1] as per cent, as in "92 %"; what is more than nothing is never written as 0 %.

    >>> percent(0.918), percent(0.918, 1), percent(0.001)
    ('92 %', '91.8 %', '< 1 %')
    """
    return "< 1 %" if 0 < share < 0.005 and not places else f"{share * 100:.{places}f} %"


def percent_of(field: str) -> str:
    """The Vega expression that writes a column of probabilities as `percent` does."""
    share = f"datum.{field}"
    return f"0 < {share} && {share} < 0.005 ? '< 1 %' : format({share} * 100, '.0f') + ' %'"


def layer(*charts: alt.Chart) -> alt.LayerChart:
    """Lay charts over each other; `alt.layer` may also give a row of them, where they have one in common."""
    return alt.LayerChart(layer=list(charts))


def shaded_cells(base: alt.Chart, share: str, height_px: int) -> alt.LayerChart:
    """Lay out a grid's cells, the darker the larger their share, with their words on top.

    Args:
        base: rows and columns of the grid; its table has the column `words`.
        share: the column that the shade follows, in [0, 1].
        height_px: of the whole chart.
    """
    squares = base.mark_rect().encode(color=alt.Color(f"{share}:Q", scale=alt.Scale(domain=[0, 1]), legend=None))
    # The theme's scale runs away from the background, so the letters turn over half-way.
    letters = alt.condition(f"datum.{share} > 0.5", alt.value(INK_ON_FULL), alt.value(INK))
    words = base.mark_text(fontSize=12).encode(text=alt.Text("words:N"), color=alt.ColorValue(**letters))
    return layer(squares, words).properties(width="container", height=height_px)


def labelled_bars(table: pd.DataFrame, x: alt.X, tooltip: list[alt.Tooltip]) -> alt.LayerChart:
    """Lay out horizontal bars with a label at each end.

    Args:
        table: the columns expression, opacity (in [0, 1]), label, and what `x` shows.
        x: the length of the bars.
        tooltip: what a bar says when it is pointed at.
    """
    classes = table["expression"].tolist()
    names = alt.Axis(labelOverlap=False, labelPadding=6)
    base = alt.Chart(table).encode(x, alt.Y("expression:N", sort=classes, axis=names, title=None), tooltip=tooltip)
    bars = base.mark_bar(strokeWidth=1, cornerRadiusEnd=2).encode(
        color=alt.Color("expression:N", scale=emotion_scale(classes), legend=None),
        stroke=alt.Stroke("expression:N", scale=edge_scale(classes), legend=None),
        fillOpacity=alt.FillOpacity("opacity:Q", scale=None, legend=None),
    )
    labels = base.mark_text(align="left", dx=6, fontSize=12, color=INK).encode(text=alt.Text("label:N"))
    return layer(bars, labels).properties(width="container", height=_ROW_PX * (len(classes) + 1))


def joined_points(table: pd.DataFrame, titles: Sequence[str], axis_title: str) -> alt.LayerChart:
    """Lay out a filled circle and a hollow diamond a class, joined by a line.

    Args:
        table: expression, set (one of the titles), faces, share (in [0, 1]).
        titles: the circle's and the diamond's.
        axis_title: what the shares are of.
    """
    classes = [name for name in (*EMOTIONS_WITH_CONTEMPT, UNSURE) if name in set(table["expression"])]
    table = table.assign(filled=(table["set"] == titles[0]).astype(float))
    colour = alt.Color("expression:N", scale=emotion_scale(classes), legend=None)
    axis = alt.Axis(title=axis_title, format=".0%", tickCount=6)
    base = alt.Chart(table).encode(alt.Y("expression:N", sort=classes, axis=CLASS_NAMES))
    joints = base.mark_rule(strokeWidth=3, opacity=0.5).encode(
        alt.X("min(share):Q", axis=axis), alt.X2("max(share):Q"), color=colour
    )
    points = base.mark_point(size=150, strokeWidth=2, opacity=1).encode(
        alt.X("share:Q", axis=axis),
        color=colour,
        fill=alt.Fill("expression:N", scale=emotion_scale(classes), legend=None),
        fillOpacity=alt.FillOpacity("filled:Q", scale=None, legend=None),
        shape=alt.Shape(
            "set:N",
            scale=alt.Scale(domain=list(titles), range=["circle", "diamond"]),
            legend=LEGEND,
            sort=list(titles),
        ),
        tooltip=[
            alt.Tooltip("set:N", title="which"),
            alt.Tooltip("expression:N"),
            alt.Tooltip("faces:Q", format=",d"),
            alt.Tooltip("share:Q", format=".1%"),
        ],
    )
    return layer(joints, points).properties(width="container", height=34 * len(classes) + AXIS_PX)
