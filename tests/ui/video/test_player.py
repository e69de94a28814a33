"""What the browser is told: every frame and sighting, in little-endian columns."""

import base64
import json

import numpy as np

from fer.emotions import EMOTIONS
from fer.pipeline import Settings
from fer.ui.video.player import pack
from fer.ui.video.watching import Watched
from fer.video.summary import summarize
from tests.video import drawn


def _column(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind)


def test_everything_that_is_drawn_is_told() -> None:
    one, other = drawn.face(1), drawn.face(2, "sad", 0.5, faults=("blurred",))
    result = drawn.result(drawn.timeline([[one], [one, other], [], [other]], unlooked=[1], cuts=[3]))
    data = pack(
        Watched("k", result, Settings(), "digest", None), result.timeline, result.people, summarize(result.timeline)
    )
    assert json.loads(json.dumps(data)) == data
    assert data["video"] is None
    assert [one["name"] for one in data["classes"]] == list(EMOTIONS)
    assert _column(data["times"], "<f8").tolist() == [0.0, 0.1, 0.2, 0.3]
    assert _column(data["looked"], "u1").tolist() == [1, 0, 1, 1]
    first, second = data["people"]
    assert (first["name"], second["name"]) == ("1", "2")
    assert _column(first["frames"], "<i4").tolist() == [0, 1]
    assert _column(second["frames"], "<i4").tolist() == [1, 3]
    assert _column(first["marks"], "u1").tolist() == [0, 2], "the second lies between two looks"
    assert _column(second["marks"], "u1").tolist() == [3, 1], "both are blurred"
    shares = _column(second["shares"], "u1").reshape(2, len(EMOTIONS))
    assert shares[:, EMOTIONS.index("sad")].tolist() == [128, 128]
    assert np.allclose(shares.sum(axis=1), 255, atol=len(EMOTIONS))
    assert np.allclose(data["nobody"], [[0.2, 0.3]])


def test_nobody_at_all() -> None:
    result = drawn.result(drawn.timeline([[], []]))
    data = pack(
        Watched("k", result, Settings(), "digest", None), result.timeline, result.people, summarize(result.timeline)
    )
    assert (data["people"], data["spells"]) == ([], [])
