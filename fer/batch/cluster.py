"""Chunks -> what became of them, by Ray: on this machine, or on a cluster whose nodes see the same files.

An actor a core opens the network once and reads chunk after chunk, as a process of `fer.batch.local` does; rows come
back to the one who asked, who alone writes them, so that a task that Ray repeats doubles nothing. Knows nothing about
folders of results.
"""

import logging
import os
import pickle
import queue
import socket
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"  # or what still runs when Ray is left would start it once more

import pyarrow as pa
import ray
import ray.data
from ray.exceptions import NodeDiedError, RayError, TaskUnschedulableError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from fer.batch.local import TICK_S, Outcome, count_cores
from fer.batch.work import Chunk, Done, Recipe, Worker
from fer.errors import FerError
from fer.onnx_session import PROVIDERS, chosen_providers

MOST_BLOCKS = 4_000
"""Ray keeps something in mind for every block: of more chunks several share one."""

OBJECT_STORE_BYTES = 128 * 1024**2
"""What Ray sets aside for what its processes hand over, where it is started here; rows are small."""

_REPEATS = 3
_TRIES = 4
_PATIENCE_S = 5.0


class RayEngine:
    """Reads chunks by Ray; starts it, or joins a cluster, when the first are to be read, and leaves it afterwards."""

    def __init__(
        self, recipe: Recipe, record: Mapping[str, Any], out: Path, address: str | None, workers: int | None
    ) -> None:
        """Say what is to be done, and how.

        Args:
            recipe: how files are read.
            record: the recipe with its digests, which every node must share.
            out: the folder of the results, where annotated pictures go.
            address: HOST:PORT of a cluster's head; None starts Ray on this machine.
            workers: how many cores are used at most; None takes all that there are.
        """
        self._recipe, self._record, self._out = recipe, dict(record), out
        self._address, self._workers = address, workers

    def read(self, chunks: Sequence[Chunk], is_stopped: Callable[[], bool], alone: bool) -> Iterator[Outcome | None]:
        """Read chunks; as `fer.batch.local.read_locally`.

        Raises:
            FerError: no cluster answers, a node lacks `fer` or has another version or model, or Ray gives up.
        """
        stop = threading.Event()
        results: queue.Queue[tuple[int, bytes] | Exception | None] = queue.Queue()
        reader = threading.Thread(
            target=self._drive, args=(chunks, alone, stop, results), name="ray driver", daemon=True
        )
        left = dict(enumerate(chunks))
        _start(self._address, self._workers)
        try:
            self._compare_nodes()
            reader.start()
            while True:
                try:
                    what = results.get(timeout=TICK_S)
                except queue.Empty:
                    yield None
                else:
                    if what is None:
                        break
                    if isinstance(what, Exception):
                        raise what
                    index, done = what[0], pickle.loads(what[1])
                    if isinstance(done, OSError):
                        raise done
                    if index in left:  # else Ray repeated a task that was done
                        yield Outcome(left.pop(index), done)
                if is_stopped():
                    return
            for chunk in left.values():
                yield Outcome(chunk, None)
        finally:
            stop.set()
            if reader.is_alive():
                reader.join(_PATIENCE_S)
            ray.shutdown()

    def _drive(
        self,
        chunks: Sequence[Chunk],
        alone: bool,
        stop: threading.Event,
        results: "queue.Queue[tuple[int, bytes] | Exception | None]",
    ) -> None:
        """Let Ray Data work, and hand on what it gives; on a thread of its own, since it cannot be interrupted."""
        try:
            for batch in self._dataset(chunks, alone).iter_batches(
                batch_size=None, batch_format="pyarrow", prefetch_batches=0
            ):
                for row in cast(pa.Table, batch).to_pylist():
                    results.put((row["index"], row["done"]))
                if stop.is_set():
                    return
            results.put(None)
        except Exception as error:
            results.put(_in_words(error))

    def _dataset(self, chunks: Sequence[Chunk], alone: bool) -> "ray.data.Dataset":
        together = -(-len(chunks) // MOST_BLOCKS)
        packed = [pickle.dumps(Chunk(tuple(item.with_data() for item in chunk.items))) for chunk in chunks]
        blocks = [
            pa.table({"index": range(i, min(i + together, len(chunks))), "chunk": packed[i : i + together]})
            for i in range(0, len(chunks), together)
        ]
        # The blocks are there already, so no stage but the actors asks for a core, and they may have all of them.
        cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
        most = 1 if alone else max(1, min(self._workers or cores, len(blocks)))
        return ray.data.from_arrow(blocks).map_batches(
            _Reader,
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(
                min_size=1, max_size=most, initial_size=most, max_tasks_in_flight_per_actor=1 if alone else 2
            ),
            num_cpus=1,
            max_task_retries=_REPEATS,
            fn_constructor_args=(self._recipe, self._record, self._out),
            **_gpu_share(cores),
        )

    def _compare_nodes(self) -> None:
        """Ask every node what it would read with.

        Raises:
            FerError: it is not what this machine reads with.
        """
        nodes = [node for node in ray.nodes() if node["Alive"]]
        asked = [
            _about.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(
                self._recipe
            )
            for node in nodes
        ]
        for node, answer in zip(nodes, asked, strict=True):
            where = node["NodeManagerHostname"]
            try:
                record = ray.get(answer)
            except (NodeDiedError, TaskUnschedulableError):  # it went since, and Ray works with those that stay
                continue
            except RayError as error:
                raise FerError(
                    f"The node {where} cannot read with this recipe: {_last_line(error)} "
                    "Install the same version of fer and the same model on every node."
                ) from error
            other = [name for name, value in self._record.items() if record.get(name) != value]
            if other:
                raise FerError(
                    f"The node {where} differs in its {', '.join(other)}; "
                    "install the same version of fer and the same model on every node."
                )


class _Reader:
    """The stage of a batch on Ray, in an actor."""

    def __init__(self, recipe: Recipe, record: Mapping[str, Any], out: Path) -> None:
        if recipe.to_record() != record:  # of a node that came later than the others were asked
            raise FerError("A node of the cluster has another version of fer or of the model.")
        self._worker = Worker(recipe, out)

    def __call__(self, batch: pa.Table) -> pa.Table:
        done = [pickle.dumps(self._work(pickle.loads(chunk))) for chunk in batch["chunk"].to_pylist()]
        return pa.table({"index": batch["index"], "done": pa.array(done, pa.binary())})

    def _work(self, chunk: Chunk) -> Done | OSError | None:
        """Read a chunk; a full disk is handed back, since of what is raised here Ray would tell nobody."""
        try:
            return self._worker.work(chunk)
        except OSError as error:
            return error


@ray.remote(num_cpus=0)
def _about(recipe: Recipe) -> dict[str, Any]:
    return recipe.to_record()


def _gpu_share(cores: int) -> dict[str, Any]:
    """What an actor asks for where ONNX Runtime is told to use a GPU and the cluster has some: its part of one."""
    gpus = ray.cluster_resources().get("GPU", 0)
    if not gpus or chosen_providers()[0] == "CPUExecutionProvider":
        return {}
    return {"num_gpus": min(1.0, gpus / cores)}


def _start(address: str | None, workers: int | None) -> None:
    """Start Ray here, or join a cluster.

    Raises:
        FerError: no cluster answers.
    """
    environment = {name: value for name, value in os.environ.items() if name == PROVIDERS}
    asked: dict[str, Any] = {
        "log_to_driver": False,
        "logging_level": logging.ERROR,
        "configure_logging": True,
        "runtime_env": {"env_vars": environment} if environment else None,
    }
    try:
        if address is None:
            _start_here(workers or count_cores(), asked)
        else:
            _knock(address)
            ray.init(address, **asked)
    except FerError:
        raise
    except Exception as error:  # Ray raises nearly everything, also plain exceptions
        where = "Ray cannot be started here" if address is None else f"No cluster can be joined at {address}"
        raise FerError(f"{where}: {_last_line(error)}") from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.max_errored_blocks = -1  # what is lost is read again, file by file
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    # How often a task is repeated can be said in no other way up to 2.63, which is why no later one is allowed.
    warnings.filterwarnings("ignore", "`ray_remote_args` is deprecated")


def _start_here(cores: int, asked: Mapping[str, Any]) -> None:
    for tries_left in reversed(range(_TRIES)):
        try:
            ray.init("local", num_cpus=cores, include_dashboard=False, object_store_memory=OBJECT_STORE_BYTES, **asked)
            return
        except Exception as error:
            ray.shutdown()
            # Ray waits 30 s for its own processes, and nothing changes that; they need longer where all cores are busy.
            if not tries_left or "timed out during startup" not in str(error):
                raise


def _knock(address: str) -> None:
    """Ask whether something listens at an address, which Ray itself would find out in a minute.

    Raises:
        FerError: nothing does, or it is no HOST:PORT.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise FerError(f"The address of a cluster must look like HOST:PORT, but is {address}.")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE_S).close()
    except (OSError, OverflowError) as error:
        raise FerError(f"No cluster answers at {address}; check the address, and whether Ray runs there.") from error


def _in_words(error: Exception) -> Exception:
    """An error as it is told: a sentence of ours, or a full disk, as they are; what Ray says as one line."""
    cause = getattr(error, "cause", None)
    for one in (error, cause, error.__cause__):
        if isinstance(one, FerError | OSError):
            return one
    return FerError(f"Ray gave up: {_last_line(error)}")


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[-1] if lines[-1].endswith(".") else f"{lines[-1]}."
