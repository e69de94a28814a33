"""Charts that move: what their data hold, and that nothing else changes."""

import json

import altair as alt
import numpy as np
import pytest

from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT
from fer.live_charts import (
    MOST_LANES,
    SPAN_S,
    chosen_people,
    count_columns,
    count_pie,
    last_minute,
    probabilities_now,
)
from fer.results import Face, Sample

BOX = (0.0, 0.0, 10.0, 10.0)


def make_face(person: int, emotion: str = "happy", classes: tuple[str, ...] = EMOTIONS) -> Face:
    shares = np.where(np.array(classes) == emotion, 1.0, 0.0)
    return Face(BOX, BOX, 0.9, shares, classes, person=person)


def make_sample(time_s: float, person: int = 1, emotion: str = "happy") -> Sample:
    return Sample(time_s, person, tuple(float(name == emotion) for name in EMOTIONS), BOX, 0.9)


def tables(chart: alt.LayerChart) -> list[list[dict]]:
    return list(chart.to_dict()["datasets"].values())


def rows_with(chart: alt.LayerChart, column: str) -> list[dict]:
    return [row for table in tables(chart) for row in table if column in row]


def specification(chart: alt.LayerChart) -> str:
    """A chart without its data and without the names that Altair derives from them."""
    whole = chart.to_dict()
    names = {name: f"table {i}" for i, name in enumerate(whole.pop("datasets"))}
    text = json.dumps(whole)
    for name, stable in names.items():
        text = text.replace(name, stable)
    return text


@pytest.mark.parametrize(
    ("in_view", "seen", "chosen"),
    [
        ([], [], []),
        ([], [2, 1], [1, 2]),
        ([3], [], [3]),
        ([5, 2], [1], [1, 2, 5]),
        ([9], [1, 2, 3, 4], [3, 4, 9]),
        ([7, 6, 5, 4], [1], [5, 6, 7]),
        ([2, 2], [2, 2], [2]),
    ],
    ids=["nobody", "gone", "there", "both", "those seen last", "too many", "more than once"],
)
def test_who_gets_a_lane(in_view: list[int], seen: list[int], chosen: list[int]) -> None:
    history = [make_sample(i, person) for i, person in enumerate(seen)]
    assert chosen_people(in_view, history) == chosen
    assert len(chosen) <= MOST_LANES


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (probabilities_now([], EMOTIONS), probabilities_now([make_face(1), make_face(7, "sad")], EMOTIONS)),
        (
            last_minute([], EMOTIONS, 0, []),
            last_minute([make_sample(1), make_sample(2, 4)], EMOTIONS, 2, [1, 4]),
        ),
        (
            count_columns(dict.fromkeys(EMOTIONS, 0)),
            count_columns({name: 100 * i for i, name in enumerate(EMOTIONS)}),
        ),
        (count_pie(dict.fromkeys(EMOTIONS, 0)), count_pie({name: 100 * i for i, name in enumerate(EMOTIONS)})),
    ],
    ids=["now", "the last minute", "columns", "pie"],
)
def test_only_the_data_change(before: alt.LayerChart, after: alt.LayerChart) -> None:
    assert specification(before) == specification(after)
    assert tables(before) != tables(after)


@pytest.mark.parametrize("classes", [EMOTIONS, EMOTIONS_WITH_CONTEMPT], ids=["seven classes", "eight classes"])
def test_every_face_has_a_lane_with_a_bar_a_class(classes: tuple[str, ...]) -> None:
    chart = probabilities_now([make_face(4, "sad", classes), make_face(9, "fear", classes)], classes)
    bars = rows_with(chart, "expression")
    assert [(bar["person"], bar["expression"]) for bar in bars] == [(p, name) for p in (4, 9) for name in classes]
    assert {(bar["person"], bar["expression"]) for bar in bars if bar["label"] == "100 %"} == {(4, "sad"), (9, "fear")}
    first, second = (max(bar["end"] for bar in bars if bar["person"] == person) for person in (4, 9))
    assert first <= 1 < min(bar["start"] for bar in bars if bar["person"] == 9)
    assert second <= max(row["edge"] for row in rows_with(chart, "edge"))


def test_classes_that_may_be_meant_stand_out() -> None:
    shares = np.full(len(EMOTIONS), 0.1)
    shares[3] = 1 - shares[:3].sum() - shares[4:].sum()
    face = Face(BOX, BOX, 0.9, shares, EMOTIONS, prediction_set=("happy", "angry"), person=1)
    bars = rows_with(probabilities_now([face], EMOTIONS), "expression")
    assert {bar["expression"] for bar in bars if bar["opacity"] == 1} == {"happy", "angry"}


@pytest.mark.parametrize(
    ("times_s", "now_s", "ago"),
    [
        ([], 5, []),
        ([5], 5, [0]),
        ([1, 2, 3], 5, [-4, -3, -2]),
        ([0, 10, 69.5], 70, [-60, -0.5]),
        ([0, 0.1, 0.2, 0.5, 0.6], 1, [-1, -0.5]),
    ],
    ids=["nothing", "now", "earlier", "a minute ago at most", "thinned"],
)
def test_lines_reach_back_from_now(times_s: list[float], now_s: float, ago: list[float]) -> None:
    points = rows_with(last_minute([make_sample(t) for t in times_s], EMOTIONS, now_s, [1]), "ago")
    kept = [point["ago"] for point in points if point["expression"] == "happy"]
    assert kept == pytest.approx([seconds for seconds in ago if seconds >= -SPAN_S])


def test_an_absence_breaks_a_line() -> None:
    history = [make_sample(t) for t in (0, 1, 2, 6, 7)]
    points = rows_with(last_minute(history, EMOTIONS, 7, [1]), "ago")
    stretches = {point["ago"]: point["stretch"] for point in points}
    assert stretches == {-7: 0, -6: 0, -5: 0, -1: 1, 0: 1}


def test_people_have_lanes_of_their_own_from_top_to_bottom() -> None:
    history = [make_sample(1, 3, "happy"), make_sample(1, 8, "happy"), make_sample(1, 5, "happy")]
    chart = last_minute(history, EMOTIONS, 1, [3, 8])
    happy = {p["person"]: p["height"] for p in rows_with(chart, "ago") if p["expression"] == "happy"}
    lanes = {row["name"]: (row["low"], row["high"]) for row in rows_with(chart, "low")}
    assert set(happy) == {3, 8}
    assert happy[3] == lanes["person 3"][1] > lanes["person 3"][0] > lanes["person 8"][1] == happy[8]


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"happy": 0, "sad": 0}, []),
        ({"happy": 3, "sad": 1}, ["hap 75 %", "sad 25 %"]),
        ({"happy": 99, "sad": 1}, ["hap 99 %"]),
    ],
    ids=["nothing seen", "two slices", "one too small for a word"],
)
def test_slices_bear_words_where_there_is_room(counts: dict[str, int], words: list[str]) -> None:
    rows = rows_with(count_pie(counts), "seen")
    assert [row["left"] or row["right"] for row in rows if row["left"] or row["right"]] == words
    assert [row["seen"] for row in rows] == list(counts.values())
    assert not any(row["left"] and row["right"] for row in rows)


def test_columns_leave_room_for_their_numbers() -> None:
    rows = rows_with(count_columns({"happy": 40, "sad": 0}), "seen")
    assert all(row["room"] > row["seen"] for row in rows)
