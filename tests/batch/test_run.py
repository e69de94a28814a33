"""A batch from its sources to its table: on processes, stopped, gone on with, and by the command line."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from fer import paths
from fer.batch import folder as folder_module
from fer.batch import run as run_module
from fer.batch.folder import read_manifest
from fer.batch.photos import analyze_files
from fer.batch.run import Job, Progress, run_batch
from fer.batch.sources import Found, Item, find_items
from fer.batch.work import Chunk, Failure, Recipe, make_chunks
from fer.cli import main
from fer.export import WORDS
from fer.media import read_image
from fer.results import to_table
from fer.video.looking import VideoOptions, watch_video
from tests.batch.drawn import PHOTOS, POISON, RECIPE, DeadlyItem, draw_photos, draw_video, read_here

WORDS_OF = ["--model", "fer2013-small", "--detector", "haar"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    draw_photos(folder)
    return folder


@pytest.fixture(scope="module")
def expected(photos: Path) -> pd.DataFrame:
    """The table that reading one photo after the other gives."""
    pipeline = RECIPE.load().photos
    files = [Path(item.place) for item in find_items([str(photos)], Path("out")).items]
    return _sorted(to_table([analysis.photo for analysis in analyze_files(pipeline, files)]))


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    table = table.astype(dict.fromkeys(WORDS, "str"))
    return table.sort_values(["file", "face"], ignore_index=True)


def _table(out: Path) -> pd.DataFrame:
    return _sorted(pd.read_parquet(out / "photos"))


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process do the work, in many small chunks."""
    monkeypatch.setattr(run_module, "CHUNK", 8)
    monkeypatch.setattr(run_module, "_engine", lambda job, recipe: read_here(job.recipe, job.out))


@pytest.mark.slow
def test_processes_read_what_a_loop_reads(photos: Path, expected: pd.DataFrame, tmp_path: Path) -> None:
    draw_video(tmp_path / "clip.mp4")
    told: list[Failure] = []
    out = tmp_path / "out"
    done = run_batch(Job([str(photos), str(tmp_path / "clip.mp4")], out, RECIPE, workers=2), failed=told.append)
    assert (done.total, done.read, done.failed, done.skipped) == (PHOTOS + 1, PHOTOS + 1 - len(POISON), len(POISON), 0)
    table = _table(out)
    pd.testing.assert_frame_equal(table, expected, atol=1e-5)
    assert table["error"].notna().sum() == len(POISON)
    assert sorted(failure.error for failure in told) == sorted(table["error"].dropna())
    video = pd.read_parquet(out / "videos")
    alone = watch_video(tmp_path / "clip.mp4", RECIPE.load().videos, VideoOptions()).timeline.to_table()
    pd.testing.assert_frame_equal(video[alone.columns], alone, atol=1e-5)
    assert list(video.columns.difference(alone.columns)) == ["detector", "error", "file", "model", "warning"]
    manifest = read_manifest(out)
    assert manifest["counts"] == {
        "photos": {"files": PHOTOS, "failed": len(POISON)},
        "videos": {"files": 1, "failed": 0},
    }
    assert (manifest["runs"][0]["end"], manifest["recipe"]["detector"]) == ("complete", "haar")
    assert manifest["stamps"][0]["model"] == "fer2013-small"


@pytest.mark.slow
def test_a_file_that_kills_its_worker_costs_a_row(photos: Path, tmp_path: Path, monkeypatch) -> None:
    items = find_items([str(photos)], tmp_path).items[4:14]
    deadly = DeadlyItem("deadly.png", "deadly.png", "photo")
    found = Found((*items[:5], deadly, *items[5:]), 0)
    monkeypatch.setattr(run_module, "find_items", lambda sources, out: found)
    done = run_batch(Job(["x"], tmp_path / "out", RECIPE, workers=1))
    assert (done.read, done.failed) == (10, 1)
    table = _table(tmp_path / "out").set_index("file")
    assert table["error"].dropna().to_dict() == {
        "deadly.png": "'deadly.png' ended the process that read it, as too little memory does; read it alone."
    }


