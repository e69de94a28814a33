"""Readings as the files that people take away."""

import io
import json
import zipfile
from time import process_time

import cv2
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from fer import export
from fer.emotions import EMOTIONS
from fer.recording import Marker, Remarks, Sample
from fer.results import Face, FrameResult, PhotoResult, Reader

READER = Reader("drawn", "haar", "It finds what the tests draw.", "flip", EMOTIONS)
COLUMNS = [
    *("file", "face", "x", "y", "w", "h", "detector_score", "emotion", "label", "confidence", "set", "quality"),
    *EMOTIONS,
    *("model", "detector", "error"),
]


def _face(emotion: str, x: float = 10) -> Face:
    probabilities = np.full(len(EMOTIONS), 0.05, np.float32)
    probabilities[EMOTIONS.index(emotion)] = 0.7
    place = (x, 20, 30, 40), (x - 5, 20, 40, 40)
    return Face(*place, 0.875, probabilities, EMOTIONS, prediction_set=(emotion, "angry"), quality=("small", "dark"))


def _photo(file: str, *faces: Face) -> PhotoResult:
    return PhotoResult(file, READER, result=FrameResult(200, 100, faces, READER))


MIXED = (
    _photo("two.png", _face("happy"), _face("sad", 90)),
    _photo("none.png"),
    PhotoResult("broken.png", READER, error="'broken.png' is empty (0 bytes); choose another file."),
)


def test_json_of_nothing_is_an_empty_list() -> None:
    assert export.to_bytes([], "json") == b"[]\n"


def test_json_holds_one_object_a_photo() -> None:
    two, none, broken = json.loads(export.to_bytes(MIXED, "json"))
    assert (two["file"], two["width"], two["height"], two["error"]) == ("two.png", 200, 100, None)
    assert two["faces"][1] == {
        "box_xywh": [90, 20, 30, 40],
        "crop_xywh": [85, 20, 40, 40],
        "detector_score": 0.875,
        "emotion": "sad",
        "label": "unsure",
        "confidence": 0.7,
        "set": ["sad", "angry"],
        "quality": ["small", "dark"],
        "probabilities": {name: 0.7 if name == "sad" else 0.05 for name in EMOTIONS},
    }
    assert (none["width"], none["error"], none["faces"]) == (200, None, [])
    assert (broken["width"], broken["error"], broken["faces"]) == (None, MIXED[2].error, [])


def test_json_keeps_letters_as_they_are() -> None:
    assert "Zoë 😀.png".encode() in export.to_bytes([_photo("Zoë 😀.png")], "json")


@pytest.mark.parametrize(
    ("format_name", "read"), [("csv", pd.read_csv), ("parquet", pd.read_parquet)], ids=["csv", "parquet"]
)
class TestTable:
    def test_of_nothing_has_its_columns(self, format_name: str, read) -> None:
        table = read(io.BytesIO(export.to_bytes([], format_name)))
        assert (list(table.columns), len(table)) == (COLUMNS, 0)

    def test_holds_one_row_a_face_and_one_a_photo_without(self, format_name: str, read) -> None:
        table = read(io.BytesIO(export.to_bytes(MIXED, format_name)))
        assert list(table.columns) == COLUMNS
        assert table["file"].tolist() == ["two.png", "two.png", "none.png", "broken.png"]
        assert table["face"].fillna(0).tolist() == [1, 2, 0, 0]
        assert table["emotion"].fillna("").tolist() == ["happy", "sad", "", ""]
        assert table["error"].fillna("").tolist() == ["", "", "", MIXED[2].error]
        assert table["set"].fillna("").tolist() == ["happy|angry", "sad|angry", "", ""]
        assert table["quality"].fillna("").tolist() == ["small|dark", "small|dark", "", ""]
        assert table.loc[1, ["x", "y", "w", "h"]].tolist() == [90, 20, 30, 40]
        assert table["sad"].fillna(-1).tolist() == pytest.approx([0.05, 0.7, -1, -1])
        assert set(table["model"] + table["detector"]) == {"drawnhaar"}


@pytest.mark.parametrize(
    "photos",
    [[], [_photo("none.png")], [_photo("one.png", _face("happy"))], MIXED],
    ids=["nothing", "no face", "no error", "all kinds"],
)
def test_parquet_files_can_be_stacked(photos: list[PhotoResult]) -> None:
    schema = pq.read_schema(io.BytesIO(export.to_bytes(photos, "parquet")))
    words = {"file", "emotion", "label", "set", "quality", "model", "detector", "error"}
    types = {name: "large_string" if name in words else "double" for name in COLUMNS} | {"face": "int64"}
    assert {field.name: str(field.type) for field in schema} == types


