"""The folder of results: what survives, what is refused, and what is never doubled."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from fer.batch import folder as folder_module
from fer.batch.folder import MANIFEST, ResultFolder, find_parts
from fer.errors import FerError

RECIPE = {"fer": "1", "network": "ab", "photos": {"averaging": "flip", "min_score": 0.6}}


def _rows(*files: str, error: str | None = None) -> pa.Table:
    schema = pa.schema({"file": pa.string(), "error": pa.string()})
    return pa.Table.from_pylist([{"file": file, "error": error} for file in files], schema)


def test_rows_are_there_when_it_is_opened_again(tmp_path: Path) -> None:
    with ResultFolder(tmp_path / "deep" / "out", RECIPE) as folder:
        folder.add("photo", _rows("a", "a", "b"), 2, 0)
        folder.add("photo", _rows("c", error="Damaged."), 1, 1)
        folder.add("video", _rows("d"), 1, 0)
    with ResultFolder(tmp_path / "deep" / "out", RECIPE) as folder:
        assert folder.done == {"a", "b", "c", "d"}
        assert (folder.counts["photo"].files, folder.counts["photo"].failed, folder.counts["video"].files) == (3, 1, 1)
        with pytest.raises(ValueError, match="not in the folder yet"):
            folder.add("photo", _rows("c"), 1, 0)


def test_a_part_is_bounded_and_waits_for_no_more_than_a_moment(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(folder_module, "PART_ROWS", 3)
    with ResultFolder(tmp_path, RECIPE) as folder:
        folder.add("photo", _rows("a", "b"), 2, 0)
        folder.flush_in_time()
        assert find_parts(tmp_path, "photo") == []
        folder.add("photo", _rows("c"), 1, 0)
        assert len(find_parts(tmp_path, "photo")) == 1
        monkeypatch.setattr(folder_module, "PART_S", 0)
        folder.add("photo", _rows("d"), 1, 0)
        folder.flush_in_time()
        assert len(find_parts(tmp_path, "photo")) == 2


def test_a_full_disk_loses_nothing_that_was_there(tmp_path: Path, monkeypatch) -> None:
    with ResultFolder(tmp_path, RECIPE) as folder:
        folder.add("photo", _rows("a"), 1, 0)
        folder.flush()
        folder.add("photo", _rows("b"), 1, 0)
        with monkeypatch.context() as full:
            full.setattr(
                folder_module, "replace_file", lambda path, content: (_ for _ in ()).throw(OSError(28, "full"))
            )
            with pytest.raises(OSError, match="full"):
                folder.flush()
    with ResultFolder(tmp_path, RECIPE) as folder:
        assert folder.done == {"a", "b"}, "what still waited was written at the end, when there was room"


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        pytest.param({**RECIPE, "fer": "2"}, "fer 1 there, 2 now", id="version"),
        pytest.param({**RECIPE, "network": "cd"}, "the model's network is another one", id="network"),
        pytest.param({**RECIPE, "rate": 5}, "rate none there, 5 now", id="something new"),
        pytest.param(
            {**RECIPE, "photos": {"averaging": "flip", "min_score": 0.5}},
            "photos' min_score 0.6 there, 0.5 now",
            id="a setting",
        ),
    ],
)
def test_another_recipe_is_refused_and_told(tmp_path: Path, recipe: dict, told: str) -> None:
    ResultFolder(tmp_path, RECIPE).close()
    with pytest.raises(FerError, match=rf"holds results of another recipe \({told}\); name another folder\.$"):
        ResultFolder(tmp_path, recipe)
    ResultFolder(tmp_path, RECIPE).close()


def test_what_is_no_folder_of_results_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(FerError, match="holds other files and no manifest"):
        ResultFolder(tmp_path, RECIPE)
    with pytest.raises(FerError, match="cannot be written: "):
        ResultFolder(tmp_path / "thesis.txt", RECIPE)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param("{", "is damaged", id="no JSON"),
        pytest.param("[]", "is damaged", id="another JSON"),
        pytest.param(json.dumps({"layout": 99, "recipe": {"photos": {}}, "runs": []}), "another version", id="newer"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_a_sentence(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / MANIFEST).write_text(content)
    with pytest.raises(FerError, match=told):
        ResultFolder(tmp_path, RECIPE)


def test_one_run_at_a_time_writes(tmp_path: Path) -> None:
    with ResultFolder(tmp_path, RECIPE), pytest.raises(FerError, match=r"^Another run writes to .*; wait for its end"):
        ResultFolder(tmp_path, RECIPE)


def test_parts_that_make_no_sense_are_named(tmp_path: Path) -> None:
    with ResultFolder(tmp_path, RECIPE) as folder:
        folder.add("photo", _rows("a"), 1, 0)
    (part,) = find_parts(tmp_path, "photo")
    part.with_name("part-000002.parquet").write_bytes(part.read_bytes())
    with pytest.raises(FerError, match=r"part-000002\.parquet holds rows of a, and so does another part"):
        ResultFolder(tmp_path, RECIPE)
    part.with_name("part-000002.parquet").write_bytes(b"PAR1")
    with pytest.raises(FerError, match=r"part-000002\.parquet is damaged; remove it, and its files are read again"):
        ResultFolder(tmp_path, RECIPE)
