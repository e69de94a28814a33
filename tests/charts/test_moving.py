"""Charts that move: what their data hold, and that nothing else changes."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from fer.charts.counts import count_columns, count_pie
from fer.charts.last_minute import SPAN_S, last_minute, minute_ribbon
from fer.charts.moving import MOST_LANES, MovingChart, chosen_people
from fer.charts.probabilities import probabilities_now
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT, UNSURE
from fer.recording import Marker, Sample
from fer.results import Face

BOX = (0.0, 0.0, 10.0, 10.0)


def make_face(person: int, emotion: str = "happy", classes: tuple[str, ...] = EMOTIONS) -> Face:
    shares = np.where(np.array(classes) == emotion, 1.0, 0.0)
    return Face(BOX, BOX, 0.9, shares, classes, person=person)


def make_sample(time_s: float, person: int = 1, emotion: str = "happy") -> Sample:
    return Sample(time_s, person, tuple(float(name == emotion) for name in EMOTIONS), BOX, 0.9)


def test_a_ribbon_is_unsure_where_the_reading_was() -> None:
    history = [make_sample(0), replace(make_sample(1), is_unsure=True)]
    pieces = rows_of(minute_ribbon(history, EMOTIONS, 2, [1]), "pieces")
    assert [piece["expression"] for piece in pieces] == ["happy", UNSURE]


def rows_of(chart: MovingChart, table: str) -> list[dict]:
    return chart.tables[table].to_pylist()


def fields_used(part: object) -> set[str]:
    """The columns that a specification, or a part of it, draws, apart from those that it makes itself."""
    if isinstance(part, list):
        return set().union(*map(fields_used, part))
    if not isinstance(part, dict):
        return set()
    found = {part["field"]} if isinstance(part.get("field"), str) else set()
    made = {name for step in part.get("transform", []) for name in np.atleast_1d(step.get("as", []))}
    words = [step.get("calculate", step.get("filter", "")) for step in part.get("transform", [])]
    found |= {name for text in words for name in re.findall(r"datum\.(\w+)", text)}
    found |= {name for step in part.get("transform", []) for name in step.get("fold", [])}
    return (found | fields_used(list(part.values()))) - made


def layers_by_table(chart: MovingChart) -> dict[str, set[str]]:
    """The columns that a chart draws, by the table that they are looked for in."""
    outer = chart.specification.get("data", {}).get("name")
    found: dict[str, set[str]] = {}
    for layer in chart.specification["layer"]:
        name = layer.get("data", {}).get("name", outer)
        found[name] = found.get(name, set()) | fields_used(layer)
    return found


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
            minute_ribbon([], EMOTIONS, 0, []),
            minute_ribbon([make_sample(1), make_sample(2, 4)], EMOTIONS, 2, [1, 4], [Marker(1.5, "a door")]),
        ),
        (
            count_columns(dict.fromkeys(EMOTIONS, 0)),
            count_columns({name: 100 * i for i, name in enumerate(EMOTIONS)}),
        ),
        (count_pie(dict.fromkeys(EMOTIONS, 0)), count_pie({name: 100 * i for i, name in enumerate(EMOTIONS)})),
    ],
    ids=["now", "the last minute", "ribbon", "columns", "pie"],
)
def test_only_the_data_change(before: MovingChart, after: MovingChart) -> None:
    assert before.specification == after.specification
    assert json.loads(json.dumps(after.specification)) == after.specification
    assert {name: table.schema for name, table in before.tables.items()} == {
        name: table.schema for name, table in after.tables.items()
    }
    assert dict(before.tables) != dict(after.tables)


@pytest.mark.parametrize(
    "chart",
    [
        probabilities_now([make_face(1)], EMOTIONS),
        last_minute([make_sample(1)], EMOTIONS, 1, [1]),
        minute_ribbon([make_sample(1)], EMOTIONS, 1, [1], [Marker(1.0)]),
        count_columns(dict.fromkeys(EMOTIONS, 1)),
        count_pie(dict.fromkeys(EMOTIONS, 1)),
    ],
    ids=["now", "the last minute", "ribbon", "columns", "pie"],
)
def test_every_column_that_is_drawn_is_there(chart: MovingChart) -> None:
    drawn = layers_by_table(chart)
    assert set(drawn) == set(chart.tables)
    for name, columns in drawn.items():
        assert columns <= set(chart.tables[name].column_names)


def test_who_was_last_seen_over_a_minute_ago_has_an_empty_ribbon() -> None:
    history = [make_sample(0, 1), make_sample(SPAN_S, 2, "sad")]
    pieces = rows_of(minute_ribbon(history, EMOTIONS, SPAN_S + 1, [1, 2]), "pieces")
    assert [(piece["person"], piece["expression"], piece["until"]) for piece in pieces] == [(2, "sad", 0.0)]


@pytest.mark.parametrize("classes", [EMOTIONS, EMOTIONS_WITH_CONTEMPT], ids=["seven classes", "eight classes"])
def test_every_face_has_a_lane_with_a_bar_a_class(classes: tuple[str, ...]) -> None:
    chart = probabilities_now([make_face(4, "sad", classes), make_face(9, "fear", classes)], classes)
    bars = rows_of(chart, "bars")
    assert [(bar["person"], bar["expression"]) for bar in bars] == [(p, name) for p in (4, 9) for name in classes]
    assert {(bar["person"], bar["expression"]) for bar in bars if bar["label"] == "100 %"} == {(4, "sad"), (9, "fear")}
    first, second = (
        max(bar["start"] + bar["probability"] for bar in bars if bar["person"] == person) for person in (4, 9)
    )
    assert first <= 1 < min(bar["start"] for bar in bars if bar["person"] == 9)
    assert second <= max(row["edge"] for row in rows_of(chart, "room"))


def test_classes_that_may_be_meant_stand_out() -> None:
    shares = np.full(len(EMOTIONS), 0.1)
    shares[3] = 1 - shares[:3].sum() - shares[4:].sum()
    face = Face(BOX, BOX, 0.9, shares, EMOTIONS, prediction_set=("happy", "angry"), person=1)
    bars = rows_of(probabilities_now([face], EMOTIONS), "bars")
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
    points = rows_of(last_minute([make_sample(t) for t in times_s], EMOTIONS, now_s, [1]), "points")
    kept = [point["ago"] for point in points]
    assert all(point["happy"] == 1 for point in points)
    assert kept == pytest.approx([seconds for seconds in ago if seconds >= -SPAN_S])


def test_an_absence_breaks_a_line() -> None:
    history = [make_sample(t) for t in (0, 1, 2, 6, 7)]
    points = rows_of(last_minute(history, EMOTIONS, 7, [1]), "points")
    stretches = {point["ago"]: point["stretch"] for point in points}
    assert stretches == {-7: 0, -6: 0, -5: 0, -1: 1, 0: 1}


def test_people_have_lanes_of_their_own_from_top_to_bottom() -> None:
    history = [make_sample(1, 3, "happy"), make_sample(1, 8, "happy"), make_sample(1, 5, "happy")]
    chart = last_minute(history, EMOTIONS, 1, [3, 8])
    lows = {point["person"]: point["low"] for point in rows_of(chart, "points")}
    lanes = {row["name"]: row["low"] for row in rows_of(chart, "lanes")}
    assert {f"person {person}": low for person, low in lows.items()} == lanes
    assert list(lanes) == ["person 3", "person 8"]
    assert lows[3] > lows[8] + 1, "no lane reaches into another"


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"happy": 0, "sad": 0}, []),
        ({"happy": 3, "sad": 1}, ["hap\n75 %", "sad\n25 %"]),
        ({"happy": 99, "sad": 1}, ["hap\n99 %"]),
    ],
    ids=["nothing seen", "two slices", "one too small for a word"],
)
def test_slices_bear_words_where_there_is_room(counts: dict[str, int], words: list[str]) -> None:
    rows = rows_of(count_pie(counts), "counts")
    assert [row["left"] or row["right"] for row in rows if row["left"] or row["right"]] == words
    assert [row["seen"] for row in rows] == list(counts.values())
    assert not any(row["left"] and row["right"] for row in rows)
    for side in ("left", "right"):
        assert all(bool(row[f"{side}_long"]) == bool(row[side]) for row in rows)
        assert all(row[f"{side}_long"].startswith(row["expression"]) for row in rows if row[side])


def test_columns_leave_room_for_their_numbers() -> None:
    rows = rows_of(count_columns({"happy": 40, "sad": 0}), "counts")
    assert all(row["room"] > row["seen"] for row in rows)
