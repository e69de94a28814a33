"""A recording's table -> its course over time, which a person can zoom and drag; and its people in a table."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from fer.charts.parts import GREY, percent
from fer.emotions import UNSURE, emotion
from fer.recording import Marker, Remarks, Span, counted_as

MAX_BINS = 600
"""Most points of a line: more than a screen can show apart, few enough to drag."""

MAX_RIBBONS = 12
"""Most people whose expressions are drawn one below the other; the others are in the table."""

_LINES_PX, _RIBBON_PX, _AROUND_PX = 280, 26, 90
_GAP_PX = 34
_MOST_LETTERS = 22
_NO_REMARKS = Remarks()
_QUARTERS = {
    "tickvals": [share / 4 for share in range(5)],
    "ticktext": [percent(share / 4) for share in range(5)],
}


def bin_width_s(table: pd.DataFrame) -> float:
    """How long the moments are that one point of the timeline stands for, in seconds.

    As short as leaves `MAX_BINS` of them, and so long that frames which follow each other leave none of them out.

    Args:
        table: as from `fer.recording.samples_table`, with one row at least.
    """
    times_s = np.unique(table["time_s"])
    between_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.0
    return max(0.25, 2 * between_s, float(times_s[-1]) / MAX_BINS)


def timeline(
    table: pd.DataFrame,
    classes: Sequence[str],
    person: int,
    nobody: Sequence[Span] = (),
    remarks: Remarks = _NO_REMARKS,
) -> go.Figure:
    """Chart a recording over time: who showed what, a ribbon a person, and below them one person's probabilities.

    Both have one time axis, so that zooming into the one zooms the other. Every point is the mean of a moment of
    `bin_width_s`; nothing is drawn where somebody was not seen. What is shaded was looked at without finding anyone.

    Args:
        table: as from `fer.recording.samples_table`, with one row at least.
        classes: the recording's classes.
        person: whose probabilities are drawn; has to be in the table.
        nobody: when it was looked and nobody was found.
        remarks: what people are called, and the moments that are marked.
    """
    width_s = bin_width_s(table)
    moments = (table["time_s"] // width_s).astype(int).rename("bin")
    means = _means(table, [table["person"], moments], classes)
    bins = np.arange(moments.max() + 1)
    times_s = (bins + 0.5) * width_s
    people = sorted(table["person"].unique())[:MAX_RIBBONS]
    figure = _two_rows(len(people))
    labels = {person: _shortened(remarks.call(person)) for person in people}
    figure.add_trace(_ribbons(means, classes, _told_apart(labels), bins, times_s), 1, 1)
    own = means.loc[person].reindex(bins)
    for name in classes:
        look = emotion(name)
        line = {"color": look.colour, "width": 2, "dash": ",".join(f"{length}px" for length in look.dash)}
        figure.add_trace(_line(times_s, own[name], name, line), 2, 1)
    for start_s, end_s in nobody:
        shade = {"x0": start_s, "x1": end_s, "fillcolor": GREY, "opacity": 0.2, "line_width": 0, "layer": "below"}
        figure.add_vrect(**shade)
    _draw_markers(figure, remarks.markers)
    ends_s = max([(bins[-1] + 1) * width_s, *(end_s for _, end_s in nobody)])
    return _finished(figure, (0, ends_s), "seconds since the recording began")


@dataclass(frozen=True, eq=False)
class Course:
    """A recording that is laid over another one.

    Attributes:
        title: what it is called.
        table: as from `fer.recording.samples_table`, with one row at least.
        classes: the recording's.
        zero_s: the moment that is laid on the other's, in seconds since the recording began.
        markers: the moments that are marked in it.
    """

    title: str
    table: pd.DataFrame
    classes: tuple[str, ...]
    zero_s: float = 0.0
    markers: tuple[Marker, ...] = ()


def overlay(first: Course, second: Course, expression: str) -> go.Figure:
    """Chart two recordings over each other: a ribbon each, and below them how probable one expression was in both.

    Both are means over everyone in view at a moment. The second one's line is dashed, so that colour need not tell them
    apart, and so are its markers.

    Args:
        first, second: the recordings; both know the expression.
        expression: whose probabilities are drawn.
    """
    figure = _two_rows(2)
    width_s = max(bin_width_s(first.table), bin_width_s(second.table))
    begins_s, ends_s = [], []
    labels = _told_apart({0: _shortened(first.title), 1: _shortened(second.title)})
    for row, (course, dash) in enumerate(((first, "solid"), (second, "dash"))):
        bins_of = (course.table["time_s"] // width_s).astype(int).rename("bin")
        means = _means(course.table, bins_of, course.classes)
        bins = np.arange(means.index.max() + 1)
        times_s = (bins + 0.5) * width_s - course.zero_s
        ribbon = pd.concat({row: means}, names=["person"])
        figure.add_trace(_ribbons(ribbon, course.classes, {row: labels[row]}, bins, times_s), 1, 1)
        line = {"color": emotion(expression).colour, "width": 2.5, "dash": dash}
        own = means[expression].reindex(bins)
        figure.add_trace(_line(times_s, own, html.escape(labels[row]), line), 2, 1)
        moved = [Marker(one.time_s - course.zero_s, one.note) for one in course.markers]
        _draw_markers(figure, moved, dash, high=1.0 + 0.06 * row)
        begins_s.append(-course.zero_s)
        ends_s.append(float(bins[-1] + 1) * width_s - course.zero_s)
    return _finished(figure, (min(begins_s), max(ends_s)), "seconds from where they are laid on each other")


def _means(table: pd.DataFrame, groups: pd.Series | list[pd.Series], classes: Sequence[str]) -> pd.DataFrame:
    """The mean probability of every class by group, and in the column `UNSURE` the share of what was called that."""
    return table[list(classes)].assign(**{UNSURE: counted_as(table) == UNSURE}).groupby(groups).mean()


def _two_rows(ribbons: int) -> go.Figure:
    ribbons_px = _RIBBON_PX * ribbons
    figure = make_subplots(
        2,
        1,
        shared_xaxes=True,
        row_heights=[ribbons_px, _LINES_PX],
        vertical_spacing=_GAP_PX / (ribbons_px + _LINES_PX + _GAP_PX),
    )
    return figure.update_layout(height=ribbons_px + _LINES_PX + _GAP_PX + _AROUND_PX)


def _line(times_s: np.ndarray, shares: pd.Series, name: str, line: Mapping[str, object]) -> go.Scatter:
    """The probabilities of one thing as a line, whose words say them as every other page does."""
    words = ["" if np.isnan(share) else percent(share) for share in shares]
    return go.Scatter(
        x=times_s,
        y=shares,
        name=name,
        mode="lines",
        line=line,
        text=words,
        hovertemplate=f"{name} %{{text}}<extra></extra>",
    )


def _finished(figure: go.Figure, range_s: tuple[float, float], axis: str) -> go.Figure:
    figure.update_yaxes(autorange="reversed", dtick=1, fixedrange=True, showgrid=False, row=1, col=1)
    figure.update_yaxes(range=[0, 1.02], fixedrange=True, row=2, col=1, **_QUARTERS)
    figure.update_xaxes(range=list(range_s), zeroline=False)
    figure.update_xaxes(title_text=axis, row=2, col=1)
    return figure.update_layout(
        margin={"l": 8, "r": 8, "t": 40 if figure.layout.annotations else 8, "b": 8},
        hovermode="x",
        dragmode="zoom",
        legend={"orientation": "h", "y": -0.25, "yref": "paper", "title": None},
    )


def _draw_markers(figure: go.Figure, markers: Sequence[Marker], dash: str = "dot", high: float = 1.0) -> None:
    """Draw an upright line at every marked moment, its note above the chart."""
    for marker in markers:
        line = {"color": GREY, "width": 1.5, "dash": dash}
        figure.add_shape(type="line", x0=marker.time_s, x1=marker.time_s, y0=0, y1=1, yref="paper", line=line)
        words = {"text": html.escape(_shortened(marker.note or "marker")), "showarrow": False, "font": {"size": 11}}
        figure.add_annotation(x=marker.time_s, y=high, yref="paper", xanchor="left", yanchor="bottom", **words)


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}\u2026"


def _told_apart(labels: Mapping[int, str]) -> dict[int, str]:
    """Labels of rows, which would be one row where two are the same."""
    same = {label for label in labels.values() if list(labels.values()).count(label) > 1}
    return {row: f"{label} ({row})" if label in same else label for row, label in labels.items()}


def _ribbons(
    means: pd.DataFrame, classes: Sequence[str], labels: Mapping[int, str], bins: np.ndarray, times_s: np.ndarray
) -> go.Heatmap:
    """A row a person, coloured by the most probable class of every moment, or as unsure where most of it is."""
    names = (*classes, UNSURE)
    chosen = means[list(classes)].to_numpy().argmax(axis=1)
    chosen[means[UNSURE] > 0.5] = len(classes)
    main = pd.Series(chosen, index=means.index).unstack("bin").reindex(list(labels), columns=bins)
    codes = main.to_numpy(dtype=float)
    words = np.full(codes.shape, "", dtype=object)
    seen = ~np.isnan(codes)
    words[seen] = np.array(names, dtype=object)[codes[seen].astype(int)]
    n = len(names)
    steps = [(edge / n, emotion(name).colour) for i, name in enumerate(names) for edge in (i, i + 1)]
    return go.Heatmap(
        x=times_s,
        y=[html.escape(label) for label in labels.values()],
        z=codes,
        zmin=-0.5,
        zmax=n - 0.5,
        colorscale=steps,
        showscale=False,
        customdata=words,
        ygap=4,
        hoverongaps=False,
        hovertemplate="%{y}: %{customdata}<extra></extra>",
    )


def people_table(table: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Say of every person when they were seen and what they mostly showed.

    Args:
        table: as from `fer.recording.samples_table`; may be empty.
        classes: the recording's classes.

    Returns:
        One row a person, by number: person, first_s, last_s (when first and last seen), readings (how many), mostly
        (what they were called most often) and share (of those readings, in [0, 1]).
    """
    counts = person_counts(table, classes)
    seen = table.groupby("person")["time_s"]
    readings = counts.sum(axis=1)
    return pd.DataFrame(
        {
            "person": counts.index,
            "first_s": seen.min().to_numpy(),
            "last_s": seen.max().to_numpy(),
            "readings": readings.to_numpy(),
            "mostly": pd.Series(counts.idxmax(axis=1) if len(counts) else [], dtype="str").to_numpy(),
            "share": (counts.max(axis=1) / readings).to_numpy(),
        }
    )


def person_counts(table: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Count what everyone was called how often, as `fer.recording.count_labels` does: a row a person."""
    names = classes if table["label"].isna().any() else (*classes, UNSURE)
    counts = pd.crosstab(table["person"], counted_as(table))
    return counts.reindex(columns=list(names), fill_value=0).rename_axis(index="person", columns=None)
