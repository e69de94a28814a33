"""The protocol: what the code version says, and that a stamp survives JSON."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from fer import __version__, paths
from fer.evaluation.stamp import Stamp, code_version

STAMP = Stamp(
    model="fake",
    data="drawn",
    digest="ab" * 32,
    split="PrivateTest",
    n=3,
    rows_left_out={"contempt": 2},
    trained_on="drawn Training",
    seen_in_training=False,
    copies_in_training=None,
    selected_by="nothing",
    seeds=1,
    training_device="2 CPU cores",
    temperature={"none": 1.5, "flip": 1.0},
    date="2026-01-31",
    code_version="0.1.0",
)


@pytest.mark.parametrize(
    "stamp", [STAMP, replace(STAMP, rows_left_out={}, copies_in_training=7)], ids=["rows left out", "copies"]
)
def test_stamp_survives_json(stamp: Stamp) -> None:
    assert Stamp.from_dict(json.loads(json.dumps(stamp.to_dict()))) == stamp


def test_json_keeps_the_names_that_reports_were_stored_with() -> None:
    record = STAMP.to_dict()
    assert record["temperature"] == {"plain": 1.5, "flip": 1.0}
    assert record["averaging"] == "plain: none; flip: mean of the logits of each face and its mirror image"


def test_stamp_lacking_an_entry_is_refused() -> None:
    values = STAMP.to_dict()
    del values["digest"]
    with pytest.raises(TypeError, match="digest"):
        Stamp.from_dict(values)


def _git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", folder, *identity, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one commit in place of the real one."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    _git(folder, "init")
    (folder / "file").write_text("1")
    _git(folder, "add", "file")
    _git(folder, "commit", "-m", "one")
    monkeypatch.setattr(paths, "ROOT", folder)
    return folder


def test_code_version_without_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    assert code_version() == __version__


@pytest.mark.parametrize("is_changed", [False, True], ids=["as committed", "changed"])
def test_code_version_names_the_commit_and_marks_changes(is_changed: bool, checkout: Path) -> None:
    commit = _git(checkout, "rev-parse", "--short", "HEAD")
    if is_changed:
        (checkout / "file").write_text("2")
    assert code_version() == f"{__version__} ({commit}{'-dirty' * is_changed})"


def test_code_version_is_that_of_the_code_that_runs(checkout: Path) -> None:
    """What is written to files while figures are measured measures nothing."""
    before = code_version()
    (checkout / "file").write_text("2")
    assert code_version() == before


def test_code_version_without_git(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    assert code_version() == __version__


def test_code_version_of_a_damaged_checkout(checkout: Path) -> None:
    (checkout / ".git" / "HEAD").unlink()
    assert code_version() == __version__
