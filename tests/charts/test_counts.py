"""How often each expression was seen in photos."""

import altair as alt
import pandas as pd
import pytest

from fer.charts.counts import expression_counts
from fer.emotions import EMOTIONS


def rows(chart: alt.LayerChart) -> list[dict]:
    """The one table that a chart holds."""
    (table,) = chart.to_dict()["datasets"].values()
    return table


@pytest.mark.parametrize(
    ("table", "counts"),
    [
        (pd.DataFrame({"emotion": []}), dict.fromkeys(EMOTIONS, 0)),
        (pd.DataFrame({"emotion": [None, None]}, dtype="str"), dict.fromkeys(EMOTIONS, 0)),
        (
            pd.DataFrame({"emotion": ["sad", None, "happy", "sad"]}),
            {**dict.fromkeys(EMOTIONS, 0), "sad": 2, "happy": 1},
        ),
        (
            pd.DataFrame({"emotion": ["contempt"], "contempt": [1.0]}),
            {**dict.fromkeys(EMOTIONS, 0), "contempt": 1},
        ),
    ],
    ids=["empty", "no face", "some without a face", "contempt"],
)
def test_counts_hold_every_expression(table: pd.DataFrame, counts: dict[str, int]) -> None:
    assert {row["expression"]: row["faces"] for row in rows(expression_counts(table))} == counts
