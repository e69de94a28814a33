"""Formats: each is opened again by what reads it, and says what was seen."""

import io
import json
import re
import shlex
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest

from fer.emotions import EMOTIONS
from fer.pipeline import Settings
from fer.video.formats import FORMATS, command, digest_file, to_about, write_zip
from fer.video.looking import VideoOptions, VideoResult
from tests.fakes import install_model
from tests.video.drawn import face, result, timeline

FRAMES = [
    *[[face(1), face(2, "sad", x=50)]] * 20,
    *[[]] * 10,
    *[[face(1, "neutral", faults=("blurred",))]] * 20,
]


@pytest.fixture
def seen() -> VideoResult:
    """Two people for 2 seconds, nobody for 1, one of them for 2, of which half a second is interpolated."""
    over_time = timeline(FRAMES, unlooked=range(35, 40))
    return result(over_time).with_people(names={2: "Anna & <Bo>\t"})


def write(seen: VideoResult, name: str) -> bytes:
    return FORMATS[name].write(seen)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "frames", [pytest.param([], id="no frame"), pytest.param([[], []], id="nobody"), pytest.param(FRAMES, id="people")]
)
def test_every_format_writes_everything(name: str, frames: list) -> None:
    assert isinstance(write(result(timeline(frames)), name), bytes)


@pytest.mark.parametrize("name", ["csv", "parquet"])
def test_tables_are_read_by_pandas(name: str, seen: VideoResult) -> None:
    data = io.BytesIO(write(seen, name))
    table = pd.read_csv(data) if name == "csv" else pd.read_parquet(data)
    assert len(table) == 20 * 2 + 10 + 20
    assert table.person.fillna("").unique().tolist() == ["1", "Anna & <Bo>\t", ""]
    assert table.interpolated.sum() == 5
    assert table[["confidence", *EMOTIONS]].dropna().to_numpy().min() >= 0
    if name == "csv":
        assert re.search(rb"\d\.\d{7}", data.getvalue()) is None, "no more places than are meant"


def test_webvtt(seen: VideoResult) -> None:
    text = write(seen, "vtt").decode()
    head, *cues = text.strip().split("\n\n")
    assert head == "WEBVTT"
    assert [cue.splitlines() for cue in cues] == [
        ["00:00:00.000 --> 00:00:02.000", "1 happy"],
        ["00:00:00.000 --> 00:00:02.000", "Anna &amp; &lt;Bo&gt; sad"],
        ["00:00:03.000 --> 00:00:05.000", "1 neutral"],
    ]


def test_elan_is_read_by_pympi(seen: VideoResult, tmp_path: Path) -> None:
    from pympi import Eaf

    path = tmp_path / "clip.eaf"
    path.write_bytes(write(seen, "eaf"))
    opened = Eaf(str(path))
    assert list(opened.get_tier_names()) == ["1", "Anna & <Bo> "]
    assert [note[:3] for note in sorted(opened.get_annotation_data_for_tier("1"))] == [
        (0, 2000, "happy"),
        (3000, 5000, "neutral"),
    ]
    assert [note[:3] for note in opened.get_annotation_data_for_tier("Anna & <Bo> ")] == [(0, 2000, "sad")]
    assert opened.media_descriptors[0]["RELATIVE_MEDIA_URL"] == "./clip.mp4"


def test_elan_keeps_the_order_of_its_schema(seen: VideoResult) -> None:
    document = ElementTree.fromstring(write(seen, "eaf"))
    kinds = [child.tag for child in document]
    assert list(dict.fromkeys(kinds)) == ["HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE", "CONSTRAINT"]
    slots = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE")) for slot in document.iter("TIME_SLOT")}
    for note in document.iter("ALIGNABLE_ANNOTATION"):
        assert slots[note.get("TIME_SLOT_REF1")] < slots[note.get("TIME_SLOT_REF2")]
    names = [note.get("ANNOTATION_ID") for note in document.iter("ALIGNABLE_ANNOTATION")]
    assert len(set(names)) == len(names)


def test_two_of_one_name_are_told_apart(tmp_path: Path) -> None:
    seen = result(timeline(FRAMES)).with_people(names={1: "Anna", 2: "Anna"})
    tiers = [tier.get("TIER_ID") for tier in ElementTree.fromstring(write(seen, "eaf")).iter("TIER")]
    assert tiers == ["Anna (1)", "Anna (2)"]


