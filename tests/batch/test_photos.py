"""Many files: which are read, in which order, and what becomes of those that cannot be."""

import os
from pathlib import Path

import numpy as np
import pytest

from fer.batch.photos import analyze_files, analyze_photo, find_images
from fer.errors import FerError, FetchError, MediaError
from fer.media import encode_png
from fer.pipeline import FacePipeline
from fer.recognition import EmotionModel
from tests.fakes import SquareFinder, drawn_face, install_model


@pytest.fixture
def pipeline(tmp_path: Path) -> FacePipeline:
    return FacePipeline(EmotionModel(install_model(tmp_path / "models")), SquareFinder())


def _drawn(*faces: tuple[int, int, int, bool]) -> np.ndarray:
    image_bgr = np.zeros((100, 200, 3), np.uint8)
    for face in faces:
        drawn_face(image_bgr, *face)
    return image_bgr


@pytest.fixture
def photo_folder(tmp_path: Path) -> Path:
    """Files and folders with telling names; what they hold does not matter to a search."""
    folder = tmp_path / "photos"
    for name in ("b.JPG", "a.png", "notes.txt", "z/c.webp", "no suffix", "y.png/d.heic"):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return folder


@pytest.mark.parametrize(
    ("places", "found"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param(["a.png"], ["a.png"], id="a file"),
        pytest.param(["notes.txt", "gone.jpg"], ["notes.txt", "gone.jpg"], id="files of any name, there or not"),
        pytest.param(["."], ["a.png", "b.JPG", "y.png/d.heic", "z/c.webp"], id="a folder, by suffix, however deep"),
        pytest.param(["z", "a.png", "y.png"], ["z/c.webp", "a.png", "y.png/d.heic"], id="in the order given"),
        pytest.param(["a.png", "a.png"], ["a.png", "a.png"], id="twice where it is given twice"),
    ],
)
def test_files_are_found(photo_folder: Path, places: list[str], found: list[str]) -> None:
    assert find_images([photo_folder / place for place in places]) == [photo_folder / name for name in found]


def test_a_folder_without_pictures_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(MediaError, match=r"^The folder .*empty holds no picture files\.$"):
        find_images([tmp_path / "a.png", tmp_path / "empty"])


def test_a_name_too_long_for_a_path_is_left_to_the_reader(pipeline: FacePipeline) -> None:
    path = Path("a" * 5000)
    (photo,) = (analysis.photo for analysis in analyze_files(pipeline, find_images([path])))
    assert photo.error is not None
    assert photo.error.endswith("cannot be opened; check the path and the disk.")


@pytest.mark.parametrize(
    ("faces", "emotions"),
    [
        pytest.param([], [], id="no face"),
        pytest.param([(10, 10, 60, True)], ["happy"], id="one face"),
        pytest.param([(10, 10, 40, True), (90, 10, 80, False)], ["angry", "happy"], id="the largest first"),
    ],
)
def test_a_photo_gets_its_result(
    pipeline: FacePipeline, faces: list[tuple[int, int, int, bool]], emotions: list[str]
) -> None:
    analysis = analyze_photo(pipeline, "drawn", lambda: _drawn(*faces))
    photo = analysis.photo
    np.testing.assert_array_equal(analysis.image_bgr, _drawn(*faces))
    assert (photo.file, photo.error) == ("drawn", None)
    assert (photo.result.width, photo.result.height) == (200, 100)
    assert [face.emotion for face in photo.faces] == emotions


def test_an_unreadable_photo_gets_its_sentence(pipeline: FacePipeline) -> None:
    def fail() -> np.ndarray:
        raise FerError("It is damaged.")

    analysis = analyze_photo(pipeline, "drawn", fail)
    photo = analysis.photo
    assert analysis.image_bgr is None
    assert (photo.file, photo.error, photo.result, photo.faces) == ("drawn", "It is damaged.", None, ())
    assert photo.reader == pipeline.reader


def test_a_fault_of_the_program_is_not_hidden(pipeline: FacePipeline) -> None:
    def fail() -> np.ndarray:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        analyze_photo(pipeline, "drawn", fail)


def test_no_files_give_no_results(pipeline: FacePipeline) -> None:
    assert list(analyze_files(pipeline, [])) == []


def test_results_come_one_by_one_and_in_order(pipeline: FacePipeline, tmp_path: Path) -> None:
    good, broken, blank = (tmp_path / name for name in ("3.png", "2.png", "1.png"))
    good.write_bytes(encode_png(_drawn((10, 10, 60, True))))
    broken.write_bytes(b"no picture")
    blank.write_bytes(encode_png(_drawn()))
    results = (analysis.photo for analysis in analyze_files(pipeline, [good, broken, blank]))
    assert [face.emotion for face in next(results).faces] == ["happy"]
    broken.write_bytes(encode_png(_drawn((10, 10, 60, False))))
    assert [face.emotion for face in next(results).faces] == ["angry"], "it was read before it was asked for"
    last = next(results)
    assert (last.file, last.error, last.faces) == (str(blank), None, ())
    assert next(results, None) is None


def test_a_name_that_is_no_text_can_still_be_written_out(pipeline: FacePipeline, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    try:
        path.write_bytes(encode_png(_drawn()))
    except OSError:
        pytest.skip("file names are always text here")
    (photo,) = (analysis.photo for analysis in analyze_files(pipeline, [path]))
    assert photo.error is None
    assert photo.file == str(tmp_path / r"caf\xe9.png")


def test_links_are_fetched_and_files_are_not(pipeline: FacePipeline, tmp_path: Path, monkeypatch) -> None:
    """A link is text and a file is a path, so that a file whose name looks like a link stays a file."""
    fetched = []

    def fetch(link: str) -> bytes:
        fetched.append(link)
        if "gone" in link:
            raise FetchError("It is gone.")
        return encode_png(_drawn((10, 10, 60, True)))

    monkeypatch.setattr("fer.batch.photos.fetch_image_bytes", fetch)
    places = find_images(["https://example.org/a.png", Path("http:/example.org/b.png"), "http://example.org/gone"])
    first, second, third = (analysis.photo for analysis in analyze_files(pipeline, places))
    assert (first.file, [face.emotion for face in first.faces]) == ("https://example.org/a.png", ["happy"])
    assert "does not exist" in second.error
    assert (third.file, third.error) == ("http://example.org/gone", "It is gone.")
    assert fetched == ["https://example.org/a.png", "http://example.org/gone"]
