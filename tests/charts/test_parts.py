"""What charts are made of: the colours of the expressions."""

import pytest

from fer.charts.parts import emotion_scale
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT, emotion


@pytest.mark.parametrize(
    "classes",
    [(), EMOTIONS, EMOTIONS_WITH_CONTEMPT, ("sad", "angry")],
    ids=["empty", "seven", "eight", "another order"],
)
def test_every_class_has_its_own_colour(classes: tuple[str, ...]) -> None:
    assert emotion_scale(classes).to_dict() == {
        "domain": list(classes),
        "range": [emotion(name).colour for name in classes],
    }


def test_a_name_that_is_no_expression_has_no_colour() -> None:
    with pytest.raises(KeyError, match="joy"):
        emotion_scale(["joy"])
