"""The benchmark of videos: its clips are what they are said to be, and every quantity stands beside its budget."""

import sys
from pathlib import Path

import pytest

from fer.benchmark import video
from fer.benchmark.video import draw_clip, measure_video, repeat_clip
from fer.detection import load_detector
from fer.video.reading import VideoReader
from tests.fakes import install_model


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(video, "SECONDS", 1)
    monkeypatch.setattr(video, "REPEATS", 1)
    install_model(tmp_path / "models")
    monkeypatch.setenv("FER_MODEL_DIR", str(tmp_path / "models"))


def test_the_clip_and_its_repetition(tmp_path: Path) -> None:
    clip, long = tmp_path / "clip.mp4", tmp_path / "long.mp4"
    draw_clip(clip)
    repeat_clip(clip, long, 3)
    assert {path.name for path in tmp_path.glob("*.mp4")} == {"clip.mp4", "long.mp4"}
    for path, frames, seconds in ((clip, 25, 1), (long, 75, 5)):
        with VideoReader(path) as reader:
            assert len(list(reader.frames())) == frames
            assert reader.info.duration_s == pytest.approx(seconds, abs=0.1)
            assert reader.sound is not None
            assert not reader.warnings


@pytest.mark.slow
def test_every_quantity_is_measured_beside_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "RATE", 5)
    told: list[str] = []
    results = measure_video("drawn", 0.05, told.append)
    assert [(result.unit, result.budget, len(result.values)) for result in results] == [
        ("s", 20, 1),
        ("s", None, 1),
        ("MB", 500, 1),
        ("MB", 500, 1),
        ("min", 15, 1),
        ("min", 15, 1),
        ("s", None, 0),
    ]
    assert all(result.p50 > 0 for result in results[:6])
    assert "the package fer is not installed" in results[-1].note
    assert load_detector().name in results[0].note
    assert len(told) == 5


@pytest.mark.slow
def test_the_package_fer_is_timed_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "site"
    (place / "fer").mkdir(parents=True)
    (place / "fer" / "__init__.py").write_text(
        "class FER:\n"
        "    def __init__(self, mtcnn):\n        assert not mtcnn\n"
        "    def detect_emotions(self, frame):\n        assert frame.shape == (480, 640, 3)\n"
    )
    (place / "fer-99.0.dist-info").mkdir()
    (place / "fer-99.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: fer\nVersion: 99.0\n")
    monkeypatch.setenv("FER_PEER_PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONPATH", str(place))
    monkeypatch.setattr(video, "PEER_FRAMES", 10)
    draw_clip(tmp_path / "clip.mp4")
    peer = video.measure_peer(tmp_path / "clip.mp4")
    assert peer.p50 is not None, peer.note
    assert peer.note.startswith("version 99.0, 10 frames")
    monkeypatch.setenv("FER_PEER_PYTHON", str(tmp_path / "none"))
    assert "names no program" in video.measure_peer(tmp_path / "clip.mp4").note
