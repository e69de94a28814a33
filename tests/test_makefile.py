"""What `make run` does, with programs that only write down what they are asked in the place of the real ones."""

import shutil
import subprocess
from pathlib import Path

import pytest

from fer import paths

STUB = """#!/bin/sh
echo "$(basename "$0") $*" >> "{log}"
case "$*" in *setup*) exit {status} ;; esac
"""


@pytest.fixture
def make() -> str:
    found = shutil.which("make")
    if found is None:
        pytest.skip("no make found")
    return found


@pytest.mark.parametrize("status", [0, 1], ids=["fetched", "not to be had"])
def test_the_app_starts_whether_the_detector_can_be_fetched_or_not(make: str, status: int, tmp_path: Path) -> None:
    shutil.copy(paths.ROOT / "Makefile", tmp_path)
    log, programs = tmp_path / "log", tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "streamlit"):
        (programs / name).write_text(STUB.format(log=log, status=status))
        (programs / name).chmod(0o755)
    (tmp_path / "requirements.txt").touch()
    (tmp_path / ".venv" / ".installed").touch()
    for _ in range(2):
        done = subprocess.run([make, "run"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
    started = "streamlit run streamlit_app.py"
    assert log.read_text().splitlines() == ["python -m fer setup", started, started], "it is asked for once"
