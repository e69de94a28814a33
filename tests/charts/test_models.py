"""Charts of models: what their specifications hold."""

from collections.abc import Callable
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest

from fer.charts.models import (
    class_figures,
    confusion,
    macro_recall_matrix,
    readers_of_strangers,
    reliability_curves,
    trade_off,
    training_curve,
)
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT, emotion
from fer.evaluation import Figures, measure, reliability


def figures(*answers: tuple[int, int], classes: tuple[str, ...] = EMOTIONS) -> Figures:
    """Figures of faces, each given as its label and what was read."""
    labels, read = np.array(answers).T
    return measure(np.eye(len(classes))[read], labels, classes)


FEW = figures((0, 0), (0, 0), (0, 0), (0, 3), (3, 3))
WITH_CONTEMPT = figures((7, 7), (3, 3), (3, 7), classes=EMOTIONS_WITH_CONTEMPT)
CELLS = pd.DataFrame(
    {
        "model": ["a", "a", "b"],
        "rows": ["FER2013, PrivateTest", "CK+, all rows", "CK+, all rows"],
        "macro_recall": [0.612, 0.7, 0.99],
        "low": [0.6, 0.65, 0.98],
        "high": [0.63, 0.75, 1.0],
        "classes": [7, 7, 8],
        "n": [3589, 873, 890],
        "seen": ["", "", "seen in training"],
    }
)
READ = pd.DataFrame(
    {
        "faces": ["everyday", "everyday", "everyday", "posed"],
        "rows": ["FER+", "FER2013", "FER2013", "CK+"],
        "model": ["a", "a", "b", "b"],
        "macro_recall": [0.78, 0.6, 0.66, 0.95],
        "low": [0.75, 0.58, 0.64, 0.9],
        "high": [0.8, 0.62, 0.68, 1.0],
        "classes": [7, 7, 7, 8],
        "n": [3137, 3589, 3589, 890],
        "is_served": [True, True, True, False],
    }
)
COSTS = pd.DataFrame(
    {"model": ["a", "b"], "accuracy": [0.7, 0.6], "low": [0.68, 0.58], "high": [0.72, 0.62], "ms": [4.0, 1.0]}
)
EPOCHS = [
    {"epoch": 1, "loss": 2.0, "public_accuracy": None},
    {"epoch": 2, "loss": 1.5, "public_accuracy": 0.5},
]
RELIABILITY = reliability(np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]]), np.array([0, 1, 1]))

CHARTS: dict[str, Callable[[], alt.Chart | alt.LayerChart]] = {
    "confusion": lambda: confusion(FEW, True),
    "classes": lambda: class_figures({"a": FEW, "b": WITH_CONTEMPT}, "f1"),
    "matrix": lambda: macro_recall_matrix(CELLS),
    "strangers": lambda: readers_of_strangers(READ),
    "nobody": lambda: readers_of_strangers(READ[:0]),
    "reliability": lambda: reliability_curves({"before": RELIABILITY, "after": RELIABILITY}),
    "trade-off": lambda: trade_off(COSTS, "ms", "one face, milliseconds"),
    "training": lambda: training_curve(EPOCHS, "loss", "training loss"),
    "no epoch": lambda: training_curve([], "loss", "training loss"),
}


def tables(chart: alt.Chart | alt.LayerChart) -> list[list[dict[str, Any]]]:
    return list(chart.to_dict()["datasets"].values())


@pytest.mark.parametrize("make", CHARTS.values(), ids=CHARTS.keys())
def test_charts_fill_their_container(make: Callable[[], alt.Chart | alt.LayerChart]) -> None:
    assert make().to_dict()["width"] == "container"


@pytest.mark.parametrize("make", CHARTS.values(), ids=CHARTS.keys())
def test_no_chart_takes_an_expressions_colour_from_the_theme(make: Callable[[], alt.Chart | alt.LayerChart]) -> None:
    """Marks without a colour would get the theme's first one, which is that of angry."""
    spec = make().to_dict()
    for layer in spec.get("layer", [spec]):
        encoded = set(layer["encoding"]) & {"color", "fill", "stroke"}
        assert encoded or set(layer["mark"]) & {"color", "fill", "stroke"}


