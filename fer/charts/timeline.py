"""A recording's table -> its course over time, which a person can zoom and drag; and its people in a table."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from fer.charts.parts import GREY
from fer.emotions import emotion
from fer.recording import Span

MAX_BINS = 600
"""Most points of a line: more than a screen can show apart, few enough to drag."""

MAX_RIBBONS = 12
"""Most people whose expressions are drawn one below the other; the others are in the table."""

_LINES_PX, _RIBBON_PX, _AROUND_PX = 280, 26, 90
_GAP_PX = 34


def bin_width_s(table: pd.DataFrame) -> float:
    """How long the moments are that one point of the timeline stands for, in seconds.

    As short as leaves `MAX_BINS` of them, and so long that frames which follow each other leave none of them out.

    Args:
        table: as from `fer.recording.samples_table`, with one row at least.
    """
    times_s = np.unique(table["time_s"])
    between_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.0
    return max(0.25, 2 * between_s, float(times_s[-1]) / MAX_BINS)


def timeline(table: pd.DataFrame, classes: Sequence[str], person: int, nobody: Sequence[Span] = ()) -> go.Figure:
    """Chart a recording over time: who showed what, a ribbon a person, and below them one person's probabilities.

    Both have one time axis, so that zooming into the one zooms the other. Every point is the mean of a moment of
    `bin_width_s`; nothing is drawn where somebody was not seen. What is shaded was looked at without finding anyone.

    Args:
        table: as from `fer.recording.samples_table`, with one row at least.
        classes: the recording's classes.
        person: whose probabilities are drawn; has to be in the table.
        nobody: when it was looked and nobody was found.
    """
    width_s = bin_width_s(table)
    binned = table.assign(bin=(table["time_s"] // width_s).astype(int))
    means = binned.groupby(["person", "bin"])[list(classes)].mean()
    bins = np.arange(binned["bin"].max() + 1)
    times_s = (bins + 0.5) * width_s
    people = sorted(table["person"].unique())[:MAX_RIBBONS]
    ribbons_px = _RIBBON_PX * len(people)
    figure = make_subplots(
        2,
        1,
        shared_xaxes=True,
        row_heights=[ribbons_px, _LINES_PX],
        vertical_spacing=_GAP_PX / (ribbons_px + _LINES_PX + _GAP_PX),
    )
    figure.add_trace(_ribbons(means, classes, people, bins, times_s), 1, 1)
    own = means.loc[person].reindex(bins)
    for name in classes:
        line = {"color": emotion(name).colour, "width": 2}
        hover = f"{name} %{{y:.0%}}<extra></extra>"
        figure.add_trace(go.Scatter(x=times_s, y=own[name], name=name, line=line, hovertemplate=hover), 2, 1)
    figure.update_yaxes(autorange="reversed", dtick=1, fixedrange=True, showgrid=False, row=1, col=1)
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%", dtick=0.25, fixedrange=True, row=2, col=1)
    for start_s, end_s in nobody:
        shade = {"x0": start_s, "x1": end_s, "fillcolor": GREY, "opacity": 0.2, "line_width": 0, "layer": "below"}
        figure.add_vrect(**shade)
    ends_s = max([(bins[-1] + 1) * width_s, *(end_s for _, end_s in nobody)])
    figure.update_xaxes(range=[0, ends_s], zeroline=False)
    figure.update_xaxes(title_text="seconds since the recording began", row=2, col=1)
    figure.update_layout(
        height=ribbons_px + _LINES_PX + _GAP_PX + _AROUND_PX,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        hovermode="x",
        dragmode="zoom",
        legend={"orientation": "h", "y": -0.25, "yref": "paper", "title": None},
    )
    return figure


def _ribbons(
    means: pd.DataFrame, classes: Sequence[str], people: Sequence[int], bins: np.ndarray, times_s: np.ndarray
) -> go.Heatmap:
    """A row a person, coloured by the most probable class of every moment."""
    main = pd.Series(means.to_numpy().argmax(axis=1), index=means.index).unstack("bin").reindex(people, columns=bins)
    codes = main.to_numpy(dtype=float)
    words = np.full(codes.shape, "", dtype=object)
    seen = ~np.isnan(codes)
    words[seen] = np.array(classes, dtype=object)[codes[seen].astype(int)]
    n = len(classes)
    steps = [(edge / n, emotion(name).colour) for i, name in enumerate(classes) for edge in (i, i + 1)]
    return go.Heatmap(
        x=times_s,
        y=[f"person {person}" for person in people],
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
        (the class that was most often the most probable one) and share (of those readings, in [0, 1]).
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
    """Count how often each class was a person's most probable one: a row a person, a column a class."""
    counts = pd.crosstab(table["person"], table["emotion"])
    return counts.reindex(columns=list(classes), fill_value=0).rename_axis(index="person", columns=None)
