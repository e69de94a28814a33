"""The benchmark of batches: its photos are what they are said to be, and every quantity stands beside its budget."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fer.batch import EngineName
from fer.benchmark import batch
from fer.benchmark.batch import draw_photos, measure_batch, tree_memory_mb
from fer.media import read_image


def test_photos_are_few_pictures_under_many_names(tmp_path: Path) -> None:
    draw_photos(tmp_path / "drawn", 20)
    files = sorted((tmp_path / "drawn").iterdir())
    assert len(files) == 20
    assert len({file.stat().st_ino for file in files}) == 12
    assert max(read_image(files[0]).shape) == 640


@pytest.mark.parametrize("has_ray", [pytest.param(True, id="with Ray"), pytest.param(False, id="without")])
def test_every_quantity_stands_beside_its_budget(has_ray: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(photos: Path, model_name: str, engine: EngineName, cores: int) -> batch._Run:
        assert len(list(photos.iterdir())) == {"some": 3, "many": 5}[photos.name]
        rates = {("local", 1): 10.0, ("local", 2): 19.0, ("ray", 2): 17.1}
        return batch._Run(rates[engine, cores], 2.0, 100.0, 500.0)

    monkeypatch.setattr(batch, "PHOTOS", 3)
    monkeypatch.setattr(batch, "NAMES", 20)
    monkeypatch.setattr(batch, "NAMES_A_FOLDER", 10)
    monkeypatch.setattr(batch, "count_cores", lambda: 2)
    monkeypatch.setattr(batch, "_run", run)
    monkeypatch.setattr(batch.importlib.util, "find_spec", lambda name: object() if has_ray else None)
    monkeypatch.setattr(batch, "draw_photos", _touch)
    told: list[str] = []
    results = measure_batch("fer2013-small", 5, told.append)
    ray = batch.REPEATS if has_ray else 0
    assert [(result.unit, result.budget, len(result.values)) for result in results] == [
        ("photos/s", None, 3),
        ("photos/s", None, 3),
        ("times", 1.8, 3),
        ("photos/s", None, ray),
        ("times", 0.85, ray),
        ("ms", None, 3),
        ("ms", None, 3),
        ("ms", None, ray),
        ("s", None, 3),
        ("s", None, ray),
        ("MB", 1500, 1),
        ("MB", None, ray),
        ("s", 10, 1),
    ]
    assert results[2].p50 == pytest.approx(1.9)
    assert results[4].p50 == (pytest.approx(0.9) if has_ray else None)
    assert ("not measured: Ray is not installed" in results[4].note) is not has_ray
    assert len(told) == 4


def _touch(folder: Path, photos: int) -> None:
    folder.mkdir()
    for i in range(photos):
        (folder / f"{i}.jpg").touch()


@pytest.mark.slow
def test_a_batch_in_a_process_of_its_own_says_how_fast_it_was(tmp_path: Path) -> None:
    draw_photos(tmp_path / "drawn", 16)
    run = batch._run(tmp_path / "drawn", "fer2013-small", "local", 1)
    assert run.rate > 0
    assert run.start_s > 0
    assert run.peak_mb is None or run.peak_mb > 50
    assert run.processor_ms is None or run.processor_ms > 0


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="this system has no such /proc")
def test_memory_is_that_of_all_processes() -> None:
    held = "import sys; held = bytes(range(256)) * 200_000; print(len(held), flush=True); sys.stdin.read()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {held!r}])"
    process = subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    with process, process.stdin, process.stdout:
        assert process.stdout.readline() == "51200000\n"
        held_mb = tree_memory_mb(process.pid)
    assert held_mb is not None
    assert 50 < held_mb < 200
