"""Words from outside as Markdown, and a reading in words."""

import re

import numpy as np
import pytest

from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT, emotion
from fer.results import Face
from fer.ui.style import people_words, plain, reading_words

CODE = re.compile(r"(?<!\\)`([^`]*)`")


def shown(markdown: str) -> str:
    """What a reader sees of escaped text: the backslashes and the marks of code are gone."""
    parts = CODE.split(markdown)  # every second one is code, which has no escapes
    return "".join(part if i % 2 else re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", part) for i, part in enumerate(parts))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "portrait 12",
        "Zoë's photo, 50 %",
        "![x](http://example.com/a.png)",
        "[a link](javascript:alert(1))",
        "<img src=x onerror=alert(1)>",
        "**bold** _italic_ ~~gone~~ `code`",
        "# heading\n- item\n1. item\n> quote",
        ":red[danger] :material/home: :smile:",
        "$x^2$ &amp; a|b a==b a->b",
        r"C:\photos\*.png",
        "http://example.com https://example.com HTTPS://EXAMPLE.COM www.example.com me@example.com",
    ],
    ids=[
        *("nothing", "plain words", "other signs", "picture", "link", "HTML", "emphasis", "blocks", "directives"),
        *("formulas", "backslashes", "addresses"),
    ],
)
class TestPlain:
    def test_the_words_stay_as_they_are(self, text: str) -> None:
        assert shown(plain(text)) == text

    def test_nothing_is_left_that_markdown_would_take_up(self, text: str) -> None:
        unescaped = re.sub(r"\\[!-/:-@\[-`{-~]", "", CODE.sub("", plain(text)))
        assert not set(unescaped) & set(r"\`*_{}[]()<>#+-.!|~$:^=&")

    def test_no_address_becomes_a_link_and_it_can_be_copied(self, text: str) -> None:
        """The renderer looks for addresses after it has taken the backslashes away, but not in code."""
        read = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", CODE.sub("", plain(text)))
        assert not re.search(r"(?i)https?://\w|www\.\w|\w@\w", read)
        assert plain(text).isascii() == text.isascii()


def _face(likely: tuple[str, ...] | None = None, **probabilities: float) -> Face:
    classes = EMOTIONS_WITH_CONTEMPT if "contempt" in probabilities else EMOTIONS
    rest = (1 - sum(probabilities.values())) / (len(classes) - len(probabilities))
    shares = np.array([probabilities.get(c, rest) for c in classes])
    return Face((0, 0, 9, 9), (0, 0, 9, 9), 1.0, shares, classes, prediction_set=likely)


@pytest.mark.parametrize(
    ("face", "words"),
    [
        pytest.param(_face(fear=0.3), "Looks afraid", id="no sets"),
        pytest.param(_face(("happy",), happy=0.9), "Looks happy", id="one"),
        pytest.param(_face(("angry", "disgust"), angry=0.4, disgust=0.3), "Angry or disgusted", id="two"),
        pytest.param(_face(("sad", "fear", "angry"), sad=0.4, fear=0.3, angry=0.2), "Hard to tell", id="three"),
        pytest.param(_face(contempt=0.8), "Looks contemptuous", id="the eighth class"),
    ],
)
def test_a_reading_in_words(face: Face, words: str) -> None:
    assert reading_words(face) == words


@pytest.mark.parametrize(
    ("face", "words"),
    [
        pytest.param(_face(happy=0.97), "Nearly everyone would call this happy.", id="all"),
        pytest.param(_face(happy=0.94), "About 9 of 10 people would call this happy.", id="most"),
        pytest.param(
            _face(fear=0.51, surprise=0.4), "About 5 of 10 people would call this afraid, 4 surprised.", id="divided"
        ),
        pytest.param(
            _face(sad=0.4, neutral=0.3, angry=0.2, fear=0.08),
            "About 4 of 10 people would call this sad, 3 neutral, 2 angry.",
            id="three and no more",
        ),
        pytest.param(_face(sad=0.149), "People would not agree on what to call this.", id="nobody knows"),
    ],
)
def test_what_people_would_say(face: Face, words: str) -> None:
    assert people_words(face) == words


def test_every_class_completes_the_words() -> None:
    for name in EMOTIONS_WITH_CONTEMPT:
        probabilities = {"contempt": 0.0} | {name: 0.9}
        assert reading_words(_face(**probabilities)) == f"Looks {emotion(name).adjective}"
