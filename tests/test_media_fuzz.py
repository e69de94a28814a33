"""The corpus of `tests.fuzzing` through `decode_image`, in processes of their own, so that a crash is a failed test."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer.errors import MediaError
from fer.media import decode_image
from fer.paths import ROOT
from tests import fuzzing
from tests.fuzzing import BASES, CASES, Outcome

MEMORY_LIMIT_BYTES = 1_000_000_000
HANG_S = 900
"""Longer than any machine takes; every file has a limit of its own, in processor time."""

pytestmark = pytest.mark.slow


def decode_in_processes(folder: Path, names: list[str]) -> dict[str, Outcome]:
    """Decode files in a worker process; where it dies, the file at hand is to blame and a new one takes the rest."""
    outcomes: dict[str, Outcome] = {}
    while names:
        command = [sys.executable, "-m", "tests.fuzzing", str(folder), *names]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG_S, check=False)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        for begun, ended in zip(lines[::2], lines[1::2], strict=False):
            outcomes[begun["name"]] = Outcome(**ended)
        if done.returncode:
            name = names[len(lines) // 2]
            killer = signal.Signals(-done.returncode).name if done.returncode < 0 else done.stderr[-500:]
            outcomes[name] = Outcome(crash=killer)
        names = [name for name in names if name not in outcomes]
    return outcomes


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    folder = tmp_path_factory.mktemp("corpus")
    for name, case in CASES.items():
        (folder / name).write_bytes(case.make())
    return decode_in_processes(folder, list(CASES))


def check(outcome: Outcome, expect: str) -> None:
    assert outcome.crash is None, f"the process died: {outcome.crash}"
    assert outcome.peak_bytes < MEMORY_LIMIT_BYTES
    if outcome.shape is None:
        assert fuzzing.is_one_sentence(outcome.sentence)
        assert "memory" not in outcome.sentence
    got = "sentence" if outcome.shape is None else "picture"
    assert expect in ("either", got), outcome.sentence


@pytest.mark.parametrize("name", CASES)
def test_every_file_ends_as_a_picture_or_one_sentence(name: str, outcomes: dict[str, Outcome]) -> None:
    check(outcomes[name], CASES[name].expect)


def test_damaged_photos_end_as_a_picture_or_one_sentence(shared_dir: Path, tmp_path: Path) -> None:
    for i, path in enumerate(sorted((shared_dir / "photos").glob("*.jpg"))[::6]):
        (tmp_path / f"{i}-whole").write_bytes(path.read_bytes())
        (tmp_path / f"{i}-cut").write_bytes(fuzzing.cut(path.read_bytes, 0.7))
        for turn in range(6):
            (tmp_path / f"{i}-flipped-{turn}").write_bytes(fuzzing.flipped(path.read_bytes, 1000 * i + turn))
            (tmp_path / f"{i}-shuffled-{turn}").write_bytes(fuzzing.shuffled(path.read_bytes, 1000 * i + turn))
    names = sorted(path.name for path in tmp_path.iterdir() if path.is_file())
    outcomes = decode_in_processes(tmp_path, names)
    assert list(outcomes) == names
    for name in names:
        check(outcomes[name], "picture" if name.endswith("whole") else "either")


@pytest.mark.parametrize(
    ("code", "killer"),
    [
        ("import os; os.abort()", "SIGABRT"),
        ("while True: pass", "SIGPROF"),
        ("raise KeyError('a fault of the program')", "KeyError: 'a fault of the program'\n"),
    ],
    ids=["crash", "hang", "fault"],
)
def test_a_worker_that_dies_blames_its_file(
    code: str, killer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty = tmp_path / "faulty"
    faulty.mkdir()
    (faulty / "sitecustomize.py").write_text(
        "import fer.media\n"
        "whole = fer.media.decode_image\n"
        "def decode_image(data, name):\n"
        f"    if name == 'bad':\n        {code}\n"
        "    return whole(data, name)\n"
        "fer.media.decode_image = decode_image\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{faulty}:{ROOT}")
    for name in ("before", "bad", "after"):
        (tmp_path / name).write_bytes(BASES["png"]())
    outcomes = decode_in_processes(tmp_path, ["before", "bad", "after"])
    assert [outcomes[name].shape for name in ("before", "after")] == [[128, 128, 3]] * 2
    assert outcomes["bad"].crash.endswith(killer)


JPEG = BASES["jpeg"]()
TIFF = BASES["tiff-lzw"]()


def outcome_here(data: bytes) -> np.ndarray | str:
    """What `decode_image` makes of bytes that can harm nobody: the picture or its one sentence."""
    try:
        outcome = decode_image(data)
    except MediaError as error:
        outcome = str(error)
    if isinstance(outcome, str):
        assert fuzzing.is_one_sentence(outcome)
    else:
        assert (outcome.ndim, outcome.dtype) == (3, np.uint8)
    return outcome


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    outcome_here(data)


@given(st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"MM\0*", b"BM"]), st.binary())
def test_any_bytes_behind_a_known_beginning(start: bytes, data: bytes) -> None:
    outcome_here(start + data)


@given(st.integers(0, len(JPEG) - 1))
def test_a_jpeg_cut_anywhere_is_refused(length: int) -> None:
    # The last two bytes are the end mark, which libjpeg can do without once it has every pixel.
    assert isinstance(outcome_here(JPEG[: min(length, len(JPEG) - 3)]), str)


@given(st.integers(0, 65_535), st.integers(0, 65_535))
def test_any_size_in_a_jpeg(width: int, height: int) -> None:
    outcome = outcome_here(fuzzing.jpeg_of_size(min(width, 2000), min(height, 2000)))
    assert isinstance(outcome, str) or max(outcome.shape[:2]) <= 2000


@given(st.sampled_from([256, 257, 258, 259, 262, 273, 277, 278, 279, 317, 320, 322, 323, 324, 338, 339]), st.data())
def test_any_number_in_a_tiff(tag: int, data: st.DataObject) -> None:
    number = data.draw(st.one_of(st.integers(0, 70_000), st.sampled_from([2**31 - 1, 2**31, 2**32 - 1])))
    count = data.draw(st.sampled_from([0, 1, 2, 70_000, 2**32 - 1]))
    outcome_here(fuzzing.plain_tiff(32, 32, fuzzing.long(tag, number, count)))


@given(st.integers(0, 2**32 - 1))
def test_any_place_of_a_tiff_directory(place: int) -> None:
    outcome_here(TIFF[:4] + place.to_bytes(4, "little") + TIFF[8:])


@given(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1), st.sampled_from([1, 4, 8, 16, 24, 32, 64]))
def test_any_size_in_a_bmp(width: int, height: int, bits: int) -> None:
    outcome_here(fuzzing.bmp_of_size(width, height, bits))


@given(st.integers(1, 2**24), st.integers(1, 2**24))
def test_any_canvas_of_a_webp(width: int, height: int) -> None:
    outcome = outcome_here(fuzzing.webp_of_size(width, height))
    assert isinstance(outcome, str) or outcome.shape == (height, width, 3)
