"""One batch from its sources to its folder of results, by whichever engine; goes on where an earlier run stopped.

Knows nothing about the command line.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fer.batch import EngineName
from fer.batch.folder import ResultFolder, now
from fer.batch.local import Outcome, count_cores, read_locally
from fer.batch.sources import find_items
from fer.batch.work import CHUNK, Chunk, Failure, Recipe, failed_rows, make_chunks, unpacked
from fer.errors import FerError

_CHUNKS_A_WORKER = 4
"""Small batches are cut finer, so that no core is without work at the end."""


@dataclass(frozen=True)
class Job:
    """A batch.

    Attributes:
        sources: what is to be read, as `fer.batch.sources.find_items` takes it.
        out: the folder of results, new, empty, or of an earlier run by the same recipe.
        recipe: how files are read.
        engine: what does the work: the cores of this machine, or Ray.
        ray_address: HOST:PORT of a cluster's head; None starts Ray on this machine.
        workers: how many cores are used; None takes all.
    """

    sources: Sequence[str]
    out: Path
    recipe: Recipe = field(default_factory=Recipe)
    engine: EngineName = "local"
    ray_address: str | None = None
    workers: int | None = None


@dataclass(frozen=True)
class Progress:
    """How far a batch is, and what came of it in the end.

    Attributes:
        total: how many files there are.
        skipped: how many of them were read by an earlier run.
        repeated: how many names led to a file that was named before.
        read, failed: how many were read by this run, and how many could not be.
        faces: how many faces were read in them; in a video one a frame and person.
        video_s: how many seconds of video were read.
        elapsed_s: how long this run took so far, from the moment when files were listed.
        rate: files a second since the first ones were done, which leaves the start out; 0 before.
        was_stopped: the rest was left out because that was asked for.
    """

    total: int
    skipped: int
    repeated: int
    read: int = 0
    failed: int = 0
    faces: int = 0
    video_s: float = 0.0
    elapsed_s: float = 0.0
    rate: float = 0.0
    was_stopped: bool = False

    @property
    def done(self) -> int:
        """How many files have their rows, from whichever run."""
        return self.skipped + self.read + self.failed

    @property
    def left_s(self) -> float | None:
        """How long the rest will take at this rate; None where nobody knows."""
        return (self.total - self.done) / self.rate if self.rate else None

    def to_record(self) -> dict[str, Any]:
        """The progress as plain numbers."""
        return {
            "total": self.total,
            "skipped": self.skipped,
            "repeated": self.repeated,
            "read": self.read,
            "failed": self.failed,
            "faces": self.faces,
            "video_s": round(self.video_s, 2),
            "elapsed_s": round(self.elapsed_s, 2),
            "rate": round(self.rate, 3),
            "left_s": None if self.left_s is None else round(self.left_s, 1),
        }


def run_batch(
    job: Job,
    *,
    progress: Callable[[Progress], None] = lambda done: None,
    failed: Callable[[Failure], None] = lambda failure: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Progress:
    """Read what is not read yet, and write it into the folder of results.

    Args:
        job: the batch.
        progress: told several times a second how far it is.
        failed: told of every file that could not be read.
        is_stopped: asked several times a second; True ends the work, and what is done is kept.

    Returns:
        What came of it.

    Raises:
        FerError: a source, the recipe, the engine or the folder is of no use; nothing was read then.
        OSError: the disk is full; what was written until then is kept.
    """
    found = find_items(job.sources, job.out)
    recipe = job.recipe.to_record()
    read_chunks = _engine(job, recipe)
    started, start_s = now(), time.monotonic()
    with ResultFolder(job.out, recipe, job.recipe.stamps()) as folder:
        left = [item for item in found.items if item.file not in folder.done]
        state = _State(Progress(len(found.items), len(found.items) - len(left), found.repeated), start_s)

        def take(outcome: Outcome | None) -> list[Chunk]:
            """Put rows where they belong; gives back what has none since its worker died."""
            lost = []
            if outcome is not None and outcome.done is None:
                lost = [Chunk((item,)) for item in outcome.chunk.items]
            elif outcome is not None and outcome.done is not None:
                done = outcome.done
                folder.add(done.kind, unpacked(done.rows), len(done.files), len(done.failures))
                for failure in done.failures:
                    failed(failure)
                state.add(len(done.files), len(done.failures), done.faces, done.video_s)
            folder.flush_in_time()
            progress(state.progress())
            return lost

        def note(ended: str) -> None:
            about = {"started": started, "ended": now(), "engine": job.engine, "workers": job.workers or count_cores()}
            folder.note_run(about | state.progress().to_record() | {"end": ended})

        try:
            if left:
                size = max(1, min(CHUNK, len(left) // ((job.workers or count_cores()) * _CHUNKS_A_WORKER)))
                lost: list[Chunk] = []
                for outcome in read_chunks(make_chunks(left, size), is_stopped, False):
                    lost += take(outcome)
                for outcome in read_chunks(lost, is_stopped, True) if lost and not is_stopped() else ():
                    take(_with_rows(outcome, job.recipe))
        except BaseException:
            state.stop()
            folder.flush()
            note("stopped")
            raise
        if state.progress().done < len(found.items):
            state.stop()
        folder.flush()
        note("stopped" if state.progress().was_stopped else "complete")
        return state.progress()


class _State:
    """Counts what came in, and when."""

    def __init__(self, at_first: Progress, start_s: float) -> None:
        self._now, self._start_s = at_first, start_s
        self._first: tuple[float, int] | None = None

    def add(self, files: int, failed: int, faces: int, video_s: float) -> None:
        was = self._now
        self._now = replace(
            was,
            read=was.read + files - failed,
            failed=was.failed + failed,
            faces=was.faces + faces,
            video_s=was.video_s + video_s,
        )
        if self._first is None:
            self._first = time.monotonic(), files

    def stop(self) -> None:
        self._now = replace(self._now, was_stopped=True)

    def progress(self) -> Progress:
        now_s, files = time.monotonic(), self._now.read + self._now.failed
        since_s, first_files = (self._start_s, 0) if self._first is None else self._first
        if files == first_files:  # all in one chunk, start included
            since_s, first_files = self._start_s, 0
        rate = (files - first_files) / max(now_s - since_s, 1e-9)
        return replace(self._now, elapsed_s=now_s - self._start_s, rate=rate)


ReadChunks = Callable[[Sequence[Chunk], Callable[[], bool], bool], Iterator[Outcome | None]]


def _engine(job: Job, recipe: Mapping[str, Any]) -> ReadChunks:
    """What reads chunks; the last argument asks for one at a time, so that it is known which one a process died of."""
    workers = job.workers or count_cores()
    if job.engine == "local":
        return lambda chunks, is_stopped, alone: read_locally(job.recipe, job.out, chunks, is_stopped, workers, alone)
    try:
        from fer.batch.cluster import RayEngine
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "ray":
            raise
        raise FerError(
            "The engine ray needs the package ray; `pip install 'fer-dashboard[batch]'` brings it."
        ) from error
    return RayEngine(job.recipe, recipe, job.out, job.ray_address, job.workers).read


def _with_rows(outcome: Outcome | None, recipe: Recipe) -> Outcome | None:
    """An outcome in which a file whose worker died, twice by now, has a row that says so."""
    if outcome is None or outcome.done is not None:
        return outcome
    failures = [
        Failure(item.file, f"'{item.file}' ended the process that read it, as too little memory does; read it alone.")
        for item in outcome.chunk.items
    ]
    return Outcome(outcome.chunk, failed_rows(outcome.chunk.kind, failures, recipe.load(1).photos.reader))
