"""Chunks -> what became of them, on all cores of this machine: a process a core, each with one thread a network.

Processes and not threads, so that a decoder that crashes, or a worker that the system kills for its memory, costs a
chunk and not the run. Knows nothing about folders of results.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path

from fer.batch.work import Chunk, Done, Recipe, Worker
from fer.errors import FerError, known

TICK_S = 0.2
"""How often somebody who waits for results is told that there are none yet."""

_WAITING = 2
"""Chunks that are given out for each process, so that none waits for the next."""


@dataclass(frozen=True)
class Outcome:
    """What became of a chunk; `done` is None where the process that worked on it died."""

    chunk: Chunk
    done: Done | None


def count_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read_locally(
    recipe: Recipe, out: Path, chunks: Sequence[Chunk], is_stopped: Callable[[], bool], workers: int, alone: bool
) -> Iterator[Outcome | None]:
    """Read chunks in processes, each told as soon as it is done, and None now and then between.

    Args:
        recipe: how files are read.
        out: the folder of the results, where annotated pictures go.
        chunks: what is to be read.
        is_stopped: asked now and then; True ends the work early, and chunks that are not done are not told.
        workers: how many processes.
        alone: one chunk at a time, so that it is known which one a process died of.

    Raises:
        FerError: the model or the detector cannot be opened, or no process can be started here.
        OSError: the disk is full.
    """
    workers = 1 if alone else max(1, min(workers, len(chunks)))
    most = 1 if alone else workers * _WAITING
    context = multiprocessing.get_context("spawn")
    stop, begun = context.Event(), context.Event()
    left = iter(chunks)

    def start() -> ProcessPoolExecutor:
        return ProcessPoolExecutor(workers, context, _begin, (recipe, out, stop, begun))

    pool = start()
    pending: dict[Future[Done | None], Chunk] = {}
    try:
        while True:
            while len(pending) < most and not stop.is_set() and (chunk := next(left, None)) is not None:
                with_data = Chunk(tuple(item.with_data() for item in chunk.items))
                try:
                    pending[pool.submit(_work, with_data)] = chunk
                except BrokenProcessPool:  # told by those that are pending, or by nobody if there are none
                    pool.shutdown(wait=False)
                    pool = start()
                    pending[pool.submit(_work, with_data)] = chunk
            if not pending:
                return
            finished, _ = wait(pending, TICK_S, FIRST_COMPLETED)
            if is_stopped():
                stop.set()
            if not finished:
                yield None
            is_broken = False
            for future in finished:
                chunk = pending.pop(future)
                try:
                    done = future.result()
                except BrokenProcessPool:
                    is_broken = True
                    if begun.is_set():
                        yield Outcome(chunk, None)
                else:
                    if done is not None:
                        yield Outcome(chunk, done)
            if is_broken and not begun.is_set():
                raise FerError(
                    "No process can be started here, so nothing was read; a script that reads a batch must be a file, "
                    'and call it under `if __name__ == "__main__":`.'
                )
            if is_broken:  # a pool that lost one process ends the others
                pool.shutdown(wait=True)
                for future, chunk in pending.items():
                    broken = future.exception() is not None
                    yield Outcome(chunk, None if broken else future.result())
                pending.clear()
                pool = start()
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


_set_up: tuple[Recipe, Path, Event] | None = None
_worker: Worker | None = None


def _begin(recipe: Recipe, out: Path, stop: Event, begun: Event) -> None:
    """In a new process: leave Ctrl-C to the first one, and end when that ends, however it does."""
    global _set_up
    _set_up = recipe, out, stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    begun.set()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    known(multiprocessing.parent_process()).join()
    os._exit(1)


def _work(chunk: Chunk) -> Done | None:
    global _worker
    recipe, out, stop = known(_set_up)
    if _worker is None:  # here and not in `_begin`, whose errors would reach nobody
        _worker = Worker(recipe, out, stop.is_set)
    return None if stop.is_set() else _worker.work(chunk)
