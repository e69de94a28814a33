"""The facts of a card, in words."""

import pytest

from fer.ui.models.details import _fact

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
        ({"name": "fer2013", "digest": DIGEST}, "fer2013 (digest 3825245f41e8)"),
        ([{"name": "a", "digest": DIGEST}, {"name": "b", "digest": "?"}], "a (digest 3825245f41e8), b (?)"),
        ({"blank": 11, "further copies": 1166}, "blank 11, further copies 1,166"),
        ([f"S{number}" for number in range(10)], "S0, S1, S2, S3, S4, S5, S6, S7 and 2 more"),
    ],
    ids=str,
)
def test_facts_are_words(value: object, words: str) -> None:
    assert _fact(value) == words
