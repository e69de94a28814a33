"""The suite itself: what a machine cannot test is said, and YuNet is tried wherever its file is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fer import paths

pytestmark = pytest.mark.slow

ON_DATA = "tests/test_media_fuzz.py::test_damaged_photos_end_as_a_picture_or_one_sentence"
WITH_YUNET = "tests/test_detection.py::test_yunet_finds_the_astronaut_and_her_features"


def run(variables: dict[str, str]) -> str:
    """What pytest says of a test on real data and one with YuNet, in a process of its own."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", ON_DATA, WITH_YUNET]
    done = subprocess.run(
        command, cwd=paths.ROOT, env=os.environ | variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_what_is_missing_is_said_loudly(tmp_path: Path) -> None:
    said = run({"FER_TEST_DATA": str(tmp_path)})
    assert "real data: none\nYuNet: none\n" in said
    assert "2 skipped" in said
    assert "NOT TESTED ON THIS MACHINE" in said
    assert f"1 left out: real data not found: {tmp_path} holds no data/fer2013.parquet" in said
    assert "1 left out: no YuNet file in " in said


def test_the_folder_for_models_is_enough_for_yunet(tmp_path: Path, yunet_file: Path) -> None:
    shutil.copy(yunet_file, tmp_path)
    said = run({"FER_TEST_DATA": str(tmp_path / "none"), "FER_MODEL_DIR": str(tmp_path)})
    assert f"YuNet: {tmp_path / paths.DETECTOR_FILE}" in said
    assert "1 passed, 1 skipped" in said
    assert "no YuNet file" not in said
