"""The Datasets page: what is there, what is missing, what is wrong with it, and what a visitor brings."""

import csv
import os
import re
import zipfile
from io import BytesIO, StringIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fer.datasets.ferplus import VOTE_NAMES, VOTES_FILE
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT
from fer.pipeline import DEFAULT_MODEL
from fer.ui.datasets import choice
from tests.app.conftest import Visit, said

SIDE = 16
BY_CLASS = 10

Row = tuple[int, np.ndarray, str]


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE))


def drawn_rows() -> list[Row]:
    """Ten faces a class, eight of them Training; then a copy, a copy with another label, and a blank picture."""
    rows = [
        (label, noise(100 * label + i), "Training" if i < 8 else ("PublicTest", "PrivateTest")[i - 8])
        for label in range(7)
        for i in range(BY_CLASS)
    ]
    rows.append((0, noise(0), "PrivateTest"))
    rows.append((1, noise(300), "PrivateTest"))
    rows.append((6, np.zeros((SIDE, SIDE), int), "Training"))
    return rows


def as_csv(rows: list[Row], subjects: bool = False) -> str:
    lines = ["emotion,pixels,Usage" + (",subject" if subjects else "")]
    for i, (label, image, usage) in enumerate(rows):
        lines.append(f"{label},{' '.join(map(str, image.ravel()))},{usage}" + (f",S{i % 5}" if subjects else ""))
    return "\n".join(lines) + "\n"


