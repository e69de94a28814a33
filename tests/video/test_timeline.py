"""Timelines: one row a person and frame, rows that say why there is nobody, and people put right."""

import numpy as np
import pandas as pd
import pytest

from fer.emotions import EMOTIONS
from tests.video.drawn import face, timeline

COLUMNS = [
    *("time_s", "frame", "person", "x", "y", "w", "h", "detector_score", "emotion", "label", "confidence"),
    *("set", "quality", "interpolated"),
    *EMOTIONS,
]


class TestTable:
    def test_nothing(self) -> None:
        table = timeline([]).to_table()
        assert list(table.columns) == COLUMNS
        assert len(table) == 0

    def test_nobody(self) -> None:
        table = timeline([[], []], unlooked=[1]).to_table()
        assert list(table.columns) == COLUMNS
        assert table.frame.tolist() == [0, 1]
        assert table.person.isna().all()
        assert table.quality.tolist() == ["no face", "not looked at"]
        assert not table.interpolated.any()

    def test_people(self) -> None:
        frames = [[face(1), face(2, "sad", 0.6, x=50, faults=("small", "dark"))], [], [face(1, "neutral")]]
        frames.append([face(1, unsure=True)])
        table = timeline(frames, unlooked=[2]).to_table()
        assert table.time_s.tolist() == [0, 0, 0.1, 0.2, 0.3]
        assert table.frame.tolist() == [0, 0, 1, 2, 3]
        assert table.person.fillna(0).tolist() == [1, 2, 0, 1, 1]
        assert table.emotion.fillna("").tolist() == ["happy", "sad", "", "neutral", "happy"]
        assert table.label.fillna("").tolist() == ["happy", "sad", "", "neutral", "unsure"]
        assert table["set"].fillna("").tolist() == ["happy", "sad", "", "neutral", "happy|angry"]
        assert table.quality.tolist() == ["", "small|dark", "no face", "", ""]
        assert table.interpolated.tolist() == [False, False, False, True, False]
        assert table.loc[1, ["x", "y", "w", "h"]].tolist() == [50, 20, 30, 40]
        assert table.loc[1, ["detector_score", "confidence", "sad", "happy"]].tolist() == pytest.approx(
            [0.9, 0.6, 0.6, 0.4 / 6], abs=1e-6
        )

    def test_types_do_not_hang_on_what_was_seen(self) -> None:
        tables = [timeline(frames).to_table() for frames in ([], [[]], [[face(1)], []])]
        assert len({tuple(table.dtypes) for table in tables}) == 1


class TestPeople:
    def test_names_stand_in_the_table(self) -> None:
        named = timeline([[face(1), face(2)], []]).with_people(names={2: "Anna"})
        assert named.to_table().person.fillna("").tolist() == ["1", "Anna", ""]
        assert (named.name(1), named.name(2)) == ("1", "Anna")

    def test_merging_keeps_the_surer_of_two_in_one_frame(self) -> None:
        pale = timeline([[face(1)], [face(2, "sad")], [face(1), face(3, "fear")]])
        merged = pale.with_people(merged={2: 1, 3: 2})
        assert merged.people == (1,)
        assert merged.frame.tolist() == [0, 1, 2]
        assert merged.to_table().emotion.tolist() == ["happy", "sad", "happy"]

    def test_a_ring_is_refused(self) -> None:
        with pytest.raises(ValueError, match="is merged into others who are merged into that person"):
            timeline([[face(1), face(2)]]).with_people(merged={1: 2, 2: 1})

    def test_who_is_left_out_leaves_a_frame_without_a_face(self) -> None:
        table = timeline([[face(1), face(2)], [face(2)]]).with_people(left_out=[2]).to_table()
        assert table.person.fillna(0).tolist() == [1, 0]
        assert table.quality.tolist() == ["", "no face"]

    def test_nothing_asked_changes_nothing(self) -> None:
        before = timeline([[face(1), face(2)], []])
        pd.testing.assert_frame_equal(before.with_people().to_table(), before.to_table())


@pytest.mark.parametrize(
    ("times_s", "end_s"),
    [
        pytest.param([], 0, id="no frame"),
        pytest.param([0], 0.04, id="one frame"),
        pytest.param([0, 0.1, 0.2, 1.2], 1.3, id="a variable rate"),
    ],
)
def test_the_last_frame_lasts_as_long_as_most(times_s: list[float], end_s: float) -> None:
    over_time = timeline([[] for _ in times_s], times_s)
    assert over_time.end_s == pytest.approx(end_s)
    assert over_time.span_s.sum() == pytest.approx(end_s)


def test_boxes_are_in_pixels_of_the_video() -> None:
    from fer.video.timeline import TimelineBuilder

    builder = TimelineBuilder(EMOTIONS)
    builder.add(0.0, [face(1)], looked=True, scale_xy=(2.0, 3.0))
    np.testing.assert_allclose(builder.build().boxes_xywh, [[20, 60, 60, 120]])


def test_a_session_keeps_every_look_and_nothing_made_up() -> None:
    over_time = timeline([[face(1, unsure=True), face(2, "sad")], [], [face(1)], [face(1)]], unlooked=[2])
    looks = list(over_time.looks())
    assert [(look.time_s, [sample.person for sample in look.samples]) for look in looks] == [
        (0, [1, 2]),
        (pytest.approx(0.1), []),
        (pytest.approx(0.3), [1]),
    ]
    assert [sample.is_unsure for sample in looks[0].samples] == [True, False]
    sample = looks[0].samples[1]
    assert sample.box_xywh == (10, 20, 30, 40)
    assert sample.probabilities[EMOTIONS.index("sad")] == pytest.approx(0.7)
