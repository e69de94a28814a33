"""The live benchmark: a clip whose pictures can be told apart, and what is made of what the browser notes."""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.benchmark import Measurement, clip, live
from fer.detection import LIVE_SIDES, YuNet
from tools import figures


def _strip(number: int, mirrored: bool = False) -> str:
    fields = clip.fields_of(number)
    return "".join(map(str, fields[::-1] if mirrored else fields))


@pytest.mark.parametrize("mirrored", [False, True], ids=["as it is", "in a mirror"])
def test_every_number_can_be_read(mirrored: bool) -> None:
    strips = [[int(field) for field in _strip(number, mirrored)] for number in range(clip.PICTURES)]
    assert [clip.number_of(strip) for strip in strips] == list(range(clip.PICTURES))
    assert {len(strip) for strip in strips} == {clip.FIELDS}


@pytest.mark.parametrize(
    "strip",
    [
        pytest.param([0] * clip.FIELDS, id="black"),
        pytest.param([1] * clip.FIELDS, id="white"),
        *(
            pytest.param(
                [*clip.fields_of(77)[:i], 1 - clip.fields_of(77)[i], *clip.fields_of(77)[i + 1 :]], id=f"{i} wrong"
            )
            for i in range(clip.FIELDS)
        ),
    ],
)
def test_a_damaged_strip_shows_no_number(strip: list[int]) -> None:
    assert clip.number_of(strip) is None


