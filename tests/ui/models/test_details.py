"""The facts of a card, in words."""

from types import SimpleNamespace

import pytest

from fer.recognition import UNKNOWN, LearnedRows
from fer.ui.models.details import _fact, heads_in_words, learned_in_words

DIGEST = "3825245f41e803a9f43828111bccf707922a5a7e881c46906409d9a0b41d1976"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "none"),
        ([], "none"),
        (True, "yes"),
        (False, "no"),
        (27436, "27,436"),
        ("2 CPU cores", "2 CPU cores"),
        (DIGEST, "digest 3825245f41e8"),
        ({}, "none"),
        ({"name": "fer2013", "digest": DIGEST}, "fer2013 (digest 3825245f41e8)"),
        ([{"name": "a", "digest": DIGEST}, {"name": "b", "digest": "?"}], "a (digest 3825245f41e8), b (?)"),
        ({"blank": 11, "further copies": 1166}, "blank 11, further copies 1,166"),
        ([f"S{number}" for number in range(10)], "S0, S1, S2, S3, S4, S5, S6, S7 and 2 more"),
    ],
    ids=str,
)
def test_facts_are_words(value: object, words: str) -> None:
    assert _fact(value) == words


@pytest.mark.parametrize(
    ("learned", "words"),
    [
        pytest.param([LearnedRows("fer2013", "Training")], "FER2013 Training (itself)", id="nothing before it"),
        pytest.param([LearnedRows("mine", "all")], "mine all (itself)", id="one's own data"),
        pytest.param(
            [
                LearnedRows("ckplus", "Training", held_out_subjects=["S011", "S014"]),
                LearnedRows("fer2013", "Training", by="fer2013"),
                LearnedRows("fer2013", "Training", by="teacher"),
                LearnedRows("fer2013", "Training", by="teacher"),
            ],
            "CK+ Training, without 2 people held out (itself); FER2013 Training (fer2013, teacher)",
            id="ancestors and teachers",
        ),
        pytest.param(
            [LearnedRows("fer2013", "Training"), LearnedRows(UNKNOWN, UNKNOWN, by="stray")],
            "FER2013 Training (itself); nobody noted what (stray)",
            id="a network without a card",
        ),
    ],
)
def test_lineage_is_words(learned: list[LearnedRows], words: str) -> None:
    assert learned_in_words(SimpleNamespace(learned=learned)) == words


@pytest.mark.parametrize(
    ("heads", "words"),
    [
        pytest.param({}, "labels", id="one head"),
        pytest.param(
            {"served": 0.3, "labels": 1.0, "votes": 1.0},
            "labels and raters' votes; answers with the mean of both, 30 % of it the raters'",
            id="a mean",
        ),
        pytest.param(
            {"served": 1, "labels": 1.0, "votes": 2.0},
            "labels and raters' votes, the votes counting 2 times as much; answers as the raters would",
            id="the raters' head",
        ),
        pytest.param(
            {"served": 1, "labels": 0.0, "votes": 1.0}, "raters' votes; answers as the raters would", id="votes alone"
        ),
        pytest.param(
            {"served": 0, "labels": 1.0, "votes": 1.0},
            "labels and raters' votes; answers as the labels would",
            id="the labels' head",
        ),
    ],
)
def test_heads_are_words(heads: dict[str, float], words: str) -> None:
    assert heads_in_words(heads) == words
