"""What a face is read as, with which probability: in a still picture, and now in a live view."""

from collections.abc import Sequence
from functools import lru_cache

import altair as alt
import pandas as pd
import pyarrow as pa

from fer.charts.moving import MovingChart, rows_to_table
from fer.charts.parts import INK, edge_scale, emotion_scale, labelled_bars, percent
from fer.results import Face

_BARS_PX = 155
_LANE = 1.32  # width of a lane in bars of 100 %; labels stand in what lies past the bar
_FAINT = 0.45
_LABEL_ROOM = 1.15  # axis lengths; the label of the longest bar stands in what lies past the axis


def probability_bars(face: Face) -> alt.LayerChart:
    """Chart a face's reading: one bar a class, in the order of the classes, on a fixed axis from 0 to 100 %.

    The classes that may be meant (`Face.likely`) are drawn in full colour, the others are faint.
    """
    table = pd.DataFrame({"expression": face.classes, "probability": face.probabilities.astype(float)})
    table["label"] = [percent(p) for p in table["probability"]]
    table["opacity"] = table["expression"].isin(face.likely).map({True: 1.0, False: _FAINT})
    axis = alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], labelExpr="format(datum.value * 100, 'd') + ' %'", labelPadding=6)
    return labelled_bars(
        table,
        alt.X("probability:Q", scale=alt.Scale(domain=[0, _LABEL_ROOM]), axis=axis, title=None),
        [alt.Tooltip("expression:N", title="expression"), alt.Tooltip("label:N", title="calibrated probability")],
    )


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
            "bars": rows_to_table(_BARS, bars),
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
        alt.X("end:Q", axis=None), text=alt.Text("label:N")
    )
    return alt.layer(room, tracks, bars, labels).properties(width="container", height=_BARS_PX).to_dict()
