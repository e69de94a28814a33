"""A face's probabilities: a bar a class, in words and colours that can be read."""

import altair as alt
import numpy as np
import pytest

from fer.charts.probabilities import probability_bars
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT
from fer.results import Face

BOX = (0.0, 0.0, 10.0, 10.0)


def rows(chart: alt.LayerChart) -> list[dict]:
    """The one table that a chart holds."""
    (table,) = chart.to_dict()["datasets"].values()
    return table


def make_face(
    probabilities: dict[str, float], classes: tuple[str, ...] = EMOTIONS, likely: tuple[str, ...] | None = None
) -> Face:
    shares = np.array([probabilities.get(name, 0.0) for name in classes])
    return Face(BOX, BOX, 0.9, shares, classes, prediction_set=likely)


@pytest.mark.parametrize("classes", [EMOTIONS, EMOTIONS_WITH_CONTEMPT], ids=["seven classes", "eight classes"])
def test_one_bar_a_class_in_their_order(classes: tuple[str, ...]) -> None:
    chart = probability_bars(make_face({"sad": 0.7, "fear": 0.3}, classes))
    assert [row["expression"] for row in rows(chart)] == list(classes)
    for layer in chart.to_dict()["layer"]:
        assert layer["encoding"]["y"]["sort"] == list(classes)


@pytest.mark.parametrize(
    ("probabilities", "labels"),
    [
        ({"happy": 1.0}, {"happy": "100 %", "sad": "0 %"}),
        ({"happy": 0.916, "sad": 0.084}, {"happy": "92 %", "sad": "8 %"}),
        ({"happy": 0.996, "sad": 0.004}, {"happy": "100 %", "sad": "< 1 %"}),
    ],
    ids=["nothing else", "rounded", "not quite nothing"],
)
def test_bars_say_their_percentage(probabilities: dict[str, float], labels: dict[str, str]) -> None:
    shown = {row["expression"]: row["label"] for row in rows(probability_bars(make_face(probabilities)))}
    assert {name: shown[name] for name in labels} == labels


@pytest.mark.parametrize(
    ("likely", "in_colour"),
    [(None, {"sad"}), (("sad",), {"sad"}), (("sad", "fear"), {"sad", "fear"})],
    ids=["no sets", "one", "two"],
)
def test_only_what_may_be_meant_is_in_full_colour(likely: tuple[str, ...] | None, in_colour: set[str]) -> None:
    table = rows(probability_bars(make_face({"sad": 0.6, "fear": 0.4}, likely=likely)))
    assert {row["expression"] for row in table if row["opacity"] == 1} == in_colour


def test_the_axis_stands_still() -> None:
    scales = [
        layer["encoding"]["x"]["scale"]["domain"]
        for face in (make_face({"sad": 1.0}), make_face(dict.fromkeys(EMOTIONS, 1 / 7)))
        for layer in probability_bars(face).to_dict()["layer"]
    ]
    assert scales == [scales[0]] * 4
    assert scales[0][0] == 0
    assert scales[0][1] >= 1


def test_pointing_at_a_bar_says_what_the_figure_is() -> None:
    for layer in probability_bars(make_face({"sad": 1.0})).to_dict()["layer"]:
        assert "calibrated probability" in [tip["title"] for tip in layer["encoding"]["tooltip"]]


def test_letters_look_at_the_background() -> None:
    labels = probability_bars(make_face({"sad": 1.0})).to_dict()["layer"][1]["mark"]
    assert "background" in labels["color"]["expr"]
