"""Small pieces that several pages share: long lists page by page, what is computed once a session, charts that move."""

from collections.abc import Callable, Sequence
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from fer import paths
from fer.charts.moving import MovingChart
from fer.datasets import KnownDataset
from fer.media import IMAGE_SUFFIXES
from fer.ui.shares import TURNS, Work, waiting_words
from fer.ui.style import plain
from fer.ui.visitor import find_share

if TYPE_CHECKING:
    import altair

UPLOAD_TYPES = sorted(suffix.removeprefix(".") for suffix in IMAGE_SUFFIXES)

MAX_REMEMBERED = 24

T = TypeVar("T")


def remember_result(key: tuple, make: Callable[[], T]) -> T:
    """Compute something once a session, as long as it is among the last `MAX_REMEMBERED` things.

    Args:
        key: tells it apart from everything else; holds the digest of what it was computed from.
        make: computes it.
    """
    results = st.session_state.setdefault("_dataset_results", {})
    if key not in results:
        results[key] = make()
        while len(results) > MAX_REMEMBERED:
            del results[next(iter(results))]
    return results[key]


def in_turn(place: DeltaGenerator, make: Callable[[], T]) -> T:
    """Do something long with a data set once it is this visitor's turn; until then the place says how many come first.

    Raises:
        BudgetError: this visitor waits for too much already.
    """
    with TURNS.take(Work.DATA, find_share(), lambda before: place.caption(waiting_words(before))):
        place.empty()
        return make()


def explain_how_to_get(known: KnownDataset) -> None:
    """Say where a data set was looked for and how to get it."""
    folders = "\n".join(f"- `{folder}`" for folder in paths.data_dirs())
    st.info(
        f"`{known.file_name}` is not on this machine. Get it from {plain(known.origin)}; it may not be shipped with "
        f"this program. Put it into one of these folders, or start with FER\\_DATA\\_DIR set to its own:\n{folders}",
        icon=":material/folder_off:",
    )


def take_page(items: Sequence[T], size: int, key: str) -> Sequence[T]:
    """Offer to turn pages where there are more items than fit on one, and return those of the page shown."""
    pages = ceil(len(items) / size)
    page = st.pagination(pages, key=key, persist_state="page") if pages > 1 else 1
    return items[(page - 1) * size : page * size]


def draw_chart(chart: "altair.Chart | altair.LayerChart", *, alt: str, key: str | None = None) -> None:
    """Draw a chart of `fer.charts`, as wide as its place.

    Altair would check each one against the schema of Vega-Lite first, which took a third of a run of the Models page;
    `tests/charts/test_schema.py` does it for every kind of chart.
    """
    object.__setattr__(chart, "to_dict", partial(chart.to_dict, validate=False))  # Streamlit calls it without arguments
    st.altair_chart(chart, width="stretch", key=key, alt=alt)


def draw_moving_chart(chart: MovingChart, *, alt: str, key: str) -> None:
    """Draw a chart; where it is drawn again, the browser takes over its data alone."""
    spec = {**chart.specification, "datasets": dict(chart.tables)}
    st.vega_lite_chart(spec=spec, width="stretch", alt=alt, key=key)
