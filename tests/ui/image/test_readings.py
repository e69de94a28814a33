"""A reading for those who cannot see the picture."""

import numpy as np
import pytest

from fer.emotions import EMOTIONS
from fer.results import Face, FrameResult, Reader
from fer.ui.style import describe_result


def _face(emotion: str, confidence: float, likely: tuple[str, ...] | None = None) -> Face:
    probabilities = np.full(len(EMOTIONS), (1 - confidence) / (len(EMOTIONS) - 1), np.float32)
    probabilities[EMOTIONS.index(emotion)] = confidence
    return Face((0, 0, 9, 9), (0, 0, 9, 9), 1.0, probabilities, EMOTIONS, prediction_set=likely)


@pytest.mark.parametrize(
    ("faces", "sentence"),
    [
        pytest.param((), "A photo in which no face was found.", id="no face"),
        pytest.param(
            (_face("happy", 0.92),), "The photo with 1 numbered face. face 1: Looks happy, 92 %.", id="one face"
        ),
        pytest.param(
            (_face("sad", 0.7), _face("fear", 0.4, ("fear", "angry"))),
            "The photo with 2 numbered faces. face 1: Looks sad, 70 %; face 2: Afraid or angry.",
            id="two faces",
        ),
    ],
)
def test_what_was_found_in_words(faces: tuple[Face, ...], sentence: str) -> None:
    assert describe_result(FrameResult(200, 100, faces, Reader("drawn", "haar", "", "none", EMOTIONS))) == sentence
