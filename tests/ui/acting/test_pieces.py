"""How the Acting practice page words a score."""

from types import MappingProxyType

import pytest

from fer.acting.practice import Attempt, PracticeState
from fer.ui.acting import pieces


def _result(attempt: Attempt, **neutral: float) -> PracticeState:
    return PracticeState(
        "result",
        attempt.expression,
        position=1,
        total=2,
        turn=1,
        remaining_s=0.0,
        flows=False,
        nearness=None,
        refused_as=None,
        stalled=False,
        attempts=(attempt,),
        neutral=MappingProxyType(neutral),
    )


@pytest.mark.parametrize(
    ("attempt", "neutral", "words"),
    [
        (
            Attempt(1, "happy", 50, 0.6, 0.2, "happy"),
            {"happy": 0.2, "neutral": 0.8},
            "Read as happy with 60 %; your neutral face reached 20 %.",
        ),
        (
            Attempt(1, "happy", 0, 0.001, 0.2, "sad"),
            {"happy": 0.2, "neutral": 0.8},
            "Read as happy with < 1 %; your neutral face reached 20 %.",
        ),
        (
            Attempt(1, "neutral", 70, 0.7, 0.0, "neutral"),
            {"sad": 0.3, "happy": 0.1, "neutral": 0.7},
            "Read as neutral with 70 %. The other scores count from this face.",
        ),
        (
            Attempt(1, "neutral", 30, 0.3, 0.0, "sad"),
            {"happy": 0.1, "sad": 0.6, "neutral": 0.3},
            "Read as neutral with 30 %. The other scores count from this face. It was also read as sad with up to "
            "60 %, which leaves less to gain there: if your face was not at rest, try again.",
        ),
    ],
    ids=["an expression", "hardly there", "neutral", "neutral that looks sad"],
)
def test_a_score_says_where_it_comes_from(attempt: Attempt, neutral: dict[str, float], words: str) -> None:
    assert pieces.put_in_words(attempt, _result(attempt, **neutral)) == words
