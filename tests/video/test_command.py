"""`python -m fer video`: what it writes where, and the status that it ends with."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fer import paths
from fer.cli import main
from fer.video.reading import VideoReader
from tests.fakes import install_model
from tests.video.clips import backdrop, clip, steady


@pytest.fixture(autouse=True)
def _model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_model(tmp_path / "models")
    monkeypatch.setenv("FER_MODEL_DIR", str(tmp_path / "models"))


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "my film.mp4"
    path.write_bytes(clip(lambda i: backdrop(), steady(20), sound="aac"))
    return path


HOW = ("--model", "drawn", "--detector", "haar")


def test_one_table_goes_to_stdout(film: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["video", str(film), *HOW]) == 0
    captured = capsysbinary.readouterr()
    table = pd.read_csv(io.BytesIO(captured.out))
    assert table.frame.tolist() == list(range(20))
    assert set(table.quality) == {"no face"}
    assert captured.err == b""


def test_a_folder_takes_all_that_was_asked_for(film: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    assert main(["video", str(film), "--out", str(out), "--formats", "all", "--rate", "5", *HOW]) == 0
    endings = (".csv", ".parquet", ".summary.json", ".vtt", ".eaf", ".boris.tsv", ".fex.csv", ".openface.csv")
    names = {f"my film{ending}" for ending in (*endings, ".about.json", ".annotated.mp4")}
    assert {path.name for path in out.iterdir()} == names
    assert json.loads((out / "my film.summary.json").read_text())["looks"] == 5
    about = json.loads((out / "my film.about.json").read_text())
    assert "--rate 5" in about["command"]
    with VideoReader(out / "my film.annotated.mp4") as video:
        assert len(list(video.frames())) == 20
        assert video.sound is not None


def test_one_file_if_wished(film: Path, tmp_path: Path) -> None:
    assert main(["video", str(film), "--out", str(tmp_path / "out"), "--zip", *HOW]) == 0
    (packed,) = (tmp_path / "out").iterdir()
    with zipfile.ZipFile(packed) as archive:
        assert sorted(archive.namelist()) == [
            *("my film.about.json", "my film.annotated.mp4", "my film.csv", "my film.summary.json")
        ]


def test_several_clips_of_one_name(film: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / film.name
    other.parent.mkdir()
    other.write_bytes(film.read_bytes())
    out = tmp_path / "out"
    assert main(["video", str(film), str(other), "--out", str(out), "--no-picture", "--formats", "csv", *HOW]) == 0
    expected = {"my film.csv", "my film-2.csv", "my film.about.json", "my film-2.about.json"}
    assert {path.name for path in out.iterdir()} == expected


@pytest.fixture(scope="module")
def cut() -> bytes:
    """The first half of a clip's file."""
    noise = np.random.default_rng(0)
    whole = clip(
        lambda i: noise.integers(0, 40, (120, 160, 3), np.uint8),
        steady(100),
        options={"bf": "0", "g": "10"},
        muxer_options={"movflags": "+faststart"},
    )
    return whole[: len(whole) // 2]


@pytest.mark.parametrize(
    ("clips", "status", "told"),
    [
        pytest.param(["film", "missing.mp4"], 2, "does not exist; check the path.", id="one of two"),
        pytest.param(["missing.mp4"], 1, "does not exist; check the path.", id="the only one"),
        pytest.param(["cut"], 0, "was cut off", id="cut off, and read so far", marks=pytest.mark.slow),
    ],
)
def test_what_failed(
    clips: list[str],
    status: int,
    told: str,
    film: Path,
    cut: bytes,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "cut.mp4").write_bytes(cut)
    files = {"film": film, "cut": tmp_path / "cut.mp4"}
    named = [str(files.get(name, tmp_path / name)) for name in clips]
    assert main(["video", *named, "--out", str(tmp_path / "out"), "--no-picture", *HOW]) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert told in captured.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["video"], "required: CLIP", id="no clip"),
        pytest.param(["video", "a", "b"], "name it with --out", id="two clips and no folder"),
        pytest.param(["video", "a", "--rate", "0"], "--rate: must be more than 0, but is 0", id="no look at all"),
        pytest.param(["video", "a", "--rate", "5000"], "must be at most 1000, but is 5000", id="too many looks"),
        pytest.param(["video", "a", "--formats", "csv,xls"], "or all, but has xls", id="another format"),
        pytest.param(["video", "a", "--long-sides", "big"], "must be numbers of pixels", id="another size"),
    ],
)
def test_wrong_usage(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = main(arguments)
    except SystemExit as left:
        status = left.code
    assert status == 64
    assert told in " ".join(capsys.readouterr().err.split())


def test_a_folder_that_cannot_be_written(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert main(["video", str(film), "--out", str(tmp_path / "file"), *HOW]) == 1
    assert "file cannot be written" in capsys.readouterr().err


@pytest.mark.slow
def test_an_interrupt_keeps_what_is_done(tmp_path: Path) -> None:
    path, out = tmp_path / "long.mp4", tmp_path / "out"
    scene = backdrop(640, 480)
    path.write_bytes(clip(lambda i: scene, steady(1500), options={"preset": "ultrafast"}))
    command = [sys.executable, "-m", "fer", "video", str(path), "--out", str(out), *HOW]
    with subprocess.Popen(command, cwd=paths.ROOT, env=dict(os.environ), stderr=subprocess.PIPE, text=True) as work:
        while work.poll() is None and not any(part.stat().st_size for part in out.glob(".*.part")):
            time.sleep(0.05)  # until the first pictures are encoded
        work.send_signal(signal.SIGINT)
        _, complaints = work.communicate(timeout=120)
    assert work.returncode == 2
    assert "The work was stopped at" in complaints
    assert not list(out.glob(".*"))
    table = pd.read_csv(out / "long.csv")
    assert 0 < len(table) < 1500
    with VideoReader(out / "long.annotated.mp4") as video:
        assert len(list(video.frames())) == len(table)
