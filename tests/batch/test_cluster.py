"""A batch on Ray: two nodes on this machine, one of which dies, and clusters that are of no use.

Ray is started once for this file, whose tests one process runs.
"""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from fer.batch import run as run_module
from fer.batch.folder import read_manifest
from fer.batch.run import Job, Progress, run_batch
from fer.errors import FerError
from tests.batch.drawn import PHOTOS, POISON, RECIPE, draw_photos, draw_video, read_here

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
"""What Ray and its libraries warn of is theirs."""


@pytest.fixture(scope="module")
def cluster() -> Iterator["Cluster"]:
    """Two nodes of a core each, on this machine."""
    import ray

    made = _started()
    made.add_node(num_cpus=1, object_store_memory=80_000_000)
    made.wait_for_nodes()
    yield made
    ray.shutdown()
    made.shutdown()


def _started() -> "Cluster":
    """A head; Ray gives its own processes 15 s to start, which are too few where all cores are busy."""
    from ray.cluster_utils import Cluster

    for tries_left in reversed(range(4)):
        try:
            return Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 80_000_000})
        except Exception:
            if not tries_left:
                raise
    raise AssertionError


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("photos")
    draw_photos(folder)
    draw_video(folder / "clip.mp4")
    return [str(folder)]


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "CHUNK", 3)


def _tables(out: Path) -> list[pd.DataFrame]:
    return [
        pd.read_parquet(out / "photos").sort_values(["file", "face"], ignore_index=True),
        pd.read_parquet(out / "videos"),
    ]


def test_nothing_that_answers_is_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    for wrong, told in ((address, f"No cluster answers at {address}"), ("here", "must look like HOST:PORT")):
        (tmp_path / "a.png").touch()
        with pytest.raises(FerError, match=told):
            run_batch(Job([str(tmp_path / "a.png")], tmp_path / "out", RECIPE, "ray", wrong))


def test_a_node_that_reads_otherwise_is_named(cluster: "Cluster", tmp_path: Path) -> None:
    from fer.batch.cluster import RayEngine

    engine = RayEngine(RECIPE, RECIPE.to_record() | {"fer": "0.0.1"}, tmp_path, cluster.address, None)
    with pytest.raises(FerError, match=r"^The node .* differs in its fer; install the same version of fer"):
        list(engine.read([], lambda: False, False))


def test_a_node_dies_and_nothing_is_lost_or_doubled(
    cluster: "Cluster", sources: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (node,) = [node for node in cluster.worker_nodes if node is not cluster.head_node]
    looks: list[Progress] = []

    def kill_once(done: Progress) -> None:
        if done.done >= 12 and not looks:
            looks.append(done)
            cluster.remove_node(node, allow_graceful=False)

    done = run_batch(Job(sources, tmp_path / "out", RECIPE, "ray", cluster.address), progress=kill_once)
    assert looks, "the node died in mid-run"
    assert looks[0].done < PHOTOS
    assert (done.read, done.failed) == (PHOTOS + 1 - len(POISON), len(POISON))
    monkeypatch.setattr(run_module, "_engine", lambda job, recipe: read_here(job.recipe, job.out))
    run_batch(Job(sources, tmp_path / "here", RECIPE))
    for theirs, ours in zip(_tables(tmp_path / "out"), _tables(tmp_path / "here"), strict=True):
        pd.testing.assert_frame_equal(theirs, ours, atol=1e-5)
    assert read_manifest(tmp_path / "out")["runs"][0]["engine"] == "ray"
