"""Over a hundred damaged clips, in processes of their own, so that a crash or a hang is a failed test."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fer.paths import ROOT
from tests.fuzzing import is_one_sentence
from tests.video.fuzzing import BASES, CASES

MEMORY_LIMIT_BYTES = 1_000_000_000
HANG_S = 900
"""Longer than any machine takes; every file has a limit of its own, in processor time."""

pytestmark = pytest.mark.slow


def read_in_processes(folder: Path, names: list[str]) -> dict[str, dict]:
    """Read files in a worker process; where it dies, the file at hand is to blame and a new one takes the rest."""
    outcomes: dict[str, dict] = {}
    while names:
        command = [sys.executable, "-m", "tests.video.fuzzing", str(folder), *names]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG_S, check=False)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        for begun, ended in zip(lines[::2], lines[1::2], strict=False):
            outcomes[begun["name"]] = ended
        if done.returncode:
            killer = signal.Signals(-done.returncode).name if done.returncode < 0 else done.stderr[-2000:]
            outcomes[names[len(lines) // 2]] = {"crash": killer}
        names = [name for name in names if name not in outcomes]
    return outcomes


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    folder = tmp_path_factory.mktemp("clips")
    for name, make in CASES.items():
        (folder / name).write_bytes(make())
    return read_in_processes(folder, list(CASES))


def test_there_are_a_hundred_damaged_clips() -> None:
    assert len(CASES) - len(BASES) >= 100


@pytest.mark.parametrize("name", CASES)
def test_every_clip_ends_as_frames_or_one_sentence(name: str, outcomes: dict[str, dict]) -> None:
    outcome = outcomes[name]
    assert "crash" not in outcome, f"the process died: {outcome['crash']}"
    assert outcome["peak_bytes"] < MEMORY_LIMIT_BYTES
    assert outcome["in_order"], "time never stands still"
    if outcome["sentence"] is None:
        assert outcome["frames"]
    else:
        assert is_one_sentence(outcome["sentence"])
    assert all(is_one_sentence(warning) for warning in outcome["warnings"])
    if name in BASES:
        assert outcome["frames"] == 20
        has_no_times = name == "h264-alone"
        assert len(outcome["warnings"]) == has_no_times
