"""Many photos: how many a second one core, all cores and Ray read, what memory they hold, and how names are listed."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fer.batch import EngineName
from fer.batch.local import count_cores
from fer.batch.run import Job, Progress, run_batch
from fer.batch.sources import find_items
from fer.batch.work import Recipe
from fer.benchmark.measurement import Measurement
from fer.benchmark.server import processor_s
from fer.detection import LIVE_SIDES, load_detector
from fer.pipeline import Settings
from fer.samples import SAMPLES

PHOTOS, REPEATS = 800, 3
LONG_SIDE = 640
NAMES, NAMES_A_FOLDER = 100_000, 1000

WARM = 0.25
"""The rate counts from when this share of the photos was read, which leaves the start apart."""

LOOK_EVERY_S = 0.5


def measure_batch(model_name: str, photos: int, progress: Callable[[str], None]) -> list[Measurement]:
    """Read photos by one core, by all, and by Ray in turns, and many for the memory.

    Args:
        model_name: the installed model.
        photos: over how many the memory is watched.
        progress: told what is measured next.
    """
    cores = count_cores()
    has_ray = importlib.util.find_spec("ray") is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        progress("Drawing photos ...")
        draw_photos(folder / "some", PHOTOS)
        draw_photos(folder / "many", photos)
        progress(f"Reading {PHOTOS} photos by one core, by all and by Ray, {REPEATS} times ...")
        ones, alls, rays = [], [], []
        for _ in range(REPEATS):
            ones.append(_run(folder / "some", model_name, "local", 1))
            alls.append(_run(folder / "some", model_name, "local", cores))
            rays += [_run(folder / "some", model_name, "ray", cores)] if has_ray else []
        progress(f"Reading {photos:,} photos ...")
        many = _run(folder / "many", model_name, "local", cores)
        progress(f"Listing {NAMES:,} names ...")
        listed_s = _time_listing(folder)
    how = f"{model_name}, {load_detector().name}, both mirror images, JPEG of {LONG_SIDE} pixels, start-up apart"
    by_ray = how if has_ray else "not measured: Ray is not installed; requirements-batch.txt names it"
    alone = how if cores > 1 else "not measured: this machine has one core"
    more = tuple(every.rate / one.rate for one, every in zip(ones, alls, strict=True)) if cores > 1 else ()
    seen = tuple(run.peak_mb for run in rays if run.peak_mb is not None)
    return [
        Measurement("photos a second by one core", "photos/s", None, tuple(one.rate for one in ones), how, True),
        Measurement(f"photos a second by {cores} cores", "photos/s", None, tuple(run.rate for run in alls), how, True),
        Measurement(f"{cores} cores beside one", "times", 0.9 * cores, more, alone, True),
        Measurement(
            f"photos a second by Ray on {cores} cores", "photos/s", None, tuple(run.rate for run in rays), by_ray, True
        ),
        Measurement(
            "Ray beside the local engine",
            "times",
            0.85,
            tuple(ray.rate / run.rate for ray, run in zip(rays, alls, strict=False)),
            by_ray,
            True,
        ),
        *(
            Measurement(
                f"processor time a photo by {who}",
                "ms",
                None,
                tuple(run.processor_ms for run in runs if run.processor_ms is not None),
                "of all processes together; hardly depends on what else runs",
            )
            for who, runs in (("one core", ones), (f"{cores} cores", alls), ("Ray", rays))
        ),
        Measurement("first photos by the local engine", "s", None, tuple(run.start_s for run in alls), "start-up"),
        Measurement("first photos by Ray", "s", None, tuple(run.start_s for run in rays), by_ray),
        Measurement(
            f"memory over {photos:,} photos, all processes",
            "MB",
            1500,
            () if many.peak_mb is None else (many.peak_mb,),
            f"{many.rate:.1f} photos a second; what processes share counts once",
        ),
        Measurement(f"memory over {PHOTOS:,} photos by Ray, all processes", "MB", None, seen, by_ray),
        Measurement(f"{NAMES:,} names listed", "s", 10, (listed_s,), f"{NAMES_A_FOLDER:,} in each folder"),
    ]


def draw_photos(folder: Path, photos: int) -> None:
    """So many photos of one or two faces in a folder; few are encoded, and the others are links to these."""
    folder.mkdir()
    first: list[Path] = []
    for i in range(photos):
        path = folder / f"{i:06}.jpg"
        if i < 12:
            photo_bgr = list(SAMPLES.values())[i % len(SAMPLES)].load()
            scale = LONG_SIDE * (1 - i / 50) / max(photo_bgr.shape[:2])
            small_bgr = cv2.resize(photo_bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            path.write_bytes(cv2.imencode(".jpg", small_bgr)[1].tobytes())
            first.append(path)
        else:
            path.hardlink_to(first[i % len(first)])


def _time_listing(folder: Path) -> float:
    for i in range(NAMES):
        path = folder / "names" / f"{i // NAMES_A_FOLDER}" / f"{i}.jpg"
        if i % NAMES_A_FOLDER == 0:
            path.parent.mkdir(parents=True)
        path.touch()
    start = time.perf_counter()
    found = find_items([str(folder / "names")], folder / "out")
    took_s = time.perf_counter() - start
    if len(found.items) != NAMES:
        raise RuntimeError(f"{NAMES} names must be found, but {len(found.items)} were.")
    return took_s


@dataclass(frozen=True)
class _Run:
    """One batch in a process of its own.

    Attributes:
        rate: photos a second, start-up apart.
        start_s: until the first photos were read.
        processor_ms: what all its processes worked for a photo, start-up apart; None where the system does not tell.
        peak_mb: the most that all its processes held at once; None where the system does not tell.
    """

    rate: float
    start_s: float
    processor_ms: float | None
    peak_mb: float | None


def _run(photos: Path, model_name: str, engine: EngineName, cores: int) -> _Run:
    with tempfile.TemporaryDirectory() as out:
        words = [str(photos), out, model_name, engine, str(cores)]
        command = [sys.executable, "-c", "from fer.benchmark.batch import main; main()", *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        seen: list[float] = []
        worked: dict[int, float] = {}
        at_s, total_s = [time.monotonic()], [0.0]
        while True:
            try:
                said, _ = process.communicate(timeout=LOOK_EVERY_S)
                break
            except subprocess.TimeoutExpired:
                held_mb = tree_memory_mb(process.pid)
                seen += [] if held_mb is None else [held_mb]
                worked |= _processor_s(process.pid)
                at_s.append(time.monotonic())
                total_s.append(sum(worked.values()))
    if process.returncode != 0:
        raise RuntimeError(f"The engine {engine} did not end well.")
    warm_s, end_s, read, start_s = json.loads(said.splitlines()[-1])
    processor_s = np.interp(end_s, at_s, total_s) - np.interp(warm_s, at_s, total_s)
    return _Run(
        read / (end_s - warm_s),
        start_s,
        float(processor_s) / read * 1000 if worked else None,
        max(seen, default=None),
    )


def _processor_s(process_id: int) -> dict[int, float]:
    """How long a process and each that descends from it worked so far, by their numbers; empty without /proc."""
    worked = {each: processor_s(each) for each in (process_id, *_descendants(process_id))}
    return {each: seconds for each, seconds in worked.items() if seconds is not None}


def tree_memory_mb(process_id: int) -> float | None:
    """What a process and all that descend from it hold now, what they share counted once; None without /proc."""
    held_kb = [_proportional_kb(each) for each in (process_id, *_descendants(process_id))]
    known = [kb for kb in held_kb if kb is not None]
    return sum(known) / 1024 if known else None


def _proportional_kb(process_id: int) -> int | None:
    try:
        lines = Path(f"/proc/{process_id}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), None)


def _descendants(process_id: int) -> Iterator[int]:
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
        except OSError:  # it ended meanwhile
            continue
        parents.setdefault(parent, []).append(int(stat.parent.name))
    left = [process_id]
    while left:
        children = parents.get(left.pop(), [])
        yield from children
        left += children


def main() -> None:
    """Read the photos that the command line names; print from when to when how many were read, and when the first."""
    photos, out, model_name, engine, cores = sys.argv[1:]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
    recipe = Recipe(Settings(model_name, averaging="flip"), Settings(model_name, long_sides=LIVE_SIDES))
    engine_name: EngineName = "ray" if engine == "ray" else "local"
    job = Job([photos], Path(out), recipe, engine_name, workers=int(cores))
    start_s = time.monotonic()
    seen: list[tuple[float, int]] = []

    def note(done: Progress) -> None:
        if done.done and (not seen or done.done > seen[-1][1]):
            seen.append((time.monotonic(), done.done))

    done = run_batch(job, progress=note)
    warm_s, warm = next(look for look in seen if look[1] >= WARM * done.total)
    end_s, total = seen[-1]
    print(json.dumps([warm_s, end_s, total - warm, seen[0][0] - start_s]))
