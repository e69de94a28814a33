"""The values that travel: what they refuse, and how they become records and tables."""

import dataclasses
import math

import numpy as np
import pytest

from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT
from fer.results import Detections, Face, FrameResult, PhotoResult, Reader, to_table

READER = Reader("small", "haar", "no YuNet file", "none", EMOTIONS)
CONTEMPTUOUS = dataclasses.replace(READER, model="ckplus", classes=EMOTIONS_WITH_CONTEMPT)
BOX = (10.0, 20.0, 30.0, 40.0)


def make_face(
    probabilities: dict[str, float], classes: tuple[str, ...] = EMOTIONS, box_xywh: tuple[float, ...] = BOX
) -> Face:
    return Face(box_xywh, box_xywh, 0.5, np.array([probabilities.get(name, 0.0) for name in classes]), classes)


def make_photo(file: str, *faces: Face, reader: Reader = READER) -> PhotoResult:
    return PhotoResult(file, reader, FrameResult(640, 480, faces, reader))


def boxes(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


class TestDetections:
    def test_empty(self) -> None:
        empty = Detections.empty()
        assert len(empty) == 0
        assert empty.boxes_xywh.shape == (0, 4)
        assert empty.scores.shape == (0,)
        assert empty.landmarks_xy is None

    @pytest.mark.parametrize(
        ("boxes_xywh", "scores", "landmarks_xy", "message"),
        [
            (np.zeros((0, 3)), np.zeros(0), None, "boxes_xywh must have the shape"),
            (boxes(BOX), np.zeros(2), None, "scores must have the shape"),
            (boxes(BOX), np.zeros(1), np.zeros((1, 4, 2)), "landmarks_xy must have the shape"),
            (boxes((0, 0, 0, 5)), np.zeros(1), None, "positive widths"),
            (boxes((0, 0, 5, -1)), np.zeros(1), None, "positive widths"),
            (boxes((np.nan, 0, 5, 5)), np.zeros(1), None, "boxes_xywh must be finite"),
            (boxes(BOX), np.array([1.01]), None, "between 0 and 1"),
            (boxes(BOX), np.array([-0.01]), None, "between 0 and 1"),
        ],
        ids=["columns", "scores", "landmarks", "no width", "negative height", "nan", "above 1", "below 0"],
    )
    def test_refuses(
        self, boxes_xywh: np.ndarray, scores: np.ndarray, landmarks_xy: np.ndarray | None, message: str
    ) -> None:
        with pytest.raises(ValueError, match=message):
            Detections(boxes_xywh, scores, landmarks_xy)

    def test_holds_a_read_only_copy(self) -> None:
        given = boxes(BOX)
        detections = Detections(given, np.ones(1))
        given[0, 0] = 99
        assert detections.boxes_xywh[0, 0] == 10
        with pytest.raises(ValueError, match="read-only"):
            detections.boxes_xywh[0, 0] = 99

    @pytest.mark.parametrize(
        ("index", "left"),
        [([], []), ([2, 0], [2, 0]), (np.array([False, True, False]), [1]), (np.zeros(3, bool), [])],
        ids=["empty", "positions keep their order", "mask", "mask of none"],
    )
    def test_select(self, index: np.ndarray | list[int], left: list[int]) -> None:
        landmarks_xy = np.arange(30, dtype=np.float32).reshape(3, 5, 2)
        three = Detections(boxes((0, 0, 1, 1), (1, 0, 1, 1), (2, 0, 1, 1)), np.array([0.1, 0.2, 0.3]), landmarks_xy)
        chosen = three.select(index)
        assert chosen.boxes_xywh[:, 0].tolist() == left
        if left:
            np.testing.assert_array_equal(chosen.landmarks_xy, landmarks_xy[left])


class TestFace:
    @pytest.mark.parametrize(
        ("probabilities", "landmarks_xy", "message"),
        [
            ([], None, "probabilities must have the shape"),
            ([0.5, 0.5], None, "probabilities must have the shape"),
            ([0.5] * 7, None, "sum to 1"),
            ([1.5, -0.5, 0, 0, 0, 0, 0], None, "at least 0"),
            ([np.nan] * 7, None, "finite"),
            ([1, 0, 0, 0, 0, 0, 0], np.zeros((2, 5)), "landmarks_xy must have the shape"),
        ],
        ids=["empty", "too few", "sum", "negative", "nan", "landmarks"],
    )
    def test_refuses(self, probabilities: list[float], landmarks_xy: np.ndarray | None, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            Face(BOX, BOX, 0.5, np.array(probabilities), EMOTIONS, landmarks_xy)

    @pytest.mark.parametrize(
        ("prediction_set", "likely", "is_unsure"),
        [
            (None, ("happy",), False),
            (("happy",), ("happy",), False),
            (("happy", "surprise"), ("happy", "surprise"), True),
            (("happy", "surprise", "angry"), ("happy", "surprise", "angry"), True),
        ],
        ids=["no rule for sets", "one", "two", "a tie goes to the first class"],
    )
    def test_what_may_be_meant(
        self, prediction_set: tuple[str, ...] | None, likely: tuple[str, ...], is_unsure: bool
    ) -> None:
        face = make_face({"happy": 0.6, "surprise": 0.4})
        face = dataclasses.replace(face, prediction_set=prediction_set)
        assert (face.likely, face.is_unsure) == (likely, is_unsure)
        assert face.to_record()["set"] == (None if prediction_set is None else list(prediction_set))

    @pytest.mark.parametrize(
        "prediction_set",
        [(), ("surprise",), ("surprise", "happy"), ("happy", "happy"), ("happy", "joy"), (*EMOTIONS, "contempt")],
        ids=["empty", "not the first", "another order", "twice", "no class", "more than there are"],
    )
    def test_refuses_a_set_that_contradicts_the_probabilities(self, prediction_set: tuple[str, ...]) -> None:
        face = make_face({"happy": 0.6, "surprise": 0.4})
        with pytest.raises(ValueError, match="prediction_set must hold the most probable classes in order"):
            dataclasses.replace(face, prediction_set=prediction_set)

    def test_refuses_a_fault_that_nobody_knows(self) -> None:
        with pytest.raises(
            ValueError, match="quality must hold small, cut, dark, bright, blurred, turned only, but is"
        ):
            dataclasses.replace(make_face({"sad": 1.0}), quality=("small", "ugly"))

    @pytest.mark.parametrize("person", [0, -1])
    def test_refuses_a_person_without_a_number(self, person: int) -> None:
        with pytest.raises(ValueError, match=f"person must be 1 or more, but is {person}"):
            dataclasses.replace(make_face({"sad": 1.0}), person=person)

    @pytest.mark.parametrize(
        ("classes", "probabilities", "emotion", "confidence"),
        [
            (EMOTIONS, {"happy": 0.7, "sad": 0.3}, "happy", 0.7),
            (EMOTIONS_WITH_CONTEMPT, {"contempt": 0.6, "angry": 0.4}, "contempt", 0.6),
            (EMOTIONS, {"fear": 0.5, "surprise": 0.5}, "fear", 0.5),
        ],
        ids=["seven classes", "eight classes", "a tie goes to the first class"],
    )
    def test_reading(
        self, classes: tuple[str, ...], probabilities: dict[str, float], emotion: str, confidence: float
    ) -> None:
        face = make_face(probabilities, classes)
        assert face.emotion == emotion
        assert face.confidence == pytest.approx(confidence)
        ranked = face.ranked()
        assert [name for name, _ in ranked[:2]] == list(probabilities)
        assert {name for name, _ in ranked} == set(classes)

    def test_record_is_plain(self) -> None:
        record = make_face({"happy": 2 / 3, "sad": 1 / 3}, box_xywh=(1.234, 2, 3, 4)).to_record()
        assert record["box_xywh"] == [1.23, 2, 3, 4]
        assert (record["emotion"], record["label"]) == ("happy", "happy")
        assert (record["set"], record["quality"]) == (None, [])
        assert record["probabilities"]["happy"] == 0.666667
        assert tuple(record["probabilities"]) == EMOTIONS
        assert all(type(value) is float for value in record["probabilities"].values())


@pytest.mark.parametrize(
    ("result", "error"),
    [(None, None), (FrameResult(1, 1, (), READER), "cannot be read")],
    ids=["neither", "both"],
)
def test_a_photo_has_a_result_or_an_error(result: FrameResult | None, error: str | None) -> None:
    with pytest.raises(ValueError, match="either a result or an error"):
        PhotoResult("a.jpg", READER, result, error)


def test_photo_records() -> None:
    failed = PhotoResult("a.jpg", READER, error="a.jpg is empty.").to_record()
    assert (failed["width"], failed["height"], failed["faces"], failed["error"]) == (None, None, [], "a.jpg is empty.")
    read = make_photo("b.jpg", make_face({"sad": 1.0})).to_record()
    assert (read["width"], read["height"], read["error"], read["averaging"]) == (640, 480, None, "none")
    assert [face["emotion"] for face in read["faces"]] == ["sad"]


def test_values_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        make_face({"sad": 1.0}).detector_score = 1.0


class TestMirroredFace:
    def test_it_lies_on_the_other_side_and_comes_back(self) -> None:
        face = dataclasses.replace(make_face({"happy": 1.0}), landmarks_xy=np.full((5, 2), (0, 7)), person=3)
        there = face.mirrored(640)
        x, y, w, h = face.box_xywh
        assert there.box_xywh == (640 - x - w, y, w, h)
        assert there.landmarks_xy.tolist() == [[639, 7]] * 5
        assert (there.person, there.emotion, there.crop_xywh[2:]) == (3, "happy", face.crop_xywh[2:])
        back = there.mirrored(640)
        assert (back.box_xywh, back.crop_xywh) == (face.box_xywh, face.crop_xywh)
        np.testing.assert_array_equal(back.landmarks_xy, face.landmarks_xy)


class TestTable:
    COLUMNS = (
        "file",
        "face",
        *"xywh",
        "detector_score",
        "emotion",
        "label",
        "confidence",
        "set",
        "quality",
        *EMOTIONS,
        "model",
        "detector",
        "error",
    )

    def test_empty(self) -> None:
        table = to_table([])
        assert len(table) == 0
        assert tuple(table.columns) == self.COLUMNS

    def test_one_row_a_face_and_one_for_every_file_without(self) -> None:
        table = to_table(
            [
                make_photo("two.jpg", make_face({"happy": 1.0}), make_face({"sad": 1.0})),
                make_photo("none.jpg"),
                PhotoResult("broken.jpg", READER, error="broken.jpg is cut short."),
            ]
        )
        assert tuple(table.columns) == self.COLUMNS
        assert table["file"].tolist() == ["two.jpg", "two.jpg", "none.jpg", "broken.jpg"]
        assert table["face"].fillna(0).tolist() == [1, 2, 0, 0]
        assert table["emotion"].fillna("").tolist() == ["happy", "sad", "", ""]
        assert table["error"].fillna("").tolist() == ["", "", "", "broken.jpg is cut short."]
        assert table.loc[0, [*"xywh"]].tolist() == list(BOX)
        assert math.isnan(table.loc[2, "happy"])

    def test_sets_and_faults_are_joined(self) -> None:
        plain = make_face({"happy": 0.6, "surprise": 0.4})
        faces = (
            dataclasses.replace(plain, prediction_set=("happy", "surprise"), quality=("small", "dark")),
            dataclasses.replace(plain, prediction_set=("happy",)),
            plain,
        )
        table = to_table([make_photo("a.jpg", *faces), make_photo("none.jpg")])
        assert table["set"].fillna("").tolist() == ["happy|surprise", "happy", "", ""]
        assert table["quality"].fillna("-").tolist() == ["small|dark", "", "", "-"]

    @pytest.mark.parametrize(
        "photos",
        [(), (make_photo("none.jpg"),), (make_photo("a.jpg", make_face({"sad": 1.0})),)],
        ids=["empty", "no face", "no sets"],
    )
    def test_joined_columns_are_text_where_nothing_is_joined(self, photos: tuple[PhotoResult, ...]) -> None:
        table = to_table(photos)
        assert table["set"].isna().all()
        assert table[["set", "quality"]].dtypes.tolist() == ["str", "str"]

    @pytest.mark.parametrize(
        ("photos", "classes"),
        [
            pytest.param([], EMOTIONS, id="nothing"),
            pytest.param([make_photo("none.jpg")], EMOTIONS, id="no face, seven classes"),
            pytest.param([make_photo("none.jpg", reader=CONTEMPTUOUS)], EMOTIONS_WITH_CONTEMPT, id="no face"),
            pytest.param(
                [PhotoResult("broken.jpg", CONTEMPTUOUS, error="It is cut short.")], EMOTIONS_WITH_CONTEMPT, id="error"
            ),
            pytest.param(
                [make_photo("a.jpg", make_face({"contempt": 1.0}, EMOTIONS_WITH_CONTEMPT), reader=CONTEMPTUOUS)],
                EMOTIONS_WITH_CONTEMPT,
                id="a face",
            ),
            pytest.param(
                [make_photo("b.jpg", make_face({"sad": 1.0})), make_photo("none.jpg", reader=CONTEMPTUOUS)],
                EMOTIONS_WITH_CONTEMPT,
                id="two readers",
            ),
        ],
    )
    def test_what_the_reader_knows_has_a_column_whatever_is_found(
        self, photos: list[PhotoResult], classes: tuple[str, ...]
    ) -> None:
        table = to_table(photos)
        at = list(table.columns).index("angry")
        assert tuple(table.columns)[at : at + len(classes) + 1] == (*classes, "model")
        assert all(table[name].dtype == "float64" for name in classes)
