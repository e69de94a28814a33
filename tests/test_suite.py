"""The suite itself: what a machine cannot test is said, and YuNet is tried wherever its file is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from fer import paths

ON_DATA = "tests/datasets/test_real_files.py"
ON_YUNET = "tests/test_detection.py"


def run(file: str, variables: dict[str, str]) -> str:
    """What pytest says of a file's tests on real data, or with YuNet, in a process of its own."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", file, "-k", "real or yunet"]
    done = subprocess.run(command, cwd=paths.ROOT, env=os.environ | variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_missing_data_are_said_loudly(tmp_path: Path) -> None:
    said = run(ON_DATA, {"FER_TEST_DATA": str(tmp_path)})
    assert "real data: none" in said
    assert "NOT TESTED ON THIS MACHINE" in said
    assert f"tests were left out: real data not found: {tmp_path} holds no data/fer2013.parquet" in said


def test_without_its_file_yunet_is_missed(tmp_path: Path) -> None:
    said = run(ON_YUNET, {"FER_TEST_DATA": str(tmp_path)})
    assert "YuNet: none" in said
    assert "tests were left out: no YuNet file in " in said


def test_the_folder_for_models_is_enough_for_yunet(tmp_path: Path, yunet_file: Path) -> None:
    shutil.copy(yunet_file, tmp_path)
    said = run(ON_YUNET, {"FER_TEST_DATA": str(tmp_path / "none"), "FER_MODEL_DIR": str(tmp_path)})
    assert f"YuNet: {tmp_path / paths.DETECTOR_FILE}" in said
    assert "NOT TESTED" not in said
