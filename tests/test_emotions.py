"""The labels: order, colours and icons that everything else relies on."""

import re

import pytest

from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT, emotion


def test_order_is_that_of_the_data_sets() -> None:
    assert EMOTIONS == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    assert (*EMOTIONS, "contempt") == EMOTIONS_WITH_CONTEMPT


@pytest.mark.parametrize("name", ["", "Happy", "joy", "unknown"], ids=["empty", "capital", "synonym", "unknown"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(KeyError, match=repr(name)):
        emotion(name)


@pytest.mark.parametrize("field", ["name", "adjective", "colour", "edge", "icon"])
def test_no_two_expressions_share_a_mark(field: str) -> None:
    values = [getattr(emotion(name), field) for name in EMOTIONS_WITH_CONTEMPT]
    assert len(set(values)) == len(values)


@pytest.mark.parametrize("name", EMOTIONS_WITH_CONTEMPT)
def test_colours_are_hex_and_the_edge_is_darker(name: str) -> None:
    known = emotion(name)
    assert all(re.fullmatch("#[0-9A-F]{6}", colour) for colour in (known.colour, known.edge))
    channels = zip(bytes.fromhex(known.colour[1:]), bytes.fromhex(known.edge[1:]), strict=True)
    assert all(edge <= fill for fill, edge in channels)


def test_opencv_gets_blue_first() -> None:
    assert emotion("angry").colour_bgr == (0x00, 0x5E, 0xD5)