@pytest.mark.slow
def test_a_script_that_cannot_be_started_again_is_told(photos: Path, tmp_path: Path) -> None:
    script = f"""
from pathlib import Path
from fer.batch.run import Job, run_batch
run_batch(Job([{str(photos)!r}], Path({str(tmp_path / "out")!r})))
"""
    done = subprocess.run(
        [sys.executable, "-"], input=script, cwd=paths.ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert "fer.errors.FerError: No process can be started here, so nothing was read; " in done.stderr
    assert not (tmp_path / "out" / "photos").exists()


@pytest.mark.usefixtures("in_process")
def test_a_stopped_run_is_gone_on_with_and_new_files_join(photos: Path, expected: pd.DataFrame, tmp_path: Path) -> None:
    out, looks = tmp_path / "out", []

    def asked_to_stop() -> bool:
        return bool(looks) and looks[-1].done > 20

    job = Job([str(photos)], out, RECIPE)
    done = run_batch(job, progress=looks.append, is_stopped=asked_to_stop)
    assert done.was_stopped
    assert 20 < done.done < PHOTOS
    assert read_manifest(out)["runs"][-1]["end"] == "stopped"
    rest = run_batch(job)
    assert (rest.was_stopped, rest.skipped, rest.done) == (False, done.done, PHOTOS)
    pd.testing.assert_frame_equal(_table(out), expected, atol=1e-5)
    (tmp_path / "new.png").write_bytes(b"no picture")
    more = run_batch(Job([str(photos), str(tmp_path / "new.png"), str(photos / "000.jpg")], out, RECIPE))
    assert (more.skipped, more.read, more.failed, more.repeated) == (PHOTOS, 0, 1, 1)
    assert run_batch(job).read == 0


@pytest.mark.usefixtures("in_process")
def test_pictures_are_annotated_beside_the_table(photos: Path, tmp_path: Path) -> None:
    draw_video(tmp_path / "000.mp4")
    recipe = Recipe(RECIPE.photos, RECIPE.videos, rate=5, annotate=True)
    sources = [str(photos / "000.jpg"), str(photos / "deep" / "er" / "009.png"), str(tmp_path / "000.mp4")]
    run_batch(Job(sources, tmp_path / "out", recipe))
    written = {path.name[:4] + path.name[14:]: path for path in (tmp_path / "out" / "annotated").iterdir()}
    assert sorted(written) == ["000-.annotated.mp4", "000-.annotated.png", "009-.annotated.png"]
    assert read_image(written["000-.annotated.png"]).shape == (96, 96, 3)


@pytest.mark.usefixtures("in_process")
def test_a_fault_of_the_program_costs_a_row_and_a_full_disk_the_run(photos: Path, tmp_path: Path, monkeypatch) -> None:
    def fail(data: bytes, name: str) -> None:
        raise (OSError(28, "No space left on device") if "020" in name else ZeroDivisionError("by zero"))

    monkeypatch.setattr("fer.batch.work.decode_image", fail)
    run_batch(Job([str(photos / "000.jpg")], tmp_path / "out", RECIPE))
    (error,) = _table(tmp_path / "out")["error"]
    assert error.endswith("(ZeroDivisionError: by zero); please report it.")
    with pytest.raises(OSError, match="No space left"):
        run_batch(Job([str(photos / "020.jpg")], tmp_path / "out", RECIPE))
    assert len(_table(tmp_path / "out")) == 1


@pytest.mark.usefixtures("in_process")
class TestCommand:
    def test_it_says_what_came_of_it(self, photos: Path, tmp_path: Path, capsys) -> None:
        words = ["batch", str(photos / "00*"), "--out", str(tmp_path / "out"), *WORDS_OF]
        assert main(words) == 2
        captured = capsys.readouterr()
        assert captured.out.startswith("9 files, 8 read, 1 failed, 0 done before; ")
        assert captured.out.endswith(f"\nA table: pandas.read_parquet('{tmp_path / 'out' / 'photos'}')\n")
        assert captured.err == f"fer: '{photos / '003.bmp'}' is empty (0 bytes); choose another file.\n"
        assert main(words) == 0, "nothing is left to do"
        assert capsys.readouterr().out.startswith("9 files, 0 read, 0 failed, 9 done before.\n")
        draw_video(tmp_path / "clip.mp4")
        assert main(["batch", str(tmp_path / "clip.mp4"), *words[2:]]) == 0
        assert capsys.readouterr().out.endswith(f"\nA table: pandas.read_parquet('{tmp_path / 'out' / 'videos'}')\n")
        assert main([*words, "--min-score", "0.5"]) == 1
        assert "holds results of another recipe (photos' min_score 0.6 there, 0.5 now; " in capsys.readouterr().err

    def test_it_tells_machines_line_by_line(self, photos: Path, tmp_path: Path, capsys, monkeypatch) -> None:
        monkeypatch.setattr("fer.cli.BETWEEN_LINES_S", 0)
        words = ["batch", str(photos / "003.bmp"), "--out", str(tmp_path / "out"), "--json", *WORDS_OF]
        assert main(words) == 1, "nothing could be read"
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [line["event"] for line in lines] == ["failed", "progress", "end"]
        assert (lines[-1]["total"], lines[-1]["failed"], lines[-1]["left_s"]) == (1, 1, 0.0)

    def test_ctrl_c_says_how_to_go_on(self, photos: Path, tmp_path: Path, capsys, monkeypatch) -> None:
        monkeypatch.setattr(
            folder_module.ResultFolder, "flush_in_time", lambda self: os.kill(os.getpid(), signal.SIGINT)
        )
        assert main(["batch", str(photos), "--out", str(tmp_path / "out"), *WORDS_OF]) == 2
        assert "fer: Stopped; the same command goes on with the other 53 files.\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        pytest.param(["gone", "--out", "out"], 1, "gone does not exist; check the path.", id="no such source"),
        pytest.param([".", "--out", "out"], 1, "The folder . holds no pictures and videos.", id="nothing to read"),
        pytest.param(["x.png", "--out", "x.png"], 1, "x.png cannot be written: File exists.", id="no folder"),
        pytest.param(
            ["x.png", "--out", "out", "--ray-address", "a:1"],
            64,
            "is of use with --engine ray alone",
            id="address alone",
        ),
        pytest.param(
            ["x.png", "--out", "out", "--engine", "ray"],
            1,
            "`pip install 'fer-dashboard[batch]'` brings it",
            id="no Ray",
        ),
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    words: list[str], status: int, sentence: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    (tmp_path / "x.png").touch()
    if "." in words:
        (tmp_path / "x.png").rename(tmp_path / "x.md")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "fer.batch.cluster", raising=False)
    assert main(["batch", *words, *WORDS_OF]) == status
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert sentence in captured.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("files", "left_s"),
    [pytest.param(0, None, id="not begun"), pytest.param(50, 5.0, id="half"), pytest.param(100, 0.0, id="done")],
)
def test_what_is_left_follows_from_the_rate(files: int, left_s: float | None) -> None:
    assert Progress(100, 0, 0, read=files, rate=10.0 if files else 0.0).left_s == left_s


def test_chunks_hold_photos_or_one_video() -> None:
    kinds = ["photo", "video", "photo", "photo", "video"]
    items = [Item(str(i), str(i), kind) for i, kind in enumerate(kinds)]
    assert make_chunks([]) == []
    assert make_chunks(items, 2) == [
        Chunk((items[1],)), Chunk((items[4],)), Chunk((items[0], items[2])), Chunk((items[3],)),
    ]  # fmt: skip
