"""Which models are ranked, in which order, and what stands beside their figures."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from fer.emotions import EMOTIONS
from fer.evaluation import Evaluation, Stamp, measure
from fer.ui.models.choice import Entry
from fer.ui.models.figures import rank, write_protocol

STAMP = Stamp(
    model="drawn",
    data="fer2013",
    digest="0123456789abcdef",
    split="PrivateTest",
    n=10,
    rows_left_out={},
    trained_on="fer2013 Training",
    seen_in_training=False,
    copies_in_training=None,
    selected_by="a coin",
    seeds=1,
    training_device="none",
    date="2001-02-03",
    code_version="9.9",
)


def entry(name: str, right: int, labels: tuple[int, ...] = (0, 0, 0, 0, 0, 3, 3, 3, 3, 3), **stamp: object) -> Entry:
    """A model that reads the last faces as labelled, as many as `right`, and the others as sad."""
    of = np.array(labels)
    read = np.where(np.arange(len(of)) >= len(of) - right, of, 4)
    figures = measure(np.eye(7)[read], of, EMOTIONS)
    evaluation = Evaluation(replace(STAMP, n=len(of), **stamp), {"none": figures, "flip": figures})
    return Entry(SimpleNamespace(name=name), evaluation, None)


UNMEASURED = Entry(SimpleNamespace(name="unmeasured"), None, None)
MOSTLY_HAPPY = (0, 3, 3, 3, 3, 3, 3, 3, 3, 3)


@pytest.mark.parametrize(
    ("entries", "order", "ranked", "note"),
    [
        ([], "", "", ""),
        ([UNMEASURED], "unmeasured", "", ""),
        ([entry("one", 5)], "one", "", ""),
        ([entry("low", 5), UNMEASURED, entry("high", 9)], "high low unmeasured", "high low", "Ranked by accuracy."),
        (
            [entry("seen", 10, seen_in_training=True), entry("low", 5), entry("high", 9)],
            "high low seen",
            "high low",
            "Ranked by accuracy. A model that learned from these very faces is marked and not ranked.",
        ),
        (
            [entry("here", 5), entry("elsewhere", 9, digest="fedc")],
            "elsewhere here",
            "",
            "Not measured on the same rows, so these models are not ranked.",
        ),
        (
            [entry("neutral", 9, MOSTLY_HAPPY), entry("fair", 10, MOSTLY_HAPPY)],
            "fair neutral",
            "fair neutral",
            "Ranked by macro recall. 90 % of these faces have one label: accuracy says little here, macro recall more.",
        ),
    ],
    ids=["none", "no figures", "one", "by accuracy", "seen in training", "other rows", "mostly one label"],
)
def test_ranks_are_fair(entries: list[Entry], order: str, ranked: str, note: str) -> None:
    ranking = rank(entries, "none")
    assert " ".join(entry.name for entry in ranking.order) == order
    assert " ".join(entry.name for entry in ranking.ranked) == ranked
    assert ranking.note == note


@pytest.mark.parametrize(
    ("stamp", "words"),
    [
        ({}, "FER2013, PrivateTest: 10 faces. Trained on fer2013 Training (none, seeds: 1); checkpoint selected by a"),
        ({}, "Temperature: not noted."),
        ({}, "Measured 2001-02-03 on the network that is served, code 9.9, data 01234567."),
        ({"rows_left_out": {"contempt": 1700}}, "10 faces (left out: 1,700 contempt)."),
        ({"seen_in_training": True}, "Seen in training: these figures say nothing about new faces."),
        ({"copies_in_training": 3}, "3 have an exact copy among the training faces."),
        ({"temperature": {"none": 0.9, "flip": 1.25}}, "Temperature: none 0.900, flip 1.250."),
        ({"split": "apex", "data": "ckplus"}, "CK+, expressions at their peak: 10 faces."),
    ],
    ids=["what", "no temperature", "when", "left out", "seen", "copies", "temperature", "apex"],
)
def test_a_protocol_says_what_the_figures_need(stamp: dict, words: str) -> None:
    assert words in write_protocol(entry("drawn", 5, **stamp).evaluation)
