"""Summaries: shares by time, spells that no flicker ends, chapters, and when nobody was seen."""

from itertools import pairwise

import pytest

from fer.video.summary import MOST_CHAPTERS, find_spells, summarize, summarize_people
from fer.video.timeline import Timeline
from tests.video.drawn import face, timeline


def spells(over_time: Timeline) -> list[tuple[int, str, float, float]]:
    return [(s.person, s.label, round(s.start_s, 2), round(s.end_s, 2)) for s in find_spells(over_time)]


def run(emotions: str, person: int = 1) -> list[list]:
    """A tenth of a second a letter: h happy, s sad, n neutral, in capitals unsure of it, - nobody."""
    words = {"h": "happy", "s": "sad", "n": "neutral"}
    return [
        [] if letter == "-" else [face(person, words[letter.lower()], unsure=letter.isupper())] for letter in emotions
    ]


def test_nothing() -> None:
    summary = summarize(timeline([]))
    assert (summary.duration_s, summary.frames, summary.shares) == (0, 0, {})
    assert (summary.people, summary.spells, summary.chapters, summary.nobody) == ((), (), (), ())


def test_nobody() -> None:
    summary = summarize(timeline(run("-" * 30), unlooked=range(10, 20)))
    assert [(s.start_s, round(s.end_s, 6)) for s in summary.nobody] == [(0, 3)], "as at the looks around"
    assert summary.not_looked_at == ()
    assert [chapter.title for chapter in summary.chapters] == ["Nobody"]


def test_shares_count_time_and_not_frames() -> None:
    times_s = [0, 1, 2, 3, 3.01, 3.02, 3.03]
    over_time = timeline(run("hhhssss"), times_s)
    (person,) = summarize(over_time).people
    assert person.shares["happy"] == pytest.approx(3 / over_time.end_s, abs=1e-3)
    assert sum(person.shares.values()) == pytest.approx(1)
    assert person.mean_probabilities["happy"] == pytest.approx(
        (3 * 0.7 + 0.05 * (over_time.end_s - 3)) / over_time.end_s
    )


@pytest.mark.parametrize(
    ("emotions", "expected"),
    [
        pytest.param("h" * 30, [(1, "happy", 0, 3)], id="one"),
        pytest.param("h" * 30 + "s" * 30, [(1, "happy", 0, 3), (1, "sad", 3, 6)], id="two"),
        pytest.param("h" * 15 + "s" + "h" * 14, [(1, "happy", 0, 3)], id="a flicker ends none"),
        pytest.param("h" * 15 + "---" + "h" * 12, [(1, "happy", 0, 3)], id="missed for a moment"),
        pytest.param(
            "h" * 15 + "-" * 10 + "h" * 15, [(1, "happy", 0, 1.5), (1, "happy", 2.5, 4)], id="gone for a second"
        ),
        pytest.param("h", [(1, "happy", 0, 0.04)], id="a single frame"),
        pytest.param("h" * 30 + "S" * 30, [(1, "happy", 0, 3), (1, "unsure", 3, 6)], id="doubt"),
        pytest.param("h" * 15 + "HH" + "h" * 13, [(1, "happy", 0, 3)], id="a moment of doubt ends none"),
    ],
)
def test_spells(emotions: str, expected: list) -> None:
    assert spells(timeline(run(emotions))) == expected


def test_doubt_has_a_share_of_its_own() -> None:
    summary = summarize(timeline(run("h" * 30 + "S" * 10 + "H" * 20)))
    assert summary.shares["happy"] == summary.people[0].shares["happy"] == pytest.approx(0.5)
    assert summary.shares["unsure"] == pytest.approx(0.5)
    assert summary.shares["sad"] == 0
    assert [chapter.title for chapter in summary.chapters] == ["1 happy", "1 unsure"]
    assert [(spell["emotion"], spell["label"]) for spell in summary.to_record()["spells"]] == [
        ("happy", "happy"),
        ("happy", "unsure"),
    ]
    assert {spell.label for spell in summary.longest} == {"happy", "unsure"}


def test_spells_of_rare_looks_go_on_between_them() -> None:
    frames = [[face(1)] if i % 20 == 0 else [] for i in range(81)]
    over_time = timeline(frames, unlooked=[i for i in range(81) if i % 20])
    assert spells(over_time) == [(1, "happy", 0, 8.1)]


