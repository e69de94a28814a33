"""Every kind of chart keeps to the schema of Vega-Lite: pages draw them without a look at it."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable

import altair as alt
import pandas as pd
import pytest

from fer import charts
from fer.charts.counts import confidence_columns, expression_counts, share_comparison
from fer.charts.datasets import agreement_heatmap, feature_map_points
from fer.charts.parts import joined_points, labelled_bars, layer, shaded_cells
from fer.charts.probabilities import probability_bars
from fer.emotions import UNSURE
from tests.charts.test_datasets import AGREEMENT, COLOURED, COUNTS, POINTS
from tests.charts.test_models import CHARTS
from tests.charts.test_probabilities import make_face

PARTS = {joined_points, labelled_bars, layer, shaded_cells}
"""What charts below are made of; no page draws them."""

MADE: dict[str, Callable[[], alt.Chart | alt.LayerChart]] = {
    **{f"data set: {name}": make for name, make in COLOURED.items()},
    **{f"model: {name}": make for name, make in CHARTS.items()},
    "no class": lambda: share_comparison({"a": COUNTS[[]], "b": COUNTS[[]]}),
    "agreement": lambda: agreement_heatmap(AGREEMENT),
    "map of nothing": lambda: feature_map_points(POINTS[:0], "error"),
    "no photo": lambda: expression_counts(pd.DataFrame({"label": []})),
    "photos": lambda: expression_counts(pd.DataFrame({"label": ["sad", UNSURE, None]})),
    "how sure": lambda: confidence_columns(pd.DataFrame({"label": ["sad"], "confidence": [0.9]})),
    "a face": lambda: probability_bars(make_face({"sad": 1.0})),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE.keys())
def test_a_chart_keeps_to_the_schema(make: Callable[[], alt.Chart | alt.LayerChart]) -> None:
    make().to_dict(validate=True)


def test_no_kind_of_chart_is_left_out() -> None:
    modules = [importlib.import_module(f"fer.charts.{module.name}") for module in pkgutil.iter_modules(charts.__path__)]
    kinds = {
        function
        for module in modules
        for _, function in inspect.getmembers(module, inspect.isfunction)
        if function.__annotations__.get("return") in (alt.Chart, alt.LayerChart)
    }
    seen = {make.__code__.co_names[0] for make in MADE.values()}
    assert {function.__name__ for function in kinds - PARTS} == seen
    assert kinds >= PARTS


def test_a_chart_that_does_not_is_told() -> None:
    chart = probability_bars(make_face({"sad": 1.0}))
    chart.height = "high"
    with pytest.raises(alt.utils.schemapi.SchemaValidationError, match="high"):
        chart.to_dict(validate=True)