class TestConfusion:
    def test_a_row_is_a_label_and_a_column_an_answer(self) -> None:
        (table,) = tables(confusion(FEW, True))
        cells = {(cell["label"], cell["read"]): (cell["faces"], cell["share"]) for cell in table}
        assert len(cells) == 49
        assert cells["angry", "happy"] == (1, 0.25)
        assert cells["happy", "angry"] == (0, 0.0)

    @pytest.mark.parametrize(
        ("as_shares", "words"), [(True, ["75 %", "25 %", "0 %"]), (False, ["3", "1", "0"])], ids=["shares", "faces"]
    )
    def test_cells_say_what_was_asked_for(self, as_shares: bool, words: list[str]) -> None:
        (table,) = tables(confusion(FEW, as_shares))
        cells = {(cell["label"], cell["read"]): cell["words"] for cell in table}
        assert [cells["angry", "angry"], cells["angry", "happy"], cells["disgust", "happy"]] == words

    def test_the_shade_is_the_share_of_the_label_both_times(self) -> None:
        for as_shares in (True, False):
            color = confusion(FEW, as_shares).to_dict()["layer"][0]["encoding"]["color"]
            assert (color["field"], color["scale"]["domain"]) == ("share", [0, 1])

    def test_contempt_has_its_row_where_the_model_knows_it(self) -> None:
        (table,) = tables(confusion(WITH_CONTEMPT, True))
        assert {cell["label"] for cell in table} == set(EMOTIONS_WITH_CONTEMPT)


class TestClassFigures:
    def test_a_class_without_faces_has_no_column(self) -> None:
        (table,) = tables(class_figures({"a": FEW}, "recall"))
        assert {row["expression"]: row["share"] for row in table} == {"angry": 0.75, "happy": 1.0}

    @pytest.mark.parametrize(
        ("which", "share"), [("f1", 2 / 3), ("precision", 0.5), ("recall", 1.0)], ids=["f1", "precision", "recall"]
    )
    def test_each_figure(self, which: str, share: float) -> None:
        (table,) = tables(class_figures({"a": FEW}, which))
        assert {row["expression"]: row["share"] for row in table}["happy"] == pytest.approx(share)

    def test_colours_are_those_of_the_expressions(self) -> None:
        scale = class_figures({"a": FEW, "b": WITH_CONTEMPT}, "f1").to_dict()["encoding"]["color"]["scale"]
        assert scale["domain"] == ["angry", "happy", "contempt"]
        assert scale["range"] == [emotion(name).colour for name in scale["domain"]]

    @pytest.mark.parametrize("models", [1, 2, 5], ids=str)
    def test_models_differ_in_lightness_alone(self, models: int) -> None:
        encoding = class_figures({str(i): FEW for i in range(models)}, "f1").to_dict()["encoding"]
        scale = encoding["opacity"]["scale"]
        assert scale["type"] == "ordinal"
        assert len(set(scale["range"])) == models
        assert scale["range"] == sorted(scale["range"], reverse=True)
        assert scale["range"][0] == 1
        assert (encoding["opacity"]["legend"] is None) == (models == 1)


class TestMatrix:
    def test_what_was_seen_in_training_is_marked(self) -> None:
        (table,) = tables(macro_recall_matrix(CELLS))
        assert [row["words"] for row in table] == ["61 %", "70 %", "99 % *"]

    def test_every_model_has_a_column_whatever_it_was_measured_on(self) -> None:
        encoding = macro_recall_matrix(CELLS).to_dict()["layer"][0]["encoding"]
        assert (encoding["x"]["field"], encoding["x"]["sort"]) == ("model", ["a", "b"])
        assert (encoding["y"]["field"], encoding["y"]["sort"]) == ("rows", ["FER2013, PrivateTest", "CK+, all rows"])
        assert "split(" in encoding["y"]["axis"]["labelExpr"], "long names stand on several lines"

    def test_an_interval_is_one_hover_away(self) -> None:
        tips = macro_recall_matrix(CELLS).to_dict()["layer"][0]["encoding"]["tooltip"]
        assert {"low", "high", "n", "classes", "seen"} <= {tip["field"] for tip in tips}


