"""Charts of data sets: what their specifications hold."""

from collections.abc import Callable
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest

from fer.charts.counts import share_comparison
from fer.charts.datasets import (
    agreement_heatmap,
    class_counts,
    class_shares,
    feature_map_points,
    leak_comparison,
    light_ranges,
    subject_columns,
)
from fer.datasets import USAGES
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT, emotion


def counts(per_class: list[int], classes: tuple[str, ...] = EMOTIONS) -> pd.DataFrame:
    """As many Training faces of every class, and one PublicTest face of each."""
    rows = [per_class, [1] * len(classes), [0] * len(classes)]
    return pd.DataFrame(rows, index=pd.Index(USAGES, name="usage"), columns=list(classes))


COUNTS = counts([10, 0, 5, 85, 0, 0, 0])
CK_COUNTS = counts([1, 1, 1, 1, 1, 1, 90, 4], EMOTIONS_WITH_CONTEMPT)
LEAKS = {
    "early": pd.DataFrame({"label": EMOTIONS, "rows": [10] * 7, "seen": [9] * 7}),
    "late": pd.DataFrame({"label": EMOTIONS, "rows": [10, 0, 10, 10, 10, 10, 10], "seen": [1, 0, 1, 1, 1, 1, 1]}),
}
LIGHT = pd.DataFrame({"label": ["sad"] * 21 + ["angry"], "brightness": [*range(0, 210, 10), 7]})
AGREEMENT = pd.DataFrame([[3, 1], [0, 0]], index=["angry", "fear"], columns=["angry", "no face"])
POINTS = pd.DataFrame(
    {
        "x": [0.0, 1.0],
        "y": [1.0, 0.0],
        "row": [4, 9],
        "usage": ["PrivateTest"] * 2,
        "label": ["sad", "happy"],
        "read": ["sad", "fear"],
        "right": [True, False],
        "image": ["data:image/webp;base64,AA", "data:image/webp;base64,BB"],
    }
)
PEOPLE = pd.DataFrame({"subject": ["S1", "S1", "S2"], "expression": ["sad", "angry", "sad"], "faces": [2, 1, 1]})


def spec(chart: alt.Chart | alt.LayerChart) -> dict[str, Any]:
    return chart.to_dict()


def rows(chart: alt.Chart | alt.LayerChart) -> list[dict[str, Any]]:
    """The one table that a chart holds."""
    (table,) = spec(chart)["datasets"].values()
    return table


def scales(node: Any) -> list[dict[str, Any]]:
    """The scales of every `color` in a specification."""
    if isinstance(node, list):
        return [scale for item in node for scale in scales(item)]
    if not isinstance(node, dict):
        return []
    own = [node["color"]["scale"]] if isinstance(node.get("color"), dict) and "scale" in node["color"] else []
    return own + [scale for item in node.values() for scale in scales(item)]


COLOURED: dict[str, Callable[[], alt.Chart | alt.LayerChart]] = {
    "counts": lambda: class_counts(COUNTS),
    "shares": lambda: class_shares(COUNTS),
    "comparison": lambda: share_comparison({"FER2013": COUNTS, "CK+": CK_COUNTS}),
    "leak": lambda: leak_comparison(LEAKS),
    "light": lambda: light_ranges(LIGHT, "brightness"),
    "map": lambda: feature_map_points(POINTS, "label"),
    "map of errors": lambda: feature_map_points(POINTS, "error"),
    "people": lambda: subject_columns(PEOPLE),
}


@pytest.mark.parametrize("make", COLOURED.values(), ids=COLOURED.keys())
def test_colours_are_those_of_the_expressions(make: Callable[[], alt.Chart | alt.LayerChart]) -> None:
    found = scales(spec(make()))
    assert found
    for scale in found:
        assert scale["range"] == [emotion(name).colour for name in scale["domain"]]


@pytest.mark.parametrize("make", COLOURED.values(), ids=COLOURED.keys())
def test_charts_fill_their_container(make: Callable[[], alt.Chart | alt.LayerChart]) -> None:
    assert spec(make())["width"] == "container"


class TestClassCounts:
    @pytest.mark.parametrize(
        ("by", "outer", "order", "inner", "inner_order"),
        [
            ("class", "expression", list(EMOTIONS), "row", list(USAGES)),
            ("row", "row", list(USAGES), "expression", list(EMOTIONS)),
        ],
        ids=["by class", "by usage"],
    )
    def test_both_ways_round(self, by: str, outer: str, order: list, inner: str, inner_order: list) -> None:
        encoding = spec(class_counts(COUNTS, by))["encoding"]
        assert (encoding["x"]["field"], encoding["x"]["sort"]) == (outer, order)
        assert (encoding["xOffset"]["field"], encoding["xOffset"]["sort"]) == (inner, inner_order)

    def test_every_column_has_its_count_and_share(self) -> None:
        table = {(row["row"], row["expression"]): row for row in rows(class_counts(COUNTS))}
        assert len(table) == 21
        assert (table["Training", "happy"]["faces"], table["Training", "happy"]["share"]) == (85, 0.85)
        assert table["PublicTest", "happy"]["share"] == pytest.approx(1 / 7)
        assert table["PrivateTest", "happy"]["share"] == 0

    def test_splits_differ_in_lightness(self) -> None:
        scale = spec(class_counts(COUNTS))["encoding"]["opacity"]["scale"]
        assert scale["domain"] == list(USAGES)
        assert scale["range"] == sorted(scale["range"], reverse=True)
        assert len(set(scale["range"])) == 3


