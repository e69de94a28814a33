"""Readings and tables -> charts, in the colours of the expressions.

Knows nothing about Streamlit, networks or files. Charts fill the width of their container and leave the background,
axes and typeface to the theme of the page that shows them.
"""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT, emotion
from fer.results import Face

_ROW_PX = 24
_FAINT = 0.45
_LABEL_ROOM = 1.15  # axis lengths; the label of the longest bar stands in what lies past the axis

INK = alt.ExprRef("luminance(background) > 0.2 ? '#25221D' : '#EFEAE1'")
"""Themes set the letters of axes, but not those beside bars: these look at the background themselves."""

INK_ON_FULL = alt.ExprRef("luminance(background) > 0.2 ? '#FFFFFF' : '#181613'")
"""For letters on the far end of the theme's sequential colours, which run away from the background."""


def emotion_scale(classes: Sequence[str]) -> alt.Scale:
    """The scale that gives every class the colour of its expression.

    Args:
        classes: names out of `EMOTIONS_WITH_CONTEMPT`, in the order of the chart.

    Raises:
        KeyError: a name is no expression.
    """
    return alt.Scale(domain=list(classes), range=[emotion(name).colour for name in classes])


def edge_scale(classes: Sequence[str]) -> alt.Scale:
    """The scale of the darker edges that keep pale fills readable; arguments and errors as for `emotion_scale`."""
    return alt.Scale(domain=list(classes), range=[emotion(name).edge for name in classes])


def probability_bars(face: Face) -> alt.LayerChart:
    """Chart a face's reading: one bar a class, in the order of the classes, on a fixed axis from 0 to 100 %.

    The classes that may be meant (`Face.likely`) are drawn in full colour, the others are faint.
    """
    table = pd.DataFrame({"expression": face.classes, "probability": face.probabilities.astype(float)})
    table["label"] = [percent(p) for p in table["probability"]]
    table["opacity"] = table["expression"].isin(face.likely).map({True: 1.0, False: _FAINT})
    axis = alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], labelExpr="format(datum.value * 100, 'd') + ' %'", labelPadding=6)
    return _bars(
        table,
        alt.X("probability:Q", scale=alt.Scale(domain=[0, _LABEL_ROOM]), axis=axis, title=None),
        [alt.Tooltip("expression:N", title="expression"), alt.Tooltip("label:N", title="calibrated probability")],
    )


def expression_counts(table: pd.DataFrame) -> alt.LayerChart:
    """Chart how many faces show each expression.

    Args:
        table: one row a face, as from `fer.results.to_table`; rows whose `emotion` is missing are not counted. Contempt
            has a bar only where the table has a column for it.
    """
    classes = EMOTIONS_WITH_CONTEMPT if "contempt" in table.columns else EMOTIONS
    counts = table["emotion"].value_counts().reindex(classes, fill_value=0)
    bars = pd.DataFrame({"expression": classes, "faces": counts.to_numpy(), "opacity": 1.0})
    bars["label"] = bars["faces"].astype(str)
    most = max(1, int(bars["faces"].max()))
    return _bars(
        bars,
        alt.X("faces:Q", scale=alt.Scale(domain=[0, most * _LABEL_ROOM]), axis=None),
        [alt.Tooltip("expression:N", title="expression"), alt.Tooltip("faces:Q", title="faces")],
    )


def short_names(width_px: int) -> str:
    """Cut an axis' names to three letters below this width, rather than tilt them or leave some out."""
    return f"width < {width_px} ? slice(datum.label, 0, 3) : datum.label"


def shaded_cells(base: alt.Chart, share: str, height_px: int) -> alt.LayerChart:
    """Lay out a grid's cells, the darker the larger their share, with their words on top.

    Args:
        base: rows and columns of the grid; its table has the column `words`.
        share: the column that the shade follows, in [0, 1].
        height_px: of the whole chart.
    """
    squares = base.mark_rect().encode(color=alt.Color(f"{share}:Q", scale=alt.Scale(domain=[0, 1]), legend=None))
    # The theme's scale runs away from the background, so the letters turn over half-way.
    words = base.mark_text(fontSize=12).encode(
        text="words:N", color=alt.condition(f"datum.{share} > 0.5", alt.value(INK_ON_FULL), alt.value(INK))
    )
    return alt.layer(squares, words).properties(width="container", height=height_px)


def percent(probability: float) -> str:
    """Write a share in [0, 1] as whole per cent; what is more than nothing is never written as 0 %."""
    return "< 1 %" if 0 < probability < 0.005 else f"{probability * 100:.0f} %"


def percent_of(field: str) -> str:
    """The Vega expression that writes a column of probabilities as `percent` does."""
    share = f"datum.{field}"
    return f"0 < {share} && {share} < 0.005 ? '< 1 %' : format({share} * 100, '.0f') + ' %'"


def _bars(table: pd.DataFrame, x: alt.X, tooltip: list[alt.Tooltip]) -> alt.LayerChart:
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
    labels = base.mark_text(align="left", dx=6, fontSize=12, color=INK).encode(text="label:N")
    return alt.layer(bars, labels).properties(width="container", height=_ROW_PX * (len(classes) + 1))
