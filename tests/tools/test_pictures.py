"""The README's pictures: every page has one, and the tool that takes them writes what it saw."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from fer import paths
from fer.detection import load_detector
from tools import pictures
from tools.figures import README

MAX_BYTES = 1_000_000


def test_every_picture_is_of_a_page_and_in_the_readme() -> None:
    pages = {path.stem for path in (paths.ROOT / "pages").glob("*.py")}
    assert set(pictures.PAGES) <= pages
    shown = re.findall(r"!\[([^\]]+)\]\(([^)]+)\)", README.read_text(encoding="utf-8"))
    assert {Path(file).stem for _, file in shown} == set(pictures.PAGES)
    assert all(len(words) > 20 for words, _ in shown)


@pytest.mark.parametrize("page", pictures.PAGES)
def test_pictures_are_small_enough_and_of_one_size(page: str) -> None:
    file = pictures.FOLDER / f"{page}.webp"
    assert file.stat().st_size <= MAX_BYTES
    with Image.open(file) as picture:
        assert (picture.format, picture.size) == ("WEBP", pictures.SHOWN_WH)


@pytest.mark.parametrize("lasting_ms", [(700,), (500, 1500, 300)], ids=["a still", "a film"])
def test_a_film_keeps_its_pictures_and_their_times(lasting_ms: tuple[int, ...], tmp_path: Path) -> None:
    shots = [
        pictures.Shot(Image.new("RGB", pictures.SHOWN_WH, (80 * i, 90, 30)), lasts)
        for i, lasts in enumerate(lasting_ms)
    ]
    pictures.save(tmp_path / "film.webp", shots)
    with Image.open(tmp_path / "film.webp") as film:
        assert getattr(film, "n_frames", 1) == len(shots)
        for i, shot in enumerate(shots):
            film.seek(i)
            film.load()
            assert len(shots) == 1 or film.info["duration"] == shot.lasts_ms


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What the camera may see."""
    return pictures.write_clips(tmp_path_factory.mktemp("clips"))


@pytest.mark.slow
@pytest.mark.parametrize(("who", "faces"), [("astronaut", 1), ("admiral", 1), ("both", 2)])
def test_the_camera_sees_the_samples(who: str, faces: int, clips: dict[str, Path]) -> None:
    first = clips[who].read_bytes()
    seen = cv2.imdecode(np.frombuffer(first, np.uint8), cv2.IMREAD_COLOR)
    assert seen.shape == (480, 640, 3)
    assert len(load_detector("haar").detect(seen, min_score=0.75)) == faces


def test_a_page_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert pictures.main(["nowhere"]) == 1
    assert "There is no page nowhere" in capsys.readouterr().err