class TestRecordings:
    SAMPLES = (
        Sample(0.0, 1, (0.25, 0.75), (1.0, 2.0, 3.0, 4.0), 0.5),
        Sample(1 / 15, 2, (0.5000004, 0.4999996), (1.237, 2.0, 3.0, 4.0), 0.87654321, True),
    )

    @pytest.mark.parametrize("samples", [(), SAMPLES], ids=["nothing", "two people"])
    def test_csv_holds_one_row_a_person_and_moment(self, samples: tuple[Sample, ...]) -> None:
        marked = Remarks("Rain.", {2: "=Bo"}, (Marker(0.0, "in"), Marker(0.01, "a"), Marker(9.0)))
        head, *rows = export.samples_to_bytes(samples, ("happy", "sad"), {}, "csv", marked).decode().splitlines()
        assert head == "time_s,person,emotion,label,confidence,x,y,w,h,detector_score,happy,sad,name,marker"
        expected = [
            "0.0,1,sad,,0.75,1.0,2.0,3.0,4.0,0.5,0.25,0.75,,in",
            "0.067,2,happy,unsure,0.5,1.24,2.0,3.0,4.0,0.8765,0.5,0.5,'=Bo,a | marker",
        ]
        assert rows == expected[: len(samples)]

    @pytest.mark.parametrize("samples", [(), SAMPLES], ids=["nothing", "two people"])
    def test_json_says_what_it_is_about_and_holds_the_same(self, samples: tuple[Sample, ...]) -> None:
        about = {"name": "Süß", "model": "drawn", "notes": "Rain.", "names": {"2": "Bo"}, "markers": []}
        remarks = Remarks("Rain.", {2: "Bo"})
        data = export.samples_to_bytes(samples, ("happy", "sad"), {**about, "notes": ""}, "json", remarks)
        assert "Süß".encode() in data
        told = json.loads(data)
        assert {key: told[key] for key in about} == about
        assert (
            told["samples"]
            == [
                {
                    "time_s": 0.0,
                    "person": 1,
                    "emotion": "sad",
                    "label": None,
                    "confidence": 0.75,
                    "box_xywh": [1.0, 2.0, 3.0, 4.0],
                    "detector_score": 0.5,
                    "probabilities": {"happy": 0.25, "sad": 0.75},
                },
                {
                    "time_s": 0.067,
                    "person": 2,
                    "emotion": "happy",
                    "label": "unsure",
                    "confidence": 0.5,
                    "box_xywh": [1.24, 2.0, 3.0, 4.0],
                    "detector_score": 0.8765,
                    "probabilities": {"happy": 0.5, "sad": 0.5},
                },
            ][: len(samples)]
        )

    @pytest.mark.parametrize("format_name", ["", "parquet", "CSV"])
    def test_another_format_is_refused(self, format_name: str) -> None:
        with pytest.raises(ValueError, match="must be csv or json"):
            export.samples_to_bytes((), ("happy", "sad"), {}, format_name)


@pytest.mark.parametrize("format_name", ["", "xlsx", "JSON"])
def test_another_format_is_refused(format_name: str) -> None:
    with pytest.raises(ValueError, match=r"must be one of json, csv, parquet"):
        export.to_bytes([], format_name)


@pytest.mark.parametrize("faces", [(), (_face("happy"),)], ids=["no face", "one face"])
def test_the_annotated_picture_has_its_size_and_its_boxes(faces: tuple[Face, ...]) -> None:
    image_bgr = np.full((100, 200, 3), 128, np.uint8)
    decoded = cv2.imdecode(np.frombuffer(export.annotated_png(image_bgr, _photo("a.png", *faces)), np.uint8), 1)
    assert decoded.shape == image_bgr.shape
    assert (decoded == image_bgr).all() == (not faces)
    assert (image_bgr == 128).all(), "the picture that was given is not drawn on"


@pytest.mark.parametrize(
    ("files", "names"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param(["a.png"], ["a"], id="one"),
        pytest.param(["x/a.png", "y/a.jpg", "a"], ["a", "a-2", "a-3"], id="equal stems"),
        pytest.param(["..\\..\\etc\\a.png", "../../a.png"], ["a", "a-2"], id="upwards"),
        pytest.param(["a\0b.png", 'c:"*?<|>.png', "d\u202egnp.exe.png"], ["a_b", "c_______", "d_gnp.exe"], id="signs"),
        pytest.param(["CON.png", "nul.x.png", "Com1.jpg", "cone"], ["_CON", "_nul.x", "_Com1", "cone"], id="devices"),
        pytest.param(["... .png", "a. .png"], ["photo", "a"], id="dots and spaces"),
        pytest.param(["a.png", "a-2.png", "a.jpg"], ["a", "a-2", "a-3"], id="a number that is taken"),
        pytest.param(["a.png", "a.jpg", "a-2.png"], ["a", "a-2", "a-2-2"], id="a number that was given away"),
        pytest.param(["x/A.png", "y/a.png"], ["A", "a-2"], id="one name where case does not count"),
        pytest.param(["", "."], ["photo", "photo-2"], id="no name"),
        pytest.param(["../up.png", "/etc/passwd"], ["up", "passwd"], id="folders are left out"),
        pytest.param(["Zoë v1.2.png"], ["Zoë v1.2"], id="letters and dots"),
        pytest.param(["a" * 249 + ".png"], ["a" * 231], id="longer than a name can be"),
        pytest.param(["ë" * 120 + ".png"], ["ë" * 115], id="longer than a name can be, in bytes"),
        pytest.param(
            ["a" * 240 + "x.png", "a" * 240 + "y.png"], ["a" * 231, "a" * 231 + "-2"], id="told apart by their ends"
        ),
    ],
)
def test_names_of_annotated_pictures(files: list[str], names: list[str]) -> None:
    assert export.annotated_names(files) == [f"{name}.annotated.png" for name in names]


def test_equal_names_are_numbered_without_comparing_each_with_each() -> None:
    """Eight times as many take about eight times as long, not sixty-four times."""

    def seconds(files: int) -> float:
        start_s = process_time()
        names = export.annotated_names(f"{i}/a.png" for i in range(files))
        took_s = process_time() - start_s
        assert names[-1] == f"a-{files}.annotated.png"
        return took_s

    few, many = (min(seconds(files) for _ in range(5)) for files in (500, 4000))
    assert many < 24 * few


@pytest.mark.parametrize(
    "named", [[], [("a.png", b"1"), ("Zoë.png", b"22"), ("empty.png", b"")]], ids=["nothing", "three files"]
)
def test_zip_holds_every_file(named: list[tuple[str, bytes]]) -> None:
    with zipfile.ZipFile(io.BytesIO(export.zip_files(named))) as archive:
        assert archive.testzip() is None
        assert [(name, archive.read(name)) for name in archive.namelist()] == named
