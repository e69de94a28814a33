"""A finished batch on the Image page: its table and charts, one of its photos, and folders that are none."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from fer.batch import run as run_module
from fer.batch.run import Job, run_batch
from fer.ui.image import uploads
from tests.app.conftest import Visit, said
from tests.batch.drawn import RECIPE, read_here


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, two_faces_png: bytes) -> Path:
    monkeypatch.setattr(run_module, "_engine", lambda job, recipe: read_here(job.recipe, job.out))
    monkeypatch.setattr(uploads, "on_own_machine", lambda: True)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "us.png").write_bytes(two_faces_png)
    (tmp_path / "in" / "broken.png").write_bytes(b"")
    run_batch(Job([str(tmp_path / "in")], tmp_path / "out", RECIPE))
    return tmp_path / "out"


def _open(app: AppTest, folder: Path) -> AppTest:
    app.segmented_control(key="image_source").set_value("batch").run()
    assert "Finished batch" in app.segmented_control(key="image_source").options
    return app.text_input(key="batch_folder").set_value(str(folder)).run()


def test_its_table_stands_there_without_its_photos(visit: Visit, out: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "us.png").rename(tmp_path / "in" / "gone.png")
    app = _open(visit("image"), out)
    assert not app.exception
    assert [header.value for header in app.header] == ["2 photos, 2 faces"]
    assert "Read by fer2013-small with Haar cascade." in said(app)
    assert "1 of 2 files could not be read" in said(app)
    table = app.dataframe[0].value
    assert table["face"].fillna(0).tolist() == [0, 1, 2]
    assert [Path(file).name for file in table["file"]] == ["broken.png", "us.png", "us.png"]
    app.session_state["batch_table"] = {"selection": {"rows": [1], "columns": []}}
    app.run()
    assert "us.png' does not exist" in app.error[0].value.replace("\\", "")


def test_a_picked_row_shows_its_photo_with_the_boxes_of_then(visit: Visit, out: Path) -> None:
    app = _open(visit("image"), out)
    app.session_state["batch_table"] = {"selection": {"rows": [2], "columns": []}}
    app.run()
    assert not app.exception
    assert app.header[-1].value == r"us\.png"
    assert [image.alt for element in app.image for image in element.proto.imgs] == ["The photo with 2 numbered boxes"]
    assert "Face 2" in said(app)
    app.session_state["batch_table"] = {"selection": {"rows": [0], "columns": []}}
    app.run()
    assert "is empty" in app.error[0].value


def test_another_folder_is_a_sentence(visit: Visit, out: Path, tmp_path: Path) -> None:
    app = _open(visit("image"), tmp_path / "in")
    assert not app.exception
    assert "holds no manifest.json; name a FOLDER that" in said(app)


def test_only_who_sits_at_the_machine_names_its_folders(visit: Visit) -> None:
    assert "Finished batch" not in visit("image").segmented_control(key="image_source").options
