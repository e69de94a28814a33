"""The verdict in words: who reads whose faces best, measured alike, and when that may be chance."""

from types import SimpleNamespace

import pytest

from fer.evaluation.strangers import Protocol, StrangersRead
from fer.ui.models.verdict import _headline, _line

FACES = {"votes": "everyday", "labels": "everyday", "folds": "posed", "everyone": "posed", "held-out": "posed"}
TAUGHT = {"web": "everyday", "web2": "everyday", "studio": "posed", "own": None}


def read(*figures: tuple[str, Protocol, float]) -> list[StrangersRead]:
    """Figures whose intervals reach three points to either side."""
    return [
        StrangersRead(model, FACES[protocol], protocol, share, (share - 0.03, share + 0.03), 7, SimpleNamespace())
        for model, protocol, share in figures
    ]


OWN_KIND = [
    ("web", "labels", 0.66),
    ("web", "everyone", 0.72),
    ("studio", "labels", 0.58),
    ("studio", "folds", 0.94),
    ("studio", "held-out", 0.96),
]


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        pytest.param([], "How well strangers' faces are read", id="nothing"),
        pytest.param(OWN_KIND[:2], "How well strangers' faces are read", id="only those of one kind"),
        pytest.param(OWN_KIND, "Models read best the kind of faces that they learned from", id="each its own"),
        pytest.param(
            [*OWN_KIND, ("web2", "labels", 0.6), ("web2", "everyone", 0.97)],
            "Models that learned from everyday photos read both kinds best",
            id="one kind wins both",
        ),
        pytest.param(
            [("web", "labels", 0.5), ("studio", "labels", 0.6), ("web", "everyone", 0.9), ("studio", "folds", 0.7)],
            "Models read best the kind of faces that they did not learn from",
            id="the wrong way round",
        ),
    ],
)
def test_the_headline(figures: list[tuple[str, Protocol, float]], words: str) -> None:
    assert _headline(read(*figures), TAUGHT) == words


@pytest.mark.parametrize(
    ("figures", "kind", "words"),
    [
        pytest.param([], "everyday", "", id="nothing"),
        pytest.param([("own", "labels", 0.9)], "everyday", "", id="a model of unknown faces"),
        pytest.param(
            OWN_KIND[:1],
            "everyday",
            "**web** finds 66 % (95 % interval 63 to 69) of each expression, on average.",
            id="one",
        ),
        pytest.param(
            OWN_KIND,
            "posed",
            "**studio** finds 94 % (95 % interval 91 to 97) of each expression, on average; **web**, the best that "
            "learned everyday photos, 72 % (95 % interval 69 to 75).",
            id="everyone in turn before the few held out",
        ),
        pytest.param(
            [*OWN_KIND, ("web", "votes", 0.8)],
            "everyday",
            "**web** finds 66 % (95 % interval 63 to 69) of each expression, on average; **studio**, the best that "
            "learned posed faces in a studio, 58 % (95 % interval 55 to 61).",
            id="by labels where not all were asked by votes",
        ),
        pytest.param(
            [*OWN_KIND, ("web", "votes", 0.8), ("studio", "votes", 0.78)],
            "everyday",
            "**web** finds 80 % (95 % interval 77 to 83) of each expression, on average; **studio**, the best that "
            "learned posed faces in a studio, 78 % (95 % interval 75 to 81). Their intervals overlap, so this may be "
            "chance.",
            id="by votes where all were, and close",
        ),
    ],
)
def test_a_line(figures: list[tuple[str, Protocol, float]], kind: str, words: str) -> None:
    ordered = sorted(read(*figures), key=lambda one: list(FACES).index(one.protocol))
    assert _line(ordered, TAUGHT, kind).replace("\u00a0", " ") == words
