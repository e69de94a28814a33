"""Both engines over many photos by the command line: killed half way, gone on with, and the same table in the end.

FER_TEST_PHOTOS says how many photos; what the suite has time for is fewer than what the engines are made for.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from fer import paths
from fer.batch import ENGINES, EngineName
from fer.batch.folder import find_parts, read_manifest
from tests.batch.drawn import draw_many

pytestmark = pytest.mark.slow

PHOTOS = int(os.environ.get("FER_TEST_PHOTOS", "60"))
POISONED = 10
CHUNK = 4

COMMAND = f"""
import sys
from fer.batch import folder, run
from fer.cli import main
folder.PART_S, run.CHUNK = 0, {CHUNK}
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""
"""The command line, with parts that are small and wait for nothing."""

PATIENCE_S = 900
"""For a machine that is busy."""


@dataclass(frozen=True)
class Outcome:
    """What two runs of one command left: one that was killed, and one that went on."""

    before: int
    end: dict
    out: Path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    draw_many(folder, PHOTOS, POISONED)
    return folder


@pytest.fixture(scope="module")
def outcomes(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[EngineName, Outcome]:
    return {engine: _kill_and_go_on(engine, photos, tmp_path_factory.mktemp(engine)) for engine in ENGINES}


def _kill_and_go_on(engine: EngineName, photos: Path, folder: Path) -> Outcome:
    out = folder / "out"
    words = ["batch", str(photos), "--out", str(out), "--engine", engine, "--workers", "1", "--json"]
    command = [sys.executable, "-c", COMMAND, *words, "--model", "fer2013-small", "--detector", "haar"]
    with _started(command, folder) as running:
        end_s = time.monotonic() + PATIENCE_S
        while len(find_parts(out, "photo")) * CHUNK < PHOTOS // 3:
            assert running.poll() is None, (folder / "errors").read_text()
            assert time.monotonic() < end_s, "nothing comes"
            time.sleep(0.01)
        running.kill()
        running.wait()
        while any(map(_is_a_reader, _marked(folder))):
            assert time.monotonic() < end_s, "something read on without the run"
            time.sleep(0.05)
    before = len(pd.read_parquet(out / "photos")["file"].unique())
    with _started(command, folder) as running:
        assert running.wait(PATIENCE_S) == 2, (folder / "errors").read_text()
    return Outcome(before, json.loads((folder / "lines").read_text().splitlines()[-1]), out)


@contextmanager
def _started(command: list[str], folder: Path) -> Iterator[subprocess.Popen]:
    """The command in a group of its own, of which nothing is left in the end; its lines and errors go to the folder."""
    with (folder / "lines").open("w") as lines, (folder / "errors").open("w") as errors:
        running = subprocess.Popen(
            command,
            cwd=paths.ROOT,
            env=os.environ | {"FER_TEST_RUN": str(folder)},
            stdout=lines,
            stderr=errors,
            start_new_session=True,
        )
        try:
            yield running
        finally:
            for pid in (running.pid, *_marked(folder)):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            running.wait()


def _marked(folder: Path) -> list[int]:
    """The processes that descend from a command, whoever their parent is by now."""
    mark = f"FER_TEST_RUN={folder}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:  # it is another user's, or gone
            continue
    return found


def _is_a_reader(pid: int) -> bool:
    """Whether a process reads photos. Ray's own outlive a killed run by a minute, but write nothing."""
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:  # it is gone
        return False
    return not name.startswith("ray::") or name.startswith("ray::MapWorker")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_killed_run_goes_on_where_it_was(outcomes: dict[EngineName, Outcome], engine: EngineName) -> None:
    outcome = outcomes[engine]
    assert 0 < outcome.before < PHOTOS
    counts = {name: outcome.end[name] for name in ("event", "total", "skipped", "read", "failed")}
    assert counts["skipped"] == outcome.before
    assert counts["read"] + counts["failed"] == PHOTOS - outcome.before, "only the rest was done"
    manifest = read_manifest(outcome.out)
    assert manifest is not None
    assert manifest["counts"]["photos"] == {"files": PHOTOS, "failed": POISONED}
    assert [(run["engine"], run["end"], run["skipped"]) for run in manifest["runs"]] == [
        (engine, "complete", outcome.before)
    ]


def test_both_engines_give_the_same_table(outcomes: dict[EngineName, Outcome], photos: Path) -> None:
    local, by_ray = (
        pd.read_parquet(outcomes[engine].out / "photos").sort_values(["file", "face"], ignore_index=True)
        for engine in ENGINES
    )
    pd.testing.assert_frame_equal(local, by_ray, atol=1e-5)
    drawn = sorted(str(path) for path in photos.rglob("*") if path.is_file())
    assert sorted(local["file"].unique()) == drawn, "nothing is lost"
    assert not local.duplicated(["file", "face"]).any(), "nothing is doubled"
    errors = local[local["error"].notna()]
    assert sorted(errors["file"]) == [file for file in drawn if "poisoned" in file]
    assert len(errors) == POISONED
    assert local["face"].max() == 2
