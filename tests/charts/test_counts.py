"""How often each expression was seen in photos."""

import altair as alt
import pandas as pd
import pytest

from fer.charts.counts import confidence_columns, expression_counts
from fer.emotions import EMOTIONS, UNSURE


def rows(chart: alt.Chart | alt.LayerChart) -> list[dict]:
    """The one table that a chart holds."""
    (table,) = chart.to_dict()["datasets"].values()
    return table


@pytest.mark.parametrize(
    ("table", "counts"),
    [
        (pd.DataFrame({"label": []}), dict.fromkeys((*EMOTIONS, UNSURE), 0)),
        (pd.DataFrame({"label": [None, None]}, dtype="str"), dict.fromkeys((*EMOTIONS, UNSURE), 0)),
        (
            pd.DataFrame({"label": ["sad", None, "happy", "sad", UNSURE]}),
            {**dict.fromkeys((*EMOTIONS, UNSURE), 0), "sad": 2, "happy": 1, UNSURE: 1},
        ),
        (
            pd.DataFrame({"label": ["contempt"], "contempt": [1.0]}),
            {**dict.fromkeys((*EMOTIONS, UNSURE), 0), "contempt": 1},
        ),
    ],
    ids=["empty", "no face", "some without a face", "contempt"],
)
def test_counts_hold_every_expression(table: pd.DataFrame, counts: dict[str, int]) -> None:
    assert {row["expression"]: row["faces"] for row in rows(expression_counts(table))} == counts


@pytest.mark.parametrize(
    ("table", "counts"),
    [
        pytest.param(pd.DataFrame({"label": [], "confidence": []}), [], id="empty"),
        pytest.param(pd.DataFrame({"label": [None], "confidence": [None]}, dtype="float64"), [], id="no face"),
        pytest.param(
            pd.DataFrame({"label": ["sad", "sad", UNSURE, "sad", None], "confidence": [1.0, 0.95, 0.4, 0.34, None]}),
            [(30, "sad", 1), (40, UNSURE, 1), (90, "sad", 2)],
            id="some",
        ),
    ],
)
def test_faces_are_counted_by_how_sure_they_are(table: pd.DataFrame, counts: list[tuple]) -> None:
    chart = confidence_columns(table)
    assert [(row["low"], row["label"], row["size"]) for row in rows(chart)] == counts


def test_an_unsure_face_may_be_counted_by_its_most_probable_class() -> None:
    table = pd.DataFrame({"label": [UNSURE], "emotion": ["sad"]})
    counted = {row["expression"]: row["faces"] for row in rows(expression_counts(table, "emotion"))}
    assert counted == {**dict.fromkeys(EMOTIONS, 0), "sad": 1}