@pytest.mark.parametrize("number", [0, 77, clip.PICTURES - 1])
def test_a_picture_bears_its_number(number: int) -> None:
    image_bgr = clip.picture(number, 1)
    assert (image_bgr.shape, image_bgr.dtype) == ((clip.HEIGHT, clip.WIDTH, 3), np.uint8)
    width = clip.WIDTH // clip.FIELDS
    fields = [int(image_bgr[-clip.STRIP // 2, width * i + width // 2, 0] > 127) for i in range(clip.FIELDS)]
    assert clip.number_of(fields) == number


@pytest.mark.parametrize("faces", [1, 4])
def test_the_faces_of_the_clip_are_found_live(faces: int, yunet_file: Path) -> None:
    detector = YuNet(yunet_file, "The test asks for it.")
    found = [len(detector.detect(clip.picture(number, faces), long_sides=LIVE_SIDES)) for number in (0, 20, 90)]
    assert found == [faces] * 3


def test_the_clip_can_be_played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip, "PICTURES", 3)
    capture = cv2.VideoCapture(str(clip.write_clip(tmp_path / "clip.y4m", 1)))
    pictures = []
    while (read := capture.read())[0]:
        pictures.append(read[1])
    assert (len(pictures), capture.get(cv2.CAP_PROP_FPS)) == (3, clip.RATE)
    assert np.abs(pictures[2].astype(int) - clip.picture(2, 1)).mean() < 6


@pytest.mark.parametrize(
    ("noted", "found"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([(10, 0)], [], id="one note"),
        pytest.param([(10, 0), (20, 1000)], [], id="too short a time"),
        pytest.param([(10, 0), (25, 1000), (40, 2000)], [15], id="one window"),
        pytest.param([(0, 0), (30, 2000), (40, 3000), (60, 6000)], [15, 7.5], id="two windows"),
    ],
)
def test_rates(noted: Sequence[tuple[float, float]], found: list[float]) -> None:
    assert list(live.rates(noted)) == found


@pytest.mark.parametrize(
    ("shown", "counted"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([(_strip(1), 100.0), (_strip(2), 170.0)], [(1, 100.0), (2, 170.0)], id="two"),
        pytest.param([(_strip(1, mirrored=True), 100.0)], [(1, 100.0)], id="mirrored"),
        pytest.param([(_strip(1), 100.0), (_strip(4), 170.0)], [(1, 100.0), (2, 170.0)], id="some never came back"),
        pytest.param([("0" * clip.FIELDS, 90.0), (_strip(1), 100.0)], [(1, 100.0)], id="black first"),
        pytest.param(
            [(_strip(1), 100.0), ("1" * clip.FIELDS, 130.0), (_strip(1), 160.0)], [(1, 100.0)], id="damaged on its way"
        ),
        pytest.param([(_strip(1), 100.0), (_strip(1), 110.0)], [(1, 100.0)], id="a field that flickers"),
        pytest.param(
            [(_strip(clip.PICTURES - 1), 100.0), (_strip(0), 170.0)],
            [(1, 100.0), (2, 170.0)],
            id="the clip began again",
        ),
    ],
)
def test_pictures_that_come_back_are_counted(
    shown: Sequence[tuple[str, float]], counted: list[tuple[int, float]]
) -> None:
    assert live.came_back(shown) == counted


@pytest.mark.parametrize(
    ("camera", "shown", "found"),
    [
        pytest.param([], [], [], id="nothing"),
        pytest.param([(_strip(1), 100.0)], [], [], id="nothing came back"),
        pytest.param([], [(_strip(1), 100.0)], [], id="nothing went"),
        pytest.param([(_strip(1), 100.0)], [(_strip(1), 180.0)], [80], id="one"),
        pytest.param([(_strip(1), 100.0)], [(_strip(1, mirrored=True), 180.0)], [80], id="mirrored"),
        pytest.param([(_strip(1), 100.0)], [(_strip(1), 90.0)], [], id="before it went"),
        pytest.param(
            [(_strip(number % clip.PICTURES), 100.0 * number) for number in range(2 * clip.PICTURES)],
            [(_strip(5), 580.0), (_strip(5), 100.0 * clip.PICTURES + 590)],
            [80, 90],
            id="the clip began again",
        ),
        pytest.param(
            [(_strip(number % clip.PICTURES), 100.0 * number) for number in range(2 * clip.PICTURES) if number != 133],
            [(_strip(5), 100.0 * clip.PICTURES + 590)],
            [90],
            id="the camera's view skipped one when the clip began again",
        ),
        pytest.param(
            [(_strip(number), 100.0 * number) for number in range(100)],
            [(_strip(5), 5580.0)],
            [5080],
            id="seconds late",
        ),
        pytest.param(
            [(_strip(number), 100.0 * number) for number in range(100)],
            [(_strip(99), 9980.0), (_strip(100), 9950.0)],
            [80],
            id="before the camera's view shows it",
        ),
        pytest.param([(_strip(1), 100.0)], [("0" * clip.FIELDS, 180.0)], [], id="not to be read"),
        pytest.param([("0" * clip.FIELDS, 100.0)], [("1" * clip.FIELDS, 180.0)], [], id="neither to be read"),
        pytest.param(
            [(_strip(1), 100.0), (_strip(2), 167.0), (_strip(3), 233.0)],
            [(_strip(1), 180.0), (_strip(3), 333.0)],
            [80, 100],
            id="one was dropped",
        ),
    ],
)
def test_latencies(camera: Sequence[tuple[str, float]], shown: Sequence[tuple[str, float]], found: list[float]) -> None:
    assert list(live.latencies_ms(camera, shown)) == found


@pytest.mark.parametrize("why", ["no browser", "no answer"])
def test_where_nothing_can_be_measured_every_row_says_so(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def wait_in_vain(*arguments: object) -> list[Measurement]:
        raise sync_api.TimeoutError("waited in vain")

    sync_api = pytest.importorskip("playwright.sync_api")
    monkeypatch.setattr(live, "find_chromium", lambda: None if why == "no browser" else "chromium")
    monkeypatch.setattr(live, "_measure", wait_in_vain)
    measured = live.measure_live(10, lambda what: None)
    assert [(m.unit, m.budget, m.at_least, m.values) for m in measured] == [
        ("frames/s", 13, True, ()),
        ("frames/s", 8, True, ()),
        ("ms", 250, False, ()),
        ("times/s", 2, True, ()),
        ("MB", 50, False, ()),
    ]
    assert {m.note.split(":")[0] for m in measured} == {"not measured"}


def test_the_figures_word_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        Measurement("latency", "ms", 250, (100.0, 200.0), "drawn"),
        Measurement("frames", "frames/s", 13, (14.0, 15.0), "drawn", at_least=True),
        Measurement("visitors", "visitors", None, (4.0,), "drawn", at_least=True),
        Measurement("graphs", "times/s", 2, (), "not measured", at_least=True),
    ]
    monkeypatch.setattr(figures, "SPEED_FILE", tmp_path / "benchmark.json")
    figures.SPEED_FILE.write_text(json.dumps([row.to_record() for row in rows]))
    written = figures.render_figures()
    for line in (
        "| latency | 150 ms | 195 ms | 250 ms | drawn |",
        "| frames | 14.5 frames/s | above 14.1 frames/s | at least 13 frames/s | drawn |",
        "| visitors | 4 visitors |  |  | drawn |",
        "| graphs | not measured |  | at least 2 times/s | not measured |",
    ):
        assert line in written.splitlines()
