"""The photos that are always there."""

import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from fer import samples
from fer.detection import load_detector
from fer.errors import MediaError
from fer.samples import SAMPLES


@pytest.mark.parametrize(
    ("key", "n_faces"),
    [
        pytest.param("astronaut", 1, id="astronaut"),
        pytest.param("admiral", 1, id="admiral"),
        pytest.param("two-faces", 2, id="two faces", marks=pytest.mark.slow),
    ],
)
def test_every_sample_shows_its_faces(key: str, n_faces: int) -> None:
    image_bgr = SAMPLES[key].load()
    assert image_bgr.dtype == np.uint8
    assert image_bgr.ndim == 3
    assert len(load_detector("haar").detect(image_bgr)) == n_faces


def test_there_are_no_other_samples() -> None:
    assert list(SAMPLES) == ["astronaut", "admiral", "two-faces"]


@pytest.mark.parametrize("key", SAMPLES)
def test_every_sample_says_whose_it_is(key: str) -> None:
    assert SAMPLES[key].title
    assert "public domain" in SAMPLES[key].credit


def test_the_astronaut_is_read_blue_first() -> None:
    blue, _, red = SAMPLES["astronaut"].load()[340, 210].astype(int)
    assert red > blue + 100, "the suit is orange"


@pytest.mark.parametrize("installed", [False, True], ids=["no package", "package without the file"])
def test_a_missing_file_names_the_package(installed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ModuleSpec("skimage", None, origin=str(tmp_path / "__init__.py")) if installed else None
    monkeypatch.setattr(samples, "find_spec", lambda name: spec)
    with pytest.raises(MediaError, match=r"astronaut\.png is missing; install the package scikit-image again\."):
        SAMPLES["astronaut"].load()


@pytest.mark.slow
def test_reading_imports_neither_package() -> None:
    code = (
        "import sys; from fer.samples import SAMPLES; SAMPLES['two-faces'].load(); "
        "print({'skimage', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