class TestClassShares:
    def test_words_stand_at_slices(self) -> None:
        labels = {row["expression"]: row["label"] for row in rows(class_shares(COUNTS.loc[["Training"]]))}
        assert labels == {"angry": "angry 10 %", "fear": "fear 5 %", "happy": "happy 85 %"}

    def test_without_faces_there_is_no_slice(self) -> None:
        assert rows(class_shares(COUNTS * 0)) == []

    @pytest.mark.parametrize("table", [COUNTS, CK_COUNTS], ids=["happy is largest", "neutral is largest"])
    def test_the_largest_slice_lies_on_the_left(self, table: pd.DataFrame) -> None:
        chart = spec(class_shares(table))
        start, end = chart["layer"][0]["encoding"]["theta"]["scale"]["range"]
        totals = table.sum().to_numpy()
        largest = totals.argmax()
        middle = start + (end - start) * (totals[:largest].sum() + totals[largest] / 2) / totals.sum()
        assert np.sin(middle) == pytest.approx(-1)


class TestJoinedPoints:
    def test_a_class_that_one_set_lacks_has_one_point(self) -> None:
        table = rows(share_comparison({"FER2013": COUNTS, "CK+": CK_COUNTS}))
        assert [row["set"] for row in table if row["expression"] == "contempt"] == ["CK+"]
        assert len(table) == 15

    def test_shares_are_of_the_own_set(self) -> None:
        table = rows(share_comparison({"FER2013": COUNTS, "CK+": CK_COUNTS}))
        for title in ("FER2013", "CK+"):
            assert sum(row["share"] for row in table if row["set"] == title) == pytest.approx(1)

    def test_one_is_filled_the_other_hollow(self) -> None:
        table = rows(share_comparison({"FER2013": COUNTS, "CK+": CK_COUNTS}))
        assert {row["set"]: row["filled"] for row in table} == {"FER2013": 1, "CK+": 0}

    def test_leaks_are_shares_of_the_tested_rows(self) -> None:
        table = {(row["set"], row["expression"]): row["share"] for row in rows(leak_comparison(LEAKS))}
        assert table["early", "sad"] == 0.9
        assert table["late", "sad"] == 0.1
        assert table["late", "disgust"] == 0


def test_light_is_summed_up_class_by_class() -> None:
    table = {row["expression"]: row for row in rows(light_ranges(LIGHT.iloc[:21], "brightness"))}
    assert table == {"sad": {"expression": "sad", "p5": 10, "p25": 50, "median": 100, "p75": 150, "p95": 190}}


def test_agreement_is_a_share_of_the_label() -> None:
    cells = {(row["label"], row["raters"]): (row["faces"], row["words"]) for row in rows(agreement_heatmap(AGREEMENT))}
    assert cells == {
        ("angry", "angry"): (3, "75 %"),
        ("angry", "no face"): (1, "25 %"),
        ("fear", "angry"): (0, "0 %"),
        ("fear", "no face"): (0, "0 %"),
    }


class TestMap:
    @pytest.mark.parametrize("colour_by", ["label", "error"])
    def test_pointing_shows_the_face(self, colour_by: str) -> None:
        chart = feature_map_points(POINTS, colour_by)
        assert "image" in [tip["field"] for tip in spec(chart)["encoding"]["tooltip"]]
        assert [row["image"] for row in rows(chart)] == POINTS["image"].tolist()

    @pytest.mark.parametrize("colour_by", ["label", "error"])
    def test_it_can_be_dragged_and_zoomed(self, colour_by: str) -> None:
        (parameter,) = spec(feature_map_points(POINTS, colour_by))["params"]
        assert parameter["bind"] == "scales"

    def test_errors_differ_in_shape_and_strength(self) -> None:
        chart = spec(feature_map_points(POINTS, "error"))
        shape, opacity = (chart["encoding"][channel]["scale"] for channel in ("shape", "opacity"))
        assert shape["domain"] == opacity["domain"] == ["read as labelled", "read otherwise"]
        assert len(set(shape["range"])) == 2
        assert opacity["range"][0] < opacity["range"][1]
        assert [row["reading"] for row in rows(feature_map_points(POINTS, "error"))] == shape["domain"]