@pytest.mark.parametrize(
    ("pattern", "looks", "nobody", "not_looked_at"),
    [
        pytest.param("hhh", [], [], [], id="no look, but told"),
        pytest.param("---", [], [], [(0, 0.3)], id="no look at all"),
        pytest.param("-" * 9, [0, 4, 8], [(0, 0.9)], [], id="nobody at the looks around"),
        pytest.param("-" * 9, [4], [(0.4, 0.5)], [(0, 0.4), (0.5, 0.9)], id="before the first and after the last look"),
        pytest.param("h---h---", [0, 4, 7], [(0.7, 0.8)], [(0.1, 0.4), (0.5, 0.7)], id="somebody at one of them"),
        pytest.param("-" * 18, [0, 17], [(0, 0.1), (1.7, 1.8)], [(0.1, 1.7)], id="looks too far apart"),
    ],
)
def test_when_nobody_was_seen(pattern: str, looks: list[int], nobody: list, not_looked_at: list) -> None:
    summary = summarize(timeline(run(pattern), unlooked=[i for i in range(len(pattern)) if i not in looks]))
    for found, expected in ((summary.nobody, nobody), (summary.not_looked_at, not_looked_at)):
        assert [(pytest.approx(s.start_s), pytest.approx(s.end_s)) for s in found] == expected


def test_the_longest_spells() -> None:
    longest = summarize(timeline(run("h" * 20 + "s" * 40 + "h" * 30))).longest
    assert [(s.emotion, round(s.end_s - s.start_s, 1)) for s in longest] == [("sad", 4), ("happy", 3), ("happy", 2)]


@pytest.mark.parametrize(
    ("over_time", "titles"),
    [
        pytest.param(timeline(run("h" * 30)), ["1 happy"], id="one"),
        pytest.param(timeline(run("h" * 30 + "-" * 30 + "s" * 30)), ["1 happy", "Nobody", "1 sad"], id="a gap between"),
        pytest.param(timeline(run("h" * 30 + "s" * 5 + "h" * 30)), ["1 happy"], id="too short for one"),
        pytest.param(timeline(run("h" * 60), cuts=[30]), ["1 happy", "1 happy"], id="a cut"),
        pytest.param(timeline([[face(1), face(2, "sad")]] * 30), ["1 happy, 2 sad"], id="two people"),
        pytest.param(
            timeline([[face(i, "sad" if i > 2 else "happy") for i in range(1, 6)]] * 30),
            ["5 people, mostly sad"],
            id="a crowd",
        ),
        pytest.param(
            timeline([[face(1)]] * 30).with_people(names={1: "Anna"}), ["Anna happy"], id="somebody with a name"
        ),
    ],
)
def test_chapters(over_time: Timeline, titles: list[str]) -> None:
    chapters = summarize(over_time).chapters
    assert [chapter.title for chapter in chapters] == titles
    assert chapters[0].start_s == 0
    assert chapters[-1].end_s == pytest.approx(over_time.end_s)
    assert all(one.end_s == after.start_s for one, after in pairwise(chapters))


def test_chapters_stay_few() -> None:
    over_time = timeline(run(("h" * 25 + "s" * 25) * 150))
    assert 10 < len(summarize(over_time).chapters) <= MOST_CHAPTERS


def test_a_selected_span_counts_what_lies_in_it() -> None:
    over_time = timeline(run("h" * 30 + "s" * 30))
    (person,) = summarize_people(over_time, 2.05, 4.0)
    assert person.seen_s == pytest.approx(1.95)
    assert person.shares["happy"] == pytest.approx(0.95 / 1.95)
    assert (person.first_s, person.last_s) == pytest.approx((2.05, 4.0))
    assert summarize_people(over_time, 7, 9) == []


def test_the_record_is_plain() -> None:
    import json

    record = summarize(timeline(run("h" * 30 + "-" * 30))).to_record()
    assert json.loads(json.dumps(record)) == record
    assert record["people"][0]["shares"]["happy"] == 1
    assert record["nobody"] == [[3.0, 6.0]]