def zip_of(pictures: dict[str, np.ndarray]) -> bytes:
    """A ZIP archive of grey pictures."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, picture in pictures.items():
            archive.writestr(name, cv2.imencode(".png", picture.astype(np.uint8))[1].tobytes())
    return file.getvalue()


def data_dir() -> Path:
    folder = Path(os.environ["FER_DATA_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def fer2013() -> list[Row]:
    """A small FER2013 on the search path."""
    (data_dir() / "fer2013.csv").write_text(as_csv(drawn_rows()))
    return drawn_rows()


@pytest.fixture
def ckplus() -> None:
    """A small CK+ on the search path, with contempt, and people who are in several Usages."""
    rows = [(label, noise(5000 + 10 * label + i), "Training") for label in range(8) for i in range(3)]
    (data_dir() / "ckextended.csv").write_text(as_csv([*rows[:-1], (7, noise(9), "PublicTest")], subjects=True))


@pytest.fixture
def votes(fer2013: list[Row]) -> None:
    """Ten votes a row for its label; but the first row is seen as sad by nine, and the last as no face."""
    words = dict(
        zip(EMOTIONS, ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"), strict=True)
    )
    table = StringIO()
    writer = csv.writer(table)
    writer.writerow(["Usage", "Image name", *VOTE_NAMES])
    for i, (label, _, usage) in enumerate(fer2013):
        given = {words[EMOTIONS[label]]: 10}
        given = {0: {"sadness": 9, "anger": 1}, len(fer2013) - 1: {"NF": 10}}.get(i, given)
        writer.writerow([usage, f"{i}.png", *(given.get(name, 0) for name in VOTE_NAMES)])
    (data_dir() / VOTES_FILE).write_text(table.getvalue())


def turn(app: AppTest, **state: object) -> AppTest:
    """Set what a visitor clicks, by its key."""
    for key, value in state.items():
        app.session_state[key] = value
    return app.run()


def sheets(app: AppTest) -> list[list[str]]:
    """What the faces of every contact sheet are described as."""
    bodies = [element.proto.body for element in app.get("html")]
    return [re.findall('alt="([^"]*)"', body) for body in bodies if "fer-sheet" in body]


def alts(app: AppTest) -> str:
    """What the charts are described as, a line each."""
    return "\n".join(element.proto.alt for element in app.get("vega_lite_chart"))


class TestWithoutData:
    def test_it_says_where_it_looked_and_shows_what_is_published(self, visit: Visit) -> None:
        app = visit("datasets")
        assert not app.exception
        text = said(app)
        assert "fer2013.csv` is not on this machine" in text
        assert "kaggle.com" in text
        assert os.environ["FER_DATA_DIR"] in text
        assert "The published counts of 35,887 faces, not counted here." in text
        assert "disgust 547" in alts(app)

    def test_ckplus_is_published_without_usages(self, visit: Visit) -> None:
        app = turn(visit("datasets"), dataset="ckplus")
        assert not app.exception
        assert "The published counts of 920 faces" in said(app)
        assert "contempt 18" in alts(app)


@pytest.mark.usefixtures("fer2013")
class TestCounts:
    def test_the_header_names_the_data(self, visit: Visit) -> None:
        text = said(visit("datasets"))
        assert "73 faces, 7 classes, 16 \u00d7 16 pixels, digest " in text

    def test_columns_turn_both_ways_round(self, visit: Visit) -> None:
        app = visit("datasets")
        first = app.get("vega_lite_chart")[0].proto.spec
        assert app.get("vega_lite_chart")[0].proto.alt.endswith("surprise 10, neutral 11")
        turn(app, counts_by="row")
        assert not app.exception
        assert app.get("vega_lite_chart")[0].proto.spec != first

    def test_bad_rows_are_named_and_the_others_shown(self, visit: Visit) -> None:
        file = data_dir() / "fer2013.csv"
        file.write_text(file.read_text() + "9,1 2 3,Training\n")
        text = said(visit("datasets"))
        assert "73 faces" in text
        assert "1 row was left out" in text
        assert "emotion must be a code from 0 to 7, but row 74 holds '9'." in text

    def test_a_broken_file_is_one_sentence(self, visit: Visit) -> None:
        (data_dir() / "fer2013.csv").write_text("a,b\n1,2\n")
        app = visit("datasets")
        assert not app.exception
        assert len(app.error) == 1
        assert "must have the columns emotion, pixels, Usage" in said(app)


@pytest.mark.usefixtures("fer2013")
class TestFaces:
    @pytest.mark.parametrize(
        ("state", "first", "shown"),
        [
            ({}, "Row 1: angry, Training", 60),
            ({"faces_usage": "PublicTest"}, "Row 9: angry, PublicTest", 7),
            ({"faces_class": "sad"}, "Row 41: sad, Training", 10),
            ({"faces_usage": "PrivateTest", "faces_class": "disgust"}, "Row 20: disgust, PrivateTest", 2),
        ],
        ids=["all", "one Usage", "one class", "both"],
    )
    def test_by_class_and_usage(self, visit: Visit, state: dict, first: str, shown: int) -> None:
        (sheet,) = sheets(turn(visit("datasets"), **state))
        assert sheet[0] == first
        assert len(sheet) == shown

    def test_pages_turn(self, visit: Visit) -> None:
        app = visit("datasets")
        digest = re.search("digest ([0-9a-f]{8})", said(app))[1]
        (sheet,) = sheets(turn(app, **{f"faces {digest} all None": 2}))
        assert sheet[0] == "Row 61: neutral, Training"
        assert len(sheet) == 13

    def test_where_there_is_none_it_says_so(self, visit: Visit, ckplus: None) -> None:
        app = turn(visit("datasets"), dataset="ckplus")
        turn(app, faces_usage="PrivateTest")
        assert "No face has this class and this Usage." in said(app)
        assert sheets(app) == []


@pytest.mark.usefixtures("fer2013")
class TestTabs:
    def test_only_the_open_one_runs(self, visit: Visit) -> None:
        app = visit("datasets")
        assert not app.metric
        assert turn(app, view="Duplicates and leaks").metric
        assert sheets(app)
        assert "Row 1: angry, Training" not in str(sheets(app))

    def test_averages(self, visit: Visit) -> None:
        app = turn(visit("datasets"), view="Averages")
        assert not app.exception
        means, spreads = sheets(app)
        assert means[6] == "Mean of the 11 neutral faces"
        assert spreads[0].startswith("Spread of the angry faces, ")
        assert "Median brightness in grey levels: angry 1" in alts(app)

    def test_copies_are_counted_and_shown_side_by_side(self, visit: Visit) -> None:
        app = turn(visit("datasets"), view="Duplicates and leaks")
        assert not app.exception
        figures = {metric.label: metric.value for metric in app.metric}
        assert figures["Different pictures"] == "71"
        assert figures["PrivateTest in Training"] == "2"
        assert figures["Conflicting groups"] == "1"
        assert figures["Blank pictures"] == "1"
        assert "No face" not in figures
        (pairs,) = sheets(app)
        assert pairs == [
            "Row 71, PrivateTest, angry, beside row 1, Training, angry: exact copies",
            "Row 72, PrivateTest, disgust, beside row 31, Training, happy: exact copies",
        ]
        assert "The counts differ from the published ones" in said(app)

    def test_only_copies_with_different_labels(self, visit: Visit) -> None:
        app = turn(visit("datasets"), view="Duplicates and leaks")
        (pairs,) = sheets(turn(app, pairs_conflicting=True))
        assert len(pairs) == 1
        assert sheets(turn(app, pairs_kind="near")) == []
        assert "No pair is like that." in said(app)

    def test_rows_to_leave_out_can_be_taken_along(self, visit: Visit) -> None:
        app = turn(visit("datasets"), view="Duplicates and leaks")
        assert "4 rows to leave out" in said(app)
        assert [button.label for button in app.get("download_button")] == ["Rows to leave out (CSV)"]

    def test_balancing(self, visit: Visit) -> None:
        app = turn(visit("datasets"), view="Balancing")
        assert not app.exception
        assert "Oversampling repeats faces until every class is as large as the largest: 63 rows." in said(app)
        assert "Share of test rows seen in training" in alts(app)

    def test_the_map_says_on_which_faces(self, visit: Visit) -> None:
        app = turn(visit("datasets"), view="Map")
        assert not app.exception
        assert "9 of 9 faces, drawn at random with a fixed seed." in said(app)
        assert "so this is no measure" not in said(app)
        assert f"A map of 9 faces by what {DEFAULT_MODEL} says of them" in alts(app)

    def test_the_map_warns_of_faces_seen_in_training(self, visit: Visit) -> None:
        app = turn(visit("datasets"), view="Map", map_split="Training")
        assert "the model was trained on such faces, so this is no measure" in said(app)

    def test_without_a_second_set_there_is_nothing_beside_it(self, visit: Visit) -> None:
        app = turn(visit("datasets"), view="Side by side")
        assert "No second data set was found on this machine." in said(app)

    def test_two_sets_share_one_axis(self, visit: Visit, ckplus: None) -> None:
        app = turn(visit("datasets"), view="Side by side")
        assert not app.exception
        assert "FER2013: angry 11" in alts(app)
        assert "CK+: angry 3" in alts(app)
        assert len(sheets(app)) == 2


class TestLabelNoise:
    @pytest.mark.usefixtures("fer2013")
    def test_without_votes_it_says_how_to_get_them(self, visit: Visit) -> None:
        app = turn(visit("datasets"), view="Label noise")
        assert not app.exception
        assert "fer2013new.csv` from github.com/microsoft/FERPlus" in said(app)

    @pytest.mark.usefixtures("votes")
    def test_the_most_disputed_come_first(self, visit: Visit) -> None:
        app = turn(visit("datasets"), view="Label noise")
        assert not app.exception
        assert "Most raters chose the label for 97.3 %" in said(app)
        (sheet,) = sheets(app)
        assert sheet[:2] == [
            "Row 73, labelled neutral, Training. Votes: 10 no face",
            "Row 1, labelled angry, Training. Votes: 9 sad, 1 angry",
        ]
        assert "1 of them another one than in FER2013; 1 have none." in said(app)
        assert [button.label for button in app.get("download_button")] == ["Cleaned labels (CSV)"]

    @pytest.mark.usefixtures("votes")
    def test_votes_name_what_is_no_face(self, visit: Visit) -> None:
        app = turn(visit("datasets"), view="Duplicates and leaks")
        assert {metric.label: metric.value for metric in app.metric}["No face"] == "1"

    @pytest.mark.usefixtures("fer2013")
    def test_votes_on_other_faces_are_refused(self, visit: Visit) -> None:
        (data_dir() / VOTES_FILE).write_text(f"Usage,{','.join(VOTE_NAMES)}\nTraining{',1' * len(VOTE_NAMES)}\n")
        app = turn(visit("datasets"), view="Label noise")
        assert not app.exception
        assert "has votes for 1 faces, but fer2013.csv has 73 rows" in said(app)


@pytest.mark.usefixtures("ckplus")
class TestSubjects:
    def test_people_are_counted(self, visit: Visit) -> None:
        app = turn(visit("datasets"), view="Subjects")
        assert not app.exception
        assert "5 people, 4 to 5 faces each, 4.8 on average." in said(app).replace("*", "")
        assert "1 of them are in more than one Usage" in said(app)
        assert all(words.endswith("subject S0") for words in sheets(app)[0])

    def test_a_file_that_names_nobody_says_what_follows(self, visit: Visit) -> None:
        rows = [(label, noise(label), "Training") for label in range(8)]
        (data_dir() / "ckextended.csv").write_text(as_csv(rows))
        app = turn(visit("datasets"), view="Subjects")
        assert not app.exception
        assert "it has no column `subject`" in said(app)


class TestYourOwn:
    @pytest.fixture
    def own(self, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> AppTest:
        monkeypatch.setattr(choice, "on_own_machine", lambda: True)
        return turn(visit("datasets"), dataset="own")

    def test_it_says_what_a_file_must_hold(self, own: AppTest) -> None:
        assert not own.exception
        text = said(own)
        assert ", ".join(f"{code} {name}" for code, name in enumerate(EMOTIONS_WITH_CONTEMPT)) in text
        assert own.code[0].value.startswith("emotion,pixels,Usage")

    def test_a_path(self, own: AppTest, tmp_path: Path) -> None:
        (tmp_path / "mine.csv").write_text(as_csv(drawn_rows()))
        own.text_input(key="dataset_path").set_value(str(tmp_path / "mine.csv")).run()
        assert not own.exception
        assert [title.value for title in own.header] == ["mine"]
        assert len(sheets(own)[0]) == 60

    def test_a_folder(self, own: AppTest, tmp_path: Path) -> None:
        for label, name in enumerate(("anger", "happiness")):
            (tmp_path / "faces" / name).mkdir(parents=True)
            for i in range(3):
                cv2.imwrite(str(tmp_path / "faces" / name / f"{i}.png"), noise(10 * label + i).astype(np.uint8))
        (tmp_path / "faces" / "anger" / "notes.txt").write_text("no picture")
        own.text_input(key="dataset_path").set_value(str(tmp_path / "faces")).run()
        assert not own.exception
        assert "6 faces, 7 classes" in said(own)
        assert "1 row was left out" in said(own)
        assert "angry 3, disgust 0, fear 0, happy 3" in alts(own)

    @pytest.mark.parametrize(
        ("name", "content", "sentence"),
        [
            ("gone.csv", None, "neither a file nor a known data set"),
            ("empty.csv", "", "empty.csv is empty"),
            ("letter.csv", "Dear Sir,\nno data\n", "must have the columns emotion, pixels, Usage"),
        ],
        ids=["missing", "empty", "another file"],
    )
    def test_a_bad_path_is_one_sentence(
        self, own: AppTest, tmp_path: Path, name: str, content: str | None, sentence: str
    ) -> None:
        if content is not None:
            (tmp_path / name).write_text(content)
        own.text_input(key="dataset_path").set_value(str(tmp_path / name)).run()
        assert not own.exception
        assert len(own.error) == 1
        assert sentence in said(own)

    def test_elsewhere_nobody_names_paths_of_this_machine(self, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(choice, "on_own_machine", lambda: False)
        app = turn(visit("datasets"), dataset="own")
        assert not app.exception
        assert not app.text_input

    def test_an_upload_is_read_when_asked_and_leaves_nothing_behind(
        self, own: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        own.get("file_uploader")[0].set_value([("up.csv", as_csv(drawn_rows()).encode(), "text/csv")]).run()
        assert not own.header
        own.button(key="read_upload").click().run()
        assert not own.exception
        assert [title.value for title in own.header] == ["up"]
        assert not list(tmp_path.glob("fer-*"))
        assert not Path(os.environ["FER_CACHE_DIR"]).exists()

    def test_a_zip_of_class_folders_is_kept_while_another_page_is_looked_at(self, own: AppTest) -> None:
        archive = zip_of({f"{name}/{i}.png": noise(i) for name in ("sad", "fear") for i in range(3)})
        own.file_uploader(key="dataset_upload").set_value([("own.zip", archive, "application/zip")]).run()
        own.button(key="read_upload").click().run()
        assert "6 faces, 7 classes" in said(own)
        own.switch_page("pages/sessions.py").run()
        own.switch_page("pages/datasets.py").run()
        turn(own, dataset="own")
        assert "own is still here from before." in said(own)
        assert "6 faces, 7 classes" in said(own)
        own.button(key="forget_upload").click().run()
        assert not own.exception
        assert not own.header

    def test_a_bad_upload_is_one_sentence(self, own: AppTest) -> None:
        own.get("file_uploader")[0].set_value([("up.csv", b"\x00\x01", "text/csv")]).run()
        own.button(key="read_upload").click().run()
        assert not own.exception
        assert len(own.error) == 1