def test_boris(seen: VideoResult) -> None:
    columns = ["time", "subject", "code", "modifier", "comment"]
    table = pd.read_csv(io.BytesIO(write(seen, "boris")), sep="\t", names=columns)
    assert table.time.is_monotonic_increasing
    states: dict[tuple[str, str], int] = {}
    for row in table.itertuples():
        states[row.subject, row.code] = states.get((row.subject, row.code), 0) + 1
    assert set(states.values()) == {2}, "every state begins and ends"
    assert table[table.subject == "1"].time.tolist() == [0, 2, 3, 5]


def test_fex(seen: VideoResult) -> None:
    table = pd.read_csv(io.BytesIO(write(seen, "fex")))
    assert list(table.columns) == [
        *("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore"),
        *("frame", "approx_time", "Identity", "input"),
        *("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"),
    ]
    assert len(table) == 20 * 2 + 10 + 15, "what was interpolated is no measurement"
    assert table[table.frame == 25].FaceRectX.isna().all()
    assert table.Identity.dropna().unique().tolist() == ["Person_1", "Anna & <Bo>\t"]
    assert table.approx_time.iloc[-1] == "00:04"


def test_openface(seen: VideoResult) -> None:
    table = pd.read_csv(io.BytesIO(write(seen, "openface")))
    assert list(table.columns) == ["frame", "face_id", "timestamp", "confidence", "success", *"xywh"]
    assert table.frame.iloc[0] == 1
    assert table[table.success == 0].frame.tolist() == list(range(21, 31))
    assert set(table[table.success == 1].face_id) == {0, 1}
    assert table.timestamp.iloc[-1] == pytest.approx(4.9)


class TestAbout:
    @pytest.fixture(autouse=True)
    def _model(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        install_model(tmp_path / "models")
        monkeypatch.setenv("FER_MODEL_DIR", str(tmp_path / "models"))

    def test_it_says_how_the_results_came_about(self, seen: VideoResult) -> None:
        about = json.loads(to_about(seen, Settings(model="drawn"), "0" * 64))
        assert about["video"]["sha256"] == "0" * 64
        assert about["model"]["name"] == "drawn"
        assert len(about["model"]["sha256"]) == 64
        assert about["people"] == {"1": "1", "2": "Anna & <Bo>\t"}
        assert about["settings"]["half_life_s"] == 0.3

    @pytest.mark.parametrize(
        ("options", "flags"),
        [
            pytest.param(VideoOptions(), [], id="plain"),
            pytest.param(VideoOptions(rate=5, blur=True), ["--rate", "5", "--blur"], id="changed"),
        ],
    )
    def test_the_command_is_one(self, options: VideoOptions, flags: list[str]) -> None:
        from fer.cli import build_parser

        seen = result(timeline(FRAMES), name="my clip.mp4", options=options)
        words = shlex.split(command(seen, Settings(model="drawn", long_sides=(320, 640)), ["csv"]))
        assert words[:5] == ["python", "-m", "fer", "video", "my clip.mp4"]
        assert all(flag in words for flag in flags)
        chosen = build_parser().parse_args(words[3:])
        assert (chosen.model, chosen.detector, chosen.long_sides) == ("drawn", "haar", (320, 640))
        assert (chosen.rate, chosen.blur, chosen.no_picture) == (options.rate, options.blur, True)

    def test_one_zip_holds_all_of_it(self, seen: VideoResult) -> None:
        from dataclasses import replace

        packed = io.BytesIO()
        write_zip(packed, replace(seen, has_picture=True), Settings(), "0" * 64, picture=io.BytesIO(b"a film"))
        with zipfile.ZipFile(packed) as archive:
            assert archive.testzip() is None
            assert archive.read("clip.annotated.mp4") == b"a film"
            endings = {*(one.ending for one in FORMATS.values()), ".about.json", ".annotated.mp4"}
            assert set(archive.namelist()) == {f"clip{ending}" for ending in endings}


def test_the_digest_is_that_of_the_whole_file(tmp_path: Path) -> None:
    import hashlib

    (tmp_path / "clip").write_bytes(b"some bytes")
    file = io.BytesIO(b"some bytes")
    file.seek(3)
    expected = hashlib.sha256(b"some bytes").hexdigest()
    assert {digest_file(source) for source in (b"some bytes", file, tmp_path / "clip")} == {expected}
