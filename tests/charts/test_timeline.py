"""The course of a recording: what is drawn for whom, where lines break, and what the table of people says."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from fer.charts.timeline import (
    MAX_BINS,
    MAX_RIBBONS,
    Course,
    bin_width_s,
    overlay,
    people_table,
    person_counts,
    timeline,
)
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT, UNSURE, emotion
from fer.recording import Marker, Remarks, Sample, samples_table


def table(*seen: tuple[float, int, str], classes: Sequence[str] = EMOTIONS, doubt: bool | None = False) -> pd.DataFrame:
    """A recording of (time_s, person, expression), each read with 0.6 or a little more."""
    rest = 0.4 / len(classes)
    return samples_table(
        [
            Sample(t, person, tuple(rest + 0.6 * (c == name) for c in classes), (1.0, 2.0, 3.0, 4.0), 0.9, doubt)
            for t, person, name in seen
        ],
        classes,
    )


class TestPeople:
    def test_of_nobody(self) -> None:
        people = people_table(table(), EMOTIONS)
        assert people.columns.tolist() == ["person", "first_s", "last_s", "readings", "mostly", "share"]
        assert len(people) == 0
        assert person_counts(table(), EMOTIONS).columns.tolist() == [*EMOTIONS, UNSURE]

    def test_everyone_has_a_row(self) -> None:
        seen = table((0.5, 2, "sad"), (1.0, 1, "happy"), (1.5, 1, "fear"), (2.0, 1, "happy"), (2.5, 2, "sad"))
        assert people_table(seen, EMOTIONS).to_dict("records") == [
            {
                "person": 1,
                "first_s": 1.0,
                "last_s": 2.0,
                "readings": 3,
                "mostly": "happy",
                "share": pytest.approx(2 / 3),
            },
            {"person": 2, "first_s": 0.5, "last_s": 2.5, "readings": 2, "mostly": "sad", "share": 1.0},
        ]
        counts = person_counts(seen, EMOTIONS)
        assert counts.loc[1].to_dict() == dict.fromkeys((*EMOTIONS, UNSURE), 0) | {"happy": 2, "fear": 1}

    def test_doubt_has_a_share_of_its_own_where_it_was_noted(self) -> None:
        unsure = table((0.5, 1, "sad"), doubt=True)
        both = pd.concat([unsure, table((1.0, 1, "happy"), (1.5, 1, "sad"))])
        assert person_counts(both, EMOTIONS).loc[1, ["happy", "sad", UNSURE]].tolist() == [1, 1, 1]
        assert people_table(unsure, EMOTIONS)["mostly"].tolist() == [UNSURE]
        earlier = person_counts(table((0.5, 1, "sad"), doubt=None), EMOTIONS)
        assert earlier.columns.tolist() == list(EMOTIONS)
        assert earlier.loc[1, "sad"] == 1


@pytest.mark.parametrize(
    ("times_s", "width_s"),
    [([0.0], 0.25), ([0.0, 0.1, 0.2], 0.25), ([0.0, 1.0, 2.0, 9.0], 2.0), ([0.0, 0.1, 0.2, 6000.0], 6000 / MAX_BINS)],
    ids=["a moment", "fast", "slow frames", "long"],
)
def test_how_long_a_point_is(times_s: list[float], width_s: float) -> None:
    assert bin_width_s(table(*((t, 1, "happy") for t in times_s))) == pytest.approx(width_s)


class TestTimeline:
    @pytest.mark.parametrize("classes", [EMOTIONS, EMOTIONS_WITH_CONTEMPT], ids=["seven", "eight"])
    def test_a_moment_of_one_person(self, classes: Sequence[str]) -> None:
        figure = timeline(table((0.0, 1, "happy"), classes=classes), classes, 1)
        ribbon, *lines = figure.data
        assert ribbon.y == ("person 1",)
        assert ribbon.customdata.tolist() == [["happy"]]
        assert [line.name for line in lines] == list(classes)
        assert [line.line.color for line in lines] == [emotion(name).colour for name in classes]
        assert max(lines, key=lambda line: line.y[0]).name == "happy"

    def test_the_ribbons_have_the_colours_of_the_expressions(self) -> None:
        (ribbon, *_) = timeline(table(*((i / 2, 1, name) for i, name in enumerate(EMOTIONS))), EMOTIONS, 1).data
        assert ribbon.z.shape == (1, 4), "slow frames share a point with the next one"
        (ribbon, *_) = timeline(
            table(*((i / 4 + j / 16, 1, name) for i, name in enumerate(EMOTIONS) for j in range(4))), EMOTIONS, 1
        ).data
        assert ribbon.customdata.tolist() == [list(EMOTIONS)]
        places = (ribbon.z[0] - ribbon.zmin) / (ribbon.zmax - ribbon.zmin)
        drawn = [[colour for edge, colour in ribbon.colorscale if edge <= place][-1] for place in places]
        assert drawn == [emotion(name).colour for name in EMOTIONS]

    def test_a_moment_that_is_mostly_doubt_is_unsure(self) -> None:
        sure, unsure = (
            table((0.0, 1, "happy"), (0.3, 1, "happy")),
            table((0.31, 1, "sad"), (0.32, 1, "sad"), doubt=True),
        )
        (ribbon, *_) = timeline(pd.concat([sure, unsure]), EMOTIONS, 1).data
        assert ribbon.customdata.tolist() == [["happy", UNSURE]]

    def test_nothing_is_drawn_where_somebody_was_not_seen(self) -> None:
        always = [(frame / 10, 1, "happy") for frame in range(41)]
        short = [(frame / 10, 2, "sad") for frame in (*range(10), *range(30, 41))]
        ribbons, *lines = timeline(table(*always, *short), EMOTIONS, 2).data
        assert ribbons.y == ("person 1", "person 2")
        away = (np.asarray(ribbons.x) > 1) & (np.asarray(ribbons.x) < 3)
        assert away.sum() == 8
        assert np.isnan(ribbons.z[1, away]).all()
        assert not np.isnan(ribbons.z[0]).any()
        assert not np.isnan(ribbons.z[1, ~away]).any()
        for line in lines:
            assert np.isnan(np.asarray(line.y)[away]).all()
            assert not np.isnan(np.asarray(line.y)[~away]).any()
            assert line.connectgaps is None

    @pytest.mark.parametrize(
        ("nobody", "end_s"),
        [
            pytest.param([], 1.25, id="somebody all the time"),
            pytest.param([(0.25, 0.5)], 1.25, id="for a moment"),
            pytest.param([(0.25, 0.5), (1.5, 9.0)], 9.0, id="until the end"),
        ],
    )
    def test_where_nobody_was_found_is_shaded(self, nobody: list[tuple[float, float]], end_s: float) -> None:
        figure = timeline(table((0.0, 1, "happy"), (1.0, 1, "sad")), EMOTIONS, 1, nobody)
        assert sorted({(shape.x0, shape.x1) for shape in figure.layout.shapes}) == nobody
        assert figure.layout.xaxis.range[1] >= end_s

    def test_both_share_one_time_axis(self) -> None:
        figure = timeline(table((0.0, 1, "happy"), (8.0, 1, "sad")), EMOTIONS, 1)
        assert figure.layout.xaxis.matches == "x2"
        assert figure.layout.xaxis.range == figure.layout.xaxis2.range
        assert figure.layout.yaxis2.range == (0, 1.02)
        assert [axis.fixedrange for axis in (figure.layout.yaxis, figure.layout.yaxis2)] == [True, True]

    def test_a_long_recording_stays_light(self) -> None:
        seen = table(*((float(frame), person, "happy") for frame in range(3600) for person in (1, 2)))
        figure = timeline(seen, EMOTIONS, 2)
        assert all(len(trace.x) <= MAX_BINS + 1 for trace in figure.data)
        assert figure.data[0].x[-1] == pytest.approx(3599, abs=bin_width_s(seen))

    def test_a_crowd_has_ribbons_for_the_first(self) -> None:
        crowd = table(*((0.0, person, "happy") for person in range(1, 40)))
        figure = timeline(crowd, EMOTIONS, 39)
        assert figure.data[0].y == tuple(f"person {person}" for person in range(1, MAX_RIBBONS + 1))
        assert not np.isnan(figure.data[1].y).any()

    def test_what_was_written_on_it_is_drawn(self) -> None:
        seen = table((0.0, 1, "happy"), (4.0, 2, "sad"), (4.0, 3, "sad"))
        remarks = Remarks(names={1: "<b>", 2: "Bo", 3: "Bo"}, markers=(Marker(1.5, "a door that falls shut, loudly"),))
        figure = timeline(seen, EMOTIONS, 1, remarks=remarks)
        assert figure.data[0].y == ("&lt;b&gt;", "Bo (2)", "Bo (3)")
        assert [(shape.x0, shape.x1) for shape in figure.layout.shapes] == [(1.5, 1.5)]
        assert [note.text for note in figure.layout.annotations] == ["a door that falls shu\u2026"]


def test_two_are_laid_over_each_other_where_they_are_marked() -> None:
    first = Course("One", table((0.0, 1, "happy"), (1.0, 2, "happy")), EMOTIONS, 4.0, (Marker(4.0, "joke"),))
    second = Course("Two", table((0.0, 1, "sad"), classes=EMOTIONS_WITH_CONTEMPT), EMOTIONS_WITH_CONTEMPT)
    figure = overlay(first, second, "happy")
    assert [(trace.y[0], trace.x[0]) for trace in figure.data[::2]] == [("One", -3.0), ("Two", 1.0)]
    lines = figure.data[1::2]
    assert [line.line.dash for line in lines] == ["solid", "dash"], "colour does not tell them apart"
    assert lines[0].y[0] > 0.6 > lines[1].y[0]
    assert [shape.x0 for shape in figure.layout.shapes] == [0.0]
    assert figure.layout.xaxis.range[0] == -4.0