class TestStrangers:
    def test_a_block_a_set_of_rows_the_best_model_first(self) -> None:
        encoding = readers_of_strangers(READ).to_dict()["layer"][0]["encoding"]
        assert [line.split("\x1f") for line in encoding["y"]["sort"]] == [
            ["everyday", "FER+"],
            ["FER+", "a"],
            ["", "FER2013"],
            ["FER2013", "b"],
            ["FER2013", "a"],
            ["posed", "CK+"],
            ["CK+", "b"],
        ]

    def test_every_point_has_its_interval(self) -> None:
        rule, point = readers_of_strangers(READ).to_dict()["layer"][:2]
        assert (rule["encoding"]["x"]["field"], rule["encoding"]["x2"]["field"]) == ("low", "high")
        assert point["encoding"]["x"]["field"] == "macro_recall"

    def test_what_is_not_the_served_network_is_hollow(self) -> None:
        marks = next(table for table in tables(readers_of_strangers(READ)) if "model" in table[0])
        assert {(row["rows"], row["model"]): row["filled"] for row in marks if not row["filled"]} == {("CK+", "b"): 0}

    def test_a_full_interval_leaves_room_for_its_figure(self) -> None:
        low, high = readers_of_strangers(READ).to_dict()["layer"][0]["encoding"]["x"]["scale"]["domain"]
        assert low == 0
        assert high > 1


class TestReliability:
    def test_empty_bins_have_no_point(self) -> None:
        ideal, points = sorted(tables(reliability_curves({"before": RELIABILITY, "after": RELIABILITY})), key=len)
        assert [row["accuracy"] for row in ideal] == [0, 1]
        assert [row["faces"] for row in points] == [1, 1, 1] * 2

    def test_the_last_is_filled(self) -> None:
        _, points = sorted(tables(reliability_curves({"before": RELIABILITY, "after": RELIABILITY})), key=len)
        assert {row["curve"]: row["filled"] for row in points} == {"before": 0, "after": 1}


class TestTradeOff:
    def test_an_interval_stands_at_every_point(self) -> None:
        rule = trade_off(COSTS, "ms", "one face, milliseconds").to_dict()["layer"][0]
        assert rule["mark"]["type"] == "rule"
        assert (rule["encoding"]["y"]["field"], rule["encoding"]["y2"]["field"]) == ("low", "high")

    def test_the_axis_starts_at_nothing_and_leaves_room_for_names(self) -> None:
        low, high = trade_off(COSTS, "ms", "ms").to_dict()["layer"][0]["encoding"]["x"]["scale"]["domain"]
        assert low == 0
        assert high > 4


class TestTraining:
    @pytest.mark.parametrize(
        ("figure", "rows"),
        [
            ("loss", [{"epoch": 1, "value": 2.0}, {"epoch": 2, "value": 1.5}]),
            ("public_accuracy", [{"epoch": 2, "value": 0.5}]),
            ("unknown", []),
        ],
        ids=["loss", "accuracy", "not noted"],
    )
    def test_epochs_without_the_figure_are_left_out(self, figure: str, rows: list[dict]) -> None:
        (table,) = tables(training_curve(EPOCHS, figure, figure))
        assert table == rows

    @pytest.mark.parametrize(("figure", "number"), [("loss", ".2f"), ("public_accuracy", ".1%")])
    def test_the_axis_is_as_fine_as_the_curve(self, figure: str, number: str) -> None:
        assert training_curve(EPOCHS, figure, figure).to_dict()["encoding"]["y"]["axis"]["format"] == number
