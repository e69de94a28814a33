"""The Image page: the sample of a first visit, photos brought in every way, and what happens to those that fail."""

import re
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fer import paths
from fer.errors import FetchError
from fer.media import encode_png
from fer.pipeline import DEFAULT_MODEL, load_pipeline
from fer.recognition import ModelCard
from fer.samples import SAMPLES
from fer.ui import loaders
from fer.ui.image import uploads
from fer.ui.style import plain
from tests.app.conftest import Visit, said, upload
from tests.fakes import SquareFinder, drawn_face, install_model, write_network


def _cards(app: AppTest) -> list[str]:
    """The numbers on the cards of faces."""
    return [caption.value for caption in app.caption if caption.value.startswith("Face ")]


def _alts(app: AppTest) -> list[str]:
    return [image.alt for element in app.image for image in element.proto.imgs]


def _address(app: AppTest, alt: str) -> str:
    """Where a picture lies; another picture lies elsewhere."""
    (found,) = (image.url for element in app.image for image in element.proto.imgs if image.alt == alt)
    return found


class TestFirstVisit:
    def test_it_shows_a_sample_that_was_read(self, visit: Visit) -> None:
        app = visit("image")
        text = said(app)
        assert [title.value for title in app.header] == ["Astronaut"]
        assert "Until you add one, this is a sample." in text
        assert "Eileen Collins, NASA, public domain" in text
        assert _cards(app) == ["Face 1"]
        assert _alts(app)[0].startswith("The photo with 1 numbered face. face 1: Looks happy")

    def test_without_yunet_haar_runs_and_says_why(self, visit: Visit) -> None:
        text = said(visit("image"))
        assert "1 face found by Haar cascade in " in text
        assert "The Haar cascade runs because YuNet's file is not here; `python -m fer setup` fetches it." in text

    def test_with_its_file_yunet_runs_and_says_why(
        self, visit: Visit, yunet_file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FER_MODEL_DIR", str(yunet_file.parent))
        text = said(visit("image"))
        assert "1 face found by YuNet in " in text
        assert "YuNet runs because its file was found" in text

    def test_the_default_model_stands_first_with_what_it_is_for_and_how_well_it_reads(self, visit: Visit) -> None:
        app = visit("image")
        picker = app.sidebar.selectbox(key="model")
        assert picker.options[0] == picker.value == DEFAULT_MODEL
        (about,) = (caption for caption in app.sidebar.caption if "on everyday photos" in caption.value)
        card = ModelCard.read(paths.find_models()[DEFAULT_MODEL])
        assert plain(f"{card.purpose} {card.fails}") in about.value
        assert plain("% right on FER+ PrivateTest") in about.proto.help


class TestPhotos:
    def test_one(self, visit: Visit, two_faces_png: bytes) -> None:
        app = upload(visit("image"), ("us.png", two_faces_png))
        assert [title.value for title in app.header] == [r"us\.png"]
        assert _cards(app) == ["Face 1", "Face 2"]
        assert not app.dataframe
        assert "Until you add one" not in said(app)

    def test_a_blurred_one_says_that_it_is_less_sure_by_how_much_and_how_that_was_measured(
        self, visit: Visit, blurred_png: bytes
    ) -> None:
        app = upload(visit("image"), ("me.png", blurred_png))
        (warning,) = (caption for caption in app.caption if "Less sure" in caption.value)
        (cost,) = (cost for cost in load_pipeline().reader.fault_costs if cost.fault == "blurred")
        right, others = round(100 * cost.right), round(100 * cost.right_without)
        assert f"Less sure: blurred. Faces like this were read rightly {right} times in 100, others {others}." in said(
            app
        )
        assert plain(f"{cost.n:,} such faces of FER+ PublicTest") in warning.proto.help

    def test_many(self, visit: Visit, face_png: bytes, two_faces_png: bytes, blank_png: bytes) -> None:
        app = upload(visit("image"), ("a.png", face_png), ("b.png", blank_png), ("c.png", two_faces_png))
        assert not app.exception
        assert [title.value for title in app.header] == ["3 photos, 3 faces", r"a\.png"]
        table = app.dataframe[0].value
        assert table["file"].tolist() == ["a.png", "b.png", "c.png", "c.png"]
        assert table["face"].fillna(0).tolist() == [1, 0, 1, 2]
        assert table["label"].fillna("-").tolist()[:2] == ["happy", "-"]
        assert table["confidence"].fillna(50).between(14, 100).all()
        assert not app.warning

    def test_the_table_goes_by_name_and_shows_every_face_small(
        self, visit: Visit, face_png: bytes, two_faces_png: bytes, blank_png: bytes
    ) -> None:
        app = upload(visit("image"), ("p10.png", face_png), ("p9.png", two_faces_png), ("P1.png", blank_png))
        table = app.dataframe[0].value
        assert table["file"].tolist() == ["P1.png", "p9.png", "p9.png", "p10.png"]
        assert table["picture"].str.startswith("data:image/jpeg;base64,").all()
        assert table["picture"][:3].nunique() == 3
        assert table["picture"].str.len().max() < 4000

    def test_it_opens_on_a_photo_that_was_read_surely_and_in_full(self, visit: Visit, face_png: bytes) -> None:
        tiny_png = encode_png(SAMPLES["astronaut"].load()[::9, ::9])
        app = upload(visit("image"), ("a.png", b""), ("b.png", tiny_png), ("c.png", face_png))
        assert app.header[-1].value == r"c\.png"

    def test_faces_are_filtered_by_what_they_show_and_what_is_wrong(
        self, visit: Visit, face_png: bytes, blank_png: bytes
    ) -> None:
        app = upload(visit("image"), ("a.png", blank_png), ("b.png", face_png), ("c.png", b"no picture"))
        (kinds,) = (pills for pills in app.get("button_group") if pills.proto.label == "Show only")
        assert kinds.options == ["happy (1)", "no face (1)", "not read (1)"]
        kinds.set_value(["happy"]).run()
        assert app.dataframe[0].value["file"].tolist() == ["b.png"]
        assert app.header[-1].value == r"b\.png"
        (kinds,) = (pills for pills in app.get("button_group") if pills.proto.label == "Show only")
        kinds.set_value(["no face", "not read"]).run()
        assert app.dataframe[0].value["file"].tolist() == ["a.png", "c.png"]
        assert not app.exception

    def test_faces_stand_as_one_reads_where_that_is_chosen(self, visit: Visit, two_faces_png: bytes) -> None:
        app = upload(visit("image"), ("a.png", two_faces_png), ("b.png", two_faces_png))
        assert app.dataframe[0].value["face"].tolist() == [1, 2, 1, 2]
        app.segmented_control(key="face_order").set_value("reading").run()
        left = [face.box_xywh[0] for face in list(app.session_state["_album"].values())[-1].result.faces]
        order = [1, 2] if left[0] < left[1] else [2, 1]
        assert app.dataframe[0].value["face"].tolist() == 2 * order

    def test_a_picked_row_shows_its_photo(self, visit: Visit, face_png: bytes, two_faces_png: bytes) -> None:
        app = upload(visit("image"), ("a.png", two_faces_png), ("b.png", face_png))
        app.session_state["photo_table"] = {"selection": {"rows": [2], "columns": []}}
        app.run()
        assert app.header[-1].value == r"b\.png"

    def test_a_broken_one_does_not_stop_the_others(self, visit: Visit, face_png: bytes) -> None:
        app = upload(visit("image"), ("a.png", b""), ("b.png", b"no picture"), ("c.png", face_png))
        assert not app.exception
        text = said(app)
        assert "3 photos, 1 face" in text
        assert "2 of 3 files could not be read" in text
        assert "'a.png' is empty (0 bytes); choose another file." in text
        assert "'b.png' is a text file, not a picture;" in text
        table = app.dataframe[0].value
        assert table["error"].notna().tolist() == [True, True, False]
        assert table["label"].fillna("").tolist() == ["", "", "happy"]

    def test_a_broken_one_alone_is_one_sentence(self, visit: Visit) -> None:
        app = upload(visit("image"), ("a.png", b"%PDF-1.7"))
        assert not app.exception
        (error,) = app.error
        assert error.value.replace("\\", "").startswith("'a.png' is a PDF document, not a picture; ")
        assert _cards(app) == []

    def test_nobody_on_it(self, visit: Visit, blank_png: bytes) -> None:
        app = upload(visit("image"), ("wall.png", blank_png))
        assert "No face found. Try a photo in which the face is at least 40 pixels wide" in said(app)
        assert _alts(app) == ["A photo in which no face was found."]
        assert _cards(app) == []

    def test_the_same_file_twice_under_two_names(self, visit: Visit, face_png: bytes) -> None:
        app = upload(visit("image"), ("a.png", face_png), ("b.png", face_png))
        assert app.dataframe[0].value["file"].tolist() == ["a.png", "b.png"]

    def test_taken_away_again_the_sample_is_back(self, visit: Visit, face_png: bytes) -> None:
        app = upload(visit("image"), ("a.png", face_png))
        app = app.file_uploader(key="image_files").set_value(None).run()
        assert [title.value for title in app.header] == ["Astronaut"]

    @pytest.mark.parametrize(
        "name",
        [
            "![x](http://example.org/x.png).png",
            "<img src=x onerror=alert(1)>.png",
            "**a** _b_ `c` $d$ :red[e].png",
            "www.example.com.png",
            "[click](javascript:alert(1)).png",
        ],
        ids=["Markdown picture", "HTML", "Markdown marks", "address", "Markdown link"],
    )
    def test_names_are_shown_letter_by_letter(self, name: str, visit: Visit, face_png: bytes) -> None:
        app = upload(visit("image"), (name, face_png), (f"not {name}", b""))
        assert not app.exception
        assert name in said(app).splitlines()
        assert f"'not {name}' is empty" in said(app)
        shown = [
            re.sub(r"(?<!\\)`[^`]*`", "", element.value)  # what is set as code stands there as it is
            for kind in (app.header, app.caption, app.warning)
            for element in kind
        ]
        assert not [text for text in shown if name in text], "nothing stands there unescaped"

    def test_an_activation_map_is_laid_over_the_face(self, visit: Visit) -> None:
        app = visit("image")
        app.toggle(key="map_1").set_value(True).run()
        assert not app.exception
        assert "Activation map of happy over face 1" in _alts(app)
        app.selectbox(key="map_class_1").set_value("fear").run()
        assert "Activation map of fear over face 1" in _alts(app)


class TestSources:
    @pytest.mark.parametrize(("key", "cards"), [("astronaut", 1), ("admiral", 1), ("two-faces", 2)], ids=str)
    def test_samples(self, key: str, cards: int, visit: Visit) -> None:
        app = visit("image")
        app.segmented_control(key="image_source").set_value("sample").run()
        app.pills(key="image_sample").set_value(key).run()
        assert [title.value for title in app.header] == [SAMPLES[key].title]
        assert len(_cards(app)) == cards

    def test_a_folder(self, visit: Visit, face_png: bytes) -> None:
        app = visit("image")
        app.segmented_control(key="image_source").set_value("folder").run()
        app = upload(app, ("x/a.png", face_png), ("y/a.png", face_png), key="image_folder")
        assert app.dataframe[0].value["file"].tolist() == ["x/a.png", "y/a.png"]

    def test_a_snapshot(self, visit: Visit, face_png: bytes) -> None:
        app = visit("image")
        app.segmented_control(key="image_source").set_value("camera").run()
        assert [title.value for title in app.header] == ["Astronaut"], "until there is one, the sample"
        app.camera_input(key="image_camera").set_value(("face.jpg", face_png, "image/jpeg")).run()
        assert not app.exception
        assert [title.value for title in app.header] != ["Astronaut"]
        assert _cards(app) == ["Face 1"]

    def test_a_link(self, visit: Visit, face_png: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []
        monkeypatch.setattr(uploads, "fetch_image_bytes", lambda link: (asked.append(link), face_png)[1])
        app = visit("image")
        app.segmented_control(key="image_source").set_value("paste").run()
        app.chat_input(key="image_pasted").set_value("http://example.org/a.png").run()
        assert asked == ["http://example.org/a.png"]
        assert "http://example.org/a.png" in said(app).splitlines()
        assert _cards(app) == ["Face 1"]
        app.run()
        assert _cards(app) == ["Face 1"]
        assert len(asked) == 1, "a rerun does not fetch it again"

    def test_a_link_that_fails(self, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(link: str) -> bytes:
            raise FetchError("127.0.0.1 cannot be found on the public internet; save the picture and upload the file.")

        monkeypatch.setattr(uploads, "fetch_image_bytes", fail)
        app = visit("image")
        app.segmented_control(key="image_source").set_value("paste").run()
        app.chat_input(key="image_pasted").set_value("http://127.0.0.1:8080/").run()
        assert not app.exception
        assert [error.value.replace("\\", "") for error in app.error] == [
            "127.0.0.1 cannot be found on the public internet; save the picture and upload the file."
        ]
        assert [title.value for title in app.header] == ["Astronaut"]

    def test_one_bad_link_does_not_drop_the_others(
        self, visit: Visit, face_png: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fetch(link: str) -> bytes:
            if "bad" in link:
                raise FetchError(f"{link} cannot be found; check the address.")
            return face_png

        monkeypatch.setattr(uploads, "fetch_image_bytes", fetch)
        app = visit("image")
        app.segmented_control(key="image_source").set_value("paste").run()
        links = [f"https://{name}.test/a.png" for name in ("one", "bad", "two", "worse-than-bad")]
        app.chat_input(key="image_pasted").set_value(" ".join(links)).run()
        assert not app.exception
        assert "2 photos, 2 faces" in said(app)
        assert len(app.error) == 2
        for link in links[1::2]:
            assert f"{link} cannot be found; check the address." in said(app)


class TestControls:
    def test_they_keep_their_values_from_page_to_page(self, visit: Visit) -> None:
        app = visit("image")
        app.sidebar.slider(key="min_score").set_value(0.7)
        app.sidebar.slider(key="margin_percent").set_value(20)
        app.sidebar.selectbox(key="detector").set_value("haar")
        app.segmented_control(key="image_source").set_value("sample").run()
        app.switch_page("pages/home.py").run()
        assert not app.sidebar.slider
        app.switch_page("pages/image.py").run()
        assert app.sidebar.slider(key="min_score").value == 0.7
        assert app.sidebar.slider(key="margin_percent").value == 20
        assert app.sidebar.selectbox(key="detector").value == "haar"
        assert app.segmented_control(key="image_source").value == "sample"
        assert "The Haar cascade runs because it was chosen." in said(app)

    def test_the_least_score_is_heeded(self, visit: Visit) -> None:
        app = visit("image")
        app.sidebar.slider(key="min_score").set_value(0.95).run()
        assert "0 faces found" in said(app)
        assert "a lower least detector score" in said(app)

    def test_the_margin_changes_what_is_cut_out(self, visit: Visit) -> None:
        app = visit("image")
        before = _address(app, "Face 1, cut out")
        app.sidebar.slider(key="margin_percent").set_value(50).run()
        assert _address(app, "Face 1, cut out") != before

    def test_detectors_that_cannot_run_are_not_offered(self, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("fer.detection.importlib.util.find_spec", lambda name: None)
        assert visit("image").sidebar.selectbox(key="detector").options == ["Automatic", "Haar cascade"]

    def test_a_damaged_model_can_be_left_again(
        self, visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FER_MODEL_DIR", str(tmp_path))
        (install_model(tmp_path, "damaged") / "model.onnx").write_bytes(b"")
        app = visit("image")
        app.sidebar.selectbox(key="model").set_value("damaged").run()
        assert not app.exception
        assert "install the model again" in app.error[0].value
        assert _cards(app) == []
        app.sidebar.selectbox(key="model").set_value(DEFAULT_MODEL).run()
        assert not app.error
        assert _cards(app) == ["Face 1"]


class TestDrawnModel:
    """With the stand-in network, and a detector that sees every square that was drawn."""

    @pytest.fixture(autouse=True)
    def _installed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("fer.paths.model_dirs", lambda: [tmp_path / "models"])
        monkeypatch.setattr(loaders, "load_detector", lambda choice, threads: SquareFinder())

    @pytest.fixture
    def group_png(self) -> bytes:
        image_bgr = np.zeros((200, 700, 3), np.uint8)
        for i, side in enumerate((160, 140, 120, 100)):
            drawn_face(image_bgr, 10 + 170 * i, 10, side, happy=True)
        return encode_png(image_bgr)

    def test_a_model_without_maps_is_asked_part_by_part(self, visit: Visit, tmp_path: Path, group_png: bytes) -> None:
        folder = install_model(tmp_path / "models", maps_size=None)
        write_network(folder / "model.onnx", with_maps=False)
        app = upload(visit("image"), ("group.png", group_png))
        app.toggle(key="map_1").set_value(True).run()
        assert not app.exception
        assert "Bright: what, when covered, lowered" in said(app)

    def test_a_group_is_a_grid_to_pick_from(self, visit: Visit, tmp_path: Path, group_png: bytes) -> None:
        install_model(tmp_path / "models")
        app = upload(visit("image"), ("group.png", group_png))
        assert not app.exception
        assert "4 faces found" in said(app)
        assert [button.label.split()[0] for button in app.button] == ["1", "2", "3", "4"]
        assert _cards(app) == ["Face 1"]
        app.button(key="pick_3").click().run()
        assert _cards(app) == ["Face 3"]
        app = upload(app, ("other.png", group_png))
        assert _cards(app) == ["Face 1"], "another photo begins with its first face"

    def test_a_model_s_words_are_shown_letter_by_letter(self, visit: Visit, tmp_path: Path) -> None:
        install_model(tmp_path / "models", purpose="![x](http://example.org/x.png)", fails="<b>none</b> :smile:")
        app = visit("image")
        assert "![x](http://example.org/x.png) <b>none</b> :smile:" in said(app)
        assert not [caption for caption in app.caption if "![x]" in caption.value or ":smile:" in caption.value]
