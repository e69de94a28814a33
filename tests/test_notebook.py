"""The walkthrough: its cells run in order on a small drawn FER2013, and nothing that ran is stored."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fer import paths
from fer.datasets.ferplus import VOTE_NAMES, VOTES_FILE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras"),
]

FILE = paths.ROOT / "notebooks" / "walkthrough.ipynb"
USAGES = ("Training", "Training", "Training", "PublicTest", "PrivateTest")


@pytest.fixture
def cells() -> list[dict]:
    return json.loads(FILE.read_text(encoding="utf-8"))["cells"]


@pytest.fixture
def drawn_fer2013() -> Path:
    """A folder on the search path with 210 faces, of which one in Training is also in PublicTest with its label."""
    folder = paths.data_dirs()[0]
    folder.mkdir(parents=True)
    images = np.random.default_rng(0).integers(0, 256, (210, 12 * 12), np.uint8)
    images[3] = images[70]
    rows = [f"{i // 5 % 7},{' '.join(map(str, image.tolist()))},{USAGES[i % 5]}" for i, image in enumerate(images)]
    (folder / "fer2013.csv").write_text("\n".join(["emotion,pixels,Usage", *rows]))
    return folder


def _votes(folder: Path) -> None:
    rows = [f"{USAGES[i % 5]},{','.join('10' if name == 'fear' else '0' for name in VOTE_NAMES)}" for i in range(210)]
    (folder / VOTES_FILE).write_text("\n".join([f"Usage,{','.join(VOTE_NAMES)}", *rows]))


def _run(cells: list[dict], last: str = "") -> SimpleNamespace:
    """Run the code cells one after another, as a kernel does, to the one that holds `last`; gives what they defined."""
    names: dict = {}
    for number, cell in enumerate(cells):
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            exec(compile(source, f"{FILE.name}, cell {number}", "exec"), names)
            if last and last in source:
                return SimpleNamespace(**names)
    assert not last, "there is such a cell"
    return SimpleNamespace(**names)


@pytest.fixture
def _beside_the_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FILE.parent)
    monkeypatch.setattr("sys.path", list(sys.path))


@pytest.mark.usefixtures("_beside_the_notebook", "drawn_fer2013")
def test_without_votes_it_says_where_they_come_from(cells: list[dict], capsys: pytest.CaptureFixture) -> None:
    run = _run(cells, last="There is no fer2013new.csv")
    assert run.votes is None
    assert "There is no fer2013new.csv" in capsys.readouterr().out


@pytest.mark.usefixtures("_beside_the_notebook")
def test_cells_run_in_order(cells: list[dict], drawn_fer2013: Path, capsys: pytest.CaptureFixture) -> None:
    _votes(drawn_fer2013)
    run = _run(cells)
    out = capsys.readouterr().out
    assert "210 faces of 12 pixels" in out
    assert run.found.figures.copies["PublicTest in Training"] == 1
    assert run.found.rows_to_leave_out["row"].tolist() == [71]
    assert len(run.clean) == 209
    assert "209 of 210 faces are left" in out
    assert run.split_first == 0
    assert {"model.onnx", "card.json", "training.jsonl"} <= {file.name for file in run.folder.iterdir()}
    assert "walkthrough, epoch 2: loss" in out
    assert run.confusion.to_numpy().sum() == run.evaluation.stamp.n == 42
    assert run.evaluation.stamp.split == "PublicTest"
    assert not run.evaluation.stamp.seen_in_training
    only = (run.right[0] & ~run.right[1]).sum(), (~run.right[0] & run.right[1]).sum()
    assert (run.compared.only_a, run.compared.only_b) == only
    assert "180 labels change, 0 faces get none" in out


def test_nothing_that_ran_is_stored(cells: list[dict]) -> None:
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) > 5
    assert [(cell["outputs"], cell["execution_count"]) for cell in code] == [([], None)] * len(code)
    assert len({cell["id"] for cell in cells}) == len(cells)
