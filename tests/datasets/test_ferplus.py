"""The votes of FER+: what is read, what is refused, and what the raters say of the labels."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fer import paths
from fer.datasets import BadRow, FaceDataset
from fer.datasets.dataset import VOTED
from fer.datasets.ferplus import (
    VOTE_CLASSES,
    VOTE_NAMES,
    VOTES_FILE,
    Votes,
    agreement_table,
    by_majority,
    clean_labels,
    distributions,
    find_disputed,
    find_votes,
    load_votes,
    one_against_the_others,
    vote_shares,
    with_found_votes,
    with_votes,
)
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT
from fer.errors import DatasetError

HEADER = "Usage,Image name," + ",".join(VOTE_NAMES)
ANGRY, HAPPY = EMOTIONS.index("angry"), EMOTIONS.index("happy")


def line(usage: str = "Training", name: str = "fer0.png", **votes: int) -> str:
    return ",".join([usage, name, *(str(votes.get(vote, 0)) for vote in VOTE_NAMES)])


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def make(*lines: str, header: str = HEADER) -> Path:
        path = tmp_path / VOTES_FILE
        path.write_text("".join(f"{x}\n" for x in (header, *lines)), encoding="utf-8")
        return path

    return make


@pytest.fixture
def faces(draw: Callable[..., FaceDataset]) -> Callable[..., FaceDataset]:
    """A function that draws one face a label."""

    def make(*labels: int, **changes: object) -> FaceDataset:
        return draw(*((i + 1, label, "Training") for i, label in enumerate(labels)), **changes)

    return make


def votes_of(*counts: dict[str, int]) -> Votes:
    rows = [[row.get(name, 0) for name in VOTE_NAMES] for row in counts]
    return Votes(np.array(rows, np.uint8).reshape(-1, len(VOTE_NAMES)), "digest", Path("votes.csv"))


def test_words_of_the_votes_are_those_of_the_expressions() -> None:
    assert set(VOTE_CLASSES) - {"unknown", "no face"} == set(EMOTIONS_WITH_CONTEMPT)
    assert len(VOTE_CLASSES) == len(VOTE_NAMES)


def test_votes_are_read(write: Callable[..., Path], faces: Callable[..., FaceDataset]) -> None:
    path = write(line(happiness=10), line(name="", NF=10), line(neutral=4, anger=3, sadness=1, disgust=2))
    dataset = faces(HAPPY, ANGRY, ANGRY)
    votes = load_votes(path, dataset)
    assert (len(votes), votes.source) == (3, path)
    assert votes.counts.tolist() == [
        [0, 10, 0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 10],
        [4, 0, 0, 1, 3, 2, 0, 0, 0, 0],
    ]
    assert votes.no_face(dataset).tolist() == [False, True, False]
    assert votes.of(dataset.take(np.array([2]))).tolist() == votes.counts[2:].tolist()
    assert votes.digest != load_votes(write(*[line(happiness=10)] * 3), dataset).digest


def test_votes_follow_the_row_numbers(write: Callable[..., Path], faces: Callable[..., FaceDataset]) -> None:
    bad = (BadRow(2, "it breaks a rule"),)
    dataset = faces(HAPPY, ANGRY, rows=np.array([1, 3]), bad_rows=bad)
    votes = load_votes(write(line(happiness=9), line(sadness=9), line(anger=9)), dataset)
    assert find_disputed(dataset, votes)["label_share"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("header", "lines", "message"),
    [
        ("", [], "must have the columns Usage, neutral, happiness"),
        (HEADER, [], "has a header but no rows; download it from github.com/microsoft/FERPlus."),
        (HEADER.replace(",NF", ""), ["x"], "but lacks NF; download it from github.com/microsoft/FERPlus."),
        ("emotion,pixels,Usage", ["0,1 2 3 4,Training"], "but lacks neutral, happiness"),
        (HEADER, [line(), "Training,x,1"], "every row must have 12 cells, but row 2 has 3."),
        (HEADER, [line(), line() + ",1"], "every row must have 12 cells, but row 2 has 13."),
        (HEADER, [line(), line(neutral=-1)], "votes must be whole numbers from 0 to 255, but row 2 holds '-1'."),
        (HEADER, [line(), line(neutral=256)], "votes must be whole numbers from 0 to 255, but row 2 holds '256'."),
        (HEADER, [line(), line(neutral="")], "votes must be whole numbers from 0 to 255, but row 2 holds ''."),
        (HEADER, [line(), line(neutral="0.5")], "votes must be whole numbers from 0 to 255, but row 2 holds '0.5'."),
        (HEADER, [line()], "has votes for 1 faces, but drawn.csv has 2 rows; use the two files that belong together."),
        (HEADER, [line()] * 3, "has votes for 3 faces, but drawn.csv has 2 rows"),
        (HEADER, [line(), line("PublicTest")], "row 2 is PublicTest in one and Training in the other."),
    ],
    ids=[
        "empty",
        "no rows",
        "column missing",
        "another file",
        "cells missing",
        "cells too many",
        "negative",
        "past 255",
        "no number",
        "fraction",
        "too few rows",
        "too many rows",
        "other faces",
    ],
)
def test_bad_file_is_refused_in_one_sentence(
    header: str, lines: list[str], message: str, write: Callable[..., Path], faces: Callable[..., FaceDataset]
) -> None:
    with pytest.raises(DatasetError, match=re.escape(message)) as raised:
        load_votes(write(*lines, header=header), faces(HAPPY, ANGRY))
    assert VOTES_FILE in str(raised.value)


def test_file_that_is_not_there_or_no_text(tmp_path: Path, faces: Callable[..., FaceDataset]) -> None:
    with pytest.raises(DatasetError, match=r"cannot be read: No such file or directory\.$"):
        load_votes(tmp_path / "no.csv", faces(HAPPY))
    (tmp_path / "zip.csv").write_bytes(b"PK\x03\x04\xff\xfe\x80")
    with pytest.raises(DatasetError, match=r"^zip\.csv is no CSV file of UTF-8 text; download it from"):
        load_votes(tmp_path / "zip.csv", faces(HAPPY))


def test_file_of_gigabytes_is_refused(write: Callable[..., Path], faces: Callable[..., FaceDataset]) -> None:
    path = write(line())
    os.truncate(path, 5 * 10**9)  # sparse: takes no room on the disk
    with pytest.raises(DatasetError, match=r"^fer2013new\.csv has 5,000 MB, but a file of votes has at most 100 MB;"):
        load_votes(path, faces(HAPPY))


@pytest.mark.parametrize("at", ["nowhere", "search path", "beside"])
def test_votes_are_found(at: str, tmp_path: Path, faces: Callable[..., FaceDataset]) -> None:
    dataset = faces(HAPPY, source=tmp_path / "set" / "fer2013.csv")
    known = paths.data_dirs()[0] / VOTES_FILE
    beside = tmp_path / "set" / VOTES_FILE
    for place in {"nowhere": [], "search path": [known], "beside": [known, beside]}[at]:
        place.parent.mkdir(parents=True)
        place.touch()
    assert find_votes(dataset) == {"nowhere": None, "search path": known, "beside": beside}[at]


def test_most_disputed_faces_come_first(faces: Callable[..., FaceDataset]) -> None:
    dataset = faces(HAPPY, ANGRY, HAPPY, ANGRY, HAPPY)
    votes = votes_of(
        {"happiness": 10}, {"neutral": 6, "sadness": 4}, {"happiness": 5, "surprise": 5}, {"neutral": 10}, {}
    )
    table = find_disputed(dataset, votes)
    assert table[["row", "label", "label_share", "top", "top_share"]].values.tolist() == [
        [4, "angry", 0.0, "neutral", 1.0],
        [2, "angry", 0.0, "neutral", 0.6],
        [3, "happy", 0.5, "happy", 0.5],
        [1, "happy", 1.0, "happy", 1.0],
    ]
    assert table[list(VOTE_CLASSES)].sum(axis=1).tolist() == [10, 10, 10, 10]


def test_agreement(faces: Callable[..., FaceDataset]) -> None:
    dataset = faces(HAPPY, HAPPY, ANGRY, ANGRY, ANGRY)
    votes = votes_of(
        {"happiness": 9}, {"neutral": 5, "happiness": 5}, {"anger": 6, "fear": 4}, {"NF": 10}, {"unknown": 0}
    )
    table = agreement_table(dataset, votes)
    assert (list(table.index), list(table.columns)) == (list(EMOTIONS), list(VOTE_CLASSES))
    filled = table.stack()
    assert filled[filled > 0].to_dict() == {
        ("angry", "angry"): 1,
        ("angry", "no face"): 1,
        ("happy", "neutral"): 1,
        ("happy", "happy"): 1,
    }


@pytest.mark.parametrize(
    ("votes", "cleaned", "left_out", "changed"),
    [
        ({}, "", "no majority", False),
        ({"anger": 1}, "", "no majority", False),
        ({"anger": 10}, "angry", "", False),
        ({"anger": 6, "fear": 4}, "angry", "", False),
        ({"anger": 5, "fear": 5}, "", "no majority", False),
        ({"anger": 4, "fear": 3, "neutral": 3}, "", "no majority", False),
        ({"anger": 5, "fear": 1, "sadness": 1, "neutral": 1, "disgust": 1, "unknown": 1}, "angry", "", False),
        ({"happiness": 7, "anger": 3}, "happy", "", True),
        ({"contempt": 8, "anger": 2}, "contempt", "", True),
        ({"unknown": 8, "anger": 2}, "", "unknown", False),
        ({"NF": 8, "anger": 2}, "", "no face", False),
        ({"NF": 4, "anger": 3, "fear": 3}, "", "no majority", False),
    ],
    ids=[
        "no votes",
        "one slip",
        "agreed",
        "majority",
        "half",
        "three ways",
        "slips are dropped",
        "another expression",
        "contempt",
        "unknown",
        "no face",
        "no majority for no face",
    ],
)
def test_cleaned_label(
    votes: dict, cleaned: str, left_out: str, changed: bool, faces: Callable[..., FaceDataset]
) -> None:
    [row] = clean_labels(faces(ANGRY), votes_of(votes)).to_dict("records")
    assert (row["label"], row["cleaned"], row["left_out"], row["changed"]) == ("angry", cleaned, left_out, changed)


@pytest.mark.parametrize("table", [find_disputed, clean_labels], ids=["disputed", "cleaned"])
def test_no_faces_give_an_empty_table(table: Callable, faces: Callable[..., FaceDataset]) -> None:
    assert len(table(faces(), votes_of())) == 0
    assert agreement_table(faces(), votes_of()).to_numpy().sum() == 0


def row(**counts: int) -> list[int]:
    """Votes in the order of `FaceDataset.votes`."""
    return [counts.get(name.replace(" ", "_"), 0) for name in VOTED]


@pytest.mark.parametrize(
    ("votes", "taught", "shares"),
    [
        pytest.param(row(), {}, {}, id="nobody was asked"),
        pytest.param(row(happy=10), {"happy": 1.0}, {"happy": 1.0}, id="all agree"),
        pytest.param(row(happy=6, sad=4), {"happy": 0.6, "sad": 0.4}, {"happy": 0.6, "sad": 0.4}, id="divided"),
        pytest.param(row(happy=9, sad=1), {"happy": 1.0}, {"happy": 0.9, "sad": 0.1}, id="a slip"),
        pytest.param(row(contempt=5, sad=3, unknown=2), {"contempt": 0.625, "sad": 0.375}, None, id="some do not know"),
        pytest.param(row(sad=5, unknown=5), {}, {}, id="half do not know"),
        pytest.param(row(sad=4, no_face=6), {}, {}, id="most see no face"),
    ],
)
def test_votes_become_what_is_taught(votes: list[int], taught: dict, shares: dict | None) -> None:
    counts = np.array([votes], np.uint8)
    for expected, found in (
        (taught, distributions(counts)),
        (taught if shares is None else shares, vote_shares(counts)),
    ):
        np.testing.assert_allclose(found, [[expected.get(name, 0.0) for name in EMOTIONS_WITH_CONTEMPT]])


def test_votes_are_those_of_their_faces(faces: Callable[..., FaceDataset]) -> None:
    votes = votes_of({"happiness": 9, "NF": 1}, {"anger": 10}, {"contempt": 10})
    found = with_votes(faces(HAPPY, ANGRY, ANGRY), votes).take([2, 0])
    assert found.votes.tolist() == [row(contempt=10), row(happy=9, no_face=1)]


def test_the_majority_labels_anew_and_leaves_out_what_has_none(faces: Callable[..., FaceDataset]) -> None:
    votes = votes_of(
        {"happiness": 6, "anger": 4}, {"anger": 5, "sadness": 5}, {"contempt": 8, "fear": 2}, {"NF": 10}, {}
    )
    fer2013 = with_votes(faces(ANGRY, ANGRY, HAPPY, HAPPY, HAPPY), votes)
    found = by_majority(fer2013)
    assert (found.name, found.classes, found.rows.tolist()) == ("ferplus", EMOTIONS_WITH_CONTEMPT, [1, 3])
    assert [found.classes[label] for label in found.labels] == ["happy", "contempt"]
    assert found.pixels == fer2013.pixels
    assert found.digest != fer2013.digest


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        pytest.param(row(), np.nan, id="nobody was asked"),
        pytest.param(row(happy=1), np.nan, id="one rater has no others"),
        pytest.param(row(happy=10), 1.0, id="all agree"),
        pytest.param(row(happy=9, sad=1), 0.9, id="one does not"),
        pytest.param(row(happy=5, sad=5), 0.0, id="each has the larger half against it"),
    ],
)
def test_one_rater_against_the_others(votes: list[int], expected: float) -> None:
    np.testing.assert_allclose(one_against_the_others(np.array([votes], np.uint8)), [expected])


def test_only_fer2013_has_votes(faces: Callable[..., FaceDataset], write: Callable[..., Path]) -> None:
    path = write(line(happiness=10))
    fer2013 = faces(HAPPY, name="fer2013", source=path.with_name("fer2013.csv"))
    assert with_found_votes(fer2013).votes.tolist() == [row(happy=10)]
    other = faces(HAPPY, name="other", source=path.with_name("other.csv"))
    assert with_found_votes(other) is other
